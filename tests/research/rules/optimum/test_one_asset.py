"""The closed forms of one risky asset, against published figures and their own algebra."""

import math

import pytest
from cases import cases

from foundation.errors import ConfigError
from research.rules.optimum.one_asset import OVERSHOOT, Stray, best_half_width, reviewed, to_edge, to_target

P, SIGMA, COST, G = 0.6, 0.16, 0.001, 2.0  # the worked case: 60/40, 10 bp a side
DAY = 1 / 252


def in_bp(stray: Stray) -> float:
    return 1e4 * stray.loss(SIGMA, COST, G)


def test_the_width_of_the_worked_case() -> None:
    assert best_half_width(P, COST, G) == pytest.approx(0.0351, abs=5e-5)


def test_losses_of_the_worked_case() -> None:
    """In bp a year: at h*, at half and twice of it, and reviewed each month and quarter."""
    h = best_half_width(P, COST, G)
    assert in_bp(to_edge(P, SIGMA, h)) == pytest.approx(0.315, rel=0.01)
    assert in_bp(to_edge(P, SIGMA, 2 * h)) == pytest.approx(0.53, rel=0.01)
    assert in_bp(reviewed(P, SIGMA, 1 / 12)) == pytest.approx(1.08, rel=0.01)
    assert in_bp(reviewed(P, SIGMA, 1 / 4)) == pytest.approx(0.66, rel=0.01)


def test_half_the_width_of_the_worked_case_checked_daily() -> None:
    """Checks at closes widen a narrow band most: 0.42, where watching without pause would lose 0.45."""
    assert in_bp(to_edge(P, SIGMA, best_half_width(P, COST, G) / 2, DAY)) == pytest.approx(0.42, rel=0.02)


def test_at_equal_tracking_the_edge_halves_the_turnover_of_a_calendar() -> None:
    """Leland (1999): sqrt(pi) / (2 sqrt 3) = 0.5117 of it, and a band to target sqrt(pi / 6) = 0.7236."""
    calendar = reviewed(P, SIGMA, 1 / 12)
    edge = to_edge(P, SIGMA, math.sqrt(3.0 * calendar.deviation))
    target = to_target(P, SIGMA, math.sqrt(6.0 * calendar.deviation))
    assert edge.deviation == pytest.approx(calendar.deviation, rel=1e-12)
    assert target.deviation == pytest.approx(calendar.deviation, rel=1e-12)
    assert edge.turnover / calendar.turnover == pytest.approx(0.5117, abs=5e-5)
    assert target.turnover / calendar.turnover == pytest.approx(0.7236, abs=5e-5)


def test_no_other_width_loses_less_to_the_edge() -> None:
    h = best_half_width(P, COST, G)
    least = in_bp(to_edge(P, SIGMA, h))
    assert least < min(in_bp(to_edge(P, SIGMA, h * k)) for k in (0.5, 0.99, 1.01, 2.0))


def test_the_width_grows_with_the_cube_root_of_cost_and_the_loss_with_its_two_thirds() -> None:
    widths = [best_half_width(P, cost, G) for cost in (0.001, 0.008)]
    losses = [to_edge(P, SIGMA, h).loss(SIGMA, c, G) for h, c in zip(widths, (0.001, 0.008), strict=True)]
    assert widths[1] / widths[0] == pytest.approx(2.0, rel=1e-12)
    assert losses[1] / losses[0] == pytest.approx(4.0, rel=1e-12)


def test_checks_at_closes_ask_for_a_narrower_band() -> None:
    """By 0.5826 b sigma sqrt(d): 0.5826 x 0.24 x 0.16 / sqrt(252) is 0.14 points."""
    narrower = best_half_width(P, COST, G) - best_half_width(P, COST, G, sigma=SIGMA, interval=DAY)
    assert narrower == pytest.approx(0.5826 * 0.24 * 0.16 / math.sqrt(252), rel=1e-12)


def test_the_overshoot_is_that_of_a_random_walk() -> None:
    """-zeta(1/2) / sqrt(2 pi), with zeta(1/2) = -1.4603545 (Abramowitz and Stegun, 23.2)."""
    assert pytest.approx(1.4603545 / math.sqrt(2 * math.pi), abs=5e-5) == OVERSHOOT


@cases(
    "make, message",
    (lambda: best_half_width(1.0, COST, G), "p is 1.0: give a target weight between 0 and 1"),
    (lambda: best_half_width(P, 0.0, G), "cost is 0.0: give a finite number above 0"),
    (lambda: best_half_width(P, COST, G, sigma=SIGMA, interval=10.0), "interval is 10.0: checks so far apart"),
    (lambda: to_edge(P, SIGMA, -0.01), "h is -0.01"),
    (lambda: to_target(P, -1.0, 0.01), "sigma is -1.0"),
    (lambda: reviewed(P, SIGMA, 0.0), "interval is 0.0"),
    (lambda: to_edge(P, SIGMA, 0.01, -1.0), "interval is -1.0: give years between two looks"),
)
def test_numbers_out_of_range_are_refused(make, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
