#!/usr/bin/env python3
"""Tests the judge of broken input itself: programs that misbehave in each way it looks for must be found out."""
import pathlib
import tempfile
import unittest

import subject

MISBEHAVIOUR = {
    "crashes": ("kill -SEGV $$", "signal 11"),
    "hangs": ("sleep 30", "still running"),
    "ends with a status of its own": ("echo answer; exit 4", "exit status 4"),
    "shows a usage error": ("echo usage >&2; exit 2", "exit status 2"),
    "is stopped by a sanitizer": (f"echo '==1==ERROR: AddressSanitizer: x' >&2; exit {subject.SANITIZER_STATUS}", "a report"),
    "is stopped by a sanitizer, status 1": ("echo answer; echo 'a.cc:1: runtime error: x' >&2; exit 1", "a report"),
    "chats about what it cannot use": ("echo one >&2; echo two >&2; exit 3", "2 lines"),
    "gives up silently": ("exit 3", "0 lines"),
    "answers nothing": ("exit 0", "no answer"),
}
BEHAVIOUR = {"refuses": "echo 'one line' >&2; exit 3", "answers": "echo answer", "answers in part": "echo answer; exit 1"}


class JudgeTest(unittest.TestCase):
    def faults(self, script: str) -> list[str]:
        with tempfile.TemporaryDirectory() as work:
            return subject.run(["/bin/sh", "-c", script], pathlib.Path(work), time_limit=0.5).faults()

    def test_misbehaviour(self):
        for name, (script, expected) in MISBEHAVIOUR.items():
            with self.subTest(name):
                self.assertIn(expected, " ".join(self.faults(script)))

    def test_behaviour(self):
        for name, script in BEHAVIOUR.items():
            with self.subTest(name):
                self.assertEqual(self.faults(script), [])


if __name__ == "__main__":
    unittest.main()
