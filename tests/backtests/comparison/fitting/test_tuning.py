"""A rule is tuned on the training days, by the J of the test, and sees nothing else."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import measured_by, world

from backtests.comparison.fitting.tuning import Tuned, played, thresholds_tried, tune, with_last_day
from backtests.engine import backtest
from backtests.evaluation.benchmark import losses
from backtests.sweeps import Choices, Plan, Setup, Strategic, sweep, threshold
from foundation.errors import ConfigError, DataError, PolicyError
from research.accounting import Costs, Flows
from research.allocation import HRP, EqualWeights, FixedWeights
from research.market import Market
from research.portfolio import load_portfolio
from research.rules import Calendar, Never, Rule, Threshold, TunedThreshold

FILE = Path(__file__).parents[4] / "data" / "portfolios" / "global_multi_asset.yaml"
WEIGHTS = (0.5, 0.3, 0.2)
HELD = FixedWeights(WEIGHTS)
COSTS = Costs.bps(3, commission=5, half_spread=5)
GRID = Choices(threshold, band=(0.01, 0.02, 0.04, 0.08), to=(0.0, 0.5, 1.0))
GRID_RULES = [threshold(HELD, band, to) for band in (0.01, 0.02, 0.04, 0.08) for to in (0.0, 0.5, 1.0)]


def desk(market: Market, costs: Costs = COSTS, test: int = 500, **others: object) -> Setup:
    """A setup whose test begins at a row."""
    return Setup.on(market, costs, HELD, market.dates[test], **others)


def by_hand(rule: Rule, past: Market, costs: Costs = COSTS, start: int = 1, **others: object) -> float:
    """J of one rule on all of `past`, by the engine."""
    b = backtest(past, rule, costs, start=past.dates[start], **others)
    return float(losses(b, measured_by(past, WEIGHTS)).mean())


@pytest.fixture(scope="module")
def market() -> Market:
    return world(days=700)


@pytest.fixture(scope="module")
def tuned(market: Market) -> Tuned:
    return tune(GRID, desk(market))


# -- which is kept ---------------------------------------------------------------------------------------------------


def test_the_forty_candidates_are_ten_bands_in_equal_log_steps_with_four_destinations() -> None:
    candidates = TunedThreshold(HELD).candidates()
    bands = sorted({c.band for c in candidates})
    assert (len(candidates), bands[0], bands[-1]) == (40, 0.005, 0.1)
    np.testing.assert_allclose(np.diff(np.log(bands)), np.log(20) / 9, rtol=1e-3)
    assert {round(c.destination / c.band, 9) for c in candidates} == {0.0, 0.25, 0.5, 1.0}


def test_candidate_with_the_lowest_j_is_kept(market: Market) -> None:
    past, spec = market.until(market.dates[499]), TunedThreshold(HELD, bands=(0.01, 0.03), to=(0.0, 1.0))
    found = {(band, to): by_hand(Threshold(HELD, band, to), past) for band in (0.01, 0.03) for to in ("target", "edge")}
    band, to = min(found, key=found.__getitem__)
    policy, card = (one := tune(spec, desk(market))).policy, one.card
    assert (policy.band, policy.destination) == (band, band if to == "edge" else 0.0)
    assert (card.loss, card.trials) == (pytest.approx(min(found.values()), rel=1e-12), 4)


@pytest.mark.parametrize("costs", [COSTS, replace(COSTS, ticket=np.full(3, 1e-5))], ids=["configurations", "by itself"])
def test_every_j_is_that_of_the_engine(market: Market, costs: Costs) -> None:
    """Grids and rules of several allocations, all on the days on which the last of them has its window."""
    past = market.until(market.dates[499])
    rules = [Never(HELD), Calendar(EqualWeights(), "week"), Threshold(HRP(window=60, schedule="month"), 0.02)]
    card = tune([GRID, *rules], desk(market, costs)).card
    expected = [by_hand(rule, past, costs, start=61) for rule in [*GRID_RULES, *rules]]
    assert card.first == market.dates[61]
    assert card.tried["loss"].tolist() == pytest.approx(expected, rel=1e-12)
    assert card.tried["chosen"].tolist() == [k == int(np.argmin(expected)) for k in range(15)]


def test_without_costs_the_narrowest_band_is_best_and_with_high_costs_a_wide_one(market: Market) -> None:
    spec = TunedThreshold(HELD, bands=(0.001, 0.01, 0.1))
    free, dear = (tune(spec, desk(market, Costs.bps(3, commission=c))).policy for c in (0.0, 400.0))
    assert (free.band, dear.band) == (0.001, 0.1)


def test_cost_multiple_is_that_of_the_costs(market: Market) -> None:
    dear = tune(GRID, desk(market), cost_multiple=7.0).card
    assert dear.tried["loss"].tolist() == tune(GRID, desk(market, COSTS.scaled(7.0))).card.tried["loss"].tolist()
    assert "tried at 7 times the costs:" in dear.sentence


def test_of_equals_the_widest_band_then_the_first_is_kept(market: Market) -> None:
    """None of these ever trades, so that their J is the same."""
    never = Choices(threshold, band=(0.6, 0.9, 0.7), to=(0.5, 0.0))
    assert (policy := tune(never, desk(market)).policy).band == 0.9
    assert policy.destination == 0.45


def test_of_equals_the_one_that_trades_least_is_kept(market: Market) -> None:
    def measure(setup: Setup, rules: list[Rule]) -> pd.DataFrame:
        return pd.DataFrame({"loss": [1.0] * 4, "trades": [3.0, 2.0, 2.0, 5.0]})

    band = Choices(threshold, band=(0.01, 0.02, 0.03, 0.04))
    assert tune(band, desk(market), measure=measure).policy.band == 0.03


def test_candidates_that_are_equal_count_once(market: Market) -> None:
    spec = TunedThreshold(HELD, bands=(0.0, 0.02), to=(0.0, 0.25, 0.5))
    assert tune(spec, desk(market)).card.trials == 5  # of a band of 0, both a quarter and a half are Within(0)
    assert tune([Never(HELD), Never(HELD)], desk(market)).card.trials == 1


def test_grid_without_allocation_is_played_on_the_strategic_target(market: Market, tuned: Tuned) -> None:
    assert tuned.policy.allocation == HELD
    assert tune([Never(Strategic())], desk(market)).policy.allocation == HELD
    both = tune(Choices(threshold, allocation=(HELD, EqualWeights()), band=(0.01, 0.02)), desk(market))
    assert both.card.trials == 4
    assert both.policy.allocation == HELD  # against which J is measured


def test_j_may_be_measured_elsewhere(market: Market) -> None:
    """A measure gets the training days alone, and its lowest J wins."""
    seen = {}

    def measure(setup: Setup, rules: list[Rule]) -> pd.DataFrame:
        seen["last"] = setup.market.dates[-1]
        return pd.DataFrame({"loss": [abs(rule.band - 0.02) for rule in rules], "worlds": 7})

    found = tune(GRID, desk(market), measure=measure)
    assert (seen["last"], found.policy.band, found.card.loss) == (market.dates[499], 0.02, 0.0)
    assert found.card.tried["worlds"].eq(7).all()


def test_portfolio_is_tuned_as_its_arena() -> None:
    desk, spec = load_portfolio(FILE), Choices(threshold, band=(0.01, 0.03))
    found, same = tune(spec, desk).card, tune(spec, Setup.of(desk)).card
    pd.testing.assert_frame_equal(found.tried, same.tried)
    assert found.seen < desk.test_start
    assert found.rule.allocation == desk.strategic


# -- the desk's work -------------------------------------------------------------------------------------------------

WORK = {"day_cost": 3e-6, "order_cost": 5e-7}  # fraction of NAV: 3 and 0.5 of a million


def with_work(rule: Rule, past: Market, day_cost: float, order_cost: float) -> float:
    """J of a rule and the cost of its days with a trade and orders, bp a year, by the engine and by counting."""
    b = backtest(past, rule, COSTS, start=past.dates[1])
    years, moved = len(b.net_returns) / b.periods_per_year, b.counted[b.booked]
    work = day_cost * moved.any(axis=1).sum() + order_cost * moved.sum()
    return by_hand(rule, past) + 1e4 * float(work) / years


def test_what_is_kept_has_the_least_loss_with_work_of_independent_backtests(market: Market) -> None:
    past, card = market.until(market.dates[499]), tune(GRID, desk(market, **WORK)).card
    expected = [with_work(rule, past, **WORK) for rule in GRID_RULES]
    assert card.minimised.tolist() == pytest.approx(expected, rel=1e-12)
    assert card.rule == GRID_RULES[int(np.argmin(expected))]
    assert card.loss == pytest.approx(by_hand(card.rule, past), rel=1e-12)
    assert card.loss + card.tried["work"].min() <= min(expected) < card.tried["loss"].max()
    said = f"had the lowest J with work of 12 tried: {min(expected):.2f} bp a year (J {card.loss:.2f}, and the cost of "
    assert said in card.sentence


def test_days_of_what_is_kept_never_rise_with_their_price(market: Market, tuned: Tuned) -> None:
    found = [tune(GRID, desk(market, day_cost=price)).card for price in (0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)]
    days = [float(card.tried.loc[card.tried["chosen"], "trading_days"].iloc[0]) for card in found]
    assert days == sorted(days, reverse=True)
    assert days[-1] < days[0]
    pd.testing.assert_frame_equal(found[0].tried, tuned.card.tried)


def test_work_of_a_portfolio_is_priced_in_its_currency() -> None:
    """Twice the price at twice the wealth is the same work, and no price at all changes nothing."""
    of, spec = load_portfolio(FILE), Choices(threshold, band=(0.01, 0.03))
    priced = replace(of, day_cost=250.0, order_cost=20.0)
    setup, card = Setup.of(priced), tune(spec, priced).card
    assert (setup.day_cost, setup.order_cost) == (250.0 / of.nav, 20.0 / of.nav)
    work = 1e4 * (250.0 * card.tried["trading_days"] + 20.0 * card.tried["trades"]) / of.nav
    assert card.tried["work"].tolist() == pytest.approx(work.tolist(), rel=1e-12)
    free = tune(spec, replace(of, day_cost=0.0, order_cost=0.0)).card
    assert "work" not in free.tried
    pd.testing.assert_frame_equal(free.tried.drop(columns="chosen"), card.tried.drop(columns=["chosen", "work"]))


def test_a_measure_that_does_not_count_priced_work_is_refused(market: Market) -> None:
    def measure(setup: Setup, rules: list[Rule]) -> pd.DataFrame:
        return pd.DataFrame({"loss": [1.0, 2.0], "trading_days": [30.0, 3.0]})

    bands = Choices(threshold, band=(0.01, 0.02))
    assert tune(bands, desk(market, day_cost=1e-5), measure=measure).policy.band == 0.02
    with pytest.raises(ConfigError, match="prices its work, but what measures candidates gave no column trades: give"):
        tune(bands, desk(market, **WORK), measure=measure)


# -- what it saw -----------------------------------------------------------------------------------------------------


def test_it_is_tuned_on_the_days_before_the_test_or_until_a_day(market: Market, tuned: Tuned) -> None:
    same = tune(GRID, desk(market, test=600), until=str(market.days[499]))
    assert tuned.card.seen == same.card.seen == market.dates[499]
    assert (tuned.card.first, tuned.card.sessions) == (market.dates[1], 499)
    assert tuned.card.fingerprint == market.until(market.dates[499]).fingerprint
    pd.testing.assert_frame_equal(tuned.card.tried, same.card.tried)


def test_nothing_after_until_changes_anything(market: Market, tuned: Tuned) -> None:
    rng, returns = np.random.default_rng(5), market.returns.copy()
    returns[500:] = rng.normal(0.0, 0.05, returns[500:].shape)
    spreads, other = np.full(market.shape, 5e-4), replace(market, returns=returns)
    assert tune(GRID, desk(other)).card.sentence == tuned.card.sentence
    pd.testing.assert_frame_equal(tune(GRID, desk(other)).card.tried, tuned.card.tried)
    before = tune(GRID, desk(market, Costs(np.zeros(3), spreads.copy())))
    spreads[500:] = 0.02
    after = tune(GRID, desk(other, Costs(np.zeros(3), spreads)))
    pd.testing.assert_frame_equal(before.card.tried, after.card.tried)


def test_nothing_before_until_is_left_out(market: Market, tuned: Tuned) -> None:
    returns = market.returns.copy()
    returns[499] = 0.03, -0.03, 0.0
    assert tune(GRID, desk(replace(market, returns=returns))).card.loss != tuned.card.loss


def test_flows_after_until_are_left_out_and_those_before_are_played(market: Market) -> None:
    flows, past = Flows({market.dates[100]: 0.5, market.dates[600]: 0.5}), market.until(market.dates[499])
    card = tune([Threshold(HELD, 0.01)], desk(market, flows=flows)).card
    b = backtest(past, Threshold(HELD, 0.01), COSTS, start=past.dates[1], flows=Flows({market.dates[100]: 0.5}))
    assert losses(b, measured_by(past, WEIGHTS)).mean() == pytest.approx(card.loss, rel=1e-12)
    late = tune([Threshold(HELD, 0.01)], desk(market, flows=Flows({market.dates[600]: 0.5}))).card
    assert late.loss == tune([Threshold(HELD, 0.01)], desk(market)).card.loss


def test_costs_by_the_day_are_charged_from_where_they_are_known(market: Market) -> None:
    spreads = np.full(market.shape, 5e-4)
    spreads[:20, 1] = np.nan
    costs, past = Costs(np.zeros(3), spreads), market.until(market.dates[499])
    card = tune(GRID, desk(market, costs)).card
    assert (card.first, card.possible, card.moved) == (market.dates[21], market.dates[1], True)
    assert not tune(GRID, desk(market, Costs.bps(3))).card.moved
    expected = by_hand(threshold(HELD, 0.01), past, costs.until(500), start=21)
    assert card.tried["loss"].iloc[0] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ConfigError, match="before the spreads and impact of all assets are known"):
        tune(GRID, desk(market, costs), until=market.dates[20])


# -- it is not played on what it saw ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule", [Never(HELD), Calendar(HELD, "month"), Threshold(HELD, 0.02, "edge")], ids=lambda rule: type(rule).__name__
)
def test_what_was_tuned_is_not_played_from_before_what_it_saw(market: Market, rule: Rule) -> None:
    policy = tune([rule], desk(market)).policy
    assert policy.fitted_until == market.dates[499]
    of_policy, of_rule = (backtest(market, p, COSTS, start=market.dates[500]) for p in (policy, rule))
    np.testing.assert_array_equal(of_policy.net_returns, of_rule.net_returns)
    with pytest.raises(PolicyError, match="it knows what comes after"):
        backtest(market, policy, COSTS, start=market.dates[499])
    with pytest.raises(PolicyError, match="it knows what comes after"):
        sweep(desk(market, test=499), Plan([policy]), progress=False)
    assert len(sweep(desk(market), Plan([policy]), progress=False).table) == 1


def test_rule_that_was_tuned_is_of_its_class_and_has_one_field_more() -> None:
    rule, seen = Threshold(HELD, 0.02, "edge"), pd.Timestamp("2020-05-01")
    policy = with_last_day(rule, seen)
    assert isinstance(policy, Threshold)
    assert repr(policy) == f"Fitted{rule!r}"[:-1] + f", fitted_until={seen!r})"
    assert policy != rule
    assert policy == with_last_day(rule, seen)
    assert hash(policy) == hash(with_last_day(rule, seen))
    assert replace(policy, band=0.03).fitted_until == seen
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert with_last_day(policy, seen + pd.Timedelta(days=1)).fitted_until == pd.Timestamp("2020-05-02")
    assert with_last_day(policy, seen - pd.Timedelta(days=1)).fitted_until == seen


def test_rule_that_is_no_dataclass_cannot_say_what_it_saw(market: Market) -> None:
    class Plain:
        allocation = HELD
        decide = Never.decide

    with pytest.raises(ConfigError, match="make it a dataclass"):
        tune([Plain()], desk(market))


# -- the card --------------------------------------------------------------------------------------------------------


def test_card_says_it_all(market: Market, tuned: Tuned) -> None:
    card, print_ = tuned.card, market.until(market.dates[499]).fingerprint[:8]
    assert card.settings["band"] == tuned.policy.band
    assert (card.rule, card.trials, card.cost_multiple) == (threshold(HELD, 0.02, 1.0), 12, 1.0)
    assert card.sentence == (
        f"Threshold(allocation={HELD!r}, band=0.02, to='edge') had the lowest J of 12 tried: "
        f"{card.loss:.2f} bp a year on 499 sessions from 2020-01-02 to 2021-11-30 (data {print_})."
    )
    assert repr(card) == card.sentence


def test_tried_thresholds_have_band_and_destination(tuned: Tuned) -> None:
    tried = thresholds_tried(tuned)
    assert tried.loc[tried["chosen"], ["band", "destination"]].to_numpy().tolist() == [
        [tuned.policy.band, tuned.policy.destination]
    ]
    assert tried["destination"].tolist()[:3] == [0.0, 0.005, 0.01]


@pytest.mark.parametrize(("choices", "low", "edges"), [
    (Choices(threshold, band=(0.01, 0.02, 0.04)), {"band": 0.02}, ()),
    (Choices(threshold, band=(0.01, 0.02, 0.04)), {"band": 0.01}, ("band (0.01)",)),
    (Choices(threshold, band=(0.04, 0.01, 0.02)), {"band": 0.04}, ("band (0.04)",)),
    (Choices(threshold, band=(0.0, 0.01)), {"band": 0.0}, ()),  # there is no narrower one
    (Choices(threshold, band=0.01), {"band": 0.01}, ()),  # it was not chosen
    (Choices(threshold, band=0.01, to=(0.0, 1.0)), {"destination": 0.0}, ()),
    (Choices(threshold, band=(0.01, 0.02), to=(0.25, 0.5)), {"band": 0.02}, ("band (0.02)",)),  # all `to` are equal
    (
        Choices(threshold, band=(0.01, 0.02), to=(0.0, 0.5)),
        {"band": 0.02, "destination": 0.01},
        ("band (0.02)", "to (0.5)"),
    ),
    (Choices(Threshold, band=0.01, fraction=(0.5, 0.75, 1.0)), {"fraction": 1.0}, ()),
    (Choices(Threshold, band=0.01, fraction=(0.5, 0.75, 1.0)), {"fraction": 0.5}, ("fraction (0.5)",)),
    (Choices(Calendar, schedule=("week", "month")), {"schedule": "month"}, ()),  # words have no edge
    ([Threshold(HELD, 0.01), Threshold(HELD, 0.02)], {"band": 0.02}, ()),  # nor has a list
])  # fmt: skip
def test_card_says_when_the_grid_should_be_wider(
    market: Market, choices: Choices, low: dict[str, object], edges: tuple[str, ...]
) -> None:
    def measure(setup: Setup, rules: list[Rule]) -> pd.DataFrame:
        return pd.DataFrame({"loss": [sum(getattr(rule, k) != v for k, v in low.items()) for rule in rules]})

    card = tune(choices, desk(market), measure=measure).card
    assert card.edges == edges
    assert card.sentence.endswith(f" in {' and '.join(edges)}: widen the grid." if edges else ").")


def test_card_of_equal_candidates_says_so_and_gives_no_advice_on_the_grid(market: Market) -> None:
    """No weight strays by 60 points, so none of these bands ever trades; a band of 1 % does."""
    card = tune(Choices(threshold, band=(0.6, 0.7, 0.8)), desk(market)).card
    assert card.sentence.startswith("All 3 tried have the same J, and none of the 3 traded: ")
    assert f"Threshold(allocation={HELD!r}, band=0.8) is chosen" in card.sentence
    assert (card.edges, "widen" in card.sentence) == ((), False)
    some = tune(Choices(threshold, band=(0.01, 0.6, 0.7)), desk(market, Costs.bps(3, commission=1000))).card
    assert "band=0.7) is one of 2 that had the lowest J of 3 tried, and none of the 2 traded: " in some.sentence
    assert (some.edges, "widen" in some.sentence) == ((), False)


# -- at the door -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("candidates", "settings", "words"), [
    ([], {}, "candidates are []: give Choices of a rule's settings, or a list of rules, one at least"),
    ("band", {}, "candidates are 'band': give Choices"),
    (Threshold(HELD), {}, "give Choices of a rule's settings"),
    ([Threshold], {}, "give a rule; tune or train policies first"),
    ([TunedThreshold(HELD)], {}, "give a rule; tune or train policies first"),
    (Choices(Threshold, band=-0.01), {}, "band of Threshold is -0.01"),
    (GRID, {"until": "2019-12-31"}, "until is 2019-12-31, and the data of market runs from 2020-01-01 to"),
    (GRID, {"until": "2030-01-01"}, "until is 2030-01-01, and the data of market runs from 2020-01-01 to"),
    (GRID, {"until": 2020}, "until is 2020: write a date as YYYY-MM-DD"),
    (GRID, {"until": "soon"}, "until is 'soon': write a date as YYYY-MM-DD"),
    (GRID, {"until": "2020-01-02"}, "the training days end on 2020-01-02, before all targets are known"),
    (GRID, {"cost_multiple": -1.0}, "cost_multiple is -1.0: give a finite number of at least 0"),
    (GRID, {"measure": "worlds"}, "measure is 'worlds': give a function that measures candidates, such as on_worlds()"),
    (GRID, {"measure": lambda setup, rules: None}, "what measures candidates gave None: it must give a table"),
    (GRID, {"measure": lambda setup, rules: pd.DataFrame({"loss": [1.0]})}, "gave 1 rows of loss for 12 rules"),
    (GRID, {"measure": lambda setup, rules: pd.DataFrame({"K": [1.0] * 12})}, "gave 12 rows of K for 12 rules"),
    (GRID, {"measure": lambda setup, rules: pd.DataFrame({"loss": [np.nan] * 12})}, "is nan: a candidate needs a fin"),
])  # fmt: skip
def test_what_cannot_be_tuned_is_refused(market, candidates, settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        tune(candidates, desk(market), **settings)
    assert words in str(error.value)


def test_what_is_neither_an_arena_nor_a_portfolio_is_refused(market: Market) -> None:
    with pytest.raises(ConfigError, match=r"where is Market .*: give a Setup, such as Setup.on"):
        tune(GRID, market)  # type: ignore[arg-type]


def test_too_few_days_for_a_window_are_refused(market: Market) -> None:
    with pytest.raises(DataError, match=r"too short for HRP.*: it needs 252 returns on 2020-05-19 \(row 99\), and 99"):
        tune([Never(HRP(window=252))], desk(market), until=market.dates[99])
    with pytest.raises(ConfigError, match="the training days end on 2020-05-19, before all targets are known"):
        tune([Never(HRP(window=98))], desk(market), until=market.dates[99])


def test_long_lag_needs_more_days(market: Market) -> None:
    with pytest.raises(ConfigError, match="known for two sessions and a lag of 9"):
        tune(GRID, desk(market, lag=9), until=market.dates[9])
    assert tune(GRID, desk(market, lag=9), until=market.dates[10]).card.sessions == 10


def test_a_measure_is_given_what_it_needs_to_play_by_itself(market: Market, tuned: Tuned) -> None:
    again = tune(GRID, desk(market), measure=lambda setup, rules: played(setup, rules)[["loss"]] * 2.0)
    assert again.card.tried["loss"].tolist() == (2.0 * tuned.card.tried["loss"]).tolist()
