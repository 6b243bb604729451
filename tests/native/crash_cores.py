"""Builds corpora/native/crashes in several ways, lets every case die, and asks gdb what it sees in each core.

Kept in ${XDG_CACHE_HOME:-~/.cache}/inquest/native, under a name that changes with the source, the recipe and the compilers:
program, CASE.core, and facts.json: what each program printed before it died, and what gdb says of the core."""
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from build_variant import ROOT, Unavailable, cache_directory, compiler_version, locked, need
import native_core

SOURCE = ROOT / "corpora" / "native" / "crashes" / "crashes.cc"
EDITION = 1  # raised when what an older crash_cores.py made must not be used any more
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"} | {"LC_ALL": "C", "TERM": "xterm"}


@dataclasses.dataclass(frozen=True)
class Build:
    compiler: str
    flags: str
    link: str = ""
    stripped: bool = False

    @property
    def has_lines(self) -> bool:
        return "-g" in self.flags.split() and not self.stripped

    @property
    def optimised(self) -> bool:
        return "-O0" not in self.flags.split()


BUILDS = {
    "gcc-O0": Build("g++", "-O0 -g"),
    "gcc-O2": Build("g++", "-O2 -g"),
    "gcc-O2-no-pie": Build("g++", "-O2 -no-pie -fno-pie", "-no-pie"),
    "gcc-O2-stripped": Build("g++", "-O2", stripped=True),
    "gcc-O2-hardened": Build("g++", "-O2 -g -fstack-protector-all -fcf-protection=full -D_FORTIFY_SOURCE=2"),
    "clang-O0-no-pie": Build("clang++-19", "-O0 -g -fno-pie", "-no-pie"),
    "clang-O2": Build("clang++-19", "-O2 -g"),
    "clang-O2-stripped": Build("clang++-19", "-O2", stripped=True),
}


@dataclasses.dataclass(frozen=True)
class Crash:
    core: pathlib.Path
    printed: dict  # what the program said: case, address, pid
    gdb: dict      # signal, code, address, pc, instruction, symbol; null where it has no answer

    @property
    def address(self) -> int:
        return int(self.printed["address"], 16)


def _run(command: list, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=120, env=ENVIRONMENT, **options)


def _compile(build: Build, program: pathlib.Path) -> None:
    done = _run([build.compiler, "-std=c++20", *build.flags.split(), SOURCE.name, "-o", program.name, *build.link.split(), "-pthread"],
                cwd=program.parent)
    if done.returncode == 0 and build.stripped:
        shutil.copy2(program, program.with_suffix(".full"))
        done = _run(["strip", program])
    if done.returncode != 0:
        raise RuntimeError(f"{build}: {done.stdout[-800:]}")


def symbols(program: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Link-time address and size by name, as nm has them; for a stripped program, those it had before."""
    full = program.with_suffix(".full")
    done = _run(["nm", "-S", "--defined-only", full if full.exists() else program])
    rows = (line.split() for line in done.stdout.splitlines())
    return {row[3]: (int(row[0], 16), int(row[1], 16)) for row in rows if len(row) == 4}


def killed_from_outside(command: list, core: pathlib.Path, number: int) -> str:
    """Sends the signal once the program has printed a line; returns that line."""
    pattern = native_core.kernel_core_glob()
    if pattern is None:
        raise native_core.NoCore("core_pattern leaves no file in the working directory")
    with tempfile.TemporaryDirectory(dir=core.parent) as work:
        process = subprocess.Popen([str(word) for word in command], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT, preexec_fn=native_core._allow_core)
        line = process.stdout.readline()
        process.send_signal(number)
        process.communicate(timeout=60)
        made = sorted(pathlib.Path(work).glob(pattern))
        if not made:
            raise native_core.NoCore(f"{command[0]} left no core")
        made[0].replace(core)
    return line


def _die(program: pathlib.Path, case: str, core: pathlib.Path) -> dict:
    if case == "from-outside":
        text = killed_from_outside([program, case], core, signal.SIGSEGV)
    else:
        handled = "SIGSEGV SIGALRM" if case.startswith(("handler-", "alarm-")) else ""
        text = native_core.make([program, case], core, passed_signals=handled)
    found = re.search(r'^\{"case".*\}$', text, re.MULTILINE)
    if not found:
        raise RuntimeError(f"{program.name} {case}: it printed {text[-300:]}")
    return json.loads(found[0])


# Run by gdb's Python. One line of JSON per core.
GDB_SCRIPT = """
import gdb, json
for setting in ("debuginfod enabled off", "pagination off", "width 0", "confirm off", "debug-file-directory /nonexistent"):
    gdb.execute("set " + setting)

def number(expression):
    try:
        return int(gdb.parse_and_eval(expression))
    except (gdb.error, OverflowError):
        return None

def text(command):
    try:
        return gdb.execute(command, to_string=True)
    except gdb.error:
        return ""

for core in CORES:
    text("core-file " + core)
    facts = {"signal": number("$_siginfo.si_signo"), "code": number("$_siginfo.si_code"),
             "address": number("(unsigned long) $_siginfo._sifields._sigfault.si_addr"), "pc": number("(unsigned long) $pc"),
             "instruction": text("x/i $pc").partition(":\\t")[2].strip(), "stack": text("backtrace 12")}
    print("@facts " + json.dumps(facts), flush=True)
"""


def ask_gdb(program: pathlib.Path, cores: list[pathlib.Path]) -> list[dict]:
    """For each core the signal of the kernel's note, the program counter and its instruction, and the stack in the program itself."""
    need("gdb")
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(f"CORES = {[str(core) for core in cores]!r}\n{GDB_SCRIPT}")
        script.flush()
        done = _run(["gdb", "-nx", "-batch", "-x", script.name, program])
    answers = [json.loads(line.removeprefix("@facts ")) for line in done.stdout.splitlines() if line.startswith("@facts ")]
    if len(answers) != len(cores):
        raise RuntimeError(f"gdb told of {len(answers)} of {len(cores)} cores: {done.stdout[-600:]}")
    return answers


def _make(build: Build, target: pathlib.Path) -> None:
    need(build.compiler)
    target.mkdir(parents=True)
    shutil.copy2(SOURCE, target)
    program = target / "program"
    _compile(build, program)
    cases = _run([program]).stdout.split()
    printed = {case: _die(program, case, target / f"{case}.core") for case in cases}
    seen = ask_gdb(program, [target / f"{case}.core" for case in cases])
    facts = {case: {"printed": printed[case], "gdb": answer} for case, answer in zip(cases, seen)}
    (target / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")  # last


def crashes(name: str) -> tuple[pathlib.Path, dict[str, Crash]]:
    """The program of a build and its deaths by case. Raises Unavailable, NoCore, RuntimeError."""
    build = BUILDS[name]
    need(build.compiler)
    recipe = (EDITION, compiler_version(build.compiler), build)
    digest = hashlib.sha256(repr(recipe).encode() + SOURCE.read_bytes()).hexdigest()[:12]
    target = cache_directory() / f"crashes-{name}-{digest}"
    with locked(cache_directory() / f".crashes-{name}.lock"):
        if not (target / "facts.json").is_file():
            for stale in cache_directory().glob(f"crashes-{name}-*"):
                if stale.name.removeprefix(f"crashes-{name}-").isalnum():
                    shutil.rmtree(stale)
            _make(build, target)
    facts = json.loads((target / "facts.json").read_text())
    return target / "program", {case: Crash(target / f"{case}.core", fact["printed"], fact["gdb"]) for case, fact in facts.items()}


__all__ = ["BUILDS", "Build", "Crash", "Unavailable", "ask_gdb", "crashes", "killed_from_outside", "symbols"]
