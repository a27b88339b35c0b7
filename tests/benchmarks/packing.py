"""Packed against unpacked training of a nano model: speed, and loss per token. Not a test: run it.

    PYTHONPATH=tests python tests/benchmarks/packing.py [ROWS]

Both see the same rows once, about as many a step, from the same random model. The seconds are the trainer's own, from
its first step to its last.
"""

import sys
import tempfile
from pathlib import Path

import small_training

from skymake import records
from skymake.runs import Run

CUTOFF, BATCH = 512, 24  # tokens of a pack, rows a step


def measure(run: Run, tokens: int) -> tuple[float, float]:
    """(tokens a second, mean loss of the last quarter of the steps)."""
    losses = small_training.losses(run)
    last = losses[-len(losses) // 4 :]
    seconds = records.read_json(run.output / "all_results.json")["train_runtime"]
    return tokens / seconds, sum(last) / len(last)


def main(count: int) -> None:
    """Train both ways, and print a line for each."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        start, train = small_training.base(folder), small_training.mixture(folder / "mixture", count)
        lengths = small_training.rows.measure(small_training.environment(), train, start, "qwen", folder).lengths
        rows_a_pack = CUTOFF * len(lengths) // sum(lengths)
        common = {"cutoff_tokens": CUTOFF, "epochs": 1.0, "save_steps": 10_000}
        ways = {
            "unpacked": {"batch": BATCH, "batch_per_device": BATCH},
            "packed": {"batch": BATCH // rows_a_pack, "batch_per_device": BATCH // rows_a_pack, "packing": True},
        }
        speeds = {}
        for name, way in ways.items():
            run = small_training.prepared(folder / name, start, train, **common, **way)
            speeds[name], loss = measure(small_training.carry_out(run, start, train), sum(lengths))
            print(f"{name:9} {speeds[name]:6.0f} tokens/s, loss per token {loss:.3f}, {len(lengths)} rows")
        print(f"packed is {speeds['packed'] / speeds['unpacked']:.2f} times as fast")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
