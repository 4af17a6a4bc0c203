"""The venue of docs/execution.md does what a venue must do, in some forty assets."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from paper_desk import order
from venue_conformance import VenueConformance

from desk.exchange.venue import Venue

PAGE = Path(__file__).parents[3] / "docs" / "execution.md"


@cache
def code() -> str:
    """The block of the page that has the venue."""
    (block,) = re.findall(r"^```python\n((?:(?!^```).)*class PriceListVenue.*?)^```$", PAGE.read_text(), re.M | re.S)
    return str(block)


@cache
def venue_class() -> Any:
    names: dict[str, Any] = {}
    exec(compile(code(), str(PAGE), "exec"), names)
    return names["PriceListVenue"]


class TestPriceListVenue(VenueConformance):
    """A costs 100."""

    filled = order("buy", "A", 10.0)
    resting = order("buy", "A", 20.0, order_type="limit", limit_price=90.0)
    refused = order("sell", "A", 1_000.0)

    def open_venue(self, folder: Path) -> Venue:
        return venue_class()({"A": Decimal(100)}, there(folder))  # type: ignore[no-any-return]


@cache
def there(folder: Path) -> dict[str, Any]:
    """What is at the broker, by the folder of the test."""
    clock = datetime(2022, 12, 30, 15, tzinfo=UTC)
    return {"clock": clock, "cash": {"USD": Decimal(5_000)}, "units": {}, "states": {}, "fills": []}


def test_the_methods_of_the_venue_are_forty_lines() -> None:
    body = code()[code().index("def __init__") :]
    assert sum(bool(line.strip()) for line in body.splitlines()) <= 45
