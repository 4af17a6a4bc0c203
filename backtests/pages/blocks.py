"""What the blocks of a sheet say: a comparison, and the trades that follow, as the words and cells of a page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isinf
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pandas as pd

from backtests.evaluation.backtest_figures import (
    FLOWS,
    FOLDED,
    WEALTH,
    comparison_figures,
    drawdown_dates,
    metric_groups,
    not_available,
)
from backtests.evaluation.metrics import COST_PARTS, METRICS, PREDICTIVE, Column, Metric
from backtests.evaluation.pair_words import p_words
from backtests.evaluation.words import CHARGES, charged_words, distinguished, tried_words
from backtests.figures.comparison.costs import cost_table, costs_picture
from backtests.figures.comparison.evidence import SHOWN, differences_picture
from backtests.figures.comparison.learning import learning_picture, seeds_picture, tuning_picture
from backtests.figures.comparison.timeline import timeline_picture
from backtests.figures.comparison.weights import weights_picture
from backtests.figures.comparison.years import year_table, years_picture
from backtests.figures.picture import Picture
from backtests.figures.styles import LineStyle, line_styles
from backtests.pages.axes import NAME as AXES
from backtests.pages.axes import axes_block
from backtests.pages.conventions import conventions, settings_text
from backtests.pages.pairs import (
    before_differences,
    below_figure,
    of_all,
    pairs_note,
    pairs_table,
    without_intervals,
)
from backtests.pages.stability import stability_rows
from backtests.wording import counted, listed, number, percent
from research.accounting.costs import USUAL
from research.allocation import Allocation
from research.rules.protocol import held_by, long_name, traits

if TYPE_CHECKING:
    from backtests.comparison import Comparison, PairedBacktests
    from research.trading import TradeList

Block = dict[str, Any]

# Figures of a sheet that have no section of their own: functions of a comparison and the styles of its policies.
FURTHER: tuple[Callable[["Comparison", Mapping[str, LineStyle]], Picture], ...] = ()

BOLD_RULE = (
    "Bold: the best policy of a row when it differs significantly from every other (Holm-adjusted over all others, "
    "5 %); loss J, CAGR and Sharpe ratio are tested, no other row has a bold figure. The interval stands below each "
    "figure."
)
FOLDED_WORDS = "The further figures describe this sample and have no interval."
WEIGHTS_WORDS = (
    "Shaded: the permitted range. Solid line across it: the target weight. Dotted lines: the band beyond which the "
    "rule trades, if it has one. Bars below each panel: purchases up, sales down."
)
_SCREENS: WeakKeyDictionary["Comparison", Block] = WeakKeyDictionary()  # whose pictures take a second to draw
PROPORTIONAL = tuple(CHARGES[name] for name in USUAL)  # what the basis points of a side are
COST_COLUMNS = (
    *(part.labelled(part.short) for part in COST_PARTS.values()),
    METRICS["cost"],
    METRICS["opening_cost"],
    METRICS["tracking_error"],
    METRICS["tracking_loss"],
    METRICS["loss"].labelled("Loss J"),
)
SEED_COLUMNS = (
    METRICS["loss_training"],
    METRICS["loss"].labelled("loss, out of sample"),
    *(METRICS[key] for key in ("cost", "tracking_error", "growth", "sharpe", "turnover")),
)


def page_styles(comparison: "Comparison") -> dict[str, LineStyle]:
    """What each policy looks like, in every picture and table."""
    strategic = comparison.portfolio.strategic
    other = {name: held_by(f.policy, strategic) != strategic for name, f in comparison.fitted.items()}
    return line_styles(other, comparison.reference, comparison.recommendation.policy)


def first_screen(comparison: "Comparison") -> Block:
    """Title, verdict, growth, table, differences and warnings: what a notebook's cell shows too, made once for both."""
    if comparison not in _SCREENS:
        _SCREENS[comparison] = _first_screen(comparison)
    return _SCREENS[comparison]


def _first_screen(comparison: "Comparison") -> Block:
    styles, made, dates = (
        page_styles(comparison),
        comparison.recommendation,
        comparison.backtests[comparison.reference].dates,
    )
    screen = _screen(comparison, styles, made.policy, comparison.portfolio.strategic)
    return screen | {
        "title": comparison.portfolio.name,
        "subtitle": f"{counted(len(comparison.scores), 'policy', 'policies')}, {_span(dates)}, net of costs",
        "verdict": comparison.verdict.sentences(),
        "colour": styles[made.policy].colour if made.policy else "soft",
        "tried": tried_words(comparison.trials),
        "groups": [*screen["groups"], _eligibility(comparison)],
        "table_caption": "Out of sample, net of costs unless labelled gross.",
        "broken": "; ".join(f"{n}, {listed(limits)}" for n, limits in made.broken.items()),
    }


def paired_screen(paired: "PairedBacktests") -> Block:
    """The same of backtests without a portfolio: nothing is recommended."""
    base = paired.backtests[paired.reference]
    other = {name: held_by(b.policy) != held_by(base.policy) for name, b in paired.backtests.items()}
    screen = _screen(paired, line_styles(other, paired.reference, None), None, held_by(base.policy))
    return screen | {
        "title": counted(len(paired.scores), "backtest"),
        "subtitle": f"{counted(len(base.market.assets), 'asset')}, {_span(base.dates)}, net of costs",
        "verdict": (paired.answer(),),
        "tried": "",
        "broken": "",
        "colour": "soft",
        "table_caption": (
            f"Net of costs unless labelled gross; loss J and tracking error to the target of {paired.reference}."
        ),
    }


def _screen(
    paired: "PairedBacktests", styles: Mapping[str, LineStyle], chosen: str | None, target: Allocation | None
) -> Block:
    """What a comparison shows with a portfolio and without: growth, table, differences and warnings.

    chosen : the recommended policy, or None.
    target : what is held where a policy's name does not say it.
    """
    reference, level, count = paired.reference, percent(paired.evidence.level, 0), len(paired.scores)
    groups, metrics = _groups(paired), metric_groups(paired.benchmark)
    shown = [each for group, found in metrics.items() if group not in FOLDED for each in found]
    return {
        "reference": reference,
        "growth": timeline_picture(paired.backtests, styles, reference, paired.benchmark.periods_per_year),
        "columns": _columns(paired, styles, chosen, target),
        "groups": [group for group in groups if group["name"] not in FOLDED],
        "folded": [group for group in groups if group["name"] in FOLDED],
        "not_available": _not_available(paired, folded=False),
        "folded_not_available": _not_available(paired, folded=True),
        "interval_words": f"with {level} intervals",
        "bold_rule": f"{BOLD_RULE} {without_intervals(paired, shown)} {FOLDED_WORDS}",
        "metrics": [{"label": each.label, "unit": each.unit} for each in SHOWN.values()],
        "differences": _differences(paired, styles, chosen),
        "differences_caption": (
            f"Each policy minus {reference}, on the same days. The interval below a difference "
            f"({level}) does not depend on how many policies are compared; p-values "
            f"and verdicts are Holm-adjusted for {counted(count - 1, 'comparison')}. {of_all(paired)}"
        ).strip(),
        "detectable": before_differences(paired, chosen),
        "pairs": table(**pairs_table(paired), styles=styles, chosen=chosen) if paired.pairs else None,
        "pairs_note": pairs_note(paired),
        "difference_picture": differences_picture(paired.evidence, styles) if count > 1 else None,
        "warnings": paired.warnings,
    }


def _columns(
    paired: "PairedBacktests", styles: Mapping[str, LineStyle], chosen: str | None, target: Allocation | None
) -> list[Block]:
    marks = {paired.reference: "reference"} | ({chosen: "recommended"} if chosen else {})
    if chosen == paired.reference:
        marks[chosen] = "reference, recommended"
    return [
        {
            "name": name,
            "rule": long_name(b.policy, target),
            "look": styles[name],
            "mark": marks.get(name, ""),
            "chosen": name == chosen,
        }
        for name, b in paired.backtests.items()
    ]


def _groups(paired: "PairedBacktests") -> list[Block]:
    """The rows of the table, in groups."""
    without = {row.key: float("nan") for row in FLOWS}
    figures = {name: without | found for name, found in comparison_figures(paired.scores, paired.backtests).items()}
    flows = FLOWS if any(played.flows.any() for played in paired.backtests.values()) else ()
    return [
        {"name": name, "rows": [_row(paired, each, figures) for each in (*metrics, *flows * (name == WEALTH))]}
        for name, metrics in metric_groups(paired.benchmark).items()
    ]


def _not_available(paired: "PairedBacktests", *, folded: bool) -> list[str]:
    """Why figures of the table, or of its folded groups, are missing."""
    groups = metric_groups(paired.benchmark)
    return not_available(paired.scores, [m for name in groups if (name in FOLDED) == folded for m in groups[name]])


def _eligibility(comparison: "Comparison") -> Block:
    """The rows of the table about who may be recommended."""
    made, names = comparison.recommendation, list(comparison.scores)
    kept: list[Block] = [{"words": "no" if n in made.broken else "yes", "below": [], "best": False} for n in names]
    among = [
        {
            "words": "–" if n not in made.p else "yes" if n in made.members else "no",
            "below": [p_words(made.p[n])] if n in made.p else [],
            "best": False,
        }
        for n in names
    ]
    near = [{"words": _excess_words(made.excess.get(n)), "below": [], "best": False} for n in names]
    rows = [
        {"label": "Within limits", "unit": "", "cells": kept},
        {"label": "Loss above the best, at most", "unit": "bp a year, 90 %", "cells": near},
        {"label": "In the confidence set", "unit": "90 %", "cells": among},
    ]
    return {"name": "Eligibility", "rows": rows}


def _row(paired: "PairedBacktests", metric: Metric, figures: Mapping[str, Mapping[str, Any]]) -> Block:
    compared = metric.key in paired.evidence.estimates
    best = distinguished(paired.evidence, metric.key) if compared else None
    cells = []
    for name, by_key in figures.items():
        below = below_figure(paired, metric, name)
        if metric.key == "max_drawdown":
            below += drawdown_dates(by_key).replace(" to", ",to").split(",")
        cells.append({"words": metric.cell(by_key), "below": below, "best": name == best})
    kind = metric.interval if metric.interval == PREDICTIVE else ""
    return {"label": metric.label, "unit": metric.unit, "kind": kind, "cells": cells}


def _excess_words(most: float | None) -> str:
    """The most by which J exceeds the best, in words; a dash for a policy that is not eligible."""
    return "not known" if most is not None and isinf(most) else number(most)


def _differences(paired: "PairedBacktests", styles: Mapping[str, LineStyle], chosen: str | None) -> list[Block]:
    found = {metric: paired.evidence.differences(metric) for metric in SHOWN}
    rows = []
    for name in found["loss"]:
        cells = []
        for metric, shown in SHOWN.items():
            d = found[metric][name]
            cells.append(
                {
                    "words": shown.text(d.value, signed=True),
                    "p": number(d.p_holm, 3),
                    "verdict": d.verdict,
                    "below": d.times(shown.factor).interval(shown.digits),
                }
            )
        rows.append({"name": name, "look": styles[name], "cells": cells, "chosen": name == chosen})
    return rows


# -- the rest of the sheet -------------------------------------------------------------------------------------------


def whole_sheet(comparison: "Comparison", trades: "TradeList | None", run: Mapping[str, str]) -> Block:
    """Every block of a tearsheet. run : name and words of what identifies the run."""
    first, styles = first_screen(comparison), page_styles(comparison)
    played, portfolio, benchmark = comparison.backtests, comparison.portfolio, comparison.benchmark
    chosen = comparison.recommendation.policy
    shown = chosen or comparison.reference
    by_year = year_table(played)
    returns = {str(name): {str(year): value for year, value in by_year[name].items()} for name in by_year}
    year_columns = [Column(str(year), str(year), "%", 100.0, 1) for year in by_year.index]
    cost = cost_table(played, comparison.scores, benchmark.periods_per_year)
    fits = fitted_pictures(comparison, styles)
    before = played[comparison.reference].dates[0]
    axes = axes_block(comparison, styles)
    return first | {
        "facts": _facts(comparison, run),
        "stability": _stability(comparison),
        "axes": axes,
        "weights": weights_picture(played[shown], styles[shown], benchmark.lower, benchmark.upper),
        "weights_words": WEIGHTS_WORDS,
        "years": years_picture(by_year, styles, comparison.reference),
        "year_table": figures_table(
            "Calendar-year returns, net of costs; the first and the last year may be incomplete",
            "policy",
            year_columns,
            returns,
            styles,
            chosen,
        ),
        "costs": costs_picture(cost, styles, benchmark.tracking_penalty, portfolio.limits.tracking_error),
        "cost_table": figures_table(
            "Each cost component, and the tracking penalty of the loss",
            "policy",
            [row for row in COST_COLUMNS if row.key in cost],
            _by_name(cost, "policy"),
            styles,
            chosen,
        ),
        "further": [draw(comparison, styles) for draw in FURTHER],
        "fits": fits,
        "seed_tables": _seed_tables(comparison),
        "last_training_day": f"{before:%Y-%m-%d}",
        "trades": trades,
        "candidates": _candidates(comparison, styles),
        "conventions": conventions(comparison),
        "settings": settings_text(comparison.settings),
        "sections": _sections(
            first,
            {
                "stability": comparison.stability is not None,
                "differences": bool(first["differences"]),
                "axes": axes is not None,
                "fitting": bool(fits),
                "trades": trades is not None,
            },
        ),
    }


def _stability(comparison: "Comparison") -> Block | None:
    if comparison.stability is None:
        return None
    caption, rows = stability_rows(comparison.stability)
    return table(caption, ["change", "cases", "same answer", "recommendation"], rows, texts=[3])


def pictures(sheet: Block) -> list[Picture]:
    """Every picture of a sheet, in order."""
    names = ("growth", "difference_picture", "weights", "years", "costs")
    found = (*(sheet[name] for name in names), *sheet["risk"]["pictures"], *sheet["further"], *sheet["fits"])
    return [picture for picture in found if picture is not None]


def _sections(first: Block, there: Mapping[str, bool]) -> list[Block]:
    """Links to the sections. there : which of those that may be missing are shown."""
    names = {
        "table": "Figures",
        "stability": "Does it hold?",
        "differences": f"Differences to {first['reference']}",
        "axes": AXES,
        "weights": "Weights",
        "years": "Years",
        "costs": "Costs",
        "risk": "Risk",
        "fitting": "Fitting",
        "selection": "Selection",
        "trades": "Trades",
        "conventions": "Conventions",
        "settings": "Settings",
    }
    return [{"id": key, "name": name} for key, name in names.items() if there.get(key, True)]


def _facts(comparison: "Comparison", run: Mapping[str, str]) -> list[Block]:
    portfolio, dates = comparison.portfolio, comparison.backtests[comparison.reference].dates
    assets, total = portfolio.market.assets, 1e4 * portfolio.costs.total
    low, high = (f"{round(float(v), 2):g}" for v in (total.min(), total.max()))
    later = {0: "at the same close", 1: "at the next close"}.get(portfolio.lag, f"{portfolio.lag} sessions later")
    rates, limit = low if low == high else f"{low} to {high}", portfolio.limits.tracking_error
    others = [words for kind in charged_words(portfolio.costs) for words in kind if words not in PROPORTIONAL]
    besides = f", plus {listed(others)}" if others else ""
    facts = {
        "Universe": f"{counted(len(assets), 'asset')}: {listed(assets, most=12)}; in {portfolio.basis}",
        "Test": f"{_span(dates)}, {len(dates) - 1:,} days; everything fitted uses only earlier days",
        "Costs and execution": f"{rates} bp of notional a side{besides}; decided at a close, executed {later}",
        "Judged by": f"rebalancing loss J, tracking penalty g = {comparison.benchmark.tracking_penalty:g}; tracking "
        + (f"error at most {percent(limit)}" if limit is not None else "error without limit"),
        "Accounting": comparison.accounting,
        "Look-ahead audit": comparison.look_ahead,
        **run,
    }
    return [{"name": name, "words": words} for name, words in facts.items()]


def _span(dates: pd.DatetimeIndex) -> str:
    return f"{dates[1]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}"


def table(
    caption: str,
    heads: Sequence[str | tuple[str, str]],
    rows: Iterable[Sequence[str]],
    *,
    texts: Sequence[int] = (),
    styles: Mapping[str, LineStyle] | None = None,
    chosen: str | None = None,
) -> Block:
    """A plain table: heads with units, rows of words.

    caption : above it.
    heads   : words of each column, or (words, unit).
    rows    : cells of each row.
    texts   : numbers of the columns set left.
    styles  : of the policies in column 0.
    chosen  : the row to mark, by its column 0.
    """
    titled = [head if isinstance(head, tuple) else (head, "") for head in heads]
    return {
        "caption": caption,
        "heads": [{"words": words, "unit": unit} for words, unit in titled],
        "text": [k in texts for k in range(len(titled))],
        "rows": [
            {"cells": list(row), "look": (styles or {}).get(row[0]), "chosen": row[0] == chosen and chosen is not None}
            for row in rows
        ],
    }


def figures_table(
    caption: str,
    head: str,
    columns: Sequence[Column],
    records: Mapping[str, Mapping[str, Any]],
    styles: Mapping[str, LineStyle] | None = None,
    chosen: str | None = None,
) -> Block:
    """A table of figures: a row a record, by its name in column 0; a column a `Column`.

    caption : above it.
    head    : of column 0.
    columns : of figures.
    records : figures by name, in the units of records.
    styles  : of the policies in column 0.
    chosen  : the row to mark, by its column 0.
    """
    heads: list[str | tuple[str, str]] = [head, *((column.label, column.unit) for column in columns)]
    rows = [[name, *(column.cell(figures) for column in columns)] for name, figures in records.items()]
    return table(caption, heads, rows, styles=styles, chosen=chosen)


def _by_name(frame: pd.DataFrame, column: str) -> dict[str, dict[str, Any]]:
    return {str(record[column]): {str(k): v for k, v in record.items()} for record in frame.to_dict("records")}


def fitted_pictures(comparison: "Comparison", styles: Mapping[str, LineStyle]) -> list[Picture]:
    """How each fitted candidate was found."""
    by_seed, scores = comparison.seeds(), comparison.scores
    tuned = {name: f.tuned for name, f in comparison.fitted.items() if f.tuned is not None}
    learned = {name: f.training for name, f in comparison.fitted.items() if f.training is not None}
    marks = {name: scores[name]["loss"] for name in (comparison.reference, *tuned)}
    found: list[Picture | None] = []
    for k, (name, training) in enumerate(learned.items(), start=1):
        own = by_seed[by_seed["policy"] == name]
        found.append(seeds_picture(name, f"seeds_{k}", own, training, marks, styles))
        found.append(learning_picture(name, f"learning_{k}", training, styles[name]))
    found += [tuning_picture(name, f"tuning_{k}", card) for k, (name, card) in enumerate(tuned.items(), start=1)]
    return [picture for picture in found if picture is not None]


def _seed_tables(comparison: "Comparison") -> list[Block]:
    tables, by_seed = [], comparison.seeds()
    for name in comparison.seed_scores:
        own = by_seed[by_seed["policy"] == name]
        stands = str(own.loc[own["stands"], "seed"].iloc[0])
        caption = f"{name}: every seed, out of sample; seed {stands} is the selected (median) seed"
        tables.append(figures_table(caption, "seed", SEED_COLUMNS, _by_name(own, "seed"), chosen=stands))
    return tables


def _candidates(comparison: "Comparison", styles: Mapping[str, LineStyle]) -> Block:
    portfolio, broken = comparison.portfolio, comparison.recommendation.broken
    rows = [
        [
            name,
            traits(portfolio.policies[name]).family,
            long_name(f.policy, portfolio.strategic),
            str(f.tried),
            listed(broken[name]) if name in broken else "within limits",
        ]
        for name, f in comparison.fitted.items()
    ]
    return table(
        "Candidates by complexity class",
        ["policy", "class", "rule", "configurations tried", "limits"],
        rows,
        texts=[1, 2, 4],
        styles=styles,
        chosen=comparison.recommendation.policy,
    )
