"""The trials of sweeps and tunings, against the backtests themselves."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.fitting.candidates import benchmark_of
from backtests.comparison.fitting.tuning import tune
from backtests.comparison.fitting.tuning_on_simulated import on_worlds
from backtests.evaluation.benchmark import active_returns
from backtests.runs.trial_book import book_of_batches, read_book
from backtests.runs.trial_words import in_words
from backtests.sweeps import Axes, Choices, Plan, Setup, Strategic, sweep, threshold
from backtests.sweeps.trials import sweep_trials
from foundation.home import TRIAL_BOOK
from research.allocation import HRP, FixedWeights
from research.portfolio import load_portfolio
from research.rules import Calendar, Never, Threshold, Within


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty book of its own."""
    monkeypatch.setenv(TRIAL_BOOK, str(tmp_path / "book"))
    return tmp_path / "book"


@pytest.mark.parametrize("file", ["global_multi_asset", "sixty_forty"])
def test_the_active_sharpe_ratio_of_a_row_is_that_of_its_backtest(file: str) -> None:
    portfolio = load_portfolio(f"data/portfolios/{file}.yaml")
    rules = Choices(Never), Choices(Calendar, schedule="quarter"), Choices(threshold, band=(0.01, 0.05), to=(0.0, 1.0))
    axes = Axes(rules=rules, allocations=(Choices(Strategic), Choices(HRP, window=252)), cost_multiples=(1.0, 4.0))
    found = sweep(portfolio, axes, progress=False)
    trials = book_of_batches(sweep_trials(found.prepared, found.table)).trials.set_index("id")
    benchmark = benchmark_of(portfolio, portfolio.market)
    (batch,) = sweep_trials(found.prepared, found.table)
    for k, one in enumerate(batch.table["id"]):
        active = active_returns(found.backtest(k), benchmark)
        expected = active.mean() / active.std(ddof=1) * np.sqrt(252.0)
        assert trials.loc[one, "sharpe"] == pytest.approx(expected, abs=0.01)
        assert trials.loc[one, "days"] == len(active)


def test_every_configuration_of_a_sweep_counts_and_the_same_sweep_adds_nothing(
    setup: Setup, axes: Axes, book: Path
) -> None:
    first = sweep(setup, axes, progress=False)
    assert len(read_book().trials) == first.trials == 144
    sweep(setup, axes, progress=False, workers=2)
    assert len(list(book.iterdir())) == 1
    sweep(setup, Plan([Threshold(Strategic(), 0.01), Threshold(Strategic(), 0.03)], lags=(2,)), progress=False)
    found = read_book().trials
    assert len(found) == 145  # the first of the two was in the axes
    assert set(found["kind"]) == {"sweep"}
    assert set(found["first"]) == {"2020-03-02", "2020-03-17", "2020-06-01"}
    assert found["policy"].str.startswith("Threshold(allocation=Strategic(), band=0.01").any()


def test_a_part_of_a_sweep_has_the_ids_of_the_whole(setup: Setup, axes: Axes) -> None:
    found = sweep(setup, axes, progress=False)
    (whole,) = sweep_trials(found.prepared, found.table)
    (part,) = sweep_trials(found.prepared, found.table.iloc[50:90])
    assert part.table["id"].tolist() == whole.table["id"].tolist()[50:90]


def test_another_name_of_the_same_setup_adds_nothing(setup: Setup, book: Path) -> None:
    sweep([setup, replace(setup, name="other")], Plan([Never(Strategic())]), progress=False)
    assert read_book().trials["portfolio"].tolist() == ["small"]


def test_costs_of_a_setup_make_other_trials(setup: Setup) -> None:
    one, other = (
        sweep_trials(found.prepared, found.table)[0]
        for costs in (setup.costs, setup.costs.scaled(2.0))
        if (found := sweep(replace(setup, costs=costs), Plan([Never(Strategic())]), progress=False))
    )
    assert one.table["id"].tolist() != other.table["id"].tolist()


# -- tunings ---------------------------------------------------------------------------------------------------------


def test_what_a_tuning_tried_counts_on_its_training_days(setup: Setup, book: Path) -> None:
    tuned = tune(Choices(threshold, band=(0.01, 0.02), to=(0.0, 1.0)), setup, "2020-09-30")
    found = read_book().trials
    assert (found["kind"].tolist(), set(found["last"])) == (["tuning"] * 4, {"2020-09-30"})
    assert found["days"].tolist() == [tuned.card.sessions] * 4
    assert np.isfinite(found["sharpe"]).all()
    assert set(found["data"]) == {setup.market.fingerprint}
    tune(Choices(threshold, band=(0.01, 0.02), to=(0.0, 1.0)), setup, "2020-09-30")
    assert len(list(book.iterdir())) == 1


def test_a_tuning_for_a_target_that_moves_counts_over_that_target(setup: Setup, book: Path) -> None:
    moving = replace(setup, strategic=HRP(window=20))
    tune(Choices(threshold, band=(0.01, 0.05)), moving, "2020-09-30")
    found = read_book().trials
    assert len(found) == 2
    assert np.isfinite(found["sharpe"]).all()


def test_a_tuning_on_simulated_paths_counts_without_a_ratio(setup: Setup, book: Path) -> None:
    tune(Choices(threshold, band=(0.01, 0.02)), setup, "2020-09-30", measure=on_worlds(2, 0.5, warm_up=0.0))
    found = read_book().trials
    assert len(found) == 2
    assert found["sharpe"].isna().all()
    assert np.isfinite(found["loss"]).all()
    assert found["policy"].str.endswith(", measured by on_worlds").all()


# -- words -----------------------------------------------------------------------------------------------------------


class Own:
    """A rule of a user's own, without fields."""


@dataclass(frozen=True)
class Holding:
    """One with an array."""

    weights: np.ndarray


def test_policies_are_named_by_what_they_decide_by(setup: Setup) -> None:
    other = FixedWeights((0.4, 0.4, 0.1))
    rules = [
        Threshold(setup.strategic, 0.02, Within(0.01)), Threshold(Strategic(), np.float64(0.02), Within(0.01)),
        Threshold(other, 0.02, Within(0.01)), Threshold(setup.strategic, 0.02, Within(0.01), cooldown=5),
    ]  # fmt: skip
    one, same, held, cooled = in_words(setup.strategic, rules)
    assert one == same
    assert one.startswith("Threshold(allocation=Strategic(), band=0.02, to=Within(half_width=0.01), ")
    assert "allocation=FixedWeights(weights=(0.4, 0.4, 0.1)" in held
    assert "cooldown=5" in cooled
    assert "cooldown" not in one


def test_what_has_no_settings_has_no_address_in_its_name(setup: Setup) -> None:
    one, other = in_words(setup.strategic, [Own(), Own()])
    assert one == other
    first, second = in_words(
        setup.strategic, [Holding(np.zeros(2_000)), Holding(np.r_[np.zeros(1_000), 1.0, np.zeros(999)])]
    )
    assert first != second
    assert len(first) < 100


def test_many_policies_have_the_words_that_each_has_alone(setup: Setup) -> None:
    rules = [Calendar(Strategic(), "month"), *(Threshold(Strategic(), 0.01 * k) for k in (1, 2)), Never(HRP(window=20))]
    rules += [Calendar(Strategic(), "quarter", cooldown=k) for k in (0, 1, 7)]
    assert in_words(setup.strategic, rules) == [in_words(setup.strategic, [rule])[0] for rule in rules]
    assert in_words(setup.strategic, []) == []


def test_rows_without_active_figures_stay_out_of_the_ratios(setup: Setup) -> None:
    empty = pd.DataFrame(
        {"configuration": [0], "growth": [0.0], "volatility": [0.0], "tracking_error": [0.0], "loss": 0.0}
    )
    found = sweep(setup, Plan([Never(Strategic())]), progress=False)
    assert book_of_batches(sweep_trials(found.prepared, empty)).trials["sharpe"].isna().all()
