"""Tables of later days in what a policy can reach: found where they are, and no policy accused of what has none."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from backtests.studies.audits.later_data import later_data
from backtests.studies.audits.look_ahead import look_ahead
from research.accounting import Costs, Hold, Policy, Trade, View, Why
from research.allocation import FixedWeights, FunctionAllocation, Signals
from research.market import Market, load_market
from research.rules import Calendar, Threshold

FIXED = FixedWeights((0.6, 0.3, 0.1))
DAYS = pd.bdate_range("2020-01-01", periods=10)
CUT = DAYS[4]
TABLE, SERIES = pd.DataFrame({"A": range(10)}, DAYS), pd.Series(range(10), DAYS)
NESTED = {"prices": [TABLE]}
MARKET = load_market("us_etf_ohlcv").select(["SPY", "AGG", "GLD"]).until("2019-12-31")
PRICES = pd.DataFrame(MARKET.prices, MARKET.dates, list(MARKET.assets))
RETURNS = pd.Series(MARKET.returns[:, 0], MARKET.dates)
market = MARKET  # of the name that a field of `Rule` has


def answer(view: View, cheats: bool) -> Hold | Trade:
    strays = abs(view.weights - view.target).max() > 0.005
    return Trade.to(view.target, Why("cheats")) if cheats and strays else Hold(Why("waits"))


@dataclass(frozen=True, eq=False)
class OffByOne:
    """Momentum of a slice that has a row too many."""

    allocation: FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        row = PRICES.index.searchsorted(view.past.date, side="right")
        return answer(view, PRICES["SPY"].iloc[row - 5 : row + 1].diff().sum() < 0.0)


@dataclass(frozen=True, eq=False)
class Tomorrow:
    """Trades before a day on which the first asset falls."""

    allocation: FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        row = min(RETURNS.index.get_loc(view.past.date) + 1, len(RETURNS) - 1)
        return answer(view, RETURNS.iloc[row] < 0.0)


@dataclass(frozen=True, eq=False)
class Rule:
    """The same of a market that it holds."""

    allocation: FixedWeights
    market: Market

    def decide(self, view: View) -> Hold | Trade:
        row = min(view.past.t + 1, len(self.market.dates) - 1)
        return answer(view, self.market.returns[row, 0] < 0.0)


FILED = """
from pathlib import Path
import pandas as pd
from research.accounting import Hold, Trade, Why

RETURNS = pd.read_csv(Path(__file__).parent / "prices.csv", index_col=0, parse_dates=True)["SPY"].pct_change()

class Filed:
    def __init__(self, allocation):
        self.allocation = allocation

    def decide(self, view):
        falls = (RETURNS.loc[view.past.date:].iloc[1:2] < 0.0).any()
        strays = abs(view.weights - view.target).max() > 0.005
        return Trade.to(view.target, Why("filed")) if falls and strays else Hold(Why("waits"))
"""


@pytest.fixture
def filed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A class whose module reads a file as it is imported."""
    PRICES.to_csv(tmp_path / "prices.csv")
    (tmp_path / "filed_rule.py").write_text(FILED)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("filed_rule").Filed
    del sys.modules["filed_rule"]


def audited(make: Callable[[Market], Policy]) -> tuple[str, str]:
    found = look_ahead(make, MARKET, Costs.bps(3, commission=1), "2018-01-02", days=3)
    return found.result, found.verdict


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda _: OffByOne(), "the global PRICES of OffByOne.decide"),
        (lambda _: Tomorrow(), "the global RETURNS of Tomorrow.decide"),
        (lambda _: Rule(FIXED, MARKET), "the field market of Rule"),
    ],
)
def test_a_policy_that_looks_up_later_days_elsewhere_is_not_judged(make: Any, place: str) -> None:
    result, said = audited(make)
    assert result == "not judged"
    assert said.startswith(f"Look-ahead test not judged: {place} holds data after 2018-")


def test_a_policy_whose_module_reads_prices_as_it_is_imported_is_not_judged(filed: Any) -> None:
    result, said = audited(lambda _: filed(FIXED))
    assert result == "not judged"
    assert "the global RETURNS of Filed.decide holds data after 2018-" in said


def test_one_that_is_made_from_the_market_given_is_judged_and_the_line_says_what_was_varied() -> None:
    assert audited(lambda given: Rule(FIXED, given))[0] == "failed"
    result, said = audited(lambda _: Threshold(FIXED, 0.02))
    assert result == "passed"
    assert "are the same, whatever the later data of the market that the policy is given (" in said


class Held:
    """A rule that reads what it is given."""

    def __init__(self, table: object) -> None:
        self.table = table

    def decide(self, view: View) -> Hold:
        return Hold()


class Kept(Held):
    """One whose class has a table."""

    tables: ClassVar = [TABLE]

    def __init__(self) -> None:
        """Hold nothing of its own."""


class Defaulted(Kept):
    tables: ClassVar = []

    def decide(self, view: View, table: pd.DataFrame = TABLE) -> Hold:
        return Hold()


class Plain(Kept):
    """One that has none."""

    tables: ClassVar = []


class Helped(Plain):
    def decide(self, view: View) -> Hold:
        return helper()


def helper() -> Any:
    return [NESTED["prices"] for _ in range(2)]


@cache
def cached() -> Any:
    return SERIES


class Cached(Plain):
    def decide(self, view: View) -> Hold:
        return cached()


def target(returns: pd.DataFrame) -> Any:
    return SERIES.loc[returns.index[-1] :]


def closed(table: pd.DataFrame) -> Policy:
    class Closed(Plain):
        def decide(self, view: View) -> Hold:
            return Hold(Why(str(table)))

    return Closed()


def nothing() -> None:
    """Make nothing."""


def given(table: object) -> Callable[[], Policy]:
    return partial(Held, table)


@pytest.mark.parametrize(
    ("policy", "make", "place"),
    [
        (Held(TABLE), nothing, "the field table of Held"),
        (Held(SERIES), nothing, "the field table of Held"),
        (Held({"a": (TABLE,)}), nothing, "the field table of Held"),
        (Held(TABLE.T), nothing, "the field table of Held"),  # days across
        (Held(TABLE.tz_localize("UTC")), nothing, "the field table of Held"),
        (Held(TABLE.to_period("D")), nothing, "the field table of Held"),
        (Held(TABLE.set_axis(DAYS.astype(str))), nothing, "the field table of Held"),
        (Held(TABLE.rename_axis("day").reset_index()), nothing, "the field table of Held"),
        (Held(TABLE.set_index("A", append=True)), nothing, "the field table of Held"),
        (Calendar(FunctionAllocation(target), "month"), nothing, "the global SERIES of target"),
        (Kept(), nothing, "Kept.tables"),
        (Defaulted(), nothing, "a default of Defaulted.decide"),
        (Helped(), nothing, "the global NESTED of helper"),
        (Cached(), nothing, "the global SERIES of cached"),
        (closed(TABLE), nothing, "the variable table of closed.Closed.decide"),
        (Threshold(FIXED, 0.02), given(TABLE), "`make`"),
        (Threshold(FIXED, 0.02), lambda _: Threshold(FIXED, len(TABLE) / 1e3), "the global TABLE of <lambda>"),
    ],
)  # fmt: skip
def test_later_days_are_found_wherever_the_policy_reaches_them(policy: object, make: Any, place: str) -> None:
    assert later_data(policy, make, CUT) == (place,)


@pytest.mark.parametrize(
    "policy",
    [
        Held(TABLE.loc[:CUT]),
        Held(pd.Series([0.6, 0.4], ["SPY", "AGG"])),
        Held(pd.DataFrame({"sector": ["bonds", "gold"]}, [1, 2])),
        Held(DAYS),  # a calendar
        Held(np.arange(10.0)),
        Rule(FIXED, MARKET.until("2019-12-30")),  # `market` is a global here too, and only a field there
        Calendar(Signals(TABLE.assign(A=1.0), max_age=9), "month"),  # which reads it up to the present day
    ],
)
def test_no_policy_is_accused_of_days_before_or_of_what_has_no_days(policy: Any) -> None:
    day = MARKET.dates[-2] if isinstance(policy, Rule) else CUT
    assert later_data(policy, nothing, day) == ()


def test_objects_that_hold_each_other_end_the_search() -> None:
    one = Held(None)
    one.table = [Held(one), TABLE]
    assert later_data(one, nothing, CUT) == ("the field table of Held",)
