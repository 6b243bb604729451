"""Stacks of corpora/native as the program itself, inquest and its peers tell them, and how they are compared."""
import dataclasses
import json
import pathlib
import re


@dataclasses.dataclass(frozen=True)
class Frame:
    function: str  # "" when unknown
    file: str = ""
    line: int = 0
    inlined: bool | None = None  # None: the tool does not say
    pc: int = 0


@dataclasses.dataclass(frozen=True)
class TrueThread:
    role: str
    tid: int
    walkable: bool  # call frame information alone leads to where it began
    frames: tuple[Frame, ...]

    def groups(self) -> list[tuple[Frame, ...]]:
        """Frames that share a pc: functions inlined into the last one of each group."""
        groups, group = [], []
        for frame in self.frames:
            group.append(frame)
            if not frame.inlined:
                groups.append(tuple(group))
                group = []
        return groups


Stacks = dict[int, list[Frame]]  # by thread id, innermost frame first

STARTS = {"main": {"_start", "__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main"},
          "": {"clone3", "__clone3", "__GI___clone3", "clone", "__clone", "start_thread"}}


def load_truth(directory: pathlib.Path) -> list[TrueThread]:
    threads = json.loads((directory / "truth.json").read_text())["threads"]
    return [TrueThread(thread["role"], thread["tid"], thread["walkable"], tuple(
        Frame("::".join(filter(None, (frame["scope"], frame["function"]))), str(directory / frame["file"]), frame["line"], frame["inlined"])
        for frame in thread["frames"])) for thread in threads]


def _without(text: str, opening: str, closing: str) -> str:
    """Text without what stands between brackets, however deep."""
    kept, depth = [], 0
    for letter in text:
        if letter == opening:
            depth += 1
        elif letter == closing and depth > 0:
            depth -= 1
        elif depth == 0:
            kept.append(letter)
    return "".join(kept)


def simple(name: str) -> str:
    """A qualified name without template arguments, parameters, return type, unnamed namespaces and clone marks."""
    name = re.sub(r"\s*\[clone [^\]]*\]|\[abi:\w+\]|@.*$", "", name)
    name = re.sub(r"(\(anonymous namespace\)|\{anonymous\}|_GLOBAL__N_1|<unnamed>)::", "", name)
    name = re.sub(r"\.(constprop|isra|part|cold|lto_priv)\.?\d*(?=\.|$)", "", name)
    name = name.replace("operator()", "operator\1").replace("operator<<", "operator\2").replace("operator<", "operator\3")
    name = name.replace("operator->", "operator\4").replace("operator>", "operator\5")
    for brackets in ("{}", "<>", "()"):
        name = _without(name, *brackets)
    name = re.sub(r"\s+(const|volatile|&|&&|noexcept)+\s*$", "", name.strip()).split(" ")[-1]
    for mark, original in (("\1", "()"), ("\2", "<<"), ("\3", "<"), ("\4", "->"), ("\5", ">")):
        name = name.replace(mark, original)
    return re.sub(r"(::)+", "::", name).strip(":")


def base(name: str) -> str:
    return simple(name).rpartition("::")[2]


def same_function(truth: str, told: str) -> bool:
    """As qualified as inquest tells names; that of a lambda is up to the compiler."""
    if base(truth) == "operator()":
        return base(told) == "operator()"
    return simple(truth) == simple(told)


def same_base(truth: str, told: str) -> bool:
    return base(truth) == base(told)


def is_own(frame: Frame, directory: pathlib.Path, names: set[str]) -> bool:
    """Of the program itself, and not of the part that collects its truth."""
    if simple(frame.function).startswith("truth::") or frame.file.endswith("/truth.cc"):
        return False
    return frame.file.startswith(f"{directory}/") or (not frame.file and simple(frame.function) in names)


def own_frames(frames: list[Frame], directory: pathlib.Path, truth: list[TrueThread]) -> list[Frame]:
    names = {simple(frame.function) for thread in truth for frame in thread.frames if base(frame.function) != "operator()"}
    return [frame for frame in frames if is_own(frame, directory, names)]


def reaches_start(thread: TrueThread, frames: list[Frame]) -> bool:
    """_start has no name in a stripped program; __libc_start_main, which it calls, is in the C library."""
    starts = STARTS.get(thread.role, STARTS[""])
    return any(simple(frame.function) in starts for frame in frames[-2:])


@dataclasses.dataclass
class Score:
    functions: int = 0
    lines: int = 0
    complete: int = 0

    def __str__(self) -> str:
        return f"{self.functions} / {self.lines} / {self.complete}"


def aligned(truth: tuple[Frame, ...], told: list[Frame]) -> tuple[int, int]:
    """The most functions of the truth that occur in told in the same order, and how many of these have the right line."""
    best = [[(0, 0)] * (len(told) + 1) for _ in range(len(truth) + 1)]
    for i, expected in enumerate(truth, 1):
        for j, frame in enumerate(told, 1):
            best[i][j] = max(best[i - 1][j], best[i][j - 1])
            if base(expected.function) == base(frame.function):
                right = frame.line == expected.line and pathlib.Path(frame.file).name == pathlib.Path(expected.file).name
                functions, lines = best[i - 1][j - 1]
                best[i][j] = max(best[i][j], (functions + 1, lines + right))
    return best[-1][-1]


def score(truth: list[TrueThread], stacks: Stacks) -> Score:
    total = Score()
    for thread in truth:
        frames = stacks.get(thread.tid, [])
        functions, lines = aligned(thread.frames, frames)
        total.functions += functions
        total.lines += lines
        total.complete += reaches_start(thread, frames)
    return total
