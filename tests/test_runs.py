"""Runs in the store: what is said of them, without a trainer."""

import msgspec
import pytest
from small_training import ALONE, TRAINING

from skymake import UserError, ranks, runs, training


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("step 1\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "lower batch_per_device"),
        ("RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried", "lower batch_per_device"),
        ("OSError: [Errno 28] No space left on device", "the disk that holds the store is full"),
        ("safetensors_rust.SafetensorError: I/O error: File too large (os error 27)", "the disk that holds the store"),
        (
            "RuntimeError: [enforce fail at inline_container.cc:672] . unexpected pos 9 vs 8",
            "the disk that holds the store",
        ),
        ("[rank1]: ArithmeticError: the loss is nan at step 12", "the training diverged"),
        ("ValueError: Template qwen9 does not exist.", "Template qwen9 does not exist"),
        ("ValueError: Some keys are not used by the HfArgumentParser: ['lerning_rate']", "no such setting"),
        ("OSError: Error no file named model.safetensors found in", "the weights to start from are missing"),
        ("RuntimeError: Cannot find valid samples, check", "no valid row"),
        ("ImportError: liger-kernel is required", "lacks a package"),
        ("Root Cause: rank 0 exitcode: -9 (pid: 7)", "want of host memory"),
        ("[rank0]: KeyError: 'first'\nnoise\n[rank0]: TypeError: the last\nmore", "TypeError: the last"),
        ("it just stopped", "it just stopped"),
    ],
)
def test_the_cause_of_a_failure_is_told(log, said):
    assert said in runs.cause(log)


def test_a_torn_last_line_of_the_trainer_log_is_not_read(tmp_path):
    steps = tmp_path / "trainer_log.jsonl"
    assert runs.last_step(steps) is None
    steps.write_text('{"current_steps": 20')
    assert runs.last_step(steps) is None
    steps.write_text('{"current_steps": 20, "total_steps": 60, "loss": 0.5, "lr": 1}\n{"current_steps": 40, "tot')
    assert runs.last_step(steps) == runs.Step(20, 60, 0.5)
    with open(steps, "a") as log:  # the next attempt goes on where the line was torn
        log.write('{"current_steps": 40, "total_steps": 60, "loss": 0.4}\n')
    assert runs.last_step(steps) == runs.Step(20, 60, 0.5)


def test_the_trainers_own_account_has_each_step_once():
    entry = {"step": 1, "epoch": 0.5, "loss": 2.0, "learning_rate": 0.1, "grad_norm": 1.0}
    state = runs.State(2, 2, [entry, {**entry, "step": 2, "epoch": 1.0}, {"step": 2, "train_loss": 1.0}])
    assert [step.current_steps for step in state.steps()] == [1, 2]
    assert state.steps()[0] == runs.Logged(current_steps=1, total_steps=2, epoch=0.5, loss=2.0, lr=0.1)


def test_wandb_online_needs_a_key(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    told = training.plan(msgspec.structs.replace(TRAINING, wandb="online"), ALONE, 128, seed=0)
    run = runs.Run(tmp_path, msgspec.structs.replace(TRAINING, wandb="online"), ALONE, told)
    with pytest.raises(UserError, match="WANDB_API_KEY"):
        run.train(None, tmp_path, None)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A Slurm in which job 1234 has two nodes."""
    for command, says in {"squeue": "gpu[7-8]", "scontrol": "gpu7\\ngpu8"}.items():
        tool = tmp_path / command
        tool.write_text(f"#!/bin/sh\nprintf '{says}\\n'\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


JOB = {"SLURM_JOB_ID": "1234"}  # all that Snakemake's job step leaves, or nearly


def test_the_ranks_of_one_machine_need_no_meeting_place():
    started = ranks.launcher(8, 1, 60.0, {})
    assert "--nproc-per-node=8" in started and "--standalone" in started and ranks.on_nodes(1, {}) == []


def test_the_ranks_of_several_nodes_meet_on_the_first(slurm):
    started = ranks.launcher(16, 2, 60.0, JOB)
    assert {"--nproc-per-node=8", "--nnodes=2", "--rdzv-id=1234"} <= set(started)
    assert any(part.startswith("--rdzv-endpoint=gpu7:") for part in started)
    assert ranks.on_nodes(2, JOB)[0] == "srun" and "--ntasks=2" in ranks.on_nodes(2, JOB)


@pytest.mark.parametrize(("nodes", "job", "there"), [(2, {}, 0), (3, JOB, 2)])
def test_several_nodes_need_a_job_of_that_many(slurm, nodes, job, there):
    with pytest.raises(UserError, match=f"trains on {nodes} nodes, but this job has {there}"):
        ranks.on_nodes(nodes, job)


def test_devices_that_cannot_be_spread_evenly_are_refused():
    with pytest.raises(UserError, match="9 devices cannot be spread evenly over 2 nodes"):
        ranks.launcher(9, 2, 60.0, JOB)
