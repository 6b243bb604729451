"""Values by the hundred against the program's own descriptions of them (corpora/oddities, random, reachable), and texts, numbers and
names that are there once (corpora/needles)."""
import pathlib
import shlex

import values
from context import Context, truth_of

DEPTHS = {"reachable": 2}  # of `v8 inspect`; what is told of the others goes four levels down
LEAST_TOLD = {"oddities": 150, "random": 500, "reachable": 100}
SEEDS = ("1", "2", "3")
# Of these the heap holds more than the one: parents of slices, and pieces of ropes that V8 put together for a moment.
WITH_OTHERS = {"slice", "wideSlice", "sliceOfExternal", "deepRope", "leftRope", "control", "surrogate", "upper", "thin", "foreign"}


def _check_one(context: Context, case: str, directory: pathlib.Path) -> list[str]:
    told = truth_of(directory)["values"]
    inquest = context.open(directory)
    gallery = inquest.json("v8", "findjsinstances", "Gallery")["rows"][0]["address"]
    depth = DEPTHS.get(case, 5)
    shown = inquest.answers([f"v8 inspect --json -s --depth {depth} --path {shlex.quote(name)} {gallery}" for name in told])
    failures = [failure for name, value in zip(told, shown) for failure in values.compare(value, told[name], name)]
    failures += [f"{name}: {note['text']}" for name, value in zip(told, shown) for note in value.get("notes", [])]
    context.say(f"{len(told)} values")
    return failures if len(told) >= LEAST_TOLD[case] else [*failures, "the program told too little"]


def check_gallery(context: Context, case: str) -> list[str]:
    return _check_one(context, case, context.make(case))


def check_random(context: Context, case: str) -> list[str]:
    return [f"seed {seed}: {failure}" for seed in SEEDS for failure in _check_one(context, case, context.make(case, seed))]


def check_needles(context: Context, case: str) -> list[str]:
    """The program tells everything backwards, so that the telling is not found."""
    directory = context.make(case)
    truth = {what: {name: text[::-1] for name, text in truth_of(directory)[what].items()} for what in ("strings", "numbers", "names")}
    inquest = context.open(directory)
    failures = []

    def found(what: str, command: str, skipped: frozenset = frozenset()) -> None:
        told = {name: text for name, text in truth[what].items() if name not in skipped}
        for (name, text), answer in zip(told.items(), inquest.answers([f"{command} {text}" for text in told.values()])):
            total = answer["total"] if isinstance(answer.get("total"), int) else sum(row["count"] for row in answer["rows"])
            most = 100 if name in WITH_OTHERS else 1
            if not 1 <= total <= most:
                failures.append(f"{command} {text} ({name}): {total} found")
    found("strings", "v8 find --json --substring")
    found("strings", "v8 find --json --regex")
    found("strings", "v8 strings --json --regex")
    found("numbers", "v8 find --json --number", frozenset(["float64Array", "int32Array"]))  # not looked into
    found("names", "v8 find --json -n")
    context.say(f"{sum(map(len, truth.values()))} needles")
    return failures
