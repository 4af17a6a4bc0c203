"""What a learner may see: targets by listing, scales of the training days alone, shares of the worlds."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError, DataError
from research.accounting import Costs
from research.allocation import EqualWeights, FixedWeights
from research.learning import Learned
from research.learning.worlds.training_days import training_days
from research.market import delist, market_from_frame
from research.market.calendars import sessions
from research.rules.no_trade_region import half_widths


def test_a_target_for_each_set_of_lines_that_were_listed_together(days, real):
    before, today = days.scales.target
    assert before[-1] == 0.0
    assert today[-1] == 0.02
    np.testing.assert_allclose(days.scales.target.sum(axis=1), 1.0, rtol=1e-12)
    assert days.first_row[0] == 1  # the first row has no close before it
    assert real.listed[days.first_row[1] - 1].all()
    assert not real.listed[days.first_row[1] - 2].all()


def test_the_half_widths_are_the_closed_form_on_the_days_of_their_lines(days, real, costs):
    excess = real.returns[days.first_row[1] :] - real.cash[days.first_row[1] :, None]
    by_hand = half_widths(days.scales.target[1], np.cov(excess, rowvar=False), costs.total, 5.0)
    np.testing.assert_allclose(days.scales.half_width[1], by_hand, rtol=1e-12)
    np.testing.assert_allclose(np.diag(days.scales.covariance[1]), 252 * excess.var(axis=0, ddof=1), rtol=1e-12)
    assert days.scales.half_width[0, -1] == 0.0
    assert (days.scales.covariance[0, -1] == 0.0).all()


def test_the_long_run_volatility_is_that_of_the_target_in_force(days, real):
    target = np.where((np.arange(len(real.dates)) < days.first_row[1] - 1)[:, None], *days.scales.target)
    strategic = (target[:-1] * real.returns[1:]).sum(axis=1)
    assert days.scales.volatility == pytest.approx(strategic.std(ddof=1), rel=1e-12)


def test_shares_are_as_the_setting_says(days, spec, real, costs):
    assert days.share.tolist() == [0.5, 0.5]
    other = training_days(replace(spec, current_share=0.8), real, costs, 5.0, 252)
    np.testing.assert_allclose(other.share, [0.2, 0.8])
    assert other.kinds(1000).mean() == pytest.approx(0.8, abs=0.002)
    assert (training_days(replace(spec, current_share=1.0), real, costs, 5.0, 252).kinds(64) == 1).all()


def test_one_set_of_lines_has_every_world(real, costs):
    days = training_days(Learned(FixedWeights({"SPY": 0.6, "AGG": 0.4})), real, costs, 5.0, 252)
    assert days.share.tolist() == [1.0]  # the listing of an asset that it does not hold makes no other target
    assert days.first_row.tolist() == [1]
    assert (days.scales.half_width[0] > 0.0).sum() == 2


def test_a_line_listed_late_makes_the_days_too_few(real, costs, spec):
    with pytest.raises(DataError, match=r"169 days with returns of all assets.*252 are needed.*youngest is BTC"):
        training_days(spec, real.until("2013-12-27"), costs, 5.0, 252)


def test_earlier_lines_of_too_few_days_are_left_out(real, costs):
    """A listing 100 days after the market's beginning leaves enough days for both; one 253 days before its end, not."""
    assert len(training_days(Learned(EqualWeights()), real.until("2014-05-01"), costs, 5.0, 252).share) == 2


@cases(
    "allocation, message",
    (FixedWeights({"SPY": 1.2, "AGG": -0.2}), "AGG has -0.2000.*needs long weights"),
    (FixedWeights({"SPY": 0.9, "AGG": 0.3}), "they sum to 1.2000"),
    (FixedWeights({"SPY": 0.0}), "holds nothing"),
)
def test_only_long_targets_can_be_learned(real, costs, allocation, message):
    with pytest.raises(ConfigError, match=message):
        training_days(Learned(allocation), real, costs, 5.0, 252)


def test_a_line_that_does_not_move_is_refused(real, costs, spec):
    returns = np.array(real.returns)
    returns[:, 6] = 0.0
    still = replace(real, returns=returns, cash=np.zeros(len(real.dates)))
    with pytest.raises(DataError, match="GLD has constant returns"):
        training_days(spec, still, costs, 5.0, 252)


def test_numbers_out_of_range_are_refused(real, costs, spec):
    with pytest.raises(ConfigError, match="costs have 3 assets and the market 8"):
        training_days(spec, real, Costs.bps(3, commission=1), 5.0, 252)
    for tracking_penalty, year in ((0.0, 252), (5.0, -1), (np.nan, 252)):
        with pytest.raises(ConfigError, match="a number above zero"):
            training_days(spec, real, costs, tracking_penalty, year)
    for lag in (-1, 6):
        said = f"lag is {lag}: a learner that decides every week needs a whole number of"
        with pytest.raises(ConfigError, match=said):
            training_days(spec, real, costs, 5.0, 252, lag)


def test_what_is_no_rule_no_market_and_no_costs_is_refused(real, costs, spec):
    for given, said in (
        (("rl", real, costs), r"spec of a training is 'rl': give Learned, such as Learned\(EqualWeights\(\)\)"),
        ((spec, None, costs), "market of a training is None: give Market"),
        ((spec, real, 5), "costs of a training is 5: give Costs"),
    ):
        with pytest.raises(ConfigError, match=said):
            training_days(*given, 5.0, 252)


def test_a_world_draws_no_day_on_which_a_line_is_gone() -> None:
    """B is delisted on row 900: the worlds of the target that holds it draw days 1 to 899, and B moves on them."""
    rng = np.random.default_rng(0)
    days = sessions(np.datetime64("2005-01-03"), np.datetime64("2012-12-31"), "XNYS")
    prices = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.01, (len(days), 2)), axis=0)
    prices[900:, 1] = np.nan
    table = pd.DataFrame(prices, pd.DatetimeIndex(days), ["A", "B"])
    halted = market_from_frame(table, cash=np.zeros(len(days)), missing="halt")
    market = delist(halted, "B", str(days[900]), -0.30)
    allocation = FixedWeights((0.5, 0.5))
    learned = training_days(Learned(allocation), market, Costs.bps(2, commission=1, half_spread=1), 5.0, 252.0)
    assert learned.scales.target.tolist() == [[0.5, 0.5], [1.0, 0.0]]
    assert learned.first_row.tolist() == [1, 1]
    assert learned.stop_row.tolist() == [900, len(days)]


def test_moments_are_those_of_weeks_of_the_last_target_over_cash(days, real):
    first, stop = days.first_row[-1], days.stop_row[-1]
    target = days.scales.target[-1]
    lines = pd.DataFrame(real.returns).mul(target).sum(axis=1) + (1.0 - target.sum()) * real.cash
    weeks = np.arange(first, stop)[: (stop - first) // 5 * 5].reshape(-1, 5)
    excess = np.array([np.prod(1.0 + lines[week]) - np.prod(1.0 + real.cash[week]) for week in weeks])
    by_hand = excess.mean(), (excess**2).mean(), (excess[excess < 0.0] ** 2).sum() / len(excess)
    np.testing.assert_allclose(days.moments, by_hand, rtol=1e-9)
