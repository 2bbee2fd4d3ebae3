import json
import re
from dataclasses import replace
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.frames import compared_pairs
from analysis.numbers import p_value, seconds
from analysis.records.reading import read_study
from analysis.report.figures import draw_comparison, draw_study
from analysis.report.figures.classes import MOST_CLASSES, _most_confused, draw_confusion
from analysis.report.figures.style import Drawing, class_label
from analysis.report.json import report_json
from analysis.report.summary import StudySummary, summarise
from analysis.report.wording import headline, verdict_sentence
from analysis.report.write import Findings, ReportPaths, render, write_report
from analysis.statistics.equivalence import equivalence_p
from analysis.statistics.paired import difference
from analysis.statistics.several.simultaneous import Simultaneous, simultaneous
from analysis.statistics.verdicts import verdict
from tests.support.synthetic_study import write_study

pytestmark = pytest.mark.slow

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Collects tags and attributes, and checks that what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def study_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One study, that the tests read and none of them changes."""
    return write_study(tmp_path_factory.mktemp("study"))


@cache
def written(location: str) -> ReportPaths:
    """The report of a study, written once."""
    return write_report(location)


def html(location: str) -> str:
    return Path(written(location).html).read_text()


def markdown(study: StudySummary) -> str:
    return render(Findings("a study", study.comparison, study), "report.md.j2")


def quoted(study: StudySummary) -> str:
    return verdict_sentence(study.comparison, study)


def draw(location: str) -> tuple[Drawing, ...]:
    study = summarise(read_study(location))
    assert study.comparison is not None
    return draw_comparison(study.comparison) + draw_study(study)


@cache
def drawn(location: str) -> tuple[Drawing, ...]:
    """The figures of a study, drawn once."""
    return draw(location)


def test_the_smallest_probability_is_written_in_one_way(study_dir):
    page, text = html(study_dir), Path(written(study_dir).markdown).read_text()
    assert "one-hot clipped at 1e-7" in page
    assert "one-hot clipped at 1e-7" in text
    assert "1e-07" not in page + text


def test_the_json_has_the_names_that_others_rely_on(study_dir):
    report = json.loads(Path(written(study_dir).json).read_text())
    assert next(iter(report.items())) == ("schema_version", 2)
    svm = report["approaches"]["feature_svm"]
    assert set(svm["accuracy"]) >= {"estimate", "low", "high"}
    assert set(svm) >= {"charged_seconds", "budget_seconds", "trials", "cut", "failed", "incumbent", "final_runs"}
    assert svm["incumbent"]["trial"] == "feature_svm-r0-0000"
    assert len(svm["final_runs"]) == 3
    pair = report["pairs"][0]
    assert set(pair) >= {"a", "b", "difference", "low", "high", "p", "p_adjusted", "df", "verdict", "se"}
    assert set(pair["components"]) == {"image", "seed_a", "seed_b"}
    assert pair["verdict"] in {"a_better", "b_better", "equivalent", "undecided"}
    assert set(report["search"]) == {"wall_seconds", "slots", "mean_slots", "utilisation", "charged_spread"}
    data = report["data"]
    assert (data["classes"], data["train"], data["valid"], data["test"]) == (3, 60, 30, 120)
    assert data["fingerprint"] == "f" * 64
    assert report["environment"]["commit"] == "abc"


@pytest.mark.usefixtures("undrawn")
def test_what_is_unknown_is_null_in_the_json(make_study):
    text = Path(write_report(make_study(accuracy={})).json).read_text()
    report = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert report["approaches"]["fine_tune"]["accuracy"] is None
    assert report["pairs"] == []


def test_the_page_loads_nothing_and_links_only_to_the_data_beside_it(study_dir):
    page = Path(written(study_dir).html)
    text = page.read_text()
    links = [value or "" for name, value in Page(text).attributes if name in {"src", "href", "xlink:href", "srcset"}]
    outside = {link for link in links if not link.startswith(("#", "data:"))}
    assert outside == {f"data/{file.name}" for file in (page.parent / "data").iterdir()}
    assert "<script" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert "@import" not in text


def test_the_page_is_well_formed_with_unique_figure_ids_and_a_title(study_dir):
    page = Page(html(study_dir))
    assert page.open == []
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert ("lang", "en") in page.attributes
    assert "three-boats: report" in page.words


def test_names_of_classes_and_files_are_escaped(study_dir):
    text = html(study_dir)
    assert "<b>barge" not in text
    assert "&lt;b&gt;barge &amp; tug&lt;/b&gt;" in text
    assert "train/ferry/&lt;broken&gt;.jpg" in text


def test_every_figure_has_a_caption_and_says_what_it_shows(study_dir):
    text = html(study_dir)
    drawn = text.count("<svg ")
    # of the test split: accuracy, differences, power, agreement, reliability, classes, a confusion matrix for each
    # approach; of the search: incumbents, expected best, trials
    assert drawn == 6 + 3 + 3
    assert text.count("<figcaption>") == text.count('role="img" aria-label="') == drawn


def test_every_figure_names_its_split(study_dir):
    for drawing in drawn(study_dir):
        assert re.search("test|validation", drawing.title + drawing.caption, re.IGNORECASE), drawing.key


def test_class_names_that_the_font_cannot_write_are_given_by_their_index(study_dir):
    records = read_study(study_dir)
    assert records.data is not None
    data = records.data.model_copy(update={"classes": ("船", "$x^2$ and $\\nonsense$", "gondola")})
    study = summarise(replace(records, data=data))
    assert study.comparison is not None
    for test in study.comparison.ranked:
        draw_confusion(study.comparison, test)  # a missing glyph would warn
    assert [class_label(data.classes, c) for c in range(3)] == ["0", r"\$x^2\$ and \$\nonsense\$", "gondola"]


def test_the_same_study_gives_the_same_figures(study_dir):
    assert [figure.svg for figure in draw(study_dir)] == [figure.svg for figure in drawn(study_dir)]


def test_the_numbers_of_every_figure_lie_beside_the_report(study_dir):
    page = Path(written(study_dir).html)
    differences = pd.read_csv(page.parent / "data" / "differences.csv")
    report = json.loads(page.with_suffix(".json").read_text())
    assert differences.difference.tolist() == pytest.approx([pair["difference"] for pair in report["pairs"]])
    for figure in drawn(study_dir):
        assert len(pd.read_csv(page.parent / "data" / f"{figure.key}.csv")) == len(figure.data) > 0


def test_the_markdown_tables_have_as_many_cells_in_every_row(study_dir):
    text = Path(written(study_dir).markdown).read_text()
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    # of the test split: accuracy, differences, where their uncertainty comes from, secondary views, McNemar run by run,
    # losses, their differences, hard decisions, classes; of the study: accounts, incumbents, hyperparameters, final
    # runs, environment
    assert len(tables) == 9 + 5
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_secondary_views_are_the_same_numbers_in_page_and_markdown(study_dir):
    paths = written(study_dir)
    report = json.loads(Path(paths.json).read_text())
    page, text = unescape(re.sub(r"<[^>]*>", " ", Path(paths.html).read_text())), Path(paths.markdown).read_text()
    for pair in report["pairs"]:
        mid = [single["p_mid"] for single in pair["mcnemar"]]
        runs = f"{p_value(min(mid))} to {p_value(max(mid))}", f"{sum(p < 0.05 for p in mid)} of {len(mid)}"
        post, balanced, won = pair["posterior"], pair["balanced"]["difference"], pair["superiority"]["probability"]
        shown = [f"{post[name]:.2f}" for name in ("a_better", "equivalent", "b_better")]
        interval = f"{pair['superiority']['low']:.2f} to {pair['superiority']['high']:.2f}"
        numbers = [*runs, *shown, f"{won:.2f}", interval, f"{abs(balanced):.3f}"]
        row = re.compile(rf"{pair['a']} − {pair['b']}\W.*" + ".*".join(numbers))
        assert row.search(page)
        assert row.search(text)


def test_the_report_opens_with_the_verdict(study_dir):
    study = summarise(read_study(study_dir))
    text = Path(written(study_dir).markdown).read_text()
    assert text.startswith(f"# three-boats\n\n**{headline(study.comparison, study)}**\n\n{quoted(study)}\n")


def test_after_one_search_the_configuration_that_it_found_is_the_more_accurate_one(make_study):
    study = summarise(read_study(make_study(accuracy={"better_cnn": 0.4, "fine_tune": 0.6, "feature_svm": 0.95})))
    sentence = quoted(study)
    found = "the configuration that this one search found for feature_svm has the highest test accuracy"
    assert re.search(rf"{found}: 0\.\d{{3}} \(95 % interval ", sentence)
    assert "It is more accurate than the one found for fine_tune by " in sentence
    assert "won" not in sentence
    assert "Another search was not tried" in sentence
    assert "feature_svm ran out of configurations" in sentence


def test_an_undecided_pair_is_not_called_equal(make_study):
    study = summarise(read_study(make_study(accuracy={"fine_tune": 0.85, "feature_svm": 0.85})))
    sentence = quoted(study)
    assert "not enough evidence" in sentence
    assert "won" not in sentence
    assert "no difference" not in sentence
    assert "better_cnn has no test result: no final run has been evaluated." in sentence


def alike(study: StudySummary, images: int) -> StudySummary:
    """The same study, had the two answered each of so many images alike."""
    (pair,), compared = study.pairs, study.comparison
    assert compared is not None
    d, margin = pair.difference, study.records.settings.significance.margin
    twin = np.ones((3, images))
    same = difference(d.a, d.b, twin, twin)
    p = equivalence_p(same, margin)
    decided = verdict(same, 1.0, p, alpha=0.05)
    made = replace(
        pair,
        difference=same,
        p_adjusted=1.0,
        interval=simultaneous([same], [1.0], alpha=0.05)[0],
        p_equivalence=p,
        p_equivalence_adjusted=p,
        within_margin=p < 0.05,
        verdict=decided,
        detectable=None,
    )
    return replace(study, comparison=replace(compared, pairs=(made,)))


def test_approaches_that_answer_few_images_alike_are_not_said_to_differ_little(make_study):
    two = summarise(read_study(make_study(accuracy={"fine_tune": 0.85, "feature_svm": 0.85})))
    sentence = quoted(alike(two, 100))
    assert "which does not show that they are equally good" in sentence
    assert "the same on every test image, and there are too few of them" in sentence
    assert "0.0 points could" not in sentence
    assert "interval +0.0" not in sentence
    same = (
        "The configuration found for feature_svm is exactly as accurate on these images as the one found for fine_tune"
    )
    assert same in quoted(alike(two, 300)), "who it is stands there, as the sentence before is about both"
    assert "and equivalent within 1 point (" in quoted(alike(two, 300))


def test_without_variance_no_difference_is_called_detectable(make_study):
    location = make_study(accuracy={"fine_tune": 0.85, "feature_svm": 0.85})
    records = read_study(location)
    perfect = records.predictions.assign(prediction=records.predictions.label)
    study = summarise(replace(records, predictions=perfect))
    assert [pair.detectable for pair in study.pairs] == [None]
    assert json.loads(report_json("a study", study.comparison, study))["pairs"][0]["detectable"] is None
    assert "could easily have been missed" not in markdown(study)


def test_a_single_approach_is_reported_without_a_comparison(make_study):
    sentence = quoted(summarise(read_study(make_study(accuracy={"fine_tune": 0.85}))))
    assert "fine_tune is the only approach with test results" in sentence


@pytest.mark.usefixtures("undrawn")
def test_a_study_without_final_runs_can_be_reported(make_study):
    text = html(make_study(accuracy={}))
    assert "nothing can be said about test accuracy yet" in text
    assert "ran out of configurations" in text


def test_one_seed_is_reported_with_its_limits(make_study):
    text = markdown(summarise(read_study(make_study(seeds=1))))
    assert "one seed of feature_svm and better_cnn: how much another seed would change the result is left out" in text
    assert "None" not in text
    assert re.search(r"\| P\(A>B\) \|.*\n.*\n(.* \| [01]\.\d\d \| – \| .*\n){3}", text), "P(A > B) has no interval"


def test_a_study_that_has_only_begun_can_be_reported(make_study, tmp_path):
    location = make_study(accuracy={})
    for name in ("records", "phases", "features", "data.json", "environment.json"):
        path = tmp_path / "study" / name
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            file.unlink()
    assert "The data have not been read yet." in html(location)


def test_a_large_confusion_matrix_shows_the_most_confused_classes():
    matrix = np.eye(50) * 10
    matrix[7, 31] = 5
    shown = _most_confused(matrix)
    assert len(shown) == MOST_CLASSES
    assert {7, 31} <= set(shown)


@pytest.mark.parametrize(("value", "words"), [(3.14, "3.1 s"), (300, "5.0 min"), (9000, "2.5 h")])
def test_durations_read_well(value, words):
    assert seconds(value) == words


def test_an_interval_that_cannot_be_estimated_is_null_and_not_a_point(make_study):
    records = read_study(make_study(accuracy={"fine_tune": 0.85, "feature_svm": 0.85}))
    certain = {"p_0": 0.0, "p_1": 0.0, "p_2": 0.0}
    perfect = records.predictions.assign(prediction=records.predictions.label, **certain)
    for c in range(3):
        perfect.loc[perfect.label == c, f"p_{c}"] = 1.0
    study = summarise(replace(records, predictions=perfect))
    report = json.loads(report_json("a study", study.comparison, study))
    (pair,) = report["pairs"]
    for found in (pair, pair["simultaneous"], pair["balanced"], pair["losses"]["log_loss"]):
        assert (found["low"], found["high"]) == (None, None)
    (one, *_) = report["class_differences"]
    assert (one["low"], one["high"]) == (None, None)
    svm = report["approaches"]["feature_svm"]
    assert svm["accuracy"]["low"] < 1 == svm["accuracy"]["high"], "an accuracy always has one"
    for loss in (svm["losses"]["log_loss"], svm["losses"]["brier"], svm["calibration"]["ece"]):
        assert (loss["estimate"], loss["low"], loss["high"]) == (0.0, None, None)
    frame = compared_pairs(study.pairs)
    assert frame[["low", "high", "simultaneous_low", "simultaneous_high"]].isna().all(axis=None)
    assert "0.000 to 0.000" not in markdown(study)


def test_an_interval_that_ends_at_zero_says_so_and_holds_no_number_in_its_place(study_dir):
    study = summarise(read_study(study_dir))
    compared = study.comparison
    assert compared is not None
    first, *others = compared.pairs
    above = replace(first, interval=Simultaneous(0.0, 0.1, ends_at_zero=True))
    changed = replace(compared, pairs=(above, *others))
    report = json.loads(report_json("a study", changed, study))
    assert report["pairs"][0]["simultaneous"] == {"low": 0.0, "high": 0.1, "ends_at_zero": True}
    frame = compared_pairs(changed.pairs)
    assert frame.simultaneous_low[0] == 0
    assert frame.simultaneous_ends_at_zero.tolist() == [True, *(pair.interval.ends_at_zero for pair in others)]
    assert "above 0 to +0.100" in markdown(replace(study, comparison=changed))
    assert not re.search(r"1e-\d\d", json.dumps(report["pairs"][0]["simultaneous"]))
