#!/usr/bin/env python3
"""The judge of variants.py must find every single difference: each change to a right answer has to be reported."""
import copy
import dataclasses
import pathlib
import unittest

import build_variant
import peers
import variants
from stacks import Frame, TrueThread, aligned, base, same_function, score, simple

DIRECTORY = pathlib.Path("/src")
VARIANT = build_variant.Variant()


def frame(function: str, line: int, inlined: bool = False, pc: int = 0, file: str = "/src/t.cc") -> Frame:
    return Frame(function, file, line, inlined, pc)


TRUTH = [
    TrueThread("crash", 1, True, (frame("shapes::poke", 5, True), frame("shapes::Probe::touch", 9), frame("operator()", 12, True),
                                  frame("shapes::visit", 15), frame("run", 20))),
    TrueThread("jit", 2, False, (frame("wait_below", 30), frame("threads::jit_thread", 40))),
]


def right_answer() -> peers.Answer:
    return peers.Answer({
        1: [frame("shapes::poke", 5, True, 0x10), frame("shapes::Probe<double>::touch", 9, False, 0x10),
            frame("std::invoke<int>", 99, True, 0x20, "/usr/include/functional"),
            frame("shapes::(anonymous namespace)::paint(int)::{lambda(int)#1}::operator()(int) const", 12, True, 0x20),
            frame("int shapes::visit<shapes::paint(int)::{lambda(int)#1}>(int)", 15, False, 0x20), frame("run", 20, False, 0x30),
            Frame("clone3", "", 0, False, 0x40)],
        2: [frame("wait_below", 30, False, 0x50), Frame("", "", 0, False, 0x60), frame("threads::jit_thread", 40, False, 0x70)],
    }, 0, "")


REFERENCE = {tid: [told for told in frames if not told.inlined] for tid, frames in right_answer().stacks.items()}


def judged(answer: peers.Answer, **variant) -> list[str]:
    return variants.judge(dataclasses.replace(VARIANT, **variant), DIRECTORY, TRUTH, answer, REFERENCE)


class Judge(unittest.TestCase):
    def test_right_answer(self):
        self.assertEqual(judged(right_answer()), [])

    def test_every_changed_frame(self):
        for tid, index in ((tid, index) for tid, frames in right_answer().stacks.items() for index in range(len(frames))):
            told = right_answer().stacks[tid][index]
            if not told.file.startswith("/src/"):
                continue
            for change in ({"line": told.line + 1}, {"file": "/src/other.cc"}, {"function": "shapes::other"}, {"inlined": not told.inlined}):
                answer = right_answer()
                answer.stacks[tid][index] = dataclasses.replace(told, **change)
                self.assertNotEqual(judged(answer), [], (told, change))

    def test_every_missing_and_repeated_frame(self):
        for tid, index in ((tid, index) for tid, frames in right_answer().stacks.items() for index in range(len(frames))):
            told = right_answer().stacks[tid][index]
            if not told.file.startswith("/usr/") and told.function:
                answer = right_answer()
                del answer.stacks[tid][index]
                self.assertNotEqual(judged(answer), [], told)
                answer = right_answer()
                answer.stacks[tid].insert(index, told)
                self.assertNotEqual(judged(answer), [], told)

    def test_missing_thread_and_status(self):
        answer = right_answer()
        del answer.stacks[2]
        self.assertNotEqual(judged(answer), [])
        self.assertNotEqual(judged(dataclasses.replace(right_answer(), status=3)), [])

    def test_note(self):
        answer = dataclasses.replace(right_answer(), notes=["inlined functions are unknown: /src/t.dwo is missing"])
        self.assertEqual(judged(answer, note=r"\.dwo"), [])
        self.assertNotEqual(judged(answer, note="CRC"), [])

    def test_lines(self):
        answer = right_answer()
        answer.stacks[1] = [told for told in answer.stacks[1] if not told.inlined]
        answer.stacks[1][0] = dataclasses.replace(answer.stacks[1][0], line=5)  # of the function inlined there
        self.assertEqual(judged(answer, tells="lines"), [])
        self.assertNotEqual(judged(answer), [])
        changed = copy.deepcopy(answer)
        changed.stacks[1][0] = dataclasses.replace(answer.stacks[1][0], line=6)
        self.assertNotEqual(judged(changed, tells="lines"), [])

    def test_none(self):
        answer = right_answer()
        self.assertNotEqual(judged(answer, tells="none"), [])
        answer.stacks = {tid: [dataclasses.replace(told, function=told.function if told.function == "clone3" else "", file="", line=0)
                               for told in frames if not told.inlined] for tid, frames in answer.stacks.items()}
        self.assertEqual(judged(answer, tells="none"), [])


class Names(unittest.TestCase):
    def test_simple(self):
        for name, expected in (
                ("shapes::Probe<double>::touch(int)", "shapes::Probe::touch"),
                ("int shapes::visit<shapes::Circle::draw(std::vector<int> const&)::{lambda(int)#1}>(std::vector<int> const&)", "shapes::visit"),
                ("threads::(anonymous namespace)::wait_below()", "threads::wait_below"),
                ("descend(shapes::Shape&, int) [clone .constprop.0]", "descend"), ("stumble.constprop.0", "stumble"),
                ("std::function<int (shapes::Shape&)>::operator()(shapes::Shape&) const", "std::function::operator()")):
            self.assertEqual(simple(name), expected)
        for lambda_name in ("shapes::Painter::paint(int)::{lambda(shapes::Shape&)#1}::operator()(shapes::Shape&) const", "operator()",
                            "shapes::Painter::paint(int)::<lambda(shapes::Shape&)>::operator()", "shapes::<lambda(int)>::operator()(int)"):
            self.assertEqual(base(lambda_name), "operator()")
        self.assertTrue(same_function("shapes::Circle::draw", "shapes::Circle::draw(std::vector<int> const&)"))
        self.assertFalse(same_function("shapes::Circle::draw", "draw"))


class Scores(unittest.TestCase):
    def test_counts(self):
        self.assertEqual(str(score(TRUTH, right_answer().stacks)), "7 / 7 / 1")

    def test_order_matters(self):
        truth = (frame("a", 1), frame("b", 2))
        self.assertEqual(aligned(truth, [frame("b", 2), frame("a", 1)]), (1, 1))
        self.assertEqual(aligned(truth, [frame("a", 1), frame("x", 3), frame("b", 9)]), (2, 1))


if __name__ == "__main__":
    unittest.main()
