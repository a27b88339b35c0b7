"""The tasks of the nano world: sums, small programs and comparisons, each drawn from a seeded generator.

A task holds what the corpus needs to work it out. Some specifications are held out: benchmarks draw from those alone,
and nothing else ever does, so that no benchmark problem is in a training set, a corpus or a drill.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["sum", "stdin", "call", "largest"]
KINDS: tuple[Kind, ...] = ("sum", "stdin", "call", "largest")
LETTERS = "ABCD"

# phrase -> (the expression, the mistake it invites)
OPERATIONS = {
    "sum": ("(a + b)", "(a - b)"),
    "difference": ("(a - b)", "(b - a)"),
    "product": ("(a * b)", "(a + b)"),
    "maximum": ("max(a, b)", "min(a, b)"),
    "minimum": ("min(a, b)", "max(a, b)"),
}
COMPUTE = {
    "sum": lambda a, b: a + b,
    "difference": lambda a, b: a - b,
    "product": lambda a, b: a * b,
    "maximum": max,
    "minimum": min,
}
THEN = {"plus": "+", "minus": "-", "times": "*"}
APPLY = {"plus": lambda x, k: x + k, "minus": lambda x, k: x - k, "times": lambda x, k: x * k}


@dataclass(frozen=True)
class Task:
    """One task: its kind, its numbers (sum: a, b; largest: the four options; programs: k) and, for programs, the words.

    phrase, then: keys of OPERATIONS and THEN. question: what is asked. answer: the number, or the letter.
    """

    kind: Kind
    numbers: tuple[int, ...]
    question: str
    answer: str = ""
    phrase: str = ""
    then: str = ""

    @property
    def held_out(self) -> bool:
        """Whether only benchmarks may use it: the same for both wordings of a program."""
        kind = "program" if self.phrase else self.kind
        digest = hashlib.sha256(repr((kind, self.numbers, self.phrase, self.then)).encode()).digest()
        return digest[0] < 64

    def evaluate(self, a: int, b: int) -> int:
        """What the program of this task gives for a and b."""
        return APPLY[self.then](COMPUTE[self.phrase](a, b), self.numbers[0])


def draw(kind: Kind, r: random.Random) -> Task:
    """A random task of a kind, held out or not."""
    if kind == "sum":
        a, b = r.randrange(10, 100), r.randrange(10, 100)
        return Task(kind, (a, b), f"What is {a} + {b}?", str(a + b))
    if kind == "largest":
        numbers = tuple(10 * tens + r.randrange(10) for tens in r.sample(range(1, 10), 4))  # the tens digit decides
        options = "".join(f"\n{letter}. {number}" for letter, number in zip(LETTERS, numbers, strict=True))
        return Task(kind, numbers, f"Which number is the largest?{options}", LETTERS[numbers.index(max(numbers))])
    phrase, then, k = r.choice(list(OPERATIONS)), r.choice(list(THEN)), r.randrange(10, 100)
    what = f"the {phrase} of a and b {then} {k}"
    asked = f"Read integers a and b. Print {what}." if kind == "stdin" else f"Write f(a, b). Return {what}."
    return Task(kind, (k,), asked, phrase=phrase, then=then)


def tasks(kind: Kind, seed: str, held_out: bool = False) -> Iterator[Task]:
    """Random tasks of a kind without end, all held out or none; a task may come twice."""
    r = random.Random(f"{kind}/{seed}")
    while True:
        task = draw(kind, r)
        if task.held_out == held_out:
            yield task


def distinct(kind: Kind, seed: str, held_out: bool, count: int) -> list[Task]:
    """`count` different tasks of a kind."""
    found: dict[Task, None] = {}
    for task in tasks(kind, seed, held_out):
        found[task] = None
        if len(found) == count:
            return list(found)
    raise AssertionError("tasks() has no end")


def solution(task: Task, expression: str | None = None) -> str:
    """A program for a task of kind stdin or call; `expression` replaces the right one."""
    expression = expression or f"{OPERATIONS[task.phrase][0]} {THEN[task.then]} {task.numbers[0]}"
    if task.kind == "stdin":
        return f"def f():\n    a, b = map(int, input().split())\n    print({expression})\nf()"
    return f"def f(a, b):\n    return {expression}"
