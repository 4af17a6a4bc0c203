"""A defect that is planted into clean rows is found, on its days, and nothing else is; clean rows have none."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from clean_rows import clean_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from research.market.quality import Finding, check
from research.market.store import known_of_rows

CLEAN = clean_rows()
SESSIONS = CLEAN.loc[CLEAN["asset_id"] == "A0", "session"].to_numpy().astype("datetime64[D]")
LAST = len(SESSIONS) - 1
PRICES = ["open", "high", "low", "close"]
Change = Callable[[pd.DataFrame], pd.DataFrame]


def findings(rows: pd.DataFrame) -> list[Finding]:
    """Findings about assets; the simulated set has survivors only."""
    return [each for each in check(known_of_rows(rows)).findings if each.asset]


def of_a3(rows: pd.DataFrame, first: int, last: int) -> pd.Series:
    """True for the rows of A3 from one number of a session to another, both included."""
    return (rows["asset_id"] == "A3") & rows["session"].between(
        pd.Timestamp(SESSIONS[first]), pd.Timestamp(SESSIONS[last])
    )


def changed(first: int, last: int, columns: str | list[str], change: Callable[[pd.DataFrame], object]) -> Change:
    """Plants what a function makes of columns of A3 from one number of a session to another."""

    def plant(rows: pd.DataFrame) -> pd.DataFrame:
        at = of_a3(rows, first, last)
        rows.loc[at, columns] = change(rows.loc[at, columns])
        return rows

    return plant


def close(number: int) -> float:
    return float(CLEAN.loc[of_a3(CLEAN, number, number), "close"].iloc[0])


def frozen_to_the_end(rows: pd.DataFrame) -> pd.DataFrame:
    return changed(200, LAST, "dividend", lambda _: 0.0)(changed(200, LAST, PRICES, lambda _: close(199))(rows))


def bar_before(_: object) -> object:
    return CLEAN.loc[of_a3(CLEAN, 499, 499), [*PRICES, "volume"]].to_numpy()


PLANTED: dict[str, tuple[Change, str, int, int]] = {
    "hundredfold": (changed(500, 503, PRICES, lambda old: old * 100.0), "scale", 500, 503),
    "missing_split": (changed(500, LAST, [*PRICES, "dividend"], lambda old: old / 4.0), "split", 500, 500),
    # the closes know nothing of it: they were adjusted already
    "doubled_split": (changed(500, 500, "split", lambda _: 2.0), "split", 500, 500),
    "special_dividend_without_a_fall": (
        changed(500, 500, "dividend", lambda _: 0.25 * close(500)),
        "no_drop",
        500,
        500,
    ),
    "stuck": (changed(500, 505, PRICES, lambda _: close(499)), "stuck", 500, 505),
    "frozen_to_the_end": (frozen_to_the_end, "stuck", 200, LAST),
    "gap": (lambda rows: rows[~of_a3(rows, 500, 502)], "gap", 500, 502),
    "doubled_row": (lambda rows: pd.concat([rows, rows[of_a3(rows, 500, 500)]]), "duplicate", 500, 500),
    "repeated_bar": (changed(500, 500, [*PRICES, "volume"], bar_before), "duplicate", 500, 500),
    "out_of_order": (changed(500, 500, "low", lambda _: 1.1 * close(500)), "order", 500, 500),
    "no_volume": (changed(500, 501, "volume", lambda _: 0.0), "volume", 500, 501),
    "spike": (changed(500, 500, PRICES, lambda old: old * 1.25), "spike", 500, 500),
    "tick": (changed(500, 500, PRICES, lambda old: old * 1.4), "tick", 500, 500),
    "jump": (changed(500, LAST, [*PRICES, "dividend"], lambda old: old * 1.3), "move", 500, 500),
    "below_zero": (changed(500, 500, PRICES, lambda _: -1.0), "nonpositive", 500, 500),
    "early_end": (lambda rows: rows[~of_a3(rows, 501, LAST)], "end", 500, 500),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_defect_is_the_only_finding(name: str) -> None:
    plant, kind, first, last = PLANTED[name]
    found = findings(plant(CLEAN.copy()))
    assert [(each.asset, each.kind) for each in found] == [("A3", kind)]
    assert (found[0].first, found[0].last) == (SESSIONS[first], SESSIONS[last])


@pytest.mark.parametrize("split", [1.5, 2.0, 6.0, 7.0, 8.0, 15.0, 25.0, 30.0, 1.0 / 7.0])
@pytest.mark.parametrize("bars", [50, 600])
def test_a_missing_split_must_be_looked_at_in_an_asset_alone_too(split: float, bars: int) -> None:
    rows = CLEAN[CLEAN["asset_id"] == "A3"].iloc[:bars].copy()
    rows.loc[rows.index[bars // 2 :], [*PRICES, "dividend"]] /= split
    quality = check(known_of_rows(rows))
    assert [each.first for each in quality.findings] == [SESSIONS[bars // 2]]
    assert quality.must_be_looked_at


def test_a_missing_dividend_is_the_only_finding_and_near_its_day() -> None:
    rows = CLEAN.copy()
    paid = rows.index[(rows["asset_id"] == "A3") & (rows["dividend"] > 0.0)][10]
    rows.loc[paid, "dividend"] = 0.0
    (found,) = findings(rows)
    assert (found.asset, found.kind) == ("A3", "no_dividend")
    assert abs(found.first - np.datetime64(CLEAN["session"][paid], "D")).astype(int) <= 10
    assert found.expected == pytest.approx(-0.005, abs=1e-4)


def test_a_bar_on_a_day_without_a_session_is_found() -> None:
    bar = CLEAN[of_a3(CLEAN, 500, 500)].assign(session=pd.Timestamp("2012-01-01").as_unit("s"))
    (found,) = findings(pd.concat([CLEAN, bar], ignore_index=True))
    assert (found.kind, str(found.first)) == ("closed", "2012-01-01")


def test_another_price_level_after_a_long_gap_is_another_asset() -> None:
    rows = changed(700, LAST, [*PRICES, "dividend"], lambda old: old * 7.0)(CLEAN.copy())
    found = findings(rows[~of_a3(rows, 501, 699)])
    kinds = [(each.kind, each.first) for each in found if each.kind != "no_dividend"]
    assert kinds == [("gap", SESSIONS[501]), ("reused", SESSIONS[700])]


def test_a_split_that_its_row_states_is_no_finding() -> None:
    rows = PLANTED["missing_split"][0](CLEAN.copy())
    rows.loc[of_a3(rows, 500, 500), "split"] = 4.0
    assert findings(rows) == []


def test_a_move_that_all_make_is_no_finding() -> None:
    rows = CLEAN.copy()
    rows.loc[rows["session"] >= pd.Timestamp(SESSIONS[500]), [*PRICES, "dividend"]] *= 0.7
    assert findings(rows) == []


@given(st.integers(0, 10_000))
@settings(max_examples=5)
def test_clean_rows_score_100(seed: int) -> None:
    quality = check(known_of_rows(clean_rows(4, "2011-12-30", seed)))
    assert set(quality.scores.values()) == {100.0}
    assert not quality.must_be_looked_at


def test_false_alarms_on_fat_tails_are_fewer_than_one_in_ten_thousand_bars() -> None:
    rows = clean_rows(20, seed=1, fat=True)
    found = findings(rows)
    assert {each.kind for each in found} <= {"move", "spike"}
    assert sum(each.events for each in found) <= len(rows) / 10_000


@given(st.permutations([f"A{i}" for i in range(8)]))
@settings(max_examples=3)
def test_the_order_of_assets_changes_nothing(order: list[str]) -> None:
    rows = CLEAN.copy()
    for name in ("stuck", "gap", "spike"):
        rows = PLANTED[name][0](rows)
    known, before = known_of_rows(rows), findings(rows)
    renamed = dict(zip(known.assets, order, strict=True))
    after = check(known_of_rows(rows.assign(asset_id=rows["asset_id"].map(renamed))))
    name = renamed["A3"]
    shown = [(f.kind, f.first, f.last, f.value, f.sentence) for f in after.findings if f.asset == name]
    assert shown == [(f.kind, f.first, f.last, f.value, f.sentence.replace("A3", name)) for f in before]
    assert {asset: s for asset, s in after.scores.items() if s < 100.0} == {name: check(known).scores["A3"]}


@given(st.sets(st.integers(1, len(SESSIONS) - 2), min_size=1, max_size=4))
@settings(max_examples=6)
def test_each_missing_session_is_counted(numbers: set[int]) -> None:
    out = CLEAN["session"].isin(pd.DatetimeIndex(SESSIONS[sorted(numbers)])) & (CLEAN["asset_id"] == "A3")
    (found,) = (each for each in findings(CLEAN[~out]) if each.kind == "gap")
    assert found.days.tolist() == SESSIONS[sorted(numbers)].tolist()
