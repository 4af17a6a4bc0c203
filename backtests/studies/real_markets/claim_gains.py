"""The gain of an advertised claim: from the results of the kept studies, its mean over cases with its interval.

A gain is positive where the claim is right. It is a mean over cases, or over seeds in the simulated market, with the
interval of `clustered_mean`.

A calendar lets weights drift between its days, and its worst drift may be still to come. Its J and its tracking error
are known from below only (`backtests.inference.slow_waves`), and so is a gain over them: the interval then has no
upper end.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from backtests.inference.estimates import Estimate
from backtests.laboratory.learned.known_optimum import shipped
from backtests.studies.audits.matched_exposure import VOLATILITY
from backtests.studies.audits.smoothed_regimes import FILTERED, SMOOTHED, SmoothedRegimeCheck
from backtests.studies.real_markets.cases import COST_BP
from backtests.studies.real_markets.findings import clustered_mean, exposure_rows, representative_rows
from backtests.studies.real_markets.run_case import BETTER_CALENDAR, EXPOSURE, MULTIPLES, UNTRAINED
from backtests.studies.real_markets.study import KEPT_EXPOSURE, Study, kept_study
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.paper.wording import counted, number

Unit = Literal["%", "Sharpe", "points"]  # per cent of the other's figure; a Sharpe ratio; points of NAV
GAIN_DIGITS = {"%": 1, "Sharpe": 3, "points": 2}
MATTERS = {"%": 5.0, "Sharpe": 0.05, "points": 1.0}  # the least gain that matters, where a claim has no other


@dataclass(frozen=True)
class Results:
    """The stored results of the studies.

    markets  : the study of real markets.
    exposure : the study of learned exposure; its cases are among those of `markets`.
    optimum  : learners in the market whose optimum is known, a row for each learner and seed.
    regimes  : one portfolio with exposure by regimes; without it the claim about regimes is left out.
    """

    markets: Study
    exposure: Study
    optimum: pd.DataFrame
    regimes: SmoothedRegimeCheck | None = None

    @classmethod
    def kept(cls, regimes: SmoothedRegimeCheck | None = None) -> "Results":
        """The studies that come with the workbench."""
        return cls(kept_study(), Study.load(KEPT_EXPOSURE), shipped("plain"), regimes)

    def rows(self, multiple: float = 1.0) -> pd.DataFrame:
        """A row for each case and rule, of both studies at the usual costs, of real markets alone at a multiple."""
        rows = representative_rows(self.markets, multiple)
        return pd.concat([rows, exposure_rows(self.exposure)], ignore_index=True) if multiple == 1.0 else rows


class MeasuredGain(NamedTuple):
    """The gain of a claim.

    gain    : gain in the unit of the claim, with its interval.
    p       : two-sided, of a gain of 0 (of the allowed loss, where a claim is of no worse than so much).
    reached : number of cases whose gain is at least what matters.
    cases   : their number.
    where   : the markets in words.
    seeds   : trained for each case; 0 where nothing is trained.
    beside  : further information on the gain for a reader, in words, or "".
    """

    gain: Estimate
    p: float
    reached: int
    cases: int
    where: str
    seeds: int
    beside: str = ""


@dataclass(frozen=True)
class AdvertisedClaim:
    """One claim.

    words   : the claim, as a sentence.
    short   : the claim in a few words, for a picture.
    source  : source of the claim: authors, year, title, and where it appeared.
    how     : the measurement made here, in words.
    unit    : unit of the gain.
    measure : function that gives the gain from the results, None where they lack it.
    change  : evidence that would change the answer.
    matters : the smallest gain that matters, in that unit, where it is not that of `MATTERS`; below 0 where the claim
              is of no worse than so much.
    """

    words: str
    short: str
    source: str
    how: str
    unit: Unit
    measure: Callable[["AdvertisedClaim", Results], MeasuredGain | None]
    change: str
    matters: float | None = None

    @property
    def least(self) -> float:
        """The smallest gain that matters, in the unit of the claim."""
        return MATTERS[self.unit] if self.matters is None else self.matters


# -- how a gain is measured ------------------------------------------------------------------------------------------


def lower(
    rule: str, over: str, *measures: str, at_least: bool = False, multiple: float = 1.0
) -> Callable[..., MeasuredGain]:
    """The gain of a rule whose figures are to be lower: per cent by which they are below those of another rule.

    rule     : name of the rule for which it is claimed.
    over     : name of the rule that it is compared with.
    measures : columns of the study; of several, their product, averaged in logs.
    at_least : True for a figure of `over` that has only a known lower bound.
    multiple : multiple of the costs at which both are tuned and backtested.
    """

    def measure(claim: AdvertisedClaim, results: Results) -> MeasuredGain:
        pairs = _pairs(results, rule, over, multiple)
        logs = sum(np.log(pairs[f"{name} of other"] / pairs[name]) for name in measures)
        found = _clustered(claim, np.asarray(logs), pairs["window"], _seeds(results, rule))
        return found._replace(gain=replace(found.gain, upper=math.inf)) if at_least else found

    return measure


def higher(rule: str, over: str, name: str) -> Callable[..., MeasuredGain]:
    """The gain of a rule whose figure is to be higher: its mean less that of another rule.

    rule : for which it is claimed.
    over : beside which.
    name : column of the study; of a drawdown, which is below zero, higher is smaller.
    """

    def measure(claim: AdvertisedClaim, results: Results) -> MeasuredGain:
        pairs = _pairs(results, rule, over)
        factor = 100.0 if claim.unit == "points" else 1.0
        gains = factor * (pairs[name] - pairs[f"{name} of other"])
        return _clustered(claim, gains, pairs["window"], _seeds(results, rule))

    return measure


def with_tracking_error(rule: str, over: str, measure: Callable[..., MeasuredGain]) -> Callable[..., MeasuredGain]:
    """The gain over a calendar, with by how much the rule's tracking error is below the calendar's beside it."""
    lower_error = lower(rule, over, "tracking_error", at_least=True)
    return _beside(measure, {"tracking error lower by": lower_error})


def with_untrained(measure: Callable[..., MeasuredGain]) -> Callable[..., MeasuredGain]:
    """The gain, with that of the untrained bands over the better calendar beside it."""
    return _beside(measure, {"bands without training": lower(UNTRAINED, BETTER_CALENDAR, "loss", at_least=True)})


def with_volatility_target(measure: Callable[..., MeasuredGain]) -> Callable[..., MeasuredGain]:
    """The gain, with that over a volatility target of the same mean exposure beside it."""
    return _beside(measure, {"over a volatility target": higher(EXPOSURE, VOLATILITY, "sharpe")})


def at_other_costs(rule: str, over: str) -> Callable[..., MeasuredGain]:
    """The gain of J at the usual costs, with those at the other costs of the study beside it."""
    others = {f"at {multiple * COST_BP:g} bp a side": multiple for multiple in MULTIPLES if multiple != 1.0}
    return _beside(
        lower(rule, over, "loss"),
        {words: lower(rule, over, "loss", multiple=multiple) for words, multiple in others.items()},
    )


def _beside(
    measure: Callable[..., MeasuredGain], others: Mapping[str, Callable[..., MeasuredGain]]
) -> Callable[..., MeasuredGain]:
    """A gain with others of the same unit beside it, by what they are in words."""

    def all_of_them(claim: AdvertisedClaim, results: Results) -> MeasuredGain:
        said = [f"{words}: {gain_text(one(claim, results).gain, claim.unit)}" for words, one in others.items()]
        return measure(claim, results)._replace(beside="; ".join(said))

    return all_of_them


def best_seed(rule: str) -> Callable[..., MeasuredGain]:
    """The gain in J, in the test, of the seed with the lowest J in training over the mean of all seeds."""

    def measure(claim: AdvertisedClaim, results: Results) -> MeasuredGain:
        table = results.markets.table
        own = table[(table["rule"] == rule) & (table["cost_multiple"] == 1.0)]
        best = own.loc[own.groupby("case")["loss_training"].idxmin()].set_index("case")
        mean = np.log(own["loss"]).groupby(own["case"]).mean()
        return _clustered(claim, mean.loc[best.index] - np.log(best["loss"]), best["window"], own["seed"].nunique())

    return measure


def beside_closed_form(learner: str, other: str) -> Callable[..., MeasuredGain]:
    """The gain of a learner over the closed form's bands where the optimum is known: of J, each seed a case.

    other : a learner whose gain stands beside it.
    """

    def one(name: str, claim: AdvertisedClaim, results: Results) -> MeasuredGain:
        table = results.optimum
        own, plain = (table[table["learner"] == who]["loss"].to_numpy() for who in (name, "closed form"))
        return _clustered(claim, np.log(plain[0] / own), np.arange(len(own)), len(own))

    def measure(claim: AdvertisedClaim, results: Results) -> MeasuredGain:
        found, second = one(learner, claim, results), one(other, claim, results).gain
        where, beside = (
            f"1 simulated market, {counted(found.cases, 'seed')}",
            f"{other}: {gain_text(second, claim.unit)}",
        )
        return found._replace(where=where, beside=beside)

    return measure


def regimes(claim: AdvertisedClaim, results: Results) -> MeasuredGain | None:
    """The gain of the Sharpe ratio by filtered regimes; what smoothed regimes would add stands beside it."""
    check = results.regimes
    if check is None:
        return None
    known, future = check.differences[FILTERED], check.differences[SMOOTHED]
    gain = Estimate(known.value, known.lower, known.upper, known.level)
    ahead = check.evidence.against(FILTERED).differences("sharpe")[SMOOTHED]
    said = {"smoothed over the future": future, "by look-ahead alone": ahead}
    beside = "; ".join(f"{words}: {gain_text(value, claim.unit)}" for words, value in said.items())
    where = f"1 portfolio ({check.portfolio.name}), {check.backtests[FILTERED].dates[1].year} on"
    return MeasuredGain(gain, known.p, int(known.value >= claim.least), 1, where, 0, beside)


def _pairs(results: Results, rule: str, over: str, multiple: float = 1.0) -> pd.DataFrame:
    """A row for each case that has both rules: the rule's columns, and the other's with " of other"."""
    rows = results.rows(multiple)
    own, other = (rows[rows["rule"] == name].set_index("case") for name in (rule, over))
    pairs = own.join(other, how="inner", rsuffix=" of other")
    if pairs.empty:
        raise DataError(f"no case of the study has both {rule!r} and {over!r}. Run a study that has them.")
    return pairs


def _seeds(results: Results, rule: str) -> int:
    """The number of seeds of a rule in each case; the universal policy is one network for all of them."""
    if rule == "universal":
        return 1
    tables = [study.table for study in (results.markets, results.exposure)]
    return max(int(table[table["rule"] == rule]["seed"].nunique()) for table in tables)


def _clustered(claim: AdvertisedClaim, values: ArrayLike, clusters: ArrayLike, seeds: int) -> MeasuredGain:
    """The mean of gains, in the unit of the claim; those in per cent are given as logarithms of the other over own."""
    gains = np.asarray(values, dtype=float)
    mean, allowed = clustered_mean(gains, clusters), min(0.0, claim.least)
    if claim.unit == "%":
        shown, allowed = _percent(gains), -math.log1p(-allowed / 100.0)
        ends = _percent(np.array([mean.value, mean.lower, mean.upper]))
    else:
        shown, ends = gains, np.array([mean.value, mean.lower, mean.upper])
    value, low, high = (float(end) for end in ends)
    where = f"{counted(mean.cases, 'case')}, {counted(mean.windows, 'window')}"
    p = clustered_mean(gains - allowed, clusters).p
    return MeasuredGain(
        Estimate(value, low, high, mean.level), p, int((shown >= claim.least).sum()), mean.cases, where, seeds
    )


def _percent(logs: Array) -> Array:
    """Per cent that one's own figure is below the other's, from the logarithm of the other over own."""
    found: Array = -100.0 * np.expm1(-logs)
    return found


# -- in words ---------------------------------------------------------------------------------------------------------


def gain_with_unit(value: float, unit: Unit) -> str:
    """A gain with its unit."""
    return number(value, GAIN_DIGITS[unit], signed=True) + ("" if unit == "Sharpe" else f" {unit}")


def gain_text(gain: Estimate, unit: Unit) -> str:
    """A gain with its unit and its interval."""
    return f"{gain_with_unit(gain.value, unit)} {gain.interval(GAIN_DIGITS[unit])}"
