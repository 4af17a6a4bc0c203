"""The section of a sheet on attribution: the sources of the gap to the reference, and the gain from rebalancing."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests.attribution.attribution import Attribution
from backtests.attribution.class_attribution import EFFECTS, ClassAttribution
from backtests.attribution.contributions import COSTS
from backtests.attribution.factor_attribution import FactorAttribution
from backtests.attribution.rebalancing_premium import TERMS, RebalancingPremium
from backtests.comparison.descriptions.attributions import Attributions
from backtests.inference.estimates import NotAvailable
from backtests.sheets.parts import Block, Folded, Part, Words, table
from backtests.sheets.pictures.comparison.rolling import factor_betas_picture
from backtests.sheets.pictures.comparison.years import attribution_picture
from backtests.sheets.sections.policy_styles import page_styles
from foundation.paper.wording import class_words, number, percent
from foundation.tolerances import WEIGHT
from research.risk.measures import BPS

if TYPE_CHECKING:
    from backtests.comparison import Comparison

Heads = list[str | tuple[str, str]]
MEANINGS = {
    "exposure": "mean active weight of each year × return relative to the reference",
    "timing": "variation of active weights within each year × relative return: days × their covariance",
    "income": "active weight × dividend yield relative to the reference",
    "cash drag": "more or less cash than the reference × interest less the reference's return",
    "execution": "trades at the open, from the open to the close",
    "opening": "initial investment, counted in the first year",
}
NOT_RECOMMENDED = "the first of the other policies, since none of them is recommended"
KINDS = {"asset_class": "asset class", "sector": "sector"}
SAMPLE = "All of this describes the sample; intervals of differences stand in “Differences to the reference”."


def attribution_parts(comparison: "Comparison") -> list[Part]:
    """Words, tables and pictures of the section."""
    found, styles = comparison.attributions, page_styles(comparison)
    parts: list[Part] = []
    if found.gap is not None:
        parts += [Words(_intro(found, found.gap), "intro"), _components(found.gap, comparison)]
        parts += [attribution_picture(found.gap, styles), *_folded_gap(found.gap)]
    parts += _premium_parts(found, comparison)
    first = _first_class(found)
    for one in found.by_class:
        parts += _class_parts(one, found, folded=one is not first)
    return parts + _factor_parts(found, comparison)


def attribution_numbers(comparison: "Comparison") -> dict[str, Any]:
    """The same as plain values, in logarithms of wealth and fractions."""
    found = comparison.attributions
    return {
        "shown": found.shown,
        "reference": found.reference,
        "gap": None if found.gap is None else _gap_numbers(found.gap),
        "premiums": {name: _premium_numbers(one) for name, one in found.premiums.items()},
        "by_class": [_class_numbers(one) for one in found.by_class],
        "factors": {name: _factor_numbers(one) for name, one in found.factors.items()},
    }


# -- the gap ---------------------------------------------------------------------------------------------------------


def _intro(found: Attributions, gap: Attribution) -> str:
    which = "the recommended policy" if found.is_recommended else NOT_RECOMMENDED
    years = number(gap.span, 1)
    return (
        f"{gap.name}, {which}, against {gap.other}, the reference: log growth differs by "
        f"{number(gap.gap * BPS / gap.span, signed=True)} bp a year over {years} years, net of all costs. Every part "
        f"is an exact sum over days; the largest residual is {gap.residual:.0e}. {SAMPLE}"
    )


def _components(gap: Attribution, comparison: "Comparison") -> Block:
    portfolio, rows = comparison.portfolio, []
    money = gap.money * portfolio.nav
    for name, part in [*gap.by_component.items(), ("total", gap.gap)]:
        cells = [number(part * BPS / gap.span, signed=True), number(part * money, 0, signed=True)]
        rows.append([str(name).replace("_", " "), *cells, MEANINGS.get(str(name), _cost_words(str(name), gap))])
    heads: Heads = ["component", ("log growth", "bp a year"), ("final wealth", portfolio.basis), "what it is"]
    flows = any(played.flows.any() for played in comparison.backtests.values())
    without = ", without the cash flows" if flows else ""
    caption = (
        f"{gap.name} less {gap.other} by component. Final wealth: the same parts of the difference at the end of the "
        f"test, from an opening NAV of {number(portfolio.nav, 0)} {portfolio.basis}{without}"
    )
    return table(caption, heads, rows, texts=[3], chosen="total")


def _cost_words(name: str, gap: Attribution) -> str:
    if name == "total":
        return f"{gap.name} less {gap.other}"
    return f"what {gap.name} paid less than {gap.other}" if name in COSTS else ""


def _folded_gap(gap: Attribution) -> list[Part]:
    parts: list[Part] = [
        Folded("The gap by year and component", [_of_gap(gap.by_year, "year", "bp of log growth in the year", 1.0)]),
        Folded(
            "The gap by asset and component", [_of_gap(gap.by_line, "asset", "bp of log growth a year", 1.0 / gap.span)]
        ),
    ]
    return parts + ([Words(f"Income is not a component: {gap.no_income}.")] if gap.no_income else [])


def _of_gap(frame: pd.DataFrame, head: str, unit: str, factor: float) -> Block:
    rows = [[str(label), *_cells(values * BPS * factor)] for label, values in frame.iterrows()]
    rows.append(["total", *_cells(frame.sum() * BPS * factor)])
    return table(f"By {head}, {unit}", [head, *_heads(frame)], rows, chosen="total")


def _heads(frame: pd.DataFrame) -> list[str]:
    return [str(column).replace("_", " ") for column in frame]


def _cells(values: Iterable[float]) -> list[str]:
    return [number(value, 1, signed=True) for value in values]


# -- the rebalancing premium -----------------------------------------------------------------------------------------


def _premium_parts(found: Attributions, comparison: "Comparison") -> list[Part]:
    one = found.premiums[found.shown]
    if isinstance(one, NotAvailable):
        return [Words(f"Rebalancing premium of {found.shown} not available: {one.reason}")]
    rows, why = [], []
    for name, each in found.premiums.items():
        if isinstance(each, NotAvailable):
            why.append(Words(f"Rebalancing premium of {name} not available: {each.reason}"))
        else:
            shown = each.terms.drop("execution") if not _executed(found) else each.terms
            rows.append([name, *_cells(pd.Series([*shown, each.net]) * BPS / each.span)])
    terms = [term for term in TERMS if term != "execution" or _executed(found)]
    caption = (
        "Rebalancing premium of each policy over the portfolio it opened with, bp of log growth a year. Costs are "
        "those of trading; what holding costs is left out of both"
    )
    chosen = comparison.recommendation.policy
    made = table(caption, ["policy", *terms, "premium, net"], rows, styles=page_styles(comparison), chosen=chosen)
    return [Words(_premium_words(one), ""), Folded("The rebalancing premium of every policy", [made, *why])]


def _executed(found: Attributions) -> bool:
    return any(isinstance(one, RebalancingPremium) and one.terms["execution"] != 0.0 for one in found.premiums.values())


def _premium_words(one: RebalancingPremium) -> str:
    terms = {name: float(part) / one.span for name, part in one.terms.items()}
    said = {name: f"{'added' if part >= 0.0 else 'took'} {percent(abs(part), 2)}" for name, part in terms.items()}
    between, execution = ", and", ""
    if terms["execution"] != 0.0:
        between, execution = ",", f", and execution at the open {said['execution']}"
    net, gross = percent(abs(one.net) / one.span, 2), percent(one.gross / one.span, 2, signed=True)
    return (
        f"Rebalancing premium in this sample: {one.name} grew {net} a year {'faster' if one.net > 0.0 else 'slower'} "
        f"than the portfolio that it opened with, left to drift, after costs of trading ({gross} before them). The "
        f"volatility return {said['volatility return']} a year, the dispersion discount, since winners become a larger "
        f"part of what drifts, {said['dispersion discount']}{between} holding other weights than the opening ones "
        f"{said['weight changes']}{execution}."
    )


# -- classes ---------------------------------------------------------------------------------------------------------


def _first_class(found: Attributions) -> ClassAttribution | None:
    """The one that is not folded: against the reference where there is one, by the first kind with several classes."""
    there = [one for one in found.by_class if isinstance(one, ClassAttribution)]
    wanted = [one for one in there if found.gap is None or one.other == found.reference]
    return next((one for one in wanted if len(one.classes) > 2), next(iter(wanted), None))  # cash is one of them


def _class_parts(one: ClassAttribution | NotAvailable, found: Attributions, *, folded: bool) -> list[Part]:
    if isinstance(one, NotAvailable):
        return [Words(f"Attribution by class of {found.shown} not available: {one.reason}")]
    rows = []
    held = one.table[one.table.abs().max(axis=1) > WEIGHT]
    for name, row in held.iterrows():
        weights = [percent(float(row["weight"])), percent(float(row["compared"]))]
        rows.append(
            [class_words(str(name)), *weights, *(number(100.0 * float(row[c]), 3) for c in (*EFFECTS, "total"))]
        )
    total = 100.0 * one.table[[*EFFECTS, "total"]].sum()
    rows.append(["total", "", "", *(number(float(value), 3) for value in total)])
    heads: Heads = [KINDS[one.by], ("mean weight", one.name), ("mean weight", one.other), *EFFECTS, "total"]
    caption = (
        f"{one.name} against {one.other} by {KINDS[one.by]}: allocation, selection and interaction of Brinson and "
        f"Fachler on every day, linked over months by Carino; points of the return over the test, "
        f"{number(100.0 * one.difference, 3, signed=True)} in all"
    )
    made = table(caption, heads, rows, chosen="total")
    return [Folded(f"{one.name} against {one.other} by {KINDS[one.by]}", [made])] if folded else [made]


# -- factors ---------------------------------------------------------------------------------------------------------


def _factor_parts(found: Attributions, comparison: "Comparison") -> list[Part]:
    there = {name: one for name, one in found.factors.items() if isinstance(one, FactorAttribution)}
    parts: list[Part] = [
        Words(f"Factors of {name} not available: {one.reason}")
        for name, one in found.factors.items()
        if isinstance(one, NotAvailable)
    ]
    if not there:
        return parts
    styles, one = page_styles(comparison), next(iter(there.values()))
    rows = [_factor_row(name, factor, row) for name, a in there.items() for factor, row in a.table.iterrows()]
    heads: Heads = [
        "policy", "factor", ("beta; alpha", "% a year"), "95 % interval", ("part", "% a year of the return over cash"),
    ]  # fmt: skip
    caption = (
        f"Net return over cash on the factors of {one.source}, {one.dates[0]:%Y-%m-%d} to {one.dates[-1]:%Y-%m-%d}: "
        f"least squares, intervals of Newey and West with {one.regression.lags} lags; R² "
        + ", ".join(f"{number(a.regression.r_squared, 3)} of {name}" for name, a in there.items())
    )
    folded = [_factor_years(name, a) for name, a in there.items()]
    return [
        *parts,
        table(caption, heads, rows, texts=[1, 3], styles=styles),
        factor_betas_picture(there, styles),
        Folded("Parts by factor and year", folded),
    ]


def _factor_row(name: str, factor: object, row: pd.Series) -> list[str]:
    scale, digits = (100.0, 2) if factor == "alpha" else (1.0, 3)
    value, low, high = (number(scale * float(row[c]), digits) for c in ("coefficient", "lower", "upper"))
    return [name, str(factor), value, f"{low} to {high}", number(100.0 * float(row["part"]), 2, signed=True)]


def _factor_years(name: str, one: FactorAttribution) -> Block:
    rows = [
        [str(year), *(number(100.0 * value, 2, signed=True) for value in values)]
        for year, values in one.by_year.iterrows()
    ]
    caption = f"{name}: sums of daily returns over cash by year, %; not compounded"
    return table(caption, ["year", *_heads(one.by_year)], rows)


# -- numbers ---------------------------------------------------------------------------------------------------------


def _gap_numbers(gap: Attribution) -> dict[str, Any]:
    return {
        "log_growth": gap.gap,
        "years": gap.span,
        "components": gap.by_component.to_dict(),
        "by_year": gap.by_year.reset_index().to_dict("records"),
        "by_asset": gap.by_line.reset_index().to_dict("records"),
        "per_unit_of_final_wealth": gap.money,
        "residual": gap.residual,
        "no_income": gap.no_income,
    }


def _premium_numbers(one: RebalancingPremium | NotAvailable) -> dict[str, Any]:
    if isinstance(one, NotAvailable):
        return {"reason": one.reason}
    terms = {str(name).replace(" ", "_"): part for name, part in one.terms.items()}
    return {**terms, "gross": one.gross, "net": one.net, "years": one.span, "residual": one.residual}


def _class_numbers(one: ClassAttribution | NotAvailable) -> dict[str, Any]:
    if isinstance(one, NotAvailable):
        return {"reason": one.reason}
    return {
        "policy": one.name,
        "against": one.other,
        "by": one.by,
        "difference": one.difference,
        "classes": one.table.rename_axis("class").reset_index().to_dict("records"),
        "months": [
            {"month": f"{month:%Y-%m}", **{str(k): v for k, v in row.items()}} for month, row in one.by_month.iterrows()
        ],
        "residual": one.residual,
    }


def _factor_numbers(one: FactorAttribution | NotAvailable) -> dict[str, Any]:
    if isinstance(one, NotAvailable):
        return {"reason": one.reason}
    return {
        "source": one.source,
        "first": f"{one.dates[0]:%Y-%m-%d}",
        "last": f"{one.dates[-1]:%Y-%m-%d}",
        "r_squared": one.regression.r_squared,
        "lags": one.regression.lags,
        "coefficients": one.table.reset_index().to_dict("records"),
        "by_year": one.by_year.reset_index().to_dict("records"),
        "residual": one.residual,
    }
