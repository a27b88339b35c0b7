"""Which option an answer names; the article "a" is none."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skymake.grading import choice
from skymake.records import ChoiceCheck, Origin, Problem

OPTIONS = ["a dog", "42", r"$\frac{1}{2}$", "the cat"]


def problem(answer: str, options: list[str] = OPTIONS) -> Problem:
    return Problem("p", "set", "choice", "Which?", ChoiceCheck(answer, options), None, Origin("source", "1", 0))


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"), ("b", "B"), ("(B)", "B"), ("B.", "B"), ("**B**", "B"), (r"\text{B}", "B"), (r"\text{(B)}", "B"),
        (r"$\mathrm{B}$", "B"), ("Option B", "B"), ("choice (b)", "B"), ("B) 42", "B"), ("(B) 42", "B"),
        (r"\textbf{(B)}\ 42", "B"), ("B: 42", "B"), ("42", "B"), ("42.0", "B"), ("0.5", "C"), ("1/2", "C"),
        ("The cat", "D"), ("a dog", "A"), ("A dog", "A"), ("a) a dog", "A"), ("C since a is wrong", "C"),
        ("C, because a cat is no dog", "C"), ("b, as we saw", "B"), ("A", "A"), ("a", "A"),
        ("a bird", None), ("a bird is what it is", None), ("E", None), ("43", None), ("B or C", None),
        ("B and D", None), ("(B) the cat", None), ("", None), ("apple", None), ("Because", None),
    ],
)  # fmt: skip
def test_an_answer_names_an_option(answer, letter):
    options = dict(zip(string.ascii_uppercase, OPTIONS, strict=False))
    assert choice.option(answer, options) == letter


@pytest.mark.parametrize(
    ("text", "answer", "status"),
    [
        (r"\boxed{C} since a is wrong", "C", "correct"),
        ("The answer is C since a is wrong.", "C", "correct"),
        ("The correct answer is option (c).", "C", "correct"),
        ("The correct option is C.", "C", "correct"),
        ("The answer is a dog.", "A", "correct"),
        ("The answer is a bird.", "A", "wrong"),
        ("Let me think.\nSo a is it, after all", "A", "no_answer"),
        ("Let me think.\n**C**", "C", "correct"),
        ("Let me think.\na", "A", "no_answer"),
        (r"<think>\boxed{A}</think>\boxed{B}", "B", "correct"),
        (r"<think>\boxed{A}", "A", "no_answer"),
        (r"\boxed{\frac{1}{2}}", "C", "correct"),
        (r"\boxed{B}", "42", "correct"),
        (r"\boxed{B}", "(B)", "correct"),
        (r"\boxed{B}", "F", "not_gradable"),
        (r"\boxed{B}", "a bird", "not_gradable"),
    ],
)
def test_verdicts(text, answer, status):
    verdict = choice.grade(problem(answer), text)
    assert verdict.status == status
    assert verdict.grader.startswith("choice/")


@given(st.sampled_from("bcdefgh"), st.sampled_from(["{}", "({})", "{}.", r"\text{{{}}}", "**{}**", "Option {}", "{})"]))
def test_a_letter_is_read_in_every_case_and_dress(letter, dress):
    options = dict.fromkeys("ABCDEFGH", "something long")
    assert choice.option(dress.format(letter), options) == letter.upper()
    assert choice.option(dress.format(letter.upper()), options) == letter.upper()


@given(
    st.text(alphabet=string.ascii_lowercase, min_size=2, max_size=9).filter(
        lambda noun: noun not in ("is", "as", "for", "which", "since", "because")
    )
)
def test_an_article_is_no_option(noun):
    options = {"A": "one thing", "B": "another"}
    assert choice.option(f"a {noun}", options) is None
    assert choice.grade(problem("A", list(options.values())), f"I would say it is a {noun}").status == "no_answer"


def test_options_are_found_in_a_question():
    boxed = r"What? $\textbf{(A)}\ 5 \qquad \textbf{(B)}\ \frac{6}{7}\qquad\textbf{(C)}\ 7$"
    assert choice.options_in(boxed) == {"A": "5", "B": r"\frac{6}{7}", "C": "7"}
    assert choice.options_in("Which?\nA. one\nB. two\nC) three") == {"A": "one", "B": "two", "C": "three"}
    assert choice.options_in("In triangle (A), find (C).") == {}
