"""Accounts of a file that need a person: conflicts and breaches of limits, the largest drifts, failures by reason."""

import re
from collections import Counter
from collections.abc import Mapping
from heapq import nlargest
from typing import Any, NamedTuple

import numpy as np

from foundation.dataclasses import dataclass, field
from foundation.errors import InputFault
from foundation.paper.wording import percent
from foundation.tolerances import COUNTED
from research.orders.lots.conflicts import CONFLICTING
from research.orders.trade_lists import TradeList

CONFLICT, BREACH, DRIFT = ATTENTION_KINDS = ("conflict", "breach", "drift")
SHOWN_ACCOUNTS = 50
MAX_REASON = 200  # letters
NUMBER_PATTERN = re.compile(r"\d+(?:[.,:-]\d+)*")


class Concern(NamedTuple):
    """An account that needs a person, by how much, fraction of NAV, and why, in words."""

    size: float
    account: str
    model: str
    words: str


@dataclass(frozen=True)
class Attention:
    """Accounts that need a person; the sum of two is that of the accounts of both.

    counts  : number of accounts of each kind.
    largest : by kind, the accounts with the largest sizes, at most `SHOWN_ACCOUNTS`.
    reasons : number of accounts that failed for each reason, whatever its numbers.
    """

    counts: Counter[str] = field(default_factory=Counter)
    largest: Mapping[str, tuple[Concern, ...]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Attention") -> "Attention":
        """That of the accounts of both; of equal sizes, those of the first come first."""
        largest = {
            kind: tuple(nlargest(SHOWN_ACCOUNTS, (*self.largest.get(kind, ()), *other.largest.get(kind, ())), _size))
            for kind in ATTENTION_KINDS
        }
        return Attention(self.counts + other.counts, largest, self.reasons + other.reasons)

    def plain(self) -> dict[str, Any]:
        """Its values as JSON has them, which `read` takes."""
        return {"counts": self.counts, "largest": self.largest, "reasons": self.reasons}

    @classmethod
    def read(cls, stated: Mapping[str, Any]) -> "Attention":
        """That of values that `plain` gave."""
        largest = {kind: tuple(Concern(*each) for each in rows) for kind, rows in stated["largest"].items()}
        return cls(Counter(stated["counts"]), largest, Counter(stated["reasons"]))

    @classmethod
    def of_list(cls, account: str, model: str, trades: TradeList) -> "Attention":
        """That of an account with a list: its drift after the orders, and the limits that these do not meet."""
        after, before = trades.sized.after, trades.sized.position
        names = (*trades.portfolio.market.assets, "cash")
        target = np.append(trades.target, 1.0 - trades.target.sum())
        now, then = (np.append(each.weights, each.cash_weight) for each in (after, before))
        gaps = np.abs(now - target)
        k = int(np.argmax(gaps))
        words = f"{names[k]} at {percent(now[k], 2)}, was {percent(then[k], 2)}, target {percent(target[k], 2)}"
        found = {DRIFT: Concern(float(gaps[k]), account, model, words)}
        weights, portfolio = after.weights, trades.portfolio
        broken = [
            (limit.outside(weights), f"{limit.words} is at {percent(limit.weight(weights), 2)}")
            for limit in before.limits.weights
        ]
        ranges = np.maximum(portfolio.lower - weights, weights - portfolio.upper)
        broken.append((float(ranges.max()), " ".join(trades.outside[:1])))
        size, said = max(broken)
        if size > COUNTED and said:
            found[BREACH] = Concern(size, account, model, said)
        return cls(Counter(list(found)), {kind: (concern,) for kind, concern in found.items()})

    @classmethod
    def of_failure(cls, account: str, model: str, why: str) -> "Attention":
        """That of an account without a list. why : its sentence."""
        fault = InputFault.of(why)
        reason = NUMBER_PATTERN.sub("#", ": ".join(filter(None, [fault.place, fault.meaning])))[:MAX_REASON]
        _, is_conflict, limits = why.partition(f"{CONFLICTING}: ")
        largest = {CONFLICT: (Concern(0.0, account, model, limits),)} if is_conflict else {}
        return cls(Counter(list(largest)), largest, Counter([reason]))


def _size(concern: Concern) -> float:
    return concern.size
