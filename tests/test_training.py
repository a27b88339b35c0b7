"""Training runs: their settings, their identity, and what is said when they fail."""

from pathlib import Path

import msgspec
import pytest

from skymake import UserError, training

TRAINING = training.Training(
    template="qwen",
    cutoff_tokens=512,
    epochs=3.0,
    batch=96,
    batch_per_device=2,
    deepspeed="none",
    save_steps=100,
    settings={"learning_rate": 1e-5},
)


def settings(devices: int = 1, device: str = "cpu", **changes):
    chosen = msgspec.structs.replace(TRAINING, **changes)
    return training.settings(chosen, Path("base"), Path("mixture"), Path("out"), device, devices, seed=7)


@pytest.mark.parametrize(("devices", "per_device"), [(1, 2), (1, 96), (8, 1), (8, 12), (3, 4)])
def test_a_batch_is_per_device_times_devices_times_accumulation(devices, per_device):
    written = settings(devices, batch_per_device=per_device)
    accumulation = written["gradient_accumulation_steps"]
    assert written["per_device_train_batch_size"] * devices * accumulation == TRAINING.batch


@pytest.mark.parametrize(("devices", "per_device"), [(7, 1), (1, 97), (8, 24), (5, 2)])
def test_a_batch_that_cannot_be_made_is_refused(devices, per_device):
    with pytest.raises(UserError, match="change batch_per_device or the number of devices"):
        settings(devices, batch_per_device=per_device)


def test_the_users_own_settings_have_the_last_word():
    assert settings(settings={"seed": 1, "lora_rank": 8}).items() >= {"seed": 1, "lora_rank": 8}.items()


def test_a_cpu_trains_in_full_precision_and_a_gpu_in_half():
    assert settings(device="cpu")["use_cpu"] and "bf16" not in settings(device="cpu")
    assert settings(device="cuda")["bf16"] and "use_cpu" not in settings(device="cuda")


def test_a_training_on_pairs_is_a_stage_of_its_own_and_other_trainings_keep_their_digests():
    simpo = training.Preference(loss="simpo", beta=2.0, gamma=0.3)
    assert settings()["stage"] == "sft"
    assert (
        settings(preference=simpo).items()
        >= {
            "stage": "dpo",
            "pref_loss": "simpo",
            "pref_beta": 2.0,
            "simpo_gamma": 0.3,
        }.items()
    )
    assert "preference" not in msgspec.to_builtins(TRAINING)


@pytest.fixture
def mixture(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    return path


def test_a_run_is_known_by_mixture_base_settings_and_seed(mixture):
    def digest(base: str = "weights", seed: int = 0, **changes):
        return training.digest(mixture, base, msgspec.structs.replace(TRAINING, **changes), seed)

    before = digest()
    assert digest() == before
    others = [
        digest(base="other weights"),
        digest(seed=1),
        digest(epochs=2.0),
        digest(settings={"learning_rate": 2e-5}),
    ]
    mixture.write_text("{}\n{}\n")
    others.append(digest())
    assert len({before, *others}) == 1 + len(others)


def test_the_order_of_settings_does_not_matter(mixture):
    one, other = ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert training.digest(mixture, "", msgspec.structs.replace(TRAINING, settings=one), 0) == training.digest(
        mixture, "", msgspec.structs.replace(TRAINING, settings=other), 0
    )


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("step 1\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "lower batch_per_device"),
        ("RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried", "lower batch_per_device"),
        ("OSError: [Errno 28] No space left on device", "the disk that holds the store is full"),
        ("ValueError: Template qwen9 does not exist.", "Template qwen9 does not exist"),
        ("RuntimeError: Cannot find valid samples, check", "no valid row"),
        ("Traceback\nKeyError: 'first'\nnoise\nTypeError: the last\nmore", "TypeError: the last"),
        ("it just stopped", "it just stopped"),
    ],
)
def test_the_cause_of_a_failure_is_told(log, said):
    assert said in training.cause(log)


def test_a_torn_last_line_of_the_trainer_log_is_not_read(tmp_path):
    steps = tmp_path / "trainer_log.jsonl"
    assert training.last_step(steps) is None
    steps.write_text('{"current_steps": 20')
    assert training.last_step(steps) is None
    steps.write_text('{"current_steps": 20, "total_steps": 60, "loss": 0.5, "lr": 1}\n{"current_steps": 40, "tot')
    assert training.last_step(steps) == training.Step(20, 60, 0.5)
    steps.write_text('{"current_steps": 60, "total_steps": 60}\n')
    assert training.last_step(steps) == training.Step(60, 60, None)
