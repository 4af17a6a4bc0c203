"""The section of a sheet on attribution: the sources of the gap to the reference, and the gain from rebalancing."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from backtests.attribution.attribution import Attribution
from backtests.attribution.class_attribution import EFFECTS, ClassAttribution
from backtests.attribution.contributions import COST_NAMES
from backtests.attribution.factor_attribution import FactorAttribution
from backtests.attribution.rebalancing_premium import PREMIUM_TERMS, RebalancingPremium
from backtests.comparison import Comparison
from backtests.comparison.descriptions.attributions import Attributions
from backtests.inference.estimates import NotAvailable
from backtests.sheets.parts import Folded, Part, Words
from backtests.sheets.pictures.comparison.rolling import factor_betas_picture
from backtests.sheets.pictures.comparison.years import attribution_picture
from backtests.sheets.tables import Block, Looks, Shown, day, looks_of, records_table, scaled
from foundation.paper.wording import class_words, number, percent
from foundation.tolerances import WEIGHT
from research.risk.measures import BPS

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
TOTAL, NET = Looks(chosen="total"), "premium, net"
SIGNED_POINTS = scaled(1.0, 1, signed=True)
SAMPLE = "All of this describes the sample; intervals of differences stand in “Differences to the reference”."
FACTOR_COLUMNS = (
    Shown("policy", "policy"),
    Shown("factor", "factor", words=True),
    Shown("", "beta; alpha", "% a year", lambda row: _coefficient(row, "coefficient")),
    Shown(
        "", "95 % interval", "", lambda row: f"{_coefficient(row, 'lower')} to {_coefficient(row, 'upper')}", words=True
    ),
    Shown("part", "part", "% a year of the return over cash", scaled(100.0, signed=True)),
)


def attribution_parts(comparison: Comparison) -> list[Part]:
    """Words, tables and pictures of the section."""
    found, looks = comparison.attributions, looks_of(comparison)
    parts: list[Part] = []
    if found.gap is not None:
        parts += [Words(_intro(found, found.gap), "intro"), _components(found.gap, comparison)]
        parts += [attribution_picture(found.gap, looks.styles), *_folded_gap(found.gap)]
    parts += _premium_parts(found, looks)
    first = _first_class(found)
    for one in found.by_class:
        parts += _class_parts(one, found, folded=one is not first)
    return parts + _factor_parts(found, looks)


def attribution_numbers(found: Attributions) -> dict[str, Any]:
    """The numbers of the section as plain values, in logarithms of wealth and fractions."""

    def or_reason(one: Any, numbers: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {"reason": one.reason} if isinstance(one, NotAvailable) else numbers(one)

    return {
        "shown": found.shown,
        "reference": found.reference,
        "gap": None if found.gap is None else _gap_numbers(found.gap),
        "premiums": {name: or_reason(one, _premium_numbers) for name, one in found.premiums.items()},
        "by_class": [or_reason(one, _class_numbers) for one in found.by_class],
        "factors": {name: or_reason(one, _factor_numbers) for name, one in found.factors.items()},
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


def _components(gap: Attribution, comparison: Comparison) -> Block:
    portfolio = comparison.portfolio
    columns = (
        Shown("part", "log growth", "bp a year", lambda part: number(part * BPS / gap.span, signed=True)),
        Shown("part", "final wealth", portfolio.basis, scaled(gap.money * portfolio.nav, 0, signed=True)),
        Shown("words", "what it is", words=True),
    )
    records = [
        (str(name).replace("_", " "), {"part": part, "words": MEANINGS.get(str(name), _cost_words(str(name), gap))})
        for name, part in [*gap.by_component.items(), ("total", gap.gap)]
    ]
    flows = any(played.flows.any() for played in comparison.backtests.values())
    without = ", without the cash flows" if flows else ""
    caption = (
        f"{gap.name} less {gap.other} by component. Final wealth: the same parts of the difference at the end of the "
        f"test, from an opening NAV of {number(portfolio.nav, 0)} {portfolio.basis}{without}"
    )
    return records_table(caption, columns, records, TOTAL, head="component")


def _cost_words(name: str, gap: Attribution) -> str:
    if name == "total":
        return f"{gap.name} less {gap.other}"
    return f"what {gap.name} paid less than {gap.other}" if name in COST_NAMES else ""


def _folded_gap(gap: Attribution) -> list[Part]:
    by_year = _of_gap(gap.by_year, "year", "bp of log growth in the year", 1.0)
    by_line = _of_gap(gap.by_line, "asset", "bp of log growth a year", 1.0 / gap.span)
    return [
        Folded("The gap by year and component", [by_year]),
        Folded("The gap by asset and component", [by_line]),
        *([Words(f"Income is not a component: {gap.no_income}.")] if gap.no_income else []),
    ]


def _of_gap(frame: pd.DataFrame, head: str, unit: str, factor: float) -> Block:
    rows = [(str(label), values * BPS * factor) for label, values in (*frame.iterrows(), ("total", frame.sum()))]
    return records_table(f"By {head}, {unit}", _columns(frame, SIGNED_POINTS), rows, TOTAL, head=head)


def _columns(names: Iterable[Any], form: Callable[[float], str]) -> list[Shown]:
    """A column a name, of rows by name."""
    return [Shown(str(name), str(name).replace("_", " "), form=form) for name in names]


# -- the rebalancing premium -----------------------------------------------------------------------------------------


def _premium_parts(found: Attributions, looks: Looks) -> list[Part]:
    one = found.premiums[found.shown]
    if isinstance(one, NotAvailable):
        return [Words(f"Rebalancing premium of {found.shown} not available: {one.reason}")]
    there = {name: each for name, each in found.premiums.items() if isinstance(each, RebalancingPremium)}
    executed = any(each.terms["execution"] != 0.0 for each in there.values())
    columns = _columns((*(term for term in PREMIUM_TERMS if term != "execution" or executed), NET), SIGNED_POINTS)
    rows = {
        name: {term: part * BPS / each.span for term, part in {**each.terms, NET: each.net}.items()}
        for name, each in there.items()
    }
    caption = (
        "Rebalancing premium of each policy over the portfolio it opened with, bp of log growth a year. Costs are "
        "those of trading; what holding costs is left out of both"
    )
    made = records_table(caption, columns, rows, looks, head="policy")
    return [
        Words(_premium_words(one), ""),
        Folded("The rebalancing premium of every policy", [made, *_reasons("Rebalancing premium", found.premiums)]),
    ]


def _reasons(what: str, found: Mapping[str, Any]) -> list[Part]:
    """A note for each policy of which something is not available."""
    missing = {name: one for name, one in found.items() if isinstance(one, NotAvailable)}
    return [Words(f"{what} of {name} not available: {one.reason}") for name, one in missing.items()]


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
    held = one.table[one.table.abs().max(axis=1) > WEIGHT]
    total = one.table.sum()
    rows = [*((class_words(str(name)), row) for name, row in held.iterrows()), ("total", total)]

    def weight(row: pd.Series, column: str) -> str:
        return "" if row is total else percent(float(row[column]))

    columns = [
        Shown("", "mean weight", one.name, lambda row: weight(row, "weight")),
        Shown("", "mean weight", one.other, lambda row: weight(row, "compared")),
        *_columns((*EFFECTS, "total"), scaled(100.0, 3)),
    ]
    caption = (
        f"{one.name} against {one.other} by {KINDS[one.by]}: allocation, selection and interaction of Brinson and "
        f"Fachler on every day, linked over months by Carino; points of the return over the test, "
        f"{number(100.0 * one.difference, 3, signed=True)} in all"
    )
    made = records_table(caption, columns, rows, TOTAL, head=KINDS[one.by])
    return [Folded(f"{one.name} against {one.other} by {KINDS[one.by]}", [made])] if folded else [made]


# -- factors ---------------------------------------------------------------------------------------------------------


def _factor_parts(found: Attributions, looks: Looks) -> list[Part]:
    there = {name: one for name, one in found.factors.items() if isinstance(one, FactorAttribution)}
    reasons = _reasons("Factors", found.factors)
    if not there:
        return reasons
    one = next(iter(there.values()))
    records = [
        {"policy": name, "factor": str(factor), **row}
        for name, a in there.items()
        for factor, row in a.table.iterrows()
    ]
    caption = (
        f"Net return over cash on the factors of {one.source}, {day(one.dates[0])} to {day(one.dates[-1])}: "
        f"least squares, intervals of Newey and West with {one.regression.lags} lags; R² "
        + ", ".join(f"{number(a.regression.r_squared, 3)} of {name}" for name, a in there.items())
    )
    return [
        *reasons,
        records_table(caption, FACTOR_COLUMNS, records, Looks(looks.styles)),
        factor_betas_picture(there, looks.styles),
        Folded("Parts by factor and year", [_factor_years(name, a) for name, a in there.items()]),
    ]


def _coefficient(row: Mapping[str, Any], name: str) -> str:
    return number(100.0 * row[name]) if row["factor"] == "alpha" else number(row[name], 3)


def _factor_years(name: str, one: FactorAttribution) -> Block:
    rows = {str(year): values for year, values in one.by_year.iterrows()}
    caption = f"{name}: sums of daily returns over cash by year, %; not compounded"
    return records_table(caption, _columns(one.by_year, scaled(100.0, signed=True)), rows, head="year")


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


def _premium_numbers(one: RebalancingPremium) -> dict[str, Any]:
    terms = {str(name).replace(" ", "_"): part for name, part in one.terms.items()}
    return {**terms, "gross": one.gross, "net": one.net, "years": one.span, "residual": one.residual}


def _class_numbers(one: ClassAttribution) -> dict[str, Any]:
    return {
        "policy": one.name,
        "against": one.other,
        "by": one.by,
        "difference": one.difference,
        "classes": one.table.rename_axis("class").reset_index().to_dict("records"),
        "months": [{"month": f"{month:%Y-%m}", **row} for month, row in one.by_month.iterrows()],
        "residual": one.residual,
    }


def _factor_numbers(one: FactorAttribution) -> dict[str, Any]:
    return {
        "source": one.source,
        "first": day(one.dates[0]),
        "last": day(one.dates[-1]),
        "r_squared": one.regression.r_squared,
        "lags": one.regression.lags,
        "coefficients": one.table.reset_index().to_dict("records"),
        "by_year": one.by_year.reset_index().to_dict("records"),
        "residual": one.residual,
    }
