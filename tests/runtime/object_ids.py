"""Where the objects of a heap snapshot lie in the core of the process that wrote it.

V8 numbers objects for its snapshots and keeps the numbers in a table in native memory (HeapObjectsMap::entries_,
src/profiler/heap-snapshot-generator.h), which survives the snapshot and is updated when objects move. A row is
EntryInfo: u32 id, 4 bytes of padding, u64 address, u32 size, bool accessed; ids ascend from row to row."""
import mmap
import pathlib
import struct
from collections.abc import Iterator

_ROW = struct.Struct("<IxxxxQIBxxx")
_MOST_APART = 4096     # ids of neighbouring rows: rows of dead objects are removed
_PROBES = (3, 5, 7, 9)  # parts of the list of ids at which the table is looked for
_LEAST_SHARE = 0.9     # of the ids of the snapshot that a table must hold


def _segments(core: mmap.mmap) -> Iterator[tuple[int, int]]:
    """File offset and size of the dumped memory."""
    table, = struct.unpack_from("<Q", core, 32)
    entry_size, count = struct.unpack_from("<HH", core, 54)
    for i in range(count):
        kind, _, offset, _, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", core, table + i * entry_size)
        if kind == 1 and size:
            yield offset, size


def _rows(core: mmap.mmap, at: int, low: int, high: int) -> dict[int, int]:
    """The rows before and after the one at `at`, as far as they make sense."""
    found = {}
    for step in (-_ROW.size, _ROW.size):
        place, (last, _, _, _) = at, _ROW.unpack_from(core, at)
        while low <= place and place + _ROW.size <= high:
            number, address, _, accessed = _ROW.unpack_from(core, place)
            ahead = (number - last) * (1 if step > 0 else -1)
            if accessed > 1 or ahead < 0 or ahead > _MOST_APART or (place != at and ahead == 0):
                break
            found[number] = address
            last, place = number, place + step
    return found


def addresses(core_path: pathlib.Path, ids: list[int]) -> dict[int, int]:
    """The untagged address by snapshot id; raises ValueError when the core does not have the table."""
    ids = sorted(ids)
    least = _LEAST_SHARE * len(ids)
    with open(core_path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as core:
        for part in _PROBES:
            probe = struct.pack("<I", ids[len(ids) // part])
            for offset, size in _segments(core):
                at = core.find(probe, offset, offset + size)
                while at >= 0:
                    if at % 8 == 0 and at + _ROW.size <= offset + size:
                        found = _rows(core, at, offset, offset + size)
                        if len(found) >= least and sum(number in found for number in ids) >= least:
                            return found
                    at = core.find(probe, at + 1, offset + size)
    raise ValueError(f"{core_path}: V8's table of snapshot ids was not found")
