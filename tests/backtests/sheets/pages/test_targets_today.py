"""Targets in force as text and as HTML: tables, and reasons in words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backtests.sheets.pages.targets_today import reasons
from backtests.today.targets_today import TargetsToday, TargetToday, target_today, targets_today
from research.allocation import HRP, Answer, Binding, ConstantExposure, MeanVariance
from research.portfolio import load_portfolio

FILE = Path(__file__).parents[4] / "data" / "portfolios" / "global_multi_asset.yaml"


@pytest.fixture(scope="module")
def found() -> TargetsToday:
    return targets_today(load_portfolio(FILE))


def bounded(found: TargetsToday) -> TargetToday:
    return target_today(MeanVariance(upper={"AGG": 0.4}), found.portfolio.market)


def with_answer(found: TargetsToday, **changed: object) -> TargetToday:
    target = bounded(found)
    answer = Answer(target.weights, target.answer.seen, **changed)  # type: ignore[arg-type]
    return replace(target, answer=answer)


def test_text_has_a_table_for_each_allocation_with_controls_beside_it(found: TargetsToday) -> None:
    text = repr(found)
    assert text.startswith(
        "What Global multi-asset should hold at the close of 2022-12-29\n\nStrategic target, held by"
    )
    assert "\n\nHRP of 252 days, held by hrp_monthly and hrp_threshold\n\n" in text
    heads = [line for line in text.splitlines() if line.startswith("asset ")]
    assert [head.split()[:5] for head in heads] == [
        ["asset", "held", "target", "risk", "1/N"],
        ["asset", "held", "strategic", "target", "risk"],
    ]
    assert all(head.endswith("1/N  minimum variance  risk parity") for head in heads)
    assert max(map(len, text.splitlines())) <= 110


def test_numbers_are_those_of_the_record(found: TargetsToday) -> None:
    section = repr(found).partition("HRP of 252 days")[2]
    hrp = found.of("hrp_monthly")
    assert hrp.risk is not None
    [agg] = [line.split() for line in section.splitlines() if line.startswith("AGG")]
    place = found.portfolio.market.assets.index("AGG")
    assert agg[3:5] == [f"{100 * hrp.weights[place]:.1f}", f"{100 * hrp.risk.share[place]:.1f}"]
    [bets] = [line.split() for line in section.splitlines() if line.startswith("torsion bets")]
    assert bets[4] == f"{hrp.risk.bets:.1f}"


def test_clusters_of_what_an_allocation_scales_are_said_with_its_name(found: TargetsToday) -> None:
    hrp = HRP(window=252)
    said = [
        one for one in reasons(target_today(ConstantExposure(hrp, 0.5), found.portfolio.market)) if "Clusters" in one
    ]
    [alone] = [one for one in reasons(target_today(hrp, found.portfolio.market)) if "Clusters" in one]
    assert said == [alone.replace("Clusters of the tree", "Clusters of HRP of 252 days, by its tree")]


def test_html_says_the_same(found: TargetsToday) -> None:
    html = found._repr_html_()
    assert html.count('<table class="targets">') == 2
    assert "Clusters of the tree of 2022-11-30, left to right: " in html
    assert "minimum torsion bets" in html


def test_what_binds_is_named_with_its_price_in_words(found: TargetsToday) -> None:
    target = bounded(found)
    price = next(one.price for one in target.answer.binding if one.limit == "AGG is at most 40.00% of NAV")
    said = " ".join(reasons(target))
    assert "Computed from data up to 2022-11-30; computed anew at the end of each month." in said
    assert f"Solved to optimality by Clarabel: volatility a year {target.answer.value:.4g}." in said
    words = f"(one point of NAV more of room takes {100 * price:.3g} bp off the volatility a year)"
    assert f"AGG is at most 40.00% of NAV, price {price:.3g} {words}" in said


def test_what_stands_in_and_what_was_repaired_is_said(found: TargetsToday) -> None:
    failed = reasons(with_answer(found, status="failed", fallback="previous weights", why="the bounds exclude all"))
    assert "No solution: the previous weights stand in, since the bounds exclude all." in failed
    noted = reasons(with_answer(found, notes=("a covariance was repaired",)))
    assert "A covariance was repaired." in noted


def test_only_the_dearest_of_many_limits_are_named(found: TargetsToday) -> None:
    limits = tuple(Binding(f"limit {k}", float(k)) for k in range(1, 10))
    [said] = [one for one in reasons(with_answer(found, objective="utility", binding=limits)) if "limit 9" in one]
    assert "limit 4, price 4 (one point of room improves the utility by 0.04)" in said
    assert "limit 3," not in said
    assert said.endswith("; and 3 limits more.")


def test_shares_of_risk_that_are_not_known_are_left_blank(found: TargetsToday) -> None:
    early = targets_today(found.portfolio, f"{found.portfolio.market.dates[100]:%Y-%m-%d}", ["monthly"])
    text = repr(early)
    assert "Shares of risk are not known: no asset has 252 returns" in " ".join(text.split())
    assert "nan" not in text
    assert np.isnan(early.table(early.targets[0])["risk"]).all()
