#!/usr/bin/env python3
"""The founding story end to end (corpora/ncurses): trace around the run, then `events` and `why` on the core.

    tests/probes/story.py CASE --inquest PROGRAM

c        editor.c with Debian's ncurses: the caller is named at file:line, through two functions that are not on the stack
python   editor.py: set_curterm called through ctypes
debug    editor.c with an ncurses built with -g from Debian's source package: ClrBlank and ClrUpdate inlined in doupdate

Truth: lines are found in the sources by their text; stacks are those that gdb shows at a breakpoint on set_curterm."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from probing import ENVIRONMENT, ROOT, Unavailable, compile_c, core_in, expect, gdb_stack, in_terminal, main, run, same_stack

CORPUS = ROOT / "corpora" / "ncurses"
PROBE = "libtinfo.so.6:set_curterm(termp) if termp == NULL { args, stack }"


def line_of(file: str, text: str) -> int:
    lines = (CORPUS / file).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def editor(work: pathlib.Path, *options: str) -> pathlib.Path:
    return compile_c(work / "editor", [CORPUS / "editor.c", CORPUS / "reset.c"], *(options or ("-lncursesw", "-ltinfo")))


def traced_run(inquest: pathlib.Path, work: pathlib.Path, command: list, probe: str = PROBE, env: dict | None = None):
    """The core of the command, its events and their file."""
    file = work / "run.events"
    in_terminal([inquest, "trace", "-o", file, probe, "--", *command], work, env=env)
    expect(file.exists(), "no event file")
    core = core_in(work)
    done = run([inquest, "--json", "-c", core, "events", file], env=env or ENVIRONMENT)
    expect(done.returncode == 0, f"events: status {done.returncode}: {done.stderr}{done.stdout[:600]}")
    return core, json.loads(done.stdout), file


def check_pairing(answer: dict, core: pathlib.Path) -> dict:
    """The two events are there, the crash last; gives that of set_curterm."""
    events = answer["events"]
    expect(answer["paired"] and answer["death"] == "recorded", f"not paired: {answer}")
    expect([event["kind"] for event in events] == ["call", "signal"], f"events: {[event['text'] for event in events]}")
    call, crash = events
    expect(crash["signal"] == "SIGSEGV" and crash["fatal"], f"the crash: {crash['text']}")
    before = call["ns_before_death"]
    # editor.* sleep 20 ms in between.
    expect(20e6 <= before < 10e9, f"{before} ns before the crash")
    expect(call["complete"] and crash["complete"], f"a stack ends early: {call.get('stop_reason')} {crash.get('stop_reason')}")
    return call


def c(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = editor(work)
    core, answer, file = traced_run(inquest, work, [program])
    call = check_pairing(answer, core)
    place = f"drop_terminal at {CORPUS / 'reset.c'}:{line_of('reset.c', 'return set_curterm')}"
    expect(re.fullmatch(rf"[\d.]+ m?s before the crash, thread \d+ called set_curterm\(termp=NULL\) from {re.escape(place)}", call["text"]),
           f"the sentence: {call['text']}")
    names = [frame.get("function") for frame in call["frames"]]
    expect(names[:5] == ["set_curterm", "drop_terminal", "reload_terminal", "handle_resize", "main"] and names[-1] == "_start",
           f"the stack: {names}")
    expect([frame["found_by"] for frame in call["frames"][1:3]] == ["tail-call"] * 2, f"tail calls: {call['frames'][1:3]}")
    same_stack("c", call["frames"], gdb_stack([program], "set_curterm if $rdi == 0"))
    # The stack of the signal is the stack of the core.
    bt = json.loads(run([inquest, "--json", "-c", core, "bt"]).stdout)
    mine = [(frame["pc"], frame.get("function")) for frame in answer["events"][1]["frames"]]
    expect(mine == [(frame["pc"], frame.get("function")) for frame in bt["threads"][0]["frames"]], f"signal: {mine}, core: {bt}")
    # A file beside the core is found; as text the same sentence.
    why = run([inquest, "-c", core, "why"]).stdout
    expect(call["text"] in why and "run.events" in why, f"why: {why[:1500]}")
    text = run([inquest, "-c", core, "events", "--brief", file]).stdout
    expect(call["text"] in text.splitlines(), f"events: {text}")
    # Another run of the same program is not this one.
    second = work / "second"
    second.mkdir()
    in_terminal([program], second)
    other = run([inquest, "--json", "-c", core_in(second), "events", file])
    expect(other.returncode == 1 and json.loads(other.stdout)["events"] == [], f"another run: {other.stdout[:500]}")


def python(inquest: pathlib.Path, work: pathlib.Path) -> None:
    interpreter = shutil.which("python3", path="/usr/bin")
    if not interpreter:
        raise Unavailable("Debian's python3 is not installed: apt-get install python3")
    command = [interpreter, CORPUS / "editor.py"]
    if subprocess.run([interpreter, "-c", "import curses, ctypes"], check=False).returncode != 0:
        raise Unavailable("this python3 has no curses or no ctypes")
    core, answer, _ = traced_run(inquest, work, command)
    call = check_pairing(answer, core)
    expect("called set_curterm(termp=NULL) from " in call["text"] and "libffi" in call["text"], f"the sentence: {call['text']}")
    names = [frame.get("function") for frame in call["frames"]]
    expect(names[0] == "set_curterm" and names[-1] == "_start" and "ffi_call" in names, f"the stack: {names}")
    # gdb 13 finds no call sites in the compressed debug information of this python.
    same_stack("python", call["frames"], gdb_stack(command, "set_curterm if $rdi == 0"), with_tail_calls=False)


def built_ncurses() -> pathlib.Path:
    """The folder of an ncurses with debug information, kept between runs."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "inquest" / "ncurses-g"
    libraries = cache / "lib"
    if (libraries / "libncursesw.so.6").exists():
        return libraries
    for tool in ("dpkg-source", "make", "apt-get"):
        if not shutil.which(tool):
            raise Unavailable(f"{tool} is not installed")
    with tempfile.TemporaryDirectory(prefix="ncurses-") as folder:
        work = pathlib.Path(folder)
        fetch_source(work)
        source = next(path for path in work.iterdir() if path.is_dir() and path.name.startswith("ncurses-"))
        options = ["--with-shared", "--without-normal", "--without-debug", "--with-termlib=tinfo", "--enable-widec", "--without-cxx",
                   "--without-cxx-binding", "--without-ada", "--without-manpages", "--without-tests", "--without-progs", "--disable-stripping",
                   "--with-default-terminfo-dir=/usr/share/terminfo", "--with-terminfo-dirs=/etc/terminfo:/lib/terminfo:/usr/share/terminfo"]
        build = {**ENVIRONMENT, "CFLAGS": "-g -O2"}
        for command in (["./configure", "--quiet", *options], ["make", "-s", "-j2", "libs"]):
            done = run(command, timeout=600, cwd=source, env=build)
            if done.returncode != 0:
                raise Unavailable(f"ncurses cannot be built: {done.stderr[-400:]}")
        cache.mkdir(parents=True, exist_ok=True)
        made = cache / "made"
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(source / "lib", made, symlinks=True)
        shutil.copytree(source, cache / "source", dirs_exist_ok=True, symlinks=True)
        made.rename(libraries)
    return libraries


def fetch_source(work: pathlib.Path) -> None:
    """Debian's source package, without touching the system's lists."""
    for part in ("lists/partial", "cache/archives/partial"):
        (work / part).mkdir(parents=True)
    entries = [line.split() for name in ["/etc/apt/sources.list", *map(str, pathlib.Path("/etc/apt/sources.list.d").glob("*.list"))]
               if pathlib.Path(name).exists() for line in pathlib.Path(name).read_text().splitlines() if line.startswith("deb ")]
    lines = [" ".join(["deb-src", *words[1:]]) for words in entries]
    for file in pathlib.Path("/etc/apt/sources.list.d").glob("*.sources"):
        (work / file.name).write_text(re.sub(r"(?m)^Types:.*$", "Types: deb-src", file.read_text()))
    (work / "list.list").write_text("\n".join(lines) + "\n")
    options = [word for pair in (f"Dir::Etc::sourcelist={work / 'list.list'}", f"Dir::Etc::sourceparts={work}", f"Dir::State::lists={work / 'lists'}",
                                 f"Dir::Cache={work / 'cache'}") for word in ("-o", pair)]
    for command in (["update", "-qq"], ["source", "-qq", "--only-source", "ncurses"]):
        done = run(["apt-get", *options, *command], timeout=300, cwd=work)
        if done.returncode != 0:
            raise Unavailable(f"Debian's source package cannot be had: {done.stderr[-300:]}")


def debug(inquest: pathlib.Path, work: pathlib.Path) -> None:
    libraries = built_ncurses()
    env = ENVIRONMENT | {"LD_LIBRARY_PATH": str(libraries)}
    # The program itself must not ask for versions of symbols that only Debian's build has.
    program = editor(work, f"-L{libraries}", "-l:libncursesw.so.6", "-l:libtinfo.so.6")
    core, answer, _ = traced_run(inquest, work, [program], env=env)
    call = check_pairing(answer, core)
    expect(call["frames"][0].get("file", "").endswith("lib_cur_term.c"), f"the probe: {call['frames'][0]}")
    same_stack("debug", call["frames"], gdb_stack([program], "set_curterm if $rdi == 0", env=env))
    bt = json.loads(run([inquest, "--json", "-c", core, "bt"], env=env).stdout)
    frames = bt["threads"][0]["frames"]
    expect([(frame["function"], frame["inlined"]) for frame in frames[:3]] == [("ClrBlank", True), ("ClrUpdate", True), ("doupdate_sp", False)],
           f"bt: {frames[:4]}")
    why = run([inquest, "-c", core, "why"], env=env).stdout
    expect("cur_term" in why.split("\n\n")[0], f"why: {why[:600]}")


if __name__ == "__main__":
    main(c, python, debug)
