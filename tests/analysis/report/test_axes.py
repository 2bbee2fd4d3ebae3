"""The figure of the search has a panel for whatever the study's own spaces draw from numbers."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from analysis.records.reading import read_study
from analysis.records.store import Store
from analysis.report.figures import draw_study
from analysis.report.figures.axes import Axis, axes
from analysis.report.figures.budget import MOST_PANELS, _magnitudes
from analysis.report.figures.style import Drawing, one_panel
from analysis.report.summary import summarise
from analysis.report.write import write_report


def drawn(location: str, spaces: Mapping[str, Mapping[str, object]]) -> Drawing | None:
    """The figure of the search, had the approaches these spaces."""
    records = read_study(location)
    settings = records.settings.model_copy(update={"approaches": {a: {"space": space} for a, space in spaces.items()}})
    study = summarise(replace(records, settings=settings))
    return next((figure for figure in draw_study(study) if figure.key == "search"), None)


def panels(figure: Drawing) -> int:
    """Matplotlib names each pair of axes in the SVG."""
    return figure.svg.count('id="search-axes_')


def test_what_is_drawn_from_numbers_gets_an_axis_in_the_order_of_appearance_and_nothing_else_does():
    first = {
        "lr": {"loguniform": [1e-4, 1e-2]},
        "batch_size": {"categorical": [64, 32]},
        "weight_decay": {"categorical": [1e-4, 1e-2, 1e-3]},
        "dropout": {"categorical": [0, 0.5]},
        "gamma": {"categorical": ["scale", 0.1, 1.0]},
        "augment": {"categorical": [True, False]},
        "layers": {"categorical": [2, 2]},
        "crop": {"int": [0, 3]},
        "momentum": {"uniform": [0.0, 0.99]},
        "epochs": {"logint": [5, 160]},
        "optimizer": "adam",
        "warmup": {"int": [4, 4]},
    }
    found = axes([{"space": first}, {"space": {"neighbours": {"int": [1, 50]}}}, {}])
    assert found == (
        Axis("lr", 1e-4, log=True),
        Axis("batch_size", 32.0, log=False),
        Axis("weight_decay", 1e-4, log=True),
        Axis("dropout", 0.0, log=False),
        Axis("crop", 0.0, log=False),
        Axis("momentum", 0.0, log=False),
        Axis("epochs", 5.0, log=True),
        Axis("neighbours", 1.0, log=False),
    )


def test_an_axis_that_several_approaches_share_reaches_from_the_least_and_is_logarithmic_for_any():
    spaces = ({"space": {"lr": given}} for given in ({"uniform": [0.01, 1.0]}, {"loguniform": [1e-5, 1e-2]}))
    assert axes(spaces) == (Axis("lr", 1e-5, log=True),)


@pytest.mark.parametrize("linear", [{"uniform": [0, 0.01]}, {"categorical": [0, 0.01]}])
@pytest.mark.parametrize("turned", [False, True])
def test_a_linear_range_from_zero_leaves_the_shared_axis_of_magnitudes_positive(linear, turned):
    spaces = [{"space": {"weight_decay": given}} for given in (linear, {"loguniform": [1e-6, 1e-2]})]
    assert axes(reversed(spaces) if turned else spaces) == (Axis("weight_decay", 1e-6, log=True),)


def rewritten(location: str, space: Mapping[str, object], params: Mapping[str, object]) -> str:
    """The study, had better_cnn this space and its first trial these hyperparameters."""
    store = Store(location)
    settings = yaml.safe_load(store.read_bytes("study.yaml"))
    settings["approaches"]["better_cnn"]["space"] = space
    store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    started = next(event for event in store.trial_events() if event.trial == "better_cnn-r0-0000")
    store.write_trial_event(started.model_copy(update={"params": params}))
    return location


@pytest.mark.slow
def test_a_study_with_a_trial_at_zero_on_an_axis_of_magnitudes_gets_its_report(study_dir):
    report = write_report(rewritten(study_dir, {"lr": {"uniform": [0, 0.01]}}, {"lr": 0.0}))
    data = pd.read_csv(Path(report.html).parent / "data" / "search.csv")
    assert 0.0 in data["params.lr"].tolist()


def test_a_grid_of_numbers_has_a_figure_of_the_search(study_dir):
    grid = {"lr": {"categorical": [1e-4, 1e-3, 1e-2]}, "C": {"categorical": [1, 10, 100]}}
    figure = drawn(study_dir, dict.fromkeys(("better_cnn", "fine_tune", "feature_svm"), grid))
    assert figure is not None
    assert panels(figure) == 2


def test_the_hyperparameters_of_any_approach_have_a_panel(study_dir):
    training = {"epochs": {"int": [5, 40]}}
    figure = drawn(
        study_dir, {"better_cnn": training, "fine_tune": training, "feature_svm": {"C": {"logint": [1, 100]}}}
    )
    assert figure is not None
    assert panels(figure) == 2
    assert "in the numbers alone" not in figure.caption


@pytest.mark.parametrize("space", [{}, {"kernel": {"categorical": ["rbf", "linear"]}}])
def test_without_a_range_there_is_no_figure(study_dir, space):
    assert drawn(study_dir, {"better_cnn": space, "fine_tune": space, "feature_svm": space}) is None


def test_what_has_no_room_is_named_in_the_caption_and_is_in_the_numbers(study_dir):
    records = read_study(study_dir)
    names = [f"x{k}" for k in range(MOST_PANELS + 2)]
    events = records.events.assign(params=[dict.fromkeys(names, k) for k in range(len(records.events))])
    spaces = {a: {"space": {name: {"int": [0, 9]} for name in names}} for a in records.settings.approaches}
    study = summarise(
        replace(records, events=events, settings=records.settings.model_copy(update={"approaches": spaces}))
    )
    figure = draw_study(study)[-1]
    assert panels(figure) == MOST_PANELS
    assert f"The first {MOST_PANELS} of {MOST_PANELS + 2} are drawn; in the numbers alone: x6, x7." in figure.caption
    assert {f"params.{name}" for name in names} <= set(figure.data.columns)


def test_a_published_value_of_zero_has_its_place_left_of_a_logarithmic_range():
    _, ax = one_panel(3.0)
    weight_decay = [0.0, 1e-6, 1e-4, 1e-2]
    ax.plot(weight_decay, [0.5] * 4, "o")
    _magnitudes(ax, Axis("weight_decay", 1e-6, log=True), lowest=0.0)
    ax.autoscale_view()  # as drawing does
    places = [ax.transAxes.inverted().transform(ax.transData.transform((x, 0.5)))[0] for x in weight_decay]
    assert 0 < places[0] < places[1] < places[2] < places[3] < 1
    assert places[3] - places[2] == pytest.approx(places[2] - places[1]), "equal steps for equal factors"
