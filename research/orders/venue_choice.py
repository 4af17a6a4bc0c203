"""The venues to which an order goes, whole or split, at the least expected cost of spread, depth and fees.

An order at market takes the other side of the book, level by level, so that its cost at a venue is convex in its units.
Over venues that each take at least their minimum, the cheapest next lot is therefore always right (Fox 1966, "Discrete
optimization via marginal analysis"); which venues take part is tried out.
"""

from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import combinations
from typing import NamedTuple

from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE


class Offer(NamedTuple):
    """The offer of a venue for one side of an asset.

    levels  : price, currency per unit, and units of each level of the book that the order takes, the best first. What
              is beyond the last one is reckoned at its price.
    fee     : fraction of value.
    lot     : step of quantity, units.
    minimum : smallest value of an order, currency.
    limit   : units that the account can trade there; None for any number.
    """

    venue: str
    levels: tuple[tuple[Decimal, Decimal], ...]
    fee: Decimal = NO_AMOUNT
    lot: Decimal = Decimal(1)
    minimum: Decimal = NO_AMOUNT
    limit: Decimal | None = None


class Route(NamedTuple):
    """A part of an order. cost : expected cost against the reference price, currency."""

    venue: str
    quantity: Decimal
    cost: Decimal


def cost_at(offer: Offer, side: str, quantity: Decimal, reference: Decimal) -> Decimal:
    """The expected cost of an order at a venue against a price, currency: distance of its fills from it, and fees."""
    value, left, sign = NO_AMOUNT, quantity, SIGN_OF_SIDE[side]
    for k, (price, units) in enumerate(offer.levels):
        taken = left if k == len(offer.levels) - 1 else min(left, units)
        value += taken * price
        left -= taken
    return sign * (value - reference * quantity) + offer.fee * value


def routed(side: str, quantity: Decimal, offers: Sequence[Offer], reference: Decimal) -> tuple[Route, ...]:
    """The parts of an order with the least cost; of equal ones the fewest, then the first venues. () where none fits.

    Parts are multiples of the largest lot among their venues, but for one that takes the rest.

    reference : price of the asset, currency per unit, at which minimums are reckoned and costs compared.
    """
    best, least = tuple[Route, ...](), None
    for count in range(1, len(offers) + 1):
        for chosen in combinations(offers, count):
            for parts in _divisions(side, quantity, chosen, reference):
                routes = tuple(
                    Route(offer.venue, part, cost_at(offer, side, part, reference))
                    for offer, part in zip(chosen, parts, strict=True)
                )
                cost = sum((route.cost for route in routes), NO_AMOUNT)
                if least is None or cost < least:
                    best, least = routes, cost
    return best


def _divisions(
    side: str, quantity: Decimal, offers: Sequence[Offer], reference: Decimal
) -> Iterator[tuple[Decimal, ...]]:
    """The best division over all of the venues, once for each that may take the part of a lot that is left."""
    lot = max(offer.lot for offer in offers)
    rest = quantity % lot
    for k, of_rest in enumerate(offers):
        if (rest % of_rest.lot or (k and not rest)) or any(lot % offer.lot for offer in offers):
            continue
        parts = [rest if i == k else NO_AMOUNT for i in range(len(offers))]
        for i, offer in enumerate(offers):
            lacking = max(offer.minimum / reference - parts[i], NO_AMOUNT if parts[i] else lot)
            parts[i] += (lacking / lot).to_integral_value(ROUND_CEILING) * lot
        if (left := quantity - sum(parts, NO_AMOUNT)) >= 0 and _fill(side, offers, parts, left, lot):
            yield tuple(parts)


def _fill(side: str, offers: Sequence[Offer], parts: list[Decimal], left: Decimal, lot: Decimal) -> bool:
    """Add what is left to the parts, the cheapest lots first; false where the limits do not allow it."""

    def step(i: int) -> tuple[Decimal, Decimal]:
        """The cost of the next units at a venue, per unit, and the number of them at that cost."""
        offer, start = offers[i], parts[i]
        end = NO_AMOUNT
        for _, units in offer.levels[:-1]:
            end += units
            if end > start:
                whole = (end - start) // lot * lot
                more = min(whole or lot, left)
                return (
                    cost_at(offer, side, start + more, NO_AMOUNT) - cost_at(offer, side, start, NO_AMOUNT)
                ) / more, more
        sign = SIGN_OF_SIDE[side]
        return offer.levels[-1][0] * (sign + offer.fee), left

    def capacity(i: int) -> Decimal:
        limit = offers[i].limit
        return left if limit is None else (limit - parts[i]) // lot * lot

    while left > 0:
        steps = [(*step(i), i) for i in range(len(offers)) if capacity(i) > 0]
        if not steps:
            return False
        _, more, i = min(steps, key=lambda each: each[0])
        more = min(more, capacity(i))
        parts[i] += more
        left -= more
    return all(offer.limit is None or part <= offer.limit for offer, part in zip(offers, parts, strict=True))
