"""What the tests of the tracer share: whether this machine can trace at all, runs under a pseudo terminal, events as objects."""
import argparse
import json
import os
import pathlib
import pty
import re
import resource
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import native_core  # noqa: E402

STATUS_UNAVAILABLE = 77
CALLS = HERE / "programs" / "calls.c"
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"} | {"LC_ALL": "C", "TERM": "xterm"}


class Failed(Exception):
    pass


class Unavailable(Exception):
    """Why a test cannot be run here."""


def expect(condition: object, text: str) -> None:
    if not condition:
        raise Failed(text)


def run(command: list, timeout: float = 60, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=timeout, env=options.pop("env", ENVIRONMENT), **options)


def need_tracing(inquest: pathlib.Path) -> None:
    """Raises Unavailable where the kernel, or the lack of rights, forbids it: judged by a real attempt."""
    done = run([inquest, "trace", "-n", "1", "libc.so.6:getppid", "--", sys.executable, "-c", "import os; os.getppid()"])
    if done.returncode == 3:
        raise Unavailable(done.stderr.strip())
    expect(done.returncode == 0 and "getppid" in done.stdout, f"the first trace: status {done.returncode}: {done.stderr}{done.stdout}")


def compile_c(output: pathlib.Path, sources: list[pathlib.Path], *options: str, compiler: str = "gcc") -> pathlib.Path:
    done = run([compiler, "-O2", "-g", "-fomit-frame-pointer", "-o", output, *sources, *options])
    expect(done.returncode == 0, f"{compiler}: {done.stderr[-1000:]}")
    return output


def calls(work: pathlib.Path, *options: str) -> pathlib.Path:
    """The program that most cases trace."""
    return compile_c(work / "calls", [CALLS], "-pthread", *options)


def events_of(text: str) -> list[dict]:
    """Without what the program itself has printed between them."""
    objects = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [one for one in objects if "probe" in one]


def in_terminal(command: list, folder: pathlib.Path, timeout: float = 60, env: dict | None = None) -> int:
    """Runs the command under a pseudo terminal with cores allowed; its status as os.waitpid gives it."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        os.execvpe(str(command[0]), [str(word) for word in command], env or ENVIRONMENT)
    deadline = time.monotonic() + timeout
    try:
        while time.monotonic() < deadline:
            ready, _, _ = select.select([terminal], [], [], 0.2)
            try:
                if ready and not os.read(terminal, 65536):
                    break
            except OSError:  # the other end is closed
                break
        else:
            os.kill(pid, 9)
            raise Failed(f"{command[0]} has not ended after {timeout:g} s")
        return os.waitpid(pid, 0)[1]
    finally:
        os.close(terminal)


def core_in(folder: pathlib.Path) -> pathlib.Path:
    pattern = native_core.kernel_core_glob()
    if pattern is None:
        raise Unavailable("core_pattern leaves no file in the working directory")
    found = sorted(folder.glob(pattern))
    expect(found, f"no core in {folder}: {sorted(folder.iterdir())}")
    return found[0]


def gdb_stack(command: list, breakpoint_at: str, env: dict | None = None) -> list[tuple[str, str]]:
    """(function, "file:line" or "") of each frame where gdb stops at the breakpoint."""
    if not shutil.which("gdb"):
        raise Unavailable("apt-get install gdb")
    script = ["set debuginfod enabled off", "set pagination off", "set width 0", "set confirm off", "set breakpoint pending on",
              "set backtrace past-main on", "set backtrace past-entry on", "set print frame-arguments none",
              "set filename-display absolute", f"break {breakpoint_at}", "run", "backtrace", "kill"]
    # Programs that use curses want a terminal; what they write to it stands between the lines of gdb.
    line = shlex.join(["gdb", "-nx", "-batch", *(word for line in script for word in ("-ex", line)), "--args", *map(str, command)])
    done = run(["script", "-qec", line, "/dev/null"], env=env or ENVIRONMENT)
    frames = []
    for line in done.stdout.replace("\r", "").splitlines():
        if found := re.search(r"#\d+\s+(?:0x[0-9a-f]+ in )?(.*)", line):
            text = re.sub(r" from \S+$", "", found[1])
            place = re.search(r" at (\S+:\d+)$", text)
            text = text[:place.start()] if place else text
            frames.append((re.sub(r" \([^()]*\)$", "", text).strip(), place[1] if place else ""))
    expect(frames, f"gdb: {done.stdout[-1500:]}{done.stderr[-1500:]}")
    return frames


def same_stack(name: str, ours: list[dict], theirs: list[tuple[str, str]], with_tail_calls: bool = True) -> None:
    """Function by function and line by line. gdb stops behind the prologue of the first one, whose line is not compared."""

    def place(text: str) -> str:
        # Debian's packages have paths relative to where they were built, which debuggers join in ways of their own.
        return os.path.normpath(text) if text.startswith("/") else os.path.basename(text)

    mine = [(frame.get("function") or "??", place(f"{frame['file']}:{frame['line']}") if frame.get("file") and frame.get("line") else "")
            for frame in ours if with_tail_calls or frame["found_by"] != "tail-call"]
    expect([function for function, _ in mine] == [function for function, _ in theirs],
           f"{name}: the stack is\n" + "\n".join(map(str, mine)) + "\ngdb's is\n" + "\n".join(map(str, theirs)))
    for (function, line), (_, other) in list(zip(mine, theirs))[1:]:
        expect(not other or line == place(other), f"{name}: {function} at {line}, gdb: {other}")


def no_probe_left() -> None:
    """Links and programs of the tracer are gone with it; the kernel lists those that live."""
    if not shutil.which("bpftool", path="/usr/sbin:/usr/bin:/sbin"):
        return
    for _ in range(50):
        listed = run(["/usr/sbin/bpftool", "prog", "show"]).stdout
        if not re.search(r"name (on_(entry|return|signal|tick|switch|result|call_end|connection|state|accepted|bytes|read|close)|list_listeners)", listed):
            return
        time.sleep(0.1)
    raise Failed(f"a program of the tracer is still loaded: {listed}")


def run_case(cases: dict, inquest: pathlib.Path, name: str, work: pathlib.Path) -> int:
    try:
        need_tracing(inquest)
        cases[name](inquest, work)
        no_probe_left()
    except (Unavailable, native_core.NoCore) as reason:
        print(f"SKIPPED: {reason}")
        return STATUS_UNAVAILABLE
    except Failed as reason:
        print(f"FAILED: {name}: {reason}")
        return 1
    print(f"{name}: passed")
    return 0


def main(*functions) -> None:
    """The command line of a file of tests: CASE --inquest PROGRAM; cases are called as their functions."""
    cases = {function.__name__: function for function in functions}
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=cases)
    parser.add_argument("--inquest", type=lambda text: pathlib.Path(text).resolve(), required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="inquest-probes-") as temporary:
        sys.exit(run_case(cases, given.inquest, given.case, pathlib.Path(temporary)))
