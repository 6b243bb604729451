"""Wall time and memory of whole processes."""
import os
import pathlib
import re
import statistics
import subprocess
import time


class Failed(Exception):
    """A command that did not do its work; for the user."""


def run_once(command: list, answer=subprocess.DEVNULL, question=None) -> tuple[float, int]:
    """Wall seconds and peak resident bytes (file pages included) of one whole process. Standard output goes to `answer`, standard
    input comes from the file `question`."""
    with open(question or os.devnull, "rb") as asked:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=asked, stdout=answer, stderr=subprocess.PIPE)
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        said = errors.decode(errors="replace").strip()[:300]
        raise Failed(f"{' '.join(map(str, command))}: status {process.returncode}: {said}")
    return seconds, usage.ru_maxrss * 1024


def peak_anonymous(command: list, question=None) -> int:
    """Peak of RssAnon, by asking often; a run of its own, so that asking slows no measured one."""
    with open(question or os.devnull, "rb") as asked:
        process = subprocess.Popen(command, stdin=asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            match = re.search(r"^RssAnon:\s+(\d+) kB", pathlib.Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
        except OSError:
            break
        if match:
            peak = max(peak, int(match.group(1)) * 1024)
        time.sleep(0.0005)
    process.wait()
    return peak


def summary(results: list[tuple[float, int]]) -> dict:
    seconds = [result[0] for result in results]
    return {"min_s": min(seconds), "median_s": statistics.median(seconds), "peak_rss": max(result[1] for result in results)}


def shown(value, scale: float = 1.0, form: str = "{:.2f}") -> str:
    return "-" if value is None else form.format(value / scale)
