"""The execution of a decision in the market, and the cash flows of the portfolio."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from foundation.arguments import day, is_number, is_whole, one_of, refuse
from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from research.market import Market
from research.market.calendars import EVERY, last_of
from research.market.checks import missing_from
from research.market.liquidity import dollar_volume

MOST_DAYS = 1_000  # over which a decision is carried out
Use = Literal["rebalance", "cash"]
Dividends = Literal["reinvest", "cash"]  # in the asset that pays them, on the day, or in cash until the next trade


@dataclass(frozen=True)
class Execution:
    """The way from a decision to its bookings.

    at     : "close", or the "open" of the session in which the lag ends, where the market has opens.
    days   : sessions over which the way to the box is walked: 1/days of it first, 1/(days - 1) of the rest next, …
    participation : the most of an asset that decisions and flows trade together in a session, as a fraction of that
    session's volume; the rest goes on the next.
    sizing : "fractional", or "units": the orders of a trade list, in whole lots, sized at the close of the decision and
             filled at the booking's prices.
    minimum_trade : currency; a smaller order is not sent. The opening trade is exempt where sizing is fractional. It
             keeps a rule that goes to the edge of its band from orders of dust where an order costs a fixed amount. An
             order is measured before costs, and as it would be if all others were sent: where those that pay for it are
             too small, it is cut after that, and may be less.
    While a trade is worked the policy is not asked; each session goes toward the box from where the weights are then,
    and a rule that goes a `fraction` of the way goes that fraction of what is left. What a session leaves over of a
    flow's trade, which is of one session, stays in cash. An asset whose volume never allows an order of `minimum_trade`
    keeps its trade open to the end.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    at: Literal["close", "open"] = "close"
    days: int = 1
    participation: float | None = None
    sizing: Literal["fractional", "units"] = "fractional"
    minimum_trade: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers, alone and together."""
        one_of("at of execution is", self.at, ("close", "open"))
        one_of("sizing of execution is", self.sizing, ("fractional", "units"))
        if not (is_whole(self.days) and 1 <= self.days <= MOST_DAYS):
            refuse("days of execution are", self.days, f"give a whole number of sessions, 1 to {MOST_DAYS}.")
        share = self.participation
        if share is not None and not (is_number(share) and 0.0 < share <= 1.0):
            refuse("participation is", share, "it is a fraction of volume, above 0, at most 1; or None.")
        if not (is_number(self.minimum_trade) and self.minimum_trade >= 0.0):
            refuse("minimum_trade is", self.minimum_trade, "give currency, at least 0.")
        if self.sizing == "units" and (self.days > 1 or self.participation is not None):
            raise ConfigError("orders in whole lots are filled at once: leave days and participation out.")

    def largest(self, market: Market, first: int = 0) -> Array:
        """(T, n) the largest order of each session, currency; (0, n) without a limit.

        Nothing is traded where the day's volume is zero. Raises DataError where it is missing on a day of trading from
        row `first` on.
        """
        if self.participation is None:
            return np.empty((0, len(market.assets)))
        volume = dollar_volume(market, 1)
        if (missing := missing_from(market, volume, first)) is not None:
            t, i = missing
            raise DataError(
                f"no volume or quote, for a limit of participation, of {market.assets[i]} on {market.days[t]}: found "
                f"{volume[t, i]}. Leave participation out, or choose a market that has it."
            )
        return frozen(self.participation * np.nan_to_num(volume))


def check_flows(execution: Execution, flows: "Flows | None") -> None:
    """Refuse flows that orders in whole lots cannot book. Raises ConfigError."""
    if execution.sizing == "units" and flows is not None and (flows.use == "rebalance" or flows.any_out):
        raise ConfigError(
            "orders in whole lots are those of decisions: money that comes waits in cash (use='cash' of the flows), "
            "and money that goes needs sizing='fractional'."
        )


@dataclass(frozen=True, eq=False)
class Flows:
    """Money that comes in (positive) and goes out, at the close of a session.

    amounts : currency by date; a date without a session counts at the next one.
    use     : "rebalance": contributions buy what is under its target and withdrawals sell what is over it, on the day,
              toward the target in force; "cash": what comes waits in cash for the next trade, and what goes is taken
              from cash, and from assets over their target as far as cash cannot pay.
    """

    amounts: Mapping[pd.Timestamp, float]
    use: Use = "rebalance"

    def __post_init__(self) -> None:
        """Check the amounts."""
        one_of("use of flows is", self.use, ("rebalance", "cash"))
        if not isinstance(self.amounts, Mapping | pd.Series):
            refuse("amounts of flows are", self.amounts, 'give currency by date, such as {"2020-01-31": 1_000.0}.')
        amounts: dict[pd.Timestamp, float] = {}
        for given, amount in self.amounts.items():
            when = day("a date of flows is", given)
            if not is_number(amount):
                refuse(f"flow of {when:%Y-%m-%d} is", amount, "give currency.")
            if when in amounts:
                refuse(f"flow of {when:%Y-%m-%d} is given twice, the second time", amount, "give the sum of the two.")
            amounts[when] = float(amount)
        object.__setattr__(self, "amounts", amounts)

    def __repr__(self) -> str:
        """Number of flows, their sum, and their use."""
        return f"Flows({len(self.amounts):,} of {sum(self.amounts.values()):,.2f} in all, use={self.use!r})"

    @classmethod
    def every(cls, period: str, amount: float, market: Market, use: Use = "rebalance") -> "Flows":
        """The same amount at the last session of every week, month, quarter or year of a market.

        period : "day", "week", "month", "quarter" or "year".
        amount : currency; below 0 for a withdrawal.
        market : market that gives the sessions.
        use    : use of the money, as in `Flows`.
        Raises : ConfigError for another period, and for what is no market.
        """
        one_of("period of flows is", period, EVERY)
        if not isinstance(market, Market):
            refuse("market of flows is", market, "give a Market, as `load_market` gives it.")
        days = market.dates[last_of(market.days, period, market.calendar)]
        return cls(dict.fromkeys(days, amount), use)

    @property
    def settings(self) -> dict[str, object]:
        """Use and amounts as plain JSON values, for manifests."""
        return {"use": self.use, "amounts": {f"{day:%Y-%m-%d}": amount for day, amount in self.amounts.items()}}

    @property
    def any_out(self) -> bool:
        """True if some flow is a withdrawal."""
        return any(amount < 0.0 for amount in self.amounts.values())

    def on(self, market: Market, first: int) -> Array:
        """(T,) flows at each close after row `first`, currency; earlier ones are part of the wealth at the opening.

        Raises ConfigError for a flow after the data.
        """
        amounts = np.zeros(len(market.dates))
        for when, amount in self.amounts.items():
            row = int(market.dates.searchsorted(when, side="left"))
            if row >= len(amounts):
                raise ConfigError(
                    f"the flow of {amount:,.2f} on {when:%Y-%m-%d} comes after the data, which ends on "
                    f"{market.dates[-1]:%Y-%m-%d}. Leave it out."
                )
            if row > first:
                amounts[row] += amount
        return frozen(amounts)
