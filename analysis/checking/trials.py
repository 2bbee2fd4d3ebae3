"""Trials: records in order and of one trial, one start and one end, seconds and accuracies that can be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from analysis.checking.findings import Checked, checked
from analysis.checking.order import is_over
from analysis.checking.reading import Fields, Plain, number

ENDS = frozenset({"finished", "cut", "diverged", "failed"})
EVENTS = ENDS | {"started", "validated", "heartbeat", "lost", "evaluated"}
SAME = ("approach", "phase", "replicate", "index", "seed")
SLACK_S = 60.0  # of clocks that are set back, or differ between machines
HAIR = 1e-6


def records_are_in_order(study: Plain) -> Checked:
    """The records of a trial are numbered from 0 without a gap, say what their names say, and are of one trial."""
    trials = study.trials
    count = sum(len(history) for history in trials.values())
    findings = [*_order(study), *_gaps_between_trials(study)]
    return checked("every record is of a trial of this study, without a gap", count, "record", findings)


def trials_start_and_end_once(study: Plain) -> Checked:
    """A trial starts once, ends once, and does nothing after its end; it has ended where its phase is over."""
    return checked("every trial starts once and ends once", len(study.trials), "trial", _lives(study))


def seconds_are_possible(study: Plain) -> Checked:
    """Seconds are not negative, grow, stay within the allowance and within the time that passed."""
    count = sum(len(history) for history in study.trials.values())
    return checked("every record has seconds, times and accuracies that can be", count, "record", _impossible(study))


def _order(study: Plain) -> Iterator[str]:
    for folder, history in study.trials.items():
        first = history[0]
        for order, record in enumerate(history):
            name, own = record["file"], f"records/{record['trial']}/{record['order']:04d}-{record['event']}.json"
            if name != own or record["order"] != order or record["event"] not in EVENTS:
                held = f"{record['order']}-{record['event']} of {record['trial']}"
                yield f"{name}: holds {held}, and number {order} belongs here"
            if other := [field for field in SAME if record[field] != first[field]]:
                yield f"{name}: its {other[0]} is not that of the trial's first record"
        if first["approach"] not in study.approaches or not 0 <= first["replicate"] < study.replicates:
            search = f"{first['approach']}, replicate {first['replicate']}"
            yield f"{first['file']}: of {search}, which study.yaml does not have"
        elif not _named_after_itself(folder, first):
            yield f"{first['file']}: {folder} is not what number {first['index']} of its search is called"


def _named_after_itself(folder: str, first: Fields) -> bool:
    stem = f"{first['approach']}-r{first['replicate']}-"
    if first["phase"] == "search":
        return folder == f"{stem}{first['index']:04d}"
    return first["phase"] == "final" and re.fullmatch(re.escape(stem) + r"seed\d+(-\d+)?", folder) is not None


def _gaps_between_trials(study: Plain) -> Iterator[str]:
    searches: dict[tuple[str, int], list[int]] = {}
    for history in study.trials.values():
        if history[0]["phase"] == "search":
            searches.setdefault((history[0]["approach"], history[0]["replicate"]), []).append(history[0]["index"])
    for (approach, replicate), numbers in searches.items():
        if sorted(numbers) != list(range(len(numbers))):
            yield f"records: the trials of {approach}, replicate {replicate}, are not numbered without a gap"


def _lives(study: Plain) -> Iterator[str]:
    for folder, history in study.trials.items():
        events, phase = [record["event"] for record in history], history[0]["phase"]
        if events.count("started") != 1 or events[0] != "started":
            yield f"records/{folder}: starts {events.count('started')} times"
        for before, after in pairwise(history):
            if before["event"] in ENDS and not (phase == "final" and after["event"] in ("evaluated", "lost")):
                yield f"{after['file']}: after the end of its trial"
            if before["event"] == "evaluated" and after["event"] != "lost":
                yield f"{after['file']}: after its run was evaluated"
            if after["event"] == "evaluated" and before["event"] not in ENDS:
                yield f"{after['file']}: evaluated before its run has ended"
        if phase == "search" and "evaluated" in events:
            yield f"records/{folder}: a trial of the search that has read the test split"
        if events[-1] not in ENDS | {"evaluated"} and is_over(study, phase):
            yield f"records/{folder}: has no end, and the phase {phase} is over"


def _impossible(study: Plain) -> Iterator[str]:
    phases = list(study.records["phases"].values())
    times = [[record["time"] for record in one] for one in (phases, *study.trials.values())]
    set_back = any(after < before for one in times for before, after in pairwise(one))
    for history in study.trials.values():
        allowance_s = history[0]["allowance_s"]
        yield from _beyond_the_study(study, history[0])
        for record in history:
            yield from (f"{record['file']}: {problem}" for problem in _impossible_record(record, allowance_s))
        for before, after in pairwise(history):
            yield from (f"{after['file']}: {problem}" for problem in _impossible_step(before, after))
        first, last = history[0], history[-1]
        worked_s, passed_s = last["charged_s"] + last["lost_s"] - first["charged_s"], last["time"] - first["time"]
        if not set_back and worked_s > passed_s + SLACK_S:
            worked = f"worked {worked_s:.0f} s within {passed_s:.0f} s"
            yield f"{last['file']}: {worked}: its machine's clock was set back, or the record was changed"


def _beyond_the_study(study: Plain, first: Fields) -> Iterator[str]:
    limit_s = study.budget("trial_seconds")
    final = study.study.get("final")
    if first["phase"] == "final" and isinstance(final, dict) and final.get("trial_seconds") is not None:
        limit_s = number(final["trial_seconds"])
    if first["allowance_s"] > limit_s * (1 + HAIR):
        yield f"{first['file']}: allowed {first['allowance_s']:g} s, and a trial may have {limit_s:g} s"


def _impossible_record(record: Fields, allowance_s: float) -> Iterator[str]:
    for field in ("allowance_s", "charged_s", "overshoot_s", "uncharged_s", "lost_s", "best_at_s"):
        if record[field] is not None and record[field] < 0:
            yield f"{field} is {record[field]:g}"
    for field in ("cpu_s", "waited_s"):  # differences of two clocks, which may fall below zero by a hair
        if record[field] is not None and record[field] < -1:
            yield f"{field} is {record[field]:g}"
    for field in ("valid_accuracy", "best_accuracy", "test_accuracy"):
        if record[field] is not None and not 0 <= record[field] <= 1:
            yield f"{field} is {record[field]:g}"
    if record["charged_s"] > allowance_s * (1 + HAIR):
        yield f"charged {record['charged_s']:g} s of an allowance of {allowance_s:g} s"
    if record["time"] <= 0:
        yield f"its time is {record['time']:.0f}, before the study began"


def _impossible_step(before: Fields, after: Fields) -> Iterator[str]:
    """Seconds only grow, but that what an interrupted attempt had done is lost instead; so does the best accuracy."""
    if after["event"] == "lost":
        kept_s, had_s = after["charged_s"] + after["lost_s"], before["charged_s"] + before["lost_s"]
        if abs(kept_s - had_s) > HAIR * max(1.0, had_s):
            yield f"{had_s:g} s were charged or lost, and now {kept_s:g} s"
        return
    if after["charged_s"] < before["charged_s"] or after["lost_s"] != before["lost_s"]:
        then, now = (f"charged {one['charged_s']:g} s and lost {one['lost_s']:g} s" for one in (before, after))
        yield f"{now}, after {then}"
    best, better = before["best_accuracy"], after["best_accuracy"]
    if before["event"] != "lost" and best is not None and better is not None and better < best:
        yield f"its best accuracy is {better:g}, after {best:g}"
