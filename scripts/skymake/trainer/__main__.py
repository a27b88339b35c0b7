"""Train with LLaMA-Factory, watched: `python -m skymake.trainer SETTINGS.yaml WATCH.json`, the same on every rank."""

import json
import os
import signal
import sys
from pathlib import Path

import yaml
from llamafactory.train.tuner import run_exp
from transformers.utils import is_flash_attn_2_available

from skymake import processes
from skymake.trainer import templates
from skymake.trainer.watch import Stopped, Watch


def main(settings: str, watch: str) -> None:
    """Train until the end, or until the watch stops it with a checkpoint."""
    if "LOCAL_RANK" in os.environ:  # torchrun leaves ranks behind when it is killed, in sessions of their own
        processes.end_with_parent(signal.SIGKILL)
    templates.register()
    told = yaml.safe_load(Path(settings).read_text())
    if told.get("flash_attn") == "fa2" and not is_flash_attn_2_available():  # LLaMA-Factory would take another
        raise ImportError("flash_attn: fa2 needs the package flash-attn")
    try:
        run_exp(told, [Watch(**json.loads(Path(watch).read_text()))])
    except Stopped as stopped:
        print(stopped, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
