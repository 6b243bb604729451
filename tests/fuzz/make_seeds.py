#!/usr/bin/env python3
"""Writes the seeds of the fuzzers: small core files, well formed and malformed, one oddity each.

    tests/fuzz/make_seeds.py [DIRECTORY]     (default: seeds/ beside this file)

The files are in git; run this after changing it, and add what crashed a fuzzer by hand as crash-*."""

import pathlib
import struct
import sys

PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_SIGINFO, NT_FILE = 1, 3, 6, 0x53494749, 0x46494C45
AT_PHDR, AT_PHNUM, AT_ENTRY, AT_BASE = 3, 5, 9, 7


def elf_header(phnum: int, phoff: int = 64, machine: int = 62, kind: int = 4, bits: int = 2) -> bytes:
    ident = b"\x7fELF" + bytes([bits, 1, 1, 0]) + bytes(8)
    return ident + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, phoff, 0, 0, 64, 56, phnum, 0, 0, 0)


def segment(kind: int, offset: int, address: int, filesz: int, memsz: int, flags: int = 6) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, flags, offset, address, 0, filesz, memsz, 4096)


def note(kind: int, payload: bytes, name: bytes = b"CORE\0", size: int | None = None) -> bytes:
    pad = lambda data: data + bytes(-len(data) % 4)
    return struct.pack("<III", len(name), len(payload) if size is None else size, kind) + pad(name) + pad(payload)


def prstatus(tid: int, signal: int, rsp: int) -> bytes:
    registers = [0] * 27
    registers[16], registers[19] = 0x401000, rsp
    head = struct.pack("<iiiHHQQiiii", signal, 0, 0, signal, 0, 0, 0, tid, 1, 1, 1) + bytes(64)
    return head + struct.pack("<27Q", *registers) + bytes(8)


def prpsinfo(name: bytes, arguments: bytes) -> bytes:
    return struct.pack("<BBBBxxxxQIIiiii", 0, 82, 0, 0, 0, 0, 0, 7, 1, 1, 1) + name.ljust(16, b"\0") + arguments.ljust(80, b"\0")


def files(rows, count: int | None = None, page: int = 4096) -> bytes:
    body = b"".join(struct.pack("<QQQ", *row[:3]) for row in rows) + b"".join(row[3] + b"\0" for row in rows)
    return struct.pack("<QQ", len(rows) if count is None else count, page) + body


MAPPED = [(0x400000, 0x402000, 0, b"/usr/bin/true"), (0x7F0000000000, 0x7F0000001000, 0, b"/lib/gone.so (deleted)")]
NOTES = (
    note(NT_PRSTATUS, prstatus(7, 6, 0x7FFF00000100))
    + note(NT_PRPSINFO, prpsinfo(b"true", b"true --version"))
    + note(NT_SIGINFO, struct.pack("<iii", 6, 0, -6) + bytes(116))
    + note(NT_AUXV, struct.pack("<10Q", AT_PHDR, 0x400040, AT_PHNUM, 1, AT_BASE, 0, AT_ENTRY, 0x401000, 0, 0))
    + note(NT_FILE, files(MAPPED))
    + note(NT_PRSTATUS, prstatus(8, 0, 0x7FFF00000200))
)


def core(notes: bytes = NOTES, loads=None, phnum: int | None = None, memory: bytes = b"inquest!" * 64) -> bytes:
    """A core whose loads are (address, filesz, memsz, offset or None for the place after the notes)."""
    loads = [(0x7FFF00000000, len(memory), 4096, None), (0x400000, 0, 0x2000, None)] if loads is None else loads
    start = 64 + 56 * (1 + len(loads))
    headers = segment(PT_NOTE, start, 0, len(notes), 0, 0)
    for address, filesz, memsz, offset in loads:
        headers += segment(PT_LOAD, start + len(notes) if offset is None else offset, address, filesz, memsz)
    return elf_header(1 + len(loads) if phnum is None else phnum) + headers + notes + memory


SEEDS = {
    "empty": b"",
    "text": b"#!/bin/sh\necho not a core\n",
    "header-only": elf_header(0),
    "plain": core(),
    "truncated-memory": core()[:-300],
    "truncated-notes": core()[:400],
    "truncated-headers": core()[:100],
    "32-bit": core().replace(b"\x7fELF\x02", b"\x7fELF\x01", 1),
    "other-machine": elf_header(1, machine=183) + core()[64:],
    "executable": elf_header(1, kind=2) + core()[64:],
    "many-headers": core(phnum=0xFFFE),
    "extended-numbering": core(phnum=0xFFFF),
    "headers-beyond-end": elf_header(3, phoff=1 << 62) + core()[64:],
    "overlapping-loads": core(loads=[(0x10000, 512, 0x4000, None), (0x11000, 512, 0x4000, None), (0x10000, 8, 16, None)]),
    "wrapping-load": core(loads=[(0xFFFFFFFFFFFFF000, 512, 0x8000, None)]),
    "offset-wraps": core(loads=[(0x10000, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFF00)]),
    "giant-load": core(loads=[(0, 512, 1 << 63, None)]),
    "note-too-long": core(notes=NOTES + note(NT_FILE, b"", size=0xFFFFFFFF)),
    "note-name-too-long": core(notes=struct.pack("<III", 0xFFFFFFF0, 8, 1) + NOTES),
    "file-count-too-high": core(notes=note(NT_FILE, files(MAPPED, count=1 << 61))),
    "file-page-zero": core(notes=note(NT_FILE, files(MAPPED, page=0))),
    "file-names-unterminated": core(notes=note(NT_FILE, files(MAPPED)[:-6])),
    "file-ranges-reversed": core(notes=note(NT_FILE, files([(0x5000, 0x1000, 1 << 60, b"/usr/bin/true")]))),
    "short-prstatus": core(notes=note(NT_PRSTATUS, b"\6\0\0\0")),
    "no-notes": core(notes=b""),
}


def main() -> int:
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent / "seeds"
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (directory / name).write_bytes(data)
    print(f"{len(SEEDS)} seeds in {directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
