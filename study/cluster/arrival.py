"""Whether the workers can import the approaches from outside: asked of one of them before a study begins.

Else each of their trials would fail as its process begins.
"""

from __future__ import annotations

from collections.abc import Mapping

import ray
from ray import cloudpickle

from study.cluster.code import is_outside
from trainables.errors import ApproachError, one_line
from trainables.spec import Slot


def refuse_not_arrived(kinds: Mapping[str, type], slot: Slot) -> None:
    """Let one task, in a slot as a trial would be, import what was written elsewhere.

    Args:
        kinds: classes of the approaches, by name.
        slot: of the study.

    Raises:
        ApproachError: the first that cannot be imported there, and why.
    """
    outside = {name: cloudpickle.dumps(kind) for name, kind in kinds.items() if is_outside(kind)}
    for name, cause in _problems(outside, slot).items():
        module = kinds[name].__module__
        raise ApproachError(
            f"approaches.{name}: the workers cannot import {module} ({cause}); put the module, and what it imports, "
            "where the workers find it; where Ray ran in this process before the study, ray.shutdown() first"
        )


def _problems(outside: Mapping[str, bytes], slot: Slot) -> dict[str, str]:
    if not outside:
        return {}
    task = ray.remote(_imported).options(num_cpus=slot.cpus, num_gpus=slot.gpus, max_retries=0)
    try:
        problems: dict[str, str] = ray.get(task.remote(outside))
    except ray.exceptions.RayError as error:  # a module may end the process that imports it
        return {next(iter(outside)): one_line(error)}
    return problems


def _imported(outside: Mapping[str, bytes]) -> dict[str, str]:
    return {name: problem for name, pickled in outside.items() if (problem := _problem(pickled))}


def _problem(pickled: bytes) -> str | None:
    try:
        cloudpickle.loads(pickled)
    except (Exception, SystemExit) as error:  # whatever somebody else's file does
        return one_line(error)
    return None
