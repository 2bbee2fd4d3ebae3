"""Metered time: what an approach is charged, and what it is not.

The clock runs only inside `charging()`: feature extraction, training and validation. Everything else (imports, building
a network, loading data, writing checkpoints) passes while it is paused. On a GPU it waits for the device's queue before
it looks at the time, so that work is charged to the step that caused it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


class Clock:
    """Charged seconds, from a monotonic clock.

    Args:
        now: seconds from any fixed moment; never goes back.
        synchronise: waits until the device has done what it was given.
        charged_s: where the count starts, for a trial that goes on from a checkpoint.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        synchronise: Callable[[], None] = lambda: None,
        *,
        charged_s: float = 0.0,
    ) -> None:
        self._now = now
        self._synchronise = synchronise
        self.charged_s = charged_s

    @contextmanager
    def charging(self) -> Iterator[None]:
        """Charge what happens inside, also when it raises."""
        self._synchronise()
        start = self._now()
        try:
            yield
        finally:
            self._synchronise()
            self.charged_s += self._now() - start


def clock_for(device: torch.device, *, charged_s: float = 0.0) -> Clock:
    """The clock for work on this device."""
    if device.type == "cuda":
        return Clock(synchronise=lambda: torch.cuda.synchronize(device), charged_s=charged_s)
    return Clock(charged_s=charged_s)
