"""What a training is told, and what tells one run from another."""

from pathlib import Path

import msgspec
import pytest
import yaml
from conftest import ROOT
from small_training import ALONE, TRAINING

from skymake import UserError, training
from skymake.training import Machine, Training

HIDDEN = 5120  # of Qwen2.5-32B-Instruct
EIGHT = Machine(device="cuda", devices=8, nodes=1)
TRAININGS = yaml.safe_load((ROOT / "config/sky-t1.yaml").read_text())["trainings"]


def plan(machine: Machine = ALONE, **changes) -> training.Plan:
    return training.plan(msgspec.structs.replace(TRAINING, **changes), machine, HIDDEN, seed=7)


def on(devices: int, device: str = "cuda") -> Machine:
    return Machine(device, devices, nodes=1)


@pytest.mark.parametrize(("devices", "per_device"), [(1, 2), (1, 96), (8, 1), (8, 12), (3, 4)])
def test_a_batch_is_per_device_times_devices_times_accumulation(devices, per_device):
    written = plan(on(devices), batch=96, batch_per_device=per_device).trainer
    assert written["per_device_train_batch_size"] * devices * written["gradient_accumulation_steps"] == 96


@pytest.mark.parametrize(("devices", "per_device"), [(7, 1), (1, 97), (8, 24), (5, 2)])
def test_a_batch_that_cannot_be_made_is_refused(devices, per_device):
    with pytest.raises(UserError, match="change batch_per_device or the number of devices"):
        plan(on(devices), batch=96, batch_per_device=per_device)


PUBLISHED = {  # Sky-T1-32B-Preview's settings, as its authors published them
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "full",
    "template": "qwen25",
    "cutoff_len": 16384,
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 12,
    "learning_rate": 1e-5,
    "num_train_epochs": 3,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.1,
    "weight_decay": 0.0,
    "bf16": True,
    "save_steps": 100,
    "packing": False,
}
PUBLISHED_DEEPSPEED = {  # their ZeRO-3 settings with offload, `auto` filled in as transformers does for this model
    "train_batch_size": 96,
    "train_micro_batch_size_per_gpu": 1,
    "gradient_accumulation_steps": 12,
    "gradient_clipping": 1.0,
    "zero_allow_untested_optimizer": True,
    "bf16": {"enabled": True},
    "zero_optimization": {
        "stage": 3,
        "offload_optimizer": {"device": "cpu", "pin_memory": True},
        "offload_param": {"device": "cpu", "pin_memory": True},
        "overlap_comm": True,
        "contiguous_gradients": True,
        "sub_group_size": 1_000_000_000,
        "reduce_bucket_size": 26_214_400,
        "stage3_prefetch_bucket_size": 23_592_960,
        "stage3_param_persistence_threshold": 51_200,
        "stage3_max_live_parameters": 1_000_000_000,
        "stage3_max_reuse_distance": 1_000_000_000,
        "stage3_gather_16bit_weights_on_model_save": True,
    },
}


def named(name: str) -> training.Plan:
    return training.plan(msgspec.convert(TRAININGS[name], Training), EIGHT, HIDDEN, seed=0)


@pytest.mark.parametrize("key", PUBLISHED)
def test_the_published_settings_are_what_is_told(key):
    assert named("published").trainer[key] == PUBLISHED[key]


@pytest.mark.parametrize("key", ["train_on_prompt", "mask_history", "lora_rank", "enable_liger_kernel", "flash_attn"])
def test_what_the_published_settings_leave_to_the_trainer_is_left(key):
    assert key not in named("published").trainer


def test_deepspeeds_published_settings_are_what_is_told():
    assert named("published").deepspeed == PUBLISHED_DEEPSPEED


def test_the_fast_settings_differ_from_the_published_ones_in_speed_alone():
    published, fast = named("published").trainer, named("fast").trainer
    assert {key for key in fast if fast[key] != published.get(key)} == {
        "packing",
        "neat_packing",
        "gradient_accumulation_steps",
        "flash_attn",
    }
    assert "offload_param" not in named("fast").deepspeed["zero_optimization"]


@pytest.mark.parametrize(
    ("mode", "stage", "offloaded"),
    [
        ("zero2", 2, set()),
        ("zero2_offload", 2, {"offload_optimizer"}),
        ("zero3", 3, set()),
        ("zero3_offload_optimizer", 3, {"offload_optimizer"}),
        ("zero3_offload", 3, {"offload_optimizer", "offload_param"}),
    ],
)
def test_a_mode_is_a_stage_and_what_is_offloaded(mode, stage, offloaded):
    zero = plan(on(2), deepspeed=mode).deepspeed["zero_optimization"]
    assert zero["stage"] == stage and {key for key in zero if key.startswith("offload")} == offloaded
    assert "auto" not in str(plan(on(2), deepspeed=mode).deepspeed)


def test_the_users_own_settings_have_the_last_word():
    assert plan(settings={"seed": 1, "lora_rank": 8}).trainer.items() >= {"seed": 1, "lora_rank": 8}.items()
    assert plan(deepspeed="zero2", settings={"max_grad_norm": 0.5}).deepspeed["gradient_clipping"] == 0.5


def test_a_cpu_trains_in_full_precision_and_a_gpu_in_half():
    alone, together = plan().trainer, plan(on(2, "cpu")).trainer
    assert alone["use_cpu"] and "bf16" not in alone
    assert together["ddp_backend"] == "gloo" and "use_cpu" not in together
    assert plan(on(1)).trainer["bf16"] and "use_cpu" not in plan(on(1)).trainer


def test_tensorboard_is_always_told_and_wandb_by_config():
    assert plan().trainer["report_to"] == ["tensorboard"]
    assert plan(wandb="offline").trainer["report_to"] == ["tensorboard", "wandb"]


def test_a_training_on_pairs_is_a_stage_of_its_own():
    simpo = training.Preference(loss="simpo", beta=2.0, gamma=0.3)
    told = {"stage": "dpo", "pref_loss": "simpo", "pref_beta": 2.0, "simpo_gamma": 0.3}
    assert plan().trainer["stage"] == "sft" and plan(preference=simpo).trainer.items() >= told.items()


@pytest.fixture
def mixture(tmp_path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    return path


def test_a_run_is_known_by_mixture_base_and_what_it_is_told(mixture):
    def digest(base: str = "weights", machine: Machine = ALONE, **changes):
        return training.digest(mixture, base, plan(machine, **changes))

    before = digest()
    assert digest() == before
    others = [
        digest(base="other weights"),
        digest(epochs=2.0),
        digest(settings={"learning_rate": 2e-5}),
        digest(deepspeed="zero2"),
        digest(machine=on(2, "cpu")),
        digest(over_long="drop"),
        digest(packing=True),
        digest(template="qwen25"),
    ]
    mixture.write_text("{}\n{}\n")
    others.append(digest())
    assert len({before, *others}) == 1 + len(others)


def test_how_often_a_run_saves_and_whom_it_tells_makes_no_other_run_of_it(mixture):
    aside = {"save_steps": 7, "wandb": "offline", "wall_hours": 1.0, "save_minutes": 3.0}
    aside["settings"] = {"logging_steps": 3, **{k: v for k, v in TRAINING.settings.items() if k != "logging_steps"}}
    assert training.digest(mixture, "", plan(**aside)) == training.digest(mixture, "", plan())
