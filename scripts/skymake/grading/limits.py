"""What a grader may spend, and how it compares: the config's `grading` section."""

from typing import Literal

from skymake.records import Record


class Limits(Record):
    """Bounds of one verdict. A busy machine does not change verdicts: the clocks that decide count CPU seconds.

    math_cpu_s: CPU seconds one mathematical comparison may take. math_memory_mb: its address space.
    stray_answer: whether a text without a box or "the answer is" answers by its last formula or number.
    program_cpu_s: CPU seconds all tests of a program may take together (one test: the problem's own limit).
    program_memory_mb: a program's address space. program_output_kb: what a test may print beyond four times the
    longest expected output. wall_factor: wall seconds a test may take for every CPU second it may: a sleeper's end.
    comparator: how a program's output is compared. sandbox: `confined`, or `unsafe` for no isolation at all.
    """

    math_cpu_s: float = 5.0
    math_memory_mb: int = 3072
    stray_answer: bool = False
    program_cpu_s: float = 300.0
    program_memory_mb: int = 2048
    program_output_kb: int = 64
    wall_factor: float = 5.0
    comparator: Literal["strict", "lcb", "sky-t1"] = "strict"
    sandbox: Literal["confined", "unsafe"] = "confined"
