#!/usr/bin/env python3
"""`inquest bt --all` on one variant of corpora/native/stacks, against the truth that the program printed before it died.

    tests/native/variants.py VARIANT --inquest PROGRAM

What must be told depends on the debug information there is (`tells` in build_variant.py):
    full     every function, file and line of the program, inlined or not, and nothing else of it
    lines    the functions that have code of their own, each with a line of its stack in the line table: where debug information
             proper is missing, the innermost of the lines that share the pc is all that can be known; a note says what is missing
    symbols  those of them that nm finds in the symbol table
    none     the frames
The pcs of the frames are those of eu-stack, in each thread that call frame information alone can walk; these threads are walked
to where they began. Functions are demanded in the other threads too, which wait below code that nothing describes."""
import argparse
import pathlib
import re
import subprocess
import sys

import build_variant
import peers
from stacks import Frame, Stacks, TrueThread, base, load_truth, own_frames, reaches_start, same_base, same_function, simple


def shown(frame: Frame) -> str:
    return f"{simple(frame.function) or '??'} at {frame.file or '??'}:{frame.line}{' inlined' if frame.inlined else ''}"


def full(thread: TrueThread, own: list[Frame], same=same_function) -> list[str]:
    wrong = []
    for index in range(max(len(thread.frames), len(own))):
        expected = thread.frames[index] if index < len(thread.frames) else None
        frame = own[index] if index < len(own) else None
        if expected is None or frame is None:
            wrong.append(f"{shown(frame)} is not in the truth" if expected is None else f"{shown(expected)} is not told")
        elif not same(expected.function, frame.function) or (expected.file, expected.line, expected.inlined) != (
                frame.file, frame.line, frame.inlined):
            wrong.append(f"{shown(frame)} instead of {shown(expected)}")
    return wrong


def by_code(thread: TrueThread, frames: list[Frame], directory: pathlib.Path, known: set[str] | None, lines: bool) -> list[str]:
    """The functions with code of their own (those in known, when given), in the order of the truth; inlined ones may be told,
    without a name where that is in a file that is missing."""
    wrong = [f"{shown(frame)} is not in the truth" for frame in frames if frame.inlined and frame.file.startswith(f"{directory}/") and
             not any((not frame.function or same_base(member.function, frame.function)) and member.line == frame.line
                     for member in thread.frames)]
    names = {simple(group[-1].function) for group in thread.groups()}
    told = [frame for frame in frames if not frame.inlined and any(same_function(name, frame.function) for name in names)]
    groups = [group for group in thread.groups() if known is None or any(same_function(group[-1].function, name) for name in known)]
    if base_names(told) != [base(group[-1].function) for group in groups]:
        return [f"functions {base_names(told)} instead of {base_names(group[-1] for group in groups)}"]
    for group, frame in zip(groups, told):
        possible = {(member.file, member.line) for member in group}
        library = frame.file.startswith("/usr/") and frame.line != 0  # of a function of the library that is inlined there
        if lines and (frame.file, frame.line) not in possible and not library:
            wrong.append(f"{shown(frame)} has none of the lines {sorted(possible)}")
        if not lines and frame.line != 0:
            wrong.append(f"{shown(frame)} has a line, and nothing tells one")
    return wrong


def base_names(frames) -> list[str]:
    return [base(frame.function) for frame in frames]


def symbols_of(path: pathlib.Path) -> set[str]:
    done = subprocess.run(["nm", "-C", "--defined-only", path], stdout=subprocess.PIPE, text=True, check=True)
    return {simple(line.split(maxsplit=2)[2]) for line in done.stdout.splitlines() if line.split()[1] in "tTwW"}


def pcs(frames: list[Frame]) -> list[int]:
    return [frame.pc for frame in frames if not frame.inlined]


def judge(variant: build_variant.Variant, directory: pathlib.Path, truth: list[TrueThread], answer: peers.Answer, reference: Stacks) -> list[str]:
    """What is wrong with an answer; reference has the physical frames."""
    if answer.status not in (0, 1):
        return [f"status {answer.status}: {answer.said}"]
    failures = []
    tells = variant.tells
    known = symbols_of(directory / variant.symbols) if variant.symbols else None
    for thread in truth:
        frames = answer.stacks.get(thread.tid)
        if frames is None:
            failures.append(f"{thread.role}: thread {thread.tid} is missing")
            continue
        if thread.walkable and not reaches_start(thread, frames):
            failures.append(f"{thread.role}: ends at {shown(frames[-1]) if frames else 'nothing'}, not where the thread began")
        if thread.walkable and pcs(frames) != pcs(reference[thread.tid]):
            failures.append(f"{thread.role}: pcs {list(map(hex, pcs(frames)))} instead of {list(map(hex, pcs(reference[thread.tid])))}")
        if tells == "full":
            wrong = full(thread, own_frames(frames, directory, truth), same_base if variant.plain_names else same_function)
        elif tells == "none":
            wrong = [f"{shown(frame)} has a name or line, and nothing tells one" for frame in own_frames(frames, directory, truth)]
        else:
            wrong = by_code(thread, frames, directory, known, lines=tells == "lines")
        failures += [f"{thread.role}: {line}" for line in wrong]
    if variant.note and not any(re.search(variant.note, note) for note in answer.notes):
        failures.append(f"no note says /{variant.note}/; notes: {answer.notes}")
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variant", choices=build_variant.VARIANTS, metavar="VARIANT")
    parser.add_argument("--inquest", type=pathlib.Path, required=True)
    options = parser.parse_args()
    try:
        directory = build_variant.build(options.variant)
    except build_variant.Unavailable as reason:
        print(f"skipped: {reason}")
        return build_variant.STATUS_UNAVAILABLE
    variant = build_variant.VARIANTS[options.variant]
    truth = load_truth(directory)
    reference = peers.eu_stack(directory, variant, inlined=False).stacks
    failures = judge(variant, directory, truth, peers.inquest(options.inquest, directory, variant), reference)
    for line in failures:
        print(f"FAILED {line}")
    print(f"{options.variant}: {'failed' if failures else 'as expected'}, {directory}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
