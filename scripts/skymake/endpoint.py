"""Where a model is asked and under which limits: a server of our own, or a hosted API."""

import os
from pathlib import Path
from typing import Any

import msgspec
import psutil

from skymake import UserError, processes
from skymake.records import Record


class Batching(Record):
    """How to use the Batch API. poll_s: seconds between two looks at a batch. requests, megabytes: most of a batch."""

    poll_s: float
    requests: int
    megabytes: float


class Endpoint(Record):
    """How to ask. url and id: address and model id of a hosted API; None where a server of our own answers.

    key_env: environment variable with the API key, or with several and commas between them, which are used in turn.
    concurrency: requests under way at once. requests_per_minute, tokens_per_minute: None for no limit.
    timeout_s: for one attempt. attempts: how often a request is tried. health_s: time a server of our own has to start.
    batch: None to ask one by one.
    """

    url: str | None
    id: str | None
    key_env: str | None
    concurrency: int
    requests_per_minute: float | None
    tokens_per_minute: float | None
    timeout_s: float
    attempts: int
    health_s: float
    batch: Batching | None


def described(settings: dict[str, Any], model: str) -> Endpoint:
    """The endpoint that settings describe. Raises UserError that names what is wrong with them."""
    try:
        return msgspec.convert(settings, Endpoint)
    except msgspec.ValidationError as error:
        raise UserError(f"endpoint of model {model}: {error}") from None


class Address(Record):
    """Where a server of our own answers: base URL, token, the name it serves, its process, its log."""

    url: str
    token: str
    served: str
    pid: int
    log: str

    def check(self) -> None:
        """Raises UserError with the end of the log when the process is gone."""
        try:
            gone = psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            gone = True
        if gone:
            raise UserError(f"the server of {self.served} (process {self.pid}) is gone; the end of {self.tail()}")

    def tail(self) -> str:
        """The log's name and end, for an error message."""
        return f"{self.log}:\n{processes.tail(Path(self.log))}"


def access(endpoint: Endpoint, server: Address | None) -> tuple[str, str, list[str]]:
    """Base URL, model id, and keys ("" where none is needed). Raises UserError when one of them is missing."""
    if server:
        return server.url, server.served, [server.token]
    if not (endpoint.url and endpoint.id):
        raise UserError("the endpoint of a hosted model needs `url` and `id`")
    keys = os.environ.get(endpoint.key_env, "").replace(",", " ").split() if endpoint.key_env else [""]
    if not keys:
        raise UserError(f"set the environment variable {endpoint.key_env} to the API key of {endpoint.url}")
    return endpoint.url.rstrip("/"), endpoint.id, keys
