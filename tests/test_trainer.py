"""A rank of the trainer, without the libraries of its environment."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from test_processes import is_gone, until

# What the trainer imports of its environment; training is to say one's id, and to wait.
LIBRARIES = {
    "torch/__init__.py": "device = object",
    "torch/distributed.py": "",
    "transformers/__init__.py": "TrainerCallback = object",
    "transformers/utils.py": "is_flash_attn_2_available = None",
    "llamafactory/data/formatter.py": "StringFormatter = lambda slots: None",
    "llamafactory/data/template.py": "from unittest.mock import MagicMock\nTEMPLATES = MagicMock()\n"
    "register_template = MagicMock()",
    "llamafactory/train/tuner.py": "import os, signal, time\ndef run_exp(told, callbacks):\n"
    "    signal.signal(signal.SIGTERM, lambda *_: None)\n    print(os.getpid(), flush=True)\n    time.sleep(60)",
}
LAUNCHER = """
import subprocess, sys
command = [sys.executable, "-m", "skymake.trainer", "settings.yaml", "watch.json"]
subprocess.run(command, start_new_session=True)  # as torchrun does
"""


@pytest.mark.parametrize("launched", [True, False])
def test_a_rank_ends_with_a_launcher_that_was_killed(tmp_path, launched):
    """The launcher cannot end its ranks any more, and they are in sessions of their own. A trainer without one is told
    by SIGTERM, and saves."""
    for name, text in LIBRARIES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "settings.yaml").write_text("{}")
    (tmp_path / "watch.json").write_text('{"rows": 1, "deadline": null, "save_s": 1}')
    path = os.pathsep.join([str(tmp_path), str(ROOT / "scripts")])
    variables = {**os.environ, "PYTHONPATH": path} | ({"LOCAL_RANK": "0"} if launched else {})
    log = tmp_path / "log"
    with open(log, "w") as out:
        launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER], env=variables, cwd=tmp_path, stdout=out)
    rank = int(until(lambda: log.read_text().strip(), seconds=60))
    launcher.kill()
    launcher.wait()
    try:
        if launched:
            until(lambda: is_gone(rank))
        else:
            assert Path(f"/proc/{rank}").exists() and not is_gone(rank)
    finally:
        if not is_gone(rank):
            os.kill(rank, signal.SIGKILL)
