"""When a program's output is the expected one. Which comparator decides is in the config, and in the grader's name."""

import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from skymake.sandbox.wire import Ending

NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
FLOAT = re.compile(rb"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?")
TOLERANCE = 1e-6  # absolute below 1, relative above


class Comparator(NamedTuple):
    """printed(expected, given): of a script's output. returned(expected, given): of a function's value, as JSON has it.

    last_block: whether the program is the last block of a text, whatever that is. forgiven: endings that pass a test.
    """

    printed: Callable[[bytes, bytes], bool]
    returned: Callable[[Any, Any], bool]
    last_block: bool = False
    forgiven: frozenset[Ending] = frozenset()


def strict_printed(expected: bytes, given: bytes) -> bool:
    """The same tokens on the same lines; empty lines and blanks do not count.

    A number may be off by TOLERANCE where the expected one is a float, that is, has a point or an exponent.
    """
    if expected == given:
        return True
    wanted, got = _tokens(expected), _tokens(given)
    return len(wanted) == len(got) and all(
        len(one) == len(other) and all(map(_same_token, one, other)) for one, other in zip(wanted, got, strict=True)
    )


def strict_returned(expected: Any, given: Any) -> bool:
    """Equal values of equal shape; floats as in `strict_printed`. A tuple has become a list."""
    if isinstance(expected, list | tuple):
        return isinstance(given, list) and len(expected) == len(given) and all(map(strict_returned, expected, given))
    if isinstance(expected, dict):
        return (
            isinstance(given, dict)
            and {str(key) for key in expected} == set(given)
            and all(strict_returned(value, given[str(key)]) for key, value in expected.items())
        )
    if isinstance(expected, float) and isinstance(given, int | float):
        return _close(expected, given)
    return expected == given


def lcb_printed(expected: bytes, given: bytes) -> bool:
    """LiveCodeBench's own: as many lines, each the same text, or the same decimal numbers."""
    wanted, got = _stripped_lines(expected), _stripped_lines(given)
    return len(wanted) == len(got) and all(
        one == other or (_decimals(one) is not None and _decimals(one) == _decimals(other))
        for one, other in zip(wanted, got, strict=True)
    )


def lcb_returned(expected: Any, given: Any) -> bool:
    """LiveCodeBench's own: equal in Python, a tuple counting as a list."""
    return given == expected


def sky_t1_printed(expected: bytes, given: bytes) -> bool:
    """As loose as the grader of Sky-T1's published APPS rows: sets of lines, each a set of words, to three decimals."""
    return _word_sets(expected) == _word_sets(given)


def sky_t1_returned(expected: Any, given: Any) -> bool:
    """As loose as the grader of Sky-T1's published APPS rows: the value, a list of it, or its first item."""
    return given in (expected, [expected]) or (isinstance(expected, list) and bool(expected) and given == expected[0])


COMPARATORS = {
    "strict": Comparator(strict_printed, strict_returned),
    "lcb": Comparator(lcb_printed, lcb_returned, last_block=True),
    # ASSUME: only for comparison with the published numbers. The original's codes for failures were truthy, so programs
    # that did not compile, crashed or ran out of time passed.
    "sky-t1": Comparator(
        sky_t1_printed,
        sky_t1_returned,
        last_block=True,
        forgiven=frozenset({Ending.COMPILE_ERROR, Ending.RUNTIME_ERROR, Ending.MEMORY_LIMIT, Ending.TIME_LIMIT}),
    ),
}


def _tokens(output: bytes) -> list[list[bytes]]:
    return [tokens for line in output.splitlines() if (tokens := line.split())]


def _same_token(expected: bytes, given: bytes) -> bool:
    if expected == given:
        return True
    if not FLOAT.fullmatch(expected) or not NUMBER.fullmatch(given):
        return False
    return _close(float(expected), float(given))


def _close(expected: float, given: float) -> bool:
    try:
        return math.isfinite(expected) and abs(expected - given) <= TOLERANCE * max(1.0, abs(expected))
    except OverflowError:  # an integer beyond all floats
        return False


def _stripped_lines(output: bytes) -> list[bytes]:
    return [line.strip() for line in output.strip().split(b"\n")]


def _decimals(line: bytes) -> list[Decimal] | None:
    try:
        found = [Decimal(token.decode()) for token in line.split()]
    except (InvalidOperation, UnicodeDecodeError):
        return None
    return None if any(number.is_snan() for number in found) else found  # `sNaN` refuses every comparison


def _word_sets(output: bytes) -> frozenset[frozenset[bytes | float]]:
    return frozenset(frozenset(_rounded(tokens)) for tokens in _tokens(output))


def _rounded(tokens: Iterable[bytes]) -> Iterable[bytes | float]:
    return (round(float(token), 3) if NUMBER.fullmatch(token) else token for token in tokens)
