"""Gains that are advertised for learned rebalancing and for rebalancing at all: who claims each, and what was measured.

Nothing is trained here: the results are those of the studies that come with the workbench, out of sample and net of
costs. A gain is positive where the claim is right. It is a mean over cases, or over seeds in the simulated market; its
interval is that of `clustered_mean`. Holm's p is over all claims of one table.

A gain alone is not enough: each claim states the least gain that would matter. It "holds" if the gain is significant
and at least that large, and "does not hold" if the interval leaves out so large a gain; else it "cannot be told".

A calendar lets weights drift between its days, and its worst drift may be still to come. Its J is known from below only
(`backtests.evaluation.slow_waves`), and so is a gain of J over it: the interval then has no upper end.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from backtests.audits.matched_exposure import CONSTANT, VOLATILITY
from backtests.audits.smoothed_regimes import FILTERED, SMOOTHED, SmoothedRegimeCheck
from backtests.evaluation.estimates import Estimate
from backtests.evaluation.evidence import holm
from backtests.learned.known_optimum import shipped
from backtests.real_markets.cases import COST
from backtests.real_markets.findings import CHOSEN, clustered_mean, exposure_rows, representative_rows
from backtests.real_markets.run_case import BETTER_CALENDAR, EXPOSURE, MULTIPLES, UNTRAINED
from backtests.real_markets.study import KEPT, KEPT_EXPOSURE, Study
from backtests.wording import counted, listed, number
from research.arrays import Array
from research.errors import DataError

Verdict = Literal["holds", "does not hold", "cannot be told"]
Unit = Literal["%", "Sharpe", "points"]  # per cent of the other's figure; a Sharpe ratio; points of NAV
HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"
SIZE = 0.05  # of the test that a gain is above zero, after Holm
DIGITS = {"%": 1, "Sharpe": 3, "points": 2}
MATTERS = {"%": 5.0, "Sharpe": 0.05, "points": 1.0}  # the least gain that matters, where a claim has no other


@dataclass(frozen=True)
class Results:
    """What was measured and kept.

    markets  : the study of real markets.
    exposure : the study of learned exposure; its cases are among those of `markets`.
    optimum  : learners in the market whose optimum is known, a row a learner and seed.
    regimes  : one portfolio with exposure by regimes; without it the claim about regimes is left out.
    """

    markets: Study
    exposure: Study
    optimum: pd.DataFrame
    regimes: SmoothedRegimeCheck | None = None

    @classmethod
    def kept(cls, regimes: SmoothedRegimeCheck | None = None) -> "Results":
        """The studies that come with the workbench."""
        return cls(Study.load(KEPT), Study.load(KEPT_EXPOSURE), shipped("plain"), regimes)

    def rows(self, multiple: float = 1.0) -> pd.DataFrame:
        """A row a case and rule, of both studies at the usual costs; at a multiple of them, of real markets alone."""
        rows = representative_rows(self.markets, multiple)
        return pd.concat([rows, exposure_rows(self.exposure)], ignore_index=True) if multiple == 1.0 else rows


class Measured(NamedTuple):
    """The gain of a claim.

    gain    : in the unit of the claim, with its interval.
    p       : two-sided, of a gain of 0 (of the allowed loss, where a claim is of no worse than so much).
    reached : number of cases whose gain is at least what matters.
    cases   : their number.
    where   : the markets in words.
    seeds   : trained for each case; 0 where nothing is trained.
    beside  : what a reader should know beside the gain, in words, or "".
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

    words   : what is claimed, as a sentence.
    short   : the same in a few words, for a picture.
    source  : who claims it: authors, year, title, and where it appeared.
    how     : what is measured here, in words.
    unit    : of the gain.
    least   : the smallest gain that matters, in that unit; below 0 where the claim is of no worse than so much.
    measure : gives the gain from the results, None where they lack it.
    change  : what would change the answer.
    """

    words: str
    short: str
    source: str
    how: str
    unit: Unit
    least: float
    measure: Callable[["AdvertisedClaim", Results], Measured | None]
    change: str


@dataclass(frozen=True)
class Outcome:
    """A claim, its gain and the verdict.  p_holm : `measured.p`, adjusted for all claims of the table."""

    claim: AdvertisedClaim
    measured: Measured
    p_holm: float

    @property
    def verdict(self) -> Verdict:
        """Whether the claim holds."""
        return verdict(self.measured.gain, self.claim.least, self.p_holm)


def verdict(gain: Estimate, least: float, p_holm: float) -> Verdict:
    """Whether a claim holds whose smallest gain that matters is `least`.

    >>> verdict(Estimate(8.0, 2.0, 14.0, 0.95), 5.0, 0.01), verdict(Estimate(1.0, 0.2, 1.8, 0.95), 5.0, 0.01)
    ('holds', 'does not hold')
    >>> verdict(Estimate(8.0, -2.0, 18.0, 0.95), 5.0, 0.30), verdict(Estimate(-2.0, -4.0, 0.0, 0.95), -5.0, 0.01)
    ('cannot be told', 'holds')
    """
    if gain.upper < least:
        return "does not hold"
    sure = gain.lower > min(0.0, least) and p_holm <= SIZE
    return "holds" if sure and gain.value >= least else "cannot be told"


# -- how a gain is measured ------------------------------------------------------------------------------------------


def lower(
    rule: str, over: str, *measures: str, at_least: bool = False, multiple: float = 1.0
) -> Callable[..., Measured]:
    """The gain of a rule whose figures are to be lower: per cent by which they are below those of another rule.

    rule     : for which it is claimed.
    over     : beside which.
    measures : columns of the study; of several their product, averaged in logs.
    at_least : for a figure of `over` that is known from below only.
    multiple : of the costs, at which both are tuned and played.
    """

    def measure(claim: AdvertisedClaim, results: Results) -> Measured:
        pairs = _pairs(results, rule, over, multiple)
        logs = sum(np.log(pairs[f"{name} of other"] / pairs[name]) for name in measures)
        found = _clustered(claim, np.asarray(logs), pairs["window"], _seeds(results, rule))
        return found._replace(gain=replace(found.gain, upper=math.inf)) if at_least else found

    return measure


def higher(rule: str, over: str, name: str) -> Callable[..., Measured]:
    """The gain of a rule whose figure is to be higher: its mean less that of another rule.

    rule : for which it is claimed.
    over : beside which.
    name : column of the study; of a drawdown, which is below zero, higher is smaller.
    """

    def measure(claim: AdvertisedClaim, results: Results) -> Measured:
        pairs = _pairs(results, rule, over)
        factor = 100.0 if claim.unit == "points" else 1.0
        gains = factor * (pairs[name] - pairs[f"{name} of other"])
        return _clustered(claim, gains, pairs["window"], _seeds(results, rule))

    return measure


def with_tracking_error(rule: str, over: str, measure: Callable[..., Measured]) -> Callable[..., Measured]:
    """The gain over a calendar, with by how much the rule's tracking error is below the calendar's beside it."""
    lower_error = lower(rule, over, "tracking_error", at_least=True)
    return _beside(measure, {"tracking error lower by": lower_error})


def with_untrained(measure: Callable[..., Measured]) -> Callable[..., Measured]:
    """The gain, with that of the untrained bands over the better calendar beside it."""
    return _beside(measure, {"bands without training": lower(UNTRAINED, BETTER_CALENDAR, "loss", at_least=True)})


def with_volatility_target(measure: Callable[..., Measured]) -> Callable[..., Measured]:
    """The gain, with that over a volatility target of the same mean exposure beside it."""
    return _beside(measure, {"over a volatility target": higher(EXPOSURE, VOLATILITY, "sharpe")})


def at_other_costs(rule: str, over: str) -> Callable[..., Measured]:
    """The gain of J at the usual costs, with those at the other costs of the study beside it."""
    others = {f"at {multiple * COST:g} bp a side": multiple for multiple in MULTIPLES if multiple != 1.0}
    return _beside(
        lower(rule, over, "loss"),
        {words: lower(rule, over, "loss", multiple=multiple) for words, multiple in others.items()},
    )


def _beside(measure: Callable[..., Measured], others: Mapping[str, Callable[..., Measured]]) -> Callable[..., Measured]:
    """A gain with others of the same unit beside it, by what they are in words."""

    def all_of_them(claim: AdvertisedClaim, results: Results) -> Measured:
        said = [f"{words}: {gain_text(one(claim, results).gain, claim.unit)}" for words, one in others.items()]
        return measure(claim, results)._replace(beside="; ".join(said))

    return all_of_them


def best_seed(rule: str) -> Callable[..., Measured]:
    """The gain of the seed with the lowest J in training over the mean of all seeds: of J, in the test."""

    def measure(claim: AdvertisedClaim, results: Results) -> Measured:
        table = results.markets.table
        own = table[(table["rule"] == rule) & (table["cost_multiple"] == 1.0)]
        best = own.loc[own.groupby("case")["loss_training"].idxmin()].set_index("case")
        mean = np.log(own["loss"]).groupby(own["case"]).mean()
        return _clustered(claim, mean.loc[best.index] - np.log(best["loss"]), best["window"], own["seed"].nunique())

    return measure


def beside_closed_form(learner: str, other: str) -> Callable[..., Measured]:
    """The gain of a learner over the closed form's bands where the optimum is known: of J, each seed a case.

    other : a learner whose gain stands beside it.
    """

    def one(name: str, claim: AdvertisedClaim, results: Results) -> Measured:
        table = results.optimum
        own, plain = (table[table["learner"] == who]["loss"].to_numpy() for who in (name, "closed form"))
        return _clustered(claim, np.log(plain[0] / own), np.arange(len(own)), len(own))

    def measure(claim: AdvertisedClaim, results: Results) -> Measured:
        found, second = one(learner, claim, results), one(other, claim, results).gain
        where, beside = (
            f"1 simulated market, {counted(found.cases, 'seed')}",
            f"{other}: {gain_text(second, claim.unit)}",
        )
        return found._replace(where=where, beside=beside)

    return measure


def regimes(claim: AdvertisedClaim, results: Results) -> Measured | None:
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
    return Measured(gain, known.p, int(known.value >= claim.least), 1, where, 0, beside)


def _pairs(results: Results, rule: str, over: str, multiple: float = 1.0) -> pd.DataFrame:
    """A row a case that has both rules: the rule's columns, and the other's with " of other"."""
    rows = results.rows(multiple)
    own, other = (rows[rows["rule"] == name].set_index("case") for name in (rule, over))
    pairs = own.join(other, how="inner", rsuffix=" of other")
    if pairs.empty:
        raise DataError(f"no case of the study has both {rule!r} and {over!r}. Run a study that has them.")
    return pairs


def _seeds(results: Results, rule: str) -> int:
    """Of a rule, in each case; the universal policy is one network for all of them."""
    if rule == "universal":
        return 1
    tables = [study.table for study in (results.markets, results.exposure)]
    return max(int(table[table["rule"] == rule]["seed"].nunique()) for table in tables)


def _clustered(claim: AdvertisedClaim, values: ArrayLike, clusters: ArrayLike, seeds: int) -> Measured:
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
    return Measured(
        Estimate(value, low, high, mean.level), p, int((shown >= claim.least).sum()), mean.cases, where, seeds
    )


def _percent(logs: Array) -> Array:
    """Per cent that one's own figure is below the other's, from the logarithm of the other over own."""
    found: Array = -100.0 * np.expm1(-logs)
    return found


# -- the claims ------------------------------------------------------------------------------------------------------

DEEPARIES = (
    "Kim, Yi, Gim, Choi and Kang (2025), DeepAries: adaptive rebalancing interval selection for enhanced portfolio "
    "selection, CIKM"
)
KARZANOV = (
    "Karzanov, Garzón, Terekhov, Gulcehre, Raffinot and Detyniecki (2025), Regret-optimized portfolio enhancement "
    "through deep reinforcement learning and future looking rewards, arXiv 2502.02619"
)
NOVA = (
    "Nova Solutions (vendor's page, seen 2026), Development of AI-based portfolio rebalancing system, "
    "novasolutions.technology"
)
TRACKING = "Peng, Gong and He (2023), Reinforcement learning for financial index tracking, arXiv 2308.02820"

CLAIMS = (
    AdvertisedClaim(
        "A learned policy beats threshold rebalancing net of costs.",
        "learned vs thresholds",
        NOVA,
        "J of the gradient's policy and of the thresholds that did best in training",
        "%",
        MATTERS["%"],
        lower("gradient", CHOSEN, "loss"),
        "Higher costs, see the claim about one policy; or costs that a band cannot follow: fees, impact, taxes by lot.",
    ),
    AdvertisedClaim(
        "Reinforcement learning (PPO) beats threshold rebalancing net of costs.",
        "PPO vs thresholds",
        NOVA,
        "J of PPO's policy at its full budget and of the thresholds that did best in training",
        "%",
        MATTERS["%"],
        lower("ppo", CHOSEN, "loss"),
        "More cases: PPO was trained at its full budget in the named ones only.",
    ),
    AdvertisedClaim(
        "A learned policy beats rebalancing at fixed intervals net of costs.",
        "learned vs calendars",
        DEEPARIES,
        "J of the universal policy and of the better calendar in training",
        "%",
        MATTERS["%"],
        with_untrained(lower("universal", BETTER_CALENDAR, "loss", at_least=True)),
        "Trading that costs almost nothing, or nobody who looks between the calendar's days.",
    ),
    AdvertisedClaim(
        "Threshold rebalancing beats calendar rebalancing.",
        "thresholds vs calendars",
        "Vanguard (2024), The rebalancing edge: optimizing target-date fund rebalancing through threshold-based "
        "strategies",
        "J of the thresholds that did best in training and of the better calendar there",
        "%",
        MATTERS["%"],
        lower(CHOSEN, BETTER_CALENDAR, "loss", at_least=True),
        "Nobody who can look at the portfolio between the calendar's days.",
    ),
    AdvertisedClaim(
        "Learned rebalancing trades less than rebalancing each month.",
        "turnover vs monthly",
        "Traidies (vendor's page, 2026), How AI powers dynamic portfolio rebalancing, traidies.com",
        "turnover of the universal policy and of monthly rebalancing",
        "%",
        MATTERS["%"],
        with_tracking_error("universal", "month", lower("universal", "month", "turnover")),
        "Deposits and withdrawals that rebalance by themselves.",
    ),
    AdvertisedClaim(
        "Learned rebalancing trades less at the same tracking error than a rule.",
        "turnover, same tracking",
        TRACKING,
        "turnover times tracking error of the universal policy and of the thresholds that did best in training; "
        "along the widths of a band this product stays the same",
        "%",
        MATTERS["%"],
        lower("universal", CHOSEN, "turnover", "tracking_error"),
        "A target that itself moves, or an index that cannot be held in full, as in the paper.",
    ),
    AdvertisedClaim(
        "One trained policy serves any portfolio as well as rules tuned for each.",
        "one policy for all",
        "Pigorsch and Schäfer (2021), High-dimensional stock portfolio trading with deep reinforcement learning, "
        "arXiv 2112.04755",
        "J of the universal policy and of the thresholds that did best in training; up to 5 % worse counts as as well",
        "%",
        -MATTERS["%"],
        at_other_costs("universal", CHOSEN),
        "The costs, as its gains at other costs show; or another allowance than 5 %.",
    ),
    AdvertisedClaim(
        "More training gives a better policy.",
        "more training",
        "Holzer, Wang, Xiao and Liu (2025), Revisiting ensemble methods for stock trading and crypto trading tasks, "
        "arXiv 2501.10709",
        "J of the gradient's policy and of the bands at which its training starts",
        "%",
        MATTERS["%"],
        lower("gradient", UNTRAINED, "loss"),
        "Markets that are in the test as they were in training.",
    ),
    AdvertisedClaim(
        "The best of several trained policies is better than any one.",
        "best of several seeds",
        "Yang, Liu, Zhong and Walid (2020), Deep reinforcement learning for automated stock trading: an ensemble "
        "strategy, ICAIF",
        "J of the gradient's seed that did best in training and of the mean of its seeds",
        "%",
        MATTERS["%"],
        best_seed("gradient"),
        "An algorithm whose seeds differ more than these do.",
    ),
    AdvertisedClaim(
        "A network that outputs portfolio weights learns by itself when a trade is worth its cost.",
        "weights as output",
        "Jiang, Xu and Liang (2017), A deep reinforcement learning framework for the financial portfolio management "
        "problem, arXiv 1706.10059",
        "J of PPO with weights as actions and of the closed form's bands",
        "%",
        MATTERS["%"],
        beside_closed_form("ppo, weights", "ppo, bands"),
        "Another output: bands instead of weights.",
    ),
    AdvertisedClaim(
        "Reinforcement learning raises the Sharpe ratio over static rules of rebalancing.",
        "Sharpe by timing",
        "Fygurs (vendor's page, seen 2026), AI-driven portfolio rebalancing engine, fygurs.com (5 to 15 % higher)",
        "Sharpe ratio of the universal policy and of monthly rebalancing, net of costs",
        "Sharpe",
        MATTERS["Sharpe"],
        higher("universal", "month", "sharpe"),
        "A policy that changes what is held, not when it is traded.",
    ),
    AdvertisedClaim(
        "Learned exposure raises the Sharpe ratio.",
        "Sharpe by exposure",
        KARZANOV,
        "Sharpe ratio of PPO's exposure and of a constant exposure of the same mean",
        "Sharpe",
        MATTERS["Sharpe"],
        with_volatility_target(higher(EXPOSURE, CONSTANT, "sharpe")),
        "Inputs that predict returns; these are prices only.",
    ),
    AdvertisedClaim(
        "Policies that know the market's regime raise the Sharpe ratio.",
        "Sharpe by regimes",
        "Verma, Putri and Lesupi (2026), Regime-based portfolio allocation using hidden Markov models and "
        "reinforcement learning, arXiv 2605.27848",
        "Sharpe ratio of an exposure by filtered regimes and of the same portfolio always invested",
        "Sharpe",
        MATTERS["Sharpe"],
        regimes,
        "More portfolios and decades; nothing is learned here but the regimes.",
    ),
    AdvertisedClaim(
        "Learned exposure cuts drawdowns.",
        "less drawdown",
        KARZANOV,
        "drawdown of PPO's exposure and of monthly rebalancing, which stays invested",
        "points",
        MATTERS["points"],
        higher(EXPOSURE, "month", "max_drawdown"),
        "Nothing: whoever holds less falls less. The next claim is the one that tells of skill.",
    ),
    AdvertisedClaim(
        "Learned exposure cuts drawdowns by skill, not by holding less.",
        "drawdown by skill",
        KARZANOV,
        "drawdown of PPO's exposure and of a constant exposure of the same mean",
        "points",
        MATTERS["points"],
        higher(EXPOSURE, CONSTANT, "max_drawdown"),
        "Inputs that predict falls; these are prices only.",
    ),
    AdvertisedClaim(
        "Rebalancing earns a premium over holding.",
        "rebalancing premium",
        "Willenbrock (2011), Diversification return, portfolio rebalancing, and the commodity return puzzle, "
        "Financial Analysts Journal 67(4)",
        "growth a year of monthly rebalancing and of never trading, net of costs",
        "points",
        0.1,
        higher("month", "never", "growth"),
        "Assets of equal growth without trends, or many more windows.",
    ),
)


def outcomes(results: Results, claims: Sequence[AdvertisedClaim] = CLAIMS) -> list[Outcome]:
    """The verdict of each claim that the results can measure, with Holm's p over all of them."""
    found = [(claim, gain) for claim in claims if (gain := claim.measure(claim, results)) is not None]
    adjusted = holm([gain.p for _, gain in found])
    return [Outcome(claim, gain, float(p)) for (claim, gain), p in zip(found, adjusted, strict=True)]


DOUBT = (
    "Doubt: nearly all assets still exist, since they were chosen with hindsight; costs are proportional and the same "
    "for all; the windows of three years are few; how large a gain matters is a choice. Policies learned from prices "
    "alone when to trade or how much to hold, not what to hold: the data and networks of the sources were not run here."
)


# -- in words --------------------------------------------------------------------------------------------------------


def claims_table(found: Sequence[Outcome]) -> pd.DataFrame:
    """A row a claim, as text: what was measured, the gain with its interval, where, and the verdict."""
    rows = []
    for one in found:
        claim, (gain, _, reached, cases, where, seeds, beside) = one.claim, one.measured
        rows.append({
            "claim": claim.words,
            "measured out of sample": "; ".join(filter(None, [claim.how, beside])),
            "gain": _number(gain.value, claim.unit),
            "95 % interval": gain.interval(DIGITS[claim.unit]),
            "matters from": _number(claim.least, claim.unit),
            "reached in": f"{reached} of {cases}",
            "markets": where,
            "seeds": str(seeds) if seeds else "–",
            "p, Holm": number(one.p_holm, 3),
            "verdict": one.verdict,
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("claim")


def _number(value: float, unit: Unit) -> str:
    """A gain with its unit."""
    return number(value, DIGITS[unit], signed=True) + ("" if unit == "Sharpe" else f" {unit}")


def gain_text(gain: Estimate, unit: Unit) -> str:
    """A gain with its unit and its interval."""
    return f"{_number(gain.value, unit)} {gain.interval(DIGITS[unit])}"


def sources_table(found: Sequence[Outcome]) -> pd.DataFrame:
    """A row a claim: who claims it, and what would change the answer."""
    rows = [(one.claim.words, one.claim.source, one.verdict, one.claim.change) for one in found]
    columns = ["claim", "claimed by", "verdict", "what would change the answer"]
    return pd.DataFrame(rows, columns=columns).set_index("claim")


def answer(found: Sequence[Outcome]) -> str:
    """The verdicts in words, with what is in doubt."""
    by = {word: [one.claim.words for one in found if one.verdict == word] for word in (HOLDS, FAILS, OPEN)}
    said = {HOLDS: "Hold", FAILS: "Do not hold", OPEN: "Cannot be told"}
    counts = listed([f"{len(claims)} {said[word].lower()}" for word, claims in by.items() if claims])
    lines = [f"**{said[word]}:** {' '.join(claims)}" for word, claims in by.items() if claims]
    return "\n\n".join([f"**Of {counted(len(found), 'claim')}, {counts}.**", *lines, DOUBT])
