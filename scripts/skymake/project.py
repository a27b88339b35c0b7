"""A project: what the config says, with every reference resolved. The rules' input functions ask it and nothing else.

An unknown key, a wrong type, or a name that stands for nothing is an error before any job starts.
"""

import itertools
import json
import shutil
from collections.abc import Iterable
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
    """Raises ConfigError with one line for each key that the schema refuses."""
    errors = jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text())).iter_errors(config)
    found = (jsonschema.exceptions.best_match([error]) for error in errors)
    lines = [f"config: {'.'.join(map(str, error.absolute_path)) or 'top level'}: {error.message}" for error in found]
    if lines:
        raise ConfigError("\n".join(sorted(lines)))


class Project:
    """A config, validated. Models are the entries of `models` and the checkpoints of `recipes`, under one roof."""

    def __init__(self, config: Config):
        validate(config)
        self.config = config
        self.results = f"results/{config['project']}"
        self.shards = [str(shard) for shard in range(config["shards"])]
        self.recipes: Config = config["recipes"]
        self.corpora = self.having("recipes", "corpus")
        self.mixed = self.having("recipes", "sets")
        self.paired = self.having("recipes", "pairs")
        self._check()

    @property
    def device(self) -> str:
        """`cpu` or `cuda`; `auto` is cuda where the NVIDIA driver is."""
        device = self.config["device"]
        return ("cuda" if shutil.which("nvidia-smi") else "cpu") if device == "auto" else device

    def requirements(self, environment: str) -> str:
        """The requirement file of an environment, for the device at hand."""
        return f"envs/{environment}-{self.device}.txt"

    def having(self, section: str, key: str) -> list[str]:
        """The names in a section of the config whose entry has a key."""
        return [name for name, entry in self.config[section].items() if key in entry]

    def files(self, pattern: str, **names: Iterable[str]) -> list[str]:
        """The files of a pattern below the results, for all combinations of the names it uses, each once."""
        names = {"shard": self.shards, **names}
        used = [name for name in names if f"{{{name}}}" in pattern]
        combinations = itertools.product(*(names[name] for name in used))
        return [f"{self.results}/{pattern.format(**dict(zip(used, chosen, strict=True)))}" for chosen in combinations]

    def source(self, name: str) -> str:
        """The published rows that a set is taken from."""
        return f"{self.results}/sources/{self.config['sets'][name]['source']}.jsonl"

    def published(self, name: str) -> Config:
        """Where the rows of a published source are."""
        return {key: value for key, value in self.config["sources"][name].items() if key != "adapter"}

    def spec(self, name: str) -> Config:
        """How the problems of a set are taken from the rows of its source."""
        chosen = self.config["sets"][name]
        source = self.config["sources"][chosen["source"]]
        return {
            "source": chosen["source"],
            "adapter": source["adapter"],
            "revision": source.get("revision", f"nano-{self.config['seed']}"),
            "filters": chosen["filters"],
            "limit": chosen["limit"],
            "time_limit_s": chosen["time_limit_s"],
        }

    def prompt(self, name: str) -> str:
        """The file of the prompt that asks the problems of a set."""
        return f"config/prompts/{self.config['sets'][name]['prompt']}.jinja"

    def sampling(self, name: str) -> Config:
        """How answers to a set are sampled."""
        return self.config["sampling"][self.config["sets"][name]["sampling"]]

    @property
    def private(self) -> list[str]:
        """The sets whose questions must never be shown."""
        sets, sources = self.config["sets"], self.config["sources"]
        return [name for name, chosen in sets.items() if sources[chosen["source"]]["adapter"] == "gpqa"]

    def model(self, name: str) -> Config:
        """What a model is: its entry, or for a recipe's checkpoint what it has from the base it started from."""
        if name not in self.recipes:
            return self.config["models"][name]
        start = self.model(self.recipes[name]["student"])
        return {"engine": start["engine"], "system": self.recipes[name].get("system", start["system"])}

    def weights(self, name: str) -> str | list[str]:
        """The manifest of a model's weights; [] for a hosted model, which has none here."""
        if name in self.recipes:
            return f"{self.results}/checkpoints/{name}/manifest.json"
        return [] if "api" in self.model(name) else f"{self.results}/models/{name}/manifest.json"

    def engine(self, name: str, shard: str) -> str | list[str]:
        """The file with the address of a model's server; [] for a hosted model."""
        return f"{self.results}/engines/{name}/{shard}.json" if self.weights(name) else []

    def serving(self, name: str) -> Config:
        """How a local model is served."""
        return self.config["engines"][self.model(name)["engine"]]

    def serving_json(self, name: str) -> str:
        """The same in JSON, for the command line of a server."""
        return json.dumps(self.serving(name))

    def endpoint(self, name: str) -> Config:
        """How a model is asked: a hosted API as its entry says, a local server as its engine allows."""
        nothing = dict.fromkeys(("url", "id", "key_env", "requests_per_minute", "tokens_per_minute"))
        if "api" in self.model(name):
            return {**nothing, **self.model(name)["api"], "health_s": 0.0}
        asked = ("concurrency", "timeout_s", "attempts", "health_s")
        return nothing | {key: self.serving(name)[key] for key in asked}

    def identity(self, name: str) -> str:
        """What tells a hosted model from others; "" for local weights, which have a digest."""
        api = self.model(name).get("api")
        return f"{api['url']} {api['id']}" if api else ""

    def system(self, name: str) -> str | list[str]:
        """The file of the system prompt that a model is asked with, and that a recipe trains with; [] without one."""
        chosen = self.model(name)["system"]
        return f"config/prompts/{chosen}.jinja" if chosen else []

    def curated(self, recipe: str) -> dict[str, list[str]]:
        """Whose traces on which sets a recipe trains on."""
        return {"teacher": [self.recipes[recipe]["teacher"]], "set": self.sets(recipe)}

    def sets(self, recipe: str) -> list[str]:
        """The sets whose traces a recipe trains on."""
        return list(self.recipes[recipe]["pairs" if recipe in self.paired else "sets"])

    def prompts(self, recipe: str) -> list[str]:
        """The prompt files of a recipe's sets, in their order."""
        return [self.prompt(name) for name in self.sets(recipe)]

    def base(self, recipe: str) -> str | list[str]:
        """The manifest of the weights that a recipe starts from."""
        return self.weights(self.recipes[recipe]["student"])

    def training(self, recipe: str) -> Config:
        """How a recipe trains."""
        return self.config["trainings"][self.recipes[recipe]["training"]]

    def _check(self) -> None:
        known = self.config
        models, curated = [*known["models"], *self.recipes], [*self.mixed, *self.paired]
        references = [
            *(
                (f"sets.{name}.{key}", chosen[key], known[there])
                for name, chosen in known["sets"].items()
                for key, there in (("source", "sources"), ("sampling", "sampling"))
            ),
            *(
                (f"models.{name}.engine", model["engine"], known["engines"])
                for name, model in known["models"].items()
                if "engine" in model
            ),
            *((f"recipes.{name}.student", recipe["student"], models) for name, recipe in self.recipes.items()),
            *(
                (f"recipes.{name}.training", recipe["training"], known["trainings"])
                for name, recipe in self.recipes.items()
            ),
            *((f"recipes.{name}.teacher", self.recipes[name]["teacher"], models) for name in curated),
            *((f"recipes.{name}.sets", chosen, known["sets"]) for name in self.mixed for chosen in self.sets(name)),
            *((f"recipes.{name}.pairs", chosen, known["sets"]) for name in self.paired for chosen in self.sets(name)),
            *(("evaluation.models", name, models) for name in known["evaluation"]["models"]),
            *(("evaluation.benchmarks", name, known["sets"]) for name in known["evaluation"]["benchmarks"]),
            ("evaluation.baseline", known["evaluation"]["baseline"], known["evaluation"]["models"]),
        ]
        for key, name, names in references:
            if name not in names:
                raise ConfigError(f"config: {key} names {name!r}, which is not defined; there are: {', '.join(names)}")
        for name in known["models"].keys() & self.recipes.keys():
            raise ConfigError(f"config: models.{name} and recipes.{name} are both a model of that name: rename one")
        self._check_pairs()

    def _check_pairs(self) -> None:
        for name, recipe in self.recipes.items():
            if (name in self.paired) != ("preference" in self.training(name)):
                raise ConfigError(
                    f"config: recipes.{name} has {'pairs' if name in self.paired else 'no pairs'}, so "
                    f"trainings.{recipe['training']} must {'' if name in self.paired else 'not '}have a preference"
                )
