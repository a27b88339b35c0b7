"""Grade a multiple-choice answer: a letter, or the text of an option. The article "a" is never option A."""

import re
import string

from skymake.grading import extraction
from skymake.grading.equality import EQUAL, NeedsAlgebra, compare
from skymake.grading.notation import TEXT
from skymake.records import Problem, Verdict

GRADER = "choice/1"
WRAPPING = " \t\r\n*_`$\"'\\()[]{}.:,;!"
LABEL = r"\(?\**(?P<letter>{letters})\**\)?"
ALONE = re.compile(rf"(?:(?:option|choice|answer)\s*(?:is|:)?\s*)?{LABEL.format(letters='[A-Za-z]')}", re.IGNORECASE)
LABELLED = re.compile(
    rf"(?:option|choice)?\s*{LABEL.format(letters='[A-Za-z]')}\s*[.):,]\s*(?P<rest>.+)", re.IGNORECASE | re.DOTALL
)
LED = re.compile(
    rf"(?:(?:option|choice)\s+)?{LABEL.format(letters='[A-Z]')}\s*(?:[-\u2013\u2014,;:.)]|\b(?:because|since|as|for|which|and not|is)\b)"
)
NAMED = re.compile(rf"(?i:option|choice)\s+{LABEL.format(letters='[A-Za-z]')}(?!\w)")
FINAL_LINE = re.compile(r"(?:^|\n)\s*[*_(]*(?P<letter>[A-Z])[*_).]*\s*$")


def grade(problem: Problem, text: str) -> Verdict:
    """The verdict on one answer to a choice problem; `key` and `sample` are the caller's to set."""
    check = problem.check
    key = option(check.answer, check.options)
    if key is None:
        return verdict(
            problem, "not_gradable", None, f"the key {check.answer!r} is none of {len(check.options)} options"
        )
    answer = stated(text)
    if answer is None:
        return verdict(problem, "no_answer", None, "no boxed, announced or final letter")
    chosen = option(answer, check.options)
    if chosen is None:
        return verdict(problem, "wrong", answer, "names none of the options")
    return verdict(
        problem, "correct" if chosen == key else "wrong", chosen, "" if chosen == key else f"the key is {key}"
    )


def verdict(problem: Problem, status: str, answer: str | None, detail: str) -> Verdict:
    return Verdict("", problem.id, 0, status, answer, detail, 0.0, GRADER)


def stated(text: str) -> str | None:
    """What the text gives as its answer: the last box, what "the answer is" announces, or a letter on the last line."""
    said = extraction.solution(text)
    if (found := extraction.boxed(said) or extraction.announced(said)) is not None:
        return found
    final = FINAL_LINE.search(said)
    return final["letter"] if final else None


def option(answer: str, options: list[str]) -> str | None:
    """The letter of the option that an answer names: by its text first, then by its letter. None for neither or for two."""
    letters = string.ascii_uppercase[: len(options)]
    plain = TEXT.sub(r"\1", answer).strip()
    by_text = [letter for letter, content in zip(letters, options, strict=True) if same_text(content, plain)]
    if len(by_text) == 1:
        return by_text[0]
    core = plain.strip(WRAPPING)
    if whole := ALONE.fullmatch(core):
        return within(whole["letter"], letters)
    if labelled := LABELLED.fullmatch(plain.strip(" *$")):
        letter, rest = within(labelled["letter"], letters), labelled["rest"]
        contradicting = [other for other, content in zip(letters, options, strict=True) if same_text(content, rest)]
        if letter and (labelled["letter"] != "a" or contradicting):
            return letter if not contradicting or letter in contradicting else None
    if found := LED.match(plain) or NAMED.search(plain):
        return within(found["letter"], letters)
    return None


def within(letter: str, letters: str) -> str | None:
    return letter.upper() if letter.upper() in letters else None


def same_text(option: str, answer: str) -> bool:
    """Whether an answer is an option's text, give or take case, white space and notation."""
    if " ".join(option.casefold().split()).strip(WRAPPING) == " ".join(answer.casefold().split()).strip(WRAPPING):
        return bool(answer.strip(WRAPPING))
    try:
        return compare(option, answer) is EQUAL
    except NeedsAlgebra:
        return False
