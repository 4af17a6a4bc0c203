"""Settings of the rules, and on which days they are asked."""

import numpy as np
import pandas as pd
import pytest

from research.allocation import EqualWeights, target_path
from research.errors import ConfigError
from research.market import Market, instruments_table
from research.rules import Calendar, Never, Threshold, TunedThreshold, Within

EQUAL = EqualWeights()


@pytest.fixture(scope="module")
def summer() -> Market:
    """Sessions of New York from 25 June to 6 July 2018; the data lacks Friday 29 June, the quarter's last session."""
    days = ["06-25", "06-26", "06-27", "06-28", "07-02", "07-03", "07-05", "07-06"]
    dates = pd.DatetimeIndex([f"2018-{day}" for day in days])
    shape = (len(days), 2)
    return Market(
        dates=dates,
        assets=("A", "B"),
        returns=np.zeros(shape),
        tradable=np.ones(shape, dtype=bool),
        cash=np.zeros(len(days)),
        instruments=instruments_table(["A", "B"], asset_class=["stock", "stock"]),
        prices=np.full(shape, np.nan),
    )


def asked(rule: Never | Calendar | Threshold, market: Market) -> list[str]:
    corridor = rule.corridor(market, target_path(EQUAL, market))
    return market.dates[corridor.asked].strftime("%m-%d").tolist()


def test_a_calendar_asks_the_exchange_and_not_the_next_row(summer: Market) -> None:
    """28 June is the last row of the quarter and not its last session; 6 July is a Friday, the end of a whole week."""
    assert asked(Calendar(EQUAL, "quarter"), summer) == []
    assert asked(Calendar(EQUAL, "month"), summer) == []
    assert asked(Calendar(EQUAL, "week"), summer) == ["07-06"]
    assert len(asked(Calendar(EQUAL, "day"), summer)) == 8


def test_a_band_is_asked_every_day_and_never_is_never_asked(summer: Market) -> None:
    assert len(asked(Threshold(EQUAL), summer)) == 8
    assert asked(Never(EQUAL), summer) == []


def test_the_destination_is_the_target_the_edge_or_within() -> None:
    assert Threshold(EQUAL, 0.02).destination == 0.0
    assert Threshold(EQUAL, 0.02, "edge").destination == 0.02
    assert Threshold(EQUAL, 0.02, Within(0.0175)).destination == 0.0175


def test_forty_thresholds_are_tried_by_default() -> None:
    """Ten bands from 0.5 to 10 points in equal steps of their logarithm, each to target, a quarter, half, and edge."""
    tried = TunedThreshold(EQUAL).candidates()
    bands = sorted({rule.band for rule in tried})
    assert len(tried) == len(set(tried)) == 40
    assert (bands[0], bands[-1]) == (0.005, 0.10)
    assert np.diff(np.log(bands)) == pytest.approx(np.log(20.0) / 9.0, abs=1e-3)
    assert {round(rule.destination / rule.band, 9) for rule in tried} == {0.0, 0.25, 0.5, 1.0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Calendar(EQUAL, "fortnight"), "every is 'fortnight': use one of day, week"),
        (lambda: Calendar(EQUAL, "month", part=0.0), "part is 0.0"),
        (lambda: Threshold(EQUAL, -0.01), "band is -0.01"),
        (lambda: Threshold(EQUAL, float("nan")), "band is nan"),
        (lambda: Threshold(EQUAL, 0.02, "middle"), "to is 'middle': use 'target', 'edge' or Within"),
        (lambda: Threshold(EQUAL, 0.02, Within(0.03)), "destination 0.03 lies outside the band of 0.02"),
        (lambda: Threshold(EQUAL, 0.02, Within(-0.01)), "destination -0.01 lies outside"),
        (lambda: Threshold(EQUAL, 0.02, part=1.5), "part is 1.5"),
        (lambda: Threshold(EQUAL, "x"), "band is 'x': give a plain number, such as 0.02"),
        (lambda: Threshold(EQUAL, True), "band is True: give a plain number"),
        (lambda: Threshold(EQUAL, None), "band is None: give a plain number"),
        (lambda: Threshold(EQUAL, 0.02, 0.01), "to is 0.01: use 'target', 'edge' or Within"),
        (lambda: Threshold(EQUAL, 0.02, part="all"), "part is 'all': give a plain number"),
        (lambda: Calendar(EQUAL, "month", part="all"), "part is 'all': give a plain number"),
        (lambda: Calendar(EQUAL, 3), "every is 3: use one of day, week"),
        (lambda: Within("x"), "half_width is 'x': give a plain number"),
        (
            lambda: TunedThreshold(EQUAL, bands=()),
            r"bands of TunedThreshold is \(\): give a tuple of at least one number",
        ),
        (lambda: TunedThreshold(EQUAL, to=()), r"to of TunedThreshold is \(\): give a tuple of at least one number"),
        (lambda: TunedThreshold(EQUAL, bands=0.02), "bands of TunedThreshold is 0.02: give a tuple"),
        (lambda: TunedThreshold(EQUAL, bands=("x",)), "bands of TunedThreshold is 'x': give a plain number"),
        (lambda: TunedThreshold(EQUAL, bands=(0.01, -0.01)), "try band -0.01 with to 0.0 of it: band is -0.01"),
        (lambda: TunedThreshold(EQUAL, bands=(float("nan"),)), "try band nan with to 0.0 of it: band is nan"),
        (lambda: TunedThreshold(EQUAL, to=(0.0, 2.0)), "to 2.0 of it: destination 0.01 lies outside the band of 0.005"),
        (lambda: TunedThreshold(EQUAL, to=(-0.5,)), "to -0.5 of it: destination -0.0025 lies outside"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
