"""The verdict says what the design can bear, with what changes its meaning in the sentence that compares."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.records.schema import DataInfo
from analysis.report.comparison import Comparison
from analysis.report.design import Design
from analysis.report.json import report_json
from analysis.report.reservations import reservations
from analysis.report.tables.differences import differences
from analysis.report.wording import class_sentences, headline, note_sentences, verdict_sentence
from analysis.report.wording.settling import needed_sentence
from analysis.report.write import Findings, render
from analysis.search.health import prediction_findings
from analysis.statistics.looks import Look
from analysis.statistics.power import Needed
from tests.analysis.report.comparisons import comparison, right
from tests.analysis.report.summaries import summary
from tests.support.synthetic_study import StudyWriter

IMAGES = 300


def sentence_about(name: str, paragraph: str) -> str:
    """The sentence that compares an approach with the first in rank."""
    return next(one for one in re.split(r"(?<=[.]) (?=[A-Z])", paragraph)[1:] if name in one)


def answers(name: str, seed: int, correct: Sequence[bool]) -> pd.DataFrame:
    """The predictions of one run on six classes."""
    label = np.arange(len(correct)) % 6
    predicted = np.where(correct, label, (label + 1) % 6)
    fixed = {"approach": name, "seed": seed, "image": [f"{i}" for i in range(len(label))], "group": None}
    return pd.DataFrame({**fixed, "label": label, "prediction": predicted})


def study_of(
    root: Path, correct: dict[str, np.ndarray], *, replicates: int = 1, starved: Sequence[str] = (), trials: int = 14
) -> str:
    """A study whose final runs were right where (S, N) says, run k in replicate k % R, after so many trials of each."""
    writer = StudyWriter(root)
    settings = {
        "name": "photographs",
        "approaches": {name: {} for name in correct},
        "budget": {"search_seconds": 75.0, "trial_seconds": 15.0},
        "replicates": replicates,
    }
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    N = next(iter(correct.values())).shape[1]
    counts = {"train": (50,) * 6, "valid": (50,) * 6, "test": (N // 6,) * 6}
    data = DataInfo(source="s", fingerprint="f", classes=tuple("abcdef"), train=300, valid=300, test=N, counts=counts)
    writer.store.write_record("data.json", data)
    writer.phase("search", "started", slots=2)
    for name in correct:
        for replicate in range(replicates):
            for index in range(trials):
                how = {"steps": 1 + index % 4, "epoch": 0.1} if name in starved else {"steps": 200, "epoch": 10.0}
                writer.trial(
                    name, index, "cut" if name in starved else "finished", 5.0, 0.5, replicate=replicate, **how
                )
    writer.phase("search", "finished")
    for name, X in correct.items():
        for index, row in enumerate(X):
            writer.final(name, index, answers(name, index, row), replicate=index % replicates)
    return str(root)


def test_an_approach_that_was_cut_after_a_few_steps_is_not_beaten_without_that_clause(tmp_path):
    # 240 and 106 of 300 photographs: the 44.7 points of the case in which one was said to have won
    correct = {"tuned": right(106, IMAGES, runs=5, flips=3), "svm": right(240, IMAGES, runs=5, flips=3, seed=1)}
    study = summary(study_of(tmp_path, correct, starved=["tuned"]))
    paragraph = verdict_sentence(study.comparison, study)
    compared = sentence_about("tuned", paragraph)
    assert "more accurate than the one found for tuned by 44.7 points" in compared
    assert (
        ", though tuned had all 14 search trials cut by the allowance after 1 to 4 steps (raise budget.trial_seconds)."
        in compared
    )
    assert headline(study.comparison, study) == (
        "One search each: svm's configuration is more accurate than tuned's, which hardly got to train."
    )
    for word in ("won", "beats", "significant"):
        assert word not in paragraph


def test_after_one_search_the_verdict_speaks_of_the_configuration_that_it_found(tmp_path):
    correct = {"cnn": right(150, IMAGES, runs=5), "svm": right(240, IMAGES, runs=5, flips=2)}
    study = summary(study_of(tmp_path, correct))
    paragraph = verdict_sentence(study.comparison, study)
    assert paragraph.startswith(
        "Given 75.0 s of charged search time for each approach, the configuration that this one search found for svm is"
        " the most accurate: 0.800 ("
    )
    assert "Another search was not tried" in paragraph
    assert "(set replicates to 3 or more)" in paragraph
    assert "won" not in paragraph


def test_after_several_searches_one_approach_is_more_accurate_than_another(tmp_path):
    correct = {"cnn": right(150, IMAGES, runs=5, flips=2), "svm": right(240, IMAGES, runs=5, flips=2)}
    study = summary(study_of(tmp_path, correct, replicates=5))
    paragraph = verdict_sentence(study.comparison, study)
    assert paragraph.startswith(
        "Given 75.0 s of charged search time for each approach in each of five searches (6.2 min in all), svm is the"
        " most accurate: 0.800 ("
    )
    assert "300 test images, 5 searches)" in paragraph
    assert "It is more accurate than cnn by 30.0 points" in paragraph
    assert headline(study.comparison, study) == "svm is more accurate than cnn."
    assert "configuration" not in paragraph
    assert reservations(study.comparison, study) == ()


def test_with_one_run_each_the_verdict_is_about_these_two_trained_networks():
    made = comparison({"cnn": right(150, IMAGES, runs=1), "svm": right(240, IMAGES, runs=1)})
    assert "The verdict is about these two trained networks: no other run was tried" in verdict_sentence(made)
    assert headline(made) == "One run each: svm is more accurate than cnn."


def test_one_run_beside_five_does_not_pass_as_five():
    made = comparison({"svm": right(240, IMAGES, runs=5, flips=3), "cnn": right(150, IMAGES, runs=1)})
    assert ", though cnn has a single run beside five" in sentence_about("cnn", verdict_sentence(made))
    assert headline(made) == "svm is more accurate than cnn, which has a single run."


def test_two_searches_are_said_to_be_few(tmp_path):
    correct = {"cnn": right(150, IMAGES, runs=2, flips=2), "svm": right(240, IMAGES, runs=2, flips=2)}
    study = summary(study_of(tmp_path, correct, replicates=2))
    assert [one.kind for one in reservations(study.comparison, study)] == ["few_searches"]
    assert "With two searches of each, how much searches differ is hardly known" in verdict_sentence(
        study.comparison, study
    )


def test_exactly_equal_accuracies_are_a_tie_and_no_first_place():
    made = comparison({"mlp": right(240, IMAGES, flips=20), "svm": right(240, IMAGES, flips=20, seed=1)})
    paragraph = verdict_sentence(made)
    assert paragraph.startswith("mlp and svm tie for the highest test accuracy: 0.800 (")
    assert "mlp ties with svm (0.0 points, " in paragraph
    assert "which does not show that they are equally good" in paragraph
    assert headline(made) == "mlp and svm tie, and there is not enough evidence which is better."


def test_a_difference_inside_the_margin_is_real_and_smaller_than_it():
    X = right(1_600, 2_000, runs=5)
    better = X.copy()
    better[:, 1_600:1_620] = True  # one point, against a margin of three
    made = comparison({"cnn": X, "svm": better}, Design(margin=0.03))
    assert made.pairs[0].verdict == "a_better"
    assert "by 1.0 points" in verdict_sentence(made)
    assert "the difference is real, and smaller than the margin of 3 points" in verdict_sentence(made)
    assert headline(made) == "svm is more accurate than cnn, by less than the margin."


def test_pairs_stand_winner_first_in_the_order_of_rank():
    made = comparison({"c": right(100, IMAGES), "a": right(240, IMAGES), "b": right(200, IMAGES)})
    assert [(pair.difference.a, pair.difference.b) for pair in made.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(pair.difference.difference > 0 for pair in made.pairs)
    assert made.names == ("c", "a", "b"), "approaches keep their order, and so their colours"


def test_what_would_settle_a_pair_includes_what_equivalence_would_take():
    made = comparison({"mlp": right(240, IMAGES, flips=20), "svm": right(243, IMAGES, flips=20, seed=1)})
    text = render(Findings("t", made), "report.md.j2")
    assert "The same chance to show equivalence within 1 point, if they are equal, takes" in text


def test_a_bare_table_is_said_not_to_tell_how_its_configurations_were_found():
    made = comparison({"mlp": right(240, IMAGES), "svm": right(100, IMAGES)})
    assert "its luck is left out" in verdict_sentence(made)


def test_every_reservation_is_in_the_paragraph_in_the_page_and_in_the_numbers(tmp_path):
    correct = {"tuned": right(106, IMAGES, runs=1), "svm": right(240, IMAGES, runs=1)}
    study = summary(study_of(tmp_path, correct, starved=["tuned"]))
    found = reservations(study.comparison, study)
    assert {one.kind for one in found} == {"starved", "one_search", "one_run"}
    paragraph = verdict_sentence(study.comparison, study)
    documents = [render(Findings("t", study.comparison, study), f"report.{kind}.j2") for kind in ("html", "md")]
    for one in found:
        assert one.clause[1:] in paragraph
    assert all(paragraph in unescape(re.sub(r"\\", "", text)) for text in documents)
    listed = report_json("t", study.comparison, study)
    assert all(f'"kind": "{one.kind}"' in listed for one in found)


def partly_evaluated(root: Path, *, tested: int, replicates: int):
    """A study of so many replicates, with a final run of each, of which so many have been evaluated."""
    correct = {"cnn": right(150, IMAGES, runs=tested), "svm": right(240, IMAGES, runs=tested, flips=2)}
    return summary(study_of(root, correct, replicates=replicates))


@pytest.mark.parametrize(("replicates", "mend"), [(5, "let the study finish"), (2, "set replicates to 3 or more")])
def test_one_evaluated_replicate_is_one_search_whatever_is_planned(tmp_path, replicates, mend):
    study = partly_evaluated(tmp_path, tested=1, replicates=replicates)
    found = {one.kind: one for one in reservations(study.comparison, study)}
    assert set(found) == {"one_search", "one_run"}
    assert found["one_search"].mend == mend
    paragraph = verdict_sentence(study.comparison, study)
    assert "the configuration that this one search found for svm is the most accurate" in paragraph
    assert "Another search was not evaluated" in paragraph
    assert "searches of each" not in paragraph
    assert " in each of " not in paragraph
    assert headline(study.comparison, study) == (
        "One search and one run each: svm's configuration is more accurate than cnn's."
    )


def test_two_evaluated_replicates_of_five_are_few_searches_so_far(tmp_path):
    study = partly_evaluated(tmp_path, tested=2, replicates=5)
    (few,) = reservations(study.comparison, study)
    assert (few.kind, few.mend) == ("few_searches", "let the study finish")
    assert headline(study.comparison, study) == "Two searches each: svm is more accurate than cnn."


def test_a_single_search_beside_three_is_a_search_and_not_a_run(tmp_path):
    correct = {"cnn": right(150, IMAGES, runs=1), "svm": right(240, IMAGES, runs=3, flips=2)}
    study = summary(study_of(tmp_path, correct, replicates=3))
    (single,) = reservations(study.comparison, study)
    assert (single.approach, single.kind) == ("cnn", "single_search")
    assert ", though cnn has test results of a single search beside three (let the study finish" in verdict_sentence(
        study.comparison, study
    )


@pytest.mark.parametrize(("runs", "kinds"), [((1, 2), {"single_run"}), ((2, 2), {"few_runs"}), ((2, 5), set())])
def test_two_runs_of_each_are_said_only_where_each_has_two(runs, kinds):
    made = comparison({name: right(200, IMAGES, runs=S, flips=3) for name, S in zip("ab", runs, strict=True)})
    assert {one.kind for one in reservations(made)} - {"search_unknown"} == kinds


def test_two_runs_of_the_only_approach_are_not_two_of_each():
    made = comparison({"svm": right(200, IMAGES, runs=2, flips=3)})
    assert "With two runs, how much runs differ is hardly known (bring three or more)" in verdict_sentence(made)


def test_a_class_with_a_bracket_in_its_name_stands_in_the_sentence_as_it_is():
    labels, one_class = np.arange(IMAGES) % 4, np.ones((3, IMAGES), dtype=np.int32)
    seen = prediction_findings(labels, {"cnn": one_class}, classes=("a", "big (ship)", "c", "d"))
    made = comparison({"svm": right(240, IMAGES, flips=3), "cnn": np.tile(labels == 1, (3, 1))})
    told = sentence_about("cnn", verdict_sentence(replace(made, findings=seen)))
    assert told.endswith(", though cnn named the class 'big (ship)' for every image in all its 3 runs.")


def test_after_one_search_table_and_figure_speak_of_configurations_too(tmp_path):
    correct = {"cnn": right(150, IMAGES, runs=5), "svm": right(240, IMAGES, runs=5, flips=2)}
    study = summary(study_of(tmp_path, correct))
    text = render(Findings("t", study.comparison, study), "report.md.j2")
    assert "svm's configuration is better" in text
    assert "svm is better" not in text
    assert not re.search(r": svm is [\d.]+ points better", text)


def test_a_later_look_says_which_tests_use_its_level():
    looks = Design(looks=(Look(3), Look(6)))
    made = comparison({"cnn": right(150, IMAGES), "svm": right(240, IMAGES)}, looks)
    level = f"{looks.look_alpha:.3g}"
    assert (
        f"This is look number 2 at the test results, so tests use the level {level} of 0.05, and intervals the level"
        " that goes with it." in verdict_sentence(made)
    )


def waits(study, **shares: float):
    """The same study, whose trials waited for a CPU for these shares of what they were charged."""
    trials = study.trials.copy()
    trials["waited_s"] = [
        shares[name] * (charged + over)
        for name, charged, over in zip(trials.approach, trials.charged_s, trials.overshoot_s, strict=True)
    ]
    return replace(study, trials=trials)


def test_a_machine_that_was_busy_for_all_is_told_from_the_least_share_to_the_largest(tmp_path):
    correct = {"cnn": right(150, IMAGES, runs=3, flips=2), "svm": right(240, IMAGES, runs=3, flips=2)}
    study = summary(study_of(tmp_path, correct, replicates=3))
    assert (
        "approaches had a CPU for only 9 to 12 % of their charged time (run it on a quiet machine)"
        in verdict_sentence(study.comparison, waits(study, cnn=0.91, svm=0.88))
    )
    told = sentence_about("cnn", verdict_sentence(study.comparison, waits(study, cnn=0.6, svm=0.0)))
    assert ", though cnn had a CPU for only 40 % of its charged time (run it on a quiet machine)." in told


def test_of_several_ties_each_sentence_names_both():
    X, worse = right(240, IMAGES, flips=20), right(100, IMAGES)
    made = comparison({"mlp": X, "svm": X, "cnn": worse})
    paragraph = verdict_sentence(made)
    assert "mlp ties with svm" in paragraph
    assert "they are the same on every test image, and there are too few of them to settle the question." in paragraph
    assert "mlp is more accurate than cnn by" in paragraph
    assert "It " not in paragraph


def test_where_no_variance_is_to_be_had_the_table_shows_no_interval():
    made = comparison({"svm": np.ones((1, 8)), "cnn": np.zeros((1, 8))})
    row = differences(made).rows[0]
    assert row[2] == "–"


@pytest.mark.parametrize(("names", "joint"), [("ab", ""), ("abc", "joint ")])
def test_the_interval_of_a_difference_is_joint_where_there_are_several_pairs(names, joint):
    made = comparison({name: right(240 - 20 * k, IMAGES, flips=9) for k, name in enumerate(names)})
    assert f"points ({joint}95 % interval" in verdict_sentence(made)
    assert differences(made).headings[2] == f"{joint}95 % interval"


def test_what_no_number_of_images_or_runs_can_settle_is_said_once():
    made = comparison({"mlp": right(240, IMAGES, flips=20), "svm": right(243, IMAGES, flips=20, seed=1)})
    (pair,) = made.pairs
    beyond = Needed(0.01, None, None)
    sentence = needed_sentence(made, replace(pair, needed=(beyond,), needed_for_equivalence=beyond))
    assert sentence == (
        "An 80 % chance to find a true difference of 1.0 points, as seen here, cannot be had with any number of test"
        " images or of seeds alone. The same chance to show equivalence within 1 point, if they are equal, cannot be"
        " had with any number of test images or of seeds alone."
    )


@pytest.mark.parametrize(("groups", "what"), [(None, "two or more test images"), (10, "three or more groups of test")])
def test_which_classes_are_compared_is_said_in_the_unit_of_the_test(groups, what):
    made = comparison(
        {"mlp": right(240, IMAGES, flips=20), "svm": right(200, IMAGES, flips=20)},
        groups=None if groups is None else np.arange(IMAGES) // groups,
    )
    assert what in class_sentences(made)[0]


def test_a_note_on_replicates_does_not_call_them_seeds(tmp_path):
    correct = {"cnn": right(150, IMAGES, runs=1), "svm": right(240, IMAGES, runs=3, flips=2)}
    study = summary(study_of(tmp_path, correct, replicates=3))
    (note,) = note_sentences(study.comparison)
    assert "one search of cnn: how much another search would change" in note
    assert not re.search(r"\bseeds?\b|trained network", note)


ILLEGAL = (
    r"[-−]0(\.0+)?(?![.\d])",  # a zero with a sign
    r"= <",  # p = < 0.001
    r"\b(nan|inf|None|NaN)\b",
    r"(?<![\d.])([2-9]\d\d|1\d[1-9]|1[1-9]\d|\d{4,})\.\d+ points",  # more points than there are
    r"[+−]([2-9]|1(?=\.\d*[1-9])|\d\d)\d*\.\d{3}(?!\d)",  # a difference of accuracies beyond 1
)


def assert_possible(text: str) -> None:
    for pattern in ILLEGAL:
        found = re.search(pattern, text)
        assert not found, text[max(0, found.start() - 80) : found.end() + 80]


@st.composite
def comparisons(draw) -> Comparison:
    """Few images and runs of any accuracy, single images and groups: what makes extreme numbers."""
    N = draw(st.integers(4, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    names = ("a", "b", "c")[: draw(st.integers(2, 3))]
    shared = draw(st.booleans())
    runs = {name: 1 if not shared and name == "b" else draw(st.sampled_from([1, 2, 3, 5])) for name in names}
    p = {name: draw(st.sampled_from([0.0, 0.05, 0.5, 0.9, 1.0])) for name in names}
    groups = np.arange(N) % 4 if draw(st.booleans()) and N >= 8 else None
    correct = {name: rng.random((runs[name], N)) < p[name] for name in names}
    return comparison(correct, Design(margin=draw(st.sampled_from([0.01, 0.1]))), groups)


@settings(max_examples=40)
@given(comparisons())
def test_no_sentence_and_no_table_of_any_comparison_holds_an_impossible_number(made):
    text = render(Findings("t", made), "report.md.j2")
    accuracies = text[: text.index("## Loss and calibration")]
    assert_possible(f"{headline(made)} {verdict_sentence(made)}")
    assert_possible(re.sub(r"\| [^|]*F\(.*?\)", "", accuracies))


@pytest.mark.parametrize("text", ["−0.0 points", "p = < 0.001", "178.8 points", "+1.682", "−0.000", "112.0 points"])
def test_impossible_numbers_are_seen(text):
    with pytest.raises(AssertionError):
        assert_possible(text)


@pytest.mark.parametrize(
    "text", ["−0.04 points", "p < 0.001", "100.0 points", "+1.000", "−1.000", "0.0 to +2.1", "99.9 points"]
)
def test_possible_numbers_pass(text):
    assert_possible(text)


def test_test_images_of_few_groups_are_said_to_conclude_little():
    groups = np.where(np.arange(IMAGES) < 280, 0, np.arange(IMAGES) % 4)
    made = comparison({"mlp": right(240, IMAGES, flips=20), "svm": right(100, IMAGES, flips=20, seed=1)}, groups=groups)
    assert [one.kind for one in reservations(made)] == ["search_unknown", "few_groups"]
    assert "come from 4 groups, which say no more than 1.1 of one size: little can be concluded" in verdict_sentence(
        made
    )


def test_a_table_of_predictions_names_no_key_of_a_study_file():
    constant = np.arange(IMAGES) % 4 == 3
    made = comparison({"svm": right(240, IMAGES, flips=3), "cnn": np.tile(constant, (3, 1))})
    assert {one.kind for one in reservations(made)} >= {"largest_class"}
    assert "budget." not in verdict_sentence(made)


def test_a_difference_seen_that_is_the_margin_is_planned_for_once():
    made = comparison({"mlp": right(240, IMAGES, flips=20), "svm": right(243, IMAGES, flips=20, seed=1)})
    assert render(Findings("t", made), "report.md.j2").count("a true difference of 1.0 points") == 1
