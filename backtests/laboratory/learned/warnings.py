"""Warnings about the use of a learned policy in a backtest: days it was trained on, other costs, an unlike market."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.kept import bands_of
from backtests.engine.result import Backtest
from backtests.inference.words import CHARGES, charged_words
from foundation.arrays import Array, Rows
from foundation.paper.wording import counted, listed, number
from research.accounting import View
from research.learning import LearnedPolicy
from research.learning.drift import Drift, observation_drift
from research.learning.universal.rule import Universal, met_properties, trained
from research.market import Market
from research.market.calendars import last_of

DRIFTED_NAMED = 3  # features at most in a warning, those that drifted farthest
FAR_COST_RATIO = 2.0  # times the costs of training, or as far as these were varied: what is further off are other costs
ALL_DAYS = slice(None)  # days of a test


def observations(policy: LearnedPolicy, played: Backtest, days: slice = ALL_DAYS) -> Array:
    """(D, k) features that a policy saw at the last session of each period, as in `LearnedPolicy.features`.

    policy : a learned policy.
    played : a backtest in which it was in force on `days`.
    days   : days of the test.
    """
    market = played.market
    tested = np.arange(played.first + 1, len(market.dates))[days]
    asked = tested[last_of(market.days, policy.schedule, market.calendar)[tested]]
    seen = [policy.features(view) for view in _views(played, asked)]
    return np.array(seen).reshape(len(asked), len(policy.standard.mean))


def _views(played: Backtest, rows: Rows) -> Iterator[View]:
    """The views of a policy at these rows of the market (D,)."""
    market, first, weights = played.market, played.first, played.weights.to_numpy()
    for t in rows.tolist():
        d = t - first
        yield View(
            past=market.past(t),
            target=played.targets.at(t),
            weights=weights[d],
            cash_weight=float(played.cash_weight.iloc[d]),
            nav=float(played.ledger.nav[d]),
            nav_history=played.ledger.nav[: d + 1],
            days_since_trade=t - int(played.last_booked[d]),
            costs=played.costs.until(t + 1),
        )


def drift_in(played: Backtest, days: slice = ALL_DAYS) -> list[Drift]:
    """The drift of each feature of a learned policy since its training; empty where its card has no limits.

    days : days of the test on which it is measured.
    """
    policy = played.policy
    return _drift(policy, played, days) if isinstance(policy, LearnedPolicy) else []


def _drift(policy: LearnedPolicy, played: Backtest, days: slice) -> list[Drift]:
    if "observed" not in policy.card:
        return []
    seen = observations(policy, played, days)
    return observation_drift(policy.card, seen) if len(seen) else []


def use_warnings(played: Backtest) -> tuple[str, ...]:
    """Warnings about the use of the policy of a backtest, see `warnings_of`."""
    return warnings_of(played.policy, played, played.name)


def _unlike(policy: Universal, played: Backtest, name: str, days: slice) -> tuple[str, ...]:
    """Warn of portfolios outside the ranges of the universal policy's training."""
    tested = np.arange(played.first + 1, len(played.market.dates))[days]
    bands = bands_of(policy, played.market, played.targets, played.first, played.costs)
    seen = met_properties(bands.options.network)[bands.row[tested[bands.asked[tested]]]]
    seen = seen[np.isfinite(seen[:, 0])]
    drawn, ranges = trained().card["settings"]["markets"], []
    for j, what in enumerate(("drift_between_decisions_over_half_width", "half_width_over_target", "lines")):
        low, high = min(drawn[what]), max(drawn[what])
        values = seen[:, j]
        if outside := int(((values < low) | (values > high)).sum()):
            ranges.append(
                f"{what.replace('_', ' ').replace('lines', 'number of assets')} {values.min():.3g} to "
                f"{values.max():.3g} (training: {low:g} to {high:g}), outside at {outside:,} of "
                f"{counted(len(seen), 'decision')}"
            )
    unlike = f"Portfolios of {name} are outside the range of its training: {listed(ranges)}." if ranges else ""
    return tuple(words for words in (unlike, _unknown_costs(played, name)) if words)


def _unknown_costs(played: Backtest, name: str) -> str:
    """Warn of costs in the test that the universal policy does not know."""
    known = (CHARGES["commission"], CHARGES["half_spread"])
    others = [words for words in charged_words(played.costs)[0] if words not in known]
    return f"{name} knows commissions and half-spreads only; the test also charges {listed(others)}." if others else ""


def warnings_of(policy: Any, played: Backtest, name: str, days: slice = ALL_DAYS) -> tuple[str, ...]:
    """Warnings about the use of a learned policy: on days of its training, on revised data, in an unlike market.

    Empty for a policy that was not learned. The engine itself refuses a test that starts before the last training day.
    policy : any policy.
    played : the backtest in which it was used.
    name   : name of the policy in the warnings.
    days   : days of the test on which it was active.
    """
    if isinstance(policy, Universal):
        return _unlike(policy, played, name, days)
    if not isinstance(policy, LearnedPolicy):
        return ()
    saw = policy.card.get("saw", {})
    of_days = _of_days(saw, played, name, days) if saw.get("last") else ()
    unlike = _other_terms(policy.card, played, name)
    warnings = (*of_days, unlike, drift_words(name, _drift(policy, played, days)))
    return tuple(words for words in warnings if words)


def _of_days(saw: Mapping[str, Any], played: Backtest, name: str, days: slice) -> tuple[str, str]:
    first, last = pd.Timestamp(saw["first"]), pd.Timestamp(saw["last"])
    tested = played.dates[1:][days]
    return _seen_days(first, last, tested, name), _other_past(first, last, saw["fingerprint"], played.market, name)


def _other_terms(card: Mapping[str, Any], played: Backtest, name: str) -> str:
    """Warn of costs, a lag or periods a year other than those of the training: no feature shows them to the policy."""
    objective = card.get("objective", {})
    if not objective:
        return ""
    far = max(FAR_COST_RATIO, card.get("settings", {}).get("variation", {}).get("cost", 1.0))
    learned = float(np.mean([sum(rates.values()) for rates in objective["costs_bps"].values()]))
    paid, changes = 1e4 * float(np.nanmean(played.costs.total)), []
    if max(learned, paid) > far * min(learned, paid):
        changes.append(f"mean costs of {learned:g} bp a side (test: {paid:g})")
    if objective["lag"] != played.lag:
        changes.append(f"a lag of {counted(objective['lag'], 'session')} (test: {counted(played.lag, 'session')})")
    if objective["periods_per_year"] != played.periods_per_year:
        changes.append(f"{objective['periods_per_year']:g} periods a year (test: {played.periods_per_year:g})")
    return (
        f"{name} was trained with {listed(changes)}: its decisions fit the training, not the test." if changes else ""
    )


def _seen_days(first: pd.Timestamp, last: pd.Timestamp, tested: pd.DatetimeIndex, name: str) -> str:
    among = int(((first <= tested) & (tested <= last)).sum())
    if not among:
        return ""
    return (
        f"{name} was trained on the days {first:%Y-%m-%d} to {last:%Y-%m-%d}; {among:,} of the test's "
        f"{len(tested):,} days are among them: its results are not all out of sample."
    )


def _other_past(first: pd.Timestamp, last: pd.Timestamp, fingerprint: str, market: Market, name: str) -> str:
    """Warn where the market has the days of the training with other data."""
    if market.dates[0] != first or market.dates[-1] < last:
        return ""
    now = market.until(last).fingerprint
    if now == fingerprint:
        return ""
    return (
        f"{name} was trained on data {fingerprint[:8]}; on the days {first:%Y-%m-%d} to {last:%Y-%m-%d} market "
        f"{market.name!r} has data {now[:8]}: it was revised, or it is another market."
    )


def drift_words(name: str, drifts: list[Drift]) -> str:
    """A warning that names the features that drifted most; "" where none did."""
    past = sorted((d for d in drifts if d.drifted), key=lambda d: d.limit - d.distance)
    if not past:
        return ""
    each = [f"{d.feature} ({number(d.distance)}, maximum in training {number(d.limit)})" for d in past[:DRIFTED_NAMED]]
    more = [f"{len(past) - DRIFTED_NAMED} more"] if len(past) > DRIFTED_NAMED else []
    return f"Features of {name} drifted from their training distribution (distance): {listed(each + more)}."
