from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError, PolicyError
from research.accounting import CASH_LINE, Costs, Hold, Trade, View, Why
from research.accounting.view import check_trade
from research.market import load_market

NAMES = ("SPY", "BTC 100%")
DAY = pd.Timestamp("2022-12-30")


@cases(
    "why, sentence",
    (Why("band", 0, -0.0234, -0.02), "SPY is 2.34 points under target, past the 2.00 allowed"),
    (Why("band", 1, 0.0150, 0.02), "BTC 100% is 1.50 points over target, within the 2.00 allowed"),
    (Why("band", CASH_LINE, 0.021, 0.02), "cash is 2.10 points over target, past the 2.00 allowed"),
    (Why("band", 0, -0.030004, 0.03), "SPY is 3.0004 points under target, past the 3.0000 allowed"),
    (Why("band", 0, 0.0199999, 0.02), "SPY is 1.99999 points over target, within the 2.00000 allowed"),
    (Why("band", 0, 0.02, 0.02), "SPY is 2.00 points over target, within the 2.00 allowed"),
    (Why("band", 0, 0.02 + 1e-12, 0.02), "SPY is 2.00 points over target, within the 2.00 allowed"),
    (Why("band", 0, 0.02 + 9e-7, 0.02), "SPY is 2.00 points over target, within the 2.00 allowed"),
    (Why("band", 0, -0.02 - 9e-7, -0.02), "SPY is 2.00 points under target, within the 2.00 allowed"),
    (Why("band", 0, 0.02 + 11e-7, 0.02), "SPY is 2.0001 points over target, past the 2.0000 allowed"),
    (Why("best_point", 0, 0.02, 0.02 - 9e-7), "SPY is 2.00 points over target, inside the region of no trade"),
    (Why("best_point", 0, 0.02, 0.02 - 2e-6), "SPY is 2.0000 points over target, to trade to 1.9998 over"),
    (
        Why("multi_period_taxed", 0, 0.05, 0.05),
        "SPY is 5.00 points over target, inside the region of no trade; a sale of it is taxed",
    ),
    (
        Why("multi_period_taxed", 0, 0.05, 0.02),
        "SPY is 5.00 points over target, to trade to 2.00 over; a further sale is taxed",
    ),
    (
        Why("tracking_error", None, 0.01 + 9e-7, 0.01),
        "tracking error to target is 1.00 % a year, within the 1.00 % allowed",
    ),
    (Why("calendar", 0, -0.02, 0.02), "review due; SPY is 2.00 points under target"),
    (Why("calendar", 0, -0.001), "review due; SPY is 0.10 points under target"),
    (Why("calendar"), "no review is due today"),
    (Why("never"), "this rule never trades"),
    (Why("learned"), "learned: nothing to do"),
)
def test_a_reason_says_line_gap_and_limit(why: Why, sentence: str) -> None:
    assert why.sentence(NAMES) == sentence


def test_a_trade_to_weights_leaves_the_rest_in_cash() -> None:
    trade = Trade.to(np.array([0.3, 0.6]), Why("learned"))
    assert trade.lower.tolist() == trade.upper.tolist() == [0.3, 0.6]
    assert trade.cash_lower == trade.cash_upper == pytest.approx(0.1)


def test_weights_that_sum_to_one_leave_no_cash_at_all() -> None:
    thirds = Trade.to(np.array([0.1] * 10), Why("learned"))
    assert thirds.cash_lower == thirds.cash_upper == 0.0


def test_a_reason_that_is_no_why_is_refused() -> None:
    reason: Any = "because"
    for make in (Hold, partial(Trade.to, np.ones(1)), partial(Trade, np.ones(1), np.ones(1))):
        with pytest.raises(PolicyError, match=r"the reason of a decision is 'because': give a Why, such as Why\('"):
            make(reason)


def test_weights_of_a_trade_are_numbers_without_names() -> None:
    given: Any
    for given, put in (
        ({"SPY": 0.6, "AGG": 0.4}, r"\[weights\[asset\] for"),
        (pd.Series({"SPY": 1.0}), "series.reindex"),
    ):
        with pytest.raises(PolicyError, match=f"weights of a trade are labelled SPY.* by position: .*with {put}"):
            Trade.to(given)
    given = "60/40"
    with pytest.raises(ConfigError, match="weights of a trade are '60/40': give one number an asset"):
        Trade.to(given)
    given = [0.6, 0.3]
    assert Trade.to(given).lower.tolist() == given


def refused(lower: object, upper: object, limit: float = 1.0, **more: float) -> str:
    with pytest.raises(PolicyError) as error:
        check_trade(Trade(np.array(lower), np.array(upper), Why("x"), **more), 2, "Odd", DAY, NAMES, limit)
    assert "policy 'Odd' on 2022-12-30" in str(error.value)
    return str(error.value)


def test_a_box_of_another_length_is_refused() -> None:
    assert "lower bound of shape (3,), expected (2,)" in refused([0.1, 0.1, 0.1], [0.5, 0.5])
    assert "upper bound of shape (1,)" in refused([0.1, 0.1], [0.5])


def test_a_bound_that_is_not_a_number_is_refused_with_its_line() -> None:
    assert "lower bound of nan for BTC 100%" in refused([0.1, np.nan], [0.5, 0.5])
    assert "upper bound of nan for SPY" in refused([0.1, 0.1], [np.nan, 0.5])
    assert "lower bound of inf for SPY" in refused([np.inf, 0.1], [np.inf, 0.5])
    assert "upper bound of -inf for SPY" in refused([-np.inf, 0.1], [-np.inf, 0.5])


def test_a_box_upside_down_is_refused_with_its_worst_line() -> None:
    assert "lower 0.600000 above upper 0.500000 for BTC 100%" in refused([0.51, 0.6], [0.5, 0.5])


def test_a_box_past_the_leverage_limit_is_refused_with_its_largest_line() -> None:
    message = refused([0.6, 0.7], [0.8, 0.9])
    assert "gross weights of 1.3000 at least, past the leverage limit of 1" in message
    assert "BTC 100% with 0.7000" in message


def test_a_box_in_per_cent_is_told_to_be_of_fractions() -> None:
    assert "Weights are fractions of NAV: 0.6 is 60 %. Lower" in refused([60.0, 40.0], [60.0, 40.0])
    assert "fractions" not in refused([0.6, 0.7], [0.8, 0.9])


def test_shorts_count_toward_leverage_and_open_bounds_do_not() -> None:
    assert "gross weights of 1.4000" in refused([0.6, -np.inf], [np.inf, -0.8])
    check_trade(Trade(np.array([-np.inf, 0.9]), np.array([np.inf, 0.9]), Why("x")), 2, "Odd", DAY, NAMES, 1.0)


@cases("more", {"fraction": 0.0}, {"fraction": 1.1}, {"fraction": np.nan}, {"cash_lower": 0.2, "cash_upper": 0.1})
def test_a_fraction_outside_its_range_and_a_cash_box_upside_down_are_refused(more: dict[str, float]) -> None:
    assert "fraction lies in (0, 1] and the box is ordered" in refused([0.1, 0.1], [0.5, 0.5], **more)


def test_weights_of_a_view_are_of_one_kind_whatever_they_were_given_as() -> None:
    """A row of a table by columns lies apart, and a position is read-only: kernels would be compiled for each."""
    table = np.asfortranarray([[0.6, 0.4], [0.5, 0.5]])
    fixed = np.array([0.6, 0.4])
    fixed.flags.writeable = False
    own = np.array([0.6, 0.4])
    past = load_market("us_etf_ohlcv").select(["SPY", "AGG"]).past(9)
    for given in (table[0], fixed, own):
        seen = View(past, own, given, 0.0, 1.0, np.ones(1), 1, Costs.bps(2)).weights
        assert (seen.flags.writeable, seen.flags.c_contiguous, seen.tolist()) == (True, True, [0.6, 0.4])
        assert (seen is given) == (given is own)
