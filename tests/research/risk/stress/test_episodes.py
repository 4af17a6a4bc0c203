"""Episodes: which closes they cover, and the house's dates against the quotes of SPY."""

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.market import load_market
from research.portfolio.keys.stress import house_episodes
from research.risk.stress.episodes import Episode, span_of

DAYS = pd.bdate_range("2020-01-01", "2020-03-31").to_numpy().astype("datetime64[D]")


def episode(first: str, last: str) -> Episode:
    return Episode("made", pd.Timestamp(first), pd.Timestamp(last))


@cases(
    "first, last, coverage, base, end",
    ("2020-02-01", "2020-02-09", "whole", "2020-01-31", "2020-02-07"),  # from a Saturday to a Sunday
    ("2020-01-02", "2020-01-10", "whole", "2020-01-01", "2020-01-10"),
    ("2020-01-01", "2020-01-10", "part", "2020-01-01", "2020-01-10"),  # no close before its first day
    ("2019-12-01", "2020-01-10", "part", "2020-01-01", "2020-01-10"),
    ("2020-03-02", "2020-04-05", "whole", "2020-02-28", "2020-03-31"),  # ends within a week of the data
    ("2020-03-02", "2020-05-29", "part", "2020-02-28", "2020-03-31"),
)
def test_what_is_covered(first: str, last: str, coverage: str, base: str, end: str) -> None:
    span = span_of(episode(first, last), DAYS)
    assert (span.coverage, str(DAYS[span.base]), str(DAYS[span.last])) == (coverage, base, end)


@cases(
    "first, last",
    ("1998-07-18", "1998-10-08"), ("2020-04-05", "2020-06-30"),
    ("2020-03-31", "2020-06-30"), ("2019-06-01", "2020-01-02"),
)  # fmt: skip
def test_less_than_two_returns_are_none(first: str, last: str) -> None:
    assert span_of(episode(first, last), DAYS).coverage == "none"


def test_an_episode_does_not_end_before_it_begins() -> None:
    with pytest.raises(ConfigError, match="'made' ends on 2020-01-01, before its first day, 2020-01-02"):
        episode("2020-01-02", "2020-01-01")


@pytest.mark.parametrize("one", house_episodes(), ids=lambda one: one.name)
def test_the_house_dates_are_peaks_and_troughs_of_the_quotes_of_spy(one: Episode) -> None:
    """Quotes of SPY follow the price index, to some tenths of a per cent: its trading ended later. 1 % is allowed.

    The second low of 1998 is 0.2 % above that of August in the index, and 0.6 % in SPY.
    """
    market = load_market("us_etf_ohlcv")
    quotes = pd.Series(market.prices[:, market.assets.index("SPY")], market.dates)
    first, last = one.first, one.last
    peak = quotes[:first].iloc[-1] if first not in quotes.index else quotes[: first - pd.Timedelta(days=1)].iloc[-1]
    inside = quotes[first:last]
    around = quotes[first - pd.Timedelta(days=20) : last + pd.Timedelta(days=20)]
    assert peak >= 0.99 * around.max()
    assert inside.iloc[-1] <= 1.01 * around.min()
    assert inside.iloc[-1] / peak - 1.0 <= -0.095
    assert np.isfinite(peak)
