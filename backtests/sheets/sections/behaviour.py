"""The section of a sheet on behaviour: ranges, every start and length, costs, round trips and capacity."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from backtests.comparison import Comparison
from backtests.comparison.descriptions.behaviour import Behaviour
from backtests.comparison.descriptions.capacity import Capacity
from backtests.comparison.descriptions.cost_levels import COST_LEVELS, FEWER, CostLevels
from backtests.comparison.descriptions.policy_statement import PolicyStatement
from backtests.evaluation.metrics import Column
from backtests.evaluation.round_trips import RoundTrips
from backtests.sheets.parts import Beside, Folded, Part, Words
from backtests.sheets.pictures.comparison.costs import cost_levels_picture, root_words
from backtests.sheets.pictures.comparison.months import holding_windows_picture
from backtests.sheets.tables import Block, Looks, Shown, by_name, known, looks_of, records_of, records_table, scaled
from backtests.sheets.terms import term_of
from foundation.paper.wording import class_words, counted, listed, number, percent
from research.market.calendars import DAYS_PER_YEAR
from research.risk.measures import BPS

ROWS_UNFOLDED = 12  # rows of a table that is not folded away
PER_CENT, GAP, MEAN_GAP = scaled(100.0, 1), scaled(100.0, 1, signed=True), scaled(100.0)
DESCRIBES = "All of it describes this test; none of it is evidence for a policy."
LINES_CAPTION = (
    "Weights at the {days:,} closes of the test, after booking, against targets and ranges. A gap is a weight less its "
    "strategic target, in points of NAV; past its band: closes at which a weight was past the policy's own band. A "
    "class has a row where it has several assets"
)
STATEMENTS = (
    Shown("days_outside", "outside", "days", "{:,}".format, term=term_of("days_outside")),
    Shown("", "outside", "of days", lambda one: percent(one.days_outside / one.days), term=term_of("days_outside")),
    Shown("lines", "longest of an asset", "days in succession", lambda x: f"{int(x['longest_outside'].max()):,}"),
    Shown("worst", "worst gap", "points", lambda worst: GAP(worst["worst_gap"])),
    Shown("worst", "of, on", form=lambda worst: f"{worst['line']}, {worst['worst_date']}", words=True),
    Shown("lines", "mean gap", "points, over assets", lambda lines: MEAN_GAP(lines["mean_gap"].mean())),
)
WINDOW_COLUMNS = (
    Shown("years", "years held"),
    Shown("windows", "windows", form="{:,}".format),
    Shown("positive", "positive", "of windows", lambda share: percent(share, 0)),
    *(Shown(end, end, "bp a year", scaled(BPS, 0, signed=True)) for end in ("least", "median", "most")),
)


def behaviour_parts(comparison: Comparison) -> list[Part]:
    """Words, tables and pictures of the section."""
    found, basis = comparison.behaviour, comparison.portfolio.basis
    return [Words(_intro(found, comparison), "intro"), *policies_behaviour_parts(found, looks_of(comparison), basis)]


def policies_behaviour_parts(found: Behaviour, looks: Looks, basis: str) -> list[Part]:
    """The section for any policies, without its introduction.

    found : the behaviour of policies.
    looks : looks of the policies.
    basis : currency.
    """
    windows = None if found.windows is None else holding_windows_picture(found.windows)
    costs = None if found.costs is None else cost_levels_picture(found.costs, looks.styles, found.shown)
    drawn = [each for each in (windows, costs) if each is not None]
    lines = _lines_table(found)
    whose = " of every policy" if len(found.statements) > 1 else ""
    tables = [
        records_table(
            "Days outside permitted ranges, and gaps to the strategic target, after booking",
            STATEMENTS,
            found.statements,
            looks,
            head="policy",
        ),
        *_windows_tables(found),
        *([] if found.costs is None else [_costs_table(found.costs, metric, looks) for metric in ("loss", "growth")]),
        _trips_table(found.trips, basis, looks),
        *(_capacity_table(each, basis) for each in found.capacities if len(each.table)),
    ]
    return [
        Words(_ranges_words(found)),
        Folded("Weights against ranges, by asset and class", [lines]) if len(lines["rows"]) > ROWS_UNFOLDED else lines,
        *([Beside(drawn)] if drawn else []),
        *map(Words, _notes(found)),
        Words(_trips_words(found)),
        *(Words(_capacity_words(each, basis)) for each in _said_once(found.capacities)),
        Folded(f"Ranges, starts{'' if found.costs is None else ', costs'} and round trips{whose}", tables),
    ]


def _intro(found: Behaviour, comparison: Comparison) -> str:
    reference = comparison.reference
    if comparison.recommendation.policy is None:
        who = f"{found.shown}, the reference, since no policy is recommended"
    else:
        who = f"{found.shown}, the recommended policy"
    beside = "" if found.other is None else f", beside {found.other}" + ", the reference" * (found.other == reference)
    return f"Of {who}{beside}. {DESCRIBES}"


# -- ranges ----------------------------------------------------------------------------------------------------------


def _pair(found: Behaviour) -> list[str]:
    return [found.shown, *([] if found.other is None else [found.other])]


def _ranges_words(found: Behaviour) -> str:
    each = []
    for name in _pair(found):
        one = found.statements[name]
        worst = one.worst
        outside = (
            f"{name} had an asset outside its range on {one.days_outside:,} of {one.days:,} days "
            f"({percent(one.days_outside / one.days)}); its"
            if one.has_ranges
            else f"{name} has no ranges to stay within; its"
        )
        each.append(
            f"{outside} widest gap was {GAP(worst['worst_gap'])} points ({worst['line']}, {worst['worst_date']})"
        )
    return f"{'; '.join(each)}."


def _lines_table(found: Behaviour) -> Block:
    """A row an asset, and a class of several assets below its own: the pair of policies beside one another."""
    names = _pair(found)
    by_policy = {name: _by_row(found.statements[name]) for name in names}
    every = dict.fromkeys(row for rows in by_policy.values() for row in rows)
    records = {row: {name: rows.get(row) for name, rows in by_policy.items()} for row in every}

    def either(form: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
        return lambda by_name: form(next(row for row in by_name.values() if row is not None))

    columns = [
        Shown("", "target", "%", either(lambda row: PER_CENT(row["target"]))),
        Shown("", "range", "%", either(lambda row: _range(row["lower"], row["upper"]))),
        *(column for name in names for column in _gap_columns(name, found.statements[name].has_ranges)),
    ]
    shown = [column for column in columns if any(column.cell(record) != "–" for record in records.values())]
    caption = LINES_CAPTION.format(days=found.statements[found.shown].days)
    return records_table(caption, shown, records, head="asset")


def _range(lower: float, upper: float) -> str:
    return "–" if lower != lower else f"{PER_CENT(lower)} to {PER_CENT(upper)}".replace(" ", "\N{NO-BREAK SPACE}")


def _gap_columns(name: str, has_ranges: bool) -> list[Shown]:
    """The columns of one policy; a dash where it does not hold the asset."""

    def of(key: str, form: Callable[[float], str]) -> Callable[[Mapping[str, Any] | None], str]:
        return lambda row: "–" if row is None else form(row[key])

    outside = of("days_outside", "{:,.0f}".format if has_ranges else lambda _: "–")
    return [
        Shown(name, name, "days outside", outside, term=term_of("days_outside")),
        Shown(name, name, "worst gap, points", of("worst_gap", GAP)),
        Shown(name, name, "mean gap, points", of("mean_gap", MEAN_GAP)),
        Shown(name, name, "days past its band", of("past_band", scaled(1.0, 0))),
    ]


def _by_row(statement: PolicyStatement) -> dict[str, dict[str, Any]]:
    """The rows of assets by name, each class of several assets after its last one."""
    lines, classes = records_of(statement.lines), by_name(statement.classes, "asset_class")
    found: dict[str, dict[str, Any]] = {}
    for number_of, line in enumerate(lines):
        found[str(line["line"])] = line
        own = [k for k, other in enumerate(lines) if other["asset_class"] == line["asset_class"]]
        if len(own) > 1 and number_of == own[-1]:
            nothing = dict.fromkeys(("lower", "upper", "past_band"), float("nan"))
            name = f"{class_words(line['asset_class'])} ({counted(len(own), 'asset')})"
            found[name] = nothing | classes[line["asset_class"]]
    return found


# -- starts and lengths ----------------------------------------------------------------------------------------------


def _windows_tables(found: Behaviour) -> list[Block]:
    if found.windows is None or not found.windows.difference.size:
        return []
    caption = (
        f"CAGR of {found.windows.one} less that of {found.windows.other}, by length, over every start month; windows "
        "overlap, and their number says nothing about evidence"
    )
    return [records_table(caption, WINDOW_COLUMNS, records_of(found.windows.table()))]


# -- costs -----------------------------------------------------------------------------------------------------------


def _costs_table(costs: CostLevels, metric: str, looks: Looks) -> Block:
    levels = [f"{level:g}" for level in COST_LEVELS]
    wide = costs.wide(metric).reindex(columns=list(COST_LEVELS)).set_axis(levels, axis=1)
    factor, what = (1.0, "Loss J, bp a year") if metric == "loss" else (100.0, "CAGR, % a year, net")
    columns = [Shown(level, level, "bp a side", scaled(factor)) for level in levels]
    if metric == "loss":

        def break_even(row: pd.Series) -> str:
            return listed([root_words(root) for root in costs.of(str(row.name))] or ["–"])

        columns.append(Shown("", "break-even", f"bp a side, with {costs.reference}", break_even))
    caption = f"{what}, at one cost of notional a side for every asset"
    return records_table(caption, columns, {str(name): row for name, row in wide.iterrows()}, looks, head="policy")


def _notes(found: Behaviour) -> list[str]:
    """Notes on the pictures: the cost levels, and comparisons that are missing."""
    notes = [] if found.costs is None else [_costs_words(found.costs)]
    if found.windows is None:
        beside = "second policy beside" if found.costs is not None else "benchmark of"
        notes.append(f"There is no {beside} {found.shown}: starts and lengths are not compared.")
    elif not found.windows.difference.size:
        notes.append("Starts and lengths need a year of whole months: the test is shorter.")
    return notes


def _costs_words(costs: CostLevels) -> str:
    """A note on backtests at other costs: how policies are played, and which are left out."""
    words = (
        "Each point is a new backtest with this cost in place of commissions and half-spreads; other costs stay. Tuned "
        "and learned rules are played as they were fitted at the file's costs; a rule that reads costs sees those."
    )
    if costs.break_evens:
        words += " A break-even is the root between two levels, found by replays and played again there."
    if costs.by_day:
        few = listed([f"{level:g}" for level in FEWER])
        words += f" Policies that decide day by day ({listed(costs.by_day)}) are played at {few} bp only."
    if costs.left_out:
        words += f" Classes of your own that decide day by day ({listed(costs.left_out)}) are not played again."
    return words


# -- round trips -----------------------------------------------------------------------------------------------------


def _trips_words(found: Behaviour) -> str:
    each = []
    for name in _pair(found):
        figures = found.trips[name].figures
        if not figures["number"]:
            each.append(f"{name} closed none")
            continue
        each.append(
            f"{name} closed {figures['number']:,}, {percent(figures['won'], 0)} at a gain, after "
            f"{_years(figures['days'])} years on average"
        )
    return (
        f"Round trips (a sale against the average cost of what it sells): {'; '.join(each)}. Rebalancing sells what "
        "has risen, so that most sales gain under any rule."
    )


def _trip(trip: pd.Series) -> str:
    return f"{percent(trip['return'], 0, signed=True)} ({trip['line']}, {trip['closed']:%Y-%m})"


def _years(days: float | None) -> str:
    return number(None if days is None else days / DAYS_PER_YEAR, 1)


def _trips_table(trips: Mapping[str, RoundTrips], basis: str, looks: Looks) -> Block:
    columns = (
        Shown("number", "round trips", form="{:,}".format),
        Shown("days", "held", "years, mean", _years),
        Shown("won", "gained", "of round trips", known(lambda share: percent(share, 0))),
        Shown("mean_pnl", "mean P&L", basis, scaled(1.0, 0)),
        Shown("mean_return", "mean return", "P&L over cost", known(percent)),
        Shown("best", "best", words=True),
        Shown("worst", "worst", words=True),
    )
    caption = (
        "Round trips: each order that reduces a position, against the average cost and age of its units, with the fees "
        "of both ways; what is still held is none"
    )
    records = {
        name: one.figures | {end: "–" if one.trips.empty else _trip(one.extreme(end)) for end in ("best", "worst")}
        for name, one in trips.items()
    }
    return records_table(caption, columns, records, looks, head="policy")


# -- capacity --------------------------------------------------------------------------------------------------------


def _said_once(capacities: tuple[Capacity, ...]) -> list[Capacity]:
    """One of those that say the same."""
    return list({each.reason or each.against: each for each in reversed(capacities)}.values())[::-1]


def _capacity_words(one: Capacity, basis: str) -> str:
    if one.nav is None:
        return f"Capacity of {one.policy}, the wealth at which impact takes half of its gain: {one.reason}"
    gain = float(one.table["gain_without_impact"].iloc[-1])
    return (
        f"Capacity of {one.policy}: at {number(_rounded(one.nav), 0)} {basis} at the start, market impact takes half "
        f"of its gain over {one.against} of {number(gain)} bp a year in J."
    )


def _rounded(nav: float) -> float:
    """The NAV to three digits: as many as the search finds."""
    return float(f"{nav:.3g}")


def _capacity_table(one: Capacity, basis: str) -> Block:
    columns = (
        Shown("nav", "wealth at the start", basis, lambda nav: number(_rounded(nav), 0)),
        Column("gain", "gain in J", "bp a year"),
        Column("gain_without_impact", "without impact", "bp a year"),
    )
    caption = f"Gain of {one.policy} over {one.against} as wealth rises, both played at that wealth"
    return records_table(caption, columns, records_of(one.table))


# -- numbers ---------------------------------------------------------------------------------------------------------


def behaviour_numbers(found: Behaviour) -> dict[str, Any]:
    """The numbers of the section as plain values, of all policies."""
    windows, costs = found.windows, found.costs
    return {
        "policy": found.shown,
        "beside": found.other,
        "ranges": {
            name: {
                "days": one.days,
                "days_outside": one.days_outside,
                "lines": records_of(one.lines),
                "classes": records_of(one.classes),
            }
            for name, one in found.statements.items()
        },
        "windows": [] if windows is None else records_of(windows.table()),
        "cost_levels": [] if costs is None else records_of(costs.table),
        "break_evens": []
        if costs is None
        else [
            {"policy": root.policy, "against": costs.reference, "cost_bps": root.cost}
            | {"difference": root.difference, "lower_below": root.below}
            for root in costs.break_evens
        ],
        "round_trips": {name: one.figures for name, one in found.trips.items()},
        "capacity": [
            {"policy": each.policy, "against": each.against, "nav": each.nav, "reason": each.reason or None}
            | {"table": records_of(each.table)}
            for each in found.capacities
        ],
    }
