"""The root of a function between two ends, as scipy's `brentq` finds it, to the bit.

Each trade list asks for a few roots, and the import of scipy.optimize takes longer than all else that it does.
"""

from collections.abc import Callable
from math import copysign

X_TOLERANCE, RELATIVE_TOLERANCE = 2e-12, 8.881784197001252e-16  # scipy's own
MOST_STEPS = 100


def root_between(function: Callable[[float], float], low: float, high: float) -> float:
    """A root of `function`, whose values at `low` and `high` must have different signs, or be 0.

    Raises : ValueError for equal signs; RuntimeError after `MOST_STEPS` steps.
    Source : Brent (1973), Algorithms for Minimization Without Derivatives, chapter 4.

    >>> round(root_between(lambda x: x * x - 0.25, 0.0, 1.0), 9)
    0.5
    """
    before, now, across = low, high, 0.0  # the last point, the best one, and one on the other side of the root
    f_before, f_now, f_across = float(function(low)), float(function(high)), 0.0
    if 0.0 in (f_before, f_now):
        return low if f_before == 0.0 else high
    if f_before * f_now > 0.0:
        raise ValueError(f"no root between {low} and {high}: the function is {f_before} and {f_now} there.")
    last = step = 0.0
    for _ in range(MOST_STEPS):
        if f_before != 0.0 and copysign(1.0, f_before) != copysign(1.0, f_now):
            across, f_across, last, step = before, f_before, now - before, now - before
        if abs(f_across) < abs(f_now):
            before, now, across = now, across, now
            f_before, f_now, f_across = f_now, f_across, f_now
        tolerance, half = (X_TOLERANCE + RELATIVE_TOLERANCE * abs(now)) / 2.0, (across - now) / 2.0
        if f_now == 0.0 or abs(half) < tolerance:
            return now
        tried = half  # bisection, unless interpolation goes far less
        if abs(last) > tolerance and abs(f_now) < abs(f_before):
            if before == across:
                found = -f_now * (now - before) / (f_now - f_before)
            else:
                slope = (f_before - f_now) / (before - now)
                other = (f_across - f_now) / (across - now)
                found = -f_now * (f_across * other - f_before * slope) / (other * slope * (f_across - f_before))
            if 2.0 * abs(found) < min(abs(last), 3.0 * abs(half) - tolerance):
                tried = found
        last, step = (step, tried) if tried is not half else (half, half)
        before, f_before = now, f_now
        now += step if abs(step) > tolerance else copysign(tolerance, half)
        f_now = float(function(now))
    raise RuntimeError(f"no root of {function} was found between {low} and {high} in {MOST_STEPS} steps.")
