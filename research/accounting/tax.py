"""Tax on realised gains as a portfolio states it, and the day from which a purchase is long-term."""

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from foundation.arguments import is_number, is_whole, one_of, refuse
from foundation.dataclasses import dataclass, fields
from research.accounting.cost_parameters import LOT_METHODS

CALENDAR_YEAR: Final = "year"  # long-term after more than one, by the calendar
Lots = Literal["average", "highest", "first", "tax_minimal"]
AtEnd = Literal["keep", "liquidate", "step_up"]
LongAfter = int | Literal["year"]
AT_END = ("keep", "liquidate", "step_up")


@dataclass(frozen=True)
class Tax:
    """Tax on realised gains, charged with every sale; losses are carried forward and set against later gains.

    rate       : fraction of a long-term gain.
    lots       : order in which units are sold: "average" cost, the "highest" cost, "first" in, first out, or
                 "tax_minimal", the least tax a unit at the term of the lot.
    short_rate : fraction of a short-term gain, by default `rate`.
    long_after : "year", or days; units that were held for longer are long-term.
    loss_limit : most losses that are deducted from other income in a year, at the short rate, currency. With it, each
                 year ends with a tax return; without it, a loss counts against later gains only.
    at_end     : "keep" the last holdings untaxed; "liquidate" shows figures after the tax that selling them all would
                 cost; "step_up" those after a bequest, at which gains and losses are forgiven.
    harvest_above  : losses are harvested: at each close the lots that have lost more than this fraction of their cost
                     are sold, and as much of a substitute, which is assumed to move like the asset, is bought.
    harvest        : least loss of these lots of an asset that is worth realising, currency.
    wash_sale_days : days in which a purchase before a sale at a loss disallows the loss: an asset that was bought in
                     them, by a harvest too, is not harvested.
    Costs of trading enter no lot. Where dividends are reinvested by the returns, they count as gain; paid in cash, they
    are not taxed. Holdings are long. Gains and losses of a term are set against each other first, then across terms,
    and losses are carried forward by term.
    Source : 26 USC 1(h), 1211(b), 1212(b), 1222.
    """

    rate: float
    lots: Lots = "average"
    short_rate: float | None = None
    long_after: LongAfter = CALENDAR_YEAR
    loss_limit: float | None = None
    at_end: AtEnd = "keep"
    harvest_above: float | None = None
    harvest: float = 0.0
    wash_sale_days: int = 0

    def __post_init__(self) -> None:
        """Check the rates, the method and the terms."""
        for name in ("rate", "short_rate"):
            rate = getattr(self, name)
            if not ((rate is None and name == "short_rate") or (is_number(rate) and 0.0 <= rate < 1.0)):
                refuse(f"{name} of tax is", rate, "it is a fraction of the gain, at least 0 and below 1.")
        one_of("lots of tax are", self.lots, (*LOT_METHODS, "tax_minimal"))
        one_of("at_end of tax is", self.at_end, AT_END)
        if self.long_after != CALENDAR_YEAR and not (is_whole(self.long_after) and self.long_after >= 0):
            refuse("long_after of tax is", self.long_after, "give 'year', or a number of days, at least 0.")
        if self.loss_limit is not None and not (is_number(self.loss_limit) and 0.0 <= self.loss_limit < np.inf):
            refuse("loss_limit of tax is", self.loss_limit, "it is currency a year, at least 0.")
        above = self.harvest_above
        if above is not None and not (is_number(above) and 0.0 < above < 1.0):
            refuse("harvest_above of tax is", above, "it is a fraction of the cost of a lot, above 0 and below 1.")
        if above is not None and not self.charges:
            refuse("harvest_above of tax is", above, "no gain is taxed, so a loss saves nothing: leave it out.")
        if not (is_number(self.harvest) and 0.0 <= self.harvest < np.inf):
            refuse("harvest of tax is", self.harvest, "it is the least loss of an asset, currency, at least 0.")
        if not (is_whole(self.wash_sale_days) and self.wash_sale_days >= 0):
            refuse("wash_sale_days of tax are", self.wash_sale_days, "give a number of days, at least 0.")

    @property
    def rate_of_short(self) -> float:
        """Fraction of a short-term gain."""
        return float(self.rate if self.short_rate is None else self.short_rate)

    @property
    def charges(self) -> bool:
        """True if some gain is taxed."""
        return max(self.rate, self.rate_of_short) > 0.0

    @property
    def has_terms(self) -> bool:
        """True if the tax on a gain depends on how long the units were held."""
        return self.rate_of_short != self.rate

    @property
    def settings(self) -> dict[str, object]:
        """The rate, the lots, and what differs from the defaults, as plain JSON values."""
        others = [f for f in fields(self) if f.name not in ("rate", "lots")]
        given = {f.name: getattr(self, f.name) for f in others if getattr(self, f.name) != f.default}
        return {"rate": self.rate, "lots": self.lots} | given


def first_long_day(bought: ArrayLike, long_after: LongAfter) -> Any:
    """The first day on which units that were bought on these days are long-term, of the shape of `bought`.

    bought     : days, as numpy has them.
    long_after : "year", or days; units that were held for longer are long-term.
    A year begins on the day after the purchase, and the next one on the same date a year later; that of 29 February is
    1 March.
    Source : 26 USC 1222; IRS Publication 550, Holding Period.

    >>> str(first_long_day(np.datetime64("2019-06-03"), "year"))
    '2020-06-04'
    """
    begun = np.asarray(bought, dtype="datetime64[D]") + 1
    if long_after != CALENDAR_YEAR:
        return begun + long_after
    month = begun.astype("datetime64[M]")
    return (month + 12).astype("datetime64[D]") + (begun - month.astype("datetime64[D]"))
