"""Weights that torchvision knows by name: downloaded once, and read as data before its builders unpickle them."""

from __future__ import annotations

import functools
import glob
import http.client
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit

import torch

from trainables.backbones.weight_files import read_state
from trainables.cache import UNFINISHED_S
from trainables.errors import BackboneError, first_line

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum


def fetch(model: str, weights: WeightsEnum) -> None:
    """Put the weights where torchvision's builders look for them, unless they are there.

    Raises:
        BackboneError: the download failed, or what is there holds something else than weights.
    """
    path = Path(torch.hub.get_dir(), "checkpoints", Path(urlsplit(weights.url).path).name)
    if not path.exists():
        _sweep(path)
        try:
            weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except (OSError, http.client.HTTPException, RuntimeError) as error:  # RuntimeError: not the file's hash
            if isinstance(error, HTTPError):
                error.close()
            raise BackboneError(
                f"{model}: the download of {weights.name} from {weights.url} failed ({first_line(error)}); "
                "download that file elsewhere and give its path as weights"
            ) from error
    found = path.stat()
    _vet(path, found.st_size, found.st_mtime_ns)


@functools.cache
def _vet(path: Path, size: int, changed_ns: int) -> None:
    """Once for each content: torchvision's builders would run what a pickle holds."""
    read_state(path)


def _sweep(path: Path) -> None:
    """Remove what downloads left that were killed; torch gives each a name of its own."""
    for part in path.parent.glob(f"{glob.escape(path.name)}.*.partial"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > UNFINISHED_S:
                part.unlink()
