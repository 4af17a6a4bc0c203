"""A market keeps its conventions, its arrays and its past; its fingerprint follows every value, date and name."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError, DataError
from research.market import Market, Note, Past, instruments_table, load_market, market_from_frame
from research.market.calendars import scheduled
from research.market.facts import FIXED
from research.market.instruments import INSTRUMENT_COLUMNS, checked_instruments

ARRAYS = ("returns", "tradable", "prices", "volumes", "dividends", "splits", "cash")
DERIVED = ("listed", "listings", "exits", "index", "price_index", "income", "open_index", "open_price_index")
BARS = ("open", "high", "low")
EXIT = ["delisted", "delisting_return"]  # columns that go together, and with the returns: see test_delisting


def changed(market: Market, name: str, row: int, line: int, value: Any) -> Market:
    """The market with one cell of one field replaced."""
    if name in BARS:
        bars = {bar: np.array(values) for bar, values in (market.bars or {}).items()}
        bars[name][row, line] = value
        return replace(market, bars=bars)
    values = np.array(getattr(market, name))
    values[(row,) if name == "cash" else (row, line)] = value
    return replace(market, **{name: values})


# -- fingerprint -----------------------------------------------------------------------------------------------------


CELLS = [(row, line) for row in range(5) for line in range(2) if (row, line) != (0, 1)]  # NEW is not listed in row 0


@given(st.sampled_from((*ARRAYS, *BARS)), st.sampled_from(CELLS))
def test_fingerprint_changes_with_the_last_bit_of_any_value(small: Market, name: str, cell: tuple[int, int]) -> None:
    row, line = cell
    values = (small.bars or {})[name] if name in BARS else getattr(small, name)
    old = values[row] if name == "cash" else values[row, line]
    new = (not old) if name == "tradable" else 0.5 if np.isnan(old) else np.nextafter(old, 1e9)
    if name == "tradable" and old:
        small = replace(small, returns=np.zeros(small.shape))
    assert changed(small, name, row, line, new).fingerprint != small.fingerprint


@pytest.mark.parametrize("column", [c for c in INSTRUMENT_COLUMNS if c not in EXIT])
@pytest.mark.parametrize("line", [0, 1])
def test_fingerprint_changes_with_every_cell_of_the_instruments(small: Market, column: str, line: int) -> None:
    new = {"lot": 7.0, "trading": "locked"}.get(column, "other words")
    cells: list[Any] = small.instruments[column].tolist()
    cells[line] = new
    table = instruments_table(
        small.assets, **{c: small.instruments[c].tolist() for c in INSTRUMENT_COLUMNS} | {column: cells}
    )
    assert replace(small, instruments=table).fingerprint != small.fingerprint


def test_fingerprint_changes_with_every_date_and_name(small: Market) -> None:
    names = ("OLD", "NOVEL")
    later = small.dates[:-1].append(pd.DatetimeIndex(["2023-01-04"]))
    others = [
        replace(small, dates=later),
        replace(small, assets=names, instruments=small.instruments.set_axis(list(names))),
        replace(small, calendar="24/7"),
        replace(small, volumes=None),
        replace(small, dividends=None),
        replace(small, splits=None),
        replace(small, bars=None),
        replace(small, bars={"open": small.prices}),
        replace(small, bars={"low": small.prices}),
        small.select(["NEW", "OLD"]),
        small.until("2022-12-30"),
    ]
    assert len({small.fingerprint, *(other.fingerprint for other in others)}) == 1 + len(others)


def test_every_field_but_the_label_the_notes_and_the_origin_is_in_the_fingerprint() -> None:  # facts: see test_facts.py
    seen = {*ARRAYS, "dates", "assets", "instruments", "bars", "facts", "calendar"}
    assert {f.name for f in fields(Market)} - seen == {"name", "notes", "origin"}


def test_fingerprint_ignores_label_notes_and_the_memory_of_the_arrays(small: Market) -> None:
    wide = np.zeros((5, 4))
    wide[:, ::2] = small.returns
    same = [
        replace(small, name="other", notes=(Note("Survivors only."),)),
        replace(small, returns=np.asfortranarray(small.returns)),
        replace(small, returns=wide[:, ::2]),
        replace(small, returns=small.returns.astype(">f8")),
        replace(small, returns=np.where(small.returns == 0.0, -0.0, small.returns)),
        replace(small, prices=np.where(np.isnan(small.prices), -np.nan, small.prices)),
        replace(small, dates=small.dates.as_unit("ns").rename("other")),
        replace(small, instruments=small.instruments[list(INSTRUMENT_COLUMNS[::-1])].astype({"lot": int})),
    ]
    assert {market.fingerprint for market in same} == {small.fingerprint}


def test_text_number_and_nothing_of_the_same_look_are_told_apart(small: Market) -> None:
    ratings: list[Any] = ["1.0", 1.0, "none", None, "number 0x1.0000000000000p+0", "text 1.0"]
    others = [replace(small, instruments=small.instruments.assign(rating=rating)) for rating in ratings]
    assert len({market.fingerprint for market in (small, *others)}) == 1 + len(ratings)


def test_fingerprint_and_imports_are_the_same_in_another_process(stocks: Market) -> None:
    code = (
        "import sys; from research.market import load_market; print(load_market('sp500_20').fingerprint); "
        "print([m for m in ('skfolio', 'sklearn', 'scipy', 'numba', 'torch') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[:2] == [stocks.fingerprint, "[]"]


# -- arrays ----------------------------------------------------------------------------------------------------------


def test_arrays_are_read_only_also_through_the_past_and_after_pickling(small: Market) -> None:
    for market in (small, pickle.loads(pickle.dumps(small)), small.until("2022-12-30"), small.select(["NEW"])):
        past = market.past(2)
        arrays = [getattr(market, name) for name in (*ARRAYS, *DERIVED, "cash_index", "days")]
        arrays += [getattr(past, n) for n in ("returns", "cash", "tradable", "listed", "prices", "volumes", "days")]
        arrays += [*(market.bars or {}).values(), past.complete(1)]
        for array in arrays:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
        with pytest.raises(TypeError):
            market.bars["open"] = market.prices  # type: ignore[index]


def test_market_keeps_its_values_when_the_sources_arrays_change(small: Market) -> None:
    values, table = np.array(small.returns), small.instruments.copy()
    memory = np.array(small.prices)
    locked = memory[:]
    locked.flags.writeable = False  # as pandas hands out its own
    market = replace(small, returns=values, prices=locked, instruments=table)
    values[1, 0] = 0.5
    memory[0, 0] = 1.0
    table.loc["OLD", "asset_class"] = "gold"
    assert market.returns[1, 0] == 0.01
    assert market.prices[0, 0] == 100.0
    assert market.instruments.loc["OLD", "asset_class"] == "equity"


def test_market_leaves_its_sources_arrays_writeable(small: Market) -> None:
    values = np.array(small.returns)
    replace(small, returns=values)
    values[0, 0] = 1.0


def test_pickled_market_is_the_same_market(small: Market) -> None:
    market = replace(small, notes=(Note("Idle.", ["NEW"], warning=True),))
    again = pickle.loads(pickle.dumps(market))
    assert again.fingerprint == market.fingerprint
    assert (again.name, [vars(n) for n in again.notes]) == (market.name, [vars(n) for n in market.notes])


def test_index_compounds_the_returns_by_hand(small: Market) -> None:
    assert small.index[:, 0].tolist() == pytest.approx([1.0, 1.01, 0.9898, 1.019494, 1.019494])
    assert small.index[:, 1].tolist() == pytest.approx([1.0, 1.0, 1.05, 1.05, 0.945])
    assert small.cash_index[-1] == pytest.approx(1.0001**3 * 1.0004)


def test_listings_are_the_rows_on_which_a_line_appears(small: Market, multi: Market) -> None:
    assert small.listings.tolist() == [0, 1]
    assert small.exits.tolist() == [5, 5]  # none in the data
    assert multi.listings.tolist() == np.unique(multi.listed.argmax(axis=0)).tolist()


def test_line_that_never_trades_has_no_listing(small: Market) -> None:
    halted = replace(small, returns=small.returns * [1, 0], tradable=small.tradable & [True, False])
    assert halted.listings.tolist() == [0]


def test_halted_asset_stays_listed(small: Market) -> None:
    assert small.tradable[:, 1].tolist() == [False, True, True, False, True]
    assert small.listed[:, 1].tolist() == [False, True, True, True, True]


# -- parts -----------------------------------------------------------------------------------------------------------


@cases("date, row", ("2022-12-27", 0), ("2022-12-30", 3), ("2023-01-01", 3), ("2023-01-03", 4), ("2030-01-01", 4))
def test_row_is_that_of_the_last_session_on_or_before_a_date(small: Market, date: str, row: int) -> None:
    assert small.row(date) == row == small.row(pd.Timestamp(date))


def test_row_before_the_market_begins_is_refused(small: Market) -> None:
    with pytest.raises(DataError, match=r"2022-12-26 in market 'small': it begins on 2022-12-27"):
        small.row("2022-12-26")


@pytest.mark.parametrize("date", ["2022-13-01", "soon", pd.NaT, pd.Timestamp("2022-12-30", tz="UTC")])
def test_row_of_what_is_no_plain_date_is_refused(small: Market, date: Any) -> None:
    with pytest.raises(ConfigError, match="date: found"):
        small.row(date)


def test_selection_takes_every_field_in_the_order_asked(small: Market) -> None:
    swapped = small.select(["NEW", "OLD"])
    assert swapped.assets == ("NEW", "OLD")
    for name in ("returns", "tradable", "prices", "volumes", "dividends", "splits"):
        assert np.array_equal(getattr(swapped, name), getattr(small, name)[:, ::-1], equal_nan=True), name
    assert np.array_equal((swapped.bars or {})["high"], (small.bars or {})["high"][:, ::-1], equal_nan=True)
    assert swapped.instruments["lot"].tolist() == [10.0, 1.0]
    assert np.array_equal(swapped.cash, small.cash)
    assert swapped.select(small.assets).fingerprint == small.fingerprint


def test_selection_of_all_is_the_market_itself(small: Market) -> None:
    assert small.select(["OLD", "NEW"]) is small


@cases("assets, words", (["OLD", "XXX"], "unknown asset 'XXX'"), (["OLD", "OLD"], "appears twice"), ([], "0 assets"))
def test_selection_of_unknown_repeated_or_no_names_is_refused(small: Market, assets: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        small.select(assets)


def test_market_until_a_date_ends_there_and_is_otherwise_the_same(small: Market) -> None:
    cut = small.until("2023-01-01")
    assert cut.shape == (4, 2)
    for name in (*ARRAYS, "index", "listed"):
        assert np.array_equal(getattr(cut, name), getattr(small, name)[:4], equal_nan=True), name
    assert np.array_equal((cut.bars or {})["low"], (small.bars or {})["low"][:4], equal_nan=True)
    assert cut.instruments.equals(small.instruments)


def test_market_may_end_before_an_asset_is_listed(multi: Market) -> None:
    cut = multi.until("2012-12-31")
    assert not cut.tradable[:, cut.assets.index("BTC")].any()
    assert cut.dates[-1] == pd.Timestamp("2012-12-31")


def test_notes_follow_the_lines_and_days_that_are_kept(small: Market) -> None:
    notes = (Note("All."), Note("New.", ["NEW"]), Note("Late.", first="2023-01-03", warning=True))
    market = replace(small, notes=notes)
    assert market.select(["OLD"]).notes == ("All.", "Late.")
    assert market.until("2022-12-30").notes == ("All.", "New.")
    assert market.notes_in("2022-12-27", "2022-12-30") == ("All.", "New.")
    assert [note for note in market.notes_in("2022-12-30") if note.warning] == ["Late."]


def test_repr_says_what_the_market_is(small: Market) -> None:
    assert repr(small) == (
        "Market 'small': 2 assets x 5 sessions, 2022-12-27 to 2023-01-03, calendar XNYS, fingerprint "
        f"{small.fingerprint[:8]}, 0 notes"
    )


# -- the past --------------------------------------------------------------------------------------------------------


def public(past: Past) -> dict[str, Any]:
    """All that a policy can reach by a public name."""
    asked = ("complete", "earlier", "fact", "scheduled")
    names = [name for name in dir(past) if not name.startswith("_") and name not in asked]
    shown = {name: getattr(past, name) for name in names} | {f"complete {w}": past.complete(w) for w in range(4)}
    shown |= {f"scheduled {every}": past.scheduled(every) for every in ("day", "week", "month", "year", 3)}
    return shown | {f"fact {name}": past.fact(name) for name in (*FIXED, *past.facts)}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return one.equals(other) if isinstance(one, pd.Index) else one == other


@given(st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_past_knows_nothing_of_what_follows(small: Market, row: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    after = slice(row + 1, None)
    words = np.array([["a", "b"], ["", "b"], ["b", "a"], ["a", ""], ["a", "a"]])
    small = replace(small, facts={"size": np.arange(10.0).reshape(5, 2), "tag": words})
    shape = small.returns[after].shape
    fields_after = {
        "returns": rng.normal(0.0, 0.01, shape),
        "tradable": np.ones(shape, dtype=bool),
        "prices": rng.uniform(1.0, 2.0, shape),
        "volumes": rng.uniform(1.0, 2.0, shape),
        "dividends": np.zeros(shape),
        "splits": np.full(shape, 2.0),
        "cash": rng.normal(0.0, 1e-4, shape[0]),
    }
    tables = {
        "bars": {name: np.concatenate([bar[: row + 1], np.ones(shape)]) for name, bar in small.bars.items()},
        "facts": {name: np.concatenate([fact[: row + 1], fact[after][::-1]]) for name, fact in small.facts.items()},
    }
    spoilt = {name: np.concatenate([getattr(small, name)[: row + 1], new]) for name, new in fields_after.items()}
    dates = small.dates[: row + 1].append(small.dates[after] + pd.Timedelta(days=365))
    other = replace(small, dates=dates, instruments=small.instruments.assign(adjustment="other"), **spoilt, **tables)
    mine, theirs = public(small.past(row)), public(other.past(row))
    assert [name for name in mine if not same(mine[name], theirs[name])] == []


def test_past_has_one_row_for_each_session_so_far(small: Market) -> None:
    past = small.past(2)
    assert past.date == pd.Timestamp("2022-12-29") == past.dates[-1]
    for name in ("returns", "cash", "tradable", "listed", "prices", "volumes", "dates", "days"):
        assert len(getattr(past, name)) == 3, name


def test_past_does_not_show_the_instruments_because_a_delisting_lies_ahead(small: Market) -> None:
    shown = {name for name in dir(Past) if not name.startswith("_")} | {"t"}
    assert shown == {
        *("assets", "asset_class", "bars", "calendar", "cash", "complete", "currency", "date", "dates", "days"),
        *("dividends", "earlier", "fact", "fact_names", "facts", "listed", "prices", "returns", "scheduled", "sector"),
        *("splits", "t", "tradable", "trading", "volumes"),
    }


def test_a_past_goes_back_and_never_forward(small: Market) -> None:
    mine, theirs = public(small.past(2)), public(small.past(3).earlier(2))
    assert [name for name in mine if not same(mine[name], theirs[name])] == []
    with pytest.raises(ConfigError, match="row 4 is after row 3, the last that is seen"):
        small.past(3).earlier(4)


def test_window_is_complete_when_the_asset_was_listed_at_the_close_before_it(small: Market) -> None:
    past = small.past(3)
    assert past.complete(2).tolist() == [True, True]  # returns of rows 2 and 3; NEW is listed on row 1
    assert past.complete(3).tolist() == [True, False]
    assert past.complete(4).tolist() == [False, False]  # row 0 has no return


@pytest.mark.parametrize("row", [-1, 5])
def test_past_outside_the_market_is_refused(small: Market, row: int) -> None:
    with pytest.raises(ConfigError, match=f"row {row} is not in market 'small': it has rows 0 to 4"):
        small.past(row)


# -- conventions -----------------------------------------------------------------------------------------------------


@cases(
    "name, value, words",
    ("returns", np.nan, "return missing for OLD on 2022-12-29 in market 'small': found nan"),
    ("returns", np.inf, "return missing"),
    ("returns", -1.0, "impossible return for OLD on 2022-12-29 in market 'small': found -1.0"),
    ("prices", 0.0, "impossible price for OLD on 2022-12-29 in market 'small': found 0.0"),
    ("prices", np.inf, "impossible price"),
    ("volumes", -1.0, "impossible volume for OLD on 2022-12-29"),
    ("dividends", -0.1, "impossible dividend"),
    ("dividends", np.nan, "impossible dividend for OLD on 2022-12-29 in market 'small': found nan"),
    ("splits", 0.0, "impossible split factor for OLD on 2022-12-29 in market 'small': found 0.0"),
    ("splits", -2.0, "impossible split factor"),
    ("splits", np.nan, "impossible split factor"),
    ("splits", np.inf, "impossible split factor"),
    ("open", -2.0, "impossible open"),
    ("high", 1.0, "high below low for OLD on 2022-12-29 in market 'small': found 1.0"),
    ("cash", np.nan, "impossible cash return on 2022-12-29 in market 'small': found nan"),
    ("cash", -1.0, "impossible cash return"),
)
def test_value_that_breaks_a_convention_is_named(small: Market, name: str, value: float, words: str) -> None:
    with pytest.raises(DataError, match=words):
        changed(small, name, 2, 0, value)


def test_return_or_dividend_before_listing_is_refused(small: Market) -> None:
    with pytest.raises(DataError, match="return before listing for NEW on 2022-12-27"):
        changed(small, "returns", 0, 1, 0.01)
    with pytest.raises(DataError, match=r"dividend of an asset that is not listed for NEW on 2022-12-27 .* found 0.2"):
        changed(small, "dividends", 0, 1, 0.2)


@cases(
    "column, value, words",
    ("lot", 0.0, "lot of NEW in the instruments: found 0.0"),
    ("lot", "many", "lot of NEW in the instruments: found 'many'"),
    ("asset_class", None, "asset_class of NEW"),
    ("delisted", "soon", "delisted of NEW in the instruments: found 'soon'"),
)
def test_instrument_of_the_wrong_kind_is_named(column: str, value: Any, words: str) -> None:
    good = instruments_table(["OLD"])[column].iloc[0]
    with pytest.raises(DataError, match=words):
        instruments_table(["OLD", "NEW"], **{column: [good, value]})


def test_empty_delistings_are_kept_as_columns() -> None:
    table = instruments_table(["OLD", "NEW"], delisted=[None, pd.NaT], delisting_return=None)
    assert [str(table[column].dtype) for column in EXIT] == ["datetime64[us]", "float64"]
    assert table[EXIT].isna().all(axis=None)


@pytest.mark.parametrize("by", ["loc", "array"])
def test_instruments_that_were_changed_after_they_were_checked_are_checked_anew(by: str) -> None:
    """A table that is the last one is not checked again."""
    table = instruments_table(["OLD", "NEW"], lot=[1.0, 2.0])
    pd.testing.assert_frame_equal(checked_instruments(table, "a table"), table)
    if by == "loc":
        table.loc["OLD", "lot"] = -1.0
    else:
        table["lot"].array[0] = -1.0
    for _ in range(2):
        with pytest.raises(DataError, match=r"lot of OLD in a table: found -1\.0"):
            checked_instruments(table, "a table")


def test_unknown_column_of_the_instruments_is_refused() -> None:
    with pytest.raises(DataError, match="unknown column of instruments: found 'class'"):
        instruments_table(["OLD"], **{"class": "equity"})


@cases(
    "change, words",
    ({"dates": pd.RangeIndex(5)}, "are a RangeIndex"),
    ({"dates": pd.date_range("2022-12-27", periods=5, tz="UTC")}, "carry a time or a zone"),
    ({"dates": pd.date_range("2022-12-27 16:00", periods=5)}, "carry a time or a zone"),
    ({"dates": pd.DatetimeIndex(["2022-12-27", "2022-12-27", "2022-12-28", "2022-12-29", "2022-12-30"])}, "twice"),
    ({"dates": pd.date_range("2022-12-27", periods=5)[::-1]}, "stands after a later date"),
    ({"assets": ("OLD", " ")}, "column 1 of market 'small' has no name"),
    ({"assets": ("NEW", "OLD")}, "instruments of market 'small' must have a row for each of NEW, OLD"),
    ({"returns": np.zeros((5, 3))}, r"returns of market 'small' have shape \(5, 3\)"),
    ({"cash": np.zeros(4)}, r"cash of market 'small' has shape \(4,\)"),
    ({"bars": {"close": np.ones((5, 2))}}, "bars of market 'small' are called close"),
)
def test_labels_and_shapes_that_do_not_fit_are_refused(small: Market, change: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        replace(small, **change)


def test_rows_of_two_frequencies_are_refused_and_a_hole_is_not() -> None:
    days = pd.bdate_range("2010-01-04", "2015-12-31")
    parts = {"day": days, "week": days[days.weekday == 4], "month": days[days.month != np.roll(days.month, -1)]}
    prices = pd.DataFrame({"A": 1.0 + 0.001 * np.arange(len(days))}, index=days)
    for first, then, one, other in (
        ("month", "day", "3.", "1\\.[2-6]"),
        ("day", "week", "1\\.[2-6]", "7"),
        ("week", "month", "7", "3."),
    ):
        both = parts[first][parts[first] < "2014"].append(parts[then][parts[then] >= "2014"])
        with pytest.raises(DataError, match=f"from 2010.* one every {one} days, round 201[45].* one every {other}"):
            market_from_frame(prices.loc[both], calendar="24/5")
    parts |= {"two a week": days[days.weekday >= 3], "two a month": days[(days.day < 4) | (days.day > 28)]}
    for kind, rows in parts.items():
        assert len(market_from_frame(prices.loc[rows], calendar="24/5").dates) == len(rows), kind
        hole = rows[(rows < "2012-02") | (rows > "2012-11")]
        assert len(market_from_frame(prices.loc[hole], calendar="24/5").dates) == len(hole), kind


def test_import_of_the_room_is_light() -> None:
    code = (
        "import sys, research.market; print([m for m in ('numba', 'scipy', 'exchange_calendars') if m in sys.modules])"
    )
    root = Path(__file__).parents[3]
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert found.stdout.strip() == "[]"


# -- names and numbers without sense ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", "a\\b", ".x", " OLD", "a\nb", "\x1b[31m", "x" * 81])
def test_an_asset_whose_name_is_none_is_refused(small: Market, name: str) -> None:
    table = small.instruments.set_axis(pd.Index([name, "NEW"], name="asset"))
    said = r"the name of column 0 of market .*: found .*Give a name of at most 80"
    with pytest.raises(DataError, match=said) as error:
        replace(small, assets=(name, "NEW"), instruments=table)
    assert str(error.value).isprintable()


def test_a_market_and_classes_with_control_characters_are_refused(small: Market) -> None:
    with pytest.raises(DataError, match=r"name of market 'a\\x1b\[31m' is no plain text"):
        replace(small, name="a\x1b[31m")
    with pytest.raises(DataError, match=r"asset_class of OLD .*as text on one line"):
        replace(small, instruments=small.instruments.assign(asset_class="a\nb"))


def test_returns_whose_product_is_no_number_are_refused(small: Market) -> None:
    wild = np.full(small.shape, 1e14)
    wild[:, 1] = 0.0
    assert np.isfinite(replace(small, returns=wild * [1.0, 0.0]).index).all()
    days = pd.bdate_range("2000-01-03", periods=40)
    ones = np.ones((40, 1))
    kept = {"dates": days, "assets": ("A",), "tradable": ones > 0, "cash": np.zeros(40), "prices": ones}
    with pytest.raises(DataError, match="returns of A in market '' multiply to inf from 2000-01-03"):
        Market(**kept, returns=1e14 * ones, instruments=instruments_table(["A"]), calendar="24/5")
    with pytest.raises(DataError, match="returns of cash in market '' multiply to inf"):
        Market(**kept | {"cash": np.full(40, 1e14)}, returns=0.0 * ones, instruments=instruments_table(["A"]))


@pytest.mark.parametrize("lot", [0.0, 1e-320, 1e-10, 1e16, np.inf, np.nan])
def test_a_lot_that_divides_to_no_number_is_refused(small: Market, lot: float) -> None:
    with pytest.raises(DataError, match=r"lot of OLD .*A lot is a number of units above zero, 1e-09 to"):
        replace(small, instruments=small.instruments.assign(lot=[lot, 1.0]))


@pytest.mark.parametrize(("every", "offset"), [("day", 0), ("week", 0), ("friday", -1), ("month", 1), (7, 2)])
def test_a_schedule_so_far_is_that_of_the_days_so_far(every: str | int, offset: int) -> None:
    market = load_market("us_etf_ohlcv").select(["SPY", "AGG"])
    for t in (0, 1, 17, 42, 59, 300):
        past = market.past(t)
        np.testing.assert_array_equal(past.scheduled(every, offset), scheduled(past.days, every, "XNYS", offset))
        assert past.scheduled(every, offset)[-1] == scheduled(past.days[-2:], every, "XNYS", offset)[-1]


def test_threads_that_check_instruments_at_once_do_not_disturb_each_other() -> None:
    switched_every = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            tables = list(threads.map(lambda k: instruments_table([f"A{k % 7}", "B"]), range(200)))
    finally:
        sys.setswitchinterval(switched_every)
    assert [table.index[0] for table in tables] == [f"A{k % 7}" for k in range(200)]
