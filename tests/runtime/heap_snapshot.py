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
# What these keep in a snapshot may be gone a moment later. The table of internalised strings is weak in truth.
TRANSIENT_ROOTS = {"(Handle scope)", "(Stack roots)", "(Global handles)", "(Internalized strings)"}


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


@dataclass
class Snapshot:
    rows: dict[str, Row]        # by key: constructor names of JavaScript objects, and the groups above for everything else
    transient: dict[str, Row]   # the part of them that only TRANSIENT_ROOTS keep


class _Graph:
    """Nodes and edges by their meta data (src/profiler/heap-snapshot-generator.cc, HeapSnapshotJSONSerializer)."""

    def __init__(self, snapshot: dict):
        meta = snapshot["snapshot"]["meta"]
        self.strings = snapshot["strings"]
        self.fields = meta["node_fields"]
        self.width = len(self.fields)
        self.nodes = snapshot["nodes"]
        self.types = [meta["node_types"][0][index] for index in self.column("type")]
        self.names = self.column("name")
        self.edges = snapshot["edges"]
        self.edge_fields = meta["edge_fields"]
        self.weak = meta["edge_types"][0].index("weak")

    def column(self, field: str) -> list[int]:
        return self.nodes[self.fields.index(field)::self.width]

    def kept_without(self, cut: set[str]) -> bytearray:
        """Marks of the nodes that the root (node 0) keeps without what leaves synthetic nodes of these names."""
        step = len(self.edge_fields)
        kinds = self.edges[self.edge_fields.index("type")::step]
        targets = self.edges[self.edge_fields.index("to_node")::step]
        first, counts = [0], self.column("edge_count")
        for count in counts:
            first.append(first[-1] + count)
        marks = bytearray(len(counts))
        marks[0] = 1
        stack = [0]
        while stack:
            node = stack.pop()
            if self.types[node] == "synthetic" and self.strings[self.names[node]] in cut:
                continue
            for edge in range(first[node], first[node + 1]):
                target = targets[edge] // self.width
                if kinds[edge] != self.weak and not marks[target]:
                    marks[target] = 1
                    stack.append(target)
        return marks


def _key_of(node_type: str, name: str) -> str | None:
    if node_type == "object":
        return key_of_object(name)
    if node_type == "hidden" and name == "system / JSProxy":
        return PROXIES
    if node_type == "hidden" and name == "private symbol":
        return SYMBOLS
    return _BY_NODE_TYPE.get(node_type)


def read(path: pathlib.Path) -> Snapshot:
    with open(path, encoding="utf-8") as file:
        snapshot = json.load(file)
    graph = _Graph(snapshot)
    count = snapshot["snapshot"]["node_count"]
    if len(graph.nodes) != graph.width * count:
        raise ValueError(f"{path}: {len(graph.nodes)} numbers for {count} nodes of {graph.width} fields")
    kept, everything = graph.kept_without(TRANSIENT_ROOTS), graph.kept_without(set())
    result = Snapshot({}, {})
    for node, (node_type, name_index, self_size) in enumerate(zip(graph.types, graph.names, graph.column("self_size"))):
        name = graph.strings[name_index]
        key = _key_of(node_type, name)
        if key in (STRINGS, SYMBOLS, NUMBERS):
            self_size = _object_size(key, name, self_size)
        if key is not None:
            result.rows.setdefault(key, Row()).add(1, self_size)
            if everything[node] and not kept[node]:
                result.transient.setdefault(key, Row()).add(1, self_size)
    return result
