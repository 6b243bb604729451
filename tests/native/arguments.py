#!/usr/bin/env python3
"""Arguments of frames against gdb: the same names, order and values.

    tests/native/arguments.py --inquest PROGRAM

arguments.cc, with arguments of many types, built by g++ and clang with and without optimisation, DWARF 4 and 5, split or not.
Not compared: values of classes for which gdb may have a pretty printer and pointers to members, which are spelled otherwise;
what is in registers that the ABI lets callees destroy (gdb shows what is left in them, inquest "<optimized out>")."""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "scripts"))
import native_core  # noqa: E402

STATUS_UNAVAILABLE = 77
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"} | {"LC_ALL": "C.UTF-8"}
# Not clang -O2: its location lists keep arguments in registers that the call destroys, and gdb 13 shows what is left there.
VARIANTS = [("g++", *flags.split()) for flags in ("-O0 -gdwarf-5", "-O0 -gdwarf-4", "-O2 -gdwarf-5", "-O2 -gdwarf-4",
            "-O0 -gdwarf-5 -gsplit-dwarf", "-O2 -gdwarf-5 -gsplit-dwarf", "-O2 -gdwarf-4 -gsplit-dwarf")]
VARIANTS += [("clang++-19", *flags.split()) for flags in ("-O0 -gdwarf-5", "-O0 -gdwarf-4", "-O0 -gdwarf-5 -gsplit-dwarf")]
OURS = re.compile(r"(f\d+|die|ns::S::f|main)$")
PLAIN = 40  # fewer values than this in an unoptimised program: the comparison has lost its subject


def run(command: list, **options) -> str:
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=120, env=ENVIRONMENT, **options)
    if done.returncode not in (0, 1):
        sys.exit(f"{command}: status {done.returncode}: {done.stderr[-800:]}")
    return done.stdout


def pairs(text: str) -> list[tuple[str, str]]:
    """NAME=VALUE, ... of a frame line; commas in quotes and brackets do not separate."""
    found, depth, quote, start, index = [], 0, "", 0, 0
    while index <= len(text):
        letter = text[index] if index < len(text) else ","
        if quote:
            index += letter == "\\"
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "(<{":
            depth += 1
        elif letter in ")>}":
            depth -= 1
        elif letter == "," and depth == 0 and re.match(r",?\s*[\w#]+=|$", text[index:]):
            name, _, value = text[start:index].strip().partition("=")
            if name:
                found.append((name, value))
            start = index + 1
        index += 1
    return found


def by_gdb(program: pathlib.Path, core: pathlib.Path, work: pathlib.Path) -> list[tuple[str, list[tuple[str, str]]]]:
    settings = ["set debuginfod enabled off", "set width 0", "set print entry-values no", "set print frame-arguments scalars",
                "set pagination off"]
    out = run(["gdb", "-nx", "-batch", *(word for line in settings for word in ("-iex", line)), program, core, "-ex",
               "disable pretty-printer", "-ex", "bt"])
    frames = out[out.rindex("\n#0 ") + 1:].splitlines()
    result = []
    for text in frames:
        head = re.match(r"#\d+\s+(?:0x[0-9a-f]+ in )?(.*)$", text)
        if not head:
            continue
        # Overloads have their parameters before the arguments.
        body = re.match(r"(.*?) \(((?:[\w#]+=.*)?)\) (?:at|from) ", head[1])
        result.append((re.sub(r"\(.*", "", body[1] if body else head[1]).strip(), pairs(body[2]) if body else []))
    if not result:
        sys.exit(f"gdb said: {out[-500:]}")
    return result


def by_inquest(inquest: str, core: pathlib.Path) -> list[tuple[str, list[tuple[str, str]]]]:
    thread = json.loads(run([inquest, "--json", "-c", core, "bt"]))["threads"][0]
    for frame in thread["frames"]:
        for argument in frame.get("args", []):
            if not argument.get("type"):
                sys.exit(f"no type: {argument}")
    return [(re.sub(r"\(.*", "", frame.get("function", "")), [(one["name"], one["value"]) for one in frame.get("args", [])])
            for frame in thread["frames"]]


def same(mine: str, theirs: str) -> bool:
    if mine == theirs or (mine == "<unavailable>"):
        return True
    # What callees may have destroyed is not shown; pointers to members and decltype(nullptr) are spelled otherwise.
    return mine == "<optimized out>" or "::*" in theirs or theirs.startswith("&") or "generic pointer" in theirs


def compare(inquest: str, work: pathlib.Path, variant: tuple[str, ...]) -> str:
    program, core = work / "program", work / "core"
    subprocess.run([*variant, "-w", "-g", str(HERE / "arguments.cc"), "-o", str(program)], check=True, cwd=work)
    native_core.make([program], core)
    select = lambda frames: [(name, args) for name, args in frames if OURS.match(name)]  # noqa: E731
    mine, theirs = select(by_inquest(inquest, core)), select(by_gdb(program, core, work))
    core.unlink()
    words = " ".join(variant)
    # gdb does not restore every frame of a function that jumped to its callee.
    known_to_gdb = {name for name, _ in theirs}
    mine = [(name, args) for name, args in mine if name in known_to_gdb]
    if not mine or [name for name, _ in mine] != [name for name, _ in theirs]:
        sys.exit(f"{words}: other frames: {[n for n, _ in mine]} instead of {[n for n, _ in theirs]}")
    equal = lost = 0
    for (name, ours), (_, truth) in zip(mine, theirs):
        if sorted(one for one, _ in ours) != sorted(one for one, _ in truth):
            sys.exit(f"{words}: {name}: {ours} instead of {truth}")
        known = dict(truth)
        for argument, value in ours:
            if not same(value, known[argument]):
                sys.exit(f"{words}: {name}: {argument}={value}, gdb: {known[argument]}")
            equal += value == known[argument]
            lost += value == "<optimized out>" != known[argument]
    if "-O0" in variant and (lost or equal < PLAIN):
        sys.exit(f"{words}: {equal} equal, {lost} lost")
    return f"{words}: {equal} equal, {lost} not shown that gdb shows"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inquest", required=True)
    options = parser.parse_args()
    if not shutil.which("gdb"):
        print("gdb is missing: apt-get install gdb")
        return STATUS_UNAVAILABLE
    for variant in VARIANTS:
        if not shutil.which(variant[0]):
            print(f"{variant[0]} is missing")
            continue
        with tempfile.TemporaryDirectory(prefix="inquest-arguments-") as work:
            try:
                print(compare(options.inquest, pathlib.Path(work), variant), flush=True)
            except native_core.NoCore as reason:
                print(reason)
                return STATUS_UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
