"""How much is taken from whom: a bucket that fills up slowly."""

from __future__ import annotations

import time
from collections.abc import Callable


class Bucket:
    """So many at once, and then so many a second.

    Args:
        burst: How many are in the full bucket.
        rate: How many come into it a second.
        clock: Seconds that only grow.
    """

    def __init__(
        self, burst: float, rate: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst, self._rate, self._clock = burst, rate, clock
        self._left, self._then = burst, clock()

    def take(self) -> bool:
        """Take one; False where none is left."""
        now = self._clock()
        self._left = min(self._burst, self._left + self._rate * (now - self._then))
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
