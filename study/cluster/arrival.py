"""Whether the workers can import the program, and the approaches from outside: asked of one before a study begins.

Else each of their trials would fail as its process begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import ray
from ray import cloudpickle
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from study.cluster.code import is_outside
from trainables.errors import ApproachError, InputError, first_line, one_line
from trainables.spec import Slot

# What a trial's process imports first of each package. Not study before the others: it sees to where these come from.
BEGUN_WITHIN_S = 120.0  # a process of Ray's own, before it has imported anything; Ray gives each 60 s and makes another
IMPORTED_WITHIN_S = 180.0  # torch from a network's disk takes a minute where nobody has read it yet
FIRST = ("trainables.trainable", "analysis.records.storage", "study.cluster.arrival")
LOOK_EVERY_S = 60  # at whether a slot is free
OWN_RAY = "where Ray ran in this process before the study, ray.shutdown() first"
T = TypeVar("T")
A = TypeVar("A")
Asked = Callable[[Mapping[str, bytes]], tuple[str, dict[str, str]]]


class WorkerError(InputError):
    """The processes of trials cannot begin on this cluster."""


def refuse_not_arrived(kinds: Mapping[str, type], slot: Slot) -> None:
    """Let one task, in a slot as a trial would be, import the program and what was written elsewhere.

    Args:
        kinds: classes of the approaches, by name.
        slot: of the study.

    Raises:
        WorkerError: the program cannot be imported there, or the task ended its process.
        ApproachError: the first approach that cannot be imported there, and why.
    """
    outside = {name: cloudpickle.dumps(kind) for name, kind in kinds.items() if is_outside(kind)}
    for name, cause in _problems(outside, slot).items():
        module = kinds[name].__module__
        raise ApproachError(
            f"approaches.{name}: the workers cannot import {module} ({cause}); put the module, and what it imports, "
            f"where the workers find it; {OWN_RAY}"
        )


def answer(question: Callable[[T], A], given: T, *, slot: Slot, within_s: float) -> A:
    """What one task, in a slot as a trial would be, answers.

    Args:
        within_s: seconds that it may take, once its process has begun: within BEGUN_WITHIN_S from when a slot is free
            for it. Until then, others may hold them all, and that is waited for.

    Raises:
        RayError: its process ended, or it was too late.
    """
    with _held(slot) as holding:
        _got(ray.remote(lambda: None).options(**holding).remote(), "no process begins", BEGUN_WITHIN_S)
        told: A = _got(ray.remote(question).options(**holding).remote(given), "no answer", within_s)
    return told


@contextmanager
def _held(slot: Slot) -> Iterator[dict[str, Any]]:
    """Options of tasks in a slot that is waited for, and that nobody else can have meanwhile."""
    group = ray.util.placement_group([{"CPU": slot.cpus} | ({"GPU": slot.gpus} if slot.gpus else {})])
    try:
        while not group.wait(LOOK_EVERY_S):
            pass
        yield {
            "num_cpus": slot.cpus,
            "num_gpus": slot.gpus,
            "max_retries": 0,
            "scheduling_strategy": PlacementGroupSchedulingStrategy(group),
        }
    finally:
        ray.util.remove_placement_group(group)


def _got(asked: Any, late: str, within_s: float) -> Any:
    """What a task answers, unless it is too late."""
    try:
        return ray.get(asked, timeout=within_s)
    except ray.exceptions.GetTimeoutError:
        ray.cancel(asked, force=True)
        raise ray.exceptions.GetTimeoutError(f"{late} within {within_s:.0f} s") from None


def _problems(outside: Mapping[str, bytes], slot: Slot) -> dict[str, str]:
    try:
        program, problems = answer(_question(), outside, slot=slot, within_s=IMPORTED_WITHIN_S)
    except ray.exceptions.OutOfMemoryError as error:
        raise WorkerError(
            "a worker was ended by Ray as it began, as the memory of its node ran out; free memory there, or use a "
            "machine with more"
        ) from error
    except ray.exceptions.GetTimeoutError as error:
        raise WorkerError(
            f"the workers do not come as far as a trial ({first_line(error)}); Ray's logs say more"
        ) from error
    except ray.exceptions.RayError as error:  # a module may end the process that imports it
        if outside:
            return {next(iter(outside)): one_line(error)}
        raise WorkerError(f"a worker ended as it began ({one_line(error)}); Ray's logs say more") from error
    if program:
        raise WorkerError(
            f"the workers cannot import this program: {program}; install it with its dependencies on all nodes, or "
            f"take away what has its name there; {OWN_RAY}"
        )
    return dict(problems)


def _question() -> Asked:
    """A function that travels whole, as one that is defined in another does: nothing has to be imported to begin it."""
    modules = FIRST

    def ask(outside: Mapping[str, bytes]) -> tuple[str, dict[str, str]]:
        from importlib import import_module
        from importlib.util import find_spec

        for module in modules:
            try:
                found = import_module(module)
            except (Exception, SystemExit) as error:  # of somebody's own module of that name, too
                place = getattr(find_spec(module.partition(".")[0]), "origin", None)
                lines = str(error).splitlines() or [""]
                return f"{type(error).__name__}: {lines[0]}" + (f" (found {place})" if place else ""), {}
        problems: dict[str, str] = found._imported(outside)
        return "", problems

    return ask


def _imported(outside: Mapping[str, bytes]) -> dict[str, str]:
    return {name: problem for name, pickled in outside.items() if (problem := _problem(pickled))}


def _problem(pickled: bytes) -> str | None:
    try:
        cloudpickle.loads(pickled)
    except (Exception, SystemExit) as error:  # whatever somebody else's file does
        return one_line(error)
    return None
