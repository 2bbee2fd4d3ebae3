"""Ray Tune's part in a search, played by an event queue and a fake clock, with trials that only pretend to train."""

from __future__ import annotations

import heapq
import random
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ray.tune.search import Searcher

from analysis.records.schema import BudgetSettings, TrialEvent
from study.config.approaches import ApproachConfig
from study.search.ledger import Ledger, open_ledger
from study.search.turns import EqualTimeTurns
from study.tune.searcher import TurnSearcher

Params = Mapping[str, Any]
Config = Mapping[str, Any]


@dataclass
class Search:
    """What a simulated search left."""

    events: list[TrialEvent]
    ledger: Ledger
    turns: EqualTimeTurns

    @property
    def started(self) -> list[TrialEvent]:
        return [event for event in self.events if event.event == "started"]

    def suggestions(self, approach: str) -> list[Params]:
        """The hyperparameters of one approach's trials, by the number of the trial."""
        return [event.params or {} for event in self._of(approach)]

    def conditioned_on(self, approach: str) -> list[int | None]:
        return [event.conditioned_on for event in self._of(approach)]

    def charged(self) -> dict[str, float]:
        """Charged seconds per approach, from the events."""
        last = {event.trial: event for event in self.events}
        charged: dict[str, float] = defaultdict(float)
        for event in last.values():
            charged[event.approach] += event.charged_s
        return dict(charged)

    def _of(self, approach: str) -> list[TrialEvent]:
        return sorted((event for event in self.started if event.approach == approach), key=lambda event: event.index)


def pace(seed: int, shortest_s: float = 0.5, longest_s: float = 40.0) -> Callable[[Config], float]:
    """How long each trial would like to train: anything, but always the same for the same trial."""
    return lambda config: random.Random(repr((seed, config["trial"]))).uniform(shortest_s, longest_s)


def accuracy(params: Params) -> float:
    """A smooth function of the hyperparameters, so that the sampler has something to learn."""
    return 1 / (1 + sum(abs(float(value) - 0.3) for value in params.values() if not isinstance(value, str)))


def search(
    approaches: Mapping[str, ApproachConfig],
    *,
    slots: int = 1,
    seed: int = 0,
    replicates: int = 1,
    budget_s: float = 300.0,
    trial_s: float = 20.0,
    owed_s: Mapping[str, float] | None = None,
    duration: Callable[[Config], float] | None = None,
    accuracy_of: Callable[[Params], float | None] = accuracy,
    earlier: list[TrialEvent] | None = None,
    stop_after: int | None = None,
) -> Search:
    """Simulate a search to its end, or until so many trials have ended, as if the driver had been killed then.

    Args:
        owed_s: seconds that frozen features cost each approach.
        duration: seconds that the trial with this configuration would train, if it were allowed to.
        accuracy_of: what hyperparameters lead to; None is a trial that fails.
        earlier: the records of an earlier session.
    """
    budget = BudgetSettings(search_seconds=budget_s, trial_seconds=trial_s)
    ledger = open_ledger(approaches, replicates, budget, owed_s or {})
    turns = EqualTimeTurns(approaches, ledger, seed, slots)
    events = list(earlier or [])
    turns.resume(list(events))
    searcher = TurnSearcher(turns, slots=lambda: slots, listeners=[events.append], earlier=list(events))
    _run(searcher, slots, duration or pace(0), accuracy_of, stop_after)
    return Search(events, ledger, turns)


def _run(
    searcher: TurnSearcher,
    slots: int,
    duration: Callable[[Config], float],
    accuracy_of: Callable[[Params], float | None],
    stop_after: int | None,
) -> None:
    waiting: deque[tuple[str, Config]] = deque()
    running: list[tuple[float, str, Config]] = []
    now, asked, ended, finished = 0.0, 0, 0, False
    while ended != stop_after:
        while not finished and (suggested := searcher.suggest(f"{asked:05d}")) is not None:
            if isinstance(suggested, str):
                assert suggested == Searcher.FINISHED
                finished = True
            else:
                waiting.append((f"{asked:05d}", suggested))
            asked += 1
        while waiting and len(running) < slots:
            name, config = waiting.popleft()
            heapq.heappush(running, (now + min(duration(config), config["allowance_s"]), name, config))
        if not running:
            assert finished, "nothing runs, and the search has not ended"
            return
        now, name, config = heapq.heappop(running)
        searcher.on_trial_complete(name, _result(config, duration(config), accuracy_of(config["params"])))
        ended += 1


def _result(config: Config, wanted_s: float, reached: float | None) -> dict[str, Any]:
    cut = wanted_s > config["allowance_s"]
    return {
        "event": "failed" if reached is None else "cut" if cut else "finished",
        "charged_s": min(wanted_s, config["allowance_s"]),
        "best_accuracy": reached,
        "resumed_at_s": config["precharged_s"],
    }
