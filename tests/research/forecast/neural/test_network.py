"""Networks: what they learn of series whose law is known, that nothing varies which should not, what is refused."""

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import every_day

from foundation.errors import DataError
from foundation.stored import read_stored, write_stored
from research.forecast.neural import Network, fitted
from research.forecast.neural.fitted import FittedNetwork, load_network
from research.forecast.neural.series import series
from research.market import Market, market_from_frame, with_facts

SMALL = Network(every=1, history=8, steps=2, epochs=2, batch=64, window=250, levels=(0.1, 0.5, 0.9), dropout=0.0)
FROM = 126 + 1  # the first step's row
BRIEF = replace(SMALL, batch=256)  # three steps of descent an epoch: enough where no accuracy is asserted


def market_of(log_returns: np.ndarray) -> Market:
    """A market whose assets have these log returns (T, n)."""
    market = every_day(*log_returns.shape)
    return replace(market, returns=np.expm1(np.where(np.arange(len(log_returns))[:, None] == 0, 0.0, log_returns)))


def autoregression(days: int, n: int, slope: float, seed: int = 0) -> np.ndarray:
    """(days, n) log returns, each `slope` times the one before and a normal of 1 %."""
    noise = np.random.default_rng(seed).normal(0.0, 0.01, (days, n))
    found = np.zeros_like(noise)
    for t in range(1, days):
        found[t] = slope * found[t - 1] + noise[t]
    return found


@pytest.fixture(scope="module")
def market() -> Market:
    return every_day(420, 3)


@pytest.fixture(scope="module")
def learned(market: Market) -> FittedNetwork:
    return SMALL.fit(market.past(400))


def test_tft_learns_a_pattern_without_noise() -> None:
    wave = 0.01 * np.sin(2.0 * np.pi * (np.arange(420)[:, None] + [0, 3]) / 8.0)
    settings = replace(SMALL, epochs=16, patience=16, learning_rate=3e-2)
    market = market_of(wave)
    found = settings.fit(market.past(400))
    assert found.losses[-1] < found.losses[0]
    forecasts = np.log1p([found.quantiles(market.past(row))[0.5].to_numpy() for row in range(401, 409)])
    came = np.stack([wave[row + 1 : row + 3].T.ravel() for row in range(401, 409)])
    assert np.sqrt(np.mean(np.square(forecasts - came))) < 0.2 * wave.std()


def test_tft_names_the_covariate_that_was_planted() -> None:
    rng = np.random.default_rng(3)
    signal = rng.standard_normal((500, 3))
    log_returns = 0.002 * rng.standard_normal((500, 3))
    log_returns[1:] += 0.01 * signal[:-1]
    plain = market_of(log_returns)
    dates = pd.Index(plain.dates)
    facts = {"noise": rng.standard_normal((500, 3)), "signal": signal}
    market = with_facts(plain, {name: pd.DataFrame(values, dates, plain.assets) for name, values in facts.items()})
    settings = replace(SMALL, facts=tuple(facts), steps=1, history=3, epochs=8, patience=8, learning_rate=2e-2)
    found = settings.fit(market.past(480))
    table = found.importance(market.past(490))
    assert table[table["role"] == "history"].iloc[0]["variable"] == "signal"
    np.testing.assert_allclose(table.groupby("role")["share"].sum(), 1.0, rtol=1e-5)
    attention = found.attention(market.past(490))
    assert attention.index.tolist() == [3, 2, 1]
    assert attention.sum() == pytest.approx(1.0, abs=1e-5)
    medians = np.log1p([found.quantiles(market.past(row))[0.5].to_numpy() for row in range(481, 499)])
    # By chance 54 forecasts correlate by 0.14; a trained network's figure is another on every processor.
    assert np.corrcoef(medians.ravel(), signal[481:499].ravel())[0, 1] > 0.6


def test_an_autoregression_is_forecast_as_in_closed_form() -> None:
    paths = autoregression(900, 4, 0.8)
    settings = replace(SMALL, epochs=20, patience=20, learning_rate=1e-2)
    market = market_of(paths)
    found = settings.fit(market.past(800))
    rows = range(801, 890, 8)
    tables = [np.log1p(found.quantiles(market.past(row))) for row in rows]
    medians = np.stack([table[0.5].to_numpy().reshape(4, 2) for table in tables])
    now = paths[list(rows)]
    for step in (1, 2):
        best = 0.8**step * now
        assert np.sqrt(np.mean(np.square(medians[:, :, step - 1] - best))) < 0.5 * best.std()
    spread = np.stack([table[0.9].xs(1, level="step") for table in tables]) - medians[:, :, 0]
    assert np.median(spread) == pytest.approx(1.2816 * 0.01, rel=0.25)


def test_the_same_seed_gives_the_same_forecast_to_the_bit_in_any_order_of_lines(market: Market) -> None:
    settings = replace(BRIEF, epochs=1, dropout=0.1)
    turned = market.select(market.assets[::-1])
    a, b = (settings.fit(m.past(400)).predict(m.past(410)) for m in (market, turned))
    assert a.mean[::-1].tobytes() == b.mean.tobytes()
    other = replace(settings, seed=1).fit(market.past(400)).predict(market.past(410))
    assert (other.mean != a.mean).any()


def test_a_forecast_is_over_the_horizon_of_its_steps(market: Market, learned: FittedNetwork) -> None:
    found = learned.predict(market.past(410))
    assert (found.horizon, found.seen, found.assets) == (2.0, market.dates[410], market.assets)
    np.testing.assert_allclose(found.volatility, 0.01 * np.sqrt(2.0), rtol=0.5)
    table = learned.quantiles(market.past(410))
    assert table.index.names == ["line", "step"]
    assert table.shape == (6, 3)
    assert (table.diff(axis=1).iloc[:, 1:] >= 0.0).all(axis=None)


def test_nothing_depends_on_days_to_come(market: Market) -> None:
    later = np.arange(420)[:, None] > 400
    cash = np.where(later[:, 0], 0.1, market.cash)
    changed = replace(market, returns=np.where(later, 0.5, market.returns), cash=cash)
    one, two = (series(m.past(400), SMALL) for m in (market, changed))
    assert one.fingerprint == two.fingerprint
    assert one.scales() == two.scales()
    pd.testing.assert_frame_equal(one.frame(one.scales()), two.frame(two.scales()), check_exact=True)
    settings = replace(BRIEF, epochs=1)
    a, b = (settings.fit(m.past(390)).predict(m.past(400)) for m in (market, changed))
    assert a.mean.tobytes() == b.mean.tobytes()
    assert a.covariance.tobytes() == b.covariance.tobytes()


def test_scales_are_of_the_steps_before_validation(market: Market) -> None:
    whole = series(market.past(400), SMALL)
    first = whole.split
    np.testing.assert_allclose(
        whole.scales()["momentum"],
        [whole.observed["momentum"][:first].mean(), whole.observed["momentum"][:first].std()],
    )
    assert len(whole.days) - first == round(0.2 * len(whole.days))


def test_training_that_was_interrupted_ends_at_the_same_bits(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout, which draws in every step."""
    settings = replace(BRIEF, epochs=3, patience=3, dropout=0.1)
    past, told = market.past(400), []
    whole = settings.fit(past)
    judged = fitted.pinball_loss

    def interrupted(*of: object) -> float:
        told.append(1)
        if len(told) == 2:
            raise KeyboardInterrupt
        return judged(*of)  # type: ignore[arg-type]

    monkeypatch.setattr(fitted, "pinball_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        settings.fit(past, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    resumed = settings.fit(past, tmp_path)
    assert len(told) == 4  # one kept, one cut off, two more
    read = settings.fit(past, tmp_path)
    assert len(told) == 4
    for one in (resumed, read):
        assert one.losses == whole.losses
        assert {k: v.tobytes() for k, v in one.weights.items()} == {k: v.tobytes() for k, v in whole.weights.items()}


def test_what_is_saved_comes_back_to_the_bit_and_only_for_its_data_and_versions(
    market: Market, learned: FittedNetwork, tmp_path: Path
) -> None:
    path = learned.save(tmp_path / "network.safetensors")
    back = load_network(path, market.past(410))
    assert back.predict(market.past(410)).mean.tobytes() == learned.predict(market.past(410)).mean.tobytes()
    assert (asdict(back.settings), back.seen, back.losses, back.parameters) == (
        asdict(SMALL), learned.seen, learned.losses, learned.parameters,
    )  # fmt: skip
    with pytest.raises(DataError, match="trained on other returns up to 2021-02-04 than those of this market"):
        load_network(path, every_day(420, 3, seed=1).past(410))
    with pytest.raises(DataError, match="is no session up to 2020-12-31"):
        load_network(path, market.past(365))
    arrays, said = read_stored(path, "network", fitted.NETWORK_FORM, "")
    write_stored(path, arrays, said | {"versions": {"torch": "1.0"}})
    with pytest.raises(DataError, match=r"was trained with torch 1\.0, and this is"):
        load_network(path, market.past(410))
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DataError, match="is not a readable network"):
        load_network(path, market.past(410))


def test_what_is_too_short_or_no_number_is_said_in_words(market: Market) -> None:
    with pytest.raises(DataError, match=r"130 returns up to .* are too few: 8 steps of 1 sessions after 126 need 135"):
        SMALL.fit(market.past(130))
    with pytest.raises(DataError, match=r"200 returns up to .* is fitted on 250 at least"):
        SMALL.fit(market.past(200))
    values = np.ones(market.shape)
    values[:, 1] = np.nan
    holed = with_facts(market, {"carry": pd.DataFrame(values, market.dates, market.assets)})
    with pytest.raises(DataError, match=r"carry of B on .* is nan: networks read finite numbers"):
        replace(SMALL, facts=("carry",)).fit(holed.past(400))
    with pytest.raises(DataError, match="no numeric fact by date 'value': it has carry"):
        replace(SMALL, facts=("value",)).fit(holed.past(400))
    with pytest.raises(DataError, match="the training of tft did not converge: its loss is"):
        replace(SMALL, learning_rate=1e37).fit(market.past(400))
    flat = replace(market, returns=np.where(np.arange(3) == 2, 0.0, market.returns))
    with pytest.raises(DataError, match=r"log_volatility of C on .* is -inf"):
        SMALL.fit(flat.past(400))


def test_a_line_that_was_not_trained_on_is_left_out(learned: FittedNetwork) -> None:
    more = every_day(420, 5)
    assert learned.predict(more.past(410)).assets == ("A", "B", "C")
    with pytest.raises(DataError, match="of those that the network was trained on: A, B, C"):
        learned.predict(more.select(["D", "E"]).past(410))


def test_torch_is_loaded_only_where_a_network_is_fitted() -> None:
    script = (
        "import sys, research.forecast\nfrom research.forecast.neural import Network\nNetwork()\n"
        "print(*{'torch', 'lightning', 'pytorch_forecasting'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_steps_to_come_of_weekly_rows_are_weeks() -> None:
    days = pd.date_range("2015-01-02", periods=300, freq="W-FRI")
    frame = pd.DataFrame(100.0 + np.sin(np.arange(300.0)), days, ["A"])
    found = series(market_from_frame(frame, calendar="24/5").past(299), replace(SMALL, steps=4))
    assert (found.ahead - found.days[-1]).astype(int).tolist() == [7, 14, 21, 28]
