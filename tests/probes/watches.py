#!/usr/bin/env python3
"""The watches (accessed-files, tcp-accept-queue, tcp-recv-queue) against counts of their own kind.

    tests/probes/watches.py CASE --inquest PROGRAM

files     calls and bytes by file against the program's own print-out, and their sum against /proc/PID/io
overflow  a server that does not accept, against `ss -ltn`
lengths   the same with fewer connections: each finds one more in the queue than the one before
accept    a server that accepts late: times lie between those that server and client measure around their calls
receive   a receiver that reads late: likewise
usage     dry runs; one line for each mistake, and its status

Bounds are the clocks of the programs themselves, so they hold on a busy machine."""
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

from probing import ENVIRONMENT, Unavailable, expect, main, run

# Waits for a line at each step, so that the test can look at it from outside.
LOAD = r"""
import json, os, sys
folder = sys.argv[1]
count = {}
def note(name, kind, size):
    one = count.setdefault(name, {"reads": 0, "read_bytes": 0, "writes": 0, "written_bytes": 0})
    one[kind + "s"] += 1
    one["read_bytes" if kind == "read" else "written_bytes"] += size
files = {name: os.open(os.path.join(folder, name), os.O_RDWR) for name in ("first", "second", "third", "deep/first")}
zero = os.open("/dev/zero", os.O_RDONLY)
print(os.getpid(), flush=True)
os.read(0, 1)
for i in range(17):
    note("first", "read", len(os.pread(files["first"], 100 + i, i)))
for i in range(5):
    note("second", "write", os.pwrite(files["second"], b"x" * (i + 1), 1000 * i))
    note("second", "write", os.writev(files["second"], [b"ab", b"c"]))
    note("second", "read", os.preadv(files["second"], [bytearray(7), bytearray(9)], 0))
note("third", "read", os.sendfile(files["second"], files["third"], 0, 500))
note("second", "write", 500)
note("third", "read", os.copy_file_range(files["third"], files["deep/first"], 300, 0, 0))
note("deep/first", "write", 300)
note("zero", "read", len(os.read(zero, 12345)))
assert os.pread(files["first"], 10, 1 << 30) == b""  # reads nothing
os.write(1, (json.dumps(count) + "\n").encode())  # a pipe, which is no file
os.read(0, 1)
"""

SERVER = r"""
import json, socket, sys, time
what, backlog, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
listener = socket.socket(socket.AF_INET6 if what == "accept" else socket.AF_INET)
listener.bind(("::1" if what == "accept" else "127.0.0.1", 0))
listener.listen(backlog)
print(listener.getsockname()[1], flush=True)
sys.stdin.readline()
if what == "receive":
    connection = listener.accept()[0]
    print("accepted", flush=True)
while what != "hold":
    line = sys.stdin.readline()
    if not line:
        break
    time.sleep(delay)
    begin = time.monotonic_ns()
    if what == "accept":
        kept = listener.accept()[0]
    else:
        assert connection.recv(1 << 20)
    print(json.dumps([begin, time.monotonic_ns()]), flush=True)
sys.stdin.readline()
"""


class Program:
    """A script that talks by lines."""

    def __init__(self, script: str, *words: object):
        self.process = subprocess.Popen([sys.executable, "-c", script, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=ENVIRONMENT)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def line(self) -> str:
        text = self.process.stdout.readline()
        expect(text, "the program has ended")
        return text.strip()

    def go_on(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()


class Watch:
    """A command of ours that runs while something happens."""

    def __init__(self, inquest: pathlib.Path, *words: object):
        self.process = subprocess.Popen([str(inquest), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.name = words
        for _ in range(200):
            expect(self.process.poll() is None, f"{words} has ended: {self.process.communicate() if self.process.poll() is not None else ''}")
            # Its links are the last thing that it makes.
            names = [str(path.readlink()) for path in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir() if path.is_symlink()]
            if any("bpf_link" in name or "bpf-link" in name for name in names):
                break
            time.sleep(0.05)
        time.sleep(0.3)

    def end(self) -> str:
        self.process.send_signal(signal.SIGINT)
        output, said = self.process.communicate(timeout=30)
        expect(self.process.returncode == 0, f"{self.name}: status {self.process.returncode}: {said}{output[:500]}")
        return output


def io_of(pid: int) -> tuple[int, int]:
    text = pathlib.Path(f"/proc/{pid}/io").read_text()
    return int(re.search(r"rchar: (\d+)", text)[1]), int(re.search(r"wchar: (\d+)", text)[1])


def one_load(inquest: pathlib.Path, folder: pathlib.Path, *options: str) -> tuple[dict, str, tuple[int, int], int]:
    """What the program says, our output, the difference in /proc/PID/io, and what went through pipes."""
    with Program(LOAD, folder) as load:
        pid = int(load.line())
        watch = Watch(inquest, *(word for word in options if word == "--json"), "accessed-files", "-p", pid, *(word for word in options if word != "--json"))
        before = io_of(pid)
        load.go_on()
        text = load.line()
        after = io_of(pid)
        return json.loads(text), watch.end(), (after[0] - before[0], after[1] - before[1]), len(text) + 1


def files(inquest: pathlib.Path, work: pathlib.Path) -> None:
    (work / "deep").mkdir()
    for name in ("first", "second", "third", "deep/first"):
        (work / name).write_bytes(b"x" * 5000)
    said, output, moved, piped = one_load(inquest, work, "--json")
    rows = {(row["folder"] + "/" + row["file"] if row["folder"] == "deep" else row["file"]): row for row in json.loads(output)["rows"]}
    mine = {name: {key: row[key] for key in ("reads", "read_bytes", "writes", "written_bytes")} for name, row in rows.items()}
    expect(mine == said, f"seen: {mine}\nthe program says: {said}")
    for name, row in rows.items():
        status = (pathlib.Path("/dev/zero") if name == "zero" else work / name).stat()
        expect(row["inode"] == status.st_ino, f"{name}: {row}")
    # The kernel's own count has the pipes too.
    read = sum(row["read_bytes"] for row in mine.values())
    written = sum(row["written_bytes"] for row in mine.values())
    expect((read + 1, written + piped) == moved, f"{read} and {written} bytes; /proc/PID/io: {moved}")
    # As text: those with most calls first, and only what was asked for.
    said, output, _, _ = one_load(inquest, work, "-r", "-l", "2")
    lines = output.splitlines()
    expect(re.fullmatch(r"Tracing \d+ \(/.*\)\.\.\.", lines[0]) and lines[1] == "Hit Ctrl-C to end.", f"the beginning: {lines[:2]}")
    best = sorted(said.items(), key=lambda item: -item[1]["reads"])[:2]
    wanted = ["=== Top 2 file reads ===", *(f"#{number}: {one['reads']} times, {one['read_bytes']} bytes reads in file {name}."
                                           for number, (name, one) in enumerate(best, 1))]
    expect(lines[3:] == wanted, f"reads: {lines[3:]}, wanted {wanted}")
    _, output, _, _ = one_load(inquest, work, "-w")
    expect("=== Top 10 file writes ===" in output and "writes in file deep/first." not in output.replace("#", "\n#").split("#1:")[1].split("\n")[0],
           f"writes: {output}")
    with Program("import sys; print(1, flush=True); sys.stdin.readline()") as idle:
        idle.line()
        done = run([inquest, "accessed-files", "-p", idle.process.pid, "-r", "-t", "1"])
        expect(done.returncode == 0 and "Please wait for 1 seconds." in done.stdout and "No file reads observed so far." in done.stdout, f"nothing: {done}")
        # The end of the process ends it.
        watch = Watch(inquest, "accessed-files", "-p", idle.process.pid)
        idle.go_on()
        watch.process.wait(timeout=20)
        expect(watch.process.returncode == 0, f"the end of the process: {watch.process.communicate()}")


def listening(port: int) -> tuple[int, int]:
    """Length and limit of the accept queue as ss tells."""
    done = run(["ss", "-Hltn", "sport", "=", f":{port}"])
    fields = done.stdout.split()
    expect(len(fields) > 3, f"ss: {done.stdout}{done.stderr}")
    return int(fields[1]), int(fields[2])


def connect(port: int, family: int = socket.AF_INET) -> socket.socket:
    client = socket.socket(family)
    client.settimeout(10)
    client.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
    return client


def overflow(inquest: pathlib.Path, _: pathlib.Path) -> None:
    with Program(SERVER, "hold", 3, 0) as server:
        port = int(server.line())
        quiet = Watch(inquest, "tcp-accept-queue", "--port", port)
        clients = [connect(port)]
        time.sleep(0.5)
        expect(quiet.end() == "", "one connection overflows nothing")
        watch = Watch(inquest, "tcp-accept-queue", "--port", port, "--limit", 1)
        try:
            for _ in range(11):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
                clients.append(client)
            output, said = watch.process.communicate(timeout=20)
            length, limit = listening(port)
        finally:
            for client in clients:
                client.close()
        expect(watch.process.returncode == 0, f"status {watch.process.returncode}: {said}")
        found = re.fullmatch(r"\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \w+\] ACK backlog queue is overflown: (\d+) > (\d+)\n", output)
        expect(found and (int(found[1]), int(found[2])) == (length, limit) and length > limit == 3, f"{output}; ss: {length}, {limit}")


def lengths(inquest: pathlib.Path, _: pathlib.Path) -> None:
    with Program(SERVER, "hold", 20, 0) as server:
        port = int(server.line())
        watch = Watch(inquest, "--json", "tcp-accept-queue", "--port", port, "--distr")
        clients = [connect(port) for _ in range(9)]
        time.sleep(0.3)
        answer = json.loads(watch.end())
        length, limit = listening(port)
        accept, syn = answer["accept_queue"]["distribution"], answer["syn_queue"]["distribution"]
        expect((accept["count"], accept["min"], accept["max"], accept["average"]) == (9, 1, length, 5) and length == 9, f"{accept}; ss: {length}")
        expect(answer["accept_limit"] == limit == 20 and answer["sockets"] == 1 and answer["dropped"] == 0, f"{answer}; ss: {limit}")
        buckets = {row["low"]: row["count"] for row in accept["histogram"]}
        expect(buckets == {1: 1, 2: 2, 4: 4, 8: 2}, f"of 1 to 9: {buckets}")
        expect(syn["count"] == 9, f"SYN queue: {syn}")
        text_watch = Watch(inquest, "tcp-accept-queue", "--port", port, "--distr")
        clients += [connect(port) for _ in range(2)]
        time.sleep(0.3)
        text = text_watch.end()
        for wanted in (f"Accept queue length limit: {limit}\n", "=== SYN Queue ===\n", "=== Accept Queue ===\nmin/avg/max: 10/10/11\nvalue |---"):
            expect(wanted in text, f"no {wanted!r} in {text}")
        for client in clients:
            client.close()


def check_times(name: str, found: dict, low: list[int], high: list[int]) -> None:
    """Microseconds of `found` against bounds in nanoseconds of each."""
    expect(found["count"] == len(low), f"{name}: {found['count']} of {len(low)}")
    for key, choose in (("min", min), ("max", max), ("average", lambda times: sum(times) // len(times))):
        expect(choose(low) // 1000 - 1 <= found[key] <= choose(high) // 1000 + 1,
               f"{name}: {key} is {found[key]} us, measured {choose(low) // 1000} to {choose(high) // 1000}")


def accept(inquest: pathlib.Path, _: pathlib.Path) -> None:
    with Program(SERVER, "accept", 20, 0.2) as server:
        port = int(server.line())
        server.go_on()
        watch = Watch(inquest, "--json", "tcp-accept-queue", "--port", port, "--latency")
        made, clients, low, high = [], [], [], []
        for _ in range(4):
            begin = time.monotonic_ns()
            clients.append(connect(port, socket.AF_INET6))
            made.append((begin, time.monotonic_ns()))
        for begin, end in made:
            server.go_on()
            accepted = json.loads(server.line())
            low.append(accepted[0] - end)
            high.append(accepted[1] - begin)
        check_times("accept", json.loads(watch.end())["accept_latency_us"]["distribution"], low, high)
        expect(min(low) >= 200e6, f"the server was to wait: {low}")
        text_watch = Watch(inquest, "tcp-accept-queue", "--port", port, "--latency")
        clients.append(connect(port, socket.AF_INET6))
        server.go_on()
        server.line()
        text = text_watch.end()
        expect("=== Accept Queueing Latency Distribution (microsends) ===\nmin/avg/max: " in text, f"text: {text}")


def receive(inquest: pathlib.Path, _: pathlib.Path) -> None:
    with Program(SERVER, "receive", 5, 0.15) as server:
        port = int(server.line())
        client = connect(port)
        server.go_on()
        expect(server.line() == "accepted", "accept")
        watch = Watch(inquest, "--json", "tcp-recv-queue", "--dport", port)
        low, high = [], []
        for size in (1, 100, 20000, 7):
            begin = time.monotonic_ns()
            client.sendall(b"x" * size)
            end = time.monotonic_ns()
            time.sleep(0.05)
            server.go_on()
            read = json.loads(server.line())
            low.append(read[0] - end)
            high.append(read[1] - begin)
        check_times("receive", json.loads(watch.end())["receive_latency_us"]["distribution"], low, high)
        expect(min(low) >= 190e6, f"the receiver was to wait: {low}")
        text_watch = Watch(inquest, "tcp-recv-queue", "--dport", port)
        client.sendall(b"x")
        server.go_on()
        server.line()
        text = text_watch.end()
        expect("=== Distribution of First-In-First-Out Latency (us) in TCP Receive Queue ===\nmin/avg/max: " in text, f"text: {text}")
        client.close()


def usage(inquest: pathlib.Path, _: pathlib.Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        for status, text, words in [
            (2, "no -p PID", ["accessed-files", "-r"]),
            (3, "no process", ["accessed-files", "-p", "4194303"]),
            (2, "--port", ["tcp-accept-queue"]),
            (2, "--port", ["tcp-accept-queue", "--port", "70000"]),
            (2, "", ["tcp-accept-queue", "--port", "80", "--distr", "--latency"]),
            (3, "nobody listens", ["tcp-accept-queue", "--port", port, "--time", "1"]),
            (2, "--dport", ["tcp-recv-queue", "--time", "1"]),
        ]:
            done = run([inquest, *words])
            lines = done.stderr.strip().splitlines()
            expect(done.returncode == status and len(lines) == 1 and text in lines[0], f"{words}: status {done.returncode}, wanted {status}: {done.stderr}")
    for words, text in ((["accessed-files", "-p", "1", "-r"], "sys_exit"), (["tcp-accept-queue", "--port", "1"], "iterator tcp"),
                        (["tcp-recv-queue", "--dport", "1"], "sock_recv_length")):
        done = run([inquest, *words, "-d"])
        expect(done.returncode == 0 and text in done.stdout, f"{words}: a dry run: {done}")
        done = run([inquest, "--json", *words, "-d"])
        expect(json.loads(done.stdout)["dry_run"], f"{words}: a dry run as JSON: {done}")


if __name__ == "__main__":
    main(files, overflow, lengths, accept, receive, usage)
