"""The files of a new approach, to begin with: a class that runs, its test, and a study that compares it."""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib import resources
from pathlib import Path

import yaml

from trainables.approaches import APPROACHES
from trainables.errors import InputError

TEMPLATE = "nearest_neighbours"


def write_approach(name: str, folder: Path) -> tuple[Path, Path, Path]:
    """Write NAME.py, test_NAME.py and NAME.yaml into a folder, which is made where it is not there.

    Args:
        name: of the approach and its module: small letters, digits and _.

    Returns:
        The paths of the three, in that order.

    Raises:
        InputError: the name will not do, one of the files is there already, or the folder cannot be written.
    """
    _refuse_name(name)
    contents = _contents(name)
    for path in (folder / file for file in contents):
        if path.exists():
            raise InputError(f"{path}: there already; choose another name, or another folder with --to")
    _refuse_taken(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            (folder / file).write_text(content)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); choose another with --to") from error
    module, test, study = (folder / file for file in contents)
    return module, test, study


def class_name(name: str) -> str:
    """`my_approach` as the name of a class, MyApproach."""
    return "".join(word.capitalize() for word in name.split("_"))


def _contents(name: str) -> dict[str, str]:
    files = (f"{TEMPLATE}.py", f"test_{TEMPLATE}.py", f"{TEMPLATE}.yaml")

    def renamed(text: str) -> str:
        return text.replace(TEMPLATE, name).replace(class_name(TEMPLATE), class_name(name))

    return {renamed(file): renamed(_template(file)) for file in files}


def _template(file: str) -> str:
    return resources.files("study").joinpath("template", file).read_text()


def _refuse_name(name: str) -> None:
    if not re.fullmatch("[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InputError(f"{name!r}: no name for an approach; use small letters, digits and _, as in my_approach")
    if (read := yaml.safe_load(name)) != name:
        raise InputError(f"{name!r}: no name for an approach, as a study file reads it as {read!r}; choose another")
    if re.search(rf"\b{class_name(name)}\b", _template(f"{TEMPLATE}.py")) or keyword.iskeyword(class_name(name)):
        raise InputError(f"{name!r}: its class would be called {class_name(name)}, which means something already")


def _refuse_taken(name: str) -> None:
    """A module of this name that Python finds first would be imported in its place."""
    if name in APPROACHES.built_in():
        raise InputError(f"{name!r}: an approach of this name is built in; choose another")
    taken = importlib.util.find_spec(name)
    if taken is not None:
        raise InputError(f"{name!r}: there is a module of this name ({taken.origin or 'a folder'}); choose another")
