"""What models of regimes are worth: the same days and costs for all, as known on the day, in words and pictures."""

from pathlib import Path

import numpy as np
import pytest

from backtests.sheets.notebook.interactive_regimes import regimes_plot, states_plot
from backtests.studies.audits.exposure_evidence import ALWAYS_INVESTED
from backtests.studies.audits.regime_worth import RegimeWorth, regime_worth
from research.forecast import MarkovSwitching, VolatilityPercentiles, as_known, number_of_states
from research.portfolio import load_portfolio

ROOT = Path(__file__).parents[4]
MODELS = {"Markov": MarkovSwitching("SPY"), "volatility": VolatilityPercentiles("SPY")}


@pytest.fixture(scope="module")
def worth() -> RegimeWorth:
    return regime_worth(load_portfolio(ROOT / "data/portfolios/sixty_forty.yaml"), MODELS, "month", draws=200)


def test_each_exposure_stands_beside_the_whole_and_its_benchmarks(worth: RegimeWorth) -> None:
    names = [ALWAYS_INVESTED]
    for name in MODELS:
        names += [name, f"constant, as {name}", f"volatility, as {name}"]
    assert (list(worth.backtests), worth.table().index.tolist()) == (names, names)
    assert len({tuple(played.dates) for played in worth.backtests.values()}) == 1


def test_what_is_held_is_the_target_times_what_was_known(worth: RegimeWorth) -> None:
    market, held = worth.portfolio.market, worth.exposures["Markov"]
    row, calm = market.row(worth.backtests["Markov"].dates[-1]), 1.0 - worth.known["Markov"].iloc[-1]
    np.testing.assert_allclose(
        held.target(market.past(row)), calm * np.asarray(worth.portfolio.strategic.target(market.past(row))), rtol=1e-12
    )


def test_the_answer_says_each_difference_with_its_interval(worth: RegimeWorth) -> None:
    words = worth.answer()
    one, rare = (worth.differences[name] for name in MODELS)
    assert one.lower < one.value < one.upper
    assert "Markov: " in words
    assert "95 % interval" in words
    assert np.isnan(rare.lower)  # one crisis in eight years
    assert "without an interval (not available)" in words


def test_pictures_show_the_numbers(worth: RegimeWorth) -> None:
    market = worth.portfolio.market
    known = as_known(MODELS["volatility"], market.past(len(market.dates) - 1)).dropna()
    drawn = regimes_plot(market, "SPY", {"known": known}, "Regimes")
    assert [trace.name for trace in drawn.data] == ["SPY", "low", "moderate", "high", "crisis"]
    assert np.asarray(drawn.data[-1].y) == pytest.approx(100.0)
    growth = np.prod(1.0 + market.returns[market.dates.isin(known.index), market.assets.index("SPY")])
    assert drawn.data[0].y[-1] == pytest.approx(growth)
    table = number_of_states(market.past(1_200), "SPY", most=2)
    assert [trace.y[0] for trace in states_plot(table).data] == ["1 state", "2 states"]
