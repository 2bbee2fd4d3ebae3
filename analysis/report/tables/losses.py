"""What the probabilities and the decisions of each approach cost on the test split."""

from __future__ import annotations

from analysis.numbers import interval, level, number, p_value, signed, signed_interval
from analysis.report.comparison import Comparison, TestScores
from analysis.report.table import Column, Table, table
from analysis.report.wording import hard_decision_sentence, no_probabilities_sentence, pair_name
from analysis.statistics.calibration import CalibrationError
from analysis.statistics.losses import CLIP, LossDifferences, ProbabilityLosses
from analysis.statistics.paired import Difference, Estimate

NAME: Column[TestScores] = Column("approach", lambda test: test.name, "text")
DECISIONS = "none, decisions alone: scored by convention below"


def losses(compared: Comparison) -> Table:
    """Log-loss, Brier score and calibration error of each approach's probabilities."""
    interval_heading, yardstick = f"{level(compared.design.look_alpha)} interval", compared.yardstick
    columns: list[Column[TestScores]] = [
        NAME,
        Column("probabilities", lambda test: test.probabilities.replace("_", " "), "text"),
        Column("log-loss", lambda test: number(_losses(test).log_loss.estimate)),
        Column(interval_heading, lambda test: _interval(_losses(test).log_loss), "interval"),
        Column("Brier score", lambda test: number(_losses(test).brier.estimate)),
        Column(interval_heading, lambda test: _interval(_losses(test).brier), "interval"),
        Column("calibration error", lambda test: number(_ece(test).estimate)),
        Column(interval_heading, lambda test: _interval(_ece(test)), "interval"),
        Column("of it noise", lambda test: number(_ece(test).noise)),
    ]
    return table(
        "Losses of each approach",
        columns,
        compared.ranked,
        about=(
            "Of the probabilities, on the test split; lower is better. Answering every image with the class"
            f" frequencies would cost {number(yardstick.log_loss)} (log-loss) and {number(yardstick.brier)} (Brier)."
        ),
        notes=[
            "“Calibrated on validation” means that the probabilities were fitted to an approach's decisions on the"
            " validation split. “Of it noise”: the calibration error that a perfectly calibrated approach would show on"
            " so many images."
        ],
        instead=lambda test: None if test.losses else DECISIONS,
    )


def loss_differences(compared: Comparison) -> Table:
    """Differences of log-loss and Brier score, of the pairs in which both give probabilities."""
    interval_heading = f"{level(compared.design.look_alpha)} interval"
    columns: list[Column[LossDifferences]] = [
        Column("first − second", lambda found: pair_name(found.log_loss), "text"),
        Column("log-loss", lambda found: signed(found.log_loss.difference)),
        Column(interval_heading, lambda found: _of_difference(found.log_loss), "interval"),
        Column("p", lambda found: p_value(found.log_loss.p), "unbroken"),
        Column("Brier score", lambda found: signed(found.brier.difference)),
        Column(interval_heading, lambda found: _of_difference(found.brier), "interval"),
        Column("p", lambda found: p_value(found.brier.p), "unbroken"),
    ]
    return table(
        "Paired differences of the losses",
        columns,
        [pair.losses for pair in compared.pairs if pair.losses],
        notes=[
            "Tested as accuracies are, not corrected for the number of pairs. A negative difference speaks for the"
            " first."
        ],
    )


def hard_decisions(compared: Comparison) -> Table:
    """What decisions alone cost, by each named convention."""
    interval_heading = f"{level(compared.design.look_alpha)} interval"
    columns: list[Column[TestScores]] = [
        NAME,
        Column("one-hot as logits", lambda test: number(_as_logits(test).estimate)),
        Column(interval_heading, lambda test: _interval(_as_logits(test)), "interval"),
        Column(f"one-hot clipped at {CLIP}", lambda test: number(_clipped(test).estimate)),
        Column(interval_heading, lambda test: _interval(_clipped(test)), "interval"),
    ]
    return table("One-hot losses", columns, compared.ranked, notes=_hard_decision_sentences(compared))


def _losses(test: TestScores) -> ProbabilityLosses:
    assert test.losses is not None, "a row without losses has a remark in their place"
    return test.losses


def _ece(test: TestScores) -> CalibrationError:
    assert test.calibration is not None, "an approach with losses has a calibration"
    return test.calibration.ece


def _interval(estimate: Estimate | CalibrationError) -> str:
    """A dash where no variance could be estimated."""
    return interval(estimate.low, estimate.high) if estimate.has_interval else "–"


def _of_difference(found: Difference) -> str:
    """A dash where no variance could be estimated."""
    return signed_interval(found.low, found.high) if found.has_interval else "–"


def _as_logits(test: TestScores) -> Estimate:
    return next(scored.loss for scored in test.hard_decisions if scored.convention == "one_hot_as_logits")


def _clipped(test: TestScores) -> Estimate:
    return next(scored.loss for scored in test.hard_decisions if scored.convention == "one_hot_clipped")


def _hard_decision_sentences(compared: Comparison) -> list[str]:
    """Why one-hot losses look bad, for the approaches that decide without probabilities of their own."""
    C = len(compared.classes)
    without = [test for test in compared.ranked if test.probabilities in ("none", "calibrated_on_validation")]
    explained = [hard_decision_sentence(test.name, test.accuracy.estimate, C) for test in without]
    return explained + [no_probabilities_sentence(test.name) for test in without if test.losses is None]
