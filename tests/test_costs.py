"""Costs from first principles, held against published runs and against arithmetic by hand."""

import pytest

from skymake import UserError
from skymake.costs import (
    Cost,
    Device,
    Price,
    Size,
    computing,
    forward_flops,
    occupying,
    training_flops,
    utilisation,
)

H100 = Device("H100", 989.0, 2.99)
QWEN_32B = Size(32_763_876_352, 64, 5120)


def test_flops_are_two_for_a_weight_and_six_to_train_it():
    size = Size(1e9, 0, 0)
    assert forward_flops(size, 10, 100) == 2e10
    assert training_flops(size, 10, 100) == 6e10


def test_attention_grows_with_the_length():
    assert forward_flops(Size(0, 2, 8), 3, 10) == 3 * 2 * 2 * 8 * 10
    share = forward_flops(QWEN_32B, 1, 16_384) / forward_flops(QWEN_32B, 1, 0) - 1
    assert 0.1 < share < 0.25


def test_hours_and_money_follow_from_flops():
    assert utilisation({"kernels": 0.5, "recomputation": 0.75}) == 0.375
    assert computing(989e12 * 3600, H100, {"kernels": 0.5}) == Cost(2.0, pytest.approx(5.98))
    assert occupying(3.0, H100).usd == pytest.approx(8.97)


def test_a_hosted_model_costs_by_the_token():
    assert Price(0.15, 0.6).cost(2e6, 1e6, batched=False) == Cost(0.0, pytest.approx(0.9))
    assert Price(0.15, 0.6, 0.5).cost(2e6, 1e6, batched=True).usd == pytest.approx(0.45)
    with pytest.raises(UserError, match="batch_factor"):
        Price(0.15, 0.6).cost(2e6, 1e6, batched=True)
    assert Cost(1.0, 2.0) + Cost(0.5, 0.25) == Cost(1.5, 2.25)


def test_the_training_of_llama_is_met():
    """65B parameters on 1.4T tokens took 1,022,362 A100-hours (Touvron et al. 2023), at a utilisation near 0.5."""
    llama, a100 = Size(65.2e9, 80, 8192), Device("A100", 312.0, 0.0)
    cost = computing(training_flops(llama, 1.4e12, 2048), a100, {"measured": 0.5})
    assert cost.gpu_hours == pytest.approx(1_022_362, rel=0.15)
