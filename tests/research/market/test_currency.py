"""Assets of several currencies in one: by hand, there and back, and what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import DataError
from research.market import Market, delist, in_currency, market_from_frame

NONE = float("nan")
DAYS = pd.DatetimeIndex(["2022-12-27", "2022-12-28", "2022-12-29", "2022-12-30", "2023-01-03"])
EURUSD = [1.00, 1.10, 1.10, 1.21, 1.21]


def make(columns: dict[str, list[float]], currency: dict[str, str], **options: Any) -> Market:
    """Assets with their quotes; a name of six letters is a rate."""
    table = pd.DataFrame(
        {
            "currency": [currency.get(name, "USD") for name in columns],
            "asset_class": ["fx" if len(name) == 6 else "equity" for name in columns],
        },
        index=list(columns),
    )
    prices = pd.DataFrame(columns, index=DAYS)
    return market_from_frame(prices, quotes=prices, instruments=table, missing="halt", **options)


@pytest.fixture
def mixed() -> Market:
    """SAP in euros, listed on the second day and halted on the fourth; SPY in dollars; the dollars of a euro."""
    columns = {"SAP": [NONE, 100.0, 101.0, NONE, 111.1], "SPY": [400.0, 404.0, 404.0, 400.0, 400.0], "EURUSD": EURUSD}
    paid = pd.DataFrame({"SAP": [0.0, 0.0, 2.0, 0.0, 0.0]}, index=DAYS)
    opens = pd.DataFrame({"SAP": [NONE, 99.0, 100.0, NONE, 110.0]}, index=DAYS)
    return make(columns, {"SAP": "EUR"}, dividends=paid, bars={"open": opens})


def test_return_is_the_local_one_and_that_of_the_rate(mixed: Market) -> None:
    dollars = in_currency(mixed)
    # listed at 110; 1 % at an unmoved rate; halted while the euro gains 10 %; then 10 % from the gap
    assert dollars.returns[:, 0].tolist() == pytest.approx([0.0, 0.0, 0.01, 0.10, 0.10], rel=1e-14)
    assert dollars.prices[:, 0].tolist() == pytest.approx([NONE, 110.0, 111.1, NONE, 134.431], nan_ok=True)
    assert (dollars.bars or {})["open"][1:3, 0].tolist() == pytest.approx([108.9, 110.0])
    assert dollars.dividends[:, 0].tolist() == pytest.approx([0.0, 0.0, 2.2, 0.0, 0.0])
    assert dollars.instruments["currency"].tolist() == ["USD"] * 3
    assert "SAP, quoted in EUR, is converted to USD at EURUSD." in dollars.notes
    assert np.array_equal(dollars.tradable, mixed.tradable)


def test_both_factors_multiply() -> None:
    local = make({"SAP": [100.0, 101.0, 101.0, 90.0, 90.0], "EURUSD": EURUSD}, {"SAP": "EUR"})
    assert in_currency(local).returns[[1, 3], 0].tolist() == pytest.approx([1.01 * 1.10 - 1, 90 / 101 * 1.1 - 1])


def test_other_lines_and_the_rate_stay_to_the_bit(mixed: Market) -> None:
    dollars = in_currency(mixed)
    for name in ("returns", "prices", "tradable", "dividends"):
        before, after = getattr(mixed, name)[:, 1:], getattr(dollars, name)[:, 1:]
        assert np.array_equal(before, after, equal_nan=True), name
    assert np.array_equal(dollars.cash, mixed.cash)


def test_income_and_price_come_apart_in_the_new_currency_too(mixed: Market) -> None:
    dollars = in_currency(mixed)
    assert dollars.income[2, 0] == pytest.approx(2.2 / 110.0)  # of a unit worth 1 at the listing's 110 dollars
    whole = dollars.price_index[:-1] * (1.0 + dollars.returns[1:])
    assert dollars.price_index[1:] + dollars.income[1:] == pytest.approx(whole, rel=1e-15)


def test_market_in_the_base_already_is_the_market_itself(mixed: Market) -> None:
    dollars = in_currency(mixed)
    assert in_currency(dollars) is dollars


@pytest.mark.parametrize(("cash", "base", "warned"), [("bill", "EUR", 1), ("bill", "USD", 0), (0.02, "EUR", 0)])
def test_cash_of_another_currency_that_earns_the_us_bill_is_warned_of_once(cash: Any, base: str, warned: int) -> None:
    columns = {"SAP": [100.0, 101.0, 101.0, 90.0, 90.0], "SPY": [400.0, 404.0, 404.0, 400.0, 400.0], "EURUSD": EURUSD}
    converted = in_currency(in_currency(make(columns, {"SAP": "EUR"}, cash=cash), base), base)
    assert [note.warning for note in converted.notes if "three-month US bill" in note] == [True] * warned


def test_inverse_pair_serves_where_there_is_no_other() -> None:
    columns = {"SAP": [100.0, 101.0, 101.0, 90.0, 90.0], "EURUSD": EURUSD}
    inverse = {"SAP": columns["SAP"], "USDEUR": [1.0 / rate for rate in EURUSD]}
    one = in_currency(make(columns, {"SAP": "EUR"}))
    other = in_currency(make(inverse, {"SAP": "EUR", "USDEUR": "EUR"}))
    assert other.returns[:, 0] == pytest.approx(one.returns[:, 0], abs=1e-15)
    assert other.instruments.loc["USDEUR", "currency"] == "EUR"  # a rate is what it is
    both = {**columns, "USDEUR": [7.0] * 5}
    with pytest.raises(DataError, match=r"EUR is quoted both ways: found EURUSD and USDEUR\. Keep one of the two\."):
        in_currency(make(both, {"SAP": "EUR", "USDEUR": "EUR"}))


@pytest.mark.parametrize(("pair", "rate"), [(("EUR", "USD"), 2.0), (("USD", "EUR"), 0.5)])
def test_a_given_rate_stands_before_a_line_of_the_market_whichever_way_it_is_quoted(
    pair: tuple[str, str], rate: float
) -> None:
    market = make({"SAP": [100.0] * 5, "EURUSD": EURUSD}, {"SAP": "EUR"})
    given = {pair: ("".join(pair), np.full(5, rate))}
    assert in_currency(market, "USD", given).prices[:, 0].tolist() == [200.0] * 5


def test_there_and_back_is_where_it_began() -> None:
    rng = np.random.default_rng(2)
    columns = {"SPY": 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.02, 5)), "EURUSD": rng.uniform(0.9, 1.2, 5)}
    dollars = make({name: values.tolist() for name, values in columns.items()}, {})
    euros = in_currency(dollars, "EUR")
    assert euros.instruments.loc["SPY", "currency"] == "EUR"
    assert not np.allclose(euros.returns[1:, 0], dollars.returns[1:, 0])
    again = in_currency(euros, "USD")
    assert again.returns == pytest.approx(dollars.returns, abs=1e-14)
    assert again.prices == pytest.approx(dollars.prices, rel=1e-15)


@pytest.mark.parametrize(("local", "left"), [(-0.30, 0.7 * 1.10 - 1.0), (-1.0, -1.0)])
def test_line_that_leaves_is_paid_at_the_rate_of_the_day(local: float, left: float) -> None:
    market = make({"SAP": [100.0, 101.0, NONE, NONE, NONE], "EURUSD": EURUSD}, {"SAP": "EUR"})
    dollars = in_currency(delist(market, "SAP", "2022-12-30", local))
    assert dollars.returns[2:, 0].tolist() == pytest.approx([0.0, left, 0.0], abs=1e-15)
    assert dollars.instruments.loc["SAP", "delisting_return"] == dollars.returns[3, 0]
    assert dollars.exits.tolist() == [3, 5]


def test_rate_is_needed_only_while_a_line_in_its_currency_is_there() -> None:
    rate = [NONE, 1.10, 1.10, 1.21, NONE]
    market = make({"SAP": [NONE, 100.0, 101.0, NONE, NONE], "EURUSD": rate}, {"SAP": "EUR"})
    dollars = in_currency(delist(market, "SAP", "2022-12-30", -0.3))
    assert dollars.returns[:, 0].tolist() == pytest.approx([0.0, 0.0, 0.01, 0.7 * 1.1 - 1.0, 0.0])


def test_what_is_to_come_does_not_change_what_was(mixed: Market) -> None:
    for last in mixed.dates[1:]:
        cut, rows = in_currency(mixed.until(last)), mixed.row(last) + 1
        whole = in_currency(mixed)
        assert np.array_equal(cut.returns, whole.returns[:rows])
        assert np.array_equal(cut.prices, whole.prices[:rows], equal_nan=True)


@cases(
    "columns, currency, words",
    ({}, {"SAP": "EUR"}, "no rate for SAP, which is quoted in EUR, on 2022-12-28 .* neither EURUSD nor USDEUR"),
    ({"EURJPY": EURUSD}, {"SAP": "EUR", "EURJPY": "JPY"}, "no rate for SAP"),  # nor by way of the yen
    ({"EURUSD": [1.0, 1.0, 1.1, NONE, 1.1]}, {"SAP": "EUR"}, "rate EURUSD missing for SAP.* in EUR, on 2022-12-30"),
    ({"EURUSD": [1.0] * 5}, {"SAP": "EUR", "EURUSD": "EUR"}, "rate EURUSD in market 'frame' is quoted in 'EUR'"),
)
def test_rate_that_is_missing_or_misnamed_is_refused(
    columns: dict[str, list[float]], currency: dict[str, str], words: str
) -> None:
    market = make({"SAP": [NONE, 100.0, 101.0, NONE, 111.1], **columns}, currency)
    with pytest.raises(DataError, match=words):
        in_currency(market)


def test_rate_of_another_name_is_refused(mixed: Market) -> None:
    table = mixed.instruments.assign(asset_class=["equity", "fx", "fx"])
    with pytest.raises(DataError, match=r"rate SPY in market 'frame' .* a name that does not fit"):
        in_currency(replace(mixed, instruments=table))
