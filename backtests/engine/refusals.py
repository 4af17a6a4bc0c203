"""Refusals of a backtest before its first day: arguments, weights and rules that cannot be played."""

from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.inputs import EngineInputs
from foundation.arguments import refuse
from foundation.arrays import Array
from foundation.errors import ConfigError, PolicyError
from foundation.tolerances import TARGET_TOLERANCE
from research.accounting import Costs, Execution, Flows, Policy
from research.accounting.view import in_percent, past_limit
from research.allocation import TargetPath
from research.market import Market
from research.market.calendars import YEARLY, has_rows_a_year, met, row_name
from research.rules.estimates import check_year, known_from
from research.rules.multi_period import MultiPeriod
from research.rules.no_trade_bands import NoTradeBands
from research.rules.protocol import CompiledRule, UnfittedRule, fitted_until, short_name, traits
from research.rules.standard_rule import StandardRule

ARGUMENTS: dict[str, tuple[Any, str]] = {  # of arguments, and what to give
    "market": (Market, "a Market, as `load_market` gives it"),
    "costs": (Costs, "`Costs`, such as Costs.bps(len(market.assets), commission=1, half_spread=1)"),
    "execution": (Execution | None, "an `Execution`, or nothing"),
    "flows": (Flows | None, "`Flows`, or nothing"),
    "lag": (Integral, "a whole number of sessions"),
    "nav": (Real, "a wealth in currency"),
    "targets": (TargetPath | None, "a `TargetPath`, as `target_path` gives it, or nothing"),
}
OF_A_TABLE = "the market of that table, `market_from_frame(table)`, or `market_from_yfinance(table)`"
DAILY = 2  # calendar days a row, on average, up to which rows are those of every session, or nearly


def check_kinds(**given: object) -> None:
    """Refuse what is of another kind than the word says. Raises ConfigError."""
    for name, (kind, words) in ARGUMENTS.items():
        if not isinstance(value := given[name], kind) or isinstance(value, bool):
            refuse(f"{name} is", value, f"give {OF_A_TABLE if isinstance(value, pd.DataFrame) else words}.")


def check_policy(policy: Policy, market: Market, periods_per_year: float) -> None:
    """Refuse what is no policy, and one for other periods a year than those of the market. Raises ConfigError."""
    if not (periods_per_year == market.rows_per_year in YEARLY or has_rows_a_year(market.days, periods_per_year)):
        fix = f"market {market.name!r} has {market.rows_per_year:g} rows a year: give that."
        refuse("periods_per_year is", periods_per_year, fix)
    if isinstance(policy, type) or not isinstance(policy, CompiledRule | Policy | UnfittedRule):
        give = "give" if hasattr(policy, "decide") else "it has no method decide(view). Give"
        refuse("policy is", policy, f"{give} a policy, such as Calendar(FixedWeights((0.6, 0.4)), 'quarter').")
    check_year(policy, periods_per_year)


def check_inputs(inputs: EngineInputs, nav: float, opening: Array) -> None:
    """Refuse what cannot be played."""
    market, targets, n = inputs.market, inputs.targets, len(inputs.market.assets)
    if isinstance(inputs.policy, UnfittedRule):
        raise ConfigError(f"policy {inputs.name!r} cannot decide: a rule that is still to be tuned is tuned first.")
    if not (nav > 0.0 and isfinite(nav)):
        raise ConfigError(f"nav is {nav!r}: a portfolio starts with a positive, finite wealth.")
    if inputs.lag < 0:
        raise ConfigError(f"lag is {inputs.lag!r}: it counts sessions, 0 or more.")
    if targets.assets != market.assets or len(targets.row) != len(market.dates):
        raise ConfigError(
            f"targets of {targets.allocation} are for {len(targets.assets)} assets and {len(targets.row)} dates, the "
            f"market has {n} and {len(market.dates)}, or others: give the path of targets on this market."
        )
    _check_rule(inputs)
    last_day = fitted_until(inputs.policy)
    if last_day is not None and market.dates[inputs.first] < last_day:
        raise PolicyError(
            f"policy {inputs.name!r} saw data up to {last_day:%Y-%m-%d}, and is to be played from "
            f"{market.dates[inputs.first]:%Y-%m-%d}: it knows what comes after. Start the test later, or fit it on "
            "fewer days."
        )
    if targets.row[inputs.first] < 0:
        raise ConfigError(f"no target is in force on {market.dates[inputs.first]:%Y-%m-%d}: start the test later.")
    if opening.shape != (n,) or not np.isfinite(opening).all():
        raise ConfigError(f"start_weights are {opening!r}: give {n} finite fractions of NAV, one for each asset.")
    k = int(np.argmax(targets.gross))
    gross, weights, seen = float(targets.gross[k]), targets.rows[k], int(targets.seen[k])
    if (opened := float(np.abs(opening).sum())) > gross:
        gross, weights, seen = opened, opening, inputs.first
    if gross > inputs.leverage_limit + TARGET_TOLERANCE:
        rows = np.argsort(-np.abs(weights), kind="stable")[:3]
        largest = ", ".join(f"{market.assets[i]} {weights[i]:.4f}" for i in rows if weights[i])
        raise PolicyError(
            f"policy {inputs.name!r} is to hold gross weights of {past_limit(gross, inputs.leverage_limit)} on "
            f"{market.dates[seen]:%Y-%m-%d}, past the leverage limit of {inputs.leverage_limit:g}: {largest}. "
            f"{in_percent(gross)}Gross weights add up "
            f"sizes, and a weight below 0 is a short position. Give weights from 0 that sum to "
            f"{inputs.leverage_limit:g} at most, or give `backtest` another `leverage_limit`; a portfolio file allows "
            "neither short positions nor borrowed money."
        )


def _check_rule(inputs: EngineInputs) -> None:
    """Refuse a rule that could never be asked on these days. Raises ConfigError."""
    rule, days, market = inputs.policy, len(inputs.market.dates) - 1 - inputs.first, inputs.market
    if (window := traits(rule).window) > 0 and known_from(market, window) == len(market.dates):
        raise ConfigError(
            f"returns of {short_name(rule)} is {window}, and market {market.name!r} has {len(market.dates) - 1}, "
            "with no month's end after a whole window: it would never trade. Give a shorter one, or more days."
        )
    if (cooldown := traits(rule).cooldown) > 0 and cooldown >= days:
        raise ConfigError(
            f"cooldown of {short_name(rule)} is {cooldown} sessions, of {days} after the opening trade: it would never "
            "trade. Give a shorter one, or more days."
        )
    check_schedules(rule, market, inputs.first)


def check_schedules(rule: Policy, market: Market, first: int) -> None:
    """Refuse a rule that looks on a schedule of which most sessions are no rows of the market, from row `first` on.

    On rows of every session nothing is counted.  Raises : ConfigError.
    """
    days = market.days[first:]
    if not isinstance(rule, StandardRule | MultiPeriod) or int((days[-1] - days[0]).astype(int)) <= DAILY * len(days):
        return
    name, fits = short_name(rule), f"or a schedule that fits the rows, such as {row_name(market.rows_per_year)!r}."
    schedule = rule.asked_schedule if isinstance(rule, StandardRule) else rule.schedule
    asked: list[tuple[str, str | int, int, str]] = [
        (f"schedule of {name} is {schedule!r}", schedule, getattr(rule, "offset", 0), fits)
    ]
    if isinstance(rule, StandardRule) and rule.review_schedule is not None:
        asked.append((f"review_schedule of {name} is {rule.review_schedule!r}", rule.review_schedule, 0, fits))
    if rule.window > 0:
        fix = "or a known `covariance` where the rule takes one."
        asked.append((f"returns of {name} is {rule.window}, counted anew at each month's end", "month", 0, fix))
    for said, every, offset, fix in asked:
        rows, sessions = (0, 0) if every in ("day", 1) else met(days, every, market.calendar, offset)
        if 2 * rows < sessions:
            raise ConfigError(
                f"{said}, and of its {sessions:,} sessions on {market.calendar} from {days[0]} to {days[-1]} only "
                f"{rows:,} are rows of market {market.name!r}: it would miss the others. Give rows of every session, "
                f"{fix}"
            )


def check_bands(inputs: EngineInputs, bands: NoTradeBands) -> None:
    """Refuse no-trade bands for other assets, or those whose boxes ask for more than the leverage limit at least."""
    if bands.lower.shape[1] != len(inputs.market.assets) or len(bands.asked) != len(inputs.market.dates):
        raise PolicyError(
            f"policy {inputs.name!r} has no-trade bands for {bands.lower.shape[1]} assets and {len(bands.asked)} days, "
            f"the market {len(inputs.market.assets)} and {len(inputs.market.dates)}: make them for this market."
        )
    k, gross = bands.least_gross
    if gross > inputs.leverage_limit + TARGET_TOLERANCE:
        least = np.maximum(bands.lower[k], 0.0) - np.minimum(bands.upper[k], 0.0)
        i = int(np.argmax(least))
        raise PolicyError(
            f"policy {inputs.name!r} has a box (row {k}) that asks for gross weights of "
            f"{past_limit(gross, inputs.leverage_limit)} at least, past the leverage limit of "
            f"{inputs.leverage_limit:g}; the largest is {inputs.market.assets[i]} with "
            f"{least[i]:.4f}. {in_percent(gross)}Lower the weights or raise the limit."
        )
