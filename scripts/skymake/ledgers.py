"""What a project really cost: how long servers and trainers ran, what was asked of them, and whom that served."""

import os
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from skymake import records
from skymake.records import Record

EVERY_S = 30.0  # so much of a server's time is lost to the books at most when it is killed


class Served(Record):
    """A server's life. weights: digest of what it served. began: seconds since the epoch. gpus: it was spread over."""

    weights: str
    gpus: int
    began: float
    seconds: float


class Entry(Record):
    """A line of the ledger: what a plan's line became.

    stage, model, subject: as in the plan. recipes: whom it served; none where it served the evaluation alone. count:
    answers or rows. None stands for what was not measured: an import, or what ran before there was a ledger.
    """

    stage: str
    model: str
    subject: str
    recipes: list[str]
    count: int
    prompt_tokens: int
    completion_tokens: int
    request_hours: float
    gpu_hours: float | None
    usd: float | None


class Bill(Record):
    """What the training set and the student of one recipe cost, stage by stage. rows: of the mixture."""

    recipe: str
    rows: int
    labelling_usd: float | None
    sampling_usd: float | None
    rewriting_usd: float | None
    training_usd: float | None
    gpu_hours: float | None
    completion_tokens: int


class Ledger(Record):
    """All lines, and the bill of each recipe with a mixture."""

    entries: list[Entry]
    bills: list[Bill]


def total(amounts: Iterable[float | None]) -> float | None:
    """The sum; None where one of them was not measured."""
    found = list(amounts)
    return None if None in found else sum(found)


class Account:
    """The book of one server's life in the store, brought up to date while it runs."""

    def __init__(self, store: str, model: str, weights: str, gpus: int) -> None:
        self._began = time.time()
        name = f"{int(self._began)}-{socket.gethostname()}-{os.getpid()}.json"
        self._path = Path(store) / "serving" / model / name
        self._served = Served(weights, gpus, self._began, 0.0)

    def follow(self, server: subprocess.Popen) -> int:
        """Wait for the server's end, and note its time meanwhile and at the end. Returns its exit code."""
        try:
            while True:
                try:
                    return server.wait(EVERY_S)
                except subprocess.TimeoutExpired:
                    self._note()
        finally:
            self._note()

    def _note(self) -> None:
        self._served.seconds = round(time.time() - self._began, 1)
        records.write_json(self._path, self._served)


def gpu_hours(store: str, model: str, weights: str) -> float | None:
    """Hours of accelerators that servers of these weights took; None when no life of theirs is in the books."""
    lives = [records.read_json(path, Served) for path in sorted((Path(store) / "serving" / model).glob("*.json"))]
    mine = [life.gpus * life.seconds / 3600 for life in lives if life.weights == weights]
    return sum(mine) if mine else None
