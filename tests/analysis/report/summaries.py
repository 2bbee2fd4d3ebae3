"""The summary of a study, for tests."""

from analysis.records.reading import read_study
from analysis.report.summary import StudySummary, summarise


def summary(location: str) -> StudySummary:
    return summarise(read_study(location))


def approach(study: StudySummary, name: str):
    return next(a for a in study.approaches if a.name == name)
