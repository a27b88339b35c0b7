"""`skymake store`: its figures, and that upkeep never costs an answer."""

import argparse
import os
import time
from pathlib import Path

import pytest
from test_store import completion

from skymake import UserError, upkeep
from skymake.store import Completion, FailedRequest, Store, scan


def run(root: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    upkeep.describe(parser)
    return upkeep.run(parser.parse_args(["--store", str(root), *words]))


def attempt(store: Store, name: str, *entries: Completion | FailedRequest, model: str = "m") -> Path:
    """A segment of the given name, written an hour ago."""
    with store.segment(model, "s") as segment:
        for entry in entries:
            segment.append(entry)
    path = segment.path.rename(segment.path.with_name(f"{name}.jsonl"))
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    return path


@pytest.fixture
def store(tmp_path) -> Store:
    """Three attempts: with a failure that healed, one that did not, an answer given twice, a torn end."""
    store = Store(tmp_path)
    failed = [FailedRequest(key, "server_error", "HTTP 500", 3) for key in ("b", "z")]
    attempt(store, "1", completion("a"), *failed)
    attempt(store, "2", completion("b"), completion("a", "another"), completion("c"))
    torn = attempt(store, "3", completion("d"), completion("e"))
    os.truncate(torn, torn.stat().st_size - 9)
    os.utime(torn, (time.time() - 3600, time.time() - 3600))
    return store


def found(store: Store) -> dict[str, Completion]:
    return dict(store.completions("m", "s", set("abcdez")))


def test_stats_count(store, capsys):
    assert run(store.root.parent, "stats") == 0
    header, row = capsys.readouterr().out.splitlines()
    figures = dict(zip(header.split(), row.split(), strict=True))
    assert figures["model"] == "m" and figures["set"] == "s" and figures["segments"] == "3"
    assert figures["completions"] == "4" and figures["repeated"] == "1" and figures["failures"] == "2"
    assert figures["torn"] == "1" and figures["damaged"] == "0"
    assert figures["batches"] == "0"
    assert figures["completion_tokens"] == "55"


def test_verify_names_the_place_of_damage(store, capsys):
    assert run(store.root.parent, "verify") == 0, "a torn end is no damage"
    path = attempt(store, "4", completion("x"), completion("y"))
    line = path.read_bytes().index(b"\n") + 1
    path.write_bytes(path.read_bytes()[:line] + path.read_bytes()[line:].replace(b"two", b"twa"))
    assert run(store.root.parent, "verify") == 1
    assert f"{path}: byte {line}: damaged" in capsys.readouterr().out


def test_compaction_keeps_every_answer_and_what_failed_for_good(store, capsys):
    before = found(store)
    assert run(store.root.parent, "compact", "--idle-hours", "0.5") == 0
    assert "m/s: 5 entries kept, 3 lines removed" in capsys.readouterr().out
    assert found(store) == before
    assert before["a"] == completion("a")
    (path,) = store.segments("m", "s")
    assert [getattr(entry, "key", entry) for _, entry in scan(path)] == ["a", "z", "b", "c", "d"]


def test_compaction_leaves_alone_what_may_still_be_written(store):
    os.utime(store.segments("m", "s")[1])
    assert upkeep.compact(store.root / "m" / "s", idle_hours=0.5) == (3, 0)
    assert [path.name for path in store.segments("m", "s")] == ["1.jsonl", "2.jsonl", "3.jsonl"]
    assert upkeep.compact(store.root / "m" / "s", idle_hours=24) == (0, 0)


def test_drop_forgets_one_model_and_only_when_told_to(store, capsys):
    attempt(store, "1", completion("a"), model="other")
    assert run(store.root.parent, "drop", "--model", "m") == 0
    assert "would drop m/s: 4 completions" in capsys.readouterr().out
    assert len(found(store)) == 4
    assert run(store.root.parent, "drop", "--model", "m", "--yes") == 0
    assert not found(store)
    assert len(store.completions("other", "s", {"a"})) == 1


def test_a_model_that_is_not_there_is_named(store):
    with pytest.raises(UserError, match="model nobody"):
        run(store.root.parent, "stats", "--model", "nobody")


def test_two_who_compact_at_once_lose_nothing(tmp_path, monkeypatch):
    store, scans = Store(tmp_path), []
    path = attempt(store, "1", FailedRequest("a", "server_error", "HTTP 500", 3), *map(completion, "abc"))

    def scan_twice(segment):
        scans.append(segment)
        if len(scans) == 2:  # the other one has done it all between our first look and our second
            with monkeypatch.context() as elsewhere:
                elsewhere.setattr(os, "getpid", lambda: 1)
                upkeep.compact(path.parent, idle_hours=0)
        return scan(segment)

    monkeypatch.setattr(upkeep, "scan", scan_twice)
    with pytest.raises(UserError, match="changed meanwhile"):
        upkeep.compact(path.parent, idle_hours=0)
    assert found(store) == {key: completion(key) for key in "abc"}
