"""What is exported of a study, whatever the target."""

from __future__ import annotations

from analysis.records.reading import read_study
from study.export.searches import searches
from tests.study.export.conftest import written


def test_every_trial_and_final_run_of_a_study_is_in_one_search_in_the_order_of_its_index(study):
    found = {search.name: search for search in searches(read_study(study))}
    assert list(found) == ["better_cnn", "fine_tune", "feature_svm"]
    assert [trial.name for trial in found["better_cnn"].trials] == [f"better_cnn-r0-000{k}" for k in range(5)]
    assert [len(search.trials) for search in found.values()] == [5, 2, 2]
    assert [run.name for run in found["feature_svm"].finals] == ["feature_svm-r0-seed0", "feature_svm-r0-seed1"]


def test_a_study_with_replicates_has_a_search_for_each_numbered_from_0(tmp_path):
    writer = written(tmp_path / "twice", replicates=2)
    writer.trial("fine_tune", 0, "finished", 1.0, 0.7, replicate=1)
    found = {search.name: len(search.trials) for search in searches(read_study(str(tmp_path / "twice")))}
    assert found == {
        "better_cnn/r0": 0, "better_cnn/r1": 0, "fine_tune/r0": 0, "fine_tune/r1": 1, "feature_svm/r0": 0,
        "feature_svm/r1": 0,
    }  # fmt: skip


def test_what_a_failed_trial_had_reached_is_a_fact_but_not_its_accuracy(study):
    failed = searches(read_study(study))[0].trials[4]
    assert (failed.status, failed.accuracy, failed.facts["best_accuracy"]) == ("failed", None, 0.99)
    assert failed.facts["reason"] == "out of memory"


def test_only_what_is_known_is_a_fact_and_of_the_kinds_that_the_records_know(study):
    running = searches(read_study(study))[1].trials[1]
    assert (running.status, running.ended, running.facts["charged_s"], running.facts["steps"]) == (
        "running",
        None,
        0.8,
        16,
    )
    assert not {"best_accuracy", "test_accuracy", "reason"} & set(running.facts)
    assert {type(value) for value in running.facts.values()} <= {str, int, float}
