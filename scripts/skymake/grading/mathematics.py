"""Grade a mathematical answer: extract it, decide plain notation at once, leave the rest to confined algebra workers."""

import importlib.metadata

from skymake.grading import extraction
from skymake.grading.equality import NeedsAlgebra, compare
from skymake.grading.limits import Limits
from skymake.grading.workers import AlgebraWorker, Template, WorkerDied
from skymake.records import Problem, Verdict

OUTCOMES = {
    "equal": "correct",
    "different": "wrong",
    "undecided": "not_gradable",
    "failed": "not_gradable",
    "time_limit": "time_limit",
    "memory_limit": "memory_limit",
    "died": "grader_failure",
}


class MathGrader:
    """One thread's grader; its workers are forked from `template` when a comparison first needs algebra."""

    def __init__(self, template: Template, limits: Limits) -> None:
        self._worker = AlgebraWorker(template)
        self._limits = limits
        self.name = f"math/1 math-verify-{importlib.metadata.version('math-verify')} {limits.sandbox}"

    def grade(self, problem: Problem, text: str) -> Verdict:
        """The verdict on one text; `key` and `sample` are the caller's to set."""
        key = extraction.boxed(problem.check.answer) or problem.check.answer
        if not key.strip():
            return self._verdict(problem, "not_gradable", None, "the key is empty")
        answer = extraction.answer(text, self._limits.stray_answer)
        if answer is None:
            return self._verdict(problem, "no_answer", None, "no boxed or announced answer")
        return self._compare(problem, key, answer)

    def close(self) -> None:
        self._worker.close()

    def _compare(self, problem: Problem, key: str, answer: str) -> Verdict:
        try:
            return self._verdict(problem, OUTCOMES[compare(key, answer).value], answer)
        except NeedsAlgebra:
            pass
        try:
            outcome = self._worker.compare(key, answer)
        except WorkerDied as error:
            return self._verdict(problem, "grader_failure", answer, str(error))
        return self._verdict(problem, OUTCOMES[outcome.outcome], answer, outcome.detail, outcome.cpu_seconds)

    def _verdict(
        self, problem: Problem, status: str, answer: str | None, detail: str = "", cpu: float = 0.0
    ) -> Verdict:
        return Verdict("", problem.id, 0, status, answer, detail, cpu, self.name)
