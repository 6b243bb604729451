"""Checks of the case `report`: `v8 nodeinfo --report` against the report that the process itself wrote a moment before it
died, key by key. What differs or is missing must stand in the lists below, with its reason."""
import json
import re

from census import Inquest

THREAD = r"(workers\[\d+\]\.)*"  # of the main thread, or of a worker of a worker

NOT_TOLD = [  # of keys that the process wrote and a core does not tell
    (r"header\.cpus\b", "processors of the machine"),
    (r"header\.networkInterfaces\b", "network interfaces of the machine"),
    (r"header\.host", "name of the machine"),
    (r"header\.glibcVersionCompiler", "of the machine that compiled it"),
    (r"userLimits\b", "kept by the kernel"),
    (r"resourceUsage\.(free_memory|total_memory|constrained_memory|available_memory)", "of the machine"),
    (r"(uvthreadR|r)esourceUsage\.(rss|maxRss|pageFaults|fsActivity)\b", "counted by the kernel"),
    (r"uvthreadResourceUsage$", "the kernel gives the first thread's note the time of the whole process"),
    (r"libuv\[.*\]\.(send|recv)BufferSize", "kept by the kernel"),
    (r"libuv\[(tcp|udp|pipe) .*\]\.(local|remote)Endpoint\b", "kept by the kernel, unless JavaScript has asked for it"),
    (r"javascriptHeap\.(mallocedMemory|peakMallocedMemory|externalMemory|doesZapGarbage)", "counters of no fixed place"),
    (r"javascriptHeap\.(native|detached)ContextCount|javascriptHeap\.(total|used)GlobalHandlesMemory",
     "counters of no fixed place"),
    (r"javascriptStack\.stack\[\d+\]", "compared by check_stacks"),
    (r"workers\[3\]\.javascriptHeap\.((heapSpaces\.new_\w+\.)?(capacity|used|available)|usedMemory|availableMemory)$",
     "a busy thread may have no allocation area open, which tells how much of new space is used"),
    (r"javascriptStack\.errorProperties\.code", "of the error that is made for the stack of the report"),
]
MORE = [  # of keys that only the core's report has
    (r"libuv\[tcp .*\]\.(local|remote)Endpoint\.ip[46]", "written since 20.x"),
    (r"libuv\[pipe .*\]\.(local|remote)Endpoint", "written since 14.21 and 16.20"),
    (r"javascriptStack\.stack\[\d+\]", "of idle workers not written before 16.20"),
]
OTHERWISE = [  # of values that are not the same
    (r"header\.(event|trigger|filename|dumpEventTime|dumpEventTimeStamp)", "another event"),
    (r"javascriptStack\.(message|stack\[\d+\])", "compared by check_stacks"),
    (r"libuv\[tcp .*\]\.(local|remote)Endpoint\.host", "the resolver's name for the address"),
    (r"libuv\[timer .*\]\.firesInMsFromNow", "the loop has gone on"),
    (r"(uvthreadR|r)esourceUsage\b", "compared by check_processor_time"),
    (r"javascriptHeap\b", "compared by check_heap"),
    (r"workers\[\d+\]\.libuv\[loop .*\]\.loopIdleTimeSeconds", "it went on waiting"),
    (r"environmentVariables\b", "compared as a whole"),
]


def flat(value, path: str = ""):
    """Pairs of a path and a value that is no object. Handles and workers are named by what they are, not by numbers."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            name = str(i)
            if path.endswith("libuv"):
                name = f"{item['type']} {item['address']}"
            elif path.endswith("workers"):
                name = str(item["header"].get("threadId"))
            yield from flat(item, f"{path}[{name}]")
    else:
        yield path, value


def allowed(path: str, exceptions: list[tuple[str, str]]) -> bool:
    return any(re.match(f"{THREAD}({pattern})", path) for pattern, _ in exceptions)


def has_allowed_parent(path: str) -> bool:
    """Where a whole object is missing that may be."""
    return re.match(f"{THREAD}uvthreadResourceUsage\\.", path) is not None


def check_keys(own: dict, report: dict) -> list[str]:
    truth, found = dict(flat(own)), dict(flat(report))
    failures = []
    for path, value in truth.items():
        if path not in found and not allowed(path, NOT_TOLD) and not has_allowed_parent(path):
            failures.append(f"report: {path} is missing, the process had {value!r}")
        elif path in found and found[path] != value and not allowed(path, OTHERWISE):
            failures.append(f"report: {path} is {found[path]!r}, the process had {value!r}")
        elif path in found and type(found[path]) != type(value) and {type(found[path]), type(value)} != {int, float}:
            failures.append(f"report: {path} is a {type(found[path]).__name__}, of the process a {type(value).__name__}")
    failures += [f"report: {path} is {value!r}, the process had none" for path, value in found.items()
                 if path not in truth and not allowed(path, MORE) and not re.match(f"{THREAD}nativeStack", path)]
    return [failure for failure in failures if ".nativeStack" not in failure and ": nativeStack" not in failure]


def threads(report: dict) -> dict[int, dict]:
    """All of a report, by threadId."""
    found = {report["header"].get("threadId"): report}
    for worker in report["workers"]:
        found |= threads(worker)
    return found


def check_heap(name: str, own: dict, heap: dict) -> list[str]:
    """Between the two reports next to nothing was allocated, but workers went on."""
    failures = []
    slack = 48 << 10

    def compare(what: str, value, truth, room: int) -> None:
        if value is not None and abs(value - truth) > room:
            failures.append(f"report: {name} javascriptHeap {what} is {value}, the process had {truth}")

    for space, counters in own["heapSpaces"].items():
        for key, truth in counters.items():
            room = slack if space.startswith("new_") and key != "capacity" else 0
            if space == "new_large_object_space":  # set when new space grows: in pages, with their headers
                room = slack + truth // 16
            compare(f"{space}.{key}", heap["heapSpaces"].get(space, {}).get(key), truth, room)
    for key, truth in own.items():
        if isinstance(truth, int) and key in heap:
            compare(key, heap[key], truth, {"memoryLimit": 0, "executableMemory": 0}.get(key, slack))
    return failures


def check_processor_time(name: str, own: dict, report: dict) -> list[str]:
    """The kernel counts the times of a core in ticks, those of a report come from its scheduler."""
    failures = []
    for key in ("resourceUsage", "uvthreadResourceUsage"):
        if key not in report:
            continue
        used, truth = (sum(usage[key][part] for part in ("userCpuSeconds", "kernelCpuSeconds")) for usage in (report, own))
        if abs(used - truth) > 0.15 + truth / 3:
            failures.append(f"report: {name} {key}: {used} s, the process had {truth}")
    return failures


def simple_names(stack: list[str]) -> list[str]:
    """The names of functions without receivers, which the two do not always name; without builtins of V8."""
    return [re.sub(r"^at (?:.*?\.)?(\w+)(?: \[as \w+\])? \(.*", r"\1", line) for line in stack if "(<anonymous>)" not in line]


def check_stacks(name: str, exe: str, own: dict, report: dict) -> list[str]:
    """Below the function that wrote the report and died the two stacks are the same (a report lacks the outermost call); a busy
    worker was seen at two moments of the same loop."""
    stack, truth = report["javascriptStack"]["stack"], own["javascriptStack"].get("stack", [])
    if name == "thread 0" and not ("-stripped" in exe and stack == ["Unavailable."]):
        below = truth[next(i for i, line in enumerate(truth) if "at die (" in line) + 1:]
        if "at die (" not in stack[0] or stack[1:1 + len(below)] != below or not below:
            return [f"report: the stack is {stack}, the process says {truth}"]
        if report["javascriptStack"]["message"] != "SIGABRT":
            return [f"report: the message is {report['javascriptStack']['message']}"]
    elif "-stripped" in exe and stack in (["Unavailable."], truth[:len(stack)]):
        return []  # the way down to the frames of JavaScript is not always found without symbols
    elif any("at spinning (" in line for line in stack + truth):
        functions, expected = simple_names(stack), simple_names(truth)
        if truth[:1] not in ([], ["Unavailable."]) and functions[:len(expected)] != expected:
            return [f"report: {name}: the stack is {stack}, the process says {truth}"]
    elif stack != ["Unavailable."] or report["javascriptStack"]["message"] != "No stack.":
        return [f"report: {name} does nothing, its stack is {report['javascriptStack']}"]
    return []


def check_native_stack(name: str, report: dict) -> list[str]:
    calls = report["nativeStack"]
    fine = len(calls) >= 5 and all(set(call) == {"pc", "symbol"} and re.fullmatch(r"0x[0-9a-f]{16}", call["pc"]) for call in calls)
    return [] if fine else [f"report: {name}: nativeStack {calls[:3]}"]


def check_sockets(truth: dict, report: dict) -> list[str]:
    """The socket whose addresses the program asked for, and the servers by what they were told."""
    told = [handle for handle in report["libuv"] if handle["type"] == "tcp" and handle.get("remoteEndpoint")]
    if [handle["remoteEndpoint"]["host"] for handle in told] != ["127.0.0.1"]:
        return [f"report: remote addresses are told of {told}"]
    queues = sorted(handle["writeQueueSize"] for handle in report["libuv"] if handle["type"] == "tcp")
    return [] if queues[-1] > 1 << 20 and queues[-2] == 0 else [f"report: the queues of the sockets are {queues}"]


def check_modules(inquest: Inquest, known: dict) -> list[str]:
    failures = []
    info = inquest.json("v8", "nodeinfo")
    rows = {row["path"]: row for row in info["modules"] if row["isolate"] == 0}
    for module in known["modules"]:
        row = rows.get(module["file"], {})
        if row.get("format") != ("json" if module["file"].endswith(".json") else "commonjs"):
            failures.append(f"nodeinfo: {module}: {row}")
        elif "size" in row and row["size"] not in range(module["size"], module["size"] + 128):
            failures.append(f"nodeinfo: {module}: {row}")
    urls = [row["path"] for row in rows.values() if row["kind"] == "esm"]
    for wanted, expected in ((bool(known["imported"]), "/module.mjs"), (known["inline"], "data:text/javascript")):
        if wanted and not any(expected in url for url in urls):
            failures.append(f"nodeinfo: {expected} is not among {urls}")
    if not any(row["format"] == "wasm" for row in rows.values()):
        failures.append(f"nodeinfo: no module of WebAssembly is among {list(rows)}")
    found = {worker.get("thread_id"): worker for worker in info["worker_threads"]}
    if info["workers"] != 4 or set(found) != {1, 2, 3, 4} or not set(known["workers"]) <= set(found):
        failures.append(f"nodeinfo: workers {info['worker_threads']}")
    elif found[4]["made_by_isolate"] != found[2]["isolate"] or found[1].get("name", "named") != "named":
        failures.append(f"nodeinfo: workers {info['worker_threads']}")
    return failures


def check(inquest: Inquest, truth: dict, own: dict | None) -> list[str]:
    known = truth["process"]
    failures = check_modules(inquest, known)
    if own is None:
        return failures
    report = json.loads(inquest.run("v8", "nodeinfo", "--report", "--env"))
    failures += check_keys(own, report)
    if report["environmentVariables"] != own["environmentVariables"]:
        failures.append("report: environmentVariables differ")
    mine, told = threads(own), threads(report)
    if mine.keys() != told.keys():
        return [*failures, f"report: threads {sorted(told)}, the process had {sorted(mine)}"]
    for thread, part in mine.items():
        name = f"thread {thread}"
        failures += check_heap(name, part["javascriptHeap"], told[thread]["javascriptHeap"])
        failures += check_processor_time(name, part, told[thread])
        failures += check_stacks(name, truth["exe"], part, told[thread])
        failures += check_native_stack(name, told[thread])
    return failures + check_sockets(truth, report)


if __name__ == "__main__":
    import pathlib
    import sys
    for name in sys.argv[2:]:
        core_path = pathlib.Path(name)
        written = core_path.with_name("report.json")
        for failed in check(Inquest(sys.argv[1], core_path), json.loads(core_path.with_name("truth.json").read_text()),
                            json.loads(written.read_text()) if written.is_file() else None):
            print("FAILED", core_path.parent.name, failed)
