"""Exchange rates from a portfolio file: which is taken, what a history does, and every mistake told with its mend."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from backtests.engine.run import backtest
from backtests.sweeps.setup import Setup
from foundation.errors import ConfigError, DataError
from research.market.calendars import sessions
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import Calendar

DESK = """\
name: Abroad
market: {{file: prices.csv, quotes: prices.csv}}
basis: USD
{fx}
{cash}
last_trade: 2022-06-30
prices_ok: [EURUSD, USDEUR]
lines:
  SPY: {{asset_class: equity, target: 0.6, range: [0.5, 0.7], {spy}}}
  SAP: {{asset_class: equity, target: 0.4, range: [0.3, 0.5], {sap}currency: EUR}}
costs: {{equity: {{commission_bps: 2, half_spread_bps: 3}}}}
test_start: 2022-11-01
policies: {{monthly: {{rule: calendar, schedule: month}}}}
"""
DAYS = sessions(np.datetime64("2022-06-01"), np.datetime64("2022-12-29"), "XNYS")
Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A desk with an asset in euros, quoted on each day; `columns` are added to its prices, and `files` beside it."""

    def written(fx: str = "", cash: str = "cash: {USD: 5_000, EUR: -350}", columns: Any = None, **more: Any) -> Path:
        k = np.arange(len(DAYS))
        index = pd.DatetimeIndex(DAYS)
        frame = pd.DataFrame({"SPY": 380.0 + k % 7, "SAP": 90.0 + k % 5} | (columns or {}), index=index)
        frame.rename_axis("date").to_csv(tmp_path / "prices.csv")
        for name, content in more.pop("files", {}).items():
            (tmp_path / name).write_text(content, encoding="utf-8")
        held = {"spy": "shares: 100", "sap": "shares: 200, "} | more
        path = tmp_path / "desk.yaml"
        path.write_text(DESK.format(fx=fx, cash=cash, **held), encoding="utf-8")
        return path

    return written


def history(rates: Any, name: str = "EURUSD") -> str:
    return "\n".join([f"date,{name}", *(f"{day},{rate:.6f}" for day, rate in zip(DAYS, rates, strict=True)), ""])


def listed(portfolio: Portfolio, **more: Any) -> Any:
    return trade_list(portfolio, Calendar(portfolio.strategic, "day"), **more)


RATES = 1.0 + 0.001 * (np.arange(len(DAYS)) % 30)


# -- which rate ------------------------------------------------------------------------------------------------------


def test_a_history_converts_the_market_once(made: Made) -> None:
    portfolio = load_portfolio(made("fx: rates.csv", files={"rates.csv": history(RATES)}))
    market, currencies = portfolio.market, portfolio.currencies
    assert currencies.converted
    assert market.currency == ("USD", "USD")
    assert currencies.lines == ("USD", "EUR")
    local = currencies.quoted.returns[1:, 1]
    np.testing.assert_allclose(market.returns[1:, 1], (1.0 + local) * RATES[1:] / RATES[:-1] - 1.0, rtol=1e-12)
    assert portfolio.holdings[1] == pytest.approx(200 * currencies.prices[1] * RATES[-1], rel=1e-15)
    assert portfolio.cash == pytest.approx(5_000.0 - round(350 * RATES[-1], 2))
    assert portfolio.nav == pytest.approx(portfolio.holdings.sum() + portfolio.cash)
    assert portfolio.settings["cash"] == {"USD": 5_000.0, "EUR": -350.0}
    start = "2022-11-01"
    assert backtest(market, Calendar(portfolio.strategic, "month"), portfolio.costs, start=start).nav.iloc[-1] > 0.0


def test_todays_value_leaves_the_history_as_it_is_quoted_and_refuses_backtests(made: Made) -> None:
    whole = load_portfolio(made("fx: rates.csv", files={"rates.csv": history(RATES)}))
    today = load_portfolio(made(f"fx: {{EURUSD: {RATES[-1]:.6f}}}"))
    assert not today.currencies.converted
    assert today.market.currency == ("USD", "EUR")
    one, other = listed(whole), listed(today)
    pd.testing.assert_frame_equal(one.orders, other.orders, check_exact=False, rtol=1e-12)
    pd.testing.assert_frame_equal(one.fx, other.fx)
    assert any(note.startswith("The history of the market is in the currencies of its assets") for note in other.notes)
    assert not any("history of the market" in note for note in one.notes)
    with pytest.raises(ConfigError, match=r"assets in EUR, and only today's rates: .* `fx: rates\.csv`"):
        Setup.of(today)


@pytest.mark.parametrize("given", [{"EURUSD": 1.25}, {"USDEUR": 0.8}, "today.csv"])
def test_rates_given_today_stand_before_the_history_and_leave_it(made: Made, given: Any) -> None:
    file = made("fx: rates.csv", files={"rates.csv": history(RATES), "today.csv": "date,EURUSD\n2022-12-29,1.25\n"})
    usual, today = load_portfolio(file), load_portfolio(file, {"fx_today": given})
    assert usual.currencies is not None
    assert today.currencies.converted
    assert today.currencies.rates.today["EUR"].value == 1.25
    np.testing.assert_array_equal(today.market.prices, usual.market.prices)
    assert today.holdings[1] == pytest.approx(200 * today.currencies.prices[1] * 1.25, rel=1e-15)
    assert today.cash == 5_000.0 - 350 * 1.25
    assert load_portfolio(file, today.settings).nav == today.nav


def test_impact_and_volume_are_of_the_basis_where_the_history_is_not(made: Made) -> None:
    """At today's rate, a history in euros is a history in dollars but for the changes of the rate."""
    flat = np.full(len(DAYS), 1.25)
    costs = "{equity: {commission_bps: 2, half_spread_bps: 3, impact: 1.0}}"
    volumes = "\n".join(["date,SPY,SAP", *(f"{day},9000,4000" for day in DAYS), ""])
    found = []
    for fx in ("fx: rates.csv", "fx: {EURUSD: 1.25}"):
        path = made(fx, files={"rates.csv": history(flat), "volumes.csv": volumes})
        text = path.read_text().replace("{equity: {commission_bps: 2, half_spread_bps: 3}}", costs)
        path.write_text(text.replace("quotes: prices.csv", "quotes: prices.csv, volumes: volumes.csv"))
        found.append(listed(load_portfolio(path, {"orders": {"participation": 0.01}})).orders)
    assert (found[0]["impact"] > 0.0).any()
    pd.testing.assert_frame_equal(*found, check_exact=False, rtol=1e-9)


def test_rates_stand_in_the_market_or_in_the_file_and_either_way(made: Made) -> None:
    direct = load_portfolio(made(columns={"EURUSD": RATES}))
    inverse = load_portfolio(made("fx: rates.csv", files={"rates.csv": history(1.0 / RATES, "USDEUR")}))
    long = "\n".join(["date,pair,rate", *(f"{d},EURUSD,{r:.6f}" for d, r in zip(DAYS, RATES, strict=True))])
    rows = load_portfolio(made("fx: rates.csv", files={"rates.csv": long}))
    for other in (inverse, rows):
        np.testing.assert_allclose(direct.market.prices, other.market.prices, rtol=1e-5)
    assert direct.currencies.rates.today["EUR"].source == "market"
    both = load_portfolio(made("fx: {EURUSD: 1.5}", columns={"EURUSD": RATES}))
    assert both.currencies.converted  # by the history of the market
    assert both.currencies.rates.rate("EUR") == 1.5
    assert both.holdings[1] == 200 * both.currencies.prices[1] * 1.5
    assert both.prices.per_unit[1] == both.currencies.prices[1] * 1.5


@cases(
    "fx, files",
    ("fx: {USDEUR: 0.5}", {}),
    ("fx: rates.csv", {"rates.csv": "date,USDEUR\n2022-12-29,0.5\n"}),
    ("fx: rates.csv", {"rates.csv": history(np.full(len(DAYS), 0.5), "USDEUR")}),
)
def test_the_file_stands_before_the_market_whichever_way_it_quotes(made: Made, fx: str, files: Any) -> None:
    portfolio = load_portfolio(made(fx, columns={"EURUSD": RATES}, files=files))
    currencies = portfolio.currencies
    assert currencies.rates.rate("EUR") == 2.0
    assert currencies.rates.today["EUR"].pair == "USDEUR"
    whole = len(files.get("rates.csv", "").splitlines()) > 2
    first = currencies.quoted.prices[0, 1] * (2.0 if whole else RATES[0])
    assert portfolio.market.prices[0, 1] == pytest.approx(first, rel=1e-15)


@cases(
    "fx, files, columns",
    ("fx: {EURUSD: 1.05, USDEUR: 0.5}", {}, {}),
    ("fx: rates.csv", {"rates.csv": "date,EURUSD,USDEUR\n2022-12-29,1.05,0.5\n"}, {}),
    ("", {}, {"EURUSD": RATES, "USDEUR": 1.0 / RATES}),
    ("", {}, {"EURUSD": np.where(np.arange(len(RATES)) == len(RATES) - 1, np.nan, RATES), "USDEUR": 1.0 / RATES}),
)
def test_a_source_that_quotes_a_currency_both_ways_is_refused(made: Made, fx: str, files: Any, columns: Any) -> None:
    path = made(fx, columns=columns, files=files)
    path.write_text(path.read_text().replace("quotes: prices.csv", "quotes: prices.csv, missing: halt"))
    with pytest.raises(ConfigError, match=r"EUR is quoted both ways: found EURUSD and USDEUR\. Keep one of the two\."):
        load_portfolio(path)


def test_the_rate_is_of_the_day_of_the_prices_and_a_later_one_is_told(made: Made) -> None:
    rows = f"{history(np.full(len(DAYS), 1.2))}2022-12-30,1.3\n2023-01-03,1.4\n"
    portfolio = load_portfolio(made("fx: rates.csv", files={"rates.csv": rows}))
    rate = portfolio.currencies.rates.today["EUR"]
    assert (rate.value, str(rate.day)) == (1.2, "2022-12-29")
    told = (
        "rates.csv has rates EURUSD up to 2023-01-03, later than the prices of 2022-12-29: that of 2022-12-29 is taken."
    )
    assert told in portfolio.notes
    files = {"rates.csv": rows, "given.csv": "asset,price,date\nSAP,100,2022-12-30\n"}
    priced = load_portfolio(made("fx: rates.csv\nprices: given.csv", files=files)).currencies
    assert priced.rates.rate("EUR") == 1.3
    later = load_portfolio(made("fx: rates.csv", files={"rates.csv": "date,EURUSD\n2022-12-30,1.3\n"}))
    assert later.currencies.rates.rate("EUR") == 1.3
    told = "rates.csv has no rate EURUSD of 2022-12-29, the day of the prices, or earlier: that of 2022-12-30 is taken."
    assert told in later.notes


def test_prices_of_a_file_are_in_the_currency_of_the_line(made: Made) -> None:
    files = {"given.csv": "asset,price,currency,date\nSAP,100,EUR,2022-12-30\n"}
    portfolio = load_portfolio(made("fx: {EURUSD: 1.2}\nprices: given.csv", files=files))
    assert portfolio.prices.of("SAP") == 120.0
    assert listed(portfolio).orders.set_index("asset").loc["SAP", "price"] == 100.0
    dollars = {"given.csv": files["given.csv"].replace("EUR", "USD")}
    said = r"row 2, column 'currency': the price of SAP is in another currency: .*'USD'"
    with pytest.raises(ConfigError, match=said):
        load_portfolio(made("fx: {EURUSD: 1.2}\nprices: given.csv", files=dollars))


# -- what is wrong ---------------------------------------------------------------------------------------------------


def test_each_missing_rate_is_named_with_its_line_day_and_mend(made: Made) -> None:
    with pytest.raises(ConfigError) as error:
        load_portfolio(made(cash="cash: {USD: 1, GBP: 5}"))
    cash, line = str(error.value).splitlines()
    assert line.startswith("lines.SAP: SAP is quoted in EUR, and there is no rate EURUSD (or USDEUR) for 2022-12-29")
    assert "line 10): found None. Give it, `fx: {EURUSD: …}`, or a file of rates" in line
    assert cash.startswith("cash: there is cash in GBP, and there is no rate GBPUSD")


@cases(
    "fx, said",
    ("fx: {EURGBP: 0.86}", "fx.EURGBP: a pair without USD, the basis; no rate is made of two others"),
    ("fx: {EUR: 1.1}", "fx.EUR: no pair of currencies"),
    ("fx: {EURUSD: 0}", "fx.EURUSD: out of bounds"),
    ("fx: {EURUSD: high}", "fx.EURUSD: not a number"),
    ("fx: other.csv", "other.csv cannot be read"),
)
def test_a_value_that_is_no_rate_is_refused(made: Made, fx: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_portfolio(made(fx))
    assert said in str(error.value)
    assert "desk.yaml" in str(error.value)


def test_a_history_that_lacks_a_day_is_refused(made: Made) -> None:
    lines = history(RATES).splitlines()
    del lines[40]
    with pytest.raises(ConfigError, match=rf"rate EURUSD missing for SAP, .* on {DAYS[39]}"):
        load_portfolio(made("fx: rates.csv", files={"rates.csv": "\n".join(lines)}))


def test_all_mistakes_of_a_mapping_are_told_at_once(made: Made) -> None:
    with pytest.raises(ConfigError) as error:
        load_portfolio(made("fx: {EUR: 1.1, GBPUSD: 0}"))
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == ["fx.EUR", "fx.GBPUSD"]


@cases(
    "cash, said",
    ("cash: {USD: 100, EUR: -350}", "cash: the cash of all currencies is negative, which a portfolio does not hold"),
    ("cash: {Euro: 5}", "cash.Euro: no currency"),
    ("cash: -5", "cash: out of bounds"),
)
def test_cash_that_is_none_is_refused(made: Made, cash: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_portfolio(made("fx: {EURUSD: 1.1}", cash))
    assert said in str(error.value)


def test_an_embedded_market_says_itself_what_its_lines_are_quoted_in() -> None:
    with pytest.raises(ConfigError, match=r"lines\.SPY\.currency: SPY of market .* is quoted in USD.*found 'EUR'"):
        load_portfolio("data/portfolios/sixty_forty.yaml", {"lines.SPY.currency": "EUR"})


# -- age -------------------------------------------------------------------------------------------------------------


def test_the_age_of_a_rate_is_checked_like_that_of_a_price(made: Made) -> None:
    portfolio = load_portfolio(made("fx: rates.csv", files={"rates.csv": "date,EURUSD\n2022-12-23,1.06\n"}))
    said = r"exchange rates are too old .* EURUSD of 2022-12-23, 3 sessions ago; at most 2"
    with pytest.raises(DataError, match=said):
        listed(portfolio, as_of="2022-12-29")
    stale = listed(portfolio, as_of="2022-12-29", stale_ok=True)
    assert stale.stale
    assert stale.headline.startswith("Stale prices: ")
    assert (
        "Stale exchange rates on 2022-12-29: EURUSD of 2022-12-23, 3 sessions ago; at most 2 are allowed."
        in stale.notes
    )
    later = load_portfolio(made("fx: rates.csv", files={"rates.csv": "date,EURUSD\n2022-12-30,1.06\n"}))
    with pytest.raises(DataError, match="EURUSD is of 2022-12-30, later than 2022-12-29"):
        listed(later, as_of="2022-12-29", stale_ok=True)
    assert not listed(later, as_of="2022-12-30").stale
    undated = listed(load_portfolio(made("fx: {EURUSD: 1.06}")), as_of="2022-12-30")
    assert "The age of EURUSD is not known: no date is given." in undated.notes


# -- brokers ---------------------------------------------------------------------------------------------------------

BROKERS = {
    "schwab": '"Positions of 12/29/2022"\n"Symbol","Description","Quantity","Price","Market Value","Currency"\n'
    '"SPY","SPDR","100","$383.00","$38,300.00","USD"\n"SAP","SAP SE","200","€94.00","€18,800.00","EUR"\n'
    '"Cash & Cash Investments","--","--","--","$5,000.00","USD"\n"EUR","Euro","-350","--","--","EUR"\n',
    "interactive brokers": "ClientAccountID,CurrencyPrimary,FXRateToBase,Symbol,Position,MarkPrice,PositionValue\n"
    "U1,USD,1,SPY,100,383,38300\nU1,EUR,1.06,SAP,200,94,18800\nU1,USD,1,USD,5000,1,5000\nU1,EUR,1.06,EUR,-350,1,-350\n",
    "statement": "Open Positions,Header,DataDiscriminator,Asset Category,Currency,Symbol,Quantity,Close Price,Value\n"
    "Open Positions,Data,Summary,Stocks,USD,SPY,100,383,38300\n"
    "Open Positions,Data,Summary,Stocks,EUR,SAP,200,94,18800\n"
    "Cash Report,Header,Currency Summary,Currency,Total\nCash Report,Data,Ending Cash,Base Currency Summary,4629\n"
    "Cash Report,Data,Ending Cash,EUR,-350\nCash Report,Data,Ending Cash,USD,5000\n",
}


@pytest.mark.parametrize("broker", BROKERS)
def test_a_broker_file_has_cash_and_positions_in_their_currencies(made: Made, broker: str) -> None:
    files = {"positions.csv": BROKERS[broker]}
    fx = "fx: {EURUSD: 1.06}\npositions: {file: positions.csv}"
    portfolio = load_portfolio(made(fx, "", spy="lot: 1", sap="", files=files))
    assert portfolio.shares.tolist() == [100.0, 200.0]
    assert portfolio.currencies.cash == {"USD": 5_000.0, "EUR": -350.0}
    assert portfolio.cash == 4_629.0
    assert not any("check" in note for note in portfolio.notes)
    wrong = {"positions.csv": BROKERS[broker].replace("EUR", "GBP", 1).replace("€", "£", 1)}
    with pytest.raises(ConfigError, match=r"SAP is not in the currency of its asset|no rate GBPUSD"):
        load_portfolio(made(fx, "", spy="lot: 1", sap="", files=wrong))


def test_a_rate_of_the_broker_that_is_another_is_noted(made: Made) -> None:
    files = {"positions.csv": BROKERS["interactive brokers"]}
    fx = "fx: {EURUSD: 1.2}\npositions: {file: positions.csv}"
    notes = load_portfolio(made(fx, "", spy="lot: 1", sap="", files=files)).notes
    assert "positions.csv, row 3: one EUR is 1.06 there, and 1.2 USD by EURUSD of this list: check the rates." in notes


ROWS = "Symbol,Quantity,Price,Market Value,Currency\nSPY,100,383,38300,USD\nSAP,200,94,18800,EUR\nUSD,5000,1,5000,USD\n"


@cases(
    "row, amount, said",
    ("Cash,1000,1,1066.4,EUR", 1_000.0, "the value of Cash is 1,066.40, and its units are worth 1,000.00 EUR"),
    ("Cash,10,100,1000,EUR", 1_000.0, ""),
    ("Cash,1000,1,,EUR", 1_000.0, ""),
    ("Cash,,,1000,EUR", 1_000.0, ""),
    ("Cash,0,1,1000,EUR", 1_000.0, ""),
    ("Cash,1000,,1000,EUR", 1_000.0, ""),
    ("EUR,1000,1.0664,1066.4,EUR", 1_000.0, "the value of EUR is 1,066.40, and its units are worth 1,000.00 EUR"),
)
def test_foreign_cash_is_its_units_and_not_a_value_in_the_basis(made: Made, row: str, amount: float, said: str) -> None:
    fx = "fx: {EURUSD: 1.0664}\npositions: {file: positions.csv}"
    portfolio = load_portfolio(made(fx, "", spy="lot: 1", sap="", files={"positions.csv": f"{ROWS}{row}\n"}))
    assert portfolio.currencies.cash == {"USD": 5_000.0, "EUR": amount}
    assert [said in note for note in portfolio.notes if "the value of" in note] == ([True] if said else [])


@cases(
    "row, said",
    ("Cash,1000,,1066.4,EUR", r"row 5, column 'Market Value': the units of Cash are 1,000\.00 .* found 1066\.4"),
    ("Cash,1000,$1.07,1000,EUR", r"row 5, column 'Price': Cash is not in the currency of its asset"),
)
def test_foreign_cash_of_two_amounts_is_refused(made: Made, row: str, said: str) -> None:
    fx = "fx: {EURUSD: 1.0664}\npositions: {file: positions.csv}"
    with pytest.raises(ConfigError, match=said):
        load_portfolio(made(fx, "", spy="lot: 1", sap="", files={"positions.csv": f"{ROWS}{row}\n"}))


def test_accounts_hold_cash_by_currency(made: Made) -> None:
    accounts = (
        "accounts:\n  tax: {kind: taxable, cash: {USD: 4_000, EUR: -500}, shares: {SPY: 100}}\n"
        "  ira: {kind: sheltered, cash: 1_000, shares: {SAP: 200}}"
    )
    portfolio = load_portfolio(made("fx: {EURUSD: 1.2}", accounts, spy="lot: 1", sap=""))
    assert [account.cash for account in portfolio.accounts] == [3_400.0, 1_000.0]
    assert portfolio.currencies.cash == {"USD": 5_000.0, "EUR": -500.0}
    assert portfolio.settings["accounts"]["tax"]["cash"] == {"USD": 4_000.0, "EUR": -500.0}
    with pytest.raises(ConfigError, match=r"accounts\.tax: negative cash of this account .*found -200\.0"):
        load_portfolio(made("fx: {EURUSD: 1.2}", accounts.replace("4_000", "400"), spy="lot: 1", sap=""))
    with pytest.raises(ConfigError, match=r"accounts\.tax: there is cash in EUR, and there is no rate EURUSD"):
        load_portfolio(made("", accounts, spy="lot: 1", sap=""))
