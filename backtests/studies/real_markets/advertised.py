"""Gains that are advertised for learned rebalancing and for rebalancing at all: who claims each, and what was measured.

Nothing is trained here: the results are those of the studies that come with the workbench, out of sample and net of
costs; `backtests.studies.real_markets.claim_gains` measures the gains. Holm's p is over all claims of one table.

A gain alone is not enough: each claim states the least gain that would matter. It "holds" if the gain is significant
and at least that large, and "does not hold" if the interval leaves out so large a gain; else it "cannot be told".
"""

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from backtests.inference.estimates import Estimate
from backtests.inference.evidence import holm
from backtests.studies.audits.matched_exposure import CONSTANT
from backtests.studies.real_markets.claim_gains import (
    GAIN_DIGITS,
    MATTERS,
    AdvertisedClaim,
    MeasuredGain,
    Results,
    at_other_costs,
    beside_closed_form,
    best_seed,
    gain_with_unit,
    higher,
    lower,
    regimes,
    with_tracking_error,
    with_untrained,
    with_volatility_target,
)
from backtests.studies.real_markets.findings import CHOSEN
from backtests.studies.real_markets.run_case import BETTER_CALENDAR, EXPOSURE, UNTRAINED
from foundation.dataclasses import dataclass
from foundation.paper.wording import counted, listed, number

Verdict = Literal["holds", "does not hold", "cannot be told"]
CLAIM_HOLDS, CLAIM_FAILS, CLAIM_OPEN = "holds", "does not hold", "cannot be told"
GAIN_SIZE = 0.05  # of the test that a gain is above zero, after Holm


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
TRACKING_SOURCE = "Peng, Gong and He (2023), Reinforcement learning for financial index tracking, arXiv 2308.02820"

ADVERTISED = (
    AdvertisedClaim(
        "A learned policy beats threshold rebalancing net of costs.",
        "learned vs thresholds",
        NOVA,
        "J of the gradient's policy and of the thresholds that did best in training",
        "%",
        lower("gradient", CHOSEN, "loss"),
        "Higher costs, see the claim about one policy; or costs that a band cannot follow: fees, impact, taxes by lot.",
    ),
    AdvertisedClaim(
        "Reinforcement learning (PPO) beats threshold rebalancing net of costs.",
        "PPO vs thresholds",
        NOVA,
        "J of PPO's policy at its full budget and of the thresholds that did best in training",
        "%",
        lower("ppo", CHOSEN, "loss"),
        "More cases: PPO was trained at its full budget in the named ones only.",
    ),
    AdvertisedClaim(
        "A learned policy beats rebalancing at fixed intervals net of costs.",
        "learned vs calendars",
        DEEPARIES,
        "J of the universal policy and of the better calendar in training",
        "%",
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
        lower(CHOSEN, BETTER_CALENDAR, "loss", at_least=True),
        "Nobody who can look at the portfolio between the calendar's days.",
    ),
    AdvertisedClaim(
        "Learned rebalancing trades less than rebalancing each month.",
        "turnover vs monthly",
        "Traidies (vendor's page, 2026), How AI powers dynamic portfolio rebalancing, traidies.com",
        "turnover of the universal policy and of monthly rebalancing",
        "%",
        with_tracking_error("universal", "month", lower("universal", "month", "turnover")),
        "Deposits and withdrawals that rebalance by themselves.",
    ),
    AdvertisedClaim(
        "Learned rebalancing trades less at the same tracking error than a rule.",
        "turnover, same tracking",
        TRACKING_SOURCE,
        "turnover times tracking error of the universal policy and of the thresholds that did best in training; "
        "along the widths of a band this product stays the same",
        "%",
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
        at_other_costs("universal", CHOSEN),
        "The costs, as its gains at other costs show; or another allowance than 5 %.",
        matters=-MATTERS["%"],
    ),
    AdvertisedClaim(
        "More training gives a better policy.",
        "more training",
        "Holzer, Wang, Xiao and Liu (2025), Revisiting ensemble methods for stock trading and crypto trading tasks, "
        "arXiv 2501.10709",
        "J of the gradient's policy and of the bands at which its training starts",
        "%",
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
        beside_closed_form("ppo, weights", "ppo, bands"),
        "Another output: bands instead of weights.",
    ),
    AdvertisedClaim(
        "Reinforcement learning raises the Sharpe ratio over static rules of rebalancing.",
        "Sharpe by timing",
        "Fygurs (vendor's page, seen 2026), AI-driven portfolio rebalancing engine, fygurs.com (5 to 15 % higher)",
        "Sharpe ratio of the universal policy and of monthly rebalancing, net of costs",
        "Sharpe",
        higher("universal", "month", "sharpe"),
        "A policy that changes what is held, not when it is traded.",
    ),
    AdvertisedClaim(
        "Learned exposure raises the Sharpe ratio.",
        "Sharpe by exposure",
        KARZANOV,
        "Sharpe ratio of PPO's exposure and of a constant exposure of the same mean",
        "Sharpe",
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
        regimes,
        "More portfolios and decades; nothing is learned here but the regimes.",
    ),
    AdvertisedClaim(
        "Learned exposure cuts drawdowns.",
        "less drawdown",
        KARZANOV,
        "drawdown of PPO's exposure and of monthly rebalancing, which stays invested",
        "points",
        higher(EXPOSURE, "month", "max_drawdown"),
        "Nothing: whoever holds less falls less. The next claim is the one that tells of skill.",
    ),
    AdvertisedClaim(
        "Learned exposure cuts drawdowns by skill, not by holding less.",
        "drawdown by skill",
        KARZANOV,
        "drawdown of PPO's exposure and of a constant exposure of the same mean",
        "points",
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
        higher("month", "never", "growth"),
        "Assets of equal growth without trends, or many more windows.",
        matters=0.1,
    ),
)


# -- the verdicts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClaimOutcome:
    """A claim, its gain and the verdict.  p_holm : `measured.p`, adjusted for all claims of the table."""

    claim: AdvertisedClaim
    measured: MeasuredGain
    p_holm: float

    @property
    def verdict(self) -> Verdict:
        """The verdict on the claim."""
        return verdict(self.measured.gain, self.claim.least, self.p_holm)


def verdict(gain: Estimate, least: float, p_holm: float) -> Verdict:
    """The verdict on a claim whose smallest gain that matters is `least`.

    >>> verdict(Estimate(8.0, 2.0, 14.0, 0.95), 5.0, 0.01), verdict(Estimate(1.0, 0.2, 1.8, 0.95), 5.0, 0.01)
    ('holds', 'does not hold')
    >>> verdict(Estimate(8.0, -2.0, 18.0, 0.95), 5.0, 0.30), verdict(Estimate(-2.0, -4.0, 0.0, 0.95), -5.0, 0.01)
    ('cannot be told', 'holds')
    """
    if gain.upper < least:
        return "does not hold"
    sure = gain.lower > min(0.0, least) and p_holm <= GAIN_SIZE
    return "holds" if sure and gain.value >= least else "cannot be told"


def outcomes(results: Results, claims: Sequence[AdvertisedClaim] = ADVERTISED) -> list[ClaimOutcome]:
    """The verdict of each claim that the results can measure, with Holm's p over all of them."""
    found = [(claim, gain) for claim in claims if (gain := claim.measure(claim, results)) is not None]
    adjusted = holm([gain.p for _, gain in found])
    return [ClaimOutcome(claim, gain, float(p)) for (claim, gain), p in zip(found, adjusted, strict=True)]


DOUBT = (
    "Doubt: nearly all assets still exist, since they were chosen with hindsight; costs are proportional and the same "
    "for all; the windows of three years are few; how large a gain matters is a choice. Policies learned from prices "
    "alone when to trade or how much to hold, not what to hold: the data and networks of the sources were not run here."
)


# -- in words --------------------------------------------------------------------------------------------------------


def claims_table(found: Sequence[ClaimOutcome]) -> pd.DataFrame:
    """A row for each claim, as text: the measurement, the gain with its interval, the place, and the verdict."""
    rows = []
    for one in found:
        claim, (gain, _, reached, cases, where, seeds, beside) = one.claim, one.measured
        rows.append({
            "claim": claim.words,
            "measured out of sample": "; ".join(filter(None, [claim.how, beside])),
            "gain": gain_with_unit(gain.value, claim.unit),
            "95 % interval": gain.interval(GAIN_DIGITS[claim.unit]),
            "matters from": gain_with_unit(claim.least, claim.unit),
            "reached in": f"{reached} of {cases}",
            "markets": where,
            "seeds": str(seeds) if seeds else "–",
            "p, Holm": number(one.p_holm, 3),
            "verdict": one.verdict,
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("claim")


def sources_table(found: Sequence[ClaimOutcome]) -> pd.DataFrame:
    """A row for each claim: who claims it, and what would change the answer."""
    rows = [(one.claim.words, one.claim.source, one.verdict, one.claim.change) for one in found]
    columns = ["claim", "claimed by", "verdict", "what would change the answer"]
    return pd.DataFrame(rows, columns=columns).set_index("claim")


def answer(found: Sequence[ClaimOutcome]) -> str:
    """The verdicts in words, with what is in doubt."""
    by = {
        word: [one.claim.words for one in found if one.verdict == word]
        for word in (CLAIM_HOLDS, CLAIM_FAILS, CLAIM_OPEN)
    }
    said = {CLAIM_HOLDS: "Hold", CLAIM_FAILS: "Do not hold", CLAIM_OPEN: "Cannot be told"}
    counts = listed([f"{len(claims)} {said[word].lower()}" for word, claims in by.items() if claims])
    lines = [f"**{said[word]}:** {' '.join(claims)}" for word, claims in by.items() if claims]
    return "\n\n".join([f"**Of {counted(len(found), 'claim')}, {counts}.**", *lines, DOUBT])
