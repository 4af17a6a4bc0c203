"""Facts of assets under the look-ahead test: who reads what is known passes, who reads what is to come is caught."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from backtests.studies.audits.futures import changed_after
from backtests.studies.audits.look_ahead import look_ahead
from research.accounting import Costs
from research.market import Market, Past, instruments_table
from research.rules import Calendar

DAYS, LINES = 90, 3


@pytest.fixture(scope="module")
def market() -> Market:
    """Three assets with a number and a tag of their own on every day, and one that is empty at first."""
    rng = np.random.default_rng(3)
    names = ("A", "B", "C")
    caps = rng.uniform(1.0, 9.0, (DAYS, LINES))
    caps[:20, 2] = np.nan
    return Market(
        dates=pd.bdate_range("2018-01-02", periods=DAYS), assets=names, returns=rng.normal(0.0, 0.01, (DAYS, LINES)),
        tradable=np.ones((DAYS, LINES), dtype=bool), cash=np.zeros(DAYS), instruments=instruments_table(names),
        prices=np.full((DAYS, LINES), np.nan),
        facts={"cap": caps, "state": rng.choice(["good", "bad"], (DAYS, LINES))}, calendar="24/5",
    )  # fmt: skip


def weighted(caps: np.ndarray, states: np.ndarray) -> np.ndarray:
    size = np.nan_to_num(caps) * np.where(states == "good", 3.0, 1.0)
    return size / size.sum()


@dataclass(frozen=True)
class ByFacts:
    """Weights by what is known today."""

    schedule: ClassVar[str] = "week"
    window: ClassVar[int] = 0

    def target(self, past: Past) -> np.ndarray:
        return weighted(past.fact("cap"), past.fact("state"))


@dataclass(frozen=True)
class Behind(ByFacts):
    """Weights by tomorrow's facts, read behind its view of the past."""

    def target(self, past: Past) -> np.ndarray:
        whole, t = past._market, min(past.t + 1, DAYS - 1)
        tomorrow = whole.past(min(t, len(whole.dates) - 1))
        return weighted(tomorrow.fact("cap"), tomorrow.fact("state"))


@dataclass(frozen=True)
class UnderAView(ByFacts):
    """Weights by tomorrow's number, read from the array that a view of the past is a part of."""

    def target(self, past: Past) -> np.ndarray:
        whole = past.facts["cap"].base
        return weighted(whole[min(past.t + 1, len(whole) - 1)], past.fact("state"))


@dataclass(frozen=True, eq=False)
class Closure(ByFacts):
    """Weights by tomorrow's fact, from the market that it was made with."""

    whole: Market
    name: str

    def target(self, past: Past) -> np.ndarray:
        tomorrow = self.whole.past(min(past.t + 1, len(self.whole.dates) - 1))
        known = {"cap": past.fact("cap"), "state": past.fact("state")} | {self.name: tomorrow.fact(self.name)}
        return weighted(known["cap"], known["state"])


CHEATS: dict[str, Callable[[Market], ByFacts]] = {
    "behind": lambda market: Behind(),
    "under a view": lambda market: UnderAView(),
    "closure over numbers": lambda market: Closure(market, "cap"),
    "closure over words": lambda market: Closure(market, "state"),
}


def audited(make: Callable[[Market], ByFacts], market: Market) -> bool:
    costs = Costs.bps(LINES, commission=1)
    return look_ahead(lambda world: Calendar(make(world), "week"), market, costs, market.dates[10], days=8).found


def test_an_allocation_that_reads_what_is_known_passes(market: Market) -> None:
    assert not audited(lambda market: ByFacts(), market)


@pytest.mark.parametrize("cheat", CHEATS)
def test_an_allocation_that_reads_tomorrows_facts_is_caught(market: Market, cheat: str) -> None:
    assert audited(CHEATS[cheat], market)


def test_facts_after_the_day_are_other_ones_and_in_the_opposite_order_where_mirrored(market: Market) -> None:
    t = 40
    changed, mirrored = changed_after(market, t), changed_after(market, t, mirrored=True)
    for other in (changed, mirrored):
        assert np.array_equal(other.facts["cap"][: t + 1], market.facts["cap"][: t + 1], equal_nan=True)
        assert (other.facts["state"][: t + 1] == market.facts["state"][: t + 1]).all()
        assert not np.isclose(other.facts["cap"][t + 1], market.facts["cap"][t + 1]).any()
    order = [np.argsort(other.facts["cap"][t + 1 : t + 9], axis=1) for other in (changed, mirrored)]
    assert (order[0] == order[1][:, ::-1]).all()
    assert (changed.facts["state"][t + 1 :] != market.facts["state"][t + 1 :]).mean() > 0.4


def test_a_market_without_facts_stays_without(market: Market) -> None:
    assert changed_after(replace(market, facts=None), 40).facts is None
