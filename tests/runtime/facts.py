"""Checks on the core of corpora/facts: `v8 whatis` against /proc/self/maps of the dying process, the symbol tables of its
files and the words of the core itself; `v8 findjsinstances --where`, --sort and --print, `v8 strings` and `v8 nodeinfo`
against what the program computed and printed."""
import json
import pathlib
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass

from census import Inquest

MAX_GUARD = 1 << 20


@dataclass
class Mapping:
    start: int
    end: int
    permissions: str
    offset: int
    path: str


def mappings_of(truth: dict) -> list[Mapping]:
    mappings = []
    for line in truth["maps"]:
        fields = line.split(None, 5)
        start, end = (int(number, 16) for number in fields[0].split("-"))
        mappings.append(Mapping(start, end, fields[1][:3], int(fields[2], 16), fields[5] if len(fields) > 5 else ""))
    return mappings


class Core:
    """Words of a core file by their addresses."""

    def __init__(self, path: pathlib.Path):
        self.file = open(path, "rb")
        header = self.file.read(64)
        offset, count = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<H", header, 56)[0]
        self.file.seek(offset)
        self.segments = []
        for _ in range(count):
            kind, _, at, address, _, size = struct.unpack_from("<IIQQQQ", self.file.read(56))
            if kind == 1:
                self.segments.append((address, size, at))

    def word(self, address: int) -> int:
        for start, size, at in self.segments:
            if start <= address < start + size - 7:
                self.file.seek(at + address - start)
                return struct.unpack("<Q", self.file.read(8))[0]
        raise ValueError(f"{address:#x} is not in the core")


def ask(inquest: Inquest, commands: list[str]) -> list[dict]:
    """The answers to many commands on one opened core."""
    answers: list[dict] = []
    for first in range(0, len(commands), 200):
        words = [word for command in commands[first:first + 200] for word in ("-o", command)]
        text = inquest.run("--json", *words).rstrip()
        decoder, position = json.JSONDecoder(), 0
        while position < len(text):
            answer, position = decoder.raw_decode(text, position)
            answers.append(answer)
            position += len(text[position:]) - len(text[position:].lstrip())
    if len(answers) != len(commands):
        raise ValueError(f"{len(answers)} answers to {len(commands)} commands")
    return answers


def what_is(inquest: Inquest, addresses: list[int]) -> dict[int, dict]:
    return dict(zip(addresses, ask(inquest, [f"v8 whatis {address:#x}" for address in addresses])))


def build_id_of(path: str) -> str:
    text = subprocess.run(["readelf", "-n", path], capture_output=True, text=True).stdout
    return text.split("Build ID: ")[1].split()[0] if "Build ID: " in text else ""


def check_files(inquest: Inquest, mappings: list[Mapping]) -> list[str]:
    failures = []
    files = [one for one in mappings if one.path.startswith("/") and one.permissions != "---"]
    answers = what_is(inquest, [one.start + 0x18 for one in files])
    for one in files:
        answer = answers[one.start + 0x18]
        found = answer.get("mapping", {})
        expected = {"start": f"{one.start:#x}", "permissions": one.permissions, "file": one.path,
                    "file_offset": one.offset + 0x18}
        for key, value in expected.items():
            if found.get(key) != value and not (key == "file" and not found.get("file")):
                failures.append(f"{one.start:#x}: {key} is {found.get(key)}, the process had {value}")
        if pathlib.Path(one.path).exists() and found.get("build_id", "") not in ("", build_id_of(one.path)):
            failures.append(f"{one.path}: build-id {found.get('build_id')}, the file has {build_id_of(one.path)}")
    return failures if len(files) > 5 else [*failures, f"only {len(files)} files are mapped"]


def check_symbols(inquest: Inquest, mappings: list[Mapping]) -> list[str]:
    """Functions of the C library, by its own symbol table."""
    libc = next(one for one in mappings if "libc.so" in one.path or "libc-2" in one.path)
    table = subprocess.run(["nm", "-D", "-S", "--defined-only", libc.path], capture_output=True, text=True).stdout
    functions = []
    for line in table.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[2] == "T" and int(fields[1], 16) > 64:
            functions.append((int(fields[0], 16), int(fields[1], 16), fields[3]))
    functions = functions[::max(1, len(functions) // 60)]
    answers = what_is(inquest, [libc.start + value + size // 2 for value, size, _ in functions])
    wrong = []
    for value, size, name in functions:
        answer = answers[libc.start + value + size // 2]
        if answer["kind"] != "code" or answer.get("symbol_offset") != size // 2:
            wrong.append(f"{name.split('@')[0]} + {size // 2} is {answer.get('symbol')} + {answer.get('symbol_offset')}")
    return [f"symbols: {line}" for line in wrong]


def check_native(inquest: Inquest, truth: dict, mappings: list[Mapping]) -> list[str]:
    failures = []
    heap = next((one for one in mappings if one.path == "[heap]"), None)
    stack = next(one for one in mappings if one.path == "[stack]")
    expected: dict[int, tuple] = {stack.end - 0x200: ("stack", truth["process"]["pid"])}
    if heap is not None:
        expected |= {heap.start + (heap.end - heap.start) * i // 8 + 0x10: ("malloc", "main") for i in range(8)}
    for address, (kind, detail) in expected.items():
        answer = what_is(inquest, [address])[address]
        if answer["kind"] != kind or detail not in (answer.get("tid"), answer.get("arena")):
            failures.append(f"{address:#x}: {answer['kind']} {answer.get('tid')} {answer.get('arena')}, it is {kind} {detail}")
    guards = [one for one in mappings if one.permissions == "---" and one.end - one.start <= MAX_GUARD and not one.path]
    stacks = 0
    for one, answer in zip(guards, what_is(inquest, [one.start for one in guards]).values()):
        stacks += "tid" in answer
        # From 14.4 on the bodies of holes are memory without access.
        hole = answer.get("value", {}).get("kind") == "hole" or answer.get("value", {}).get("type") == "Hole"
        if answer["kind"] not in ("guard", "page-header") and not hole:
            failures.append(f"{one.start:#x}-{one.end:#x}: {answer['kind']}, it is a page without access")
    if stacks < 4:
        failures.append(f"{stacks} guard pages of stacks, a Node.js process has more threads")
    gaps = [(left, right) for left, right in zip(mappings, mappings[1:]) if right.start - left.end > 0x10000
            and right.start < 1 << 47 and "stack" not in right.path]
    later = {start for start, _, _ in Core(inquest.core).segments} - {one.start for one in mappings}
    for (left, right), answer in zip(gaps, what_is(inquest, [left.end + 0x5000 for left, _ in gaps]).values()):
        distances = (answer.get("below", {}).get("distance"), answer.get("above", {}).get("distance"))
        # What was mapped after the program had told its maps is no mistake.
        if answer["kind"] != "unmapped" or left.end + 0x5000 + (distances[1] or 0) in later:
            continue
        if distances != (0x5000, right.start - left.end - 0x5000):
            failures.append(f"{left.end + 0x5000:#x}: distances {distances}, the gap is {left.end:#x}-{right.start:#x}")
    for address, kind in ((0, "null"), (0x38, "null"), (0x4141414141414141, "non-canonical")):
        if what_is(inquest, [address])[address]["kind"] != kind:
            failures.append(f"{address:#x} is not said to be {kind}")
    return failures


def check_objects(inquest: Inquest, truth: dict, core: Core) -> list[str]:
    """Every word of an object belongs to it, and where the property `id` is said to lie, there is a task's number."""
    failures, numbers = [], []
    rows = inquest.json("v8", "findjsinstances", "Task")["rows"]
    sample = rows[::len(rows) // 25 | 1]  # odd: every eighth is another kind of object
    addresses = [int(row["address"], 16) for row in sample]
    asked = [address - 1 + offset for address, row in zip(addresses, sample) for offset in range(-8, row["self_size"] + 8, 8)]
    answers = what_is(inquest, asked + [address for address in addresses if address not in asked])
    for address, row in zip(addresses, sample):
        for offset in range(-8, row["self_size"] + 8, 8):
            answer = answers[address - 1 + offset]
            inside = 0 <= offset < row["self_size"]
            if (answer.get("object") == row["address"]) != inside:
                failures.append(f"{row['address']} {offset:+}: said to be in {answer.get('object')}")
            elif inside and (answer["offset"], answer["size"], answer["value"]["type"]) != (offset, row["self_size"], "Task"):
                failures.append(f"{row['address']} {offset:+}: {answer}")
            if inside and answer.get("field") == ".id":
                numbers.append(core.word(address - 1 + offset) >> 32)
        if (answers[address]["object"], answers[address]["offset"]) != (row["address"], 0):
            failures.append(f"{row['address']} itself is {answers[address]}")
    # One in eight is a dictionary, which has no place of its own for a property.
    if len(set(numbers)) != len(numbers) or len(numbers) < len(sample) / 2 or any(n >= truth["counts"]["Task"] for n in numbers):
        failures.append(f"words at .id: {numbers}")
    digits = next((row["address"] for row in rows if row["address"][2:].isdigit()), None)
    if digits is not None:
        shown = inquest.json("v8", "inspect", digits[2:])
        if shown.get("address") != digits or not any("hexadecimal" in note["text"] for note in shown["notes"]):
            failures.append(f"v8 inspect {digits[2:]} shows {shown.get('address')}")
    return failures


def check_whatis(inquest: Inquest, truth: dict) -> list[str]:
    mappings = mappings_of(truth)
    return (check_files(inquest, mappings) + check_symbols(inquest, mappings) + check_native(inquest, truth, mappings)
            + check_objects(inquest, truth, Core(inquest.core)))


def check_where(inquest: Inquest, truth: dict) -> list[str]:
    """The same conditions in JavaScript and here choose the same tasks."""
    failures = []
    every = "v8 findjsinstances --print id --where"
    answers = ask(inquest, [f"{every} {shell_quoted(entry['text'])} Task" for entry in truth["where"]])
    for entry, answer in zip(truth["where"], answers):
        ids = [row["values"]["id"] for row in answer["rows"]]
        if (len(ids), sum(ids)) != (entry["count"], entry["sum"]) or answer["total"] != entry["count"]:
            failures.append(f"--where {entry['text']}: {len(ids)} tasks, ids sum up to {sum(ids)}; "
                            f"in the program {entry['count']}, {entry['sum']}")
        if answer["of_type"] != truth["counts"]["Task"]:
            failures.append(f"--where {entry['text']}: chosen of {answer['of_type']}, there were {truth['counts']['Task']}")
    holding = [entry for entry in truth["where"] if 0 < entry["count"] < truth["counts"]["Task"]]
    return failures if len(holding) > 20 else [*failures, "the conditions tell too little"]


def shell_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def check_order(inquest: Inquest, truth: dict) -> list[str]:
    failures = []
    for entry in truth["sorted"]:
        words = ["--sort", entry["path"], *(["--descending"] if entry.get("descending") else [])]
        rows = inquest.json("v8", "findjsinstances", *words, "--print", f"id,{entry['path']}", "Task")["rows"]
        wanted = set(entry["ids"])
        keys = [row["values"][entry["path"]] for row in rows]
        if keys != sorted(keys, reverse=bool(entry.get("descending"))):
            failures.append(f"{words}: not in order: {keys[:20]}")
        # Equal ones may stand in another order than in the program: all with a smaller key than the last must be there.
        first = rows[:len(entry["ids"])]
        inner = {row["values"]["id"] for row in first if row["values"][entry["path"]] != keys[len(first) - 1]}
        if not inner <= wanted:
            failures.append(f"{words}: {sorted(inner - wanted)} come too early")
        page = inquest.json("v8", "findjsinstances", *words, "-n", "7", "--skip", "5", "Task")
        if [row["address"] for row in page["rows"]] != [row["address"] for row in rows[5:12]]:
            failures.append(f"{words}: --skip 5 -n 7 is not a part of the whole")
    printed = truth["printed"]
    paths = printed["paths"].split(",")
    rows = inquest.json("v8", "findjsinstances", "--sort", "id", "-n", str(len(printed["rows"])), "--print", printed["paths"],
                        "Task")["rows"]
    found = [[row["values"].get(path) for path in paths] for row in rows]
    if found != printed["rows"]:
        wrong = next((pair for pair in zip(found, printed["rows"]) if pair[0] != pair[1]), (len(found), len(printed["rows"])))
        failures.append(f"--print: {wrong[0]}, the program had {wrong[1]}")
    text = inquest.run("v8", "findjsinstances", "--sort", "-id", "-n", "1", "--print", "id,title,missing", "Task")
    if f":<Object: Task> id={truth['counts']['Task'] - 1}, title=\"na\u00efve \u2603 19\", missing=(none)" not in text:
        failures.append(f"--print as text: {text}")
    return failures


def check_globals(inquest: Inquest, truth: dict) -> list[str]:
    """The one object whose properties lie in cells, with free places and deleted ones between them."""
    objects = [inquest.json("v8", "inspect", "-l", "0", row["address"])
               for row in inquest.json("v8", "findjsinstances", "global")["rows"]]
    found = [[(member["name"], member.get("enumerable", True)) for member in properties if not member.get("symbol")]
             for properties in (value.get("properties", []) for value in objects) if properties]
    expected = [tuple(entry) for entry in truth["globals"]]
    # A proxy stands for the object in the program; it shows the same.
    failures = [] if found else ["no global object has properties"]
    for names in found:
        too_many, missing = Counter(names) - Counter(expected), Counter(expected) - Counter(names)
        if too_many or missing:
            failures.append(f"global object: too many {list(too_many)[:5]}, missing {list(missing)[:5]}")
    return failures


def check_strings(inquest: Inquest, truth: dict) -> list[str]:
    failures = []
    rows = inquest.json("v8", "strings", "--top", "0", "-F")["rows"]
    for entry in truth["duplicates"]:
        text = entry["part"] * entry["times"]
        found = [row for row in rows if row["text"] == text]
        unit = 2 if any(ord(letter) > 255 for letter in text) else 1
        size = (16 + unit * len(text) + 7) // 8 * 8
        expected = (entry["count"], len(text), size * entry["count"], size * (entry["count"] - 1))
        got = [tuple(row[key] for key in ("count", "length", "size", "wasted")) for row in found]
        if got != [expected]:
            failures.append(f"{entry['part']} x {entry['times']}: {got}, the program has {expected}")
    if [row["wasted"] for row in rows] != sorted((row["wasted"] for row in rows), reverse=True):
        failures.append("rows are not in the order of wasted bytes")
    longest = inquest.json("v8", "strings", "--longest", "--top", "1")["rows"][0]
    if (longest["length"], longest["text"][:3], longest["count"]) != (truth["longest"], "LLL", 1):
        failures.append(f"the longest string has {longest['length']} characters, the program's {truth['longest']}")
    matching = inquest.json("v8", "strings", "--regex", r"^(dup<\w+>){5,}$", "--top", "0", "-F")["rows"]
    expected = Counter({entry["part"] * entry["times"]: entry["count"] for entry in truth["duplicates"]
                        if entry["part"].startswith("dup<")})
    if Counter({row["text"]: row["count"] for row in matching}) != expected:
        failures.append(f"--regex finds {[(row['text'][:20], row['count']) for row in matching]}")
    return failures


def check_nodeinfo(inquest: Inquest, truth: dict) -> list[str]:
    failures, known = [], truth["process"]
    info = inquest.json("v8", "nodeinfo", "--env")
    expected = {"pid": known["pid"], "platform": known["platform"], "arch": known["arch"], "version": known["version"],
                "versions": known["versions"], "exec_path": known["execPath"], "argv": known["argv"],
                "exec_argv": known["execArgv"], "cwd": known["cwd"],
                "release": {key: value for key, value in known["release"].items() if isinstance(value, str)}}
    failures += [f"nodeinfo: {key} is {json.dumps(info.get(key))[:200]}, the program had {json.dumps(value)[:200]}"
                 for key, value in expected.items() if info.get(key) != value]
    # Symbols of variables may be stripped, and the kernel's command line then stands for the title.
    if not (info.get("title", "").startswith(known["title"])):
        failures.append(f"nodeinfo: the title is {info.get('title')!r}, the program had {known['title']!r}")
    if "uptime_s" in info and not known["uptime"] - 1 < info["uptime_s"] <= known["uptime"] + 0.01:
        failures.append(f"nodeinfo: uptime {info['uptime_s']}, the program had {known['uptime']}")
    environment = {variable["name"]: variable["value"] for variable in info["environment"]}
    if environment != known["env"]:
        failures.append(f"nodeinfo: the environment differs in {sorted(environment.items() ^ known['env'].items())[:3]}")
    limits = info["heap_limits"][0] if info["heap_limits"] else {}
    if not known["heap"]["heap_size_limit"] - limits.get("heap_size_limit", 0) in range(-(1 << 16), 1 << 20):
        failures.append(f"nodeinfo: limits {limits}, the program had {known['heap']['heap_size_limit']}")
    modules = {module["path"]: module for module in info["modules"]}
    for module in known["modules"]:
        if modules.get(module["name"], {}).get("kind") != "commonjs" or modules[module["name"]].get("size", 0) not in range(
                module["size"], module["size"] + 128):  # the source as V8 keeps it, header included
            failures.append(f"nodeinfo: {module}: {modules.get(module['name'])}")
    text = inquest.run("v8", "nodeinfo")
    for line in (f"Information for process id {known['pid']} (process=0x", f"    v8 = {known['versions']['v8']}\n",
                 f"Platform = linux, Architecture = x64, Node Version = {known['version']}\n",
                 "Component versions (process.versions=0x", "Release Info (process.release=0x", "    [2] = 'first argument'\n",
                 f"Executable Path = {known['execPath']}\n", "Node.js Command line arguments (process.execArgv=0x"):
        if line not in text:
            failures.append(f"nodeinfo: llnode's line is not there: {line}")
    secret = max(known["env"].values(), key=len)
    if len(secret) > 8 and secret not in (known["cwd"], known["execPath"]) and secret in text.split("Environment (")[1]:
        failures.append("nodeinfo: values of the environment are shown without --env")
    return failures + (check_report(inquest, truth) if truth.get("report") else [])


def check_report(inquest: Inquest, truth: dict) -> list[str]:
    """Against the report that the process itself made a moment before."""
    failures, own = [], truth["report"]
    report = json.loads(inquest.run("v8", "nodeinfo", "--report", "--env"))
    header, own_header = report["header"], own["header"]
    for key in ("reportVersion", "processId", "threadId", "cwd", "commandLine", "nodejsVersion", "wordSize", "arch", "platform",
                "componentVersions", "release", "osName", "osMachine"):
        if header.get(key) != own_header[key]:
            failures.append(f"report: header.{key} is {header.get(key)}, the process says {own_header[key]}")
    if not isinstance(header["dumpEventTimeStamp"], str) or len(header["dumpEventTime"]) != len(own_header["dumpEventTime"]):
        failures.append(f"report: times {header['dumpEventTime']} {header['dumpEventTimeStamp']}")
    if (header["event"], header["trigger"]) != ("Core dump", "SIGABRT"):
        failures.append(f"report: event {header['event']}, trigger {header['trigger']}")
    if report["environmentVariables"] != own["environmentVariables"]:
        failures.append("report: environmentVariables differ")
    # The kernel counts the times of a core in ticks, those of the report come from its scheduler.
    used, own_used = ({key: usage[key] for key in ("userCpuSeconds", "kernelCpuSeconds")} for usage in (report["resourceUsage"], own["resourceUsage"]))
    if abs(sum(used.values()) - sum(own_used.values())) > 0.1 + sum(own_used.values()) / 3:
        failures.append(f"report: resourceUsage {used}, the process says {own_used}")
    unknown = set(report) - set(own)
    if unknown or not set(own) - set(report) <= {"uvthreadResourceUsage", "userLimits"}:
        failures.append(f"report: parts {sorted(set(own) ^ set(report))} are not in both")
    same = [handle for handle in report["libuv"]]
    by_address = {handle["address"]: handle for handle in same}
    for handle in own["libuv"]:
        found = by_address.get(handle["address"], {})
        for key in ("type", "is_active", "is_referenced", "fd", "filename", "repeat", "pid", "signum"):
            # What is not in the report of the process itself may be known here.
            if key in handle and found.get(key) != handle[key]:
                failures.append(f"report: libuv {handle['type']} {handle['address']}: {key} is {found.get(key)}, it was {handle[key]}")
    told = [handle["address"] for handle in own["libuv"]]
    later = [handle["type"] for handle in same if handle["address"] not in told]
    # The program printed its truth after the report, to a pipe.
    if [address for address in by_address if address in told] != told or later not in ([], ["pipe"]):
        failures.append(f"report: libuv has other handles: {later}")
    libraries = {pathlib.Path(name).resolve().name for name in own["sharedObjects"]}
    if not libraries <= {pathlib.Path(name).resolve().name for name in report["sharedObjects"]}:
        failures.append(f"report: sharedObjects {report['sharedObjects']}, the process had {own['sharedObjects']}")
    spaces, own_spaces = report["javascriptHeap"]["heapSpaces"], own["javascriptHeap"]["heapSpaces"]
    for name, space in spaces.items():
        if name != "read_only_space" and space["memorySize"] - own_spaces[name]["memorySize"] not in range(0, (1 << 20) + 1):
            failures.append(f"report: {name} has {space['memorySize']} bytes, the process says {own_spaces[name]['memorySize']}")
    if abs(report["javascriptHeap"].get("memoryLimit", 0) - own["javascriptHeap"]["memoryLimit"]) > 1 << 20:
        failures.append(f"report: memoryLimit {report['javascriptHeap'].get('memoryLimit')}")
    # Its own stack begins with getReport, on another line of die(), and lacks the outermost call.
    stack, own_stack = report["javascriptStack"]["stack"], own["javascriptStack"]["stack"]
    below = own_stack[next(i for i, line in enumerate(own_stack) if ".die " in line) + 1:]
    if stack not in ([], ["Unavailable."]) and (".die [as _onTimeout] (" not in stack[0] or stack[1:1 + len(below)] != below or not below):
        failures.append(f"report: the stack is {stack}, the process says {own_stack}")
    if not all(set(call) == {"pc", "symbol"} for call in report["nativeStack"]) or len(report["nativeStack"]) < 5:
        failures.append(f"report: nativeStack {report['nativeStack'][:3]}")
    if "environmentVariables" in json.loads(inquest.run("v8", "nodeinfo", "--report")):
        failures.append("report: environmentVariables without --env")
    return failures


CHECKS = [check_whatis, check_where, check_order, check_globals, check_strings, check_nodeinfo]


def check(inquest: Inquest, truth: dict) -> list[str]:
    return [failure for part in CHECKS for failure in part(inquest, truth)]


if __name__ == "__main__":
    import sys
    for name in sys.argv[2:]:
        core_path = pathlib.Path(name)
        for failed in check(Inquest(sys.argv[1], core_path), json.loads(core_path.with_name("truth.json").read_text())):
            print("FAILED", core_path.parent.name, failed)
