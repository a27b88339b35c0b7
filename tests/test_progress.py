"""Progress is a bar on a terminal and a few lines in a log."""

import logging
from types import SimpleNamespace

from skymake.progress import Progress


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end(caplog, capsys, monkeypatch):
    caplog.set_level(logging.INFO)
    now = 0.0
    monkeypatch.setattr("skymake.progress.time", SimpleNamespace(monotonic=lambda: now))
    with Progress(50, "asking", every_s=10.0) as progress:
        for number in range(50):
            now += 0.5
            progress.add(tokens=10, failed=number == 7)
    assert caplog.messages == [f"asking: {done}/50, 20 tokens/s, 1 failed" for done in (20, 40, 50)]
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(caplog, capsys, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(3, "asking", every_s=0.0) as progress:
        for _ in range(3):
            progress.add(tokens=10)
    assert "3/3" in capsys.readouterr().err
    assert len(caplog.messages) == 1
