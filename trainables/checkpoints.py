"""The checkpoints of running trials: one file each, whole, in a place that all nodes reach.

A checkpoint is read back with pickle, so that place must be as trusted as the code itself.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from typing import Any, Protocol

import torch

from trainables.errors import UnreachableError, one_line

logger = logging.getLogger(__name__)


class Files(Protocol):
    """Whole files by name: a reader sees all of a file or none of it, and what fails for a while is tried again."""

    def exists(self, name: str) -> bool: ...
    def read_bytes(self, name: str) -> bytes: ...
    def write_bytes(self, name: str, content: bytes | memoryview) -> None: ...
    def delete(self, name: str) -> None: ...


class CheckpointStore:
    """The checkpoint of one trial, keyed by its name."""

    def __init__(self, files: Files, trial: str) -> None:
        self._files, self._trial = files, trial
        self._name = f"{trial}.pt"

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the last checkpoint. If that fails the trial goes on; only a crash would make it lose something."""
        content = io.BytesIO()
        torch.save(state, content)
        try:
            self._files.write_bytes(self._name, content.getbuffer())
        except Exception as error:  # whatever the files raise; it says what is wrong
            logger.warning("%s: no checkpoint written (%s)", self._trial, one_line(error))

    def load(self) -> dict[str, Any] | None:
        """The checkpoint, or None where there is none, or none that can be understood.

        Raises:
            UnreachableError: the files cannot be read, so what the trial has done so far is not known.
        """
        try:
            content = self._files.read_bytes(self._name) if self._files.exists(self._name) else None
        except Exception as error:
            raise UnreachableError(f"{self._trial}: checkpoint not read ({one_line(error)})") from error
        if content is None:
            return None
        try:
            state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=False)
        except Exception as error:  # whatever a damaged pickle raises; the trial then starts from the beginning
            logger.warning("%s: left out as damaged (%s)", self._name, one_line(error))
            return None
        return state

    def delete(self) -> None:
        """Remove it, if there is one. One that stays does no harm: no other trial has its name."""
        try:
            self._files.delete(self._name)
        except Exception as error:
            logger.warning("%s: checkpoint not removed (%s)", self._trial, one_line(error))
