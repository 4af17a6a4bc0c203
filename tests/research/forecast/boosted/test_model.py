"""Boosted trees as a forecast: a planted signal is found, chance is not taken for skill, and no later day is seen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted import planted

from benchmarks.planted_signals import recovered
from foundation.errors import ConfigError, DataError, PolicyError
from research.forecast import Boosted, Refitted, Trained
from research.forecast.boosted.libraries import BOOSTING_LIBRARIES, Library
from research.forecast.boosted.model import sentence
from research.forecast.covariances import covariance
from research.forecast.earned import view_of
from research.forecast.skill import rank_correlations
from research.market import Market, load_market

SMALL = Boosted(horizon=5, window=450, rounds=40, min_data_in_leaf=20)
FIT = 700


@pytest.fixture(scope="module")
def market() -> Market:
    return planted()


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
def test_a_planted_signal_is_found_out_of_sample(market: Market, library: Library) -> None:
    fitted = replace(SMALL, library=library).fit(market.past(FIT))
    assert fitted.trust > 0.5
    rows = np.arange(FIT, len(market.dates) - 5, 5)  # outcomes that do not overlap
    forecast = np.array([fitted.predict(market.past(int(row))).mean for row in rows])
    level = np.cumprod(1.0 + market.returns, axis=0)
    found = rank_correlations(forecast, level[rows + 5] / level[rows] - 1.0)
    assert found.mean() / (found.std(ddof=1) / np.sqrt(len(found))) > 4.0
    shares = fitted.contributions(market.past(FIT)).abs().sum()
    assert set(shares.nlargest(2).index) == {"fact_score", "rank_fact_score"}


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
def test_most_of_a_planted_rank_correlation_is_recovered_on_later_days(library: Library) -> None:
    """Three markets of `benchmarks.planted_signals`, in which the signal itself has a rank correlation of 0.13."""
    there, ours, trusted, _ = np.mean([recovered(Boosted(library), "linear", seed) for seed in range(3)], axis=0)
    assert 0.10 < there < 0.16
    assert ours > 0.65 * there
    assert trusted == 1.0


def test_drawn_days_show_skill_in_one_of_twenty_markets_at_most() -> None:
    """Days of eight stocks, less their means, drawn with replacement: their returns keep tails and correlations."""
    stocks = load_market("sp500_20")
    stocks = stocks.select(stocks.assets[:8]).until(stocks.dates[699])
    returns = stocks.returns[1:] - stocks.returns[1:].mean(axis=0)
    model, trusted = replace(SMALL, rounds=20), 0
    for seed in range(100):
        drawn = np.random.default_rng(seed).integers(0, len(returns), len(returns))
        fitted = model.fit(replace(stocks, returns=np.vstack([np.zeros(8), returns[drawn]])).past(699))
        trusted += fitted.trust > 0.0
    assert trusted <= 5


def test_without_skill_means_are_those_so_far_and_the_notes_say_so() -> None:
    market = planted(strength=0.0, seed=4)
    fitted = SMALL.fit(market.past(FIT))
    found = fitted.predict(market.past(FIT))
    assert fitted.trust == 0.0
    np.testing.assert_allclose(found.mean, 5 * market.returns[1 : FIT + 1].mean(axis=0), rtol=1e-9)
    view = view_of(Trained(fitted), market.past(FIT))
    assert not view.tilt.any()
    day = f"{market.dates[FIT]:%Y-%m-%d}"
    assert found.notes == view.notes
    assert found.notes == (f"boosted trees of {day} showed no skill: each asset is expected to return its mean so far",)
    raw = replace(SMALL, calibrated=False).fit(market.past(FIT))
    assert raw.text == fitted.text
    assert np.ptp(raw.predict(market.past(FIT)).mean) > 0.0


def test_moments_are_of_the_horizon(market: Market) -> None:
    found = SMALL.fit(market.past(FIT)).predict(market.past(FIT + 3))
    assert (found.assets, found.horizon, found.seen) == (market.assets, 5.0, market.dates[FIT + 3])
    year = market.returns[FIT + 3 - 251 : FIT + 4]
    np.testing.assert_allclose(found.covariance, 5.0 * covariance("ledoit_wolf", year, 1.0), rtol=1e-12)


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
@pytest.mark.parametrize("row", [500, FIT, 850])
def test_no_forecast_depends_on_later_days(market: Market, library: Library, row: int) -> None:
    later = np.arange(len(market.dates))[:, None] > row
    changed = replace(
        market, returns=np.where(later, -0.5 * market.returns, market.returns),
        cash=np.where(later[:, 0], 0.01, market.cash),
        facts={name: np.where(later, 9.0, fact) for name, fact in market.facts.items()},
    )  # fmt: skip
    forecast = Refitted(replace(SMALL, library=library, calibrated=False))
    forecast.predict(market.past(len(market.dates) - 1))  # what later days leave in memory
    found = [forecast.predict(m.past(row)) for m in (market, changed, market.until(market.dates[row]))]
    assert len({moments.mean.tobytes() + moments.covariance.tobytes() for moments in found}) == 1


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
def test_the_same_fit_gives_the_same_bits_in_any_order_of_columns(market: Market, library: Library) -> None:
    model, order = replace(SMALL, library=library, calibrated=False), [3, 1, 7, 0, 2, 6, 5, 4]
    other = market.select([market.assets[k] for k in order])
    one, two, again = (model.fit(m.past(FIT)) for m in (market, other, market))
    assert one == again
    assert (one.features, one.skill, one.text) == (two.features, two.skill, two.text)
    here, there = one.predict(market.past(FIT + 9)), two.predict(other.past(FIT + 9))
    assert here.mean[order].tobytes() == there.mean.tobytes()


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
def test_contributions_and_the_mean_sum_to_the_forecast(market: Market, library: Library) -> None:
    fitted = replace(SMALL, library=library, calibrated=False).fit(market.past(FIT))
    past = market.past(FIT + 20)
    shares = fitted.contributions(past)
    assert tuple(shares.columns) == tuple(fitted.numbers(past).columns) == fitted.features
    np.testing.assert_allclose(
        shares.sum(axis=1).to_numpy() + fitted.base(past).to_numpy(),
        fitted.predict(past).mean,
        atol=1e-15 if library == "lightgbm" else 1e-8,
    )
    assert list(fitted.sentences(past)) == list(market.assets)


def test_a_monotone_feature_keeps_its_sign(market: Market) -> None:
    free = {"fact_score", "rank_fact_score"}
    names = SMALL.fit(market.past(FIT)).features
    falling = replace(SMALL, monotone=dict.fromkeys(free, -1)).fit(market.past(FIT))
    assert falling.features == names
    assert (falling.contributions(market.past(FIT))[sorted(free)].abs().sum() < 1e-12).all()
    with pytest.raises(ConfigError, match=r"monotone of Boosted is for 'fact_scores', no feature\. Did you mean"):
        replace(SMALL, monotone={"fact_scores": 1}).fit(market.past(FIT))


def test_what_is_not_known_of_any_line_on_the_day_is_refused(market: Market) -> None:
    score = market.facts["score"].copy()
    score[FIT + 10 :, :3] = np.nan
    some = replace(market, facts={**market.facts, "score": score})
    fitted = SMALL.fit(some.past(FIT))
    assert len(fitted.predict(some.past(FIT + 10)).assets) == 8
    score = np.where(np.arange(len(score))[:, None] > FIT + 5, np.nan, score)
    none = replace(market, facts={**market.facts, "score": score})
    day = f"{market.dates[FIT + 10]:%Y-%m-%d}"
    with pytest.raises(DataError, match=f"fact_score, rank_fact_score on {day} is known of no asset"):
        fitted.predict(none.past(FIT + 10))
    with pytest.raises(DataError, match=r"read fact_noise, rank_fact_noise, which this market does not have"):
        fitted.predict(replace(market, facts={"score": market.facts["score"]}).past(FIT + 10))


def test_a_fact_that_is_not_known_yet_is_left_out_of_the_fit(market: Market) -> None:
    noise = np.where(np.arange(len(market.dates))[:, None] > FIT - 5, market.facts["noise"], np.nan)
    model = replace(SMALL, monotone={"fact_noise": 1})
    fitted = model.fit(replace(market, facts={**market.facts, "noise": noise}).past(FIT))
    assert "fact_noise" not in fitted.features
    assert "fact_score" in fitted.features


def test_a_day_before_the_fit_and_too_few_days_are_refused(market: Market) -> None:
    fitted = SMALL.fit(market.past(FIT))
    for forecast in (fitted, Trained(fitted)):
        with pytest.raises(PolicyError, match="later data"):
            forecast.predict(market.past(FIT - 1))
    with pytest.raises(DataError, match="are too few to train and judge boosted trees over a horizon of 5"):
        SMALL.fit(market.past(300))


def test_one_line_has_no_others_to_be_compared_with(market: Market) -> None:
    fitted = SMALL.fit(market.select(["L0"]).past(FIT))
    assert fitted.trust == 0.0
    past = market.select(["L0"]).past(FIT)
    assert fitted.predict(past).mean.tolist() == fitted.base(past).tolist()


def test_the_shortest_window_suffices() -> None:
    for horizon, step, embargo in ((5, 5, 5), (21, 5, 5), (10, 3, 25), (1, 1, 0)):
        model = Boosted(horizon=horizon, step=step, embargo=embargo, window=5000, min_data_in_leaf=5)
        with pytest.raises(ConfigError) as refused:
            replace(model, window=1)
        window = int(str(refused.value).split("needs ")[1].rstrip("."))
        long = planted(days=window + 40, n=3)
        for row in range(window, window + 2 * step):
            assert replace(model, window=window).fit(long.past(row)).seen == pd.Timestamp(long.dates[row])


def test_the_largest_contributions_are_named_with_their_values() -> None:
    shares = pd.Series({"a": 0.001, "b": -0.006, "c": 0.0001, "d": -0.002})
    values = pd.Series({"a": np.nan, "b": 0.123456, "c": 1.0, "d": -2.0})
    assert sentence("SPY", 0.01, shares, values, 21) == (
        "SPY is expected to return 0.31 % over 21 sessions, 0.69 points less than its mean so far: b of "
        "0.123 takes 0.60 points, d of -2 takes 0.20, a not known adds 0.10."
    )


def test_a_line_without_contributions_has_its_mean_so_far() -> None:
    zeros = pd.Series({"a": 0.0, "b": 1e-6})
    expected = "SPY is expected to return 1.00 % over 21 sessions, its mean so far: no feature distinguishes it."
    assert sentence("SPY", 0.01, zeros, zeros, 21) == expected
