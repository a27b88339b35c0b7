"""A report built from a handful of records by the functions of its rules, for the tests that read it."""

from pathlib import Path

import msgspec

from compare_models import compare_models
from count_funnel import count_funnel
from render_report import render_report
from score_model import score_model
from skymake import plans, records
from skymake.costs import Device, Size
from skymake.decontamination import Hit, Shared, Summary
from skymake.environments import Environment
from skymake.ledgers import Bill, Entry, Ledger
from skymake.mixtures import Dropped
from skymake.plans import Estimates, Payee, Plan
from skymake.records import ChoiceCheck, Failure, MathCheck, Origin, Problem, ProgramCheck, Rejection, Trace, Verdict

SAMPLING = {"temperature": 0.7, "max_tokens": 200, "samples": 2, "seed": 0}
SETTINGS = {
    "project": "tiny",
    "seed": 0,
    "sources": {
        "made": {"adapter": "numina", "nano": {"split": "train"}},
        "taken": {"adapter": "numina", "dataset": "owner/sums", "revision": "0ddba11"},
    },
    "models": {
        "base": {"nano": {"seed": 1}},
        "teacher": {"hub": {"repository": "owner/teacher", "revision": "c0ffee"}},
    },
    "recipes": {"student": {"student": "base"}},
    "sampling": {"twice": SAMPLING},
    "hosts": ["a & b"],
    "nothing": {},
}
SECRET = "a question that must not be shown"
UNTIDY = "<script>alert('boo')</script> & thus \\boxed{5}"
CHECKS = {"math": MathCheck("4"), "code": ProgramCheck(None, [records.Test("1", "2")]), "choice": ChoiceCheck("B", [])}
# Set -> domain, question, and the status of the raw trace of each problem.
SETS = {
    "sums": ("math", "What is 2 + 2?", ["correct"] * 5 + ["wrong", "wrong", "no_answer"]),
    "scripts": ("code", "Add one.", ["correct"] * 3 + ["runtime_error"]),
    "secrets": ("choice", SECRET, ["correct", "wrong"]),
}
SHARED_WORDS = "what is 2 + 2"
LOST = "sums-1"  # correct, but not after reformatting
REPEATED = "sums-2"  # verified, but not kept


def make_problem(name: str, domain: str, question: str, number: int) -> Problem:
    difficulty = None if number == 0 else float(number % 2)
    return Problem(f"{name}-{number}", name, domain, question, CHECKS[domain], difficulty, Origin("made", "1", number))


def make_trace(problem: Problem, sample: int = 0, tokens: int = 50) -> Trace:
    key = f"{problem.id}/{sample}"
    return Trace(key, problem.id, sample, "teacher", UNTIDY, None, "stop", 10, tokens, 0.1, 0)


def make_verdict(trace: Trace, status: str) -> Verdict:
    return Verdict(trace.key, trace.problem, trace.sample, status, "5", "5 is not 4", 0.0, "math 1")


def write_recipe(folder: Path) -> dict[str, list[str] | str]:
    """The records of a recipe; returns the inputs of count_funnel."""
    problems, traces, verdicts = [], [], []
    for name, (domain, question, statuses) in SETS.items():
        for number, status in enumerate(statuses):
            problems.append(make_problem(name, domain, question, number))
            traces.append(make_trace(problems[-1], tokens=40 + 10 * number))
            verdicts.append(make_verdict(traces[-1], status))
    filtered = [trace for trace, verdict in zip(traces, verdicts, strict=True) if verdict.status == "correct"]
    again = [make_verdict(trace, "wrong" if trace.problem == LOST else "correct") for trace in filtered]
    kept = [v for v in again if v.status == "correct" and v.problem != REPEATED]
    provenance = [{"row": row, "problem": v.problem, "sample": v.sample, "key": v.key} for row, v in enumerate(kept)]
    files = {"problems": problems, "traces": traces, "verdicts": verdicts, "filtered": filtered}
    files["failures"] = [Failure("k", "sums-3", 1, "teacher", "timeout", "")]
    files["dropped"] = [Dropped("k", REPEATED, 0, "asked by another problem already", "sums-0")]
    files["rejections"] = [Rejection("k", "sums-4", 0, "no_place_to_cut", "")]
    files |= {"reformatted": filtered, "reformatted_verdicts": again}
    for name, entries in files.items():
        records.write(folder / f"{name}.jsonl", entries)
    records.write(folder / "provenance.jsonl", provenance)
    dropped = {"a repeat": {"rows": 1}}
    records.write_json(folder / "drops.json", {"set": "sums", "rows": 9, "kept": 8, "dropped": dropped})
    inputs = {name: [str(folder / f"{name}.jsonl")] for name in files}
    inputs |= {name: str(folder / f"{name}.jsonl") for name in ("provenance", "dropped")}
    return inputs | {"drops": [str(folder / "drops.json")]}


def write_contamination(folder: Path) -> str:
    """What the training set of the student was compared with: one benchmark, and with itself."""
    hits = [
        Hit("sums-2", "sums", "sums-0", "sums", False, "near", 0.9, SHARED_WORDS),
        Hit("secrets-1", "secrets", "add-0", "add", True, "same", 1.0, None),
    ]
    shared = [Shared(hit.set, hit.other_set, hit.held_out, hit.rule, 1, [hit]) for hit in hits]
    records.write_json(folder / "contamination.json", Summary("student", {"sums": 8}, {"add": 20}, shared))
    return str(folder / "contamination.json")


def write_scores(folder: Path, models: dict[str, int], benchmarks: tuple[str, ...]) -> list[str]:
    """The scores of models that solve so many of 20 problems, twice each; the last request of the last one fails."""
    paths = []
    for benchmark in benchmarks:
        problems = [make_problem(benchmark, "math", SECRET, number) for number in range(20)]
        for model, solved in models.items():
            traces = [make_trace(problem, sample) for problem in problems for sample in (0, 1)][:-1]
            verdicts = [make_verdict(t, "correct" if n // 2 < solved else "truncated") for n, t in enumerate(traces)]
            failures = [Failure("k", problems[-1].id, 1, model, "timeout", "")]
            entries = {"problems": problems, "traces": traces, "verdicts": verdicts, "failures": failures}
            for name, records_of_it in entries.items():
                records.write(folder / f"{name}.jsonl", records_of_it)
            inputs = {name: [str(folder / f"{name}.jsonl")] for name in entries}
            paths.append(str(folder / f"{model}-{benchmark}.json"))
            inputs |= {"contamination": [write_contamination(folder)] if model == "student" else []}
            score_model(**inputs, score=paths[-1], model=model, benchmark=benchmark, sampling=SAMPLING)
    return paths


def write_log(path: Path) -> str:
    """A trainer's log: two steps and the line at the end, which has no loss."""
    lines = [{"current_steps": 10, "total_steps": 20, "loss": 2.5, "lr": 0.1}, {"current_steps": 20, "loss": 0.5}]
    records.write(path, [*lines, {"current_steps": 20, "total_steps": 20, "epoch": 1.0}])
    return str(path)


def write_costs(folder: Path) -> tuple[str, str]:
    """A plan of two lines, and the ledger with what they took: one was not measured."""
    known = {"teacher": Payee(40, Size(1e9, 2, 64)), "base": Payee(40, Size(1e9, 2, 64))}
    factors, kept = {"batches": 0.1}, {"kernels": 0.4, "waiting": 0.5}
    estimates = Estimates("2026-01-01", Device("H1", 100.0, 2.0), factors, 3.0, 0.7, known, 9.0, "refuse")
    sampling = plans.asking("sampling", estimates, "teacher", "sums", 8, 2, (10.0, 40.0), True, False)
    training = plans.training(estimates, "base", "student", {(10.0, 40.0): 5.0}, 3, kept, False, False)
    records.write_json(folder / "plan.json", Plan("tiny", {}, [], estimates, 1, [sampling, training]))
    taken = [Entry("sampling", "teacher", "sums", ["student"], 8, 80, 350, 0.1, 0.5, 1.0)]
    taken.append(Entry("training", "base", "student", ["student"], 4, 0, 0, 0.0, None, None))
    bill = Bill("student", 4, 0.0, 1.0, 0.0, None, None, 350)
    records.write_json(folder / "ledger.json", Ledger(taken, [bill]))
    return str(folder / "plan.json"), str(folder / "ledger.json")


def write(folder: Path, models: dict[str, int], benchmarks: tuple[str, ...], baseline: str | None, recipes: int) -> str:
    """The whole report, written to report.html and returned. The first recipe's checkpoint is `student`."""
    scores = write_scores(folder, models, benchmarks)
    csv, page = folder / "comparison.csv", folder / "report.html"
    compare_models(scores, [], csv, folder / "comparison.md", list(models), list(benchmarks), baseline)
    inputs, funnels = write_recipe(folder), [str(folder / f"funnel-{number}.json") for number in range(recipes)]
    for number, funnel in enumerate(funnels):
        count_funnel(**inputs, funnel=funnel, recipe="student" if number == 0 else f"r{number}", private=["secrets"])
    logs = [write_log(folder / "student" / "trainer_log.jsonl")] if recipes else []
    contamination = [write_contamination(folder)] if recipes else []
    plan, ledger = write_costs(folder)
    title, settings = "tiny_project", msgspec.to_builtins(SETTINGS)
    environment = str(folder / "serve.json")
    records.write_json(environment, Environment("bin/python", "feed", ["torch==2.0", "vllm==0.1"]))
    made = (plan, ledger, logs, [environment])
    render_report(str(csv), scores, funnels, contamination, *made, str(page), title, settings)
    return page.read_text()
