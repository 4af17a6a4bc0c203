"""The path of targets: when an allocation is asked, what it may see, and what is refused."""

import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator

from foundation.errors import ConfigError, DataError, PolicyError
from research import allocation as allocations
from research.allocation.constraints import Bounds, Cardinality, Constraints, Group, Most
from research.forecast import Estimated, EWMAVolatility, MarkovRegimes
from research.forecast.news import Score, Scores
from research.market import SHUMWAY, delist


def steadiest(returns):
    """Weights by name, rounded as PyPortfolioOpt rounds them."""
    inverse = 1.0 / returns.var()
    return (inverse / inverse.sum()).round(5)


class Steadiest(BaseEstimator):
    """Weights in proportion to one over the variance of each asset, in its order."""

    def fit(self, X, y=None):
        self.weights_ = (1.0 / X.var() / (1.0 / X.var()).sum()).to_numpy()
        return self


REGIMES = MarkovRegimes("A00", (0.0, 0.0), (0.005, 0.02), ((0.95, 0.05), (0.1, 0.9)), pd.Timestamp("2000-01-03"))
NEWS = Scores("news", "", tuple(
    Score(moment, "A02", (-1.0) ** k, 1.0, "", "", date(2017, 1, 1), "", moment)
    for k in range(36) for moment in [datetime(2018 + k // 12, k % 12 + 1, 20, tzinfo=UTC)]
))  # fmt: skip
SCORES = pd.DataFrame(
    np.random.default_rng(3).normal(size=(500, 6)),
    index=pd.date_range("2018-01-01", periods=500),
    columns=[f"A{k:02}" for k in range(6)],
)
EVERY_ALLOCATION = [
    allocations.FixedWeights({"A00": 0.3, "A01": 0.2, "A02": 0.1, "A04": 0.2, "A05": 0.1}),
    allocations.FixedWeights((0.3, 0.2, 0.1, 0.1, 0.2, 0.1), unlisted="cash"),
    allocations.EqualWeights(),
    allocations.InverseVolatility(window=60),
    allocations.MinimumVariance(window=60),
    allocations.MaximumRatio(window=60, level=0.9, lower=0.02),
    allocations.Kelly(window=60, lower=0.02),
    allocations.MeanVariance(forecast=Estimated("capm", "oas", window=60), lower=0.02, upper={"A00": 0.3, "A02": 0.25}),
    allocations.MeanVariance("utility", forecast=Estimated(window=60), upper=0.5),
    allocations.RobustCVaR(window=60, upper=0.5),
    allocations.MinimumRisk("evar", window=60, upper=0.35),
    allocations.MinimumRisk("cdar", window=60),
    allocations.RiskParity(forecast=Estimated(window=60), budgets={"A00": 0.3, "A02": 0.1}, upper={"A00": 0.4}),
    allocations.TailParity(window=60, level=0.9),
    allocations.MaximumDiversification(forecast=Estimated(window=60), upper=0.5),
    allocations.BenchmarkTracking({"A00": 0.6, "A02": 0.4}, forecast=Estimated(window=60), upper=0.5),
    allocations.BenchmarkTracking(
        column="cap", forecast=Estimated(window=60), constraints=Constraints(cardinality=Cardinality(most=3))
    ),
    allocations.MeanVariance(
        forecast=Estimated(window=60),
        lower=0.02,
        constraints=Constraints(
            turnover=Most(most=0.05, gives_way=1), groups={"two": Group(lines=("A00", "A02"), most=0.5)}
        ),
    ),
    allocations.HRP(window=60),
    allocations.HRP(window=60, schedule="week", linkage="ward", distance="columns"),
    allocations.HRP(window=60, order="pypfopt"),
    allocations.HERC(window=60, recluster="quarter", memory=0.5),
    allocations.NCO(window=60, distance="rank", upper=0.6),
    allocations.Schur(window=60, schedule="week", memory=0.3),
    allocations.ConstantExposure(allocations.InverseVolatility(window=60), 0.6),
    allocations.VolatilityTarget(allocations.EqualWeights(), 0.1, lookback=60),
    allocations.VolatilityTarget(allocations.EqualWeights(), 0.1, forecast=EWMAVolatility(estimate=60)),
    allocations.RegimeExposure(allocations.EqualWeights(), REGIMES),
    allocations.MarketCapWeights("cap"),
    allocations.UniversalPortfolio(window=60, points=50),
    allocations.ExponentialGradient(rate=0.5, window=60, schedule="week"),
    allocations.Anticor(lookback=30, window=60, schedule="week"),
    allocations.Momentum(window=60, skip=21, weights="inverse_volatility"),
    allocations.Average(
        (allocations.InverseVolatility(window=60), allocations.ConstantExposure(allocations.HRP(window=60), 0.8)),
        (0.3, 0.7),
    ),
    allocations.Shrunk(allocations.MinimumVariance(window=60), 0.4),
    allocations.Reserve(allocations.InverseVolatility(window=60), "A01", 0.1),
    allocations.Smoothed(allocations.MinimumVariance(window=60), half_life=2.0),
    allocations.CappedTurnover(allocations.Smoothed(allocations.HRP(window=60), schedule="week"), most=0.02),
    allocations.NewsTilt(allocations.InverseVolatility(window=60), scores=NEWS, confidence=1.0, estimate=60),
    allocations.Tilted(allocations.InverseVolatility(window=60), Estimated(window=60), 0.03, 1.0, upper=0.5),
    allocations.Tilted(allocations.InverseVolatility(window=60), Estimated(window=60)),
    allocations.Signals(SCORES, "rank"),
    allocations.FunctionAllocation(steadiest, window=60),
    allocations.EstimatorAllocation(Steadiest(), window=60),
]


@dataclass
class Recorder:
    """An allocation that notes the row of every question and answers with it, or with what it is given."""

    schedule: str = "month"
    window: int = 0
    answer: object = None
    asked: list = field(default_factory=list, repr=False)

    def target(self, past):
        self.asked.append(past.t)
        return np.full(len(past.assets), past.t / 1000.0) if self.answer is None else self.answer


# -- when it is asked --------------------------------------------------------------------------------------------------


def test_an_allocation_is_asked_at_the_last_scheduled_session_of_each_month(quiet):
    allocation = Recorder("month")
    path = allocations.target_path(allocation, quiet, start=quiet.row("2018-01-31"))
    dates = [str(quiet.dates[t].date()) for t in path.seen]
    assert dates == ["2018-01-31", "2018-02-28", "2018-03-29", "2018-04-30", "2018-05-31", "2018-06-29"]
    assert allocation.asked == path.seen.tolist()


def test_the_last_row_of_the_data_is_no_refit_date_unless_a_period_ends_there(make_market):
    may_30 = make_market(np.zeros((103, 2)))
    assert str(may_30.dates[-1].date()) == "2018-05-30"
    assert (
        str(may_30.dates[allocations.target_path(Recorder("month"), may_30, start=30).seen[-1]].date()) == "2018-04-30"
    )


@pytest.mark.parametrize(("schedule", "asked"), [("day", 125), ("week", 27), ("quarter", 3), ("year", 1)])
def test_every_calendar_period_is_a_refit_schedule(quiet, schedule, asked):
    # The start, then: every session; 26 Fridays, or what stood for them; March 29 and June 29; no end of a year.
    assert len(allocations.target_path(Recorder(schedule), quiet, start=0).seen) == asked


def test_a_target_is_in_force_from_the_close_that_it_saw_until_the_next(quiet):
    path = allocations.target_path(Recorder("month"), quiet, start=20)
    assert path.seen[:2].tolist() == [20, 39]
    assert path.row[:20].tolist() == [-1] * 20
    assert path.row[20:39].tolist() == [0] * 19
    assert path.row[39] == 1
    assert path.at(39).tolist() == [0.039, 0.039]


def test_refits_before_the_one_in_force_at_the_start_are_skipped(quiet):
    allocation = Recorder("month")
    path = allocations.target_path(allocation, quiet, start=quiet.row("2018-04-10"))
    assert str(quiet.dates[allocation.asked[0]].date()) == "2018-03-29"
    assert path.at(quiet.row("2018-04-10")).tolist() == path.rows[0].tolist()


def test_without_an_earlier_complete_refit_it_is_asked_at_the_start(noisy):
    # The window of 25 returns is complete at row 25, after January's refit (row 20) and before February's (row 39).
    assert allocations.target_path(Recorder("month", window=25), noisy, start=30).seen[:2].tolist() == [30, 39]
    assert allocations.target_path(Recorder("month", window=25), noisy, start=40).seen[0] == 39
    assert allocations.target_path(Recorder("month", window=25), noisy, start=25).seen[0] == 25


def test_a_listing_schedule_asks_only_when_the_set_of_listed_lines_changes(make_market):
    market = make_market(np.zeros((60, 3)), first=[0, 10, 40], halted=[(20, 0), (21, 0)])
    assert allocations.target_path(Recorder("listing"), market).seen.tolist() == [0, 10, 40]
    assert allocations.target_path(Recorder("listing"), market, start=15).seen.tolist() == [10, 40]


# -- what it may see ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paths(noisy, leaving):
    """The path of an allocation of the battery on one of the two markets that every audit asks about, found once."""
    markets = {"noisy": noisy, "leaving": leaving}
    found = cache(lambda number, market: allocations.target_path(EVERY_ALLOCATION[number], markets[market], start=70))
    numbers = {id(allocation): number for number, allocation in enumerate(EVERY_ALLOCATION)}
    return lambda allocation, market: found(numbers[id(allocation)], market)


def is_kind(cls):
    """Is it a kind of allocation, and no allocation itself?"""
    return cls in (allocations.Allocation, allocations.Explained)


def test_every_allocation_of_the_room_is_in_the_battery():
    named = [getattr(allocations, name) for name in allocations.__all__]
    policies = {c for c in named if isinstance(c, type) and hasattr(c, "target") and not is_kind(c)}
    assert policies == {type(allocation) for allocation in EVERY_ALLOCATION}


@pytest.mark.parametrize("allocation", EVERY_ALLOCATION, ids=repr)
def test_what_follows_a_date_does_not_reach_its_target(allocation, noisy, paths):
    cut = 200
    returns, tradable = noisy.returns.copy(), noisy.tradable.copy()
    rng = np.random.default_rng(5)
    tradable[cut + 1 :] |= rng.random(tradable[cut + 1 :].shape) < 0.5
    returns[cut + 1 :] = np.where(np.maximum.accumulate(tradable)[cut + 1 :], rng.normal(0.0, 0.05, (179, 6)), 0.0)
    past = paths(allocation, "noisy")
    other = allocations.target_path(allocation, replace(noisy, returns=returns, tradable=tradable), start=70)
    known = past.seen <= cut
    assert known.sum() >= 1
    assert np.array_equal(past.row[: cut + 1], other.row[: cut + 1])
    assert np.array_equal(past.rows[known], other.rows[: known.sum()])
    if allocation.window:  # and what follows does reach later targets, so the perturbation was one
        assert not np.array_equal(past.rows[-1], other.rows[-1])


@pytest.mark.parametrize("allocation", EVERY_ALLOCATION, ids=repr)
def test_a_longer_market_leaves_the_past_bit_equal(allocation, noisy, paths):
    last = 352  # within a week, a month and a quarter
    short, long = (
        allocations.target_path(allocation, noisy.until(noisy.dates[last]), start=70),
        paths(allocation, "noisy"),
    )
    assert np.array_equal(short.row, long.row[: last + 1])
    assert np.array_equal(short.seen, long.seen[: len(short.seen)])
    assert np.array_equal(short.rows, long.rows[: len(short.rows)])
    assert len(long.rows) > len(short.rows) or allocation.window == 0


@pytest.mark.parametrize("allocation", EVERY_ALLOCATION, ids=repr)
def test_a_line_that_is_not_listed_has_no_target(allocation, noisy, paths):
    path = paths(allocation, "noisy")
    for target, seen in zip(path.rows, path.seen, strict=True):
        assert (target[~noisy.listed[seen]] == 0.0).all()
        assert 0.0 <= target.min() <= target.sum() <= 1.0 + 1e-12


def test_a_path_that_looks_ahead_is_refused():
    with pytest.raises(PolicyError, match=r"target 0 of HRP is used at row 1, but contains data of row 2"):
        allocations.TargetPath(("A",), rows=[[1.0]], row=[-1, 0, 0], seen=[2], allocation="HRP")


def test_a_path_with_a_target_that_it_has_not_is_refused():
    with pytest.raises(PolicyError, match=r"target 1 of HRP is in force, and the path has 1\."):
        allocations.TargetPath(("A",), rows=[[1.0]], row=[-1, 0, 1], seen=[1], allocation="HRP")


def test_an_allocation_that_hands_out_one_array_again_and_again_is_kept_as_it_answered(quiet):
    class Reuses(Recorder):
        def target(self, past):
            self.answer = np.zeros(2) if self.answer is None else self.answer
            self.answer[:] = past.t / 1000.0
            return self.answer

    assert allocations.target_path(Reuses("quarter"), quiet).rows[:, 0].tolist() == [0.0, 0.06, 0.124]


def test_a_path_says_what_it_is_in_one_line(quiet):
    path = allocations.target_path(allocations.EqualWeights(), quiet, start=20)
    assert repr(path) == "TargetPath of EqualWeights(unlisted='pro_rata'): 1 targets of 2 assets, for row 0 to 124"


def test_a_path_cannot_be_changed(quiet):
    path = allocations.target_path(Recorder(), quiet, start=30)
    for array in (path.rows, path.row, path.seen):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


# -- assets that leave -------------------------------------------------------------------------------------------------

GONE = 250  # the row on which the third asset, a bond, leaves; halted for ten sessions before


@pytest.fixture(scope="module")
def halted(noisy):
    silent = (np.arange(380)[:, None] >= GONE - 10) & (np.arange(6) == 2)
    return replace(noisy, tradable=noisy.tradable & ~silent, returns=np.where(silent, 0.0, noisy.returns))


@pytest.fixture(scope="module")
def leaving(halted):
    return delist(halted, "A02", halted.dates[GONE], SHUMWAY)


@pytest.mark.parametrize("allocation", EVERY_ALLOCATION, ids=repr)
def test_from_the_row_of_its_exit_on_a_line_has_no_target(allocation, halted, leaving, paths):
    path, before = (
        paths(allocation, "leaving"),
        allocations.target_path(allocation, halted.until(halted.dates[GONE - 1]), start=70),
    )
    assert GONE in path.seen
    assert np.array_equal(path.row[:GONE], before.row)
    assert np.array_equal(path.rows[: len(before.rows)], before.rows)
    assert path.at(GONE - 1)[2] > 0.0
    assert all(path.at(t)[2] == 0.0 for t in range(GONE, 380))
    for target, seen in zip(path.rows, path.seen, strict=True):
        assert (target[~leaving.listed[seen]] == 0.0).all()
        assert 0.0 <= target.min() <= target.sum() <= 1.0 + 1e-12


@pytest.mark.parametrize("allocation", EVERY_ALLOCATION, ids=repr)
def test_a_market_that_ends_on_the_day_of_an_exit_has_the_same_targets(allocation, leaving, paths):
    short, long = (
        allocations.target_path(allocation, leaving.until(leaving.dates[GONE]), start=70),
        paths(allocation, "leaving"),
    )
    assert np.array_equal(short.row, long.row[: GONE + 1])
    assert np.array_equal(short.rows, long.rows[: len(short.rows)])


def test_what_was_meant_for_it_goes_to_its_class(leaving):
    path = allocations.target_path(allocations.FixedWeights((0.3, 0.2, 0.1, 0.1, 0.2, 0.1)), leaving, start=200)
    # row 200: the last asset, equity, is not listed yet; row 250: the bond A02 leaves A03; row 330: A05 is listed
    assert path.seen.tolist() == [120, GONE, 330]
    assert path.rows[0] == pytest.approx([0.36, 0.24, 0.1, 0.1, 0.2, 0.0], abs=1e-15)
    assert path.rows[1] == pytest.approx([0.36, 0.24, 0.0, 0.2, 0.2, 0.0], abs=1e-15)
    assert path.rows[2] == pytest.approx([0.3, 0.2, 0.0, 0.2, 0.2, 0.1], abs=1e-15)


@pytest.mark.parametrize("kind", [allocations.InverseVolatility, allocations.MinimumVariance, allocations.HRP])
def test_an_estimate_is_made_anew_without_it_on_the_day_of_its_exit(kind, leaving):
    allocation = kind(window=60)
    target = allocations.target_path(allocation, leaving, start=70).at(GONE)
    alone = allocation.target(leaving.select([line for line in leaving.assets if line != "A02"]).past(GONE))
    assert target[[0, 1, 3, 4, 5]] == pytest.approx(alone, abs=1e-12)


def test_a_window_counts_for_a_line_only_while_it_is_listed(make_market):
    # A00 has 20 returns on row 20 and leaves on row 25; A01 is listed on row 15 and has 20 returns on row 35.
    returns = np.random.default_rng(8).normal(0.0, 0.01, (60, 2))
    returns[24:, 0] = 0.0
    market = make_market(returns, first=[0, 15], halted=[(row, 0) for row in range(24, 60)])
    market = delist(market, "A00", market.dates[25], -1.0)
    with pytest.raises(DataError, match=r"no asset has 20 returns on 2018-02-07 \(row 25\)"):
        allocations.target_path(allocations.InverseVolatility(window=20), market, start=20)
    assert allocations.target_path(allocations.InverseVolatility(window=20), market, start=35).at(35).tolist() == [
        0.0,
        1.0,
    ]


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_market_too_short_for_the_window_says_what_is_known_and_from_when(quiet):
    said = r"'made'.*HRP of 100 returns.*2018-01-31 \(row 20\).*and 20 are known.*Start the test on 2018-05-26 or later"
    with pytest.raises(DataError, match=said):
        allocations.target_path(allocations.HRP(window=100), quiet, start=20)


def test_a_market_that_ends_before_the_window_is_complete_offers_no_later_start(quiet):
    with pytest.raises(DataError, match=r"and 124 are known there. Give a shorter `window`, or the market a"):
        allocations.target_path(allocations.HRP(window=300), quiet, start=124)


@pytest.mark.parametrize("start", [-1, 125])
def test_a_start_outside_the_market_is_refused(quiet, start):
    with pytest.raises(ConfigError, match=rf"row {start}, and market 'made' has rows 0 to 124"):
        allocations.target_path(allocations.EqualWeights(), quiet, start=start)


def test_an_unknown_schedule_is_refused(quiet):
    with pytest.raises(ConfigError, match=r"schedule of Recorder.*'fortnight'.*listing, day, week, month"):
        allocations.target_path(Recorder("fortnight"), quiet)


def test_a_target_that_is_not_finite_names_the_line_and_the_date(quiet):
    with pytest.raises(PolicyError, match=r"Recorder.* on 2018-01-31 is not finite for 1 of 2 assets: AGG has .*nan"):
        allocations.target_path(Recorder(answer=np.array([1.0, np.nan])), quiet, start=20)


def test_a_target_of_another_length_is_refused(quiet):
    with pytest.raises(PolicyError, match=r"shape \(3,\), expected \(2,\): one weight for each of SPY, AGG"):
        allocations.target_path(Recorder(answer=[0.2, 0.3, 0.5]), quiet, start=20)


@pytest.mark.parametrize("t", [19, 125, -1])
def test_asking_for_a_target_before_the_first_or_after_the_market_is_refused(quiet, t):
    with pytest.raises(PolicyError, match=rf"no target at row {t}: the first is row 20, the market ends at row 124"):
        allocations.target_path(Recorder(), quiet, start=20).at(t)


# -- assets that are not listed yet ------------------------------------------------------------------------------------

CLASSES = ("equity", "equity", "bond", "crypto")


def test_the_target_of_an_unlisted_line_goes_to_its_class_in_proportion():
    classes = ["equity", "equity", "equity", "bond"]
    spread = allocations.spread_unlisted(np.array([0.3, 0.1, 0.2, 0.4]), np.array([True, True, False, True]), classes)
    assert spread == pytest.approx([0.45, 0.15, 0.0, 0.4], abs=1e-15)


def test_a_class_without_listed_lines_goes_to_the_whole_portfolio():
    spread = allocations.spread_unlisted(np.array([0.4, 0.2, 0.3, 0.1]), np.array([True, True, True, False]), CLASSES)
    assert spread == pytest.approx([0.4 + 0.4 / 9, 0.2 + 0.2 / 9, 0.3 + 0.3 / 9, 0.0], abs=1e-15)


def test_a_listed_line_of_the_class_with_no_target_gets_none():
    spread = allocations.spread_unlisted(np.array([0.0, 0.3, 0.7, 0.0]), np.array([True, False, True, True]), CLASSES)
    assert spread == pytest.approx([0.0, 0.0, 1.0, 0.0], abs=1e-15)


def test_left_in_cash_the_other_lines_keep_their_target():
    spread = allocations.spread_unlisted(
        np.array([0.4, 0.2, 0.3, 0.1]), np.array([True, False, True, False]), CLASSES, how="cash"
    )
    assert spread.tolist() == [0.4, 0.0, 0.3, 0.0]


def test_where_nothing_is_listed_everything_stays_in_cash():
    assert allocations.spread_unlisted(np.array([0.4, 0.2, 0.3, 0.1]), np.zeros(4, bool), CLASSES).tolist() == [0.0] * 4


@given(
    size=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4), listed=st.lists(st.booleans(), min_size=4, max_size=4)
)
def test_spreading_keeps_the_sum_and_gives_unlisted_lines_nothing(size, listed):
    weights, listed = np.array(size), np.array(listed)
    spread = allocations.spread_unlisted(weights, listed, CLASSES)
    assert (spread[~listed] == 0.0).all()
    assert (spread >= np.where(listed, weights, 0.0)).all()
    if weights[listed].any():
        assert spread.sum() == pytest.approx(weights.sum(), abs=1e-12)


@settings(max_examples=50)
@given(order=st.permutations(range(6)), listed=st.lists(st.booleans(), min_size=6, max_size=6))
def test_spreading_is_blind_to_the_order_of_lines(order, listed):
    weights, listed = np.array([0.1, 0.3, 0.05, 0.2, 0.15, 0.2]), np.array(listed)
    classes = np.array(["a", "a", "b", "b", "c", "b"])
    moved = allocations.spread_unlisted(weights[order], listed[order], classes[order])
    assert moved == pytest.approx(allocations.spread_unlisted(weights, listed, classes)[order], abs=1e-15)


def test_another_way_of_spreading_is_refused():
    with pytest.raises(ConfigError, match=r"'drop'. Use one of pro_rata, cash"):
        allocations.spread_unlisted(np.array([1.0]), np.array([True]), ["equity"], how="drop")


# -- weights rounded to five decimals -------------------------------------------------------------------------------


@pytest.mark.parametrize(("last", "off"), [(0.33334, 1e-5), (0.33332, 1e-5)])
def test_weights_rounded_to_five_decimals_are_scaled_to_one_and_it_is_said(last, off, make_market):
    path = allocations.target_path(allocations.FixedWeights((0.33333, 0.33334, last)), make_market(np.zeros((3, 3))))
    assert path.rows[0].sum() == pytest.approx(1.0, abs=1e-15)
    assert path.rows[0] == pytest.approx(np.array([0.33333, 0.33334, last]) / (0.66667 + last), abs=1e-16)
    assert path.rounded == pytest.approx(off, abs=1e-12)
    assert repr(path).endswith("; sums rounded to five decimals, up to 0.00001 off, scaled to 1")


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1 / 3, 1 / 3, 1 / 3), (0.1,) * 10])
def test_weights_that_sum_to_one_keep_every_bit(weights, make_market):
    path = allocations.target_path(allocations.FixedWeights(weights), make_market(np.zeros((3, len(weights)))))
    assert path.rows[0].tolist() == list(weights)
    assert path.rounded == 0.0
    assert "rounded" not in repr(path)


@pytest.mark.parametrize("weights", [(0.5, 0.4999), (0.5, 0.50002), (0.3, 0.2), (1.0, 0.5)])
def test_what_misses_one_by_more_than_rounding_is_as_given(weights, make_market):
    path = allocations.target_path(allocations.FixedWeights(weights), make_market(np.zeros((3, 2))))
    assert path.rows[0].tolist() == list(weights)
    assert path.rounded == 0.0


def test_cash_of_exact_weights_is_not_scaled_away_as_rounding(make_market):
    market = make_market(np.random.default_rng(3).normal(0.0, 0.01, (80, 500)))
    reserve = allocations.target_path(allocations.ConstantExposure(allocations.EqualWeights(), 0.998), market, 70)
    assert reserve.rows.sum(axis=1) == pytest.approx(0.998, abs=1e-12)
    below = allocations.HRP(window=60, constraints=Constraints(net=Bounds(least=0.998, most=0.998)))
    assert allocations.target_path(below, market, 70).rows.sum(axis=1) == pytest.approx(0.998, abs=1e-9)
    thirds = allocations.FunctionAllocation(
        lambda returns: np.full(500, 0.998 / 499.5) * ([1.0] * 499 + [0.5]), window=2
    )
    path = allocations.target_path(thirds, market, 70)
    assert path.rows.sum(axis=1) == pytest.approx(0.998, abs=1e-12)
    assert path.rounded == 0.0


def test_rounding_is_no_leverage_once_a_line_has_left(make_market):
    halted = make_market(np.zeros((30, 3)), halted=[(row, 0) for row in range(10, 30)])
    left = delist(halted, "A00", halted.dates[15], 0.0)
    path = allocations.target_path(allocations.FixedWeights((0.33334, 0.33334, 0.33333)), left)
    assert path.rows.sum(axis=1) == pytest.approx([1.0, 1.0], abs=1e-15)


# -- the room itself ---------------------------------------------------------------------------------------------------


def test_importing_the_room_loads_no_solver():
    heavy = {"scipy", "cvxpy", "pypfopt", "sklearn", "skfolio", "torch", "numba", "exchange_calendars"}
    code = "import sys; from research.allocation import *; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in loaded
    assert not heavy & set(loaded)
