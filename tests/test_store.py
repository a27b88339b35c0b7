"""The completion store: what is written comes back, and damage costs what it hit and nothing else."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from skymake import UserError
from skymake.store import Completion, FailedRequest, Store, requests, scan

MESSAGES = [{"role": "user", "content": "What is 1 + 1?"}]
SAMPLING = {"temperature": 0.7, "top_p": 1.0, "max_tokens": 100, "samples": 4, "seed": 0}


def completion(key: str, text: str = 'two é \n {"crc":"00000000","entry":') -> Completion:
    return Completion(key, text, None, "stop", 7, 11, 0.5, 3, "nano")


def filled(root, *keys: str) -> Store:
    store = Store(root)
    with store.segment("m", "s") as segment:
        for key in keys:
            segment.append(completion(key))
    return store


def test_the_key_of_a_request_never_changes():
    """A change of this value would make every answer ever paid for unreachable."""
    request = requests("sha256:00", MESSAGES, SAMPLING)[0]
    assert request.seed == 1399431830
    assert request.key == "dffe85a87877f1b006d8d7683017b7b8b30b803ffa21d9a2eeb9e38de34c9636"


def test_everything_that_decides_an_answer_is_in_the_key():
    base = requests("sha256:00", MESSAGES, SAMPLING)
    others = [
        requests("sha256:01", MESSAGES, SAMPLING),
        requests("sha256:00", [{"role": "user", "content": "What is 1 + 2?"}], SAMPLING),
        requests("sha256:00", [{"role": "system", "content": "Think."}, *MESSAGES], SAMPLING),
        requests("sha256:00", MESSAGES, SAMPLING | {"temperature": 0.8}),
        requests("sha256:00", MESSAGES, SAMPLING | {"min_p": 0.1}),
        requests("sha256:00", MESSAGES, SAMPLING | {"seed": 1}),
    ]
    keys = [request.key for asked in [base, *others] for request in asked]
    assert len(set(keys)) == len(keys) == 28


def test_what_decides_nothing_is_not_in_the_key():
    base = [request.key for request in requests("sha256:00", MESSAGES, SAMPLING)]
    more = requests("sha256:00", MESSAGES, SAMPLING | {"samples": 8})
    assert [request.key for request in more][:4] == base
    reordered = dict(reversed(SAMPLING.items())) | {"top_p": 1}
    assert [request.key for request in requests("sha256:00", MESSAGES, reordered)] == base


def test_the_first_answer_to_a_request_stays_however_soon_the_second_came(tmp_path):
    texts = [str(number) for number in range(9)]
    for text in texts:
        with Store(tmp_path).segment("m", "s") as segment:
            segment.append(completion("a", text))
    assert [next(scan(path))[1].text for path in Store(tmp_path).segments("m", "s")] == texts
    assert Store(tmp_path).completions("m", "s", {"a"})["a"].text == "0"


def test_every_request_has_a_seed_of_31_bits():
    seeds = [
        request.seed for request in requests("sha256:00", MESSAGES, SAMPLING | {"samples": 1000, "temperature": 0})
    ]
    assert len(set(seeds)) == 1000
    assert 0 <= min(seeds) < max(seeds) < 2**31


def test_completions_come_back_and_failures_do_not(tmp_path):
    store = filled(tmp_path, "a", "b")
    with store.segment("m", "s") as segment:
        segment.append(FailedRequest("c", "server_error", "HTTP 500", 6))
    found = store.completions("m", "s", {"a", "c"})
    assert dict(found) == {"a": completion("a")}
    assert not store.completions("m", "other", {"a"})


def test_a_line_is_in_the_file_as_soon_as_it_is_appended(tmp_path):
    segment = Store(tmp_path).segment("m", "s")
    segment.append(completion("a"))
    assert list(scan(segment.path)) == [(0, completion("a"))]


def test_an_attempt_that_wrote_nothing_leaves_no_segment(tmp_path):
    with Store(tmp_path).segment("m", "s") as segment:
        pass
    assert not segment.path.exists()


def test_the_first_of_two_answers_to_one_request_stays(tmp_path):
    store = filled(tmp_path, "a")
    with store.segment("m", "s") as segment:
        os.rename(segment.path, later := segment.path.with_name("9" + segment.path.name))
        segment.path = later
        segment.append(completion("a", "another"))
    assert store.completions("m", "s", {"a"})["a"] == completion("a")


@pytest.mark.parametrize(
    "change", [lambda byte: byte ^ 1, lambda byte: byte ^ 0x80, lambda byte: 0x0A, lambda byte: 0x22]
)
def test_a_damaged_byte_anywhere_costs_one_record_and_is_noticed(tmp_path, change):
    keys = ["a", "b", "c"]
    store = filled(tmp_path, *keys)
    (path,) = store.segments("m", "s")
    whole = path.read_bytes()
    for position, byte in enumerate(whole):
        damaged = bytearray(whole)
        damaged[position] = change(byte)
        if damaged == whole:
            continue
        path.write_bytes(damaged)
        entries = [entry for _, entry in scan(path)]
        found = {entry.key: entry for entry in entries if isinstance(entry, Completion)}
        assert len(found) == 2, f"byte {position}"
        assert all(found[key] == completion(key) for key in found), f"byte {position}"
        assert {"damaged", "torn"} & {entry for entry in entries if isinstance(entry, str)}, f"byte {position}"
        assert dict(store.completions("m", "s", keys)) == found, f"byte {position}"


def test_a_line_end_that_is_lost_costs_nothing(tmp_path):
    store = filled(tmp_path, "a", "b")
    [segment] = store.segments("m", "s")
    segment.write_bytes(segment.read_bytes().replace(b"\n", b""))
    assert dict(store.completions("m", "s", {"a", "b"})) == {key: completion(key) for key in "ab"}


def test_a_segment_that_is_compacted_while_it_is_in_use_never_gives_another_answer(tmp_path):
    store = filled(tmp_path, "a", "b")
    found = store.completions("m", "s", {"a", "b"})
    [segment] = store.segments("m", "s")
    segment.write_bytes(segment.read_bytes().splitlines(keepends=True)[1])
    with pytest.raises(UserError, match="changed while it was in use"):
        found["a"]


def test_damage_is_said(tmp_path, caplog):
    store = filled(tmp_path, "a", "b")
    (path,) = store.segments("m", "s")
    path.write_bytes(path.read_bytes().replace(b"two", b"owt", 1))
    assert set(store.completions("m", "s", {"a", "b"})) == {"b"}
    assert f"{path}: 1 damaged" in caplog.text


def test_a_torn_end_costs_the_last_line_only(tmp_path):
    store = filled(tmp_path, "a", "b")
    (path,) = store.segments("m", "s")
    whole = path.read_bytes()
    for end in range(len(whole) // 2 + 1, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert set(store.completions("m", "s", {"a", "b"})) == {"a"}, f"{end} bytes"
        assert [entry for _, entry in scan(path)][1:] == ["torn"], f"{end} bytes"
    path.write_bytes(whole[:-1])
    assert set(store.completions("m", "s", {"a", "b"})) == {"a", "b"}


def test_an_entry_of_another_version_is_an_error_and_not_asked_again(tmp_path):
    store = filled(tmp_path)
    with store.segment("m", "s") as segment:
        segment.append({"type": "completion", "key": "a", "novelty": 1})
    with pytest.raises(UserError, match=rf"{segment.path}: byte 0"):
        store.completions("m", "s", {"a"})


def _write(root, name, count):
    store = Store(root)
    with store.segment("m", "s") as segment:
        for number in range(count):
            segment.append(completion(f"{name}-{number}"))


def test_two_writers_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(tmp_path, name, 1000)) for name in ("x", "y")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    wanted = {f"{name}-{number}" for name in ("x", "y") for number in range(1000)}
    assert set(Store(tmp_path).completions("m", "s", wanted)) == wanted


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_reported(tmp_path):
    for _ in range(5):
        reader, writer = os.pipe()
        if not (child := os.fork()):
            segment = Store(tmp_path).segment("m", "s")
            for number in range(10**9):
                segment.append(completion(f"{os.getpid()}-{number}", "long " * 1000))
                os.write(writer, b".")
        os.close(writer)
        reported = len(os.read(reader, 1))  # it has begun
        time.sleep(0.05)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reported += len(os.read(reader, 10**6))
        os.close(reader)
        assert reported
        wanted = {f"{child}-{number}" for number in range(reported)}
        assert set(Store(tmp_path).completions("m", "s", wanted)) == wanted


_READ_ALL = r"""
import re, sys
from skymake.store import Store
wanted = {f"{number:064d}" for number in range(int(sys.argv[2]))}
found = Store(sys.argv[1]).completions("m", "s", wanted)
assert sum(len(found[key].text) for key in sorted(wanted)) > 0.9 * int(sys.argv[3])
# the peak of this program alone: getrusage's counts what its parent held when it forked
print(int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_traces(tmp_path):
    """300 MB of completions are read one by one, in another order than they were written, within 120 MB."""
    store, count, size = Store(tmp_path), 20_000, 15_000
    with store.segment("m", "s") as segment:
        for number in reversed(range(count)):
            segment.append(completion(f"{number:064d}", "x" * size))
    arguments = [sys.executable, "-c", _READ_ALL, tmp_path, str(count), str(count * size)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 120
