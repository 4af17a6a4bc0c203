"""Backtests of the same market and days: measured by one target, and compared in pairs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from backtests.attribution.alike import refuse_unlike
from backtests.comparison.belief import DailyTerms, belief
from backtests.comparison.recommendation import Question, recommend
from backtests.comparison.selection import searched_words
from backtests.comparison.simulated_tests import SimulatedTests, elasticities, simulated_tests
from backtests.engine import backtest, run
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark, market_history, squared_market, target_returns
from backtests.evaluation.metrics import METRICS
from backtests.evaluation.scores import Score, score, scores_table
from backtests.inference.block_draws import Resampling
from backtests.inference.estimates import INTERVAL_LEVEL, Estimate, NotAvailable, is_short
from backtests.inference.evidence import LOSS_ROUNDING, Evidence, PairedSeries, paired_evidence
from backtests.inference.intervals import Interval, drawn_drawdowns, holds_another, intervals
from backtests.inference.long_run import Elasticity, long_run
from backtests.inference.paired_sharpe import PairedSharpe
from backtests.inference.pairs import Pair, any_grows_faster, any_loses_less, pairs
from backtests.inference.selection import SuperiorAbility
from backtests.inference.slow_waves import LEAST_EPISODES, SlowMeans
from backtests.views import view
from foundation.arguments import is_number, refuse
from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass, field, fields, is_dataclass, replace
from foundation.errors import ConfigError, DataError, PolicyError, ended_by
from foundation.paper.wording import digits_apart, listed, number, percent
from research.accounting import Costs, Policy
from research.allocation import Allocation, FixedWeights
from research.allocation.allocation import allocation_name
from research.market import Market
from research.market.calendars import row_count
from research.market.quality import market_warnings
from research.portfolio.unstated import MATERIALITY
from research.risk.measures import BPS
from research.rules.protocol import compiled_rule, complexity, short_name, traits
from research.rules.standard_rule import WEEK

MOST_HELD = 0.1  # share of refits without a solution, above which a reader is warned before all else
FEW_WEIGHTS = 3  # that a name has room for
WEEKLY = 50.0  # rows a year, from which on a rule can be asked each week
PAIRED_TERMS = {  # of a backtest, which may differ on purpose: field and words
    "costs": "costs",
    "lag": "lag",
    "execution": "execution",
    "dividends": "dividends",
    "flows": "cash flows",
    "wealth": "opening NAV",
}


@dataclass(frozen=True, eq=False, repr=False)
class PairedBacktests:
    """Backtests on the same market and days, with the evidence of their differences.

    benchmark : benchmark of all.  reference : name of the backtest to which differences are taken.
    backtests, scores : by name, in the order given.  evidence : figures, differences and their intervals.
    note : a sentence on the days of the test, or "".
    ended : by policy whose backtest ended with an error, that error in a sentence; it is in none of the others.
    """

    benchmark: Benchmark
    reference: str
    backtests: Mapping[str, Backtest]
    scores: Mapping[str, Score]
    evidence: Evidence
    note: str = field(default="", kw_only=True)
    ended: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def table(self) -> pd.DataFrame:
        """A column for each policy, a row for each figure."""
        return scores_table(self.scores, self.backtests)

    @cached_property
    def intervals(self) -> Mapping[str, Mapping[str, Interval]]:
        """Figures with intervals by metric and policy, in the unit of the record, or the reason why there is none."""
        return intervals(self.backtests, self.benchmark, self.evidence, self._drawdowns)

    @property
    def evidence_table(self) -> pd.DataFrame:
        """As `Evidence.summary`, a row for each metric and policy; NaN for a figure or interval that is not shown."""
        table = self.evidence.summary()
        for metric, name in table.index:
            if isinstance(self.intervals[metric][name], NotAvailable):
                table.loc[(metric, name), ["lower", "upper"]] = np.nan
            if metric in self.scores[name].undefined:
                table.loc[(metric, name), ["estimate", "lower", "upper"]] = np.nan
        return table

    @cached_property
    def pairs(self) -> Mapping[str, Pair]:
        """The pair of each other policy with the reference, by policy."""
        ratios = self.evidence.ratios
        return {} if ratios is None else pairs(self.backtests, self.evidence, ratios, self._drawdowns)

    @cached_property
    def superior_ability(self) -> Mapping[str, SuperiorAbility | NotAvailable]:
        """Hansen's test that no policy is better than the reference, by metric ("loss", "growth"); or why not."""
        returns = {name: played.net_returns for name, played in self.backtests.items()}
        return {"loss": any_loses_less(self.evidence), "growth": any_grows_faster(self.evidence, returns)}

    @cached_property
    def _drawdowns(self) -> Array | NotAvailable:
        return drawn_drawdowns(self.backtests, self.evidence)

    @cached_property
    def accounting(self) -> str:
        """One line: whether every backtest reconciles, with the largest residual."""
        found = {name: played.reconcile() for name, played in self.backtests.items()}
        broken = [money.verdict for money in found.values() if not money.holds]
        if broken:
            return " ".join(broken)
        largest = max(money.largest for money in found.values())
        return (
            f"start + gains − costs = end on every day and asset of all {len(found)} backtests; the largest "
            f"residual is {largest:.0e} of NAV"
        )

    @cached_property
    def first_warnings(self) -> tuple[str, ...]:
        """The warnings before all others: on policies that ended, and on targets held for want of a solution."""
        found = [f"{name} ended, and is in no figure: {why}" for name, why in self.ended.items()]
        for name, played in self.backtests.items():
            held, refits = played.targets.held(played.first)
            if held > MOST_HELD * refits:
                found.append(
                    f"{name} found no weights in {held} of {refits} refits, and went on with those before: it is "
                    "judged by them."
                )
        return tuple(found)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """The warnings for a reader to judge: on the data in the test, and on terms that differ beside the policies."""
        base = self.backtests[self.reference]
        found = [*self.first_warnings, *market_warnings(base.market, *base.dates[[0, -1]])]
        for name, played in self.backtests.items():
            terms = [
                words for term, words in PAIRED_TERMS.items() if not _same(getattr(played, term), getattr(base, term))
            ]
            if terms:
                found.append(f"{name} and {self.reference} differ in more than the policy: {listed(terms)}.")
            found.extend(played.warnings)
        return (*dict.fromkeys(found), *self.weak_test)

    @property
    def weak_test(self) -> tuple[str, ...]:
        """Warnings of a test of less than three years, and of draws that are too few for any difference to be found."""
        found, days = [], len(self.backtests[self.reference].net_returns)
        if is_short(days, self.benchmark.periods_per_year):
            rows = row_count(days, self.benchmark.periods_per_year)
            found.append(f"The test has {rows}, less than three years: most differences are not significant.")
        if "growth" in self.scores[self.reference].undefined:
            found.append(
                "The test is shorter than a year: the total return stands for the CAGR, and differences in CAGR, costs "
                "and loss are rates a year, not what was earned or paid."
            )
        others, draws, size = len(self.backtests) - 1, self.evidence.resampling.reps, 1.0 - self.evidence.level
        if others / (draws + 1) > size:
            found.append(
                f"{draws:,} draws are too few for {others} differences: no adjusted p can be {percent(size, 0)} or "
                f"less. Take {int(others / size) + 1:,} draws or more."
            )
        return tuple(found)

    @property
    def evidence_against_now(self) -> Evidence:
        """The evidence, with differences to the backtest over which a saving is counted: the reference."""
        return self.evidence

    @cached_property
    def searched(self) -> str:
        """The trial book's judgement of the comparison, for a cell; "" with several targets, and in a run."""
        return "" if self.other_targets else searched_words(self.evidence_against_now, self.backtests)

    @cached_property
    def other_targets(self) -> tuple[str, ...]:
        """The backtests that follow another target than the reference: their J measures the distance of the targets."""
        own = self.backtests[self.reference].targets
        return tuple(name for name, b in self.backtests.items() if holds_another(b, own))

    def answer(self) -> str:
        """The best of the others, in words; of backtests of several targets, growth, risk and costs of each."""
        return " ".join(self.sentences)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The sentences of the answer, that of the expected loss first."""
        if not self.other_targets:
            return (self._expected(),)
        follow = "follows" if len(self.other_targets) == 1 else "follow"
        alike = len(self.other_targets) + 1 < len(self.scores)
        return (
            *((self._expected(),) if alike else ()),
            *map(self._grown, self.other_targets),
            f"{listed(self.other_targets)} {follow} another target than {self.reference}: loss J and tracking error "
            "measure the distance of the targets, not the rule.",
        )

    def _expected(self) -> str:
        """The expected loss of the best of the others, less that of the reference, by test and theory, in words."""
        played = {name: one for name, one in self.backtests.items() if name not in self.other_targets}
        if len(played) == 1:
            return f"{self.reference} is the only policy: there is nothing to compare it with."
        tests, terms = simulated_tests(played, self.benchmark), DailyTerms.of(played, self.benchmark)
        simple, now = [complexity(one.policy) for one in played.values()], list(played).index(self.reference)
        eligible, penalty = [True] * len(played), self.benchmark.tracking_penalty
        made = recommend(Question(terms, tests, simple, eligible, now, BPS, MATERIALITY, penalty, 0.0, 0.0), {}, {})
        name = made.others[0] if made.is_kept else made.policy
        assert name is not None
        gain = made.candidates[name].gain
        digits = digits_apart(gain.value, MATERIALITY)
        gains = gain.value > 0.0
        ends = (gain.lower, gain.upper) if gains else (-gain.upper, -gain.lower)
        words = " to ".join(number(each, digits, signed=True) for each in ends)
        worth = "more than" if gain.value > MATERIALITY else "no other gains"
        return (
            f"{name} is expected to lose {number(abs(gain.value), digits)} bp a year "
            f"{'less' if gains else 'more'} than {self.reference} (19 times in 20 it {'gains' if gains else 'loses'} "
            f"{words}{'' if gains else ' more'}), without "
            f"days and orders: {worth} the {MATERIALITY:g} bp that are worth a change."
        )

    def _grown(self, name: str) -> str:
        """Growth, volatility and costs of a backtest beside those of the reference."""
        figures = [self.scores[each].figures(self.backtests[each].dates) for each in (name, self.reference)]
        short = any("growth" in self.scores[each].undefined for each in (name, self.reference))
        said = []
        for key in ("total_return" if short else "growth", "volatility", "cost"):
            shown = METRICS[key]
            own, other = (f"{shown.cell(each)} {shown.unit}" for each in figures)
            if key in self.evidence.estimates:
                d, gap = self.evidence.differences(key)[name], shown.difference
                ends = d.times(gap.factor).interval(gap.digits)
                other += f" ({percent(d.level, 0)} interval of the difference: {ends})"
            said.append(f"{shown.narrow} {own} against {other}")
        return f"{name} and {self.reference}: {', '.join(said)}."

    def sheet(self) -> Any:
        """Its page, which a notebook shows; `sheet().write(folder)` writes it, and each picture as a file."""
        return view(self, "sheet")

    def __repr__(self) -> str:
        """The table and the differences in J, as text."""
        return str(view(self, "text"))

    def _repr_html_(self) -> str:
        """The blocks of the tearsheet that need no portfolio."""
        return str(view(self, "html"))


def played_together(
    policies: Sequence[Policy] | Mapping[str, Policy], market: Market, costs: Costs, start: str | pd.Timestamp | None
) -> tuple[dict[str, Backtest], str, dict[str, str]]:
    """Backtests of policies on the same days, a sentence on the first of them, and of those that ended, the errors.

    policies : by name, or as a list, which gives them their short names, with settings where these are the same.
    market   : T days of n assets.
    costs    : costs of n assets.
    start    : first day of the test; by default the first on which all of them can decide.
    Raises   : as `backtest`; ConfigError for two policies of one name.

    Each is counted in the trial book, as of `backtest`.
    """
    named, note = dict(policies) if isinstance(policies, Mapping) else _told_apart(policies), ""
    ended: dict[str, str] = {}
    if start is None:
        alone, ended = played_or_ended(named, lambda name, one: run.backtest(market, one, costs, name=name))
        last = max(alone, key=lambda name: alone[name].first)
        start = alone[last].dates[1]
        if len({one.first for one in alone.values()}) > 1:
            note = f"The test starts on {start:%Y-%m-%d}, the first day on which {last} can decide."
        named = {name: named[name] for name in alone}
    found, later = played_or_ended(named, lambda name, one: backtest(market, one, costs, start=start, name=name))
    ended |= later
    if ended and len(found) < 2:
        words = (f"{name} ended: {why}" for name, why in ended.items())
        raise ConfigError(" ".join(["a comparison needs two policies at least.", *words]))
    return found, " ".join(filter(None, [note, _late(next(iter(found.values())))])), ended


def _late(played: Backtest) -> str:
    """A sentence on the assets that are listed after the first day of a test; "" where all are by then."""
    market, first = played.market, played.first
    later = {a: row for a, row in zip(market.assets, market.listed.argmax(axis=0).tolist(), strict=True) if row > first}
    if not later:
        return ""
    count, last = len(later), market.dates[max(later.values())]
    named = [f"{asset} ({market.dates[row]:%Y-%m-%d})" for asset, row in later.items()]
    which = listed(named) if count <= 3 else f"{count} assets"
    return (
        f"{which} {'is' if count == 1 else 'are'} listed later: the others hold their weight until then. "
        f'start="{last:%Y-%m-%d}" tests all of them.'
    )


def played_or_ended(
    policies: Mapping[str, Any], play: Callable[[str, Any], Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The backtests of policies by name, but for those whose own code or target ends it; of these the error in words.

    policies : by name.
    play     : function of a name and its policy.
    Raises   : the error of the first where all end; errors of the workbench itself, and of the memory.
    """
    found, ended = {}, dict[str, Exception]()
    for name, one in policies.items():
        try:
            found[name] = play(name, one)
        except Exception as error:
            own = isinstance(error, PolicyError) or bool(getattr(error, "__notes__", ()))  # with a note of the day
            if not own or isinstance(error, MemoryError):
                raise
            ended[name] = error
    if not found:
        raise next(iter(ended.values()), ConfigError("a comparison needs two policies at least: found none."))
    return found, {name: ended_by(error) for name, error in ended.items()}


def _told_apart(policies: Any) -> dict[str, Policy]:
    """Policies by their short names; those of one name have the settings that differ behind it, or a number.

    Raises : ConfigError for what is no list of policies.
    """
    fix = "give a list of policies, or policies by name, such as [Calendar(target, 'month'), Threshold(target, 0.02)]."
    if isinstance(policies, str) or not isinstance(policies, Iterable):
        refuse("compared is", policies, fix)
    each = list(policies)
    for one in each:
        if not hasattr(one, "decide"):
            refuse("a policy is", one, fix)
    short, found = [short_name(one) for one in each], dict[str, Policy]()
    for one, name in zip(each, short, strict=True):
        alike = [other for other, of in zip(each, short, strict=True) if of == name]
        names = [f.name for f in fields(one)] if is_dataclass(one) and len(alike) > 1 else []
        settings = [(_setting(getattr(one, f)), {_setting(getattr(other, f, None)) for other in alike}) for f in names]
        told = " ".join([name, *(own for own, all_of in settings if len(all_of) > 1)])
        place = next(k for k in count(1) if (told if k == 1 else f"{told} {k}") not in found)
        found[told if place == 1 else f"{told} {place}"] = one
    return found


def _setting(value: Any) -> str:
    """The value of a setting in few words: an allocation by its name, its function or its weights."""
    if is_number(value):
        return f"{value:g}"
    if function := getattr(value, "function", None):
        return str(getattr(function, "__name__", type(function).__name__))
    if isinstance(value, FixedWeights):
        each: Any = value.weights
        named = (f"{one[0]} {100.0 * one[1]:g}" if isinstance(one, tuple) else f"{100.0 * one:g}" for one in each)
        return "/".join(named) if len(each) <= FEW_WEIGHTS else "fixed weights"
    return allocation_name(value) if isinstance(value, Allocation) else str(value)


def pair(
    backtests: Sequence[Backtest] | Mapping[str, Backtest], reference: str, tracking_penalty: float, draws: int
) -> PairedBacktests:
    """Measure backtests by the target of the reference, and compare them.

    backtests        : two at least, with a name each: a sequence takes the names of the backtests.
    reference        : name of the backtest to which differences are taken, with the target of J; "" takes the first.
    tracking_penalty : price of squared tracking error in the loss J.
    draws            : number of draws of the bootstrap.
    Raises           : ConfigError for a name given twice, a reference that is not among the names, fewer than two
                       backtests, and for different markets, days or periods a year.
    """
    if not (is_number(tracking_penalty) and tracking_penalty >= 0.0):
        refuse(
            "tracking_penalty is", tracking_penalty, "give the price of tracking error, a finite number of 0 or more."
        )
    named = _named(backtests)
    reference = reference or next(iter(named))
    if reference not in named:
        refuse("reference is", reference, f"name one of the backtests: {', '.join(named)}.")
    base = named[reference]
    for name, played in named.items():
        refuse_unlike(name, played, reference, base)
    benchmark = Benchmark.of(base, tracking_penalty)
    scores = measured(named, benchmark)
    evidence = evidence_of(named, scores, reference, draws, benchmark, simulated_tests(named, benchmark))
    found = PairedBacktests(benchmark, reference, named, scores, evidence)
    return replace(found, evidence=replace(evidence, apart=frozenset(found.other_targets)))


def measured(played: Mapping[str, Backtest], benchmark: Benchmark) -> dict[str, Score]:
    """The score of each backtest. Raises DataError for one that has none, with its name.

    played    : backtests by name.
    benchmark : benchmark by which they are measured.
    """
    scores = {}
    for name, one in played.items():
        try:
            scores[name] = score(one, benchmark)
        except DataError as error:
            raise DataError(f"policy {name!r} cannot be compared: {error}") from error
    return scores


def evidence_of(
    played: Mapping[str, Backtest],
    scores: Mapping[str, Score],
    reference: str,
    draws: int,
    benchmark: Benchmark,
    tests: SimulatedTests | None,
) -> Evidence:
    """The paired evidence of measured backtests, with J at the variance of the market in their test.

    played    : backtests by name.
    scores    : scores of each backtest.
    reference : name of the backtest with which the others are compared.
    draws     : number of draws of the bootstrap.
    benchmark : benchmark by which they are measured.
    tests     : simulated tests, or None.
    """
    losses = [s.losses for s in scores.values()]
    elasticity = elasticities(list(played), tests, benchmark.tracking_penalty)
    resampling = Resampling.of_rows(benchmark.periods_per_year, draws)
    return evidence_between(played, losses, reference, resampling, benchmark=benchmark, elasticity=elasticity)


def expected_losses(
    played: Mapping[int, Backtest], benchmark: Benchmark, day_cost: float = 0.0, order_cost: float = 0.0
) -> dict[int, Estimate]:
    """The expected losses of backtests by number, such as the seeds of a learned policy, by test and theory.

    played     : backtests of one market and test.
    benchmark  : benchmark by which they are measured.
    day_cost   : cost to the desk of a day with a trade, fraction of NAV.
    order_cost : cost to the desk of an order, fraction of NAV.
    Returns    : J and work, bp of NAV a year.
    """
    named = {str(number): one for number, one in played.items()}
    drawn = belief(DailyTerms.of(named, benchmark), simulated_tests(named, benchmark), benchmark.tracking_penalty)
    losses = drawn.j + BPS * (day_cost * drawn.days + order_cost * drawn.orders)
    return {
        number: Estimate.of_draws(float(own.mean()), own, INTERVAL_LEVEL)
        for number, own in zip(played, losses.T, strict=True)
    }


def evidence_between(
    played: Mapping[str, Backtest],
    losses: Sequence[Array],
    reference: str,
    resampling: Resampling,
    *,
    benchmark: Benchmark | None = None,
    elasticity: Elasticity | None = None,
) -> Evidence:
    """The paired evidence of backtests on the same days; of Sharpe ratios by Lo (2002) and Ledoit and Wolf (2008).

    played     : backtests by name.
    losses     : daily terms of J of each backtest, (D,) bp a year.
    reference  : name of the backtest with which the others are compared.
    resampling : resampling of the days.
    benchmark  : benchmark whose strategic target is the market at whose variance J is stated; None states it at none.
    elasticity : elasticity of J to that variance; where it is not given, that of bands.
    """
    one = next(iter(played.values()))
    returns, cash = np.column_stack([b.net_returns for b in played.values()]), one.market.cash[one.first + 1 :]
    known = elasticities(list(played), None, 0.0) if elasticity is None else elasticity
    span = float((one.dates[-1] - one.dates[0]).days)
    found = paired_evidence(
        PairedSeries(tuple(played), returns, cash, span, one.periods_per_year),
        np.column_stack(losses),
        reference,
        limited=[has_shown_its_limit(b) for b in played.values()],
        market=None if benchmark is None else squared_market(benchmark, one),
        elasticity=known.value,
        resampling=resampling,
    )
    ratios = PairedSharpe(frozen((returns - cash[:, None]).T), one.periods_per_year, resampling)
    if benchmark is None:
        return replace(found, ratios=ratios)
    history = market_history(benchmark, one)
    later = long_run(found.names, found.losses, known, history, len(returns), found.level)
    drifting = [name for name, b in played.items() if not len(b.booked)]
    later = replace(later, figures={name: one for name, one in later.figures.items() if name not in drifting})
    return replace(found, ratios=ratios, long_run=later)


def has_shown_its_limit(played: Backtest) -> bool:
    """True if a policy has limited drift often enough that its loss has a known upper bound too.

    Its rule ends every drift past a limit within a week, and did so in the test.
    """
    return not why_not_limited(played)


def slow_losses(scores: Mapping[str, Score], backtests: Mapping[str, Backtest]) -> SlowMeans:
    """J of some policies, in the order of `scores`, with what is not known of it; `backtests` has at least these.

    They hold one target; J grows as the variance of its market does, as that of bands.
    """
    known = [has_shown_its_limit(backtests[name]) for name in scores]
    one = backtests[next(iter(scores))]
    market = target_returns(one.targets, one.market, one.first) ** 2
    losses = np.column_stack([s.losses for s in scores.values()])
    return SlowMeans.of(losses, known, LOSS_ROUNDING, market=market, elasticity=1.0)


def why_not_limited(played: Backtest) -> str:
    """The reason why a policy's loss has only a known lower bound, as the rest of a sentence; "" where it has both."""
    if played.periods_per_year < WEEKLY:
        return "its market has less than a row a week"
    if not traits(played.policy).limits_drift:
        return "a holding may drift for longer than a week before it trades"
    if len(played.booked) < LEAST_EPISODES:
        return f"it was at its limit fewer than {LEAST_EPISODES} times"
    if compiled_rule(played.policy) is None and (stayed := _stayed_away(played)) > _week(played) + played.lag:
        return f"it was further off its target than before half of its trades for {stayed} rows without a trade"
    return ""


def _week(played: Backtest) -> int:
    """Rows of a week, one at least."""
    return max(1, round(WEEK * played.periods_per_year / 252.0))


def _stayed_away(played: Backtest) -> int:
    """The most rows in a row, without a booking, on which an asset was further off target than before half the trades.

    So what a policy of your own says of itself is measured.
    """
    first, book = played.first, played.ledger
    targets = played.targets.since(first)
    away = np.abs(played.weights.to_numpy() - targets).max(axis=1)
    booked = played.booked
    asked = book.asked[book.part_of[booked]] - first
    further = away > np.median(away[asked])
    further[book.booked[booked] - first] = False
    ends = np.flatnonzero(np.diff(np.concatenate([[0], further.astype(int), [0]])))
    return int((ends[1::2] - ends[::2]).max(initial=0))


def _named(backtests: object) -> dict[str, Backtest]:
    """Backtests by name. Raises ConfigError for what is none, a name given twice, or fewer than two."""
    given: Iterable[tuple[Any, Any]]
    if isinstance(backtests, Mapping):
        given = backtests.items()
    elif isinstance(backtests, Sequence) and not isinstance(backtests, str):
        given = ((b.name if isinstance(b, Backtest) else f"number {k}", b) for k, b in enumerate(backtests, start=1))
    else:  # whose text may fill a page
        kind = "one backtest" if isinstance(backtests, Backtest) else f"a {type(backtests).__name__}"
        raise ConfigError(
            f"compared is {kind}: give a portfolio (`load_portfolio`), a list of backtests, or backtests by name."
        )
    named: dict[str, Backtest] = {}
    for name, played in given:
        if not (isinstance(name, str) and name.strip()):
            refuse("the name of a backtest is", name, "give text, such as 'band of 2 points'.")
        if not isinstance(played, Backtest):
            fix = (
                "give what `backtest(market, policy, costs)` returns, or the market: compare(policies, market, costs)."
            )
            refuse(f"backtest {name!r} is", played, fix)
        if name in named:
            raise ConfigError(
                f"two backtests have the name {name!r}. Give each a name: backtest(…, name=…), or "
                "compare({name: backtest, …})."
            )
        named[name] = played
    if len(named) < 2:
        raise ConfigError(f"a comparison needs two backtests at least: found {len(named)}. Give those to compare.")
    return named


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)  # type: ignore[arg-type]
    settings = getattr(one, "settings", one), getattr(other, "settings", other)
    return bool(one is other or settings[0] == settings[1])
