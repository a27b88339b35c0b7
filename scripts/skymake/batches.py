"""Asking a hosted model by the Batch API: answers within a day, at a lower price.

A batch is paid for once it is submitted. So it is written down before, as a `Note` beside the segments of the store,
and the note goes when the answers are there. A job that finds notes of requests that it misses waits for their batches
and submits the rest, whoever wrote them.
"""

import asyncio
import io
import itertools
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import openai

from skymake import UserError, records, replies
from skymake.client import Client, Headers
from skymake.endpoint import Batching
from skymake.records import Record, RecordError
from skymake.replies import Chat, ErrorDetail, Trouble
from skymake.store import NOTES, Completion, Entry, FailureKind, Request

log = logging.getLogger(__name__)

T = TypeVar("T")
_OVER = ("completed", "failed", "expired", "cancelled")
_KINDS: dict[str | int | None, FailureKind] = {  # what an error's code, or the end of a batch, makes of a request
    "batch_expired": "timeout",
    "expired": "timeout",
    "request_timeout": "timeout",
    "token_limit_exceeded": "rate_limited",
    "server_error": "server_error",
    "completed": "invalid",
}


_NULL = msgspec.Raw(b"null")


class Note(Record):
    """A batch under way. requests: id of the uploaded file. batch: its own id; None until it is told. seeds: the seed
    of each request, by key.
    """

    requests: str
    batch: str | None
    seeds: dict[str, int]


class Upload(msgspec.Struct):
    """What we need of an uploaded file."""

    id: str


class Errors(msgspec.Struct):
    """Why a batch was not begun."""

    data: list[ErrorDetail] | None = None


class Counts(msgspec.Struct):
    """Requests of a batch."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class Batch(msgspec.Struct):
    """What we need of a batch."""

    id: str
    status: str
    input_file_id: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: Errors | None = None
    request_counts: Counts | None = None


class Page(msgspec.Struct):
    """Some of all batches."""

    data: list[Batch]
    has_more: bool = False


class Response(msgspec.Struct):
    """The reply to one request."""

    status_code: int
    body: msgspec.Raw


class Row(msgspec.Struct):
    """A line of a batch's output: the reply to a request, or why there is none. It is for that request alone to be of
    the expected form, so as not to lose the others.
    """

    custom_id: str
    response: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


def noted(folder: Path) -> dict[Path, Note]:
    """The batches that are written down in a folder of the store."""
    found = {}
    for path in sorted(folder.glob(NOTES)):
        try:
            found[path] = records.read_json(path, Note)
        except RecordError:
            if path.exists():  # else another job has just had the answers
                raise
    return found


def concerning(notes: dict[Path, Note], keys: Collection[str]) -> dict[Path, Note]:
    """The notes of batches that hold some of these requests."""
    return {path: note for path, note in notes.items() if any(key in keys for key in note.seeds)}


def refuse(under_way: Collection[Path]) -> None:
    """Raises UserError when batches are under way to a model that is now asked one by one."""
    if under_way:
        raise UserError(
            "answers are under way in batches, and paid for: leave `batch` in the config until they are here, or "
            f"cancel the batches and give them up by removing {', '.join(map(str, under_way))}"
        )


class Batches:
    """The batches of one model and set. folder: of its segments. The client must be open."""

    def __init__(self, client: Client, limits: Batching, folder: Path) -> None:
        self.client, self.limits, self.folder = client, limits, folder

    async def answers(
        self, queue: Iterable[Request], notes: dict[Path, Note]
    ) -> AsyncIterator[tuple[Path, Iterator[Entry]]]:
        """Of each batch in the notes, and of new ones with the other requests: its note, and what became of it.

        Who has put that on the disk removes the note. Raises UserError when the API fails; the notes stay. When it
        fails to take more, what is under way is waited for before: it is paid for.
        """
        troubles: list[UserError] = []
        under_way = {path: note for path, note in notes.items() if await self._is_submitted(path, note)}
        there = {key for note in under_way.values() for key in note.seeds}
        try:
            for lines, seeds in self._files(request for request in queue if request.key not in there):
                path, note = await self._submit(lines, seeds)
                under_way[path] = note
        except UserError as trouble:
            log.warning("nothing more is submitted; waiting for what is under way: %s", trouble)
            troubles.append(trouble)
        for path, note in under_way.items():
            try:
                batch = await self._finished(note)
                outputs = [await self._rows(file) for file in (batch.output_file_id, batch.error_file_id) if file]
            except UserError as error:
                raise UserError(
                    f"{error}\n{note.batch} is noted in {path}: run again, or remove that file to ask, and pay, again"
                ) from None
            yield path, self._entries(batch, note.seeds, itertools.chain(*outputs))
        if troubles:
            raise troubles[0]

    async def _is_submitted(self, path: Path, note: Note) -> bool:
        """Whether a noted batch exists. Who was killed before he was told its id may have submitted it or not."""
        if note.batch is None:
            batch = await self.client.call(lambda api, headers: _find(api, headers, note.requests))
            if batch is None:
                log.info("%s was never submitted", path)
                path.unlink(missing_ok=True)
                return False
            note.batch = batch.id
            _write(path, note)
        log.info("%d requests are under way as %s", len(note.seeds), note.batch)
        return True

    def _files(self, queue: Iterable[Request]) -> Iterator[tuple[bytes, dict[str, int]]]:
        """The requests as files within the limits, each with the seeds of its requests by key."""
        lines, seeds = bytearray(), {}
        for request in queue:
            row = {"custom_id": request.key, "method": "POST", "url": "/v1/chat/completions"}
            line = msgspec.json.encode(row | {"body": self.client.body(request)}) + b"\n"
            if seeds and (len(seeds) == self.limits.requests or len(lines) + len(line) > self.limits.megabytes * 1e6):
                yield bytes(lines), seeds
                lines, seeds = bytearray(), {}
            lines += line
            seeds[request.key] = request.seed
        if seeds:
            yield bytes(lines), seeds

    async def _submit(self, lines: bytes, seeds: dict[str, int]) -> tuple[Path, Note]:
        """Submit a batch; nothing costs before its note is there."""
        upload = await self.client.call(
            lambda api, headers: _told(
                api.files.with_raw_response.create(
                    file=("requests.jsonl", lines, "application/jsonl"), purpose="batch", extra_headers=headers
                ),
                Upload,
            )
        )
        note = Note(upload.id, None, seeds)
        name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(4)}"
        path = self.folder / NOTES.replace("*", name)
        _write(path, note)
        note.batch = (await self.client.call(lambda api, headers: _find_or_create(api, headers, note.requests))).id
        _write(path, note)
        log.info("%d requests submitted as %s", len(seeds), note.batch)
        return path, note

    async def _finished(self, note: Note) -> Batch:
        """The batch, when it is over."""
        while True:
            batch = await self.client.call(
                lambda api, headers: _told(
                    api.batches.with_raw_response.retrieve(note.batch, extra_headers=headers), Batch
                )
            )
            counts = batch.request_counts or Counts()
            state = f"{batch.status}, {counts.completed + counts.failed}/{len(note.seeds)}, {counts.failed} failed"
            log.info("asking %s by %s: %s", self.client.model, batch.id, state)
            if batch.status in _OVER:
                return batch
            await asyncio.sleep(self.limits.poll_s)

    async def _rows(self, file: str) -> list[Row]:
        """An output of a batch. What holds anything else than rows has not arrived as it is."""

        async def download(api: openai.AsyncOpenAI, headers: Headers) -> list[Row]:
            reply = await api.files.with_raw_response.content(file, extra_headers=headers)
            return [replies.decode(line, Row) for line in io.BytesIO(reply.content) if line.strip()]

        return await self.client.call(download)

    def _entries(self, batch: Batch, seeds: dict[str, int], rows: Iterable[Row]) -> Iterator[Entry]:
        """What became of each request; the order of the rows is anybody's."""
        left = dict(seeds)
        for row in rows:
            if row.custom_id in left:
                yield self._entry(row, left.pop(row.custom_id))
        for key in left:
            yield self.client.failed(key, _lost(batch), attempts=1)

    def _entry(self, row: Row, seed: int) -> Entry:
        try:
            return self._completion(row, seed)
        except Trouble as trouble:
            return self.client.failed(row.custom_id, trouble, attempts=1)

    def _completion(self, row: Row, seed: int) -> Completion:
        """The answer in a row. Raises Trouble where there is none."""
        response = replies.decode(row.response, Response | None)
        if response is None:
            error = replies.decode(row.error, ErrorDetail | None) or ErrorDetail()
            raise Trouble(_KINDS.get(error.code, "refused"), f"{error.code}: {error.message}", passing=True)
        if response.status_code != 200:
            raise replies.trouble(response.status_code, bytes(response.body))
        chat = replies.decode(response.body, Chat)
        if not self.client.is_ours(chat.model):
            raise Trouble("invalid", f"{self.client.model} was asked, but {chat.model} answered", passing=False)
        return replies.completion(row.custom_id, seed, chat, seconds=0.0, batched=True)


def _lost(batch: Batch) -> Trouble:
    """What a request met of which a batch that is over says nothing."""
    errors = (batch.errors and batch.errors.data) or [ErrorDetail()]
    kind = _KINDS.get(errors[0].code) or _KINDS.get(batch.status, "refused")
    said = f": {errors[0].message}" if errors[0].message else ", without an answer to this request"
    return Trouble(kind, f"{batch.id} {batch.status}{said}", passing=True)


async def _told(reply: Awaitable[Any], type: type[T]) -> T:
    """What the API told. Raises Trouble for a reply that is not of the type."""
    return replies.decode((await reply).content, type)


async def _find(api: openai.AsyncOpenAI, headers: Headers, requests: str) -> Batch | None:
    """The batch of an uploaded file, if there is one."""
    after: dict[str, str] = {}
    while True:
        page = await _told(api.batches.with_raw_response.list(limit=100, **after, extra_headers=headers), Page)
        for batch in page.data:
            if batch.input_file_id == requests:
                return batch
        if not (page.has_more and page.data):
            return None
        after = {"after": page.data[-1].id}


async def _find_or_create(api: openai.AsyncOpenAI, headers: Headers, requests: str) -> Batch:
    """The batch of an uploaded file. It is looked for first: an attempt whose reply was lost may have submitted it."""
    creating = api.batches.with_raw_response.create
    return await _find(api, headers, requests) or await _told(
        creating(
            input_file_id=requests, endpoint="/v1/chat/completions", completion_window="24h", extra_headers=headers
        ),
        Batch,
    )


def _write(path: Path, note: Note) -> None:
    """Write a note, on the disk before this returns."""
    with records.replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(msgspec.json.encode(note))
        file.flush()
        os.fsync(file.fileno())
