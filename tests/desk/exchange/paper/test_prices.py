"""Sessions, bars of a market, and quotes of a file."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from paper_desk import DAY, SETTLES, session

from desk.exchange.paper.prices import bars_of_market, expected_day, read_quotes
from foundation.errors import DataError
from research.market.liquidity import dollar_volume, trailing_volatility
from research.portfolio import Portfolio, TicketTerms, load_portfolio


def test_a_session_has_the_hours_of_its_exchange() -> None:
    assert session().opens == datetime(2022, 12, 30, 14, 30, tzinfo=UTC)
    assert session().closes == datetime(2022, 12, 30, 21, 0, tzinfo=UTC)
    assert session(date(2022, 11, 25)).closes == datetime(2022, 11, 25, 18, 0, tzinfo=UTC)  # an early close
    assert session(calendar="24/7").closes == datetime(2022, 12, 30, 23, 59, 59, tzinfo=UTC)


def test_a_ticket_trades_on_the_session_after_its_prices() -> None:
    assert [str(expected_day({"as_of": day}, "XNYS")) for day in ("2022-12-29", "2022-12-30")] == [
        "2022-12-30",
        "2023-01-03",
    ]


def test_an_order_settles_as_many_sessions_after_another_day() -> None:
    assert session().settles(SETTLES) == SETTLES
    assert session().settles(str(DAY)) == str(DAY)
    assert session(date(2023, 1, 5)).settles(SETTLES) == "2023-01-06"
    assert session(date(2023, 1, 5)).settles("2023-01-04") == "2023-01-09"  # two sessions, round a weekend


# -- a market ----------------------------------------------------------------------------------------------------------


def test_bars_are_those_of_the_market_on_the_session() -> None:
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    market = portfolio.market
    t, day = len(market.dates) - 1, market.dates[-1].date()
    bars = bars_of_market(replace(portfolio, ticket=TicketTerms(symbols={"SPY": "SPY US"})), day)
    assert set(bars) == {"SPY US", "AGG"}
    bar = bars["SPY US"]
    assert (float(bar.close or 0), bar.currency, bar.lot, bar.is_halted) == (market.prices[t, 0], "USD", 1, False)
    if market.bars is not None and market.volumes is not None:
        assert [float(value or 0) for value in (bar.open, bar.high, bar.low, bar.volume)] == [
            *(market.bars[name][t, 0] for name in ("open", "high", "low")),
            market.volumes[t, 0],
        ]
        assert bar.day_value == dollar_volume(market, 21)[t - 1, 0]  # known before the session
    assert bar.volatility == trailing_volatility(market, 63)[t - 1, 0]


def test_a_line_that_is_not_tradable_on_the_session_is_halted(desk: Callable[..., Portfolio]) -> None:
    made = desk([100.0, 50.0], [10, 20], 0.0, [0.5, 0.5], tradable=[True, False])
    assert [bar.is_halted for bar in bars_of_market(made, date(2022, 12, 29)).values()] == [False, True]


def test_bars_are_in_the_currencies_of_the_lines() -> None:
    portfolio = load_portfolio("data/examples/orders_in_two_currencies.yaml")
    day = portfolio.market.dates[-1].date()
    bar = bars_of_market(portfolio, day)["SPY"]
    assert (bar.currency, float(bar.close or 0)) == ("USD", 383.440002)


def test_a_market_without_the_session_is_refused() -> None:
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    with pytest.raises(DataError, match=r"has no bars of 2022-12-30: it ends on 2022-12-29\. Bring it up to date"):
        bars_of_market(portfolio, DAY)


# -- quotes ------------------------------------------------------------------------------------------------------------


def quotes(folder: Path, text: str) -> Path:
    path = folder / "quotes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_quotes_are_read_with_the_middle_where_there_is_no_last(tmp_path: Path) -> None:
    bars = read_quotes(quotes(tmp_path, "symbol,bid,ask,last,volume\nA,99,101,,5000\n\nB,,,50.5,\n"))
    assert (bars["A"].bid, bars["A"].ask, bars["A"].close, bars["A"].volume) == (99, 101, 100, 5_000)
    assert (bars["B"].bid, bars["B"].close, bars["B"].low) == (None, Decimal("50.5"), Decimal("50.5"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symbol\nA\n", "row 2: no price. Write last, or bid and ask."),
        ("last\n1\n", "row 1: missing columns: found 'symbol'"),
        ("symbol,price\nA,1\n", "row 1: columns that are not known, or there twice: found 'price'"),
        ("symbol,last\nA\n", "row 2: 1 cells below 2 columns."),
        ("symbol,last\nA,1\nA,2\n", "row 3: symbol is 'A', which is none, or there twice."),
        ("symbol,last\nA,nan\n", "row 2: last is 'nan'. Write a number above zero."),
        ("symbol,last\nA,-1\n", "row 2: last is '-1'. Write a number above zero."),
        ("symbol,bid,ask\nA,2,1\n", "row 2: bid and ask are 2 and 1. Write both, or neither,"),
        ("symbol,bid,ask\nA,2,\n", "row 2: bid and ask are 2 and None. Write both, or neither,"),
        ("symbol,last,volume\nA,,5\n", "row 2: no price."),
    ],
)
def test_a_fault_of_quotes_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_quotes(quotes(tmp_path, text))
    assert str(caught.value).startswith(f"quotes.csv, {message}")
