"""A small version of benchmarks/error_rates.py, and what its simulated studies are like."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

with pytest.MonkeyPatch.context() as context:  # the benchmarks are scripts, no package
    context.syspath_prepend(BENCHMARKS)
    import error_rates
    from probit import Design, Variation, correct, latent

DRAWS = 300
ALLOWED = 3  # standard errors: what chance alone may do to a rate from so few draws


def cell(name: str) -> error_rates.Cell:
    return next(cell for cell in error_rates.CELLS if cell.name == name)


def simulate(design: Design, draws: int, accuracies: tuple[float, ...]) -> np.ndarray:
    return correct(design, latent(design, draws, np.random.default_rng(1)), accuracies)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "error_rates.py"), "--jobs", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent, check=False)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("grouped", [False, True])
def test_simulated_approaches_have_the_accuracy_asked_for_however_they_vary(grouped):
    approaches = (Variation(), Variation(seed_sd=0.3), Variation(run_sd=0, interaction_sd=1.5))
    accuracies = (0.8, 0.85, 0.6)
    runs = simulate(Design(approaches, 3, 50, grouped), 3000, accuracies)
    studies = runs.mean(axis=(2, 3))  # (draws, K), independent of each other
    error = studies.std(axis=0) / np.sqrt(len(studies))
    assert np.all(np.abs(studies.mean(axis=0) - accuracies) < ALLOWED * error)


def test_an_approach_without_seed_and_run_variance_answers_alike_with_every_seed():
    runs = simulate(Design((Variation(run_sd=0), Variation()), 4, 60), 5, (0.8, 0.8))
    assert (runs[:, 0] == runs[:, 0, :1]).all()
    assert (runs[:, 1] != runs[:, 1, :1]).any()


def test_seed_variance_moves_the_accuracies_of_seeds_by_what_the_probit_scale_says():
    # The accuracy of a seed is Phi((m + u) / sqrt(1 + 0.25 + 0.25)); its spread is about phi(.) 0.2 / sqrt(1.5).
    runs = simulate(Design((Variation(seed_sd=0.2),), 2, 2000), 1000, (0.8,))
    expected = stats.norm.pdf(stats.norm.ppf(0.8)) * 0.2 / np.sqrt(1.5)
    spread = runs.mean(axis=3).reshape(1000, 2).std(axis=1, ddof=1)
    assert np.sqrt(np.mean(spread**2)) == pytest.approx(expected, rel=0.1)


def test_groups_hold_four_to_ten_images_that_are_mostly_classified_alike():
    design = Design((Variation(),), 1, 196, grouped=True)
    _, sizes = np.unique(design.groups, return_counts=True)
    assert (sizes.min(), sizes.max(), sizes.sum()) == (4, 10, 196)
    first, second = simulate(design, 200, (0.8,))[:, 0, 0, :2].T
    assert np.mean(first == second) > 0.8 > 0.8**2 + 0.2**2  # the last is what independent images agree on


@pytest.mark.parametrize("name", ["no-seed-variance-S5-N200", "large-S10-N200", "one-side-S5-N200-grouped"])
def test_the_tests_err_about_as_often_as_they_say_and_pooling_seeds_errs_more_often(name):
    rates = error_rates.measure(cell(name), DRAWS)
    for rate in rates:
        allowed = ALLOWED * max(rate.se, 0.01)
        assert rate.required_low - allowed <= rate.rate <= rate.required_high + allowed, rate
    by_name = {rate.quantity: rate.rate for rate in rates}
    assert by_name["power"] > by_name["false positives"]
    assert by_name["McNemar, pooled seeds"] > 2 * by_name["false positives"]


def test_a_cell_gives_the_same_rates_whatever_else_is_measured(tmp_path):
    names, out = ["small-S3-N200", "deterministic-S3-N200"], tmp_path / "rates.csv"
    run("--draws", "20", "--cells", *names, "--out", str(out))
    alone = [f"{rate.rate:.5f}" for rate in error_rates.measure(cell(names[1]), 20)]
    assert [row["rate"] for row in table(out) if row["cell"] == names[1]] == alone
    assert {row["cell"] for row in table(out)} == set(names)


def test_a_requirement_that_does_not_hold_is_said_and_gives_exit_code_1():
    ended = run("--draws", "1", "--cells", "small-S3-N200")  # one study rejects in 0 or 100 %
    assert ended.returncode == 1
    assert "required 2 to 7.5 %: FAILS in small-S3-N200" in ended.stdout
    assert "written" not in ended.stdout  # a part of the cells does not replace the table of all


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--cells", "tiny-*"], "no cell is named like tiny-*"), (["--draws", "0"], "--draws is 0")],
)
def test_unusable_arguments_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        error_rates.main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_the_paired_t_habit_is_scipys():
    apart = np.random.default_rng(2).integers(-3, 9, (40, 5))
    expected = stats.ttest_1samp(apart, 0, axis=1).pvalue < error_rates.ALPHA
    assert error_rates.paired_t_rejections(apart) == expected.sum()
    assert 0 < expected.sum() < 40


def test_the_table_beside_the_benchmark_covers_every_cell_and_holds():
    rows = table(BENCHMARKS / "error_rates.csv")
    assert [(row["cell"], row["quantity"]) for row in rows] == [
        (cell.name, quantity) for cell in error_rates.CELLS for quantity in error_rates.REQUIRED
    ]
    for row in rows:
        assert int(row["draws"]) >= 4000
        assert float(row["required_low"]) <= float(row["rate"]) <= float(row["required_high"]), row


def test_nothing_is_required_of_holm_with_three_matched_seeds_and_of_all_other_cells_the_same():
    free = {cell.name for cell in error_rates.CELLS if cell.matched and cell.seeds == 3}
    for row in table(BENCHMARKS / "error_rates.csv"):
        required = (float(row["required_low"]), float(row["required_high"]))
        limit = row["cell"] in free and row["quantity"].startswith("Holm")
        assert required == ((0, 1) if limit else error_rates.REQUIRED[row["quantity"]]), row
