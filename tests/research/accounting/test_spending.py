"""Rules of spending: the amounts of years that are reckoned by hand, and wrong rules told in sentences."""

import numpy as np
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.accounting.spending import Spending, SpendingState, settle


def amounts(spending: Spending, navs, prices, first_left=40, known=0.0):
    """The amounts of years that begin with these NAVs, before what is paid, at these consumer prices."""
    years = len(navs)
    state = SpendingState.of(
        spending, np.arange(first_left, first_left - years, -1), np.ones(years), np.full(years, known), np.zeros(years)
    )
    state.prices[:] = prices
    for t, nav in enumerate(navs):
        settle(state, t, nav)
    return -state.flows + state.known * state.prices


GUARDED = Spending("guardrails", 50_000.0)
NAVS, PRICES = [1e6, 960e3, 820e3, 790e3, 1.3e6, 1.2e6], [1.00, 1.03, 1.06, 1.08, 1.10, 1.12]


def test_guardrails_follow_guyton_and_klinger():
    """The first rate is 5 %, so that an amount is cut above 6 % of NAV and raised below 4 %."""
    after_cut = 51_500.0 * 0.9  # 53,000 would be 6.5 % after a loss: prices are not added, and 6.3 % is cut
    fourth = after_cut * 1.08 / 1.06  # 6.0 % of 790,000, just inside
    fifth = fourth * 1.10 / 1.08 * 1.1  # 3.7 % of 1,300,000: raised
    sixth = fifth * 1.12 / 1.10  # a loss, and 4.5 % is below the first rate: prices are added
    expected = [50_000.0, 51_500.0, after_cut, fourth, fifth, sixth]
    np.testing.assert_allclose(amounts(GUARDED, NAVS, PRICES), expected, rtol=1e-14)


def test_nothing_is_cut_in_the_last_fifteen_years():
    for years, third in ((18, 46_350.0), (17, 51_500.0)):  # 16 and 15 years are left in the third
        assert amounts(GUARDED, NAVS, PRICES, years)[2] == pytest.approx(third, rel=1e-14)


def test_what_was_paid_is_no_loss_and_what_came_is_no_gain():
    """960,000 after 50,000 went is a gain; after 100,000 came besides, it is a loss."""
    navs, prices = [1e6, 960e3], [1.0, 1.03]
    assert amounts(GUARDED, navs, prices)[1] == pytest.approx(51_500.0)
    assert amounts(GUARDED, navs, prices, known=100_000.0)[1] == pytest.approx(50_000.0)


def test_the_other_rules_pay_what_they_say():
    navs, prices = [1e6, 500e3, 2e6], [1.0, 1.2, 1.5]
    assert amounts(Spending("constant", 40e3), navs, prices).tolist() == [40e3, 40e3, 40e3]
    np.testing.assert_allclose(amounts(Spending("indexed", 40e3), navs, prices), [40e3, 48e3, 60e3])
    share = Spending("share", share=0.05, floor=30e3, ceiling=60e3)
    np.testing.assert_allclose(amounts(share, navs, prices), [50e3, 36e3, 90e3])


def test_equal_parts_of_an_amount_are_settled_once_a_year():
    state = SpendingState.of(Spending("share", share=0.04), np.array([2, 0, 0, 1]), np.full(4, 0.5), *np.zeros((2, 4)))
    for t, nav in enumerate([100.0, 50.0, 10.0, 200.0]):
        settle(state, t, nav)
    np.testing.assert_allclose(state.flows, [-2.0, -2.0, -2.0, -4.0])


@cases(
    "given, told",
    ({"rule": "fixed", "amount": 1.0}, "rule of spending is 'fixed'"),
    ({"amount": -1.0}, "amount of spending is -1.0: the rule 'indexed' needs it, a number of 0 or more a year"),
    ({}, "amount of spending is None: the rule 'indexed' needs it"),
    ({"amount": np.nan}, "amount of spending is nan"),
    ({"rule": "share", "share": 4.0}, "share of spending is 4.0: .* at most 1: 4 % is 0.04"),
    ({"rule": "share", "amount": 1.0, "share": 0.04}, "amount of spending is 1.0: the rule 'share' goes by"),
    ({"rule": "share", "share": 0.04, "floor": 3.0, "ceiling": 2.0}, "0 <= floor <= ceiling"),
    ({"rule": "share", "share": 0.04, "floor": -3.0}, "0 <= floor <= ceiling"),
    ({"amount": 1.0, "floor": 3.0}, "floor and ceiling of spending are .* they are for the rule 'share'"),
)
def test_a_wrong_rule_is_told_in_a_sentence(given, told):
    with pytest.raises(ConfigError, match=told):
        Spending(**given)
