"""Every shipped example does what it is about, and together the shipped files name all that a file can name."""

import re
import runpy
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import yaml

from backtests.comparison import Comparison, compare
from backtests.comparison.fitting.candidates import backtest_candidate, fit
from backtests.engine.result import Backtest
from backtests.today.holdings_stress import holdings_stress
from desk.tickets import make_ticket
from desk.tickets.formats import write_ticket
from foundation.errors import ConfigError
from research.accounting import Execution
from research.accounting.execution import Use
from research.accounting.lots.lot import Method as TaxMethod
from research.accounting.spending import Spending
from research.allocation.constraints import Constraints
from research.market.indicators import INDICATORS
from research.market.liquidity import Method
from research.orders import TradeList, trade_list
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file import policy_keys
from research.portfolio.file.document import TRUST
from research.portfolio.file.settings import names_of
from research.portfolio.holdings import holdings, household, lines, tax_file
from research.portfolio.keys import (
    allocations,
    costs,
    flows,
    forecasts,
    limits,
    market,
    orders,
    policies,
    sending,
    stress,
    ticket,
    weight_limits,
)
from research.portfolio.keys.portfolio_keys import PortfolioKeys
from research.portfolio.plan import Plan, SavingKeys
from research.risk.decomposition.contributions import risk_contributions

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "data" / "examples").glob("*.yaml"))
SHIPPED = [*EXAMPLES, *sorted((ROOT / "data" / "portfolios").glob("*.yaml"))]
NAMES = [path.stem for path in EXAMPLES]
RATES_OF_TODAY = "orders_in_two_currencies"
RESIDUAL = 1e-9  # of NAV: the money of a backtest adds up to it
CENT = 0.005 + 1e-9  # currency: facts of a list are in whole cents


@pytest.fixture(scope="module", autouse=True)
def trusted() -> Iterator[None]:
    """Lets own_rule.yaml name classes of the module beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRUST, "1")
        yield


@cache
def example(name: str) -> Portfolio:
    return load_portfolio(ROOT / "data" / "examples" / f"{name}.yaml")


@cache
def played(name: str) -> dict[str, Backtest]:
    """The backtest of each policy."""
    portfolio, paths = example(name), dict[Any, Any]()
    return {
        each: backtest_candidate(portfolio, fit(each, portfolio).policy, each, paths) for each in portfolio.policies
    }


@cache
def compared(name: str) -> Comparison:
    return compare(example(name), draws=100)


@cache
def listed(name: str) -> TradeList:
    """Today's orders of the policy in force."""
    portfolio = example(name)
    assert portfolio.policy is not None
    return trade_list(portfolio, portfolio.policies[portfolio.policy], name=portfolio.policy)


def charged(name: str) -> pd.Series:
    """The sum of each column of the money, over all policies, currency."""
    total: pd.Series = sum(each.reconcile().by_line.sum() for each in played(name).values())  # type: ignore[assignment]
    return total


def targets(name: str, policy: str) -> np.ndarray:
    """(K, n) the targets of a policy, fraction of NAV."""
    return played(name)[policy].targets.rows


# -- each file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NAMES if name != RATES_OF_TODAY])
def test_every_policy_is_backtested_and_its_money_adds_up(name: str) -> None:
    for each in played(name).values():
        assert each.reconcile().largest < RESIDUAL
        assert each.ledger.nav.min() > 0.0
        assert len(each.dates) > 90
        rows = each.targets.rows
        assert np.isfinite(rows).all()
        assert np.abs(rows).sum(axis=1).max() < 1.0 + 1e-6


def test_a_file_with_rates_of_today_alone_is_not_backtested() -> None:
    with pytest.raises(ConfigError, match="only today's rates"):
        compared(RATES_OF_TODAY)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("orders_") or name == "rule_cppi"])
def test_todays_orders_balance_to_the_cent(name: str) -> None:
    found, portfolio = listed(name), example(name)
    facts, sent = found.facts, found.orders
    paid = sum(facts[column] for column in ("commission", "half_spread", "ticket", "impact"))
    after = facts["cash_before"] + facts["sells"] - facts["buys"] - paid
    assert len(sent) > 0
    assert abs(after - facts["cash_after"]) < 3 * CENT
    assert abs(facts["nav_before"] - paid - facts["nav_after"]) < 5 * CENT
    lots = pd.Series(portfolio.market.lots, portfolio.market.assets)[sent["asset"]].to_numpy()
    assert np.abs(sent["units"] / lots - (sent["units"] / lots).round()).max() < 1e-6


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like data/examples, with the files that its paths lead to."""
    data = tmp_path_factory.mktemp("data")
    shutil.copytree(ROOT / "data" / "examples", data / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ("stress.yaml", "multi_asset_daily"):
        (data / beside).symlink_to(ROOT / "data" / beside)
    return data / "examples"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "own_rule"])  # whose module is imported from here
def test_the_settings_of_a_file_written_as_one_give_the_same_settings(name: str, copied: Path) -> None:
    again = copied / f"{name}.yaml"
    again.write_text(yaml.safe_dump(example(name).settings, allow_unicode=True), "utf-8")
    assert load_portfolio(again).settings == example(name).settings


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_a_file_is_short_and_begins_with_what_it_shows(path: Path) -> None:
    text = path.read_text("utf-8").splitlines()
    assert text[0].startswith("# ")
    assert len(text) <= 50
    assert max(map(len, text)) <= 120


def test_every_file_is_in_the_gallery_with_its_picture() -> None:
    page = (ROOT / "docs" / "examples.md").read_text("utf-8")
    shown = re.findall(r"^!\[[^\]]+\]\(assets/examples/(?P<name>\w+)\.svg\)$", page, re.MULTILINE)
    named = re.findall(r"\]\(\.\./data/examples/(?P<name>\w+)\.yaml\)", page)
    assert sorted(shown) == sorted(named) == NAMES
    assert sorted(path.stem for path in (ROOT / "docs" / "assets" / "examples").glob("*.svg")) == NAMES
    assert page == runpy.run_path(str(ROOT / ".ci" / "examples_page.py"))["page"](page), (
        "run `python .ci/examples_page.py`"
    )


# -- what single files are about -------------------------------------------------------------------------------------


def test_cppi_trades_to_a_multiple_of_what_nav_exceeds_the_floor_by() -> None:
    policy, each = example("rule_cppi").policies["cppi"], played("rule_cppi")["cppi"]
    book, first = each.ledger, each.first
    floor = policy.floor * book.nav[0] * np.cumprod(np.append(1.0, 1.0 + each.market.cash[first + 1 :]))
    share = np.clip(policy.multiplier * (1.0 - floor / book.nav), 0.0, 1.0)
    held = each.weights.sum(axis=1).to_numpy()
    asked, booked = book.asked[each.booked] - first, book.booked[each.booked] - first
    np.testing.assert_allclose(held[booked], share[asked], atol=1e-12)


def test_a_stop_loss_is_out_for_its_wait_and_then_back_in() -> None:
    policy, each = example("rule_stop_loss").policies["stop_loss"], played("rule_stop_loss")["stop_loss"]
    out = each.weights.sum(axis=1).to_numpy() == 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], out, [False]]).astype(int)))
    lasts = edges[1::2] - edges[::2]
    assert len(lasts) > 0
    assert (lasts[edges[1::2] < len(out)] == policy.wait).all()


def test_the_returns_implied_by_capitalisation_lead_back_to_its_weights() -> None:
    caps, implied = targets("allocation_market_cap", "market_cap"), targets("allocation_market_cap", "implied")
    np.testing.assert_allclose(implied, caps, atol=1e-6)


def test_exposures_reserves_and_averages_are_those_that_are_stated() -> None:
    half = targets("allocation_volatility_target", "half")
    assert np.abs(half.sum(axis=1) - 0.5).max() < 1e-12
    reserve = targets("allocation_average", "reserve")
    agg = example("allocation_average").market.assets.index("AGG")
    assert np.abs(reserve[:, agg] - (0.2 + 0.8 / 6)).max() < 1e-12
    assert (targets("allocation_regime_exposure", "markov").sum(axis=1) < 1.0 + 1e-9).all()


def test_a_capped_target_moves_by_no_more_than_its_cap() -> None:
    moves = np.diff(targets("allocation_smoothed", "capped"), axis=0)
    assert moves.clip(min=0.0).sum(axis=1).max() < 0.05 + 1e-9
    assert np.diff(targets("allocation_smoothed", "free"), axis=0).clip(min=0.0).sum(axis=1).max() > 0.05


def test_risk_is_shared_equally_or_as_the_budgets_say() -> None:
    path = played("allocation_risk_parity")["parity"].targets
    past = example("allocation_risk_parity").market.past(int(path.seen[-1]))
    allocation = example("allocation_risk_parity").policies["parity"].allocation
    shares = risk_contributions(path.rows[-1], allocation.forecast.predict(past).covariance)
    np.testing.assert_allclose(shares / shares.sum(), 1.0 / len(shares), atol=1e-4)


def test_a_limit_of_an_indicator_is_kept_as_it_is_known_on_the_day() -> None:
    path, facts = played("market_with_indicators")["limited"].targets, example("market_with_indicators").market.facts
    risk = (path.rows * facts["year"][path.seen]).sum(axis=1)
    assert risk.max() == pytest.approx(0.05, abs=1e-6)
    assert (risk < 0.05 - 1e-4).any()


def test_constraints_are_kept() -> None:
    assets = example("allocation_constraints").market.assets
    rows = pd.DataFrame(targets("allocation_constraints", "limited"), columns=list(assets))
    assert (rows["QQQ"].abs() < 1e-6).all()
    assert (rows.max(axis=1) < 0.4 + 1e-6).all()
    assert (rows["AGG"] > 0.2 - 1e-6).all()
    assert rows["SPY"].between(0.2 - 1e-6, 0.5 + 1e-6).all()
    few = targets("allocation_limits_of_risk", "few")
    assert ((few > 1e-6).sum(axis=1) <= 2).all()
    assert (few[few > 1e-6] > 0.1 - 1e-6).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("forecast_", "views_"))])
def test_every_forecast_expects_something_finite_today(name: str) -> None:
    portfolio = example(name)
    held = (getattr(policy.allocation, "forecast", None) for policy in portfolio.policies.values())
    past = portfolio.market.past(len(portfolio.market.dates) - 1)
    asked = [*portfolio.forecasts.models.values(), *(forecast for forecast in held if forecast is not None)]
    assert asked
    for forecast in asked:
        moments = forecast.predict(past)
        assert np.isfinite(moments.mean).all()
        assert np.linalg.eigvalsh(moments.covariance).min() > 0.0


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("costs_of_trading", ("commission", "half_spread", "ticket")),
        ("costs_with_impact", ("commission", "half_spread", "impact")),
        ("costs_of_holding", ("borrow", "financing", "cash_spread", "management_fee")),
        ("tax_in_backtests", ("tax",)),
        ("dividends_in_cash", ("income",)),
        ("flows_by_calendar", ("flows",)),
        ("flows_on_days", ("flows",)),
    ],
)
def test_what_a_file_charges_or_pays_is_booked(name: str, columns: tuple[str, ...]) -> None:
    assert (charged(name)[list(columns)].abs() > 0.01).all()


def test_money_comes_and_goes_as_the_file_says() -> None:
    assert played("flows_on_days")["never"].flows.sum() == 100_000 - 150_000 + 20_000
    monthly = played("flows_by_calendar")["never"].flows
    assert monthly.sum() == 10_000 * np.count_nonzero(monthly) > 0


def test_no_order_is_larger_than_its_share_of_the_volume() -> None:
    portfolio, each = example("execution_over_days"), played("execution_over_days")["quarterly"]
    book, rows = each.ledger, each.booked
    at = book.booked[rows]
    traded = np.abs(book.trades[rows])
    most = 0.001 * portfolio.market.volumes[at] * portfolio.market.prices[at]
    assert (traded < most * (1.0 + 1e-9) + 1e-6).all()
    assert (at - book.asked[rows] >= portfolio.lag).all()


def test_whole_lots_are_traded_and_small_orders_are_not_sent() -> None:
    portfolio = example("execution_in_whole_lots")
    market = portfolio.market
    for each in played("execution_in_whole_lots").values():
        trades = each.trades()
        row, line = market.dates.get_indexer(trades["booked"]), pd.Index(market.assets).get_indexer(trades["asset"])
        count = trades["notional"].to_numpy() / market.prices[row, line] / market.lots[line]
        assert np.abs(count - count.round()).max() < 1e-3
        assert trades["notional"].min() > 0.9 * portfolio.execution.minimum_trade  # sized at the close before


def test_a_report_prices_work_and_finds_how_large_the_portfolio_can_become() -> None:
    work = example("costs_of_work")
    assert work.tracking_penalty == pytest.approx(8 * 2 / 1e4 / (3 * 0.01**2))
    assert compared("costs_of_work").recommendation.policy in work.policies
    capacities = compared("costs_with_impact").behaviour.capacities
    assert all(each.policy in example("costs_with_impact").policies for each in capacities)


def test_another_target_may_be_recommended_and_is_compared() -> None:
    axes = compared("target_may_change").axes
    assert axes is not None
    assert example("target_may_change").target_may_change


def test_benchmark_and_factors_are_those_of_the_files() -> None:
    found = compared("benchmark_and_factors")
    assert found.benchmark.comparator is not None
    assert found.benchmark.comparator.name == "World"
    assert example("benchmark_and_factors").factors.names == ("market", "value")


def test_own_episodes_and_shocks_stand_beside_those_of_the_house() -> None:
    portfolio = example("stress_tests")
    names = {one.name for one in (*portfolio.stress.episodes, *portfolio.stress.shocks)}
    assert {"Taper tantrum 2013", "Autumn of 2022", "Long rates rise", "Gold and stocks fall"} < names
    shocked = {effect.moved.name: effect for effect in holdings_stress(portfolio).shocks}
    weights = pd.Series(portfolio.weights, portfolio.market.assets)
    assert shocked["Long rates rise"].lines[1] == pytest.approx(-0.08 * weights["AGG"])


def test_a_market_of_months_is_converted_to_the_basis_by_the_rates_of_each_row() -> None:
    portfolio = example("market_of_months")
    table = pd.read_csv(ROOT / "data/examples/monthly_rates.csv")["EURUSD"].to_numpy()
    prices = pd.read_csv(ROOT / "data/examples/monthly_prices.csv")["SPY"].to_numpy()
    euros = prices / table
    np.testing.assert_allclose(portfolio.market.returns[1:, 0], euros[1:] / euros[:-1] - 1.0, atol=1e-9)
    assert portfolio.periods_per_year == 12


def test_orders_keep_the_limits_of_the_file() -> None:
    found, portfolio = listed("orders_within_limits"), example("orders_within_limits")
    sent = found.orders
    assert len(sent) <= portfolio.orders.most
    assert found.turnover <= portfolio.orders.turnover + 1e-9
    assert "GLD" not in set(sent["asset"])
    assert not ((sent["asset"] == "QQQ") & (sent["side"] == "buy")).any()
    assert found.facts["cash_after"] >= portfolio.orders.reserve * found.facts["nav_after"] - 1.0
    assert sent["notional"].min() >= portfolio.limits.minimum_trade


def test_lots_by_tracking_error_track_no_worse_than_lots_by_distance() -> None:
    by_gap = load_portfolio(example("orders_in_whole_lots").file, {"orders.objective": "gap"})
    other = trade_list(by_gap, by_gap.policies["quarterly"])
    errors = [each.before_after.figures["after"].tracking_error for each in (listed("orders_in_whole_lots"), other)]
    assert errors[0] <= errors[1] + 1e-12


def test_a_ticket_has_the_symbols_venues_and_limit_prices_of_the_file(tmp_path: Path) -> None:
    write_ticket(make_ticket(listed("orders_as_tickets")), tmp_path / "ticket.ib.csv")
    rows = pd.read_csv(tmp_path / "ticket.ib.csv").set_index("Symbol")
    assert rows["Exchange"].to_dict() == {"SPY.P": "SMART", "AGG": "SMART", "BTC": "PAXOS"}
    closes = dict(zip(("SPY.P", "AGG", "BTC"), example("orders_as_tickets").prices.per_unit.tolist(), strict=True))
    collar = rows["LmtPrice"] / pd.Series(closes) - 1.0
    np.testing.assert_allclose(collar.abs(), 0.005, atol=1e-4)
    assert (np.sign(collar) == np.where(rows["Action"] == "BUY", 1, -1)).all()


def test_the_lots_that_are_sold_are_those_of_the_orders_within_the_budget_of_gains() -> None:
    found, portfolio = listed("orders_with_tax_lots"), example("orders_with_tax_lots")
    sold = found.orders[found.orders["side"] == "sell"].set_index("asset")["units"]
    assert found.tax.groupby("asset")["units"].sum().to_dict() == sold.to_dict()
    rules = portfolio.tax_lots.rules
    assert found.tax["gain"].sum() <= rules.gain_budget - rules.realised + CENT
    assert "GLD" not in set(found.orders["asset"])


@pytest.mark.parametrize("name", ["orders_of_accounts", "orders_in_two_currencies"])
def test_the_cash_of_each_account_balances(name: str) -> None:
    table = listed(name).accounts
    after = table["cash_before"] + table["sells"] - table["buys"] - table["cost"]
    assert (table["cash_after"] >= 0.0).all()
    assert (after - table["cash_after"]).abs().max() < 4 * CENT


def test_no_currency_is_overdrawn_after_the_exchanges() -> None:
    cash = listed("orders_in_two_currencies").cash
    after = cash["before"] + cash["sells"] - cash["buys"] - cash["cost"] + cash["fx"]
    assert (after - cash["after"]).abs().max() < 1e-6
    assert (cash["after"] >= 0.0).all()


def test_holdings_and_prices_are_those_of_the_brokers_files() -> None:
    portfolio = example("orders_from_a_broker")
    assert portfolio.shares.tolist() == [1_800.0, 7_000.0, 0.0]
    assert portfolio.prices.per_unit.tolist() == [382.40, 48.51, 169.64]
    assert portfolio.cash == 10_000.50


def test_a_mixed_fund_counts_in_both_of_its_classes() -> None:
    portfolio = example("orders_of_a_mixed_fund")
    bonds = portfolio.exposures("asset_class")["bonds"]
    assert dict(zip(portfolio.market.assets, bonds.tolist(), strict=True)) == {"VYM": 0.0, "VNQ": 0.4, "BND": 1.0}


# -- nothing that a file can name is without an example --------------------------------------------------------------

ANY = "*"


def mappings(tree: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The mappings at a path of keys, of which "*" is any, below a tree."""
    if not path:
        found = tree if isinstance(tree, list) else [tree]
        yield from (one for one in found if isinstance(one, dict))
    elif isinstance(tree, dict):
        for key, below in tree.items():
            if path[0] in (ANY, key):
                yield from mappings(below, path[1:])


def walk(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    for key, below in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield str(key), below
        yield from walk(below)


@cache
def trees() -> tuple[Any, ...]:
    return tuple(yaml.safe_load(path.read_text("utf-8")) for path in SHIPPED)


def used(*path: str) -> set[str]:
    """The keys at a path of the shipped files."""
    return {key for tree in trees() for one in mappings(tree, path) for key in one}


def used_words(*path: str) -> set[str]:
    """The words at a path of the shipped files."""
    return {str(one[path[-1]]) for tree in trees() for one in mappings(tree, path[:-1]) if path[-1] in one}


def kinds(*keys: str) -> set[str]:
    """The words that stand under these keys, or as the `kind` of what stands there, at any depth."""
    stated = [(key, value) for tree in trees() for key, value in walk(tree) if key in keys]
    found = [one for _, value in stated for one in (value if isinstance(value, list) else [value])]
    return {str(one.get("kind", "estimated")) if isinstance(one, dict) else str(one) for one in found}


def asked_models() -> set[str]:
    """The kinds of what `rebalance forecast` is asked for."""
    models = [one for tree in trees() for each in mappings(tree, ("forecasts", "models")) for one in each.values()]
    return {str(one.get("kind", "estimated")) if isinstance(one, dict) else one for one in models}


# Keys of a market from a store, which no fresh clone has: docs/data.md shows them, test_stored_market.py reads them.
OF_STORES = {"source", "store", "first", "known_on", "rows", "repairs", "second", "symbol"}
KEYS = {
    (): names_of(PortfolioKeys),
    ("market",): set(names_of(market.MarketKeys)) - OF_STORES,
    ("lines", ANY): set(names_of(lines.LineKeys)) - set(names_of(costs.CostKeys)) - OF_STORES - {"calendar"},
    ("lines", ANY, "tax_lots"): names_of(tax_file.LotKeys),
    ("costs", ANY): names_of(costs.CostKeys),
    ("impact",): names_of(costs.ImpactKeys),
    ("holding",): names_of(costs.HoldingKeys),
    ("tax",): names_of(tax_file.TaxKeys),
    ("limits",): names_of(limits.LimitKeys),
    ("orders",): names_of(orders.OrderKeys),
    ("orders", "groups", ANY): names_of(weight_limits.GroupKeys),
    ("execution",): names_of(Execution),
    ("flows",): names_of(flows.FlowKeys),
    ("plan",): names_of(Plan),
    ("plan", "saving"): names_of(SavingKeys),
    ("plan", "spending"): names_of(Spending),
    ("accounts", ANY): names_of(household.AccountKeys),
    ("positions",): set(names_of(holdings.PositionKeys)) - {"book"},  # which no fresh clone has: docs/book.md shows it
    ("ticket",): names_of(ticket.TicketTerms),
    ("ticket", "sending"): names_of(sending.SendingLimits),
    ("stress",): names_of(stress.StressKeys),
    ("stress", "episodes", ANY): names_of(stress.EpisodeKeys),
    ("forecasts",): names_of(forecasts.ForecastKeys),
    ("policies", ANY, "allocation", "constraints"): names_of(Constraints),
}
WORDS: dict[str, tuple[Collection[str], Callable[[], set[str]]]] = {
    "rule": (policies.RULES, lambda: kinds("rule")),
    "allocation": (allocations.ALLOCATIONS, lambda: kinds("allocation", "of")),
    "forecast": (allocations.FORECASTS, lambda: kinds("forecast", "prior") | asked_models()),
    "model": (allocations.MODELS, lambda: kinds("forecast", "model") | asked_models()),
    "regimes": (set(allocations.REGIME_MODELS) - {"fitted"}, lambda: kinds("regimes")),  # which needs no kind
    "kind of account": (household.ACCOUNT_KINDS, lambda: used_words("accounts", ANY, "kind")),
    "lots of tax": (set(get_args(TaxMethod)) - {"average"}, lambda: used_words("tax", "lots")),
    "use of flows": (get_args(Use), lambda: used_words("flows", "use")),
    "estimate of spreads": (get_args(Method), lambda: kinds("estimate")),
    "objective of lots": (set(get_args(orders.Objective)) - {orders.GAP}, lambda: used_words("orders", "objective")),
    "indicator": (INDICATORS, lambda: used_words("market", "facts", ANY, "indicator")),
    "target": ({policy_keys.MAY_CHANGE}, lambda: used_words("target")),
}
RULE_SETTINGS = {  # of each rule but the budget of a learned one, and what a laboratory alone gives
    field.name for rule in policies.RULES.values() for field in fields(rule) if rule is not policies.RULES["learned"]
} - {"covariance", "periods_per_year"}


@pytest.mark.parametrize("path", KEYS, ids=lambda path: ".".join(path) or "file")
def test_every_key_is_in_a_shipped_file(path: tuple[str, ...]) -> None:
    assert set(KEYS[path]) - used(*path) == set()


@pytest.mark.parametrize("what", WORDS)
def test_every_word_is_in_a_shipped_file(what: str) -> None:
    known, found = WORDS[what]
    assert set(known) - found() == set()


def test_every_setting_of_a_rule_is_in_a_shipped_file() -> None:
    assert RULE_SETTINGS - used("policies", ANY) == set()
