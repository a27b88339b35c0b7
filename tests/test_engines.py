"""vLLM servers of our own, played by small programs in the place of an environment's interpreter."""

import itertools
import json
import sys
from pathlib import Path

import msgspec
import pytest

import serve_model
from skymake import UserError, engines, records
from skymake.endpoint import Address
from skymake.environments import Environment

SERVING = engines.Serving(
    dtype="float32",
    context=512,
    gpus=2,
    memory=1,
    arguments=["--enforce-eager"],
    health_s=5.0,
    concurrency=4,
    timeout_s=5.0,
    attempts=1,
)


@pytest.fixture
def server(tmp_path):
    """An environment whose interpreter is a program of one's own."""

    def playing(program: str) -> Environment:
        python = tmp_path / "bin" / "python"
        python.parent.mkdir()
        python.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{program}\n")
        python.chmod(0o755)
        return Environment(str(python), "digest", [])

    return playing


def test_a_server_that_dies_at_once_is_told_with_the_end_of_its_log(server, tmp_path):
    environment, manifest = str(tmp_path / "environment.json"), str(tmp_path / "manifest.json")
    records.write_json(environment, server("print('no free memory'); sys.exit(3)"))
    records.write_json(manifest, {"digest": "", "files": {}})
    engine, log = tmp_path / "engine.json", tmp_path / "vllm.log"
    serving, store = msgspec.json.encode(SERVING).decode(), str(tmp_path / "store")
    with pytest.raises(UserError, match=r"server of student ended by itself \(exit code 3\).*\n.*no free memory"):
        serve_model.serve_model(environment, manifest, str(engine), str(log), "student", serving, store)
    address = records.read_json(engine, Address)
    assert engine.stat().st_mode & 0o077 == 0  # it holds the token
    with pytest.raises(UserError, match="no free memory"):
        address.check()


def test_a_server_is_asked_for_what_the_config_says_and_its_token_is_no_argument(server, tmp_path, monkeypatch):
    monkeypatch.setenv("EXAMPLE_API_KEY", "a key of a hosted model")
    environment, log = server("print(json.dumps([sys.argv[1:], dict(os.environ)]))"), tmp_path / "log"
    with engines.serving(environment, Path("model"), "student", SERVING, log) as (process, address):
        process.wait()
    arguments, variables = json.loads(log.read_text())
    pairs = dict(itertools.pairwise(arguments))
    assert pairs["--served-model-name"] == address.served == "student"
    assert pairs["--host"] == "127.0.0.1" and address.url == f"http://127.0.0.1:{pairs['--port']}/v1"
    assert (pairs["--dtype"], pairs["--max-model-len"], pairs["--tensor-parallel-size"]) == ("float32", "512", "2")
    assert pairs["--generation-config"] == "vllm"  # a repetition penalty of the model's files would be in no config
    assert arguments[-1] == "--enforce-eager"
    assert variables["VLLM_API_KEY"] == address.token and address.token not in arguments
    assert "EXAMPLE_API_KEY" not in variables


def test_a_server_ends_with_the_block(server, tmp_path):
    environment = server("time.sleep(60)")
    with engines.serving(environment, tmp_path, "student", SERVING, tmp_path / "log") as (process, address):
        assert process.poll() is None and address.pid == process.pid
        address.check()
    assert process.returncode is not None


def test_two_servers_have_different_tokens(server, tmp_path):
    environment = server("")
    with (
        engines.serving(environment, tmp_path, "a", SERVING, tmp_path / "a.log") as (_, a),
        engines.serving(environment, tmp_path, "b", SERVING, tmp_path / "b.log") as (_, b),
    ):
        assert a.token != b.token
