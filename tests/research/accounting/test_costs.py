import numpy as np
import pytest

from research.accounting import Costs
from research.errors import ConfigError


def test_basis_points_become_fractions_one_for_all_or_one_a_line() -> None:
    costs = Costs.bps(3, commission=1, half_spread=[0, 2, 3])
    assert costs.commission.tolist() == pytest.approx([1e-4, 1e-4, 1e-4])
    assert costs.total.tolist() == pytest.approx([1e-4, 3e-4, 4e-4])
    assert costs.tariff().rates.tolist() == [[costs.commission.tolist(), costs.half_spread.tolist()]]
    assert costs.tariff().plain


def test_each_line_is_told_its_costs_by_name() -> None:
    table = Costs.bps(2, commission=[1, 2], half_spread=0.5).table(("SPY", "BTC"))
    assert table["BTC"] == pytest.approx({"commission": 2.0, "half_spread": 0.5})


@pytest.mark.parametrize("bad", [-1.0, 5_000.0, np.nan, np.inf])
def test_a_cost_is_at_least_zero_and_less_than_half(bad: float) -> None:
    with pytest.raises(ConfigError, match=r"half_spread of line 1 is .* bps"):
        Costs.bps(2, half_spread=[1.0, bad])


def test_both_costs_are_given_for_the_same_lines() -> None:
    with pytest.raises(ConfigError, match=r"commission has 2 lines and half_spread has shape \(3,\)"):
        Costs(np.zeros(2), np.zeros(3))


def test_rates_cannot_be_written_to_afterwards() -> None:
    rates = np.array([1e-4])
    costs = Costs(rates, rates)
    rates[0] = 1.0
    assert costs.commission[0] == 1e-4
    with pytest.raises(ValueError, match="read-only"):
        costs.commission[0] = 0.0
