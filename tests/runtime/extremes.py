"""What is too long, too deep or too odd for a line (corpora/extremes): answers stay short, complete where that is asked for, and quick."""
import hashlib
import json
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import time

SECONDS = 30      # for any one command, on a loaded machine
OUTPUT = 1 << 20  # bytes of an answer without -F or -l


def said(inquest, core: pathlib.Path, *words: str) -> tuple[subprocess.CompletedProcess, float]:
    started = time.monotonic()
    done = subprocess.run([inquest.program, "-c", str(core), *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    return done, time.monotonic() - started


def complaints(inquest, core: pathlib.Path, words: tuple[str, ...], statuses: tuple[int, ...] = (0, 1)) -> tuple[str, list[str]]:
    """The answer, and what is wrong with the way it came."""
    done, seconds = said(inquest, core, *words)
    shown = " ".join(words)
    failures = []
    if done.returncode not in statuses:
        failures.append(f"{shown}: status {done.returncode}: {done.stderr[-300:]!r}")
    if seconds > SECONDS:
        failures.append(f"{shown}: {seconds:.1f} s")
    if len(done.stdout) > OUTPUT:
        failures.append(f"{shown}: {len(done.stdout)} bytes of answer")
    if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", done.stdout + done.stderr):
        failures.append(f"{shown}: control characters in the answer")
    if statuses == (2,) and (done.stdout or len(done.stderr.splitlines()) != 1):
        failures.append(f"{shown}: {done.stdout[:200]!r} {done.stderr[:200]!r}, not one line")
    return done.stdout.decode(errors="replace"), failures


def failures_of_strings(inquest, holder: str, told: dict) -> list[str]:
    failures = []
    for name, expected in told["strings"].items():
        line, wrong = complaints(inquest, inquest.core, ("v8", "inspect", "--path", name, holder))
        failures += wrong
        if f'<String: "{expected["start"]}...">' not in line or len(line) > 200:
            failures.append(f"{name}: shown as {line[:200]!r}")
        value = inquest.json("v8", "inspect", "-l", "100", "--path", name, holder)
        if value["length"] != expected["length"] or not value.get("cut"):
            failures.append(f"{name}: {value['length']} characters, the program had {expected['length']}")
        with tempfile.TemporaryDirectory() as directory:
            dumped = pathlib.Path(directory) / "text"
            inquest.run("v8", "inspect", "--dump", str(dumped), "--path", name, holder)
            if hashlib.sha1(dumped.read_bytes()).hexdigest() != expected["sha1"]:
                failures.append(f"{name}: --dump wrote {dumped.stat().st_size} other bytes")
        done, seconds = said(inquest, inquest.core, "v8", "print", "-F", "--path", name, holder)
        if len(done.stdout.decode()) < expected["length"] or seconds > SECONDS:
            failures.append(f"{name}: -F printed {len(done.stdout)} bytes in {seconds:.1f} s")
    return failures


def failures_of_conditions(inquest, told: dict) -> list[str]:
    """Regular expressions see all of a text, or it is said that they do not."""
    failures = []
    for condition in told["conditions"]:
        found = inquest.json("v8", "findjsinstances", "--where", condition["text"], "Extremes")["total"]
        if found != condition["holds"]:
            failures.append(f"--where {condition['text']}: {found}, to the program {condition['holds']}")
    if {condition["holds"] for condition in told["conditions"]} != {True, False}:
        failures.append("the conditions do not tell right from wrong")
    done, _ = said(inquest, inquest.core, "v8", "findjsinstances", "--where", f"hopeless =~ /{told['hopeless']}/", "Extremes")
    if done.returncode != 1 or b"1 texts count as not matching" not in done.stderr:
        failures.append(f"a regular expression that was given up on: status {done.returncode}: {done.stderr!r}")
    return failures


def failures_of_arrays(inquest, holder: str, told: dict) -> list[str]:
    failures = []
    for name in ("million", "objects", "doubles"):
        text, wrong = complaints(inquest, inquest.core, ("v8", "inspect", "--path", name, holder))
        length = int(re.search(r"length=(\d+)", text)[1])
        failures += wrong
        if f"... {length - 16} more" not in text:
            failures.append(f"{name}: not cut: {text[-200:]!r}")
    last = inquest.json("v8", "inspect", "--path", f"million[{told['million']['length'] - 1}]", holder)
    if last.get("value") != told["million"]["last"]:
        failures.append(f"the last of a million is {last}")
    whole = inquest.json("v8", "inspect", "-l", "1000000", "--path", "doubles", holder)
    found = [element["value"] for element in whole["elements"]]
    if found != [i + 0.5 for i in range(len(found))] or len(found) + whole.get("more_elements", 0) != 1000000:
        failures.append(f"{len(found)} elements of a million, {whole.get('more_elements')} more")
    return failures


def failures_beyond(inquest, holder: str, told: dict) -> list[str]:
    """Members that lie behind the last one that is shown."""
    failures = []
    for path, value in told["beyond"].items():
        by_path = inquest.json("v8", "inspect", "--path", path, holder).get("value")
        if by_path != value:
            failures.append(f"--path {path}: {by_path}, {value} is there")
        found = inquest.json("v8", "findjsinstances", "--where", f"{path} == {value}", "Extremes")["total"]
        if found != 1:
            failures.append(f"--where {path} == {value}: {found} found")
    return failures


def failures_of_names(inquest, holder: str, told: dict) -> list[str]:
    failures = []
    members = {member["name"]: member["value"] for member in inquest.json("v8", "inspect", "--depth", "2", holder)["properties"]}
    for name, inner in told["names"].items():
        found = members.get(name, {}).get("properties", [])
        if [member["name"] for member in found] != [inner] or found[0]["value"]["value"] != inner:
            failures.append(f"the property {inner!r} is {found}")
    for words in (("v8", "inspect", holder), ("v8", "inspect", "--depth", "3", holder), ("v8", "findjsobjects"), ("v8", "findjsobjects", "-d"),
                  ("v8", "findrefs", holder), ("v8", "functions"), ("v8", "find", "-n", "line\nbreak")):
        failures += complaints(inquest, inquest.core, words)[1]
    path, wrong = complaints(inquest, inquest.core, ("v8", "inspect", "--path", '["name of a.b[0]"]["a.b[0]"]', holder))
    return failures + wrong + ([] if '"a.b[0]"' in path else [f"--path with brackets in a name: {path!r}"])


def failures_of_depth(inquest, holder: str) -> list[str]:
    failures = []
    for words in (("v8", "inspect", "--path", "chain", holder), ("v8", "inspect", "--depth", "100000", "--path", "chain", holder),
                  ("v8", "inspect", "--depth", "500", "--path", "nested", holder), ("v8", "inspect", "--json", "--depth", "500", "--path", "nested", holder)):
        failures += complaints(inquest, inquest.core, words)[1]
    for text in ("0x", "0x1 +", "1..2", "$1", "$", "a.b", "0x11112222333344445", "*p", "\x1b[2J", "'"):
        failures += complaints(inquest, inquest.core, ("v8", "inspect", "--", text), (2,))[1]
    for option, text in (("--path", "a["), ("--path", "a..b"), ("--path", "nothing.like.this"), ("-l", "x"), ("--depth", "-1")):
        failures += complaints(inquest, inquest.core, ("v8", "inspect", option, text, holder), (2,))[1]
    for address in ("0x0", "0x1", "0xffffffffffffffff", "0x7fffffffffff", "18446744073709551615"):
        failures += complaints(inquest, inquest.core, ("v8", "inspect", address), (0, 1, 2))[1]
        failures += complaints(inquest, inquest.core, ("v8", "whatis", address), (0, 1))[1]
    return failures


def file_offset(core: pathlib.Path, address: int) -> int:
    """Where the core holds the byte at `address` (Elf64_Phdr)."""
    with core.open("rb") as file:
        header = file.read(64)
        start, size, count = struct.unpack_from("<Q", header, 32)[0], *struct.unpack_from("<HH", header, 54)
        file.seek(start)
        for segment in (file.read(size) for _ in range(count)):
            kind, _, offset, virtual, _, in_file = struct.unpack_from("<IIQQQQ", segment)
            if kind == 1 and virtual <= address < virtual + in_file:
                return offset + address - virtual
    raise ValueError(f"{address:#x} is not in the core")


def failures_of_ring(inquest, holder: str) -> list[str]:
    """The prototype of an object is made the object itself, which JavaScript refuses."""
    ring = inquest.json("v8", "inspect", "-m", "--path", "ring", holder)
    address, hidden_class = int(ring["address"], 16), int(ring["internal"]["map"]["address"], 16)
    failures = []
    with tempfile.TemporaryDirectory(dir=inquest.core.parent) as directory:
        damaged = pathlib.Path(directory) / "core"
        shutil.copyfile(inquest.core, damaged)
        with damaged.open("r+b") as file:
            file.seek(file_offset(damaged, hidden_class - 1 + 24))  # Map::prototype
            file.write(struct.pack("<Q", address))
        for words in (("v8", "inspect", "--depth", "5", hex(address)), ("v8", "inspect", "--path", "no.such", hex(address)), ("v8", "findjsobjects"),
                      ("v8", "findrefs", "-r", hex(address)), ("v8", "findjsinstances", "--where", "own == 'ring'", "--print", "inner", "Object"), ("v8", "errors")):
            failures += complaints(inquest, damaged, words, (0, 1, 2))[1]
        shown = complaints(inquest, damaged, ("v8", "inspect", hex(address)))[0]
        if '.own=' not in shown:
            failures.append(f"the ring is shown as {shown!r}")
    return failures


def check(context, case: str) -> list[str]:
    directory = context.make(case)
    told = json.loads((directory / "truth.json").read_text())
    inquest = context.open(directory)
    holder = inquest.json("v8", "findjsinstances", "Extremes")["rows"][0]["address"]
    failures = failures_of_strings(inquest, holder, told) + failures_of_arrays(inquest, holder, told)
    failures += failures_of_conditions(inquest, told)
    failures += failures_beyond(inquest, holder, told)
    failures += failures_of_names(inquest, holder, told) + failures_of_depth(inquest, holder) + failures_of_ring(inquest, holder)
    context.say(f"{len(told['strings'])} long strings, {len(told['names'])} names")
    return failures
