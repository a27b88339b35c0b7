"""The four-marker format: a thought, then a solution, each between its two markers."""

import re

BEGIN_THOUGHT, END_THOUGHT = "<|begin_of_thought|>", "<|end_of_thought|>"
BEGIN_SOLUTION, END_SOLUTION = "<|begin_of_solution|>", "<|end_of_solution|>"
_HEADING = re.compile(r"^(?:#+ *|\*\*)(?:the )?(?:final )?(?:answer|solution|code)\b[^\n]{0,20}$", re.I | re.M)
ALL = (BEGIN_THOUGHT, END_THOUGHT, BEGIN_SOLUTION, END_SOLUTION)


def join(thought: str, solution: str) -> str:
    """The text that states a thought and a solution in the four-marker format."""
    return f"{BEGIN_THOUGHT}\n\n{thought}\n\n{END_THOUGHT}\n\n{BEGIN_SOLUTION}\n\n{solution}\n\n{END_SOLUTION}"


def parse(text: str) -> tuple[str, str] | None:
    """(thought, solution) of a text in which every marker stands exactly once and in order; None otherwise."""
    if any(text.count(marker) != 1 for marker in ALL):
        return None
    places = [text.index(marker) for marker in ALL]
    if places != sorted(places):
        return None
    thought = text[places[0] + len(BEGIN_THOUGHT) : places[1]]
    solution = text[places[2] + len(BEGIN_SOLUTION) : places[3]]
    return thought.strip(), solution.strip()


def split(text: str, program: bool) -> tuple[str, str] | None:
    """(thought, solution) of an untidy text, cut by rules alone; None when the text gives no place to cut.

    Where the text does not say itself where its thought ends, its solution starts at the last fenced block (for a
    program) or at the line of the last boxed answer.
    """
    if parse(text) or "</think>" in text or _last_heading(text, program) is not None:
        return own_split(text, program)
    place = _answer(text, program)
    return _parts(text[:place], text[place:]) if place is not None else None


def own_split(text: str, program: bool) -> tuple[str, str] | None:
    """(thought, solution) of a text that says itself where its thought ends: by markers, by a closed `<think>`, or by a
    heading such as "**Final Answer**" with the answer below it. None for any other.
    """
    marked = parse(text)
    if marked:
        return marked
    if "</think>" in text:
        thought, _, solution = text.removeprefix("<think>").partition("</think>")
        return _parts(thought, solution) if "</think>" not in solution else None
    place = _last_heading(text, program)
    return _parts(text[:place], text[place:]) if place is not None else None


def _parts(thought: str, solution: str) -> tuple[str, str] | None:
    """Both parts, when both say something."""
    return (thought.strip(), solution.strip()) if thought.strip() and solution.strip() else None


def _answer(text: str, program: bool) -> int | None:
    """Where the last fenced block opens (for a program), or the line of the last boxed answer begins."""
    place = _last_block(text) if program else text.rfind("\\boxed{")
    return None if place < 0 else place if program else text.rfind("\n", 0, place) + 1


def _last_heading(text: str, program: bool) -> int | None:
    """Where the last heading of a solution stands, with the answer below it."""
    headings, answer = [match.start() for match in _HEADING.finditer(text)], _answer(text, program)
    return headings[-1] if headings and answer is not None and headings[-1] <= answer else None


def _last_block(text: str) -> int:
    """Where the last fenced block opens; -1 when no block is closed."""
    fences = [match.start() for match in re.finditer(r"^```", text, re.MULTILINE)]
    return fences[len(fences) // 2 * 2 - 2] if len(fences) >= 2 else -1
