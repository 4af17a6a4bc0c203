"""Portfolios that share a comparison: what of them it reads, and that it says the same of each, to the bit."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.comparison import Comparison, compare
from backtests.runs.report_settings import OF_CLIENT, comparison_key, scales_with_nav
from research.accounting import Execution
from research.portfolio import Portfolio, load_portfolio

ROOT = Path(__file__).parents[3]
FILES = [path for path in sorted((ROOT / "data" / "portfolios").glob("*.yaml")) if path.stem != "port_a_techgrowth"]
READ_AS_TEXT = {
    "name",
    "file",
    "holdings",
    "cash",
    "currencies",
}  # in messages, as the NAV, and whether it is converted

pytestmark = pytest.mark.usefixtures("few_simulated_tests")


class Unread:
    """A value of which nothing may be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a comparison asked for {name} of what is only a client's")


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    """Three policies, one of them tuned, at proportional costs."""
    read = load_portfolio(ROOT / "data" / "portfolios" / "sixty_forty.yaml", {"day_cost": 0.0})
    policies = {name: read.policies[name] for name in ("quarterly", "threshold", "tuned")}
    return replace(read, policies=policies, cash=20_000.0, holdings=np.array([1_200_000.0, 780_000.0]))


def with_nav(portfolio: Portfolio, multiple: float) -> Portfolio:
    return replace(portfolio, cash=multiple * portfolio.cash, holdings=multiple * portfolio.holdings)


def figures(compared: Comparison) -> tuple[Any, ...]:
    """Everything that a client's page takes from it, but amounts in currency."""
    made = compared.recommendation
    rates = {
        name: (one.loss / made.nav, one.gain.value / made.nav, one.better) for name, one in made.candidates.items()
    }
    scores = {name: (score["loss"], score["growth"], score["cost"]) for name, score in compared.scores.items()}
    return made.policy, made.now, made.broken, rates, scores, compared.verdict.do


@pytest.fixture(scope="module")
def compared(portfolio: Portfolio) -> Comparison:
    return compare(portfolio, draws=200)


def test_a_comparison_reads_nothing_of_the_client_but_his_nav(portfolio: Portfolio, compared: Comparison) -> None:
    unread = {name: Unread() for name in OF_CLIENT - READ_AS_TEXT}
    own = {"name": "another", "file": "another.yaml", "cash": 30_000.0, "holdings": np.array([1_400_000.0, 570_000.0])}
    other = replace(portfolio, **unread, **own)
    assert (other.nav, comparison_key(other)) == (portfolio.nav, comparison_key(portfolio))
    assert figures(compare(other, draws=200)) == figures(compared)


@pytest.mark.parametrize("name", [field.name for field in fields(Portfolio) if field.name not in OF_CLIENT])
def test_every_other_field_tells_comparisons_apart(portfolio: Portfolio, name: str) -> None:
    others: dict[str, Any] = {
        "market": portfolio.market.until(portfolio.date - pd.Timedelta(days=1)),
        "costs": portfolio.costs.scaled(2.0),
        "execution": Execution(minimum_trade=1.0),
        "policies": dict(reversed(portfolio.policies.items())),
        "test_start": portfolio.test_start + pd.Timedelta(days=1),
        "lower": portfolio.lower + 1e-15,
    }
    assert comparison_key(replace(portfolio, **{name: others.get(name, "another")})) != comparison_key(portfolio)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_that_is_read_twice_shares_its_comparison_with_itself(file: Path) -> None:
    assert comparison_key(load_portfolio(file)) == comparison_key(load_portfolio(file))


def test_where_costs_are_proportional_the_nav_makes_no_difference(portfolio: Portfolio, compared: Comparison) -> None:
    """To the bit where it is a power of two times another, which rounds alike, and else but for rounding."""
    twice, other = (with_nav(portfolio, multiple) for multiple in (2.0, 0.37))
    assert comparison_key(twice) == comparison_key(other) == comparison_key(portfolio)
    assert figures(compare(twice, draws=200)) == figures(compared)
    *same, rates, scores, does = figures(compare(other, draws=200))
    *same_as, rates_of, scores_of, does_of = figures(compared)
    assert (same, does) == (same_as, does_of)
    for one, of in ((rates, rates_of), (scores, scores_of)):
        for policy, values in one.items():
            assert values == pytest.approx(of[policy], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("priced", [{"ticket": 5.0}, {"day_cost": 10.0}, {"order_cost": 1.0}, {"minimum_trade": 100.0}])
def test_where_something_costs_an_amount_the_nav_tells_comparisons_apart(
    portfolio: Portfolio, priced: dict[str, float]
) -> None:
    if "ticket" in priced:
        own: dict[str, Any] = {"costs": replace(portfolio.costs, ticket=portfolio.costs.commission * 0.0 + 5.0)}
    elif "minimum_trade" in priced:
        own = {"execution": Execution(**priced)}
    else:
        own = priced
    one = replace(portfolio, **own)
    assert not scales_with_nav(one)
    assert comparison_key(one) != comparison_key(with_nav(one, 2.0))
    assert comparison_key(one) == comparison_key(replace(one, name="another"))
