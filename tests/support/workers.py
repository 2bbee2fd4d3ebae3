"""A worker process's trainable without the process, for the tests of the adapter to Tune."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.stand_ins import SIDE, image_task
from trainables.approach import Predictions, Probabilities
from trainables.approaches.better_cnn import BetterCNN, BetterCNNSettings
from trainables.spec import Deliver, Inputs, Slot, Supplies, TrialSpec
from trainables.trainable import ApproachTrainable

SIZE = (SIDE, SIDE)
CNN = Inputs(BetterCNN, BetterCNNSettings(image_size=SIZE), image_task())
SHORT = {"epochs": 2, "batch_size": 4}  # 6 steps an epoch
LONG = SHORT | {"epochs": 3}  # a checkpoint at 40 s, the end at 84 s
WORKED = ("event", "charged_s", "overshoot_s", "epoch", "steps", "train_loss", "valid_accuracy", "best_at_s", "done")


class Delivered(list[tuple[TrialSpec, Predictions, Probabilities]]):
    """What final runs have handed over."""

    def __call__(self, spec: TrialSpec, predictions: Predictions, probabilities: Probabilities) -> None:
        self.append((spec, predictions, probabilities))


class AtHand:
    """Supplies that are fetched from where they are; how often is counted, and `before` is called each time."""

    def __init__(self, supplies: Supplies, before: Callable[[], None] = lambda: None) -> None:
        self.supplies, self.before, self.fetched = supplies, before, 0

    def fetch(self) -> Supplies:
        self.before()
        self.fetched += 1
        return self.supplies


def start(
    config: dict[str, Any], inputs: Mapping[str, Inputs], places: dict[str, Any], deliver: Deliver | None = None
) -> ApproachTrainable:
    """A worker process's trainable, set up for its first trial."""

    return start_with(config, AtHand(Supplies(inputs, deliver)), places)


def start_with(config: dict[str, Any], here: AtHand, places: dict[str, Any]) -> ApproachTrainable:
    """The same, with supplies for all trials that do not name others."""

    class Worker(ApproachTrainable):
        def setup(self, config: dict[str, Any], *_: Any, **__: Any) -> None:
            super().setup({"supplies": here} | config, Slot(cpus=1, gpus=0.0), **places)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            return super().reset_config({"supplies": here} | new_config)

    return Worker(config)


def config_of(approach: str = "cnn", *, trial: str = "cnn-r0-0000", **changes: Any) -> dict[str, Any]:
    spec = {"trial": trial, "approach": approach, "phase": "search", "index": 0, "params": SHORT, "seed": 1}
    return spec | {"allowance_s": 1e6} | changes


def run(worker: ApproachTrainable) -> list[dict[str, Any]]:
    results = [worker.step()]
    while not results[-1]["done"]:
        results.append(worker.step())
    return results


def worked(results: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(result[name] for name in WORKED) for result in results]
