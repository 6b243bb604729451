#!/usr/bin/env python3
"""Static probes (USDT): found, armed, and their arguments decoded.

    tests/probes/usdt.py CASE --inquest PROGRAM

marks        a program's own probes: arguments in registers, memory and constants as the program prints them; its semaphore
python       garbage collections of Debian's python3, next to what gc.callbacks tells
throw        libstdcxx:throw of libstdc++: types as the program prints them
listing      what `trace --list` shows, next to readelf; what there is not is one clear line
"""
import json
import pathlib
import re
import shutil

from probing import HERE, Unavailable, compile_c, events_of, expect, main, run


def marks_program(work: pathlib.Path, compiler: str = "gcc") -> pathlib.Path:
    return compile_c(work / "marks", [HERE / "programs" / "marks.c"], compiler=compiler)


def printed(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"mark"')]


def values(event: dict) -> list:
    texts = [argument["value"] for argument in event["args"]]
    return [json.loads(re.search(r'".*"', text)[0]) if '"' in text else int(text.split()[0], 0) for text in texts]


def marks(inquest: pathlib.Path, work: pathlib.Path) -> None:
    for compiler in ("gcc", "clang-19"):
        if not shutil.which(compiler):
            raise Unavailable(f"{compiler} is not installed")
        program = marks_program(work, compiler)
        expect({one["mark"] for one in printed(run([program]).stdout)} == {"wide"}, f"{compiler}: the semaphore is set without a tracer")
        typed = "(long a, int b, unsigned char c, short d, int e, char *text)"
        done = run([inquest, "trace", "--json", f"{program}:marks:wide{typed}", f"{program}:marks:deep(int a, long b, long c)", "--", program])
        events, truth = events_of(done.stdout), printed(done.stdout)
        expect(done.returncode == 0 and len(truth) == 8, f"{compiler}: status {done.returncode}: {done.stderr} {truth}")
        expect([event["function"] for event in events] == [one["mark"] for one in truth], f"{compiler}: {events}")
        for event, one in zip(events, truth):
            expect(values(event) == one["args"], f"{compiler}: {event['args']}, the program: {one}")
            names = [frame["function"] for frame in event["frames"]]
            expect(event["complete"] and names[:2] == [one["mark"], "main"], f"{compiler}: {names}")
        # Without names they are numbered, as wide and signed as the note says; predicates are judged in the kernel.
        done = run([inquest, "trace", "--json", f"{program}:marks:deep if arg0 < -3", "--", program])
        events = events_of(done.stdout)
        truth = [one["args"] for one in printed(done.stdout) if one["mark"] == "deep" and one["args"][0] < -3]
        expect(truth and [values(event) for event in events] == truth, f"{compiler}: {events}, the program: {truth}")
        done = run([inquest, "trace", "--json", f"{program}:ma*:*", "--", program])
        expect(len(events_of(done.stdout)) == 8, f"{compiler}: a pattern: {done.stdout}")


SCRIPT = """
import gc
gc.disable()
def noted(phase, info):
    number = info['generation'] if phase == 'start' else info['collected'] + info['uncollectable']
    # In one piece, for the tracer's lines go the same way.
    print('{"mark": "%s", "number": %d}\\n' % (phase, number), end='', flush=True)
gc.collect()
gc.callbacks.append(noted)
for generation in (0, 1, 2, 0, 2, 1):
    for i in range(100 * generation + 7):
        cycle = []
        cycle.append(cycle)
    del cycle
    gc.collect(generation)
gc.callbacks.clear()
"""


def python(inquest: pathlib.Path, work: pathlib.Path) -> None:
    interpreter = shutil.which("python3", path="/usr/bin")
    listed = run([inquest, "trace", "--list", f"{interpreter}:python:*"]) if interpreter else None
    if listed is None or "python:gc__done" not in listed.stdout:
        raise Unavailable("this python3 has no static probes")
    script = work / "script.py"
    script.write_text(SCRIPT)
    done = run([inquest, "trace", "--json", f"{interpreter}:python:gc__start {{ args }}", f"{interpreter}:python:gc__done {{ args }}", "--", interpreter, script])
    expect(done.returncode == 0, f"status {done.returncode}: {done.stderr}")
    truth = [(f"gc__{one['mark'].replace('stop', 'done')}", one["number"]) for one in printed(done.stdout)]
    mine = [(event["function"], values(event)[0]) for event in events_of(done.stdout)]
    # Python collects before and after the script too.
    expect(len(truth) == 12 and any(mine[i:i + 12] == truth for i in range(len(mine))), f"{mine}\nthe script:\n{truth}")


def throw(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = compile_c(work / "throws", [HERE / "programs" / "throws.cc"], compiler="g++")
    done = run([inquest, "trace", "--json", "libstdc++.so.6:libstdcxx:throw(void *object, std::type_info *type)", "--", program])
    events = events_of(done.stdout)
    truth = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"thrown"')]
    expect(done.returncode == 0 and len(truth) == 10 and len(events) == 10, f"status {done.returncode}: {done.stderr} {events}")
    for event, one in zip(events, truth):
        kind = event["args"][1]["value"]
        expect(kind.endswith(f"<typeinfo for {one['thrown']}>"), f"{kind}, thrown was {one['thrown']}")
        names = [re.sub(r"\(.*", "", frame.get("function", "??")) for frame in event["frames"]]
        expect(event["complete"] and names[1:1 + len(one["path"])] == one["path"], f"{one}: {names}")


def listing(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = marks_program(work)
    for file in (program, pathlib.Path(shutil.which("python3", path="/usr/bin") or program).resolve()):
        notes = run(["readelf", "-n", file]).stdout
        truth = sorted(zip(re.findall(r"Provider: (\S+)", notes), re.findall(r"Name: (\S+)", notes), re.findall(r"Arguments: ?(.*)", notes)))
        answer = run([inquest, "--json", "trace", "--list", file])
        rows = [row for row in json.loads(answer.stdout)["rows"] if "static probe" in row["detail"]]
        mine = sorted((*row["probe"].rsplit(":", 2)[1:], (re.search(r"arguments (.*?)(, with a semaphore)?$", row["detail"]) or ["", ""])[1]) for row in rows)
        expect(mine == truth, f"{file}: {mine}\nreadelf: {truth}")
    done = run([inquest, "trace", f"{program}:marks:wides", "--", program])
    expect(done.returncode == 3 and "there is no static probe marks:wides" in done.stderr and "marks:wide" in done.stderr
           and len(done.stderr.splitlines()) == 1, f"{done.returncode}: {done.stderr}")
    done = run([inquest, "trace", f"{program}:marks:wide%return", "--", program])
    expect(done.returncode == 2 and "no return" in done.stderr, f"{done.returncode}: {done.stderr}")


if __name__ == "__main__":
    main(marks, python, throw, listing)
