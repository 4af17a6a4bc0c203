"""What a reader must judge of the data stands below a backtest and below a sweep, as below a report."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.comparison import backtest_warnings
from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.comparison.fitting.walk_forward import walk_forward
from backtests.comparison.paired import pair
from backtests.sheets.pages.risk_sheet import risk_warnings
from backtests.sweeps.plan import Configuration, listed
from backtests.sweeps.setup import prepare_sweep
from backtests.sweeps.summary import data_warnings
from backtests.today.holdings_risk import holdings_risk
from desk.commands.report import make_backtest
from desk.commands.sweep import make_sweep
from desk.tickets.accounts import Model
from foundation.home import STORES
from research.market.calendars import sessions
from research.market.rows import price_rows
from research.market.store import named_store
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio

PORTFOLIO = """\
name: Halted
market: {file: prices.csv, calendar: XNYS, missing: halt}
basis: USD
cash: 0
last_trade: 2020-12-31
lines:
  AA: {asset_class: stock, target: 0.6, range: [0.4, 0.8], holdings: 600_000}
  BB: {asset_class: stock, target: 0.4, range: [0.2, 0.6], holdings: 400_000}
costs: {stock: {commission_bps: 1, half_spread_bps: 1}}
test_start: 2020-03-02
policies: {quarterly: {rule: calendar, schedule: quarter}, wide: {rule: threshold, band: 0.9}}
"""


HOLIDAYS = ("2020-01-20", "2020-02-17", "2020-04-10", "2020-05-25", "2020-07-03", "2020-09-07", "2020-11-26",
            "2020-12-25")  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A portfolio of two assets, the second halted in June, without a return of cash."""
    days = pd.bdate_range("2020-01-02", "2020-12-31")
    prices = pd.DataFrame({"AA": 100.0, "BB": 50.0}, index=pd.Index(days, name="date"))
    prices["AA"] += pd.Series(range(len(days)), index=days) % 7
    prices["BB"] += pd.Series(range(len(days)), index=days) % 5
    prices.loc["2020-06-08":"2020-06-12", "BB"] = float("nan")  # type: ignore[misc]  # dates slice a DatetimeIndex
    prices.drop(pd.to_datetime(HOLIDAYS)).to_csv(tmp_path / "prices.csv")
    (tmp_path / "desk.yaml").write_text(PORTFOLIO)
    return tmp_path / "desk.yaml"


def flat(text: str) -> str:
    """Without line breaks, which depend on the width of a terminal."""
    return " ".join(text.split())


def test_a_backtest_warns_of_a_halt_of_cash_that_earns_nothing_and_of_a_policy_that_never_traded(desk: Path) -> None:
    text = flat(make_backtest(desk, "wide", desk.parent / "reports").text)
    assert "Warning: BB" in text
    assert "2020-06-08 to 2020-06-12" in text
    assert "Warning: wide never traded in the test." in text
    assert text.count("Warning: ") == 3
    assert "never traded" not in make_backtest(desk, "quarterly", desk.parent / "reports").text


def test_a_sweep_warns_of_the_same_data_and_keeps_it_in_its_summary(desk: Path) -> None:
    file = desk.parent / "bands.yaml"
    axes = "portfolio: desk.yaml\nrules: {calendar: {schedule: [month, quarter]}}\n"
    file.write_text(axes + "starts: [2020-03-02, 2020-09-01]\n")
    made = make_sweep(file, reports=desk.parent / "reports")
    kept = (made.folder / "summary.txt").read_text()
    assert kept.count("Warning: ") == 2
    assert "2020-06-08 to 2020-06-12" in flat(kept)
    assert kept.strip() in made.text
    file.write_text(axes + "starts: 2020-09-01\n")
    later = make_sweep(file, reports=desk.parent / "reports").text
    assert later.count("Warning: ") == 1, "no sweep warns of days before its first"


# -- prices of a store that must be looked at --------------------------------------------------------------------------


@pytest.fixture
def poor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Portfolio:
    """The same portfolio on prices of a store, one of which is a hundredth of its neighbours."""
    monkeypatch.setenv(STORES, str(tmp_path / "stores"))
    days = sessions(np.datetime64("2019-01-02"), np.datetime64("2020-12-31"), "XNYS")
    for seed, asset in enumerate(("AA", "BB")):
        close = 100.0 * np.exp(np.random.default_rng(seed).normal(0.0, 0.01, len(days)).cumsum())
        close[40] /= 100.0 if asset == "BB" else 1.0
        named_store("mine").add(
            price_rows(asset, days, close, currency="USD", source="mine", fetched_at=np.datetime64("2021-01-01", "us"))
        )
    text = PORTFOLIO.replace("{file: prices.csv, calendar: XNYS, missing: halt}", "{store: mine, cash: 0.0}")
    (tmp_path / "desk.yaml").write_text(text)
    return load_portfolio(tmp_path / "desk.yaml")


def test_whoever_warns_of_a_market_warns_of_prices_that_must_be_looked_at(poor: Portfolio) -> None:
    rule = poor.policies["quarterly"]
    played = {name: backtest_candidate(poor, rule, name) for name, rule in poor.policies.items()}
    told: dict[str, Iterable[str]] = {
        "a trade list": trade_list(poor, rule).notes,
        "lists of accounts": Model.of(poor, rule, "quarterly").notes,
        "a comparison": backtest_warnings(poor, {}, played),
        "paired backtests": pair(played, "quarterly", 5.0, draws=100).warnings,
        "a walk forward": walk_forward(poor, "quarterly", ["2020-03-02"]).warnings,
        "a sweep": data_warnings(prepare_sweep(poor, listed([Configuration(rule)]))),
        "a risk sheet": risk_warnings(holdings_risk(poor, {}, paths=8)),
    }
    nameless = ("paired backtests", "a sweep")  # which know no portfolio file
    for who, texts in told.items():
        [said] = [text for text in texts if "must be looked at" in text]
        assert said.startswith("The prices of 1 asset must be looked at, the worst by points of 100: BB "), who
        assert said.endswith(f". `rebalance data check {'FILE' if who in nameless else 'desk.yaml'}` says why."), who


def test_a_test_of_months_says_that_its_days_are_months() -> None:
    months = load_portfolio("data/examples/market_of_months.yaml")
    played = {"quarterly": backtest_candidate(months, months.policies["quarterly"], "quarterly")}
    assert "Rows are months: a day or session of lags, tests and worst days is a month." in backtest_warnings(
        months, {}, played
    )
