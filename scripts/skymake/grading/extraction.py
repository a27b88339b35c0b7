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
BETWEEN_BOXES = re.compile(r"\\(?:quad|qquad|text|mbox|[\[\](),;:! ])|[\s${}~*]+")
JOINT = re.compile(r"(?:for part \(\w\))? ?[,;]? ?(?:and|or|)", re.IGNORECASE)

CUE = re.compile(
    r"\banswers?\b[^\n.:=$]{0,40}?(?:\s(?:is|are|(?:should|must|would|will) be)\b|[:=]|(?=\$|\\\(|\\\[))"
    r"(?![: \t]*(?:indeed |also |definitely |still )?(?:correct|right|wrong|reasonable|confirmed|consistent|found|obtained|not)\b)[: \t]*"
    r"|\u7b54\u6848(?:\u662f|\u4e3a|:|\uff1a)[:\uff1a \t]*",
    re.IGNORECASE,
)
FORMULA = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\$([^$\n]+)\$|\\\((.+?)\\\)", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.,])[-\u2212]?(?:\d+(?:[.,]\d+)*|\.\d+)(?:/\d+)?%?")
SENTENCE_END = re.compile(r"[.\u3002](?:\s|$)|\n")
DECORATION = " \t\r\n*_`,;:.!\u3002"
SAYS = re.compile(r".*\b(?:is|are|equals)\b:?", re.DOTALL)
PROSE = re.compile(r"[^\W\d_]{2,}['\u2019]?\s+[^\W\d_]{2,}|[\u3040-\u9fff]{4,}")
COMMAND = re.compile(r"\\[a-zA-Z]+(?:\s*\{[^{}]*\})?")


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
        between = BETWEEN_BOXES.sub(" ", text[box[1] : parts[0][0]]).strip()
        if not between or not JOINT.fullmatch(" ".join(between.split())):
            break
        parts.insert(0, box)
    return ", ".join(content for _, _, content in parts)


def announced(text: str) -> str | None:
    """What the last "the answer is" (or "Answer:") says. None when nothing does."""
    cues = list(CUE.finditer(text))
    if not cues:
        return None
    rest = text[cues[-1].end() :].lstrip(" \t\n*")
    if formula := FORMULA.match(rest):
        return content(formula)
    statement = SENTENCE_END.split(rest, maxsplit=1)[0].strip(DECORATION)
    if not PROSE.search(COMMAND.sub("", statement)):
        return statement or None
    return last(SAYS.sub("", statement, count=1).strip(DECORATION))


def stray(text: str) -> str | None:
    """The text itself when it is no prose, or its last formula or number: only where the config allows guessing."""
    bare = text.strip()
    return last(bare) if PROSE.search(COMMAND.sub("", bare)) else bare or None


def last(text: str) -> str | None:
    """The last formula or number of a text; a text of few words without either is its own."""
    formulas, numbers = list(FORMULA.finditer(text)), list(NUMBER.finditer(text))
    if formulas and (not numbers or formulas[-1].end() > numbers[-1].start()):
        return content(formulas[-1])
    if numbers:
        return numbers[-1].group()
    return text if text and len(text.split()) <= 6 else None


def content(formula: re.Match[str]) -> str:
    return next(filter(None, formula.groups())).strip()


def answer(text: str, allow_stray: bool = False) -> str | None:
    """A trace's final answer as it wrote it: boxed, or announced, or (where allowed) the last formula or number."""
    said = solution(text)
    return boxed(said) or announced(said) or (stray(said) if allow_stray else None)
