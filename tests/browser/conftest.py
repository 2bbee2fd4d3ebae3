"""Headless Chromium without a network, looking at a report."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.synthetic_study import write_study

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars", "--allow-file-access-from-files"),
    "--host-resolver-rules=MAP * ~NOTFOUND",  # whatever the page asks for, there is no network
)
HEIGHT = 1600
# A browser window has a least width of its own, so the page is shown in a frame of the width wanted.
FRAME = """<!doctype html><body style="margin:0">
<iframe src="{page}" style="border:0;width:{width}px;height:{height}px">
</iframe><script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentWindow, root = page.document.documentElement;
  document.body.dataset.seen = JSON.stringify({{
    title: page.document.title, text: page.document.body.innerText, width: page.innerWidth,
    content_width: root.scrollWidth, requests: page.performance.getEntriesByType("resource").map(entry => entry.name),
    broken: [...page.document.querySelectorAll("nav a")].filter(link => !page.document.querySelector(link.hash)).length,
  }});
}});
</script>"""


@dataclass(frozen=True)
class Seen:
    """What the browser saw.

    Attributes:
        text: as a reader sees it, hidden parts left out.
        width, content_width: of the window and of what is in it, in CSS pixels.
        requests: addresses of everything that the page loaded beside itself.
        broken: links of the navigation that lead nowhere.
    """

    title: str
    text: str
    width: int
    content_width: int
    requests: tuple[str, ...]
    broken: int


@dataclass(frozen=True)
class Browser:
    """Looks at one page."""

    page: Path
    scratch: Path

    def see(self, width: int) -> Seen:
        dom = self._chromium("--dump-dom", width)
        found = re.search(r'data-seen="([^"]*)"', dom)
        assert found, f"the page did not load:\n{dom[:2000]}"
        seen = json.loads(html.unescape(found.group(1)))
        return Seen(**seen | {"requests": tuple(seen["requests"])})

    def picture(self, width: int) -> np.ndarray:
        """(HEIGHT, width, 3) uint8 pixels of the top of the page."""
        path = self.scratch / f"{width}.png"
        self._chromium(f"--screenshot={path}", width)
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))[:HEIGHT, :width]

    def _chromium(self, action: str, width: int) -> str:
        assert CHROMIUM is not None
        frame = self.scratch / f"{width}.html"
        frame.write_text(FRAME.format(page=self.page.as_uri(), width=width, height=HEIGHT))
        options = (f"--user-data-dir={self.scratch / 'profile'}", f"--window-size={max(width, 800)},{HEIGHT}", action)
        done = subprocess.run(
            [CHROMIUM, *FLAGS, *options, frame.as_uri()], capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The HTML report of a study of three approaches."""
    from analysis.report.write import write_report

    return Path(write_report(write_study(tmp_path_factory.mktemp("study"))).html)


@pytest.fixture(scope="session")
def browser(report: Path, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    return Browser(report, tmp_path_factory.mktemp("browser"))
