"""Files of weeks and of months: risk, controls, forecasts and targets, with the defaults of their rows."""

from dataclasses import is_dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.engine.run import backtest
from backtests.inference.estimates import NotAvailable
from backtests.studies.audits.controls import controls
from backtests.studies.forecasts.today import forecasts_today
from backtests.today.holdings_risk import holdings_risk
from backtests.today.targets_today import targets_today
from foundation.errors import ConfigError
from research.forecast import Estimated, EWMAVolatility, SignalBlend
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.lengths import default_lengths
from research.portfolio.keys.allocations import ALLOCATIONS, FORECASTS, MODELS, REGIME_MODELS
from research.portfolio.keys.policies import RULES
from research.rules import Never

FILE = """
name: rare rows
market: {{file: prices.csv, calendar: XNYS}}
basis: USD
cash: 10_000
lines:
  A: {{asset_class: shares, target: 0.5, range: [0.4, 0.6], holdings: 520_000}}
  B: {{asset_class: shares, target: 0.3, range: [0.2, 0.4], holdings: 290_000}}
  C: {{asset_class: bonds,  target: 0.2, range: [0.1, 0.3], holdings: 190_000}}
costs:
  shares: {{commission_bps: 1, half_spread_bps: 2}}
  bonds:  {{commission_bps: 1, half_spread_bps: 2}}
test_start: {start}
policy: hrp
policies:
  never: {{rule: never}}
  hrp: {{rule: calendar, allocation: {{kind: hrp}}}}
  own: {{rule: calendar, allocation: {{kind: minimum_variance, window: 3y}}}}
"""
DATA = Path(__file__).parents[2] / "data"
ROWS = {"M": (240, 12), "W": (420, 52)}  # rows, rows a year
LENGTHS = ("horizon", "half_life", "wait", "returns")  # of rules
UNTUNED = {"tuned", "learned"}  # rules that a search or a training makes first


def file_of(folder: Path, every: str) -> Path:
    """A file whose market has the last session of each week or month."""
    from research.market.calendars import sessions

    days = pd.DatetimeIndex(sessions(np.datetime64("2002-01-01"), np.datetime64("2022-12-31"), "XNYS"))
    ends = days.to_series().groupby(days.to_period(every)).last().iloc[-ROWS[every][0] :]
    rng, a_year = np.random.default_rng(4), ROWS[every][1]
    root = np.linalg.cholesky(0.5 * np.eye(3) + 0.5) * np.array([0.18, 0.15, 0.06])[:, None]
    moves = 0.06 / a_year + rng.standard_normal((len(ends), 3)) @ root.T / a_year**0.5
    prices = pd.DataFrame(100.0 * np.cumprod(1.0 + moves, axis=0), index=ends, columns=list("ABC"))
    prices.to_csv(folder / "prices.csv", index_label="date")
    path = folder / "rare.yaml"
    path.write_text(FILE.format(start=f"{ends.iloc[len(ends) // 2]:%Y-%m-%d}"), "utf-8")
    return path


@pytest.fixture(params=ROWS)
def portfolio(request: pytest.FixtureRequest, tmp_path: Path) -> Portfolio:
    return load_portfolio(file_of(tmp_path, request.param))


def test_everything_of_a_file_of_rare_rows_is_measured(portfolio: Portfolio) -> None:
    monthly = portfolio.periods_per_year == 12
    risk = holdings_risk(portfolio, {"never": Never(portfolio.strategic)}, paths=100)
    assert risk.window == (60 if monthly else 104)
    assert len(risk.stress.shocks) > 0
    assert not isinstance(risk.future, NotAvailable)
    assert {loss.horizon for loss in risk.losses} == ({"one month"} if monthly else {"one week", "one month"})
    checked = controls(portfolio, shuffles=2, rules=2, worlds=40, progress=lambda *_: None)
    assert checked.passed
    assert len(checked.shuffled) == len(checked.martingale) == 3
    assert set(checked.random.index) == {"hrp", "own"}
    asked = forecasts_today(portfolio)
    assert not asked.failed
    assert asked.ahead == ("1 month" if monthly else "4 weeks")
    assert not any(isinstance(skill, NotAvailable) for skill in asked.skills.values())
    targets = targets_today(portfolio)
    assert set(targets.controls) == {"1/N", "minimum variance", "risk parity"}
    assert not isinstance(targets.against_controls, NotAvailable)


def test_defaults_and_years_are_rows_of_the_file(portfolio: Portfolio) -> None:
    monthly = portfolio.periods_per_year == 12
    hrp, own = (portfolio.policies[name].allocation for name in ("hrp", "own"))
    assert (hrp.window, own.window) == ((60, 36) if monthly else (104, 156))
    models = {"a": "estimated", "b": "signals", "c": {"kind": "ewma", "estimate": "2y"}}
    found = load_portfolio(Path(portfolio.file), {"forecasts.models": models}).forecasts
    assert found.horizon == (1 if monthly else 4)
    plain, signals, ewma = found.models.values()
    assert plain == Estimated(window=60, half_life=15.0) if monthly else plain == Estimated(window=104, half_life=26.0)
    assert isinstance(signals, SignalBlend)
    assert signals.momentum == ((1, 3, 6, 12) if monthly else (4, 13, 26, 52))
    assert isinstance(ewma, EWMAVolatility)
    assert ewma.estimate == (24 if monthly else 104)


def test_every_rule_has_the_lengths_of_the_rows_and_is_played(portfolio: Portfolio) -> None:
    monthly = portfolio.periods_per_year == 12
    settings = {"regime_threshold": {"regimes": {"kind": "markov", "line": "A"}}}
    settings |= {"multi_period": {"schedule": "month"} if monthly else {}}
    stated = {name: {"rule": name, **settings.get(name, {})} for name in RULES}
    rules = load_portfolio(Path(portfolio.file), {f"policies.{name}": keys for name, keys in stated.items()}).policies
    found = {name: {key: getattr(rules[name], key) for key in LENGTHS if hasattr(rules[name], key)} for name in RULES}
    estimate = {"returns": 60 if monthly else 104}
    assert {name: lengths for name, lengths in found.items() if lengths} == {
        "threshold": estimate,
        "tracking_error": estimate,
        "no_trade_region": estimate,
        "pair_region": estimate,
        "universal": estimate,
        "cost_benefit": {"horizon": 0.25, **estimate},  # years
        "best_point": {"horizon": 0.25, **estimate},
        "multi_period": {"horizon": 13, "half_life": None, **estimate},  # periods of its schedule
        "stop_loss": {"wait": 1 if monthly else 4},  # 21 sessions
    }
    for name in RULES.keys() - UNTUNED - ({"regime_threshold"} if monthly else set()):
        rule, start = rules[name], portfolio.market.dates[-30]
        assert np.isfinite(backtest(portfolio.market, rule, portfolio.costs, start=start).ledger.nav).all(), name


def test_plans_of_weeks_are_refused_on_months(tmp_path: Path) -> None:
    months = load_portfolio(file_of(tmp_path, "M"), {"policies.plan": {"rule": "multi_period"}})
    with pytest.raises(ConfigError, match=r"schedule of MultiPeriod is 'week'.*miss the others.*such as 'month'"):
        backtest(months.market, months.policies["plan"], months.costs, start=months.test_start)


def test_every_allocation_and_forecast_has_the_lengths_of_the_rows() -> None:
    """By hand: spans of time keep their years, estimates take 104 or 60 rows, and parts of these their share."""
    tables = (ALLOCATIONS, FORECASTS, MODELS, REGIME_MODELS)
    for a_year, rows, momentum, horizon, lookback in ((52.0, 104, 52, 4, 26), (12.0, 60, 12, 1, 15)):
        found = {(name, key): value for table in tables for name, cls in table.items()
                 for key, value in default_lengths(cls, a_year, ()).items() if not is_dataclass(value)}  # fmt: skip
        assert found[("momentum", "window")] == momentum
        assert found[("volatility_target", "lookback")] == lookback  # a quarter of an estimate
        assert found[("hrp", "half_life")] == lookback
        assert ("smoothed", "half_life") not in found  # of refits
        assert {value for (_, key), value in found.items() if key == "horizon"} == {horizon}
        assert {value for (_, key), value in found.items() if key in ("estimate", "scenarios")} == {rows}
    assert not any(default_lengths(cls, 252.0, ()) for cls in ALLOCATIONS.values())


def test_a_model_of_sessions_and_years_below_a_row_are_refused(portfolio: Portfolio) -> None:
    file = Path(portfolio.file)
    with pytest.raises(ConfigError, match=r"learns from moves over sessions, and the market has (12|52) rows a year"):
        load_portfolio(file, {"forecasts.models": {"a": "boosted"}})
    with pytest.raises(ConfigError, match=r"less than a row of a market with .*: found '0.001y'"):
        load_portfolio(file, {"policies.own.allocation.window": "0.001y"})


def test_years_are_refused_where_a_half_life_counts_no_rows(portfolio: Portfolio) -> None:
    """Years of refits at months' ends are no rows, whatever a row is; those of a covariance are."""
    ewma = {"kind": "hrp", "covariance": "ewma", "half_life": "3y", "window": "6y"}
    smoothed: dict[str, object] = {"kind": "smoothed", "half_life": "3y", "of": ewma}
    for file in (portfolio.file, str(DATA / "portfolios" / "sixty_forty.yaml")):
        with pytest.raises(ConfigError, match=r"mine\.half_life: counts periods, not rows of the market .* found '3y'"):
            load_portfolio(file, {"policies.mine": {"rule": "multi_period", "half_life": "3y"}})
        with pytest.raises(ConfigError, match=r"allocation\.half_life: counts refits, .*Write a number of refits"):
            load_portfolio(file, {"policies.mine": {"rule": "never", "allocation": smoothed}})
        found = load_portfolio(file, {"policies.mine": {"rule": "never", "allocation": smoothed | {"half_life": 3}}})
        held = found.policies["mine"].allocation  # type: ignore[attr-defined]
        assert (held.half_life, held.allocation.half_life) == (3.0, 3.0 * found.periods_per_year)


def test_a_halt_of_all_assets_leaves_the_target_before_in_force(tmp_path: Path) -> None:
    path = file_of(tmp_path, "M")
    prices = pd.read_csv(tmp_path / "prices.csv", index_col=0)
    prices.iloc[125:205] = np.nan  # 80 months, more than the window of 60
    prices.to_csv(tmp_path / "prices.csv")
    file = load_portfolio(path, {"market.missing": "halt"})
    played = backtest(file.market, file.policies["hrp"], file.costs, start=file.test_start)
    assert np.isfinite(played.ledger.nav).all()
    assert any("did not move in the 60 sessions before" in remark for remark in played.targets.remarks())
