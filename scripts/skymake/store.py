"""The completion store: every answer that was paid for, kept in the form it came.

`<root>/completions/{model}/{set}/*.jsonl` holds segments: append-only files, one per job attempt, with one line per
finished request, written the moment it finishes. Nobody writes to a segment of somebody else, so there are no locks.
A line is `{"crc": ..., "entry": ...}`. The CRC-32 of the entry's bytes finds damage; it costs that entry and no more.
Beside them `*.batch.json` are notes of batches under way (see skymake.batches).
"""

import functools
import hashlib
import logging
import os
import re
import secrets
import socket
import zlib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

from skymake import UserError
from skymake.records import Failure, Record

log = logging.getLogger(__name__)

NOTES = "*.batch.json"
_LINE = re.compile(rb'\{"crc":"([0-9a-f]{8})","entry":(.*)\}\n?', re.DOTALL)
_HEAD = b'{"crc":"'  # in a JSON string its quotes would be escaped, so it marks the start of a line and nothing else


class Request(msgspec.Struct, frozen=True):
    """What a model is asked. identity: digest of local weights, `hub id@revision`, or `url model-id` of an API."""

    identity: str
    messages: list[dict[str, str]]
    parameters: dict[str, Any]
    sample: int
    seed: int

    @property
    def key(self) -> str:
        """SHA-256 of the canonical request. Equal numbers are equal: a temperature of 1 is one of 1.0."""
        return _digest({**msgspec.structs.asdict(self), "parameters": _plain_numbers(self.parameters)}).hex()


def requests(identity: str, messages: list[dict[str, str]], sampling: Mapping[str, Any]) -> list[Request]:
    """The requests for one prompt: `sampling` holds `samples`, `seed`, and the parameters sent with each of them.

    Every request has a seed of its own (31 bits), greedy ones too: vLLM on a CPU mixes up batches where only some do.
    """
    parameters = {name: value for name, value in sampling.items() if name not in ("samples", "seed")}
    seeds = [_digest([sampling["seed"], messages, sample]) for sample in range(sampling["samples"])]
    return [
        Request(identity, messages, parameters, sample, int.from_bytes(seed[:4]) >> 1)
        for sample, seed in enumerate(seeds)
    ]


def _digest(value: Any) -> bytes:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).digest()


def _plain_numbers(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in parameters.items()}


class Completion(Record, tag_field="type", tag="completion", omit_defaults=True):
    """An answer. served: the model's name as the endpoint gave it. seconds: wall clock of the attempt that did it.

    batched: whether it came in a batch, which is cheaper, and says nothing of the seconds of one answer: 0.
    """

    key: str
    text: str
    reasoning: str | None
    finish: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    seed: int
    served: str
    batched: bool = False


FailureKind = Failure.__annotations__["kind"]


class FailedRequest(Record, tag_field="type", tag="failure"):
    """A request that failed for good in this run. It is kept for the books, and asked again by the next run."""

    key: str
    kind: FailureKind
    detail: str
    attempts: int


Entry = Completion | FailedRequest
Fault = Literal["damaged", "torn"]


class Segment:
    """The file that one job attempt appends to. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")  # by their names segments are in order
        self.path = folder / f"{now}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        self._file = open(self.path, "xb")  # noqa: SIM115

    def append(self, entry: Entry) -> int:
        """Write one entry, out of this process before it returns. Returns its offset in bytes."""
        offset = self._file.tell()
        self._file.write(encode(entry))
        self._file.flush()
        return offset

    def sync(self) -> None:
        """Put what was appended on the disk."""
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self.sync()
            if not self._file.tell():
                self.path.unlink()


class Completions(Mapping[str, Completion]):
    """Completions by key. Only the keys and places are in memory; a completion is read when it is asked for."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[Path, int]] = {}
        self._open = functools.lru_cache(maxsize=64)(lambda path: open(path, "rb"))  # noqa: SIM115

    def add(self, key: str, path: Path, offset: int) -> None:
        """Note where a completion is. The first one of a key stays."""
        self._places.setdefault(key, (path, offset))

    def __getitem__(self, key: str) -> Completion:
        path, offset = self._places[key]
        file = self._open(path)
        file.seek(offset)
        entry = decode(_pieces(file.readline())[0])
        if not isinstance(entry, Completion) or entry.key != key:  # damaged, or compacted
            raise UserError(f"{path}: the completion at byte {offset} was changed while it was in use; run again")
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Store:
    """The completion store under a root folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root) / "completions"

    def folder(self, model: str, set: str) -> Path:
        """Where everything of a model and set is."""
        return self.root / model / set

    def segments(self, model: str, set: str) -> list[Path]:
        """The segments of a model and set, oldest first."""
        return sorted(self.folder(model, set).glob("*.jsonl"))

    def segment(self, model: str, set: str) -> Segment:
        """A new segment to append to."""
        return Segment(self.folder(model, set))

    def completions(self, model: str, set: str, wanted: Collection[str]) -> Completions:
        """The completions whose keys are wanted. Damage is logged; what it hit is missing from the result."""
        found = Completions()
        for path in self.segments(model, set):
            faults = 0
            for offset, entry in scan(path):
                if isinstance(entry, Completion) and entry.key in wanted:
                    found.add(entry.key, path, offset)
                faults += isinstance(entry, str)
            if faults:
                log.warning("%s: %d damaged or torn lines; what they held is asked for again", path, faults)
        return found


def encode(entry: Entry) -> bytes:
    """The line of an entry."""
    body = msgspec.json.encode(entry)
    return b'{"crc":"%08x","entry":%s}\n' % (zlib.crc32(body), body)


_decoder = msgspec.json.Decoder(Entry)


def decode(line: bytes) -> Entry | None:
    """The entry of a line; None when the line is damaged."""
    match = _LINE.fullmatch(line)
    if match is None or int(match[1], 16) != zlib.crc32(match[2]):
        return None
    return _decoder.decode(match[2])


def scan(path: Path) -> Iterator[tuple[int, Entry | Fault]]:
    """Every line of a segment as (offset in bytes, entry or fault).

    torn: the last line has no end, because its writer was killed, or is writing right now.
    Raises UserError for a line that is whole and yet no entry: it was written by another version of skymake.
    """
    offset = 0
    with open(path, "rb") as lines:
        for line in lines:
            for piece in _pieces(line):
                try:
                    entry = decode(piece)
                except msgspec.DecodeError as error:
                    raise UserError(f"{path}: byte {offset}: not an entry this version understands: {error}") from None
                yield offset, entry or ("damaged" if line.endswith(b"\n") else "torn")
                offset += len(piece)


def _pieces(line: bytes) -> list[bytes]:
    """A line, cut before every head after the first: a damaged line end has glued lines together."""
    heads = [match.start() for match in re.finditer(re.escape(_HEAD), line) if match.start()]
    return [line[start:end] for start, end in zip([0, *heads], [*heads, len(line)], strict=True)]
