"""What every model of regimes promises: a day's row never changes, nothing looks ahead, a failed fit is said."""

from dataclasses import dataclass

import numpy as np
import pytest
from simulated import world

from foundation.errors import DataError
from research.forecast import JumpModel, MarkovRegimes, MarkovSwitching, VolatilityPercentiles, as_known, history
from research.forecast.regimes.protocol import Regimes
from research.market import Market
from research.portfolio.keys.allocations import REGIME_MODELS
from research.risk import RegimeSwitching, simulated_market

TRUTH = RegimeSwitching([[0.1], [-0.2]], [[[0.01]], [[0.09]]], [[0.98, 0.02], [0.05, 0.95]], 252.0)
DAYS = 1_100
LAW = MarkovRegimes("S1", (0.0, 0.0), (0.006, 0.02), ((0.98, 0.02), (0.05, 0.95)), "2002-06-03")
EVERY = [
    LAW,
    MarkovSwitching("S1", states=2),
    MarkovSwitching("S1", states=3, schedule="quarter", seed=2),
    JumpModel("S1"),
    VolatilityPercentiles("S1"),
    VolatilityPercentiles("S1", lookback=300),
]


@pytest.fixture(scope="module")
def market() -> Market:
    return simulated_market(TRUTH, days=DAYS, seed=6)


def otherwise(market: Market, row: int) -> Market:
    """The same market with other returns after a row."""
    returns = market.returns.copy()
    returns[row + 1 :] = np.random.default_rng(row).normal(0.001, 0.03, returns[row + 1 :].shape)
    return Market(
        market.dates, market.assets, returns, market.tradable, market.cash, market.instruments, market.prices,
        calendar=market.calendar,
    )  # fmt: skip


def test_every_kind_is_an_example() -> None:
    assert {type(one) for one in EVERY} == set(REGIME_MODELS.values())
    assert all(isinstance(one, Regimes) for one in EVERY)


@pytest.mark.parametrize("regimes", EVERY, ids=repr)
def test_a_row_never_changes_and_the_future_changes_nothing(market: Market, regimes: Regimes) -> None:
    for row in (700, 899, 1_050):
        fitted, _ = regimes.in_force(market.past(row))
        known = fitted.probabilities(market.past(row))
        assert known.shape == (row, len(fitted.names))
        np.testing.assert_allclose(known.sum(axis=1), 1.0, atol=1e-12)
        assert fitted.probabilities(market.past(DAYS))[:row].tobytes() == known.tobytes()
        other = otherwise(market, row).past(row)
        assert regimes.in_force(other)[0].probabilities(other).tobytes() == known.tobytes()


@pytest.mark.parametrize("regimes", EVERY, ids=repr)
def test_what_is_shown_as_known_is_what_was_in_force_on_the_day(market: Market, regimes: Regimes) -> None:
    shown = as_known(regimes, market.past(DAYS))
    known = shown.notna().all(axis=1).to_numpy()
    first = int(np.argmax(known))
    assert known[first:].all()
    assert first == int(regimes.fit_rows(market.past(DAYS))[0])
    for row in (first, 800, 1_000, DAYS):
        expected = regimes.in_force(market.past(row))[0].probabilities(market.past(row))[-1].tolist()
        assert shown.iloc[row].tolist() == expected
    assert shown[:901].equals(as_known(regimes, otherwise(market, 900).past(900)).set_axis(shown.columns, axis=1))


def test_states_are_ordered_by_volatility_in_every_refit(market: Market) -> None:
    model = MarkovSwitching("S1", states=3, schedule="quarter")
    for row in model.fit_rows(market.past(DAYS)):
        assert np.all(np.diff(model.in_force(market.past(int(row)))[0].deviations) > 0.0)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class FailsLater(MarkovSwitching):
    def fit(self, past):  # type: ignore[no-untyped-def]
        if past.t > 600:
            raise DataError("the search ends nowhere")
        return super().fit(past)


def test_a_fit_that_fails_leaves_the_last_good_one_and_says_so(market: Market) -> None:
    fitted, notes = FailsLater("S1").in_force(market.past(1_000))
    assert market.row(fitted.seen) <= 600  # type: ignore[arg-type]
    assert notes == (
        f"the regimes of S1 are those of {fitted.seen:%Y-%m-%d}: a later fit failed, the search ends nowhere",
    )
    with pytest.raises(DataError, match=r"249 returns up to .* are too few: FailsLater is first fitted on 250"):
        FailsLater("S1").in_force(market.past(249))


def test_a_line_counts_from_its_listing_on() -> None:
    market = world(days=700, n=2)
    tradable = market.tradable.copy()
    tradable[:100, 1] = False
    late = Market(
        market.dates, market.assets, np.where(tradable, market.returns, 0.0), tradable, market.cash,
        market.instruments, market.prices, calendar=market.calendar,
    )  # fmt: skip
    assert history(late.past(200), "B").tolist() == market.returns[101:201, 1].tolist()
    assert history(late.past(50), "B").tolist() == []
    regimes = VolatilityPercentiles("B")
    assert np.flatnonzero(as_known(regimes, late.past(699)).notna().all(axis=1))[0] == 350
    with pytest.raises(DataError, match="unknown asset 'X': the market has A, B"):
        VolatilityPercentiles("X").check(late.past(10))
