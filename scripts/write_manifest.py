"""Rule write_manifest: what a build was made of and with, in one file that `skymake verify` checks again."""

from pathlib import Path
from typing import Any

from tqdm import tqdm

from skymake import environments as tools
from skymake import manifest as manifests
from skymake import records, rule
from skymake.manifest import File, Manifest
from skymake.weights import Manifest as Weights


def write_manifest(
    environments: list[str],
    prompts: list[str],
    sources: list[str],
    problems: list[str],
    traces: list[str],
    mixtures: list[str],
    weights: list[str],
    scores: list[str],
    manifest: str,
    project: str,
    settings: dict[str, Any],
    programs: dict[str, str],
) -> None:
    """Write the manifest of a project. The first eight are the kinds of skymake.inventory; weights are manifests of
    models, whose folders are listed file by file. programs: rule -> digest of the code behind it.
    """
    paths = [*environments, *prompts, *sources, *problems, *traces, *mixtures, *weights, *scores]
    files = {path: manifests.describe_file(path) for path in tqdm(paths, unit=" files", disable=None)}
    for path in weights:
        for name, digest in records.read_json(path, Weights).files.items():
            part = Path(path).parent / name
            files[str(part)] = File(part.stat().st_size, digest)
    built = {
        Path(path).stem: records.read_json(path, tools.Environment) for path in environments if path.endswith(".json")
    }
    described = Manifest(
        project=project,
        settings=settings,
        graders=manifests.graders(path for path in traces if "/verdicts/" in path),
        programs=programs,
        environments={name: each.packages for name, each in built.items()} | {"workflow": manifests.packages()},
        machine=manifests.machine(),
        files=files,
    )
    records.write_json(manifest, described)


if __name__ == "__main__":
    rule.run(write_manifest, snakemake)
