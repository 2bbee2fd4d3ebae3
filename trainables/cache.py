"""Where decoded images, frozen features and copies of examples are kept from one study to the next."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """$TRANSFER_STUDY_CACHE, or ~/.cache/transfer-study."""
    return Path(os.environ.get("TRANSFER_STUDY_CACHE") or Path.home() / ".cache" / "transfer-study")
