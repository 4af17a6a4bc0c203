"""The findings on the markets that come with the workbench, against `data/README.md` and the files themselves."""

import numpy as np
import pandas as pd
import pytest

from foundation.files import DATA
from research.market import Market, delist, load_market
from research.market.quality import Quality, check, check_market, differences, known_of
from research.market.quality.report import AGREEMENT
from research.market.store import KnownBars


@pytest.fixture(scope="module")
def multi() -> Quality:
    return check_market(load_market("multi_asset_daily"))


def by_kind(quality: Quality, kind: str) -> dict[str, int]:
    """Events of a kind by asset."""
    return {each.asset: each.events for each in quality.findings if each.kind == kind}


def test_com_has_36_still_days_and_bitcoin_two(multi: Quality) -> None:
    still = multi.table()["still"]
    assert (still["COM"], still["BTC"]) == (36, 2)
    assert by_kind(multi, "still") == {"COM": 36}  # of bitcoin's two in 2,436 days, one at 106 dollars is rounding
    prices = pd.read_csv(DATA / "multi_asset_daily" / "prices_total_return.csv", index_col=0)["COM"]
    (found,) = (each for each in multi.findings if each.kind == "still")
    assert found.days.astype(str).tolist() == prices.index[prices.diff() == 0.0].tolist()


def test_equal_quotes_of_a_calm_fund_are_rounding(multi: Quality) -> None:
    assert multi.table()["still"]["AGG"] == 58
    assert multi.scores["AGG"] == 100.0


def test_bitcoin_closes_at_another_hour(multi: Quality) -> None:
    assert by_kind(multi, "hours") == {"BTC": 1}


def test_the_default_market_says_one_line(multi: Quality) -> None:
    assert multi.line() == "10 assets, 3 findings, least score COM 91 (36 still days)."
    assert not multi.must_be_looked_at


def test_days_without_volume_are_those_of_the_file() -> None:
    quality = check_market(load_market("us_etf_ohlcv"))
    assert by_kind(quality, "volume") == {"BND": 1, "VOX": 16, "VUG": 2}
    assert {each.kind for each in quality.findings} == {"volume", "still", "spike", "survivors"}


def test_a_set_with_each_dividend_has_no_false_alarm_about_one() -> None:
    quality = check_market(load_market("etf_dividends"))
    expected = [("HDV", "gap", "2020-07-15"), ("TLT", "duplicate", "2003-01-29")]
    assert [(each.asset, each.kind, str(each.first)) for each in quality.findings] == expected


def test_a_dividend_taken_out_is_missed_in_nine_cases_of_ten() -> None:
    known = known_of(load_market("etf_dividends"))
    i = known.assets.index("SPY")
    rows = known.bounds[i] + np.flatnonzero(known.numbers["dividend"][known.bounds[i] : known.bounds[i + 1]])
    found = 0
    for row in rows[5:-5:6]:
        dividend, growth = known.numbers["dividend"].copy(), known.numbers["growth"].copy()
        growth[row] -= dividend[row] / known.numbers["close"][row - 1]
        dividend[row] = 0.0
        numbers = {**known.numbers, "dividend": dividend, "growth": growth}
        missing = check(KnownBars(known.assets, known.asset, known.days, numbers)).findings
        found += [each.asset for each in missing if each.kind == "no_dividend"] == ["SPY"]
    assert found >= 0.9 * len(rows[5:-5:6])


def test_dividends_beside_closes_that_are_adjusted_for_them_are_found() -> None:
    known = known_of(load_market("etf_dividends"))
    parts = zip(known.bounds[:-1], known.bounds[1:], strict=True)
    adjusted = np.concatenate([100.0 * np.cumprod(known.numbers["growth"][a:b]) for a, b in parts])
    dividend = known.numbers["dividend"] / known.numbers["close"] * adjusted
    quality = check(KnownBars(known.assets, known.asset, known.days, {"close": adjusted, "dividend": dividend}))
    (found,) = (each for each in quality.findings if each.kind == "no_drop")
    assert (found.asset, found.events) == ("HDV", 38)  # whose dividends are large beside its moves net of the others
    assert found.value == pytest.approx(0.1, abs=0.1)


def test_sears_ends_before_the_others_until_its_delisting_is_stated() -> None:
    market = load_market("stocks_with_exit")
    quality = check_market(market)
    (end,) = (each for each in quality.findings if each.kind == "end")
    assert (end.asset, str(end.first)) == ("SHLD", "2018-04-11")
    assert quality.must_be_looked_at  # RRC's price of 1990 stands still for months
    assert by_kind(check_market(delist(market, "SHLD", "2018-10-24", -0.9)), "end") == {}


def test_two_vendors_closes_of_the_early_2000s_differ() -> None:
    funds, payers = (known_of(load_market(name)) for name in ("us_etf_ohlcv", "etf_dividends"))
    found = {each.asset: each for each in differences(funds, payers, ("Yahoo", "Alpha Vantage"))}
    tables = (
        pd.read_parquet(DATA / "us_etf_ohlcv" / "daily.parquet"),
        pd.read_parquet(DATA / "etf_dividends" / "daily.parquet"),
    )
    for asset in ("SPY", "GLD"):
        one, other = (
            table[table["ticker"] == asset].set_index(key)["close"]
            for table, key in zip(tables, ("date", "timestamp"), strict=True)
        )
        assert found[asset].events == int(((one / other - 1.0).abs().dropna() > AGREEMENT).sum())
    assert found["GLD"].events == 17  # the 34 returns of data/README.md, two of each close
    assert "most on 2006-06-09" in found["GLD"].sentence


def test_a_market_gives_the_rows_of_the_days_on_which_it_trades(small: Market) -> None:
    known = known_of(small)
    assert known.assets == ("OLD", "NEW")
    assert known.days[known.bounds[1] :].astype(str).tolist() == ["2022-12-28", "2022-12-29", "2023-01-03"]
    assert known.numbers["close"][known.bounds[1] :].tolist() == [20.0, 21.0, 19.0]


def test_a_market_without_quotes_gives_its_index() -> None:
    market = load_market("sp500_20")
    known = known_of(market)
    assert known.numbers["close"][: known.bounds[1]].tolist() == market.index[:, 0].tolist()
