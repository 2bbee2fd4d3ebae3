"""The report as a reader sees it: in a browser, with no network, on a telephone and on a desk."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow
WIDTHS = (390, 1200)  # CSS pixels: a telephone held upright, and a window on a desk


@pytest.fixture(scope="session")
def verdict(report) -> str:
    return json.loads(report.with_suffix(".json").read_text())["verdict"]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_opens_without_a_network_and_shows_its_verdict(browser, verdict, width):
    seen = browser.see(width)
    assert "three-boats" in seen.title
    assert " ".join(verdict.split()) in " ".join(seen.text.split())


def test_the_report_loads_nothing_beside_itself(browser):
    assert browser.see(1200).requests == ()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_no_wider_than_the_window(browser, width):
    """Wide tables and figures scroll by themselves."""
    seen = browser.see(width)
    assert seen.width == width
    assert seen.content_width <= width


def test_every_link_of_the_navigation_leads_somewhere(browser):
    assert browser.see(1200).broken == 0


def test_names_of_classes_are_text_and_never_markup(browser):
    assert "<b>barge & tug</b>" in browser.see(1200).text


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_is_drawn(browser, width):
    pixels = browser.picture(width)
    assert pixels.shape[1] == width
    shades = pixels.reshape(-1, 3)
    ink = (shades < 128).all(axis=1).mean()
    assert 0.005 < ink < 0.5, "text and figures, on a light page"
    assert len({tuple(shade) for shade in shades[::97]}) > 20, "figures have colours"
