"""How numbers are written: rounded, signed, as a person would say them."""

from __future__ import annotations


def number(value: float | None, digits: int = 3) -> str:
    """A rounded number, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.3f}".replace("-", "−")


def points(value: float) -> str:
    """An accuracy difference in percentage points, signed."""
    return f"{100 * value:+.1f}".replace("-", "−")


def p_value(p: float) -> str:
    """`0.034` or `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def seconds(value: float) -> str:
    """Seconds as a person would say them."""
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def p_clause(p: float) -> str:
    """`p = 0.034` or `p < 0.001`."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def level(alpha: float) -> str:
    """The confidence level of an interval, as in `95 %`."""
    return f"{100 * (1 - alpha):.4g} %"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """`0.812 to 0.903`, or a dash where there is none."""
    return "–" if low is None or high is None else f"{number(low, digits)} to {number(high, digits)}"


def signed_interval(low: float, high: float) -> str:
    """The interval of a difference, as in `−0.004 to +0.031`."""
    return f"{signed(low)} to {signed(high)}"
