#!/usr/bin/env python3
"""Native commands inside LLDB print what the command line prints, byte for byte.

    tests/native/plugin.py --inquest PROGRAM --plugin LIBRARY [--lldb LLDB]

One variant of corpora/native/stacks; also the thread that is selected in LLDB, and commands that need no core."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys

import build_variant

COMMANDS = ("bt", "bt --json", "bt --all", "bt --all --json", "bt --all -v", "why", "why --json", "check-debug-info",
            "check-debug-info --json")


def command_line(inquest: str, core: pathlib.Path | None, command: str) -> str:
    words = [inquest] + (["-c", str(core)] if core else []) + command.split()
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(words)}: status {done.returncode}")
    return done.stdout


def in_lldb(options, core: pathlib.Path | None, command: str, *before: str) -> str:
    words = [options.lldb, "-b", "-o", f"plugin load {options.plugin}"]
    for line in ([f"target create --core {core}"] if core else []) + list(before) + [f"inquest {command}"]:
        words += ["-o", line]
    said = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=300).stdout
    return said.partition(f"(lldb) inquest {command}\n")[2]


def difference(expected: str, found: str) -> str:
    for number, (left, right) in enumerate(zip(expected.splitlines(), found.splitlines()), 1):
        if left != right:
            return f"  line {number}: command line: {left[:200]}\n  line {number}: LLDB:         {right[:200]}"
    return f"  {len(expected.splitlines())} lines on the command line, {len(found.splitlines())} in LLDB"


def selected_thread(options, core: pathlib.Path) -> list[str]:
    """`thread select` moves what `inquest bt` shows."""
    said = in_lldb(options, core, "bt --json", "thread select 3")
    chosen = json.JSONDecoder().raw_decode(said[said.find("{"):])[0]["threads"]  # LLDB shows the thread it selects before or behind it
    first = json.loads(in_lldb(options, core, "bt --json"))["threads"]
    if len(chosen) == 1 and len(first) == 1 and chosen[0]["selected"] and chosen[0]["tid"] != first[0]["tid"]:
        return []
    return [f"after `thread select 3` bt shows {[thread['tid'] for thread in chosen]}, before {[thread['tid'] for thread in first]}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inquest", required=True)
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--lldb", default="lldb-19")
    options = parser.parse_args()
    if shutil.which(options.lldb) is None:
        print(f"skipped: {options.lldb} is not there")
        return build_variant.STATUS_UNAVAILABLE
    directory = build_variant.build("gcc-dwarf5")
    core, program = directory / "core", directory / "t"
    failures = []
    for where, command in [(core, command) for command in COMMANDS] + [(None, f"check-debug-info {program} --json")]:
        expected, found = command_line(options.inquest, where, command), in_lldb(options, where, command)
        if not expected.strip() or expected.rstrip("\n") != found.rstrip("\n"):
            failures.append(f"{command}: LLDB prints something else:\n{difference(expected, found)}")
    failures += selected_thread(options, core)
    for line in failures:
        print(f"FAILED {line}")
    print(f"{len(COMMANDS) + 2} comparisons, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
