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


def hundredfold(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, 503), PRICES] *= 100.0
    return rows


def missing_split(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, len(SESSIONS) - 1), [*PRICES, "dividend"]] /= 4.0
    return rows


def doubled_split(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, 500), "split"] = 2.0  # the closes know nothing of it: they were adjusted already
    return rows


def missing_dividend(rows: pd.DataFrame) -> pd.DataFrame:
    paid = np.flatnonzero((rows["asset_id"] == "A3") & (rows["dividend"] > 0.0))
    rows.loc[paid[10], "dividend"] = 0.0
    return rows


def special_dividend_without_a_fall(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, 500), "dividend"] = 0.25 * rows.loc[of_a3(rows, 500, 500), "close"]
    return rows


def stuck(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, 505), PRICES] = float(rows.loc[of_a3(rows, 499, 499), "close"].iloc[0])
    return rows


def frozen_to_the_end(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 200, len(SESSIONS) - 1), PRICES] = float(rows.loc[of_a3(rows, 199, 199), "close"].iloc[0])
    rows.loc[of_a3(rows, 200, len(SESSIONS) - 1), "dividend"] = 0.0
    return rows


def gap(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~of_a3(rows, 500, 502)]


def weekend(rows: pd.DataFrame) -> pd.DataFrame:
    row = rows[of_a3(rows, 500, 500)].assign(session=pd.Timestamp("2012-01-01").as_unit("s"))
    return pd.concat([rows, row], ignore_index=True)


def doubled_row(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, rows[of_a3(rows, 500, 500)]], ignore_index=True)


def repeated_bar(rows: pd.DataFrame) -> pd.DataFrame:
    columns = [*PRICES, "volume"]
    rows.loc[of_a3(rows, 500, 500), columns] = rows.loc[of_a3(rows, 499, 499), columns].to_numpy()
    return rows


def out_of_order(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, 500), "low"] = 1.1 * rows.loc[of_a3(rows, 500, 500), "close"]
    return rows


def no_volume(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, 501), "volume"] = 0.0
    return rows


def spike(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, 500), PRICES] *= 1.25
    return rows


def tick(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, 500), PRICES] *= 1.4
    return rows


def jump(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, len(SESSIONS) - 1), [*PRICES, "dividend"]] *= 1.3
    return rows


def below_zero(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 500, 500), PRICES] = -1.0
    return rows


def early_end(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~of_a3(rows, 501, len(SESSIONS) - 1)]


def another_asset(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[of_a3(rows, 700, len(SESSIONS) - 1), [*PRICES, "dividend"]] *= 7.0
    return rows[~of_a3(rows, 501, 699)]


PLANTED: dict[Change, tuple[str, int, int]] = {
    hundredfold: ("scale", 500, 503),
    missing_split: ("split", 500, 500),
    doubled_split: ("split", 500, 500),
    special_dividend_without_a_fall: ("no_drop", 500, 500),
    stuck: ("stuck", 500, 505),
    frozen_to_the_end: ("stuck", 200, len(SESSIONS) - 1),
    gap: ("gap", 500, 502),
    doubled_row: ("duplicate", 500, 500),
    repeated_bar: ("duplicate", 500, 500),
    out_of_order: ("order", 500, 500),
    no_volume: ("volume", 500, 501),
    spike: ("spike", 500, 500),
    tick: ("tick", 500, 500),
    jump: ("move", 500, 500),
    below_zero: ("nonpositive", 500, 500),
    early_end: ("end", 500, 500),
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_defect_is_the_only_finding(plant: Change) -> None:
    kind, first, last = PLANTED[plant]
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
    (found,) = findings(missing_dividend(rows))
    assert (found.asset, found.kind) == ("A3", "no_dividend")
    assert abs(found.first - np.datetime64(CLEAN["session"][paid], "D")).astype(int) <= 10
    assert found.expected == pytest.approx(-0.005, abs=1e-4)


def test_a_bar_on_a_day_without_a_session_is_found() -> None:
    (found,) = findings(weekend(CLEAN.copy()))
    assert (found.kind, str(found.first)) == ("closed", "2012-01-01")


def test_another_price_level_after_a_long_gap_is_another_asset() -> None:
    kinds = [(each.kind, each.first) for each in findings(another_asset(CLEAN.copy())) if each.kind != "no_dividend"]
    assert kinds == [("gap", SESSIONS[501]), ("reused", SESSIONS[700])]


def test_a_split_that_its_row_states_is_no_finding() -> None:
    rows = missing_split(CLEAN.copy())
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
    rows = spike(gap(stuck(CLEAN.copy())))
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
