#!/usr/bin/env python3
"""resolve-inlines and resolve-src-lines against llvm-symbolizer, c++filt and, where it is at hand, the old tool.

    resolve.py --inquest PROGRAM

Builds small programs (C and C++, g++ and clang, fixed and position-independent, with a library), lets them write down
their own stacks as they run, hands these to inquest in every format, and compares with what llvm-symbolizer says of
the same addresses. Where a file was loaded is taken from the program's own /proc/self/maps."""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SYMBOLIZER = shutil.which("llvm-symbolizer-19") or shutil.which("llvm-symbolizer")

# Prints its stack as SystemTap would: address, symbol+offset/size, module; then a weight. The rest are ways to get
# there through inlined functions.
PRINTER = r"""
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <elf.h>
#include <execinfo.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __cplusplus
extern "C"
#endif
__attribute__((noinline)) void print_stack(void) {
  void* frames[64];
  int count = backtrace(frames, 64);
  for (int i = 1; i < count; ++i) {
    Dl_info info;
    void* entry = 0;
    char path[PATH_MAX];
    if (!dladdr1(frames[i], &info, &entry, RTLD_DL_SYMENT) || !realpath(info.dli_fname, path)) continue;
    if (info.dli_sname && entry)
      printf(" %p : %s+0x%lx/0x%lx [%s]\n", frames[i], info.dli_sname,
             (unsigned long)((char*)frames[i] - (char*)info.dli_saddr),
             (unsigned long)((const ElfW(Sym)*)entry)->st_size, path);
    else
      printf(" %p : %p [%s+0x%lx/0x1000]\n", frames[i], frames[i], path,
             (unsigned long)((char*)frames[i] - (char*)info.dli_fbase));
  }
  printf("\t17\n");
}
static void print_maps(const char* path) {
  FILE* from = fopen("/proc/self/maps", "r");
  FILE* to = fopen(path, "w");
  for (int c; (c = getc(from)) != EOF;) putc(c, to);
  fclose(to);
  fclose(from);
}
volatile int sink;
"""
C_MAIN = r"""
void lib_entry(void (*callback)(void));
static inline __attribute__((always_inline)) int innermost(int n) {
  sink += n;
  if (n == 2) print_stack();
  return sink;
}
static inline __attribute__((always_inline)) int middle(int n) { return innermost(n) + sink; }
__attribute__((noinline)) int outer(int n) {
  int first = middle(n);
  sink ^= first;
  return first + innermost(n + 100);
}
__attribute__((noinline)) void plain(void) { sink = outer(2) + 1; }
int main(int argc, char** argv) {
  plain();
#ifdef WITH_LIBRARY
  lib_entry(plain);
  sink++;
#endif
  if (argc > 1) print_maps(argv[1]);
  return 0;
}
"""
LIBRARY = r"""
volatile int lib_sink;
static inline __attribute__((always_inline)) void lib_inlined(void (*callback)(void)) {
  callback();
  lib_sink++;
}
__attribute__((noinline)) static void lib_hidden(void (*callback)(void)) {
  lib_inlined(callback);
  lib_sink += 2;
}
void lib_entry(void (*callback)(void)) {
  lib_hidden(callback);
  lib_sink++;
}
"""
CPP_MAIN = r"""
namespace ns {
template <class T>
struct Box {
  T value;
  __attribute__((always_inline)) T get(T more) const {
    if (more == 2) print_stack();
    sink += static_cast<int>(value);
    return value + more;
  }
  __attribute__((noinline)) Box operator+(const Box& other) const {
    T sum = get(other.value);
    sink++;
    return Box{sum};
  }
};
struct Functor {
  __attribute__((noinline)) long operator()(long n) const {
    Box<long> a{n}, b{2};
    long sum = (a + b).value;
    sink++;
    return sum;
  }
};
template <class F, int N>
__attribute__((noinline)) long apply(const F& f) {
  long result = f(N);
  sink++;
  return result;
}
}  // namespace ns
int main(int argc, char** argv) {
  sink = static_cast<int>(ns::apply<ns::Functor, 40>(ns::Functor()));
  if (argc > 1) print_maps(argv[1]);
  return 0;
}
"""


class Failure(Exception):
    pass


def run(command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if result.returncode != 0:
        raise Failure(f"{command}: status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


class Program:
    """A program that has run: its stacks and where everything was loaded."""

    def __init__(self, folder, name, compiler, flags, source, library=False):
        self.name = name
        self.cpp = source is CPP_MAIN
        suffix = ".cc" if self.cpp else ".c"
        main = folder / f"{name}_main{suffix}"
        main.write_text(PRINTER + source)
        self.path = folder / name
        command = [compiler, "-O2", "-g", "-rdynamic", *flags, "-o", self.path, main]
        if library:
            lib_source = folder / f"{name}_lib.c"
            lib_source.write_text(LIBRARY)
            self.library = folder / f"lib{name}.so.1"
            run([compiler, "-O2", "-g", "-fPIC", "-shared", "-o", self.library, lib_source])
            command += ["-DWITH_LIBRARY", self.library, f"-Wl,-rpath,{folder}"]
        run(command + ["-ldl"])
        self.maps_path = folder / f"{name}.maps"
        self.text = run([self.path, self.maps_path])
        self.maps = self.maps_path.read_text()
        self.stacks = [
            [line for line in stack.splitlines() if line.startswith(" ")] for stack in self.text.split("\t17\n")[:-1]
        ]
        if not self.stacks or any(len(stack) < 4 for stack in self.stacks):
            raise Failure(f"{name} printed no usable stack:\n{self.text}")

    def place(self, address):
        """(file, link-time address) from the program's own map."""
        for line in self.maps.splitlines():
            fields = line.split(None, 5)
            start, end = (int(part, 16) for part in fields[0].split("-"))
            if start <= address < end and len(fields) == 6 and fields[5].startswith("/"):
                return fields[5].strip(), address - start + int(fields[2], 16)
        raise Failure(f"{address:#x} lies in no mapped file")

    def link_time(self, address):
        path, offset = self.place(address)
        for line in run(["readelf", "-lW", path]).splitlines():
            fields = line.split()
            if fields[:1] == ["LOAD"]:
                at, vaddr, size = int(fields[1], 16), int(fields[2], 16), int(fields[4], 16)
                if at <= offset < at + size:
                    return path, vaddr + offset - at
        raise Failure(f"no segment of {path} holds {offset:#x}")

    def truth(self, exact_tip=True):
        """Per stack and frame: [(linkage name, file, line, column)], innermost first; unknown lines are 0. The
        innermost frame is looked up where it is, unless it is a return address too."""
        per_file = {}
        for stack in self.stacks:
            for depth, line in enumerate(stack):
                address = int(line.split()[0], 16)
                path, at = self.link_time(address)
                step_back = depth != 0 or not exact_tip
                per_file.setdefault(path, {})[(address, depth == 0)] = at - step_back
        answers = {}
        for path, wanted in per_file.items():
            asked = "".join(f"{at:#x}\n" for at in wanted.values())
            output = run(
                [SYMBOLIZER, "--no-demangle", "--inlines", "--output-style=JSON", f"--obj={path}"], input=asked
            )
            for key, line in zip(wanted, output.splitlines(), strict=True):
                answers[key] = [
                    (s["FunctionName"], s["FileName"], s["Line"], s["Column"]) for s in json.loads(line)["Symbol"]
                ]
        return [
            [answers[(int(line.split()[0], 16), depth == 0)] for depth, line in enumerate(stack)]
            for stack in self.stacks
        ]


class Checks:
    def __init__(self, inquest, folder):
        self.inquest = inquest
        self.folder = folder
        self.done = 0
        self.failed = []

    def same(self, what, got, wanted):
        self.done += 1
        if got != wanted:
            self.failed.append(f"{what}:\n--- wanted\n{wanted}\n--- got\n{got}")

    def resolve(self, words, text=None, status=0):
        result = subprocess.run(
            [str(word) for word in [self.inquest, *words]], input=text, capture_output=True, text=True, timeout=60
        )
        if result.returncode != status:
            self.failed.append(f"{words}: status {result.returncode}, wanted {status}\n{result.stderr}")
        return result.stdout

    def frames_of(self, words, text, status=0):
        """[(name, base name of the file, line)] of each stack, through JSON."""
        output = self.resolve(["resolve-inlines", *words, "--json"], text, status)
        return [
            [
                (f.get("linkage_name") or f.get("function"), os.path.basename(f.get("file", "")), f.get("line", 0))
                for f in stack["frames"]
            ]
            for stack in json.loads(output)["stacks"]
        ]


def known(frame):
    return any(line for _, _, line, _ in frame)


def expected_text(program, truth, every_line, columns=False, rename=lambda name: name):
    """The output that the formats of the old tools prescribe."""
    out = []
    for stack, answers in zip(program.stacks, truth, strict=True):
        for line, frame in zip(stack, answers, strict=True):
            if not known(frame) or (len(frame) < 2 and not every_line):
                out.append(line)
                continue
            for name, path, number, column in frame:
                place = f"{os.path.basename(path)}:{number or '?'}" + (f":{column}" if columns and column else "")
                name = rename(name)
                shown = f"{name}({place})" if every_line else name
                out.append(f" {line.split()[0]} : {shown}+0x0/0x0 [{place}]")
        out.append("\t17")
    return "\n".join(out) + "\n"


def expected_frames(truth):
    return [
        [(name, os.path.basename(path), number) for frame in stack for name, path, number, _ in frame]
        for stack in truth
    ]


def check_bt(checks, program, truth):
    for command, every_line in (("resolve-inlines", False), ("resolve-src-lines", True)):
        wanted = expected_text(program, truth, every_line)
        checks.same(f"{program.name} {command}", checks.resolve([command, "-", program.path], program.text), wanted)
        bare = re.sub(r"^( 0x\w+) : .*", r"\1 : \1", program.text, flags=re.M)
        wanted_bare = re.sub(r"^( 0x\w+) : (?!.*\+0x0/0x0 \[).*", r"\1 : \1", wanted, flags=re.M)
        checks.same(
            f"{program.name} {command} --maps",
            checks.resolve([command, "--maps", program.maps_path, "-", program.path], bare),
            wanted_bare,
        )
    wanted = expected_text(program, truth, True, columns=True)
    words = ["resolve-src-lines", "--columns", "-", program.path]
    checks.same(f"{program.name} --columns", checks.resolve(words, program.text), wanted)
    if program.cpp:
        names = sorted({frame[0] for stack in truth for frames in stack for frame in frames})
        plain = dict(zip(names, run(["c++filt"], input="\n".join(names) + "\n").splitlines(), strict=True))
        wanted = expected_text(program, truth, False, rename=plain.__getitem__)
        words = ["resolve-inlines", "-C", "-", program.path]
        got = checks.resolve(words, program.text)
        checks.same(f"{program.name} -C", got, wanted)
        checks.same(f"{program.name}: templates and operators", "operator+(" in got and "Box<long>" in got, True)


def check_formats(checks, program, truth):
    """The same stacks as other tools write them."""
    wanted = expected_frames(truth)
    addresses = [[int(line.split()[0], 16) for line in stack] for stack in program.stacks]
    maps = ["--maps", program.maps_path]
    exe = ["-", program.path]
    placed = [[program.place(address)[0] for address in stack] for stack in addresses]

    perf = "".join(
        "app 12/12 [000] 1.5: 1 cycles:u: \n"
        + "".join(f"\t{address:16x} [unknown] ({path})\n" for address, path in zip(stack, paths, strict=True))
        + "\n"
        for stack, paths in zip(addresses, placed, strict=True)
    )
    checks.same(f"{program.name} perf", checks.frames_of([*maps, *exe], perf), wanted)
    raw = "".join("@[\n" + "".join(f"    {a:x}\n" for a in stack) + "]: 17\n" for stack in addresses)
    checks.same(f"{program.name} bpftrace raw", checks.frames_of([*maps, *exe], raw), wanted)
    mode_perf = "".join(
        "@[\n" + "".join(f"\t{a:x} 0x{a:x} ({path})\n" for a, path in zip(stack, paths, strict=True)) + "]: 17\n"
        for stack, paths in zip(addresses, placed, strict=True)
    )
    checks.same(f"{program.name} bpftrace perf", checks.frames_of([*maps, *exe], mode_perf), wanted)
    numbered = "".join(
        f"TID {number}:\n" + "".join(f"#{i}  0x{a:016x}\n" for i, a in enumerate(stack))
        for number, stack in enumerate(addresses)
    )
    checks.same(f"{program.name} eu-stack", checks.frames_of([*maps, *exe], numbered), wanted)
    folded = "".join(";".join(f"0x{a:x}" for a in reversed(stack)) + " 17\n" for stack in addresses)
    checks.same(f"{program.name} folded", checks.frames_of([*maps, *exe], folded), wanted)
    # Offsets into modules, as coredumpctl and sanitizers have them, need no map.
    offsets = "".join(
        "".join(f"    #{i} 0x{a:x} in f ({path}+0x{program.link_time(a)[1] - base(path):x})\n"
                for i, (a, path) in enumerate(zip(stack, paths, strict=True))) + "\n"
        for stack, paths in zip(addresses, placed, strict=True)
    )
    checks.same(f"{program.name} module offsets", checks.frames_of(exe, offsets), wanted)
    got = checks.resolve(["resolve-inlines", "--folded", "--names", "linkage", *maps, *exe], program.text)
    lines = [";".join(name for name, _, _ in reversed(stack)) + " 17" for stack in wanted]
    checks.same(f"{program.name} --folded", got.splitlines(), lines)


def base(path):
    loads = [line.split() for line in run(["readelf", "-lW", path]).splitlines() if line.split()[:1] == ["LOAD"]]
    return min(int(fields[2], 16) for fields in loads) & ~4095


def check_symbol_files(checks, program, truth):
    """bpftrace's own mode: a name and a decimal offset are all there is."""
    exported = [
        [
            (line, frame)
            for line, frame in zip(stack, answers, strict=True)
            if f"[{program.path}]" in line and "+0x" in line.split(" [")[0]
        ]
        for stack, answers in zip(program.stacks, truth, strict=True)
    ]
    text, wanted = "", []
    for stack in exported:
        lines = []
        for line, _ in stack:
            name, offset = re.match(r" \S+ : (\S+)\+0x(\w+)/", line).groups()
            lines.append(f"    {name}+{int(offset, 16)}\n")
        text += "@[\n" + "".join(lines) + "]: 17\n"
        wanted.append([(name, os.path.basename(path), number) for _, frame in stack for name, path, number, _ in frame])
    checks.same(f"{program.name} bpftrace", checks.frames_of(["-", program.path], text), wanted)


def check_core(checks, program, truth):
    """A core of the same program, stopped where it prints: eu-stack's frames, placed by the core."""
    core = checks.folder / f"{program.name}.core"
    script = ["-ex", "set debuginfod enabled off", "-ex", "break print_stack", "-ex", "run", "-ex", f"gcore {core}"]
    command = ["gdb", "-nx", "-batch", *script, "-ex", "kill", str(program.path)]
    subprocess.run(command, capture_output=True, timeout=60, check=False)
    if not core.exists():
        print(f"{program.name}: gdb wrote no core; not checked", file=sys.stderr)
        return
    text = subprocess.run(
        ["eu-stack", f"--core={core}", f"--executable={program.path}"], capture_output=True, text=True, check=False
    ).stdout
    wanted = expected_frames(truth)[0]
    for words in (["--core", core, "-"], ["--core", core, "-", program.path]):
        got = checks.frames_of(words, text)[0]
        # The first frame is print_stack itself; main's callers depend on the C library's debug information.
        end = [name for name, _, _ in wanted].index("main") + 1
        names = [name for name, _, _ in got]
        start = names.index("print_stack") + 1
        checks.same(f"{program.name} --core", got[start : start + end], wanted[:end])


def check_old_tools(checks, program):
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "inquest/peers"
    for command in ("resolve-inlines", "resolve-src-lines"):
        tool = cache / "openresty-systemtap-toolkit" / command
        if not tool.exists() or not shutil.which("perl"):
            continue
        bt = checks.folder / "old.bt"
        bt.write_text(program.text)
        wanted = run(["perl", tool, bt, program.path])
        got = checks.resolve([command, bt, program.path])
        own = [line for line in got.splitlines() if f"[{program.path}]" in line or "_main.c" in line]
        old = [line for line in wanted.splitlines() if f"[{program.path}]" in line or "_main.c" in line]
        checks.same(f"{program.name}: old {command}", own, old)


def check_lines_kept(checks, program):
    """What is no frame stays, byte for byte."""
    odd = (
        "WARNING: Tracing 1\n 0xzz : x\n  0x401000 : two blanks\n 0x12345678901234567 : too long\n\t12x\n"
        " 0xffffffff81000000 : k+0x0/0x1 [kernel]\nno end"
    )
    for command in ("resolve-inlines", "resolve-src-lines"):
        checks.same(f"{command}: other lines", checks.resolve([command, "--input", "bt", "-", program.path], odd), odd)
    long_line = "x" * 3_000_000 + "\n"
    got = checks.resolve(["resolve-src-lines", "-", program.path], long_line + program.text)
    checks.same("a long line", got[: len(long_line)] == long_line and "main(" in got, True)


def check_errors(checks, program):
    folder = checks.folder
    (folder / "good.bt").write_text(program.text)
    (folder / "prose").write_text("This is no backtrace.\nNor is this.\n")
    (folder / "binary").write_bytes(bytes(range(256)) * 64)
    (folder / "empty").write_text("")
    (folder / "elf32").write_bytes(b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00\x03\x00" + bytes(60))
    cases = [
        (3, "no such file", ["absent.bt", program.path]),
        (3, "is a directory", [folder, program.path]),
        (3, "no backtraces", ["prose", program.path]),
        (3, "binary", ["binary", program.path]),
        (3, "come first", [program.path, "good.bt"]),
        (3, "no such file", ["good.bt", "absent"]),
        (3, "is a directory", ["good.bt", folder]),
        (3, "not an ELF file", ["good.bt", "prose"]),
        (3, "is empty", ["good.bt", "empty"]),
        (3, "32-bit", ["good.bt", "elf32"]),
        (3, "not a memory map", ["--maps", "prose", "good.bt", program.path]),
        (2, "no program was named", ["good.bt"]),
        (2, "missing BT", []),
        (2, "--input is one of", ["--input", "nonsense", "good.bt", program.path]),
    ]
    for status, words, arguments in cases:
        command = [str(word) for word in [checks.inquest, "resolve-inlines", *arguments]]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        ok = result.returncode == status and words.lower() in result.stderr.lower() and result.stderr.count("\n") == 1
        checks.same(f"{arguments}: {result.returncode} {result.stderr!r}", ok and result.stdout == "", True)
    checks.same("an empty file", checks.resolve(["resolve-inlines", folder / "empty", program.path]), "")
    stripped = folder / "stripped"
    run(["strip", "-o", stripped, program.path])
    got = checks.resolve(["resolve-inlines", "-", stripped], program.text.replace(str(program.path), str(stripped)), 1)
    checks.same("a stripped program", got, program.text.replace(str(program.path), str(stripped)))
    link = folder / "resolve-src-lines"
    link.symlink_to(checks.inquest)
    direct = checks.resolve(["resolve-src-lines", folder / "good.bt", program.path])
    checks.same("called by the tool's name", run([link, folder / "good.bt", program.path]), direct)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--inquest", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    if not SYMBOLIZER:
        print("llvm-symbolizer-19 is not installed")
        return 77
    clang = shutil.which("clang-19") or shutil.which("clang")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        checks = Checks(arguments.inquest.resolve(), folder)
        fixed, loose = ["-no-pie", "-fno-pie"], ["-pie", "-fPIE"]
        programs = [
            Program(folder, "fixed", "gcc", fixed, C_MAIN),
            Program(folder, "fixedlib", "gcc", fixed, C_MAIN, library=True),
            Program(folder, "pie", "gcc", loose, C_MAIN, library=True),
            Program(folder, "cppfixed", "g++", fixed, CPP_MAIN),
            Program(folder, "cpppie", "g++", loose, CPP_MAIN),
        ]
        if clang:
            programs += [
                Program(folder, "clangpie", clang, loose, C_MAIN, library=True),
                Program(folder, "clangcpp", clang, [*loose, "-xc++", "-lstdc++"], CPP_MAIN),
            ]
        for program in programs:
            truth = program.truth()
            check_bt(checks, program, truth)
            check_formats(checks, program, truth)
            check_symbol_files(checks, program, truth)
        check_core(checks, programs[2], programs[2].truth(exact_tip=False))
        check_core(checks, programs[0], programs[0].truth(exact_tip=False))
        check_old_tools(checks, programs[0])
        check_lines_kept(checks, programs[0])
        check_errors(checks, programs[0])
    for failure in checks.failed:
        print("FAILED", failure)
    print(f"{checks.done} checks, {len(checks.failed)} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
