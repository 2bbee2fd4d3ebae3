"""Hyperparameters: those of the search lie in the spaces of the study file, those of final runs are the incumbents'."""

from __future__ import annotations

import math
from collections.abc import Iterator

from analysis.checking.findings import Checked, checked
from analysis.checking.reading import Fields, Plain, number

RANGES = {"loguniform": False, "uniform": False, "int": True, "logint": True}  # whether of whole numbers
HAIR = 1e-9


def configurations_are_in_the_spaces(study: Plain) -> Checked:
    """Every trial of the search has a configuration that its space holds, or the published one."""
    searched = [history[0] for history in study.trials.values() if history[0]["phase"] == "search"]
    findings = (f"{first['file']}: {problem}" for first in searched for problem in _outside(study, first))
    return checked("every trial has hyperparameters that its space holds", len(searched), "trial", findings)


def final_runs_are_of_incumbents(study: Plain) -> Checked:
    """Every final run has the hyperparameters of what was its search's best validated trial at some time."""
    finals = [history[0] for history in study.trials.values() if history[0]["phase"] == "final"]
    findings = (
        f"{first['file']}: not the hyperparameters of the best trial of its search"
        for first in finals
        if first["params"] not in _incumbents(study, first)
    )
    return checked("every final run has those of its search's best trial", len(finals), "final run", findings)


def _outside(study: Plain, first: Fields) -> Iterator[str]:
    approach, params = study.approaches.get(first["approach"], {}), first["params"] or {}
    space, published = approach.get("space"), approach.get("published")
    if not isinstance(space, dict) or not space:
        return
    if params.keys() != space.keys():
        yield f"has other hyperparameters than the space: {', '.join(sorted(params.keys() ^ space.keys())[:3])}"
        return
    varied = {name: given for name, given in space.items() if isinstance(given, dict)}
    constants = {name: given for name, given in space.items() if name not in varied}
    if any(params[name] != given for name, given in constants.items()):
        yield "changes what the study file fixes"
    if first["origin"] == "published" and isinstance(published, dict):
        if any(params[name] != published.get(name) for name in varied):
            yield "is not the published configuration, and says that it is"
        return
    yield from (
        f"{name} is {params[name]!r:.40}, outside its space"
        for name in varied
        if not _holds(varied[name], params[name])
    )


def _holds(given: Fields, value: object) -> bool:
    """Whether a distribution, as it is written in a study file, holds a value."""
    ((kind, values),) = given.items() if len(given) == 1 else ((None, None),)
    if not isinstance(values, list):
        return False
    if kind == "categorical":
        return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in values)
    if kind not in RANGES or len(values) != 2:
        return False
    low, high, found = number(values[0]), number(values[1]), number(value)
    hair = HAIR * max(abs(low), abs(high))
    return low - hair <= found <= high + hair and (not RANGES[kind] or found == math.floor(found))


def _incumbents(study: Plain, first: Fields) -> list[Fields | None]:
    """What the best configuration of a run's search was, one trial after the other; no clock is asked.

    Trials work side by side, and a search that went on begins where the one before it had ended.
    """
    rows = []
    for history in study.trials.values():
        start, end = history[0], history[-1]
        of_search = start["phase"] == "search" and all(start[name] == first[name] for name in ("approach", "replicate"))
        known = [record["best_accuracy"] for record in history if record["best_accuracy"] is not None]
        if of_search and end["event"] != "failed" and known:
            rows.append((start["index"], known[-1], start["params"]))
    best: list[tuple[int, float, Fields | None]] = []
    for row in sorted(rows, key=lambda row: row[0]):
        if not best or row[1] > best[-1][1]:
            best.append(row)
    return [params for _, _, params in best]
