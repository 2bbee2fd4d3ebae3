"""The figure of the search has a panel for whatever the study's own spaces draw from a range."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from analysis.records.store import read_study
from analysis.report.figures import draw_study
from analysis.report.figures.axes import Axis, axes
from analysis.report.figures.budget import MOST_PANELS, _magnitudes
from analysis.report.figures.style import Drawing, one_panel
from analysis.report.summary import summarise


def drawn(location: str, spaces: Mapping[str, Mapping[str, object]]) -> Drawing | None:
    """The figure of the search, had the approaches these spaces."""
    records = read_study(location)
    settings = records.settings.model_copy(update={"approaches": {a: {"space": space} for a, space in spaces.items()}})
    study = summarise(replace(records, settings=settings))
    return next((figure for figure in draw_study(study) if figure.key == "search"), None)


def panels(figure: Drawing) -> int:
    """Matplotlib names each pair of axes in the SVG."""
    return figure.svg.count('id="search-axes_')


def test_ranges_get_an_axis_in_the_order_of_their_appearance_and_choices_get_none():
    first = {
        "lr": {"loguniform": [1e-4, 1e-2]},
        "batch_size": {"categorical": [32, 64]},
        "crop": {"int": [0, 3]},
        "momentum": {"uniform": [0.0, 0.99]},
        "epochs": {"logint": [5, 160]},
        "optimizer": "adam",
        "warmup": {"int": [4, 4]},
    }
    found = axes([{"space": first}, {"space": {"neighbours": {"int": [1, 50]}}}, {}])
    assert found == (
        Axis("lr", 1e-4, log=True),
        Axis("crop", 0.0, log=False),
        Axis("momentum", 0.0, log=False),
        Axis("epochs", 5.0, log=True),
        Axis("neighbours", 1.0, log=False),
    )


def test_an_axis_that_several_approaches_share_reaches_from_the_least_and_is_logarithmic_for_any():
    spaces = ({"space": {"lr": given}} for given in ({"uniform": [0.01, 1.0]}, {"loguniform": [1e-5, 1e-2]}))
    assert axes(spaces) == (Axis("lr", 1e-5, log=True),)


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
