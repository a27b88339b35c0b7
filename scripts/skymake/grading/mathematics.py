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
        for pair in readings(key, answer, question):
            outcome = self._compare(*pair)
            if outcome.outcome == "equal":
                break
        return outcome

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
    as_written = key, answer
    key_letter, answer_letter = choice.lone_letter(key), choice.lone_letter(answer)
    key_label, answer_label = choice.labelled(key), choice.labelled(answer)
    if key_label and answer_label:
        meant = key_label.text, answer_label.text
    elif key_label:
        meant = key_label.letter if answer_letter else key_label.text, answer
    elif answer_label:
        meant = key, answer_label.letter if key_letter else answer_label.text
    elif bool(key_letter) != bool(answer_letter):
        options = choice.options_in(question)
        meant = options.get(key_letter, key), options.get(answer_letter, answer)
    else:
        meant = as_written
    return [as_written] if meant == as_written else [as_written, meant]
