"""What is checked of a core, one function per check. Each takes a Context and returns the failures as lines of text."""
import json
import os
import pathlib
import shlex
import subprocess
import time

import comparison
import expressions
import extremes
import facts
import galleries
import heap_snapshot
import holders
import live
import llnode_lines
import node_report
import pending
import retainers
import values
from census import Inquest, counts_of, rows_of
from context import Context, Unavailable, truth_of
from javascript_stacks import (check_jsdeath, check_jsinline, check_jsmaps, check_jsscopes, check_jsspin, check_jsstack,
                               compare_stacks, is_in_error_stack, shown_like_error_stack)

GARBAGE_LEFT_OVER = 20     # dropped instances that stale words of the stack may still keep alive
HEAP_USED_SLACK = 2 << 20  # read-only objects, which not all versions count, and what was allocated after the measurement
NOT_PARSED_SHARE = 0.001   # of the area of the heap, in a core out of the middle of a collection


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


def check_released(context: Context, case: str) -> list[str]:
    """What is called live adds up to the size that V8 gave its heap; pages that are free and still there do not count."""
    directory = context.make(case)
    used = truth_of(directory)["heap_used"]
    answer = context.open(directory).census()
    live = answer["total"]["size"]
    context.say(f"{live} bytes live, V8 said {used}")
    failures = compare_counts(counts_of(answer), truth_of(directory), case)
    if abs(live - used) > HEAP_USED_SLACK:
        failures.append(f"{case}: {live} bytes are called live, V8's heap had {used}")
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


def check_values(context: Context, case: str) -> list[str]:
    """A value of every kind against the program's own description of it, in the main thread and in a worker."""
    failures = []
    for arguments in ((), ("worker",)):
        failures += [" ".join([*arguments, failure]) for failure in _check_gallery(context, context.make(case, *arguments))]
    return failures


def _check_gallery(context: Context, directory: pathlib.Path) -> list[str]:
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


def check_shapes(context: Context, case: str) -> list[str]:
    """Values in shapes that are rare, each by its path, against the program's own description."""
    directory = context.make(case)
    told = truth_of(directory)["values"]
    inquest = context.open(directory)
    gallery = inquest.json("v8", "findjsinstances", "Gallery")["rows"][0]["address"]
    shown = inquest.answers([f"v8 inspect --json -s --depth 5 --path {name} {gallery}" for name in told])
    failures = [failure for name, value in zip(told, shown) for failure in values.compare(value, told[name], name)]
    failures += [f"{name}: {note['text']}" for name, value in zip(told, shown) for note in value.get("notes", [])]
    failures += _check_conditions(inquest, truth_of(directory)["where"])
    failures += _check_paths(inquest, gallery, truth_of(directory)["paths"])
    if inquest.json("v8", "find", "--number", "20000.125")["total"] == 0:
        failures.append("v8 find --number 20000.125: nothing, the variable `precisely` has it")
    context.say(f"{len(told)} values")
    return failures if len(told) > 300 else [*failures, "the program told too little"]


def _check_conditions(inquest: Inquest, where: list[dict]) -> list[str]:
    """Which objects the program itself found to fulfil each condition."""
    answers = inquest.answers([f"v8 findjsinstances --json --print id --where {shlex.quote(entry['text'])} Item" for entry in where])
    failures = []
    for entry, answer in zip(where, answers):
        found = sorted(row["values"]["id"] for row in answer["rows"])
        if found != entry["ids"]:
            other = sorted(set(found) ^ set(entry["ids"]))
            failures.append(f"--where {entry['text']}: {len(found)} items, the program has {len(entry['ids'])}; not the same: {other[:5]}")
    chosen = sum(0 < len(entry["ids"]) < 400 for entry in where)
    return failures if chosen > 100 else [*failures, f"only {chosen} conditions choose some of the items"]


def _check_paths(inquest: Inquest, gallery: str, paths: dict) -> list[str]:
    """Members that only a path leads to, by what the program has there."""
    answers = inquest.answers([f"v8 inspect --json --path {shlex.quote(path)} {gallery}" for path in paths])
    return [f"--path {path}: {answer.get('value')}, {value} is there" for (path, value), answer in zip(paths.items(), answers)
            if answer.get("value") != value]


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
    found = [shown_like_error_stack(frame) for frame in frames if is_in_error_stack(frame) or frame["kind"] == "async"]
    if not any(frame["kind"] == "js" for frame in frames):
        return []  # without symbols of the builtins there is no JavaScript stack
    calls = [call.removeprefix("async ") for call in pending.calls_of(truth["tail"])]
    begin = next((i for i, call in enumerate(found) if call.startswith("goOn ")), 0)
    return [f"v8 bt: {text}" for text in compare_stacks(found[begin:], calls)]


def check_report(context: Context, case: str) -> list[str]:
    """A diagnostic report, key by key against the one that the process wrote of itself."""
    directory = context.make(case)
    truth, written = truth_of(directory), directory / "report.json"
    if truth["has_report"] != written.is_file():
        return ["the program wrote no report"]
    return node_report.check(context.open(directory), truth, json.loads(written.read_text()) if written.is_file() else None)


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
    "shapes": check_shapes,
    "oddities": galleries.check_gallery,
    "reachable": galleries.check_gallery,
    "random": galleries.check_random,
    "needles": galleries.check_needles,
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
    "released": check_released,
    "jsstack": check_jsstack,
    "jsnames": check_jsstack,
    "jsinline": check_jsinline,
    "jsdeath": check_jsdeath,
    "jsspin": check_jsspin,
    "jsmaps": check_jsmaps,
    "jsscopes": check_jsscopes,
    "pending": check_pending,
    "facts": check_facts,
    "report": check_report,
    "gc": check_gc,
    "references": lambda context, _: check_references(context, "gt"),
    "holders": check_holders,
    "extremes": extremes.check,
    "llnode": llnode_lines.check,
    "expressions": lambda context, _: expressions.check(context, "gt"),
    "plugin": lambda context, _: check_plugin(context, "gt"),
    "live": live.check,
}
