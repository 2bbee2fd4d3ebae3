"""The report: an HTML file that needs no network, the same as Markdown, the numbers as JSON, each figure's data as CSV.

Of a study directory, or of a bare table of predictions; the second is the first without the search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from analysis.predictions.table import read_table
from analysis.records.cells import as_csv
from analysis.records.reading import read_study
from analysis.records.slugs import visible
from analysis.records.store import Store
from analysis.report import wording
from analysis.report.comparison import Comparison
from analysis.report.design import Design
from analysis.report.figures import draw_comparison, draw_study
from analysis.report.figures.style import Drawing
from analysis.report.json import report_json
from analysis.report.looks import record_look
from analysis.report.summary import StudySummary, summarise
from analysis.report.table import Table, as_html, as_markdown, code, escaped
from analysis.report.table_comparison import compare_table
from analysis.report.tables import comparison_tables, study_tables
from analysis.report.wording import search
from analysis.statistics.losses import CLIP
from analysis.statistics.power import POWER

MOST_ROWS = 60  # of a figure's data in the page; all of them are in its CSV file


@dataclass(frozen=True)
class ReportPaths:
    """Where a report was written, and the verdict it opens with: in one line, and in one paragraph.

    Attributes:
        notes: what was done to predictions that people brought, a sentence each.
    """

    html: str
    markdown: str
    json: str
    headline: str
    verdict: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """What a report is about.

    Attributes:
        compared: what the test predictions say; None before the first final run of a study.
        study: None for a bare table of predictions.
    """

    title: str
    compared: Comparison | None
    study: StudySummary | None = None


def write_report(location: str) -> ReportPaths:
    """Read a study, finished or not, and write report/report.html, .md and .json into it; a new look goes on record.

    SHA256SUMS says what it was made from, so that whatever changes in there later is found.

    Args:
        location: the study directory, as a path or a URI.

    Raises:
        RecordsError: it is no study directory, a file in it is damaged, the final runs do not share their images, or
            these are fewer than two images or groups.
    """
    study = summarise(read_study(location))
    store = Store(study.records.location)
    record_look(store, study.records, study.trials, study.comparison)  # first: who reads the report has looked
    paths = _write(Findings(study.records.settings.name, study.comparison, study), store, "report/")
    store.write_sums(study.records.digests)
    return paths


def write_table_report(path: str, out: str, design: Design) -> ReportPaths:
    """Read a table of predictions and write report.html, .md and .json into a folder.

    Args:
        path: a file of predictions; see predictions/files.py.
        out: the folder, as a path or a URI; made if need be.
        design: what the comparison is to answer.

    Raises:
        RecordsError: the table cannot be used, or the folder not be written.
    """
    table = read_table(path)
    return _write(Findings(path, compare_table(table, design)), Store(out), "")


def _write(findings: Findings, store: Store, below: str) -> ReportPaths:
    drawings = draw_comparison(findings.compared) if findings.compared else ()
    drawings += draw_study(findings.study) if findings.study else ()
    for drawing in drawings:
        store.write_bytes(f"{below}data/{drawing.key}.csv", as_csv(drawing.data))
    html, markdown, numbers = (f"{below}report.{suffix}" for suffix in ("html", "md", "json"))
    store.write_bytes(markdown, _bytes(render(findings, "report.md.j2")))
    store.write_bytes(numbers, _bytes(report_json(findings.title, findings.compared, findings.study)))
    store.write_bytes(html, _bytes(render(findings, "report.html.j2", drawings)))
    about = findings.compared, findings.study
    verdict = wording.headline(*about), wording.verdict_sentence(*about)
    notes = findings.compared.notes if findings.compared else ()
    return ReportPaths(store.path(html), store.path(markdown), store.path(numbers), *verdict, notes)


def _bytes(text: str) -> bytes:
    """As UTF-8; what has no place in it, half of a character in a name, is written out."""
    return text.encode("utf-8", "backslashreplace")


def render(findings: Findings, template: str, drawings: tuple[Drawing, ...] = ()) -> str:
    """Fill one template; every text in it is escaped, figures and tables alone are taken as they are.

    No terminal obeys what names hold, should somebody look at it there.
    """
    page = template.endswith(".html.j2")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis.report"),
        autoescape=page,
        finalize=None if page else _in_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"value": _value, "code": code}
    context = _context(findings, drawings, as_html if page else as_markdown)
    return visible(environment.get_template(template).render(context))


def _context(
    findings: Findings, drawings: tuple[Drawing, ...], written: Callable[[Table], Markup]
) -> dict[str, object]:
    compared, study = findings.compared, findings.study
    tables = comparison_tables(compared, study) if compared else {}
    tables |= study_tables(study) if study else {}
    return {
        "title": findings.title,
        "c": compared,
        "study": study,
        "settings": study.records.settings if study else None,
        "data": study.records.data if study else None,
        "say": wording,
        "say_search": search,
        "tables": {name: written(table) for name, table in tables.items()},
        "figures": {drawing.key: (drawing, Markup(drawing.svg), _shown(drawing.data)) for drawing in drawings},
        "smallest_probability": CLIP,
        "power": POWER,
    }


def _in_markdown(value: object) -> object:
    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _shown(data: pd.DataFrame) -> dict[str, Any]:
    """The first rows of a figure's data for its table in the page."""
    head = data.head(MOST_ROWS)
    rows = [list(row) for row in head.itertuples(index=False, name=None)]
    return {"columns": list(data.columns), "rows": rows, "left_out": len(data) - len(head)}


def _value(value: object) -> str:
    """One cell of a figure's data."""
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
