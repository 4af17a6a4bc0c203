"""What is charged, and what the evidence says, in words."""

import numpy as np

from backtests.evaluation.evidence import Evidence
from backtests.evaluation.metrics import METRICS
from backtests.wording import listed
from research.accounting import Costs
from research.accounting.costs import HOLDING_COSTS

CHARGES = {  # what `Costs` may charge, in words, where they are other than its name
    "commission": "commission",
    "half_spread": "half-spread",
    "per_unit": "a commission a unit",
    "minimum": "a least commission",
    "ticket": "a ticket",
    "impact": "impact",
    "tax": "tax on realised gains",
    "borrow": "borrowing what is short",
    "financing": "financing",
    "cash_spread": "a spread on cash",
    "management_fee": "a management fee",
}


def charged_words(costs: Costs) -> tuple[list[str], list[str]]:
    """What is charged for trading, and for holding, in words.

    >>> charged_words(Costs([1e-4], [0.0], ticket=2.0, management_fee=0.002))
    (['commission', 'a ticket'], ['a management fee'])
    """
    found = costs.settings
    words = {name: CHARGES.get(name, name.replace("_", " ")) for name in found}
    return [words[k] for k in found if k not in HOLDING_COSTS], [words[k] for k in found if k in HOLDING_COSTS]


def distinguished(evidence: Evidence, metric: str) -> str | None:
    """The best policy of a metric, where every other can be told apart from it (after Holm); else None."""
    sign = 1.0 if METRICS[metric].lower_is_better else -1.0
    best = evidence.names[int(np.argmin(sign * evidence.estimates[metric]))]
    words = [d.verdict for d in evidence.against(best).differences(metric).values()]
    return best if words and all(word == "worse" for word in words) else None


def finding(evidence: Evidence, trials: int) -> str:
    """How many of the candidates can be told apart from the reference in J, and how many things were tried."""
    found, reference = evidence.differences("loss"), evidence.reference
    if not found:
        return f"{reference} stands alone: there is nothing to compare it with."
    words = {word: [n for n, d in found.items() if d.verdict == word] for word in ("better", "worse")}
    apart = sum(map(len, words.values()))
    said = "; ".join(f"{word}: {listed(names)}" for word, names in words.items() if names)
    count = f"{apart or 'None'} of {len(found)} candidates can be told apart from {reference} in loss J"
    tried = f"{trials:,} configurations were tried to get here."
    return f"{count} (5 %, Holm-adjusted){': ' + said if said else ''}. {tried}"
