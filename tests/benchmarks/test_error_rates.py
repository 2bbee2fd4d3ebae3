"""A small version of benchmarks/error_rates, and what its simulated studies are like."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy import stats

from benchmarks.error_rates import CELLS, bank, luck
from benchmarks.error_rates.__main__ import main
from benchmarks.error_rates.balanced import BOATS, CLASSES
from benchmarks.error_rates.bank import Bank
from benchmarks.error_rates.cell import ALPHA, Cell, Rate, Tally, chunks, rates
from benchmarks.error_rates.habits import paired_t_rejections
from benchmarks.error_rates.limits import EXEMPT, REQUIRED, limits
from benchmarks.error_rates.power import Power
from benchmarks.error_rates.table import BEGIN, END, markdown, put, read, summary, write
from benchmarks.probit import Design, Variation, correct, four_to_ten, latent

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DRAWS = 200
ALLOWED = 3  # standard errors: what chance alone may do to a rate from so few draws


def cell(name: str) -> Cell:
    return next(cell for cell in CELLS if cell.name == name)


def measure(name: str, studies: int) -> list[Rate]:
    chosen = cell(name)
    return rates(chosen, sum((chunk.tally() for chunk in chunks(chosen, studies)), Tally()))


def simulate(design: Design, draws: int, accuracies: Sequence[ArrayLike]) -> np.ndarray:
    return correct(design, latent(design, draws, np.random.default_rng(1)), accuracies)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.error_rates", "--jobs", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def rate(group: str, cell: str, quantity: str, rate: float, required: tuple[float, float] = (0.0, 1.0)) -> Rate:
    low, high = required
    return Rate(
        group=group, cell=cell, quantity=quantity, studies=100, rate=rate, se=0.05, required_low=low, required_high=high
    )


@pytest.mark.parametrize("sizes", [(), four_to_ten(50), (26, *(1,) * 24)])
def test_simulated_approaches_have_the_accuracy_asked_for_however_they_vary(sizes):
    approaches = (Variation(), Variation(seed_sd=0.3), Variation(run_sd=0, interaction_sd=1.5))
    accuracies = (0.8, 0.85, 0.6)
    runs = simulate(Design(approaches, 3, 50, sizes), 3000, accuracies)
    studies = runs.mean(axis=(2, 3))  # (draws, K), independent of each other
    error = studies.std(axis=0) / np.sqrt(len(studies))
    assert np.all(np.abs(studies.mean(axis=0) - accuracies) < ALLOWED * error)


def test_simulated_classes_have_accuracies_of_their_own():
    accuracies = np.repeat([0.6, 0.95], [20, 30])
    runs = simulate(Design((Variation(),), 1, 50), 3000, (accuracies,))
    found = runs.mean(axis=(0, 1, 2))
    assert found == pytest.approx(accuracies, abs=4 * np.sqrt(0.24 / 3000))


def test_an_approach_without_seed_and_run_variance_answers_alike_with_every_seed():
    runs = simulate(Design((Variation(run_sd=0), Variation()), 4, 60), 5, (0.8, 0.8))
    assert (runs[:, 0] == runs[:, 0, :1]).all()
    assert (runs[:, 1] != runs[:, 1, :1]).any()


def test_runs_of_one_seed_share_its_luck_and_follow_each_other():
    runs = simulate(Design((Variation(seed_sd=3, run_sd=0.1),), 2, 400, runs=2), 50, (0.5,)).mean(axis=3)[:, 0]
    within, between = np.abs(runs[:, 0] - runs[:, 1]), np.abs(runs[:, 1] - runs[:, 2])
    assert within.max() < 0.1 < 0.3 < between.mean()


def test_seed_variance_moves_the_accuracies_of_seeds_by_what_the_probit_scale_says():
    # The accuracy of a seed is Phi((m + u) / sqrt(1 + 0.25 + 0.25)); its spread is about phi(.) 0.2 / sqrt(1.5).
    runs = simulate(Design((Variation(seed_sd=0.2),), 2, 2000), 1000, (0.8,))
    expected = stats.norm.pdf(stats.norm.ppf(0.8)) * 0.2 / np.sqrt(1.5)
    spread = runs.mean(axis=3).reshape(1000, 2).std(axis=1, ddof=1)
    assert np.sqrt(np.mean(spread**2)) == pytest.approx(expected, rel=0.1)


def test_groups_hold_images_that_are_mostly_classified_alike():
    design = Design((Variation(),), 1, 196, four_to_ten(196))
    _, sizes = np.unique(design.groups, return_counts=True)
    assert (sizes.min(), sizes.max(), sizes.sum()) == (4, 10, 196)
    first, second = simulate(design, 200, (0.8,))[:, 0, 0, :2].T
    assert np.mean(first == second) > 0.8 > 0.8**2 + 0.2**2  # the last is what independent images agree on


def test_groups_that_do_not_add_up_to_the_images_are_refused():
    with pytest.raises(ValueError, match="groups of 5 images in all and 6 images"):
        Design((Variation(),), 1, 6, (2, 3))


def test_the_boats_have_the_sizes_that_the_seed_study_had():
    assert (len(BOATS), BOATS.sum(), BOATS.min(), BOATS.max()) == (16, 1324, 1, 420)
    assert all(
        len(accuracies) == 16 and 0 < accuracies.min() <= accuracies.max() < 1 for accuracies in CLASSES.values()
    )


@pytest.mark.parametrize(
    "name",
    [
        "pairs-no-seed-variance-S5-N200",
        "pairs-one-side-S5-N200-grouped",
        "families-large-K3-S3-N200",
        "groups-12-no-seed-variance-S3",
        "balanced-rare-worse-S3",
        "one-run-few-discordant-N200",
        "looks-3-to-7-large-unplanned",
    ],
)
def test_the_tests_err_about_as_often_as_they_say(name):
    for one in measure(name, DRAWS):
        allowed = ALLOWED * max(one.se, 0.01)
        assert one.required_low - allowed <= one.rate <= one.required_high + allowed, one


def test_pooling_seeds_errs_more_often_than_the_crossed_test():
    by_name = {one.quantity: one.rate for one in measure("pairs-large-S5-N200", DRAWS)}
    assert by_name["found"] > by_name["false positives"]
    assert by_name["McNemar, pooled seeds"] > 2 * by_name["false positives"]


def small_bank(approach: str) -> Bank:
    """Ten searches whose accuracies spread by five points: one is not like another."""
    rng = np.random.default_rng(len(approach))
    design = Design((Variation(seed_sd=0.2),), 10, 400, runs=bank.FINALS)
    finals = correct(design, latent(design, 1, rng), (0.8,))[0, 0].reshape(10, bank.FINALS, 400)
    return Bank(finals, finals)


def test_an_approach_differs_from_itself_with_one_search_and_not_with_several(monkeypatch):
    monkeypatch.setattr(luck, "bank", small_bank)
    found = {design: measure(f"luck-mlp-{design}", DRAWS)[0] for design in ("1x5", "3x5", "5x1")}
    assert found["1x5"].rate > 0.2
    assert not found["1x5"].required
    for design in ("3x5", "5x1"):
        assert found[design].rate <= found[design].required_high + ALLOWED * 0.02


def test_a_search_of_the_bank_trains_its_incumbent_anew_and_resampled_ones_spend_as_much(monkeypatch):
    monkeypatch.setitem(bank.BUDGET, "svm", 4)
    finals, resampled = bank.search("svm", 0)
    assert finals.shape == (bank.FINALS, len(bank.splits().test[1]))
    assert resampled.shape == (bank.RESAMPLED, finals.shape[1])
    assert (finals == finals[0]).all()  # an SVM does not depend on its seed
    assert (finals == bank.search("svm", 0)[0]).all()
    assert finals.mean() > 0.5
    trials = [bank.Trial({}, 1, 0.1 * number) for number in range(4)]
    assert sum(trial.charged for trial in bank._redrawn("svm", trials, np.random.default_rng(0))) == 4
    assert bank._incumbent(trials).accuracy == pytest.approx(0.3)


def test_the_digits_are_divided_by_class_and_no_image_is_in_two_splits():
    data = bank.splits()
    assert [len(labels) for _, labels in (data.train, data.valid, data.test)] == [100, 200, 1497]
    assert np.bincount(data.train[1]).tolist() == [10] * 10


def test_a_cell_gives_the_same_rates_whatever_else_is_measured(tmp_path):
    names, out = ["pairs-small-S3-N200", "pairs-deterministic-S3-N200"], tmp_path / "rates.csv"
    run("--draws", "20", "--cells", *names, "--out", str(out))
    alone = [f"{one.rate:.5f}" for one in measure(names[1], 20)]
    found = read(out)
    assert [f"{one.rate:.5f}" for one in found if one.cell == names[1]] == alone
    assert {one.cell for one in found} == set(names)


def test_a_requirement_that_does_not_hold_is_said_and_gives_exit_code_1():
    ended = run("--draws", "1", "--cells", "power-detectable-K2-S3-*")  # one study finds in 0 or 100 %
    assert ended.returncode == 1
    assert "required 75 to 85 %: FAILS in power-" in ended.stdout
    assert "written" not in ended.stdout  # a part of the cells does not replace the table of all
    assert "FAILS in pairs-x" in " ".join(summary([rate("pairs", "pairs-x", "found", 0.1, (0.0, 0.06))]))


def test_rates_are_read_as_they_were_written_and_make_the_tables_of_the_readme(tmp_path):
    found = [
        rate("pairs", "pairs-x", "coverage, accuracy", 0.94, (0.93, 1.0)),
        rate("pairs", "pairs-y", "coverage, accuracy", 0.97, (0.93, 1.0)),
        rate("luck", "luck-mlp-1x5", "false positives", 0.38),
        rate("luck", "luck-mlp-3x5", "false positives", 0.034, (0.0, 0.075)),
    ]
    write(tmp_path / "rates.csv", found)
    assert read(tmp_path / "rates.csv") == found
    lines = list(markdown(found))
    assert "| coverage, accuracy | at least 93 % | 94.0 | 97.0 | `x` |" in lines
    assert "| `mlp-1x5` | 38.0 |" in lines
    assert "| `mlp-3x5` | 3.4 (required at most 7.5 %) |" in lines


def test_tables_are_put_between_the_marks_of_a_page_and_replace_what_stood_there(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put(["| new |", ""], page)
    put(["| newer |", ""], page)
    assert page.read_text() == f"before\n{BEGIN}\n| newer |\n\n{END}\nafter\n"
    page.write_text("no marks\n")
    with pytest.raises(ValueError, match="add them where the tables belong"):
        put([], page)


def test_every_requirement_is_of_a_quantity_that_some_cell_measures_and_every_exemption_of_a_cell():
    names = [one.name for one in CELLS]
    assert len(set(names)) == len(names)
    assert all(one.name.startswith(f"{one.group}-") for one in CELLS)
    assert limits("luck-mlp-1x5", "false positives") == (0, 1)
    assert limits("luck-mlp-3x5", "false positives") == REQUIRED["false positives"] == (0, 0.075)
    assert limits("power-planned-K2-S2-N1000", "found at `planned_detectable`") == (0.75, 0.85)
    assert all(one.why and any(fnmatch(name, one.cells) for name in names) for one in EXEMPT)


def test_a_promise_is_kept_at_the_mean_accuracy_that_it_takes_for_granted():
    for cell in (Power(2, 3, True), Power(6, 3, True)):
        first, second, *_ = accuracies = cell.accuracies(0.06)
        assert (first - second, np.mean(accuracies)) == pytest.approx((0.06, 0.85))
    assert max(Power(6, 2, True).accuracies(0.22)) < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--cells", "tiny-*"], "no cell is named like tiny-*"), (["--draws", "0"], "--draws is 0")],
)
def test_unusable_arguments_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_the_paired_t_habit_is_scipys():
    apart = np.random.default_rng(2).integers(-3, 9, (40, 5))
    expected = stats.ttest_1samp(apart, 0, axis=1).pvalue < ALPHA
    assert paired_t_rejections(apart) == expected.sum()
    assert 0 < expected.sum() < 40
