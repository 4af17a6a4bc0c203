"""Factors of a policy: betas of its own lines found again, parts that add up, and files that do not fit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from backtests.attribution.factor_attribution import factor_attribution
from backtests.engine import Backtest, backtest
from foundation.errors import DataError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import load_market
from research.market.factors import read_factors
from research.rules import Calendar


@pytest.fixture(scope="module")
def played() -> Backtest:
    market = load_market("us_etf_ohlcv").select(["SPY", "AGG"]).until("2018-06-29")
    return backtest(market, Calendar(FixedWeights((0.6, 0.4)), "day"), Costs.bps(2, commission=1), start="2015-02-10")


@pytest.fixture(scope="module")
def factors(played: Backtest) -> pd.DataFrame:
    """Both assets over cash, on more days than the test has."""
    market = played.market
    return pd.DataFrame(market.returns - market.cash[:, None], market.dates, ["equity", "bonds"]).iloc[1:]


def test_the_betas_of_a_mix_of_two_factors_are_its_weights(played: Backtest, factors: pd.DataFrame) -> None:
    found = factor_attribution(played, factors)
    assert found.regression.betas == pytest.approx([0.6, 0.4], abs=2e-3)
    assert found.regression.r_squared > 0.9999
    assert found.rolling == pytest.approx(np.broadcast_to([0.6, 0.4], found.rolling.shape), abs=1e-2)
    assert len(found.rolling) == len(found.rolling_dates)


def test_parts_by_factor_and_year_are_those_of_statsmodels_and_add_up(played: Backtest, factors: pd.DataFrame) -> None:
    found = factor_attribution(played, factors[["equity"]])
    over_cash = pd.Series(played.net_returns - played.market.cash[played.first + 1 :], played.dates[1:])
    x = sm.add_constant(factors[["equity"]].loc[over_cash.index])
    fit, by_year = sm.OLS(over_cash, x).fit(), found.by_year
    expected = (fit.params["equity"] * x["equity"]).groupby(x.index.year).sum()
    assert by_year["equity"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-14)
    assert by_year["residual"].to_numpy() == pytest.approx(fit.resid.groupby(x.index.year).sum().to_numpy(), abs=1e-14)
    assert by_year["total"].to_numpy() == pytest.approx(over_cash.groupby(x.index.year).sum().to_numpy(), abs=1e-13)
    assert found.residual <= 1e-13
    assert found.table.loc["alpha", "coefficient"] == pytest.approx(252.0 * fit.params["const"], rel=1e-9)
    assert found.table["part"].sum() == pytest.approx(over_cash.sum() / (len(over_cash) / 252.0), abs=1e-13)


def test_factors_of_a_part_of_the_test_are_used_on_that_part(played: Backtest, factors: pd.DataFrame) -> None:
    found = factor_attribution(played, factors.loc["2016-01-04":"2017-12-29"])
    assert (found.dates[0], found.dates[-1]) == (pd.Timestamp("2016-01-04"), pd.Timestamp("2017-12-29"))
    assert found.years == (2016, 2017)


def test_a_file_is_read_and_refused_with_its_name_column_and_date(played, factors, tmp_path: Path) -> None:
    path, good = tmp_path / "factors.csv", factors.loc["2014":]
    good.to_csv(path)
    read = read_factors(path)
    assert factor_attribution(played, read).regression.betas == pytest.approx(
        factor_attribution(played, factors).regression.betas, rel=1e-12
    )

    def refused(frame: pd.DataFrame, words: str) -> None:
        frame.to_csv(path)
        with pytest.raises(DataError, match=words):
            factor_attribution(played, read_factors(path))

    gap = good.copy()
    gap.loc["2017-03-15", "bonds"] = np.nan
    refused(gap, r"return missing for factor bonds on 2017-03-15 \(.*factors\.csv\), the first of 1 in the test")
    refused(good.drop(pd.Timestamp("2017-03-15")), r"another calendar .*on 2017-03-15, a day of the test that the fac")
    weekend = good.copy()
    weekend.loc[pd.Timestamp("2017-03-18")] = 0.0
    refused(weekend.sort_index(), r"another calendar .*on 2017-03-18, a day of the factors that the test does not have")
    refused(good.loc["2018-03":], r"too few days of factors \(.*factors\.csv\): equity and the others have 85 of")
    refused(good.loc["2014":"2014"], r"too few days of factors .*have 0 of the test's days")
    refused(100.0 * good, r"return of a factor of 100 % or more in a day for equity on .* 0\.01 is 1 %")
    refused(good.assign(still=0.001), r"factors\.csv: factor 2 is 0\.001 in every period")
