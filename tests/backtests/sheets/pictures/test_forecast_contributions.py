"""Contributions to a forecast as a picture: the largest features first, a point a line, with its place by shape."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backtests.sheets.pictures.forecast_contributions import FEATURES_SHOWN, contributions_picture, swarm

LINES, FEATURES = ("SPY", "AGG", "GLD"), ("momentum_63", "carry_252")
SHARES = np.array([[0.001, 0.006], [-0.001, -0.003], [0.0, -0.003]])
NUMBERS = np.array([[0.1, 0.03], [-0.1, 0.0], [0.0, np.nan]])


def test_the_largest_features_come_first_with_their_numbers() -> None:
    shown = contributions_picture(LINES, FEATURES, SHARES, NUMBERS, 21)
    assert shown.data["feature"].tolist() == ["carry_252"] * 3 + ["momentum_63"] * 3
    assert shown.data["contribution_points"].round(6).tolist() == [0.6, -0.3, -0.3, 0.1, -0.1, 0.0]
    assert shown.caption == (
        "carry_252 (0.40) and momentum_63 (0.07) contribute most, in percentage points of the return over 21 sessions, "
        "as a mean over assets; the largest single contribution is that of carry_252 for SPY, +0.60."
    )
    assert shown.alt == "Mean contribution, points: carry_252 0.40; momentum_63 0.07."
    assert ">carry_252</text>" in shown.wide
    assert shown.narrow.count("var(--paper)") == 1  # the ring of what is not known
    assert contributions_picture(LINES, FEATURES, SHARES, NUMBERS, 21).wide == shown.wide


def test_few_features_are_drawn_of_many_and_the_caption_says_so() -> None:
    rng = np.random.default_rng(0)
    names = [f"f{k:02}" for k in range(20)]
    shown = contributions_picture(LINES, names, rng.normal(size=(3, 20)), rng.normal(size=(3, 20)), 5)
    assert f"The {FEATURES_SHOWN} largest features of 20 are drawn." in shown.caption
    assert sum(f">{name}</text>" in shown.wide for name in names) == FEATURES_SHOWN
    assert len(shown.data) == 60


def test_a_forecast_that_is_the_same_for_all_is_said_to_be() -> None:
    shown = contributions_picture(LINES, FEATURES, np.zeros((3, 2)), NUMBERS, 21)
    assert shown.caption == "No feature distinguishes the assets: the forecast is the same for all."


@given(x=st.lists(st.floats(0.0, 300.0), min_size=1, max_size=30))
def test_points_stay_in_their_row_and_apart_while_there_is_room(x: list[float]) -> None:
    places = np.array(x)
    moved = swarm(places, 6.0, 5.0, 10.0)
    assert np.abs(moved).max() <= 10.0
    for level in np.unique(moved):
        near = np.diff(np.sort(places[moved == level])) < 6.0
        assert not near.any() or len(places) > 5
