"""The page of the report: its templates, and what they know beside the data."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from skymake import comparison, statistics
from skymake.funnel import STAGES, Example, Funnel
from skymake.report import pictures
from skymake.report.pictures import SERIES, Picture

HERE = Path(__file__).parent
LOST = {
    "problems": "Rows that made no problem",
    "traces": "Requests without a reply",
    "filtered": "Not correct",
    "reformatted": "Not reformatted",
    "verified": "Not correct after reformatting",
    "kept": "Not kept",
}
"""Stage -> what did not get there, in words."""


def render(**content: Any) -> str:
    """The page as HTML. Everything that comes from data is escaped, and a name that is not there is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"colours": colours, "examples": examples, "flatten": flatten, "rejected": rejected}
    environment.filters |= {"sources": sources, "models": models}
    environment.filters |= {"difference": comparison.difference, "gap": comparison.gap, "words": words}
    number = itertools.count()
    environment.filters["inline"] = lambda picture: inline(picture, next(number))
    environment.tests |= {"missing": pd.isna, "suspect": comparison.suspect}
    environment.globals |= {"pictures": pictures, "STAGES": STAGES, "LOST": LOST, "STAR": comparison.STAR}
    environment.globals["shares"] = statistics.shares
    css = (HERE / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.jinja").render(css=css, **content)


def inline(picture: Picture, number: int) -> Markup:
    """The SVG of a picture for the page, its ids made different from those of the page's other pictures."""
    return Markup(re.sub(r'(id="|url\(#|href="#)', rf"\g<1>p{number}-", picture.svg))


def colours(names: Iterable[str], first: int = 0) -> dict[str, str]:
    """Name -> its colour, from the series' colours in turn, beginning with the one of number `first`."""
    return {name: SERIES[(first + n) % len(SERIES)] for n, name in enumerate(dict.fromkeys(names))}


def words(name: Any) -> str:
    """A name of the config or of a record, to be read."""
    return str(name).replace("_", " ")


def rejected(funnel: Funnel) -> dict[str, int]:
    """Status -> rejected traces of a recipe, raw and reformatted, the most frequent first."""
    total: Counter[str] = Counter()
    for part in funnel.sets:
        total.update(part.lost.get("filtered", {}))
        total.update(part.lost.get("verified", {}))
    return dict(total.most_common())


def examples(funnel: Funnel) -> dict[str, list[tuple[str, Example]]]:
    """Status -> (set, example) of rejected traces of a recipe, the most frequent status first."""
    found: dict[str, list[tuple[str, Example]]] = {status: [] for status in rejected(funnel)}
    for part in funnel.sets:
        for example in part.examples:
            found[example.status].append((part.set, example))
    return {status: some for status, some in found.items() if some}


def sources(settings: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(source, where it is from, its revision) of a config."""
    seed = f"seed {settings['seed']}"
    return [
        (name, source.get("dataset") or source.get("path") or "generated here", source.get("revision", seed))
        for name, source in settings["sources"].items()
    ]


def models(settings: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(model, where it is from, its revision) of a config, the trained ones last."""
    rows = []
    for name, model in settings["models"].items():
        match model:
            case {"hub": hub}:
                rows.append((name, hub["repository"], hub["revision"]))
            case {"api": api}:
                rows.append((name, f"{api['id']} at {api['url']}", "as served"))
            case {"publishes": source}:
                rows.append((name, f"the answers that {source} publishes", "of the source"))
            case {"nano": nano}:
                rows.append((name, "random weights", f"seed {nano['seed']}"))
    trained = settings["recipes"].items()
    return rows + [
        (name, f"trained here from {recipe['student']}", f"seed {settings['seed']}") for name, recipe in trained
    ]


def flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted key, value) lines."""
    if isinstance(value, dict) and value:
        return [line for key, inner in value.items() for line in flatten(inner, f"{prefix}.{key}" if prefix else key)]
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    return [(prefix, "none" if value in (None, "", {}) else str(value))]
