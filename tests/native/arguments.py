#!/usr/bin/env python3
"""Arguments of frames against gdb: the same names, order and values.

    tests/native/arguments.py --inquest PROGRAM

arguments.cc, with arguments of many types, and registers.cc, which dies with floats in vector registers, built by g++ and clang
with and without optimisation, DWARF 4 and 5, split or not.
Not compared: values of classes for which gdb may have a pretty printer and pointers to members, which are spelled otherwise;
what is in registers that the ABI lets callees destroy (gdb shows what is left in them, inquest "<optimized out>"). Of a
parameter pack of clang gdb shows one value for all: those are compared with the source. Optimised programs of clang keep
arguments in registers that the call destroys, where gdb 13 shows what is left there: the truth about them is what gdb says of the
same program without optimisation, addresses apart."""
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
VARIANTS = [("g++", *flags.split()) for flags in ("-O0 -gdwarf-5", "-O0 -gdwarf-4", "-O2 -gdwarf-5", "-O2 -gdwarf-4",
            "-O0 -gdwarf-5 -gsplit-dwarf", "-O2 -gdwarf-5 -gsplit-dwarf", "-O2 -gdwarf-4 -gsplit-dwarf")]
VARIANTS += [("clang++-19", *flags.split()) for flags in ("-O0 -gdwarf-5", "-O0 -gdwarf-4", "-O0 -gdwarf-5 -gsplit-dwarf",
             "-O1 -gdwarf-5", "-O2 -gdwarf-5", "-O2 -gdwarf-4", "-O2 -gdwarf-5 -gsplit-dwarf")]
OURS = re.compile(r"(f\d+|die|ns::S::f|crash|pack<.*>|main)$")
LIVE = ("f", "d", "g", "h")  # of registers.cc, in vector registers at the fault
PACK = ("7", "2.5", '"text"')  # of registers.cc


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


def without_addresses(value: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x", value)


def compare_with_unoptimised(inquest: str, work: pathlib.Path, variant: tuple[str, ...], source: str) -> str:
    """No value is wrong, whatever is optimised out."""
    words = f"{' '.join(variant)} {source}"

    def run_as(*flags: str) -> tuple[pathlib.Path, pathlib.Path]:
        program, core = work / "program", work / "core"
        subprocess.run([variant[0], *flags, "-w", "-g", "-std=gnu++20", str(HERE / source), "-o", str(program)], check=True, cwd=work)
        native_core.make([program], core)
        return program, core

    program, core = run_as("-O0", "-gdwarf-5")
    truth = {name: args for name, args in by_gdb(program, core, work) if OURS.match(name)}
    core.unlink()
    program, core = run_as(*variant[1:])
    equal = hidden = 0
    for name, ours in by_inquest(inquest, core):
        if name not in truth:
            continue
        if sorted(one for one, _ in ours) != sorted(one for one, _ in truth[name]):
            sys.exit(f"{words}: {name}: {ours} instead of {truth[name]}")
        check_pack(words, name, ours, variant)
        for argument, value in ours:
            known = dict(truth[name])[argument]
            if value in ("<optimized out>", "<unavailable>"):
                hidden += 1
                if name == "crash" and argument in LIVE:
                    sys.exit(f"{words}: {argument}={value}, where it died: {known}")
            elif argument != "rest" and without_addresses(value) != without_addresses(known) and "::*" not in known and known[:1] != "&" \
                    and "generic pointer" not in known:
                sys.exit(f"{words}: {name}: {argument}={value}, without optimisation {known}")
            else:
                equal += 1
    core.unlink()
    if equal < 4:
        sys.exit(f"{words}: only {equal} values are known")
    return f"{words}: {equal} as without optimisation, {hidden} not known"


def check_pack(words: str, name: str, ours: list[tuple[str, str]], variant: tuple[str, ...]) -> None:
    for (argument, value), wanted in zip([one for one in ours if one[0] == "rest"], PACK):
        if not value.endswith(wanted) and not (value in ("<optimized out>", "<unavailable>") and "-O0" not in variant):
            sys.exit(f"{words}: {name}: {argument}={value} instead of {wanted}")


def compare(inquest: str, work: pathlib.Path, variant: tuple[str, ...], source: str) -> str:
    if "clang" in variant[0] and "-O0" not in variant:
        return compare_with_unoptimised(inquest, work, variant, source)
    program, core = work / "program", work / "core"
    subprocess.run([*variant, "-w", "-g", "-std=gnu++20", str(HERE / source), "-o", str(program)], check=True, cwd=work)
    native_core.make([program], core)
    select = lambda frames: [(name, args) for name, args in frames if OURS.match(name)]  # noqa: E731
    mine, theirs = select(by_inquest(inquest, core)), select(by_gdb(program, core, work))
    core.unlink()
    words = f"{' '.join(variant)} {source}"
    # gdb does not restore every frame of a function that jumped to its callee.
    known_to_gdb = {name for name, _ in theirs}
    mine = [(name, args) for name, args in mine if name in known_to_gdb]
    # Fewer equal values than this in an unoptimised program: the comparison has lost its subject.
    plain = 40 if source == "arguments.cc" else 7
    if not mine or [name for name, _ in mine] != [name for name, _ in theirs]:
        sys.exit(f"{words}: other frames: {[n for n, _ in mine]} instead of {[n for n, _ in theirs]}")
    equal = lost = 0
    for (name, ours), (_, truth) in zip(mine, theirs):
        if sorted(one for one, _ in ours) != sorted(one for one, _ in truth):
            sys.exit(f"{words}: {name}: {ours} instead of {truth}")
        known = dict(truth)
        check_pack(words, name, ours, variant)
        for argument, value in ours:
            if argument == "rest":
                continue
            if name == "crash" and argument in LIVE and value in ("<optimized out>", "<unavailable>"):
                sys.exit(f"{words}: {argument}={value}, where it died: gdb has {known[argument]}")
            if not same(value, known[argument]):
                sys.exit(f"{words}: {name}: {argument}={value}, gdb: {known[argument]}")
            equal += value == known[argument]
            lost += value == "<optimized out>" != known[argument]
    if "-O0" in variant and (lost or equal < plain):
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
                for source in ("arguments.cc", "registers.cc"):
                    print(compare(options.inquest, pathlib.Path(work), variant, source), flush=True)
            except native_core.NoCore as reason:
                print(reason)
                return STATUS_UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
