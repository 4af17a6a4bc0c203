"""Past runs: a list of them."""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from backtests.evaluation.metrics import METRICS
from backtests.runs.differences import stored_figures
from backtests.runs.folder import listed_places
from backtests.runs.manifest import past_runs
from desk.commands.finished_run import REPLAYED, run_notes
from foundation.arguments import day, one_of, refuse
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.paper.text_tables import text_table, wrapped

RUN_KINDS = (*REPLAYED, "sweep", "laboratory", "notebook", "client")
METRICS_SHOWN = ("loss", "cost", "tracking_error", "growth", "volatility", "sharpe", "max_drawdown", "turnover")
RUN_ROW = ("run", "kind", "portfolio", "made", "seconds", "policy", *METRICS_SHOWN, "note")
CONDITIONS_ON_RUNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip


@dataclass(frozen=True)
class WantedRuns:
    """The conditions on the runs wanted, and their order.

    sort   : "time", or a column; with "-" before it the largest first.
    where  : conditions that all hold, such as "kind=report", "made>=2026-01-31", "tracking error<1.2" or
             "policy=threshold", with names and units of the printed table; a run is made on a day.
    Raises : ConfigError for an unknown column.
    """

    sort: str = "time"
    where: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse conditions that do not exist. Raises ConfigError."""
        column, falls = self.sort.removeprefix("-"), "-" if self.sort.startswith("-") else ""
        one_of("sort is", column, ("time", *_named()))
        object.__setattr__(self, "sort", falls + _named().get(column, "made" if falls and column == "time" else column))


def runs_table(reports: Path | None = None, wanted: WantedRuns | None = None) -> tuple[list[dict[str, Any]], list[str]]:
    """The finished runs of a folder, rows by `RUN_ROW`, the newest first; and the reasons why others cannot be used.

    The figures are those of the policy that was recommended or backtested, in the units of records, and its note.
    reports : folder of the runs, or None for all `listed_places`; of two runs of one name that of the first place.
    wanted  : conditions on the runs; by default all.
    Raises  : ConfigError for a folder that is none, and for an unknown condition.
    """
    wanted = wanted or WantedRuns()
    if reports is not None and not reports.is_dir():
        refuse("reports is", str(reports), "give the folder that holds the runs.")
    rows, broken = dict[str, dict[str, Any]](), list[str]()
    for place in listed_places() if reports is None else [reports]:
        found, notes = past_runs(place, None), run_notes(place)
        broken += found.broken
        for folder, manifest in found.whole:
            row, fault = run_row(folder, manifest, notes.get(folder.name, ""))
            rows.setdefault(folder.name, row)
            broken += [fault] * bool(fault)
    table = sorted(rows.values(), key=lambda row: row["made"], reverse=True)
    for condition in wanted.where:
        fits = _condition(condition)
        table = [row for row in table if fits(row)]
    if wanted.sort != "time":
        column, falls = wanted.sort.removeprefix("-"), wanted.sort.startswith("-")
        having, lacking = ([r for r in table if _is_missing(r[column]) is lacks] for lacks in (False, True))
        table = sorted(having, key=lambda row: row[column], reverse=falls) + lacking
    return table, broken


def run_row(folder: Path, manifest: Mapping[str, Any], note: str = "") -> tuple[dict[str, Any], str]:
    """The row of a run in the list, by `RUN_ROW`; and the reason why its figures cannot be read, "" where they can."""
    policy, fault = manifest.get("recommendation", {}).get("policy") or manifest["settings"].get("policy") or "", ""
    try:
        figures = stored_figures(folder, manifest).get(policy, {}) if policy else {}
    except DataError as error:
        fault, figures = str(error), {}
    row = {
        "run": folder.name,  # a copy under another name is listed by that
        "kind": manifest["kind"],
        "portfolio": manifest["portfolio"],
        "made": manifest["times"]["ended"][:16].replace("T", " "),
        "seconds": manifest["times"]["seconds"],
        "policy": policy if isinstance(policy, str) else "",
        **{name: figures.get(name) for name in METRICS_SHOWN},
        "note": note,
    }
    return row, fault


def _is_missing(value: Any) -> bool:
    """True for a figure that a run has not."""
    return value is None or bool(value != value)


def _condition(condition: str) -> Callable[[Mapping[str, Any]], bool]:
    """A condition, as a function of a row that gives whether it holds. Raises ConfigError."""
    found = re.fullmatch(r"\s*([^<>=!]+?)\s*(<=|>=|!=|<|>|=)\s*(.*?)\s*", condition)
    named = _named()
    if found is None or found[1] not in named:
        refuse("where is", condition, f"give a column, <, <=, >, >=, = or !=, and a value: {', '.join(named)}.")
    name, compared, value = named[found[1]], CONDITIONS_ON_RUNS[found[2]], found[3]
    if name == "kind":
        one_of("kind is", value, RUN_KINDS)
    if name == "made":
        value = f"{day('made is', value):%Y-%m-%d}"
        return lambda row: compared(row[name][: len(value)], value)
    if name not in (*METRICS_SHOWN, "seconds"):
        return lambda row: compared(row[name], value)
    factor = METRICS[name].factor if name in METRICS_SHOWN else 1.0
    try:
        limit = float(value)
    except ValueError:
        unit = f", in {METRICS[name].unit}" if name in METRICS_SHOWN and METRICS[name].unit else ""
        refuse("where is", condition, f"{found[1]} is a number{unit}, as in the table.")
    return lambda row: compared(factor * (math.nan if row[name] is None else row[name]), limit)


def _named() -> dict[str, str]:
    """The columns by their own names, and by those that the printed table gives them."""
    return {name: name for name in RUN_ROW} | {_head(name): name for name in METRICS_SHOWN}


def _head(name: str) -> str:
    """The head of a column of figures."""
    return METRICS[name].short or METRICS[name].label


def runs_text(reports: Path | None = None, wanted: WantedRuns | None = None, as_json: bool = False) -> str:
    """The runs of `runs_table` as text, or as JSON in the units of records."""
    table, broken = runs_table(reports, wanted)
    if as_json:
        import pandas as pd  # slow to import, and the list needs none of it

        return str(pd.DataFrame(table, columns=list(RUN_ROW)).to_json(orient="records", indent=2, force_ascii=False))
    said = "".join(f"\n{wrapped(sentence)}" for sentence in broken)
    if not table:
        where = " or ".join(map(str, listed_places() if reports is None else [reports]))
        return f"No finished run is in {where}{' that fits' if wanted and wanted.where else ''}.{said}"
    shown = [METRICS[name] for name in METRICS_SHOWN]
    head = ["run", "kind", "made (UTC)", "policy", *map(_head, METRICS_SHOWN), "seconds", "note"]
    units = ["", "", "", "", *(m.unit for m in shown), "", ""]
    rows = [
        [
            row["run"], row["kind"], row["made"], row["policy"],
            *(m.text(None if _is_missing(row[m.key]) else row[m.key]) for m in shown),
            f"{row['seconds']:.0f}", row["note"],
        ]
        for row in table
    ]  # fmt: skip
    return text_table([head, units, *rows], left=4, last_left=True, width=None) + said
