"""Targets of a portfolio's policies on a date with their reasons, compared with the holdings and with controls.

    found = targets_today(portfolio, as_of="2022-12-29")
    found.table("hrp_monthly")

A target is the one in force at the close, set on the last day of its schedule, with the reasons of that day. All
weights are measured by one covariance, of the date itself, so that their risks can be compared.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property

import numpy as np
import pandas as pd

from backtests.evaluation.benchmark import target_returns
from backtests.inference.block_draws import Resampling
from backtests.inference.estimates import INTERVAL_LEVEL, EstimateWithTest, NotAvailable, or_why_not
from backtests.inference.evidence import Difference, holm, verdict
from backtests.inference.paired_sharpe import PairedSharpe
from backtests.views import view
from foundation.arrays import Array, freeze_fields
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError, DataError, InputError, PolicyError
from foundation.paper.wording import listed
from foundation.tolerances import COUNTED
from research.allocation import (
    Allocation,
    Answer,
    EqualWeights,
    MinimumVariance,
    RiskParity,
    TargetPath,
    kept_target_path,
    target_path,
)
from research.allocation.allocation import allocation_name, carried
from research.allocation.answer import UNANSWERED, Following
from research.allocation.hierarchical.model import Hierarchy, Model
from research.allocation.input_sensitivity import InputSensitivity, input_sensitivity
from research.allocation.tilted import Tilt, tilts_of
from research.allocation.wrapper import each_of
from research.forecast import Estimated, Forecast, Moments
from research.market import Market
from research.market.notes import Note
from research.portfolio import Portfolio
from research.portfolio.file.lengths import at_frequency
from research.risk import sharpe
from research.risk.decomposition.contributions import risk_contributions
from research.risk.decomposition.torsion import torsion_bets
from research.rules.protocol import held_by


@dataclass(frozen=True, eq=False)
class TargetRisk:
    """The risk of weights, of the assets whose moments are known.

    volatility : of the return over the forecast's horizon, fraction.
    share      : (n,) of each asset in the portfolio's variance; they sum to one. NaN for an asset whose moments are not
                 known, and for all assets where none of them is held.
    bets       : effective number of minimum torsion bets (`research.risk.decomposition.torsion`), 1 to n; NaN where
                 nothing is held.
    unknown    : assets that are held and whose moments are not known: their risk is left out.
    """

    volatility: float
    share: Array
    bets: float
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the shares read-only."""
        freeze_fields(self, "share")


def target_risk(weights: Array, assets: tuple[str, ...], moments: Moments) -> TargetRisk:
    """The risk of weights (n,), fraction of NAV, of the assets `assets`.

    Raises : DataError for a covariance without an inverse.
    """
    lines = np.array([assets.index(asset) for asset in moments.assets])
    held = np.abs(weights) > COUNTED
    unknown = tuple(asset for asset, there in zip(assets, held, strict=True) if there and asset not in moments.assets)
    share = np.full(len(assets), np.nan)
    if not held[lines].any():
        return TargetRisk(0.0, share, np.nan, unknown)
    known = weights[lines]
    added = risk_contributions(known, moments.covariance)
    share[lines] = added / added.sum()
    return TargetRisk(float(added.sum()), share, torsion_bets(known, moments.covariance), unknown)


CONTROL_TARGETS: Mapping[str, Allocation] = {
    "1/N": EqualWeights(),
    "minimum variance": MinimumVariance(),
    "risk parity": RiskParity(),
}
SAME_RETURN = 1e-12  # return of a day: two targets that differ by no more are one
YARDSTICK = Estimated()  # of risk: the Ledoit-Wolf covariance of the last year of days


@dataclass(frozen=True, eq=False)
class TargetToday:
    """The target of one allocation that is in force at a close.

    name       : name of the first policy that holds it; of the allocation, in words, where none does.
    allocation : allocation that gave the target.
    policies   : names of the policies that hold it; () for a control.
    answer     : weights and their reasons, of the day on which they were computed.
    risk       : risk of the weights, by the covariance of the date of the whole; None where it has none.
    sensitivity : sensitivity of the weights to each input of the estimate; None where it is not asked for, and where
                  none is made.
    trees      : tree of each hierarchical allocation that it is, scales or combines, by its name, on the day of the
                 answer.
    tilts      : tilts by forecasts that are part of it, likewise.
    """

    name: str
    allocation: Allocation
    policies: tuple[str, ...]
    answer: Answer
    risk: TargetRisk | None
    trees: Mapping[str, Hierarchy] = field(default_factory=dict)
    tilts: tuple[Tilt, ...] = ()
    sensitivity: InputSensitivity | None = None

    @property
    def tree(self) -> Hierarchy | None:
        """The outermost tree; None for none."""
        return next(iter(self.trees.values()), None)

    @property
    def words(self) -> str:
        """The name of the allocation, in words."""
        return allocation_name(self.allocation)

    @property
    def weights(self) -> Array:
        """(n,) fraction of NAV; cash is the rest."""
        return self.answer.weights


@dataclass(frozen=True, eq=False)
class AgainstControls:
    """Sharpe ratios of simple targets less that of the target that is judged, on the same days.

    Each target is held from close to close at no cost.

    first, last : first and last day of the returns.
    differences : difference of each simple target by its name; p is Holm-adjusted over all of them. Targets that earned
                  the same on each day are one, whose name lists them.
    same        : simple targets that earned the same as the one that is judged; none of them is compared.
    left_out    : the reason why a simple target is not compared, such as too little history before the test, by name.
    """

    first: pd.Timestamp
    last: pd.Timestamp
    differences: Mapping[str, Difference]
    same: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    def judged(self, word: str) -> list[str]:
        """The simple targets with a verdict: "better", "worse", "not significant" or "not available"."""
        return [name for name, one in self.differences.items() if one.verdict == word]


@dataclass(frozen=True, eq=False, repr=False)
class TargetsToday:
    """The targets in force at one close, the distinct allocations of a portfolio's policies first.

    portfolio : portfolio of the policies.
    date      : date of the close.
    targets   : target of each distinct allocation, in the order of the policies.
    strategic : strategic target of the file.
    held      : risk of the weights held at the last close of the portfolio; None where it has none.
    controls  : targets that need no opinion, by name; without those that the market's history does not allow.
    notes     : notes for a reader, in sentences.
    """

    portfolio: Portfolio
    date: pd.Timestamp
    targets: tuple[TargetToday, ...]
    strategic: TargetToday
    held: TargetRisk | None
    controls: Mapping[str, TargetToday]
    notes: tuple[str, ...] = ()

    def of(self, policy: str) -> TargetToday:
        """The target that a policy of the file holds. Raises ConfigError for a name that is none of them."""
        self.portfolio.check_policy(policy)
        allocation = held_by(self.portfolio.policies[policy], self.portfolio.strategic)
        found = next((target for target in self.targets if target.allocation == allocation), None)
        if found is None:
            raise ConfigError(f"policy {policy} has no target of {self.date:%Y-%m-%d} here. {' '.join(self.notes)}")
        return found

    def table(self, target: TargetToday) -> pd.DataFrame:
        """A row for each asset and cash: weights held, strategic, of the target and of each control, shares of risk.

        target  : one of `targets`.
        Columns : held, strategic, target: fraction of NAV; risk: share of the target's variance; then each control,
                  fraction of NAV. NaN where it is not known.
        """
        beside = {name: control.weights for name, control in self.controls.items()}
        weights = {"held": self.portfolio.weights, "strategic": self.strategic.weights, "target": target.weights}
        columns = {name: np.append(w, 1.0 - w.sum()) for name, w in (weights | beside).items()}
        none = np.full(len(target.weights), np.nan)
        risk = np.append(none if target.risk is None else target.risk.share, np.nan)
        index = pd.Index([*self.portfolio.market.assets, "cash"], name="line")
        table = pd.DataFrame(columns, index=index)
        table.insert(3, "risk", risk)
        return table

    def risks(self, target: TargetToday) -> dict[str, TargetRisk | None]:
        """The risk of each column of weights of `table`, by its name."""
        shown = {"strategic": self.strategic, "target": target, **self.controls}
        return {"held": self.held} | {name: one.risk for name, one in shown.items()}

    def side_by_side(self) -> pd.DataFrame:
        """A row for each asset, cash and three figures; columns for the holdings, the strategic and each other target.

        A target is called by the first policy that holds it; controls that are no target follow. Weights are fractions
        of NAV; "volatility" is a year's; "torsion bets" is their effective number; "to trade" is the one-way turnover
        from what is held, fraction of NAV.
        """
        others = [one for one in self.targets if one.allocation != self.portfolio.strategic]
        shown = {"strategic": self.strategic} | {one.policies[0]: one for one in others}
        known = [one.allocation for one in others]
        shown |= {name: one for name, one in self.controls.items() if one.allocation not in known}
        weights = {"held": self.portfolio.weights} | {name: one.weights for name, one in shown.items()}
        risks = {"held": self.held} | {name: one.risk for name, one in shown.items()}
        index = [*self.portfolio.market.assets, "cash", "volatility", "torsion bets", "to trade"]
        columns = {
            name: [*w, 1.0 - w.sum(), *self._figures(risks[name]), self.to_trade(w)] for name, w in weights.items()
        }
        return pd.DataFrame(columns, index=pd.Index(index, name="line"))

    def _figures(self, risk: TargetRisk | None) -> tuple[float, float]:
        """Volatility a year and torsion bets; NaN where they are not known."""
        year = float(self.portfolio.periods_per_year) ** 0.5
        return (np.nan, np.nan) if risk is None else (year * risk.volatility, risk.bets)

    def to_trade(self, weights: Array) -> float:
        """One-way turnover from the weights held to others (n,), fraction of NAV."""
        gap = weights - self.portfolio.weights
        return max(float(gap[gap > 0.0].sum()), float(-gap[gap < 0.0].sum()))

    @property
    def judged(self) -> TargetToday:
        """The target that is compared with the controls: that of the active policy, or the first."""
        return next((one for one in self.targets if self.portfolio.policy in one.policies), self.targets[0])

    @property
    def is_strategic(self) -> bool:
        """True if the target that is judged is the strategic one."""
        return self.judged.allocation == self.portfolio.strategic

    @cached_property
    def against_controls(self) -> AgainstControls | NotAvailable:
        """The target that is judged against the controls, and against the strategic one where that is another.

        The days are those of the file's test, up to the date. NotAvailable where they are too few, or where the target
        itself, or each simple one, has too little history before them.
        """
        return or_why_not(lambda: _against_controls(self))

    def __repr__(self) -> str:
        """The targets as text: a section for each allocation."""
        return str(view(self, "text"))

    def _repr_html_(self) -> str:
        """The targets as a block of HTML."""
        return str(view(self, "html"))


def targets_today(
    portfolio: Portfolio, as_of: str | None = None, policies: Sequence[str] | None = None, sensitivity: bool = False
) -> TargetsToday:
    """The targets of a portfolio's policies in force at the last close, or at the last one up to a date.

    portfolio : portfolio with its policies; those that must be tuned or trained hold what they are tuned or trained
                for.
    as_of     : YYYY-MM-DD; None for the last close.
    policies  : names of the policies to explain; None for all.
    sensitivity : True to compute the sensitivity of each target that is estimated from a window to its inputs too. It
                  asks each of them again, twice for each mean, volatility and correlation.
    A policy whose allocation has no target is left out, and a note says why.
    Raises    : ConfigError for an unknown policy and for an invalid date; DataError for a date before the market; where
                no policy has a target, the error of the first allocation, a PolicyError for no solution yet.
    """
    names = list(portfolio.policies if policies is None else policies)
    for name in names:
        portfolio.check_policy(name)
    market = portfolio.market.until(as_of or portfolio.date)
    year = portfolio.periods_per_year
    yardstick = at_frequency(YARDSTICK, year)
    moments, notes = _moments(market, yardstick)
    targets, refused = _targets(portfolio, names, market, moments)
    notes += refused
    notes += dict.fromkeys(f"{note}." for one in targets for note in one.answer.notes if isinstance(note, Note))
    if sensitivity:
        targets = tuple(replace(one, sensitivity=_sensitivity(one, market)) for one in targets)
    controls = {}
    for name, allocation in CONTROL_TARGETS.items():
        try:
            controls[name] = target_today(at_frequency(allocation, year), market, moments)
        except (DataError, PolicyError) as error:
            notes.append(f"The control {name} is not shown: {error}")
    strategic = target_today(portfolio.strategic, market, moments)
    held = None if moments is None else target_risk(portfolio.weights, market.assets, moments)
    unknown = {asset for one in (held, *(t.risk for t in targets)) if one is not None for asset in one.unknown}
    if unknown:
        named = ", ".join(asset for asset in market.assets if asset in unknown)
        notes.append(
            f"Shares of risk leave out what has not moved, or has fewer than {yardstick.window} returns: {named}."
        )
    return TargetsToday(portfolio, market.dates[-1], targets, strategic, held, controls, tuple(notes))


def _targets(
    portfolio: Portfolio, names: Sequence[str], market: Market, moments: Moments | None
) -> tuple[tuple[TargetToday, ...], list[str]]:
    """The target of each distinct allocation of some policies, and a note on each policy that has none.

    Raises : where there is no target at all, the error of the first policy.
    """
    distinct: list[tuple[Allocation, list[str]]] = []
    for name in names:
        allocation = held_by(portfolio.policies[name], portfolio.strategic)
        holders = next((holders for known, holders in distinct if known == allocation), None)
        if holders is None:
            distinct.append((allocation, [name]))
        else:
            holders.append(name)
    targets, refused = list[TargetToday](), dict[str, Exception]()
    for allocation, holders in distinct:
        try:
            targets.append(target_today(allocation, market, moments, holders))
        except UNANSWERED as error:
            refused |= dict.fromkeys(holders, error)
    if refused and not targets:
        name, why = next(iter(refused.items()))
        kind = next(kind for kind in UNANSWERED if isinstance(why, kind))
        raise kind(f"{name} has no target: {why}") from why
    return tuple(targets), [f"{name} has no target, and is not shown: {error}" for name, error in refused.items()]


def target_today(
    allocation: Allocation, market: Market, moments: Moments | None = None, policies: list[str] | None = None
) -> TargetToday:
    """The target of an allocation that is in force at the last close of a market.

    allocation : allocation to hold.
    market     : market up to the date.
    moments    : moments by which its risk is measured; None for no measurement.
    policies   : names of the policies that hold it.
    Raises     : the errors of `target_path`.
    """
    last = len(market.dates) - 1
    path: TargetPath = target_path(allocation, market, start=last)
    answer = path.answer_at(last)
    risk = None if moments is None else target_risk(answer.weights, market.assets, moments)
    models = () if answer.fallback else (one for one in each_of(allocation) if isinstance(one, Model))
    row = market.row(answer.seen)
    trees = {allocation_name(one): one.hierarchy(market.past(row), _before(one, market, row)) for one in models}
    tilts = () if answer.fallback else tilts_of(allocation, market.past(row))
    holders = tuple(policies or ())
    return TargetToday((*holders, allocation_name(allocation))[0], allocation, holders, answer, risk, trees, tilts)


def _against_controls(found: TargetsToday) -> AgainstControls:
    """The differences of Sharpe ratios by Ledoit and Wolf (2008).  Raises : DataError as `target_path` does."""
    market, judged = found.portfolio.market.until(f"{found.date:%Y-%m-%d}"), found.judged
    first = market.row(found.portfolio.test_start - pd.Timedelta(days=1))
    simple = dict(found.controls) if found.is_strategic else {"the strategic target": found.strategic, **found.controls}
    if first > len(market.dates) - 2 or not simple:
        raise DataError(f"the test begins on {found.portfolio.test_start:%Y-%m-%d}: there are no days to compare.")
    cash, year = market.cash[first + 1 :], float(found.portfolio.periods_per_year)

    def returns(of: Allocation) -> Array:
        return target_returns(kept_target_path(of, market, start=first), market, first) - cash

    kept: list[tuple[Array, list[str]]] = [(returns(judged.allocation), [])]
    left_out = {}
    for name, control in simple.items():
        try:
            row = returns(control.allocation)
        except (DataError, PolicyError) as error:
            left_out[name] = str(error)
            continue
        known = next((names for one, names in kept if np.abs(one - row).max() <= SAME_RETURN), None)
        if known is None:
            kept.append((row, [name]))
        else:
            known.append(name)
    same, *others = (names for _, names in kept)
    if not others:
        raise DataError(" ".join(left_out.values()) or f"{listed(same)} earned the same as this target on each day.")
    excess = np.array([row for row, _ in kept])
    ratios = [sharpe(row, np.zeros(len(row)), year) for row in excess]
    p, half = PairedSharpe(excess, year, Resampling.of_rows(year)).tests(range(1, len(excess)), 0, INTERVAL_LEVEL)
    adjusted = np.full(len(p), np.nan)
    adjusted[np.isfinite(p)] = holm(p[np.isfinite(p)])
    differences = {}
    for k, names in enumerate(others):
        gap, reach = ratios[k + 1] - ratios[0], float(half[k])
        test = EstimateWithTest(gap, gap - reach, gap + reach, INTERVAL_LEVEL, p=float(p[k]))
        word = verdict(adjusted[k], is_better=gap > 0.0, level=INTERVAL_LEVEL)
        differences[" = ".join(names)] = Difference.judged(test, float(adjusted[k]), word)
    return AgainstControls(market.dates[first + 1], market.dates[-1], differences, tuple(same), left_out)


def _sensitivity(target: TargetToday, market: Market) -> InputSensitivity | None:
    """The effect of each input of an estimate on the weights, on the day on which they were computed."""
    if target.allocation.window < 2 or target.answer.fallback:
        return None
    row = market.row(target.answer.seen)
    seen = market.until(f"{target.answer.seen:%Y-%m-%d}")
    return input_sensitivity(target.allocation, seen, previous=_before(target.allocation, market, row))


def _before(allocation: Allocation, market: Market, row: int) -> Array | None:
    """(n,) the target before that of a row, for an allocation that follows it; None for others, and for the first."""
    if not (isinstance(allocation, Following) and allocation.follows):
        return None
    with suppress(InputError):
        before = target_path(allocation, market.until(f"{market.dates[row - 1]:%Y-%m-%d}"), start=row - 1)
        return carried(before.rows[-1], market.past(row))
    return None


def _moments(market: Market, forecast: Forecast) -> tuple[Moments | None, list[str]]:
    """The moments of the last close, or None and why there are none."""
    try:
        return forecast.predict(market.past(len(market.dates) - 1)), []
    except DataError as error:
        return None, [f"Shares of risk are not known: {error}"]
