"""What is checked of a core, one function per check. Each takes a Context and returns the failures as lines of text."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field

import comparison
import facts
import heap_snapshot
import holders
import pending
import retainers
import values
from census import Inquest, counts_of, rows_of

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
STATUS_UNAVAILABLE = 77

GARBAGE_LEFT_OVER = 20     # dropped instances that stale words of the stack may still keep alive
NOT_PARSED_SHARE = 0.001   # of the area of the heap, in a core out of the middle of a collection
GC_CORES = 10


class Unavailable(Exception):
    """This core cannot be made here; the test is skipped with that reason."""


@dataclass
class Context:
    version: str
    inquest: str
    plugin: str | None = None
    gc_cores: int = GC_CORES
    printed: list[str] = field(default_factory=list)

    def make(self, case: str, *arguments: str, instance: int = 0) -> pathlib.Path:
        command = [str(REPOSITORY / "scripts" / "make_core"), case, self.version, "--instance", str(instance)]
        done = subprocess.run(command + (["--", *arguments] if arguments else []), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        sys.stderr.write(done.stderr)
        if done.returncode == STATUS_UNAVAILABLE:
            raise Unavailable(done.stderr.strip().splitlines()[-1])
        if done.returncode != 0:
            raise RuntimeError(f"make_core {case} {self.version}: {done.stderr.strip()}")
        return pathlib.Path(done.stdout.strip())

    def open(self, directory: pathlib.Path) -> Inquest:
        return Inquest(self.inquest, directory / "core")

    def say(self, text: str) -> None:
        self.printed.append(text)


def truth_of(directory: pathlib.Path) -> dict:
    return json.loads((directory / "truth.json").read_text())


def compare_counts(found: dict[str, int], truth: dict, what: str) -> list[str]:
    failures = [f"{what}: {name}: {found.get(name, 0)} instances, the program had {count}"
                for name, count in truth.get("counts", {}).items() if found.get(name, 0) != count]
    for name, (low, high) in truth.get("between", {}).items():
        if not low <= found.get(name, 0) <= high:
            failures.append(f"{what}: {name}: {found.get(name, 0)} instances, the program had {low} to {high}")
    return failures


def check_snapshot(context: Context, case: str) -> list[str]:
    """Every row against V8's own heap snapshot."""
    directory = context.make(case)
    snapshot = heap_snapshot.read(directory / "snapshot.heapsnapshot")
    truth = snapshot.rows
    found = rows_of(context.open(directory).census())
    differences = comparison.compare(truth, found, case, context.version, comparison.load_exceptions(),
                                     snapshot.transient)
    context.say(f"{len(truth)} types in the snapshot, {len(found)} in the census, {len(differences)} differ")
    if differences:
        context.say(comparison.table(differences))
    return [f"{case}: {entry.type}: {entry.found.count} instances of {entry.found.self_size} bytes, "
            f"the snapshot has {entry.truth.count} of {entry.truth.self_size}" for entry in differences if not entry.reason]


def check_counts(context: Context, case: str) -> list[str]:
    """The numbers the program printed, exactly."""
    directory = context.make(case)
    return compare_counts(counts_of(context.open(directory).census()), truth_of(directory), case)


def check_diff(context: Context, case: str) -> list[str]:
    """Two ages of a program: exact differences, the type that grows first."""
    ages = {"leak": ("500", "2000"), "growing": ("1", "4")}[case]
    young, old = (context.make(case, age) for age in ages)
    _make_younger(young / "core", old / "core")
    inquest = context.open(old)
    failures = _check_diff_rows(inquest.json("v8", "diff", str(young / "core"))["rows"], truth_of(young), truth_of(old), case)
    saved = old / "young.json"
    saved.write_text(context.open(young).run("v8", "findjsobjects", "--json"))
    from_json = inquest.json("v8", "diff", str(saved))["rows"]
    failures += _check_diff_rows(from_json, truth_of(young), truth_of(old), f"{case} against saved JSON")
    return failures


def _make_younger(young: pathlib.Path, old: pathlib.Path) -> None:
    """Ages are told by the times the cores were written; in the cache they may have been made in any order."""
    if young.stat().st_mtime >= old.stat().st_mtime:
        os.utime(old, (time.time(), young.stat().st_mtime + 1))


def _check_diff_rows(rows: list[dict], young: dict, old: dict, what: str) -> list[str]:
    failures = []
    by_type = {row["type"]: row for row in rows}
    for name in young["counts"].keys() | old["counts"].keys():
        before, after = young["counts"].get(name, 0), old["counts"].get(name, 0)
        row = by_type.get(name, {})
        found = (row.get("count_before", 0), row.get("count_after", 0), row.get("count_delta", 0))
        if found != (before, after, after - before) and not (before == after and not row):
            failures.append(f"{what}: {name}: {found} instances before, after, more; the program had {before}, {after}")
    leaking = {"leak": "Session", "growing": "Grower"}[what.split()[0]]
    if not rows or rows[0]["type"] != leaking:
        failures.append(f"{what}: {leaking} is not ranked first, but {[row['type'] for row in rows[:5]]}")
    return failures


def check_workers(context: Context, case: str) -> list[str]:
    """Rows per isolate: the main thread is number 0, workers come in any order."""
    failures = []
    for arguments in ((), ("12",)):
        directory = context.make(case, *arguments)
        isolates: dict[int, dict[str, int]] = {}
        for row in context.open(directory).census()["rows"]:
            if row["type"] in ("InMain", "InWorker", "Shared"):
                isolates.setdefault(row["isolate"], {})[row["type"]] = row["count"]
        expected = truth_of(directory)["isolates"]
        if isolates.get(0) != expected[0]:
            failures.append(f"{case}: isolate 0 has {isolates.get(0)}, the main thread had {expected[0]}")
        workers = sorted((sorted(rows.items()) for index, rows in isolates.items() if index != 0))
        if workers != sorted(sorted(rows.items()) for rows in expected[1:]):
            failures.append(f"{case}: the workers' isolates have {workers}, the workers had {expected[1:]}")
    return failures


def check_churn(context: Context, case: str) -> list[str]:
    """What was dropped does not count as live, wherever old pointers to it lie about; what is kept is exact."""
    directory = context.make(case)
    truth = truth_of(directory)
    live = counts_of(context.open(directory).census())
    failures = compare_counts(live, truth, f"{case}, live")
    for name, count in truth["dead"].items():
        if live.get(name, 0) > GARBAGE_LEFT_OVER:
            failures.append(f"{case}: {live[name]} of {count} dropped {name} count as live")
    return failures


def check_dropped(context: Context, case: str) -> list[str]:
    """Garbage is absent from the default histogram, present with --all and --dead; what is kept is exact."""
    directory = context.make(case)
    truth, inquest = truth_of(directory), context.open(directory)
    live, all_, dead = (counts_of(inquest.census(*options)) for options in ((), ("--all",), ("--dead",)))
    failures = compare_counts(live, truth, f"{case}, live") + compare_counts(all_, truth, f"{case}, --all")
    for name, count in truth["dead"].items():
        if live.get(name, 0) > GARBAGE_LEFT_OVER:
            failures.append(f"{case}: {live[name]} of {count} dropped {name} count as live")
        if all_.get(name, 0) != count:
            failures.append(f"{case}: --all counts {all_.get(name, 0)} {name}, {count} were dropped")
        if live.get(name, 0) + dead.get(name, 0) != count:
            failures.append(f"{case}: {live.get(name, 0)} live and {dead.get(name, 0)} dead {name} do not make {count}")
    return failures


def check_gc(context: Context, case: str) -> list[str]:
    """Cores from random moments of collections: nearly every byte is parsed, the share that is not is reported."""
    failures = []
    for instance in range(context.gc_cores):
        directory = context.make(case, instance=instance)
        inquest = context.open(directory)
        counts = counts_of(inquest.census())
        spaces = list(_spaces(_info_after_walk(inquest)))
        area, not_parsed = (sum(space[name] for space in spaces) for name in ("area", "not_parsed"))
        context.say(f"core {instance}: {not_parsed} of {area} bytes not parsed ({100 * not_parsed / max(area, 1):.4f} %), "
                    f"{counts.get('Pinned', 0)} Pinned")
        if area == 0 or not_parsed > NOT_PARSED_SHARE * area:
            failures.append(f"{case}: core {instance}: {not_parsed} of {area} bytes not parsed")
        failures += compare_counts(counts, truth_of(directory), f"{case}: core {instance}")
    return failures


def _info_after_walk(inquest: Inquest) -> dict:
    """`v8 info` walks nothing by itself; after a census it knows what could not be parsed."""
    text = inquest.run("--json", "-o", "v8 findjsobjects --all --top 1", "-o", "v8 info")
    decoder, answers, position = json.JSONDecoder(), [], 0
    while position < len(text.rstrip()):
        answer, position = decoder.raw_decode(text, position)
        answers.append(answer)
        position += len(text[position:]) - len(text[position:].lstrip())
    return next(answer for answer in answers if answer["command"] == "v8 info")


def _spaces(info: dict):
    for isolate in info["isolates"]:
        yield from isolate["spaces"]
    yield from info.get("shared_spaces", [])


def check_plugin(context: Context, case: str) -> list[str]:
    """Inside LLDB the same commands print the same, byte for byte."""
    if not context.plugin:
        raise Unavailable("no plugin was built (LLDB is missing)")
    directory = context.make(case)
    failures = []
    for command in ("v8 findjsobjects", "v8 findjsobjects --json", "v8 findjsobjects -d", "v8 info", "v8 info --json",
                    "v8 findjsinstances -n 5 Session", "v8 bt", "v8 bt -v", "v8 bt --all --json", "v8 async --json", "v8 errors",
                    "v8 source list", "v8 whatis 0", "v8 nodeinfo", "v8 strings --json",
                    "v8 findjsinstances -n 3 --print id --sort -id Session"):
        expected = context.open(directory).run(*command.split())
        lldb = ["lldb-19", "-b", "-o", f"plugin load {context.plugin}", "-o", f"target create --core {directory / 'core'}",
                "-o", command]
        said = subprocess.run(lldb, capture_output=True, text=True, timeout=300).stdout
        _, prompt, answer = said.partition(f"(lldb) {command}\n")
        if not prompt or answer.rstrip("\n") != expected.rstrip("\n"):
            failures.append(f"{command}: LLDB prints something else than the command line:\n" + _first_difference(expected, answer))
    return failures


def check_jsstack(context: Context, case: str) -> list[str]:
    """JavaScript frames against the Error.stack that the program took on the line on which it died."""
    directory = context.make(case)
    truth = truth_of(directory)
    thread = context.open(directory).json("v8", "bt")["threads"][0]
    found = [frame for frame in thread["frames"] if _is_in_error_stack(frame)]
    failures = compare_stacks([_shown_like_error_stack(frame) for frame in found],
                              [frame["shown"] for frame in truth["frames"]])
    if len(truth["frames"]) < 10:
        failures.append(f"the program saw only {len(truth['frames'])} frames of its own")
    if not thread["complete"]:
        failures.append(f"the stack ends early: {thread.get('stop_reason')}")
    tiers = sorted({frame.get("tier", "") for frame in found})
    inlined = sum(frame["inlined"] for frame in found)
    context.say(f"{len(truth['frames'])} frames in Error.stack, {len(found)} found; tiers {' '.join(tiers)}, {inlined} inlined")
    for function, tier in truth.get("tiers", {}).items():
        if not any(frame["function"] == function and frame.get("tier") == tier for frame in found):
            failures.append(f"V8 said that {function} runs as {tier} code; the tiers found are {tiers}")
    if case == "jsstack" and inlined < 2:
        failures.append(f"{inlined} inlined frames, the program has two levels of them")
    return failures


def check_jsinline(context: Context, case: str) -> list[str]:
    """Inlined functions against Error.stack, and the arguments that the program says they had."""
    failures = []
    for compiler in ("turbofan", "maglev"):
        directory = context.make(case, compiler)
        truth = truth_of(directory)
        if not truth["frames"]:
            context.say(f"{compiler}: not in this Node.js")
            continue
        thread = context.open(directory).json("v8", "bt")["threads"][0]
        found = [frame for frame in thread["frames"] if _is_in_error_stack(frame)]
        wrong = compare_stacks([_shown_like_error_stack(frame) for frame in found],
                               [frame["shown"] for frame in truth["frames"]])
        inlined = [frame for frame in found if frame["inlined"]]
        with_receiver = sum("this" in frame for frame in inlined)
        compared = 0
        for frame in inlined:
            passed = truth["passed"].get(re.split(r"[. ]", frame["function"].split(" [as")[0])[-1])
            if passed is None:
                continue
            arguments = frame.get("args", [])
            expected = [[_described(value) for value in values] for values in passed]
            compared += 1
            # Maglev of 14.x keeps no more of them than the function declares.
            count = len(arguments) if compiler == "maglev" and arguments else None
            if not any(arguments[:len(values)] == values[:count] for values in expected):
                wrong.append(f"{frame['function']}: arguments {arguments}, the program passed {expected}")
        if len(truth["optimized"]) < truth["stages"] - 4 or len(inlined) < len(truth["optimized"]):
            wrong.append(f"only {len(truth['optimized'])} of {truth['stages']} stages are optimised, {len(inlined)} frames inlined")
        if with_receiver < len(inlined):
            wrong.append(f"{len(inlined) - with_receiver} inlined frames have no receiver")
        if not thread["complete"]:
            wrong.append(f"the stack ends early: {thread.get('stop_reason')}")
        context.say(f"{compiler}: {len(truth['frames'])} frames in Error.stack, {len(found)} found, {len(inlined)} inlined, "
                    f"arguments of {compared} compared")
        failures += [f"{compiler}: {line}" for line in wrong]
    return failures


def _described(value) -> str:
    if value is None or value == {}:
        return "<null>" if value is None else "<undefined>"
    if isinstance(value, str):
        return f'<String: "{value}">'
    return f"<Smi: {value}>" if isinstance(value, int) else f"<Number: {value:f}>"


def _is_in_error_stack(frame: dict) -> bool:
    """JavaScript and the builtins that are functions of JavaScript; not the stubs of V8, nor functions of Node.js in C++."""
    return frame["kind"] == "js" or (frame["kind"] == "builtin" and "function_address" in frame)


def _shown_like_error_stack(frame: dict) -> str:
    place = ":".join(str(frame[key]) for key in ("file", "line", "column") if key in frame) or "<anonymous>"
    if frame["kind"] == "async" and "file" not in frame:
        return frame["function"]  # Promise.all (index 1)
    return f"{frame['function']} ({place})" if frame["function"] else place


def compare_stacks(found: list[str], truth: list[str]) -> list[str]:
    """Line by line. The innermost frame stands at another call of the same line: its column differs."""
    def without_column(line: str) -> str:
        return re.sub(r":\d+(\)?)$", r"\1", line)

    failures = []
    for i in range(max(len(truth), len(found))):
        expected, got = (lines[i] if i < len(lines) else None for lines in (truth, found))
        if i == 0 and expected and got:
            expected, got = without_column(expected), without_column(got)
        if expected != got:
            failures.append(f"frame {i}: {got!r}, Error.stack has {expected!r}")
    return failures


def _places_in_typescript(lines: list[str]) -> list[str]:
    return [match[1] for line in lines if (match := re.search(r"at .*\((.*\.ts:\d+:\d+)\)$", line))]


def _originals(frames: list[dict]) -> list[str]:
    return [":".join(str(frame["original"][key]) for key in ("file", "line", "column"))
            for frame in frames if "original" in frame]


def _check_maps_elsewhere(inquest: Inquest, pair: list[str]) -> list[str]:
    """The same in the other commands. `pair`: of one error; another, made by the same call, was never asked for its stack;
    its outermost function has a twin that waits for ever at the same place."""
    unread = [row for row in inquest.json("v8", "errors")["rows"]
              if row["message"] == "pair" and row["stack_source"] == "captured"]
    failures = [] if len(unread) == 1 else [f"{len(unread)} errors that were not asked for their stack, there is one"]
    for row in unread:
        failures += [f"v8 errors: {text}" for text in compare_stacks(_originals(row["frames"]), pair)]
    waiting = _originals([row for row in inquest.json("v8", "async")["rows"] if row["function"] == "outer"])
    if waiting != pair[-1:]:
        failures.append(f"v8 async: outer waits at {waiting}, its twin waited at {pair[-1:]}")
    source = pathlib.Path(pair[-1].rsplit(":", 2)[0]).with_name("inline.ts")
    line, text = next((i, text) for i, text in enumerate(source.read_text().splitlines(), 1) if "function finish" in text)
    begins = _originals(inquest.json("v8", "functions", "-n", "finish")["rows"])
    if begins != [f"{source}:{line}:{text.index('function') + 1}"]:
        failures.append(f"v8 functions: finish begins at {begins}, in the source at {source}:{line}:{text.index('function') + 1}")
    return failures


def check_jsmaps(context: Context, case: str) -> list[str]:
    """Positions in the original source against those of Node.js, which applied the same maps to Error.stack."""
    directory = context.make(case)
    told = truth_of(directory)
    truth = _places_in_typescript(told["frames"])
    failures = _check_maps_elsewhere(context.open(directory), _places_in_typescript(told["pair"].splitlines()))
    (directory / "maps").mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "corpora" / case / "program.js.map", directory / "maps")
    for options in ((), ("--source-map-dir", str(directory / "maps"))):
        frames = context.open(directory).json("v8", "bt", *options)["threads"][0]["frames"]
        failures += compare_stacks(_originals(frames), truth)
    context.say(f"{len(truth)} frames in original sources")
    if len(truth) < 5:
        failures.append(f"Node.js shows only {len(truth)} frames in original sources")
    return failures


def _shown_value(value) -> list[str]:
    """How `v8 bt -v` may write a value that JSON can hold."""
    if value is None or isinstance(value, bool) or value == "undefined":
        return [f"<{json.dumps(value) if value != 'undefined' else value}>"]
    if isinstance(value, str):
        return ["<Object: Object>" if value == "object" else f'<String: "{value}">']
    return [f"<Smi: {value}>", f"<Number: {value:f}>"]


def check_jsscopes(context: Context, case: str) -> list[str]:
    """Variables of the scopes around each frame, and source lines."""
    directory = context.make(case)
    truth = truth_of(directory)
    failures, seen = [], set()
    for frame in context.open(directory).json("v8", "bt", "-v")["threads"][0]["frames"]:
        if frame.get("file", "").endswith("program.js") and frame.get("line"):
            line = truth["lines"][frame["line"] - 1][:160]
            if frame.get("source_line", "") not in (line, line.strip()):
                failures.append(f"{frame['function']}: line {frame['line']} is {frame.get('source_line')!r}, in the file {line!r}")
        for name, shown in frame.get("context", {}).items():
            if name in truth["variables"]:
                seen.add(name)
                if shown not in _shown_value(truth["variables"][name]):
                    failures.append(f"{frame['function']}: {name} is {shown}, the program had {truth['variables'][name]!r}")
    missing = sorted(set(truth["variables"]) - seen)
    if missing:
        failures.append(f"not shown: {missing}")
    context.say(f"{len(seen)} variables")
    return failures


DEATHS = (("native",), ("uncaught",), ("memory",), ("deep", "10000"), ("overflow",), ("worker",))
OVERFLOW_FRAMES = 5000  # at least; how many fit depends on their size


def check_jsdeath(context: Context, case: str) -> list[str]:
    """Deaths inside C++ below JavaScript, against the Error.stack of the function that was about to die."""
    failures = []
    for arguments in DEATHS:
        directory = context.make(case, *arguments)
        truth, inquest = truth_of(directory), context.open(directory)
        threads = inquest.json("v8", "bt", "--all")["threads"]
        thread = next(thread for thread in threads if thread["selected"])
        found = [frame for frame in thread["frames"] if _is_in_error_stack(frame)]
        if truth.get("from"):  # V8 may have been in a builtin that the function had called
            while found and found[0]["kind"] == "builtin":
                del found[0]
        shown = [_shown_like_error_stack(frame) for frame in found]
        wrong = []
        if repeated := truth.get("repeated"):
            repetitions = 0
            while repetitions < len(shown) and shown[repetitions].startswith(repeated + " ("):
                repetitions += 1
            if repetitions < OVERFLOW_FRAMES or len(set(shown[1:repetitions])) != 1:
                wrong.append(f"{repetitions} frames of {repeated}, at {len(set(shown[:repetitions]))} places")
            del shown[:repetitions]
        wrong += compare_stacks(shown, [frame["shown"] for frame in truth["frames"]])
        if not thread["complete"]:
            wrong.append(f"the stack ends early: {thread.get('stop_reason')}")
        if truth.get("top") and not any(frame.get("function") == truth["top"] for frame in thread["frames"][:4]):
            wrong.append(f"{truth['top']} is not on top: {[frame.get('function') for frame in thread['frames'][:4]]}")
        if arguments[0] == "worker":
            main = min(threads, key=lambda thread: thread["tid"])
            if main["selected"] or not main["complete"] or any(frame["kind"] == "js" for frame in main["frames"]):
                wrong.append("the idle main thread is not shown as one without JavaScript")
        native = inquest.json("bt")["threads"][0]
        # In the middle of a collection code pages may not be executable: then `bt`, which knows nothing of V8, can only guess.
        if not any(frame["found_by"] == "scan" for frame in native["frames"]):
            wrong += _compare_native_frames(thread, native)
        elif arguments[0] != "memory":
            wrong.append("`bt` had to guess")
        context.say(f"{arguments[0]}: {len(found)} frames of JavaScript, {len(thread['frames'])} in all")
        failures += [f"{arguments[0]}: {line}" for line in wrong[:8]]
    return failures


def _compare_native_frames(merged: dict, native: dict) -> list[str]:
    """The native frames of `v8 bt` are those of `bt`, in its order."""
    def key(frame: dict) -> tuple:
        return frame["pc"], frame.get("function"), frame["inlined"]

    wanted = [key(frame) for frame in merged["frames"] if frame["kind"] == "native"]
    there = iter(key(frame) for frame in native["frames"])
    missing = [frame for frame in wanted if frame not in there]
    return [f"`bt` lacks {missing[0]}, or has it elsewhere"] if missing else []


SPINS = (("loop", 0), ("loop", 1), ("regexp", 0))


def check_jsspin(context: Context, case: str) -> list[str]:
    """Killed at a random moment of a loop in compiled code, or of a regular expression: the function that spins is where
    the program said, what it calls is the little that it can call, and everything below is as in Error.stack."""
    failures = []
    for mode, instance in SPINS:
        directory = context.make(case, mode, instance=instance)
        truth = truth_of(directory)
        thread = context.open(directory).json("v8", "bt")["threads"][0]
        found = [frame for frame in thread["frames"] if _is_in_error_stack(frame)]
        above = []
        while found and found[0]["function"] in truth["inner"]:
            above.append(found.pop(0))
        wrong = []
        for frame in above:
            lines = truth["inner"][frame["function"]]
            if lines and not lines[0] <= frame.get("line", 0) <= lines[1]:
                wrong.append(f"{frame['function']} at line {frame.get('line')}, which is not in {lines}")
        expected = truth["frames"]
        if not found or found[0]["function"] != expected[0]["shown"].split(" ")[0] or "line" not in found[0]:
            wrong.append(f"the function that spins is not there: {_shown_like_error_stack(found[0]) if found else 'no frames'}")
        elif not truth["lines"][0] <= found[0]["line"] <= truth["lines"][1]:
            wrong.append(f"it spins at line {found[0]['line']}, which is not in {truth['lines']}")
        wrong += compare_stacks(["first"] + [_shown_like_error_stack(frame) for frame in found[1:]],
                                ["first"] + [frame["shown"] for frame in expected[1:]])
        if not thread["complete"]:
            wrong.append(f"the stack ends early: {thread.get('stop_reason')}")
        context.say(f"{mode} {instance}: {' < '.join(frame['function'] for frame in above + found)}; "
                    f"tiers {' '.join(sorted({frame.get('tier', '') for frame in above + found}))}")
        failures += [f"{mode} {instance}: {line}" for line in wrong]
    return failures


def check_values(context: Context, case: str) -> list[str]:
    """A value of every kind against the program's own description of it."""
    directory = context.make(case)
    told = truth_of(directory)["values"]
    inquest = context.open(directory)
    gallery = inquest.json("v8", "findjsinstances", "Gallery")["rows"][0]["address"]
    # One level more than the program tells: its first one are the properties of the gallery.
    shown = inquest.json("v8", "inspect", "-s", "--depth", "5", gallery)
    members = {member["name"]: member["value"] for member in shown["properties"]}
    failures = [f"{name} is missing" for name in told if name not in members]
    for name in told:
        if name in members:
            failures += values.compare(members[name], told[name], name)
    alone = 0
    for name, member in list(members.items())[::7]:
        if "address" not in member:
            continue
        alone += 1
        by_path = inquest.json("v8", "inspect", "--depth", "4", "--path", name, gallery)
        if by_path.get("kind") != member["kind"] or by_path.get("address") != member["address"]:
            failures.append(f"--path {name} leads to {by_path.get('address')}, {member['address']} is there")
    context.say(f"{len(told)} values, {alone} of them by path as well")
    return failures if len(told) > 100 and alone > 5 else [*failures, "the program told too little"]


def check_references(context: Context, case: str) -> list[str]:
    """Who refers to 1,000 random objects against the retainers in V8's heap snapshot."""
    directory = context.make(case)
    inquest = context.open(directory)
    differences, reasons, compared = retainers.compare(directory, inquest.referrers, context.version)
    explained = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()) if reason != "none")
    context.say(f"{compared} references to 1000 objects compared; different on purpose: {explained or 'none'}")
    failures = differences[:20] + ([f"... {len(differences) - 20} more"] if len(differences) > 20 else [])
    return failures if compared > 1000 else [*failures, "too little was compared"]


def check_holders(context: Context, case: str) -> list[str]:
    """Every kind of holder against what the program says, then again from the index that the first session kept."""
    directory = context.make(case)
    expected = truth_of(directory)["expected"]
    inquest = context.open(directory)
    failures = []
    labels = holders.labels_of(inquest.json("v8", "find", "--limit", "0", "-n", "label")["rows"])
    for label, told in expected.items():
        if label not in labels:
            failures.append(f"no object with label '{label}'")
            continue
        failures += holders.compare(label, told, inquest.json("v8", "findrefs", labels[label])["rows"])
    tree = inquest.json("v8", "findrefs", "-r", labels.get("in-object", "0x1"))
    if not holders.reaches_root(tree["rows"]):
        failures.append("no tree of holders ends at a root")
    context.say(f"{len(expected)} kinds of holders")
    return failures if len(expected) > 30 else [*failures, "the program told too little"]


def check_pending(context: Context, case: str) -> list[str]:
    """What waits, errors, functions and sources against what the program and Error.stack said."""
    directory = context.make(case)
    truth = truth_of(directory)
    return pending.check(context.open(directory), truth) + _check_async_tail(context.open(directory), truth)


def _check_async_tail(inquest: Inquest, truth: dict) -> list[str]:
    """The stack from the function that made an error on the line where the process died, with who waits for it."""
    frames = inquest.json("v8", "bt")["threads"][0]["frames"]
    found = [_shown_like_error_stack(frame) for frame in frames if _is_in_error_stack(frame) or frame["kind"] == "async"]
    if not any(frame["kind"] == "js" for frame in frames):
        return []  # without symbols of the builtins there is no JavaScript stack
    calls = [call.removeprefix("async ") for call in pending.calls_of(truth["tail"])]
    begin = next((i for i, call in enumerate(found) if call.startswith("goOn ")), 0)
    return [f"v8 bt: {text}" for text in compare_stacks(found[begin:], calls)]


def check_facts(context: Context, case: str) -> list[str]:
    """What lies where, by /proc/self/maps and symbol tables; what the program said of its objects and of itself."""
    directory = context.make(case)
    return facts.check(context.open(directory), truth_of(directory))


def check_uncaught(context: Context, case: str) -> list[str]:
    """Exact counts, and the error that was thrown is the one marked."""
    directory = context.make(case)
    errors = context.open(directory).json("v8", "errors")["rows"]
    marked = [(row["type"], row["message"]) for row in errors if row["uncaught"]]
    failures = check_counts(context, case)
    if marked != [("PaymentError", "not enough money")] or not errors[0]["uncaught"]:
        failures.append(f"marked as uncaught: {marked}; the program threw a PaymentError: not enough money")
    return failures


def _first_difference(expected: str, found: str) -> str:
    expected_lines, found_lines = expected.splitlines(), found.splitlines()
    for number, (left, right) in enumerate(zip(expected_lines, found_lines), 1):
        if left != right:
            return f"  line {number}: command line: {left[:200]}\n  line {number}: LLDB:         {right[:200]}"
    return f"  {len(expected_lines)} lines on the command line, {len(found_lines)} in LLDB"


CHECKS = {
    "gt": check_snapshot,
    "values": check_values,
    "large": check_snapshot,
    "deep": check_snapshot,
    "leak": check_diff,
    "growing": check_diff,
    "oom": check_counts,
    "uncaught": check_uncaught,
    "busy": check_counts,
    "workers": check_workers,
    "dropped": check_dropped,
    "churn": check_churn,
    "jsstack": check_jsstack,
    "jsnames": check_jsstack,
    "jsinline": check_jsinline,
    "jsdeath": check_jsdeath,
    "jsspin": check_jsspin,
    "jsmaps": check_jsmaps,
    "jsscopes": check_jsscopes,
    "pending": check_pending,
    "facts": check_facts,
    "gc": check_gc,
    "references": lambda context, _: check_references(context, "gt"),
    "holders": check_holders,
    "plugin": lambda context, _: check_plugin(context, "gt"),
}
