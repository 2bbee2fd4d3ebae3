"""What more a finished study may be asked for, and when it asks by itself."""

from __future__ import annotations

import pytest

from analysis.records.schema import LookEvent, PairVerdict, PhaseEvent
from analysis.records.store import Store
from study.config.models import StudyConfig
from study.extend import More, extended, mark_finished, next_step, refuse_unfinished, settling_sentence
from study.place import StudyError
from tests.support.study_files import small_config

SETTLING = {"settle": {"until": "verdict", "at_most": 8}, "replicates": 5, "final": {}}


def look(config: StudyConfig, *verdicts: str) -> LookEvent:
    pairs = [PairVerdict(a="cnn", b="svm", difference=0.012, p=0.034, verdict=verdict) for verdict in verdicts]
    return LookEvent(
        replicates=config.replicates,
        search_seconds=config.budget.search_seconds,
        runs=config.final_runs,
        counted=("cnn-r0-seed0",),
        planned=8,
        test_reads=10,
        alpha=0.0377,
        verdicts=tuple(pairs),
        study=config.to_yaml(),
    )


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path / "study"))


def test_what_is_asked_for_is_in_the_extended_study_file_and_nothing_else_changes():
    config = small_config(replicates=3, final={})
    more = extended(config, More(replicates=4, search_seconds=9.0))
    assert (more.replicates, more.final_runs, more.budget.search_seconds) == (4, 4, 9.0)
    assert more == config.model_copy(update={"replicates": 4, "budget": more.budget})


def test_runs_that_the_file_names_grow_with_the_replicates():
    assert extended(small_config(replicates=3, final__runs=7), More(replicates=4)).final_runs == 10  # 7 x 4 / 3 = 9.3
    assert extended(small_config(replicates=3, final__runs=7), More(runs=9)).final_runs == 9


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (More(), "nothing to add; give what the study is to come to: --replicates, --runs, --budget"),
        (More(replicates=3), "--replicates 3: the study has 3 already, and an extension only adds; give more"),
        (More(replicates=2), "--replicates 2: the study has 3 already"),
        (More(replicates=5, runs=6), "--runs 6: the study has 7 already"),
        (More(search_seconds=3.5), "--budget 3.5: the study has 4 already"),
    ],
)
def test_what_would_add_nothing_or_take_away_is_refused_in_one_line(more, complaint):
    with pytest.raises(StudyError) as error:
        extended(small_config(replicates=3, final__runs=7), more)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "nothing to add; give what the study is to come to"),
        (("--replicates", 1), "--replicates 1: the study has 2 already"),
        (("--budget", "1s", "--runs", 90), "--budget 1: the study has 4 already"),
    ],
)
def test_the_command_refuses_it_before_it_loads_what_is_slow(transfer_study, tmp_path, monkeypatch, options, complaint):
    (tmp_path / "study.yaml").write_text(small_config(replicates=2, final__runs=4).to_yaml())
    monkeypatch.setattr("study.commands.running.loading", lambda what: pytest.fail(f"loads {what}"))
    told = transfer_study("extend", tmp_path, *options)
    assert told.code == 2
    assert told.complaint.startswith(complaint)


@pytest.mark.parametrize(
    ("study", "more", "fewest"),
    [
        ({"replicates": 2, "final__runs": 4}, More(replicates=4, runs=4), 6),
        ({"replicates": 3, "final__runs": 3}, More(replicates=5, runs=4), 5),
        ({"final": {}}, More(replicates=3, runs=5), 7),
    ],
    ids=["two of each", "one of each", "a single search, which has five"],
)
def test_the_runs_on_record_count_and_each_new_replicate_needs_one(study, more, fewest):
    with pytest.raises(StudyError, match=rf"--runs {more.runs}: .* give {fewest} or more"):
        extended(small_config(**study), more)


def test_a_single_search_that_is_repeated_has_its_runs_and_one_for_each_new_replicate():
    assert extended(small_config(final={}), More(replicates=3)).final_runs == 5 + 2
    assert extended(small_config(final={}), More(search_seconds=9.0)).final.runs is None


def test_more_replicates_than_were_planned_end_the_plan():
    config = small_config(**SETTLING)
    assert extended(config, More(replicates=8)).settle == config.settle
    assert extended(config, More(replicates=9)).settle is None


def write_study_file(store: Store, config: StudyConfig) -> None:
    store.write_bytes("study.yaml", config.to_yaml().encode())


def test_a_study_is_finished_when_all_that_its_file_asks_for_was_done(store):
    config, more = small_config(), small_config(replicates=2)
    write_study_file(store, config)
    mark_finished(store)
    refuse_unfinished(store, config)
    write_study_file(store, more)
    with pytest.raises(StudyError, match=r"not finished.*`transfer-study resume .*study` first"):
        refuse_unfinished(store, more)
    mark_finished(store)
    refuse_unfinished(store, more)


@pytest.mark.parametrize("more", [More(search_seconds=4.01), More(runs=3)], ids=["budget", "runs"])
def test_an_extension_that_found_nothing_new_can_be_extended_again(store, more):
    """Less than a hundredth of a budget buys no trial, and runs that fail are no look: the latest is an older one."""
    config = small_config()
    store.write_look(look(config, "undecided"))
    write_study_file(store, config)
    mark_finished(store)
    larger = extended(config, more)
    write_study_file(store, larger)
    with pytest.raises(StudyError, match="not finished"):
        refuse_unfinished(store, larger)
    mark_finished(store)
    refuse_unfinished(store, larger)
    assert extended(larger, More(replicates=2)).replicates == 2


def test_a_study_that_never_kept_what_was_done_is_finished_when_its_report_was(store):
    store.write_phase_event(PhaseEvent(phase="report", event="started", slots=1))
    with pytest.raises(StudyError, match="not finished"):
        refuse_unfinished(store, small_config())
    store.write_phase_event(PhaseEvent(phase="report", event="finished"))
    refuse_unfinished(store, small_config())


def test_a_study_that_settles_goes_on_replicate_by_replicate_while_a_pair_is_open():
    config = small_config(**SETTLING)
    sizes = []
    while (further := next_step(config, [look(config, "a_better", "undecided")])) is not None:
        config = further
        sizes.append((config.replicates, config.final_runs))
    assert sizes == [(6, 6), (7, 7), (8, 8)]


def test_the_last_step_is_no_larger_than_what_is_left():
    config = small_config(**SETTLING | {"settle": {"at_most": 8, "step": 2}, "replicates": 7})
    assert next_step(config, [look(config, "undecided")]).replicates == 8


@pytest.mark.parametrize("verdict", ["a_better", "b_better", "equivalent"])
def test_a_study_ends_when_every_pair_is_settled(verdict):
    config = small_config(**SETTLING)
    assert next_step(config, [look(config, verdict)]) is None
    assert settling_sentence(config, [look(config, verdict)]) == (
        "Look 1, at 5 of at most 8 replicates: every pair is settled."
    )


def test_a_study_whose_file_does_not_say_so_never_goes_on_by_itself():
    assert next_step(small_config(), [look(small_config(), "undecided")]) is None
    assert settling_sentence(small_config(), [look(small_config(), "undecided")]) is None
    assert next_step(small_config(**SETTLING), []) is None


def test_each_look_says_what_is_open_and_what_follows():
    config = small_config(**SETTLING)
    assert settling_sentence(config, [look(config, "undecided")]) == (
        "Look 1, at 5 of at most 8 replicates: still open: cnn − svm, +1.2 points, p = 0.034 (level of this look: "
        "0.038); going on with 6."
    )
    last = small_config(**SETTLING | {"replicates": 8})
    assert settling_sentence(last, [look(config, "undecided"), look(last, "undecided")]).endswith(
        "; the study ends here all the same."
    )


def test_a_plan_of_fewer_replicates_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"settle\.at_most: 3 replicates are fewer than the 5"):
        small_config(**SETTLING | {"settle": {"at_most": 3}})
