"""The client against a server that misbehaves: every request ends as a completion or as a typed failure."""

import asyncio
import logging
import os
import statistics
import subprocess
import time
from email.utils import formatdate

import pytest
import tenacity
from faulty_server import MODEL, FaultyServer, Reply, error, good, text_for

from skymake import UserError, client
from skymake.client import Client
from skymake.endpoint import Address, Endpoint
from skymake.store import Completion, FailedRequest, requests

SAMPLING = {"temperature": 0.7, "top_p": 1.0, "max_tokens": 100, "samples": 1, "seed": 0}
SECRET, OTHER_SECRET = "sk-secret-number-one", "sk-secret-number-two"


@pytest.fixture(autouse=True)
def no_back_off(monkeypatch):
    monkeypatch.setattr(client, "_BACK_OFF", tenacity.wait_none())


def some_requests(count: int = 1):
    prompts = [[{"role": "user", "content": f"question {number}"}] for number in range(count)]
    return [request for messages in prompts for request in requests("sha256:00", messages, SAMPLING)]


def endpoint(**changes) -> Endpoint:
    limits = {"concurrency": 8, "timeout_s": 30.0, "attempts": 3, "health_s": 5.0}
    return Endpoint(**dict.fromkeys(Endpoint.__struct_fields__) | limits | changes)


def ask(there: FaultyServer | Address, count: int = 1, **changes):
    """Ask all at once; the entries in order."""
    server = address(there) if isinstance(there, FaultyServer) else there

    async def run():
        async with Client(endpoint(**changes), None if "url" in changes else server) as asking:
            return await asyncio.gather(*(asking.ask(request) for request in some_requests(count)))

    return asyncio.run(run())


def address(server: FaultyServer, **changes) -> Address:
    return Address(
        **{"url": server.url, "token": SECRET, "served": MODEL, "pid": os.getpid(), "log": "no.log"} | changes
    )


def once(fault: Reply):
    """The fault at the first attempt, then a good answer."""
    return lambda body, attempt: fault if attempt == 1 else good(body)


def always(fault: Reply):
    return lambda body, attempt: fault


HALF = good({"model": MODEL, "messages": []}).body[:60]
PASSING = {
    "429 without Retry-After": (error(429), "rate_limited"),
    "429 with Retry-After": (error(429, retry_after="0.2"), "rate_limited"),
    "500": (error(500), "server_error"),
    "502 with a page of HTML": (Reply(502, b"<html>Bad gateway</html>", {"content-type": "text/html"}), "server_error"),
    "503 with a date": (error(503, retry_after=formatdate(time.time() - 9, usegmt=True)), "server_error"),
    "reset before the answer": (Reply(body=b"x" * 100, cut=0), "server_error"),
    "reset in the middle": (Reply(body=HALF * 2, cut=60), "server_error"),
    "slower than the limit": (Reply(body=b"{}", delay=60.0), "timeout"),
    "one byte at a time": (Reply(body=b" " * 1000, drip=0.1), "timeout"),
    "truncated JSON": (Reply(body=HALF), "invalid"),
    "a page of HTML": (Reply(body=b"<html>Welcome</html>", headers={"content-type": "text/html"}), "invalid"),
    "bytes that are no text": (Reply(body=b"\xff\xfe{}"), "invalid"),
    "no choices": (good({"model": MODEL}, text="", choices=[]), "invalid"),
    "no usage": (good({"model": MODEL}, text="", usage=None), "invalid"),
    "a finish reason of its own": (good({"model": MODEL}, text="x", finish="abort"), "invalid"),
}
LASTING = {
    "400": (error(400, "no such parameter"), "refused"),
    "400 of a long prompt": (error(400, "no", code="context_length_exceeded"), "too_long"),
    "400 of a long prompt, as vLLM says it": (error(400, "This model's maximum context length is 512"), "too_long"),
    "400 of a filter": (error(400, "no", code="content_filter"), "filtered"),
    "a filtered answer": (good({"model": MODEL}, text="half an ans", finish="content_filter"), "filtered"),
    "a refusal": (good({"model": MODEL}, text=None, message={"refusal": "I cannot"}), "refused"),
    "an empty answer": (good({"model": MODEL}, text=""), "empty"),
    "an answer of blanks": (good({"model": MODEL}, text=" \n"), "empty"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "kind"), PASSING.values(), ids=PASSING.keys())
def test_a_passing_fault_heals_or_becomes_a_failure(fault, kind):
    slow = kind == "timeout"
    with FaultyServer(once(fault)) as server:
        (answer,) = ask(server, timeout_s=2.0 if slow else 30.0)  # a busy machine needs its time for the good answer
        assert isinstance(answer, Completion)
        assert answer.text == text_for(server.seen[0])
        assert len(server.seen) == 2
    with FaultyServer(always(fault)) as server:
        (failure,) = ask(server, timeout_s=0.6 if slow else 30.0)  # in which each attempt must arrive
        assert isinstance(failure, FailedRequest)
        assert (failure.kind, failure.attempts, len(server.seen)) == (kind, 3, 3)


@pytest.mark.parametrize(("fault", "kind"), LASTING.values(), ids=LASTING.keys())
def test_a_lasting_fault_is_a_failure_at_once(fault, kind):
    with FaultyServer(always(fault)) as server:
        (failure,) = ask(server)
    assert isinstance(failure, FailedRequest)
    assert (failure.kind, failure.attempts, len(server.seen)) == (kind, 1, 1)


@pytest.mark.parametrize(
    "fault",
    [
        error(401, f"Incorrect API key provided: {SECRET}"),
        error(402, "no credit"),
        error(404, "no such model"),
        error(429, "You exceeded your quota", code="insufficient_quota"),
        good({"model": "another-model"}, text="x"),
    ],
    ids=["wrong key", "no credit", "unknown model", "no quota", "another model"],
)
def test_what_would_meet_every_request_is_a_user_error(fault):
    with FaultyServer(always(fault)) as server, pytest.raises(UserError) as raised:
        ask(server)
    assert len(server.seen) == 1
    assert SECRET not in str(raised.value)


def test_a_wait_beyond_the_limit_ends_the_run_unless_another_key_is_free(monkeypatch):
    def tomorrow(body, attempt):
        return error(429, "daily limit", retry_after="3600") if len(server.seen) == 1 else good(body)

    with FaultyServer(tomorrow) as server, pytest.raises(UserError, match="come back in 3600 s"):
        ask(server)
    assert len(server.seen) == 1
    monkeypatch.setenv("SOME_KEYS", f"{SECRET},{OTHER_SECRET}")
    with FaultyServer(tomorrow) as server:
        answers = ask(server, count=3, url=server.url, id=MODEL, key_env="SOME_KEYS")
    assert all(isinstance(answer, Completion) for answer in answers)


def test_an_answer_keeps_what_is_known_of_it():
    def slow(body, attempt):
        return good(body, delay=0.1, finish="length", message={"reasoning_content": "hm"})

    with FaultyServer(slow) as server:
        (answer,) = ask(server)
    assert (answer.finish, answer.reasoning, answer.served) == ("length", "hm", MODEL)
    assert (answer.prompt_tokens, answer.completion_tokens) == (7, 11)
    assert 0.1 <= answer.seconds < 10
    assert answer.seed == some_requests()[0].seed


def test_what_is_sent_is_what_the_key_covers():
    with FaultyServer() as server:
        ask(server)
    (request,) = some_requests()
    assert server.seen == [
        {"model": MODEL, "messages": request.messages, "seed": request.seed}
        | {"temperature": 0.7, "top_p": 1.0, "max_tokens": 100}
    ]


def test_a_dated_name_of_a_hosted_model_is_that_model(monkeypatch):
    monkeypatch.setenv("SOME_KEY", SECRET)
    with FaultyServer(lambda body, attempt: good(body, model="mini-2025-01-31")) as server:
        (answer,) = ask(server, url=server.url, id="vendor/mini", key_env="SOME_KEY")
    assert answer.served == "mini-2025-01-31"


@pytest.mark.parametrize("served", ["mini-max", "minimal", "mini-2025-preview", "max"])
def test_a_model_of_a_longer_name_is_another_one(served):
    with (
        FaultyServer(lambda body, attempt: good(body, model=served)) as server,
        pytest.raises(UserError, match=f"asked for vendor/mini, but {served} answered"),
    ):
        ask(server, url=server.url, id="vendor/mini", key_env=None)


def test_retry_after_is_waited_for():
    with FaultyServer(once(error(429, retry_after="0.4"))) as server:
        ask(server)
    assert server.times[1] - server.times[0] >= 0.4


@pytest.mark.slow
def test_concurrency_of_the_connection_pool_does_not_bound_the_requests():
    with FaultyServer(lambda body, attempt: good(body, delay=2.0)) as server:
        ask(server, count=200)
    assert server.peak > 100, "httpx's own bound"


def test_requests_keep_to_the_pace():
    with FaultyServer() as server:
        ask(server, count=20, requests_per_minute=1200)
    gaps = [later - earlier for earlier, later in zip(server.times, server.times[1:], strict=False)]
    assert server.times[-1] - server.times[0] > 0.7, "19 gaps of 0.05 s, less what the first came late"
    assert statistics.median(gaps) > 0.02, "evenly, not in bursts"


@pytest.mark.slow
def test_tokens_keep_to_the_pace():
    """60 answers of 18 tokens at 36,000 a minute take 1.8 s, once it is known that an answer is not 100 tokens."""
    with FaultyServer() as server:
        started = time.monotonic()
        ask(server, count=60, tokens_per_minute=36_000)
    assert 1.4 < time.monotonic() - started < 8.0


def test_keys_are_used_in_turn_and_a_limited_one_rests(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SOME_KEYS", f"{SECRET}, {OTHER_SECRET}")
    with FaultyServer() as server:
        ask(server, count=10, url=server.url, id=MODEL, key_env="SOME_KEYS")
    assert sorted(server.tokens) == [f"Bearer {SECRET}"] * 5 + [f"Bearer {OTHER_SECRET}"] * 5

    with FaultyServer(once(error(429, f"limit of {SECRET}", retry_after="20"))) as server:
        started = time.monotonic()
        (answer,) = ask(server, url=server.url, id=MODEL, key_env="SOME_KEYS")
    assert isinstance(answer, Completion)
    assert server.tokens == [f"Bearer {SECRET}", f"Bearer {OTHER_SECRET}"]
    assert time.monotonic() - started < 10
    assert SECRET not in caplog.text and OTHER_SECRET not in caplog.text


def test_no_key_in_a_failure(monkeypatch):
    monkeypatch.setenv("SOME_KEY", SECRET)
    with FaultyServer(always(error(500, f"the key {SECRET} is fine, we are not"))) as server:
        (failure,) = ask(server, url=server.url, id=MODEL, key_env="SOME_KEY")
    assert "the key [key] is fine" in failure.detail


def test_an_endpoint_without_keys_gets_none():
    with FaultyServer(always(error(400, "none of your business"))) as server:
        (failure,) = ask(server, url=server.url + "/", id=MODEL)
    assert server.tokens == [""]
    assert "none of your business" in failure.detail


def test_a_missing_key_is_named(monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    with FaultyServer() as server, pytest.raises(UserError, match="SOME_KEY"):
        ask(server, url=server.url, id=MODEL, key_env="SOME_KEY")


def test_a_proxy_does_not_come_between_us_and_the_loopback(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with FaultyServer() as server:
        assert isinstance(ask(server)[0], Completion)


def ready(there: Address, **changes) -> None:
    async def run():
        async with Client(endpoint(**changes), there) as asking:
            await asking.ready()

    asyncio.run(run())


def test_a_server_may_take_its_time(tmp_path):
    with FaultyServer() as server:
        ready(address(server))
    with pytest.raises(UserError, match=r"did not answer in 0\.6 s(.|\n)*loading"):
        (tmp_path / "log").write_text("loading")
        ready(address(server, log=str(tmp_path / "log")), health_s=0.6)


def test_a_dead_server_is_noticed_with_the_end_of_its_log(tmp_path):
    child = subprocess.Popen(["true"])
    child.wait()
    (tmp_path / "log").write_text("CUDA out of memory")
    with FaultyServer(always(Reply(cut=0, body=b"x"))) as server:
        dead = address(server, pid=child.pid, log=str(tmp_path / "log"))
        with pytest.raises(UserError, match="CUDA out of memory"):
            ready(dead)
        with pytest.raises(UserError, match="CUDA out of memory"):
            ask(dead)
