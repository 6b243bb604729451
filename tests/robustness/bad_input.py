#!/usr/bin/env python3
"""Input that cannot be used, and input that is odd but fine: bad_input.py [unittest options], program in $INQUEST.

What cannot be used ends with status 3 and exactly one line on stderr, wrong usage with status 2 and nothing on stdout.
"""
import gzip
import json
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import subject

VERSION = "20.20.2"
ET_CORE, EM_X86_64, EM_386, EM_AARCH64 = 4, 62, 3, 183
NOBODY = 65534


def elf_header(elf_class=2, data=1, kind=ET_CORE, machine=EM_X86_64, segments=0) -> bytes:
    """An ELF header with so many program headers promised right behind it."""
    order = "<" if data == 1 else ">"
    identification = b"\x7fELF" + bytes([elf_class, data, 1]) + bytes(9)
    if elf_class == 1:
        return identification + struct.pack(order + "HHIIIIIHHHHHH", kind, machine, 1, 0, 52, 0, 0, 52, 32, segments, 0, 0, 0)
    return identification + struct.pack(order + "HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, segments, 0, 0, 0)


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.inquest = str(pathlib.Path(os.environ["INQUEST"]).resolve())
        cls.directory = subject.make_core("uncaught", VERSION)
        cls.core = cls.directory / "core"
        cls.node = pathlib.Path(json.loads((cls.directory / "truth.json").read_text())["exe"])

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="inquest-bad-")
        self.addCleanup(temporary.cleanup)
        self.work = pathlib.Path(temporary.name)
        self.work.chmod(0o755)

    def file(self, content: bytes) -> pathlib.Path:
        path = self.work / "input"
        path.write_bytes(content)
        return path

    def run_on(self, core, *words: str, prefix=()) -> subject.Outcome:
        outcome = subject.run([*prefix, self.inquest, "-c", str(core), *(words or ("v8", "info"))], self.work)
        self.assertFalse(outcome.timed_out)
        self.assertIsNone(subject.REPORT.search(outcome.err), outcome.err)
        return outcome

    def assert_unusable(self, core, *words: str, prefix=()) -> str:
        """Status 3, one line, nothing on stdout; returns the line."""
        outcome = self.run_on(core, *words, prefix=prefix)
        self.assertEqual(outcome.status, 3, outcome.out + outcome.err)
        self.assertEqual(len(outcome.err.strip().splitlines()), 1, outcome.err)
        self.assertEqual(outcome.out, "")
        return outcome.err

    def assert_usage(self, *words: str) -> None:
        outcome = subject.run([self.inquest, *words], self.work)
        self.assertEqual(outcome.status, 2, outcome.err)
        self.assertEqual(outcome.out, "")
        self.assertTrue(outcome.err.strip())

    def test_no_such_file(self):
        self.assertIn("input", self.assert_unusable(self.work / "input"))

    def test_directory(self):
        self.assert_unusable(self.work)

    def test_device(self):
        self.assert_unusable("/dev/null")

    def test_fifo(self):
        os.mkfifo(self.work / "fifo")
        self.assert_unusable(self.work / "fifo")

    def test_empty_file(self):
        self.assert_unusable(self.file(b""))

    def test_text_file(self):
        self.assert_unusable(self.file(b"this is no core\n" * 1000))

    def test_json_file(self):
        self.assert_unusable(self.file(b'{"schema": 1, "command": "v8 findjsobjects", "rows": []}'))

    def test_executable_as_core(self):
        self.assert_unusable(self.node)

    def test_32_bit_core(self):
        line = self.assert_unusable(self.file(elf_header(elf_class=1, machine=EM_386) + bytes(4096)))
        self.assertIn("32", line)

    def test_big_endian_core(self):
        self.assert_unusable(self.file(elf_header(data=2) + bytes(4096)))

    def test_core_of_another_machine(self):
        self.assert_unusable(self.file(elf_header(machine=EM_AARCH64) + bytes(4096)))

    def test_core_without_segments(self):
        self.assert_unusable(self.file(elf_header()))

    def test_core_that_promises_too_many_segments(self):
        self.assert_unusable(self.file(elf_header(segments=0xFFFF)))

    def test_broken_gzip(self):
        self.assert_unusable(self.file(gzip.compress(os.urandom(100000))[:50000]))

    def test_gzip_of_text(self):
        self.assert_unusable(self.file(gzip.compress(b"no core" * 1000)))

    def test_no_permission(self):
        core = self.file(b"secret")
        core.chmod(0)
        if os.geteuid() != 0:
            self.assert_unusable(core)
            return
        if not shutil.which("setpriv"):
            self.skipTest("setpriv is needed to be somebody else")
        program = self.work / "inquest"  # nobody may not be allowed to reach the build tree
        shutil.copy(self.inquest, program)
        self.inquest = str(program)
        self.assert_unusable(core, prefix=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"))

    def test_core_of_a_program_that_is_not_node(self):
        (self.work / "stop.c").write_text("#include <stdlib.h>\nint main(void) { abort(); }\n")
        subprocess.run(["cc", "-o", self.work / "stop", self.work / "stop.c"], check=True)
        subprocess.run([self.work / "stop"], cwd=self.work,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1)))
        core = next(self.work.glob("core*"), None)
        if core is None:
            core = self.work / "core"
            subprocess.run(["gdb", "-nx", "-batch", "-ex", "run", "-ex", f"generate-core-file {core}", self.work / "stop"],
                           cwd=self.work, capture_output=True)
        self.assertIn("Node", self.assert_unusable(core))
        self.assert_unusable(core, "v8", "findjsobjects")

    def test_wrong_executable(self):
        self.assert_unusable(self.core, "--exe", "/bin/true", "v8", "findjsobjects")

    def test_missing_executable(self):
        self.assert_unusable(self.core, "--exe", str(self.work / "none"), "v8", "findjsobjects")

    def test_text_file_as_executable(self):
        self.assert_unusable(self.core, "--exe", str(self.file(b"text")), "v8", "findjsobjects")

    def test_executable_that_is_gone(self):
        """The core of a program that was removed: --exe brings the answer back."""
        node = self.work / "node"
        shutil.copy(self.node, node)
        gone = self.work / "gone"
        done = subprocess.run([subject.REPOSITORY / "scripts" / "make_core", "uncaught", node, "--out", gone])
        self.assertEqual(done.returncode, 0)
        node.unlink()
        without = self.run_on(gone / "core", "v8", "findjsobjects")
        self.assertIn(without.status, (1, 3), without.err)
        self.assertIn("--exe", without.err + without.out)
        again = self.run_on(gone / "core", "--exe", str(self.node), "v8", "findjsobjects")
        self.assertEqual(again.status, 0, again.err)
        self.assertIn(" 700 ", again.out)

    def test_truncated_core_says_so(self):
        copy = self.work / "core"
        subject.sparse_copy(self.core, copy)
        os.truncate(copy, copy.stat().st_size // 2)
        outcome = self.run_on(copy, "v8", "info")
        self.assertIn(outcome.status, (1, 3))
        self.assertRegex(outcome.out + outcome.err, "truncated|cut|missing")

    def test_diff_with_something_unusable(self):
        self.assert_unusable(self.core, "v8", "diff", str(self.work / "none"))
        self.assert_unusable(self.core, "v8", "diff", str(self.file(b"{}")))

    def test_usage(self):
        self.assert_usage("--nonsense")
        self.assert_usage("-c")
        for words in (["v8", "nonsense"], ["nonsense"], ["v8"], ["v8", "findjsobjects", "--all", "--dead"], ["v8", "findjsinstances"],
                      ["v8", "findjsobjects", "--sort", "colour"], ["v8", "findjsobjects", "--top", "many"],
                      ["v8", "findjsobjects", "--filter", "("], ["v8", "diff"]):
            with self.subTest(words=words):
                self.assert_usage("-c", str(self.core), *words)

    def test_compressed_core(self):
        plain = self.run_on(self.core, "v8", "findjsobjects", "--all")
        self.assertEqual(plain.status, 0, plain.err)
        for tool in (["gzip", "-1", "-c"], ["zstd", "-1", "-q", "-c"], ["lz4", "-1", "-q", "-c"]):
            if not shutil.which(tool[0]):
                continue
            with self.subTest(tool=tool[0]):
                packed = self.work / "packed"
                with open(packed, "wb") as file:
                    subprocess.run([*tool, self.core], stdout=file, check=True)
                outcome = self.run_on(packed, "v8", "findjsobjects", "--all")
                self.assertEqual((outcome.status, outcome.out), (0, plain.out), outcome.err)

    def test_reader_that_goes_away(self):
        process = subprocess.Popen([self.inquest, "-c", str(self.core), "v8", "findjsobjects", "--all", "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertIn(process.wait(), (0, 1))


if __name__ == "__main__":
    try:
        subject.make_core("uncaught", VERSION)
    except subject.Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(subject.STATUS_UNAVAILABLE)
    unittest.main()
