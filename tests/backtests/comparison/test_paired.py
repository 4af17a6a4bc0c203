"""Backtests that were made by hand: compared as those of a portfolio file are, and refused where they are unlike."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from backtests.comparison import PairedBacktests, compare
from backtests.comparison.paired import why_not_limited
from backtests.engine import Backtest, backtest
from foundation.errors import ConfigError
from research.accounting import Costs, Hold, Tax, Trade, View
from research.allocation import FixedWeights
from research.market import Market, load_market
from research.portfolio import load_portfolio
from research.rules import Calendar, Never, Rule, RuleTraits, Threshold

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "sixty_forty.yaml"
HALVES = FixedWeights((0.5, 0.5))
FIRST = ("growth", "volatility", "cost")  # what backtests of several targets are compared by


def play(market: Market, rule: Rule, **settings: object) -> Backtest:
    given = {"start": "2016-01-04"} | settings
    return backtest(market, rule, Costs.bps(2, commission=1, half_spread=1), **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def paired(market: Market) -> PairedBacktests:
    rules = {
        "monthly": Calendar(HALVES, "month"),
        "band": Threshold(HALVES, band=0.03, to="edge"),
        "tilted": Calendar(FixedWeights((0.8, 0.2)), "month"),
    }
    return compare({name: play(market, rule) for name, rule in rules.items()}, draws=500)


def test_backtests_of_a_portfolio_have_the_evidence_of_its_comparison_to_the_bit() -> None:
    whole = compare(load_portfolio(FILE), only=["never", "yearly", "quarterly"], draws=500)
    alone = compare(whole.backtests, reference="quarterly", draws=500)
    assert alone.evidence.summary().equals(whole.evidence.summary())
    kept = [figure for figure in whole.table().index if figure != "days_outside"]
    assert alone.table().loc[kept].equals(whole.table().loc[kept])
    assert alone.accounting == whole.accounting


def test_the_answer_on_a_pair_is_what_its_portfolio_expects_without_work() -> None:
    """The gain, its ends and the margin of 1 bp are those of a portfolio in which a day and an order cost nothing."""
    whole = compare(load_portfolio(FILE, {"policy": "quarterly", "day_cost": 0.0}), only=["quarterly", "threshold"])
    gain = whole.recommendation.candidates["threshold"].gain.times(1e4 / whole.portfolio.nav)
    said = compare(whole.backtests, reference="quarterly", draws=100).answer()
    assert f"threshold is expected to lose {gain.value:.2f} bp a year less than quarterly" in said
    ends = [float(each.replace("−", "-")) for each in re.findall(r"it gains (\S+) to (\S+?)\)", said)[0]]
    assert ends == pytest.approx([gain.lower, gain.upper], abs=0.02)
    assert ("more than" if gain.value > 1.0 else "no other gains") in said


def test_refunds_of_tax_are_negative_costs_even_where_they_exceed_all_others() -> None:
    falling = load_market("multi_asset_daily").select(["SPY", "AGG"]).until("2009-06-30")
    taxed = replace(Costs.bps(2, commission=1), tax=Tax(0.20, "tax_minimal", short_rate=0.37, loss_limit=30_000))
    rules = {"monthly": Calendar(HALVES, "month"), "band": Threshold(HALVES, band=0.02)}
    found = compare(
        {name: backtest(falling, rule, taxed, start="2008-01-31", nav=1e6) for name, rule in rules.items()}, draws=100
    )
    band = found.backtests["band"]
    assert band.cost_rate.min() < 0.0
    refunded = float((band.cost_rates["tax"] + band.cost_rates["commission"]) * 1e4 * 252 / len(band.net_returns))
    assert found.scores["band"]["cost"] == pytest.approx(refunded, rel=0.02)  # years of days, years of the calendar
    assert refunded < -50.0
    j = found.evidence.figures("loss")["band"]
    assert j.lower < j.value < 0.0 < j.upper
    assert found.evidence.differences("loss")["band"].value == pytest.approx(
        found.scores["band"]["loss"] - found.scores["monthly"]["loss"]
    )
    assert found.evidence.long_run.figures["band"] == j


def test_j_is_measured_by_the_target_of_the_reference(paired: PairedBacktests) -> None:
    # a mix of other weights moves away from the target by the difference of weights times that of returns
    market, first = paired.backtests["monthly"].market, paired.backtests["monthly"].first
    spread = 0.3 * (market.returns[first + 1 :, 0] - market.returns[first + 1 :, 1])
    assert paired.scores["tilted"]["tracking_error"] == pytest.approx(np.std(spread, ddof=1) * 252**0.5, rel=0.03)
    by_other = compare(paired.backtests, reference="tilted", draws=500)
    assert by_other.scores["tilted"]["tracking_error"] == pytest.approx(by_other.scores["tilted"]["tracking_error_own"])


def test_the_penalty_is_that_of_j(paired: PairedBacktests) -> None:
    for name, score in compare(paired.backtests, tracking_penalty=0.0, draws=500).scores.items():
        daily = paired.backtests[name].cost_rate
        assert score["loss"] == pytest.approx(1e4 * 252 * float(np.mean(daily)), rel=1e-12)


def test_another_target_other_terms_and_a_short_test_are_warned_of(market: Market, paired: PairedBacktests) -> None:
    said, gap = paired.sentences, paired.evidence.differences("growth")["tilted"]
    growth, risk, cost = ([paired.scores[name][key] for name in ("tilted", "monthly")] for key in FIRST)
    assert said[1] == (
        f"tilted and monthly: CAGR {100 * growth[0]:.2f} % a year against {100 * growth[1]:.2f} % a year "
        f"(95 % interval of the difference: {gap.times(100.0).interval()}), "
        f"volatility {100 * risk[0]:.2f} % a year against {100 * risk[1]:.2f} % a year, "
        f"cost {cost[0]:.2f} bp a year against {cost[1]:.2f} bp a year."
    )
    assert "is expected to lose" in said[0]  # of the band, which follows the same target
    assert said[2] == (
        "tilted follows another target than monthly: loss J and tracking error measure the distance of the targets, "
        "not the rule."
    )
    text = repr(paired)
    assert text.index("tilted and monthly: CAGR") < text.index("loss J   ")
    assert text.index("difference in CAGR") < text.index("difference in Sharpe") < text.index("difference in loss J")
    late = play(market, Calendar(HALVES, "month"), lag=3, nav=1e6, name="late")
    found = compare([paired.backtests["monthly"], late], draws=500)
    assert "late and Calendar differ in more than the policy: lag and opening NAV." in found.warnings
    year = [play(market, rule, start="2022-01-03") for rule in (Never(HALVES), Calendar(HALVES, "month"))]
    assert any("less than three years" in w for w in compare(year, draws=500).warnings)


def test_it_shows_itself_without_a_recommendation(paired: PairedBacktests) -> None:
    text, page = repr(paired), paired._repr_html_()
    assert "3 backtests from 2016-01-04" in text
    assert text.count("difference in ") == 3
    assert " ".join(paired.answer().split()) in " ".join(text.split())
    for shown in (text, page):
        assert "Use " not in shown
        assert "Eligibility" not in shown
        assert "Days outside ranges" not in shown


def test_draws_that_can_find_nothing_are_warned_of(paired: PairedBacktests) -> None:
    many = {f"copy {k}": paired.backtests["band"] for k in range(6)} | dict(paired.backtests)
    assert any(
        "100 draws are too few for 8 differences: no adjusted p can be 5 % or less. Take 160 draws" in warning
        for warning in compare(many, reference="monthly", draws=100).warnings
    )


def test_backtests_of_one_name_need_names(market: Market) -> None:
    two = [play(market, Threshold(HALVES, band=band)) for band in (0.02, 0.05)]
    with pytest.raises(ConfigError, match=r"two backtests have the name 'Threshold'.*name=…"):
        compare(two)
    assert list(compare(dict(zip(("2 points", "5 points"), two, strict=True)), draws=500).scores) == [
        "2 points",
        "5 points",
    ]


def test_unlike_backtests_are_refused(market: Market, paired: PairedBacktests) -> None:
    monthly, rule = paired.backtests["monthly"], Never(HALVES)
    other_lines, returns = load_market("us_etf_ohlcv").select(["SPY", "GLD"]), market.returns.copy()
    returns[-1, 0] += 1e-6
    unlike = {
        r"different markets: their assets differ \(AGG and GLD\)": play(other_lines, rule),
        r"different markets: their dates are .* to 2023-02-27 and .* to 2022-12-30": play(
            market.until("2022-12-30"), rule
        ),
        "different markets: their data have the fingerprints": play(replace(market, returns=returns), rule),
        r'tests begin on 2016-01-04 and 2017-01-03.*start="2017-01-03"': play(market, rule, start="2017-01-03"),
        "periods_per_year, 252 and 250": play(market, rule, periods_per_year=250.0),
    }
    for said, played in unlike.items():
        with pytest.raises(ConfigError, match=said):
            compare([monthly, played])


def test_what_cannot_be_compared_is_refused(paired: PairedBacktests) -> None:
    one = paired.backtests["monthly"]
    with pytest.raises(ConfigError, match="two backtests at least: found 1"):
        compare([one])
    with pytest.raises(ConfigError, match=r"the name of a backtest is 0\.02: give text"):
        compare({0.02: one, "": one})  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="compared is one backtest: give a portfolio"):
        compare(one)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="draws of a bootstrap is '500': give a whole number"):
        compare(paired.backtests, draws="500")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="'number 2' is 3: give what `backtest"):
        compare([one, 3])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="compared is a str: give a portfolio"):
        compare("sixty_forty.yaml")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="reference is 'quarterly': name one of the backtests: monthly, band, tilted"):
        compare(paired.backtests, reference="quarterly")
    with pytest.raises(ConfigError, match="only and rl_seeds: only a portfolio's candidates are fitted"):
        compare(paired.backtests, only=[], rl_seeds=2)  # type: ignore[call-overload]
    for wrong in (-1.0, float("nan"), "x"):
        with pytest.raises(ConfigError, match=r"tracking_penalty is .*: give the price of tracking error"):
            compare(paired.backtests, tracking_penalty=wrong)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match=r"tracking_penalty is 2\.0: set tracking_penalty in"):
        compare(load_portfolio(FILE), tracking_penalty=2.0)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Claimed(RuleTraits):
    """Asks a shipped rule, and says of itself that it limits drift."""

    rule: Rule
    limits_drift: ClassVar[bool] = True  # type: ignore[misc]

    @property
    def allocation(self) -> FixedWeights:
        return HALVES

    def decide(self, view: View) -> Hold | Trade:
        return self.rule.decide(view)


def test_what_a_rule_of_your_own_says_of_its_drift_is_measured(market: Market) -> None:
    """A quarter's drift is often further than that before half of the trades, for longer than a week; a band's not."""
    calendar, band = (play(market, Claimed(rule)) for rule in (Calendar(HALVES, "quarter"), Threshold(HALVES, 0.01)))
    assert re.fullmatch(
        r"it was further off its target than before half of its trades for \d\d rows without a trade",
        why_not_limited(calendar),
    )
    assert why_not_limited(band) == ""
