"""The factors of a portfolio file: found beside it, kept in its settings, and refused with file, column and date."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from foundation.errors import ConfigError
from research.market import load_market
from research.portfolio import load_portfolio


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    market = load_market("multi_asset_daily").select(["SPY", "AGG"])
    return pd.DataFrame(market.returns, market.dates, ["equity", "bonds"]).loc["2014":]


def test_a_path_is_read_from_the_portfolios_folder_and_its_settings_give_the_same(write, frame: pd.DataFrame) -> None:
    path = write("policy: band", "policy: band\nfactors: factors.csv")
    frame.to_csv(path.parent / "factors.csv")
    portfolio = load_portfolio(path)
    assert portfolio.factors.names == ("equity", "bonds")
    (path.parent / "again.yaml").write_text(yaml.safe_dump(portfolio.settings), encoding="utf-8")
    assert load_portfolio(path.parent / "again.yaml").settings == portfolio.settings
    changed = frame.copy()
    changed.iloc[5, 0] += 1e-6
    changed.to_csv(path.parent / "factors.csv")
    with pytest.raises(ConfigError, match=r"factors\.fingerprint: factors\.csv has changed: its content has another"):
        load_portfolio(path.parent / "again.yaml")


def test_a_portfolio_without_factors_has_none_in_its_settings(write) -> None:
    portfolio = load_portfolio(write())
    assert portfolio.factors is None
    assert "factors" not in portfolio.settings


def test_what_does_not_fit_is_refused_with_its_place(write, frame: pd.DataFrame) -> None:
    path: Path = write("policy: band", "policy: band\nfactors: factors.csv")
    gap = frame.copy()
    gap.loc["2016-03-15", "bonds"] = float("nan")
    cases = {
        r"return missing for factor bonds on 2016-03-15 \(.*factors\.csv\)": gap,
        r"factors of another calendar \(.*factors\.csv\): .* on 2016-03-15": frame.drop(pd.Timestamp("2016-03-15")),
        r"too few days of factors \(.*factors\.csv\): .* have 188 of the test's days": frame.loc["2022-04-01":],
        r"return of a factor of 100 % or more": 100.0 * frame,
    }
    for words, content in cases.items():
        content.to_csv(path.parent / "factors.csv")
        with pytest.raises(ConfigError, match=r"^factors \(.*desk\.yaml, line \d+\): .*" + words):
            load_portfolio(path)
    (path.parent / "factors.csv").unlink()
    with pytest.raises(ConfigError, match=r"^factors \(.*desk\.yaml, line \d+\): .*factors\.csv cannot be read"):
        load_portfolio(path)


def test_an_unknown_key_below_factors_is_refused(write) -> None:
    with pytest.raises(ConfigError, match=r"factors\.path: unknown key"):
        load_portfolio(write("policy: band", "policy: band\nfactors: {path: factors.csv}"))
