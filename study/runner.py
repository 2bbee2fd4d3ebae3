"""Running a study, from Python or the command line. Resuming or extending one is reading its records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.records.reading import StudyRecords, read_records, read_study
from analysis.records.storage import Storage
from analysis.records.store import Store
from study.cluster.code import Code, code_of
from study.cluster.connection import connected
from study.config.models import StudyConfig
from study.config.study_file import parse_config, read_yaml
from study.extend import More, extended, mark_finished, next_step, refuse_unfinished, settling_sentence
from study.lease import Lease, alone
from study.listeners import Dated, History, Record
from study.place import new_directory, refuse_another_study, refuse_incomplete, refuse_unwritable
from study.session.ready import (
    Ready,
    get_ready,
    say_what_budgets_buy,
    write_beginning,
    write_environment,
    write_study_file,
)
from study.session.received import addresses_in, keep, refuse_modules_inside, search_in_kept
from study.show.curves import Boards
from study.show.event_files import EventFiles
from study.show.moved import Moved
from study.show.progress import Progress
from study.show.terminal import PlainConsole
from trainables.data.dataset import open_checked
from trainables.data.image_cache import watched
from trainables.finding import search_in

if TYPE_CHECKING:
    from analysis.report.write import ReportPaths

SESSION = "study.session.session"  # with Ray Tune and Optuna, which take a second to import


@dataclass(frozen=True)
class Outcome:
    """What a finished study left.

    Attributes:
        directory: of the study, or its URI.
        report: where the report lies, as HTML, Markdown and JSON.
        verdict: the sentence that the report opens with.
    """

    directory: str
    report: ReportPaths

    @property
    def verdict(self) -> str:
        return self.report.verdict


def run(
    config: StudyConfig,
    directory: str | os.PathLike[str] | None = None,
    *,
    address: str | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Run a study from the start; from a script, a thread or a notebook, and returns when the report is written.

    What is interrupted (KeyboardInterrupt, an error, a crash) is continued by `resume`.

        from study import read_config, run

        outcome = run(read_config("digits", {"budget.search_seconds": 120}), "results/mine")
        print(outcome.verdict, outcome.report.html)

    Args:
        config: the study; see `read_config`.
        directory: where it is kept, a folder or a URI; created. Default: the study's name under its `storage`, with a
            number behind it where that is taken.
        address: of a Ray cluster (`auto` for the one this machine belongs to), or None for this machine alone. Where
            the process is connected to Ray already, that is used, and left as it is.
        progress: what is shown meanwhile. Default: a table in a terminal, a line now and then elsewhere;
            `Progress(Console(quiet=True))` shows nothing.

    Raises:
        InputError: the data, weights or settings cannot be used, or the directory cannot be written.
        RecordsError: the storage failed, or no trial could be run because of it.
    """
    directory = os.fspath(directory) if directory else new_directory(config)
    refuse_unwritable(directory)
    store = Store(directory)
    refuse_another_study(store)
    with _prepared(store, config, address, progress) as (ready, code):
        say_what_budgets_buy(ready)
        with alone(store) as lease:
            refuse_another_study(store)  # one may have begun here meanwhile
            write_beginning(ready, code)
            return _until_settled(ready, History(), lease)


def resume(
    directory: str | os.PathLike[str],
    *,
    address: str | None = None,
    progress: Progress | None = None,
    trust_code: bool = False,
) -> Outcome:
    """Continue a study where its records end. Nothing that is finished runs again.

    Args:
        directory: of the study, or its URI.
        address: as for `run`; another cluster than before will do.
        progress: as for `run`.
        trust_code: whether the copy of code that the study brings may run: needed where its approaches are not
            installed, and this code has not run here before.

    Raises:
        InputError: its data has changed since, or another process runs it, or it brings code that is not trusted.
        RecordsError: it is no study directory, or one of its files is damaged.
    """
    store, config = _kept(read_records(os.fspath(directory)), trust_code=trust_code)
    return _go_on(store, config, address, progress)


def extend(
    directory: str | os.PathLike[str],
    more: More,
    *,
    address: str | None = None,
    progress: Progress | None = None,
    trust_code: bool = False,
) -> Outcome:
    """Add replicates, final runs or seconds of search to a finished study, and report again: another look at it.

    Nothing that is finished runs again. What is interrupted is continued by `resume`.

    Args:
        directory: of the study, or its URI.
        more: what the study is to come to.
        address: as for `run`; another cluster than before will do.
        progress: as for `run`.
        trust_code: whether the copy of code that the study brings may run: needed where its approaches are not
            installed, and this code has not run here before.

    Raises:
        InputError: it is not finished, nothing would be added, its data has changed since, or another process runs it;
            or it brings code that is not trusted.
        RecordsError: it is no study directory, or one of its files is damaged.
    """
    store, config = _kept(read_study(os.fspath(directory)), trust_code=trust_code)
    wanted = extended(config, more)
    refuse_unfinished(store, config)
    return _go_on(store, wanted, address, progress, extending=config)


def _kept(records: StudyRecords, *, trust_code: bool) -> tuple[Store, StudyConfig]:
    """A study that is there and can go on, and its file."""
    refuse_incomplete(records)
    store = Store(records.location)
    here = Path.cwd()
    inside = store.folder is not None and here.is_relative_to(store.folder.resolve())
    search_in(*([] if inside else [here]))  # Python files in a study are not the user's own
    search_in_kept(store, trusted=trust_code)
    text, name = store.read_whole("study.yaml"), store.path("study.yaml")
    if not trust_code:
        refuse_modules_inside(store, addresses_in(read_yaml(text, name=name)))
    return store, parse_config(text, name=name, on_record=True)


def _go_on(
    store: Store,
    config: StudyConfig,
    address: str | None,
    progress: Progress | None,
    *,
    extending: StudyConfig | None = None,
) -> Outcome:
    """Continue a study on its records; `extending` is its file until now, where `config` asks for more."""
    with _prepared(store, config, address, progress) as (ready, code), alone(store) as lease:
        if extending is not None:
            refuse_unfinished(store, extending)  # somebody may have extended it meanwhile
            if not store.looks():  # a study older than their record has been looked at, too
                from analysis.report.write import write_report

                write_report(store.location)
            mark_finished(store)
        keep(store, code)
        write_environment(ready)
        if extending is not None:
            write_study_file(ready)
        return _until_settled(ready, History.read(store), lease)


@contextmanager
def _prepared(
    store: Store, config: StudyConfig, address: str | None, progress: Progress | None
) -> Iterator[tuple[Ready, Code]]:
    """A study where it is to run, and what of its code travels; what is being done is shown from here on."""
    with progress or Progress(PlainConsole()) as shown:
        shown.phase("prepare", 0)
        shown.doing("reading images")
        with watched(shown.doing):
            dataset = open_checked(config.data, config.replicates, config.image_sizes)
        code = code_of(config.classes)
        shown.doing("starting Ray" if address is None else f"connecting to the Ray cluster {address}")
        with connected(address, code):
            import_module(SESSION)  # meanwhile the first processes of the slots come up
            yield get_ready(config, store, dataset, shown), code


def _until_settled(ready: Ready, history: History, lease: Lease | None) -> Outcome:
    """To the end, and on from there as long as the study file says so."""
    from study.session.session import Session

    store, say = ready.store, ready.progress.say
    with (
        EventFiles(Storage(f"{store.absolute}/tensorboard")) as files,
        closing(Boards(files, ready.prepared.owed_s)) as boards,
    ):
        boards.replay(history.trials)
        followers = (Record(store, lease), history, boards, ready.progress, Moved(history.trials, say))
        listeners = (Dated(followers, not_before=history.last_time),)
        while True:
            report = Session(ready, history, listeners).to_the_end()
            looks = store.looks()
            if told := settling_sentence(ready.config, looks):
                say(told)
            further = next_step(ready.config, looks)
            if further is None:
                return Outcome(store.location, report)
            ready = replace(ready, config=further)
            write_study_file(ready)
