#!/usr/bin/env python3
"""What the tracer says of whole programs, next to what those say of themselves and what their cores say.

    tests/probes/proofs.py CASE --inquest PROGRAM

exceptions   type and stack of each of ten kinds of exceptions, as the program prints them
deaths       every way to die of corpora/native/crashes without any core: the stacks that the cores have
million      a million hits and a slow reader: shown and lost add up to the calls, in bounded memory
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

from probing import ENVIRONMENT, HERE, ROOT, Failed, Unavailable, compile_c, events_of, expect, main, run

sys.path.insert(0, str(ROOT / "tests" / "native"))
import crash_cores  # noqa: E402


def exceptions(inquest: pathlib.Path, work: pathlib.Path) -> None:
    for compiler in ("g++", "clang++-19"):
        if not shutil.which(compiler):
            raise Unavailable(f"{compiler} is not installed")
        program = compile_c(work / "throws", [HERE / "programs" / "throws.cc"], compiler=compiler)
        truth = [json.loads(line) for line in run([program]).stdout.splitlines()]
        expect(len(truth) == 10 and len({one["thrown"] for one in truth}) == 10, f"the program: {truth}")
        for probe in ("@cxx", "libstdc++.so.6:__cxa_throw(void *object, std::type_info *type)"):
            done = run([inquest, "trace", "--json", probe, "--", program])
            expect(done.returncode == 0, f"{compiler} {probe}: status {done.returncode}: {done.stderr}")
            events = [event for event in events_of(done.stdout) if event.get("function") == "__cxa_throw"]
            expect(len(events) == 10, f"{compiler} {probe}: {len(events)} events")
            for event, one in zip(events, truth):
                kind = next(argument["value"] for argument in event["args"] if argument["name"] == "type")
                named = re.search(r"<typeinfo for (.*)>$", kind)
                expect(named and named[1] == one["thrown"], f"{compiler}: {kind}, thrown was {one['thrown']}")
                expect(event["complete"], f"{compiler}: {one}: {event.get('stop_reason')}")
                names = [re.sub(r"\(.*", "", frame.get("function", "??")) for frame in event["frames"]]
                expect(names[0] == "__cxa_throw" and names[1:1 + len(one["path"])] == one["path"],
                       f"{compiler}: {one['thrown']} went through {one['path']}, the stack is {names}")


def shown(frames: list[dict]) -> list[tuple]:
    return [(frame.get("function"), frame.get("file"), frame.get("line"), frame["inlined"]) for frame in frames]


def line_at(program: pathlib.Path, frame: dict) -> int:
    """What addr2line says of a frame's instruction. Programs are mapped by pages, and the functions are smaller than one."""
    start, size = next((int(start, 16), int(size, 16)) for start, size, function in
                       re.findall(r"^(\w+) (\w+) \w (\w+)(?:\(.*\))?$", run(["nm", "-SC", program]).stdout, re.M) if function == frame["function"])
    address = start + (int(frame["pc"], 16) - start) % 4096
    expect(address < start + size <= start + 4096, f"{frame}: not in {start:#x}, {size} bytes")
    return int(re.search(r":(\d+)", run(["addr2line", "-e", program, hex(address)]).stdout)[1])


def same_death(inquest: pathlib.Path, work: pathlib.Path, name: str, command: list, core: pathlib.Path) -> None:
    """The stack that the tracer saw is that of the core of another run of the same death."""
    answer = run([inquest, "--json", "-c", core, "bt"])
    thread = json.loads(answer.stdout)["threads"][0]
    line = " ".join(map(str, command))
    done = run([inquest, "trace", "--json", "signal", "--", "/bin/sh", "-c", f"ulimit -c 0; cd {work}; exec {line}"])
    fatal = [event for event in events_of(done.stdout) if event.get("fatal")]
    expect(len(fatal) == 1 and fatal[0]["signal"] == thread["signal"], f"{name}: {fatal}, core: {thread['signal']}: {done.stderr}")
    mine, theirs = shown(fatal[0]["frames"]), shown(thread["frames"])
    if not fatal[0]["complete"] and len(theirs) > len(mine) > 100:
        # What is longer than the copy is cut, and said to be.
        expect("were copied" in fatal[0]["stop_reason"] and "overflow" in name, f"{name}: {fatal[0].get('stop_reason')}")
        mine.pop()
        theirs = theirs[:len(mine)]
        # Which of the writes of a recursion meets the guard page (a store, or a call's return address) depends on where
        # the kernel put the stack of that run: its line is that of the instruction, not the other run's.
        theirs[0] = (*theirs[0][:2], line_at(command[0], fatal[0]["frames"][0]) if theirs[0][2] else theirs[0][2], theirs[0][3])
    expect(mine == theirs, f"{name}: {fatal[0].get('stop_reason')}\n" + "\n".join(map(str, mine)) + "\ncore:\n" + "\n".join(map(str, theirs)))


def deaths(inquest: pathlib.Path, work: pathlib.Path) -> None:
    for build in ("gcc-O2", "gcc-O2-stripped"):
        try:
            program, crashes = crash_cores.crashes(build)
        except crash_cores.Unavailable as reason:
            raise Unavailable(str(reason)) from reason
        wrong = []
        for case, crash in crashes.items():
            if case == "from-outside":  # dies of signals that somebody sends
                continue
            try:
                same_death(inquest, work, f"{build} {case}", [program, case], crash.core)
            except Failed as reason:
                wrong.append(str(reason))
        expect(not wrong, "\n".join(wrong))
        expect(not list(work.glob("core*")), f"cores in spite of ulimit -c 0: {list(work.iterdir())}")


def million(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = compile_c(work / "calls", [HERE / "programs" / "calls.c"], "-pthread")
    count = 1_000_000
    tracer = subprocess.Popen([str(word) for word in (inquest, "trace", "--json", f"{program}:target", "--", program, "storm", count)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    peak = 0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.05):
            try:
                found = re.search(r"^RssAnon:\s+(\d+) kB", pathlib.Path(f"/proc/{tracer.pid}/status").read_text(), re.M)
            except OSError:
                return
            peak = max(peak, int(found[1]) * 1024 if found else 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        events, deadline = 0, time.monotonic() + 250
        for line in tracer.stdout:
            events += '"probe":' in line
            expect(time.monotonic() < deadline, "it takes too long")
        said = tracer.stderr.read()
        tracer.wait()
    finally:
        ended.set()
        if tracer.poll() is None:
            tracer.terminate()
        watcher.join()
    lost = re.search(r"(\d+) of (\d+) events found no room", said)
    dropped = int(lost[1]) if lost else 0
    expect(events + dropped == count and (dropped > 0) == (tracer.returncode == 1), f"{events} + {dropped} of {count}: {tracer.returncode} {said}")
    expect(0 < peak < 256 << 20, f"{peak >> 20} MiB of memory")
    print(f"{events} shown, {dropped} dropped, {peak >> 20} MiB")


if __name__ == "__main__":
    main(exceptions, deaths, million)
