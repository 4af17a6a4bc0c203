"""Portfolios from a desk's YAML file; every error names the file, the key, the value found and how to fix it."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foundation.arguments import day as given_day
from foundation.files import from_workbench
from foundation.paper.wording import grouped
from research.market import Market
from research.market.calendars import has_rows_a_year, rows_a_year
from research.market.frequency import sample_rows
from research.portfolio.assumed import assumed_day_cost
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.faults import Faults, Parts
from research.portfolio.file.lengths import in_rows
from research.portfolio.file.policy_keys import MAY_CHANGE, usual_reference
from research.portfolio.file.portfolio_settings import settings_of_portfolio
from research.portfolio.file.settings import names_of, read, read_key
from research.portfolio.file_mistakes import find_mistakes
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.book_file import with_splits_of
from research.portfolio.holdings.held import read_held
from research.portfolio.holdings.holdings import given_book
from research.portfolio.holdings.household import decimal_sum
from research.portfolio.holdings.lines import check_restrictions, desk_market, read_lines, strategic_of
from research.portfolio.holdings.nav_history import read_nav_history
from research.portfolio.holdings.rates import Rates
from research.portfolio.holdings.splits_since import with_splits_since
from research.portfolio.holdings.tax_file import lots_of_book, read_tax_lots, scaled_lots
from research.portfolio.keys.benchmark import read_benchmark
from research.portfolio.keys.costs import read_costs
from research.portfolio.keys.cycle import CycleKeys, GovernanceKeys
from research.portfolio.keys.factors import factors_in
from research.portfolio.keys.flows import read_flows
from research.portfolio.keys.forecasts import read_forecasts
from research.portfolio.keys.limits import read_dividends, read_execution, read_limits
from research.portfolio.keys.market import read_assets, read_market, with_line_facts
from research.portfolio.keys.orders import read_order_limits
from research.portfolio.keys.policies import read_policies
from research.portfolio.keys.portfolio_keys import HALVING, PortfolioKeys, penalty_of
from research.portfolio.keys.stress import read_stress
from research.portfolio.keys.ticket import read_ticket
from research.portfolio.portfolio import Portfolio

COVARIANCE_LOOKBACK = 252  # days of the covariance of a rule
LEAST_NAV = 1e-6  # currency
ESTIMATED = 1 / 3  # part of the data before the test, from which allocations estimate, where a file states none


def load_portfolio(
    path: str | Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    trust_code: bool | None = None,
    as_of: str | pd.Timestamp | None = None,
    of_now: bool = False,
) -> Portfolio:
    """The portfolio that a YAML file describes, on its market, checked.

    path       : path of the file, from the current folder, or else from the workbench's own.
    overrides  : settings that replace those of the file, nested or with dotted keys ({"policies.rl.steps": 30_000});
                 None removes a key.
    trust_code : true if this file may name rules and allocations by import path, whose code then runs. None: where the
                 environment says so, as REBALANCE_TRUST_CODE=1.
    as_of      : a day of the market's history, whose later rows are left out; None, and a day after them, take all.
    of_now     : true where others' units take the place of those of the file, and its `held_on` says nothing of them.
    Raises     : ConfigError that names file, line, key, value and fix, for whatever the file gets wrong.

    >>> load_portfolio("data/portfolios/sixty_forty.yaml").market.assets
    ('SPY', 'AGG')
    """
    faults = Faults()
    document = read_document(
        from_workbench(path), overrides, names_of(PortfolioKeys), trust_code=trust_code, faults=faults
    )
    with faults:
        keys = read(document.knowing(faults), (), PortfolioKeys)
    find_mistakes(document, faults)
    faults.any = bool(faults.found)  # what could not be judged without prices now is
    parts = _read_parts(document.knowing(faults), document.without(faults), as_of, faults)
    faults.end()
    portfolio = _portfolio(document, keys, parts)
    settings = settings_of_portfolio(document, portfolio, parts.lines)
    if not (of_now or document.has("positions")):
        portfolio = with_splits_since(document, portfolio, keys.held_on)
    if portfolio.nav < LEAST_NAV:
        document.refuse(("cash",), "neither assets nor cash are held", portfolio.nav, "State what the desk holds.")
    worth = zip(parts.lines, portfolio.holdings.tolist(), strict=True)
    check_restrictions(document, [replace(line, holdings=value) for line, value in worth], portfolio.cash)
    notes = (*portfolio.notes, *filter(None, [portfolio.nav_history.fault(portfolio.nav)]))
    day_cost = assumed_day_cost(portfolio) if keys.day_cost is None else keys.day_cost
    return replace(portfolio, notes=notes, settings=settings, day_cost=day_cost)


def _read_parts(told: Document, document: Document, as_of: str | pd.Timestamp | None, faults: Faults) -> Parts:
    """The parts of a portfolio by name, each read from its keys and from the parts before it.

    told     : the whole file, for the names in it.
    document : the file without the values that are wrong: nothing is judged by one of these.
    faults   : mistakes that are found already; takes the others.
    """
    of, stated = Parts(), partial(read_key, document, PortfolioKeys)
    of.read(
        faults,
        names=lambda: tuple(told.mapping("policies")),
        known=lambda: read_market(document),
        quoted=lambda: _until(of.known, as_of),
        execution=lambda: read_execution(document),
        book=lambda: _book(document, of.quoted),
        assets=lambda: read_assets(told, of.quoted),
        strategic=lambda: strategic_of(document, of.assets),
        nav_history=lambda: read_nav_history(document, of.quoted),
        last_trade=lambda: _last_trade(document, stated("last_trade"), of.quoted, of.book, as_of, of.known.dates[-1]),
        test_start=lambda: _test_start(document, stated("test_start"), of.quoted),
        periods_per_year=lambda: _periods_per_year(document, stated("periods_per_year"), of.quoted),
        shared=lambda: _shared(penalty_of(stated("tracking_penalty"), stated(HALVING)), of.periods_per_year),
        timed=lambda: in_rows(document, of.periods_per_year),
        dividends=lambda: read_dividends(document, of.quoted),
        flows=lambda: read_flows(document, of.quoted, of.execution),
        factors=lambda: factors_in(document, of.quoted, of.test_start, of.periods_per_year),
        held=lambda: read_held(document, of.quoted, of.assets, stated("basis"), of.book),
        benchmark=lambda: read_benchmark(document, of.held.market, of.names, of.test_start),
        lines=lambda: read_lines(document, of.assets, of.held),
        ranges=lambda: tuple((line.asset, *line.range) for line in of.lines),
        bounds=lambda: np.array([line.range for line in of.lines]).T,
        shares=lambda: np.array([line.shares for line in of.lines]),
        splits=lambda: {line.asset: line.exposures for line in of.lines if line.exposures},
        market=lambda: with_line_facts(document, desk_market(of.held.market, of.lines)),
        past=lambda: of.market.past(len(of.market.dates) - 1),
        settings=lambda: of.shared | {"ranges": of.ranges, "factor_returns": of.factors},
        policies=lambda: read_policies(of.timed, of.names, of.past, of.strategic, of.settings),
        forecasts=lambda: read_forecasts(of.timed, of.past, of.strategic, of.settings),
        costs=lambda: read_costs(document, of.market, [(one.asset, one.asset_class, one.costs) for one in of.lines]),
        limits=lambda: read_limits(document, of.lines),
        stress=lambda: read_stress(document, of.market),
        orders=lambda: read_order_limits(document, of.market, of.bounds[0], of.bounds[1], of.splits),
        tax_lots=lambda: (
            read_tax_lots(document, of.market, of.held.prices, of.shares, of.held.accounts)
            if of.book is None
            else lots_of_book(document, of.market, of.held.prices, of.book, of.held.accounts, of.held.rates)
        ),
        ticket=lambda: read_ticket(document, of.market),
    )
    return of


def _book(document: Document, market: Market) -> Book | None:
    """The book that the file names, with the splits and dividends that the market knows of, or None."""
    book = given_book(document)
    return None if book is None else with_splits_of(book, market).with_dividends_of(market)


def _owed(book: Book, rates: Rates) -> dict[str, float]:
    """By account, the dividends that are owed to a book, in the basis."""
    by_account = grouped((each.account, rates.value({each.currency: float(each.amount)})) for each in book.owed)
    return {account: decimal_sum(amounts) for account, amounts in by_account.items()}


def _until(market: Market, as_of: str | pd.Timestamp | None) -> Market:
    """The market up to a day."""
    last = market.dates[-1] if as_of is None else given_day("as_of is", as_of)
    return market if last >= market.dates[-1] else market.until(last)


def _portfolio(document: Document, keys: PortfolioKeys, of: Parts) -> Portfolio:
    """The portfolio of these parts without its settings, before its assets are held against each other.

    What is given beside the file is not assumed.
    """
    assumed = tuple(name for name in keys.assumed if not document.is_given(name))
    return Portfolio(
        name=keys.name,
        file=document.file,
        market=of.market,
        basis=keys.basis,
        holdings=np.array([line.holdings for line in of.lines]),
        shares=of.shares,
        cash=of.held.cash,
        last_trade=of.last_trade,
        strategic=of.strategic,
        lower=of.bounds[0],
        upper=of.bounds[1],
        costs=of.costs,
        limits=of.limits,
        tracking_penalty=keys.penalty,
        materiality=keys.materiality_bps,
        day_cost=keys.day_cost or 0.0,
        day_cost_assumed=keys.day_cost is None or "day_cost" in assumed,
        order_cost=keys.order_cost,
        assumed=assumed,
        periods_per_year=of.periods_per_year,
        lag=keys.lag,
        cycle=keys.cycle or CycleKeys(),
        governance=keys.governance or GovernanceKeys(),
        test_start=of.test_start,
        policies=of.policies,
        policy=keys.policy,
        reference=keys.reference or usual_reference(of.policies),
        settings={},
        execution=of.execution,
        dividends=of.dividends,
        flows=of.flows,
        plan=keys.plan,
        target_may_change=keys.target == MAY_CHANGE,
        benchmark=of.benchmark,
        factors=of.factors,
        stress=of.stress,
        orders=of.orders,
        tax_lots=of.tax_lots,
        ticket=of.ticket,
        forecasts=of.forecasts,
        splits=of.splits,
        given_prices=of.held.prices,
        notes=(*of.held.notes(document, of.market.lots), *scaled_lots(document, of.tax_lots, of.assets)),
        accounts=of.held.accounts,
        currencies=of.held.currencies,
        nav_history=of.nav_history,
        rates=replace(of.held.rates, history={}),
        blotter=None if of.book is None else of.book.blotter,
        pending=() if of.book is None else of.book.pending,
        owed={} if of.book is None else _owed(of.book, of.held.rates),
        trust_code=document.trust_code,
    )


def _shared(penalty: float, periods_per_year: int) -> dict[str, Any]:
    """Settings of the whole file that policies and forecasts have, where they state no other.

    Covariances are estimated from a year of days, or from years of rarer rows.
    """
    returns = sample_rows(COVARIANCE_LOOKBACK, periods_per_year)
    return {"tracking_penalty": penalty, "periods_per_year": float(periods_per_year), "returns": returns}


def _last_trade(
    document: Document,
    day: pd.Timestamp | None,
    market: Market,
    book: Book | None,
    as_of: str | pd.Timestamp | None,
    newest: pd.Timestamp,
) -> pd.Timestamp:
    """The day of the last trade, not after the last close; the first day of the market where nobody has traded yet.

    That of a book may be later, and is then the last close. A book knows no day before its own, nor one before its last
    trade, unless orders of that list are open or no later close is known.
    newest : last close that is known, whatever day is asked for.
    """
    last = market.dates[-1]
    if book is not None:
        if as_of is not None:
            with document.placing(("positions", "book")):
                asked = given_day("as_of is", as_of)
                book.check_day(asked.date(), of_list=bool(book.blotter.open) or asked >= newest)
        return max(min(pd.Timestamp(book.last_trade), last), market.dates[0])
    if day is not None and day > last:
        fix = f"Give a day that is not after {last:%Y-%m-%d}, or a market with later data."
        document.refuse(("last_trade",), "lies after the last close of the market", f"{day:%Y-%m-%d}", fix)
    return market.dates[0] if day is None else day


def _test_start(document: Document, day: pd.Timestamp | None, market: Market) -> pd.Timestamp:
    """The first day of the test, within the data; by default that after the first `ESTIMATED` of it."""
    first, last = market.dates[0], market.dates[-1]
    if day is None:
        return market.dates[max(int(ESTIMATED * len(market.dates)), 1)]
    if not first < day <= last:
        fix = f"Choose a day after {first:%Y-%m-%d} and not after {last:%Y-%m-%d}."
        document.refuse(("test_start",), "the test starts outside the data", f"{day:%Y-%m-%d}", fix)
    return day


def _periods_per_year(document: Document, given: int | None, market: Market) -> int:
    """Periods a year, by default those of the market. Raises ConfigError where it has another number of rows a year."""
    found = int(rows_a_year(market.days))
    stated = found if given is None else given
    if not has_rows_a_year(market.days, stated):
        what = (
            f"not the frequency of market {market.name!r}, which has {found} rows a year from "
            f"{market.dates[0]:%Y-%m-%d} to {market.dates[-1]:%Y-%m-%d}"
        )
        fix = f"Write `periods_per_year: {found}`, or give a market with {stated} rows a year."
        document.refuse(("periods_per_year",), what, stated, fix)
    return stated
