"""The report of a study: one HTML file that needs no network, the same as Markdown, and the numbers as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from analysis import wording
from analysis.figures import draw_all
from analysis.outcomes import SMALLEST_PROBABILITY
from analysis.power import POWER
from analysis.records import Store, read_study
from analysis.report_json import report_json
from analysis.summary import StudySummary, summarise

FEATURE_RULES = {
    "first_use": "Frozen features were extracted once; every approach that uses them was charged that cost once.",
    "every_trial": "Every trial that uses frozen features was charged the full cost of extracting them.",
    "free": "The extraction of frozen features was charged to nobody: approaches that use them had a head start.",
}


@dataclass(frozen=True)
class ReportPaths:
    """Where a report was written."""

    html: str
    markdown: str
    json: str


def write_report(location: str) -> ReportPaths:
    """Read a study, finished or not, and write report/report.html, .md and .json into it.

    Args:
        location: the study directory, as a path or a URI.

    Raises:
        RecordsError: it is no study directory, a file in it is damaged, the final runs do not share their images, or
            these are fewer than two images or groups.
    """
    study = summarise(read_study(location))
    store, paths = Store(location), ReportPaths("report/report.html", "report/report.md", "report/report.json")
    store.write_bytes(paths.html, render(study, "report.html.j2").encode())
    store.write_bytes(paths.markdown, render(study, "report.md.j2").encode())
    store.write_bytes(paths.json, report_json(study).encode())
    return ReportPaths(store.path(paths.html), store.path(paths.markdown), store.path(paths.json))


def render(study: StudySummary, template: str) -> str:
    """Fill one template; in HTML every text is escaped, figures alone are taken as they are."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis"),
        autoescape=template.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        number=wording.number,
        signed=wording.signed,
        p=wording.p_value,
        seconds=wording.seconds,
        cell=_cell,
        params=_params,
    )
    return environment.get_template(template).render(_context(study, with_figures=template.endswith(".html.j2")))


def _context(study: StudySummary, *, with_figures: bool) -> dict[str, Any]:
    figures = {drawing.key: (drawing, Markup(drawing.svg)) for drawing in draw_all(study)} if with_figures else {}
    return {
        "study": study,
        "settings": study.records.settings,
        "data": study.records.data,
        "level": wording.level(study),
        "verdict": wording.verdict_sentence(study),
        "gap": wording.gap_sentence(study),
        "pair_verdict": wording.pair_verdict,
        "variance_sentence": wording.variance_sentence,
        "rule": FEATURE_RULES[study.records.settings.feature_cost],
        "unit": "replicate" if study.records.settings.replicates > 1 else "seed",
        "figures": figures,
        "environment": sorted(study.records.environment.items()),
        "smallest_probability": SMALLEST_PROBABILITY,
        "power": POWER,
    }


def _cell(value: object) -> str:
    """Text that cannot break a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def _params(params: dict[str, object]) -> str:
    """Hyperparameters in one line, rounded for reading."""
    shown = (f"{value:.3g}" if isinstance(value, float) else str(value) for value in params.values())
    return ", ".join(f"{name} {value}" for name, value in zip(params, shown, strict=True))
