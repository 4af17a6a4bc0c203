"""The analyser: each alternative played from its holdings through the same simulated years, by one loss.

The loss of a year has the terms of J, with the target in force, and what else the desk pays: costs of trading and
holding, g/2 times the squared return apart from the target, days and orders at the desk's prices; in bp of NAV. After
today the policy of the file goes on in every alternative, so that a trade put off is not a trade saved. Tax stands
beside it: simulated years have none. Days to come are those of the past, in blocks, as `from_today` draws them first.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.today.from_today import Simulated, mean
from backtests.today.future_paths import Opening, SharedBands, is_played_at_once, play_futures
from desk.cycle.alternatives import Listed
from desk.cycle.monitor import sharpe_of_year
from foundation.arrays import Array, Mask, frozen
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from research.accounting import Policy
from research.accounting.costs import BASIS_POINT
from research.orders.before_after import Figures
from research.orders.trade_lists import TradeList
from research.risk.simulation.future_laws import BLOCK_PATHS, BootstrappedFuture, mean_block, sample
from research.risk.simulation.resampling import StationaryBootstrap
from research.rules import Never

WAITS = (1, 5, 20)  # sessions
PARTS = ("today", "later", "tracking")  # of a loss: today's orders, later costs and work, returns apart from the target
ERRORS = 1.96  # standard errors within which 95 of 100 other draws of random numbers lie
PERFECT = 10.0  # score of an alternative without a loss
CALIBRATION = (0.8, 1.45, 0.3)  # c, a and b of `Analysis.confidence`, as `benchmarks/cycle_confidence.py` fits them


@dataclass(frozen=True, eq=False)
class Analysed:
    """An alternative with its losses.

    listed : the alternative.
    parts  : (3, P) by `PARTS`, the loss of the year in each world, bp of NAV.
    early  : by rows of the market after today, (P,) its loss until then, bp of NAV.
    """

    listed: Listed
    parts: Array
    early: Mapping[int, Array]

    @cached_property
    def losses(self) -> Array:
        """(P,) loss of the year in each world, bp of NAV."""
        total: Array = self.parts.sum(axis=0)
        return total

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
        return self.listed.trades.before_after.figures[self._moment]

    @property
    def weights(self) -> Array:
        """(n,) weights after its orders, fraction of NAV."""
        return self.listed.trades.before_after.states[self._moment].weights

    @property
    def _moment(self) -> str:
        return "after" if self.listed.trades.sized.moved.any() else "before"

    @property
    def sharpe(self) -> float | None:
        """The Sharpe ratio of these weights in the last year; None where it is not defined."""
        of = self.listed.trades.before_after
        if isinstance(of.ex_ante, str):
            return None
        try:
            return sharpe_of_year(of.portfolio, of.ex_ante.returned(self.weights, of.horizons[0])).value
        except DataError:
            return None


class Early(NamedTuple):
    """The expected outcome of an alternative some rows after today.

    best   : share of worlds in which none has lost less by then.
    regret : mean of its loss by then less the least, bp of NAV.
    """

    best: float
    regret: float


@dataclass(frozen=True, eq=False)
class Analysis:
    """The alternatives of a portfolio, weighed on the same worlds.

    alternatives : the policy's own first.
    waiting      : by rows of the market: expected loss of the policy's trade put off by so many, less that of the trade
                   today, bp of NAV, and its standard error; empty where the policy holds, or cannot be put off so.
    halving      : loss that halves a score, bp of NAV.
    materiality  : gain that is worth a change, bp of NAV.
    """

    alternatives: tuple[Analysed, ...]
    waiting: Mapping[int, Simulated]
    halving: float
    materiality: float

    def __getitem__(self, name: str) -> Analysed:
        """The alternative of a name, or with the same orders as one of that name."""
        return next(each for each in self.alternatives if name in (each.name, *each.listed.also))

    @property
    def best(self) -> Analysed:
        """The alternative of the least expected loss; of equals, the one with fewer orders."""
        return min(self.alternatives, key=lambda each: (each.loss, len(each.listed.trades.orders)))

    @property
    def material(self) -> Analysed:
        """The best of those that lose less than the policy's own by what is worth a change; without one, that.

        The error of the difference, and the tax that is realised beyond the policy's, stand against a change.
        """
        found = [each for each in self.alternatives[1:] if self.gain(each) >= self.materiality]
        return min(found, key=lambda each: each.loss, default=self.alternatives[0])

    def gain(self, of: Analysed) -> float:
        """The gain of an alternative over the policy's own list that counts for a change, bp of NAV."""
        own = self.alternatives[0].listed.trades
        apart, error = self.apart(of.name)
        taxed = max(tax_of(of.listed.trades) - tax_of(own), 0.0) / own.portfolio.nav / BASIS_POINT
        return -apart - ERRORS * error - taxed

    @cached_property
    def shares(self) -> dict[str, float]:
        """By name, the share of worlds in which an alternative has the least loss; worlds with ties are divided."""
        least = _least(np.array([each.losses for each in self.alternatives]))
        shares = (least / least.sum(axis=0)).mean(axis=1)
        return {each.name: float(share) for each, share in zip(self.alternatives, shares, strict=True)}

    @property
    def confidence(self) -> float:
        """The share of cycles in which the best came true, of those that gave it as large a share of the worlds.

        The worlds take the law of returns for granted that a few years have shown, so that large shares are too sure:
        log odds = c + a · log(share) − b · log(1 − share), as cycles on other markets came true.
        Source : Kull, Silva Filho and Flach (2017), Beta calibration, AISTATS, section 3.
        """
        if len(self.alternatives) == 1:
            return 1.0
        worlds, (c, a, b) = len(self.alternatives[0].losses), CALIBRATION
        share = min(max(self.shares[self.best.name], 0.5 / worlds), 1.0 - 0.5 / worlds)
        return 1.0 / (1.0 + math.exp(-c - a * math.log(share) + b * math.log1p(-share)))

    def early(self, name: str) -> dict[int, Early]:
        """By rows of the market after today, what is expected of the outcome of an alternative then."""
        place = self.alternatives.index(self[name])
        found = {}
        for rows in self.alternatives[0].early:
            losses = np.array([each.early[rows] for each in self.alternatives])
            regret = losses[place] - losses.min(axis=0)
            found[rows] = Early(float(_least(losses)[place].mean()), float(regret.mean()))
        return found

    def apart(self, name: str) -> Simulated:
        """The loss of an alternative less that of the policy's own list, bp of NAV, and its standard error."""
        return mean(self[name].losses - self.alternatives[0].losses)

    def score(self, name: str) -> float:
        """10 · 2^(−loss / halving): 10 without a loss, lower the higher the loss is, whatever stands beside it."""
        return PERFECT * 2.0 ** (-self[name].loss / self.halving)

    def table(self) -> pd.DataFrame:
        """A row an alternative: orders, turnover, cost, tracking error and losses after it, loss of a year, score.

        orders, turnover (fraction of NAV), cost, gain realised and tax on it (currency), tracking_error (fraction a
        year), var, cvar (one row, fraction of NAV), beta, sharpe (of the last year by these weights), loss of the year
        and its parts, apart from the policy's and its error (bp of NAV), score, best (share of worlds).
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
                    "gain": sum(float(trades.facts.get(f"gain_{term}", 0.0)) for term in ("short", "long")),
                    "tax": tax_of(trades),
                    "tracking_error": after.tracking_error,
                    "var": next(iter(after.var.values())),
                    "cvar": next(iter(after.cvar.values())),
                    "beta": after.beta,
                    "sharpe": each.sharpe,
                    **dict(zip(PARTS, map(float, each.parts.mean(axis=1)), strict=True)),
                    "loss": each.loss,
                    **dict(zip(("apart", "error"), self.apart(each.name), strict=True)),
                    "score": self.score(each.name),
                    "best": self.shares[each.name],
                }
            )
        return pd.DataFrame(rows).set_index("alternative")


def tax_of(trades: TradeList) -> float:
    """The tax on what a list realises, currency; 0 without tax lots."""
    return float(trades.facts.get("tax", 0.0))


def _least(losses: Array) -> Mask:
    """(A, P) true where an alternative loses least in a world; `losses` (A, P)."""
    return np.asarray(losses <= losses.min(axis=0))


def analysed(listed: Sequence[Listed]) -> Analysis:
    """Weigh alternatives of one portfolio on the same worlds.

    Raises : DataError for a past from which no years can be drawn (`future_laws.sample`), and for holdings that cannot
             be played on (`Opening`).
    """
    of_policy = listed[0].trades
    portfolio = of_policy.portfolio
    sample(portfolio.market, portfolio.periods_per_year)
    law = BootstrappedFuture(StationaryBootstrap(portfolio.market, mean_block(portfolio.periods_per_year)))
    started = [Start.of(each, of_policy.decides) for each in listed]
    days, plays = started[0].opening.days, is_played_at_once(of_policy.decides)
    waits = [k for k in WAITS if portfolio.lag <= k < days] if plays and of_policy.sized.moved.any() else []
    put_off = {k: Start.put_off(of_policy, k) for k in waits}
    worlds, parts = portfolio.cycle.worlds, list[list[Array]]()
    rows = [*(k for k in WAITS if k < days), days]
    for block in range(math.ceil(worlds / BLOCK_PATHS)):
        growths = law.growths(block, days, portfolio.cycle.seed)[: worlds - block * BLOCK_PATHS]
        parts.append([start.losses(growths, of_policy.target, rows) for start in (*started, *put_off.values())])
    losses = [np.concatenate(found, axis=2) for found in zip(*parts, strict=True)]
    found = tuple(
        Analysed(each, lost[-1], dict(zip(rows[:-1], lost[:-1].sum(axis=1), strict=True)))
        for each, lost in zip(listed, losses, strict=False)
    )
    later = [lost[-1].sum(axis=0) for lost in losses[len(listed) :]]
    waiting = {k: mean(lost - found[0].losses) for k, lost in zip(put_off, later, strict=True)}
    return Analysis(found, waiting, portfolio.cycle.halving, portfolio.materiality)


@dataclass(frozen=True, eq=False)
class Start:
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
    def of(cls, listed: Listed, policy: Policy) -> "Start":
        """The holdings after an alternative, with which a policy goes on."""
        opening = Opening(listed.after)
        return cls(opening, listed.trades.portfolio.nav, listed.paid, going_on(opening, policy, 0))

    @classmethod
    def put_off(cls, of_policy: TradeList, sessions: int) -> "Start":
        """The holdings before the policy's list, which it is asked for again after some sessions."""
        opening = Opening(of_policy.portfolio)
        return cls(opening, of_policy.portfolio.nav, 0.0, going_on(opening, of_policy.decides, sessions))

    def losses(self, growths: Array, target: Array, rows: Sequence[int]) -> Array:
        """(R, 3, P) by `PARTS`, the loss of each year until some of its rows, bp of NAV before the orders.

        growths : (P, D, n) 1 + simple return of each asset on each row to come.
        target  : (n,) weights in force, fraction of NAV.
        rows    : R numbers of rows, the first ones, whose loss is taken.
        """
        portfolio = self.opening.portfolio
        played = play_futures(self.opening, {"": self.shared}, growths)[""]
        apart = played.gross - self.opening.costless(growths, target)
        squared, charged = portfolio.tracking_penalty / 2.0 * apart * apart, played.cost + played.holding
        work = portfolio.order_cost * played.orders + portfolio.stated_day_cost * (played.orders > 0.0)
        later, today = charged + work / self.nav, np.full(len(growths), self.paid / self.nav)
        until = [[today, later[:, : stop + 1].sum(axis=1), squared[:, :stop].sum(axis=1)] for stop in rows]
        return np.array(until) / BASIS_POINT


def going_on(opening: Opening, policy: Policy, sessions: int) -> SharedBands:
    """A policy on the rows to come: not asked at the last close, or put off so that it trades some rows after it.

    A policy that cannot be played on many futures at once trades no more.
    sessions : rows from the last close to the trade; 0 goes on as its schedule says.
    """
    shared = SharedBands.of(opening, policy if is_played_at_once(policy) else Never(opening.portfolio.strategic))
    asked = shared.bands.asked.copy()
    last_close = 1
    if sessions:
        then = last_close + sessions - opening.portfolio.lag
        asked[:then], asked[then] = False, True
    else:
        asked[: last_close + 1] = False
    return replace(shared, bands=shared.bands._replace(asked=frozen(asked)))
