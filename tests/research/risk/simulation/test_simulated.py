"""Simulated markets: they are markets, and their rows are those of the arrays."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import cases
from laws import LAWS, bootstrap, garch, gbm
from simulated import world

from backtests.engine import backtest
from foundation.errors import ConfigError, DataError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import delist, instruments_table
from research.risk import StationaryBootstrap, batches, simulated_market
from research.rules import Calendar


@pytest.mark.parametrize("law", LAWS)
def test_a_market_holds_the_bits_of_its_path_after_a_close_at_which_nothing_is_earned(law):
    model = LAWS[law]()
    market = simulated_market(model, 60, seed=4, path=2)
    assert market.shape == (61, 2)
    np.testing.assert_array_equal(market.returns[1:], model.returns(5, 60, seed=4)[2])
    assert not market.returns[0].any()
    assert market.cash[0] == 0.0
    assert market.tradable.all()
    np.testing.assert_allclose(market.prices, 100.0 * market.index, rtol=1e-15)


def test_the_same_market_has_the_same_fingerprint_and_another_path_has_not():
    prints = [simulated_market(gbm(), 30, seed, path).fingerprint for seed, path in ((1, 2), (1, 2), (1, 3), (2, 2))]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_steps_are_sessions_and_the_calendar_knows_the_next():
    market = simulated_market(gbm(), 252, 0)
    assert market.calendar == "XNYS"
    assert [f"{d:%Y-%m-%d}" for d in market.dates[[0, 9, 10]]] == ["2000-01-03", "2000-01-14", "2000-01-18"]
    assert simulated_market(gbm(), 10, 0, calendar="24/7", start="2001-02-27").dates[2] == pd.Timestamp("2001-03-01")


def test_steps_may_be_months_or_weeks():
    months = simulated_market(gbm(periods_per_year=12), 1_008, 0, every="month", start="1950-01-01")  # 84 years
    assert [f"{d:%Y-%m-%d}" for d in months.dates[[0, 1, -1]]] == ["1950-01-31", "1950-02-28", "2034-01-31"]
    weeks = simulated_market(gbm(periods_per_year=52), 20, 0, every="week").dates
    assert [f"{d:%a %d %b}" for d in weeks[[0, 15]]] == ["Fri 07 Jan", "Thu 20 Apr"]  # before Good Friday


def test_cash_earns_what_was_asked_each_step():
    rate = np.expm1(0.02 / 252)
    assert simulated_market(gbm(), 5, 0).cash.tolist() == [0.0] * 6
    assert simulated_market(gbm(), 5, 0, cash=rate).cash.tolist() == [0.0, *[rate] * 5]


def test_lines_are_named_by_their_instruments():
    assert simulated_market(gbm(), 5, 0).assets == ("S1", "S2")
    table = instruments_table(["equity", "bonds"], asset_class=["equity", "bond"])
    market = simulated_market(gbm(), 5, 0, instruments=table)
    assert market.assets == ("equity", "bonds")
    assert market.asset_class == ("equity", "bond")


def test_a_bootstrapped_market_keeps_lines_cash_calendar_and_halts():
    source = world(days=80, n=2)
    tradable, returns = source.tradable.copy(), source.returns.copy()
    tradable[30:40, 1], returns[30:40, 1] = False, 0.0
    source = replace(source, tradable=tradable, returns=returns, cash=np.arange(80) / 1e5)
    model = StationaryBootstrap(source, 6)
    market, rows = simulated_market(model, 200, 3, path=1), model.rows(2, 200, 3)[1]
    assert (market.assets, market.calendar) == (source.assets, source.calendar)
    np.testing.assert_array_equal(market.cash[1:], source.cash[rows])
    np.testing.assert_array_equal(market.tradable[1:], source.tradable[rows])
    assert 0 < (~market.tradable[:, 1]).sum() < 100
    assert simulated_market(model, 5, 3, cash=0.001).cash[1:].tolist() == [0.001] * 5


def test_a_line_that_left_the_real_market_stays_in_the_bootstrapped_one():
    source = world(days=80, n=2)
    tradable, returns = source.tradable.copy(), source.returns.copy()
    tradable[50:, 0], returns[50:, 0] = False, 0.0
    gone = delist(replace(source, tradable=tradable, returns=returns), "A", source.dates[60], -0.5)
    market = simulated_market(StationaryBootstrap(gone, 5), 300, 0, start="2019-01-01")
    assert market.instruments["delisted"].isna().all()
    assert market.listed.all()
    assert market.returns.min() > -0.1


def test_batches_are_the_whole_to_the_bit_whatever_their_size():
    whole = garch().returns(10, 30, seed=6)
    for size in (1, 4, 10, 99):
        parts = list(batches(garch(), 10, 30, 6, size))
        assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_engine_plays_a_simulated_market():
    market = simulated_market(bootstrap(), 250, 1, cash=0.0001)
    played = backtest(market, Calendar(FixedWeights([0.5, 0.3]), "day"), Costs.bps(2), lag=0)
    growth = 1.0 + market.returns[1:] @ [0.5, 0.3] + 0.2 * 0.0001
    np.testing.assert_allclose(played.nav.iloc[-1] / played.nav.iloc[0], np.prod(growth), rtol=1e-12)


@cases(
    "arguments, message",
    ({"cash": -1.0}, "cash of a simulated market is -1.0: give its simple return each step, a fraction above -1."),
    ({"cash": "2 %"}, "cash of a simulated market is '2 %': give its simple return each step"),
    ({"every": "hour"}, "every of a simulated market is 'hour': use one of day, week, month, quarter, year."),
    ({"start": "soon"}, "start of a simulated market is 'soon': write a date as YYYY-MM-DD."),
    ({"calendar": "MOON"}, "unknown exchange calendar 'MOON'."),
    ({"path": -1}, "path of a simulated market is -1: give a whole number of 0 or more."),
    ({"instruments": instruments_table(["A"])}, "instruments name 1 assets (A) and the model has 2: give a row"),
    ({"days": 1_000, "every": "year"}, "no exchange calendar reaches 2000-01-03 to"),
)
def test_arguments_out_of_range_are_refused_in_a_sentence(arguments, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        simulated_market(gbm(), **{"days": 5, "seed": 0} | arguments)


def test_batches_refuse_before_the_first_is_asked_for():
    with pytest.raises(ConfigError, match="size of a batch is 0: give a whole number of 1 or more"):
        batches(gbm(), 5, 5, 0, size=0)
    with pytest.raises(ConfigError, match="paths of a simulation is -5: give"):
        batches(gbm(), -5, 5, 0)


def test_a_law_under_which_everything_is_lost_makes_no_market():
    with pytest.raises(DataError, match=r"impossible return for S1 .* found -1\.0"):
        simulated_market(gbm(mean=[-1e5, 0.0]), 5, 0)
