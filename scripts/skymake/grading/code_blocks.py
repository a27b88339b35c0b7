"""Where a text's program is: in a fenced block of its answer, the last one first."""

import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from skymake.grading import extraction

PYTHON = ("python", "python3", "py", "py3", "")
OPENING = re.compile(r"(?P<indent>[ \t]*(?:>[ \t]?)*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)")
LANGUAGE = re.compile(r"\{?\.?(?P<name>[\w+#-]*)")
MOST_BLOCKS = 8  # that may be tried: a text of thousands is no answer
PRINTS = re.compile(r"\bprint\b|\bwrite(?:lines)?\b")


class Block(NamedTuple):
    """A fenced block: its language in lower case ("" without one), and its lines."""

    language: str
    code: str


def programs(text: str, entry: str | None) -> list[str]:
    """The sources that a text may mean as its program, most likely first; empty when it has none.

    Blocks of the answer, not of the thought. The last one that can be a program (Python, and defines `entry`, or
    prints where there is none) comes first, then earlier ones, then blocks that look like something else.
    """
    found = [block for block in blocks(extraction.solution(text)) if block.code.strip()]
    found.reverse()
    found.sort(key=lambda block: not _is_program(block, entry))
    return [block.code for block in found[:MOST_BLOCKS]]


def last_program(text: str) -> list[str]:
    """The source in the last block of a text, thought or not; empty when there is none."""
    return [block.code for block in blocks(text)][-1:]


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a text, in order. One that is never closed reaches to the end."""
    lines = iter(text.splitlines())
    for line in lines:
        opening = OPENING.fullmatch(line)
        if not opening:
            continue
        closing = re.compile(rf"[ \t>]*{re.escape(opening['fence'][0])}{{{len(opening['fence'])},}}[ \t]*")
        body = []
        for inner in lines:
            if closing.fullmatch(inner):
                break
            body.append(inner.removeprefix(opening["indent"]))
        language = LANGUAGE.match(opening["info"].strip())["name"].lower()
        yield Block(language, textwrap.dedent("\n".join(body)) + "\n")


def _is_program(block: Block, entry: str | None) -> bool:
    if block.language not in PYTHON:
        return False
    if entry is None:
        return PRINTS.search(block.code) is not None
    return re.search(rf"\bdef\s+{re.escape(entry)}\b|^{re.escape(entry)}\s*=", block.code, re.MULTILINE) is not None
