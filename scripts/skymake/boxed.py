"""The boxed answers of LaTeX text."""

import re

BOX = re.compile(r"\\f?box(?:ed)?\s*\{")
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # a brace behind a backslash is text
# What may stand between two boxes that are one answer: `\boxed{1}$ and $\boxed{2}`, `\boxed{3} for part (a) and ...`.
JOINT = re.compile(
    r"[\s$\\()\[\]]*(?:for part \(\w\))?[\s$]*(?:,|;|,?\s*(?:\\text\{)?\s*(?:and|or)\b\s*\}?)[\s$\\()\[\]]*"
)


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
    for brace in BRACE.finditer(text, start):
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
