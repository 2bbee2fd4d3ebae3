"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import settings

# The same examples in every run: a failure is then due to the change, not to the draw. A busy machine is no failure.
# To look further: pytest --hypothesis-profile=default
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest comes first where tests run in two processes, so that both end at about the same time."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)
