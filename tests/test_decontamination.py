"""Problems that a benchmark already asks are found, and different problems that look alike are not.

The labelled pairs of fixtures/contamination.jsonl were written for this test: a benchmark's question, two paraphrases
of it (the same problem), and two other problems (its template with other numbers or another task; its topic).
"""

import contextlib
import json
import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from find_contamination import find_contamination
from skymake import decontamination, records, sources
from skymake.decontamination import Asked, Hit, Index, Summary
from skymake.nano import published
from skymake.sources.row import Drop

PAIRS = Path(__file__).parent / "fixtures" / "contamination.jsonl"
LABELLED = [json.loads(line) for line in PAIRS.read_text().splitlines()]
CLEAN = ("template", "topic")


def reformatted(question):
    return question.replace("$", "").replace(r"\frac", r"\dfrac").replace(". ", ".\n\n").replace("=", " = ").upper()


def renumbered(question):
    return f"17. {question}"


def embedded(question):
    return f"Here is an exercise for practice at home. {question} Explain every step of the way, and check the result."


def shortened(question):
    """Without its last sentence, as where a publisher rewrote what is asked for."""
    sentences = question.split(". ")
    return ". ".join(sentences[:-1]) + "." if len(sentences) > 2 else question


MECHANICAL = {"copy": str, "reformatted": reformatted, "renumbered": renumbered, "embedded": embedded}
MECHANICAL["shortened"] = shortened


def training():
    """Every variant of every labelled question: kind, number of the question, text, whether it is the same problem."""
    for number, labelled in enumerate(LABELLED):
        for kind, change in MECHANICAL.items():
            yield kind, number, change(labelled["benchmark"]), True
        for kind in ("light", "heavy", *CLEAN):
            yield kind, number, labelled[kind], kind not in CLEAN


@pytest.fixture
def index():
    index = Index()
    for number, labelled in enumerate(LABELLED):
        index.add(Asked(str(number), "benchmark", labelled["benchmark"]))
    return index


def test_precision_and_recall(index, capsys):
    found, labels, wrong = Counter(), Counter(), []
    for kind, number, question, same in training():
        hit = index.find(Asked(f"{kind}-{number}", "training", question))
        labels[kind] += 1
        found[kind] += hit is not None and hit.other == str(number)
        if hit is not None and not (same and hit.other == str(number)):
            wrong.append(hit)
    true = sum(found[kind] for kind in found if kind not in CLEAN)
    precision, recall = true / (true + len(wrong)), {kind: found[kind] / labels[kind] for kind in labels}
    with capsys.disabled():
        shares = ", ".join(f"{kind} {share:.2f}" for kind, share in recall.items() if kind not in CLEAN)
        print(
            f"\ncontamination: precision {precision:.2f} ({len(wrong)} false of {true + len(wrong)}); recall: {shares}"
        )
    assert precision == 1
    assert [recall[kind] for kind in ("copy", "renumbered", "reformatted")] == [1, 1, 1]
    assert recall["embedded"] >= 0.9 and recall["shortened"] >= 0.75 and recall["light"] >= 0.75


def test_a_hit_says_where_and_why(index):
    hit = index.find(Asked("t-1", "training", "Problem 3. " + LABELLED[3]["benchmark"].replace("2000", "2,000")))
    assert (hit.problem, hit.other, hit.rule, hit.share) == ("t-1", "3", "same", 1.0)
    assert "n ^ 2 + n is divisible by 30" in hit.span


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 39 + 23?", "What is 39 + 32?"),
        ("What is 39 + 23?", "What is 39 - 23?"),
        ("Find $x$ if $x^2=4$.", "Find $x$ if $x^3=4$."),
    ],
)
def test_what_makes_short_problems_different(one, other):
    index = Index()
    index.add(Asked("b", "benchmark", one))
    assert index.find(Asked("t", "training", one.replace("?", " ?"))).rule == "same"
    assert index.find(Asked("t", "training", other)) is None


def test_pictures_without_words_are_different_unless_they_are_one():
    index = Index()
    index.add(Asked("b", "benchmark", "[asy] draw((0,0)--(1,1)); [/asy]"))
    assert index.find(Asked("t", "training", "[asy] draw((0,0)--(1,2)); [/asy]")) is None
    assert index.find(Asked("t", "training", "[asy] draw((0,0)--(1,1)); [/asy]")).rule == "same"


@pytest.mark.parametrize("schema", ["numina", "taco", "apps", "still2"])
def test_problems_of_one_template_are_different(schema):
    """The nano world asks everything in a few templates: none of its questions is another one."""
    adapter = sources.adapter(schema)
    rows = [msgspec.convert(row, adapter.row) for row in published.rows(schema, "train", 200, seed=0)]
    problems = [Asked(str(number), schema, adapter.adapt(row).question) for number, row in enumerate(rows)]
    assert list(decontamination.compare(problems, Index())) == []


def test_repeats_within_the_training_sets():
    questions = ["What is 1 + 1?", "What is 2 + 2?", "what is 1 + 1", "What is 3 + 3?", "What is $2+2$ ?"]
    problems = [Asked(str(number), "s", question) for number, question in enumerate(questions)]
    assert [(hit.problem, hit.other) for hit in decontamination.compare(problems, Index())] == [("2", "0"), ("4", "1")]


def problem_file(path, problems):
    records.write(path, ({"id": each.id, "set": each.set, "question": each.question, "check": {}} for each in problems))
    return str(path)


def test_the_rule_reports_hits_and_what_it_compared(tmp_path):
    train = [Asked(f"t-{kind}-{n}", "train", text) for kind, n, text, _ in training() if kind in ("copy", "topic")]
    secret = [Asked("secret-1", "secret", LABELLED[0]["benchmark"])]
    bench = [Asked(f"b-{n}", "bench", labelled["benchmark"]) for n, labelled in enumerate(LABELLED) if n]
    hits, summary = tmp_path / "hits.jsonl", tmp_path / "summary.json"
    find_contamination(
        training=[problem_file(tmp_path / "t0.jsonl", train[:7]), problem_file(tmp_path / "t1.jsonl", train[7:])],
        benchmarks=[problem_file(tmp_path / "s.jsonl", secret), problem_file(tmp_path / "b.jsonl", bench)],
        hits=str(hits),
        summary=str(summary),
        recipe="student",
        private=["secret"],
    )
    found = list(records.read(hits, Hit))
    assert {hit.problem for hit in found} == {each.id for each in train if "copy" in each.id}
    assert [hit.span for hit in found if hit.other_set == "secret"] == [None]
    assert all(hit.span for hit in found if hit.other_set == "bench")
    told = records.read_json(summary, Summary)
    assert (told.recipe, told.training, told.benchmarks) == (
        "student",
        {"train": len(train)},
        {"bench": len(bench), "secret": 1},
    )
    assert [(each.other_set, each.held_out, each.rule, each.problems) for each in told.hits] == [
        ("bench", True, "same", len(bench)),
        ("secret", True, "same", 1),
    ]
    assert all(example in found for each in told.hits for example in each.examples)
    assert LABELLED[0]["benchmark"][:20] not in hits.read_text() + summary.read_text()


@pytest.mark.parametrize("benchmark", ["benchmarks/aime24", "benchmarks/math500"])
def test_planted_benchmark_rows_are_all_found(real_data, benchmark):
    adapter = sources.adapter("aime" if "aime" in benchmark else "math500")
    questions = [adapter.adapt(row).question for row in records.read(real_data / f"{benchmark}.jsonl", adapter.row)]
    index = Index()
    for number, question in enumerate(questions):
        index.add(Asked(str(number), "benchmark", question))
    change = random.Random(0).choice
    for number, question in enumerate(questions):
        planted = change([str, renumbered, str.upper])(question)
        hit = index.find(Asked(f"t-{number}", "training", planted))
        assert hit is not None and hit.share == 1 and questions[int(hit.other)].split() == question.split()


def test_real_training_rows_that_ask_a_benchmark(real_data):
    """Four of the AIME problems are MATH500's word for word; what else is found shares nearly all of its words."""
    numina, math500 = sources.adapter("numina"), sources.adapter("math500")
    index = Index(held_out=True)
    for row in records.read(real_data / "benchmarks/math500.jsonl", math500.row):
        index.add(Asked(row.unique_id, "math500", row.problem))
    rows = records.read(real_data / "numina/numina_amc_aime.jsonl", numina.row)
    problems = (Asked(str(number), "amc_aime", row.problem) for number, row in enumerate(rows))
    rules = Counter(hit.rule for hit in decontamination.compare(problems, index) if hit.held_out)
    assert rules["same"] == 4
    assert rules.total() <= 8


@pytest.fixture
def real_problems(real_data, tmp_path):
    """Write the problems of a real file; returns the file."""

    def write(name: str, schema: str) -> str:
        adapter, problems = sources.adapter(schema), {}
        for number, row in enumerate(records.read(real_data / f"{name}.jsonl", adapter.row)):
            with contextlib.suppress(Drop):
                question = adapter.adapt(row).question
                problems.setdefault(question, Asked(f"{schema}-{number}", name, question))
        return problem_file(tmp_path / name.replace("/", "-"), problems.values())

    return write


@pytest.mark.slow
def test_the_known_overlaps_of_real_files_are_found(real_problems, tmp_path, capsys):
    """The files' own description knows of 121 problems in both program sets, 43 of LiveCodeBench, 48 of AIME."""
    training = [("numina/numina_amc_aime", "numina"), ("apps/apps", "apps"), ("taco/taco", "taco")]
    benchmarks = [
        ("numina/aimo-validation-aime_2022_2023", "aime"),
        ("benchmarks/livecodebench_v6_problems", "livecodebench"),
    ]
    files = [[real_problems(*of) for of in part] for part in (training, benchmarks)]
    find_contamination(*files, str(tmp_path / "hits"), str(tmp_path / "summary"), "real", [])
    found = Counter((hit.set, hit.other_set) for hit in records.read(tmp_path / "hits", Hit))
    with capsys.disabled():
        print("\n" + "\n".join(f"{one}, {other}: {count} problems" for (one, other), count in sorted(found.items())))
    assert found["taco/taco", "apps/apps"] >= 121
    assert found["apps/apps", "benchmarks/livecodebench_v6_problems"] >= 43
    assert found["numina/numina_amc_aime", "numina/aimo-validation-aime_2022_2023"] >= 48
