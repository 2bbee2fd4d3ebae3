"""Where a study lies: the directory or URI of a new one, and whether it can be kept there."""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from analysis.records.errors import StorageError
from analysis.records.reading import StudyRecords
from analysis.records.storage import Storage
from analysis.records.trials import trial_table
from trainables.errors import InputError

if TYPE_CHECKING:
    from study.config.models import StudyConfig


class StudyError(InputError):
    """A study that cannot be run or continued; the message is one line with the mend."""


def new_directory(config: StudyConfig) -> str:
    """The first of storage/name, storage/name-2, ... that holds nothing yet."""
    storage = config.storage.rstrip("/") if is_uri(config.storage) else os.path.expanduser(config.storage)
    first = f"{storage}/{config.name}"
    candidates = itertools.chain([first], (f"{first}-{number}" for number in itertools.count(2)))
    return next(path for path in candidates if not _taken(path))


def refuse_unwritable(directory: str) -> None:
    """Try to write there, and leave nothing behind.

    Raises:
        StudyError: a folder cannot be written.
        StorageError: an object store cannot.
    """
    if is_uri(directory):
        probe = f".probe-{uuid4().hex}"
        storage = Storage(directory, patience_s=0)
        storage.write_bytes(probe, b"")
        storage.delete(probe)
        return
    folder = Path(directory)
    try:
        known = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if not known:
            folder.rmdir()
    except OSError as error:
        raise StudyError(f"{directory}: cannot be written ({error.strerror}); choose another with --out") from error


def refuse_another_study(storage: Storage) -> None:
    """A new study does not go on top of another.

    Raises:
        StudyError: one is there.
    """
    if storage.exists("study.yaml"):
        raise StudyError(f"{storage.location}: holds a study already; resume it, or choose another directory")


def refuse_incomplete(records: StudyRecords) -> None:
    """A study whose records can be read, but lack what going on needs.

    Raises:
        StudyError: it lacks data.json, or a trial that may go on does not say where its hyperparameters come from.
    """
    if records.data is None:
        raise StudyError(f"{records.location}/data.json: missing; restore it from a copy of the study")
    trials = trial_table(records.events)
    nameless = trials[trials.origin.isna() & (trials.ended.isna() | (trials.phase == "final"))]
    if len(nameless):
        raise StudyError(
            f"{records.location}/records/{nameless.trial.iloc[0]}/0000-started.json: does not say where its "
            "hyperparameters come from (origin); restore it from a copy of the study"
        )


def begun(directory: str) -> bool:
    """Whether there is something to resume; yes where the storage cannot say."""
    try:
        return Storage(directory, patience_s=0).exists("study.yaml")
    except StorageError:
        return True


def is_uri(directory: str) -> bool:
    """Whether it lies in an object store."""
    return "://" in directory


def _taken(directory: str) -> bool:
    """Whether a folder is there, or a study in an object store (which has no folders)."""
    return Storage(directory, patience_s=0).exists("study.yaml" if is_uri(directory) else "")
