"""The section of a sheet on futures of today's holdings: a fan, the laws side by side, and the policies."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from backtests.evaluation.metrics import Column
from backtests.inference.estimates import NotAvailable
from backtests.sheets.parts import Folded, Part, Words
from backtests.sheets.pictures.fan import fan_picture
from backtests.sheets.tables import Block, Looks, Shown, day, page_styles, records_table, table
from backtests.today.from_today import REASON, FromToday, Simulated
from foundation.paper.styles import LineStyle
from foundation.paper.wording import counted, listed, number, percent
from research.risk.simulation.future_laws import FilteredFuture, RegimeFuture

if TYPE_CHECKING:
    from backtests.comparison import Comparison

OF_LAWS = {  # what is said of a law where it is played
    FilteredFuture.name: "Over a month see filtered historical beside it, which starts from the volatility of today.",
    RegimeFuture.name: "Two regimes begin with the mean of the regime that today is likely to be in.",
}
BOUGHT = (
    " Nothing is held yet: each policy first buys its target at that close, which wealth pays for; turnover and cost a "
    "year count what is traded after it."
)
PROBABILITY_UNIT = (100.0, "%", 1)  # factor, unit and digits as shown
FUTURE_UNITS = {  # the same by name of a figure that is no probability, nor a number of rows
    **dict.fromkeys(("mean", "median", "percentile_5", "percentile_1"), (100.0, "% of NAV", 1)),
    "turnover": (100.0, "% a year", 1),
    "cost": (1e4, "bp a year", 2),
    "tracking_error": (100.0, "% a year", 2),
}
ALONE = ("mean",)  # figures that only the table of one policy has


def from_today_parts(comparison: "Comparison") -> list[Part]:
    """Words, picture and tables of the section."""
    found, styles = comparison.from_today, page_styles(comparison)
    shown = comparison.reference if isinstance(found, NotAvailable) else found.shown.policy
    return future_parts(found, styles[shown])


def future_parts(found: FromToday | NotAvailable, style: LineStyle) -> list[Part]:
    """The same of any holdings, or why there is nothing.  style : line style of the policy shown."""
    if isinstance(found, NotAvailable):
        return [Words(f"Not simulated: {found.reason}")]
    first, *more = _notes(found)
    others = [_policies_table(found)] if len(found.policies) > 1 else []
    return [
        Words(_intro(found), "intro"),
        fan_picture(found, style),
        _laws_table(found),
        Words(first),
        Folded("Policies, laws and how they are simulated", [*others, *map(Words, more), _whole_table(found)]),
    ]


def future_numbers(found: FromToday | NotAvailable) -> dict[str, Any]:
    """The figures of every policy under every law, with their standard errors, as plain values; or the reason."""
    if isinstance(found, NotAvailable):
        return {"reason": found.reason}
    return {
        "recommended_law": found.laws[0],
        "policies": list(found.policies),
        "first": day(found.dates[0]),
        "month": day(found.dates[found.month]),
        "last": day(found.dates[-1]),
        "nav": found.nav,
        "sample": {"first": day(found.sample[0]), "last": day(found.sample[1])},
        "drift": found.drift,
        "seed": found.seed,
        "left_out": list(found.left_out),
        "laws_not_fitted": dict(found.refused),
        "standing_estimates": {name: asdict(check) for name, check in found.checks.items()},
        "futures": [
            {
                "law": law,
                "policy": policy,
                "paths": one.paths,
                "figures": {name: figure._asdict() for name, figure in one.figures.items()},
            }
            for (law, policy), one in found.futures.items()
        ],
    }


# -- words -----------------------------------------------------------------------------------------------------------


def _intro(found: FromToday) -> str:
    figures = found.shown.figures
    loss, low = figures["loss_year"], figures["percentile_5"]
    year = f"; in one future of twenty the year returns {percent(low.value, signed=True)} or less"
    return (
        f"Policy {found.shown.policy}, from the holdings of {day(found.dates[0])} ({number(found.nav, 0)} "
        f"{found.basis}), loses within a year with a probability of {percent(loss.value)}{year if low.known else ''}."
        f"{BOUGHT if found.unopened else ''}"
    )


def _notes(found: FromToday) -> list[str]:
    days = " to ".join(map(day, found.sample))
    said = {law: f" {words}" for law, words in OF_LAWS.items() if law in found.laws}
    notes = [
        f"Recommended is the {found.laws[0]}: {REASON}{said.get(FilteredFuture.name, '')} The columns differ by the "
        "law alone: that is the risk of the model, and no part of the standard errors. In the long run all laws keep "
        f"the mean of {days}, in which the strategic target grew by {percent(found.drift)} a year (log return)."
        f"{said.get(RegimeFuture.name, '')} So few years hardly determine that mean, and probabilities of a loss "
        "within a year depend on it.",
        f"The laws are fitted to {days}, the rows on which all lines have returns. Futures are played by the "
        "accounting of the backtests, on the sessions that the exchange has; calendar rules know them.",
    ]
    for policy, check in found.checks.items():
        (turned, standing), (paid, pays) = check.turnover, check.cost
        notes.append(
            f"{policy} estimates anew on its way; here it goes on with its target and bands of the last close. On "
            f"{check.paths:,} of the futures it was also played as it is: wealth after the year differs by "
            f"{number(1e4 * check.wealth, 1)} bp in the mean, turnover is {percent(turned)} a year instead of "
            f"{percent(standing)}, and cost {number(1e4 * paid)} bp instead of {number(1e4 * pays)} bp."
        )
    alone = [name for name in found.policies if (found.laws[-1], name) not in found.futures and len(found.laws) > 1]
    if alone:
        each = listed([f"{name} ({counted(found.futures[found.laws[0], name].paths, 'future')})" for name in alone])
        notes.append(
            f"Played under the {found.laws[0]} only, and on fewer futures, since each decision takes so long: {each}. "
            "Their standard errors say what that leaves open."
        )
    notes += [f"The law “{law}” is left out, since it cannot be fitted: {why}" for law, why in found.refused.items()]
    if found.left_out:
        notes.append(f"The file has, and the futures have not: {listed(found.left_out)}.")
    return notes


# -- tables ----------------------------------------------------------------------------------------------------------


def _figures(found: FromToday) -> list[Column]:
    """The figures of a future, in the order of their words."""
    units = FUTURE_UNITS | {"under_water": (1.0, found.rows, 0)}
    return [
        Column(name, words, unit, factor, digits)
        for name, (words, _) in found.words.items()
        for factor, unit, digits in [units.get(name, PROBABILITY_UNIT)]
    ]


def _text(column: Column, figure: Simulated) -> str:
    if not figure.known:
        return "too few futures"
    error = number(column.factor * figure.error, column.digits + (figure.error > 0.0))
    return f"{column.text(figure.value)} ± {error}"


def _laws_table(found: FromToday) -> Block:
    """A row a figure of the policy shown, a column a law."""
    first = found.shown.policy
    laws = [law for law in found.laws if (law, first) in found.futures]
    figures = [found.futures[law, first].figures for law in laws]
    rows = [[c.label, c.unit, *(_text(c, by_name[c.key]) for by_name in figures)] for c in _figures(found)]
    caption = f"{first} under {counted(len(laws), 'law')}: each figure ± one standard error of the simulation"
    return table(caption, ["figure", "unit", *laws], rows, texts=[1])


def _policies_table(found: FromToday) -> Block:
    """A row a policy under the recommended law."""
    law, columns = found.laws[0], [column for column in _figures(found) if column.key not in ALONE]
    figures = {
        policy: {name: figure.value for name, figure in found.futures[law, policy].figures.items()}
        for policy in found.policies
    }
    caption = f"Policies under the {law}, on the same futures"
    return records_table(caption, columns, figures, Looks(chosen=found.policies[0]), head="policy")


def _whole_table(found: FromToday) -> Block:
    records = [
        {"law": law, "policy": policy, "paths": one.paths, **one.figures}
        for (law, policy), one in found.futures.items()
    ]
    columns = (
        Shown("law", "law"),
        Shown("policy", "policy", words=True),
        Shown("paths", "futures", form="{:,}".format),
        *(Shown(c.key, c.label, c.unit, partial(_text, c)) for c in _figures(found) if c.key not in ALONE),
    )
    return records_table("Each figure ± one standard error of the simulation", columns, records)
