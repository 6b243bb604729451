#!/usr/bin/env python3
"""The stack samplers against what the sampled programs themselves, the kernel and perf have counted.

    tests/probes/sampling.py CASE --inquest PROGRAM

cpu       processor time by function, against the program's own clock and perf; the kernel's stacks; a running process
waits     time off the CPU by function, against the program's own clocks; the distribution
files     bytes by function, against the program's sums and /proc/PID/io; the time of slow reads
formats   the file that old scripts read, by resolve-inlines; folded stacks; flame graphs as XML, with odd names
errors    each mistake is one line, with the status of the contract; a dry run loads nothing
"""
import json
import pathlib
import re
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree

from probing import ENVIRONMENT, HERE, Unavailable, compile_c, expect, main, run

PROGRAMS = HERE / "programs"
SVG = "{http://www.w3.org/2000/svg}"


def compiled(work: pathlib.Path, name: str, *options: str) -> pathlib.Path:
    source = next(PROGRAMS.glob(f"{name}.c*"))
    return compile_c(work / name, [source], "-pthread", *options, compiler="g++" if source.suffix == ".cc" else "gcc")


def sampled(inquest: pathlib.Path, *words, status: int = 0, timeout: float = 100) -> tuple[dict, dict, str]:
    """The answer, what the sampled program has printed, and standard error."""
    done = run([inquest, words[0], "--json", *words[1:]], timeout=timeout)
    expect(done.returncode == status, f"{words}: status {done.returncode}: {done.stderr}{done.stdout[-500:]}")
    text = done.stdout
    own = {}
    if found := re.match(r"\{[^{}\n]*\}\n", text):
        own = json.loads(found[0])
        text = text[found.end():]
    answer = json.loads(text)
    expect(answer["schema"] == 1 and answer["command"] == words[0], f"{words}: {text[:200]}")
    weights = [row["weight"] for row in answer.get("rows", [])]
    expect(weights == sorted(weights, reverse=True), f"{words}: not in order: {weights}")
    return answer, own, done.stderr


def functions(row: dict) -> list[str]:
    return [frame.get("function", "??") for frame in row["frames"]]


def weight_of(answer: dict, function: str) -> int:
    return sum(row["weight"] for row in answer["rows"] if function in functions(row))


def near(name: str, got: float, wanted: float, share: float, least: float = 0) -> None:
    expect(abs(got - wanted) <= max(share * wanted, least), f"{name}: {got}, wanted {wanted} within {share:.0%} or {least}")


def begins_at_start(answer: dict) -> None:
    """Every stack goes back to where its thread began."""
    for row in answer["rows"]:
        names = functions(row)
        expect(names[-1] in ("_start", "_dl_start_user", "__clone3", "clone3", "__clone", "__GI___clone3"), f"a stack ends early: {names}")


def cpu(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = compiled(work, "burns")
    answer, own, _ = sampled(inquest, "sample-bt", "-u", "-F", "997", "--", program, 50)
    expect(answer["unit"] == "samples", f"unit: {answer['unit']}")
    begins_at_start(answer)
    seconds = {name: weight_of(answer, f"load::{name}") / 997 for name in ("heavy", "light")}
    for name, got in seconds.items():
        near(name, got, own[name], 0.1)
    near("share of heavy", seconds["heavy"] / sum(seconds.values()), own["heavy"] / (own["heavy"] + own["light"]), 0.03)
    # The functions inlined into them are there, with their place.
    frames = [frame for row in answer["rows"] for frame in row["frames"] if frame.get("function") == "load::Mixer<unsigned long>::operator<<"]
    expect(frames and all(frame["inlined"] and frame["file"].endswith("burns.cc") for frame in frames), f"inlined: {frames[:1]}")
    expect(sum(row["weight"] for row in answer["rows"]) == answer["total"]["weight"], "the rows are not the total")
    both, _, _ = sampled(inquest, "sample-bt", "-u", "-k", "-F", "1997", "--", shutil.which("dd"), "if=/dev/zero", "of=/dev/null", "bs=1M", "count=8000",
                         "status=none")
    kinds = {frame["kind"] for row in both["rows"] for frame in row["frames"]}
    expect(kinds == {"kernel", "native"}, f"-u -k: {kinds}")
    for row in both["rows"]:
        order = [frame["kind"] == "kernel" for frame in row["frames"]]
        expect(order == sorted(order, reverse=True), f"the kernel's frames are not first: {functions(row)}")
    clears = [row["weight"] for row in both["rows"] if any("clear_user" in name or "read_iter_zero" in name or "read_zero" in name for name in functions(row))]
    expect(sum(clears) > both["total"]["weight"] / 2, f"dd is seen to clear memory in {sum(clears)} of {both['total']}")
    running(inquest, program)
    against_perf(inquest, work, program)


def running(inquest: pathlib.Path, program: pathlib.Path) -> None:
    """A process that runs on: -t, and Control-C."""
    target = subprocess.Popen([program, "1000"], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        ticks = cpu_seconds(target.pid)
        answer, _, said = sampled(inquest, "sample-bt", "-p", target.pid, "-t", 2, "-u", "-F", "499")
        ticks = cpu_seconds(target.pid) - ticks
        expect(re.search(rf"^WARNING: Tracing {target.pid} \({re.escape(str(program))}\) in user-space only\.\.\.$", said, re.M)
               and "WARNING: Time's up. Quitting now...(it may take a while)" in said, f"words: {said}")
        # What was used before and after the two seconds is in the clock only.
        got = answer["total"]["weight"] / 499
        expect(0.5 * ticks <= got <= 1.02 * min(ticks, 2.0) + 0.02, f"-t 2: {got} s of {ticks}")
        sampler = subprocess.Popen([inquest, "sample-bt", "-p", str(target.pid), "-u"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=ENVIRONMENT)
        sampler.stderr.readline()
        time.sleep(1)
        sampler.send_signal(signal.SIGINT)
        text, said = sampler.communicate(timeout=30)
        expect(sampler.returncode == 0 and "load::heavy" not in text and "heavy" in text and re.search(r"^\t\d+$", text, re.M), f"Control-C: {said}{text[-300:]}")
        expect(target.poll() is None, "the process has ended")
    finally:
        target.kill()
        target.wait()


def cpu_seconds(pid: int) -> float:
    """schedstat: nanoseconds on a CPU."""
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) * 1e-9


def against_perf(inquest: pathlib.Path, work: pathlib.Path, program: pathlib.Path) -> None:
    if not shutil.which("perf"):
        print("without perf: apt-get install linux-perf")
        return
    data = work / "perf.data"
    done = run(["perf", "record", "-q", "-e", "cpu-clock:u", "-F", "997", "-o", data, "--", program, 40])
    expect(done.returncode == 0, f"perf: {done.stderr}")
    lines = run(["perf", "script", "-i", data, "-F", "ip,sym"]).stdout.split()
    perf = {name: sum(name in line for line in lines) for name in ("heavy", "light")}
    answer, _, _ = sampled(inquest, "sample-bt", "-u", "-F", "997", "--", program, 40)
    # perf has no stacks here: where the clock of the kernel is read is not in its numbers.
    ours = {name: weight_of(answer, f"load::{name}") for name in perf}
    for name in perf:
        near(f"perf's {name}", ours[name], perf[name], 0.12)


def waits(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = compiled(work, "waits")
    answer, own, _ = sampled(inquest, "sample-bt-off-cpu", "--min=0", "--", program, 60)
    expect(answer["unit"] == "us", f"unit: {answer['unit']}")
    begins_at_start(answer)
    for name in ("sleeping", "polling", "locking"):
        near(name, weight_of(answer, f"load::{name}") * 1e-6, own[name], 0.02, 0.002)
    # Nothing of 2 s is left when there must be more; and waits that are nobody's choice are a small part here.
    long, _, _ = sampled(inquest, "sample-bt-off-cpu", "--min=2000000", "--", program, 20)
    expect(long["rows"] == [] and long["total"]["count"] == 0, f"--min: {long['rows']}")
    blocked, own, _ = sampled(inquest, "sample-bt-off-cpu", "--blocked", "-k", "-u", "--", program, 20)
    near("--blocked", weight_of(blocked, "load::sleeping") * 1e-6, own["sleeping"], 0.1, 0.01)
    row = next(row for row in blocked["rows"] if "load::sleeping" in functions(row))
    kernel = [frame.get("function", "") for frame in row["frames"] if frame["kind"] == "kernel"]
    expect(kernel and not any(name.startswith(("bpf_", "__bpf_", "__traceiter")) for name in kernel) and any("nanosleep" in name for name in kernel),
           f"the kernel's stack: {kernel}")
    distribution, own, _ = sampled(inquest, "sample-bt-off-cpu", "--distr", "--min=4000", "--", program, 40)
    times = distribution["distribution"]
    buckets = {bucket["low"]: bucket["count"] for bucket in times["histogram"]}
    # 40 waits of 5 ms, 40 of 10 ms and one of a thread for all that time; on a busy machine they are longer, never shorter.
    longer = sum(count for low, count in buckets.items() if low >= 8192)
    expect(sum(buckets.values()) == times["count"] >= 81 and longer >= 41 and times["min"] >= 4000, f"--distr: {times}")
    near("sum of --distr", times["average"] * times["count"] * 1e-6, sum(own.values()), 0.05)
    sleeper = subprocess.Popen(["sleep", "30"], env=ENVIRONMENT)
    try:
        text = run([inquest, "sample-bt-off-cpu", "--distr", "-p", sleeper.pid, "-t", 1])
        expect(text.returncode == 0 and text.stdout == "Exiting...Please wait...\n\nNo samples found yet.\n", f"--distr of nothing: {text.stdout}{text.stderr}")
    finally:
        sleeper.kill()
        sleeper.wait()
    # A thread that is away at the end counts up to then: `locking` waits for all 3 s.
    target = subprocess.Popen([program, "1000"], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        rest, _, said = sampled(inquest, "sample-bt-off-cpu", "-p", target.pid, "-t", 2)
        near("-t 2", weight_of(rest, "load::sleeping") * 1e-6, 2, 0.05)
    finally:
        target.kill()
        target.wait()
    text = run([inquest, "sample-bt-off-cpu", "--distr", "--min=4000", "--", program, 10]).stdout
    expect(re.search(r"^=== Off-CPU time distribution \(in us\) ===\nmin/avg/max: \d+/\d+/\d+\n *value \|-{50} count\n"
                     r"( *\d+ \|@* +\d+\n| +~\n)+\n$", text, re.M),
           f"--distr: {text}")


def files(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = compiled(work, "files")
    names = {"-r": ("reader", "vector_reader"), "-w": ("writer", "vector_writer")}
    answer, own, _ = sampled(inquest, "sample-bt-vfs", "--", program, work / "file", 300)
    expect(answer["unit"] == "bytes", f"unit: {answer['unit']}")
    begins_at_start(answer)
    for name in (*names["-r"], *names["-w"]):
        expect(weight_of(answer, name) == own[name], f"{name}: {weight_of(answer, name)}, the program: {own[name]}")
    expect(weight_of(answer, "no_file") == 0, f"no files: {weight_of(answer, 'no_file')}")
    for option, wanted in names.items():
        some, own, _ = sampled(inquest, "sample-bt-vfs", option, "--", program, work / "file", 50)
        got = {name: weight_of(some, name) for both in names.values() for name in both}
        expect(got == {name: own[name] if name in wanted else 0 for name in got}, f"{option}: {got} of {own}")
    every, own, _ = sampled(inquest, "sample-bt-vfs", "--any", "--", program, work / "file", 200)
    expect(weight_of(every, "no_file") == own["no_file"], f"--any: {weight_of(every, 'no_file')}, the program: {own['no_file']}")
    expect(weight_of(every, "work") == own["kernel"], f"--any: {weight_of(every, 'work')}, the kernel: {own['kernel']}")
    slow, own, _ = sampled(inquest, "sample-bt-vfs", "--latency", "--any", "-r", "--", program, work / "file", 30, "slow")
    expect(slow["unit"] == "us", f"unit: {slow['unit']}")
    near("slow reads", weight_of(slow, "slow_reader") * 1e-6, own["slow_reader"], 0.03)


def titles(svg: pathlib.Path) -> dict[str, tuple[float, float]]:
    """Of a well-formed picture: (weight, width) summed up by name."""
    boxes: dict[str, tuple[float, float]] = {}
    for box in xml.etree.ElementTree.parse(svg).getroot().iter(f"{SVG}g"):
        name, weight = re.fullmatch(r"(.*) \((\d+) \w+, [\d.]+%\)", box.find(f"{SVG}title").text, re.S).groups()
        before = boxes.get(name, (0, 0))
        boxes[name] = before[0] + int(weight), before[1] + float(box.find(f"{SVG}rect").get("width"))
    return boxes


def formats(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = compiled(work, "burns", "-no-pie")
    done = run([inquest, "sample-bt", "-u", "--", program, 10])
    expect(done.returncode == 0, f"status {done.returncode}: {done.stderr}")
    text = done.stdout.partition("}\n")[2]
    strange = [line for line in text.splitlines()
               if not re.fullmatch(r" (0x[0-9a-f]+) : (\S+\+0x[0-9a-f]+/0x[0-9a-f]+|\1) \[\S+\]|\t\d+", line)]
    expect(text.startswith(" 0x") and not strange, f"lines: {strange[:3]} of {text[:300]}")
    weights = [int(line) for line in text.splitlines() if line.startswith("\t")]
    expect(weights == sorted(weights, reverse=True) and sum(weights) > 200, f"weights: {weights}")
    # The symbol's place and size are those of the file.
    symbols = {line.split()[3]: line.split() for line in run(["nm", "-S", program]).stdout.splitlines() if len(line.split()) == 4}
    found = re.findall(r"^ 0x([0-9a-f]+) : (_ZN4load5heavy\w+)\+0x([0-9a-f]+)/0x([0-9a-f]+) \[" + re.escape(str(program)) + r"\]$", text, re.M)
    expect(found, f"heavy: {text[:500]}")
    for address, name, offset, size in found:
        start, length, _, _ = symbols[name]
        expect(int(address, 16) - int(offset, 16) == int(start, 16) and int(size, 16) == int(length, 16), f"{address} {name}+{offset}/{size}: {symbols[name]}")
    bt = work / "a.bt"
    bt.write_text(text)
    resolved = run([inquest, "resolve-inlines", bt, program])
    expect(resolved.returncode in (0, 1) and re.search(r"^ 0x[0-9a-f]+ : \S*Mixer\S*\+0x0/0x0 \[burns\.cc:\d+\]$", resolved.stdout, re.M),
           f"resolve-inlines: {resolved.stderr}{resolved.stdout[:500]}")
    limited = run([inquest, "sample-bt", "-u", "-l", "1", "--", program, 10])
    expect(len(re.findall(r"^\t\d+$", limited.stdout, re.M)) == 1 and "stacks are shown" in limited.stderr, f"-l 1: {limited.stderr}{limited.stdout}")
    folded = run([inquest, "sample-bt", "-u", "--folded", "--", program, 10]).stdout.partition("}\n")[2]
    expect(re.search(r"^burns;_start;.*;main;.*load::heavy;load::Mixer<unsigned long>::operator<<(;load::Mixer<unsigned long>::mix)? \d+$", folded, re.M), f"--folded: {folded[:500]}")
    pictures(inquest, work, program)


def pictures(inquest: pathlib.Path, work: pathlib.Path, program: pathlib.Path) -> None:
    svg = work / "cpu.svg"
    done = run([inquest, "sample-bt", "-u", "--svg", svg, "--", program, 20])
    expect(done.returncode == 0 and " 0x" not in done.stdout, f"--svg: {done.stderr}{done.stdout}")
    own = json.loads(done.stdout)
    total = int(re.search(r"flame graph of (\d+) samples in", done.stderr)[1])
    boxes = titles(svg)
    expect(boxes["burns"][0] == total and abs(boxes["burns"][1] - 1180) < 0.1, f"the thread: {boxes['burns']} of {total}")
    heavy = boxes["load::heavy"]
    near("share in the picture", heavy[0] / total, own["heavy"] / (own["heavy"] + own["light"]), 0.05)
    near("width by weight", heavy[1] / 1180, heavy[0] / total, 0.005)
    odd = work / "odd.svg"
    done = run([inquest, "sample-bt", "-u", "--svg", odd, "--", program, 5, "odd"])
    boxes = titles(odd)
    names = [name for name in boxes if name.startswith("<&\"]]>")]
    expect(done.returncode == 0 and len(names) == 1 and r"\xff\x01;'" in names[0], f"an odd name: {done.stderr}{[name[:30] for name in boxes][:5]}")
    count = len([box for box in xml.etree.ElementTree.parse(odd).getroot().iter(f"{SVG}g") if (box.find(f"{SVG}title").text or "").startswith("load::deep ")])
    expect(count == 1001, f"deep: {count} levels")
    nothing = work / "nothing.svg"
    done = run([inquest, "sample-bt-off-cpu", "--min=60000000", "--svg", nothing, "--", "true"])
    expect(done.returncode == 0 and titles(nothing) == {} and "No backtraces found. Quitting now..." in done.stderr, f"nothing: {done.stderr}")
    calls = work / "calls.svg"
    done = run([inquest, "trace", "--count", "stack", "--svg", calls, f"{program}:*heavy*", "--", program, 7])
    expect(done.returncode == 0 and titles(calls)["load::turns"][0] == 7, f"trace: {done.stderr}{titles(calls)}")
    refused = run([inquest, "sample-bt", "-u", "--svg", work / "no" / "file.svg", "--", program, 1])
    expect(refused.returncode == 1 and "cannot write" in refused.stderr, f"no folder: {refused.returncode} {refused.stderr}")


def errors(inquest: pathlib.Path, work: pathlib.Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    cases = [
        (2, "Neither -u nor -k is specified", ["sample-bt", "-p", str(dead.pid)]),
        (2, "No process pid specified by the -p option", ["sample-bt", "-u"]),
        (2, "No process pid specified by the -p option", ["sample-bt-off-cpu", "-t", "1"]),
        (2, "", ["sample-bt-vfs", "-p", "none"]),
        (2, "exclude each other", ["sample-bt-vfs", "-p", str(dead.pid), "--", "true"]),
        (2, "above 0", ["sample-bt-vfs", "-p", str(dead.pid), "-t", "0"]),
        (2, "times only", ["sample-bt-off-cpu", "--distr", "--folded", "-p", str(dead.pid)]),
        (3, f"there is no process {dead.pid}", ["sample-bt", "-u", "-p", str(dead.pid)]),
        (3, f"there is no process {dead.pid}", ["sample-bt-off-cpu", "-p", str(dead.pid)]),
        (3, f"there is no process {dead.pid}", ["sample-bt-vfs", "-p", str(dead.pid)]),
        (3, "no clock of 99999999 Hz", ["sample-bt", "-u", "-F", "99999999", "--", "true"]),
    ]
    for status, text, words in cases:
        done = run([inquest, *words])
        lines = done.stderr.strip().splitlines()
        expect(done.returncode == status and len(lines) == 1 and text in lines[0] and done.stdout == "",
               f"{words}: status {done.returncode}, wanted {status} and '{text}': {done.stderr}{done.stdout}")
    missing = run([inquest, "sample-bt", "-u", "--", work / "nothing"])
    expect(missing.returncode == 3 and "cannot run" in missing.stderr, f"no program: {missing.returncode} {missing.stderr}")
    for words in (["sample-bt", "-uk"], ["sample-bt-off-cpu", "--min=7"], ["sample-bt-vfs", "-r"]):
        plan = run([inquest, *words, "-d", "-p", str(dead.pid), "-t", 3, "-a", "-DMAXACTION=100"])
        expect(plan.returncode == 0 and plan.stdout.startswith("attaches: ") and f"process {dead.pid}" in plan.stdout and plan.stderr == "",
               f"{words} -d: {plan.returncode} {plan.stderr}{plan.stdout}")
    # Under the names of the old tools.
    link = inquest.parent / "sample-bt"
    if link.exists():
        named = run([link, "-u", "-d", "-p", "1"])
        expect(named.returncode == 0 and named.stdout.startswith("attaches: "), f"sample-bt: {named.stderr}")
    nobody = shutil.which("setpriv")
    if nobody:
        done = run([nobody, "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", inquest, "sample-bt", "-u", "--", "true"])
        if "cannot open" not in done.stderr and "Permission" not in done.stderr:
            expect(done.returncode == 3 and len(done.stderr.strip().splitlines()) == 1 and "root" in done.stderr, f"without rights: {done.returncode} {done.stderr}")


if __name__ == "__main__":
    main(cpu, waits, files, formats, errors)
