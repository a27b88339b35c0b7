"""What `impact` foretells happens: the row is removed, everything is built again, and the files are compared."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
import small_build
from small_build import ROWS, SmallBuild, config
from test_lineage import built  # noqa: F401  (a fixture)

from skymake import UserError, cli, impact, records
from skymake.builds import Build
from skymake.records import Problem

UNCHANGED = {"run.json"}


def contents(results: Path) -> dict[str, object]:
    """Every file below the results, what a clock says aside."""
    found = {}
    for path in results.rglob("*"):
        if path.is_file() and path.name not in UNCHANGED and path.parent.name != "sources":
            text = path.read_text()
            found[str(path)] = (
                [{**json.loads(line), "cpu_seconds": 0} for line in text.splitlines()]
                if path.parts[2] == "verdicts"
                else text
            )
    return found


@pytest.mark.parametrize(("source", "row"), [(source, row) for source in ROWS for row in range(len(ROWS[source]))])
def test_the_files_that_change_are_those_that_it_names(source, row, built, tmp_path, monkeypatch):  # noqa: F811
    shutil.copytree(built, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    removal = impact.Removal(Build("results/nano"), source, {row})
    assert len(removal.problems) == 1
    foretold, moved = {str(change.path) for change in removal.files()}, removal.moved("student")
    before, rows = contents(Path("results/nano")), train()
    SmallBuild(config(), {**ROWS, source: [sum for number, sum in enumerate(ROWS[source]) if number != row]})
    after = contents(Path("results/nano"))
    assert foretold == {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert Counter(rows) - Counter(train()) == Counter(rows[n] for n in moved[0]) - Counter(
        train()[n] for n in moved[1]
    )
    assert ("student" in removal.retrained()) == (rows != train())


def train() -> list[str]:
    return Path("results/nano/mixtures/student/train.jsonl").read_text().splitlines()


def test_what_was_kept_out_by_a_problem_comes_in_without_it(built, monkeypatch, capsys):  # noqa: F811
    monkeypatch.chdir(built)
    names = {p.question: p.id for p in records.read("results/nano/problems/sums/0.jsonl", Problem)}
    assert cli.main(["impact", names["What is 31 + 7?"], "--results", "results/nano"]) == 0
    said = capsys.readouterr().out
    assert "1 of the 7 rows of student" in said and "1 that were left out come in" in said
    assert "trained again" not in said  # it makes the same row


def test_a_benchmarks_problem_moves_its_scores(built, monkeypatch, capsys):  # noqa: F811
    monkeypatch.chdir(built)
    names = {p.question: p.id for p in records.read("results/nano/problems/sums_test/0.jsonl", Problem)}
    assert cli.main(["impact", names["What is 90 + 9?"], "--results", "results/nano"]) == 0
    said = capsys.readouterr().out
    assert "score of oracle on sums_test: 66.7 [20.8, 93.9] -> 100.0 [34.2, 100.0]" in said
    assert "trained again" not in said


def test_a_source_takes_its_sets_with_it(built, monkeypatch, capsys):  # noqa: F811
    monkeypatch.chdir(built)
    assert cli.main(["impact", "other", "--results", "results/nano"]) == 0
    assert "4 problems of the set more\n  2 of the 7 rows of student" in capsys.readouterr().out


def test_a_name_that_stands_for_nothing_is_an_error(built, monkeypatch):  # noqa: F811
    monkeypatch.chdir(built)
    with pytest.raises(UserError, match="neither a source of this config nor a problem"):
        impact.find(Build("results/nano"), "sums-0")
    with pytest.raises(UserError, match=r"has no run\.json"):
        Build("config")
    assert small_build.SLIPS
