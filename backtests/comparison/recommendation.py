"""The recommendation: what the desk does now, unless another policy is expected to lose less by more than the margin.

It is a decision, not a test. A policy loses its costs and taxes, the price of its tracking error, and what its days and
orders cost the desk, in currency a year; `backtests.comparison.belief` says how likely each loss is. No growth, no cost
of switching and no probability is in it.

1. A candidate holds the target, and keeps all limits of the file in a test as long with the probability of
   `limits.kept`; what the desk does now with one of `NOW_KEPT`. Never to trade is one only where the desk does so now.
2. The best candidate is that of the least expected loss; of several that are equal to a cent the one with the fewest
   days of trading, then the fewest orders, then the simplest class, then the first of the file.
3. What the desk does now is a candidate too: the answer is the best where its expected gain exceeds the margin, else to
   go on as now. Where what is done now is barred by its limits, or where nothing is named, the answer is the best.

Where the file lets the target change, `axes.recommend_with_target` chooses it first; comparisons ask through that.
"""

import math
from collections.abc import Mapping, Sequence

from backtests.comparison.belief import DRAWS, DailyTerms, belief
from backtests.comparison.simulated_tests import SimulatedTests
from backtests.evaluation.scores import Score
from backtests.inference.estimates import INTERVAL_LEVEL, Estimate
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.paper.wording import digits_apart, number
from research.allocation import Allocation
from research.portfolio import Portfolio
from research.risk.measures import BPS
from research.rules.protocol import complexity, held_by, traits

JUDGED = ("loss", "tracking_error", "days_outside", "trading_days", "trades")  # the metrics that it looks at
NOW_KEPT = 0.5  # probability with which what the desk does now must keep the limits
THEORY_TESTS = 4  # real tests that simulated ones count for: a limit breached in the real one is seldom surely kept
SURELY_NOTHING = 0.95  # probability from which on nothing is said to be worth a change
ERRORS, MORE = 3.0, 8  # a gain so many Monte Carlo errors from the margin is found by so many times the draws
SAME_LOSS = 0.01
OTHER_TARGET = "it holds, or was tuned for, other target weights than the candidates"
NEVER_ELSEWHERE = "never to trade is a choice only where it is done now"


@dataclass(frozen=True, order=True)
class Work:
    """The work that a policy is expected to ask of the desk: fewer days first, then fewer orders, then simpler.

    days    : days with a trade, a year.
    orders  : orders a year.
    simple  : place of its class among `research.rules.protocol.RULE_FAMILIES`, from the simplest on.
    """

    days: float
    orders: float
    simple: int


@dataclass(frozen=True)
class Candidate:
    """The expected loss of a policy, in currency a year, and its expected gain over `Recommendation.base`.

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
class PricedAnswer:
    """The answer while the price of a trading day lies in a range, currency.

    policy : the policy that is recommended there.
    above  : the lower end, 0 or more.
    below  : the upper end; infinite for the last.
    """

    policy: str
    above: float
    below: float


@dataclass(frozen=True)
class Recommendation:
    """The recommended policy, and the alternatives.

    policy     : its name, or None.
    now        : name of the desk's present policy; None where the file names none, or one of another target.
    base       : the policy over which gains are taken: what is done now, or the next best; None without a candidate.
    nav        : NAV of the portfolio, currency.
    margin     : smallest material difference, currency a year.
    candidates : candidates, by name, and what the desk does now.
    menu       : the answer at each price of a trading day, from the lowest on.
    nothing    : probability that nothing gains more than the margin on the answer.
    at_stake   : expected loss of the answer above that of what will turn out to lose least, currency a year.
    day_cost   : price of a trading day, currency.
    order_cost : price of an order, currency.
    volatility : volatility of the market in the test, a year, at which losses are stated.
    kept       : for each policy of the target, the probability of keeping the limits in a test as long.
    broken     : for each policy that is no candidate, the reason (of `OTHER_TARGET`, `NEVER_ELSEWHERE` and limits).
    target     : the reason why another target than the strategic one is held, where the file lets it change; else "".
    stays      : the reason why the strategic one is held, where the file lets it change; else "".
    """

    policy: str | None
    now: str | None
    base: str | None
    nav: float
    margin: float
    candidates: Mapping[str, Candidate]
    menu: tuple[PricedAnswer, ...]
    nothing: float
    at_stake: float
    day_cost: float
    order_cost: float
    volatility: float
    kept: Mapping[str, float]
    broken: Mapping[str, tuple[str, ...]]
    target: str = ""
    stays: str = ""

    @property
    def is_kept(self) -> bool:
        """True if the desk goes on as now."""
        return self.policy is not None and self.policy == self.now

    @property
    def is_forced(self) -> bool:
        """True if what the desk does now is no candidate."""
        return self.now is not None and self.now in self.broken

    @property
    def compared(self) -> str | None:
        """The policy whose gain on the base is told: the recommended one; the best other where the desk goes on."""
        if self.policy != self.base:
            return self.policy
        return next(iter(self.others), None)

    @property
    def others(self) -> tuple[str, ...]:
        """The candidates but the recommended one, by expected loss."""
        names = (name for name in self.candidates if name not in self.broken and name != self.policy)
        return tuple(sorted(names, key=lambda name: self.candidates[name].loss))

    @property
    def as_good(self) -> tuple[str, ...]:
        """Those of the other candidates that are expected to lose no more than the margin above the recommended one."""
        if self.policy is None:
            return ()
        most = self.candidates[self.policy].loss + self.margin
        return tuple(name for name in self.others if self.candidates[name].loss <= most)


@dataclass(frozen=True, eq=False)
class Losses:
    """Drawn losses of P policies, and their work.

    drawn : (K, P) currency a year, days and orders at their prices.
    work  : the expected work of each.
    """

    drawn: Array
    work: tuple[Work, ...]


@dataclass(frozen=True, eq=False)
class Question:
    """The inputs of a recommendation, from which it is made again when something changes.

    terms            : daily terms of the test, of the candidates and the desk's present policy.
    tests            : simulated tests, or None.
    simple           : place of the class of each policy among `research.rules.protocol.RULE_FAMILIES`.
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
    simple: Sequence[int]
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
    ) -> Losses:
        """The losses in currency a year; of `DRAWS` draws, or more where a gain is near to the margin.

        terms      : daily terms of another test; by default of this one.
        penalty    : multiple of the tracking penalty.
        costs      : multiple of the costs, with the trades as they were.
        volatility : volatility of the market, a year; by default that of the test.
        """

        def found(draws: int) -> Losses:
            terms_of = self.terms if terms is None else terms
            prices = penalty * self.tracking_penalty
            drawn = belief(terms_of, self.tests, prices, costs=costs, volatility=volatility, draws=draws)
            of_work = self.day_cost * drawn.days + self.order_cost * drawn.orders
            counts = (each.mean(axis=0).tolist() for each in (drawn.days, drawn.orders))
            work = (Work(*each) for each in zip(*counts, self.simple, strict=True))
            return Losses(drawn.j * (self.nav / BPS) + of_work, tuple(work))

        few = found(DRAWS)
        found_best = least_loss(few, self.eligible)
        if self.now is None or not self.eligible[self.now] or found_best == self.now:
            return few
        gains = few.drawn[:, self.now] - few.drawn[:, found_best]
        near = abs(gains.mean() - self.margin) <= ERRORS * gains.std() / math.sqrt(DRAWS)
        return found(MORE * DRAWS) if near else few

    def answer(self, losses: Losses) -> int:
        """The place of the policy that is recommended, given what is lost."""
        return chosen(losses, self.eligible, self.now, self.margin)


def least_loss(losses: Losses, eligible: Sequence[bool], but: int | None = None) -> int:
    """The place of the candidate of the least expected loss; of those equal to a cent, of the least work.

    losses   : of P policies.
    eligible : for each policy, True if it is a candidate; one at least is.
    but      : place of a policy that is passed over, unless it is the only one.
    """
    expected = losses.drawn.mean(axis=0)
    places = [p for p, one in enumerate(eligible) if one]
    places = [p for p in places if p != but] or places
    least = min(expected[p] for p in places)
    return min((p for p in places if expected[p] - least <= SAME_LOSS), key=lambda p: losses.work[p])


def chosen(losses: Losses, eligible: Sequence[bool], now: int | None, margin: float) -> int:
    """The place of the policy that is recommended.

    losses   : of P policies.
    eligible : for each policy, True if it is a candidate; one at least is.
    now      : place of the desk's present policy, or None.
    margin   : smallest material difference, currency a year.
    """
    found = least_loss(losses, eligible)
    if now is None or not eligible[now]:
        return found
    return found if (losses.drawn[:, now] - losses.drawn[:, found]).mean() > margin else now


def menu(
    losses: Sequence[float], days: Sequence[float], now: int | None, margin: float
) -> list[tuple[int, float, float]]:
    """The answer at each price of a trading day: the place of a policy, and the prices from and to which it holds.

    The least expected loss is the lower envelope of one line a policy; what is done now stays where it is within the
    margin of it, which is at prices between two.

    losses : expected losses of P policies where a day has no price, currency a year.
    days   : expected days with a trade, a year.
    now    : place of the desk's present policy; None where there is none, or it is no candidate.
    margin : smallest material difference, currency a year.
    """
    lines = list(zip(losses, days, strict=True))
    place, price, found = min(range(len(lines)), key=lines.__getitem__), 0.0, []
    while True:
        loss, slope = lines[place]
        crossings = [
            ((other - loss) / (slope - less), less, p) for p, (other, less) in enumerate(lines) if less < slope
        ]
        until, _, following = min(crossings, default=(math.inf, 0.0, place))
        found.extend(_kept(lines, place, price, until, now, margin))
        if not crossings:
            break
        place, price = following, until
    merged: list[tuple[int, float, float]] = []
    for place, above, below in found:
        if merged and merged[-1][0] == place:
            merged[-1] = place, merged[-1][1], below
        elif above < below:
            merged.append((place, above, below))
    return merged


def _kept(
    lines: Sequence[tuple[float, float]], place: int, above: float, below: float, now: int | None, margin: float
) -> list[tuple[int, float, float]]:
    """The answers on one line of the envelope: its policy, and what is done now where that is within the margin."""
    if now is None:
        return [(place, above, below)]
    gain, slope = lines[now][0] - lines[place][0] - margin, lines[now][1] - lines[place][1]
    if slope == 0.0:
        return [(place if gain > 0.0 else now, above, below)]
    turn = min(max(-gain / slope, above), below)  # the price at which the gain is the margin
    first, second = (place, now) if slope < 0.0 else (now, place)
    return [(first, above, turn), (second, turn, below)]


def question(
    portfolio: Portfolio,
    scores: Mapping[str, Score],
    terms: DailyTerms,
    tests: SimulatedTests | None,
    held: Allocation | None = None,
) -> tuple[Question | None, dict[str, float], dict[str, tuple[str, ...]]]:
    """The question that a recommendation follows from, None without a candidate.

    portfolio : portfolio of the limits, margin and prices.
    scores    : scores of each policy.
    terms     : daily terms of the test, of the same policies.
    tests     : simulated tests, or None.
    held      : the target that candidates hold; by default the strategic one.
    Returns   : the question; by policy of the target, the probability of keeping the limits; and by policy that is no
                candidate, the reasons.
    """
    held = portfolio.strategic if held is None else held
    on_target = [name for name in scores if held_by(portfolio.policies[name], portfolio.strategic) == held]
    judged = on_target if held == portfolio.strategic else []  # limits are those of the strategic target
    kept = dict.fromkeys(on_target, 1.0) | _keeping(portfolio, {name: scores[name] for name in judged}, tests)
    broken: dict[str, tuple[str, ...]] = {name: (OTHER_TARGET,) for name in scores if name not in on_target}
    for name, probability in kept.items():
        is_now = name == portfolio.policy
        asked = min(NOW_KEPT, portfolio.limits.kept) if is_now else portfolio.limits.kept
        if probability < asked:
            broken[name] = (_breached(probability, asked, simulated=tests is not None and name in tests.names),)
        elif not is_now and traits(portfolio.policies[name]).family == "never":
            broken[name] = (NEVER_ELSEWHERE,)
    names = [name for name in on_target if name not in broken or name == portfolio.policy]
    eligible = [name not in broken for name in names]
    if not any(eligible):
        return None, kept, broken
    asked_of = Question(
        terms=terms.select(names),
        tests=tests,
        simple=[complexity(portfolio.policies[name]) for name in names],
        eligible=eligible,
        now=names.index(portfolio.policy) if portfolio.policy in names else None,
        nav=portfolio.nav,
        margin=max(portfolio.materiality / BPS * portfolio.nav, SAME_LOSS),
        tracking_penalty=portfolio.tracking_penalty,
        day_cost=portfolio.day_cost,
        order_cost=portfolio.order_cost,
    )
    return asked_of, kept, broken


def _keeping(portfolio: Portfolio, scores: Mapping[str, Score], tests: SimulatedTests | None) -> dict[str, float]:
    """The probability with which each policy keeps the limits in a test as long; 0 or 1 where no test is simulated."""
    limits = portfolio.limits
    most = math.inf if limits.tracking_error is None else limits.tracking_error
    alone = {
        name: float(s["tracking_error"] <= most and s["days_outside"] <= limits.max_days_outside)
        for name, s in scores.items()
    }
    simulated = {} if tests is None else tests.keeping(limits.tracking_error, limits.max_days_outside)
    return {name: own if name not in simulated else keeping(simulated[name], own) for name, own in alone.items()}


def keeping(simulated: float, own: float) -> float:
    """The probability of keeping the limits, by the share of simulated tests and by the real one, 0 or 1.

    Simulated tests count as `THEORY_TESTS` real ones, as a beta distribution of the probability has it.
    """
    return (THEORY_TESTS * simulated + own) / (THEORY_TESTS + 1)


def _breached(probability: float, asked: float, *, simulated: bool) -> str:
    """The reason why a policy is no candidate by its limits."""
    if not simulated:
        return "it breached a limit in this test, the only one that it has"
    digits = digits_apart(10.0 * probability, 10.0 * asked, 0)
    kept = number(10.0 * probability, digits)
    return f"it keeps your limits in {kept} of 10 tests as long, {10.0 * asked:.3g} are asked"


def recommend(
    asked: Question | None,
    kept: Mapping[str, float],
    broken: Mapping[str, tuple[str, ...]],
    *,
    target: str = "",
    stays: str = "",
) -> Recommendation:
    """The recommendation that follows.

    asked  : all that it follows from; None without a candidate.
    kept   : by policy of the target, the probability of keeping the limits.
    broken : for each that is no candidate, why.
    target : the reason why another target than the strategic one is held, or "".
    stays  : the reason why the strategic one is held though it may change, or "".
    """
    if asked is None:
        return Recommendation(
            None, None, None, 0.0, 0.0, {}, (), 0.0, 0.0, 0.0, 0.0, 0.0, kept, broken, target=target, stays=stays
        )
    losses, names = asked.losses(), asked.terms.names
    answer = asked.answer(losses)
    base = least_loss(losses, asked.eligible, but=answer) if asked.now is None else asked.now
    possible = [p for p, one in enumerate(asked.eligible) if one]
    least, own = losses.drawn[:, possible].min(axis=1), losses.drawn[:, answer]
    expected = [float(losses.drawn[:, p].mean()) - asked.day_cost * losses.work[p].days for p in possible]
    days, keeps = [losses.work[p].days for p in possible], asked.now if asked.now in possible else None
    offers = menu(expected, days, None if keeps is None else possible.index(keeps), asked.margin)
    return Recommendation(
        policy=names[answer],
        now=None if asked.now is None else names[asked.now],
        base=names[base],
        nav=asked.nav,
        margin=asked.margin,
        candidates={
            name: _candidate(losses, p, base, asked.margin)
            for p, name in enumerate(names)
            if asked.eligible[p] or p == asked.now
        },
        menu=tuple(PricedAnswer(names[possible[p]], above, below) for p, above, below in offers),
        nothing=float((own - least <= asked.margin).mean()),
        at_stake=float((own - least).mean()),
        day_cost=asked.day_cost,
        order_cost=asked.order_cost,
        volatility=math.sqrt(asked.terms.variance),
        kept=kept,
        broken=broken,
        target=target,
        stays=stays,
    )


def _candidate(losses: Losses, place: int, base: int, margin: float) -> Candidate:
    own = losses.drawn[:, place]
    gains = losses.drawn[:, base] - own
    return Candidate(
        float(own.mean()),
        Estimate.of_draws(float(gains.mean()), gains, INTERVAL_LEVEL),
        float((gains > 0.0).mean()),
        float((gains > margin).mean()),
        losses.work[place],
    )
