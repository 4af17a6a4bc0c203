"""A plan over taxable and sheltered accounts that are spent one after the other."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.today.future_paths import FuturePrices, Opening
from backtests.today.plan import Futures, _best_order, _games, draw, life_of_plan
from backtests.today.plan_paths import PlanOpening, PlanPaths, _Account, bands_in_months, play_plan
from foundation.arrays import Array
from foundation.tolerances import TRIGGER
from research.accounting import Costs, Policy, Tax
from research.accounting.spending import Spending
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.plan import IncomeKeys, Plan, SavingKeys
from research.risk.simulation.future_laws import BootstrappedFuture
from research.risk.simulation.resampling import StationaryBootstrap
from research.rules import Calendar, Never, Threshold

RULES = [
    Spending("indexed", amount=70_000), Spending("constant", amount=90_000),
    Spending("share", share=0.06, floor=50_000, ceiling=90_000), Spending("guardrails", amount=60_000),
]  # fmt: skip


@pytest.fixture(scope="module")
def household() -> Portfolio:
    """Two taxable accounts and a sheltered one, without costs or tax, rebalanced at each close."""
    found = load_portfolio("data/examples/orders_of_accounts.yaml")
    return replace(found, costs=Costs.bps(2), policies={"always": Calendar(found.strategic, "day")})


def played(portfolio: Portfolio, plan: Plan, first: bool = True, paths: int = 20, turn: int | None = None) -> PlanPaths:
    """The futures of a plan.  first : true if taxable accounts are spent first; turn : month of the change."""
    opening = PlanOpening.of(portfolio, plan)
    futures = draw(opening, BootstrappedFuture(StationaryBootstrap(opening.portfolio.market, 3.0)), paths, 3, None)
    shared = bands_in_months(opening, Opening(portfolio), portfolio.policies["always"])
    return play_plan(opening.accounts(first), shared, futures.growths, futures.consumer, turn=turn)


@pytest.mark.parametrize("turn", [12, 120, 300])
@pytest.mark.parametrize("first", [True, False], ids=["taxable first", "sheltered first"])
@pytest.mark.parametrize("saving", [None, SavingKeys(amount=10_000, years=12)], ids=["", "saving"])
@pytest.mark.parametrize("spending", RULES, ids=lambda spending: spending.rule)
def test_without_tax_and_costs_accounts_that_change_places_are_one(
    household: Portfolio, spending: Spending, saving: SavingKeys | None, first: bool, turn: int
) -> None:
    once = {pd.Timestamp("2024-06-30"): 20_000.0, pd.Timestamp("2041-06-30"): 30_000.0}
    plan = Plan(years=30, spending=spending, saving=saving, every="quarter", inflation=0.02, once=once)
    whole, apart = played(replace(household, accounts=()), plan), played(household, plan, first, turn=turn)
    assert (whole.ended == apart.ended).all()
    for name in ("nav", "taken"):  # within what a weight may stray from its target without a trade
        np.testing.assert_allclose(
            getattr(apart, name), getattr(whole, name), rtol=0.0, atol=TRIGGER * household.nav, err_msg=name
        )


@pytest.mark.parametrize("first", [True, False], ids=["taxable first", "sheltered first"])
@pytest.mark.parametrize("saving", [None, SavingKeys(amount=10_000, years=3)], ids=["", "saving"])
@pytest.mark.parametrize("spending", RULES, ids=lambda spending: spending.rule)
def test_without_tax_and_costs_two_accounts_are_one(
    household: Portfolio, spending: Spending, saving: SavingKeys | None, first: bool
) -> None:
    once = {pd.Timestamp("2024-06-30"): 20_000.0, pd.Timestamp("2030-06-30"): -30_000.0}
    plan = Plan(years=30, spending=spending, saving=saving, every="quarter", inflation=0.02, once=once)
    whole, apart = played(replace(household, accounts=()), plan), played(household, plan, first)
    assert (whole.ended == apart.ended).all()
    np.testing.assert_allclose(apart.nav, whole.nav, rtol=0.0, atol=1e-12 * household.nav)
    np.testing.assert_allclose(apart.taken, whole.taken, rtol=0.0, atol=1e-12 * household.nav)


@pytest.mark.parametrize("first", [True, False], ids=["taxable first", "sheltered first"])
@pytest.mark.parametrize("spending", RULES, ids=lambda spending: spending.rule)
def test_an_account_that_was_empty_pays_again_from_what_comes_to_it(
    household: Portfolio, spending: Spending, first: bool
) -> None:
    """The taxable accounts are emptied at once, the sheltered one after a year; savings and two sales come later."""
    days = pd.to_datetime(["2023-01-31", "2024-01-31", "2032-06-30", "2040-06-30"])
    goes = [-560_000.0, 0.0] if first else [0.0, -480_000.0]
    once = dict(zip(days, [*goes, 300_000.0, 100_000.0], strict=True))
    plan = Plan(
        years=30, spending=spending, saving=SavingKeys(amount=12_000, years=3), every="quarter", inflation=0.02,
        once=once, income=(IncomeKeys(amount=12_000, begins=pd.Timestamp("2034-01-01")),),
    )  # fmt: skip
    whole, apart = played(replace(household, accounts=()), plan), played(household, plan, first)
    assert (whole.ended == apart.ended).all()
    for name in ("nav", "taken"):  # within what a weight may stray from its target without a trade
        np.testing.assert_allclose(
            getattr(apart, name), getattr(whole, name), rtol=0.0, atol=TRIGGER * household.nav, err_msg=name
        )


def holding(household: Portfolio, taxable: float, sheltered: float, costs: Costs) -> Portfolio:
    """A taxable account and a sheltered one of these NAVs at its target; what is held cost its worth."""
    weights, unit = household.target, household.shares / household.holdings
    accounts = (
        replace(household.accounts[0], taxable=kind, cash=0.0, units=unit * worth * weights)
        for kind, worth in ((True, taxable), (False, sheltered))
    )
    worth = (taxable + sheltered) * weights
    return replace(
        household, accounts=tuple(accounts), holdings=worth, shares=unit * worth, cash=0.0, tax_lots=None, costs=costs
    )


def on_prices(
    portfolio: Portfolio, plan: Plan, growths: Array, policy: Policy, first: bool = True, turn: int | None = None
) -> PlanPaths:
    """One future of these growths (D, 2), taxable accounts spent first, until year `turn`, without inflation."""
    opening = PlanOpening.of(portfolio, plan)
    shared = bands_in_months(opening, Opening(portfolio), policy)
    month = None if turn is None else 12 * turn
    return play_plan(opening.accounts(first), shared, growths[None], np.ones((1, plan.months + 1)), turn=month)


def by_hand(
    plan: Plan, taxable: float, sheltered: float, first: bool, comes: Mapping[int, tuple[float, float]],
    turn: int | None = None, end: float = 1.0,
) -> float:  # fmt: skip
    """What is left after all taxes at 6 % a year, reckoned in money alone, year by year; what is held cost its worth.

    first : true if the taxable account is spent first.
    comes : (to the taxable account, to the sheltered one) as year y begins; below 0 it is spent of the first that can.
    turn  : year from which the other one is spent first.
    end   : share of the gains left that is taxed.
    """
    basis, out, tax = taxable, plan.withdrawal_tax, 0.2
    for y in range(plan.years):
        more = comes.get(y, (0.0, 0.0))
        owed = ((plan.spending.amount or 0.0) if 12 * y >= plan.begins else 0.0) - min(more[0], 0.0)
        taxable, basis, sheltered = taxable + max(more[0], 0.0), basis + max(more[0], 0.0), sheltered + more[1]
        begins_with = first if turn is None or y < turn else not first
        for of_taxable in (begins_with, not begins_with):
            if of_taxable:
                kept = 1.0 - tax * max(1.0 - basis / taxable, 0.0) if taxable > 0.0 else 1.0
                sold = min(owed / kept, taxable)
                basis *= 1.0 - sold / taxable if taxable > 0.0 else 1.0
                taxable, owed = taxable - sold, owed - sold * kept
            else:
                sold = min(owed / (1.0 - out), sheltered)
                sheltered, owed = sheltered - sold, owed - sold * (1.0 - out)
        assert owed < 1e-6, "the plan of this test can pay"
        taxable, sheltered = 1.06 * taxable, 1.06 * sheltered
    return taxable - end * tax * max(taxable - basis, 0.0) + sheltered * (1.0 - out)


@pytest.mark.parametrize("turn", [None, 1, 5, 12])
@pytest.mark.parametrize("first", [True, False], ids=["taxable first", "sheltered first"])
@pytest.mark.parametrize(("taxable", "sheltered", "saving", "out", "year", "once"), [
    (100e3, 900e3, None, 0.22, 10, 400e3),  # a house is sold after the taxable account is spent
    (
        900e3,
        100e3,
        SavingKeys(amount=40e3, years=10),
        0.3,
        2,
        -150e3,
    ),  # the sheltered one is spent while it is saved
], ids=["a house", "savings"])  # fmt: skip
def test_what_comes_to_an_empty_account_is_taxed_as_that_account_is(
    household: Portfolio, taxable: float, sheltered: float, saving: SavingKeys | None, out: float, year: int,
    once: float, first: bool, turn: int | None,
) -> None:  # fmt: skip
    portfolio = holding(household, taxable, sheltered, replace(Costs.bps(2), tax=Tax(0.2, "average")))
    plan = Plan(
        years=20, spending=Spending("constant", amount=60e3), saving=saving, inflation=0.0, withdrawal_tax=out,
        once={PlanOpening.of(portfolio, Plan(spending=RULES[0], inflation=0.0)).dates[12 * year]: once},
    )  # fmt: skip
    grown = np.full((plan.months, 2), 1.06 ** (1 / 12))
    got = on_prices(portfolio, plan, grown, Never(portfolio.strategic), first, turn)
    comes = {y: (0.0, 40e3) for y in range(1, 11)} if saving else {}
    comes[year] = (once, comes.get(year, (0.0, 0.0))[1])
    np.testing.assert_allclose(got.left, by_hand(plan, taxable, sheltered, first, comes, turn), rtol=1e-9)


@pytest.mark.parametrize("at_end", ["liquidate", "step_up"])
@pytest.mark.parametrize(("taxable", "sheltered", "out", "spent"), [
    (500e3, 500e3, 0.22, 50e3), (500e3, 500e3, 0.30, 50e3), (900e3, 500e3, 0.30, 70e3), (900e3, 900e3, 0.10, 70e3),
])  # fmt: skip
def test_the_order_that_is_chosen_leaves_most_of_all_by_hand(
    household: Portfolio, taxable: float, sheltered: float, out: float, spent: float, at_end: str
) -> None:
    """Where gains are forgiven at the end, those that have grown are kept for it; else one fixed order is best."""
    costs = replace(Costs.bps(2), tax=Tax(0.2, "average", at_end=at_end))  # type: ignore[arg-type]
    portfolio = holding(household, taxable, sheltered, costs)
    plan = Plan(years=20, spending=Spending("constant", amount=spent), inflation=0.0, withdrawal_tax=out)
    opening, daily = PlanOpening.of(portfolio, plan), Opening(portfolio)
    futures = Futures(np.full((1, plan.months, 2), 1.06 ** (1 / 12)), np.ones((1, plan.months + 1)))
    with ThreadPoolExecutor(1) as pool:
        games = _games(opening, daily, {"never": Never(portfolio.strategic)}, pool)
        found = _best_order(games, futures)
        left = {name: float(game.play(futures).left[0]) for name, game in (games | found).items()}
    share = 0.0 if at_end == "step_up" else 1.0
    orders = {
        (first, turn): by_hand(plan, taxable, sheltered, first, {}, turn, share)
        for first in (True, False)
        for turn in (None, 5, 10, 15)
    }
    (first, turn), most = max(orders.items(), key=lambda each: each[1])
    fixed = max(orders[kind, None] for kind in (True, False))
    if most > 1.01 * fixed:
        name = f"never, {'taxable' if first else 'sheltered'} first for {turn} years"
        assert list(found) == [name]
        assert left[name] == pytest.approx(most, rel=1e-9)
    else:
        assert not found
    assert (most > 1.01 * fixed) == (at_end == "step_up" and out > 0.1)
    assert max(left[name] for name in games) == pytest.approx(fixed, rel=1e-9)


NOTHING = Spending("constant", amount=0.0)
MONTHS = PlanOpening.of(
    load_portfolio("data/examples/orders_of_accounts.yaml"), Plan(years=3, spending=NOTHING, inflation=0.0)
).dates  # fmt: skip


def steps(moves: Mapping[int, float]) -> Array:
    """Growths (36, 2) that are 1 but in these months."""
    growths = np.ones((36, 2))
    for month, growth in moves.items():
        growths[month - 1] = growth
    return growths


@pytest.mark.parametrize(
    ("tax", "taxable", "sheltered", "moves", "once", "left"),
    [
        # a loss of 50 is carried to the gain of 100 of what comes after the account was emptied
        (Tax(0.2), 100.0, 1000.0, {5: 0.5, 24: 2.0}, {5: -50.0, 20: 100.0}, 1190.0),
        # the return of the last year gives 2.22 back that gains of its first months were taxed, and 0.6 on a loss of 3
        (Tax(0.2, loss_limit=3.0), 100.0, 1000.0, {29: 2.0, 31: 0.25}, {30: -20.0}, 500.0 + 44.4444444 + 2.8222222),
        # a loss of 50, of which 20 are realised: 3 of them are deducted at 20 %
        (Tax(0.2, loss_limit=3.0), 100.0, 1000.0, {29: 0.5}, {30: -20.0}, 530.6),
        (Tax(0.2, loss_limit=3.0, at_end="step_up"), 100.0, 1000.0, {29: 0.5}, {30: -20.0}, 530.6),
        # the same for an account that is emptied: what its year's return gives back is not lost
        (Tax(0.2, loss_limit=3.0), 100.0, 1000.0, {6: 2.0, 7: 0.25}, {6: -20.0, 8: -45.0}, 502.2666667),
        # an account that holds nothing takes what comes once
        (None, 0.0, 1000.0, {}, {6: 100.0}, 1100.0),
    ],
    ids=["loss carried", "last return", "deducted", "step_up", "emptied", "nothing held"],
)  # fmt: skip
def test_losses_and_returns_of_an_account_are_counted_by_hand(
    household: Portfolio, tax: Tax | None, taxable: float, sheltered: float, moves: dict, once: dict, left: float
) -> None:
    portfolio = holding(household, taxable, sheltered, replace(Costs.bps(2), tax=tax))
    paid = {MONTHS[month]: money for month, money in once.items()}
    plan = Plan(years=3, spending=NOTHING, inflation=0.0, once=paid)
    got = on_prices(portfolio, plan, steps(moves), Never(portfolio.strategic))
    np.testing.assert_allclose(got.left, left, rtol=1e-9)


def test_what_comes_once_is_not_taxed_as_withdrawn_where_the_taxable_account_is_empty(household: Portfolio) -> None:
    portfolio = holding(household, 0.0, 1000.0, Costs.bps(2))
    plan = Plan(years=3, spending=NOTHING, inflation=0.0, withdrawal_tax=0.25, once={MONTHS[6]: 100.0})
    got = on_prices(portfolio, plan, steps({}), Never(portfolio.strategic))
    np.testing.assert_allclose(got.left, 850.0, rtol=1e-9)


@pytest.mark.parametrize("month", [2, 7, 8, 19])
def test_a_trade_of_several_months_goes_on_when_another_account_takes_over(household: Portfolio, month: int) -> None:
    portfolio = holding(household, 100.0, 1000.0, Costs.bps(2))
    growths = np.exp(np.random.default_rng(3).normal(0.0, 0.05, (36, 2)))
    policy = Threshold(portfolio.strategic, 0.02, "target", fraction=0.5, schedule="quarter")
    plan = Plan(years=3, spending=NOTHING, inflation=0.0)
    opening = PlanOpening.of(portfolio, plan).accounts(True)[0]
    prices = FuturePrices.room(opening)
    prices.write(growths)
    account = _Account(opening, bands_in_months(opening, opening, policy), prices, 1.0, alone=True)
    account.begin(np.ones(37), PlanPaths(*(np.zeros((1, 4)) for _ in range(7))), 0)
    account.play(month + 1)
    worth = float(account.ledger.nav[month + 1])
    ends = [
        on_prices(portfolio, replace(plan, once={MONTHS[month]: -(worth + more)}), growths, policy).nav[0, -1]
        for more in (1e-6, -1e-6)
    ]
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-5)


@pytest.mark.parametrize(("net", "gross"), [
    (Spending("indexed", amount=60_000), Spending("indexed", amount=80_000)),
    (Spending("guardrails", amount=60_000), Spending("guardrails", amount=80_000)),
    (Spending("share", share=0.06, floor=60_000), Spending("share", share=0.06, floor=80_000)),
], ids=["indexed", "guardrails", "share"])  # fmt: skip
def test_what_leaves_a_sheltered_account_is_taxed(household: Portfolio, net: Spending, gross: Spending) -> None:
    sheltered = replace(household, accounts=tuple(replace(each, taxable=False) for each in household.accounts))
    plan = Plan(years=30, spending=net, inflation=0.02)
    taxed = played(sheltered, replace(plan, withdrawal_tax=0.25))
    more = played(sheltered, replace(plan, spending=gross))
    assert (taxed.ended == more.ended).all()
    np.testing.assert_allclose(taxed.nav, 0.75 * more.nav, rtol=1e-12)  # what is left is taxed when it is taken out
    np.testing.assert_allclose(taxed.taken, 0.75 * more.taken, rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(taxed.taxes, 0.25 * more.taken.sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("first", [True, False], ids=["taxable first", "sheltered first"])
def test_income_from_today_on_is_so_much_less_to_be_paid(household: Portfolio, first: bool) -> None:
    portfolio = replace(household, costs=replace(Costs.bps(2, half_spread=5), tax=Tax(0.2)))
    plan = Plan(years=30, spending=Spending("indexed", amount=40_000), inflation=0.02, withdrawal_tax=0.25)
    less = played(portfolio, plan, first)
    pension = (IncomeKeys(amount=24_000, begins=pd.Timestamp("2020-01-01")),)
    more = played(portfolio, replace(plan, spending=Spending("indexed", amount=64_000), income=pension), first)
    assert 0 < (less.ended >= 0).sum() < len(less.ended)
    assert (less.ended == more.ended).all()
    np.testing.assert_allclose(more.nav, less.nav, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(more.taxes, less.taxes, rtol=1e-9, atol=1e-6)
    lasts = less.ended < 0
    np.testing.assert_allclose(more.taken[lasts], less.taken[lasts] + 24_000, rtol=1e-9)


def test_income_that_is_not_spent_is_invested_and_not_taxed(household: Portfolio) -> None:
    """20,000 a year are left of it, as if they were taken out of 26,667; 40,000 more that come once pay 30,000."""
    sheltered = replace(household, accounts=tuple(replace(each, taxable=False) for each in household.accounts))
    plan = Plan(years=10, spending=Spending("indexed", amount=30_000), inflation=0.02, withdrawal_tax=0.25)
    days = PlanOpening.of(sheltered, plan).dates[48:84:12]
    pension = IncomeKeys(amount=50_000, begins=days[0], ends=days[-1] + pd.DateOffset(years=1, days=-1))
    one = played(sheltered, replace(plan, income=(pension,)))
    other = played(sheltered, replace(plan, once=dict.fromkeys(days, 40_000.0 + 20_000.0 / 0.75)))
    np.testing.assert_allclose(one.nav, other.nav, rtol=1e-12)
    assert (one.nav[:, 7] > played(sheltered, plan).nav[:, 7]).all()
    np.testing.assert_allclose(one.taxes, 10_000.0 * 7, rtol=1e-12)


@pytest.mark.parametrize("accounts", [1, 2])
def test_who_has_run_out_lives_on_his_income(household: Portfolio, accounts: int) -> None:
    plan = Plan(
        years=30, spending=Spending("indexed", amount=120_000), every="quarter", inflation=0.0,
        income=(IncomeKeys(amount=12_000, begins=pd.Timestamp("2022-01-01")),),
    )  # fmt: skip
    got = played(household if accounts == 2 else replace(household, accounts=()), plan)
    failed = got.ended >= 0
    assert failed.sum() > 10
    for ended, taken in zip(got.ended[failed], got.taken[failed], strict=True):
        year = ended // 12
        np.testing.assert_allclose(taken[:year], 120_000.0, rtol=1e-12)
        np.testing.assert_allclose(taken[year + 1 :], 12_000.0, rtol=1e-12)
        assert 12_000.0 <= taken[year] <= 120_000.0


def test_where_nothing_is_spent_the_order_of_accounts_changes_nothing(household: Portfolio) -> None:
    """Savings go into the sheltered accounts, and what comes once into the taxable ones: it is not taxed on its way."""
    saving = Plan(
        years=30, spending=Spending("constant", amount=0.0), saving=SavingKeys(amount=10_000, years=9), inflation=0.02,
        withdrawal_tax=0.25,
    )  # fmt: skip
    more = replace(saving, once={PlanOpening.of(household, saving).dates[12]: 500_000.0})
    for plan in (saving, more):
        one, other = played(household, plan), played(household, plan, first=False)
        np.testing.assert_allclose(one.nav, other.nav, rtol=1e-12)
    np.testing.assert_allclose(played(household, more).nav[:, 1] - played(household, saving).nav[:, 1], 510_000.0)


def test_the_other_order_of_accounts_is_compared(household: Portfolio) -> None:
    plan = Plan(years=30, spending=Spending("indexed", amount=60_000), inflation=0.02, withdrawal_tax=0.2)
    life = life_of_plan(household, plan, household.policies, paths=100)
    assert list(life.policies) == ["always", "always, sheltered first"]
    assert life.shown == "always"
