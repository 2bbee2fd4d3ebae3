"""What frozen features cost, and whether that was measured on a machine that was busy with other work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from trainables.clock import Clock

WORTH_SAYING_S = 1.0  # a cost below it decides nothing, and a worker that just started waits for others that do
BUSY = 1.3  # seconds over seconds with a CPU; what took longer than that is measured again
LEAST_WORKED = 0.01  # of the seconds are taken to have had a CPU


@dataclass(frozen=True)
class Cost:
    """Slot-seconds of some work.

    Attributes:
        seconds: what it took.
        cpu_s: CPU seconds of its process over the CPUs of the slot; None where an earlier version measured.
        waited_s: of `seconds`, those without a CPU (see Clock); None where nobody could tell.
    """

    seconds: float
    cpu_s: float | None = None
    waited_s: float | None = None

    @classmethod
    def counted(cls, clock: Clock) -> Cost:
        """What a clock has counted."""
        return cls(clock.charged_s, clock.cpu_s, clock.waited_s)

    @property
    def factor(self) -> float | None:
        """How many times as long it took as with a CPU at all times; None where nobody could tell."""
        if self.waited_s is None:
            return None
        if self.seconds <= 0:
            return 1.0
        # All of it waiting is no calm machine.
        worked_s = max(self.seconds - self.waited_s, LEAST_WORKED * self.seconds)
        return max(1.0, self.seconds / worked_s) if worked_s > 0 else 1 / LEAST_WORKED

    @property
    def busy(self) -> bool:
        """Whether the machine was known to be busy."""
        return (self.factor or 1.0) > BUSY

    @property
    def doubtful(self) -> bool:
        """Whether it is no fair charge on anybody else: the machine was busy, or nobody looked."""
        return self.busy or self.cpu_s is None

    def of_as_many(self, share: float) -> Cost:
        """The cost of so many times as much of the same work."""
        cpu_s, waited_s = (None if part is None else share * part for part in (self.cpu_s, self.waited_s))
        return Cost(share * self.seconds, cpu_s, waited_s)


def in_all(costs: Iterable[Cost]) -> Cost:
    """The sum of costs; what is not known of one is not known of all."""
    several = list(costs)
    cpu_s = [cost.cpu_s for cost in several if cost.cpu_s is not None]
    waited_s = [cost.waited_s for cost in several if cost.waited_s is not None]
    return Cost(
        sum(cost.seconds for cost in several),
        sum(cpu_s) if len(cpu_s) == len(several) else None,
        sum(waited_s) if len(waited_s) == len(several) else None,
    )


@dataclass(frozen=True)
class Price:
    """What is charged for features that were found in the cache, and how it came about.

    Attributes:
        cost: what is charged.
        found: what the cache said, where that was measured again.
        calm: whether the machine was calm then; else `cost` is the lower of the two figures.
    """

    cost: Cost
    found: Cost | None = None
    calm: bool = True


def priced(found: Cost, measure: Callable[[], Cost]) -> Price:
    """The price of features that cost `found` when they were made; measured again where that was on a busy machine."""
    if not found.doubtful:
        return Price(found)
    again = measure()
    if not again.busy:
        return Price(again, found)
    return Price(min(found, again, key=lambda cost: cost.seconds), found, calm=False)


def summed(prices: Sequence[Price]) -> Price:
    """The price of everything together."""
    found = in_all(price.found or price.cost for price in prices) if any(price.found for price in prices) else None
    return Price(in_all(price.cost for price in prices), found, calm=all(price.calm for price in prices))


def costs_note(features: str, prices: Sequence[Price]) -> str | None:
    """A line about features (named in words) whose cost was measured on a busy machine; None where none was, or little.

    Args:
        features: what they are.
        prices: of their parts.
    """
    total, before = in_all(price.cost for price in prices), in_all(price.found or price.cost for price in prices)
    if max(total.seconds, before.seconds) < WORTH_SAYING_S:
        return None
    charged = f"Features of {features}: {total.seconds:.1f} s are charged"
    if any(price.found for price in prices):
        made = f"{before.seconds:.1f} s when they were made, on a busy machine or before anybody looked"
        if all(price.calm for price in prices):
            return f"{charged}, by a sample timed again just now ({made})"
        return f"{charged}, the least that is known: the machine is busy just now as well ({made})"
    if total.busy:
        return (
            f"{charged}, {total.waited_s:.1f} s of which passed in waiting for a CPU that other programs had; "
            "they are timed again before another study is charged for them"
        )
    return None
