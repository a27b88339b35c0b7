"""What a compute node sees, said by a process on it: `python -m skymake.doctor.node PATH...` prints one JSON object."""

import json
import shutil
import socket
import sys
from pathlib import Path

import msgspec

from skymake.doctor import machine


class Sight(msgspec.Struct):
    """host: its name. missing: the paths it does not see. gpus: whether NVIDIA's driver is there. sandbox, network: as
    the doctor finds them on that node."""

    host: str
    missing: list[str]
    gpus: bool
    sandbox: tuple[str, str, str]
    network: tuple[str, str, str]


def look(paths: list[str]) -> Sight:
    """What this machine sees."""
    missing = [path for path in paths if not Path(path).exists()]
    gpus = shutil.which("nvidia-smi") is not None
    return Sight(socket.gethostname(), missing, gpus, machine.sandbox(), machine.network(needed=False))


if __name__ == "__main__":
    print(json.dumps(msgspec.to_builtins(look(sys.argv[1:]))))
