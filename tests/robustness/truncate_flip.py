#!/usr/bin/env python3
"""Feeds broken cores to inquest: cut short at random lengths, then with random bytes changed.

    truncate_flip.py --inquest PROGRAM [--version VERSION] [--each N] [--seed N] [--only KIND:NUMBER]

Nothing may crash it, keep it busy for more than 10 s or make it end with a status other than 0, 1 and 3. Any case can
be repeated alone by its name: --only flip:17. Exit status: 0 all well, 1 not, 77 no core could be made.
"""
import argparse
import os
import pathlib
import random
import sys
import tempfile

import subject

COMMANDS = [
    ["v8", "info"],
    ["v8", "findjsobjects"],
    ["v8", "findjsobjects", "--all", "--json"],
    ["v8", "findjsinstances", "-n", "5", "Invoice"],
    ["v8", "findjsobjects", "-d"],
    ["v8", "findjsobjects", "--dead", "--top", "5"],
    ["v8", "bt", "-v"],
    ["v8", "errors"],
    ["bt", "--all"],
    ["why"],
    ["v8", "async"],
]
HEADERS = 1 << 16  # program headers and notes of a Node.js core lie before this


def data_extents(path: pathlib.Path) -> list[tuple[int, int]]:
    """Where the file has bytes, without its holes."""
    extents, position = [], 0
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while position < size:
            try:
                start = os.lseek(file.fileno(), position, os.SEEK_DATA)
            except OSError:  # only a hole is left
                break
            position = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            extents.append((start, position))
    return extents


class Breaker:
    """One working copy of a core, broken in one way after the other."""

    def __init__(self, core: pathlib.Path, work: pathlib.Path, seed: str):
        self.core, self.copy, self.seed = core, work / "core", seed
        self.size = core.stat().st_size
        self.extents = data_extents(core)

    def random_offset(self, dice: random.Random) -> int:
        """One in three in the headers, the rest where there is data."""
        if dice.random() < 1 / 3:
            return dice.randrange(HEADERS)
        start, end = dice.choices(self.extents, [end - start for start, end in self.extents])[0]
        return dice.randrange(start, end)

    def truncations(self, count: int):
        """(number, length): lengths fall, so that one copy is cut ever shorter."""
        dice = random.Random(f"truncate {self.seed}")
        lengths = [self.random_offset(dice) if i % 4 else dice.randrange(self.size) for i in range(count)]
        subject.sparse_copy(self.core, self.copy)
        for number, length in enumerate(sorted(lengths, reverse=True)):
            os.truncate(self.copy, length)
            yield number, f"cut to {length} bytes"

    def flips(self, count: int):
        """Changes 1 to 256 bytes, and changes them back before the next."""
        subject.sparse_copy(self.core, self.copy)
        for number in range(count):
            dice = random.Random(f"flip {self.seed} {number}")
            offsets = sorted({self.random_offset(dice) for _ in range(2 ** dice.randrange(9))})
            with open(self.copy, "r+b", buffering=0) as file:
                old = [os.pread(file.fileno(), 1, offset) for offset in offsets]
                for offset, byte in zip(offsets, old):
                    os.pwrite(file.fileno(), bytes([byte[0] ^ dice.randrange(1, 256)]), offset)
                yield number, f"{len(offsets)} bytes changed, the first at {offsets[0]}"
                for offset, byte in zip(offsets, old):
                    os.pwrite(file.fileno(), byte, offset)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--inquest", required=True)
    parser.add_argument("--version", default="20.20.2")
    parser.add_argument("--each", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    return parser.parse_args()


def main() -> int:
    options = parsed()
    try:
        core = subject.make_core("uncaught", options.version) / "core"
    except subject.Unavailable as reason:
        print(f"skipped: {reason}")
        return subject.STATUS_UNAVAILABLE
    failed, statuses, slowest, largest = 0, {}, 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="inquest-broken-") as temporary:
        work = pathlib.Path(temporary)
        breaker = Breaker(core, work, f"{options.version} {options.seed}")
        for kind, cases in (("truncate", breaker.truncations), ("flip", breaker.flips)):
            for number, what in cases(options.each):
                if options.only and options.only != f"{kind}:{number}":
                    continue
                command = COMMANDS[number % len(COMMANDS)]
                outcome = subject.run([options.inquest, "-c", str(breaker.copy), *command], work)
                statuses[outcome.status] = statuses.get(outcome.status, 0) + 1
                slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.peak_mb)
                for fault in outcome.faults():
                    failed += 1
                    print(f"FAILED --only {kind}:{number} ({what}), {' '.join(command)}: {fault}", flush=True)
    ended = ", ".join(f"{count} with {status}" for status, count in sorted(statuses.items()))
    print(f"{sum(statuses.values())} broken cores: {ended}; slowest {slowest:.1f} s, most memory {largest:.0f} MB, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
