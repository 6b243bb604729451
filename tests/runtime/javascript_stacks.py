"""Checks of JavaScript stacks: what `v8 bt` shows of a core against Error.stack of the same moment."""
import json
import pathlib
import re
import shutil

from census import Inquest
from context import REPOSITORY, Context, truth_of


def check_jsstack(context: Context, case: str) -> list[str]:
    """JavaScript frames against the Error.stack that the program took on the line on which it died."""
    directory = context.make(case)
    truth = truth_of(directory)
    thread = context.open(directory).json("v8", "bt")["threads"][0]
    found = [frame for frame in thread["frames"] if is_in_error_stack(frame)]
    failures = compare_stacks([shown_like_error_stack(frame) for frame in found],
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
    for compiler in ("turbofan", "maglev", "deoptimized"):
        directory = context.make(case, compiler)
        truth = truth_of(directory)
        if not truth["frames"]:
            context.say(f"{compiler}: not in this Node.js")
            continue
        thread = context.open(directory).json("v8", "bt")["threads"][0]
        found = [frame for frame in thread["frames"] if is_in_error_stack(frame)]
        wrong = compare_stacks([shown_like_error_stack(frame) for frame in found],
                               [frame["shown"] for frame in truth["frames"]])
        inlined = [frame for frame in found if frame["inlined"]]
        with_receiver = sum("this" in frame for frame in inlined)
        compared = 0
        for frame in found if compiler == "deoptimized" else inlined:
            passed = truth["passed"].get(re.split(r"[. ]", frame["function"].split(" [as")[0])[-1])
            if passed is None:
                continue
            arguments = frame.get("args", [])
            expected = [[_described(value) for value in values] for values in passed]
            compared += 1
            # Maglev of 14.x keeps no more of them than the function declares; nor does a direct call of 7.8 to 8.1.
            fewer = compiler == "maglev" or (compiler == "deoptimized" and context.version.startswith(("12.", "13.", "14.0.")))
            count = len(arguments) if fewer and arguments else None
            if not any(arguments[:len(values)] == values[:count] for values in expected):
                wrong.append(f"{frame['function']}: arguments {arguments}, the program passed {expected}")
        optimized = [frame["function"] for frame in found if frame["inlined"] or frame.get("tier") in ("turbofan", "maglev")]
        if len(truth["optimized"]) < truth["stages"] - 4:
            wrong.append(f"only {len(truth['optimized'])} of {truth['stages']} stages are optimised")
        if compiler == "deoptimized" and set(optimized) & set(truth["optimized"]):
            wrong.append(f"frames whose code was thrown away are shown as optimised: {optimized}")
        if compiler != "deoptimized" and len(inlined) < len(truth["optimized"]):
            wrong.append(f"{len(truth['optimized'])} stages are optimised, {len(inlined)} frames inlined")
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


WASM = "a function of WebAssembly"


def is_in_error_stack(frame: dict) -> bool:
    """JavaScript and the builtins that are functions of JavaScript; not the stubs of V8, nor functions of Node.js in C++."""
    return frame["kind"] == "js" or (frame["kind"] == "builtin" and "function_address" in frame) or _is_wasm(frame)


def _is_wasm(frame: dict) -> bool:
    return frame["kind"] == "builtin" and re.fullmatch("Wasm(Compiled)?Frame", frame.get("function", "")) is not None


def shown_like_error_stack(frame: dict) -> str:
    place = ":".join(str(frame[key]) for key in ("file", "line", "column") if key in frame) or "<anonymous>"
    if _is_wasm(frame):
        return WASM
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
        if expected and "wasm-function[" in expected:
            expected = WASM
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


DEATHS = (("native",), ("uncaught",), ("memory",), ("deep", "10000"), ("overflow",), ("worker",), ("wasm",), ("copies",),
          ("fatal",), ("compiled",), ("maglev",), ("sent",))
OVERFLOW_FRAMES = 5000  # at least; how many fit depends on their size


def check_jsdeath(context: Context, case: str) -> list[str]:
    """Deaths inside C++ below JavaScript, against the Error.stack of the function that was about to die."""
    failures = []
    for arguments in DEATHS:
        directory = context.make(case, *arguments)
        truth, inquest = truth_of(directory), context.open(directory)
        if sender := truth.get("sender"):  # any thread may have got the signal
            cause = inquest.json("why")["cause"]
            if f"sent by process {sender} " not in cause:
                failures.append(f"{arguments[0]}: the signal came from process {sender}, `why` says: {cause}")
            continue
        threads = inquest.json("v8", "bt", "--all")["threads"]
        thread = next(thread for thread in threads if thread["selected"])
        found = [frame for frame in thread["frames"] if is_in_error_stack(frame)]
        if truth.get("from"):  # V8 may have been in a builtin that the function had called
            while found and found[0]["kind"] == "builtin":
                del found[0]
        shown = [shown_like_error_stack(frame) for frame in found]
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
        if called := truth.get("called"):  # the function in C++, where JavaScript was left
            exits = [(frame["function"], frame.get("args", [])) for frame in thread["frames"] if frame["kind"] == "exit"]
            wanted = (called["function"], [_described(value) for value in called["args"]])
            if wanted not in exits:
                wrong.append(f"{called} was called, the exits found are {exits}")
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
        wrong += _compare_why(inquest, truth)
        context.say(f"{arguments[0]}: {len(found)} frames of JavaScript, {len(thread['frames'])} in all")
        failures += [f"{arguments[0]}: {line}" for line in wrong[:8]]
    return failures


def _compare_why(inquest: Inquest, truth: dict) -> list[str]:
    """`why` names the innermost calls of JavaScript, those with a place."""
    told = [shown_like_error_stack({**call, "kind": "js"}) for call in inquest.json("why").get("javascript", [])]
    if truth.get("repeated"):
        return [] if told and told[0].startswith(truth["repeated"] + " (") else [f"`why` names {told[:2]}"]
    places = [frame["shown"] for frame in truth["frames"] if re.search(r":\d+:\d+\)?$", frame["shown"]) and not frame["shown"].startswith("async ")]
    if truth["frames"] and not told:
        return ["`why` names no JavaScript"]
    return [f"`why`: {line}" for line in compare_stacks(told, places[:len(told)])]


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
        found = [frame for frame in thread["frames"] if is_in_error_stack(frame)]
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
            wrong.append(f"the function that spins is not there: {shown_like_error_stack(found[0]) if found else 'no frames'}")
        elif not truth["lines"][0] <= found[0]["line"] <= truth["lines"][1]:
            wrong.append(f"it spins at line {found[0]['line']}, which is not in {truth['lines']}")
        wrong += compare_stacks(["first"] + [shown_like_error_stack(frame) for frame in found[1:]],
                                ["first"] + [frame["shown"] for frame in expected[1:]])
        if not thread["complete"]:
            wrong.append(f"the stack ends early: {thread.get('stop_reason')}")
        context.say(f"{mode} {instance}: {' < '.join(frame['function'] for frame in above + found)}; "
                    f"tiers {' '.join(sorted({frame.get('tier', '') for frame in above + found}))}")
        failures += [f"{mode} {instance}: {line}" for line in wrong]
    return failures
