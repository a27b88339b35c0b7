"""The four-marker format: a thought, then a solution, each between its two markers."""

import re

BEGIN_THOUGHT, END_THOUGHT = "<|begin_of_thought|>", "<|end_of_thought|>"
BEGIN_SOLUTION, END_SOLUTION = "<|begin_of_solution|>", "<|end_of_solution|>"
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

    A text in markers or with a closed `<think>` says itself where the thought ends. Otherwise the solution starts at
    the last fenced block (for a program) or at the line of the last boxed answer.
    """
    marked = parse(text)
    if marked:
        return marked
    if text.count("</think>") == 1:
        thought, solution = text.removeprefix("<think>").split("</think>")
    else:
        place = _last_block(text) if program else text.rfind("\n", 0, max(text.rfind("\\boxed{"), 0)) + 1
        if place < 0 or (not program and "\\boxed{" not in text):
            return None
        thought, solution = text[:place], text[place:]
    return (thought.strip(), solution.strip()) if thought.strip() and solution.strip() else None


def _last_block(text: str) -> int:
    """Where the last fenced block opens; -1 when no block is closed."""
    fences = [match.start() for match in re.finditer(r"^```", text, re.MULTILINE)]
    return fences[len(fences) // 2 * 2 - 2] if len(fences) >= 2 else -1
