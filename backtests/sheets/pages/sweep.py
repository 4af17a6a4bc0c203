"""The sheet of a sweep: one page without any URL, and its pictures for a notebook.

The same table gives the same bytes. Nothing is fetched and nothing runs.
"""

import shutil
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS, Column
from backtests.sheets.parts import facts_blocks
from backtests.sheets.pictures.sweep.cost_tracking import cost_tracking_picture
from backtests.sheets.pictures.sweep.heat import heat_map_picture
from backtests.sheets.pictures.sweep.ladders import cost_ladder_picture, lag_ladder_picture
from backtests.sheets.pictures.sweep.sample import binned, sample_picture
from backtests.sheets.pictures.sweep.start_dates import start_dates_picture
from backtests.sheets.pictures.sweep.styles import family_styles, policy_styles
from backtests.sheets.render import render
from backtests.sheets.tables import Block, Looks, by_name, records_table
from backtests.sweeps.analysis import grid, policy_frontier, rank_range
from backtests.sweeps.findings import Findings, facts
from backtests.sweeps.labels import at, by_configuration, conditions_words
from backtests.sweeps.run import Sweep
from backtests.sweeps.summary import own_conditions
from foundation.dataclasses import dataclass, replace
from foundation.files import write_whole
from foundation.paper.files import PICTURES as PICTURES_FOLDER
from foundation.paper.files import write_pictures
from foundation.paper.picture import Picture
from foundation.paper.render import Running

__all__ = ["Findings", "NoPicture", "Pictures", "best_table", "sweep_cell", "sweep_pictures", "sweep_sheet"]

SWEEP_FILE = "sweep.html"  # file
BEST = 12  # rows of the table of the best
MAP_VALUES = 60  # values of an axis that a map has room for
MAPS = (
    ("band", "to"),
    ("band", "cost_multiple"),
    ("calendar", "cost_multiple"),
    ("band", "window"),
    ("window", "calendar"),
)
LAGGED = ("loss", "tracking_error", "growth")
START_METRICS = ("loss", "growth")
LABELS = {"loss": "Loss J"}  # of a column, where it is not the metric's own
SWEEP_COLUMNS = ("loss", "cost", "tracking_error", "tracking_error_own", "growth", "sharpe", "turnover", "trades")
SWEEP_PICTURES = {
    **{f"map_{k}": f"map {k}" for k in range(1, len(MAPS) + 1)},
    "frontier": "frontier",
    "cost_ladder": "cost ladder",
    "lag_ladder": "lag ladder",
    "start_fan": "start-date fan",
}
LADDERS = {"cost_ladder": "cost_multiple", "lag_ladder": "lag", "start_fan": "start"}
SWEEP_SECTIONS = {
    "sample": ("What does the sample show?", "Configurations without common conditions cannot be ranked."),
    "map": ("Where is the best setting?", "Each cell is one configuration, or the mean of several."),
    "frontier": ("What does low tracking error cost?", "Lower and further left is better."),
    "cost_ladder": (
        "Does the ranking change with costs?",
        "The best policy of each family at multiples of today's costs.",
    ),
    "lag_ladder": (
        "Does the ranking change with slower execution?",
        "The best policy of each family, executed more sessions after its decision.",
    ),
    "start_fan": ("Does it depend on the start date?", "The best policy of each family, with other start dates."),
}


@dataclass(frozen=True)
class SweepSheet:
    """The sheet of a sweep.

    title   : title of the page.
    facts   : blocks of facts, each with name and words.
    parts   : blocks of each portfolio.
    running : text repeated on every printed page.
    """

    title: str
    facts: Sequence[Block]
    parts: Sequence[Block]
    running: Running

    @property
    def page(self) -> str:
        """The whole page, one file without any URL."""
        return render("sweep.html.j2", self.running, title=self.title, facts=self.facts, parts=self.parts)

    @property
    def pictures(self) -> list[Picture]:
        """Every picture of the page, in order."""
        return [each for part in self.parts for section in part["sections"] for each in section["pictures"]]

    def write(self, folder: Path) -> None:
        """Write sweep.html, and each picture as figures/<name>.csv and .svg; nothing where that fails.

        folder : an existing folder.
        """
        page = self.page
        try:
            write_pictures(folder, self.pictures)
            write_whole(folder / SWEEP_FILE, page)
        except BaseException:
            shutil.rmtree(folder / PICTURES_FOLDER, ignore_errors=True)
            raise


def sweep_sheet(
    table: pd.DataFrame,
    *,
    title: str = "Sweep",
    tracking_penalty: float | None = None,
    run: Mapping[str, str] | None = None,
    own: Mapping[str, Mapping[str, Any]] | None = None,
) -> SweepSheet:
    """The sheet of a sweep: its headline, its warnings, its pictures and the table of its best, by portfolio.

    table            : a row a configuration, as a sweep writes it; metrics in the units of records.
    title            : title of the page.
    tracking_penalty : price of squared tracking error in J, for lines of equal J, where all portfolios share it.
    run              : identity of the run: words by name.
    own              : lag and start of each portfolio, by name, at which its policies are compared where they were
                       played there.
    Raises           : ConfigError for a table without rows, without the columns of a sweep, or with a figure that is
                       not finite.
    """
    table = by_configuration(table)
    parts = [_part(found, name, tracking_penalty, k) for k, (name, found) in enumerate(_findings(table, own).items())]
    running = Running(f"{title}: sweep results", run=(run or {}).get("Run", ""))
    return SweepSheet(title, facts_blocks({**facts(table), **(run or {})}), parts, running)


def sweep_cell(table: pd.DataFrame, *, title: str = "Sweep", own: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """The findings of a sweep without its figures, as a block of HTML with its own style.

    table  : a row a configuration, as a sweep writes it; metrics in the units of records.
    title  : title of the block.
    own    : lag and start of each portfolio, by name.
    Raises : ConfigError for a table that cannot be drawn.
    """
    table = by_configuration(table)
    parts = [_words(found, name) for name, found in _findings(table, own).items()]
    return render("sweep_cell.html.j2", title=title, tried=facts(table)["Tried"], parts=parts)


def sweep_cell_of(sweep: Sweep) -> str:
    """The cell of a sweep that was made here, ranked by the conditions of its portfolios."""
    own = {name: own_conditions(setup) for name, setup in sweep.prepared.setups.items()}
    return sweep_cell(sweep.table, title=", ".join(own), own=own)


def _findings(table: pd.DataFrame, own: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Findings]:
    """The findings of each portfolio, by name; arguments of `sweep_sheet`."""
    alone = "portfolio" not in table or table.empty
    groups = [("", table)] if alone else table.groupby("portfolio", sort=False)
    return {str(name): Findings(rows, trials=len(table), own=(own or {}).get(str(name))) for name, rows in groups}


def _part(found: Findings, name: str, tracking_penalty: float | None, k: int) -> Block:
    """The section of one portfolio."""
    drawn = _pictures(found, tracking_penalty, f"_{k + 1}" if k else "")
    sections = []
    for section, (heading, words) in SWEEP_SECTIONS.items():
        own = [p for key, p in drawn.items() if key.startswith(section)]
        if own:
            sections.append({"id": f"{section}{k or ''}", "title": heading, "words": words, "pictures": own})
    missing = [f"No {SWEEP_PICTURES[name]}: {why}." for name, why in drawn.why.items() if name in LADDERS]
    return {**_words(found, name), "sections": sections, "missing": missing}


def _words(found: Findings, name: str) -> Block:
    """The findings of one portfolio, and its table."""
    return {
        "name": name,
        "lead": found.lead,
        "flips": found.headline,
        "words": found.by_family,
        "warnings": found.warnings,
        "best": best_table(found) if found.common else bins_table(found),
        "table": "The best" if found.common else "By bins",
    }


@dataclass(frozen=True)
class NoPicture:
    """Replaces a figure that a sweep has not the values for, and shows the reason."""

    name: str
    why: str

    def __str__(self) -> str:
        """A sentence that says why there is no such picture."""
        return f"No {SWEEP_PICTURES[self.name]}: {self.why}."

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p><em>{escape(str(self))}</em></p>"


class Pictures(dict[str, Picture]):
    """The figures of a sweep by name; in place of a missing figure, the reason.

    why : reasons by name, for the figures that are missing.
    """

    def __init__(self, drawn: Mapping[str, Picture], why: Mapping[str, str]) -> None:
        super().__init__(drawn)
        self.why = dict(why)

    def __missing__(self, name: str) -> Any:
        """The reason why a picture is missing. Raises KeyError for a name that no picture has."""
        if name not in self.why:
            raise KeyError(name)
        return NoPicture(name, self.why[name])


def sweep_pictures(
    table: pd.DataFrame, *, tracking_penalty: float | None = None, own: Mapping[str, Any] | None = None
) -> Pictures:
    """The pictures of one portfolio's sweep, by name: those for which it has two values at least.

    table            : a row a configuration, as a sweep writes it; metrics in the units of records.
    tracking_penalty : price of squared tracking error in J, for lines of equal J.
    own              : lag and start of the portfolio itself (`Findings`).

    map_1, map_2, … : J over two parameters. Then frontier, cost_ladder, lag_ladder and start_fan; or sample, in place
    of all of them, if policies have no common conditions.
    """
    return _pictures(Findings(table, own=own), tracking_penalty, "")


def _pictures(found: Findings, tracking_penalty: float | None, key: str) -> Pictures:
    if not found.common:
        why = dict.fromkeys(SWEEP_PICTURES, "the policies have no common conditions")
        return Pictures({"sample": sample_picture(found.table, found.metric, f"sample{key}")}, why)
    families = family_styles(found.families)
    styles = policy_styles(found.rivals, families)
    drawn = _maps(found, key)
    points = policy_frontier(found.table, found.now)
    if (points["drawn"] & (points["cost"] > 0.0) & (points["gap"] > 0.0)).sum() > 1:
        drawn["frontier"] = cost_tracking_picture(
            points, families, tracking_penalty, conditions_words(found.now), f"frontier{key}"
        )
    costs = found.ladder("cost_multiple")
    if costs is not None:
        given = (found.cost_by_start(), found.others("cost_multiple"), f"cost_ladder{key}", found.lowest(costs.index))
        drawn["cost_ladder"] = cost_ladder_picture(costs, styles, found.metric, *given)

    def ladders(axis: str, metrics: Sequence[str]) -> dict[str, pd.DataFrame]:
        return {metric: values for metric in metrics if (values := found.ladder(axis, metric)) is not None}

    if lagged := ladders("lag", LAGGED):
        drawn["lag_ladder"] = lag_ladder_picture(lagged, styles, found.others("lag"), f"lag_ladder{key}")
    if started := ladders("start", START_METRICS):
        drawn["start_fan"] = start_dates_picture(started, styles, found.others("start"), f"start_fan{key}")
    return Pictures(drawn, {name: _why(found, name) for name in SWEEP_PICTURES if name not in drawn})


def _why(found: Findings, name: str) -> str:
    """The reason why a picture is missing."""
    if name == "frontier":
        return "fewer than two policies have both a cost and a tracking error"
    if name not in LADDERS:
        return "the sweep has no further pair of parameters with several combined values"
    shared = "no policy ran at several of its values"
    return shared if found.varies(LADDERS[name]) else "the sweep has only one value of it"


def _maps(found: Findings, key: str) -> dict[str, Picture]:
    """J over pairs of parameters of which the sweep has at least two values, and not too many.

    Other parameters are held at their values in the best of the rows, and J is averaged over starts.
    """
    drawn: dict[str, Picture] = {}
    here = {c: v for c, v in found.now.items() if c != "start"}
    for x, y in MAPS:
        own = _with_values(found.table, x, y)
        held = {c: v for c, v in here.items() if c not in (x, y)}
        rows = _under(own, held)
        for axis in ("allocation", "window", "to"):
            if axis not in (x, y) and axis in rows and len(rows[axis].dropna().unique()) > 1:
                here_now = _under(rows, here)
                here_now = here_now if len(here_now) else rows
                best = here_now.iloc[int(here_now[found.metric].to_numpy().argmin())]
                held[axis] = best[axis]
                rows = rows[rows[axis] == best[axis]]
        counts = [len(rows[axis].unique()) if axis in rows else 0 for axis in (x, y)]
        cells = len(rows.drop_duplicates([x, y])) if min(counts) > 1 else 0
        if min(counts) > 1 and max(counts) <= MAP_VALUES and 2 * cells > counts[0] * counts[1]:  # and not mostly holes
            name = f"map_{len(drawn) + 1}"
            drawn[name] = heat_map_picture(grid(own, x, y, found.metric, held), name + key)
    return drawn


def _under(table: pd.DataFrame, conditions: Mapping[str, Any]) -> pd.DataFrame:
    """Rows under these conditions, of which there may be none."""
    kept = np.ones(len(table), dtype=bool)
    for axis, value in conditions.items():
        kept &= (table[axis] == value).to_numpy()
    return table[kept]


def _with_values(table: pd.DataFrame, *axes: str) -> pd.DataFrame:
    """Rows that have a value of each of the axes: a fixed target has no window, a calendar no band."""
    kept = table if all(axis in table for axis in axes) else table[:0]
    for axis in (axis for axis in axes if axis in kept):
        kept = kept[kept[axis].notna() & (kept[axis] != "") & ((kept[axis] != 0) | (axis != "window"))]
    return kept


def best_table(found: Findings) -> Block:
    """The best policies under the default conditions, with their ranks under all others."""
    rows = at(found.table, found.now).sort_values(found.metric, kind="stable").head(BEST)
    rank = rank_range(found.table, found.metric)
    ranks = rank.rename(columns={"best": "first", "worst": "last"})[["first", "last"]]
    records = by_name(rows.join(ranks, on="policy"), "policy")
    shown: list[Column] = [
        METRICS[key].labelled(LABELS.get(key, METRICS[key].label)) for key in SWEEP_COLUMNS if key in rows
    ]
    if (rows["tracking_error"] - rows["tracking_error_own"]).abs().max() < 1e-9:
        shown = [row for row in shown if row.key != "tracking_error_own"]
    ends_shown = [
        Column("first", "Best rank", "anywhere", digits=0),
        Column("last", "Worst rank", "anywhere", digits=0),
    ]
    families = family_styles(found.families)
    styles = {name: families[record["family"]] for name, record in records.items()}
    caption = (
        f"The best {len(records)} of {len(found.table['policy'].unique())} policies at {conditions_words(found.now)}; "
        "ranks over all costs, lags and start dates at which every policy ran"
    )
    return records_table(caption, [*shown, *ends_shown], records, Looks(styles, found.shown[0]), head="policy")


def bins_table(found: Findings) -> Block:
    """The metric of a sample by bins of band and cost, without a ranking."""
    metric = METRICS[found.metric]
    words = {"low": "lowest", "median": "median", "high": "highest"}
    shown = [
        Column("count", "Configurations", "", digits=0),
        *(replace(metric, key=key, label=f"{metric.name}, {word}") for key, word in words.items()),
    ]
    records = by_name(binned(found.table, found.metric), "name")
    return records_table("All configurations, by band and cost: not a ranking", shown, records, head="bin")
