"""How a training is started on its devices: a process for each, on one machine or on the nodes of a Slurm job."""

import subprocess
from collections.abc import Mapping

from skymake import UserError

_PORTS = range(29400, 30400)  # where the nodes of a job meet, on the first of them; which one follows from the job's id


def launcher(devices: int, nodes: int, patience_s: float, job: Mapping[str, str]) -> list[str]:
    """The Python arguments that run a program (`-m module ...`) as `devices` ranks.

    patience_s: how long the ranks may go on after they were asked to end. job: the variables of the process, which name
    the Slurm job. UserError when the devices cannot be spread evenly.
    """
    each, rest = divmod(devices, nodes)
    if rest:
        raise UserError(f"{devices} devices cannot be spread evenly over {nodes} nodes: change devices or nodes")
    torchrun = ["-m", "torch.distributed.run", f"--nproc-per-node={each}", f"--shutdown-timeout={patience_s:.0f}"]
    if nodes == 1:
        return [*torchrun, "--standalone"]
    number = int(job["SLURM_JOB_ID"])
    place = f"{hosts(job)[0]}:{_PORTS[number % len(_PORTS)]}"
    return [*torchrun, f"--nnodes={nodes}", "--rdzv-backend=c10d", f"--rdzv-endpoint={place}", f"--rdzv-id={number}"]


def on_nodes(nodes: int, job: Mapping[str, str]) -> list[str]:
    """What runs a command once on each node; nothing for one node. UserError without a Slurm job of that many."""
    if nodes == 1:
        return []
    there = len(hosts(job))
    if there != nodes:
        raise UserError(
            f"the config trains on {nodes} nodes, but this job has {there}: give train_student the nodes in the Slurm "
            "profile, as it says there"
        )
    return ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--kill-on-bad-exit=1"]


def hosts(job: Mapping[str, str]) -> list[str]:
    """The nodes of a Slurm job, in its order; none without a job.

    Slurm is asked: of its variables, Snakemake's job step leaves hardly more than the job's number.
    """
    if "SLURM_JOB_ID" not in job:
        return []
    listed = _said("squeue", "--noheader", "--job", job["SLURM_JOB_ID"], "--format", "%N")
    return _said("scontrol", "show", "hostnames", listed).split()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
