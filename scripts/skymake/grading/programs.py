"""Grade a program: find it in the text, run it on every test in the sandbox, compare what comes out here."""

import re
from typing import NamedTuple

import msgspec

from skymake.grading.code_blocks import programs
from skymake.grading.comparators import COMPARATORS
from skymake.grading.limits import Limits
from skymake.records import Problem, ProgramCheck, Status, Test, Verdict
from skymake.sandbox import Bounds, Ending, Outcome, Sandbox, SandboxDied, probe

VERSION = 1
STATUS: dict[Ending, Status] = {
    Ending.COMPILE_ERROR: "compile_error",
    Ending.RUNTIME_ERROR: "runtime_error",
    Ending.MEMORY_LIMIT: "memory_limit",
    Ending.TIME_LIMIT: "time_limit",
    Ending.OUTPUT_LIMIT: "output_limit",
}
# Packages that take long to import, and how a source shows that it wants them. They are imported once, for all.
PACKAGES = {
    "numpy": re.compile(r"\bnumpy\b|\bnp\."),
    **{name: re.compile(rf"^\s*(?:import|from)\s+{name}\b", re.MULTILINE) for name in ("pandas", "scipy", "sympy")},
}
LONGEST_QUOTE = 80


class Finding(NamedTuple):
    """What running a source came to. detail: the first failing test and why."""

    status: Status
    detail: str
    cpu_seconds: float


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
        """The verdict on one text; `key` and `sample` are the caller's to set.

        Of several blocks of code the first that compiles is the answer.
        """
        check = problem.check
        if reason := _ungradable(check):
            return self._verdict(problem, Finding("not_gradable", reason, 0.0), None)
        sources = programs(text, check.entry)
        if not sources:
            return self._verdict(problem, Finding("no_answer", "no block of code", 0.0), None)
        first = None
        for source in sources:
            finding = self._run(check, source)
            first = first or (finding, source)
            if finding.status != "compile_error":
                return self._verdict(problem, finding, source)
        return self._verdict(problem, *first)

    def grade_source(self, problem: Problem, source: str) -> Verdict:
        """The verdict on a program that is known to be one."""
        if reason := _ungradable(problem.check):
            return self._verdict(problem, Finding("not_gradable", reason, 0.0), source)
        return self._verdict(problem, self._run(problem.check, source), source)

    def _verdict(self, problem: Problem, finding: Finding, answer: str | None) -> Verdict:
        return Verdict(
            "", problem.id, 0, finding.status, answer, finding.detail, round(finding.cpu_seconds, 4), self.name
        )

    def _run(self, check: ProgramCheck, source: str) -> Finding:
        """Run a source; a sandbox that dies is started again, once."""
        wanted = tuple(name for name, pattern in PACKAGES.items() if pattern.search(source))
        if wanted not in self._sandboxes:
            self._sandboxes[wanted] = Sandbox(self._tier, self._limits.program_memory_mb << 20, wanted)
        sandbox = self._sandboxes[wanted]
        try:
            return self._run_tests(sandbox, check, source)
        except SandboxDied:
            pass
        try:
            return self._run_tests(sandbox, check, source)
        except SandboxDied as error:
            return Finding("grader_failure", f"the sandbox died twice: {error}", 0.0)

    def _run_tests(self, sandbox: Sandbox, check: ProgramCheck, source: str) -> Finding:
        """Run the tests in order up to the first failure, which counts only in a process of its own."""
        sandbox.begin(source, check.entry, self._bounds(check))
        spent, fresh = 0.0, True
        try:
            for number, test in enumerate(check.tests, start=1):
                given = _input(test, check.entry)
                outcome = sandbox.run(given)
                spent += outcome.cpu_seconds
                failure = self._failure(outcome, test, check.entry)
                if failure and not fresh:
                    outcome = sandbox.run(given, fresh=True)
                    spent += outcome.cpu_seconds
                    failure = self._failure(outcome, test, check.entry)
                if not failure and spent > self._limits.program_cpu_s:
                    failure = "time_limit", f"{spent:.0f} s of CPU so far"
                if failure:
                    status, why = failure
                    return Finding(status, f"test {number} of {len(check.tests)}: {why}", spent)
                fresh = outcome.ending is not Ending.FINISHED
        finally:
            sandbox.end()
        return Finding("correct", "", spent)

    def _bounds(self, check: ProgramCheck) -> Bounds:
        longest = max(
            len(test.output) if check.entry is None else len(msgspec.json.encode(test.output)) for test in check.tests
        )
        return Bounds(
            cpu_s=check.time_limit_s,
            wall_s=check.time_limit_s * self._limits.wall_factor,
            total_cpu_s=self._limits.program_cpu_s,
            output_bytes=(self._limits.program_output_kb << 10) + 4 * longest,
        )

    def _failure(self, outcome: Outcome, test: Test, entry: str | None) -> tuple[Status, str] | None:
        """(status, why) of a test that was not passed."""
        if outcome.ending is not Ending.FINISHED:
            return None if outcome.ending in self._comparator.forgiven else (STATUS[outcome.ending], outcome.detail)
        if entry is None:
            expected = test.output.encode("utf-8", "surrogatepass")
            passed = self._comparator.printed(expected, outcome.output)
        else:
            expected = msgspec.json.encode(test.output)
            passed = self._is_value(test.output, outcome.output)
        return None if passed else ("wrong", f"expected {_quoted(expected)}, got {_quoted(outcome.output)}")

    def _is_value(self, expected: object, output: bytes) -> bool:
        try:
            return self._comparator.returned(expected, msgspec.json.decode(output))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # no value, or none that JSON could expect
            return False


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


def _input(test: Test, entry: str | None) -> bytes:
    return msgspec.json.encode(test.input) if entry else test.input.encode("utf-8", "surrogatepass")


def _quoted(output: bytes) -> str:
    text = output.decode("utf-8", "replace").strip()
    return repr(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "...")
