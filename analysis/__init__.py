"""Reads what a study left, or a table of predictions, and says what it means.

    >>> import analysis
    >>> s = analysis.load("results/digits")          # or s3://bucket/prefix/digits
    >>> s.approaches, s.pairs, s.trials              # data frames; s.report: frozen dataclasses
    >>> analysis.compare(frame).pairs                # of predictions that were made elsewhere

Knows numpy, scipy and pandas; neither torch nor Ray. Data flows one way, down this list:

    records/       the files of a study: schema, reading, writing. The ground: imports nothing of the project
    numbers.py     how numbers are written
    statistics/    on plain arrays, formula and source in each file
    predictions/   test predictions, of a study or of runs made elsewhere
    search/        what each approach spent, what it had found by then, and what of that is the learning rate
    checking/      whether what a study left fits together, read anew by other code
    published/     what a published table alone can say
    report/        all of it for one study: summary, sentences, figures, pages
    frames.py      the report's numbers as data frames
    entrance.py    what the command lines have in common: one line and an exit code for whatever is wrong
    api.py         the interface for Python, docs/api.md: what is named in __all__, imported when it is first used
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

HOMES = {
    "load": "analysis.api",
    "compare": "analysis.api",
    "LoadedStudy": "analysis.api",
    "ComparedTable": "analysis.api",
    "RecordsError": "analysis.records.errors",
}
__all__ = list(HOMES)

if TYPE_CHECKING:  # what type checkers and editors see: a line here for each of HOMES
    from analysis.api import ComparedTable as ComparedTable
    from analysis.api import LoadedStudy as LoadedStudy
    from analysis.api import compare as compare
    from analysis.api import load as load
    from analysis.records.errors import RecordsError as RecordsError
else:

    def __getattr__(name: str) -> object:
        if name not in HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(HOMES)}")
        return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
