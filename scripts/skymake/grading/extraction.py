"""Where a trace's answer is: after the thought, in the last box or behind "the answer is"."""

import re

OPEN_THOUGHT = r"<\|begin_of_thought\|>|<think>"
CLOSE_THOUGHT = r"<\|end_of_thought\|>|</think>"
THOUGHT = re.compile(rf"(?:{OPEN_THOUGHT}).*?(?:{CLOSE_THOUGHT})", re.DOTALL)
UNCLOSED_THOUGHT = re.compile(rf"(?:{OPEN_THOUGHT}).*", re.DOTALL)
UNOPENED_THOUGHT = re.compile(rf".*(?:{CLOSE_THOUGHT})", re.DOTALL)  # chat templates that open the thought themselves
OPEN_SOLUTION = "<|begin_of_solution|>"
CLOSE_SOLUTION = "<|end_of_solution|>"

BOX = re.compile(r"\\f?box(?:ed)?\s*\{")
# What may stand between two boxes that are one answer: `\boxed{1}$ and $\boxed{2}`, `\boxed{(3, 3)} for part (a) and ...`.
JOINT = re.compile(
    r"[\s$\\()\[\]]*(?:for part \(\w\))?[\s$]*(?:,|;|,?\s*(?:\\text\{)?\s*(?:and|or)\b\s*\}?)[\s$\\()\[\]]*"
)

CUE = re.compile(
    r"(?:\banswers?\b[^\n.:=]{0,40}?(?:\s(?:is|are)\b|:)|\banswer\s*=|答案(?:是|为|:|：))[:：]?[ \t]*(?:\*\*)?\s*(?=\S)",  # noqa: RUF001
    re.IGNORECASE,
)
MATH = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\$([^$\n]+)\$|\\\((.+?)\\\)", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))(?:/\d+)?%?(?!\w)")
SENTENCE_END = re.compile(r"\.(?:\s|$)|\n")
DECORATION = " \t\r\n*_`$,;:.!\u3002"


def solution(text: str) -> str:
    """The part of a trace that states the answer: what is left without its thought.

    Of text in the four-marker format this is the first closed solution; what follows its end marker is not the answer's.
    """
    text = THOUGHT.sub("", text)
    text = UNCLOSED_THOUGHT.sub("", text)
    text = UNOPENED_THOUGHT.sub("", text)
    before, opened, after = text.partition(OPEN_SOLUTION)
    return (after if opened else before).partition(CLOSE_SOLUTION)[0]


def is_closed(text: str) -> bool:
    """Whether a trace ends its solution with the end marker: then nothing of the answer was cut off."""
    return CLOSE_SOLUTION in text


def boxes(text: str) -> list[tuple[int, int, str]]:
    """Every outermost `\\boxed{...}` that is closed and not empty: start, end, content."""
    found, position = [], 0
    while opened := BOX.search(text, position):
        position = closing_brace(text, opened.end())
        if position < 0:
            position = opened.end()
            continue
        content = text[opened.end() : position - 1].strip()
        if content:
            found.append((opened.start(), position, content))
    return found


def closing_brace(text: str, start: int) -> int:
    """The position after the brace that closes the group which opens just before `start`; -1 when none does."""
    depth = 1
    for brace in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return brace.end()
    return -1


def boxed(text: str) -> str | None:
    """The last boxed answer; boxes joined by a comma, "and" or "or" are one answer. None without a box."""
    found = boxes(text)
    if not found:
        return None
    parts = [found[-1]]
    for box in reversed(found[:-1]):
        if not JOINT.fullmatch(text, box[1], parts[0][0]):
            break
        parts.insert(0, box)
    return ", ".join(content for _, _, content in parts)


def announced(text: str) -> str | None:
    """What follows the last "the answer is" (or "Answer:"), without its sentence's end. None when nothing does."""
    cues = list(CUE.finditer(text))
    if not cues:
        return None
    rest = text[cues[-1].end() :]
    if formula := MATH.match(rest):
        return next(filter(None, formula.groups())).strip()
    statement = SENTENCE_END.split(rest, maxsplit=1)[0].strip(DECORATION)
    return statement or None


def stray(text: str) -> str | None:
    """The last formula or number of the text, whatever it says: only where the config allows guessing."""
    formulas = [match for match in MATH.finditer(text)]
    numbers = [match for match in NUMBER.finditer(text) if match.group()]
    if formulas and (not numbers or formulas[-1].end() >= numbers[-1].end()):
        return next(filter(None, formulas[-1].groups())).strip()
    return numbers[-1].group() if numbers else None


def answer(text: str, allow_stray: bool = False) -> str | None:
    """A trace's final answer as it wrote it: boxed, or announced, or (where allowed) the last formula or number."""
    said = solution(text)
    return boxed(said) or announced(said) or (stray(said) if allow_stray else None)
