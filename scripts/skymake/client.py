"""Asking one OpenAI-compatible endpoint: a server of our own or a hosted API.

Every request ends as a `Completion` or a `FailedRequest`. What no repetition can heal (a wrong key, an unknown model, a
dead server) is a UserError, because it would meet every other request too.
"""

import asyncio
import email.utils
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import openai
import tenacity

from skymake import UserError, replies
from skymake.endpoint import Address, Endpoint, access
from skymake.pace import Pace, Turns
from skymake.replies import Chat, Trouble
from skymake.store import Completion, FailedRequest, Request

_BACK_OFF = tenacity.wait_random_exponential(multiplier=1, max=60)  # seconds
T = TypeVar("T")
Headers = dict[str, str | openai.Omit]


class Client:
    """Asks one endpoint. For one event loop; an asynchronous context manager."""

    def __init__(self, endpoint: Endpoint, server: Address | None = None) -> None:
        self.endpoint, self.server = endpoint, server
        self.url, self.model, self._keys = access(endpoint, server)
        self._turns = Turns(self._keys)
        self._requests, self._tokens = Pace(endpoint.requests_per_minute), Pace(endpoint.tokens_per_minute)
        self._answers = self._answer_tokens = 0

    async def __aenter__(self) -> Self:
        at_home = urlsplit(self.url).hostname in ("127.0.0.1", "localhost", "::1")
        self._client = openai.AsyncOpenAI(
            base_url=self.url,
            api_key="given with each request",  # keys take turns
            max_retries=0,  # the attempts are ours, at the pace of the endpoint
            timeout=self.endpoint.timeout_s,
            http_client=openai.DefaultAsyncHttpxClient(
                trust_env=not at_home,  # no proxy between us and our own machine
                follow_redirects=False,  # a key is for one address
            ),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def ready(self) -> None:
        """Wait until a server of our own answers. Raises UserError when it dies, or takes longer than `health_s`."""
        deadline = time.monotonic() + self.endpoint.health_s
        while self.server:
            self.server.check()
            if await self._listens():
                return
            if time.monotonic() > deadline:
                limit = self.endpoint.health_s
                raise UserError(f"{self.url} did not answer in {limit:g} s; the end of {self.server.tail()}")
            await asyncio.sleep(0.5)

    async def _listens(self) -> bool:
        """Whether the server lists its models. Raises UserError when it does not let us in."""
        try:
            await self._client.models.with_raw_response.list(extra_headers=_bearer(self._keys[0]), timeout=10)
            return True
        except openai.APIStatusError as error:
            if replies.hopeless(error.status_code, error.response.content):
                raise UserError(f"{self.url} refuses us: HTTP {error.status_code}") from None
            return False
        except openai.APIConnectionError:
            return False

    async def ask(self, request: Request) -> Completion | FailedRequest:
        """Ask until there is an answer, or no hope of one. Raises UserError for what every request would meet."""
        trying = self._trying()
        try:
            return await trying(self._attempt, request)
        except Trouble as trouble:
            return self.failed(request.key, trouble, trying.statistics["attempt_number"])

    async def call(self, send: Callable[[openai.AsyncOpenAI, Headers], Awaitable[T]]) -> T:
        """Ask for something else than an answer, with the first key, until it works. Raises UserError if it does not.

        send: gets the connection and the headers to give it, and raises Trouble for a reply of no use.
        """
        try:
            return await self._trying()(self._call, send)
        except Trouble as trouble:
            raise UserError(f"{self.url}: {self._redact(trouble.detail)}") from None

    def failed(self, key: str, trouble: Trouble, attempts: int) -> FailedRequest:
        """What is written down of a request that met trouble to the end."""
        return FailedRequest(key, trouble.kind, self._redact(trouble.detail), attempts)

    def _trying(self) -> tenacity.AsyncRetrying:
        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, Trouble) and error.passing),
            stop=tenacity.stop_after_attempt(self.endpoint.attempts),
            wait=_BACK_OFF,
            reraise=True,
        )

    async def _call(self, send: Callable[[openai.AsyncOpenAI, Headers], Awaitable[T]]) -> T:
        key = self._keys[0]
        await asyncio.sleep(min(self._turns.wait(key), self.endpoint.timeout_s))
        return await self._send(key, send)

    async def _attempt(self, request: Request) -> Completion:
        """One attempt, at the pace that the endpoint allows."""
        wait = min(map(self._turns.wait, self._keys))
        if wait > self.endpoint.timeout_s:
            raise UserError(f"{self.url} asks us to come back in {wait:.0f} s: run again then")
        await self._requests.turn()
        self._requests.spend(1)
        await self._tokens.turn()
        expected = self._expected_tokens(request)
        self._tokens.spend(expected)
        key = await self._turns.next()
        started, used = time.monotonic(), 0
        try:
            answer = await self._post(key, request)
            used = answer.usage.prompt_tokens + answer.usage.completion_tokens
        finally:
            self._tokens.spend(used - expected)
        self._answers += 1
        self._answer_tokens += answer.usage.completion_tokens
        if not self.is_ours(answer.model):
            raise UserError(f"{self.url} was asked for {self.model}, but {answer.model} answered")
        return replies.completion(request.key, request.seed, answer, time.monotonic() - started, batched=False)

    def _expected_tokens(self, request: Request) -> float:
        """The prompt by its length, the answer by the mean of those so far."""
        prompt = sum(len(message["content"]) for message in request.messages) / 4
        answer = self._answer_tokens / self._answers if self._answers else request.parameters.get("max_tokens", 0)
        return prompt + answer

    def body(self, request: Request) -> dict[str, Any]:
        """What is sent of a request: engines know more parameters than the API does."""
        return {"model": self.model, "messages": request.messages, "seed": request.seed, **request.parameters}

    async def _post(self, key: str, request: Request) -> Chat:
        """Send a request. Whatever goes wrong becomes Trouble, or a UserError."""
        response = await self._send(
            key,
            lambda api, headers: api.chat.completions.with_raw_response.create(
                model=self.model, messages=request.messages, extra_body=self.body(request), extra_headers=headers
            ),
        )
        return replies.decode(response.content, Chat)

    async def _send(self, key: str, send: Callable[[openai.AsyncOpenAI, Headers], Awaitable[T]]) -> T:
        """Send something. Whatever goes wrong becomes Trouble, or a UserError."""
        try:
            async with asyncio.timeout(self.endpoint.timeout_s):  # of the whole attempt: a trickle is no answer
                return await send(self._client, _bearer(key))
        except (TimeoutError, openai.APITimeoutError):
            detail = f"no answer in {self.endpoint.timeout_s:g} s"
            raise Trouble("timeout", detail, passing=True) from None
        except openai.APIStatusError as error:
            told = error.response
            raise self._meaning(error.status_code, told.headers, told.content, key) from None
        except openai.APIConnectionError as error:
            self._check_server()
            detail = f"{type(error.__cause__).__name__}: {error.__cause__}"
            raise Trouble("server_error", detail, passing=True) from None

    def _meaning(self, status: int, headers: Mapping[str, str], content: bytes, key: str) -> Trouble:
        """What an HTTP error means for a request. Raises UserError for one that would meet every request."""
        trouble = replies.trouble(status, content)
        if replies.hopeless(status, content):
            said = self._redact(trouble.detail)
            raise UserError(f"{self.url} refuses {self.model}: {said}. Check address, model id, key and credit.")
        if trouble.passing:
            self._check_server()
            self._turns.hold(key, _retry_after(headers))
        return trouble

    def _check_server(self) -> None:
        if self.server:
            self.server.check()

    def is_ours(self, served: str) -> bool:
        """Whether the model asked for answered. APIs add a date to its id, or leave out the vendor before it."""
        if self.server:
            return served == self.model
        asked, answered = (name.rpartition("/")[2] for name in (self.model, served))
        return re.fullmatch(rf"{re.escape(asked)}(-\d[\d-]*)?", answered) is not None

    def _redact(self, text: str) -> str:
        for key in filter(None, self._keys):
            text = text.replace(key, "[key]")
        return text[:500]


def _bearer(key: str) -> Headers:
    return {"Authorization": f"Bearer {key}" if key else openai.Omit()}


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the Retry-After header asks to wait, be it a number or a date; 0 without one."""
    value = headers.get("Retry-After", "0")
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
