"""What is said while a search runs that can still be stopped: once, as soon as it is evident, with the key to turn."""

import io
from collections.abc import Iterator

from rich.console import Console

from analysis.records.schema import PhaseEvent, TrialEvent
from study.search.ledger import Account, Ledger
from study.show.progress import Progress
from study.show.watch import Watch

LEDGER = Ledger((Account("scratch"), Account("tuned")), 75.0, 15.0)


def trial(index: int, ending: str, approach: str = "tuned") -> Iterator[TrialEvent]:
    """The events of one trial that came to three steps."""
    identity = {"trial": f"{approach}-{index}", "approach": approach, "phase": "search", "index": index}
    yield TrialEvent(**identity, order=0, event="started", params={"epochs": 5 + index}, allowance_s=15.0)
    yield TrialEvent(**identity, order=1, event="heartbeat", charged_s=10.0)
    yield TrialEvent(**identity, order=2, event=ending, charged_s=15.0, steps=3, epoch=0.1)


def said(watch: Watch, endings: list[str], approach: str = "tuned") -> list[list[str]]:
    """What is said during each trial of one approach."""
    return [
        [line for event in trial(index, ending, approach) for line in watch.see(event)]
        for index, ending in enumerate(endings)
    ]


def test_five_trials_that_were_all_cut_are_told_with_the_key_and_how_to_stop():
    before, (line,) = (told := said(Watch(LEDGER), ["cut"] * 5))[:4], told[4]
    assert before == [[]] * 4
    assert line == (
        "warning: tuned had all 5 search trials cut by the allowance after 3 steps (0.1 of 5 to 9 epochs); raise "
        "budget.trial_seconds (15 s; its median configuration takes about 17.5 min; or lower `epochs` in its space). "
        "Ctrl-C stops the study and keeps what is on record"
    )


def test_it_is_told_once_of_each_approach():
    watch = Watch(LEDGER)
    assert sum(map(len, said(watch, ["cut"] * 100))) == 1
    assert sum(map(len, said(watch, ["cut"] * 100, "scratch"))) == 1
    assert watch.end({}) == []


def test_what_shows_only_later_is_told_later():
    told = said(Watch(LEDGER), ["finished"] + ["cut"] * 9)
    assert [len(lines) for lines in told] == [0] * 9 + [1]


def test_a_search_that_goes_well_says_nothing_to_the_end():
    watch = Watch(LEDGER)
    assert not any(said(watch, ["finished"] * 20) + said(watch, ["finished"] * 20, "scratch"))
    assert watch.end({}) == []


def test_the_end_of_the_search_tells_of_few_trials_but_not_of_who_ran_out():
    watch = Watch(LEDGER)
    said(watch, ["finished"] * 4)
    lines = watch.end({Account("scratch"): "all 0 configurations of its space were tried"})
    assert [line.split(" (")[0] for line in lines] == [
        "warning: tuned tried only 4 configurations in its search; raise budget.search_seconds"
    ]


def shown(*phases: PhaseEvent) -> str:
    """What a display says that takes over five trials which were all cut."""
    text = io.StringIO()
    with Progress(Console(file=text, width=100)) as progress:
        progress.search(LEDGER, {}, [event for index in range(5) for event in trial(index, "cut")])
        for phase in phases:
            progress(phase)
    return text.getvalue()


def test_a_resumed_search_that_is_starved_says_it_at_once_and_the_rest_in_the_end():
    started = PhaseEvent(phase="search", event="started", slots=2)
    assert shown(started).count("tuned had all 5 search trials cut") == 1
    text = shown(started, PhaseEvent(phase="search", event="finished"))
    assert text.count("tuned had all 5 search trials cut") == 1
    assert "tuned tried only 5 configurations in its search" in text
    assert "scratch tried only 0 configurations in its search" in text


def test_a_study_resumed_behind_its_search_says_nothing_of_it_any_more():
    assert "tuned" not in shown(PhaseEvent(phase="final", event="started", slots=2))


def test_a_study_that_goes_on_by_itself_is_not_warned_of_the_same_again():
    """With another replicate the search begins anew, on all events so far."""
    text = io.StringIO()
    events = [event for index in range(5) for event in trial(index, "cut")]
    started, finished = (PhaseEvent(phase="search", event=event, slots=2) for event in ("started", "finished"))
    with Progress(Console(file=text, width=100)) as progress:
        progress.search(LEDGER, {}, [])
        progress(started)
        for event in events:
            progress(event)
        progress(finished)
        told = text.getvalue().count("warning: ")
        larger = Ledger((*LEDGER.accounts, Account("scratch", 1), Account("tuned", 1)), 75.0, 15.0)
        progress.search(larger, {}, events)
        progress(started)
        progress(finished)
    assert told > 0
    assert text.getvalue().count("warning: ") == told
