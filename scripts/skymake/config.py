"""What a config may say. An unknown key, a wrong type, or a name that stands for nothing is an error before any job."""

import graphlib
from collections.abc import Container, Iterator
from typing import Any

import jsonschema
import yaml
from snakemake.exceptions import WorkflowError

from skymake import UserError
from skymake.code import SCRIPTS

Config = dict[str, Any]
SCHEMA = SCRIPTS.parent / "config" / "schema.yaml"


class ConfigError(UserError, WorkflowError):
    """A config that cannot be meant. Snakemake shows the text of a WorkflowError alone."""


def validate(config: Config) -> None:
    """Raises ConfigError with one line for each key that the schema refuses, or for the first wrong name."""
    errors = jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text())).iter_errors(config)
    found = (jsonschema.exceptions.best_match([error]) for error in errors)
    lines = [f"config: {'.'.join(map(str, error.absolute_path)) or 'top level'}: {said(error)}" for error in found]
    if lines:
        raise ConfigError("\n".join(sorted(lines)))
    for key, name, names in references(config):
        if name not in names:
            raise ConfigError(f"config: {key} names {name!r}, which is none of: {', '.join(names)}")
    for name, chosen in config["sets"].items():
        if "model" in chosen.get("labels", {}) and not rated_alike(chosen, config["sets"][chosen["labels"]["set"]]):
            raise ConfigError(
                f"config: sets.{name} and sets.{chosen['labels']['set']}, which is rated for it, must have the same "
                "source, time_limit_s and filters, the first a difficulty beside them: [lowest, highest]"
            )
    for name in config["models"].keys() & config["recipes"].keys():
        raise ConfigError(f"config: models.{name} and recipes.{name} are both a model of that name: rename one")
    for name, recipe in config["recipes"].items():
        for chosen, teacher in teachers(recipe).items():
            published, source = config["models"].get(teacher, {}).get("publishes"), config["sets"][chosen]["source"]
            if published not in (None, source):
                raise ConfigError(
                    f"config: recipes.{name} takes {chosen} of the source {source} from {teacher}, which stands for "
                    f"the answers of the source {published} alone"
                )
        if ("pairs" in recipe) != ("preference" in config["trainings"][recipe["training"]]):
            raise ConfigError(
                f"config: recipes.{name} has {'pairs' if 'pairs' in recipe else 'no pairs'}, so "
                f"trainings.{recipe['training']} must {'' if 'pairs' in recipe else 'not '}have a preference"
            )
    check_batches(config)
    try:
        graphlib.TopologicalSorter({name: made_from(name, config) for name in config["recipes"]}).prepare()
    except graphlib.CycleError as error:
        raise ConfigError(f"config: recipes that are made from each other: {', '.join(error.args[1][1:])}") from None


def said(error: jsonschema.ValidationError) -> str:
    """What is wrong; where an entry must have one of several groups of keys, which these are."""
    groups = [part.get("required") for part in error.validator_value] if error.validator == "oneOf" else []
    if not groups or not all(groups):
        return error.message
    return f"must have exactly one of these groups of keys: {'; '.join(map(', '.join, groups))}"


def made_from(name: str, config: Config) -> set[str]:
    """The models that must be there before a recipe can be trained: what it starts from, and whose traces it reads."""
    recipe = config["recipes"][name]
    rewriters = {config["rewriters"][recipe["rewriter"]]["model"]} if "rewriter" in recipe else set()
    return {recipe["student"], *teachers(recipe).values()} | rewriters


def rated_alike(chosen: Config, rated: Config) -> bool:
    """Whether a set takes a range of difficulties from the very problems of a set that a model rates."""
    same = all(chosen[key] == rated[key] for key in ("source", "time_limit_s"))
    filters = {key: value for key, value in chosen["filters"].items() if key != "difficulty"}
    match chosen["filters"].get("difficulty"):
        case [float() | int(), float() | int()]:
            return same and filters == rated["filters"]
    return False


def check_batches(config: Config) -> None:
    """Raises ConfigError for a batch of a model that cannot have one, or that has no price in batches."""
    for name, model in config["models"].items():
        if "batch" not in model:
            continue
        if "api" not in model:
            raise ConfigError(
                f"config: models.{name} has a batch, but is no hosted model: what is served here is asked at once and "
                "costs no less in batches; remove it"
            )
        price = config["costs"]["models"].get(name, {}).get("price")
        if price and "batch_factor" not in price:
            raise ConfigError(f"config: models.{name} has a batch, so costs.models.{name}.price needs a batch_factor")


def teachers(recipe: Config) -> dict[str, str]:
    """The sets of a recipe, each with the model whose traces on it are trained on."""
    sets = recipe.get("sets") or recipe.get("pairs") or ()
    return {name: recipe["teacher"] for name in sets} | recipe.get("other_teachers", {})


def references(config: Config) -> Iterator[tuple[str, str, Container[str]]]:
    """Every name that the config uses: the key that uses it, the name, and the names that there are."""
    models, evaluation = [*config["models"], *config["recipes"]], config["evaluation"]
    trained = [name for name in models if name in config["recipes"] or "engine" in config["models"][name]]
    answering = [name for name in models if "publishes" not in config["models"].get(name, {})]
    adapted = [name for name, source in config["sources"].items() if "adapter" in source]
    for name, chosen in config["sets"].items():
        yield f"sets.{name}.source", chosen["source"], adapted
        yield f"sets.{name}.sampling", chosen["sampling"], config["sampling"]
        for key, there in (("source", config["sources"]), ("set", config["sets"]), ("model", answering)):
            if key in chosen.get("labels", {}):
                yield f"sets.{name}.labels.{key}", chosen["labels"][key], there
    for name, model in config["models"].items():
        if "engine" in model:
            yield f"models.{name}.engine", model["engine"], config["engines"]
        if "publishes" in model:
            yield f"models.{name}.publishes", model["publishes"], adapted
    for name, recipe in config["recipes"].items():
        yield f"recipes.{name}.student", recipe["student"], trained
        yield f"recipes.{name}.training", recipe["training"], config["trainings"]
        yield from curation(f"recipes.{name}", recipe, config, models)
    for part in ("models", "recipes"):
        for name, entry in config[part].items():
            if isinstance(entry.get("system"), dict):
                yield f"{part}.{name}.system.source", entry["system"]["source"], config["sources"]
    for name, rewriter in config["rewriters"].items():
        yield f"rewriters.{name}.model", rewriter["model"], answering
        yield f"rewriters.{name}.sampling", rewriter["sampling"], config["sampling"]
    yield from (("evaluation.models", name, answering) for name in evaluation["models"])
    yield from (("evaluation.benchmarks", name, config["sets"]) for name in evaluation["benchmarks"])
    yield "evaluation.baseline", evaluation["baseline"], evaluation["models"]
    curated = [name for name, recipe in config["recipes"].items() if "teacher" in recipe]
    yield from (("release.recipes", name, curated) for name in config.get("release", {}).get("recipes", ()))


def curation(key: str, recipe: Config, config: Config, models: list[str]) -> Iterator[tuple[str, str, Container[str]]]:
    """The names that a recipe uses to say whose traces it trains on."""
    if "teacher" in recipe:
        yield f"{key}.teacher", recipe["teacher"], models
    if "rewriter" in recipe:
        yield f"{key}.rewriter", recipe["rewriter"], config["rewriters"]
    for part in ("sets", "pairs"):
        yield from ((f"{key}.{part}", name, config["sets"]) for name in recipe.get(part, ()))
    for name, teacher in recipe.get("other_teachers", {}).items():
        yield f"{key}.other_teachers", name, recipe["sets"]
        yield f"{key}.other_teachers.{name}", teacher, models
