"""Studies that are there by name: each YAML file in study/presets/, and in the packages that others have installed.

A package offers its YAML files as presets through the entry-point group `transfer_study.presets`:

    [project.entry-points."transfer_study.presets"]
    lab = "lab_studies"
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from importlib.metadata import entry_points
from importlib.resources.abc import Traversable

from study.config.messages import ConfigError
from trainables.errors import one_line

GROUP = "transfer_study.presets"
SUFFIX = ".yaml"


def presets() -> list[str]:
    """Names of all presets.

    Raises:
        ConfigError: a package that offers presets cannot be imported.
    """
    return sorted(_files())


def preset_text(name: str) -> str:
    """The study file of a preset.

    Raises:
        ConfigError: two packages have a preset of this name, or one that offers presets cannot be imported.
        KeyError: there is none of this name.
    """
    file, *others = _files()[name]
    if others:
        raise ConfigError(f"{name}: a preset in {file} and in {others[0]}; give the path of the one that you mean")
    return file.read_text()


def _files() -> dict[str, list[Traversable]]:
    """All files of each preset's name."""
    files: dict[str, list[Traversable]] = {}
    for folder in _folders():
        for file in folder.iterdir():
            if file.name.endswith(SUFFIX):
                files.setdefault(file.name.removesuffix(SUFFIX), []).append(file)
    return files


def _folders() -> Iterator[Traversable]:
    yield resources.files("study") / "presets"
    for entry in entry_points(group=GROUP):
        try:
            yield resources.files(entry.module)
        except Exception as error:  # a stranger's package may raise anything when it is imported
            raise ConfigError(
                f"{entry.module}: offers presets as {entry.name!r} in {GROUP}, but cannot be imported "
                f"({one_line(error)}); mend or uninstall it"
            ) from error
