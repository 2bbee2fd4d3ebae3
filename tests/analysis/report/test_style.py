"""Names of approaches stand in figures as they are, whatever Matplotlib would make of them."""

from analysis.predictions.outcomes import read_outcomes
from analysis.report.comparison import compare
from analysis.report.design import Design
from analysis.report.figures import draw_comparison
from analysis.report.figures.style import legend, legend_label, one_panel
from tests.support.synthetic_study import CLASSES, two_runs_each


def test_a_name_with_a_leading_underscore_has_its_place_in_the_legend():
    figure, ax = one_panel(3.0)
    for name in ("_mine", "yours"):
        ax.plot([0], [0], "o", label=legend_label(name))
    legend(figure, ax)
    (shown,) = figure.legends
    assert [text.get_text().strip() for text in shown.get_texts()] == ["_mine", "yours"]


def test_a_name_that_would_be_a_formula_is_drawn_as_it_is_written():
    names = ("x$y^$", "_mine", "a/../b#c?d")
    seen = read_outcomes(two_runs_each(names), grouped=False)
    drawings = draw_comparison(compare(seen, names=names, classes=CLASSES, design=Design()))
    assert [drawing.key for drawing in drawings if drawing.title.endswith(": x$y^$")] == ["confusion-1"]
