#!/usr/bin/env python3
"""Whom a tracer follows, how much it records, and whom it stops.

    tests/probes/control.py CASE --inquest PROGRAM

family       -p: threads and children of the process; --no-children: not these
rate         --rate: no more than so many in any second, all others counted
stop         --stop: the process is stopped at the hit, and goes on when tracing ends, by kill -9 too; --leave-stopped
gcore        --gcore: a core of the moment, with the stack of the event; the process goes on
"""
import collections
import json
import pathlib
import re
import shutil
import signal
import subprocess
import time

from probing import ENVIRONMENT, Unavailable, calls, events_of, expect, main, no_probe_left, run


def state(pid: int) -> str:
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def comes_to(pid: int, states: str, what: str) -> None:
    for _ in range(100):
        if state(pid) in states:
            return
        time.sleep(0.05)
    expect(False, f"{what}: the process is in state {state(pid)}, not {states}")


def family(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)
    target = subprocess.Popen([program, "family"])
    try:
        for options, wanted in (([], {"1", "2", "3"}), (["--no-children"], {"2", "3"})):
            done = run([inquest, "trace", "--json", "-n", 60, *options, "-p", target.pid, f"{program}:target"])
            events = events_of(done.stdout)
            expect(done.returncode == 0 and len(events) == 60, f"{options}: status {done.returncode}, {len(events)} events: {done.stderr}")
            expect({event["args"][0]["value"] for event in events} == wanted, f"{options}: {[event['args'][0]['value'] for event in events]}")
            for event in events:
                is_child = event["args"][0]["value"] == "1"
                expect((event["pid"] != target.pid) == is_child and event["complete"], f"{options}: {event}")
            children = {event["pid"] for event in events} - {target.pid}
            expect(len(children) > 3 or options, f"only {children}")
            expect(len({event["tid"] for event in events if event["pid"] == target.pid}) == 2, f"{options}: one thread only")
    finally:
        target.kill()
        target.wait()


def rate(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)
    count = 1_000_000
    done = run([inquest, "trace", "--json", "--rate", 50, f"{program}:target {{ args }}", "--", program, "storm", count])
    events = events_of(done.stdout)
    left_out = re.search(r"(\d+) hits beyond 50 of a probe in a second are left out", done.stderr)
    expect(done.returncode == 0 and left_out, f"status {done.returncode}: {done.stderr}")
    expect(len(events) + int(left_out[1]) == count, f"{len(events)} + {left_out[1]} of {count}")
    seconds = collections.Counter(event["boot_ns"] // 10**9 for event in events)
    # Events of the second's end may be stamped in the next one.
    expect(all(number <= 52 for number in seconds.values()) and max(seconds.values()) >= 48, f"in each second: {seconds}")


def stop(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)
    target = subprocess.Popen([program, "forever"])
    try:
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            tracer = subprocess.Popen([inquest, "trace", "--json", "--stop", "-p", str(target.pid), f"{program}:target"], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
            first = json.loads(tracer.stdout.readline())
            expect(first["function"] == "target" and first["complete"], f"{ending}: {first}")
            comes_to(target.pid, "T", ending.name)
            tracer.send_signal(ending)
            rest, said = tracer.communicate(timeout=20)
            expect(not events_of(rest), f"{ending.name}: a stopped process goes on: {rest}")
            comes_to(target.pid, "SR", ending.name)
            no_probe_left()
        done = run([inquest, "trace", "--json", "--stop", "--leave-stopped", "-n", 1, "-p", target.pid, f"{program}:target"])
        expect(done.returncode == 0 and len(events_of(done.stdout)) == 1, f"{done.returncode} {done.stderr}")
        comes_to(target.pid, "T", "--leave-stopped")
        target.send_signal(signal.SIGCONT)
        comes_to(target.pid, "SR", "afterwards")
    finally:
        target.kill()
        target.wait()
    # A program that the tracer has started goes on to its end.
    done = run([inquest, "trace", "--json", "--stop", "-n", 1, f"{program}:target", "--", program, "various"])
    expect(done.returncode == 0 and '{"calls": 7}' in done.stdout, f"{done.returncode} {done.stdout} {done.stderr}")


def gcore(inquest: pathlib.Path, work: pathlib.Path) -> None:
    if not shutil.which("gcore"):
        raise Unavailable("apt-get install gdb")
    program = calls(work)
    done = run([inquest, "trace", "--json", "--gcore", work / "at", f"{program}:target if number == 2", "--", program, "various"])
    events = events_of(done.stdout)
    expect(done.returncode == 0 and len(events) == 1 and '{"calls": 7}' in done.stdout, f"{done.returncode} {done.stdout} {done.stderr}")
    core = work / f"at.{events[0]['pid']}"
    expect(core.exists() and str(core) in done.stderr, f"{done.stderr}: {list(work.iterdir())}")
    stack = json.loads(run([inquest, "--json", "-c", core, "bt"]).stdout)["threads"][0]["frames"]
    # The signal acts once the probed instruction is done: the first frame may be a line further.
    mine, theirs = ([(frame["function"], frame.get("line") if i > 0 else 0) for i, frame in enumerate(frames)]
                    for frames in (events[0]["frames"], stack))
    expect(len(mine) > 3 and mine == theirs, f"{mine}\ncore:\n{theirs}")
    # One core for each process, however often it comes by.
    done = run([inquest, "trace", "--json", "--gcore", work / "all", f"{program}:target", "--", program, "various"])
    expect(len(events_of(done.stdout)) == 7 and len(list(work.glob("all.*"))) == 1, f"{done.stderr}: {list(work.iterdir())}")


if __name__ == "__main__":
    main(family, rate, stop, gcore)
