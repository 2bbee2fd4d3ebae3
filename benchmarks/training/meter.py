"""What a loop tells after each batch, and what that comes to; it ends the loop when enough was seen."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from torch import Tensor

WARM_UP = 2  # batches that are not counted
MOST_LOSSES = 50


class Enough(Exception):  # noqa: N818 - no error
    """Raised in the loop that is measured, to end it."""


@dataclass(frozen=True)
class Moment:
    """Where a process stood: seconds, its CPU seconds, its page faults, images so far."""

    wall_s: float
    cpu_s: float
    faults: int
    images: int


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What a loop did after its first batches.

    Attributes:
        images_per_s: by the wall.
        images_per_cpu_s: by the CPU seconds of this process; DataLoader's workers are others.
        faults: page faults a batch that needed no disk: memory that the kernel handed out anew.
        losses: of the first batches, those that warm up included; none in an extraction.
        peak_mb: the most memory that the process held.
        loop_s: seconds that were measured.
    """

    images_per_s: float
    images_per_cpu_s: float
    faults: float
    losses: list[float]
    peak_mb: float
    loop_s: float

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass
class Meter:
    """Measures for so many seconds after the first batches, or at most so many batches.

    Attributes:
        for_s: seconds.
        most: batches that are counted, at most.
        synchronise: waits until the device has done what was asked of it.
        clock: seconds that only go forward.
    """

    for_s: float
    most: int = 1_000_000
    synchronise: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    losses: list[float | Tensor] = field(default_factory=list)
    _batches: int = 0
    _images: int = 0
    _began: Moment | None = None
    _last: Moment | None = None

    def __call__(self, images: int, loss: float | Tensor | None = None) -> None:
        """One more batch is done, or on its way; a tensor is not waited for.

        Raises:
            Enough: that was the last.
        """
        self._batches += 1
        self._images += images
        if loss is not None and len(self.losses) < MOST_LOSSES:
            self.losses.append(loss)
        if self._batches < WARM_UP:
            return
        if self._began is None:
            self._began = self._now()
            return
        counted = self._batches - WARM_UP
        if counted >= self.most or self.clock() - self._began.wall_s >= self.for_s:
            self._last = self._now()
            raise Enough

    def speed(self) -> Speed:
        """What was measured."""
        began, last = self._began, self._last or self._now()
        assert began is not None, f"the loop ended after {self._batches} batches, before it was warm"
        wall_s, images = last.wall_s - began.wall_s, last.images - began.images
        return Speed(
            images_per_s=images / wall_s,
            images_per_cpu_s=images / max(last.cpu_s - began.cpu_s, 1e-6),
            faults=(last.faults - began.faults) / max(1, self._batches - WARM_UP),
            losses=[float(loss) for loss in self.losses],
            peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            loop_s=wall_s,
        )

    def _now(self) -> Moment:
        self.synchronise()
        used = resource.getrusage(resource.RUSAGE_SELF)
        return Moment(self.clock(), used.ru_utime + used.ru_stime, used.ru_minflt, self._images)
