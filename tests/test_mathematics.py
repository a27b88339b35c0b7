"""What counts as the same mathematical answer, and what never does."""

import contextlib
import json
import os
import signal
import string
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skymake.boxed import boxed
from skymake.grading import Limits, algebra, extraction, grade_all
from skymake.grading.equality import DIFFERENT, EQUAL, UNDECIDED, NeedsAlgebra, compare
from skymake.grading.mathematics import MathGrader, readings
from skymake.grading.numerals import number, number_word
from skymake.grading.workers import Bounds, Template
from skymake.records import MathCheck, Origin, Problem, Trace

ROWS = Path(__file__).parent / "fixtures" / "equivalence.txt"


def rows(wanted: str) -> list[tuple[str, str]]:
    """(key, answer) of one section of the table."""
    section = ROWS.read_text(encoding="utf-8").split(f"# {wanted}\n")[1].split("\n# ")[0]
    return [tuple(line.split(" | ")) for line in section.splitlines() if line]


def problem(answer: str, question: str = "?") -> Problem:
    return Problem("p", "set", "math", question, MathCheck(answer), None, Origin("source", "1", 0))


def trace(text: str, key: str = "k") -> Trace:
    return Trace(key, "p", 0, "model", text, None, "stop", 1, 1, 0.1, 0)


@pytest.mark.parametrize(("key", "answer"), rows("equal"))
def test_equal_answers_are_equal(key, answer):
    assert compare(key, answer, algebra.equal) is EQUAL


@pytest.mark.parametrize(("key", "answer"), rows("different"))
def test_different_answers_are_different(key, answer):
    assert compare(key, answer, algebra.equal) is DIFFERENT


@pytest.mark.parametrize(("key", "answer"), rows("undecided"))
def test_what_cannot_be_read_is_not_guessed(key, answer):
    assert compare(key, answer, algebra.equal) is UNDECIDED


@pytest.mark.parametrize(("key", "answer"), rows("by notation"))
def test_plain_answers_need_no_algebra(key, answer):
    compare(key, answer)


def test_an_expression_needs_algebra():
    with pytest.raises(NeedsAlgebra):
        compare("x + 1", "1 + x")


@given(st.integers(-(10**12), 10**12))
def test_an_integer_is_itself_however_it_is_grouped(value):
    written = f"{value:,}"
    for separator in (",", "{,}", r"\,", r",\!", " "):
        assert compare(str(value), written.replace(",", separator)) is EQUAL
    assert compare(str(value), f"${value}$.") is EQUAL
    assert compare(str(value), f"x = {value}") is EQUAL


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_two_integers_are_never_equal(one, other):
    assert compare(str(one), str(other)) is (EQUAL if one == other else DIFFERENT)


@given(st.fractions(), st.fractions())
def test_fractions_are_compared_exactly(one, other):
    def written(value: Fraction) -> str:
        sign = "-" if value < 0 else ""
        return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"

    assert compare(written(one), f"{other.numerator}/{other.denominator}") is (EQUAL if one == other else DIFFERENT)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1000, max_value=1000))
def test_a_decimal_is_its_fraction(value):
    exact = Fraction(value)
    assert compare(f"{exact.numerator}/{exact.denominator}", f"{value:f}") is EQUAL


@given(st.lists(st.integers(-99, 99), min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_lists_and_sets_have_no_order_but_tuples_do(values, order):
    shuffled = order.sample(values, len(values))
    listed, other = (", ".join(map(str, items)) for items in (values, shuffled))
    assert compare(listed, other) is EQUAL
    assert compare(rf"\{{{listed}\}}", rf"\{{{other}\}}") is EQUAL
    assert compare(f"({listed})", f"({other})") is (EQUAL if values == shuffled else DIFFERENT)
    assert compare(f"({listed})", rf"\{{{listed}\}}") is DIFFERENT


@given(st.integers(-99, 99), st.integers(-99, 99), st.sampled_from("(["), st.sampled_from(")]"), st.sampled_from("(["))
def test_intervals_keep_their_ends(start, end, left, right, other_left):
    key, answer = f"{left}{start}, {end}{right}", f"{other_left}{start}, {end}{right}"
    assert compare(key, answer) is (EQUAL if left == other_left else DIFFERENT)


@given(st.integers(0, 999_999))
def test_number_words_are_their_numbers(value):
    assert number_word(words(value)) == value


def words(value: int) -> str:
    """An English number word, written by other rules than the grader reads them by."""
    small = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    small += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
    if value >= 1000:
        rest = f" {words(value % 1000)}" if value % 1000 else ""
        return f"{words(value // 1000)} thousand{rest}"
    if value >= 100:
        return f"{small[value // 100]} hundred" + (f" and {words(value % 100)}" if value % 100 else "")
    if value >= 20:
        ten = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"][value // 10 - 2]
        return ten + (f"-{small[value % 10]}" if value % 10 else "")
    return small[value]


@given(st.text(alphabet=string.printable, max_size=200))
@settings(max_examples=300)
def test_any_text_can_be_read(text):
    """No text makes the fast path fail, and equal text is equal."""
    number(text)
    try:
        found = compare("15", text)
    except NeedsAlgebra:
        return
    assert found in (EQUAL, DIFFERENT)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so $\boxed{5}$", "5"),
        (r"first \boxed{4}, then \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{1} and \boxed{-2}", "1, -2"),
        (r"\boxed{1} no no no \boxed{2}", "2"),
        (r"\fbox{7}", "7"),
        (r"\boxed{\text{the set } \{1,2\}}", r"\text{the set } \{1,2\}"),
        (r"\boxed{3} and then \boxed{", "3"),
        (r"\boxed{} is empty", None),
        (r"The answer is 42.", "42"),
        (r"The final answer is $\frac12$. I hope it is correct.", r"\frac12"),
        (r"**Answer:** \(x=2\)", "x=2"),
        (r"The answer is correct.", None),
        (r"Answer: the largest $n$ is 34.", "34"),
        ("答案是 7。", "7"),
        ("We see it on line 5.", None),
        (r"$\text{odd}$", r"$\text{odd}$"),
        ("$odd$", "$odd$"),
        ("$28$ percent", "$28$ percent"),
        ("We find that $x = 3$.", None),
        (r"<think>\boxed{1}</think>So \boxed{2}", "2"),
        (r"<think>\boxed{1} never closed", None),
        (r"opened by the template \boxed{1}</think> The answer is 3.", "3"),
        (
            r"<|begin_of_thought|>\boxed{1}<|end_of_thought|><|begin_of_solution|>\boxed{2}<|end_of_solution|>\boxed{3}",
            "2",
        ),
        (r"<|begin_of_thought|>\boxed{1}<|end_of_thought|><|begin_of_solution|>no box<|end_of_solution|>", None),
    ],
)
def test_extraction(text, answer):
    assert extraction.answer(text) == answer


def test_a_stray_number_is_an_answer_only_where_the_limits_allow_it():
    text = "We count them: there are 12 in the first row, and $15$ in all"
    assert extraction.answer(text) is None
    assert extraction.answer(text, allow_stray=True) == "15"


@given(
    st.recursive(
        st.text("ab1+ ", max_size=4),
        lambda inner: st.lists(inner, max_size=3).map(lambda parts: "{" + "".join(parts) + "}"),
    )
)
def test_a_box_is_found_with_all_its_braces(content):
    expected = content.strip() or None
    assert boxed(f"text {{ \\boxed{{{content}}} more") == expected


QUESTION = r"How many? $\textbf{(A)}\ 5 \qquad \textbf{(B)}\ \frac{6}{7} \qquad \textbf{(C)}\ 7$"


@pytest.mark.parametrize(
    ("key", "answer", "right"),
    [
        ("5", r"\textbf{(A)}\ 5", True),
        ("A", r"\textbf{(A)}\ 5", True),
        (r"\textbf{(A)}\ 5", "5", True),
        (r"\textbf{(A)}\ 5", "A", True),
        ("5", "A", True),
        (r"\frac{6}{7}", r"\text{(B)}", True),
        ("B", "6/7", True),
        ("5", "B", False),
        ("A", "7", False),
        ("(A) 5", "(A) 7", False),
        ("A", "B", False),
    ],
)
def test_a_letter_stands_for_its_option(key, answer, right):
    found = [compare(*pair, algebra.equal) is EQUAL for pair in readings(key, answer, QUESTION)]
    assert any(found) is right


@pytest.fixture(scope="module")
def grader():
    template = Template(Bounds(cpu_s=0.5, memory_bytes=1 << 30), unsafe=False)
    grader = MathGrader(template, stray_answer=False)
    yield grader
    grader.close()
    template.close()


def test_algebra_runs_behind_walls_and_says_so(grader):
    verdict = grader.grade(problem("x^2 + 2x + 1"), r"\boxed{(x+1)^2}")
    assert verdict.status == "correct"
    assert verdict.grader.startswith("math/1 math-verify-")
    assert verdict.grader.split()[-1] in ("namespaces", "landlock")
    assert grader.grade(problem("62"), r"\boxed{62}").grader == "math/1"


def test_without_a_sandbox_only_by_name():
    template = Template(Bounds(cpu_s=5.0, memory_bytes=1 << 30), unsafe=True)
    grader = MathGrader(template, stray_answer=False)
    assert grader.grade(problem("x+1"), r"\boxed{1+x}").grader.endswith(" unsafe")
    grader.close()
    template.close()


def test_missing_is_never_equal_to_missing(grader):
    assert grader.grade(problem(""), r"\boxed{}").status == "not_gradable"
    assert grader.grade(problem("5"), "no answer here").status == "no_answer"


def test_an_answer_is_never_executed(grader, tmp_path):
    mark = tmp_path / "mark"
    for code in (f"__import__('os').mkdir('{mark}')", f"open('{mark}','w').close()", f"x+open('{mark}','w').fileno()"):
        assert grader.grade(problem("x+5"), rf"\boxed{{{code}}}").status in ("wrong", "not_gradable")
    assert not mark.exists()


def test_a_dead_worker_is_replaced(grader):
    assert grader.grade(problem("x+1"), r"\boxed{1+x}").status == "correct"
    os.kill(grader._template._process.pid, signal.SIGKILL)
    assert grader.grade(problem("x+2"), r"\boxed{2+x}").status == "correct"


def descendants(pid: int) -> list[int]:
    """Processes below one, the deepest last."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [below for child in children for below in descendants(child)]


def test_a_comparison_that_kills_its_worker_is_tried_once_more_and_then_a_grader_failure():
    template = Template(Bounds(cpu_s=20.0, memory_bytes=1 << 30), unsafe=False)
    grader = MathGrader(template, stray_answer=False)
    grader.grade(problem("x+1"), r"\boxed{1+x}")
    with ThreadPoolExecutor(1) as thread:
        verdict = thread.submit(grader.grade, problem("15"), r"\boxed{9^{9^{9^9}}}")
        killed = set()
        while not verdict.done():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just gone
                worker = descendants(template._process.pid)[-1]
                cpu = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[11]
                if worker not in killed and int(cpu) > 20:  # hundredths of a second: it is at work
                    os.kill(worker, signal.SIGKILL)
                    killed.add(worker)
            time.sleep(0.01)
    assert verdict.result().status == "grader_failure"
    assert len(killed) == 2
    assert grader.grade(problem("x+2"), r"\boxed{2+x}").status == "correct"
    grader.close()
    template.close()


def pathological() -> dict[str, tuple[str, str]]:
    """Inputs that graders hang on: name -> key and answer."""
    nested = roots = "2"
    for _ in range(200):
        nested = rf"\frac{{1}}{{1+{nested}}}"
    for _ in range(30):
        roots = rf"\sqrt{{1+{roots}}}"
    cells = r"\\".join("&".join(f"{i * j + 1}^{{x}}" for i in range(30)) for j in range(30))
    return {
        "power tower": ("15", "9^{9^{9^9}}"),
        "power tower of tens": ("15", "10^{10^{10}}"),
        "one more than a huge power": ("10^{10^9}", "10^{10^9}+1"),
        "factorial of factorials": ("15", "((10!)!)!"),
        "huge factorial": ("15", "100000000!"),
        "huge binomial": ("15", r"\binom{100000000}{50000000}"),
        "long sum": ("15", r"\sum_{n=1}^{1000000000}\frac{1}{n}"),
        "long product": ("15", r"\prod_{n=1}^{100000000}(1+\frac{1}{n^2})"),
        "hard integral": ("15", r"\int_0^1 \frac{\sin(x^5+x)}{\ln(x+2)+x^7}dx"),
        "double integral": ("15", r"\int_0^\infty \int_0^\infty \frac{\sin(xy)}{e^{x+y}+1}dxdy"),
        "hard limit": ("15", r"\lim_{x\to\infty}\frac{x^{x^x}}{(x!)!}"),
        "nested roots": (roots, f"1+{roots}"),
        "nested fractions": (nested, f"{nested}+1"),
        "400 terms": ("x", "+".join(rf"\sin({n}x)" for n in range(400))),
        "3,000 braces": ("15", "{" * 3000 + "x" + "}" * 3000),
        "3,000 brackets": ("15", "[" * 3000 + "1" + "]" * 3000),
        "200 parentheses": ("15", "(" * 200 + "x" + ")" * 200),
        "20,000 digits": ("15", "7" * 20_000),
        "20,000 decimals": ("1/7", "0." + "142857" * 3400),
        "long lists": (",".join(map(str, range(5000))), ",".join(map(str, reversed(range(5000))))),
        "lists of powers": (*(",".join(f"x^{{{n}}}" for n in order) for order in (range(300), reversed(range(300)))),),
        "power of a sum": ("(x+y+z+1)^{400}", "(x+y+z+2)^{400}"),
        "power of a matrix": ("15", rf"\begin{{pmatrix}}{cells}\end{{pmatrix}}^{{50}}"),
        "curves of high degree": ("x^5+y^5=1", "(x^7+y^3+xy)^4=x+y^9"),
    }


def check_pathological(grader: MathGrader, limit: float) -> None:
    for name, (key, answer) in pathological().items():
        own = time.process_time()
        verdict = grader.grade(problem(key), rf"\boxed{{{answer}}}")
        assert verdict.cpu_seconds + time.process_time() - own < limit + 1, name
        assert verdict.status != "grader_failure", name
        if name not in ("long lists", "lists of powers"):
            assert verdict.status != "correct", name
    assert len(pathological()) == 24


@pytest.mark.slow
def test_pathological_inputs_are_answered_in_time(grader):
    check_pathological(grader, grader._template.bounds.cpu_s)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_pathological_inputs_are_answered_in_five_seconds_of_cpu():
    template = Template(Bounds(cpu_s=5.0, memory_bytes=3 << 30), unsafe=False)
    check_pathological(MathGrader(template, stray_answer=False), 5.0)
    template.close()


REPEATED = [
    "<think>",
    r"\boxed{",
    "$",
    r"\[",
    r"\(",
    "{",
    "(",
    r"\{",
    "answer is ",
    "1,",
    "a",
    " ",
    "\n",
    r"\text{",
    r"\frac{",
]
REPEATED += [
    "=",
    r"\pm ",
    r"\cup ",
    r"^\circ",
    " and ",
    "\\",
    "%",
    "-",
    ".",
    r"\begin{pmatrix}",
    "&",
    "_{",
    "cm ",
    "(A) ",
    "is ",
]


@pytest.mark.parametrize("piece", REPEATED)
def test_no_text_is_slow_to_read(piece):
    text = "The answer is 1" + piece * (20_000 // len(piece)) + "x"
    started = time.process_time()
    answer = extraction.answer(text, allow_stray=True)
    with contextlib.suppress(NeedsAlgebra):
        compare("(1, 2)", answer or text)
    assert time.process_time() - started < 2


def test_labelled_pairs(real_data):
    """Agreement with labels of others; docs/grading.md lists every disagreement."""
    with open(real_data / "equivalence" / "pairs_labelled.jsonl", encoding="utf-8") as lines:
        pairs = [json.loads(line) for line in lines]
    pairs = [pair for pair in pairs if not pair["conflicting_labels_upstream"]]
    items = [(problem(pair["gold"]), trace(pair["prediction"], pair["id"])) for pair in pairs]
    said = [verdict.status == "correct" for verdict in grade_all(items, Limits(stray_answer=True), workers=2)]
    accepted = [pair["id"] for pair, right in zip(pairs, said, strict=True) if right and not pair["is_equivalent"]]
    rejected = [pair["id"] for pair, right in zip(pairs, said, strict=True) if not right and pair["is_equivalent"]]
    assert accepted == ["eq-0358"]
    assert len(rejected) <= 18
