"""Runs inquest, gdb, lldb and eu-stack on a variant and reads the stacks they print."""
import dataclasses
import json
import os
import pathlib
import re
import subprocess

from build_variant import Variant
from stacks import Frame, Stacks

ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"} | {"LC_ALL": "C"}


@dataclasses.dataclass
class Answer:
    stacks: Stacks
    status: int
    said: str  # notes of inquest, the end of what the others complained about
    notes: list[str] = dataclasses.field(default_factory=list)


def _run(command: list, timeout: int = 120) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=timeout, env=ENVIRONMENT)


def _debug_dir(directory: pathlib.Path, variant: Variant) -> pathlib.Path | None:
    return directory / variant.debug_dir if variant.debug_dir else None


def inquest(program: pathlib.Path, directory: pathlib.Path, variant: Variant) -> Answer:
    debug = _debug_dir(directory, variant)
    options = ["--debug-dir", debug] if debug else []
    done = _run([program, *options, "-c", directory / "core", "bt", "--all", "--json"])
    if done.returncode not in (0, 1):
        return Answer({}, done.returncode, done.stderr.strip())
    answer = json.loads(done.stdout)
    # Frames of tail calls are on no stack: eu-stack and the program itself know none. tail_calls.py has them.
    stacks = {thread["tid"]: [Frame(frame.get("function") or "", frame.get("file") or "", frame.get("line") or 0,
                                    bool(frame.get("inlined")), int(frame.get("pc") or "0", 16))
                              for frame in thread["frames"] if frame.get("found_by") != "tail-call"]
              for thread in answer["threads"]}
    notes = [note["text"] for note in answer["notes"]]
    return Answer(stacks, done.returncode, "\n".join(notes), notes)


def gdb(directory: pathlib.Path, variant: Variant) -> Answer:
    debug = _debug_dir(directory, variant)
    settings = ["set debuginfod enabled off", "set pagination off", "set width 0", "set backtrace past-main on",
                "set backtrace past-entry on", "set print frame-arguments none", "set filename-display absolute",
                *([f"set debug-file-directory {debug}:/usr/lib/debug"] if debug else [])]
    command = ["gdb", "-nx", "-batch", *(word for line in settings for word in ("-iex", line)), "-ex", "thread apply all backtrace",
               directory / "t", directory / "core"]
    done = _run(command)
    stacks: Stacks = {}
    frames: list[Frame] = []
    for line in done.stdout.splitlines():
        if head := re.match(r"Thread \d+ \(.*LWP (\d+)\)", line):
            frames = stacks.setdefault(int(head[1]), [])
        elif found := re.match(r"#\d+\s+(?:0x([0-9a-f]+) in )?(.*)", line):
            text = re.sub(r" from \S+$", "", found[2])
            place = re.search(r" at (\S+):(\d+)$", text)
            text = re.sub(r" \([^()]*\)$", "", text[:place.start()] if place else text)
            frames.append(Frame("" if text.strip() in ("??", "<signal handler called>") else text, place[1] if place else "",
                                int(place[2]) if place else 0, pc=int(found[1] or "0", 16)))
    return Answer(stacks, done.returncode, done.stderr[-2000:])


def lldb(directory: pathlib.Path, variant: Variant) -> Answer:
    debug = _debug_dir(directory, variant)
    settings = ["settings set use-color false",
                *([f"settings set target.debug-file-search-paths {debug}"] if debug else []),
                r'settings set thread-stop-format "T|${thread.id%tid}\n"',
                r'settings set frame-format "F|${frame.pc}{|N=${function.name}}{|L=${line.file.fullpath}:${line.number}}\n"',
                f"target create {directory / 't'} --core {directory / 'core'}", "thread backtrace all"]
    done = _run(["lldb-19", "--no-lldbinit", "--batch", *(word for line in settings for word in ("-o", line))])
    stacks: Stacks = {}
    frames: list[Frame] = []
    for line in done.stdout.splitlines():
        if head := re.match(r"[ *]*T\|(\d+)", line):
            frames = stacks.setdefault(int(head[1]), [])
        elif found := re.match(r"[ *]*F\|0x([0-9a-f]+)(?:\|N=(.*?))?(?:\|L=([^|]*):(\d+))?$", line):
            name = (found[2] or "").rpartition(" [inlined] ")[2]
            frames.append(Frame(name, found[3] or "", int(found[4] or 0), pc=int(found[1], 16)))
    return Answer(stacks, done.returncode, done.stderr[-2000:])


def eu_stack(directory: pathlib.Path, variant: Variant, inlined: bool = True) -> Answer:
    debug = _debug_dir(directory, variant)
    options = [f"--debuginfo-path=:.debug:{debug}:/usr/lib/debug"] if debug else []
    done = _run(["eu-stack", "-n", "0", *(["-i", "-s"] if inlined else []), *options, "-e", directory / "t", "--core",
                 directory / "core"])
    stacks: Stacks = {}
    frames: list[Frame] = []
    for line in done.stdout.splitlines():
        if head := re.match(r"TID (\d+):", line):
            frames = stacks.setdefault(int(head[1]), [])
        elif found := re.match(r"#\d+\s+0x([0-9a-f]+)\s*(.*)", line):
            frames.append(Frame(found[2], pc=int(found[1], 16)))
        elif frames and (place := re.match(r"    (\S.*?):(\d+)(?::\d+)?$", line)):
            frames[-1] = dataclasses.replace(frames[-1], file=place[1], line=int(place[2]))
    return Answer(stacks, done.returncode, done.stderr[-2000:])


PEERS = {"gdb": gdb, "lldb-19": lldb, "eu-stack": eu_stack}
