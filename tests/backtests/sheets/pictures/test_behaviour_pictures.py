"""The pictures of the section on behaviour: what is drawn, thinned and left out, and what their captions say."""

import re

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.descriptions.cost_levels import COST_LEVELS, BreakEven, CostLevels
from backtests.evaluation.holding_windows import HoldingWindows
from backtests.sheets.pictures.comparison.costs import break_even_words, cost_levels_picture, costs_picture
from backtests.sheets.pictures.comparison.months import holding_windows_picture
from foundation.paper.styles import LineStyle

STYLES = {
    name: LineStyle(colour) for name, colour in {"one": "sky", "two": "ink", "far": "green", "slow": "wine"}.items()
}


def windows(months: int, years: int, scale: float = 1e-3) -> HoldingWindows:
    """A difference that is +scale where the start is in an even row, and -scale else."""
    starts = pd.date_range("2009-12-31", periods=months, freq="ME")
    ends = pd.DataFrame({k + 1: starts + pd.DateOffset(years=k + 1) for k in range(years)})
    signs = np.where(np.arange(months) % 2 == 0, scale, -scale)
    return HoldingWindows(starts, ends, np.repeat(signs[:, None], years, axis=1), "one", "two")


def test_a_short_test_has_every_month_and_a_long_one_every_third() -> None:
    short, long = (holding_windows_picture(windows(months, 3)) for months in (80, 200))
    assert short is not None
    assert long is not None
    assert "the end of each month" in short.wide
    assert short.wide.count("fill:var(--sky)") > 100
    assert "the end of each third month" in long.wide
    assert len(long.data) == 600  # the CSV has every month


def test_the_years_stand_where_they_begin() -> None:
    shown = holding_windows_picture(windows(60, 2))
    assert shown is not None
    assert re.findall(r">(20\d\d)<", shown.wide) == ["2010", "2011", "2012", "2013", "2014"]


def test_equal_paths_have_a_map_without_colour_and_no_division() -> None:
    shown = holding_windows_picture(windows(24, 1, scale=0.0))
    assert shown is not None
    assert "positive in 0 % of 24 windows" in shown.caption
    assert "nan" not in shown.wide.lower()


def test_what_is_won_in_half_of_the_windows_is_said() -> None:
    shown = holding_windows_picture(windows(24, 2))
    assert shown is not None
    assert "net: −10 (2010-01, 1 year) to +10 (2009-12, 1 year) bp a year, positive in 50 % of 48" in shown.caption
    assert holding_windows_picture(windows(0, 0)) is None


@pytest.fixture
def levels() -> CostLevels:
    rows = [{"policy": "one", "cost_bps": c, "loss": 1.0 + 0.2 * c, "growth": 0.05} for c in COST_LEVELS]
    rows += [{"policy": "two", "cost_bps": c, "loss": 3.0 + 0.1 * c, "growth": 0.05} for c in COST_LEVELS]
    rows += [{"policy": "far", "cost_bps": c, "loss": 1400.0, "growth": 0.06} for c in COST_LEVELS]
    rows += [{"policy": "slow", "cost_bps": c, "loss": 0.5, "growth": 0.05} for c in (0.0, 5.0, 20.0, 50.0)]
    root = BreakEven("one", 20.0, 0.0, "one")
    return CostLevels(pd.DataFrame(rows), (root,), "two", ("one", "far"), ("slow",))


def test_the_picture_of_costs_leaves_out_what_would_flatten_it(levels: CostLevels) -> None:
    shown = cost_levels_picture(levels, STYLES, "one")
    assert shown.caption == (
        "one and two change places at 20.0 bp a side. Lowest J at 0 bp: slow; at 50 bp: slow. Off scale: "
        "far (up to 1,400)."
    )
    assert "var(--green)" not in shown.wide
    assert "cost of every asset, bp of notional a side" in shown.wide
    assert "Loss J" in shown.wide
    assert len(shown.data) == 3 * len(COST_LEVELS) + 4


def test_a_policy_without_a_break_even_is_lower_higher_or_was_not_searched(levels: CostLevels) -> None:
    assert break_even_words(levels, "far") == "far has a higher J than two at every level"
    assert break_even_words(levels, "slow") == "slow and two were not searched for a break-even"
    assert cost_levels_picture(levels, STYLES, "two").caption.startswith("Lowest J at 0 bp")


def test_a_line_of_equal_loss_has_no_name_where_it_would_touch_the_one_before() -> None:
    parts = {"commission": [0.06, 0.1], "half_spread": [0.06, 0.09], "cost": [0.12, 0.19], "opening_cost": [1.0, 1.0]}
    losses = {"tracking_error": [0.0059, 0.002], "tracking_loss": [0.87, 0.1], "loss": [0.99, 0.29]}
    table = pd.DataFrame({"policy": ["yearly", "tuned"], **parts, **losses})
    drawn = costs_picture(table, {name: LineStyle("ink") for name in table["policy"]}, 5.0, None)
    ends = [float(x) for x in re.findall(r'x="([\d.]+)" y="[\d.]+">J [\d.]+<', drawn.narrow)]
    assert len(ends) == 3
    assert min(np.diff(ends)) > 34.0  # px: five letters, and a gap
