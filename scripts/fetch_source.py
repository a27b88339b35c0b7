"""Published data files, from the Hugging Face hub or from a local path, become the rows of one source."""

import csv
import hashlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import tenacity
from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from skymake import UserError, records, rule
from tqdm import tqdm

BATCH = 256


class SourceSpec(records.Record):
    """Where a source's rows are: `dataset` on the hub at `revision` (a commit), or a local `path`, file or folder.

    files: names or patterns of data files, read in this order. columns: the columns to keep, all of them when None.
    rows: how many rows there must be, when it is known.
    """

    dataset: str | None = None
    revision: str | None = None
    path: str | None = None
    files: list[str] = []
    columns: list[str] | None = None
    rows: int | None = None


def fetch_source(rows: str, source: str, spec: dict[str, Any]) -> None:
    """Write the published rows of `source`, one JSON object a line, after checking what arrived."""
    typed = records_spec(spec, source)
    paths = local_files(typed, source) if typed.path else hub_files(typed, source)
    published = (row for path in paths for row in read_rows(path, typed.columns))
    count = records.write(rows, tqdm(published, desc=source, unit=" rows", mininterval=5))
