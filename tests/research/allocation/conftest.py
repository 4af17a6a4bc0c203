"""Small markets with the sessions of New York, and the twenty real stocks that the libraries are asked about too."""

from collections.abc import Callable, Sequence

import new_york
import numpy as np
import pandas as pd
import pytest

from research.allocation.constraints.lookup import Known
from research.allocation.constraints.records import Bounds, Constraints, CVaRLimit, Exposure, Group, Most
from research.market import Market, instruments_table, with_facts

MakeMarket = Callable[..., Market]


@pytest.fixture(scope="session")
def sessions() -> pd.DatetimeIndex:
    """Sessions of New York from 2018 on."""
    return new_york.sessions("2018-01-01", "2023-12-31")


@pytest.fixture(scope="session")
def make_market(sessions: pd.DatetimeIndex) -> MakeMarket:
    """A market of returns (T, n) from the first session of 2018 on; `first` (n,) is the row at which each is listed."""

    def make(
        returns: np.ndarray,
        first: Sequence[int] | None = None,
        assets: Sequence[str] | None = None,
        asset_class: Sequence[str] | None = None,
        halted: Sequence[tuple[int, int]] = (),
    ) -> Market:
        returns = np.array(returns, dtype=float)
        dates, n = len(returns), returns.shape[1]
        assets = tuple(assets or (f"A{i:02}" for i in range(n)))
        tradable = np.arange(dates)[:, None] >= np.array(first if first is not None else [0] * n)
        returns[~tradable] = 0.0
        for row, line in halted:
            tradable[row, line] = False
        table = instruments_table(assets, asset_class=list(asset_class or ["equity"] * n))
        prices = np.full(returns.shape, np.nan)
        return Market(sessions[:dates], assets, returns, tradable, np.zeros(dates), table, prices, name="made")

    return make


@pytest.fixture(scope="session")
def quiet(make_market: MakeMarket) -> Market:
    """January to June 2018, two assets that do not move: 125 sessions."""
    return make_market(np.zeros((125, 2)), assets=("SPY", "AGG"))


@pytest.fixture(scope="session")
def noisy(make_market: MakeMarket) -> Market:
    """A year and a half of six correlated assets; the fifth is listed at row 120, the last at row 330."""
    rng = np.random.default_rng(11)
    common = rng.normal(0.0, 0.01, (380, 1))
    returns = common * np.linspace(0.2, 1.4, 6) + rng.normal(0.0, 0.008, (380, 6)) * np.linspace(0.5, 2.0, 6)
    classes = ["equity", "equity", "bond", "bond", "gold", "equity"]
    market = make_market(returns, first=[0, 0, 0, 0, 120, 330], asset_class=classes)
    return with_facts(market, {"cap": {name: 1.0 + i for i, name in enumerate(market.assets)}})


@pytest.fixture(scope="session")
def stocks() -> pd.DataFrame:
    """Daily returns of twenty stocks of the S&P 500, the last year of the skfolio package's table."""
    from skfolio.datasets import load_sp500_dataset

    return load_sp500_dataset().pct_change().iloc[-252:]


@pytest.fixture(scope="session")
def drawn() -> Callable[..., tuple[Constraints, Known, np.ndarray]]:
    """Random sets of constraints that some weights keep, what is known, and a mean (n,) a year."""

    def drawn(rng, n):
        """A random set of constraints that some weights keep, and what is known."""
        weights = rng.dirichlet(np.ones(n))
        names = tuple(f"L{i}" for i in rng.permutation(n))
        loadings = rng.normal(size=(n, 2))
        known = Known(
            names,
            {"tag": [("a", "b", "c")[i] for i in rng.integers(3, size=n)], "score": rng.uniform(0, 10, n).tolist()},
            loadings @ loadings.T * 0.02 + np.diag(rng.uniform(0.01, 0.09, n)),
            rng.normal(0.0, 0.01, (40, n)),
            rng.dirichlet(np.ones(n)),
        )
        groups = {}
        for tag in sorted(set(known.columns["tag"])):
            held = float(weights[[one == tag for one in known.columns["tag"]]].sum())
            groups[tag] = Group(
                where={"tag": tag}, least=max(held - rng.uniform(0, 0.1), 0.0), most=held + rng.uniform(0, 0.1)
            )
        score = float(np.array(known.columns["score"]) @ weights)
        root = np.linalg.cholesky(known.covariance).T
        turnover = float(np.maximum(weights - known.previous, 0.0).sum())
        at_risk = max(float(np.sort(-known.returns @ weights)[-8:].mean()) + 0.0005, 0.0005)
        asked = Constraints(
            every_line=Bounds(least=0.0, most=float(weights.max()) + 0.05),
            groups=groups,
            exposures={"score": Exposure(column="score", least=score - 0.1, most=score + rng.uniform(0.0, 0.5))},
            turnover=Most(most=turnover + 0.01),
            volatility=Most(most=1.02 * float(np.linalg.norm(root @ weights))) if rng.random() < 0.5 else None,
            cvar=CVaRLimit(most=at_risk, level=0.8) if rng.random() < 0.5 else None,
        )
        return asked, known, rng.normal(0.06, 0.04, n)

    return drawn


@pytest.fixture(scope="session")
def turned() -> Callable[[Known, np.ndarray], Known]:
    """What is known, of the same assets in another order (n,)."""

    def turn(known, order):
        return Known(
            tuple(np.array(known.assets)[order].tolist()),
            {name: np.array(values)[order].tolist() for name, values in known.columns.items()},
            known.covariance[np.ix_(order, order)],
            known.returns[:, order],
            known.previous[order],
        )

    return turn
