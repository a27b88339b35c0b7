"""Where a trace's answer is: after the thought, in the last box, or behind "the answer is".

Every scan here takes time linear in the text, whatever a model wrote.
"""

import re

from skymake.boxed import boxed

CLOSE_SOLUTION = "<|end_of_solution|>"
OPEN_SOLUTION = "<|begin_of_solution|>"
THOUGHT = re.compile(r"(?P<open><\|begin_of_thought\|>|<think>)|<\|end_of_thought\|>|</think>")

CUE = re.compile(
    r"\b(?:answers?|(?:correct|right|best) (?:option|choice))\b"
    r"[^\n.:=$]{0,40}?(?:\s(?:is|are|(?:should|must|would|will) be)\b|[:=]|(?=\$|\\\(|\\\[))"
    r"(?![: \t]*(?:indeed |also |definitely |still )?"
    r"(?:correct|right|wrong|reasonable|confirmed|consistent|found|obtained|not)\b)"
    r"[: \t]*(?:(?:indeed|definitely|also|still|therefore|thus|just|simply|exactly|clearly|actually) )?"
    r"|\u7b54\u6848(?:\u662f|\u4e3a|:|\uff1a)[:\uff1a \t]*",
    re.IGNORECASE,
)
FORMULA = re.compile(r"\$\$(.{1,1000}?)\$\$|\\\[(.{1,1000}?)\\\]|\$([^$\n]{1,1000})\$|\\\((.{1,1000}?)\\\)", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.,])[-\u2212]?(?:\d+(?:[.,]\d+)*+|\.\d+)(?:/\d+)?%?")
SENTENCE_END = re.compile(r"[.\u3002](?:\s|$)|\n")
DECORATION = " \t\r\n*_`,;:.!\u3002"
SAYS = re.compile(r".*\b(?:is|are|equals)\b:?", re.DOTALL)
PROSE = re.compile(r"(?<![^\W\d_])[^\W\d_]{2,}+['\u2019]?\s++[^\W\d_]{2}|[\u3040-\u9fff]{4}")
COMMAND = re.compile(r"\\[a-zA-Z]+(?:\s*\{[^{}]*\})?")
WORD = re.compile(r"(?!(?:and|or)\b)[^\W\dA-Z_]{2}")
COUNTED = re.compile(r"(?:[-+\d.,/]+ )?[^\W\d_]+\.?")
LONGEST_BARE = 300  # characters
TAIL = 4000  # characters that a guess or a statement is looked for in


def answer(text: str, allow_stray: bool = False) -> str | None:
    """A trace's final answer as it wrote it: boxed, or announced, or all that it says, or (where allowed) the last
    formula or number.
    """
    said = solution(text).strip()
    return boxed(said) or announced(said) or bare(said) or (stray(said) if allow_stray else None)


def solution(text: str) -> str:
    """The part of a trace that states the answer: what is left without its thought.

    A thought that is never closed leaves nothing after it; one that the chat template opened, nothing before its end.
    Of text in the four-marker format this is the first solution; what follows its end marker is not the answer's.
    """
    said, start, thinking = [], 0, False
    for mark in THOUGHT.finditer(text):
        if mark["open"] and not thinking:
            said.append(text[start : mark.start()])
        elif not mark["open"] and not thinking:
            said.clear()
        thinking, start = mark["open"] is not None, mark.end()
    if not thinking:
        said.append(text[start:])
    before, opened, after = "".join(said).partition(OPEN_SOLUTION)
    return (after if opened else before).partition(CLOSE_SOLUTION)[0]


def is_closed(text: str) -> bool:
    """Whether a trace ends its solution with the end marker: then nothing of the answer was cut off."""
    return CLOSE_SOLUTION in text


def announced(text: str) -> str | None:
    """The formula, number or words that the last "the answer is" announces. None when nothing does."""
    said = statement(text)
    if said is None or not is_prose(said):
        return said
    return last(SAYS.sub("", said, count=1).strip(DECORATION))


def statement(text: str) -> str | None:
    """What follows the last "the answer is" (or "Answer:"): a formula, or the rest of the sentence."""
    cues = list(CUE.finditer(text))
    if not cues:
        return None
    rest = text[cues[-1].end() :][:TAIL].lstrip(" \t\n*")
    if formula := FORMULA.match(rest):
        return content_of(formula)
    return SENTENCE_END.split(rest, maxsplit=1)[0].strip(DECORATION) or None


def bare(text: str) -> str | None:
    """The text itself when it is nothing but an answer: one short line without words outside of formulas, or with one
    word beside a number.
    """
    if len(text) > LONGEST_BARE or ("\n" in text and "\\begin" not in text):
        return None
    outside = FORMULA.sub("0", text).strip()
    return text if not WORD.search(COMMAND.sub("", outside)) or COUNTED.fullmatch(outside) else None


def stray(text: str) -> str | None:
    """The text itself when it is no prose, or its last formula or number: only where the config allows guessing."""
    return text if text and not is_prose(text) else last(text[-TAIL:])


def last(text: str) -> str | None:
    """The last formula or number of a text; a text of few words without either is its own."""
    formulas, numbers = list(FORMULA.finditer(text)), list(NUMBER.finditer(text))
    if formulas and (not numbers or formulas[-1].end() > numbers[-1].start()):
        return content_of(formulas[-1])
    if numbers:
        return numbers[-1].group()
    return text if text and len(text.split()) <= 6 else None


def is_prose(text: str) -> bool:
    """Whether two words stand side by side, outside of LaTeX commands."""
    return PROSE.search(COMMAND.sub("", text)) is not None


def content_of(formula: re.Match[str]) -> str:
    return next(filter(None, formula.groups())).strip()
