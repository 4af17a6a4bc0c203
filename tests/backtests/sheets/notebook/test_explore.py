"""Sliders round a band: each step is the backtest of its setting, and a real JupyterLab moves them.

The last test writes `docs/explore.webp` anew into .cache/, where a person looks at it before it is kept.
"""

import asyncio
import io
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from browser import chromium
from notebook_pages import PATIENCE, ROOT, lab
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from backtests.comparison import compare
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
from backtests.sheets.notebook.explore import Explorer, explore, gaps_to_target
from foundation.errors import ConfigError
from research.accounting import Costs, Execution
from research.allocation import FixedWeights
from research.market import Market
from research.rules import Threshold

TARGET = FixedWeights({"SPY": 0.6, "AGG": 0.4})
COSTS = Costs.bps(2, commission=5)
ANIMATION = ROOT / ".cache" / "explore.webp"
MOVES = 8  # of the animation, by half a point
SETTLED = """was => {
  const shown = document.querySelector('.explored'), width = document.querySelector('.widget-readout').textContent;
  return shown.dataset.drawn !== was && shown.textContent.trim().startsWith(`±${parseFloat(width)} % band`);
}"""
DRAWN = re.compile(rb'data-drawn=\\?"(\d+)')
CELLS = (
    """import backtests.sheets.notebook.explore as hand
from research.accounting import Costs, Execution
from research.allocation import FixedWeights
from research.market import load_market
market = load_market("multi_asset_daily").select(["SPY", "AGG", "GLD"])
hand.REST = 1e6  # the second cell rests
explorer = hand.explore(market, FixedWeights({"SPY": 0.5, "AGG": 0.3, "GLD": 0.2}), Costs.bps(3, commission=5))
explorer""",
    """explorer.rest()
print('steps', explorer.drawn, 'counted', explorer.counted, 'kept', list(explorer.kept))""",
)


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


def test_each_backtest_has_the_terms_that_were_given(market: Market) -> None:
    """So that the hand feels what the portfolio's comparison finds."""
    terms: dict[str, Any] = {"nav": 5e5, "lag": 3, "execution": Execution(days=3)}
    explorer = explore(market, TARGET, COSTS, start="2014-03-03", tracking_penalty=50.0, **terms)
    played = backtest(market, Threshold(TARGET, 0.02), COSTS, start="2014-03-03", **terms)
    own = score(played, Benchmark.of(played, 50.0), ("loss", "cost"))
    assert f"costs {own['cost']:.2f} bp" in explorer.step()
    assert f"It loses {own['loss']:.2f} bp a year" in explorer.step()


def test_every_start_leaves_a_year(market: Market, explorer: Explorer) -> None:
    for _, row in explorer.sliders["start"].options[-3:]:
        explorer.sliders["start"].value = row
        assert market.dates[row + 1].strftime("%Y-%m-%d") in explorer.step()
    with pytest.raises(ConfigError, match="the market ends on '1993-12-31': give a year of days or more"):
        explore(market.until("1993-12-31"), TARGET, COSTS)
    with pytest.raises(ConfigError, match="start is '2022-12-01': give a day from 1993-02-01 to 2022-02-2"):
        explore(market, TARGET, COSTS, start="2022-12-01")


@pytest.mark.parametrize("given", [{"tracking_penalty": -1.0}, {"day_cost": -5.0}, {"day_cost": "much"}])
def test_a_price_below_zero_is_refused(given: dict[str, Any], market: Market) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(given))} is .*: give a number of 0 or more"):
        explore(market, TARGET, COSTS, **given)


@pytest.mark.parametrize(("given", "said"), [
    ({"market": pd.DataFrame({"SPY": [1.0]})}, "market is .*give the market of that table"),
    ({"target": {"SPY": 1.0}}, "target is .*give an allocation, such as FixedWeights"),
    ({"costs": None}, "costs is None: give `Costs`"),
    ({"nav": -1.0}, "nav is -1.0"),
])  # fmt: skip
def test_what_is_of_another_kind_is_refused(given: dict[str, Any], said: str, market: Market) -> None:
    with pytest.raises(ConfigError, match=said):
        explore(**({"market": market, "target": TARGET, "costs": COSTS} | given))


def test_what_is_kept_is_compared_and_each_setting_at_rest_counts(explorer: Explorer, market: Market) -> None:
    explorer.keep()
    explorer.sliders["width"].value = 5.0  # outside a kernel, which has no loop, a step is at rest at once
    explorer.keep(0.05, 0.012341, 0.012342)
    assert list(explorer.kept) == ["±2 % band", "±5 % band", "±1.2341 % band", "±1.2342 % band"]
    assert (explorer.drawn, explorer.counted) == (1, 1)
    assert list(compare(explorer.kept, market, COSTS, draws=100).scores) == list(explorer.kept)


def test_what_a_browser_adds_to_a_width_is_no_step(explorer: Explorer) -> None:
    explorer.step()
    explorer.sliders["width"].value = 2.0000000000000004
    assert (explorer.drawn, explorer.setting.width) == (1, 0.02)


def test_a_setting_counts_when_the_hand_rests(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backtests.sheets.notebook.explore.REST", 1e-3)
    rested = asyncio.Event()
    monkeypatch.setattr(explorer, "rest", lambda: (Explorer.rest(explorer), rested.set()))

    async def hand() -> None:
        for width in (3.0, 4.0, 5.0):
            explorer.sliders["width"].value = width
        assert (explorer.drawn, explorer.counted) == (3, 0)
        await rested.wait()
        explorer.sliders["width"].value = 6.0
        explorer.rest()  # as a cell that shows it again
        await asyncio.sleep(0.05)

    asyncio.run(hand())
    assert (explorer.drawn, explorer.counted) == (4, 2)


def test_the_picture_has_the_gap_of_each_asset_and_of_cash(market: Market) -> None:
    played = backtest(market, Threshold(FixedWeights({"SPY": 0.5, "AGG": 0.3}), 0.02), COSTS, start="2010-01-04")
    found = gaps_to_target(played)
    assert list(found) == [*market.assets, "cash"]
    assert np.abs(sum(found.values())).max() < 1e-9
    assert max(np.abs(gap[1:]).max() for gap in found.values()) < 5.0
    assert list(gaps_to_target(backtest(market, Threshold(TARGET, 0.02), COSTS))) == list(market.assets)


def test_sliders_move_in_jupyterlab_and_the_last_picture_stays(tmp_path: Path) -> None:
    """Each step that the kernel is sent is one picture in one message; at rest one setting counts, and all is drawn."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "hand.ipynb")
    received: list[int] = []

    def listen(data: str | bytes) -> None:
        received.extend(map(int, DRAWN.findall(data if isinstance(data, bytes) else data.encode())))

    with sync_playwright() as playwright, lab(tmp_path) as address:
        browser = playwright.chromium.launch(executable_path=chromium())
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.set_default_timeout(PATIENCE)
        page.on("websocket", lambda socket: socket.on("framereceived", listen))
        page.goto(f"{address}/doc/tree/hand.ipynb")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # before, JupyterLab forgets what it is told to run
        page.locator(".jp-CodeCell").first.click()
        page.keyboard.press("Shift+Enter")
        page.wait_for_selector(".explored[data-drawn='1']")
        page.wait_for_function("document.querySelectorAll('.jp-OutputArea-output img').length >= 2")
        first = page.locator(".jp-OutputArea-output img").first.get_attribute("src")
        page.locator(".noUi-handle").first.focus()
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        page.wait_for_function("document.querySelector('.explored p').textContent.startsWith('±3 % band')")
        assert 2 <= int(page.locator(".explored").get_attribute("data-drawn") or 0) <= 11  # a busy kernel skips places
        page.get_by_role("button", name="Keep this policy").click()
        page.wait_for_function("document.body.textContent.includes('Kept: ±3 % band.')")
        frames = _moved(page)
        assert len({frame.tobytes() for frame in frames}) == MOVES
        drawn = int(page.locator(".explored").get_attribute("data-drawn") or 0)
        page.locator(".jp-CodeCell").last.click()
        page.keyboard.press("Shift+Enter")
        page.wait_for_function(f"document.body.textContent.includes(\"steps {drawn} counted 2 kept ['±3 % band']\")")
        assert received == list(range(1, drawn + 1))
        page.wait_for_function(
            "before => document.querySelector('.jp-OutputArea-output img').src !== before", arg=first
        )
        last = page.locator(".jp-OutputArea-output img").first.get_attribute("src")
        page.keyboard.press("Control+s")
        page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
        nbformat.write(nbformat.read(tmp_path / "hand.ipynb", 4), tmp_path / "again.ipynb")
        again = browser.new_page()
        again.set_default_timeout(PATIENCE)
        again.goto(f"{address}/doc/tree/again.ipynb")  # which nobody has trusted
        again.wait_for_function(
            "src => [...document.images].some(one => one.naturalWidth && one.src === src)", arg=last
        )
        browser.close()
    ANIMATION.parent.mkdir(exist_ok=True)
    frames[0].save(ANIMATION, save_all=True, append_images=frames[1:], duration=600, loop=0, quality=70)
    with Image.open(ANIMATION) as made, Image.open(ROOT / "docs" / "explore.webp") as kept:
        assert (made.n_frames, made.size) == (kept.n_frames, kept.size)  # type: ignore[attr-defined]


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
