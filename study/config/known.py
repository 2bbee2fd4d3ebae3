"""The approaches that a study file may name."""

from __future__ import annotations

from collections.abc import Mapping

from trainables.approach import Approach
from trainables.approaches.registry import APPROACHES


def approaches() -> Mapping[str, type[Approach]]:
    """The registered approaches, by the name that `approach` gives them."""
    return APPROACHES
