"""From a file to a portfolio: every number where it belongs, and each error with file, key, value and fix."""

import importlib.util
import json
import re
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError
from foundation.files import ROOT
from research.accounting import Execution, Tax
from research.allocation import HRP, FixedWeights
from research.market import load_market
from research.portfolio import load_portfolio
from research.portfolio.file.settings import names_of
from research.portfolio.keys.portfolio_keys import PortfolioKeys
from research.rules import Calendar, Threshold, Within

EXAMPLES = ("global_multi_asset", "sixty_forty", "stocks_20")


def test_every_number_is_where_it_belongs(write: Any) -> None:
    path = write()
    got = load_portfolio(path)
    assert (got.name, got.file, got.basis, got.cash) == ("Two funds", str(path), "USD", 1000.5)
    assert got.market.assets == ("SPY", "AGG")
    assert got.market.instruments["asset_class"].tolist() == ["us_equity", "bonds"]
    assert got.market.instruments["lot"].tolist() == [1.0, 10.0]
    price = load_market("multi_asset_daily").select(["SPY"]).prices[-1, 0]
    assert got.holdings.tolist() == [100.0 * price, 25_000.0]
    np.testing.assert_equal(got.shares, [100.0, np.nan])
    assert got.nav == 100.0 * price + 26_000.5
    assert got.weights.sum() + got.cash / got.nav == pytest.approx(1.0)
    assert (got.last_trade, got.date) == (pd.Timestamp("2022-09-30"), pd.Timestamp("2022-12-29"))
    assert got.strategic == FixedWeights((0.6, 0.38))
    assert (got.lower.tolist(), got.upper.tolist()) == ([0.55, 0.3], [0.65, 0.45])
    assert got.costs.commission.tolist() == pytest.approx([1e-4, 2e-4])
    assert got.costs.half_spread.tolist() == pytest.approx([1.5e-4, 3e-4])
    limits = got.limits
    assert (limits.minimum_trade, limits.tracking_error, limits.max_days_outside) == (250.0, 0.01, 0.05)
    assert limits.max_drawdown is None
    assert (limits.lots.tolist(), limits.fractional.tolist()) == ([1.0, 10.0], [False, False])
    assert (got.tracking_penalty, got.periods_per_year, got.lag) == (5.0, 252, 1)
    assert got.test_start == pd.Timestamp("2015-01-02")
    assert got.policies == {
        "quarterly": Calendar(got.strategic, "quarter"),
        "band": Threshold(got.strategic, 0.03, Within(0.01)),
        "parity": Calendar(HRP(window=126), "month"),
    }
    assert got.policy == "band"


def test_a_stated_drawdown_is_kept_and_among_the_settings(write: Any) -> None:
    got = load_portfolio(write(), {"limits.max_drawdown": 0.15})
    assert got.limits.max_drawdown == got.settings["limits"]["max_drawdown"] == 0.15


def test_policy_in_force_and_limits_may_be_left_out(write: Any) -> None:
    got = load_portfolio(write(), {"policy": None, "limits": None})
    assert got.policy is None
    assert (got.limits.minimum_trade, got.limits.tracking_error, got.limits.max_days_outside) == (0.0, None, 0.05)


@cases(
    "written, lot, fractional",
    ("fractional: true", 1e-6, True),
    ("fractional: false", 1.0, False),
    ("lot: 0.5", 0.5, True),
    ("lot: 100", 100.0, False),
)
def test_line_trades_in_lots_or_fractions(write: Any, written: str, lot: float, fractional: bool) -> None:
    limits = load_portfolio(write("lot: 10", written)).limits
    assert (limits.lots[1], limits.fractional[1]) == (lot, fractional)


def test_a_fund_has_a_minimum_purchase_and_a_cut_off(write: Any) -> None:
    got = load_portfolio(write("lot: 10", "minimum_purchase: 2_500, cut_off: 16:00 America/New_York"))
    assert got.limits.minimum_purchase[:2].tolist() == [0.0, 2500.0]
    assert got.limits.cut_offs[:2] == ("", "16:00 America/New_York")
    assert {"minimum_purchase": 2500.0, "cut_off": "16:00 America/New_York"}.items() <= got.settings["lines"][
        "AGG"
    ].items()


def test_lot_of_the_market_is_the_default() -> None:
    got = load_portfolio("data/portfolios/global_multi_asset.yaml")
    assert dict(zip(got.market.assets, got.limits.lots, strict=True))["BTC"] == 1e-8
    assert got.limits.fractional.tolist() == [False] * 7 + [True]


def test_line_that_its_market_divides_may_be_kept_whole() -> None:
    path = "data/portfolios/global_multi_asset.yaml"
    assert load_portfolio(path, {"lines.BTC.fractional": False}).limits.lots[-1] == 1.0
    assert load_portfolio(path, {"lines.BTC.fractional": None}).limits.lots[-1] == 1e-8


def test_overrides_replace_what_the_file_says(write: Any) -> None:
    got = load_portfolio(
        write(), {"tracking_penalty": 2, "test_start": "2016-01-04", "policies": {"quarterly": {"schedule": "year"}}}
    )
    assert (got.tracking_penalty, got.test_start) == (2.0, pd.Timestamp("2016-01-04"))
    assert got.policies["quarterly"] == Calendar(got.strategic, "year")
    assert got.settings["policies"]["quarterly"]["schedule"] == "year"


def test_the_target_stays_unless_the_file_says_that_it_may_change(write: Any) -> None:
    stays, may = (load_portfolio(write(), {"target": word}) for word in ("strategic", "may_change"))
    assert (stays.target_may_change, may.target_may_change) == (False, True)
    assert stays.settings == load_portfolio(write()).settings  # and so are its runs, by name and bytes
    assert may.settings == stays.settings | {"target": "may_change"}
    with pytest.raises(ConfigError, match=r"target: .*given beside .*\): found 'hrp'\. Use strategic, may_change"):
        load_portfolio(write(), {"target": "hrp"})


def test_record_cannot_be_written_to(write: Any) -> None:
    got = load_portfolio(write())
    with pytest.raises(FrozenInstanceError):
        got.cash = 0.0  # type: ignore[misc]
    for array in (got.holdings, got.shares, got.lower, got.upper, got.limits.lots, got.limits.fractional):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_table_adds_up_with_cash_in_its_last_row(write: Any) -> None:
    got = load_portfolio(write())
    table = got.table()
    assert table.index.tolist() == ["SPY", "AGG", "cash"]
    assert table["value"].sum() == pytest.approx(got.nav)
    assert table["weight"].sum() == pytest.approx(1.0)
    assert table.loc["cash", "target"] == 0.02
    assert table["gap"].sum() == pytest.approx(0.0, abs=1e-12)


# -- markets from files ----------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path, write: Any) -> Any:
    """A desk with prices of its own, beside its file."""
    days = pd.bdate_range("2022-12-19", "2022-12-23")
    prices = pd.DataFrame({"SPY": 100.0 + np.arange(5), "AGG": 50.0 - np.arange(5)}, index=pd.Index(days, name="date"))
    (tmp_path / "prices").mkdir()
    prices.to_csv(tmp_path / "prices" / "mine.csv")

    def written(market: str) -> Path:
        path = write("market: multi_asset_daily", f"market: {market}")
        text = path.read_text().replace("2015-01-02", "2022-12-20").replace("asset_class: us_equity, ", "")
        path.write_text(text.replace("us_equity:", "other:"))
        return path  # type: ignore[no-any-return]

    return written


def test_market_file_is_found_from_the_portfolio_file(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = own("{file: prices/mine.csv, quotes: prices/mine.csv, cash: bill}")
    monkeypatch.chdir("/")
    got = load_portfolio(path)
    assert got.holdings[0] == 100 * 104.0
    assert got.market.cash[1] > 0.0
    assert got.settings["market"] == {"file": "prices/mine.csv", "quotes": "prices/mine.csv", "cash": "bill"}
    told = [note for note in got.market.notes if note.startswith("Returns and quotes are the same closes, mine.csv:")]
    assert [note.warning for note in told] == [True]


def test_a_past_day_gives_what_a_file_that_ends_on_it_gives(own: Any, tmp_path: Path) -> None:
    path = own("{file: prices/mine.csv, quotes: prices/mine.csv}")
    whole, past = load_portfolio(path), load_portfolio(path, as_of="2022-12-21")
    assert load_portfolio(path, as_of="2022-12-24").market.fingerprint == whole.market.fingerprint  # a Saturday
    with pytest.raises(ConfigError, match="as_of is 'Friday': write a date as YYYY-MM-DD"):
        load_portfolio(path, as_of="Friday")
    prices = tmp_path / "prices" / "mine.csv"
    prices.write_text("".join(prices.read_text().splitlines(keepends=True)[:4]))
    ends = load_portfolio(path)
    assert (past.date, past.holdings[0]) == (ends.date, 100 * 102.0)
    assert past.market.fingerprint == ends.market.fingerprint != whole.market.fingerprint
    assert past.settings == ends.settings


def test_a_market_from_files_is_in_the_currency_that_it_declares(own: Any) -> None:
    market = "{file: prices/mine.csv, quotes: prices/mine.csv, cash: bill, currency: EUR}"
    assert load_portfolio(own(market), {"basis": "EUR"}).market.currency == ("EUR", "EUR")
    said = r"lines\.SPY: SPY is quoted in EUR, and there is no rate EURUSD \(or USDEUR\)"
    with pytest.raises(ConfigError, match=said):
        load_portfolio(own(market))
    with pytest.raises(ConfigError, match="write its code of three capital letters"):
        load_portfolio(own(market.replace("EUR", "euro")))


def test_shares_on_a_market_without_quotes_are_refused(own: Any) -> None:
    message = (
        r"lines\.SPY\.shares: SPY has no quote on 2022-12-23, the last day of market 'mine' \(.*desk\.yaml, line 8\)"
    )
    said = message + r": found 100\.0\. Give its value in currency, as `holdings:`, or quotes"
    with pytest.raises(ConfigError, match=said):
        load_portfolio(own("prices/mine.csv"))


def test_error_of_a_market_file_names_the_key_as_well(own: Any) -> None:
    with pytest.raises(ConfigError, match=r"market \(.*desk\.yaml, line 2\): .*other\.csv cannot be read"):
        load_portfolio(own("prices/other.csv"))
    with pytest.raises(ConfigError, match=r"market\.missin: unknown key .*Did you mean 'missing'\?"):
        load_portfolio(own("{file: prices/mine.csv, missin: halt}"))
    with pytest.raises(ConfigError, match=r"market \(.*\): .*unknown exchange calendar 'XXXX'"):
        load_portfolio(own("{file: prices/mine.csv, calendar: XXXX}"))


@pytest.fixture
def of_days(tmp_path: Path, write: Any) -> Any:
    """A desk on a market of some days."""

    def written(days: pd.DatetimeIndex, calendar: str = "XNYS") -> Path:
        prices = pd.DataFrame({"SPY": 100.0, "AGG": 50.0}, index=pd.Index(days, name="date"))
        prices.to_csv(tmp_path / "mine.csv")
        path = write("market: multi_asset_daily", f"market: {{file: mine.csv, quotes: mine.csv, calendar: {calendar}}}")
        text = path.read_text().replace("2015-01-02", f"{days[1]:%Y-%m-%d}").replace("asset_class: us_equity, ", "")
        path.write_text(text.replace("us_equity:", "other:"))
        return path  # type: ignore[no-any-return]

    return written


@cases(
    "days, calendar, a_year",
    (pd.date_range("2020-01-02", "2022-10-06", freq="7D"), "24/7", 52),  # Thursdays
    (pd.date_range("2020-01-02", "2022-10-06"), "24/7", 365),
    (pd.date_range("2022-08-01", "2022-10-01"), "24/7", 365),
    (pd.date_range("2012-01-31", "2022-10-31", freq="ME"), "24/7", 12),
)
def test_periods_a_year_are_those_of_the_market_and_no_others(
    of_days: Any, days: pd.DatetimeIndex, calendar: str, a_year: int
) -> None:
    path = of_days(days, calendar)
    message = (
        rf"periods_per_year: not the frequency of market 'mine', which has {a_year} rows a year from "
        rf"{days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d} \(.*desk\.yaml\): found 252\. "
        rf"Write `periods_per_year: {a_year}`"
    )
    with pytest.raises(ConfigError, match=message):
        load_portfolio(path, {"periods_per_year": 252})
    assert load_portfolio(path).periods_per_year == a_year


@pytest.mark.parametrize("weeks", [1, 2, 3, 8])
def test_short_daily_market_is_not_mistaken_for_another(of_days: Any, weeks: int) -> None:
    """Five rows from Monday to Friday are a row a day."""
    days = pd.bdate_range("2022-10-03", periods=5 * weeks)
    assert load_portfolio(of_days(days, "24/7")).periods_per_year == 252


# -- what is wrong is named ------------------------------------------------------------------------------------------

# Text of the good file, what stands there instead, and of the message: key, what, the value found, how to fix it.
ERRORS = [
    ("policy: band", "polcy: band", "polcy", "unknown key", "'polcy'", "Did you mean 'policy'?"),
    ("shares: 100", "share: 100", "lines.SPY.share", "unknown key", "'share'", "'shares'"),
    ("minimum_trade", "min_trade", "limits.min_trade", "unknown key", "'min_trade'", "Use minimum_trade"),
    ("{commission_bps: 2", "{comission_bps: 2", "costs.bonds.comission_bps", "unknown key", "'com", "'commission_bps'"),
    ("basis: USD", "", "basis", "missing", "None", "Add `basis:`."),
    ("lines:", "limes:", "limes", "unknown key", "'limes'", "Did you mean 'lines'?"),
    ("target: 0.60, ", "", "lines.SPY.target", "missing", "None", "Add `target:`."),
    (", range: [0.55, 0.65]", "", "lines.SPY.range", "missing", "None", "Add `range:`."),
    ("commission_bps: 2, ", "", "costs.bonds.commission_bps", "missing", "None", "Add `commission_bps:`."),
    ("name: Two funds", "name: ' '", "name", "no name: it is empty", "' '", "Give a name"),
    ("name: Two funds", "name: 12", "name", "not text", "12", "in quotes"),
    ("multi_asset_daily", "multi_asset_dayly", "market", "unknown market", "'mu", "Did you mean 'multi_asset_daily'"),
    ("multi_asset_daily", "[a]", "market", "not text", "['a']", "Write a word"),
    ("  SPY:", "  SPYY:", "lines.SPYY", "unknown asset in market 'multi_asset_daily'", "'SPYY'", "Did you mean 'SPY'?"),
    ("basis: USD", "basis: EUR", "lines.SPY", "there is no rate USDEUR (or EURUSD)", "None", "fx: {USDEUR"),
    ("target: 0.38", "target: 0.42", "lines", "do not add up to 1", "1.04", "Correct a target, or lower them by 0.02"),
    ("target: 0.38", "target: 0.36", "lines", "do not add up to 1", "0.98", "a target, or state `target_cash: 0.04`."),
    ("target_cash: 0.02", "", "lines", "do not add up to 1", "0.98", "Correct a target, or state `target_cash: 0.02`."),
    ("target_cash: 0.02", "target_cash: 0", "lines", "do not add up to 1", "0.98", "state `target_cash: 0.02`."),
    ("target: 0.38", "target: 0.40", "lines", "do not add up to 1", "1.02", "or state `target_cash: 0`."),
    ("target: 0.60", "target: 0.600000002", "lines", "do not add up to 1", "1.000000002", "`target_cash: 0.019999998`"),
    ("target_cash: 0.02", "target_cash: 2%", "target_cash", "not a number", "'2%'", "plain number"),
    ("target_cash: 0.02", "target_cash: -0.02", "target_cash", "out of bounds", "-0.02", "at least 0 and at most 1"),
    ("test_start", "periods_per_year: 52\ntest_start", "periods_per_year", "has 252 rows a year from 2007-07-26",
     "52", "Write `periods_per_year: 252`, or give a market with 52 rows"),
    ("test_start", "periods_per_year: 365\ntest_start", "periods_per_year", "not the frequency of market 'multi_asset",
     "365", "Write `periods_per_year: 252`"),
    ("test_start", "periods_per_year: 0\ntest_start", "periods_per_year", "out of bounds", "0", "least 1"),
    ("target: 0.60", "target: 60", "lines.SPY.target", "out of bounds", "60", "at least 0 and at most 1"),
    ("target: 0.60", "target: -0.6", "lines.SPY.target", "out of bounds", "-0.6", "no short positions"),
    ("target: 0.60", "target: 60%", "lines.SPY.target", "not a number", "'60%'", "plain number"),
    ("target: 0.60", "target: true", "lines.SPY.target", "not a number", "True", "plain number"),
    ("target: 0.60", "target: .nan", "lines.SPY.target", "not a finite number", ".nan", "plain number"),
    ("shares: 100", "shares: 100, holdings: 5", "lines.SPY", "states shares and holdings", "{'shares': 100, '", "one"),
    (", shares: 100", "", "lines.SPY", "states neither shares nor holdings", "{'asset_class'", "State exactly one"),
    ("shares: 100", "shares: -100", "lines.SPY.shares", "out of bounds", "-100", "leave a short one out"),
    ("SPY: {asset_class: us_equity", "TLT: {asset_class: bonds", "lines.TLT.shares", "no quote on 2", "100", "as `h"),
    ("[0.55, 0.65]", "[0.61, 0.65]", "lines.SPY.range", "does not contain the target, 0.6", "[0.61, 0.65]", "between"),
    ("[0.55, 0.65]", "[0.65, 0.55]", "lines.SPY.range", "not an interval", "[0.65, 0.55]", "[lower, upper]"),
    ("[0.55, 0.65]", "[55, 65]", "lines.SPY.range", "not an interval", "[55, 65]", "fractions of NAV"),
    ("[0.55, 0.65]", "[0.55]", "lines.SPY.range", "not two numbers", "[0.55]", "[lower, upper]"),
    ("[0.55, 0.65]", "[low, high]", "lines.SPY.range", "not two numbers", "['low', 'high']", "[lower, upper]"),
    ("[0.55, 0.65]", "[false, true]", "lines.SPY.range", "not two numbers", "[False, True]", "[lower, upper]"),
    ("shares: 100", "shares: 100, trading: frozen", "lines.SPY.trading", "not one of its words", "'frozen'",
     "Use sell_only, buy_only, locked."),
    ("shares: 100", "shares: 100, trading: true", "lines.SPY.trading", "not one of its words", "True", "Use "),
    ("shares: 100", "shares: 100, trading: ''", "lines.SPY.trading", "not one of its words", "''", "Use sell_only"),
    ("shares: 100", "shares: 100, sector: 12", "lines.SPY.sector", "not text", "12", "Write a word"),
    ("[0.55, 0.65], shares: 100", "[0.60, 0.65], shares: 100, trading: locked", "lines.SPY.trading",
     "keeps SPY at 0.59", "'locked'", "Free the asset, or widen its range."),
    ("[0.55, 0.65], shares: 100", "[0.55, 0.65], shares: 70, trading: sell_only", "lines.SPY.trading",
     "keeps SPY at 0.50", "'sell_only'", "Free the asset"),
    ("lot: 10", "lot: 0", "lines.AGG.lot", "out of bounds", "0", "least number of units"),
    ("lot: 10", "lot: 10, fractional: true", "lines.AGG.fractional", "cannot be combined with a lot", "True",
     "Keep one"),
    ("lot: 10", "fractional: yes", "lines.AGG.fractional", "not true or false", "'yes'", "true or false"),
    ("lot: 10", "minimum_purchase: -1", "lines.AGG.minimum_purchase", "out of bounds", "-1", ""),
    ("lot: 10", "cut_off: 16 h", "lines.AGG.cut_off", "no time of day with its time zone", "'16 h'",
     "Write it as 16:00 America/New_York."),
    ("commission_bps: 2", "commission_bps: -2", "costs.bonds.commission_bps", "out of bounds", "-2", "at least 0"),
    ("commission_bps: 2", "commission_bps: 5000", "costs.bonds.commission_bps", "out of bounds", "5000", "below 5,000"),
    ("cash: 1", "holding: {management_fee_bps: -20}\ncash: 1", "holding.management_fee_bps", "out of bounds", "-20",
     "at least 0 and below 5,000. Basis points a year"),
    ("half_spread_bps: 3", "half_spread_bps: -3", "lines.AGG.half_spread_bps", "out of bounds", "-3", "at least 0"),
    ("  bonds: {", "  stocks: {", "costs", "no costs for the class of AGG", "'bonds'", "Add `bonds: {commission_bps"),
    ("1_000.50", "-1", "cash", "out of bounds", "-1", "at least 0"),
    ("1_000.50", "1,000.50", "cash", "not a number", "'1,000.50'", "1_000"),
    ("2022-09-30", "2022-09-31", "last_trade", "not a date", "'2022-09-31'", "YYYY-MM-DD"),
    ("2022-09-30", "2023-01-03", "last_trade", "lies after the last close", "'2023-01-03'", "not after 2022-12-29"),
    ("2015-01-02", "2007-07-26", "test_start", "starts outside the data", "'2007-07-26'", "a day after 2007-07-26"),
    ("2015-01-02", "2022-12-30", "test_start", "starts outside the data", "'2022-12-30'", "not after 2022-12-29"),
    ("policy: band", "policy: bands", "policy", "not among the policies", "'bands'", "Did you mean 'band'?"),
    ("policy: band", "reference: bands", "reference", "not among the policies", "'bands'", "Did you mean 'band'?"),
    ("  parity:", "  band:", "policies.band", "the key appears twice", "'band'", "Keep one"),
    ("  AGG:", "  SPY:", "lines.SPY", "the key appears twice", "'SPY'", "Keep one"),
    ("test_start", "tracking_penalty: -1\ntest_start", "tracking_penalty", "out of bounds", "-1", "at least 0"),
    ("test_start", "lag: 1.5\ntest_start", "lag", "not a whole number", "1.5", "at least 0"),
    ("0.01}", "1%}", "limits.tracking_error", "not a number", "'1%'", "plain number"),
    ("{minimum_trade: 250, tracking_error: 0.01}", "[250]", "limits", "not a mapping", "[250]", "one key a line"),
    ("{target: 0.38, range: [0.30, 0.45], holdings: 25_000, lot: 10, half_spread_bps: 3}", "0.38", "lines.AGG",
     "not a mapping", "0.38", "one key a line"),
]  # fmt: skip


def test_without_a_reference_it_is_the_first_calendar_else_the_first_policy() -> None:
    file = "data/portfolios/sixty_forty.yaml"
    assert load_portfolio(file).reference == "quarterly"
    assert load_portfolio(file, {"reference": "tuned"}).reference == "tuned"
    assert load_portfolio(file, {"policies.quarterly": None, "policies.yearly": None}).reference == "never"


@pytest.mark.parametrize(("old", "new", "key", "what", "found", "mend"), ERRORS)
def test_error_names_file_key_value_and_mend(
    mistaken: Any, old: str, new: str, key: str, what: str, found: str, mend: str
) -> None:
    mistaken(old, new, key, "", what, found, mend)


def test_mistakes_of_orders_limits_and_nav_history_are_told_at_once(write: Any, tmp_path: Path) -> None:
    wrong = {
        "reserve_bps": -1, "mosst": 3, "turnover": 2, "max_age": 1.5, "objective": "best", "ranges": "bound",
        "groups": {"us": {"asset_class": "us_equities", "range": [0.6, "x"], "price": -1}, "all": {"range": [0, 1]}},
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        load_portfolio(write(), {"orders": wrong, "limits.tracking_error": 2, "lag": 1})
    told = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    group = "orders.groups.us"
    assert sorted(told) == sorted([
        "limits.tracking_error", "orders.mosst", "orders.reserve_bps", "orders.turnover", "orders.max_age",
        "orders.objective", "orders.ranges", f"{group}.range", f"{group}.price", "orders.groups.all",
    ])  # fmt: skip
    (tmp_path / "nav.csv").write_text("date,nav\n2022-12-27,0\n2022-12-28,1\n")
    (tmp_path / "prices.csv").write_text("asset,price\nSPY,0\n")
    with pytest.raises(ConfigError) as caught:
        load_portfolio(write(), {"nav_history": "nav.csv", "prices": "prices.csv"})
    assert "no price of SPY" in str(caught.value)
    assert "no NAV above zero for nav on 2022-12-27" in str(caught.value)


@pytest.mark.parametrize("value", [object(), {1, 2}, "\ud800", pd.NaT])
@pytest.mark.parametrize("key", ["foo", "lag"])
def test_an_override_that_no_file_could_hold_is_refused_in_a_sentence(write: Any, key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"^{key}: "):
        load_portfolio(write(), {key: value})


@pytest.mark.parametrize("key", ["execution", "holding", "orders", "stress", "ticket"])
def test_a_key_with_nothing_below_it_is_refused(write: Any, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{key}: says nothing"):
        load_portfolio(write(), {key: {}})


def test_whole_lots_take_the_least_size_of_limits_as_a_number_of_the_same_kind(write: Any) -> None:
    settings = load_portfolio(write(), {"execution": {"sizing": "units"}}).settings
    assert repr(settings["execution"]["minimum_trade"]) == "250.0"


def test_line_number_is_the_one_on_which_the_key_stands(write: Any) -> None:
    with pytest.raises(ConfigError, match=r"lines\.AGG\.lot: .*desk\.yaml, line 9\)"):
        load_portfolio(write("lot: 10", "lot: ten"))


def test_nothing_held_is_refused(write: Any) -> None:
    nothing = {"cash": 0, "lines.SPY.shares": 0, "lines.AGG.holdings": 0}
    with pytest.raises(ConfigError, match=r"cash: neither assets nor cash are held \(.*\): found 0\.0\. State what"):
        load_portfolio(write(), nothing)


def test_wrong_override_is_refused_as_one(write: Any) -> None:
    with pytest.raises(ConfigError, match=r"lines\.SPY\.target: not a number \(given beside .*desk\.yaml\): found 'x'"):
        load_portfolio(write(), {"lines.SPY.target": "x"})
    with pytest.raises(ConfigError, match=r"polcy: unknown key \(given beside .*\)"):
        load_portfolio(write(), {"polcy": "band"})


# -- the portfolios that come with the workbench ---------------------------------------------------------------------


def test_simulated_prices_are_those_that_the_script_draws() -> None:
    path = Path(__file__).parents[3] / ".ci" / "simulated_prices.py"
    spec = importlib.util.spec_from_file_location("simulated_prices", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    market, portfolio = script.simulated(), load_portfolio("data/portfolios/port_a_techgrowth_simulated.yaml")
    assert portfolio.market.dates.equals(market.dates)
    np.testing.assert_allclose(portfolio.market.prices, script.OPENING * market.index, atol=0.0051)


@pytest.mark.parametrize("name", EXAMPLES)
def test_settings_are_plain_and_give_the_same_portfolio_again(name: str, again: Any) -> None:
    first = load_portfolio(f"data/portfolios/{name}.yaml")
    assert json.loads(json.dumps(first.settings, allow_nan=False)) == first.settings
    assert first.settings["target_cash"] == 0.0
    second = again(first)
    assert second.market.fingerprint == first.market.fingerprint
    assert second.holdings.tolist() == first.holdings.tolist()
    assert second.policies == first.policies


def test_target_of_cash_is_kept_in_the_settings(write: Any, again: Any) -> None:
    assert again(load_portfolio(write())).settings["target_cash"] == 0.02


def test_sector_and_restriction_of_a_line_are_kept(write: Any, again: Any) -> None:
    first = load_portfolio(write("shares: 100", "shares: 100, sector: broad, trading: sell_only"))
    assert first.market.trading == ("sell_only", "")
    assert first.market.sector == ("broad", "")
    assert first.settings["lines"]["SPY"]["trading"] == "sell_only"
    assert again(first).market.fingerprint == first.market.fingerprint


def test_targets_add_up_when_only_their_last_digits_do_not(write: Any) -> None:
    assert load_portfolio(write("target: 0.60", "target: 0.6000000001")).target.sum() == pytest.approx(0.98)


def test_global_portfolio_is_the_one_of_the_main_job() -> None:
    got = load_portfolio("data/portfolios/global_multi_asset.yaml")
    table = got.table().drop(index="cash")
    assert dict(table["target"]) == {
        "SPY": 0.25, "QQQ": 0.08, "VEA": 0.16, "VWO": 0.08, "VNQ": 0.07, "AGG": 0.27, "GLD": 0.07, "BTC": 0.02,
    }  # fmt: skip
    costs = dict(zip(got.market.assets, (got.costs.total * 1e4).round(6), strict=True))
    assert costs == {"SPY": 2, "QQQ": 2, "VEA": 3, "VWO": 4, "VNQ": 4, "AGG": 2, "GLD": 3, "BTC": 20}
    assert got.costs.commission.tolist() == got.costs.half_spread.tolist()
    assert (table["upper"] - table["lower"]).round(6).tolist() == [0.1] * 7 + [0.05]
    assert np.isfinite(got.market.prices[-1]).all()
    assert (table["gap"].abs() > 0.02).sum() >= 2
    assert 24e6 < got.nav < 26e6
    assert got.cash / got.nav < 0.01
    assert (got.last_trade, got.test_start) == (pd.Timestamp("2022-06-30"), pd.Timestamp("2015-01-01"))
    assert (got.limits.tracking_error, got.tracking_penalty, got.policy) == (0.015, 5.0, "quarterly")


def test_stocks_state_values_in_equal_weights() -> None:
    got = load_portfolio("data/portfolios/stocks_20.yaml")
    assert got.strategic == FixedWeights((0.05,) * 20)
    assert np.isnan(got.shares).all()
    assert str(got.table().loc["cash", "target"]) == "0.0"  # and not -0.0, which twenty twentieths leave


def test_the_guide_to_portfolio_files_is_one(tmp_path: Path) -> None:
    """Its example is loaded as it stands, and states each cost."""
    guide = (Path(__file__).parents[3] / "docs" / "portfolios.md").read_text(encoding="utf-8")
    file = tmp_path / "guide.yaml"
    file.write_text(guide.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    found = load_portfolio(file)
    assert found.costs.per_unit.tolist() == [0.005, 0.0]
    assert found.costs.impact.coefficient == (1.0, 0.0)
    expected = Tax(0.20, "highest", short_rate=0.37, long_after="year", loss_limit=3_000.0, at_end="keep")
    assert found.costs.tax == expected
    assert found.costs.financing == pytest.approx(0.015)
    assert found.execution == Execution(participation=0.1)
    assert (set(found.flows.amounts.values()), found.flows.use) == ({5_000.0}, "rebalance")


def test_the_guide_names_the_keys_that_a_file_must_have(write: Any) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "portfolios.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", guide.split("**Required** are ")[1].split(".")[0]))
    missing = set()
    for key in names_of(PortfolioKeys):
        try:
            load_portfolio(write(), {key: None})
        except ConfigError as error:
            missing |= {key} if str(error).startswith(f"{key}: missing") else set()
    assert named == missing


def test_a_payer_that_is_not_held_is_refused_where_it_is_named(write: Any) -> None:
    with pytest.raises(ConfigError, match=r"policies\.band\.payer: no asset of the portfolio .*found 'TLT'"):
        load_portfolio(write(), {"policies.band.lines": "breaching", "policies.band.payer": "TLT"})


def test_rules_go_by_the_price_of_tracking_of_the_file_unless_they_state_their_own(write: Any) -> None:
    rules = (
        "tracking_penalty: 500\n\npolicies:\n  all: {rule: universal}\n  own: {rule: universal, tracking_penalty: 20}\n"
        "  region: {rule: no_trade_region}\n"
    )
    portfolio = load_portfolio(write("policies:\n", rules))
    assert [portfolio.policies[name].tracking_penalty for name in ("all", "own", "region")] == [500.0, 20.0, 500.0]


# -- names, and values that would silently mean something else -------------------------------------------------------


@cases(
    "name",
    "../../../../escaped/evil",
    "a\\b",
    ".hidden",
    " a",
    '"a\\nb"',
    '"\\e[31mred"',
    "x" * 81,
    "🚀" * 60,
    '"a\\u2028b"',
)
@cases("where, key", ("  quarterly:", r"policies\."), ("  SPY:", r"lines\."), ("Two funds", "name"))
def test_what_is_no_name_is_refused_with_its_place(write: Any, where: str, key: str, name: str) -> None:
    written = name if name.startswith('"') else f"'{name}'"
    with pytest.raises(ConfigError, match=rf"^{key}.*\(.*desk\.yaml, line \d+\): found ") as error:
        load_portfolio(write(where, written if key == "name" else f"  {written}:"))
    assert str(error.value).isprintable()


def test_a_class_may_have_a_slash_and_no_control_character(write: Any) -> None:
    """No file is named after it."""
    path = write("us_equity, target", "'Equity / US', target")
    path.write_text(path.read_text().replace("  us_equity: {c", "  'Equity / US': {c"))
    assert load_portfolio(path).market.instruments["asset_class"].iloc[0] == "Equity / US"
    with pytest.raises(ConfigError, match="has characters that are not printed"):
        load_portfolio(write("us_equity, target", '"a\\u0007b", target'))


def test_names_of_other_scripts_are_names(write: Any) -> None:
    """Persian has a joiner within words, which is not printed by itself."""
    assert load_portfolio(write("Two funds", "صندوق\u200cها")).name == "صندوق\u200cها"


def test_policies_whose_names_differ_in_case_only_are_refused(write: Any) -> None:
    with pytest.raises(ConfigError, match=r"policies\.Band: some file systems take it for 'band'.*Rename one"):
        load_portfolio(write("  parity:", "  Band:"))


def test_names_are_checked_before_the_market_is_read(write: Any) -> None:
    path = write("  quarterly:", "  a/b:")
    path.write_text(path.read_text().replace("multi_asset_daily", "nowhere.csv"))
    with pytest.raises(ConfigError, match=r"policies\.a/b: no name: it has a slash"):
        load_portfolio(path)


def test_names_given_in_python_are_checked_too(write: Any) -> None:
    good = load_portfolio(write())
    with pytest.raises(ConfigError, match=r"name of a policy is '\.\./x': it has a slash\. Give a name"):
        replace(good, policies={"../x": good.policies["band"]})
    with pytest.raises(ConfigError, match="name of a policy is 'a', and another is 'A'"):
        replace(good, policies={"a": good.policies["band"], "A": good.policies["band"]})


@pytest.mark.parametrize("name", [".hidden.yaml", "..yaml", "de\x1bsk.yaml", "desk .yaml", "x" * 90 + ".yaml"])
def test_a_file_whose_runs_could_not_be_named_after_it_is_refused(write: Any, name: str) -> None:
    path = write().rename(write().with_name(name))
    with pytest.raises(ConfigError, match=r"the file cannot be called so, since runs are: it ") as error:
        load_portfolio(path)
    assert str(error.value).isprintable()


@cases(
    "old, new, message",
    (
        "tracking_error: 0.01",
        "tracking_error: 1.5",
        r"limits\.tracking_error: out of bounds .*: found 1\.5\. .* at most 0\.25\. .* 1\.5 % is 0\.015",
    ),
    ("tracking_error: 0.01", "tracking_error: 1", r"limits\.tracking_error: out of bounds .*: found 1\. "),
    (
        "tracking_error: 0.01",
        "tracking_error: ",
        r"limits\.tracking_error: says nothing .*: found None\. Write a value",
    ),
    (
        "tracking_error: 0.01",
        "max_drawdown: 15",
        r"limits\.max_drawdown: out of bounds .*: found 15\. .*A drawdown of 15 % is 0\.15",
    ),
    ("tracking_error: 0.01", "max_drawdown: -0.15", r"limits\.max_drawdown: out of bounds .* is 0\.15"),
    ("limits: {minimum_trade: 250, tracking_error: 0.01}", "limits: ~", r"limits: says nothing"),
    ("policy: band", "policy: null", r"policy: says nothing"),
    ("    band: 0.03", "    band: ", r"policies\.band\.band: says nothing"),
    ("[0.30, 0.45]", "[0.30, ~]", r"lines\.AGG\.range: a value is empty .*: found \[0\.3, None\]"),
    ("lot: 10", "lot: 1e-320", r"lines\.AGG\.lot: not a number in bounds"),
    ("lot: 10", "lot: 1e-10", r"lines\.AGG\.lot: out of bounds .*: found 1e-10\. .*at least 1e-09"),
    (
        "cash: 1_000.50",
        f"cash: {'9' * 309}",
        r"cash: not a finite number .*: found 9{197}\.\.\.\. Write a plain number",
    ),
    ("cash: 1_000.50", f"cash: {'9' * 5_000}", r"cash: not a finite number"),
    ("cash: 1_000.50", "cash: 1e300", r"cash: not a number in bounds .*: found 1e\+300\. Give 0, or a number of"),
    ("cash: 1_000.50", "cash: 1e-400", r"cash: too small a number .*: found 1e-400\. Write 0"),
    ("shares: 100", "shares: 1e14", r"lines\.SPY\.shares: SPY is worth .*: found 1000.*\. Give units that are worth"),
    ("target_cash: 0.02", "target_cash: 0.02\ntracking_penalty: 1e8", r"tracking_penalty: out of bounds"),
    ("    band: 0.03", "    band: 0.03\n    turnover_cap: 10", r"policies\.band .*turnover_cap of Threshold is 10"),
    (
        "2022-09-30",
        "0001-01-01",
        r"last_trade: out of bounds .*: found '0001-01-01'\. Give a date in the years 1800 to",
    ),
    ("2022-09-30", "9999-12-31", r"last_trade: out of bounds"),
    ("multi_asset_daily", '"a\\0.csv"', r"market: has characters that are not printed .*: found 'a\\x00\.csv'"),
    ("basis: USD", f"basis: {'[' * 400}{']' * 400}", r"not YAML .*: lists and mappings are more than 32 levels deep"),
    ("basis: USD", "basis: USD\nx: 1\n- a", r"not YAML"),
)
def test_a_value_without_sense_is_refused(write: Any, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        load_portfolio(write(old, new))
    assert "desk.yaml" in str(error.value)


@pytest.mark.parametrize("value", [np.int64(3), object(), {1, 2}, 10**400, "a\x1b[31m"])
def test_an_override_of_another_kind_is_refused(write: Any, value: object) -> None:
    with pytest.raises(ConfigError, match=r"^lag: .*\(given beside .*desk\.yaml\): found "):
        load_portfolio(write(), {"lag": value})


def test_a_path_with_nul_and_a_file_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not printed"):
        load_portfolio("desk\0.yaml")
    (tmp_path / "long.yaml").write_bytes(b"name: x\n" * 1_300_000)
    with pytest.raises(ConfigError, match=r"long\.yaml has more than 10,000,000 bytes"):
        load_portfolio(tmp_path / "long.yaml")


def test_a_file_that_holds_no_keys_is_shown_in_part(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text("- " + "secret " * 10_000)
    with pytest.raises(ConfigError, match="holds no keys") as error:
        load_portfolio(tmp_path / "desk.yaml")
    assert len(str(error.value)) < 450


def test_a_file_is_looked_for_in_the_current_folder_and_then_in_the_workbench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "data/portfolios/sixty_forty.yaml"
    monkeypatch.chdir(tmp_path)
    assert load_portfolio(name).file == str(ROOT / name)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text((ROOT / name).read_text().replace("name: ", "name: My ", 1))
    mine = load_portfolio(name)
    assert mine.file == name
    assert mine.name.startswith("My ")
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        load_portfolio("absent.yaml")
