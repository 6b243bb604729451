#!/usr/bin/env python3
"""Breaks what stacks of JavaScript lead to: broken_stacks.py --inquest PROGRAM [--version VERSION] [--each N] [--seed N] [--only KIND:NUMBER]

    garbage   bytes of the dying thread's stack overwritten
    links     words of the stack replaced by addresses of the stack: chains of frames that run in circles
    objects   bytes changed in objects that words of the stack point to, and in those these point to: functions, scripts, code, tables
    code      mappings of machine code that the core says it does not have

Nothing may crash the commands below, keep them busy for more than 10 s or make them end with a status other than 0, 1 and 3; and a
stack whose code is missing still has its native frames. Exit status: 0 all well, 1 not, 77 no core could be made.
"""
import argparse
import json
import mmap
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

import subject

COMMANDS = [
    ["v8", "bt"], ["v8", "bt", "-v"], ["v8", "bt", "--all", "--json"], ["v8", "async"], ["v8", "errors"], ["v8", "functions"],
    ["v8", "source", "list"], ["bt", "--all"],
]
CASES = ("jsstack", "pending")
PT_LOAD, PT_NOTE, NT_PRSTATUS, PF_X = 1, 4, 1, 1
REGISTERS, RSP = 112, 19  # pr_reg in elf_prstatus, and its index in user_regs_struct
STACK_BYTES = 16384
TAG = 1


class Core:
    """A working copy that is changed and mended again."""

    def __init__(self, original: pathlib.Path, copy: pathlib.Path):
        subject.sparse_copy(original, copy)
        self.path = copy
        self.file = open(copy, "r+b", buffering=0)
        self.bytes = mmap.mmap(self.file.fileno(), 0)
        self.undo = []
        offset, = struct.unpack_from("<Q", self.bytes, 32)
        count, = struct.unpack_from("<H", self.bytes, 56)
        self.headers = [(offset + 56 * i, struct.unpack_from("<IIQQQQQQ", self.bytes, offset + 56 * i)) for i in range(count)]
        self.segments = [(header[3], header[5], header[2]) for _, header in self.headers if header[0] == PT_LOAD and header[5]]

    def close(self) -> None:
        self.bytes.close()
        self.file.close()

    def offset_of(self, address: int) -> int | None:
        for start, size, offset in self.segments:
            if start <= address < start + size:
                return offset + address - start
        return None

    def word(self, address: int) -> int:
        offset = self.offset_of(address)
        return 0 if offset is None or offset + 8 > len(self.bytes) else struct.unpack_from("<Q", self.bytes, offset)[0]

    def stack_pointer(self) -> int:
        """Of the first thread, the one that died."""
        _, note = next(entry for entry in self.headers if entry[1][0] == PT_NOTE)
        at = note[2]
        while at < note[2] + note[5]:
            name, size, kind = struct.unpack_from("<III", self.bytes, at)
            at += 12 + (name + 3) // 4 * 4
            if kind == NT_PRSTATUS:
                return struct.unpack_from("<Q", self.bytes, at + REGISTERS + 8 * RSP)[0]
            at += (size + 3) // 4 * 4
        raise subject.Unavailable("the core has no NT_PRSTATUS")

    def place_on_stack(self, dice: random.Random) -> int:
        """The address of a word in use."""
        pointer = self.stack_pointer()
        start, size, _ = next(segment for segment in self.segments if segment[0] <= pointer < segment[0] + segment[1])
        return pointer + dice.randrange(min(STACK_BYTES, start + size - pointer)) // 8 * 8

    def change(self, offset: int, new: bytes) -> None:
        self.undo.append((offset, self.bytes[offset:offset + len(new)]))
        self.bytes[offset:offset + len(new)] = new

    def mend(self) -> None:
        while self.undo:
            offset, old = self.undo.pop()
            self.bytes[offset:offset + len(old)] = old


def garbage(core: Core, dice: random.Random) -> str:
    start = core.place_on_stack(dice)
    size = 8 << dice.randrange(10)
    offset = core.offset_of(start)
    core.change(offset, dice.randbytes(min(size, len(core.bytes) - offset)))
    return f"{size} bytes at 0x{start:x}"


def links(core: Core, dice: random.Random) -> str:
    changed = dice.randrange(1, 20)
    for _ in range(changed):
        address = core.place_on_stack(dice)
        target = dice.choice([address, address - 8, core.place_on_stack(dice)])
        core.change(core.offset_of(address), struct.pack("<Q", target))
    return f"{changed} words"


def objects(core: Core, dice: random.Random) -> str:
    changed = 0
    while changed < 1 << dice.randrange(1, 8):
        word = core.word(core.place_on_stack(dice))
        for _ in range(dice.randrange(4)):  # from object to object
            next_word = core.word(word - TAG + 8 * dice.randrange(10)) if word & 3 == TAG else 0
            word = next_word if next_word & 3 == TAG else word
        offset = core.offset_of(word - TAG) if word & 3 == TAG else None
        changed += 1
        if offset is None:
            continue
        at = offset + dice.randrange(128)
        if at < len(core.bytes):
            core.change(at, bytes([core.bytes[at] ^ dice.randrange(1, 256)]))
    return f"{changed} bytes"


def code(core: Core, dice: random.Random) -> str:
    """p_filesz of executable mappings becomes 0."""
    executable = [at for at, header in core.headers if header[0] == PT_LOAD and header[1] & PF_X]
    chosen = dice.sample(executable, dice.randrange(1, len(executable) + 1))
    for at in chosen:
        core.change(at + 32, bytes(8))
    return f"{len(chosen)} of {len(executable)} mappings"


KINDS = {"garbage": garbage, "links": links, "objects": objects, "code": code}


def has_native_frames(command: list[str]) -> bool:
    answer = subprocess.run([*command, "--json"], capture_output=True, env=subject.ENVIRONMENT, check=False)
    try:
        return len(json.loads(answer.stdout)["threads"][0]["frames"]) > 0
    except (ValueError, LookupError):
        return False


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--inquest", required=True)
    parser.add_argument("--version", default="22.23.3")
    parser.add_argument("--each", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    return parser.parse_args()


def main() -> int:
    options = parsed()
    failed = count = 0
    statuses, slowest = {}, 0.0
    with tempfile.TemporaryDirectory(prefix="inquest-broken-") as temporary:
        work = pathlib.Path(temporary)
        for case in CASES:
            try:
                core = Core(subject.make_core(case, options.version) / "core", work / "core")
                core.stack_pointer()
            except subject.Unavailable as reason:
                print(f"skipped: {reason}")
                return subject.STATUS_UNAVAILABLE
            for kind, damage in KINDS.items():
                for number in range(options.each):
                    count += 1
                    name = f"{case}:{kind}:{number}"
                    if options.only and options.only != name:
                        continue
                    what = damage(core, random.Random(f"{name} {options.version} {options.seed}"))
                    command = [options.inquest, "-c", str(core.path), *COMMANDS[count % len(COMMANDS)]]
                    outcome = subject.run(command, work)
                    faults = outcome.faults()
                    if kind == "code" and not has_native_frames([options.inquest, "-c", str(core.path), "bt"]):
                        faults.append("no native frame is left")
                    core.mend()
                    statuses[outcome.status] = statuses.get(outcome.status, 0) + 1
                    slowest = max(slowest, outcome.seconds)
                    for fault in faults:
                        failed += 1
                        print(f"FAILED --only {name} ({what}), {' '.join(command[3:])}: {fault}", flush=True)
            core.close()
    ended = ", ".join(f"{times} with {status}" for status, times in sorted(statuses.items()))
    print(f"{sum(statuses.values())} broken stacks: {ended}; slowest {slowest:.1f} s, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
