"""The recommendation: what the desk does now, unless another policy is expected to lose materially less.

It is a decision, not a test. A policy loses its costs and taxes, the price of its tracking error, and what its days and
orders cost the desk, in currency a year; `backtests.comparison.belief` says how likely each loss is.

1. A candidate holds the target and keeps the limits of the file in the test. Never to trade is one where the desk does
   so now, and in tests that are long enough to show how far it drifts.
2. What the desk does now stays while it is expected to lose no more than the margin above the best of those that are
   better with a probability of `SURE`.
3. Else the choice is among these; where what the desk does now breaches a limit, it is among all candidates, however
   likely they are to be better. Those within the margin of the best of them are equally good: the one with the fewest
   days of trading is taken, then the fewest orders, then the simplest class.

Where the file lets the target change, `axes.recommend_with_target` chooses it first; comparisons ask through that.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backtests.comparison.belief import DRAWS, DailyTerms, belief
from backtests.comparison.simulated_tests import SimulatedTests
from backtests.evaluation.scores import Score
from backtests.inference.estimates import INTERVAL_LEVEL, WEAK_YEARS, Estimate, is_short
from foundation.arrays import Array
from foundation.paper.wording import digits_apart, percent
from research.allocation import Allocation
from research.portfolio import Portfolio
from research.risk.measures import BPS
from research.rules.protocol import complexity, held_by, traits

JUDGED = ("loss", "tracking_error", "days_outside", "trading_days", "trades")  # the metrics that it looks at
SURE = 0.8  # probability of a gain, from which on a change is made
NEAR, MORE = 0.02, 8  # a probability so near to it, three standard errors, is found by so many times the draws
OTHER_TARGET = "it holds, or was tuned for, other target weights than the candidates"
TOO_SHORT = f"a test of less than {WEAK_YEARS} years does not show how far it drifts"


@dataclass(frozen=True, order=True)
class Work:
    """The work that a policy asks of the desk: the less, the fewer days, then the fewer orders, then the simpler.

    days    : days with a trade, a year, as the metric `trading_days` has them.
    orders  : orders a year, as the metric `trades` has them.
    simple  : place of its class among `research.rules.protocol.RULE_FAMILIES`, from the simplest on.
    """

    days: float
    orders: float
    simple: int

    @classmethod
    def of(cls, scored: Score, policy: object) -> "Work":
        """The work of a policy, by the scores of its backtest."""
        return cls(scored["trading_days"], scored["trades"], complexity(policy))


@dataclass(frozen=True)
class Candidate:
    """The expected loss of a policy, in currency a year, and its expected gain over the desk's present policy.

    loss   : costs, taxes, tracking error, days and orders at the desk's prices.
    gain   : the expected gain, and an interval of the gains that test and theory leave likely.
    better : probability that the gain is above zero.
    pays   : probability that it is more than the margin.
    work   : days and orders.
    """

    loss: float
    gain: Estimate
    better: float
    pays: float
    work: Work


@dataclass(frozen=True)
class Recommendation:
    """The recommended policy, and the alternatives.

    policy     : its name, or None.
    now        : name of the desk's present policy; the candidate with the least work where the file names none, or
                 one of another target; None without a candidate.
    nav        : NAV of the portfolio, currency.
    margin     : smallest material difference, currency a year.
    candidates : candidates within the limits, by name.
    prices     : for each candidate that is expected to lose less and asks for more days: the price of a trading day, in
                 currency, below which it pays in place of the recommended one; the highest price first.
    volatility : volatility of the market in the test, a year, at which losses are stated.
    broken     : for each policy that is no candidate, the limits that it breached, or another reason (`OTHER_TARGET`,
                 `TOO_SHORT`).
    target     : the reason why another target than the strategic one is held, where the file lets it change; else "".
    stays      : the reason why the strategic one is held, where the file lets it change; else "".
    """

    policy: str | None
    now: str | None
    nav: float
    margin: float
    candidates: Mapping[str, Candidate]
    prices: Mapping[str, float]
    volatility: float
    broken: Mapping[str, tuple[str, ...]]
    target: str = ""
    stays: str = ""

    @property
    def is_kept(self) -> bool:
        """True if the desk goes on as now."""
        return self.policy == self.now

    @property
    def best(self) -> str | None:
        """The candidate of the least expected loss."""
        return min(self.candidates, key=lambda name: self.candidates[name].loss, default=None)

    @property
    def best_change(self) -> str | None:
        """The candidate of the least expected loss among those better than now with a probability of `SURE`."""
        sure = (name for name, one in self.candidates.items() if one.better >= SURE)
        return min(sure, key=lambda name: self.candidates[name].loss, default=None)

    @property
    def as_good(self) -> tuple[str, ...]:
        """The other candidates whose expected loss is within the margin of the best one's."""
        losses = [one.loss for one in self.candidates.values()]
        near = (name for name, one in self.candidates.items() if one.loss - min(losses) <= self.margin)
        return tuple(name for name in near if name != self.policy)


@dataclass(frozen=True, eq=False)
class Question:
    """The inputs of a recommendation, from which it is made again when something changes.

    terms            : daily terms of the test, of the candidates and the desk's present policy.
    tests            : simulated tests, or None.
    work             : work of each policy.
    eligible         : for each policy, True if it is a candidate.
    now              : place of the desk's present policy, or None where the file names none that can be compared.
    nav              : NAV, currency.
    margin           : smallest material difference, currency a year.
    tracking_penalty : price of squared tracking error.
    day_cost         : cost to the desk of a day with a trade, currency.
    order_cost       : cost to the desk of an order, currency.
    """

    terms: DailyTerms
    tests: SimulatedTests | None
    work: Sequence[Work]
    eligible: Sequence[bool]
    now: int | None
    nav: float
    margin: float
    tracking_penalty: float
    day_cost: float
    order_cost: float

    def losses(
        self,
        *,
        terms: DailyTerms | None = None,
        penalty: float = 1.0,
        costs: float = 1.0,
        volatility: float | None = None,
    ) -> Array:
        """(K, P) losses in currency a year, K of them `DRAWS`, or more where a probability is near to `SURE`.

        terms      : daily terms of another test; by default of this one.
        penalty    : multiple of the tracking penalty.
        costs      : multiple of the costs, with the trades as they were.
        volatility : volatility of the market, a year; by default that of the test.
        """
        of_work = np.array([self.day_cost * one.days + self.order_cost * one.orders for one in self.work])

        def drawn(draws: int) -> Array:
            terms_of = self.terms if terms is None else terms
            prices = penalty * self.tracking_penalty
            found = belief(terms_of, self.tests, prices, costs=costs, volatility=volatility, draws=draws)
            return found * (self.nav / BPS) + of_work

        found = drawn(DRAWS)
        better = (found[:, [self.base]] - found > 0.0).mean(axis=0)[list(self.eligible)]
        is_near = self.eligible[self.base] and bool((np.abs(better - SURE) < NEAR).any())
        return drawn(MORE * DRAWS) if is_near else found

    def answer(self, losses: Array) -> int:
        """The place of the policy that is recommended, given drawn losses (K, P)."""
        return chosen(losses, self.work, self.eligible, self.base, self.margin)

    @property
    def base(self) -> int:
        """The place from which gains are taken: the desk's present policy, else the candidate with the least work."""
        if self.now is not None:
            return self.now
        return min((p for p, one in enumerate(self.eligible) if one), key=lambda p: self.work[p])


def chosen(losses: Array, work: Sequence[Work], eligible: Sequence[bool], base: int, margin: float) -> int:
    """The place of the policy that is recommended.

    losses   : (K, P) drawn losses, currency a year.
    work     : work of the P policies.
    eligible : for each policy, True if it is a candidate; one at least is.
    base     : place of the desk's present policy.
    margin   : smallest material difference, currency a year.
    """
    expected, gains = losses.mean(axis=0), losses[:, [base]] - losses
    candidates = [p for p, one in enumerate(eligible) if one]
    if eligible[base]:
        candidates = [p for p in candidates if (gains[:, p] > 0.0).mean() >= SURE]
        if not any(expected[base] - expected[p] > margin for p in candidates):
            return base
    best = min(expected[p] for p in candidates)
    return min((p for p in candidates if expected[p] - best <= margin), key=lambda p: work[p])


def question(
    portfolio: Portfolio,
    scores: Mapping[str, Score],
    terms: DailyTerms,
    tests: SimulatedTests | None,
    held: Allocation | None = None,
) -> tuple[Question | None, dict[str, tuple[str, ...]]]:
    """The question that a recommendation follows from, None without a candidate; and the reasons of the others.

    portfolio : portfolio of the limits, margin and prices.
    scores    : scores of each policy.
    terms     : daily terms of the test, of the same policies.
    tests     : simulated tests, or None.
    held      : the target that candidates hold; by default the strategic one.
    """
    held = portfolio.strategic if held is None else held
    broken = {name: found for name, s in scores.items() if (found := _broken(name, s, portfolio, held))}
    if is_short(len(terms.market), terms.year):
        within = [name for name in scores if name not in broken]
        idle = [name for name in within if traits(portfolio.policies[name]).family == "never"]
        drifting = [name for name in idle if name != portfolio.policy]
        broken |= {name: (TOO_SHORT,) for name in drifting if len(drifting) < len(within)}
    compared = [name for name in scores if broken.get(name) != (OTHER_TARGET,)]
    names = [name for name in compared if name not in broken or name == portfolio.policy]
    eligible = [name not in broken for name in names]
    if not any(eligible):
        return None, broken
    return (
        Question(
            terms=terms.select(names),
            tests=tests,
            work=[Work.of(scores[name], portfolio.policies[name]) for name in names],
            eligible=eligible,
            now=names.index(portfolio.policy) if portfolio.policy in names else None,
            nav=portfolio.nav,
            margin=portfolio.materiality / BPS * portfolio.nav,
            tracking_penalty=portfolio.tracking_penalty,
            day_cost=portfolio.day_cost,
            order_cost=portfolio.order_cost,
        ),
        broken,
    )


def recommend(
    asked: Question | None, broken: Mapping[str, tuple[str, ...]], *, target: str = "", stays: str = ""
) -> Recommendation:
    """The recommendation that follows.

    asked  : all that it follows from; None without a candidate.
    broken : for each that is no candidate, why.
    target : the reason why another target than the strategic one is held, or "".
    stays  : the reason why the strategic one is held though it may change, or "".
    """
    if asked is None:
        return Recommendation(None, None, 0.0, 0.0, {}, {}, 0.0, broken, target, stays)
    losses, base, names = asked.losses(), asked.base, asked.terms.names
    policy = asked.answer(losses)
    candidates = {
        name: _candidate(losses[:, p], losses[:, base], asked.margin, asked.work[p])
        for p, (name, one) in enumerate(zip(names, asked.eligible, strict=True))
        if one
    }
    return Recommendation(
        policy=names[policy],
        now=names[base],
        nav=asked.nav,
        margin=asked.margin,
        candidates=candidates,
        prices=_prices(candidates, names[policy], asked.day_cost),
        volatility=math.sqrt(asked.terms.variance),
        broken=broken,
        target=target,
        stays=stays,
    )


def _candidate(losses: Array, now: Array, margin: float, work: Work) -> Candidate:
    gains = now - losses
    return Candidate(
        float(losses.mean()),
        Estimate.of_draws(float(gains.mean()), gains, INTERVAL_LEVEL),
        float((gains > 0.0).mean()),
        float((gains > margin).mean()),
        work,
    )


def _prices(candidates: Mapping[str, Candidate], policy: str, day_cost: float) -> dict[str, float]:
    """The price of a day below which a candidate that loses less with more days pays, by candidate, highest first."""
    own = candidates[policy]
    found = {
        name: day_cost + (own.loss - one.loss) / (one.work.days - own.work.days)
        for name, one in candidates.items()
        if one.loss < own.loss and one.work.days > own.work.days
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _broken(name: str, s: Score, portfolio: Portfolio, held: Allocation) -> tuple[str, ...]:
    """The limits that a policy breached in the test, in words; or that it holds another target."""
    if held_by(portfolio.policies[name], portfolio.strategic) != held:
        return (OTHER_TARGET,)
    limits, found = portfolio.limits, []
    error, outside = s["tracking_error"], s["days_outside"]
    if limits.tracking_error is not None and error > limits.tracking_error:
        said, limit = _percents(error, limits.tracking_error, 2)
        found.append(f"tracking error {said} exceeds the limit of {limit}")
    if outside > limits.max_days_outside:
        said, allowed = _percents(outside, limits.max_days_outside, 1)
        found.append(f"an asset outside its range on {said} of days, {allowed} allowed")
    return tuple(found)


def _percents(found: float, limit: float, digits: int) -> tuple[str, str]:
    """A fraction and the limit that it exceeds, in per cent, with as many digits as show that it does."""
    digits = digits_apart(100.0 * found, 100.0 * limit, digits)
    return percent(found, digits), percent(limit, digits)
