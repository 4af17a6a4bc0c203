"""What repeated backtests have in common is made once, and a changed input is always seen."""

import gc
import pickle
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from simulated import MakeMarket

from backtests.engine import Backtest, backtest
from foundation.arrays import MOST_VALUES, Array, kept
from research.accounting import Costs, Execution
from research.allocation import EqualWeights, FixedWeights, InverseVolatility
from research.market import Market, Past
from research.rules import Calendar, Threshold

PLAYED: dict[str, Any] = {"policy": Threshold(InverseVolatility(window=20), 0.01), "costs": Costs.bps(3, commission=5)}


@pytest.fixture
def market(make_market: MakeMarket) -> Market:
    """150 sessions of three assets, the third listed late, with quotes."""
    made = make_market(np.random.default_rng(3).normal(0.0, 0.02, (150, 3)), first=[0, 0, 30])
    return replace(made, prices=np.where(made.tradable, 40.0 * made.index, np.nan))


def last_rows_halved(market: Market) -> Market:
    """Other returns at the end, on which no target depends that was there before."""
    returns = market.returns.copy()
    returns[-30:] *= 0.5
    return replace(market, returns=returns)


CHANGES: dict[str, Callable[[Market], tuple[Market, dict[str, Any]]]] = {
    "returns": lambda market: (last_rows_halved(market), {}),
    "cash": lambda market: (replace(market, cash=market.cash + 1e-4), {}),
    "lines": lambda market: (market.select(market.assets[::-1]), {}),
    "dates": lambda market: (market.until(market.dates[120]), {}),
    "costs": lambda market: (market, {"costs": Costs.bps(3, commission=6)}),
    "spread": lambda market: (market, {"costs": Costs.bps(3, commission=5, half_spread=[1, 2, 3])}),
    "band": lambda market: (market, {"policy": replace(PLAYED["policy"], band=0.011)}),
    "destination": lambda market: (market, {"policy": replace(PLAYED["policy"], to="edge")}),
    "window": lambda market: (market, {"policy": Threshold(InverseVolatility(window=21), 0.01)}),
    "rule": lambda market: (market, {"policy": Calendar(InverseVolatility(window=20), "month")}),
    "start": lambda market: (market, {"start": market.dates[60]}),
    "lag": lambda market: (market, {"lag": 2}),
    "execution": lambda market: (market, {"execution": Execution(minimum_trade=0.02)}),
}


def paths(played: Backtest) -> list[bytes]:
    """All that was booked, to the bit."""
    return [values.tobytes() for values in played.ledger]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_input_is_seen_at_the_next_call(market: Market, change: str) -> None:
    before = backtest(market, **PLAYED)
    other, given = CHANGES[change](market)
    after = backtest(other, **(PLAYED | given))
    assert paths(after) == paths(backtest(pickle.loads(pickle.dumps(other)), **(PLAYED | given)))  # nothing kept there
    assert paths(after) != paths(before)
    assert paths(backtest(market, **PLAYED)) == paths(before)


def test_a_repeated_call_makes_targets_once(market: Market) -> None:
    one, other = backtest(market, **PLAYED), backtest(market, **PLAYED)
    assert one.targets is other.targets
    assert one.ledger.nav is not other.ledger.nav


def test_bands_of_one_path_of_targets_are_made_anew_for_other_dates(make_market: MakeMarket) -> None:
    """The same rule on the same path of targets: it trades at the months' ends of each market."""
    returns = np.random.default_rng(3).normal(0.0, 0.02, (150, 3))
    one, other = make_market(returns), make_market(returns, begin="2018-01-12")
    rule, costs = Calendar(EqualWeights(), "month"), Costs.bps(3, commission=5)
    targets = backtest(one, rule, costs).targets
    for market in (one, other, one):
        played = backtest(market, rule, costs, targets=targets)
        ends = np.flatnonzero(np.diff(market.dates.month))
        assert played.ledger.asked.tolist() == ends[ends > played.first].tolist()


@pytest.mark.parametrize("copy", [lambda given: given, lambda given: pickle.loads(pickle.dumps(given))])
def test_what_is_kept_by_cannot_be_written_to(market: Market, copy: Callable[[Any], Any]) -> None:
    of_market, costs, targets = copy(market), copy(PLAYED["costs"]), copy(backtest(market, **PLAYED).targets)
    arrays = [of_market.returns, of_market.tradable, of_market.cash, of_market.prices, of_market.index]
    arrays += [costs.commission, costs.half_spread, costs.ticket, costs.total, targets.rows, targets.row, targets.seen]
    for values in arrays:
        with pytest.raises(ValueError, match="read-only"):
            values[0] = values[-1]


def test_arrays_that_a_market_was_made_from_can_change_without_it(market: Market) -> None:
    returns = market.returns.copy()
    other = replace(market, returns=returns)
    before = paths(backtest(other, **PLAYED))
    returns[5:] *= -1.0
    assert paths(backtest(other, **PLAYED)) == before


@dataclass
class Whim:
    """An allocation of a user's own, which may be changed between two calls."""

    weights: tuple[float, ...]
    schedule: str = "listing"
    window: int = 0

    def target(self, past: Past) -> Array:
        """(n,) the weights of today."""
        return np.array(self.weights)


class Drawn(EqualWeights):
    """A shipped allocation that a user made draw numbers."""

    rng = np.random.default_rng(1)

    def target(self, past: Past) -> Array:
        """(n,) other weights at each call."""
        return self.rng.dirichlet(np.ones(len(past.assets)))


def test_an_allocation_of_ones_own_is_asked_anew(make_market: MakeMarket) -> None:
    market = make_market(np.random.default_rng(0).normal(0.0, 0.02, (50, 2)))
    whim, costs = Whim((0.5, 0.5)), Costs.bps(2)
    first = backtest(market, Calendar(whim, "week"), costs)
    whim.weights = (0.9, 0.1)
    second = backtest(market, Calendar(whim, "week"), costs)
    assert first.targets.rows.tolist() == [[0.5, 0.5]]
    assert second.targets.rows.tolist() == [[0.9, 0.1]]
    one, other = (backtest(market, Calendar(Drawn(), "week"), costs) for _ in range(2))
    assert one.targets.rows.tolist() != other.targets.rows.tolist()


def test_what_is_kept_goes_with_its_market(make_market: MakeMarket) -> None:
    market = make_market(np.random.default_rng(0).normal(0.0, 0.02, (50, 2)))
    backtest(market, Calendar(FixedWeights((0.5, 0.5)), "week"), Costs.bps(2))
    gone = weakref.ref(market)
    del market
    gc.collect()
    assert gone() is None


def test_the_least_recently_used_value_is_dropped(make_market: MakeMarket) -> None:
    market, made = make_market(np.zeros((5, 1))), []
    for number in (*range(MOST_VALUES), 0, MOST_VALUES, 0, 1):
        kept(market, number, lambda number=number: made.append(number))  # type: ignore[misc]
    assert made == [*range(MOST_VALUES), MOST_VALUES, 1]
