"""Whether the workers can import the program, and the approaches from outside: asked of one before a study begins.

Else each of their trials would fail as its process begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import ray
from ray import cloudpickle

from study.cluster.code import is_outside
from study.cluster.nodes import nodes, slots_of
from trainables.errors import ApproachError, InputError, one_line
from trainables.spec import Slot

# What a trial's process imports first of each package. Not study before the others: it sees to where these come from.
IMPORTED_WITHIN_S = 180.0  # torch from a network's disk takes a minute where nobody has read it yet
FIRST = ("trainables.trainable", "analysis.records.storage", "study.cluster.arrival")
NEXT = ("study.prepare", "study.planning.in_slots")  # what the processes are for that make features and time approaches
OWN_RAY = "where Ray ran in this process before the study, ray.shutdown() first"
T = TypeVar("T")
A = TypeVar("A")
Question = Callable[[Mapping[str, bytes]], tuple[str, dict[str, str]]]


class WorkerError(InputError):
    """The processes of trials cannot begin on this cluster."""


class Arrival:
    """Lets tasks, in slots as trials would be, import the program and what was written elsewhere.

    One is asked whether that went well; there are as many as approaches to time, whose processes go on with that. All
    begin at once, as importing takes seconds in which there is something else to do.

    Args:
        kinds: classes of the approaches, by name.
        slot: of the study.
    """

    def __init__(self, kinds: Mapping[str, type], slot: Slot) -> None:
        self.kinds = kinds
        self.outside = {name: cloudpickle.dumps(kind) for name, kind in kinds.items() if is_outside(kind)}
        processes = min(len(kinds), slots_of(nodes(), slot))
        self.asked, *self._others = [Asked(_question(), self.outside, slot=slot) for _ in range(processes)]


def refuse_not_arrived(arrival: Arrival) -> None:
    """Wait for the task, and see what it says.

    Raises:
        WorkerError: the program cannot be imported there, or the task ended its process.
        ApproachError: the first approach that cannot be imported there, and why.
    """
    kinds = arrival.kinds
    for name, cause in _problems(arrival).items():
        module = kinds[name].__module__
        raise ApproachError(
            f"approaches.{name}: the workers cannot import {module} ({cause}); put the module, and what it imports, "
            f"where the workers find it; {OWN_RAY}"
        )


class Asked(Generic[A]):
    """One task, in a slot as a trial would be, that answers a question."""

    def __init__(self, question: Callable[[T], A], given: T, *, slot: Slot) -> None:
        holding = {"num_cpus": slot.cpus, "num_gpus": slot.gpus, "max_retries": 0}
        self._slot_found = ray.remote(lambda: None).options(**holding).remote()
        self._asked = ray.remote(question).options(**holding).remote(given)

    def answer(self, *, within_s: float) -> A:
        """What it answers.

        Args:
            within_s: seconds that it may take, from now and from when a slot is free for it. Until then, others may
                hold them all, and that is waited for.

        Raises:
            RayError: its process ended, or it was too late.
        """
        ray.get(self._slot_found)
        try:
            told: A = ray.get(self._asked, timeout=within_s)
        except ray.exceptions.GetTimeoutError:
            ray.cancel(self._asked, force=True)
            raise ray.exceptions.GetTimeoutError(f"no answer within {within_s:.0f} s") from None
        return told


def _problems(arrival: Arrival) -> dict[str, str]:
    outside = arrival.outside
    try:
        program, problems = arrival.asked.answer(within_s=IMPORTED_WITHIN_S)
    except ray.exceptions.RayError as error:  # a module may end the process that imports it
        if outside and not isinstance(error, ray.exceptions.GetTimeoutError):
            return {next(iter(outside)): one_line(error)}
        raise WorkerError(f"a worker ended as it began ({one_line(error)}); Ray's logs say more") from error
    if program:
        raise WorkerError(
            f"the workers cannot import this program: {program}; install it with its dependencies on all nodes, or "
            f"take away what has its name there; {OWN_RAY}"
        )
    return dict(problems)


def _question() -> Question:
    """A function that travels whole, as one that is defined in another does: nothing has to be imported to begin it."""
    modules = FIRST + NEXT

    def ask(outside: Mapping[str, bytes]) -> tuple[str, dict[str, str]]:
        from importlib import import_module
        from importlib.util import find_spec

        for module in modules:
            try:
                import_module(module)
            except (Exception, SystemExit) as error:  # of somebody's own module of that name, too
                place = getattr(find_spec(module.partition(".")[0]), "origin", None)
                lines = str(error).splitlines() or [""]
                return f"{type(error).__name__}: {lines[0]}" + (f" (found {place})" if place else ""), {}
        problems: dict[str, str] = import_module(modules[2])._imported(outside)
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
