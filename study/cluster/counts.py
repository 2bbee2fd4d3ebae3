"""How far tasks on all nodes are: numbers in the cluster's own small store, which they write and the driver reads.

An actor that counts would be a process of its own, whose start takes seconds of CPU from the work that is being timed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import ray
from ray.experimental import internal_kv

EVERY_S = 1.0  # a task writes its number, which takes it half a millisecond
LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Counts:
    """A number for each of some tasks, to which it travels."""

    key: str = field(default_factory=lambda: f"transfer-study-counts-{uuid.uuid4().hex}/")

    def writer(self, task: str) -> Callable[[int], None]:
        """Called with the latest number of a task, it writes one a second at most."""
        next_at = 0.0

        def write(number: int) -> None:
            nonlocal next_at
            if time.monotonic() >= next_at:
                internal_kv._internal_kv_put(self.key + task, str(number))
                next_at = time.monotonic() + EVERY_S

        return write

    def sum(self) -> int:
        """The latest numbers of all tasks together."""
        keys = internal_kv._internal_kv_list(self.key)
        return sum(int(internal_kv._internal_kv_get(key) or 0) for key in keys)

    def follow(self, tasks: Sequence[ray.ObjectRef], told: Callable[[int], None]) -> None:
        """Tell the sum of their numbers now and then, until all tasks have ended."""
        told(0)
        while tasks and ray.wait(tasks, num_returns=len(tasks), timeout=LOOK_EVERY_S)[1]:
            told(self.sum())
        internal_kv._internal_kv_del(self.key, del_by_prefix=True)
