"""A comparison is paired, marks what is published, and says what is noise."""

import pandas as pd
import pytest

from compare_models import compare_models
from skymake import UserError, records, statistics
from skymake.statistics import Score

# Benchmark -> number of problems, and the published scores in per cent.
PUBLISHED = {
    "math500": (500, {"Sky-T1-32B-Preview": 86.4, "Qwen2.5-32B-Instruct": 81.4, "QwQ": 92.2, "o1-preview": 81.4}),
    "aime24": (30, {"Sky-T1-32B-Preview": 43.3, "Qwen2.5-32B-Instruct": 16.7, "QwQ": 50.0, "o1-preview": 40.0}),
    "lcb_easy": (182, {"Sky-T1-32B-Preview": 86.3, "Qwen2.5-32B-Instruct": 84.6, "QwQ": 90.7, "o1-preview": 92.9}),
    "lcb_medium": (206, {"Sky-T1-32B-Preview": 56.8, "Qwen2.5-32B-Instruct": 40.8, "QwQ": 56.3, "o1-preview": 54.9}),
    "lcb_hard": (123, {"Sky-T1-32B-Preview": 17.9, "Qwen2.5-32B-Instruct": 9.8, "QwQ": 17.1, "o1-preview": 16.3}),
    "gpqa_diamond": (198, {"Sky-T1-32B-Preview": 56.8, "Qwen2.5-32B-Instruct": 45.5, "QwQ": 52.5, "o1-preview": 75.2}),
}
CLEAR = ["math500", "aime24", "lcb_medium", "gpqa_diamond"]  # where Sky-T1 is more than noise above its baseline


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "published.csv"
    rows = [f"{m},{b},{score},{n},blog" for b, (n, row) in PUBLISHED.items() for m, score in row.items()]
    path.write_text("# Per cent, as their authors report them.\nmodel,benchmark,score,n,source\n" + "\n".join(rows))
    return str(path)


@pytest.fixture
def measured(tmp_path):
    """Write the score of a model that solves the given problems of a benchmark of 40; returns the file."""

    def write(model: str, benchmark: str, solved: range, problems: int = 40) -> str:
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


def test_the_published_table_is_reproduced(compare, published):
    table, markdown = compare([], published, [], PUBLISHED, "Qwen2.5-32B-Instruct")
    for benchmark, (n, row) in PUBLISHED.items():
        for model, score in row.items():
            entry = table.loc[benchmark, model, "published"]
            assert (entry.score, entry.problems, entry.source) == (pytest.approx(score), n, "blog")
            assert entry.low < score < entry.high
        line = next(line for line in markdown.splitlines() if line.startswith(f"| {benchmark} "))
        assert all(f"{score:.1f} [" in line for score in row.values())
    assert "Sky-T1-32B-Preview (published)" in markdown
    noise = {benchmark: table.loc[benchmark, "Sky-T1-32B-Preview", "published"].within_noise for benchmark in PUBLISHED}
    assert [benchmark for benchmark in PUBLISHED if not noise[benchmark]] == CLEAR


def test_thirty_problems_do_not_tell_43_from_40(compare, published):
    table, markdown = compare([], published, [], ["aime24"], "o1-preview")
    entry = table.loc["aime24", "Sky-T1-32B-Preview", "published"]
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


def test_published_numbers_stand_beside_measured_ones(compare, measured, published):
    table, markdown = compare([measured("QwQ", "aime24", range(15), 30)], published, ["QwQ"], ["aime24"], None)
    assert table.loc["aime24", "QwQ", "measured"].score == table.loc["aime24", "QwQ", "published"].score == 50
    assert markdown.splitlines()[2].split("|")[2:4] == [" QwQ               ", " Sky-T1-32B-Preview (published) "]
    assert "Points above" not in markdown


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
