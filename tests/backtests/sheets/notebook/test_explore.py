"""Sliders round a band: each step is the backtest of its setting, and a real JupyterLab moves them.

The last test writes `docs/explore.webp` anew into .cache/, where a person looks at it before it is kept.
"""

import io
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from browser import chromium
from notebook_pages import PATIENCE, ROOT, lab
from PIL import Image
from playwright.sync_api import Page, WebSocket, sync_playwright

from backtests.comparison import compare
from backtests.engine.run import backtest
from backtests.sheets.notebook.explore import THIN, Explorer, explore, weights_strip
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import Market, load_market
from research.rules import Threshold

TARGET = FixedWeights({"SPY": 0.6, "AGG": 0.4})
COSTS = Costs.bps(2, commission=5)
ANIMATION = ROOT / ".cache" / "explore.webp"
MOVES = 8  # of the animation, by half a point
SETTLED = """was => {
  const shown = document.querySelector('.explored'), width = document.querySelector('.widget-readout').textContent;
  return shown.dataset.drawn !== was && shown.textContent.trim().startsWith(`±${parseFloat(width)} % band`);
}"""
CELLS = (
    """import backtests.sheets.notebook.explore as hand
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import load_market
market = load_market("us_etf_ohlcv").select(["SPY", "AGG"])
hand.REST = 5.0  # longer than a busy machine takes between two steps
explorer = hand.explore(market, FixedWeights((0.6, 0.4)), Costs.bps(2, commission=5))
explorer""",
    "print('steps', explorer.drawn, 'counted', explorer.counted, 'kept', list(explorer.kept))",
)


@pytest.fixture(scope="module")
def market() -> Market:
    return load_market("us_etf_ohlcv").select(["SPY", "AGG"])


@pytest.fixture
def explorer(market: Market) -> Explorer:
    return explore(market, TARGET, COSTS, nav=2e6)


def test_a_step_says_what_a_backtest_of_its_setting_says(explorer: Explorer, market: Market) -> None:
    sliders = explorer.sliders
    sliders["width"].value, sliders["multiple"].value, sliders["penalty"].value = 3.5, 2.0, 8.0
    row = market.row(market.dates[market.dates < "2015-01-01"][-1])
    sliders["start"].value, sliders["day_cost"].value = row, 100.0
    played = backtest(market, Threshold(TARGET, 0.035), COSTS.scaled(2.0), start="2015-01-02", nav=2e6)
    j = compare({"one": played, "two": played}, tracking_penalty=8.0, draws=100).scores["one"]
    said = re.sub("<[^>]*>", "", explorer.step())
    days = len(played.trading_days) / (len(played.net_returns) / 252.0)
    assert said.startswith("±3.5 % band from 2015-01-02: growth ")
    assert (
        f"It loses {j['loss']:.2f} bp a year, {j['loss'] * 200.0 + 100.0 * j['trading_days']:,.0f} of 2,000,000" in said
    )
    assert j["trading_days"] == pytest.approx(days, rel=0.01)
    assert np.isclose(explorer.setting.width, 0.035)


def test_what_is_kept_is_compared_and_each_setting_at_rest_counts(explorer: Explorer, market: Market) -> None:
    explorer.keep()
    explorer.sliders["width"].value = 5.0  # outside a kernel, which has no loop, a step is at rest at once
    explorer.keep()
    assert list(explorer.kept) == ["±2 % band", "±5 % band"]
    assert (explorer.drawn, explorer.counted) == (1, 1)
    found = compare(explorer.kept, market, COSTS, draws=100)
    assert list(found.scores) == list(explorer.kept)


def test_the_strip_shows_the_weights_at_a_few_hundred_days(explorer: Explorer, market: Market) -> None:
    played = backtest(market, Threshold(TARGET, explorer.setting.width), COSTS)
    strip = weights_strip(played)
    assert strip.count("<path") == 2
    assert max(path.count("L") + path.count(" ") for path in re.findall(r'd="([^"]*)"', strip)) <= 6 * THIN


def test_sliders_move_in_jupyterlab_and_the_last_picture_stays(tmp_path: Path) -> None:
    """Each step that the kernel is sent is one picture in one message; at rest one setting counts, and all is drawn."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "hand.ipynb")
    updates: list[int] = []

    def listen(socket: WebSocket) -> None:
        socket.on(
            "framereceived",
            lambda data: updates.append(
                bytes(data if isinstance(data, bytes) else data.encode()).count(b"data-drawn=")
            ),
        )

    with sync_playwright() as playwright, lab(tmp_path) as address:
        browser = playwright.chromium.launch(executable_path=chromium())
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.set_default_timeout(PATIENCE)
        page.on("websocket", listen)
        page.goto(f"{address}/doc/tree/hand.ipynb")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # before, JupyterLab forgets what it is told to run
        page.locator(".jp-CodeCell").first.click()
        page.keyboard.press("Shift+Enter")
        page.wait_for_selector(".explored[data-drawn='1']")
        page.wait_for_function("document.querySelectorAll('.jp-OutputArea-output img').length >= 2")
        first = page.locator(".jp-OutputArea-output img").first.get_attribute("src")
        updates.clear()
        page.locator(".noUi-handle").first.focus()
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        page.wait_for_function("document.querySelector('.explored p').textContent.startsWith('±3 % band')")
        drawn = int(page.locator(".explored").get_attribute("data-drawn") or 0)
        assert 2 <= drawn <= 11  # a busy kernel is sent the last place of the hand alone
        page.get_by_role("button", name="Keep this policy").click()
        page.wait_for_function("document.body.textContent.includes('Kept: ±3 % band.')")
        page.wait_for_function(
            "before => document.querySelector('.jp-OutputArea-output img').src !== before", arg=first
        )
        page.locator(".jp-CodeCell").last.click()
        page.keyboard.press("Shift+Enter")
        page.wait_for_function(f"document.body.textContent.includes(\"steps {drawn} counted 2 kept ['±3 % band']\")")
        assert sum(updates) == drawn - 1  # of which the browser tells later than it shows them
        frames = _moved(page)
        assert len({frame.tobytes() for frame in frames}) == MOVES
        ANIMATION.parent.mkdir(exist_ok=True)
        frames[0].save(ANIMATION, save_all=True, append_images=frames[1:], duration=600, loop=0, quality=70)
        with Image.open(ANIMATION) as made, Image.open(ROOT / "docs" / "explore.webp") as kept:
            assert (made.n_frames, kept.n_frames) == (MOVES, MOVES)  # type: ignore[attr-defined]
            assert made.width == kept.width
        page.keyboard.press("Control+s")
        page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
        saved = nbformat.read(tmp_path / "hand.ipynb", 4)
        nbformat.write(saved, tmp_path / "again.ipynb")
        again = browser.new_page()
        again.set_default_timeout(PATIENCE)
        again.goto(f"{address}/doc/tree/again.ipynb")  # which nobody has trusted
        again.wait_for_function(
            "[...document.querySelectorAll('.jp-OutputArea-output img')].filter(e => e.naturalWidth).length >= 2"
        )
        browser.close()


def _moved(page: Page) -> list[Image.Image]:
    """What sliders and picture look like at each of some widths."""
    hand, frames = page.locator(".noUi-handle").first, []
    hand.focus()
    page.keyboard.press("Home")
    for _ in range(MOVES):
        drawn = page.locator(".explored").get_attribute("data-drawn")
        page.keyboard.press("PageUp")
        page.wait_for_function(SETTLED, arg=drawn)
        frames.append(Image.open(io.BytesIO(page.locator(".widget-vbox").first.screenshot())).convert("RGB"))
    return frames
