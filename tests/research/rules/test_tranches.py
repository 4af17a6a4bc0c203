"""Tranches against portfolios that are kept apart: each is rebalanced at its own phase, and their weights averaged."""

import numpy as np
import pytest
from simulated import world

from backtests.engine import backtest
from research.accounting import Costs
from research.allocation import FixedWeights
from research.errors import ConfigError
from research.market.calendars import scheduled
from research.rules import Calendar
from research.rules.tranches import drifted, phases

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
def test_weights_at_each_phase_are_the_mean_of_portfolios_kept_apart(every: str | int) -> None:
    """Without cost and lag: the mean weights of one portfolio for each phase, once all have had theirs."""
    market, tranches = world(days=400, seed=3), 4
    ours = backtest(market, Calendar(TARGET, every, tranches=tranches), Costs.bps(3), lag=0)
    offsets = phases(every, tranches)
    apart = [backtest(market, Calendar(TARGET, every, offset=o), Costs.bps(3), lag=0).weights for o in offsets]
    mean = sum(table.to_numpy() for table in apart) / tranches
    days = np.any([scheduled(market.days, every, market.calendar, o) for o in offsets], axis=0)
    days[: np.flatnonzero(days)[tranches]] = False
    assert days.sum() > 40
    np.testing.assert_allclose(ours.weights.to_numpy()[days], mean[days], atol=1e-14)


def test_timing_luck_falls_and_turnover_stays() -> None:
    """Over the days on which a year begins, the final wealth of one yearly review scatters more than that of four."""
    market, costs = world(days=2000, seed=5), Costs.bps(3)

    def ends(tranches: int) -> np.ndarray:
        rules = [Calendar(TARGET, 250, offset=o, tranches=tranches) for o in range(0, 62, 10)]
        return np.array([backtest(market, rule, costs).nav.iloc[-1] for rule in rules])

    assert ends(4).std() < 0.6 * ends(1).std()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tranches": 0}, "tranches of Calendar is 0: give a whole number from 1 to 21"),
        ({"tranches": 22}, "tranches of Calendar is 22"),
        ({"tranches": 2, "part": 0.5}, "part of Calendar is 0.5: its 2 tranches go all the way"),
        ({"tranches": 2, "offset": 15}, "offset is 25"),
    ],
)
def test_tranches_that_make_no_sense_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Calendar(TARGET, "month", **settings)  # type: ignore[arg-type]


def test_a_phase_that_the_data_has_not_seen_counts_as_at_target() -> None:
    market = world(days=30)
    assert drifted(np.array(TARGET.weights), market, np.array([-1, -1]), 20).tolist() == list(TARGET.weights)
