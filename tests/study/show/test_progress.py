"""What the user sees while a study runs, in a terminal and without one."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from analysis.records.schema import PhaseEvent, TrialEvent
from study.search.ledger import Account, Ledger
from study.show.progress import Progress, duration


def event(kind: str, charged_s: float = 0.0, best: float | None = None, **more: object) -> TrialEvent:
    identity = {"trial": "better_cnn-r0-0000", "approach": "better_cnn", "phase": "search", "index": 0, "order": 0}
    return TrialEvent(**identity | {"event": kind, "charged_s": charged_s, "best_accuracy": best} | more)


class Screen:
    """A progress display on a console that keeps what was printed."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.text = io.StringIO()
        self.progress = Progress(Console(file=self.text, force_terminal=terminal, width=100))
        self.ledger = Ledger((Account("better_cnn"), Account("fine_tune")), 60.0, 20.0)

    def show(
        self, *events: TrialEvent, earlier: tuple[TrialEvent, ...] = (), exhausted: dict[Account, str] | None = None
    ) -> str:
        with self.progress as progress:
            progress.phase("search", 2)
            progress.search(self.ledger, exhausted or {}, list(earlier))
            for event in events:
                progress(event)
        return self.text.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text


@given(st.floats(0, 1e6))
def test_a_duration_has_at_most_two_parts(seconds):
    parts = duration(seconds).split()
    assert len(parts) in (2, 4)
    assert int(parts[0]) <= seconds + 0.5


def test_without_a_terminal_a_line_for_each_approach_says_how_far_it_is():
    text = Screen().show(event("validated", 12.0, 0.8125))
    assert "better_cnn: 12 / 60 s, 0 trials, best 0.812" in text
    assert "fine_tune: 0 / 60 s, 0 trials, best -" in text
    assert "about 54 s left" in text, "(60 - 12 + 60) / 2 slots"
    assert "\x1b" not in text


def test_the_replicates_of_an_approach_are_shown_together():
    screen = Screen()
    screen.ledger = Ledger(tuple(Account("better_cnn", replicate) for replicate in range(3)), 60.0, 20.0)
    second = {"trial": "better_cnn-r1-0000", "replicate": 1}
    screen.ledger.charge(Account("better_cnn"), 15.0)
    screen.ledger.charge(Account("better_cnn", 1), 10.0)
    ends = (event("finished", 15.0, 0.9), event("finished", 10.0, 0.7, **second))
    text = screen.show(event("heartbeat", 2.0, trial="better_cnn-r2-0000", replicate=2), earlier=ends)
    assert "better_cnn: 27 / 180 s, 2 trials, best 0.900" in text
    assert text.count("better_cnn") == 1


def test_who_ran_out_of_configurations_is_not_waited_for():
    text = Screen().show(event("validated", 12.0, 0.8125), exhausted={Account("fine_tune"): "max_trials: 3"})
    assert "about 24 s left" in text, "(60 - 12) / 2 slots"


def test_in_a_terminal_a_table_shows_the_same():
    screen = Screen(terminal=True)
    text = screen.show(event("validated", 12.0, 0.8125))
    assert all(words in text for words in ("best validation accuracy", "12 / 60 s", "0.812", "54 s left"))


def test_a_trial_that_ended_is_counted_and_its_seconds_are_the_ledger_s():
    screen = Screen()
    screen.ledger.charge(Account("better_cnn"), 15.0)
    assert "better_cnn: 15 / 60 s, 1 trials, best 0.900" in screen.show(event("finished", 15.0, 0.9))


def test_a_resumed_study_counts_what_was_there_before():
    screen = Screen()
    screen.ledger.charge(Account("better_cnn"), 15.0)
    other = event("validated", 4.0, trial="fine_tune-r0-0000", approach="fine_tune")
    text = screen.show(other, earlier=(event("started"), event("finished", 15.0, 0.9)))
    assert "better_cnn: 15 / 60 s, 1 trials, best 0.900" in text
    assert "fine_tune: 4 / 60 s" in text


def test_final_runs_are_counted():
    screen = Screen()
    with screen.progress as progress:
        progress.phase("final", 2)
        progress.final(6)
        progress(event("finished", 5.0, 0.9, phase="final"))
    assert "final runs 1/6" in screen.text.getvalue()


@pytest.mark.parametrize(("slots", "left"), [(4, "27 s"), (0, "1 min 48 s")])
def test_what_is_left_goes_by_the_slots_there_are_now(slots, left):
    """A cluster that has lost all its slots waits for one."""
    screen = Screen()
    with screen.progress as progress:
        progress.phase("search", 2)
        progress.search(screen.ledger, {}, [])
        progress(PhaseEvent(phase="search", event="resized", slots=slots))
        progress(event("validated", 12.0, 0.8125))
    assert f"about {left} left" in screen.text.getvalue()


def test_a_terminal_is_drawn_a_few_times_a_second_however_many_trials_report(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("study.show.progress.time.monotonic", lambda: now[0])
    screen = Screen(terminal=True)
    draws = screen.show().count("better_cnn")
    with screen.progress as shown:
        for number in range(1000):
            now[0] += 0.001
            shown(event("heartbeat", 0.01 * number))
    assert 4 <= screen.text.getvalue().count("better_cnn") - draws <= 6


def test_without_a_terminal_each_thing_that_is_done_is_a_line_with_the_seconds_so_far(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("study.show.progress.time.monotonic", lambda: now[0])
    screen = Screen()
    with screen.progress as shown:
        shown.phase("prepare", 0)
        now[0] += 3.0
        shown.doing("starting Ray")
        now[0] += 70.0
        shown.doing("starting processes")
    assert screen.text.getvalue().splitlines() == [
        "Preparing",
        "  3 s: starting Ray",
        "  1 min 13 s: starting processes",
    ]


def test_without_a_terminal_images_are_counted_now_and_then(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("study.show.progress.time.monotonic", lambda: now[0])
    screen = Screen()
    with screen.progress as shown:
        for done in range(5001):
            shown.doing("decoding images", done, 5000)
            now[0] += 0.01
    lines = screen.text.getvalue().splitlines()
    assert lines[0] == "  0 s: decoding images: 0 of 5,000"
    assert 2 <= len(lines) - 1 <= 4, "50 seconds"
    assert lines[1].startswith("  15 s: decoding images: 1,5")


def test_in_a_terminal_the_screen_says_what_is_done_how_far_it_is_and_for_how_long(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("study.show.progress.time.monotonic", lambda: now[0])
    screen = Screen(terminal=True)
    with screen.progress as shown:
        shown.phase("prepare", 0)
        shown.doing("decoding images", 12, 5000)
        now[0] += 85.0
    assert "decoding images: 12 of 5,000, 1 min 25 s" in screen.text.getvalue(), "as it is drawn for the last time"


@pytest.mark.parametrize("terminal", [False, True])
def test_a_search_begins_with_starting_processes_until_one_of_them_reports(terminal):
    screen = Screen(terminal=terminal)
    assert "starting processes" in screen.show(event("started"))
    again = len(screen.text.getvalue())
    with screen.progress as shown:
        shown(event("validated", 12.0, 0.8125))
    assert "starting processes" not in screen.text.getvalue()[again:]


def test_a_resumed_study_begins_with_what_its_records_say_of_a_busy_machine():
    screen = Screen()
    with screen.progress as shown:
        busy = [event("heartbeat", 10.0 * n, waited_s=5.0 * n, order=n) for n in range(1, 4)]
        shown.search(screen.ledger, {}, busy)
        assert screen.text.getvalue() == ""
        shown(PhaseEvent(phase="search", event="started", slots=2))
        shown(event("heartbeat", 40.0, waited_s=20.0, order=4))
    text = screen.text.getvalue()
    assert text.count("Busy machine: charged seconds over those with a CPU are better_cnn 2.0") == 1
    assert text.index("Busy machine") < text.index("Searching")
