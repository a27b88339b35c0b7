"""Grade a program: find it in the text, and try it on the tests of the problem."""

import re

from skymake.grading.code_blocks import last_program, programs
from skymake.grading.comparators import COMPARATORS
from skymake.grading.limits import Limits
from skymake.grading.trial import Finding, Trial
from skymake.records import Problem, ProgramCheck, Verdict
from skymake.sandbox.client import Sandbox, SandboxDied
from skymake.sandbox.tiers import probe

VERSION = 1
# Packages that take long to import, and how a source shows that it wants them. They are imported once, for all.
PACKAGES = {
    "numpy": re.compile(r"\bnumpy\b|\bnp\."),
    **{name: re.compile(rf"^\s*(?:import|from)\s+{name}\b", re.MULTILINE) for name in ("pandas", "scipy", "sympy")},
}


class ProgramGrader:
    """One thread's grader, for any number of programs. Its zygotes start when first needed, and again when they die.

    Raises UserError where no sandbox works and the limits do not say `unsafe`.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tier = "unsafe" if limits.sandbox == "unsafe" else probe()
        self._comparator = COMPARATORS[limits.comparator]
        self._sandboxes: dict[tuple[str, ...], Sandbox] = {}
        self.name = f"program/{VERSION} {limits.comparator} {self._tier}"

    def __enter__(self) -> "ProgramGrader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        for sandbox in self._sandboxes.values():
            sandbox.close()

    def grade(self, problem: Problem, text: str) -> Verdict:
        """The verdict on one text; `key` and `sample` are the caller's to set."""
        if self._comparator.last_block:
            return self._grade(problem, last_program(text))
        return self._grade(problem, programs(text, problem.check.entry))

    def grade_source(self, problem: Problem, source: str) -> Verdict:
        """The verdict on a program that comes without a text around it."""
        return self._grade(problem, [source])

    def _grade(self, problem: Problem, sources: list[str]) -> Verdict:
        """The verdict on the first of some sources that compiles."""
        if reason := _ungradable(problem.check):
            return self._verdict(problem, Finding("not_gradable", reason, 0.0), None)
        if not sources:
            return self._verdict(problem, Finding("no_answer", "no block of code", 0.0), None)
        trial = Trial(problem.check, self._comparator, self._limits)
        findings = ((self._try(trial, source), source) for source in sources)
        first = next(findings)
        if first[0].status == "compile_error":
            first = next((later for later in findings if later[0].status != "compile_error"), first)
        return self._verdict(problem, *first)

    def _try(self, trial: Trial, source: str) -> Finding:
        """Try a source in the sandbox that has what it imports; one that dies of it is started again, once."""
        wanted = tuple(name for name, pattern in PACKAGES.items() if pattern.search(source))
        if wanted not in self._sandboxes:
            self._sandboxes[wanted] = Sandbox(self._tier, self._limits.program_memory_mb << 20, wanted)
        sandbox = self._sandboxes[wanted]
        try:
            return trial.run(sandbox, source)
        except SandboxDied:
            pass
        try:
            return trial.run(sandbox, source)
        except SandboxDied as error:
            return Finding("grader_failure", f"the sandbox died twice: {error}", 0.0)

    def _verdict(self, problem: Problem, finding: Finding, answer: str | None) -> Verdict:
        status, detail, cpu_seconds = finding
        return Verdict("", problem.id, 0, status, answer, detail, round(cpu_seconds, 4), self.name)


def check_reference(problem: Problem, solutions: list[str], grader: ProgramGrader) -> Verdict | None:
    """Why a problem must not be used: the verdict on its first reference solution, when none of them is `correct`.

    None for a problem that one of its references solves, that has none, or whose check cannot decide.
    """
    first = None
    for source in solutions:
        verdict = grader.grade_source(problem, source)
        if verdict.status in ("correct", "not_gradable"):
            return None
        first = first or verdict
    return first


def _ungradable(check: ProgramCheck) -> str | None:
    if not check.tests:
        return "the problem has no tests"
    if check.several:
        return "several outputs are right, and the problem has no checker"
    return None
