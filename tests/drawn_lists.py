"""Trade lists of drawn portfolios: prices, holdings, lots, terms, and names that break a careless file."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from desk.tickets.ticket import Ticket, make_ticket
from foundation.errors import InputError
from foundation.names import name_fault
from research.orders import TradeList, trade_list
from research.portfolio import Portfolio, TicketTerms
from research.rules import Threshold

ODD = st.text("=+-@'\",;:<>&|%#*()[]{}$€éß漢字😀 .AZ09\u200d", min_size=1, max_size=12).filter(
    lambda name: not name_fault(name)
)
PLAIN = st.text("ABCXYZ019", min_size=1, max_size=5)
TERMS = {
    "market": TicketTerms(account="DU12"),
    "market_on_close": TicketTerms("market_on_close", account="DU12"),
    "limit": TicketTerms("limit", collar_bps=37.5, account="DU12"),
}


def outcome(list_now: Callable[[], TradeList]) -> TradeList | str:
    """A trade list, or the sentence with which it is refused."""
    try:
        return list_now()
    except InputError as error:
        return str(error)


def drawn_list(data: Any, desk: Callable[..., Portfolio], names: Any = ODD, *, quoted: bool = False) -> TradeList:
    """A list to target of a drawn portfolio.

    data   : of Hypothesis.
    desk   : that builds a portfolio.
    names  : strategy of the names of assets.
    quoted : have all assets a quote?
    """
    n = data.draw(st.integers(2, 5))
    floats = lambda low, high: data.draw(st.lists(st.floats(low, high), min_size=n, max_size=n))  # noqa: E731
    prices, values, aims = floats(0.5, 3_000.0), floats(0.0, 1e6), floats(0.01, 1.0)
    lots = data.draw(st.lists(st.sampled_from([1.0, 10.0, 0.01, 1e-6]), min_size=n, max_size=n))
    without = [not quoted and data.draw(st.integers(0, 5)) == 0 for _ in range(n)]
    targets = np.round(0.98 * np.array(aims) / sum(aims), 6)
    units = [
        value if bare else np.floor(value / price) for value, price, bare in zip(values, prices, without, strict=True)
    ]
    made = desk(
        [np.nan if bare else price for price, bare in zip(prices, without, strict=True)],
        units,
        data.draw(st.integers(100_000, 50_000_000)) / 100.0,
        targets.tolist(),
        lots=lots,
        assets=data.draw(st.lists(names, min_size=n, max_size=n, unique_by=str.casefold)),
    )
    terms = TERMS[data.draw(st.sampled_from(sorted(TERMS)))]
    made = replace(made, name=data.draw(ODD), ticket=terms)
    return trade_list(made, Threshold(made.strategic, 0.0), data.draw(ODD), run="r-1", greedy=True)


@cache
def drawn_lists(desk: Callable[..., Portfolio], *, plain: bool = False) -> tuple[TradeList, ...]:
    """A hundred drawn lists, the same in every test.

    desk  : that builds a portfolio.
    plain : have all assets plain names and a quote?
    """
    found: list[TradeList] = []

    @given(data=st.data())
    def draw(data: Any) -> None:
        found.append(drawn_list(data, desk, PLAIN if plain else ODD, quoted=plain))

    draw()
    return tuple(found)


@cache
def drawn_tickets(desk: Callable[..., Portfolio], *, plain: bool = False) -> tuple[Ticket, ...]:
    """Their tickets, which every format has to carry."""
    return tuple(map(make_ticket, drawn_lists(desk, plain=plain)))
