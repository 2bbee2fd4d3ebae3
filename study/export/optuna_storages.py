"""Where Optuna keeps studies: a database, changed in one transaction, or a journal file, written as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from analysis.records.storage import first_line
from analysis.records.whole_files import whole_file
from trainables.errors import InputError

JOURNAL = "journal:///"


@contextmanager
def transaction(url: str) -> Iterator[BaseStorage]:
    """A database in which all that is written is one transaction.

    Optuna commits after each trial: here its sessions join an outer transaction, which a commit of theirs leaves open.
    """
    with database(url) as storage, storage.engine.begin() as connection:
        storage.scoped_session.remove()
        storage.scoped_session.configure(bind=connection, join_transaction_mode="rollback_only")
        yield storage


@contextmanager
def database(url: str) -> Iterator[RDBStorage]:
    """A database, closed again; whatever is wrong with it in one line."""
    with _one_line(url), _quiet():
        _parsed(url)
        storage = RDBStorage(url)
        try:
            yield storage
        finally:
            storage.scoped_session.remove()
            storage.engine.dispose()


@contextmanager
def new_journal(url: str) -> Iterator[BaseStorage]:
    """A journal file that gets its name when it is whole; one that was there is gone then."""
    with _one_line(url), _quiet(), whole_file(str(journal_file(url))) as part:
        yield JournalStorage(JournalFileBackend(part))


def is_journal(url: str) -> bool:
    """Whether it is a journal file's, not a database's."""
    return url.startswith(JOURNAL)


def journal_file(url: str) -> Path:
    """The path of a journal file."""
    return Path(url.removeprefix(JOURNAL))


def refuse_in_memory(url: str) -> None:
    """Refuse a database that ends with this process.

    Raises:
        InputError: it is one, or the URL is none.
    """
    with _one_line(url):
        parsed = _parsed(url)
    file, mode = parsed.database or "", parsed.query.get("mode")
    if parsed.get_backend_name() == "sqlite" and (not file or ":memory:" in file or mode == "memory"):
        raise InputError(
            f"{shown(url)}: a database in memory, of which nothing stays; give a file, as in sqlite:///search.db"
        )


def shown(url: str) -> str:
    """The URL without its password."""
    try:
        return _parsed(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return re.sub("//.*@", "//***@", url)


@contextmanager
def _one_line(url: str) -> Iterator[None]:
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, ImportError, OSError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        raise InputError(
            f"{shown(url)}: not a storage that Optuna can write ({first_line(cause)}); give one such as "
            f"sqlite:///search.db or {JOURNAL}search.log"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna tells of every study that it creates."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _parsed(url: str) -> sqlalchemy.URL:
    try:
        return sqlalchemy.make_url(url)
    except ValueError as error:  # a port that is no number
        raise sqlalchemy.exc.ArgumentError(str(error)) from error
