"""DeepSpeed's settings: how a training is spread over devices and host memory, with no value left to be guessed."""

from typing import Any

# Stage, and what lies in host memory: the optimizer's states, the parameters.
MODES: dict[str, tuple[int, bool, bool]] = {
    "zero2": (2, False, False),
    "zero2_offload": (2, True, False),
    "zero3": (3, False, False),
    "zero3_offload_optimizer": (3, True, False),
    "zero3_offload": (3, True, True),
}
_PINNED = {"device": "cpu", "pin_memory": True}


def settings(mode: str, trainer: dict[str, Any], devices: int, hidden: int) -> dict[str, Any]:
    """DeepSpeed's JSON for a mode and LLaMA-Factory's settings of the run, which it must agree with.

    hidden: the model's hidden size; from it follow the bucket sizes, as transformers derives them.
    """
    stage, optimizer, parameters = MODES[mode]
    zero: dict[str, Any] = {
        "stage": stage,
        "overlap_comm": True,
        "contiguous_gradients": True,
        "reduce_bucket_size": hidden * hidden,
    }
    if optimizer:
        zero["offload_optimizer"] = _PINNED
    if parameters:
        zero["offload_param"] = _PINNED
    if stage == 3:
        zero |= {
            "sub_group_size": 1_000_000_000,
            "stage3_prefetch_bucket_size": int(0.9 * hidden * hidden),
            "stage3_param_persistence_threshold": 10 * hidden,
            "stage3_max_live_parameters": 1_000_000_000,
            "stage3_max_reuse_distance": 1_000_000_000,
            "stage3_gather_16bit_weights_on_model_save": True,
        }
    rows, accumulation = trainer["per_device_train_batch_size"], trainer["gradient_accumulation_steps"]
    return {
        "train_batch_size": rows * accumulation * devices,
        "train_micro_batch_size_per_gpu": rows,
        "gradient_accumulation_steps": accumulation,
        "gradient_clipping": trainer["max_grad_norm"],
        "zero_allow_untested_optimizer": True,
        "bf16": {"enabled": trainer.get("bf16", False)},
        "zero_optimization": zero,
    }
