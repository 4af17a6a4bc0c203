"""An asset that leaves: halted at its last price until a date and a return are stated, and known to nobody before."""

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import DataError
from research.market import SHUMWAY, Market, Past, delist, instruments_table, market_from_file, market_from_frame
from research.market.facts import FIXED

NONE = float("nan")


@pytest.fixture
def prices(days: pd.DatetimeIndex) -> pd.DataFrame:
    """GONE trades on three days, 27 to 29 December 2022, and then no more; STAYS rises by 1 % a day."""
    return pd.DataFrame({"GONE": [50.0, 52.0, 51.0, NONE, NONE], "STAYS": 100.0 * 1.01 ** np.arange(5)}, index=days)


@pytest.fixture
def halted(prices: pd.DataFrame) -> Market:
    return market_from_frame(prices, missing="halt")


def stated(date: object, delisting_return: float) -> pd.DataFrame:
    table = {"delisted": [date, None], "delisting_return": [delisting_return, None]}
    return pd.DataFrame(table, index=["GONE", "STAYS"])


# -- booked ----------------------------------------------------------------------------------------------------------


def test_without_a_delisting_the_line_is_halted_to_the_end(halted: Market) -> None:
    assert halted.returns[3:, 0].tolist() == [0.0, 0.0]
    assert halted.listed[:, 0].all()
    assert halted.exits.tolist() == [5, 5]


def test_exit_is_booked_on_the_first_session_on_or_after_its_date(halted: Market) -> None:
    gone = delist(halted, "GONE", "2022-12-31", SHUMWAY)  # a Saturday; Monday is a holiday
    assert gone.exits.tolist() == [4, 5]
    assert gone.returns[:, 0].tolist() == [0.0, 52.0 / 50.0 - 1.0, 51.0 / 52.0 - 1.0, 0.0, -0.30]
    assert gone.tradable[:, 0].tolist() == [True, True, True, False, False]
    assert gone.listed[:, 0].tolist() == [True, True, True, True, False]
    assert gone.listings.tolist() == [0, 4]
    assert gone.index[4, 0] == pytest.approx(51.0 / 50.0 * 0.7, rel=1e-15)
    assert np.array_equal(gone.returns[:, 1], halted.returns[:, 1])


@cases("date, row", ("2022-12-30", 3), (pd.Timestamp("2022-12-30"), 3), (np.datetime64("2023-01-03"), 4))
def test_date_that_is_a_session_is_the_day_of_booking(halted: Market, date: Any, row: int) -> None:
    gone = delist(halted, "GONE", date, 0.0)
    assert gone.exits[0] == row
    assert gone.listed[:, 0].sum() == row


def test_after_the_exit_the_line_returns_nothing(halted: Market) -> None:
    gone = delist(halted, "GONE", "2022-12-30", -0.5)
    assert gone.returns[3:, 0].tolist() == [-0.5, 0.0]
    assert gone.index[4, 0] == gone.index[3, 0]


def test_nothing_may_be_left(halted: Market) -> None:
    gone = delist(halted, "GONE", "2022-12-30", -1.0)
    assert gone.index[:, 0].tolist() == [1.0, 1.04, pytest.approx(1.02), 0.0, 0.0]
    assert np.isfinite(gone.price_index).all()


def test_frame_file_and_helper_give_the_same_market(prices: pd.DataFrame, halted: Market, tmp_path: Any) -> None:
    path = tmp_path / "prices.csv"
    prices.rename_axis("date").to_csv(path)
    table = stated("2022-12-31", SHUMWAY).assign(adjustment=halted.instruments["adjustment"].tolist())
    markets = [
        delist(halted, "GONE", "2022-12-31", SHUMWAY),
        market_from_frame(prices, instruments=table, missing="halt"),
        market_from_file(path, instruments=table, missing="halt"),
    ]
    assert len({market.fingerprint for market in markets}) == 1
    assert {note for note in markets[0].notes if note.assets} <= set(markets[1].notes)


def test_empty_prices_from_the_exit_on_are_no_gap(prices: pd.DataFrame) -> None:
    market = market_from_frame(prices, instruments=stated("2022-12-30", SHUMWAY))  # missing="error" is the default
    assert market.exits.tolist() == [3, 5]
    with pytest.raises(DataError, match="price missing for GONE on 2022-12-30"):
        market_from_frame(prices, instruments=stated("2023-01-03", SHUMWAY))


def test_delisting_after_the_end_of_the_data_is_kept_and_not_booked(prices: pd.DataFrame, halted: Market) -> None:
    market = market_from_frame(prices, instruments=stated("2023-06-30", SHUMWAY), missing="halt")
    assert market.exits.tolist() == [5, 5]
    assert np.array_equal(market.returns, halted.returns)
    assert market.fingerprint != halted.fingerprint


def test_note_tells_of_the_exit_in_place_of_the_halt(halted: Market) -> None:
    gone = delist(halted, "GONE", "2022-12-31", SHUMWAY)
    assert any("taken for a halt" in note for note in halted.notes)
    expected = ["GONE is delisted: −30.0 % on its last price, of 2022-12-29, is booked on 2023-01-03."]
    assert [str(note) for note in gone.notes if note.assets] == expected


def test_exit_stays_with_its_line(halted: Market) -> None:
    gone = delist(halted, "GONE", "2022-12-30", SHUMWAY)
    assert gone.select(["STAYS", "GONE"]).exits.tolist() == [5, 3]
    assert gone.select(["STAYS"]).exits.tolist() == [5]
    assert pickle.loads(pickle.dumps(gone)).fingerprint == gone.fingerprint


def test_fingerprint_follows_the_date_and_the_return(halted: Market) -> None:
    others = [("2022-12-31", -0.3), ("2023-01-01", -0.3), ("2023-01-03", -0.3), ("2022-12-31", -0.31)]
    markets = [halted, *(delist(halted, "GONE", *other) for other in others)]
    assert len({market.fingerprint for market in markets}) == 5


# -- nobody knew -----------------------------------------------------------------------------------------------------


def seen(past: Past) -> dict[str, Any]:
    """What a policy can reach by a public name."""
    methods = ("complete", "earlier", "fact", "scheduled")
    names = [name for name in dir(past) if not name.startswith("_") and name not in methods]
    return (
        {name: np.asarray(getattr(past, name)) for name in names}
        | {"scheduled week": past.scheduled("week")}
        | {f"complete {w}": past.complete(w) for w in range(4)}
        | {f"fact {name}": past.fact(name) for name in FIXED}
    )


def test_past_before_the_exit_is_that_of_the_halt(halted: Market) -> None:
    gone = delist(halted, "GONE", "2022-12-31", SHUMWAY)
    for row in range(4):
        np.testing.assert_equal(seen(gone.past(row)), seen(halted.past(row)))
    with pytest.raises(AssertionError):
        np.testing.assert_equal(seen(gone.past(4)), seen(halted.past(4)))


def test_market_that_ends_before_the_exit_does_not_know_of_it(halted: Market) -> None:
    gone = delist(halted, "GONE", "2022-12-31", SHUMWAY)
    for last in gone.dates[1:4]:
        assert gone.until(last).fingerprint == halted.until(last).fingerprint
        assert gone.until(last).instruments["delisted"].isna().all()
        assert not any("delisted" in note for note in gone.until(last).notes)
    whole = gone.until("2023-01-03")
    assert whole.fingerprint == gone.fingerprint
    assert whole.exits.tolist() == [4, 5]


def test_market_cut_after_one_exit_and_before_another_knows_the_one(halted: Market, days: pd.DatetimeIndex) -> None:
    table = instruments_table(["A", "B"], delisted=["2022-12-29", "2023-01-03"], delisting_return=[0.1, 0.2])
    prices = pd.DataFrame({"A": [1.0, 2.0, NONE, NONE, NONE], "B": [1.0, 2.0, 3.0, 4.0, NONE]}, index=days)
    cut = market_from_frame(prices, instruments=table).until("2022-12-30")
    assert cut.exits.tolist() == [2, 4]
    assert cut.instruments["delisting_return"].fillna(0.0).tolist() == [0.1, 0.0]


def test_window_is_complete_until_the_line_leaves(halted: Market) -> None:
    gone = delist(halted, "GONE", "2022-12-30", SHUMWAY)
    assert gone.past(2).complete(2).tolist() == [True, True]
    assert gone.past(3).complete(2).tolist() == [False, True]


# -- refused ---------------------------------------------------------------------------------------------------------


@cases(
    "change, words",
    (("GONE", "2022-12-29", -0.3), "delisted of GONE .* found 2022-12-29, and it trades until 2022-12-29. Give the"),
    (("GONE", "2020-01-01", -0.3), "delisted of GONE .* found 2020-01-01, and it trades until 2022-12-29"),
    (("STAYS", "2022-12-30", -0.3), "delisted of STAYS .* found 2022-12-30, and it trades until 2023-01-03"),
    (("GONE", "2023-01-04", -0.3), "delisted of GONE .* found 2023-01-04, after its end, 2023-01-03"),
    (("GONE", "soon", -0.3), "delisted of GONE in market 'frame': found 'soon'. Write the date as YYYY-MM-DD"),
    (("GONE", "2022-12", -0.3), "delisted of GONE .* found '2022-12'"),
    (("GONE", pd.Timestamp("2022-12-30 16:00"), -0.3), "delisted of GONE"),
    (
        ("GONE", "2022-12-30", -1.01),
        "delisting_return of GONE in market 'frame': found -1.01. It is a fraction of the last mark",
    ),
    (("GONE", "2022-12-30", 5.0), "delisting_return of GONE .* found 5.0. It is a fraction .* -0.3 is a loss of 30 %"),
    (("GONE", "2022-12-30", "x"), "delisting_return of GONE .* found 'x'. It is a fraction of the last mark"),
    (("GONE", "2022-12-30", np.inf), "delisting_return of GONE .* found inf"),
    (("GONE", "2022-12-30", np.nan), "delisting_return of GONE .* found nan. A delisting needs the return"),
    (("GONE", "2022-12-30"), "delisting_return of GONE .* found None. A delisting needs .* SHUMWAY = -0.30"),
    (("GOEN", "2022-12-30", -0.3), "unknown asset 'GOEN' in market 'frame': it has GONE, STAYS"),
)
def test_delisting_that_cannot_be_is_refused(halted: Market, change: tuple[Any, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        delist(halted, *change)


def test_line_that_has_left_cannot_leave_again(halted: Market) -> None:
    gone = delist(halted, "GONE", "2022-12-30", SHUMWAY)
    with pytest.raises(DataError, match="GONE in market 'frame' has left already: found 2022-12-30"):
        delist(gone, "GONE", "2022-12-30", SHUMWAY)


@cases(
    "columns, words",
    ({"delisted": ["2022-12-30", None]}, "delisting_return of GONE .* found nan. A delisting needs .*Shumway 1997"),
    ({"delisting_return": [-0.3, None]}, "delisting_return of GONE .* found -0.3. Give the date too"),
    ({"delisted": ["2022-12-30", None], "delisting_return": ["much", None]}, "delisting_return of GONE .* 'much'"),
)
def test_date_and_return_go_together(columns: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        instruments_table(["GONE", "STAYS"], **columns)


def test_price_from_the_exit_on_is_named_by_its_row(prices: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"price of an asset that is delisted for GONE on 2022-12-29 \(frame, row 2\)"):
        market_from_frame(prices, instruments=stated("2022-12-29", SHUMWAY))


def change(market: Market, name: str, row: int, value: Any) -> Market:
    values = np.array(getattr(market, name))
    values[row, 0] = value
    return replace(market, **{name: values})


@cases(
    "name, row, value, words",
    ("returns", 3, -0.2, "return on the day of exit for GONE on 2022-12-30 .* found -0.2, .* say -0.3"),
    ("returns", 3, np.nan, "return on the day of exit for GONE on 2022-12-30 .* found nan"),
    ("returns", 4, 0.1, "return after an exit for GONE on 2023-01-03 .* found 0.1"),
    ("returns", 2, -1.0, "impossible return for GONE on 2022-12-29 .* found -1.0"),
    ("tradable", 4, True, "delisted of GONE .* found 2022-12-30, and it trades until 2023-01-03"),
)
def test_market_must_agree_with_its_instruments(halted: Market, name: str, row: int, value: Any, words: str) -> None:
    gone = delist(halted, "GONE", "2022-12-30", SHUMWAY)
    with pytest.raises(DataError, match=words):
        change(gone, name, row, value)


def test_line_that_never_traded_cannot_leave(halted: Market) -> None:
    never = replace(halted, tradable=halted.tradable & [False, True], returns=halted.returns * [0.0, 1.0])
    with pytest.raises(DataError, match="delisted of GONE in market 'frame': found 2022-12-30, and it never trades"):
        delist(never, "GONE", "2022-12-30", SHUMWAY)


def test_dividend_on_or_after_the_exit_is_refused(halted: Market) -> None:
    gone = delist(halted, "GONE", "2022-12-30", SHUMWAY)
    paid = np.zeros(gone.shape)
    paid[3, 0] = 0.1
    with pytest.raises(DataError, match=r"dividend of an asset that is not listed for GONE on 2022-12-30 .* found 0.1"):
        replace(gone, dividends=paid)


# -- the real one ----------------------------------------------------------------------------------------------------


def test_sears_is_halted_at_its_last_price_until_its_delisting_is_stated(leavers: Market) -> None:
    i, last = leavers.assets.index("SHLD"), leavers.row("2018-04-11")
    assert leavers.exits[i] == len(leavers.dates)
    assert leavers.tradable[last, i]
    assert not leavers.tradable[last + 1 :, i].any()
    assert (leavers.returns[last + 1 :, i] == 0.0).all()
    assert leavers.instruments["delisted"].isna().all()

    gone = delist(leavers, "SHLD", "2018-10-24", SHUMWAY)
    row = leavers.row("2018-10-24")
    assert gone.exits[i] == row
    assert gone.index[row - 1, i] == leavers.index[last, i]
    assert gone.index[-1, i] == pytest.approx(0.7 * leavers.index[last, i], rel=1e-15)
    assert not gone.listed[row:, i].any()
    expected = ["SHLD is delisted: −30.0 % on its last price, of 2018-04-11, is booked on 2018-10-24."]
    assert [note for note in gone.notes if note.assets == ("SHLD",)] == expected
