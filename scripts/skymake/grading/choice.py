"""Grade a multiple-choice answer: a letter, or the text of an option. The article "a" is never option A."""

import re
import string
from collections.abc import Mapping
from typing import NamedTuple

from skymake.boxed import boxed
from skymake.grading import extraction
from skymake.grading.equality import EQUAL, NeedsAlgebra, compare
from skymake.grading.notation import TEXT, clean
from skymake.records import Problem, Verdict

GRADER = "choice/1"
WRAPPING = " \t\r\n*_`$\"'\\()[]{}.:,;!"
ALONE = re.compile(
    r"(?:(?:the )?(?:option|choice|answer)\s*(?:is|:)?\s*)?[\s*$\\({\[]*(?P<letter>[A-Z])[\s*$\\)}\].:,;!]*",
    re.IGNORECASE,
)
LABELLED = re.compile(
    r"[\s*$]*(?:\(\s*(?P<in>[A-Za-z])\s*\)|(?P<at>[A-Za-z])\s*[.):,])[\s*\\]*(?P<rest>\S.*)", re.DOTALL
)
LEADING = re.compile(
    r"[\s*$]*\(?(?P<letter>[A-Z])\b\)?\**\s*(?:[-\u2013\u2014,;:.)]|(?:because|since|as|for|which|and not|is)\b)"
)
NAMED = re.compile(r"(?i:\b(?:option|choice)\s)\s*\**\(?(?P<letter>[A-Z])\b")
FINAL_LINE = re.compile(r"[\s*_(\[]*(?P<letter>[A-Z])[\s*_.)\]]*")
LISTED = re.compile(
    r"(?:\\(?:text(?:bf|rm)?|mathrm|bf)\s*\{\s*)?\(\s*(?P<letter>[A-J])\s*\)(?:\s*\})?|(?:^|\n)\s*(?P<line>[A-J])[.):]\s"
)


class Label(NamedTuple):
    """A letter, and the text that it stands before."""

    letter: str
    text: str


def grade(problem: Problem, text: str) -> Verdict:
    """The verdict on one answer to a choice problem; `key` and `sample` are the caller's to set."""
    options = dict(zip(string.ascii_uppercase, problem.check.options, strict=False))
    key, answer = option(problem.check.answer, options), stated(text)
    chosen = option(answer, options) if answer else None
    if key is None:
        status, detail = "not_gradable", f"the key {problem.check.answer!r} is none of the {len(options)} options"
    elif answer is None:
        status, detail = "no_answer", "no boxed or announced answer, and no letter on the last line"
    elif chosen is None:
        status, detail = "wrong", "names none of the options, or more than one"
    else:
        status, detail = ("correct", "") if chosen == key else ("wrong", f"the key is {key}")
    return Verdict("", problem.id, 0, status, chosen or answer, detail, 0.0, GRADER)


def stated(text: str) -> str | None:
    """What a text gives as its answer: the last box, what "the answer is" announces, or a letter on the last line."""
    said = extraction.solution(text)
    if (found := boxed(said) or extraction.statement(said)) is not None:
        return found
    final = FINAL_LINE.fullmatch(said.rstrip().rpartition("\n")[2])
    return final["letter"] if final else None


def option(answer: str, options: Mapping[str, str]) -> str | None:
    """The letter of the option that an answer names, by its text or by its letter; None for none, and for two."""
    plain = TEXT.sub(r"\1", answer).strip()
    if whole := ALONE.fullmatch(plain):
        return within(whole["letter"], options)
    by_text = [letter for letter, content in options.items() if same_text(content, plain)]
    if len(by_text) == 1:
        return by_text[0]
    if label := labelled(plain):
        letter = within(label.letter, options)
        meant = [other for other, content in options.items() if same_text(content, label.text)]
        return letter if not meant or letter in meant else None
    found = LEADING.match(plain) or NAMED.search(plain)
    return within(found["letter"], options) if found else None


def labelled(text: str) -> Label | None:
    """Letter and text of an answer like `(B) 42`, `B. 42` or `\\textbf{(B)}\\ 42`."""
    found = LABELLED.fullmatch(TEXT.sub(r"\1", text))
    return Label((found["in"] or found["at"]).upper(), found["rest"]) if found else None


def lone_letter(text: str) -> str | None:
    """The letter that an answer consists of: `B`, `(B)`, `\\text{B}`, `b.`; None for anything else."""
    whole = ALONE.fullmatch(TEXT.sub(r"\1", text))
    return whole["letter"].upper() if whole else None


def options_in(question: str) -> dict[str, str]:
    """The options that a question lists, such as `\\textbf{(A)}\\ 5 \\qquad \\textbf{(B)}\\ 6`, by letter."""
    marks = list(LISTED.finditer(question))
    letters = "".join(mark["letter"] or mark["line"] for mark in marks)
    start = letters.rfind("AB")
    if start < 0:
        return {}
    marks = [
        mark
        for mark, due in zip(marks[start:], string.ascii_uppercase, strict=False)
        if (mark["letter"] or mark["line"]) == due
    ]
    ends = [mark.start() for mark in marks[1:]] + [len(question)]
    return {
        mark["letter"] or mark["line"]: clean(question[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)
    }


def within(letter: str, options: Mapping[str, str]) -> str | None:
    return letter.upper() if letter.upper() in options else None


def same_text(option: str, answer: str) -> bool:
    """Whether an answer is an option's text, whatever its case, white space and notation."""
    plain = [" ".join(text.casefold().split()).strip(WRAPPING) for text in (option, answer)]
    if plain[0] == plain[1]:
        return bool(plain[0])
    try:
        return compare(option, answer) is EQUAL
    except NeedsAlgebra:
        return False
