"""Brinson and Fachler on a textbook's case, linked over its four quarters; and classes that one side does not hold."""

import numpy as np
import pytest

from foundation.errors import DataError
from research.risk.decomposition.brinson import brinson_fachler, class_returns
from research.risk.decomposition.linking import linked

# Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 2nd edition: UK, Japanese and US equities.
# The first quarter is the single period of table 5.3; the four quarters and their linking are tables 8.1 and 8.2,
# with figures to four decimals as quoted in the tests of the R package PortfolioAttribution.
WEIGHTS = np.array([[0.4, 0.3, 0.3], [0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.3, 0.5, 0.2]])
RETURNS = np.array([[0.20, -0.05, 0.06], [-0.05, 0.03, -0.05], [-0.20, 0.08, -0.15], [0.10, -0.07, 0.25]])
BENCHMARK = np.array([[0.4, 0.2, 0.4], [0.4, 0.3, 0.3], [0.5, 0.4, 0.1], [0.4, 0.4, 0.2]])
INDICES = np.array([[0.10, -0.04, 0.08], [-0.07, 0.04, -0.10], [-0.25, 0.05, -0.20], [0.05, -0.05, 0.10]])


def test_one_period_of_the_textbook() -> None:
    found = brinson_fachler(WEIGHTS[:1], RETURNS[:1], BENCHMARK[:1], INDICES[:1])
    assert found.allocation[0] == pytest.approx([0.0, -0.0104, -0.0016], abs=1e-12)
    assert found.selection[0] == pytest.approx([0.04, -0.002, -0.008], abs=1e-12)
    assert found.interaction[0] == pytest.approx([0.0, -0.001, 0.002], abs=1e-12)
    assert sum(effect.sum() for effect in found) == pytest.approx(0.083 - 0.064, abs=1e-12)


def test_four_quarters_of_the_textbook_linked_by_carino() -> None:
    found = brinson_fachler(WEIGHTS, RETURNS, BENCHMARK, INDICES)
    r, b = (WEIGHTS * RETURNS).sum(axis=1), (BENCHMARK * INDICES).sum(axis=1)
    assert found.allocation.sum(axis=1) == pytest.approx([-0.012, -0.005, 0.035, -0.010], abs=1e-12)
    top_down = found.selection + found.interaction  # which the book adds up
    allocation, selection = (linked(effect, r, b).sum(axis=0) for effect in (found.allocation, top_down))
    assert allocation == pytest.approx([0.0165, -0.0060, 0.0015], abs=6e-5)
    assert selection == pytest.approx([0.0804, 0.0018, 0.0385], abs=6e-5)
    assert allocation.sum() == pytest.approx(0.0120, abs=6e-5)
    assert selection.sum() == pytest.approx(0.1207, abs=6e-5)
    assert allocation.sum() + selection.sum() == pytest.approx(np.prod(1.0 + r) - np.prod(1.0 + b), abs=1e-14)


def test_a_class_that_one_side_does_not_hold_has_an_allocation_effect_only() -> None:
    w, v = np.array([[0.7, 0.3, 0.0, 0.0]]), np.array([[0.6, 0.0, 0.4, 0.0]])
    r, b = np.array([[0.10, -0.05, np.nan, np.nan]]), np.array([[0.08, np.nan, 0.02, np.nan]])
    found = brinson_fachler(w, r, v, b)
    whole = 0.6 * 0.08 + 0.4 * 0.02
    assert found.allocation[0, 1:] == pytest.approx([0.3 * (-0.05 - whole), -0.4 * (0.02 - whole), 0.0], abs=1e-15)
    assert found.selection[0, 1:].tolist() == [0.0, 0.0, 0.0]
    assert found.interaction[0, 1:].tolist() == [0.0, 0.0, 0.0]
    assert sum(effect.sum() for effect in found) == pytest.approx(0.7 * 0.10 - 0.3 * 0.05 - whole, abs=1e-15)


def test_a_class_whose_lines_cancel_is_refused_with_its_name() -> None:
    weights, members = np.array([[0.5, 0.2, -0.2]]), np.array([0, 1, 1])
    with pytest.raises(DataError, match=r"class pairs holds 0.4 of NAV long and short in period 0"):
        class_returns(weights, np.zeros((1, 3)), members, ("funds", "pairs"))
