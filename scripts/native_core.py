"""Real cores of small native programs that die by themselves.

The machine's core_pattern is never changed. Where it does not leave a file in the working directory, gdb runs the program and
takes the core when it dies."""
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile


class NoCore(Exception):
    """Why there is no core; for the user."""


def kernel_core_glob() -> str | None:
    """The name under which the kernel leaves a core in the working directory; None when it goes elsewhere."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if not pattern or pattern.startswith("|") or "/" in pattern or resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        return None
    return re.sub(r"%.", "*", pattern) + "*"


def make(command: list, core: pathlib.Path, timeout: float = 120, passed_signals: str = "") -> str:
    """Runs command until it dies of a signal, puts its core at `core`, returns what it printed. Raises NoCore.
    passed_signals: those that the program handles itself, by name."""
    core = pathlib.Path(core)
    command = [str(pathlib.Path(command[0]).resolve()), *map(str, command[1:])]
    with tempfile.TemporaryDirectory(prefix=".core-", dir=core.parent) as work:
        pattern = kernel_core_glob()
        by_gdb = pattern is None
        if by_gdb:
            if not shutil.which("gdb"):
                raise NoCore("core_pattern leaves no file in the working directory: apt-get install gdb")
            pattern = "gdb.core"
            script = ["set pagination off", "set confirm off", "set startup-with-shell off", "set debuginfod enabled off",
                      "handle all nostop noprint pass", "handle SIGSEGV SIGABRT SIGILL SIGFPE SIGBUS SIGTRAP stop nopass",
                      *(f"handle {name} nostop noprint pass" for name in passed_signals.split()), "run", "generate-core-file gdb.core", "kill"]
            command = ["gdb", "-nx", "-batch", *(word for line in script for word in ("-ex", line)), "--args", *command]
        try:
            done = subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, errors="replace", timeout=timeout,
                                  preexec_fn=None if by_gdb else _allow_core)
        except subprocess.TimeoutExpired as reason:
            raise NoCore(f"{command[0]} was still alive after {timeout:g} s") from reason
        made = sorted(pathlib.Path(work).glob(pattern))
        if not made:
            raise NoCore(f"{command[0]} left no core (status {done.returncode}); it said: {done.stdout[-300:].strip()}")
        made[0].replace(core)
    return done.stdout


def _allow_core() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
