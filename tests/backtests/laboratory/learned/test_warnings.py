"""A learned policy in use: what it saw, and what is said where that was seen before or is unlike its training."""

import re
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pytest
from learned import COSTS, TARGET, YEAR, carded, two_lines

from backtests.engine import Backtest, backtest
from backtests.laboratory.learned.warnings import drift_in, observations, use_warnings
from foundation.errors import PolicyError
from research.accounting import Costs, Hold, Trade, View
from research.learning import LearnedPolicy, Universal
from research.market import Market
from research.market.calendars import last_of

SESSIONS, SEEN = 3_000, 1_500


@pytest.fixture(scope="module")
def market() -> Market:
    return two_lines(SESSIONS, seed=1)


@pytest.fixture(scope="module")
def policy(market: Market) -> LearnedPolicy:
    return carded(market.until(market.dates[SEEN]))


def played(market: Market, policy: LearnedPolicy, start: int = SEEN + 1) -> Backtest:
    return backtest(market, policy, COSTS, start=market.dates[start], periods_per_year=YEAR, name="rl")


@dataclass(frozen=True, eq=False)
class Watched(LearnedPolicy):
    """It keeps what it sees."""

    kept: list[np.ndarray] = field(default_factory=list)

    def decide(self, view: View) -> Hold | Trade:
        if last_of(view.past.days[-1:], self.schedule, view.past.calendar)[0]:
            self.kept.append(self.features(view))
        return super().decide(view)


def test_what_it_saw_is_found_again_in_the_record(market: Market, policy: LearnedPolicy) -> None:
    watched = Watched(**{f.name: getattr(policy, f.name) for f in fields(policy)})
    found = observations(watched, played(market, watched))
    assert len(found) == pytest.approx((SESSIONS - SEEN) / 5, abs=1)
    np.testing.assert_allclose(found, watched.kept[: len(found)], rtol=1e-9, atol=1e-12)


def test_a_market_like_its_training_is_passed_over_in_silence(market: Market, policy: LearnedPolicy) -> None:
    found = played(market, policy)
    assert (len(drift_in(found)), found.warnings) == (9, ())
    assert "Warning" not in repr(found)


def test_a_market_unlike_its_training_is_named_with_the_features_that_tell(
    market: Market, policy: LearnedPolicy
) -> None:
    """Twice the volatility after the training, and not a bit else before."""
    returns = np.array(market.returns)
    returns[SEEN + 1 :] *= 2.0
    found = played(replace(market, returns=returns), policy)
    (warned,) = found.warnings
    assert warned.startswith("Features of rl drifted from their training distribution")
    assert "volatility regime (" in warned
    assert warned in " ".join(repr(found).split())


def test_days_that_it_saw_are_refused(market: Market, policy: LearnedPolicy) -> None:
    with pytest.raises(PolicyError, match="knows what comes after"):
        played(market, policy, SEEN)


def test_days_that_only_its_card_saw_are_told(market: Market, policy: LearnedPolicy) -> None:
    (warned,) = played(market, replace(policy, seen=market.dates[SEEN - 100]), SEEN - 9).warnings
    assert warned == (
        "rl was trained on the days 1901-01-04 to 1906-10-05; 10 of the test's 1,509 days are among them: its results "
        "are not all out of sample."
    )


def test_revised_data_are_told(market: Market, policy: LearnedPolicy) -> None:
    returns = np.array(market.returns)
    returns[7, 0] += 1e-6
    revised = replace(market, returns=returns)
    (warned,) = played(revised, policy).warnings
    assert policy.card["saw"]["fingerprint"][:8] in warned
    assert revised.until(policy.seen).fingerprint[:8] in warned


def test_a_market_that_begins_on_another_day_cannot_be_told_from_the_one_that_it_saw(policy: LearnedPolicy) -> None:
    moved = replace(policy, card={**policy.card, "saw": policy.card["saw"] | {"first": "1900-01-01"}})
    assert played(two_lines(SESSIONS, seed=3), moved).warnings == ()


def test_the_universal_rebalancer_says_where_it_was_never_trained(market: Market) -> None:
    """At a thousand times the price of tracking boxes are ten times narrower, and gaps drift through them in a week."""
    usual, dear = (
        backtest(
            market, Universal(TARGET, tracking_penalty=tracking_penalty, schedule="week"), COSTS,
            start=market.dates[2_500], name="universal",
        )
        for tracking_penalty in (5.0, 5e3)
    )  # fmt: skip
    assert usual.warnings == ()
    [said] = dear.warnings
    assert re.match(
        r"Portfolios of universal are outside the range of its training: drift between decisions over half width "
        r"2\.\d+ to [\d.]+ \(training: 0\.05 to 2\), outside at 100 of 100 decisions\.",
        said,
    )


def test_costs_and_a_lag_that_it_did_not_learn_with_are_said() -> None:
    """It learned at 10 bp a side, booked a session later; half and twice of that are no other costs."""
    market = two_lines(900, seed=1)
    policy = carded(market.until(market.dates[600]))

    def said(bps: float, lag: int = 1, policy: LearnedPolicy = policy, year: float = YEAR) -> list[str]:
        costs, first = Costs.bps(2, commission=bps), market.dates[601]
        one = backtest(market, policy, costs, start=first, lag=lag, periods_per_year=year, name="rl")
        return [words for words in use_warnings(one) if "was trained with" in words]

    assert said(10.0) == said(5.0) == said(20.0) == []
    (other_year,) = said(10.0, year=240.0)
    assert other_year.startswith(f"rl was trained with {YEAR:g} periods a year (test: 240): its decisions fit")
    varied = replace(policy, card={**policy.card, "settings": {"variation": {"cost": 25.0}}})
    assert said(200.0, policy=varied) == []  # it met as much where costs were varied
    assert said(200.0) == [
        "rl was trained with mean costs of 10 bp a side (test: 200): its decisions fit the training, not the test."
    ]
    assert said(10.0, lag=0) == [
        "rl was trained with a lag of 1 session (test: no sessions): its decisions fit the training, not the test."
    ]
