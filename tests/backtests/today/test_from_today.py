"""What may become of today's holdings: against the closed form of a lognormal asset, and what a fan covers."""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from backtests.sheets.pages.risk_sheet import future_words
from backtests.sheets.sections.from_today import future_parts
from backtests.today.from_today import DAILY, ESTIMATING, FAN_LEVELS, OTHER_LAWS_EVERY, FromToday, from_today, quantile
from backtests.today.future_paths import Opening, play_futures, shared_bands
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError
from foundation.paper.styles import LineStyle
from research.accounting import Costs, Hold
from research.allocation import FixedWeights
from research.portfolio import Portfolio, load_portfolio
from research.risk.simulation.future_laws import BLOCK_PATHS, future_laws
from research.rules import Calendar, Never, NoTradeRegion, Threshold

MEAN, DEVIATION = 0.0002, 0.011


@dataclass(frozen=True)
class Lognormal:
    """Independent normal log returns of each asset."""

    lines: int
    name: str = "lognormal"

    def growths(self, block: int, days: int, seed: int) -> Array:
        """(BLOCK_PATHS, days, n)."""
        return np.exp(np.random.default_rng([seed, block]).normal(MEAN, DEVIATION, (BLOCK_PATHS, days, self.lines)))


@dataclass(frozen=True)
class Holds:
    """A rule that decides in Python: to hold."""

    allocation: FixedWeights

    def decide(self, view):
        """Hold."""
        return Hold()


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml")


@pytest.fixture(scope="module")
def one_line(portfolio: Portfolio) -> Portfolio:
    return replace(
        portfolio, holdings=np.array([1e6, 0.0]), cash=0.0, strategic=FixedWeights((1.0, 0.0)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def held(one_line: Portfolio) -> FromToday:
    return from_today(one_line, {"never": Never(one_line.strategic)}, laws={"lognormal": Lognormal(2)}, paths=20_000)


def test_cash_that_was_never_invested_is_held_as_its_target(held, one_line):
    """Its wealth is that of the holdings less the cost of the purchase, which no figure a year counts."""
    cash = replace(one_line, holdings=np.zeros(2), cash=1e6, last_trade=one_line.market.dates[0])
    cash = replace(cash, costs=Costs.bps(2, commission=10))
    policies = {"never": Never(cash.strategic), "daily": Calendar(cash.strategic, "day")}
    bought = from_today(cash, policies, laws={"lognormal": Lognormal(2)}, paths=20_000)
    assert (bought.unopened, held.unopened, bought.nav) == (True, False, 1e6)
    mean = held.shown.figures["mean"].value
    for name in policies:
        figures = bought.futures["lognormal", name].figures
        assert figures["mean"].value == pytest.approx((1.0 + mean) / 1.001 - 1.0, rel=1e-9)
        assert figures["turnover"].value == pytest.approx(0.0, abs=1e-12)
        assert figures["cost"].value == pytest.approx(0.0, abs=1e-12)
    said = {found.unopened: future_parts(found, LineStyle("sky"))[0].text for found in (bought, held)}
    assert "Nothing is held yet: each policy first buys its target at that close" in said[True]
    assert "Nothing is held yet" not in said[False]
    assert "held by policy never, which buys its target first: a loss" in future_words(bought)
    assert "held by policy never: a loss" in future_words(held)


def test_one_line_held_has_the_closed_form_of_a_lognormal(held, one_line):
    days, figures = Opening(one_line).days, held.shown.figures
    m, s = MEAN * days, DEVIATION * math.sqrt(days)
    normal = NormalDist(m, s)
    month = NormalDist(MEAN * held.month, DEVIATION * math.sqrt(held.month))
    truth = {
        "mean": math.exp(m + s * s / 2) - 1.0,
        "median": math.exp(m) - 1.0,
        "percentile_5": math.exp(normal.inv_cdf(0.05)) - 1.0,
        "percentile_1": math.exp(normal.inv_cdf(0.01)) - 1.0,
        "loss_year": normal.cdf(0.0),
        "loss_month": month.cdf(0.0),
    }
    for name, value in truth.items():
        assert abs(figures[name].value - value) < 4.0 * figures[name].error, name
        assert figures[name].error < 0.005
    assert figures["turnover"] == figures["cost"] == (0.0, 0.0)
    assert figures["tracking_error"].value == pytest.approx(0.0, abs=1e-12)


def test_the_fan_has_the_quantiles_of_each_day(held):
    for row in (1, 20, 125, len(held.dates) - 1):
        for level in FAN_LEVELS:
            truth = math.exp(NormalDist(MEAN * row, DEVIATION * math.sqrt(row)).inv_cdf(level))
            assert held.shown.fan.iloc[row][f"{level:g}"] == pytest.approx(truth, abs=5 * 1.5 * DEVIATION / 11)
    np.testing.assert_array_equal(held.shown.fan.iloc[0], 1.0)


def test_a_drawdown_is_likelier_than_an_end_as_low(one_line):
    found = from_today(one_line, {"never": Never(one_line.strategic)}, laws={"": Lognormal(2)}, paths=4_000)
    figures = found.shown.figures
    ends_below = NormalDist(MEAN * len(found.dates), DEVIATION * math.sqrt(len(found.dates))).cdf(math.log(0.9))
    assert figures["drawdown_10"].value > ends_below + 4 * figures["drawdown_10"].error
    assert figures["drawdown_10"].value > figures["drawdown_20"].value


@pytest.mark.parametrize("law", ["stationary bootstrap", "two regimes", "filtered historical"])
def test_the_band_of_90_percent_covers_90_percent_of_2000_futures(portfolio, law):
    policies = {"edge": Threshold(portfolio.strategic, 0.02, "edge")}
    made = future_laws(portfolio.market, 252.0)[0][law]
    fan = from_today(portfolio, policies, laws={law: made}, seed=1).shown.fan
    opening = Opening(portfolio)
    bands = shared_bands(opening, policies)
    fresh = [play_futures(opening, bands, made.growths(block, opening.days, 2))["edge"].nav for block in range(4)]
    wealth = np.concatenate(fresh) / portfolio.nav
    assert len(wealth) == 2_000
    inside = (wealth >= fan["0.05"].to_numpy()) & (wealth <= fan["0.95"].to_numpy())
    for row in (opening.month, opening.days // 2, opening.days):
        assert inside[:, row].mean() == pytest.approx(0.90, abs=0.02)


def test_standard_errors_are_the_spread_over_seeds(one_line):
    policies = {"never": Never(one_line.strategic)}
    runs = [
        from_today(one_line, policies, laws={"": Lognormal(2)}, paths=500, seed=seed).shown.figures
        for seed in range(40)
    ]
    for name in ("loss_year", "drawdown_10", "mean", "median", "percentile_5", "under_water"):
        values, errors = zip(*(run[name] for run in runs), strict=True)
        assert 0.65 < np.std(values, ddof=1) / np.mean(errors) < 1.5, name


def test_the_same_seed_gives_the_same_bits_with_any_number_of_threads(portfolio):
    policies = {"never": Never(portfolio.strategic), "monthly": Calendar(portfolio.strategic, "month")}
    one, same = (from_today(portfolio, policies, paths=700, workers=workers) for workers in (1, 3))
    other = from_today(portfolio, policies, paths=700, seed=1)
    pd.testing.assert_frame_equal(one.table(), same.table(), check_exact=True)
    assert all(future.fan.equals(same.futures[key].fan) for key, future in one.futures.items())
    assert not one.table().equals(other.table())


def test_another_policy_changes_no_figure_of_the_first(portfolio):
    never, monthly = Never(portfolio.strategic), Calendar(portfolio.strategic, "month")
    alone = from_today(portfolio, {"never": never}, paths=100).table()
    both = from_today(portfolio, {"monthly": monthly, "never": never}, paths=100).table()
    pd.testing.assert_frame_equal(alone, both.loc[alone.index], check_exact=True)


def test_policies_that_take_long_are_played_on_fewer_futures_of_the_first_law(portfolio):
    policies = {
        "own": Holds(portfolio.strategic),
        "never": Never(portfolio.strategic),
        "region": NoTradeRegion(portfolio.strategic),
        "in parts": Calendar(portfolio.strategic, "month", tranches=2),
    }
    found = from_today(portfolio, policies, paths=600)
    table = found.table()["paths"]
    assert table["stationary bootstrap"].to_dict() == {
        "own": DAILY, "never": 600, "region": 600, "in parts": ESTIMATING,
    }  # fmt: skip
    assert table["two regimes"].to_dict() == {"never": 600 // OTHER_LAWS_EVERY, "region": 600 // OTHER_LAWS_EVERY}
    assert found.shown.policy == "never"
    own = found.futures["stationary bootstrap", "own"].figures
    few = from_today(portfolio, {"never": policies["never"]}, paths=DAILY).futures["stationary bootstrap", "never"]
    assert own["mean"].value == pytest.approx(few.figures["mean"].value, abs=1e-12)


def test_what_standing_estimates_change_is_measured(portfolio):
    check = from_today(portfolio, {"region": NoTradeRegion(portfolio.strategic)}, paths=300).checks["region"]
    assert check.paths == ESTIMATING
    assert 0.0 < check.wealth < 0.005
    assert check.turnover[0] != check.turnover[1] > 0.0
    assert not from_today(portfolio, {"never": Never(portfolio.strategic)}, paths=300).checks


def test_every_figure_has_a_name_and_an_error(held):
    table = held.table()
    assert [c for c in table if not c.endswith("_se")] == ["paths", *held.words]
    assert (table[[f"{name}_se" for name in held.words]] >= 0.0).all(axis=None)
    assert {tuple(one.fan.columns) for one in held.futures.values()} == {tuple(f"{level:g}" for level in FAN_LEVELS)}


def test_a_stated_drawdown_takes_the_place_of_the_two_and_stands_first(one_line):
    stated = replace(one_line, limits=replace(one_line.limits, max_drawdown=0.1))
    figures, without = (
        from_today(desk, {"never": Never(desk.strategic)}, laws={"": Lognormal(2)}, paths=500).shown.figures
        for desk in (stated, one_line)
    )
    assert list(figures) == ["drawdown_10", *(name for name in without if not name.startswith("drawdown"))]
    assert figures["drawdown_10"] == without["drawdown_10"]


def test_a_law_that_cannot_be_fitted_takes_no_other_with_it(portfolio):
    still = portfolio.market.returns.copy()
    still[:, 1] = 0.0
    found = from_today(
        replace(portfolio, market=replace(portfolio.market, returns=still)),
        {"never": Never(portfolio.strategic)},
        paths=300,
    )
    assert found.laws == ("stationary bootstrap",)
    assert list(found.refused) == ["two regimes", "filtered historical"]


def test_what_cannot_be_simulated_is_refused(portfolio):
    never = {"never": Never(portfolio.strategic)}
    with pytest.raises(ConfigError, match="paths are 1: give a whole number of futures"):
        from_today(portfolio, never, paths=1)
    with pytest.raises(ConfigError, match="give one at least"):
        from_today(portfolio, {})
    young = replace(portfolio, market=portfolio.market.until("2008-03-01"))
    with pytest.raises(DataError, match=r"need 252\."):
        from_today(young, never)


def test_a_quantile_of_which_few_futures_say_where_it_is_has_no_figure():
    futures = np.sort(np.random.default_rng(1).normal(size=99))
    assert not quantile(futures, 0.05).known
    assert quantile(np.append(futures, 9.0), 0.05).known  # five of a hundred lie beyond it
    assert quantile(futures, 0.50).value == pytest.approx(np.median(futures))
