"""Change points: a planted one is found after it happened, against ruptures' other search, and never moved later."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import ruptures
from simulated import every_day

from foundation.errors import ConfigError
from research.forecast import ChangePoints
from research.market import Market

SEARCH = ChangePoints("A")


@pytest.fixture(scope="module")
def market() -> Market:
    """Three times as volatile from day 300, and as before from day 500."""
    calm = every_day(days=700, n=1, seed=3)
    size = np.where((np.arange(700) >= 300) & (np.arange(700) < 500), 3.0, 1.0)[:, None]
    return Market(
        calm.dates, calm.assets, calm.returns * size, calm.tradable, calm.cash, calm.instruments, calm.prices,
        calendar=calm.calendar,
    )  # fmt: skip


def test_a_planted_change_is_found_once_and_after_it_happened(market: Market) -> None:
    points = SEARCH.found(market.past(699))
    assert len(points) == 2
    for point, day, ratio in zip(points, (300, 500), (3.0, 1 / 3), strict=True):
        assert abs((point.changed - market.dates[day]).days) <= 5
        assert pd.Timedelta(days=21) <= point.detected - point.changed <= pd.Timedelta(days=60)
        assert abs(np.log(point.after / point.before / ratio)) < 0.5  # of 21 days


def test_nothing_is_known_before_its_detection_and_nothing_changes_after_it(market: Market) -> None:
    points = SEARCH.found(market.past(699))
    first = market.row(points[0].detected)
    assert SEARCH.found(market.past(first - 1)) == ()
    assert SEARCH.found(market.past(first)) == points[:1]
    assert SEARCH.found(market.until(market.dates[520]).past(520)) == points[:1]


def test_a_search_is_the_best_segmentation(market: Market) -> None:
    """Dynamic programming over all pairs of changes finds no better ones."""
    moves = SEARCH._moves(market.past(699))
    best = ruptures.Dynp(model="l2", min_size=21, jump=1).fit(moves[200:620]).predict(n_bkps=2)[:-1]
    assert SEARCH._changes(moves[200:620]).tolist() == best


def test_a_line_that_does_not_move_has_no_changes() -> None:
    still = every_day(days=200, n=1)
    still = Market(
        still.dates, still.assets, np.zeros((200, 1)), still.tradable, still.cash, still.instruments, still.prices,
        calendar=still.calendar,
    )  # fmt: skip
    assert SEARCH.found(still.past(199)) == ()


@pytest.mark.parametrize(
    "settings",
    [{"penalty": 0.0}, {"shortest": 1}, {"lookback": 30}, {"schedule": "listing"}],
    ids=lambda s: next(iter(s)),
)
def test_settings_out_of_range_are_refused(settings: dict) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(settings))} of ChangePoints is"):
        ChangePoints("A", **settings)


def test_a_line_that_is_not_listed_yet_has_none(market: Market) -> None:
    tradable = market.tradable.copy()
    tradable[:400] = False
    late = replace(market, tradable=tradable, returns=np.where(tradable, market.returns, 0.0))
    assert SEARCH.found(late.past(300)) == ()
    [point] = SEARCH.found(late.past(699))
    assert abs((point.changed - market.dates[500]).days) <= 5
