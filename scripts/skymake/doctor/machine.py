"""What the doctor looks at on the machine it runs on: disk, downloads, tokens, network, sandbox."""

import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants

from skymake import UserError, environments, inventory, records
from skymake.doctor import Finding
from skymake.environments import Environment
from skymake.project import Project
from skymake.sandbox import tiers

GB = 1e9
ENVIRONMENTS_GB = {"cpu": 6, "cuda": 15}  # vLLM and LLaMA-Factory, each with its build of torch
STATES = 7  # what a full checkpoint takes for each byte of bfloat16 weights: master weights and two moments in float32
NETWORK_S = 5.0


def examine(project: Project) -> Iterator[Finding]:
    """All findings, the cheapest first."""
    yield sandbox()
    yield from tokens(project)
    missing = list(downloads(project))
    yield from missing
    yield network(needed=any(finding.level != "ok" for finding in missing))
    yield from disk(project)


def sandbox() -> Finding:
    """Where programs that models wrote would run here."""
    try:
        return Finding("ok", "sandbox", f"programs run in {tiers.probe()} on this machine")
    except UserError as error:
        return Finding("warn", "sandbox", str(error))


def models(project: Project, key: str) -> list[str]:
    """The models with a key in the config that have a part in the project, be it to rate."""
    used = {*inventory.models(project), *(rater for rater, _ in project.ratings)}
    return [name for name in project.having("models", key) if name in used]


def sources(project: Project) -> list[str]:
    """The sources to fetch that have a part in the project."""
    used = {*inventory.inventory(project)["sources"], *(project.source(rated) for _, rated in project.ratings)}
    return [name for name in project.having("sources", "files") if project.rows(name) in used]


def tokens(project: Project) -> Iterator[Finding]:
    """Keys of hosted models, and a token of the hub."""
    for name in models(project, "api"):
        variable = project.model(name)["api"]["key_env"]
        if variable and not os.environ.get(variable):
            yield Finding("fail", f"key of {name}", f"set the environment variable {variable}")
        elif variable:
            yield Finding("ok", f"key of {name}", f"{variable} is set")
    if project.having("models", "hub") or project.having("sources", "dataset"):
        known = huggingface_hub.get_token()
        advice = "none: gated datasets (GPQA) cannot be fetched; set HF_TOKEN or run `hf auth login`"
        yield Finding("ok", "token of the hub", "there") if known else Finding("warn", "token of the hub", advice)


def downloads(project: Project) -> Iterator[Finding]:
    """What must come from the network before a job can start: environments, rows, weights."""
    built = [Path(file) for file in inventory.environments(project)]
    yield _fetched("environments", "build_environment", [path.stem for path in built], list(map(_is_usable, built)))
    rows = sources(project)
    there = [Path(project.results, "sources", f"{name}.jsonl").exists() for name in rows]
    yield _fetched("rows of published datasets", "fetch_source", rows, there)
    weights = models(project, "hub")
    yield _fetched("weights", "fetch_model", weights, [Path(project.weights(name)).exists() for name in weights])


def _is_usable(environment: Path) -> bool:
    """Whether an environment is built, and not deleted since."""
    return environment.exists() and Path(records.read_json(environment, Environment).python).exists()


def _fetched(what: str, rule: str, names: list[str], there: list[bool]) -> Finding:
    missing = [name for name, is_there in zip(names, there, strict=True) if not is_there]
    if missing:
        how = f"`snakemake --until {rule}`, with your flags, where there is a network"
        return Finding("warn", what, f"not there yet: {', '.join(missing)}; {how}")
    return Finding("ok", what, f"{len(names)} there" if names else "none needed")


def network(needed: bool) -> Finding:
    """Whether the hub can be reached, which only downloads need."""
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=NETWORK_S).close()
    except urllib.error.HTTPError:
        pass  # refused is reached
    except OSError as error:
        detail = f"{constants.ENDPOINT} cannot be reached from here ({type(error).__name__})"
        level = "fail" if needed else "ok"
        return Finding(
            level, "network", f"{detail}; " + ("something must be fetched" if needed else "nothing needs it")
        )
    return Finding("ok", "network", f"{constants.ENDPOINT} can be reached")


def disk(project: Project) -> Iterator[Finding]:
    """Whether environments, and the checkpoints of the largest training, fit where they will be."""
    weights = [_size(Path(project.weights(recipe["student"])).parent) for recipe in project.recipes.values()]
    there = all(_is_usable(Path(file)) for file in inventory.environments(project))
    needs = {
        "disk for environments": (environments.CACHE, 0 if there else ENVIRONMENTS_GB[project.device]),
        "disk for the store": (Path(project.config["store"]), max(weights, default=0) * (STATES + 1) / GB),
    }
    for what, (folder, needed) in needs.items():
        place = next(parent for parent in [folder.absolute(), *folder.absolute().parents] if parent.exists())
        free = shutil.disk_usage(place).free / GB
        said = f"{free:,.0f} GB free at {place}, {needed:,.0f} GB needed for what is known now"
        yield Finding("ok" if free > needed else "fail", what, said)


def _size(folder: Path) -> int:
    """Bytes of the weights in a folder; 0 where they are not there yet."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
