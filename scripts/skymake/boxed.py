"""The answer that LaTeX text puts into a box."""

import re

_BOX = re.compile(r"\\(?:boxed|fbox)\b\s*")


def last_box(text: str) -> str | None:
    r"""What the last `\boxed{...}` (or `\fbox{...}`, or `\boxed 5`) holds, braces matched; None without one.

    A box whose brace never closes holds nothing.
    """
    for box in reversed(list(_BOX.finditer(text))):
        start = box.end()
        if text[start : start + 1] != "{":
            bare = re.match(r"[^\s$\\.,;]+", text[start:])
            if bare is None:
                continue
            return bare[0]
        end = _closing_brace(text, start)
        if end is not None:
            return text[start + 1 : end].strip()
    return None


def _closing_brace(text: str, start: int) -> int | None:
    """Where the brace opened at `start` closes. A brace after a backslash is text."""
    depth, position = 0, start
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
        position += 1
    return None
