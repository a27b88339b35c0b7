"""The layout of a training set: LLaMA-Factory's sharegpt rows or pairs, and the file that tells it so."""

from collections.abc import Iterable
from typing import Any

from skymake import records

ROWS = {
    "formatting": "sharegpt",
    "columns": {"messages": "conversations", "system": "system"},
    "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "user", "assistant_tag": "assistant"},
}
PAIRS = {
    **ROWS,
    "ranking": True,
    "columns": {**ROWS["columns"], "chosen": "chosen", "rejected": "rejected"},
}


class Turn(records.Record, rename={"role": "from"}):
    """One turn of a conversation; the role is `user` or `assistant`."""

    role: str
    value: str


class Row(records.Record):
    """One training example, as published for Sky-T1: a system prompt and a conversation."""

    system: str
    conversations: list[Turn]


class Pair(records.Record):
    """One preference: a question as it was asked, the answer to learn and the answer to unlearn."""

    system: str
    conversations: list[Turn]
    chosen: Turn
    rejected: Turn


class Provenance(records.Record):
    """Where a training row comes from. row: its number in train.jsonl (0 is the first). key: of the request."""

    row: int
    set: str
    problem: str
    sample: int
    key: str
    model: str


HELD_OUT, REPEATED = "asked by a benchmark", "asked by another problem already"
LIMITED = "beyond the limit of its domain"


class Dropped(records.Record):
    """A verified trace that is no training row, and why. by: the problem that asks the same question, if any."""

    key: str
    problem: str
    sample: int
    reason: str
    by: str | None


def row(system: str, question: str, answer: str) -> Row:
    """A training example of one question and its answer."""
    return Row(system, [Turn("user", question), Turn("assistant", answer)])


def pair(system: str, question: str, chosen: str, rejected: str) -> Pair:
    """A preference between two answers to one question."""
    return Pair(system, [Turn("user", question)], Turn("assistant", chosen), Turn("assistant", rejected))


def write(train: str, info: str, rows: Iterable[Row | Pair], layout: dict[str, Any] = ROWS) -> int:
    """Write train.jsonl and the dataset_info.json that describes it as the data set `train`. Returns how many rows.

    layout: ROWS, or PAIRS when the rows are preferences.
    """
    count = records.write(train, rows)
    records.write_json(info, {"train": {"file_name": "train.jsonl", **layout}})
    return count
