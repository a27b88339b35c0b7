"""The sandbox on its own: what goes in and out, what it keeps apart, and what happens when it dies."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile.scene import descendants

from skymake import UserError
from skymake.sandbox import tiers
from skymake.sandbox.client import Bounds, Sandbox, SandboxDied
from skymake.sandbox.isolation import readable_folders
from skymake.sandbox.wire import Ending, Outcome

ROOT = Path(__file__).parents[1]
BOUNDS = Bounds(cpu_s=1.0, wall_s=20.0, total_cpu_s=60.0, output_bytes=10_000, file_bytes=100_000)
ECHO = "print(input())"


@pytest.fixture(scope="module", params=["namespaces", "landlock", "unsafe"])
def tier(request) -> str:
    if request.param != "unsafe" and (reason := tiers.obstacle(request.param)):
        pytest.skip(f"{request.param}: {reason}")
    return request.param


@pytest.fixture(scope="module")
def sandbox(tier) -> Iterator[Sandbox]:
    sandbox = Sandbox(tier, memory_bytes=512 << 20)
    yield sandbox
    sandbox.close()


def run(sandbox: Sandbox, source: str, *inputs: bytes, entry: str | None = None, **bounds) -> Outcome:
    sandbox.begin(textwrap.dedent(source), entry, BOUNDS._replace(**bounds))
    return sandbox.run(list(inputs) or [b""])


def test_what_is_printed_comes_out(sandbox):
    outcome = run(sandbox, ECHO, b"one\n", b"two\n", b"three\n")
    assert outcome.outputs == [b"one\n", b"two\n", b"three\n"]
    assert outcome.ending is Ending.FINISHED
    assert outcome.alive


def test_a_value_comes_out_as_json(sandbox):
    outcome = run(sandbox, "def pair(a, b):\n    return (a, [b])", b'[1, "x"]', b"[2, null]", entry="pair")
    assert outcome.outputs == [b'[1, ["x"]]', b"[2, [null]]"]


def test_integer_keys_are_given_back(sandbox):
    source = "def keys(d):\n    return [type(k).__name__ for k in d]"
    outcome = run(sandbox, source, b'[{"1": 2, "-3": 4}]', b'[{"1": 2, "x": 4}]', entry="keys")
    assert outcome.outputs == [b'["int", "int"]', b'["str", "str"]']


@pytest.mark.parametrize(
    ("source", "ending", "detail"),
    [
        ("x = ", Ending.COMPILE_ERROR, "SyntaxError: invalid syntax (solution.py, line 1)"),
        ("return 1", Ending.COMPILE_ERROR, "SyntaxError: 'return' outside function (solution.py, line 1)"),
        (
            "x = 1\nprint(1 // (x - 1))",
            Ending.RUNTIME_ERROR,
            "ZeroDivisionError: integer division or modulo by zero (line 2)",
        ),
        ("def f():\n    raise KeyError('a')\nf()", Ending.RUNTIME_ERROR, "KeyError: 'a' (line 2)"),
        ("exit(3)", Ending.RUNTIME_ERROR, "exit code 3"),
        ("import sys; sys.exit('no')", Ending.RUNTIME_ERROR, "exit code 1"),
        ("import os; os._exit(4)", Ending.RUNTIME_ERROR, "exit code 4"),
        ("import ctypes; ctypes.string_at(0)", Ending.RUNTIME_ERROR, "killed: Segmentation fault"),
        ("x = bytearray(1 << 30)", Ending.MEMORY_LIMIT, "MemoryError:  (line 1)"),
        ("while True: pass", Ending.TIME_LIMIT, "s of CPU"),
        ("print('x' * 20_000)", Ending.OUTPUT_LIMIT, "more than 10,000 bytes"),
        ("print('x' * 20_000); 1 / 0", Ending.OUTPUT_LIMIT, "more than 10,000 bytes"),
        ("while True: print('x' * 10_000)", Ending.OUTPUT_LIMIT, "more than 10,000 bytes"),
        ("class E(Exception):\n    def __str__(self): raise self\nraise E", Ending.RUNTIME_ERROR, "E:  (line 3)"),
    ],
)
def test_endings(sandbox, source, ending, detail):
    outcome = run(sandbox, source, cpu_s=0.3)
    assert outcome.ending is ending
    assert detail in outcome.detail
    assert not outcome.alive
    assert outcome.outputs == []


@pytest.mark.slow
def test_a_sleeper_is_ended_by_the_wall_clock(sandbox):
    outcome = run(sandbox, "import time; time.sleep(60)", wall_s=0.5)
    assert outcome.ending is Ending.TIME_LIMIT
    assert outcome.detail.startswith("0.0")


def test_exit_codes_of_success(sandbox):
    for end in ("exit()", "exit(0)", "exit(None)", "quit()", "import os, sys; sys.stdout.flush(); os._exit(0)"):
        assert run(sandbox, f"print(1)\n{end}").outputs == [b"1\n"], end


def test_a_run_stops_at_the_first_failure(sandbox):
    outcome = run(sandbox, "print(1 // int(input()))", b"1", b"0", b"1")
    assert outcome.ending is Ending.RUNTIME_ERROR
    assert outcome.outputs == [b"1\n"]


def test_only_a_fresh_process_forgets(sandbox):
    source = "import builtins\nbuiltins.n = getattr(builtins, 'n', 0) + 1\nprint(builtins.n)"
    assert run(sandbox, source, b"", b"").outputs == [b"1\n", b"2\n"]
    assert sandbox.run([b""]).outputs == [b"3\n"]
    assert sandbox.run([b""], fresh=True).outputs == [b"1\n"]
    assert run(sandbox, source).outputs == [b"1\n"]


def test_a_program_is_given_what_sites_give(sandbox):
    source = """
    from typing import get_type_hints
    def f(x: List[int], y: Optional[int] = None) -> int:
        return Counter(x)[1] + gcd(4, 6) + heappop([3]) + pow(2, 3, 5) + len(list(accumulate(x)))
    print(f([1, 1]), len(get_type_hints(f)), __name__)
    """
    assert run(sandbox, source).outputs == [b"12 3 __main__\n"]


def test_chance_is_the_same_for_everybody(sandbox, tier):
    other = Sandbox(tier, memory_bytes=512 << 20)
    source = "import random\nprint(random.random(), hash('x'))"
    assert run(sandbox, source).outputs == run(other, source).outputs == run(sandbox, source).outputs
    other.close()


def test_large_inputs_and_outputs(sandbox):
    line = b"x" * 3_000_000 + b"\n"
    outcome = run(
        sandbox, "import sys\nsys.stdout.write(sys.stdin.read())", line, output_bytes=1 << 22, file_bytes=1 << 23
    )
    assert outcome.outputs == [line]


def test_preloaded_modules(tier):
    pytest.importorskip("numpy")
    sandbox = Sandbox(tier, memory_bytes=2 << 30, preload=("numpy", "no_such_module"))
    assert run(sandbox, "print(np.arange(3).sum())\nimport numpy.random").outputs == [b"3\n"]
    sandbox.close()


@pytest.mark.parametrize("package", ["numpy", "pandas", "scipy.stats", "sympy"])
def test_packages_can_be_imported_inside(tier, package):
    pytest.importorskip(package)
    if tier == "unsafe":
        pytest.skip("nothing could be missing")
    sandbox = Sandbox(tier, memory_bytes=2 << 30)
    outcome = run(sandbox, f"import {package}\nprint({package}.__name__)", cpu_s=20.0, wall_s=60.0)
    assert outcome.outputs == [f"{package}\n".encode()], outcome.detail
    sandbox.close()


def test_the_environment_is_empty_but_for_libraries(sandbox):
    os.environ["SKYMAKE_TEST_SECRET"] = "x"
    names = run(sandbox, "import os\nprint(*sorted(os.environ))").outputs[0].decode().split()
    del os.environ["SKYMAKE_TEST_SECRET"]
    assert set(names) <= {*tiers.environment(), "LC_CTYPE"}


def test_scratch_is_new_for_every_process(tier, sandbox):
    if tier != "namespaces":
        pytest.skip("only namespaces give a folder to write in")
    dirty = "import os\nprint(os.listdir('.'))\nos.mkdir('locked', 0)\nopen('file', 'w').write('x')\nos.chdir('/')"
    for _ in range(3):
        assert run(sandbox, dirty).outputs == [b"[]\n"]


def test_namespaces_show_nothing_but_libraries(tier, sandbox):
    if tier != "namespaces":
        pytest.skip("the other tiers hide by refusing")
    source = (
        "import os\nprint(*(e for e in os.listdir('/proc') if e.isdigit()))\nprint(os.getuid(), os.listdir('/dev'))"
    )
    processes, rest = run(sandbox, source).outputs[0].decode().splitlines()
    assert len(processes.split()) <= 2
    assert rest.startswith("1000")
    top = run(sandbox, "import os\nprint(*os.listdir('/'))").outputs[0].decode().split()
    assert set(top) <= {folder.split("/")[1] for folder in readable_folders()} | {
        "dev",
        "proc",
        "scratch",
        "tmp",
    }


@pytest.mark.parametrize("name", ["libraries", "own libraries", "bücher", "ク", "back\\slash"])
def test_libraries_cannot_be_written_to_whatever_their_folder_is_called(tier, tmp_path, monkeypatch, name):
    if tier == "unsafe":
        pytest.skip("nothing is forbidden")
    packages = tmp_path / name / "site-packages"
    packages.mkdir(parents=True)
    packages.chmod(0o777)
    monkeypatch.syspath_prepend(str(packages))
    with contextlib.closing(Sandbox(tier, memory_bytes=512 << 20)) as sandbox:
        done = run(sandbox, f"open({str(packages / 'written')!r}, 'w')")
    assert done.ending is Ending.RUNTIME_ERROR and not any(packages.iterdir()), done


def test_a_dead_zygote_is_noticed_and_replaced(tier):
    before = descendants()
    sandbox = Sandbox(tier, memory_bytes=512 << 20)
    assert run(sandbox, ECHO, b"1\n").outputs == [b"1\n"]
    for process in descendants() - before:
        with contextlib.suppress(ProcessLookupError):  # one ends with the other
            os.kill(process, signal.SIGKILL)
    with pytest.raises(SandboxDied):
        sandbox.run([b"2\n"])
    sandbox.end()
    assert run(sandbox, ECHO, b"3\n").outputs == [b"3\n"]
    sandbox.close()
    assert descendants() <= before


def test_closing_leaves_nothing_behind(tier):
    before = descendants()
    sandbox = Sandbox(tier, memory_bytes=512 << 20)
    run(sandbox, ECHO, b"1\n")
    assert descendants() > before
    sandbox.close()
    sandbox.close()
    assert descendants() <= before


def test_what_cannot_start_says_why(tier, monkeypatch):
    monkeypatch.setattr(tiers, "environment", dict)
    sandbox = Sandbox(tier, memory_bytes=512 << 20)
    with pytest.raises(SandboxDied, match="No module named 'skymake'"):
        run(sandbox, ECHO, b"1\n")
    sandbox.close()


def in_new_process(code: str, **options) -> subprocess.Popen:
    packages = [path for path in sys.path if Path(path).name == "site-packages"]
    path = os.pathsep.join([str(ROOT / "scripts"), str(ROOT / "tests"), *packages])
    arguments = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.Popen(arguments, env={"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True, **options)


def test_candidates_die_with_a_killed_grader(tier):
    code = f"""
    from test_sandbox import BOUNDS, Sandbox
    sandbox = Sandbox({tier!r}, 1 << 29)
    sandbox.begin("import time; time.sleep(60)", None, BOUNDS._replace(wall_s=60.0))
    print("started", flush=True)
    sandbox.run([b""])
    """
    before = descendants()
    grader = in_new_process(code)
    assert grader.stdout.readline() == "started\n"
    started = descendants() - before
    assert len(started) >= 2
    grader.kill()
    grader.wait()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{process}").exists() and "Z" not in state(process) for process in started):
        assert time.monotonic() < deadline, "still alive"
        time.sleep(0.02)


def state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_confine_turns_a_process_into_a_computation(tier):
    if tier == "unsafe":
        pytest.skip("has no walls")
    code = f"""
    import socket
    from skymake.sandbox.isolation import confine
    confine({tier!r})
    refused = 0
    for attempt in (lambda: open("/etc/passwd"), lambda: open("/dev/shm/x", "w"), socket.socket, __import__("os").fork):
        try:
            attempt()
        except OSError:
            refused += 1
    print(refused, sum(range(10)))
    """
    process = in_new_process(code)
    assert process.communicate()[0] == "4 45\n"
    assert process.returncode == 0


def test_without_a_tier_the_user_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(tiers, "obstacle", lambda tier: f"no {tier} here")
    tiers.probe.cache_clear()
    with pytest.raises(UserError, match=r"namespaces: no namespaces here; landlock: .*sandbox: unsafe"):
        tiers.probe()
    tiers.probe.cache_clear()


def test_the_doctor_says_where_there_is_no_sandbox(monkeypatch):
    """On a Mac, where projects are planned."""
    code = "import os, termios; del termios.TCGETS; from skymake.doctor import machine; print(machine.sandbox())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "sandbox: " in done.stdout, done.stderr


def test_any_folder_will_do_for_the_interpreter_and_the_package(tier, tmp_path):
    """A virtual environment and a copy of the package, below a folder with a blank in its name and closed to others."""
    home = tmp_path / "own folder"
    home.mkdir(mode=0o700)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "environment"], check=True)
    source = home / "package" / "skymake"
    (source / "sandbox").mkdir(parents=True)
    package = ROOT / "scripts" / "skymake"
    for file in [package / "__init__.py", *(package / "sandbox").glob("*.py")]:
        (source / file.relative_to(package)).write_bytes(file.read_bytes())
    code = f"""
from skymake.sandbox.client import Bounds, Sandbox
sandbox = Sandbox({tier!r}, 1 << 29)
source = "import decimal, sqlite3, ssl, lzma, unicodedata; print(decimal.Decimal(1) / 4)"
sandbox.begin(source, None, Bounds{tuple(BOUNDS)!r})
print(sandbox.run([b""]).outputs, sandbox.run([b""]).detail)
sandbox.close()
"""
    python = home / "environment" / "bin" / "python"
    done = subprocess.run(
        [python, "-c", code], env={"PYTHONPATH": str(source.parent)}, cwd=home, capture_output=True, text=True
    )
    assert done.stdout == "[b'0.25\\n'] \n", done.stderr
