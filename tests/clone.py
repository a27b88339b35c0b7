"""A copy of the repository in which projects are built for real."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ["Snakefile", "rules", "scripts", "config", "envs", "profiles"]


class Build:
    """A copy of the repository in which the project is built."""

    def __init__(self, folder: Path):
        self.folder, self.results = folder, folder / "results" / "nano"
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)

    def snakemake(self, *arguments: str) -> str:
        """Run snakemake on the copy's own code; its output. Fails the test when it fails."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stdout[-8000:]
        return done.stdout

    def attempt(self, *arguments: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess:
        """The same, whatever comes of it. before: a command that runs it, such as one that cuts off the network."""
        return subprocess.run(
            [*before, str(Path(sys.executable).parent / "snakemake"), *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "scripts")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rule -> jobs that a dry run plans."""
        lines = self.snakemake("--dry-run", *arguments).split("Job stats:")
        if len(lines) == 1:
            return {}
        table = lines[1].split("\n\n")[0].splitlines()[3:]
        return {rule: int(jobs) for rule, jobs in (line.split() for line in table) if rule not in ("all", "total")}

    def scores(self, model: str) -> list[dict]:
        return [json.loads(path.read_text()) for path in sorted((self.results / "scores" / model).glob("*.json"))]

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text
        (self.folder / path).write_text(text.replace(old, new, 1))
