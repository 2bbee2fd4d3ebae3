"""The interface for Python: a study that is there, or a table of predictions, as data frames and frozen dataclasses.

Light to import: what rests on SciPy and scikit-learn is imported when it is first asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from analysis.predictions.files import FORMS
from analysis.predictions.table import PredictionTable, as_table, read_table
from analysis.records.errors import RecordsError
from analysis.records.reading import StudyRecords, read_study
from analysis.records.schema import DataInfo, StudySettings
from analysis.records.trials import trial_table

if TYPE_CHECKING:
    from analysis.report.comparison import Comparison
    from analysis.report.summary import StudySummary


@dataclass(frozen=True, eq=False)
class LoadedStudy:
    """A study as it was when it was loaded, finished or not. What is costly is computed once, when first asked for.

    Attributes:
        location: its directory, or its URI.
        records: everything it left, as it was read.
    """

    location: str
    records: StudyRecords

    def __repr__(self) -> str:
        """Name, approaches and runs; the verdict in short once the report was asked for, as it may take its time."""
        searched = int((self.trials.phase == "search").sum())
        runs = f"{searched} trials, {len(self.trials) - searched} final runs"
        verdict = [_short(self.headline)] if "report" in self.__dict__ else []
        parts = [self.settings.name, ", ".join(self.settings.approaches), runs, *verdict]
        return f"LoadedStudy({self.location!r}: {'; '.join(parts)})"

    @property
    def settings(self) -> StudySettings:
        """What its study file says of name, approaches, budget, replicates, level and margin."""
        return self.records.settings

    @property
    def data(self) -> DataInfo | None:
        """The data set: classes, sizes of the splits, fingerprint. None before it was read."""
        return self.records.data

    @property
    def events(self) -> pd.DataFrame:
        """One row an event of a trial or final run, in the order of `time`; columns as in docs/records.md."""
        return self.records.events

    @property
    def predictions(self) -> pd.DataFrame:
        """One row a final run and test image; columns as in docs/records.md, labels being indices of `data.classes`."""
        return self.records.predictions

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row a trial or final run, in the order in which they started.

        `phase` is search or final; `status` finished, cut, diverged, failed, lost or running; `params` the
        hyperparameters; `best_accuracy` on the validation split, `test_accuracy` on the test split.
        """
        return trial_table(self.records.events)

    @cached_property
    def report(self) -> StudySummary:
        """All that the report is written from, as frozen dataclasses: a StudySummary, in it the Comparison.

        Raises:
            RecordsError: the final runs do not share their images, or these are fewer than two images or groups.
        """
        from analysis.report.summary import summarise

        return summarise(self.records)

    @cached_property
    def approaches(self) -> pd.DataFrame:
        """One row an approach, in the order of the study file.

        `accuracy` on the test split with its interval `low` to `high` and standard error `se` over `runs` independent
        runs (seeds; replicates where the search was repeated) and images; `balanced_accuracy` with its interval;
        `log_loss` and `brier` of its probabilities and where these come from; `valid_accuracy` and `gap`, its excess
        over `accuracy`; the search's `charged_s` of `budget_s` slot-seconds and its `trials` by ending; `incumbent`,
        the best validated trial; why it was `exhausted`; and the `problem` where there is no test result. A number that
        is not known is NaN, a text that is not known None, here and in `pairs`.
        """
        from analysis.frames import searched_approaches

        return searched_approaches(self.report)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One row a pair of approaches, the more accurate one first; no row before two of them have test results.

        `difference` is the accuracy of `a` minus that of `b`, with its interval `low` to `high`, standard error `se`,
        degrees of freedom `df` and `p`; `p_adjusted`, corrected over all pairs, and the interval that agrees with it,
        `simultaneous_low` to `simultaneous_high`, in which an end at zero is not where `simultaneous_ends_at_zero`
        (and no interval is known where no variance could be estimated); `p_equivalence`, of the difference being as
        large as the margin, and `p_equivalence_adjusted`; `verdict`: a_better, b_better, equivalent or undecided;
        `detectable`, the smallest true difference that the report had an 80 % chance to find; `note`, what the test
        leaves out.
        """
        from analysis.frames import compared_pairs

        return compared_pairs(self.report.pairs)

    @property
    def headline(self) -> str:
        """The verdict in at most 15 words, a name counting as one."""
        from analysis.report.wording import headline

        return headline(self.report.comparison, self.report)

    @property
    def verdict(self) -> str:
        """The paragraph that the report opens with, to be quoted."""
        from analysis.report.wording import verdict_sentence

        return verdict_sentence(self.report.comparison, self.report)


@dataclass(frozen=True, eq=False)
class ComparedTable:
    """The comparison of a table of predictions: of each approach its runs, on the same test images.

    Attributes:
        report: all that the report is written from, as a frozen dataclass.
    """

    report: Comparison

    def __repr__(self) -> str:
        """Approaches, runs and images, and the verdict in short."""
        runs = sum(len(one.accuracy.per_seed) for one in self.report.approaches)
        names = ", ".join(self.report.names)
        return f"ComparedTable({names}; {runs} runs on {self.report.images:,} images; {_short(self.headline)})"

    @cached_property
    def approaches(self) -> pd.DataFrame:
        """One row an approach: the columns of `LoadedStudy.approaches` that speak of the test split."""
        from analysis.frames import tested_approaches

        return tested_approaches(self.report)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One row a pair of approaches, with the columns of `LoadedStudy.pairs`."""
        from analysis.frames import compared_pairs

        return compared_pairs(self.report.pairs)

    @property
    def headline(self) -> str:
        """The verdict in at most 15 words, a name counting as one."""
        from analysis.report.wording import headline

        return headline(self.report)

    @property
    def verdict(self) -> str:
        """The paragraph that the report opens with, to be quoted."""
        from analysis.report.wording import verdict_sentence

        return verdict_sentence(self.report)


def load(location: str | os.PathLike[str]) -> LoadedStudy:
    """Load a study, finished or not.

    >>> import analysis
    >>> s = analysis.load("results/three-boats")
    >>> s.pairs[["a", "b", "difference", "p_adjusted", "verdict"]].round(3)
                 a           b  difference  p_adjusted   verdict
    0  feature_svm   fine_tune       0.058       0.011  a_better
    1  feature_svm  better_cnn       0.294       0.000  a_better
    2    fine_tune  better_cnn       0.236       0.000  a_better
    >>> print(s.headline)
    One search each: feature_svm's configuration is more accurate than both others, which tried few configurations.
    >>> s.trials[s.trials.phase == "search"].groupby("approach").charged_s.sum().to_dict()
    {'better_cnn': 55.0, 'feature_svm': 10.0, 'fine_tune': 59.0}

    Args:
        location: its directory, the study.yaml in it, or its URI, such as `s3://bucket/prefix/name`.

    Raises:
        RecordsError: there is no study, or one of its files is damaged; the message is one line and names the file.
    """
    records = read_study(os.fspath(location))
    return LoadedStudy(records.location, records)


def compare(
    frame: pd.DataFrame | str | os.PathLike[str],
    *,
    alpha: float = 0.05,
    margin: float = 0.01,
    matched: bool = False,
    names: Sequence[object] | None = None,
) -> ComparedTable:
    """Compare approaches on a table of predictions, made here or elsewhere: the numbers of `python -m analysis`.

    >>> import analysis
    >>> import pandas as pd
    >>> c = analysis.compare(pd.read_csv("predictions.csv"), margin=0.02)  # or the path alone
    >>> c.approaches[["approach", "accuracy", "low", "high"]].round(3)
          approach  accuracy    low   high
    0  feature_svm     0.831  0.758  0.885
    1    fine_tune     0.772  0.692  0.836
    >>> c.pairs[["difference", "p_equivalence", "verdict"]].round(3)
       difference  p_equivalence   verdict
    0       0.058          0.973  a_better

    Args:
        frame: one row a run and test image, with the columns approach, seed, image, label and prediction; `group` where
            images come in groups (all of them or none); `p_<class>` of every class, or of none. Labels and predictions
            are class indices, or names of classes. Every seed counts as an independent run: predictions of a study
            that repeated its search are compared by `load` instead, whose runs are the replicates. Or the path of a
            .csv, .tsv (also .gz) or .parquet file of such a table.
        alpha: level of the tests; intervals have the level 1 - alpha.
        margin: accuracies closer than this count as equivalent.
        matched: whether seed s of every approach shares what it decides, say a split of the training data.
        names: the approaches to compare, in order, as they stand in the frame. Default: all, in its order. Pairs stand
            in the order of accuracy, the more accurate one first.

    Raises:
        RecordsError: the frame is no such table, the runs do not share their images, `names` is a single text, a name
            in it has no predictions, or alpha or margin is not between 0 and 1. The message is one line.
    """
    from analysis.report.design import Design
    from analysis.report.table_comparison import compare_table

    design = Design(alpha=alpha, margin=margin, matched=matched)
    wanted = None if names is None else _names(names)
    return ComparedTable(compare_table(_table(frame), design, names=wanted))


def _short(headline: str) -> str:
    """As part of a line."""
    return headline.removesuffix(".")


def _names(names: Sequence[object]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise RecordsError(f"names {names!r}: is one name; give several in a list")
    return tuple(str(name) for name in names)


def _table(frame: object) -> PredictionTable:
    if isinstance(frame, str | os.PathLike):
        return read_table(os.path.expanduser(frame))
    if not isinstance(frame, pd.DataFrame):
        found = type(frame).__name__
        raise RecordsError(f"predictions: a {found}; give a data frame, or the path of a {FORMS} file")
    return as_table(frame, source="predictions")
