"""The blend of signals: its weights, its parts, what it leaves out and what it refuses."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated import every_day

from foundation.errors import DataError
from research.forecast import Estimated, Moments
from research.forecast.signals.blend import SignalBlend, blend
from research.forecast.signals.expected import Expected, signal_history
from research.market import Market, delist, market_from_frame

SHORT = SignalBlend(horizon=5, momentum=(21, 63), reversion=((5, 63),), averages=(10.0,), estimate=100)


class Said:
    """A signal that expects what it is given."""

    name, window = "said", 1

    def __init__(self, mean: float, error: float) -> None:
        self.said = Expected("said", np.zeros(2), np.full(2, mean), np.full(2, error), 0.0, 0.0)

    def expected(self, past: object) -> Expected:
        return self.said


def test_parts_are_weighted_by_one_over_their_squared_errors() -> None:
    found = blend((Said(0.01, 0.02), Said(0.04, 0.04)), signal_history(every_day(n=2).past(299), 5), ("A", "B"))
    np.testing.assert_allclose(found.weights, [[0.8, 0.8], [0.2, 0.2]])
    np.testing.assert_allclose(found.mean, 0.016)
    np.testing.assert_allclose(found.error, 0.024)
    assert found.summary().iloc[2][["mean", "weight"]].tolist() == pytest.approx([0.016, 1.0])


def test_every_part_is_seen_and_the_blend_lies_between_them() -> None:
    found = SHORT.blend(every_day(days=500).past(499))
    assert [part.name for part in found.parts] == ["momentum", "reversion", "average"]
    np.testing.assert_allclose(found.weights.sum(axis=0), 1.0)
    means = np.array([part.mean for part in found.parts])
    assert ((means.min(axis=0) <= found.mean) & (found.mean <= means.max(axis=0))).all()


def test_the_covariance_is_ledoit_and_wolfs_over_the_horizon() -> None:
    past = every_day(days=500).past(499)
    found = SHORT.predict(past)
    np.testing.assert_allclose(found.covariance, 5.0 * Estimated(window=100).predict(past).covariance)
    assert (found.horizon, found.seen) == (5, past.date)


def test_it_is_first_asked_with_its_window() -> None:
    market = every_day(days=500)
    found = SHORT.predict(market.past(SHORT.window))
    assert isinstance(found, Moments)
    assert (found.assets, found.seen) == (market.assets, market.dates[SHORT.window])
    with pytest.raises(DataError, match="too few"):
        SHORT.predict(market.past(SHORT.window - 10))


def test_the_order_of_columns_does_not_matter(facts_market: Market) -> None:
    order = [3, 0, 4, 2, 1]
    turned = facts_market.select([facts_market.assets[i] for i in order])
    one, other = SHORT.predict(facts_market.past(700)), SHORT.predict(turned.past(700))
    np.testing.assert_allclose(other.mean, one.mean[order], rtol=1e-9)


def test_a_line_listed_late_joins_when_its_scores_are_known(facts_market: Market) -> None:
    assert "VWO" not in SHORT.predict(facts_market.past(480)).assets
    assert "VWO" in SHORT.predict(facts_market.past(501)).assets


@pytest.mark.parametrize("row", [400, 555, 799])
def test_later_days_change_nothing_to_the_bit(facts_market: Market, row: int) -> None:
    later = np.arange(800)[:, None] > row
    changed = replace(facts_market, returns=np.where(later, -0.5 * facts_market.returns, facts_market.returns))
    one, other = (SHORT.predict(market.past(row)) for market in (facts_market, changed))
    assert one.mean.tobytes() == other.mean.tobytes()
    assert one.covariance.tobytes() == other.covariance.tobytes()


def test_a_line_that_does_not_move_is_left_out_and_the_others_are_forecast() -> None:
    market = every_day(days=500)
    returns = market.returns.copy()
    returns[430:, 2] = 0.0
    found = SHORT.predict(replace(market, returns=returns).past(499))
    assert found.assets == ("A", "B")
    assert found.notes[0].startswith(f"C has not moved since {market.days[429]}, and is left out: correct its prices")
    np.testing.assert_allclose(
        found.covariance, 5.0 * Estimated(window=100).predict(market.select(["A", "B"]).past(499)).covariance
    )
    returns[430:] = 0.0
    said = "returns of A, B, C do not vary in the 100 sessions, or the 35 days, to 2021-05-14"
    with pytest.raises(DataError, match=said):
        SHORT.predict(replace(market, returns=returns).past(499))


def test_an_exit_counts_among_the_outcomes() -> None:
    prices = 100.0 * np.cumprod(1.0 + every_day(days=300).returns, axis=0)
    prices[201:, 2] = np.nan
    frame = pd.DataFrame(prices, index=pd.date_range("2020-01-01", periods=300), columns=list("ABC"))
    market = delist(market_from_frame(frame, calendar="24/7", missing="halt"), "C", frame.index[205], -0.3)
    found = signal_history(market.past(299), 5)
    assert found.total[209, 2] - found.total[204, 2] == pytest.approx(-0.3)  # the five days after row 203
    assert (found.excess[206:, 2] == 0.0).all()
