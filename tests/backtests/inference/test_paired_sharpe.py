"""Sharpe ratios in a comparison: Lo's interval under each, Ledoit and Wolf's test between two, none where none is."""

import math
from dataclasses import replace

import numpy as np
import pytest

from backtests.inference.block_draws import Resampling
from backtests.inference.estimates import NotAvailable
from backtests.inference.evidence import Evidence, PairedSeries, holm, paired_evidence
from backtests.inference.paired_sharpe import PairedSharpe
from backtests.inference.sharpe_inference import ledoit_wolf
from research.risk.simulation.long_run_variance import newey_west_lags

QUICK = Resampling(block=10, reps=499)
DAYS = 600


def returns(policies: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.0005 + 0.01 * rng.standard_normal((DAYS, 1)) + 0.002 * rng.standard_normal((DAYS, policies))


def weighed(net: np.ndarray, **changed: object) -> Evidence:
    names = tuple(f"p{k}" for k in range(net.shape[1]))
    series = PairedSeries(names, net, np.zeros(len(net)), len(net) * 365.25 / 252, 252)
    found = paired_evidence(series, np.abs(net), "p0", resampling=QUICK)
    return replace(found, ratios=PairedSharpe(np.ascontiguousarray(net.T), 252, QUICK), **changed)


def test_the_interval_is_that_of_statsmodels_with_the_root_of_the_year() -> None:
    """The ratio is a mean of z − S (z² − 1) / 2: its error by statsmodels, with the weights of Newey and West."""
    import statsmodels.api as sm

    net = returns()
    found, x = weighed(net).figures("sharpe")["p1"], net[:, 1]
    ratio, z = x.mean() / x.std(ddof=1), (x - x.mean()) / x.std()
    fit = sm.OLS(z - 0.5 * ratio * (z**2 - 1), np.ones(DAYS)).fit(
        cov_type="HAC", cov_kwds={"maxlags": newey_west_lags(DAYS), "use_correction": False}
    )
    half = 1.959964 * float(fit.bse[0]) * math.sqrt(252)
    assert found.value == weighed(net).estimates["sharpe"][1]
    assert [found.lower, found.upper] == pytest.approx([found.value - half, found.value + half], rel=1e-6)


def test_the_difference_is_that_of_ledoit_and_wolf_and_holm_counts_all_pairs() -> None:
    net = returns()
    found = weighed(net).differences("sharpe")
    plain = [ledoit_wolf(net[:, k], net[:, 0], 252, resampling=QUICK) for k in (1, 2)]
    assert [found[f"p{k}"].p for k in (1, 2)] == [one.p for one in plain]
    assert [found[f"p{k}"].p_holm for k in (1, 2)] == holm([one.p for one in plain]).tolist()
    for k, one in enumerate(plain, start=1):
        assert [found[f"p{k}"].lower, found[f"p{k}"].upper] == pytest.approx([one.lower, one.upper], abs=1e-12)


def test_another_pair_changes_no_bit_and_a_pair_turned_round_is_the_same() -> None:
    net = returns(4)
    many, few = weighed(net), weighed(net[:, :2])
    assert many.differences("sharpe")["p1"].lower == few.differences("sharpe")["p1"].lower
    there, back = many.differences("sharpe")["p1"], many.against("p1").differences("sharpe")["p0"]
    assert (back.value, back.p) == (-there.value, there.p)
    assert [back.lower, back.upper] == pytest.approx([-there.upper, -there.lower], abs=1e-12)


def test_the_same_returns_do_not_differ_whatever_their_leverage() -> None:
    net = returns(1)
    for other in (net, 0.5 * net):
        twin = weighed(np.hstack([net, other])).differences("sharpe")["p1"]
        assert (twin.value, twin.lower, twin.upper, twin.p, twin.verdict) == (0.0, 0.0, 0.0, 1.0, "not significant")


def test_policies_that_differ_on_a_few_days_have_no_test_and_cost_the_others_nothing() -> None:
    net = returns(2)
    late = net[:, :1].copy()
    late[-3:] += 0.001
    found = weighed(np.hstack([net, late]))
    d = found.differences("sharpe")
    assert d["p2"].verdict == "not available"
    assert all(math.isnan(x) for x in (d["p2"].lower, d["p2"].upper, d["p2"].p, d["p2"].p_holm))
    assert d["p2"].value == found.estimates["sharpe"][2] - found.estimates["sharpe"][0] != 0.0
    assert d["p1"].p_holm == d["p1"].p  # the pair without a test is no test to adjust for
    reason = found.ratios.between(2, 0, 0.95)
    assert isinstance(reason, NotAvailable)
    assert "both have the same return" in reason.reason


def test_a_pair_is_computed_once() -> None:
    ratios = PairedSharpe(np.ascontiguousarray(returns().T), 252, QUICK)
    assert ratios.between(1, 0, 0.95) is ratios.between(1, 0, 0.95)
