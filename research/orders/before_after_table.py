"""The small table of the effect of orders: a row a figure, a column a moment."""

from collections.abc import Callable, Sequence

from foundation.blocks import Column, with_minus
from foundation.paper.wording import percent
from research.orders.before_after import SHORT_HISTORY, TAIL_LEVEL, BeforeAfter, Figures
from research.orders.reasons import LEAST_GAP

MISSING = "–"
TITLES = {"before": "before", "exact": "exact step", "after": "after"}
Cell = Callable[[Figures], float | str | None]
Row = tuple[str, str, int, Cell]  # words, unit, decimals, what it shows


def columns_of_words(
    found: BeforeAfter, moments: Sequence[str] = tuple(TITLES), *, holdings: bool = True, risks: bool = True
) -> list[Column]:
    """The figures as columns of words: their names, their units, and one column for each of `moments`.

    holdings, risks : False to leave out the rows on holdings and cost, or those on risk.
    """
    rows = [*(_holdings(found) if holdings else []), *(_risks(found) if risks else [])]
    if holdings:
        rows.append(("expected cost", "bp of NAV", 2, lambda f: f.cost_bps))
    figures = [(TITLES[moment], found.figures[moment]) for moment in moments]
    shown = [Column(title, "", [_text(cell(of), digits) for _, _, digits, cell in rows]) for title, of in figures]
    names, units = [row[0] for row in rows], [row[1] for row in rows]
    return [Column("", "", names, words=True), Column("", "", units, words=True), *shown]


def notes_of(found: BeforeAfter) -> list[str]:
    """Reasons why figures are missing, in sentences."""
    names = {SHORT_HISTORY: "figures of risk", "beta": "beta"}
    return [f"No {names[name]}: {why}" for name, why in found.undefined.items() if why]


def _holdings(found: BeforeAfter) -> list[Row]:
    return [
        ("NAV", found.portfolio.basis, 2, lambda f: f.nav),
        ("cash", "% of NAV", 2, lambda f: 100.0 * f.cash_weight),
        ("largest drift", "points", 2, _largest),
        ("half the sum of drifts", "points", 2, lambda f: 100.0 * f.drift),
        ("assets outside their range", "", 0, lambda f: float(f.outside)),
    ]


def _risks(found: BeforeAfter) -> list[Row]:
    if SHORT_HISTORY in found.undefined:
        return []
    short, long = found.horizons[0], found.horizons[-1]
    other = bool((found.target != found.portfolio.target).any())
    strategic: Row = (
        "tracking error to the strategic target", "% a year", 2, lambda f: _percent(f.strategic_tracking_error),
    )  # fmt: skip
    return [
        ("tracking error to target", "% a year", 2, lambda f: _percent(f.tracking_error)),
        *([strategic] if other else []),
        ("volatility", "% a year", 2, lambda f: _percent(f.volatility)),
        *([] if "beta" in found.undefined else [(f"beta to {found.benchmark}", "", 2, lambda f: f.beta)]),
        (f"VaR {percent(TAIL_LEVEL, 0)}, {short}", "% of NAV", 2, lambda f: _percent(f.var[short])),
        (f"CVaR {percent(TAIL_LEVEL, 0)}, {long}", "% of NAV", 2, lambda f: _percent(f.cvar[long])),
    ]


def _largest(figures: Figures) -> str:
    points = f"{100.0 * figures.largest_drift:.2f}"
    return points if figures.largest_drift < LEAST_GAP else f"{points} ({figures.furthest})"


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100.0 * fraction


def _text(value: float | str | None, digits: int) -> str:
    if value is None:
        return MISSING
    return value if isinstance(value, str) else with_minus(f"{round(value, digits) + 0.0:,.{digits}f}")
