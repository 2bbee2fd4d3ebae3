"""How long a slot stands idle between two trials: with reused worker processes, and with a new process for each.

    python benchmarks/trial_start.py        (about two minutes)

Real trials through the real searcher and Ray Tune: an SVM on random features, which trains for milliseconds. What is
printed per trial is the time from the end of the trial before it in the same slot to the moment it begins.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass

import numpy as np

from analysis.records.schema import ENDINGS, TrialEvent
from analysis.records.storage import Storage
from study.cluster.connection import connected
from study.cluster.nodes import nodes, slots_of
from study.search.turns import ListedTurns, Turn
from study.tune.searcher import TurnSearcher, run_trials
from study.tune.supply import Supply
from trainables.approach import Examples, Task
from trainables.approaches.feature_svm import FeatureSVM, FeatureSVMSettings
from trainables.backbones.networks import Backbone
from trainables.spec import Inputs, Slot, Supplies, TrialSpec

SLOT = Slot(cpus=1, gpus=0)


@dataclass(frozen=True)
class Gaps:
    """Seconds a slot stood idle before each trial but the first of every slot, and before those first ones."""

    later_s: np.ndarray
    first_s: np.ndarray


def main() -> None:
    with connected(None):
        reused = measure(trials=100, reuse_actors=True)
        fresh = measure(trials=10, reuse_actors=False)
    print(f"the first trial of each slot starts after  {np.median(reused.first_s):6.3f} s (median)")
    print(f"later trials, processes reused             {_row(reused.later_s)}")
    print(f"later trials, a new process for each       {_row(fresh.later_s)}")
    print(f"a new process takes {np.median(fresh.later_s) / np.median(reused.later_s):.0f} times as long (medians)")


def measure(*, trials: int, reuse_actors: bool) -> Gaps:
    """Run trials on all slots of this machine and read the gaps between them from their events."""
    ended: list[TrialEvent] = []
    started: list[float] = []

    def listen(event: TrialEvent) -> None:
        if event.event == "started":
            started.append(event.time)
        elif event.event in ENDINGS:
            ended.append(event)

    slots = slots_of(nodes(), SLOT)
    supplied = Supply(lambda phase: Supplies({"svm": inputs()})).of_phase
    searcher = TurnSearcher(ListedTurns(turns(trials)), slots=lambda: slots, listeners=[listen], supplied=supplied)
    with tempfile.TemporaryDirectory() as folder:
        run_trials(searcher, SLOT, checkpoints=Storage(folder), reuse_actors=reuse_actors)
    return gaps(ended, min(started), slots)


def gaps(ended: list[TrialEvent], beginning: float, slots: int) -> Gaps:
    """The idle times, from when trials ended and how long they had worked.

    Slots are told apart by order: the trial that begins next takes the slot that became free first.
    """
    ends = sorted(event.time for event in ended)
    begins = sorted(event.time - event.charged_s - event.uncharged_s for event in ended)
    free = [beginning] * slots + ends
    idle = np.maximum(0.0, np.array(begins) - np.array(free[: len(begins)]))
    return Gaps(later_s=idle[slots:], first_s=idle[:slots])


def turns(trials: int) -> list[Turn]:
    """So many small trials of the SVM."""
    return [
        Turn(
            spec=TrialSpec(
                trial=f"svm-{index:04d}",
                approach="svm",
                phase="search",
                index=index,
                params={"C": 1.0 + index},
                seed=index,
                allowance_s=60.0,
            ),
            origin="suggested",
        )
        for index in range(trials)
    ]


def inputs() -> Inputs:
    """Random features of 200 images in ten classes."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 20)
    examples = Examples(rng.normal(size=(200, 64)).astype(np.float32) + labels[:, None], labels)
    settings = FeatureSVMSettings(image_size=(32, 32), backbone=Backbone(model="resnet18", weights=None))
    return Inputs(FeatureSVM, settings, Task(examples, examples, 10))


def _row(seconds: np.ndarray) -> str:
    middle, high = np.median(seconds), np.quantile(seconds, 0.95)
    return f"{middle:6.3f} s (median), {high:.3f} s (95th percentile), {seconds.max():.3f} s (longest)"


if __name__ == "__main__":
    main()
