#!/usr/bin/env python3
"""Tests the harness itself: with answers made from the truth every check passes, and with any one number off it fails."""
import copy
import json
import os
import pathlib
import stat
import sys
import tempfile
import unittest

import checks
import comparison
import heap_snapshot
import holders
import retainers
from context import Context
from heap_snapshot import Row

# Stands in for inquest: prints the answer stored beside it for its arguments, whatever the core.
FAKE = """#!{python} -IS
import json, pathlib, sys
words = sys.argv[3:]
if "-o" in words:
    words = ["v8", "info"]
answers = json.loads((pathlib.Path(__file__).parent / "answers.json").read_text())
key = " ".join(word for word in words if word != "--json" and not word.startswith("/"))
print(json.dumps({{"schema": 1, "command": key, **answers[key]}}))
"""

NODE_TYPES = ["hidden", "array", "string", "object", "code", "closure", "regexp", "number", "native", "synthetic",
              "concatenated string", "sliced string", "symbol", "bigint", "object shape"]

# (type, name, self_size, how many)
NODES = [("object", "Session", 48, 7), ("object", "global / file.js", 24, 1), ("object", "global (global*)", 24, 1), ("object", "Function", 32, 1),
         ("object", "system / Context", 40, 3), ("closure", "named", 64, 4), ("regexp", "a+", 56, 2),
         ("string", "flat", 24, 5), ("string", "read-only", 0, 1), ("string", "e" * 5000, 5032, 1),
         ("concatenated string", "ab", 32, 2), ("symbol", "s", 24, 1), ("bigint", "bigint", 24, 2),
         ("number", "heap number", 16, 3), ("hidden", "system / JSProxy", 32, 2), ("hidden", "system / Map", 80, 9)]

ROWS = [("Session", 7, 336), ("global", 2, 48), ("Function", 3, 160), ("AsyncFunction", 2, 128), ("RegExp", 2, 112),
        ("(String)", 9, 5 * 24 + 32 + 32 + 64), ("(Symbol)", 1, 24), ("(BigInt)", 2, 48), ("(Number)", 3, 48),
        ("Proxy", 2, 64), ("(Array)", 12, 999)]


def write_snapshot(path: pathlib.Path, fields: list[str], by_handle: str = "") -> None:
    """The root keeps all nodes, but those named `by_handle`, which the handle scopes keep."""
    entries = [("synthetic", "", 0, 1), ("synthetic", "(Handle scope)", 0, 1)] + NODES
    names = [name for _, name, _, count in entries for _ in range(count)]
    kept = {0: [node for node in range(1, len(names)) if names[node] != by_handle],
            1: [node for node in range(1, len(names)) if names[node] == by_handle]}
    nodes, edges, strings = [], [], []
    for node_type, name, size, count in entries:
        strings.append(name)
        for _ in range(count):
            node = len(nodes) // len(fields)
            values = {"type": NODE_TYPES.index(node_type), "name": len(strings) - 1, "self_size": size,
                      "edge_count": len(kept.get(node, []))}
            nodes += [values.get(field, 1) for field in fields]
            edges += [number for target in kept.get(node, []) for number in (1, target, target * len(fields))]
    meta = {"node_fields": fields, "node_types": [NODE_TYPES], "edge_fields": ["type", "name_or_index", "to_node"],
            "edge_types": [["weak", "element"]]}
    path.write_text(json.dumps({"snapshot": {"meta": meta, "node_count": len(nodes) // len(fields)}, "nodes": nodes,
                                "edges": edges, "strings": strings}))


def rows(*entries, isolate=0):
    return [{"type": name, "count": count, "size": size, "self_size": size, "isolate": isolate}
            for name, count, size in entries]


class HarnessTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)
        fake = self.directory / "inquest"
        fake.write_text(FAKE.format(python=sys.executable))
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
        self.context = Context("20.20.2", str(fake))
        self.context.gc_cores = 2
        self.context.make = lambda case, *arguments, instance=0: self.core_of(arguments)

    def core_of(self, arguments) -> pathlib.Path:
        named = self.directory / "-".join(("core", *arguments))
        return named if named.is_dir() else self.directory

    def truth(self, truth, name="") -> None:
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        (directory / "truth.json").write_text(json.dumps(truth))

    def failures(self, check, case, answers) -> list[str]:
        (self.directory / "answers.json").write_text(json.dumps(answers))
        return check(self.context, case)

    def assert_every_number_matters(self, check, case, answers, fields, types=None):
        """The check passes as it is and fails with one more or one fewer in any field of any row."""
        self.assertEqual(self.failures(check, case, answers), [])
        for key, answer in answers.items():
            for index, row in enumerate(answer.get("rows", [])):
                for field in fields:
                    for delta in (-1, 1):
                        if types is not None and row["type"] not in types or field not in row:
                            continue
                        broken = copy.deepcopy(answers)
                        broken[key]["rows"][index][field] += delta
                        with self.subTest(command=key, row=row["type"], field=field, delta=delta):
                            self.assertTrue(self.failures(check, case, broken))

    def test_snapshot(self):
        for fields in (["type", "name", "id", "self_size", "edge_count", "trace_node_id"],
                       ["type", "name", "id", "self_size", "edge_count", "trace_node_id", "detachedness"]):
            write_snapshot(self.directory / "snapshot.heapsnapshot", fields)
            answers = {"v8 findjsobjects": {"rows": rows(*ROWS)}}
            self.assert_every_number_matters(checks.check_snapshot, "self-test", answers, ("count", "self_size"),
                                             {name for name, _, _ in ROWS} - {"(Array)"})

    def test_snapshot_missing_and_invented_types(self):
        write_snapshot(self.directory / "snapshot.heapsnapshot", ["type", "name", "id", "self_size", "edge_count"])
        for index in range(len(ROWS) - 1):
            answers = {"v8 findjsobjects": {"rows": rows(*ROWS[:index], *ROWS[index + 1:])}}
            self.assertTrue(self.failures(checks.check_snapshot, "self-test", answers), ROWS[index])
        answers = {"v8 findjsobjects": {"rows": rows(*ROWS, ("Invented", 1, 8))}}
        self.assertTrue(self.failures(checks.check_snapshot, "self-test", answers))

    def test_what_only_handles_kept_may_be_gone(self):
        path = self.directory / "snapshot.heapsnapshot"
        answers = {"v8 findjsobjects": {"rows": rows(*[row for row in ROWS if row[0] != "Session"])}}
        fields = ["type", "name", "id", "self_size", "edge_count"]
        write_snapshot(path, fields)
        self.assertTrue(self.failures(checks.check_snapshot, "self-test", answers))
        write_snapshot(path, fields, by_handle="Session")
        self.assertFalse(self.failures(checks.check_snapshot, "self-test", answers))
        answers["v8 findjsobjects"]["rows"] += rows(("Session", 8, 384))
        self.assertTrue(self.failures(checks.check_snapshot, "self-test", answers))

    def test_snapshot_of_wrong_width_is_refused(self):
        path = self.directory / "snapshot.heapsnapshot"
        write_snapshot(path, ["type", "name", "id", "self_size", "edge_count"])
        broken = json.loads(path.read_text())
        broken["nodes"].append(0)
        path.write_text(json.dumps(broken))
        self.assertRaises(ValueError, heap_snapshot.read, path)

    def test_counts(self):
        self.truth({"counts": {"Order": 5, "Gone": 0}, "between": {"Filler": [3, 3]}})
        answers = {"v8 findjsobjects": {"rows": rows(("Order", 5, 10), ("Filler", 3, 6))}}
        self.assert_every_number_matters(checks.check_counts, "oom", answers, ("count",))

    def test_workers(self):
        self.truth({"isolates": [{"InMain": 4, "Shared": 7}, {"InWorker": 1}, {"InWorker": 2}]})
        answers = {"v8 findjsobjects": {"rows": rows(("InMain", 4, 1), ("Shared", 7, 1)) +
                                        rows(("InWorker", 2, 1), isolate=1) + rows(("InWorker", 1, 1), isolate=2)}}
        self.assert_every_number_matters(checks.check_workers, "workers", answers, ("count",))

    def test_dropped(self):
        self.truth({"counts": {"Kept": 50}, "dead": {"Garbage": 50}})
        answers = {"v8 findjsobjects": {"rows": rows(("Kept", 50, 1))},
                   "v8 findjsobjects --all": {"rows": rows(("Kept", 50, 1), ("Garbage", 50, 1))},
                   "v8 findjsobjects --dead": {"rows": rows(("Garbage", 50, 1))}}
        self.assert_every_number_matters(checks.check_dropped, "dropped", answers, ("count",))
        answers["v8 findjsobjects"]["rows"] += rows(("Garbage", checks.GARBAGE_LEFT_OVER + 1, 1))
        self.assertTrue(self.failures(checks.check_dropped, "dropped", answers))

    def test_churn(self):
        self.truth({"counts": {"Kept": 50}, "dead": {"Garbage": 50}})
        answers = {"v8 findjsobjects": {"rows": rows(("Kept", 50, 1))}}
        self.assert_every_number_matters(checks.check_churn, "churn", answers, ("count",))
        answers["v8 findjsobjects"]["rows"] += rows(("Garbage", checks.GARBAGE_LEFT_OVER + 1, 1))
        self.assertTrue(self.failures(checks.check_churn, "churn", answers))

    def test_gc(self):
        self.truth({"counts": {"Pinned": 6}})
        space = {"name": "old_space", "area": 100000, "walked": 100000, "not_parsed": 100}
        answers = {"v8 findjsobjects": {"rows": rows(("Pinned", 6, 1))},
                   "v8 info": {"isolates": [{"index": 0, "spaces": [space]}]}}
        self.assert_every_number_matters(checks.check_gc, "gc", answers, ("count",))
        space["not_parsed"] = 101
        self.assertTrue(self.failures(checks.check_gc, "gc", answers))

    def test_diff(self):
        for name in ("core-1", "core-4"):
            (self.directory / name).mkdir()
            (self.directory / name / "core").touch()
        self.truth({"counts": {"Grower": 15, "Steady": 2}}, "core-1")
        self.truth({"counts": {"Grower": 30, "Steady": 2}}, "core-4")
        more = {"type": "Grower", "count_before": 15, "count_after": 30, "count_delta": 15, "size_delta": 90}
        other = {"type": "Object", "count_before": 1, "count_after": 2, "count_delta": 1, "size_delta": 9}
        answers = {"v8 diff": {"rows": [more, other]}, "v8 findjsobjects": {"rows": []}}
        self.assert_every_number_matters(checks.check_diff, "growing", answers,
                                         ("count_before", "count_after", "count_delta"), {"Grower"})
        answers["v8 diff"]["rows"].reverse()
        self.assertTrue(self.failures(checks.check_diff, "growing", answers))

    def test_exceptions_are_bounded_and_reasoned(self):
        entry = comparison.Allowance(["Object"], ["20.*"], ["gt"], (0, 2), (0, 64), "why")
        row = Row(10, 100)
        for found, case, version, allowed in ((Row(12, 164), "gt", "20.0.0", True), (Row(13, 164), "gt", "20.0.0", False),
                                              (Row(12, 165), "gt", "20.0.0", False), (Row(12, 164), "gt", "22.0.0", False),
                                              (Row(12, 164), "deep", "20.0.0", False), (Row(9, 100), "gt", "20.0.0", False)):
            difference = comparison.compare({"Object": row}, {"Object": found}, case, version, [entry])[0]
            self.assertEqual(bool(difference.reason), allowed, (found, case, version))
        unreasoned = self.directory / "exceptions.json"
        unreasoned.write_text('[{"types": ["Object"]}]')
        self.assertRaises(ValueError, comparison.load_exceptions, unreasoned)

    def test_references_are_compared_by_holder_kind_and_name(self):
        row = {"address": "0x1001", "kind": "property", "name": "user", "weak": False}
        store = {"address": "0x2001", "kind": "internal", "index": 3, "weak": False}
        entry = {"address": "0x1001", "kind": "entry", "name": "value", "weak": False}
        newer = {"address": "0x9001", "kind": "property", "name": "user", "weak": False}
        expected = {retainers.Edge(0x1000, "property", "user"), retainers.Edge(0x2000, "internal")}
        known = {0x1000, 0x2000}

        def differing(*rows: dict) -> int:
            case = retainers.Case("22.1.0", "object", "Object", expected, retainers.found_edges(list(rows), known), {})
            return sum(retainers.reason_for(case, edge) is None for edge in case.missing | case.extra)

        self.assertEqual(differing(row, store, entry, newer), 0)
        self.assertEqual(differing(row), 1)
        self.assertEqual(differing(store), 1)
        self.assertEqual(differing({**row, "name": "owner"}, store), 2)
        self.assertEqual(differing({**row, "address": "0x2001"}, store), 2)
        self.assertEqual(differing(row, {**store, "weak": True}), 2)

    def test_holders_must_be_those_told(self):
        told = [["Session", "property", "user"]]
        row = {"type": "Session", "kind": "property", "name": "user"}
        self.assertEqual(holders.compare("x", told, [row]), [])
        for wrong in ([], [row, {**row, "type": "Array"}], [{**row, "name": "u"}], [{**row, "kind": "element", "index": 1}]):
            self.assertTrue(holders.compare("x", told, wrong), wrong)
        self.assertEqual(holders.labels_of([{"address": "0x11", "text": '<String: "a">'}, {"address": "0x12", "text": "1"}]),
                         {"a": "0x11"})


if __name__ == "__main__":
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    unittest.main()
