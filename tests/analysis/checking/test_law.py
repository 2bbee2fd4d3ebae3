"""No silent wrong number: whatever happens to one file, `check` finds it, or the report's numbers are unchanged."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.checking.check import check_study
from analysis.records.errors import RecordsError
from analysis.records.store import read_study
from analysis.report.json import report_json
from analysis.report.summary import summarise
from tests.support.synthetic_study import write_finished_study

pytestmark = pytest.mark.slow


def numbers(study: Path) -> str:
    """All that a report of this study says."""
    found = summarise(read_study(str(study)))
    return report_json("", found.comparison, found)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished study, and what its report says."""
    study = Path(write_finished_study(tmp_path_factory.mktemp("law") / "study"))
    return study, numbers(study)


def assert_law(study: Path, before: str) -> None:
    found = check_study(str(study)).findings
    try:
        read_study(str(study))
        refused = None
    except RecordsError as error:
        refused = str(error)
    if refused is None:
        assert found or numbers(study) == before
    else:
        assert found, f"reports refuse the study, and nothing was found: {refused}"
        assert "\n" not in refused


def names(study: Path) -> list[str]:
    return sorted(str(path.relative_to(study)) for path in study.rglob("*") if path.is_file())


def test_a_file_that_is_gone_or_there_twice_or_cut_is_found_or_changes_no_number(whole, tmp_path):
    study, before = whole
    for name in names(study):
        for kind in ("gone", "twice", "cut"):
            copy = Path(shutil.copytree(study, tmp_path / "copy"))
            path = copy / name
            if kind == "gone":
                path.unlink()
            elif kind == "twice":
                shutil.copy(path, path.with_name(f"{path.stem} (1){path.suffix}"))
            else:
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            assert_law(copy, before)
            shutil.rmtree(copy)


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_bit_that_is_turned_over_is_found_or_changes_no_number(whole, data):
    study, before = whole
    inputs = [name for name in names(study) if not name.startswith("report/")]
    name = data.draw(st.sampled_from(inputs))
    size = (study / name).stat().st_size
    at, bit = data.draw(st.integers(0, max(0, size - 1))), data.draw(st.integers(0, 7))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(study, Path(folder) / "study"))
        changed = bytearray((copy / name).read_bytes())
        if changed:
            changed[at] ^= 1 << bit
        (copy / name).write_bytes(changed)
        assert_law(copy, before)
