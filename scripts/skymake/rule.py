"""The bridge between a Snakemake rule and the function of the same name."""

import inspect
import logging
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from skymake import UserError, processes


def run(function: Callable[..., None], job: Any) -> NoReturn:
    """Call `function` with the rule's named inputs, outputs, params and logs, and end the process.

    Messages go to the terminal and to the rule's first log. `code` is left out of the call: it stands in the rule only
    so that an edit of the code runs the rule again. A function that takes `threads` gets the job's.
    """
    named = {name: value for part in (job.input, job.output, job.params, job.log) for name, value in part.items()}
    named.pop("code", None)
    if "threads" in inspect.signature(function).parameters:
        named["threads"] = job.threads
    _call(function, named, job.log[0])


def serve(function: Callable[..., None]) -> NoReturn:
    """The same for a service, a `shell:` rule that states its arguments as name=value, `log` among them.

    Snakemake ends a service by SIGTERM, which it sends to the shell commands of a job but not to its scripts.
    """
    named = dict(argument.split("=", 1) for argument in sys.argv[1:])
    _call(function, named, named.pop("log"))


def _call(function: Callable[..., None], named: dict[str, Any], log: str) -> NoReturn:
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr), logging.FileHandler(log, "w", "utf-8")]
    logging.basicConfig(level=logging.INFO, format=f"{function.__name__}: %(message)s", handlers=handlers, force=True)
    for library in ("httpx", "httpx2"):  # a line for every request would drown the rest
        logging.getLogger(library).setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what a job started is ended
    processes.end_with_parent()
    try:
        function(**named)
    except UserError as error:
        logging.error("%s", error)
        sys.exit(1)
    except Exception:
        logging.exception("%s failed", function.__name__)
        sys.exit(1)
    sys.exit(0)
