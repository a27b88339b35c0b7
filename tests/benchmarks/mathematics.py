"""Math pairs per CPU second, beside plain math-verify. Not a test: run it, with a folder of real rows if there is one.

    python tests/benchmarks/mathematics.py [FOLDER]

Each grader takes each set in a process of its own, after its imports. All CPU time counts, that of workers included;
what a grader spends once (imports, the first parse) is measured apart.
"""

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from skymake.grading import Limits, grade_all
from skymake.records import MathCheck, Origin, Problem, Trace

Pairs = list[tuple[str, str]]  # key and text
ROWS = Path(__file__).parents[1] / "fixtures" / "equivalence.txt"


def generated() -> dict[str, Pairs]:
    """Sets that need no data: integers, and the table of the tests."""
    integers = [(str(n % 997), rf"We add, so $x = {n}$ and the answer is $\boxed{{{n % 991}}}$.") for n in range(5000)]
    table = [line.split(" | ") for line in ROWS.read_text(encoding="utf-8").splitlines() if " | " in line]
    return {
        "generated integers": integers,
        "table of the tests": [(key, rf"$\boxed{{{said}}}$") for key, said in table],
    }


def real(folder: Path) -> dict[str, Pairs]:
    """Real traces, by whether the key is an integer, and labelled pairs."""

    def rows(name: str) -> list[dict]:
        with open(folder / name, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    traces = [(str(row["answer"]), text) for row in rows("traces/math_sky_t1_traces.jsonl") for text in row["code"]]
    traces += [(str(row["correct_answer"]), row["response"]) for row in rows("traces/math_r1_distill_math500.jsonl")]
    integers = [re.fullmatch(r"-?\d+(\.0)?", key) is not None for key, _ in traces]
    return {
        "traces, integer keys": [pair for pair, integer in zip(traces, integers, strict=True) if integer],
        "traces, other keys": [pair for pair, integer in zip(traces, integers, strict=True) if not integer],
        "labelled pairs": [(row["gold"], row["prediction"]) for row in rows("equivalence/pairs_labelled.jsonl")],
        "silver pairs": [
            (row["gold"], rf"$\boxed{{{row['prediction']}}}$") for row in rows("equivalence/pairs_silver.jsonl")
        ],
    }


def ours(pairs: Pairs) -> float:
    """CPU seconds of this library on one core."""
    items = [
        (
            Problem(str(number), "set", "math", "?", MathCheck(key), None, Origin("source", "1", number)),
            Trace(str(number), str(number), 0, "model", text, None, "stop", 1, 1, 0.0, 0),
        )
        for number, (key, text) in enumerate(pairs)
    ]
    started = _cpu()
    verdicts = list(grade_all(items, Limits(stray_answer=True), workers=1))
    return (
        _cpu() - started + sum(verdict.cpu_seconds for verdict in verdicts)
    )  # nobody waits for workers that are killed


def plain(pairs: Pairs) -> float:
    """CPU seconds of plain math-verify."""
    import logging

    from math_verify import parse, verify

    logging.disable(logging.ERROR)
    started = time.process_time()
    for key, text in pairs:
        verify(parse(f"${key}$"), parse(text))
    return time.process_time() - started


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def alone(grader: Callable[[Pairs], float], pairs: Pairs) -> float:
    """What a grader takes in a fresh process."""
    with ProcessPoolExecutor(1) as process:
        return process.submit(grader, pairs).result()


def main() -> None:
    once = [("x + 1", r"\boxed{1 + x}")]
    start = alone(ours, once)
    print(f"start of the algebra workers: {start:.2f} s of CPU, once a run that needs algebra\n")
    print("| set | pairs | plain math-verify, pairs/CPU s | ours, pairs/CPU s | ratio |")
    print("|---|---|---|---|---|")
    for name, pairs in (generated() | (real(Path(sys.argv[1])) if len(sys.argv) > 1 else {})).items():
        theirs, own = alone(plain, pairs), alone(ours, once + pairs) - start
        print(f"| {name} | {len(pairs)} | {len(pairs) / theirs:.0f} | {len(pairs) / own:.0f} | {theirs / own:.1f} |")


if __name__ == "__main__":
    main()
