#!/usr/bin/env python3
"""Frames of functions that jumped to the next one, against gdb.

    tests/native/tail_calls.py --inquest PROGRAM

Small programs die at the end of chains of tail calls that are certain, partly certain or not certain at all, built by g++ and
clang with DWARF 4 and 5. The functions of the crashed thread must be gdb's, and those that the source says where they are certain.
gdb 13 shows no tail calls of clang's DWARF 5; the code is that of clang's DWARF 4, so its answer there counts for both. Nor does
it go into libraries: there the source alone tells."""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "scripts"))
import native_core  # noqa: E402

STATUS_UNAVAILABLE = 77

SOURCE = """
#ifdef __clang__
#define STEP __attribute__((noinline))
#else
#define STEP __attribute__((noinline, noclone))
#endif
volatile int zero, one = 1;
int (*volatile through)(int);
extern "C" int in_library(int);
namespace chain {
STEP int last(int x) { volatile int* nowhere = nullptr; return *nowhere + x + zero; }
STEP int third(int x) { zero = x; return last(x + one); }
STEP int second(int x) { zero = x; return third(x + one); }
STEP int first(int x) { zero = x; return second(x + one); }
}
namespace branch {
STEP int end(int x) { zero = x; return chain::last(x + one); }
STEP int left(int x) { zero = x; return end(x + one); }
STEP int right(int x) { one = x; return end(x + zero); }
STEP int choose(int x) { if (x > one) return left(x); return right(x); }
STEP int begin(int x) { zero = x; return choose(x + one); }
}
namespace circle {
STEP int odd(int x);
STEP int even(int x) { zero = x; if (x == 4) return *static_cast<volatile int*>(nullptr) + zero; return odd(x - 1); }
STEP int odd(int x) { one = x; return even(x - 1); }
}
namespace pointer {
STEP int jumps(int x) { zero = x; return through(x + one); }
}
struct Widget {
  int value;
  STEP int poke(int x) { value = x; return chain::third(x + one); }
};
template <class T> STEP int apply(T& widget, int x) { zero = x; return widget.poke(x + one); }
static STEP int hidden(int x) { zero = x; return chain::last(x + 2); }
STEP int uses_hidden(int x) { zero = x; return hidden(x + one); }
int main(int, char** words) {
  Widget widget{};
  through = chain::last;
  int result = 0;
  switch (words[1][0]) {
    case '0': result = chain::last(1); break;
    case '1': result = chain::third(1); break;
    case '2': result = chain::second(1); break;
    case '3': result = chain::first(1); break;
    case 'f': result = branch::begin(1); break;
    case 'r': result = branch::choose(1); break;
    case 'c': result = circle::even(7 - one); break;
    case 'o': result = circle::odd(7); break;
    case 'p': result = pointer::jumps(1); break;
    case 'w': result = apply(widget, 1); break;
    case 'h': result = uses_hidden(1); break;
    case 'l': result = in_library(1); break;
  }
  return result + zero;
}
"""
LIBRARY = """
volatile int seen;
extern "C" __attribute__((noinline)) int library_end(int x) { return *static_cast<volatile int*>(nullptr) + x; }
static __attribute__((noinline)) int library_step(int x) { seen = x; return library_end(x + 1); }
extern "C" int in_library(int x) { seen = x; return library_step(x + seen); }
"""
CASES = "0123frcopwhl"
# What the source says must be seen, wherever the compiler left the jumps as they are written.
CERTAIN = {"1": ["last", "third", "main"], "2": ["last", "third", "second", "main"], "3": ["last", "third", "second", "first", "main"],
           "w": ["last", "third", "poke", "apply", "main"], "h": ["last", "hidden", "uses_hidden", "main"],
           "l": ["library_end", "library_step", "in_library", "main"]}
NOT_BY_GDB = "l"
BUILDS = {f"{name}-dwarf{version}": [compiler, f"-gdwarf-{version}"] for name, compiler in (("gcc", "g++"), ("clang", "clang++-19"))
          for version in (4, 5)}


def functions(names) -> list[str]:
    return [re.sub(r"<.*>|\(.*", "", name).split("::")[-1].split(" ")[-1] for name in names]


def by_gdb(program: pathlib.Path, core: pathlib.Path) -> list[str]:
    done = subprocess.run(["gdb", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "bt", program, core], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=120)
    # Frame 0 is shown when the core is opened already.
    stack = done.stdout[done.stdout.rindex("\n#0 "):] if "\n#0 " in done.stdout else ""
    return functions(re.findall(r"^#\d+\s+(?:0x[0-9a-f]+ in )?(.+?) \(", stack, re.MULTILINE))


def by_inquest(inquest: pathlib.Path, core: pathlib.Path) -> list[dict]:
    done = subprocess.run([inquest, "--json", "-c", core, "bt"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120)
    return json.loads(done.stdout)["threads"][0]["frames"]


def check(inquest: pathlib.Path, name: str, build: list[str], folder: pathlib.Path, references: dict) -> list[str]:
    flags = [*build, "-O2", "-fcf-protection=none", *(["-fno-ipa-icf"] if build[0] == "g++" else [])]
    (folder / "program.cc").write_text(SOURCE)
    (folder / "library.cc").write_text(LIBRARY)
    subprocess.run([*flags, "-fPIC", "-shared", "-o", "library.so", "library.cc"], cwd=folder, check=True)
    subprocess.run([*flags, "-o", "program", "program.cc", f"{folder}/library.so"], cwd=folder, check=True)
    failures = []
    for case in CASES:
        core = folder / f"core.{case}"
        native_core.make([folder / "program", case], core)
        reference = references.setdefault((build[0], case), by_gdb(folder / "program", core)) if case not in NOT_BY_GDB else CERTAIN[case]
        frames = by_inquest(inquest, core)
        told = functions(frame.get("function", "??") for frame in frames)
        told = told[:told.index("main") + 1] if "main" in told else told
        if "main" not in reference:
            failures.append(f"{name} {case}: gdb does not reach main: {reference}")
        elif told != reference:
            failures.append(f"{name} {case}: {told} instead of {reference}")
        if case in CERTAIN and told != CERTAIN[case]:
            failures.append(f"{name} {case}: {told}, and the source says {CERTAIN[case]}")
        bare = [frame for frame in frames if frame["found_by"] == "tail-call" and (not frame.get("line") or frame["inlined"])]
        if bare:
            failures.append(f"{name} {case}: tail calls without a line: {bare}")
        core.unlink()
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inquest", type=pathlib.Path, required=True)
    options = parser.parse_args()
    failures: list[str] = []
    references: dict = {}
    try:
        for name, build in BUILDS.items():
            with tempfile.TemporaryDirectory() as folder:
                failures += check(options.inquest.resolve(), name, build, pathlib.Path(folder), references)
    except (native_core.NoCore, FileNotFoundError) as reason:
        print(f"skipped: {reason}")
        return STATUS_UNAVAILABLE
    for line in failures:
        print(f"FAILED {line}")
    print(f"{len(BUILDS)} builds, {len(CASES)} chains each")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
