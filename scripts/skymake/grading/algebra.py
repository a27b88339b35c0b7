"""Equality of single expressions, relations and sets by computer algebra. Runs in confined workers only: what it parses
was written by a model.

math-verify's parser turns LaTeX into SymPy. Its comparison has absolute tolerances (it takes 1/2004! for 1/2006!) and
takes any two planes for one, so equality is decided here, by values: of constants, and of functions at random points,
to many digits and relative to their size. Two expressions that agree so are equal; no simplification has to succeed.
"""

import functools
import logging
import random
import re
from collections.abc import Iterator

import sympy
from latex2sympy2_extended import NormalizationConfig
from latex2sympy2_extended.logic import And
from math_verify import LatexExtractionConfig, parse
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from skymake.grading.equality import DIFFERENT, EQUAL, UNDECIDED, Equality
from skymake.grading.notation import BRACKET, CLOSING, OPENING, TRIGONOMETRY
from skymake.grading.numerals import KEY_DECIMALS, number, rounds_to

DIGITS = 50
MORE_DIGITS = 1200  # tells 1 from 1 + 2^-2019
POINTS = 7
WHOLE = {"n": (10, 60), "m": (2, 30), "k": (1, 9)}  # ranges in which a binomial coefficient of two is not zero
MAX_NESTING = 100  # the parser's time is exponential in it
CONFIG = [  # units are notation's business: the parser would take the m of 37m/4 for metres
    LatexExtractionConfig(
        normalization_config=NormalizationConfig(
            basic_latex=True, malformed_operators=True, nits=True, units=False, boxed="none", equations=False
        )
    )
]
# What math-verify's parser misreads without an error: 0.\overline{3} as 0, 3 \pmod 7 as 7, y' as y, {x : x > 2} as
# {x/x > 2}, 12_5 as 12.
MISREAD = re.compile(
    r"\\overline\s*\{?\d|\\dot\s*\{?\d|\\[bp]?mod|\\equiv|\\[lc]?dots|\.\.\.|\w'|\\prime|\\mid|\d_"
    r"|\\\{\s*\w+\s*(?:\\in[^|:]*)?[:|]"
)
DEGREES = re.compile(r"(\d+(?:\.\d+)?)\s*\^\s*\\circ")
CAPITAL = re.compile(r"(?<![\\a-zA-Z])[A-Z](?![a-zA-Z])")

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its timers are off: these are outside


def equal(key: str, answer: str) -> Equality:
    """Whether two pieces of LaTeX are equal. UNDECIDED when the key cannot be parsed or nothing could be evaluated."""
    random.seed(0)
    sympy.core.random.seed(0)
    if (key_read := parsed(key)) is None:
        return UNDECIDED
    if (answer_read := parsed(answer)) is None:
        return UNDECIDED if MISREAD.search(answer) else DIFFERENT
    if isinstance(key_read, sympy.Expr) and isinstance(answer_read, sympy.Expr):
        return equal_expressions(key_read, answer_read, key)
    if isinstance(key_read, sympy.MatrixBase) and isinstance(answer_read, sympy.MatrixBase):
        return equal_matrices(key_read, answer_read)
    if is_relation(key_read) and is_relation(answer_read):
        return equal_relations(key_read, answer_read)
    return equal_sets(key_read, answer_read)


@functools.lru_cache(maxsize=1000)  # many answers share a key
def parsed(latex: str) -> sympy.Basic | sympy.MatrixBase | None:
    """LaTeX as SymPy with exact numbers; None for what the parser does not understand, or is known to misread."""
    if (plain := number(latex)) is not None and plain.base is None:
        return sympy.Rational(plain.value) / (100 if plain.percent else 1)
    if MISREAD.search(latex) or nesting(latex) > MAX_NESTING:
        return None
    latex = latex.replace(" or ", ", ")
    if TRIGONOMETRY.search(latex):
        latex = DEGREES.sub(r"\\frac{\1\\pi}{180}", latex)
    capitals = set(CAPITAL.findall(latex))
    if any(re.search(rf"(?<![\\a-zA-Z]){capital.lower()}(?![a-zA-Z])", latex) for capital in capitals):
        latex = CAPITAL.sub(lambda capital: f"{capital[0].lower()}_{{capital}}", latex)  # the parser lowers all letters
    found = parse(f"${latex}$", CONFIG, fallback_mode="no_fallback", parsing_timeout=None)
    if not found:
        return None
    return exact(found[0].doit() if isinstance(found[0], sympy.MatrixExpr) else found[0])


def nesting(latex: str) -> int:
    """How deep its brackets go."""
    deepest = depth = 0
    for bracket in BRACKET.finditer(latex):
        depth += 1 if bracket.group() in OPENING | {"{"} else -1 if bracket.group() in CLOSING | {"}"} else 0
        deepest = max(deepest, depth)
    return deepest


def exact(expression: sympy.Basic | sympy.MatrixBase) -> sympy.Basic | sympy.MatrixBase:
    """Decimals as the fractions they were written as, variables real, `i` the imaginary unit, unknown functions as
    variables, and odd roots of negative numbers negative.
    """
    meant: dict[sympy.Basic, sympy.Basic] = {
        symbol: sympy.I if symbol.name == "i" else sympy.Symbol(symbol.name, real=True)
        for symbol in expression.atoms(sympy.Symbol)
    }
    meant |= {decimal: sympy.Rational(str(decimal)) for decimal in expression.atoms(sympy.Float)}
    meant |= {function: sympy.Symbol(str(function), real=True) for function in expression.atoms(AppliedUndef)}
    meant |= {root: -((-root.base) ** root.exp) for root in expression.atoms(sympy.Pow) if is_odd_root(root)}
    return expression.xreplace(meant)


def is_odd_root(power: sympy.Pow) -> bool:
    return bool(power.exp.is_Rational and power.exp.p == 1 and power.exp.q % 2 and power.base.is_negative)


def equal_expressions(key: sympy.Expr, answer: sympy.Expr, written: str = "") -> Equality:
    """By value. A key written as a decimal of some length may be a rounded one."""
    if key == answer:
        return EQUAL
    shown = number(written)
    if shown is not None and (shown.decimals or 0) >= KEY_DECIMALS and not answer.free_symbols:
        found = value(answer, {}, DIGITS)
        if found is not None and found.is_real:
            return EQUAL if rounds_to(sympy.Rational(found), shown) else DIFFERENT
    symbols = sorted(key.free_symbols | answer.free_symbols, key=str)
    agreed = 0
    for point in points(symbols):
        same = same_value(key, answer, point)
        if same is False:
            return DIFFERENT
        agreed += same is True
        if agreed == (POINTS if symbols else 1):
            return EQUAL
    return UNDECIDED


def points(symbols: list[sympy.Symbol]) -> Iterator[dict[sympy.Symbol, sympy.Rational]]:
    """Random points to compare functions at; the one empty point for constants. `n`, `m` and `k` are whole numbers."""
    for _ in range(2 * POINTS if symbols else 1):
        yield {
            symbol: sympy.Integer(random.randint(*WHOLE[symbol.name]))
            if symbol.name in WHOLE
            else sympy.Rational(random.randint(-4000, 4000), 997)
            for symbol in symbols
        }


def same_value(key: sympy.Expr, answer: sympy.Expr, point: dict[sympy.Symbol, sympy.Rational]) -> bool | None:
    """Whether two expressions have one value at a point; None where either has none.

    Values that agree to DIGITS digits are compared again to MORE_DIGITS, and exactly when both are rational:
    2017^98 + 1 is not 2017^98, nor is 10^(10^9) + 1 = 10^(10^9).
    """
    for digits in (DIGITS, MORE_DIGITS):
        one, other = value(key, point, digits), value(answer, point, digits)
        if one is None or other is None:
            return None
        if one.is_infinite or other.is_infinite:
            return one == other
        if abs(one - other) > sympy.Float(10, digits) ** (15 - digits) * max(abs(one), abs(other)):
            return False
    one, other = key.xreplace(point), answer.xreplace(point)
    return sympy.simplify(one - other) == 0 if one.is_rational and other.is_rational else True


def value(expression: sympy.Expr, point: dict[sympy.Symbol, sympy.Rational], digits: int) -> sympy.Expr | None:
    """The complex value of an expression at a point, None where it has none. What rounding alone left over is zero."""
    found = expression.xreplace(point).evalf(digits)
    if not found.is_number or found.has(sympy.nan, sympy.zoo):
        return None
    if found.is_infinite:
        return found
    parts = [sympy.S.Zero if part.is_Float and part._prec == 1 else part for part in found.as_real_imag()]
    if not all(part.is_Float or part.is_Rational for part in parts):
        return None
    return parts[0] + sympy.I * parts[1]


def equal_matrices(key: sympy.MatrixBase, answer: sympy.MatrixBase) -> Equality:
    if key.shape != answer.shape:
        return DIFFERENT
    found = [equal_expressions(*pair) for pair in zip(key, answer, strict=True)]
    return next((outcome for outcome in (DIFFERENT, UNDECIDED) if outcome in found), EQUAL)


def is_relation(thing: sympy.Basic) -> bool:
    return isinstance(thing, Relational | And)


def equal_relations(key: sympy.Basic, answer: sympy.Basic) -> Equality:
    """Equations with one set of zeros; inequalities with one solution set, or proportional sides."""
    if key.free_symbols != answer.free_symbols:
        return DIFFERENT
    if isinstance(key, sympy.Eq) and isinstance(answer, sympy.Eq):
        return equal_equations(key.lhs - key.rhs, answer.lhs - answer.rhs)
    if len(key.free_symbols) == 1:
        return equal_sets(key, answer)
    if not isinstance(key, Relational) or not isinstance(answer, Relational):
        return UNDECIDED
    if answer.rel_op != key.rel_op:
        answer = answer.reversed
    if answer.rel_op != key.rel_op:
        return DIFFERENT
    return proportional(key.lhs - key.rhs, answer.lhs - answer.rhs, positive=key.rel_op != "!=")


def proportional(key: sympy.Expr, answer: sympy.Expr, positive: bool) -> Equality:
    """Whether one side is a constant multiple of the other: a positive one where the direction matters."""
    for point in points(sorted(key.free_symbols, key=str)):
        one, other = value(key, point, DIGITS), value(answer, point, DIGITS)
        if one and other:
            if positive and not (one / other).is_positive:
                return DIFFERENT
            return equal_expressions(key * answer.xreplace(point), answer * key.xreplace(point))
    return UNDECIDED


def equal_equations(key: sympy.Expr, answer: sympy.Expr) -> Equality:
    """Equations are one when their sides are proportional, or solved for a variable they say the same."""
    if proportional(key, answer, positive=False) is EQUAL:
        return EQUAL
    for symbol in sorted(key.free_symbols, key=str):
        try:
            solved = [sympy.solve(side, symbol) for side in (key, answer)]
        except NotImplementedError:
            continue
        if all(solved):
            return same_members(*solved)
    return UNDECIDED


def same_members(key: list[sympy.Expr], answer: list[sympy.Expr]) -> Equality:
    left = list(answer)
    for item in key:
        match = next((other for other in left if equal_expressions(item, other) is EQUAL), None)
        if match is None:
            return DIFFERENT
        left.remove(match)
    return DIFFERENT if left else EQUAL


def equal_sets(key: sympy.Basic, answer: sympy.Basic) -> Equality:
    """Sets, and relations in one variable as the sets they describe."""
    one, other = as_set(key), as_set(answer)
    if one is None or other is None:
        return DIFFERENT if (one is None) != (other is None) else UNDECIDED
    if isinstance(one, sympy.FiniteSet) and isinstance(other, sympy.FiniteSet):
        return same_members(list(one), list(other))
    return EQUAL if one == other or one.symmetric_difference(other).is_empty else DIFFERENT


def as_set(thing: sympy.Basic) -> sympy.Set | None:
    if isinstance(thing, And):
        thing = sympy.And(*thing._unsorted_args)
    if isinstance(thing, sympy.FiniteSet) and thing.args and all(is_relation(item) for item in thing.args):
        parts = [as_set(item) for item in thing.args]
        return None if None in parts else sympy.Union(*parts)
    if isinstance(thing, sympy.Set):
        return thing.doit() if isinstance(thing, sympy.Complement) else thing
    if isinstance(thing, sympy.logic.boolalg.Boolean) and len(thing.free_symbols) == 1:
        return thing.as_set()
    return None
