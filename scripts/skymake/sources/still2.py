"""STILL-2's long-form thoughts: a question and a published answer in the four-marker format, without a key."""

import re

from skymake import markers
from skymake.boxed import boxed
from skymake.records import ChoiceCheck, NoCheck
from skymake.sources.options import options_of
from skymake.sources.row import Adapted, Drop, Row, text

_LETTER = re.compile(r"\(?(?:\\text(?:bf)?\{)?\(?([A-J])\)?\}?[.)]?")


class Still2(Row):
    question: str
    combined_text: str
    domain: str


def adapt(row: Still2) -> Adapted:
    """A row of STILL-2 as a problem: a choice where the published solution boxes the letter of an option.

    Any other row has no key to check against; its published answer is kept as published.
    """
    question = text(row.question, "question")
    published = markers.parse(row.combined_text)
    if published is None:
        raise Drop("the published answer is not in the four-marker format")
    options = options_of(question)
    letter = _LETTER.fullmatch(boxed(published[1]) or "")
    if letter and ord(letter[1]) - ord("A") < len(options):
        return Adapted("choice", question, ChoiceCheck(letter[1], options))
    return Adapted("open", question, NoCheck())


def answer(row: Still2) -> str:
    """The published answer, exactly as published."""
    return row.combined_text
