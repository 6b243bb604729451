#!/usr/bin/env python3
"""Debug information made to take for ever: every file has to be answered, in work that grows as the file does.

    tests/dwarf/hostile.py SYMBOLISE INQUEST [CASE...]      (without cases: all)

Each case is a file of one to five megabytes in which one thing refers to another so often that going through all of it for each
reference would take 10^11 steps or more, which no timeout outlasts. The last unit of each is a sound one, `witness`: its function,
file and line have to be known whatever stands before it. check-debug-info reads the same file.

DWARF is written down here by hand: what these files hold, no compiler makes."""
import os
import pathlib
import re
import resource
import socket
import struct
import subprocess
import sys
import tempfile

WITNESS = 0x900000  # where the code of the sound function is
CODE = 0x400000     # where that of the others is
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"} | {"LC_ALL": "C"}

# DWARF 5, 7.5.3 to 7.5.6
CU, SUBPROGRAM, INLINED, BLOCK, NAMESPACE, SKELETON, SUBROUTINE = 0x11, 0x2E, 0x1D, 0x0B, 0x39, 0x4A, 0x15
LOW, HIGH, NAME, ORIGIN, SPECIFICATION, RANGES, LINES, PRODUCER, FOLDER, DWO_NAME = 0x11, 0x12, 3, 0x31, 0x47, 0x55, 0x10, 0x25, 0x1B, 0x76
GNU_DWO_NAME, GNU_DWO_ID = 0x2130, 0x2131
ADDR, DATA1, DATA4, DATA8, STRING, STRP, REF4, OFFSET, PRESENT, INDIRECT, UDATA = 1, 0x0B, 6, 7, 8, 0x0E, 0x13, 0x17, 0x19, 0x16, 0x0F


def uleb(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def shape(code: int, tag: int, children: bool, *attributes: tuple[int, int]) -> bytes:
    """One abbreviation."""
    body = b"".join(uleb(name) + uleb(form) for name, form in attributes)
    return uleb(code) + uleb(tag) + bytes([children]) + body + b"\0\0"


def unit(dies: bytes, version: int = 4, abbreviations: int = 0, kind: int = 1, extra: bytes = b"") -> bytes:
    head = struct.pack("<HIB", version, abbreviations, 8) if version < 5 else struct.pack("<HBBI", version, kind, 8, abbreviations) + extra
    return struct.pack("<I", len(head + dies)) + head + dies


def line_program(operations: bytes, files: bytes = b"\0file.c\0\0\0\0\0", claimed: int | None = None) -> bytes:
    """Version 4."""
    fields = struct.pack("<BBBbBB", 1, 1, 1, -5, 14, 13) + bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]) + files
    body = struct.pack("<HI", 4, len(fields)) + fields + operations
    return struct.pack("<I", len(body) if claimed is None else claimed) + body


def set_address(address: int) -> bytes:
    return b"\0\x09\2" + struct.pack("<Q", address)


END = b"\0\1\1"


def elf(sections: list[tuple[str, bytes]], repeat: tuple[str, int] | None = None) -> bytes:
    """An x86-64 library with these sections; `repeat`: so many headers for one of them."""
    names, body, headers = b"\0", b"", [bytes(64)]
    all_sections = sections + [(".shstrtab", b"")]
    for name, data in all_sections:
        at = len(names)
        names += name.encode() + b"\0"
        if name == ".shstrtab":
            data = names
        times = repeat[1] if repeat and repeat[0] == name else 1
        headers += [struct.pack("<IIQQQQIIQQ", at, 1, 0, 0, 64 + len(body), len(data), 0, 0, 1, 0)] * times
        body += data
    offset = 64 + len(body)
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, offset, 0, 64, 56, 0, 64, len(headers), len(headers) - 1)
    return head + body + b"".join(headers)


class File:
    """Sections in the making; the witness comes last."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}

    def add(self, name: str, data: bytes) -> int:
        """Puts it behind what is there, and gives its offset."""
        before = self.parts.get(name, b"")
        self.parts[name] = before + data
        return len(before)

    def finish(self, repeat: tuple[str, int] | None = None) -> bytes:
        table = self.add(".debug_abbrev", shape(1, CU, True, (NAME, STRING), (LINES, OFFSET), (LOW, ADDR), (HIGH, DATA4))
                         + shape(2, SUBPROGRAM, False, (NAME, STRING), (LOW, ADDR), (HIGH, DATA4)) + b"\0")
        lines = self.add(".debug_line", line_program(set_address(WITNESS) + b"\3\x29\1\2\x40" + END, b"\0witness.c\0\0\0\0\0"))
        self.add(".debug_info", unit(b"\1witness.c\0" + struct.pack("<IQI", lines, WITNESS, 0x40)
                                     + b"\2witness\0" + struct.pack("<QI", WITNESS, 0x40) + b"\0", abbreviations=table))
        return elf(list(self.parts.items()), repeat)


ROW = struct.pack("<QQ", CODE, CODE + 0x1000)
RANGED = shape(1, CU, True, (RANGES, OFFSET)) + shape(2, SUBPROGRAM, False, (RANGES, OFFSET)) + shape(3, INLINED, False, (RANGES, OFFSET)) \
    + shape(4, SUBPROGRAM, True, (LOW, ADDR), (HIGH, DATA4)) + shape(5, CU, True) + b"\0"


def long_list(file: File, entries: int = 150_000) -> None:
    file.add(".debug_ranges", b"".join(struct.pack("<QQ", CODE + i, CODE + i + 0x100) for i in range(entries)) + bytes(16))
    file.add(".debug_abbrev", RANGED)


def units_share_ranges() -> bytes:
    file = File()
    long_list(file)
    file.add(".debug_info", unit(b"\1" + bytes(4)) * 60_000)
    return file.finish()


def units_overlap_in_ranges() -> bytes:
    file = File()
    long_list(file)
    file.add(".debug_info", b"".join(unit(b"\1" + struct.pack("<I", 16 * i)) for i in range(60_000)))
    return file.finish()


def functions_share_ranges() -> bytes:
    file = File()
    long_list(file)
    file.add(".debug_info", unit(b"\1" + bytes(4) + b"".join(b"\2" + struct.pack("<I", 16 * (i % 1000)) for i in range(200_000)) + b"\0"))
    return file.finish()


def inlined_calls_share_ranges() -> bytes:
    file = File()
    long_list(file)
    file.add(".debug_info", unit(b"\1" + bytes(4) + b"\4" + struct.pack("<QI", CODE, 0x100000) + (b"\3" + bytes(4)) * 200_000 + b"\0\0"))
    return file.finish()


def range_lists_of_5() -> bytes:
    file = File()
    entries = b"\5" + struct.pack("<Q", CODE) + b"\4\0\x40" * 300_000 + b"\0"  # base_address, offset_pair, end_of_list
    file.add(".debug_rnglists", struct.pack("<IHBBI", len(entries) + 8, 5, 8, 0, 0) + entries)
    file.add(".debug_abbrev", RANGED)
    file.add(".debug_info", b"".join(unit(b"\1" + struct.pack("<I", 12 if i % 2 else 21 + 3 * i), version=5) for i in range(60_000)))
    return file.finish()


def units_share_abbreviations() -> bytes:
    file = File()
    file.add(".debug_abbrev", b"".join(shape(i, 0x24, False, (NAME, STRP), (0x0B, DATA1)) for i in range(2, 120_000))
             + shape(1, CU, False, (NAME, STRP)) + b"\0")
    file.add(".debug_str", b"shared\0")
    file.add(".debug_info", unit(b"\1" + bytes(4)) * 100_000)
    return file.finish()


def units_overlap_in_abbreviations() -> bytes:
    file = File()
    entry = shape(3, CU, False, (NAME, STRP))
    file.add(".debug_abbrev", entry * 300_000 + shape(1, CU, False) + b"\0")
    file.add(".debug_info", b"".join(unit(b"\1", abbreviations=i * len(entry)) for i in range(100_000)))
    return file.finish()


def attributes_without_bytes() -> bytes:
    """One byte of a DIE stands for half a million attributes."""
    file = File()
    file.add(".debug_abbrev", shape(1, CU, True, (LOW, ADDR), (HIGH, DATA4))
             + shape(2, SUBPROGRAM, False, (LOW, PRESENT), *[(0x2000 + i % 64, PRESENT) for i in range(500_000)]) + b"\0")
    file.add(".debug_info", unit(b"\1" + struct.pack("<QI", CODE, 0x1000) + b"\2" * 1_000_000 + b"\0"))
    return file.finish()


def silent_units_share_lines() -> bytes:
    file = File()
    rows = b"".join(set_address(CODE + 64 * i) + b"\1\2\x20" + END for i in range(100_000))
    file.add(".debug_line", line_program(rows))
    file.add(".debug_abbrev", shape(1, CU, False, (LINES, OFFSET)) + b"\0")
    file.add(".debug_info", unit(b"\1" + bytes(4)) * 60_000)
    return file.finish()


def silent_units_overlap_in_lines() -> bytes:
    file = File()
    one = line_program(set_address(CODE) + b"\1\2\x20" + END, claimed=3_000_000)
    file.add(".debug_line", one * 60_000)
    file.add(".debug_abbrev", shape(1, CU, False, (LINES, OFFSET)) + b"\0")
    file.add(".debug_info", b"".join(unit(b"\1" + struct.pack("<I", len(one) * i)) for i in range(60_000)))
    return file.finish()


def units_with_code_share_lines() -> bytes:
    """All of them are asked for."""
    file = File()
    file.add(".debug_line", line_program(b"".join(set_address(CODE + 16 * i) + b"\1\2\x10" + END for i in range(100_000))))
    file.add(".debug_abbrev", shape(1, CU, False, (LINES, OFFSET), (LOW, ADDR), (HIGH, DATA4)) + b"\0")
    file.add(".debug_info", b"".join(unit(b"\1" + struct.pack("<IQI", 0, CODE + 16 * i, 16)) for i in range(40_000)))
    return file.finish()


def sequences_with_every_address() -> bytes:
    file = File()
    sequence = set_address(CODE) + b"\1\2\x80\x80\x40\3\1\1" + END
    file.add(".debug_line", line_program(sequence * 100_000))
    file.add(".debug_abbrev", shape(1, CU, False, (LINES, OFFSET), (LOW, ADDR), (HIGH, DATA4)) + b"\0")
    file.add(".debug_info", unit(b"\1" + struct.pack("<IQI", 0, CODE, 0x100000)))
    return file.finish()


def enormous_line_steps() -> bytes:
    file = File()
    huge = b"\xff" * 9 + b"\1"
    operations = set_address(CODE) + (b"\2" + huge + b"\3" + huge[:9] + b"\0" + b"\1\x08\xff\4" + huge + b"\5" + huge) * 60_000 \
        + b"\0\xff\xff\xff\xff\x0f" + END
    file.add(".debug_line", line_program(operations))
    file.add(".debug_abbrev", shape(1, CU, False, (LINES, OFFSET), (LOW, ADDR), (HIGH, DATA4)) + b"\0")
    file.add(".debug_info", unit(b"\1" + struct.pack("<IQI", 0, CODE, 0x100000)))
    return file.finish()


def endless_file_table() -> bytes:
    """Files of no bytes each (DWARF 5, 6.2.4: the form of a column may be one that has none)."""
    file = File()
    fields = struct.pack("<BBBbBB", 1, 1, 1, -5, 14, 1) + b"\1\1\x19" + b"\xff" * 8 + b"\1" + b"\1\1\x19" + b"\xff" * 8 + b"\1"
    body = struct.pack("<HBBI", 5, 8, 0, len(fields)) + fields
    file.add(".debug_line", (struct.pack("<I", len(body)) + body) * 20_000)
    size = len(body) + 4
    file.add(".debug_abbrev", shape(1, CU, False, (LINES, OFFSET)) + b"\0")
    file.add(".debug_info", b"".join(unit(b"\1" + struct.pack("<I", size * i)) for i in range(20_000)))
    return file.finish()


def deep_nesting() -> bytes:
    file = File()
    file.add(".debug_abbrev", shape(1, CU, True, (LOW, ADDR), (HIGH, DATA4)) + shape(2, BLOCK, True) + shape(3, NAMESPACE, True)
             + shape(4, SUBPROGRAM, True, (NAME, STRING), (LOW, ADDR), (HIGH, DATA4)) + b"\0")
    functions = b"".join(b"\4f\0" + struct.pack("<QI", CODE + 16 * i, 16) + b"\2" * 50 + b"\0" * 51 for i in range(10_000))
    file.add(".debug_info", unit(b"\1" + struct.pack("<QI", CODE, 0x100000) + b"\3" * 400_000 + functions))
    return file.finish()


def origins_in_circles() -> bytes:
    """Functions whose names are looked for along 100,000 others, and round and round."""
    file = File()
    file.add(".debug_abbrev", shape(1, CU, True, (LOW, ADDR), (HIGH, DATA4)) + shape(2, SUBPROGRAM, False, (ORIGIN, REF4))
             + shape(3, SUBPROGRAM, True, (SPECIFICATION, REF4), (LOW, ADDR), (HIGH, DATA4))
             + shape(4, INLINED, False, (ORIGIN, REF4), (LOW, ADDR), (HIGH, DATA4)) + b"\0")
    dies, base = b"\1" + struct.pack("<QI", CODE, 0x1000000), 11
    start = base + len(dies)
    dies += b"".join(b"\2" + struct.pack("<I", start + 5 * ((i + 1) % 100_000)) for i in range(100_000))
    for i in range(1000):
        dies += b"\3" + struct.pack("<IQI", start + 5 * i, CODE + 16 * i, 16) + b"\4" + struct.pack("<IQI", start + 5 * i, CODE + 16 * i, 8) + b"\0"
    file.add(".debug_info", unit(dies + b"\0"))
    return file.finish()


def indirect_forms() -> bytes:
    file = File()
    file.add(".debug_abbrev", shape(1, CU, True, *[(NAME, INDIRECT)] * 8) + b"\0")
    file.add(".debug_info", unit(b"\1" + b"\x16" * 1_000_000) + unit(b"\1" + b"\x0b\1" * 8 + b"\1" + b"\x16\x16\x0b\1" * 100_000))
    return file.finish()


def units_share_long_names() -> bytes:
    file = File()
    file.add(".debug_str", b"x" * 1_000_000 + b"\0")
    file.add(".debug_abbrev", shape(1, CU, False, (NAME, STRP), (PRODUCER, STRP), (FOLDER, STRP), (LOW, ADDR), (HIGH, DATA4)) + b"\0")
    file.add(".debug_info", b"".join(unit(b"\1" + struct.pack("<IIIQI", 0, 1, 2, CODE + i, 1)) for i in range(60_000)))
    return file.finish()


def headers_share_a_section() -> bytes:
    file = File()
    file.add(".debug_abbrev", RANGED)
    file.add(".debug_info", unit(b"\5\0") * 100_000)
    return file.finish(repeat=(".debug_info", 60_000))


def skeletons(count: int, name_of, version: int = 5) -> bytes:
    """Units whose other half is elsewhere."""
    file = File()
    if version >= 5:
        file.add(".debug_abbrev", shape(1, SKELETON, False, (DWO_NAME, STRING), (LOW, ADDR), (HIGH, DATA4)) + b"\0")
        file.add(".debug_info", b"".join(unit(b"\1" + name_of(i) + b"\0" + struct.pack("<QI", CODE + 16 * i, 16), 5, kind=4,
                                              extra=struct.pack("<Q", (i << 32) + 12345)) for i in range(count)))
    else:
        file.add(".debug_abbrev", shape(1, CU, False, (GNU_DWO_NAME, STRING), (GNU_DWO_ID, DATA8), (LOW, ADDR), (HIGH, DATA4)) + b"\0")
        file.add(".debug_info", b"".join(unit(b"\1" + name_of(i) + b"\0" + struct.pack("<QQI", i + 1, CODE + 16 * i, 16)) for i in range(count)))
    return file.finish()


def package_without_room(folder: pathlib.Path) -> bytes:
    """A .dwp whose index is full, so that a search for an id that is not in it passes over every slot."""
    slots = 1 << 17
    index = struct.pack("<IIII", 5, 2, 2, slots) + b"".join(struct.pack("<Q", 7 + i) for i in range(slots))
    index += struct.pack("<I", 1) * slots + struct.pack("<II", 1, 3) + struct.pack("<IIII", 0, 0, 0, 0) * 2
    (folder / "program.dwp").write_bytes(elf([(".debug_cu_index", index), (".debug_info.dwo", unit(b"\1")), (".debug_abbrev.dwo", b"\0")]))
    return skeletons(40_000, lambda i: b"a.dwo")


def package_with_absurd_counts(folder: pathlib.Path) -> bytes:
    """An index that claims more slots, columns and rows than there are bytes."""
    index = struct.pack("<IIII", 5, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF) + bytes(4096)
    (folder / "program.dwp").write_bytes(elf([(".debug_cu_index", index), (".debug_info.dwo", unit(b"\1")), (".debug_abbrev.dwo", b"\0")]))
    return skeletons(40_000, lambda i: b"a%d.dwo" % (i % 100))


def one_dwo_for_all(folder: pathlib.Path) -> bytes:
    table = shape(1, CU, False, (GNU_DWO_ID, DATA8)) + b"\0"
    units = b"".join(unit(b"\1" + struct.pack("<Q", i + 1)) for i in reversed(range(60_000)))
    (folder / "all.dwo").write_bytes(elf([(".debug_info.dwo", units), (".debug_abbrev.dwo", table)]))
    return skeletons(60_000, lambda i: b"all.dwo", version=4)


def dwo_that_are_no_files(folder: pathlib.Path) -> bytes:
    """A fifo, a socket, a folder, a device, an empty file, a file without rights, paths out of the folder and of absurd length."""
    os.mkfifo(folder / "fifo.dwo")
    (folder / "folder.dwo").mkdir()
    (folder / "empty.dwo").write_bytes(b"")
    (folder / "closed.dwo").write_bytes(b"\x7fELF")
    (folder / "closed.dwo").chmod(0)
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(folder / "socket.dwo"))
    names = [b"fifo.dwo", b"folder.dwo", b"empty.dwo", b"closed.dwo", b"socket.dwo", b"/dev/zero", b"/proc/self/mem", b"/", b"../" * 1000,
             b"x" * 300, b"y/" * 3000, b"../../../../../../etc/passwd", b"\x1b[31m\n", b"%s%n"]
    return skeletons(len(names), lambda i: names[i])


IN_FOLDER = {function.__name__: function for function in (package_without_room, package_with_absurd_counts, one_dwo_for_all, dwo_that_are_no_files)}
ALONE = {function.__name__: function for function in (
    units_share_ranges, units_overlap_in_ranges, functions_share_ranges, inlined_calls_share_ranges, range_lists_of_5, units_share_abbreviations,
    units_overlap_in_abbreviations, attributes_without_bytes, silent_units_share_lines, silent_units_overlap_in_lines, units_with_code_share_lines,
    sequences_with_every_address, enormous_line_steps, endless_file_table, deep_nesting, origins_in_circles, indirect_forms, units_share_long_names,
    headers_share_a_section)}


def check(symbolise: str, inquest: str, name: str, folder: pathlib.Path) -> None:
    program = folder / "program"
    program.write_bytes(IN_FOLDER[name](folder) if name in IN_FOLDER else ALONE[name]())
    asked = [WITNESS, WITNESS + 0x3F, *range(CODE, CODE + 40_000 * 16, 16), 0x10, 0x7FFFFFFFFFFF]
    done = subprocess.run([symbolise, program, "--functions"], input="\n".join(map(hex, asked)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", env=ENVIRONMENT, cwd=folder)
    answers = {int(head, 16): text for head, text in re.findall(r"^0x([0-9a-f]+)\n((?:.+\n)*)", done.stdout, re.MULTILINE)}
    if done.returncode != 0 or set(answers) != set(asked):
        sys.exit(f"{name}: status {done.returncode}, {len(answers)} of {len(asked)} addresses: {done.stderr[-300:]}")
    for address in asked[:2]:
        if answers[address].splitlines() != ["witness", "witness.c:42:0"]:
            sys.exit(f"{name}: {address:#x} is {answers[address]!r}; {done.stderr[:300]}")
    if any(line.strip() and not line.isprintable() for line in done.stderr.splitlines()) and name != "dwo_that_are_no_files":
        sys.exit(f"{name}: a note with what is no text: {done.stderr[:300]!r}")
    report = subprocess.run([inquest, "check-debug-info", program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, errors="replace", env=ENVIRONMENT, cwd=folder)
    if report.returncode not in (0, 1) or str(program) not in report.stdout:
        sys.exit(f"{name}: check-debug-info: status {report.returncode}: {report.stderr[-300:]}{report.stdout[-300:]}")
    known = sum(text.splitlines()[0] != "??" or "??" not in text for text in answers.values())
    print(f"{name}: {program.stat().st_size} bytes, {known} of {len(asked)} addresses known; {done.stderr.strip().splitlines()[:2]}", flush=True)


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    for name in sys.argv[3:] or [*ALONE, *IN_FOLDER]:
        with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
            check(*map(os.path.abspath, sys.argv[1:3]), name, pathlib.Path(folder))
    print(f"at most {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
