#!/usr/bin/env python3
"""JavaScript frames on the stacks of probes in running Node.js processes.

    tests/probes/javascript.py CASE --inquest PROGRAM

chains       for each Node.js at hand: functions, files, lines and columns as Error.stack had them at the call, from tiers of every
             kind, builtins, evals and async functions; live and from an event file, in JSON, text and folded
workers      the same in a worker thread
natives      the native frames around them are gdb's
random       calls of functions chosen at random while the program makes garbage: no wrong name, also at full speed
ended        a process that ends right after the call: native frames and a note, or the right names
crashes      a process that aborts right after the last of many calls: what has no names in the event file gets them from the core
siblings     the same where receivers are new objects of classes with one method, and functions are made all the time: no wrong name
stripped     a program without its symbol table
"""
import itertools
import json
import pathlib
import re
import shutil
import subprocess

from probing import ENVIRONMENT, HERE, Unavailable, core_in, events_of, expect, in_terminal, main, run

PROGRAM = HERE / "programs" / "frames.js"
HIT_LINE = next(number for number, line in enumerate(PROGRAM.read_text().splitlines(), 1) if "stacks.push" in line)
PROBE = "libc.so.6:getppid"
FIT = 700  # calls whose records find room in the buffer of 16 MiB, however late the tracer reads them
MAJORS = ["12.22.12", "14.21.3", "16.20.2", "18.20.8", "20.20.2", "22.23.3", "24.21.0", "26.10.0"]
CACHE = pathlib.Path.home() / ".cache" / "inquest" / "node"


def nodes() -> list[pathlib.Path]:
    found = [CACHE / version / "bin" / "node" for version in MAJORS if (CACHE / version / "bin" / "node").exists()]
    if not found and shutil.which("node"):
        found = [pathlib.Path(shutil.which("node"))]
    if not found:
        raise Unavailable("no Node.js: scripts/fetch_node VERSION")
    return found


def name_of(node: pathlib.Path) -> str:
    return node.parent.parent.name


def is_in_error_stack(frame: dict) -> bool:
    return frame["kind"] == "js" or (frame["kind"] == "builtin" and "function_address" in frame)


def shown(frame: dict) -> str:
    place = ":".join(str(frame[key]) for key in ("file", "line", "column") if key in frame) or "<anonymous>"
    return f"{frame['function']} ({place})" if frame["function"] else place


def traced(inquest: pathlib.Path, node: pathlib.Path, *words, options: tuple = (), status: int = 0) -> tuple[list[dict], dict, str]:
    """Events with their stacks, what the program printed, and the notes."""
    done = run([inquest, "trace", "--json", *options, PROBE, "--", node, PROGRAM, *words], timeout=120)
    expect(done.returncode in (status, 1), f"{name_of(node)} {words}: status {done.returncode}: {done.stderr[-800:]}")
    said = [line for line in done.stdout.splitlines() if line.startswith(('{"stacks"', '{"calls"'))]
    return events_of(done.stdout), json.loads(said[-1]) if said else {}, done.stderr


UNTYPED = []  # frames without the type of their receiver, though not marked


def compare(name: str, event: dict, truth: list[str], may_lose: bool = False) -> int:
    """How many frames were compared. Those of V8 are as Error.stack had them; the innermost stands at another call of the line."""
    ours = [frame for frame in event["frames"] if is_in_error_stack(frame)]
    truth = [line for line in truth if not line.startswith("async ")]
    marked = [frame for frame in ours if "remark" in frame]
    mine = [shown(frame) for frame in ours]
    if mine and truth:
        mine[0], truth[0] = (re.sub(r":\d+(\)?)$", r"\1", text) for text in (mine[0], truth[0]))
    # Builtins whose function is not known are among the others, of which Error.stack hides most.
    lost = sum(frame["kind"] == "builtin" and "function_address" not in frame for frame in event["frames"]) if may_lose else 0
    for i, line in enumerate(list(truth)):
        if lost > 0 and len(mine) < len(truth) and line.endswith("(<anonymous>)") and (i >= len(mine) or not line.endswith(mine[i])):
            mine.insert(i, line)
            ours.insert(i, {"remark": "lost"})
            marked.append(ours[i])
            lost -= 1
    for i, frame in enumerate(ours):
        # Whose code is gone stands for the functions inlined into it too.
        if "its code is gone" in frame.get("remark", ""):
            own = next((at for at in range(i, len(truth)) if frame["function"] and re.search(rf"\b{re.escape(frame['function'])} \(", truth[at])), i)
            del truth[i:own]
    for i in range(max(len(mine), len(truth))):
        got, wanted = (lines[i] if i < len(lines) else None for lines in (mine, truth))
        # A collector that moves the receiver just while it is read takes its type away, without a mark.
        if may_lose and got and wanted and got != wanted and ours[i] not in marked and wanted.endswith("." + got):
            UNTYPED.append((name, got))
            continue
        if got != wanted and not (i < len(ours) and ours[i] in marked):
            expect(False, f"{name}, frame {i}: {got!r}, Error.stack has {wanted!r}\n" + "\n".join(map(str, zip(mine, truth))))
    expect(event["complete"], f"{name}: the stack ends early: {event.get('stop_reason')}")
    return len(truth) - len(marked)


def check_chains(inquest: pathlib.Path, node: pathlib.Path, *words, options: tuple = (), may_lack: bool = False) -> list[dict]:
    events, said, notes = traced(inquest, node, "chains", *words, options=options)
    name = name_of(node)
    expect(len(events) == len(said["stacks"]) > 10, f"{name}: {len(events)} events, the program made {len(said['stacks'])} calls: {notes}")
    pairs = list(enumerate(zip(events, said["stacks"])))
    if may_lack and "lack the names of JavaScript" in notes:
        pairs = [pair for pair in pairs if any(is_in_error_stack(frame) for frame in pair[1][0]["frames"])]
    compared = sum(compare(f"{name}, event {i}", event, truth) for i, (event, truth) in pairs)
    frames = [frame for event in events for frame in event["frames"]]
    tiers = sorted({frame.get("tier", "") for frame in frames} - {""})
    inlined = sum(frame["inlined"] and frame["kind"] == "js" for frame in frames)
    marked = sum("remark" in frame for frame in frames)
    print(f"{name}: {len(events)} events, {compared} frames as in Error.stack, {marked} marked, tiers {' '.join(tiers)}, {inlined} inlined")
    expect(compared > 0, f"{name}: no frame was named: {notes}")
    expect(may_lack or compared > 3 * marked, f"{name}: {marked} frames are marked, {compared} right")
    expect(may_lack or ("ignition" in tiers and len(tiers) > 1), f"{name}: tiers {tiers}")
    return events


def chains(inquest: pathlib.Path, work: pathlib.Path) -> None:
    for node in nodes():
        check_chains(inquest, node)
    file = work / "run.events"
    done = run([inquest, "trace", "-o", file, PROBE, "--", nodes()[-1], PROGRAM, "chains"], timeout=120)
    said = json.loads([line for line in done.stdout.splitlines() if line.startswith('{"stacks"')][-1])
    expect(done.returncode == 0, f"-o: status {done.returncode}: {done.stderr}")
    kept = json.loads(run([inquest, "events", "--json", file]).stdout)["events"]
    expect(len(kept) == len(said["stacks"]), f"-o: {len(kept)} events of {len(said['stacks'])}")
    for i, (event, truth) in enumerate(zip(kept, said["stacks"])):
        compare(f"from the file, event {i}", event, truth)
    text = run([inquest, "events", file]).stdout
    expect(re.search(rf"^ +#\d+ +hit at {re.escape(str(PROGRAM))}:{HIT_LINE}:\d+", text, re.M), f"text: {text[:3000]}")
    folded = run([inquest, "events", "--count", "stack", file]).stdout
    expect(re.search(rf";viaMap {re.escape(str(PROGRAM))}:\d+;<builtin> Array\.map;each ", folded), f"folded: {folded[:3000]}")


def workers(inquest: pathlib.Path, work: pathlib.Path) -> None:
    for node in nodes():
        check_chains(inquest, node, "worker")


def natives(inquest: pathlib.Path, work: pathlib.Path) -> None:
    node = next((one for one in nodes() if name_of(one).startswith("22.")), nodes()[-1])
    if not shutil.which("gdb"):
        raise Unavailable("apt-get install gdb")
    commands = ["set debuginfod enabled off", "set pagination off", "set width 0", "set confirm off", "set breakpoint pending on",
                "set print frame-arguments none", "break getppid", "run", "backtrace", "kill"]
    done = run(["gdb", "-nx", "-batch", *(word for line in commands for word in ("-ex", line)), "--args", node, PROGRAM, "exit"], timeout=200)
    theirs = []
    for line in re.findall(r"^#\d+\s+(?:0x[0-9a-f]+ in )?(.*)$", done.stdout, re.M):
        theirs.append(re.sub(r" \(.*$", "", line).strip())
    events, _, _ = traced(inquest, node, "exit")
    expect(events and theirs, f"gdb: {done.stdout[-1500:]}{done.stderr[-500:]}")
    mine = [re.sub(r"\(.*$", "", frame.get("function", "")).strip() for frame in events[0]["frames"] if frame["kind"] == "native"]
    # gdb names code of V8 by symbols of builtins or not at all; what it shows behind that it has guessed.
    native = list(itertools.takewhile(lambda name: not name.startswith(("Builtins_", "??")), theirs))
    others = [re.sub(r"\(.*$", "", name).strip() for name in native]
    # It leaves out functions that jumped to the next one where there is no debug information, and stops at V8's code.
    rest = iter(mine)
    distinct = [name for i, name in enumerate(others) if name and name not in others[:i]]
    found = [name for name in distinct if name in rest]
    print(f"{len(mine)} native frames, {len(native)} of gdb before V8's code, {len(found)} compared")
    expect(len(found) == len(distinct) >= 4, f"ours {mine}\ngdb's {others}")


def check_random(inquest: pathlib.Path, node: pathlib.Path, count: int, pause: int) -> float:
    """The share of events that were named. None may have a wrong name."""
    events, said, notes = traced(inquest, node, "random", count, pause)
    expect(len(events) == len(said["calls"]), f"{name_of(node)}: {len(events)} events of {len(said['calls'])}: {notes[-500:]}")
    right = marked = 0
    for event, which in zip(events, said["calls"]):
        own = next((frame for frame in event["frames"] if is_in_error_stack(frame)), None)
        # Functions are named like their number.
        if own is not None and re.search(rf"\bkind{which}$", own["function"]):
            right += 1
        else:
            expect(own is None or "remark" in own, f"{name_of(node)}: {own}, the program called kind{which}")
            marked += 1
    print(f"{name_of(node)}: {count} calls with {pause} ms between them: {right} right, {marked} marked or without names, none wrong")
    expect(marked == 0 or "moved" in notes or "lack the names" in notes, f"{name_of(node)}: no note: {notes}")
    return right / len(events)


def random(inquest: pathlib.Path, work: pathlib.Path) -> None:
    for node in nodes():
        share = check_random(inquest, node, 300, 10)
        expect(share > 0.5, f"{name_of(node)}: only {share:.0%} named")
    check_random(inquest, nodes()[-1], 10_000, 0)


def ended(inquest: pathlib.Path, work: pathlib.Path) -> None:
    for node in nodes():
        for _ in range(3):
            events, _, notes = traced(inquest, node, "exit")
            expect(len(events) == 1 and events[0]["complete"], f"{name_of(node)}: {events}")
            names = [frame["function"] for frame in events[0]["frames"] if is_in_error_stack(frame)]
            expect(names[:1] == ["last"] or "lack the names of JavaScript" in notes, f"{name_of(node)}: {names}, {notes}")


def crash(inquest: pathlib.Path, node: pathlib.Path, folder: pathlib.Path, *words) -> tuple[pathlib.Path, pathlib.Path, list]:
    """The core and the event file of a run, and the stacks that the program had at its calls."""
    folder.mkdir()
    said, file = folder / "said.json", folder / "run.events"
    in_terminal([inquest, "trace", "-o", file, PROBE, "--", node, PROGRAM, *words, said], folder, timeout=120)
    expect(said.exists(), f"{name_of(node)}: the program did not come to its last call")
    return core_in(folder), file, json.loads(said.read_text())["stacks"]


def calls_in(document: dict) -> list[dict]:
    return [event for event in document["events"] if event["kind"] == "call"]


def check_crash(inquest: pathlib.Path, node: pathlib.Path, folder: pathlib.Path, *words) -> tuple[int, int]:
    """How many events had no names of JavaScript functions before, and how many frames are marked now."""
    core, file, stacks = crash(inquest, node, folder, *words)
    name = f"{name_of(node)} {words}"
    before = calls_in(json.loads(run([inquest, "events", "--json", file], timeout=120).stdout))
    nameless = sum(not any(is_in_error_stack(frame) for frame in event["frames"]) for event in before)
    done = run([inquest, "--json", "-c", core, "events", file], timeout=120)
    document = json.loads(done.stdout)
    events = calls_in(document)
    expect(len(events) == len(stacks) > 0, f"{name}: {len(events)} events, the program made {len(stacks)} calls: {document['notes']}")
    compared = sum(compare(f"{name}, event {i}", event, truth, True) for i, (event, truth) in enumerate(zip(events, stacks)))
    own = [[frame for frame in event["frames"] if is_in_error_stack(frame)] for event in events]
    expect(all(own), f"{name}: events without names: {[i for i, frames in enumerate(own) if not frames][:10]}")
    marked = sum("remark" in frame for frames in own for frame in frames)
    expect(len(UNTYPED) <= 3, f"{UNTYPED}")  # of about 100,000
    # Between the last call and the abort nothing can have been collected. Of optimised code the translation must agree too.
    unoptimised = [frame for frame in own[-1] if frame.get("tier") in ("ignition", "sparkplug")]
    expect(unoptimised and not any("remark" in frame for frame in unoptimised), f"{name}: the last event: {own[-1]}")
    notes = " ".join(note["text"] for note in document["notes"])
    expect((marked > 0) == ("are marked" in notes), f"{name}: {marked} marked frames, notes: {notes}")
    expect(done.returncode == (1 if notes and "lack" in notes or marked else 0), f"{name}: status {done.returncode}: {notes}")
    print(f"{name}: {len(events)} events, {nameless} without names before, {compared} frames as in Error.stack, {marked} marked, {len(UNTYPED)} without type so far")
    text = run([inquest, "-c", core, "events", "-n", "3", file], timeout=120).stdout
    expect(re.search(rf"^ +#\d+ +hit at {re.escape(str(PROGRAM))}:{HIT_LINE}:\d+", text, re.M), f"{name}: text: {text[:3000]}")
    core.unlink()
    return nameless, marked


def crashes(inquest: pathlib.Path, work: pathlib.Path) -> None:
    nameless = 0
    for node in nodes():
        nameless += check_crash(inquest, node, work / f"{name_of(node)}-dense", "crash", FIT, 0)[0]
        nameless += check_crash(inquest, node, work / f"{name_of(node)}-one", "crash", 1, 0)[0]
    expect(nameless > 0, "the tracer had read all names at once: nothing was left to the cores")


def siblings(inquest: pathlib.Path, work: pathlib.Path) -> None:
    nameless = 0
    for node in nodes():
        nameless += check_crash(inquest, node, work / name_of(node), "siblings", FIT)[0]
    expect(nameless > 0, "the tracer had read all names at once: nothing was left to the cores")


def stripped(inquest: pathlib.Path, work: pathlib.Path) -> None:
    done = 0
    for node in nodes():
        if not name_of(node).startswith(("16.", "20.", "24.")):
            continue
        bare = work / name_of(node) / "bin" / "node"
        bare.parent.mkdir(parents=True)
        subprocess.run(["strip", "-s", "-o", bare, node], check=True, env=ENVIRONMENT)
        check_chains(inquest, bare, may_lack=True)
        done += 1
    if done == 0:
        raise Unavailable("no Node.js of 16, 20 or 24")


if __name__ == "__main__":
    main(chains, workers, natives, random, ended, crashes, siblings, stripped)
