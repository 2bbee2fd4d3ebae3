"""The hyperparameters of one approach's trials, in order: an Optuna sampler whose every suggestion can be repeated.

Suggestion k is drawn by a sampler seeded for k, and rests on results that k alone decides (see `Sampler`), so a resumed
study draws what it would have drawn.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping
from typing import Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from analysis.records.schema import HyperparameterValue
from study.config.approaches import ApproachConfig
from study.config.space import Choice, Distribution, space_size
from study.search.seeds import derived_seed

Params = Mapping[str, HyperparameterValue]
Configuration = frozenset[tuple[str, HyperparameterValue]]  # of which one can be looked up in a set
STARTUP_TRIALS = 10  # suggestions drawn at random before the sampler learns from results (Optuna's default for TPE)
SMALL_SPACE = 10_000  # configurations; in a larger space hardly any is drawn twice
MEMORY = 500  # results; up to twice as many, a suggestion takes Optuna 2 to 7 ms (max_trials ends most searches before)
BEST = 25  # as many results as TPE takes for good ones at most (Optuna's default)
FAILED_IN_A_ROW = 10  # a trial that fails at once charges nothing: without this the search might never end


class Sampler:
    """The hyperparameters of one approach's trials, in order.

    Suggestion k rests on the results of the trials before k - lag; on all of them up to MEMORY. As what TPE spends on a
    suggestion grows with the results it has, a long search learns from the latest MEMORY to 2 MEMORY of them, and from
    the BEST before: all that TPE takes for good ones are among these.

    Args:
        config: the space, the published configuration, the limit on the number of trials.
        seed: of all suggestions.
        lag: how many of the latest trials a suggestion does not wait for.
    """

    def __init__(self, config: ApproachConfig, *, seed: int, lag: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it would announce each study and each trial
        self._config = config
        self._seed = seed
        self._lag = lag
        self._params: list[Params] = []
        self._tried: set[Configuration] = set()
        self._values: dict[int, float | None] = {}  # by trial, in the order in which they came
        self._told = 0
        self._oldest = 0  # of the results that are learned from, but for the BEST
        self._distributions = {name: to_optuna(given) for name, given in config.varied.items()}
        self._space_size = space_size(config.varied)
        self._study = _empty_study()

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
        if self._space_size <= SMALL_SPACE and len(self._tried) >= self._space_size:
            return f"all {self._space_size:g} configurations of its space were tried"
        latest = list(itertools.islice(reversed(self._values.values()), FAILED_IN_A_ROW))
        failed = len(latest) == FAILED_IN_A_ROW and all(value is None for value in latest)
        return f"its last {FAILED_IN_A_ROW} trials failed" if failed else None

    def suggest(self) -> tuple[Params, Literal["published", "suggested"], int]:
        """Hyperparameters of the next trial, where they come from, and the number of results that were in for them."""
        if self.index == 0 and self._config.published is not None:
            origin: Literal["published", "suggested"] = "published"
            params: Params = self._config.published
        else:
            self._tell()
            origin, params = "suggested", self._untried()
        self._add(params)
        return {**self._config.constants, **params}, origin, self._told

    def remember(self, params: Params) -> None:
        """Take a trial of an earlier session as if it had just been suggested."""
        self._add({name: params[name] for name in self._distributions})

    def result(self, index: int, accuracy: float | None) -> None:
        """The validation accuracy of a trial; None for one that failed for reasons of its own."""
        self._values[index] = accuracy

    def _add(self, params: Params) -> None:
        self._params.append(params)
        if self._in_space(params):
            self._tried.add(_configuration(params))

    def _results_in(self) -> int:
        """Length of the unbroken run of trials from the first on whose results are in."""
        done = self._told
        while done in self._values:
            done += 1
        return done

    def _tell(self) -> None:
        upto = min(self._results_in(), max(self._told, self.index - self._lag))
        oldest = max(0, upto // MEMORY - 1) * MEMORY  # of `upto` alone, so that a resumed search learns from the same
        new: Iterable[int] = range(self._told, upto)
        if oldest > self._oldest:
            self._study, self._oldest = _empty_study(), oldest
            new = [*self._best(oldest), *range(oldest, upto)]
        self._told = upto
        for index in new:
            self._learn(index)

    def _best(self, before: int) -> list[int]:
        """The BEST results among the first ones, in the order of the trials."""
        known = {index: self._values[index] for index in range(before) if self._can_learn(index)}
        return sorted(heapq.nlargest(BEST, known, key=lambda index: (known[index], -index)))

    def _learn(self, index: int) -> None:
        if self._can_learn(index):
            self._study.add_trial(
                optuna.create_trial(
                    params=dict(self._params[index]), distributions=self._distributions, value=self._values[index]
                )
            )

    def _can_learn(self, index: int) -> bool:
        """Not from a trial that failed, nor from a published configuration outside the space."""
        return self._values[index] is not None and self._in_space(self._params[index])

    def _in_space(self, params: Params) -> bool:
        return all(given.holds(params[name]) for name, given in self._config.varied.items())

    def _untried(self) -> Params:
        params = self._ask()
        if _configuration(params) not in self._tried:
            return params
        untried = [given for given in grid(self._config.varied) if _configuration(given) not in self._tried]
        return untried[derived_seed(self._seed, self.index) % len(untried)] if untried else params

    def _ask(self) -> Params:
        self._study.sampler = _TPE(self._distributions, seed=derived_seed(self._seed, self.index))
        trial = self._study.ask(self._distributions)
        # The result is added as a trial of its own, in order, when suggestions may rest on it.
        self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return dict(trial.params)


class _TPE(optuna.samplers.TPESampler):  # type: ignore[misc]
    """Told the space, which Optuna's own would infer from all results again for each suggestion."""

    def __init__(self, space: Mapping[str, BaseDistribution], *, seed: int) -> None:
        super().__init__(seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True)
        self._space = {name: given for name, given in sorted(space.items()) if not given.single()}

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._space


def _empty_study() -> optuna.Study:
    return optuna.create_study(direction="maximize", storage=optuna.storages.InMemoryStorage())


def _configuration(params: Params) -> Configuration:
    return frozenset(params.items())


def to_optuna(given: Distribution) -> BaseDistribution:
    """The Optuna distribution that draws what the study file says."""
    if isinstance(given, Choice):
        return CategoricalDistribution(given.choices)
    kind = IntDistribution if given.whole else FloatDistribution
    return kind(*given.bounds, log=given.log)


def grid(varied: Mapping[str, Distribution]) -> list[Params]:
    """All configurations of a space that has so few that trying one twice would be a waste; else nothing."""
    if space_size(varied) > SMALL_SPACE:
        return []
    values = [given.values for given in varied.values()]
    return [dict(zip(varied, chosen, strict=True)) for chosen in itertools.product(*values)]
