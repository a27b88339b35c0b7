"""Train with LLaMA-Factory, watched: `python -m skymake.trainer SETTINGS.yaml WATCH.json`, the same on every rank."""

import json
import sys
from pathlib import Path

import yaml
from llamafactory.train.tuner import run_exp

from skymake.trainer import templates
from skymake.trainer.watch import Stopped, Watch


def main(settings: str, watch: str) -> None:
    """Train until the end, or until the watch stops it with a checkpoint."""
    templates.register()
    try:
        run_exp(yaml.safe_load(Path(settings).read_text()), [Watch(**json.loads(Path(watch).read_text()))])
    except Stopped as stopped:
        print(stopped, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
