"""Axes give a grid, or a sample of it that repeats with its seed."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from backtests.runs.chunks import WorkPart
from backtests.sweeps import Axes, Choices, Plan, Range, sample, threshold
from foundation.errors import ConfigError
from research.allocation import HRP
from research.rules import Calendar, Never, Threshold

BANDS = tuple(k / 100 for k in range(1, 11))
AXES = Axes(
    rules=(
        Choices(Never),
        Choices(Calendar, schedule=("month", "year")),
        Choices(threshold, band=BANDS, to=(0, 0.5, 1)),
    ),
    cost_multiples=(0.5, 1.0, 2.0),
    lags=(0, 1),
)


def whole(plan: Plan) -> list[object]:
    return plan.of(WorkPart(0, len(plan)))


def test_a_grid_is_the_product_of_its_axes() -> None:
    both = replace(AXES, allocations=(Choices(HRP, window=(50, 100)),))
    assert (len(AXES.grid()), len(both.grid())) == ((1 + 2 + 30) * 3 * 2, 2 * len(AXES.grid()))


def test_a_threshold_goes_to_a_fraction_of_its_band() -> None:
    held = AXES.grid().policies[0].allocation
    assert threshold(held, 0.02, 0) == Threshold(held, 0.02, "target")
    assert threshold(held, 0.02, 1.0) == Threshold(held, 0.02, "edge")
    assert threshold(held, 0.02, 0.5).destination == 0.01


@pytest.mark.parametrize("kind", ["sobol", "random"])
def test_a_sample_repeats_with_its_seed_and_differs_with_another(kind: str) -> None:
    drawn = replace(
        AXES, cost_multiples=Range(0.5, 5.0), rules=(Choices(threshold, band=Range(0.005, 0.1), to=(0, 1)),)
    )
    one, again, other = (sample(drawn, 100, seed, kind) for seed in (7, 7, 8))  # type: ignore[arg-type]
    assert (whole(one), one.settings) == (whole(again), again.settings)
    assert whole(one) != whole(other)


@pytest.mark.parametrize("kind", ["sobol", "random"])
def test_a_sample_holds_as_many_different_points_of_the_grid_as_asked(kind: str) -> None:
    grid = set(whole(AXES.grid()))
    found = whole(sample(AXES, len(grid), 1, kind))  # type: ignore[arg-type]
    assert (set(found), len(found)) == (grid, len(grid))
    assert set(whole(sample(AXES, 50, 1, kind))) < grid  # type: ignore[arg-type]


def test_a_sobol_sample_fills_a_range_evenly() -> None:
    drawn = Axes(rules=(Choices(threshold, band=Range(0.0, 0.1), to=Range(0.0, 1.0)),), cost_multiples=Range(0.0, 8.0))
    columns = sample(drawn, 64, 3).columns(WorkPart(0, 64))
    for name, high in (("band", 0.1), ("to", 1.0), ("cost_multiple", 8.0)):
        each = Counter(np.floor(np.asarray(columns[name]) / high * 64).astype(int).tolist())
        assert set(each.values()) == {1}, "a (0, m, s)-net puts one point into each of its 64 slices"


def test_every_point_of_a_grid_is_as_likely_as_any_other() -> None:
    drawn = Axes(rules=AXES.rules, cost_multiples=Range(0.0, 1.0))
    rules = Counter(sample(drawn, 3300, 1, "random").columns(WorkPart(0, 3300))["rule"].tolist())
    assert rules["threshold"] == pytest.approx(3000, abs=4 * np.sqrt(3300 * (1 / 11) * (10 / 11)))
    assert rules["never"] == pytest.approx(100, abs=4 * np.sqrt(100))


@pytest.mark.parametrize(("make", "said"), [
    (lambda: Choices(threshold, band=()), "band has no values"),
    (lambda: Range(0.2, 0.1), "from 0.2 to 0.1 is empty"),
    (lambda: Axes(rules=()).grid(), r"rules of axes are \(\): give at least one"),
    (lambda: Axes(rules=(Choices(threshold, band=Range(0.1, 0.2)),)).grid(), "band is a range"),
    (lambda: Axes(rules=(Choices(threshold, band=2.0),)).grid(), "two percentage points are 0.02"),
    (lambda: Axes(rules=(Choices(threshold, band=0.02, to=1.5),)).grid(), "to is 1.5"),
    (lambda: Range("a", 1.0), "low of a range is 'a': give a number"),
    (lambda: Range(0.0, True), "high of a range is True"),
    (lambda: Choices("never"), "make of Choices is 'never': give the class of a rule"),
    (lambda: Choices(dict), "make of Choices is <class 'dict'>: give the class of a rule"),
    (lambda: Choices(int, x=1), "make of Choices is <class 'int'>: give the class of a rule"),
    (lambda: Choices(threshold, bnad=0.1), r"a setting of Choices\(threshold\) is 'bnad': Did you mean 'band'"),
    (lambda: Axes(rules=(Choices(threshold, band=None),)).grid(), "band is None: a band is a fraction"),
    (lambda: Axes(rules=(Choices(threshold, band="wide"),)).grid(), "band is 'wide': a band is a fraction"),
    (lambda: Axes(rules=(Choices(threshold, band=0.1, to=True),)).grid(), "to is True: give a fraction"),
    (
        lambda: Axes(rules=(Choices(threshold, allocation=HRP()),)).grid(),
        "has the setting allocation, which is also an axis",
    ),
    (lambda: Axes(rules=Choices(Never)), r"rules of axes are Choices\(Never\): give at least one"),
    (lambda: Axes(rules=("never",)), r"rules of axes are \('never',\): give at least one, each as Choices"),
    (lambda: Axes(rules=None), "rules of axes are None"),
    (lambda: replace(AXES, allocations=(HRP(),)), "allocations of axes are .*: give at least one, each as Choices"),
    (lambda: replace(AXES, allocations=(Choices(Never),)).grid(), r"Choices\(Never\) needs a value of allocation"),
    (lambda: replace(AXES, cost_multiples=None), "cost_multiples of a plan is None: give a sequence"),
    (lambda: replace(AXES, cost_multiples=Range(-1.0, 1.0)), "cost_multiples of a plan holds -1.0"),
    (lambda: replace(AXES, lags=[]), "lags of a plan is empty"),
    (lambda: replace(AXES, lags=Range(0.0, 5.0)), "lags of a plan is Range"),
    (lambda: replace(AXES, starts=["soon"]), "starts of a plan holds 'soon': write a date as YYYY-MM-DD"),
    (lambda: replace(AXES, starts=[20200102]), "starts of a plan holds 20200102: write a date"),
    (lambda: replace(AXES, portfolios=[None]), "portfolios of a plan holds None: give the name"),
    (lambda: sample(None, 1, 1), "axes of a sample are None: give Axes"),
    (lambda: sample(AXES, "10", 1), "size of a sample is '10'"),
    (lambda: sample(AXES, 10, None), "seed of a sample is None"),
    (lambda: sample(AXES, 199, 1), "size of a sample is 199, but its grid has 198"),
    (lambda: sample(AXES, 0, 1), "size of a sample is 0"),
    (lambda: sample(AXES, 10**13, 1), "size of a sample is 10000000000000: .* from 1 to 10,000,000"),
    (lambda: sample(AXES, 10, -1), "seed of a sample is -1"),
    (lambda: sample(AXES, 10, 1, "halton"), "kind of a sample is 'halton'"),
])  # fmt: skip
def test_what_is_no_axis_is_refused(make: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()  # type: ignore[operator]
