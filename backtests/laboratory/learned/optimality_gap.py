"""The gap of a learned policy to the optimum where that is known: a few assets, proportional costs.

Policy and optimal region are played on the same normal days, whose mean and covariance are those of the policy's
training days. Both decide at the end of each period and trade at the close that they see.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from backtests.laboratory.simulate import Laboratory, play, ratio
from foundation.arrays import Array, frozen_record
from foundation.dataclasses import dataclass, replace
from research.accounting import Costs
from research.allocation import FixedWeights
from research.learning import Learned, LearnedPolicy
from research.learning.settings import SESSIONS_A_DECISION
from research.learning.worlds.rollouts import ActionFunction, action_function, closed_form, with_band_actions
from research.learning.worlds.training_days import History, TrainingDays, training_days
from research.learning.worlds.worlds import Worlds
from research.risk import GBM
from research.rules import OptimalRegion
from research.rules.bands import is_fully_invested
from research.rules.networks.features import LOOKBACK
from research.rules.optimum.dynamic_programming import optimal_region
from research.rules.optimum.region import Region

PATHS, SEED = 300, 7
YEARS, WARM_UP = 10, 3  # that are counted, and that are not
TRAINED_ON = 600  # days that the worlds' settings are measured on; what is measured is replaced by the policy's own


@dataclass(frozen=True)
class Gap:
    """J of a policy over that of the optimum on the same paths.

    loss, optimum, closed_form : means over paths, bp of NAV a year; the last of the closed-form bands.
    gap, lower, upper : loss over the optimum's, less 1, and its 95 % bounds.
    paths : number of paths.
    """

    loss: float
    optimum: float
    closed_form: float
    gap: float
    lower: float
    upper: float
    paths: int


def why_no_optimum(card: Mapping[str, Any]) -> str:
    """The reason why no optimum is known for a policy's last target, in words; "" where one is known."""
    today = card["targets"][-1]
    whole = is_fully_invested(np.array(list(today["target"].values())))
    if len(today["target"]) > 2 + whole or len(card["assets"]) != len(today["target"]):
        return "it is known for one or two assets and cash, or two or three without, and this policy has more"
    if not card["objective"].get("proportional", False):
        return "it is known for proportional costs, and not all of these are"
    if card.get("schedule") == "month":
        return "calendar months differ from the months of simulated paths, which have 21 sessions each"
    if "mean" not in today:
        return "its card lacks the mean return of the training days"
    return ""


def region_of(policy: LearnedPolicy) -> Region:
    """The optimal region for the policy's last target and interval between decisions.

    Raises : ConfigError as `optimal_region` does.
    """
    lab = _laboratory(policy, 2)
    mean, covariance = lab.model.mean, lab.model.covariance  # type: ignore[attr-defined]
    return _region(
        lab.target,
        tuple(mean.tolist()),
        tuple(map(tuple, covariance.tolist())),
        tuple(lab.costs.total.tolist()),
        lab.tracking_penalty,
        SESSIONS_A_DECISION[policy.schedule] / lab.periods_per_year,
    )


@lru_cache(maxsize=8)  # the gap of a policy and the picture of its region ask for the same one
def _region(
    target: tuple[float, ...],
    mean: tuple[float, ...],
    covariance: tuple[tuple[float, ...], ...],
    cost: tuple[float, ...],
    tracking_penalty: float,
    interval: float,
) -> Region:
    arrays = np.array(target), np.array(mean), np.array(covariance), np.array(cost)
    return optimal_region(*arrays, tracking_penalty, interval)


def gap_of(policy: LearnedPolicy, region: Region, paths: int = PATHS) -> Gap:
    """The gap of a policy and of the closed-form bands to the optimal region, on the same paths."""
    laboratory = _laboratory(policy, paths)
    best = play(laboratory, OptimalRegion(FixedWeights(laboratory.target), region, schedule=policy.schedule)).loss  # type: ignore[arg-type]
    days = _days(policy, laboratory)
    found = losses(laboratory, days, action_function(policy.net, policy.standard))
    plain = losses(laboratory, with_band_actions(days), closed_form(days))
    gap = ratio(found, best)
    loss, optimum, closed = (float(one.mean()) for one in (found, best, plain))
    return Gap(loss, optimum, closed, gap.value, gap.lower, gap.upper, paths)


def losses(laboratory: Laboratory, days: TrainingDays, answer: ActionFunction) -> Array:
    """(W,) J of a policy on each path of a laboratory after its warm-up, bp of NAV a year.

    laboratory : the paths.
    days       : targets, half-widths and covariances that features are measured in.
    answer     : the policy.
    """
    returns = laboratory.model.returns(laboratory.paths, laboratory.days, laboratory.seed)
    before = days.history.returns[:LOOKBACK]  # what is seen at the opening, and forgotten by the time that counts
    rows = np.concatenate([before, returns.reshape(-1, returns.shape[-1])])
    drawn = np.empty((laboratory.paths, LOOKBACK + laboratory.days), dtype=np.int64)
    drawn[:, :LOOKBACK] = np.arange(LOOKBACK)
    drawn[:, LOOKBACK:] = LOOKBACK + np.arange(returns.shape[0] * returns.shape[1]).reshape(returns.shape[:2])
    history = frozen_record(History(rows, np.zeros(len(rows)), np.ones(rows.shape, dtype=bool)))
    theirs = replace(days.without_variation, history=history)
    decisions = laboratory.days // days.sessions
    last = np.full(laboratory.paths, len(days.share) - 1)
    worlds = Worlds(theirs, last, decisions, laboratory.seed, drawn[:, : LOOKBACK + decisions * days.sessions])
    terms = np.empty((decisions, laboratory.paths))
    for one in terms:
        one[:] = worlds.act(answer(worlds.features(worlds.everyone)))
        worlds.rescale()  # a ticket stays what it is of NAV
    counted = terms[laboratory.warm_up // days.sessions :].mean(axis=0)
    found: Array = counted / days.sessions * laboratory.periods_per_year * 1e4
    return found


def _laboratory(policy: LearnedPolicy, paths: int) -> Laboratory:
    """Normal days with the moments and costs of the policy's card, in weeks of five sessions."""
    card = policy.card
    today, objective = card["targets"][-1], card["objective"]
    year = float(objective["periods_per_year"])
    bps = [objective["costs_bps"][asset] for asset in policy.assets]
    days = int(year) // 5 * 5
    return Laboratory(
        GBM(np.array([today["mean"][a] for a in policy.assets]), policy.scales.covariance[-1], year),
        tuple(today["target"][asset] for asset in policy.assets),  # a card's own keys are sorted
        Costs.bps(len(policy.assets), commission=[b["commission"] + b["half_spread"] for b in bps]),
        objective["tracking_penalty"],
        paths,
        days * (YEARS + WARM_UP),
        SEED,
        warm_up=days * WARM_UP,
        calendar="24/5",
        start="1989-12-29",  # a Friday: worlds and the calendar then decide on the same days
        periods_per_year=year,
    )


def _days(policy: LearnedPolicy, laboratory: Laboratory) -> TrainingDays:
    """The training days of a laboratory: its costs, with the policy's own scales."""
    spec = Learned(FixedWeights(laboratory.target), schedule=policy.schedule)  # type: ignore[arg-type]
    market = replace(laboratory, days=TRAINED_ON, warm_up=0).market(0)
    days = training_days(
        spec, market, laboratory.costs, laboratory.tracking_penalty, laboratory.periods_per_year, lag=0
    )
    own = policy.scales
    last = own._replace(target=own.target[-1:], half_width=own.half_width[-1:], covariance=own.covariance[-1:])
    return replace(days, scales=last, action=policy.action)
