"""Weights of a benchmark over the assets of a day: their sum stays, where there is a proportion to keep."""

import pytest
from cases import cases

from research.forecast.views.equilibrium import weights_present


@cases(
    "weights, expected, without",
    ({"A": 0.6, "B": 0.4}, [0.6, 0.4], ()),
    ({"A": 0.6, "C": 0.3}, [0.9, 0.0], ("C",)),
    ({"A": 0.6, "C": 0.0}, [0.6, 0.0], ()),
    ({"C": 1.0}, [0.0, 0.0], ("C",)),
    ({"A": 1.0, "B": -1.0, "C": 1.0}, [1.0, -1.0], ("C",)),
    ({"A": -0.5, "C": 1.5}, [-0.5, 0.0], ("C",)),
)
def test_weights_of_absent_lines_go_to_the_others_in_proportion(weights, expected, without):
    found, absent = weights_present(weights, ("A", "B"))
    assert found.tolist() == pytest.approx(expected)
    assert absent == without
