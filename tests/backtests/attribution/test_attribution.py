"""Attribution of a gap: by hand, on random mixtures of every cost and event, and on all pairs of the main portfolio."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from drawn_cases import case
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import MakeMarket

from backtests.attribution.attribution import COMPONENTS, Attribution, attributed, attribution
from backtests.attribution.contributions import Contributions, contributions
from backtests.comparison.fitting.candidates import backtest_candidate, fit
from backtests.engine import Backtest, backtest
from foundation.errors import ConfigError, PolicyError
from research.accounting import Costs, Flows
from research.allocation import FixedWeights
from research.portfolio import load_portfolio
from research.rules import Calendar, Never, Threshold

EXACT = 1e-10


@pytest.fixture(scope="module")
def main() -> dict[str, Backtest]:
    """The policies of the main portfolio that need no training, backtested."""
    portfolio = load_portfolio("data/portfolios/global_multi_asset.yaml")
    names, paths = [n for n in portfolio.policies if n not in ("rl", "universal")], {}
    return {name: backtest_candidate(portfolio, fit(name, portfolio).policy, name, paths) for name in names}


def check(found: Attribution, one: Backtest, other: Backtest) -> None:
    """Sums over assets, years and components are the gap of the two NAVs, counted here from the NAVs alone."""
    growth = [np.concatenate([[b.ledger.nav[0] / b.wealth], 1.0 + b.net_returns]) for b in (one, other)]
    logs = np.log(growth[0]) - np.log(growth[1])
    assert found.daily.sum(axis=1) == pytest.approx(logs, abs=EXACT)
    years = one.dates.year[[1, *range(1, len(one.dates))]]
    of_years = [logs[years == year].sum() for year in found.years]
    assert found.by_year["total"].to_numpy() == pytest.approx(of_years, abs=EXACT)
    assert found.by_line["total"].sum() == pytest.approx(logs.sum(), abs=EXACT)
    assert found.by_component.sum() == pytest.approx(logs.sum(), abs=EXACT)
    assert found.table()["total"].sum() == pytest.approx(found.gap, abs=EXACT)
    assert found.table().groupby(level="year").sum()["total"].to_numpy() == pytest.approx(of_years, abs=EXACT)
    assert found.residual <= EXACT
    assert found.gap * found.money == pytest.approx(found.ends[0] - found.ends[1], rel=1e-9, abs=EXACT)


def test_two_days_on_paper(make_market: MakeMarket) -> None:
    """All in A against half and half: A gains 10 %, then B loses 10 %; the other holds 11/21 of A on the second day."""
    market = make_market([[0.0, 0.0], [0.10, 0.0], [0.0, -0.10]])
    one = backtest(market, Never(FixedWeights((1.0, 0.0))), Costs.bps(2), name="one")
    found = attribution(one, backtest(market, Never(FixedWeights((0.5, 0.5))), Costs.bps(2), name="other"))
    assert found.gap == pytest.approx(np.log(1.1), abs=1e-15)
    first = (np.log(1.10) - np.log(1.05)) / 0.05  # Carino's factors: 10 % against 5 %, then 0 against -1/21
    second = np.log(21.0 / 20.0) * 21.0
    active = np.array([0.5, 10.0 / 21.0])  # of A, and of B with the other sign
    of_a, of_b = np.array([0.10 - 0.05, 1.0 / 21.0]), np.array([-0.05, -0.10 + 1.0 / 21.0])
    for asset, relative, sign in (("A00", of_a, 1.0), ("A01", of_b, -1.0)):
        earned = np.array([first, second]) * relative * sign
        assert found.by_line.loc[asset, "exposure"] == pytest.approx(active.mean() * earned.sum(), abs=1e-15)
        timing = ((active - active.mean()) * earned).sum()
        assert found.by_line.loc[asset, "timing"] == pytest.approx(timing, abs=1e-15)
        assert timing == pytest.approx(2.0 * np.cov(active, earned, ddof=0)[0, 1], abs=1e-15), "days x covariance"
    assert found.components == ("exposure", "timing")


def test_each_cost_has_its_name_and_the_opening_its_own(make_market: MakeMarket) -> None:
    """Costs alone differ: 10 bp of commission and 5 of spread to open in half an asset, and a fee on NAV."""
    market = make_market(np.zeros((3, 1)))
    costs = Costs(np.full(1, 1e-3), np.full(1, 5e-4), management_fee=0.0365)
    rule = Never(FixedWeights((0.5,)))
    dear, free = (backtest(market, rule, c, name=n) for c, n in ((costs, "dear"), (Costs.bps(1), "free")))
    found, spent = attribution(dear, free), dear.ledger.opening_charges.sum()
    assert found.by_line.loc["A00", "opening"] == pytest.approx(np.log1p(-spent), abs=1e-15)
    days = np.diff(market.days).astype(int)
    assert found.by_line.loc["cash", "management_fee"] == pytest.approx(np.log1p(-1e-4 * days).sum(), abs=1e-12)
    assert found.by_component.sum() == pytest.approx(np.log(dear.ledger.nav[-1]), abs=1e-14)
    assert set(found.components) == {"exposure", "timing", "opening", "management_fee"}


def test_cash_that_is_held_instead_of_lines_that_rise_is_a_drag(make_market: MakeMarket) -> None:
    market = make_market([[0.0], [0.10], [0.10]], cash=0.01)
    one, other = (
        backtest(market, Calendar(FixedWeights((w,)), "day"), Costs.bps(1), lag=0, name=str(w)) for w in (0.8, 1.0)
    )
    found = attribution(one, other)
    assert found.by_component["cash drag"] == pytest.approx(found.gap, abs=1e-14)
    assert found.gap == pytest.approx(2.0 * np.log(1.082 / 1.10), abs=1e-14)


@pytest.mark.parametrize("dividends", ["reinvest", "cash"])
def test_dividends_are_income_and_no_exposure(make_market: MakeMarket, dividends: str) -> None:
    """A pays 2 % and its price stands still: all against half of A gains 1 % more, half of it from holding no B."""
    made = make_market([[0.0, 0.0], [0.02, 0.0], [0.0, 0.0]])
    prices, paid = np.full((3, 2), 50.0), np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    market = replace(made, prices=prices, dividends=paid)
    one, other = (
        backtest(market, Never(FixedWeights(w)), Costs.bps(2), dividends=dividends, name=str(w))  # type: ignore[arg-type]
        for w in ((1.0, 0.0), (0.5, 0.5))
    )
    found = attribution(one, other)
    assert found.by_line["income"].tolist() == pytest.approx([np.log(1.02 / 1.01) / 2.0] * 2 + [0.0], abs=1e-15)
    assert found.by_component[["exposure", "timing"]].abs().max() <= 1e-15
    assert (found.no_income, found.components) == ("", ("exposure", "timing", "income"))


def test_an_attribution_of_a_backtest_to_itself_is_nothing(main: Mapping[str, Backtest]) -> None:
    found = attribution(main["quarterly"], main["quarterly"])
    assert not found.cells.any()
    assert found.gap == 0.0


@pytest.mark.parametrize("flows", [False, True])
def test_random_mixtures_of_every_cost_and_event_add_up(flows: bool) -> None:
    """Halts, listings, delistings, dividends, opens, tax, impact, shorts; the other holds less, and never trades."""
    seen: set[str] = set()
    for seed in range(60):
        c = case(seed)
        if (c.flows is not None) is not flows:
            continue
        less = FixedWeights(tuple(0.6 * w for w in c.policy.allocation.weights))
        try:
            one, other = c.played(), c.played(Never(less))
        except PolicyError:
            continue  # cannot be paid for to the end
        found = attribution(one, other)
        check(found, one, other)
        seen |= set(found.components)
        assert found.components == attribution(other, one).components
    assert set(COMPONENTS) - seen == {"management_fee"}, "both pay it alike; the others are all reached"


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    weights=st.tuples(st.floats(0.0, 0.5), st.floats(0.0, 0.5)),
    band=st.floats(0.005, 0.1),
    bps=st.floats(0.0, 50.0),
    flow=st.sampled_from([0.0, 20.0, -10.0]),
)
def test_small_random_markets_with_halts_cash_and_costs_add_up(make_market, seed, weights, band, bps, flow) -> None:
    rng = np.random.default_rng(seed)
    halted = [(int(t), int(i)) for t, i in zip(rng.integers(5, 40, 5), rng.integers(0, 2, 5), strict=True)]
    market = make_market(rng.normal(0.0, 0.03, (40, 2)), rng.uniform(0.0, 2e-4, 40), halted=halted, begin="2018-12-03")
    costs = Costs.bps(2, commission=bps, half_spread=bps / 2.0)
    given_ = {"nav": 100.0, "flows": Flows({market.dates[20]: flow}) if flow else None, "start": market.dates[1]}
    one = backtest(market, Threshold(FixedWeights(weights), band, "target"), costs, name="one", **given_)
    other = backtest(market, Calendar(FixedWeights((0.3, 0.6)), "week"), costs, name="other", **given_)
    check(attribution(one, other), one, other)


def test_all_pairs_of_the_main_portfolio_add_up_by_line_and_year(main: Mapping[str, Backtest]) -> None:
    parts: dict[str, Contributions] = {name: contributions(b) for name, b in main.items()}
    for name, b in main.items():
        assert parts[name].net == pytest.approx(b.net_returns, abs=1e-14), name
    for one, other in permutations(main, 2):
        check(attributed(main[one], parts[one], main[other], parts[other]), main[one], main[other])


@pytest.mark.parametrize("one", ["never", "threshold", "closed_form", "hrp_threshold"])
def test_each_line_and_year_is_that_of_a_slow_count_from_weights_and_charges(
    main: Mapping[str, Backtest], one: str
) -> None:
    found, expected = attribution(main[one], main["quarterly"]), slow_lines(main[one], main["quarterly"])
    np.testing.assert_allclose(found.cells.sum(axis=2), expected, rtol=0.0, atol=EXACT)


def slow_lines(one: Backtest, other: Backtest) -> np.ndarray:
    """(Y, n + 1) the gap by asset and year from weights at closes and the charges of bookings, day by day."""
    years, n = one.dates.year, len(one.market.assets)
    found, paid = np.zeros((len(set(years[1:])), n + 1)), [np.zeros((len(years), n)) for _ in range(2)]
    for b, costs in zip((one, other), paid, strict=True):
        for booked, charges in zip(b.ledger.booked, b.ledger.charges, strict=True):
            if booked >= 0:
                costs[booked - b.first] += charges.sum(axis=0)
    spent = [b.ledger.opening_charges.sum(axis=0) / b.wealth for b in (one, other)]
    held = [np.column_stack([b.weights.to_numpy(), b.cash_weight.to_numpy()]) for b in (one, other)]
    returns = np.column_stack([one.market.returns, one.market.cash])[one.first :]
    logs = [np.log(b.ledger.nav[0] / b.wealth) for b in (one, other)]
    scale = (logs[0] - logs[1]) / (spent[1].sum() - spent[0].sum()) if spent[0].sum() != spent[1].sum() else 1.0
    found[0, :-1] += scale * (spent[1] - spent[0])
    for t in range(1, len(one.dates)):
        net = [b.ledger.nav[t] / b.ledger.nav[t - 1] - 1.0 for b in (one, other)]
        apart = net[0] - net[1]
        scale = np.log1p(apart / (1.0 + net[1])) / apart if apart else 1.0 / (1.0 + net[1])
        found[years[t] - years[1]] += (
            scale * (held[0][t - 1] - held[1][t - 1]) * (returns[t] - held[1][t - 1] @ returns[t])
        )
        for b, costs, sign in ((one, paid[0], -1.0), (other, paid[1], 1.0)):
            found[years[t] - years[1], :-1] += sign * scale * costs[t] / b.ledger.nav[t - 1]
    return found


def test_backtests_that_differ_in_their_days_are_refused(main: Mapping[str, Backtest]) -> None:
    one = main["quarterly"]
    later = backtest(one.market, one.policy, one.costs, start="2016-01-04", name="later")
    with pytest.raises(ConfigError, match=r"have different days: their tests begin on 2015-01-02 and 2016-01-04"):
        attribution(later, one)


def test_a_booking_that_is_not_in_the_nav_is_a_residual(main: Mapping[str, Backtest]) -> None:
    one = main["monthly"]
    charges = np.array(one.ledger.charges)
    charges[3] *= 1.001
    changed = replace(one, ledger=one.ledger._replace(charges=charges))
    assert attribution(changed, main["quarterly"]).residual > 1e-12
