"""Portfolios from a desk's YAML file; every error names the file, the key, the value found and how to fix it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foundation.files import ROOT
from research.allocation import FixedWeights
from research.market import Market
from research.market.calendars import has_rows_a_year, rows_a_year
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.faults import Faults, read_all
from research.portfolio.file.policy_keys import MAY_CHANGE, check_payers, policy_in_force, policy_names, usual_reference
from research.portfolio.file.portfolio_settings import settings_of
from research.portfolio.file.settings import names_of, read
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.held import read_held
from research.portfolio.holdings.holdings import given_book
from research.portfolio.holdings.lines import Line, check_restrictions, desk_market, read_line, strategic_of
from research.portfolio.holdings.nav_history import read_nav_history
from research.portfolio.holdings.tax_file import lots_of_book, read_tax_lots
from research.portfolio.keys.allocations import check_names
from research.portfolio.keys.benchmark import read_benchmark
from research.portfolio.keys.booking import read_dividends, read_execution
from research.portfolio.keys.costs import read_costs
from research.portfolio.keys.factors import factors_in
from research.portfolio.keys.flows import read_flows
from research.portfolio.keys.forecasts import read_forecasts
from research.portfolio.keys.limits import read_limits
from research.portfolio.keys.market import read_assets, read_market, with_line_facts
from research.portfolio.keys.orders import read_order_limits
from research.portfolio.keys.policies import fields_of_regimes, read_policy
from research.portfolio.keys.portfolio_keys import PortfolioKeys
from research.portfolio.keys.stress import read_stress
from research.portfolio.keys.ticket import read_ticket
from research.portfolio.portfolio import Portfolio

LOOKBACK, YEARS = 252, 5  # rows that a covariance is estimated from, at most, and years where rows are rare
LEAST_NAV = 1e-6  # currency
ESTIMATED = 1 / 3  # part of the data before the test, from which allocations estimate, where a file states none


def load_portfolio(
    path: str | Path, overrides: Mapping[str, Any] | None = None, *, trust_code: bool | None = None
) -> Portfolio:
    """The portfolio that a YAML file describes, on its market, checked.

    path       : path of the file, from the current folder, or else from the workbench's own.
    overrides  : settings that replace those of the file, nested or with dotted keys ({"policies.rl.steps": 30_000});
                 None removes a key.
    trust_code : true if this file may name rules and allocations by import path, whose code then runs. None: where the
                 environment says so, as REBALANCE_TRUST_CODE=1.
    Raises     : ConfigError that names file, line, key, value and fix, for whatever the file gets wrong.

    >>> load_portfolio("data/portfolios/sixty_forty.yaml").market.assets
    ('SPY', 'AGG')
    """
    document = read_document(_found(path), overrides, names_of(PortfolioKeys), trust_code=trust_code)
    portfolio, lines = _read(document, read(document, (), PortfolioKeys))
    if portfolio.nav < LEAST_NAV:
        document.refuse(("cash",), "neither lines nor cash are held", portfolio.nav, "State what the desk holds.")
    check_restrictions(document, lines, portfolio.cash)
    check_payers(document, portfolio)
    return replace(portfolio, settings=settings_of(document, portfolio, lines))


def _policies(
    document: Document, names: Sequence[str], market: Market, strategic: FixedWeights, shared: Mapping[str, Any]
) -> dict[str, Any]:
    """The policies by name, of which all that is wrong is told at once."""
    found, faults, past = {}, Faults(), market.past(len(market.dates) - 1)
    for name in names:
        with faults:
            found[name] = policy = read_policy(document, ("policies", name), strategic, shared)
            for field in ("allocation", *fields_of_regimes(type(policy))):
                check_names(document, ("policies", name, field), getattr(policy, field), past)
    faults.end()
    return found


def _read(document: Document, keys: PortfolioKeys) -> tuple[Portfolio, list[Line]]:
    """The portfolio without its settings, and its lines, before they are held against each other."""
    names, market = policy_names(document), read_market(document)
    assets, book = read_assets(document, market), given_book(document)
    files = read_all(
        {
            "held": lambda: read_held(document, market, assets, keys.basis, book),
            "nav_history": lambda: read_nav_history(document, market),
        }
    )
    held = files["held"]
    market, accounts = held.market, held.accounts
    lines = [read_line(document, asset, held) for asset in assets]
    splits = {line.asset: line.exposures for line in lines if line.exposures}
    strategic = strategic_of(document, lines)
    lower, upper = np.array([line.range for line in lines]).T
    whole, market = market, with_line_facts(document, desk_market(market, lines))
    execution = read_execution(document)
    a_year = _periods_per_year(document, keys.periods_per_year, market)
    estimated = {"returns": min(LOOKBACK, YEARS * a_year)}  # of covariances: a year of days, or years of rarer rows
    shared = {"tracking_penalty": keys.penalty, "periods_per_year": float(a_year), **estimated}
    policies = _policies(document, names, market, strategic, shared)
    test_start = _test_start(document, keys.test_start, market)
    of_lines = [(line.asset, line.asset_class, line.costs) for line in lines]
    shares = np.array([line.shares for line in lines])
    parts = read_all(
        {
            "last_trade": lambda: _last_trade(document, keys.last_trade, market, book),
            "costs": lambda: read_costs(document, market, of_lines),
            "limits": lambda: read_limits(document, lines),
            "dividends": lambda: read_dividends(document, market),
            "flows": lambda: read_flows(document, market, execution),
            "benchmark": lambda: read_benchmark(document, whole, names, test_start),
            "factors": lambda: factors_in(document, market, test_start, a_year),
            "stress": lambda: read_stress(document, market),
            "orders": lambda: read_order_limits(document, market, lower, upper, splits),
            "tax_lots": lambda: (
                read_tax_lots(document, market, held.prices, shares, accounts)
                if book is None
                else lots_of_book(document, market, held.prices, book, accounts)
            ),
            "ticket": lambda: read_ticket(document, market),
            "forecasts": lambda: read_forecasts(document, market, strategic, shared),
        }
    )
    found = Portfolio(
        name=keys.name,
        file=document.file,
        market=market,
        basis=keys.basis,
        holdings=np.array([line.holdings for line in lines]),
        shares=shares,
        cash=held.cash,
        strategic=strategic,
        lower=lower,
        upper=upper,
        tracking_penalty=keys.penalty,
        materiality=keys.materiality_bps,
        day_cost=keys.day_cost,
        order_cost=keys.order_cost,
        periods_per_year=a_year,
        lag=keys.lag,
        test_start=test_start,
        policies=policies,
        policy=policy_in_force(document, "policy"),
        reference=policy_in_force(document, "reference") or usual_reference(policies),
        settings={},
        execution=execution,
        target_may_change=keys.target == MAY_CHANGE,
        splits=splits,
        given_prices=held.prices,
        notes=held.notes(document, market.lots),
        accounts=accounts,
        currencies=held.currencies,
        nav_history=files["nav_history"],
        rates=replace(held.rates, history={}),
        blotter=None if book is None else book.blotter,
        trust_code=document.trust_code,
        **parts,
    )
    return found, lines


def _found(path: str | Path) -> str:
    """The path of a portfolio file: as given, or in the workbench's folder, where only that one is there."""
    own = str(ROOT / path)
    return own if os.path.isfile(own) and not os.path.exists(path) else str(path)


def _last_trade(document: Document, day: pd.Timestamp | None, market: Market, book: Book | None) -> pd.Timestamp:
    """The day of the last trade, not after the last close; the first day of the market where nobody has traded yet.

    That of a book may be later, and is then the last close.
    """
    last = market.dates[-1]
    if book is not None:
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
