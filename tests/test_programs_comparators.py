"""When an output is the expected one: tables for each comparator, and properties that hold for all outputs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skymake.grading.comparators import COMPARATORS
from skymake.grading.comparators import lcb_printed as lcb
from skymake.grading.comparators import sky_t1_printed as sky_t1
from skymake.grading.comparators import strict_printed as strict
from skymake.grading.comparators import strict_returned as returned

# expected, given, and what each comparator says: strict, lcb, sky-t1
PRINTED = [
    ("1 2 3\n", "1 2 3", True, True, True),
    ("1 2 3\n", "1  2\t3 \r\n", True, True, True),
    ("1\n\n2\n", "1\n2\n", True, False, True),
    ("", "\n", True, True, True),
    ("", "0", False, False, False),
    ("5\n5\n5\n", "5\n", False, False, True),
    ("1 2 3\n", "3 2 1\n", False, False, True),
    ("1 2 2\n", "1 1 2\n", False, False, True),
    ("YES\nNO\n", "NO\nYES\n", False, False, True),
    ("1 2 3\n", "321\n", False, False, False),
    ("1 2 3\n", "1\n2\n3\n", False, False, False),
    ("1\n2\n", "1 2\n", False, False, False),
    ("yes\n", "YES\n", False, False, False),
    ("0.3333333\n", "0.333333\n", True, False, True),
    ("0.3333\n", "0.3334\n", False, False, True),
    ("1.0\n", "1\n", True, True, True),
    ("1\n", "1.0\n", False, True, True),
    ("1\n", "1.0000001\n", False, False, True),
    ("10000000\n", "10000001\n", False, False, False),
    ("1\n", "sNaN\n", False, False, False),  # a number that no comparison takes
    ("1\n", "1e999999999\n", False, False, False),
    ("10000000.0\n", "10000001\n", True, False, False),
    ("1e9\n", "1000000000\n", True, True, True),
    ("1000000000\n", "1e9\n", False, True, True),
    ("0.5\n", ".5\n", True, True, True),
    ("0.5\n", "1/2\n", False, False, False),
    ("0.5\n", "0.5.\n", False, False, False),
    ("1.5 x\n", "1.5000000001 x\n", True, False, True),
    ("nan\n", "nan\n", True, True, True),
    ("1.0\n", "nan\n", False, False, False),
    ("1.0\n", "inf\n", False, False, False),
    ("1e999\n", "2e999\n", False, False, True),
    ("1.0\n", "1_0e-1\n", False, True, False),
    ("1.2.3.4\n", "1.2.3.40\n", False, False, False),
    ("5\n", "5\0\n", False, False, False),
    ("é\n", "é\n", True, True, True),
]


@pytest.mark.parametrize(("expected", "printed", "by_strict", "by_lcb", "by_sky_t1"), PRINTED)
def test_printed(expected, printed, by_strict, by_lcb, by_sky_t1):
    expected, printed = expected.encode(), printed.encode()
    assert strict(expected, printed) is by_strict
    assert lcb(expected, printed) is by_lcb
    assert sky_t1(expected, printed) is by_sky_t1


# expected, given, and what each comparator says: strict, lcb, sky-t1
RETURNED = [
    (5, 5, True, True, True),
    (5, 5.0, True, True, True),
    (5, 5.0000001, False, False, False),
    (5.0, 5, True, True, True),
    (0.1, 0.1 + 1e-9, True, False, False),
    (0.1, 0.1001, False, False, False),
    (10**30, 10**30 + 1, False, False, False),
    (1e300, 10**400, False, False, False),
    (True, 1, True, True, True),
    ("5", 5, False, False, False),
    (5, "5", False, False, False),
    (None, 0, False, False, False),
    (None, None, True, True, True),
    ([], None, False, False, False),
    ([5, 6], 5, False, False, True),
    ([5], 5, False, False, True),
    (5, [5], False, False, True),
    ([1, 2], [2, 1], False, False, False),
    ([1, [2.0, "x"]], [1, [2.0000001, "x"]], True, False, False),
    ([1, 2], {"set": "{1, 2}"}, False, False, False),
    ({"a": 1.0}, {"a": 1}, True, True, True),
    ({"a": 1}, {"a": 1, "b": 2}, False, False, False),
    ((1, 2), [1, 2], True, False, False),
]


@pytest.mark.parametrize(("expected", "value", "by_strict", "by_lcb", "by_sky_t1"), RETURNED)
def test_returned(expected, value, by_strict, by_lcb, by_sky_t1):
    assert returned(expected, value) is by_strict
    assert COMPARATORS["lcb"].returned(expected, value) is by_lcb
    assert COMPARATORS["sky-t1"].returned(expected, value) is by_sky_t1


TOKENS = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1)
LINES = st.lists(st.lists(TOKENS, min_size=1), min_size=1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def laid_out(lines: list[list[str]], blank: str = " ", end: str = "\n") -> bytes:
    return "".join(blank.join(line) + end for line in lines).encode()


@given(LINES, st.sampled_from([" ", "  ", "\t", " \t "]), st.sampled_from(["\n", "\r\n", " \n", "\n\n", "\n \n"]))
def test_strict_looks_past_blanks_and_empty_lines(lines, blank, end):
    assert strict(laid_out(lines), laid_out(lines, blank, end))


@given(LINES, LINES)
def test_strict_takes_no_other_text(one, other):
    same = [list(map(ignoring_floats, line)) for line in one] == [list(map(ignoring_floats, line)) for line in other]
    assert same or not strict(laid_out(one), laid_out(other))


def ignoring_floats(token: str) -> object:
    try:
        return round(float(token), 5)
    except (ValueError, OverflowError):
        return token


@given(st.lists(st.integers(), min_size=2), st.randoms())
def test_strict_minds_order_and_number(values, random):
    expected = " ".join(map(str, values)).encode()
    shuffled = random.sample(values, len(values))
    assert strict(expected, " ".join(map(str, shuffled)).encode()) == (shuffled == values)
    assert not strict(expected, " ".join(map(str, values[1:])).encode())


@given(FLOATS, FLOATS)
def test_strict_is_as_close_as_the_tolerance(expected, near):
    close = abs(expected - near) <= 1e-6 * max(1.0, abs(expected))
    assert strict(repr(float(expected)).encode(), repr(near).encode()) == close
    assert returned(float(expected), near) == close


@given(st.integers(), st.integers())
def test_integers_are_exact(expected, near):
    assert strict(str(expected).encode(), str(near).encode()) == (expected == near)
    assert returned(expected, near) == (expected == near)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_a_value_equals_itself(value):
    assert returned(value, json.loads(json.dumps(value)))


@given(JSON, JSON)
def test_values_of_other_structure_are_unequal(one, other):
    def shape(value):
        if isinstance(value, list):
            return [shape(item) for item in value]
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        return 0 if isinstance(value, int | float) else value

    assert shape(one) == shape(other) or not returned(one, other)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_output_is_beyond_a_comparator(expected, printed):
    for comparator in COMPARATORS.values():
        assert comparator.printed(expected, printed) in (True, False)
        assert comparator.printed(expected, expected) is True
