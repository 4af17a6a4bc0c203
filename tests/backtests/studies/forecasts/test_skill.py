"""Tables of skill against scikit-learn, scipy and pandas; planted skill is found, and models are told apart."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from simulated import every_day
from sklearn.metrics import r2_score

from backtests.studies.forecasts import skill
from backtests.studies.forecasts.walk_forward import ForecastPath, walk_forward
from foundation.errors import ConfigError, DataError
from research.forecast import Estimated

HORIZON = 21


@pytest.fixture(scope="module")
def path() -> ForecastPath:
    return walk_forward(Estimated(window=60), every_day(days=1800, n=5, seed=6), HORIZON)


@pytest.fixture(scope="module")
def seeing(path: ForecastPath) -> ForecastPath:
    """A third of what comes, plus noise."""
    noise = np.random.default_rng(0).normal(0.0, 0.05, path.mean.shape)
    return replace(path, mean=np.where(np.isnan(path.outcome), 0.0, path.outcome) / 3.0 + noise / 3.0)


def test_planted_skill_is_found_and_what_knows_nothing_has_none(path: ForecastPath, seeing: ForecastPath) -> None:
    planted, blind = skill.skill_of_returns(seeing).table(), skill.skill_of_returns(path).table()
    assert (planted["p"] < 0.01).all()
    assert (blind["p"] > 0.05).all()
    assert (list(blind.index), len(blind)) == (list(planted.index), 5)


def test_the_mean_so_far_claims_no_skill_of_returns(path: ForecastPath) -> None:
    drift = replace(path, mean=path.prevailing_mean * (1.0 + 1e-12))
    assert drift.expects_mean_so_far
    assert not path.expects_mean_so_far
    assert skill.skill_of_returns(drift).by_measure == {}
    by_line = skill.skill_by_line(drift)
    assert by_line[["hits beyond chance", "R² of returns"]].isna().all(axis=None)
    assert by_line["hit rate"].notna().all()


def test_each_number_is_that_of_a_peer(path: ForecastPath, seeing: ForecastPath) -> None:
    known, found = np.isfinite(path.outcome).all(axis=1), skill.skill_of_returns(seeing)
    assert found.dates == known.sum()
    ic = np.mean([spearmanr(f, r).statistic for f, r in zip(seeing.mean[known], path.outcome[known], strict=True)])
    assert found.by_measure["rank IC"].value == pytest.approx(ic, abs=1e-12)
    by_line = skill.skill_by_line(replace(seeing, mean=seeing.mean))
    ours = np.square(seeing.mean - path.outcome)[known].sum(axis=0)
    theirs = np.square(path.prevailing_mean - path.outcome)[known].sum(axis=0)
    np.testing.assert_allclose(by_line["R² of returns"], 1.0 - ours / theirs, rtol=1e-12)
    hits, rises, expected = ((one[known] > 0.0) for one in (seeing.mean * path.outcome, path.outcome, seeing.mean))
    chance = rises.mean(axis=0) * expected.mean(axis=0) + (1.0 - rises.mean(axis=0)) * (1.0 - expected.mean(axis=0))
    np.testing.assert_allclose(by_line["hit rate"], hits.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(by_line["hits beyond chance"], hits.mean(axis=0) - chance, rtol=1e-9)
    outcome, *logs = (np.log(v) for v in (path.realised, np.square(path.deviation), path.last_variance))
    centred = []
    for log in logs:
        so_far = pd.DataFrame(outcome - log).shift().expanding()
        means = (so_far.mean() * so_far.count()).sum(axis=1) / so_far.count().sum(axis=1)
        centred.append(log + means.to_numpy()[:, None])
    told = np.isfinite(centred[0] + centred[1] + outcome).all(axis=1)
    ours, theirs = (1.0 - r2_score(outcome[told].ravel(), one[told].ravel()) for one in centred)
    assert skill.skill_of_variances(path).by_measure["R² of log variance over the random walk"].value == pytest.approx(
        1.0 - ours / theirs
    )


def test_a_constant_variance_is_worth_more_than_the_last_one_and_its_intervals_cover(path: ForecastPath) -> None:
    true = replace(path, mean=np.full_like(path.mean, 0.0003 * 21), deviation=np.full_like(path.mean, 0.01 * 21**0.5))
    found = skill.skill_of_variances(true).by_measure
    assert found["R² of log variance over the random walk"].lower > 0.3  # one half: the last one errs as the next
    assert found["gain in QLIKE over the random walk"].lower > 0.0
    assert found["coverage of 90 % intervals"].lower < 0.9 < found["coverage of 90 % intervals"].upper


def test_groups_and_horizons_are_parts_of_the_whole(path: ForecastPath, seeing: ForecastPath) -> None:
    years = skill.skill_by_group(seeing, path.dates.year.to_list())
    known = np.isfinite(path.outcome).any(axis=1)
    assert years["dates"].tolist() == pd.Series(known).groupby(path.dates.year).sum().tolist()
    whole = skill.skill_of_returns(seeing).by_measure
    assert np.average(years["rank IC"], weights=years["dates"]) == pytest.approx(whole["rank IC"].value)
    for year, days in pd.Series(range(len(path.dates))).groupby(path.dates.year):
        some = days[known[days]].to_numpy()
        hits, rises, expected = (of[some] > 0.0 for of in (seeing.mean * path.outcome, path.outcome, seeing.mean))
        chance = (rises.mean(axis=0) * expected.mean(axis=0)) + (~rises).mean(axis=0) * (~expected).mean(axis=0)
        if len(some):
            assert years.loc[year, "hits beyond chance"] == pytest.approx((hits.mean(axis=0) - chance).mean())
    ahead = skill.decay(seeing, (21, 63))
    assert ahead.loc[21, "rank IC"] == pytest.approx(whole["rank IC"].value, abs=1e-12)
    assert ahead.loc[63, "rank IC"] < ahead.loc[21, "rank IC"]
    with pytest.raises(DataError, match="2 assets have no ranks"):
        skill.decay(walk_forward(Estimated(window=60), every_day(days=400, n=2), HORIZON))


def test_a_group_in_which_no_sign_changes_has_no_hits_beyond_chance() -> None:
    """Pesaran and Timmermann: where all rise and were expected to, nothing was foreseen; nor where all fall."""
    one = walk_forward(Estimated(window=60), every_day(days=900, n=1), HORIZON)
    told = replace(one, mean=np.nan_to_num(one.outcome))
    groups = skill.skill_by_group(told, (told.mean[:, 0] > 0.0).tolist())
    assert groups["dates"].min() > 5
    assert groups["hits beyond chance"].tolist() == pytest.approx([0.0, 0.0], abs=1e-15)


def test_the_better_of_two_is_told_and_the_worse_leaves_the_set(path: ForecastPath, seeing: ForecastPath) -> None:
    worse = replace(path, mean=path.mean + 0.1)
    found = skill.compared({"seeing": seeing, "plain": path, "worse": worse}, "squared error", "plain")
    assert found["in the set"].to_dict() == {"seeing": True, "plain": False, "worse": False}
    assert (found.loc[["seeing", "worse"], "p"] < 0.01).all()
    assert found.loc["seeing", "difference"] < 0.0 < found.loc["worse", "difference"]
    losses = {
        name: np.nanmean(skill.loss_by_date(one, "squared error"))
        for name, one in (("seeing", seeing), ("plain", path))
    }
    assert found.loc["seeing", "difference"] == pytest.approx(losses["seeing"] - losses["plain"], abs=1e-15)
    assert "in the set" not in skill.compared({"plain": path, "worse": worse}, "log score", "plain")
    with pytest.raises(ConfigError, match="loss is 'mse'"):
        skill.compared({"plain": path}, "mse", "plain")
    other = walk_forward(Estimated(window=60), path.market, 5)
    with pytest.raises(DataError, match="compare forecasts of one market and horizon"):
        skill.compared({"plain": path, "short": other}, "QLIKE", "plain")
