"""The commands of `skymake`, run as a user runs them."""

import os
import signal
import subprocess
import sys

import pytest
from test_grading import ANSWERS, items, problems

from skymake import cli, records
from skymake.grading import Limits
from skymake.records import Verdict


def skymake(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "skymake.cli", *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    records.write(folder / "problems.jsonl", problems().values())
    records.write(folder / "traces.jsonl", [trace for _, trace in items()])
    return folder


@pytest.fixture(scope="module")
def graded(files):
    named = ("--problems", files / "problems.jsonl", "--traces", files / "traces.jsonl")
    return skymake("grade", *named, "--out", files / "verdicts.jsonl", "--workers", 2)


def test_grade_writes_verdicts_and_counts_them(files, graded):
    assert graded.returncode == 0, graded.stderr
    statuses = [verdict.status for verdict in records.read(files / "verdicts.jsonl", Verdict)]
    assert statuses == [status for _, _, status in ANSWERS]
    assert "4  correct" in graded.stdout and "3  wrong" in graded.stdout


def test_grade_diff_shows_what_flipped(files, graded):
    same = skymake("grade-diff", files / "verdicts.jsonl", files / "verdicts.jsonl")
    assert (same.returncode, same.stdout) == (0, "no verdict differs\n")
    verdicts = list(records.read(files / "verdicts.jsonl", Verdict))
    verdicts[1].status = "correct"
    records.write(files / "other.jsonl", verdicts)
    other = skymake("grade-diff", files / "verdicts.jsonl", files / "other.jsonl")
    assert other.returncode == 1
    assert "1  wrong -> correct" in other.stdout and "'63'" in other.stdout


def test_a_mistake_is_named_without_a_traceback(files):
    named = ("--problems", files / "nothing.jsonl", "--traces", files / "traces.jsonl", "--out", files / "out.jsonl")
    run = skymake("grade", *named)
    assert run.returncode == 2
    assert run.stderr.strip() == f"skymake: {files / 'nothing.jsonl'}: no such file"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_names_every_command_and_every_command_has_help(command, capsys):
    for words, said in (["--help"], f"    {command} "), ([command, "--help"], f"usage: skymake {command} "):
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        assert ended.value.code == 0 and said in capsys.readouterr().out.replace("\n", " \n")


def test_every_limit_of_the_graders_is_an_option():
    told = skymake("grade", "--help").stdout
    assert all(f"--{name.replace('_', '-')}" in told for name in Limits.__struct_fields__)
    assert skymake("unheard-of").returncode == 2


def test_store_says_what_it_holds_or_that_there_is_nothing(tmp_path):
    entry = '{"failed":"timeout"}\n'
    segment = tmp_path / "completions" / "model" / "set" / "1.jsonl"
    segment.parent.mkdir(parents=True)
    segment.write_text(entry)
    held = skymake("store", "--store", tmp_path, "stats")
    assert held.returncode == 0, held.stderr
    assert "model" in held.stdout and "set" in held.stdout
    nothing = skymake("store", "--store", tmp_path / "elsewhere", "stats")
    assert nothing.returncode == 2
    assert "holds nothing" in nothing.stderr


COMMAND = """
import sys, time, types
from skymake import cli
module = types.ModuleType("command")
module.describe, module.run = lambda parser: None, {run}
sys.modules["command"], cli.COMMANDS = module, {{"say": ("command", "help")}}
sys.exit(cli.main(["say"]))
"""


def test_ctrl_c_shows_no_traceback():
    run = 'lambda arguments: print("ready", flush=True) or time.sleep(60)'
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(run=run)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert (process.communicate()[1], process.returncode) == ("", 130)


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_who_has_seen_enough_shows_no_traceback(lines):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", COMMAND.format(run=f'lambda arguments: print("line\\n" * {lines}) or 0')]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.stderr, done.returncode) == ("", 141)


def test_a_terminal_that_lacks_a_letter_shows_its_number():
    command = [sys.executable, "-c", COMMAND.format(run='lambda arguments: print("\\u03c0") or 0')]
    done = subprocess.run(command, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("\\u03c0\n", 0)
