"""What each approach was charged, and how much of the slots the search used."""

import pytest
import yaml

from analysis.checking.accounts import charges
from analysis.checking.reading import read_plain
from analysis.records.reading import read_study
from analysis.records.schema import FeatureCost
from analysis.records.storage import Storage
from analysis.records.trials import trial_table
from analysis.report.wording.search import slots_used
from analysis.search.accounts import spending
from tests.analysis.report.summaries import approach, summary
from tests.support.synthetic_study import StudyWriter


@pytest.fixture
def growing(tmp_path) -> StudyWriter:
    """A search of 12 s that charged 20 s: 4 s on one slot, 6 s on three, and 2 s on one again."""
    writer = StudyWriter(tmp_path)
    settings = {"name": "n", "approaches": {"a": {}}, "budget": {"search_seconds": 100, "trial_seconds": 20}}
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    writer.now = 0.0
    writer.phase("search", "started", slots=1)  # at 1
    writer.now = 4.0
    writer.phase("search", "resized", slots=3)  # at 5
    writer.now = 1.0
    writer.trial("a", 0, "finished", 10.0, 0.5)  # ends at 10
    writer.now = 1.0
    writer.trial("a", 1, "finished", 10.0, 0.5)  # ends at 10 too
    writer.phase("search", "resized", slots=1)  # at 11
    writer.now = 12.0
    writer.phase("search", "finished")  # at 13
    return writer


def test_the_ledger_counts_seconds_and_endings(study_dir):
    spent = approach(summary(study_dir), "fine_tune").spending
    assert (spent.trials, spent.finished, spent.cut, spent.failed) == (4, 2, 1, 1)
    assert (spent.charged_s, spent.budget_s) == (59.0, 60.0)
    assert spent.refunded_s == 0 + 16 + 0 + 5
    assert spent.overshoot_s == pytest.approx(0.4)
    assert spent.exhausted is None


def test_frozen_features_are_charged_once_to_whoever_uses_them(study_dir):
    study = summary(study_dir)
    assert approach(study, "feature_svm").spending.charged_s == 5 + 5 + 10
    assert approach(study, "fine_tune").spending.feature_s == 0


def test_every_replicate_is_charged_its_features_and_has_a_budget_of_its_own(tmp_path):
    writer = StudyWriter(tmp_path)
    budget = {"search_seconds": 40, "trial_seconds": 30}
    settings = {"name": "n", "approaches": {"a": {}, "b": {}}, "budget": budget, "replicates": 3}
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    cost = FeatureCost(key="k", backbone="b", image_size=(8, 8), cost_s=10.0, cached=False, approaches=("a",))
    writer.store.write_record("features/k.json", cost)
    writer.phase("search", "started", slots=1)
    for replicate in range(3):
        writer.trial("a", 0, "finished", 30.0, 0.5, replicate=replicate)
        writer.trial("b", 0, "finished", 38.0, 0.5, replicate=replicate)
    writer.phase("search", "finished")
    study = summary(str(tmp_path))
    a, b = approach(study, "a"), approach(study, "b")
    assert (a.spending.charged_s, a.spending.feature_s, a.spending.budget_s) == (120.0, 30.0, 120.0)
    assert (b.spending.charged_s, b.spending.feature_s, b.spending.budget_s) == (114.0, 0.0, 120.0)
    assert study.search.charged_spread == pytest.approx(6 / 120)
    assert [found.at_s for found in a.incumbents] == [25.0] * 3, "10 s of features, and half of a trial"


def test_who_ran_out_of_configurations_is_named_with_the_reason(study_dir):
    assert approach(summary(study_dir), "feature_svm").spending.exhausted == "all 2 grid points were tried"


def test_the_charged_times_of_those_who_did_not_run_out_are_compared(study_dir):
    assert summary(study_dir).search.charged_spread == pytest.approx((59 - 55) / 60)


def test_utilisation_leaves_frozen_features_out(study_dir):
    search = summary(study_dir).search
    assert search.slots == 2
    assert search.utilisation == pytest.approx((55 + 10 + 59) / (2 * search.wall_seconds))


def test_features_charged_to_every_trial_are_in_its_charge_and_no_work_of_the_search(tmp_path):
    writer = StudyWriter(tmp_path)
    budget = {"search_seconds": 100, "trial_seconds": 30}
    settings = {"name": "n", "approaches": {"a": {}, "b": {}}, "budget": budget, "feature_cost": "every_trial"}
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    cost = FeatureCost(key="k", backbone="b", image_size=(8, 8), cost_s=6.0, cached=False, approaches=("a",))
    writer.store.write_record("features/k.json", cost)
    writer.now = 0.0
    writer.phase("search", "started", slots=1)  # at 1
    writer.trial("a", 0, "finished", 10.0, 0.5)
    writer.trial("a", 1, "cut", 10.0, 0.5)
    writer.trial("a", 2, "failed", 0.0, None, reason="its settings were wrong")  # before it was charged anything
    writer.trial("b", 0, "finished", 9.0, 0.5)
    writer.phase("search", "finished")
    study = summary(str(tmp_path))
    a, b = approach(study, "a").spending, approach(study, "b").spending
    assert (a.charged_s, a.feature_s) == (20.0, 12.0)
    assert (b.charged_s, b.feature_s) == (9.0, 0.0)
    assert study.search.utilisation == pytest.approx((4 + 4 + 9) / study.search.wall_seconds)


def test_seconds_of_cpu_are_summed_over_the_trials_of_which_they_are_known(tmp_path):
    writer = StudyWriter(tmp_path)
    settings = {"name": "n", "approaches": {"a": {}, "b": {}}, "budget": {"search_seconds": 100, "trial_seconds": 10}}
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    writer.trial("a", 0, "finished", 8.0, 0.5, cpu_s=2.0, waited_s=6.0)
    writer.trial("a", 1, "cut", 10.0, 0.5, cpu_s=7.0, waited_s=1.0)
    writer.trial("a", 2, "finished", 8.0, 0.5)
    writer.trial("b", 0, "finished", 8.0, 0.5)
    records = read_study(str(tmp_path))
    spent = spending(records, trial_table(records.events))
    assert (spent["a"].cpu_s, spent["a"].waited_s) == (9.0, 7.0)
    assert (spent["b"].cpu_s, spent["b"].waited_s) == (None, None)


def test_a_session_that_was_killed_ends_with_its_last_trial_event(tmp_path):
    writer = StudyWriter(tmp_path)
    settings = {"name": "n", "approaches": {"a": {}}, "budget": {"search_seconds": 100, "trial_seconds": 10}}
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    writer.now = 0.0
    writer.phase("search", "started", slots=2)  # at 1
    writer.trial("a", 0, "finished", 8.0, 0.5)  # ends at 10, then the driver dies
    writer.now = 500.0
    writer.phase("search", "started", slots=4)  # at 501
    writer.trial("a", 1, "finished", 8.0, 0.5)
    writer.phase("search", "finished")  # at 511
    search = summary(str(tmp_path)).search
    assert search.wall_seconds == 9 + 10
    assert search.slots == 4
    assert search.utilisation == pytest.approx(16 / (9 * 2 + 10 * 4))


def test_utilisation_counts_the_slots_that_were_there_while_nodes_came_and_went(growing):
    search = summary(growing.store.location).search
    assert search.wall_seconds == 4 + 6 + 2
    assert search.slots == 1
    assert search.mean_slots == pytest.approx((4 * 1 + 6 * 3 + 2 * 1) / 12)
    assert search.utilisation == pytest.approx(20 / (4 * 1 + 6 * 3 + 2 * 1))


def test_a_cluster_without_any_slot_for_a_while_has_nothing_to_use_meanwhile(growing):
    growing.phase("search", "started", slots=1)  # at 14: resumed
    growing.phase("search", "resized", slots=0)  # at 15
    growing.now += 100
    growing.phase("search", "resized", slots=1)  # at 116
    growing.phase("search", "finished")  # at 117
    search = summary(growing.store.location).search
    assert search.wall_seconds == 12 + 1 + 101 + 1
    assert search.utilisation == pytest.approx(20 / (24 + 1 + 1))


def test_a_session_that_was_killed_ends_with_a_resized_that_came_after_its_last_trial_event(growing):
    growing.phase("search", "started", slots=1)  # at 14: resumed
    growing.phase("search", "resized", slots=2)  # at 15
    growing.trial("a", 2, "finished", 3.0, 0.5)  # ends at 24
    growing.now += 50
    growing.phase("search", "resized", slots=1)  # at 75, and then the driver dies
    search = summary(growing.store.location).search
    assert search.wall_seconds == 12 + 1 + 60
    assert search.utilisation == pytest.approx(23 / (24 + 1 * 1 + 60 * 2))


def test_the_report_says_how_many_slots_there_were_on_average(growing):
    assert slots_used(summary(growing.store.location).search) == " on 2.0 slots on average"


@pytest.mark.parametrize(
    ("version", "charged_s", "begin_s"), [(1, [10.0, 0.0], [25.0, 15.0]), (2, [10.0, 10.0], [25.0, 25.0])]
)
def test_features_on_a_record_of_version_1_were_charged_to_the_first_replicate_alone(
    tmp_path, version, charged_s, begin_s
):
    """As its ledger did: it charged the account of an approach's first replicate, and no other."""
    writer = StudyWriter(tmp_path)
    budget = {"search_seconds": 40, "trial_seconds": 30}
    settings = {"name": "n", "approaches": {"a": {}, "b": {}}, "budget": budget, "replicates": 2}
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    cost = FeatureCost(
        key="k", backbone="b", image_size=(8, 8), cost_s=10.0, cached=False, approaches=("a",), schema_version=version
    )
    writer.store.write_record("features/k.json", cost)
    for replicate in range(2):
        writer.trial("a", 0, "finished", 30.0, 0.5, replicate=replicate)
    spent = approach(summary(str(tmp_path)), "a")
    assert (spent.spending.charged_s, spent.spending.feature_s) == (60.0 + sum(charged_s), sum(charged_s))
    assert [found.at_s for found in spent.incumbents] == begin_s
    plain = read_plain(Storage(str(tmp_path)))
    assert charges(plain) == {("a", r): 30.0 + charged_s[r] for r in range(2)} | {("b", r): 0.0 for r in range(2)}
