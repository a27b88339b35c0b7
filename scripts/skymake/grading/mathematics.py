"""Grade a mathematical answer: extract it, decide by notation where that is enough, or else by algebra in a worker."""

import importlib.metadata

from skymake.grading import choice, extraction
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
DETAILS = {
    "different": "the key is {key}",
    "undecided": "neither equal to the key {key} nor different could be shown",
}
LONGEST_QUOTE = 80


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
            outcome = self.compare(key, answer, problem.question)
        name = GRADER + (f" {ALGEBRA} {self._template.tier}" if outcome.cpu_seconds else "")
        status = STATUSES.get(outcome.outcome, outcome.outcome)
        detail = outcome.detail or DETAILS.get(outcome.outcome, "").format(key=key[:LONGEST_QUOTE])
        return Verdict("", problem.id, 0, status, answer, detail, round(outcome.cpu_seconds, 4), name)

    def compare(self, key: str, answer: str, question: str = "") -> Outcome:
        """Whether an answer equals the key, or names the option that does; by notation, or else by algebra."""
        outcomes = [self._compare(*pair) for pair in readings(key, answer, question)]
        return next((outcome for outcome in outcomes if outcome.outcome == "equal"), outcomes[0])

    def _compare(self, key: str, answer: str) -> Outcome:
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


def readings(key: str, answer: str, question: str) -> list[tuple[str, str]]:
    """Key and answer as they are, and with letters of options read: `\\textbf{(A)}\\ 5` is A and 5; where the question
    lists options, a letter is its option.
    """
    letters = choice.lone_letter(key), choice.lone_letter(answer)
    labels = choice.labelled(key), choice.labelled(answer)
    found = [(key, answer)]
    if all(labels):
        found.append((labels[0][1], labels[1][1]))
    elif labels[0]:
        found.append((labels[0][letters[1] is None], answer))
    elif labels[1]:
        found.append((key, labels[1][letters[0] is None]))
    elif (letters[0] is None) != (letters[1] is None):
        options = choice.options_in(question)
        found.append((options.get(letters[0], key), options.get(letters[1], answer)))
    return [pair for place, pair in enumerate(found) if pair not in found[:place]]
