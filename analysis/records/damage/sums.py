"""SHA256SUMS: what a report was made from, file by file, in the form that `sha256sum -c` checks.

Records are written once and never changed. So whatever a report has read must still read the same, and a digit that has
changed, or a record that is gone, is found by name even where the rest looks well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from analysis.records.errors import RecordsError

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
MEND = f"restore it from a copy of the study; to take what is there as it is, delete {SUMS}"


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sums_text(digests: Mapping[str, str]) -> bytes:
    """The content of SHA256SUMS; `digests` by the names of the files."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def parse_sums(path: str, content: bytes) -> dict[str, str]:
    """The digests of files by their names.

    Raises:
        RecordsError: a line is none of sha256sum's.
    """
    digests = {}
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        found = LINE.fullmatch(line)
        if found is None:
            raise RecordsError(f"{path}: line {number} is no digest and name; delete it, and `report` writes it anew")
        digests[found.group(2)] = found.group(1)
    return digests


def changed(known: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Files that a report has read and that are gone, or read otherwise now: each with what is wrong."""
    for name, before in known.items():
        if name not in now:
            yield name, f"missing, and the last report read it; {MEND}"
        elif now[name] != before:
            yield name, f"not as the last report read it; {MEND}"
