"""Text in the terminal is shown as it is: no markup, no control codes, on whatever screen a name comes up."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.table import Table

from analysis.records.schema import PhaseEvent, TrialEvent
from analysis.records.slugs import OBEYED, visible
from analysis.report.design import Design
from analysis.report.write import ReportPaths, write_report, write_table_report
from study.commands.options import console
from study.search.ledger import Account, Ledger
from study.show.cache import show_cache
from study.show.progress import Progress
from study.show.screens import show_new_approach, show_outcome, show_report
from study.show.terminal import PlainConsole, bold
from tests.support.synthetic_study import predictions, write_study
from trainables.cache import Entry

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("[red]boats", "[/]", "[bold]", "a[/b]", ":boat:", "\x1b[2Jgone", "\x1b]0;title\x07")


def shown(*things: object, width: int = 100) -> str:
    text = io.StringIO()
    for thing in things:
        PlainConsole(file=text, width=width).print(thing)
    return text.getvalue()


@given(st.text(st.characters(exclude_characters="\n\t", codec="utf-8"), max_size=40))
def test_a_line_is_printed_as_it_is_but_for_what_a_terminal_would_obey(text):
    line = shown(text, width=10_000)
    assert not OBEYED.search(line)
    assert line.rstrip("\n").split() == visible(text).split()


@pytest.mark.parametrize("name", NAMES)
def test_cells_titles_and_styled_texts_are_printed_as_they_are(name):
    table = Table("heading", title=name)
    table.add_row(name)
    table.add_row(bold(name))
    assert shown(table).count(visible(name)) == 3


def test_every_console_of_the_program_is_one_of_these():
    """A console of Rich's own reads markup in whatever it is given."""
    makers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "study").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Console")
        or (isinstance(node, ast.Attribute) and node.attr in ("from_markup", "markup_escape"))
        or (isinstance(node, ast.keyword) and node.arg == "markup" and getattr(node.value, "value", None) is True)
    }
    assert makers == set()


def unstyled(text: str) -> str:
    """What a test can look for: one line, as a table or the terminal's width may have broken it."""
    return "".join(text.split())


def assert_shown(out: str, *names: str) -> None:
    assert not OBEYED.search(out)
    for name in names:
        assert unstyled(visible(name)) in unstyled(out), (name, out)


@pytest.fixture
def strange(tmp_path, monkeypatch) -> str:
    """A study from elsewhere, whose directory, name and approaches are what they like."""
    monkeypatch.setattr(console, "_width", 300)
    location = write_study(tmp_path / "x[" / "y]")
    file = Path(location, "study.yaml")
    file.write_text(file.read_text().replace("three-boats", '"[/] [red]boats"'))
    return location


def test_status_shows_names_and_paths_as_they_are(transfer_study, strange):
    told = transfer_study("status", strange)
    assert told.code == 0
    assert_shown(told.out, "x[/y]", "[/] [red]boats")  # a study file holds no control codes


@pytest.mark.parametrize("command", ["status", "resume", "report", "board", "export", "extend"])
def test_a_path_that_is_markup_is_refused_in_one_line(transfer_study, command):
    options = {"export": ("--table", "t.csv"), "extend": ("--runs", "9")}.get(command, ())
    assert transfer_study(command, "x[/y]", *options).complaint.startswith("x[/y]: no such directory")


def test_a_path_with_control_codes_is_refused_without_them(transfer_study):
    assert transfer_study("status", "\x1b[2J").complaint.startswith(r"\x1b[2J: no such directory")


@pytest.mark.usefixtures("undrawn")
def test_the_report_of_a_study_and_its_last_screen_show_them_too(strange):
    text = io.StringIO()
    screen = PlainConsole(file=text, width=300)
    show_report(write_report(strange), screen)
    show_outcome(strange, screen)
    assert_shown(text.getvalue(), "x[/y]/report/report.html", "better_cnn")


@pytest.mark.usefixtures("undrawn")
def test_a_report_of_predictions_shows_names_of_approaches_as_they_are(tmp_path):
    frame = pd.concat([predictions(name, seed, accuracy=0.8) for name in NAMES[:4] for seed in (0, 1)])
    frame.to_parquet(tmp_path / "[bold].parquet")
    text = io.StringIO()
    paths = write_table_report(str(tmp_path / "[bold].parquet"), str(tmp_path / "[out]"), Design())
    show_report(paths, PlainConsole(file=text))
    assert_shown(text.getvalue(), *NAMES[:4], "[out]")


def test_data_describe_shows_classes_and_folders_as_they_are(transfer_study, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "_width", 300)
    rng = np.random.default_rng(0)
    for name in ("[red]boats", "[bold]", "\x1b[2J"):
        for number in range(10):
            folder = tmp_path / "[italic]" / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    told = transfer_study("data", "describe", "[italic]")
    assert told.code == 0, told.err
    assert_shown(told.out, "[italic]", "[red]boats", "[bold]", "\x1b[2J", "all")


def test_the_cache_and_a_new_approach_are_shown_as_they_are(tmp_path):
    text = io.StringIO()
    screen = PlainConsole(file=text, width=300)
    entry = Entry(
        kind="images", key="ab", files=(), size=1, damaged=False, made=0.0, what="[/] \x1b[2J", image_size="[b]"
    )
    show_cache([entry], Path("[red]cache"), screen)
    show_new_approach(Path("[red]m.py"), Path("[/]t.py"), Path("a b.yaml"), screen)
    assert_shown(text.getvalue(), "[/] \x1b[2J", "[b]", "[red]cache", "[red]m.py", "[/]t.py")


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_shows_approaches_and_reasons_as_they_are(terminal):
    text = io.StringIO()
    screen = PlainConsole(file=text, width=200)
    screen._force_terminal = terminal
    names = ("[red]a", "[/]")
    ledger = Ledger(tuple(map(Account, names)), 60.0, 20.0)
    with Progress(screen) as progress:
        progress.phase("search", 2)
        progress.search(ledger, {}, [])
        for name in names:
            identity = {"trial": f"{name}-0", "approach": name, "phase": "search", "index": 0, "order": 0}
            progress(TrialEvent(**identity, event="validated", charged_s=5.0, best_accuracy=0.5))
        progress.say("[bold]host \x1b]0;t went on")
        progress(PhaseEvent(phase="search", event="finished"))
    for name in (*names, "[bold]host \x1b]0;t went on"):
        assert visible(name) in text.getvalue()


def test_published_rows_are_shown_as_they_are(transfer_study, tmp_path):
    (tmp_path / "t.csv").write_text("name,accuracy\n[red]a,0.86\n[/],0.872\n")
    told = transfer_study("published", "--table", "t.csv", "--images", "1324")
    assert told.code == 0
    assert_shown(told.out, "[red]a", "[/]")


def test_reports_are_named_by_where_they_lie(tmp_path):
    text = io.StringIO()
    paths = ReportPaths("[/]/r.html", "[/]/r.md", "[/]/r.json", "[red]a leads.", "[/] \x1b[2J leads.", ("[b]note",))
    show_report(paths, PlainConsole(file=text))
    assert_shown(text.getvalue(), "[/]/r.html", "[red]a leads.", "[/] \x1b[2J leads.", "[b]note")
