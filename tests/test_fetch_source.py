"""Files from a hub on the loopback, or from disk, become the rows of a source, or a model; trouble says what to do."""

import csv
import datetime
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fetch_source import fetch_source
from skymake import UserError, weights
from skymake.records import RecordError

SCRIPTS = Path(__file__).parents[1] / "scripts"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROWS = [{"problem": f"What is {n} + 1?", "answer": str(n + 1), "level": n % 5 + 1} for n in range(600)]


# ---- from disk


def fetched(tmp_path, **spec) -> list[dict]:
    fetch_source(str(tmp_path / "rows.jsonl"), "sums", spec)
    return [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]


def write_parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)


def write_arrow_stream(path, rows):
    table = pa.Table.from_pylist(rows)
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)


def write_arrow_file(path, rows):
    table = pa.Table.from_pylist(rows)
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_json(path, rows):
    path.write_text(json.dumps(rows, indent=4))


FORMATS = [
    ("a.parquet", write_parquet),
    ("a.arrow", write_arrow_stream),
    ("a.arrow", write_arrow_file),
    ("a.jsonl", write_jsonl),
    ("a.json", write_json),
    ("a.json", write_jsonl),
]


@pytest.mark.parametrize(("name", "write"), FORMATS)
def test_every_format_gives_the_same_rows(tmp_path, name, write):
    write(tmp_path / name, ROWS)
    assert fetched(tmp_path, path=str(tmp_path), files=[name], rows=600) == ROWS
    assert fetched(tmp_path, path=str(tmp_path), files=[name], columns=["level"])[1] == {"level": 2}


def test_csv_with_quotes_and_line_breaks(tmp_path):
    rows = [{"Question": 'Say "hi",\nthen stop', "Correct Answer": "é"}, {"Question": "", "Correct Answer": "b"}]
    with open(tmp_path / "g.csv", "w", newline="", encoding="utf-8-sig") as out:
        table = csv.DictWriter(out, rows[0])
        table.writeheader()
        table.writerows(rows)
    assert fetched(tmp_path, path=str(tmp_path), files=["*.csv"]) == rows


def test_files_in_the_order_of_the_patterns(tmp_path):
    for number, name in enumerate(["train-0.jsonl", "train-1.jsonl", "atest.jsonl"]):
        write_jsonl(tmp_path / name, ROWS[number : number + 1])
    assert fetched(tmp_path, path=str(tmp_path), files=["train-*.jsonl", "atest.jsonl"]) == ROWS[:3]


def test_dates_become_text(tmp_path):
    write_parquet(tmp_path / "a.parquet", [{"contest_date": datetime.datetime(2023, 8, 21)}])
    assert fetched(tmp_path, path=str(tmp_path), files=["a.parquet"]) == [{"contest_date": "2023-08-21T00:00:00"}]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.parquet", "no parquet", "a.parquet"),
        ("a.arrow", "no arrow", "a.arrow"),
        ("a.jsonl", '{"problem": "p"}\n{"problem":\n', "a.jsonl:2"),
        ("a.json", "[{]", "a.json"),
        ("a.csv", "q,a\n1,2\n1\n", "a.csv: row 2 has 1 fields"),
        ("a.csv", 'q,a\n"1,2\n', "a.csv"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(RecordError, match=says):
        fetched(tmp_path, path=str(tmp_path), files=[name])
    assert not (tmp_path / "rows.jsonl").exists()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"files": ["a.jsonl"]}, "dataset and a revision, or a path"),
        ({"files": ["a.jsonl"], "dataset": "o/d"}, "dataset and a revision, or a path"),
        ({"files": ["b.jsonl"], "path": "."}, "no file b.jsonl"),
        ({"files": ["a.jsonl"], "path": ".", "rows": 601}, "600 rows instead of 601"),
        ({"files": ["a.jsonl"], "path": ".", "columns": ["grade"]}, "no column 'grade'"),
        ({"files": ["notes.txt"], "path": "."}, ".txt file; data files are .parquet"),
        ({"files": ["a.jsonl"], "pth": "."}, "source sums: .*pth"),
    ],
)
def test_a_wrong_source_says_what_is_wrong(tmp_path, monkeypatch, spec, says):
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(UserError, match=says):
        fetched(tmp_path, **spec)


# ---- from a hub


class Hub(http.server.ThreadingHTTPServer):
    """What the hub's protocol needs for a dataset or a model: its tree, and its files with their checksums."""

    def __init__(self, files: dict[str, bytes]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.gated, self.failures, self.downloads = files, False, 0, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self):
        path = self.path.partition("?")[0].replace("/api/models/", "/api/datasets/").removeprefix("/datasets")
        if self.server.failures > 0:
            self.server.failures -= 1
            self.answer(503, b"busy", {"Retry-After": "0"})
        elif path == "/api/datasets/org/data/tree/" + COMMIT:
            self.answer(200, json.dumps([self.entry(name) for name in self.server.files]).encode())
        elif path == "/api/datasets/org/data/revision/main":
            self.answer(200, json.dumps({"id": "org/data", "sha": COMMIT, "siblings": []}).encode())
        elif path.startswith("/api/datasets/org/data/"):
            self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif path.startswith(prefix := f"/org/data/resolve/{COMMIT}/"):
            self.file(path.removeprefix(prefix))
        else:
            self.answer(401, b"", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def entry(self, name):
        content = self.server.files[name]
        size = {"size": len(content), "oid": hashlib.sha1(content).hexdigest()}
        return {"type": "file", "path": name, **size, "lfs": {**size, "oid": sha256(content), "pointerSize": 1}}

    def file(self, name):
        content = self.server.files[name]
        if self.server.gated and self.headers.get("Authorization") != "Bearer hf_good":
            self.answer(401, b"", {"X-Error-Code": "GatedRepo"})
        else:
            self.server.downloads += self.command == "GET"
            self.answer(200, content, {"ETag": f'"{sha256(content)}"', "X-Repo-Commit": COMMIT})

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def hub(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    with Hub(
        {"data/test.jsonl": (tmp_path / "a.jsonl").read_bytes(), "README.md": b"card", "data.py": b"raise"}
    ) as hub:
        yield hub
        hub.shutdown()


@pytest.fixture
def attempt(hub, tmp_path):
    """Run a statement in a fresh process, because the hub's library reads its environment once. Returns the error."""

    def run(statement: str, **environment) -> str:
        code = (
            f"import logging; logging.basicConfig(filename={str(tmp_path / 'log')!r})\n"
            "import skymake, fetch_model, fetch_source, tenacity, skymake.hub as hub\n"
            "hub._snapshot.retry.wait = tenacity.wait_none()\n"
            f"try: {statement}\n"
            "except skymake.UserError as error: print(error)\n"
        )
        url = f"http://127.0.0.1:{hub.server_port}"
        variables = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(SCRIPTS), **environment}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        inherited["no_proxy"] = "127.0.0.1"  # whatever proxy the user has
        done = subprocess.run([sys.executable, "-c", code], env=inherited | variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def fetch(attempt, tmp_path):
    """Fetch a source; returns how many rows it has, or the error."""

    def run(files=("data/*.jsonl",), revision=COMMIT, dataset="org/data", **environment):
        spec = {"dataset": dataset, "revision": revision, "files": list(files)}
        error = attempt(f"fetch_source.fetch_source({str(tmp_path / 'rows.jsonl')!r}, 'sums', {spec!r})", **environment)
        return error or (tmp_path / "rows.jsonl").read_text().count("\n")

    return run


def test_fetches_data_files_alone_and_once(hub, fetch, tmp_path):
    assert fetch() == 600
    assert hub.downloads == 1  # neither the card nor the dataset's program
    assert fetch() == 600
    assert hub.downloads == 1


def test_works_offline_once_the_files_are_there(hub, fetch):
    assert "HF_HUB_OFFLINE forbids fetching" in fetch(HF_HUB_OFFLINE="1")
    assert fetch() == 600
    assert fetch(HF_HUB_OFFLINE="1") == 600


def test_a_gated_dataset_says_how_to_get_access(hub, fetch):
    hub.gated = True
    error = fetch()
    assert "gated" in error and "HF_TOKEN" in error and "/datasets/org/data" in error
    assert fetch(HF_TOKEN="hf_good") == 600


@pytest.mark.slow
def test_tries_again_when_the_hub_is_busy(hub, fetch):
    hub.failures = 2
    assert fetch() == 600


def test_a_branch_is_followed_with_a_warning_that_names_its_commit(fetch, tmp_path):
    assert fetch() == 600 and "commit" not in (tmp_path / "log").read_text()
    assert fetch(revision="main") == 600
    assert f"'main' is the commit {COMMIT} today" in (tmp_path / "log").read_text()


def test_what_the_hub_does_not_have_is_named(fetch):
    assert "no revision 'none'" in fetch(revision="none")
    assert "org/none: the hub has none of that name" in fetch(dataset="org/none")
    assert "no file 'train.jsonl'" in fetch(files=["train.jsonl"])


def test_a_damaged_cache_is_noticed_and_mended(fetch, tmp_path):
    fetch()
    (cached,) = (tmp_path / "hf" / "hub").rglob("test.jsonl")
    cached.resolve().write_bytes(cached.read_bytes()[:-100])
    assert "damaged" in fetch(HF_HUB_OFFLINE="1")
    assert fetch() == 600


# ---- a model


@pytest.fixture
def fetch_weights(hub, attempt, tmp_path):
    """Fetch a model; returns the error, or ""."""
    parts = ("model-1.safetensors", "model-2.safetensors", "config.json", "tokenizer.json", "merges.txt", "pytorch.bin")
    hub.files = {name: name.encode() for name in parts}
    manifest = str(tmp_path / "models" / "m" / "manifest.json")
    return lambda **environment: attempt(
        f"fetch_model.fetch_model({manifest!r}, 'org/data', {COMMIT!r})", **environment
    )


def test_a_model_is_links_into_the_cache_of_the_hub_and_its_manifest(hub, fetch_weights, tmp_path):
    assert fetch_weights() == "" and hub.downloads == 5  # not the pickled weights
    folder, manifest = weights.load(str(tmp_path / "models" / "m" / "manifest.json"))
    assert sorted(manifest.files) == sorted(hub.files.keys() - {"pytorch.bin"})
    for name, digest in manifest.files.items():
        assert (folder / name).is_symlink() and (folder / name).resolve().is_relative_to(tmp_path / "hf")
        assert digest == sha256(hub.files[name])
    assert fetch_weights(HF_HUB_OFFLINE="1") == ""


def test_a_model_without_weights_in_safetensors_is_refused(hub, fetch_weights):
    del hub.files["model-1.safetensors"], hub.files["model-2.safetensors"]
    assert "no file '*.safetensors'" in fetch_weights()
