"""Rule quote_prompt: a system prompt that a dataset holds in a column becomes a prompt file, to the byte."""

import logging
from typing import Any

from skymake import UserError, prompts, records, rule


def quote_prompt(rows: str, prompt: str, column: str) -> None:
    """Write the text of a column as a prompt. Raises UserError where its rows do not all say the same text."""
    found = {row.get(column) for row in records.read(rows, dict[str, Any])}
    if len(found) != 1 or not isinstance(text := found.pop(), str):
        raise UserError(f"{rows}: column {column!r} does not hold one text, the same in every row")
    with records.replacing(prompt) as temporary:
        temporary.write_text(prompts.quoted(text), encoding="utf-8")
    logging.info("%d characters", len(text))


if __name__ == "__main__":
    rule.run(quote_prompt, snakemake)
