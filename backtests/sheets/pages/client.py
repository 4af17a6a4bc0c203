"""The page of a client whose comparison others share: the verdict in his money, his drift, and his orders.

The report of the comparison has every other figure; it is made once for all its clients.
"""

from collections.abc import Mapping
from typing import Any

from backtests.runs.origin import Origin, identity
from backtests.runs.report_settings import scales_with_nav
from backtests.sheets.parts import facts_blocks
from backtests.sheets.render import render
from backtests.sheets.tables import Block, Shown, day, known, records_table, scaled
from foundation.paper.render import Running
from foundation.paper.wording import age_words, counted, number, probability
from research.orders import TradeList

CLIENT_PAGE = "client.html"


def client_html(name: str, trades: TradeList, report: Mapping[str, Any], comparison: str, run: Origin) -> str:
    """The page, in one file.

    name       : name of the client.
    trades     : trade list of his holdings.
    report     : numbers of the report of the comparison, as in tearsheet.json; it may be another client's, whom nothing
                 names.
    comparison : sha256 of the comparison, `comparison_key`.
    run        : identity of his run.
    """
    desk, made = trades.portfolio, report["recommendation"]
    nav, scales = float(trades.facts["nav_before"]), scales_with_nav(desk)
    amounts = nav if scales else made["nav"]
    compared = (
        "Costs are proportional: returns and basis points are the same at any NAV, and amounts are those of this one."
        if scales
        else "Costs depend on the size of orders: the comparison and its amounts are those of a NAV of "
        f"{number(made['nav'], 0)} {desk.basis}."
    )
    test = report["test"]
    facts = {
        "Comparison": f"{comparison[:8]}, tested {test['first']} to {test['last']}. {compared}",
        "Warnings": f"{counted(len(report['warnings']), 'warning')} on the comparison, in its report.",
        **identity(run),
    }
    subtitle = f"{number(nav, 0)} {desk.basis} at the closes of {day(desk.date)}"
    return render(
        "client.html.j2",
        Running(f"{name}: orders and verdict", f"closes of {day(desk.date)}", run.name),
        title=name,
        sheet={
            "subtitle": subtitle,
            "verdict": made["verdict"]["do"],
            "colour": "accent" if made["policy"] else "soft",
            "reasons": facts_blocks({"What a change gains": _gain(made, amounts, desk.basis), "Drift": _drift(trades)}),
            "age": age_words(desk.date),
            "facts": facts_blocks(facts),
        },
        trades=trades.html(),
        policies=[_policies(report, amounts / made["nav"], desk.basis)],
    )


def _gain(made: Mapping[str, Any], nav: float, basis: str) -> str:
    """A sentence on the expected gain of the recommended policy at a NAV, in currency and basis points a year."""
    policy, now = made["policy"], made["now"]
    if not policy:
        return "No policy is recommended: the report says why."
    if policy == now:
        return f"{policy} is followed now, and stays: no change is expected to gain enough to be material."
    if not now:
        return f"{policy} is expected to lose least of the policies that were compared."
    one, scale = made["candidates"][policy], nav / made["nav"]
    value, lower, upper = (number(scale * one["gain"][key], 0, signed=True) for key in ("value", "lower", "upper"))
    return (
        f"{policy} is expected to lose less than {now}, by {value} {basis} a year (95 %: {lower} to {upper}). The "
        f"probability of a gain is {probability(one['better'])}."
    )


def _drift(trades: TradeList) -> str:
    before = trades.before_after.figures["before"]
    return f"{before.furthest} is {number(100.0 * before.largest_drift)} points from its target, the furthest of all."


def _policies(report: Mapping[str, Any], scale: float, basis: str) -> Block:
    """The policies of the comparison in the client's money, the recommended one first."""
    made, figures = report["recommendation"], report["figures"]
    first = [name for name in (made["policy"], made["now"]) if name in figures]
    records = {}
    for name in dict.fromkeys([*first, *figures]):
        one = made["candidates"].get(name)
        gain = None if one is None or name == made["now"] else one["gain"]
        records[name] = {key: figures[name][key] for key in ("cost", "tracking_error", "growth")} | {
            "loss": one and one["loss"],
            "gain": gain and gain["value"],
            "interval": gain and f"{_money(scale * gain['lower'])} to {_money(scale * gain['upper'])}",
            "days": one and one["work"]["days"],
            "limits": "; ".join(made["broken"].get(name, ())) or "within",
        }
    columns = [
        Shown("loss", "expected loss", f"{basis} a year", scaled(scale, 0)),
        Shown(
            "gain",
            f"gain on {made['now']}" if made["now"] else "gain",
            f"{basis} a year",
            scaled(scale, 0, signed=True),
        ),
        Shown("interval", "95 % interval", f"{basis} a year", known(str)),
        Shown("cost", "cost", "bp a year", scaled()),
        Shown("tracking_error", "tracking error", "% a year", scaled(100.0)),
        Shown("growth", "CAGR", "% a year", scaled(100.0)),
        Shown("days", "days with orders", "a year", scaled(digits=1)),
        Shown("limits", "limits", words=True),
    ]
    caption = "Loss is cost and the price of tracking error; a lower one is better. The first row is recommended"
    return records_table(caption if made["policy"] else caption.partition(". ")[0], columns, records, head="policy")


def _money(value: float) -> str:
    return number(value, 0, signed=True)
