"""Hostile programs get the verdict they deserve and do no harm, in every tier, as root and as an ordinary user."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hostile import scene
from hostile.scene import Case, Program, Scene

from skymake.grading import programs
from skymake.grading.programs import ProgramGrader
from skymake.records import ProgramCheck, Test
from skymake.sandbox import tiers

ROOT = Path(__file__).parents[1]
NOBODY = 65534
pytestmark = pytest.mark.slow
GIVEN_BY = {"namespaces": {None, "scratch", "proc"}, "landlock": {None, "proc"}}
VERSION_CHECK = f"import sys; assert sys.version_info[:2] == {sys.version_info[:2]}; sys.argv[2:] = []"
OLD_KERNEL = """
from skymake.sandbox import kernel, seccomp

NEW_CALLS, ENOSYS = 424, 38  # every call since Linux 5.1 has such a number, on every machine
rules = [(0x20, 0, 0, 0), (0x35, 0, 1, NEW_CALLS), (6, 0, 0, 0x50000 | ENOSYS), (6, 0, 0, 0x7FFF0000)]
kernel.set_no_new_privileges()
seccomp.Filter(rules).install()
"""
NO_NAMESPACES = """
import platform
from skymake.sandbox import kernel, seccomp, tiers

UNSHARE = {"x86_64": 272, "aarch64": 97}[platform.machine()]
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, UNSHARE), (6, 0, 0, 0x50000 | 1), (6, 0, 0, 0x7FFF0000)]
kernel.set_no_new_privileges()
seccomp.Filter(rules).install()
assert tiers.probe() == "landlock"
"""
MASKED_PROC = """
from skymake.sandbox import kernel

kernel.unshare(kernel.CLONE_NEWNS)
kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
kernel.mount("/dev/null", "/proc/cmdline", None, kernel.MS_BIND)
"""


@pytest.fixture(scope="module", params=["namespaces", "landlock"])
def tier(request) -> str:
    if reason := tiers.obstacle(request.param):
        pytest.skip(f"{request.param}: {reason}")
    return request.param


@pytest.fixture(scope="module")
def victims() -> Iterator[Scene]:
    with Scene() as victims:
        yield victims


@pytest.fixture(scope="module")
def grader(tier) -> Iterator[ProgramGrader]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "probe", lambda: tier)
        with ProgramGrader(scene.LIMITS) as grader:
            yield grader


@pytest.mark.parametrize("program", scene.index(), ids=lambda program: program.file)
def test_program(program: Program, tier, grader, victims):
    if program.needs not in GIVEN_BY[tier]:
        pytest.skip(f"{tier} gives no {program.needs}")
    if tier == "landlock" and program.want == "time_limit":
        pytest.skip("the clocks are the same in every tier")
    verdict = grader.grade_source(scene.task(program), victims.source(program.file))
    assert list(scene.complaints(program, verdict, victims.harm())) == [], verdict


def test_the_index_names_every_program():
    on_disk = {str(path.relative_to(scene.FOLDER)) for path in scene.FOLDER.glob("*/*.py")}
    assert on_disk == {program.file for program in scene.index()}


def test_nothing_is_left_over(tier):
    chosen = [program for program in scene.index() if program.file.startswith(("processes/", "forging/"))]
    assert scene.run(tier, chosen) == []


def run_elsewhere(python: str, tier: str, code: str = "", given: set | None = None, **options) -> list[dict]:
    """What `scene.run` finds wrong in a process of its own, which runs some code before."""
    given = GIVEN_BY[tier] if given is None else given
    packages = [path for path in sys.path if Path(path).name == "site-packages"]
    path = os.pathsep.join([str(ROOT / "scripts"), str(ROOT / "tests"), *packages])
    files = [
        program.file
        for program in scene.index()
        if program.needs in given and not program.file.startswith("resources/")  # limits are the same everywhere
    ]
    done = subprocess.run(
        [python, "-B", "-c", f"{code}\nfrom hostile import scene\nscene.main()", tier, *files],
        env={"PYTHONPATH": path, "HOME": "/"},
        capture_output=True,
        text=True,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_ordinary_user_is_as_safe(tier):
    if os.geteuid() != 0:
        pytest.skip("the other tests are run by an ordinary user already")
    python = interpreter_of_everybody()
    assert run_elsewhere(python, tier, user=NOBODY, group=NOBODY, extra_groups=[]) == []


def interpreter_of_everybody() -> str:
    """A Python of this version that an ordinary user may run, and that finds what the tests need; skips without one."""
    for python in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        try:
            run_elsewhere(python, "landlock", VERSION_CHECK, user=NOBODY, group=NOBODY, extra_groups=[])
        except (OSError, TypeError, AssertionError):
            continue
        return python
    pytest.skip("no Python of this version that an ordinary user may run")


def test_a_kernel_without_the_calls_of_later_ones_will_do():
    """Linux 4.18 as far as a filter can make it: no pidfd, clone3, close_range, mount_setattr, Landlock."""
    if reason := tiers.obstacle("namespaces"):
        pytest.skip(reason)
    assert run_elsewhere(sys.executable, "namespaces", OLD_KERNEL) == []


def test_where_namespaces_are_forbidden_landlock_takes_over():
    """A container as they are by default: unshare is refused, to root too."""
    if reason := tiers.obstacle("landlock"):
        pytest.skip(reason)
    assert run_elsewhere(sys.executable, "landlock", NO_NAMESPACES) == []


def test_a_container_that_masks_its_proc_will_do():
    if os.geteuid() != 0 or tiers.obstacle("namespaces"):
        pytest.skip("only root can mask a /proc, and only namespaces care")
    assert run_elsewhere(sys.executable, "namespaces", MASKED_PROC, given={None, "scratch"}) == []


def hostile_cases(folder: Path) -> list[Case]:
    """Programs of other people, with tests of their own, some of which are right."""
    rows = [json.loads(line) for line in (folder / "hostile" / "index.jsonl").read_text().splitlines()]
    cases = []
    for row in rows:
        tests = [Test(case.get("stdin", case.get("args")), case["expected"]) for case in row["cases"]]
        problem = scene.problem(None)
        problem.check = ProgramCheck(row.get("fn_name"), tests, time_limit_s=1.0)
        source = (folder / "hostile" / row["file"]).read_text()
        cases.append(Case(Program(row["file"], row["want"], "published"), problem, source))
    return cases


def adversarial_cases(folder: Path) -> list[Case]:
    """Programs that attack a service, none of which prints what is expected."""
    rows = [json.loads(line) for line in (folder / "adversarial" / "programs.jsonl").read_text().splitlines()]
    problem = scene.problem(None)
    problem.check = ProgramCheck(None, [Test("input1\n", "what no program prints\n")], time_limit_s=0.3)
    return [Case(Program(row["id"], "reject", "published"), problem, row["program"]) for row in rows]


@pytest.mark.parametrize("ordinary", [False, True], ids=["", "ordinary user"])
@pytest.mark.parametrize("cases", [hostile_cases, adversarial_cases])
def test_published_programs_do_no_harm_and_leave_nothing(real_data, tier, cases, ordinary):
    options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    if ordinary and os.geteuid() != 0:
        pytest.skip("the other tests are run by an ordinary user already")
    python = interpreter_of_everybody() if ordinary else sys.executable
    lines = msgspec.json.Encoder().encode_lines(cases(real_data)).decode()
    assert run_elsewhere(python, tier, given=set(), input=lines, **(options if ordinary else {})) == []
