"""Every figure has an interval or says why not; pairs against closed forms, formulas by hand and other libraries."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.comparison import PairedBacktests, compare
from backtests.engine import backtest
from backtests.evaluation.backtest_figures import metric_groups
from backtests.evaluation.metrics import METRICS, PREDICTIVE
from backtests.inference.block_draws import Resampling, drawn_means
from backtests.inference.estimates import Estimate, NotAvailable
from backtests.inference.evidence import Evidence, PairedSeries, paired_evidence
from backtests.inference.intervals import DRIFTING, FOUND_BY, interval_records
from backtests.inference.pair_words import detectable_words, superior, without_interval
from backtests.inference.pairs import METHODS as PAIRED
from backtests.inference.pairs import any_loses_less
from backtests.inference.risk_inference import predicted_cvar, predicted_drawdown, risk_difference, risk_with_error
from research.accounting import Costs
from research.allocation import EqualWeights, FixedWeights
from research.market import Market
from research.risk import GBM, Garch, cvar, max_drawdown, nav_path
from research.rules import Calendar, Never, Rule, Threshold

HALVES = FixedWeights((0.5, 0.5))
COSTS = Costs.bps(2, commission=1, half_spread=1)
DRAWS = 400


def play(market: Market, rule: Rule, **settings: object):
    return backtest(market, rule, COSTS, **({"start": "2016-01-04"} | settings))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def paired(market: Market) -> PairedBacktests:
    rules = {"monthly": Calendar(HALVES, "month"), "band": Threshold(HALVES, band=0.03), "never": Never(HALVES)}
    return compare({name: play(market, rule) for name, rule in rules.items()}, draws=DRAWS)


# intervals


def test_every_metric_has_an_interval_or_says_why_not(paired: PairedBacktests) -> None:
    shown = [metric for metrics in metric_groups(paired.benchmark).values() for metric in metrics]
    assert {metric.key for metric in shown if metric.interval} == set(FOUND_BY) == set(paired.intervals)
    for metric in shown:
        if metric.interval:
            for name, each in paired.intervals[metric.key].items():
                never = metric.key in ("cost", "turnover", *DRIFTING) and not len(paired.backtests[name].booked)
                assert isinstance(each, NotAvailable if never else Estimate), (metric.key, name)
        else:
            assert metric.no_interval
    said = " ".join(without_interval(shown, paired.intervals))
    for metric in shown:
        assert (metric.name in said) >= (not metric.interval)
    assert METRICS["max_drawdown"].interval == METRICS["cvar95"].interval == PREDICTIVE


def test_intervals_are_those_of_the_series(paired: PairedBacktests) -> None:
    net = paired.backtests["band"].net_returns
    found = {metric: by_policy["band"] for metric, by_policy in paired.intervals.items()}
    assert found["volatility"] == risk_with_error(net, 252)["volatility"]
    assert found["cvar95"] == predicted_cvar(net)
    assert found["max_drawdown"] == predicted_drawdown(net, Resampling(reps=DRAWS))
    for metric, each in found.items():
        assert each.lower < paired.scores["band"][metric] < each.upper
        assert each.value == pytest.approx(paired.scores["band"][metric], rel=1e-9)


def test_the_ratio_with_autocorrelation_stands_in_the_record(paired: PairedBacktests) -> None:
    from statsmodels.tsa.stattools import acf

    shown = [METRICS[key] for key in ("sharpe", "trades", "max_drawdown")]
    records = interval_records(shown, paired.intervals, paired.evidence)
    own, played = records["sharpe"]["policies"]["band"]["with_autocorrelation"], paired.backtests["band"]
    excess = played.net_returns - played.market.cash[played.first + 1 :]
    lags = int(4 * (len(excess) / 100) ** (2 / 9))
    rho = acf(excess, nlags=lags)[1:]
    scale = 252 / math.sqrt(252 + 2 * sum((252 - k) * rho[k - 1] for k in range(1, lags + 1)))  # Lo (2002), equation 20
    assert own["value"] == pytest.approx(scale * excess.mean() / excess.std(ddof=1), rel=1e-9)
    assert own["scale"] == pytest.approx(scale, rel=1e-9)
    assert own["lags"] == lags
    assert set(records["trades"]) == {"reason"}
    assert records["max_drawdown"]["kind"] == PREDICTIVE
    json.dumps(records, allow_nan=False)


@pytest.mark.parametrize("persistence", [0.0, 0.88])
def test_the_range_holds_the_cvar_of_the_next_history(persistence: float) -> None:
    """200 histories of six years, each followed by another: 95 %, within three standard errors and 1 %."""
    covariance, mean = 0.15**2 * np.array([[1.0, 0.95], [0.95, 1.0]]), np.array([0.06, 0.06])
    model = Garch(mean, covariance, 0.06, persistence, 252) if persistence else GBM(mean, covariance, 252)
    worlds, inside = model.returns(400, 1_500, seed=5)[:, :, 0], 0
    for now, later in zip(worlds[::2], worlds[1::2], strict=True):
        found = predicted_cvar(now)
        inside += found.lower <= cvar(later, 0.95) <= found.upper
    assert 0.895 <= inside / 200 <= 0.99


def test_a_range_is_wider_than_the_interval_by_the_root_of_two() -> None:
    x = 0.0003 + 0.01 * np.random.default_rng(0).standard_normal(1_000)
    interval, predicted = risk_with_error(x, 252)["cvar95"], predicted_cvar(x)
    widths = [math.log(each.upper / each.value) for each in (interval, predicted)]
    assert widths[1] / widths[0] == pytest.approx(math.sqrt(2.0), rel=1e-12)


# pairs


def test_a_pair_agrees_with_pandas_and_with_hand_written_formulas(paired: PairedBacktests) -> None:
    pair = paired.pairs["band"]
    cash = paired.backtests["band"].market.cash[paired.backtests["band"].first + 1 :]
    net = pd.DataFrame({name: one.net_returns for name, one in paired.backtests.items()})
    excess = net.sub(cash, axis=0)
    rho = excess["band"].corr(excess["monthly"])
    assert pair.correlation == pytest.approx(rho, rel=1e-12)
    ratios = (excess.mean() / excess.std())[["band", "monthly"]].to_numpy()
    error = math.sqrt((2 - 2 * rho + 0.5 * (ratios @ ratios - 2 * ratios.prod() * rho**2)) / len(net))
    assert not isinstance(pair.memmel, NotAvailable)
    assert pair.memmel.z == pytest.approx((ratios[0] - ratios[1]) / error, rel=1e-9)
    drawn = drawn_means(np.log1p(net[["band", "monthly"]].to_numpy()), Resampling(reps=DRAWS))
    dates = paired.backtests["band"].dates
    apart = np.diff(np.expm1(drawn * len(net) / ((dates[-1] - dates[0]).days / 365.25)), axis=1)
    assert pair.detectable["growth"] == pytest.approx((1.959964 + 0.841621) * apart.std(), rel=1e-6)


def test_differences_of_a_pair_are_those_of_the_series(paired: PairedBacktests) -> None:
    one, two = (paired.backtests[name].net_returns for name in ("never", "monthly"))
    pair, risk = paired.pairs["never"], risk_difference(one, two, 252)
    assert set(pair.differences) == set(PAIRED)
    for metric in ("volatility", "cvar95"):
        found, plain = pair.differences[metric], risk[metric]
        assert (found.value, found.lower, found.upper, found.p) == (plain.value, plain.lower, plain.upper, plain.p)
        assert found.value == pytest.approx(paired.scores["never"][metric] - paired.scores["monthly"][metric], rel=1e-9)
        assert found.p_holm >= found.p
    depths = [max_drawdown(nav_path(x)).depth for x in (one, two)]
    assert pair.differences["max_drawdown"].value == depths[0] - depths[1]
    assert pair.differences["sharpe"] == paired.evidence.differences("sharpe")["never"]
    assert pair.differences["growth"] == paired.evidence.differences("growth")["never"]
    json.dumps(pair.record(), allow_nan=False)


def test_a_difference_as_large_as_the_detectable_one_is_found_four_times_of_five() -> None:
    """200 pairs of normal days whose Sharpe ratios differ by that much: 80 %, within three standard errors."""
    from backtests.inference.sharpe_inference import ledoit_wolf, memmel_error

    days, rho = 1_000, 0.98
    gap = (1.959964 + 0.841621) * memmel_error(0.03, 0.03, rho, days)
    z = np.random.default_rng(3).multivariate_normal([0, 0], [[1, rho], [rho, 1]], (200, days))
    quick = Resampling(block=5, reps=199)
    found = [ledoit_wolf(x[:, 0] + 0.03 + gap, x[:, 1] + 0.03, 252, resampling=quick) for x in z]
    assert np.mean([one.p <= 0.05 for one in found]) == pytest.approx(0.80, abs=3 * math.sqrt(0.16 / 200))
    assert np.mean([one.detectable for one in found]) == pytest.approx(gap * math.sqrt(252), rel=0.05)


def test_hansens_test_is_that_of_arch_of_one_policy(paired: PairedBacktests) -> None:
    """Other draws of the same law: p within four standard errors of both. Of several arch does not studentise."""
    from arch.bootstrap import SPA

    two = compare({name: paired.backtests[name] for name in ("monthly", "never")}, draws=4_000)
    lost = {name: -np.log1p(played.net_returns) for name, played in two.backtests.items()}
    test = SPA(lost["monthly"], lost["never"][:, None], reps=4_000, block_size=20, bootstrap="stationary", seed=1)
    test.compute()
    found, theirs = two.superior_ability["growth"], float(test.pvalues["consistent"])
    assert not isinstance(found, NotAvailable)
    assert found.p == pytest.approx(theirs, abs=4 * math.sqrt(2 * theirs * (1 - theirs) / 4_000))


def made(*columns: np.ndarray, known: bool = True) -> Evidence:
    """The evidence of daily losses, the first of which is the reference's."""
    net = 0.01 * np.random.default_rng(9).standard_normal((len(columns[0]), len(columns)))
    series = PairedSeries(tuple(f"p{k}" for k in range(len(columns))), net, np.zeros(len(net)), 2_000, 252)
    return paired_evidence(series, np.column_stack(columns), "p0", limited=known, resampling=Resampling(reps=100))


def test_of_one_policy_the_test_of_losses_is_students() -> None:
    """With 3 degrees of freedom, one-sided, within four standard errors of 4,000 draws; 1 where it loses more."""
    from scipy.stats import t as student

    rng = np.random.default_rng(2)
    base = rng.standard_exponential(1_260)
    other = base * 0.9 + 0.1 * rng.standard_exponential(1_260)
    for one, two in ((base, other), (other, base)):
        found, score = any_loses_less(made(one, two)), made(one, two).losses.ratio(0, 1)
        truth = float(student.sf(score, 3)) if score > 0.0 else 1.0
        assert not isinstance(found, NotAvailable)
        assert found.upper == pytest.approx(truth, abs=4 * math.sqrt(0.25 / 4_000))
    assert any_loses_less(made(base, base)) == NotAvailable("no policy differs from p0")
    unknown = any_loses_less(made(base, other, known=False))
    assert isinstance(unknown, NotAvailable)
    assert "too few episodes" in unknown.reason


def test_equal_losses_are_seldom_called_better_and_a_planted_one_is_found() -> None:
    """Of 100 worlds of five equal policies 5 % err; 12 are three standard errors more."""
    wrong = found = 0
    for seed in range(100):
        columns = list(np.random.default_rng(seed).standard_exponential((5, 1_008)))
        wrong += any_loses_less(made(*columns)).p <= 0.05
        columns[3] = 0.5 * columns[3]
        found += any_loses_less(made(*columns)).p <= 0.05
    assert wrong <= 12
    assert found >= 80


# sentences


def test_the_sentence_names_the_pair_its_days_and_both_limits(paired: PairedBacktests) -> None:
    said, pair = detectable_words(paired.pairs, "band", 252.0), paired.pairs["band"]
    assert said.startswith(f"With {paired.evidence.days:,} days, a true difference between band and monthly of less")
    for key in ("growth", "sharpe"):
        value = pair.detectable[key]
        assert isinstance(value, float)
        assert METRICS[key].difference.text(value) in said
    closest = min(paired.pairs.values(), key=lambda each: each.detectable["growth"]).policy
    assert f"between {closest} and monthly" in detectable_words(paired.pairs, None, 252.0)
    assert detectable_words({}, None, 252.0) == ""
    tested = paired.superior_ability["growth"]
    assert f"p {tested.p:.3f}" in superior(paired.superior_ability, "monthly")


@pytest.mark.parametrize(("start", "shown"), [("2020-12-31", False), ("2019-12-31", True)])
def test_the_loss_of_another_target_has_an_interval_in_tests_of_three_years(
    market: Market, start: str, shown: bool
) -> None:
    targets = {"band": HALVES, "equal": EqualWeights(), "other": FixedWeights((0.6, 0.4))}
    rules = {name: Threshold(target, band=0.02) for name, target in targets.items()}
    found = compare({name: play(market, rule, start=start) for name, rule in rules.items()}, draws=DRAWS)
    assert found.other_targets == ("other",)
    intervals, figures = found.intervals["loss"], found.evidence.figures("loss")
    assert (intervals["band"], intervals["equal"]) == (figures["band"], figures["equal"])
    missing = NotAvailable(
        "it holds another target, whose loss varies between tests of less than 3 years more than one test can show; "
        "the interval of the long run is wide enough"
    )
    assert intervals["other"] == (figures["other"] if shown else missing)
    ends = [figures["other"].lower, figures["other"].upper] if shown else [math.nan] * 2
    assert found.evidence_table.loc[("loss", "other"), ["lower", "upper"]].tolist() == pytest.approx(ends, nan_ok=True)


def test_what_is_not_available_is_said_with_its_reason(market: Market, paired: PairedBacktests) -> None:
    short = [play(market, rule, start="2022-10-03") for rule in (Calendar(HALVES, "month"), Never(HALVES))]
    found = compare(short, draws=DRAWS)
    assert isinstance(found.intervals["volatility"]["Never"], NotAvailable)
    said = list(without_interval([METRICS["volatility"], METRICS["cvar95"]], found.intervals))
    assert any("observations are too few, 250 are needed" in one for one in said)
    assert any("it never traded" in one for one in said)
    assert found.pairs["Never"].record()["differences"]["volatility"] is None
    assert "250 are needed" in found.pairs["Never"].record()["not_available"]["volatility"]
    same = compare({"one": paired.backtests["band"], "two": paired.backtests["band"]}, draws=DRAWS)
    assert same.pairs["two"].correlation == 1.0
    assert "both have the same returns" in detectable_words(same.pairs, None, 252.0)
    assert superior(same.superior_ability, "one") == "Hansen's SPA: no policy differs from one."
    assert replace(same.evidence, reference="two").differences("sharpe")["one"].p == 1.0
