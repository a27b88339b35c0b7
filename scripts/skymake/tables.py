"""Rows of published data files: parquet, arrow, JSON lines, JSON, CSV. No code of a dataset is ever run."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from skymake import UserError
from skymake.records import RecordError

BATCH = 256  # rows held at once: some are megabytes


def rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a data file, in order, with these columns alone unless None.

    Raises UserError for a file of another kind or without one of the columns, RecordError for one that is damaged.
    """
    if path.suffix not in READERS:
        raise UserError(f"{path}: {path.suffix or 'no'} file; data files are {', '.join(READERS)}")
    try:
        for row in READERS[path.suffix](path, columns):
            yield row if columns is None else {column: row[column] for column in columns}
    except KeyError as missing:
        raise UserError(f"{path}: a row has no column {missing}; correct `columns` in the config") from None
    except (pa.ArrowException, csv.Error, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: {error}") from None


def _parquet(path: Path, columns: list[str] | None) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        known = [column for column in columns or file.schema_arrow.names if column in file.schema_arrow.names]
        for batch in file.iter_batches(BATCH, columns=known):
            yield from batch.to_pylist()


def _arrow(path: Path, columns: list[str] | None) -> Iterator[dict[str, Any]]:
    """Both of Arrow's formats: the stream, which `datasets` writes, and the file."""
    with pa.memory_map(str(path)) as source:
        is_file = source.read(6) == b"ARROW1"
        source.seek(0)
        for batch in _batches(source, is_file):
            for start in range(0, batch.num_rows, BATCH):
                yield from batch.slice(start, BATCH).to_pylist()


def _batches(source: pa.NativeFile, is_file: bool) -> Iterable[pa.RecordBatch]:
    if not is_file:
        return pa.ipc.open_stream(source)
    reader = pa.ipc.open_file(source)
    return map(reader.get_batch, range(reader.num_record_batches))


def _json_lines(path: Path, columns: list[str] | None) -> Iterator[dict[str, Any]]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield decoder.decode(line)
                except msgspec.DecodeError as error:
                    raise RecordError(f"{path}:{number}: {error}") from None


def _json(path: Path, columns: list[str] | None) -> Iterator[dict[str, Any]]:
    """A list of rows, or (some publishers name it so) JSON lines."""
    with open(path, "rb") as content:
        first = content.read(1 << 10).lstrip()[:1]
    if first == b"{":
        return _json_lines(path, columns)
    try:
        return iter(msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]]))
    except msgspec.DecodeError as error:
        raise RecordError(f"{path}: {error}") from None


def _csv(path: Path, columns: list[str] | None) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(1 << 30)
    with open(path, newline="", encoding="utf-8-sig") as content:
        table = csv.reader(content, strict=True)
        names = next(table, [])
        for number, row in enumerate(table, start=1):
            if len(row) != len(names):
                raise RecordError(f"{path}: row {number} has {len(row)} fields, the header {len(names)}")
            yield dict(zip(names, row, strict=True))


READERS: dict[str, Callable[[Path, list[str] | None], Iterator[dict[str, Any]]]] = {
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".jsonl": _json_lines,
    ".json": _json,
    ".csv": _csv,
}
