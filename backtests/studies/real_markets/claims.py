"""Claims for learned rebalancing, measured over the cases of the study: returns, drawdowns and trading."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from backtests.inference.estimates import Estimate
from backtests.studies.real_markets.findings import LEVEL, clustered_mean, paired, representative_rows
from backtests.studies.real_markets.study import Study
from foundation.paper.wording import counted

HIGHER_SHARPE = 0.15  # of the other's: the claim that a case may or may not reach


class Claim(NamedTuple):
    """One claim and how it is measured.

    words   : the claim.
    measure : the metric of a case.
    compare : function of the rule's metric and the other's, a case each, that gives the numbers that are averaged.
    back    : function of their mean and its bounds that gives those in the unit of the claim.
    unit    : unit of the claim.
    """

    words: str
    measure: str
    compare: Callable[[pd.Series, pd.Series], ArrayLike]
    back: Callable[[float], float]
    unit: str


def _same(value: float) -> float:
    return value


def _percent(log: float) -> float:
    return 100.0 * float(np.expm1(log))


CLAIMS = (
    Claim("a higher Sharpe ratio", "sharpe", lambda own, other: own - other, _same, ""),
    Claim("a smaller drawdown", "max_drawdown", lambda own, other: 100.0 * (own - other), _same, "points"),
    Claim("fewer orders", "trades", lambda own, other: np.log(own / other), _percent, "%"),
    Claim("less turnover", "turnover", lambda own, other: np.log(own / other), _percent, "%"),
    Claim("a smaller tracking error", "tracking_error", lambda own, other: np.log(own / other), _percent, "%"),
)


def claims(study: Study, rule: str = "universal", over: str = "month") -> pd.DataFrame:
    """A row for each claim: the gain of a rule over another, over all cases, with its interval.

    study : the study of real markets.
    rule  : for which it is claimed.
    over  : beside which.
    Returns : columns claim, difference, lower, upper, unit, cases. A drawdown is below zero: a positive difference is a
              smaller one. The differences of orders, turnover and tracking error are of geometric means.
    """
    rows, found = representative_rows(study), []
    for claim in CLAIMS:
        pairs = paired(rows, over, claim.measure)[rule]
        mean = clustered_mean(claim.compare(pairs["own"], pairs["other"]), pairs["window"])
        value, lower, upper = (claim.back(x) for x in (mean.value, mean.lower, mean.upper))
        found.append((claim.words, value, lower, upper, claim.unit, mean.cases))
    return pd.DataFrame(found, columns=["claim", "difference", "lower", "upper", "unit", "cases"])


def claim_sentences(study: Study, rule: str = "universal", over: str = "month") -> list[str]:
    """The claims in words, with the number of cases in which the Sharpe ratio is higher by `HIGHER_SHARPE`."""
    told = []
    for row in claims(study, rule, over).to_dict("records"):
        digits = 3 if not row["unit"] else 1
        unit = f" {row['unit']}" if row["unit"] else ""
        values = Estimate(row["difference"], row["lower"], row["upper"], LEVEL).text(digits, signed=True)
        told.append(f"{row['claim']}: {values}{unit}")
    pairs = paired(representative_rows(study), over, "sharpe")[rule]
    many = int((pairs["own"] - pairs["other"] >= HIGHER_SHARPE * pairs["other"].abs()).sum())
    return [
        f"{rule} beside {over}, in {counted(len(pairs), 'case')}: {'; '.join(told)}.",
        f"Its Sharpe ratio is higher by {100.0 * HIGHER_SHARPE:.0f} % or more in {many} of {len(pairs)} cases.",
    ]
