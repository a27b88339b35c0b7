"""How an answer is written: LaTeX or plain text -> number, word, expression, relation, tuple, interval, set, matrix.

Brackets decide what an answer is before any algebra: `(0,1)` is not `[0,1]`, `(1,2)` is not `\\{1,2\\}`, `1,2` is not `12`.
Only what is left inside, one expression at a time, ever needs a computer algebra system.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

MAX_DIGITS = 4000  # longer numbers are compared as text, so that no quadratic arithmetic is done on what a model wrote
MAX_DEPTH = 40  # deeper nesting than any answer has


@dataclass(frozen=True)
class Expression:
    """One expression, as cleaned LaTeX. `number` is its exact value when it is a plain number."""

    latex: str
    number: "Number | None" = None


@dataclass(frozen=True)
class Number:
    """An exact value. decimals: digits behind the point as written, None for an integer or a fraction.

    percent: written with a percent sign (which `value` does not apply).
    """

    value: Fraction
    decimals: int | None = None
    percent: bool = False


@dataclass(frozen=True)
class Words:
    """Plain text, in lower case: `even`, `no solution`."""

    text: str


@dataclass(frozen=True)
class Group:
    """Things in brackets: `()`, `[]`, `[)`, `(]`, `{}`; a bare list `,`; a union of sets `u`; `matrix` of rows."""

    brackets: str
    items: tuple["Answer", ...]


@dataclass(frozen=True)
class Relation:
    """`left operator right`. An assignment (`x = 5`, `f(x) = 2x`, `(p, q) = (3, 2)`) names what it gives a value."""

    left: str
    operator: str
    right: "Answer"
    latex: str

    @property
    def is_assignment(self) -> bool:
        return self.operator == "=" and NAME.fullmatch(self.left) is not None


Answer = Expression | Words | Group | Relation

SYMBOLS = str.maketrans(
    {
        "\u2212": "-", "\u2013": "-", "\u00d7": r"\times ", "\u00b7": r"\cdot ", "\u00f7": "/", "\u03c0": r"\pi ",
        "\u221e": r"\infty ", "\u2264": r"\le ", "\u2265": r"\ge ", "\u2260": r"\ne ", "\u221a": r"\sqrt ",
        "\u00b2": "^2", "\u00b3": "^3", "\u00b0": r"^\circ ", "\u00b1": r"\pm ", "\u222a": r"\cup ", "\u2208": r"\in ",
        "\u2205": r"\emptyset ", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\uff0c": ",", "\u3002": ".",
    }
)  # fmt: skip
REWRITES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in [
        (r"\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])\s*\.?(?=[\\()\[\]|{}.<>])", ""),
        (r"\\(?:displaystyle|textstyle|limits|nolimits|normalsize|large|Large)(?![a-zA-Z])", ""),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:lbrace)(?![a-zA-Z])", r"\\{"),
        (r"\\(?:rbrace)(?![a-zA-Z])", r"\\}"),
        (r"\\(?:leq|leqslant)(?![a-zA-Z])", r"\\le "),
        (r"\\(?:geq|geqslant)(?![a-zA-Z])", r"\\ge "),
        (r"\\neq(?![a-zA-Z])", r"\\ne "),
        (r"(?<!\\)<=", r"\\le "),
        (r"(?<!\\)>=", r"\\ge "),
        (r"!=", r"\\ne "),
        (r"\\(?:varnothing|O)(?![a-zA-Z])", r"\\emptyset "),
        (r"(\d)\{,\}\s*(?=\d{3}(?!\d))", r"\1"),
        (r"(\d),\s*\\!\s*(?=\d{3}(?!\d))", r"\1"),
        (r"(?<=\d)\\[,;:! ]\s*(?=\d{3}(?!\d))", ""),
        (r"\\[!,;:>]|\\(?:quad|qquad|thinspace|enspace)(?![a-zA-Z])|\\ |~", " "),
        (r"\\degree(?![a-zA-Z])|\^\s*\{\s*\\circ\s*\}", r"^\\circ "),
        (r"\\(?:text|mbox|textrm|mathrm|operatorname)\s*\{\s*(and|or)\s*\}", r", "),
        (r"\\?(?:\$|\u20ac|\u00a3|\u00a5)", ""),
        (r"\s+", " "),
    ]
]
TEXT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|normal)?|mbox|mathrm|mathbf|mathsf|boldsymbol|bf|rm|hbox)\s*\{([^{}]*)\}"
)
UNIT = re.compile(
    r"(?:\\(?:text(?:bf|it|rm)?|mbox|mathrm)\s*\{[^{}]*\}(?:\s*\^\s*(?:\{?-?\d\}?))?"
    r"|\^\\circ\s*(?:[CFK]\b)?"
    r"|(?<=[\d}\s])\s*(?:degrees?|radians?|units?|cm|mm|km|meters?|metres?|m|feet|ft|inch(?:es)?|hours?|minutes?|seconds?"
    r"|days?|years?|dollars?|cents?|percent(?:age)?|pct)(?:\s*\^\s*\{?\d\}?)?)\s*$"
)
PERCENT = re.compile(r"\s*(?:\\?%|\\text\{\s*(?:percent|pct|percentage)\s*\}|(?<=\d)\s*(?:percent(?:age)?|pct))\s*$")
INTEGER = r"\d+|\d{1,3}(?:[, ]\d{3})+"
PLAIN = re.compile(rf"(?P<sign>[-+]?)\s*(?P<whole>{INTEGER})?(?:\.(?P<part>\d*))?")
RATIO = re.compile(
    rf"(?P<sign>[-+]?)\s*(?P<mixed>\d+(?=\s*\\frac))?\s*"
    rf"(?:\\frac\s*(?:\{{\s*(?P<minus>-?)\s*(?P<top>{INTEGER})\s*\}}|(?P<top1>\d))\s*(?:\{{\s*(?P<bottom>{INTEGER})\s*\}}|(?P<bottom1>\d))"
    rf"|(?P<over>{INTEGER})\s*/\s*(?P<under>{INTEGER}))"
)
POWER = re.compile(
    r"(?:(?P<factor>[-+]?\d+(?:\.\d+)?)\s*(?:\\times|\\cdot|\*)\s*)?(?P<base>\d{1,6})\s*\^\s*(?:\{\s*(?P<exp>-?\d{1,3})\s*\}|(?P<exp1>\d))"
)
NAME = re.compile(
    r"\\?[a-zA-Z]+(?:_\{?\w+\}?)?'?|[a-zA-Z]+\s*\([\w, ]+\)|\(\s*[a-zA-Z](?:_\{?\w+\}?)?(?:\s*,\s*[a-zA-Z](?:_\{?\w+\}?)?)*\s*\)"
)
OPERATOR = re.compile(r"\\(?:le|ge|ne|approx|equiv|in|to)(?![a-zA-Z])|[=<>]")
SEPARATOR = re.compile(r"[,;]|\s(?:and|or)\s")
CUP = re.compile(r"\\cup(?![a-zA-Z])")
PLUS_MINUS = re.compile(r"\\pm(?![a-zA-Z])\s*|\\mp(?![a-zA-Z])\s*")
OPENING, CLOSING = {"(", "[", r"\{"}, {")", "]", r"\}"}
BRACKET = re.compile(r"\\[{}]|\\[a-zA-Z]+|\\.|[()\[\]{}]")
MATRIX = re.compile(r"\\begin\{([pbvBV]?matrix|array)\}(?:\{[^{}]*\})?(.*)\\end\{\1\}", re.DOTALL)
WORD = re.compile(r"[a-zA-Z]{2,}")


def clean(text: str) -> str:
    """The same answer in one spelling: no spacing commands, no `\\left`, no currency, no final period."""
    text = (
        text.translate(SYMBOLS)
        .replace("$", "")
        .replace(r"\(", "")
        .replace(r"\)", "")
        .replace(r"\[", "")
        .replace(r"\]", "")
    )
    for pattern, replacement in REWRITES:
        text = pattern.sub(replacement, text)
    return text.strip().strip(".:").strip()


def number(text: str) -> Number | None:
    """The exact value of a plain number: `-7`, `1,000`, `0.25`, `3/4`, `5\\frac{1}{2}`, `2 \\times 10^{3}`, `12\\%`."""
    if len(text) > MAX_DIGITS:
        return None
    body = PERCENT.sub("", text)
    percent = body != text
    body = body.strip()
    if (plain := PLAIN.fullmatch(body)) and (plain["whole"] or plain["part"]):
        whole, part = re.sub("[, ]", "", plain["whole"] or "0"), plain["part"] or ""
        value = Fraction(int(whole + part), 10 ** len(part))
        return Number(-value if plain["sign"] == "-" else value, len(part) if part.strip("0") else None, percent)
    if ratio := RATIO.fullmatch(body):
        return _ratio(ratio, percent)
    if power := POWER.fullmatch(body):
        exponent = int(power["exp"] or power["exp1"])
        base = Fraction(int(power["base"]))
        if base or exponent >= 0:
            return Number(Fraction(power["factor"] or 1) * base**exponent, None, percent)
    return None


def _ratio(ratio: re.Match[str], percent: bool) -> Number | None:
    top, bottom = (re.sub("[, ]", "", part) for part in (
        ratio["top"] or ratio["top1"] or ratio["over"], ratio["bottom"] or ratio["bottom1"] or ratio["under"]
    ))  # fmt: skip
    if int(bottom) == 0:
        return None
    value = int(ratio["mixed"] or 0) + Fraction(int(top), int(bottom)) * (-1 if ratio["minus"] else 1)
    return Number(-value if ratio["sign"] == "-" else value, None, percent)


def split(text: str, separator: re.Pattern[str]) -> list[str]:
    """The parts of `text` between separators that stand outside all brackets."""
    parts, start, depth, brackets = [], 0, 0, iter(BRACKET.finditer(text))
    bracket = next(brackets, None)
    for found in separator.finditer(text):
        while bracket and bracket.start() < found.start():
            depth += (bracket.group() in OPENING | {"{"}) - (bracket.group() in CLOSING | {"}"})
            bracket = next(brackets, None)
        if depth == 0:
            parts.append(text[start : found.start()].strip())
            start = found.end()
    return [*parts, text[start:].strip()]


def enclosed(text: str) -> tuple[str, str] | None:
    """Brackets and content when one pair encloses the whole text; interval ends may differ, as in `[0, 1)`."""
    depth, opened = 0, ""
    for bracket in BRACKET.finditer(text):
        token = bracket.group()
        if token in OPENING or token == "{":
            opened = opened if depth else token
            if depth == 0 and bracket.start() != 0:
                return None
            depth += 1
        elif token in CLOSING or token == "}":
            depth -= 1
            if depth == 0:
                if bracket.end() != len(text) or (opened == "{") != (token == "}"):
                    return None
                return opened.strip("\\") + token.strip("\\"), text[len(opened) : bracket.start()].strip()
    return None


def read(text: str) -> Answer:
    """The structure of an answer. Never fails: what has none of the known structures is an `Expression`."""
    return _read(clean(text), 0)


def _read(text: str, depth: int) -> Answer:
    if depth > MAX_DEPTH or (value := number(text)) is not None:
        return Expression(text, None if depth > MAX_DEPTH else value)
    for structure in (_list, _bracketed, _matrix, _relation, _union, _plus_minus):
        if (found := structure(text, depth + 1)) is not None:
            return found
    return _leaf(text, depth)


def _list(text: str, depth: int) -> Group | None:
    parts = [part for part in split(text, SEPARATOR) if part]
    if len(parts) < 2 or any(
        WORD.search(part) and not OPERATOR.search(part) and " " in part for part in parts if "\\" not in part
    ):
        return None
    return Group(",", tuple(_read(part, depth) for part in parts))


def _bracketed(text: str, depth: int) -> Answer | None:
    if (found := enclosed(text)) is None:
        return None
    brackets, content = found
    parts = [part for part in split(content, SEPARATOR) if part]
    if brackets == "{}" and text[0] == "{" or len(parts) == 1 and brackets in ("()", "[]"):
        return _read(content, depth)
    return Group(brackets, tuple(_read(part, depth) for part in parts)) if parts else None


def _matrix(text: str, depth: int) -> Group | None:
    if (found := MATRIX.fullmatch(text)) is None:
        return None
    rows = [row for row in re.split(r"\\\\|\\cr(?![a-zA-Z])", found[2]) if row.strip()]
    return Group(
        "matrix", tuple(Group("row", tuple(_read(cell.strip(), depth) for cell in row.split("&"))) for row in rows)
    )


def _relation(text: str, depth: int) -> Answer | None:
    operators = [found.group() for found in OPERATOR.finditer(text)]
    parts = split(text, OPERATOR)
    if len(parts) < 2 or not parts[-1] or len(parts) - 1 != len(operators):
        return None
    if operators == [r"\in"]:
        return _read(parts[-1], depth)
    if set(operators) <= {"=", r"\approx"}:  # a chain `x = 2 + 3 = 5` ends in what it says, an approximation follows it
        last = operators.index(r"\approx") if r"\approx" in operators else len(operators)
        return Relation(parts[0], "=", _read(parts[max(last, 1)], depth), text)
    return Relation(parts[0], operators[0] if len(operators) == 1 else "chain", Expression(parts[-1]), text)


def _union(text: str, depth: int) -> Group | None:
    parts = split(text, CUP)
    return Group("u", tuple(_read(part, depth) for part in parts)) if len(parts) > 1 and all(parts) else None


def _plus_minus(text: str, depth: int) -> Group | None:
    if not PLUS_MINUS.search(text):
        return None
    plus, minus = (PLUS_MINUS.sub(lambda sign: swap[sign.group().strip()], text) for swap in (
        {r"\pm": "+", r"\mp": "-"}, {r"\pm": "-", r"\mp": "+"}
    ))  # fmt: skip
    return Group(",", (_read(plus.strip().removeprefix("+"), depth), _read(minus.strip(), depth)))


def _leaf(text: str, depth: int) -> Answer:
    bare = UNIT.sub("", text).strip()
    if bare and bare != text:
        return _read(bare, depth + 1)
    words = TEXT.sub(r" \1 ", text)
    letters = re.sub(r"\\[a-zA-Z]+", "", words)
    if "\\" not in words and not re.search(r"[\d^_=+*/]", words) and (text != words or WORD.search(letters)):
        return Words(" ".join(re.sub(r"[^\w\s']", " ", words).casefold().split()))
    return Expression(text)
