"""Selection bias: Sharpe ratios after a search, and the probability that the trial it picks then fails.

All ratios here are a period, not a year, unless stated otherwise: the closer periods are, the better their moments
are known. For a rebalancing policy, judge *active* returns: those above its reference, not the market's.
"""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from backtests.inference.block_draws import HOUSE, Resampling, drawn_means
from backtests.inference.sharpe_inference import NORMAL, checked_numbers, checked_series, sharpe_error
from foundation.arguments import is_number, is_whole, refuse
from foundation.arrays import Array, Rows
from foundation.compiled import compiled
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from research.risk.simulation.long_run_variance import newey_west_lags

EULER = 0.5772156649015329  # the constant of Euler and Mascheroni
MOST_BLOCKS = 20  # of the cross-validation: 184,756 halves
ROUNDING_VARIANCE = 1e-12  # variance in a half, over that of all periods, below which it is rounding
RECORD = 0.95  # probability at which a track record is long enough
ONE_TRIAL = 0.5  # correlation from which trials count as variants of one


# -- Sharpe ratios after a search ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moments:
    """The moments of a series that the tests of this module need.

    sharpe     : Sharpe ratio a period.
    periods    : number of periods, T.
    skewness   : skewness; 0 for a normal series.
    kurtosis   : raw kurtosis; 3 for a normal series.
    dependence : variance of the ratio's error over what it would be if periods were independent; 1 where they are.
    Raises     : ConfigError for moments that no series has: less than two periods, a kurtosis below 1 + skewness², or a
                 dependence that is not positive.
    """

    sharpe: float
    periods: int
    skewness: float = 0.0
    kurtosis: float = 3.0
    dependence: float = 1.0

    def __post_init__(self) -> None:
        """Check that such a series exists."""
        for name in ("sharpe", "skewness", "kurtosis", "dependence"):
            if not is_number(getattr(self, name)):
                refuse(f"{name} is", getattr(self, name), "give a finite number.")
        if self.dependence <= 0.0:
            refuse("dependence is", self.dependence, "give a positive number, 1 for independent periods.")
        if not is_whole(self.periods) or self.periods < 2:
            refuse("periods is", self.periods, "give a whole number of two or more.")
        if self.kurtosis < 1.0 + self.skewness**2 - 1e-9:
            raise ConfigError(
                f"no series has skewness {self.skewness:.3g} and kurtosis {self.kurtosis:.3g}: it is 1 + skewness² at "
                "least. Give the raw kurtosis, which is 3 for a normal series, not the excess."
            )

    @classmethod
    def of(cls, excess: ArrayLike) -> "Moments":
        """The moments of a series, and the dependence of its periods.

        excess : (T,) returns over cash or over a reference, fraction a period.
        Raises : DataError for fewer than 24 periods, and for what is not finite or does not vary.
        Source : Lo (2002) by `sharpe_error`, with 4 (T / 100)^(2/9) autocorrelations over none.
        """
        x = checked_series(excess, "excess returns")
        standard = (x - x.mean()) / x.std()
        skewness, kurtosis = float(np.mean(standard**3)), float(np.mean(standard**4))
        ratio = float(x.mean() / x.std(ddof=1))
        with_lags, without = (sharpe_error(standard, ratio, lags) for lags in (newey_west_lags(len(x)), 0))
        return cls(ratio, len(x), skewness, kurtosis, (with_lags / without) ** 2)

    @property
    def spread(self) -> float:
        """sqrt(D (1 − γ3 S + (γ4 − 1) S² / 4)): the standard error of the ratio, times sqrt(T − 1).

        Source : Mertens (2002), Comments on variance of the IID estimator in Lo (2002); Christie (2005); for the
                 dependence D, Lo (2002).
        """
        independent = 1.0 - self.skewness * self.sharpe + 0.25 * (self.kurtosis - 1.0) * self.sharpe**2
        return math.sqrt(self.dependence * independent)


def probabilistic_sharpe(moments: Moments, threshold: float = 0.0) -> float:
    """The probability that the true Sharpe ratio is above `threshold`, from one series.

    moments   : moments of the series.
    threshold : a ratio a period; of the best of N trials the one that as many worthless ones would be expected to
                reach, the standard deviation of the trials' ratios times `expected_maximum(N)`: the deflated ratio.
    Source    : Bailey and López de Prado (2012), The Sharpe Ratio Efficient Frontier, equation 11; (2014), The Deflated
                Sharpe Ratio, equations 1 and 2. Both take periods as independent: with a dependence the error
                is that of Lo (2002). The threshold needs no correction: the trials' own ratios vary by as much more.

    >>> round(probabilistic_sharpe(Moments(0.5 / 12**0.5, 60)), 4)
    0.865
    >>> best = Moments(2.5 / 250**0.5, 1_250, skewness=-3.0, kurtosis=10.0)     # the example of the second paper
    >>> round(probabilistic_sharpe(best, (0.5 / 250) ** 0.5 * expected_maximum(100)), 4)
    0.9004
    """
    return NORMAL.cdf((moments.sharpe - threshold) * math.sqrt(moments.periods - 1) / moments.spread)


def expected_maximum(trials: float) -> float:
    """The expected largest of `trials` independent standard normal numbers, by the paper's approximation.

    trials : number of independent trials; an effective number need not be whole.
    Raises : ConfigError for fewer than two: the best of one trial was not selected.
    Source : Bailey and López de Prado (2014), The Deflated Sharpe Ratio, equation 1.

    >>> [round(expected_maximum(n), 4) for n in (10, 100, 1_000)]
    [1.5746, 2.5306, 3.2551]
    """
    if not is_number(trials) or trials < 2:
        refuse(
            "trials is", trials,
            "give a number of two or more. One trial was not selected among others: use probabilistic_sharpe.",
        )  # fmt: skip
    low, high = NORMAL.inv_cdf(1.0 - 1.0 / trials), NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return (1.0 - EULER) * low + EULER * high


def minimum_track_record(moments: Moments, threshold: float = 0.0) -> float:
    """Number of periods after which a Sharpe ratio such as this one is above `threshold` with probability `RECORD`.

    moments   : moments of the series; its own number of periods does not count.
    threshold : a ratio a period.
    Raises    : DataError for a ratio that is not above the threshold: no length would show it.
    Source    : Bailey and López de Prado (2012), The Sharpe Ratio Efficient Frontier, equation 13.

    >>> round(minimum_track_record(Moments(2.0 / 12**0.5, 24, skewness=-0.72, kurtosis=5.78), 1.0 / 12**0.5) / 12, 2)
    4.99
    """
    ahead = moments.sharpe - threshold
    if ahead <= 0.0:
        raise DataError(
            f"the Sharpe ratio of {moments.sharpe:.4g} a period is not above {threshold:.4g}: no track record, however "
            "long, would show that it is. Choose a lower threshold."
        )
    return 1.0 + (moments.spread * NORMAL.inv_cdf(RECORD) / ahead) ** 2


# -- overfitting by a search -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Overfitting:
    """The results in one half of the days of the trial that is best in the other, over all halves.

    probability : probability that it is no better there than the median trial (PBO).
    logits      : (H,) log(ω / (1 − ω)) of its rank ω in the other half; above zero, better than the median.
    """

    probability: float
    logits: Array


def overfitting(returns: ArrayLike, blocks: int = 16, names: Sequence[str] | None = None) -> Overfitting:
    """The probability of backtest overfitting, by combinatorially symmetric cross-validation of Sharpe ratios.

    returns : (T, N) returns of N trials on the same periods, over cash or over a reference, fraction; they vary.
    blocks  : S, even; the periods are cut into S blocks, whose lengths differ by one at most, and each of the
              S! / (S/2)!² halves is once the one in which the best is chosen.
    names   : names of the trials, for messages.
    Raises  : DataError for a single trial, returns that are not finite, fewer than two periods a block, and a trial
              that does not vary in some half; ConfigError for a number of blocks that is odd, below 2 or above 20.
    Source  : Bailey, Borwein, López de Prado and Zhu (2017), The probability of backtest overfitting, Journal of
              Computational Finance 20(4), section 2.2. Ranks of equal trials are their mean.
    """
    x = checked_numbers(returns, "trials", 2)
    if not is_whole(blocks) or blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        refuse("blocks is", blocks, f"give an even number from 2 to {MOST_BLOCKS}, such as 16.")
    if len(x) < 2 * blocks:
        raise DataError(
            f"{len(x)} periods are too few for {blocks} blocks: {2 * blocks} at least are needed. Take a longer "
            "period, or fewer blocks."
        )
    edges = np.linspace(0, len(x), blocks + 1).astype(np.int64)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)  # squares about the mean, so that nothing cancels in a half
    shift = x.mean(axis=0) / x.std(axis=0)
    sums = np.stack([np.add.reduceat(part, edges[:-1], axis=0) for part in (scaled, scaled**2)])
    halves = np.array(list(combinations(range(blocks), blocks // 2)), dtype=np.int64)
    ranks = np.empty(len(halves))
    still = _cross_validate(sums, np.diff(edges).astype(float), shift, halves, ranks)
    if still >= 0:
        name = str(still) if names is None else repr(names[still])
        raise DataError(
            f"trial {name} does not vary in some half of the periods, so that it has no Sharpe ratio "
            "there. Leave it out, or take fewer blocks."
        )
    omega = ranks / (x.shape[1] + 1.0)
    logits = np.log(omega / (1.0 - omega))
    return Overfitting(float(np.mean(logits <= 0.0)), logits)


@compiled
def _cross_validate(sums: Array, lengths: Array, shift: Array, halves: Rows, ranks: Array) -> int:
    """Write the rank (H,) of each half's best in the other half, from 1 for the worst.

    sums    : (2, S, N) sums of standardised returns and of their squares, by block.
    lengths : (S,) lengths of the blocks.
    shift   : (N,) mean over deviation of each trial.
    halves  : (H, S / 2) the blocks of each, as `itertools.combinations` orders them: the other half of h is H − 1 − h.
    Returns : the first trial that does not vary in some half, or -1.
    """
    trials, last = sums.shape[2], halves.shape[0] - 1
    one, other, scratch = np.empty(trials), np.empty(trials), np.empty(trials)
    for h in range((last + 1) // 2):
        for k, ratios in ((h, one), (last - h, other)):
            still = _sharpe_of_half(sums, lengths, shift, halves[k], ratios, scratch)
            if still >= 0:
                return still
        ranks[h] = _rank_of_best(one, other)
        ranks[last - h] = _rank_of_best(other, one)
    return -1


@compiled
def _sharpe_of_half(sums: Array, lengths: Array, shift: Array, half: Rows, ratios: Array, square: Array) -> int:
    """Write (N,) Sharpe ratios of each trial in a half; give the first trial that does not vary in it, or -1."""
    ratios[:] = 0.0
    square[:] = 0.0
    days = 0.0
    for block in half:
        days += lengths[block]
        for n in range(len(ratios)):
            ratios[n] += sums[0, block, n]
            square[n] += sums[1, block, n]
    for n in range(len(ratios)):
        mean = ratios[n] / days
        variance = (square[n] / days - mean * mean) * days / (days - 1.0)
        if variance <= ROUNDING_VARIANCE:
            return n
        ratios[n] = (shift[n] + mean) / np.sqrt(variance)
    return -1


@compiled
def _rank_of_best(inside: Array, outside: Array) -> float:
    """The rank outside of the best inside, from 1 for the worst, ties at their mean."""
    best = 0
    for n in range(1, len(inside)):
        if inside[n] > inside[best]:
            best = n
    below = equal = 0
    for n in range(len(outside)):
        below += outside[n] < outside[best]
        equal += outside[n] == outside[best]
    return below + 0.5 * (equal + 1)


# -- how many trials there were --------------------------------------------------------------------------------------


def trial_clusters(returns: ArrayLike) -> Rows:
    """(N,) number of the cluster of each trial, from 0 in the order of their first trials: variants of one idea.

    Clusters are joined while the mean distance between their trials is that of the correlation `ONE_TRIAL` or less.

    returns : (T, N) returns of two trials or more on the same periods, over a reference, fraction; they vary.
    Source  : López de Prado and Lewis (2019), Detection of false investment strategies using unsupervised learning
              methods, Quantitative Finance 19(9), section 5: trials are clustered by the distances sqrt((1 − ρ) / 2).
              They choose the number of clusters by silhouettes, which exist neither for one cluster nor for as many as
              trials; average linkage up to a distance has both.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    x = checked_numbers(returns, "trials", 2)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    first, second = np.triu_indices(x.shape[1], k=1)
    between = np.clip((standard.T @ standard / len(x))[first, second], -1.0, 1.0)
    labels = fcluster(linkage(_distance(between), "average"), _distance(np.array(ONE_TRIAL)) + 1e-9, "distance")
    _, opens, cluster = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(opens))[cluster].astype(np.int64)


def _distance(correlations: Array) -> Array:
    return np.sqrt(0.5 * (1.0 - correlations))


# -- is any better than the reference? -------------------------------------------------------------------------------


@dataclass(frozen=True)
class SuperiorAbility:
    """Hansen's test that no policy has a lower expected loss than the reference.

    p           : p-value of that, consistent: policies that are clearly worse do not count.
    lower, upper: p where all that did worse in the sample are left out, and where all count as equals (White's).
    best        : column of the policy with the largest studentised advantage.
    """

    p: float
    lower: float
    upper: float
    best: int


def superior_ability(reference: ArrayLike, losses: ArrayLike, resampling: Resampling = HOUSE) -> SuperiorAbility:
    """Test whether any of many policies is better than the reference, allowing for the number tried.

    reference  : (T,) daily losses of the reference.
    losses     : (T, P) losses of the others, on the same days, in the same unit.
    resampling : resampling of the days.
    Raises     : DataError for fewer days than two blocks, and for a policy that differs from the reference by a
                 constant: there is nothing to test.
    Source     : Hansen (2005), A test for superior predictive ability, Journal of Business and Economic Statistics
                 23(4), section 3; its variances are those of the draws.
    """
    ahead = np.asarray(reference, dtype=float)[:, None] - np.asarray(losses, dtype=float)
    if not np.isfinite(ahead).all():
        row, column = np.argwhere(~np.isfinite(ahead))[0].tolist()
        raise DataError(f"losses of column {column} or of the reference in row {row} are not finite. Correct them.")
    constant = np.ptp(ahead, axis=0) <= 1e-12 * max(1.0, float(np.abs(ahead).max()))
    if constant.any():
        raise DataError(
            f"column {int(np.argmax(constant))} differs from the reference by a constant: they are the same policy, or "
            "one is better every day. Leave it out."
        )
    root, means = math.sqrt(len(ahead)), ahead.mean(axis=0)
    drawn = drawn_means(ahead, resampling) - means
    deviation = root * np.sqrt(np.mean(drawn**2, axis=0))
    scores = root * means / deviation
    worst = -math.sqrt(2.0 * math.log(math.log(len(ahead))))
    found = max(float(scores.max()), 0.0)

    def tail(recentred: Array) -> float:
        best = np.maximum(((drawn + recentred) * (root / deviation)).max(axis=1), 0.0)
        return (1.0 + float((best >= found).sum())) / (len(best) + 1.0)

    lower, consistent, upper = (
        tail(np.where(keep, 0.0, means)) for keep in (means >= 0.0, scores >= worst, np.ones(len(means), dtype=bool))
    )
    return SuperiorAbility(consistent, lower, upper, int(np.argmax(scores)))
