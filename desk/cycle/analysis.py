"""The analyser: each alternative played from its holdings through the same simulated years, by one loss.

The loss of a year is that of J and what else the desk pays: costs of trading and holding, g/2 times the squared return
apart from the target, tax on realised gains, days and orders at the desk's prices; in bp of NAV. After today the policy
of the file goes on in every alternative, so that a trade put off is not a trade saved. Days to come are those of the
past, in blocks, as `backtests.today.from_today` draws them first.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from backtests.today.future_paths import Opening, SharedBands, is_played_at_once, play_futures
from desk.cycle.alternatives import Listed
from foundation.arrays import Array, frozen
from research.accounting import Policy
from research.accounting.costs import BASIS_POINT
from research.orders.before_after import Figures
from research.orders.trade_list import TradeList
from research.risk.simulation.future_laws import BLOCK_PATHS, MEAN_BLOCK, BootstrappedFuture, sample
from research.risk.simulation.resampling import StationaryBootstrap
from research.rules import Never

WAITS = (1, 5, 20)  # sessions
PERFECT = 10.0  # score of an alternative without a loss


@dataclass(frozen=True, eq=False)
class Analysed:
    """An alternative with its losses.

    listed : the alternative.
    losses : (P,) loss of the year in each world, bp of NAV.
    """

    listed: Listed
    losses: Array

    @property
    def name(self) -> str:
        """Its name."""
        return self.listed.name

    @property
    def loss(self) -> float:
        """Its expected loss, bp of NAV."""
        return float(self.losses.mean())

    @property
    def after(self) -> Figures:
        """The figures of the portfolio after its orders."""
        trades = self.listed.trades
        return trades.before_after.figures["after" if trades.sized.moved.any() else "before"]


@dataclass(frozen=True, eq=False)
class Analysis:
    """The alternatives of a portfolio, weighed on the same worlds.

    alternatives : the policy's own first.
    waiting      : by sessions: expected loss of the policy's trade put off by so many, less that of the trade today, bp
                   of NAV, and its standard error; empty where the policy holds.
    halving      : loss that halves a score, bp of NAV.
    """

    alternatives: tuple[Analysed, ...]
    waiting: Mapping[int, tuple[float, float]]
    halving: float

    def __getitem__(self, name: str) -> Analysed:
        """The alternative of a name, or with the same orders as one of that name."""
        return next(each for each in self.alternatives if name in (each.name, *each.listed.also))

    @property
    def best(self) -> Analysed:
        """The alternative of the least expected loss; of equals, the one with fewer orders."""
        return min(self.alternatives, key=lambda each: (each.loss, len(each.listed.trades.orders)))

    @cached_property
    def shares(self) -> dict[str, float]:
        """By name, the share of worlds in which an alternative has the least loss; worlds with ties are divided."""
        losses = np.array([each.losses for each in self.alternatives])
        least = losses <= losses.min(axis=0)
        shares = (least / least.sum(axis=0)).mean(axis=1)
        return {each.name: float(share) for each, share in zip(self.alternatives, shares, strict=True)}

    def apart(self, name: str) -> tuple[float, float]:
        """The loss of an alternative less that of the policy's own list, bp of NAV, and its standard error."""
        return _mean(self[name].losses - self.alternatives[0].losses)

    def score(self, name: str) -> float:
        """10 · 2^(−loss / halving): 10 without a loss, lower the higher the loss is, whatever stands beside it."""
        return PERFECT * 2.0 ** (-self[name].loss / self.halving)

    def table(self) -> pd.DataFrame:
        """A row an alternative: orders, turnover, cost, tracking error and losses after it, loss of a year, score.

        orders, turnover (fraction of NAV), cost and tax (currency), tracking_error (fraction a year), var, cvar (one
        row, fraction of NAV), beta, loss of the year, apart from the policy's and its error (bp of NAV), score, best
        (share of worlds).
        """
        rows = []
        for each in self.alternatives:
            trades, after = each.listed.trades, each.after
            rows.append(
                {
                    "alternative": each.name,
                    "orders": len(trades.orders),
                    "turnover": trades.turnover,
                    "cost": float(trades.sized.charges.sum()),
                    "tax": float(trades.facts.get("tax", 0.0)),
                    "tracking_error": after.tracking_error,
                    "var": next(iter(after.var.values())),
                    "cvar": next(iter(after.cvar.values())),
                    "beta": after.beta,
                    "loss": each.loss,
                    **dict(zip(("apart", "error"), self.apart(each.name), strict=True)),
                    "score": self.score(each.name),
                    "best": self.shares[each.name],
                }
            )
        return pd.DataFrame(rows).set_index("alternative")


def analysed(listed: Sequence[Listed]) -> Analysis:
    """Weigh alternatives of one portfolio on the same worlds.

    Raises : DataError for a past from which no years can be drawn (`future_laws.sample`), and for holdings that cannot
             be played on (`Opening`).
    """
    of_policy = listed[0].trades
    portfolio = of_policy.portfolio
    sample(portfolio.market)
    law = BootstrappedFuture(StationaryBootstrap(portfolio.market, MEAN_BLOCK))
    started = [_Start.of(each.trades, of_policy.decides) for each in listed]
    put_off = {k: _Start.put_off(of_policy, k) for k in WAITS} if of_policy.sized.moved.any() else {}
    worlds, parts = portfolio.cycle.worlds, list[list[Array]]()
    for block in range(math.ceil(worlds / BLOCK_PATHS)):
        growths = law.growths(block, started[0].opening.days, portfolio.cycle.seed)[: worlds - block * BLOCK_PATHS]
        parts.append([start.losses(growths, of_policy.target) for start in (*started, *put_off.values())])
    losses = [np.concatenate(found) for found in zip(*parts, strict=True)]
    found = tuple(Analysed(each, lost) for each, lost in zip(listed, losses, strict=False))
    waiting = {
        k: _mean(lost - losses[0]) for k, lost in zip(put_off, losses[len(listed) :], strict=True)
    }  # fmt: skip
    return Analysis(found, waiting, portfolio.cycle.halving)


def _mean(values: Array) -> tuple[float, float]:
    """A mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))


@dataclass(frozen=True, eq=False)
class _Start:
    """Holdings from which years are played, and what was paid to come to them.

    opening : the holdings at the last close.
    nav     : before today's orders, currency.
    paid    : cost of today's orders, tax, and the desk's price of them, currency.
    shared  : the policy that goes on, on the rows to come; not asked at the last close.
    """

    opening: Opening
    nav: float
    paid: float
    shared: SharedBands

    @classmethod
    def of(cls, trades: TradeList, policy: Policy) -> "_Start":
        """The holdings after a list, with which a policy goes on."""
        before, count = trades.portfolio, len(trades.orders)
        work = before.order_cost * count + (before.day_cost if count else 0.0)
        paid = float(trades.sized.charges.sum()) + float(trades.facts.get("tax", 0.0)) + work
        opening = Opening(trades.after())
        return cls(opening, before.nav, paid, _going_on(opening, policy, 0))

    @classmethod
    def put_off(cls, of_policy: TradeList, sessions: int) -> "_Start":
        """The holdings before the policy's list, which it is asked for again after some sessions."""
        opening = Opening(of_policy.portfolio)
        return cls(opening, of_policy.portfolio.nav, 0.0, _going_on(opening, of_policy.decides, sessions))

    def losses(self, growths: Array, target: Array) -> Array:
        """(P,) loss of each year, bp of NAV before the orders.

        growths : (P, D, n) 1 + simple return of each asset on each row to come.
        target  : (n,) weights in force, fraction of NAV.
        """
        portfolio = self.opening.portfolio
        played = play_futures(self.opening, {"": self.shared}, growths)[""]
        apart = played.gross - self.opening.costless(growths, target)
        squared = portfolio.tracking_penalty / 2.0 * (apart * apart).sum(axis=1)
        charged = (played.cost + played.holding).sum(axis=1)
        work = portfolio.order_cost * played.orders.sum(axis=1) + portfolio.day_cost * (played.orders > 0.0).sum(axis=1)
        return (squared + charged + (self.paid + work) / self.nav) / BASIS_POINT


def _going_on(opening: Opening, policy: Policy, sessions: int) -> SharedBands:
    """A policy on the rows to come: not asked at the last close and some sessions after it, and then at once.

    A policy that cannot be played on many futures at once trades no more.
    sessions : 0 goes on as its schedule says.
    """
    shared = SharedBands.of(opening, policy if is_played_at_once(policy) else Never(opening.portfolio.strategic))
    asked = shared.bands.asked.copy()
    asked[: 2 + sessions] = False
    if sessions:
        asked[2 + sessions] = True
    return replace(shared, bands=shared.bands._replace(asked=frozen(asked)))
