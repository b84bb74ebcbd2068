"""The page in a browser: figures are there and have a size, nothing overflows, nothing is loaded from elsewhere."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from report.runs import report

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage")

MEASURE = """<script>
addEventListener("load", () => {
  document.querySelectorAll("details").forEach(fold => { fold.open = true; });
  const box = x => { const b = x.getBoundingClientRect(); return [b.width, b.height, b.left, b.right]; };
  const result = {
    figures: [...document.querySelectorAll("figure svg")].map(box),
    loaded: performance.getEntriesByType("resource").map(entry => entry.name),
    page: document.documentElement.scrollWidth, window: innerWidth,
    colours: [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color],
    badge: box(document.querySelector(".badge")), contents: document.querySelectorAll(".contents a").length,
  };
  const out = document.createElement("pre");
  out.id = "measured";
  out.textContent = JSON.stringify(result);
  document.body.append(out);
});
</script>"""


def browser():
    """A Chromium on the path or installed by Playwright, or None."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    installed = sorted((Path.home() / ".cache" / "ms-playwright").glob("chromium*/chrome-linux*/*chrom*"))
    return found or next((str(path) for path in installed if os.access(path, os.X_OK) and path.is_file()), None)


pytestmark = pytest.mark.skipif(browser() is None, reason="there is no Chromium or Google Chrome here")


def run(folder, *options):
    """What the browser prints."""
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [browser(), *FLAGS, profile, *options], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def measured(folder, name, width, *options):
    """Sizes of what is on the page."""
    page = folder / "page.html"
    page.write_text(report(name).replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    dom = run(folder, f"--window-size={width},900", "--dump-dom", *options, page.as_uri())
    return json.loads(re.search(r'<pre id="measured">(.*?)</pre>', dom)[1])


def test_figures_are_shown_and_fit(tmp_path):
    for width in (1280, 500):
        found = measured(tmp_path, "demo", width)
        assert len(found["figures"]) == report("demo").count("<figure")
        for wide, high, left, right in found["figures"]:
            assert wide > 300 and high > 200
            assert left >= 0 and right <= found["window"]
        assert found["page"] <= found["window"] == width
        assert found["loaded"] == []
        assert found["contents"] == report("demo").split("</nav>")[0].count("<li>")
        assert found["badge"][0] > 0


def test_dark_page_has_light_letters(tmp_path):
    light = measured(tmp_path, "demo hosts", 1000)["colours"]
    dark = measured(tmp_path, "demo hosts", 1000, "--blink-settings=preferredColorScheme=0")["colours"]
    bright = [[sum(map(int, re.findall(r"\d+", colour))) for colour in pair] for pair in (light, dark)]
    (page, ink), (dark_page, dark_ink) = bright
    assert page > 700 and ink < 150
    assert dark_page < 150 and dark_ink > 600


def test_screenshot_shows_figures_in_colour(tmp_path):
    path = tmp_path / "shot.png"
    page = tmp_path / "page.html"
    page.write_text(report("demo hosts"), encoding="utf-8")
    run(tmp_path, "--window-size=1280,2000", f"--screenshot={path}", page.as_uri())
    pixels = image.imread(path)[..., :3]
    assert pixels.shape == (2000, 1280, 3)
    figures = pixels[:, 300:]
    coloured = np.ptp(figures, axis=-1) > 0.2
    inked = figures.mean(-1) < 0.9
    assert 0.005 < coloured.mean() < 0.5
    assert 0.02 < inked.mean() < 0.5
