"""Differences of two sets of rows, and the few that are allowed, each with its reason (exceptions.json)."""
import fnmatch
import json
import pathlib
from dataclasses import dataclass

from heap_snapshot import Row

EXCEPTIONS_FILE = pathlib.Path(__file__).with_name("exceptions.json")


@dataclass
class Difference:
    type: str
    truth: Row
    found: Row
    reason: str = ""  # why it is allowed; empty when it is not

    @property
    def count(self) -> int:
        return self.found.count - self.truth.count

    @property
    def self_size(self) -> int:
        return self.found.self_size - self.truth.self_size


@dataclass
class Allowance:
    """Types (glob), versions and cases (lists of globs) whose counts and sizes may be off by at most so much."""
    types: list[str]
    versions: list[str]
    cases: list[str]
    count: tuple[int, int]
    self_size: tuple[int, int]
    reason: str

    def allows(self, difference: Difference, case: str, version: str) -> bool:
        return (any(fnmatch.fnmatchcase(difference.type, glob) for glob in self.types)
                and any(fnmatch.fnmatchcase(version, glob) for glob in self.versions)
                and any(fnmatch.fnmatchcase(case, glob) for glob in self.cases)
                and self.count[0] <= difference.count <= self.count[1]
                and self.self_size[0] <= difference.self_size <= self.self_size[1])


def load_exceptions(path: pathlib.Path = EXCEPTIONS_FILE) -> list[Allowance]:
    entries = json.loads(path.read_text())
    for entry in entries:
        if not entry.get("reason"):
            raise ValueError(f"{path}: an exception without a reason: {entry}")
    return [Allowance(entry["types"], entry.get("versions", ["*"]), entry.get("cases", ["*"]),
                       tuple(entry.get("count", (0, 0))), tuple(entry.get("self_size", (0, 0))), entry["reason"])
            for entry in entries]


def compare(truth: dict[str, Row], found: dict[str, Row], case: str, version: str, exceptions: list[Allowance],
            transient: dict[str, Row] | None = None) -> list[Difference]:
    """All differences, largest first, each marked with the exception that allows it. `transient` rows of the truth may
    be missing: the program could have lost them before it died."""
    differences = []
    for name in sorted(truth.keys() | found.keys()):
        difference = Difference(name, truth.get(name, Row()), found.get(name, Row()))
        if difference.count == 0 and difference.self_size == 0:
            continue
        gone = (transient or {}).get(name, Row())
        if -gone.count <= difference.count <= 0 and -gone.self_size <= difference.self_size <= 0:
            difference.reason = "only handles or the stack of the moment of the snapshot kept them"
        else:
            difference.reason = next((entry.reason for entry in exceptions if entry.allows(difference, case, version)), "")
        differences.append(difference)
    return sorted(differences, key=lambda entry: (-abs(entry.count), -abs(entry.self_size), entry.type))


def table(differences: list[Difference]) -> str:
    lines = [f"{'type':32} {'snapshot':>9} {'inquest':>9} {'delta':>7}   {'snapshot':>11} {'inquest':>11} {'delta':>9}  allowed because"]
    for entry in differences:
        lines.append(f"{entry.type[:32]:32} {entry.truth.count:9} {entry.found.count:9} {entry.count:+7}   "
                     f"{entry.truth.self_size:11} {entry.found.self_size:11} {entry.self_size:+9}  {entry.reason}".rstrip())
    return "\n".join(lines)
