"""Targets in force as text and as HTML: a sentence of use, tables, and reasons in words."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from backtests.inference.estimates import NotAvailable
from backtests.inference.evidence import Difference
from backtests.sheets.pages.targets_today import _terms, reasons, target_use_words, targets_brief, targets_sheet
from backtests.sheets.pictures.today import target_weights_picture
from backtests.sheets.tilts import tilt_columns, tilt_words
from backtests.today.targets_today import AgainstControls, TargetsToday, TargetToday, target_today, targets_today
from research.allocation import HRP, Answer, Binding, ConstantExposure, FixedWeights, MeanVariance, Tilt
from research.portfolio import load_portfolio
from research.rules import Never

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
    assert "\n\nHRP of 252 returns, held by hrp_monthly and hrp_threshold\n\n" in text
    heads = [line for line in text.splitlines() if line.startswith("asset ")]
    assert [head.split()[:5] for head in heads] == [
        ["asset", "held", "target", "risk", "1/N"],
        ["asset", "held", "strategic", "target", "risk"],
    ]
    assert all(head.endswith("1/N  minimum variance  risk parity") for head in heads)
    assert max(map(len, text.splitlines())) <= 110


def test_numbers_are_those_of_the_record(found: TargetsToday) -> None:
    section, hrp = repr(found).partition("HRP of 252 returns, held")[2], found.of("hrp_monthly")
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
    assert said == [alone.replace("Clusters of the tree", "Clusters of HRP of 252 returns, by its tree")]


def test_a_notebook_shows_the_same_as_the_page(found: TargetsToday) -> None:
    html = judged(found, AGAINST)._repr_html_()
    for target in ("Strategic target, held by never", "HRP of 252 returns, held by hrp_monthly and hrp_threshold"):
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
    decides = "of NAV: `rebalance trades` decides."
    trade = f"; reaching your strategic target would trade 5.0 % {decides}"
    for result, said in {
        AGAINST: "Hold your strategic target: none of the controls is clearly better",
        against(a="better", b="worse"): "Reconsider your strategic target: a is clearly better, before costs",
        against(a="better", b="better"): "Reconsider your strategic target: a and b are clearly better, before costs",
        NotAvailable("x"): "Whether your strategic target is better than simple targets is not known",
    }.items():
        assert target_use_words(judged(found, result)) == f"{said}{trade}"
    for result, said in {
        AGAINST: "Nothing shows that hrp_monthly is better than equal",
        against(a="worse", b="worse"): "Hold hrp_monthly: it is clearly better than a and b, before costs",
        against(a="better", b="worse"): "Reconsider hrp_monthly: a is clearly better, before costs",
    }.items():
        words = target_use_words(judged(found, result, targets=tuple(hrp)))
        assert words == f"{said}; reaching the target of hrp_monthly would trade 46.8 % {decides}"
    before = judged(found, AGAINST, date=pd.Timestamp("2022-12-28"))  # holdings are those of another day
    assert target_use_words(before) == "Hold your strategic target: none of the controls is clearly better."


def test_what_binds_is_named_with_its_price_in_words(found: TargetsToday) -> None:
    target = bounded(found)
    price = next(one.price for one in target.answer.binding if one.limit == "AGG is at most 40.00 % of NAV")
    said = " ".join(reasons(target))
    assert "Computed from data up to 2022-11-30; computed anew at the end of each month." in said
    assert f"Solved to optimality by active sets: volatility a year {target.answer.value:.4g}." in said
    words = f"(one point of NAV more of room takes {100 * price:.3g} bp off the volatility a year)"
    assert f"AGG is at most 40.00 % of NAV, price {price:.3g} {words}" in said


def test_what_stands_in_and_what_was_repaired_is_said(found: TargetsToday) -> None:
    failed = reasons(with_answer(found, status="failed", fallback="previous weights", why="the bounds exclude all"))
    assert "No solution: the previous weights stand in, since the bounds exclude all." in failed
    assert "A covariance was repaired." in reasons(with_answer(found, notes=("a covariance was repaired",)))


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


def test_no_sentence_orders_a_trade(found: TargetsToday) -> None:
    """Nothing is shown, and nothing is known: what it would take is said, and who decides."""
    hrp = [target for target in found.targets if "hrp_monthly" in target.policies]
    for result in (AGAINST, NotAvailable("x"), against(a="better"), against(a="worse")):
        words = target_use_words(judged(found, result, targets=tuple(hrp)))
        assert "trade 46.8 % of NAV: `rebalance trades` decides" in words
        assert "reaching the target of hrp_monthly would" in words


def test_a_terminal_says_the_day_why_it_is_not_compared_and_why_these_weights(found: TargetsToday) -> None:
    said = "market 'x' is too short for risk parity of 60 returns"
    early = judged(found, NotAvailable(said), date=pd.Timestamp("2021-06-15"), targets=(bounded(found),))
    text = " ".join(targets_brief(early).split())
    assert f"Not compared: {said}" in text
    assert "Weights at the close of 2021-06-15, % of NAV; those held are of 2022-12-29" in text
    assert "Held back by" in text


def test_why_stands_above_the_comparison_on_the_page(found: TargetsToday) -> None:
    sections = [section["title"] for section in targets_sheet(judged(found, AGAINST))["sections"]]
    assert sections[:3] == ["Weights held and wanted", "Why these weights", "Is it better than simple targets?"]


def test_definitions_count_the_rows_of_the_market() -> None:
    monthly = _terms(SimpleNamespace(portfolio=SimpleNamespace(periods_per_year=12.0)))  # type: ignore[arg-type]
    assert "covariance of the last 60 months." in monthly["Controls"]
    assert "held from month to month without costs" in monthly["Clearly better"]


def test_a_limit_without_a_price_in_words_has_none(found: TargetsToday) -> None:
    [said] = [one for one in reasons(with_answer(found, binding=(Binding("limit 1", 2.0),))) if "limit 1" in one]
    assert said == "Held back by limit 1, price 2."


def test_where_held_is_target_the_picture_names_no_distance(found: TargetsToday) -> None:
    own = FixedWeights(tuple(found.portfolio.weights.tolist()))
    picture = target_weights_picture(
        targets_today(replace(found.portfolio, policies={"own": Never(own)}, policy="own"))
    )
    assert picture.caption == "The rings are the weights held, the full points the target; they are the same."
    marks = re.findall(r'fill:var\(--(paper|sky)\)[^>]*x="([^"]+)" y="62" href="([^"]+)"', picture.wide)
    (ring, x, large), (point, same_x, small) = marks
    assert (ring, point, x == same_x, large == small) == ("paper", "sky", True, False)


def test_an_asset_without_a_view_says_why_and_a_small_view_too() -> None:
    none = np.array([0.02, np.nan])
    tilt = Tilt(("A", "B"), np.array([0.5, 0.5]), np.array([0.6, 0.4]), none, none, none, None, 1.0, 0.02)
    assert tilt_words(tilt)[-2].endswith("moves more: the covariance counts.")
    assert tilt_words(tilt)[-1].startswith("B: no view, so the weight stays: the forecast lacks")
    assert [column.cells for column in tilt_columns(tilt, ["B"])][1:4] == [["none"]] * 3
