"""Runs inquest and turns the rows of `v8 findjsobjects --json` into those of heap_snapshot."""
import json
import os
import pathlib
import subprocess

from heap_snapshot import BIGINTS, FUNCTIONS, FUNCTION_TYPES, NUMBERS, STRINGS, SYMBOLS, Row

TIMEOUT_S = 120
COMMANDS_AT_ONCE = 250
_GROUPS = {"(String)": STRINGS, "(Symbol)": SYMBOLS, "(BigInt)": BIGINTS, "(Number)": NUMBERS, "(HeapNumber)": NUMBERS}


class InquestFailed(Exception):
    """The program under test ended in a way the interface does not allow here."""


class Inquest:
    """The command line under test on one core."""

    def __init__(self, program: str, core: pathlib.Path):
        self.program, self.core = program, core

    def run(self, *words: str) -> str:
        done = subprocess.run([self.program, "-c", str(self.core), *words], capture_output=True, text=True,
                              timeout=TIMEOUT_S)
        if done.returncode not in (0, 1):
            raise InquestFailed(f"inquest {' '.join(words)} on {self.core}: status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *words: str) -> dict:
        text = self.run(*words, "--json")
        answer = json.loads(text)
        if answer.get("schema") != 1:
            raise InquestFailed(f"inquest {' '.join(words)}: schema {answer.get('schema')} is not 1")
        return answer

    def answers(self, commands: list[str]) -> list[dict]:
        """The JSON of many commands, by one session for some of them each."""
        answers = []
        for start in range(0, len(commands), COMMANDS_AT_ONCE):
            words = [word for command in commands[start:start + COMMANDS_AT_ONCE] for word in ("-o", command)]
            text, place, decoder = self.run(*words), 0, json.JSONDecoder()
            while (place := text.find("{", place)) >= 0:
                answer, place = decoder.raw_decode(text, place)
                answers.append(answer)
        if len(answers) != len(commands):
            raise InquestFailed(f"{len(answers)} answers to {len(commands)} commands, the first one {commands[0]}")
        return answers

    def census(self, *options: str) -> dict:
        return self.json("v8", "findjsobjects", *options)

    def referrers(self, addresses: list[int]) -> list[list[dict]]:
        """The rows of `v8 findrefs` for many objects."""
        return [answer["rows"] for answer in
                self.answers([f"v8 findrefs --all --internal --json {address:#x}" for address in addresses])]


def key_of_row(type_name: str) -> str | None:
    """The snapshot's key for a type of inquest's; None for V8's own structures, which snapshots divide differently."""
    if type_name in FUNCTION_TYPES:
        return FUNCTIONS
    if type_name in _GROUPS:
        return _GROUPS[type_name]
    return None if type_name.startswith(("(", "system")) else type_name


def rows_of(answer: dict) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for row in answer["rows"]:
        key = key_of_row(row["type"])
        if key is not None:
            rows.setdefault(key, Row()).add(row["count"], row.get("self_size", 0))
    return rows


def counts_of(answer: dict) -> dict[str, int]:
    """Instances per type, all isolates together."""
    counts: dict[str, int] = {}
    for row in answer["rows"]:
        counts[row["type"]] = counts.get(row["type"], 0) + row["count"]
    return counts


def program_under_test(given: str | None) -> str:
    program = given or os.environ.get("INQUEST") or "inquest"
    return str(pathlib.Path(program).resolve()) if "/" in program else program
