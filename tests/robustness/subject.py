"""Runs the program under test on input that may be broken, and says what it did wrong."""
import os
import pathlib
import re
import subprocess
import time
from dataclasses import dataclass

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TIME_LIMIT_S = 10
STATUSES = {0: "done", 1: "part of the answer is missing", 3: "cannot be used"}
STATUS_UNAVAILABLE = 77
SANITIZER_STATUS = 99
MEMORY_LIMIT_MB = 4096  # of one allocation and, with a sanitizer's overhead, of the process
REPORT = re.compile(r"(ERROR: \w+Sanitizer|runtime error:|Assertion|terminate called|std::)")

# Sanitizers end a process with status 1, which means something here.
ENVIRONMENT = {
    **os.environ,
    "ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:exitcode={SANITIZER_STATUS}:abort_on_error=0"
                    f":max_allocation_size_mb={MEMORY_LIMIT_MB}",
    "UBSAN_OPTIONS": f"{os.environ.get('UBSAN_OPTIONS', '')}:exitcode={SANITIZER_STATUS}:print_stacktrace=1",
}


@dataclass
class Outcome:
    status: int         # negative: the signal
    out: str
    err: str
    seconds: float
    peak_mb: float
    timed_out: bool = False

    def faults(self) -> list[str]:
        """What no input whatsoever may cause."""
        if self.timed_out:
            return [f"still running after {TIME_LIMIT_S} s"]
        faults = []
        if self.status < 0:
            faults.append(f"killed by signal {-self.status}")
        elif self.status not in STATUSES:
            faults.append(f"exit status {self.status}")
        if REPORT.search(self.err):
            faults.append("a report on stderr")
        if self.peak_mb > MEMORY_LIMIT_MB:
            faults.append(f"{self.peak_mb:.0f} MB of memory")
        if self.status == 3 and len(self.err.strip().splitlines()) != 1:
            faults.append(f"{len(self.err.strip().splitlines())} lines on stderr with status 3")
        if self.status in (0, 1) and not self.out:
            faults.append(f"status {self.status} and no answer")
        return [fault + (": " + self.err.strip()[-1500:] if self.err else "") for fault in faults]


def run(command: list[str], work: pathlib.Path, time_limit: float = TIME_LIMIT_S) -> Outcome:
    """Runs to the end or the limit; output goes through files, so that no amount of it can block."""
    out, err = work / "out", work / "err"
    started = time.monotonic()
    with open(out, "wb") as out_file, open(err, "wb") as err_file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out_file, stderr=err_file, env=ENVIRONMENT)
    timed_out = False
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        if not timed_out and time.monotonic() - started > time_limit:
            timed_out = True
            process.kill()
        time.sleep(0.005)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Outcome(process.returncode, out.read_text(errors="replace"), err.read_text(errors="replace"),
                   time.monotonic() - started, usage.ru_maxrss / 1024, timed_out)


class Unavailable(Exception):
    """What the test needs cannot be had here."""


def make_core(case: str, version: str) -> pathlib.Path:
    """The directory of a real core."""
    done = subprocess.run([REPOSITORY / "scripts" / "make_core", case, version], capture_output=True, text=True)
    if done.returncode == STATUS_UNAVAILABLE:
        raise Unavailable(done.stderr.strip().splitlines()[-1])
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return pathlib.Path(done.stdout.strip())


def sparse_copy(source: pathlib.Path, target: pathlib.Path) -> None:
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", source, target], check=True)
