#!/usr/bin/env python3
"""Native commands inside LLDB print what the command line prints, byte for byte.

    tests/native/plugin.py --inquest PROGRAM --plugin LIBRARY [--lldb LLDB]

One variant of corpora/native/stacks; also the thread that is selected in LLDB, commands that need no core, and the process
itself while LLDB holds it at its crash: the same as on the core that is written when LLDB lets it die."""
import argparse
import json
import pathlib
import re
import resource
import runpy
import shutil
import subprocess
import sys
import tempfile

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


def without_names(value):
    """A core does not tell the names of threads; LLDB and the kernel put them into different orders."""
    if isinstance(value, list):
        return sorted((without_names(one) for one in value), key=lambda one: one.get("tid", 0) if isinstance(one, dict) else 0)
    if not isinstance(value, dict):
        return value
    return {key: without_names(one) for key, one in value.items() if key != "name" or "tid" not in value}


def of_process(options, program: pathlib.Path) -> list[str]:
    sys.path.append(str(build_variant.ROOT / "scripts"))
    pattern = runpy.run_path(str(build_variant.ROOT / "scripts" / "make_core"))["kernel_core_glob"]()
    if pattern is None:
        print("the kernel leaves no core in the working directory: the process is not compared")
        return []
    commands = ["bt --all --json", "why --json", "check-debug-info --json"]

    def with_core() -> None:
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    def in_lldb(work: pathlib.Path, lines: list[str]) -> str:
        start = ["settings set auto-confirm true", "process handle SIGILL -s false -n false -p true", f"plugin load {options.plugin}",
                 f"process launch -o /dev/null -w {work}"]
        (work / "commands").write_text("\n".join([*start, *lines]) + "\n")
        words = [options.lldb, "--no-lldbinit", "-o", f"command source -e false -c false {work / 'commands'}", "-o", "quit", "--", str(program)]
        return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=300,
                              cwd=work, preexec_fn=with_core).stdout

    with tempfile.TemporaryDirectory(prefix="inquest-live-") as directory:
        work = pathlib.Path(directory)
        # Threads have numbers in the order in which they were made.
        crashed = re.search(r"^\* thread #(\d+)", in_lldb(work, ["thread list", "process kill"]).partition("thread list")[0], re.M)
        if not crashed:
            return ["LLDB does not say which thread crashed"]
        # The signal kills the process before any other thread runs.
        said = in_lldb(work, [*(f"inquest {command}" for command in commands), f"thread continue {crashed[1]}"])
        cores = [path for path in work.glob(pattern) if path.name != "commands"]
        if not cores:
            return [f"the process left no core: {said[-500:]}"]
        failures = []
        for command in commands:
            answer = said.partition(f"(lldb) inquest {command}\n")[2]
            found = json.JSONDecoder().raw_decode(answer[answer.find("{"):])[0] if "{" in answer else {}
            expected = json.loads(command_line(options.inquest, cores[0], command))
            if without_names(found) != without_names(expected):
                texts = [json.dumps(without_names(value), indent=1) for value in (expected, found)]
                failures.append(f"{command}: of the process LLDB prints something else:\n{difference(*texts)}")
        return failures


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
    failures += selected_thread(options, core) + of_process(options, program)
    for line in failures:
        print(f"FAILED {line}")
    print(f"{len(COMMANDS) + 5} comparisons, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
