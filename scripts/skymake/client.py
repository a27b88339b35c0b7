"""Asking one OpenAI-compatible endpoint: our own engine or a hosted API.

Every request ends as a `Completion` or a `FailedRequest`. What no repetition can heal (a wrong key, an unknown model, a
dead engine) is a UserError, because it would fail every other request too.
"""

import asyncio
import datetime
import email.utils
import logging
import os
import time
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import openai
import psutil
import tenacity

from skymake import UserError
from skymake.records import Record
from skymake.store import Completion, FailedRequest, Request

log = logging.getLogger(__name__)

_BACK_OFF = tenacity.wait_random_exponential(multiplier=1, max=60)  # seconds


class Endpoint(Record):
    """How to ask. url and id: address and model of a hosted API, None where an engine of ours answers.

    key_env: environment variable with the API key, or several keys with commas, used in turn.
    timeout_s: for one attempt. attempts: how often a request is tried. health_s: how long an engine may take to start.
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


class Engine(msgspec.Struct):
    """A running server of ours: its address and token, the model it serves, its process and log file."""

    url: str
    token: str
    served: str
    pid: int
    log: str

    def check(self) -> None:
        """Raises UserError with the end of the log when the process is gone."""
        try:
            alive = psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            alive = False
        if not alive:
            raise UserError(f"The engine of {self.served} (process {self.pid}) is gone. {self.tail()}")

    def tail(self, lines: int = 20) -> str:
        """The end of the engine's log."""
        path = Path(self.log)
        if not path.is_file():
            return f"It left no log at {path}."
        end = path.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join([f"Its log, {path}, ends with:", *end])


class _Message(msgspec.Struct):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int


class _Answer(msgspec.Struct):
    """The part of a chat completion that we rely on."""

    model: str
    choices: list[_Choice]
    usage: _Usage


class _Trouble(Exception):
    """An attempt failed. `passing`: another attempt may go better. `after`: seconds the endpoint asks to wait."""

    def __init__(self, kind: str, detail: str, passing: bool, after: float | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.passing, self.after = kind, detail, passing, after


class Pace:
    """Lets at most `per_minute` units through a minute, evenly, first come first served. None: no limit."""

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 60 / per_minute if per_minute else 0.0
        self._free_at = 0.0
        self._turn = asyncio.Lock()

    async def take(self, units: float) -> None:
        """Wait until earlier units have had their time, then take some."""
        async with self._turn:
            while (wait := self._free_at - time.monotonic()) > 0:
                await asyncio.sleep(min(wait, 0.5))  # corrections may shorten the wait
            self.correct(units, since=time.monotonic())

    def correct(self, units: float, since: float = 0.0) -> None:
        """Take more units, or give some back."""
        self._free_at = max(self._free_at, since) + units * self._seconds_each


class _Key:
    """One API key: its client, and the moment before which the endpoint does not want to hear of it."""

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self.client, self.ready_at = client, 0.0


class Client:
    """Asks one endpoint. To be used within one event loop, as an asynchronous context manager."""

    def __init__(self, endpoint: Endpoint, engine: Engine | None = None) -> None:
        self.endpoint, self.engine = endpoint, engine
        self.url, self.model, self._secrets = _address(endpoint, engine)
        local = urlsplit(self.url).hostname in ("127.0.0.1", "localhost", "::1")
        self._http = openai.DefaultAsyncHttpxClient(trust_env=not local)  # a proxy must not come between us and us
        self._keys = deque(
            _Key(openai.AsyncOpenAI(base_url=self.url, api_key=secret, max_retries=0, http_client=self._http))
            for secret in self._secrets
        )
        self._requests, self._tokens = Pace(endpoint.requests_per_minute), Pace(endpoint.tokens_per_minute)
        self._answers = self._answer_tokens = 0

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ready(self) -> None:
        """Wait until our engine answers; UserError when it dies or takes longer than `health_s`."""
        if self.engine is None:
            return
        deadline = time.monotonic() + self.endpoint.health_s
        while True:
            self.engine.check()
            try:
                await self._keys[0].client.models.list(timeout=10)
                return
            except openai.APIStatusError as error:
                if error.status_code < 500:
                    raise UserError(f"{self.url} refuses us: {self._describe(error)}") from None
            except openai.APIConnectionError:
                pass
            if time.monotonic() > deadline:
                seconds = self.endpoint.health_s
                raise UserError(f"The engine of {self.model} did not answer in {seconds:g} s. {self.engine.tail()}")
            await asyncio.sleep(0.5)

    async def ask(self, request: Request) -> Completion | FailedRequest:
        """Ask until there is an answer or no hope. Raises UserError when every other request would fail too."""
        attempts = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.endpoint.attempts),
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, _Trouble) and error.passing),
            wait=_pause,
            reraise=True,
        )
        try:
            return await attempts(self._attempt, request)
        except _Trouble as trouble:
            tries = attempts.statistics["attempt_number"]
            return FailedRequest(request.key, trouble.kind, trouble.detail, tries)

    async def _attempt(self, request: Request) -> Completion:
        """One attempt, within the rate limits."""
        await self._requests.take(1)
        expected = self._expected_tokens(request)
        await self._tokens.take(expected)
        key = await self._next_key()
        started, used = time.monotonic(), 0
        try:
            answer = await self._post(key, request)
            used = answer.usage.prompt_tokens + answer.usage.completion_tokens
        finally:
            self._tokens.correct(used - expected)
        self._answers += 1
        self._answer_tokens += answer.usage.completion_tokens
        return self._completion(request, answer, time.monotonic() - started)

    def _expected_tokens(self, request: Request) -> float:
        """Prompt by its length, answer by the mean of those so far."""
        prompt = sum(len(message["content"]) for message in request.messages) / 4
        answer = self._answer_tokens / self._answers if self._answers else request.parameters.get("max_tokens", 0)
        return prompt + answer

    async def _next_key(self) -> _Key:
        """The next key in turn that the endpoint lets us use, or the first that it will."""
        now = time.monotonic()
        key = next((key for key in self._keys if key.ready_at <= now), None)
        key = key or min(self._keys, key=lambda key: key.ready_at)
        self._keys.remove(key)
        self._keys.append(key)
        await asyncio.sleep(max(0.0, key.ready_at - now))
        return key

    async def _post(self, key: _Key, request: Request) -> _Answer:
        """Send the request; every way it can go wrong becomes a _Trouble or a UserError."""
        try:
            async with asyncio.timeout(self.endpoint.timeout_s):
                raw = await key.client.chat.completions.with_raw_response.create(
                    model=self.model,
                    messages=request.messages,
                    seed=request.seed,
                    extra_body=request.parameters,
                    timeout=self.endpoint.timeout_s,
                )
            return msgspec.json.decode(raw.content, type=_Answer)
        except (TimeoutError, openai.APITimeoutError):
            raise _Trouble("timeout", f"no answer in {self.endpoint.timeout_s:g} s", passing=True) from None
        except openai.APIStatusError as error:
            raise self._status_trouble(error, key) from None
        except openai.APIConnectionError as error:
            if self.engine:
                self.engine.check()
            detail = self._redact(f"connection: {error.__cause__ or error}")
            raise _Trouble("server_error", detail, passing=True) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _Trouble("invalid", f"not a chat completion: {error}", passing=True) from None

    def _status_trouble(self, error: openai.APIStatusError, key: _Key) -> _Trouble:
        """What an HTTP status means. Raises UserError for one that would meet every request."""
        status, detail = error.status_code, self._describe(error)
        if status in (401, 402, 403, 404) or error.code == "insufficient_quota":
            raise UserError(f"{self.url} refuses {self.model}: {detail}. Check its address, model id and key.")
        if status == 429:
            after = _retry_after(error.response.headers)
            key.ready_at = max(key.ready_at, time.monotonic() + (after or 0.0))
            return _Trouble("rate_limited", detail, passing=(after or 0.0) <= self.endpoint.timeout_s, after=after)
        if status == 408:
            return _Trouble("timeout", detail, passing=True)
        if status in (409, 425) or status >= 500:
            if self.engine:
                self.engine.check()
            return _Trouble("server_error", detail, passing=True, after=_retry_after(error.response.headers))
        return _Trouble("filtered" if error.code == "content_filter" else "refused", detail, passing=False)

    def _completion(self, request: Request, answer: _Answer, seconds: float) -> Completion:
        """The answer as a completion, if it is one."""
        if not _same_model(self.model, answer.model, exactly=self.engine is not None):
            raise UserError(f"{self.url} was asked for {self.model} and answered as {answer.model}")
        if not answer.choices:
            raise _Trouble("invalid", "an answer without choices", passing=True)
        message, finish = answer.choices[0].message, answer.choices[0].finish_reason
        reasoning = message.reasoning or message.reasoning_content
        if message.refusal:
            raise _Trouble("refused", self._redact(message.refusal), passing=False)
        if finish == "content_filter":
            raise _Trouble("filtered", "the endpoint's content filter stopped the answer", passing=False)
        if finish not in ("stop", "length"):
            raise _Trouble("invalid", f"finish reason {finish}", passing=True)
        if finish == "stop" and not message.content:
            raise _Trouble("empty", "an answer without text", passing=False)
        usage = answer.usage
        return Completion(
            key=request.key,
            text=message.content or "",
            reasoning=reasoning,
            finish=finish,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            seconds=round(seconds, 3),
            seed=request.seed,
            served=answer.model,
        )

    def _describe(self, error: openai.APIStatusError) -> str:
        return self._redact(f"HTTP {error.status_code}: {' '.join(error.response.text.split())}")

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text[:500]


def _address(endpoint: Endpoint, engine: Engine | None) -> tuple[str, str, list[str]]:
    """URL, model id and keys to use."""
    if engine:
        return engine.url, engine.served, [engine.token]
    if not (endpoint.url and endpoint.id):
        raise UserError("A hosted model needs `url` and `id` in its endpoint.")
    if endpoint.key_env is None:
        return endpoint.url, endpoint.id, ["none"]
    keys = [key.strip() for key in os.environ.get(endpoint.key_env, "").split(",") if key.strip()]
    if not keys:
        raise UserError(f"Set the environment variable {endpoint.key_env} to the API key of {endpoint.url}.")
    return endpoint.url, endpoint.id, keys


def _same_model(asked: str, served: str, exactly: bool) -> bool:
    """Whether the answer comes from the model asked for. APIs add a date to the id, or drop the vendor before it."""
    return served == asked if exactly else served.split("/")[-1].startswith(asked.split("/")[-1])


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds to wait before the next attempt: back-off with jitter, and never less than the endpoint asks for."""
    return (state.outcome.exception().after or 0.0) + _BACK_OFF(state)


def _retry_after(headers: Any) -> float | None:
    """The seconds of a Retry-After header, which may also hold a date."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds())
