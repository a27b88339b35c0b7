"""Whether a training fits: against published sizes and DeepSpeed's own figures."""

import json
import subprocess

import msgspec
import pytest
import small_training
import yaml
from conftest import ROOT

from skymake import UserError, deepspeed, memory
from skymake.architecture import Architecture
from skymake.memory import GIB, Hardware
from skymake.training import Machine, Training

CONFIG = yaml.safe_load((ROOT / "config/sky-t1.yaml").read_text())
H100 = msgspec.convert(CONFIG["hardware"], Hardware)
TFLOPS = CONFIG["costs"]["device"]["tflops"]
EIGHT = Machine(device="cuda", devices=8, nodes=1)
# Layers, hidden and intermediate widths, heads, key heads, vocabulary, tied; and the parameters that are published.
QWEN = {
    "0.5B": (24, 896, 4864, 14, 2, 151936, True, 494_032_768),
    "7B": (28, 3584, 18944, 28, 4, 152064, False, 7_615_616_512),
    "14B": (48, 5120, 13824, 40, 8, 152064, False, 14_770_033_664),
    "32B": (64, 5120, 27648, 40, 8, 152064, False, 32_763_876_352),
}


def shape(name: str = "32B") -> Architecture:
    keys = (
        "num_hidden_layers",
        "hidden_size",
        "intermediate_size",
        "num_attention_heads",
        "num_key_value_heads",
        "vocab_size",
        "tie_word_embeddings",
    )
    return Architecture.of({"model_type": "qwen2", **dict(zip(keys, QWEN[name][:-1], strict=True))})


def training(name: str = "published", **changes) -> Training:
    return msgspec.structs.replace(msgspec.convert(CONFIG["trainings"][name], Training), **changes)


@pytest.mark.parametrize("name", QWEN)
def test_parameters_are_counted_as_published(name):
    assert shape(name).parameters == QWEN[name][-1]


@pytest.mark.parametrize("name", ["published", "fast"])
def test_sky_t1s_settings_fit_where_it_was_trained(name, caplog):
    caplog.set_level("INFO")
    memory.check(shape(), training(name), EIGHT, H100)
    assert "32.76 billion parameters on 8 x H100" in caplog.text


def test_what_cannot_fit_is_refused_with_the_numbers_and_what_would(caplog):
    with pytest.raises(UserError) as told:
        memory.check(shape(), training(deepspeed="zero3"), EIGHT, H100)
    assert "need 120.7 GiB a device (model states 73.4, activations 20.1, logits 23.2" in str(told.value)
    assert "of 79.6 and 1800" in str(told.value)
    assert "deepspeed: zero3_offload_optimizer or deepspeed: zero3_offload" in str(told.value)
    assert "zero2" not in str(told.value)


def test_what_nothing_helps_says_so():
    with pytest.raises(UserError, match="it would fit with more devices alone"):
        memory.check(shape(), training(cutoff_tokens=1_000_000), EIGHT, H100)


def test_offloading_needs_a_host_that_holds_it():
    with pytest.raises(UserError, match=r"824 GiB a host, of 79\.6 and 500"):
        memory.check(shape(), training(), EIGHT, msgspec.structs.replace(H100, host_memory_gib=500))


@pytest.mark.parametrize(
    ("change", "part", "less"),
    [
        ({"enable_liger_kernel": True}, "logits", True),
        ({"disable_gradient_checkpointing": True}, "activations", False),
        ({"flash_attn": "disabled"}, "attention", False),
    ],
)
def test_settings_move_their_part_of_the_need(change, part, less):
    before = memory.need(shape(), training(), EIGHT).device
    own = training().settings
    after = memory.need(shape(), training(settings={**own, **change}), EIGHT).device
    assert (after[part] < before[part]) if less else (after[part] > before[part])
    assert {name for name in before if before[name] != after[name]} == {part}


def test_more_devices_need_less_each_and_rows_more():
    alone = memory.need(shape(), training(deepspeed="zero3"), EIGHT).total
    sixteen = msgspec.structs.replace(EIGHT, devices=16, nodes=2)
    assert memory.need(shape(), training(deepspeed="zero3"), sixteen).total < alone
    assert memory.need(shape(), training(deepspeed="zero3", batch_per_device=2), EIGHT).total > alone


def test_a_disk_without_room_for_two_checkpoints_is_refused(tmp_path, monkeypatch):
    free = memory.shutil.disk_usage(tmp_path)._replace(free=100 * GIB)
    monkeypatch.setattr(memory.shutil, "disk_usage", lambda _: free)
    memory.check_disk(shape("0.5B"), tmp_path)
    with pytest.raises(UserError, match=r"needs 976\.4 GiB for checkpoints, but its disk has 100\.0 left"):
        memory.check_disk(shape(), tmp_path)


def test_the_published_hours_come_out_and_the_fast_ones_are_within_the_target():
    """75 million tokens in 16,401 rows, by the size of the published file."""
    spent = [memory.hours(shape(), training(name), 75_000_000, 16_401, EIGHT, TFLOPS) for name in ("published", "fast")]
    assert spent[0] == pytest.approx(19, rel=0.25) and spent[1] < 5


ESTIMATES = """
import json, sys
from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs as three
from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs as two
parameters, largest = map(int, sys.argv[1:])
print(json.dumps({
    "zero2": two(parameters, 8, 1, False), "zero2_offload": two(parameters, 8, 1, True),
    "zero3": three(parameters, largest, 8, 1, False)[:2],
    "zero3_offload_optimizer": three(parameters, largest, 8, 1, True, False)[:2],
    "zero3_offload": three(parameters, largest, 8, 1, True, True)[:2],
}))
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)  # it may have to build the environment
def test_model_states_are_what_deepspeed_estimates():
    known, python = shape(), small_training.environment().python
    command = [python, "-c", ESTIMATES, str(known.parameters), str(known.embedding)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    for mode, (host, device) in json.loads(printed).items():
        live = 2 * memory.LIVE if deepspeed.MODES[mode][0] == 3 else 0  # which DeepSpeed leaves aside
        assert memory.model_states(known, mode, EIGHT) == pytest.approx((device + live, host), abs=8)
