"""Studies that are there by name: each YAML file in study/presets/, and in the packages that others have installed.

A package offers its YAML files as presets through the entry-point group `transfer_study.presets`:

    [project.entry-points."transfer_study.presets"]
    lab = "lab_studies"

Such packages are imported where a name is looked up that is neither one of ours nor a file's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import entry_points
from importlib.resources.abc import Traversable
from pathlib import Path

from analysis.records.errors import line, listed
from study.config.messages import ConfigError
from trainables.errors import one_line
from trainables.finding import did_you_mean

GROUP = "transfer_study.presets"
SUFFIX = ".yaml"


@dataclass(frozen=True)
class Preset:
    """A study file that is there by name."""

    name: str
    file: Traversable

    @property
    def text(self) -> str:
        """What is in it.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            return self.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.name}: the preset {self.file} cannot be read ({error}); mend it") from error

    @property
    def folder(self) -> Path | None:
        """Where it lies, unless in an archive."""
        return self.file.parent if isinstance(self.file, Path) else None


def presets() -> list[str]:
    """Names of all presets.

    Raises:
        ConfigError: a package that offers presets cannot be imported.
    """
    return sorted({*_own(), *_offered()})


def own_preset(name: str) -> Preset | None:
    """The program's preset of this name. No package of others can stand in its way."""
    file = _own().get(name)
    return Preset(name, file) if file else None


def offered_preset(name: str) -> Preset:
    """The preset of this name that an installed package offers.

    Raises:
        ConfigError: there is none, or two packages have one, or one that offers presets cannot be imported.
    """
    offered = _offered()
    if name not in offered:
        known = sorted({*_own(), *offered})
        told = f"neither a file nor a preset; presets are {listed(known)}{did_you_mean(name, known)}"
        raise ConfigError(line(f"{name}: {told}"))
    file, *others = offered[name]
    if others:
        raise ConfigError(f"{name}: a preset in {file} and in {others[0]}; give the path of the one that you mean")
    return Preset(name, file)


def _own() -> dict[str, Traversable]:
    return dict(_in(resources.files("study") / "presets"))


def _offered() -> dict[str, list[Traversable]]:
    """All files of each preset's name."""
    files: dict[str, list[Traversable]] = {}
    for entry in entry_points(group=GROUP):
        try:
            found = list(_in(resources.files(entry.module)))
        except Exception as error:  # a stranger's package may raise anything when it is imported
            raise ConfigError(
                f"{entry.value}: offers presets as {entry.name!r} in {GROUP}, but cannot be imported "
                f"({one_line(error)}); mend or uninstall it"
            ) from error
        for name, file in found:
            files.setdefault(name, []).append(file)
    return files


def _in(folder: Traversable) -> Iterator[tuple[str, Traversable]]:
    for file in folder.iterdir():
        if file.name.endswith(SUFFIX):
            yield file.name.removesuffix(SUFFIX), file
