"""A comparison is paired, marks what is published, and says what is noise."""

from pathlib import Path

import pandas as pd
import pytest

from compare_models import compare_models
from skymake import UserError, comparison, records, statistics
from skymake.statistics import Score

ROOT = Path(__file__).parents[1]
PUBLISHED = str(ROOT / "config" / "published-scores.csv")
# Benchmark -> number of problems, and the scores of four models as the README of Sky-T1 gives them.
README = {
    "math500": (500, [86.4, 81.4, 92.2, 81.4]),
    "aime24": (30, [43.3, 16.7, 50.0, 40.0]),
    "lcb_easy": (182, [86.3, 84.6, 90.7, 92.9]),
    "lcb_medium": (206, [56.8, 40.8, 56.3, 54.9]),
    "lcb_hard": (123, [17.9, 9.8, 17.1, 16.3]),
    "gpqa_diamond": (198, [56.8, 45.5, 52.5, 75.2]),
}
SKY, BASE, QWQ, O1 = "sky_t1_32b_preview", "qwen2_5_32b_instruct", "qwq_32b_preview", "o1_preview"


@pytest.fixture
def measured(tmp_path):
    """Write the score of a model that solves the given problems of a benchmark of 40; returns the file."""

    def write(model: str, benchmark: str, solved: range, problems: int = 40, clean: bool | None = None) -> str:
        outcomes = {f"{benchmark}-{number}": [int(number in solved)] for number in range(problems)}
        statuses = dict.fromkeys(records.STATUSES, 0) | {"correct": len(solved), "truncated": problems - len(solved)}
        score = Score(
            model=model,
            benchmark=benchmark,
            problems=problems,
            samples=1,
            accuracy=statistics.accuracy(outcomes),
            pass_at={"1": len(solved) / problems},
            statuses=statuses,
            failures={},
            completion_tokens={"mean": 50.0},
            groups=[],
            outcomes=outcomes,
            decontaminated=clean,
            sampling={"temperature": 0.7},
            graders=["math 1"],
        )
        path = tmp_path / f"{model}-{benchmark}.json"
        records.write_json(path, score)
        return str(path)

    return write


@pytest.fixture
def compare(tmp_path):
    """Run the rule's function; returns the table, indexed by benchmark, model and kind, and the Markdown."""

    def run(scores, published=(), models=("base", "student"), benchmarks=("sums",), baseline="base"):
        csv, markdown = tmp_path / "c.csv", tmp_path / "c.md"
        compare_models(scores, published or [], csv, markdown, list(models), list(benchmarks), baseline)
        return pd.read_csv(csv).set_index(["benchmark", "model", "kind"]), markdown.read_text()

    return run


def test_the_published_table_is_reproduced(compare):
    table, markdown = compare([], PUBLISHED, [], README, BASE)
    for benchmark, (n, scores) in README.items():
        for model, score in zip((SKY, BASE, QWQ, O1), scores, strict=True):
            entry = table.loc[benchmark, model, "published"]
            assert (entry.score, entry.problems) == (pytest.approx(score), n) and entry.source
            assert entry.low < score < entry.high
    published = markdown.split("Published elsewhere, per cent correct")[1].split("Published elsewhere, points above")[0]
    for number, model in enumerate((SKY, BASE, QWQ, O1)):
        line = next(line for line in published.splitlines() if line.startswith(f"| {model} "))
        assert all(f" {scores[number]:.1f} [" in line for _, scores in README.values())
    noise = [benchmark for benchmark in README if table.loc[benchmark, SKY, "published"].within_noise]
    assert noise == ["lcb_easy", "lcb_hard"]


def test_thirty_problems_do_not_tell_43_from_40(compare):
    table, markdown = compare([], PUBLISHED, [], ["aime24"], O1)
    entry = table.loc["aime24", SKY, "published"]
    assert entry.difference == pytest.approx(3.3) and entry.difference_low < -18 and entry.difference_high > 24
    assert entry.within_noise
    assert "+3.3 [" in markdown and "within noise" in markdown


def test_a_difference_is_paired(compare, measured):
    """10 problems gained and none lost: clear in pairs, though the two intervals overlap."""
    table, markdown = compare([measured("base", "sums", range(15)), measured("student", "sums", range(25))])
    base, student = table.loc["sums", "base", "measured"], table.loc["sums", "student", "measured"]
    assert base.high > student.low
    assert student.difference == 25 and student.p_value == pytest.approx(2 / 2**10, abs=1e-8)
    assert not student.within_noise
    assert pd.isna(base.difference)
    assert "+25.0 [" in markdown and "p=0.002" in markdown


def test_a_row_tells_failures_apart_and_how_the_model_was_asked(compare, measured):
    table, _ = compare([measured("base", "sums", range(10)), measured("student", "sums", range(30))])
    row = table.loc["sums", "student", "measured"]
    assert (row.score, row.truncated, row.wrong, row.no_reply) == (75, 25, 0, 0)
    assert (row.sampling, row.graders, row.mean_tokens) == ('{"temperature":0.7}', "math 1", 50)


def test_the_mean_needs_all_benchmarks(compare, measured):
    scores = [measured("base", "sums", range(10)), measured("base", "puzzles", range(20))]
    scores += [measured("student", "sums", range(30)), measured("student", "puzzles", range(40))]
    scores += [measured("teacher", "sums", range(40))]
    table, _ = compare(scores, models=["base", "student", "teacher"], benchmarks=["sums", "puzzles"])
    assert table.loc["mean", "base", "measured"].score == 37.5
    student = table.loc["mean", "student", "measured"]
    assert student.score == 87.5 and student.difference == 50
    assert student.low < 87.5 < student.high and student.difference_low < 50 < student.difference_high
    assert ("mean", "teacher", "measured") not in table.index


def test_a_measured_model_is_held_against_its_published_score(compare, measured):
    """50.0 is published of 30 problems: 15 solved reproduce it, 2 do not."""
    for solved, reproduced in ((15, True), (2, False)):
        table, markdown = compare([measured(QWQ, "aime24", range(solved), 30)], PUBLISHED, [QWQ], ["aime24"], None)
        entry = table.loc["aime24", QWQ, "measured"]
        assert (entry.published, entry.gap) == (50, pytest.approx(100 * solved / 30 - 50, abs=1e-3))
        assert entry.gap_within_noise == reproduced
        assert pd.isna(table.loc["aime24", QWQ, "published"].gap)
        assert "Points above its published score" in markdown and "Points above qwq" not in markdown


def test_rows_follow_the_order_of_the_config(compare, measured):
    scores = [measured(model, name, range(9)) for model in ("base", "student") for name in ("sums", "puzzles")]
    table, _ = compare(scores, models=["student", "base"], benchmarks=["sums", "puzzles"])
    assert [row[:2] for row in table.index] == [
        (benchmark, model) for benchmark in ("sums", "puzzles", "mean") for model in ("student", "base")
    ]


def test_models_that_answered_other_problems_are_refused(compare, measured):
    with pytest.raises(UserError, match="sums: cannot be compared with the baseline: 10 problems"):
        compare([measured("base", "sums", range(10)), measured("student", "sums", range(10), problems=50)])


def test_a_score_of_no_model_is_refused(compare, measured):
    with pytest.raises(UserError, match="stranger, which is none of the models"):
        compare([measured("stranger", "sums", range(3))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,benchmark,score,source\nQwQ,aime24,50,blog", "entry 1: .* field `n`"),
        ("model,benchmark,score,n,source\nQwQ,aime24,500,30,blog", r"entry 1: .* <= 100.* `\$.score`"),
        ("model,benchmark,score,n,source\nQwQ,aime24,50,0,blog", r"entry 1: .* >= 1.* `\$.n`"),
        ("model,benchmark,score,n,source\nQwQ,aime24,half,30,blog", r"entry 1: .* `\$.score`"),
        ("model,benchmark,score,n,source\n" + "QwQ,aime24,50,30,blog\n" * 2, "entry 2: QwQ has a score on aime24"),
    ],
)
def test_a_bad_file_of_published_scores_is_refused(text, message, compare, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        compare([], str(path), [], ["aime24"], None)


def test_a_score_whose_benchmark_nobody_looked_for_in_the_training_set_is_marked(measured, compare):
    scores = [measured(model, "sums", range(10), clean=clean) for model, clean in (("base", None), ("student", False))]
    table, text = compare(scores)
    assert table["decontaminated"].dropna().to_list() == [False]
    assert text.count(" *") == 1 and comparison.STAR in text
    assert comparison.STAR not in compare([measured("base", "sums", range(10), clean=True)])[1]
