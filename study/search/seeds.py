"""Seeds for everything that draws, derived from the study's own."""

from __future__ import annotations

import hashlib


def derived_seed(*parts: object) -> int:
    """A seed in [0, 2^31) from any names and numbers; the same on every machine."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
