"""What a study file may name: the approaches, and the sources of data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pydantic import BaseModel

from trainables.approach import Approach
from trainables.approaches.registry import APPROACHES
from trainables.data.config import DataConfig


def approaches() -> Mapping[str, type[Approach]]:
    """The registered approaches, by the name that `approach` gives them."""
    return APPROACHES


def sources() -> Mapping[str, type[BaseModel]]:
    """The sections that `data` may be, by the name that `source` gives them."""
    return {model.model_fields["source"].default: model for model in get_args(get_args(DataConfig)[0])}
