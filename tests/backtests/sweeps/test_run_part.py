"""A row of a sweep is a single backtest, to the bit; and its target paths are computed once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import backtests.sweeps.run_part as playing
from backtests.batch.batch import Batch, play_batch
from backtests.batch.streaming_metrics import BATCH_METRICS, CVAR, batch_metrics, target_path_returns
from backtests.engine import backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
from backtests.runs.chunks import WorkPart
from backtests.sweeps import Axes, Choices, Plan, Setup, Strategic, listed, sweep
from backtests.sweeps.labels import policies as named_policies
from backtests.sweeps.plan import CHUNKS, Configuration
from backtests.sweeps.run_part import backtest_one, parts_of, run_part, sweep_metrics
from backtests.sweeps.setup import prepare_sweep
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError, PolicyError
from research.accounting import Costs, Execution, Hold, View
from research.allocation import HRP, Allocation, FixedWeights, target_path
from research.market import Market, Past, delist
from research.risk import growth
from research.rules import Calendar, Never, Threshold

Equal = Callable[[object, object], bool]


def alone(setup: Setup, c: Configuration) -> Array:
    """A configuration played by the engine on targets of its own, with nothing of the sweep."""
    policy = replace(c.policy, allocation=setup.strategic) if isinstance(c.policy.allocation, Strategic) else c.policy
    costs = Costs(setup.costs.commission * c.cost_multiple, setup.costs.half_spread * c.cost_multiple)
    start = c.start or setup.start
    targets = target_path(policy.allocation, setup.market, start=int(setup.market.dates.searchsorted(start)) - 1)
    b = backtest(setup.market, policy, costs, start=start, lag=setup.lag if c.lag is None else c.lag, targets=targets)
    strategic, own = (
        target_path_returns(t, setup.market) for t in (target_path(setup.strategic, setup.market), targets)
    )
    return batch_metrics(b, strategic, own, setup.tracking_penalty)


def test_each_row_is_a_single_backtest_to_the_bit(setup: Setup, axes: Axes, equal_bits: Equal) -> None:
    plan = axes.grid()
    table = sweep(setup, plan, progress=False).table
    for k in range(len(plan)):
        assert equal_bits(table.loc[k, list(BATCH_METRICS)].to_numpy(dtype=float), alone(setup, plan[k])), plan[k]


def test_the_metrics_are_those_of_a_score(setup: Setup, axes: Axes) -> None:
    made = prepare_sweep(setup, axes.grid(), cvar95=True)
    table, none = run_part(made, WorkPart(100, 140)), np.full(3, np.nan)
    benchmark = Benchmark(made.strategic["small"], none, none, setup.tracking_penalty, 252.0)
    for row, number in zip(table, range(100, 140), strict=True):
        played = backtest_one(made, number)
        of_score = score(played, benchmark).figures(setup.market.dates)
        of_score["growth"] = growth(played.growth_path, float((played.dates[-1] - played.dates[0]).days))
        found = dict(zip(sweep_metrics(made), row, strict=True))
        for name in set(found) - {"nav"}:
            assert found[name] == pytest.approx(of_score[name], rel=1e-9, abs=1e-11), name


@dataclass(frozen=True)
class Fails:
    """A rule of one's own that fails from a day on, unless its band is narrow."""

    allocation: Allocation
    day: str
    band: float

    def decide(self, view: View) -> Hold:
        if self.band > 0.02 and str(view.past.days[-1]) >= self.day:
            raise KeyError("oops")
        return Hold()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_an_own_rule_raises_is_told_with_its_configuration_and_day(setup: Setup, workers: int) -> None:
    start, day = setup.start, str(setup.market.days[-5])
    axes = Axes((Choices(Fails, day=day, band=(0.02, 0.03)),), cost_multiples=(2.0,), lags=(1,))
    with pytest.raises(PolicyError) as told:
        sweep(setup, axes, workers=workers, progress=False)
    assert str(told.value) == (
        f"policy 'configuration 1' failed on {day}: KeyError: 'oops'. It is Fails(allocation=Strategic(), day='{day}', "
        f"band=0.03) on small, costs × 2, lag 1, from {start:%Y-%m-%d}."
    )


def test_j_may_be_measured_against_a_target_that_moves(setup: Setup) -> None:
    """From the first day on which it is known; where a policy holds it too, the path is computed once."""
    hrp = HRP(window=40)
    made = prepare_sweep(replace(setup, strategic=hrp), Plan([Calendar(hrp, "month"), Never(Strategic())]))
    assert made.strategic["small"] is made.targets(made.plan[0])
    assert made.shared == 1
    found = dict(zip(sweep_metrics(made), run_part(made, WorkPart(0, 1))[0], strict=True))
    played = backtest(setup.market, Calendar(hrp, "month"), setup.costs, start=setup.start, lag=setup.lag)
    expected = score(played, Benchmark.of(played, setup.tracking_penalty))
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-9)
    assert found["tracking_error"] == pytest.approx(expected["tracking_error_own"], rel=1e-9)


def test_a_part_does_not_depend_on_where_a_plan_is_cut(setup: Setup, axes: Axes, equal_bits: Equal) -> None:
    made = prepare_sweep(setup, axes.grid())
    at_once = run_part(made, WorkPart(0, 144))
    assert equal_bits(at_once, np.vstack([run_part(made, WorkPart(a, b)) for a, b in ((0, 1), (1, 50), (50, 144))]))


def test_a_large_part_makes_the_bands_of_a_few_at_a_time(
    setup: Setup, axes: Axes, equal_bits: Equal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of a worker does not grow with the part that it plays."""
    made = prepare_sweep(setup, axes.grid())
    at_once, sizes = run_part(made, WorkPart(0, 144)), []

    def counted(market: Market, batch: Batch, *given: Any, **named: Any) -> Array:
        sizes.append(len(batch))
        return play_batch(market, batch, *given, **named)

    monkeypatch.setattr(playing, "TOGETHER", 50)
    monkeypatch.setattr(playing, "play_batch", counted)
    assert equal_bits(at_once, run_part(made, WorkPart(0, 144)))
    assert sizes == [50, 50, 44]


def test_what_is_played_by_itself_is_a_part_of_its_own(setup: Setup, lots: Setup) -> None:
    plan = Plan([Never(Strategic()), Threshold(Strategic(), 0.02)], (1.0, 2.0), (0, 1), portfolios=("small", "lots"))
    made = prepare_sweep([setup, lots], plan)
    assert list(parts_of(made)) == [WorkPart(0, 8), *(WorkPart(k, k + 1) for k in range(8, 16))]
    assert list(parts_of(prepare_sweep(setup, many := Plan(plan.policies, [k / 9 for k in range(600)])))) == list(
        many.parts()
    )


def test_parts_of_a_large_sweep_hold_a_few_that_are_played_by_themselves(setup: Setup) -> None:
    many = Plan([Weekday(setup.strategic)], [k / 99 for k in range(2 * CHUNKS + 1)])
    parts = list(parts_of(prepare_sweep(setup, many)))
    assert [k for part in parts for k in range(*part)] == list(range(len(many)))
    assert {part.stop - part.first for part in parts} <= {1, 2, 3}


@dataclass(frozen=True)
class Weekday:
    """A policy without no-trade bands."""

    rule: Threshold

    @property
    def allocation(self) -> Strategic:
        return self.rule.allocation  # type: ignore[return-value]

    def decide(self, view: object) -> object:
        return self.rule.decide(view)  # type: ignore[arg-type]


def test_a_policy_without_no_trade_bands_gives_the_same_row(setup: Setup, equal_bits: Equal) -> None:
    rule = Threshold(setup.strategic, 0.01, "edge")
    table = sweep(setup, Plan([rule, Weekday(rule)]), progress=False).table  # type: ignore[list-item]
    assert table["rule"].tolist() == ["threshold", "Weekday"]
    one, other = table.loc[:, list(BATCH_METRICS)].to_numpy()
    assert equal_bits(one, other)


@dataclass(frozen=True)
class Counted:
    """An allocation that counts how often it is asked."""

    asked: list[object]
    window: int = 20
    schedule: str = "month"

    def __hash__(self) -> int:
        return hash((self.window, self.schedule))

    def target(self, past: Past) -> Array:
        self.asked.append(past.date)
        return HRP(self.window, schedule="month").target(past)


def test_a_target_path_is_computed_once_for_all_rules_costs_lags_and_starts(setup: Setup) -> None:
    held = Counted([])
    policies = [Never(held), Calendar(held, "week"), Threshold(held, 0.02)]
    starts = ("2020-02-20", "2020-04-01", "2020-08-03")
    swept = sweep(setup, Plan(policies, (0.5, 1.0), (0, 1, 2), starts), progress=False)
    assert (len(swept.plan), swept.shared, len(held.asked)) == (54, 1, len(set(held.asked)))
    assert "54 configurations" in repr(swept)
    assert "1 target path " in repr(swept)


def test_labels_tell_policies_apart_by_every_setting_in_which_they_differ(setup: Setup) -> None:
    held = Strategic()
    policies = [Threshold(held, 0.25, "edge", schedule=check) for check in ("day", "month")]
    policies += [Threshold(held, 0.25, "edge", kind="relative", cap=cap) for cap in (None, 0.05)]
    policies += [Threshold(held, 0.25, "edge", fraction=0.5), Threshold(held, 0.2501, "edge"), Calendar(held, "month")]
    swept = sweep(setup, Plan(policies), progress=False)
    labels = [line[: line.index("  ")] for line in repr(swept).splitlines()[-len(policies) :]]
    assert len(set(labels)) == len(policies)
    assert "threshold 25 % to edge, cap 0.05, fraction 1, kind relative, schedule day" in labels
    assert "every month, fraction 1" in labels
    named = named_policies(swept.table)["policy"]
    assert named.is_unique
    assert not named.str.contains(", check ,|, kind$", regex=True).any(), "a calendar has neither"


def test_a_start_before_the_first_refit_has_a_path_of_its_own(setup: Setup) -> None:
    """With a window of 20 days from 1 January on, there is no month's end before 29 or 30 January to refit on."""
    starts = ("2020-01-30", "2020-01-31", "2020-02-10")
    plan = Plan([Calendar(HRP(20), "month")], starts=starts)
    made = prepare_sweep(setup, plan)
    assert made.shared == 2
    for k in range(3):
        c = plan[k]
        assert run_part(made, WorkPart(k, k + 1))[0].tobytes() == alone(setup, c).tobytes()


def test_several_portfolios_have_each_their_own_strategic_target(setup: Setup, axes: Axes) -> None:
    other = replace(setup, name="other", strategic=FixedWeights((0.2, 0.2, 0.6)))
    table = sweep([setup, other], axes, progress=False).table
    assert table["portfolio"].tolist() == ["small"] * 144 + ["other"] * 144
    assert table.iloc[:144].equals(sweep(setup, axes, progress=False).table)
    last = table.iloc[-1]
    c = listed([Configuration(axes.grid().policies[-1], "other", 4.0, 2, axes.grid().starts[-1])])[0]
    assert last[list(BATCH_METRICS)].to_numpy(dtype=float).tobytes() == alone(other, c).tobytes()


def test_costs_that_depend_on_size_are_played_one_by_one_at_the_wealth_of_the_portfolio(setup: Setup) -> None:
    """A ticket of 10 on every order of a wealth of 100,000, as if it were 1e-4 of a wealth of 1."""
    small, large = (replace(setup.costs, ticket=np.full(3, ticket)) for ticket in (1e-4, 10.0))
    plan = Plan([Threshold(Strategic(), 0.01), Calendar(Strategic(), "month")], (1.0, 2.0))
    one = sweep(replace(setup, costs=small), plan, progress=False).table
    other = sweep(replace(setup, costs=large).scaled_to(1e5), plan, progress=False).table
    assert not replace(setup, costs=small).scales
    np.testing.assert_allclose(other[list(BATCH_METRICS)], one[list(BATCH_METRICS)], rtol=1e-9)
    assert (one["cost"] > 1.5 * sweep(setup, plan, progress=False).table["cost"]).all()


def test_only_what_scales_with_wealth_is_played_at_a_wealth_of_one(setup: Setup) -> None:
    assert setup.scaled_to(1e5).nav == 1.0
    assert replace(setup, execution=Execution(days=2)).scaled_to(1e5).nav == 1e5


def test_a_market_that_a_line_leaves_is_played_one_by_one(setup: Setup) -> None:
    market, day = setup.market, setup.market.dates[200]
    returns, tradable = market.returns.copy(), market.tradable.copy()
    returns[200:, 1], tradable[200:, 1] = 0.0, False
    gone = replace(setup, market=delist(replace(market, returns=returns, tradable=tradable), "B", day, -0.3))
    assert not gone.scales
    swept = sweep(gone, Plan([Threshold(Strategic(), 0.01)]), progress=False)
    one = swept.backtest(0)
    assert one.weights.loc[day:, "B"].eq(0.0).all()
    assert swept.table.loc[0, "nav"] == one.nav.iloc[-1]


def test_cvar_is_a_column_only_where_asked_for(setup: Setup, axes: Axes) -> None:
    assert CVAR not in sweep(setup, axes, progress=False).table
    swept = sweep(setup, axes, cvar95=True, progress=False)
    losses = -np.sort(swept.backtest(30).net_returns)
    assert swept.table.loc[30, CVAR] == pytest.approx(score_cvar(losses), rel=1e-12)


def score_cvar(losses: Array) -> float:
    """Mean of the worst 5 %, the one in which the 5 % ends by its share."""
    worst = 0.05 * len(losses)
    whole = int(worst)
    return float((losses[:whole].sum() + (worst - whole) * losses[whole]) / worst)


@pytest.mark.parametrize(("plan", "error", "said"), [
    (Plan([Never(Strategic())], (1.0, 1e4)), ConfigError, "half_spread of A|commission of A"),
    (Plan([Never(Strategic())], starts=("2019-01-01",)), ConfigError, "starts on 2019-01-01, but its market runs"),
    (Plan([Never(Strategic())], starts=("2021-02-23",)), ConfigError, "with at least two sessions"),
    (Plan([Never(Strategic())], portfolios=("nowhere",)), ConfigError, "'nowhere' of a plan is not among"),
    (Plan([Never(HRP(100))]), DataError, "is too short for HRP"),
])  # fmt: skip
def test_what_cannot_be_played_is_refused_before_anything_is(
    setup: Setup, plan: Plan, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        prepare_sweep(setup, plan)


def opening(setup: Setup) -> Setup:
    """It trades at opens, which are quoted."""
    prices = 100.0 * setup.market.index
    return replace(setup, market=replace(setup.market, prices=prices, bars={"open": prices}), execution=AT_OPEN)


def unknown_spread(setup: Setup) -> Setup:
    """The spread of one day in the test is missing."""
    spreads = np.full(setup.market.shape, 1e-4)
    spreads[-5, 1] = np.nan
    return replace(setup, costs=replace(setup.costs, half_spread=spreads))


AT_OPEN = Execution(at="open")


@pytest.mark.parametrize(("lacking", "error", "said"), [
    (opening, ConfigError, "small from 2020-03-02 at a lag of 0: what is decided at a close is booked at a later"),
    (lambda a: replace(a, execution=AT_OPEN), DataError, "has no opens"),
    (lambda a: replace(a, dividends="cash"), ConfigError, "small from 2020-03-02 .* has no dividends"),
    (unknown_spread, DataError, "half.spread.* B on 2021-02-17"),
    (lambda a: replace(a, execution=Execution(participation=0.1)), DataError, "has no volumes"),
])  # fmt: skip
def test_what_a_market_lacks_is_said_before_anything_is_played(
    setup: Setup, lacking: Callable[[Setup], Setup], error: type[Exception], said: str
) -> None:
    many = [Threshold(Strategic(), band / 1000) for band in range(1, 70)]
    with pytest.raises(error, match=said):
        prepare_sweep(lacking(setup), Plan(many, lags=(1, 0)))


def test_a_lag_that_is_not_picked_is_no_matter(setup: Setup) -> None:
    never = Never(Strategic())
    made = prepare_sweep(opening(setup), listed([Configuration(never, lag=1), Configuration(never, lag=2)]))
    assert run_part(made, WorkPart(0, 2)).shape == (2, len(BATCH_METRICS))
    pair = Plan([never], lags=(0, 1), picks=np.array([[0, 0, 0, 1, 0]]))
    assert run_part(prepare_sweep(opening(setup), pair), WorkPart(0, 1)).shape == (1, len(BATCH_METRICS))


def test_a_list_on_several_portfolios_names_them(setup: Setup) -> None:
    with pytest.raises(ConfigError, match="names no portfolio, but there are several: small, other"):
        sweep([setup, replace(setup, name="other")], listed([Configuration(Never(Strategic()))]), progress=False)


def test_two_arenas_of_one_name_are_refused(setup: Setup) -> None:
    with pytest.raises(ConfigError, match="different names"):
        prepare_sweep([setup, setup], Axes(rules=(Choices(Never),)).grid())
