"""Finding the data source that a study file names, by a word or by an address.

A word names a source of this folder, found by its file being here, or one of another package, found by an entry point
of the group `transfer_study.data_sources`. An address, `package.module:Class`, names any class that can be imported.
"""

from __future__ import annotations

import difflib
import inspect
import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module, invalidate_caches, metadata
from pathlib import Path
from types import ModuleType

from trainables.data.config import DataSource
from trainables.errors import DataError, one_line

GROUP = "transfer_study.data_sources"
PACKAGE = "trainables.data"


def sources() -> dict[str, type[DataSource]]:
    """The sources that have a word: first those of this folder, then those of the entry points.

    Raises:
        DataError: an entry point leads to no data source.
    """
    return {name: find_source(name) for name in [*_of_this_folder(), *_entry_points()]}


def find_source(name: object) -> type[DataSource]:
    """The source that a study file names by its word or its address.

    Raises:
        DataError: there is none; says what was looked for and where, with a name that is near.
    """
    own, others = _of_this_folder(), _entry_points()
    if isinstance(name, str) and name in own:
        return own[name]
    if isinstance(name, str) and name in others:
        address, *more = sorted(others[name])
        if more:
            raise DataError(f"{name!r} stands for {address} and {' and '.join(more)}; write the one that is meant")
        return _at(address, called=f"{name} (entry point {address})")
    if isinstance(name, str) and ":" in name:
        return _at(name, called=name)
    known = list(dict.fromkeys([*own, *others]))
    raise DataError(
        f"{name!r} is not one of {', '.join(known)}{_near(str(name), known)} (looked for in {PACKAGE} and among the "
        f"entry points {GROUP}; any other class is named as package.module:Class)"
    )


@cache
def _of_this_folder() -> dict[str, type[DataSource]]:
    folder = Path(__file__).parent
    modules = [import_module(f"{PACKAGE}.{found.name}") for found in pkgutil.iter_modules([str(folder)])]
    kinds = [kind for module in modules for kind in _sources_in(module)]
    words = {kind.model_fields["source"].default: kind for kind in kinds}
    return {word: kind for word, kind in words.items() if isinstance(word, str)}


def _entry_points() -> dict[str, set[str]]:
    """The addresses of other packages' sources, by their words; one each, unless two packages chose the same word."""
    addresses: dict[str, set[str]] = {}
    for point in metadata.entry_points(group=GROUP):
        addresses.setdefault(point.name, set()).add(point.value)
    return addresses


def _at(address: str, *, called: str) -> type[DataSource]:
    path, _, name = address.partition(":")
    module = _imported(path, called)
    kind = getattr(module, name, None)
    if kind is None:
        near = _near(name, [found.__name__ for found in _sources_in(module)])
        raise DataError(f"{called}: no {name!r} in {module.__file__}{near or '; give the name of a class in it'}")
    if not (isinstance(kind, type) and issubclass(kind, DataSource)):
        raise DataError(f"{called}: no data source; a class is needed that extends {PACKAGE}.config.DataSource")
    if inspect.isabstract(kind):
        raise DataError(f"{called}: the class lacks {', '.join(sorted(kind.__abstractmethods__))}; write it")
    return kind


def _imported(path: str, called: str) -> ModuleType:
    invalidate_caches()  # the file may be younger than this process
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        absent = str(error.name)
        if not f"{path}.".startswith(f"{absent}."):  # what is absent is something that the module imports
            raise DataError(f"{called}: {path} needs the module {absent!r}, which is absent; install it") from error
        near = _near(absent, [found.name for found in pkgutil.iter_modules()])
        raise DataError(
            f"{called}: no module {absent!r} where Python looks for modules{near}; install its package, or put its "
            "folder on PYTHONPATH"
        ) from error
    except Exception as error:  # whatever a stranger's module raises
        raise DataError(f"{called}: {path} cannot be imported ({one_line(error)}); mend it") from error


def _sources_in(module: ModuleType) -> list[type[DataSource]]:
    """The sources that are written in a module, not those that it imports."""
    classes = [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__]
    return [kind for kind in classes if issubclass(kind, DataSource) and not inspect.isabstract(kind)]


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
