"""The files that a build consists of, by kind: what it reads of the project's own, and all that its rules make."""

from skymake.config import teachers
from skymake.project import Project

LAST = ("comparison.csv", "comparison.md", "ledger.csv", "ledger.json", "report.html")
"""What the whole of a build ends in; a plan is none of it, for it is made again whenever somebody asks."""


def curated(project: Project) -> list[str]:
    """The recipes that learn from traces."""
    return [*project.mixed, *project.paired]


def sets(project: Project) -> list[str]:
    """The sets that are asked: those of the recipes, and the benchmarks."""
    asked = [name for recipe in curated(project) for name in project.sets(recipe)]
    return list(dict.fromkeys([*asked, *project.config["evaluation"]["benchmarks"]]))


def askers(project: Project, name: str) -> list[str]:
    """The models that answer the problems of a set: teachers of its recipes, and all that are evaluated on it."""
    evaluation, recipes = project.config["evaluation"], project.recipes
    found = [teachers(recipes[recipe])[name] for recipe in curated(project) if name in project.sets(recipe)]
    return list(dict.fromkeys(found + (evaluation["models"] if name in evaluation["benchmarks"] else [])))


def models(project: Project) -> list[str]:
    """The models that have a part in it: all that answer, restate, or are trained, and what those start from."""
    found = [model for name in sets(project) for model in askers(project, name)]
    found += [project.config["rewriters"][rewriter]["model"] for rewriter in rewriters(project).values()]
    found += project.recipes
    for name in found:
        if name in project.recipes and project.recipes[name]["student"] not in found:
            found.append(project.recipes[name]["student"])
    return list(dict.fromkeys(found))


def rewriters(project: Project) -> dict[str, str]:
    """Recipe -> its rewriter, where it has one."""
    return {name: recipe["rewriter"] for name, recipe in project.recipes.items() if "rewriter" in recipe}


def inventory(project: Project) -> dict[str, list[str]]:
    """Kind -> files, each once, in the order of the graph."""
    kinds = {
        "environments": _environments(project),
        "prompts": _prompts(project),
        "sources": _sources(project),
        "problems": _problems(project),
        "traces": _traces(project),
        "mixtures": _mixtures(project),
        "weights": [manifest for name in models(project) if (manifest := project.weights(name))],
        "scores": _scores(project),
    }
    return {kind: list(dict.fromkeys(files)) for kind, files in kinds.items()}


def environments(project: Project) -> list[str]:
    """The environments of the heavy tools that are needed."""
    needed = ["train", "serve"] if any(map(project.weights, models(project))) else []
    return project.files("environments/{environment}.json", environment=needed)


def _environments(project: Project) -> list[str]:
    """The environments, and the requirement files that they are built from."""
    built = environments(project)
    return built + [project.requirements(path.rpartition("/")[2].removesuffix(".json")) for path in built]


def _prompts(project: Project) -> list[str]:
    systems = [system for name in models(project) if (system := project.system(name))]
    rewriting = [project.rewriter_prompt(rewriter) for rewriter in rewriters(project).values()]
    return [*map(project.prompt, sets(project)), *systems, *rewriting]


def _sources(project: Project) -> list[str]:
    """The published rows: of the sets, of their labels, and of the prompts that are quoted from them."""
    rows = [file for name in sets(project) for file in (project.source(name), *project.labels(name))]
    quoted = [entry.get("system") for part in ("models", "recipes") for entry in project.config[part].values()]
    return rows + [project.rows(system["source"]) for system in quoted if isinstance(system, dict)]


def _problems(project: Project) -> list[str]:
    kinds = (
        "problems/{set}/drops.json",
        *(f"{kind}/{{set}}/{{shard}}.jsonl" for kind in ("problems", "references", "quarantine")),
    )
    return [file for kind in kinds for file in project.files(kind, set=sets(project))]


def _traces(project: Project) -> list[str]:
    """What was answered, restated and rejected, and every verdict."""
    files = []
    for name in sets(project):
        for kind in ("traces/raw", "failures", "verdicts/raw"):
            files += project.files(f"{kind}/{{model}}/{{set}}/{{shard}}.jsonl", model=askers(project, name), set=[name])
    for recipe in project.mixed:
        files += project.recipe_files(recipe, "filtered/{teacher}/{set}.jsonl")
        for kind in ("traces", "verdicts", "rejections"):
            files += project.recipe_files(recipe, f"{kind}/{{form}}/{{teacher}}/{{set}}/{{shard}}.jsonl")
        if rewriter := rewriters(project).get(recipe):
            files += project.recipe_files(recipe, f"rewrites/{rewriter}/{{teacher}}/{{set}}/{{shard}}.jsonl")
    return files


def _mixtures(project: Project) -> list[str]:
    made = {name: ("train.jsonl", "dataset_info.json") for name in project.recipes}
    made |= {name: (*made[name], "provenance.jsonl", "card.md") for name in curated(project)}
    made |= {name: (*made[name], "dropped.jsonl") for name in project.mixed}
    files = [f"{project.results}/mixtures/{name}/{file}" for name, files in made.items() for file in files]
    found = ("hits.jsonl", "summary.json")
    files += [f"{project.results}/contamination/{name}/{file}" for name in curated(project) for file in found]
    return files + project.files("checkpoints/{recipe}/trainer_log.jsonl", recipe=project.recipes)


def _scores(project: Project) -> list[str]:
    evaluation = project.config["evaluation"]
    names = {"model": evaluation["models"], "benchmark": evaluation["benchmarks"]}
    files = project.files("scores/{model}/{benchmark}.json", **names)
    files += project.files("funnels/{recipe}.json", recipe=project.mixed)
    files += [evaluation["published"]] if evaluation["published"] else []
    files += project.files("{part}/{recipe}/README.md", part=["checkpoints", "mixtures"], recipe=project.released)
    return files + [f"{project.results}/{name}" for name in LAST]
