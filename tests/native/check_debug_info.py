#!/usr/bin/env python3
"""check-debug-info against readelf, eu-unstrip and the compilers, on files, cores and processes.

    check_debug_info.py --inquest PROGRAM

A small program and its library (with a version in its name) are built in each of VARIANTS. For each, what the library's file holds is
asked of readelf; which separate file belongs to it of eu-unstrip, which looks by build-id, debuglink and CRC as gdb does; and what
cannot be asked of a tool (a .dwo that was removed) is in the recipe.
Exit status: 0 as expected, 1 not."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import native_core  # noqa: E402

LIBRARY = """#include <cstdlib>
struct Pair { int first, second; };
static inline int added(Pair pair) { return pair.first + pair.second; }
int deep(int n) { if (n == 42) std::abort(); return added({n, 1}); }
"""
PROGRAM = """#include <cstdio>
int deep(int);
int main(int argc, char**) {
  if (argc > 1) return deep(42);
  std::puts("ready");
  std::fflush(stdout);
  std::getchar();
  return deep(1);
}
"""
SEPARATE = "objcopy --only-keep-debug LIB lib.debug && strip LIB"
LINK = SEPARATE + " && objcopy --add-gnu-debuglink=lib.debug LIB"
BY_BUILD_ID = SEPARATE + """ && id=$(readelf -n LIB | sed -n 's/.*Build ID: //p') && d=debug/.build-id/$(echo $id | cut -c1-2) &&
mkdir -p $d && mv lib.debug $d/$(echo $id | cut -c3-).debug"""
MINI = """nm LIB --format=posix --defined-only | awk '{ print $1 }' >keep && objcopy --only-keep-debug LIB lib.debug &&
objcopy -S --keep-symbols=keep lib.debug mini && xz mini && strip LIB && objcopy --add-section .gnu_debugdata=mini.xz LIB && rm lib.debug"""

# Name: compiler, flags for the library, commands afterwards, status, source, text that the reason or an attempt must have.
VARIANTS = {
    "dwarf5": ("g++", "-g -gdwarf-5", "", "full", "embedded", ""),
    "dwarf4": ("g++", "-g -gdwarf-4", "", "full", "embedded", ""),
    "dwarf64": ("g++", "-g -gdwarf64", "", "full", "embedded", ""),
    "g1": ("g++", "-g1", "", "line-tables", "embedded", ""),
    "types-section": ("g++", "-g -gdwarf-4 -fdebug-types-section", "", "full", "embedded", ""),
    "lto": ("g++", "-g -flto", "", "full", "embedded", ""),
    "no-build-id": ("g++", "-g -Wl,--build-id=none", "", "full", "embedded", ""),
    "clang": ("clang++-19", "-g", "", "full", "embedded", ""),
    "clang-lines": ("clang++-19", "-gline-tables-only", "", "line-tables", "embedded", ""),
    "zlib": ("g++", "-g -gz=zlib", "", "full", "embedded", ""),
    "zlib-gnu": ("g++", "-g", "objcopy --compress-debug-sections=zlib-gnu LIB", "full", "embedded", ""),
    "zstd": ("g++", "-g", "objcopy --compress-debug-sections=zstd LIB", "full", "embedded", ""),
    "debuglink": ("g++", "-g", LINK, "full", "debuglink", ""),
    "debuglink-subdirectory": ("g++", "-g", LINK + " && mkdir .debug && mv lib.debug .debug", "full", "debuglink", ""),
    "debuglink-no-build-id": ("g++", "-g -Wl,--build-id=none", LINK, "full", "debuglink", ""),
    "debuglink-wrong-crc": ("g++", "-g", LINK + " && printf x >>lib.debug", "none", "", r"CRC [0-9a-f]{8}, wanted [0-9a-f]{8}"),
    "debuglink-other-build": ("g++", "-g", LINK + " && objcopy --only-keep-debug ../other.so lib.debug", "none", "", r"another build \(build-id"),
    "debuglink-gone": ("g++", "-g", LINK + " && rm lib.debug", "none", "", r"lib\.debug: not there"),
    "debuglink-cut": ("g++", "-g", LINK + " && truncate -s 3000 lib.debug", "none", "", r"CRC|cut short"),
    "debuglink-directory": ("g++", "-g", LINK + " && rm lib.debug && mkdir lib.debug", "none", "", r"is a directory"),
    "eu-strip": ("g++", "-g", "eu-strip -f lib.debug LIB", "full", "debuglink", ""),
    "build-id": ("g++", "-g", BY_BUILD_ID, "full", "build-id", ""),
    "build-id-wrong": ("g++", "-g", BY_BUILD_ID + " && objcopy --only-keep-debug ../other.so $d/$(echo $id | cut -c3-).debug", "none", "", "another build"),
    "unstripped-copy": ("g++", "-g", "mkdir debug && cp LIB debug/ && strip LIB", "full", "build-id", ""),
    "dwz": ("g++", "-g", "dwz LIB || true", "full", "embedded", ""),
    "dwz-multi": ("g++", "-g", "cp LIB two && dwz -m $PWD/alt LIB two", "full", "dwz", ""),
    "dwz-multi-missing": ("g++", "-g", "cp LIB two && dwz -m $PWD/alt LIB two && rm alt", "split", "dwz", r"dwz.*alt|alt.*not there"),
    "dwz-multi-other": ("g++", "-g", "cp LIB two && dwz -m $PWD/alt LIB two && cp ../other.so alt", "split", "dwz", "another build of the dwz file"),
    "split5": ("g++", "-g -gdwarf-5 -gsplit-dwarf", "", "full", "dwo", ""),
    "split4": ("g++", "-g -gdwarf-4 -gsplit-dwarf", "", "full", "dwo", ""),
    "split5-missing": ("g++", "-g -gdwarf-5 -gsplit-dwarf", "rm *.dwo", "split", "dwo", r"\.dwo is missing"),
    "split4-missing": ("g++", "-g -gdwarf-4 -gsplit-dwarf", "rm *.dwo", "split", "dwo", r"\.dwo is missing"),
    "split5-other": ("g++", "-g -gdwarf-5 -gsplit-dwarf",
                     "f=$(ls *.dwo) && sed -i 's/first/fifth/' lib.cc && g++ -g -gdwarf-5 -gsplit-dwarf -O2 -fPIC -c lib.cc -o again.o && mv again.dwo $f",
                     "split", "dwo", r"another build \(dwo_id"),
    "clang-split5": ("clang++-19", "-g -gdwarf-5 -gsplit-dwarf", "", "full", "dwo", ""),
    "dwp5": ("clang++-19", "-g -gdwarf-5 -gsplit-dwarf", "llvm-dwp-19 *.dwo -o LIB.dwp && rm *.dwo", "full", "dwo", ""),
    "dwp4": ("g++", "-g -gdwarf-4 -gsplit-dwarf", "llvm-dwp-19 *.dwo -o LIB.dwp && rm *.dwo", "full", "dwo", ""),
    "dwp-other": ("clang++-19", "-g -gdwarf-5 -gsplit-dwarf",
                  "f=$(ls *.dwo) && sed -i 's/first/fifth/' lib.cc && clang++-19 -g -gdwarf-5 -gsplit-dwarf -O2 -fPIC -c lib.cc -o again.o &&"
                  " llvm-dwp-19 again.dwo -o LIB.dwp && rm *.dwo", "split", "dwo", "has none of the units wanted"),
    "minidebuginfo": ("g++", "-g", MINI, "minidebuginfo", "", ""),
    "minidebuginfo-damaged": ("g++", "-g", MINI.replace("strip LIB &&", "strip LIB && truncate -s 60 mini.xz &&"), "none", "", "LZMA"),
    "symbols": ("g++", "-g", "strip -g LIB", "symbols", "", ""),
    "no-g": ("g++", "", "", "symbols", "", ""),
    "stripped": ("g++", "-g", "strip LIB", "none", "", "stripped"),
}
PRESENT = {"full", "line-tables"}
NAME = "libsmall.so.1"


def output_of(*command, **options) -> str:
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options).stdout


def can_build(variant: str) -> bool:
    compiler, _, steps = VARIANTS[variant][:3]
    tools = [compiler, *(name for name in ("llvm-dwp-19", "dwz", "eu-strip", "xz") if re.search(rf"\b{name}\b", steps))]
    return all(shutil.which(tool) for tool in tools)


def build(folder: pathlib.Path, variant: str) -> None:
    compiler, flags, steps = VARIANTS[variant][:3]
    folder.mkdir()
    (folder / "lib.cc").write_text(LIBRARY)
    (folder / "main.cc").write_text(PROGRAM)
    script = f"""set -e
{compiler} -O2 -fPIC {flags} -c lib.cc -o lib.o
{compiler} -O2 -fPIC {flags} -shared -Wl,-soname,{NAME} lib.o -o {NAME}
{steps.replace('LIB', NAME)}
g++ -O2 -g main.cc ./{NAME} -Wl,-rpath,'$ORIGIN' -o prog"""
    done = subprocess.run(["bash", "-c", script], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100)
    if done.returncode != 0:
        raise RuntimeError(f"{variant} cannot be built: {done.stdout[-500:]}")


class Checks:
    def __init__(self, inquest: pathlib.Path, work: pathlib.Path):
        self.inquest, self.work, self.failures, self.count = inquest, work, [], 0

    def expect(self, what: str, found, wanted) -> None:
        self.count += 1
        if found != wanted:
            self.failures.append(f"{what}: {found!r}, wanted {wanted!r}")

    def matches(self, what: str, text: str, pattern: str) -> None:
        self.count += 1
        if not re.search(pattern, text):
            self.failures.append(f"{what}: nothing like {pattern!r} in {text!r}")

    def run(self, *words, program: str = "") -> subprocess.CompletedProcess:
        start = [self.inquest] if not program else [self.inquest.parent / program]
        return subprocess.run([str(word) for word in start + list(words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=100, cwd="/")

    def modules(self, what: str, *words) -> tuple[list[dict], int]:
        done = self.run(*words, "--json", program="check-debug-info")
        self.expect(f"{what}: schema", json.loads(done.stdout).get("schema"), 1)
        return json.loads(done.stdout)["modules"], done.returncode

    def check_variant(self, variant: str) -> None:
        compiler, _, _, status, source, reason = VARIANTS[variant]
        folder = self.work / variant
        library = folder / NAME
        where = ["--debug-dir", folder / "debug"]
        modules, code = self.modules(variant, *where, library)
        self.expect(f"{variant}: exit", code, 0 if status in PRESENT else 1)
        self.expect(f"{variant}: modules", len(modules), 1)
        module = modules[0]
        self.expect(f"{variant}: path", module["path"], str(library))
        self.expect(f"{variant}: status", module["status"], status)
        self.expect(f"{variant}: source", module.get("source", ""), source)
        if reason:
            told = "\n".join([module.get("reason", ""), *(f"{entry['path']}: {entry['outcome']}" for entry in module["attempts"])])
            self.matches(f"{variant}: reason", told, reason)
        self.against_readelf(variant, library, module)
        self.against_eu_unstrip(variant, library, module, [folder / "debug"])
        if "producer" in module:
            self.matches(f"{variant}: producer", module["producer"], re.escape(output_of(compiler, "-dumpversion").strip()))
        text = self.run(*where, library, program="check-debug-info").stdout
        sentence = f"File {library} has no debug info embedded."
        self.expect(f"{variant}: sentence", sentence in text, status in {"none", "symbols", "minidebuginfo"})

    def against_readelf(self, variant: str, library: pathlib.Path, module: dict) -> None:
        sections = set(re.findall(r"\] (\.\S+)", output_of("readelf", "-SW", library)))
        embedded = bool(sections & {".debug_info", ".zdebug_info"})
        self.expect(f"{variant}: embedded", embedded, module.get("source") in {"embedded", "dwz", "dwo"})
        identity = re.search(r"Build ID: (\S+)", output_of("readelf", "-n", library))
        self.expect(f"{variant}: build-id", module.get("build_id"), identity and identity.group(1))
        if module["status"] not in PRESENT or module["source"] == "dwo":
            return
        units = output_of("readelf", "--debug-dump=info", "--dwarf-depth=1", module["debug_file"])
        versions = [int(number) for number in re.findall(r"^   Version:\s+(\d)", units, re.MULTILINE)]
        self.expect(f"{variant}: version", module["dwarf_version"], max(versions))

    def against_eu_unstrip(self, variant: str, library: pathlib.Path, module: dict, folders: list) -> None:
        path = ":".join(["", ".debug", *(str(folder) for folder in folders), "/usr/lib/debug"])
        row = output_of("eu-unstrip", "-n", f"--debuginfo-path={path}", "-e", library).split()
        separate = "" if row[3] in ".-" else os.path.realpath(row[3])
        if module["status"] == "none" or module.get("source") in {"embedded", "debuglink", "build-id"}:
            mine = module.get("debug_file", "")
            own = "" if not mine or os.path.realpath(mine) == str(library) else os.path.realpath(mine)
            # eu-unstrip does not know that people put unstripped copies there; debuglinks it takes by name when only the end is longer.
            if variant != "unstripped-copy" and not (separate and module["status"] == "none"):
                self.expect(f"{variant}: separate file", own, separate)
        build_id = row[1].split("@")[0]
        self.expect(f"{variant}: build-id of eu-unstrip", module.get("build_id", "-"), build_id)

    def against_process_rows(self, what: str, rows: str, modules: list[dict]) -> None:
        """Every module eu-unstrip lists for a process or core, by build-id, with the same debug file."""
        wanted = {}
        for row in rows.splitlines():
            fields = row.split(maxsplit=4)
            wanted[fields[1].split("@")[0]] = (fields[3], fields[4])
        found = {module["build_id"]: module for module in modules if "build_id" in module}
        self.expect(f"{what}: build-ids", sorted(found), sorted(wanted))
        for build_id, (debug, name) in wanted.items():
            module = found.get(build_id, {})
            if module.get("of_kernel"):
                continue
            mine = module.get("debug_file", "")
            embedded = mine == module.get("file")
            shape = "." if embedded and mine else os.path.realpath(mine) if mine else "-"
            self.expect(f"{what}: debug file of {name}", shape, debug if debug in ".-" else os.path.realpath(debug))

    def check_process(self, variant: str) -> None:
        folder = self.work / variant
        program, library = folder / "prog", folder / NAME
        status = VARIANTS[variant][3]
        core = folder / "core"
        native_core.make([program, "die"], core)
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            modules, code = self.modules(f"{variant} pid", "-p", process.pid)
            self.against_process_rows(f"{variant} pid", output_of("eu-unstrip", "-n", "-p", process.pid), modules)
            by_path = {module["path"]: module for module in modules}
            self.expect(f"{variant} pid: library", by_path[str(library)]["status"], status)
            self.expect(f"{variant} pid: exit", code, 1 if any(module["status"] not in PRESENT and not module.get("of_kernel") for module in modules) else 0)
            self.expect(f"{variant} pid: program first", modules[0]["path"], str(program))
            # The file that is there now is not the one that is mapped.
            other = folder / "other"
            shutil.copy(self.work / "other.so", other)
            other.replace(library)
            replaced = {module["path"]: module for module in self.modules(f"{variant} replaced", "-p", process.pid)[0]}[str(library)]
            self.expect(f"{variant} replaced: build-id", replaced.get("build_id"), by_path[str(library)].get("build_id"))
            self.matches(f"{variant} replaced: facts", " ".join(replaced["facts"]), "deleted or replaced")
            process.stdin.close()
        rows = {module["path"]: module for module in self.modules(f"{variant} core, library replaced", "-c", core)[0]}
        self.expect(f"{variant} core, library replaced: status", rows[str(library)]["status"], "mismatch")
        self.expect(f"{variant} core, library replaced: file's build-id", rows[str(library)].get("file_build_id"),
                    re.search(r"Build ID: (\S+)", output_of("readelf", "-n", library)).group(1))
        library.unlink()
        gone = {module["path"]: module for module in self.modules(f"{variant} core, library gone", "-c", core)[0]}
        self.expect(f"{variant} core, library gone: status", gone[str(library)]["status"], "missing")

    def check_core(self, variant: str) -> None:
        folder = self.work / variant
        native_core.make([folder / "prog", "die"], folder / "core")
        modules, _ = self.modules(f"{variant} core", "-c", folder / "core")
        self.against_process_rows(f"{variant} core", output_of("eu-unstrip", "-n", "--core", folder / "core"), modules)
        by_inquest = json.loads(self.run("--json", "-c", folder / "core", "check-debug-info").stdout)["modules"]
        self.expect(f"{variant}: inquest -c CORE check-debug-info", by_inquest, modules)

    def check_missing_library_with_debug_file(self) -> None:
        """The stripped library is not there, but its debug file is."""
        folder = self.work / "build-id"
        (folder / NAME).unlink()
        modules, _ = self.modules("library gone", "--debug-dir", folder / "debug", "-c", folder / "core")
        module = {module["path"]: module for module in modules}[str(folder / NAME)]
        self.expect("library gone, debug file there: status", module["status"], "full")
        self.expect("library gone, debug file there: source", module["source"], "build-id")

    def check_other_root(self) -> None:
        """A process in a container: its libraries are those of its own file system, debug files of this one may serve. And one below
        a chroot."""
        folder, root = self.work / "dwarf4", self.work / "root"
        loader = pathlib.Path(re.search(r"interpreter: (\S+)]", output_of("readelf", "-lW", folder / "prog")).group(1))
        c_library = pathlib.Path(re.search(r"libc\.so\.6 => (\S+)", output_of("ldd", folder / "prog")).group(1))
        for file, place in [(folder / "prog", "prog"), (folder / NAME, NAME), (loader, loader.relative_to("/")), (c_library, c_library.relative_to("/"))]:
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, root / place)
        pivot = "mount --bind {0} {0} && cd {0} && mkdir old && pivot_root . old && cd / && exec /prog".format(root)
        ways = {"container": (["unshare", "-m", "sh", "-c", pivot], "/"), "chroot": (["chroot", root, "/prog"], f"{root}/")}
        for way, (command, seen_at) in ways.items():
            self.check_process_of_other_root(way, command, seen_at)

    def check_process_of_other_root(self, way: str, command: list, seen_at: str) -> None:
        environment = {"LD_LIBRARY_PATH": "/", "PATH": os.environ["PATH"]}
        if subprocess.run(command[:2] + ["/prog" if way == "chroot" else "true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env=environment).returncode not in (0, 2):
            print(f"left out: {way}, not permitted here")
            return
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
            self.expect(f"{way}: the program runs", process.stdout.readline(), b"ready\n")
            modules, _ = self.modules(way, "-p", process.pid)
            rows = [(module["path"], module["status"]) for module in modules]
            self.expect(f"{way}: first module", rows[0], (f"{seen_at}prog", "full"))
            self.expect(f"{way}: library", [row for row in rows if row[0].endswith(NAME)], [(seen_at + NAME, "full")])
            if way == "container":
                self.expect(f"{way}: its file", modules[0]["file"], f"/proc/{process.pid}/root/prog")
            nobody = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", self.public_copy(), "-p", str(process.pid)],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.expect(f"{way}, another user: exit", nobody.returncode, 3)
            self.matches(f"{way}, another user: reason", nobody.stderr, "no permission to look into process")
            process.stdin.close()

    def public_copy(self) -> pathlib.Path:
        """The build tree may be closed to other users."""
        self.work.chmod(0o755)
        return pathlib.Path(shutil.copy(self.inquest, self.work / "check-debug-info"))

    def check_bad_input(self) -> None:
        folder = self.work / "bad"
        folder.mkdir()
        (folder / "empty").touch()
        (folder / "text").write_text("hello\n" * 100)
        (folder / "cut").write_bytes((self.work / "other.so").read_bytes()[:40])
        narrow = bytearray((self.work / "other.so").read_bytes())
        narrow[4] = 1
        (folder / "narrow").write_bytes(narrow)
        cases = {"empty": "is empty", "text": "not an ELF file", "cut": "cut short", "narrow": "32-bit", "absent": "not there", ".": "is a directory"}
        for name, pattern in cases.items():
            done = self.run(folder / name, program="check-debug-info")
            self.expect(f"bad {name}: exit", done.returncode, 3)
            self.expect(f"bad {name}: one line", len(done.stderr.splitlines()), 1)
            self.matches(f"bad {name}: reason", done.stderr, pattern)
        both = self.run(folder / "text", self.work / "other.so", program="check-debug-info")
        self.expect("one bad, one good: exit", both.returncode, 1)
        self.matches("one bad, one good: the good one", both.stdout, "other.so")
        free = next(pid for pid in range(4_194_303, 1, -1) if not pathlib.Path(f"/proc/{pid}").exists())
        for words, code, pattern in [(["-p", free], 3, "not running"), (["-p", "x"], 2, "whole number"), ([], 2, "neither"),
                                     (["-p", os.getpid(), "file"], 2, "not both")]:
            done = self.run(*words, program="check-debug-info")
            self.expect(f"{words}: exit", done.returncode, code)
            self.matches(f"{words}: reason", done.stderr, pattern)
        threads = [path.parent.name for path in pathlib.Path("/proc").glob("[0-9]*/stat") if path.parent.name == "2"]
        if threads and (pathlib.Path("/proc/2/comm").read_text().strip() == "kthreadd"):
            done = self.run("-p", 2, program="check-debug-info")
            self.expect("kernel thread: exit", done.returncode, 3)
            self.matches("kernel thread: reason", done.stderr, "kernel thread|permission")


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--inquest", required=True, type=pathlib.Path)
    options = parser.parse_args()
    missing = [name for name in ("g++", "eu-unstrip", "readelf", "objcopy") if not shutil.which(name)]
    if missing:
        print(f"skipped: not installed: {' '.join(missing)}")
        return 77
    variants = [name for name in VARIANTS if can_build(name)]
    for name in VARIANTS.keys() - set(variants):
        print(f"left out: {name}, its tools are not installed")
    with tempfile.TemporaryDirectory(prefix="check-debug-info-") as name:
        work = pathlib.Path(name).resolve()
        checks = Checks(options.inquest.resolve(), work)
        (work / "other.cc").write_text(LIBRARY.replace("first", "only"))
        output_of("g++", "-g", "-O2", "-fPIC", "-shared", work / "other.cc", "-o", work / "other.so")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda variant: build(work / variant, variant), variants))
        for variant in variants:
            checks.check_variant(variant)
        for variant in ("dwarf5", "debuglink", "stripped", "zlib", "build-id"):
            checks.check_core(variant)
        checks.check_missing_library_with_debug_file()
        for variant in ("dwarf5", "stripped"):
            checks.check_process(variant)
        if os.geteuid() == 0:
            checks.check_other_root()
        checks.check_bad_input()
    for failure in checks.failures:
        print(f"FAILED {failure}")
    print(f"check-debug-info: {len(variants)} variants, {checks.count} comparisons, {len(checks.failures)} failed")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
