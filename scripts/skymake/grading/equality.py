"""When an answer equals the key: by structure first, and by algebra only for single expressions."""

import re
from collections.abc import Callable
from enum import Enum
from fractions import Fraction

from skymake.grading.notation import Answer, Expression, Group, Number, Relation, Words, read

SYNONYMS = {
    "infinite": r"\infty", "infinity": r"\infty", "infinitely many": r"\infty", "none": "no solution",
    "no solutions": "no solution", "no real solution": "no solution", "no real solutions": "no solution",
    "does not exist": "no solution", "dne": "no solution", "empty set": "no solution", r"\emptyset": "no solution",
}  # fmt: skip
UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()  # noqa: E501
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
KEY_DECIMALS = 3  # a decimal key of at least so many decimals stands for every value that rounds or cuts to it


class Equality(Enum):
    """What a comparison found. UNREADABLE: the key is nothing that can be compared with."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"


EQUAL, DIFFERENT, UNREADABLE = Equality
Algebra = Callable[[str, str], Equality]  # key and answer as LaTeX of one expression or relation


class NeedsAlgebra(Exception):
    """A comparison cannot be decided by its notation alone."""


def notation_only(key: str, answer: str) -> Equality:
    """The `Algebra` of the fast path: it knows none."""
    raise NeedsAlgebra


def compare(key: str, answer: str, algebra: Algebra = notation_only) -> Equality:
    """Whether `answer` is the answer that `key` states. Raises NeedsAlgebra when that takes algebra and none is given."""
    if squeezed(key) == squeezed(answer):
        return EQUAL if squeezed(key) else UNREADABLE
    return _compare(*_same_reading(read(key), read(answer)), algebra)


def squeezed(text: str) -> str:
    """Text without white space and outer dollars: equal text is an equal answer whatever it means."""
    return re.sub(r"\s", "", text.strip().strip("$"))


def _same_reading(key: Answer, answer: Answer) -> tuple[Answer, Answer]:
    """Let `1,22` be the decimal of a comma country, and `100,200` a list, where the other side says so."""
    for one, other, swapped in ((key, answer, False), (answer, key, True)):
        if isinstance(one, Group) and one.brackets == "," and len(one.items) == 2 and _decimals(other):
            whole, part = (item.latex if isinstance(item, Expression) else "" for item in one.items)
            if re.fullmatch(r"-?\d+", whole) and re.fullmatch(r"\d+", part):
                one = read(f"{whole}.{part}")
        elif isinstance(other, Group) and isinstance(one, Expression) and re.fullmatch(r"\d{1,3}(,\d{3})+", one.latex):
            one = Group(",", tuple(read(part) for part in one.latex.split(",")))
        key, answer = (other, one) if swapped else (one, other)
    return key, answer


def _decimals(answer: Answer) -> bool:
    return isinstance(answer, Expression) and answer.number is not None and bool(answer.number.decimals)


def _compare(key: Answer, answer: Answer, algebra: Algebra) -> Equality:
    if isinstance(key, Relation) or isinstance(answer, Relation):
        return _compare_relations(key, answer, algebra)
    if isinstance(key, Group) or isinstance(answer, Group):
        return _compare_groups(key, answer, algebra)
    if isinstance(key, Words) or isinstance(answer, Words):
        return _compare_words(key, answer, algebra)
    if key.number is not None and answer.number is not None:
        return EQUAL if same_number(key.number, answer.number) else DIFFERENT
    return algebra(key.latex, answer.latex)


def same_number(key: Number, answer: Number) -> bool:
    """Exact equality, but for two readings: a percentage is its value or its number of percents (never only one side
    of a factor 100 without a sign), and a decimal key of some length may be a rounded one."""
    values = {answer.value}
    if key.percent != answer.percent:
        values |= {answer.value / 100} if answer.percent else {answer.value * 100}
    return any(value == key.value or rounds_to(value, key) for value in values)


def rounds_to(value: Fraction, key: Number) -> bool:
    """Whether a decimal key is `value` rounded, or cut, to the digits it shows."""
    if key.decimals is None or key.decimals < KEY_DECIMALS:
        return False
    shown = abs(key.value) * 10**key.decimals
    exact = abs(value) * 10**key.decimals
    return (value >= 0) == (key.value >= 0) and (int(exact) == shown or int(exact + Fraction(1, 2)) == shown)


def _compare_words(key: Answer, answer: Answer, algebra: Algebra) -> Equality:
    key_value, answer_value = _meaning(key), _meaning(answer)
    if key_value == answer_value:
        return EQUAL
    if isinstance(key_value, Number) and isinstance(answer_value, Number):
        return EQUAL if same_number(key_value, answer_value) else DIFFERENT
    if isinstance(key, Words) and len(key.text.split()) > 2 and isinstance(answer, Words):
        return UNREADABLE  # two sentences may say the same
    return DIFFERENT


def _meaning(answer: Answer) -> str | Number:
    """What words stand for: a number, a synonym, or their letters."""
    if isinstance(answer, Words):
        value = number_word(answer.text)
        return Number(Fraction(value)) if value is not None else SYNONYMS.get(answer.text, answer.text)
    text = answer.latex.strip()
    return answer.number or SYNONYMS.get(text, text.casefold().strip("()"))


def number_word(text: str) -> int | None:
    """The value of an English number word up to 999,999: `six`, `one hundred`, `twenty-one`. None for other words."""
    total = current = 0
    for word in text.replace("-", " ").replace(" and ", " ").split():
        if word in UNITS:
            current += UNITS.index(word)
        elif word in TENS:
            current += 10 * (TENS.index(word) + 2)
        elif word == "hundred":
            current = (current or 1) * 100
        elif word == "thousand":
            total, current = (current or 1) * 1000, 0
        else:
            return None
    return total + current if text else None


def _compare_relations(key: Answer, answer: Answer, algebra: Algebra) -> Equality:
    if isinstance(key, Relation) and isinstance(answer, Relation):
        if key.is_assignment and answer.is_assignment and key.left.replace(" ", "") == answer.left.replace(" ", ""):
            return _compare(key.right, answer.right, algebra)
        return algebra(key.latex, answer.latex)
    if isinstance(key, Relation) and key.operator == "=":
        return _compare(key.right, answer, algebra) if key.is_assignment else DIFFERENT
    if isinstance(answer, Relation) and answer.operator == "=":
        return _compare(key, answer.right, algebra)
    return algebra(_latex(key), _latex(answer))


def _compare_groups(key: Answer, answer: Answer, algebra: Algebra) -> Equality:
    key_brackets, answer_brackets = (side.brackets if isinstance(side, Group) else "" for side in (key, answer))
    if {key_brackets, answer_brackets} <= {",", "{}"} or key_brackets == answer_brackets == "u":
        return _compare_unordered(key.items, answer.items, algebra)
    if not key_brackets or not answer_brackets:
        group, single = (key, answer) if key_brackets else (answer, key)
        if group.brackets == "{}" and len(group.items) == 1:
            return _compare(*((group.items[0], single) if group is key else (single, group.items[0])), algebra)
        return algebra(_latex(key), _latex(answer)) if _is_set(group) and _is_algebraic(single) else DIFFERENT
    if "u" in (key_brackets, answer_brackets):
        return algebra(_latex(key), _latex(answer))
    ordered = {key_brackets, answer_brackets}
    if len(ordered) == 1 or ordered == {",", "()"} or (ordered == {"()", "[]"} and len(key.items) != 2):
        return _compare_ordered(key.items, answer.items, algebra)
    return DIFFERENT


def _is_set(group: Group) -> bool:
    return group.brackets in ("()", "[]", "[)", "(]", "u", "{}")


def _is_algebraic(single: Answer) -> bool:
    return isinstance(single, Expression) and single.number is None


def _compare_ordered(key: tuple[Answer, ...], answer: tuple[Answer, ...], algebra: Algebra) -> Equality:
    if len(key) != len(answer):
        return DIFFERENT
    found = [_compare(*pair, algebra) for pair in zip(key, answer, strict=True)]
    return next((outcome for outcome in (UNREADABLE, DIFFERENT) if outcome in found), EQUAL)


def _compare_unordered(key: tuple[Answer, ...], answer: tuple[Answer, ...], algebra: Algebra) -> Equality:
    if len(key) != len(answer):
        return DIFFERENT
    left = list(answer)
    for item in key:
        match = next((other for other in left if _compare(item, other, algebra) is EQUAL), None)
        if match is None:
            return DIFFERENT
        left.remove(match)
    return EQUAL


def _latex(answer: Answer) -> str:
    """The LaTeX of an answer again, for algebra on sets."""
    match answer:
        case Expression(latex=latex) | Relation(latex=latex):
            return latex
        case Words(text=text):
            return rf"\text{{{text}}}"
        case Group(brackets="u", items=items):
            return r" \cup ".join(map(_latex, items))
        case Group(brackets=",", items=items):
            return r"\{" + ", ".join(map(_latex, items)) + r"\}"
        case Group(brackets=brackets, items=items):
            left, right = (f"\\{side}" if side in "{}" else side for side in brackets) if len(brackets) == 2 else "()"
            return left + ", ".join(map(_latex, items)) + right
