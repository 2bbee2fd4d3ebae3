"""The report: what report.json says is what the records say; and reports can read the study at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from statistics import mean

from analysis.checking.accounts import charges
from analysis.checking.final_runs import counting
from analysis.checking.findings import Checked, checked
from analysis.checking.reading import Plain, number
from analysis.records.errors import RecordsError
from analysis.records.reading import read_study

HAIR = 1e-6


def report_says_the_same(study: Plain) -> Checked:
    """What report.json says of charged seconds, trials, final runs and accuracies; not of a study that has gone on."""
    current = study.report is not None and _is_current(study)
    findings = _differences(study) if current else ()
    return checked(
        "report.json says what the records say", len(study.approaches) if current else 0, "approach", findings
    )


def reports_can_read_it(location: str) -> Checked:
    """Whether the reading of reports takes the study: other code, which refuses what it finds damaged."""
    try:
        read_study(location)
    except RecordsError as error:
        return checked("`report` can read it", 1, "study", [str(error).removeprefix(f"{location}/")])
    return checked("`report` can read it", 1, "study", [])


def _is_current(study: Plain) -> bool:
    """Whether nothing has happened since the last report."""
    phases = list(study.records["phases"].values())
    if phases and (phases[-1]["phase"], phases[-1]["event"]) == ("report", "finished"):
        return True
    listed = {line[66:] for line in study.sums or ()}
    return bool(listed) and set(study.records["records"]) <= listed


def _differences(study: Plain) -> Iterator[str]:
    said = study.report.get("approaches") if study.report else None
    said = said if isinstance(said, dict) else {}
    if said.keys() != study.approaches.keys():
        yield "report/report.json: of other approaches than study.yaml"
        return
    charged: dict[str, float] = defaultdict(float)
    for (approach, _), seconds in charges(study).items():
        charged[approach] += seconds
    for name, approach in said.items():
        ours = {"charged_seconds": charged[name], "trials": _searched(study, name), "accuracy": _accuracy(study, name)}
        theirs = approach if isinstance(approach, dict) else {}
        for key, value in ours.items():
            found = theirs.get(key)
            found = found.get("estimate") if isinstance(found, dict) else found
            if not _alike(found, value):
                yield f"report/report.json: {key} of {name} is {found}, and the records say {value}"
        yield from _other_runs(study, name, theirs.get("final_runs"))


def _alike(found: object, value: float | None) -> bool:
    if value is None or found is None:
        return found is value
    return abs(number(found) - value) <= HAIR * max(1.0, abs(value))


def _searched(study: Plain, approach: str) -> int:
    starts = [history[0] for history in study.trials.values()]
    return sum((first["phase"], first["approach"]) == ("search", approach) for first in starts)


def _accuracy(study: Plain, approach: str) -> float | None:
    """Mean accuracy, each replicate counting once."""
    of_replicates: dict[int, list[float]] = defaultdict(list)
    for end in counting(study, approach).values():
        of_replicates[end["replicate"] if study.replicates > 1 else 0].append(number(end["test_accuracy"]))
    return mean(map(mean, of_replicates.values())) if of_replicates else None


def _other_runs(study: Plain, approach: str, said: object) -> Iterator[str]:
    runs = [run for run in said if isinstance(run, dict)] if isinstance(said, list) else []
    accuracies = {str(run.get("trial")): run.get("test_accuracy") for run in runs}
    for trial, end in counting(study, approach).items():
        if accuracies.get(trial) != end["test_accuracy"]:
            yield f"report/report.json: the test accuracy of {trial} is {accuracies.get(trial)}, not that on record"
