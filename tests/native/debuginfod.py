#!/usr/bin/env python3
"""Debug files from a debuginfod server, one that behaves and others that do not.

    tests/native/debuginfod.py --inquest PROGRAM

The server is a few lines of Python on 127.0.0.1, the client is elfutils' libdebuginfod (SKIPPED where it is not installed). What
the debug file has to tell is written in the source of the program; whatever else a server sends must leave the stack as it is
without debug information, with the reason told."""
import argparse
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "scripts"))
import native_core  # noqa: E402

STATUS_UNAVAILABLE = 77
SOURCE = """int *volatile nowhere;
__attribute__((noinline)) static void dies(int n) { *nowhere = n; }
__attribute__((noinline)) static void calls(int n) { dies(n + 1); }
int main(void) { calls(41); return 0; }
"""
FRAMES = [("dies", 2), ("calls", 3), ("main", 4)]  # functions and lines of SOURCE


class Server(http.server.ThreadingHTTPServer):
    """Answers every request by `behave`, and remembers the paths."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.paths: list[str] = []
        self.behave = None
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802 (the name is the library's)
        self.server.paths.append(self.path)
        self.server.behave(self)

    def send(self, status: int, body: bytes, claimed: int | None = None) -> None:
        """`claimed`: another length than that of the body; negative: none, the end of the connection ends the file."""
        self.send_response(status)
        self.close_connection = True
        length = len(body) if claimed is None else claimed
        if length >= 0:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments) -> None:
        pass


def run(command: list, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=120, **options)


def build(work: pathlib.Path, name: str, *flags: str) -> pathlib.Path:
    """A stripped program; its debug file lies beside it as NAME.debug."""
    (work / f"{name}.c").write_text(SOURCE)
    for command in (["gcc", "-g", "-O0", "-Wl,--build-id", *flags, f"{name}.c", "-o", name],
                    ["objcopy", "--only-keep-debug", name, f"{name}.debug"], ["strip", name]):
        done = run(command, cwd=work)
        if done.returncode != 0:
            sys.exit(f"{command}: {done.stderr}")
    return work / name


def build_id(program: pathlib.Path) -> str:
    return re.search(r"Build ID: ([0-9a-f]+)", run(["readelf", "-n", program]).stdout)[1]


class Subject:
    def __init__(self, inquest: str, work: pathlib.Path) -> None:
        self.inquest, self.work, self.server = inquest, work, Server()
        self.program = build(work, "program")
        self.other = build(work, "other", "-DOTHER", "-O1")
        self.core = work / "core"
        native_core.make([self.program], self.core)
        self.debug = (work / "program.debug").read_bytes()
        self.count = 0

    def ask(self, *words: str, url: str = "", asked: bool = True) -> dict:
        """What the command says in JSON, with an empty cache of the client."""
        self.count += 1
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        environment |= {"DEBUGINFOD_URLS": url or f"http://127.0.0.1:{self.server.server_port}", "DEBUGINFOD_TIMEOUT": "10",
                        "DEBUGINFOD_CACHE_PATH": str(self.work / f"cache-{self.count}"), "LC_ALL": "C"}
        done = run([self.inquest, "--json", *(["--debuginfod"] if asked else []), "-c", self.core, *words], env=environment)
        if done.returncode not in (0, 1):
            sys.exit(f"status {done.returncode}: {done.stderr[-500:]}")
        return json.loads(done.stdout)

    def frames(self, **options) -> list[tuple[str, int]]:
        thread = self.ask("bt", **options)["threads"][0]
        if not thread["complete"] or len(thread["frames"]) < 5:
            sys.exit(f"the stack ends early: {thread}")
        return [(frame.get("function", "??"), frame.get("line", 0)) for frame in thread["frames"][:3]]

    def outcome(self, **options) -> dict:
        """Of the program in check-debug-info: its status, and what came of asking."""
        modules = self.ask("check-debug-info", **options)["modules"]
        module = next(one for one in modules if one["path"] == str(self.program))
        attempts = {one["path"]: one["outcome"] for one in module["attempts"]}
        return {"status": module["status"], "all": " | ".join(f"{path}: {outcome}" for path, outcome in attempts.items())}

    def check_good(self) -> None:
        self.server.behave = lambda request: request.send(200, self.debug) if build_id(self.program) in request.path else request.send(404, b"")
        if self.frames() != FRAMES:
            sys.exit(f"good server: {self.frames()} instead of {FRAMES}")
        if f"/buildid/{build_id(self.program)}/debuginfo" not in self.server.paths:
            sys.exit(f"asked for {self.server.paths}")
        found = self.outcome()
        if "debuginfod" not in json.dumps(self.ask("check-debug-info")) or found["status"] != "full":
            sys.exit(f"good server: {found}")
        self.server.paths.clear()
        if self.frames(asked=False) == FRAMES or self.server.paths:
            sys.exit(f"asked without --debuginfod: {self.server.paths}")

    def check_bad(self, name: str, behave, wanted: str, url: str = "") -> None:
        """The stack is as without debug information, and the reason is told."""
        self.server.behave = behave
        frames, found = self.frames(url=url), self.outcome(url=url)
        if any(line for _, line in frames) or any(function not in ("??", "") for function, _ in frames):
            sys.exit(f"{name}: {frames}")
        if found["status"] != "none" or not re.search(wanted, found["all"]):
            sys.exit(f"{name}: {found}, wanted {wanted}")
        print(f"{name}: {found['all'].split(' | ', 2)[-1]}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--inquest", required=True)
    inquest = str(pathlib.Path(parser.parse_args().inquest).resolve())
    with tempfile.TemporaryDirectory(prefix="inquest-debuginfod-") as folder:
        work = pathlib.Path(folder).resolve()
        try:
            subject = Subject(inquest, work)
        except native_core.NoCore as reason:
            print(reason)
            return STATUS_UNAVAILABLE
        subject.server.behave = lambda request: request.send(404, b"")
        if "is not installed" in subject.outcome()["all"]:
            print("apt-get install libdebuginfod1")
            return STATUS_UNAVAILABLE
        half, other = subject.debug[:len(subject.debug) // 2], (work / "other.debug").read_bytes()
        subject.check_good()
        subject.check_bad("404", lambda request: request.send(404, b"no such file"), "debuginfod: no server sent it")
        subject.check_bad("an error of the server", lambda request: request.send(500, b""), "debuginfod: .")
        subject.check_bad("another build-id", lambda request: request.send(200, other), "another build|build-id")
        subject.check_bad("a download that breaks off", lambda request: request.send(200, half, len(subject.debug)), "debuginfod: .|cut")
        subject.check_bad("half of the file as if it were whole", lambda request: request.send(200, half, -1), "cut short|damaged|not an|debuginfod: .")
        subject.check_bad("no ELF file", lambda request: request.send(200, b"<html>sign in</html>"), "not an? .*ELF|debuginfod: .")
        subject.check_bad("an empty file", lambda request: request.send(200, b""), "ELF|empty|debuginfod: .")
        subject.server.shutdown()
        subject.server.server_close()
        subject.check_bad("no server", None, "debuginfod: .")
    print("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
