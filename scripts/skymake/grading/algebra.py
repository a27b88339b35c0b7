"""Equality of single expressions by computer algebra. Runs only in confined workers: it is fed what models wrote.

math-verify's parser turns LaTeX into SymPy; its comparison has absolute tolerances (1/2004! = 1/2006!), so equality is
decided here: values of constants and of functions at random points, to 50 digits, relative to their size.
"""

import logging
import random

import sympy
from math_verify import LatexExtractionConfig, parse, verify
from sympy.core.relational import Relational

from skymake.grading.equality import DIFFERENT, EQUAL, UNREADABLE, Equality, rounds_to
from skymake.grading.notation import number

DIGITS = 50
POINTS = 6
logging.getLogger("math_verify").setLevel(logging.ERROR)
CONFIG = [LatexExtractionConfig()]


def equal(key: str, answer: str) -> Equality:
    """Whether two expressions (or relations, or sets) in LaTeX are equal; UNREADABLE when the key cannot be parsed."""
    sympy.core.random.seed(0)
    random.seed(0)
    key_read, answer_read = parsed(key), parsed(answer)
    if key_read is None:
        return UNREADABLE
    if answer_read is None:
        return DIFFERENT
    if isinstance(key_read, sympy.Expr) and isinstance(answer_read, sympy.Expr):
        shown = number(key)
        if shown is not None and shown.decimals and not answer_read.free_symbols:
            return EQUAL if rounds(answer_read, shown) else DIFFERENT
        if (found := same_values(exact(key_read), exact(answer_read))) is not None:
            return EQUAL if found else DIFFERENT
        return DIFFERENT
    if (
        isinstance(key_read, Relational)
        and isinstance(answer_read, Relational)
        and key_read.free_symbols != answer_read.free_symbols
    ):
        return DIFFERENT
    same = verify(key_read, answer_read, timeout_seconds=None, allow_set_relation_comp=True)
    return EQUAL if same else DIFFERENT


def parsed(latex: str):
    found = parse(f"${latex}$", CONFIG, fallback_mode="no_fallback", parsing_timeout=None)
    return found[0] if found else None


def exact(expression: sympy.Expr) -> sympy.Expr:
    """The expression with its decimals as the fractions they were written as."""
    return expression.xreplace({float_: sympy.Rational(str(float_)) for float_ in expression.atoms(sympy.Float)})


def rounds(answer: sympy.Expr, shown) -> bool:
    value = answer.doit().evalf(DIGITS)
    if not value.is_Float and not value.is_Rational:
        return False
    return sympy.Rational(value) == sympy.Rational(shown.value) or rounds_to(sympy.Rational(value), shown)


def same_values(key: sympy.Expr, answer: sympy.Expr) -> bool | None:
    """Equality of values at random points of all their variables; None when too few points have values."""
    symbols = sorted(key.free_symbols | answer.free_symbols, key=str)
    compared = 0
    for _ in range(4 * POINTS if symbols else 1):
        point = {symbol: sympy.Rational(random.randint(-3000, 3000), 997) for symbol in symbols}
        one, other = value(key, point), value(answer, point)
        if one is None or other is None:
            continue
        if abs(one - other) > sympy.Float(10, DIGITS) ** (10 - DIGITS) * max(abs(one), abs(other)):
            return False
        compared += 1
        if compared == POINTS:
            break
    return True if compared >= (3 if symbols else 1) else None


def value(expression: sympy.Expr, point: dict):
    """The complex value at a point, to DIGITS digits; None where there is none."""
    found = expression.xreplace(point).doit().evalf(DIGITS)
    return (
        found
        if found.is_number and found.is_finite and found.as_real_imag()[0].is_Float | found.is_Rational | True
        else None
    )
