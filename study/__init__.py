"""Runs a study: prepare, search at equal time, final runs, report.

cli.py          the command line
commands/       its commands
config/         the study file; presets/ are those that come with the program
new_approach.py writes an approach to begin with
template/       that approach
planning/       what a study would do
runner.py       running a study, resuming one, extending one
session/        one sitting of a study: search, final runs, report
extend.py       what more a finished study is asked for, by somebody or by itself
prepare/        data, frozen features and a rehearsal, before the search
search/         who gets the next trial, and with which hyperparameters; knows no Ray
tune/           between those turns and Ray Tune: all that bends it
cluster/        where a study runs: Ray's nodes, what they share, a job server
show/           what people see: screens, progress, curves
export/         a study for other tools: Optuna, tables, MLflow
phases.py       when each phase began and ended, and its slots meanwhile
listeners.py    who is told of all that happens: the records, and what is remembered of them
place.py        where a study lies
lease.py        one study, one driver
predictions.py  what final runs predict, into the records
provenance.py   what the results depend on
scratch.py      temporary folders, and what is left of those of killed processes
variables.py    environment variables, for as long as something runs

`from study import read_config` and the like are the interface for Python. What stands behind a name is imported when it
is first used, since torch and Ray take seconds. The two other packages are those beside this one, at once: a module
`analysis` of somebody's own, in a notebook's folder say, is the commonest there is.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import TYPE_CHECKING

BESIDE = ("analysis", "trainables")
HOMES = {
    "read_config": "study.config.study_file",
    "run": "study.runner",
    "resume": "study.runner",
}
__all__ = list(HOMES)

if TYPE_CHECKING:  # what type checkers and editors see: a line here for each of HOMES
    from study.config.study_file import read_config as read_config
    from study.runner import resume as resume
    from study.runner import run as run
else:

    def __getattr__(name: str) -> object:
        if name not in HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(HOMES)}")
        return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})


def _import_from_beside(name: str) -> None:
    """Import a package of the program, also where Python would find another one of its name first.

    Raises:
        ImportError: that one is imported already.
    """
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    spec = PathFinder.find_spec(name, [place])
    if spec is None or spec.loader is None:  # in a job each package has a folder of its own
        return
    known = sys.modules.get(name)
    if known is None:
        sys.modules[name] = module = module_from_spec(spec)
        spec.loader.exec_module(module)
    elif os.path.realpath(known.__file__ or "") != os.path.realpath(spec.origin or ""):
        raise ImportError(
            f"{name!r} is {known.__file__} in this process, and transfer-study has a package of that name; rename "
            "that file, or restart Python and import study first"
        )


for _name in BESIDE:
    _import_from_beside(_name)
