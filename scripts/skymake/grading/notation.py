"""How an answer is written: LaTeX or plain text -> words, expression, relation, tuple, interval, list, set or matrix.

Brackets decide what an answer is before any algebra: `(0,1)` is not `[0,1]`, `(1,2)` is not `\\{1,2\\}`, `1,2` is not
`12`. Only single expressions that are no plain numbers ever need a computer algebra system.
"""

import re
from dataclasses import dataclass, replace

from skymake.grading.numerals import Number, number
from skymake.grading.units import without_unit

MAX_DEPTH = 40  # of brackets and structures; no answer has more


@dataclass(frozen=True)
class Expression:
    """One expression. number: its exact value when it is a plain number. unit: what it is measured in, if known."""

    latex: str
    number: Number | None = None
    unit: str | None = None


@dataclass(frozen=True)
class Words:
    """Plain text in lower case: `even`, `no solution`."""

    latex: str
    text: str


@dataclass(frozen=True)
class Group:
    """Several things. brackets: `()`, `[]`, `[)`, `(]` or `{}`; `,` a bare list; `u` a union; `matrix` of `row`s."""

    latex: str
    brackets: str
    items: tuple["Answer", ...]


@dataclass(frozen=True)
class Relation:
    """`left operator right`, of a chain its first and last side. names: the left side only names what the right is."""

    latex: str
    left: str
    operator: str
    right: "Answer"
    names: bool


Answer = Expression | Words | Group | Relation

SYMBOLS = str.maketrans(
    {
        "\u2212": "-", "\u2013": "-", "\u00d7": r"\times ", "\u00b7": r"\cdot ", "\u00f7": "/", "\u03c0": r"\pi ",
        "\u221e": r"\infty ", "\u2264": r"\le ", "\u2265": r"\ge ", "\u2260": r"\ne ", "\u2248": r"\approx ",
        "\u221a": r"\sqrt ", "\u00b2": "^2", "\u00b3": "^3", "\u00b0": r"^\circ ", "\u00b1": r"\pm ",
        "\u222a": r"\cup ", "\u2208": r"\in ", "\u2205": r"\emptyset ", "\u00a0": " ", "\u2009": " ", "\u202f": " ",
        "\uff0c": ",", "\uff08": "(", "\uff09": ")",
    }
)  # fmt: skip
END = r"(?![a-zA-Z])"  # of a command's name
REWRITES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in [
        (r"\\?[$\u20ac\u00a3\u00a5]|(?<!\\)\\[()\[\]]", " "),
        (rf"\\(?:left|right|[bB]igg?[lrm]?){END}\s*\.?", ""),
        (rf"\\(?:displaystyle|textstyle|limits|nolimits|large|Large|mathopen|mathclose){END}", ""),
        (rf"\\[dtc]frac{END}", r"\\frac"),
        (rf"\\[dt]binom{END}", r"\\binom"),
        (r"\\(frac|binom)\s*(\d)\s*(\d)", r"\\\1{\2}{\3}"),
        (rf"\\lbrace{END}", r"\\{"),
        (rf"\\rbrace{END}", r"\\}"),
        (rf"\\leq(?:slant)?{END}|(?<!\\)<=", r"\\le "),
        (rf"\\geq(?:slant)?{END}|(?<!\\)>=", r"\\ge "),
        (rf"\\lt{END}", "<"),
        (rf"\\gt{END}", ">"),
        (rf"\\neq{END}|!=", r"\\ne "),
        (rf"\\varnothing{END}", r"\\emptyset "),
        (r"(?<=\d)(?:\{,\}|,\s*\\!|\\[,;:! ])\s*(?=\d{3}(?!\d))", ""),
        (rf"(?<!\\)\\[!,;:> ]|\\(?:quad|qquad|thinspace|enspace){END}|~", " "),
        (rf"\\degree{END}|\^\s*\{{\s*\\circ\s*\}}", r"^\\circ "),
        (r"\\(?:text|mbox|textrm|mathrm)\s*\{\s*,?\s*(and|or)\s*\}", r" \1 "),
        (r"\\(?:text|mbox|textrm|mathrm)\s*\{\s*\}", ""),
        (r"\s+", " "),
    ]
]  # fmt: skip
TEXT = re.compile(
    rf"\\(?:text(?:bf|it|rm|sf|tt|normal)?|mbox|hbox|mathrm|mathbf|mathsf|mathit|operatorname|boldsymbol|bf|rm){END}\s*\{{([^{{}}]*)\}}"
)
TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
OPERATOR = re.compile(rf"\\(?:le|ge|ne|approx|equiv|in|to|mapsto|sim){END}|[=<>]")
BUILDER = re.compile(r"\\\{\s*[a-zA-Z]\s*(?::|\||\\mid(?![a-zA-Z]))(?P<property>[^:|]*)\\\}")  # `\{x : x > 2\}`
SEPARATOR = re.compile(r"[,;]|(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])")
CUP = re.compile(rf"\\cup{END}")
PLUS_MINUS = re.compile(rf"\\(pm|mp){END}\s*")
OPENING, CLOSING = {"(", "[", r"\{"}, {")", "]", r"\}"}
BRACKET = re.compile(r"\\[{}]|\\[a-zA-Z]+|\\.|[()\[\]{}]")
MATRIX = re.compile(r"\\begin\{([pbvBV]?matrix|array)\}(?:\{[^{}]*\})?((?:(?!\\begin).)*?)\\end\{\1\}", re.DOTALL)
WORD = re.compile(r"[a-zA-Z]{2,}")
DIGIT_OF_NAME = re.compile(r"_\s*(?:\{[^{}]*\}|\w)")


def clean(text: str) -> str:
    """The same answer in one spelling: no dollars, no spacing commands, no `\\left`, no final period."""
    text = text.translate(SYMBOLS)
    for pattern, replacement in REWRITES:
        text = pattern.sub(replacement, text)
    return text.strip(" :").removesuffix(".").rstrip()


def read(text: str) -> Answer:
    """The structure of a cleaned answer. Never fails: what has none of the known structures is an `Expression`."""
    return _read(text, 0)


def _read(text: str, depth: int) -> Answer:
    if (value := number(text)) is not None or depth > MAX_DEPTH:
        return Expression(text, value)
    for structure in (_list, _bracketed, _matrix, _relation, _union, _plus_minus, _without_unit, _words):
        if (found := structure(text, depth + 1)) is not None:
            return found
    return Expression(text)


def split(text: str, separator: re.Pattern[str]) -> list[str]:
    """The parts of `text` between the separators that stand outside all brackets."""
    parts, start, depth, brackets = [], 0, 0, BRACKET.finditer(text)
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
    """Brackets and content when one pair encloses the whole text; its ends may differ, as in `[0, 1)`."""
    depth, opened = 0, ""
    for bracket in BRACKET.finditer(text):
        token = bracket.group()
        if token in OPENING | {"{"}:
            if depth == 0:
                if bracket.start() != 0:
                    return None
                opened = token
            depth += 1
        elif token in CLOSING | {"}"}:
            depth -= 1
            if depth <= 0:
                if bracket.end() != len(text) or (opened == "{") != (token == "}"):
                    return None
                return opened + token, text[len(opened) : bracket.start()].strip()
    return None


def _list(text: str, depth: int) -> Group | None:
    parts = [part for part in split(text, SEPARATOR) if part]
    if len(parts) < 2 or _is_prose(text):
        return None
    return Group(text, ",", tuple(_read(part, depth) for part in parts))


def _is_prose(text: str) -> bool:
    return "\\" not in text and re.search(r"[a-zA-Z]{2,} [a-zA-Z]{2,} [a-zA-Z]{2,}", text) is not None


def _bracketed(text: str, depth: int) -> Answer | None:
    if (found := enclosed(text)) is None:
        return None
    if builder := BUILDER.fullmatch(text):
        return _read(builder["property"].strip(), depth)
    brackets, content = found
    parts = [part for part in split(content, SEPARATOR) if part]
    if brackets == "{}" or (len(parts) == 1 and brackets in ("()", "[]")):  # LaTeX's own braces, or mere parentheses
        return _read(content, depth)
    return Group(text, brackets.replace("\\", ""), tuple(_read(part, depth) for part in parts)) if parts else None


def _matrix(text: str, depth: int) -> Group | None:
    if (found := MATRIX.fullmatch(text)) is None:
        return None
    rows = [row.strip() for row in re.split(r"\\\\|\\cr(?![a-zA-Z])", found[2]) if row.strip()]
    cells = [tuple(_read(cell.strip(), depth) for cell in row.split("&")) for row in rows]
    return Group(text, "matrix", tuple(Group(row, "row", items) for row, items in zip(rows, cells, strict=True)))


def _relation(text: str, depth: int) -> Answer | None:
    parts, operators = split(text, OPERATOR), OPERATOR.findall(text)
    if len(parts) < 2 or not parts[-1] or len(parts) - 1 != len(operators):
        return None
    if operators == [r"\in"]:
        return _read(parts[1], depth)
    if set(operators) <= {"=", r"\approx"}:
        return _equation(text, parts, operators, depth)
    return Relation(text, parts[0], operators[0] if len(operators) == 1 else "chain", Expression(parts[-1]), False)


def _equation(text: str, parts: list[str], operators: list[str], depth: int) -> Answer:
    """A chain of equals says its last side, or the last exact one: `x = 2 + 3 = 5`, `x = 1/3 \\approx 0.33`."""
    names = not re.search(r"\d", DIGIT_OF_NAME.sub("", parts[0]))
    said = operators.index(r"\approx") if r"\approx" in operators else len(operators)
    if said == 0 and not names:
        return _read(parts[0], depth)
    return Relation(text, parts[0], "=", _read(parts[max(said, 1)], depth), names or len(operators) > 1)


def _union(text: str, depth: int) -> Group | None:
    parts = split(text, CUP)
    return Group(text, "u", tuple(_read(part, depth) for part in parts)) if len(parts) > 1 and all(parts) else None


def _plus_minus(text: str, depth: int) -> Group | None:
    if not PLUS_MINUS.search(text):
        return None
    upper = PLUS_MINUS.sub(lambda sign: "+" if sign[1] == "pm" else "-", text).strip().removeprefix("+")
    lower = PLUS_MINUS.sub(lambda sign: "-" if sign[1] == "pm" else "+", text).strip().removeprefix("+")
    return Group(text, ",", (_read(upper, depth), _read(lower, depth)))


def _without_unit(text: str, depth: int) -> Answer | None:
    if TRIGONOMETRY.search(text):  # the degrees of an angle are no unit of the answer
        return None
    if (found := without_unit(text)) is None:
        return None
    measured = _read(found[0], depth)
    return replace(measured, unit=found[1]) if isinstance(measured, Expression) else measured


def _words(text: str, depth: int) -> Words | None:
    words = TEXT.sub(r" \1 ", text)
    if "\\" in words or re.search(r"[\d^_=+*/]", words) or not (words != text or WORD.search(words)):
        return None
    return Words(text, " ".join(re.sub(r"[^\w\s']", " ", words).casefold().split()))
