"""The looks at a study: which are counted, which go on record, and what each may use of alpha."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from analysis.checking.check import check_study
from analysis.numbers import level
from analysis.predictions.outcomes import read_outcomes
from analysis.records.reading import read_study
from analysis.records.store import Store
from analysis.records.trials import superseded, trial_table
from analysis.report.looks import record_look
from analysis.report.summary import StudySummary
from analysis.report.views import BALANCED, MCNEMAR
from analysis.report.write import Findings, render, write_report
from analysis.statistics.looks import Look, look_alpha
from analysis.statistics.losses import log_losses, losses
from analysis.statistics.paired import accuracy, difference, mean_difference
from analysis.statistics.per_class import balanced_accuracy, balanced_difference, class_accuracies
from analysis.statistics.secondary import mcnemar
from tests.analysis.report.summaries import summary
from tests.support.synthetic_study import ACCURACY, INCUMBENTS, SETTINGS, StudyWriter, predictions, write_study

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]


def extended(
    location: str, *, runs: range, replicate: int = 0, finished: bool = True, another: bool = False
) -> StudyWriter:
    """More final runs of every approach, later than all that is there; of another configuration, perhaps."""
    writer = StudyWriter(Path(location))
    writer.now = max(event.time for event in writer.store.trial_events()) + 100
    writer.phase("final", "started", slots=2)
    for approach, reached in ACCURACY.items():
        for index in runs:
            rows = predictions(approach, index, accuracy=reached).assign(group=None)
            params = INCUMBENTS[approach] | ({next(iter(INCUMBENTS[approach])): 0.5} if another else {})
            writer.final(approach, index, rows, replicate=replicate, params=params)
    if finished:
        writer.phase("final", "finished")
    return writer


def settings(location: str, **more: object) -> None:
    Store(location).write_bytes("study.yaml", yaml.safe_dump(SETTINGS | more).encode())


def alpha_of(study: StudySummary) -> float:
    assert study.comparison is not None
    return study.comparison.design.look_alpha


def test_a_report_of_finished_final_runs_is_a_look_and_goes_on_record(study_dir):
    write_report(study_dir)
    (look,) = read_study(study_dir).looks
    assert (look.replicates, look.runs, look.test_reads, look.search_seconds) == (1, 3, 9, 60.0)
    assert (look.alpha, look.planned, look.renewed) == (0.05, None, False)
    assert look.study == Path(study_dir, "study.yaml").read_text()
    assert {"fine_tune-r0-seed0", "feature_svm-r0-seed2"} < set(look.counted)
    pairs = summary(study_dir).pairs
    assert [(pair.a, pair.b) for pair in look.verdicts] == [(pair.difference.a, pair.difference.b) for pair in pairs]
    assert [pair.verdict for pair in look.verdicts] == [pair.verdict for pair in pairs]


def test_a_report_written_again_without_new_runs_is_no_new_look_and_says_the_same(study_dir):
    first = write_report(study_dir)
    before = Path(first.json).read_text()
    write_report(study_dir)
    assert len(read_study(study_dir).looks) == 1
    assert Path(first.json).read_text() == before


def test_two_reports_at_once_are_one_look(study_dir):
    """The second has read its records before the first has written the look."""
    study = summary(study_dir)
    write_report(study_dir)
    record_look(Store(study_dir), study.records, study.trials, study.comparison)
    assert len(read_study(study_dir).looks) == 1


def test_two_looks_that_are_written_at_the_same_moment_are_one_file(study_dir, tmp_path):
    """Each sees that there is none yet."""
    write_report(study_dir)
    (look,) = read_study(study_dir).looks
    names = []
    for name, counted in (("one", look.counted), ("other", look.counted[::-1]), ("more", (*look.counted, "x"))):
        store = Store(str(tmp_path / name))
        store.write_look(look.model_copy(update={"counted": counted}))
        names += store.names("looks", ".json")
    assert names[0] == names[1] != names[2]


def test_a_report_that_has_read_the_study_before_an_extension_adds_no_look_after_it(study_dir):
    stale = summary(study_dir)
    extended(study_dir, runs=range(3, 6))
    write_report(study_dir)
    record_look(Store(study_dir), stale.records, stale.trials, stale.comparison)
    (look,) = read_study(study_dir).looks
    assert look.runs == 6


def test_a_report_that_has_read_what_does_not_count_any_more_adds_no_look_either(study_dir):
    """It would be the last look for good, and every later report one at other runs than that."""
    stale = summary(study_dir)
    extended(study_dir, runs=range(3, 6), another=True)
    write_report(study_dir)
    record_look(Store(study_dir), stale.records, stale.trials, stale.comparison)
    (look,) = read_study(study_dir).looks
    assert look.test_reads == 18
    assert summary(study_dir).looks == (Look(3),)


def test_two_looks_of_one_number_are_two_looks_the_one_at_more_runs_last(study_dir):
    """A report that had read the study before its extension, and the runner: each saw the same looks before."""
    first_look_at_three_runs(Path(study_dir))
    store = Store(study_dir)
    (name,) = store.names("looks", ".json")
    extended(study_dir, runs=range(3, 6))
    write_report(study_dir)
    (second,) = set(store.names("looks", ".json")) - {name}
    Path(study_dir, second).rename(Path(study_dir, second.replace("looks/0002", "looks/0001")))
    Path(study_dir, "SHA256SUMS").unlink()
    assert [look.runs for look in read_study(study_dir).looks] == [look.runs for look in store.looks()] == [3, 6]
    assert not [one for one in check_study(study_dir).findings if "look" in one]
    extended(study_dir, runs=range(6, 7))
    write_report(study_dir)
    assert [look.runs for look in read_study(study_dir).looks] == [3, 6, 7]


def test_a_look_while_final_runs_still_run_is_not_put_on_record(study_dir):
    write_report(study_dir)
    extended(study_dir, runs=range(3, 4), finished=False)
    write_report(study_dir)
    assert len(read_study(study_dir).looks) == 1
    assert [look.units for look in summary(study_dir).looks] == [3, 4]


def test_a_second_look_at_more_runs_has_what_the_first_left_of_alpha(study_dir):
    write_report(study_dir)
    extended(study_dir, runs=range(3, 6))
    write_report(study_dir)
    found = summary(study_dir)
    assert found.looks == (Look(3), Look(6))
    assert alpha_of(found) == look_alpha(0.05, [Look(3), Look(6)]) < 0.05
    assert found.test_reads == 18
    assert [look.alpha for look in read_study(study_dir).looks] == pytest.approx([0.05, alpha_of(found)])


def test_a_difference_that_is_significant_at_alpha_is_not_at_a_second_look_whose_level_it_misses(tmp_path):
    """The p of 0.019 is below 0.05, and above what a second look at six runs in place of three has."""
    accuracy = {"fine_tune": 0.85, "feature_svm": 0.875}
    once, twice = (write_study(tmp_path / name, accuracy=accuracy, seeds=6) for name in ("once", "twice"))
    first_look_at_three_runs(Path(twice))
    (a,), (b,) = summary(once).pairs, summary(twice).pairs
    assert a.p_adjusted == b.p_adjusted
    assert alpha_of(summary(twice)) < a.p_adjusted < 0.05
    assert (a.verdict, b.verdict) == ("a_better", "undecided")
    assert b.difference.high - b.difference.low > a.difference.high - a.difference.low


def first_look_at_three_runs(study: Path) -> None:
    """Put a look on record as if the later runs had not been there."""
    store = Store(str(study))
    write_report(str(study))
    (name,) = store.names("looks", ".json")
    look = store.looks()[0]
    for gone in (name, "SHA256SUMS"):
        store.delete(gone)
    counted = tuple(run for run in look.counted if run[-1] in "012")
    store.write_look(look.model_copy(update={"counted": counted, "runs": 3}))


def test_final_runs_of_a_configuration_that_was_given_up_do_not_count_any_more(study_dir):
    write_report(study_dir)
    extended(study_dir, runs=range(3, 6), another=True)
    found = summary(study_dir)
    gone = superseded(trial_table(read_study(study_dir).events))
    assert gone == {f"{name}-r0-seed{seed}" for name in ACCURACY for seed in range(3)}
    assert set(read_study(study_dir).predictions.seed) == {3, 4, 5}
    assert all([run.seed for run in one.final_runs] == [3, 4, 5] for one in found.approaches)
    assert found.looks == (Look(3), Look(3, renewed=True))
    assert alpha_of(found) == pytest.approx(0.005)
    assert found.test_reads == 18


def test_the_looks_that_the_study_file_plans_share_alpha(study_dir):
    settings(study_dir, replicates=1, settle={"until": "verdict", "at_most": 2})
    write_report(study_dir)
    assert summary(study_dir).looks == (Look(3, planned=0.5),)
    settings(study_dir, replicates=2, settle={"until": "verdict", "at_most": 2})
    extended(study_dir, runs=range(3, 6), replicate=1)
    write_report(study_dir)
    assert summary(study_dir).looks == (Look(3, planned=0.5), Look(6, planned=1.0))
    assert [look.planned for look in read_study(study_dir).looks] == [2, 2]


@pytest.mark.parametrize(
    "changed",
    [{"settle": {"at_most": 4}}, {"budget": {"search_seconds": 90.0, "trial_seconds": 20.0}}, {"replicates": 1}],
    ids=["another plan", "another budget", "no more replicates"],
)
def test_a_look_that_is_no_step_of_the_plan_is_one_that_nobody_planned(study_dir, changed):
    planned = {"replicates": 1, "settle": {"at_most": 2}}
    settings(study_dir, **planned)
    write_report(study_dir)
    settings(study_dir, **planned | {"replicates": 2} | changed)
    extended(study_dir, runs=range(3, 6), replicate=changed.get("replicates", 2) - 1)
    assert summary(study_dir).looks[-1].planned is None


def test_a_plan_made_after_the_first_look_is_none(study_dir):
    write_report(study_dir)
    settings(study_dir, replicates=2, settle={"at_most": 2})
    extended(study_dir, runs=range(3, 6), replicate=1)
    assert summary(study_dir).looks == (Look(3), Look(6))


def test_at_a_later_look_every_test_and_interval_has_its_level_and_says_so(study_dir):
    write_report(study_dir)
    extended(study_dir, runs=range(3, 6))
    found = summary(study_dir)
    compared, alpha = found.comparison, alpha_of(found)
    assert compared is not None
    assert alpha < 0.05
    seen = read_outcomes(read_study(study_dir).predictions, grouped=False)
    X = {name: runs.correct.astype(float) for name, runs in seen.runs.items()}
    for test in compared.approaches:
        one = X[test.name]
        assert test.accuracy == accuracy(one, alpha=alpha)
        assert test.balanced_accuracy == balanced_accuracy(one, seen.labels, alpha=alpha)
        assert test.losses == losses(seen.runs[test.name].scores, alpha=alpha)
        assert test.classes == class_accuracies(one, seen.labels, alpha=alpha)
    for pair in compared.pairs:
        a, b = pair.difference.a, pair.difference.b
        assert pair.view(BALANCED) == balanced_difference(a, b, X[a], X[b], seen.labels, alpha=alpha)
        wider = mcnemar.newcombe_of_runs(seen.runs[a].correct[0], seen.runs[b].correct[0], alpha=alpha)
        assert (pair.view(MCNEMAR) or ())[0].interval == wider
        in_logs = [log_losses(seen.runs[name].scores) for name in (a, b)]
        assert pair.losses is not None
        assert pair.losses.log_loss == mean_difference(a, b, *in_logs, alpha=alpha)
    for on_class in compared.class_differences:
        a, b, c = on_class.difference.a, on_class.difference.b, seen.labels == on_class.label
        assert on_class.difference == difference(a, b, X[a][:, c], X[b][:, c], alpha=alpha)
    text = render(Findings("a study", compared, found), "report.md.j2")
    of_the_test_split = text[: text.index("\n## Search")]
    assert "95 %" not in of_the_test_split
    assert of_the_test_split.count(f"{level(alpha)} interval") > 8
    assert f"false-discovery rate of {100 * alpha:.3g} %" in text
    assert f"below {alpha:.3g} |" in text
