"""The report as a reader opens it: in a browser, from disk, with nothing to connect to."""

import json
import os
import re
import shutil
import subprocess
from html import unescape

import pytest
from tests.backtesting.backtested import HOSTILE, backtested, hostile_findings

from openoutcry.backtesting.judgement import judgement_of
from openoutcry.backtesting.report.backtest import write_backtest_report
from openoutcry.backtesting.report.wording import amount
from openoutcry.domain.units import ATOMS_PER_UNIT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
# Tells the frame around it what is on the page; the page's own policy would not let it run.
PROBE = """<script>
const painted = (element) => [...element.querySelectorAll("canvas")].map((canvas) => {
  const pixels = new Uint32Array(
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return new Set(pixels).size;
});
setTimeout(() => parent.postMessage(JSON.stringify({
  drawn: document.documentElement.dataset.drawn,
  title: document.title,
  colours: [...document.querySelectorAll(".canvas")].map((each) => Math.max(0, ...painted(each))),
  legends: [...document.querySelectorAll(".legend")].map((each) => each.textContent),
  figures: [...document.querySelectorAll(".figures dd")].map((each) => each.firstChild.textContent),
  trades: document.querySelectorAll("tr[data-from] button").length,
  paper: getComputedStyle(document.body).backgroundColor,
  width: document.documentElement.scrollWidth - document.documentElement.clientWidth,
}), "*"), 1500);
</script></body>"""
FRAME = """<!doctype html><title>frame</title><iframe src="probed.html" width="{width}" height="900"></iframe>
<pre></pre><script>
addEventListener("message", (event) => {{ document.querySelector("pre").textContent = event.data; }});
</script>"""


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no browser: CI must look at the report; install the package chromium")
        pytest.skip("no browser: install the package chromium to look at the report")
    return found


@pytest.fixture(scope="module")
def judged():
    result, series = backtested(findings=hostile_findings())
    return judgement_of(result), series


@pytest.fixture(scope="module")
def page(judged, tmp_path_factory):
    judgement, series = judged
    return write_backtest_report(tmp_path_factory.mktemp("page") / "report.html", judgement, [series])


def opened(browser, path, profile, *flags):
    """The page's elements after its scripts have run, and what it wrote to the console."""
    command = [
        browser,
        *FLAGS,
        *flags,
        f"--user-data-dir={profile}",
        "--virtual-time-budget=6000",
        "--dump-dom",
    ]
    done = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def probed(browser, page, folder, width, *flags):
    (folder / "probed.html").write_text(
        re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text()).replace(
            "</body>", PROBE
        )
    )
    frame = folder / "frame.html"
    frame.write_text(FRAME.format(width=width))
    dom, console = opened(browser, frame, folder / "profile", "--window-size=1400,1000", *flags)
    assert not console
    return json.loads(unescape(re.search(r"<pre>(.+?)</pre>", dom, re.DOTALL)[1]))


def test_the_page_opens_from_disk_without_a_complaint(browser, page, judged, tmp_path):
    dom, console = opened(browser, page, tmp_path / "profile")
    assert not console
    assert 'data-drawn="true"' in dom
    assert dom.count("<canvas") >= 4
    net_atoms = judged[0].result.net_atoms
    assert f"<dd>{amount(net_atoms, signed=True)} USDT" in dom
    assert (
        HOSTILE not in dom.partition('<script type="application/json"')[0]
    )  # its text is, its element is not


def test_a_policy_that_is_broken_is_a_complaint(browser, page, tmp_path):
    """So the silence above means something."""
    broken = tmp_path / "broken.html"
    broken.write_text(page.read_text().replace("</body>", "<script>1</script></body>"))
    assert opened(browser, broken, tmp_path / "profile")[1]


@pytest.mark.parametrize("look", [(1280, 1, "rgb(252, 251, 248)"), (400, 0, "rgb(19, 22, 27)")])
def test_the_charts_are_drawn_at_every_width_in_light_and_dark(browser, page, judged, tmp_path, look):
    width, scheme, paper = look
    judgement, series = judged
    found = probed(browser, page, tmp_path, width, f"--blink-settings=preferredColorScheme={scheme}")
    assert found["drawn"] == "true"
    assert found["title"] == "sma-cross on COIN/USDT"
    assert len(found["colours"]) == 2
    assert min(found["colours"]) > 20  # shades of lines, fills and text: a blank canvas has one
    assert found["paper"] == paper
    assert found["width"] <= 0  # nothing hangs out of the page
    result = judgement.result
    last = round(result.curve.equity_atoms[-1] / ATOMS_PER_UNIT)
    assert f"equity {last:,}" in found["legends"][0]
    assert f"close {series.close_ticks[-1] / 100:,.2f}" in found["legends"][1]
    assert found["figures"][0] == f"{amount(result.net_atoms, signed=True)} USDT"
    assert found["figures"][4] == f"{judgement.performance.trades:,}"
    assert found["trades"] == len(judgement.trips)
