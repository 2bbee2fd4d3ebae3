"""Files: named as the program names them, readable, as the last report read them; the study file as it was done."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analysis.checking.findings import Checked, checked
from analysis.checking.reading import Fields, Plain
from analysis.records.files import is_own

LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
GROWS = ("replicates", "settle", "slot")  # what an extension changes, beside the sizes below


def files_are_whole(study: Plain) -> Checked:
    """Every file can be read and has a name that the program gives."""
    foreign = [f"{name}: not a name that the program gives (a copy?)" for name in study.names if not is_own(name)]
    return checked(
        "every file can be read and has a name of ours", len(study.digests), "file", [*study.problems, *foreign]
    )


def files_are_unchanged(study: Plain) -> Checked:
    """Every file is as the last report read it."""
    lines = study.sums or ()
    return checked("every file is as the last report read it (SHA256SUMS)", len(lines), "file", _changes(study, lines))


def study_file_is_the_finished_one(study: Plain) -> Checked:
    """Study.yaml says what finished.yaml says: all of it where nothing happened since, else all but its size."""
    count = 0 if study.finished is None else 1
    return checked("study.yaml is as it was when the study was finished", count, "study file", _differences(study))


def _changes(study: Plain, lines: tuple[str, ...]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        found = LINE.fullmatch(line)
        if found is None:
            yield f"SHA256SUMS: line {number} is no digest and name"
        elif found.group(2) not in study.digests:
            yield f"{found.group(2)}: missing, and the last report read it"
        elif study.digests[found.group(2)] != found.group(1):
            yield f"{found.group(2)}: not as the last report read it"


def _differences(study: Plain) -> Iterator[str]:
    if study.finished is None or not study.study:
        return
    phases = list(study.records["phases"].values())
    at_rest = bool(phases) and (phases[-1]["phase"], phases[-1]["event"]) == ("report", "finished")
    now, then = (file if at_rest else _without_size(file) for file in (study.study, study.finished))
    for key in sorted({*now, *then}, key=str):
        if now.get(key) != then.get(key):
            yield f"study.yaml: {key} is not what finished.yaml says; somebody has changed one of them"


def _without_size(file: Fields) -> Fields:
    kept: Fields = {key: value for key, value in file.items() if key not in GROWS}
    for section, key in (("budget", "search_seconds"), ("final", "runs")):
        if isinstance(kept.get(section), dict):
            kept[section] = {name: value for name, value in kept[section].items() if name != key}
    return kept
