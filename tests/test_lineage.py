"""Every training row leads back to the published row it comes from, and a step that does not fit is told."""

import json
import re
import shutil
from pathlib import Path

import pytest
import small_build

from skymake import UserError, cli, records, sources
from skymake.lineage import Trail, locate
from skymake.mixtures import Provenance
from skymake.sources.row import Broken

TRAIN = "results/nano/mixtures/student/train.jsonl"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        small_build.SmallBuild(small_build.config(), small_build.ROWS)
    return folder


@pytest.fixture
def build(built, tmp_path, monkeypatch):
    """A copy of the build that a test may spoil, and stands in."""
    shutil.copytree(built, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def troubles(row: str) -> dict[str, str]:
    return {step.name: step.trouble for step in Trail(*locate(row)).steps() if step.trouble}


def test_every_row_ends_at_the_published_row_that_asks_its_question(build):
    rows = Path(TRAIN).read_text().splitlines()
    assert len(rows) == 7
    for number, line in enumerate(rows, start=1):
        *_, problem, source = Trail(*locate(f"{TRAIN}:{number}")).steps()
        path, _, place = source.place.rpartition(":")
        published = json.loads(Path(path).read_text().splitlines()[int(place) - 1])
        assert published["problem"] == problem.text
        assert json.loads(line)["conversations"][0]["value"].endswith(published["problem"])
        assert troubles(f"{TRAIN}:{number}") == {}


def test_every_place_on_the_way_is_a_line_of_that_problem(build):
    steps = list(Trail(*locate(f"{TRAIN}:3")).steps())
    names = [
        "row",
        "reformatted verdict",
        "reformatted trace",
        "raw verdict",
        "raw trace",
        "request",
        "problem",
        "source",
    ]
    assert [step.name for step in steps] == names
    id = steps[-2].facts.split()[0]
    for step in steps[1:5]:
        path, _, line = step.place.rpartition(":")
        assert json.loads(Path(path).read_text().splitlines()[int(line) - 1])["problem"] == id
    segment, _, byte = steps[5].place.partition(": byte ")
    assert f'"key":"{steps[5].facts[:16]}' in Path(segment).read_text()[int(byte) :].split("\n")[0]


def test_a_row_has_other_names(build, capsys):
    origin = next(records.read("results/nano/mixtures/student/provenance.jsonl", Provenance))
    shown = []
    for name in ("1", origin.problem, origin.key):
        assert cli.main(["why", f"{TRAIN}:{name}"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] == shown[2] and origin.problem in shown[0]


@pytest.mark.parametrize(
    ("path", "old", "new", "step"),
    [
        ("results/nano/sources/*.jsonl", "What is", "What was", "source"),
        ("config/prompts/math.jinja", "final", "last", "request"),
        ("results/nano/verdicts/raw/oracle/*/0.jsonl", '"correct"', '"wrong"', "raw verdict"),
        ("results/nano/traces/reformatted/oracle/*/0.jsonl", "done", "gone", "row"),
        ("store/completions/oracle/*/*.jsonl", "done", "gone", "request"),
    ],
)
def test_what_does_not_fit_is_told(path, old, new, step, build, capsys):
    for file in Path().glob(path):
        file.write_text(file.read_text().replace(old, new))
    assert step in troubles(f"{TRAIN}:1")
    assert cli.main(["why", f"{TRAIN}:1"]) == 1
    assert re.search(r"^  ! ", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"{TRAIN}:0", "the lines 1 to 7"),
        (f"{TRAIN}:8", "the lines 1 to 7"),
        (f"{TRAIN}:sums-1", "no row is of that problem"),
        ("results/nano/problems/sums/0.jsonl:1", "name a row like"),
        (TRAIN, "name a row like"),
    ],
)
def test_a_row_that_is_not_there_is_an_error(row, message, build):
    with pytest.raises(UserError, match=message):
        locate(row)


def test_a_published_row_that_is_broken_by_now_is_told(build, monkeypatch):
    def adapt(row):
        raise Broken("no tests - at `$.tests`")

    monkeypatch.setitem(sources.ADAPTERS, "numina", sources.ADAPTERS["numina"]._replace(adapt=adapt))
    assert "source" in troubles(f"{TRAIN}:1")
