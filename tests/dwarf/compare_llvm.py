#!/usr/bin/env python3
"""Every byte of code of small programs, built in many ways: the chain of inlined functions, file, line and column equal
llvm-symbolizer's.

    compare_llvm.py SYMBOLISE [--sample N] [PROGRAM...]     with programs: compares those instead, or N random bytes of each

Differences that are none, with the reason:
- where there is no line llvm-symbolizer prints the STT_FILE symbol of the object file as file, with line 0;
- it shows "(discriminator N)" behind lines;
- complete and base constructors (C1, C2) and destructors (D1, D2) are mostly one piece of code with two symbols;
- of symbols of one address, which identical functions of a large program have, either may be named (with --sample);
- .zdebug_* sections: LLVM 19 cannot read them, so the answer is compared with that for the same program before."""

import argparse
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

LLVM = "llvm-symbolizer-19"
PROGRAM = {
    "shape.h": """
#pragma once
namespace geo { namespace { inline int twice(int x) { return x * 2 + 1; } }
struct Shape { virtual ~Shape(); virtual int area(int) const = 0; };
template <class T> struct Box : Shape { T side; explicit Box(T s) : side(s) {}
  int area(int k) const override { struct Local { static int add(int a, int b) { return a + b; } };
    auto scale = [k](int v) { return v * twice(k); }; return Local::add(scale(int(side)), k); } };
int total(const Shape& a, const Shape& b, int k); }
""",
    "a.cc": """
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>
#include <algorithm>
#include "shape.h"
static inline __attribute__((always_inline)) int inner(int x) { if (x > 1000) std::abort();
  return x * x; }
static inline __attribute__((always_inline)) int outer(int x) { return inner(x) + inner(x + 1); }
int main(int argc, char** argv) {
  geo::Box<int> a(argc); geo::Box<long> b(argc + 2);
  std::vector<std::string> words(argv, argv + argc);
  std::sort(words.begin(), words.end(), [](const auto& l, const auto& r) { return l.size() < r.size(); });
  try { words.at(7).push_back('x'); } catch (const std::exception& e) { std::puts(e.what()); }
  std::printf("%d\\n", geo::total(a, b, outer(argc)));
}
""",
    "b.cc": """
#include "shape.h"
namespace geo { Shape::~Shape() = default;
static int mix(int a, int b) { return a < b ? twice(a) : twice(b) - a; }
int total(const Shape& a, const Shape& b, int k) { int s = 0;
  for (int i = 0; i < k; ++i) s += mix(a.area(i), b.area(k - i));
  return s; } }
""",
    "c.c": """
struct pair { int a, b; };
static int pick(struct pair p) { return p.a > p.b ? p.a : p.b; }
int c_function(int n) { struct pair p = {n, 7}; return pick(p) + n; }
""",
}
GCC, CLANG = "g++", "clang++-19"
# Name: compiler, options, and what is done to the program afterwards.
VARIANTS = {
    f"{short}{name}": (compiler, options.split(), None)
    for short, compiler in (("g", GCC), ("c", CLANG))
    for name, options in {
        "4": "-g -gdwarf-4 -O2",
        "5": "-g -gdwarf-5 -O2",
        "5-O0": "-g -gdwarf-5 -O0",
        "3": "-g -gdwarf-3 -O2",
        "1": "-g1 -O2",
        "dwarf64": "-g -gdwarf-5 -gdwarf64 -O2" if compiler == GCC else "-g -gdwarf-5 -O3",
        "split4": "-g -gdwarf-4 -gsplit-dwarf -O2",
        "split5": "-g -gdwarf-5 -gsplit-dwarf -O2",
        "types4": "-g -gdwarf-4 -fdebug-types-section -O2",
        "types5": "-g -gdwarf-5 -fdebug-types-section -O2",
        "lto": "-g -O2 -flto" + (" -fuse-ld=lld-19" if compiler == CLANG else ""),
        "so": "-g -O2 -fPIC -shared",
        "nopie": "-g -O2 -fno-pie -no-pie",
        "sections": "-g -O2 -ffunction-sections -Wl,--gc-sections",
        "zlib": "-g -O2 -gz=zlib",
    }.items()
}
VARIANTS["c-tables"] = (CLANG, "-gline-tables-only -O2".split(), None)
VARIANTS["c-lld"] = (CLANG, "-g -O2 -fuse-ld=lld-19".split(), None)
VARIANTS["g-dwz"] = (GCC, "-g -O2".split(), ["dwz"])
VARIANTS["g-zlib-gnu"] = (GCC, "-g -O2".split(), ["objcopy", "--compress-debug-sections=zlib-gnu"])
VARIANTS["g-zstd"] = (GCC, "-g -O2".split(), ["llvm-objcopy-19", "--compress-debug-sections=zstd"])
VARIANTS["c-dwp"] = (CLANG, "-g -gdwarf-5 -gsplit-dwarf -O2".split(), ["llvm-dwp-19"])


def build(folder: pathlib.Path, name: str) -> pathlib.Path:
    compiler, options, after = VARIANTS[name]
    here = folder / name
    here.mkdir()
    for file, text in PROGRAM.items():
        (here / file).write_text(text)
    objects = []
    for source in ("a.cc", "b.cc", "c.c"):
        c = {GCC: "gcc", CLANG: "clang-19"}[compiler] if source.endswith(".c") else compiler
        compile_options = [o for o in options if not o.startswith(("-Wl", "-fuse-ld", "-shared", "-no-pie"))]
        objects.append(source.rsplit(".", 1)[0] + ".o")
        subprocess.run([c, *compile_options, "-c", source, "-o", objects[-1]], cwd=here, check=True)
    program = here / "t"
    subprocess.run([compiler, *options, *objects, "-o", program], cwd=here, check=True, stderr=subprocess.PIPE)
    if after and after[0] == "llvm-dwp-19":
        subprocess.run([*after, "-e", program, "-o", f"{program}.dwp"], cwd=here, check=True)
        for dwo in here.glob("*.dwo"):
            dwo.unlink()
    elif after:
        shutil.copy(program, here / "before")
        subprocess.run([*after, program], cwd=here, check=True)
    return program


def code_addresses(program: pathlib.Path) -> list[int]:
    listing = subprocess.run(["readelf", "-SW", program], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"\] \.text\S*\s+PROGBITS\s+(\w+)\s+\w+\s+(\w+)", listing)
    return [a for start, size in found for a in range(int(start, 16), int(start, 16) + int(size, 16))]


def run(command: list, addresses: list[int]) -> list[list[str]]:
    text = "".join(f"{a:#x}\n" for a in addresses)
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    if result.stderr and "symbolise" in str(command[0]):
        raise SystemExit(f"{command}: {result.stderr}")
    return [block.split("\n") for block in result.stdout.strip("\n").split("\n\n")]


def normal(lines: list[str]) -> list[str]:
    lines = [re.sub(r" \(discriminator \d+\)$", "", line) for line in lines]
    lines = [re.sub(r"(?<=[CD])[12](?=[EI])", "", line) if line.startswith("_Z") else line for line in lines]
    return [re.sub(r"^[^/]*:0:0$", "??:0:0", line) for line in lines]


def aliases(program: pathlib.Path) -> dict[str, str]:
    """Each symbol as the first one of its address."""
    listing = subprocess.run(["readelf", "-sW", program], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^ *\d+: (\w+) +\d+ FUNC .* (\S+)$", listing, re.M)
    first = {}
    return {name: first.setdefault(address, name) for address, name in found}


def compare(symbolise: str, program: pathlib.Path, reference: pathlib.Path, sample: int = 0) -> int:
    addresses = code_addresses(program)
    if sample:
        addresses = random.Random(sample).sample(addresses, min(sample, len(addresses)))
    if len(addresses) < 200:
        raise SystemExit(f"{program}: only {len(addresses)} bytes of code")
    mine = run([symbolise, program], addresses)
    truth = run([LLVM, "--inlines", "--addresses", "--no-demangle", "-e", reference], addresses)
    assert len(mine) == len(truth) == len(addresses)
    same = aliases(program) if sample else {}
    wrong = [(a, b) for a, b in zip(mine, truth)
             if [same.get(x, x) for x in normal(a)] != [same.get(x, x) for x in normal(b)]]
    lines = sum(len(block) // 2 for block in truth)
    inlined = sum(len(block) > 3 for block in truth)
    name = program.name if sample else program.parent.name
    print(f"{name}: {len(addresses)} addresses, {lines} functions, {inlined} in inlined code, {len(wrong)} differ",
          flush=True)
    for a, b in wrong[:3]:
        print("  inquest", a, "\n  llvm   ", b)
    if inlined == 0 and "O0" not in str(program):
        raise SystemExit(f"{program}: nothing is inlined, so nothing was compared")
    return len(wrong)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("symbolise")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("programs", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    symbolise, programs = options.symbolise, options.programs
    if programs:
        return 1 if sum(compare(symbolise, p, p, options.sample) for p in programs) else 0
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in VARIANTS:
            program = build(pathlib.Path(folder), name)
            before = program.with_name("before")
            failures += compare(symbolise, program, before if name == "g-zlib-gnu" else program)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
