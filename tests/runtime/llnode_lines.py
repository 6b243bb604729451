"""The lines that scripts written for llnode look for: each command's output, line by line, against llnode's shapes (src/llnode.cc,
llscan.cc, printer.cc of llnode 4.0.0). A line may say more behind what llnode prints, never something else instead."""
import json
import re
import subprocess
from dataclasses import dataclass, field

A = r"0x[0-9a-f]+"
A16 = r"0x[0-9a-f]{16}"
# One value, without its members.
BRIEF = rf"""(?:{A}:)?<(?:Smi:\ -?\d+|Number:\ [^>]+|String:\ "[^\n]*"|undefined|null|true|false|hole|exception|uninitialized
  |JSDate:\ \S+\ [^>]*|Array:\ length=\d+|Object:\ [^>]+|function:\ [^>]+|FixedArray,\ len=\d+|JSRegExp\ source=/.*/\w*
  |ArrayBuffer:\ backingStore={A16},\ byteLength=\d+|ArrayBufferView:\ backingStore={A16},\ byteOffset=\d+,\ byteLength=\d+
  |Context|ScopeInfo(?::\ for\ function\ [^>]+)?|Global|Global\ proxy|Code|unknown|Symbol:\ [^>]*|BigInt:\ -?\d+|Accessor:\ .*
  |Map\ own_descriptors=\d+\ (?:in_object_size|constructor_index)=\d+\ instance_size=\d+\ descriptors={A16}|\w[^>]*)>(?:\ \w[^\n]*)?"""
VALUE = re.compile(BRIEF, re.VERBOSE)
V = re.sub(r"\s*\n\s*", "", BRIEF)


@dataclass
class Shape:
    """What a command prints: every line is one of `lines`; each of `needed` is there."""
    command: str
    lines: list[str] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)


# Members of the gallery of corpora/values, one line each.
MEMBERS = {
    "smi2": r"<Smi: -1>", "double0": rf"{A}:<Number: 1\.500000>", "double7": rf"{A}:<Number: 4294967296\.000000>",
    "yes": rf"{A}:<true>", "no": rf"{A}:<false>", "nothing": rf"{A}:<null>", "missing": rf"{A}:<undefined>",
    "emptyString": rf'{A}:<String: "">', "cons": rf'{A}:<String: "abcdefghijabcdef\.\.\.">', "sliced": rf'{A}:<String: "hijabcdefghijabc\.\.\.">',
    "plain": rf"{A}:<Object: Object>", "instance": rf"{A}:<Object: Derived>", "smis": rf"{A}:<Array: length=3>",
    "sparse": rf"{A}:<Array: length=5000001>", "date": rf"{A}:<JSDate: 1462000000123\.000000\b.*>",
    "regexpPlain": rf"{A}:<JSRegExp source=/\(\?:\)/>", "error": rf"{A}:<Object: TypeError>",
    "closure": rf"{A}:<function: counter at \S+program\.js:\d+:\d+>", "arrow": rf"{A}:<function: [^>]* at \S+program\.js:\d+:\d+>",
    "arrayBuffer": rf"{A}:<ArrayBuffer: backingStore={A16}, byteLength=16>", "emptyBuffer": rf"{A}:<ArrayBuffer: backingStore={A16}, byteLength=0>",
    "shared": rf"{A}:<ArrayBuffer: backingStore={A16}, byteLength=4>.*",
    "dataView": rf"{A}:<ArrayBufferView: backingStore={A16}, byteOffset=2, byteLength=4>.*",
    "Float64Array": rf"{A}:<ArrayBufferView: backingStore={A16}, byteOffset=0, byteLength=40>.*",
    "buffer": rf"{A}:<ArrayBufferView: backingStore={A16}, byteOffset=\d+, byteLength=14>.*",
    "global": rf"{A}:<Global proxy>",
}
# `v8 inspect` of single members: the whole of llnode's form.
DETAILED = {
    "smis": rf"^{A}:<Array: length=3 {{\n    \[0\]=<Smi: 1>,\n    \[1\]=<Smi: 2>,\n    \[2\]=<Smi: 3>}}>$",
    "kept": rf"^{A}:<Object: Object properties {{\n    \.id=<Smi: 7>}}>$",
    "indexed": rf'^{A}:<Object: Object elements {{\n    \[0\]={A}:<String: "zero">,\n    \[5\]={A}:<String: "five">}}\n  properties {{\n    \.name={A}:<String:',
    "closure": rf"^{A}:<function: counter at \S+:\d+:\d+\n  context={A}:<Context: {{\n    \(previous\)={A}:<Context>,\n"
               rf"    \(scope_info\)={A}:<ScopeInfo: for function makeCounter>,\n(?:    \w+={V},?\n?)*",
    "unreadError": rf"^{A}:<Object: RangeError properties {{(?:.|\n)*\n  error stack {{\n(?:    {A}:<function: [^\n]*>\n)+  }}>$",
    "arrayBuffer": rf"^{A}:<ArrayBuffer: backingStore={A16}, byteLength=16: \[\n  01, 02, 03, fa(?:, 00){{12}}\n\]>$",
    "buffer": rf"^{A}:<ArrayBufferView: backingStore={A16}, byteOffset=\d+, byteLength=14: \[\n  61, 20, 73, 6d, 61(?:, [0-9a-f]{{2}}){{9}}\n\]>",
    "bufferAlloc": rf"^{A}:<ArrayBufferView: backingStore={A16}, byteOffset=\d+, byteLength=20: \[\n  78, 79(?:, 78, 79){{7}} \.\.\.\n\]>",
    "regexpPlain": rf"^{A}:<JSRegExp source=/\(\?:\)/ properties {{\n    \.lastIndex=<Smi: 0>}}>$",
}

SHAPES_OF_ANY_CORE = [
    Shape("v8 findjsobjects",
          [r" Instances  Total Size Name", r" ---------- ---------- ----", r" ---------- ---------- ", r" +\d+ +\d+ \S.*", r" +\d+ +\d+ "],
          [r" {10}\d | {9}\d\d ", r" +\d+ +\d+ $"]),
    Shape("v8 findjsobjects -d",
          [r"   Sample Obj\.  Instances  Total Size  Properties  Elements  Name", r" ------------- ---------- ----------- ----------- --------- -----",
           r" +[0-9a-f]+ +\d+ +\d+ +\d+ +\d+ \S.*", r" ------------ ---------- ----------- ----------- ----------- ----", r" {15,}\d+ +\d+ "],
          [r" +[0-9a-f]+ +\d+ +\d+ +2 +0 \S+: \w+, \w+$", r": \w+, \w+, \w+, \.\.\.$"]),
    Shape("v8 findjsinstances -n 3 Object", [rf"{A}:<Object: (?:Object|External [^\n]+)>", r"\.\.\.\.\.\.\.\.\.\.", r"\(Showing 1 to 3 of \d+ instances\)"],
          [rf"{A}:<Object: Object>", r"\(Showing"]),
    Shape("v8 findjsinstances (Array)", [rf"{A}:<Array: length=\d+>", r"\(Showing 1 to \d+ of \d+ instances\)"], [rf"{A}:<Array"]),
    Shape("v8 findjsinstances Nonsuch", [r"No objects found with type name Nonsuch"], [r"No objects found"]),
    Shape("v8 bt", [r" \* thread #\d+: tid = \d+, .*stop reason = .*", rf"  [* ] frame #\d+: {A16} .+"],
          [rf"^  [* ] frame #\d+: {A16} \S+`\S+", rf"\S+\(this={A}:<.*\) at \S.*:\d+:\d+ fn={A16}",
           rf"\(this={A}:<Array: length=\d+>, <Smi: \d+>\)", rf", {A}:<function: \S+ at \S+:\d+:\d+>"]),
    Shape("v8 bt 2", [r" \* thread #\d+: tid = \d+, .*stop reason = .*", rf"  [* ] frame #[01]: {A16} .+", r" {4}\(\d+ more frames\)"], [rf"frame #1: {A16}"]),
    Shape("jsstack 2", [], [rf"^  \* frame #0: {A16} .+"]),
    Shape("v8 source list -l 3 program.js", [r"\S+", r" {2,}\d+ .*"], [r"^ {2,}3 "]),
    Shape("v8 nodeinfo", [],
          [rf"^Information for process id \d+ \(process={A}\)$", r"^Platform = linux, Architecture = x64, Node Version = v\d+\.\d+\.\d+",
           rf"^Component versions \(process\.versions={A}\):$", r"^    v8 = \d", rf"^Release Info \(process\.release={A}\):$", r"^    name = node$",
           r"^Executable Path = /", rf"^Command line arguments \(process\.argv={A}\):$", r"^    \[0\] = '.*node'$",
           rf"^Node\.js Command line arguments \(process\.execArgv={A}\):$"]),
    Shape("v8 settings set color always", [r"Color set to 'always'"], [r"Color"]),
    Shape("v8 settings set tree-padding 99", [r"Tree padding set to 10"], [r"Tree"]),
]
# What llnode says of mistakes, in the error line.
MISTAKES = {
    "v8 bt x": "Invalid number of frames",
    "v8 print": "error: USAGE: v8 print expr", "v8 inspect": "error: USAGE: v8 inspect [flags] expr", "v8 i": "error: USAGE: v8 inspect [flags] expr",
    "v8 findjsinstances": "error: USAGE: v8 findjsinstances [flags] instance_name", "v8 findrefs": "error: USAGE: v8 findrefs expr",
    "v8 settings set color sometimes": "Error: Available options are (always | never | auto)",
    "v8 settings set tree-padding x": "USAGE: v8 settings set tree-padding [1..10]",
}
REFERENCE = rf"{A}: (?:[^\s=][^=]*?)(?:\.[^\n]+|\[\d+\])={A}(?: .*)?"


def complaint(inquest, command: str) -> str:
    words = [inquest.program, "-c", str(inquest.core), *command.split()]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120).stderr


def failures_of(shape: Shape, printed: str) -> list[str]:
    lines = printed.splitlines()
    failures = []
    for line in lines if shape.lines else []:
        if not any(re.fullmatch(known, line) for known in shape.lines):
            failures.append(f"{shape.command}: a line that llnode does not print: {line!r}")
    failures += [f"{shape.command}: no line like {wanted!r}" for wanted in shape.needed if not any(re.search(wanted, line) for line in lines)]
    return failures[:5]


def failures_of_members(inquest) -> list[str]:
    gallery = inquest.run("v8", "findjsinstances", "Gallery").split(":")[0]
    printed = inquest.run("v8", "inspect", gallery).splitlines()
    failures = [] if re.fullmatch(rf"{A}:<Object: Gallery properties {{", printed[0]) else [f"v8 inspect begins with {printed[0]!r}"]
    lines = {}
    for line in printed[1:]:
        found = re.fullmatch(r"    \.([\w#]+)=(.*?)(,|}>)", line)
        if found and VALUE.fullmatch(found[2]):
            lines[found[1]] = found[2]
        else:
            failures.append(f"v8 inspect: no member of llnode's: {line!r}")
    failures += [f"v8 inspect: .{name}={lines.get(name)!r}, llnode's is {shape!r}" for name, shape in MEMBERS.items()
                 if not re.fullmatch(shape, lines.get(name, ""))]
    for name, shape in DETAILED.items():
        whole = inquest.run("v8", "inspect", "--path", name, gallery).rstrip("\n")
        if not re.search(shape, whole):
            failures.append(f"v8 inspect of {name}: {whole!r} is not {shape!r}")
    with_map = inquest.run("v8", "inspect", "-m", "--path", "kept", gallery)
    prefix = re.match(rf"({A16})\(map=({A16})\):<Object: Object properties {{\n    \.id=<Smi: 7>}}>\n$", with_map)
    if not prefix:
        failures.append(f"v8 inspect -m: {with_map!r}")
    elif not re.match(rf"{A}:<Map own_descriptors=1 in_object_size=\d+ instance_size=\d+ descriptors={A16}", inquest.run("v8", "inspect", prefix[2])):
        failures.append(f"the hidden class is {inquest.run('v8', 'inspect', prefix[2])!r}")
    source = inquest.run("v8", "inspect", "-s", "--path", "closure", gallery)
    if not re.search(r"\n  source:\nfunction counter\(\) {.*}\n>\n$", source):
        failures.append(f"v8 inspect -s: {source[-200:]!r}")
    return failures


def failures_of_references(inquest) -> list[str]:
    """Lines of `v8 findrefs` in all its forms, on corpora/holders."""
    named = inquest.json("v8", "find", "-n", "name", "--limit", "50")["rows"]
    # Not one that a stack alone holds, of which there is nothing to print.
    row = [one for one in named if inquest.json("v8", "findrefs", one["address"])["rows"]][:1] or named
    failures = []
    commands = [["v8", "findrefs", "-n", "name"], ["v8", "findrefs", "--limit", "50", "-v", row[0]["address"]]]
    commands += [["v8", "findrefs", "-r", "--depth", "3", "-v", row[0]["address"]]]
    for command in commands:
        lines = [line for line in inquest.run(*command).splitlines() if "more" not in line]
        if not lines:
            failures.append(f"{' '.join(command)} prints nothing")
        for line in lines:
            plain = re.sub(r"^(?:  )+\+ ", "", line) if "-r" in command else line
            if not re.fullmatch(REFERENCE + r"(?: \[seen above\]| \[root\]| \[\.\.\.\])?", plain):
                failures.append(f"{' '.join(command)}: {line!r}")
    return failures[:5]


def failures_of_handles(inquest, told: list[str]) -> list[str]:
    printed = inquest.run("v8", "getactivehandles")
    found = sorted(re.findall(rf"^{A}:<Object: (\w+)", printed, re.MULTILINE))
    if found != told or f"\nTotal: {len(told)}\n" not in printed:
        return [f"v8 getactivehandles: {found}, the program had {told}; it ends with {printed[-30:]!r}"]
    requests = inquest.run("v8", "getactiverequests").splitlines()
    return [] if re.fullmatch(r"Total: \d+", requests[-1]) else [f"v8 getactiverequests ends with {requests[-1]!r}"]


def check(context, case: str) -> list[str]:
    failures = []
    cores = {name: context.open(context.make(name)) for name in ("jsstack", "values", "holders")}
    for shape in SHAPES_OF_ANY_CORE:
        failures += failures_of(shape, cores["jsstack"].run(*shape.command.split(" ")))
    for command, wanted in MISTAKES.items():
        said = complaint(cores["jsstack"], command)
        to_its_end = not wanted.startswith("error: USAGE") or said.rstrip("\n").endswith(wanted)
        if wanted not in said or len(said.splitlines()) != 1 or not to_its_end:
            failures.append(f"{command}: {said!r}, llnode says {wanted!r}")
    failures += failures_of_members(cores["values"])
    failures += failures_of_handles(cores["values"], json.loads((context.make("values") / "truth.json").read_text())["handles"])
    failures += failures_of_references(cores["holders"])
    context.say(f"{len(SHAPES_OF_ANY_CORE) + len(MISTAKES)} outputs, {len(MEMBERS)} members, {len(DETAILED)} values in detail")
    return failures
