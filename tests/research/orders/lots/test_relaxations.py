"""Limits of single assets and the least order in a refusal: what it tells to change gives a list, and less does not."""

import re
from typing import Any

import pytest

from foundation.errors import PolicyError
from research.orders import TradeList, trade_list
from research.orders.request import Request
from research.portfolio import load_portfolio

HELD = {"lines.SPY.shares": 3_900, "lines.AGG.shares": 5_200, "orders.ranges": "bind"}
LOTS = {"lines.SPY.tax_lots": [{"date": "2015-01-02", "units": 3_900, "price": 250.0}], "tax.rate": 0.25}


def listed(side: str = "", **changes: Any) -> TradeList:
    """SPY at 73.9 % of 1.93 million may be at most 65 %, and AGG at 25.0 % has to be 35 %."""
    keys = {key.replace("__", "."): value for key, value in changes.items()}
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml", HELD | keys)
    return trade_list(portfolio, portfolio.policies["threshold"], request=Request(side=side))


def refusal(**changes: Any) -> str:
    with pytest.raises(PolicyError) as refused:
        listed(**changes)
    return str(refused.value)


@pytest.mark.parametrize("realised", [0.0, 70_000.0])
def test_the_gain_budget_is_raised_to_the_least_that_gives_a_list(realised: float) -> None:
    more = LOTS | {"tax.realised": realised}
    said = refusal(**more, tax__gain_budget=0)
    told = re.search(r"To make a list possible, raise the gain budget to ([0-9,.]+)\.$", said)
    assert told, said
    value = float(told[1].replace(",", ""))
    made = listed(**more, tax__gain_budget=value)
    assert 0.0 <= made.facts["gain_budget_left"] <= 140.0  # a unit of SPY gains 133, and half a basis point of NAV
    assert "raise the gain budget" in refusal(**more, tax__gain_budget=value - 250.0)


def test_the_minimum_trade_is_lowered_to_the_least_that_gives_a_list() -> None:
    """Both assets trade, and each is within its range: no order needs to be below what the message says."""
    said = refusal(limits__minimum_trade=900_000)
    told = re.search(r"To make a list possible, lower the minimum trade to ([0-9,.]+)\.$", said)
    assert told, said
    value = float(told[1].replace(",", ""))
    assert listed(limits__minimum_trade=value).orders["notional"].min() >= value
    assert "lower the minimum trade" in refusal(limits__minimum_trade=value + 200.0)


@pytest.mark.parametrize(("side", "option"), [("buy", "--only buys"), ("sell", "--only sells")])
def test_an_option_of_one_side_is_left_out(side: str, option: str) -> None:
    assert refusal(side=side).endswith(f" leave out {option}.")
    assert set(listed().orders["side"]) == {"buy", "sell"}


def test_the_participation_is_raised_by_the_least_factor_that_gives_a_list() -> None:
    said = refusal(orders__participation=1e-6)
    told = re.search(r"raise the participation to ([0-9,.]+) times what it is", said)
    assert told, said
    factor = float(told[1].replace(",", ""))
    assert not listed(orders__participation=factor * 1e-6).empty
    assert "raise the participation" in refusal(orders__participation=0.99 * factor * 1e-6)
