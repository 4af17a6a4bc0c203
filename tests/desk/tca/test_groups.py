"""Sums over orders: they add up in every grouping, and say what is not known."""

import numpy as np
import pandas as pd
import pytest

from backtests.inference.cluster_ratio import cluster_ratio
from desk.tca.groups import GROUPINGS, SHOWN_PARTS, groups, part_sums
from research.orders.shortfall import SHORTFALL_PARTS

ORDERS = 60


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Orders with parts, some of them not known, in two currencies."""
    rng = np.random.default_rng(3)
    made = pd.DataFrame({part: rng.normal(2.0, 5.0, ORDERS) for part in SHORTFALL_PARTS})
    made["total"] = made[list(SHORTFALL_PARTS)].sum(axis=1)
    made.loc[::4, ["spread", "impact"]] = np.nan
    made["unknown"] = made["total"] - made[list(SHORTFALL_PARTS)].sum(axis=1)
    made.loc[[5, 7], ["total", "unknown"]] = np.nan
    made["notional"] = rng.lognormal(10.0, 1.0, ORDERS)
    made["currency"] = np.where(np.arange(ORDERS) % 5, "USD", "EUR")
    days = [f"2022-12-{k:02d}" for k in range(1, 9)]
    names = {"asset": ["SPY", "AGG", "GLD"], "side": ["buy", "sell"], "venue": ["paper", "alpaca"],
             "hour": ["14", "15"], "size": ["below 10,000"], "day": days}  # fmt: skip
    for column, values in names.items():
        made[column] = rng.choice(values, ORDERS)
    made["fills"] = 2.0
    return made


@pytest.mark.parametrize("by", ["", *GROUPINGS])
def test_known_parts_and_the_unknown_one_of_a_group_add_up_to_its_total(table: pd.DataFrame, by: str) -> None:
    found = groups(table, by)
    for group in found:
        whole = group.parts["total"]
        assert np.nansum([group.parts[part] for part in (*SHORTFALL_PARTS, "unknown")]) == pytest.approx(
            whole, abs=1e-10
        )
        assert group.total.value == pytest.approx(1e4 * whole / group.notional)
    assert sum(group.orders for group in found) == ORDERS - 2  # of two the total is not known
    assert sum(group.fills for group in found) == 2 * (ORDERS - 2)


def test_the_interval_of_a_part_is_that_of_the_orders_of_which_it_is_known(table: pd.DataFrame) -> None:
    found = {(each.part, each.currency): each for each in part_sums(table)}
    assert set(found) == {(part, currency) for part in SHOWN_PARTS for currency in ("USD", "EUR")}
    orders = table[(table["currency"] == "USD") & table["total"].notna()]
    known = orders[orders["spread"].notna()]
    spread = found["spread", "USD"]
    peer = cluster_ratio(known["spread"], known["notional"], known["day"]).times(1e4)
    assert spread.mean == peer
    assert spread.known == pytest.approx(known["notional"].sum() / orders["notional"].sum())
    assert 0.5 < spread.known < 1.0
    assert found["total", "USD"].known == 1.0


def test_a_part_that_is_known_of_no_order_has_neither_mean_nor_sum(table: pd.DataFrame) -> None:
    without = table.assign(timing=np.nan)
    found = {each.part: each for each in part_sums(without)}
    assert (found["timing"].mean, found["timing"].known) == (None, 0.0)
    assert all(np.isnan(group.parts["timing"]) for group in groups(without, "asset"))


def test_no_measured_order_makes_no_group(table: pd.DataFrame) -> None:
    assert groups(table.assign(total=np.nan)) == []
