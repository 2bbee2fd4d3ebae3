"""Which class a study file means by a name. Nothing is imported before it is asked for.

A name is looked for in three places, in this order:

    better_cnn      built in: it comes with the program
    module:Class    any class that can be imported
    knn             an entry point of the door's group, as an installed package declares it

A module is looked for where Python looks (sys.path, PYTHONPATH), then in the folders given to `search_in`, in turn. A
process has one module of a name: where another study's folder has another file of that name, that is refused.
"""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
import re
import reprlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from trainables.errors import InputError, one_line

T = TypeVar("T")
ENTRY = re.compile(r"\s*([\w.]+)\s*:\s*(\w+)\s*(?:\[.*\])?\s*")  # what an entry point of a class looks like
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60  # characters of a name that are shown
_added: list[str] = []  # at the end of sys.path: the folders of all calls of `search_in`, those of the latest first
_searched: list[str] = []  # the folders of the latest call


@dataclass(frozen=True, kw_only=True)
class Door(Generic[T]):
    """Where the classes of one kind come in.

    Attributes:
        folder: of those that are built in, with slashes.
        group: of entry points, by which installed packages declare theirs.
        contract: the file that says what such a class must be.
        built_in: names of those that come with the program.
        load: gives one of these by its name.
        unfit: says what keeps something from being such a class, None where nothing does.
        error: raised for whatever is wrong, in one line.
    """

    folder: str
    group: str
    contract: str
    built_in: Callable[[], list[str]]
    load: Callable[[str], type[T]]
    unfit: Callable[[object], str | None]
    error: type[InputError]

    def find(self, name: object) -> type[T]:
        """The class of this name, as a study file gives it.

        Raises:
            InputError: there is none, it cannot be imported, or it is not fit.
        """
        written = self.written_out(name)
        if ":" not in written:
            return self.load(written)
        return self._class(self._imported(written), written)

    def written_out(self, name: object) -> str:
        """The name as it holds on any machine: that of an entry point becomes the `module:Class` it stands for.

        Raises:
            InputError: there is nothing of this name, or there are two, or it does not stand for a class.
        """
        if not isinstance(name, str):
            raise self.error(self._not_there(name))
        if ":" in name or name in self.built_in():
            return name
        declared = {self._address(entry): entry for entry in entry_points(group=self.group, name=name)}
        if not declared:
            raise self.error(self._not_there(name))
        if len(declared) > 1:
            owners = [f"{value} of {_owner(entry)}" for value, entry in declared.items()]
            raise self.error(f"{name!r} is declared twice: {' and '.join(sorted(owners))}; write module:Class instead")
        return next(iter(declared))

    def declared(self) -> list[str]:
        """Names of the entry points."""
        return sorted({entry.name for entry in entry_points(group=self.group)})

    def all_in(self, module: ModuleType) -> list[type[T]]:
        """The fit classes that are written in a module, not only imported there."""
        classes = [found for found in vars(module).values() if isinstance(found, type)]
        return [found for found in classes if found.__module__ == module.__name__ and self.unfit(found) is None]

    def _not_there(self, name: object) -> str:
        known = list(dict.fromkeys([*self.built_in(), *self.declared()]))
        meant = did_you_mean(str(name), known)
        return (
            f"{_SHORT.repr(name)} is not one of {', '.join(known)}{meant} (looked for in {self.folder} and "
            f"among the entry points {self.group}: {', '.join(self.declared()) or 'none'}); a class of your own is "
            "written module:Class"
        )

    def _address(self, entry: EntryPoint) -> str:
        if not (written := ENTRY.fullmatch(entry.value)):
            raise self.error(
                f"{entry.name!r}: {_owner(entry)} declares it as {entry.value!r}, which is not written module:Class; "
                "mend or uninstall that package"
            )
        return ":".join(written.groups())

    def _imported(self, address: str) -> ModuleType:
        module = address.partition(":")[0]
        importlib.invalidate_caches()  # the file may be younger than this process
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            absent = str(error.name)
            if not f"{module}.".startswith(f"{absent}."):  # what is absent is something that the module imports
                raise self.error(f"{address!r}: needs the module {absent!r}, which is absent; install it") from error
            places = ", ".join(["sys.path", *_searched])
            near = did_you_mean(absent, [found.name for found in pkgutil.iter_modules()])
            mend = "install its package, or put its folder on PYTHONPATH"
            raise self.error(f"{address!r}: no module {absent!r} in {places}{near}; {mend}") from error
        except (Exception, SystemExit) as error:  # whatever somebody else's file does
            raise self.error(f"{address!r}: {module} cannot be imported ({one_line(error)}); mend it") from error
        if meant := _meant_file(found):
            raise self.error(f"{address!r}: {meant} is meant, but {found.__file__} is imported already; restart Python")
        return found

    def _class(self, module: ModuleType, address: str) -> type[T]:
        attribute = address.partition(":")[2]
        where = f"{address!r} ({getattr(module, '__file__', None) or module.__name__})"
        found = getattr(module, attribute, None)
        if found is None:
            known = [other.__name__ for other in self.all_in(module)]
            meant = did_you_mean(attribute, known) or f"; in it: {', '.join(known) or 'none'}"
            raise self.error(f"{where}: no class {attribute!r} in it{meant}")
        if problem := self.unfit(found):
            raise self.error(f"{where}: {problem}; {self.contract} has the contract")
        fit: type[T] = found
        return fit


def search_in(*folders: str | os.PathLike[str]) -> None:
    """Look for modules in these folders too, in turn, after all places where Python looks already.

    Those of earlier calls come last: what was found there may still have something to import.
    """
    _searched[:] = dict.fromkeys(map(os.path.abspath, folders))
    own = [folder for folder in sys.path if folder not in _added]
    known = set(map(os.path.abspath, own))
    _added[:] = [folder for folder in dict.fromkeys([*_searched, *_added]) if folder not in known]
    sys.path[:] = [*own, *_added]


def searched() -> tuple[str, ...]:
    """The folders of the latest call of `search_in`."""
    return tuple(_searched)


def _meant_file(module: ModuleType) -> Path | None:
    """The file that the latest call of `search_in` means, where an earlier call has led to another one."""
    if not getattr(module, "__file__", None):
        return None
    file = Path(str(module.__file__))
    above = file.parents[module.__name__.count(".") + (file.name == "__init__.py")]
    if str(above) not in _added:
        return None  # Python itself finds it, and always first
    places = (Path(folder, file.relative_to(above)) for folder in _searched)
    meant = next((place for place in places if place.is_file()), file)
    return None if meant.read_bytes() == file.read_bytes() else meant


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "?"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ends a message with the known name that is close to the one given; empty where none is."""
    close = closest(name, known)
    return f"; did you mean {close!r}?" if close else ""


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is close to the one given; None where none is."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)
