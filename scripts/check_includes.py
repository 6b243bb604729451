#!/usr/bin/env python3
"""Checks that includes point down the layers (docs/architecture.md), and that no source file grows past a limit.

    scripts/check_includes.py [ROOT]

Every tracked C++ file belongs to the layer of its folder; it may include headers of that layer and of those listed
for it here. Prints one line per offence, or one line saying how much was checked."""

import pathlib
import re
import subprocess
import sys

# Layer: the layers below that it may include.
ALLOWED = {
    "postmortem/model": [],
    "postmortem/elf": ["postmortem/model"],
    "postmortem/dwarf": ["postmortem/model", "postmortem/elf"],
    "postmortem/code": ["postmortem/model"],
    "postmortem/live": ["postmortem/model", "postmortem/elf"],
    "postmortem/unwind": ["postmortem/model", "postmortem/elf", "postmortem/code"],
    "postmortem/crash": ["postmortem/model", "postmortem/code"],
    "v8": ["postmortem/model"],
    "python/cpython": ["postmortem/model"],
    "commands": ["postmortem/model", "postmortem/code", "postmortem/crash", "v8", "python/cpython"],
    "engine": [
        "postmortem/model",
        "postmortem/elf",
        "postmortem/dwarf",
        "postmortem/unwind",
        "v8",
        "python/cpython",
        "commands",
        "ncurses_probes",
    ],
    "cli": ["postmortem/model", "postmortem/elf", "v8", "commands", "engine"],
    "plugin": ["postmortem/model", "postmortem/elf", "postmortem/live", "v8", "commands", "engine"],
    "ncurses_probes": [
        "postmortem/model",
        "postmortem/elf",
        "postmortem/live",
        "postmortem/dwarf",
        "postmortem/unwind",
    ],
}
# Tests and benchmarks see everything; nothing may include them.
TOPS = ["tests", "bench", "corpora"]
# Libraries that only some layers may touch: header prefix to layers.
CONFINED = {
    "lldb/": ["plugin", "cli"],
    "libelf.h": ["postmortem/elf", "postmortem/dwarf", "postmortem/unwind", "ncurses_probes"],
    "gelf.h": ["postmortem/elf", "postmortem/dwarf", "postmortem/unwind", "ncurses_probes"],
    "elf.h": ["postmortem/elf", "postmortem/live", "postmortem/dwarf", "postmortem/unwind", "ncurses_probes"],
    "elfutils/": ["postmortem/elf", "postmortem/dwarf", "postmortem/unwind", "ncurses_probes"],
    "dwarf.h": ["postmortem/dwarf", "postmortem/unwind"],
    "capstone/": ["postmortem/code", "ncurses_probes"],
    "bpf/": ["ncurses_probes"],
}
MAX_LINES = 900

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(path: str) -> str | None:
    matches = [layer for layer in [*ALLOWED, *TOPS] if path.startswith(layer + "/")]
    return max(matches, key=len) if matches else None


def check(root: pathlib.Path, path: str, known: set[str]) -> list[str]:
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    offences = []
    if len(lines) > MAX_LINES:
        offences.append(f"{path}: {len(lines)} lines, {MAX_LINES} are allowed: split it")
    layer = layer_of(path)
    if layer is None:
        offences.append(f"{path}: lies in no layer known to scripts/check_includes.py")
        return offences
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        bracket, header = match.groups()
        if layer in TOPS:
            continue
        for prefix, layers in CONFINED.items():
            if bracket == "<" and header.startswith(prefix) and layer not in layers:
                offences.append(f"{path}:{number}: {layer} may not include <{header}>")
        if bracket == "<":
            continue
        # Relative to the root, as the style has it, or to the file itself.
        target = header if header in known else str((pathlib.PurePosixPath(path).parent / header))
        target_layer = layer_of(header) if header in known else layer_of(target)
        if target_layer is not None and target_layer != layer and target_layer not in ALLOWED[layer]:
            offences.append(f"{path}:{number}: {layer} may not include {target_layer} ({header})")
    return offences


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--", "*.cc", "*.h"], check=True, capture_output=True, text=True
    ).stdout
    files = [path for path in listed.split("\0") if path and (root / path).exists()]
    offences = [offence for path in files for offence in check(root, path, set(files))]
    for offence in offences:
        print(offence)
    if not offences:
        print(f"{len(files)} files, every include points down")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
