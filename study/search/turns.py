"""Who gets the next trial, and with which hyperparameters: one Optuna sampler per approach, turns by the ledger.

Knows nothing of Ray. The same study file, seed and number of slots at the beginning give every approach the same
sequence of hyperparameters, whatever trial happens to end first: suggestion k is drawn by a sampler seeded for k that
has seen exactly the results of the trials before k - lag. Where one of those still runs, the turn goes to another
approach; only when nobody else could use the slot does the sampler go on with what it has (`conditioned_on` in the
records says how much that was).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from analysis.records.schema import ENDINGS, TrialEvent
from study.config.approaches import ApproachConfig
from study.search.ledger import Account, Ledger
from study.search.sampler import Sampler
from study.search.seeds import derived_seed
from trainables.spec import TrialSpec


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One trial or final run to start: what its process is told, and what only the records say.

    Attributes as in TrialEvent.
    """

    spec: TrialSpec
    origin: Literal["published", "suggested", "incumbent"]
    conditioned_on: int | None = None

    @property
    def trial(self) -> str:
        """Its name."""
        return self.spec.trial

    @property
    def replicate(self) -> int:
        """Which repetition of the search it belongs to."""
        return self.spec.replicate

    @property
    def account(self) -> Account:
        """Whose seconds it spends."""
        return Account(self.spec.approach, self.spec.replicate)

    @property
    def identity(self) -> dict[str, Any]:
        """What all its events repeat: the fields of TrialEvent that say which trial it is."""
        told = asdict(self.spec)
        shared = told.keys() & TrialEvent.model_fields.keys() - {"params"}  # only its first event has those
        return {name: told[name] for name in shared}


@dataclass
class EqualTimeTurns:
    """The search: turns for all approaches until every account is spent or has run out of configurations.

    Args:
        approaches: by name.
        ledger: one account per approach and replicate.
        seed: of the study.
        slots: how many trials run at once.
        precharged_s: seconds of each trial's allowance that its features cost (`feature_cost: every_trial`).
    """

    approaches: Mapping[str, ApproachConfig]
    ledger: Ledger
    seed: int
    slots: int
    precharged_s: Mapping[str, float] = field(default_factory=dict)
    exhausted: dict[Account, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._samplers = {
            account: Sampler(
                self.approaches[account.approach],
                seed=derived_seed(self.seed, "sampler", account.approach, account.replicate),
                lag=math.ceil(self.slots / len(self.ledger.accounts)),
            )
            for account in self.ledger.accounts
        }
        self._running: dict[str, Turn] = {}
        self._interrupted: list[Turn] = []

    @property
    def finished(self) -> bool:
        """Whether no trial runs and none will."""
        return not self._running and not self._interrupted and not self._candidates()

    def next(self) -> Turn | None:
        """The next trial to start; None if there is none just now."""
        if self._interrupted:
            turn = self._interrupted.pop(0)
        else:
            account = self._next_account()
            if account is None:
                return None
            turn = self._start(account)
        self._running[turn.trial] = turn
        return turn

    def ended(self, trial: str, event: TrialEvent) -> None:
        """Settle a trial with its last event."""
        turn = self._running.pop(trial)
        self.ledger.settle(trial, event.charged_s)
        self._samplers[turn.account].result(turn.spec.index, value_of(event))
        self._note_exhaustion(turn.account)

    def resume(self, events: list[TrialEvent]) -> None:
        """Take over what an earlier session left: finished trials count, interrupted ones go on first."""
        last = {event.trial: event for event in sorted(events, key=lambda event: event.order)}
        started = [event for event in events if event.event == "started" and event.phase == "search"]
        ended: list[TrialEvent] = []
        for first in sorted(started, key=lambda event: event.index):
            account = Account(first.approach, first.replicate)
            self._samplers[account].remember(first.params or {})
            end = last[first.trial]
            if end.event in ENDINGS:
                self.ledger.charge(account, end.charged_s)
                ended.append(end)
            else:
                self.ledger.hold(account, first.trial, first.allowance_s)
                self._interrupted.append(turn_of(first, precharged_s=self.precharged_s.get(first.approach, 0.0)))
        self._interrupted.sort(key=lambda turn: (turn.spec.index, turn.account))
        for end in sorted(ended, key=lambda event: event.time):
            self._samplers[Account(end.approach, end.replicate)].result(end.index, value_of(end))
        for account in self.ledger.accounts:
            self._note_exhaustion(account)

    def _candidates(self) -> list[Account]:
        return [
            account
            for account in self.ledger.accounts
            if self._samplers[account].exhausted is None
            and self.ledger.can_start(account)
            and self.ledger.left_s(account) > self.precharged_s.get(account.approach, 0.0)
        ]

    def _next_account(self) -> Account | None:
        candidates = self._candidates()
        ready = [account for account in candidates if self._samplers[account].ready]
        return self.ledger.next_turn(ready) or self.ledger.next_turn(candidates)

    def _start(self, account: Account) -> Turn:
        sampler = self._samplers[account]
        index = sampler.index
        trial = f"{account.approach}-r{account.replicate}-{index:04d}"
        params, origin, conditioned_on = sampler.suggest()
        spec = TrialSpec(
            trial=trial,
            approach=account.approach,
            phase="search",
            replicate=account.replicate,
            index=index,
            params=params,
            seed=derived_seed(self.seed, account.approach, account.replicate, index),
            allowance_s=self.ledger.reserve(account, trial),
            precharged_s=self.precharged_s.get(account.approach, 0.0),
        )
        return Turn(spec=spec, origin=origin, conditioned_on=conditioned_on)

    def _note_exhaustion(self, account: Account) -> None:
        reason = self._samplers[account].exhausted
        if reason is not None and not self.ledger.running(account) and self.ledger.can_start(account):
            self.exhausted.setdefault(account, reason)


class ListedTurns:
    """The final runs: a given list, each started once, with no budget to share."""

    def __init__(self, turns: list[Turn]) -> None:
        self._waiting = list(turns)
        self._running: set[str] = set()

    @property
    def finished(self) -> bool:
        """Whether no run is going and none waits."""
        return not self._waiting and not self._running

    def next(self) -> Turn | None:
        """The next run to start; None when all have been started."""
        if not self._waiting:
            return None
        turn = self._waiting.pop(0)
        self._running.add(turn.trial)
        return turn

    def ended(self, trial: str, event: TrialEvent) -> None:
        """Note that a run has ended."""
        self._running.discard(trial)


def turn_of(started: TrialEvent, *, precharged_s: float = 0.0) -> Turn:
    """The turn that a `started` event recorded, to be taken again."""
    assert started.origin is not None
    told = started.model_dump(include={field.name for field in fields(TrialSpec)})
    spec = TrialSpec(**told | {"params": started.params or {}, "precharged_s": precharged_s})
    return Turn(spec=spec, origin=started.origin, conditioned_on=started.conditioned_on)


def value_of(event: TrialEvent) -> float | None:
    """What the sampler learns from a trial: its best accuracy, 0 if it reached none, nothing if it failed."""
    if event.event == "failed":
        return None
    return event.best_accuracy or 0.0
