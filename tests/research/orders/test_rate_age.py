"""Exchange rates that are too old for orders, or of a later day, or of none."""

import numpy as np
import pandas as pd
import pytest
from by_hand import Desk

from foundation.dataclasses import replace
from foundation.errors import DataError
from research.orders.rate_age import check_rate_ages, rate_ages, rate_notes, stale_rates
from research.portfolio import Portfolio
from research.portfolio.holdings.currencies import Currencies
from research.portfolio.holdings.rates import Rate, Rates

DAY = pd.Timestamp("2023-01-04")  # 3 sessions after the 29th: the 2nd is a holiday


@pytest.fixture
def portfolio(desk: Desk) -> Portfolio:
    """Rates of three days, and of none; at most 2 sessions are allowed."""
    made, days = desk([100.0], [60], 0.0, [1.0]), {"CHF": "2022-12-29", "EUR": "2022-12-30", "GBP": "NaT"}
    rates = Rates(
        "USD", {name: Rate(f"{name}USD", 1.25, np.datetime64(day), "market") for name, day in days.items()}, {}
    )
    currencies = Currencies(rates, ("USD",), np.array([100.0]), {}, made.market, converted=True)
    return replace(made, currencies=currencies)


def test_a_rate_is_too_old_beyond_the_sessions_that_the_file_allows(portfolio: Portfolio) -> None:
    ages = rate_ages(portfolio, DAY)
    assert (ages.sessions, ages.too_old) == ({"CHF": 3, "EUR": 2}, ("CHF",))
    words = "on 2023-01-04: CHFUSD of 2022-12-29, 3 sessions ago; at most 2 are allowed"
    assert stale_rates(portfolio, ages) == f"Stale exchange rates {words}."
    with pytest.raises(DataError, match=f"exchange rates are too old for orders {words}"):
        check_rate_ages(portfolio, ages)
    assert list(rate_notes(portfolio, ages)) == [
        "Exchange rates: 1 CHF = 1.25 USD (CHFUSD, market, 2022-12-29); 1 EUR = 1.25 USD (EURUSD, market, 2022-12-30); "
        "1 GBP = 1.25 USD (GBPUSD, market, of no date).",
        f"Stale exchange rates {words}.",
        "The age of GBPUSD is not known: no date is given.",
    ]


def test_recent_rates_pass_and_one_of_a_later_day_does_not(portfolio: Portfolio) -> None:
    recent = rate_ages(portfolio, DAY - pd.Timedelta(days=1))
    assert (recent.too_old, stale_rates(portfolio, recent)) == ((), "")
    check_rate_ages(portfolio, recent)
    assert len(list(rate_notes(portfolio, None))) == 2
    with pytest.raises(DataError, match="the exchange rate EURUSD is of 2022-12-30, later than 2022-12-29"):
        rate_ages(portfolio, pd.Timestamp("2022-12-29"))
    alone = replace(portfolio, currencies=None)
    assert (rate_ages(alone, DAY).sessions, list(rate_notes(alone, None))) == ({}, [])
