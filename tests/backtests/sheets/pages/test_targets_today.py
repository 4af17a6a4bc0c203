"""Targets in force as text and as HTML: a sentence of use, tables, and reasons in words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.inference.estimates import NotAvailable
from backtests.inference.evidence import Difference
from backtests.sheets.pages.targets_today import reasons, use_words
from backtests.today.targets_today import AgainstControls, TargetsToday, TargetToday, target_today, targets_today
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


def test_a_notebook_shows_the_same_as_the_page(found: TargetsToday) -> None:
    html = judged(found, AGAINST)._repr_html_()
    for target in ("Strategic target, held by never", "HRP of 252 days, held by hrp_monthly and hrp_threshold"):
        assert f'<p class="caption">{target}' in html
    assert "Clusters of the tree of 2022-11-30, left to right: " in html
    assert html.index("Hold your strategic target: none of the controls") < html.index("<picture")


def against(**verdicts: str) -> AgainstControls:
    differences = {
        name.replace("_", " "): Difference(0.1, -0.2, 0.4, 0.95, p=0.5, p_holm=0.5, verdict=word)  # type: ignore[arg-type]
        for name, word in verdicts.items()
    }
    return AgainstControls(pd.Timestamp("2015-01-02"), pd.Timestamp("2022-12-29"), differences)


AGAINST = against(equal="not significant", risk_parity="worse")


def judged(found: TargetsToday, result: AgainstControls | NotAvailable, **changed: object) -> TargetsToday:
    """The targets with a result of the comparison, which then is not made."""
    copy = replace(found, **changed)  # type: ignore[arg-type]
    vars(copy)["against_controls"] = result
    return copy


def test_the_sentence_follows_from_the_verdicts_of_the_comparison(found: TargetsToday) -> None:
    hrp = [target for target in found.targets if "hrp_monthly" in target.policies]
    trade = "; trade 5.0\u202f% of NAV to reach it."
    for result, said in {
        AGAINST: "Hold your strategic target: none of the controls is clearly better",
        against(a="better", b="worse"): "Reconsider your strategic target: a is clearly better, before costs",
        against(a="better", b="better"): "Reconsider your strategic target: a and b are clearly better, before costs",
        NotAvailable("x"): "Whether your strategic target is better than simple targets is not known",
    }.items():
        assert use_words(judged(found, result)) == f"{said}{trade}"
    for result, said in {
        AGAINST: "Nothing shows that HRP of 252 days is better than equal",
        against(a="worse", b="worse"): "Hold HRP of 252 days: it is clearly better than a and b, before costs",
        against(a="better", b="worse"): "Reconsider HRP of 252 days: a is clearly better, before costs",
    }.items():
        words = use_words(judged(found, result, targets=tuple(hrp)))
        assert words == f"{said}; trade 46.8\u202f% of NAV to reach it."
    before = judged(found, AGAINST, date=pd.Timestamp("2022-12-28"))  # holdings are those of another day
    assert use_words(before) == "Hold your strategic target: none of the controls is clearly better."


def test_what_binds_is_named_with_its_price_in_words(found: TargetsToday) -> None:
    target = bounded(found)
    price = next(one.price for one in target.answer.binding if one.limit == "AGG is at most 40.00% of NAV")
    said = " ".join(reasons(target))
    assert "Computed from data up to 2022-11-30; computed anew at the end of each month." in said
    assert f"Solved to optimality by active sets: volatility a year {target.answer.value:.4g}." in said
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
