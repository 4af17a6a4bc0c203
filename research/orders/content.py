"""The content of a trade list: the parts that its ticket and its pages show, and the sentence of each of them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from research.orders.before_after import BeforeAfter
from research.portfolio.holdings.prices import GIVEN

DISCLAIMER = (
    "Decision support, not investment advice: whoever approves these orders has to check them and is responsible for "
    "them."
)
STALE = "Stale prices: "  # marks a list whose prices are too old for orders


class ListContent(NamedTuple):
    """The parts of a trade list that tickets and pages show.

    headline   : the list in one line.
    provenance : portfolio, policy, run and data that the list comes from; the day of its newest price (`as_of`) and
                 that of the last close of the market.
    facts      : figures by name.
    tables     : tables by name, with the columns and units that their headers state.
    outside    : a sentence for each asset outside its range after the orders.
    before_after : effect of the orders.
    notes      : sentences on prices and holdings.
    binding    : the limits that keep orders from the policy's own step, each with its assets.
    """

    headline: str
    provenance: Mapping[str, str]
    facts: Mapping[str, str | float | bool]
    tables: Mapping[str, pd.DataFrame]
    outside: Sequence[str]
    before_after: BeforeAfter
    notes: tuple[str, ...] = ()
    binding: tuple[str, ...] = ()

    @property
    def prices(self) -> str:
        """The prices at which the list is made, in words; their days are in the notes."""
        tables = [table for table in self.tables.values() if "price_basis" in table]
        given = any(table["price_basis"].eq(GIVEN).any() for table in tables)
        return "given prices" if given else f"the closes of {self.provenance['last_close']}"


def price_text(price: float) -> str:
    """A price as a page shows it: with two decimals, or four significant digits where it is below one unit.

    >>> price_text(1_097.4567), price_text(0.842), price_text(0.00012349), price_text(0.5)
    ('1,097.46', '0.842', '0.0001235', '0.50')
    """
    digits = f"{Decimal(f'{price:.4g}'):f}"
    return digits if 0.0 < price < 1.0 and len(digits) > len("0.5") else f"{price:,.2f}"
