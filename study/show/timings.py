"""What the timings of the approaches say, in lines: for `plan`, and for `run` before the search begins."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.search.contention import CONTENDED
from analysis.search.health import FEW_TRIALS
from study.config.models import StudyConfig
from study.planning.configurations import most_trials
from study.planning.suggest import TRIALS, Forecast, Suggestion, forecast
from study.planning.timing import Timing, Untimed
from study.show.progress import duration


def timing_lines(config: StudyConfig, timings: Sequence[Timing | Untimed]) -> list[str]:
    """A line for each approach: what the budgets buy; and a warning for each that they do not buy enough."""
    lines, warnings = [], []
    for timing in timings:
        if isinstance(timing, Untimed):
            lines.append(f"  {timing.approach}: could not be timed ({timing.reason})")
            continue
        known = forecast(config, timing)
        lines.append(_line(config, timing, known))
        warnings += _warnings(config, timing, known)
    factors = [timing.factor for timing in timings if isinstance(timing, Timing) and timing.factor is not None]
    if max(factors, default=1.0) > CONTENDED:
        warnings.append(
            f"warning: the machine is busy with other work: what was timed took up to {max(factors):.1f} times as long "
            "as on a machine of its own"
        )
    return lines + warnings


def suggestion_lines(suggestion: Suggestion | None, slots: int) -> list[str]:
    """The budgets as options to paste, and what they come to."""
    if suggestion is None:
        return ["No approach could be timed, so there is nothing to suggest."]
    options = " ".join(f"--set {key}={value:g}" for key, value in suggestion.assignments.items())
    left_out = f" (without {', '.join(suggestion.left_out)}, not timed)" if suggestion.left_out else ""
    return [
        f"Budgets with which the median configuration of each approach finishes, and at least {TRIALS} are tried in "
        f"each search{left_out}:",
        f"  {options}",
        f"With these the searches and final runs take up to {duration(suggestion.charged_s / slots)} of wall time.",
    ]


def _line(config: StudyConfig, timing: Timing, known: Forecast) -> str:
    schedule = known.schedule
    features = f"features {short(timing.features_s)}, " if timing.features_s else ""
    by_epochs = "epochs" in config.approaches[timing.approach].space
    epochs = f" ({schedule.epochs} epochs)" if by_epochs else ""
    enough = "are enough" if known.finishes else "are not enough"
    bought = f"buy {_count(known.epochs_bought)} epochs" if by_epochs else enough
    return (
        f"  {timing.approach}: {features}a step {short(schedule.step_s)}, a validation {short(schedule.validation_s)}; "
        f"the {known.which} configuration{epochs} takes about {short(schedule.whole_s)}, "
        f"a trial's {_s(config.budget.trial_seconds)} {bought}; "
        f"a search's {_s(config.budget.search_seconds)} buy about {_count(known.trials)} configurations"
    )


def _warnings(config: StudyConfig, timing: Timing, known: Forecast) -> list[str]:
    """One line at most, whatever is too little."""
    approach, found = config.approaches[timing.approach], []
    too_long = {
        which: schedule.whole_s
        for which, schedule, finishes in (
            (known.which, known.schedule, known.finishes),
            ("median", timing.median, known.median_finishes),
        )
        if not finishes
    }
    if too_long:
        configurations = ", ".join(f"the {which} one about {short(took_s)}" for which, took_s in too_long.items())
        shorter = ", or lower `epochs` or image_size" if "epochs" in approach.space else ""
        found.append(
            f"configurations that a trial's {_s(config.budget.trial_seconds)} do not let finish ({configurations}): "
            f"raise budget.trial_seconds{shorter}"
        )
    if known.trials < min(FEW_TRIALS, most_trials(approach)):
        found.append(f"about {_count(known.trials)} configurations in a search are few: raise budget.search_seconds")
    return [f"warning: {timing.approach}: {'; '.join(found)}"] if found else []


def short(seconds: float) -> str:
    """`8 ms`, `1.3 s`, or as people say longer times."""
    if seconds < 0.1:
        return f"{1000 * seconds:.2g} ms"
    return f"{seconds:.2g} s" if seconds < 10 else duration(seconds)


def _s(seconds: float) -> str:
    return f"{seconds:g} s"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.2g}"
