"""Targets that an ensemble moves: by hand, and bounded whatever it says."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.service.payload.model import RebalanceRequest
from desk.service.payload.portfolio import market_of_payload
from desk.service.payload.targets import HORIZON, SIGNALS, SURE_TILT, Predictions, moved, predictions, scores
from research.forecast.signals.expected import signal_history
from research.market import Market
from tests.payloads import payload


def market(**keys: object) -> Market:
    return market_of_payload(RebalanceRequest.model_validate(payload(**keys)))


def test_with_few_returns_the_ensemble_is_the_mean_so_far() -> None:
    few = market(n=3, returns=10)
    found, returns = predictions(few), few.returns[1:]
    assert found.members == ("mean so far",)
    assert found.mean == pytest.approx(returns.mean(axis=0))
    assert found.error == pytest.approx(returns.std(axis=0, ddof=1) / math.sqrt(10))


def test_a_shorter_history_counts_from_its_own_first_return() -> None:
    given = payload(2, returns=10)
    given["assets"][1]["historical_returns"] = [0.01, 0.03]
    found = predictions(market_of_payload(RebalanceRequest.model_validate(given)))
    assert (found.mean[1], found.error[1]) == (pytest.approx(0.02), pytest.approx(0.01))
    given["assets"][1]["historical_returns"] = [0.01]
    assert np.isnan(predictions(market_of_payload(RebalanceRequest.model_validate(given))).mean[1])


def test_the_error_is_that_of_a_mixture_of_the_members() -> None:
    year = market(n=3, returns=252)
    found, past = predictions(year), signal_history(year.past(252), HORIZON)
    parts = [signal.expected(past) for signal in SIGNALS]
    assert found.members == ("mean so far", "momentum", "reversion", "average")
    returns = year.returns[1:]
    means = [returns.mean(axis=0), *(part.mean / HORIZON for part in parts)]
    errors = [returns.std(axis=0, ddof=1) / math.sqrt(252), *(part.error / HORIZON for part in parts)]
    for i in range(3):
        centre = sum(m[i] for m in means) / 4
        variance = sum(e[i] ** 2 + (m[i] - centre) ** 2 for m, e in zip(means, errors, strict=True)) / 4
        assert found.mean[i] == pytest.approx(centre)
        assert found.error[i] == pytest.approx(math.sqrt(variance))


def test_a_target_moves_by_the_confidence_that_its_asset_beats_the_others() -> None:
    found = Predictions((), np.array([0.02, 0.01]), np.array([0.005, 0.01]))
    target = np.array([0.5, 0.5])
    sure = [2.0 * NormalDist().cdf(z) - 1.0 for z in (0.005 / 0.005, -0.005 / 0.01)]
    assert scores(found, target) == pytest.approx(sure)
    tilted = [0.5 * (1.0 + SURE_TILT * s) for s in sure]
    assert moved(target, scores(found, target)) == pytest.approx([each / sum(tilted) for each in tilted])


def test_an_asset_without_a_forecast_has_no_score() -> None:
    found = Predictions((), np.array([0.02, np.nan, 0.01]), np.array([0.005, np.nan, 0.01]))
    assert scores(found, np.array([0.3, 0.4, 0.3]))[1] == 0.0
    assert scores(found, np.array([0.0, 1.0, 0.0])).tolist() == [0.0, 0.0, 0.0]


@given(
    st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(-1.0, 1.0)), min_size=1, max_size=8).filter(
        lambda pairs: sum(weight for weight, _ in pairs) > 1e-6
    )
)
def test_moved_targets_keep_their_sum_and_stay_within_the_stated_bounds(pairs: list[tuple[float, float]]) -> None:
    target, score = np.array(pairs).T
    found = moved(target, score)
    assert found.sum() == pytest.approx(target.sum())
    assert (found <= target * (1.0 + SURE_TILT) / (1.0 - SURE_TILT) + 1e-12).all()
    assert (found >= target * (1.0 - SURE_TILT) / (1.0 + SURE_TILT) - 1e-12).all()


def test_noise_is_seldom_believed() -> None:
    """Of independent returns with one mean, a sure forecast is as rare as an error, or nearly so."""
    found = [scores(predictions(market(n=8, returns=252, seed=seed)), np.full(8, 0.125)) for seed in range(20)]
    assert float((np.abs(found) > 0.95).mean()) < 0.1
