"""Orders of many accounts of one house: crosses between accounts, and blocks of what is left.

A cross is a trade between two accounts of a house at a stated price, without an order and a commission. US funds may
make it at the independent current market price alone, which for a listed security is that of its last sale (17 CFR
270.17a-7(b)). A block is one order for all accounts that trade an asset on one side.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import NamedTuple

from foundation.dataclasses import dataclass
from research.portfolio.holdings.blotter import NO_AMOUNT


class AccountOrder(NamedTuple):
    """An order of the own list of an account.

    order     : its id.
    quantity  : units, above zero.
    crossable : units of them that the account may trade with others of its house.
    """

    account: str
    order: str
    side: str
    asset: str
    quantity: Decimal
    crossable: Decimal


@dataclass(frozen=True)
class Cross:
    """Units that one account sells to another.

    sell_order, buy_order : ids of the orders of their own lists.
    """

    asset: str
    quantity: Decimal
    seller: str
    sell_order: str
    buyer: str
    buy_order: str


@dataclass(frozen=True)
class BlockAllocation:
    """Units of a block for an account. order : id of the order of its own list."""

    account: str
    order: str
    quantity: Decimal


@dataclass(frozen=True)
class BlockOrder:
    """One order for several accounts; its allocations add up to its quantity, units."""

    asset: str
    side: str
    quantity: Decimal
    allocations: tuple[BlockAllocation, ...]


def crosses_and_blocks(orders: Iterable[AccountOrder], lot: Decimal) -> tuple[list[Cross], list[BlockOrder]]:
    """The crosses and the blocks of the orders of one asset, sells first.

    The longer side is crossed pro rata in whole lots, the shorter one wholly but for parts of lots. Crosses and
    allocations of an account add up to its order.
    """
    orders = list(orders)
    sells, buys = ([each for each in orders if each.side == side] for side in ("sell", "buy"))
    crosses = list(_crosses(sells, buys, lot))
    left = {each.order: each.quantity for each in orders}
    for cross in crosses:
        left[cross.sell_order] -= cross.quantity
        left[cross.buy_order] -= cross.quantity
    allocations = defaultdict[str, list[BlockAllocation]](list)
    for each in orders:
        if left[each.order]:
            allocations[each.side].append(BlockAllocation(each.account, each.order, left[each.order]))
    return crosses, [
        BlockOrder(orders[0].asset, side, sum((each.quantity for each in own), NO_AMOUNT), tuple(own))
        for side in ("sell", "buy")
        if (own := allocations[side])
    ]


def _crosses(sells: Sequence[AccountOrder], buys: Sequence[AccountOrder], lot: Decimal) -> Iterator[Cross]:
    """Sellers and buyers in their order, each with as many units as it crosses."""
    whole = [[each.crossable // lot * lot for each in side] for side in (sells, buys)]
    total = min(sum(side, NO_AMOUNT) for side in whole)
    sold, bought = (pro_rata(total, side, lot) for side in whole)
    buyers = deque((buy, units) for buy, units in zip(buys, bought, strict=True) if units)
    for sell, units in zip(sells, sold, strict=True):
        while units:
            buy, wanted = buyers.popleft()
            crossed = min(units, wanted)
            yield Cross(sell.asset, crossed, sell.account, sell.order, buy.account, buy.order)
            units -= crossed
            if wanted > crossed:
                buyers.appendleft((buy, wanted - crossed))


def pro_rata(total: Decimal, wanted: Sequence[Decimal], lot: Decimal) -> list[Decimal]:
    """Parts of a total in proportion to what is wanted, in whole lots, and none above it: they add up to the total.

    Each gets the whole lots of its exact share; the lots that are left go to the largest parts of lots, the first of
    equal ones (the method of largest remainders). Parts of a lot are left only where total or wants are not in lots.

    total : units, at most the sum of what is wanted.

    >>> [int(part) for part in pro_rata(Decimal(10), [Decimal(7), Decimal(7), Decimal(1)], Decimal(1))]
    [5, 5, 0]
    """
    if not total:
        return [NO_AMOUNT for _ in wanted]
    scale = Fraction(total) / Fraction(sum(wanted, NO_AMOUNT)) / Fraction(lot)
    shares = [Fraction(each) * scale for each in wanted]
    parts = [int(share) * lot for share in shares]
    left = total - sum(parts, NO_AMOUNT)
    for i in sorted(range(len(parts)), key=lambda i: int(shares[i]) - shares[i]):
        more = min(lot, left, wanted[i] - parts[i])
        parts[i] += more
        left -= more
    return parts


def shared_amount(amount: Decimal, units: Sequence[Decimal], step: Decimal) -> list[Decimal]:
    """Parts of an amount of money in proportion to units, in whole steps: they add up to the rounded amount.

    >>> [str(part) for part in shared_amount(Decimal("0.102"), [Decimal(1)] * 3, Decimal("0.01"))]
    ['0.03', '0.04', '0.03']
    """
    total = sum(units, NO_AMOUNT)
    ends = [round(amount * reached / total / step) * step for reached in accumulate(units)]
    return [after - before for before, after in pairwise([NO_AMOUNT, *ends])]
