"""The sentences about a published table, in plain text: what may be said of accuracies alone, and no more."""

from __future__ import annotations

from math import e, log

from analysis.numbers import p_value, points
from analysis.published.counts import Counts, Paired
from analysis.published.rows import Accuracy, Split
from analysis.published.table import PublishedPair, PublishedTable
from analysis.statistics.losses import CLIP, one_hot_losses
from analysis.statistics.power import POWER
from analysis.statistics.secondary.mcnemar import McNemar

# Cohen's kappa of being correct: "fair" up to the one, "almost perfect" above the other (Landis & Koch 1977, Biometrics
# 33:159). On scikit-learn's digits two different approaches reached 0.45 to 0.67, two seeds of one random forest 0.79:
# see docs/published.md.
FAIR, ALMOST_PERFECT = 0.4, 0.8


def verdict_sentence(pair: PublishedPair, level: float) -> str:
    """What can be said of the difference, whatever is not known."""
    at = f"at the level {level:.2g}"
    if pair.verdict == "different_splits":
        return (
            f"Cannot be compared: measured on different splits ({pair.a.row.split} and {pair.b.row.split})."
            " Measure both on one split first."
        )
    if pair.paired is None:
        return _unpaired_verdict(pair, at)
    if pair.verdict == "significant":
        return f"Significant {at} whatever the pairing."
    if pair.verdict == "not_significant":
        return f"Not significant {at} whatever the pairing."
    return _depends(pair.paired, pair.a.row.images, at)


def plausibility_sentence(pair: PublishedPair) -> str | None:
    """How plausible so few discordant images are, or None where the verdict does not depend on them."""
    if pair.verdict != "depends" or pair.paired is None or pair.paired.kappa is None:
        return None
    independent, kappa = f"independent errors would give {percent(pair.paired.independent)}", pair.paired.kappa
    if kappa < 0.005:
        return f"That is plausible: {independent}, and classifiers mostly err on the same images, which gives fewer."
    alike = f"{independent}, so the errors must be alike, with a Cohen's kappa of {kappa:.2f} or more"
    if kappa <= FAIR:
        return f"That is plausible: {alike}, and different approaches mostly are."
    if kappa <= ALMOST_PERFECT:
        return f"That is possible: {alike}. Only the predictions can tell."
    return f"That is hardly plausible of two approaches: {alike}. They would be wrong on almost the same images."


def order_sentence(pair: PublishedPair) -> str | None:
    """That the rounding leaves open which of the two is better, or None where it does not."""
    if pair.verdict == "different_splits" or not pair.order_open:
        return None
    return "At this rounding it is open which of the two is better, or whether they are equal."


def paired_sentence(pair: PublishedPair) -> str | None:
    """The range of McNemar's p-values, or None where the rows cannot be paired."""
    if pair.paired is None:
        return None
    low, high = pair.paired.lowest, pair.paired.highest
    if p_value(low.p_mid) == p_value(high.p_exact):
        return f"McNemar's p is {p_value(low.p_exact)}, mid-p and exact."
    return (
        f"McNemar's mid-p is from {p_value(low.p_mid)} (alone in being right on {_alone(low)} images) to"
        f" {p_value(high.p_mid)} ({_alone(high)}); exact p from {p_value(low.p_exact)} to {p_value(high.p_exact)}."
    )


def unpaired_sentence(pair: PublishedPair, alpha: float) -> str | None:
    """The test and the interval for independent images, or None where the splits differ."""
    if pair.unpaired is None:
        return None
    u = pair.unpaired
    equals = "" if u.p < 0.001 else "= "
    lowest, highest = p_value(u.p_lowest), p_value(u.p_highest)
    rounding = "" if lowest == highest else f" ({lowest} to {highest} over the counts that the rounding allows)"
    return (
        f"{100 * (1 - alpha):g} % interval {points(u.low)} to {points(u.high)} points, z = {u.z:.2f},"
        f" p {equals}{p_value(u.p)}{rounding}."
    )


def images_sentence(pair: PublishedPair) -> str | None:
    """How many images would settle it, or None where it is settled, cannot be tested, or the accuracies are equal."""
    if pair.unpaired is None or pair.unpaired.images is None or pair.verdict == "significant":
        return None
    apart = f"{pair.unpaired.images:,} of its own for each of the two"
    if pair.paired is None:
        return f"{apart}."
    stated = [f"{needed.images:,} at {percent(needed.discordance)}" for needed in pair.paired.needed]
    names = ("the lowest possible", "halfway", "independent errors")
    if len(stated) == len(names):
        stated = [f"{figures} ({name})" for figures, name in zip(stated, names, strict=True)]
    return f"{', '.join(stated)} of images that exactly one gets right; or {apart}."


def seeds_sentence(pair: PublishedPair) -> str | None:
    """How little the seeds must vary to explain the difference alone, or None where that means nothing."""
    if pair.unpaired is None or pair.difference == 0:
        return None
    return f"A standard deviation of {100 * pair.seed_sd:.1f} points over seeds would explain the difference by itself."


def one_hot_loss_sentence(accuracy: Accuracy) -> str | None:
    """By which conventions decisions of that accuracy cost so much; None where the table gives no such loss.

    A convention fits if some loss that rounds to the one given lies between the losses of the most and of the fewest
    correct images that the accuracy's rounding allows.
    """
    row = accuracy.row
    if row.one_hot_loss is None or row.classes is None:
        return None
    loss, half = float(row.one_hot_loss), 0.5 * 10.0 ** int(row.one_hot_loss.as_tuple().exponent) + 1e-9
    conventions = _one_hot_ranges(accuracy.counts, row.classes)
    fitting = [how for how, (low, high) in conventions.items() if low - half <= loss <= high + half]
    opening = f"{row.name}: a loss of {row.one_hot_loss} at accuracy {row.accuracy} with {row.classes} classes is"
    ranges = [f"{how} ({_range(low, high)})" for how, (low, high) in conventions.items()]
    if not fitting:
        return f"{opening} neither that of one-hot vectors {' nor '.join(ranges)}.{_every_error(loss, row.classes)}"
    if len(fitting) == 1:
        return f"{opening} that of one-hot vectors {fitting[0]}."
    return f"{opening} possible for one-hot vectors {' and '.join(ranges)}: at this rounding they cannot be told apart."


def split_caveats(table: PublishedTable) -> tuple[str, ...]:
    """What must be settled before any comparison: which images the rows were measured on."""
    splits = {accuracy.row.split for accuracy in table.accuracies}
    notes = {
        "train": "Accuracies on the train split say how well its images were learnt, nothing about new ones.",
        "valid": "Accuracies on the valid split are optimistic where it also chose hyperparameters or the best epoch.",
    }
    return (*_one_split(splits), *(note for split, note in notes.items() if split in splits))


def caveats(table: PublishedTable) -> tuple[str, ...]:
    """What the tests rest on, and what they leave out; empty where nothing could be tested."""
    if not table.tested:
        return ()
    notes = []
    if table.tested > 1:
        notes.append(
            f"{table.tested} pairs are tested, so each at {table.alpha:g} / {table.tested} = {table.level:.2g}"
            " (Bonferroni; Holm's correction needs p-values that are not known here). Intervals are not corrected."
        )
    return (
        *notes,
        "Seeds are left out. Each accuracy is taken as one trained network, so even a significant difference is one of"
        " two networks, not of two approaches: another seed may turn it. Seeds would explain a difference by themselves"
        f" if two seeds of one approach differed by as much with probability {table.level:.2g}.",
        "Unpaired tests take the images of the two rows as independent. On the same images, where classifiers tend to"
        " err together, they find too little.",
        "Images count as independent. Frames of one video or slices of one patient are worth fewer.",
        f"Images needed are for {100 * POWER:g} % power if the published accuracies are the true ones.",
    )


def percent(share: float) -> str:
    """A share in percent, to one decimal."""
    return f"{100 * share:.1f} %"


def _unpaired_verdict(pair: PublishedPair, at: str) -> str:
    how = {
        "significant": f"Significant {at}",
        "not_significant": f"Not significant {at}",
        "depends": f"Significant {at} or not, depending on how the accuracies were rounded",
    }[pair.verdict]
    return f"{how}, by the unpaired test: the numbers of images differ, so the images are not the same."


def _depends(paired: Paired, images: int, at: str) -> str:
    sure, possible = paired.limits
    one_right = "exactly one of the two is right on"
    if paired.largest_settles:
        smallest = f"only if {one_right} {_at_most(sure, sure, images)}" if sure else "never"
        return (
            f"Depends on how the accuracies were rounded: at the largest difference that the digits allow it is"
            f" significant {at} whatever the pairing, at the smallest {smallest}."
        )
    only_if = f"significant {at} only if {one_right} {_at_most(sure or possible, possible, images)}"
    if sure:
        return f"Depends on the pairing: {only_if}."
    return f"Depends on the pairing: {only_if}, and only for some of the counts that the rounding allows."


def _at_most(sure: int, possible: int, images: int) -> str:
    """`at most 57 of the 1,324 images (4.3 %)`, or `at most 50 to 57 ...` where the rounding leaves it open."""
    if sure == possible:
        return f"at most {sure:,} of the {images:,} images ({percent(sure / images)})"
    shares = f"{100 * sure / images:.1f} to {percent(possible / images)}"
    return f"at most {sure:,} to {possible:,} of the {images:,} images ({shares})"


def _alone(test: McNemar) -> str:
    return f"{test.only_a:,} and {test.only_b:,}"


def _one_hot_ranges(counts: Counts, classes: int) -> dict[str, tuple[float, float]]:
    """By convention, the loss with the most and with the fewest correct images."""
    logits_low, clipped_low = one_hot_losses(counts.most / counts.images, classes)
    logits_high, clipped_high = one_hot_losses(counts.fewest / counts.images, classes)
    return {"read as logits": (logits_low, logits_high), f"clipped at {CLIP}": (clipped_low, clipped_high)}


def _range(low: float, high: float) -> str:
    return " to ".join(dict.fromkeys((f"{low:.3f}", f"{high:.3f}")))


def _every_error(loss: float, classes: int) -> str:
    """What a loss close to that of errors alone suggests; nothing for another."""
    every_error = log(e + classes - 1)
    if abs(loss - every_error) > 0.01:
        return ""
    return (
        f" It is within {abs(loss - every_error):.3f} of ln(e + {classes - 1}) = {every_error:.4f}, which one-hot"
        " vectors read as logits cost when every prediction is wrong: misaligned labels, perhaps."
    )


def _one_split(splits: set[Split | None]) -> tuple[str, ...]:
    if splits == {None}:
        return (
            "The table does not say which split the rows were measured on. What follows holds only if it is one and the"
            " same: find out, or measure the rows on one split first; then say so with --split.",
        )
    if None in splits:
        return (
            "The split of some rows is not known. What is said of them holds only if it is the same: find out, or"
            " measure the rows on one split first.",
        )
    if len(splits) > 1:
        return ("The rows were measured on different splits. To compare them, first measure them on one.",)
    return ()
