"""A forecast in a sentence: what is expected of a line, and which features say so."""

import pandas as pd

MOST = 3  # features that a sentence names
LEAST = 5e-5  # of a contribution that it names: what is shown as 0.01 points


def sentence(line: str, base: float, shares: pd.Series, numbers: pd.Series, horizon: int) -> str:
    """What is expected of a line, and the features that contribute most to the difference from its base.

    line    : its name.
    base    : expected return over the horizon of a line of its volatility, fraction.
    shares  : what each feature adds to that, fraction; with `base` they sum to the forecast.
    numbers : each feature of the line, NaN where it is not known.
    horizon : sessions.

    >>> shares = pd.Series({"momentum_63": 0.004, "carry_252": -0.001})
    >>> print(sentence("SPY", 0.01, shares, pd.Series({"momentum_63": 0.12, "carry_252": 0.0}), 21))
    SPY is expected to return 1.30% over 21 sessions, 0.30 points more than a line of its volatility: momentum_63 of \
0.12 adds 0.40 points, carry_252 of 0 takes 0.10.
    """
    tilt = float(shares.sum())
    expected = f"{line} is expected to return {100.0 * (base + tilt):.2f}% over {horizon} sessions"
    named = shares[shares.abs().sort_values(ascending=False, kind="stable").index][:MOST]
    named = named[named.abs() >= LEAST]
    if named.empty:
        return f"{expected}, as any line of its volatility: no feature distinguishes it."
    known = numbers.to_dict()
    parts = [
        f"{name} {'of ' + format(known[name], '.3g') if pd.notna(known[name]) else 'not known'} "
        f"{'adds' if share > 0.0 else 'takes'} {100.0 * abs(share):.2f}"
        for name, share in named.items()
    ]
    parts[0] += " points"
    than = f"{100.0 * abs(tilt):.2f} points {'more' if tilt > 0.0 else 'less'} than a line of its volatility"
    return f"{expected}, {than}: {', '.join(parts)}."
