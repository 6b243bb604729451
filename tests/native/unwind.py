#!/usr/bin/env python3
"""Stacks of real cores against eu-stack and gdb, and what is left of them when files are missing or the core is cut.

    tests/native/unwind.py CASE --inquest PROGRAM

odd          odd_stacks.c: signal stacks, coroutines, bad calls, 40,000 frames, ...; the functions are the source's
python       Debian's python3, killed inside ncurses by a null cur_term
programs     programs of Debian's packages, aborted while they work
node         a core of Node.js (SKIPPED where none can be had)
truncated    the beginning of a core: every frame whose return address is in it
missing      a core whose library is gone, or whose program was replaced by another build

Truth: eu-stack gives the pcs of whole cores, gdb the names; the order of calls in odd_stacks.c is written in it."""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import native_core  # noqa: E402

STATUS_UNAVAILABLE = 77
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"} | {"LC_ALL": "C", "TERM": "xterm"}


class Failed(Exception):
    pass


def expect(condition: object, text: str) -> None:
    if not condition:
        raise Failed(text)


def run(command: list, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=120, env=ENVIRONMENT, **options)


def ours(inquest: str, core: pathlib.Path, *words: str, status: int | None = 0) -> dict:
    done = run([inquest, "--json", "-c", core, "bt", *words])
    expect(done.returncode in (0, 1), f"{core}: status {done.returncode}: {done.stderr[-500:]}{done.stdout[-500:]}")
    expect(status is None or done.returncode == status, f"{core}: status {done.returncode}, wanted {status}: {done.stdout[:600]}")
    return json.loads(done.stdout)


def physical(thread: dict) -> list[dict]:
    """Those on the stack."""
    return [frame for frame in thread["frames"] if not frame["inlined"] and frame["found_by"] != "tail-call"]


def pcs(thread: dict) -> list[int]:
    return [int(frame["pc"], 16) for frame in physical(thread)]


def hexadecimal(addresses: list[int]) -> list[str]:
    return [hex(address) for address in addresses[:40]]


def names(thread: dict) -> list[str]:
    return [frame.get("function", "??") for frame in thread["frames"]]


def by_eu_stack(core: pathlib.Path) -> dict[int, list[int]]:
    """The pcs of every thread that eu-stack walks to its end."""
    if not shutil.which("eu-stack"):
        raise native_core.NoCore("eu-stack is missing: apt-get install elfutils")
    done = run(["eu-stack", "-n", "0", "--core", core])
    stacks: dict[int, list[int]] = {}
    for line in done.stdout.splitlines():
        if head := re.match(r"TID (\d+):", line):
            stacks[int(head[1])] = []
        elif frame := re.match(r"#\d+\s+0x([0-9a-f]+)", line):
            stacks[next(reversed(stacks))].append(int(frame[1], 16))
    expect(stacks, f"eu-stack read nothing: {done.stderr[-300:]}")
    return stacks


def by_gdb(core: pathlib.Path, program: str) -> dict[int, list[str]]:
    """The function names of every thread; ?? where gdb knows none."""
    settings = ["set debuginfod enabled off", "set pagination off", "set width 0", "set backtrace past-main on",
                "set backtrace past-entry on", "set print frame-arguments none"]
    done = run(["gdb", "-nx", "-batch", *(word for line in settings for word in ("-iex", line)), "-ex", "thread apply all backtrace",
                program, core])
    stacks: dict[int, list[str]] = {}
    for line in done.stdout.splitlines():
        if head := re.match(r"Thread \d+ \(.*LWP (\d+)\)", line):
            stacks[int(head[1])] = []
        elif (frame := re.match(r"#\d+\s+(?:0x[0-9a-f]+ in )?(<signal handler called>|.*? (?=\())", line)) and stacks:
            stacks[next(reversed(stacks))].append(frame[1].strip())
    return stacks


def same_as_eu_stack(inquest: str, core: pathlib.Path) -> dict:
    """Every thread is complete and has the pcs of eu-stack."""
    answer, truth = ours(inquest, core, "--all"), by_eu_stack(core)
    expect({thread["tid"] for thread in answer["threads"]} == set(truth), f"{core}: other threads than eu-stack's")
    for thread in answer["threads"]:
        tid, found = thread["tid"], pcs(thread)
        expect(thread["complete"], f"{core}: thread {tid} ends early: {thread.get('stop_reason')}")
        expect(found == truth[tid], f"{core}: thread {tid}: {hexadecimal(found)} instead of {hexadecimal(truth[tid])}")
    return answer


def same_names_as_gdb(answer: dict, core: pathlib.Path, program: str) -> int:
    """Where gdb and inquest both name a frame of stacks of the same length. Returns how many were compared."""
    truth, compared = by_gdb(core, program), 0
    for thread in answer["threads"]:
        theirs, mine = truth.get(thread["tid"], []), names(thread)
        if len(theirs) != len(mine):  # gdb restores fewer functions that ended in a tail call
            mine = names({"frames": [frame for frame in thread["frames"] if frame["found_by"] != "tail-call"]})
        if len(theirs) != len(mine):
            continue
        for a, b in zip(mine, theirs):
            if "??" in (a, b):
                continue
            compared += 1
            expect(plain(a) == plain(b), f"{core}: thread {thread['tid']}: {a} instead of gdb's {b}: {mine} {theirs}")
    return compared


def plain(name: str) -> str:
    """Without what two tools may spell otherwise: versions of symbols, parameters, aliases of one address."""
    name = re.sub(r"@.*|\[.*\]|\(.*|_impl\b.*", "", name)
    return re.sub(r"^(__GI_|__libc_|__)+", "", name).replace(" ", "")


# The functions from the innermost to main, written down from odd_stacks.c. None: code without a name.
ODD = {
    "null": [None, "call_it", "calls_null"],
    "garbage": ["call_it", "calls_garbage"],
    "data": [None, "call_it", "calls_data"],
    "noreturn": ["die", "gives_up", "ends_in_call", "noreturn"],
    "other-stack": ["die", "on_signal", "<signal handler called>", ..., "interrupted", "other_stack"],
    "nested-signals": ["die", "on_signal", "<signal handler called>", ..., "interrupted", "outer_handler", "<signal handler called>", ...,
                       "nested_signals"],
    "own-restorer": ["die", "on_signal", "<signal handler called>", ..., "interrupted", "own_restorer"],
    "vforked": [..., "vforks", "vforked"],  # vfork holds its return address in a register while the child runs
    "dynamic": ["die", "realigned", "of_any_size", "dynamic"],
    "deep": ["die", *["sinks_into"] * 40001, "deep"],
    "circle": [None, "circle"],
    "undescribed": ["die", None, None, None, "undescribed"],
}
BEYOND_EU_STACK = {"own-restorer"}  # it believes the call frame information


def matches(found: list[str], wanted: list) -> bool:
    """`...` stands for any functions of the C library."""
    place = 0
    for index, name in enumerate(wanted):
        if name is ...:
            following = wanted[index + 1]
            while place < len(found) and found[place] != following:
                place += 1
        elif place >= len(found) or found[place] != (name or "??"):
            return False
        else:
            place += 1
    return True


def check_odd(inquest: str, work: pathlib.Path) -> None:
    flavours = {"gcc": ["gcc", "-O2", "-g", "-w"],
                "no-pie": ["gcc", "-O1", "-w", "-no-pie", "-fno-asynchronous-unwind-tables", "-g"],  # .debug_frame
                "packed": ["gcc", "-O2", "-w", "-g", "-gz=zlib", "-fno-asynchronous-unwind-tables", "-fno-exceptions"],
                "no-header": ["gcc", "-O2", "-w", "-g", "-Wl,--no-eh-frame-hdr"],
                "separate": ["gcc", "-O2", "-w", "-g", "-fno-asynchronous-unwind-tables", "-Wl,--build-id"]}
    for flavour, compiler in flavours.items():
        program = work / f"odd-{flavour}"
        done = run([*compiler, HERE / "odd_stacks.c", "-o", program])
        expect(done.returncode == 0, done.stderr)
        if flavour == "separate":
            for command in (["objcopy", "--only-keep-debug", program, f"{program}.debug"], ["strip", "-g", program],
                            ["objcopy", f"--add-gnu-debuglink={program}.debug", program]):
                expect(run(command, cwd=work).returncode == 0, str(command))
        cases = ODD if flavour == "gcc" else ("null", "noreturn", "other-stack", "dynamic")
        for case in cases:
            core = work / "core"
            native_core.make([program, case], core, passed_signals="SIGUSR1 SIGUSR2")
            thread = ours(inquest, core, status=None)["threads"][0]
            wanted = [*ODD[case], "main"]
            expect(matches(names(thread), wanted), f"{flavour} {case}: {names(thread)[:40]} instead of {wanted[:40]}")
            expect(thread["complete"], f"{flavour} {case}: ends early: {thread.get('stop_reason')}")
            if None not in ODD[case] and case not in BEYOND_EU_STACK and flavour != "separate":  # eu-stack does not find .debug_frame in a debug file
                truth = by_eu_stack(core)[thread["tid"]]
                expect(pcs(thread) == truth, f"{flavour} {case}: {hexadecimal(pcs(thread))} instead of {hexadecimal(truth)}")
            core.unlink()
    check_ends(inquest, work / "odd-gcc", work / "core")
    check_bare(inquest, work)


def check_bare(inquest: str, work: pathlib.Path) -> None:
    """A library without call frame information and without frame pointers: all its functions, down to a call of abort."""
    depth = 12
    lines = ["#include <stdlib.h>", "#include <string.h>", "volatile int sink;"]
    for i in reversed(range(depth)):
        inner = "(abort(), 0L)" if i == depth - 1 else f"f{i + 1}(a + {i}, b ^ {i}, buffer)"
        early = "if (a == -77) abort();" if i % 3 == 0 else "if (b == 99) return 5;"
        lines.append(f"__attribute__((noinline)) long f{i}(long a, long b, char* p) {{ char buffer[{8 + 100 * (i % 5)}]; {early} "
                     f"memset(buffer, (int)a, sizeof buffer); sink += buffer[b & 7]; long x = a * 3, y = b * 5, r = {inner}; "
                     f"return r + x * y + (long)p + buffer[a & 7]; }}")
    (work / "bare.c").write_text("\n".join(lines) + "\n")
    (work / "calls_bare.c").write_text("long f0(long, long, char*); int main(int n, char** words) { return f0(n, 2, words[0]); }\n")
    for level in ("-O1", "-O2", "-Os"):
        bare = ["gcc", level, "-w", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fomit-frame-pointer", "-fPIC", "-shared",
                "-fno-reorder-blocks-and-partition", work / "bare.c", "-o", work / "libbare.so"]
        for command in (bare, ["gcc", work / "calls_bare.c", work / "libbare.so", "-o", work / "calls_bare"]):
            done = run(command)
            expect(done.returncode == 0, done.stderr)
        native_core.make([work / "calls_bare"], work / "core")
        thread = ours(inquest, work / "core", status=None)["threads"][0]
        found = [name for name in names(thread) if re.fullmatch(r"f\d+|main", name)]
        expect(found == [f"f{i}" for i in reversed(range(depth))] + ["main"], f"bare {level}: {names(thread)}")
        expect(thread["complete"], f"bare {level}: ends early: {thread.get('stop_reason')}")
        (work / "core").unlink()


def check_ends(inquest: str, program: pathlib.Path, core: pathlib.Path) -> None:
    """Stacks that have no start to be reached, or a damaged one."""
    native_core.make([program, "coroutine"], core)
    thread = ours(inquest, core)["threads"][0]
    expect(names(thread)[:2] == ["die", "routine"] and thread["complete"] and len(pcs(thread)) == 3, f"coroutine: {names(thread)}")
    core.unlink()
    native_core.make([program, "poisoned"], core)
    thread = ours(inquest, core, status=1)["threads"][0]
    expect(names(thread)[:2] == ["die", "smashed"] and not thread["complete"], f"poisoned: {names(thread)}")
    expect("0x4141414141414141" in thread["stop_reason"], thread["stop_reason"])
    core.unlink()
    native_core.make([program, "overflow"], core)
    thread = ours(inquest, core)["threads"][0]
    expect(pcs(thread) == by_eu_stack(core)[thread["tid"]] and thread["complete"], "overflow: not the pcs of eu-stack")
    limited = ours(inquest, core, "-n", "7")["threads"][0]
    expect(len(limited["frames"]) == 7 and limited["more_frames"] == len(thread["frames"]) - 7, "-n 7 does not give seven frames")
    core.unlink()


CURSES = """
import ctypes, curses
screen = curses.initscr()
ctypes.CDLL("libtinfo.so.6").set_curterm(None)
screen.addstr("x")
screen.refresh()
"""


def check_python(inquest: str, work: pathlib.Path) -> None:
    python = "/usr/bin/python3"
    if not pathlib.Path(python).exists():
        raise native_core.NoCore("apt-get install python3")
    os.environ["TERM"] = "xterm"
    native_core.make([python, "-c", CURSES], work / "core")
    answer = same_as_eu_stack(inquest, work / "core")
    compared = same_names_as_gdb(answer, work / "core", python)
    found = names(answer["threads"][0])
    expect("doupdate_sp" in found and "main" not in found[:3] and compared >= 5, f"{compared} names compared with gdb's: {found}")


def check_programs(inquest: str, work: pathlib.Path) -> None:
    (work / "dies.cmake").write_text('execute_process(COMMAND sh -c "sleep 0.3; kill -ABRT $PPID; sleep 1")\n')
    commands = {"gdb": ["gdb", "-nx", "-q", "-batch", "-ex", "python import os; os.abort()"],
                "cmake": ["cmake", "-P", str(work / "dies.cmake")]}
    compared = 0
    for name, command in commands.items():
        if not shutil.which(command[0]):
            print(f"left out: {name} is not installed")
            continue
        core = work / "core"
        native_core.make([shutil.which(command[0]), *command[1:]], core)
        answer = same_as_eu_stack(inquest, core)
        compared += sum(len(physical(thread)) for thread in answer["threads"])
        core.unlink()
    expect(compared > 20, f"only {compared} frames were compared")


def check_node(inquest: str, _work: pathlib.Path) -> None:
    done = run([ROOT / "scripts" / "make_core", "workers", "20.20.2"])
    if done.returncode == STATUS_UNAVAILABLE:
        raise native_core.NoCore(done.stderr.strip()[-300:])
    expect(done.returncode == 0, done.stderr[-500:])
    same_as_eu_stack(inquest, pathlib.Path(done.stdout.split()[-1]) / "core")


def file_ranges(core: pathlib.Path) -> list[tuple[int, int, int]]:
    """(address, offset, size in the file) of the segments, from readelf."""
    done = run(["readelf", "-lW", core])
    loads = re.findall(r"^\s+LOAD\s+(0x\w+) (0x\w+) 0x\w+ (0x\w+)", done.stdout, re.MULTILINE)
    return [(int(address, 16), int(offset, 16), int(size, 16)) for offset, address, size in loads]


SLOTS = """
import gdb, re
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frame = gdb.newest_frame()
    print("THREAD", thread.ptid[1], int(frame.read_register("rsp")) & (2**64 - 1))
    for _ in range(200):
        if frame is None:
            break
        frame.select()
        if frame.type() != gdb.INLINE_FRAME:
            saved = re.search(r"rip at (0x[0-9a-f]+)", gdb.execute("info frame", to_string=True))
            print("FRAME", frame.pc(), int(saved[1], 16) if saved else 0)
        frame = frame.older()
"""


def return_slots(core: pathlib.Path, program: pathlib.Path, work: pathlib.Path) -> dict[int, tuple[int, list[tuple[int, int]]]]:
    """By gdb, of each thread: rsp, and per frame its pc and where its return address is saved (0: gdb does not say)."""
    (work / "slots.py").write_text(SLOTS)
    settings = ["set debuginfod enabled off", "set backtrace past-main on", "set backtrace past-entry on"]
    done = run(["gdb", "-nx", "-batch", *(word for line in settings for word in ("-iex", line)), program, core, "-x", work / "slots.py"])
    stacks: dict[int, tuple[int, list[tuple[int, int]]]] = {}
    for kind, first, second in re.findall(r"^(THREAD|FRAME) (\d+) (\d+)$", done.stdout, re.MULTILINE):
        if kind == "THREAD":
            stacks[int(first)] = (int(second), [])
        else:
            stacks[next(reversed(stacks))][1].append((int(first), int(second)))
    expect(stacks, f"gdb told no frames: {done.stdout[-300:]}{done.stderr[-300:]}")
    return stacks


def check_truncated(inquest: str, work: pathlib.Path) -> None:
    """At each cut, per thread: as many frames as can be had, which is one from its registers and one more for each return address
    whose eight bytes are in the file, up to the first that is not. Where they are saved gdb says; where gdb goes astray (code made
    at run time, calls that jumped on) they are looked for on the stack. The stacks of the whole core are what variants.py proves."""
    directory = variant("gcc-dwarf5")
    whole = directory / "core"
    ranges = file_ranges(whole)
    data = whole.read_bytes()

    def offset_of(address: int) -> int:
        return next((offset + address - start for start, offset, size in ranges if 0 <= address - start < size), 1 << 62)

    def find_word(word: int, address: int) -> int:
        """Where it stands from `address` on."""
        for place in range(address, address + (1 << 16), 8):
            if data[offset_of(place):offset_of(place) + 8] == word.to_bytes(8, "little"):
                return place
        raise Failed(f"{word:#x} is nowhere above {address:#x}")

    def slots_of(chain: list[int], sp: int, known: list[tuple[int, int]]) -> list[int]:
        """Where the return address of each frame but the last is saved."""
        slots, at = [], 0
        for pc, caller in zip(chain, chain[1:]):
            index = next((i for i in range(at, len(known) - 1) if known[i][0] == pc and known[i + 1][0] == caller and known[i][1]), None)
            slots.append(known[index][1] if index is not None else find_word(caller, slots[-1] + 8 if slots else sp))
            at = at if index is None else index + 1
        return slots

    complete = ours(inquest, whole, "--all", status=None)["threads"]
    by_gdb = return_slots(whole, directory / "t", work)
    counts, most = {}, {}
    for percent in (95, 60, 20, 2):
        size = len(data) * percent // 100
        (work / "cut").write_bytes(data[:size])
        answer = ours(inquest, work / "cut", "--all", status=1)
        expect(any("truncated" in note["text"] for note in answer["notes"]), f"{percent} %: no note of the truncation")
        counts[percent] = most[percent] = 0
        for before, after in zip(complete, answer["threads"], strict=True):
            chain, found = pcs(before), pcs(after)
            slots = slots_of(chain, *by_gdb[after["tid"]])
            reachable = 1 + next((i for i, slot in enumerate(slots) if offset_of(slot) + 8 > size), len(slots))
            counts[percent] += len(found)
            most[percent] += reachable
            reason = after.get("stop_reason", "")
            if before["frames"][0].get("module") == "[vdso]" and offset_of(chain[0]) >= size:
                # The description of its code is cut off with it, so what lies above is found by guess or not at all.
                expect(found[0] == chain[0] and is_part(found, chain), f"{percent} %: {hexadecimal(found)} behind the vdso")
                expect(len(found) > 1 or ("[vdso]" in reason and "truncated" in reason), f"{percent} %: the vdso is cut: {reason}")
            else:
                expect(found == chain[:reachable],
                       f"{percent} %: thread {after['tid']} has {len(found)} frames, {reachable} can be had: {reason}")
                expect(after["complete"] == before["complete"] if reachable == len(chain) else "truncated" in reason,
                       f"{percent} %: thread {after['tid']}: {reason}")
    total = sum(len(pcs(thread)) for thread in complete)
    print(f"frames at 95, 60, 20, 2 percent: {list(counts.values())} of {total}; at most {list(most.values())} are in the file")
    expect(most[2] == len(complete) and most[95] < total, f"the cuts do not cut the stacks: {most}")


def variant(name: str) -> pathlib.Path:
    done = run([sys.executable, HERE / "build_variant.py", name])
    if done.returncode == STATUS_UNAVAILABLE:
        raise native_core.NoCore(done.stderr.strip()[-300:])
    expect(done.returncode == 0, done.stderr[-500:])
    return pathlib.Path(done.stdout.strip())


LIBRARY = """
#include <stdlib.h>
typedef void callback(void);
volatile int sink;
__attribute__((noinline, noclone)) static void inner(callback *call, int n) { volatile char room[200]; room[n] = 1; call(); sink += room[n]; }
void enter(callback *call) { inner(call, 5); ++sink; }
"""
PROGRAM = """
typedef void callback(void);
void enter(callback *call);
volatile int sink;
__attribute__((noinline)) static void die(void) { *(volatile int *)16 = sink; ++sink; }
__attribute__((noinline)) static void called_back(void) { die(); ++sink; }
__attribute__((noinline)) static void work(void) { enter(called_back); ++sink; }
int main(void) { work(); return sink + BUILD; }
"""


def check_missing(inquest: str, work: pathlib.Path) -> None:
    (work / "library.c").write_text(LIBRARY)
    (work / "program.c").write_text(PROGRAM)
    library, program, core = work / "libodd.so.1", work / "program", work / "core"

    def build(number: int) -> None:
        for command in (["gcc", "-O2", "-w", "-fPIC", "-shared", "library.c", "-o", library],
                        ["gcc", "-O2", "-w", f"-DBUILD={number}", *["-DOTHER"] * number, "program.c", library, "-Wl,-rpath," + str(work), "-o", program]):
            done = run(command, cwd=work)
            expect(done.returncode == 0, done.stderr)

    build(0)
    native_core.make([program], core)
    before = same_as_eu_stack(inquest, core)["threads"][0]
    truth = pcs(before)
    expect(names(before)[:5] == ["die", "called_back", "inner", "enter", "work"], f"{names(before)}")

    library.rename(work / "away")
    answer = ours(inquest, core, status=1)
    after = answer["threads"][0]
    expect(any("libodd" in note["text"] for note in answer["notes"]), "no note about the missing library")
    expect(after["complete"] and is_part(pcs(after), truth) and {"work", "main"} <= set(names(after)), f"without the library: {names(after)}")
    expect(any(frame["found_by"] == "scan" for frame in after["frames"]), "a guess that is not marked")
    (work / "away").rename(library)

    build(1)
    answer = ours(inquest, core, status=1)
    after = answer["threads"][0]
    expect(pcs(after)[0] == truth[0] and is_part(pcs(after), truth), f"with another build: {after}")
    expect("die" not in names(after), "names from a file that is another build")
    expect(after["complete"], f"with another build: {after.get('stop_reason')}: {names(after)}")


def is_part(found: list[int], truth: list[int]) -> bool:
    """Whether `found` is `truth` with gaps."""
    rest = iter(truth)
    return all(pc in rest for pc in found)


CASES = {"odd": check_odd, "python": check_python, "programs": check_programs, "node": check_node, "truncated": check_truncated,
         "missing": check_missing}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--inquest", required=True)
    arguments = parser.parse_args()
    inquest = str(pathlib.Path(arguments.inquest).resolve())
    with tempfile.TemporaryDirectory(prefix="unwind-") as work:
        try:
            CASES[arguments.case](inquest, pathlib.Path(work).resolve())
        except Failed as failure:
            print(f"FAILED: {failure}")
            return 1
        except native_core.NoCore as reason:
            print(f"SKIPPED: {reason}")
            return STATUS_UNAVAILABLE
    print("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
