"""What the reply of an OpenAI-compatible endpoint means: an answer to a request, or a kind of trouble."""

from typing import TypeVar

import msgspec

from skymake.store import Completion, FailureKind

_HOPELESS = {301, 302, 307, 308, 401, 402, 403, 404, 405}  # wrong address, key, credit or model: for every request
T = TypeVar("T")


class Trouble(Exception):
    """There is no answer: the kind of failure, what was said, and whether another attempt may go better."""

    def __init__(self, kind: FailureKind, detail: str, passing: bool) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail, self.passing = kind, detail, passing


class Message(msgspec.Struct):
    """The text of an answer; the thought apart from it under either name, and a refusal, where there are such."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None


class Choice(msgspec.Struct):
    """One answer, and why it ended."""

    message: Message
    finish_reason: str | None


class Usage(msgspec.Struct):
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int


class Chat(msgspec.Struct):
    """What we need of a chat completion; a reply without it is none."""

    model: str
    choices: list[Choice]
    usage: Usage


class ErrorDetail(msgspec.Struct):
    """What an API says of an error."""

    code: str | int | None = None
    message: str | None = None


class _Error(msgspec.Struct):
    """The part of an error's body that tells one from another."""

    error: ErrorDetail


def decode(content: bytes | msgspec.Raw, type: type[T]) -> T:
    """What a reply, or a part of one, holds. Raises Trouble when it holds nothing of that type."""
    try:
        return msgspec.json.decode(content, type=type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Trouble("invalid", f"not the reply expected: {error}", passing=True) from None


def completion(key: str, seed: int, chat: Chat, seconds: float, batched: bool) -> Completion:
    """The answer to a request, from a chat completion. Raises Trouble when it holds none."""
    if not chat.choices:
        raise Trouble("invalid", "an answer without choices", passing=True)
    message, finish = chat.choices[0].message, chat.choices[0].finish_reason
    if message.refusal:
        raise Trouble("refused", message.refusal, passing=False)
    if finish == "content_filter":
        raise Trouble("filtered", "the endpoint's filter stopped the answer", passing=False)
    if finish not in ("stop", "length"):
        raise Trouble("invalid", f"finish reason {finish}", passing=True)
    if finish == "stop" and not (message.content or "").strip():
        raise Trouble("empty", "an answer without text", passing=False)
    return Completion(
        key=key,
        text=message.content or "",
        reasoning=message.reasoning or message.reasoning_content,
        finish=finish,
        prompt_tokens=chat.usage.prompt_tokens,
        completion_tokens=chat.usage.completion_tokens,
        seconds=round(seconds, 3),
        seed=seed,
        served=chat.model,
        batched=batched,
    )


def trouble(status: int, content: bytes) -> Trouble:
    """What an HTTP error means for the request that met it."""
    detail, code = f"HTTP {status}: {' '.join(content.decode(errors='replace').split())}", _error_code(content)
    if status in (408, 409, 425, 429) or status >= 500:
        return Trouble({408: "timeout", 429: "rate_limited"}.get(status, "server_error"), detail, passing=True)
    too_long = code == "context_length_exceeded" or b"maximum context length" in content
    kind = "filtered" if code == "content_filter" else "too_long" if too_long else "refused"
    return Trouble(kind, detail, passing=False)


def hopeless(status: int, content: bytes) -> bool:
    """Whether an HTTP error would meet every other request too."""
    return status in _HOPELESS or _error_code(content) == "insufficient_quota"


def _error_code(content: bytes) -> str | int | None:
    """The code in the body of an error, if it has the usual form."""
    try:
        return msgspec.json.decode(content, type=_Error).error.code
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
