"""vLLM servers of our own: started on a free port of the loopback, with a token, and ended with the job."""

import contextlib
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

from skymake import environments, processes, records
from skymake.endpoint import Address
from skymake.environments import Environment


class Serving(records.Record):
    """How a model is served; an entry of `engines` in the config.

    dtype: of weights and activations. context: the longest prompt and answer, in tokens. gpus: devices a server is
    spread over. memory: GiB of key-value cache on a CPU (a GPU takes what is free). arguments: further vLLM
    arguments. How it is asked: health_s, how long it may take to start; concurrency, requests under way at once;
    timeout_s and attempts, of one request.
    """

    dtype: str
    context: int
    gpus: int
    memory: int
    arguments: list[str]
    health_s: float
    concurrency: int
    timeout_s: float
    attempts: int


@contextlib.contextmanager
def serving(
    environment: Environment, folder: Path, model: str, wanted: Serving, log: Path
) -> Iterator[tuple[Popen, Address]]:
    """A vLLM server of the model in `folder`, ended with the block. It is not healthy yet: clients wait for that."""
    port, token = free_port(), secrets.token_urlsafe(24)
    command = [environment.python, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(folder.resolve()), "--served-model-name", model]
    command += ["--generation-config", "vllm"]  # sampling is what the config says, not what a model's files add to it
    command += ["--host", "127.0.0.1", "--port", str(port), "--dtype", wanted.dtype]
    command += ["--max-model-len", str(wanted.context), "--tensor-parallel-size", str(wanted.gpus), *wanted.arguments]
    variables = environments.variables(environment) | {
        "VLLM_API_KEY": token,  # not an argument: those are for all to see
        "VLLM_CPU_KVCACHE_SPACE": str(wanted.memory),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    with processes.running(command, variables, log) as server:
        yield server, Address(f"http://127.0.0.1:{port}/v1", token, model, server.pid, str(log))


def free_port() -> int:
    """A port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
