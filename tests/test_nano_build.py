"""The nano project, built for real in a copy of the repository: the engine, the trainer and the graders themselves.

One build, then what must hold of its artifacts, and what changes plan afterwards. Environments come from the user's
cache, or are built into it.
"""

import csv

import pytest
import yaml

from skymake import records
from skymake.ledgers import Ledger
from skymake.mixtures import Provenance, Row
from skymake.records import Problem, Trace, Verdict

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def test_the_end_of_the_run_prints_the_table_and_the_report(build):
    assert (build.results / "comparison.md").read_text() in build.output
    assert "results/nano/report.html" in build.output


def test_the_score_went_up(build):
    means = {}
    table = (build.results / "comparison.csv").read_text().splitlines()
    header = table[0].split(",")
    for line in table[1:]:
        row = dict(zip(header, line.split(","), strict=False))
        if row["benchmark"] == "mean":
            means[row["model"]] = {key: float(row[key]) for key in ("score", "low", "high")}
    assert means["student"]["score"] >= means["base"]["score"] + 30
    assert means["student"]["low"] > means["base"]["high"]


def test_rejection_sampling_rejects_in_every_set(build):
    total = correct = 0
    for path in (build.results / "verdicts" / "raw" / "teacher").glob("*/0.jsonl"):
        if not path.parent.name.endswith("_test"):
            statuses = [verdict.status for verdict in records.read(path, Verdict)]
            assert 0 < statuses.count("correct") < len(statuses), path
            total, correct = total + len(statuses), correct + statuses.count("correct")
    assert 0.5 <= correct / total <= 0.98


def test_every_training_row_is_verified_and_none_is_a_benchmark_question(build):
    mixture = build.results / "mixtures" / "student"
    origins = list(records.read(mixture / "provenance.jsonl", Provenance))
    rows = list(records.read(mixture / "train.jsonl", Row))
    assert len(rows) == len(origins) > 0
    verdicts = {}
    for path in (build.results / "verdicts" / "reformatted" / "teacher").glob("*/0.jsonl"):
        verdicts |= {(verdict.key, verdict.sample): verdict.status for verdict in records.read(path, Verdict)}
    assert {verdicts[origin.key, origin.sample] for origin in origins} == {"correct"}
    benchmarks = build.results.glob("problems/*_test/0.jsonl")
    asked = [problem.question for problem in records.read_all(benchmarks, Problem)]
    assert len(asked) == 800
    users = [row.conversations[0].value for row in rows]
    assert not any(question in user for question in asked for user in users)


def test_traces_are_raw_and_training_rows_are_in_markers(build):
    for path in (build.results / "traces" / "raw" / "teacher").glob("*/0.jsonl"):
        assert not any("<|begin_of_thought|>" in trace.text for trace in records.read(path, Trace))
    for row in records.read(build.results / "mixtures" / "student" / "train.jsonl", Row):
        assert row.conversations[1].value.count("<|begin_of_solution|>") == 1


def test_the_ledger_of_the_build_has_the_hours_of_all_that_ran(build):
    ledger = records.read_json(build.results / "ledger.json", Ledger)
    assert {entry.stage for entry in ledger.entries} == {"sampling", "training"}
    assert all(entry.gpu_hours and entry.gpu_hours > 0 and entry.usd == 0 for entry in ledger.entries)
    [bill] = ledger.bills
    assert bill.recipe == "student" and bill.rows > 500 and bill.gpu_hours > 0
    with open(build.results / "ledger.csv", newline="") as lines:
        assert len([*csv.DictReader(lines)]) == len(ledger.entries)
    assert 'id="costs"' in (build.results / "report.html").read_text()
    assert (build.results / "plan.md").exists()


def test_a_second_run_has_nothing_to_do(build):
    assert "Nothing to be done" in build.snakemake()


def test_touching_files_plans_nothing(build):
    for path in [*build.folder.glob("scripts/**/*.py"), *build.folder.glob("config/**/*"), *build.results.rglob("*")]:
        if path.is_file():
            path.touch()
    assert build.planned() == {}


def test_editing_a_grader_asks_no_teacher(build):
    grader = "scripts/skymake/grading/choice.py"
    original = (build.folder / grader).read_text()
    (build.folder / grader).write_text(f"{original}\n# a comment\n")
    assert build.planned() == {}
    (build.folder / grader).write_text(f"{original}\nUNUSED = 1\n")
    planned = build.planned()
    (build.folder / grader).write_text(original)
    assert planned["grade_traces"] == 20
    teachers = build.planned("--allowed-rules", "grade_traces", "filter_traces")
    assert teachers == {}
    # what is asked again is the student alone, should it change: nothing of the teacher and the base
    assert planned["sample_traces"] == 4 and planned["train_student"] == 1


def test_a_second_recipe_asks_the_teacher_nothing(build):
    recipe = {"teacher": "teacher", "sets": ["sums", "scripts", "functions"], "student": "base"}
    overlay = build.folder / "ablation.yaml"
    overlay.write_text(yaml.safe_dump({"recipes": {"no_puzzles": {**recipe, "training": "distillation"}}}))
    planned = build.planned("--configfile", "config/nano.yaml", "ablation.yaml")
    assert "sample_traces" not in planned and planned["train_student"] == 1 and planned["build_mixture"] == 1


def test_one_problem_more_costs_one_request_and_leaves_the_other_traces_as_they_are(build):
    """Snakemake runs all clients of a service again when one of them must; the store has what the others ask."""
    others = [path for path in build.results.glob("traces/raw/teacher/*/0.jsonl") if path.parent.name != "functions"]
    before = {path: path.read_bytes() for path in others}
    old, new = (f"apps: {{adapter: apps, nano: {{split: train, rows: {rows}}}}}" for rows in (250, 251))
    build.edit("config/nano.yaml", old, new)
    try:
        output = build.snakemake("--until", "filter_traces")
    finally:
        build.edit("config/nano.yaml", new, old)
    assert "teacher, functions: 251 requests, 1 of them to ask" in output
    assert output.count(" 0 of them to ask") == 3  # the other training sets; benchmarks are not asked for here
    assert {path: path.read_bytes() for path in others} == before


def test_a_dry_run_of_everything_prints_the_whole_graph(build):
    assert sum(build.planned("--forceall").values()) > 80


def test_a_corrupt_line_is_an_error_with_file_and_line(build):
    problems = build.results / "problems" / "sums_test" / "0.jsonl"
    original = problems.read_text()
    problems.write_text(original.replace("\n", '\n{"id": 3}\n', 1))
    try:
        done = build.attempt("results/nano/verdicts/raw/base/sums_test/0.jsonl")
    finally:
        problems.write_text(original)
    assert done.returncode and "problems/sums_test/0.jsonl:2: " in done.stdout
