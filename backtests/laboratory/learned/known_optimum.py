"""Learners in a market whose optimal policy is known: each seed's loss above the optimum, on out-of-sample paths.

Every learner trains on the same forty thousand simulated weeks. Its policy and the optimum are then played on the same
other paths, so that random shocks cancel in their difference.
"""

import time
from collections.abc import Mapping, Sequence
from functools import cached_property, partial

import numpy as np
import pandas as pd

from backtests.laboratory.learned.optimality_gap import losses
from backtests.laboratory.simulate import Laboratory, ratio
from backtests.laboratory.simulated_market import WEEKS, SimulatedMarket
from foundation.arguments import is_number, refuse
from foundation.arrays import Array
from foundation.compiled import compiled
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.files import DATA
from foundation.paper.wording import percent
from research.allocation import FixedWeights
from research.learning import Learned, PPOSettings
from research.learning.learners.learning_curve import SeedResult
from research.learning.training import learner_of
from research.learning.worlds.rollouts import action_function, closed_form, measure_scaling, with_band_actions
from research.learning.worlds.training_days import TrainingDays, training_days
from research.market import Market, instruments_table
from research.risk.measures import BPS
from research.rules.optimum.region import Region, Surfaces, destination, wants

TRAINED_ON, LEARNED_FROM = 40_000, 77  # weeks, and the seed that they are drawn from
SHIPPED = DATA / "studies" / "known_optimum"
ALL_LINES = ("hold_or_trade", "fraction", "gate", "exposure", "weights")  # actions whose trades move every asset


@dataclass(frozen=True, eq=False)
class KnownOptimum:
    """A simulated market with weekly decisions, traded at the close that is seen, and the paths for comparison.

    market : the simulated market; its ticket is the fee of an event.
    paths  : number of paths, of ten years each.
    seed   : seed of the paths.
    """

    market: SimulatedMarket
    paths: int = 1_000
    seed: int = 7

    @cached_property
    def laboratory(self) -> Laboratory:
        """The paths and costs. A trade of all assets pays the fee: an equal share is the ticket of each asset."""
        laboratory, lines = self.market.laboratory(self.paths, self.seed), len(self.market.target)
        ticket = np.full(lines, self.market.ticket / lines)
        return replace(laboratory, costs=replace(laboratory.costs, ticket=ticket))

    @cached_property
    def region(self) -> Region:
        """The optimal no-trade region."""
        return self.market.region()

    @cached_property
    def best(self) -> Array:
        """(W,) J of the optimum on each path, bp of NAV a year."""
        return region_losses(self.laboratory, self.region)

    @cached_property
    def weeks(self) -> Market:
        """The simulated weeks of training, as days of a calendar without holidays."""
        returns = self.laboratory.model.returns(1, TRAINED_ON, LEARNED_FROM)[0]
        days = np.arange(np.datetime64("1901-01-04"), np.datetime64("2100-01-01"))
        names = tuple("ABCDEFGHIJ"[: returns.shape[1]])
        return Market(
            pd.DatetimeIndex(days[np.is_busday(days)][:TRAINED_ON]), names, returns,
            np.ones(returns.shape, dtype=bool), np.zeros(TRAINED_ON), instruments_table(names),
            np.full(returns.shape, np.nan), calendar="24/5", name="weeks",
        )  # fmt: skip

    def days(self, spec: Learned) -> TrainingDays:
        """The training days of a learner.

        Raises : ConfigError for an action whose trades would pay only part of the fee.
        """
        if self.market.ticket and spec.action not in ALL_LINES:
            raise ConfigError(
                f"with a fee for each event, action {spec.action!r} would pay only for the assets that it "
                "trades: use one "
                f"of {', '.join(ALL_LINES)}."
            )
        one_by_one = replace(spec, schedule="day", block=1)
        return training_days(one_by_one, self.weeks, self.laboratory.costs, self.market.tracking_penalty, WEEKS, lag=0)


def learners(target: FixedWeights, seeds: Sequence[int], share: float = 1.0) -> dict[str, Learned]:
    """The learners of a market without fees, by name.

    target : the target to hold.
    seeds  : one policy is trained for each.
    share  : fraction of each learner's training budget, above 0 and at most 1.
    """
    made = {
        "gradient, bands": Learned(target, 1_500_000, learner="gradient"),
        "ppo, bands": Learned(target, 1_500_000, learner="ppo"),
        "ppo, fraction": Learned(target, 1_500_000, action="fraction", learner="ppo"),
        "ppo, hold or trade": Learned(target, 1_500_000, action="hold_or_trade", learner="ppo"),
        "ppo, weights": Learned(target, 1_500_000, action="weights", learner="ppo"),
        "sac, bands": Learned(target, 300_000, learner="sac"),
        "cross-entropy, bands": Learned(target, 3_000_000, learner="cross_entropy"),
    }
    return _of(made, seeds, share)


def learners_with_fee(target: FixedWeights, seeds: Sequence[int], share: float = 1.0) -> dict[str, Learned]:
    """The learners of a market with a fee for every event, by name; parameters as in `learners`."""
    wide = PPOSettings(worlds=1024, batch=8192)
    made = {
        "ppo, hold or trade": Learned(target, 2_500_000, action="hold_or_trade", learner="ppo", ppo=wide),
        "ppo, gate": Learned(target, 8_000_000, action="gate", learner="ppo", ppo=replace(wide, epochs=3)),
        "dqn, hold or trade": Learned(target, 400_000, action="hold_or_trade", learner="dqn"),
        "cross-entropy, gate": Learned(target, 6_000_000, action="gate", learner="cross_entropy"),
    }
    return _of(made, seeds, share)


def _of(made: Mapping[str, Learned], seeds: Sequence[int], share: float) -> dict[str, Learned]:
    if not (is_number(share) and 0.0 < share <= 1.0):
        refuse("share is", share, "give a fraction of the budgets, above 0 and at most 1.")
    return {name: replace(s, steps=max(int(s.steps * share), 1), seeds=tuple(seeds)) for name, s in made.items()}


def gaps_to_optimum(known: KnownOptimum, learners: Mapping[str, Learned]) -> pd.DataFrame:
    """A row for each learner and seed, and without a fee one for the closed-form bands.

    Columns : loss, bp of NAV a year; gap, lower, upper: loss over the optimum's on the same paths, less 1, and its 95 %
              bounds; steps, decisions of the training; seconds, its processor time.
    known    : market and paths.
    learners : settings by name.
    """
    rows = []
    if not known.market.ticket:
        days = known.days(next(iter(learners.values())))
        found = losses(known.laboratory, with_band_actions(days), closed_form(days))
        rows.append({"learner": "closed form", "seed": 0, **_gap(found, known.best), "steps": 0, "seconds": 0.0})
    for name, spec in learners.items():
        days = known.days(spec)
        standard, _ = measure_scaling(days, spec)
        for seed in spec.seeds:
            begun = time.process_time()
            result: SeedResult = learner_of(spec.learner)(days, spec, seed, lambda steps: None)
            seconds = time.process_time() - begun
            found = losses(known.laboratory, days, action_function(result.net, standard))
            own = {"steps": result.steps, "seconds": seconds}
            rows.append({"learner": name, "seed": seed, **_gap(found, known.best), **own})
    return pd.DataFrame(rows)


def _gap(found: Array, best: Array) -> dict[str, float]:
    """J, bp of NAV a year, and its relative gap to the optimum's."""
    over = ratio(found, best)
    return {"loss": float(found.mean()), "gap": over.value, "lower": over.lower, "upper": over.upper}


def shipped(market: str) -> pd.DataFrame:
    """The shipped results of five seeds of each learner at the full budget.

    market  : "plain" or "fee".
    Returns : a row for each learner and seed; columns and units as `gaps_to_optimum` gives them.
    Raises  : DataError for a file that cannot be read.

    `python -m benchmarks.learning` computes them again and prints where it writes them.
    """
    path = SHIPPED / f"{market}.csv"
    try:
        return pd.read_csv(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}. Restore it from the repository.") from error


def summary(plain: pd.DataFrame, fee: pd.DataFrame) -> str:
    """Two tables of `gaps_to_optimum` in words, without and with a fee, in the order of median gaps.

    plain : a row for each learner and seed without a fee; columns and units as `gaps_to_optimum` gives them.
    fee   : the same with a fee for every event, rows, columns and units alike.
    """
    sentences = []
    for where, table in (("Without a fee", plain), ("With a fee for every event", fee)):
        gaps = table.groupby("learner")["gap"].agg(["median", "min", "max", "size"]).sort_values("median")
        said = gaps.map(partial(percent, digits=2, signed=True)).assign(size=gaps["size"])
        each = [
            f"{name} {row['median']}" + (f" ({row['min']} to {row['max']})" if row["size"] > 1 else "")
            for name, row in said.iterrows()
        ]
        seeds = int(gaps["size"].max())
        sentences.append(f"{where}, J above the optimum's, median and range of {seeds} seeds: {'; '.join(each)}.")
    return "\n\n".join(sentences)


def region_losses(laboratory: Laboratory, region: Region) -> Array:
    """(W,) J of the region on each path of a laboratory after its warm-up, bp of NAV a year.

    An event has one fee, whatever is traded, as in the dynamic programme. The accounting charges a ticket for each
    order: where all trades of a rule move every asset, tickets that sum to the fee give the same costs. The optimum may
    trade one asset alone, and is therefore played here.
    """
    growths = laboratory.model.growths(laboratory.paths, laboratory.days, laboratory.seed)
    losses = np.empty(laboratory.paths)
    _play(growths, region.target, region.cost, region.tracking_penalty, region.surfaces, laboratory.warm_up, losses)
    found: Array = losses / (laboratory.days - laboratory.warm_up) * laboratory.periods_per_year * BPS
    return found


@compiled
def _play(
    growths: Array, target: Array, cost: Array, tracking_penalty: float, region: Surfaces, first: int, losses: Array
) -> None:
    """Write (W,) sums of cost + g/2 x active^2 over the days from row `first` on; growths (W, D, n)."""
    n = len(target)
    gap, to = np.empty(n), np.empty(n)
    for w in range(len(growths)):
        gap[:], losses[w] = 0.0, 0.0
        for t in range(growths.shape[1]):
            paid = 0.0
            if wants(gap, region):
                destination(gap, region, to)
                paid += region.ticket
                for i in range(n):
                    paid += cost[i] * abs(to[i] - gap[i])
                    gap[i] = to[i]
            active, nav = 0.0, 1.0
            for i in range(n):
                grown = growths[w, t, i] - 1.0
                active += gap[i] * grown
                nav += (target[i] + gap[i]) * grown
            for i in range(n):
                gap[i] = (target[i] + gap[i]) * growths[w, t, i] / nav - target[i]
            if t >= first:
                losses[w] += paid + 0.5 * tracking_penalty * active * active
