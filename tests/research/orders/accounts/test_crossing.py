"""Crosses and blocks of a house: nothing is lost, and no account trades more or otherwise than its own list."""

from collections import defaultdict
from decimal import Decimal
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from research.orders.accounts.crossing import AccountOrder, crosses_and_blocks, pro_rata, shared_amount

LOTS = st.sampled_from([Decimal(1), Decimal("0.001"), Decimal(100)])
UNITS = st.decimals("0.001", 5_000, places=3)


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[AccountOrder], Decimal]:
    lot = draw(LOTS)
    sides = draw(st.lists(st.tuples(st.sampled_from(("buy", "sell")), UNITS, st.booleans()), min_size=1, max_size=30))
    whole = draw(st.booleans())
    orders = [
        AccountOrder(f"A{k}", f"o{k}", side, "SPY", quantity, quantity * may_cross)
        for k, (side, units, may_cross) in enumerate(sides)
        for quantity in ((units // lot + 1) * lot if whole else units,)
    ]
    return orders, lot


@given(lists())
def test_crosses_and_allocations_of_an_account_are_its_list(drawn: tuple[list[AccountOrder], Decimal]) -> None:
    orders, lot = drawn
    crosses, blocks = crosses_and_blocks(orders, lot)
    by_id, traded = {each.order: each for each in orders}, defaultdict[str, Decimal](Decimal)
    units, cash = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for cross in crosses:
        seller, buyer = by_id[cross.sell_order], by_id[cross.buy_order]
        assert (seller.side, seller.account, buyer.side, buyer.account) == ("sell", cross.seller, "buy", cross.buyer)
        assert cross.quantity <= min(seller.crossable, buyer.crossable)
        assert cross.quantity > 0
        assert cross.quantity % lot == 0
        for each, sign in ((seller, -1), (buyer, 1)):
            traded[each.order] += cross.quantity
            units[each.account] += sign * cross.quantity
            cash[each.account] -= sign * cross.quantity * Decimal("383.4400")
    assert sum(units.values()) == sum(cash.values()) == 0
    for block in blocks:
        assert sum(each.quantity for each in block.allocations) == block.quantity
        for each in block.allocations:
            assert (by_id[each.order].side, by_id[each.order].account) == (block.side, each.account)
            assert each.quantity > 0
            traded[each.order] += each.quantity
    assert traded == {each.order: each.quantity for each in orders}
    left = {side: sum((o.crossable // lot for o in orders if o.side == side), Decimal())
            for side in ("buy", "sell")}  # fmt: skip
    assert sum(cross.quantity for cross in crosses) == min(left.values()) * lot
    assert len(crosses) < max(len(orders), 1)


@given(st.lists(UNITS, min_size=1, max_size=12), LOTS, st.data())
def test_parts_are_whole_lots_next_to_the_exact_share_and_add_up(
    wanted: list[Decimal], lot: Decimal, data: st.DataObject
) -> None:
    total = data.draw(st.decimals(0, sum(wanted), places=3))
    parts = pro_rata(total, wanted, lot)
    assert sum(parts) == total
    for part, most in zip(parts, wanted, strict=True):
        assert 0 <= part <= most
        assert abs(part - total * most / sum(wanted)) < lot
    if total % lot == 0 and not any(each % lot for each in wanted):
        assert not any(part % lot for part in parts)


def test_no_other_whole_lots_are_nearer_to_the_exact_shares() -> None:
    """Largest remainders are the least sum of squares, by trying all divisions of 7 lots over wants of 5, 4 and 2."""
    wanted = [Decimal(5), Decimal(4), Decimal(2)]
    shares = [7 * each / 11 for each in wanted]

    def away(parts: tuple[int, ...]) -> Decimal:
        return sum(((part - share) ** 2 for part, share in zip(parts, shares, strict=True)), Decimal())

    possible = [parts for parts in product(range(6), range(5), range(3)) if sum(parts) == 7]
    assert tuple(map(int, pro_rata(Decimal(7), wanted, Decimal(1)))) == min(possible, key=away)


@given(st.decimals(-100, 100, places=4), st.lists(UNITS, min_size=1, max_size=12))
def test_parts_of_a_fee_are_its_sum(fee: Decimal, units: list[Decimal]) -> None:
    parts = shared_amount(fee, units, Decimal("0.01"))
    assert sum(parts) == round(fee, 2)
    for part, own in zip(parts, units, strict=True):
        assert abs(part - fee * own / sum(units)) <= Decimal("0.0101")
