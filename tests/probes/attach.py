#!/usr/bin/env python3
"""Probes on running programs: what is hit, with which arguments and stacks, and what is refused.

    tests/probes/attach.py CASE --inquest PROGRAM

errors       each mistake and each impossibility is one line, with the status of the contract
arguments    values, types from debug information, text; predicates in the kernel
stacks       at the probe as gdb shows them at a breakpoint: g++ and clang++ with inlined functions, recursion, a thread
lines        at a line of the source, and where a function was inlined
returns      return values with the arguments of the call
pid          a running process: SIGINT and SIGTERM end the tracing, not the process; so does kill -9
children     1,000 processes that live for a moment: every hit with a whole stack
storm        more hits than can be read: recorded and dropped add up to the calls made
signals      fatal signals without any core: the stacks that their cores have
"""
import json
import pathlib
import re
import shutil
import signal
import subprocess
import time

from probing import CALLS, ENVIRONMENT, HERE, Unavailable, calls, compile_c, events_of, expect, gdb_stack, main, native_core, no_probe_left, run, same_stack

INLINES = HERE / "programs" / "inlines.cc"


def traced(inquest: pathlib.Path, *words, timeout: float = 60) -> list[dict]:
    done = run([inquest, "trace", "--json", *words], timeout=timeout)
    expect(done.returncode == 0, f"{words}: status {done.returncode}: {done.stderr}")
    return events_of(done.stdout)


def line_of(source: pathlib.Path, text: str) -> int:
    return next(number for number, line in enumerate(source.read_text().splitlines(), 1) if text in line)


def errors(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)
    stripped = work / "stripped"
    subprocess.run(["strip", "-s", "-o", stripped, program], check=True)
    subprocess.run(["strip", "-g", "-o", work / "plain", program], check=True)
    dead = subprocess.Popen(["true"])
    dead.wait()
    cases = [
        (3, "there is no function targt", [f"{program}:targt", "--", program]),
        (3, "stripped", [f"{stripped}:target", "--", stripped]),
        (3, "no instruction begins", [f"{program}:countdown+1", "--", program]),
        (3, "has only", [f"{program}:target+0x10000", "--", program]),
        (3, "no code", [f"{program}:0x1", "--", program]),
        (3, "no file libnothing.so", ["libnothing.so:f", "--", program]),
        (3, "no x86-64 program", [f"{CALLS}:f", "--", program]),
        (3, "no process", ["-p", str(dead.pid), f"{program}:target"]),
        (3, "no program", [f"{program}:target", "--", work / "nothing"]),
        (2, "missing PROBE", ["--", program]),
        (2, "missing what to trace", [f"{program}:target"]),
        (2, "'numbr' is no argument", [f"{program}:target if numbr == 1", "--", program]),
        (2, "item has no member kindness", [f"{program}:target if item->kindness == 1", "--", program]),
        (2, "number is no pointer", [f"{program}:target if number->kind == 1", "--", program]),
        (2, "is a bit field", [f"{program}:target if item->bit == 1", "--", program]),
        (2, "item->pair is no number", [f"{program}:target if item->pair == 1", "--", program]),
        (2, "write ->", [f"{program}:target if item.kind == 1", "--", program]),
        (2, "no debug information", [f"{work / 'plain'}:target(int number, char *text, void *item) if item->kind == 1", "--", program]),
        (2, "names no program", ["target", "--", program]),
        (3, "cannot write", ["-o", work / "no" / "file", f"{program}:target", "--", program]),
    ]
    for status, text, words in cases:
        done = run([inquest, "trace", *words])
        lines = done.stderr.strip().splitlines()
        expect(done.returncode == status and len(lines) == 1 and text in lines[0], f"{words}: status {done.returncode}, wanted {status} "
               f"and '{text}': {done.stderr}")
    events = run([inquest, "events", program])
    expect(events.returncode == 3 and "no event file" in events.stderr, f"events: {events.stderr}")


def arguments(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)

    def numbers(probe: str) -> list[str]:
        return [event["args"][0]["value"] for event in traced(inquest, probe, "--", program, "various")]

    events = traced(inquest, f"{program}:target", "--", program, "various")
    names = [[argument["name"] for argument in event["args"]] for event in events]
    expect(names == [["number", "text", "item", "small"]] * 7, f"names: {names}")
    for number, event in zip(range(-3, 4), events):
        values = [argument["value"] for argument in event["args"]]
        word = '"odd"' if number % 2 else '"even"'
        expect(values[0] == str(number) and values[1].endswith(word) and values[3].split()[0] == str((250 + number) % 256), f"{number}: {values}")
        expect(event["args"][1]["type"] == "const char *", f"type: {event['args'][1]}")
        # The unwinder's own view of the first frame, from debug information, is the same.
        frame = {argument["name"]: argument["value"] for argument in event["frames"][0]["args"]}
        expect(frame["number"] == values[0], f"{number}: {frame}")
    target = f"{program}:target"
    for predicate, wanted in {
        "number < 0": ["-3", "-2", "-1"],
        "number >= 2 || number == -3": ["-3", "2", "3"],
        "number > 0 && small != 252": ["1", "3"],
        "small < 249": ["-3", "-2"],
        "*item == -3": ["1", "2", "3"],
        "item[8] == 0": ["-3", "-2", "-1", "0"],
        "item[8][0] == 5": ["1", "2", "3"],
        "number & 2": ["-2", "-1", "2", "3"],
        "item->kind == 5": ["-3", "-2", "-1", "0"],
        "item->next->kind == 5": ["1", "2", "3"],
        "item->weight < 0": ["1", "2", "3"],
        "item->next->weight == 12 && number != 2": ["1", "3"],
        "item->flag > 199": ["-3", "-2", "-1", "0"],
        "item->pair.second == -1": ["-3", "-2", "-1", "0"],
        "item->next->pair.first == 1 || number == -3": ["-3", "1", "2", "3"],
    }.items():
        # Two's complement: -2 is ...10, -1 is ...11.
        got = numbers(f"{target} if {predicate}")
        expect(got == wanted, f"{predicate}: {got}, wanted {wanted}")
    named = traced(inquest, f"{target}(int n) if n == 3 {{ args }}", "--", program, "various")
    expect(len(named) == 1 and "frames" not in named[0] and named[0]["args"] == [{"name": "n", "value": "3", "type": "int"}], f"{named}")
    limited = traced(inquest, "-n", "2", target, "--", program, "various")
    expect([event["args"][0]["value"] for event in limited] == ["-3", "-2"], f"-n 2: {limited}")
    text = run([inquest, "trace", f"{target} if number == 3", "--", program, "various"]).stdout
    expect(re.search(r'^[\d:.]+ pid \d+ tid \d+ "calls" target\(number=3, text=0x[0-9a-f]+ "odd", ', text, re.M), f"text: {text}")


def compare(name: str, event: dict, theirs: list[tuple[str, str]]) -> None:
    expect(event["complete"], f"{name}: {event.get('stop_reason')}")
    # The first instruction may be of something inlined, as may the one that gdb stops at.
    mine = event["frames"]
    while mine and mine[0]["inlined"]:
        mine = mine[1:]
    while theirs and theirs[0][0] != event["function"]:
        theirs = theirs[1:]
    same_stack(name, mine, theirs)


def stacks(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)
    probe = f"{program}:target"
    for words in (["deep", "40"], ["thread"]):
        compare(words[0], traced(inquest, probe, "--", program, *words)[0], gdb_stack([program, *words], "target"))
    for compiler in ("g++", "clang++-19"):
        if not shutil.which(compiler):
            raise Unavailable(f"{compiler} is not installed")
        shopping = compile_c(work / "inlines", [INLINES], compiler=compiler)
        events = traced(inquest, f"{shopping}:shop::Basket::weigh", "--", shopping)
        expect(len(events) == 3, f"{compiler}: {len(events)} events")
        inlined = [frame["function"] for frame in events[0]["frames"] if frame["inlined"]]
        expect(len(inlined) >= 3, f"{compiler}: inlined: {inlined}")
        compare(compiler, events[0], gdb_stack([shopping], "shop::Basket::weigh"))


def returns(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)
    events = traced(inquest, f"{program}:target%return", "--", program, "various")
    got = [(event["args"][0]["value"], int(event["returned"], 16)) for event in events]
    expect(got == [(str(number), (number * 2) % 2**64) for number in range(-3, 4)], f"{got}")
    negative = traced(inquest, f"{program}:target%return if ret < 0", "--", program, "various")
    expect([event["args"][0]["value"] for event in negative] == ["-3", "-2", "-1"], f"ret < 0: {negative}")
    # Each level of a recursion has its own arguments, and stacks above return probes are whole.
    levels = traced(inquest, f"{program}:countdown%return", f"{program}:target", "--", program, "deep", "12")
    expect([event["args"][0]["value"] for event in levels] == ["7", *map(str, range(13))], f"{[event['args'] for event in levels]}")
    # Below 8 return addresses the kernel's are still on the stack.
    few = traced(inquest, f"{program}:countdown%return", f"{program}:target", "--", program, "deep", "5")
    expect(few[0]["complete"] and [frame["function"] for frame in few[0]["frames"]][:8] == ["target", *["countdown"] * 6, "main"],
           f"{[frame.get('function') for frame in few[0]['frames']]}: {few[0].get('stop_reason')}")


def pid(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)
    target = subprocess.Popen([program, "forever"])
    try:
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            tracer = subprocess.Popen([inquest, "trace", "--json", "-p", str(target.pid), f"{program}:target"], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
            first = json.loads(tracer.stdout.readline())
            expect(first["pid"] == target.pid and first["complete"] and first["frames"][-1]["function"] == "_start", f"{ending}: {first}")
            tracer.send_signal(ending)
            _, said = tracer.communicate(timeout=20)
            wanted = -ending if ending == signal.SIGKILL else 0
            expect(tracer.returncode == wanted, f"{ending.name}: status {tracer.returncode}: {said}")
            no_probe_left()
            state = pathlib.Path(f"/proc/{target.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            expect(target.poll() is None and state in "SR", f"{ending.name}: the process is in state {state}")
        # Two at once see the same.
        both = [subprocess.Popen([inquest, "trace", "--json", "-n", "3", "-p", str(target.pid), f"{program}:target"], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) for _ in range(2)]
        answers = [tracer.communicate(timeout=30)[0] for tracer in both]
        expect(all(len(events_of(answer)) == 3 for answer in answers), f"two tracers: {answers}")
        # The end of the process is the end of the tracing.
        tracer = subprocess.Popen([inquest, "trace", "--json", "-p", str(target.pid), f"{program}:target"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        tracer.stdout.readline()
        target.terminate()
        target.wait()
        rest, said = tracer.communicate(timeout=20)
        expect(tracer.returncode == 0 and events_of(rest)[-1].get("signal") == "SIGTERM", f"the end: {tracer.returncode} {said} {rest[-500:]}")
    finally:
        target.kill()
        target.wait()


def children(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)
    count = 1000
    file = work / "run.events"
    done = run([inquest, "trace", "-o", file, f"{program}:target", "--", program, "children", count], timeout=100)
    expect(done.returncode == 0, f"status {done.returncode}: {done.stderr}")
    answer = run([inquest, "--json", "events", file], timeout=100)
    events = json.loads(answer.stdout)["events"]
    expect(len(events) == count and len({event["pid"] for event in events}) == count, f"{len(events)} events")
    short = [event for event in events if not event["complete"] or [frame.get("function") for frame in event["frames"]][:2] != ["target", "main"]]
    expect(not short, f"{len(short)} stacks are not whole, the first: {short[:1]}")
    expect(len({event["at_random"] for event in events}) == count, "random bytes repeat")


def storm(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)
    count = 100_000
    file = work / "run.events"
    done = run([inquest, "trace", "-o", file, f"{program}:target", "--", program, "storm", count], timeout=100)
    expect(done.returncode in (0, 1), f"status {done.returncode}: {done.stderr}")
    recorded = int(re.search(r"(\d+) events in", done.stderr)[1])
    lost = re.search(r"(\d+) of (\d+) events found no room", done.stderr)
    dropped = int(lost[1]) if lost else 0
    expect(recorded + dropped == count and (dropped > 0) == (done.returncode == 1), f"{recorded} + {dropped} of {count}: {done.stderr}")
    # A predicate that is false costs no room.
    quiet = run([inquest, "trace", f"{program}:target if number == -1", "--", program, "storm", count], timeout=100)
    expect(quiet.returncode == 0 and "no event" in quiet.stderr, f"status {quiet.returncode}: {quiet.stderr}")


def signals(inquest: pathlib.Path, work: pathlib.Path) -> None:
    sources = {
        "null": "int main(int c, char **v) { volatile int *p = 0; return *p + c; }",
        "abort": "#include <stdlib.h>\nint main(void) { abort(); }",
        "jump": "int main(int c, char **v) { void (*f)(void) = (void (*)(void))0x1234; f(); return c; }",
        "divide": "int main(int c, char **v) { volatile int z = 0; return c / z; }",
        "trap": "int main(void) { __builtin_trap(); }",
        "thread": "#include <pthread.h>\nstatic void *f(void *p) { *(volatile int *)p = 1; return p; }\n"
                  "int main(void) { pthread_t t; pthread_create(&t, 0, f, (void *)8); pthread_join(t, 0); return 0; }",
        "handled": "#include <signal.h>\n#include <stdlib.h>\nstatic void h(int s) { abort(); }\n"
                   "int main(int c, char **v) { signal(SIGSEGV, h); volatile int *p = 0; return *p + c; }",
    }
    for name, text in sources.items():
        source = work / f"{name}.c"
        source.write_text(text)
        program = compile_c(work / name, [source], "-pthread")
        native_core.make([program], work / "core")
        bt = json.loads(run([inquest, "--json", "-c", work / "core", "bt"]).stdout)["threads"][0]
        seen = traced(inquest, "signal:SEGV" if name == "handled" else "signal", "--", "/bin/sh", "-c", f"ulimit -c 0; exec {program}")
        if name == "handled":
            expect(len(seen) == 2 and seen[0]["signal"] == "SIGSEGV" and not seen[0]["fatal"], f"{name}: {seen}")
        fatal = seen[-1]
        expect(fatal["fatal"] and fatal["signal"] == bt["signal"], f"{name}: {fatal['signal']}, core: {bt['signal']}")
        mine, core = ([(frame.get("function"), frame.get("file"), frame.get("line"), frame["inlined"]) for frame in frames]
                      for frames in (fatal["frames"], bt["frames"]))
        expect(mine == core and fatal["complete"] == bt["complete"], f"{name}:\n{mine}\ncore:\n{core}")


def lines(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = calls(work)
    line = line_of(CALLS, "return below + 1")
    events = traced(inquest, f"{program}:calls.c:{line}", "--", program, "deep", "3")
    expect([(event["function"], event["frames"][0]["line"]) for event in events] == [("countdown", line)] * 3, f"a line: {events}")
    blank = run([inquest, "trace", f"{program}:calls.c:{line_of(CALLS, 'KEPT void storm') - 1}", "--", program])
    expect(blank.returncode == 3 and f"the next line with code is {line_of(CALLS, 'KEPT void storm')}" in blank.stderr, f"no code: {blank.stderr}")
    other = run([inquest, "trace", f"{program}:other.c:3", "--", program])
    expect(other.returncode == 3 and "no code of a file" in other.stderr, f"another file: {other.stderr}")
    for compiler in ("g++", "clang++-19"):
        shopping = compile_c(work / "inlines", [INLINES], compiler=compiler)
        events = traced(inquest, f"{shopping}:shop::total", "--", shopping)
        frames = [[frame["function"] for frame in event["frames"]][-6:] for event in events]
        # main calls checkout three times; total is part of checkout, whose line of the call is known.
        place = line_of(INLINES, "long sum = total(")
        for event in events:
            names = [frame["function"] for frame in event["frames"]]
            at = names.index("shop::total")
            expect(event["frames"][at]["inlined"] and names[at + 1] == "shop::checkout" and event["frames"][at + 1]["line"] == place
                   and event["complete"], f"{compiler}: {names}")
        expect(len(events) == 3, f"{compiler}: {len(events)} events: {frames}")


if __name__ == "__main__":
    main(errors, arguments, stacks, lines, returns, pid, children, storm, signals)
