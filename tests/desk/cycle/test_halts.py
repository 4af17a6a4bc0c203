"""An asset without a bar is valued at its last price and rests; the rest of the portfolio has its cycles."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from commanded import rebalance
from watched import DAYS, ON_PAPER, SETTINGS, banded, from_store, steady, with_book

from desk.commands.cycle.cycle import make_cycle
from desk.cycle.reality import PATIENT
from research.portfolio import load_portfolio
from research.portfolio.holdings.book_file import read_book

OPENED, LAST = -20, -10  # rows: the book is opened, and A has its last bar


@pytest.fixture
def desk(tmp_path: Path, home: Path) -> tuple[Path, list[str]]:
    """A desk on paper, a third each in A, B and C; B rises by a tenth after the last bar of A."""
    lines = {name: {**SETTINGS["lines"]["A"], "range": [0.0, 1.0], "target": 1 / 3, "shares": 100.0} for name in "ABC"}
    file = steady(tmp_path, {"lines": lines, "cash": 0.0, "cycle": ON_PAPER, **banded(0.02)})
    days = list(pd.read_csv(tmp_path / "prices.csv")["date"])
    rising = np.where(np.arange(DAYS) > DAYS + LAST, 110.0, 100.0)
    closes = {"A": np.full(DAYS + LAST + 1, 100.0), "B": rising, "C": np.full(DAYS, 100.0)}
    rows = [
        pd.DataFrame({"asset_id": asset, "session": days[: len(close)], "close": close})
        for asset, close in closes.items()
    ]
    return with_book(from_store(file, "halt", rows), days[OPENED]), days


def test_the_rest_trades_and_after_some_sessions_a_person_is_asked(desk: tuple[Path, list[str]]) -> None:
    """B is 3 points over its third of 310: it is sold, and C is bought; the 100 of A stay at 100."""
    file, days = desk
    held = read_book("steady").holders[0].units
    for k, row in enumerate(range(LAST, LAST + PATIENT + 1)):
        ran = make_cycle(file, days[row])
        assert ran.status == ("executed" if k == 1 else "finalised"), ran.text
        assert {each.asset for each in ran.cycle.decision.actions} == ({"B", "C"} if k == 1 else set())
        assert ran.asks is (k == PATIENT)
        assert (f"A of {days[LAST]}, {PATIENT} sessions ago. Find out" in ran.text) is ran.asks
        last = ran.cycle.portfolio
        assert last.nav == pytest.approx(last.shares @ [100.0, 110.0 if k else 100.0, 100.0] + last.cash)
    assert read_book("steady").holders[0].units["A"] == held["A"]
    assert np.abs(load_portfolio(file).weights[1] - 1 / 3) < 0.02


@pytest.mark.parametrize("held_by", ["shares", "holdings"])
def test_a_list_says_what_is_halted_and_does_not_trade_it(desk: tuple[Path, list[str]], held_by: str) -> None:
    file, days = desk
    content = yaml.safe_load(file.read_text())
    del content["positions"]
    for line in content["lines"].values():
        line.pop("shares", None)
        line[held_by] = {"shares": 100.0, "holdings": 10_000.0}[held_by]
    file.write_text(yaml.safe_dump(content | {"cash": 0.0, "last_trade": days[OPENED]}, sort_keys=False))
    listed = rebalance("trades", file, "--as-of", days[LAST + 1])
    assert listed.status == 0, listed.err
    said = " ".join(listed.out.split())
    assert f"Halted, valued at the last price and not traded: A of {days[LAST]}, 1 session ago." in said
