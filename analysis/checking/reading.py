"""A study as it stands there: plain JSON, tables and bytes. Trusts nothing of it, and goes on past what it cannot read.

Shares with the reading of reports only what makes that safe: how files are found and how large they may be, and
how YAML is read.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from analysis.records.damage.sums import SUMS, digest
from analysis.records.errors import RecordsError
from analysis.records.files import OWN_NAMES, SUFFIXES, in_order, is_stray, linked_folder
from analysis.records.parsing import parse_yaml
from analysis.records.storage import Storage, first_line
from analysis.records.store import LARGEST, LARGEST_SUMS, SINGLE

Fields = dict[str, Any]
Content = bytes  # which is what a reader below calls a method of its own
MOST_ROWS = 10**8  # of a table of predictions
NEWEST = 2  # version of the records that these rules know
WORD, WHOLE, NUMBER, WORDS, NAMES = "text", "a whole number", "a number", "a list of texts", "names with values"
EVENT = {
    **dict.fromkeys(("trial", "event", "approach", "phase"), (WORD, ...)),
    **{"order": (WHOLE, ...), "index": (WHOLE, ...), "replicate": (WHOLE, 0), "seed": (WHOLE, 0)},
    **{"time": (NUMBER, ...), "params": (NAMES, None), "origin": (WORD, None)},
    **dict.fromkeys(("allowance_s", "charged_s", "overshoot_s", "uncharged_s", "lost_s"), (NUMBER, 0.0)),
    **dict.fromkeys(("cpu_s", "waited_s", "best_at_s"), (NUMBER, None)),
    **dict.fromkeys(("valid_accuracy", "best_accuracy", "test_accuracy"), (NUMBER, None)),
}
PHASE = {"phase": (WORD, ...), "event": (WORD, ...), "time": (NUMBER, ...), "approach": (WORD, None)}
FEATURES = {"key": (WORD, ...), "cost_s": (NUMBER, ...), "approaches": (WORDS, ...), "schema_version": (WHOLE, 1)}
LOOK = {
    **{"counted": (WORDS, ...), "replicates": (WHOLE, ...), "test_reads": (WHOLE, ...)},
    **{"alpha": (NUMBER, ...), "time": (NUMBER, ...)},
}
DATA = {"classes": (WORDS, ...), "counts": (NAMES, ...), "test": (WHOLE, ...)}
KINDS: dict[str, dict[str, tuple[str, Any]]] = {
    "records": EVENT,
    "phases": PHASE,
    "features": FEATURES,
    "looks": LOOK,
    "environments": {},
}


@dataclass(frozen=True, kw_only=True)
class Plain:
    """The files of a study.

    Attributes:
        study: study.yaml; empty where it cannot be read. finished: finished.yaml, likewise None where there is none.
        data: data.json.
        records: by folder (records, phases, features, looks, environments) the fields of each file that can be read,
            by its name, in order.
        tables: the predictions of each file that can be read, by its name.
        report: report/report.json.
        sums: SHA256SUMS as lines; None where there is none.
        digests: SHA-256 of all files that were read, by name.
        names: of all files in these folders.
        problems: what cannot be read, a line each.
    """

    study: Fields
    finished: Fields | None
    data: Fields | None
    records: Mapping[str, Mapping[str, Fields]]
    tables: Mapping[str, pd.DataFrame]
    report: Fields | None
    sums: tuple[str, ...] | None
    digests: Mapping[str, str]
    names: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def trials(self) -> dict[str, list[Fields]]:
        """The records of each trial in order, by the name of its folder; each has its own name as `file`."""
        trials: dict[str, list[Fields]] = {}
        for name, fields in self.records["records"].items():
            trials.setdefault(name.split("/")[1], []).append({**fields, "file": name})
        return trials

    @property
    def approaches(self) -> dict[str, Fields]:
        """The approaches of the study file."""
        found = self.study.get("approaches")
        return {str(name): one if isinstance(one, dict) else {} for name, one in _names(found).items()}

    @property
    def replicates(self) -> int:
        """Of the search."""
        found = self.study.get("replicates", 1)
        return found if isinstance(found, int) and found > 0 else 1

    def budget(self, name: str) -> float:
        """A number of the section `budget`; not a number where it does not say."""
        return number(_names(self.study.get("budget")).get(name))

    @property
    def feature_rule(self) -> object:
        """Who pays for features."""
        return self.study.get("feature_cost", "first_use")


def read_plain(storage: Storage) -> Plain:
    """Read a study.

    Raises:
        StorageError: the place cannot be reached.
    """
    reader = _Reader(storage)
    study, finished = reader.yaml("study.yaml"), reader.yaml("finished.yaml")
    names = {folder: reader.listed(folder) for folder in OWN_NAMES}
    records = {folder: reader.records(names[folder], kind) for folder, kind in KINDS.items()}
    single = reader.records(SINGLE[:1], DATA)
    reader.records(SINGLE[1:], {})
    data = single.get("data.json")
    tables = reader.tables(names["predictions"], data["test"] if data else None)
    sums = reader.bytes(SUMS)
    return Plain(
        study=study or {},
        finished=finished,
        data=data,
        records=records,
        tables=tables,
        report=reader.records(("report/report.json",), {}).get("report/report.json"),
        sums=None if sums is None else tuple(sums.decode(errors="replace").splitlines()),
        digests=reader.digests,
        names=tuple(name for folder in names.values() for name in folder),
        problems=tuple(reader.problems),
    )


def number(value: object) -> float:
    """A finite number, or not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value) if math.isfinite(value) else math.nan
    except OverflowError:
        return math.nan


class _Reader:
    """Reads files, and notes what it cannot read."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.digests: dict[str, str] = {}
        self.problems: list[str] = []

    def listed(self, folder: str) -> list[str]:
        """Names of the files in one folder, without what is clearly none of a study's."""
        place = self._storage.folder
        if place is not None and (linked := linked_folder(place / folder)):
            self.problems.append(f"{folder}/{linked}: a link to a folder, which no study has")
            return []
        names = [name for name in self._storage.names(folder, SUFFIXES[folder]) if not is_stray(name)]
        return in_order(names)

    def bytes(self, name: str) -> bytes | None:
        """A file, or None where there is none that can be read."""
        storage = self._storage
        if not storage.exists(name):
            return None
        path = storage.file(name)
        if path is not None and not path.is_file():
            self.problems.append(f"{name}: no file that could be read")
            return None
        most = LARGEST_SUMS if name == SUMS else LARGEST
        if path is not None and path.stat().st_size > most and not name.startswith("predictions/"):
            self.problems.append(f"{name}: {path.stat().st_size:,} bytes, which no record has")
            return None
        content = storage.read_bytes(name)
        self.digests[name] = digest(content)
        return content

    def yaml(self, name: str) -> Fields | None:
        """A study file."""
        content = self.bytes(name)
        if content is None:
            return None
        try:
            found = parse_yaml(name, content)
        except RecordsError as error:
            self.problems.append(str(error))
            return None
        if isinstance(found, dict):
            return found
        self.problems.append(f"{name}: holds no names with values")
        return None

    def _contents(self, names: Iterable[str]) -> Iterator[tuple[str, Content]]:
        """Those of the files that can be read; what is wrong with the others is noted."""
        contents = ((name, self.bytes(name)) for name in names)
        return ((name, content) for name, content in contents if content is not None)

    def records(self, names: list[str] | tuple[str, ...], kind: Mapping[str, tuple[str, Any]]) -> dict[str, Fields]:
        """JSON files that have the fields that the rules ask for."""
        found = {}
        for name, content in self._contents(names):
            try:
                found[name] = _typed(_object(content), kind)
            except ValueError as error:
                self.problems.append(f"{name}: {error}")
        return found

    def tables(self, names: list[str], rows: int | None) -> dict[str, pd.DataFrame]:
        """Parquet files, of so many rows where that is known: of another nothing is decoded."""
        found = {}
        for name, content in self._contents(names):
            try:
                found[name] = _table(content, rows)
            except ValueError as error:
                self.problems.append(f"{name}: {error}")
            except Exception as error:  # pyarrow says nowhere what it raises on bytes that are no such file
                self.problems.append(f"{name}: not a Parquet file, or a damaged one ({first_line(error)})")
        return found


def _table(content: bytes, rows: int | None) -> pd.DataFrame:
    """A table of predictions.

    Raises:
        ValueError: it has other rows than the test split has images, or more than any has.
    """
    file = pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True, arrow_extensions_enabled=False)
    found = file.metadata.num_rows
    if found > MOST_ROWS or found != (found if rows is None else rows):
        raise ValueError(f"{found:,} rows, and the test split has {rows} images")
    frame: pd.DataFrame = file.read().replace_schema_metadata().to_pandas()
    return frame


def _object(content: bytes) -> Fields:
    """A JSON object.

    Raises:
        ValueError: it is none.
    """
    try:
        found = json.loads(content, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__}, where names with values belong")
    return found


def _no_number(word: str) -> float:
    raise ValueError(f"holds {word}, which is no number")


def _typed(content: Fields, kind: Mapping[str, tuple[str, Any]]) -> Fields:
    """The fields that rules ask for are there, and of their kind.

    Raises:
        ValueError: one is not.
    """
    version = content.get("schema_version", 1)
    if kind and (not isinstance(version, int) or not 1 <= version <= NEWEST):
        raise ValueError(f"of schema version {version!r:.20}; these rules know versions 1 to {NEWEST}")
    fields = dict(content)
    for name, (wanted, default) in kind.items():
        value = content.get(name)
        if value is None and default is ...:
            raise ValueError(f"lacks {name}")
        if value is not None and not _is(value, wanted):
            raise ValueError(f"{name} is not {wanted}")
        fields[name] = default if value is None else float(value) if wanted == NUMBER else value
    return fields


def _is(value: object, wanted: str) -> bool:
    if wanted == NUMBER:
        return math.isfinite(number(value))
    if wanted == WHOLE:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
    if wanted == WORDS:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, str if wanted == WORD else dict)


def _names(value: object) -> Fields:
    return value if isinstance(value, dict) else {}
