"""The equation of a trade's row: its amount is ± units × price ± fees. What a broker leaves open follows from it.

Brokers sign amounts and fees or do not, and state amounts with their fees (net) or without them (gross), in the
currency of the price or in the one in which the account pays. Each way to read a row is tried; what fits is booked.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import product

from foundation.dataclasses import dataclass

NO_AMOUNT, ONE, ONE_CENT, HALF_CENT = Decimal(), Decimal(1), Decimal("0.01"), Decimal("0.005")
MAX_FEES = 6  # whose signs are tried
MAX_ROUNDING = Decimal("0.01")  # of the worth of the units, that digits which were not written may explain
RATE_DIGITS = 4  # at least, to which an exchange rate is written


@dataclass(frozen=True)
class RowTerms:
    """One way to read the numbers of a row.

    buys   : true for a purchase.
    units  : units, above zero.
    price  : price of a unit, above zero, or None where the row states none.
    amount : amount, of whatever sign, or None where the row states none.
    fees   : fees, what its column usually states for costs above zero.
    currency : currency of the price.
    rate   : amount's currency for one unit of the price's.
    rate_error : fraction by which the digits of the rate that are not written may change it.
    is_net : True or False where its label says that the amount has the fees in it or not; None where it is not clear.
    others : its other amounts, of which each has all of the fees in it or none.
    odd    : number of assumptions in this way to read the row, beyond what the file states.
    """

    buys: bool
    units: Decimal
    price: Decimal | None
    amount: Decimal | None
    fees: tuple[Decimal, ...]
    currency: str = ""
    rate: Decimal = ONE
    rate_error: Decimal = NO_AMOUNT
    is_net: bool | None = None
    others: tuple[Decimal, ...] = ()
    odd: int = 0

    @property
    def worth(self) -> Decimal:
        """Units times price, in the currency of the amount."""
        return self.units * (self.price or NO_AMOUNT) * self.rate

    @property
    def rounding(self) -> Decimal:
        """The part of an amount that the digits of price, units and rate that are not written may explain."""
        price, found = self.price or NO_AMOUNT, ONE_CENT * (1 + len(self.fees))
        found += self.units * half_digit(price.normalize(), 2) * self.rate
        found += self.worth * self.rate_error
        if (of_units := half_digit(self.units.normalize(), 2)) < HALF_CENT:
            found += price * of_units * self.rate
        return min(found, max(MAX_ROUNDING * self.worth, ONE_CENT))


@dataclass(frozen=True)
class RowSolution:
    """A row as it is booked.

    terms    : the way to read it.
    worth    : amount without fees, in its currency, above zero.
    fees     : what each fee costs, in the currency of the amount; a rebate is below zero.
    is_net   : true if the amount has the fees in it, None where there is no amount or no fee.
    is_exact : true if the numbers fit to the cent, or as near as the exchange rate is written.
    """

    terms: RowTerms
    worth: Decimal
    fees: tuple[Decimal, ...]
    is_net: bool | None = None
    is_exact: bool = True

    @property
    def price(self) -> Decimal:
        """The price of a unit in its own currency: as it is stated, or as the amount implies it, to all its digits."""
        terms = self.terms
        if terms.price is not None and not self.is_rounded:
            return terms.price
        return self.worth / (terms.units * terms.rate)

    @property
    def is_rounded(self) -> bool:
        """True if the amount implies more digits of the price than are written."""
        return self.terms.price is not None and not self.is_exact and self.terms.rate == ONE

    @property
    def rate(self) -> Decimal:
        """The amount's currency for one unit of the price's, as amount and price imply it."""
        return self.worth / (self.terms.units * self.price)


def solved(readings: Iterable[RowTerms]) -> RowSolution | None:
    """The way to read a row that fits best, or None where none fits, and where two fit that book other amounts.

    What fits to the cent goes before what the digits of a rate, and then those of a price, may explain; usual signs go
    before others; else the label decides.
    """
    ranked = sorted((each for terms in readings for each in _fitting(terms)), key=lambda each: each[0])
    if not ranked:
        return None
    best = ranked[0][1]
    same_rank = [each for rank, each in ranked if rank == ranked[0][0]]
    return best if len({(each.worth / each.terms.rate, sum(each.fees)) for each in same_rank}) == 1 else None


Rank = tuple[int, int, int]  # rounding, odd readings and signs, against the label


def _fitting(terms: RowTerms) -> Iterator[tuple[Rank, RowSolution]]:
    """The solutions of one way to read a row that fit, with their ranks."""
    if terms.amount is None:
        if terms.price is not None:
            yield (0, terms.odd, 0), RowSolution(terms, terms.worth, terms.fees)
        return
    amount, side = abs(terms.amount), 1 if terms.buys else -1
    for fees, changed in _signed(terms.fees):
        cost = sum(fees, NO_AMOUNT)
        for is_net in (True, False) if cost else (None,):
            worth = amount - side * cost if is_net else amount
            gap = NO_AMOUNT if terms.price is None else abs(worth - terms.worth)
            if worth <= 0 or gap > terms.rounding or not _agree(terms, worth, side * cost):
                continue
            nearness = [HALF_CENT, HALF_CENT + terms.worth * terms.rate_error]
            blur = sum(gap > limit for limit in nearness) if terms.price is not None else len(nearness)
            is_net_by = True if terms.is_net is None and not blur else terms.is_net
            against = int(None not in (is_net, is_net_by) and is_net is not is_net_by)
            is_exact = blur < len(nearness)
            stated = terms.worth if is_exact and terms.rate == ONE else worth
            yield (blur, terms.odd + changed, against), RowSolution(terms, stated, fees, is_net, is_exact)


def _agree(terms: RowTerms, worth: Decimal, cost: Decimal) -> bool:
    """True if each other amount of a row is its worth, with the cost or without it, in either currency."""
    known = [of / rate for of in (worth, worth + cost) for rate in (ONE, terms.rate)]
    return all(min(abs(abs(other) - of) for of in known) <= terms.rounding for other in terms.others)


def _signed(fees: tuple[Decimal, ...]) -> Iterator[tuple[tuple[Decimal, ...], int]]:
    """The fees with each choice of their signs, or left out as a sum of others, and how many of them are changed."""
    for factors in product((1, -1, 0), repeat=len(fees)) if len(fees) <= MAX_FEES else [(1,) * len(fees)]:
        yield tuple(by * fee for by, fee in zip(factors, fees, strict=True)), sum(by != 1 for by in factors)


def half_digit(number: Decimal, least: int = 0) -> Decimal:
    """Half of the last digit of a number as it is written, which has at least so many decimals."""
    return Decimal(5).scaleb(min(int(number.as_tuple().exponent), -least) - 1)


def rate_error(rate: Decimal) -> Decimal:
    """The fraction by which an exchange rate, as it is written, may differ from the exact one."""
    return half_digit(rate.normalize(), RATE_DIGITS) / rate
