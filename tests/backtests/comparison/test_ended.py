"""A policy that ends takes no report with it: the others are judged as if it had not been there."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.comparison import compare
from research.accounting import Hold, View, Why
from research.allocation import FixedWeights, FunctionAllocation
from research.portfolio import Portfolio, load_portfolio
from research.rules import Calendar, RuleTraits

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "sixty_forty.yaml"

pytestmark = pytest.mark.usefixtures("few_simulated_tests")


@dataclass(frozen=True)
class Raises(RuleTraits):
    """Holds, and raises on one day."""

    allocation: FixedWeights
    day: str

    def decide(self, view: View) -> Hold:
        if view.past.days[-1] == np.datetime64(self.day):
            raise KeyError("no such thing")
        return Hold(Why("own"))


def desk(**more: object) -> Portfolio:
    found = load_portfolio(FILE)
    return replace(found, policies={**found.policies, **more})


@pytest.mark.parametrize("row", np.random.default_rng(5).integers(2_100, 3_800, 3).tolist())
def test_the_others_are_judged_as_without_the_one_that_raises_on_a_drawn_day(row: int) -> None:
    portfolio = load_portfolio(FILE)
    day = str(portfolio.market.days[row])
    found, alone = compare(desk(mine=Raises(portfolio.strategic, day)), draws=100), compare(portfolio, draws=100)
    assert list(found.scores) == list(alone.scores)
    assert found.recommendation == alone.recommendation
    assert list(found.ended) == ["mine"]
    said = found.warnings[0]
    assert said.startswith("mine ended, and is in no figure: KeyError: 'no such thing' (")
    assert "test_ended.py, line 30" in said
    assert f"policy 'mine' failed on {day}" in said


def test_what_is_done_now_and_the_reference_may_end_too_and_where_all_do_there_is_no_report() -> None:
    portfolio = desk()
    ends = Raises(portfolio.strategic, str(portfolio.market.days[-5]))
    now = replace(portfolio, policies={**portfolio.policies, portfolio.reference: ends, "threshold": ends})
    found = compare(replace(now, policy="threshold"), draws=100)
    assert set(found.ended) == {portfolio.reference, "threshold"}
    assert found.reference not in found.ended
    assert found.recommendation.now is None
    assert found.verdict.do.startswith("Use ")
    with pytest.raises(KeyError, match="no such thing"):
        compare(replace(now, policy="threshold"), only=["threshold"], reference="threshold", draws=100)


def test_a_target_that_is_often_held_for_want_of_a_solution_is_warned_of_first() -> None:
    def sometimes(returns: pd.DataFrame) -> pd.Series:
        if returns.index[-1].month in (3, 9):
            raise ValueError("no weights in March and September")
        inverse = 1.0 / returns.std()
        return inverse / inverse.sum()

    found = compare(desk(mine=Calendar(FunctionAllocation(sometimes), "month")), draws=100)
    held_on = [one for one in found.backtests["mine"].targets.answers if one.fallback]
    of = found.backtests["mine"].targets.held(found.backtests["mine"].first)
    assert of[0] == len(held_on) == pytest.approx(of[1] / 6.0, abs=1.0)
    assert found.warnings[0].startswith(f"mine found no weights in {of[0]} of {of[1]} refits")
