"""The trials of comparisons and walk-forwards, and what the search leaves of a comparison's figures."""

import math
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from backtests.comparison import Comparison, compare, selection
from backtests.comparison.fitting.walk_forward import walk_forward
from backtests.engine import Backtest, backtest
from backtests.evaluation.benchmark import Benchmark, active_returns
from backtests.inference.selection import (
    Moments,
    expected_maximum,
    minimum_track_record,
    overfitting,
    probabilistic_sharpe,
    trial_clusters,
)
from backtests.runs.trial_book import TrialBook, read_book
from desk.commands.audit import make_audit
from foundation.arrays import Array
from foundation.home import TRIAL_BOOK
from research.portfolio import Portfolio, load_portfolio
from research.rules import Threshold

pytestmark = pytest.mark.usefixtures("few_simulated_tests", "few_judged_sessions")

FILE = Path("data/portfolios/sixty_forty.yaml")
NAMES = ["never", "quarterly", "yearly", "threshold", "tuned"]
TUNED = 40  # configurations of the file's tuning


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio(FILE)


@pytest.fixture(scope="module")
def written(portfolio: Portfolio, tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, TrialBook, int]:
    """A comparison, the book that it wrote twice, and the number of its files."""
    place = tmp_path_factory.mktemp("book")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRIAL_BOOK, str(place))
        found = compare(portfolio, only=NAMES, draws=200)
        compare(portfolio, only=NAMES, draws=300)
        return found, read_book(), len(list(place.iterdir()))


# -- counted ---------------------------------------------------------------------------------------------------------


def test_every_candidate_and_every_configuration_of_a_tuning_counts_once(
    written: tuple[Comparison, TrialBook, int],
) -> None:
    _, book, files = written
    assert book.trials["kind"].value_counts().to_dict() == {"tuning": TUNED, "candidate": len(NAMES)}
    assert files == 2
    assert set(book.trials["portfolio"]) == {"sixty_forty"}
    assert set(book.trials["last"]) == {"2011-12-30", "2022-12-29"}  # of the training days, and of the test


def test_ratios_and_moments_are_those_of_the_active_returns(written: tuple[Comparison, TrialBook, int]) -> None:
    comparison, book, _ = written
    for name, (_, row) in zip(NAMES, book.trials[book.trials["kind"] == "candidate"].iterrows(), strict=True):
        moments = Moments.of(active_returns(comparison.backtests[name], comparison.benchmark))
        assert row["sharpe"] == pytest.approx(moments.sharpe * math.sqrt(252.0), rel=1e-12)
        assert (row["skewness"], row["kurtosis"]) == (moments.skewness, moments.kurtosis)
        assert row["dependence"] == moments.dependence > 0.0
        assert row["loss"] == comparison.scores[name]["loss"]


def test_fewer_candidates_add_none_and_fewer_days_no_configuration(
    portfolio: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRIAL_BOOK, str(tmp_path))
    compare(portfolio, only=["never", "quarterly", "yearly"], draws=100)
    compare(portfolio, only=["never", "quarterly"], draws=100)
    assert len(read_book().trials) == 3
    shorter = replace(portfolio, market=portfolio.market.until("2020-12-31"))  # one search, of the same configurations
    compare(shorter, only=["never", "quarterly"], draws=100)
    assert len(read_book().trials) == 5
    assert read_book().configurations == 3
    assert len(read_book().searches) == 1


def test_a_walk_forward_counts_its_folds_as_one_candidate_and_all_of_its_tunings(
    portfolio: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRIAL_BOOK, str(tmp_path))
    found, book = walk_forward(portfolio, "tuned", ["2014-01-02", "2018-01-02"]), read_book()
    assert book.trials["kind"].value_counts().to_dict() == {"tuning": 2 * TUNED, "fold": 2}
    folds = book.trials[book.trials["kind"] == "fold"]
    assert folds["days"].tolist() == found.folds()["sessions"].tolist()
    assert folds["loss"].tolist() == pytest.approx(found.folds()["loss"].tolist(), rel=1e-12)
    chosen = set(found.folds()["chosen"])
    assert (
        book.effective == TUNED - len(chosen) + 1
    )  # each of forty on any days; those that were chosen are one candidate


def test_rolling_folds_count_on_the_whole_data(
    portfolio: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRIAL_BOOK, str(tmp_path))
    walk_forward(portfolio, "tuned", ["2014-01-02", "2018-01-02"], window=756, embargo=5)
    found = read_book().trials
    assert set(found["data"]) == {portfolio.market.fingerprint}
    assert found["kind"].value_counts().to_dict() == {"tuning": 2 * TUNED, "fold": 2}


def test_an_audit_counts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRIAL_BOOK, str(tmp_path / "book"))
    make_audit(FILE, "tuned", days=2)
    assert not (tmp_path / "book").exists()


def test_seeds_count_as_they_were_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRIAL_BOOK, str(tmp_path))
    learned = {"rule": "learned", "steps": 2_000, "seeds": [1, 2], "learner": "cross_entropy"}
    found = compare(load_portfolio(FILE, {"policies.rl": learned}), only=["quarterly", "rl"], draws=100)
    seeds = read_book().trials.query("kind == 'seed'")
    ratios = [Moments.of(active_returns(b, found.benchmark)).sharpe for b in found.seed_backtests["rl"].values()]
    assert seeds["sharpe"].tolist() == pytest.approx([ratio * math.sqrt(252.0) for ratio in ratios], rel=1e-12)
    asked = found.fitted["rl"].policy.schedule  # type: ignore[attr-defined]
    ends = [f"{k}, trained to 2011-12-30" + f", asked each {asked}" * (asked != "week") for k in (1, 2)]
    assert [text.split(", seed ")[1] for text in seeds["policy"]] == ends
    assert found.trials == len(read_book().trials) == 6  # three schedules were tried


# -- selection -------------------------------------------------------------------------------------------------------


def test_the_selection_is_that_of_the_published_formulas(written: tuple[Comparison, TrialBook, int]) -> None:
    comparison, book, _ = written
    found, year = comparison.selection, math.sqrt(252.0)
    series = {name: active_returns(b, comparison.benchmark) for name, b in comparison.backtests.items()}
    days = len(series["never"])
    assert found.trials == comparison.trials == TUNED + len(NAMES) - 1
    played = trial_clusters(np.column_stack(list(series.values()))).max() + 1
    assert found.effective == played + TUNED - 1 == book.effective
    ratios = book.trials["sharpe"] / year * np.sqrt(book.trials["days"] / days)
    threshold = float(np.std(ratios, ddof=1)) * expected_maximum(found.effective)
    for name, active in series.items():
        moments, one = Moments.of(active), found.policies[name]
        assert one.ratio == pytest.approx(moments.sharpe * year)
        assert one.probability == pytest.approx(probabilistic_sharpe(moments))
        assert one.deflated == pytest.approx(probabilistic_sharpe(moments, threshold), rel=1e-9)
        assert one.deflated < one.probability
        assert found.noise == pytest.approx(threshold * year)
        if moments.sharpe > 0.0:
            assert one.track_record == pytest.approx(minimum_track_record(moments) / 252.0)
        else:
            assert one.track_record == math.inf
    assert found.overfitting == overfitting(np.column_stack(list(series.values()))).probability
    assert found.compared == len(NAMES)


def test_the_best_of_many_is_deflated_by_its_own_errors(portfolio: Portfolio) -> None:
    found = compare(portfolio, only=["quarterly", "threshold", "tuned"], draws=200)
    best = min((d.value, name) for name, d in found.evidence.against("quarterly").differences("loss").items())
    one, many = (selection.largest_saving(found.evidence.against("quarterly"), tried) for tried in (3, 1_001))
    assert (-one.saving, one.policy) == best
    pair, base = found.evidence.against("quarterly").differences("loss")[one.policy], found.scores["quarterly"]["loss"]
    assert one.alone == many.alone == 1.0 - (pair.p / 2.0 if math.isfinite(pair.lower) else pair.p)
    error = math.log(base / (base - one.saving)) / stats.t(3).ppf(one.alone)  # of the logarithm of two J, three waves
    luck = error * np.random.default_rng(1).standard_t(3, (20_000, 1_000)).max(axis=1)
    assert many.probability == pytest.approx(one.alone**1_000)
    assert many.luck == pytest.approx(np.median(base * (1.0 - np.exp(-luck))), rel=0.02)
    assert np.mean(base * (1.0 - np.exp(-luck)) < many.saving) == pytest.approx(many.probability, abs=0.01)
    assert one.luck < many.luck
    assert (one.tried, one.probability) == (2, pytest.approx(one.alone**2))
    assert selection.largest_saving(found.evidence.against("quarterly"), 2) is None  # one is the reference
    assert selection.largest_saving(found.evidence.against(one.policy), 9) is None


def test_a_cell_says_how_much_was_tried_and_a_run_does_not(
    portfolio: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRIAL_BOOK, str(tmp_path))
    bands = [0.005 + 0.002 * k for k in range(20)]
    played = [
        backtest(portfolio.market, Threshold(portfolio.strategic, b), portfolio.costs, start="2015-01-02", name=f"{b}")
        for b in bands
    ]
    found = compare([played[0], played[10]], draws=100)
    for shown in (" ".join(repr(found).split()), found._repr_html_()):
        assert "The trial book has 20 configurations of these assets in days of this test." in shown
        assert "Of 19 other configurations that save nothing, the best shows " in shown
    assert "20 configurations" in compare([played[0], played[1]], draws=100).searched
    monkeypatch.setenv("REBALANCE_RUN", "a run")
    assert compare([played[0], played[10]], draws=100).searched == ""


def test_a_normal_series_has_the_probability_of_a_t_statistic() -> None:
    """By hand: without skewness and with the kurtosis of a normal series, PSR is Φ(S √(T − 1) / √(1 + S² / 2))."""
    assert probabilistic_sharpe(Moments(0.05, 401)) == pytest.approx(
        NormalDist().cdf(0.05 * 20.0 / math.sqrt(1.0 + 0.05**2 / 2.0))
    )


def test_nothing_was_selected_among_one_policy_or_its_copies(portfolio: Portfolio) -> None:
    alone = compare(portfolio, only=["quarterly"], draws=100).selection
    assert alone.policies["quarterly"].deflated is None
    assert (alone.noise, alone.overfitting) == (None, None)
    assert alone.why_not == "fewer than two policies with different active returns were compared"
    band = Threshold(portfolio.strategic, 0.03)
    twins = compare(replace(portfolio, policies={"quarterly": band, "twin": band}), draws=100).selection
    assert (twins.trials, twins.effective, twins.compared) == (2, 1, 1)
    assert twins.policies["twin"] == twins.policies["quarterly"]
    assert twins.policies["twin"].deflated is None


def test_a_policy_without_active_returns_says_so(
    written: tuple[Comparison, TrialBook, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison, names = written[0], {id(b): name for name, b in written[0].backtests.items()}

    def still(played: Backtest, benchmark: Benchmark) -> Array:
        found = active_returns(played, benchmark)
        return found if names[id(played)] != "never" else np.full(len(found), 1e-5)

    monkeypatch.setattr(selection, "active_returns", still)
    found = selection.selection_of(comparison, comparison.played_trials, comparison.evidence)
    assert found.policies["never"] == selection.ActiveSharpe(why_not="its active returns do not vary")
    assert found.compared == len(NAMES) - 1
