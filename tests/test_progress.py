"""Progress is a bar on a terminal and a few lines in a log."""

import logging
import time

from skymake.progress import Progress


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end(caplog, capsys):
    caplog.set_level(logging.INFO)
    with Progress(50, "asking", every_s=0.1) as progress:
        for number in range(50):
            time.sleep(0.005)
            progress.add(tokens=10, failed=number == 7)
    assert 2 <= len(caplog.messages) <= 6
    assert caplog.messages[-1].startswith("asking: 50/50, ")
    assert caplog.messages[-1].endswith(" tokens/s, 1 failed")
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(caplog, capsys, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(3, "asking", every_s=0.0) as progress:
        for _ in range(3):
            progress.add(tokens=10)
    assert "3/3" in capsys.readouterr().err
    assert len(caplog.messages) == 1
