"""What more a finished study is asked for: by somebody, or by itself where its file says `settle`.

An extension is a study file with more replicates, more final runs or more seconds; what is on record stays, and the
study goes on from there as a resumed one does. What adds nothing is refused before the study file is read, which takes
PyTorch. Knows neither Ray nor how a study runs.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from analysis.numbers import p_value, points
from analysis.records.schema import LookEvent
from analysis.records.store import Store
from study.place import StudyError

if TYPE_CHECKING:
    from study.config.models import StudyConfig

FINISHED = "finished.yaml"  # the study file that was done last


@dataclass(frozen=True)
class More:
    """What a study is to come to; None for what stays as it is.

    Attributes:
        replicates: of the search, in all.
        runs: final runs of each approach, in all.
        search_seconds: charged for one search of each approach, in all.
    """

    replicates: int | None = None
    runs: int | None = None
    search_seconds: float | None = None


def refuse_no_more(more: More, has: More) -> None:
    """Refuse what adds nothing.

    Args:
        has: what the study has; None for what is not known here.

    Raises:
        StudyError: nothing would be added, or something taken away.
    """
    asked = {
        "--replicates": (more.replicates, has.replicates),
        "--runs": (more.runs, has.runs),
        "--budget": (more.search_seconds, has.search_seconds),
    }
    wanted = {option: (new, old) for option, (new, old) in asked.items() if new is not None}
    if not wanted:
        raise StudyError(f"nothing to add; give what the study is to come to: {', '.join(asked)}")
    for option, (new, old) in wanted.items():
        if old is not None and (new < old or all(new == old for new, old in wanted.values())):
            told = f"the study has {old:.15g} already, and an extension only adds; give more"
            raise StudyError(f"{option} {new:.15g}: {told}")


def extended(config: StudyConfig, more: More) -> StudyConfig:
    """The study file of an extended study.

    All final runs on record still count, so there are as many and one for each new replicate at least; where the file
    names a number of them, they grow in proportion.

    Raises:
        StudyError: nothing would be added, something taken away, or a new replicate left without a final run.
        ConfigError: the extended study cannot be.
    """
    from study.config.study_file import parse_config

    refuse_no_more(more, More(config.replicates, config.final_runs, config.budget.search_seconds))
    replicates = more.replicates or config.replicates
    _refuse_few_runs(config, more.runs, replicates)
    overrides: dict[str, object] = {
        "replicates": replicates,
        "final.runs": more.runs or _runs(config, replicates),
        "budget.search_seconds": more.search_seconds or config.budget.search_seconds,
    }
    if config.settle is not None and config.settle.at_most < replicates:
        overrides["settle"] = None  # somebody wants more than was planned
    return parse_config(config.to_yaml(), name="the extended study", overrides=overrides, on_record=True)


def mark_finished(store: Store) -> None:
    """Keep the study file as it is now that all it asks for is done; a report may follow without anything new in it."""
    store.write_bytes(FINISHED, store.read_bytes("study.yaml"))


def refuse_unfinished(store: Store, config: StudyConfig) -> None:
    """Only a finished study can be extended: the look at what it has comes first.

    Raises:
        StudyError: it is not finished.
    """
    from study.config.study_file import parse_config

    if store.exists(FINISHED):
        before = parse_config(store.read_bytes(FINISHED), name=store.path(FINISHED), on_record=True)
        finished = _size(before) == _size(config)
    else:  # a study of before that was kept, so never extended
        finished = [(event.phase, event.event) for event in store.phase_events()][-1:] == [("report", "finished")]
    if not finished:
        raise StudyError(
            f"{store.location}: not finished, so there is nothing to extend yet; "
            f"`transfer-study resume {shlex.quote(store.location)}` first"
        )


def next_step(config: StudyConfig, looks: Sequence[LookEvent]) -> StudyConfig | None:
    """The study file with which a study goes on by itself; None where it is settled, at its end, or not asked to."""
    settle = config.settle
    if settle is None or not looks or not still_open(looks[-1]) or config.replicates >= settle.at_most:
        return None
    return extended(config, More(replicates=min(settle.at_most, config.replicates + settle.step)))


def settling_sentence(config: StudyConfig, looks: Sequence[LookEvent]) -> str | None:
    """What the latest look has left open, and what follows; None where the file does not say `settle`."""
    if config.settle is None or not looks:
        return None
    look, following = looks[-1], next_step(config, looks)
    seen = f"Look {len(looks)}, at {look.replicates} of at most {config.settle.at_most} replicates"
    pairs = still_open(look)
    if not pairs:
        return f"{seen}: every pair is settled."
    named = "; ".join(pairs)
    goes_on = f"going on with {following.replicates}" if following else "the study ends here all the same"
    return f"{seen}: still open: {named} (level of this look: {look.alpha:.3f}); {goes_on}."


def still_open(look: LookEvent) -> list[str]:
    """The pairs that a look left undecided, each with what was seen."""
    return [
        f"{pair.a} − {pair.b}, {points(pair.difference)} points, p {_equal_to(pair.p)}"
        for pair in look.verdicts
        if pair.is_open
    ]


def _equal_to(p: float) -> str:
    return p_value(p) if p < 0.001 else f"= {p_value(p)}"


def _fewest_runs(config: StudyConfig, replicates: int) -> int:
    """Those on record, and one for each new replicate."""
    return config.final_runs + replicates - config.replicates


def _refuse_few_runs(config: StudyConfig, runs: int | None, replicates: int) -> None:
    fewest = _fewest_runs(config, replicates)
    if runs is not None and runs < fewest:
        raise StudyError(
            f"--runs {runs}: the {config.final_runs} final runs of each approach on record count too, and each of the "
            f"{replicates - config.replicates} new replicates needs one; give {fewest} or more"
        )


def _runs(config: StudyConfig, replicates: int) -> int | None:
    """None, as in the file, where every replicate has one."""
    fewest = _fewest_runs(config, replicates)
    if config.final.runs is None:
        return None if fewest == replicates or replicates == config.replicates else fewest
    return max(fewest, ceil(config.final.runs * replicates / config.replicates))


def _size(config: StudyConfig) -> tuple[int, int, float]:
    return config.replicates, config.final_runs, config.budget.search_seconds
