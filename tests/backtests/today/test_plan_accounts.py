"""A plan over taxable and sheltered accounts that are spent one after the other."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.today.future_paths import Opening
from backtests.today.plan import draw, life_of_plan
from backtests.today.plan_paths import PlanOpening, PlanPaths, bands_in_months, play_plan
from research.accounting import Costs
from research.accounting.spending import Spending
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.plan import Plan, SavingKeys
from research.risk.simulation.future_laws import BootstrappedFuture
from research.risk.simulation.resampling import StationaryBootstrap
from research.rules import Calendar

RULES = [
    Spending("indexed", amount=70_000),
    Spending("constant", amount=90_000),
    Spending("share", share=0.06, floor=50_000, ceiling=90_000),
    Spending("guardrails", amount=60_000),
]


@pytest.fixture(scope="module")
def household() -> Portfolio:
    """Two taxable accounts and a sheltered one, without costs or tax, rebalanced at each close."""
    found = load_portfolio("data/examples/orders_of_accounts.yaml")
    return replace(found, costs=Costs.bps(2), policies={"always": Calendar(found.strategic, "day")})


def played(portfolio: Portfolio, plan: Plan, first: bool = True, paths: int = 20) -> PlanPaths:
    """The futures of a plan.  first : true if taxable accounts are spent first."""
    opening = PlanOpening.of(portfolio, plan)
    law = BootstrappedFuture(StationaryBootstrap(opening.portfolio.market, 3.0))
    futures = draw(opening, law, paths, 3, None)
    shared = bands_in_months(opening, Opening(portfolio), portfolio.policies["always"])
    return play_plan(opening.accounts(first), shared, futures.growths, futures.consumer)


@pytest.mark.parametrize("first", [True, False], ids=["taxable first", "sheltered first"])
@pytest.mark.parametrize("saving", [None, SavingKeys(amount=10_000, years=3)], ids=["", "saving"])
@pytest.mark.parametrize("spending", RULES, ids=lambda spending: spending.rule)
def test_without_tax_and_costs_two_accounts_are_one(
    household: Portfolio, spending: Spending, saving: SavingKeys | None, first: bool
) -> None:
    once = {pd.Timestamp("2030-06-30"): -30_000.0, pd.Timestamp("2031-06-30"): 20_000.0}
    plan = Plan(years=30, spending=spending, saving=saving, every="quarter", inflation=0.02, once=once)
    whole, apart = played(replace(household, accounts=()), plan), played(household, plan, first)
    assert (whole.ended == apart.ended).all()
    np.testing.assert_allclose(apart.nav, whole.nav, rtol=0.0, atol=1e-12 * household.nav)
    np.testing.assert_allclose(apart.taken, whole.taken, rtol=0.0, atol=1e-12 * household.nav)


def test_what_leaves_a_sheltered_account_is_taxed(household: Portfolio) -> None:
    sheltered = replace(household, accounts=tuple(replace(each, taxable=False) for each in household.accounts))
    plan = Plan(years=30, spending=Spending("indexed", amount=60_000), inflation=0.02)
    taxed = played(sheltered, replace(plan, withdrawal_tax=0.25))
    more = played(sheltered, replace(plan, spending=Spending("indexed", amount=80_000)))
    assert (taxed.ended == more.ended).all()
    np.testing.assert_allclose(taxed.nav, 0.75 * more.nav, rtol=1e-12)  # what is left is taxed when it is taken out
    np.testing.assert_allclose(taxed.taken, 0.75 * more.taken, rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(taxed.taxes, 0.25 * more.taken.sum(axis=1), rtol=1e-12)


def test_where_nothing_is_spent_the_order_of_accounts_changes_nothing(household: Portfolio) -> None:
    """Savings go into the sheltered accounts, and what comes once into the taxable ones: it is not taxed on its way."""
    saving = Plan(
        years=30, spending=Spending("constant", amount=0.0), saving=SavingKeys(amount=10_000, years=9), inflation=0.02,
        withdrawal_tax=0.25,
    )  # fmt: skip
    day = PlanOpening.of(household, saving).dates[12]
    more = replace(saving, once={day: 500_000.0})
    for plan in (saving, more):
        one, other = played(household, plan), played(household, plan, first=False)
        np.testing.assert_allclose(one.nav, other.nav, rtol=1e-12)
    np.testing.assert_allclose(played(household, more).nav[:, 1] - played(household, saving).nav[:, 1], 510_000.0)


def test_the_other_order_of_accounts_is_compared(household: Portfolio) -> None:
    plan = Plan(years=30, spending=Spending("indexed", amount=60_000), inflation=0.02, withdrawal_tax=0.2)
    life = life_of_plan(household, plan, household.policies, paths=100)
    assert list(life.policies) == ["always", "always, sheltered first"]
    assert life.shown == "always"
