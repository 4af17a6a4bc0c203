"""Routes of an order over venues: by brute force over all divisions, and by the closed form of two linear books."""

from decimal import Decimal
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.orders.venue_choice import Offer, Route, cost_at, routed

REFERENCE = Decimal(100)


@st.composite
def offers_of(draw: st.DrawFn, side: str, lots: tuple[int, ...] = (1,)) -> Offer:
    sign = 1 if side == "buy" else -1
    away = sorted(draw(st.lists(st.integers(0, 300), min_size=1, max_size=3, unique=True)))
    levels = tuple((REFERENCE + sign * bps * Decimal("0.01"), Decimal(draw(st.integers(1, 6)))) for bps in away)
    fee = Decimal(draw(st.integers(0, 100))) / 10_000
    lot, minimum = Decimal(draw(st.sampled_from(lots))), Decimal(draw(st.sampled_from((0, 150, 400))))
    return Offer("", levels, fee, lot, minimum, draw(st.none() | st.decimals(0, 9, places=0)))


def fits(offer: Offer, part: int) -> bool:
    within = offer.limit is None or part <= offer.limit
    return part == 0 or (part % offer.lot == 0 and part * REFERENCE >= offer.minimum and within)


def brute_force(side: str, quantity: int, offers: list[Offer]) -> Decimal | None:
    """The least cost of all divisions, by trying them."""
    parts = product(range(quantity + 1), repeat=len(offers))
    costs = [
        sum((cost_at(offer, side, Decimal(part), REFERENCE) for offer, part in zip(offers, of, strict=True)), Decimal())
        for of in parts
        if sum(of) == quantity and all(map(fits, offers, of))
    ]
    return min(costs, default=None)


@given(side=st.sampled_from(("buy", "sell")), quantity=st.integers(1, 9), data=st.data())
def test_no_division_in_lots_is_cheaper(side: str, quantity: int, data: st.DataObject) -> None:
    drawn = data.draw(st.lists(offers_of(side), min_size=1, max_size=3))
    offers = [offer._replace(venue=str(k)) for k, offer in enumerate(drawn)]
    routes = routed(side, Decimal(quantity), offers, REFERENCE)
    least = brute_force(side, quantity, offers)
    if least is None:
        assert routes == ()
        return
    assert sum(route.quantity for route in routes) == quantity
    assert sum(route.cost for route in routes) == least
    for route in routes:
        assert fits(offers[int(route.venue)], int(route.quantity))


@given(side=st.sampled_from(("buy", "sell")), quantity=st.integers(1, 9), data=st.data())
def test_with_several_lots_parts_fit_and_no_single_venue_is_cheaper(
    side: str, quantity: int, data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(offers_of(side, lots=(1, 2, 3)), min_size=1, max_size=3))
    offers = [offer._replace(venue=str(k)) for k, offer in enumerate(drawn)]
    routes = routed(side, Decimal(quantity), offers, REFERENCE)
    alone = [cost_at(offer, side, Decimal(quantity), REFERENCE) for offer in offers if fits(offer, quantity)]
    if routes:
        assert sum(route.quantity for route in routes) == quantity
        assert sum(route.cost for route in routes) <= min(alone, default=Decimal("Infinity"))
        assert all(fits(offers[int(route.venue)], int(route.quantity)) for route in routes)
    else:
        assert not alone


def test_two_linear_books_are_taken_to_one_marginal_price() -> None:
    """Prices that rise by a and by b a unit: the parts are as b to a, as where a·x = b·y."""
    books = {"A": Decimal("0.01"), "B": Decimal("0.03")}
    offers = [
        Offer(name, tuple((REFERENCE + rise * k, Decimal(1)) for k in range(1, 200))) for name, rise in books.items()
    ]
    routes = routed("buy", Decimal(120), offers, REFERENCE)
    assert [(route.venue, int(route.quantity)) for route in routes] == [("A", 90), ("B", 30)]
    assert routes[0].cost == sum(Decimal("0.01") * k for k in range(1, 91))


def test_the_fee_decides_between_equal_books_and_the_cost_grows_with_the_order() -> None:
    levels = ((Decimal(101), Decimal(1_000)),)
    cheap, dear = Offer("cheap", levels, Decimal("0.001")), Offer("dear", levels, Decimal("0.0026"))
    assert routed("buy", Decimal(10), [dear, cheap], REFERENCE) == (Route("cheap", Decimal(10), Decimal("11.010")),)
    costs = [cost_at(dear, "buy", Decimal(units), REFERENCE) for units in (1, 10, 100)]
    assert all(one < other for one, other in pairwise(costs))


@pytest.mark.parametrize("limit", [Decimal(3), Decimal(0)])
def test_nothing_fits_where_no_venue_has_the_units(limit: Decimal) -> None:
    offer = Offer("A", ((REFERENCE, Decimal(5)),), limit=limit)
    assert routed("sell", Decimal(4), [offer, offer._replace(venue="B", limit=Decimal(0))], REFERENCE) == ()
