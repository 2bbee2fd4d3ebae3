"""Approaches from outside the program, as their authors keep them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trainables import finding


def installed(folder: Path, project: str, group: str, **names: str) -> None:
    """What pip leaves in a folder of packages: a distribution that declares entry points by these names."""
    about = folder / f"{project}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in names.items()]
    (about / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))


def declare(folder: Path, project: str, name: str, value: str) -> None:
    """As if a package that declares an approach were installed in this folder."""
    installed(folder, project, "transfer_study.approaches", **{name: value})


@contextmanager
def loaded_nowhere(monkeypatch: pytest.MonkeyPatch, *modules: str) -> Iterator[None]:
    """These modules are not imported yet, and afterwards neither they nor the folders they were found in are known."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(finding, "_added", [])
        patch.setattr(finding, "_searched", [])
        for name in modules:
            patch.setitem(sys.modules, name, None)
            del sys.modules[name]
        yield
