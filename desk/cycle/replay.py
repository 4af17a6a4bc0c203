"""The cycle over history: as a policy that the engine plays, beside the plain policy on the same days."""

from collections import Counter
from math import isfinite

import numpy as np
import pandas as pd

from backtests.comparison.paired import PairedBacktests, pair
from backtests.engine import backtest
from backtests.engine.run import conditions
from desk.cycle.alternatives import IN_BACKTESTS, POLICY, alternatives, as_held, rule_of
from desk.cycle.analysis import analysed
from desk.cycle.monitor import is_triggered
from foundation.blocks import Column, text_rows, with_minus
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError, DataError
from foundation.paper.text_tables import wrapped
from research.accounting import Hold, Policy, Trade, View, Why
from research.allocation import Allocation, target_path
from research.orders import trade_list
from research.orders.decision import decision
from research.orders.lots.position import Position
from research.portfolio import Portfolio
from research.portfolio.holdings.nav_history import NavHistory
from research.rules.protocol import RuleTraits, held_by

CYCLE = "cycle"  # name of its backtest
REPLAY_DRAWS = 1_000
REPLAY_FIGURES = {  # shown: words, and by what the figure is multiplied
    "loss": ("J, bp a year", 1.0),
    "cost": ("cost, bp a year", 1.0),
    "tracking_error": ("tracking error, % a year", 100.0),
    "turnover": ("turnover, % a year", 100.0),
    "trading_days": ("days with a trade a year", 1.0),
    "growth": ("growth, % a year", 100.0),
    "max_drawdown": ("maximum drawdown, %", 100.0),
}
COMPARED_FIGURES = {"loss": ("J in bp a year", 1.0), "growth": ("Growth in points a year", 100.0)}


@dataclass(frozen=True, eq=False)
class CyclePolicy(RuleTraits):
    """The cycle of a portfolio as a policy: its decision at each close, from what is known then.

    portfolio : portfolio, whose holdings are those of the view.
    policy    : policy of its file.
    name      : name of it.
    chosen    : by alternative, how often it was taken on days on which something triggered; counted as it decides.
    """

    portfolio: Portfolio
    policy: Policy
    name: str
    chosen: Counter[str] = field(default_factory=Counter)

    @property
    def allocation(self) -> Allocation:
        """The allocation of the policy."""
        return held_by(self.policy, self.portfolio.strategic)

    def decide(self, view: View) -> Hold | Trade:
        """The policy's decision on a quiet day, and where it decides; else that of the best alternative."""
        then = self._then(view)
        position = Position.of(then)
        answer = decision(then, self.policy, self.name, view.target, position, again=False)
        if isinstance(answer, Hold) and not is_triggered(then, view.target):
            return answer
        if then.cycle.decides == POLICY:
            self.chosen[POLICY] += 1
            return answer
        if view.days_since_trade < then.cycle.cooldown:
            return Hold(Why("cooldown"))
        targets = target_path(self.allocation, then.market, start=len(then.market.dates) - 1)
        listed = trade_list(then, self.policy, self.name, targets=targets)
        try:
            best = analysed(alternatives(listed, targets, IN_BACKTESTS)).material.name
        except DataError:  # too short a past: as a cycle of that day, the policy decides
            best = POLICY
        self.chosen[best] += 1
        return decision(then, rule_of(listed, best), best, view.target, position, again=False)

    def _then(self, view: View) -> Portfolio:
        """The portfolio at the close of a view; lots, books and prices of today are not known of it."""
        market = self.portfolio.market.until(view.past.date)
        traded = market.dates[max(len(market.dates) - 1 - view.days_since_trade, 0)]
        flows = () if view.flow_history is None else (view.flow_history,)
        history = NavHistory(view.opened, view.nav_history[:-1], *flows)
        then = as_held(self.portfolio, market, view.weights * view.nav, view.cash_weight * view.nav, traded)
        return replace(then, costs=view.costs, nav_history=history)


@dataclass(frozen=True, eq=False)
class Replayed:
    """A cycle that was played over history.

    paired : its backtest and that of the plain policy, with the evidence of their differences.
    chosen : by alternative, how often it was taken on a triggered day.
    policy : name of the plain policy.
    """

    paired: PairedBacktests
    chosen: Counter[str]
    policy: str

    @property
    def text(self) -> str:
        """Both beside each other, their differences with intervals, and how often each alternative was taken."""
        table, dates = self.paired.table().to_dict(), self.paired.backtests[CYCLE].dates
        columns = [Column("", "", [words for words, _ in REPLAY_FIGURES.values()], words=True)]
        for name, figures in table.items():
            known = [(figures[key], by) for key, (_, by) in REPLAY_FIGURES.items()]
            columns.append(Column(str(name), "", ["–" if x is None else f"{x * by:,.2f}" for x, by in known]))
        lines = [f"From {dates[1]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}", *text_rows(columns)]
        if any(figures["growth"] is None for figures in table.values()):
            lines.append("–: the growth of less than a year is not annualised (GIPS 2010, 5.A.4).")
        plain, cycle = (self.paired.backtests[name] for name in (self.policy, CYCLE))
        is_same = np.array_equal(plain.nav, cycle.nav)
        lines += [f"The cycle and {self.policy} are equal on all days."] if is_same else []
        for metric, (words, by) in ({} if is_same else COMPARED_FIGURES).items():
            apart = self.paired.evidence.differences(metric)[CYCLE]
            value, lower, upper = (by * each for each in (apart.value, apart.lower, apart.upper))
            low, high = (f"{end:+.2f}" if isfinite(end) else "no limit" for end in (lower, upper))
            ends = f"{value:+.2f} ({low} to {high})"
            lines.append(f"{words}, cycle less {self.policy}: {ends}: {apart.verdict}.")
        taken = ", ".join(f"{name} {count}" for name, count in self.chosen.most_common())
        lines.append(f"On {self.chosen.total()} triggered days were taken: {taken or 'none'}.")
        return with_minus("\n".join(map(wrapped, lines)))


def replayed(portfolio: Portfolio, policy: Policy, name: str, first: str, last: str) -> Replayed:
    """Play the cycle of a portfolio from one day to another, beside its plain policy.

    policy : policy of its file, ready to decide.
    name   : its name.
    first, last : days, YYYY-MM-DD.
    Raises : ConfigError for days outside the data, and for a portfolio in several currencies.
    """
    if portfolio.currencies is not None:
        raise ConfigError(f"{portfolio.file} has several currencies: a cycle is played over history in one.")
    whole = replace(portfolio, market=portfolio.market.until(pd.Timestamp(last)))
    cycle = CyclePolicy(whole, policy, name)
    start = whole.market.row(pd.Timestamp(first) - pd.Timedelta(days=1))
    targets = target_path(cycle.allocation, whole.market, start=start)
    terms = conditions(whole, start=first, targets=targets)
    named = {name: policy, CYCLE: cycle}
    played = {each: backtest(whole.market, one, whole.costs, **terms, name=each) for each, one in named.items()}
    return Replayed(pair(played, name, whole.tracking_penalty, REPLAY_DRAWS), cycle.chosen, name)
