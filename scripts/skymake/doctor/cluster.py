"""What the doctor looks at on a Slurm cluster: the names and numbers of a profile, and what compute nodes see."""

import getpass
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from huggingface_hub import constants

from skymake import environments
from skymake.doctor import Finding
from skymake.doctor.node import Sight
from skymake.project import Project

DEFAULTS = "every rule"
Resources = dict[str, Any]


class Node(msgspec.Struct):
    """One kind of node of a partition. gpus: of the kind asked for. minutes: the partition's limit, None for none."""

    cpus: int
    memory_mb: int
    gres: str
    minutes: int | None


def examine(project: Project, profile: dict[str, Any], wait_s: int) -> Iterator[Finding]:
    """All findings, those that need a job last."""
    if not shutil.which("sinfo"):
        yield Finding("fail", "Slurm", "there is no `sinfo` here: run this on a login node")
        return
    if " is UP" not in said("scontrol", "ping"):
        yield Finding("fail", "Slurm", "its controller does not answer (`scontrol ping`)")
        return
    yield Finding("ok", "Slurm", said("sinfo", "--version").strip())
    if project.config["device"] == "auto":
        yield Finding("warn", "device", "`auto` is decided on the login node, where there is no GPU: say device: cuda")
    yield account(profile)
    yield polling(profile)
    yield from engines(project, profile)
    partitions = set()
    for rule, wanted in requests(profile).items():
        finding = fits(rule, wanted)
        yield finding
        if finding.level != "fail":
            partitions.add((wanted["slurm_partition"], wanted.get("gres")))
    for partition, gres in sorted(partitions, key=str):
        yield from nodes(partition, gres, profile, wait_s)


def said(*command: str) -> str:
    """What a command prints; nothing where it fails."""
    return subprocess.run(command, capture_output=True, text=True).stdout


def account(profile: dict[str, Any]) -> Finding:
    """Whether this user may submit under the profile's account."""
    name, user = profile["default-resources"].get("slurm_account"), getpass.getuser()
    if not name:
        return Finding("ok", "account", f"none is named: jobs go to the default account of {user}")
    known = said(
        "sacctmgr", "--noheader", "--parsable2", "show", "associations", f"user={user}", "format=account"
    ).split()
    if not known:
        return Finding("warn", "account", f"sacctmgr does not say which accounts {user} has: {name} is not checked")
    if name not in known:
        return Finding("fail", "account", f"{user} has no account {name}, but {', '.join(sorted({*known}))}: name one")
    return Finding("ok", "account", name)


def polling(profile: dict[str, Any]) -> Finding:
    """Whether the queue remembers a job that ended until it is looked at."""
    found = re.search(r"^MinJobAge\s*=\s*(\d+)", said("scontrol", "show", "config"), re.MULTILINE)
    age = int(found[1]) if found else 0
    first, longest = (profile[f"skymake-slurm-{key}"] for key in ("init-seconds-before-status-checks", "longest-poll"))
    least = max(3 * first, 2 * longest)
    if age < least:
        return Finding(
            "fail", "polling", f"Slurm forgets jobs after {age} s (MinJobAge), less than {least} s: poll faster"
        )
    return Finding("ok", "polling", f"Slurm remembers jobs for {age} s, and is asked every {longest} s at least")


def engines(project: Project, profile: dict[str, Any]) -> Iterator[Finding]:
    """Whether servers and trainers use the GPUs that a job gets."""
    given = gpus(requests(profile)["serve_model"].get("gres"))
    if not given and project.device == "cpu":
        return
    for name, engine in project.config["engines"].items():
        parallel = re.search(r"--data-parallel-size[= ](\d+)", " ".join(engine["arguments"]))
        used = engine["gpus"] * (int(parallel[1]) if parallel else 1)
        level = "ok" if used == given else "warn" if used < given else "fail"
        yield Finding(level, f"engine {name}", f"uses {used} of the {given} GPUs of its job")


def gpus(gres: str | None) -> int:
    """How many GPUs `gpu:h100:8` are."""
    last = (gres or "").split("(")[0].split(":")[-1]
    return int(last) if last.isdigit() else int(bool(gres))


def requests(profile: dict[str, Any]) -> dict[str, Resources]:
    """Rule -> what it asks Slurm for at its last attempt. What hangs on the job's input is left out."""
    attempt = profile.get("retries", 0) + 1
    default = _evaluated(profile["default-resources"], attempt)
    special = {rule: _evaluated(chosen, attempt) for rule, chosen in profile["set-resources"].items()}
    return {DEFAULTS: default} | {rule: {**default, **chosen} for rule, chosen in special.items()}


def _evaluated(resources: Resources, attempt: int) -> Resources:
    found = {}
    for name, value in resources.items():
        if re.search(r"\b(input|wildcards|threads)\b", str(value)):
            continue
        is_expression = isinstance(value, str) and re.search(r"\battempt\b", value)
        found[name] = eval(value, {"attempt": attempt}) if is_expression else value  # Snakemake evaluates it, too
    return found


def kinds(partition: str) -> list[Node]:
    """The kinds of nodes of a partition that jobs may run on."""
    states = "idle,mixed,allocated,completing,planned,reserved"
    lines = said("sinfo", "-h", "-e", "-p", partition, "-t", states, "-o", "%c|%m|%G|%l").splitlines()
    rows = [line.split("|") for line in lines]
    return [Node(int(c.rstrip("+")), int(m.rstrip("+")), g, minutes(limit)) for c, m, g, limit in rows]


def minutes(limit: str) -> int | None:
    """A time limit of Slurm, `[days-]hours:minutes:seconds` with fewer parts where it is short, in minutes."""
    if limit == "infinite":
        return None
    days, _, rest = limit.rpartition("-")
    hours, mins, _ = (["0", "0", *rest.split(":")])[-3:]
    return int(days or 0) * 1440 + int(hours) * 60 + int(mins)


def fits(rule: str, wanted: Resources) -> Finding:
    """Whether some node of its partition has what a rule asks for, and its partition the time."""
    partition, gres = wanted["slurm_partition"], wanted.get("gres")
    there = kinds(partition)
    if not there:
        return Finding("fail", rule, f"there is no partition {partition} with nodes that are up (`sinfo`)")
    kind = gres.rsplit(":", 1)[0] if gres else ""
    fitting = [
        node
        for node in there
        if node.cpus >= wanted.get("cpus_per_task", 1)
        and node.memory_mb >= wanted["mem_mb"]
        and any(part.startswith(kind) and gpus(part) >= gpus(gres) for part in node.gres.split(","))
        and (node.minutes is None or node.minutes >= wanted["runtime"])
    ]
    asked = f"{wanted.get('cpus_per_task', 1)} CPUs, {wanted['mem_mb']} MB, {gres or 'no GPU'}, {wanted['runtime']} min"
    if not fitting:
        has = "; ".join(f"{n.cpus} CPUs, {n.memory_mb} MB, {n.gres}, {n.minutes or 'any'} min" for n in there)
        return Finding("fail", rule, f"asks {partition} for {asked} at its last attempt; its nodes have {has}")
    return Finding("ok", rule, f"{partition} has {asked}")


def nodes(partition: str, gres: str | None, profile: dict[str, Any], wait_s: int) -> Iterator[Finding]:
    """What a node of a partition sees, asked by a job of one minute on it, with one GPU where it has some."""
    with tempfile.NamedTemporaryFile(dir=".", prefix=".doctor-") as mark:
        paths = [str(Path(mark.name).absolute()), sys.executable, str(environments.CACHE), constants.HF_HUB_CACHE]
        payer = profile["default-resources"].get("slurm_account")
        command = ["srun", "-Q", "-n1", "-t", "2", "-p", partition, *(["-A", payer] if payer else [])]
        command += [f"--gres={gres.rsplit(':', 1)[0]}:1"] if gres else []
        command += [
            f"--immediate={wait_s}",
            sys.executable,
            "-m",
            "skymake.doctor.node",
            *filter(Path.exists, map(Path, paths)),
        ]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        yield Finding(
            "warn", f"node of {partition}", f"none looked at within {wait_s} s: {reason}; try again, or --wait"
        )
        return
    sight = msgspec.json.decode(done.stdout, type=Sight)
    place = f"{sight.host} ({partition})"
    if sight.missing:
        yield Finding("fail", place, f"does not see {', '.join(sight.missing)}: put it on the shared file system")
    else:
        yield Finding("ok", place, "sees this folder, its Python, the environments and the hub's cache")
    if gres and not sight.gpus:
        yield Finding("warn", place, "has no nvidia-smi: is NVIDIA's driver there?")
    if not gres:
        yield Finding(*sight.sandbox)._replace(what=f"sandbox of {place}")
    yield Finding(*sight.network)._replace(what=f"network of {place}")
