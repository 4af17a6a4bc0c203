"""The page of a plan: what it comes to in a sentence, two pictures, tables, and what they assume; numbers as JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from backtests.inference.evidence import holm
from backtests.sheets.parts import Part, Words, facts_blocks, section_blocks, sheet_pictures
from backtests.sheets.pictures.plan import plan_amounts_picture, plan_fan_picture, rounded_down
from backtests.sheets.render import render
from backtests.sheets.tables import Block, Looks, Shown, day, records_table, table
from backtests.today.plan import AS_IT_IS, MEDIAN, OTHER_PATHS, WEALTH_LEVELS, Amount, Chance, LifeOfPlan
from backtests.today.plan_history import PlanHistory
from foundation.arrays import Array
from foundation.files import write_whole
from foundation.paper.files import picture_records, write_pictures
from foundation.paper.formats import json_text, plain_json
from foundation.paper.picture import Picture
from foundation.paper.render import Running
from foundation.paper.styles import LineStyle
from foundation.paper.wording import age_words, amount, counted, listed, number, percent
from research.accounting.spending import CHANGE, GUARDRAIL, LAST_YEARS
from research.market.calendars import DAYS_PER_YEAR
from research.portfolio.plan import HISTORY, MONTHS_A_YEAR, Plan

SHEET, NUMBERS = "plan.html", "plan.json"
PLAN_SCHEMA = 1  # of plan.json: docs/schemas/plan-1.json
PLAN_STYLE = LineStyle("sky", width=1.5)
FAST = 0.15  # log return a year, beyond which a warning names the asset
SIGNIFICANT = 0.05  # of differences between policies, after Holm


def write_plan_sheet(folder: Path, life: LifeOfPlan, run: Mapping[str, str], notes: Sequence[str] = ()) -> None:
    """Write plan.html, plan.json, and for each picture figures/<name>.csv and .svg.

    folder : an existing folder.
    life   : the answers.
    run    : identity of the run: words by name.
    notes  : notes on policies that were not played.
    """
    sheet = plan_sheet(life, run, notes)
    write_pictures(folder, sheet_pictures(sheet))
    write_whole(folder / NUMBERS, json_text(plan_numbers(life, run, sheet_pictures(sheet), notes)))
    paper = Running(
        f"{life.portfolio.name}: life of the plan", f"closes of {day(life.portfolio.date)}", run.get("Run", "")
    )
    write_whole(folder / SHEET, render("today.html.j2", paper, sheet=sheet))


def plan_sheet(life: LifeOfPlan, run: Mapping[str, str], notes: Sequence[str] = ()) -> Block:
    """Every block of the page; arguments of `write_plan_sheet`."""
    portfolio = life.portfolio
    sections: list[tuple[str, str, str, Sequence[Part]]] = [
        ("policies", "Policies", "What is left, and by which policy", _left(life)),
        ("amounts", "Amounts", "What may be spent", _amounts(life)),
        ("depends", "Depends on", "What the answer depends on", _depends(life)),
        ("history", "History", "What it would have met", _hardest(life)),
        ("assumed", "Assumed", "What is assumed", [Words(said, "") for said in _assumed(life)]),
    ]
    return {
        "eyebrow": "Life of the plan",
        "title": portfolio.name,
        "subtitle": (
            f"{number(portfolio.nav, 0)} {portfolio.basis} at the closes of {day(portfolio.date)}, "
            f"{counted(life.plan.years, 'year')} to {day(life.opening.dates[-1])}"
        ),
        "verdict": answer_words(life),
        "reasons": facts_blocks(
            {
                "Lives": lives_words(life),
                "Policies": policies_words(life),
                "History": history_words(life),
                "Doubt": doubt_words(life),
            }
        ),
        "colour": PLAN_STYLE.colour,
        "columns": [{"name": life.shown}],
        "headline": _headline(life),
        "warnings": plan_warnings(life, notes),
        "age": age_words(portfolio.date),
        "sections": section_blocks(sections),
        "facts": facts_blocks(
            {
                **run,
                "Futures": f"{life.paths:,} by the {life.law}, fitted to months from {day(life.sample[0])} to "
                f"{day(life.sample[1])}",
                "Plan": plan_words(life),
            }
        ),
    }


def plan_text(life: LifeOfPlan, notes: Sequence[str] = ()) -> str:
    """The page in a few lines, for a terminal."""
    portfolio, wide = life.portfolio, max(map(len, life.policies))
    taxes = f"taxes in {counted(life.plan.years, 'year')}"
    lines = [
        f"Plan of {portfolio.name!r}: {portfolio.nav:,.2f} {portfolio.basis} at {day(portfolio.date)}",
        *filter(None, (words(life) for words in (plan_words, *PLAN_ANSWERS))), "",
        f"{'policy':<{wide}}  fails (%)  interval      safe amount  median left  {taxes}",
    ]  # fmt: skip
    for name, one in life.policies.items():
        failed = one.failed
        interval = f"{number(100 * failed.low, 1)} to {number(100 * failed.high, 1)}"
        cells = f"{number(100 * failed.value, 1):>9}  {interval:<12}  {rounded_down(one.safe.value):>11}"
        lines.append(f"{name:<{wide}}  {cells}  {amount(one.left[MEDIAN]):>11}  {amount(one.taxes):>{len(taxes)}}")
    warned = [f"Warning: {said}" for said in plan_warnings(life, notes)]
    return "\n".join([*lines, *([""] if warned else []), *warned])


# -- words -----------------------------------------------------------------------------------------------------------


def _odds(probability: float) -> str:
    """A stated probability, with the digits that it has, two at most."""
    return percent(
        probability, next((k for k in (0, 1) if math.isclose(100 * probability, round(100 * probability, k))), 2)
    )


def _interval(chance: Chance) -> str:
    return f"{percent(chance.value)} ({number(100 * chance.low, 1)} to {number(100 * chance.high, 1)} %)"


def _range(found: Amount, basis: str) -> str:
    return f"{rounded_down(found.value)} {basis} a year ({rounded_down(found.low)} to {rounded_down(found.high)})"


def answer_words(life: LifeOfPlan) -> str:
    """The answer of the plan, in one or two sentences."""
    one, plan, basis = life.policies[life.shown], life.plan, life.portfolio.basis
    fails, ran_out = "runs out", ""
    if plan.left > 0.0:
        fails += f" or leaves less than {amount(plan.left)} {basis} in today's money"
        ran_out = f"; it runs out in {percent(one.by_year[-1].value)}"
    said = (
        f"Rebalanced by {life.shown}, the plan {fails} within {counted(plan.years, 'year')} in "
        f"{_interval(one.failed)} of {life.paths:,} futures{ran_out}."
    )
    if math.isnan(one.safe.value):
        return said
    if one.safe.value == 0.0:
        return f"{said} However little is spent, it fails in more than {_odds(plan.probability)}."
    begins = " that, before it is cut or raised, begins with" if plan.spending.rule == "guardrails" else " of"
    allowed = f"{_range(one.safe, basis)}{life.money}{', income included' if plan.income else ''}"
    return f"{said} A probability of {_odds(plan.probability)} allows spending{begins} {allowed}."


def policies_words(life: LifeOfPlan) -> str:
    """Whether another policy lasts longer, by more than chance, in one sentence."""
    others = {name: one for name, one in life.policies.items() if name != life.shown}
    if not others:
        return ""
    adjusted = dict(zip(others, holm([one.p for one in others.values()]), strict=True))
    differ = [name for name in others if adjusted[name] < SIGNIFICANT]
    if not differ:
        widest = max(abs(bound) for one in others.values() for bound in one.worse[1:])
        return (
            f"No other policy fails more or less often than {life.shown} by more than chance: none differs by more "
            f"than {number(100 * widest, 1)} points (each interval at 95 %)."
        )
    each = []
    for name in differ:
        (more, low, high), paid = (100.0 * np.array(others[name].worse)).tolist(), amount(others[name].taken)
        often = "more" if more > 0.0 else "less"
        each.append(
            f"{name} fails {often} often, by {number(abs(more), 1)} points ({number(low, 1, signed=True)} to "
            f"{number(high, 1, signed=True)}), and pays {paid} {life.portfolio.basis} a year"
        )
    paid = amount(life.policies[life.shown].taken)
    return f"On the same futures, by more than chance: {'; '.join(each)}; {life.shown} pays {paid}."


def doubt_words(life: LifeOfPlan) -> str:
    """The part of the answer that comes from not knowing the mean return, in words."""
    (there, _), few = life.changes[AS_IT_IS], min(life.paths, OTHER_PATHS)
    return (
        f"In the {_years(life)} years of data the target grew by {percent(math.expm1(life.growth[0]))} a year, with "
        f"a standard error of {number(100 * life.growth[1], 1)} points. Were that mean known, the plan would fail in "
        f"{percent(life.known.value)}, in place of {percent(there.value)}, of {few:,} futures."
    )


def history_words(life: LifeOfPlan) -> str:
    """The ends of the plan from each January since 1871, the worst with its year, in two or three sentences."""
    found, basis = life.history, life.portfolio.basis
    if found is None:
        return ""
    worst, failed = found.hardest[0], int(found.failed.sum())
    starts = f"{len(found.years)} starts, each January from {found.years[0]} to {found.years[-1]}"
    often = f"{failed} of {starts}" if failed else f"none of {starts}"
    if found.ended[worst] >= 0:
        ends = f"in {found.years[worst]}: it runs out after {_months(int(found.ended[worst]))}"
    else:
        ends = f"in {found.years[worst]}, and leaves {amount(found.left[worst])} {basis} in today's money"
    said = f"With what US stocks, bonds and prices did, the plan fails from {often}. The worst start is {ends}."
    if math.isnan(found.lasted):
        return said
    begins = "spending that begins with " if life.plan.spending.rule == "guardrails" else ""
    return f"{said} From each {begins}{rounded_down(found.lasted)} {basis} a year{life.money} would have lasted."


def _months(count: int) -> str:
    """A number of months in years, and months besides."""
    years, rest = divmod(count, MONTHS_A_YEAR)
    both = [counted(years, "year")] * (years > 0) + [counted(rest, "month")] * (rest > 0)
    return " and ".join(both) or "no month"


def lives_words(life: LifeOfPlan) -> str:
    """The probability that someone outlives the money, in a sentence; "" for a plan without lives."""
    if life.outlived is None:
        return ""
    runs_out, at_end = life.outlived
    return (
        f"Someone who lives on the plan is alive when it runs out in {_interval(runs_out)}, and at its end in "
        f"{percent(at_end)}."
    )


PLAN_ANSWERS = answer_words, lives_words, history_words, policies_words, doubt_words  # in the order of the page


def plan_words(life: LifeOfPlan) -> str:
    """The plan, in sentences."""
    plan, basis, spending = life.plan, life.portfolio.basis, life.plan.spending
    said = []
    if plan.saving is not None:
        years = counted(plan.saving.years, "year")
        said.append(f"Saved are {amount(plan.saving.amount)} {basis} a year in today's money for {years}.")
    if spending.amount is None:
        limits = (("at least", spending.floor or None), ("at most", spending.ceiling))
        bounds = (f", {word} {amount(bound)} {basis} in today's money" for word, bound in limits if bound is not None)
        net = " after the tax on taking it out" if plan.withdrawal_tax > 0.0 else ""
        what = f"{percent(spending.share)} of NAV{net} a year{''.join(bounds)}"
    else:
        what = f"{amount(spending.amount)} {basis} a year{life.money or ' whatever prices do'}"
    if spending.rule == "guardrails":
        far, change = percent(GUARDRAIL, 0), percent(CHANGE, 0)
        what += (
            f", {change} less or more where that is {far} more or less of NAV than at first, but not less in the last "
            f"{LAST_YEARS} years, and not raised with prices after a year of losses"
        )
    years = counted(plan.years - plan.begins // MONTHS_A_YEAR, "year")
    said.append(f"Spent are {what}, for {years}, a part each {plan.every}.")
    income = [
        f"{amount(each.amount)} {basis} a year from {day(max(each.begins, life.portfolio.date))}"
        f"{'' if each.ends is None else f' to {day(each.ends)}'}"
        for each in plan.income
        if not each.is_past(life.portfolio.date)
    ]
    if income:
        said.append(f"Income of {listed(income)}, in today's money, pays first; what is left of it is invested.")
    once = [
        f"{amount(abs(sum_))} {'come' if sum_ > 0 else 'go'} on {day(when)}"
        for when, sum_ in plan.once.items()
        if when > life.portfolio.date
    ]
    if once:
        said.append(f"Besides, {listed(once)}, in today's money.")
    if len(life.opening.accounts(True)) > 1:
        said.append("Taxable accounts are spent before sheltered ones.")
    return " ".join(said)


def _years(life: LifeOfPlan) -> str:
    first, last = life.sample
    return number((last - first).days / DAYS_PER_YEAR, 0)


def _assumed(life: LifeOfPlan) -> list[str]:
    plan, tax, opening = life.plan, life.portfolio.costs.tax, life.opening
    prices = "Consumer prices rise as they did in the United States in the months that are drawn."
    if isinstance(plan.inflation, float):
        prices = f"Consumer prices rise by {percent(plan.inflation)} a year."
    taxed = "No gain is taxed."
    if tax is not None and tax.charges:
        short = f" ({percent(tax.rate_of_short)} within the term)" if tax.has_terms else ""
        end = "forgiven" if tax.at_end == "step_up" else "counted"
        taxed = (
            f"Gains are taxed at {percent(tax.rate)}{short} with each sale, and the tax on gains that are left at the "
            f"end is {end}. An asset held today is one lot past the term, at its mean cost, or at today's price where "
            "the file has no lots. Dividends and interest are part of the returns, and taxed as gains when they are "
            "sold: where they are taxed each year, less is left."
        )
    found = [
        f"Futures are drawn by the {life.law} from the months of {day(life.sample[0])} to {day(life.sample[1])}. That "
        f"is as far back as the data reach: {plan.years} years to come are drawn from {_years(life)} years past, and "
        "what did not happen in them happens in no future. No probability here is a promise.",
        "Each future has a mean return of its own, drawn from the distribution of the sample's mean, and so have "
        "prices where they are drawn. Cash earns its mean of these months, "
        f"{percent(opening.cash_growth**MONTHS_A_YEAR - 1.0, 2)} a year.",
        f"{prices} {taxed} Policies decide once a month at the close, with the file's costs; what is paid sells what "
        "is over its target, and what comes buys what is under it. What a policy estimates stays as it is today.",
    ]
    found.append(f"What is played ends after {counted(plan.years, 'year')}; a plan for ever fails more often.")
    if plan.lives:
        each = [f"{day(one.born)} (mode {one.mode:g}, spread {one.spread:g} years)" for one in plan.lives]
        found.append(
            f"Lives of those born on {listed(each)} end by the law of Gompertz, independently of one another and of "
            "markets. Who has died spends on in the futures: the plan is played to its end."
        )
    if life.history is not None:
        roles = (("stocks", life.history.stocks), ("bonds with ten years to run", life.history.bonds))
        played = [f"{listed(names)} {_as(names)} US {role} did" for role, names in roles if names]
        if others := life.history.others:
            played.append(f"{listed(others)} {_as(others)} both did in the proportion of the target")
        found.append(
            f"From the starts of history {'; '.join(played)}, month by month (Shiller's data, whose closes are means "
            "of a month); consumer prices are those of these years, and cash earns what it does in the futures. Starts "
            "share nearly all of their years: they are no independent draws."
        )
    if len(opening.accounts(True)) > 1:
        found.append(
            "Taxable accounts together, and sheltered ones, are rebalanced to the whole target by themselves. What "
            f"is taken out of sheltered ones is taxed at {percent(plan.withdrawal_tax)}, and they count after that "
            "tax. Savings go into sheltered accounts, what comes once into taxable ones; an account that was empty "
            "pays first again when money comes to it. An order that changes once after some years is shown where it "
            "was the best of all on other futures than these."
        )
    if opening.left_out:
        found.append(f"The file has, and the plan has not: {listed(opening.left_out)}.")
    return found


def _as(names: Sequence[str]) -> str:
    return "earns what" if len(names) == 1 else "earn what"


def plan_warnings(life: LifeOfPlan, notes: Sequence[str]) -> list[str]:
    """The warnings of the page.  notes : on policies that were not played."""
    market, plan = life.opening.portfolio.market, life.plan
    begun = market.dates[np.argmax(market.listed, axis=0)]
    last = int(np.argmax(begun))
    found = [*notes, *(f"{name} is left out: {why}" for name, why in life.left_out.items())]
    found += [f"The law “{law}” is left out: {why}" for law, why in life.refused.items()]
    if DAYS_PER_YEAR * plan.years > (life.sample[1] - life.sample[0]).days:
        since = f", since {market.assets[last]} is known" if begun[last] > begun.min() else ""
        found.append(f"The plan is longer than the data, which begin on {day(life.sample[0])}{since}.")
    found += [
        f"{asset} grew by {percent(math.expm1(growth), 0)} a year in these data, and in the mean of all years to come: "
        "what is left may be its growth alone."
        for asset, growth in life.growths.items()
        if growth > FAST
    ]
    past = [f"once on {day(each)}" for each in plan.once if each <= life.portfolio.date]
    past += [f"income until {day(each.ends)}" for each in plan.income if each.is_past(life.portfolio.date)]
    if past:
        found.append(f"Left out of the plan, since it is past: {listed(past)}.")
    if life.frozen:
        found.append(f"What {listed(life.frozen)} estimates today is held for all years: that judges today's weights.")
    if plan.inflation == HISTORY and life.portfolio.basis != "USD":
        found.append(f"Consumer prices are those of the United States, and the portfolio is in {life.portfolio.basis}.")
    return found


# -- blocks ----------------------------------------------------------------------------------------------------------


def _headline(life: LifeOfPlan) -> list[dict[str, str]]:
    one, basis = life.policies[life.shown], life.portfolio.basis
    shown = [
        ("Fails", f"% within {life.plan.years} years", number(100 * one.failed.value, 1)),
        ("Safe amount", f"{basis} a year, at {_odds(life.plan.probability)}", rounded_down(one.safe.value)),
        ("Left", f"{basis} in today's money, median", amount(one.left[MEDIAN])),
        ("Lowest year", f"{basis} in the leanest, 5 %", amount(one.lowest)),
        ("Taxes", f"{basis} paid in all years, mean", amount(one.taxes)),
    ]
    return [
        {"label": label, "unit": unit, "words": words, "interval": "", "kind": "", "beside": ""}
        for label, unit, words in shown
    ]


def _left(life: LifeOfPlan) -> list[Part]:
    return [plan_fan_picture(life, PLAN_STYLE), _policies(life)]


def _policies(life: LifeOfPlan) -> Block:
    basis = life.portfolio.basis
    columns = [
        Shown("failed", "fails", "%", lambda c: _points(c.value, c.low, c.high)),
        Shown("safe", "safe amount", f"{basis} a year", lambda found: rounded_down(found.value)),
        Shown("worse", "against the first", "points", lambda w: _points(*w, signed=True) if any(w) else "–"),
        *(Shown("left", f"left, {100 * level:g} %", basis, partial(_of, k)) for k, level in enumerate(WEALTH_LEVELS)),
        Shown("taken", "spent", f"{basis} a year", amount),
        Shown("taxes", "taxes paid", f"{basis} in all years", amount),
        Shown("costs", "costs of trading", f"{basis} in all years", amount),
    ]
    caption = (
        "Policies on the same futures, with the interval of 95 % that their number leaves; amounts in today's money"
        f"{'' if life.money else ', but for the safe one'}. What is left is after all taxes, of which those "
        f"due at the end are not among the taxes paid. {'What is spent counts income. ' if life.plan.income else ''}"
        "Against the first: how much more often it fails"
    )
    return records_table(caption, columns, life.policies, Looks(chosen=life.shown), head="policy")


def _of(k: int, quantiles: Array) -> str:
    return amount(quantiles[k])


def _points(value: float, low: float, high: float, *, signed: bool = False) -> str:
    """A fraction and its interval, in points."""
    said = [number(100.0 * each, 1, signed=signed) for each in (value, low, high)]
    return f"{said[0]} [{said[1]}, {said[2]}]"


def _amounts(life: LifeOfPlan) -> list[Part]:
    one, years = life.policies[life.shown], life.plan.years
    ends = sorted({*range(10, years + 1, 10), years})
    lasted = table(
        f"Probability of having run out, by {life.shown}", [f"{year} years" for year in ends],
        [[_interval(one.by_year[year - 1]) for year in ends]],
    )  # fmt: skip
    if not life.curve:
        return [Words("A safe amount is known of rules that begin with an amount above zero.", ""), lasted]
    return [plan_amounts_picture(life, PLAN_STYLE), lasted]


def _depends(life: LifeOfPlan) -> list[Part]:
    few = f"{min(life.paths, OTHER_PATHS):,} futures"
    rows = [[words, _interval(chance), rounded_down(safe.value)] for words, (chance, safe) in life.changes.items()]
    rows += [["the mean return known", _interval(life.known), "–"]]
    rows += [[f"futures by the law “{law}”", _interval(chance), "–"] for law, chance in life.laws.items()]
    heads: list[str | tuple[str, str]] = [
        "", ("fails", "% of futures"), ("safe amount", f"{life.portfolio.basis} a year")
    ]  # fmt: skip
    parts: list[Part] = [table(f"{life.shown}, on {few}: a point is a point a year", heads, rows, texts=[0])]
    if life.decades is not None:
        first, last = life.decades
        parts.append(
            Words(
                f"Order of years, were the mean known: where the first ten years of spending are bad (the lowest "
                f"fifth of the target's return after prices), the plan fails in {_interval(first)}; where the last "
                f"ten are, in {_interval(last)}.",
                "",
            )
        )
    return parts


def _hardest(life: LifeOfPlan) -> list[Part]:
    found = life.history
    if found is None:
        return [
            Words("History has no start for this plan: it is too short, or the target holds no stocks or bonds.", "")
        ]
    rows = [
        [str(found.years[k]), "–" if found.ended[k] < 0 else _months(int(found.ended[k])), amount(found.left[k])]
        for k in found.hardest
    ]
    heads: list[str | tuple[str, str]] = [
        "start in January", "ran out after", ("left", f"{life.portfolio.basis} in today's money")
    ]  # fmt: skip
    caption = f"The hardest starts of {life.shown}, with the returns and prices of those years"
    return [table(caption, heads, rows, texts=[0, 1])]


# -- numbers ---------------------------------------------------------------------------------------------------------


def _plan_numbers(plan: Plan) -> dict[str, Any]:
    """The keys of a plan, with its days as text."""
    income = [
        asdict(each) | {"begins": day(each.begins), "ends": None if each.ends is None else day(each.ends)}
        for each in plan.income
    ]
    lives = [asdict(each) | {"born": day(each.born)} for each in plan.lives]
    once = {day(each): money for each, money in plan.once.items()}
    return asdict(plan) | {"once": once, "income": income, "lives": lives}


def _history_numbers(found: PlanHistory | None) -> dict[str, Any] | None:
    """The starts of history by their years."""
    if found is None:
        return None
    return {
        "years": found.years,
        "failed": found.failed,
        "ended": [None if month < 0 else month for month in found.ended.tolist()],
        "left": found.left,
        "lasted": found.lasted,
        "played_as": {"stocks": found.stocks, "bonds": found.bonds, "both": found.others},
    }


def plan_numbers(
    life: LifeOfPlan, run: Mapping[str, str], drawn: Sequence[Picture], notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Every number of the page as plain JSON values: fractions, currency in today's money.

    life  : the answers.
    run   : identity of the run: words by name.
    drawn : the page's pictures.
    notes : notes on policies that were not played.
    """
    content = {
        "schema": PLAN_SCHEMA,
        "run": dict(run),
        "portfolio": life.portfolio.name,
        "date": day(life.portfolio.date),
        "nav": life.portfolio.nav,
        "basis": life.portfolio.basis,
        "plan": _plan_numbers(life.plan),
        "ends": day(life.opening.dates[-1]),
        "answer": [words(life) for words in PLAN_ANSWERS],
        "law": life.law,
        "futures": life.paths,
        "sample": {"first": day(life.sample[0]), "last": day(life.sample[1])},
        "log_growth": {"mean": life.growth[0], "standard_error": life.growth[1], "assets": dict(life.growths)},
        "shown": life.shown,
        "levels": list(WEALTH_LEVELS),
        "policies": {name: asdict(one) for name, one in life.policies.items()},
        "left_out": dict(life.left_out),
        "mean_known": asdict(life.known),
        "laws": {law: asdict(chance) for law, chance in life.laws.items()},
        "changes": {
            words: {"failed": asdict(chance), "safe": asdict(safe)} for words, (chance, safe) in life.changes.items()
        },
        "curve": [{"amount": each, "failed": asdict(chance)} for each, chance in life.curve],
        "worst_decade": None
        if life.decades is None
        else dict(zip(("first", "last"), map(asdict, life.decades), strict=True)),
        "outlived": None
        if life.outlived is None
        else {"runs_out": asdict(life.outlived[0]), "alive_at_end": life.outlived[1]},
        "history": _history_numbers(life.history),
        "assumed": _assumed(life),
        "warnings": plan_warnings(life, notes),
        "pictures": picture_records(drawn),
    }
    numbers: dict[str, Any] = plain_json(content, missing_as_null=True)
    return numbers
