"""Which class a study file means by the name of an approach. Nothing is imported before it is asked for.

A name is looked for in three places, in this order:

    better_cnn      built in: the file of trainables/approaches/ that is called so, and the one approach in it
    module:Class    any class that can be imported
    knn             an entry point of the group `transfer_study.approaches`, as an installed package declares it

A module is looked for where Python looks (sys.path, PYTHONPATH), then in the folders given to `search_in`, in turn.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any

from trainables import approaches
from trainables.errors import ApproachError, one_line

if TYPE_CHECKING:
    from trainables.approach import Approach

GROUP = "transfer_study.approaches"
_added: list[str] = []  # the folders of `search_in`, for messages


def built_in() -> list[str]:
    """Names of the approaches that come with the program."""
    return sorted(module.name for module in pkgutil.iter_modules(approaches.__path__))


def find(name: str) -> type[Approach]:
    """The class of an approach.

    Raises:
        ApproachError: there is none of this name, it cannot be imported, or it is no approach.
    """
    written = written_out(name)
    if ":" not in written:
        return _the_one_in(importlib.import_module(f"{approaches.__name__}.{written}"))
    module, _, attribute = written.partition(":")
    return _approach(_imported(module, name), attribute, name)


def written_out(name: str) -> str:
    """The name as it holds on any machine: that of an entry point becomes the `module:Class` it stands for.

    Raises:
        ApproachError: there is no approach of this name, or there are two.
    """
    if ":" in name or name in built_in():
        return name
    declared = {f"{entry.module}:{entry.attr}": entry for entry in entry_points(group=GROUP, name=name)}
    if not declared:
        raise ApproachError(_not_there(name))
    if len(declared) > 1:
        owners = [f"{value} of {entry.dist.name if entry.dist else '?'}" for value, entry in declared.items()]
        raise ApproachError(f"{name!r} is declared twice: {' and '.join(sorted(owners))}; write module:Class instead")
    return next(iter(declared))


def search_in(*folders: str | os.PathLike[str]) -> None:
    """Look for modules in these folders too, after all places where Python looks already."""
    for folder in map(os.path.abspath, folders):
        if folder not in _added:
            _added.append(folder)
        if folder not in sys.path:
            sys.path.append(folder)


def _not_there(name: str) -> str:
    declared = sorted({entry.name for entry in entry_points(group=GROUP)})
    return (
        f"{name!r} is no approach{_meant(name, [*built_in(), *declared])} (built in: {', '.join(built_in())}; entry "
        f"points {GROUP}: {', '.join(declared) or 'none'}); a class of your own is written module:Class"
    )


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _imported(module: str, name: str) -> ModuleType:
    importlib.invalidate_caches()  # the file may be younger than this process
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            places = ", ".join([*_added, "sys.path"])
            raise ApproachError(f"{name!r}: no module {error.name}; looked in {places}; set PYTHONPATH") from error
        raise ApproachError(f"{name!r}: {module} cannot be imported ({one_line(error)}); install that") from error
    except (Exception, SystemExit) as error:  # whatever somebody else's file does
        raise ApproachError(f"{name!r}: {module} cannot be imported ({one_line(error)}); mend it") from error


def _approach(module: ModuleType, attribute: str, name: str) -> type[Approach]:
    """The class of this name in a module, found fit."""
    where = f"{name!r} ({getattr(module, '__file__', None) or module.__name__})"
    kind = getattr(module, attribute, None)
    if kind is None:
        known = [kind.__name__ for kind in _approaches_of(module)]
        meant = _meant(attribute, known) or f"; its approaches: {', '.join(known) or 'none'}"
        raise ApproachError(f"{where}: no class {attribute} in it{meant}")
    if problem := _unfit(kind):
        raise ApproachError(f"{where}: {problem}; trainables/approach.py has the contract")
    found: type[Approach] = kind
    return found


def _unfit(kind: object) -> str | None:
    from trainables.approach import Approach

    if not isinstance(kind, type) or not issubclass(kind, Approach):
        return "no subclass of trainables.approach.Approach"
    lacking = sorted(kind.__abstractmethods__) + [
        name for name in ("settings_type", "hyperparameters_type") if not hasattr(kind, name)
    ]
    return f"lacks {', '.join(lacking)}" if lacking else None


def _the_one_in(module: ModuleType) -> type[Approach]:
    kinds = _approaches_of(module)
    if len(kinds) != 1:
        names = ", ".join(kind.__name__ for kind in kinds) or "none"
        raise ApproachError(f"{module.__file__}: a file of this folder holds one approach, but this one {names}")
    return kinds[0]


def _approaches_of(module: ModuleType) -> list[type[Approach]]:
    """The complete approaches that are written in a module, not only imported there."""
    classes: list[Any] = [kind for _, kind in inspect.getmembers(module, inspect.isclass)]
    return [kind for kind in classes if kind.__module__ == module.__name__ and _unfit(kind) is None]
