"""The trial that every engine runs: BetterCNN on 200 digits of 30 x 100 pixels, 200 more to validate on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

import torch

from trainables.approach import Examples, Task
from trainables.approaches.better_cnn import BetterCNN, BetterCNNSettings
from trainables.clock import clock_for
from trainables.data.dataset import open_dataset
from trainables.data.digits import DigitsData
from trainables.data.splits import Split
from trainables.driver import Driver

SLOTS = 2
SIZE = (30, 100)
PER_CLASS = 20
LR = (1e-4, 1e-2)
EPOCHS = tuple(map(int, os.environ.get("BENCHMARK_EPOCHS", "4 7").split()))  # 2 to 4 s where 310 images are one second
BATCH_SIZES = (16, 32, 128)
RESULT = "result"
MOST = int(os.environ.get("BENCHMARK_RESULTS", "0"))  # after so many the process ends; 0: it goes on until interrupted
_told: list[float] = []


def task() -> Task:
    """Images to train and validate on."""
    dataset = open_dataset(DigitsData(train_per_class=PER_CLASS, valid_per_class=PER_CLASS))
    splits: tuple[Split, Split] = ("train", "valid")
    train, valid = (Examples(dataset.images(split, SIZE), dataset.splits[split].labels) for split in splits)
    return Task(train, valid, len(dataset.classes))


def accuracies(task: Task, params: Mapping[str, float | int]) -> Iterator[float]:
    """The best validation accuracy so far, after every validation of one trial."""
    torch.set_num_threads(1)
    settings = BetterCNNSettings(image_size=SIZE, precision="float32")
    hyperparameters = BetterCNN.hyperparameters_type.model_validate(dict(params))
    device = torch.device("cpu")
    approach = BetterCNN(task, settings, hyperparameters, seed=0, device=device)
    driver = Driver(approach, task.valid, allowance_s=60, clock=clock_for(device))
    while True:
        report = driver.advance()
        yield report.best_accuracy or 0.0
        if report.done:
            return


def tell(seconds: float) -> None:
    """Say that a trial has ended now, and how long it took."""
    _told.append(seconds)
    print(RESULT, time.time(), seconds, flush=True)
    if len(_told) == MOST:
        os._exit(0)  # at once, whatever other threads are about
