"""Progress of many requests: a bar on a terminal, a line in the log every ten seconds elsewhere."""

import logging
import sys
import time
from typing import Self

from tqdm import tqdm

log = logging.getLogger(__name__)


class Progress:
    """Counts what is done, failed, and how many tokens came of it. Use it as a context manager."""

    def __init__(self, total: int, what: str, every_s: float = 10.0) -> None:
        self.total, self.what, self.every_s = total, what, every_s
        self.done = self.failed = self.tokens = 0
        self._started = self._said = time.monotonic()
        self._bar = tqdm(total=total, desc=what, disable=not sys.stderr.isatty(), smoothing=0.1)

    def add(self, tokens: int = 0, failed: bool = False) -> None:
        """One more is done."""
        self.done += 1
        self.failed += failed
        self.tokens += tokens
        self._bar.set_postfix_str(self._state(), refresh=False)
        self._bar.update()
        if self._bar.disable and time.monotonic() - self._said >= self.every_s:
            self._say()

    def _state(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        return f"{self.tokens / seconds:.0f} tokens/s, {self.failed} failed"

    def _say(self) -> None:
        self._said = time.monotonic()
        log.info("%s: %d/%d, %s", self.what, self.done, self.total, self._state())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        self._say()
