"""The Batch API of the faulty server: files, batches, and what they cost.

A batch is worked off while it is looked at: after `looks` of them it is over, and ends as `ends`. Its requests are
answered by the behaviour, like others; `answered` limits how many. What was submitted is in `batches`.
"""

import email.parser
import json
import random
import re
import threading
from collections.abc import Callable
from typing import Any

from faulty_server import Behaviour, FaultyServer, Reply, error, good

HOOK = Callable[[str, int], Reply | None]


class BatchServer(FaultyServer):
    """before, after: what is sent to the nth request of a kind such as `POST batches` instead of being served, or
    instead of the reply when it has been served; None for the reply.
    """

    def __init__(
        self,
        behaviour: Behaviour = good,
        looks: int = 2,
        ends: str = "completed",
        answered: int | None = None,
        before: HOOK = lambda kind, number: None,
        after: HOOK = lambda kind, number: None,
    ) -> None:
        super().__init__(behaviour)
        self.looks, self.ends, self.answered, self.before, self.after = looks, ends, answered, before, after
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.keys: set[str] = set()
        self.calls: list[str] = []
        self.looked = threading.Event()
        self.spoil: Callable[[bytes], bytes] = lambda output: output  # what is wrong with an output
        self.garble: list[Callable[[bytes], bytes]] = []  # what happens to outputs on their way, one after the other

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies of all requests of all batches: what is paid for."""
        return [row["body"] for batch in self.batches.values() for row in self._rows(batch)]

    def other(self, start: str, headers: dict[str, str], body: bytes) -> Reply:
        method, path, _ = start.split()
        kind = f"{method} {re.match(r'/v1/(.[^/?]*)', path)[1]}"
        self.calls.append(kind)
        self.keys.add(headers.get("authorization", ""))
        number = self.calls.count(kind)
        if instead := self.before(kind, number):
            return instead
        reply = self._serve(method, path, headers, body)
        return self.after(kind, number) or reply

    def _serve(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        where, _, query = path.removeprefix("/v1/").partition("?")
        match method, where.split("/"):
            case "POST", ["files"]:
                return told(self._upload(headers, body))
            case "POST", ["batches"]:
                return told(self._create(json.loads(body)))
            case "GET", ["batches"]:
                return told(self._page(query))
            case "GET", ["batches", name] if name in self.batches:
                return told(self._look(self.batches[name]))
            case "GET", ["files", name, "content"] if name in self.files:
                garbled = self.garble.pop(0)(self.files[name]) if self.garble else self.files[name]
                return Reply(body=garbled, headers={"content-type": "application/octet-stream"})
        return error(404, f"nothing at {path}")

    def _upload(self, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        head = f"content-type: {headers['content-type']}\r\n\r\n".encode()
        parts = email.parser.BytesParser().parsebytes(head + body).get_payload()
        sent = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}
        assert sent["purpose"] == b"batch"
        return {"id": self._store(sent["file"]), "object": "file", "bytes": len(sent["file"]), "purpose": "batch"}

    def _store(self, content: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return name

    def _create(self, wanted: dict[str, str]) -> dict[str, Any]:
        assert (wanted["endpoint"], wanted["completion_window"]) == ("/v1/chat/completions", "24h")
        batch: dict[str, Any] = {
            "id": f"batch_{len(self.batches)}",
            "object": "batch",
            "status": "validating",
            **wanted,
        }
        batch |= {"created_at": len(self.batches), "looks": 0, "output_file_id": None, "error_file_id": None}
        self.batches[batch["id"]] = batch
        return batch

    def _page(self, query: str) -> dict[str, Any]:
        """Two batches a page, the newest first."""
        names = list(reversed(self.batches))
        after = re.search(r"after=([^&]+)", query)
        start = names.index(after[1]) + 1 if after else 0
        page = [self.batches[name] for name in names[start : start + 2]]
        return {"object": "list", "data": page, "has_more": start + 2 < len(names)}

    def _rows(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]

    def _look(self, batch: dict[str, Any]) -> dict[str, Any]:
        self.looked.set()
        batch["looks"] += 1
        total = len(self._rows(batch))
        if batch["looks"] > self.looks and batch["status"] == "in_progress":
            self._finish(batch)
        elif batch["status"] == "validating":
            batch["status"] = "in_progress"
        done = total if batch["status"] == "completed" else min(total, batch["looks"])
        batch["request_counts"] = {"total": total, "completed": done, "failed": 0}
        return batch

    def _finish(self, batch: dict[str, Any]) -> None:
        batch["status"] = self.ends
        if self.ends == "failed":
            errors = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None}]
            batch["errors"] = {"object": "list", "data": errors}
            return
        rows = self._rows(batch)
        random.Random(0).shuffle(rows)
        answered = [outcome(row, self.behaviour(row["body"], 1)) for row in rows[: self.answered]]
        lost = [] if self.ends == "completed" else [lapsed(row, self.ends) for row in rows[len(answered) :]]
        failed = [row for row in answered if row["response"]["status_code"] != 200] + lost
        done = [row for row in answered if row["response"]["status_code"] == 200]
        for name, part in (("output_file_id", done), ("error_file_id", failed)):
            lines = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in part)
            batch[name] = self._store(self.spoil(lines)) if part else None


def told(value: dict[str, Any]) -> Reply:
    """A reply in JSON."""
    return Reply(body=json.dumps(value).encode())


def outcome(row: dict[str, Any], reply: Reply) -> dict[str, Any]:
    """The line of a request that was answered."""
    response = {"status_code": reply.status, "request_id": "r", "body": json.loads(reply.body)}
    return {"id": "batch_req_1", "custom_id": row["custom_id"], "response": response, "error": None}


def lapsed(row: dict[str, Any], ends: str) -> dict[str, Any]:
    """The line of a request that was not."""
    said = {"code": f"batch_{ends}", "message": "This request could not be executed."}
    return {"id": "batch_req_1", "custom_id": row["custom_id"], "response": None, "error": said}
