"""The nano world: what is held out stays held out, and what is taught is right."""

import random
import re
from itertools import islice

import msgspec
import pytest

from skymake import boxed, decontamination, markers, mixtures, sources
from skymake.nano import corpus, published, world
from skymake.nano.world import LETTERS, OPERATIONS, THEN
from skymake.records import ChoiceCheck, MathCheck, ProgramCheck

SCHEMAS = list(published.KIND_OF)
MANY = 1500


def specification(task: world.Task) -> tuple:
    """What a task asks, in whichever words."""
    return ("program" if task.phrase else task.kind, task.numbers, task.phrase, task.then)


def questions(schema: str, split: str, count: int) -> list[str]:
    rows = published.rows(schema, split, count, seed=0)
    return [row.get("problem") or row["question"] for row in rows]


def read(schema: str, row: dict) -> sources.Adapted:
    adapter = sources.adapter(schema)
    return adapter.adapt(msgspec.convert(row, adapter.row))


def spoken(kind: str, seed: int = 0) -> list[tuple[str, str]]:
    return list(corpus.CORPORA[kind](lambda task: task.question, MANY, seed))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_benchmark_and_training_rows_share_no_question(schema):
    train, test = questions(schema, "train", 250), questions(schema, "test", 200)
    assert len({tuple(decontamination.words(question)) for question in train + test}) == len(train) + len(test)


def test_both_wordings_of_a_program_are_on_one_side():
    told = {side: set() for side in (False, True)}
    for side, found in told.items():
        for kind in ("stdin", "call"):
            found |= {specification(task) for task in islice(world.tasks(kind, "any", held_out=side), MANY)}
    assert told[False] and told[True] and not told[False] & told[True]


def asked_again(text: str) -> bool:
    """Whether a text of a corpus, or a part of it, poses a task that is held out."""
    poses = []
    for a, b in re.findall(r"(\d\d) \+ (\d\d)", text):
        poses.append(world.Task("sum", (int(a), int(b)), ""))
    if numbers := re.findall(r"^[A-D]\. (\d+)", text, re.MULTILINE):
        poses.append(world.Task("largest", tuple(map(int, numbers)), ""))
    for phrase, then, k in re.findall(r"the (\w+) of a and b (\w+) (\d+)", text):
        poses.append(world.Task("call", (int(k),), "", phrase=phrase, then=then))
    return any(task.held_out for task in poses)


@pytest.mark.parametrize("kind", corpus.CORPORA)
def test_no_corpus_and_no_drill_poses_a_held_out_task(kind):
    assert not [question for question, _ in spoken(kind) if asked_again(question)]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_search_for_held_out_tasks_finds_them(schema):
    assert all(asked_again(question) for question in questions(schema, "test", 50))
    assert not any(asked_again(question) for question in questions(schema, "train", 50))


@pytest.mark.parametrize("kind", corpus.CORPORA)
def test_a_corpus_is_a_function_of_its_seed(kind):
    assert spoken(kind) == spoken(kind)
    assert spoken(kind) != spoken(kind, seed=1)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_rows_are_a_function_of_seed_and_split_and_a_longer_source_begins_with_a_shorter(schema):
    rows = list(published.rows(schema, "train", 20, 0))
    assert list(published.rows(schema, "train", 30, 0))[:20] == rows
    assert list(published.rows(schema, "train", 20, 1)) != rows


def test_a_published_sum_becomes_its_check():
    for row in published.rows("numina", "train", 50, 0):
        a, b = map(int, re.findall(r"\d+", row["problem"]))
        assert read("numina", row).check == MathCheck(str(a + b))


def test_a_published_puzzle_becomes_the_letter_of_its_largest():
    for row in published.rows("still2", "train", 50, 0):
        check = read("still2", row).check
        assert isinstance(check, ChoiceCheck)
        assert check.options[LETTERS.index(check.answer)] == max(check.options, key=int)


@pytest.mark.parametrize(("schema", "kind"), [("taco", "stdin"), ("apps", "call")])
def test_a_published_program_becomes_the_tests_that_its_task_passes(schema, kind):
    tasks = world.distinct(kind, "train/0", False, 50)
    for task, row in zip(tasks, published.rows(schema, "train", 50, 0), strict=True):
        check = read(schema, row).check
        assert isinstance(check, ProgramCheck) and (check.entry == "f") == (kind == "call") and not check.several
        for test in check.tests:
            given = test.input if kind == "call" else map(int, test.input.split())
            assert int(test.output) == task.evaluate(*given)


def test_a_task_is_asked_in_the_words_of_its_published_row():
    for schema, kind in published.KIND_OF.items():
        task = next(world.tasks(kind, "words"))
        assert published.problem(task).question == task.question, schema


def is_right(task: world.Task, text: str) -> bool:
    """Whether a worked answer gives what its task asks; of a program, whether it states the right expression."""
    if not task.phrase:
        return boxed.boxed(text) == task.answer
    right = f"{OPERATIONS[task.phrase][0]} {THEN[task.then]} {task.numbers[0]}"
    return text.endswith(f"```python\n{world.solution(task, right)}\n```")


@pytest.mark.parametrize("kind", world.KINDS)
def test_a_worked_answer_without_a_slip_is_right_and_so_are_its_steps(kind):
    r = random.Random(0)
    for task in islice(world.tasks(kind, "worked"), 300):
        text = corpus.worked(task, r)
        assert is_right(task, text), text
        for column, total in re.findall(r"(\d(?:\+\d)+)=(\d\d)", text):
            assert sum(map(int, column.split("+"))) == int(total)


@pytest.mark.parametrize(("kind", "least"), [("sum", 0.3), ("largest", 1.0), ("stdin", 1.0), ("call", 1.0)])
def test_a_slip_is_wrong_where_its_mistake_can_be_made(kind, least):
    """A forgotten carry is no mistake in a sum that has none."""
    r, tasks = random.Random(0), list(islice(world.tasks(kind, "slips"), 300))
    wrong = sum(not is_right(task, corpus.worked(task, r, slip=1.0)) for task in tasks)
    assert wrong >= least * len(tasks)


def test_the_rewriter_is_taught_what_the_rules_would_cut():
    for untidy, tidy in spoken("rewriter"):
        assert markers.parse(tidy) == markers.split(untidy, program="```" in untidy)


def test_a_thorough_thought_goes_over_the_same_work_up_to_four_times_more():
    again = set()
    for _, answer in spoken("thorough"):
        thought, solution = markers.parse(answer)
        steps = [line.split(" ", 1)[1] for line in thought.splitlines() if re.search(r"\d", line)]
        assert len(set(steps)) == 1 and (boxed.boxed(solution) or "```python" in solution), answer
        again.add(len(steps) - 1)
    assert again == {0, 1, 2, 3, 4}


def test_batches_of_like_length_keep_every_row():
    rows = [mixtures.row("", question, answer) for question, answer in spoken("base")]
    ordered = corpus.in_batches(rows, random.Random(0))
    assert ordered != rows
    assert sorted(map(msgspec.json.encode, ordered)) == sorted(map(msgspec.json.encode, rows))
