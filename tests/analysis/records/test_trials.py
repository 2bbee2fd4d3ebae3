"""One row a trial, whatever its events; what features cost."""

from typing import Any, get_args

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.records.schema import (
    ENDINGS,
    EventName,
    FeatureCost,
    TrialEvent,
)
from analysis.records.trials import SCORES, TRIAL_COLUMNS, costs_by_approach, feature_charges, superseded, trial_table


def event(order: int, name: str, **more: object) -> TrialEvent:
    fixed = {"trial": "t", "order": order, "event": name, "approach": "a", "phase": "search", "index": 0}
    return TrialEvent(**{**fixed, "time": float(order), **more})


def table(*events: TrialEvent) -> pd.DataFrame:
    return trial_table(pd.DataFrame([e.model_dump() for e in events]))


def test_a_trial_is_what_its_events_say():
    trials = table(
        event(0, "started", allowance_s=20.0, params={"lr": 0.1}),
        event(1, "validated", charged_s=5.0, best_accuracy=0.7, best_at_s=4.0),
        event(2, "finished", charged_s=12.0, best_accuracy=0.7, best_at_s=4.0, overshoot_s=0.2),
    )
    row = trials.iloc[0]
    assert (row.status, row.charged_s, row.refunded_s, row.overshoot_s) == ("finished", 12.0, 8.0, 0.2)
    assert (row.best_accuracy, row.best_at_s, row.params) == (0.7, 4.0, {"lr": 0.1})


def test_a_final_run_keeps_its_ending_after_it_was_evaluated():
    trials = table(event(0, "started"), event(1, "cut", charged_s=9.0), event(2, "evaluated", charged_s=9.0))
    assert trials.status.tolist() == ["cut"]


def test_a_trial_that_still_runs_has_refunded_nothing():
    row = table(event(0, "started", allowance_s=20.0), event(1, "heartbeat", charged_s=3.0)).iloc[0]
    assert (row.status, row.charged_s, row.refunded_s) == ("running", 3.0, 0.0)


def test_a_trial_interrupted_by_a_crash_is_lost_until_it_goes_on():
    first = (event(0, "started", allowance_s=20.0), event(1, "lost", charged_s=3.0, reason="worker died"))
    assert table(*first).status.tolist() == ["lost"]
    assert table(*first, event(2, "heartbeat", charged_s=4.0)).status.tolist() == ["running"]


def test_a_trial_that_was_lost_and_then_finished_is_finished_and_says_what_was_lost():
    row = table(
        event(0, "started", allowance_s=20.0, params={"lr": 0.1}),
        event(1, "validated", charged_s=5.0, best_accuracy=0.7, best_at_s=4.0),
        event(2, "lost", charged_s=5.0, lost_s=3.0, best_accuracy=0.7, best_at_s=4.0, reason="worker died"),
        event(3, "heartbeat", charged_s=8.0, lost_s=3.0, best_accuracy=0.7, best_at_s=4.0, allowance_s=20.0),
        event(4, "finished", charged_s=12.0, lost_s=3.0, best_accuracy=0.8, best_at_s=11.0),
    ).iloc[0]
    assert (row.status, row.charged_s, row.lost_s, row.best_accuracy) == ("finished", 12.0, 3.0, 0.8)
    assert (row.allowance_s, row.refunded_s, row.params) == (20.0, 8.0, {"lr": 0.1})
    assert (row.reason, row.started, row.ended) == ("worker died", 0.0, 4.0)


def test_a_trial_that_failed_after_it_was_lost_names_its_last_reason_and_keeps_what_it_charged():
    row = table(
        event(0, "started", allowance_s=20.0),
        event(1, "lost", charged_s=3.0, reason="worker died"),
        event(2, "failed", charged_s=4.0, reason="out of memory"),
    ).iloc[0]
    assert (row.status, row.reason, row.charged_s, row.refunded_s) == ("failed", "out of memory", 4.0, 16.0)


def test_an_evaluated_final_run_keeps_the_accuracies_of_all_its_events():
    row = table(
        event(0, "started", phase="final", allowance_s=20.0),
        event(1, "finished", phase="final", charged_s=9.0, best_accuracy=0.7, best_at_s=4.0),
        event(2, "evaluated", phase="final", charged_s=9.0, test_accuracy=0.6),  # says nothing of the validation
    ).iloc[0]
    assert (row.status, row.best_accuracy, row.best_at_s, row.test_accuracy) == ("finished", 0.7, 4.0, 0.6)
    assert (row.refunded_s, row.ended) == (11.0, 1.0)


def test_an_allowance_that_was_exceeded_is_no_negative_refund():
    row = table(event(0, "started", allowance_s=2.0), event(1, "cut", charged_s=2.5)).iloc[0]
    assert row.refunded_s == 0.0


def test_what_no_event_says_is_missing_in_the_table():
    row = table(event(0, "started")).iloc[0]
    unknown = ["reason", "best_accuracy", "best_at_s", "test_accuracy", "ended", "params", "origin"]
    assert row[unknown].isna().all()


def test_without_events_the_table_has_its_columns_and_no_row():
    trials = trial_table(pd.DataFrame(columns=list(TrialEvent.model_fields)))
    assert (len(trials), tuple(trials.columns)) == (0, TRIAL_COLUMNS)


MAYBE = st.none() | st.integers(0, 10).map(lambda n: n / 10)
EVENTS = st.fixed_dictionaries(
    {
        "trial": st.sampled_from("xyz"),
        "event": st.sampled_from(get_args(EventName)),
        "charged_s": st.integers(0, 30).map(float),
        "lost_s": st.integers(0, 5).map(float),
        "allowance_s": st.sampled_from([10.0, 20.0]),
        "steps": st.integers(0, 9),
        "best_accuracy": MAYBE,
        "test_accuracy": MAYBE,
        "reason": st.sampled_from([None, "worker died", "out of memory"]),
    }
)


def row_by_row(events: list[TrialEvent]) -> list[dict[str, object]]:
    """The table's definition, one trial and event after another."""
    rows: dict[str, dict[str, Any]] = {}
    for e in events:
        row = rows.setdefault(e.trial, {"trial": e.trial, "allowance_s": e.allowance_s, "status": "running"})
        row |= {"charged_s": e.charged_s, "lost_s": e.lost_s, "steps": e.steps}
        row |= {name: getattr(e, name) for name in (*SCORES, "reason") if getattr(e, name) is not None}
        if e.event in ENDINGS:
            row |= {"status": e.event, "ended": e.time}
        elif "ended" not in row:
            row["status"] = "lost" if e.event == "lost" else "running"
        refunded = max(0.0, row["allowance_s"] - e.charged_s)
        row["refunded_s"] = refunded if "ended" in row else 0.0
    return list(rows.values())


@given(st.lists(EVENTS, min_size=1, max_size=12))
def test_the_table_is_what_the_events_say_one_after_another(given_events):
    events = [event(order, e.pop("event"), **e) for order, e in enumerate(dict(e) for e in given_events)]
    found = [row[row.notna()].to_dict() for _, row in table(*events).iterrows()]
    expected = row_by_row(events)
    assert [{name: row[name] for name in wanted} for row, wanted in zip(found, expected, strict=True)] == expected
    unsaid = {"reason", "ended", *SCORES}
    assert [unsaid & row.keys() for row in found] == [unsaid & row.keys() for row in expected]


def test_trials_are_listed_in_the_order_they_started():
    events = [event(0, "started", trial=f"t{i:02d}", time=float(100 - i)) for i in range(40)]
    frame = pd.DataFrame([e.model_dump() for e in events]).sort_values("time")
    assert trial_table(frame).started.is_monotonic_increasing


def test_only_first_use_owes_the_features_once():
    feature = FeatureCost(key="k", backbone="b", image_size=(8, 8), cost_s=7.0, cached=True, approaches=("svm", "head"))
    assert feature_charges([feature, feature], "first_use") == {"svm": 14.0, "head": 14.0}
    assert feature_charges([feature], "every_trial") == {}
    assert feature_charges([feature], "free") == {}


def test_the_cost_of_features_is_known_whoever_pays():
    feature = FeatureCost(key="k", backbone="b", image_size=(8, 8), cost_s=7.0, cached=True, approaches=("svm", "head"))
    other = feature.model_copy(update={"cost_s": 2.0, "approaches": ("svm",)})
    assert costs_by_approach([feature, other]) == {"svm": 9.0, "head": 7.0}


@pytest.mark.parametrize("behind", [0.0, 5_000.0])
@pytest.mark.parametrize(("old", "new"), [((0, 1, 4), (2, 3)), ((0, 1), (2, 3))], ids=["a late run", "no late run"])
def test_the_latest_configuration_counts_whatever_the_clock_says(old, new, behind):
    """A run of the earlier one may have the highest number: another approach had it added, with a free number."""
    one = {"phase": "final", "approach": "a"}
    events = [
        event(0, "started", **one, trial=f"a-r0-seed{round_}{suffix}", index=index, params={"C": C}, time=time_ + index)
        for indices, suffix, C, time_ in ((old, "", 1.0, 9_000.0), (new, "-2", 2.0, 9_100.0 - behind))
        for round_, index in enumerate(indices)
    ]
    found = superseded(table(*sorted(events, key=lambda event: event.time)))
    assert found == {f"a-r0-seed{round_}" for round_ in range(len(old))}
