"""Rows of a histogram out of a .heapsnapshot that V8 wrote: the truth of the real-core tests."""
import json
import pathlib
import re
from dataclasses import dataclass

# Snapshots file functions by their own names as closures, inquest by the names of their constructors: one group.
FUNCTION_TYPES = {"Function", "AsyncFunction", "GeneratorFunction", "AsyncGeneratorFunction", "Routine"}
FUNCTIONS = "(functions)"
STRINGS = "(strings)"
SYMBOLS = "(symbols)"
BIGINTS = "(bigints)"
NUMBERS = "(numbers)"
PROXIES = "Proxy"

_BY_NODE_TYPE = {
    "closure": FUNCTIONS,
    "regexp": "RegExp",
    "string": STRINGS,
    "concatenated string": STRINGS,
    "sliced string": STRINGS,
    "symbol": SYMBOLS,
    "bigint": BIGINTS,
    "number": NUMBERS,
}
_HEAP_NUMBER_SIZE = 16
_SYMBOL_SIZE = 24
_STRING_HEADER_SIZE = 16
_EXTERNAL_STRING_SIZES = (32, 24)  # cached, uncached


@dataclass
class Row:
    count: int = 0
    self_size: int = 0

    def add(self, count: int, self_size: int) -> None:
        self.count += count
        self.self_size += self_size


def key_of_object(name: str) -> str | None:
    """The row of a JavaScript object by its constructor name; None for V8's own structures."""
    if name.startswith("system"):
        return None
    if name in FUNCTION_TYPES:
        return FUNCTIONS
    return re.sub(r" (/ .*|\(global\*?\))$", "", name)  # global objects may carry a tag


def _object_size(key: str, name: str, size: int) -> int:
    """The size of the object alone where V8 gives another one (from 13.6 on): nothing for objects of the read-only heap,
    and for external strings also the characters outside of the heap. Needs names that are not cut short, see corpora/gt."""
    length = len(name.encode("utf-16-le", "surrogatepass")) // 2
    if size == 0:
        return {STRINGS: _flat_size(length), NUMBERS: _HEAP_NUMBER_SIZE}.get(key, _SYMBOL_SIZE)
    if key == STRINGS and size not in (_flat_size(length), _flat_size(2 * length)):
        for header in _EXTERNAL_STRING_SIZES:
            if size in (header + length, header + 2 * length):
                return header
    return size


def _flat_size(length: int) -> int:
    return _STRING_HEADER_SIZE + (length + 7) // 8 * 8


def read_rows(path: pathlib.Path) -> dict[str, Row]:
    """Rows by key: constructor names of JavaScript objects, and the groups above for everything else."""
    with open(path, encoding="utf-8") as file:
        snapshot = json.load(file)
    meta = snapshot["snapshot"]["meta"]
    fields = meta["node_fields"]
    types, strings, nodes = meta["node_types"][0], snapshot["strings"], snapshot["nodes"]
    width = len(fields)
    if len(nodes) != width * snapshot["snapshot"]["node_count"]:
        raise ValueError(f"{path}: {len(nodes)} numbers for {snapshot['snapshot']['node_count']} nodes of {width} fields")
    columns = (nodes[fields.index(field)::width] for field in ("type", "name", "self_size"))
    rows: dict[str, Row] = {}
    for type_index, name_index, self_size in zip(*columns):
        node_type = types[type_index]
        if node_type == "object":
            key = key_of_object(strings[name_index])
        elif node_type == "hidden" and strings[name_index] == "system / JSProxy":
            key = PROXIES
        elif node_type == "hidden" and strings[name_index] == "private symbol":
            key = SYMBOLS
        else:
            key = _BY_NODE_TYPE.get(node_type)
        if key in (STRINGS, SYMBOLS, NUMBERS):
            self_size = _object_size(key, strings[name_index], self_size)
        if key is not None:
            rows.setdefault(key, Row()).add(1, self_size)
    return rows
