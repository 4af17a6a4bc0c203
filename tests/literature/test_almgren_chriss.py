"""The example of Almgren and Chriss against their closed forms, evaluated apart from this code.

Source     : Almgren and Chriss (2000), Optimal Execution of Portfolio Transactions, table 1 and figures 1 to 4: one
             million units at 50 in five days, σ 0.95 a √day, ε 0.0625, γ 2.5e-7, η 2.5e-6. The paper prints λ 1e-6 with
             κ of about 0.6 a day; an independent public implementation (DROP) prints E 0.6625, √V 1.0812 and 1/κ 51.30
             for λ 1e-9, in millions.
Convention : five intervals of a day; E, √V in dollars; units left after days 1 to 4.
Tolerance  : the last printed digit.
"""

from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pytest

from research.orders.linear_impact import LinearImpact
from research.orders.slicing import AlmgrenChriss, AtOnce, ParentOrder, sliced

IMPACT = LinearImpact(volatility=0.95, half_spread=0.0625, temporary=2.5e-6, permanent=2.5e-7)
ORDER = ParentOrder(Decimal(1_000_000), Decimal(1), sessions=5.0, impact=IMPACT)
TABLE = {  # λ -> κ, E, √V, units left
    0.0: (0.0, 662_500.0, 1_040_672.8593, (800_000.0, 600_000.0, 400_000.0, 200_000.0)),
    1e-9: (0.0194932800543, 662_500.903670, 1_039_803.7320, (799_544.3809, 599_392.5886, 399_468.5655, 199_696.3404)),
    1e-7: (0.194628550467, 670_057.460045, 961_622.9023, (757_882.3913, 544_564.3135, 351_939.6796, 172_688.7535)),
    1e-6: (0.607076163247, 911_226.986304, 603_430.6688, (541_955.5544, 289_854.2194, 147_897.4878, 62_141.8016)),
    2e-6: (0.846297134501, 1_140_715.167050, 449_367.6525, (428_598.8457, 182_932.8143, 76_295.7216, 27_643.3774)),
}


@pytest.mark.parametrize("risk_aversion", TABLE)
def test_schedule_cost_and_risk_are_those_of_the_paper(risk_aversion: float) -> None:
    urgency, cost, risk, left = TABLE[risk_aversion]
    shares = AlmgrenChriss(risk_aversion, slices=5).shares(ORDER)
    trades = 1e6 * shares / shares.sum()
    assert IMPACT.urgency(risk_aversion, 1.0) == pytest.approx(urgency, rel=1e-11)
    assert IMPACT.cost(trades, 1.0) == pytest.approx(cost, abs=1e-6)
    assert IMPACT.risk(trades, 1.0) == pytest.approx(risk, abs=1e-4)
    assert 1e6 - np.cumsum(trades)[:-1] == pytest.approx(left, abs=1e-4)


def test_all_in_the_first_interval_costs_the_most_and_bears_no_risk() -> None:
    found = sliced(ORDER, AtOnce(slices=5))
    assert (found.cost, found.risk) == (2_562_500.0, 0.0)


def test_schedule_of_least_cost_at_risk_is_that_of_the_tables_risk_aversion() -> None:
    """Value at risk of the cost at 95 %."""

    def at_risk(risk_aversion: float) -> float:
        shares = AlmgrenChriss(risk_aversion, slices=5).shares(ORDER)
        trades = 1e6 * shares / shares.sum()
        return IMPACT.cost(trades, 1.0) + NormalDist().inv_cdf(0.95) * IMPACT.risk(trades, 1.0)

    assert at_risk(1.694113e-6) == pytest.approx(1_877_135.6457, abs=1e-4)
    assert at_risk(1.694113e-6) < min(at_risk(1.68e-6), at_risk(1.71e-6))
