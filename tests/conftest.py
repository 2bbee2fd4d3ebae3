"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run: a failure is then due to the change, not to the draw. A busy machine is no failure.
# To look further: pytest --hypothesis-profile=default
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
