"""Verdicts on traces: the right grader for a problem's check, one trace at a time or all of them on all cores."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType

import msgspec

from skymake.grading import choice, extraction
from skymake.grading.limits import Limits
from skymake.records import ChoiceCheck, MathCheck, NoCheck, Problem, ProgramCheck, Trace, Verdict

__all__ = ["Limits", "grade", "grade_all"]

NO_REASONS: Mapping[str, str] = MappingProxyType({})
AHEAD = 64  # traces in flight a worker: enough that a slow one holds nobody up, few enough that memory is bounded


def grade(problem: Problem, text: str, limits: Limits) -> Verdict:
    """The verdict on one text; its `key` is empty and its `sample` 0, for there is no trace."""
    with Graders(limits) as graders:
        return graders.grade(problem, text)


def grade_all(
    items: Iterable[tuple[Problem, Trace]],
    limits: Limits,
    workers: int,
    quarantined: Mapping[str, str] = NO_REASONS,
    published: bool = False,
) -> Iterator[Verdict]:
    """The verdicts on traces, in their order, by `workers` at once; the verdicts do not depend on how many.

    quarantined: why a problem, by its id, cannot be graded. published: whether the traces are answers that a source
    publishes, which are `unchecked` rather than not gradable where there is no key.
    """
    with Graders(limits, quarantined, published) as graders, ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Verdict]] = deque()
        items = iter(items)
        try:
            for problem, trace in itertools.islice(items, AHEAD * workers):
                pending.append(pool.submit(graders.grade_trace, problem, trace))
            while pending:
                yield pending.popleft().result()
                for problem, trace in itertools.islice(items, 1):
                    pending.append(pool.submit(graders.grade_trace, problem, trace))
        finally:
            for future in pending:
                future.cancel()


class Graders:
    """The graders of a run: one of a kind per thread, made when the first problem of its kind comes."""

    def __init__(self, limits: Limits, quarantined: Mapping[str, str] = NO_REASONS, published: bool = False) -> None:
        self._limits = limits
        self._quarantined = quarantined
        self._published = published
        self._mine = threading.local()
        self._opened: list = []
        self._lock = threading.Lock()
        self._template = None

    def __enter__(self) -> "Graders":
        return self

    def __exit__(self, *exception: object) -> None:
        for grader in reversed(self._opened):
            grader.close()

    def grade_trace(self, problem: Problem, trace: Trace) -> Verdict:
        """The verdict on a trace. One cut off by its token limit is `truncated`, unless its solution is closed."""
        if reason := self._quarantined.get(problem.id):
            verdict = Verdict("", problem.id, 0, "not_gradable", None, reason, 0.0, "quarantine")
        elif self._published and isinstance(problem.check, NoCheck):
            verdict = Verdict("", problem.id, 0, "unchecked", None, "published, without a key", 0.0, "none")
        elif trace.finish == "length" and not extraction.is_closed(trace.text):
            verdict = Verdict("", problem.id, 0, "truncated", None, "cut off by the token limit", 0.0, "finish")
        else:
            verdict = self.grade(problem, trace.text)
        return msgspec.structs.replace(verdict, key=trace.key, sample=trace.sample)

    def grade(self, problem: Problem, text: str) -> Verdict:
        """The verdict on a text, by the grader of the problem's check."""
        match problem.check:
            case MathCheck():
                return self._own("math", self._math_grader).grade(problem, text)
            case ProgramCheck():
                return self._own("program", self._program_grader).grade(problem, text)
            case ChoiceCheck():
                return choice.grade(problem, text)
        return Verdict("", problem.id, 0, "not_gradable", None, "the problem has no key", 0.0, "none")

    def _own(self, kind: str, make: Callable[[], object]):
        grader = getattr(self._mine, kind, None)
        if grader is None:
            grader = make()
            setattr(self._mine, kind, grader)
            with self._lock:
                self._opened.append(grader)
        return grader

    def _math_grader(self):
        from skymake.grading.mathematics import MathGrader
        from skymake.grading.workers import Bounds, Template

        with self._lock:
            if self._template is None:
                bounds = Bounds(self._limits.math_cpu_s, self._limits.math_memory_mb << 20)
                self._template = Template(bounds, unsafe=self._limits.sandbox == "unsafe")
                self._opened.append(self._template)
        return MathGrader(self._template, self._limits.stray_answer)

    def _program_grader(self):
        from skymake.grading.programs import ProgramGrader

        return ProgramGrader(self._limits)
