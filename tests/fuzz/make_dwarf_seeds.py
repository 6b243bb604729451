#!/usr/bin/env python3
"""Writes the seeds of dwarf_fuzzer: small shared objects of g++ and clang, and lists of sections that no compiler makes.

    tests/fuzz/make_dwarf_seeds.py [DIRECTORY]     (default: seeds/dwarf beside this file)

The files are in git; run this after changing it (g++ 12, clang 19 and GNU ld of Debian 12 give the same bytes every time), and
add what crashed the fuzzer by hand as crash-*."""
import pathlib
import struct
import subprocess
import sys
import tempfile

SOURCE = """
namespace ns {
int seen;
template <class T> struct Box {
  T value;
  inline __attribute__((always_inline)) T twice() const { return value + value; }
  __attribute__((noinline)) T add(T other) { return value += other + seen; }
};
static inline __attribute__((always_inline)) int inner(int x) { return x > 3 ? x * seen : Box<int>{x}.twice(); }
static inline __attribute__((always_inline)) int middle(int x) { auto twice = [x](int y) { return inner(x) + y; }; return twice(x); }
__attribute__((noinline)) int last(int x) { seen += x; return middle(x); }
__attribute__((noinline)) int jump(int x) { if (x < 0) __builtin_trap(); return last(x + 1); }
}
extern "C" int entry(int x, const char* text) {
  ns::Box<long> box{x};
  if (text[0] == 'x') return static_cast<int>(box.add(3));
  return ns::middle(x) + ns::jump(x) + 1;
}
"""

COMMON = "-frandom-seed=seed -O2 -fPIC -nostdlib -fcf-protection=none".split()
LINK = ["-shared", *"-Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,max-page-size=4096 -Wl,--hash-style=gnu -fuse-ld=bfd".split()]
GCC, CLANG = "g++-12", "clang++-19"
BUILDS = {
    "gcc-2": [GCC, "-g", "-gdwarf-2", "-gstrict-dwarf"],
    "gcc-3": [GCC, "-g", "-gdwarf-3"],
    "gcc-4-types": [GCC, "-g", "-gdwarf-4", "-fdebug-types-section"],
    "gcc-5": [GCC, "-g", "-gdwarf-5"],
    "gcc-5-wide": [GCC, "-g", "-gdwarf-5", "-gdwarf64"],
    "gcc-5-zlib": [GCC, "-g", "-gdwarf-5", "-gz=zlib"],
    "gcc-4-zlib-gnu": [GCC, "-g", "-gdwarf-4", "-Wa,--compress-debug-sections=zlib-gnu", "-Wl,--compress-debug-sections=zlib-gnu"],
    "gcc-debug-frame": [GCC, "-g", "-gdwarf-5", "-fno-asynchronous-unwind-tables", "-fno-exceptions"],
    "clang-2": [CLANG, "-g", "-gdwarf-2"],
    "clang-4": [CLANG, "-g", "-gdwarf-4"],
    "clang-5": [CLANG, "-g", "-gdwarf-5", "-ffunction-sections"],
    "clang-5-lines": [CLANG, "-gline-tables-only", "-gdwarf-5"],
}
SPLIT = {"clang-4-dwo": [CLANG, "-g", "-gdwarf-4", "-gsplit-dwarf"], "clang-5-dwo": [CLANG, "-g", "-gdwarf-5", "-gsplit-dwarf"]}

# As kNames in dwarf_fuzzer.cc.
INFO, ABBREV, STR, LINE, LINE_STR, RANGES, RNGLISTS, ADDR, TYPES, STR_OFFSETS = range(10)
EH_FRAME, EH_FRAME_HDR, DEBUG_FRAME, INFO_DWO, ABBREV_DWO, STR_DWO, CU_INDEX, STR_OFFSETS_DWO = range(12, 20)
LOC_DWO, LOCLISTS_DWO, RNGLISTS_DWO = 24, 25, 26


def uleb(value: int) -> bytes:
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def sections(*parts: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("<BH", name, len(body)) + body for name, body in parts)


def abbreviations(*entries: tuple[int, int, bool, list[tuple[int, int]]]) -> bytes:
    out = b""
    for code, tag, children, attributes in entries:
        out += uleb(code) + uleb(tag) + bytes([children])
        out += b"".join(uleb(name) + uleb(form) for name, form in attributes) + b"\0\0"
    return out + b"\0"


def unit(dies: bytes, version: int = 4, abbrev: int = 0, length: int | None = None) -> bytes:
    rest = struct.pack("<HIB", version, abbrev, 8) if version < 5 else struct.pack("<HBBI", version, 1, 8, abbrev)
    return struct.pack("<I", len(rest + dies) if length is None else length) + rest + dies


ADDR_FORM, DATA1, DATA4, REF4, UDATA, INDIRECT, SEC_OFFSET, STRING, PRESENT, EXPRLOC = 1, 0x0B, 0x06, 0x13, 0x0F, 0x16, 0x17, 8, 0x19, 0x18
LOW, HIGH, NAME, ORIGIN, SPECIFICATION, AT_RANGES, STMT, SIBLING = 0x11, 0x12, 3, 0x31, 0x47, 0x55, 0x10, 1
CU, SUBPROGRAM, INLINED = 0x11, 0x2E, 0x1D

CODE = [(LOW, ADDR_FORM), (HIGH, DATA4)]
PLACE = struct.pack("<QI", 0x1000, 0x40)
BASIC = abbreviations((1, CU, True, CODE), (2, SUBPROGRAM, True, [*CODE, (ORIGIN, REF4)]), (3, INLINED, True, [(ORIGIN, REF4), *CODE]),
                      (4, SUBPROGRAM, False, [(SPECIFICATION, REF4)]))


def line_program(version: int, opcodes: bytes, line_range: int = 14, tables: bytes = b"\0a.c\0\0\0\0\0", header: int | None = None) -> bytes:
    fields = struct.pack("<BB", 1, 1) + (b"" if version < 4 else b"")
    fields = (b"\1\1\1" if version >= 4 else b"\1\1") + struct.pack("<bBB", -5, line_range, 13) + bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]) + tables
    body = struct.pack("<I", len(fields) if header is None else header) + fields + opcodes
    body = struct.pack("<H", version) + (b"\x08\0" if version >= 5 else b"") + body
    return struct.pack("<I", len(body)) + body


SET = b"\0\x09\x02" + struct.pack("<Q", 0x1000)
END = b"\0\1\1"
LINES_UNIT = unit(uleb(1) + struct.pack("<I", 0))
LINES_ABBREV = abbreviations((1, CU, False, [(STMT, SEC_OFFSET)]))
RANGED = abbreviations((1, CU, True, [(AT_RANGES, SEC_OFFSET)]), (2, SUBPROGRAM, False, [(AT_RANGES, SEC_OFFSET)]))
CIE = struct.pack("<II", 20, 0) + bytes([1, 0x7A, 0x52, 0, 1, 0x78, 16, 1, 0x1B, 0x0C, 7, 8, 0x90, 1, 0, 0])


def fde(instructions: bytes, start: int = -0x24) -> bytes:
    body = struct.pack("<IiI", 0x1C, start + 0x04, 0x40) + b"\0" + instructions
    body += bytes(-len(body) % 4)
    return struct.pack("<I", len(body)) + body


# The same unit as a skeleton and as its other half in a .dwo or .dwp (see SplitFolder in dwarf_fuzzer.cc).
DWO_ID = struct.pack("<Q", 0x1122334455667788)
SKELETON_5 = struct.pack("<HBBI", 5, 4, 8, 0) + DWO_ID + b"\1x.dwo\0" + PLACE
SPLIT_5 = struct.pack("<HBBI", 5, 5, 8, 0) + DWO_ID + b"\1f.c\0\2f\0" + PLACE + b"\3x\0\1\x50\0\0"
SPLIT_ABBREV = abbreviations((1, CU, True, [(NAME, STRING)]), (2, SUBPROGRAM, True, [(NAME, STRING), *CODE]),
                             (3, 5, False, [(NAME, STRING), (2, EXPRLOC)]))
SKELETON_ABBREV = abbreviations((1, 0x4A, False, [(0x76, STRING), *CODE]))
GNU_SKELETON = unit(b"\1x.dwo\0" + DWO_ID + PLACE)
GNU_SKELETON_ABBREV = abbreviations((1, CU, False, [(0x2130, STRING), (0x2131, 7), *CODE]))
GNU_SPLIT = unit(b"\1" + DWO_ID + b"\2f\0" + PLACE + b"\3x\0\1\x50\0\0")
GNU_SPLIT_ABBREV = abbreviations((1, CU, True, [(0x2131, 7)]), (2, SUBPROGRAM, True, [(NAME, STRING), *CODE]),
                                 (3, 5, False, [(NAME, STRING), (2, EXPRLOC)]))


def sized(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def index(version: int, size: int, slots: int = 2, columns: int = 2, units: int = 1) -> bytes:
    """One unit, its part of .debug_info.dwo and of .debug_abbrev.dwo."""
    place = 0x1122334455667788 & (slots - 1)
    hashes = [bytes(8)] * slots
    rows = [0] * slots
    hashes[place], rows[place] = DWO_ID, 1
    return struct.pack("<IIII", version, columns, units, slots) + b"".join(hashes) + struct.pack(f"<{slots}I", *rows) \
        + struct.pack("<IIIIII", 1, 3, 0, 0, size, 40)


HOSTILE = {
    "dwo-5": sections((INFO, sized(SKELETON_5)), (ABBREV, SKELETON_ABBREV), (INFO_DWO, sized(SPLIT_5)), (ABBREV_DWO, SPLIT_ABBREV)),
    "dwo-4": sections((INFO, GNU_SKELETON), (ABBREV, GNU_SKELETON_ABBREV), (INFO_DWO, GNU_SPLIT), (ABBREV_DWO, GNU_SPLIT_ABBREV)),
    "dwp-5": sections((INFO, sized(SKELETON_5)), (ABBREV, SKELETON_ABBREV), (INFO_DWO, sized(SPLIT_5)), (ABBREV_DWO, SPLIT_ABBREV),
                      (CU_INDEX, index(5, len(SPLIT_5) + 4))),
    "dwp-2": sections((INFO, GNU_SKELETON), (ABBREV, GNU_SKELETON_ABBREV), (INFO_DWO, GNU_SPLIT), (ABBREV_DWO, GNU_SPLIT_ABBREV),
                      (CU_INDEX, index(2, len(GNU_SPLIT)))),
    "dwp-slots": sections((INFO, sized(SKELETON_5)), (ABBREV, SKELETON_ABBREV), (INFO_DWO, sized(SPLIT_5)), (ABBREV_DWO, SPLIT_ABBREV),
                          (CU_INDEX, struct.pack("<IIII", 5, 16, 0xFFFFFFFF, 0x80000000) + bytes(64))),
    "dwo-elsewhere": sections((INFO, sized(SKELETON_5.replace(b"x.dwo", b"/dev/zero"))), (ABBREV, SKELETON_ABBREV)),
    "types-in-circles": sections((INFO, unit(b"\1" + PLACE + b"\2" + PLACE + b"\3x\0" + struct.pack("<I", 0x2E) + b"\1\x50"
                                             + b"\4" + struct.pack("<I", 0x2E) + b"\3y\0" + struct.pack("<I", 0x2E) + b"\1\x50\0\0")),
                                 (ABBREV, abbreviations((1, CU, True, CODE), (2, SUBPROGRAM, True, CODE),
                                                        (3, 5, False, [(NAME, STRING), (0x49, REF4), (2, EXPRLOC)]), (4, 0x15, True, [(0x49, REF4)])))),
    "origin-cycle": sections((INFO, unit(b"\1" + PLACE + b"\2" + PLACE + struct.pack("<I", 0x29) + b"\3" + struct.pack("<I", 0x29) + PLACE
                                         + b"\0\4" + struct.pack("<I", 0x3A) + b"\0")), (ABBREV, BASIC)),
    "deep-nesting": sections((INFO, unit(b"\1" + PLACE + (b"\3" + struct.pack("<I", 0x18) + PLACE) * 1000)), (ABBREV, BASIC)),
    "units-share-abbreviations": sections((INFO, unit(b"\1" + PLACE) * 200), (ABBREV, BASIC)),
    "units-in-one-table": sections((INFO, b"".join(unit(b"\x7f", abbrev=i) for i in range(300))),
                                   (ABBREV, b"\1\x11\0" + b"\3\x08" * 4000 + b"\0\0\0")),
    "ranges-shared": sections((INFO, unit(b"\1" + struct.pack("<I", 0) + (b"\2" + struct.pack("<I", 0)) * 400 + b"\0")), (ABBREV, RANGED),
                              (RANGES, b"".join(struct.pack("<QQ", 0x1000 + i, 0x2000 + i) for i in range(500)) + bytes(16))),
    "ranges-of-5": sections((INFO, unit(b"\1" + struct.pack("<I", 12), version=5)), (ABBREV, RANGED),
                            (RNGLISTS, struct.pack("<IHBBI", 60, 5, 8, 0, 0) + b"\4\x10\x20\5" + struct.pack("<Q", 0x1000) + b"\4\0\x10\6"
                             + struct.pack("<QQ", 0x1100, 0x1200) + b"\7" + struct.pack("<Q", 0x1300) + b"\x10\3\0\x10\2\0\1\1\0\0")),
    "length-beyond-end": sections((INFO, unit(b"\1" + PLACE, length=0xFFFFFFEF)), (ABBREV, BASIC)),
    "length-wide": sections((INFO, b"\xff\xff\xff\xff" + struct.pack("<QHQB", 1 << 63, 4, 0, 8) + b"\1" + PLACE), (ABBREV, BASIC)),
    "length-zero": sections((INFO, bytes(64) + unit(b"\1" + PLACE)), (ABBREV, BASIC)),
    "indirect-chain": sections((INFO, unit(b"\1" + b"\x16" * 40 + b"\x0b\1")), (ABBREV, abbreviations((1, CU, False, [(NAME, INDIRECT)] * 3)))),
    "indirect-implicit": sections((INFO, unit(b"\1\x21\1", version=5)), (ABBREV, abbreviations((1, CU, False, [(NAME, INDIRECT)])))),
    "block-length": sections((INFO, unit(b"\1" + b"\xff" * 9 + b"\1abc")), (ABBREV, abbreviations((1, CU, False, [(2, EXPRLOC)])))),
    "sibling-back": sections((INFO, unit(b"\1\2" + struct.pack("<I", 11) + b"\2" + struct.pack("<I", 0xFFFFFFFF) + b"\0")),
                             (ABBREV, abbreviations((1, CU, True, []), (2, 0x13, True, [(SIBLING, REF4)])))),
    "empty-dies": sections((INFO, unit(b"\1" + b"\2" * 2000)), (ABBREV, abbreviations((1, CU, True, []), (2, 0x39, True, [])))),
    "code-of-64-bits": sections((INFO, unit(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\1")), (ABBREV, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\x11\0\0\0\0")),
    "line-2": sections((INFO, LINES_UNIT), (ABBREV, LINES_ABBREV), (LINE, line_program(2, SET + b"\x14\x20\x02\x10\x30\x40" + END))),
    "line-4-range-zero": sections((INFO, LINES_UNIT), (ABBREV, LINES_ABBREV), (LINE, line_program(4, SET + b"\x14\x08\x20" + END, line_range=0))),
    "line-4-back": sections((INFO, LINES_UNIT), (ABBREV, LINES_ABBREV),
                            (LINE, line_program(4, SET + b"\x14" + b"\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\x20\x03\x80\x80\x80\x80\x08\x01" + END))),
    "line-5-counts": sections((INFO, LINES_UNIT), (ABBREV, LINES_ABBREV),
                              (LINE, line_program(5, SET + b"\x20" + END, tables=b"\1\1\x19" + uleb(1 << 60) + b"\1\1\x19" + uleb(1 << 60)))),
    "line-header-length": sections((INFO, LINES_UNIT), (ABBREV, LINES_ABBREV), (LINE, line_program(3, SET + b"\x20" + END, header=0xFFFFFFFF))),
    "frame": sections((EH_FRAME, CIE + fde(b"\x41\x0e\x10\x86\2\x43\x0d\6"))),
    "frame-remember": sections((EH_FRAME, CIE + fde(b"\x0a" * 100 + b"\x0b" * 100))),
    "frame-expression": sections((EH_FRAME, CIE + fde(b"\x0f\5\x77\x08\x2f\xfc\xff\x10\6\3\x12\x12\x12\x16\3\xff\x01"))),
    "frame-header": sections((EH_FRAME, CIE + fde(b"")), (EH_FRAME_HDR, b"\1\x1b\3\x3b" + struct.pack("<iI", -4, 0xFFFFFFFF) + struct.pack("<ii", 0, 0x18) * 3)),
}


def elf_with(command: list[str], link: bool, folder: pathlib.Path) -> bytes:
    (folder / "seed.cc").write_text(SOURCE)
    flags = [*COMMON, f"-ffile-prefix-map={folder}=/src", "-fdebug-compilation-dir=/src"] if "clang" in command[0] else [*COMMON, f"-ffile-prefix-map={folder}=/src"]
    subprocess.run([*command, *flags, "-c", "seed.cc", "-o", "seed.o"], check=True, cwd=folder)
    if not link:
        return (folder / "seed.dwo").read_bytes()
    subprocess.run([*command, *flags, *LINK, "seed.o", "-o", "seed.so"], check=True, cwd=folder)
    return (folder / "seed.so").read_bytes()


def main() -> int:
    here = pathlib.Path(__file__).resolve().parent
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "seeds" / "dwarf"
    directory.mkdir(parents=True, exist_ok=True)
    seeds = dict(HOSTILE)
    for name, command in (BUILDS | SPLIT).items():
        with tempfile.TemporaryDirectory() as folder:
            seeds[name] = elf_with(command, name in BUILDS, pathlib.Path(folder))
    for name, data in seeds.items():
        (directory / name).write_bytes(data)
    print(f"{len(seeds)} seeds in {directory}, {sum(map(len, seeds.values()))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
