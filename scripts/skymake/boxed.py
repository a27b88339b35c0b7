"""The boxed answers of LaTeX text, found in time linear in the text."""

import re

# A brace behind a backslash is text.
BOX_OR_BRACE = re.compile(r"(?P<box>\\f?box(?:ed)?\s*\{)|\\[{}]|[{}]")
# What may stand between two boxes that are one answer: `\boxed{1}$ and $\boxed{2}`, `\boxed{3} for part (a) and ...`.
BETWEEN_BOXES = re.compile(r"\\(?:quad|qquad|text|mbox|[\[\](),;:! ])|[\s${}~*]+")
JOINT = re.compile(r"(?:for part \(\w\))? ?[,;]? ?(?:and|or|)", re.IGNORECASE)


def boxed(text: str) -> str | None:
    """The last boxed answer; boxes joined by a comma, "and" or "or" are one answer. None without a box."""
    found = boxes(text)
    if not found:
        return None
    first = len(found) - 1
    while first and joined(text[found[first - 1][1] : found[first][0]]):
        first -= 1
    return ", ".join(content for _, _, content in found[first:])


def joined(between: str) -> bool:
    """Whether the text between two boxes makes them one answer."""
    words = " ".join(BETWEEN_BOXES.sub(" ", between).split()) if len(between) < 100 else ""
    return bool(words) and JOINT.fullmatch(words) is not None


def boxes(text: str) -> list[tuple[int, int, str]]:
    """Every outermost `\\boxed{...}` that is closed and not empty: start, end, content."""
    found: list[tuple[int, int, str]] = []
    groups: list[tuple[int, int] | None] = []  # the open braces; of a box, where it and its content start
    for mark in BOX_OR_BRACE.finditer(text):
        if mark["box"]:
            groups.append((mark.start(), mark.end()))
        elif mark.group() == "{":
            groups.append(None)
        elif mark.group() == "}" and groups and (box := groups.pop()):
            content = text[box[1] : mark.start()].strip()
            while content and found and found[-1][0] > box[0]:
                found.pop()  # boxes inside this one
            if content:
                found.append((box[0], mark.end(), content))
    return found
