"""The section of a sheet on behaviour: ranges, every start and length, costs, round trips and capacity."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests.comparison.descriptions.behaviour import Behaviour
from backtests.comparison.descriptions.capacity import Capacity
from backtests.comparison.descriptions.cost_levels import FEWER, LEVELS, CostLevels
from backtests.comparison.descriptions.policy_statement import PolicyStatement
from backtests.evaluation.round_trips import RoundTrips
from backtests.sheets.parts import Beside, Block, Folded, Part, Words, records_of, table
from backtests.sheets.pictures.comparison.costs import cost_levels_picture, root_words
from backtests.sheets.pictures.comparison.months import BP, holding_windows_picture
from backtests.sheets.sections.policy_styles import page_styles
from backtests.sheets.terms import term_of
from foundation.paper.styles import LineStyle
from foundation.paper.wording import class_words, counted, listed, number, percent

if TYPE_CHECKING:
    from backtests.comparison import Comparison

SHORT = 12  # rows of a table that is not folded away
POINTS = 100.0
YEAR = 365.25  # days
DESCRIBES = "All of it describes this test; none of it is evidence for a policy."
LINES_CAPTION = (
    "Weights at the {days:,} closes of the test, after booking, against targets and ranges. A gap is a weight less its "
    "strategic target, in points of NAV; past its band: closes at which a weight was past the policy's own band. A "
    "class has a row where it has several assets"
)


def behaviour_parts(comparison: "Comparison") -> list[Part]:
    """Words, tables and pictures of the section."""
    found, chosen = comparison.behaviour, comparison.recommendation.policy
    parts = _parts(found, page_styles(comparison), chosen, comparison.portfolio.basis)
    return [Words(_intro(found, comparison), "intro"), *parts]


def policy_behaviour_parts(found: Behaviour, style: LineStyle, basis: str) -> list[Part]:
    """The parts of the section for one policy by itself.

    found : behaviour of the policy.
    style : line style of the policy.
    basis : base currency.
    """
    return [Words(DESCRIBES, "intro"), *_parts(found, {found.shown: style}, None, basis)]


def _parts(found: Behaviour, styles: Mapping[str, LineStyle], chosen: str | None, basis: str) -> list[Part]:
    """Words, tables and pictures.

    found  : the behaviour of policies.
    styles : line style of each.
    chosen : the recommended policy, or None.
    basis  : currency.
    """
    windows = None if found.windows is None else holding_windows_picture(found.windows)
    costs = None if found.costs is None else cost_levels_picture(found.costs, styles, found.shown)
    drawn = [each for each in (windows, costs) if each is not None]
    lines = _lines_table(found)
    long = len(lines["rows"]) > SHORT
    whose = " of every policy" if len(found.statements) > 1 else ""
    return [
        Words(_ranges_words(found)),
        *([Folded("Weights against ranges, by asset and class", [lines])] if long else [lines]),
        *([Beside(drawn)] if drawn else []),
        *map(Words, _notes(found)),
        Words(_trips_words(found)),
        *(Words(_capacity_words(each, basis)) for each in _said_once(found.capacities)),
        Folded(
            f"Ranges, starts{'' if found.costs is None else ', costs'} and round trips{whose}",
            [
                _statements_table(found.statements, styles, chosen),
                *_windows_tables(found),
                *(
                    []
                    if found.costs is None
                    else [_costs_table(found.costs, metric, styles, chosen) for metric in ("loss", "growth")]
                ),
                _trips_table(found.trips, basis, styles, chosen),
                *(_capacity_table(each, basis) for each in found.capacities if len(each.table)),
            ],
        ),
    ]


def _intro(found: Behaviour, comparison: "Comparison") -> str:
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
            f"{outside} widest gap was {_points(worst['worst_gap'])} points ({worst['line']}, {worst['worst_date']})"
        )
    return f"{'; '.join(each)}."


def _points(gap: float) -> str:
    return number(POINTS * gap, 1, signed=True)


def _lines_table(found: Behaviour) -> Block:
    """A row a line, and a class of several lines below its own: the pair of policies beside one another."""
    names = _pair(found)
    heads: list[str | tuple[str, str]] = ["asset", ("target", "%"), ("range", "%")]
    for name in names:
        heads += [
            (name, "days outside"),
            (name, "worst gap, points"),
            (name, "mean gap, points"),
            (name, "days past its band"),
        ]
    first = found.statements[names[0]]
    cells = {name: _by_row(found.statements[name]) for name in names}
    every = list(dict.fromkeys(row for name in names for row in cells[name]))
    rows = []
    for row in every:
        known = next(cells[name][row] for name in names if row in cells[name])
        rows.append(
            [
                row,
                number(POINTS * known["target"], 1),
                "–" if known["lower"] != known["lower"] else _range(known["lower"], known["upper"]),
                *(cell for n in names for cell in _gap_cells(cells[n].get(row), found.statements[n].has_ranges)),
            ]
        )
    used = [k for k, head in enumerate(heads) if k == 0 or any(row[k] != "–" for row in rows)]
    shown = [[row[k] for k in used] for row in rows]
    return _linked(table(LINES_CAPTION.format(days=first.days), [heads[k] for k in used], shown), "days outside")


def _range(lower: float, upper: float) -> str:
    return f"{number(POINTS * lower, 1)} to {number(POINTS * upper, 1)}".replace(" ", "\N{NO-BREAK SPACE}")


def _by_row(statement: PolicyStatement) -> dict[str, dict[str, Any]]:
    """The rows of lines by name, each class of several lines after its last one."""
    lines, classes = statement.lines.to_dict("records"), statement.classes.to_dict("records")
    found: dict[str, dict[str, Any]] = {}
    for number_of, line in enumerate(lines):
        found[str(line["line"])] = {str(k): v for k, v in line.items()}
        rest = [other["asset_class"] for other in lines[number_of + 1 :]]
        own = [other["line"] for other in lines if other["asset_class"] == line["asset_class"]]
        if len(own) > 1 and line["asset_class"] not in rest:
            whole = next(each for each in classes if each["asset_class"] == line["asset_class"])
            nothing = dict.fromkeys(("lower", "upper", "past_band"), float("nan"))
            found[f"{class_words(line['asset_class'])} ({counted(len(own), 'asset')})"] = nothing | {
                str(k): v for k, v in whole.items()
            }
    return found


def _gap_cells(row: Mapping[str, Any] | None, has_ranges: bool) -> list[str]:
    if row is None:
        return ["–"] * 4
    return [
        f"{row['days_outside']:,.0f}" if has_ranges else "–",
        _points(row["worst_gap"]),
        number(POINTS * row["mean_gap"], 2),
        number(row["past_band"], 0),
    ]


def _statements_table(
    statements: Mapping[str, PolicyStatement], styles: Mapping[str, LineStyle], chosen: str | None
) -> Block:
    rows = []
    for name, one in statements.items():
        worst = one.worst
        mean = one.lines["mean_gap"].mean()
        rows.append(
            [
                name,
                f"{one.days_outside:,}",
                percent(one.days_outside / one.days),
                f"{int(one.lines['longest_outside'].max()):,}",
                _points(worst["worst_gap"]),
                f"{worst['line']}, {worst['worst_date']}",
                number(POINTS * mean, 2),
            ]
        )
    heads: list[str | tuple[str, str]] = [
        "policy",
        ("outside", "days"),
        ("outside", "of days"),
        ("longest of an asset", "days in succession"),
        ("worst gap", "points"),
        "of, on",
        ("mean gap", "points, over assets"),
    ]
    caption = "Days outside permitted ranges, and gaps to the strategic target, after booking"
    return _linked(table(caption, heads, rows, texts=[5], styles=styles, chosen=chosen), "outside")


def _linked(made: Block, words: str) -> Block:
    """The table with links from the heads with these words to the term that explains days outside."""
    for head in made["heads"]:
        if words in (head["words"], head["unit"]):
            head["term"] = term_of("days_outside")
    return made


# -- starts and lengths ----------------------------------------------------------------------------------------------


def _windows_tables(found: Behaviour) -> list[Block]:
    if found.windows is None or not found.windows.difference.size:
        return []
    rows = [
        [
            f"{row['years']}",
            f"{row['windows']:,}",
            percent(row["positive"], 0),
            *(number(BP * row[key], 0, signed=True) for key in ("least", "median", "most")),
        ]
        for row in found.windows.table().to_dict("records")
    ]
    heads: list[str | tuple[str, str]] = [
        "years held", "windows", ("positive", "of windows"), ("least", "bp a year"), ("median", "bp a year"),
        ("most", "bp a year"),
    ]  # fmt: skip
    caption = (
        f"CAGR of {found.windows.one} less that of {found.windows.other}, by length, over every start month; windows "
        "overlap, and their number says nothing about evidence"
    )
    return [table(caption, heads, rows)]


# -- costs -----------------------------------------------------------------------------------------------------------


def _costs_table(costs: CostLevels, metric: str, styles: Mapping[str, LineStyle], chosen: str | None) -> Block:
    wide = costs.wide(metric).reindex(columns=list(LEVELS))
    heads: list[str | tuple[str, str]] = ["policy", *((f"{level:g}", "bp a side") for level in LEVELS)]
    factor, what = (1.0, "Loss J, bp a year") if metric == "loss" else (POINTS, "CAGR, % a year, net")
    rows = [[str(name), *(number(factor * float(value)) for value in row)] for name, row in wide.iterrows()]
    caption = f"{what}, at one cost of notional a side for every asset"
    if metric == "loss":
        heads.append(("break-even", f"bp a side, with {costs.reference}"))
        for row in rows:
            roots = costs.of(row[0])
            row.append(listed([root_words(root) for root in roots]) if roots else "–")
    return table(caption, heads, rows, styles=styles, chosen=chosen)


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
    return number(None if days is None else days / YEAR, 1)


def _trips_table(
    trips: Mapping[str, RoundTrips], basis: str, styles: Mapping[str, LineStyle], chosen: str | None
) -> Block:
    rows = []
    for name, one in trips.items():
        figures = one.figures
        ends = ["–" if one.trips.empty else _trip(one.extreme(end)) for end in ("best", "worst")]
        rows.append(
            [
                name,
                f"{figures['number']:,}",
                _years(figures["days"]),
                "–" if figures["won"] is None else percent(figures["won"], 0),
                number(figures["mean_pnl"], 0),
                "–" if figures["mean_return"] is None else percent(figures["mean_return"], 1),
                *ends,
            ]
        )
    heads: list[str | tuple[str, str]] = [
        "policy", "round trips", ("held", "years, mean"), ("gained", "of round trips"), ("mean P&L", basis),
        ("mean return", "P&L over cost"), "best", "worst",
    ]  # fmt: skip
    caption = (
        "Round trips: each order that reduces a position, against the average cost and age of its units, with the fees "
        "of both ways; what is still held is none"
    )
    return table(caption, heads, rows, texts=[6, 7], styles=styles, chosen=chosen)


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
    rows = [
        [number(_rounded(row["nav"]), 0), number(row["gain"]), number(row["gain_without_impact"])]
        for row in one.table.to_dict("records")
    ]
    heads: list[str | tuple[str, str]] = [("wealth at the start", basis), ("gain in J", "bp a year"),
                                          ("without impact", "bp a year")]  # fmt: skip
    return table(f"Gain of {one.policy} over {one.against} as wealth rises, both played at that wealth", heads, rows)


# -- numbers ---------------------------------------------------------------------------------------------------------


def behaviour_numbers(comparison: "Comparison") -> dict[str, Any]:
    """The numbers of the section as plain values, of all policies."""
    return policy_behaviour_numbers(comparison.behaviour)


def policy_behaviour_numbers(found: Behaviour) -> dict[str, Any]:
    """The numbers of the section as plain values, of any policies."""
    windows, costs = found.windows, found.costs
    return {
        "policy": found.shown,
        "beside": found.other,
        "ranges": {name: _statement_numbers(one) for name, one in found.statements.items()},
        "windows": [] if windows is None else windows.table().to_dict("records"),
        "cost_levels": [] if costs is None else costs.table.to_dict("records"),
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
            | {"table": each.table.to_dict("records")}
            for each in found.capacities
        ],
    }


def _statement_numbers(one: PolicyStatement) -> dict[str, Any]:
    return {
        "days": one.days,
        "days_outside": one.days_outside,
        "lines": records_of(one.lines),
        "classes": records_of(one.classes),
    }
