"""What changes the meaning of the verdict: collected here once, from what was recorded, for every place that quotes it.

The verdict's own sentences say each of them (wording/verdict.py), report.json lists them. What is seen of an approach
stands in the sentence that compares it; what is true of the whole comparison, in the same paragraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from analysis.numbers import counted, in_words
from analysis.report.comparison import Comparison
from analysis.report.summary import StudySummary
from analysis.search.contention import contended, contention
from analysis.search.health import study_findings
from analysis.statistics.crossed import FEW_GROUPS

GENERAL = (
    "one_search",
    "search_unknown",
    "one_run",
    "few_runs",
    "one_day",
    "looks",
)  # of the design, known before the study
DETAILS = re.compile(r" \(.*$")
FEW_RUNS = 2  # searches, or runs, of each approach: their spread is then hardly known


@dataclass(frozen=True)
class Reservation:
    """One reservation about the verdict.

    Attributes:
        approach: whom it concerns; None: the whole comparison.
        kind: a word for programs: those of search/health.py, and those of this file, such as `one_search`.
        text: what was seen, as a clause; of an approach, to be read after its name and a colon.
        mend: what to do about it, with the key to turn; None where nothing is to be done.
    """

    approach: str | None
    kind: str
    text: str
    mend: str | None

    @property
    def clause(self) -> str:
        """What was seen and what to do, each without its details: to stand within a sentence."""
        seen, mend = DETAILS.sub("", self.text), DETAILS.sub("", (self.mend or "").split(", ")[0])
        return f"{seen} ({mend})" if mend else seen


def reservations(compared: Comparison | None, study: StudySummary | None = None) -> tuple[Reservation, ...]:
    """All reservations about the verdict on these approaches; none before there is a verdict.

    Args:
        compared: what the test predictions say.
        study: the study they belong to; None for a bare table of predictions.
    """
    if compared is None:
        return ()
    whole = [_search(study), _runs(compared, study), _groups(compared), _one_day(study), _looks(compared)]
    found = [*_approaches(compared, study), *whole]
    return tuple(one for one in found if one)


def _search(study: StudySummary | None) -> Reservation | None:
    """The luck of the search, which one search cannot show, and a bare table does not tell."""
    if study is None:
        text = "where all runs of an approach share one configuration, the luck of the search that found it is left out"
        return Reservation(None, "search_unknown", text, None)
    if study.records.settings.replicates > 1:
        return None
    text = "another search was not tried: it may find other configurations, and with them another order"
    return Reservation(None, "one_search", text, "set replicates to 3 or more")


def _runs(compared: Comparison, study: StudySummary | None) -> Reservation | None:
    """One or two independent runs (or searches) of every approach."""
    counts = {len(test.accuracy.per_seed) for test in compared.approaches}
    searched = compared.design.unit == "replicate"
    key = "set replicates to 3 or more" if searched else "raise final.runs" if study else "bring several runs of each"
    if counts == {1} and not searched:
        count = len(compared.approaches)
        these = f"these {in_words(count)} trained networks" if count > 1 else "this one trained network"
        return Reservation(None, "one_run", f"the verdict is about {these}: no other run was tried", key)
    if max(counts) <= FEW_RUNS:
        what = "searches" if searched else "runs"
        text = f"with {in_words(max(counts))} {what} of each, how much {what} differ is hardly known"
        return Reservation(None, "few_runs", text, key)
    return None


def _groups(compared: Comparison) -> Reservation | None:
    """Test images of few groups, or nearly all of one."""
    effective = compared.effective_groups
    if effective is None or effective >= FEW_GROUPS:
        return None
    groups = counted(compared.units, "group")
    as_many = "" if round(effective, 1) == compared.units else f", which say no more than {effective:.1f} of one size"
    text = f"the test images come from {groups}{as_many}: little can be concluded about images of other groups"
    return Reservation(None, "few_groups", text, "bring test images of more groups")


def _one_day(study: StudySummary | None) -> Reservation | None:
    """Test images that were all taken on one day."""
    days = study.records.data.test_days if study and study.records.data else None
    if days is None or len(days) != 1:
        return None
    text = f"all test images were taken on {days[0]}: this speaks of other images of that day, not of other days"
    return Reservation(None, "one_day", text, None)


def _looks(compared: Comparison) -> Reservation | None:
    """A study that went on after its test results had been looked at."""
    design, looks = compared.design, len(compared.design.looks)
    if looks < 2:
        return None
    used = f"its tests and intervals use the level {design.look_alpha:.3g} of {design.alpha:g}"
    return Reservation(None, "looks", f"this is look number {looks} at the test results, so {used}", None)


def _approaches(compared: Comparison, study: StudySummary | None) -> list[Reservation]:
    """What is to be said of single approaches, in the order of rank."""
    names = [test.name for test in compared.ranked]
    seen = [*(study_findings(study.records, study.trials) if study else ()), *compared.findings]
    found = [Reservation(one.approach, one.kind, one.seen, one.mend if study else None) for one in seen]
    found += [*_single_runs(compared, study), *_free_features(study), *_busy_machine(names, study)]
    ranked = [one for name in names for one in found if one.approach == name]
    return [*ranked, *(one for one in found if one.approach is None)]


def _busy_machine(names: list[str], study: StudySummary | None) -> list[Reservation]:
    """Seconds that bought less than they should, for some of the approaches or for all of them."""
    if study is None:
        return []
    found = contended(contention(study.trials, study.records.features))
    factors = {name: f"{found[name]:.1f}" for name in names if name in found}
    text = "the machine was busy with other work, so that everything took {} times as long as on a quiet one"
    mend = "run it on a quiet machine"
    if len(factors) < len(names):
        return [Reservation(name, "busy_machine", text.format(factor), mend) for name, factor in factors.items()]
    times = " to ".join(sorted({min(factors.values()), max(factors.values())}))
    return [Reservation(None, "busy_machine", text.format(times), mend)]


def _single_runs(compared: Comparison, study: StudySummary | None) -> list[Reservation]:
    """Approaches with one run beside others with several: one against five does not pass as five."""
    counts = {test.name: len(test.accuracy.per_seed) for test in compared.approaches}
    several = max(counts.values())
    key = "raise final.runs" if study else "bring several runs of it"
    text = f"it has a single run beside {in_words(several)}, and how much another would differ is not known"
    return [Reservation(name, "single_run", text, key) for name, count in counts.items() if count == 1 < several]


def _free_features(study: StudySummary | None) -> list[Reservation]:
    """Approaches whose frozen features were charged to nobody."""
    if study is None or study.records.settings.feature_cost != "free":
        return []
    users = dict.fromkeys(name for cost in study.records.features for name in cost.approaches)
    text = "its frozen features were charged to nobody, so it had a head start"
    return [Reservation(name, "free_features", text, "set feature_cost to first_use") for name in users]
