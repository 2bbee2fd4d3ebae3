"""The approaches, one a file: a file's name is the name that study files use. A new file is found by itself.

better_cnn.py     the seed study's small network, from scratch
fine_tune.py      a pretrained network trained further
feature_svm.py    a support vector machine on frozen features

Others come in as `module:Class`, or by the entry points `transfer_study.approaches` (see trainables/finding.py).
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

from trainables.errors import ApproachError
from trainables.finding import Door

if TYPE_CHECKING:
    from trainables.approach import Approach

__all__ = ["APPROACHES"]


def _built_in() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def _load(name: str) -> type[Approach]:
    module = import_module(f"{__name__}.{name}")
    kinds = APPROACHES.all_in(module)
    if len(kinds) != 1:
        names = ", ".join(kind.__name__ for kind in kinds) or "none"
        raise ApproachError(f"{module.__file__}: a file of this folder holds one approach, but this one {names}")
    return kinds[0]


def _unfit(kind: object) -> str | None:
    from trainables.approach import Approach  # with torch, which names alone do not need

    if not isinstance(kind, type) or not issubclass(kind, Approach):
        return "no subclass of trainables.approach.Approach"
    needed = ("settings_type", "hyperparameters_type")
    lacking = sorted(kind.__abstractmethods__) + [name for name in needed if not hasattr(kind, name)]
    return f"lacks {', '.join(lacking)}" if lacking else None


APPROACHES: Door[Approach] = Door(
    folder="trainables/approaches",
    group="transfer_study.approaches",
    contract="trainables/approach.py",
    built_in=_built_in,
    load=_load,
    unfit=_unfit,
    error=ApproachError,
)
