"""The alert of a live record: a break is stated with its start and size, in the report, a cycle and its alerts."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from commanded import FILE, rebalance

from desk.commands.cycle.cycle import make_cycle
from desk.cycle.alerts import alerts_of
from desk.cycle.live import CAUSES, Parting, beside_backtest
from desk.cycle.live_break import live_break
from desk.cycle.live_report import live_report
from desk.cycle.monitor import LIVE_BREAK
from foundation.arrays import Array
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.nav_history import NavHistory

OPENED, BROKEN, YEAR = "2018-12-31", "2021-06-30", 252
SENTENCE = r"live falls behind the backtest by [4-7]\.\d % a year since about 2021-0[5-8]-\d\d: look for the cause\."


def stated(portfolio: Portfolio, apart: Array) -> Portfolio:
    """A portfolio whose NAV since the opening is that of its backtest, with daily differences (D,) of returns."""
    row, count = portfolio.market.row(OPENED), len(apart)
    blank = replace(portfolio, nav_history=NavHistory(row, np.ones(count), np.zeros(count + 1)))
    nav = recorded(blank).test.nav * np.cumprod(np.append(1.0, 1.0 + apart))
    return replace(blank, nav_history=replace(blank.nav_history, nav=nav[:-1] * portfolio.nav / nav[-1]))


def recorded(portfolio: Portfolio) -> Parting:
    return beside_backtest(portfolio, portfolio.policies["threshold"], "threshold", None)


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio(FILE)


@pytest.fixture(scope="module")
def noise(portfolio: Portfolio) -> Array:
    """(D,) differences of a tracking error of 1 % a year."""
    days = len(portfolio.market.dates) - 1 - portfolio.market.row(OPENED)
    return 0.01 / np.sqrt(YEAR) * np.random.default_rng(0).standard_normal(days)


@pytest.fixture(scope="module")
def broken(portfolio: Portfolio, noise: Array) -> Portfolio:
    """A record that falls behind by 5 % a year from a day on."""
    first = portfolio.market.row(BROKEN) - portfolio.market.row(OPENED)
    return stated(portfolio, noise - 0.05 / YEAR * (np.arange(len(noise)) >= first))


def test_the_report_states_a_break_with_its_start_and_size_and_none_without(
    portfolio: Portfolio, noise: Array, broken: Portfolio
) -> None:
    alert = live_report(broken, broken.policies["threshold"], "threshold", None).headlines[2]
    assert alert.startswith("An alert, and no verdict: live falls behind the backtest by ")
    assert alert.endswith("such an alert comes once in 12.5 years on average, or less often.")
    plain = stated(portfolio, noise)
    assert live_break(recorded(plain), portfolio.materiality) is None
    said = live_report(plain, plain.policies["threshold"], "threshold", None).headlines
    assert not any("alert" in each for each in said)


def test_its_size_is_the_mean_difference_since_its_start(broken: Portfolio) -> None:
    parting = recorded(broken)
    mean, sentence = live_break(parting, broken.materiality) or (0.0, "")
    since = parting.dates.get_loc(pd.Timestamp(sentence.split("about ")[1][:10])) - 1
    weeks = (len(parting.differences) - since) // 5 * 5
    assert mean == pytest.approx(YEAR * parting.differences[since : since + weeks].mean())
    assert live_break(parting, -1e4 * mean) is None  # what is not material to the desk is no alert


def test_what_dividends_brought_is_no_break(portfolio: Portfolio, noise: Array) -> None:
    record = recorded(stated(portfolio, noise))
    causes = record.causes.copy()
    moved = 0.05 / YEAR * record.test.nav[:-1]
    causes[1:, CAUSES.index("dividends")] -= moved
    causes[1:, CAUSES.index("unexplained")] += moved
    other = replace(record, causes=causes)
    assert other.differences == pytest.approx(record.differences + 0.05 / YEAR)
    assert live_break(record, portfolio.materiality) is None
    assert "runs ahead of" in (live_break(other, portfolio.materiality) or (0.0, ""))[1]


def test_a_stated_nav_that_equals_the_backtest_has_no_cause_whatever_the_market_pays(
    portfolio: Portfolio, noise: Array
) -> None:
    dividends = np.zeros(portfolio.market.shape)
    dividends[-400::63, 0] = 1.0
    paying = replace(portfolio, market=replace(portfolio.market, dividends=dividends))
    assert np.abs(recorded(stated(paying, np.zeros(len(noise)))).causes[1:]).max() < 1e-6


@pytest.mark.usefixtures("home")
def test_a_cycle_flags_a_break_and_its_alert_is_a_warning_with_what_to_do(broken: Portfolio, tmp_path: Path) -> None:
    history, dates = broken.nav_history, broken.market.dates
    nav = pd.Series(history.nav, dates[history.opened : -1].rename("date"), name="nav")
    nav.to_csv(tmp_path / "nav.csv")
    file = tmp_path / "desk.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(FILE.read_text()) | {"nav_history": "nav.csv"}, sort_keys=False))
    made = make_cycle(file, f"{dates[-1]:%Y-%m-%d}")
    (alert,) = (each for each in alerts_of(made.document, sending=made.sending) if each.what == LIVE_BREAK)
    assert (alert.level, alert.remedy) == ("warning", f"rebalance desk history {file} --view live")
    assert re.fullmatch(SENTENCE, alert.sentence)
    assert alert.sentence in " ".join(rebalance("desk", "history", file, "--view", "live").out.split())
    plain = make_cycle(FILE, f"{dates[-1]:%Y-%m-%d}")
    assert LIVE_BREAK not in [each.what for each in alerts_of(plain.document)]
