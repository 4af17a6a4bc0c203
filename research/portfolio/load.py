"""From a desk's YAML file to a `Portfolio`; every error names the file, the key, the value found and how to fix it."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from research.accounting import Execution
from research.accounting.execution import Dividends
from research.allocation import FixedWeights
from research.arguments import LARGEST, MOST_PENALTY, did_you_mean
from research.arrays import Array
from research.errors import ConfigError, DataError
from research.market import EMBEDDED, Market, load_market, with_facts
from research.market.instruments import SMALLEST_LOT, TRADING
from research.names import same_names
from research.portfolio.allocations import check_names
from research.portfolio.benchmark import read_benchmark
from research.portfolio.costs import COSTS, costs_at, impact_settings, read_costs
from research.portfolio.document import Document, read_document
from research.portfolio.exposures import Split, exposure_settings, read_exposures
from research.portfolio.factors import factor_settings, factors_in
from research.portfolio.facts import line_facts, read_fact_files, with_line_facts
from research.portfolio.flows import read_flows
from research.portfolio.held import Held, read_held
from research.portfolio.holdings import held_by
from research.portfolio.household import Account, account_settings, total_units
from research.portfolio.nav_history import read_nav_history
from research.portfolio.orders import order_settings, read_order_limits
from research.portfolio.policies import policy_settings, read_policy
from research.portfolio.portfolio import MATERIALITY, Limits, Portfolio
from research.portfolio.stress import read_stress
from research.portfolio.strict_yaml import KeyPath
from research.portfolio.tax_lots import lot_settings, read_tax_lots, tax_settings
from research.portfolio.ticket import read_ticket, ticket_settings
from research.risk.measures import TRACKING_PENALTY
from research.rules import Calendar, Threshold
from research.tolerances import TARGET

ROOT = Path(__file__).parents[2]  # the workbench's folder

KEYS = ("name", "market", "basis", "cash", "target_cash", "last_trade", "lines", "costs", "holding", "tax", "impact",
        "limits", "orders", "execution", "dividends", "flows", "tracking_penalty", "materiality_bps", "test_start",
        "policies", "policy", "reference", "benchmark", "target", "periods_per_year", "lag", "factors",
        "stress", "positions", "prices", "fx", "fx_today", "ticket", "accounts", "nav_history")  # fmt: skip
MARKET_KEYS = ("file", "quotes", "volumes", "cash", "calendar", "missing", "currency", "facts")
LINE_KEYS = ("asset_class", "sector", "target", "range", "shares", "holdings", "lot", "fractional", "trading",
             "tax_lots", "exposures", "currency", "facts", *COSTS)  # fmt: skip
TARGETS = ("strategic", "may_change")  # what a recommendation may hold
LIMIT_KEYS = ("minimum_trade", "tracking_error", "max_days_outside", "max_drawdown")

MOST_MATERIALITY = 1_000.0  # a larger number is no longer about rebalancing
LEAST_NAV = 1e-6  # currency
MOST_TRACKING_ERROR = 0.25  # a year; a larger number is a per cent: 0.5 was meant as 0.005
FRACTION = 1e-6  # of a unit: what a fractional line trades in, where its market names nothing smaller than a unit
FREQUENCY = 0.15  # by how much periods_per_year may differ from the rows of the market; daily markets have 242 to 261
YEAR = 365.25  # days
EDGES = 3  # rows by which a weekend or a holiday at its ends moves the count of a short market


def load_portfolio(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Portfolio:
    """The portfolio that a YAML file describes, on its market, checked.

    path      : of the file, from the current folder, or else from the workbench's own.
    overrides : settings that replace those of the file, nested or with dotted keys ({"policies.rl.steps": 30_000});
                None removes a key.
    Raises    : ConfigError that names file, line, key, value and fix, for whatever the file gets wrong.

    >>> load_portfolio("data/portfolios/sixty_forty.yaml").market.assets
    ('SPY', 'AGG')
    """
    document = read_document(_found(path), overrides, KEYS)
    name, names, basis = document.name("name"), _policy_names(document), document.text("basis")
    document.names("lines")  # refuses a name that is none, before anything is read
    market = _market(document)
    assets = _assets(document, market)
    held = read_held(document, market, assets, basis)
    market, accounts = held.market, held.accounts
    lines = [_line(document, asset, held) for asset in assets]
    splits = {line.asset: line.exposures for line in lines if line.exposures}
    strategic = _strategic(document, lines)
    lower, upper = np.array([line.range for line in lines]).T
    whole, market = market, with_line_facts(document, _desk_market(market, lines))
    execution = _execution(document)
    tracking_penalty = document.number("tracking_penalty", at_least=0.0, at_most=MOST_PENALTY, default=TRACKING_PENALTY)
    a_year = _periods_per_year(document, market)
    shared = {"tracking_penalty": tracking_penalty, "periods_per_year": float(a_year)}
    policies = {name: read_policy(document, ("policies", name), strategic, shared) for name in names}
    for policy_name, policy in policies.items():
        check_names(
            document, ("policies", policy_name, "allocation"), policy.allocation, market.past(len(market.dates) - 1)
        )
    test_start = _test_start(document, market)
    portfolio = Portfolio(
        name=name,
        file=document.file,
        market=market,
        basis=basis,
        holdings=np.array([line.holdings for line in lines]),
        shares=np.array([line.shares for line in lines]),
        cash=held.cash,
        last_trade=_last_trade(document, market),
        strategic=strategic,
        lower=lower,
        upper=upper,
        costs=read_costs(document, market, [(line.asset, line.asset_class, line.costs) for line in lines]),
        limits=_limits(document, lines),
        tracking_penalty=tracking_penalty,
        materiality=document.number("materiality_bps", at_least=0.0, at_most=MOST_MATERIALITY, default=MATERIALITY),
        periods_per_year=a_year,
        lag=document.whole("lag", at_least=0, default=1),
        test_start=test_start,
        policies=policies,
        policy=_policy(document, "policy"),
        reference=_policy(document, "reference") or _usual_reference(policies),
        settings={},
        execution=execution,
        dividends=_dividends(document, market),
        flows=read_flows(document, market, execution),
        target_may_change=_target_may_change(document),
        benchmark=read_benchmark(document, whole, names, test_start),
        factors=factors_in(document, market, test_start, a_year),
        stress=read_stress(document, market),
        orders=read_order_limits(document, market, lower, upper, splits),
        splits=splits,
        tax_lots=read_tax_lots(document, market, _taxed_shares(accounts, lines)),
        given_prices=held.prices,
        notes=held.notes(document, market.lots),
        ticket=read_ticket(document, market),
        accounts=accounts,
        currencies=held.currencies,
        nav_history=read_nav_history(document, market),
        rates=replace(held.rates, history={}),
    )
    if portfolio.nav < LEAST_NAV:
        document.refuse(("cash",), "neither lines nor cash are held", portfolio.nav, "State what the desk holds.")
    _check_restrictions(document, lines, portfolio.cash)
    _check_payers(document, portfolio)
    return replace(portfolio, settings=_settings(document, portfolio, lines))


@dataclass(frozen=True)
class _Line:
    """One line of the file, read and checked; `costs` are those that it gives itself."""

    asset: str
    asset_class: str
    sector: str
    target: float
    range: tuple[float, float]
    shares: float
    holdings: float
    lot: float
    trading: str
    currency: str
    exposures: Split
    costs: dict[str, Any]


# -- the market ------------------------------------------------------------------------------------------------------


def _found(path: str | Path) -> str:
    """Where a portfolio file is: as given, or in the workbench's folder, where only that one is there."""
    own = str(ROOT / path)
    return own if os.path.isfile(own) and not os.path.exists(path) else str(path)


def _market(document: Document) -> Market:
    """An embedded market by name, or one from files whose paths are relative to the portfolio's own."""
    options: dict[str, Any] = {}
    folder = Path(document.file).parent
    if isinstance(document.value("market"), dict):
        document.check_keys(("market",), MARKET_KEYS)
        given = [key for key in document.mapping("market") if key not in ("file", "facts")]
        options = {key: document.text("market", key) for key in given}
        options |= {key: folder / options[key] for key in ("quotes", "volumes") if key in options}
    path = ("market", "file") if isinstance(document.value("market"), dict) else ("market",)
    facts = read_fact_files(document)
    source = document.text(*path)
    if source not in EMBEDDED and Path(source).suffix.lower() not in (".csv", ".gz", ".parquet"):
        fix = did_you_mean(source, EMBEDDED).removesuffix(".") + ", or a path to a .csv or .parquet file."
        document.refuse(path, "unknown market", source, fix)
    try:
        return with_facts(load_market(source if source in EMBEDDED else folder / source, **options), facts)
    except (DataError, ConfigError) as error:
        raise ConfigError(f"market ({document.place(path)}): {error}") from error


def _assets(document: Document, market: Market) -> list[str]:
    assets = list(document.mapping("lines"))
    for asset in assets:
        if asset not in market.assets:
            what = f"unknown asset in market {market.name!r}"
            document.refuse(("lines", asset), what, asset, did_you_mean(asset, market.assets))
    return assets


def _desk_market(market: Market, lines: list[_Line]) -> Market:
    """The lines of the file in its order, with its classes and lots."""
    market = market.select([line.asset for line in lines])
    instruments = market.instruments.assign(
        asset_class=[line.asset_class for line in lines],
        sector=[line.sector for line in lines],
        lot=[line.lot for line in lines],
        trading=[line.trading for line in lines],
    )
    return replace(market, instruments=instruments)


# -- lines -----------------------------------------------------------------------------------------------------------


def _line(document: Document, asset: str, held: Held) -> _Line:
    path, market = ("lines", asset), held.market
    document.check_keys(path, LINE_KEYS)
    of_market = market.assets.index(asset)
    price = held.price(asset)
    if held.accounts:
        units = total_units(held.accounts, list(document.mapping("lines")).index(asset))
        shares, holdings = _valued(document, ("accounts",), market, asset, units, price)
    elif held.positions is None:
        shares, holdings = _held(document, path, market, price)
    else:
        shares, holdings = held_by(document, held.positions, asset, price, held.rate(asset))
    target = document.number(*path, "target", at_least=0.0, at_most=1.0)
    return _Line(
        asset=asset,
        asset_class=document.text(*path, "asset_class", default=market.instruments["asset_class"].iloc[of_market]),
        sector=_sector(document, path, market.instruments["sector"].iloc[of_market]),
        target=target,
        range=_range(document, (*path, "range"), target),
        shares=shares,
        holdings=holdings,
        lot=_lot(document, path, float(market.instruments["lot"].iloc[of_market])),
        trading=_trading(document, path),
        currency=document.text(*path, "currency") if document.has(*path, "currency") else "",
        exposures=read_exposures(document, path),
        costs=costs_at(document, path),
    )


def _sector(document: Document, path: KeyPath, of_market: str) -> str:
    """The sector of the line, that of its market where the file does not say; "" where neither does."""
    return document.text(*path, "sector") if document.has(*path, "sector") else of_market


def _trading(document: Document, path: KeyPath) -> str:
    """Which way the line may be traded, "" for both."""
    if not document.has(*path, "trading"):
        return ""
    word = document.text(*path, "trading")
    if word not in TRADING[1:]:
        document.refuse((*path, "trading"), "no such restriction", word, f"Use {', '.join(TRADING[1:])}.")
    return word


def _check_restrictions(document: Document, lines: list[_Line], cash: float) -> None:
    """Raise ConfigError for lines whose restrictions keep them, alone or together, from their ranges."""
    if not any(line.trading for line in lines):
        return
    nav = cash + fsum(line.holdings for line in lines)
    floors, ceilings = [], []
    for line in lines:
        weight, (lower, upper) = line.holdings / nav, line.range
        bought, sold = line.trading in ("", "buy_only"), line.trading in ("", "sell_only")
        if (weight < lower and not bought) or (weight > upper and not sold):
            what = f"keeps {line.asset} at {weight:.4f} of NAV, outside its range of [{lower:g}, {upper:g}]"
            document.refuse(("lines", line.asset, "trading"), what, line.trading, "Free the line, or widen its range.")
        floors.append(lower if sold else weight)
        ceilings.append(upper if bought else weight)
    held = ", ".join(f"{line.asset} {line.trading}" for line in lines if line.trading)
    if fsum(floors) > 1.0 + TARGET:
        what = f"with {held}, lines and ranges hold more than all of NAV at least"
        document.refuse(("lines",), what, round(fsum(floors), 6), "Free a line, or lower the ranges of others.")
    least_cash = document.number("target_cash", default=0.0)
    if least_cash == 0.0 and fsum(ceilings) < 1.0 - TARGET:
        what = f"with {held}, lines and ranges hold less than all of NAV at most, and cash has no target"
        document.refuse(("lines",), what, round(fsum(ceilings), 6), "Free a line, or widen the ranges of others.")


def _held(document: Document, path: KeyPath, market: Market, price: float) -> tuple[float, float]:
    """(units, value) of a line, which states exactly one of them; units are NaN where it states its value."""
    stated = [key for key in ("shares", "holdings") if document.has(*path, key)]
    if len(stated) != 1:
        what = f"states {' and '.join(stated)}" if stated else "states neither shares nor holdings"
        fix = "State exactly one: `shares:` in units, or `holdings:` in currency."
        line = document.mapping(*path)
        document.refuse(path, what, {key: line[key] for key in stated} or line, fix)
    amount = document.number(*path, stated[0], at_least=0.0)
    if stated == ["holdings"]:
        return np.nan, amount
    if np.isnan(price):
        what = f"{path[-1]} has no quote on {market.dates[-1]:%Y-%m-%d}, the last day of market {market.name!r}"
        document.refuse((*path, "shares"), what, amount, "Give its value in currency, as `holdings:`.")
    return _valued(document, (*path, "shares"), market, path[-1], amount, price)


def _valued(
    document: Document, path: KeyPath, market: Market, asset: str, units: float, price: float
) -> tuple[float, float]:
    """(units, value) of a line; units are NaN for a line without a quote, which no account holds."""
    if np.isnan(price):
        if units:
            what = f"{asset} has no quote on {market.dates[-1]:%Y-%m-%d}, the last day of market {market.name!r}"
            document.refuse(path, what, units, "Give a price file, `prices`, with its price.")
        return np.nan, 0.0
    if units * price > LARGEST:
        what = f"{asset} is worth {units * price:g} at its last quote of {price:g}"
        document.refuse(path, what, units, f"Give units that are worth at most {LARGEST:g}.")
    return units, units * price


def _taxed_shares(accounts: tuple[Account, ...], lines: list[_Line]) -> Array:
    """(n,) units that can have tax lots: those of taxable accounts, NaN for a line given in currency."""
    if not accounts:
        return np.array([line.shares for line in lines])
    taxable = [account for account in accounts if account.taxable]
    return np.array([total_units(taxable, i) for i in range(len(lines))])


def _range(document: Document, path: KeyPath, target: float) -> tuple[float, float]:
    found = document.value(*path)
    fix = "Write [lower, upper] as fractions of NAV with the target between them, such as [0.20, 0.30]."
    numbers = isinstance(found, list) and all(isinstance(b, int | float) and not isinstance(b, bool) for b in found)
    if not numbers or len(found) != 2:
        document.refuse(path, "not two numbers", found, fix)
    lower, upper = map(float, found)
    if not 0.0 <= lower <= upper <= 1.0:
        document.refuse(path, "not an interval between 0 and 1", found, fix)
    if not lower <= target <= upper:
        document.refuse(path, f"does not contain the target, {target:g}", found, fix)
    return lower, upper


def _lot(document: Document, path: KeyPath, of_market: float) -> float:
    """The least number of units in a trade: the line's own, or as `fractional` says, or its market's."""
    if document.has(*path, "lot"):
        if document.has(*path, "fractional"):
            found = document.value(*path, "fractional")
            document.refuse((*path, "fractional"), "cannot be combined with a lot", found, "Keep one of the two.")
        lot = document.number(*path, "lot", at_least=0.0)
        if lot == 0.0:
            document.refuse((*path, "lot"), "not above zero", lot, "Give the least number of units in a trade.")
        if lot < SMALLEST_LOT:
            document.refuse((*path, "lot"), "too small a lot", lot, f"Give at least {SMALLEST_LOT:g} of a unit.")
        return lot
    if document.flag(*path, "fractional", default=of_market < 1.0):
        return of_market if of_market < 1.0 else FRACTION
    return max(of_market, 1.0)


def _strategic(document: Document, lines: list[_Line]) -> FixedWeights:
    """The targets of the lines.

    With that of cash they must sum to 1, so that nothing left out by mistake becomes cash.
    """
    invested = fsum(line.target for line in lines)
    total = invested + document.number("target_cash", at_least=0.0, at_most=1.0, default=0.0)
    if abs(total - 1.0) > TARGET:
        rest = round(1.0 - invested, 9)
        state = f"state `target_cash: {rest + 0.0:.9g}`" if rest >= 0.0 else f"lower them by {-rest:.9g} in all"
        what = "the targets and target_cash do not add up to 1"
        document.refuse(("lines",), what, round(total, 9), f"Correct a target, or {state}.")
    return FixedWeights(tuple(line.target for line in lines))


def _check_payers(document: Document, portfolio: Portfolio) -> None:
    """Raise ConfigError for a policy whose funding line the portfolio does not have."""
    payers = ("pro_rata", "cash", *portfolio.market.assets)
    for name, policy in portfolio.policies.items():
        if isinstance(policy, Threshold) and (payer := policy.payer) not in payers:
            document.refuse(("policies", name, "payer"), "no line of the portfolio", payer, did_you_mean(payer, payers))


# -- limits, dates, the policy in force -----------------------------------------------------------------------


def _limits(document: Document, lines: list[_Line]) -> Limits:
    if document.has("limits"):
        document.check_keys(("limits",), LIMIT_KEYS)
    lots = np.array([line.lot for line in lines])
    tracking_error = None
    if document.has("limits", "tracking_error"):
        tracking_error = document.number("limits", "tracking_error", at_least=0.0)
        if tracking_error > MOST_TRACKING_ERROR:
            what = f"a fraction a year, and this is {100.0 * tracking_error:g} %"
            document.refuse(("limits", "tracking_error"), what, tracking_error, "1.5 % is 0.015.")
    max_drawdown = None
    if document.has("limits", "max_drawdown"):
        max_drawdown = document.number("limits", "max_drawdown")
        if not 0.0 < max_drawdown < 1.0:
            what = "no drawdown from a peak, as a fraction of NAV above 0 and below 1"
            document.refuse(("limits", "max_drawdown"), what, max_drawdown, "A drawdown of 15 % is 0.15.")
    return Limits(
        minimum_trade=document.number("limits", "minimum_trade", at_least=0.0, default=0.0),
        lots=lots,
        fractional=lots < 1.0,
        tracking_error=tracking_error,
        max_days_outside=document.number("limits", "max_days_outside", at_least=0.0, at_most=1.0, default=0.05),
        max_drawdown=max_drawdown,
    )


def _execution(document: Document) -> Execution:
    """How backtests book: at the close, in fractions, unless the file says otherwise."""
    if not document.has("execution"):
        return Execution()
    document.check_keys(("execution",), tuple(f.name for f in fields(Execution)))
    given = {key: document.value("execution", key) for key in document.mapping("execution")}
    if given.get("sizing") == "units" and document.has("limits", "minimum_trade"):
        given = {"minimum_trade": document.number("limits", "minimum_trade", at_least=0.0)} | given
    try:
        return Execution(**given)
    except (ConfigError, TypeError) as error:
        document.refuse(("execution",), str(error).removesuffix("."), given, "docs/portfolios.md has its keys.")


def _dividends(document: Document, market: Market) -> Dividends:
    found = document.text("dividends", default="reinvest")
    if found not in ("reinvest", "cash"):
        document.refuse(("dividends",), "unknown treatment of dividends", found, "Use reinvest or cash.")
    if found == "cash" and market.dividends is None:
        fix = "Use reinvest: its returns contain them already."
        document.refuse(("dividends",), f"market {market.name!r} has no dividends", found, fix)
    return found  # type: ignore[return-value]


def _last_trade(document: Document, market: Market) -> pd.Timestamp:
    day, last = document.day("last_trade"), market.dates[-1]
    if day > last:
        fix = f"Give a day that is not after {last:%Y-%m-%d}, or a market with later data."
        document.refuse(("last_trade",), "lies after the last close of the market", f"{day:%Y-%m-%d}", fix)
    return day


def _test_start(document: Document, market: Market) -> pd.Timestamp:
    day, first, last = document.day("test_start"), market.dates[0], market.dates[-1]
    if not first < day <= last:
        fix = f"Choose a day after {first:%Y-%m-%d} and not after {last:%Y-%m-%d}."
        document.refuse(("test_start",), "the test starts outside the data", f"{day:%Y-%m-%d}", fix)
    return day


def _periods_per_year(document: Document, market: Market) -> int:
    """Periods a year. Raises ConfigError where the market has another number of rows a year."""
    stated = document.whole("periods_per_year", at_least=1, default=252)
    rows, days = len(market.days) - 1, int((market.days[-1] - market.days[0]).astype("int64"))
    expected = stated * days / YEAR
    if abs(rows - expected) > max(FREQUENCY * expected, EDGES):
        a_year = rows * YEAR / days
        what = (
            f"not the frequency of market {market.name!r}, which has {a_year:.1f} rows a year from "
            f"{market.dates[0]:%Y-%m-%d} to {market.dates[-1]:%Y-%m-%d}"
        )
        fix = f"Write `periods_per_year: {max(round(a_year), 1)}`, or give a market with {stated} rows a year."
        document.refuse(("periods_per_year",), what, stated, fix)
    return stated


def _policy_names(document: Document) -> tuple[str, ...]:
    """The names of the policies; a run has a folder for each that was trained."""
    names = document.names("policies")
    if (same := same_names(names)) is not None:
        what = f"some file systems take it for {same[0]!r}, so both would be written into one folder"
        document.refuse(("policies", same[1]), what, same[1], "Rename one of the two.")
    return names


def _policy(document: Document, key: str) -> str | None:
    """The policy that a key names, or None without the key."""
    if not document.has(key):
        return None
    policy, known = document.text(key), document.mapping("policies")
    if policy not in known:
        document.refuse((key,), "not among the policies", policy, did_you_mean(policy, known))
    return policy


def _target_may_change(document: Document) -> bool:
    """May the recommendation hold another target than the strategic one? Not unless the file says so."""
    found = document.text("target", default=TARGETS[0])
    if found not in TARGETS:
        fix = f"Use {' or '.join(TARGETS)}; the weights stand below `lines`, and that of cash is `target_cash`."
        document.refuse(("target",), "says neither that the target stays nor that it may change", found, fix)
    return found == TARGETS[1]


def _usual_reference(policies: Mapping[str, Any]) -> str:
    """The first calendar, else the first policy."""
    return next((name for name, policy in policies.items() if isinstance(policy, Calendar)), next(iter(policies)))


# -- what was read ---------------------------------------------------------------------------------------------------


def _settings(document: Document, portfolio: Portfolio, lines: list[_Line]) -> dict[str, Any]:
    """All settings in plain JSON types, defaults filled in: written as YAML, they give the same portfolio."""
    limits = portfolio.limits
    return {
        "name": portfolio.name,
        "market": document.value("market"),
        "basis": portfolio.basis,
        **_held_settings(portfolio),
        **{key: document.value(key) for key in ("prices", "fx", "fx_today", "nav_history") if document.has(key)},
        "target_cash": document.number("target_cash", default=0.0),
        "last_trade": f"{portfolio.last_trade:%Y-%m-%d}",
        "lines": {
            line.asset: _line_settings(line, bool(portfolio.accounts))
            | line_facts(document, line.asset)
            | lot_settings(document, line.asset)
            for line in lines
        },
        "costs": {name: costs_at(document, ("costs", name)) for name in document.mapping("costs")},
        **({"holding": document.value("holding")} if document.has("holding") else {}),
        **({"execution": _execution_settings(portfolio.execution)} if document.has("execution") else {}),
        **({"dividends": portfolio.dividends} if document.has("dividends") else {}),
        **({"flows": document.value("flows") | {"use": portfolio.flows.use}} if portfolio.flows is not None else {}),
        **({"impact": impact_settings(portfolio.costs)} if document.has("impact") else {}),
        **({"tax": tax_settings(document)} if document.has("tax") else {}),
        "limits": {
            "minimum_trade": limits.minimum_trade,
            **({} if limits.tracking_error is None else {"tracking_error": limits.tracking_error}),
            "max_days_outside": limits.max_days_outside,
            **({} if limits.max_drawdown is None else {"max_drawdown": limits.max_drawdown}),
        },
        "tracking_penalty": portfolio.tracking_penalty,
        "materiality_bps": portfolio.materiality,
        "test_start": f"{portfolio.test_start:%Y-%m-%d}",
        "policies": {name: policy_settings(policy) for name, policy in portfolio.policies.items()},
        **({} if portfolio.policy is None else {"policy": portfolio.policy}),
        **({"reference": portfolio.reference} if document.has("reference") else {}),
        **({"benchmark": portfolio.benchmark.settings} if document.has("benchmark") else {}),
        **({"target": TARGETS[1]} if portfolio.target_may_change else {}),
        **({} if portfolio.factors is None else {"factors": factor_settings(document, portfolio.factors)}),
        "periods_per_year": portfolio.periods_per_year,
        "lag": portfolio.lag,
        **({"stress": document.value("stress")} if document.has("stress") else {}),
        **({"orders": order_settings(document, portfolio.orders)} if document.has("orders") else {}),
        **({"ticket": ticket_settings(portfolio.ticket)} if document.has("ticket") else {}),
    }


def _execution_settings(execution: Execution) -> dict[str, Any]:
    return {name: value for name, value in asdict(execution).items() if value is not None}


def _held_settings(portfolio: Portfolio) -> dict[str, Any]:
    """Cash, or the accounts that hold it."""
    if portfolio.accounts:
        return {"accounts": account_settings(portfolio.accounts, portfolio.market.assets)}
    return {"cash": portfolio.cash if portfolio.currencies is None else dict(portfolio.currencies.cash)}


def _line_settings(line: _Line, in_accounts: bool) -> dict[str, Any]:
    held = {"holdings": line.holdings} if np.isnan(line.shares) else {"shares": line.shares}
    held = {} if in_accounts else held
    settings = {"asset_class": line.asset_class, "target": line.target, "range": list(line.range)}
    settings |= {name: word for name in ("sector", "trading", "currency") if (word := getattr(line, name))}
    settings |= {"exposures": exposure_settings(line.exposures)} if line.exposures else {}
    return settings | held | {"lot": line.lot} | line.costs
