"""Settings of the rules, and on which days they are asked."""

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.allocation import EqualWeights, target_path
from research.forecast import VolatilityPercentiles
from research.market import Market, instruments_table
from research.portfolio import RULES
from research.rules import Calendar, Never, RegimeThreshold, Threshold, TunedThreshold, Within
from research.rules.standard_rule import Estimates

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


def known(target: list[list[float]]) -> Estimates:
    """Targets, and nothing else that a plain band needs."""
    rows = np.array(target)
    none = np.zeros((0, *[rows.shape[1]] * 2))
    return Estimates(rows, np.zeros(len(rows), dtype=bool), none, np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), None)  # type: ignore[arg-type]


def asked(rule: Never | Calendar | Threshold, market: Market) -> list[str]:
    bands = rule.no_trade_bands(market, target_path(EQUAL, market))
    return market.dates[bands.asked].strftime("%m-%d").tolist()


def test_a_calendar_asks_the_exchange_and_where_its_session_has_no_row_the_row_after(summer: Market) -> None:
    """28 June is the last row of the quarter and not its last session; 6 July is a Friday, the end of a whole week."""
    assert asked(Calendar(EQUAL, "quarter"), summer) == ["07-02"]
    assert asked(Calendar(EQUAL, "month"), summer) == ["07-02"]
    assert asked(Calendar(EQUAL, "week"), summer) == ["07-02", "07-06"]
    assert len(asked(Calendar(EQUAL, "day"), summer)) == 8


def test_a_band_is_asked_every_day_and_never_is_never_asked(summer: Market) -> None:
    assert len(asked(Threshold(EQUAL), summer)) == 8
    assert asked(Never(EQUAL), summer) == []


def test_the_destination_is_the_target_the_edge_or_within() -> None:
    assert Threshold(EQUAL, 0.02).destination == 0.0
    assert Threshold(EQUAL, 0.02, "edge").destination == 0.02
    assert Threshold(EQUAL, 0.02, Within(0.0175)).destination == 0.0175


# -- relative bands --------------------------------------------------------------------------------------------------


def test_daryanani_acts_outside_48_and_72_and_goes_back_to_54_or_66() -> None:
    """A fifth of a target of 60 points is 12, half of it 6; of cash's 40 it is 8 and 4. Daryanani (2008)."""
    rows = Threshold(EQUAL, 0.2, Within(0.1), kind="relative").rows(known([[0.6]]))
    assert [rows["trigger_lower"][0, 0], rows["trigger_upper"][0, 0]] == pytest.approx([0.48, 0.72], abs=1e-15)
    assert [rows["lower"][0, 0], rows["upper"][0, 0]] == pytest.approx([0.54, 0.66], abs=1e-15)
    assert rows["cash"][0] == pytest.approx([0.32, 0.48, 0.36, 0.44], abs=1e-15)


def test_the_5_25_rule_takes_whichever_is_tighter() -> None:
    """A quarter of 40 points is 10, more than 5; a quarter of 10 is 2.5. At the edge the box is the trigger's."""
    rows = Threshold(EQUAL, 0.25, "edge", kind="relative", cap=0.05).rows(known([[0.4, 0.5, 0.1]]))
    assert rows["trigger_upper"][0] == pytest.approx([0.45, 0.55, 0.125], abs=1e-15)
    assert (rows["upper"] == rows["trigger_upper"]).all()
    assert (rows["lower"] == rows["trigger_lower"]).all()


def test_a_destination_below_a_cap_keeps_its_share_of_it() -> None:
    """Half of a band that is capped at 5 points is 2.5."""
    rows = Threshold(EQUAL, 0.25, Within(0.125), kind="relative", cap=0.05).rows(known([[0.4, 0.5, 0.1]]))
    assert rows["upper"][0] == pytest.approx([0.425, 0.525, 0.1125], abs=1e-15)


def test_a_target_of_zero_has_the_narrowest_band_of_the_others() -> None:
    """Else its band would be zero, and it would trade for ever; the target leaves no cash, so cash has it too."""
    rows = Threshold(EQUAL, 0.2, kind="relative").rows(known([[0.7, 0.3, 0.0], [0.0, 0.0, 0.0]]))
    assert rows["trigger_upper"][0] == pytest.approx([0.84, 0.36, 0.06], abs=1e-15)
    assert rows["cash"][0] == pytest.approx([-0.06, 0.06, 0.0, 0.0], abs=1e-15)
    assert rows["trigger_upper"][1] == pytest.approx([0.2, 0.2, 0.2], abs=1e-15)  # all is cash


def test_a_short_line_has_a_band_on_both_sides() -> None:
    rows = Threshold(EQUAL, 0.2, kind="relative").rows(known([[-0.5, 1.0]]))
    assert [rows["trigger_lower"][0, 0], rows["trigger_upper"][0, 0]] == pytest.approx([-0.6, -0.4], abs=1e-15)


def test_an_absolute_band_is_the_same_for_all() -> None:
    rows = Threshold(EQUAL, 0.02, Within(0.0175)).rows(known([[0.5, 0.3]]))
    assert rows["upper"][0].tolist() == [0.5 + 0.0175, 0.3 + 0.0175]
    assert rows["cash"][0] == pytest.approx([0.18, 0.22, 0.1825, 0.2175], abs=1e-15)


@cases(
    "settings, message",
    ({"kind": "percent"}, "kind of Threshold is 'percent': a band is 'absolute', 'relative' or 'volatility'"),
    ({"cap": 0.05}, "cap of Threshold is 0.05 of an absolute band of 0.2: it caps a relative one"),
    ({"kind": "relative", "cap": 0.0}, "cap of Threshold is 0.0: it is a half-width above 0"),
    ({"kind": "relative", "cap": "5"}, "cap of Threshold is '5': give a plain number"),
    ({"kind": "relative", "to": Within(0.3)}, "destination 0.3 lies outside the band of 0.2"),
)
def test_a_band_of_no_kind_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Threshold(EQUAL, 0.2, **settings)


def test_forty_thresholds_are_tried_by_default() -> None:
    """Ten bands from 0.5 to 10 points in equal steps of their logarithm, each to target, a quarter, half, and edge."""
    tried = TunedThreshold(EQUAL).candidates()
    bands = sorted({rule.band for rule in tried})
    assert len(tried) == len(set(tried)) == 40
    assert (bands[0], bands[-1]) == (0.005, 0.10)
    assert np.diff(np.log(bands)) == pytest.approx(np.log(20.0) / 9.0, abs=1e-3)
    assert {round(rule.destination / rule.band, 9) for rule in tried} == {0.0, 0.25, 0.5, 1.0}


@cases(
    "make, message",
    (lambda: Calendar(EQUAL, "fortnight"), "Calendar: schedule is 'fortnight': no such calendar period"),
    (
        lambda: Threshold(EQUAL, review_schedule="fortnight"),
        "Threshold: review_schedule is 'fortnight': no such calendar period",
    ),
    (lambda: Threshold(EQUAL, schedule="wensday"), "Threshold: schedule is 'wensday': .* Did you mean 'wednesday'?"),
    (
        lambda: Threshold(EQUAL, review_schedule=0),
        "Threshold: review_schedule is 0: a number of sessions is 1 to 100,000",
    ),
    (lambda: Calendar(EQUAL, "month", fraction=0.0), "fraction of Calendar is 0.0"),
    (lambda: Threshold(EQUAL, -0.01), "band of Threshold is -0.01"),
    (lambda: Threshold(EQUAL, float("nan")), "band of Threshold is nan"),
    (lambda: Threshold(EQUAL, 0.02, "middle"), "to of Threshold is 'middle': use 'target', 'edge' or Within"),
    (lambda: Threshold(EQUAL, 0.02, Within(0.03)), "destination 0.03 lies outside the band of 0.02"),
    (lambda: Threshold(EQUAL, 0.02, Within(-0.01)), "destination -0.01 lies outside"),
    (lambda: Threshold(EQUAL, 0.02, fraction=1.5), "fraction of Threshold is 1.5"),
    (lambda: Threshold(EQUAL, "x"), "band of Threshold is 'x': give a plain number, such as 0.02"),
    (lambda: Threshold(EQUAL, True), "band of Threshold is True: give a plain number"),
    (lambda: Threshold(EQUAL, None), "band of Threshold is None: give a plain number"),
    (lambda: Threshold(EQUAL, 0.02, 0.01), "to of Threshold is 0.01: use 'target', 'edge' or Within"),
    (lambda: Threshold(EQUAL, 0.02, fraction="all"), "fraction of Threshold is 'all': it is more than 0"),
    (lambda: Calendar(EQUAL, "month", fraction="all"), "fraction of Calendar is 'all': it is more than 0"),
    (lambda: Calendar(EQUAL, 0), "schedule is 0: "),
    (lambda: Within("x"), "half_width is 'x': give a plain number"),
    (lambda: TunedThreshold(EQUAL, bands=()), r"bands of TunedThreshold is \(\): give a tuple of at least one number"),
    (lambda: TunedThreshold(EQUAL, to=()), r"to of TunedThreshold is \(\): give a tuple of at least one number"),
    (lambda: TunedThreshold(EQUAL, bands=0.02), "bands of TunedThreshold is 0.02: give a tuple"),
    (lambda: TunedThreshold(EQUAL, bands=("x",)), "bands of TunedThreshold is 'x': give a plain number"),
    (
        lambda: TunedThreshold(EQUAL, bands=(0.01, -0.01)),
        "try band -0.01 with to 0.0 of it: band of Threshold is -0.01",
    ),
    (lambda: TunedThreshold(EQUAL, bands=(float("nan"),)), "try band nan with to 0.0 of it: band of Threshold is nan"),
    (
        lambda: TunedThreshold(EQUAL, to=(0.0, 2.0)),
        "to 2.0 of it: to of Threshold is .*: destination 0.01 lies outside the band of 0.005",
    ),
    (
        lambda: TunedThreshold(EQUAL, to=(-0.5,)),
        "to -0.5 of it: to of Threshold is .*: destination -0.0025 lies outside",
    ),
)
def test_settings_that_make_no_sense_are_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize("held", ["SPY", None, (0.6, 0.4), EqualWeights], ids=repr)
@pytest.mark.parametrize("rule", RULES.values())
def test_what_is_no_allocation_is_refused_by_every_rule(rule: type, held: object) -> None:
    with pytest.raises(ConfigError, match=rf"^allocation of {rule.__name__} is .*: give an allocation, such as Fixed"):
        rule(held, *((VolatilityPercentiles("SPY"),) if rule is RegimeThreshold else ()))
