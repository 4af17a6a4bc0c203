"""Worth that no rule after tax has yet: the exact optimum of two lines, and a rollout of `deferral` in more of them.

    python -m benchmarks.tax_headroom [PATHS] [CONTINUATIONS]

Lines of one expected return are held for three years of months at equal weights or 60/40, with gains of old; units are
taxed at average cost, 5 bp a side. Worth is that of `benchmarks.dual_bound`: what a unit comes to after all taxes in
today's money, less g/2 x the variance of the gap x NAV of each month, and less a martingale of no price, which takes
most of the noise away. Nothing here is a rule that ships: it says what one could gain before anybody builds it.

Two lines  : dynamic programming over weight and cost, losses refunded; the policy that it gives is then played.
More lines : at each month the best of some 40 trades by their worth on common continuations, on which the tuned
             `deferral` goes on; a trade counts as better by two standard errors. Losses are carried forward.
`deferral` : sells and buys to the edge of the closed-form band that the tax widens. Its share of the tax and its
             harvest are the best of a grid on other paths; "wider" tunes the width, too.
Source : Bertsekas, Tsitsiklis and Wu (1997), Rollout algorithms for combinatorial optimization, J. Heuristics 3(3).
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from backtests.laboratory.simulate import estimate
from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array
from research.accounting.sale_tax import Deferral
from research.risk.measures import BPS, TRACKING_PENALTY
from research.rules.no_trade_region import half_widths

PATHS, CONTINUATIONS, TRAINING = 200, 16, 2000
YEARS, MONTHS, EXPECTED, COST = 3, 12, 0.06, 5e-4  # COST: a side, fraction of the notional
PERIODS, TINY, NEVER = YEARS * MONTHS, 1e-12, np.inf
SHARES, WIDER, HARVESTS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.5), (0.7, 1.0, 1.4, 2.0), (NEVER, 0.005, 0.05, 0.15)
WEIGHTS, BASES, PARTS = np.linspace(-0.4, 0.4, 65), np.linspace(0.05, 1.65, 33), np.linspace(0.0, 1.0, 25)
FLOW = 0.01  # mean of a month, fraction of the first NAV; two in three are deposits


class Held(NamedTuple):
    """Holdings of K paths in n lines.  value, cost : (K, n) worth and purchase cost; losses : (K,) carried forward."""

    value: Array
    cost: Array
    losses: Array


class Wish(NamedTuple):
    """Sales and purchases, (K, n) of value, and the lines whose loss is realised, (K, n)."""

    sold: Array
    bought: Array
    harvested: NDArray[np.bool_]


class Band(NamedTuple):
    """A `deferral`: its share of the tax, the width in that of the closed form, the loss at which it harvests."""

    share: float
    wider: float
    harvest: float


Choose = Callable[[Held, int, Array], Wish]  # by the holdings, the month and the flow (K,)


@dataclass(frozen=True)
class World:
    """An investor.  target, gain : of n lines; forgiven : no tax at the end; refunded : losses are paid at once."""

    target: tuple[float, ...]
    gain: tuple[float, ...]
    volatility: tuple[float, ...]
    correlation: float
    rate: float
    forgiven: bool
    has_flows: bool = False
    refunded: bool = False

    @cached_property
    def root(self) -> Array:
        """(n, n) root root' is the covariance of a month."""
        n = len(self.target)
        alike = self.correlation + (1.0 - self.correlation) * np.eye(n)
        return np.array(np.linalg.cholesky(alike * np.outer(self.volatility, self.volatility) / MONTHS))

    @cached_property
    def unit(self) -> Array:
        """(n,) half-width of the closed form at a cost of 1."""
        covariance = self.root @ self.root.T * MONTHS
        return half_widths(np.array(self.target), covariance, np.ones(len(self.target)), TRACKING_PENALTY)

    def growth(self, draws: np.random.Generator, *shape: int) -> Array:
        """(*shape, n) growth of a month; the second half of the last paths mirrors the first."""
        half = draws.standard_normal((*shape[:-1], shape[-1] // 2, len(self.target)))
        return self.grown(np.concatenate([half, -half], axis=-2))

    def grown(self, normal: Array) -> Array:
        """(..., n) growth of a month by standard normal draws (..., n)."""
        found: Array = np.exp(normal @ self.root.T - 0.5 * (self.root**2).sum(axis=1)) * (1 + EXPECTED) ** (1 / MONTHS)
        return found

    def flows(self, draws: np.random.Generator, *shape: int) -> Array:
        """(*shape) money that comes, or goes where negative, that no rule knows beforehand."""
        if not self.has_flows:
            return np.zeros(shape)
        return draws.choice([1.0, 1.0, -1.0], shape) * draws.exponential(FLOW, shape)

    def opened(self, paths: int) -> Held:
        """The holdings of the first day."""
        value = np.tile(self.target, (paths, 1))
        return Held(value, value * (1.0 - np.array(self.gain)), np.zeros(paths))

    @property
    def fresh(self) -> float:
        """Worth at the end of a unit of money that is fresh today."""
        due = 0.0 if self.forgiven else self.rate
        return (1.0 + EXPECTED) ** YEARS * (1.0 - due) + due

    def price(self, months: int) -> float:
        """Expected worth of a unit of value that is held so many months to the end, before the tax on its past gain."""
        return (1.0 + EXPECTED) ** (months / MONTHS) * (1.0 if self.forgiven else 1.0 - self.rate) / self.fresh

    def wished(self, held: Held, band: Band) -> Wish:
        """The trades of a `deferral`."""
        nav = held.value.sum(axis=1, keepdims=True)
        gap, over = held.value / nav - self.target, np.maximum(held.value / nav - self.target, 0.0)
        tax = band.share * self.rate * np.maximum(1.0 - held.cost / held.value, 0.0)
        tax = np.where(held.losses[:, None] > 0.0, 0.0, tax)
        fund = (over * tax).sum(axis=1, keepdims=True) / np.maximum(over.sum(axis=1, keepdims=True), TINY)
        upper, lower = (band.wider * self.unit * np.cbrt(COST + each) for each in (tax, fund))
        sold, bought = np.maximum(gap - upper, 0.0), np.maximum(-gap - lower, 0.0)
        return Wish(sold * nav, bought * nav, held.cost > held.value * (1.0 + band.harvest))

    def traded(self, held: Held, wish: Wish, flow: Array) -> Held:
        """The holdings after trades and a flow (K,): who wants more than he sells sells what is over target.

        Money goes to what is wished first, then to what is under target.
        """
        (value, cost, losses), (sold, bought, harvested) = held, wish
        nav = value.sum(axis=1, keepdims=True)
        fee = 2.0 * COST * np.where(harvested, value, 0.0).sum(axis=1)
        losses = losses + np.where(harvested, cost - value, 0.0).sum(axis=1)
        cost = np.where(harvested, value, cost)
        more = np.maximum(bought.sum(axis=1) - sold.sum(axis=1) - flow, 0.0)
        sold = sold + _shared(np.maximum(value - sold - nav * self.target, 0.0), more)
        sold = sold + _shared(value - sold, np.maximum(-flow - sold.sum(axis=1), 0.0))
        net = (sold * (1.0 - cost / value)).sum(axis=1) - losses
        tax, losses = (self.rate * net, 0.0 * net) if self.refunded else (
            self.rate * np.maximum(net, 0.0), np.maximum(-net, 0.0)
        )  # fmt: skip
        cash = sold.sum(axis=1) * (1.0 - COST) - tax + flow - fee
        value, cost = value - sold, cost * (1.0 - sold / value)
        kept = 1.0 - np.maximum(-cash, 0.0)[:, None] / value.sum(axis=1, keepdims=True)  # what cash lacks
        value, cost, cash = value * kept, cost * kept, np.maximum(cash, 0.0)
        under = np.maximum((value.sum(axis=1) + cash)[:, None] * self.target - value, 0.0)
        first = _shared(np.minimum(bought, under), cash)
        new = (first + _shared(under - first, cash - first.sum(axis=1))) / (1.0 + COST)
        return Held(value + new, cost + new, losses)

    def passed(self, held: Held, growth: Array, month: int) -> tuple[Held, Array]:
        """The holdings a month later, and what it adds to worth: tracking, less a martingale.  growth : (K, n)."""
        gap = held.value - held.value.sum(axis=1, keepdims=True) * self.target
        lost = 0.5 * TRACKING_PENALTY * ((gap @ self.root) ** 2).sum(axis=1) / held.value.sum(axis=1)
        now, then = self.price(PERIODS - month), self.price(PERIODS - month - 1)
        return held._replace(value=held.value * growth), -lost - (held.value * (growth * then - now)).sum(axis=1)

    def ended(self, held: Held) -> Array:
        """(K,) worth at the end, in today's money."""
        net = (held.value - held.cost).sum(axis=1) - held.losses
        due = 0.0 if self.forgiven else self.rate * (net if self.refunded else np.maximum(net, 0.0))
        found: Array = (held.value.sum(axis=1) - due) / self.fresh
        return found

    def played(self, choose: Choose, growth: Array, flows: Array) -> Array:
        """(K,) worth of a policy.  growth : (months, K, n); flows : (months, K)."""
        held, worth = self.opened(growth.shape[1]), np.zeros(growth.shape[1])
        for month, flow in enumerate(flows):
            held, more = self.passed(self.traded(held, choose(held, month, flow), flow), growth[month], month)
            worth += more
        return worth + self.ended(held)

    def following(self, band: Band) -> Choose:
        """The policy of a `deferral`."""
        return lambda held, month, flow: self.wished(held, band)

    def tuned(self, seed: int, wider: tuple[float, ...]) -> Band:
        """The best `deferral` of the grid on paths of a seed."""
        draws = np.random.default_rng(seed)
        growth, flows = self.growth(draws, PERIODS, TRAINING), self.flows(draws, PERIODS, TRAINING)
        bands = [Band(*each) for each in product(SHARES, wider, HARVESTS)]
        return max(bands, key=lambda band: self.played(self.following(band), growth, flows).mean())


def _shared(room: Array, amount: Array) -> Array:
    """(K, n) of an amount (K,), to each line by its room (K, n), all of it at most."""
    total = room.sum(axis=1)
    return room * np.minimum(amount / np.maximum(total, TINY), 1.0)[:, None]


# -- two lines: the optimum ------------------------------------------------------------------------------------------


class Optimum:
    """The optimum of two lines by dynamic programming; a state is the weight of the first line and both costs."""

    def __init__(self, world: World) -> None:
        """Solve backwards from the end, by Gauss and Hermite's five points a line."""
        self.world, self.weights = world, WEIGHTS + world.target[0]
        points, chances = np.polynomial.hermite_e.hermegauss(5)
        growth, self.chances = world.grown(np.array([*product(points, repeat=2)])), np.outer(chances, chances).ravel()
        self.chances /= self.chances.sum()
        self.growth = growth / (self.chances @ growth) * (1.0 + EXPECTED) ** (1.0 / MONTHS)  # exact in the mean
        grid = [each.ravel() for each in np.meshgrid(self.weights, BASES, BASES, indexing="ij")]
        self.grid, self.after = self._held(*grid), list[Array]()
        worth = world.ended(self.grid)
        for month in reversed(range(PERIODS)):
            after = np.zeros(len(worth))
            for growth, chance in zip(self.growth, self.chances, strict=True):
                later, more = world.passed(self.grid, growth[None], month)
                kept = growth * world.price(PERIODS - month - 1) - world.price(PERIODS - month)
                after += chance * (more + self.grid.value @ kept + self._looked(worth, later))  # without the martingale
            self.after.insert(0, after)
            worth = self._best(self.grid, after)[0]

    def choose(self, held: Held, month: int, flow: Array) -> Wish:
        """The best trades of holdings."""
        part, harvests = self._best(held, self.after[month])[1:]
        return self._wish(held, part[:, None], harvests[:, None])

    def _best(self, held: Held, after: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """(K,) the worth of the best trades of holdings, the part of the gap that they close, and if they harvest."""
        tried, none = [*product(PARTS, (False, True))], np.zeros(len(held.value))
        best, at = np.full(len(none), -np.inf), np.zeros(len(none), dtype=int)
        for k, (part, harvests) in enumerate(tried):
            worth = self._looked(after, self.world.traded(held, self._wish(held, part, harvests), none))
            at = np.where(better := worth > best + TINY, k, at)
            best = np.where(better, worth, best)
        parts, harvested = np.array(tried).T
        return best, parts[at], harvested[at] > 0.0

    def _wish(self, held: Held, part: Array | float, harvests: NDArray[np.bool_] | bool) -> Wish:
        over = np.maximum(held.value - held.value.sum(axis=1, keepdims=True) * self.world.target, 0.0)
        return Wish(part * over, np.zeros_like(over), (held.cost > held.value) & harvests)

    def _looked(self, worth: Array, held: Held) -> Array:
        """(K,) the worth of holdings by that of the states, which is one a unit of NAV."""
        nav, ratio = held.value.sum(axis=1), held.cost / held.value
        places = zip((held.value[:, 0] / nav, *ratio.T), (self.weights, BASES, BASES), strict=True)
        at = [np.clip((x - grid[0]) / (grid[1] - grid[0]), 0, len(grid) - 1) for x, grid in places]
        found: Array = map_coordinates(worth.reshape(len(self.weights), len(BASES), -1), at, order=1)
        return nav * found

    @staticmethod
    def _held(weight: Array, *ratios: Array) -> Held:
        value = np.stack([weight, 1.0 - weight], axis=1)
        return Held(value, value * np.stack(ratios, axis=1), np.zeros(len(weight)))


# -- more lines: rollout ---------------------------------------------------------------------------------------------


class Rollout:
    """The best trade of a month by its worth on continuations, on which a `deferral` goes on."""

    def __init__(self, world: World, band: Band, continuations: int, seed: int) -> None:
        """Set what is played."""
        self.world, self.band, self.continuations = world, band, continuations
        self.draws = np.random.default_rng(seed)

    def choose(self, held: Held, month: int, flow: Array) -> Wish:
        """The best trades of holdings, those of the `deferral` where none is better by two standard errors."""
        wishes = [*self._wishes(held)]
        after = [self.world.traded(held, wish, flow) for wish in wishes]
        count, paths = self.continuations, len(flow)
        now = Held(*(np.repeat(np.concatenate(each), count, axis=0) for each in zip(*after, strict=True)))
        worth = np.zeros(len(now.losses))
        for later in range(month, PERIODS):
            growth, flows = self.world.growth(self.draws, paths, count), self.world.flows(self.draws, paths, count)
            if later > month:
                now = self.world.traded(now, self.world.wished(now, self.band), np.tile(flows.ravel(), len(wishes)))
            now, more = self.world.passed(now, np.tile(growth.reshape(paths * count, -1), (len(wishes), 1)), later)
            worth += more
        found = (worth + self.world.ended(now)).reshape(len(wishes), paths, 2, -1).mean(axis=2)  # mirrored pairs
        gained = found - found[0]
        error = gained.std(axis=2, ddof=1) / np.sqrt(gained.shape[2])
        best = np.where(gained.mean(axis=2) > 2.0 * error, gained.mean(axis=2), 0.0).argmax(axis=0)
        return Wish(*(np.stack(each)[best, np.arange(paths)] for each in zip(*wishes, strict=True)))

    def _wishes(self, held: Held) -> Iterator[Wish]:
        """The trades that are tried; first those of the `deferral`."""
        share, wider, harvest = self.band
        base = self.world.wished(held, self.band)
        yield base
        yield from (self.world.wished(held, Band(share * k, wider, harvest)) for k in (0.0, 0.3, 0.6, 1.7, 3.0))
        yield from (self.world.wished(held, Band(share, wider * k, harvest)) for k in (0.7, 1.4))
        none = np.zeros_like(held.value)
        yield Wish(none, none, base.harvested)
        yield Wish(none, none, none > 0.0)
        yield base._replace(harvested=none > 0.0)
        yield base._replace(harvested=held.cost > held.value * (1.0 + 2.0 * COST / self.world.rate))
        over = np.maximum(held.value - held.value.sum(axis=1, keepdims=True) * self.world.target, 0.0)
        for place in np.argsort(-over, axis=1).T[:10]:
            of_one = np.zeros_like(over)
            np.put_along_axis(of_one, place[:, None], 1.0, 1)
            yield from (base._replace(sold=np.maximum(base.sold, part * of_one * over)) for part in (0.5, 1.0))
            yield base._replace(sold=base.sold * (1.0 - of_one))


# -- the tables ------------------------------------------------------------------------------------------------------


def shown(gain: Array) -> str:
    """A gain in worth (K,), each half of whose paths mirrors the other, as bp a year with its standard error."""
    found = estimate(gain.reshape(2, -1).mean(axis=0) * BPS / YEARS)
    return f"{found.value:+.2f} ± {found.error:.2f}"


def gains(world: World, paths: int, continuations: int) -> list[str]:
    """What the best policy of a world gains over a `deferral` tuned in share and harvest, and what else does.

    Returns : the gain of the tuned over the `deferral` of its own years; of the wider; of the optimum of two lines, or
              of the rollouts of the tuned and the wider.
    """
    draws, (tuned, wider) = np.random.default_rng(5), (world.tuned(3, each) for each in ((1.0,), WIDER))
    growth, flows = world.growth(draws, PERIODS, paths), world.flows(draws, PERIODS, paths)
    own = Band(Deferral(YEARS, EXPECTED, float(world.forgiven)).share(world.rate), 1.0, tuned.harvest)
    best = [Optimum(world)] if len(world.target) == 2 else [Rollout(world, b, continuations, 9) for b in (tuned, wider)]
    policies = [world.following(tuned), world.following(own), world.following(wider), *(each.choose for each in best)]
    base, natural, *others = (world.played(policy, growth, flows) for policy in policies)
    return [shown(base - natural), *(shown(each - base) for each in others)]


def main(paths: int = PATHS, continuations: int = CONTINUATIONS) -> None:
    """Print the tables, and keep them."""
    began, ends = time.process_time(), {"sold": False, "stepped up": True}
    pairs = {
        "60/40, 20 %, gain 40 %": ((0.6, 0.4), (0.4, 0.4), (0.16, 0.05), 0.1, 0.20),
        "two stocks, 20 %, gains 60 and 10 %": ((0.5, 0.5), (0.6, 0.1), (0.3, 0.3), 0.3, 0.20),
        "two stocks, 37 %, gains 60 and 10 %": ((0.5, 0.5), (0.6, 0.1), (0.3, 0.3), 0.3, 0.37),
    }
    two = [
        (f"{name}, {end}", *gains(World(*of, forgiven, refunded=True), 50 * paths, 0))
        for (name, of), (end, forgiven) in product(pairs.items(), ends.items())
    ]
    head = ("", "tuned over its years", "wider over tuned", "optimum over tuned")
    show("Two lines: gain over a `deferral`, bp a year", head, two, [f"{50 * paths:,} paths; {TRAINING:,} tune"])
    more = [
        (f"{n} stocks, {'flows' if flows else 'no flows'}, {end}",
         *gains(World((1 / n,) * n, tuple(np.linspace(0.0, 0.6, n)), (0.3,) * n, 0.3, 0.20, forgiven, flows),
                paths * 6 // n, continuations))
        for n, (end, forgiven), flows in product((6, 30), ends.items(), (False, True))
    ]  # fmt: skip
    notes = [
        f"20 %, gains of 0 to 60 %; {paths} paths, of 30 lines a fifth; {continuations} continuations; {TRAINING} tune",
        f"errors are between paths; {time.process_time() - began:.0f} processor seconds; {machine()}",
        versions("numpy", "scipy"),
    ]
    columns = ("", "tuned over its years", "wider over tuned", "rollout over tuned", "rollout of wider over tuned")
    show("More lines: gain over a `deferral`, bp a year", columns, more, notes)
    keep("tax_headroom", {"paths": paths, "two": two, "more": more})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
