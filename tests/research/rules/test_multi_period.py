"""The rule that plans several periods: as the best point, with halts, restrictions, impact, utility and conflicts."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from cases import cases

from backtests.engine import backtest
from foundation.errors import ConfigError
from research.accounting import Costs, Execution, Hold, Tax, Trade, View
from research.accounting.impact import Impact
from research.accounting.sale_tax import SaleTax
from research.allocation import FixedWeights, MeanVariance
from research.allocation.constraints import Constraints, Group
from research.forecast import Estimated
from research.market import load_market
from research.rules import BestPoint, MultiPeriod

ASSETS = ("SPY", "AGG", "GLD")
MARKET = load_market("multi_asset_daily").select(ASSETS).until("2020-12-31")
HELD = FixedWeights((0.5, 0.4, 0.1))
COSTS = Costs.bps(3, commission=1.0, half_spread=[1.0, 1.0, 2.0])
FRIDAY = MARKET.row("2020-03-20")
UTILITY = MeanVariance("utility", forecast=Estimated(window=252), risk_aversion=6.0, upper=0.6)


def view(weights, costs=COSTS, row=FRIDAY, market=MARKET, nav=1e6):
    w = np.array(weights)
    return View(
        market.past(row),
        np.array(HELD.weights),
        w,
        1.0 - float(w.sum()),
        nav,
        np.full(9, nav),
        20,
        costs.until(row + 1),
    )


@pytest.mark.parametrize("target", [HELD, FixedWeights((0.4, 0.4, 0.1))])
def test_it_tracks_a_target_as_the_best_point_that_holds_gaps_as_long(target):
    best = BestPoint(target, 20.0, 0.25, schedule="week")
    played = [backtest(MARKET, rule, COSTS, start="2019-06-03") for rule in (best, MultiPeriod(target, 13, 20.0))]
    for one in played:
        assert one.decisions().traded.sum() >= 5
    assert np.asarray(played[1].nav) == pytest.approx(np.asarray(played[0].nav), rel=1e-7)


def test_it_is_asked_on_its_schedule_only_and_waits_for_its_window():
    rule = MultiPeriod(HELD)
    assert rule.decide(view([0.6, 0.3, 0.1], row=FRIDAY - 1)).why.sentence(ASSETS) == "no check is due today"
    early = next(t for t in range(30, 60) if MARKET.scheduled("week")[t])
    assert isinstance(rule.decide(view([0.6, 0.3, 0.1], row=early)), Hold)


def test_without_costs_it_goes_to_the_target_and_with_large_ones_it_holds():
    free = MultiPeriod(HELD).decide(view([0.6, 0.3, 0.1], Costs.bps(3)))
    assert isinstance(free, Trade)
    assert free.lower[:2] == pytest.approx(HELD.weights[:2], abs=1e-6)
    assert np.isinf(free.lower[2])
    dear = MultiPeriod(HELD).decide(view([0.6, 0.3, 0.1], Costs.bps(3, commission=3_000.0)))
    assert isinstance(dear, Hold)
    assert dear.why.sentence(ASSETS).endswith("inside the region of no trade")


def test_what_cannot_trade_is_left_where_it_is():
    restricted = replace(MARKET, instruments=MARKET.instruments.assign(trading=["sell_only", "", "locked"]))
    answer = MultiPeriod(HELD).decide(view([0.40, 0.35, 0.25], Costs.bps(3), market=restricted))
    assert isinstance(answer, Hold)  # only AGG could be bought, and nothing sold pays for it at a gain
    answer = MultiPeriod(HELD).decide(view([0.70, 0.15, 0.15], Costs.bps(3), market=restricted))
    assert isinstance(answer, Trade)
    assert np.isinf(answer.lower[2])
    assert answer.lower[0] < 0.7


def test_at_the_booking_the_plan_is_made_again_from_the_weights_of_that_day():
    answer = MultiPeriod(HELD).decide(view([0.6, 0.3, 0.1], Costs.bps(3)))
    assert isinstance(answer, Trade)
    assert answer.by_then is not None
    later = answer.by_then(np.array([0.5, 0.35, 0.15]), 0.0, np.array([True, True, True]))
    assert later.lower[1:] == pytest.approx(HELD.weights[1:], abs=1e-6)
    assert np.isinf(later.lower[0])


def test_impact_trades_a_part_at_first_and_more_of_it_the_dearer_the_gap():
    costs = replace(Costs.bps(3), impact=Impact(coefficient=1.0))
    moved = [
        MultiPeriod(HELD, 4, penalty).decide(view([0.6, 0.3, 0.1], costs, nav=1e10)).lower[0] for penalty in (5.0, 50.0)
    ]
    assert 0.5 < moved[1] < moved[0] < 0.6 - 1e-4
    assert 0.5 < MultiPeriod(HELD, 4, 5.0).decide(view([0.6, 0.3, 0.1], costs, nav=1e5)).lower[0] < moved[0]


def test_a_utility_without_costs_is_the_allocation_itself():
    plan = MultiPeriod(UTILITY, 6).decide(view([0.3, 0.3, 0.4], Costs.bps(3)))
    assert isinstance(plan, Trade)
    assert plan.lower == pytest.approx(UTILITY.target(MARKET.past(FRIDAY)), abs=1e-6)


def test_expected_returns_that_fade_are_worth_less_trade():
    start = [0.05, 0.55, 0.4]

    def bought(half_life):
        answer = MultiPeriod(UTILITY, 8, half_life=half_life).decide(view(start, Costs.bps(3, commission=20.0)))
        to = answer.lower if isinstance(answer, Trade) else np.full(3, -np.inf)
        return np.abs(np.where(np.isinf(to), start, to) - start).sum()

    assert bought(0.5) < bought(4.0) < bought(None)


def test_a_conflict_of_limits_is_held_and_said():
    crowded = Constraints(groups={"both": Group(lines=("SPY", "GLD"), least=0.8)})
    held = MultiPeriod(replace(UTILITY, upper=0.35, constraints=crowded)).decide(view([0.3, 0.3, 0.4]))
    assert isinstance(held, Hold)
    assert "no weights keep these constraints together" in held.why.sentence(ASSETS)
    assert "both" in held.why.sentence(ASSETS)


def taxed(weights, rates):
    """A view of one lot an asset, of which a sale is taxed at these rates of its value."""
    rate = np.array(rates)[:, None]
    of_sale = SaleTax(np.array(weights)[:, None], rate, 0.0, rate / 0.25, 0.25)
    return replace(view(weights), sale_tax=lambda: of_sale)


def test_a_tax_on_its_gain_holds_an_asset_back_and_the_reason_says_so():
    rule = MultiPeriod(HELD, 26)
    untaxed = rule.decide(view([0.6, 0.3, 0.1]))
    free, low, high = (rule.decide(taxed([0.6, 0.3, 0.1], (rate, 0.0, -0.02))) for rate in (0.0, 0.001, 0.002))
    assert (free.lower == untaxed.lower).all()
    assert free.why == untaxed.why
    assert untaxed.lower[0] < low.lower[0] < high.lower[0] < 0.6
    assert high.why.sentence(ASSETS).endswith(" over; a further sale is taxed")
    held = rule.decide(taxed([0.6, 0.35, 0.05], (0.1, 0.1, 0.1)))
    assert isinstance(held, Hold)
    assert held.why.sentence(ASSETS).startswith(
        "SPY is 10.00 points over target, inside the region of no trade; a sale"
    )


FREE_PART = SaleTax(  # of SPY 0.02 is free, then a sale is taxed at a tenth
    np.array([[0.02, 0.58], [0.3, 0.0], [0.1, 0.0]]),
    np.array([[0.0, 0.1], [0.0, 0.0], [0.0, 0.0]]),
    0.0,
    np.array([[0.0, 0.4], [0.0, 0.0], [0.0, 0.0]]),
    0.25,
)


def test_the_tax_at_the_booking_is_that_of_the_lots_of_that_day():
    """After a rise of a tenth the free part is as much larger; what is sold of it meanwhile is no longer free."""
    lots = [FREE_PART]
    answer = MultiPeriod(HELD, 26).decide(replace(view([0.6, 0.3, 0.1]), sale_tax=lambda: lots[-1]))
    assert answer.lower[0] == pytest.approx(0.58, abs=1e-6)
    then = answer.by_then(np.array([0.66, 0.25, 0.09]), 0.0, np.array([True, True, True]))
    assert then.lower[0] == pytest.approx(0.66 - 0.022, abs=1e-6)
    lots.append(replace(FREE_PART, sizes=np.array([[0.005, 0.58], [0.315, 0.0], [0.1, 0.0]])))
    then = answer.by_then(np.array([0.585, 0.315, 0.1]), 0.0, np.array([True, True, True]))
    assert then.lower[0] == pytest.approx(0.58, abs=1e-6)


def test_losses_carried_forward_free_one_sale_at_a_close_and_the_reason_knows_them():
    """0.002 frees 2 points at a tenth; after them, and with 0.05, the rule is asked again at the same close."""
    rule = MultiPeriod(HELD, 26)
    for carried, ends, is_said in ((0.002, 0.58, True), (0.05, 0.5, False)):
        at = taxed([0.6, 0.3, 0.1], (0.1, 0.0, 0.0))
        lots = replace(at.sale_tax(), carried=carried)
        answer = rule.decide(replace(at, sale_tax=lambda lots=lots: lots))
        assert answer.lower[0] == pytest.approx(ends, abs=0.01)
        assert answer.why.sentence(ASSETS).endswith("a further sale is taxed") == is_said
        left = np.where(np.isfinite(answer.lower), answer.lower, [0.6, 0.3, 0.1])
        again = rule.decide(replace(at, weights=left, sale_tax=lambda lots=lots: lots))
        assert isinstance(again, Hold) or again.lower[0] == pytest.approx(left[0], abs=1e-5)  # of the solver


@pytest.mark.parametrize("sizing", ["fractional", "units"])
@pytest.mark.parametrize("lots", ["average", "highest", "first"])
def test_a_policy_sees_the_tax_that_the_accounting_charges_for_what_it_sells(lots, sizing):
    """What is asked at a close and booked there, by the lots seen at that close, is the tax in the ledger."""
    seen = {}

    @dataclass(frozen=True)
    class Watched:
        allocation = HELD

        def decide(self, view):
            if (day := len(view.past.dates) - 1) not in seen:  # it is asked again after orders in whole lots
                seen[day] = view.nav, view.sale_tax()
                assert seen[day][1].sizes.sum(axis=1) == pytest.approx(view.weights, abs=1e-9)
            return Trade.to(view.target) if view.past.scheduled("week")[-1] else Hold()

    costs, execution = replace(COSTS, tax=Tax(0.25, lots)), Execution(sizing=sizing)
    played = backtest(MARKET, Watched(), costs, start="2019-12-31", nav=1e6, lag=0, execution=execution)
    book, charged = played.ledger, 0
    for j in np.flatnonzero(book.booked >= 0):
        nav, of_sale = seen[book.booked[j]]
        sold = np.maximum(-book.trades[j], 0.0) / nav
        parts = np.clip(sold[:, None] - np.cumsum(of_sale.sizes, axis=1) + of_sale.sizes, 0.0, of_sale.sizes)
        due = max(float((of_sale.rates * parts).sum()) - of_sale.carried, 0.0)
        assert book.charges[j, -1].sum() == pytest.approx(due * nav, abs=1e-6)
        charged += due > 0.0
    assert charged >= 10


@cases(
    "settings, message",
    ({"horizon": 0}, "horizon of MultiPeriod is 0: give a number of periods, 1 to 52"),
    ({"half_life": -1.0}, "half_life of MultiPeriod is -1.0: give a number of periods above 0"),
    ({"tracking_penalty": 0.0}, "tracking_penalty of MultiPeriod is 0.0"),
    ({"returns": 1}, "returns of MultiPeriod is 1"),
)
def test_settings_outside_their_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        MultiPeriod(HELD, **settings)
