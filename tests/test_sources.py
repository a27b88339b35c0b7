"""Published rows of every schema become problems; damage is dropped and counted, a broken row is an error."""

import base64
import json
import pickle
import zlib

import msgspec
import pytest

from build_problems import build_problems, shard_of
from fetch_source import fetch_source
from import_traces import import_traces
from rate_difficulty import rate_difficulty
from skymake import UserError, difficulty, records, sources
from skymake.records import ChoiceCheck, MathCheck, NoCheck, Problem, ProgramCheck, RecordError, Reference, Test, Trace
from skymake.sources.options import options_of
from skymake.sources.programs import accepts_several


def marked(thought, solution):
    return (
        f"<|begin_of_thought|>\n\n{thought}\n\n<|end_of_thought|>\n\n"
        f"<|begin_of_solution|>\n\n{solution}\n\n<|end_of_solution|>"
    )


def numina(**other):
    row = {"source": "math", "problem": "What is $1+1$?", "solution": r"It is $\boxed{2}$.", "messages": []}
    return row | other


def io(inputs, outputs, fn_name=None):
    return json.dumps({"inputs": inputs, "outputs": outputs} | ({"fn_name": fn_name} if fn_name else {}))


def apps(**other):
    row = {"problem_id": 7, "question": "Add two numbers.", "solutions": "", "url": "", "starter_code": ""}
    return row | {"difficulty": "interview", "input_output": io(["1 2\n"], ["3\n"])} | other


def taco(**other):
    row = {"question": "Add two numbers.", "solutions": "[]", "starter_code": "", "difficulty": "MEDIUM"}
    row |= {"input_output": io(["1 2\n"], ["3\n"]), "source": "codeforces", "time_limit": None, "tags": "[]"}
    return row | {"Expected Auxiliary Space": None, "picture_num": "0"} | other


def still2(**other):
    row = {"question": "What can you catch but not throw?", "domain": "puzzle"}
    return row | {"combined_text": marked("Hmm.", r"A cold: \boxed{\text{cold}}.")} | other


def math500(**other):
    row = {"problem": "What is $1+1$?", "solution": "2", "answer": "2", "subject": "Algebra", "level": 3}
    return row | {"unique_id": "test/algebra/1.json"} | other


def aime(**other):
    return {
        "id": 0,
        "problem": "Find $m+n$.",
        "answer": "116",
        "url": "https://a/2024_AIME_I",
        "solution": None,
    } | other


def lcb(**other):
    row = {"question_title": "Sums", "question_content": "Add two numbers.", "platform": "atcoder", "question_id": "x1"}
    row |= {"contest_id": "x", "contest_date": "2023-08-21T00:00:00", "starter_code": "", "difficulty": "medium"}
    public = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]
    return row | {"public_test_cases": json.dumps(public), "private_test_cases": "", "metadata": "{}"} | other


def gpqa(**other):
    row = {"Question": "Which gas is heaviest?", "Correct Answer": "radon\n", "High-level domain": "Chemistry"}
    wrong = {f"Incorrect Answer {n}": gas for n, gas in enumerate(["neon", "argon", "xenon"], start=1)}
    return row | wrong | {"Subdomain": "Inorganic", "Canary String": "x"} | other


def own(**other):
    return {"question": "What is 1 + 1?", "answer": "2"} | other


ROWS = {
    "aime": aime,
    "apps": apps,
    "gpqa": gpqa,
    "jsonl": own,
    "livecodebench": lcb,
    "math500": math500,
    "numina": numina,
    "still2": still2,
    "taco": taco,
}
SPEC = {"source": "published", "revision": "r1", "filters": {}, "limit": None, "time_limit_s": 4.0}


@pytest.fixture
def build(tmp_path):
    """Build a set from published rows: the problems by shard, and what became of the rows."""

    def run(adapter, rows, shards=1, labelled=(), **spec):
        source, drops, labels = (str(tmp_path / name) for name in ("rows.jsonl", "drops.json", "labels.jsonl"))
        records.write(source, rows)
        records.write(labels, labelled)
        paths = [str(tmp_path / f"{shard}.jsonl") for shard in range(shards)]
        references = [str(tmp_path / f"references-{shard}.jsonl") for shard in range(shards)]
        build_problems(source, [labels], paths, references, drops, "s", {**SPEC, "adapter": adapter, **spec})
        return [list(records.read(path, Problem)) for path in paths], json.loads((tmp_path / "drops.json").read_text())

    return run


@pytest.fixture
def problem(build):
    """The one problem of one row."""
    return lambda adapter, **columns: build(adapter, [ROWS[adapter](**columns)])[0][0][0]


def test_every_adapter_has_a_row_here():
    assert set(ROWS) == set(sources.ADAPTERS)


# ---- what a row becomes


def test_the_last_box_is_the_answer(problem):
    solution = r"First $\boxed{1}$; then \boxed{\frac{1}{2}} and more."
    made = problem("numina", solution=solution)
    assert (made.domain, made.question, made.check) == ("math", "What is $1+1$?", MathCheck(r"\frac{1}{2}"))


def test_stdin_programs_are_text(problem):
    made = problem("apps", input_output=io([["1", "2"], "3\n"], ["3\n", ["4", "5"]]))
    assert made.check.tests == [Test("1\n2", "3\n"), Test("3\n", "4\n5")]
    assert made.check.entry is None
    assert (made.domain, made.difficulty) == ("code", 2)


STARTER = "class Solution:\n    def f(self, a: List[int]) -> {}:\n        "


@pytest.mark.parametrize(
    ("outputs", "starter", "values"),
    [
        ([[False], [True]], "def f(a):\n\t", [False, True]),  # wrapped
        ([9, 8], "", [9, 8]),  # never wrapped
        ([[5, 6], [7]], "", [[5, 6], [7]]),  # not one value each
        ([[5], [7]], STARTER.format("List[int]"), [[5], [7]]),  # the values are lists
        ([[[5]], [[7, 8]]], STARTER.format("List[int]"), [[5], [7, 8]]),  # wrapped lists
        ([[5], [7]], STARTER.format("int"), [5, 7]),
    ],
)
def test_wrapped_outputs_are_unwrapped(problem, outputs, starter, values):
    made = problem("taco", input_output=io([[[1]], [[2]]], outputs, "f"), starter_code=starter)
    assert [test.output for test in made.check.tests] == values
    assert made.check.tests[0].input == [[1]]
    assert made.check.entry == "f"


def test_starter_code_ends_the_question(problem):
    starter = "def f(a):\n\t"
    assert problem("apps", starter_code=starter).question == "Add two numbers.\n" + starter


@pytest.mark.parametrize(
    ("published", "seconds"), [("8.0 seconds", 8), ("2.5 seconds", 4), ("10 sec", 10), (None, 4), ("unknown", 4)]
)
def test_the_longer_time_limit_counts(problem, published, seconds):
    assert problem("taco", time_limit=published).check.time_limit_s == seconds


@pytest.mark.parametrize(
    ("statement", "several"),
    [
        ("If there are multiple answers, print any of them.", True),
        ("If several solutions exist, you may output any.", True),
        ("Any valid answer is accepted.", True),
        ("You can print the edges in any order.", True),
        ("Print each letter in any case.", False),
        ("In one move choose any two digits and swap them. Print the sum.", False),
        ("Each test contains multiple test cases.", False),
    ],
)
def test_statements_that_accept_several_outputs(statement, several):
    assert accepts_several(statement) is several


def test_a_puzzle_with_lettered_options_is_a_choice(problem):
    question = "Which number is the largest?\nA. 12\nB. 47\nC. 8"
    made = problem("still2", question=question, combined_text=marked("B.", r"It is \boxed{B}."))
    assert (made.domain, made.check) == ("choice", ChoiceCheck("B", ["12", "47", "8"]))


@pytest.mark.parametrize("boxed", [r"\boxed{D}", r"\boxed{47}", "no box"])
def test_a_puzzle_without_a_letter_has_no_key(problem, boxed):
    question = "Which number is the largest?\nA. 12\nB. 47\nC. 8"
    made = problem("still2", question=question, combined_text=marked("B.", boxed))
    assert (made.domain, made.check) == ("open", NoCheck())


def test_options_are_the_last_run_of_letters():
    assert options_of("A. Smith asks:\n(A) one\n(B) two\nC) three") == ["one", "two", "three"]
    assert options_of("A. alone") == []


def test_aime_and_amc_answers(problem):
    assert problem("aime").check == MathCheck("116")
    assert problem("aime", answer=142.0).check == MathCheck("142")


def packed(cases):
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(cases)))).decode()


def test_private_tests_are_unpacked(problem):
    private = [{"input": "4 5\n", "output": "9\n", "testtype": "stdin"}]
    for column in (packed(private), json.dumps(private)):
        assert problem("livecodebench", private_test_cases=column).check.tests[1] == Test("4 5\n", "9\n")


def test_functions_of_livecodebench(problem):
    public = [{"input": '[1, 2]\n"a"', "output": "[3]", "testtype": "functional"}]
    made = problem("livecodebench", public_test_cases=json.dumps(public), metadata='{"func_name": "f"}')
    assert made.check == ProgramCheck("f", [Test([[1, 2], "a"], [3])], 4.0)


def test_errata_of_livecodebench_are_marked(problem):
    assert problem("livecodebench", question_id="abc326_d").check.several
    assert not problem("livecodebench").check.several


def test_what_a_source_calls_its_fields_is_the_subject(build):
    made = [
        build(name, [row])[0][0][0] for name, row in (("math500", math500(subject="Geometry")), ("numina", numina()))
    ]
    assert [problem.subject for problem in made] == ["Geometry", None]
    assert b"subject" not in msgspec.json.encode(made[1])
    [chemistry] = build("gpqa", [gpqa(**{"High-level domain": "Chemistry"})])[0][0]
    assert chemistry.subject == "Chemistry"


def test_gpqa_options_are_shuffled_by_the_problem_alone(build):
    rows = [gpqa(Question=f"Question {n}?") for n in range(200)]
    problems = build("gpqa", rows)[0][0]
    assert problems[1:] == [record for record in build("gpqa", rows)[0][0] if record.origin.row]
    assert problems[7].check == build("gpqa", rows[7:8])[0][0][0].check
    for made in problems:
        assert made.check.options["ABCD".index(made.check.answer)] == "radon"
        assert options_of(made.question) == made.check.options
    letters = [made.check.answer for made in problems]
    assert all(30 <= letters.count(letter) <= 70 for letter in "ABCD")


@pytest.mark.parametrize(
    ("row", "domain", "check"),
    [
        (own(), "math", MathCheck("2")),
        (own(answer="B", options=["1", "2"]), "choice", ChoiceCheck("B", ["1", "2"])),
        ({"question": "Add.", "tests": [{"input": "1", "output": "1"}]}, "code", ProgramCheck(None, [Test("1", "1")])),
        (
            {"question": "Add.", "entry": "", "tests": [{"input": "1", "output": "1"}]},
            "code",
            ProgramCheck(None, [Test("1", "1")]),
        ),
        ({"question": "f", "tests": [{"input": [1], "output": 1}], "entry": "f", "time_limit_s": 9}, "code", None),
        ({"question": "Why?", "difficulty": 3}, "open", NoCheck()),
    ],
)
def test_own_rows(build, row, domain, check):
    ((made,),), _ = build("jsonl", [row])
    assert made.domain == domain
    assert made.check == check or made.check == ProgramCheck("f", [Test([1], 1)], 9.0)


# ---- what is dropped, and what is an error

QUESTION = dict.fromkeys(("apps", "taco", "still2", "jsonl"), "question")
QUESTION |= dict.fromkeys(("numina", "math500", "aime"), "problem")
QUESTION |= {"livecodebench": "question_content", "gpqa": "Question"}
DAMAGED = [
    ("numina", {"solution": "Left to the reader."}, "the solution has no boxed answer"),
    ("numina", {"solution": r"\boxed{1"}, "the solution has no boxed answer"),
    ("numina", {"problem": "  "}, "empty question"),
    ("apps", {"question": ""}, "empty question"),
    ("apps", {"input_output": ""}, "no tests"),
    ("apps", {"input_output": io([], [])}, "no tests"),
    ("apps", {"input_output": io(["1", "2"], ["1"])}, "inputs and outputs differ in number"),
    ("apps", {"input_output": io([1], ["1"])}, "a stdin test is not text"),
    ("apps", {"input_output": io(["1"], ["1"], "f")}, "the arguments of a call are not a list"),
    ("taco", {"input_output": '{"inputs": [[NaN]], "outputs": [1], "fn_name": "f"}'}, "a test holds what JSON cannot"),
    ("taco", {"input_output": '{"inputs": ["\\ud800"], "outputs": ["1"]}'}, "a test holds what JSON cannot"),
    ("taco", {"input_output": '{"inputs": [[' + 5000 * "1" + ']], "outputs": [1]}'}, "a test holds what JSON cannot"),
    ("taco", {"input_output": io(["1 2 3..."], ["6"])}, "every test is cut short"),
    ("still2", {"combined_text": "It is a cold."}, "the published answer is not in the four-marker format"),
    ("livecodebench", {"public_test_cases": "[]"}, "no tests"),
    ("gpqa", {"Incorrect Answer 1": "radon"}, "two options are the same"),
    ("math500", {"answer": ""}, "empty answer"),
    *[(adapter, {column: " "}, "empty question") for adapter, column in QUESTION.items() if adapter != "jsonl"],
]


@pytest.mark.parametrize(("adapter", "columns", "reason"), DAMAGED)
def test_damaged_rows_are_dropped_and_counted(build, adapter, columns, reason):
    _, drops = build(adapter, [ROWS[adapter](), ROWS[adapter](**columns)])
    ((found, rows),) = drops["dropped"].items()
    assert found.startswith(reason)
    assert rows == {"rows": 1, "first": [1]}
    assert (drops["rows"], drops["kept"]) == (2, 1)


def without(adapter, column):
    return {name: value for name, value in ROWS[adapter]().items() if name != column}


PRIVATE = base64.b64encode(zlib.compress(pickle.dumps(print))).decode()
BROKEN = [
    *[(adapter, without(adapter, column), column) for adapter, column in QUESTION.items()],
    *[(adapter, {**ROWS[adapter](), column: 3}, column) for adapter, column in QUESTION.items()],
    ("numina", numina(solution=None), "solution"),
    ("apps", apps(input_output=None), "input_output"),
    ("apps", apps(input_output="{'inputs': []}"), "input_output"),
    ("taco", taco(input_output='{"inputs": ["1"]}'), "outputs.*input_output"),
    ("taco", taco(starter_code=3), "starter_code"),
    ("still2", still2(combined_text=["a"]), "combined_text"),
    ("math500", math500(level="3"), "level"),
    ("aime", aime(answer=None), "answer"),
    ("livecodebench", lcb(metadata="None"), "metadata"),
    ("livecodebench", lcb(public_test_cases='[{"input": "1"}]'), "public_test_cases"),
    ("livecodebench", lcb(private_test_cases="????"), "private_test_cases"),
    ("livecodebench", lcb(private_test_cases=PRIVATE), "builtins.print.*private_test_cases"),
    ("gpqa", without("gpqa", "Correct Answer"), "Correct Answer"),
    ("jsonl", own(question=" "), "question"),
    ("jsonl", own(anwser="2"), "anwser"),
    ("jsonl", own(answer="C", options=["1", "2"]), "answer"),
    ("jsonl", own(answer=" "), "answer"),
    ("jsonl", own(answer="Z", options=[*"abcdefghijklmnopqrstuvwxyz", "27"]), "options"),
    ("jsonl", own(tests=[]), "tests"),
    ("jsonl", own(tests=[{"input": [1], "output": "1"}]), "tests"),
]


@pytest.mark.parametrize(("adapter", "row", "field"), BROKEN)
def test_broken_rows_are_named(build, adapter, row, field, tmp_path):
    with pytest.raises(RecordError, match=rf"rows\.jsonl:2: .*{field}"):
        build(adapter, [ROWS[adapter](), row])
    assert not (tmp_path / "0.jsonl").exists()


def test_a_line_that_is_not_json_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps(numina()) + "\n{\n")
    with pytest.raises(RecordError, match=r"rows\.jsonl:2"):
        spec = {**SPEC, "adapter": "numina"}
        paths = [[str(tmp_path / name)] for name in ("0", "references")]
        build_problems(str(tmp_path / "rows.jsonl"), [], *paths, str(tmp_path / "d"), "s", spec)


def test_tests_that_are_cut_short_are_left_out(build):
    rows = [taco(input_output=io(["1 2\n", "1 2 3..."], ["3\n", "6"]))]
    ((made,),), drops = build("taco", rows)
    assert made.check.tests == [Test("1 2\n", "3\n")]
    assert drops["remarks"] == {"left out tests that are cut short": {"rows": 1, "first": [0]}}


@pytest.mark.parametrize("adapter", ["apps", "taco"])
def test_reference_solutions_go_with_their_problem(build, tmp_path, adapter):
    absent = {name: value for name, value in ROWS[adapter](question="Three?").items() if name != "solutions"}
    shipped = [{"solutions": json.dumps([f"print({n})", "print()"]), "question": f"{n}?"} for n in range(9)]
    rows = [ROWS[adapter](question="None?", solutions=""), ROWS[adapter](question="Nothing?", solutions="[]"), absent]
    shards, _ = build(adapter, rows + [ROWS[adapter](**columns) for columns in shipped], shards=2)
    for number, problems in enumerate(shards):
        references = records.read(tmp_path / f"references-{number}.jsonl", Reference)
        assert list(references) == [
            Reference(made.id, [f"print({made.question[0]})", "print()"])
            for made in problems
            if made.question[0].isdigit()
        ]


# ---- sets: filters, identity, shards

COMPETITION = [numina(source=["math", "amc_aime"][n % 2], problem=f"Problem {n}?") for n in range(40)]


def test_filters_in_the_published_order(build):
    """By source, then the range of rows, then those with a box, then by difficulty."""
    rows = [*COMPETITION[:4], {**COMPETITION[4], "solution": "no box"}, *COMPETITION[5:]]
    labelled = [
        {"problem": f"Problem  {n}?", "rated": label}
        for n, label in {0: 9, 1: 9, 2: "Level 4", 4: 9, 6: -1, 8: 3, 12: 9}.items()
    ]
    (problems,), drops = build(
        "numina",
        rows,
        labelled=labelled,
        labels={"question": "problem", "difficulty": "rated"},
        filters={"source": "math", "rows": [0, 5], "difficulty": [4, 9]},
    )
    assert [(made.question, made.difficulty) for made in problems] == [("Problem 0?", 9), ("Problem 2?", 4)]
    assert {reason: found["rows"] for reason, found in drops["dropped"].items()} == {
        "filtered by a column": 20,
        "filtered by the range of rows": 15,
        "the solution has no boxed answer": 1,
        "filtered as unrated": 1,
        "filtered by difficulty": 1,
    }


def test_labels_without_their_columns_are_an_error(build):
    with pytest.raises(RecordError, match=r"labels\.jsonl:1: no column 'rated'"):
        build("numina", [numina()], labelled=[{"problem": "p"}], labels={"question": "problem", "difficulty": "rated"})


def test_a_label_of_what_is_no_text_is_an_error(build):
    labels, labelled = {"question": "problem", "difficulty": "rated"}, [{"problem": 5, "rated": 3}]
    with pytest.raises(RecordError, match=r"labels\.jsonl:1: the column 'problem' is not text"):
        build("numina", [numina()], labelled=labelled, labels=labels)


def test_identity_depends_on_the_problem_alone(build):
    (before,), _ = build("numina", COMPETITION)
    (after,), _ = build("numina", [numina(problem="New?"), *reversed(COMPETITION)])
    assert {made.id: made.question for made in before}.items() <= {made.id: made.question for made in after}.items()
    assert after[0].origin.row == 0 and before[0].id.startswith("s-")


def test_shards_hold_every_problem_once(build):
    shards, _ = build("numina", COMPETITION, shards=3)
    assert sorted(made.origin.row for shard in shards for made in shard) == list(range(40))
    assert all(shard_of(made, 3) == number for number, shard in enumerate(shards) for made in shard)
    assert all(shards)


def test_repeats_are_dropped(build):
    (problems,), drops = build("numina", [numina(), numina(source="amc_aime"), numina(solution=r"\boxed{3}")])
    assert [made.origin.row for made in problems] == [0, 2]
    assert drops["dropped"] == {"a repeat of an earlier row": {"rows": 1, "first": [1]}}


def test_the_limit_takes_the_first_problems(build):
    (problems,), drops = build("numina", COMPETITION, limit=3)
    assert [made.origin.row for made in problems] == [0, 1, 2]
    assert drops["kept"] == 3


def test_values_patterns_and_words_in_filters(build):
    rows = [taco(question=f"Q{n}", difficulty=level) for n, level in enumerate(["EASY", "MEDIUM", "HARD"])]
    assert len(build("taco", rows, filters={"difficulty": ["MEDIUM", "HARD"]})[0][0]) == 2
    assert [made.difficulty for made in build("taco", rows, filters={"difficulty": [4, 5]})[0][0]] == [4]
    years = [aime(problem=f"P{year}", url=f"https://a/{year}_AIME_I") for year in (2022, 2023, 2024)]
    assert [made.question for made in build("aime", years, filters={"url": "*2024*"})[0][0]] == ["P2024"]
    fields = [gpqa(), gpqa(Question="?", **{"High-level domain": "Physics"})]
    assert len(build("gpqa", fields, filters={"High-level domain": "Physics"})[0][0]) == 1


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"filters": {"topic": "algebra"}}, "set s: filters: no column 'topic'; there are problem, solution, source"),
        ({"filters": {"rows": [1]}}, "set s: filters"),
        ({"filters": {"source": "gsm8k"}}, "none of the 1 rows"),
        ({"adapter": "gsm8k"}, "set s: no adapter 'gsm8k'; there are aime, apps"),
        ({"limit": "all"}, "set s: .*limit"),
        ({"shuffle": True}, "set s: .*shuffle"),
    ],
)
def test_a_wrong_set_says_what_is_wrong(build, spec, says):
    with pytest.raises(UserError, match=says):
        build(**{"adapter": "numina", "rows": [numina()], **spec})


# ---- difficulty

RATED = {"question": "question", "difficulty": "difficulty"}


@pytest.mark.parametrize(
    ("reply", "rating"),
    [
        ("It needs induction. [[7]]", 7),
        ("[[ 8.5 ]]", 8.5),
        ("[[3]] ... so [[3]]", 3),
        ("[[3]] or [[4]]", None),
        ("[3]", None),
        ("seven", None),
        ("[[11]]", None),
        ("[[]]", None),
    ],
)
def test_ratings_are_read_strictly(reply, rating):
    assert difficulty.rating(reply) == rating


def test_a_model_rates_problems_and_the_ratings_are_labels(build, tmp_path):
    replies = ["Two steps. [[2]]", "Hard to say.", "[[9.5]]", "[[4]]"]
    rows = [numina(problem=f"Problem {number}?") for number in range(5)]
    (problems,), _ = build("numina", rows)
    answers = [
        Trace(f"k{n}", problems[n].id, 0, "rater", reply, None, "stop", 1, 1, 0.1, 0) for n, reply in enumerate(replies)
    ]
    records.write(tmp_path / "replies.jsonl", answers)
    rate_difficulty(*(str(tmp_path / name) for name in ("0.jsonl", "replies.jsonl", "ratings.jsonl")))
    rated = list(records.read(tmp_path / "ratings.jsonl", dict))
    assert [one["difficulty"] for one in rated] == [2, None, 9.5, 4, None]
    (chosen,), drops = build("numina", rows, labelled=rated, labels=RATED, filters={"difficulty": [3, 10]})
    assert [problem.difficulty for problem in chosen] == [9.5, 4]
    assert {reason: found["first"] for reason, found in drops["dropped"].items()} == {
        "filtered by difficulty": [0],
        "filtered as unrated": [1, 4],
    }


@pytest.mark.parametrize(("label", "number"), [(5, 5), ("Level 4", 4), ("Level ?", None), (-1, None), (None, None)])
def test_published_labels(label, number):
    assert difficulty.published(label) == number


# ---- real rows

REAL = {
    "numina/numina_amc_aime": ("numina", 974, 972),
    "numina/numina_math": ("numina", 1500, 1500),
    "numina/numina_olympiads": ("numina", 810, 131),
    "numina/aimo-validation-aime_2022_2023": ("aime", 60, 60),
    "numina/aimo-validation-amc": ("aime", 83, 83),
    "apps/apps": ("apps", 260, 252),
    "taco/taco": ("taco", 617, 577),
    "still2/still2_like_r1distill": ("still2", 263, 139),
    "benchmarks/math500": ("math500", 250, 250),
    "benchmarks/aime24": ("aime", 15, 15),
    "benchmarks/livecodebench_v6_problems": ("livecodebench", 527, 520),
}


@pytest.mark.parametrize("name", REAL)
def test_real_rows(real_data, tmp_path, name, capsys):
    """Every row of a real file becomes a problem or is counted as dropped for a reason; prints what became of them."""
    adapter, rows, kept = REAL[name]
    source, shards = str(tmp_path / "rows.jsonl"), [str(tmp_path / f"{n}.jsonl") for n in range(2)]
    fetch_source(source, name, {"path": str(real_data), "files": [f"{name}.jsonl"], "rows": rows})
    references = [str(tmp_path / f"references-{n}.jsonl") for n in range(2)]
    build_problems(source, [], shards, references, str(tmp_path / "drops.json"), "real", {**SPEC, "adapter": adapter})
    drops = json.loads((tmp_path / "drops.json").read_text())
    assert (drops["rows"], drops["kept"]) == (rows, kept)
    assert rows - kept == sum(count["rows"] for count in drops["dropped"].values())
    assert len(list(records.read_all(shards, Problem))) == kept
    with capsys.disabled():
        reasons = {**drops["dropped"], **{f"kept, but {text}": found for text, found in drops["remarks"].items()}}
        told = "; ".join(f"{found['rows']} {text}" for text, found in reasons.items())
        print(f"\n{name}: {rows} rows, {kept} problems{': ' + told if told else ''}", end="")


# ---- published answers


def test_published_answers_become_traces_as_published(build, tmp_path):
    rows = [still2(question=f"Riddle {n}?", combined_text=marked("Hmm.", f"It is {n}.")) for n in range(9)]
    shards, _ = build("still2", [rows[0], *rows], shards=2)
    for number, problems in enumerate(shards):
        traces, failures = tmp_path / "traces.jsonl", tmp_path / "failures.jsonl"
        files = (tmp_path / "rows.jsonl", tmp_path / f"{number}.jsonl", traces, failures)
        import_traces(*map(str, files), "still2", "still")
        assert failures.read_text() == ""
        written = list(records.read(traces, Trace))
        assert [trace.problem for trace in written] == [made.id for made in problems]
        assert [trace.text for trace in written] == [
            rows[max(made.origin.row - 1, 0)]["combined_text"] for made in problems
        ]
        assert len({trace.key for trace in written}) == len(written)


def test_no_answers_to_import(build, tmp_path):
    build("numina", [numina()])
    with pytest.raises(UserError, match="numina hold no published answers"):
        import_traces(*(str(tmp_path / name) for name in ("rows.jsonl", "0.jsonl", "t", "f")), "numina", "m")


def test_no_text_of_gpqa_in_counts_and_errors(build, tmp_path):
    build("gpqa", [gpqa(), gpqa(), gpqa(Question="")])
    assert "radon" not in (tmp_path / "drops.json").read_text()
    with pytest.raises(RecordError) as broken:
        build("gpqa", [{**gpqa(), "Correct Answer": ["radon"]}])
    with pytest.raises(UserError) as empty:
        build("gpqa", [gpqa(Question="")])
    assert "radon" not in f"{broken.value} {empty.value}"
