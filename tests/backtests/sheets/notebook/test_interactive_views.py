"""Pictures and answer of the notebook of views: their numbers are those of the record, and each has an image."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backtests.sheets.notebook.interactive_views import moves_plot, posterior_plot, views_answer, views_plot
from foundation.paper.traces import traces_picture
from research.forecast import Benchmark, BlackLitterman, ViewEffects, read_views, unconstrained_weights, view_effects
from research.portfolio import load_portfolio

FILE = Path(__file__).parents[4] / "data" / "portfolios" / "sixty_forty.yaml"
VIEW = "SPY beats AGG by 4% a year"


def effects_of(text: str) -> ViewEffects:
    portfolio = load_portfolio(FILE)
    past = portfolio.market.past(portfolio.market.row("2020-12-31"))
    model = BlackLitterman(read_views(text), Benchmark({"SPY": 0.6, "AGG": 0.4}))
    return view_effects(model, past, partial(unconstrained_weights, risk_aversion=2.5))


@pytest.fixture(scope="module")
def effects() -> ViewEffects:
    return effects_of(f"{VIEW}, confidence 60%; AGG returns 1% a year, confidence 0%")


def points(figure: Any, panel: str) -> dict[str, float]:
    """What each row of a panel shows; panels are those of plotly, y, y2 and so on."""
    return {trace.y[0]: float(trace.x[0]) for trace in figure.data if trace.yaxis == panel}


def test_pictures_have_the_numbers_of_the_record(effects: ViewEffects) -> None:
    lines, views = effects.posterior.lines(), effects.posterior.views()
    found = points(posterior_plot(effects.posterior), "y")
    assert list(found) == ["SPY, prior", "SPY, posterior", "AGG, prior", "AGG, posterior"]
    assert found["SPY, posterior"] == pytest.approx(100.0 * lines.loc["SPY", "posterior"])
    of_view = {name: 100.0 * views.loc[VIEW, name] for name in ("prior", "view", "posterior")}
    assert points(views_plot(effects.posterior), "y") == pytest.approx(of_view)
    moves = moves_plot(effects)
    whole = dict(zip(("SPY", "AGG"), 100.0 * (effects.weights - effects.prior_weights), strict=True))
    assert points(moves, "y3") == pytest.approx(whole)
    assert points(moves, "y") == pytest.approx(whole)  # the other view has no confidence
    assert list(points(moves, "y2").values()) == [0.0, 0.0]


def test_intervals_are_drawn_and_none_where_they_are_infinite(effects: ViewEffects) -> None:
    reach = [trace.error_x.array[0] for trace in views_plot(effects.posterior).data if trace.y[0] == "view"]
    assert reach[0] > 0.0
    assert reach[1] == 0.0


@pytest.mark.parametrize("plot", [posterior_plot, views_plot, moves_plot])
def test_each_picture_has_an_image(effects: ViewEffects, plot: Any) -> None:
    drawn = traces_picture(plot(effects if plot is moves_plot else effects.posterior)).wide
    words = ["weight, percentage points", VIEW, "all views"] if plot is moves_plot else ["return, % a year, with 90 %"]
    for word in words:
        assert re.search(rf">{re.escape(word)}<", drawn), word


def test_the_answer_names_the_line_and_the_view_that_moved_most(effects: ViewEffects) -> None:
    said = views_answer(effects)
    assert f"The strongest is *{VIEW}*" in said
    assert "move SPY most" in said or "move AGG most" in said
    assert views_answer(effects_of("AGG returns 1% a year, confidence 0%")).startswith("No view moves a weight")
