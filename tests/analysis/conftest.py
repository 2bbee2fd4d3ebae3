"""What the tests of the analysis share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.synthetic_study import write_study


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., str]:
    """Write a study with the given variations and give its location."""
    return lambda **variations: write_study(tmp_path / "study", **variations)


@pytest.fixture
def study_dir(make_study: Callable[..., str]) -> str:
    return make_study()
