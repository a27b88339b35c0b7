"""Prompts are files; what a problem holds goes in as it is."""

import pytest

from quote_prompt import quote_prompt
from skymake import UserError, records
from skymake.prompts import messages, render
from skymake.records import ChoiceCheck, MathCheck, Origin, Problem, ProgramCheck

CHOICE = Problem(
    "c", "s", "choice", "Is {{ x }} < 1 & true?", ChoiceCheck("A", ["<yes>", "no"]), None, Origin("o", "r", 0)
)
PROGRAM = Problem("d", "s", "code", "Solve it.", ProgramCheck("solve", []), None, Origin("o", "r", 1))
SUM = Problem("e", "s", "math", "1 + 1?", MathCheck("2"), None, Origin("o", "r", 2))


@pytest.fixture
def prompt(tmp_path):
    def write(text: str, name: str = "prompt.jinja"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_a_problem_is_not_a_template_and_nothing_is_escaped(prompt):
    path = prompt("{{ question }}{% for text in options %} {{ text }}{% endfor %}\n")
    assert render(path, CHOICE) == "Is {{ x }} < 1 & true? <yes> no"


def test_prompts_know_the_kind_of_problem(prompt):
    path = prompt("{{ domain }}\n{% if entry %}\nWrite {{ entry }}.\n{% endif %}\n{{ question }}\n")
    assert render(path, PROGRAM) == "code\nWrite solve.\nSolve it."
    assert render(path, SUM) == "math\n1 + 1?"


def test_more_than_the_problem_can_be_shown(prompt):
    assert render(prompt("{{ question }} {{ trace }}"), SUM, trace="{% boom %}") == "1 + 1? {% boom %}"


def test_a_chat_starts_with_the_system_prompt_where_there_is_one(prompt):
    system, user = prompt("Think.\n", "system.jinja"), prompt("{{ question }}\n")
    assert messages(user, system, SUM) == [
        {"role": "system", "content": "Think."},
        {"role": "user", "content": "1 + 1?"},
    ]
    assert messages(user, [], SUM) == [{"role": "user", "content": "1 + 1?"}]


@pytest.mark.parametrize("text", ["{{ qestion }}", "{% if %}", "{{ options[7] }}"])
def test_a_bad_prompt_is_named_with_the_problem(prompt, text):
    with pytest.raises(UserError, match=r"prompt\.jinja: problem e: "):
        render(prompt(text), SUM)


def test_a_missing_prompt_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.jinja: no such prompt file"):
        render(tmp_path / "nothing.jinja", SUM)


def test_a_prompt_of_another_encoding_is_named(tmp_path):
    (tmp_path / "old.jinja").write_bytes("Gr\u00f6\u00dfe: {{ question }}".encode("latin-1"))
    with pytest.raises(UserError, match=r"old\.jinja: not UTF-8"):
        render(tmp_path / "old.jinja", SUM)


SYSTEM = 'Think {step by step}.\n\n    {{ question }} {% raw %} "quoted" \\n é 😀\r\n '


def test_a_quoted_text_is_rendered_to_the_byte(tmp_path):
    rows, quoted = str(tmp_path / "rows.jsonl"), str(tmp_path / "system.jinja")
    records.write(rows, [{"system": SYSTEM}] * 3)
    quote_prompt(rows, quoted, "system")
    assert render(quoted, SUM) == SYSTEM


@pytest.mark.parametrize("rows", [[{"system": "a"}, {"system": "b"}], [{"prompt": "a"}], [{"system": None}], []])
def test_a_column_that_is_no_one_text_is_refused(tmp_path, rows):
    records.write(tmp_path / "rows.jsonl", rows)
    with pytest.raises(UserError, match=r"rows.jsonl: column 'system' does not hold one text"):
        quote_prompt(str(tmp_path / "rows.jsonl"), str(tmp_path / "system.jinja"), "system")
