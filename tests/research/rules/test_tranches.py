"""Tranches against portfolios that are kept apart: each is rebalanced at its own phase, and their weights averaged."""

import numpy as np
import pytest
from cases import cases
from simulated import world

from backtests.engine import backtest
from backtests.engine.result import Backtest
from foundation.arrays import Array, Mask
from foundation.errors import ConfigError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import Market
from research.market.calendars import scheduled
from research.rules import Calendar
from research.rules.protocol import Schedule
from research.rules.rules import drifted, phases

TARGET = FixedWeights((0.5, 0.3, 0.1))


def test_phases_are_spread_evenly_over_the_period() -> None:
    assert phases("quarter", 3) == (0, 21, 42)
    assert phases("week", 5) == (0, 1, 2, 3, 4)
    assert phases(10, 4) == (0, 2, 5, 7)


def test_a_tranche_drifts_as_a_portfolio_of_its_own() -> None:
    market = world(days=60)
    alone = backtest(market, Calendar(TARGET, 1000), Costs.bps(3))  # opens at target in row 0, and is left alone
    ours = drifted(np.array(TARGET.weights), market, np.array([0]), 40)
    np.testing.assert_allclose(ours, alone.weights.iloc[40], atol=1e-14)


@pytest.mark.parametrize("every", ["month", 20])
@pytest.mark.parametrize("first", [0, 133])
def test_weights_at_each_phase_are_the_mean_of_portfolios_kept_apart(every: str | int, first: int) -> None:
    """Without cost and lag: the mean weights of one portfolio for each phase, from the opening on, wherever it is."""
    ours, mean, days = beside_portfolios_kept_apart(world(days=400, seed=3), every, first, lag=0)
    assert days.sum() > 30
    np.testing.assert_allclose(ours.weights.to_numpy()[days], mean[days], atol=1e-14)


@pytest.mark.parametrize("lag", [1, 3])
def test_what_the_lines_drift_by_until_the_booking_is_not_traded(lag: int) -> None:
    """Each move is that of the portfolio without a lag, to a hundredth of what is moved at the most."""
    market = world(days=400, seed=3)
    at_once, later = (beside_portfolios_kept_apart(market, "month", 50, by)[0] for by in (0, lag))
    moved, then = (x.ledger.trades / nav_at_bookings(x) for x in (at_once, later))
    assert np.abs(moved).max() > 0.008
    np.testing.assert_allclose(then, moved, atol=1e-4)


def nav_at_bookings(played: Backtest) -> Array:
    """(j, 1) wealth at the close of each booking's day; costs are nothing here."""
    return played.nav.to_numpy()[played.ledger.booked - played.first][:, None]


def beside_portfolios_kept_apart(market: Market, every: Schedule, first: int, lag: int) -> tuple[Backtest, Array, Mask]:
    """Four tranches, the mean weights of four portfolios of a phase each, and the phases after the opening."""
    how = {"start": market.dates[first + 1], "lag": lag}
    ours, offsets = backtest(market, Calendar(TARGET, every, tranches=4), Costs.bps(3), **how), phases(every, 4)
    apart = [backtest(market, Calendar(TARGET, every, offset=o), Costs.bps(3), **how).weights for o in offsets]
    days = np.any([scheduled(market.days, every, market.calendar, o) for o in offsets], axis=0)
    return ours, np.mean([table.to_numpy() for table in apart], axis=0), days[first:] & (np.arange(400 - first) > 0)


def test_timing_luck_falls_and_turnover_stays() -> None:
    """Over the days on which a year begins, the final wealth of one yearly review scatters more than that of four."""
    markets, costs = [world(days=2000, seed=seed) for seed in range(4)], Costs.bps(3)

    def scatter(tranches: int) -> float:
        rules = [Calendar(TARGET, 250, offset=o, tranches=tranches) for o in range(0, 62, 10)]
        ends = [[backtest(market, rule, costs).nav.iloc[-1] for rule in rules] for market in markets]
        return float(np.std(ends, axis=1).mean())

    assert scatter(4) < 0.6 * scatter(1)


@cases(
    "settings, message",
    ({"tranches": 0}, "tranches of Calendar is 0: give a whole number from 1 to 21"),
    ({"tranches": 22}, "tranches of Calendar is 22"),
    ({"tranches": 2, "fraction": 0.5}, "fraction of Calendar is 0.5: its 2 tranches go all the way"),
    ({"tranches": 2, "offset": 15}, "offset is 25"),
)
def test_tranches_that_make_no_sense_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Calendar(TARGET, "month", **settings)  # type: ignore[arg-type]


def test_a_phase_that_the_data_has_not_seen_counts_as_at_target() -> None:
    market = world(days=30)
    assert drifted(np.array(TARGET.weights), market, np.array([-1, -1]), 20).tolist() == list(TARGET.weights)
