"""Phases and looks: numbered without a gap, and in an order that a study can have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import pairwise

from analysis.checking.findings import Checked, checked
from analysis.checking.reading import Fields, Plain
from analysis.records.files import number_of

PHASES = ("prepare", "search", "final", "report")


def phases_are_in_order(study: Plain) -> Checked:
    """Phases are numbered from 0, begin before they end, and follow each other as they do in a study."""
    phases = study.records["phases"]
    return checked("the phases are in an order that a study has", len(phases), "phase record", _phases(study))


def looks_are_in_order(study: Plain) -> Checked:
    """Looks are numbered from 1, each at other final runs than the one before, all of them evaluated."""
    return checked(
        "every look is in order, at final runs that were evaluated", len(study.records["looks"]), "look", _looks(study)
    )


def is_over(study: Plain, phase: str) -> bool:
    """Whether nothing runs in a phase any more: it has finished since it last began, or a later one has begun."""
    later = PHASES[PHASES.index(phase) + 1 :] if phase in PHASES else ()
    over = False
    for record in study.records["phases"].values():
        if record["phase"] == phase and record["event"] in ("started", "finished"):
            over = record["event"] == "finished"
        elif record["phase"] in later and record["event"] == "started":
            over = True
    return over


def _phases(study: Plain) -> Iterator[str]:
    running, begun = None, set()
    for number, (name, record) in enumerate(study.records["phases"].items()):
        phase, event = record["phase"], record["event"]
        if name != f"phases/{number:04d}-{phase}-{event}.json":
            yield f"{name}: holds {phase}-{event}, and number {number} belongs here"
        if phase not in PHASES or event not in ("started", "resized", "finished", "exhausted"):
            yield f"{name}: there is no {phase}-{event}"
        if record["time"] <= 0:
            yield f"{name}: its time is {record['time']:g}"
        if event == "exhausted" and record["approach"] not in study.approaches:
            yield f"{name}: of an approach that study.yaml does not have"
        if event == "started":
            if phase in PHASES[2:] and PHASES[PHASES.index(phase) - 1] not in begun:
                yield f"{name}: {phase} before {PHASES[PHASES.index(phase) - 1]}"
            running = phase
            begun.add(phase)
        elif event in ("finished", "resized"):
            if running != phase:
                yield f"{name}: {phase} {event}, and it had not begun"
            running = None if event == "finished" else phase


def _looks(study: Plain) -> Iterator[str]:
    evaluated = {name for name, history in study.trials.items() if any(one["event"] == "evaluated" for one in history)}
    reads = sum(one["event"] == "evaluated" for history in study.trials.values() for one in history)
    found = study.records["looks"].items()
    looks = dict(sorted(found, key=lambda one: (number_of(one[0]), len(one[1]["counted"]))))
    names = [*looks]
    for number, (name, look) in enumerate(looks.items(), 1):
        counted = sorted(map(str, look["counted"]))
        shared = number > 1 and number_of(name) == number_of(names[number - 2])  # two written at the same moment
        if name != f"looks/{number - shared:04d}-{hashlib.sha256(chr(10).join(counted).encode()).hexdigest()[:8]}.json":
            yield f"{name}: not the name of look {number} at the final runs that it counts"
        if unknown := [run for run in counted if run not in evaluated]:
            yield f"{name}: counts {unknown[0]}, which was not evaluated"
        if not 1 <= look["replicates"] <= study.replicates or not 0 < look["alpha"] < 1 or look["test_reads"] > reads:
            yield f"{name}: at more replicates or test reads than there are, or at no level"
    for (_, before), (name, after) in pairwise(looks.items()):
        yield from (f"{name}: {problem}" for problem in _wrong_look(before, after))


def _wrong_look(before: Fields, after: Fields) -> Iterator[str]:
    if sorted(map(str, before["counted"])) == sorted(map(str, after["counted"])):
        yield "counts the same final runs as the look before it"
    if after["replicates"] < before["replicates"] or after["test_reads"] < before["test_reads"]:
        yield "at fewer replicates or test reads than the look before it"
