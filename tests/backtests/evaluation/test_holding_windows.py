"""Growth by start month and length: each cell is that of pandas; what there is not is not there."""

import numpy as np
import pandas as pd
import pytest

from backtests.engine import Backtest, backtest
from backtests.evaluation.holding_windows import HoldingWindows, holding_windows, last_month_closes
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import load_market
from research.rules import Calendar, Never

TARGET = FixedWeights((0.6, 0.4))


@pytest.fixture(scope="module")
def pair() -> tuple[Backtest, Backtest]:
    market = load_market("us_etf_ohlcv").select(["SPY", "AGG"]).until("2021-06-16")
    rules = Calendar(TARGET, "month"), Never(TARGET)
    one, other = (backtest(market, rule, Costs.bps(2, commission=5), start="2015-02-10") for rule in rules)
    return one, other


@pytest.fixture(scope="module")
def found(pair: tuple[Backtest, Backtest]) -> HoldingWindows:
    return holding_windows(*pair)


def test_every_cell_is_that_of_pandas(pair, found) -> None:
    nav = pd.DataFrame({"one": pair[0].nav, "other": pair[1].nav})
    ends = nav.groupby(nav.index.to_period("M")).tail(1)[:-1]  # June 2021 goes on
    assert found.starts.tolist() == ends.index[:-12].tolist()
    assert found.difference.shape == (len(ends) - 12, 6)
    for s, start in enumerate(found.starts):
        for k in range(6):
            month = start.to_period("M") + 12 * (k + 1)
            there = ends[ends.index.to_period("M") == month]
            if there.empty:
                assert np.isnan(found.difference[s, k])
                continue
            (end,) = there.index
            one, other = (nav.loc[end] / nav.loc[start]) ** (1.0 / ((end - start).days / 365.25)) - 1.0
            assert found.difference[s, k] == pytest.approx(one - other, rel=1e-9, abs=1e-14)


def test_the_table_and_the_cells_are_of_the_same_windows(found) -> None:
    table, cells = found.table(), found.cells()
    assert table["windows"].sum() == len(cells) == np.isfinite(found.difference).sum()
    for row in table.itertuples():
        own = cells.loc[cells["years"] == row.years, "difference"]
        assert (row.windows, row.positive) == (len(own), (own > 0.0).mean())
        assert (row.least, row.median, row.most) == (own.min(), own.median(), own.max())
    first = cells.iloc[0]
    assert (first["start"], first["end"]) == ("2015-02-27", "2016-02-29")


def test_a_policy_differs_from_itself_by_nothing(pair) -> None:
    assert (np.nan_to_num(holding_windows(pair[0], pair[0]).difference) == 0.0).all()


def test_less_than_a_year_has_no_window() -> None:
    market = load_market("us_etf_ohlcv").select(["SPY", "AGG"]).until("2021-06-16")
    played = backtest(market, Never(TARGET), Costs.bps(2), start="2020-08-03")
    none = holding_windows(played, played)
    assert none.table().empty
    assert none.cells().empty


def test_month_ends_wait_for_the_last_weekday() -> None:
    days = pd.bdate_range("2021-01-28", "2021-03-30")
    assert days[last_month_closes(days)].strftime("%m-%d").tolist() == ["01-29", "02-26"]
    days = pd.bdate_range("2021-01-28", "2021-03-31")
    assert days[last_month_closes(days)].strftime("%m-%d").tolist() == ["01-29", "02-26", "03-31"]
    assert not len(last_month_closes(pd.bdate_range("2021-03-02", "2021-03-10")))


def test_a_month_without_a_close_has_that_of_the_month_before() -> None:
    assert last_month_closes(pd.DatetimeIndex(["2021-01-29", "2021-03-31", "2021-04-30"])).tolist() == [0, 0, 1, 2]
