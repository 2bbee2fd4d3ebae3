"""Published tables: the verdict on every pair of rows, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.published import wording
from analysis.published.rows import PublishedRow, Split
from analysis.published.table import PublishedPair, PublishedTable, analyse
from analysis.records.errors import PublishedTableError
from analysis.statistics.losses import one_hot_losses

# The seed study's table, 1,324 images.
SEED_STUDY = {"better_cnn": "0.758", "fine_tune": "0.861", "fine_tune_slow": "0.713", "svm": "0.872"}


def table(
    accuracies: dict[str, str], *, images: int = 1324, split: Split | None = "test", alpha: float = 0.05
) -> PublishedTable:
    rows = [PublishedRow(name=name, accuracy=text, images=images, split=split) for name, text in accuracies.items()]
    return analyse(rows, alpha=alpha)


def pair_of(one: PublishedRow, other: PublishedRow) -> PublishedPair:
    return analyse([one, other]).pairs[0]


def row(name: str, accuracy: str, images: int = 1324, split: Split | None = "test") -> PublishedRow:
    return PublishedRow(name=name, accuracy=accuracy, images=images, split=split)


def test_an_accuracy_that_no_count_gives_is_refused_with_its_neighbours():
    with pytest.raises(
        PublishedTableError, match=r"^net: no number .* out of 100 gives 0.861: 86 give 0.860000 and 87 give 0.87"
    ):
        analyse([row("net", "0.861", images=100), row("other", "0.87", images=100)])


def test_of_the_seed_study_only_the_question_asked_is_open():
    verdicts = {(pair.a.row.name, pair.b.row.name): pair.verdict for pair in table(SEED_STUDY).pairs}
    assert verdicts == {
        ("fine_tune", "better_cnn"): "significant",
        ("better_cnn", "fine_tune_slow"): "depends",
        ("svm", "better_cnn"): "significant",
        ("fine_tune", "fine_tune_slow"): "significant",
        ("svm", "fine_tune"): "depends",
        ("svm", "fine_tune_slow"): "significant",
    }


def test_the_two_best_of_the_seed_study_differ_significantly_only_if_they_hardly_disagree():
    (pair,) = table({"fine_tune": "0.861", "svm": "0.872"}).pairs
    assert pair.paired.limits == (50, 57)  # 14 or 15 images ahead: 14 / sqrt(50) = 1.98, 15 / sqrt(57) = 1.99
    sentence = wording.verdict_sentence(pair, 0.05)
    assert "on at most 50 to 57 of the 1,324 images (3.8 to 4.3 %)" in sentence
    assert "hardly plausible" in wording.plausibility_sentence(pair)
    assert "a Cohen's kappa of 0.81 or more" in wording.plausibility_sentence(pair)
    assert "0.458 (184 and 170)" in wording.paired_sentence(pair)


@pytest.mark.parametrize(
    ("accuracies", "words"),
    [
        ({"a": "0.780", "b": "0.755"}, "That is possible"),
        ({"a": "0.785", "b": "0.755"}, "and different approaches mostly are"),
        ({"a": "0.795", "b": "0.755"}, "and classifiers mostly err on the same images"),
    ],
)
def test_how_plausible_the_needed_agreement_is_depends_on_how_alike_the_errors_must_be(accuracies, words):
    (pair,) = table(accuracies, images=1000).pairs
    assert pair.verdict == "depends"
    assert words in wording.plausibility_sentence(pair)


def test_a_large_difference_is_significant_whatever_the_pairing():
    (pair,) = table({"a": "0.9", "b": "0.5"}).pairs
    assert wording.verdict_sentence(pair, 0.05) == "Significant at the level 0.05 whatever the pairing."
    assert wording.plausibility_sentence(pair) is None
    assert wording.images_sentence(pair) is None
    assert wording.paired_sentence(pair) == "McNemar's p is < 0.001, mid-p and exact."


def test_four_images_are_not_significant_whatever_the_pairing():
    # the best case is 4 against 0: mid-p = 2 (1/2)^4 - (1/2)^4 = 0.0625
    (pair,) = table({"a": "0.900", "b": "0.896"}, images=1000).pairs
    assert pair.paired.lowest.p_mid == pytest.approx(0.0625)
    assert pair.verdict == "not_significant"
    assert wording.verdict_sentence(pair, 0.05) == "Not significant at the level 0.05 whatever the pairing."


def test_the_better_one_stands_first_however_the_table_is_ordered():
    one, other = row("one", "0.861"), row("other", "0.872")
    assert pair_of(one, other) == pair_of(other, one)
    assert pair_of(one, other).a.row == other


def test_coarse_rounding_leaves_open_which_is_better():
    (pair,) = table({"a": "0.86", "b": "0.87"}, images=1000).pairs  # 865 of 1,000 may have been rounded to either
    assert pair.order_open
    assert pair.paired.highest.p_mid == 1
    assert "it is open which of the two is better" in wording.order_sentence(pair)
    (fine,) = table({"a": "0.861", "b": "0.872"}).pairs
    assert wording.order_sentence(fine) is None


def test_the_unpaired_p_value_is_given_with_its_range_over_the_rounding():
    (pair,) = table({"a": "0.861", "b": "0.872"}).pairs
    # z tests of 1,155 and of 1,154 against 1,140
    assert wording.unpaired_sentence(pair, 0.05) == (
        "95 % interval −1.5 to +3.7 points, z = 0.86, p = 0.391 (0.391 to 0.424 over the counts that the rounding"
        " allows)."
    )
    (exact,) = table({"a": "0.861027", "b": "0.872356"}).pairs
    assert wording.unpaired_sentence(exact, 0.05).endswith("z = 0.86, p = 0.391.")


def test_a_limit_that_only_some_counts_reach_is_called_that():
    (pair,) = table({"a": "0.86", "b": "0.87"}).pairs
    assert pair.paired.limits[0] == 0
    assert "only for some of the counts that the rounding allows" in wording.verdict_sentence(pair, 0.05)


def test_where_rounding_alone_decides_that_is_said():
    (pair,) = table({"a": "0.9", "b": "0.8"}).pairs  # from 1,126 against 1,125 to 1,257 against 993
    assert wording.verdict_sentence(pair, 0.05) == (
        "Depends on how the accuracies were rounded: at the largest difference that the digits allow it is significant"
        " at the level 0.05 whatever the pairing, at the smallest never."
    )
    assert wording.plausibility_sentence(pair) is None


def test_rows_of_different_splits_are_not_compared():
    pair = pair_of(row("fine_tune", "0.861", split="train"), row("svm", "0.872", split="test"))
    assert (pair.verdict, pair.unpaired, pair.paired) == ("different_splits", None, None)
    assert wording.verdict_sentence(pair, 0.05) == (
        "Cannot be compared: measured on different splits (test and train). Measure both on one split first."
    )
    told = (wording.paired_sentence(pair), wording.unpaired_sentence(pair, 0.05), wording.images_sentence(pair))
    assert told == (None, None, None)
    assert wording.seeds_sentence(pair) is None


def test_with_rows_of_different_splits_alone_nothing_is_tested():
    found = analyse([row("a", "0.861", split="train"), row("b", "0.872", split="test")])
    assert (found.tested, found.level) == (0, 0.05)
    assert wording.caveats(found) == ()


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ((None, None), ["does not say which split"]),
        (("test", None), ["The split of some rows is not known"]),
        (("test", "train"), ["on different splits", "nothing about new ones"]),
        (("train", "train"), ["nothing about new ones"]),
        (("valid", "valid"), ["optimistic"]),
        (("test", "test"), []),
    ],
)
def test_the_split_is_asked_for_unless_all_rows_are_of_one(splits, words):
    found = analyse([row("a", "0.861", split=splits[0]), row("b", "0.872", split=splits[1])])
    notes = wording.split_caveats(found)
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


def test_different_numbers_of_images_are_compared_unpaired():
    far = pair_of(row("a", "0.900", images=1000), row("b", "0.8", images=2000))
    assert (far.verdict, far.paired) == ("significant", None)
    assert "by the unpaired test: the numbers of images differ" in wording.verdict_sentence(far, 0.05)
    assert pair_of(row("a", "0.810", images=1000), row("b", "0.800", images=2000)).verdict == "not_significant"
    rough = pair_of(row("a", "0.9", images=1000), row("b", "0.8", images=2000))
    assert rough.verdict == "depends"
    assert "depending on how the accuracies were rounded" in wording.verdict_sentence(rough, 0.05)
    assert wording.images_sentence(rough) == "199 of its own for each of the two."


def test_the_level_is_shared_by_the_pairs_that_are_tested():
    found = table(SEED_STUDY)
    assert (found.tested, found.level) == (6, 0.05 / 6)
    assert "6 pairs are tested, so each at 0.05 / 6 = 0.0083" in wording.caveats(found)[0]
    assert not any("Bonferroni" in note for note in wording.caveats(table({"a": "0.861", "b": "0.872"})))


def test_seeds_are_always_said_to_be_left_out():
    assert any("Seeds are left out" in note for note in wording.caveats(table({"a": "0.9", "b": "0.5"})))


def test_two_seeds_that_vary_by_the_stated_spread_differ_so_much_one_time_in_twenty():
    (pair,) = table({"a": "0.861", "b": "0.872"}).pairs
    runs = np.random.default_rng(0).normal(0.86, pair.seed_sd, size=(200_000, 2))
    assert (abs(runs[:, 0] - runs[:, 1]) >= pair.difference).mean() == pytest.approx(0.05, abs=0.002)


def loss_said(loss: str, accuracy: str = "0.872", classes: int = 16) -> str | None:
    svm = PublishedRow(name="SVM", accuracy=accuracy, images=1324, one_hot_loss=loss, classes=classes)
    return wording.one_hot_loss_sentence(analyse([svm, row("CNN", "0.758")]).accuracies[0])


# ln(e + 15) - 0.872 = 2.0026; 0.128 ln(1e7) + 0.872 * 1e-7 = 2.0631
@pytest.mark.parametrize(
    ("loss", "accuracy", "how"),
    [
        ("2.003", "0.872", "read as logits"),
        ("2.00", "87.2%", "read as logits"),
        ("2.063", "0.872", "clipped at 1e-7"),
        ("2.17", "0.70", "read as logits"),  # ln(e + 15) - 0.70 = 2.1746, and clipped 4.84
        ("0", "1", "clipped at 1e-7"),
        ("1.8746", "1.000", "read as logits"),
    ],
)
def test_a_one_hot_loss_is_traced_to_its_convention(loss, accuracy, how):
    assert loss_said(loss, accuracy) == (
        f"SVM: a loss of {loss} at accuracy {accuracy} with 16 classes is that of one-hot vectors {how}."
    )


# 1159/1324 to 1171/1324 cost ln(e + 15) - 0.8754 to ln(e + 15) - 0.8844, or 0.1246 ln(1e7) to 0.1156 ln(1e7);
# 662/1324 to 1324/1324 cost ln(e + 15) - 0.5 to ln(e + 15) - 1, or 0.5 ln(1e7) to 0.
@pytest.mark.parametrize(
    ("loss", "accuracy", "as_logits", "clipped"),
    [("2.00", "0.88", "1.990 to 1.999", "1.863 to 2.009"), ("1.8746", "1", "1.875 to 2.375", "0.000 to 8.059")],
)
def test_where_both_conventions_fit_within_the_rounding_neither_is_preferred(loss, accuracy, as_logits, clipped):
    assert loss_said(loss, accuracy) == (
        f"SVM: a loss of {loss} at accuracy {accuracy} with 16 classes is possible for one-hot vectors read as logits"
        f" ({as_logits}) and clipped at 1e-7 ({clipped}): at this rounding they cannot be told apart."
    )


@pytest.mark.parametrize(("loss", "accuracy"), [("2.010", "0.872"), ("2.000", "0.872"), ("5", "0.872")])
def test_a_one_hot_loss_that_no_convention_gives_is_called_so(loss, accuracy):
    assert "neither that of one-hot vectors read as logits (2.00" in loss_said(loss, accuracy)


def test_the_one_hot_loss_of_the_seed_study_is_that_of_wrong_predictions_throughout():
    told = str(loss_said("2.872"))
    assert "neither" in told
    assert "within 0.003 of ln(e + 15) = 2.8746" in told
    assert "every prediction is wrong" in told


@given(st.integers(0, 500), st.integers(2, 50), st.integers(1, 6), st.booleans())
def test_the_convention_of_a_loss_is_always_among_those_named(k, classes, digits, clipped):
    loss = one_hot_losses(k / 500, classes)[clipped]
    rows = [
        PublishedRow(
            name="x", accuracy=f"{k / 500:.3f}", images=500, one_hot_loss=f"{loss:.{digits}f}", classes=classes
        ),
        PublishedRow(name="y", accuracy="0.5", images=500),
    ]
    told = str(wording.one_hot_loss_sentence(analyse(rows).accuracies[0]))
    assert "neither" not in told
    assert ("clipped at 1e-7" if clipped else "read as logits") in told


def test_equal_accuracies_need_no_number_of_images():
    (pair,) = table({"a": "0.861", "b": "0.861"}).pairs
    assert (pair.verdict, pair.difference, pair.unpaired.images) == ("not_significant", 0, None)
    assert wording.images_sentence(pair) is None
    assert wording.seeds_sentence(pair) is None


def test_the_images_needed_are_given_at_three_discordances_and_unpaired():
    (pair,) = table({"a": "0.861", "b": "0.872"}).pairs
    assert wording.images_sentence(pair) == (
        "691 at 1.1 % (the lowest possible), 7,412 at 12.1 % (halfway), 14,132 at 23.1 % (independent errors)"
        " of images that exactly one gets right; or 14,130 of its own for each of the two."
    )


@pytest.mark.parametrize(
    ("rows", "alpha", "words"),
    [
        ([row("a", "0.8")], 0.05, "two accuracies or more are needed to compare, but got 1"),
        ([row("a", "0.8"), row("a", "0.9")], 0.05, "a: more than one row has that name"),
        ([row("a", "0.8"), row("b", "0.9")], 0.0, "`0 < alpha < 0.5` must hold, but got alpha 0"),
    ],
)
def test_a_table_that_cannot_be_compared_is_refused(rows, alpha, words):
    with pytest.raises(PublishedTableError, match=words):
        analyse(rows, alpha=alpha)
