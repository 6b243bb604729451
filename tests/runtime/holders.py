"""What `v8 findrefs` says of the targets of corpora/holders, against the program's own list of their holders."""
import re

_LABEL = re.compile('^<String: "(.*)">$')


def labels_of(rows: list[dict]) -> dict[str, str]:
    """Address by label, of the rows of `v8 find -n label`."""
    found = {}
    for row in rows:
        match = _LABEL.match(row.get("text", ""))
        if match:
            found[match.group(1)] = row["address"]
    return found


def compare(label: str, told: list[list], rows: list[dict]) -> list[str]:
    """`told`: type of the holder, kind of the edge, its name or index."""
    found = [_told(row) for row in rows]
    expected = [tuple(str(part) for part in one) for one in told]
    failures = []
    for holder in expected:
        if not any(_same(holder, one) for one in found):
            failures.append(f"{label}: not held by {holder}, but by {found}")
    failures += [f"{label}: held by {one} too" for one in found if not any(_same(holder, one) for holder in expected)]
    return failures


def _told(row: dict) -> tuple[str, str, str]:
    return row["type"], row["kind"], str(row["index"]) if "index" in row else row["name"]


def _same(expected: tuple, found: tuple) -> bool:
    register = expected[2] == "register" and found[2].startswith("register ")  # which one is the compiler's business
    return expected[:2] == found[:2] and (expected[2] == found[2] or register)


def reaches_root(rows: list[dict]) -> bool:
    return any(row.get("root") or reaches_root(row.get("holders", [])) for row in rows)
