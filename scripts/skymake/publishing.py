"""What is put on the Hugging Face hub: a plan to read before anything leaves, and one commit that carries it out.

`HF_TOKEN` and `HF_ENDPOINT` mean what they mean to every program that uses the hub. The token is in no message.
"""

import hashlib
import os
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HTTPError

from skymake import UserError, weights
from skymake.records import Record

MODEL_FILES = ("README.md", weights.NAME)
DATASET_FILES = ("README.md", "train.jsonl", "provenance.jsonl", "dataset_info.json")


class Upload(Record):
    """One repository and what goes into it. kind: `model` or `dataset`. files: name there -> path here."""

    repository: str
    kind: str
    private: bool
    files: dict[str, Path]

    @property
    def page(self) -> str:
        """Where it will be seen."""
        return f"{constants.ENDPOINT}/{'datasets/' if self.kind == 'dataset' else ''}{self.repository}"


def model(repository: str, private: bool, manifest: str) -> Upload:
    """A checkpoint with its card and manifest. UserError when its files are not those of the manifest."""
    folder, described = weights.load(manifest)
    if weights.describe(folder) != described:
        raise UserError(f"{folder} holds other files than {manifest} says; build it again before it is published")
    return Upload(repository, "model", private, {name: folder / name for name in (*MODEL_FILES, *described.files)})


def dataset(repository: str, private: bool, train: str) -> Upload:
    """A mixture with its card and the origin of every row."""
    return Upload(repository, "dataset", private, {name: Path(train).parent / name for name in DATASET_FILES})


def describe(upload: Upload) -> str:
    """The plan in words: where, and every file with its size and the SHA-256 of its content."""
    lines = [f"{'private' if upload.private else 'PUBLIC'} {upload.kind} repository {upload.page}, in one commit:"]
    for name, path in sorted(upload.files.items()):
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"  {name:28} {path.stat().st_size:>14,} bytes  sha256 {digest}")
    return "\n".join(lines)


def push(upload: Upload, message: str) -> str:
    """Create the repository where there is none and commit all files to it at once; the address of the commit.

    A second push of the same files commits nothing. UserError when there is no token, the hub refuses it,
    or what is to be private would go to a repository that is public already.
    """
    if not os.environ.get("HF_TOKEN"):
        raise UserError(f"HF_TOKEN is not set: make a token that may write to {upload.repository}, and set it")
    hub = HfApi(token=os.environ["HF_TOKEN"])
    added = [CommitOperationAdd(name, path) for name, path in sorted(upload.files.items())]
    named = {"repo_id": upload.repository, "repo_type": upload.kind}
    try:
        hub.create_repo(**named, private=upload.private, exist_ok=True)
        if upload.private and not hub.repo_info(**named).private:  # one that was there stays what it was
            raise UserError(f"{upload.page} is public: make it private there, or say release.private: false")
        return hub.create_commit(**named, operations=added, commit_message=message).commit_url
    except HfHubHTTPError as error:
        raise UserError(f"{upload.page}: {refusal(error)}") from None
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{upload.page}: nothing was committed: {error}; run again to go on") from None


def refusal(error: HfHubHTTPError) -> str:
    """What the hub's answer means for the user."""
    status = error.response.status_code
    means = {
        401: "the hub does not know the token in HF_TOKEN: is it complete, and not revoked?",
        403: "the token in HF_TOKEN may not write there: it needs write access, and its owner the rights to that name",
        404: "there is no such name on the hub; correct release.recipes in the config",
    }
    return means.get(status, f"the hub answered {status}: {error.server_message or 'without a reason'}")
