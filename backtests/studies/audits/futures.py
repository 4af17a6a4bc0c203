"""Markets that are the same up to a row and differ after it: a policy that sees no future cannot tell them apart."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from research.accounting import Costs, Flows
from research.market import Market

AFTER = 10  # sessions that the shorter futures go on for
# Prices and volumes of a mirrored future, relative to those of the other: one is below what was, one above.
MIRROR_FACTOR = 1e6
BARS_OF_CLOSE = {"open": 1.0, "high": 1.1, "low": 0.9}  # of the closes that are drawn
CUT, ALTERED, MIRRORED = "data cut off there", "later data changed", "later data mirrored"
FUTURES = (CUT, ALTERED, MIRRORED)  # of each day that is checked
CALM = "hardly anything happens later"  # the future in which no account can be ruined, and no asset is listed


class Future(NamedTuple):
    """A market with the costs and flows of its days."""

    market: Market
    costs: Costs
    flows: Flows | None


def future(market: Market, costs: Costs, flows: Flows | None, t: int, which: str, seed: int = 0) -> Future:
    """One of `FUTURES`, or `CALM`, after row t; cash flows occur up to row t only.

    market : T days.
    costs  : costs of its assets.
    flows  : deposits and withdrawals.
    t      : the last row that stays.
    which  : one of the futures. The mirrored one has the opposite returns: a policy that uses the sign of the next
             return, or the asset with the highest, decides otherwise in one of the two.
    seed   : seed of the values that are drawn.
    """
    if flows is not None:
        flows = replace(flows, amounts={day: x for day, x in flows.amounts.items() if day <= market.dates[t]})
    if which == CUT:
        return Future(market.until(market.dates[t]), costs.until(t + 1), flows)
    if which == ALTERED:
        return Future(changed_after(market, t, seed), _changed_costs(costs, t, seed), flows)
    if which == CALM:
        return Future(calm_after(market, t, seed), costs, flows)
    rows = min(t + 1 + AFTER, len(market.dates))
    short, costs = market.until(market.dates[rows - 1]), costs.until(rows)
    return Future(changed_after(short, t, seed, mirrored=True), _changed_costs(costs, t, seed), flows)


def changed_after(market: Market, t: int, seed: int = 0, mirrored: bool = False) -> Market:
    """The same market up to and including row t, with other values after it.

    Dates stay, and no asset is delisted later. Facts by date are other numbers, and words that were known by then.
    market   : T days.
    t        : the last row that stays.
    seed     : seed of the values that are drawn.
    mirrored : True to draw the opposite values: returns of the other sign, higher prices and volumes.
    """
    rng, shape = np.random.default_rng([seed, t]), market.shape
    later, left = np.arange(shape[0])[:, None] > t, market.exits <= t
    sign, level = (-1.0, MIRROR_FACTOR) if mirrored else (1.0, 1.0)
    tradable = np.where(later, (rng.random(shape) > 0.2) & ~left, market.tradable)
    listed = np.maximum.accumulate(tradable, axis=0) & ~(later & left)
    returns = np.where(later, sign * rng.normal(0.0, 0.05, shape), market.returns) * (tradable | ~later) * listed
    prices = level * rng.uniform(1.0, 9.0, shape)
    panels = {
        "volumes": level * rng.uniform(1.0, 9.0, shape),
        "dividends": np.where(tradable & market.listed[t] & (rng.random(shape) < 0.02), 0.01, 0.0),
        "splits": np.ones(shape),
    }
    bars = {name: BARS_OF_CLOSE[name] * prices for name in market.bars or {}}
    cash = rng.uniform(0.0, 1e-3, shape[0])
    facts = {name: _drawn(fact, t, rng, mirrored) for name, fact in (market.facts or {}).items()}
    panels |= {"returns": returns, "tradable": tradable, "prices": prices, "cash": cash}
    return _after(market, t, panels, bars, facts)


def calm_after(market: Market, t: int, seed: int = 0) -> Market:
    """The same market up to and including row t; after it every asset stays as it was that day, and hardly moves.

    market : T days.
    t      : the last row that stays.
    seed   : seed of the returns.
    """
    names = ("tradable", "prices", "volumes", "cash")
    panels = {name: getattr(market, name)[t] for name in names if getattr(market, name) is not None}
    panels["tradable"] = market.tradable[t] & (market.exits > t)
    bars = {name: bar[t] for name, bar in (market.bars or {}).items()}
    returns = np.random.default_rng([seed, t]).normal(0.0, 1e-4, market.shape) * panels["tradable"]
    facts = {name: fact[t] for name, fact in (market.facts or {}).items()}
    return _after(market, t, panels | {"returns": returns, "dividends": 0.0, "splits": 1.0}, bars, facts)


def _drawn(fact: np.ndarray, t: int, rng: np.random.Generator, mirrored: bool) -> np.ndarray:
    """(T, n) other values of a fact: numbers of another size, or words that some asset had by row t, or a new one.

    Mirrored ones are in the opposite order.
    """
    drawn = rng.random(fact.shape)
    drawn = 1.0 - drawn if mirrored else drawn
    if fact.dtype.kind == "U":
        words = np.append(np.unique(fact[: t + 1]), "another")
        return words[(drawn * len(words)).astype(int) % len(words)]
    largest = np.abs(fact[: t + 1][np.isfinite(fact[: t + 1])]).max(initial=1.0)
    return (MIRROR_FACTOR if mirrored else 1.0) * largest * (0.1 + 9.0 * drawn)


def _after(market: Market, t: int, panels: dict[str, Any], bars: dict[str, Any], facts: dict[str, Any]) -> Market:
    """The market with other panels, bars and facts after row t, where it has any, and what was known of it by then."""
    later = np.arange(len(market.dates)) > t
    leaves = (market.instruments["delisted"].notna().to_numpy() & (market.exits > t)).any()

    def joined(values: Any, known: np.ndarray) -> np.ndarray:
        return np.where(later if known.ndim == 1 else later[:, None], values, known)

    there = {name: getattr(market, name) for name in panels if getattr(market, name) is not None}
    changed: dict[str, Any] = {name: joined(panels[name], known) for name, known in there.items()}
    for name, drawn in (("bars", bars), ("facts", facts)):
        if (tables := getattr(market, name)) is not None:
            changed[name] = {key: joined(drawn[key], known) for key, known in tables.items()}
    return replace(
        market,
        instruments=market.until(market.dates[t]).instruments if leaves else market.instruments,
        notes=market.notes_in(last=market.days[t]),
        **changed,
    )


def _changed_costs(costs: Costs, t: int, seed: int) -> Costs:
    """The same costs up to and including row t, and other spreads after it where they vary by day."""
    if costs.half_spread.ndim == 1:
        return costs
    spreads = costs.half_spread.copy()
    spreads[t + 1 :] = np.random.default_rng([seed, t, 1]).uniform(50e-4, 100e-4, spreads[t + 1 :].shape)
    return replace(costs, half_spread=spreads)
