"""Prompts: Jinja files, rendered for one problem."""

import functools
from pathlib import Path
from typing import Any

import jinja2

from skymake import UserError
from skymake.records import ChoiceCheck, Problem, ProgramCheck

_ENVIRONMENT = jinja2.Environment(
    undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
)


@functools.cache
def _template(text: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(text)


def render(path: str | Path, problem: Problem, **more: Any) -> str:
    """The prompt of a file for a problem, without the newline that ends the file.

    Variables: `question`, `domain`, `options` (list of texts, empty unless there is a choice), `entry` (the function a
    program must define, or none), and whatever `more` names. An unknown variable is a UserError that names the file.
    """
    options = problem.check.options if isinstance(problem.check, ChoiceCheck) else []
    entry = problem.check.entry if isinstance(problem.check, ProgramCheck) else None
    try:
        template = _template(Path(path).read_text(encoding="utf-8"))
        return template.render(question=problem.question, domain=problem.domain, options=options, entry=entry, **more)
    except FileNotFoundError:
        raise UserError(f"{path}: no such prompt file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8: {error}; save it as UTF-8") from None
    except jinja2.TemplateError as error:
        raise UserError(f"{path}: problem {problem.id}: {error}") from None


def messages(prompt: str | Path, system: str | Path | None, problem: Problem, **more: Any) -> list[dict[str, str]]:
    """The chat messages for a problem: the system prompt where there is one, and the user's turn."""
    turns = [("system", system), ("user", prompt)] if system else [("user", prompt)]
    return [{"role": role, "content": render(path, problem, **more)} for role, path in turns]


def quoted(text: str) -> str:
    """A prompt that is this text to the byte, whatever braces, blank space and line ends it has."""
    escaped = text.encode("unicode_escape").decode().replace('"', '\\"')
    return f'{{{{ "{escaped}" }}}}'
