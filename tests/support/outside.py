"""Approaches from outside the program, as their authors keep them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trainables import finding


def declare(folder: Path, project: str, name: str, value: str) -> None:
    """As if a package that declares an approach as an entry point were installed in this folder."""
    about = folder / f"{project}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[transfer_study.approaches]\n{name} = {value}\n")


@contextmanager
def loaded_nowhere(monkeypatch: pytest.MonkeyPatch, *modules: str) -> Iterator[None]:
    """These modules are not imported yet, and afterwards neither they nor the folders they were found in are known."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(finding, "_added", [])
        for name in modules:
            patch.setitem(sys.modules, name, None)
            del sys.modules[name]
        yield
