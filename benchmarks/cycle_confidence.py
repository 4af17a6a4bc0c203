"""How often the decision of a cycle came true, by the share of simulated years in which it was the best.

Prints the shares and the confidence that is stated for them by tenths of the cycles, the calibration that fits best,
and the regret that came beside that of the simulated years and of trees trained on the first half of the cycles.

    python -m benchmarks.cycle_confidence [CYCLES]

Each cycle has a market of its own: three years drawn from the embedded one, which it sees, and a year that follows,
which it does not; holdings are up to five points off target. A decision came true where it loses least in that year.
The cycles do not overlap.
"""

import sys

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from statsmodels.discrete.discrete_model import Logit

from desk.cycle.alternatives import alternatives, as_held
from desk.cycle.analysis import Start, analysed
from foundation.arrays import Array
from research.allocation import target_path
from research.market import Market
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.risk.simulation.resampling import StationaryBootstrap
from research.risk.simulation.simulated import simulated_market
from research.rules.protocol import held_by

FILE, POLICY = "data/portfolios/desk.yaml", "threshold"
CYCLES, WORLDS = 2_000, 500
SEEN, AHEAD, BLOCK = 756, 254, 20.0  # rows that a cycle sees, rows that follow, and the mean block that is drawn
OFF, NAV, SINCE = 0.05, 1e7, 60  # of NAV; currency; rows since the last trade
JOURNALLED = 20  # rows after which the last outcome of a cycle is journalled
OTHERS = ("came true", "regret", "confidence", "soon share", "soon true")  # no features of a regret


def decided(portfolio: Portfolio, law: StationaryBootstrap, number: int) -> dict[str, float]:
    """The decision of one cycle of a simulated market."""
    return decided_at(portfolio, simulated_market(law, SEEN + AHEAD, seed=1, path=number), SEEN, number)


def decided_at(portfolio: Portfolio, whole: Market, row: int, number: int) -> dict[str, float]:
    """The decision at the close of a row, whether it came true, and its regret, expected and found, bp of NAV.

    number : seed of the holdings.
    """
    market = whole.until(whole.dates[row])
    weights = np.abs(portfolio.target + np.random.default_rng(number).uniform(-OFF, OFF, len(portfolio.target)))
    weights *= 0.99 / max(weights.sum(), 0.99)
    then = as_held(portfolio, market, NAV * weights, NAV * (1.0 - weights.sum()), market.dates[-SINCE])
    policy = then.policies[POLICY]
    targets = target_path(held_by(policy, then.strategic), market, start=row)
    listed = alternatives(trade_list(then, policy, targets=targets), targets)
    found, target = analysed(listed), listed[0].trades.target
    starts = [Start.of(each, policy) for each in listed]
    days = starts[0].opening.days
    growths = 1.0 + np.asarray(whole.returns[row + 1 : row + 1 + days])[None]
    soon, lost = np.array([each.losses(growths, target, [JOURNALLED, days]).sum(axis=(1, 2)) for each in starts]).T
    best, losses = found.best, np.array([each.losses for each in found.alternatives])
    regret = float(lost[found.alternatives.index(best)] - lost.min())
    return {
        "share": found.shares[best.name],
        "confidence": found.confidence,
        "came true": float(regret <= 0.0),
        "expected regret": float((best.losses - losses.min(axis=0)).mean()),
        "regret": regret,
        "drift": float(np.abs(weights - target).max()),
        "volatility": float((market.returns[1:] @ target).std()),
        "volatility lately": float((market.returns[-SINCE:] @ target).std()),
        "turnover": best.listed.trades.turnover,
        "loss": best.loss,
        "soon share": found.early(best.name)[JOURNALLED].best,
        "soon true": float(soon[found.alternatives.index(best)] <= soon.min()),
    }


def by_tenth(cycles: pd.DataFrame) -> pd.DataFrame:
    """Means of share, confidence and frequency, with its standard error, by tenths of the share."""
    shown = cycles[["share", "confidence", "came true"]]
    groups = shown.groupby(pd.qcut(cycles["share"], 10, duplicates="drop"), observed=True)
    table = groups.mean()
    table["cycles"] = groups.size()
    table["error"] = np.sqrt(table["came true"] * (1.0 - table["came true"]) / table["cycles"])
    return table


def calibration(cycles: pd.DataFrame) -> tuple[Array, Array]:
    """c, a and b of the confidence that fits a share best, and their standard errors."""
    share = cycles["share"].clip(0.5 / WORLDS, 1.0 - 0.5 / WORLDS)
    odds = np.column_stack([np.ones(len(share)), np.log(share), -np.log1p(-share)])
    fitted = Logit(cycles["came true"], odds).fit(disp=False)
    return fitted.params.to_numpy(), fitted.bse.to_numpy()


def regrets(cycles: pd.DataFrame) -> dict[str, float]:
    """Mean squared error of each prediction of the regret in the second half of the cycles, bp² of NAV."""
    half = len(cycles) // 2
    seen, judged = cycles[:half], cycles[half:]
    features = [name for name in cycles if name not in OTHERS]
    trees = LGBMRegressor(n_estimators=100, learning_rate=0.05, num_leaves=4, verbose=-1, random_state=0, n_jobs=1)
    trees.fit(seen[features].to_numpy(), seen["regret"])
    predicted = {
        "simulated years": judged["expected regret"],
        "trees": trees.predict(judged[features].to_numpy()),
        "their mean": seen["regret"].mean(),
    }
    return {name: float(((each - judged["regret"]) ** 2).mean()) for name, each in predicted.items()}


def main(cycles: int = CYCLES) -> None:
    """Print the tenths, the calibration and the regrets."""
    portfolio = load_portfolio(FILE, {"cycle.worlds": WORLDS})
    law = StationaryBootstrap(portfolio.market, BLOCK)
    found = pd.DataFrame([decided(portfolio, law, number) for number in range(cycles)])
    print(by_tenth(found).round(3).to_string())
    print("c, a, b {} (errors {})".format(*(each.round(3) for each in calibration(found))))
    print("squared errors of the regret:", {name: round(each, 3) for name, each in regrets(found).items()})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
