"""All rules on one study. Every rule is asked, whatever the others find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.checking.accounts import accounts_are_within_the_budget, features_are_charged
from analysis.checking.configurations import configurations_are_in_the_spaces, final_runs_are_of_incumbents
from analysis.checking.files import files_are_unchanged, files_are_whole, study_file_is_the_finished_one
from analysis.checking.final_runs import predictions_are_those_on_record
from analysis.checking.findings import Checked
from analysis.checking.order import looks_are_in_order, phases_are_in_order
from analysis.checking.reading import Plain, read_plain
from analysis.checking.report import report_says_the_same, reports_can_read_it
from analysis.checking.trials import records_are_in_order, seconds_are_possible, trials_start_and_end_once
from analysis.numbers import counted
from analysis.records.reading import existing_study

RULES: tuple[Callable[[Plain], Checked], ...] = (
    files_are_whole,
    files_are_unchanged,
    study_file_is_the_finished_one,
    records_are_in_order,
    trials_start_and_end_once,
    seconds_are_possible,
    accounts_are_within_the_budget,
    features_are_charged,
    configurations_are_in_the_spaces,
    final_runs_are_of_incumbents,
    predictions_are_those_on_record,
    phases_are_in_order,
    looks_are_in_order,
    report_says_the_same,
)
SHOWN = 20  # findings


@dataclass(frozen=True)
class Verdict:
    """What all rules say of a study."""

    rules: tuple[Checked, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Of all rules, each once."""
        return tuple(dict.fromkeys(finding for rule in self.rules for finding in rule.findings))

    @property
    def sound(self) -> bool:
        return not self.findings

    @property
    def lines(self) -> list[str]:
        """One line a rule, then the findings, at most SHOWN of them, then the verdict."""
        return [*map(_line, self.rules), *_shown(self.findings), _end(len(self.findings))]


def check_study(location: str) -> Verdict:
    """Check a study, finished or not, on a disk or in an object store; nothing in it is executed or written.

    Raises:
        RecordsError: it is no study, or cannot be reached.
    """
    store = existing_study(location)
    plain = read_plain(store)
    return Verdict((*(rule(plain) for rule in RULES), reports_can_read_it(store.location)))


def _line(rule: Checked) -> str:
    verdict = f"{len(rule.findings):,} FOUND" if rule.findings else "sound" if rule.count else "-"
    many = f"{rule.unit}es" if rule.unit.endswith("ch") else None
    return f"{verdict:>9}  {rule.rule}: {counted(rule.count, rule.unit, many)}"


def _shown(findings: Sequence[str]) -> list[str]:
    more = len(findings) - SHOWN
    return [*findings[:SHOWN], *([f"and {more:,} more"] if more > 0 else [])]


def _end(findings: int) -> str:
    return "sound" if not findings else "1 finding" if findings == 1 else f"{findings:,} findings"
