"""One program on the tests of one problem: it is run in the sandbox, what comes out is compared here."""

from typing import NamedTuple

import msgspec

from skymake.grading.comparators import Comparator
from skymake.grading.limits import Limits
from skymake.records import ProgramCheck, Status
from skymake.sandbox.client import Bounds, Sandbox
from skymake.sandbox.wire import MOST_INPUTS, Ending, Outcome

STATUS: dict[Ending, Status] = {
    Ending.COMPILE_ERROR: "compile_error",
    Ending.RUNTIME_ERROR: "runtime_error",
    Ending.MEMORY_LIMIT: "memory_limit",
    Ending.TIME_LIMIT: "time_limit",
    Ending.OUTPUT_LIMIT: "output_limit",
}
GROUP_BYTES = 1 << 20  # of inputs that are sent together
GROUP_GROWTH = 4
GROUP_SHARE = 0.5  # of a test's time limit that a group may be expected to take
LONGEST_QUOTE = 80


class Finding(NamedTuple):
    """What a trial came to. detail: the first failing test and why."""

    status: Status
    detail: str
    cpu_seconds: float


class Trial:
    """The tests of a check, for one source after the other.

    Tests run in groups in one process, which saves nearly all of their overhead. Only a test that fails alone in a
    fresh process has failed; one that passes in company has passed, for no expected output was in that company.
    """

    def __init__(self, check: ProgramCheck, comparator: Comparator, limits: Limits) -> None:
        self._check, self._comparator, self._limits = check, comparator, limits
        self._inputs = [self._encoded(test.input) for test in check.tests]
        self._expected = [self._encoded(test.output) for test in check.tests]

    def run(self, sandbox: Sandbox, source: str) -> Finding:
        """Run the tests in order, up to the first failure. Raises SandboxDied."""
        sandbox.begin(source, self._check.entry, self._bounds())
        try:
            return self._examine(sandbox)
        finally:
            sandbox.end()

    def _examine(self, sandbox: Sandbox) -> Finding:
        passed, spent, together, used = 0, 0.0, 1, False
        count = len(self._inputs)
        while passed < count:
            group = self._group(passed, together)
            outcome = sandbox.run(self._inputs[group.start : group.stop])
            spent += outcome.cpu_seconds
            right = self._count_right(group, outcome)
            passed += right
            if right < len(group):
                if used or len(group) > 1:  # what ran before it may be to blame
                    outcome = sandbox.run([self._inputs[passed]], fresh=True)
                    spent += outcome.cpu_seconds
                if failure := self._failure(passed, outcome):
                    status, why = failure
                    return Finding(status, f"test {passed + 1} of {count}: {why}", spent)
                passed, group = passed + 1, range(1)
            if spent > self._limits.program_cpu_s:
                return Finding("time_limit", f"{passed} of {count} tests took {spent:.0f} s of CPU", spent)
            together, used = self._next_size(len(group), outcome), outcome.alive
        return Finding("correct", "", spent)

    def _group(self, first: int, together: int) -> range:
        """The next tests to run: `together` at most, and not more than GROUP_BYTES of input unless it is one test."""
        size, last = 0, first
        for given in self._inputs[first : first + together]:
            size += len(given)
            if last > first and size > GROUP_BYTES:
                break
            last += 1
        return range(first, last)

    def _next_size(self, size: int, outcome: Outcome) -> int:
        """How many tests to run next: many more than went well, as long as one test's time is plenty for them all."""
        if not outcome.alive:
            return 1
        affordable = GROUP_SHARE * self._check.time_limit_s * size / max(outcome.cpu_seconds, 1e-6)
        return max(1, min(GROUP_GROWTH * size, int(affordable), MOST_INPUTS))

    def _count_right(self, group: range, outcome: Outcome) -> int:
        """How many tests of a group, from the first, have the expected output."""
        right = 0
        for number, output in zip(group, outcome.outputs, strict=False):
            if not self._is_right(number, output):
                break
            right += 1
        return right

    def _failure(self, number: int, outcome: Outcome) -> tuple[Status, str] | None:
        """(status, why) when a test that ran alone was not passed."""
        if outcome.ending is not Ending.FINISHED:
            return None if outcome.ending in self._comparator.forgiven else (STATUS[outcome.ending], outcome.detail)
        output = (
            outcome.outputs[0] if outcome.outputs else b""
        )  # a program may say that it has finished when it has not
        if self._is_right(number, output):
            return None
        return "wrong", f"expected {_quoted(self._expected[number])}, got {_quoted(output)}"

    def _is_right(self, number: int, output: bytes) -> bool:
        if self._check.entry is None:
            return self._comparator.printed(self._expected[number], output)
        try:
            value = msgspec.json.decode(output)
            return self._comparator.returned(self._check.tests[number].output, value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # no value, or none that JSON could expect
            return False

    def _encoded(self, value: object) -> bytes:
        """What a program reads or prints, as bytes; arguments and values of a function are JSON."""
        return value.encode("utf-8", "surrogatepass") if self._check.entry is None else msgspec.json.encode(value)

    def _bounds(self) -> Bounds:
        output_bytes = (self._limits.program_output_kb << 10) + 4 * max(map(len, self._expected))
        return Bounds(
            cpu_s=self._check.time_limit_s,
            wall_s=self._check.time_limit_s * self._limits.wall_factor,
            total_cpu_s=self._limits.program_cpu_s,
            output_bytes=output_bytes,
            file_bytes=max(2 * output_bytes, *map(len, self._inputs)) + 1,
        )


def _quoted(output: bytes) -> str:
    text = output.decode("utf-8", "replace").strip()
    return repr(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "...")
