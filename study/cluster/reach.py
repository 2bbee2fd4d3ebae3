"""Whether the workers can write to the object store of a study: asked of one of them before it begins.

They have the keys of their node, since nobody hands them the driver's. Else a study would spend its budgets and then
have nowhere to write its predictions.
"""

from __future__ import annotations

import ray

from analysis.records.errors import StorageError, cut
from study.cluster.arrival import answer
from study.cluster.nodes import ClusterError
from study.place import is_uri, refuse_unwritable
from trainables.errors import first_line, one_line
from trainables.spec import Slot

TRIED_WITHIN_S = 60.0


def refuse_out_of_reach(directory: str, slot: Slot) -> None:
    """Let one task, in a slot as a trial would be, write to an object store; folders are not asked for.

    Raises:
        ClusterError: it cannot.
    """
    if not is_uri(directory):
        return
    try:
        problem = answer(_problem, directory, slot=slot, within_s=TRIED_WITHIN_S)
    except ray.exceptions.RayError as error:
        problem = one_line(error)
    if problem is not None:
        raise ClusterError(
            f"{cut(problem, 120)}: so says a worker; every node needs keys of its own, such as AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, in the environment of its `ray start`"
        )


def _problem(directory: str) -> str | None:
    try:
        refuse_unwritable(directory)
    except StorageError as error:
        return first_line(error)
    return None
