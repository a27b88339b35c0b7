"""What every adapter is made of: a published row, what it becomes, and why it may become nothing."""

import hashlib
from typing import Literal

import msgspec

from skymake.records import Check, Origin, Problem, ProgramCheck


class Row(msgspec.Struct, frozen=True):
    """A published row: the columns that an adapter reads or a filter may name. Other columns are passed over."""


class Drop(Exception):
    """A row that makes no problem. Its text is a reason: fixed wording, so that equal reasons can be counted."""


class Broken(Exception):
    """A row that is not of its schema. Its text names the field; who reads the file adds file and line."""


class Adapted(msgspec.Struct):
    """A row as a problem that has no identity yet. The time limit of a program is the row's own, 0 where it has none.

    remarks: what was mended or is missing, in fixed wording, so that equal remarks can be counted.
    solutions: the reference solutions that the row ships, as they are; none where it ships none.
    """

    domain: Literal["math", "code", "choice", "open"]
    question: str
    check: Check
    difficulty: float | None = None
    remarks: tuple[str, ...] = ()
    solutions: list[str] = []
    subject: str | None = None

    def identified(self, set: str, origin: Origin, time_limit_s: float) -> Problem:
        """The problem of a set, with an id that depends on its question and its check alone, so other rows can come
        and go. time_limit_s: of a test of a program; published limits are meant for compiled languages, so the longer
        of the two counts."""
        check = self.check
        if isinstance(check, ProgramCheck):
            check = msgspec.structs.replace(check, time_limit_s=max(check.time_limit_s, time_limit_s))
        digest = hashlib.sha256(msgspec.json.encode([self.question, check], order="deterministic")).hexdigest()
        id, about = f"{set}-{digest[:12]}", (self.difficulty, origin, self.subject)
        return Problem(id, set, self.domain, self.question, check, *about)


def text(value: str, name: str) -> str:
    """A text that must say something, without the blank space around it; otherwise the row is dropped."""
    if not value.strip():
        raise Drop(f"empty {name}")
    return value.strip()
