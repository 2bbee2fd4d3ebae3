"""What is wrong with a study, said as soon as it is evident: during the search, while it can still be stopped.

Counts and tests nothing itself: analysis/search/health.py does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pandas as pd

from analysis.predictions.outcomes import read_outcomes
from analysis.records.errors import RecordsError
from analysis.records.reading import StudyRecords
from analysis.records.schema import ENDINGS, TrialEvent
from analysis.records.trials import trial_table
from analysis.search.health import (
    EVIDENT_AFTER,
    Budgets,
    Finding,
    prediction_findings,
    search_findings,
    study_findings,
)
from study.search.ledger import Account, Ledger

STOPPING = "Ctrl-C stops the study and keeps what is on record"


class Watch:
    """Follows the trials of one search. Each kind of finding is said once of an approach.

    Args:
        ledger: knows the approaches and the budgets.
        said: approaches and kinds of what was said in earlier searches; what is said in this one is added.
    """

    def __init__(self, ledger: Ledger, said: set[tuple[str, str]] | None = None) -> None:
        self._approaches = list(dict.fromkeys(account.approach for account in ledger.accounts))
        replicates = len({account.replicate for account in ledger.accounts})
        self._budgets = Budgets(search_s=ledger.budget_s, trial_s=ledger.trial_s, replicates=replicates)
        self._events: dict[str, list[TrialEvent]] = defaultdict(list)  # by approach, how trials began and ended
        self._ended: dict[str, int] = defaultdict(int)
        self._said = set() if said is None else said

    def see(self, event: TrialEvent) -> list[str]:
        """Take note of an event of the search; the lines to say now that it has come."""
        if event.event != "started" and event.event not in ENDINGS:
            return []
        self._events[event.approach].append(event)
        self._ended[event.approach] += event.event in ENDINGS
        # Looked at after 5, 10, 20 ... trials: a search of milliseconds has thousands, and a look takes some of these.
        looks = self._ended[event.approach] / EVIDENT_AFTER
        if event.event not in ENDINGS or looks < 1 or not looks.is_integer() or int(looks) & (int(looks) - 1):
            return []
        return [f"{line}. {STOPPING}" for line in self._lines([event.approach], {}, over=False)]

    def end(self, exhausted: Mapping[Account, str]) -> list[str]:
        """The lines to say when the search is over."""
        reasons = {(account.approach, account.replicate): why for account, why in exhausted.items()}
        return self._lines(self._approaches, reasons, over=True)

    def _lines(self, approaches: list[str], exhausted: Mapping[tuple[str, int], str], *, over: bool) -> list[str]:
        events = [event.model_dump() for name in approaches for event in self._events[name]]
        trials = trial_table(pd.DataFrame(events, columns=list(TrialEvent.model_fields)))
        found = search_findings(trials, approaches, self._budgets, exhausted=exhausted, over=over)
        new = [finding for finding in found if (finding.approach, finding.kind) not in self._said]
        self._said |= {(finding.approach, finding.kind) for finding in new}
        return [sentence(finding) for finding in new]


def sentence(finding: Finding) -> str:
    """One line on one finding: who, what was seen, what to do."""
    return f"warning: {finding.sentence}"


def findings(records: StudyRecords, trials: pd.DataFrame) -> tuple[Finding, ...]:
    """All findings on a study that runs or has ended; `trials` is records.trials.trial_table of its events."""
    return (*study_findings(records, trials), *_on_predictions(records))


def _on_predictions(records: StudyRecords) -> tuple[Finding, ...]:
    if records.predictions.empty:
        return ()
    try:
        outcomes = read_outcomes(records.predictions, grouped=False)
    except RecordsError:  # what is wrong with them is the report's to say
        return ()
    predicted = {name: runs.predicted for name, runs in outcomes.runs.items()}
    return prediction_findings(outcomes.labels, predicted, classes=records.data.classes if records.data else None)
