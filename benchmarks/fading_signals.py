"""Worth of a signal that fades, before and after proportional costs, by its half-life.

    python -m benchmarks.fading_signals [PATHS]

The best weight of an asset less its strategic one, f / (gamma sigma^2) without costs, is an Ornstein-Uhlenbeck process
of a standard deviation of ten points. What is earned is utility, f x - gamma sigma^2 x^2 / 2 less costs, of the weight
x, in days. Trades go to the edge of a band round a share of the best weight; band and share are tuned on paths of
another seed. The closed form is that of small costs (Martin 2012): 1 - (h / s)^2 of the worth is left, with
h^3 = 3 c v^2 / (2 gamma sigma^2), where s is that standard deviation and v^2 = 2 ln 2 s^2 / half-life.
"""

import sys
from itertools import product

import numpy as np

from backtests.laboratory.simulate import estimate
from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array

DAYS, YEARS, WARM_UP, PATHS, TRAINING = 252, 20, 2, 100, 50
GAMMA, SIGMA, SPREAD = 5.0, 0.16, 0.10  # risk aversion; volatility a year; of the best weight, fraction of NAV
HALF_LIVES = {"a week": 1 / 52, "a month": 1 / 12, "a quarter": 1 / 4, "a year": 1.0}  # years
COSTS = (0.0001, 0.0010)  # a side, fraction of the notional
WIDTHS, SHARES = (0.0, *np.geomspace(0.1, 3.0, 12).tolist()), (0.25, 0.5, 0.75, 1.0)  # of s; of the best weight


def best_weights(half_life: float, paths: int, seed: int) -> Array:
    """(T, paths) best weights less the strategic one on each day, over their standard deviation."""
    kept, rng = 0.5 ** (1.0 / (half_life * DAYS)), np.random.default_rng([8, seed])
    found = rng.standard_normal((DAYS * (YEARS + WARM_UP), paths))
    for t in range(1, len(found)):
        found[t] = kept * found[t - 1] + (1.0 - kept * kept) ** 0.5 * found[t]
    return found


def share_left(best: Array, cost: float, width: float, share: float) -> Array:
    """(paths,) utility of a band, in the unit of s, round a share of the best weight, over that without costs.

    Without costs it is now^2 / 2 a day; a weight x forgoes (x - now)^2 / 2 of it.
    """
    x, forgone, paid = np.zeros((3, best.shape[1]))
    for t, now in enumerate(best):
        moved = np.clip(x, share * now - width, share * now + width)
        if t >= DAYS * WARM_UP:
            paid += np.abs(moved - x)
            forgone += 0.5 * (moved - now) ** 2
        x = moved
    lost = forgone + paid * cost * DAYS / (GAMMA * SIGMA**2 * SPREAD)
    return 1.0 - lost / (0.5 * (len(best) - DAYS * WARM_UP))


def closed_form(half_life: float, cost: float) -> float:
    """The share of the worth that is left after small costs."""
    return 1.0 - np.cbrt(3.0 * np.log(2.0) * cost / (half_life * GAMMA * SIGMA**2 * SPREAD)) ** 2


def main(count: int = PATHS) -> None:
    """Print the share of a signal's worth that is left; keep it."""
    rows, found = [], {}
    for name, half_life in HALF_LIVES.items():
        training, best = best_weights(half_life, TRAINING, 2), best_weights(half_life, count, 1)
        cells = []
        for cost in COSTS:
            tried = {(w, s): share_left(training, cost, w, s).mean() for w, s in product(WIDTHS, SHARES)}
            width, share = max(tried, key=lambda pair: tried[pair])
            whole = max(WIDTHS, key=lambda w: tried[w, 1.0])
            left = [estimate(share_left(best, cost, *pair)) for pair in ((0.0, 1.0), (whole, 1.0), (width, share))]
            cells += [
                f"{closed_form(half_life, cost):.0%}",
                *(f"{e.value:.0%} ± {e.upper - e.value:.0%}" for e in left),
            ]
            cells[-1] += f" ({width:.2f}, {share:g})"
            found[f"{name}, {cost:g}"] = {"left": [e.value for e in left], "width": width, "share": share}
        rows.append((name, *cells))
    head = [
        f"{1e4 * cost:.0f} bp: {what}" for cost in COSTS for what in ("closed form", "no band", "band", "band, share")
    ]
    worth = 1e4 * 0.5 * GAMMA * SIGMA**2 * SPREAD**2
    print(f"{machine()}; {versions('numpy')}")
    show(f"share left of a worth of {worth:.1f} bp a year before costs, by half-life", ("", *head), rows)
    keep("fading_signals", found)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
