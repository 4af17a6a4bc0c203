"""How steady targets are: turnover and spread by hand, and on a market the changes that its rows show."""

import numpy as np
import pandas as pd
import pytest
from simulated import world

from backtests.today.target_changes import target_changes, targets_in_force
from foundation.errors import DataError
from research.allocation import HRP, EqualWeights, TargetPath, target_path

DAYS = pd.date_range("2020-01-01", periods=367)


def test_two_refits_by_hand() -> None:
    rows = np.array([[1.0, 0.0], [0.5, 0.5], [0.5, 0.2]])
    path = TargetPath(("A", "B"), rows, np.repeat([0, 1, 2], [100, 100, 167]), np.array([0, 100, 200]))
    found = target_changes({"a": path}, DAYS, 1).loc["a"]
    assert found["refits"] == 2
    assert found["turnover"] == pytest.approx((0.5 + 0.3) / (365 / 365.25))
    assert found["largest"] == 0.5
    assert found["lines"] == pytest.approx((1.0 + 2.0 + 0.49 / 0.29) / 3.0)
    assert found["most"] == 1.0
    later = target_changes({"a": path}, DAYS, 150).loc["a"]
    assert (later["refits"], later["largest"]) == (1, pytest.approx(0.3))


def test_on_a_market_constant_weights_do_not_change_and_estimated_ones_do() -> None:
    market = world(400, 3)
    paths = {
        name: target_path(model, market, start=150) for name, model in {"1/N": EqualWeights(), "hrp": HRP(100)}.items()
    }
    found = target_changes(paths, market.dates, 150)
    assert found.loc["1/N", ["refits", "turnover", "largest"]].tolist() == [0, 0.0, 0.0]
    assert found.loc["1/N", "lines"] == pytest.approx(3.0)
    moves = np.abs(np.diff(targets_in_force(paths["hrp"], 150), axis=0)).sum(axis=1) / 2.0
    assert found.loc["hrp", "largest"] == pytest.approx(moves.max())
    assert found.loc["hrp", "refits"] == len(moves)


def test_one_day_has_no_turnover_a_year() -> None:
    path = target_path(EqualWeights(), world(10, 2))
    with pytest.raises(DataError, match="have no turnover a year: start earlier"):
        target_changes({"1/N": path}, world(10, 2).dates, 9)
