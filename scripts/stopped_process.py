"""Writes the core file of a process that a debugger holds stopped, as the kernel would have: sparse, and without what
coredump_filter leaves out by default. gdb's own cores are dense (50 GB where a program reserved that much), so gdb
gives only the notes (registers, auxiliary vector, mapped files) and the memory comes from /proc."""
import mmap
import os
import pathlib
import re
import struct
from dataclasses import dataclass

PAGE = mmap.PAGESIZE
PT_LOAD, PT_NOTE = 1, 4
_ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_PN_XNUM = 0xFFFF
_PRESENT_OR_SWAPPED = 3 << 62
_CHUNK_PAGES = 1 << 15
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ (\d+)\s*(.*)$")


@dataclass
class Mapping:
    start: int
    end: int
    permissions: str
    offset: int
    inode: int
    name: str
    anonymous_kb: int = 0
    resident_kb: int = 0
    flags: tuple[str, ...] = ()

    def dumped(self) -> int:
        """How many bytes of it belong in the core."""
        size = self.end - self.start
        if "dd" in self.flags or "io" in self.flags or self.name in ("[vsyscall]", "[vvar]", "[vvar_vclock]"):
            return 0
        if self.permissions.startswith("---") and self.resident_kb == 0:
            return 0
        if self.inode and "s" not in self.permissions and self.anonymous_kb == 0:
            return PAGE if self.offset == 0 else 0  # an ELF header, for its build-id
        return 0 if self.inode and "s" in self.permissions else size

    def elf_flags(self) -> int:
        return sum(bit for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in self.permissions)


def mappings_of(pid: int) -> list[Mapping]:
    mappings: list[Mapping] = []
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        match = _MAPPING.match(line)
        if match:
            start, end, permissions, offset, inode, name = match.groups()
            mappings.append(Mapping(int(start, 16), int(end, 16), permissions, int(offset, 16), int(inode), name))
            continue
        field, _, value = line.partition(":")
        if field == "Anonymous":
            mappings[-1].anonymous_kb = int(value.split()[0])
        elif field in ("Rss", "Swap"):
            mappings[-1].resident_kb += int(value.split()[0])
        elif field == "VmFlags":
            mappings[-1].flags = tuple(value.split())
    return mappings


def notes_of(core: pathlib.Path) -> bytes:
    data = core.read_bytes()
    header = _ELF_HEADER.unpack_from(data)
    for index in range(header[10]):
        segment = _PROGRAM_HEADER.unpack_from(data, header[5] + index * _PROGRAM_HEADER.size)
        if segment[0] == PT_NOTE:
            return data[segment[2]:segment[2] + segment[5]]
    raise ValueError(f"{core}: no notes")


def _copy_present_pages(memory, pagemap, mapping: Mapping, size: int, target, position: int) -> None:
    for first in range(0, size // PAGE, _CHUNK_PAGES):
        count = min(_CHUNK_PAGES, size // PAGE - first)
        entries = os.pread(pagemap.fileno(), 8 * count, (mapping.start // PAGE + first) * 8)
        if not any(entries):
            continue
        for index, (entry,) in enumerate(struct.iter_unpack("<Q", entries)):
            if entry & _PRESENT_OR_SWAPPED:
                offset = (first + index) * PAGE
                try:
                    page = os.pread(memory.fileno(), PAGE, mapping.start + offset)
                except OSError:  # may not be read, not even by a debugger
                    continue
                if any(page):
                    os.pwrite(target.fileno(), page, position + offset)


def write_core(pid: int, notes_core: pathlib.Path, path: pathlib.Path) -> None:
    notes = notes_of(notes_core)
    segments = [(mapping, mapping.dumped()) for mapping in mappings_of(pid)]
    count = len(segments) + 1
    many = count >= _PN_XNUM
    table_end = _ELF_HEADER.size + count * _PROGRAM_HEADER.size
    position = -(-(table_end + len(notes)) // PAGE) * PAGE
    table = [_PROGRAM_HEADER.pack(PT_NOTE, 0, table_end, 0, 0, len(notes), 0, 4)]
    with open(path, "wb") as target, open(f"/proc/{pid}/mem", "rb") as memory, open(f"/proc/{pid}/pagemap", "rb") as pagemap:
        for mapping, size in segments:
            table.append(_PROGRAM_HEADER.pack(PT_LOAD, mapping.elf_flags(), position, mapping.start, 0, size,
                                              mapping.end - mapping.start, PAGE))
            _copy_present_pages(memory, pagemap, mapping, size, target, position)
            position += size
        identification = b"\x7fELF\x02\x01\x01" + bytes(9)
        header = _ELF_HEADER.pack(identification, 4, 62, 1, 0, _ELF_HEADER.size, position if many else 0, 0, _ELF_HEADER.size,
                                  _PROGRAM_HEADER.size, _PN_XNUM if many else count, _SECTION_HEADER.size if many else 0,
                                  1 if many else 0, 0)
        os.pwrite(target.fileno(), header + b"".join(table) + notes, 0)
        target.truncate(position)
        if many:  # then the first section header holds the number of segments
            os.pwrite(target.fileno(), _SECTION_HEADER.pack(0, 0, 0, 0, 0, 0, 0, count, 0, 0), position)
