"""Plain numbers: how they are written, and when two are the same. Exact arithmetic throughout, no tolerance."""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

MAX_DIGITS = 50_000  # of a text that is read as a number; arithmetic on longer ones takes seconds
KEY_DECIMALS = 3  # a decimal key with at least so many decimals stands for every value that rounds or cuts to it

DIGITS = r"(?:\d{1,3}(?:[, ]\d{3})+|\d+)"
SIGN = r"(?P<sign>[-+]?)\s*"
PLAIN = re.compile(
    rf"{SIGN}(?P<whole>{DIGITS})?(?:\.(?P<part>\d*))?(?:\s*\\(?:overline|bar)\s*\{{?(?P<period>\d+)\}}?)?"
)
RATIO = re.compile(
    rf"{SIGN}(?P<mixed>\d+(?=\s*\\frac))?\s*(?:"
    rf"\\frac\s*(?:\{{\s*(?P<minus>-?)\s*(?P<top>{DIGITS})\s*\}}|(?P<top1>\d))"
    rf"\s*(?:\{{\s*(?P<under>{DIGITS})\s*\}}|(?P<under1>\d))"
    rf"|(?P<over>{DIGITS})\s*/\s*(?P<below>{DIGITS}))"
)
POWER = re.compile(
    rf"{SIGN}(?:(?P<factor>\d+(?:\.\d+)?)\s*(?:\\times|\\cdot|\*)\s*)?"
    r"(?P<root>\d{1,6})\s*(?:\^|\*\*)\s*(?:\{\s*(?P<power>[-+]?\d{1,3})\s*\}|\(\s*(?P<power2>[-+]?\d{1,3})\s*\)|(?P<power1>\d{1,3}))"
)
SCIENTIFIC = re.compile(rf"{SIGN}(?P<factor>\d+(?:\.\d+)?)[eE](?P<power>[-+]?\d{{1,3}})")
PERCENT = re.compile(r"\s*(?:\\?%|(?:\\text\s*\{)?\s*(?:percent(?:age)?|pct)\s*\}?)\s*$")
SCALE = re.compile(r"(?:\\text\s*\{)?\s*(hundred|thousand|million|billion|trillion)\s*\}?\s*$")
SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
BASE = re.compile(r"_\s*(?:\{\s*(?:\\text\s*\{)?\s*(?P<base>\w+)\s*\}?\s*\}|(?P<base1>\d))$")

SMALL = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


@dataclass(frozen=True)
class Number:
    """An exact value. decimals: how many it shows, None for an integer or a fraction.

    percent: written with a percent sign, which `value` does not apply. base: the subscript, None without one.
    """

    value: Fraction
    decimals: int | None = None
    percent: bool = False
    base: str | None = None


def number(text: str) -> Number | None:
    """The number that cleaned text is: `-7`, `1,000`, `0.25`, `3/4`, `5\\frac{1}{2}`, `2 \\times 10^{3}`, `12\\%`,
    `101_2`, `0.1\\overline{6}`. None for anything else.
    """
    if len(text) > MAX_DIGITS:
        return None
    body = PERCENT.sub("", text)
    subscript = BASE.search(body)
    if subscript:
        body = body[: subscript.start()]
    scale = SCALE.search(body)
    value, decimals = _value(body[: scale.start()].strip() if scale else body.strip())
    if value is None:
        return None
    if scale:
        return Number(value * SCALES[scale[1]])
    return Number(
        value,
        decimals,
        len(body) < len(text) and not subscript,
        subscript and (subscript["base"] or subscript["base1"]),
    )


def _value(text: str) -> tuple[Fraction | None, int | None]:
    for form, read in ((PLAIN, _plain), (RATIO, _ratio), (POWER, _power), (SCIENTIFIC, _scientific)):
        if found := form.fullmatch(text):
            value, decimals = read(found)
            return (-value if value is not None and found["sign"] == "-" else value), decimals
    return None, None


def _digits(text: str | None) -> int:
    return int(Decimal(re.sub("[, ]", "", text or "0")))  # Decimal, because int() refuses more than 4,300 digits


def _plain(found: re.Match[str]) -> tuple[Fraction | None, int | None]:
    part, period = found["part"] or "", found["period"]
    if not (found["whole"] or part) or (period and found["part"] is None):
        return None, None
    value = _digits(found["whole"]) + Fraction(_digits(part), 10 ** len(part))
    if period:
        return value + Fraction(_digits(period), 10 ** len(part) * (10 ** len(period) - 1)), None
    return value, len(part) if part.strip("0") else None


def _ratio(found: re.Match[str]) -> tuple[Fraction | None, int | None]:
    under = _digits(found["under"] or found["under1"] or found["below"])
    if under == 0:
        return None, None
    ratio = Fraction(_digits(found["top"] or found["top1"] or found["over"]), under)
    return _digits(found["mixed"]) + (-ratio if found["minus"] else ratio), None


def _power(found: re.Match[str]) -> tuple[Fraction | None, int | None]:
    root, power = Fraction(found["root"]), int(found["power"] or found["power2"] or found["power1"])
    return (Fraction(found["factor"] or 1) * root**power if root or power > 0 else None), None


def _scientific(found: re.Match[str]) -> tuple[Fraction | None, int | None]:
    return Fraction(found["factor"]) * Fraction(10) ** int(found["power"]), None


def number_word(text: str) -> int | None:
    """The value of an English number word below a million: `six`, `one hundred`, `twenty-one`. None for other words."""
    total = current = 0
    for word in text.replace("-", " ").replace(" and ", " ").split():
        if word in SMALL:
            current += SMALL.index(word)
        elif word in TENS:
            current += 10 * (TENS.index(word) + 2)
        elif word == "hundred":
            current = (current or 1) * 100
        elif word == "thousand":
            total, current = (current or 1) * 1000, 0
        else:
            return None
    return total + current if text.split() else None


def same_number(key: Number, answer: Number) -> bool:
    """Exact equality, but for three readings of notation, none of which forgives a factor of 100 or a wrong digit:
    where one side has a percent sign it is its value or its number of percents; a base may be left out; a decimal key
    may be a rounded one.
    """
    if key.base and answer.base and key.base != answer.base:
        return False
    values = {answer.value}
    if key.percent != answer.percent:
        values.add(answer.value / 100 if answer.percent else answer.value * 100)
    return any(value == key.value or rounds_to(value, key) for value in values)


def rounds_to(value: Fraction, key: Number) -> bool:
    """Whether a decimal key is `value` rounded, or cut, to the digits it shows."""
    if key.decimals is None or key.decimals < KEY_DECIMALS or (value < 0) != (key.value < 0):
        return False
    shown, exact = abs(key.value) * 10**key.decimals, abs(value) * 10**key.decimals
    return shown in (int(exact), int(exact + Fraction(1, 2)))
