"""What is played, and by which accounting: the inputs of one backtest as the loops take them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backtests.loop import Desk, Sessions
from research.accounting import Costs, Execution, Flows, Policy
from research.accounting.execution import Dividends
from research.accounting.tariff import Lots, Scratch
from research.allocation import TargetPath
from research.errors import ConfigError, PolicyError
from research.market import Market
from research.market.market import frozen


@dataclass(frozen=True, eq=False)
class Game:
    """One policy on one market under one accounting. first : row of the opening trade."""

    market: Market
    policy: Policy
    targets: TargetPath
    costs: Costs
    first: int
    lag: int
    execution: Execution
    name: str
    leverage_limit: float
    sessions: Sessions
    desk: Desk
    scratch: Scratch

    @classmethod
    def of(
        cls,
        market: Market,
        policy: Policy,
        targets: TargetPath,
        costs: Costs,
        first: int,
        lag: int,
        execution: Execution,
        dividends: Dividends,
        flows: Flows | None,
        name: str,
        leverage_limit: float,
    ) -> "Game":
        """Check what accounting needs of the market, and lay it out for the loops. Raises ConfigError, DataError."""
        n, sessions = len(market.assets), _sessions(market, first, execution, dividends, flows)
        if len(costs.total) != n:
            raise ConfigError(f"costs have {len(costs.total)} lines and the market {n}: give one for each line.")
        if execution.at == "open" and lag < 1:
            raise ConfigError("what is decided at a close is booked at a later open: give a lag of 1 at least.")
        taxed = costs.tax is not None and costs.tax.rate > 0.0
        desk = Desk(
            tariff=costs.tariff(market, first, execution.minimum_trade),
            carry=costs.carry,
            lots=Lots.empty(n, len(market.dates) - first + 1 if taxed else 0),
            most=execution.largest(market),
            days=int(execution.days),
            at_open=execution.at == "open",
            invest_flows=flows is not None and flows.use == "rebalance",
            lag=int(lag),
        )
        return cls(
            market, policy, targets, costs, first, lag, execution, name, leverage_limit, sessions, desk, Scratch.of(n)
        )

    @cached_property
    def extra_bookings(self) -> int:
        """Bookings that may come besides one a day: flows, and lines that are delisted."""
        return int(np.count_nonzero(self.sessions.flows)) + len(self.market.assets)

    def refused(self, t: int) -> PolicyError:
        """Why row t of the market cannot be booked, in words."""
        weights, date, total = self.targets.at(t), self.market.dates[t], self.costs.total
        i = int(np.argmax(np.abs(weights) * total))
        flow = self.sessions.flows[t]
        if flow < 0.0:
            return PolicyError(
                f"policy {self.name!r} cannot pay the withdrawal of {-flow:,.2f} on {date:%Y-%m-%d}: it is more than "
                "the wealth that is left after costs. Withdraw less, or start with more."
            )
        return PolicyError(
            f"policy {self.name!r} cannot go on at {date:%Y-%m-%d}: wealth is no longer positive, or the costs of its "
            "trade would take more than the lines that trade are worth. The costliest line of its target is "
            f"{self.market.assets[i]}: {total[i]:.2%} of a weight of {weights[i]:.4f}. Lower the costs or the leverage."
        )


def _sessions(market: Market, first: int, execution: Execution, dividends: Dividends, flows: Flows | None) -> Sessions:
    """The market as the loops play it."""
    if dividends not in ("reinvest", "cash"):
        raise ConfigError(f"dividends is {dividends!r}: use 'reinvest' or 'cash'.")
    paid = dividends == "cash"
    if paid and market.dividends is None:
        raise ConfigError(f"market {market.name!r} has no dividends: its returns reinvest them (dividends='reinvest').")
    empty = np.empty((0, len(market.assets)))
    income = market.income if paid else empty
    amounts = np.zeros(len(market.dates)) if flows is None else flows.on(market, first)
    busy = amounts != 0.0
    if paid:
        busy |= (income != 0.0).any(axis=1)
    left = market.exits[market.exits < len(market.dates)]
    busy[left] = True
    years = np.zeros(len(market.dates))
    years[1:] = np.diff(market.days).astype(float) / 365.0
    opens = empty
    if execution.at == "open":
        opens = market.open_price_index if paid else market.open_index
    return Sessions(
        closes=market.price_index if paid else market.index,
        cash_index=market.cash_index,
        tradable=market.tradable,
        opens=opens,
        income=income,
        exits=market.exits,
        flows=frozen(amounts),
        years=frozen(years),
        busy=frozen(busy),
    )
