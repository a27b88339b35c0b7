"""A recipe of published datasets through the whole graph of curation, with a hosted teacher on the loopback.

What the rows of real datasets bring with them is in these few: labels of difficulty in another dataset and labels that
a model gives, published answers without a key, repeats, a question of a benchmark, a system prompt in a column.
"""

import re

import pytest
import yaml
from clone import Build
from faulty_server import Body, FaultyServer, Reply, good

from skymake import markers, mixtures, records
from skymake.decontamination import Hit
from skymake.funnel import Funnel
from skymake.mixtures import Dropped, Provenance, Row
from skymake.plans import Plan
from skymake.statistics import Score

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SYSTEM = "Think {in steps}.\n\n  Then answer. "
SUMS = [(a, b) for a in range(11, 15) for b in range(21, 24)]
PLANTED, HARD, UNSURE = (11, 21), (12, 21), (12, 22)


def question(a: int, b: int) -> str:
    return f"At the fair, Anna wins {a} points and her brother wins {b}. How many points do they have together?"


def solve(body: Body, attempt: int) -> Reply:
    """The teacher and the rater: it adds, in markers; it rates one problem 9, one not at all, and the others 2."""
    asked = body["messages"][-1]["content"]
    a, b = map(int, re.findall(r"wins (\d+)", asked))
    if "Rate how hard" in asked:
        return good(body, text="Hm." if (a, b) == UNSURE else f"[[{9 if (a, b) == HARD else 2}]]")
    return good(body, text=markers.join(f"{a} and {b}", f"\\boxed{{{a + b}}}"))


def write_sources(folder) -> None:
    rows = {
        "fair": [
            {"source": "fair", "problem": question(*sum), "solution": rf"\boxed{{{sum[0] + sum[1]}}}"} for sum in SUMS
        ],
        "labels": [{"text": question(*sum), "level": f"Level {1 + sum[1] % 20}"} for sum in SUMS],
        "thoughts": [
            {
                "question": f"Why is the number {n} odd?",
                "combined_text": markers.join("Hm.", f"{n} is."),
                "domain": domain,
            }
            for n, domain in ((1, "puzzle"), (3, "puzzle"), (3, "puzzle"), (5, "code"))
        ],
        "published": [{"system": SYSTEM, "conversations": []}] * 2,
        "exam": [
            {"problem": question(*sum), "answer": str(sum_of), "level": 1, "subject": "s", "unique_id": str(sum)}
            for sum, sum_of in ((PLANTED, 32), ((99, 99), 198))
        ],
    }
    for name, of in rows.items():
        records.write(folder / "data" / f"{name}.jsonl", of)


def config(url: str) -> dict:
    own = {"path": "data", "revision": "1"}
    chosen = {"prompt": "math", "sampling": "once", "filters": {}, "limit": None, "time_limit_s": 4.0}
    size, free = {"answer_tokens": 30}, {"prompt_usd": 0.0, "completion_usd": 0.0}
    api = {"url": url, "id": "adder", "key_env": None, "concurrency": 8, "timeout_s": 30.0, "attempts": 2}
    return {
        "project": "published",
        "shards": 2,
        "sources": {
            "fair": {**own, "adapter": "numina", "files": ["fair.jsonl"]},
            "labels": {**own, "files": ["labels.jsonl"]},
            "thoughts": {**own, "adapter": "still2", "files": ["thoughts.jsonl"]},
            "published": {**own, "files": ["published.jsonl"], "columns": ["system"]},
            "exam": {**own, "adapter": "math500", "files": ["exam.jsonl"]},
        },
        "sets": {
            "labelled": {
                **chosen,
                "source": "fair",
                "labels": {"source": "labels", "question": "text", "difficulty": "level"},
                "filters": {"source": "fair", "difficulty": [2, 3]},
            },
            "to_rate": {**chosen, "source": "fair", "prompt": "difficulty"},
            "rated": {
                **chosen,
                "source": "fair",
                "labels": {"set": "to_rate", "model": "adder"},
                "filters": {"difficulty": [5, 10]},
            },
            "thoughts": {**chosen, "source": "thoughts", "prompt": "plain", "filters": {"domain": "puzzle"}},
            "exam": {**chosen, "source": "exam"},
        },
        "models": {"adder": {"api": api, "system": None}, "authors": {"publishes": "thoughts", "system": None}},
        "recipes": {
            "learner": {
                "teacher": "adder",
                "sets": ["labelled", "rated", "thoughts"],
                "other_teachers": {"thoughts": "authors"},
                "limits": {"math": 5},
                "student": "base",
                "training": "distillation",
                "system": {"source": "published", "column": "system"},
            }
        },
        "costs": {"models": {"adder": {**size, "price": free}, "authors": size}},
        "evaluation": {"models": ["adder"], "benchmarks": ["exam"], "baseline": "adder", "published": []},
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Build:
    copy = Build(tmp_path_factory.mktemp("published"))
    copy.results = copy.folder / "results" / "published"
    plan = copy.results / "plan.json"
    write_sources(copy.folder)
    with FaultyServer(solve) as server:
        (copy.folder / "config" / "published.yaml").write_text(yaml.safe_dump(config(server.url)))
        configs = ("--configfile", "config/nano.yaml", "config/published.yaml")
        targets = (f"results/published/{name}" for name in ("funnels/learner.json", "comparison.csv"))
        copy.snakemake("plan", *configs)
        assert not server.seen, "a plan asks for no labels"
        copy.planned = {(line.stage, line.subject): line for line in records.read_json(plan, Plan).lines}
        copy.output = copy.snakemake(*configs, "--", *targets)
        copy.asked = len(server.seen)
        copy.snakemake("plan", *configs, "--forcerun", "plan_costs")
        copy.planned_again = {(line.stage, line.subject): line for line in records.read_json(plan, Plan).lines}
    return copy


def kept(built: Build) -> dict[str, int]:
    """Set -> training rows."""
    origins = list(records.read(built.results / "mixtures/learner/provenance.jsonl", Provenance))
    return {name: sum(origin.set == name for origin in origins) for name in ("labelled", "rated", "thoughts")}


def test_published_answers_are_kept_as_published_and_others_are_verified(built):
    rows = {
        row.conversations[0].value: row for row in records.read(built.results / "mixtures/learner/train.jsonl", Row)
    }
    published = rows["Why is the number 3 odd?"]
    assert published.conversations[1].value == markers.join("Hm.", "3 is.")
    assert kept(built) == {"labelled": 5, "rated": 0, "thoughts": 2}  # the hardest, rated, is a labelled one's repeat


def test_the_system_prompt_is_the_published_one_to_the_byte(built):
    assert {row.system for row in records.read(built.results / "mixtures/learner/train.jsonl", Row)} == {SYSTEM}


def test_every_trace_that_is_no_row_has_its_reason(built):
    hits = {hit.problem: hit for hit in records.read(built.results / "contamination/learner/hits.jsonl", Hit)}
    dropped = list(records.read(built.results / "mixtures/learner/dropped.jsonl", Dropped))
    reasons = sorted(one.reason for one in dropped)
    assert reasons == sorted([mixtures.HELD_OUT, mixtures.REPEATED, *[mixtures.LIMITED] * 2])
    assert all(hits[one.problem].other == one.by for one in dropped if one.reason != mixtures.LIMITED)


def test_the_funnel_says_what_became_of_every_row(built):
    funnel = records.read_json(built.results / "funnels/learner.json", Funnel)
    labelled, rated, thoughts = (next(of for of in funnel.sets if of.set == name) for name in kept(built))
    assert labelled.rows == rated.rows == len(SUMS) and thoughts.rows == 4
    assert rated.lost["problems"] == {"filtered by difficulty": len(SUMS) - 2, "filtered as unrated": 1}
    assert thoughts.lost == {"problems": {"filtered by a column": 1, "a repeat of an earlier row": 1}}
    assert labelled.counts["traces"] == labelled.counts["verified"] == 8


def test_a_teacher_is_asked_each_question_once_and_the_authors_nothing(built):
    assert built.asked == len(SUMS) + 8 + 1 + 2  # to rate; the labelled; the rated; the benchmark


def test_labels_are_planned_before_they_choose_the_problems(built):
    labels, sums = built.planned["labelling", "to_rate"], built.planned["sampling", "rated"]
    assert (labels.count, labels.due) == (len(SUMS), len(SUMS))
    assert (sums.count, sums.due, sums.at_most) == (len(SUMS), len(SUMS), True)
    labels, sums = built.planned_again["labelling", "to_rate"], built.planned_again["sampling", "rated"]
    assert (labels.count, labels.due) == (len(SUMS), 0)
    assert (sums.count, sums.due, sums.at_most) == (1, 0, False)


def test_scores_of_models_that_were_not_trained_here_are_not_marked(built):
    score = records.read_json(built.results / "scores/adder/exam.json", Score)
    assert score.accuracy.value == 1 and score.decontaminated is None
