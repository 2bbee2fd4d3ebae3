"""Where the seconds of `run digits` go before its first trial and between its searches and its final runs.

    python -m benchmarks.first_result [--into benchmarks/README.md]  (four minutes)
    python -m benchmarks.first_result --before ../before             (and of another tree; twice as long)

Beside them what importing torch, Ray, scikit-learn and Optuna takes, and the seconds of the other commands. All is read
off commands that were run as they are, and off the records that the study left: a trial begins where its end, less the
seconds it worked and those it spent on what is not charged, says.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import analysis
from analysis.records.schema import ENDINGS
from benchmarks.processes import ROOT, Measured, python
from benchmarks.tables import Table, add_options, publish, seconds

CPU = "CPU s: of a command and the processes that it waited for; Ray's are not among them."
IMPORTS = "import torch, ray, sklearn, optuna"
LESS = ["--set", "budget.search_seconds=3", "--set", "budget.trial_seconds=1", "--set", "replicates=1"]
QUICK = [*LESS, "--set", "final.runs=1"]


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Of one study: seconds from its command, and idle slots.

    Attributes:
        prepared_s: to the beginning of the search's phase.
        first_trial_s: until the first trial of the search worked in its process.
        first_result_s: until the first trial of the search ended.
        between_s: both slots idle between the last trial of the search and the first final run at work.
        end_s: to the end of the command, its report included.
        after_s: from the last final run to that.
        search, whole: slot-seconds charged, over slots times seconds: in the search's phase; from the command to the
            last final run.
    """

    prepared_s: float
    first_trial_s: float
    first_result_s: float
    between_s: float
    end_s: float
    after_s: float
    search: float
    whole: float


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, quick="one search of 3 s of each approach")
    parser.add_argument("--before", type=Path, help="a tree of this project as it was, these benchmarks copied into it")
    given = parser.parse_args(arguments)
    trees = {"this": ROOT} | ({} if given.before is None else {"before": given.before.resolve()})
    columns = {name: cells(tree, QUICK if given.quick else []) for name, tree in trees.items()}
    rows = [
        (quantity, required, *(found[quantity] for found in columns.values()))
        for quantity, required in REQUIRED.items()
    ]
    publish(Table("first-result", ("`run digits` and its neighbours", "asked for", *columns), rows, [CPU]), given.into)


REQUIRED = {
    "importing torch, Ray, scikit-learn, Optuna, s (CPU s)": "",
    "`--help`, s (CPU s)": "0.3",
    "`plan digits`, s (CPU s)": "3",
    "`run digits`: search begins, s": "",
    "first trial at work, s": "twice the imports, and 10",
    "the same in imports": "2",
    "first result, s": "",
    "slots idle between search and final runs, s": "1",
    "utilisation of the search": "",
    "utilisation, command to last final run": "0.90",
    "last final run to the end, s": "",
    "the whole command, s": "",
    "`report`, s (CPU s)": "4",
}


def cells(tree: Path, options: list[str]) -> dict[str, str]:
    """A column of the table, measured in one tree."""
    imports = python(["-c", IMPORTS], tree=tree)
    command_help = python(["-m", "study", "--help"], tree=tree)
    plan = python(["-m", "study", "plan", "digits", *options], tree=tree)
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "digits"
        run = python(["-m", "study", "run", "digits", "--out", str(study), *options], tree=tree)
        found = stages(study, run)
        report = python(["-m", "study", "report", str(study)], tree=tree)
    values = [
        _both(imports),
        _both(command_help),
        _both(plan),
        seconds(found.prepared_s),
        seconds(found.first_trial_s),
        f"{found.first_trial_s / imports.wall_s:.1f}",
        seconds(found.first_result_s),
        seconds(found.between_s),
        f"{found.search:.2f}",
        f"{found.whole:.2f}",
        seconds(found.after_s),
        seconds(found.end_s),
        _both(report),
    ]
    return dict(zip(REQUIRED, values, strict=True))


def stages(study: Path, run: Measured) -> Stages:
    """What the records of a finished study say."""
    loaded = analysis.load(study)
    ended = loaded.events[loaded.events.event.isin([*ENDINGS])]
    began = ended.time - ended.charged_s - ended.overshoot_s - ended.uncharged_s
    search, final = ended.phase == "search", ended.phase == "final"
    phases = {(one.phase, one.event): one for one in loaded.records.phases}
    slots = phases["search", "started"].slots or 1
    last = ended.time[final].max()
    return Stages(
        prepared_s=phases["search", "started"].time - run.began,
        first_trial_s=began[search].min() - run.began,
        first_result_s=ended.time[search].min() - run.began,
        between_s=max(0.0, began[final].min() - ended.time[search].max()),
        end_s=run.wall_s,
        after_s=run.began + run.wall_s - last,
        search=_utilisation(ended[search], slots, phases["search", "started"].time, ended.time[search].max()),
        whole=_utilisation(ended, slots, run.began, last),
    )


def _utilisation(ended: pd.DataFrame, slots: int, begin: float, end: float) -> float:
    return float(ended.charged_s.sum() / (slots * (end - begin)))


def _both(run: Measured) -> str:
    return f"{seconds(run.wall_s)} ({seconds(run.cpu_s)})"


if __name__ == "__main__":
    main()
