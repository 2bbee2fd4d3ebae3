"""The data sources that a study file can name: those of this folder, each by its word, and others (see finding.py)."""

from __future__ import annotations

import inspect
import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from trainables.data.config import DataSource
from trainables.errors import DataError
from trainables.finding import Door

PACKAGE = "trainables.data"


def sources() -> dict[str, type[DataSource]]:
    """The sources that have a word: first those of this folder, then those of the entry points.

    Raises:
        DataError: an entry point leads to no data source.
    """
    words = dict.fromkeys([*SOURCES.built_in(), *SOURCES.declared()])
    return {word: SOURCES.find(word) for word in words}


@cache
def _of_this_folder() -> dict[str, type[DataSource]]:
    folder = Path(__file__).parent
    modules = [import_module(f"{PACKAGE}.{found.name}") for found in pkgutil.iter_modules([str(folder)])]
    kinds = [kind for module in modules for kind in SOURCES.all_in(module)]
    words = {kind.model_fields["source"].default: kind for kind in kinds}
    return {word: kind for word, kind in words.items() if isinstance(word, str)}


def _unfit(kind: object) -> str | None:
    if not isinstance(kind, type) or not issubclass(kind, DataSource):
        return f"no subclass of {PACKAGE}.config.DataSource"
    return f"lacks {', '.join(sorted(kind.__abstractmethods__))}" if inspect.isabstract(kind) else None


SOURCES: Door[DataSource] = Door(
    folder="trainables/data",
    group="transfer_study.data_sources",
    contract="trainables/data/config.py",
    built_in=lambda: list(_of_this_folder()),
    load=lambda word: _of_this_folder()[word],
    unfit=_unfit,
    error=DataError,
)
