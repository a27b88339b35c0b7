"""What a project pays for: whom it asks what, what it has restated, and what it trains."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from skymake.config import Config, ConfigError, teachers
from skymake.project import Project
from skymake.records import Record


class Choice(Record):
    """What a set takes of the problems of another, `set`, that `model` rates: which ratings, inclusive, and how many at
    most; None for all.
    """

    model: str
    set: str
    lowest: float
    highest: float
    limit: int | None


class Sampling(Record):
    """A model and a set, as its traces are sampled. problems: where ratings choose among them, those that are rated.
    asked: false for published answers, which cost nothing.
    """

    stage: Literal["labelling", "sampling"]
    model: str
    set: str
    problems: list[str]
    prompt: str
    system: str
    weights: str
    identity: str
    sampling: dict[str, Any]
    traces: list[str]
    asked: bool
    choice: Choice | None


class Rewriting(Record):
    """A teacher's traces on a set, as a model restates them: all, or the correct ones only. weights: the model's."""

    rewriter: str
    model: str
    weights: str
    teacher: str
    set: str
    prompt: str
    rewrites: list[str]
    correct_only: bool


class Training(Record):
    """A recipe. base: the model it starts from. system: the prompt in its rows. sets: set -> its teacher; limits:
    domain -> most rows. answers: in a row, two where it learns from pairs. corpus_rows: of a corpus instead.
    checkpoint: the manifest that it makes. provenance: where its rows come from; none of a corpus.
    """

    recipe: str
    base: str
    system: str
    sets: dict[str, str]
    limits: dict[str, int]
    answers: int
    corpus_rows: int
    epochs: float
    utilisation: dict[str, float]
    cutoff_tokens: int
    checkpoint: str
    rewriter: str | None
    provenance: str | None


class Work(Record):
    """All that a project pays for."""

    samplings: list[Sampling]
    rewritings: list[Rewriting]
    trainings: list[Training]


def work(project: Project) -> dict[str, Any]:
    """The Work of a project, as plain values for a rule's params."""
    asked = _asked(project)
    counted = Work(
        [_sampling(project, model, name) for model, name in asked],
        _unique(part for recipe in project.mixed for part in _rewritings(project, recipe)),
        [_training(project, recipe) for recipe in project.recipes],
    )
    return msgspec.to_builtins(counted)


def files(project: Project) -> list[str]:
    """The files that decide what there is to pay for: problems and prompts, but no weights and no traces."""
    asked = work(project)
    found = {file for part in asked["samplings"] for file in part["problems"]}
    found |= {part[key] for parts in asked.values() for part in parts for key in ("prompt", "system") if key in part}
    return sorted(found - {""})


def made(project: Project) -> list[str]:
    """The files that say what was really paid for: traces, rewrites, checkpoints, and the rows that came of them."""
    asked = work(project)
    found = [file for part in asked["samplings"] if part["asked"] for file in part["traces"]]
    found += [file for part in asked["rewritings"] for file in part["rewrites"]]
    found += [part[key] for part in asked["trainings"] for key in ("checkpoint", "provenance") if part[key]]
    return list(dict.fromkeys(found))


def estimates(project: Project) -> Config:
    """The section `costs`, in which a checkpoint is as large as its base, and answers as its teacher or its base does,
    and which knows who is asked in batches.

    Raises ConfigError for a model that is paid for and of which it says nothing.
    """
    known = dict(project.config["costs"]["models"])
    for name, recipe in project.recipes.items():
        base, like = (
            _known(known, recipe["student"], name),
            _known(known, recipe.get("teacher", recipe["student"]), name),
        )
        known[name] = {"size": base.get("size"), "answer_tokens": like["answer_tokens"]}
    for model, _ in _asked(project):
        _known(known, model, model)
    for model in {*project.having("models", "batch")} & known.keys():
        known[model] = {**known[model], "batched": True}
    return {**project.config["costs"], "models": known}


def _unique(parts: Iterable[Rewriting]) -> list[Rewriting]:
    """Each once: recipes that share teacher and rewriter share what is restated."""
    return list({(part.rewriter, part.teacher, part.set): part for part in parts}.values())


def _known(known: Config, model: str, of: str) -> Config:
    if model not in known:
        raise ConfigError(f"config: costs.models says nothing of {model}, which {of} needs")
    return known[model]


def _asked(project: Project) -> list[tuple[str, str]]:
    """(model, set) of all traces, each once."""
    evaluation = project.config["evaluation"]
    curated = [(who, name) for recipe in project.recipes.values() for name, who in teachers(recipe).items()]
    scored = [(model, name) for model in evaluation["models"] for name in evaluation["benchmarks"]]
    return list(dict.fromkeys([*project.ratings, *curated, *scored]))


def _sampling(project: Project, model: str, name: str) -> Sampling:
    return Sampling(
        stage="labelling" if (model, name) in project.ratings else "sampling",
        model=model,
        set=name,
        problems=project.files("problems/{set}/{shard}.jsonl", set=[project.unrated(name)]),
        prompt=project.prompt(name),
        system=project.system(model) or "",
        weights=project.weights(model) or "",
        identity=project.identity(model),
        sampling=project.sampling(name),
        traces=project.files("traces/raw/{model}/{set}/{shard}.jsonl", model=[model], set=[name]),
        asked=not project.publishes(model),
        choice=_choice(project, name),
    )


def _choice(project: Project, name: str) -> Choice | None:
    chosen = project.config["sets"][name]
    match chosen.get("labels"):
        case {"set": rated, "model": model}:
            return Choice(model, rated, *chosen["filters"]["difficulty"], chosen["limit"])
    return None


def _rewritings(project: Project, recipe: str) -> list[Rewriting]:
    name = project.recipes[recipe].get("rewriter")
    if not name:
        return []
    entry, prompt = project.config["rewriters"][name], project.rewriter_prompt(name)
    chosen = [(who, part) for part, who in teachers(project.recipes[recipe]).items() if not project.publishes(who)]
    pattern, correct_only = f"rewrites/{name}/{{teacher}}/{{set}}/{{shard}}.jsonl", entry["order"] == "grade_first"
    weights = project.weights(entry["model"]) or ""
    return [
        Rewriting(
            name,
            entry["model"],
            weights,
            who,
            part,
            prompt,
            project.files(pattern, teacher=[who], set=[part]),
            correct_only,
        )
        for who, part in chosen
    ]


def _training(project: Project, recipe: str) -> Training:
    entry, training = project.recipes[recipe], project.training(recipe)
    return Training(
        recipe=recipe,
        base=entry["student"],
        system=project.system(recipe) or "",
        sets=teachers(entry),
        limits=project.limits(recipe),
        answers=2 if "pairs" in entry else 1,
        corpus_rows=entry.get("corpus", {}).get("rows", 0),
        epochs=training["epochs"],
        utilisation=training["utilisation"],
        cutoff_tokens=training["cutoff_tokens"],
        checkpoint=f"{project.results}/checkpoints/{recipe}/manifest.json",
        rewriter=entry.get("rewriter"),
        provenance=None if "corpus" in entry else f"{project.results}/mixtures/{recipe}/provenance.jsonl",
    )
