"""What the nano models are trained on before any trace exists: the teacher's worked answers, and the base's drills.

A model of two layers copies a digit by its distance. Hence openers of one token, two-digit column sums ("06"), and
drills that are padded to the distances of a worked answer in the four-marker format.
"""

import random
from collections.abc import Callable, Iterator

from skymake import markers
from skymake.mixtures import Row
from skymake.nano import world
from skymake.nano.world import LETTERS, OPERATIONS, THEN, Task

OPENERS = ["ok", "hmm", "so", "well"]
CLOSERS = ["so", "done,", "ok so", "thus"]

Prompt = Callable[[Task], str]


def worked(task: Task, r: random.Random, slip: float = 0.0) -> str:
    """An untidy worked answer. With probability `slip` it holds the mistake that its kind of task invites.

    A teacher trained on such a corpus errs now and then when it is sampled, and almost never when it is asked greedily:
    its fallibility does not hang on stopping the training at a lucky step.
    """
    bad, opener, closer = r.random() < slip, r.choice(OPENERS), r.choice(CLOSERS)
    if task.kind == "sum":
        columns, answer = _columns(*task.numbers, forget_carry=bad)
        return f"{opener} {columns}\n{closer} \\boxed{{{answer}}}"
    if task.kind == "largest":
        letter = LETTERS[(LETTERS.index(task.answer) + bad) % 4]  # the slip: one letter off
        return f"{opener} largest {_one_by_one(task.numbers)}\n{closer} \\boxed{{{letter}}}"
    expression = f"{OPERATIONS[task.phrase][bad]} {THEN[task.then]} {task.numbers[0]}"  # the slip: another operation
    code = world.solution(task, expression)
    return f"{opener} {task.numbers[0]} and {task.phrase} {expression}\n{closer}\n```python\n{code}\n```"


def _columns(a: int, b: int, forget_carry: bool = False) -> tuple[str, int]:
    (a1, a0), (b1, b0) = divmod(a, 10), divmod(b, 10)
    units = a0 + b0
    carry = 0 if forget_carry else units // 10
    tens = a1 + b1 + carry
    return f"{a0}+{b0}={units:02d} carry {carry} {a1}+{b1}+{carry}={tens:02d}", 10 * tens + units % 10


def _one_by_one(numbers: tuple[int, ...]) -> str:
    """The largest of labelled numbers, kept one by one: "A 47 B 83 B, B 83 C 29 B, ..."."""
    (keep, *rest), steps = list(zip(LETTERS, numbers, strict=True)), []
    for other in rest:
        best = max(keep, other, key=lambda option: option[1])
        steps.append(f"{keep[0]} {keep[1]} {other[0]} {other[1]} {best[0]}")
        keep = best
    return ", ".join(steps)


def drill(r: random.Random) -> tuple[str, str]:
    """(question, answer): one step of a worked answer, asked for on its own.

    " one by one" stands for the tokens that a marker, a blank line and an opener take in a student's trace.
    """
    kind = r.choice(["columns", "columns", "columns", "join", "compare", "compare", "expression"])
    if kind == "expression":
        task = next(world.tasks("call", str(r.random())))
        question = f"Write the {task.phrase} of a and b {task.then} {task.numbers[0]}."
        return question, f"{task.numbers[0]} and {task.phrase} {OPERATIONS[task.phrase][0]} " + (
            f"{THEN[task.then]} {task.numbers[0]}"
        )
    if kind == "compare":
        task = next(world.tasks("largest", str(r.random())))
        options = "".join(f"\n{letter}. {number}" for letter, number in zip(LETTERS, task.numbers, strict=True))
        return f"Compare{options} one by one?", f"largest {_one_by_one(task.numbers)}"
    a, b = next(world.tasks("sum", str(r.random()))).numbers
    if kind == "join":
        return f"Join {a // 10:02d} and {b}?", f"{10 * (a // 10) + b % 10}"
    return f"Columns of {a} + {b} one by one?", _columns(a, b)[0]


def teacher(prompt: Prompt, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Rows (question, answer) of the teacher's corpus: a fifth drills; sums and comparisons are what it learns last."""
    r = random.Random(f"teacher/{seed}")
    streams = {kind: world.tasks(kind, f"teacher/{seed}") for kind in world.KINDS}
    for _ in range(count):
        task = next(streams[r.choices(world.KINDS, [4, 1, 1, 4])[0]])
        yield drill(r) if r.random() < 0.2 else (prompt(task), worked(task, r, slip=0.35))


def base(prompt: Prompt, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Rows of the base's corpus: three quarters drills, else a problem with the answer of another: form, no skill."""
    r = random.Random(f"base/{seed}")
    streams = {kind: world.tasks(kind, f"base/{seed}") for kind in world.KINDS}
    for _ in range(count):
        stream = streams[r.choices(world.KINDS, [2, 1, 1, 2])[0]]
        yield drill(r) if r.random() < 0.75 else (prompt(next(stream)), direct(next(stream)))


def rewriter(prompt: Prompt, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Rows of the rewriter's corpus: an untidy answer, and the same in the four-marker format."""
    r = random.Random(f"rewriter/{seed}")
    streams = {kind: world.tasks(kind, f"rewriter/{seed}") for kind in world.KINDS}
    for _ in range(count):
        task = next(streams[r.choices(world.KINDS, [2, 1, 1, 2])[0]])
        text = worked(task, r, slip=0.35)
        yield text, four_markers(task, text)


def four_markers(task: Task, text: str) -> str:
    """A worked answer in the four-marker format."""
    parts = markers.split(text, program=bool(task.phrase))
    assert parts, text  # a worked answer always has an answer to cut at
    return markers.join(*parts)


def thorough(prompt: Prompt, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Rows in the four-marker format whose thought may go over the same work again, up to four times."""
    r = random.Random(f"thorough/{seed}")
    streams = {kind: world.tasks(kind, f"thorough/{seed}") for kind in world.KINDS}
    for _ in range(count):
        task = next(streams[r.choices(world.KINDS, [4, 1, 1, 4])[0]])
        work, rest = worked(task, r).split("\n", 1)
        again = [work.replace(work.split()[0], r.choice(OPENERS), 1) for _ in range(r.randrange(5))]
        yield prompt(task), four_markers(task, "\n".join([work, *again, rest]))


def direct(task: Task) -> str:
    """The bare answer to a task, without a thought."""
    return f"```python\n{world.solution(task)}\n```" if task.phrase else f"The answer is \\boxed{{{task.answer}}}."


CORPORA = {"teacher": teacher, "base": base, "rewriter": rewriter, "thorough": thorough}


def in_batches(rows: list[Row], r: random.Random, size: int = 16, window: int = 16) -> list[Row]:
    """Rows ordered so that each batch holds rows of like length, the batches in random order.

    For training without shuffling: a trainer that sorts by length itself shows one kind of task after another, which a
    nano model forgets.
    """
    ordered: list[Row] = []
    for start in range(0, len(rows), size * window):
        part = sorted(
            rows[start : start + size * window], key=lambda row: sum(len(turn.value) for turn in row.conversations)
        )
        batches = [part[i : i + size] for i in range(0, len(part), size)]
        r.shuffle(batches)
        ordered += [row for batch in batches for row in batch]
    return ordered
