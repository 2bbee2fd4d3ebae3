"""What is being done while there is no trial to show yet, how far it is, and for how long."""

from __future__ import annotations

import time


class Doing:
    """One thing that is being done, from now on.

    Args:
        what: in words, as in `decoding images`.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._done, self._among = 0, 0
        self._began = time.monotonic()

    def count(self, done: int, among: int) -> None:
        """So many are done of so many; 0 of 0 where that is not counted."""
        self._done, self._among = done, among

    @property
    def progress(self) -> str:
        """What, and how far it is: `decoding images: 1,200 of 5,193`."""
        return f"{self.what}: {self._done:,} of {self._among:,}" if self._among else self.what

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began
