"""Errors of risk against closed forms, and simulated truth: normal days, GARCH, the drawdown of the next history."""

import math

import numpy as np
import pytest

from backtests.inference import risk_inference
from backtests.inference.block_draws import Resampling
from backtests.inference.slow_waves import wave_error
from foundation.errors import ConfigError, DataError
from research.risk import GBM, Garch, cvar, max_drawdown, nav_path, volatility

COVARIANCE = 0.15**2 * np.array([[1.0, 0.95], [0.95, 1.0]])
MEAN = np.array([0.06, 0.06])
CALM = GBM(MEAN, COVARIANCE, 252)
MOVED = Garch(MEAN, COVARIANCE, 0.06, 0.88, 252)


def days(count: int, seed: int = 0) -> np.ndarray:
    return 0.0003 + 0.01 * np.random.default_rng(seed).standard_normal(count)


# errors


def test_waves_by_hand() -> None:
    """x = cos(π (t − 1/2) / T): its first transform is sqrt(T / 2), all others are zero."""
    x = np.cos(math.pi * (np.arange(8) + 0.5) / 8)
    assert wave_error(x, 2) == pytest.approx(math.sqrt((8 / 2) / 2 / 8), rel=1e-12)
    assert wave_error(x + 5.0, 2) == pytest.approx(wave_error(x, 2), rel=1e-12)


def test_the_error_of_a_mean_is_right_on_average() -> None:
    """Mean square over 2,000 series of 300: 1 / 300 of independent ones, 4 / 300 of an AR(1) with slope 0.5."""
    noise = np.random.default_rng(1).standard_normal((2_000, 350))
    slow = noise.copy()
    for t in range(1, 350):
        slow[:, t] += 0.5 * slow[:, t - 1]
    for series, variance in ((noise, 1.0), (slow, 4.0)):
        assert np.mean([wave_error(row[50:], 6) ** 2 for row in series]) == pytest.approx(variance / 300, rel=0.06)


def test_many_waves_give_the_closed_form_of_normal_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """σ / sqrt(2 T) of a volatility (Lehmann); that of CVaR by simulation of 3,000 samples."""
    x = days(20_000)
    found = risk_inference.risk_with_error(x, 252)
    assert found["volatility"].value == volatility(x, 252)
    assert found["cvar95"].value == cvar(x, 0.95)
    monkeypatch.setattr("backtests.inference.risk_inference.wave_error", lambda influence: wave_error(influence, 50))
    found = risk_inference.risk_with_error(x, 252)
    assert found["volatility"].error == pytest.approx(volatility(x, 252) / math.sqrt(40_000), rel=0.3)
    spread = np.std([cvar(days(1_000, seed)) for seed in range(3_000)])
    errors = [risk_inference.risk_with_error(days(1_000, seed), 252)["cvar95"].error for seed in range(200)]
    assert np.mean(errors) == pytest.approx(spread, rel=0.08)


@pytest.mark.parametrize("model", [CALM, MOVED], ids=["normal", "GARCH"])
def test_intervals_hold_the_true_risk_as_often_as_they_say(model: GBM | Garch) -> None:
    """400 histories of eight years, 95 % within three standard errors and the 2 % of CVaR with GARCH."""
    histories = model.returns(400, 2_014, seed=6)[:, :, 0]
    truth = {"volatility": 0.15, "cvar95": np.mean([cvar(x) for x in model.returns(200, 5_000, seed=7)[:, :, 0]])}
    found = [risk_inference.risk_with_error(x, 252) for x in histories]
    for metric, true in truth.items():
        assert 0.90 <= np.mean([f[metric].lower <= true <= f[metric].upper for f in found]) <= 0.985, metric


@pytest.mark.parametrize("model", [CALM, MOVED], ids=["normal", "GARCH"])
def test_equal_risks_are_called_different_as_often_as_the_level_says(model: GBM | Garch) -> None:
    pairs = model.returns(400, 1_000, seed=8)
    found = [risk_inference.risk_difference(x[:, 0], x[:, 1], 252) for x in pairs]
    for metric in ("volatility", "cvar95"):
        assert 0.02 <= np.mean([f[metric].p <= 0.05 for f in found]) <= 0.085, metric


def test_a_planted_difference_is_found_with_its_sign() -> None:
    x, y = days(1_000), days(1_000, seed=1)
    there, back = risk_inference.risk_difference(3.0 * x, y, 252), risk_inference.risk_difference(y, 3.0 * x, 252)
    for metric in ("volatility", "cvar95"):
        assert there[metric].p < 0.01
        assert there[metric].lower > 0.0
        assert back[metric].value == pytest.approx(-there[metric].value)
        assert (back[metric].lower, back[metric].p) == pytest.approx((-there[metric].upper, there[metric].p))


# drawdown


def test_drawdowns_of_draws_are_those_of_a_plain_loop() -> None:
    x, settings = days(300), Resampling(block=10, reps=100, seed=4)
    rng, on = np.random.default_rng(4), 1.0 - 1.0 / 20

    def rows() -> list[int]:
        drawn: list[int] = []
        while len(drawn) < 300:
            start, u = int(rng.random() * 300), rng.random()
            length, longer = 1, on
            while longer > u and length < 300:
                length, longer = length + 1, longer * on
            drawn += [(start + k) % 300 for k in range(min(length, 300 - len(drawn)))]
        return drawn

    plain = []
    for _ in range(100):
        plain.append(max_drawdown(nav_path(x[rows()][rows()])).depth)
    assert risk_inference.twice_drawn_drawdowns(x[:, None], settings)[:, 0] == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("model", [CALM, MOVED], ids=["normal", "GARCH"])
def test_the_range_holds_the_drawdown_of_the_next_history(model: GBM | Garch) -> None:
    """200 histories, each followed by another of the same law: 95 %, within three standard errors and 1 %."""
    worlds, inside = model.returns(400, 1_500, seed=5)[:, :, 0], 0
    for now, later in zip(worlds[::2], worlds[1::2], strict=True):
        found = risk_inference.predicted_drawdown(now, Resampling(reps=300))
        assert found.value == max_drawdown(nav_path(now)).depth
        inside += found.lower <= max_drawdown(nav_path(later)).depth <= found.upper
    assert 0.895 <= inside / 200 <= 0.99


# the door


LONG = days(300)
LOST = np.where(np.arange(300) == 9, -1.0, LONG)


@pytest.mark.parametrize(("call", "says"), [
    (lambda: risk_inference.risk_with_error(LONG[:249], 252), "249 observations are too few, 250 are needed"),
    (lambda: risk_inference.risk_with_error(np.full(300, 0.01), 252), "all 300 returns are 0.01"),
    (lambda: risk_inference.risk_with_error(np.abs(LONG) + 0.01, 252), "no risk is in them"),
    (lambda: risk_inference.risk_difference(LONG, LONG, 252), "identical"),
    (lambda: risk_inference.predicted_drawdown(LONG, Resampling(block=151)), "302 are needed"),
    (lambda: risk_inference.predicted_drawdown(LOST), "row 9 loses everything"),
])  # fmt: skip
def test_series_that_cannot_be_judged_are_refused(call, says: str) -> None:
    with pytest.raises(DataError, match=says):
        call()


@pytest.mark.parametrize("call", [
    lambda: risk_inference.risk_with_error(LONG, 0),
    lambda: risk_inference.risk_with_error(LONG, 252, level=95),
    lambda: risk_inference.predicted_drawdown(LONG, level=95),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(call) -> None:
    with pytest.raises(ConfigError):
        call()
