"""What a study file may name: the approaches, and the sources of data."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import get_args

from pydantic import BaseModel

from trainables.approach import Approach
from trainables.data.config import DataConfig
from trainables.finding import GROUP, built_in, find


def approaches() -> Mapping[str, type[Approach]]:
    """The approaches that are built in, then those of entry points, by the name that `approach` gives them."""
    declared = [entry.name for entry in entry_points(group=GROUP)]
    return {name: find(name) for name in [*built_in(), *declared]}


def sources() -> Mapping[str, type[BaseModel]]:
    """The sections that `data` may be, by the name that `source` gives them."""
    return {model.model_fields["source"].default: model for model in get_args(get_args(DataConfig)[0])}
