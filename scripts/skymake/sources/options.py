"""Lettered options, one a line, as questions print them: `A. ...`, `B. ...`."""

import re
import string

_LINE = re.compile(r"^\s*\(?([A-Z])[.):]\)?[ \t]+(\S.*?)\s*$", re.MULTILINE)


def options_of(question: str) -> list[str]:
    """The options of a question: its last run of lines that starts with `A.`; empty unless there are two or more."""
    options: list[str] = []
    for letter, option in _LINE.findall(question):
        if letter == "A":
            options = [option]
        elif options and letter == string.ascii_uppercase[len(options)]:
            options.append(option)
    return options if len(options) > 1 else []


def with_options(question: str, options: list[str]) -> str:
    """The question, and below it its options, at most 26."""
    lettered = zip(string.ascii_uppercase, options, strict=False)
    return "\n".join([question, *(f"{letter}. {option}" for letter, option in lettered)])
