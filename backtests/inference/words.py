"""Sentences about costs and evidence."""

import numpy as np

from backtests.evaluation.metrics import METRICS
from backtests.evaluation.scores import Score
from backtests.inference.evidence import Evidence
from foundation.paper.wording import percent
from research.accounting import Costs
from research.accounting.cost_parameters import HOLDING_COSTS

CHARGES = {  # names of costs in sentences, where they differ from the fields of `Costs`
    "commission": "commission",
    "half_spread": "half-spread",
    "per_unit": "a commission per unit",
    "minimum": "a minimum commission",
    "ticket": "a ticket",
    "impact": "impact",
    "tax": "tax on realised gains",
    "borrow": "a borrow fee on short positions",
    "financing": "financing",
    "cash_spread": "a spread on cash",
    "management_fee": "a management fee",
}


def charged_words(costs: Costs) -> tuple[list[str], list[str]]:
    """The names of the trading costs and of the holding costs.

    >>> charged_words(Costs([1e-4], [0.0], ticket=2.0, management_fee=0.002))
    (['commission', 'a ticket'], ['a management fee'])
    """
    found = costs.settings
    words = {name: CHARGES.get(name, name.replace("_", " ")) for name in found}
    return [words[k] for k in found if k not in HOLDING_COSTS], [words[k] for k in found if k in HOLDING_COSTS]


def distinguished(evidence: Evidence, metric: str) -> str | None:
    """The best policy by a metric, if all others are significantly different from it (after Holm); else None."""
    sign = 1.0 if METRICS[metric].lower_is_better else -1.0
    best = evidence.names[int(np.argmin(sign * evidence.estimates[metric]))]
    words = [d.verdict for d in evidence.against(best).differences(metric).values()]
    return best if words and all(word == "worse" for word in words) else None


def tried_words(trials: int) -> str:
    """The number of configurations that were tried, in words.

    >>> tried_words(1200)
    '1,200 configurations were tried.'
    """
    return f"{trials:,} configurations were tried." if trials != 1 else "One configuration was tried."


def grown_words(scored: Score) -> str:
    """The growth of a backtest in words, a year if the test is that long."""
    if "growth" in scored.undefined:
        return percent(scored["total_return"])
    return f"{percent(scored['growth'])} a year"
