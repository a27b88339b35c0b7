"""What is published, where, and what is said when the hub refuses: against a hub on the loopback."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from hub_server import TOKEN, HubServer
from snakemake.cli import parse_config
from snakemake.utils import update_config

from skymake import UserError, publishing, weights
from skymake.project import Project

NAMED = {"student": {"model": "me/nano", "dataset": "me/nano-traces"}}
RUN = """
import json, logging, sys
from publish import publish
from skymake import UserError
logging.basicConfig(level=logging.DEBUG, format="%(message)s", stream=sys.stdout)
try:
    publish(**json.loads(sys.argv[1]))
except UserError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def built(tmp_path) -> Path:
    """A checkpoint and a mixture as a build leaves them: the weights are links into a store."""
    store, checkpoint, mixture = (tmp_path / name for name in ("store", "checkpoint", "mixture"))
    for folder in (store, checkpoint, mixture):
        folder.mkdir()
    (store / "model.safetensors").write_bytes(os.urandom(2000))
    (store / "config.json").write_text("{}")
    weights.link(store, checkpoint / "manifest.json")
    (checkpoint / "trainer_log.jsonl").write_text("not published\n")
    (checkpoint / "README.md").write_text("---\nlicense: apache-2.0\n---\n# nano\n")
    for name in publishing.DATASET_FILES:
        (mixture / name).write_text(f"{name}\n")
    (mixture / "dropped.jsonl").write_text("not published\n")
    return tmp_path


@pytest.fixture
def hub():
    with HubServer() as server:
        yield server


def publish(built: Path, hub: HubServer, push: bool = True, token: str | None = TOKEN, private: bool = True):
    """Run the rule's function as a process of its own, for the hub's address is read when its client is imported."""
    arguments = {
        "manifests": [str(built / "checkpoint" / "manifest.json")],
        "trains": [str(built / "mixture" / "train.jsonl")],
        "cards": [],
        "release": {
            "publish": "push" if push else "dry",
            "private": private,
            "license": "apache-2.0",
            "recipes": NAMED,
        },
    }
    variables = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    variables |= {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(built / "home")}
    variables |= {"no_proxy": "127.0.0.1"}  # whatever proxy the user has
    variables |= {"PYTHONPATH": str(ROOT / "scripts")} | ({"HF_TOKEN": token} if token else {})
    command = [sys.executable, "-c", RUN, json.dumps(arguments)]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)


def test_a_dry_run_names_every_file_and_asks_nothing_of_the_hub(built, hub):
    done = publish(built, hub, push=False, token=None)
    assert done.returncode == 0, done.stderr
    assert f"would upload to private model repository {hub.url}/me/nano, in one commit:" in done.stdout
    assert f"would upload to private dataset repository {hub.url}/datasets/me/nano-traces" in done.stdout
    named = {line.split()[0] for line in done.stdout.splitlines() if "sha256" in line}
    assert named == {"README.md", "manifest.json", "model.safetensors", "config.json", *publishing.DATASET_FILES}
    assert "2,000 bytes" in done.stdout and "nothing was uploaded" in done.stdout
    assert hub.requests == []


def test_what_a_dry_run_names_is_what_a_push_commits_at_once(built, hub):
    done = publish(built, hub)
    assert done.returncode == 0, done.stderr
    model, dataset = hub.files["models/me/nano"], hub.files["datasets/me/nano-traces"]
    assert hub.commits == {"models/me/nano": 1, "datasets/me/nano-traces": 1}
    assert model["model.safetensors"] == (built / "store" / "model.safetensors").read_bytes()
    assert model.keys() == {"README.md", "manifest.json", "model.safetensors", "config.json"}
    assert dataset == {name: f"{name}\n".encode() for name in publishing.DATASET_FILES}
    assert f"done: {hub.url}/models/me/nano/commit/" in done.stdout
    assert set(hub.repositories.values()) == {True}


def test_a_repository_is_public_only_when_the_config_says_so(built, hub):
    assert "PUBLIC model repository" in publish(built, hub, private=False).stdout
    assert set(hub.repositories.values()) == {False}


def test_what_is_private_never_goes_to_a_repository_that_is_public_already(built, hub):
    hub.create({"name": "nano", "private": False})
    done = publish(built, hub)
    assert done.returncode == 1 and f"{hub.url}/me/nano is public: make it private" in done.stderr
    assert not hub.commits and not hub.large


def test_a_second_push_commits_nothing_and_a_changed_card_alone_is_sent(built, hub):
    publish(built, hub)
    assert publish(built, hub).returncode == 0
    assert hub.commits == {"models/me/nano": 1, "datasets/me/nano-traces": 1}
    (built / "checkpoint" / "README.md").write_text("---\nlicense: mit\n---\n# nano\n")
    hub.requests.clear()
    assert publish(built, hub).returncode == 0
    assert hub.commits == {"models/me/nano": 2, "datasets/me/nano-traces": 1}
    assert not [request for request in hub.requests if request.startswith("PUT")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "status", "said"),
    [
        ("repos/create", 401, "the hub does not know the token in HF_TOKEN"),
        ("repos/create", 403, "the token in HF_TOKEN may not write there"),
        ("/preupload/", 403, "the token in HF_TOKEN may not write there"),
        ("/commit/", 403, "the token in HF_TOKEN may not write there"),
        ("/commit/", 400, "the hub answered 400"),
        ("/put/", 403, "nothing was committed"),
    ],
)
def test_a_refusal_is_one_message_without_the_token_and_leaves_no_half_release(built, hub, part, status, said):
    hub.faults = {part: status} | ({"/api/models/me/nano/revision": status} if "create" in part else {})
    hub.faults |= {"/api/models/me/nano": 404} if "create" in part else {}
    done = publish(built, hub)
    assert done.returncode == 1 and said in done.stderr and f"{hub.url}/me/nano: " in done.stderr
    assert not any(hub.files.values())
    assert TOKEN not in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_a_wrong_token_is_told_and_never_shown(built, hub):
    done = publish(built, hub, token="hf_a_wrong_token")
    assert done.returncode == 1 and "does not know the token in HF_TOKEN" in done.stderr
    assert "hf_a_wrong_token" not in done.stdout + done.stderr


def test_no_token_is_told_before_the_hub_is_asked(built, hub):
    done = publish(built, hub, token=None)
    assert done.returncode == 1 and "HF_TOKEN is not set" in done.stderr
    assert hub.requests == []


def test_a_hub_that_is_not_there_is_told(built):
    with HubServer() as hub:
        pass
    done = publish(built, hub)
    assert done.returncode == 1 and "nothing was committed" in done.stderr and "Traceback" not in done.stderr


def test_weights_that_are_not_those_of_the_manifest_are_not_published(built):
    (built / "store" / "model.safetensors").write_bytes(b"others")
    with pytest.raises(UserError, match=r"holds other files than .*manifest.json says"):
        publishing.model("me/nano", True, str(built / "checkpoint" / "manifest.json"))


def test_what_a_dry_run_tells_to_say_is_what_the_command_line_understands(built, hub):
    said = publish(built, hub, push=False, token=None).stdout
    [entry] = re.findall(r"snakemake publish --config '(.+)'", said)
    config = yaml.safe_load((ROOT / "config/nano.yaml").read_text())
    update_config(config, parse_config([entry]))
    assert Project(config).config["release"]["publish"] == "push"
