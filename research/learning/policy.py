"""A rule that was learned: what it saw, what it answers, and how it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from research.accounting import Hold, Trade, View, Why
from research.allocation import Allocation
from research.errors import PolicyError
from research.learning.actions import LEARNED, Action, asked
from research.learning.network import Network, forward
from research.learning.state import LOOKBACK, Floats, Scales, Standard, observe, standardise, strategic_returns
from research.market.calendars import last_of
from research.market.market import Array
from research.rules.corridor import decide_in

SAME = 1e-9  # of NAV: two targets that differ by less are one


@dataclass(frozen=True, eq=False)
class LearnedPolicy:
    """What the state asks for, by its action, at the last session of every period; made by `train`.

    allocation : what to hold.  every : the period.  assets : the lines, in the market's order.
    seen     : the last date that it learned from; it decides from there on.
    scales, standard, net : what it measures gaps by, what it standardises features by, and its network.
    card     : what it saw, how it was trained and what it was worth there, in plain JSON values.
    action   : what its answer means, one of `research.learning.actions`.
    """

    allocation: Allocation
    every: str
    assets: tuple[str, ...]
    seen: pd.Timestamp
    scales: Scales
    standard: Standard
    net: Network
    card: Mapping[str, Any]
    action: Action = "bands"
    family: ClassVar[str] = "learned"

    @property
    def words(self) -> str:
        """What it does, in a few words."""
        return f"{LEARNED[self.action]} learned, asked each {self.every}"

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or trade into the box of its answer; asked at the last scheduled session of its period.

        Raises : PolicyError on a date before the last that it saw, for other lines, or for a target that it was not
                 trained for.
        """
        self._check(view)
        if not (view.unfinished or last_of(view.past.days[-1:], self.every, view.past.calendar)[0]):
            return Hold(Why("learned"))
        kind = np.array([self._kind(view)])
        lower, upper, cash, part = asked(self.action, self.answer(view)[None], kind, self.scales)
        if part[0] == 0.0:
            return Hold(Why("learned"))
        rows = {"target": self.scales.target[kind], "trigger_lower": lower, "trigger_upper": upper, "cash": cash}
        return decide_in(rows | {"lower": lower, "upper": upper}, view, "learned", float(part[0]), again=False)

    def features(self, view: View) -> Array:
        """(k,) what it sees of a view, as its card names it."""
        past, kind, out = view.past, self._kind(view), np.empty(len(self.standard.mean))
        recent = strategic_returns(self.scales.target, kind, past.returns[-LOOKBACK:], past.cash[-LOOKBACK:])
        observe(view.weights, recent, view.days_since_trade, self.scales, kind, out)
        return out

    def answer(self, view: View) -> Floats:
        """(m,) the numbers that it answers, as `research.learning.actions` reads them."""
        seen = np.empty((1, len(self.standard.mean)), np.float32)
        standardise(self.features(view)[None], self.standard, seen)
        numbers = np.empty((1, len(self.net.bias_2)), np.float32)
        forward(self.net, seen, numbers)
        return numbers[0]

    def save(self, folder: str | Path) -> Path:
        """Write `policy.safetensors` and `card.json` into `folder`, made where it is missing; gives the folder."""
        from research.learning.files import save

        return save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> "LearnedPolicy":
        """The policy that `save` wrote: numbers and text, and no code. Raises DataError when they are not whole."""
        from research.learning.files import load

        return load(Path(folder))

    def __repr__(self) -> str:
        """One line: what it holds, when it decides, its seed, and what it saw."""
        return (
            f"LearnedPolicy({self.allocation!r}, every={self.every!r}, seed={self.card.get('seed')}, "
            f"seen={self.seen:%Y-%m-%d})"
        )

    def _check(self, view: View) -> None:
        past = view.past
        if past.date < self.seen:
            raise PolicyError(
                f"a learned policy that saw data up to {self.seen:%Y-%m-%d} is asked on {past.date:%Y-%m-%d}: it knows "
                "what came after. Start the test later, or train on fewer days."
            )
        if past.assets != self.assets:
            raise PolicyError(
                f"a learned policy for {', '.join(self.assets)} is asked about {', '.join(past.assets)}. Select its "
                "lines, in this order, or train another."
            )

    def _kind(self, view: View) -> int:
        """The row of its scales that belongs to the target in force."""
        same = np.abs(self.scales.target - view.target).max(axis=1) < SAME
        if not same.any():
            strange = np.flatnonzero((view.target != 0.0) & ~(self.scales.target != 0.0).any(axis=0))
            names = ", ".join(self.assets[i] for i in strange)
            why = f"it never held {names}" if names else "its own are others"
            raise PolicyError(
                f"a learned policy is asked on {view.past.date:%Y-%m-%d} for a target that it was not trained for: "
                f"{why}. Train it for this target, on days on which all its lines are listed."
            )
        return int(np.argmax(same))
