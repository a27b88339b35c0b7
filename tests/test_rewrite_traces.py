"""A rewriter is held to its contract: what breaks it is a rejection with its reason, and never a training row."""

import re
from pathlib import Path

import pytest
import tenacity
from faulty_server import FaultyServer, Reply, error, good

from rewrite_traces import rewrite_traces
from skymake import client, markers, records
from skymake.records import MathCheck, NoCheck, Origin, Problem, ProgramCheck, Rejection, Trace

WORKING = "First we add 40 and 2 with care.\nThen we check the sum again, and it holds.\nso \\boxed{42}"
PROGRAM = (
    "We read two numbers and add them up.\nThat is all there is to it.\n```python\nprint(sum(map(int, input())))\n```"
)
CONTRACT = {"kept": 0.8, "taken": 0.8, "shortest": 0.7, "longest": 1.3}
CHECKS = {"sum": MathCheck("42"), "script": ProgramCheck(None, []), "open": NoCheck()}


def trace(problem: str, text: str, sample: int = 0) -> Trace:
    return Trace(f"key {problem} {sample}", problem, sample, "teacher", text, None, "stop", 3, 5, 0.1, 0)


def faithful(text: str) -> str:
    """What a good rewriter makes of a text."""
    return markers.join(*markers.split(text, program="```" in text))


class Desk:
    """Calls the rule's function; a rewriting is a function from the trace's text to the fields of a good reply."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "rewrite.jinja").write_text("Restate for {{ domain }}: {{ question }}\nWORKING {{ text }}\n")
        problems = [Problem(name, "s", "math", "?", check, None, Origin("", "", 0)) for name, check in CHECKS.items()]
        records.write(folder / "problems", problems)
        self.rewriter = {"model": "mini", "prompt": "rewrite", "sampling": "once", "order": "grade_first"}
        self.rewriter |= {"split": True, "contract": CONTRACT}

    def rewrite(self, rewriting, *traces: Trace, **changes) -> tuple[list[Trace], list[Rejection]]:
        """(restated, rejected). What was asked is in `server`."""
        records.write(self.folder / "traces", traces)

        def behaviour(body: dict, attempt: int) -> Reply:
            reply = rewriting(re.search(r"WORKING (.*)", body["messages"][-1]["content"], re.DOTALL)[1])
            return reply if isinstance(reply, Reply) else good(body, **reply)

        with FaultyServer(behaviour) as self.server:
            limits = {"concurrency": 4, "timeout_s": 30.0, "attempts": 2, "health_s": 10.0}
            nothing = dict.fromkeys(("url", "id", "key_env", "requests_per_minute", "tokens_per_minute", "batch"))
            arguments = {
                "engine": self.server.engine(self.folder / "engine.json"),
                **{
                    name: self.folder / name for name in ("problems", "traces", "reformatted", "rejections", "rewrites")
                },
                "prompt": self.folder / "rewrite.jinja",
                **{"weights": "", "system": "", "model": "mini", "identity": "mini", "set": "s"},
                "sampling": {"temperature": 0.0, "max_tokens": 100, "samples": 1, "seed": 0},
                "endpoint": nothing | limits,
                **{"rewriter": self.rewriter, "store": self.folder / "store", "failure_share": 1.0, "plan": ""},
            }
            rewrite_traces(**arguments | changes)
        kept, rejected = ("reformatted", Trace), ("rejections", Rejection)
        return tuple(list(records.read(self.folder / name, kind)) for name, kind in (kept, rejected))


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Desk:
    monkeypatch.setattr(client, "_BACK_OFF", tenacity.wait_none())
    return Desk(tmp_path)


@pytest.mark.parametrize(("problem", "text"), [("sum", WORKING), ("script", PROGRAM), ("open", WORKING)])
def test_a_faithful_restatement_is_taken_and_keeps_all_else(desk, problem, text):
    [kept], rejected = desk.rewrite(lambda text: {"text": faithful(text)}, trace(problem, text))
    assert not rejected and kept.text == faithful(text)
    assert kept == Trace(
        *[getattr(trace(problem, text), name) if name != "text" else kept.text for name in Trace.__struct_fields__]
    )
    [answer] = records.read(desk.folder / "rewrites", Trace)
    assert (answer.model, answer.completion_tokens, answer.problem) == ("mini", 11, problem)


BREACHES = {
    "no markers": (lambda text: {"text": text}, "markers"),
    "a marker twice": (lambda text: {"text": faithful(text) + markers.END_SOLUTION}, "markers"),
    "the solution first": (
        lambda text: {"text": "".join(reversed(re.split(r"(?=<\|begin_of_solution)", faithful(text))))},
        "markers",
    ),
    "an empty thought": (lambda text: {"text": markers.join("", text)}, "markers"),
    "cut off": (lambda text: {"text": faithful(text), "finish": "length"}, "truncated"),
    "another answer": (lambda text: {"text": faithful(text).replace("boxed{42}", "boxed{43}")}, "answer_changed"),
    "no answer": (lambda text: {"text": faithful(text).replace("\\boxed{42}", "done")}, "answer_changed"),
    "a summary": (lambda text: {"text": markers.join("We add.", "so \\boxed{42}")}, "length"),
    "an essay": (
        lambda text: {"text": faithful(text).replace("with", "with great and endless and boundless " * 3)},
        "length",
    ),
    "other words": (
        lambda text: {
            "text": markers.join("Adding forty to two step by step. It was verified once more, fine.", "so \\boxed{42}")
        },
        "text_lost",
    ),
    "an invented thought": (
        lambda text: {"text": markers.join("Zebras run. Lions sleep.", text.replace(" with care", ""))},
        "text_added",
    ),
    "a filter": (lambda text: error(400, "no", code="content_filter"), "request_failed"),
}


@pytest.mark.parametrize(("rewriting", "reason"), BREACHES.values(), ids=BREACHES.keys())
def test_a_breach_is_a_rejection_with_its_reason(desk, rewriting, reason):
    kept, [rejected] = desk.rewrite(rewriting, trace("sum", WORKING))
    assert not kept and rejected.reason == reason and rejected.detail
    assert (rejected.key, rejected.problem, rejected.sample) == ("key sum 0", "sum", 0)


def test_an_answer_written_otherwise_is_the_same_answer(desk):
    half = WORKING.replace("42", "\\frac{1}{2}")
    kept, _ = desk.rewrite(lambda text: {"text": faithful(text).replace("\\frac", "\\dfrac")}, trace("sum", half))
    assert len(kept) == 1


def test_nothing_is_asked_twice_and_nothing_for_what_says_itself_where_to_cut(desk):
    traces = [trace("sum", WORKING), trace("sum", f"<think>{WORKING}</think>so \\boxed{{42}}", 1)]
    kept, _ = desk.rewrite(lambda text: {"text": faithful(text)}, *traces)
    assert len(kept) == 2 and len(desk.server.seen) == 1
    assert len(list(records.read(desk.folder / "rewrites", Trace))) == 1
    again, _ = desk.rewrite(lambda text: error(500), *traces)
    assert again == kept and not desk.server.seen
    desk.rewriter["split"] = False
    desk.rewrite(lambda text: {"text": text}, *traces)
    assert len(desk.server.seen) == 1


def test_traces_of_other_shards_are_left_to_them(desk):
    assert desk.rewrite(lambda text: {"text": text}, trace("of another shard", WORKING)) == ([], [])
    assert not desk.server.seen
