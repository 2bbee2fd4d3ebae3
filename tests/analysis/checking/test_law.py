"""No silent wrong number: whatever happens to one file, `check` finds it, or the report's numbers are unchanged."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.checking.check import check_study
from analysis.records.errors import RecordsError
from analysis.records.reading import read_study
from analysis.report.json import report_json
from analysis.report.summary import summarise
from tests.support.synthetic_study import write_finished_study

pytestmark = pytest.mark.slow
KINDS = ("gone", "twice", "cut", "a bit turned over")


def numbers(study: Path) -> str:
    """All that a report of this study says."""
    found = summarise(read_study(str(study)))
    return report_json("", found.comparison, found)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished study, and what its report says."""
    study = Path(write_finished_study(tmp_path_factory.mktemp("law") / "study"))
    return study, numbers(study)


def damage(path: Path, kind: str, at: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    if kind == "gone":
        path.unlink()
    elif kind == "twice":
        shutil.copy(path, path.with_name(f"{path.stem} (1){path.suffix}"))
    elif kind == "cut":
        path.write_bytes(content[: at % max(1, len(content))])
    elif content:
        content[at % len(content)] ^= 1 << bit
        path.write_bytes(content)


def names(study: Path) -> list[str]:
    """All files but the pages and figures of the report, from which nothing is computed."""
    paths = (path.relative_to(study) for path in study.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.suffix in (".json", ".yaml", ".parquet", ""))


@given(st.data())
@settings(max_examples=settings().max_examples // 3)  # of a fifth of a second each
def test_whatever_happens_to_one_file_is_found_or_changes_no_number(whole, data):
    study, before = whole
    folders = sorted({name.partition("/")[0] for name in names(study)})  # or records would be nearly all examples
    folder = data.draw(st.sampled_from(folders))
    name = data.draw(st.sampled_from([name for name in names(study) if name.partition("/")[0] == folder]))
    kind, at, bit = data.draw(st.tuples(st.sampled_from(KINDS), st.integers(0, 20_000), st.integers(0, 7)))
    with tempfile.TemporaryDirectory() as place:
        copy = Path(shutil.copytree(study, Path(place) / "study"))
        damage(copy / name, kind, at, bit)
        found = check_study(str(copy)).findings
        try:
            read_study(str(copy))
            now, refused = (before if found else numbers(copy)), None
        except RecordsError as error:
            now, refused = None, str(error)
    if refused is None:
        assert now == before, f"{name}, {kind}: another report, and nothing was found"
    else:
        assert found, f"{name}, {kind}: reports refuse the study, and nothing was found: {refused}"
        assert "\n" not in refused
