"""What all tests share."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

# The same examples in every run: a failure is then due to the change, not to the draw. A busy machine is no failure.
# To look further: pytest --hypothesis-profile=thorough
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_configure() -> None:
    """A shell has what it runs in its background ignore Ctrl-C, nohup the hang-up; what is ignored children inherit.

    What is handled they do not inherit: in the programs that tests start, both signals do what they do at a terminal.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest comes first where tests run in two processes, so that both end at about the same time."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without their figures, for who looks at none: most of a report's time goes into them."""
    for name in ("draw_comparison", "draw_study"):
        monkeypatch.setattr(f"analysis.report.write.{name}", lambda _: ())
