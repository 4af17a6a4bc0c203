"""A forecast in a sentence."""

import numpy as np
import pandas as pd

from research.forecast.boosted.explained import sentence


def test_the_largest_contributions_are_named_with_their_values() -> None:
    shares = pd.Series({"a": 0.001, "b": -0.006, "c": 0.0001, "d": -0.002})
    values = pd.Series({"a": np.nan, "b": 0.123456, "c": 1.0, "d": -2.0})
    assert sentence("SPY", 0.01, shares, values, 21) == (
        "SPY is expected to return 0.31% over 21 sessions, 0.69 points less than a line of its volatility: b of 0.123 "
        "takes 0.60 points, d of -2 takes 0.20, a not known adds 0.10."
    )


def test_a_line_without_contributions_is_any_line_of_its_volatility() -> None:
    zeros = pd.Series({"a": 0.0, "b": 1e-6})
    assert sentence("SPY", 0.01, zeros, zeros, 21) == (
        "SPY is expected to return 1.00% over 21 sessions, as any line of its volatility: no feature distinguishes it."
    )
