"""What a portfolio file says of costs by the day and of flows is played as in Python, to the bit, and nowhere lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.comparison.comparison import compare
from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of, fit, market_before_test
from backtests.engine import backtest
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import losses
from backtests.runs.folder import Run
from backtests.sheets.pages.tearsheet import sheet_numbers
from backtests.sweeps import Axes, Choices, Setup, Strategic, sweep, threshold
from desk.commands.report import fit_records
from foundation.errors import ConfigError, DataError
from research.accounting import Costs, Flows, Impact
from research.allocation import FixedWeights
from research.market import Market, load_market
from research.market.liquidity import dollar_volume, half_spread, trailing_volatility
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import Threshold

START = "2021-01-04"
FILE = f"""\
name: Two funds
market: us_etf_ohlcv
basis: USD
cash: 0
last_trade: 2022-09-30
lines:
  SPY: {{target: 0.60, range: [0.55, 0.65], holdings: 600_000}}
  AGG: {{target: 0.40, range: [0.35, 0.45], holdings: 400_000}}
costs:
  us_equity: {{commission_bps: 1, half_spread_bps: 1}}
  bonds: {{commission_bps: 2, half_spread_bps: 2}}
test_start: {START}
policies:
  band: {{rule: threshold, band: 0.02, to: edge}}
  quarterly: {{rule: calendar, schedule: quarter}}
  tuned: {{rule: tuned, bands: [0.02, 0.05], to: [0.0]}}
"""
EDGE = Threshold(FixedWeights((0.6, 0.4)), 0.02, "edge")

Load = Callable[..., Portfolio]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The file with these keys besides, or in place of others."""

    def made(keys: dict[str, Any]) -> Portfolio:
        path = tmp_path / "desk.yaml"
        path.write_text(FILE, encoding="utf-8")
        return load_portfolio(path, keys)

    return made


@pytest.fixture(scope="module")
def market() -> Market:
    return load_market("us_etf_ohlcv").select(["SPY", "AGG"])


def same(one: Backtest, other: Backtest) -> bool:
    """Are two backtests the same to the last bit of their ledgers?"""
    pairs = zip(one.ledger, other.ledger, strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs) and one.flows.tobytes() == other.flows.tobytes()


def costs_of(market: Market, half_spread: Any = (1e-4, 2e-4), **others: Any) -> Costs:
    return Costs(np.array([1.0, 2.0]) * 1e-4, np.array(half_spread), **others)


def spreads(market: Market) -> Costs:
    """Those of SPY by the day."""
    by_day = np.column_stack([half_spread(market, "abdi_ranaldo", 10)[:, 0], np.full(len(market.dates), 2.0 * 1e-4)])
    return costs_of(market, by_day)


ESTIMATED = {"costs.us_equity": {"half_spread_bps": None, "half_spread": {"estimate": "abdi_ranaldo", "window": 10}}}
IMPACT = {"costs.us_equity.impact": 0.7, "impact": {"exponent": 1.6, "volume_window": 5, "volatility_window": 42}}
DAYS = {"2020-06-30": 1e9, "2021-03-31": 50_000, "2021-07-04": -20_000}  # before the test; a session; a holiday
CASES = {
    "spreads": (ESTIMATED, lambda m: {"costs": spreads(m)}),
    "impact": (IMPACT, lambda m: {"costs": costs_of(m, impact=Impact((0.7, 0.0), 1.6, 5, 42))}),
    "monthly": ({"flows": {"every": "month", "amount": 10_000}}, lambda m: {"flows": Flows.every("month", 1e4, m)}),
    "dates": ({"flows": {"dates": DAYS, "use": "cash"}}, lambda m: {"flows": Flows(DAYS, "cash")}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_played_as_in_python_to_the_bit(load: Load, market: Market, case: str) -> None:
    keys, python = CASES[case]
    portfolio = load(keys)
    given = {"costs": costs_of(market)} | python(market)
    asked = backtest(market, EDGE, start=START, nav=1e6, **given)
    got = backtest_candidate(portfolio, portfolio.policies["band"], "band")
    assert same(got, asked)
    assert not same(got, backtest(market, EDGE, costs_of(market), start=START, nav=1e6))  # the key makes a difference
    swept = sweep(portfolio, Axes(rules=(Choices(threshold, band=0.02, to=1.0),)), progress=False)
    assert same(swept.backtest(0), asked)
    assert swept.table.loc[0, "cost"] == pytest.approx(1e4 * 252 * asked.cost_rate.mean(), rel=1e-9)


def test_a_sweep_with_other_flows_is_another(load: Load, tmp_path: Path) -> None:
    first, other = (load({"flows": {"every": "month", "amount": amount}}) for amount in (100, 200))
    axes = Axes(rules=(Choices(threshold, band=0.02, to=1.0),), allocations=(Choices(Strategic),))
    assert sweep(first, axes, progress=False).table.equals(sweep(first, axes, progress=False).table)
    assert Setup.of(first).settings != Setup.of(other).settings
    assert not sweep(first, axes, progress=False).table.equals(sweep(other, axes, progress=False).table)
    sweep(first, axes, folder=tmp_path / "chunks", progress=False)
    with pytest.raises(ConfigError, match=r"flows\.amounts\.1993-01-29 was 100\.0 and is 200\.0"):
        sweep(other, axes, folder=tmp_path / "chunks", progress=False)


@pytest.mark.parametrize(
    ("keys", "session"),
    [
        (ESTIMATED, 9),  # a window of ten sessions of SPY
        (IMPACT, 42),  # returns of SPY
        (IMPACT | {"costs.bonds.impact": 1.0}, 42),  # returns of AGG, which is listed in 2003
    ],
)
def test_a_threshold_is_tuned_from_where_the_costs_by_the_day_are_known(
    load: Load, keys: dict[str, Any], session: int
) -> None:
    portfolio = load(keys)
    before, spec = market_before_test(portfolio), portfolio.policies["tuned"]
    costs, benchmark = portfolio.costs.until(len(before.dates)), benchmark_of(portfolio, before)
    listed = int(before.listed[:, int("costs.bonds.impact" in keys)].argmax())
    assert costs.known_from(before) == listed + session
    played = backtest(
        before, Threshold(spec.allocation, 0.02), costs, start=before.dates[listed + session + 1], nav=1e6
    )
    got = fit("tuned", portfolio).tuned
    assert got is not None
    found = got.card.tried.set_index("band").loc[0.02, "loss"]
    assert found == pytest.approx(losses(played, benchmark).mean(), rel=1e-12)
    with pytest.raises(DataError, match=f"Start on {before.days[listed + session + 1]} or later"):
        backtest(before, Threshold(spec.allocation, 0.02), costs, start=before.dates[listed + session], nav=1e6)


def test_training_days_that_end_before_the_costs_are_known_are_refused(load: Load) -> None:
    portfolio = load(IMPACT | {"test_start": "1993-03-01"})
    with pytest.raises(ConfigError, match=r"policies\.tuned .*end on 1993-02-26, before the spreads and impact"):
        fit("tuned", portfolio)


def test_training_days_that_costs_by_the_day_leave_out_are_a_warning_and_on_record(load: Load, market: Market) -> None:
    """AGG is listed in 2003, and 42 returns later its impact is known: ten years of SPY do not count."""
    late = compare(load(IMPACT | {"costs.bonds.impact": 1.0}), only=["quarterly", "tuned"], draws=1000)
    known = str(market.days[int(market.listed[:, 1].argmax()) + 42 + 1])
    assert known.startswith("2003-11")
    said = (
        f"tuned was tuned from {known} on, when the daily costs of all assets are known; earlier days from 1993-02-01 "
        "on were not used."
    )
    assert said in late.warnings
    assert fit_records(late.fitted)["fitted"]["tuned"]["from"] == known
    assert sheet_numbers(late, None, Run("test", "", "", {}, ""), [])["tuned"]["tuned"]["first"] == known
    plain = compare(load({}), only=["quarterly", "tuned"], draws=1000)
    assert not [warning for warning in plain.warnings if "was tuned from" in warning]
    assert fit_records(plain.fitted)["fitted"]["tuned"]["from"] == "1993-02-01"


def test_what_fitting_goes_without_is_a_warning(load: Load) -> None:
    portfolio = load({"flows": {"every": "month", "amount": 100}, "dividends": "reinvest"})
    said = "Tuned and learned policies were fitted without flows, which the test has."
    assert said in compare(portfolio, only=["quarterly", "tuned"], draws=1000).warnings
    assert said not in compare(portfolio, only=["quarterly", "band"], draws=1000).warnings


def test_a_trade_list_says_what_it_does_not_count(load: Load) -> None:
    flows = {"flows": {"every": "month", "amount": 100}}
    one, other = (load(keys) for keys in ({}, flows | {"tax": {"rate": 0.2}}))
    plain, listed = (trade_list(p, p.policies["quarterly"]) for p in (one, other))
    assert listed.orders.equals(plain.orders)
    assert plain.facts["left_out"] == ""
    assert "Not counted" not in repr(plain)
    assert listed.facts["left_out"] == "tax on gains, cash flows"
    for shown in (repr(listed), listed.html()):
        assert "Not counted: tax on gains, cash flows." in shown


def test_a_trade_list_charges_the_spread_and_impact_of_its_day(load: Load) -> None:
    by_day = load(ESTIMATED | IMPACT | {"lines.SPY.holdings": 7_000_000})
    listed = trade_list(by_day, by_day.policies["quarterly"])
    spy = listed.orders.set_index("asset").loc["SPY"]
    assert spy["half_spread"] == pytest.approx(by_day.costs.half_spread[-1, 0] * spy["notional"], abs=0.006)
    volume, sigma = dollar_volume(by_day.market, 5)[-1, 0], trailing_volatility(by_day.market, 42)[-1, 0]
    charged = 0.7 * sigma * spy["notional"] * (spy["notional"] / volume) ** 0.6
    assert spy["impact"] == pytest.approx(charged, abs=0.006)
    assert charged > 0.1
