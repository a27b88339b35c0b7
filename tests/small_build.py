"""A build of a dozen sums by the functions of the rules themselves, without Snakemake, an engine or a trainer."""

import shutil
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT

from build_mixture import build_mixture
from build_problems import build_problems
from check_references import check_references
from compare_models import compare_models
from count_funnel import count_funnel
from filter_traces import filter_traces
from find_contamination import find_contamination
from grade_traces import grade_traces
from reformat_traces import reformat_traces
from sample_traces import sample_traces
from score_model import score_model
from skymake import answers, builds, records
from skymake.project import Project
from skymake.store import Completion, Store

ROWS = {
    "numina": [(20, 5), (31, 7), (2, 2), (44, 9), (50, 8), (60, 1), (15, 3)],
    "other": [(31, 7), (71, 4), (80, 6), (15, 3)],  # two of them are asked by `numina` already
    "numina_test": [(2, 2), (90, 9), (91, 8)],  # the first of them is in `numina`
}
"""Source -> the two numbers that each of its rows adds up."""
PRICE = {"prompt_usd": 1e6, "completion_usd": 2e6}
SLIPS = (44, 90)  # first numbers of sums that the teacher gets wrong


def config(**changed: Any) -> dict[str, Any]:
    """The config of the build: the nano project's, with a hosted teacher and sums alone."""
    nano = yaml.safe_load((ROOT / "config/nano.yaml").read_text())
    sums = nano["sets"]["sums"]
    api = {"url": "http://localhost/v1", "id": "oracle-1", "key_env": None}
    oracle = {"api": {**api, "concurrency": 1, "timeout_s": 1.0, "attempts": 1}, "system": "step_by_step"}
    student = {"teacher": "oracle", "sets": ["sums", "more"], "student": "seedling", "training": "distillation"}
    payees = {"oracle": {"answer_tokens": 40, "price": PRICE}, "seedling": nano["costs"]["models"]["seedling_base"]}
    return {
        **nano,
        "costs": {**nano["costs"], "models": payees},
        "sources": {name: {"adapter": "numina", "nano": {"split": "train", "rows": 9}} for name in ROWS},
        "sets": {"sums": sums, "more": {**sums, "source": "other"}, "sums_test": {**sums, "source": "numina_test"}},
        "models": {"oracle": oracle, "seedling": nano["models"]["seedling_base"]},
        "recipes": {"student": student},
        "evaluation": {"models": ["oracle"], "benchmarks": ["sums_test"], "baseline": "oracle", "published": []},
        **changed,
    }


class SmallBuild:
    """Builds in the folder that a test stands in; prompts come from the repository."""

    def __init__(self, chosen: dict[str, Any], rows: dict[str, list[tuple[int, int]]]) -> None:
        if not Path("config").exists():
            shutil.copytree(ROOT / "config", "config")
        self.project = Project(chosen)
        self.results = Path(self.project.results)
        builds.begin(self.project)
        for source, sums in rows.items():
            records.write(self.project.rows(source), (published(*numbers) for numbers in sums))
        for name in chosen["sets"]:
            self.ask(name)
        for recipe in self.project.mixed:
            self.mix(recipe)
        self.score()

    def of(self, pattern: str, name: str) -> str:
        return f"{self.project.results}/{pattern.format(name)}"

    def ask(self, name: str) -> None:
        """Problems, answers and verdicts of a set; of a training set also what is correct, restated."""
        project, of = self.project, self.of
        problems, references = of("problems/{}/0.jsonl", name), of("references/{}/0.jsonl", name)
        drops, quarantine = of("problems/{}/drops.json", name), of("quarantine/{}/0.jsonl", name)
        build_problems(project.source(name), [], [problems], [references], drops, name, project.spec(name))
        check_references(problems, references, quarantine, project.config["grading"])
        asked = {"prompt": project.prompt(name), "system": project.system("oracle"), "sampling": project.sampling(name)}
        remember(project, name, problems, asked)
        raw, failures = of("traces/raw/oracle/{}/0.jsonl", name), of("failures/oracle/{}/0.jsonl", name)
        identity, endpoint = project.identity("oracle"), project.endpoint("oracle")
        common = {"model": "oracle", "identity": identity, "set": name, "endpoint": endpoint}
        common |= {"traces": raw, "failures": failures, "store": "store", "failure_share": 0, "plan": ""}
        sample_traces("", problems, "", **asked, **common)
        verdicts, limits = of("verdicts/raw/oracle/{}/0.jsonl", name), project.config["grading"]
        grade_traces(problems, raw, quarantine, verdicts, limits, False, 1)
        if name not in project.config["evaluation"]["benchmarks"]:
            filtered, restated = of("filtered/oracle/{}.jsonl", name), of("traces/reformatted/oracle/{}/0.jsonl", name)
            filter_traces([raw], [verdicts], filtered)
            reformat_traces(problems, filtered, restated, of("rejections/reformatted/oracle/{}/0.jsonl", name))
            grade_traces(
                problems, restated, quarantine, of("verdicts/reformatted/oracle/{}/0.jsonl", name), limits, False, 1
            )

    def mix(self, recipe: str) -> None:
        """The mixture of a recipe, and its funnel."""
        project = self.project
        files = {name: project.recipe_files(recipe, pattern) for name, pattern in PATTERNS.items()}
        held_out = [self.of("problems/{}/0.jsonl", name) for name in project.config["evaluation"]["benchmarks"]]
        hits, folder = self.of("contamination/{}/hits.jsonl", recipe), self.of("mixtures/{}", recipe)
        find_contamination(
            files["problems"], held_out, hits, self.of("contamination/{}/summary.json", recipe), recipe, []
        )
        made = ("train.jsonl", "dataset_info.json", "provenance.jsonl", "dropped.jsonl", "card.md")
        restated = (files["reformatted"], files["reformatted_verdicts"])
        prompts, system = project.prompts(recipe), project.system(recipe)
        settings = (project.sets(recipe), project.limits(recipe), recipe)
        written = [f"{folder}/{name}" for name in made]
        build_mixture(files["problems"], *restated, hits, prompts, system, *written, *settings)
        funnel = {"provenance": written[2], "dropped": written[3], "funnel": self.of("funnels/{}.json", recipe)}
        count_funnel(**files, **funnel, recipe=recipe, private=[])

    def score(self) -> None:
        """The scores of the teacher, and the comparison."""
        chosen, scores = self.project.config["evaluation"], []
        for name in chosen["benchmarks"]:
            patterns = ("problems/{}/0.jsonl", "traces/raw/oracle/{}/0.jsonl", "verdicts/raw/oracle/{}/0.jsonl")
            inputs = [[self.of(pattern, name)] for pattern in (*patterns, "failures/oracle/{}/0.jsonl")]
            scores.append(self.of("scores/oracle/{}.json", name))
            score_model(
                *inputs, self.project.contamination("oracle"), scores[-1], "oracle", name, self.project.sampling(name)
            )
        tables = (str(self.results / "comparison.csv"), str(self.results / "comparison.md"))
        compare_models(scores, [], *tables, chosen["models"], chosen["benchmarks"], chosen["baseline"])


PATTERNS = {
    "drops": "problems/{set}/drops.json",
    "problems": "problems/{set}/{shard}.jsonl",
    "traces": "traces/raw/{teacher}/{set}/{shard}.jsonl",
    "failures": "failures/{teacher}/{set}/{shard}.jsonl",
    "verdicts": "verdicts/raw/{teacher}/{set}/{shard}.jsonl",
    "filtered": "filtered/{teacher}/{set}.jsonl",
    "reformatted": "traces/{form}/{teacher}/{set}/{shard}.jsonl",
    "rejections": "rejections/{form}/{teacher}/{set}/{shard}.jsonl",
    "reformatted_verdicts": "verdicts/{form}/{teacher}/{set}/{shard}.jsonl",
}


def published(a: int, b: int) -> dict[str, Any]:
    """A row in the schema of NuminaMath-CoT."""
    return {"source": "made", "problem": f"What is {a} + {b}?", "solution": f"It is \\boxed{{{a + b}}}."}


def remember(project: Project, name: str, problems: str, asked: dict[str, Any]) -> None:
    """Put the teacher's answers to a set into the store, as an earlier run would have left them."""
    kept, requests = Store("store"), answers.requests_for(problems, identity=project.identity("oracle"), **asked)
    have = kept.completions("oracle", name, {request.key for _, request in requests})
    with kept.segment("oracle", name) as segment:
        for _, request in answers.requests_for(problems, identity=project.identity("oracle"), **asked):
            a, b = (int(number) for number in request.messages[-1]["content"].split("is ")[1].rstrip("?").split(" + "))
            text = f"so {a} + {b}\n\ndone, \\boxed{{{a + b + (a in SLIPS)}}}"
            if request.key not in have:
                segment.append(Completion(request.key, text, None, "stop", 9, 20, 0.1, request.seed, "oracle-1"))
