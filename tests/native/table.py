#!/usr/bin/env python3
"""Makes docs/native-variants.md: what inquest, gdb, lldb and eu-stack tell about each variant of corpora/native/stacks.

    tests/native/table.py --inquest PROGRAM            measures all four and writes the page
    tests/native/table.py --inquest PROGRAM --update   inquest only; the other columns stay
    tests/native/table.py --inquest PROGRAM --check    status 1 when the page is not what --update would write"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

import build_variant
import peers
from stacks import load_truth, score

PAGE = build_variant.ROOT / "docs" / "native-variants.md"
COLUMNS = ["inquest", *peers.PEERS]
RENEW = "tests/native/table.py --inquest build/release/bin/inquest --update"
TEXT = """# Native stacks, variant by variant
One C++ program of {threads} threads, `corpora/native/stacks`, built in {count} ways; it prints {functions} functions with their files and lines before
it dies. Each cell: functions found, in the right order / of these, with the right file and line / threads followed to
where they began. Two threads wait below code made at run time that no call frame information describes; the other {ordinary} are ordinary.

The page is written by `tests/native/table.py`, and `ctest -R native.table` fails when the column of inquest is not current; `tests/native/variants.py`
demands every function, file and line wherever the debug information has them. What each name stands for is in `tests/native/build_variant.py`.
{tools}.

| variant | {columns} |
|---|{rules}|
{rows}

## Where less than everything can be told
- `*-dwo-missing-*`: functions inlined, and lines in the functions they were inlined into, are in the missing `.dwo` files. What remains is
  the function whose code it is and the innermost line; inquest says which file is missing.
- `dwz-alt-missing`: the same, for what `dwz -m` moved to the file that is missing.
- `debuglink-wrong-crc`: the file that is there belongs to another program and is refused; inquest says so.
- `minidebuginfo`, `symtab-only`: functions that are in the symbol table; minidebuginfo, made by gdb's recipe, leaves out weak ones (templates).
- `stripped`: the frames alone.
- No `.dwp` of DWARF 5 by g++ 12: llvm-dwp 19 never ends on its `.dwo` files, and dwp of binutils 2.40 crashes.
"""


def tools() -> str:
    commands = (["gdb", "--version"], ["lldb-19", "--version"], ["eu-stack", "--version"], ["g++", "--version"], ["clang++-19", "--version"],
                ["dwz", "--version"])
    lines = [subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout.splitlines()[0].strip()
             for command in commands]
    return "Measured with " + ", ".join(re.sub(r"\s*\(https?:\S*\)", "", line) for line in lines)


def cells_of(name: str, inquest: pathlib.Path, columns: list[str]) -> dict[str, str]:
    directory = build_variant.build(name)
    truth = load_truth(directory)
    run = {"inquest": lambda where, how: peers.inquest(inquest, where, how), **peers.PEERS}
    return {column: str(score(truth, run[column](directory, build_variant.VARIANTS[name]).stacks)) for column in columns}


def written() -> tuple[dict[str, dict[str, str]], str]:
    """The cells of the page as it is, and its line about the tools."""
    if not PAGE.is_file():
        return {}, ""
    text = PAGE.read_text()
    rows = {}
    for line in text.splitlines():
        words = [word.strip() for word in line.strip("|").split("|")]
        if line.startswith("| ") and words[0] in build_variant.VARIANTS:
            rows[words[0]] = dict(zip(COLUMNS, words[1:]))
    found = re.search(r"^(Measured with .*)\.$", text, re.MULTILINE)
    return rows, found[1] if found else ""


def page(rows: dict[str, dict[str, str]], tool_line: str) -> str:
    truth = load_truth(build_variant.build(next(iter(rows))))
    return TEXT.format(
        threads=len(truth), ordinary=sum(thread.walkable for thread in truth), functions=sum(len(thread.frames) for thread in truth),
        count=len(rows), tools=tool_line, columns=" | ".join(COLUMNS), rules="|".join("---" for _ in COLUMNS),
        rows="\n".join(f"| {name} | {' | '.join(cells.get(column, '') for column in COLUMNS)} |" for name, cells in rows.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inquest", type=pathlib.Path, required=True)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    before, tool_line = written()
    own_only = options.update or options.check
    columns = ["inquest"] if own_only else COLUMNS
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            measured = list(pool.map(lambda name: cells_of(name, options.inquest, columns), build_variant.VARIANTS))
    except build_variant.Unavailable as reason:
        print(f"skipped: {reason}")
        return build_variant.STATUS_UNAVAILABLE
    rows = {name: before.get(name, {}) | cells for name, cells in zip(build_variant.VARIANTS, measured)}
    text = page(rows, tool_line if own_only else tools())
    if not options.check:
        PAGE.write_text(text)
        return 0
    if text == PAGE.read_text():
        return 0
    for name, cells in rows.items():
        if cells != before.get(name):
            print(f"FAILED {name}: inquest {cells['inquest']}, on the page {before.get(name, {}).get('inquest', 'nothing')}")
    print(f"FAILED {PAGE.name} is not current: {RENEW}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
