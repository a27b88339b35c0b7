"""What Snakemake does in a run, event by event, as `journal.jsonl` in the results, so that anyone can follow it.

Snakemake's own log holds no events when it is told to be quiet, and is meant for the eye.
"""

import logging
import socket
import time
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
import psutil
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from skymake import records
from skymake.records import Record

NAME = "journal.jsonl"
CLOCK_S = 60.0  # so far a clock may be set, and the time of a process's birth with it


class Driver(Record):
    """The process that runs Snakemake. born: seconds of the epoch; another process may have its number by now."""

    host: str
    pid: int
    born: float

    @classmethod
    def here(cls) -> Self:
        """This process."""
        own = psutil.Process()
        return cls(socket.gethostname(), own.pid, own.create_time())

    @property
    def gone(self) -> bool:
        """Whether it has ended, as far as this machine can know: it says nothing of one on another."""
        if self.host != socket.gethostname():
            return False
        try:
            found = psutil.Process(self.pid)
            return found.status() == psutil.STATUS_ZOMBIE or abs(found.create_time() - self.born) > CLOCK_S
        except psutil.NoSuchProcess:
            return True


class Event(Record):
    """One event. time: seconds of the epoch.

    begin: of the run, by `driver`. plan: rules, rule -> how many of its jobs are to run. start, finish, fail: of the
    job `id`, which is one of `rule` with `wildcards`, and makes `outputs`. A quiet run tells no finish. end: of the
    run; `rule` is `done` or `failed`.
    """

    time: float
    kind: Literal["begin", "plan", "start", "finish", "fail", "end"]
    rules: dict[str, int] = msgspec.field(default_factory=dict)
    id: int = -1
    rule: str = ""
    wildcards: dict[str, str] = msgspec.field(default_factory=dict)
    outputs: list[str] = msgspec.field(default_factory=list)
    logs: list[str] = msgspec.field(default_factory=list)
    driver: Driver | None = None


class Journal(logging.Handler):
    """Notes the events of Snakemake's logger. The plan comes before the hook `onstart`, so until then it is held back:
    a dry run, which has no such hook, writes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[Event] = []
        self._path: Path | None = None
        logger.addHandler(self)

    def begin(self, results: str) -> None:
        """Start the journal of a run in a results folder, in place of the last one's."""
        self._path = Path(results) / NAME
        records.write(self._path, [*self._held, Event(time.time(), "begin", driver=Driver.here())])

    def end(self, how: Literal["done", "failed"]) -> None:
        """Close the journal of the run."""
        self._write(Event(time.time(), "end", rule=how))

    def emit(self, record: logging.LogRecord) -> None:
        event = self._event(record)
        if event and self._path:
            self._write(event)
        elif event:
            self._held.append(event)

    def _event(self, record: logging.LogRecord) -> Event | None:
        said: dict[str, Any] = vars(record)
        match said.get("event"):
            case LogEvent.RUN_INFO:
                return Event(
                    record.created, "plan", {k: n for k, n in said["stats"].items() if k not in ("all", "total")}
                )
            case LogEvent.JOB_INFO:
                outputs, logs = ([str(file) for file in said[kind]] for kind in ("output", "log"))
                wildcards = {name: str(value) for name, value in said["wildcards"].items()}
                return Event(record.created, "start", {}, said["jobid"], said["rule_name"], wildcards, outputs, logs)
            case LogEvent.JOB_FINISHED:
                return Event(record.created, "finish", id=said["job_id"])
            case LogEvent.JOB_ERROR:
                return Event(record.created, "fail", id=said["jobid"], rule=said["rule_name"])
        return None

    def _write(self, event: Event) -> None:
        with open(self._path, "ab", buffering=0) as file:  # who reads meanwhile finds whole lines
            file.write(msgspec.json.encode(event) + b"\n")
