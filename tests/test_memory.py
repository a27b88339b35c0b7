"""Traces are streamed: what a rule needs of memory does not grow with them."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from conftest import ROOT

from skymake import markers, records
from skymake.records import MathCheck, Origin, Problem, Trace, Verdict

GIGABYTES = float(os.environ.get("SKYMAKE_TEST_TRACES_GB", 0.25))
LONG = 64_000  # characters of a trace
MEGABYTES = 300 if GIGABYTES <= 1 else 1024  # of memory that each rule may take
PROMPT = "{{ question }}\n"

CALL = """
import json, sys
from importlib import import_module
name, arguments = sys.argv[1], json.loads(sys.argv[2])
getattr(import_module(name), name)(**arguments)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak(name: str, **arguments) -> float:
    """Run a rule's function in a process of its own; its own peak memory in MB, not that of this one."""
    command = [sys.executable, "-c", CALL, name, msgspec.json.encode(arguments).decode()]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    said = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return int(said.split()[-1]) * 1024 / 1e6


@pytest.fixture
def folder(tmp_path) -> Path:
    count = int(GIGABYTES * 1e9 / LONG)
    text = markers.join("and so on " * (LONG // 10 - 20), "so \\boxed{4}")
    origin = Origin("o", "r", 0)
    problems = (Problem(f"p{n}", "s", "math", f"What? {n}", MathCheck("4"), None, origin) for n in range(count))
    records.write(tmp_path / "problems", problems)
    traces = (Trace(f"k{n}", f"p{n}", 0, "m", f"{n} {text}", None, "stop", 1, 1, 0.1, 0) for n in range(count))
    records.write(tmp_path / "traces", traces)
    verdicts = (Verdict(f"k{n}", f"p{n}", 0, "correct", "4", "", 0.0, "g") for n in range(count))
    records.write(tmp_path / "verdicts", verdicts)
    (tmp_path / "prompt").write_text(PROMPT)
    (tmp_path / "hits").touch()
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_traces_pass_through_filter_reformat_and_mixture_in_little_memory(folder):
    def at(*names: str) -> dict[str, str]:
        return {name: str(folder / name) for name in names}

    used = {
        "filter": peak(
            "filter_traces",
            traces=[at("traces")["traces"]],
            verdicts=[at("verdicts")["verdicts"]],
            **at("filtered"),
        )
    }
    (folder / "traces").unlink()
    reformatted = {"traces": str(folder / "reformatted")}
    used["reformat"] = peak("reformat_traces", **at("problems", "filtered", "rejections"), **reformatted)
    (folder / "filtered").unlink()
    lists = {
        name: [str(folder / file)]
        for name, file in (
            ("problems", "problems"),
            ("traces", "reformatted"),
            ("verdicts", "verdicts"),
            ("prompt", "prompt"),
        )
    }
    rest = at("hits", "train", "info", "provenance", "dropped", "card")
    used["mixture"] = peak("build_mixture", **lists, **rest, system="", sets=["s"], limits={}, recipe="r")
    print(used)
    assert (folder / "train").stat().st_size > 0.9e9 * GIGABYTES
    assert max(used.values()) < MEGABYTES, used
