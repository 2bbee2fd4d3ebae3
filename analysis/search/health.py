"""What keeps an approach from a fair comparison: it was never trained, hardly searched, or collapsed.

Findings are facts with the key of the study file to turn; they forbid no comparison, and how they are said beside a
verdict is decided in report/. The same functions serve while a search runs (of the trials that have ended), and after
it. Kinds of findings, in the order in which they are given:

    starved        under a fifth of its search trials finished their schedule; the others were cut
    failing        half of its search trials or more, or one of its final runs, failed or diverged
    few_trials     fewer than ten configurations were tried in one of its searches
    final_cut      none of its final runs finished its schedule
    collapsed      final runs that name one class for every image
    largest_class  half of its final runs or more are no better than always naming the largest class
    far_run        one final run lies far from the others
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.numbers import seconds
from analysis.records.reading import StudyRecords
from analysis.records.schema import ENDINGS

Kind = Literal["starved", "failing", "few_trials", "final_cut", "collapsed", "largest_class", "far_run"]

FINISHED_SHARE = 0.2  # of its trials: below this an approach counts as starved
EVIDENT_AFTER = 5  # configurations: of fewer nothing is said while the search goes on
FAILING_SHARE = 0.5
FEW_TRIALS = 10  # about as many as the sampler draws at random before it begins to learn
LEVEL = 0.05  # of the one-sided test against the largest class
FAR = 0.05  # accuracy: a run nearer to the others than this is never called far
FAR_SPREADS = 4.0  # and it is as many times the range of the others away from the nearest of them


@dataclass(frozen=True)
class Finding:
    """One thing that was seen about one approach.

    Attributes:
        approach: as the study file names it.
        kind: which of the kinds above.
        seen: what was seen, with its numbers, as the rest of a sentence that begins with the approach's name.
        mend: which key of the study file to turn, as an imperative.
        details, mend_details: what more is known of either; empty where nothing is.
    """

    approach: str
    kind: Kind
    seen: str
    mend: str
    details: str = ""
    mend_details: str = ""

    @property
    def sentence(self) -> str:
        """All of it, without a full stop: who, what was seen, what to do."""
        return f"{self.approach} {_bracketed(self.seen, self.details)}; {_bracketed(self.mend, self.mend_details)}"


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """What the study file gave, to name it beside the key to turn.

    Attributes:
        search_s, trial_s: what a search, and one trial, may charge.
        replicates: searches of each approach.
    """

    search_s: float
    trial_s: float
    replicates: int = 1


def study_findings(records: StudyRecords, trials: pd.DataFrame) -> tuple[Finding, ...]:
    """Findings on the trials of a study that runs or has ended; `trials` is records.trials.trial_table of its events.

    Findings on predictions (`prediction_findings`) are not among them.
    """
    settings = records.settings
    budgets = Budgets(
        search_s=settings.budget.search_seconds,
        trial_s=settings.budget.trial_seconds,
        replicates=settings.replicates,
    )
    searching = [
        event for event in records.phases if event.phase == "search" and event.event in ("started", "finished")
    ]
    over = bool(searching) and searching[-1].event == "finished"
    exhausted = {
        (event.approach, event.replicate or 0): event.reason or ""
        for event in records.phases
        if event.event == "exhausted" and event.approach
    }
    searched = search_findings(trials, settings.approaches, budgets, exhausted=exhausted, over=over)
    return (*searched, *final_findings(trials, settings.approaches))


def search_findings(
    trials: pd.DataFrame,
    approaches: Iterable[str],
    budgets: Budgets,
    *,
    exhausted: Mapping[tuple[str, int], str] | None = None,
    over: bool,
) -> tuple[Finding, ...]:
    """What the search trials show, approach by approach.

    Args:
        trials: a table with the columns of records.trials.trial_table.
        exhausted: by approach and replicate, why a search ran out of configurations before its budget.
        over: whether the search has ended. Before, only what five configurations of an approach show already is said.
    """
    searched = trials[(trials.phase == "search") & trials.status.isin(ENDINGS)]
    found: list[Finding | None] = []
    for name in approaches:
        own = searched[searched.approach == name]
        found += [_starved(own, name, budgets, over), _failing(own, name, over)]
        if over:
            reasons = [(exhausted or {}).get((name, replicate), "") for replicate in range(budgets.replicates)]
            found.append(_few_trials(own, name, budgets, reasons))
    return tuple(one for one in found if one is not None)


def final_findings(trials: pd.DataFrame, approaches: Iterable[str]) -> tuple[Finding, ...]:
    """What the final runs that have ended show; `trials` as for `search_findings`."""
    ended = trials[(trials.phase == "final") & trials.status.isin(ENDINGS)]
    found = []
    for name in approaches:
        own = ended[ended.approach == name]
        found += [_final_cut(own, name), _final_failed(own, name)]
    return tuple(one for one in found if one is not None)


def prediction_findings(
    labels: NDArray[np.int64], predicted: Mapping[str, NDArray[np.int32]], *, classes: Sequence[str] | None = None
) -> tuple[Finding, ...]:
    """What the test predictions show.

    Args:
        labels: (N,) true class indices.
        predicted: by approach, (S, N) predicted class indices of its S final runs.
        classes: names of the classes, in the order of their indices.
    """
    if len(np.unique(labels)) < 2:  # whoever names the only class there is has not collapsed
        return ()
    found: list[Finding | None] = []
    for name, runs in predicted.items():
        collapsed = (runs == runs[:, :1]).all(axis=1)  # (S,)
        found.append(_collapsed(runs, collapsed, name, classes))
        if not collapsed.all():
            found += [_largest_class(labels, runs, name, classes), _far_run((runs == labels).mean(axis=1), name)]
    return tuple(one for one in found if one is not None)


def _starved(own: pd.DataFrame, name: str, budgets: Budgets, over: bool) -> Finding | None:
    trained = own[own.status.isin(["finished", "cut"])]
    finished, cut = (trained[trained.status == status] for status in ("finished", "cut"))
    if _few(trained, over) or len(finished) >= FINISHED_SHARE * len(trained):
        return None
    steps, epochs = _how_far(cut)
    if finished.empty:
        seen = f"had {_all_of(cut, own, 'search trial')} cut by the allowance {steps}"
    else:
        seen = f"finished only {len(finished)} of its {len(trained)} search trials, the others cut {steps}"
    needed = _needed_s(cut)
    given = f"{budgets.trial_s:g} s"
    if needed is not None:
        given = f"{given}; its median configuration takes about {seconds(needed)}; or lower `epochs` in its space"
    return Finding(name, "starved", seen, "raise budget.trial_seconds", epochs, given)


def _few(ended: pd.DataFrame, over: bool) -> bool:
    """Whether nothing can be said yet. The published configuration, with which every replicate begins, counts once."""
    return len(set(map(repr, ended.params))) < (1 if over else EVIDENT_AFTER)


def _failing(own: pd.DataFrame, name: str, over: bool) -> Finding | None:
    broken = own[own.status.isin(["failed", "diverged"])]
    if _few(own, over) or len(broken) < FAILING_SHARE * len(own):
        return None
    return _broken(own, broken, name, "search trial")


def _few_trials(own: pd.DataFrame, name: str, budgets: Budgets, reasons: Sequence[str]) -> Finding | None:
    """Of the searches with the fewest configurations; not of those whose space has no more than were tried.

    Args:
        reasons: by replicate, why its search ran out of configurations; empty where it did not.
    """
    tried = own.groupby("replicate").size().reindex(range(budgets.replicates), fill_value=0)
    counts = {replicate: int(tried[replicate]) for replicate, why in enumerate(reasons) if not why.startswith("all ")}
    few = {replicate: count for replicate, count in counts.items() if count < FEW_TRIALS}
    if not few:
        return None
    fewest, most = min(few.values()), max(few.values())
    configurations = f"{fewest}{f' to {most}' if most > fewest else ''} configuration{'' if most == 1 else 's'}"
    seen = f"tried only {configurations} in {_which_searches(len(few), budgets.replicates)}"
    if any(reasons[replicate].startswith("max_trials") for replicate in few):
        return Finding(name, "few_trials", seen, f"raise approaches.{name}.max_trials")
    each = f"; {FEW_TRIALS} trials take about {seconds(FEW_TRIALS * float(own.charged_s.mean()))}" if len(own) else ""
    return Finding(
        name, "few_trials", seen, "raise budget.search_seconds", mend_details=f"{budgets.search_s:g} s{each}"
    )


def _which_searches(count: int, total: int) -> str:
    if total == 1:
        return "its search"
    if count == total:
        return "both its searches" if total == 2 else f"each of its {total} searches"
    return f"{'one' if count == 1 else count} of its {total} searches"


def _final_cut(own: pd.DataFrame, name: str) -> Finding | None:
    cut = own[own.status == "cut"]
    if cut.empty or (own.status == "finished").any():
        return None
    needed = _needed_s(cut)
    more = f"; a whole one takes about {seconds(needed)}" if needed is not None else ""
    steps, epochs = _how_far(cut)
    seen = f"had {_all_of(cut, own, 'final run')} cut by the allowance {steps}"
    given = f"{float(own.allowance_s.max()):g} s{more}"
    return Finding(name, "final_cut", seen, "raise final.trial_seconds", epochs, given)


def _final_failed(own: pd.DataFrame, name: str) -> Finding | None:
    broken = own[own.status.isin(["failed", "diverged"])]
    return None if broken.empty else _broken(own, broken, name, "final run")


def _broken(own: pd.DataFrame, broken: pd.DataFrame, name: str, noun: str) -> Finding:
    """That so many of an approach's trials, or of its final runs, failed or diverged, and why the last one did."""
    reasons = broken.reason.dropna()
    last = f"the last: {reasons.iloc[-1]}" if len(reasons) else ""
    seen = f"had {_of_how_many(len(broken), len(own), noun)} fail or diverge"
    narrow = f"or narrow approaches.{name}.space to what trains"
    return Finding(name, "failing", seen, "mend what fails", last, narrow)


def _collapsed(
    runs: NDArray[np.int32], collapsed: NDArray[np.bool_], name: str, classes: Sequence[str] | None
) -> Finding | None:
    """Runs that name one class for every image."""
    count = int(collapsed.sum())
    if count == 0:
        return None
    named = np.unique(runs[collapsed, 0])
    which = _class(int(named[0]), classes) if len(named) == 1 else "one class (not always the same)"
    seen = f"named {which} for every image in {_of_how_many(count, len(runs), 'run')}"
    longer = "or raise budget.trial_seconds and `epochs`"
    return Finding(name, "collapsed", seen, "lower `lr` in its space", mend_details=longer)


def _largest_class(
    labels: NDArray[np.int64], runs: NDArray[np.int32], name: str, classes: Sequence[str] | None
) -> Finding | None:
    """Whether runs are shown to be better than always naming the largest class, each by a one-sided exact sign test.

    Of the images on which a run and that rule differ in being right, the run must be right on more than half, at the
    level 0.05. It speaks of the trained network, not of the approach, and takes images as independent.
    """
    from scipy import stats  # takes a while to import, which a study that begins would wait for

    counts = np.bincount(labels)
    largest = int(counts.argmax())
    rule = labels == largest  # (N,)
    correct = runs == labels  # (S, N)
    gained = (correct & ~rule).sum(axis=1)
    lost = (~correct & rule).sum(axis=1)
    no_better = stats.binom.sf(gained - 1, gained + lost, 0.5) > LEVEL  # (S,); sf of no image at all is 1
    count = int(no_better.sum())
    if 2 * count < len(runs):
        return None
    reached = _range(correct[no_better].mean(axis=1))
    share = counts[largest] / len(labels)
    where = _of_how_many(count, len(runs), "run").replace("both", "either of").replace("all", "any of")
    seen = f"is not shown to be better than always naming {_class(largest, classes)} in {where}"
    tested = f"accuracy {reached}, against {share:.3f}; sign test of each run at 0.05"
    return Finding(name, "largest_class", seen, "raise budget.trial_seconds", tested, "or widen its space")


def _far_run(accuracy: NDArray[np.float64], name: str) -> Finding | None:
    """The run that lies farthest from the others, if that is far; from three runs on.

    Far is more than 5 points, and more than four times the range of the others, away from the nearest of the others.
    Of five runs drawn from a normal distribution with a standard deviation of 2 points 0.4 % are called so, of 4 points
    1.6 %; of three, in which two are often close by chance, 3 and 21 %.
    """
    if len(accuracy) < 3:
        return None
    farthest = int(np.abs(accuracy - np.median(accuracy)).argmax())
    others = np.delete(accuracy, farthest)
    distance = float(np.abs(others - accuracy[farthest]).min())
    if distance <= max(FAR, FAR_SPREADS * float(np.ptp(others))):
        return None
    seen = f"reached {accuracy[farthest]:.3f} in one of its {len(accuracy)} runs, but {_range(others)} in the others"
    return Finding(name, "far_run", seen, "raise final.runs to see how often that happens")


def _how_far(cut: pd.DataFrame) -> tuple[str, str]:
    """`after 1 to 4 steps`, and `0.1 to 0.3 of 5 to 20 epochs`, as far as the trials say how many it should be."""
    wanted = _epochs(cut).dropna()
    of_how_many = f" of {_range(wanted, 'g')}" if len(wanted) else ""
    return f"after {_range(cut.steps, 'g')} steps", f"{_range(cut.epoch, '.2g')}{of_how_many} epochs"


def _needed_s(cut: pd.DataFrame) -> float | None:
    """Seconds in which the median of these configurations would have finished, at the pace at which they went.

    Of the trials that say how many epochs they were to train, and came far enough to have a pace.
    """
    needed = cut.charged_s / cut.epoch.where(cut.epoch > 0) * _epochs(cut)
    return float(needed.median()) if needed.notna().any() else None


def _epochs(trials: pd.DataFrame) -> pd.Series:
    """The hyperparameter `epochs` of each trial; missing where an approach has none."""
    return pd.Series([(params or {}).get("epochs") for params in trials.params], trials.index, dtype=float)


def _all_of(these: pd.DataFrame, own: pd.DataFrame, noun: str) -> str:
    """`all 14 search trials`, or those that did not fail, where some did."""
    others = "" if len(these) == len(own) else " that did not fail or diverge"
    if len(these) < 3:
        return f"{('its only', 'both its')[len(these) - 1]} {noun}{'s' * (len(these) - 1)}{others}"
    return f"all {len(these)} {noun}s{others}"


def _of_how_many(count: int, total: int, noun: str) -> str:
    """`its run`, `both its runs`, `all its 3 runs`, `1 of its 3 runs`."""
    if total == 1:
        return f"its {noun}"
    if count < total:
        return f"{count} of its {total} {noun}s"
    return f"both its {noun}s" if total == 2 else f"all its {total} {noun}s"


def _bracketed(text: str, details: str) -> str:
    return f"{text} ({details})" if details else text


def _class(index: int, classes: Sequence[str] | None) -> str:
    return f"class {index}" if classes is None else f"the class {classes[index]!r}"


def _range(values: Iterable[float], written: str = ".3f") -> str:
    """`1 to 4`, or `4` where both ends are written alike."""
    low, high = (f"{extreme(list(values)):{written}}" for extreme in (min, max))
    return low if low == high else f"{low} to {high}"
