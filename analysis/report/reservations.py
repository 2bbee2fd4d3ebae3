"""What changes the meaning of the verdict: collected here once, from what was recorded, for every place that quotes it.

The verdict's own sentences say each of them (wording/verdict.py), report.json lists them. What is seen of an approach
stands in the sentence that compares it; what is true of the whole comparison, in the same paragraph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from textwrap import shorten

from analysis.numbers import counted, in_words
from analysis.records.reading import StudyRecords
from analysis.records.trials import charged_first
from analysis.report.comparison import Comparison
from analysis.report.summary import StudySummary
from analysis.search.contention import contended, contention
from analysis.search.health import Finding
from analysis.statistics.crossed import FEW_GROUPS

GENERAL = (
    "one_search",
    "few_searches",
    "search_unknown",
    "one_run",
    "few_runs",
    "one_day",
    "looks",
)  # of the design, known before the study
ENOUGH = 3  # searches, or runs, of each approach: of fewer it is hardly known how much they differ
MOST_OF_A_MACHINE = 100  # characters


@dataclass(frozen=True)
class Reservation:
    """One reservation about the verdict.

    Attributes:
        approach: whom it concerns; None: the whole comparison.
        kind: a word for programs: those of search/health.py, and those of this file, such as `one_search`.
        text: what was seen, as a clause; of an approach, as the rest of one that begins with its name.
        mend: what to do about it, with the key to turn; None where nothing is to be done.
        details, mend_details: what more is known of either; empty where nothing is.
    """

    approach: str | None
    kind: str
    text: str
    mend: str | None
    details: str = ""
    mend_details: str = ""

    @property
    def clause(self) -> str:
        """What was seen and what to do, each without its details: to stand within a sentence."""
        return f"{self.text} ({self.mend})" if self.mend else self.text


def reservations(compared: Comparison | None, study: StudySummary | None = None) -> tuple[Reservation, ...]:
    """All reservations about the verdict on these approaches; none before there is a verdict.

    Args:
        compared: what the test predictions say.
        study: the study they belong to; None for a bare table of predictions.
    """
    if compared is None:
        return ()
    searches, runs = _searches(compared, study), _runs(compared, study)
    whole = [searches, runs, _groups(compared), _one_day(study), _moved(study), _looks(compared)]
    found = [*_approaches(compared, study), *whole]
    return tuple(one for one in found if one)


def _searches(compared: Comparison, study: StudySummary | None) -> Reservation | None:
    """The luck of the search, which one search cannot show, two hardly, and a bare table does not tell."""
    if study is None:
        text = (
            "the table does not say how configurations were found: where one search found that of all runs, its luck "
            "is left out"
        )
        return Reservation(None, "search_unknown", text, None)
    mend = _more_searches(study)
    if compared.design.one_search:
        tried = "tried" if study.records.settings.replicates == 1 else "evaluated"
        text = f"another search was not {tried}: it may find other configurations, and with them another order"
        return Reservation(None, "one_search", text, mend)
    if _counts(compared) == {2}:
        text = f"with two searches{_of_each(compared)}, how much searches differ is hardly known"
        return Reservation(None, "few_searches", text, mend)
    return None


def _runs(compared: Comparison, study: StudySummary | None) -> Reservation | None:
    """One or two runs of every approach, where these are not of several searches."""
    counts = _tested_runs(study) if study and compared.design.one_search else _counts(compared)
    if study and not compared.design.one_search:
        return None
    if counts == {1}:
        count = len(compared.approaches)
        these = f"these {in_words(count)} trained networks" if count > 1 else "this one trained network"
        text = f"the verdict is about {these}: no other run was tried"
        return Reservation(None, "one_run", text, _more_runs(study, "bring three or more of each"))
    if counts == {2}:
        text = f"with two runs{_of_each(compared)}, how much runs differ is hardly known"
        return Reservation(None, "few_runs", text, _more_runs(study, "bring three or more"))
    return None


def _counts(compared: Comparison) -> set[int]:
    """How many seeds, or replicates, the approaches have."""
    return {len(test.accuracy.per_seed) for test in compared.approaches}


def _tested_runs(study: StudySummary) -> set[int]:
    """How many final runs that were evaluated the approaches have; those that have none are left out."""
    evaluated = Counter(one.name for one in study.approaches for run in one.final_runs if run.test_accuracy is not None)
    return set(evaluated.values())


def _of_each(compared: Comparison) -> str:
    return " of each" if len(compared.approaches) > 1 else ""


def _more_searches(study: StudySummary) -> str:
    """What brings three searches: to wait for them, or to ask for them."""
    return "let the study finish" if study.records.settings.replicates >= ENOUGH else "set replicates to 3 or more"


def _more_runs(study: StudySummary | None, bring: str) -> str:
    """What brings more runs of one search: those of others, or more of each."""
    if study is None:
        return bring
    return "let the study finish" if study.records.settings.replicates > 1 else "raise final.runs"


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


def _moved(study: StudySummary | None) -> Reservation | None:
    """A study that went on elsewhere than it began, and trained there."""
    if study is None or not _on_other_hosts(study.records):
        return None
    first, *later = map(_machine, (study.records.environment, *study.records.later_environments))
    others = [machine for machine in dict.fromkeys(later) if machine not in (None, first)]
    if first is None or not others:
        return None
    text = (
        f"the study began on one machine ({first}) and went on with another ({'; '.join(map(str, others))}), where a"
        " charged second buys another amount of training"
    )
    return Reservation(None, "moved", text, None)


def _on_other_hosts(records: StudyRecords) -> bool:
    """Whether from the beginning of some phase until the next one all trials ran on hosts on which none had before.

    Every session begins phases; on a cluster, where nodes come and go, some have hosts as before. That an attempt was
    lost is said by the next session, with the host of the one before.
    """
    ran = records.events[records.events.host.notna() & (records.events.event != "lost")]
    begins = [phase.time for phase in records.phases if phase.event == "started"]
    for begin, end in pairwise([*begins[1:], inf]):
        before, then = (set(ran.host[one]) for one in (ran.time < begin, (ran.time >= begin) & (ran.time < end)))
        if before and then and not before & then:
            return True
    return False


def _machine(environment: Mapping[str, object]) -> str | None:
    """What a second's worth depends on, as it was recorded; None where it was not."""
    if not environment.get("processor"):
        return None
    gpus = environment.get("gpus")
    parts = [environment["processor"], f"{environment.get('cpus')} CPUs", *(gpus if isinstance(gpus, list) else ())]
    return shorten(", ".join(map(str, parts)), MOST_OF_A_MACHINE, placeholder=" ...")


def _looks(compared: Comparison) -> Reservation | None:
    """A study that went on after its test results had been looked at."""
    design, looks = compared.design, len(compared.design.looks)
    if looks < 2:
        return None
    used = f"tests use the level {design.look_alpha:.3g} of {design.alpha:g}, and intervals the level that goes with it"
    return Reservation(None, "looks", f"this is look number {looks} at the test results, so {used}", None)


def _approaches(compared: Comparison, study: StudySummary | None) -> list[Reservation]:
    """What is to be said of single approaches, in the order of rank."""
    names = [test.name for test in compared.ranked]
    seen = [*(study.findings if study else ()), *compared.findings]
    found = [_of_finding(one, study) for one in seen]
    found += [*_single_runs(compared, study), *_free_features(study), *_busy_machine(names, study)]
    ranked = [one for name in names for one in found if one.approach == name]
    return [*ranked, *(one for one in found if one.approach is None)]


def _of_finding(one: Finding, study: StudySummary | None) -> Reservation:
    """A finding; beside a bare table without its mend, which names a key of a study file."""
    mend, more = (one.mend, one.mend_details) if study else (None, "")
    return Reservation(one.approach, one.kind, one.seen, mend, one.details, more)


def _busy_machine(names: list[str], study: StudySummary | None) -> list[Reservation]:
    """Seconds that bought less than they should, for some of the approaches or for all of them."""
    if study is None:
        return []
    settings = study.records.settings
    budget_s = settings.replicates * settings.budget.search_seconds
    features = study.records.features
    first = charged_first(features, settings.feature_cost)
    found = contended(contention(study.trials, features, budget_s=budget_s, charged_first=first))
    percent = {name: 100 / found[name] for name in names if name in found}
    mend = "run it on a quiet machine"
    if len(percent) < len(names):
        text = "had a CPU for only {:.0f} % of its charged time"
        return [Reservation(name, "busy_machine", text.format(share), mend) for name, share in percent.items()]
    low, high = (f"{extreme(percent.values()):.0f}" for extreme in (min, max))
    shares = low if low == high else f"{low} to {high}"
    text = f"the machine was busy with other work, and approaches had a CPU for only {shares} % of their charged time"
    return [Reservation(None, "busy_machine", text, mend)]


def _single_runs(compared: Comparison, study: StudySummary | None) -> list[Reservation]:
    """Approaches with one run, or one search, beside others with several: one against five does not pass as five."""
    counts = {test.name: len(test.accuracy.per_seed) for test in compared.approaches}
    several = in_words(max(counts.values()))
    if compared.design.unit == "replicate":
        kind, text = "single_search", f"has test results of a single search beside {several}"
        key = "let the study finish, or see why the others have none"
    else:
        kind, text = (
            "single_run",
            f"has a single run beside {several}, and how much another would differ is not known",
        )
        key = "raise final.runs" if study else "bring several runs of it"
    single = [name for name, count in counts.items() if count == 1 < max(counts.values())]
    return [Reservation(name, kind, text, key) for name in single]


def _free_features(study: StudySummary | None) -> list[Reservation]:
    """Approaches whose frozen features were charged to nobody."""
    if study is None or study.records.settings.feature_cost != "free":
        return []
    users = dict.fromkeys(name for cost in study.records.features for name in cost.approaches)
    text = "had a head start, as its frozen features were charged to nobody"
    return [Reservation(name, "free_features", text, "set feature_cost to first_use") for name in users]
