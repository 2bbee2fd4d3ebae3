"""How numbers are written: rounded, signed, as a person would say them.

Rounding never says what is not so: a difference that is there is not written as none (0.04 points, not 0.0), zero has
no sign, and a p-value beside a usual level is on the side of it where it belongs (0.0496, not 0.050).
"""

from __future__ import annotations

from collections.abc import Sequence

ROUNDING = 1e-9  # smaller than any difference of accuracies that images can make; below it is rounding
MOST_DIGITS = 6
LEVELS = (0.01, 0.05, 0.1)  # a p that would be rounded to one of these is given with more digits


def number(value: float | None, digits: int = 3) -> str:
    """A rounded number, or a dash."""
    return "–" if value is None else f"{_rounded(value, digits):.{digits}f}"


def signed(value: float) -> str:
    """A difference with its sign, to three digits; to more where these would hide it."""
    return _with_sign(value, 3)


def points(value: float) -> str:
    """An accuracy difference in percentage points, signed, to one digit; to more where it would hide the difference."""
    return _with_sign(100 * value, 1)


def unsigned_points(value: float) -> str:
    """The size of an accuracy difference in percentage points."""
    return points(abs(value)).lstrip("+")


def in_points(value: float) -> str:
    """A margin or another size in words, as in `1 point` or `1.5 points`."""
    size = f"{100 * value:g}"
    return f"{size} point{'' if size == '1' else 's'}"


def p_value(p: float) -> str:
    """`0.034` or `< 0.001`, for the cell of a table."""
    digits = 3
    while digits < MOST_DIGITS and any(round(p, digits) == level != p for level in LEVELS):
        digits += 1
    return "< 0.001" if p < 0.001 else f"{p:.{digits}f}"


def p_clause(p: float) -> str:
    """`p = 0.034` or `p < 0.001`, for a sentence."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def seconds(value: float) -> str:
    """Seconds as a person would say them."""
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def level(alpha: float) -> str:
    """The confidence level of an interval, as in `95 %`."""
    return f"{100 * (1 - alpha):.4g} %"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """`0.812 to 0.903`, or a dash where there is none."""
    return "–" if low is None or high is None else f"{number(low, digits)} to {number(high, digits)}"


def signed_interval(low: float, high: float) -> str:
    """The interval of a difference, as in `−0.004 to +0.031`."""
    return f"{signed(low)} to {signed(high)}"


def points_interval(low: float, high: float) -> str:
    """The interval of an accuracy difference in points, as in `−0.4 to +3.1`."""
    return f"{points(low)} to {points(high)}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 image`, `1,324 images`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def in_words(count: int) -> str:
    """A small number as a word: `two`, `five`, `14`."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    return words[count] if count < len(words) else f"{count:,}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _with_sign(value: float, digits: int) -> str:
    if abs(value) < ROUNDING:
        return f"{0:.{digits}f}"
    while round(value, digits) == 0 and digits < MOST_DIGITS:
        digits += 1
    return f"{_rounded(value, digits):+.{digits}f}".replace("-", "−")


def _rounded(value: float, digits: int) -> float:
    """Rounded, and zero without a sign."""
    return round(value, digits) + 0.0
