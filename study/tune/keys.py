"""Keys stay where they are: Ray Tune is kept from handing the driver's to the processes of trials.

It would hand on AWS_SECRET_ACCESS_KEY and its like as a runtime environment, and Ray writes those into logs. A process
of a trial has the environment of its node: on a machine alone that is the driver's own, and the nodes of a cluster
have keys of their own where they need any (docs/storage.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ray.tune.execution import class_cache

SETTINGS = ("RAY_", "TUNE_")  # how the names of settings begin; what Tune hands on beside them is the user's


@contextmanager
def keys_kept_out() -> Iterator[None]:
    """Let Tune hand on nothing but Ray's own settings, for as long as the context lasts."""
    names = class_cache.ENV_VARS_TO_PROPAGATE
    class_cache.ENV_VARS_TO_PROPAGATE = {name for name in names if name.startswith(SETTINGS)}
    try:
        yield
    finally:
        class_cache.ENV_VARS_TO_PROPAGATE = names
