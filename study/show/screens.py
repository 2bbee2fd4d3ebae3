"""What the commands print, beside the progress display. Nothing is computed here."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.records.reading import StudyRecords
from analysis.records.store import Store
from analysis.search.incumbents import best_trial
from study.show.terminal import as_is, bold, warning

if TYPE_CHECKING:
    import pandas as pd

    from analysis.published.table import PublishedPair, PublishedTable
    from analysis.report.write import ReportPaths
    from analysis.search.accounts import Spending
    from trainables.data.boats import Fetched
    from trainables.data.description import DatasetDescription


def show_status(
    records: StudyRecords,
    trials: pd.DataFrame,
    spent: dict[str, Spending],
    findings: Sequence[str],
    console: Console,
) -> None:
    """How far a study is, and what is wrong with it, a sentence each; `trials` is records.trial_table of its events."""
    console.print(Text.assemble(bold(records.settings.name), as_is(f" in {records.location}: {_stage(records)}")))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("approach", "charged", "trials", "running", "cut", "failed", "best validation", "final runs"):
        table.add_column(heading, justify="left" if heading == "approach" else "right")
    for name, account in spent.items():
        own = trials[trials.approach == name]
        searched = own[own.phase == "search"]
        best = best_trial(searched)
        table.add_row(
            as_is(name),
            f"{account.charged_s:.0f} / {account.budget_s:.0f} s",
            str(account.trials),
            str(int(searched.status.isin(["running", "lost"]).sum())),
            str(account.cut),
            str(account.failed),
            "-" if best is None else f"{best.best_accuracy:.3f}",
            str(int(own.test_accuracy.notna().sum())),
        )
    console.print(table)
    for finding in findings:
        console.print(finding, style="yellow", markup=False, soft_wrap=True)


def show_data(data: DatasetDescription, console: Console) -> None:
    """Classes, split sizes, image sizes, groups, duplicates, what was left out."""
    console.print(Text.assemble(bold(data.source), f": {len(data.classes)} classes"))
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("class")
    for split in data.images:
        table.add_column(split, justify="right")
    for index, name in enumerate(data.classes):
        table.add_row(as_is(name), *(f"{data.counts[split][index]:,}" for split in data.images))
    table.add_row(bold("all"), *(bold(f"{count:,}") for count in data.images.values()))
    table.add_row("largest class", *(f"{data.largest_share[split]:.1%}" for split in data.images))
    if data.groups is not None:
        table.add_row("groups", *(f"{data.groups[split]:,}" for split in data.images))
    console.print(table)
    sizes = ", ".join(f"{height} x {width} ({count:,})" for (height, width), count in data.image_sizes.common)
    smallest, largest = data.image_sizes.smallest, data.image_sizes.largest
    console.print(f"Image sizes (height x width): {sizes}; from {_size(smallest)} to {_size(largest)}")
    console.print(f"Identical images in more than one split: {len(data.duplicates)}")
    for duplicate in data.duplicates[:5]:
        console.print(f"  {duplicate.id_a} = {duplicate.id_b}", markup=False)
    for odd in data.oddities:
        console.print(odd, markup=False, soft_wrap=True)
    if len(data.test_days) == 1:
        day = data.test_days[0].isoformat()
        console.print(f"All test images were taken on {day}: results speak of other images of that day.", markup=False)
    if found := data.proposed_groups:
        console.print(
            f"Of the test images {found.why} ({found.groups:,} groups, the largest of {found.largest:,}). Images that "
            f"resemble each other are no independent evidence; to make such a group the unit of the statistics, set\n"
            f"  data.groups: '{found.expression}'",
            markup=False,
            soft_wrap=True,
        )


def show_fetched(fetched: Fetched, console: Console) -> None:
    """What lies in the folder now."""
    counts = ", ".join(f"{split} {count:,}" for split, count in fetched.counts.items())
    found = "was there already" if fetched.already_there else "is ready"
    console.print(f"{fetched.path} {found}: {counts}", markup=False, soft_wrap=True)
    if not fetched.expected:
        console.print(warning("These are not the published 3,474 / 395 / 1,324 images."))


def show_report(paths: ReportPaths, console: Console) -> None:
    """What a report says in short, and where it lies."""
    console.print(bold(f"{paths.headline}\n"))
    for paragraph in (paths.verdict, *paths.notes):
        console.print(f"{paragraph}\n", markup=False)
    for path in (paths.html, paths.markdown, paths.json):
        console.print(path, markup=False, soft_wrap=True)


def show_outcome(directory: str, console: Console) -> None:
    """The last screen of a study: who is more accurate, by how much, how sure that is, and where everything is."""
    report = json.loads(Store(directory).read_bytes("report/report.json"))
    table = Table(box=None, padding=(0, 2, 0, 0), title="Test accuracy", title_justify="left")
    for heading in ("approach", "accuracy", _interval_heading(report), "charged", "trials"):
        table.add_column(heading, justify="left" if heading == "approach" else "right")
    for name, approach in sorted(report["approaches"].items(), key=_rank):
        accuracy = approach["accuracy"]
        scored = accuracy is not None and accuracy["estimate"] is not None
        table.add_row(
            as_is(name),
            f"{accuracy['estimate']:.3f}" if scored else "-",
            f"{accuracy['low']:.3f} to {accuracy['high']:.3f}" if scored else "-",
            f"{approach['charged_seconds']:.0f} / {approach['budget_seconds']:.0f} s",
            str(approach["trials"]),
        )
    console.print(table)
    console.print(bold(f"\n{report['headline']}\n"))
    console.print(f"{report['verdict']}\n", markup=False)
    console.print(f"Report: {directory}/report/report.html", markup=False, soft_wrap=True)
    console.print(f"Curves: transfer-study board {shlex.quote(directory)}", markup=False, soft_wrap=True)
    console.print(directory, markup=False, soft_wrap=True)


def show_published(table: PublishedTable, console: Console) -> None:
    """What accuracies alone can tell: each with its interval and its loss, every pair, what it rests on."""
    from analysis.published.wording import caveats, one_hot_loss_sentence, split_caveats

    console.print(_accuracies(table))
    for note in split_caveats(table):
        console.print()
        console.print(warning(note))
    for loss in filter(None, map(one_hot_loss_sentence, table.accuracies)):
        console.print()
        console.print(as_is(loss))
    for pair in table.pairs:
        console.print()
        console.print(bold(_heading(pair)))
        console.print(_statements(pair, table))
    notes = Table.grid(padding=(0, 1, 0, 0))
    for note in caveats(table):
        notes.add_row("-", as_is(note))
    console.print()
    console.print(notes)


def show_new_approach(module: Path, test: Path, study: Path, console: Console) -> None:
    """Which files were written, and what to do with each."""
    about = "k-nearest neighbours on frozen features, to be changed into your approach"
    console.print(f"{module}: {about}", markup=False, soft_wrap=True)
    console.print("\nDoes it keep the contract? Is it any better? Say")
    for command in (("python", "-m", "pytest", str(test)), ("transfer-study", "run", str(study))):
        console.print(f"  {shlex.join(command)}", markup=False, soft_wrap=True)


def _interval_heading(report: dict[str, Any]) -> str:
    from analysis.numbers import level

    known = report.get("significance")  # not before a final run is evaluated
    return f"{level(known['look_alpha'])} interval" if known else "interval"


def _rank(named: tuple[str, dict[str, Any]]) -> float:
    """The most accurate first, those without a test result last."""
    accuracy = named[1]["accuracy"]
    return -accuracy["estimate"] if accuracy and accuracy["estimate"] is not None else 1.0


def _accuracies(table: PublishedTable) -> Table:
    shown = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("approach", "split", "accuracy", "images", "correct", f"{100 * (1 - table.alpha):g} % interval"):
        shown.add_column(heading, justify="left" if heading in ("approach", "split") else "right")
    for accuracy in table.accuracies:
        row, counts = accuracy.row, accuracy.counts
        correct = f"{counts.fewest:,}" if counts.fewest == counts.most else f"{counts.fewest:,} to {counts.most:,}"
        interval = f"{accuracy.low:.3f} to {accuracy.high:.3f}"
        shown.add_row(
            as_is(row.name), as_is(row.split or "not known"), as_is(row.accuracy), f"{row.images:,}", correct, interval
        )
    return shown


def _heading(pair: PublishedPair) -> str:
    from analysis.numbers import points

    return f"{pair.a.row.name} against {pair.b.row.name}: {points(pair.difference)} points"


def _statements(pair: PublishedPair, table: PublishedTable) -> Table:
    from analysis.published import wording as said

    verdict = (said.verdict_sentence(pair, table.level), said.plausibility_sentence(pair), said.order_sentence(pair))
    statements = {
        "verdict": " ".join(sentence for sentence in verdict if sentence),
        "paired": said.paired_sentence(pair),
        "unpaired": said.unpaired_sentence(pair, table.alpha),
        "images needed": said.images_sentence(pair),
        "seeds": said.seeds_sentence(pair),
    }
    shown = Table.grid(padding=(0, 2, 0, 0))
    for label, sentence in statements.items():
        if sentence:
            shown.add_row(f"  {label}", as_is(sentence))
    return shown


def _stage(records: StudyRecords) -> str:
    if not records.phases:
        return "not begun"
    last = records.phases[-1]
    if last.phase == "report" and last.event == "finished":
        return "finished"
    return f"in phase '{last.phase}' when it last wrote; `transfer-study resume` continues it if it is not running"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
