"""Files of the Hugging Face hub at one revision, complete and undamaged, or an error that says what to do.

`HF_TOKEN`, `HF_HOME`, `HF_ENDPOINT` and `HF_HUB_OFFLINE` mean what they mean to every program that uses the hub.
"""

import hashlib
import logging
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import tenacity
from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from skymake import UserError

ATTEMPTS = 4
LONGEST_WAIT_S = 60


def fetch(
    repository: str, kind: str, revision: str, patterns: Sequence[str], optional: Sequence[str] = ()
) -> list[Path]:
    """Download what matches the patterns, or find it in the cache; the files of each pattern, in order of their names.

    kind: `dataset` or `model`. revision: a commit; a branch is followed to wherever it points today. optional: patterns
    that may match nothing.
    """
    try:
        folder = Path(_snapshot(repository, kind, revision, [*patterns, *optional]))
    except GatedRepoError:
        raise UserError(_gated(repository, kind)) from None
    except RevisionNotFoundError:
        raise UserError(
            f"{kind} {repository} has no revision {revision!r} on the hub; correct it in the config"
        ) from None
    except RepositoryNotFoundError:
        raise UserError(
            f"{kind} {repository}: the hub has none of that name for you; correct the name, or set HF_TOKEN to a token "
            "that may read it"
        ) from None
    except (LocalEntryNotFoundError, HTTPError, OSError) as error:
        raise UserError(_unreachable(repository, kind, revision, error)) from None
    if folder.name != revision:
        told = "%s %s: %r is the commit %s today, and may be another tomorrow: name the commit in the config"
        logging.warning(told, kind, repository, revision, folder.name)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    chosen: dict[Path, None] = {}
    for pattern in [*patterns, *optional]:
        found = [folder / name for name in names if fnmatch(name, pattern)]
        if not found and pattern in patterns:
            raise UserError(f"{repository} at {revision} has no file {pattern!r}; correct the config")
        chosen.update(dict.fromkeys(found))
    for path in chosen:
        check(path)
    return list(chosen)


def check(path: Path) -> None:
    """Compare a cached file with its checksum, which is the name under which the cache holds its content.

    That is the SHA-256 of a large file and git's SHA-1 of a small one. A damaged file is removed.
    """
    blob = path.resolve()
    if len(blob.name) not in (40, 64):
        return  # a file system without links: the cache holds no checksum
    digest = hashlib.sha256() if len(blob.name) == 64 else hashlib.sha1(b"blob %d\0" % blob.stat().st_size)
    with open(blob, "rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != blob.name:
        blob.unlink()
        path.unlink()
        raise UserError(f"{path}: damaged in the cache of the hub, and removed; run again to fetch it once more")


def _is_passing(error: BaseException) -> bool:
    """Whether the trouble may pass: the network or the hub, not an answer of the hub, nor our being offline."""
    lasting = (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError)
    return isinstance(error, (HTTPError, LocalEntryNotFoundError)) and not (
        isinstance(error, lasting) or constants.HF_HUB_OFFLINE
    )


@tenacity.retry(
    retry=tenacity.retry_if_exception(_is_passing),
    stop=tenacity.stop_after_attempt(ATTEMPTS),
    wait=tenacity.wait_random_exponential(max=LONGEST_WAIT_S),
    before_sleep=tenacity.before_sleep_log(logging.getLogger(), logging.WARNING),
    reraise=True,
)
def _snapshot(repository: str, kind: str, revision: str, patterns: list[str]) -> str:
    return snapshot_download(repository, repo_type=kind, revision=revision, allow_patterns=patterns)


def _gated(repository: str, kind: str) -> str:
    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{repository}"
    return (
        f"{kind} {repository} is gated: accept its terms at {page}, make a token that may read it at "
        f"{constants.ENDPOINT}/settings/tokens, and set HF_TOKEN to that token"
    )


def _unreachable(repository: str, kind: str, revision: str, error: Exception) -> str:
    where = f"{kind} {repository} at {revision}"
    if constants.HF_HUB_OFFLINE:
        return (
            f"{where}: not complete in the cache, and HF_HUB_OFFLINE forbids fetching it; fetch it where there is a "
            "network (the same HF_HOME), or name a local path in the config"
        )
    return f"{where}: could not be fetched from {constants.ENDPOINT} in {ATTEMPTS} attempts: {error}"
