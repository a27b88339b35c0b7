"""The bridge between a Snakemake rule and the function of the same name."""

import inspect
import logging
import signal
import sys
from collections.abc import Callable
from typing import Any

from skymake import UserError


def run(function: Callable[..., None], job: Any) -> None:
    """Call `function` with the rule's named inputs, outputs, params and logs.

    Messages go to the terminal and to the rule's first log. `code` is left out of the call: it stands in the rule only
    so that an edit of the code runs the rule again. A function that takes `threads` gets the job's.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr), logging.FileHandler(job.log[0], mode="w")]
    logging.basicConfig(level=logging.INFO, format=f"{job.rule}: %(message)s", handlers=handlers, force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line a request would drown everything else
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what a job started is ended
    named = {name: value for part in (job.input, job.output, job.params, job.log) for name, value in part.items()}
    named.pop("code", None)
    if "threads" in inspect.signature(function).parameters:
        named["threads"] = job.threads
    try:
        function(**named)
    except UserError as error:
        logging.error("%s", error)
        sys.exit(1)
    except Exception:
        logging.exception("%s failed", job.rule)
        sys.exit(1)
