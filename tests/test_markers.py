"""The four-marker format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skymake import markers

TEXT = st.text(alphabet=st.characters(codec="utf-8")).filter(lambda text: not any(m in text for m in markers.ALL))


@given(TEXT, TEXT)
def test_what_is_joined_is_parsed(thought, solution):
    assert markers.parse(markers.join(thought, solution)) == (thought.strip(), solution.strip())


@given(TEXT, TEXT)
def test_a_second_restatement_changes_nothing(thought, solution):
    once = markers.join(thought.strip(), solution.strip())
    assert markers.join(*markers.parse(once)) == once


@pytest.mark.parametrize("missing", markers.ALL)
def test_every_marker_must_be_there(missing):
    assert markers.parse(markers.join("think", "42").replace(missing, "")) is None


@pytest.mark.parametrize("twice", markers.ALL)
def test_no_marker_may_come_twice(twice):
    assert markers.parse(markers.join("think", "42") + twice) is None


def test_the_solution_may_not_come_before_the_thought():
    thought, solution = markers.join("think", "42").split(markers.BEGIN_SOLUTION)
    assert markers.parse(markers.BEGIN_SOLUTION + solution + thought) is None


@pytest.mark.parametrize(
    ("text", "program", "parts"),
    [
        (markers.join("think", "42"), False, ("think", "42")),
        ("<think>\nhm\n</think>\n\\boxed{2}", False, ("hm", "\\boxed{2}")),
        ("hm\n</think>\nso 2", False, ("hm", "so 2")),
        ("one\ntwo\nso \\boxed{2}\n", False, ("one\ntwo", "so \\boxed{2}")),
        ("\\boxed{1}, no\nso \\boxed{2}", False, ("\\boxed{1}, no", "so \\boxed{2}")),
        ("plan\n```python\nx\n```\nas said", True, ("plan", "```python\nx\n```\nas said")),
        ("draft\n```\nx\n```\nbetter\n```\ny\n```", True, ("draft\n```\nx\n```\nbetter", "```\ny\n```")),
    ],
    ids=["markers", "think", "half a think", "last box", "of two boxes", "block", "of two blocks"],
)
def test_an_untidy_text_is_cut_where_it_says(text, program, parts):
    assert markers.split(text, program) == parts


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("no answer at all", False),
        ("\\boxed{2} without a thought", False),
        ("<think>only a thought \\boxed{2}</think>", False),
        ("a </think> b </think>", False),
        ("no code here", True),
        ("```python\nno thought\n```", True),
        ("a block that never closes\n```python\nx", True),
        ("", False),
        ("", True),
    ],
)
def test_a_text_without_a_place_to_cut_is_none(text, program):
    assert markers.split(text, program) is None


@given(TEXT, st.booleans())
def test_a_cut_loses_no_word(text, program):
    parts = markers.split(text, program)
    if parts and "</think>" not in text:
        assert "".join(parts[0].split() + parts[1].split()) == "".join(text.split())
