"""Walk-forward: every fold fits on its own past, one portfolio goes through all, and every trial is counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of, fit
from backtests.comparison.fitting.walk_forward import Succession, WalkForward, walk_forward
from backtests.evaluation.scores import score
from backtests.laboratory.learned.warnings import observations
from backtests.laboratory.simulate import estimate
from foundation.errors import ConfigError, PolicyError
from research.allocation import HRP
from research.learning import Learned, LearnedPolicy, PPOSettings
from research.market import Market
from research.portfolio import Portfolio, load_portfolio
from research.rules import Calendar, TunedThreshold

FILE = Path(__file__).parents[4] / "data" / "portfolios" / "global_multi_asset.yaml"
pytestmark = pytest.mark.usefixtures("few_judged_sessions")
STARTS = ("2016-01-04", "2018-01-02", "2020-07-01")
QUICK = PPOSettings(worlds=32, rollout=8, batch=64, epochs=2, hidden=8)


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio(FILE, {"day_cost": 0.0})


def spec_of(portfolio: Portfolio) -> Learned:
    return Learned(portfolio.strategic, steps=300, seeds=(1, 2), episode=26, learner="ppo", ppo=QUICK)


@pytest.fixture(scope="module")
def learned(portfolio: Portfolio) -> WalkForward:
    return walk_forward(portfolio, "rl", STARTS, spec=spec_of(portfolio))


@pytest.fixture(scope="module")
def tuned(portfolio: Portfolio) -> WalkForward:
    return walk_forward(portfolio, "tuned", STARTS)


def test_every_fold_saw_the_days_before_it_and_none_of_its_own(learned: WalkForward, tuned: WalkForward) -> None:
    sessions = learned.played.market.dates
    for walk in (learned, tuned):
        folds = walk.folds()
        for start, seen in zip(folds["start"], folds["seen"], strict=True):
            assert seen == sessions[sessions < start][-1]


def test_every_seed_and_setting_tried_is_recorded(learned: WalkForward, tuned: WalkForward) -> None:
    assert learned.trials == len(learned.tried()) == 3 * (2 + 3)  # seeds, and schedules
    for _, rows in learned.tried().groupby("fold"):
        assert rows["trial"].tolist()[:2] == ["seed 1", "seed 2"]
        assert [word for text in rows["trial"][2:] for word in text.split(", ")[1:2]] == ["day", "week", "month"]
    assert tuned.trials == len(tuned.tried()) == sum(fitted.tuned.card.trials for fitted in tuned.fits)  # type: ignore[union-attr]
    for fold, rows in tuned.tried().groupby("fold"):
        assert rows["loss_training"].min() == tuned.folds()["loss_training"][fold]


def test_a_learned_policy_is_warned_of_in_its_own_fold(learned: WalkForward, tuned: WalkForward) -> None:
    """As if the second had learned from all days up to the end of 2018, a year of its fold."""
    assert not any("out of sample" in warning for warning in learned.warnings)
    assert tuned.warnings == ()
    second = learned.fits[1].policy
    assert isinstance(second, LearnedPolicy)
    sly = replace(second, card={**second.card, "saw": {**second.card["saw"], "last": "2018-12-31"}})
    fits = (learned.fits[0], replace(learned.fits[1], policy=sly), learned.fits[2])
    [said] = [w for w in replace(learned, fits=fits).warnings if "out of sample" in w]
    days = learned.played.dates
    within = (days >= pd.Timestamp(STARTS[1])) & (days < pd.Timestamp(STARTS[2]))
    among = (days >= pd.Timestamp(STARTS[1])) & (days <= pd.Timestamp("2018-12-31"))
    assert said.startswith("rl, from 2018-01-02, was trained on")
    assert f"{among.sum()} of the test's {within.sum()} days are among them" in said


def test_a_policy_sees_the_ends_of_the_periods_of_its_own_fold(learned: WalkForward) -> None:
    policy, played = learned.fits[0].policy, learned.played
    assert isinstance(policy, LearnedPolicy)
    policy = replace(policy, schedule="week")
    rows = played.dates[1:].searchsorted(pd.DatetimeIndex(STARTS)).tolist()
    whole = observations(policy, played)
    parts = [observations(policy, played, slice(*ends)) for ends in zip(rows, [*rows[1:], None], strict=True)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert [len(part) for part in parts] == pytest.approx([104, 130, len(whole) - 234], abs=2)


def test_a_fold_is_the_policy_that_was_fitted_before_it(portfolio: Portfolio, tuned: WalkForward) -> None:
    """Up to the second start it is the plain comparison of a test that begins with the first, to the bit."""
    first = replace(portfolio, test_start=pd.Timestamp(STARTS[0]))
    alone = backtest_candidate(first, fit("tuned", first).policy, "alone")
    until = int(np.searchsorted(alone.dates, pd.Timestamp(STARTS[1])))
    assert until > 400
    np.testing.assert_array_equal(tuned.played.ledger.nav[:until], alone.ledger.nav[:until])


def test_the_folds_make_up_the_whole(learned: WalkForward) -> None:
    folds = learned.folds()
    assert folds["sessions"].sum() == len(learned.score.losses)
    assert np.average(folds["loss"], weights=folds["sessions"]) == pytest.approx(learned.score["loss"])
    assert "walk-forward: loss J" in repr(learned)


def test_what_comes_after_a_fold_changes_nothing_in_it(portfolio: Portfolio, learned: WalkForward) -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.03, portfolio.market.returns.shape)
    later = (portfolio.market.dates >= STARTS[1])[:, None] & portfolio.market.tradable
    other = replace(
        portfolio, market=replace(portfolio.market, returns=np.where(later, noise, portfolio.market.returns))
    )
    again = walk_forward(other, "rl", STARTS[:1], spec=spec_of(portfolio))
    until = int(np.searchsorted(learned.played.dates, pd.Timestamp(STARTS[1])))
    np.testing.assert_array_equal(again.played.ledger.nav[:until], learned.played.ledger.nav[:until])


@pytest.mark.parametrize("starts", [(), ("2018-01-02", "2016-01-04"), ("2031-01-01",), ("2016-01-02", "2016-01-03")])
def test_starts_that_make_no_folds_are_refused(portfolio: Portfolio, starts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="first days of folds, in order, up to 2022-12-29"):
        walk_forward(portfolio, "tuned", starts)


def test_what_is_no_portfolio_and_no_list_of_days_is_refused(portfolio: Portfolio) -> None:
    with pytest.raises(ConfigError, match="portfolio is 'global': give one, as load_portfolio"):
        walk_forward("global", "tuned", STARTS)  # type: ignore[arg-type]
    for starts in ("2015-01-02", None, 2015):
        with pytest.raises(ConfigError, match=r"starts are .*: give a list of first days"):
            walk_forward(portfolio, "tuned", starts)  # type: ignore[arg-type]


def test_a_candidate_that_is_none_is_refused(portfolio: Portfolio) -> None:
    with pytest.raises(ConfigError, match="spec is 'rl': give a rule, a TunedThreshold or Learned"):
        walk_forward(portfolio, "rl", STARTS, spec="rl")  # type: ignore[arg-type]


def test_a_succession_has_no_answer_before_its_first_start(portfolio: Portfolio, tuned: WalkForward) -> None:
    late = Succession(tuple(fitted.policy for fitted in tuned.fits)[1:], tuned.starts[1:])
    with pytest.raises(PolicyError, match="a walk-forward from 2018-01-02 on has no policy for 2016-01"):
        backtest_candidate(replace(portfolio, test_start=pd.Timestamp(STARTS[0])), late, "late")


# -- windows and embargoes ---------------------------------------------------------------------------------------------


def training_days(walk: WalkForward) -> list[tuple[pd.Timestamp, pd.Timestamp, int]]:
    cards = [fitted.tuned.card for fitted in walk.fits]  # type: ignore[union-attr]
    return [(card.first, card.seen, card.sessions) for card in cards]


@pytest.mark.parametrize(("expands", "embargo"), [(False, 0), (False, 10), (True, 0), (True, 10)])
def test_training_days_are_those_of_skfolio(portfolio: Portfolio, expands: bool, embargo: int) -> None:
    """Three folds of 250 sessions, each fitted on the last 500 sessions before its embargo, or on all of them."""
    from skfolio.model_selection import WalkForward as Splitter

    rows = len(portfolio.market.dates) - 1  # the first row earns nothing
    sessions = portfolio.market.dates[1:]
    splitter = Splitter(test_size=250, train_size=500, purged_size=embargo, expand_train=expands)
    folds = list(splitter.split(np.empty((rows, 1))))[-4:-1]
    starts = [sessions[test[0]] for _, test in folds]
    walk = walk_forward(portfolio, "tuned", starts, window=None if expands else 500, embargo=embargo)
    expected = [(sessions[seen[0]], sessions[seen[-1]], len(seen)) for seen, _ in folds]
    assert training_days(walk) == expected


def test_a_window_of_all_earlier_days_is_expanding(portfolio: Portfolio, tuned: WalkForward) -> None:
    whole = walk_forward(portfolio, "tuned", STARTS, window=len(portfolio.market.dates))
    pd.testing.assert_frame_equal(whole.folds(), tuned.folds(), check_exact=True)
    np.testing.assert_array_equal(whole.played.ledger.nav, tuned.played.ledger.nav)


def test_what_lies_before_a_window_changes_nothing(portfolio: Portfolio, learned: WalkForward) -> None:
    """Of a tuned rule and of a learned one, which would otherwise have learned from these days."""
    market, start = portfolio.market, STARTS[1:2]
    first = market.row(pd.Timestamp(start[0]) - pd.Timedelta(days=1)) - 750
    noise = np.random.default_rng(0).normal(0.0, 0.03, market.returns.shape)
    early = (np.arange(len(market.dates)) < first)[:, None] & market.tradable
    other = replace(portfolio, market=replace(market, returns=np.where(early, noise, market.returns)))
    for name, spec in (("tuned", None), ("rl", spec_of(portfolio))):
        one, two = (walk_forward(desk, name, start, window=750, spec=spec) for desk in (portfolio, other))
        assert one.tried().equals(two.tried())
        np.testing.assert_allclose(one.played.net_returns, two.played.net_returns, rtol=0.0, atol=1e-14)
    assert one.folds()["loss_training"][0] != learned.folds()["loss_training"][1]  # which saw all earlier days


def test_what_lies_in_an_embargo_changes_nothing_that_is_fitted(portfolio: Portfolio) -> None:
    market, start = portfolio.market, STARTS[:1]
    row = market.row(pd.Timestamp(start[0]) - pd.Timedelta(days=1))
    noise = np.random.default_rng(0).normal(0.0, 0.03, market.returns.shape)
    among = ((np.arange(len(market.dates)) > row - 21) & (np.arange(len(market.dates)) <= row))[:, None]
    other = replace(portfolio, market=replace(market, returns=np.where(among, noise, market.returns)))
    one, two = (walk_forward(desk, "tuned", start, embargo=21) for desk in (portfolio, other))
    assert one.fits[0].tuned.card.loss == two.fits[0].tuned.card.loss  # type: ignore[union-attr]
    assert one.folds()["seen"][0] == market.dates[row - 21]
    assert walk_forward(other, "tuned", start).fits[0].tuned.card.loss != one.fits[0].tuned.card.loss  # type: ignore[union-attr]


def test_a_window_of_an_allocation_lies_within_that_of_the_fold(portfolio: Portfolio) -> None:
    spec = TunedThreshold(HRP(window=252), bands=(0.01, 0.02), to=(0.0,))
    [(first, seen, sessions)] = training_days(walk_forward(portfolio, "hrp", STARTS[:1], window=600, spec=spec))
    dates = portfolio.market.dates
    assert seen == dates[dates < STARTS[0]][-1]
    assert sessions == 600 - 252
    assert first == dates[dates <= seen][-sessions]


def test_a_line_that_left_before_a_window_is_not_in_it(portfolio: Portfolio) -> None:
    """Gold is delisted in 2012: a window from 2013 on has an asset that is never listed, as before it was quoted."""
    from backtests.comparison.fitting.walk_forward import _from_row

    market = portfolio.market
    leaves, i = market.row("2012-06-01"), market.assets.index("GLD")
    gone = (np.arange(len(market.dates)) >= leaves)[:, None] & (np.arange(len(market.assets)) == i)
    table = market.instruments.copy()
    table.loc["GLD", ["delisted", "delisting_return"]] = [market.dates[leaves], 0.0]
    left = replace(
        market, instruments=table, returns=np.where(gone, 0.0, market.returns), tradable=market.tradable & ~gone,
        dividends=None,
    )  # fmt: skip
    cut: Market = _from_row(left, leaves + 200)
    assert not cut.listed[:, i].any()
    assert cut.exits.tolist() == [len(cut.dates)] * len(cut.assets)
    assert not left.listed[-1, i]
    assert left.listed[0, i]
    np.testing.assert_array_equal(cut.returns[1:], left.returns[leaves + 201 :])
    assert not cut.returns[0].any()


@pytest.mark.parametrize(("settings", "said"), [
    ({"window": 1}, "window is 1"),
    ({"window": 250.5}, "window is 250.5"),
    ({"embargo": -1}, "embargo is -1"),
    ({"embargo": 100_000}, "0 sessions are left before it with an embargo of"),
])  # fmt: skip
def test_windows_and_embargoes_that_leave_nothing_are_refused(
    portfolio: Portfolio, settings: dict[str, int], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        walk_forward(portfolio, "tuned", STARTS, **settings)


# -- decay -------------------------------------------------------------------------------------------------------------


def aging(walk: WalkForward, rise: float) -> WalkForward:
    """The same days, on which J less the reference's is `rise` bp a year for each month of age; fold 2 has 1 more."""
    days, losses = walk.played.dates[1:], np.empty(len(walk.score.losses))
    for k, (start, seen) in enumerate(zip(walk.starts, walk.folds()["seen"], strict=True)):
        age = np.asarray((days - seen).days) / (365.25 / 12)
        losses = np.where(days >= start, rise * np.floor(age) + (k == 2), losses)
    return replace(walk, score=replace(walk.score, losses=losses), reference_losses=np.zeros(len(losses)))


def test_the_decay_is_the_mean_over_folds_at_each_age(tuned: WalkForward) -> None:
    """Folds of 24, 30 and 30 months: in the first three months 0, 1 and 2, all three about as often."""
    table = aging(tuned, 1.0).decay()
    assert table["months"].tolist() == ["0–3", "3–6", "6–12", "12–24", "24 and more"]
    assert table["folds"].tolist() == [3, 3, 3, 3, 2]
    assert table["sessions"].sum() == len(tuned.score.losses)
    np.testing.assert_allclose(table["difference"][:4], np.array([1.0, 4.0, 8.5, 17.5]) + 1 / 3, atol=0.15)
    assert table[["lower", "upper"]].isna().any(axis=1).tolist() == [False] * 4 + [True]
    shown = repr(aging(tuned, 1.0))
    assert "not available" in shown
    assert "nan" not in shown.lower()
    days, ages = tuned.played.dates[1:], []
    for start, seen in zip(tuned.starts, tuned.folds()["seen"], strict=True):
        age = np.asarray((days - seen).days) / (365.25 / 12)
        young = aging(tuned, 1.0).score.losses[(days >= start) & (age < 3.0)]
        ages.append(young[: ((days >= start) & (age >= 0.0) & (age < 3.0)).sum()].mean())
    found = estimate(np.array(ages))
    assert table.loc[0, ["difference", "lower", "upper"]].tolist() == pytest.approx(
        [found.value, found.lower, found.upper]
    )


@pytest.fixture(scope="module")
def yearly(portfolio: Portfolio) -> WalkForward:
    return walk_forward(portfolio, "tuned", [f"{year}-01-02" for year in range(2016, 2022)])


def test_older_fits_are_played_through_the_same_days(portfolio: Portfolio, yearly: WalkForward) -> None:
    """One fold older: the first fold as it is, then each fold by the policy of the one before."""
    policies = [fitted.policy for fitted in yearly.fits]
    desk = replace(portfolio, test_start=yearly.starts[0])
    late = backtest_candidate(desk, Succession((policies[0], *policies[:-1]), yearly.starts), "late")
    more = score(late, benchmark_of(desk, desk.market)).losses - yearly.score.losses
    days = yearly.played.dates[1:]
    assert not more[days < yearly.starts[1]].any()
    by_year = [more[days.year == year].mean() for year in range(2017, 2021)]
    by_year.append(more[days.year > 2020].mean())
    row, found = yearly.older.iloc[0], estimate(np.array(by_year))
    assert row[["older", "folds"]].tolist() == [1, 5]
    assert row[["difference", "lower", "upper"]].tolist() == pytest.approx([found.value, found.lower, found.upper])
    assert yearly.older["folds"].tolist() == [5, 4, 3]
    assert yearly.older["months"].tolist() == pytest.approx([19.2, 31.5, 44.1], abs=1.5)


def test_a_sentence_says_whether_the_fit_decays(yearly: WalkForward, tuned: WalkForward, portfolio: Portfolio) -> None:
    def said(change: float, half: float) -> str:
        told = replace(yearly)
        bounds = {"difference": change, "lower": change - half, "upper": change + half}
        told.__dict__["older"] = yearly.older.assign(**bounds)
        return told.decay_sentence

    assert said(1.0, 0.5).startswith("The fit decays: on the same days J of fits that are one fold older, 19 months ")
    assert "differs by +1.00 [+0.50, +1.50] bp a year from that of the newest, in the mean of 5 folds." in said(
        1.0, 0.5
    )
    assert said(-1.0, 0.5).startswith("The fit does not decay, older ones are better: ")
    assert said(1.0, 1.5).startswith("No decay can be told: ")
    assert said(0.0, 0.0) == "Fits that are one fold older decide the same: no decay."
    assert tuned.decay_sentence == "Too few folds to tell whether the fit decays: 4 at least are needed."
    given = walk_forward(portfolio, "quarterly", STARTS)
    assert given.decay_sentence == "quarterly was not fitted, so there is no decay."
    assert "folds older" in repr(yearly)


def test_a_policy_that_saw_its_own_start_is_refused(tuned: WalkForward) -> None:
    policies = tuple(fitted.policy for fitted in tuned.fits)
    with pytest.raises(PolicyError, match="decides from 2016-01-04 on saw data up to 2017-12-29"):
        Succession(policies[1:], tuned.starts[:2])


def test_the_reference_goes_through_the_same_days(portfolio: Portfolio, tuned: WalkForward) -> None:
    desk = replace(portfolio, test_start=pd.Timestamp(STARTS[0]))
    quarterly = backtest_candidate(desk, portfolio.policies["quarterly"], "quarterly")
    walked = walk_forward(portfolio, "quarterly", STARTS)
    np.testing.assert_array_equal(walked.played.net_returns, quarterly.net_returns)
    np.testing.assert_array_equal(walked.score.losses, tuned.reference_losses)
    assert walked.reference == ""
    assert not walked.reference_losses.any()
    assert walk_forward(portfolio, "quarterly", STARTS, spec=Calendar(portfolio.strategic, "year")).reference != ""
