"""What `plan` prints: a study before it runs. Nothing is computed here."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from study.planning.suggest import suggest
from study.show.progress import duration
from study.show.terminal import as_is, bold
from study.show.timings import suggestion_lines, timing_lines

if TYPE_CHECKING:
    from study.config.models import StudyConfig
    from study.planning.plan import Plan


def show_plan(plan: Plan, console: Console) -> None:
    """Approaches and spaces, slots, budget, expected wall time, test images, smallest detectable difference."""
    config = plan.config
    console.print(Text.assemble(bold(config.name), as_is(f": {plan.data.source}")))
    images = plan.data.images
    console.print(
        f"{len(plan.data.classes)} classes; {images['train']:,} images to train on, {images['valid']:,} to validate, "
        f"{images['test']:,} to test"
    )
    console.print(_spaces(config))
    gpus = f" and {plan.gpus:g} GPU" if plan.gpus else ""
    console.print(f"Slots found: {plan.slots}, each {config.slot.cpus} CPU{gpus}")
    budget_s, several = config.budget.search_seconds, config.replicates > 1
    repeated = f" {config.replicates} times over, {duration(budget_s * config.replicates)} in all" if several else ""
    console.print(
        f"Search: {duration(budget_s)} charged to each of {len(config.approaches)} approaches{repeated}, at most "
        f"{duration(config.budget.trial_seconds)} to a trial; about {duration(plan.search_s)} of wall time"
    )
    over = f", spread over the {config.replicates} searches" if several else ""
    console.print(
        f"Final runs: {config.final_runs} of each approach{over}, at most {duration(config.final_seconds)} each; "
        f"{duration(plan.final_s)} of wall time at most"
    )
    if plan.timings:
        console.print("Timed here, in one slot:")
        for line in timing_lines(config, plan.timings):
            console.print(line, markup=False, soft_wrap=True)
    console.print(f"In all: about {duration(plan.total_s)} of wall time")
    varying = "searches" if several else "seeds"
    console.print(
        f"Smallest accuracy difference with an 80 % chance to be found: {_smallest(plan)} (one approach better than "
        f"all others near 0.85, two disagreeing on 10 % of the images, {varying} varying by 1 point)"
    )
    if plan.overstated:
        console.print(
            f"warning: with two {varying} of each of several approaches it is found in 55 to 75 % of studies only; "
            "plan three or more",
            style="yellow",
        )
    if plan.settled:
        console.print(_what_settling_costs(plan, plan.settled))
    if plan.repeated:
        console.print(_what_replicates_bring(plan, plan.repeated))


def show_suggestion(plan: Plan, console: Console) -> None:
    """Budgets that would be enough, as options to paste."""
    for line in suggestion_lines(suggest(plan.config, plan.timings), plan.slots):
        console.print(line, markup=False, soft_wrap=True)


def _what_settling_costs(plan: Plan, most: Plan) -> str:
    settle = plan.config.settle
    assert settle is not None
    looks = 1 + ceil((settle.at_most - plan.config.replicates) / settle.step)
    return (
        f"Goes on by itself until every pair is settled, with {settle.at_most} replicates at most: {looks} looks, "
        f"about {duration(most.total_s)} of wall time in all. The looks share alpha, so the first tests "
        f"at {plan.first_alpha:.3f}"
    )


def _smallest(plan: Plan) -> str:
    return "none that an accuracy can have" if plan.detectable is None else f"about {100 * plan.detectable:.1f} points"


def _what_replicates_bring(plan: Plan, repeated: Plan) -> str:
    return (
        "One search of each approach: the report can compare the configurations that these searches find, not the "
        f"approaches, as another search is not tried. `replicates: {repeated.config.replicates}` tries it: about "
        f"{duration(repeated.search_s - plan.search_s)} more of wall time. The smallest difference between approaches "
        f"with an 80 % chance to be found is then {_smallest(repeated)}"
    )


def _spaces(config: StudyConfig) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("approach", "hyperparameter", "searched", "published"):
        table.add_column(heading)
    for name, approach in config.approaches.items():
        first = f"{name} ({approach.approach})"
        for key, given in approach.varied.items():
            published = (approach.published or {}).get(key, "-")
            ((kind, values),) = given.written().items()
            searched = f"{kind} {', '.join(f'{value}' for value in values)}"
            table.add_row(as_is(first), as_is(key), as_is(searched), as_is(str(published)))
            first = ""
        for key, value in approach.constants.items():
            table.add_row(as_is(first), as_is(key), as_is(f"always {value}"), "")
            first = ""
        if first:
            table.add_row(as_is(first), "-", "nothing", "")
    return table
