"""Grade a mathematical answer: extract it, decide plain notation at once, leave the rest to confined algebra workers."""

import importlib.metadata

from skymake.grading import extraction
from skymake.grading.equality import NeedsAlgebra, compare
from skymake.grading.workers import AlgebraWorker, Outcome, Template, WorkerDied
from skymake.records import Problem, Verdict

GRADER = "math/1"
ALGEBRA = f"math-verify-{importlib.metadata.version('math-verify')}"
STATUSES = {
    "equal": "correct",
    "different": "wrong",
    "undecided": "not_gradable",
    "failed": "not_gradable",
    "died": "grader_failure",
}


class MathGrader:
    """One thread's grader. Its worker is forked from `template` when a comparison first needs algebra."""

    def __init__(self, template: Template, stray_answer: bool) -> None:
        self._template = template
        self._worker = AlgebraWorker(template)
        self._stray_answer = stray_answer

    def grade(self, problem: Problem, text: str) -> Verdict:
        """The verdict on one text; `key` and `sample` are the caller's to set."""
        key = extraction.answer(problem.check.answer) or problem.check.answer
        answer = extraction.answer(text, self._stray_answer)
        if not key.strip():
            outcome = Outcome("undecided", "the key is empty")
        elif answer is None:
            outcome = Outcome("no_answer", "no boxed or announced answer")
        else:
            outcome = self.compare(key, answer)
        name = GRADER + (f" {ALGEBRA} {self._template.tier}" if outcome.cpu_seconds else "")
        status = STATUSES.get(outcome.outcome, outcome.outcome)
        return Verdict("", problem.id, 0, status, answer, outcome.detail, outcome.cpu_seconds, name)

    def compare(self, key: str, answer: str) -> Outcome:
        """Whether an answer equals the key: by notation, or else by algebra."""
        try:
            return Outcome(compare(key, answer).value)
        except NeedsAlgebra:
            pass
        try:
            return self._worker.compare(key, answer)
        except WorkerDied as error:
            return Outcome("died", str(error))

    def close(self) -> None:
        """Let the worker go."""
        self._worker.close()
