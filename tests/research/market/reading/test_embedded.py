"""The embedded markets, against what their origins, their issuers and plain arithmetic say of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError, DataError
from research.market import EMBEDDED, Market, load_market
from research.market.calendars import sessions
from research.market.cash import bill_return
from research.market.reading import embedded


def line(market: Market, asset: str) -> int:
    return market.assets.index(asset)


def growth(market: Market, asset: str, year: int) -> float:
    """Growth over a calendar year."""
    first, last = market.row(f"{year - 1}-12-31"), market.row(f"{year}-12-31")
    return float(market.index[last, line(market, asset)] / market.index[first, line(market, asset)] - 1.0)


def listing(market: Market, asset: str) -> str:
    return str(market.days[int(np.argmax(market.tradable[:, line(market, asset)]))])


def warnings_in(market: Market, first: str, last: str) -> list[str]:
    return [str(note) for note in market.notes_in(first, last) if note.warning]


FIXTURES = {
    "multi_asset_daily": "multi",
    "us_etf_ohlcv": "etfs",
    "etf_dividends": "payers",
    "sp500_20": "stocks",
    "stocks_with_exit": "leavers",
}
HALTED = {"etf_dividends": {"HDV": 1}, "stocks_with_exit": {"SHLD": 1671}}  # sessions


@pytest.mark.parametrize("name", sorted(EMBEDDED))
def test_every_embedded_market_has_a_row_for_each_session_and_no_other(
    name: str, request: pytest.FixtureRequest
) -> None:
    market = request.getfixturevalue(FIXTURES[name])
    assert market.name == name
    assert np.array_equal(market.days, sessions(market.days[0], market.days[-1], "XNYS"))
    halted = market.listed & ~market.tradable
    expected = HALTED.get(name, {})
    assert {market.assets[i]: int(halted[:, i].sum()) for i in np.flatnonzero(halted.any(axis=0))} == expected
    assert (market.exits == len(market.dates)).all()  # none is stated, and none is invented
    assert set(market.instruments["currency"]) == {"USD"}


# -- ten assets of several classes -----------------------------------------------------------------------------------


def test_multi_asset_has_the_size_and_days_that_its_origin_describes(multi: Market) -> None:
    assert multi.shape == (3886, 10)
    assert multi.assets == ("SPY", "QQQ", "VEA", "VWO", "VNQ", "AGG", "TLT", "GLD", "COM", "BTC")
    assert (str(multi.days[0]), str(multi.days[-1])) == ("2007-07-26", "2022-12-29")


def test_bitcoin_is_listed_on_2013_04_29_and_the_others_from_the_first_day(multi: Market) -> None:
    assert listing(multi, "BTC") == "2013-04-29"
    assert (~multi.tradable[:, line(multi, "BTC")]).sum() == 1449
    assert multi.tradable[:, :-1].all()


def test_multi_asset_classes_and_lots(multi: Market) -> None:
    assert multi.instruments["asset_class"].to_dict() == {
        **{"SPY": "us_equity", "QQQ": "us_equity", "VEA": "developed_equity", "VWO": "emerging_equity"},
        **{"VNQ": "real_estate", "AGG": "bonds", "TLT": "bonds", "GLD": "gold", "COM": "commodities", "BTC": "crypto"},
    }
    assert multi.instruments["lot"].to_dict() == dict.fromkeys(multi.assets, 1.0) | {"BTC": 1e-8}


def test_first_returns_by_hand(multi: Market) -> None:
    assert multi.returns[0].tolist() == [0.0] * 10
    assert multi.returns[1, line(multi, "SPY")] == pytest.approx(107.01579 / 109.16187 - 1.0, abs=1e-15)
    assert multi.returns[1, line(multi, "COM")] == pytest.approx(42.144521 / 41.762689 - 1.0, abs=1e-15)


@cases(
    "asset, year, published",
    ("SPY", 2008, -0.3679),
    ("SPY", 2013, 0.3231),
    ("SPY", 2019, 0.3122),
    ("SPY", 2021, 0.2873),
    ("GLD", 2013, -0.2833),
)
def test_calendar_years_are_the_total_returns_published_for_the_funds(
    multi: Market, asset: str, year: int, published: float
) -> None:
    # total returns at market prices, as the issuer and quotation services publish them, to a hundredth of a per cent
    assert growth(multi, asset, year) == pytest.approx(published, abs=1e-4)


def test_last_quotes_are_those_of_the_last_day(multi: Market) -> None:
    last = dict(zip(multi.assets, multi.prices[-1].tolist(), strict=True))
    expected = {"SPY": 383.440002, "QQQ": 266.440002, "VEA": 42.380001, "VWO": 39.459999, "VNQ": 83.080002}
    expected |= {"AGG": 97.449997, "GLD": 168.850006, "BTC": 16642.343}
    assert {name: last[name] for name in expected} == expected
    assert np.isnan([last["TLT"], last["COM"]]).all()


def test_quotes_and_volumes_reach_as_far_as_their_origins(multi: Market) -> None:
    assert multi.volumes is not None
    quoted, traded = ~np.isnan(multi.prices), ~np.isnan(multi.volumes)
    end = multi.row("2020-07-16") + 1
    assert quoted[:end, line(multi, "TLT")].all()
    assert not quoted[end:, line(multi, "TLT")].any()
    assert not quoted[:, line(multi, "COM")].any()
    assert np.array_equal(quoted[:, line(multi, "BTC")], multi.tradable[:, line(multi, "BTC")])
    funds = [line(multi, name) for name in ("SPY", "QQQ", "VEA", "VWO", "VNQ", "AGG", "GLD")]
    assert quoted[:, funds].all()
    assert traded[:, funds].all()
    assert not traded[:, [line(multi, "COM"), line(multi, "BTC")]].any()
    assert np.array_equal(traded[:, line(multi, "TLT")], quoted[:, line(multi, "TLT")])


def test_total_returns_exceed_those_of_the_quotes_by_the_dividends_alone(multi: Market) -> None:
    with np.errstate(invalid="ignore"):
        income = multi.returns[1:] - (multi.prices[1:] / multi.prices[:-1] - 1.0)
    assert np.nanmin(income) > -6e-5  # the rounding of TLT's adjusted prices; 1.5e-6 for the others
    paid = {name: int((income[:, line(multi, name)] > 1e-4).sum()) for name in ("SPY", "GLD", "BTC")}
    assert paid == {"SPY": 2 + 15 * 4, "GLD": 0, "BTC": 0}  # SPY pays in March, June, September and December
    assert np.nanmax(np.abs(income[:, line(multi, "BTC")])) == 0.0


def test_instruments_say_which_adjustment_each_price_carries(multi: Market) -> None:
    carried = multi.instruments["adjustment"]
    assert carried["SPY"] == "returns: splits and dividends; quotes: splits, not dividends"
    assert carried["TLT"].endswith("quotes: splits, not dividends, to 2020-07-16")
    assert carried["COM"].endswith("no quotes")
    assert "neither splits nor dividends" in carried["BTC"]


def test_cash_is_the_bill_of_the_day_before(multi: Market) -> None:
    # 27 December 2022 is the fourth day after the 23rd; the rate of December is the month's average, 4.25 %
    assert multi.cash[multi.row("2022-12-27")] == round(float(bill_return(4.25, 4)), 12)
    assert multi.cash[multi.row("2012-10-31")] == round(float(bill_return(0.12, 5)), 12)
    assert multi.cash[0] == 0.0
    assert (multi.cash < 0.0).any()


def test_main_jobs_years_carry_no_warning_and_bitcoins_leap_does(multi: Market) -> None:
    assert warnings_in(multi, "2015-01-02", "2022-12-29") == []
    (leap,) = warnings_in(multi, "2007-07-26", "2022-12-29")
    assert leap.startswith("BTC moved by more than 40 % on 1 session, most on 2013-11-18 (+68.3 %)")


def test_notes_of_lines_that_a_portfolio_does_not_hold_are_left_out(multi: Market) -> None:
    told = " ".join(multi.select(["SPY", "AGG"]).notes)
    assert "adjusted for splits, not for dividends" in told
    assert "monthly average" in told
    assert not any(name in told for name in ("BTC", "COM", "TLT"))


# -- US funds with bars ----------------------------------------------------------------------------------------------


def test_funds_are_cut_on_the_last_day_of_all_and_say_so(etfs: Market) -> None:
    assert etfs.shape == (7574, 21)
    assert (str(etfs.days[0]), str(etfs.days[-1])) == ("1993-01-29", "2023-02-27")
    assert etfs.tradable[-1].all()
    assert any("cut on 2023-02-27" in note and "goes on for AGG, BSV, IEMG" in note for note in etfs.notes)


@cases("asset, first", ("SPY", "1993-01-29"), ("QQQ", "1999-03-10"), ("GLD", "2004-11-18"), ("IEMG", "2012-10-24"))
def test_funds_are_listed_on_the_day_that_their_issuers_name(etfs: Market, asset: str, first: str) -> None:
    assert listing(etfs, asset) == first


def test_days_without_volume_are_kept_as_published(etfs: Market) -> None:
    assert etfs.volumes is not None
    idle = etfs.volumes == 0.0
    expected = {**{"BND": 1, "VOX": 16, "VUG": 2}}
    assert {name: int(idle[:, i].sum()) for i, name in enumerate(etfs.assets) if idle[:, i].any()} == expected
    assert etfs.tradable[idle].all()
    (note,) = [note for note in etfs.notes if "no volume" in note]
    assert (note.assets, str(note.first), str(note.last)) == (("BND", "VOX", "VUG"), "2004-02-12", "2018-07-26")
    assert "on 19 days" in note


def test_bars_hold_the_close_between_low_and_high(etfs: Market) -> None:
    bars = etfs.bars or {}
    assert sorted(bars) == ["high", "low", "open"]
    at = etfs.tradable
    assert (bars["low"][at] <= etfs.prices[at]).all()
    assert (etfs.prices[at] <= bars["high"][at]).all()
    assert np.isnan(bars["open"][~at]).all()


def test_both_sets_tell_the_same_of_the_funds_that_they_share(multi: Market, etfs: Market) -> None:
    shared = ["SPY", "QQQ", "VEA", "VWO", "VNQ", "AGG", "GLD"]
    mine, theirs = multi.select(shared), etfs.until("2022-12-29").select(shared)
    rows = slice(theirs.row("2007-07-26") + 1, None)
    assert np.abs(mine.returns[1:] - theirs.returns[rows]).max() < 1.1e-7  # their prices are stored in 32 bits
    assert np.allclose(mine.prices[1:], theirs.prices[rows], rtol=3e-8, atol=0.0)
    assert np.array_equal(mine.volumes[1:], theirs.volumes[rows])


def test_cash_of_the_funds_is_warned_about_where_the_bill_is_unknown(etfs: Market) -> None:
    early, late = warnings_in(etfs, "1993-01-29", "2023-02-27")
    assert early.startswith("On 2,023 sessions, 1993-02-01 to 2001-02-02, cash earns nothing")
    assert late.startswith("On 32 sessions, 2023-01-11 to 2023-02-27, cash earns nothing")
    assert etfs.cash[etfs.row("2023-01-10")] == round(float(bill_return(4.25, 1)), 12)


# -- twenty US stocks ------------------------------------------------------------------------------------------------


def test_stocks_have_the_size_and_days_that_skfolio_documents(stocks: Market) -> None:
    assert stocks.shape == (8313, 20)
    assert (str(stocks.days[0]), str(stocks.days[-1])) == ("1990-01-02", "2022-12-28")
    assert stocks.returns[1, line(stocks, "AAPL")] == pytest.approx(0.266 / 0.264 - 1.0, abs=1e-15)


def test_stocks_have_no_quotes_and_say_so(stocks: Market) -> None:
    assert np.isnan(stocks.prices).all()
    assert any("no quotes" in note for note in stocks.notes)
    assert set(stocks.instruments["adjustment"]) == {"returns: splits and dividends; no quotes"}
    assert (stocks.instruments["sector"] != "").all()


def test_stocks_are_the_ones_that_skfolios_own_loader_returns(stocks: Market) -> None:
    from skfolio.datasets import load_sp500_dataset

    theirs = load_sp500_dataset()
    assert tuple(theirs.columns) == stocks.assets
    assert np.abs(theirs.pct_change().to_numpy()[1:] - stocks.returns[1:]).max() < 1e-12


def test_cash_before_the_bill_gives_one_warning_and_not_thousands(stocks: Market) -> None:
    assert [text for text in warnings_in(stocks, "1990-01-02", "2001-02-02") if "cash" in text] == [
        "On 2,802 sessions, 1990-01-03 to 2001-02-02, cash earns nothing: the bill's rates begin on 2001-02-02."
    ]
    assert warnings_in(stocks, "2017-01-03", "2022-12-28") == []


# -- US funds with their dividends -----------------------------------------------------------------------------------


def test_dividend_funds_have_the_size_and_days_that_their_origin_describes(payers: Market) -> None:
    assert payers.shape == (5033, 4)
    assert payers.assets == ("GLD", "HDV", "SPY", "TLT")
    assert (str(payers.days[0]), str(payers.days[-1])) == ("2000-07-14", "2020-07-16")
    expected = [*("2004-11-18", "2011-03-31", "2000-07-14", "2002-07-26")]
    assert [listing(payers, asset) for asset in payers.assets] == expected
    assert payers.dividends is not None
    assert (payers.dividends > 0.0).sum(axis=0).tolist() == [0, 38, 81, 215]
    assert payers.splits is not None
    assert (payers.splits == 1.0).all()


def test_dividends_of_a_year_are_those_that_the_issuer_published(payers: Market) -> None:
    year = (payers.dates >= "2019-01-01") & (payers.dates < "2020-01-01")
    published = 1.2331 + 1.4316 + 1.3836 + 1.5700
    assert payers.dividends[year, line(payers, "SPY")].sum() == pytest.approx(published, abs=1e-4)
    t, i = payers.row("2019-12-20"), line(payers, "SPY")
    by_hand = (payers.prices[t, i] + payers.dividends[t, i]) / payers.prices[t - 1, i] - 1.0
    assert payers.dividends[t, i] == pytest.approx(1.57, abs=5e-3)
    assert payers.returns[t, i] == pytest.approx(by_hand, abs=1e-14)


@pytest.mark.parametrize(("asset", "worst"), [("SPY", 1.7e-6), ("HDV", 2.6e-6), ("TLT", 5.6e-5), ("GLD", 1e-15)])
def test_returns_are_those_of_the_vendors_adjusted_closes(payers: Market, asset: str, worst: float) -> None:
    long = pd.read_parquet(Path(embedded.DATA) / "etf_dividends" / "daily.parquet")
    theirs = long[long["ticker"] == asset].set_index("timestamp")["adjusted_close"].pct_change().iloc[1:]
    mine = pd.Series(payers.returns[:, line(payers, asset)], payers.dates)[theirs.index]
    assert (mine - theirs).abs().max() < worst


def test_funds_of_two_vendors_agree_where_both_have_them(payers: Market, multi: Market) -> None:
    mine, theirs = payers.select(["TLT"]), multi.select(["TLT"]).until("2020-07-16")
    rows = slice(mine.row("2007-07-26") + 1, None)
    assert np.abs(mine.returns[rows] - theirs.returns[1:]).max() < 5.6e-5
    assert np.array_equal(mine.prices[rows], theirs.prices[1:])


def test_halt_of_one_day_is_told(payers: Market) -> None:
    assert warnings_in(payers, "2001-06-01", "2020-07-16") == [
        "HDV has no price on 1 session, 2020-07-15 to 2020-07-15: taken for a halt, marked at the last price."
    ]


# -- twenty US stocks, one of which left -----------------------------------------------------------------------------


def test_stocks_with_an_exit_have_the_size_and_days_that_their_origin_describes(leavers: Market) -> None:
    assert leavers.shape == (8796, 20)
    assert (str(leavers.days[0]), str(leavers.days[-1])) == ("1990-01-02", "2024-11-29")
    late = {asset: listing(leavers, asset) for asset in leavers.assets if listing(leavers, asset) > "1990-01-02"}
    assert late == {
        **{"AMZN": "1997-05-15", "BABA": "2014-09-19", "GM": "2010-11-18", "GOOG": "2004-08-19", "MA": "2006-05-25"},
        **{"META": "2012-05-18", "SBUX": "1992-06-26", "UAA": "2005-11-18", "SHLD": "2003-05-01"},
    }
    assert (leavers.instruments["sector"] != "").all()


def test_false_jump_of_the_older_vintage_is_not_in_the_stocks(leavers: Market) -> None:
    assert leavers.returns[leavers.row("1993-08-16"), line(leavers, "AAPL")] == pytest.approx(0.009, abs=5e-4)


def test_stocks_agree_with_skfolios_where_both_have_them(leavers: Market, stocks: Market) -> None:
    shared = [asset for asset in leavers.assets if asset in stocks.assets]
    first, last = "2010-01-04", "2022-12-28"
    mine, theirs = (m.select(shared).returns[m.row(first) : m.row(last) + 1] for m in (leavers, stocks))
    assert len(shared) == 10
    apart = np.abs(mine - theirs)
    assert np.median(apart) < 1e-4  # one of them is rounded to three decimals
    assert (apart > 1e-3).mean() < 2e-3


def test_sears_is_said_to_have_left_and_how_to_book_it(leavers: Market) -> None:
    told = [note for note in leavers.notes if note.assets == ("SHLD",)]
    assert all(note.warning and str(note.first) == "2018-04-12" for note in told)
    assert "delist(market, 'SHLD', date, delisting_return)" in told[0]
    assert told[1].startswith("SHLD has no price on 1,671 sessions, 2018-04-12 to 2024-11-29, to the end of the data")


def test_cash_after_the_bill_ends_is_nothing_and_a_warning_says_so(leavers: Market) -> None:
    assert (leavers.cash[leavers.row("2023-01-10") + 1 :] == 0.0).all()
    assert any(
        text.startswith("On 475 sessions, 2023-01-11 to 2024-11-29, cash earns nothing: the bill's last rate, of 2022-")
        for text in warnings_in(leavers, "2023-01-11", "2024-11-29")
    )


# -- by name or by path ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["multi_asset", "prices.doc", ""])
def test_unknown_market_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match="Use multi_asset_daily, us_etf_ohlcv, etf_dividends, sp500_20, stocks"):
        load_market(name)


def test_options_are_refused_for_an_embedded_market() -> None:
    with pytest.raises(ConfigError, match="'multi_asset_daily' is embedded and takes no options: found calendar"):
        load_market("multi_asset_daily", calendar="24/7")


def test_what_a_holder_changes_in_a_market_that_is_read_once_reaches_no_other(multi: Market) -> None:
    mine = load_market("multi_asset_daily")
    mine.instruments.loc["SPY", "lot"] = 7.0
    other = load_market("multi_asset_daily")
    assert np.shares_memory(other.returns, mine.returns)
    assert not other.returns.flags.writeable
    assert other.instruments.loc["SPY", "lot"] == 1.0
    assert other.fingerprint == multi.fingerprint


@pytest.mark.parametrize("name", sorted(set(EMBEDDED) - {"sp500_20"}))
def test_checkout_without_its_data_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "DATA", tmp_path)
    embedded.read_once.cache_clear()
    with pytest.raises(DataError, match=r"no file .* part of the checkout"):
        load_market(name)


def test_embedded_files_hold_what_the_market_shows(multi: Market) -> None:
    raw = pd.read_csv(Path(embedded.DATA) / "multi_asset_daily" / "prices_total_return.csv", index_col="date")
    assert np.array_equal(multi.prices[multi.tradable[:, 9], 9], raw["BTC"].dropna())
    assert multi.index[-1, 0] == pytest.approx(raw["SPY"].iloc[-1] / raw["SPY"].iloc[0], rel=1e-12)
