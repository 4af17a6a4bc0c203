"""Paired evidence on policies compared on the same days.

For the loss J, intervals and tests come from the slowest waves of its daily terms (`backtests.inference.slow_waves`):
episodes of months make it, and blocks of days are too short for them. For growth and Sharpe ratio, history is drawn
again in blocks of days (`backtests.inference.block_draws`): one set of draws for all policies, so that what they share
cancels in their differences. A policy more or less in the comparison changes no bit of another's figures or intervals.
Only statements about many policies at once (Holm's p, the words) depend on their number.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from backtests.evaluation.metrics import COMPARED, METRICS
from backtests.inference.block_draws import HOUSE, Resampling, drawn_means
from backtests.inference.estimates import Estimate, EstimateWithTest
from backtests.inference.long_run import LongRun
from backtests.inference.paired_sharpe import PairedSharpe
from backtests.inference.sharpe_inference import check_interval_level
from backtests.inference.slow_waves import SlowMeans
from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.paper.wording import percent
from foundation.tolerances import SERIES
from research.market.calendars import DAYS_PER_YEAR
from research.risk import growth, nav_path, sharpe

LOSS = "loss"  # the metric that slow waves judge
LOSS_ROUNDING = METRICS[LOSS].rounding or 0.0
Verdict = Literal[
    "better", "worse", "not significant", "too few episodes", "another target", "not available", "reference"
]


@dataclass(frozen=True, kw_only=True)
class Difference(EstimateWithTest):
    """A policy's figure less the reference's, on the same days.

    lower, upper : interval of the pair, not widened for the number of policies compared; infinite where the test holds
                   too few episodes to know that end.
    p            : p-value of no difference; 1 - level or less where the interval leaves zero out.
    p_holm       : the same, adjusted for all policies that are compared with the reference on this metric.
    verdict      : verdict by `p_holm` at 1 - level; "not available" where there is no test: its interval and p are NaN.
    """

    p_holm: float
    verdict: Verdict

    @classmethod
    def judged(cls, test: EstimateWithTest, p_holm: float, word: Verdict) -> "Difference":
        """The difference of a test, with its adjusted p and its verdict."""
        return cls(test.value, test.lower, test.upper, test.level, test.error, p=test.p, p_holm=p_holm, verdict=word)

    @property
    def tested(self) -> float | None:
        """`p_holm`, or None where there were too few episodes for a test, or J is of another target."""
        return None if self.verdict in ("too few episodes", "another target") else self.p_holm


@dataclass(frozen=True, eq=False, repr=False)
class PairedSeries:
    """Returns of P policies on the same T days, and how they are annualised.

    names            : names of the P policies.
    net              : (T, P) simple returns net of costs, fraction.
    cash             : (T,) simple return of cash, fraction.
    span_days        : calendar days from the close before the first return to the last. Each draw has this length too:
                       its growth is exp(sum of log returns · 365.25 / span_days) - 1, and differences are between such
                       rates.
    periods_per_year : number of periods by which figures are annualised.
    """

    names: tuple[str, ...]
    net: Array
    cash: Array
    span_days: float
    periods_per_year: float

    def growth(self, returns: Array) -> float:
        """The growth of a series (T,), fraction a year."""
        return growth(nav_path(returns), self.span_days)

    def annual(self, mean_logs: Array) -> Array:
        """Growth, fraction a year, from means of log returns over the days."""
        return np.expm1(mean_logs * (len(self.net) * DAYS_PER_YEAR / self.span_days))


@dataclass(frozen=True, eq=False, repr=False)
class Evidence:
    """Figures of P policies on T days and on every draw of those days; intervals and differences follow from them.

    series     : returns of the P policies.
    reference  : name of the policy with which the others are compared.
    estimates  : (P,) figures by metric of `COMPARED`, in the unit of the record.
    losses     : J of each policy, with its uncertainty.
    draws      : (reps, P) the same figures on each draw, by each other metric. A row is one draw for all policies.
    resampling : resampling of the days.
    level      : level of the intervals; the words are at 1 - level, after Holm.
    ratios     : Sharpe ratios with errors of their own, which then take the place of their draws; or None.
    long_run   : J averaged over all history, and the volatilities of the market; or None.
    apart      : policies of another target than the reference's, whose J is no better and no worse.
    Raises     : ConfigError for an unknown reference or an impossible level.
    """

    series: PairedSeries
    reference: str
    estimates: Mapping[str, Array]
    losses: SlowMeans
    draws: Mapping[str, Array]
    resampling: Resampling
    level: float = 0.95
    ratios: PairedSharpe | None = None
    long_run: LongRun | None = None
    apart: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Make the arrays read-only. Raises ConfigError for an unknown reference or an impossible level."""
        if self.reference not in self.names:
            raise ConfigError(
                f"unknown reference policy {self.reference!r}: compared are {', '.join(self.names)}. Name one of them."
            )
        check_interval_level(self.level)
        for name in ("estimates", "draws"):
            object.__setattr__(self, name, {metric: frozen(a) for metric, a in getattr(self, name).items()})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the P policies."""
        return self.series.names

    @property
    def days(self) -> int:
        """T."""
        return len(self.series.net)

    def against(self, reference: str) -> "Evidence":
        """The same draws, compared with another policy."""
        return replace(self, reference=reference)

    def figures(self, metric: str) -> dict[str, Estimate]:
        """The figure of each policy with its interval, by the error of J or of a ratio, else the draws' percentiles."""
        if metric == LOSS:
            return {name: self.losses.figure(p, self.level) for p, name in enumerate(self.names)}
        if metric == "sharpe" and self.ratios is not None:
            return {name: self.ratios.interval(p, self.level) for p, name in enumerate(self.names)}
        drawn = zip(self.names, self.estimates[metric].tolist(), self.draws[metric].T, strict=True)
        return {name: Estimate.of_draws(value, draws, self.level) for name, value, draws in drawn}

    def differences(self, metric: str) -> dict[str, Difference]:
        """The difference of each other policy to the reference, with interval, p and verdict."""
        base = self.names.index(self.reference)
        others = [p for p in range(len(self.names)) if p != base]
        sign = -1.0 if METRICS[metric].lower_is_better else 1.0
        found = [self._of_loss(p, base) for p in others] if metric == LOSS else self._drawn(metric, others, base)
        tested = [math.nan if math.isinf(one.lower) and math.isinf(one.upper) else one.p for one in found]
        return {
            self.names[other]: Difference.judged(
                one,
                adjusted if adjusted == adjusted else one.p,
                ("another target" if self.names[other] in self.apart else "too few episodes")
                if _is_untold(one)
                else verdict(adjusted, is_better=sign * one.value > 0.0, level=self.level),
            )
            for other, one, adjusted in zip(others, found, _adjusted(tested), strict=True)
        }

    def _of_loss(self, other: int, base: int) -> EstimateWithTest:
        """The difference in J of a policy to `base`; nothing is known of one that is apart."""
        found = self.losses.difference(other, base, self.level)
        return replace(found, lower=-math.inf, upper=math.inf) if self.names[other] in self.apart else found

    def _drawn(self, metric: str, others: Sequence[int], base: int) -> list[EstimateWithTest]:
        """The differences of others to the policy `base` by the draws."""
        rounding = _rounding(metric)
        estimates = _without_rounding(self.estimates[metric][others] - self.estimates[metric][base], rounding)
        if metric == "sharpe" and self.ratios is not None:
            p, half = self.ratios.tests(others, base, self.level)
        else:
            draws = _without_rounding(self.draws[metric][:, others] - self.draws[metric][:, [base]], rounding)
            p, half = two_sided_p(draws, estimates), half_width(draws, estimates, self.level)
        numbers = np.vstack([estimates, estimates - half, estimates + half, p]).T.tolist()
        return [
            EstimateWithTest(value, lower, upper, self.level, p=unadjusted)
            for value, lower, upper, unadjusted in numbers
        ]

    def summary(self) -> pd.DataFrame:
        """A row per metric and policy: figure and interval, then difference to the reference, p, Holm's p and word."""
        with_itself = Difference(0.0, 0.0, 0.0, self.level, p=1.0, p_holm=1.0, verdict="reference")
        rows = []
        for metric in self.estimates:
            differences = self.differences(metric) | {self.reference: with_itself}
            for name, figure in self.figures(metric).items():
                d = differences[name]
                rows.append(
                    {"metric": metric, "policy": name}
                    | {"estimate": figure.value, "lower": figure.lower, "upper": figure.upper}
                    | {"difference": d.value, "difference_lower": d.lower, "difference_upper": d.upper}
                    | {"p": d.p, "p_holm": d.p_holm, "verdict": d.verdict}
                )
        return pd.DataFrame(rows).set_index(["metric", "policy"])

    def __repr__(self) -> str:
        return (
            f"{len(self.names)} policies on {self.days:,} days, compared with {self.reference!r}; "
            f"{percent(self.level, 0)} intervals from {self.resampling.reps:,} draws in blocks of "
            f"{self.resampling.block} days\n" + self.summary().to_string(float_format="{:.4g}".format)
        )


def paired_evidence(
    series: PairedSeries,
    losses: ArrayLike,
    reference: str,
    *,
    limited: ArrayLike = True,
    market: ArrayLike | None = None,
    elasticity: ArrayLike = 1.0,
    resampling: Resampling = HOUSE,
    level: float = 0.95,
) -> Evidence:
    """J, growth and Sharpe ratio of P policies, net of costs, with paired evidence over the same T days.

    series     : returns of the policies.
    losses     : (T, P) daily terms of J, bp a year, as `research.risk.daily_loss` gives them: their mean is J.
    reference  : name of the policy with which the others are compared.
    limited    : (P,) or one for all, True if a policy has shown the largest drift that it allows, so that its J has a
                 known upper bound too (`backtests.inference.slow_waves`).
    market     : (T,) squared returns of the market, or None: J is then stated at its variance in these days, and the
                 part of J that it explains is no error.
    elasticity : (P,) or one for all, the percentage by which J grows with a variance that is one per cent higher.
    resampling : resampling of the days.
    level      : level of the intervals.
    Raises     : DataError for returns that have no growth or Sharpe ratio, naming the policy; ConfigError for
                 reference, level, span or periods.
    """
    # a policy is a row from here on: numpy then sums each by itself, in an order that does not depend on how many
    daily, net = (np.ascontiguousarray(np.asarray(columns, dtype=float).T) for columns in (losses, series.net))
    names, cash, year = series.names, series.cash, series.periods_per_year
    estimates = {
        LOSS: daily.mean(axis=1),
        "growth": _by_policy(names, net, series.growth),
        "sharpe": _by_policy(names, net, lambda r: sharpe(r, cash, year)),
    }
    excess = net - cash
    centre = excess.mean(axis=1)
    around = excess - centre[:, None]  # squared about the mean, so that nothing cancels in a draw's variance
    drawn = drawn_means(np.vstack([np.log1p(net), around, around**2]).T, resampling)
    logs, shift, square = np.split(drawn, 3, axis=1)
    draws = {
        "growth": series.annual(logs),
        "sharpe": (centre + shift) / _deviation(names, square - shift**2, net.shape[1]) * np.sqrt(year),
    }
    known = np.broadcast_to(limited, len(names))
    slow = SlowMeans.of(daily.T, known, LOSS_ROUNDING, market=market, elasticity=elasticity)
    return Evidence(series, reference, estimates, slow, draws, resampling, level)


def half_width(draws: ArrayLike, estimates: ArrayLike, level: float) -> Array:
    """(P,) half-width of the symmetric interval at `level`, from `draws` (reps, P) round `estimates` (P,).

    The distance of the draws from the estimate approximates that of the estimate from the true value. Draws of a
    quadratic loss are skewed, and so is the percentile interval: it excludes zero too often.
    Source : Hall (1988), On symmetric bootstrap confidence intervals, Journal of the Royal Statistical Society B 50(1).

    >>> half_width([[0.0], [1.0], [4.0]], [1.0], level=0.5).tolist()
    [1.0]
    """
    return np.quantile(np.abs(np.asarray(draws, dtype=float) - np.asarray(estimates)), level, axis=0)


def two_sided_p(draws: ArrayLike, estimates: ArrayLike) -> Array:
    """(P,) p of no difference: how often `draws` (reps, P) lie as far from `estimates` (P,) as these lie from zero.

    (1 + #(|draw - estimate| >= |estimate|)) / (reps + 1), the test that inverts the symmetric interval.
    Source : Davison and Hinkley (1997), Bootstrap Methods and their Application, chapter 4.

    >>> two_sided_p([[0.0], [1.0], [4.0]], [1.0]).tolist()
    [0.75]
    """
    from_zero = np.abs(np.asarray(estimates, dtype=float))
    as_far = np.abs(np.asarray(draws, dtype=float) - np.asarray(estimates)) >= from_zero
    return (1.0 + as_far.sum(axis=0)) / (len(as_far) + 1.0)


def holm(p: ArrayLike) -> Array:
    """(m,) p-values adjusted so that, where all m hypotheses hold, any is rejected at a with probability a at most.

    Source : Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    plain = np.asarray(p, dtype=float)
    order = np.argsort(plain, kind="stable")
    adjusted = np.empty_like(plain)
    adjusted[order] = np.minimum(np.maximum.accumulate(plain[order] * np.arange(len(plain), 0, -1)), 1.0)
    return adjusted


def _by_policy(names: Sequence[str], rows: Array, measure: Callable[[Array], float]) -> Array:
    """(P,) `measure` of each of `rows` (P, T); what it raises is raised with the policy's name."""
    values = np.empty(len(names))
    for p, name in enumerate(names):
        try:
            values[p] = measure(rows[p])
        except DataError as error:
            raise DataError(f"policy {name!r}: {error}") from error
    return values


def _deviation(names: Sequence[str], variance: Array, days: int) -> Array:
    """(reps, P) standard deviation, ddof 1, from `variance`, ddof 0. Raises DataError where a draw does not vary."""
    still = (variance <= SERIES**2).any(axis=0)
    if still.any():
        raise DataError(
            f"policy {names[int(np.argmax(still))]!r} does not move on some draws, so that they have no Sharpe "
            "ratio: it is in cash on nearly all days. Leave it out, or compare over a longer time."
        )
    return np.sqrt(variance * (days / (days - 1)))


def _adjusted(p: Sequence[float]) -> list[float]:
    """Holm's p over the pairs that have a test; one without, whose p is NaN, stays without."""
    adjusted = np.array(p, dtype=float)
    tested = np.isfinite(adjusted)
    adjusted[tested] = holm(adjusted[tested])
    found: list[float] = adjusted.tolist()
    return found


def verdict(p: float, *, is_better: bool, level: float) -> Verdict:
    """The verdict on a difference with this p-value: its significance at 1 - `level`, and its sign."""
    if p != p:
        return "not available"
    if p > 1.0 - level:
        return "not significant"
    return "better" if is_better else "worse"


def _is_untold(one: EstimateWithTest) -> bool:
    """True if both ends are unknown, or the only end that would distinguish the difference from zero is."""
    if math.isinf(one.lower):
        return math.isinf(one.upper) or one.value > 0.0
    return math.isinf(one.upper) and one.value < 0.0


def _rounding(metric: str) -> float:
    """The largest difference that is due to rounding. Raises ConfigError for a metric that is not compared."""
    rounding = METRICS[metric].rounding
    if rounding is None:
        raise ConfigError(f"policies are not compared by {metric}. Use one of {', '.join(COMPARED)}.")
    return rounding


def _without_rounding(differences: Array, rounding: float) -> Array:
    return np.where(np.abs(differences) <= rounding, 0.0, differences)
