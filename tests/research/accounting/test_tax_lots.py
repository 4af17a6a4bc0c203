"""Lots against a list of purchases that anyone can check by eye."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.accounting import Costs, Tax
from research.accounting.cost_parameters import FIRST_IN, HIGHEST, LOT_METHODS, Lots
from research.accounting.tax_lots import buy_lot, cheapest_lot, gain, sell_lots

ORDERS = st.lists(st.tuples(st.booleans(), st.integers(1, 6), st.integers(1, 6)), max_size=40)


def sale(bought, method, units, price):
    """(gain, last unit's gain a price, lots left) of a sale out of the (units, price) in the order of purchase."""
    left, total, last = list(bought), 0.0, 0.0
    for lot in sorted(bought, key=lambda lot: -lot[1]) if method == HIGHEST else bought:
        sold = min(units, lot[0])
        place = left.index(lot)  # equal prices: first in
        left[place : place + 1] = [(lot[0] - sold, lot[1])] if sold < lot[0] else []
        total, last, units = total + sold * (price - lot[1]), (price - lot[1]) / price, units - sold
        if units <= 0.0:
            break
    return total, last, left


@pytest.mark.parametrize("method", [FIRST_IN, HIGHEST])
@given(orders=ORDERS)
def test_lots_are_sold_as_from_a_list_of_purchases(method, orders):
    lots, bought = Lots.empty(2, len(orders)), []
    word = next(name for name, number in LOT_METHODS.items() if number == method)
    charged = replace(Costs.bps(2), tax=Tax(0.25, word)).cost_parameters()
    for buys, units, price in orders:
        if buys:
            buy_lot(lots, charged, 1, float(price), float(units), 0)
            bought.append((float(units), float(price)))
        else:
            total, last, bought_left = sale(bought, method, float(units), float(price))
            assert gain(lots, method, 1, float(price), float(units), 0) == (total, 0.0, last, False)
            sell_lots(lots, method, 1, float(units))
            bought = bought_left
        held = lots.held[1]
        kept = list(zip(lots.units[1, :held].tolist(), lots.price[1, :held].tolist(), strict=True))
        assert kept == (sorted(bought[::-1], key=lambda lot: lot[1]) if method == HIGHEST else bought)
        assert cheapest_lot(lots, method, 1, 4.0) == min([4.0, *(price for _, price in bought)])
    assert lots.held[0] == 0
    assert not np.any(lots.units[0])
