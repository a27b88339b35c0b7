"""Model folders and their manifests: which files a model is, and one digest for all of them.

A rule that makes a model declares the manifest as its output. Whoever loads the model has the manifest as input and
finds the folder around it, so that weights rebuilt to the same bytes count as the same weights.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from skymake import UserError, records

NAME = "manifest.json"
NEEDED = ("*.safetensors", "config.json", "tokenizer*.json")
PARTS = (
    *NEEDED,
    "*.safetensors.index.json",
    "generation_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)


class Manifest(records.Record):
    """What a model is. files: name -> SHA-256. digest: SHA-256 over names and digests, the identity of the weights."""

    digest: str
    files: dict[str, str]


def describe(folder: Path) -> Manifest:
    """The manifest of a model folder. UserError when it holds no weights."""
    paths = sorted(_parts(folder))
    if not any(path.suffix == ".safetensors" for path in paths):
        raise UserError(f"{folder} holds no *.safetensors: it is not a model folder")
    files = {path.name: _sha256(path) for path in paths}
    total = hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in files.items()).encode())
    return Manifest(total.hexdigest(), files)


def link(source: Path, manifest: Path) -> None:
    """Make the folder of `manifest` the model in `source`, by links, and write the manifest last."""
    folder = manifest.parent
    folder.mkdir(parents=True, exist_ok=True)
    described = describe(source)
    for part in _parts(folder):  # of the model that was there before: a loader would read its index or its template
        part.unlink()
    for name in described.files:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(os.path.relpath(source.resolve() / name, folder.resolve()))
    records.write_json(manifest, described)


def load(manifest: str) -> tuple[Path, Manifest]:
    """(folder, manifest) of a model. UserError when a file of it is gone."""
    folder, described = Path(manifest).parent, records.read_json(manifest, Manifest)
    if gone := [name for name in described.files if not (folder / name).exists()]:
        raise UserError(f"{folder} misses {', '.join(gone)}, which {manifest} names: make the model again")
    return folder, described


def config(folder: Path) -> dict[str, Any]:
    """What a model says of its own architecture, in config.json."""
    return records.read_json(folder / "config.json")


def _parts(folder: Path) -> set[Path]:
    return {path for pattern in PARTS for path in folder.glob(pattern)}


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
