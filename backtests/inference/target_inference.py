"""Figures of different targets on the same days, with intervals, and their paired differences to the first.

Targets differ in risk, so growth alone does not rank them. Beside it stand the Sharpe ratio, the certainty equivalent
of power utility, and growth at equal volatility. The intervals and tests suit each figure:

growth, certainty equivalent : one paired bootstrap of the days, the draws of all of a comparison's intervals.
Sharpe ratio                 : percentiles of the same draws; the difference by Ledoit and Wolf (2008).
volatility                   : from the slowest waves of the series (`risk_inference`), for a long memory of risk.
turnover, cost               : from the slowest waves of their days (`slow_waves`), since trades come in episodes.
maximum drawdown             : a predictive range. A history has no true drawdown, so no difference of two is tested.

In 500 histories of eight years each of independent, GARCH and regime-switching days, 95 % intervals of a difference
hold the true one in 93.8, 93.8 and 92.8 % (certainty equivalent) and in 94.0, 94.0 and 93.2 % (growth at equal
volatility, the true one that of the true volatilities).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from backtests.evaluation.metrics import LEAST_YEAR, METRICS, Metric
from backtests.inference.block_draws import drawn_means
from backtests.inference.estimates import Estimate, EstimateWithTest, NotAvailable, or_why_not, why_not
from backtests.inference.evidence import Difference, Evidence, PairedSeries, half_width, holm, two_sided_p, verdict
from backtests.inference.risk_inference import predicted_drawdown, risk_difference, risk_with_error
from backtests.inference.sharpe_inference import detectable_difference, ledoit_wolf
from backtests.inference.slow_waves import SlowMeans, detectable
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from research.risk import nav_path, volatility
from research.risk.measures import max_drawdown
from research.risk.utility import RISK_AVERSION, annual_rate, certainty_equivalent, scaled_to_volatility, utility_terms

CERTAIN, MATCHED = "certainty_equivalent", "growth_matched"
TARGET_MEASURES: Mapping[str, Metric] = {  # in the order of a table
    metric.key: metric
    for metric in (
        METRICS["growth"],
        METRICS["volatility"],
        METRICS["sharpe"],
        METRICS["max_drawdown"],
        Metric(CERTAIN, "Certainty equivalent", "% a year", 100.0, lower_is_better=False, rounding=1e-11),
        Metric(MATCHED, "CAGR at equal volatility", "% a year", 100.0, lower_is_better=False, rounding=1e-11),
        METRICS["turnover"],
        METRICS["cost"],
    )
}
TESTED = {  # columns of a record, and what of a `Difference` they hold
    "difference": "value",
    "difference_lower": "lower",
    "difference_upper": "upper",
    "p": "p",
    "p_holm": "p_holm",
    "verdict": "verdict",
}
BY_WAVES = ("volatility", "turnover", "cost")  # measures whose errors are those of slow waves
RANGE_DRAWS = 2_000  # of a predictive range, at most: each is a whole history day by day
NO_DRAWDOWN_TEST = "a history has one drawdown and no true one: two are not tested"
REFERENCE_WORDS = "the others are compared with it"


@dataclass(frozen=True)
class TargetFigure:
    """One figure of one target, and its difference to the first target's on the same days.

    value      : the figure, in the unit of the record.
    interval   : its interval, of a drawdown a predictive range; or the reason why there is none.
    difference : difference to the first target; or the reason why there is none with a test.
    detectable : the smallest true difference that the test finds with a probability of 80 %, or None.
    """

    value: float
    interval: Estimate | NotAvailable
    difference: Difference | NotAvailable
    detectable: float | None

    def record(self) -> dict[str, float | str | None]:
        """Everything as plain values, None for what there is not."""
        ends = {end: getattr(self.interval, end, None) for end in ("lower", "upper")}
        tested = {name: getattr(self.difference, part, None) for name, part in TESTED.items()}
        reasons = {"no_interval": why_not(self.interval), "no_test": why_not(self.difference)}
        return {"value": self.value} | ends | tested | {"detectable": self.detectable} | reasons


@dataclass(frozen=True)
class Match:
    """A target and the first one at the same volatility: the riskier of the two is mixed with cash.

    volatility  : volatility of both, a year: the lower of the two realised ones.
    invested    : fraction of the target that is held, the rest in cash; 1 where the first target is the riskier.
    first_value : growth of the first target at this volatility, fraction a year.
    first_invested : fraction of the first target that is held.
    """

    volatility: float
    invested: float
    first_value: float
    first_invested: float


@dataclass(frozen=True, eq=False)
class TargetEvidence:
    """K targets on the same D days: figures by `TARGET_MEASURES` and by target, the first being the reference.

    names         : names of the K targets.
    figures       : figures by measure, then by target; growth at equal volatility is of the other targets only, since
                    each has its own volatility with the first.
    matches       : match of volatilities, by target other than the first.
    unmatched     : the reason why there is none, by target.
    risk_aversion : risk aversion of the certainty equivalent.
    level         : level of the intervals; differences are tested at 1 - level after Holm, over the other targets.
    """

    names: tuple[str, ...]
    figures: Mapping[str, Mapping[str, TargetFigure]]
    matches: Mapping[str, Match]
    unmatched: Mapping[str, str]
    risk_aversion: float
    level: float


def target_evidence(
    evidence: Evidence, slow: Mapping[str, SlowMeans] | None = None, risk_aversion: float = RISK_AVERSION
) -> TargetEvidence:
    """Figures of K targets with intervals, and their paired differences to the first.

    evidence      : evidence on the same K series by `paired_evidence`, the first as reference: growth and Sharpe ratio.
    slow          : turnover and cost of the targets, a year, by the keys of `TARGET_MEASURES`.
    risk_aversion : γ of the certainty equivalent.
    Raises        : ConfigError for an invalid γ; DataError as `paired_evidence` does.
    """
    matched, matches, unmatched = _matched(evidence)
    annual = evidence.series.span_days >= LEAST_YEAR  # the growth of a shorter test is not annualised
    return TargetEvidence(
        evidence.names,
        {
            "growth": _growth(evidence) if annual else {},
            "volatility": _volatility(evidence),
            "sharpe": _sharpe(evidence),
            "max_drawdown": _drawdown(evidence),
            CERTAIN: _certain(evidence, risk_aversion),
            MATCHED: matched if annual else {},
            **{measure: _slow(evidence, measure, means) for measure, means in (slow or {}).items()},
        },
        matches,
        unmatched,
        risk_aversion,
        evidence.level,
    )


# -- by paired draws -------------------------------------------------------------------------------------------------


def _growth(evidence: Evidence) -> dict[str, TargetFigure]:
    """Growth and its differences, which the paired evidence has."""
    own, draws, base = evidence.figures("growth"), evidence.draws["growth"], evidence.names.index(evidence.reference)
    errors = {name: float(np.std(draws[:, k] - draws[:, base])) for k, name in enumerate(evidence.names)}
    differences = {name: replace(d, error=errors[name]) for name, d in evidence.differences("growth").items()}
    return _figures("growth", {name: one.value for name, one in own.items()}, own, differences)


def _certain(evidence: Evidence, risk_aversion: float) -> dict[str, TargetFigure]:
    """Certainty equivalents, from draws of the days of all targets at once."""
    series, days, span = evidence.series, evidence.days, evidence.series.span_days
    values = np.array([certainty_equivalent(column, span, risk_aversion) for column in series.net.T])
    terms = np.column_stack([utility_terms(column, risk_aversion) for column in series.net.T])
    draws = annual_rate(drawn_means(terms, evidence.resampling), days, span, risk_aversion)
    differences = _tested(
        evidence.level, CERTAIN, series.names[1:], values[1:] - values[0], draws[:, 1:] - draws[:, [0]]
    )
    by_name = dict(zip(series.names, values.tolist(), strict=True))
    drawn = zip(by_name.items(), draws.T, strict=True)
    own = {name: Estimate.of_draws(value, column, evidence.level) for (name, value), column in drawn}
    return _figures(CERTAIN, by_name, own, differences)


def _matched(evidence: Evidence) -> tuple[dict[str, TargetFigure], dict[str, Match], dict[str, str]]:
    """Growth of each other target less that of the first, the riskier of the two mixed with cash; and what was mixed.

    The mix is that of the realised volatilities, and intervals take it as known.
    """
    series, year, first = evidence.series, evidence.series.periods_per_year, evidence.series.net[:, 0]
    matches: dict[str, Match] = {}
    unmatched: dict[str, str] = {}
    values, intervals, differences, draws = {}, {}, [], []
    for name, other in zip(series.names[1:], series.net.T[1:], strict=True):
        lowest = min(volatility(first, year), volatility(other, year))
        try:
            pair = [scaled_to_volatility(r, series.cash, lowest, year) for r in (other, first)]
        except DataError as error:
            unmatched[name] = str(error)
            continue
        values[name], at_first = (series.growth(one.returns) for one in pair)
        drawn = series.annual(drawn_means(np.log1p(np.column_stack([s.returns for s in pair])), evidence.resampling))
        intervals[name] = Estimate.of_draws(values[name], drawn[:, 0], evidence.level)
        matches[name] = Match(lowest, pair[0].invested, at_first, pair[1].invested)
        differences.append(values[name] - at_first)
        draws.append(drawn[:, 0] - drawn[:, 1])
    if not matches:
        return {}, matches, unmatched
    tested = _tested(evidence.level, MATCHED, list(matches), np.array(differences), np.column_stack(draws))
    return _figures(MATCHED, values, intervals, tested), matches, unmatched


def _tested(
    level: float, measure: str, names: Sequence[str], estimates: Array, draws: Array
) -> dict[str, Difference | NotAvailable]:
    """The difference of each target to the first with its test, by target.

    level     : level of the intervals.
    measure   : one of `TARGET_MEASURES`.
    names     : names of the m targets.
    estimates : (m,) differences.
    draws     : (reps, m) draws of them.
    """
    rounding = TARGET_MEASURES[measure].rounding or 0.0
    estimates, draws = (np.where(np.abs(a) <= rounding, 0.0, a) for a in (estimates, draws))
    p, half = two_sided_p(draws, estimates), half_width(draws, estimates, level)
    numbers = np.vstack([estimates, estimates - half, estimates + half, draws.std(axis=0), p]).T.tolist()
    tests = {
        name: EstimateWithTest(value, lower, upper, level, error, p=one)
        for name, (value, lower, upper, error, one) in zip(names, numbers, strict=True)
    }
    return _judged(measure, tests)


# -- by the inference of each figure ---------------------------------------------------------------------------------


def _sharpe(evidence: Evidence) -> dict[str, TargetFigure]:
    """Sharpe ratios with the percentiles of the paired draws; differences by Ledoit and Wolf."""
    series, own = evidence.series, evidence.figures("sharpe")
    excess = series.net - series.cash[:, None]

    def test(k: int) -> EstimateWithTest:
        pair, year = (excess[:, k], excess[:, 0]), series.periods_per_year
        return ledoit_wolf(*pair, year, resampling=evidence.resampling, level=evidence.level)

    values = {name: one.value for name, one in own.items()}
    return _figures("sharpe", values, own, _each_tested(evidence, "sharpe", test))


def _volatility(evidence: Evidence) -> dict[str, TargetFigure]:
    series, year, level = evidence.series, evidence.series.periods_per_year, evidence.level
    own = _each(series, lambda r: risk_with_error(r, year, level=level)["volatility"])
    values = {name: volatility(column, year) for name, column in zip(series.names, series.net.T, strict=True)}

    def test(k: int) -> EstimateWithTest:
        return risk_difference(series.net[:, k], series.net[:, 0], year, level=level)["volatility"]

    return _figures("volatility", values, own, _each_tested(evidence, "volatility", test))


def _drawdown(evidence: Evidence) -> dict[str, TargetFigure]:
    series, few = evidence.series, replace(evidence.resampling, reps=min(evidence.resampling.reps, RANGE_DRAWS))
    own = _each(series, lambda r: predicted_drawdown(r, few, evidence.level))
    depths = {name: max_drawdown(nav_path(r)).depth for name, r in zip(series.names, series.net.T, strict=True)}
    return _figures("max_drawdown", depths, own, dict.fromkeys(series.names, NotAvailable(NO_DRAWDOWN_TEST)))


def _slow(evidence: Evidence, measure: str, means: SlowMeans) -> dict[str, TargetFigure]:
    """Figures and differences of means that move slowly."""
    own = {name: means.figure(k, evidence.level) for k, name in enumerate(evidence.names)}
    tested = _each_tested(evidence, measure, lambda k: means.difference(k, 0, evidence.level))
    return _figures(measure, {name: one.value for name, one in own.items()}, own, tested)


def _each(series: PairedSeries, measure: Callable[[Array], Estimate]) -> dict[str, Estimate | NotAvailable]:
    """The figure of each target with an interval, or the reason why there is none."""
    return {name: or_why_not(partial(measure, r)) for name, r in zip(series.names, series.net.T, strict=True)}


def _each_tested(
    evidence: Evidence, measure: str, test: Callable[[int], EstimateWithTest]
) -> dict[str, Difference | NotAvailable]:
    """The difference of each target to the first, by name, with a test of its own; or the reason why there is none.

    test : function that gives the difference of target k to the first, with error and p.
    """
    return _judged(measure, {name: or_why_not(partial(test, k)) for k, name in enumerate(evidence.names) if k})


def _judged(measure: str, tests: Mapping[str, EstimateWithTest | NotAvailable]) -> dict[str, Difference | NotAvailable]:
    """Differences to the first target, by name, with verdicts after Holm over the targets that were tested."""
    sign = -1.0 if TARGET_MEASURES[measure].lower_is_better else 1.0
    found: dict[str, Difference | NotAvailable] = {k: t for k, t in tests.items() if isinstance(t, NotAvailable)}
    tested = {name: test for name, test in tests.items() if not isinstance(test, NotAvailable)}
    adjusted = holm([test.p for test in tested.values()]).tolist()
    for (name, test), p in zip(tested.items(), adjusted, strict=True):
        known = np.isfinite([test.lower, test.upper]).any()
        word = verdict(p, is_better=sign * test.value > 0.0, level=test.level) if known else "too few episodes"
        found[name] = Difference.judged(test, p, word)
    return found


def _figures(
    measure: str,
    values: Mapping[str, float],
    own: Mapping[str, Estimate | NotAvailable],
    differences: Mapping[str, Difference | NotAvailable],
) -> dict[str, TargetFigure]:
    """The figures of a measure by target, each with its interval and its difference; the first has none to itself."""
    smallest, found = detectable if measure in BY_WAVES else detectable_difference, {}
    for name, value in values.items():
        d = differences.get(name, NotAvailable(REFERENCE_WORDS))
        least = smallest(d.error, level=d.level) if isinstance(d, Difference) and np.isfinite(d.error) else None
        found[name] = TargetFigure(value, own[name], d, least)
    return found
