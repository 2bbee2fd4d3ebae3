"""How Ray is to be started or joined, and what it means where that fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from study.cluster.nodes import ClusterError


@dataclass(frozen=True)
class Entry:
    """A way into Ray.

    Attributes:
        settings: arguments of `ray.init`.
        refused: says in one line what one of its errors means.
    """

    settings: Mapping[str, object]
    refused: Callable[[Exception], ClusterError]


def shown(value: object, most: int = 60) -> str:
    """A value in a message: where it is long, its beginning and its end."""
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most * 2 // 3 - 3]}...{text[-(most // 3) :]}"
