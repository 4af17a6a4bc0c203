"""The NAV since the opening trade: read from its file, refused with a gap, seen by rules as in a backtest."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from backtests.engine import backtest
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError, PolicyError
from research.accounting import Flows, View
from research.allocation import FixedWeights
from research.market.reading.tables import read_table, table_of
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.nav_history import nav_history_of
from research.rules import CPPI, DrawdownFloor, StopLoss

DAYS = ["2022-12-23", "2022-12-27", "2022-12-28"]  # sessions before the last close, 2022-12-29


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml")


def history(days: list[str], **columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.DatetimeIndex(days, name="date"))


def test_of_the_last_close_only_the_flow_is_read(portfolio: Portfolio) -> None:
    frame = history([*DAYS, "2022-12-29"], nav=[100.0, 110.0, 90.0, np.nan], flow=[np.nan, 5.0, np.nan, -7.0])
    found = nav_history_of(table_of(frame), portfolio.market)
    assert portfolio.market.dates[found.opened] == pd.Timestamp("2022-12-23")
    assert found.nav.tolist() == [100.0, 110.0, 90.0]
    assert found.flows.tolist() == [0.0, 5.0, 0.0, -7.0]
    assert nav_history_of(table_of(frame[["nav"]].iloc[:3]), portfolio.market).flows.tolist() == [0.0] * 4


@cases(
    "frame, said",
    (history(DAYS, value=[1.0] * 3), "other columns than a nav_history: found value beside the dates"),
    (history(DAYS, nav=[1.0] * 3, fees=[1.0] * 3), "other columns than a nav_history: found nav, fees"),
    (history(DAYS, nav=[1.0, 0.0, 1.0]), r"no NAV above zero for nav on 2022-12-27 \(frame, row 1\): found 0.0"),
    (history(DAYS, nav=[1.0, np.nan, 1.0]), r"no NAV above zero for nav on 2022-12-27 \(frame, row 1\): found nan"),
    (history(["2022-12-23", "2022-12-24"], nav=[1.0] * 2), "row 1: 2022-12-24 is no session of market"),
    (history(["2022-12-28", "2022-12-30"], nav=[1.0] * 2), "row 1: 2022-12-30 is no session of market"),
    (history(["2022-12-23", "2022-12-28"], nav=[1.0] * 2), "frame has no row of 2022-12-27. Give one for each"),
    (history(["2022-12-22", "2022-12-23"], nav=[1.0] * 2), "frame has no row of 2022-12-27, 2022-12-28"),
)
def test_what_is_no_history_is_refused_where_it_stands(portfolio: Portfolio, frame: pd.DataFrame, said: str) -> None:
    with pytest.raises(DataError, match=said):
        nav_history_of(table_of(frame), portfolio.market)


def test_all_mistakes_of_a_history_are_told_at_once(portfolio: Portfolio, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        nav_history_of(
            table_of(history(["2022-12-22", "2022-12-24", "2022-12-27"], nav=[0.0, 1.0, -1])), portfolio.market
        )
    assert [line.partition(":")[0] for line in str(error.value).splitlines()] == [
        "frame has 4 mistakes",
        "- frame, row 1",
        "- no NAV above zero for nav on 2022-12-22 (frame, row 0)",
        "- no NAV above zero for nav on 2022-12-27 (frame, row 2)",
        "- frame has no row of 2022-12-23, 2022-12-28. Give one for each session since the opening trade.",
    ]
    (tmp_path / "nav.csv").write_text("date,nav,flow\n2022-12-27,a,1\n2022-12-28,c,b\n")
    with pytest.raises(DataError) as error:
        read_table(tmp_path / "nav.csv")
    assert [line.partition(". ")[0] for line in str(error.value).splitlines()] == [
        "nav.csv has 2 mistakes:",
        "- nav.csv, row 2, column 'nav': not a number: found 'a'",
        "- nav.csv, row 3, column 'flow': not a number: found 'b'",
    ]


def test_a_portfolio_file_names_it(write: Any, tmp_path: Path) -> None:
    insurance = "policies:\n  insured: {rule: cppi, floor: 0.9, multiplier: 4}\n"
    loaded = load_portfolio(write("policies:\n", insurance))
    said = r"CPPI goes by the NAV since the opening trade, .*Give the portfolio's file a"
    with pytest.raises(PolicyError, match=said):
        trade_list(loaded, loaded.policies["insured"])
    path = write("policies:\n", f"nav_history: nav.csv\n{insurance}")
    with pytest.raises(ConfigError, match=r"nav_history \(.*desk.yaml, line .*\): .*nav.csv cannot be read"):
        load_portfolio(path)
    first = 1.05 * loaded.nav  # NAV is 1 / 1.05 = 95.2 % of it, and exceeds the floor of 90 % by 5.5 % of itself
    rows = "".join(f"{day},{nav}\n" for day, nav in zip(DAYS, [first, first, first], strict=True))
    (tmp_path / "nav.csv").write_text(f"date,nav\n{rows}")
    insured = load_portfolio(path)
    assert insured.settings["nav_history"] == "nav.csv"
    got = trade_list(insured, insured.policies["insured"])
    assert got.reason.startswith("NAV exceeds the floor by 5.4")  # less the interest of three days
    assert "% of NAV: the rule holds 21" in got.reason
    share = 4.0 * (1.0 - 0.9 * 1.05 * float(np.prod(1.0 + insured.market.cash[-3:])))
    spy = got.orders.set_index("asset").loc["SPY"]
    holds, to = (f"{100.0 * each:.2f} %" for each in (share, share * float(got.target[0])))
    assert spy["reason"].endswith(f"; the policy holds {holds} of the target: to {to}")
    assert f": sold to {to}, since the policy holds {holds} of the target" in "".join(got.outside)


@pytest.mark.parametrize("kind", [CPPI, DrawdownFloor, StopLoss])
def test_a_desk_sees_what_a_backtest_sees(portfolio: Portfolio, kind: type) -> None:
    @dataclass(frozen=True)
    class Watched(kind):  # type: ignore[misc, valid-type]
        seen: list[tuple[Array, float]] = field(default_factory=list, compare=False)

        def share(self, view: View) -> tuple[float, str]:
            found: tuple[float, str] = super().share(view)
            self.seen.append((view.growth_history, found[0]))
            return found

    market, rule = portfolio.market, Watched(FixedWeights((0.6, 0.4)))
    flows = Flows({market.dates[-90]: -0.2, market.dates[-1]: 0.1}, "cash")
    played = backtest(market, rule, portfolio.costs, start=market.dates[-200], flows=flows)
    frame = pd.DataFrame({"nav": played.nav, "flow": 0.0})
    frame.loc[[market.dates[-90], market.dates[-1]], "flow"] = [-0.2, 0.1]
    frame *= 1e6
    today = frame["nav"].iloc[-1]
    frame.loc[market.dates[-1], "nav"] = np.nan
    desk = replace(portfolio, holdings=np.array([0.4, 0.2]) * today, shares=np.full(2, np.nan), cash=0.4 * today,
                   last_trade=market.dates[-2], nav_history=nav_history_of(table_of(frame), market))  # fmt: skip
    growth, share = rule.seen[-1]
    trade_list(desk, rule)
    assert len(rule.seen[-1][0]) == len(growth) == 201
    assert rule.seen[-1][0] == pytest.approx(growth, abs=1e-12)
    assert rule.seen[-1][1] == pytest.approx(share, abs=1e-9)
    assert growth[-1] != pytest.approx(today / 1e6)
