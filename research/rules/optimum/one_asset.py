"""One risky asset beside cash in closed form: the best width of a band, and turnover and deviation of each rule.

p : target weight of the asset; b = p(1 - p) is what one per cent of its return moves its weight by.
sigma : volatility a year of its return in excess of cash.  h : half-width of a band, fraction of NAV.
interval : years between two checks, or two reviews: 1/252 for every day.
Turnover is a year, one-way, a fraction of NAV; deviation is the mean square of weight less target. Both are of the
stationary path, to leading order in the band: a path that starts at its target strays less at first.
With checks at intervals the weight overshoots its band by 0.5826 b sigma sqrt(interval) on average, so a band of h acts
like a wider one that is watched without pause.

Sources: Shreve and Soner (1994), Optimal investment and consumption with transaction costs; Janecek and Shreve (2004),
Asymptotic analysis for optimal investment and consumption with transaction costs, for the width; Leland (1999), Optimal
portfolio management with transactions costs and capital gains taxes, for the rules; Broadie, Glasserman and Kou (1997),
A continuity correction for discrete barrier options, for 0.5826 = -zeta(1/2)/sqrt(2 pi).
"""

import math
from typing import NamedTuple

from foundation.arguments import check_positive, is_number, refuse

OVERSHOOT = 0.5826  # -zeta(1/2) / sqrt(2 pi)


class Stray(NamedTuple):
    """Turnover and deviation of a rule in the long run.

    turnover : a year, fraction of NAV.  deviation : mean square, of NAV squared.
    """

    turnover: float
    deviation: float

    def loss(self, sigma: float, cost: float, tracking_penalty: float) -> float:
        """The loss J a year, fraction of NAV: trading costs and g / 2 x squared tracking error.

        sigma : volatility a year of the asset in excess of cash.
        cost  : a side, fraction of the notional.
        tracking_penalty : g, price of squared tracking.
        """
        return cost * self.turnover + 0.5 * tracking_penalty * sigma**2 * self.deviation


def best_half_width(
    p: float, cost: float, tracking_penalty: float, *, sigma: float = 0.0, interval: float = 0.0
) -> float:
    """The best half-width h* = (3 cost b^2 / (2 g))^(1/3) of a band that is traded to its edge, fraction of NAV.

    p        : target weight of the asset, between 0 and 1.
    cost     : a side, fraction of the notional.
    tracking_penalty : g, price of squared tracking.
    sigma    : volatility a year; only needed with an interval.
    interval : years between two checks; the overshoot between them is taken off the width.
    Raises   : ConfigError for numbers out of range, and where the checks are so far apart that no band is left.

    >>> round(best_half_width(0.6, cost=0.001, tracking_penalty=2.0), 4)
    0.0351
    """
    check_positive(cost=cost, tracking_penalty=tracking_penalty)
    width = math.cbrt(3.0 * cost * _slope(p) ** 2 / (2.0 * tracking_penalty)) - _overshoot(p, sigma, interval)
    if not width > 0.0:
        refuse("interval is", interval, "checks so far apart overshoot any band. Check more often, or use a calendar.")
    return width


def to_edge(p: float, sigma: float, h: float, interval: float = 0.0) -> Stray:
    """Turnover and deviation of a band of half-width h that is traded to its edge.

    p        : target weight of the asset, between 0 and 1.
    sigma    : volatility a year.
    h        : fraction of NAV.
    interval : years between two checks, 0 without pause.
    Raises   : ConfigError for numbers out of range.
    """
    return _band(p, sigma, h, interval, 2.0, 3.0)


def to_target(p: float, sigma: float, h: float, interval: float = 0.0) -> Stray:
    """Turnover and deviation of a band of half-width h that is traded to the target; arguments as in `to_edge`."""
    return _band(p, sigma, h, interval, 1.0, 6.0)


def reviewed(p: float, sigma: float, interval: float, watched: float = 0.0) -> Stray:
    """Turnover and deviation of a calendar that is traded to target.

    p        : target weight of the asset, between 0 and 1.
    sigma    : volatility a year.
    interval : years between two trades.
    watched  : years between two measurements of the deviation, 0 without pause.
    Raises   : ConfigError for numbers out of range.
    """
    check_positive(sigma=sigma, interval=interval)
    _check_interval("watched", watched)
    speed = (_slope(p) * sigma) ** 2
    return Stray(math.sqrt(2.0 * speed / (math.pi * interval)), 0.5 * speed * (interval - watched))


def _band(p: float, sigma: float, h: float, interval: float, trades: float, strays: float) -> Stray:
    """Turnover b^2 sigma^2 / (trades x h) and deviation h^2 / strays, with h and deviation corrected for checks."""
    check_positive(sigma=sigma, h=h)
    speed, wide = (_slope(p) * sigma) ** 2, h + _overshoot(p, sigma, interval)
    return Stray(speed / (trades * wide), wide**2 / strays - 0.25 * speed * interval)


def _slope(p: float) -> float:
    """b = p(1 - p). Raises ConfigError for a target that does not drift."""
    if not (is_number(p) and 0.0 < p < 1.0):
        refuse("p is", p, "give a target weight between 0 and 1: at these the weight does not drift.")
    return p * (1.0 - p)


def _overshoot(p: float, sigma: float, interval: float) -> float:
    _check_interval("interval", interval)
    if interval > 0.0:
        check_positive(sigma=sigma)
    return OVERSHOOT * _slope(p) * sigma * math.sqrt(interval)


def _check_interval(name: str, years: float) -> None:
    if not (is_number(years) and years >= 0.0):
        refuse(f"{name} is", years, "give years between two looks, 0 without pause, 1/252 for every day.")
