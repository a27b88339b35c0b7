"""GPQA: a question, its correct answer and three others. Its authors ask that none of its text be published."""

import hashlib

import msgspec

from skymake.records import ChoiceCheck
from skymake.sources.options import with_options
from skymake.sources.row import Adapted, Drop, Row, text


class Gpqa(Row):
    question: str = msgspec.field(name="Question")
    correct: str = msgspec.field(name="Correct Answer")
    incorrect_1: str = msgspec.field(name="Incorrect Answer 1")
    incorrect_2: str = msgspec.field(name="Incorrect Answer 2")
    incorrect_3: str = msgspec.field(name="Incorrect Answer 3")
    domain: str | None = msgspec.field(name="High-level domain", default=None)
    subdomain: str | None = msgspec.field(name="Subdomain", default=None)


def adapt(row: Gpqa) -> Adapted:
    """A row of GPQA as a choice of four, in an order that depends on the problem alone."""
    question = text(row.question, "question")
    correct = text(row.correct, "answer")
    options = [correct, *(text(wrong, "option") for wrong in (row.incorrect_1, row.incorrect_2, row.incorrect_3))]
    if len(set(options)) < len(options):
        raise Drop("two options are the same")
    options.sort(key=lambda option: hashlib.sha256(f"{question}\0{option}".encode()).digest())
    check = ChoiceCheck("ABCD"[options.index(correct)], options)
    return Adapted("choice", with_options(question, options), check, subject=row.domain)
