"""When an answer equals the key: by notation as far as that goes, by algebra for what is left."""

import re
from collections.abc import Callable
from enum import Enum
from fractions import Fraction

from skymake.grading.notation import TEXT, Answer, Expression, Group, Relation, Words, clean, read
from skymake.grading.numerals import Number, number_word, same_number

SYNONYMS = {
    "infinite": r"\infty", "infinity": r"\infty", "infinitely many": r"\infty", "none": "no solution",
    "no solutions": "no solution", "no real solution": "no solution", "no real solutions": "no solution",
    "does not exist": "no solution", "dne": "no solution", "empty set": "no solution", r"\emptyset": "no solution",
    "true": "yes", "false": "no",
}  # fmt: skip
LONE_BRACES = re.compile(r"(?<!\\)\{(\w)\}")
SETS = {"()", "[]", "[)", "(]", "u", "{}"}


class Equality(Enum):
    """What a comparison found. UNDECIDED: the key is nothing that can be compared with, or no proof was found."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


EQUAL, DIFFERENT, UNDECIDED = Equality
Algebra = Callable[[str, str], Equality]  # of a key and an answer, each the LaTeX of one expression, relation or set


class NeedsAlgebra(Exception):
    """A comparison cannot be decided by notation alone."""


def no_algebra(key: str, answer: str) -> Equality:
    """The `Algebra` of the fast path: there is none."""
    raise NeedsAlgebra


def compare(key: str, answer: str, algebra: Algebra = no_algebra) -> Equality:
    """Whether `answer` says what `key` says. Raises NeedsAlgebra where that takes algebra and none is given.

    Two missing answers are not equal: an empty key is UNDECIDED.
    """
    key, answer = clean(key), clean(answer)
    if not squeezed(key):
        return UNDECIDED
    if squeezed(key) == squeezed(answer):
        return EQUAL
    return _compare(*_same_reading(read(key), read(answer)), algebra)


def squeezed(text: str) -> str:
    """Cleaned text without white space, text commands and needless braces: equal text is an equal answer."""
    return LONE_BRACES.sub(r"\1", re.sub(r"\s", "", TEXT.sub(r"\1", text)))


def _same_reading(key: Answer, answer: Answer) -> tuple[Answer, Answer]:
    """Read `1,22` as the decimal of a comma country, and `100,200` as a list, where the other side is written so."""
    return _read_like(key, answer), _read_like(answer, key)


def _read_like(one: Answer, other: Answer) -> Answer:
    if isinstance(other, Group) and isinstance(one, Expression) and re.fullmatch(r"\d{1,3}(,\d{3})+", one.latex):
        return Group(one.latex, ",", tuple(read(part) for part in one.latex.split(",")))
    if (
        isinstance(other, Expression)
        and other.number
        and other.number.decimals
        and re.fullmatch(r"-?\d+,\d+", one.latex)
    ):
        return read(one.latex.replace(",", "."))
    return one


def _compare(key: Answer, answer: Answer, algebra: Algebra) -> Equality:
    if _are_alternatives(key) or _are_alternatives(answer):
        return algebra(key.latex, answer.latex)
    if isinstance(key, Relation) or isinstance(answer, Relation):
        return _compare_relations(key, answer, algebra)
    if isinstance(key, Group) or isinstance(answer, Group):
        return _compare_groups(key, answer, algebra)
    if isinstance(key, Words) or isinstance(answer, Words):
        return _compare_words(key, answer)
    if key.unit and answer.unit and key.unit != answer.unit:
        return DIFFERENT
    if key.number is not None and answer.number is not None:
        return EQUAL if same_number(key.number, answer.number) else DIFFERENT
    return algebra(key.latex, answer.latex)


def _are_alternatives(answer: Answer) -> bool:
    """Whether an answer is several inequalities, one of which holds: together they describe one set."""
    return (
        isinstance(answer, Group)
        and " or " in answer.latex
        and all(isinstance(item, Relation) and item.operator != "=" for item in answer.items)
    )


def _compare_words(key: Answer, answer: Answer) -> Equality:
    meant, said = _meaning(key), _meaning(answer)
    if isinstance(meant, Number) and isinstance(said, Number):
        return EQUAL if same_number(meant, said) else DIFFERENT
    if meant == said:
        return EQUAL
    sentences = isinstance(key, Words) and isinstance(answer, Words) and len(key.text.split()) > 2
    return UNDECIDED if sentences else DIFFERENT  # two sentences may say the same


def _meaning(answer: Answer) -> str | Number:
    """What words stand for: a number, a synonym, or their letters."""
    if isinstance(answer, Words):
        value = number_word(answer.text)
        return SYNONYMS.get(answer.text, answer.text) if value is None else Number(Fraction(value))
    return answer.number or SYNONYMS.get(answer.latex, answer.latex.casefold())


def _compare_relations(key: Answer, answer: Answer, algebra: Algebra) -> Equality:
    if isinstance(key, Relation) and isinstance(answer, Relation):
        if key.names and answer.names and squeezed(key.left) == squeezed(answer.left):
            return _compare(key.right, answer.right, algebra)
        return algebra(key.latex, answer.latex)
    if isinstance(key, Relation) and key.operator == "=":
        return _compare(key.right, answer, algebra) if key.names else DIFFERENT
    if isinstance(answer, Relation) and answer.operator == "=":
        return _compare(key, answer.right, algebra)
    return algebra(key.latex, answer.latex)


def _compare_groups(key: Answer, answer: Answer, algebra: Algebra) -> Equality:
    kinds = {side.brackets if isinstance(side, Group) else "" for side in (key, answer)}
    if "" in kinds:
        return _compare_with_single(key, answer, algebra)
    if kinds <= {",", "{}"} or kinds == {"u"}:
        return _compare_unordered(key.items, answer.items, algebra)
    if len(kinds) == 1 or kinds == {",", "()"} or (kinds == {"()", "[]"} and len(key.items) != 2):
        return _compare_ordered(key.items, answer.items, algebra)
    return algebra(key.latex, answer.latex) if "u" in kinds and kinds <= SETS else DIFFERENT


def _compare_with_single(key: Answer, answer: Answer, algebra: Algebra) -> Equality:
    """A group and something that is none: `\\{5\\}` is 5; a matrix or a set may be computed."""
    group, single = (key, answer) if isinstance(key, Group) else (answer, key)
    if len(group.items) == 1 and group.brackets == "{}":
        pair = (group.items[0], single) if group is key else (single, group.items[0])
        return _compare(*pair, algebra)
    if isinstance(single, Expression) and single.number is None and group.brackets in SETS | {"matrix"}:
        return algebra(key.latex, answer.latex)
    return DIFFERENT


def _compare_ordered(key: tuple[Answer, ...], answer: tuple[Answer, ...], algebra: Algebra) -> Equality:
    if len(key) != len(answer):
        return DIFFERENT
    found = [_compare(*_same_reading(*pair), algebra) for pair in zip(key, answer, strict=True)]
    return next((outcome for outcome in (DIFFERENT, UNDECIDED) if outcome in found), EQUAL)


def _compare_unordered(key: tuple[Answer, ...], answer: tuple[Answer, ...], algebra: Algebra) -> Equality:
    if len(key) != len(answer):
        return DIFFERENT
    left = sorted(answer, key=_rank)
    for item in sorted(key, key=_rank):
        outcomes = []
        for other in left:
            outcomes.append(_compare(item, other, algebra))
            if outcomes[-1] is EQUAL:
                left.remove(other)
                break
        else:
            return UNDECIDED if UNDECIDED in outcomes else DIFFERENT
    return EQUAL


def _rank(item: Answer) -> tuple[Fraction, str]:
    """An order that puts equal numbers at equal places, so that matching two long lists takes one pass."""
    number = item.number if isinstance(item, Expression) else None
    return (number.value if number else Fraction(0), item.latex)
