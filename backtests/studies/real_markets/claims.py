"""Claims for learned rebalancing, measured over the cases of the study: returns, drawdowns and trading."""

import numpy as np
import pandas as pd

from backtests.inference.estimates import INTERVAL_LEVEL, Estimate
from backtests.studies.real_markets.findings import clustered_mean, paired, representative_rows
from backtests.studies.real_markets.study import Study
from foundation.paper.wording import counted

HIGHER_SHARPE = 0.15  # of the other's: the claim that a case may or may not reach
COMPARATOR = "month"  # rule over which gains are claimed


CLAIMS = {  # the metric of a case by which each is measured, and the unit of the difference; "%" of geometric means
    "a higher Sharpe ratio": ("sharpe", ""),
    "a smaller drawdown": ("max_drawdown", "points"),
    "fewer orders": ("trades", "%"),
    "less turnover": ("turnover", "%"),
    "a smaller tracking error": ("tracking_error", "%"),
}


def claims(study: Study, rule: str = "universal") -> pd.DataFrame:
    """A row for each claim: the gain of a rule over `COMPARATOR`, over all cases, with its interval.

    study : the study of real markets.
    rule  : for which it is claimed.
    Returns : columns claim, difference, lower, upper, unit, cases. A drawdown is below zero: a positive difference is a
              smaller one. The differences of orders, turnover and tracking error are of geometric means.
    """
    rows, found = representative_rows(study), []
    for words, (measure, unit) in CLAIMS.items():
        pairs = paired(rows, COMPARATOR, measure)[rule]
        own, other = pairs["own"], pairs["other"]
        gains = np.log(own / other) if unit == "%" else (100.0 if unit else 1.0) * (own - other)
        mean = clustered_mean(gains, pairs["window"])
        ends = (mean.value, mean.lower, mean.upper)
        found.append((words, *(100.0 * np.expm1(x) if unit == "%" else x for x in ends), unit, mean.cases))
    return pd.DataFrame(found, columns=["claim", "difference", "lower", "upper", "unit", "cases"])


def claim_sentences(study: Study, rule: str = "universal") -> list[str]:
    """The claims in words, with the number of cases in which the Sharpe ratio is higher by `HIGHER_SHARPE`."""
    told = []
    for row in claims(study, rule).to_dict("records"):
        digits = 3 if not row["unit"] else 1
        unit = f" {row['unit']}" if row["unit"] else ""
        values = Estimate(row["difference"], row["lower"], row["upper"], INTERVAL_LEVEL).text(digits, signed=True)
        told.append(f"{row['claim']}: {values}{unit}")
    pairs = paired(representative_rows(study), COMPARATOR, "sharpe")[rule]
    many = int((pairs["own"] - pairs["other"] >= HIGHER_SHARPE * pairs["other"].abs()).sum())
    return [
        f"{rule} beside {COMPARATOR}, in {counted(len(pairs), 'case')}: {'; '.join(told)}.",
        f"Its Sharpe ratio is higher by {100.0 * HIGHER_SHARPE:.0f} % or more in {many} of {len(pairs)} cases.",
    ]
