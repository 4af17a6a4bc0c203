"""The closed-form band that sees the tax on sales: closed forms, lots, funding, and the band without tax."""

from dataclasses import replace

import numpy as np
import pytest
from cases import cases

from backtests.engine import backtest
from research.accounting import Costs, Tax
from research.accounting.sale_tax import Deferral, SaleTax
from research.rules import MultiPeriod, NoTradeRegion
from research.rules.protocol import compiled_rule
from tests.research.rules.test_multi_period import COSTS, HELD, MARKET, taxed, view

TEN_YEARS, FORGIVEN = Deferral(10.0, 0.06), Deferral(10.0, 0.06, forgiven=1.0)
TWENTY = Costs.bps(3, commission=20.0)


def upper_of(rule, at, line=0):
    """The weight to which the rule sells an asset that is far over its target."""
    return rule.decide(at).upper[line]


@cases(
    "rate, deferral, times",
    (0.20, TEN_YEARS, 2.55),
    (0.37, TEN_YEARS, 2.95),
    (0.20, FORGIVEN, 3.45),
    (0.37, FORGIVEN, 4.22),
)
def test_a_gain_of_forty_per_cent_makes_the_band_so_many_times_as_wide(rate, deferral, times):
    """The cube root of (20 bp + tax) / 20 bp: 310.0, 492.2, 800 and 1,480 bp."""
    weights, gains = np.array([0.9, 0.05, 0.05]), np.array([[0.4], [0.0], [0.0]])
    lots = SaleTax(weights[:, None], rate * gains, 0.0, gains, rate)
    rule = NoTradeRegion(HELD, narrowed=False)
    at = replace(view(weights, TWENTY), sale_tax=lambda: lots)
    plain, wide = (upper_of(one, at) - 0.5 for one in (rule, replace(rule, deferral=deferral)))
    assert wide / plain == pytest.approx(times, abs=0.005)


def test_a_purchase_costs_the_tax_on_what_funds_it():
    """A half of the overweight is taxed at 2 %, the other not: 20 bp and 100 bp are 6 times as much."""
    rule = NoTradeRegion(HELD, narrowed=False)
    at = replace(taxed([0.6, 0.2, 0.2], (0.02, 0.0, 0.0)), costs=TWENTY)
    low, wide = (0.4 - one.decide(at).lower[1] for one in (rule, replace(rule, deferral=FORGIVEN)))
    assert wide / low == pytest.approx(np.cbrt(6.0), rel=1e-9)


def test_lots_are_sold_one_after_the_other_while_the_weight_is_past_the_band_of_the_next():
    rates = np.array([[0.0, 0.02, 0.08], [0.0] * 3, [0.0] * 3])
    sizes = np.array([[0.03, 0.08, 0.59], [0.25, 0.0, 0.0], [0.05, 0.0, 0.0]])
    lots = SaleTax(sizes, rates, 0.0, rates / 0.2, 0.2)
    rule = NoTradeRegion(HELD, narrowed=False, deferral=FORGIVEN)
    at = replace(view([0.70, 0.25, 0.05], TWENTY), sale_tax=lambda: lots)
    half = upper_of(replace(rule, deferral=None), at) - 0.5
    next_half, last_half = (half * np.cbrt((0.002 + tax) / 0.002) for tax in (0.02, 0.08))
    assert 0.5 + last_half > 0.59 > 0.5 + next_half  # the free lot and the second one go, the third is kept
    assert upper_of(rule, at) == pytest.approx(0.59, abs=1e-9)
    shorter = replace(lots, sizes=np.array([[0.03, 0.13, 0.54], [0.25, 0.0, 0.0], [0.05, 0.0, 0.0]]))
    assert upper_of(rule, replace(at, sale_tax=lambda: shorter)) == pytest.approx(0.5 + next_half, abs=1e-9)
    carried = replace(shorter, carried=0.02 * 0.12)  # frees 0.12 of the second one: down to 0.55
    assert upper_of(rule, replace(at, sale_tax=lambda: carried)) == pytest.approx(0.55, abs=1e-9)


@pytest.mark.parametrize("tax", [None, Tax(0.25, "highest")])
def test_without_a_deferral_or_a_tax_it_is_the_band_without_to_the_bit(tax):
    """Day by day and compiled are the same, and no tax is seen without the key."""
    costs = replace(COSTS, tax=tax)
    rule = NoTradeRegion(HELD, schedule="week")
    seeing = replace(rule, deferral=TEN_YEARS)
    assert compiled_rule(rule) is rule
    assert compiled_rule(seeing) is None
    one, other = (backtest(MARKET, r, costs, start="2016-06-01", nav=1e6) for r in (rule, seeing))
    assert (np.asarray(one.nav) == np.asarray(other.nav)).all() == (tax is None)
    if tax is not None:  # of each booking the tax is the last of the charges
        assert other.ledger.charges[..., -1].sum() < one.ledger.charges[..., -1].sum()


def test_a_plan_charges_the_part_of_the_tax_that_deferring_would_save():
    """A tax of 40 bp of which 38.7509 % counts is one of 15.5004 bp that counts in full."""
    rule = MultiPeriod(HELD, 26)
    part = Deferral(10.0, 0.06).share(0.25)
    seen = taxed([0.6, 0.3, 0.1], (0.004, 0.0, 0.0))
    found = replace(rule, deferral=TEN_YEARS).decide(seen)
    same = rule.decide(taxed([0.6, 0.3, 0.1], (0.004 * part, 0.0, 0.0)))
    assert found.lower == pytest.approx(same.lower, abs=1e-7)
    assert found.lower[0] < rule.decide(seen).lower[0]
