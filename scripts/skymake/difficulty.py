"""How hard a problem is: published labels, joined by question, and a model's reply to the request for one."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from skymake import records
from skymake.records import RecordError

HARDEST = 10.0
_RATING = re.compile(r"\[\[\s*(\d+(?:\.\d+)?)\s*\]\]")
_LEVEL = re.compile(r"(?:Level )?(\d+(?:\.\d+)?)")


class Rating(records.Record):
    """What a model says of a problem; `difficulty` is None where its reply does not give one rating on the scale."""

    problem: str
    question: str
    difficulty: float | None


class Labels:
    """Difficulties by question. Questions that differ in blank space alone are the same."""

    def __init__(self) -> None:
        self._difficulty: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._difficulty)

    def add(self, question: str, difficulty: float) -> None:
        self._difficulty[_digest(question)] = difficulty

    def of(self, question: str) -> float | None:
        """The difficulty of a question, None when it has no label."""
        return self._difficulty.get(_digest(question))


def read(paths: Iterable[str], question: str, difficulty: str) -> Labels:
    """The labels in two columns of JSONL files. A row whose label says nothing (-1, `Level ?`, null) has none."""
    labels = Labels()
    for path in paths:
        for number, row in enumerate(records.read(path, dict[str, Any]), start=1):
            for column in (question, difficulty):
                if column not in row:
                    raise RecordError(f"{path}:{number}: no column {column!r}")
            if not isinstance(row[question], str):
                raise RecordError(f"{path}:{number}: the column {question!r} is not text")
            if (known := published(row[difficulty])) is not None:
                labels.add(row[question], known)
    return labels


def published(label: Any) -> float | None:
    """A published label as a number: a number, or text such as `Level 5`; None when it says nothing."""
    if isinstance(label, int | float):
        return float(label) if label >= 0 else None
    level = _LEVEL.fullmatch(label) if isinstance(label, str) else None
    return float(level[1]) if level else None


def rating(reply: str) -> float | None:
    """The one rating that a reply gives in double brackets, 0 to 10; None when it gives none, several, or another."""
    ratings = {float(found) for found in _RATING.findall(reply)}
    if len(ratings) != 1 or max(ratings) > HARDEST:
        return None
    return ratings.pop()


def _digest(question: str) -> bytes:
    return hashlib.blake2b(" ".join(question.split()).encode(), digest_size=16).digest()
