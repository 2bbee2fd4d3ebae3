"""Who gets the next trial, and with which hyperparameters: one Optuna sampler per approach, turns by the ledger.

Knows nothing of Ray. The same study file and seed give every approach the same sequence of hyperparameters, whatever
trial happens to end first: suggestion k is drawn by a sampler seeded for k that has seen exactly the results of the
trials before k - lag. Where one of those still runs, the turn goes to another approach; only when nobody else could use
the slot does the sampler go on with what it has (`conditioned_on` in the records says how much that was).
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from analysis.records import HyperparameterValue, TrialEvent
from study.budget import Account, Ledger
from study.config import ApproachConfig, Distribution

optuna.logging.set_verbosity(optuna.logging.WARNING)

Params = Mapping[str, HyperparameterValue]
STARTUP_TRIALS = 10  # suggestions drawn at random before the sampler learns from results (Optuna's default for TPE)
SMALL_SPACE = 10_000  # configurations; in a larger space hardly any is drawn twice
FAILED_IN_A_ROW = 10  # a trial that fails at once charges nothing: without this the search might never end


@dataclass(frozen=True)
class Turn:
    """One trial or final run to start. Attributes as in TrialEvent."""

    trial: str
    account: Account
    phase: Literal["search", "final"]
    index: int
    seed: int
    params: Params
    origin: Literal["published", "suggested", "incumbent"]
    allowance_s: float
    precharged_s: float = 0.0
    conditioned_on: int | None = None


class Sampler:
    """The hyperparameters of one approach's trials, in order.

    Args:
        config: the space, the published configuration, the limit on the number of trials.
        seed: of all suggestions.
        lag: how many of the latest trials a suggestion does not wait for.
    """

    def __init__(self, config: ApproachConfig, *, seed: int, lag: int) -> None:
        self._config = config
        self._seed = seed
        self._lag = lag
        self._params: list[Params] = []
        self._values: dict[int, float | None] = {}
        self._told = 0
        self._distributions = {name: to_optuna(given) for name, given in config.varied.items()}
        self._study = optuna.create_study(direction="maximize", storage=optuna.storages.InMemoryStorage())

    @property
    def index(self) -> int:
        """Number of the next trial."""
        return len(self._params)

    @property
    def ready(self) -> bool:
        """Whether the results that the next suggestion waits for are in."""
        return self._results_in() >= self.index - self._lag

    @property
    def exhausted(self) -> str | None:
        """Why there is no further configuration, or None while there is one."""
        if self.index >= self._config.max_trials:
            return f"max_trials: {self._config.max_trials}"
        size = space_size(self._config.varied)
        if size <= SMALL_SPACE and sum(map(self._in_space, self._params)) >= size:
            return f"all {size:g} configurations of its space were tried"
        latest = [self._values[index] for index in sorted(self._values)[-FAILED_IN_A_ROW:]]
        failed = len(latest) == FAILED_IN_A_ROW and all(value is None for value in latest)
        return f"its last {FAILED_IN_A_ROW} trials failed" if failed else None

    def suggest(self) -> tuple[Params, Literal["published", "suggested"], int]:
        """Hyperparameters of the next trial, where they come from, and the number of results they rest on."""
        if self.index == 0 and self._config.published is not None:
            origin: Literal["published", "suggested"] = "published"
            params: Params = self._config.published
        else:
            self._tell()
            origin, params = "suggested", self._untried()
        self._params.append(params)
        return {**self._config.constants, **params}, origin, self._told

    def remember(self, params: Params) -> None:
        """Take a trial of an earlier session as if it had just been suggested."""
        self._params.append({name: params[name] for name in self._distributions})

    def result(self, index: int, accuracy: float | None) -> None:
        """The validation accuracy of a trial; None for one that failed for reasons of its own."""
        self._values[index] = accuracy

    def _results_in(self) -> int:
        """Length of the unbroken run of trials from the first on whose results are in."""
        done = self._told
        while done in self._values:
            done += 1
        return done

    def _tell(self) -> None:
        upto = min(self._results_in(), max(self._told, self.index - self._lag))
        for index in range(self._told, upto):
            value = self._values[index]
            if value is not None and self._in_space(self._params[index]):
                trial = optuna.create_trial(
                    params=dict(self._params[index]), distributions=self._distributions, value=value
                )
                self._study.add_trial(trial)
        self._told = upto

    def _in_space(self, params: Params) -> bool:
        return all(given.holds(params[name]) for name, given in self._config.varied.items())

    def _untried(self) -> Params:
        params = self._ask()
        if params not in self._params:
            return params
        untried = [given for given in grid(self._config.varied) if given not in self._params]
        return untried[derived_seed(self._seed, self.index) % len(untried)] if untried else params

    def _ask(self) -> Params:
        self._study.sampler = optuna.samplers.TPESampler(
            seed=derived_seed(self._seed, self.index), n_startup_trials=STARTUP_TRIALS, multivariate=True
        )
        trial = self._study.ask(self._distributions)
        # The result is added as a trial of its own, in order, when suggestions may rest on it.
        self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return dict(trial.params)


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
        self._samplers[turn.account].result(turn.index, value_of(event))
        self._note_exhaustion(turn.account)

    def resume(self, events: list[TrialEvent]) -> None:
        """Take over what an earlier session left: finished trials count, interrupted ones go on first."""
        last = {event.trial: event for event in sorted(events, key=lambda event: event.order)}
        started = [event for event in events if event.event == "started" and event.phase == "search"]
        for first in sorted(started, key=lambda event: event.index):
            account = Account(first.approach, first.replicate)
            self._samplers[account].remember(first.params or {})
            end = last[first.trial]
            if end.event in ("finished", "cut", "diverged", "failed"):
                self.ledger.charge(account, end.charged_s)
                self._samplers[account].result(first.index, value_of(end))
            else:
                self.ledger.hold(account, first.trial, first.allowance_s)
                self._interrupted.append(turn_of(first, precharged_s=self.precharged_s.get(first.approach, 0.0)))
        self._interrupted.sort(key=lambda turn: (turn.index, turn.account))
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
        return Turn(
            trial=trial,
            account=account,
            phase="search",
            index=index,
            seed=derived_seed(self.seed, account.approach, account.replicate, index),
            params=params,
            origin=origin,
            allowance_s=self.ledger.reserve(account, trial),
            precharged_s=self.precharged_s.get(account.approach, 0.0),
            conditioned_on=conditioned_on,
        )

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
    return Turn(
        trial=started.trial,
        account=Account(started.approach, started.replicate),
        phase=started.phase,
        index=started.index,
        seed=started.seed,
        params=started.params or {},
        origin=started.origin,
        allowance_s=started.allowance_s,
        precharged_s=precharged_s,
        conditioned_on=started.conditioned_on,
    )


def value_of(event: TrialEvent) -> float | None:
    """What the sampler learns from a trial: its best accuracy, 0 if it reached none, nothing if it failed."""
    if event.event == "failed":
        return None
    return event.best_accuracy or 0.0


def to_optuna(given: Distribution) -> BaseDistribution:
    """The Optuna distribution that draws what the study file says."""
    if given.kind == "categorical":
        return CategoricalDistribution(given.choices)
    log = given.kind.startswith("log")
    if given.kind.endswith("int"):
        return IntDistribution(int(given.low), int(given.high), log=log)
    return FloatDistribution(given.low, given.high, log=log)


def space_size(varied: Mapping[str, Distribution]) -> float:
    """Number of configurations of a space; infinite where a range is continuous."""
    return math.prod(given.size for given in varied.values())


def grid(varied: Mapping[str, Distribution]) -> list[Params]:
    """All configurations of a space that has so few that trying one twice would be a waste; else nothing."""
    if space_size(varied) > SMALL_SPACE:
        return []
    values = [given.examples if given.kind == "categorical" else given.whole_numbers for given in varied.values()]
    return [dict(zip(varied, chosen, strict=True)) for chosen in itertools.product(*values)]


def derived_seed(*parts: object) -> int:
    """A seed in [0, 2^31) from any names and numbers; the same on every machine."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
