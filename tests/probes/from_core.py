#!/usr/bin/env python3
"""`trace --from-core`: a crash is met without a tracer; probes proposed from its core name the culprit in the next run.

    tests/probes/from_core.py CASE --inquest PROGRAM

c          corpora/ncurses/editor.c with Debian's ncurses: set_curterm is found as a writer of cur_term
python     corpora/ncurses/editor.py, where the call comes through ctypes
variables  a program of its own, whose source says which function writes which variable, by compilers and options
builds     files that are another build than the core's are refused

Which functions write cur_term is read from the disassembly by objdump, not from a list."""
import json
import pathlib
import re
import shutil
import subprocess

from probing import Unavailable, compile_c, core_in, events_of, expect, in_terminal, main, native_core, run
from story import CORPUS, editor, line_of

WRITERS = pathlib.Path(__file__).resolve().parent / "programs" / "writers.c"


def proposals(inquest: pathlib.Path, core: pathlib.Path, *words: object) -> dict:
    done = run([inquest, "--json", "trace", "--from-core", core, "--list", *words])
    expect(done.returncode in (0, 1), f"proposals: status {done.returncode}: {done.stderr}{done.stdout[:500]}")
    return json.loads(done.stdout)


def functions(answer: dict, kind: str) -> list[str]:
    return [row["probe"].split(" ")[0].split("(")[0].rsplit(":", 1)[1] for row in answer["rows"] if row["kind"] == kind]


def crash(command: list, work: pathlib.Path) -> pathlib.Path:
    folder = work / "crash"
    folder.mkdir(exist_ok=True)
    in_terminal(command, folder)
    return core_in(folder)


def story(inquest: pathlib.Path, work: pathlib.Path, command: list) -> dict:
    """The event of set_curterm(NULL) in a run with the probes that the core proposes; as a file, and at once."""
    core = crash(command, work)
    answer = proposals(inquest, core)
    expect({"set_curterm", "set_curterm_sp"} <= set(functions(answer, "writer")), f"writers: {answer['rows']}")
    expect(functions(answer, "stack")[0] == "doupdate_sp", f"stack: {answer['rows']}")
    expect(answer["rows"][-1]["probe"] == "signal", f"the signal: {answer['rows'][-1]}")
    writer = next(row for row in answer["rows"] if row["probe"].startswith("libtinfo.so.6:set_curterm("))
    expect(writer["probe"] == "libtinfo.so.6:set_curterm(arg0) if arg0 == NULL", f"the probe: {writer}")
    text = run([inquest, "trace", "--from-core", core, "--list"]).stdout
    file = work / "probes"
    file.write_text(text)
    expect(all(line.startswith("#") or "  # " in line for line in text.splitlines()), f"a line without its reason: {text}")
    seen = []
    for number, words in enumerate((["--from-core", core], ["--file", file])):
        folder = work / f"run{number}"
        folder.mkdir()
        in_terminal([inquest, "trace", "-o", folder / "run.events", *words, "--", *command], folder)
        done = run([inquest, "--json", "-c", core_in(folder), "events", folder / "run.events"])
        expect(done.returncode == 0, f"events: {done.stderr}{done.stdout[:500]}")
        paired = json.loads(done.stdout)
        calls = [event for event in paired["events"] if event.get("function") == "set_curterm"]
        expect(paired["paired"] and len(calls) == 1, f"calls: {[event['text'] for event in paired['events']]}")
        expect(any(event.get("function") == "doupdate_sp" for event in paired["events"]), "the crash stack was traced too")
        expect(paired["events"][-1].get("signal") == "SIGSEGV", f"the end: {paired['events'][-1]['text']}")
        seen.append(calls[0])
    expect(seen[0]["args"] == seen[1]["args"], f"as a file: {seen[1]}, at once: {seen[0]}")
    return seen[0]


def c(inquest: pathlib.Path, work: pathlib.Path) -> None:
    call = story(inquest, work, [editor(work)])
    place = f"drop_terminal at {CORPUS / 'reset.c'}:{line_of('reset.c', 'return set_curterm')}"
    expect("called set_curterm(arg0=NULL) from " + place in call["text"], f"the sentence: {call['text']}")
    # The words on the terminal name what is traced and why.
    core = work / "crash" / "core"
    core = core if core.exists() else core_in(work / "crash")
    folder = work / "shown"
    folder.mkdir()
    done = run(["script", "-qec", f"{inquest} trace --from-core {core} -- {work / 'editor'}", "/dev/null"], cwd=folder)
    expect("set_curterm(arg0=NULL)" in done.stdout and "drop_terminal" in done.stdout, f"text: {done.stdout[-1500:]}")


def python(inquest: pathlib.Path, work: pathlib.Path) -> None:
    interpreter = shutil.which("python3", path="/usr/bin")
    if not interpreter or subprocess.run([interpreter, "-c", "import curses, ctypes"], check=False).returncode != 0:
        raise Unavailable("Debian's python3 with curses and ctypes is not installed: apt-get install python3")
    call = story(inquest, work, [interpreter, CORPUS / "editor.py"])
    names = [frame.get("function") for frame in call["frames"]]
    expect("called set_curterm(arg0=NULL) from " in call["text"] and "ffi_call" in names and names[-1] == "_start", f"{call['text']}: {names}")


def variables(inquest: pathlib.Path, work: pathlib.Path) -> None:
    """What the comments of writers.c say about each function, for several ways to reach a variable."""
    source = WRITERS.read_text()
    wanted = {kind: set(re.findall(rf"/\* {kind} \*/[^(]*?(\w+)\(", source)) for kind in ("writes", "passes", "clears", "reads", "sets")}
    expect(all(wanted.values()), f"the comments: {wanted}")
    ways = {"pie": ["-O2"], "fixed": ["-O2", "-no-pie", "-fno-pie"], "unoptimised": ["-O0"], "stripped": ["-O2", "-s", "-rdynamic"],
            "no_plt": ["-O2", "-fno-plt", "-fPIC"]}
    for name, options in ways.items():
        program = work / name
        done = run(["gcc", "-o", program, WRITERS, *options])
        expect(done.returncode == 0, done.stderr)
        native_core.make([program], work / f"{name}.core")
        answer = proposals(inquest, work / f"{name}.core")
        found = set(functions(answer, "writer"))
        expect(wanted["writes"] | wanted["passes"] | wanted["clears"] <= found, f"{name}: found {found}, wanted {wanted}\n{answer}")
        expect(not found & wanted["reads"], f"{name}: {found & wanted['reads']} only read it")
        left = {row["probe"].rsplit(":", 1)[1] for row in answer["left_out"]}
        expect(wanted["sets"] <= left, f"{name}: {wanted['sets']} always set something else; left out: {answer['left_out']}")
        predicates = {row["probe"].rsplit(":", 1)[1] for row in answer["rows"] if row["kind"] == "writer"}
        for function, argument in re.findall(r"\b(\w+)\([^)]*\) \{ /\* argument (\d) \*/", source):
            expect(any(re.match(rf"{function}(\(.*\))? if arg{argument} == NULL$", one) for one in predicates), f"{name}: {function}: {predicates}")
        done = run([inquest, "trace", "--json", "--from-core", work / f"{name}.core", "--", program])
        hit = [event["function"] for event in events_of(done.stdout) if event["kind"] == "call"]
        expect("store_second" in hit and "forward" in hit, f"{name}: {hit}: {done.stderr}")


def builds(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = compile_c(work / "writers", [WRITERS])
    core = work / "the.core"
    native_core.make([program], core)
    for words in (["--list"], ["--", program]):
        saved = program.read_bytes()
        compile_c(program, [WRITERS], "-DOTHER_BUILD")
        done = run([inquest, "trace", "--from-core", core, *words])
        lines = done.stderr.strip().splitlines()
        expect(done.returncode == 3 and len(lines) == 1 and "is another build" in lines[0], f"another build, {words}: {done.returncode} {done.stderr}")
        program.write_bytes(saved)
    missing = run([inquest, "trace", "--from-core", work / "absent", "--list"])
    expect(missing.returncode == 3 and len(missing.stderr.strip().splitlines()) == 1, f"no core: {missing.returncode} {missing.stderr}")
    nothing = run([inquest, "trace", "--from-core", core])
    expect(nothing.returncode == 2 and "what to trace" in nothing.stderr, f"nobody to trace: {nothing.returncode} {nothing.stderr}")


if __name__ == "__main__":
    main(c, python, variables, builds)
