"""Asking one OpenAI-compatible endpoint: a server of our own or a hosted API.

Every request ends as a `Completion` or a `FailedRequest`. What no repetition can heal (a wrong key, an unknown model, a
dead server) is a UserError, because it would meet every other request too.
"""

import asyncio
import email.utils
import time
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

import msgspec
import openai
import tenacity

from skymake import UserError
from skymake.endpoint import Address, Endpoint, access
from skymake.pace import Pace, Turns
from skymake.store import Completion, FailedRequest, Request

_BACK_OFF = tenacity.wait_random_exponential(multiplier=1, max=60)  # seconds
_HOPELESS = {301, 302, 307, 308, 401, 402, 403, 404, 405}  # wrong address, key, credit or model: for every request


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
    """What we need of a chat completion; an answer without it is none."""

    model: str
    choices: list[_Choice]
    usage: _Usage


class _ErrorDetail(msgspec.Struct):
    code: str | int | None = None


class _Error(msgspec.Struct):
    """The part of an error's body that tells one from another."""

    error: _ErrorDetail


class _Trouble(Exception):
    """An attempt failed: the kind of failure, what was said, and whether another attempt may go better."""

    def __init__(self, kind: str, detail: str, passing: bool) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail, self.passing = kind, detail, passing


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
            if error.status_code in _HOPELESS:
                raise UserError(f"{self.url} refuses us: HTTP {error.status_code}") from None
            return False
        except openai.APIConnectionError:
            return False

    async def ask(self, request: Request) -> Completion | FailedRequest:
        """Ask until there is an answer, or no hope of one. Raises UserError for what every request would meet."""
        trying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, _Trouble) and error.passing),
            stop=tenacity.stop_after_attempt(self.endpoint.attempts),
            wait=_BACK_OFF,
            reraise=True,
        )
        try:
            return await trying(self._attempt, request)
        except _Trouble as trouble:
            return FailedRequest(request.key, trouble.kind, trouble.detail, trying.statistics["attempt_number"])

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
        return self._completion(request, answer, time.monotonic() - started)

    def _expected_tokens(self, request: Request) -> float:
        """The prompt by its length, the answer by the mean of those so far."""
        prompt = sum(len(message["content"]) for message in request.messages) / 4
        answer = self._answer_tokens / self._answers if self._answers else request.parameters.get("max_tokens", 0)
        return prompt + answer

    async def _post(self, key: str, request: Request) -> _Answer:
        """Send a request. Whatever goes wrong becomes a _Trouble, or a UserError."""
        try:
            async with asyncio.timeout(self.endpoint.timeout_s):  # of the whole attempt: a trickle is no answer
                response = await self._client.chat.completions.with_raw_response.create(
                    model=self.model,
                    messages=request.messages,
                    extra_body={"seed": request.seed, **request.parameters},  # engines know more than the API does
                    extra_headers=_bearer(key),
                )
        except (TimeoutError, openai.APITimeoutError):
            detail = f"no answer in {self.endpoint.timeout_s:g} s"
            raise _Trouble("timeout", detail, passing=True) from None
        except openai.APIStatusError as error:
            told = error.response
            raise self._meaning(error.status_code, told.headers, told.content, key) from None
        except openai.APIConnectionError as error:
            self._check_server()
            detail = self._redact(f"{type(error.__cause__).__name__}: {error.__cause__}")
            raise _Trouble("server_error", detail, passing=True) from None
        try:
            return msgspec.json.decode(response.content, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _Trouble("invalid", f"not a chat completion: {error}", passing=True) from None

    def _meaning(self, status: int, headers: Mapping[str, str], content: bytes, key: str) -> _Trouble:
        """What an HTTP error means for a request. Raises UserError for one that would meet every request."""
        detail = self._redact(f"HTTP {status}: {' '.join(content.decode(errors='replace').split())}")
        code = _error_code(content)
        if status in _HOPELESS or code == "insufficient_quota":
            raise UserError(f"{self.url} refuses {self.model}: {detail}. Check address, model id, key and credit.")
        if status in (408, 409, 425, 429) or status >= 500:
            self._check_server()
            self._turns.hold(key, _retry_after(headers))
            return _Trouble({408: "timeout", 429: "rate_limited"}.get(status, "server_error"), detail, passing=True)
        too_long = code == "context_length_exceeded" or b"maximum context length" in content
        kind = "filtered" if code == "content_filter" else "too_long" if too_long else "refused"
        return _Trouble(kind, detail, passing=False)

    def _check_server(self) -> None:
        if self.server:
            self.server.check()

    def _completion(self, request: Request, answer: _Answer, seconds: float) -> Completion:
        """The answer as a completion. Raises _Trouble when it holds none, UserError when another model gave it."""
        if not self._is_ours(answer.model):
            raise UserError(f"{self.url} was asked for {self.model}, but {answer.model} answered")
        if not answer.choices:
            raise _Trouble("invalid", "an answer without choices", passing=True)
        message, finish = answer.choices[0].message, answer.choices[0].finish_reason
        if message.refusal:
            raise _Trouble("refused", self._redact(message.refusal), passing=False)
        if finish == "content_filter":
            raise _Trouble("filtered", "the endpoint's filter stopped the answer", passing=False)
        if finish not in ("stop", "length"):
            raise _Trouble("invalid", f"finish reason {finish}", passing=True)
        if finish == "stop" and not (message.content or "").strip():
            raise _Trouble("empty", "an answer without text", passing=False)
        return Completion(
            key=request.key,
            text=message.content or "",
            reasoning=message.reasoning or message.reasoning_content,
            finish=finish,
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
            seconds=round(seconds, 3),
            seed=request.seed,
            served=answer.model,
        )

    def _is_ours(self, served: str) -> bool:
        """Whether the model asked for answered. APIs add a date to its id, or leave out the vendor before it."""
        if self.server:
            return served == self.model
        return served.split("/")[-1].startswith(self.model.split("/")[-1])

    def _redact(self, text: str) -> str:
        for key in filter(None, self._keys):
            text = text.replace(key, "[key]")
        return text[:500]


def _bearer(key: str) -> dict[str, str | openai.Omit]:
    return {"Authorization": f"Bearer {key}" if key else openai.Omit()}


def _error_code(content: bytes) -> str | int | None:
    """The code in the body of an error, if it has the usual form."""
    try:
        return msgspec.json.decode(content, type=_Error).error.code
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the Retry-After header asks to wait, be it a number or a date; 0 without one."""
    value = headers.get("Retry-After", "0")
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
