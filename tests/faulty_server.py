"""An OpenAI-compatible chat server on the loopback that misbehaves on demand and counts what it serves.

A behaviour is a function of the request's body and of the number of the attempt (from 1) that gives a `Reply`:

    with FaultyServer(lambda body, attempt: error(429) if attempt == 1 else good(body)) as server: ...

`python faulty_server.py ENGINE.json LOG SECONDS` runs one as a process of its own, which describes itself in
ENGINE.json as a serving job does, writes one line to LOG per request, and takes SECONDS for each.
"""

import asyncio
import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

MODEL = "nano-teacher"
Body = dict[str, Any]


@dataclasses.dataclass
class Reply:
    """What the server does: wait `delay` seconds, send, and reset the connection after `cut` bytes of body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    delay: float = 0.0
    cut: int | None = None
    drip: float = 0.0  # seconds between bytes of the body


Behaviour = Callable[[Body, int], Reply]


def text_for(body: Body) -> str:
    """The one right answer to a request: it depends on everything that should decide it."""
    decisive = {name: body.get(name) for name in ("messages", "seed", "temperature", "top_p", "max_tokens")}
    return f"answer {hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]} ✓"


def good(body: Body, attempt: int = 1, delay: float = 0.0, **changes: Any) -> Reply:
    """A good answer; `changes` replace fields of it: text, finish, model, usage, choices, message fields."""
    message = {"role": "assistant", "content": changes.get("text", text_for(body)), **changes.get("message", {})}
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": changes.get("model", body["model"]),
        "choices": [{"index": 0, "message": message, "finish_reason": changes.get("finish", "stop")}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18},
    }
    answer.update({name: changes[name] for name in ("choices", "usage") if name in changes})
    return Reply(body=json.dumps(answer).encode(), delay=delay)


def error(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    """An error in the form that OpenAI gives it."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode()
    return Reply(status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


class FaultyServer:
    """Serves in a thread of its own; what it saw is in its attributes."""

    def __init__(self, behaviour: Behaviour = good, on_seen: Callable[[Body], None] | None = None) -> None:
        self.behaviour, self.on_seen = behaviour, on_seen
        self.seen: list[Body] = []  # every chat request that arrived
        self.served = 0  # chat requests answered with status 200, to the last byte
        self.tokens: list[str] = []  # the Authorization header of each
        self.times: list[float] = []
        self.busy = self.peak = 0
        self._attempts: collections.Counter[str] = collections.Counter()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def engine(self, path: Path) -> Path:
        """Describe the server in a file, as a serving job does."""
        description = {
            "url": self.url,
            "token": "engine-token",
            "served": MODEL,
            "pid": os.getpid(),
            "log": f"{path}.log",
        }
        path.write_text(json.dumps(description))
        return path

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._started.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; False when the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        start, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if start.startswith("POST") and "/chat/completions " in start:
            return await self._chat(json.loads(body), headers, writer)
        return await self._send(writer, self.other(start, headers, body))

    def other(self, start: str, headers: dict[str, str], body: bytes) -> Reply:
        """What anything else than a chat request gets: the list of models."""
        models = {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "test"}]}
        return Reply(body=json.dumps(models).encode())

    async def _chat(self, body: Body, headers: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        self.seen.append(body)
        if self.on_seen:
            self.on_seen(body)
        self.tokens.append(headers.get("authorization", ""))
        self.times.append(asyncio.get_running_loop().time())
        request = json.dumps([body["messages"], body.get("seed"), body.get("temperature")])
        self._attempts[request] += 1
        self.busy += 1
        self.peak = max(self.peak, self.busy)
        try:
            reply = self.behaviour(body, self._attempts[request])
            alive = await self._send(writer, reply)
        finally:
            self.busy -= 1
        if alive and reply.status == 200:
            self.served += 1
        return alive

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        await asyncio.sleep(reply.delay)
        headers = {"content-type": "application/json", "content-length": str(len(reply.body)), **reply.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} Whatever\r\n{head}\r\n".encode())
        if reply.drip:
            for byte in reply.body:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(reply.drip)
            return True
        writer.write(reply.body[: reply.cut])
        await writer.drain()
        if reply.cut is not None:
            writer.transport.abort()
        return reply.cut is None


def main(engine: str, log: str, seconds: str) -> None:
    """Serve until killed."""
    with (
        open(log, "a") as lines,
        FaultyServer(
            lambda body, attempt: good(body, delay=float(seconds)),
            on_seen=lambda body: print(body["seed"], file=lines, flush=True),
        ) as server,
    ):
        partial = Path(f"{engine}.partial")
        server.engine(partial).rename(engine)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
