#!/usr/bin/env python3
"""Builds corpora/native/stacks in one of the ways in which programs and their debug information come, and lets it crash.

    tests/native/build_variant.py VARIANT... | --all | --list

Prints the directory of each: t (the program), core, truth.json (its threads as they printed them). They lie in
${XDG_CACHE_HOME:-~/.cache}/inquest/native, under a name that changes with the sources, the recipe and the compilers.
Status 77 when a tool is missing that this variant needs, with the name of its Debian package."""
import argparse
import concurrent.futures
import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "corpora" / "native" / "stacks"
sys.path.insert(0, str(ROOT / "scripts"))
import native_core  # noqa: E402

EDITION = 1  # raised when what an older build_variant.py made must not be used any more
STATUS_UNAVAILABLE = 77
DEEP = ("crash.cc", "shapes.cc", "truth.cc")  # in libdeep.so, where there is one
PACKAGES = {"g++": "g++", "clang++-19": "clang-19", "ld.lld-19": "lld-19", "llvm-dwp-19": "llvm-19", "dwz": "dwz",
            "eu-strip": "elfutils", "objcopy": "binutils", "xz": "xz-utils"}


class Unavailable(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Variant:
    """How to build, and how much can be known then.

    tells: "full" - every function, file and line; "lines" - functions that have code of their own, with a line of the line table;
    "symbols" - functions that are in a symbol table; "none" - where the frames are."""
    compiler: str = "g++"
    flags: str = "-O2 -g -gdwarf-5"
    link: str = ""
    shared: bool = False   # the deep part is a library
    steps: tuple[str, ...] = ()  # shell commands in the directory of the programs, before it runs
    needs: tuple[str, ...] = ()  # programs that the steps use
    tells: str = "full"
    note: str = ""         # what a note of inquest has to say (regular expression), where less than "full" can be told
    debug_dir: str = ""    # for --debug-dir
    symbols: str = ""      # the file whose symbol table tells the functions, for "symbols"
    plain_names: bool = False  # debug information has the names of functions without their namespaces and classes


def gcc(flags: str = "", **rest) -> Variant:
    return Variant(flags=f"-O2 -g -gdwarf-5 {flags}".strip(), **rest)


def clang(flags: str = "", debug: str = "-g -gdwarf-5", **rest) -> Variant:
    return Variant(compiler="clang++-19", flags=f"-O2 {debug} {flags}".strip(), **rest)


SEPARATE = ("objcopy --only-keep-debug t t.debug",)
BY_BUILD_ID = """id=$(readelf -n t | sed -n 's/.*Build ID: //p')
mkdir -p "debug/.build-id/$(echo "$id" | cut -c1-2)"
mv t.debug "debug/.build-id/$(echo "$id" | cut -c1-2)/$(echo "$id" | cut -c3-).debug" """
# https://sourceware.org/gdb/current/onlinedocs/gdb.html/MiniDebugInfo.html, without its step that leaves out weak functions
# less: like there, so symbols of templates and of functions in classes are not in it.
MINIDEBUGINFO = """nm -D t --format=posix --defined-only | awk '{ print $1 }' | sort >dynamic
nm t --format=posix --defined-only | awk '{ if ($2 == "T" || $2 == "t" || $2 == "D") print $1 }' | sort >functions
comm -13 dynamic functions >keep
objcopy --only-keep-debug t t.debug
objcopy -S --remove-section .gdb_index --remove-section .comment --keep-symbols=keep t.debug t.mini
strip --strip-all -R .comment t
cp t.mini t.symbols
xz -f t.mini
objcopy --add-section .gnu_debugdata=t.mini.xz t
rm t.debug"""
MISSING_DWO = ("rm *.dwo",)
NO_DWO = r"\.dwo"

VARIANTS: dict[str, Variant] = {
    # g++: versions and kinds of DWARF, code layout
    "gcc-dwarf5": gcc(),
    "gcc-dwarf4": gcc("-gdwarf-4"),
    "gcc-dwarf64": gcc("-gdwarf64"),
    "gcc-g1": gcc("-g1", plain_names=True),
    "gcc-g3": gcc("-g3"),
    "gcc-O0": gcc("-O0"),
    "gcc-O3": gcc("-O3"),
    "gcc-types-section": gcc("-fdebug-types-section"),
    "gcc-types-section-dwarf4": gcc("-gdwarf-4 -fdebug-types-section"),
    "gcc-no-partition": gcc("-fno-reorder-blocks-and-partition"),
    "gcc-debug-frame": gcc("-fno-asynchronous-unwind-tables -fno-exceptions"),
    "gcc-frame-pointer": gcc("-fno-omit-frame-pointer"),
    "gcc-lto": gcc("-flto=1"),
    "gcc-so": gcc("-fPIC", shared=True),
    "gcc-no-pie": gcc("-no-pie", link="-no-pie"),
    "gcc-static": gcc(link="-static"),
    "gcc-static-pie": gcc(link="-static-pie"),
    # clang: no .debug_aranges, no functions in two parts
    "clang-dwarf5": clang(),
    "clang-dwarf4": clang("-gdwarf-4"),
    "clang-O0": clang("-O0"),
    "clang-line-tables-only": clang(debug="-gline-tables-only", plain_names=True),
    "clang-aranges": clang("-gdwarf-aranges"),
    "clang-types-section": clang("-fdebug-types-section"),
    "clang-lld": clang(link="-fuse-ld=lld-19", needs=("ld.lld-19",)),
    "clang-lto": clang("-flto=full", link="-fuse-ld=lld-19", needs=("ld.lld-19",)),
    "clang-thin-lto": clang("-flto=thin", link="-fuse-ld=lld-19", needs=("ld.lld-19",)),
    "clang-so": clang("-fPIC", shared=True),
    # split DWARF
    "gcc-split-dwarf5": gcc("-gsplit-dwarf"),
    "gcc-split-dwarf4": gcc("-gdwarf-4 -gsplit-dwarf"),
    "clang-split-dwarf5": clang("-gsplit-dwarf"),
    "clang-split-dwarf4": clang("-gdwarf-4 -gsplit-dwarf"),
    "gcc-split-types-dwarf4": gcc("-gdwarf-4 -gsplit-dwarf -fdebug-types-section"),
    "gcc-dwo-missing-dwarf5": gcc("-gsplit-dwarf", steps=MISSING_DWO, tells="lines", note=NO_DWO),
    "gcc-dwo-missing-dwarf4": gcc("-gdwarf-4 -gsplit-dwarf", steps=MISSING_DWO, tells="lines", note=NO_DWO),
    "clang-dwo-missing-dwarf5": clang("-gsplit-dwarf", steps=MISSING_DWO, tells="lines", note=NO_DWO),
    "clang-dwo-missing-dwarf4": clang("-gdwarf-4 -gsplit-dwarf", steps=MISSING_DWO, tells="lines", note=NO_DWO),
    # llvm-dwp 19 and 14 never end on the DWARF 5 .dwo files of g++ 12, and dwp of binutils 2.40 crashes: there is no such .dwp.
    "clang-dwp-dwarf5": clang("-gsplit-dwarf", steps=("llvm-dwp-19 *.dwo -o t.dwp", "rm *.dwo"), needs=("llvm-dwp-19",)),
    "clang-dwp-dwarf4": clang("-gdwarf-4 -gsplit-dwarf", steps=("llvm-dwp-19 *.dwo -o t.dwp", "rm *.dwo"), needs=("llvm-dwp-19",)),
    "gcc-dwp-dwarf4": gcc("-gdwarf-4 -gsplit-dwarf", steps=("llvm-dwp-19 *.dwo -o t.dwp", "rm *.dwo"), needs=("llvm-dwp-19",)),
    # dwz
    "dwz": gcc(steps=("dwz t",), needs=("dwz",)),
    "dwz-dwarf4": gcc("-gdwarf-4", steps=("dwz t",), needs=("dwz",)),
    "dwz-multi": gcc("-fPIC", shared=True, steps=('dwz -m "$PWD/t.alt" -M "$PWD/t.alt" t libdeep.so',), needs=("dwz",)),
    "dwz-alt-missing": gcc("-fPIC", shared=True, steps=('dwz -m "$PWD/t.alt" -M "$PWD/t.alt" t libdeep.so', "rm t.alt"), needs=("dwz",),
                           tells="lines", note=r"t\.alt|alternate|altlink"),
    # debug information in a file of its own
    "debuglink": gcc(steps=(*SEPARATE, "strip t", "objcopy --add-gnu-debuglink=t.debug t")),
    "debuglink-subdirectory": gcc(steps=(*SEPARATE, "strip t", "objcopy --add-gnu-debuglink=t.debug t",
                                         "mkdir .debug", "mv t.debug .debug/")),
    "debuglink-no-build-id": gcc(link="-Wl,--build-id=none", steps=(*SEPARATE, "strip t", "objcopy --add-gnu-debuglink=t.debug t")),
    "debuglink-wrong-crc": gcc(steps=(*SEPARATE, "strip t", "objcopy --add-gnu-debuglink=t.debug t",
                                      "objcopy --only-keep-debug /bin/true t.debug"), tells="none", note=r"(?i)crc|build-id"),
    "eu-strip": gcc(steps=("eu-strip -f t.debug t",), needs=("eu-strip",)),
    "build-id": gcc(steps=(*SEPARATE, "strip t", BY_BUILD_ID), debug_dir="debug"),
    "minidebuginfo": gcc(steps=(MINIDEBUGINFO,), needs=("xz",), tells="symbols", symbols="t.symbols"),
    "symtab-only": gcc(steps=("strip -g t",), tells="symbols", symbols="t"),
    "stripped": gcc(steps=("strip t",), tells="none"),
    # compressed
    "zlib": gcc(steps=("objcopy --compress-debug-sections=zlib t",)),
    "zlib-gnu": gcc(steps=("objcopy --compress-debug-sections=zlib-gnu t",)),
    "zstd": gcc(steps=("objcopy --compress-debug-sections=zstd t",)),
    "split-zlib": gcc("-gsplit-dwarf -gz=zlib"),
}


def cache_directory() -> pathlib.Path:
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "inquest" / "native"


def need(program: str) -> None:
    if not shutil.which(program):
        raise Unavailable(f"{program} is not here: apt-get install {PACKAGES.get(program, program)}")


@functools.cache
def compiler_version(compiler: str) -> str:
    need(compiler)
    return subprocess.run([compiler, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[0]


def digest_of(variant: Variant) -> str:
    recipe = (EDITION, compiler_version(variant.compiler), variant.flags, variant.link, variant.shared, variant.steps)
    whole = hashlib.sha256(repr(recipe).encode())
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix in (".cc", ".h"):
            whole.update(str(path.relative_to(SOURCES)).encode() + path.read_bytes())
    return whole.hexdigest()[:12]


def run(command, directory: pathlib.Path) -> None:
    """A list is run as it is, a text by the shell; what it prints is shown when it fails."""
    done = subprocess.run(command if isinstance(command, list) else ["sh", "-ec", command], cwd=directory, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: status {done.returncode}: {done.stdout[-600:]}")


def compile_all(variant: Variant, work: pathlib.Path) -> None:
    """The names that get into the debug information: sources relative to the directory of the programs."""
    units = sorted(path.name for path in SOURCES.glob("*.cc"))
    base = [variant.compiler, "-std=c++20", "-Iinc", *variant.flags.split()]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda unit: run([*base, "-c", unit, "-o", unit.replace(".cc", ".o")], work), units))
    objects = {unit: unit.replace(".cc", ".o") for unit in units}
    link = [*base, *variant.link.split()]
    libraries = []
    if variant.shared:
        run([*link, "-shared", "-Wl,-soname,libdeep.so", *(objects.pop(unit) for unit in DEEP), "-o", "libdeep.so"], work)
        libraries = ["./libdeep.so", "-Wl,-rpath,$ORIGIN"]
    run([*link, *objects.values(), *libraries, "-o", "t", "-pthread"], work)
    for path in work.glob("*.o"):
        path.unlink()


def make(variant: Variant, target: pathlib.Path) -> None:
    for program in ("g++", "objcopy", *variant.needs):
        need(program)
    target.mkdir(parents=True)  # by its own name from the start: the directory is in the debug information
    for path in SOURCES.glob("*.cc"):
        shutil.copy2(path, target)
    shutil.copytree(SOURCES / "inc", target / "inc")
    compile_all(variant, target)
    for step in variant.steps:
        run(step, target)
    printed = native_core.make([target / "t"], target / "core", passed_signals="SIGILL")
    truth = json.loads(printed[printed.index("{"):printed.rindex("}") + 1])
    (target / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    (target / "made").touch()  # last


@contextlib.contextmanager
def locked(path: pathlib.Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(name: str) -> pathlib.Path:
    """The directory of a variant, made when it is not in the cache. Raises Unavailable, NoCore, RuntimeError."""
    variant = VARIANTS[name]
    target = cache_directory() / f"{name}-{digest_of(variant)}"
    with locked(cache_directory() / f".{name}.lock"):
        if not (target / "made").is_file():
            for stale in cache_directory().iterdir():
                if stale.name.rpartition("-")[0] == name:
                    shutil.rmtree(stale)
            make(variant, target)
    return target


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", metavar="VARIANT")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    unknown = [name for name in options.variants if name not in VARIANTS]
    if unknown:
        parser.error(f"no variant {' '.join(unknown)}; --list shows what there is")
    if options.list:
        print("\n".join(VARIANTS))
    status = 0
    for name in VARIANTS if options.all else options.variants:
        try:
            print(build(name), flush=True)
        except Unavailable as reason:
            print(f"{name}: {reason}", file=sys.stderr)
            status = max(status, STATUS_UNAVAILABLE)
        except (RuntimeError, native_core.NoCore) as reason:
            print(f"{name}: {reason}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
