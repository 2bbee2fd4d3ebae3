"""Measure what the bundled backbone is for: digits by hand from ten examples a class, with and without transfer.

    python scripts/measure_transfer.py      (about two minutes on one CPU thread; see weights/README.md)

Every row is one configuration, chosen beforehand, over five divisions of scikit-learn's digits; nothing is searched.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from trainables.approach import Approach, Examples, Task
from trainables.approaches.better_cnn import BetterCNN, BetterCNNHyperparameters, BetterCNNSettings
from trainables.approaches.feature_svm import FeatureSVM, FeatureSVMHyperparameters, FeatureSVMSettings
from trainables.approaches.fine_tune import FineTune, FineTuneHyperparameters, FineTuneSettings
from trainables.backbones.extraction import extract
from trainables.backbones.networks import Backbone
from trainables.data.dataset import open_dataset
from trainables.data.digits import DigitsData

BUNDLED = Backbone(model="shufflenet_v2_x0_5", weights="bundled")
SIZE = (32, 32)
SEEDS = range(5)
CPU = torch.device("cpu")


def main() -> None:
    """Print one line for each configuration: accuracy on the test images, and the cost."""
    torch.set_num_threads(1)
    for epochs in (30, 60):
        show(f"BetterCNN from scratch, Adam 0.001, {epochs} epochs, batch 20", images, better_cnn(epochs))
    for epochs in (20, 40):
        show(f"fine-tuning all layers, Adam 0.001, cosine, {epochs} epochs, batch 20", images, fine_tune(epochs))
    for C in (1.0, 10.0):
        show(f"StandardScaler + SVC(C={C:g}) on frozen features", features, feature_svm(C))


def show(name: str, inputs: Callable[[int], tuple[Task, Examples]], make: Callable[[Task, int], Approach]) -> None:
    """Train and test once for each seed, which also seeds the division of the data."""
    accuracies, seconds, epochs = [], 0.0, 0
    for seed in SEEDS:
        task, test = inputs(seed)
        approach = make(task, seed)
        start = time.process_time()
        while approach.epoch < approach.epochs:
            approach.step()
        seconds, epochs = seconds + time.process_time() - start, epochs + approach.epochs
        accuracies.append(float(np.mean(approach.predict(test.inputs).labels == test.labels)))
    each = " ".join(f"{accuracy:.3f}" for accuracy in accuracies)
    cost = f"{1000 * seconds / epochs:.0f} ms of CPU time an epoch"
    print(f"{name}: {np.mean(accuracies):.3f} ({each}), {cost}", flush=True)


def images(seed: int) -> tuple[Task, Examples]:
    """Ten training images of each digit, and all others to test on: validation images too, as nothing is chosen."""
    dataset = open_dataset(DigitsData(train_per_class=10, valid_per_class=1, split_seed=seed))
    train, valid, test = (
        Examples(dataset.images(split, SIZE), dataset.splits[split].labels) for split in ("train", "valid", "test")
    )
    others = Examples(np.concatenate([valid.inputs, test.inputs]), np.concatenate([valid.labels, test.labels]))
    return Task(train=train, valid=None, classes=10), others


def features(seed: int) -> tuple[Task, Examples]:
    """The same as features of the frozen backbone."""
    task, others = images(seed)
    train, test = (extract(BUNDLED, part.inputs, device=CPU, bfloat16=False) for part in (task.train, others))
    if seed == 0:
        print(f"extracting {len(task.train) + len(others):,} images' features: {train.cost_s + test.cost_s:.2f} s")
    return Task(Examples(train.values, task.train.labels), None, 10), Examples(test.values, others.labels)


def better_cnn(epochs: int) -> Callable[[Task, int], Approach]:
    """From scratch, as published but for the number of epochs and smaller batches."""
    chosen = BetterCNNHyperparameters(lr=1e-3, epochs=epochs, batch_size=20)
    settings = BetterCNNSettings(image_size=SIZE)
    return lambda task, seed: BetterCNN(task, settings, chosen, seed=seed, device=CPU)


def fine_tune(epochs: int) -> Callable[[Task, int], Approach]:
    """All layers of the bundled backbone."""
    chosen = FineTuneHyperparameters(lr=1e-3, epochs=epochs, batch_size=20, schedule="cosine")
    settings = FineTuneSettings(image_size=SIZE, backbone=BUNDLED, frozen="none")
    return lambda task, seed: FineTune(task, settings, chosen, seed=seed, device=CPU)


def feature_svm(C: float) -> Callable[[Task, int], Approach]:
    """A support vector machine on frozen features."""
    chosen = FeatureSVMHyperparameters(C=C, scaling=True)
    settings = FeatureSVMSettings(image_size=SIZE, backbone=BUNDLED)
    return lambda task, seed: FeatureSVM(task, settings, chosen, seed=seed, device=CPU)


if __name__ == "__main__":
    main()
