"""Small trainings, for real: spread, killed, stopped, resumed, and failing for reasons that are told.

What LLaMA-Factory and DeepSpeed do is tested as they do it, so every training costs its start of many seconds.
"""

import contextlib
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import msgspec
import psutil
import pytest
import small_training
from small_training import TRAINING

from skymake import UserError, mixtures, records, rows
from skymake.runs import Attempt, Run
from skymake.training import Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # the first may have to build the environment
TOGETHER = Machine(device="cpu", devices=2, nodes=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return small_training.base(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def train(tmp_path_factory) -> Path:
    return small_training.mixture(tmp_path_factory.mktemp("mixture"))


@pytest.fixture(scope="module")
def plain(base, train, tmp_path_factory) -> Run:
    """An undisturbed run."""
    run = small_training.prepared(tmp_path_factory.mktemp("plain"), base, train)
    return small_training.carry_out(run, base, train)


def attempts(run: Run) -> list[Attempt]:
    return list(records.read(run.folder / "attempts.jsonl", Attempt))


def weights_of(run: Run) -> str:
    return hashlib.sha256((run.output / "model.safetensors").read_bytes()).hexdigest()


def in_environment(program: str, *arguments: object) -> str:
    """What a Python program prints in the training environment."""
    command = [small_training.environment().python, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


COMPARE = """
import sys
from transformers import AutoModelForCausalLM
one, told = AutoModelForCausalLM.from_pretrained(sys.argv[1], output_loading_info=True)
assert not any(told.values()), told
other = AutoModelForCausalLM.from_pretrained(sys.argv[2])
pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
print(max((a - b).abs().max().item() for a, b in pairs))
"""


def test_zero3_on_one_rank_learns_what_a_plain_training_does(plain, base, train, tmp_path, monkeypatch):
    for operator in ("cpu_adam", "deepspeed_shm_comm"):  # what a killed compiler leaves
        (tmp_path / "extensions" / operator).mkdir(parents=True)
        (tmp_path / "extensions" / operator / "lock").touch()
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "extensions"))
    run = small_training.prepared(tmp_path, base, train, deepspeed="zero3_offload")
    small_training.carry_out(run, base, train)
    assert small_training.losses(run) == pytest.approx(small_training.losses(plain), abs=1e-4)
    assert float(in_environment(COMPARE, run.output, plain.output)) < 1e-3  # it loads, consolidated, and is the same


def test_zero3_on_two_ranks_stops_in_time_and_goes_on_as_if_it_had_not(plain, base, train, tmp_path):
    stopped = small_training.prepared(tmp_path, base, train, TOGETHER, deepspeed="zero3_offload", wall_hours=1e-6)
    with pytest.raises(UserError, match="stopped in time, with a checkpoint: run again"):
        small_training.carry_out(stopped, base, train)
    run = small_training.prepared(tmp_path, base, train, TOGETHER, deepspeed="zero3_offload")
    assert run.folder == stopped.folder and not run.finished
    small_training.carry_out(run, base, train)
    assert [(attempt.first, attempt.last) for attempt in attempts(run)] == [(0, 1), (1, 36)]
    assert small_training.losses(run) == pytest.approx(small_training.losses(plain), abs=1e-4)
    assert float(in_environment(COMPARE, run.output, plain.output)) < 1e-3


@pytest.fixture
def slurm_job(tmp_path, monkeypatch) -> None:
    """A job of two nodes, both of them this machine."""
    tools = {
        "squeue": "echo 'node[1-2]'",
        "scontrol": "echo localhost; echo localhost",
        "srun": 'shift 4; "$@" & first=$!; "$@"; wait $first',
    }
    for name, program in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("SLURM_JOB_ID", str(os.getpid()))


def test_two_nodes_of_a_slurm_job_train_together(slurm_job, plain, base, train, tmp_path):
    """Spread over the nodes without DeepSpeed, too."""
    run = small_training.prepared(tmp_path, base, train, msgspec.structs.replace(TOGETHER, nodes=2))
    small_training.carry_out(run, base, train)
    assert small_training.losses(run) == pytest.approx(small_training.losses(plain), abs=1e-4)


def send(signal_number: int, run: Run, step: int) -> None:
    """Send a signal to the trainer once it has logged a step."""
    steps = run.output / "trainer_log.jsonl"
    while not steps.exists() or steps.read_bytes().count(b"\n") < step:
        time.sleep(0.005)
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # one that is not there any more
            if str(run.folder / "settings.yaml") in child.cmdline():
                child.send_signal(signal_number)


@pytest.mark.parametrize(
    ("signal_number", "said", "saved"),
    [(signal.SIGKILL, "training failed", TRAINING.save_steps), (signal.SIGTERM, "stopped in time", 1)],
)
def test_a_run_cut_short_goes_on_to_the_same_weights(signal_number, said, saved, plain, base, train, tmp_path):
    run, step = small_training.prepared(tmp_path, base, train), random.randint(5, 15)
    threading.Thread(target=send, args=(signal_number, run, step), daemon=True).start()
    with pytest.raises(UserError, match=said):
        small_training.carry_out(run, base, train)
    assert not run.finished
    small_training.carry_out(run, base, train)
    first, second = attempts(run)
    assert 0 < second.first <= first.last < second.last == 36 and second.first % saved == 0
    assert weights_of(run) == weights_of(plain)
    assert [logged.current_steps for logged in run.state().steps()] == list(range(1, 37))


def test_a_finished_run_keeps_the_model_and_no_checkpoint(plain):
    assert plain.finished and not list(plain.output.glob("checkpoint-*")) and not (plain.folder / "cache").exists()
    assert list(plain.output.glob("runs/*/events.out.tfevents.*"))


TOKENS = """
import json, sys
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
print(json.dumps([tokenizer.encode(text, add_special_tokens=False).ids for text in sys.argv[2:]]))
"""


def told(run: Run, name: str) -> list[int]:
    """What LLaMA-Factory prints of the first row that it trains on."""
    return json.loads(re.search(rf"^{name}:\n(\[.*\])$", run.log.read_text(), re.MULTILINE)[1])


def check_first_row(run: Run, base: Path, train: Path, ending: str) -> None:
    row = next(records.read(train, mixtures.Row))
    question, answer = row.conversations
    asked = (
        f"<|im_start|>system\n{row.system}<|im_end|>\n<|im_start|>user\n{question.value}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    asked_ids, answer_ids = json.loads(in_environment(TOKENS, base / "tokenizer.json", asked, answer.value + ending))
    assert told(run, "input_ids") == asked_ids + answer_ids
    assert told(run, "label_ids") == [-100] * len(asked_ids) + answer_ids


def test_the_loss_is_on_the_answer_and_its_ending_alone(plain, base, train):
    check_first_row(plain, base, train, "<|im_end|>\n")


def test_packed_rows_do_not_see_each_other_and_answers_may_end_as_sky_t1s_did(base, train, tmp_path):
    whole = {"epochs": 1.0, "batch": 128, "template": "qwen25"}  # one step over the whole mixture
    apart = small_training.prepared(tmp_path, base, train, **whole, batch_per_device=8)
    packed = small_training.prepared(tmp_path, base, train, **whole, batch_per_device=1, packing=True)
    for run in (apart, packed):
        small_training.carry_out(run, base, train)
    check_first_row(apart, base, train, "<|endoftext|>")
    assert small_training.losses(packed) == pytest.approx(small_training.losses(apart), abs=1e-4)


def test_rows_are_measured_as_they_are_trained_on(plain, base, train, tmp_path):
    measured = rows.measure(small_training.environment(), train, base, "qwen", tmp_path)
    assert measured.lengths[0] == len(told(plain, "input_ids")) and measured.ending == "<|im_end|>\n"


def test_an_unknown_template_is_told_before_the_training(base, train, tmp_path):
    with pytest.raises(UserError, match=r"Template qwen9 does not exist; there are .*qwen25"):
        rows.measure(small_training.environment(), train, base, "qwen9", tmp_path)


def test_a_training_that_diverges_is_ended(base, train, tmp_path):
    run = small_training.prepared(tmp_path, base, train, settings={**TRAINING.settings, "learning_rate": 1e38})
    with pytest.raises(UserError, match=r"the (loss|grad_norm) is \w+ at step \d+: the training diverged"):
        small_training.carry_out(run, base, train)


def test_an_attention_that_is_not_there_is_no_other_attention(base, train, tmp_path):
    run = small_training.prepared(tmp_path, base, train, settings={**TRAINING.settings, "flash_attn": "fa2"})
    with pytest.raises(UserError, match="needs the package flash-attn: the training environment lacks a package"):
        small_training.carry_out(run, base, train)


@pytest.fixture
def disk(tmp_path) -> Path:
    """A file system of its own, too small for a checkpoint."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]).returncode:
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_told_and_what_it_left_is_cleared_away(plain, base, train, disk):
    run = small_training.prepared(disk, base, train)
    with pytest.raises(UserError, match="the disk that holds the store is full"):
        small_training.carry_out(run, base, train)
    assert not run.finished
    subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
    small_training.carry_out(run, base, train)
    assert weights_of(run) == weights_of(plain)


def test_wandb_logs_offline(base, train, tmp_path):
    run = small_training.prepared(tmp_path, base, train, wandb="offline", epochs=1.0)
    small_training.carry_out(run, base, train)
    assert list(run.folder.glob("wandb/offline-run-*/*.wandb"))
