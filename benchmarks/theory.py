"""How far real losses are from theory: the spread that a recommendation gives to what simulated tests expect.

In each of the 73 cases of the study of real markets every rule is played in its three years, and in simulated tests
with the covariance of these years. The logarithm of the real J less its mean in simulated tests, at the variance of the
window, is held against the spread of simulated tests.

`python -m benchmarks.theory` writes the table of docs/evidence.md.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.comparison.belief import SPREAD, DailyTerms
from backtests.comparison.simulated_tests import simulated_tests
from backtests.engine import backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.studies.real_markets.cases import Case, all_cases
from benchmarks.laws import usual_rules
from benchmarks.timing import keep, machine, write_section
from foundation.progress import bar
from research.allocation import FixedWeights
from research.learning import Universal
from research.risk.measures import TRACKING_PENALTY
from research.rules import Calendar, Rule, Threshold

HEADING = "## How far real losses are from theory\n"
CLASSES = {
    "calendar": ("yearly", "quarterly", "monthly", "weekly"),
    "band to target": ("band of 5 points", "band of 2 points", "band of 1 point"),
    "band to its edge": ("2 points, to the edge", "1 point, to the edge", "closed form"),
    "learned": ("universal",),
}


def rules(held: FixedWeights) -> dict[str, Rule]:
    """The rules by name."""
    return {
        **usual_rules(held),
        "weekly": Calendar(held, "week"),
        "1 point, to the edge": Threshold(held, band=0.01, to="edge"),
        "universal": Universal(held, schedule="week"),
    }


def residuals(one: Case) -> tuple[pd.Series, pd.Series, float]:
    """By rule: log of the real J less its mean in simulated tests, and the spread of these.

    The third is the mean square of the first over all pairs of rules, in spreads of the pair in simulated tests.
    """
    setup, played = one.setup, rules(FixedWeights(one.weights))
    real = {n: backtest(setup.market, r, setup.costs, start=one.start, lag=1, name=n) for n, r in played.items()}
    benchmark = Benchmark.of(next(iter(real.values())), TRACKING_PENALTY)
    terms, tests = DailyTerms.of(real, benchmark), simulated_tests(real, benchmark)
    assert tests is not None
    theory = tests.expected(terms.variance, tests.logs(TRACKING_PENALTY))
    covariance = theory.left.T @ theory.left
    measured = np.log(terms.losses(TRACKING_PENALTY).mean(axis=0))
    names = list(terms.names)
    left = pd.Series(measured, names) - pd.Series(theory.log - theory.skew, tests.names)
    first, second = np.triu_indices(len(tests.names), 1)
    variance = np.diag(covariance)
    of_pairs = left[list(tests.names)].to_numpy()
    apart = (of_pairs[first] - of_pairs[second]) ** 2
    expected = variance[first] + variance[second] - 2.0 * covariance[first, second]
    return left[names], pd.Series(np.sqrt(variance), tests.names)[names], float(np.mean(apart / expected))


def table(left: pd.DataFrame, spread: pd.DataFrame) -> list[Mapping[str, float | str]]:
    """A row a class and one for all: mean and spread of the logarithm, and its size in spreads of simulated tests."""
    rows = []
    for name, members in (CLASSES | {"all": tuple(left)}).items():
        own, ratio = left[list(members)].to_numpy(), (left / spread)[list(members)].to_numpy()
        rows.append(
            {
                "class": name,
                "mean": own.mean(),
                "spread": own.std(),
                "simulated": spread[list(members)].to_numpy().mean(),
            }
            | {"size": np.sqrt(np.mean(ratio**2))}
        )
    return rows


def main() -> None:
    """Play all cases, write the page and print."""
    cases = all_cases()
    found = []
    with bar(len(cases), "playing", "cases") as progress:
        for one in cases:
            found.append(residuals(one))
            progress.update()
    left, spread = (pd.DataFrame([case[k] for case in found]) for k in (0, 1))
    rows = table(left, spread)
    pairs = float(np.sqrt(np.mean([case[2] for case in found])))
    lines = [
        f"Made by `python -m benchmarks.theory` in {len(cases)} windows of three years: the logarithm of the real J "
        "less its mean in simulated tests, between windows; the spread of simulated tests of three years; and the "
        f"first in units of the second, as a root of its mean square. Of the ratio of two rules' J that size is "
        f"{pairs:.2f}. The recommendation takes {SPREAD:g}.",
        "",
        "| class | mean | spread | simulated | size |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {r['class']} | {r['mean']:+.2f} | {r['spread']:.2f} | {r['simulated']:.2f} | {r['size']:.2f} |"
            for r in rows
        ),
        "",
    ]
    write_section(HEADING, "\n".join(lines))
    print(machine(), *lines, sep="\n")
    keep("theory", {str(r["class"]): float(r["size"]) for r in rows} | {"pairs": pairs})


if __name__ == "__main__":
    main()
