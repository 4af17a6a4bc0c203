"""Evidence against arch itself, closed forms and simulated truth: intervals cover, words are earned, nothing leaks."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from drawn_rows import rows_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backtests.inference.block_draws import Resampling
from backtests.inference.evidence import Evidence, PairedSeries, half_width, holm, paired_evidence, two_sided_p
from backtests.inference.pairs import any_loses_less
from backtests.inference.slow_waves import SlowMeans
from foundation.errors import ConfigError, DataError

METRICS = ("loss", "growth", "sharpe")
DRAWN = METRICS[1:]  # the loss is judged by its slow waves, see test_slow_waves
FEW = Resampling(reps=500, seed=3)


def made(policies: int, days: int = 400, seed: int = 0) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Names, losses and returns of policies that share a market, and cash."""
    rng = np.random.default_rng(seed)
    returns = (0.0004 + 0.01 * rng.standard_normal((days, 1))) + 0.001 * rng.standard_normal((days, policies))
    losses = 5.0 * rng.standard_exponential((days, policies))
    return [f"p{i}" for i in range(policies)], losses, returns, np.full(days, 0.00005)


def weighed(names, losses, returns, cash, resampling: Resampling = FEW, **changed) -> Evidence:
    own = {"span_days": len(cash) * 365.25 / 252, "periods_per_year": 252}
    own |= {key: changed.pop(key) for key in own if key in changed}
    settings = {"reference": names[0], "resampling": resampling} | changed
    return paired_evidence(PairedSeries(tuple(names), returns, cash, **own), losses, **settings)


# the draws


def figures_of(losses, returns, cash):
    """(3, P) J, growth and Sharpe ratio of the policies of `made`, by plain formulas; 600 calendar days."""
    excess, growth = returns - cash[:, None], np.prod(1 + returns, axis=0) ** (365.25 / 600) - 1
    return np.array([losses.mean(axis=0), growth, excess.mean(axis=0) / excess.std(axis=0, ddof=1) * np.sqrt(252)])


def test_intervals_are_those_of_drawn_days() -> None:
    """One pair, every drawn metric, by plain formulas over the rows of each draw."""
    names, losses, returns, cash = made(2)
    days, found = len(cash), weighed(names, losses, returns, cash, span_days=600)
    drawn = np.array([figures_of(losses[rows], returns[rows], cash[rows]) for rows in rows_of(days, FEW)])
    estimated, differences = figures_of(losses, returns, cash), drawn @ [-1.0, 1.0]
    apart, own = estimated @ [-1.0, 1.0], np.quantile(drawn[:, :, 1], [0.025, 0.975], axis=0)
    far = np.quantile(np.abs(differences - apart), 0.95, axis=0)
    tail = (1 + (np.abs(differences - apart) >= np.abs(apart)).sum(axis=0)) / (FEW.reps + 1)
    for m, metric in enumerate(DRAWN, start=1):
        figure, difference = found.figures(metric)["p1"], found.differences(metric)["p1"]
        assert [figure.lower, figure.upper] == pytest.approx(own[:, m], rel=1e-9)
        between = [apart[m] - far[m], apart[m] + far[m]]
        assert [difference.lower, difference.upper] == pytest.approx(between, rel=1e-9)
        assert difference.value == pytest.approx(apart[m], rel=1e-9)
        assert difference.p == pytest.approx(tail[m], rel=1e-12)
        assert figure.value == pytest.approx(estimated[m, 1], rel=1e-10)
    assert found.days == days


def test_intervals_are_those_of_arch() -> None:
    """Other draws of the same law, by arch's own conf_int: ends within four of the standard errors of both quantiles.

    A quantile at 2.5 % of n normal draws has an error of sqrt(0.025 · 0.975 / n) / φ(1.96) = 2.67 / sqrt(n) deviations.
    """
    from arch.bootstrap import StationaryBootstrap

    names, losses, returns, cash = made(2)
    found = weighed(names, losses, returns, cash, Resampling(reps=20_000), span_days=600)
    bootstrap = StationaryBootstrap(20, losses, returns, cash, seed=3)

    def whole(*data):
        figures = figures_of(*data)
        return np.concatenate([figures[:, 1], figures @ [-1.0, 1.0]])

    ends = bootstrap.conf_int(whole, 4_000, method="percentile", size=0.95)
    error = 4 * 2.67 * np.sqrt(1 / 4_000 + 1 / 20_000) * (ends[1] - ends[0]) / (2 * 1.96)
    for m, metric in enumerate(DRAWN, start=1):
        figure, difference = found.figures(metric)["p1"], found.draws[metric] @ [-1.0, 1.0]
        assert np.abs([figure.lower, figure.upper] - ends[:, m]).max() < error[m]
        assert np.abs(np.quantile(difference, [0.025, 0.975]) - ends[:, 3 + m]).max() < error[3 + m]


# the figures


def test_a_policy_more_changes_no_bit_of_the_others() -> None:
    names, losses, returns, cash = made(13)
    alone = weighed(names, losses, returns, cash)
    for chosen in ([0], [0, 1], [5, 0, 2], [12, 11, 0, 1, 2, 3, 4]):
        fewer = weighed([names[i] for i in chosen], losses[:, chosen], returns[:, chosen], cash, reference="p0")
        for metric in METRICS:
            figures, differences = alone.figures(metric), alone.differences(metric)
            assert all(figures[name] == figure for name, figure in fewer.figures(metric).items())
            for name, found in fewer.differences(metric).items():
                whole = differences[name]
                assert (found.value, found.lower, found.upper, found.p) == (
                    whole.value, whole.lower, whole.upper, whole.p,
                )  # fmt: skip


def test_estimates_are_the_measures_of_the_table() -> None:
    from research.risk import growth, nav_path, sharpe

    names, losses, returns, cash = made(2)
    found = weighed(names, losses, returns, cash, span_days=580)
    assert found.figures("loss")["p1"].value == pytest.approx(losses[:, 1].mean(), rel=1e-14)
    assert found.figures("growth")["p1"].value == growth(nav_path(returns[:, 1]), 580)
    assert found.figures("sharpe")["p1"].value == sharpe(returns[:, 1], cash, 252)


def test_another_reference_turns_the_differences_round() -> None:
    found = weighed(*made(3))
    there, back = found.differences("growth")["p2"], found.against("p2").differences("growth")["p0"]
    assert back.value == -there.value
    assert (back.lower, back.upper, back.p) == pytest.approx((-there.upper, -there.lower, there.p), rel=1e-12)


def test_the_standard_error_of_a_sharpe_difference_has_its_closed_form() -> None:
    """Var = (2 - 2ρ + (S1² + S2² - 2·S1·S2·ρ²) / 2) / T on independent normal days (Memmel 2003)."""
    days, rho, sharpes = 4_000, 0.8, np.array([0.05, 0.15])
    normal = np.random.default_rng(2).multivariate_normal([0.0, 0.0], [[1.0, rho], [rho, 1.0]], size=days)
    normal = (normal - normal.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(normal.T)).T)
    exact = normal @ np.linalg.cholesky([[1.0, rho], [rho, 1.0]]).T  # the sample has these moments exactly
    returns = 0.01 * (exact + sharpes)
    found = weighed(["one", "two"], returns**2, returns, np.zeros(days), Resampling(block=1, reps=10_000),
                    periods_per_year=1)  # fmt: skip
    closed = np.sqrt((2 - 2 * rho + 0.5 * (sharpes @ sharpes - 2 * sharpes.prod() * rho**2)) / days)
    difference = found.differences("sharpe")["two"]
    assert difference.value == pytest.approx(0.10, rel=1e-3)
    assert (difference.upper - difference.lower) / (2 * 1.959964) == pytest.approx(closed, rel=0.05)
    assert found.draws["sharpe"].std(axis=0) == pytest.approx(np.sqrt((1 + sharpes**2 / 2) / days), rel=0.05)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Of 300 independent policies 95 %: three standard errors of that are 4 %, and short samples cost 2 % more."""
    policies, days, mu, sigma = 300, 500, 0.0004, 0.01
    rng = np.random.default_rng(8)
    logs = mu + sigma * rng.standard_normal((days, policies))
    losses, mean = rng.standard_exponential((days, policies)), np.exp(mu + sigma**2 / 2) - 1
    deviation = np.exp(mu + sigma**2 / 2) * np.sqrt(np.expm1(sigma**2))
    truth = {"loss": 1.0, "growth": np.expm1(mu * 252), "sharpe": mean / deviation * np.sqrt(252)}
    names = [f"p{i}" for i in range(policies)]
    found = weighed(names, losses, np.expm1(logs), np.zeros(days), Resampling(block=5, reps=1_000))
    for metric in METRICS:
        covered = np.mean([f.lower <= truth[metric] <= f.upper for f in found.figures(metric).values()])
        assert 0.89 <= covered <= 0.985, metric


# the words


def test_equal_columns_cannot_be_told_apart() -> None:
    _, losses, returns, cash = made(2)
    twins = [0, 1, 0]
    found = weighed(["a", "b", "a again"], losses[:, twins], returns[:, twins], cash)
    for metric in METRICS:
        twin = found.differences(metric)["a again"]
        assert (twin.value, twin.lower, twin.upper, twin.p, twin.p_holm) == (0.0, 0.0, 0.0, 1.0, 1.0)
        assert twin.verdict == "not significant"


def test_rounding_is_no_evidence() -> None:
    """A policy that differs in the last bit of each day, always the same way, is the same policy."""
    _, losses, returns, cash = made(1)
    found = weighed(["a", "a, rounded up"], np.hstack([losses, np.nextafter(losses, np.inf)]),
                    np.hstack([returns, returns + 1e-16]), cash)  # fmt: skip
    for metric in METRICS:
        assert found.differences(metric)["a, rounded up"].p == 1.0


def test_a_planted_difference_is_found_in_its_direction() -> None:
    _, losses, returns, cash = made(3)
    losses = losses[:, [0, 0, 0]] + [0.0, -1.0, 1.0] + 0.5 * np.sin(np.arange(400.0))[:, None] * [0, 1, 1]
    returns = (
        returns[:, [0]] + np.array([0.0, 0.0003, -0.0003]) + 0.0005 * np.cos(np.arange(400.0))[:, None] * [0, 1, 1]
    )
    found = weighed(["base", "good", "bad"], losses, returns, cash)
    for metric in METRICS:
        differences = found.differences(metric)
        assert [differences[name].verdict for name in ("good", "bad")] == ["better", "worse"], metric
    assert found.differences("loss")["good"].value < 0 < found.differences("growth")["good"].value


def test_noise_is_seldom_called_a_difference() -> None:
    """60 comparisons of six equal policies: Holm allows a false word in 5 % of them; 8 of 60 is 3 deviations off."""
    spoken, plain = dict.fromkeys(METRICS, 0), 0
    for seed in range(60):
        found = weighed(*made(6, days=300, seed=100 + seed), Resampling(block=5, reps=300))
        for metric in METRICS:
            differences = found.differences(metric).values()
            spoken[metric] += any(d.verdict != "not significant" for d in differences)
            plain += sum(d.p <= 0.05 for d in differences)
    assert max(spoken.values()) <= 8
    assert 20 <= plain <= 90  # 45 of the 900 plain tests are expected to err: these intervals are not too wide either


@settings(deadline=None)
@given(arrays(float, st.integers(1, 6), elements=st.floats(0.0, 1.0)))
def test_holm_is_the_closure_of_bonferroni(p: np.ndarray) -> None:
    """A hypothesis falls when every intersection with it does: max over sets S that hold i of |S|·min of p over S."""
    sets = [list(s) for size in range(1, len(p) + 1) for s in combinations(range(len(p)), size)]
    closed = [max(min(1.0, len(s) * p[s].min()) for s in sets if i in s) for i in range(len(p))]
    assert holm(p) == pytest.approx(closed, abs=1e-15)


def test_the_words_pay_for_the_number_compared() -> None:
    names, losses, returns, cash = made(14)
    returns[:, 1] = returns[:, 0] + 0.0005 + 0.0050 * np.random.default_rng(4).standard_normal(400)
    pair = weighed(names[:2], losses[:, :2], returns[:, :2], cash).differences("growth")["p1"]
    many = weighed(names, losses, returns, cash).differences("growth")["p1"]
    assert (pair.verdict, many.verdict) == ("better", "not significant")
    assert (many.lower, many.upper, many.p) == (pair.lower, pair.upper, pair.p)
    assert many.p_holm > pair.p_holm == pair.p


def test_j_of_another_target_is_neither_better_nor_worse_and_costs_the_others_nothing() -> None:
    names, losses, returns, cash = made(3)
    losses[:, 1] = losses[:, 0] * 0.5
    alone = weighed(names[:2], losses[:, :2], returns[:, :2], cash)
    both = replace(weighed(names, losses, returns, cash), apart=frozenset({"p2"}))
    assert both.differences("loss")["p1"] == alone.differences("loss")["p1"]
    assert both.differences("loss")["p1"].verdict == "better"
    other = both.differences("loss")["p2"]
    assert (other.verdict, other.tested, other.lower, other.upper) == ("another target", None, -np.inf, np.inf)
    assert any_loses_less(both) == any_loses_less(alone)
    assert both.differences("growth")["p2"].verdict != "another target"


@settings(deadline=None)
@given(
    arrays(float, st.integers(100, 300), elements=st.integers(-3, 60).map(float)),
    st.integers(-5, 65).map(float),
    st.sampled_from([0.90, 0.95]),
)
def test_p_and_the_interval_tell_one_story(draws: np.ndarray, estimate: float, level: float) -> None:
    half, p = half_width(draws[:, None], [estimate], level)[0], two_sided_p(draws[:, None], [estimate])[0]
    outside = bool(abs(estimate) > half)
    assert outside or p > 1 - level
    assert not outside or p <= 1 - level + 2 / (len(draws) + 1)


def test_the_table_has_a_row_for_each_metric_and_policy() -> None:
    found = weighed(*made(3))
    table = found.summary()
    assert list(table.index) == [(metric, name) for metric in METRICS for name in ("p0", "p1", "p2")]
    assert table.loc[("loss", "p0"), "verdict"] == "reference"
    assert table.loc[("loss", "p2"), "difference_upper"] == found.differences("loss")["p2"].upper
    assert table.loc[("sharpe", "p2"), "upper"] == found.figures("sharpe")["p2"].upper
    assert table.notna().all(axis=None)
    assert "compared with 'p0'" in repr(found)


def test_what_was_found_cannot_be_written_over() -> None:
    found = weighed(*made(2))
    with pytest.raises(ValueError, match="read-only"):
        found.draws["growth"][0, 0] = 0.0


def test_what_was_found_does_not_follow_the_arrays_that_it_was_made_from() -> None:
    values, slow = np.array([1.0, 2.0]), SlowMeans.of(np.ones((50, 2)), True)
    series = PairedSeries(("a", "b"), np.zeros((100, 2)), np.zeros(100), 145.0, 252)
    found = Evidence(series, "a", {"loss": values}, slow, {"growth": np.ones((3, 2))}, FEW)
    values[0] = 9.0
    assert found.estimates["loss"].tolist() == [1.0, 2.0]


# the door


@pytest.mark.parametrize(("changed", "says"), [
    ({"returns": np.full((400, 2), -1.0)}, "'p0'.*loss of everything"),
    ({"returns": np.zeros((400, 2))}, "'p0'.*Sharpe ratio is not defined"),
    ({"returns": np.eye(400, 2) * 0.01}, "does not move on some draws"),
    ({"resampling": Resampling(block=201)}, "400 days are too few"),
])  # fmt: skip
def test_data_that_cannot_be_compared_is_refused(changed: dict, says: str) -> None:
    given_data = dict(zip(("names", "losses", "returns", "cash"), made(2), strict=True)) | changed
    with pytest.raises(DataError, match=says):
        weighed(**given_data)


@pytest.mark.parametrize("call", [
    lambda: weighed(*made(2), reference="p7"), lambda: weighed(*made(2), level=95),
    lambda: weighed(*made(2), span_days=0), lambda: weighed(*made(2), periods_per_year=0),
    lambda: Resampling(block=0), lambda: Resampling(reps=99),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(call) -> None:
    with pytest.raises(ConfigError):
        call()
