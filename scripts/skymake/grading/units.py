"""Units of measure: an answer may leave them out, but two that are known and differ make two answers."""

import re

_NAMES = {
    "m": "m meter metre", "cm": "cm centimeter centimetre", "mm": "mm millimeter millimetre",
    "km": "km kilometer kilometre", "in": "inch inches", "ft": "ft foot feet", "yd": "yd yard", "mi": "mile",
    "s": "s sec second", "min": "min minute", "h": "h hr hour", "day": "day", "week": "week", "month": "month",
    "year": "yr year", "g": "g gram", "kg": "kg kilogram", "mg": "mg milligram", "lb": "lb pound", "oz": "oz ounce",
    "l": "l liter litre", "ml": "ml milliliter millilitre", "degree": r"degree \circ", "radian": "rad radian",
    "dollar": "dollar", "cent": "cent",
}  # fmt: skip
_UNITS = {alias: unit for unit, names in _NAMES.items() for name in names.split() for alias in (name, f"{name}s")}
_ANY = {alias for alias in _UNITS if len(alias) > 1 and alias.isalpha()} | {"unit", "units", "mph"}
_TEXT = r"\\(?:text(?:bf|it|rm)?|mbox|mathrm)\s*\{[^{}]*\}"
_POWER = r"(?:\s*\^\s*(?:\{\s*-?\d\s*\}|\d))?"
_UNIT = re.compile(
    rf"(?:{_TEXT}{_POWER}|\^\\circ\s*(?:\\(?:text|mathrm)\s*\{{[CFK]\}}|[CF](?![a-zA-Z]))?"
    rf"|(?<=[\d}}\s])\s*(?:(?:square|cubic|sq\.?) [a-z]+|{'|'.join(sorted(_ANY, key=len, reverse=True))}){_POWER})\s*$"
)
_COUNTED = re.compile(r"(?P<count>[-+\d.,/ ]*\d)(?P<unit>\s+(?!(?:pi|sqrt|mod)\b)[a-zA-Z]{2,}(?:\s[a-zA-Z]{2,}){0,3})")


def without_unit(text: str) -> tuple[str, str | None] | None:
    """A cleaned answer without the unit, or the things counted, that it ends in (`8 meals`), and the unit if it is a
    known one. None when there is none.
    """
    found = _COUNTED.fullmatch(text)
    start = found.start("unit") if found else (unit.start() if (unit := _UNIT.search(text)) else 0)
    return (text[:start].strip(), known(text[start:])) if text[:start].strip() else None


def known(text: str) -> str | None:
    """The unit that a text names, whatever its power, such as `\\text{ cm}^2` or `^\\circ`; None if unknown."""
    words = re.findall(r"\\circ|[a-z]+", re.sub(r"\\(?:text|mbox|mathrm)[a-z]*", "", text.lower()))
    words = [word for word in words if word not in ("square", "cubic", "sq")]
    return _UNITS.get(words[0]) if len(words) == 1 else None
