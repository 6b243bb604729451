"""`v8 findrefs` against the retainers in V8's heap snapshot. The snapshot's ids are turned into addresses by V8's own
table (object_ids), so that every reference is compared with the one from the same place."""
import functools
import json
import pathlib
import random
import re
from collections import Counter
from dataclasses import dataclass, field

import object_ids

# Kinds of objects that are asked for, and how many of 1,000.
SHARES = {"object": 400, "closure": 150, "string": 150, "array": 100, "number": 60, "hidden": 40, "code": 40,
          "concatenated string": 20, "sliced string": 20, "regexp": 10, "symbol": 5, "bigint": 5}
NAMED = {"property", "element", "context", "shortcut"}  # compared with their names; the others by holder and kind
EMPTY_ARRAY_SIZE = 16
LEFT_OUT = {"true", "false", "null", "undefined", "system / Map", "system / Oddball", "system / Hole"}
# Follow from the map, which is compared: the prototype of any object, and of a global proxy; its context.
PROTOTYPES = {("property", "__proto__"), ("shortcut", "global_object"), ("shortcut", "native_context")}


@dataclass(frozen=True)
class Edge:
    holder: int        # untagged address
    kind: str          # of NAMED; "internal" with hidden; "weak"
    name: str = ""


class Snapshot:
    def __init__(self, path: pathlib.Path):
        with open(path, encoding="utf-8") as file:
            snapshot = json.load(file)
        meta = snapshot["snapshot"]["meta"]
        fields, self.width = meta["node_fields"], len(meta["node_fields"])
        nodes = snapshot["nodes"]
        column = lambda name: nodes[fields.index(name)::self.width]
        self.strings = snapshot["strings"]
        self.ids, self.names, self.sizes = column("id"), column("name"), column("self_size")
        self.types = [meta["node_types"][0][index] for index in column("type")]
        self.edge_counts = column("edge_count")
        self.edges, self.edge_width = snapshot["edges"], len(meta["edge_fields"])
        self.edge_types = meta["edge_types"][0]
        if meta["edge_fields"][:3] != ["type", "name_or_index", "to_node"]:
            raise ValueError(f"{path}: unknown edges {meta['edge_fields']}")

    def retainers(self, targets: set[int]) -> dict[int, list[tuple[int, str, str]]]:
        """By target: node of the holder, type and name of the edge."""
        found: dict[int, list[tuple[int, str, str]]] = {target: [] for target in targets}
        at, edges, width = 0, self.edges, self.edge_width
        for holder, count in enumerate(self.edge_counts):
            for _ in range(count):
                target = edges[at + 2] // self.width
                if target in found:
                    kind = self.edge_types[edges[at]]
                    numbered = kind in ("element", "hidden")
                    found[target].append((holder, kind, str(edges[at + 1]) if numbered else self.strings[edges[at + 1]]))
                at += width
        return found


def sample(snapshot: Snapshot, addresses: dict[int, int], count: int, seed: str) -> list[int]:
    """Random nodes that have an address, of each type its share."""
    by_type: dict[str, list[int]] = {}
    for node, kind in enumerate(snapshot.types):
        if kind in SHARES and snapshot.ids[node] in addresses:
            by_type.setdefault(kind, []).append(node)
    chosen: list[int] = []
    dice = random.Random(seed)
    for kind, share in SHARES.items():
        nodes = by_type.get(kind, [])
        chosen += dice.sample(nodes, min(len(nodes), share * count // 1000))
    rest = sorted(set(by_type.get("object", [])) - set(chosen))
    return chosen + dice.sample(rest, min(len(rest), count - len(chosen)))


def expected_edges(snapshot: Snapshot, addresses: dict[int, int], retainers: list[tuple[int, str, str]]) -> set[Edge]:
    edges = set()
    for holder, kind, name in retainers:
        address = addresses.get(snapshot.ids[holder])
        if address is None or snapshot.types[holder] == "synthetic" or (kind, name) in PROTOTYPES:
            continue
        if "part of key" in name and snapshot.types[holder] == "array":
            continue  # drawn a second time from the table, which has a weak edge
        if kind in NAMED:
            edges.add(Edge(address, kind, re.sub("^<symbol (#.*)>$", r"\1", name)))
        else:
            edges.add(Edge(address, "weak" if kind == "weak" else "internal"))
    return edges


def _symbol_name(description: str) -> str:
    """As snapshots print it: the same for property, getter and setter; of private names without the word in some versions."""
    description = re.sub("^[gs]et ", "", description)
    if description.startswith("#"):
        return description
    return f"<symbol {description}>" if description else "<symbol>"


def found_edges(rows: list[dict], known: set[int]) -> dict[Edge, int]:
    """Edges, each with the address of the store it goes through. Holders that the snapshot does not know are newer than
    it, or garbage."""
    edges = {}
    for row in rows:
        holder = int(row["address"], 16) - 1
        # An entry, or a register of a generator, is our own name for what lies in the store, which has a row too.
        if holder not in known or row["kind"] == "entry" or row.get("name", "").startswith("register "):
            continue
        name = _symbol_name(row["name"]) if row.get("symbol") else row.get("name", "").replace("\0", " ")
        store = int(row.get("store", "0x1"), 16) - 1
        if row["kind"] in NAMED:
            edges[Edge(holder, row["kind"], str(row["index"]) if "index" in row else name)] = store
        else:
            edges[Edge(holder, "weak" if row["weak"] else "internal")] = store
    return edges


@dataclass
class Case:
    """One object that was asked for."""
    version: str
    type: str            # of the snapshot
    name: str
    expected: set[Edge]
    found: dict[Edge, int]
    holders: dict[int, str]  # type of the holders in the snapshot, by address
    holder_names: dict[int, str] = field(default_factory=dict)
    size: int = 0        # in the snapshot, which has 0 for the read-only heap in newer versions

    @functools.cached_property
    def missing(self) -> set[Edge]:
        return self.expected - self.found.keys()

    @functools.cached_property
    def extra(self) -> set[Edge]:
        return self.found.keys() - self.expected

    @functools.cached_property
    def _kinds(self) -> tuple[set[tuple[int, str]], set[tuple[int, str]]]:
        return tuple({(edge.holder, edge.kind) for edge in edges} for edges in (self.missing, self.extra))

    def misses(self, holder: int, kind: str) -> bool:
        return (holder, kind) in self._kinds[0]

    def adds(self, holder: int, kind: str) -> bool:
        return (holder, kind) in self._kinds[1]


def _major(version: str) -> int:
    first = version.split(".")[0]
    return int(first) if first.isdigit() else 99


def _is_symbol_of(edge: Edge, case: Case) -> bool:
    """Whether the other side has a property of the same holder that is a symbol too."""
    other = case.missing if edge in case.found else case.extra
    symbols = ("<symbol", "#")
    return edge.name.startswith(symbols) and any(one.holder == edge.holder and one.name.startswith(symbols) for one in other)


def _is_left_out(case: Case) -> bool:
    """HeapSnapshotGenerator draws no edges to oddballs, empty arrays and maps that all objects share (IsEssentialObject)."""
    empty = case.size == EMPTY_ARRAY_SIZE or (case.size <= 24 and not case.expected)  # arrays of descriptors have 24
    return case.name in LEFT_OUT or (case.type == "array" and empty)


def _is_brand_of(edge: Edge, case: Case) -> bool:
    """The mark of objects with private methods: a symbol, which snapshots name by the class alone."""
    other = case.missing if edge in case.found else case.extra
    name = f"<symbol {edge.name}>" if edge not in case.found else edge.name.removeprefix("<symbol ").removesuffix(">")
    return name != edge.name and Edge(edge.holder, "property", name) in other


def reason_for(case: Case, edge: Edge) -> str | None:
    """Why findrefs differs from the snapshot at this edge, where that is meant: see docs/references.md."""
    extra = edge in case.found
    holder_type = case.holders.get(edge.holder, "")
    major = _major(case.version)
    if extra and edge.kind == "internal" and _is_left_out(case):
        return "shared by all"
    if edge.kind == "property" and _is_brand_of(edge, case):
        return "private brand"
    if extra and edge.kind == "property" and re.fullmatch(r"[gs]et \d+", edge.name):
        return "accessor of an element"
    if extra and edge.kind == "element" and Edge(case.found[edge], "internal") in case.expected:
        return "frozen elements"
    if extra and edge.kind == "context" and Edge(case.found[edge], "internal") in case.expected:
        return "variable in a cell"
    if edge.kind in ("context", "internal") and case.misses(edge.holder, "internal") and case.adds(edge.holder, "context"):
        return "block scope"
    if case.type in ("number", "heap number"):
        if extra and edge.kind == "property":
            return "double field"
        if edge.kind == "internal" and case.adds(edge.holder, "property"):
            return "double field"
    if major < 18 and case.misses(edge.holder, "internal") and case.adds(edge.holder, "weak"):
        return "weak before 18"
    if not extra and edge.kind == "internal" and case.holder_names.get(edge.holder) == "Instance":
        return "WebAssembly instance"
    if not extra and holder_type == "native":
        return "outside of the heap"
    native_context = "NativeContext" in case.holder_names.get(edge.holder, "")
    if extra and native_context and "NativeContext" in case.name:
        return "list of contexts"
    if native_context and case.type == "code" and case.misses(edge.holder, "weak") and case.adds(edge.holder, "internal"):
        return "list of optimized code"
    if major < 16 and edge.kind == "property" and _is_symbol_of(edge, case):
        return "symbol before 16"
    # Numbers that are changed in place are structures of V8's in snapshots before 14.
    if extra and edge.kind == "property" and case.type == "hidden" and Edge(case.found[edge], "internal") in case.expected:
        return "double field"
    if case.name in ("system / Hole", "system / Oddball") and (  # in a field of doubles that was never set
            case.adds(edge.holder, "property") if edge.kind == "internal" else case.misses(edge.holder, "internal")):
        return "double field"
    if extra and edge.kind == "property" and case.holder_names.get(edge.holder) in ("ArrayBuffer", "SharedArrayBuffer"):
        return "array buffer"
    if extra and edge.kind == "internal" and "AllocationSite" in case.name and "AllocationSite" in case.holder_names.get(edge.holder, ""):
        return "allocation sites"
    if extra and edge.kind == "property" and "AccessorInfo" in case.name:
        return "native accessor"
    if not extra and case.type == "code" and holder_type == "closure":
        return "dispatch table"
    if holder_type == "code" and edge.kind in ("weak", "internal"):
        return "embedded in code"
    return None


def _tell(snapshot: Snapshot, by_address: dict[int, int], edge: Edge) -> str:
    node = by_address.get(edge.holder)
    name = "?" if node is None else f"{snapshot.types[node]} '{snapshot.strings[snapshot.names[node]][:60]}'"
    return f"{edge.kind} {edge.name!r} of {name} at {edge.holder + 1:#x}"


def compare(directory: pathlib.Path, references, version: str, count: int = 1000) -> tuple[list[str], Counter, int]:
    """`references` gives the rows of findrefs for many tagged addresses. Returns the unexplained differences as lines, how
    many there are by reason, and how many edges were compared."""
    snapshot = Snapshot(directory / "snapshot.heapsnapshot")
    addresses = object_ids.addresses(directory / "core", snapshot.ids)
    targets = sample(snapshot, addresses, count, version)
    retainers = snapshot.retainers(set(targets))
    by_address = {addresses[number]: node for node, number in enumerate(snapshot.ids) if number in addresses}
    words = [addresses[snapshot.ids[target]] + 1 for target in targets]
    differences, reasons, compared = [], Counter(), 0
    for target, word, rows in zip(targets, words, references(words), strict=True):
        case = Case(version, snapshot.types[target], snapshot.strings[snapshot.names[target]],
                    expected_edges(snapshot, addresses, retainers[target]), found_edges(rows, by_address.keys()), {},
                    size=snapshot.sizes[target])
        for edge in case.missing | case.extra:
            if edge.holder in by_address:
                case.holders[edge.holder] = snapshot.types[by_address[edge.holder]]
                case.holder_names[edge.holder] = snapshot.strings[snapshot.names[by_address[edge.holder]]]
        compared += len(case.expected)
        for edge in sorted(case.missing | case.extra, key=lambda edge: (edge.holder, edge.kind, edge.name)):
            reason = reason_for(case, edge)
            reasons[reason or "none"] += 1
            if reason is None:
                sign = "too many" if edge in case.found else "missing"
                differences.append(f"{case.type} '{case.name[:40]}' at {word:#x}: {sign}: {_tell(snapshot, by_address, edge)}")
    return differences, reasons, compared
