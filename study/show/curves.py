"""Curves as TensorBoard event files, written while the study runs.

The wall time of an event is the charged seconds at which it happened, from an event at zero: so TensorBoard's RELATIVE
axis is the budget, and two approaches compare at a glance. The step is the epoch (for an incumbent: the number of the
trial that set it).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from analysis.records.errors import StorageError
from analysis.records.schema import ENDINGS, HyperparameterValue, PhaseEvent, TrialEvent
from analysis.records.slugs import slug
from study.show.event_files import EventFiles

CURVES = {
    "train_loss": "loss/train",
    "valid_loss": "loss/valid",
    "train_accuracy": "accuracy/train",
    "valid_accuracy": "accuracy/valid",
    "lr": "learning_rate",
    "charged_s": "charged_seconds",
}

FOLDER = re.compile(r"[\w-]{1,120}")  # a name that can be a folder as it is


class Boards:
    """A listener that writes each trial's curves, and each approach's incumbent.

    search/<trial>, final/<trial>: one trial each, with its hyperparameters and best accuracy for the HParams tab.
    incumbent/<approach>: the best validation accuracy so far against all seconds the approach has been charged; a
        repeated search has one for each replicate, <approach>-r1 and so on.
    A name that no study file would take, as records from elsewhere may have it, stands in the text `name` of its run.

    Args:
        files: where the event files go.
        owed_s: what each search of an approach is charged before its first trial (features), by approach.
    """

    def __init__(self, files: EventFiles, owed_s: Mapping[str, float]) -> None:
        self._files = files
        self._writers: dict[str, SummaryWriter] = {}
        self._params: dict[str, dict[str, HyperparameterValue]] = {}
        self._owed = dict(owed_s)  # by approach
        self._charged: dict[str, float] = {}  # by search
        self._seen: dict[str, float] = {}  # charged seconds by trial, as last heard
        self._incumbents: dict[str, float] = {}  # by search
        self._slugs: dict[str, str] = {}  # of names that are none of a folder

    def __call__(self, event: TrialEvent | PhaseEvent) -> None:
        """Write what one event adds to the curves; that of a phase adds nothing.

        Raises:
            StorageError: the event files cannot be written.
        """
        if isinstance(event, PhaseEvent):
            return
        with self._checked():
            self._write(event)
            if _is_over(event):
                self._keep(event)

    def replay(self, events: list[TrialEvent]) -> None:
        """Write the curves of an earlier session anew, for a study that goes on; its own files would double them."""
        with self._checked():
            self._files.clear()
            for event in events:
                self._write(event)
            self._files.keep()

    def close(self) -> None:
        """Write everything that is still open to its end."""
        with self._checked():
            for run in list(self._writers):
                self._writers.pop(run).close()
            self._files.keep()

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            cause = error.strerror or type(error).__name__
            raise StorageError(
                f"{self._files.folder}: curves cannot be written ({cause}); mend that, then resume the study"
            ) from error

    def _write(self, event: TrialEvent) -> None:
        if event.event == "started":
            self._begin(event)
        elif event.event != "evaluated":
            self._trial_point(event)
        if event.phase == "search":
            self._incumbent_point(event)
        if event.event == "evaluated" or (event.phase == "search" and event.event in ENDINGS):
            self._hyperparameters(event)
        if _is_over(event):
            self._writers.pop(self._run(event)).close()

    def _keep(self, event: TrialEvent) -> None:
        incumbent = f"incumbent/{self._folder(_search(event))}"
        if incumbent in self._writers:
            self._writers[incumbent].flush()
        for run in (self._run(event), incumbent):
            self._files.keep(run)

    def _begin(self, event: TrialEvent) -> None:
        self._params[event.trial] = dict(event.params or {})
        self._named(self._run(event), event.trial).add_scalar("charged_seconds", 0.0, 0, walltime=0.0)

    def _trial_point(self, event: TrialEvent) -> None:
        writer = self._writer(self._run(event))
        for name, tag in CURVES.items():
            value = getattr(event, name)
            if value is not None:
                writer.add_scalar(tag, value, round(event.epoch), walltime=event.charged_s)

    def _incumbent_point(self, event: TrialEvent) -> None:
        before_s = self._seen.get(event.trial, 0.0)
        self._seen[event.trial] = max(before_s, event.charged_s)  # what was lost and is done again counts once
        search = _search(event)
        so_far = self._charged.get(search, self._owed.get(event.approach, 0.0))
        self._charged[search] = so_far + self._seen[event.trial] - before_s
        best = self._incumbents.get(search, 0.0)
        if event.best_accuracy is None or (event.best_accuracy <= best and event.event not in ENDINGS):
            return
        writer = self._writer(f"incumbent/{self._folder(search)}")
        if search not in self._incumbents:
            self._named(f"incumbent/{self._folder(search)}", search)
            writer.add_scalar("accuracy/valid", 0.0, 0, walltime=0.0)
        self._incumbents[search] = max(best, event.best_accuracy)
        writer.add_scalar("accuracy/valid", self._incumbents[search], event.index + 1, walltime=self._charged[search])

    def _hyperparameters(self, event: TrialEvent) -> None:
        scores = {
            "best_valid_accuracy": event.best_accuracy or 0.0,
            "test_accuracy": event.test_accuracy,
            "charged_seconds": event.charged_s,
        }
        known = {f"hparam/{name}": value for name, value in scores.items() if value is not None}
        writer = self._writer(self._run(event))
        about = {"approach": event.approach, **self._params[event.trial]}
        for summary in hparams(about, known):  # type: ignore[no-untyped-call]
            file = writer._get_file_writer()  # type: ignore[no-untyped-call]
            file.add_summary(summary, walltime=event.charged_s)
        for tag, value in known.items():
            writer.add_scalar(tag, value, round(event.epoch), walltime=event.charged_s)

    def _writer(self, run: str) -> SummaryWriter:
        if run not in self._writers:
            self._writers[run] = SummaryWriter(str(self._files.folder / run))
        return self._writers[run]

    def _named(self, run: str, name: str) -> SummaryWriter:
        """The writer of a run that begins, with its name inside where its folder has another."""
        writer = self._writer(run)
        if self._folder(name) != name:
            writer.add_text("name", name, walltime=0.0)
        return writer

    def _run(self, event: TrialEvent) -> str:
        return f"{event.phase}/{self._folder(event.trial)}"

    def _folder(self, name: str) -> str:
        """A name as a folder; with a dot, which no name of a study file has, where it can be none as it is."""
        if FOLDER.fullmatch(name):
            return name
        return self._slugs.setdefault(name, f"named.{slug(name, len(self._slugs))}")


def _is_over(event: TrialEvent) -> bool:
    return event.event == "evaluated" or event.event in ENDINGS


def _search(event: TrialEvent) -> str:
    return event.approach + (f"-r{event.replicate}" if event.replicate else "")
