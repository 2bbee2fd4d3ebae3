"""Metered time: what an approach is charged, and what it is not.

The clock runs only inside `charging()`: feature extraction, training and validation. Everything else (imports, building
a network, loading data, writing checkpoints) passes while it is paused. On a GPU it waits for the device's queue before
it looks at the time, so that work is charged to the step that caused it.

Beside the seconds charged it counts those of CPU, and those in which the work waited for a CPU that another program
had: a charged second of a busy machine buys less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from trainables.process.run_queue import waits


class Clock:
    """Charged seconds, from a monotonic clock; what the process and this thread did meanwhile.

    Args:
        now: seconds from any fixed moment; never goes back.
        synchronise: waits until the device has done what it was given.
        charged_s: where the count starts, for a trial that goes on from a checkpoint.
        cpu: CPU seconds of the process from any fixed moment, all its threads, over the CPUs of its slot.
        waited: seconds from any fixed moment in which this thread had work and no CPU; None where that is not known, or
            says nothing, as beside a GPU.

    Attributes:
        charged_s: charged so far.
        cpu_s: CPU seconds of the process while the clock ran, over the CPUs of its slot.
        waited_s: seconds of those charged in which this thread waited for a CPU, or None.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        synchronise: Callable[[], None] = lambda: None,
        *,
        charged_s: float = 0.0,
        cpu: Callable[[], float] = lambda: 0.0,
        waited: Callable[[], float] | None = None,
    ) -> None:
        self._now = now
        self._synchronise = synchronise
        self._cpu, self._waited = cpu, waited
        self.charged_s = charged_s
        self.cpu_s = 0.0
        self.waited_s: float | None = 0.0 if waited else None

    @contextmanager
    def charging(self) -> Iterator[None]:
        """Charge what happens inside, also when it raises."""
        self._synchronise()
        start, cpu, waited = self._now(), self._cpu(), self._waited_until_now()
        try:
            yield
        finally:
            self._synchronise()
            took_s = self._now() - start
            self.charged_s += took_s
            self.cpu_s += self._cpu() - cpu
            if self.waited_s is not None:
                self.waited_s += min(self._waited_until_now() - waited, took_s)

    def go_on(self, charged_s: float, cpu_s: float, waited_s: float | None) -> None:
        """Count on from these seconds, of another clock perhaps; what one of the two did not count is not known."""
        self.charged_s, self.cpu_s = charged_s, cpu_s
        if self.waited_s is not None:
            self.waited_s = waited_s

    def _waited_until_now(self) -> float:
        return self._waited() if self._waited is not None else 0.0


def clock_for(device: torch.device, *, charged_s: float = 0.0) -> Clock:
    """The clock for work on this device, in a process held to its slot's CPUs (`spec.pin_threads`).

    On a GPU nobody counts the wait for a CPU: the device works on meanwhile.
    """
    cpus = torch.get_num_threads()

    def cpu() -> float:
        return time.process_time() / cpus

    if device.type == "cuda":
        return Clock(synchronise=lambda: torch.cuda.synchronize(device), charged_s=charged_s, cpu=cpu)
    return Clock(charged_s=charged_s, cpu=cpu, waited=waits(cpus))
