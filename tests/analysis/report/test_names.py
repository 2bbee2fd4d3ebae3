"""Reports about anything: whatever approaches, classes, images and groups are called, nothing else is touched by it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.records.errors import RecordsError
from analysis.records.slugs import OBEYED
from analysis.report.design import Design
from analysis.report.write import ReportPaths, write_table_report
from tests.analysis.report.reading import BEGINS, LIVE, read_markdown, read_page
from tests.analysis.report.test_write import Page
from tests.support.hostile import NAMES, PATHS
from tests.support.programs import go_on, started

pytestmark = pytest.mark.slow

IMAGES = 12


def table(approaches: list[str], classes: list[str], images: list[str], groups: list[str]) -> pd.DataFrame:
    """Predictions of two runs of each approach, right on most images."""
    rng = np.random.default_rng(0)
    rows = []
    for approach in approaches:
        for seed in range(2):
            for i, image in enumerate(images):
                label = i % len(classes)
                named = label if rng.random() < 0.7 else (label + 1) % len(classes)
                seen = {"image": image, "group": groups[i % len(groups)], "label": classes[label]}
                rows.append({"approach": approach, "seed": seed, **seen, "prediction": classes[named]})
    return pd.DataFrame(rows)


def outside(root: Path, out: Path) -> dict[str, bytes]:
    """All files that a report has no business with."""
    files = (path for path in root.rglob("*") if path.is_file() and out not in path.parents)
    return {str(path): path.read_bytes() for path in files}


def reported(root: Path, frame: pd.DataFrame) -> ReportPaths:
    """The report, deep enough that many a `..` stays within what is looked at, where nothing but it has changed."""
    out = root / "a" / "b" / "c" / "d" / "out"
    for folder in (root, root / "a", *(out.parents[k] for k in range(3))):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "victim.csv").write_text("mine")
    frame.to_parquet(root / "predictions.parquet")
    before = outside(root, out)
    paths = write_table_report(str(root / "predictions.parquet"), str(out), Design())
    assert outside(root, out) == before
    assert all(Path(path).parent == out for path in (paths.html, paths.markdown, paths.json))
    assert {path.parent.name for path in out.rglob("*.csv")} == {"data"}
    return paths


def images(names: list[str]) -> list[str]:
    return [f"{names[i % len(names)]}{i}" for i in range(IMAGES)]


@pytest.fixture(
    scope="module", params=[NAMES[k : k + 6] for k in range(0, len(NAMES), 6)], ids=lambda names: ascii(names[0])[:20]
)
def report(request, tmp_path_factory) -> tuple[tuple[str, ...], ReportPaths]:
    names = request.param
    classes = [*names, "other"][:4]
    frame = table(list(names), classes, images(list(names)), [f"{name}, group" for name in (*names, "another")])
    return names, reported(tmp_path_factory.mktemp("names"), frame)


def test_the_page_holds_no_tag_link_or_script_from_a_name(report):
    names, paths = report
    text = Path(paths.html).read_text()
    page = Page(text)
    assert page.open == []
    assert "<script" not in text.lower()
    links = [value or "" for name, value in page.attributes if name in {"src", "href", "xlink:href", "srcset"}]
    assert all(link.startswith(("#", "data/")) and ".." not in link for link in links)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    words = " ".join("".join(page.words).split())
    assert all(" ".join(name.split()) in words for name in names if not OBEYED.search(name))


def test_the_markdown_holds_nothing_live_from_a_name_and_says_the_same_as_the_page(report):
    _, paths = report
    text = Path(paths.markdown).read_text()
    page, markdown = read_page(Path(paths.html).read_text()), read_markdown(text)  # which refuses what is live
    assert page.tables == markdown.tables
    assert sorted(page.prose) == sorted(markdown.prose)


def test_no_cell_of_a_csv_begins_a_formula(report):
    _, paths = report
    for path in Path(paths.html).parent.rglob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_bytes().decode(), newline="")):
            for cell in row:
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or float(cell) <= 0, cell


def test_no_file_holds_what_a_terminal_obeys(report):
    _, paths = report
    for path in (paths.html, paths.markdown, paths.json):
        assert not OBEYED.search(Path(path).read_bytes().decode())
    assert json.loads(Path(paths.json).read_text())["schema_version"] == 2
    assert all(len(text.splitlines()) == 1 for text in (paths.headline, paths.verdict)), "to be quoted"


@settings(max_examples=8, deadline=None)
@given(st.lists(st.text(max_size=30) | st.sampled_from(NAMES), min_size=6, max_size=6, unique_by=lambda n: n.strip()))
def test_any_names_are_reported_below_out_or_refused_in_one_line(tmp_path_factory, names):
    root = tmp_path_factory.mktemp("any")
    approaches, classes, groups = names[:2], names[2:4], names[3:]
    with suppress(RecordsError):
        reported(root, table(approaches, classes, images(names), groups))


def test_the_command_writes_below_out_alone_and_sends_nothing_to_the_terminal_that_it_obeys(tmp_path):
    names = [PATHS[0], "\x1b[2J[red]x"]
    folder = tmp_path / "a" / "b" / "c" / "d"
    folder.mkdir(parents=True)
    for place in (tmp_path, tmp_path / "a", tmp_path / "a" / "b", folder):
        (place / "victim.csv").write_text("mine")
    table(names, ["y", "z"], images(["i"]), ["g", "h", "j"]).to_csv(folder / "predictions.csv", index=False)
    before = outside(tmp_path, folder / "out")
    command = [sys.executable, "-m", "analysis", "predictions.csv", "--out", "out"]
    path = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=True)
    assert outside(tmp_path, folder / "out") == before
    assert b"\x1b[2J" not in done.stdout
    assert rb"\x1b[2J[red]x" in done.stdout
    assert (folder / "out" / "data" / "confusion-1.csv").read_text().count(PATHS[0]) > 0, "the name is in the file"


TWICE = """
import sys
from analysis.report import write
write.draw_comparison = write.draw_study = lambda _: ()  # figures take long and are written like all else
print("ready", flush=True)
sys.stdin.readline()
for _ in range(2):
    write.write_report(sys.argv[1])
"""


def test_two_reports_of_one_study_at_once_both_succeed_again_and_again(study_dir):
    """Before, 27 of 600 such reports failed: both wrote under one passing name."""
    with started(TWICE, study_dir) as one, started(TWICE, study_dir) as other:
        go_on(one)
        go_on(other)
        assert [one.wait(), other.wait()] == [0, 0]
    assert not list(Path(study_dir).rglob("*.part"))
    assert len(list(Path(study_dir, "looks").iterdir())) == 1


def test_nothing_that_is_live_passes_for_escaped():
    """The oracle of this file itself."""
    for live in ("<b>", "[x](y)", "`a`", "*a*", "_a_", "~~a~~", "&amp;", "https://h", "www.h.org", "# a", "1. a"):
        assert LIVE.search(live) or BEGINS.match(live), live
    for plain in ("a < b", "fine_tune", "p = 0.3", "a & b", "12:30", "-0.3", "#1"):
        assert not LIVE.search(plain), plain
        assert not BEGINS.match(plain), plain
