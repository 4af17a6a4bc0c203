"""Weights and costs that carry the names of assets are never read by position."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from backtests.engine.run import backtest
from foundation.errors import ConfigError, PolicyError
from foundation.labels import in_order, refuse_labels
from research.accounting import Costs, Impact, Trade, View, costs_from_function
from research.allocation import ConstantExposure, VolatilityTarget, target_path
from research.market import Market, Past, market_from_frame
from research.rules import Calendar, Never

ASSETS = ("SPY", "AGG", "GLD")
WEIGHTS = np.array([0.5, 0.3, 0.2])
LABELLED = pd.Series(WEIGHTS, index=ASSETS)
PERMUTED = LABELLED[["GLD", "SPY", "AGG"]]
DAYS = 30


@pytest.fixture(scope="module")
def market() -> Market:
    drawn = np.random.default_rng(5).normal(0.0, [0.012, 0.004, 0.009], (DAYS, 3))
    index = pd.bdate_range("2022-03-01", periods=DAYS)
    return market_from_frame(pd.DataFrame(100.0 * np.cumprod(1.0 + drawn, axis=0), index=index, columns=list(ASSETS)))


@dataclass(frozen=True)
class Own:
    """An allocation that gives what it is told to."""

    found: Any
    schedule: str = "month"
    window: int = 0

    def target(self, past: Past) -> Any:
        return self.found


FORMS = {"series": PERMUTED, "mapping": PERMUTED.to_dict(), "in order": LABELLED, "array": WEIGHTS,
         "list": WEIGHTS.tolist(), "plain series": pd.Series(WEIGHTS)}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_those_of_their_names(form: str, market: Market) -> None:
    assert np.asarray(in_order("weights are", FORMS[form], ASSETS)).tolist() == WEIGHTS.tolist()
    assert (target_path(Own(FORMS[form]), market).rows == WEIGHTS).all()


@pytest.mark.parametrize("form", FORMS)
def test_a_backtest_opens_in_the_assets_that_are_named(form: str, market: Market) -> None:
    plain = backtest(market, Never(Own(WEIGHTS)), Costs.bps(3), start_weights=WEIGHTS)
    named = backtest(market, Never(Own(WEIGHTS)), Costs.bps(3), start_weights=FORMS[form])
    assert (named.ledger.nav == plain.ledger.nav).all()
    assert (named.ledger.units == plain.ledger.units).all()


@cases("wrapped", lambda own: ConstantExposure(own, 0.5), lambda own: VolatilityTarget(own, 0.05, lookback=21))
def test_what_wraps_an_allocation_reads_its_names(wrapped: Any, market: Market) -> None:
    plain, named = (target_path(wrapped(Own(found)), market, start=25).rows for found in (WEIGHTS, PERMUTED))
    assert np.array_equal(plain, named)


def test_a_rule_over_named_weights_trades_as_over_an_array(market: Market) -> None:
    plain, named = (backtest(market, Calendar(Own(w), "month"), Costs.bps(3)) for w in (WEIGHTS, PERMUTED))
    assert (named.ledger.nav == plain.ledger.nav).all()


@cases(
    "found, said",
    (LABELLED.drop("GLD"), r"but not for each line once \(missing: GLD\). Give one for each of SPY, AGG, GLD"),
    (LABELLED.rename({"GLD": "IAU"}), r"unknown: IAU; missing: GLD"),
    (pd.concat([LABELLED, LABELLED[["SPY"]]]), r"given twice: SPY"),
    (pd.Series(WEIGHTS, index=[2, 0, 1]), r"unknown: 2, 0, 1; missing: SPY, AGG, GLD"),
)
def test_names_that_are_unknown_missing_or_repeated_are_listed(found: pd.Series, said: str, market: Market) -> None:
    with pytest.raises(PolicyError, match=rf"(?s)weights of Own.* are given by name on 2022-03-01, .*{said}"):
        target_path(Own(found), market)
    with pytest.raises(ConfigError, match=rf"start_weights are given by name, .*{said}"):
        backtest(market, Never(Own(WEIGHTS)), Costs.bps(3), start_weights=found)


@cases(
    "make",
    Trade.to,
    lambda found: Trade(found, WEIGHTS),
    lambda found: Trade(WEIGHTS, found),
    lambda found: Trade(found.to_frame().T, WEIGHTS),
)
def test_a_trade_takes_no_labels_even_in_the_markets_order(make: Any) -> None:
    """It does not know the market: whoever permutes the names later would buy other assets."""
    for found in (LABELLED, PERMUTED):
        with pytest.raises(PolicyError, match=r"of a trade are labelled .*to_numpy.., where assets is"):
            make(found)


def test_a_rule_that_returns_labels_is_told_how_to_order_them(market: Market) -> None:
    @dataclass(frozen=True)
    class Labelled:
        allocation: Own

        def decide(self, view: View) -> Trade:
            return Trade.to(pd.Series(view.target, index=view.past.assets).sort_values())

    @dataclass(frozen=True)
    class Ordered(Labelled):
        def decide(self, view: View) -> Trade:
            weights = pd.Series(view.target, index=view.past.assets).sort_values()
            return Trade.to(weights.reindex(view.past.assets).to_numpy())

    with pytest.raises(PolicyError, match=r"weights of a trade are labelled GLD, AGG, SPY"):
        backtest(market, Labelled(Own(WEIGHTS)), Costs.bps(3))
    assert backtest(market, Ordered(Own(WEIGHTS)), Costs.bps(3)).ledger.nav[-1] > 0.0


def test_costs_of_a_function_are_those_of_their_names(market: Market) -> None:
    each = pd.Series([0.0001, 0.0002, 0.0003], index=ASSETS)
    plain = costs_from_function(market, lambda past: each.to_numpy())
    for found in (each, each[::-1], each[::-1].to_dict()):
        assert np.array_equal(costs_from_function(market, lambda past, c=found: c).half_spread, plain.half_spread)

    def cheap(past: Past) -> pd.Series:
        return each.drop("GLD")

    with pytest.raises(ConfigError, match=r"costs of cheap are given by name on 2022-03-01, .*missing: GLD"):
        costs_from_function(market, cheap)


@cases(
    "make",
    lambda found: Costs.bps(3, commission=found),
    lambda found: Costs.bps(3, half_spread=found),
    lambda found: Costs(found / 1e4, np.zeros(3)),
    lambda found: Costs(np.zeros(3), found / 1e4),
    lambda found: Costs(np.zeros(3), pd.DataFrame([found / 1e4] * 4)),
    lambda found: Costs(np.zeros(3), np.zeros(3), ticket=found),
    lambda found: Costs(np.zeros(3), np.zeros(3), borrow=found / 1e4),
    lambda found: Costs(np.zeros(3), np.zeros(3), impact=Impact(found)),
)
def test_costs_take_no_labels(make: Any) -> None:
    for found in (LABELLED, PERMUTED):
        with pytest.raises(ConfigError, match=r"is labelled (SPY|GLD), .*, which would be read by position"):
            make(found)
    make(pd.Series(WEIGHTS))  # raises nothing: it numbers itself, and there is no name to read


def test_plain_numbers_are_handed_on_as_they_are() -> None:
    for plain in (WEIGHTS, [0.5, 0.5], 0.5, None, "abc"):
        assert in_order("weights are", plain, ASSETS) is plain
        refuse_labels("weights are", plain)
