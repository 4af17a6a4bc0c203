"""Backtests of what PyPortfolioOpt, Riskfolio-Lib and skfolio offer, on three shipped markets: how many end, and why.

Each objective of the libraries, at the defaults of its other parameters, is refitted each month on a year of returns
through the test of each portfolio. A refit without a solution holds the weights before; the noise of a solver is taken
back.

`python -m benchmarks.library_backtests` prints a row a library and market; with a number, of so many of each library.
"""

import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from typing import Any

from backtests.engine import backtest
from backtests.engine.run import conditions
from benchmarks.timing import keep, machine
from foundation.errors import InputError
from foundation.files import DATA
from foundation.progress import bar
from research.allocation import EstimatorAllocation
from research.allocation.peers import (
    OBJECTIVES,
    RETURN_MODELS,
    RISK_MODELS,
    RISKFOLIO_MODELS,
    EfficientFrontier,
    HCPortfolio,
    HRPOpt,
    Portfolio,
)
from research.portfolio import load_portfolio
from research.rules import Calendar

MARKETS = ("under_limits", "global_multi_asset", "stocks_20")
RETURN, VOLATILITY = 0.05, 0.12  # a year, of the frontiers that ask for one
ENDED, HELD = "ended", "refits held"


def _pypfopt() -> Iterator[Any]:
    yield from (EfficientFrontier(method) for method in ("max_sharpe", "min_volatility", "max_quadratic_utility"))
    yield EfficientFrontier("efficient_risk", target_volatility=VOLATILITY)
    yield EfficientFrontier("efficient_return", target_return=RETURN)
    yield from (EfficientFrontier("min_volatility", risk_model=model) for model in RISK_MODELS)
    for model, most, method in product(RETURN_MODELS, (1.0, 0.6), ("max_sharpe", "max_quadratic_utility")):
        yield EfficientFrontier(method, expected_returns=model, weight_bounds=(0.0, most))
    yield HRPOpt()


def _riskfolio() -> Iterator[Any]:
    for rm in ("MV", "MAD", "CVaR", "CDaR"):
        yield from (Portfolio(obj=objective, rm=rm) for objective in OBJECTIVES)
        yield Portfolio("rp_optimization", rm=rm)
    yield from (HCPortfolio(model=model, rm=rm) for model, rm in product(RISKFOLIO_MODELS, ("MV", "CVaR", "MDD")))
    yield from (HCPortfolio(model="NCO", obj=objective) for objective in ("Utility", "Sharpe"))


def _skfolio() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from skfolio import RiskMeasure
        from skfolio import optimization as theirs
    for name in ("VARIANCE", "CVAR", "CDAR", "SEMI_VARIANCE", "MEAN_ABSOLUTE_DEVIATION", "WORST_REALIZATION"):
        measure = RiskMeasure[name]
        yield from (theirs.MeanRisk(objective_function=of, risk_measure=measure) for of in theirs.ObjectiveFunction)
        yield theirs.RiskBudgeting(risk_measure=measure)
    yield theirs.HierarchicalRiskParity()
    yield theirs.HierarchicalEqualRiskContribution()
    yield theirs.MaximumDiversification()
    yield theirs.InverseVolatility()
    yield theirs.EqualWeighted()
    yield theirs.NestedClustersOptimization()
    yield theirs.DistributionallyRobustCVaR()


LIBRARIES = {"PyPortfolioOpt": _pypfopt, "Riskfolio-Lib": _riskfolio, "skfolio": _skfolio}


def played(market: str, library: str, number: int) -> tuple[str, str, int, int, str]:
    """Library, market, refits and those that were held, and the error that ended the backtest or ""."""
    portfolio = load_portfolio(DATA / "portfolios" / f"{market}.yaml")
    estimator = list(LIBRARIES[library]())[number]
    allocation = EstimatorAllocation(estimator, round(portfolio.periods_per_year), "month")
    terms = conditions(portfolio, start=portfolio.test_start, name=library)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = backtest(portfolio.market, Calendar(allocation, "month"), portfolio.costs, **terms).targets
    except InputError as error:
        return library, market, 0, 0, f"{allocation.estimator_text}: {error}"
    return library, market, len(path.answers), sum(bool(one.fallback) for one in path.answers), ""


def main() -> None:
    """Play all of them in parallel and print; `python -m benchmarks.library_backtests 3` plays 3 of each library."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else sys.maxsize
    counts = {library: len(list(of())) for library, of in LIBRARIES.items()}
    jobs = [(m, of, k) for m in MARKETS for of, count in counts.items() for k in range(min(count, most))]
    with bar(len(jobs), "playing", "backtests") as progress, ProcessPoolExecutor() as pool:
        waiting, found = [pool.submit(played, *job) for job in jobs], []
        for done in as_completed(waiting):
            found.append(done.result())
            progress.update()
    print(machine())
    facts = {}
    for library in counts:
        for market in MARKETS:
            own = [one for one in found if one[:2] == (library, market)]
            ended = sum(bool(error) for *_, error in own)
            refits, held = (sum(one[k] for one in own) for k in (2, 3))
            facts[f"{library} {market}"] = {"backtests": len(own), ENDED: ended, "refits": refits, HELD: held}
            print(f"{library:15} {market:20} {len(own):4} backtests, {ended} {ENDED}, {held} of {refits:,} {HELD}")
    print(*sorted(error for *_, error in found if error), sep="\n")
    keep("library_backtests", facts)


if __name__ == "__main__":
    main()
