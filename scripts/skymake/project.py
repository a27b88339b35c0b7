"""A project: what the config says, every reference resolved. The rules' input functions ask it and nothing else."""

import itertools
import json
import shutil
from collections.abc import Callable, Iterable
from typing import Any

from skymake.config import Config, teachers, validate


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

    @property
    def released(self) -> list[str]:
        """The recipes whose checkpoints and mixtures may be published."""
        return list(self.config.get("release", {}).get("recipes", ()))

    def funnel(self, recipe: str) -> str | list[str]:
        """The funnel of a recipe; [] for a recipe of pairs, whose mixture counts for itself."""
        return f"{self.results}/funnels/{recipe}.json" if recipe in self.mixed else []

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

    def rows(self, source: str) -> str:
        """The published rows of a source."""
        return f"{self.results}/sources/{source}.jsonl"

    def source(self, name: str) -> str:
        """The published rows that a set is taken from."""
        return self.rows(self.config["sets"][name]["source"])

    def adapter(self, name: str) -> str:
        """The schema of the rows that a set is taken from."""
        return self.config["sources"][self.config["sets"][name]["source"]]["adapter"]

    def labels(self, name: str) -> list[str]:
        """The rows with the difficulties of a set; none where it has its own."""
        match self.config["sets"][name].get("labels"):
            case {"source": source}:
                return [self.rows(source)]
            case {"set": rated, "model": model}:
                return self.files("ratings/{model}/{set}/{shard}.jsonl", model=[model], set=[rated])
        return []

    def published(self, name: str) -> Config:
        """Where the rows of a published source are."""
        return {key: value for key, value in self.config["sources"][name].items() if key not in ("adapter", "license")}

    def spec(self, name: str) -> Config:
        """How the problems of a set are taken from the rows of its source."""
        chosen = self.config["sets"][name]
        labels = {"question": "question", "difficulty": "difficulty", **chosen.get("labels", {})}
        return {
            "source": chosen["source"],
            "adapter": self.adapter(name),
            "revision": self.config["sources"][chosen["source"]].get("revision", f"nano-{self.config['seed']}"),
            "filters": chosen["filters"],
            "limit": chosen["limit"],
            "time_limit_s": chosen["time_limit_s"],
            "labels": {key: labels[key] for key in ("question", "difficulty")} if "labels" in chosen else None,
        }

    def prompt(self, name: str) -> str:
        """The file of the prompt that asks the problems of a set."""
        return f"config/prompts/{self.config['sets'][name]['prompt']}.jinja"

    def sampling(self, name: str) -> Config:
        """How answers to a set are sampled."""
        return self.config["sampling"][self.config["sets"][name]["sampling"]]

    @property
    def plan(self) -> str:
        """The plan that allows to pay, which must be there before; "" where nothing costs money."""
        known = self.config["costs"]
        paid = known["device"]["usd_per_hour"] or any("price" in model for model in known["models"].values())
        return f"{self.results}/plan.json" if paid else ""

    @property
    def ratings(self) -> list[tuple[str, str]]:
        """Who rates the difficulties of which sets: (model, set)."""
        labels = [chosen.get("labels", {}) for chosen in self.config["sets"].values()]
        return list(dict.fromkeys((each["model"], each["set"]) for each in labels if "model" in each))

    def unrated(self, name: str) -> str:
        """The set that has all problems of a set before a model's ratings choose among them; itself where none do."""
        return self.config["sets"][name].get("labels", {}).get("set", name)

    @property
    def publishing(self) -> list[str]:
        """The models that stand for the answers of a source, and are never asked."""
        return self.having("models", "publishes")

    @property
    def answering(self) -> list[str]:
        """The models that can be asked."""
        return [name for name in (*self.config["models"], *self.recipes) if name not in self.publishing]

    def publishes(self, name: str) -> bool:
        """Whether a model stands for the answers of a source."""
        return name in self.publishing

    def quoted(self, source: str, column: str) -> str:
        """The prompt file of a text that the rows of a source hold in a column."""
        return f"{self.results}/prompts/{source}/{column}.jinja"

    @property
    def private(self) -> list[str]:
        """The sets whose questions must never be shown."""
        sets = self.config["sets"].items()
        return [name for name, chosen in sets if chosen.get("private", self.adapter(name) == "gpqa")]

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
        return f"{self.results}/models/{name}/manifest.json" if "engine" in self.model(name) else []

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
        nothing = dict.fromkeys(("url", "id", "key_env", "requests_per_minute", "tokens_per_minute", "batch"))
        if "api" in self.model(name):
            return {**nothing, **self.model(name)["api"], "health_s": 0.0, "batch": self.model(name).get("batch")}
        asked = ("concurrency", "timeout_s", "attempts", "health_s")
        return nothing | {key: self.serving(name)[key] for key in asked}

    def identity(self, name: str) -> str:
        """What tells a hosted model from others; "" for local weights, which have a digest."""
        api = self.model(name).get("api")
        return f"{api['url']} {api['id']}" if api else ""

    def system(self, name: str) -> str | list[str]:
        """The file of the system prompt that a model is asked with, and that a recipe trains with; [] without one."""
        chosen = self.model(name)["system"]
        if isinstance(chosen, dict):
            return self.quoted(**chosen)
        return f"config/prompts/{chosen}.jinja" if chosen else []

    def recipe_files(self, recipe: str, pattern: str) -> list[str]:
        """The files of a pattern for each set of a recipe, its teacher, and all shards."""
        names = {"form": [self.form(recipe)]}
        chosen = (names | {"set": [name], "teacher": [who]} for name, who in teachers(self.recipes[recipe]).items())
        return [file for names in chosen for file in self.files(pattern, **names)]

    def limits(self, recipe: str) -> dict[str, int]:
        """How many rows of a domain the mixture of a recipe has at most."""
        return self.recipes[recipe].get("limits", {})

    def form(self, recipe: str) -> str:
        """The form of the traces that a recipe trains on: split by rules, or restated by a rewriter."""
        rewriter = self.recipes[recipe].get("rewriter")
        return f"reformatted-{rewriter}" if rewriter else "reformatted"

    def of_rewriter(self, question: Callable[..., Any]) -> Callable[..., Any]:
        """A question about a model, as one about the model of a rewriter."""
        return lambda name, *more: question(self.config["rewriters"][name]["model"], *more)

    def to_rewrite(self, rewriter: str, model: str, name: str, shard: str) -> str:
        """The file with the traces of a set that a rewriter restates: the correct ones, or all of a shard."""
        if self.config["rewriters"][rewriter]["order"] == "grade_first":
            return f"{self.results}/filtered/{model}/{name}.jsonl"
        return f"{self.results}/traces/raw/{model}/{name}/{shard}.jsonl"

    def rewriter_prompt(self, name: str) -> str:
        """The file of the prompt that asks a rewriter."""
        return f"config/prompts/{self.config['rewriters'][name]['prompt']}.jinja"

    def rewriter_sampling(self, name: str) -> Config:
        """How the answers of a rewriter are sampled."""
        return self.config["sampling"][self.config["rewriters"][name]["sampling"]]

    def sets(self, recipe: str) -> list[str]:
        """The sets whose traces a recipe trains on."""
        return list(teachers(self.recipes[recipe]))

    def contamination(self, name: str) -> list[str]:
        """What the training sets of a model were compared with: its own, and those of the students it started from."""
        if name not in self.recipes:
            return []
        mine = [] if name in self.corpora else [f"{self.results}/contamination/{name}/summary.json"]
        return mine + self.contamination(self.recipes[name]["student"])

    def prompts(self, recipe: str) -> list[str]:
        """The prompt files of a recipe's sets, in their order."""
        return [self.prompt(name) for name in self.sets(recipe)]

    def base(self, recipe: str) -> str | list[str]:
        """The manifest of the weights that a recipe starts from."""
        return self.weights(self.recipes[recipe]["student"])

    def training(self, recipe: str) -> Config:
        """How a recipe trains."""
        return self.config["trainings"][self.recipes[recipe]["training"]]

    def marked(self, recipe: str) -> bool:
        """Whether the answers that a recipe trains on are in the four-marker format."""
        return recipe in self.mixed
