"""Training by Adam, one step for all networks: schedule, mixed precision, exact continuation."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the customary name

from trainables.approach import Approach, Examples, Hyperparameters, Predictions, Step
from trainables.batches import Batches, in_batches
from trainables.errors import is_out_of_memory

BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class TrainingHyperparameters(Hyperparameters):
    """Hyperparameters of whatever is trained by Adam.

    Attributes:
        lr: the learning rate at the start of the schedule.
        epochs: length of the learning-rate schedule; training ends with it.
        batch_size: images per step.
        weight_decay: of Adam (added to the gradient) or AdamW (decoupled).
        optimizer: `adam` (Kingma & Ba 2015) or `adamw` (Loshchilov & Hutter 2019).
        schedule: `constant`, or `cosine` down to zero over `epochs` (Loshchilov & Hutter 2017).
    """

    lr: float = Field(1e-3, gt=0, le=10)
    epochs: int = Field(10, ge=1)
    batch_size: int = Field(128, ge=1)
    weight_decay: float = Field(0.0, ge=0)
    optimizer: Literal["adam", "adamw"] = "adam"
    schedule: Literal["constant", "cosine"] = "constant"


class Training:
    """A network, its optimizer and its place in the training data.

    Args:
        network: float input to (B, C) logits.
        train: what to train on.
        hyperparameters: learning rate, epochs, batch size and so on.
        prepare: turns a batch of inputs as stored into the network's input; (B, H, W, 3) uint8 to (B, 3, H, W) float.
        augment: changes a stored batch at random, or None.
        seed: of the order of the examples, augmentation and dropout.
        bfloat16: compute in bfloat16 where the operation allows it (autocast); parameters stay float32.
    """

    def __init__(
        self,
        network: nn.Module,
        train: Examples,
        hyperparameters: TrainingHyperparameters,
        *,
        prepare: Callable[[Tensor], Tensor],
        augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
        seed: int,
        device: torch.device,
        bfloat16: bool,
    ) -> None:
        torch.manual_seed(seed)  # dropout draws from the global generators
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.train = train
        self.hyperparameters = hyperparameters
        self.device = device
        self._inputs = Batches(train.inputs, device)
        self._labels = torch.tensor(train.labels, device=device)
        self._prepare, self._augment = prepare, augment
        self._generator = torch.Generator().manual_seed(seed)
        self._bfloat16 = bfloat16
        self._order = self._shuffled()
        self._step = 0
        self._micro_batch: int | None = None  # images at a time, where a batch did not fit the memory
        # A lone last example joins the batch before it: batch norm cannot learn from one.
        self.steps_per_epoch = max(1, math.ceil((len(train) - 1) / hyperparameters.batch_size))
        trainable = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        kind = torch.optim.AdamW if hyperparameters.optimizer == "adamw" else torch.optim.Adam
        self.optimizer = kind(trainable, lr=hyperparameters.lr, weight_decay=hyperparameters.weight_decay)

    @property
    def epoch(self) -> float:
        """Epochs trained; whole when an epoch has just ended."""
        return self._step / self.steps_per_epoch

    def lr(self) -> float:
        """The learning rate of the next step."""
        if self.hyperparameters.schedule == "constant":
            return self.hyperparameters.lr
        done = self._step / (self.steps_per_epoch * self.hyperparameters.epochs)
        return 0.5 * self.hyperparameters.lr * (1 + math.cos(math.pi * done))

    def step(self) -> Step:
        """Train on the next batch."""
        at = self._step % self.steps_per_epoch
        if at == 0 and self._step > 0:
            self._order = self._shuffled()
        size = self.hyperparameters.batch_size
        end = None if at + 1 == self.steps_per_epoch else (at + 1) * size
        chosen = self._order[at * size : end]  # (B,)
        lr = self.lr()
        loss, accuracy = self._update(chosen, lr)
        self._step += 1
        return Step(loss=loss, accuracy=accuracy, lr=lr, examples=len(chosen), micro_batch=self._micro_batch)

    def predict(self, inputs: np.ndarray) -> Predictions:
        """Class probabilities by softmax, and the most probable class, for inputs as they are stored."""
        self.network.eval()
        batches = Batches(inputs, self.device)

        def probabilities(start: int, stop: int) -> Tensor:
            batch = self._prepare(batches[torch.arange(start, stop)])
            with self._autocast():
                logits = self.network(batch)
            return F.softmax(logits.float(), dim=1).cpu()

        with torch.inference_mode():
            parts = [part for *_, part in in_batches(probabilities, inputs, self.device)]
        together = torch.cat(parts).numpy()  # (N, C)
        return Predictions(labels=together.argmax(axis=1), probabilities=together)

    def model_state(self) -> dict[str, Tensor]:
        """A copy of the network's parameters and statistics, on the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()}

    def load_model_state(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(dict(state))

    def training_state(self) -> dict[str, Any]:
        """Parameters, optimizer, place in the data and every random generator: what going on exactly needs."""
        return {
            "network": self.model_state(),
            "optimizer": copy.deepcopy(self.optimizer.state_dict()),
            "order": self._order,
            "step": self._step,
            "micro_batch": self._micro_batch,
            "generator": self._generator.get_state(),
            "global_generator": torch.get_rng_state(),
            "device_generator": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
        }

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        self.load_model_state(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._order, self._step = state["order"], state["step"]
        self._micro_batch = state.get("micro_batch")  # states that earlier versions saved have none
        self._generator.set_state(state["generator"])
        torch.set_rng_state(state["global_generator"])
        if state["device_generator"] is not None:
            torch.cuda.set_rng_state(state["device_generator"], self.device)

    def _update(self, chosen: Tensor, lr: float) -> tuple[float, float]:
        self.network.train()
        batch = self._inputs[chosen]
        if self._augment is not None:
            batch = self._augment(batch, self._generator)
        labels = self._labels[chosen.to(self.device)]
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        loss, accuracy = self._gradients(batch, labels)
        self.optimizer.step()
        return loss.item(), accuracy.item()

    def _gradients(self, batch: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of the mean loss of a batch, which is halved until it fits the memory; the loss and the accuracy.

        Gradients of the parts add up to those of the whole but for rounding, and for which values dropout leaves out.
        Batch norm would learn the statistics of the parts, which is another training, so that is refused.

        Raises:
            torch.OutOfMemoryError: the batch does not fit, and cannot be halved.
        """
        while True:
            state = _generators(self.device)
            try:
                return self._accumulated(batch, labels, self._micro_batch or len(batch))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                size = min(self._micro_batch or len(batch), len(batch))
                if size == 1 or self._learns_from_whole_batches():
                    raise torch.OutOfMemoryError(_too_large(size)) from None
            self._micro_batch = math.ceil(size / 2)
            _set_generators(state, self.device)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _accumulated(self, batch: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
        self.optimizer.zero_grad(set_to_none=True)
        loss, right = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        for images, answers in zip(torch.split(batch, size), torch.split(labels, size), strict=True):
            with self._autocast():
                logits = self.network(self._prepare(images))  # (B, C)
            part = F.cross_entropy(logits.float(), answers) * (len(images) / len(batch))
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.detach()
            right += (logits.argmax(dim=1) == answers).sum()
        return loss, right / len(batch)

    def _learns_from_whole_batches(self) -> bool:
        return any(isinstance(layer, BATCH_NORM) and layer.training for layer in self.network.modules())

    def _shuffled(self) -> Tensor:
        return torch.randperm(len(self.train), generator=self._generator)

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if self._bfloat16 else nullcontext()


def _generators(device: torch.device) -> list[Tensor]:
    """Of what dropout draws from."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def _set_generators(state: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state[1], device)


def _too_large(size: int) -> str:
    if size == 1:
        return "a step on a single image needs more memory than the device has; choose smaller images or another model"
    return (
        f"batch_size: a step on {size} images needs more memory than the device has, and batch norm would learn "
        f"something else from two halves; set it to at most {size // 2}, or choose smaller images"
    )


class GradientApproach(Approach):
    """An approach whose steps are those of a `Training`, which its constructor makes."""

    training: Training

    @property
    def epoch(self) -> float:
        return self.training.epoch

    @property
    def epochs(self) -> int:
        return self.training.hyperparameters.epochs

    def step(self) -> Step:
        return self.training.step()

    def predict(self, inputs: np.ndarray) -> Predictions:
        return self.training.predict(inputs)

    def model_state(self) -> Mapping[str, object]:
        return self.training.model_state()

    def load_model_state(self, state: Mapping[str, object]) -> None:
        self.training.load_model_state(state)

    def training_state(self) -> Mapping[str, object]:
        return self.training.training_state()

    def load_training_state(self, state: Mapping[str, object]) -> None:
        self.training.load_training_state(state)
