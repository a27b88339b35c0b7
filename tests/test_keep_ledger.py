"""The ledger: what servers, trainers and hosted models really took, and for whom."""

import csv
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from keep_ledger import keep_ledger
from skymake import ledgers, records
from skymake.costs import Device, Price, Size
from skymake.ledgers import Account, Ledger, Served
from skymake.plans import Estimates, Payee
from skymake.records import Trace
from skymake.runs import Attempt
from skymake.spending import Choice, Rewriting, Sampling, Training, Work

SIZE = Size(1e9, 2, 64)
MODELS = {"teacher": Payee(40, SIZE), "base": Payee(40, SIZE), "mini": Payee(40, price=Price(1.0, 10.0, 0.5))}
FACTORS = {"batches": 0.1}
ESTIMATES = Estimates("2026-01-01", Device("H1", 100.0, 2.0), FACTORS, 3.0, 0.7, MODELS, 9.0, "refuse")


def traces(path: Path, count: int, tokens: int, batched: int = 0) -> list[str]:
    """So many of them batched."""
    found = (Trace(f"k{n}", f"p{n}", 0, "m", "a", None, "stop", 10, tokens, 3.6, 0, n < batched) for n in range(count))
    records.write(path, found)
    return [str(path)]


def manifest(folder: Path, digest: str) -> str:
    folder.mkdir()
    (folder / "manifest.json").write_text(f'{{"digest": "{digest}"}}')
    return str(folder / "manifest.json")


@pytest.fixture
def paid(tmp_path) -> Ledger:
    """A teacher asked on two sets, one of them a benchmark; its traces restated by a hosted model; a training in two
    attempts.
    """
    weights, store = manifest(tmp_path / "teacher", "aa"), tmp_path / "store"
    asked = {"sums": traces(tmp_path / "sums", 10, 90), "test": traces(tmp_path / "test", 5, 190)}
    samplings = [
        Sampling("sampling", "teacher", name, [], "", "", weights, "", {}, files, True, None)
        for name, files in asked.items()
    ]
    restated = traces(tmp_path / "restated", 8, 100)
    rewritings = [Rewriting("nice", "mini", "", "teacher", "sums", "", restated, True)]
    records.write(tmp_path / "provenance", [{"row": n} for n in range(4)])
    run = store / "training" / "00"
    (run / "model").mkdir(parents=True)
    (run / "model" / "model.safetensors").touch()
    records.write(run / "attempts.jsonl", [Attempt("now", 900.0, 8, 0, 5), Attempt("then", 900.0, 8, 5, 9)])
    checkpoint = manifest(tmp_path / "student", "bb")
    (tmp_path / "student" / "model.safetensors").symlink_to(run / "model" / "model.safetensors")
    provenance = str(tmp_path / "provenance")
    training = Training(
        "student", "base", "", {"sums": "teacher"}, {}, 1, 0, 3.0, {"kernels": 0.4}, 99, checkpoint, "nice", provenance
    )
    for number, (weights, seconds) in enumerate([("aa", 3600.0), ("aa", 1800.0), ("other weights", 9999.0)]):
        records.write_json(store / "serving" / "teacher" / f"{number}.json", Served(weights, 2, 0.0, seconds))
    work, known = (msgspec.to_builtins(thing) for thing in (Work(samplings, rewritings, [training]), ESTIMATES))
    keep_ledger(str(tmp_path / "ledger.csv"), str(tmp_path / "ledger.json"), work, known, str(store))
    return records.read_json(tmp_path / "ledger.json", Ledger)


def test_a_servers_hours_are_shared_by_tokens_and_those_of_other_weights_are_not_counted(paid):
    sums, test = paid.entries[:2]
    assert (sums.count, sums.prompt_tokens, sums.completion_tokens) == (10, 100, 900)
    assert (sums.gpu_hours, test.gpu_hours) == (1.5, 1.5), "1,000 tokens each, of 1.5 hours of two devices"
    assert sums.usd == pytest.approx(3.0) and sums.request_hours == pytest.approx(0.01)
    assert sums.recipes == ["student"] and test.recipes == []


def test_a_hosted_model_costs_its_tokens_and_a_training_all_its_attempts(paid):
    rewriting, training = paid.entries[2:]
    assert (rewriting.usd, rewriting.gpu_hours) == (pytest.approx((80 + 8000) / 1e6), 0)
    assert (training.gpu_hours, training.usd, training.count) == (4.0, 8.0, 4)


def test_the_bill_of_a_recipe_says_what_its_headline_leaves_out(paid, tmp_path):
    [bill] = paid.bills
    assert (bill.sampling_usd, bill.training_usd, bill.rows) == (pytest.approx(3.0), 8.0, 4)
    assert bill.rewriting_usd == pytest.approx(0.00808)
    assert bill.gpu_hours == 5.5 and bill.completion_tokens == 900 + 800
    lines = list(csv.DictReader((tmp_path / "ledger.csv").open()))
    assert float(lines[0]["usd_per_row"]) == pytest.approx(0.75) and lines[1]["usd_per_row"] == ""


def test_labels_are_paid_for_the_recipes_whose_sets_they_choose(tmp_path):
    choice, price = Choice("mini", "to_rate", 5, 10, None), Price(1.0, 10.0)
    samplings = [
        Sampling("labelling", "mini", "to_rate", [], "", "", "", "", {}, traces(tmp_path / "r", 20, 9), True, None),
        Sampling("sampling", "mini", "hard", [], "", "", "", "", {}, traces(tmp_path / "h", 5, 99), True, choice),
        Sampling("sampling", "mini", "other", [], "", "", "", "", {}, traces(tmp_path / "o", 5, 99), True, None),
    ]
    records.write(tmp_path / "provenance", [{"row": n} for n in range(4)])
    checkpoint, known = manifest(tmp_path / "student", "bb"), str(tmp_path / "provenance")
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "m.safetensors").touch()
    (tmp_path / "student" / "m.safetensors").symlink_to(tmp_path / "run" / "model" / "m.safetensors")
    trainings = [
        Training(name, "base", "", {part: "mini"}, {}, 1, 0, 3.0, {}, 99, checkpoint, None, known)
        for name, part in (("rated", "hard"), ("unrated", "other"))
    ]
    work, estimates = (msgspec.to_builtins(thing) for thing in (Work(samplings, [], trainings), ESTIMATES))
    keep_ledger(str(tmp_path / "l.csv"), str(tmp_path / "l.json"), work, estimates, str(tmp_path / "store"))
    kept = records.read_json(tmp_path / "l.json", Ledger)
    labels, cost = kept.entries[0], price.cost(200, 180, batched=False).usd
    assert (labels.stage, labels.subject, labels.count, labels.recipes) == ("labelling", "to_rate", 20, ["rated"])
    assert labels.usd == pytest.approx(cost)
    assert [bill.labelling_usd for bill in kept.bills] == [pytest.approx(cost), 0]
    assert [bill.sampling_usd for bill in kept.bills] == [pytest.approx(price.cost(50, 495, batched=False).usd)] * 2


def test_what_came_in_batches_cost_its_price_whatever_the_config_says_now(tmp_path):
    files = traces(tmp_path / "t", 5, 100, batched=2)
    sampling = Sampling("sampling", "mini", "s", [], "", "", "", "m", {}, files, True, None)
    work, known = (msgspec.to_builtins(thing) for thing in (Work([sampling], [], []), ESTIMATES))
    keep_ledger(str(tmp_path / "l.csv"), str(tmp_path / "l.json"), work, known, str(tmp_path / "store"))
    [entry] = records.read_json(tmp_path / "l.json", Ledger).entries
    assert entry.usd == pytest.approx((3 + 2 / 2) * (10 * 1.0 + 100 * 10.0) / 1e6)


def test_what_was_not_measured_is_none_and_not_zero(tmp_path):
    weights = manifest(tmp_path / "teacher", "aa")
    sampling = Sampling(
        "sampling", "teacher", "s", [], "", "", weights, "", {}, traces(tmp_path / "t", 2, 9), True, None
    )
    work, known = (msgspec.to_builtins(thing) for thing in (Work([sampling], [], []), ESTIMATES))
    keep_ledger(str(tmp_path / "l.csv"), str(tmp_path / "l.json"), work, known, str(tmp_path / "store"))
    [entry] = records.read_json(tmp_path / "l.json", Ledger).entries
    assert entry.usd is None and entry.gpu_hours is None and entry.completion_tokens == 18


def test_a_server_that_lives_is_in_the_books_already(tmp_path, monkeypatch):
    monkeypatch.setattr(ledgers, "EVERY_S", 0.05)
    server = subprocess.Popen(["sleep", "0.4"])
    began = time.monotonic()
    assert Account(str(tmp_path), "teacher", "aa", 4).follow(server) == 0
    [path] = (tmp_path / "serving" / "teacher").glob("*.json")
    noted = records.read_json(path, Served)
    assert (noted.weights, noted.gpus) == ("aa", 4) and 0.3 < noted.seconds <= time.monotonic() - began + 0.1
    assert ledgers.gpu_hours(str(tmp_path), "teacher", "aa") == pytest.approx(4 * noted.seconds / 3600)
    assert ledgers.gpu_hours(str(tmp_path), "teacher", "bb") is None
