"""A part that follows its own target keeps its limit of turnover wherever it stands."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from foundation.errors import ConfigError
from research.allocation import (
    HRP,
    Allocation,
    Average,
    CappedTurnover,
    ConstantExposure,
    EqualWeights,
    FixedWeights,
    MarketCapWeights,
    MeanVariance,
    RegimeExposure,
    Reserve,
    RiskParity,
    Smoothed,
    VolatilityTarget,
    target_path,
)
from research.allocation.allocation import carried
from research.allocation.constraints import Constraints, Exposure, Most
from research.allocation.in_turn import part_answer
from research.forecast import Estimated, MarkovRegimes
from research.market import Market, delist, with_facts

TURNOVER = Constraints(turnover=Most(most=0.1))
CAPPED = MeanVariance(forecast=Estimated(window=30), constraints=Constraints(turnover=Most(most=0.03)))


@pytest.mark.parametrize(
    ("held", "share", "rest"),
    [
        (ConstantExposure(CAPPED, 0.6), 0.6, None),
        (Reserve(ConstantExposure(CAPPED, 0.5), "A01", 0.0), 0.5, None),
        (Average((CAPPED, EqualWeights()), (0.25, 0.75)), 0.25, EqualWeights()),
    ],
    ids=["part of it", "below two", "one of two"],
)
def test_below_others_it_has_the_targets_that_it_has_alone(
    noisy: Market, held: Allocation, share: float, rest: Allocation | None
) -> None:
    alone, path = target_path(CAPPED, noisy, start=70), target_path(held, noisy, start=70)
    assert np.array_equal(path.seen, alone.seen)
    others = 0.0 if rest is None else np.array([rest.target(noisy.past(int(t))) for t in path.seen])
    assert path.rows == pytest.approx(share * alone.rows + (1.0 - share) * others, abs=1e-12)
    assert np.maximum(np.diff(alone.rows, axis=0), 0.0).sum(axis=1).max() < 0.03 + 1e-8


def test_an_answer_does_not_depend_on_what_was_asked_before(noisy: Market) -> None:
    cold = noisy.select(list(noisy.assets))
    for t in (300, 200, 300):
        part_answer(CAPPED, noisy.past(t))
    assert np.array_equal(part_answer(CAPPED, noisy.past(300)).weights, part_answer(CAPPED, cold.past(300)).weights)


@pytest.fixture(scope="module")
def left(noisy: Market) -> Market:
    """The market of which the first asset, the steadiest, leaves at row 200."""
    silent = (np.arange(380)[:, None] >= 200) & (np.arange(6) == 0)
    halted = replace(noisy, tradable=noisy.tradable & ~silent, returns=np.where(silent, 0.0, noisy.returns))
    return delist(halted, "A00", noisy.dates[200], 0.0)


@pytest.mark.parametrize(
    "capped",
    [
        MeanVariance(forecast=Estimated(window=60), constraints=TURNOVER),
        HRP(window=60, constraints=TURNOVER),
        RiskParity(forecast=Estimated(window=60), constraints=TURNOVER),
    ],
    ids=["mean variance", "hrp", "risk parity"],
)
def test_a_line_that_leaves_is_no_turnover_alone_or_below_others(left: Market, capped: Allocation) -> None:
    alone = target_path(capped, left, start=100)
    assert not alone.remarks()
    assert alone.rows[alone.seen < 200, 0].max() > 0.1
    before = np.array([carried(row, left.past(int(t))) for row, t in zip(alone.rows, alone.seen[1:], strict=False)])
    assert np.maximum(alone.rows[1:] - before, 0.0).sum(axis=1).max() < 0.1 + 1e-8
    for held in (ConstantExposure(capped, 1.0), VolatilityTarget(capped, 2.0, lookback=20)):
        below = target_path(held, left, start=100)
        assert np.array_equal(below.rows, alone.rows)
        assert [one.status for one in below.answers] == [one.status for one in alone.answers]


def test_below_others_a_refit_without_a_solution_goes_on_with_the_target_before(left: Market) -> None:
    """At most 40 % a line: past the exit no target within a turnover of 1 % keeps it."""
    capped = HRP(window=60, upper=0.4, constraints=Constraints(turnover=Most(most=0.01)))
    alone, below = (target_path(held, left, start=100) for held in (capped, ConstantExposure(capped, 1.0)))
    assert alone.remarks()
    assert [(one.fallback, one.why) for one in below.answers] == [(one.fallback, one.why) for one in alone.answers]
    assert np.array_equal(below.rows, alone.rows)


@pytest.fixture(scope="module")
def known_late(noisy: Market) -> Market:
    """The market of which market capitalisations are known from row 150 on, and whose assets move from row 70 on."""
    still = np.arange(380)[:, None] < 70
    caps = pd.DataFrame([range(1, 7)], index=[noisy.dates[150]], columns=noisy.assets, dtype=float)
    return with_facts(replace(noisy, returns=np.where(still, 0.0, noisy.returns)), {"market_cap": caps})


@pytest.mark.parametrize(
    ("held", "day"),
    [
        (lambda seen: Smoothed(RegimeExposure(EqualWeights(), _regimes(seen), schedule="month")), 150),
        (lambda _: Smoothed(MarketCapWeights(schedule="month")), 150),
        (lambda _: ConstantExposure(CappedTurnover(MarketCapWeights(schedule="month")), 0.5), 150),
        (lambda _: _following(exposures={"size": Exposure(column="market_cap", least=1.5)}), 150),
        (lambda _: ConstantExposure(_following(), 1.0), 130),
        (lambda _: _following(), 130),
        (lambda _: Smoothed(HRP(window=60)), 130),
    ],
    ids=["regimes", "caps smoothed", "caps capped", "a column", "still assets below", "still assets", "hrp"],
)
def test_what_is_not_known_long_before_the_start_is_no_error(known_late: Market, held, day: int) -> None:
    allocation = held(known_late.dates[150])
    path = target_path(allocation, known_late, start=200)
    first = target_path(allocation, known_late, start=day + 21)
    assert np.array_equal(path.rows, first.rows[-len(path.rows) :])
    with pytest.raises(ValueError, match=r"2018-0|not known"):
        target_path(allocation, known_late, start=62)


def test_what_is_wrong_today_is_an_error_below_others_too(noisy: Market) -> None:
    with pytest.raises(ConfigError, match="nobody"):
        target_path(Smoothed(FixedWeights({"nobody": 1.0})), noisy, start=100)


def _regimes(seen: pd.Timestamp) -> MarkovRegimes:
    return MarkovRegimes("A00", (0.0, 0.0), (0.005, 0.02), ((0.95, 0.05), (0.1, 0.9)), seen)


def _following(**limits: object) -> MeanVariance:
    return MeanVariance(forecast=Estimated(window=60), constraints=replace(TURNOVER, **limits))  # type: ignore[arg-type]
