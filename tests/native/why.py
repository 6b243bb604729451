#!/usr/bin/env python3
"""`why` on programs that died in known ways.

    tests/native/why.py GROUP --inquest PROGRAM

null memory jumps stacks aborts traps signals   corpora/native/crashes, built in eight ways (crash_cores.py)
python    Debian's python3, killed inside ncurses by a null cur_term
damaged   cores that are cut short, whose program is gone, that are no cores
living    cores of processes that did not die
node      process.abort(), an uncaught exception, no memory, an addon that gives up, JavaScript without end, on five Node.js (SKIPPED where none can be had)

Truth: what each program printed before it died, its source and symbol table, and what gdb says of the core: the signal's number,
code and address, the program counter and the instruction there."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import crash_cores
from crash_cores import BUILDS, ENVIRONMENT, Crash
from why_cases import GROUPS, TEXT, Case, line_of

import native_core
from build_variant import ROOT, Unavailable

STATUS_UNAVAILABLE = 77


class Failed(Exception):
    pass


def expect(condition: object, text: str) -> None:
    if not condition:
        raise Failed(text)


def run(command: list, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=120, env=ENVIRONMENT, **options)


def why(inquest: str, core: pathlib.Path, *options, status: int = 0) -> list[str]:
    done = run([inquest, "-c", core, "why", *options])
    expect(done.returncode == status, f"{core}: status {done.returncode}, wanted {status}: {done.stderr[-500:]}{done.stdout[:500]}")
    return done.stdout.splitlines()


def same_instruction(ours: str, gdb: str) -> bool:
    """gdb leaves out the suffix for the size where a register tells it; numbers are written in several ways."""
    def normal(text: str) -> tuple[str, str]:
        mnemonic, _, operands = re.sub(r"#.*|<[^>]*>", "", text).strip().partition(" ")
        operands = operands.replace(",1)", ")")  # the scale of an index
        operands = re.sub(r"0x[0-9a-f]+|(?<![\w%])\d+", lambda number: str(int(number[0], 0)), operands.replace(" ", ""))
        return mnemonic, operands
    (name, operands), (gdb_name, gdb_operands) = normal(ours.replace("\t", " ")), normal(gdb.replace("\t", " "))
    return operands == gdb_operands and (name == gdb_name or (name[:-1] == gdb_name and name[-1] in "bwlq"))


class Checker:
    """One death of one build."""

    def __init__(self, inquest: str, build: str, name: str, case: Case, crash: Crash, symbols: dict):
        self.build, self.name, self.case, self.crash, self.symbols = BUILDS[build], name, case, crash, symbols
        self.lines = why(inquest, crash.core)
        self.title = f"{build} {name}"
        self.shown = "\n    ".join(self.lines[:2])

    def expect(self, condition: object, text: str) -> None:
        expect(condition, f"{self.title}: {text}:\n    {self.shown}")

    def check(self) -> None:
        self.first_line()
        self.second_line()
        below = "\n".join(self.lines[2:])
        self.expect(re.search(self.case.rest, below), f"below there is no /{self.case.rest}/")
        self.facts(below)
        if self.name == "stack-smash":
            self.stack_smash()

    def first_line(self) -> None:
        gdb = self.crash.gdb
        number = gdb["signal"]
        name = self.case.signal or signal.Signals(number).name
        sent = gdb["code"] is not None and gdb["code"] <= 0
        facts = {"address": hex(self.crash.address), "fault": hex(gdb["address"]) if not sent else "?",
                 "sender": gdb["address"] & 0xffffffff, "user": gdb["address"] >> 32}
        wanted = self.case.cause
        for key, value in facts.items():
            wanted = wanted.replace("{" + key + "}", str(value) + r"\b")
        self.expect(self.lines[0].startswith(name + ": "), f"not {name} as gdb has it")
        self.expect(re.match(wanted, self.lines[0].removeprefix(name + ": ")), f"not /{wanted}/")

    def second_line(self) -> None:
        line = self.lines[1]
        for words in self.case.words:
            self.expect(re.search(words, line), f"not /{words}/ in the second line")
        if not self.build.stripped:
            for name in (*self.case.globals, *self.case.functions):
                self.expect(re.search(rf"\b{name}\b", line), f"no {name} in the second line")
        else:
            self.expect(not self.case.globals or self.addresses_of_globals(line), "other addresses than those of the variables")
        if self.build.has_lines:
            for part in self.case.lines:
                self.expect(f"crashes.cc:{line_of(part)}" in line, f"no crashes.cc:{line_of(part)} ({part}) in the second line")

    def addresses_of_globals(self, line: str) -> bool:
        """The addresses are those of the variables when all lead to one base, a whole page, that every function agrees with."""
        addresses = re.findall(r"a static variable at (0x[0-9a-f]+)", line)
        bases = {int(address, 16) - self.symbols[name][0] for address, name in zip(addresses, self.case.globals)}
        if len(addresses) != len(self.case.globals) or len(bases) != 1 or next(iter(bases)) % 4096 != 0:
            return False
        place = re.search(r"in (0x[0-9a-f]+) in program", line)
        own = [name for name in self.case.functions if name in self.symbols]
        if not place or not own or not self.case.instruction:
            return True
        start, size = self.symbols[own[0]]
        return 0 <= int(place[1], 16) - next(iter(bases)) - start < size

    def facts(self, below: str) -> None:
        """What gdb knows of the core itself."""
        gdb, case = self.crash.gdb, self.case
        if not case.signal:
            expected = rf"^signal +{signal.Signals(gdb['signal']).name} \({gdb['signal']}\)"
            self.expect(re.search(expected, below, re.MULTILINE), f"no /{expected}/ below")
        fault = gdb["code"] in (1, 2, 3) and gdb["signal"] in (signal.SIGSEGV, signal.SIGBUS)
        if fault and not case.signal:
            found = re.search(r"^address +(0x[0-9a-f]+)", below, re.MULTILINE)
            self.expect(found and int(found[1], 16) == gdb["address"], f"not the address of gdb, {gdb['address']:#x}")
        if case.instruction and gdb["instruction"]:
            found = re.search(r"^=> (0x[0-9a-f]+)  (.*)", below, re.MULTILINE)
            self.expect(found and int(found[1], 16) == gdb["pc"], f"not gdb's program counter, {gdb['pc']:#x}")
            # capstone 4 knows few instructions of AVX-512; its registers tell that it is one
            unknown = found[2].startswith("(AVX-512) 62 ") and re.search(r"%zmm|%k\d|%[xy]mm(1[6-9]|[23]\d)", gdb["instruction"])
            self.expect(unknown or same_instruction(found[2], gdb["instruction"]), f"{found[2]} for gdb's {gdb['instruction']}")

    def stack_smash(self) -> None:
        if self.crash.gdb["signal"] == signal.SIGABRT:
            return
        overwritten = re.match(r"SIGSEGV: return to 0x([0-9a-f]{16}),", self.lines[0])
        self.expect(overwritten and bytes.fromhex(overwritten[1])[::-1].decode() in TEXT, "the source has no such text")
        self.expect("return address of" in self.lines[1] and "has been overwritten" in self.lines[1], "nothing about the return address")


def check_group(inquest: str, group: str) -> None:
    cases = GROUPS[group]
    problems, done = [], 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = []
        builds = [pool.submit(crash_cores.crashes, build) for build in BUILDS]
        for build, made in zip(BUILDS, builds):
            try:
                program, deaths = made.result()
            except Unavailable as reason:
                print(f"left out: {build}: {reason}")
                continue
            symbols = crash_cores.symbols(program)
            jobs += [pool.submit(lambda *parts: Checker(inquest, *parts).check(), build, name, case, deaths[name], symbols)
                     for name, case in cases.items()]
        for job in jobs:
            try:
                job.result()
                done += 1
            except Failed as problem:
                problems.append(str(problem))
    expect(not problems, f"{len(problems)} of {len(jobs)} are wrong\n" + "\n".join(problems))
    expect(done >= len(cases), "nothing was built")
    if group == "null":
        check_json(inquest, deaths)
    print(f"{done} deaths explained")


def check_json(inquest: str, deaths: dict[str, Crash]) -> None:
    """The same in JSON as in the text."""
    for name in ("null-global", "null-argument"):
        crash = deaths[name]
        lines = why(inquest, crash.core)
        answer = json.loads("\n".join(why(inquest, crash.core, "--json")))
        expect([answer["cause"], answer["detail"]] == lines[:2], f"{name}: the JSON says {answer['cause']} {answer['detail']}")
        expect(answer["kind"] == "null" and answer["signal"]["number"] == signal.SIGSEGV, f"{name}: {answer['kind']} {answer['signal']}")
        expect(int(answer["fault"]["address"], 16) == crash.address, f"{name}: {answer['fault']}")
        expect(int(answer["instruction"]["address"], 16) == crash.gdb["pc"], f"{name}: {answer['instruction']}")
        explained = answer["frames"][answer["explained_frame"]]
        expect(int(explained["pc"], 16) == crash.gdb["pc"], f"{name}: explained is {explained}")


CURSES = """
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    import ctypes, curses
    screen = curses.initscr()
    ctypes.CDLL("libtinfo.so.6").set_curterm(None)
    screen.addstr("x")
    screen.refresh()
    os._exit(0)
try:
    while os.read(terminal, 65536):
        pass
except OSError:
    pass
status = os.waitpid(child, 0)[1]
print("died of", os.WTERMSIG(status))
"""


def check_python(inquest: str, work: pathlib.Path) -> None:
    """The founding story: set_curterm(NULL), and the next refresh reads through cur_term."""
    python = "/usr/bin/python3"
    if run([python, "-c", "import curses, ctypes; ctypes.CDLL('libtinfo.so.6')"]).returncode != 0:
        raise Unavailable(f"{python} has no curses: apt-get install python3")
    pattern = native_core.kernel_core_glob()
    if pattern is None:
        raise native_core.NoCore("core_pattern leaves no file in the working directory")
    done = run([python, "-c", CURSES], cwd=work, preexec_fn=native_core._allow_core)
    cores = sorted(work.glob(pattern))
    expect(len(cores) == 1 and "died of 11" in done.stdout, f"python3 left {len(cores)} cores: {done.stdout[-300:]}{done.stderr[-300:]}")
    gdb = crash_cores.ask_gdb(pathlib.Path(python), cores)[0]
    expect((gdb["signal"], gdb["code"]) == (signal.SIGSEGV, 1), f"gdb sees another death: {gdb}")
    lines = why(inquest, cores[0])
    expect(re.match(rf"SIGSEGV: read of \d+ bytes at {gdb['address']:#x}: null pointer plus {gdb['address']}$", lines[0]), lines[0])
    expect(re.search(r"null, was loaded from the global cur_term in libtinfo\.so\.6", lines[1]), lines[1])
    here = re.search(r"^=> (0x[0-9a-f]+)  (.*)", "\n".join(lines), re.MULTILINE)
    expect(here and int(here[1], 16) == gdb["pc"] and same_instruction(here[2], gdb["instruction"]), f"{here} for gdb's {gdb}")
    print("\n".join(lines[:2]))


def check_damaged(inquest: str, work: pathlib.Path) -> None:
    program, deaths = crash_cores.crashes("gcc-O2")
    for name in ("null-global", "munmap", "uncaught", "stack-overflow", "null-call"):
        whole = deaths[name].core.read_bytes()
        for percent in (95, 50, 5):
            cut = work / f"{name}-{percent}.core"
            cut.write_bytes(whole[:len(whole) * percent // 100])
            done = run([inquest, "-c", cut, "why"])
            expect(done.returncode in (0, 1, 3), f"{name} cut to {percent} %: status {done.returncode}: {done.stderr[-300:]}")
            said = done.stdout + done.stderr
            expect("truncated" in said or "cut" in said, f"{name} cut to {percent} %: not a word about it: {said[:600]}")
            if percent == 50:
                expect(done.returncode == 1, f"{name} cut to half: status {done.returncode}: {said[:600]}")
                expect(deaths[name].gdb["signal"] == signal.SIGABRT or "SIGSEGV" in done.stdout, f"{name} cut to half: {said[:600]}")
            cut.unlink()
    check_program_gone(inquest, work, program)
    for name, content in (("empty", b""), ("text", b"no core at all\n" * 100)):
        (work / name).write_bytes(content)
        done = run([inquest, "-c", work / name, "why"])
        expect(done.returncode == 3 and len(done.stderr.strip().splitlines()) <= 2 and done.stderr.strip(), f"{name}: {done}")


def check_program_gone(inquest: str, work: pathlib.Path, program: pathlib.Path) -> None:
    """Its code is in no file any more, and the core has none of it."""
    copy = work / "vanishing"
    shutil.copy2(program, copy)
    native_core.make([copy, "null-global"], work / "gone.core")
    before = why(inquest, work / "gone.core")
    expect("head_of_list" in before[1], f"before: {before[:2]}")
    copy.unlink()
    done = run([inquest, "-c", work / "gone.core", "why"])
    expect(done.returncode == 1, f"program gone: status {done.returncode}: {done.stdout[:600]}{done.stderr[-300:]}")
    lines = done.stdout.splitlines()
    expect(lines[0].startswith("SIGSEGV: ") and "0x8" in lines[0] and "null" in lines[0], f"program gone: {lines[:2]}")
    expect("cannot be read" in lines[1] and "missing" in lines[1] and "vanishing" in done.stdout, f"program gone: {lines[:2]}")
    shutil.copy2("/bin/true", copy)
    done = run([inquest, "-c", work / "gone.core", "why"])
    expect(done.returncode == 1 and "head_of_list" not in done.stdout, f"another build in its place: {done.stdout[:600]}")


def check_living(inquest: str, work: pathlib.Path) -> None:
    if not shutil.which("gcore"):
        raise Unavailable("apt-get install gdb")
    program, _ = crash_cores.crashes("gcc-O2")
    with subprocess.Popen([program, "from-outside"], cwd=work, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            process.stdout.readline()
            done = run(["gcore", "-o", work / "alive", str(process.pid)])
        finally:
            process.kill()
    core = work / f"alive.{process.pid}"
    if not core.exists():
        raise native_core.NoCore(f"gcore: {done.stderr[-300:]}")
    lines = why(inquest, core)
    expect(lines[0].startswith("no signal") and "living" in lines[0], f"gcore: {lines[:2]}")
    expect("SIG" not in lines[0] and re.search(r"\b(pause|write)\b|__libc_(pause|write)", lines[1]), f"gcore: {lines[:2]}")


# Cases of corpora, by what ended them.
NODE_DEATHS = {"gt": (r"SIGABRT: process\.abort\(\) was called", "node::Abort"),
               "uncaught": (r"SIG(ILL|TRAP): an uncaught JavaScript exception", "v8::base::OS::Abort"),
               "oom": (r"SIGABRT: V8 ran out of memory", "node::"),
               "jsdeath fatal": (r"SIGABRT: an addon gave up \(napi_fatal_error\)", "called by fail in crash_addon"),
               "jsexhausted": (r"SIGSEGV: stack overflow: write", "again and again")}
NODE_VERSIONS = ("12.22.12", "16.20.2", "20.20.2", "24.21.0", "26.10.0")


def check_node(inquest: str) -> None:
    for version in [os.environ["INQUEST_NODE"]] if "INQUEST_NODE" in os.environ else NODE_VERSIONS:
        for case, (cause, place) in NODE_DEATHS.items():
            name, *arguments = case.split()
            done = run([ROOT / "scripts" / "make_core", name, version, *(["--", *arguments] if arguments else [])])
            if done.returncode != 0:
                raise Unavailable(done.stderr.strip()[-300:])
            lines = why(inquest, pathlib.Path(done.stdout.strip().splitlines()[-1]) / "core")
            expect(re.match(cause, lines[0]) and place in lines[1], f"{case} {version}: {lines[:2]}")
            truth = json.loads((pathlib.Path(done.stdout.strip().splitlines()[-1]) / "truth.json").read_text())
            repeated = truth.get("repeated", [])
            expect(all(where in lines[1] for where in repeated), f"{case} {version}: {lines[1]}, the program says {repeated}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", choices=[*GROUPS, "python", "damaged", "living", "node"])
    parser.add_argument("--inquest", required=True)
    options = parser.parse_args()
    inquest = str(pathlib.Path(options.inquest).resolve())
    try:
        with tempfile.TemporaryDirectory(prefix="why-") as directory:
            work = pathlib.Path(directory)
            if options.group in GROUPS:
                check_group(inquest, options.group)
            elif options.group == "node":
                check_node(inquest)
            else:
                {"python": check_python, "damaged": check_damaged, "living": check_living}[options.group](inquest, work)
    except (Unavailable, native_core.NoCore) as reason:
        print(f"SKIPPED: {reason}")
        return STATUS_UNAVAILABLE
    except (Failed, RuntimeError) as reason:
        print(f"FAILED: {reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
