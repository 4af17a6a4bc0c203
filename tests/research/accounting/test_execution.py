"""The way from a decision to its bookings, and money that comes and goes: bounds, limits of volume, days."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from foundation.dataclasses import replace
from foundation.errors import ConfigError, DataError
from research.accounting.execution import Execution, Flows, check_flows
from research.market import Market, instruments_table

DATES = pd.DatetimeIndex(["2022-12-27", "2022-12-28", "2022-12-29"])


@pytest.fixture
def market() -> Market:
    """Two assets at 100 and 50 on three days; the second does not trade on the last."""
    tradable, volumes = np.full((3, 2), True), np.array([[10.0, 20.0], [0.0, 40.0], [30.0, np.nan]])
    tradable[2, 1] = False
    return Market(
        DATES, ("A", "B"), np.zeros((3, 2)), tradable, np.zeros(3), instruments_table(("A", "B")),
        prices=np.tile([100.0, 50.0], (3, 1)), volumes=volumes, name="by hand",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"at": "noon"}, "at of execution is", id="no price of a session"),
        pytest.param({"sizing": "lots"}, "sizing of execution is", id="no sizing"),
        pytest.param({"days": 0}, "days of execution are", id="no day"),
        pytest.param({"days": 1_001}, "days of execution are", id="too many days"),
        pytest.param({"participation": 0.0}, "participation is", id="nothing of the volume"),
        pytest.param({"participation": 1.01}, "participation is", id="more than the volume"),
        pytest.param({"minimum_trade": -1.0}, "minimum_trade is", id="below zero"),
        pytest.param({"sizing": "units", "days": 2}, "in whole lots are filled at once", id="lots over days"),
        pytest.param({"sizing": "units", "participation": 0.5}, "in whole lots are filled at once", id="lots in parts"),
    ],
)
def test_numbers_out_of_their_bounds_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Execution(**given)
    Execution("open", 1_000, 1.0, minimum_trade=0.0)
    Execution(sizing="units")


def test_the_largest_order_is_a_part_of_the_value_of_the_day(market: Market) -> None:
    assert Execution(participation=0.1).largest(market).tolist() == [[100.0, 100.0], [0.0, 200.0], [300.0, 0.0]]
    assert Execution().largest(market).shape == (0, 2)
    unknown = replace(market, volumes=np.where(np.arange(3)[:, None] == 0, np.nan, market.volumes))
    with pytest.raises(DataError, match=r"no volume or quote, for a limit of participation, of A on 2022-12-27"):
        Execution(participation=0.1).largest(unknown)
    assert Execution(participation=0.1).largest(unknown, first=1)[1:].tolist() == [[0.0, 200.0], [300.0, 0.0]]


@pytest.mark.parametrize(
    ("amounts", "first", "on"),
    [
        pytest.param({"2022-12-28": 5.0}, 0, [0, 5, 0], id="on its day"),
        pytest.param({"2022-12-24": 5.0, "2022-12-28": -2.0}, -1, [5, -2, 0], id="on the next session"),
        pytest.param({"2022-12-27": 5.0, "2022-12-29": 1.0}, 0, [0, 0, 1], id="before the opening"),
    ],
)
def test_money_counts_at_the_session_of_its_day_or_the_next(
    market: Market, amounts: dict[str, float], first: int, on: list[int]
) -> None:
    flows = Flows({pd.Timestamp(day): amount for day, amount in amounts.items()})
    assert flows.on(market, first).tolist() == on
    assert flows.any_out == any(amount < 0 for amount in amounts.values())
    assert flows.settings == {"use": "rebalance", "amounts": amounts}


def test_money_after_the_data_of_no_amount_and_twice_is_refused(market: Market) -> None:
    with pytest.raises(ConfigError, match=r"the flow of 5\.00 on 2022-12-30 comes after the data"):
        Flows({pd.Timestamp("2022-12-30"): 5.0}).on(market, 0)
    with pytest.raises(ConfigError, match="flow of 2022-12-28 is"):
        Flows({DATES[1]: "5"})  # type: ignore[dict-item]
    with pytest.raises(ConfigError, match="flow of 2022-12-28 is given twice"):
        Flows({DATES[1]: 5.0, "2022-12-28": 1.0})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("use", "amount", "fits"),
    [("rebalance", 1.0, False), ("cash", -1.0, False), ("cash", 1.0, True), ("cash", 0.0, True)],
)
def test_whole_lots_take_money_that_waits_in_cash_alone(use: Any, amount: float, fits: bool) -> None:
    flows = Flows({DATES[0]: amount}, use)
    check_flows(Execution(), flows)
    check_flows(Execution(sizing="units"), None)
    if fits:
        check_flows(Execution(sizing="units"), flows)
    else:
        with pytest.raises(ConfigError, match="orders in whole lots are those of decisions"):
            check_flows(Execution(sizing="units"), flows)
