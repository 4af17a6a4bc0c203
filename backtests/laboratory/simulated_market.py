"""Markets with normal log-returns and weekly decisions, whose best loss is known or bounded; and the worked ones."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from backtests.laboratory.simulate import Laboratory
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from research.accounting import Costs
from research.allocation import FixedWeights
from research.risk import GBM
from research.risk.measures import BPS, TRACKING_PENALTY
from research.rules.bands import is_fully_invested
from research.rules.optimum.dynamic_programming import optimal_region
from research.rules.optimum.lower_bound import lower_bound
from research.rules.optimum.region import Region

WEEKS = 52  # steps a year
YEARS, WARM_UP = 10, 3  # that are counted, and that are not
VALUES_KEPT = 64  # regions and bounds of a process: more than a study computes


@dataclass(frozen=True)
class SimulatedMarket:
    """Assets with normal log-returns and cash without interest, with target, cost and tracking penalty.

    target      : weight of each asset, fraction of NAV; cash is the rest.
    mean        : growth of each asset, a year above cash, continuously compounded, fraction.
    volatility  : volatility of each asset, a year, fraction.
    correlation : correlation of any two assets, or (n, n) of each two.
    cost        : cost a side, fraction of the notional, of every asset or of each.
    tracking_penalty : price of squared tracking error.
    ticket      : ticket of an event, fraction of NAV, whatever is traded.
    """

    target: tuple[float, ...]
    mean: tuple[float, ...]
    volatility: tuple[float, ...]
    correlation: float | tuple[tuple[float, ...], ...]
    cost: float | tuple[float, ...]
    tracking_penalty: float = TRACKING_PENALTY
    ticket: float = 0.0

    @property
    def covariance(self) -> Array:
        """(n, n) covariance a year."""
        alike = np.array(self.correlation)
        if alike.ndim == 0:
            alike = alike + (1.0 - alike) * np.eye(len(self.target))
        covariance: Array = alike * np.outer(self.volatility, self.volatility)
        return covariance

    @property
    def costs(self) -> Array:
        """(n,) a side, fraction of the notional."""
        return np.broadcast_to(np.asarray(self.cost, dtype=float), len(self.target)).copy()

    @property
    def holding(self) -> FixedWeights:
        """The target as an allocation."""
        return FixedWeights(self.target)

    @property
    def has_optimum(self) -> bool:
        """True if it has few enough assets for a dynamic programme to find the optimal policy."""
        return len(self.target) <= (3 if self.is_whole else 2)

    @property
    def is_whole(self) -> bool:
        """True if nothing is left to cash."""
        return is_fully_invested(np.array(self.target))

    def laboratory(self, paths: int, seed: int) -> Laboratory:
        """The market in weeks, with a warm-up of three years before the ten that are measured. Raises ConfigError.

        Its costs are without the ticket, which the accounting would charge for each order.
        """
        costs = Costs(self.costs, np.zeros(len(self.target)))
        return Laboratory(
            GBM(np.array(self.mean), self.covariance, WEEKS), self.target, costs, self.tracking_penalty, paths,
            WEEKS * (YEARS + WARM_UP), seed, warm_up=WEEKS * WARM_UP, periods_per_year=WEEKS, calendar="24/5",
        )  # fmt: skip

    def region(self, tracking_penalty: float | None = None) -> Region:
        """The optimal region, where there is one, at this or another tracking penalty g. Raises ConfigError."""
        price = self.tracking_penalty if tracking_penalty is None else tracking_penalty
        return _region(self, price)

    def lower_bound(self) -> float:
        """A bound from below on the loss of all rules, bp of NAV a year."""
        return _bound(self)

    @property
    def problem(self) -> tuple[Array, Array, Array, Array]:
        """(target, mean, covariance, cost), as the programme and the bound take them."""
        return np.array(self.target), np.array(self.mean), self.covariance, self.costs


@lru_cache(VALUES_KEPT)
def _region(market: SimulatedMarket, price: float) -> Region:
    return optimal_region(*market.problem, price, 1.0 / WEEKS, ticket=market.ticket)


@lru_cache(VALUES_KEPT)
def _bound(market: SimulatedMarket) -> float:
    return BPS * lower_bound(*market.problem, market.tracking_penalty, 1.0 / WEEKS, ticket=market.ticket).value


BASE_CASE = SimulatedMarket((0.4, 0.3), (0.05, 0.055), (0.20, 0.25), 0.3, 0.0010)
MARKETS: Mapping[str, SimulatedMarket] = {
    "1 bp": replace(BASE_CASE, cost=0.0001),
    "2 bp": replace(BASE_CASE, cost=0.0002),
    "10 bp": BASE_CASE,
    "50 bp": replace(BASE_CASE, cost=0.0050),
    "10 bp, volatility 70 and 90 %": replace(BASE_CASE, volatility=(0.7, 0.9)),
    "2 bp, ten assets": SimulatedMarket((0.09,) * 10, (0.05,) * 10, (0.2,) * 10, 0.3, 0.0002),
    "10 bp, ten assets": SimulatedMarket((0.09,) * 10, (0.05,) * 10, (0.2,) * 10, 0.3, 0.0010),
}


def _clusters(sizes: tuple[int, ...], within: float, across: float) -> tuple[tuple[float, ...], ...]:
    """Correlations of assets in clusters of these sizes: of two in one cluster, and of two in different ones."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    alike = np.where(of[:, None] == of, within, across)
    np.fill_diagonal(alike, 1.0)
    return tuple(map(tuple, alike.tolist()))


THREE = SimulatedMarket(
    target=(0.4, 0.3, 0.3),
    mean=(0.05, 0.055, 0.03),
    volatility=(0.20, 0.25, 0.12),
    correlation=((1.0, 0.3, 0.1), (0.3, 1.0, -0.1), (0.1, -0.1, 1.0)),
    cost=0.0010,
)
STOCKS_AND_BONDS = SimulatedMarket(
    (0.1,) * 10, (0.05,) * 6 + (0.02,) * 4, (0.18,) * 6 + (0.06,) * 4, _clusters((6, 4), 0.8, 0.1), 0.0010
)
FULLY_INVESTED: Mapping[str, SimulatedMarket] = {
    "three assets, 10 bp": THREE,
    "three assets, 5, 10 and 30 bp": replace(THREE, cost=(0.0005, 0.0010, 0.0030)),
    "three assets, 10 bp and 1 bp an event": replace(THREE, ticket=0.0001),
    "ten assets, 10 bp": SimulatedMarket((0.1,) * 10, (0.05,) * 10, (0.2,) * 10, 0.3, 0.0010),
    "ten assets, 3, 10 and 30 bp": SimulatedMarket(
        (0.1,) * 10, (0.05,) * 10, (0.2,) * 10, 0.3, (0.0003, 0.0010, 0.0030) * 3 + (0.0010,)
    ),
    "thirty assets, 10 bp": SimulatedMarket((1 / 30,) * 30, (0.05,) * 30, (0.2,) * 30, 0.3, 0.0010),
    "two clusters of five, 10 bp": SimulatedMarket(
        (0.1,) * 10, (0.05,) * 10, (0.2,) * 10, _clusters((5, 5), 0.85, 0.0), 0.0010
    ),
    "six stocks and four bonds, 10 bp": STOCKS_AND_BONDS,
    "six stocks and four bonds, 2 to 10 bp": replace(
        STOCKS_AND_BONDS,
        target=(0.2, 0.15, 0.1, 0.05, 0.05, 0.05, 0.2, 0.1, 0.05, 0.05),
        volatility=(0.16, 0.17, 0.18, 0.2, 0.22, 0.25, 0.04, 0.06, 0.08, 0.12),
        cost=(0.0002, 0.0002, 0.0005, 0.0005, 0.0010, 0.0010, 0.0002, 0.0005, 0.0005, 0.0010),
    ),
    "thirty assets in three clusters, 10 bp": SimulatedMarket(
        (1 / 30,) * 30, (0.05,) * 30, (0.2,) * 30, _clusters((10, 10, 10), 0.7, 0.2), 0.0010
    ),
}
