"""The cards of what a build made: what a reader on the Hugging Face hub should know, from the build itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from skymake import records
from skymake.config import teachers
from skymake.funnel import STAGES, Funnel

HERE = Path(__file__).parent
UNSTATED = "not stated in the config"


class Work(NamedTuple):
    """Something published that others made, and that this was made from: a data set or a model.

    role: what it is here. name: its name on the hub, or in words. revision: its commit; "" without one.
    """

    role: str
    name: str
    revision: str
    license: str


def write(path: str, template: str, **content: Any) -> None:
    """Write a card, atomically. A name that the template uses and `content` lacks is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"STAGES": STAGES, "UNSTATED": UNSTATED}
    environment.filters |= {"dollars": lambda usd: measured(usd, "${:,.2f}"), "hours": lambda n: measured(n, "{:,.2f}")}
    environment.filters["flatten"] = lambda settings: list(flatten(settings))
    with records.replacing(path) as temporary:
        temporary.write_text(environment.get_template(template).render(content), encoding="utf-8")


def measured(amount: float | None, form: str) -> str:
    """An amount in words; None is one that was not measured."""
    return "not measured" if amount is None else form.format(amount)


def section(mixture: str) -> str:
    """The card of a mixture as a part of another, without its heading."""
    return Path(mixture).read_text(encoding="utf-8").partition("\n")[2].strip()


def funnel(path: str | list[str]) -> Funnel | None:
    """The funnel of a recipe; None for a recipe of pairs, whose card counts for itself."""
    return records.read_json(path, Funnel) if path else None


def flatten(settings: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and value of every setting."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            yield from flatten(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, settings


def descent(config: dict[str, Any], recipe: str) -> list[str]:
    """The models that a recipe comes from by training: itself, its base, the base of that, down to the first."""
    line = [recipe]
    while line[-1] in config["recipes"]:
        line.append(config["recipes"][line[-1]]["student"])
    return line


def works(config: dict[str, Any], recipe: str) -> list[Work]:
    """What a recipe was made from: the weights it started from, who answered, and the data behind its sets."""
    found = [_model("first weights", descent(config, recipe)[-1], config)]
    return found + answers(config, recipe)


def answers(config: dict[str, Any], recipe: str) -> list[Work]:
    """What the mixture of a recipe was made from: its teachers, its rewriter, and the data behind its sets."""
    chosen, of = config["recipes"][recipe], teachers(config["recipes"][recipe])
    models = dict.fromkeys(of.values(), "answers")
    if "rewriter" in chosen:
        models[config["rewriters"][chosen["rewriter"]]["model"]] = "restating"
    found = []
    for name, role in models.items():
        first = descent(config, name)[-1]
        found.append(_model(role if first == name else f"{role}: first weights of {name}", first, config))
    sources = {name: config["sets"][name]["source"] for name in of}
    for source in dict.fromkeys(sources.values()):
        users = ", ".join(name for name in of if sources[name] == source)
        found.append(_source(f"problems of {users}", source, config["sources"][source]))
    return found


def chosen(config: dict[str, Any], recipe: str) -> str:
    """Whose answers a recipe learns from, and how they were chosen, in words."""
    models = dict.fromkeys(teachers(config["recipes"][recipe]).values())
    published = [name for name in models if "publishes" in config["models"].get(name, {})]
    names, authors = (" and ".join(f"`{name}`" for name in some) for some in (models, published))
    text = f"{names}, chosen by graders that check every one"
    return f"{text}, save that those of {authors} are as published where there is no key" if published else text


def _model(role: str, name: str, config: dict[str, Any]) -> Work:
    entry = config["models"][name]
    if "nano" in entry:
        return Work(role, f"{name}, generated here", "", "")
    named = entry.get("hub", {}).get("repository") or entry.get("api", {}).get("id") or name
    return Work(role, named, entry.get("hub", {}).get("revision", ""), entry.get("license", UNSTATED))


def _source(role: str, name: str, entry: dict[str, Any]) -> Work:
    if "nano" in entry:
        return Work(role, f"{name}, generated here", "", "")
    return Work(role, entry.get("dataset", name), entry["revision"], entry.get("license", UNSTATED))
