"""Checks of `v8 async`, `v8 errors`, `v8 functions` and `v8 source list` on the core of corpora/pending: all expected
numbers and places come from what the program printed, most of them from V8's own Error.stack."""
import json
import re
from collections import Counter

from census import Inquest

_LINE = re.compile(r"^\s*at (.*)$")
_PLACE = re.compile(r"^(?:(.*) \()?([^()]*?):(\d+):(\d+)\)?$")

# The functions of each kind of request, innermost first, with the combinator that stands between them.
CHAINS = {
    "handler": ["query", "handler"],
    "refresh": ["Store.load", "Store.refresh"],
    "batch": ["item", "Promise.all", "batch"],
    "reader": ["pages", "reader"],
    "racer": ["racer"],
    "settler": ["Promise.allSettled", "settler"],
    "first": ["Promise.any", "first"],
}


def calls_of(stack: str) -> list[str]:
    """What stands behind "at " in an Error.stack."""
    return [match.group(1) for match in map(_LINE.match, stack.splitlines()) if match]


def async_frames(stack: str) -> list[tuple]:
    """The "at async" lines: (function, file, line, column); combinators by name alone."""
    frames = []
    for call in calls_of(stack):
        if not call.startswith("async "):
            continue
        call = call.removeprefix("async ")
        place = _PLACE.match(call)
        frames.append((place.group(1) or "", place.group(2), int(place.group(3)), int(place.group(4))) if place
                      else (call, None, None, None))
    return frames


def frame_of(row: dict) -> tuple:
    return (row.get("function", ""), row.get("file"), row.get("line"), row.get("column"))


def without_index(frame: tuple) -> tuple:
    return (re.sub(r" \(index \d+\)$", "", frame[0]), *frame[1:])


def v8_version(truth: dict) -> tuple[int, ...]:
    return tuple(int(number) for number in truth["v8"].split(".")[:2])


def check_async(answer: dict, truth: dict) -> list[str]:
    failures = []
    groups = Counter()
    for row in answer["rows"]:
        if row["kind"] != "generator":
            groups[(frame_of(row), tuple(frame_of(frame) for frame in row["chain"]))] += row["count"]
    places = {}
    for probe in truth["probes"]:
        frames = [without_index(frame) for frame in async_frames(probe["stack"])]
        if [frame[0] for frame in frames] == CHAINS[probe["name"]]:
            places[probe["name"]] = frames
    # Promise.allSettled has been part of stacks since 10.2 only, Promise.race since 7.7.
    unshown = {name for name, since in (("settler", (10, 2)), ("racer", (7, 7))) if v8_version(truth) < since}
    missing = set(truth["counts"]) & set(CHAINS) - set(places) - unshown
    if missing:
        failures.append(f"the program's stacks do not tell where these wait: {sorted(missing)}")
    for name, frames in places.items():
        functions = [i for i, frame in enumerate(frames) if not frame[0].startswith("Promise.")]
        for i in functions:
            found = groups[(frames[i], tuple(frames[i + 1:]))]
            if found != truth["counts"][name]:
                failures.append(f"{name}: {found} x {frames[i]} with the chain {frames[i + 1:]}, "
                                f"the program had {truth['counts'][name]}")
            # One that waits for a function, not for a combinator, stands in the chain of that function.
            expected = found if i > 0 and i - 1 in functions else 0
            if len(frames) == 1:
                continue  # a racer waits for one of its race, whichever
            in_chains = sum(row["in_chains"] for row in answer["rows"]
                            if (frame_of(row), [frame_of(frame) for frame in row["chain"]]) == (frames[i], frames[i + 1:]))
            if in_chains != expected:
                failures.append(f"{name}: {in_chains} x {frames[i]} in chains of others, {expected} wait for a function")
    failures += _check_awaited(answer, truth)
    failures += _check_others(answer, truth)
    tail = [frame_of(frame) for isolate in answer["running"] for frame in isolate["tail"]]
    if tail != async_frames(truth["tail"]):
        failures.append(f"what was running goes back to {tail}, Error.stack has {async_frames(truth['tail'])}")
    return failures


def _check_awaited(answer: dict, truth: dict) -> list[str]:
    """Who waits for whom."""
    awaited = Counter()
    for row in answer["rows"]:
        awaiting = row["awaiting"]
        awaited[(row["function"], awaiting["kind"], awaiting.get("function", ""), awaiting.get("delay_ms"))] += row["count"]
    counts = truth["counts"]
    expected = {
        ("query", "timer", "", 3600000): counts["handler"],
        ("handler", "function", "query", None): counts["handler"],
        ("Store.refresh", "function", "Store.load", None): counts["refresh"],
        ("Store.load", "promise", "", None): counts["refresh"],
        ("batch", "combinator", "Promise.all", None): counts["batch"],
        ("reader", "function", "pages", None): counts["reader"],
        ("settler", "combinator", "Promise.allSettled", None): counts.get("settler", 0),
        ("next", "settled", "", None): counts["next"],
        ("first", "combinator", "Promise.any", None): counts.get("first", 0),
    }
    return [f"{awaited[key]} x {key[0]} wait for {key[1:]}, the program had {count}"
            for key, count in expected.items() if awaited[key] != count]


def _check_others(answer: dict, truth: dict) -> list[str]:
    failures = []
    generators = Counter()
    for row in answer["rows"]:
        if row["kind"] == "generator" and row["function"] == "numbers":
            generators["new" if row.get("not_started") else str(row["line"])] += row["count"]
    if sorted(generators.values()) != [5, 10, 15] or generators["new"] != 5:
        failures.append(f"generators: {dict(generators)}, the program had 5 that were not started, 10 and 15 others")
    timers = Counter()
    for row in answer["timers"]:
        timers[(row["kind"], row.get("function", ""), row.get("delay_ms"))] += row["count"]
    expected = {("timeout", "onTimer", 5000000): 40, ("interval", "onTimer", 7000000): 6,
                ("immediate", "onImmediate", None): 5, ("timeout", "", 3600000): truth["counts"]["handler"]}
    failures += [f"{timers[key]} x {key}, the program had {count}" for key, count in expected.items() if timers[key] != count]
    handles = {row["type"]: row["count"] for row in answer["handles"]}
    if handles.get("TCP") != 1 or handles.get("FSReqCallback") != 5:
        failures.append(f"handles {handles}, the program had 1 TCP and 5 FSReqCallback")
    idle = Counter()
    for row in answer["idle_promises"]:
        idle[row.get("function") or row["type"]] += row["count"]
    for name, count in [("handler", truth["counts"]["handler"]), ("batch", truth["counts"]["batch"])]:
        if idle[name] != count:
            failures.append(f"{idle[name]} promises of {name} without a consumer, the program had {count}")
    # Until 9.x V8 names objects after the first @@toStringTag: the subclass is called Promise too.
    if v8_version(truth) >= (10, 0) and idle["Idle"] != 7:
        failures.append(f"{idle['Idle']} promises of class Idle without a consumer, the program had 7")
    return failures


def check_errors(answer: dict, truth: dict) -> list[str]:
    """Of each pair of errors one was asked for its stack: that of the other must be put together alike."""
    failures = []
    found = Counter((row["type"], row["message"], row["stack_source"], row["stack"]) for row in answer["rows"])
    for pair in truth["errors"]:
        for source in ("formatted", "captured"):
            if found[(pair["class"], pair["message"], source, pair["stack"])] != 1:
                near = [row["stack"] for row in answer["rows"] if row["message"] == pair["message"]
                        and row["stack_source"] == source]
                failures.append(f"{pair['name']}, {source}: not found once:\n{pair['stack']}\nbut\n" + "\n".join(near))
    if any(row["uncaught"] for row in answer["rows"]):
        failures.append("an error is marked uncaught, but the program died of abort()")
    return failures


def _expected_tier(name: str, tiers: dict) -> str:
    """From %GetOptimizationStatus, whose bits change: the status of `interpreted` and `turbofan` tell the others."""
    status = {key: value["status"] for key, value in tiers.items()}
    if name == "never":
        return "lazy"
    if name in ("interpreted", "turbofan"):
        return {"interpreted": "ignition", "turbofan": "turbofan"}[name]
    if status[name] == status["interpreted"]:
        return "ignition"
    return {"baseline": "sparkplug", "maglev": "maglev"}[name]


def check_functions(inquest: Inquest, truth: dict) -> list[str]:
    failures = []
    file = truth["file"]
    rows = {}
    for row in inquest.json("v8", "functions", "-s", file)["rows"]:
        rows.setdefault(row["function"], row)
    for name, known in truth["tiers"].items():
        row = rows.get(name)
        if row is None:
            failures.append(f"there is no function {name}")
            continue
        if known["status"] > 0 or name == "never":
            expected = _expected_tier(name, truth["tiers"])
            if row["tier"] != expected:
                failures.append(f"{name}: tier {row['tier']}, the program had {expected} (status {known['status']})")
            fast = expected not in ("ignition", "lazy")
            if (row["code_size"] > 0) != fast or (row["bytecode_size"] > 0) != (expected != "lazy"):
                failures.append(f"{name}: {row['bytecode_size']} bytes of bytecode, {row['code_size']} of code in {expected}")
        at = [entry["function"] for entry in inquest.json("v8", "functions", row["sample"])["rows"]]
        if at != [name]:
            failures.append(f"at the address of {name} is {at}")
        text = known["source"].splitlines()
        shown = inquest.json("v8", "source", "list", "-c", str(len(text)), row["sample"])
        lines = list(shown["lines"])
        lines[0] = lines[0][row["column"] - 1:]
        lines[-1] = lines[-1][:len(text[-1])]
        if lines != text or shown["first"] != row["line"]:
            failures.append(f"{name}: the source is {lines} from line {shown['first']}, toString() says {text}")
    return failures


def check_source(inquest: Inquest, truth: dict) -> list[str]:
    failures = []
    die = next(call for call in calls_of(truth["tail"]))
    line = int(_PLACE.match(die).group(3))
    shown = inquest.json("v8", "source", "list", "-c", "1", "-l", str(line), truth["file"])
    if len(shown["lines"]) != 1 or "die(new Error('last')" not in shown["lines"][0]:
        failures.append(f"line {line} is {shown['lines']}")
    # Without symbols of the builtins there is no JavaScript stack.
    if not any(frame["kind"] == "js" for frame in inquest.json("v8", "bt")["threads"][0]["frames"]):
        return failures
    frame = inquest.json("v8", "source", "list", "-c", "1")
    if not any("process.abort()" in text for text in frame["lines"]):
        failures.append(f"the program stood at process.abort(), source list shows {frame['lines']}")
    shown = inquest.run("jssource").splitlines()
    marks = [(shown[i - 1][line.index("^"):], shown[i - 1]) for i, line in enumerate(shown) if line.strip() == "^"]
    if len(marks) != 1 or not marks[0][0].startswith("abort()"):
        failures.append(f"source list marks {marks}, not the call of abort")
    return failures


def check(inquest: Inquest, truth: dict) -> list[str]:
    failures = check_async(inquest.json("v8", "async"), truth)
    failures += check_errors(inquest.json("v8", "errors"), truth)
    failures += check_functions(inquest, truth)
    return failures + check_source(inquest, truth)


if __name__ == "__main__":
    import pathlib
    import sys
    core = pathlib.Path(sys.argv[2])
    for failure in check(Inquest(sys.argv[1], core), json.loads(core.with_name("truth.json").read_text())):
        print("FAILED", failure)
