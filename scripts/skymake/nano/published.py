"""Tasks of the nano world as rows in the schemas in which such problems are published.

math as in NuminaMath-CoT, stdin programs as in TACO, call-based programs as in APPS, puzzles as in STILL-2.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from skymake import markers, sources
from skymake.nano import world
from skymake.records import Origin, Problem

KIND_OF = {"numina": "sum", "taco": "stdin", "apps": "call", "still2": "largest"}


def rows(schema: str, split: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` different rows of a published schema. split: `train`, or `test` for a benchmark (held-out tasks)."""
    chosen = world.distinct(KIND_OF[schema], f"{split}/{seed}", split == "test", count)
    for number, task in enumerate(chosen):
        yield WRITE[schema](task, number)


def problem(task: world.Task) -> Problem:
    """A task as the problem that the workflow makes of its published row."""
    schema = next(schema for schema, kind in KIND_OF.items() if kind == task.kind)
    adapter = sources.adapter(schema)
    adapted = adapter.adapt(msgspec.convert(WRITE[schema](task, 0), adapter.row))
    return Problem("", "", adapted.domain, adapted.question, adapted.check, None, Origin("nano", "", 0))


def _numina(task: world.Task, number: int) -> dict[str, Any]:
    a, b = task.numbers
    answer = f"Adding, ${a} + {b} = \\boxed{{{task.answer}}}$."
    messages = [{"content": task.question, "role": "user"}, {"content": answer, "role": "assistant"}]
    return {"source": "nano", "problem": task.question, "solution": answer, "messages": messages}


def _pairs(number: int) -> list[tuple[int, int]]:
    """Four argument pairs, unequal so that maximum, minimum and the order of a difference matter."""
    r, found = random.Random(number), []
    while len(found) < 4:
        a, b = r.randrange(-20, 60), r.randrange(-20, 60)
        if a != b:
            found.append((a, b))
    return found


def _taco(task: world.Task, number: int) -> dict[str, Any]:
    pairs = _pairs(number)
    tests = {
        "inputs": [f"{a} {b}\n" for a, b in pairs],
        "outputs": [f"{task.evaluate(a, b)}\n" for a, b in pairs],
    }
    return {
        "question": task.question,
        "solutions": json.dumps([world.solution(task)]),
        "starter_code": "",
        "input_output": json.dumps(tests),
        "difficulty": "EASY",
        "raw_tags": "[]",
        "name": None,
        "source": "nano",
        "tags": "[]",
        "skill_types": "[]",
        "url": None,
        "Expected Auxiliary Space": None,
        "time_limit": "2 seconds",
        "date": None,
        "picture_num": None,
        "memory_limit": None,
        "Expected Time Complexity": None,
    }


def _apps(task: world.Task, number: int) -> dict[str, Any]:
    pairs = _pairs(number)
    tests = {
        "fn_name": "f",
        "inputs": [[a, b] for a, b in pairs],
        "outputs": [[task.evaluate(a, b)] for a, b in pairs],
    }
    return {
        "problem_id": number,
        "question": task.question,
        "solutions": json.dumps([world.solution(task)]),
        "input_output": json.dumps(tests),
        "difficulty": "introductory",
        "url": "",
        "starter_code": "",
    }


def _still2(task: world.Task, number: int) -> dict[str, Any]:
    thought = f"The largest of {', '.join(map(str, task.numbers))} is {max(task.numbers)}."
    text = markers.join(thought, f"The answer is \\boxed{{{task.answer}}}.")
    return {"question": task.question, "combined_text": text, "domain": "puzzle"}


WRITE = {"numina": _numina, "taco": _taco, "apps": _apps, "still2": _still2}
