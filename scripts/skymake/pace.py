"""Keeping to what an endpoint allows: so much a minute, and each API key in its turn."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Pace:
    """Lets at most `per_minute` units through a minute, evenly, first come first served. None: no limit."""

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 60 / per_minute if per_minute else 0.0
        self._free_at = 0.0
        self._line = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until what was spent has had its time. Whoever returns from here spends before the next one does."""
        async with self._line:
            while (wait := self._free_at - time.monotonic()) > 0:
                await asyncio.sleep(min(wait, 0.5))  # what is given back meanwhile shortens the wait

    def spend(self, units: float) -> None:
        """Spend units, or with a negative number give some back."""
        self._free_at = max(self._free_at, time.monotonic()) + units * self._seconds_each


class Turns(Generic[T]):
    """Things used in turn, each of which can be held back for a while."""

    def __init__(self, things: Iterable[T]) -> None:
        self._line = deque(things)
        self._held: dict[T, float] = {}

    async def next(self) -> T:
        """The next one that is not held; when all are, the first to be let go, after the wait for it."""
        thing = min(self._line, key=self.wait)  # of equals, the first in line
        self._line.remove(thing)
        self._line.append(thing)
        await asyncio.sleep(self.wait(thing))
        return thing

    def wait(self, thing: T) -> float:
        """Seconds for which it is still held."""
        return max(0.0, self._held.get(thing, 0.0) - time.monotonic())

    def hold(self, thing: T, seconds: float) -> None:
        """Do not use it for so many seconds."""
        self._held[thing] = max(self._held.get(thing, 0.0), time.monotonic() + seconds)
