"""When a rule trades, each against its own formula in numpy, on covariances estimated by numpy."""

from collections.abc import Callable
from dataclasses import replace

import new_york
import numpy as np
import pytest
from best_weights import best_weights

from foundation.arrays import Array
from research import rules
from research.accounting import Costs, Hold, Trade, View
from research.allocation import FixedWeights, target_path
from research.market import Market, instruments_table
from research.rules.no_trade_region import half_widths
from research.rules.optimum.one_asset import OVERSHOOT, best_half_width
from research.rules.optimum.region import Region, destination
from research.rules.standard_rule import StandardRule

DAYS, WINDOW = 150, 60
LAST = 144  # a row after several months' ends, and none itself

See = Callable[..., View]


def made(returns: Array) -> Market:
    sessions = new_york.sessions("2018-01-02", "2019-12-31")[: len(returns)]
    names = tuple(f"L{i}" for i in range(returns.shape[1]))
    table = instruments_table(names, asset_class=["stock"] * len(names))
    everywhere = np.ones(returns.shape, dtype=bool)
    unknown = np.full(returns.shape, np.nan)
    return Market(sessions, names, returns, everywhere, np.zeros(len(returns)), table, unknown, name="made")


@pytest.fixture(scope="module")
def market() -> Market:
    rng = np.random.default_rng(21)
    return made(rng.normal(0.0, 0.01, (DAYS, 4)) * [1.0, 1.5, 0.5, 2.0] + rng.normal(0.0, 0.005, (DAYS, 1)))


@pytest.fixture(scope="module")
def covariance(market: Market) -> Array:
    """A year, of the last 60 returns until the last close of the month before that of the last day, by numpy."""
    dates = market.dates[: LAST + 1]
    end = int(np.flatnonzero(dates < dates[-1].replace(day=1))[-1])
    assert 0 < LAST - end < 23
    return np.cov(market.returns[end - WINDOW + 1 : end + 1], rowvar=False) * 252


def see(market: Market, target: Array, weights: Array, costs: Costs | None = None, nav: float = 1.0) -> View:
    """A view of the last day, with these weights."""
    paid = Costs.bps(len(target), commission=1.0) if costs is None else costs
    return View(market.past(LAST), target, weights, 1.0 - weights.sum(), nav, np.array([nav]), 99, paid)


def cases(seed: int, n: int, count: int, spread: float) -> list[tuple[Array, Array]]:
    """(target, weights), whole or with cash."""
    rng, found = np.random.default_rng(seed), []
    for k in range(count):
        target = rng.dirichlet(np.ones(n)) * (1.0 if k % 2 else 0.9)
        gap = rng.normal(0.0, spread, n)
        weights = np.maximum(target + gap - (gap.mean() if k % 2 else 0.0), 0.0)
        found.append((target, weights / max(weights.sum(), 1.0)))
    return found


def rule_of(make: type[StandardRule], target: Array, *given: object, **more: object) -> StandardRule:
    return make(FixedWeights(tuple(target / max(target.sum(), 1.0))), *given, **more)


# -- risk ------------------------------------------------------------------------------------------------------------


def test_the_tracking_error_is_that_of_numpy(market: Market, covariance: Array) -> None:
    traded = 0
    for target, weights in cases(1, 4, 60, 0.05):
        expected = float(np.sqrt((weights - target) @ covariance @ (weights - target)))
        answer = rule_of(rules.TrackingError, target, 0.012, returns=WINDOW).decide(see(market, target, weights))
        assert isinstance(answer, Trade) == (expected > 0.012)
        assert (answer.why.line, answer.why.allowed) == (None, 0.012)
        assert answer.why.size == pytest.approx(expected, rel=1e-10)
        if isinstance(answer, Trade):
            traded += 1
            np.testing.assert_array_equal(answer.lower, target)
            np.testing.assert_array_equal(answer.upper, target)
    assert 10 < traded < 50


def test_waiting_is_weighed_against_commissions_spreads_and_tickets(market: Market, covariance: Array) -> None:
    """g / 2 x d'Sd x horizon against the sum of cost x |d| and of a ticket for each asset that trades."""
    bps, ticket, nav = np.array([1.0, 2.0, 3.0, 4.0]) * 1e-4, np.array([1.0, 0.0, 2.0, 3.0]), 5e4
    costs = Costs(bps / 2, bps / 2, ticket=ticket)
    traded = 0
    for target, weights in cases(2, 4, 60, 0.04):
        weights = np.where(np.arange(4) == 3, target, weights) if target.sum() < 0.95 else weights
        gap = weights - target
        loss = 0.5 * 8.0 * 0.5 * gap @ covariance @ gap
        cost = bps @ np.abs(gap) + ticket[gap != 0.0].sum() / nav
        rule = rule_of(rules.CostBenefit, target, 8.0, 0.5, returns=WINDOW)
        answer = rule.decide(see(market, target, weights, costs, nav))
        assert isinstance(answer, Trade) == (loss > cost)
        assert (answer.why.size, answer.why.allowed) == (pytest.approx(loss, rel=1e-9), pytest.approx(cost, rel=1e-9))
        traded += isinstance(answer, Trade)
    assert 10 < traded < 55


def test_a_portfolio_at_its_target_waits_even_where_trading_is_free(market: Market) -> None:
    """A gap of a rounding loses something, and costs nothing: it is none."""
    target, free = np.array([0.4, 0.3, 0.2, 0.1]), Costs.bps(4)
    rule = rule_of(rules.CostBenefit, target, 8.0, 0.5, returns=WINDOW)
    for gap in (0.0, 1e-16, 1e-9):
        weights = target + gap * np.array([1.0, -1.0, 0.0, 0.0])
        assert isinstance(rule.decide(see(market, target, weights, free)), Hold)
    assert isinstance(rule.decide(see(market, target, target + np.array([1e-4, -1e-4, 0, 0]), free)), Trade)


def rows_of(rule: StandardRule, market: Market, costs: Costs) -> tuple[Array, Array, Array]:
    """(trigger, box, cash's trigger): half-widths in force on the last day."""
    found = rule.no_trade_bands(market, target_path(rule.allocation, market), costs)
    k = found.row[LAST]
    gaps = (found.trigger_upper - found.target)[k], (found.upper - found.target)[k]
    return *gaps, found.cash[k, 1] - (1.0 - found.target[k].sum())


def test_a_band_of_volatilities_is_so_much_of_the_volatility_of_numpy_and_of_the_target(
    market: Market, covariance: Array
) -> None:
    target, volatility = np.array([0.4, 0.3, 0.2, 0.05]), np.sqrt(np.diag(covariance))
    rule = rule_of(rules.Threshold, target, 0.5, rules.Within(0.2), kind="volatility", cap=0.03, returns=WINDOW)
    trigger, box, of_cash = rows_of(rule, market, Costs.bps(4))
    assert (0.5 * volatility * target > 0.03).any()
    np.testing.assert_allclose(trigger, np.minimum(0.5 * volatility * target, 0.03), rtol=1e-9)
    np.testing.assert_allclose(box, np.minimum(0.2 * volatility * target, 0.03 * 0.2 / 0.5), rtol=1e-9)
    assert of_cash == pytest.approx((0.5 * volatility * target).min(), rel=1e-9), "cash has the narrowest of the others"


@pytest.mark.parametrize(("check", "years"), [("day", 1 / 252), ("week", 1 / 52), ("month", 1 / 12)])
def test_a_no_trade_region_has_the_closed_form_as_its_band(
    market: Market, covariance: Array, check: str, years: float
) -> None:
    target, cost = np.array([0.4, 0.3, 0.2, 0.05]), np.array([30.0, 20.0, 60.0, 10.0]) * 1e-4
    costs = Costs(cost, np.zeros(4))
    wide = half_widths(target, covariance, cost, 2.0)
    rule = rule_of(rules.NoTradeRegion, target, 2.0, schedule=check, narrowed=False, returns=WINDOW)
    trigger, box, _ = rows_of(rule, market, costs)
    np.testing.assert_allclose(trigger, wide, rtol=1e-9)
    np.testing.assert_array_equal(trigger, box)
    of_portfolio = np.eye(4) - target  # r_i - r_p
    spread = target * np.sqrt(np.diag(of_portfolio @ covariance @ of_portfolio.T))
    narrow, _, _ = rows_of(replace(rule, narrowed=True), market, costs)
    expected = wide - OVERSHOOT * np.sqrt(years) * spread
    inside = expected > 0.0
    assert inside.any()
    np.testing.assert_allclose(narrow[inside], expected[inside], rtol=1e-9)


def test_a_line_that_trades_free_or_is_overshot_has_no_band_and_cash_that_of_another(
    market: Market, covariance: Array
) -> None:
    target, cost = np.array([0.4, 0.3, 0.2, 0.0]), np.array([30.0, 0.0, 1e-6, 10.0]) * 1e-4
    trigger, _, of_cash = rows_of(
        rule_of(rules.NoTradeRegion, target, 2.0, returns=WINDOW), market, Costs(cost, np.zeros(4))
    )
    assert trigger[0] > 0.0
    assert trigger.tolist() == [trigger[0], 0.0, 0.0, trigger[0]]
    assert of_cash == pytest.approx(trigger[0], rel=1e-9)


@pytest.mark.parametrize("narrowed", [False, True])
def test_of_one_line_beside_cash_it_is_the_half_width_of_one_asset(market: Market, narrowed: bool) -> None:
    """Shreve and Soner's, less the overshoot of daily checks of Broadie, Glasserman and Kou."""
    one = market.select(["L0"])
    dates = one.dates[: LAST + 1]
    end = int(np.flatnonzero(dates < dates[-1].replace(day=1))[-1])
    sigma = float(np.std(one.returns[end - WINDOW + 1 : end + 1], ddof=1) * np.sqrt(252))
    rule = rule_of(rules.NoTradeRegion, np.array([0.6]), 2.0, narrowed=narrowed, returns=WINDOW)
    trigger, _, of_cash = rows_of(rule, one, Costs.bps(1, commission=20))
    watched = {"sigma": sigma, "interval": 1 / 252} if narrowed else {}
    assert trigger[0] == pytest.approx(best_half_width(0.6, 20e-4, 2.0, **watched), rel=1e-9)
    assert of_cash == pytest.approx(trigger[0], rel=1e-9)


def test_the_best_point_is_that_of_the_programme(market: Market, covariance: Array) -> None:
    cost, traded = np.array([10.0, 20.0, 5.0, 15.0]) * 1e-4, 0
    costs = Costs(cost, np.zeros(4))
    for target, weights in cases(3, 4, 20, 0.03) + cases(5, 4, 20, 0.0005):
        has_cash = target.sum() < 0.95
        weights = weights if has_cash else weights / weights.sum()
        rule = rule_of(rules.BestPoint, target, 40.0, 1.0, schedule="day", returns=WINDOW)
        answer = rule.decide(see(market, target, weights, costs))
        given = (weights, target, covariance, cost, 40.0, 0.0, 1.0, (0.0, 1.0 if has_cash else 0.0))
        best = best_weights(*given)
        far = float(np.abs(best - weights).max())
        assert isinstance(answer, Trade) == (far > 1e-6)
        line = answer.why.line
        assert answer.why.size == weights[line] - target[line]
        if isinstance(answer, Trade):
            traded += 1
            moves = np.isfinite(answer.lower)
            np.testing.assert_allclose(answer.lower[moves], best[moves], atol=1e-7)
            np.testing.assert_allclose(weights[~moves], best[~moves], atol=1e-7)
            assert answer.why.allowed == pytest.approx(best[line] - target[line], abs=1e-7)
            assert abs(best[line] - weights[line]) == pytest.approx(far, abs=1e-9)
    assert 10 < traded < 40


@pytest.mark.parametrize(
    ("target", "weights"),
    [([0.5, 0.4, 0.2, -0.3], [0.5, 0.4, 0.2, -0.2]), ([1.2, 0.1, 0.1, 0.1], [1.0, 0.1, 0.1, 0.1])],
)
def test_a_best_point_goes_short_and_borrows_as_its_target_does(
    market: Market, covariance: Array, target: list[float], weights: list[float]
) -> None:
    """Where tracking is dear it is the target, up to the widest gap that is worth no trade."""
    aim, now, cost = np.array(target), np.array(weights), np.full(4, 1e-4)
    rule = rules.BestPoint(FixedWeights(tuple(target)), 1e6, 1.0, schedule="day", returns=WINDOW)
    answer = rule.decide(see(market, aim, now, Costs(cost, np.zeros(4))))
    assert isinstance(answer, Trade)
    goal = np.where(np.isfinite(answer.lower), answer.lower, now)
    np.testing.assert_allclose(goal, aim, atol=1e-4)
    best = best_weights(now, aim, covariance, cost, 1e6, -1.2, 1.2, (-1.0, 1.0))
    np.testing.assert_allclose(goal, best, atol=1e-7)


def test_an_optimal_region_goes_where_the_region_says(market: Market) -> None:
    """An interval of 2 points either way, half of the other's gap less, on a grid made by hand."""
    ends, two = np.array([-0.1, 0.1]), market.select(["L0", "L1"])
    region = Region(
        np.array([0.4, 0.3]), np.array([1e-3, 1e-3]), 0.0, interval=1 / 252, tracking_penalty=5.0, value=1e-4,
        axes=(ends, ends), values=np.zeros((2, 2)), advantage=np.zeros((2, 2)), lower=(np.array([0.03, -0.07]),) * 2,
        upper=(np.array([0.07, -0.03]),) * 2,
    )  # fmt: skip
    rule, rng, out = rule_of(rules.OptimalRegion, region.target, region), np.random.default_rng(4), np.empty(2)
    for gap in [np.zeros(2), np.array([0.1, 0.1]), *rng.uniform(-0.06, 0.06, (40, 2))]:
        answer = rule.decide(see(two, region.target, region.target + gap))
        destination(gap, region.surfaces, out)
        assert isinstance(answer, Trade) == (np.abs(out - gap).max() > 1e-6)
        if isinstance(answer, Trade):
            goal = np.where(np.isfinite(answer.lower), answer.lower, region.target + gap)
            np.testing.assert_allclose(goal, region.target + out, atol=1e-12)


# -- bands by hand ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weight", "goal"), [(0.73, 0.66), (0.679, None), (0.521, None), (0.47, 0.54)])
def test_daryanani_goes_half_way_back(market: Market, weight: float, goal: float | None) -> None:
    """An asset of 60 beside one of 40, whose own band is from 32 to 48 and whose box from 36 to 44."""
    two, target = market.select(["L0", "L1"]), np.array([0.6, 0.4])
    rule = rule_of(rules.Threshold, target, 0.2, rules.Within(0.1), kind="relative")
    answer = rule.decide(see(two, target, np.array([weight, 1.0 - weight])))
    if goal is None:
        assert isinstance(answer, Hold)
    else:
        assert isinstance(answer, Trade)
        assert answer.lower[0] == pytest.approx(0.54)
        assert answer.upper[0] == pytest.approx(0.66)


@pytest.mark.parametrize(
    ("weights", "line", "gap"),
    [
        ([0.32, 0.33, 0.20, 0.15], 5, 0.05),  # stocks: labels count four assets, then classes, then sectors
        ([0.40, 0.20, 0.20, 0.20], None, 0.0),  # an asset is far, its group is not
        ([0.26, 0.29, 0.25, 0.20], 6, 0.05),
    ],
)
def test_a_group_is_asked_for_its_sum(market: Market, weights: list[float], line: int | None, gap: float) -> None:
    """Sectors of 0.6 and 0.4 with bands of 4 points."""
    lines = market.instruments.assign(sector=["x", "x", "y", "y"])
    of_sectors, target = replace(market, instruments=lines), np.array([0.3, 0.3, 0.2, 0.2])
    answer = rule_of(rules.GroupThreshold, target, "sector", 0.04).decide(see(of_sectors, target, np.array(weights)))
    assert isinstance(answer, Trade) == (line is not None)
    if line is not None:
        expected = (line, gap) if line == 5 else (5, -gap)
        assert (answer.why.line, answer.why.size) == (expected[0], pytest.approx(expected[1], abs=1e-12))
        assert abs(answer.why.allowed) == pytest.approx(0.04, abs=1e-12)
        assert of_sectors.labels[5:] == ("x", "y")
        assert "x is 5.00 points" in answer.why.sentence(of_sectors.labels)


def test_a_payer_pays_for_cash_that_is_past_its_band_too(market: Market) -> None:
    """Cash is 5 points over, and goes to the third asset, which is 3 under."""
    three, target = market.select(["L0", "L1", "L2"]), np.array([0.3, 0.3, 0.2])
    rule = rule_of(rules.Threshold, target, 0.04, lines="breaching", payer="L2")
    answer = rule.decide(see(three, target, np.array([0.29, 0.29, 0.17])))
    assert isinstance(answer, Trade)
    assert answer.why.line == -1
    np.testing.assert_allclose(answer.lower, [-np.inf, -np.inf, 0.22], atol=1e-15)


def test_a_band_of_zero_goes_to_target_in_words_too(market: Market) -> None:
    assert rule_of(rules.Threshold, np.array([1.0]), 0.0).long_name == "past 0 points, to target"


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (5e-7, "2.00 points over target, within the 2.00 allowed"),
        (2e-6, "2.0002 points over target, past the 2.0000 allowed"),
    ],
)
def test_what_holds_by_the_tolerance_is_not_called_past(market: Market, over: float, said: str) -> None:
    target = np.full(4, 0.25)
    answer = rule_of(rules.Threshold, target, 0.02).decide(see(market, target, target + (0.02 + over) * np.eye(4)[0]))
    assert isinstance(answer, Hold) == ("within" in said)
    assert answer.why.sentence(market.labels) == f"L0 is {said}"


def test_a_turnover_cap_takes_the_largest_moves_first(market: Market) -> None:
    """Gaps of 8, 4, -9 and -3 points, at most 10: 8 and 2 of the sales, 9 and 1 of the purchases."""
    target, weights = np.array([0.25, 0.25, 0.25, 0.25]), np.array([0.33, 0.29, 0.16, 0.22])
    rule = rule_of(rules.Threshold, target, 0.02, turnover_cap=0.1)
    answer = rule.decide(see(market, target, weights))
    assert isinstance(answer, Trade)
    np.testing.assert_allclose(answer.lower, [0.25, 0.27, 0.25, 0.23], atol=1e-15)
    whole = replace(rule, turnover_cap=0.12).decide(see(market, target, weights))
    assert isinstance(whole, Trade)
    np.testing.assert_allclose(whole.lower, target, atol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_a_turnover_cap_is_never_exceeded_and_leaves_cash_between_here_and_there(market: Market, seed: int) -> None:
    for target, weights in cases(seed, 4, 40, 0.05):
        answer = rule_of(rules.Threshold, target, 0.01, turnover_cap=0.03).decide(see(market, target, weights))
        if isinstance(answer, Hold):
            continue
        goal = np.where(np.isfinite(answer.lower), answer.lower, weights)
        moved = goal - weights
        assert max(moved[moved > 0.0].sum(), -moved[moved < 0.0].sum()) <= 0.03 + 1e-12
        assert (np.abs(moved) <= np.abs(target - weights) + 1e-15).all()
        before, after, aim = (1.0 - w.sum() for w in (weights, goal, target))
        assert min(before, aim) - 1e-12 <= after <= max(before, aim) + 1e-12


# -- assets that are not traded both ways -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "trades"),
    [
        ([0.251, 0.249, 0.5], False),  # as good as it can be
        ([0.26, 0.24, 0.5], False),
        ([0.1, 0.4, 0.5], True),  # they cannot be inside their bands, and yet are far apart
        ([0.30, 0.30, 0.4], False),
        ([0.34, 0.26, 0.4], True),
    ],
)
def test_what_no_trade_can_mend_does_not_trigger(market: Market, weights: list[float], trades: bool) -> None:
    """C is locked at 0.5 against a target of 0.4, so that A and B have 0.25 each for their 0.30, two points past."""
    three, target = market.select(["L0", "L1", "L2"]), np.array([0.3, 0.3, 0.4])
    locked = replace(three, instruments=three.instruments.assign(trading=["", "", "locked"]))
    answer = rule_of(rules.Threshold, target, 0.02).decide(see(locked, target, np.array(weights)))
    assert isinstance(answer, Trade) == trades


@pytest.mark.parametrize("make", [rules.TrackingError, rules.CostBenefit])
def test_the_gap_of_a_line_that_cannot_be_bought_has_no_risk_to_save(market: Market, make: type[StandardRule]) -> None:
    """The third asset is a tenth under its target for good; the others share what it leaves, and stay."""
    target, weights = np.array([0.3, 0.3, 0.3, 0.1]), np.array([0.3, 0.3, 0.3, 0.1])
    weights = np.where(np.arange(4) == 2, 0.2, weights * 0.8 / 0.7)
    of_old = replace(market, instruments=market.instruments.assign(trading=["", "", "sell_only", ""]))
    rule, free = rule_of(make, target, 1e-3, returns=WINDOW), Costs.bps(4)
    assert isinstance(rule.decide(see(market, target, weights, free)), Trade)
    assert isinstance(rule.decide(see(of_old, target, weights, free)), Hold)


def test_spreads_by_the_day_are_those_of_the_month_end(market: Market, covariance: Array) -> None:
    """Later ones are not known: the band is of the spread on the day on which the covariance was estimated."""
    target, spreads = np.array([0.4, 0.3, 0.2, 0.05]), np.linspace(1e-4, 40e-4, DAYS)[:, None] * np.ones(4)
    dates = market.dates[: LAST + 1]
    end = int(np.flatnonzero(dates < dates[-1].replace(day=1))[-1])
    rule = rule_of(rules.NoTradeRegion, target, 2.0, narrowed=False, returns=WINDOW)
    costs = Costs(np.zeros(4), spreads)
    trigger, _, _ = rows_of(rule, market, costs)
    np.testing.assert_allclose(trigger, half_widths(target, covariance, spreads[end], 2.0), rtol=1e-9)
    gap = trigger[0] * 1.01 * np.array([1.0, -0.5, -0.5, 0.0])
    answer = rule.decide(see(market, target, target + gap, costs.until(LAST + 1)))
    assert isinstance(answer, Trade)
    assert answer.upper[0] - target[0] == pytest.approx(trigger[0], rel=1e-9)


def test_a_review_of_a_band_without_end_is_a_calendar(market: Market) -> None:
    target = np.array([0.4, 0.3, 0.2, 0.1])
    rule = rule_of(rules.Threshold, target, np.inf, review_schedule="month")
    found = rule.no_trade_bands(market, target_path(rule.allocation, market))
    reviews = market.dates[found.trigger_upper[found.row, 0] == target[0]]
    assert [f"{day:%m-%d}" for day in reviews] == ["01-31", "02-28", "03-29", "04-30", "05-31", "06-29", "07-31"]


@pytest.mark.parametrize("make", [rules.TrackingError, rules.CostBenefit])
def test_a_line_without_its_whole_window_is_as_risky_as_the_riskiest(market: Market, make: type[StandardRule]) -> None:
    """It came thirty days ago: what it drifts by is a reason to trade, though nothing is known of it."""
    tradable = np.ones(market.shape, dtype=bool)
    tradable[: LAST - 50, 1] = False
    late = replace(market, tradable=tradable, returns=np.where(tradable, market.returns, 0.0))
    target = np.full(4, 0.25)
    view = see(late, target, np.array([0.25, 0.40, 0.10, 0.25]))
    assert isinstance(make(FixedWeights(tuple(target)), returns=WINDOW).decide(view), Trade)


def test_where_trading_is_free_a_trade_says_what_waiting_loses(market: Market) -> None:
    target = np.full(4, 0.25)
    view = see(market, target, np.array([0.27, 0.23, 0.25, 0.25]), costs=Costs.bps(4))
    why = rules.CostBenefit(FixedWeights(tuple(target)), returns=WINDOW).decide(view).why
    assert "waiting is expected to lose" in why.sentence(market.labels)
    assert "more than the 0.00 bp" in why.sentence(market.labels)
