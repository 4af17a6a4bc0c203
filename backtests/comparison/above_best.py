"""The largest excess of policies over the best possible loss, at the covariance of the test's days.

A realised J is one draw, and may be below what is possible in the mean. So expectations are compared: the mean J of a
policy on long simulated paths (`backtests.laboratory`), and the lower bound on the expected J of all rules in that same
market (`research.rules.optimum.lower_bound`). Both have log returns of the covariance of the test's days, constant and
normal, without differences in expected growth; commission, spread and tickets of the file, these over the first NAV;
its tracking penalty; a decision a row, booked at the close that is seen; and no limits. What a policy is above the
bound is at least what it is above the best rule, which is unknown. The covariance is taken as known: its own error is
in neither.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from backtests.comparison.kept_simulations import KeptSimulation
from backtests.comparison.simulated_tests import SimulatedTests, covariance_of_test
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.inference.estimates import Estimate, NotAvailable
from backtests.laboratory.simulate import Laboratory, estimate, play
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, InputError
from foundation.paper.wording import listed, percent
from research.accounting import Costs
from research.risk import GBM
from research.risk.measures import BPS
from research.rules.bands import is_fully_invested
from research.rules.optimum.lower_bound import lower_bound
from research.rules.protocol import traits

PATHS, YEARS, WARM_UP = 30, 10, 3  # of the laboratory, the last before the years that count
BOUND_SEED = 1
FEW_ASSETS, MOST_ASSETS = 3, 30  # for which the bound's programme is quick; for which the bound takes seconds
LONGEST_INTERVAL = 1 / 12  # years between two decisions for which the bound holds
NOT_THE_STRATEGIC = "it does not hold the strategic target, or cannot be simulated"
NOT_COUNTED = ("per_unit", "minimum", "impact", "management_fee")  # costs that the bound does not know


@dataclass(frozen=True)
class AboveBest:
    """The lower bound of the expected J, and what policies are above it.

    bound   : bp of NAV a year.
    rivals  : the rules that the bound is of, in words.
    figures : by policy, its expected J over the bound, less 1, a fraction; the interval is that of the simulation, and
              its upper end is what the policy is above the bound at most.
    missing : by policy without a figure, the reason.
    """

    bound: float
    rivals: str
    figures: Mapping[str, Estimate]
    missing: Mapping[str, str]

    def sentence(self, name: str) -> str:
        """The statement on a policy."""
        if name not in self.figures:
            return f"Not stated for {name}: {self.missing.get(name, NOT_THE_STRATEGIC)}."
        found = self.figures[name]
        loss = found.plus(1.0).times(self.bound)
        return (
            f"{name} is at most {percent(max(found.upper, 0.0), 0)} above the best possible: its expected J is "
            f"{loss.value:.3g} bp a year, {percent(found.level, 0)} interval of the simulation {loss.interval(2)}, and "
            f"that of {self.rivals} at least {self.bound:.3g}. Both are of markets with the covariance of the test, "
            "booked at the close that is seen; they count commission, spread, tickets and tracking, not limits, lags "
            "or least trades."
        )


def above_best(
    played: Mapping[str, Backtest], benchmark: Benchmark, tests: SimulatedTests | None
) -> AboveBest | NotAvailable:
    """The excess of policies over the lower bound, or the reason why it is not stated.

    played    : backtests of one market and test, by name.
    benchmark : benchmark with the strategic target.
    tests     : simulated tests, or None; the policies in them are those that hold the strategic target.
    """
    one, year = next(iter(played.values())), benchmark.periods_per_year
    target, costs = benchmark.strategic.rows[-1], one.costs
    others = [name.replace("_", " ") for name in NOT_COUNTED if np.any(getattr(costs, name))]
    others += ["tax"] * costs.is_taxed + ["cash flows"] * bool(one.flows.any())
    covariance = covariance_of_test(one, benchmark)
    why = {
        "the target moves, or no policy that holds it can be simulated": tests is None or covariance is None,
        f"the bound does not count {', '.join(others)}": bool(others),
        "an asset has no weight in the target, or one below zero": not (target > 0.0).all(),
        "an asset trades without a cost, or at an unknown one": not (costs.total > 0.0).all(),
        f"the bound takes too long for more than {MOST_ASSETS} assets": len(target) > MOST_ASSETS,
        "the bound holds for decisions a month apart at most": not 1.0 / year <= LONGEST_INTERVAL,
    }
    if reasons := [reason for reason, applies in why.items() if applies]:
        return NotAvailable(f"Not stated: {listed(reasons)}.")
    assert tests is not None
    assert covariance is not None
    penalty, still, steps = benchmark.tracking_penalty, np.zeros(len(target)), round(year)
    tickets = np.broadcast_to(costs.ticket, len(target)) / one.ledger.nav[0]
    try:
        problem = target, still, covariance, costs.total, penalty, 1.0 / year
        options: dict[str, Any] = {"order_tickets": tickets, "mixed": len(target) <= FEW_ASSETS}
        file = KeptSimulation(None, "bound", problem, options)
        found = file.load() or file.save(bound=np.array([lower_bound(*problem, **options).value]))
    except ConfigError as error:
        return NotAvailable(f"Not stated: {error}")
    bound = BPS * float(found["bound"][0])
    if not bound > 0.0:
        return NotAvailable("Not stated: the bound is zero in this market.")
    laboratory = Laboratory(
        GBM(still, covariance, year), tuple(target.tolist()), Costs(costs.total, still, ticket=tickets), penalty, PATHS,
        steps * (YEARS + WARM_UP), BOUND_SEED, warm_up=steps * WARM_UP, instruments=one.market.instruments,
        calendar=one.market.calendar, start=one.dates[0], periods_per_year=year,
        keeps=True,
    )  # fmt: skip
    figures, missing = {}, {}
    for name in tests.names:
        if traits(policy := played[name].policy).family == "never":
            missing[name] = "it never trades, and its gaps grow for ever"
            continue
        try:
            file = KeptSimulation(policy, "loss", laboratory)
            kept = file.load() or file.save(loss=play(laboratory, policy).loss)
            figures[name] = estimate(kept["loss"]).times(1.0 / bound).plus(-1.0)
        except InputError as error:
            missing[name] = str(error).rstrip(".")
    rivals = "every rule that holds no cash" if is_fully_invested(target) else "every rule"
    return AboveBest(bound, rivals, figures, missing)
