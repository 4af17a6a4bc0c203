"""The page of a plan: its sentences, its numbers against their schema, and the same figures on the page."""

import html
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from backtests.sheets.pages.plan_sheet import (
    PLAN_SCHEMA,
    answer_words,
    doubt_words,
    history_words,
    lives_words,
    plan_text,
    plan_warnings,
    plan_words,
    policies_words,
    write_plan_sheet,
)
from backtests.sheets.pictures.plan import plan_amounts_picture
from backtests.today.plan import AS_IT_IS, Amount, Chance, LifeOfPlan, life_of_plan
from foundation.paper.styles import LineStyle
from foundation.paper.wording import amount, number, percent
from research.accounting.spending import Spending
from research.portfolio.plan import IncomeKeys, LifeKeys, SavingKeys

ROOT = Path(__file__).parents[4]
NOTES = ["Policy tuned must be fitted first."]


@pytest.fixture(scope="module")
def folder(life: LifeOfPlan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a plan of which a policy is left out."""
    found = tmp_path_factory.mktemp("plan")
    left_out = {"thirds": "it decides on prices to come, and no plan plays it."}
    write_plan_sheet(found, replace(life, left_out=left_out), {"Run": "one"}, NOTES)
    return found


@pytest.fixture(scope="module")
def shares(life: LifeOfPlan) -> LifeOfPlan:
    """Five years of spending a fraction of NAV, by one policy."""
    plan = replace(life.plan, years=5, saving=None, once={}, left=0.0, spending=Spending("share", share=0.04))
    return life_of_plan(life.portfolio, plan, {"yearly": life.portfolio.policies["yearly"]}, paths=100)


def numbers_of(folder: Path) -> dict[str, Any]:
    """The JSON beside a page, which obeys its schema."""
    schema = json.loads((ROOT / f"docs/schemas/plan-{PLAN_SCHEMA}.json").read_text(encoding="utf-8"))
    numbers: dict[str, Any] = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(numbers)] == []
    assert set(numbers) == set(schema["properties"]) == set(schema["required"])
    return numbers


def text_of(part: str) -> str:
    """What is read of a part of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


def rows_of(folder: Path) -> dict[str, list[str]]:
    """The cells of each row of the page's tables by their head."""
    page = (folder / "plan.html").read_text(encoding="utf-8")
    rows = [re.findall(r"(?s)<t[hd]\b.*?</t[hd]>", row) for row in re.findall(r"(?s)<tr\b.*?</tr>", page)]
    return {text_of(head): [text_of(cell) for cell in cells] for head, *cells in rows}


def said(chance: dict[str, float]) -> str:
    low, high = (number(100 * chance[end], 1) for end in ("low", "high"))
    return f"{percent(chance['value'])} ({low} to {high} %)"


def three_digits(value: float) -> str:
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return amount(math.floor(value / unit) * unit)


# -- figures ---------------------------------------------------------------------------------------------------------


def test_the_table_of_policies_has_the_figures_of_the_numbers(folder: Path) -> None:
    found, rows = numbers_of(folder), rows_of(folder)
    assert list(found["policies"]) == ["yearly", "wide"]
    for name, one in found["policies"].items():
        value, low, high = (number(100 * one["failed"][key], 1) for key in ("value", "low", "high"))
        paid = [amount(one[key]) for key in ("taken", "taxes", "costs")]
        fails, safe, worse, *rest = rows[name]
        assert (fails, safe) == (f"{value} [{low}, {high}]", three_digits(one["safe"]["value"]))
        assert rest == [*map(amount, one["left"]), *paid]
        apart, least, most = (number(100 * each, 1, signed=True) for each in one["worse"])
        assert worse == (f"{apart} [{least}, {most}]" if any(one["worse"]) else "–")
    assert [one["p"] is None for one in found["policies"].values()] == [True, False]
    assert found["shown"] == "yearly"


def test_what_the_answer_depends_on_has_the_figures_of_the_numbers(folder: Path) -> None:
    found, rows = numbers_of(folder), rows_of(folder)
    for words, one in found["changes"].items():
        assert rows[words] == [said(one["failed"]), three_digits(one["safe"]["value"])]
    assert rows["the mean return known"][0] == said(found["mean_known"])
    assert {law: rows[f"futures by the law “{law}”"][0] for law in found["laws"]} == {
        law: said(chance) for law, chance in found["laws"].items()
    }
    by_year = found["policies"]["yearly"]["by_year"]
    years = (10, 20, 30, 35)
    cells = [said(by_year[year - 1]) for year in years]
    assert [rows["10 years"], rows[cells[0]]] == [["20 years", "30 years", "35 years"], cells[1:]]
    page = text_of((folder / "plan.html").read_text(encoding="utf-8"))
    first, last = (said(found["worst_decade"][which]) for which in ("first", "last"))
    assert f"the plan fails in {first}; where the last ten are, in {last}." in page
    assert all(sentence in page for sentence in found["assumed"])


def test_the_pictures_show_the_figures_of_the_numbers(folder: Path) -> None:
    found, fan = numbers_of(folder), pd.read_csv(folder / "figures" / "plan.csv", index_col="year")
    assert fan.to_numpy() == pytest.approx(np.array(found["policies"]["yearly"]["fan"]), rel=1e-9)
    curve = pd.read_csv(folder / "figures" / "amounts.csv").to_numpy()
    rows = [[one["amount"], *(100 * one["failed"][key] for key in ("value", "low", "high"))] for one in found["curve"]]
    assert curve == pytest.approx(np.array(rows), rel=1e-9)
    assert set(found["pictures"]) == {"plan", "amounts"}


def test_the_picture_of_amounts_says_the_answer_of_the_first_lines(life: LifeOfPlan) -> None:
    one = replace(life.policies["yearly"], failed=Chance(0.052, 0.046, 0.059), safe=Amount(8_890.0, 8_540.0, 9_190.0))
    of_few = {**life.changes, AS_IT_IS: (Chance(0.05, 0.04, 0.063), Amount(9_020.0, 8_500.0, 9_500.0))}
    found = replace(life, paths=5_000, policies={"yearly": one}, changes=of_few)
    caption = plan_amounts_picture(found, LineStyle("sky")).caption
    assert "the plan fails in 5.2 % of 5,000 futures; with 8,890 it is 5.0 % (dashed)" in caption
    assert caption.endswith(" The line and its band, the interval of 95 %, are of 1,500 futures.")
    assert "in 5.2 % (4.6 to 5.9 %) of 5,000 futures" in answer_words(found)


def test_more_spent_fails_no_less_often_and_a_worse_world_no_less_either(life: LifeOfPlan) -> None:
    curve = [chance.value for _, chance in life.curve]
    assert curve == sorted(curve)
    as_it_is, *worse = [(chance.value, safe.value) for chance, safe in life.changes.values()]
    assert all(fails >= as_it_is[0] and safe <= as_it_is[1] for fails, safe in worse)
    assert life.decades[0].value >= life.policies[life.shown].failed.value
    assert dict(life.curve)[60_000.0] == life.changes["as it is"][0] == life.policies[life.shown].failed


# -- sentences -------------------------------------------------------------------------------------------------------


def test_the_answer_names_probability_interval_and_amount(life: LifeOfPlan) -> None:
    yearly = replace(
        life.policies["yearly"], failed=Chance(0.25, 0.19, 0.32), safe=Amount(31_449.0, 24_351.0, 39_249.0)
    )
    stated = replace(life, policies={"yearly": yearly}, paths=200)
    assert answer_words(stated) == (
        "Rebalanced by yearly, the plan runs out or leaves less than 100,000 USD in today's money within 35 years in "
        f"25.0 % (19.0 to 32.0 %) of 200 futures; it runs out in {percent(yearly.by_year[-1].value)}. A probability of "
        "5 % allows spending of 31,400 USD a year (24,300 to 39,200) in today's money."
    )
    pension = replace(life.plan, income=(IncomeKeys(amount=1_000, begins=pd.Timestamp("2030-01-01")),))
    assert answer_words(replace(stated, plan=pension)).endswith(" in today's money, income included.")
    nothing = replace(stated, policies={"yearly": replace(yearly, safe=Amount(0.0, 0.0, 0.0))})
    assert answer_words(nothing).endswith("However little is spent, it fails in more than 5 %.")
    begins = replace(life.plan, spending=Spending("guardrails", 60_000.0))
    assert "allows spending that, before it is cut or raised, begins with 31,400 USD" in answer_words(
        replace(stated, plan=begins)
    )


def test_a_difference_between_policies_is_named_only_beyond_chance(life: LifeOfPlan) -> None:
    yearly, wide = life.policies.values()
    worse = replace(wide, worse=(0.034, 0.012, 0.056), p=0.004)
    chance = replace(wide, worse=(0.01, -0.02, 0.04), p=0.5)
    assert policies_words(replace(life, policies={"yearly": yearly, "wide": worse, "third": chance})) == (
        "On the same futures, by more than chance: wide fails more often, by 3.4 points (+1.2 to +5.6), and pays "
        f"{amount(wide.taken)} USD a year; yearly pays {amount(yearly.taken)}."
    )
    assert policies_words(replace(life, policies={"yearly": yearly, "third": chance})) == (
        "No other policy fails more or less often than yearly by more than chance: none differs by more than 4.0 "
        "points (each interval at 95 %)."
    )
    assert policies_words(replace(life, policies={"yearly": yearly})) == ""


def test_the_worst_start_of_history_is_named_with_its_year(life: LifeOfPlan, folder: Path) -> None:
    found = life.history
    assert found is not None
    assert (found.years[0], found.years[-1], found.years[found.hardest[0]]) == (1871, 1988, 1965)
    lasts, left = three_digits(found.lasted), amount(found.left.min())
    assert history_words(life) == (
        "With what US stocks, bonds and prices did, the plan fails from none of 118 starts, each January from 1871 to "
        f"1988. The worst start is in 1965, and leaves {left} USD in today's money. From each {lasts} USD a year in "
        "today's money would have lasted."
    )
    ended = np.where(found.years == 1966, 263, found.ended)
    fails = replace(life, history=replace(found, ended=ended, failed=ended >= 0, lasted=math.nan))
    assert history_words(fails) == (
        "With what US stocks, bonds and prices did, the plan fails from 1 of 118 starts, each January from 1871 to "
        "1988. The worst start is in 1966: it runs out after 21 years and 11 months."
    )
    rows = rows_of(folder)
    for k in found.hardest:
        assert rows[str(found.years[k])] == ["–", amount(found.left[k])]
    assert numbers_of(folder)["history"]["years"] == list(range(1871, 1989))
    page = text_of((folder / "plan.html").read_text(encoding="utf-8"))
    assert "SPY earns what US stocks did; AGG earns what US bonds with ten years to run did, month by month" in page


def test_a_plan_without_history_says_so(life: LifeOfPlan, tmp_path: Path) -> None:
    write_plan_sheet(tmp_path, replace(life, history=None), {"Run": "one"})
    assert numbers_of(tmp_path)["history"] is None
    assert "History has no start for this plan" in text_of((tmp_path / "plan.html").read_text(encoding="utf-8"))
    assert history_words(replace(life, history=None)) == ""


def test_who_outlives_the_plan_is_said_and_by_which_law(life: LifeOfPlan, tmp_path: Path) -> None:
    assert lives_words(life) == ""
    born = LifeKeys(born=pd.Timestamp("1958-03-01"), mode=87.8, spread=9.5)
    lives = replace(life, plan=replace(life.plan, lives=(born,)), outlived=(Chance(0.142, 0.099, 0.185), 0.031))
    said = "Someone who lives on the plan is alive when it runs out in 14.2 % (9.9 to 18.5 %), and at its end in 3.1 %."
    assert lives_words(lives) == said
    write_plan_sheet(tmp_path, lives, {"Run": "one"})
    found, page = numbers_of(tmp_path), text_of((tmp_path / "plan.html").read_text(encoding="utf-8"))
    assert found["outlived"] == {"runs_out": {"value": 0.142, "low": 0.099, "high": 0.185}, "alive_at_end": 0.031}
    assert found["plan"]["lives"] == [{"born": "1958-03-01", "mode": 87.8, "spread": 9.5}]
    assert said in page
    assert "Lives of those born on 1958-03-01 (mode 87.8, spread 9.5 years) end by the law of Gompertz" in page
    assert "What is played ends after 35 years; a plan for ever fails more often." in page


def test_the_doubt_of_the_mean_stands_beside_the_answer(life: LifeOfPlan) -> None:
    known = replace(life, growth=(0.0644, 0.0267), known=Chance(0.1, 0.05, 0.18))
    fails = percent(life.changes["as it is"][0].value)
    assert doubt_words(known) == (
        "In the 15 years of data the target grew by 6.7 % a year, with a standard error of 2.7 points. Were that mean "
        f"known, the plan would fail in 10.0 %, in place of {fails}, of {life.paths:,} futures."
    )


@pytest.mark.parametrize(("spending", "words"), [
    (Spending("constant", 60_000.0), "60,000 USD a year whatever prices do"),
    (Spending("indexed", 60_000.0), "60,000 USD a year in today's money"),
    (
        Spending("guardrails", 60_000.0),
        "60,000 USD a year in today's money, 10 % less or more where that is 20 % more or less of NAV than at "
        "first, but not less in the last 15 years, and not raised with prices after a year of losses",
    ),
    (Spending("share", share=0.04), "4.0 % of NAV a year"),
    (
        Spending("share", share=0.04, floor=30_000.0, ceiling=90_000.0),
        "4.0 % of NAV a year, at least 30,000 USD in today's money, at most 90,000 USD in today's money",
    ),
])  # fmt: skip
def test_each_rule_of_spending_is_told(life: LifeOfPlan, spending: Spending, words: str) -> None:
    plan = replace(life.plan, spending=spending, saving=None, once={})
    assert plan_words(replace(life, plan=plan)) == f"Spent are {words}, for 35 years, a part each month."
    plan = replace(plan, saving=SavingKeys(amount=20_000.0, years=1), once={pd.Timestamp("2030-06-30"): -5_000.0})
    assert plan_words(replace(life, plan=plan)) == (
        f"Saved are 20,000 USD a year in today's money for 1 year. Spent are {words}, for 34 years, a part each month. "
        "Besides, 5,000 go on 2030-06-30, in today's money."
    )


def test_what_is_past_is_left_out_and_said(life: LifeOfPlan) -> None:
    past = IncomeKeys(amount=9_000, begins=pd.Timestamp("2010-01-01"), ends=pd.Timestamp("2015-01-01"))
    plan = replace(life.plan, income=(past,), once={pd.Timestamp("2020-05-31"): 7.0})
    said = plan_warnings(replace(life, plan=plan), [])
    assert "Left out of the plan, since it is past: once on 2020-05-31 and income until 2015-01-01." in said
    assert "9,000" not in plan_words(replace(life, plan=plan))


def test_it_warns_where_the_answer_may_mislead(life: LifeOfPlan) -> None:
    grown = replace(life, growths={"SPY": 0.16, "AGG": 0.01}, frozen=("hrp",), plan=replace(life.plan, years=15))
    assert [said.split(" ", 1)[0] for said in plan_warnings(grown, [])] == ["SPY", "What"]
    euros = replace(grown, growths={}, frozen=(), portfolio=replace(life.portfolio, basis="EUR"))
    assert plan_warnings(euros, []) == ["Consumer prices are those of the United States, and the portfolio is in EUR."]


def test_what_is_left_out_is_said_on_the_page_in_the_numbers_and_in_the_terminal(
    life: LifeOfPlan, folder: Path
) -> None:
    page, found = text_of((folder / "plan.html").read_text(encoding="utf-8")), numbers_of(folder)
    left_out = "thirds is left out: it decides on prices to come, and no plan plays it."
    assert all(words in page for words in (*NOTES, left_out))
    assert (found["warnings"][:2], list(found["left_out"])) == ([*NOTES, left_out], ["thirds"])
    printed = plan_text(replace(life, left_out=found["left_out"]), NOTES)
    assert f"\n\nWarning: {NOTES[0]}\nWarning: {left_out}\nWarning: The plan is longer than the data" in printed
    assert "No warnings." not in page
    heads, first = printed[printed.index("policy  ") :].splitlines()[:2]
    assert heads.endswith(f"taxes in {life.plan.years} years")
    assert len(first) == len(heads)


# -- a rule without an amount ----------------------------------------------------------------------------------------


def test_a_fraction_of_nav_has_no_amount_and_never_runs_out(shares: LifeOfPlan, tmp_path: Path) -> None:
    write_plan_sheet(tmp_path, shares, {"Run": "one"})
    found, rows = numbers_of(tmp_path), rows_of(tmp_path)
    one = found["policies"]["yearly"]
    assert (one["failed"]["value"], one["safe"]["value"], found["curve"], found["worst_decade"]) == (
        0.0, None, [], None,
    )  # fmt: skip
    assert rows["yearly"][1:3] == ["–", "–"]
    assert answer_words(shares) == (
        "Rebalanced by yearly, the plan runs out within 5 years in 0.0 % (0.0 to 3.6 %) of 100 futures."
    )
    page = text_of((tmp_path / "plan.html").read_text(encoding="utf-8"))
    assert "A safe amount is known of rules that begin with an amount above zero." in page
    assert set(found["pictures"]) == {"plan"}
    assert one["taken"] == pytest.approx(0.04 * 1e6, rel=0.15)  # of a NAV that hardly grows in five years
    assert not re.search(r"\bnan\b|None", page)
