"""CSV that a spreadsheet opens without computing what stands in it.

A cell that begins with =, +, -, @ or the like is a formula to spreadsheets, whoever wrote it. The mend is the one of
OWASP (CSV Injection): an apostrophe before such a text, and quotes around every text, as other programs may separate
cells at semicolons. Numbers are left as they are, also where they are text (`-0.3`).
"""

from __future__ import annotations

import csv
import re

import pandas as pd

FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four: the first, in full width
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def cell(text: str) -> str:
    """A text as it may stand in a cell."""
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def as_csv(frame: pd.DataFrame) -> bytes:
    """A frame as UTF-8, without its index; texts and headings are safe to open."""
    safe = frame.copy()
    for place, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            safe.isetitem(place, frame.iloc[:, place].map(_safe, na_action="ignore"))
    safe.columns = pd.Index([_safe(name) for name in frame.columns])
    text = safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
    return bytes(text, "utf-8", "backslashreplace")


def _safe(value: object) -> object:
    return cell(value) if isinstance(value, str) else value
