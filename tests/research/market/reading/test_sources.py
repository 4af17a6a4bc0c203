"""From prices to a market: listing, gaps, halts, exits, quotes, cash, schedules, and what is said of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError, DataError
from research.market import Market, load_market, market_from_file, market_from_frame
from research.market.cash import bill_return

WriteText = Callable[..., Path]
NONE = float("nan")


def twelve_digits(rate: float, days: int) -> float:
    """What a market's cash earns: the bill's return, to the twelve decimals that a market keeps."""
    return round(float(bill_return(rate, days)), 12)


@pytest.fixture
def make(days: pd.DatetimeIndex) -> Callable[..., Market]:
    """A market of columns of five prices each, on the five days."""

    def make(columns: dict[str, list[float]], **options: Any) -> Market:
        return market_from_frame(pd.DataFrame(columns, index=days), **options)

    return make


def warnings_of(market: Market) -> list[str]:
    return [str(note) for note in market.notes if note.warning and "no rate was given" not in note]


# -- returns, listing, halts, exits ----------------------------------------------------------------------------------


def test_returns_by_hand(make: Callable[..., Market]) -> None:
    market = make({"A": [100.0, 101.0, 99.99, 99.99, 109.989]})
    assert market.returns[:, 0].tolist() == pytest.approx([0.0, 0.01, -0.01, 0.0, 0.1])
    assert market.tradable.all()


def test_asset_is_listed_on_its_first_price_and_returns_from_the_next_session_on(make: Callable[..., Market]) -> None:
    market = make({"A": [NONE, NONE, 50.0, 51.0, 51.0]})
    assert market.tradable[:, 0].tolist() == [False, False, True, True, True]
    assert market.returns[:, 0].tolist() == pytest.approx([0.0, 0.0, 0.0, 0.02, 0.0])
    assert warnings_of(market) == []


def test_missing_price_after_listing_is_refused_by_default(make: Callable[..., Market]) -> None:
    words = (
        r"price missing for B on 2022-12-29 \(frame, row 2\): found nan. Correct the source, leave .* missing='halt'"
    )
    with pytest.raises(DataError, match=words):
        make({"A": [1.0] * 5, "B": [NONE, 50.0, NONE, 51.0, 51.0]})


def test_price_missing_at_the_end_is_refused_by_default(make: Callable[..., Market]) -> None:
    with pytest.raises(DataError, match="price missing for A on 2023-01-03"):
        make({"A": [50.0, 50.0, 50.0, 51.0, NONE]})


def test_halt_is_marked_at_the_last_price_and_earns_the_gap_when_it_trades_again(make: Callable[..., Market]) -> None:
    market = make({"A": [50.0, 52.0, NONE, NONE, 65.0]}, missing="halt")
    assert market.tradable[:, 0].tolist() == [True, True, False, False, True]
    assert market.returns[:, 0].tolist() == pytest.approx([0.0, 0.04, 0.0, 0.0, 0.25])
    expected = ["A has no price on 2 sessions, 2022-12-29 to 2022-12-30: taken for a halt, marked at the last price."]
    assert warnings_of(market) == expected


def test_halt_to_the_end_is_said_to_be_one(make: Callable[..., Market]) -> None:
    market = make({"A": [50.0, 52.0, 51.0, NONE, NONE]}, missing="halt")
    assert market.returns[3:, 0].tolist() == [0.0, 0.0]
    assert "to 2023-01-03, to the end of the data: taken for a halt" in warnings_of(market)[0]


@given(st.lists(st.one_of(st.none(), st.floats(50.0, 200.0)), min_size=5, max_size=5).filter(lambda p: any(p)))
def test_total_growth_is_last_price_over_first_whatever_is_missing(prices: list[float | None]) -> None:
    index = pd.DatetimeIndex(["2022-12-27", "2022-12-28", "2022-12-29", "2022-12-30", "2023-01-03"])
    market = market_from_frame(pd.DataFrame({"A": pd.Series(prices, index, dtype=float)}), missing="halt")
    known = [price for price in prices if price is not None]
    assert market.index[-1, 0] == pytest.approx(known[-1] / known[0], rel=1e-12)
    assert (market.returns[~market.tradable] == 0.0).all()
    assert market.tradable[:, 0].tolist() == [price is not None for price in prices]


@pytest.mark.parametrize("price", [0.0, -1.0])
def test_price_of_zero_or_less_is_refused(make: Callable[..., Market], price: float) -> None:
    with pytest.raises(DataError, match=rf"impossible price for A on 2022-12-29 \(frame, row 2\): found {price}"):
        make({"A": [1.0, 1.0, price, 1.0, 1.0]})


def test_column_without_any_price_is_left_out_and_said_and_a_table_of_these_is_refused(
    make: Callable[..., Market],
) -> None:
    with pytest.raises(DataError, match="A has no price at all in frame"):
        make({"A": [NONE] * 5, "B": [NONE] * 5})
    market = make({"A": [1.0] * 5, "B": [NONE] * 5})
    assert market.assets == ("A",)
    assert any("left out: B" in note for note in market.notes)


def test_unknown_treatment_of_gaps_is_refused(make: Callable[..., Market]) -> None:
    with pytest.raises(ConfigError, match="found missing='fill'"):
        make({"A": [1.0] * 5}, missing="fill")


def test_extreme_move_is_shown_and_not_repaired(make: Callable[..., Market]) -> None:
    market = make({"SPLIT": [100.0, 50.0, 50.0, 50.0, 50.0], "CALM": [100.0, 139.0, 139.0, 139.0, 139.0]})
    assert market.returns[1].tolist() == pytest.approx([-0.5, 0.39])
    (warning,) = warnings_of(market)
    assert warning.startswith("SPLIT moved by more than 40 % on 1 session, most on 2022-12-28 (−50.0 %)")


# -- what stands beside the prices -----------------------------------------------------------------------------------


def test_without_quotes_there_are_no_prices(make: Callable[..., Market]) -> None:
    market = make({"A": [1.0] * 5})
    assert np.isnan(market.prices).all()
    assert market.volumes is None
    assert market.bars is None
    assert market.instruments.loc["A", "adjustment"] == "returns: as given; no quotes"


def test_quotes_volumes_and_bars_are_put_under_their_names(days: pd.DatetimeIndex) -> None:
    prices = pd.DataFrame({"A": [1.0] * 5, "B": [2.0] * 5}, index=days)
    quotes = pd.DataFrame({"B": [20.0, 21.0, NONE, 22.0, 23.0]}, index=days)
    volumes = pd.DataFrame({"B": [5.0] * 5, "A": [0.0] * 5}, index=days)
    market = market_from_frame(prices, quotes=quotes, volumes=volumes, bars={"open": quotes})
    assert np.array_equal(market.prices[:, 1], quotes["B"], equal_nan=True)
    assert np.isnan(market.prices[:, 0]).all()
    assert market.volumes.tolist() == [[0.0, 5.0]] * 5
    assert np.array_equal((market.bars or {})["open"], market.prices, equal_nan=True)
    assert market.tradable.all()  # a quote serves tickets; its absence halts nothing
    expected = ["returns: as given; no quotes", "returns: as given; quotes: as given"]
    assert market.instruments["adjustment"].tolist() == expected


@cases(
    "option, table, words",
    ("quotes", {"Z": [1.0] * 5}, r"frame \(quotes\) has a column that frame lacks: found 'Z'"),
    ("quotes", {"A": [1.0, 1.0, 0.0, 1.0, 1.0]}, r"impossible price for A on 2022-12-29 \(frame \(quotes\), row 2\)"),
    ("volumes", {"A": [1.0, 1.0, -2.0, 1.0, 1.0]}, r"impossible volume for A on 2022-12-29 .*: found -2.0"),
)
def test_what_stands_beside_the_prices_is_checked(
    make: Callable[..., Market], days: pd.DatetimeIndex, option: str, table: dict[str, list[float]], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        make({"A": [1.0] * 5}, **{option: pd.DataFrame(table, index=days)})


def test_quotes_on_other_dates_are_refused(make: Callable[..., Market], days: pd.DatetimeIndex) -> None:
    with pytest.raises(DataError, match=r"frame has a row that frame \(quotes\) lacks: found 2023-01-03"):
        make({"A": [1.0] * 5}, quotes=pd.DataFrame({"A": [1.0] * 4}, index=days[:4]))
    later = days[:4].append(pd.DatetimeIndex(["2022-12-31"]))
    with pytest.raises(DataError, match=r"frame \(quotes\) has a row that frame lacks: found 2022-12-31"):
        make({"A": [1.0] * 5}, quotes=pd.DataFrame({"A": [1.0] * 5}, index=later))


def test_instruments_are_taken_by_name_and_filled_with_neutral_values(make: Callable[..., Market]) -> None:
    table = pd.DataFrame({"asset_class": ["gold", "bonds"], "lot": [1, 100]}, index=["B", "A"])
    market = make({"A": [1.0] * 5, "B": [1.0] * 5}, instruments=table)
    assert market.instruments["asset_class"].to_dict() == {"A": "bonds", "B": "gold"}
    assert market.instruments["lot"].to_dict() == {"A": 100.0, "B": 1.0}
    assert market.instruments["currency"].tolist() == ["USD", "USD"]


@cases(
    "table, words",
    (pd.DataFrame({"lot": [1.0]}, index=["A"]), "found A. Correct 'B'"),
    (pd.DataFrame({"lot": [1.0] * 3}, index=["A", "B", "C"]), "found A, B, C. Correct 'C'"),
    (pd.DataFrame({"lot": [1.0] * 3}, index=["A", "B", "B"]), "found A, B, B. Correct 'B'"),
    (pd.DataFrame({"class": ["x", "y"]}, index=["A", "B"]), "unknown column of instruments: found 'class'"),
    (pd.DataFrame({"delisted": ["x", None]}, index=["A", "B"]), "delisted of A in the instruments: found 'x'"),
)
def test_instruments_that_do_not_fit_are_named(make: Callable[..., Market], table: pd.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        make({"A": [1.0] * 5, "B": [1.0] * 5}, instruments=table)


# -- cash ------------------------------------------------------------------------------------------------------------


def test_without_a_rate_cash_earns_nothing_and_a_warning_says_so(make: Callable[..., Market]) -> None:
    market = make({"A": [1.0] * 5})
    assert market.cash.tolist() == [0.0] * 5
    assert [str(note) for note in market.notes if note.warning] == [
        "Cash earns nothing: no rate was given. Give a yearly one as `cash` of the market, such as 0.02, or `bill`, "
        "the three-month US bill."
    ]


def test_cash_at_the_bill(make: Callable[..., Market]) -> None:
    market = make({"A": [1.0] * 5}, cash="bill")
    assert market.cash.tolist() == [0.0, *([twelve_digits(4.25, 1)] * 3), twelve_digits(4.25, 4)]
    assert not any(note.warning for note in market.notes)
    assert any("monthly average" in note for note in market.notes)


def test_cash_as_given(make: Callable[..., Market], days: pd.DatetimeIndex) -> None:
    own = [0.0, 1e-4, 2e-4, 3e-4, -1e-4]
    assert make({"A": [1.0] * 5}, cash=np.array(own)).cash.tolist() == own
    assert make({"A": [1.0] * 5}, cash=pd.Series(own, index=days)).cash.tolist() == own


def test_cash_at_a_yearly_rate_is_one_number(make: Callable[..., Market]) -> None:
    market = make({"A": [1.0] * 5}, cash=0.0365)
    assert market.cash.tolist() == [0.0, 1e-4, 1e-4, 1e-4, 4e-4]  # over calendar days of 365
    assert not any(note.warning for note in market.notes)


def test_a_yearly_rate_on_each_session_is_warned_of(make: Callable[..., Market], days: pd.DatetimeIndex) -> None:
    for cash in (pd.Series(0.02, days), np.full(5, 0.02)):
        assert warnings_of(make({"A": [1.0] * 5}, cash=cash)) == [
            "Cash earns 504.0 % a year, with returns of 2.00 % a day on average: give simple returns since the "
            "previous session, or a yearly rate as one number, such as 0.02."
        ]
    assert not warnings_of(make({"A": [1.0] * 5}, cash=np.full(5, 0.001)))  # 25 % a year


def test_cash_that_does_not_fit_is_refused(make: Callable[..., Market], days: pd.DatetimeIndex) -> None:
    with pytest.raises(ConfigError, match="found cash='libor'"):
        make({"A": [1.0] * 5}, cash="libor")
    with pytest.raises(ConfigError, match=r"cash is 2: give a yearly rate as a fraction, such as 0\.03 for 3 %"):
        make({"A": [1.0] * 5}, cash=2)
    with pytest.raises(DataError, match="found 4, 2022-12-27 to 2022-12-30"):
        make({"A": [1.0] * 5}, cash=pd.Series([0.0] * 4, index=days[:4]))
    with pytest.raises(DataError, match=r"cash of market 'frame' has shape \(3,\)"):
        make({"A": [1.0] * 5}, cash=np.zeros(3))
    with pytest.raises(DataError, match=r"impossible cash return on 2022-12-28 .* found nan"):
        make({"A": [1.0] * 5}, cash=pd.Series([0.0, NONE, 0.0, 0.0, 0.0], index=days))


# -- schedules -------------------------------------------------------------------------------------------------------


def test_date_that_is_no_session_is_refused_with_the_calendar_it_may_follow() -> None:
    index = pd.DatetimeIndex(["2022-12-23", "2022-12-26", "2022-12-27"])
    words = r"not a session of the exchange calendar 'XNYS': found 2022-12-26 \(frame, row 1\), one of 1\. .*'24/7'"
    with pytest.raises(DataError, match=words):
        market_from_frame(pd.DataFrame({"A": [1.0, 1.0, 1.0]}, index=index))
    assert market_from_frame(pd.DataFrame({"A": [1.0, 1.0, 1.0]}, index=index), calendar="24/7").calendar == "24/7"


def test_month_end_values_dated_by_the_first_of_the_month_are_refused() -> None:
    index = pd.DatetimeIndex(["2024-10-01", "2024-11-01", "2024-12-01"])  # 1 December 2024 was a Sunday
    with pytest.raises(DataError, match="found 2024-12-01"):
        market_from_frame(pd.DataFrame({"A": [1.0, 1.0, 1.0]}, index=index))


def test_sessions_without_a_row_are_counted_in_a_warning() -> None:
    index = pd.DatetimeIndex(["2022-12-27", "2022-12-30", "2023-01-03"])
    market = market_from_frame(pd.DataFrame({"A": [1.0, 1.0, 1.0]}, index=index))
    assert warnings_of(market) == [
        "2 of 5 sessions of the exchange calendar 'XNYS' have no row, the first 2022-12-28: a rule that is due on one "
        "of them is asked on the next row."
    ]


def test_unknown_calendar_is_refused(make: Callable[..., Market]) -> None:
    with pytest.raises(ConfigError, match="unknown exchange calendar 'NYSX'"):
        make({"A": [1.0] * 5}, calendar="NYSX")


# -- files -----------------------------------------------------------------------------------------------------------

LINES = ("date,OLD,NEW", "2022-12-28,100.1,", "2022-12-29,101.3,20.7", "2022-12-30,99.9,21.1")


def test_frame_csv_and_parquet_give_one_fingerprint(write: WriteText, tmp_path: Path) -> None:
    path = write(*LINES)
    frame = pd.read_csv(path, index_col="date", parse_dates=True)
    frame.to_parquet(tmp_path / "prices.parquet")
    markets = [
        market_from_frame(frame, name="prices"),
        market_from_file(path),
        market_from_file(str(tmp_path / "prices.parquet")),
        load_market(path),
        load_market(str(path)),
    ]
    assert {market.name for market in markets} == {"prices"}
    assert len({market.fingerprint for market in markets}) == 1


def test_file_may_be_its_own_quotes(write: WriteText) -> None:
    path = write(*LINES)
    volumes = write("date,NEW", *(f"{line[:10]},5" for line in LINES[1:]), name="volumes.csv")
    market = load_market(path, quotes=path, volumes=volumes)
    assert market.prices[1:].tolist() == [[101.3, 20.7], [99.9, 21.1]]
    assert market.volumes[:, 1].tolist() == [5.0, 5.0, 5.0]


def test_missing_price_in_a_file_is_named_by_its_line(write: WriteText) -> None:
    path = write(*LINES[:3], "2022-12-30,99.9,")
    with pytest.raises(DataError, match=r"price missing for NEW on 2022-12-30 \(prices.csv, row 4\): found nan"):
        load_market(path)


def test_last_line_cut_short_is_not_taken_for_a_price(write: WriteText) -> None:
    with pytest.raises(DataError, match=r"row 4: another number of cells than the header: found 2"):
        load_market(write(*LINES[:3], "2022-12-30,99.9"))


def test_options_reach_the_file(write: WriteText) -> None:
    path = write(*LINES[:3], "2022-12-31,99.9,")
    market = load_market(path, missing="halt", calendar="24/7", name="mine", cash="bill")
    assert (market.name, market.calendar, market.tradable[-1].tolist()) == ("mine", "24/7", [True, False])
    assert market.cash[-1] > 0.0


def test_a_market_from_a_file_declares_its_currency(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("date,A\n2022-12-28,1\n2022-12-29,1.1\n", encoding="utf-8")
    assert market_from_file(path).currency == ("USD",)
    got = market_from_file(path, currency="EUR", cash="bill")
    assert got.currency == ("EUR",)
    assert any(note.startswith("Cash in EUR earns the three-month US bill") and note.warning for note in got.notes)
    with pytest.raises(ConfigError, match="currency is 'eur': write its code of three capital letters"):
        market_from_file(path, currency="eur")


@pytest.mark.parametrize("same_from", [0, 640])
def test_a_column_is_a_copy_where_all_its_rows_are(same_from: int) -> None:
    one, other = 50.0 * np.exp(np.cumsum(np.random.default_rng(7).normal(0.0, 0.01, (2, 700)), axis=1))
    copy = np.concatenate([other[:same_from], 2.0 * one[same_from:] + 30.0])
    prices = pd.DataFrame({"ONE": one, "COPY": copy}, index=pd.bdate_range("2015-01-01", periods=700))
    if same_from:  # the newest rows alone do not tell the two apart
        assert market_from_frame(prices, calendar="24/7").assets == ("ONE", "COPY")
    else:
        with pytest.raises(DataError, match="in other units from another zero"):
            market_from_frame(prices, calendar="24/7")
