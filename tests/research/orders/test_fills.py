"""A fill says what is wrong with it in a sentence, and keeps its numbers as they are written."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from cases import cases

from foundation.errors import DataError
from research.orders.fills import Fill

MOMENT = datetime(2022, 12, 30, 15, 0, tzinfo=UTC)


def fill(**changed: Any) -> Fill:
    given = {"asset": "AGG", "side": "buy", "quantity": 10, "price": "97.45", "currency": "USD", "moment": MOMENT}
    return Fill(**{**given, "fill_id": "f1"} | changed)  # type: ignore[arg-type]


def test_numbers_are_exact_as_they_are_written() -> None:
    made = fill(quantity=0.1, fees={"commission": 0.35}, rate="1.0664")
    assert (made.quantity, made.price, made.fees["commission"]) == (Decimal("0.1"), Decimal("97.45"), Decimal("0.35"))
    assert made.rate == Decimal("1.0664")


def test_fees_may_be_given_in_all_and_be_a_rebate() -> None:
    assert fill(fees="-0.02").fees == {"fees": Decimal("-0.02")}


@cases(
    "changed, said",
    ({"quantity": float("nan")}, "fill 'f1' of 'AGG': quantity is 'nan'. Give a number."),
    ({"quantity": -3}, "quantity is '-3'. Give a number above zero; the side says"),
    ({"price": 0}, "price is '0'. Give a number above zero"),
    ({"price": "1,5"}, "price is '1,5'. Give a number."),
    ({"price": float("inf")}, "price is 'inf'. Give a number."),
    ({"fees": {"commission": float("nan")}}, "fees: commission is 'nan'. Give a number."),
    ({"rate": -1.0}, "rate is '-1.0'. Give a number above zero"),
    ({"side": "short"}, "side is 'short'. Give buy or sell."),
    ({"currency": "dollars"}, "currency is 'dollars'. Give its code"),
    ({"fill_id": ""}, "fill_id is ''. Give the id of the fill at its venue"),
    ({"moment": datetime(2022, 12, 30, 15, 0)}, "Give a datetime in UTC."),
    ({"moment": datetime(2022, 12, 30, tzinfo=timezone(timedelta(hours=1)))}, "Give a datetime in UTC."),
    ({"moment": "2022-12-30"}, "moment is '2022-12-30'. Give a datetime in UTC."),
)
def test_what_cannot_be_a_fill_is_refused_in_a_sentence(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as error:
        fill(**changed)
    assert said in str(error.value)
