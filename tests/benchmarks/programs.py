"""Solutions per second and CPU seconds of the program grader, beside the same programs in-process without isolation.

    python tests/benchmarks/programs.py FOLDER      a folder of real rows with gradebench/cases.jsonl

Not a test: run it on a machine that is idle. Rounds alternate and medians are shown. The floor runs, times and compares
what the grader does, in one process that trusts every program; programs that run into the time limit are left out of
both. All CPU time counts: the zygote's, the candidates', the comparisons'.
"""

import io
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from skymake.grading import Limits, grade_all
from skymake.grading.comparators import strict_printed, strict_returned
from skymake.records import Origin, Problem, ProgramCheck, Test, Trace
from skymake.sandbox import prelude
from skymake.sandbox.client import Bounds, Sandbox
from skymake.sandbox.tiers import probe

ROUNDS = 5
CANDIDATES = 300
Item = tuple[Problem, Trace]


def items(folder: Path) -> tuple[list[Item], list[bool]]:
    """The solutions of gradebench that end in time, and whether each is right."""
    found, expected = [], []
    for line in (folder / "gradebench" / "cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        given, entry = case["input_output"], case["input_output"].get("fn_name")
        outputs = [output[0] if entry else output for output in given["outputs"]]
        tests = [Test(*test) for test in zip(given["inputs"], outputs, strict=True)]
        origin = Origin("gradebench", "", 0)
        problem = Problem(case["id"], "gradebench", "code", "", ProgramCheck(entry, tests), None, origin)
        for solution in case["solutions"]:
            if solution["label"] not in ("slow", "hang"):
                text = f"```python\n{solution['code']}\n```"
                found.append((problem, Trace(str(len(found)), case["id"], 0, "", text, None, "stop", 1, 1, 0.0, 0)))
                expected.append(solution["expect"])
    return found, expected


def graded(found: list[Item], workers: int) -> list[bool]:
    return [verdict.status == "correct" for verdict in grade_all(found, Limits(), workers)]


def in_process(found: list[Item]) -> list[bool]:
    """The floor: exec in this process, up to the first failure, with the comparisons of the grader."""
    streams = sys.stdin, sys.stdout
    names = {name: value for name, value in vars(prelude).items() if not name.startswith("__")}
    try:
        return [passes(problem.check, trace.text.split("\n", 1)[1][:-4], names) for problem, trace in found]
    finally:
        sys.stdin, sys.stdout = streams


def passes(check: ProgramCheck, source: str, names: dict) -> bool:
    try:
        code = compile(source, "solution.py", "exec")
        defined = {**names, "__name__": "solution"}
        if check.entry:
            exec(code, defined)
        return all((called if check.entry else printed)(check, code, test, defined) for test in check.tests)
    except Exception:  # a program may raise anything
        return False


def printed(check: ProgramCheck, code: object, test: Test, names: dict) -> bool:
    output = io.BytesIO()
    sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO(test.input.encode())), io.TextIOWrapper(output)
    exec(code, {**names, "__name__": "__main__"})
    sys.stdout.flush()
    return strict_printed(test.output.encode(), output.getvalue())


def called(check: ProgramCheck, code: object, test: Test, names: dict) -> bool:
    function = names.get(check.entry) or getattr(names["Solution"](), check.entry)
    value = function(*msgspec.json.decode(msgspec.json.encode(test.input)))
    return strict_returned(test.output, json.loads(json.dumps(value)))


def measured(run: Callable[[], list[bool]], expected: list[bool]) -> tuple[float, float]:
    """(wall seconds, CPU seconds) of a run, whose verdicts must be right."""
    started, cpu = time.perf_counter(), used()
    verdicts = run()
    wall = time.perf_counter() - started
    assert verdicts == expected, "a verdict is wrong"
    return wall, used() - cpu


def used() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def extra_candidate() -> float:
    """CPU milliseconds of one more candidate with one test, its zygote being warm."""
    spent = []
    for count in (1, 1 + CANDIDATES):
        started, sandbox = used(), Sandbox(probe(), 1 << 30)
        for _ in range(count):
            sandbox.begin("print(sum(map(int, input().split())))", None, Bounds(4.0, 20.0, 60.0, 1 << 16, 1 << 20))
            sandbox.run([b"1 2\n"])
        sandbox.close()
        spent.append(used() - started)
    return 1000 * (spent[1] - spent[0]) / CANDIDATES


def main() -> None:
    found, expected = items(Path(sys.argv[1]))
    runs = {
        "in-process, no isolation": lambda: in_process(found),
        "1 worker": lambda: graded(found, 1),
        "2 workers": lambda: graded(found, 2),
    }
    results = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            results[name].append(measured(run, expected))
    floor = statistics.median(wall for wall, _ in results["in-process, no isolation"])
    print(f"{len(found)} solutions, {probe()}, medians of {ROUNDS} rounds, the start of the zygotes included\n")
    print("| | solutions/s | CPU s | share of the floor |")
    print("|---|---|---|---|")
    for name, rounds in results.items():
        wall = statistics.median(wall for wall, _ in rounds)
        cpu = statistics.median(cpu for _, cpu in rounds)
        print(f"| {name} | {len(found) / wall:.0f} | {cpu:.2f} | {floor / wall:.0%} |")
    print(f"\none more candidate: {statistics.median(extra_candidate() for _ in range(ROUNDS)):.1f} ms of CPU")


if __name__ == "__main__":
    main()
