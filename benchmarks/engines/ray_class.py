"""Ray Tune, a class as the trainable, and processes that go on to the next trial."""

from __future__ import annotations

from typing import Any

from ray import tune

from benchmarks.engines.ray_function import run
from benchmarks.engines.work import accuracies
from trainables.approach import Task


class Trial(tune.Trainable):  # type: ignore[misc]
    """One validation a step."""

    def setup(self, config: dict[str, Any], task: Task) -> None:
        self._task, self._best = task, 0.0
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        accuracy = next(self._accuracies, None)
        if accuracy is None:
            return {"accuracy": self._best, "done": True}
        self._best = accuracy
        return {"accuracy": accuracy}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing is resumed here."""

    def load_checkpoint(self, checkpoint: object) -> None:
        """Nothing is resumed here."""

    def _begin(self, params: dict[str, Any]) -> None:
        self._accuracies, self._best = accuracies(self._task, params), 0.0


if __name__ == "__main__":
    run(Trial, reuse_actors=True)
