"""What differs between two builds is told, with its reason, and nothing else is."""

import shutil
from pathlib import Path

import pytest
from small_build import PRICE, ROWS, SmallBuild, config
from test_lineage import built  # noqa: F401  (a fixture)

from skymake import cli


@pytest.fixture
def diff(built, tmp_path, monkeypatch, capsys):  # noqa: F811
    """Build again with another config or other rows; returns the sections of `skymake diff` from the first build."""

    def compare(rows: dict = ROWS, **changed) -> dict[str, list[str]]:
        shutil.copytree(built, tmp_path / "other")
        monkeypatch.chdir(tmp_path / "other")
        SmallBuild(config(**changed), rows)
        capsys.readouterr()
        assert cli.main(["diff", str(built / "results/nano"), "results/nano"]) == 0
        _, *sections = capsys.readouterr().out.strip().split("\n\n")
        return {title: [line.strip() for line in lines] for title, *lines in (part.splitlines() for part in sections)}

    return compare


def test_two_equal_builds_do_not_differ(diff):
    said = diff()
    for title in ("Config", "Rows of the mixtures", "Verdicts"):
        assert said[title] == ["no difference"]
    assert said["Scores"] == ["oracle on sums_test: 66.7, problem by problem the same"]
    assert len(said["Answers paid for"]) == 1


def test_a_set_less_is_told(diff):
    recipes = config()["recipes"]
    said = diff(recipes={"student": {**recipes["student"], "sets": ["sums"]}})
    assert said["Config"] == ["recipes.student.sets: [sums,more] -> [sums]"]
    assert said["Rows of the mixtures"] == [
        "student: 7 -> 5 rows",
        "out       2  of more; in B: the set is not in the recipe",
    ]


def test_a_changed_set_is_told(diff):
    sets = config()["sets"]
    said = diff(sets={**sets, "sums": {**sets["sums"], "limit": 3}})
    assert said["Config"] == ["sets.sums.limit: null -> 3"]
    assert said["Rows of the mixtures"] == [
        "student: 7 -> 5 rows",
        "out       3  of sums; in B: no such problem",
        "in       1  of more; in A: asked by another problem already",
    ]
    assert said["Verdicts"] == [
        "raw/oracle/sums: 4 traces only in A, 0 only in B",
        "reformatted/oracle/sums: 3 traces only in A, 0 only in B",
    ]


def test_verdicts_that_flip_and_scores_that_move_are_told(built, diff, capsys):  # noqa: F811
    diff()
    for path in (
        Path("results/nano/verdicts/raw/oracle/sums/0.jsonl"),
        Path("results/nano/scores/oracle/sums_test.json"),
    ):
        path.write_text(path.read_text().replace('"correct"', '"wrong"', 1).replace("[\n   1\n  ]", "[0]", 1))
    assert cli.main(["diff", str(built / "results/nano"), "results/nano"]) == 0
    said = capsys.readouterr().out
    assert "raw/oracle/sums: 1 correct -> wrong, such as sums-" in said
    assert "-33.3" in said and "p=1.000: within noise" in said


def test_answers_cost_what_their_prices_say(diff):
    costs = config()["costs"]
    payees = {**costs["models"], "oracle": {**costs["models"]["oracle"], "price": {**PRICE, "prompt_usd": 0.0}}}
    said = diff(costs={**costs, "models": payees})
    assert said["Answers paid for"][-1] == "in all: $686.00 -> $560.00"  # 14 answers: 9 tokens asked, 20 answered
