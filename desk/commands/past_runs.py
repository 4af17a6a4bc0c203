"""Past runs: a list of them, the text of one, the differences between two, and a replay of one."""

import json
import operator
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS
from backtests.runs.differences import FigureDifference, RunDifferences, differing, run_differences, stored_figures
from backtests.runs.folder import SUMMARY_FILE, found_at, run_places
from backtests.runs.manifest import past_runs
from backtests.runs.report_settings import FULL_RUN
from backtests.runs.verify import verify
from desk.commands.made import Made
from desk.commands.report import make_backtest, make_report
from desk.commands.today.allocate import make_allocate
from desk.commands.today.forecast import make_forecast
from desk.commands.today.plan import make_plan
from desk.commands.today.risk import make_risk
from foundation.arguments import day, one_of, refuse
from foundation.errors import ConfigError, DataError
from foundation.files import ROOT, locked, work_folder, write_whole
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import counted, listed, number
from research.portfolio import load_portfolio
from research.portfolio.keys.stored_market import KNOWN_ON

REPLAYED = ("report", "backtest", "risk", "plan", "allocate", "forecast")  # kinds that are made from a portfolio file
KINDS = (*REPLAYED, "sweep", "laboratory", "notebook", "client")
METRICS_SHOWN = ("loss", "cost", "tracking_error", "growth", "volatility", "sharpe", "max_drawdown", "turnover")
COLUMNS = ("run", "kind", "portfolio", "made", "seconds", "policy", *METRICS_SHOWN, "note")
COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
NOTES, LONGEST_NOTE = "notes.json", 200  # of the folder of runs; characters of a note
DIFFERENCES_SHOWN = 20  # differences of figures that are shown
SHEETS = (
    "tearsheet.html", "sheet.html", "risk.html", "plan.html", "allocate.html", "forecast.html", "sweep.html",
    "laboratory.html", "client.html",
)  # fmt: skip


# -- the list --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """The conditions on the runs wanted, and their order.

    kind      : only runs of this kind; "" takes all.
    portfolio : only runs of this portfolio; "" takes all.
    since     : only runs made on this day (YYYY-MM-DD) or later; "" takes all.
    sort      : "time", or a column; with "-" before it the largest first.
    where     : conditions that all hold, such as "loss<2", "tracking error<1.2" or "policy=threshold", with names and
                units of the printed table.
    Raises    : ConfigError for an unknown kind or column, and for what is no day.
    """

    kind: str = ""
    portfolio: str = ""
    since: str = ""
    sort: str = "time"
    where: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse conditions that do not exist. Raises ConfigError."""
        if self.kind:
            one_of("kind is", self.kind, KINDS)
        column, falls = self.sort.removeprefix("-"), "-" if self.sort.startswith("-") else ""
        one_of("sort is", column, ("time", *_named()))
        object.__setattr__(self, "sort", falls + _named().get(column, column))
        object.__setattr__(self, "since", f"{day('since is', self.since):%Y-%m-%d}" if self.since else "")

    @property
    def all(self) -> bool:
        """True if no condition leaves out a run."""
        return not (self.kind or self.portfolio or self.since or self.where)


def runs_table(reports: Path | None = None, wanted: Wanted | None = None) -> tuple[pd.DataFrame, list[str]]:
    """The finished runs of a folder, a row a run, the newest first; and the reasons why others cannot be used.

    The figures are those of the policy that was recommended or backtested, in the units of records, and its note.
    reports : folder of the runs, or None for all `run_places`; of two runs of one name that of the first place.
    wanted  : conditions on the runs; by default all.
    Raises  : ConfigError for a folder that is none, and for an unknown condition.
    """
    wanted = wanted or Wanted()
    if reports is not None and not reports.is_dir():
        refuse("--reports is", str(reports), "give the folder that holds the runs.")
    rows, broken = dict[str, dict[str, Any]](), list[str]()
    for place in run_places() if reports is None else [reports]:
        found, notes = past_runs(place, wanted.kind or None), run_notes(place)
        broken += found.broken
        for folder, manifest in found.whole:
            if wanted.portfolio not in ("", manifest["portfolio"]) or manifest["times"]["ended"][:10] < wanted.since:
                continue
            row, fault = run_row(folder, manifest, notes.get(folder.name, ""))
            rows.setdefault(folder.name, row)
            broken += [fault] * bool(fault)
    by_time = sorted(rows.values(), key=lambda row: row["made"], reverse=True)
    table = pd.DataFrame(by_time, columns=list(COLUMNS))
    for condition in wanted.where:
        table = table[_fits(table, condition)]
    if wanted.sort != "time":
        column, falls = wanted.sort.removeprefix("-"), wanted.sort.startswith("-")
        table = table.sort_values(column, ascending=not falls, kind="stable", na_position="last")
    return table.reset_index(drop=True), broken


def run_row(folder: Path, manifest: Mapping[str, Any], note: str = "") -> tuple[dict[str, Any], str]:
    """The row of a run in the list, by `COLUMNS`; and the reason why its figures cannot be read, "" where they can."""
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


def _fits(table: pd.DataFrame, condition: str) -> "pd.Series[bool]":
    """(R,) the rows on which a condition holds. Raises ConfigError."""
    found = re.fullmatch(r"\s*([^<>=!]+?)\s*(<=|>=|!=|<|>|=)\s*(.*?)\s*", condition)
    named = _named()
    if found is None or found[1] not in named:
        refuse("where is", condition, f"give a column, <, <=, >, >=, = or !=, and a value: {', '.join(named)}.")
    name, value = named[found[1]], found[3]
    if name not in (*METRICS_SHOWN, "seconds"):
        return COMPARED[found[2]](table[name], value)
    factor = METRICS[name].factor if name in METRICS_SHOWN else 1.0
    try:
        return COMPARED[found[2]](factor * table[name].astype(float), float(value))
    except ValueError:
        unit = f", in {METRICS[name].unit}" if name in METRICS_SHOWN and METRICS[name].unit else ""
        refuse("where is", condition, f"{found[1]} is a number{unit}, as in the table.")


def _named() -> dict[str, str]:
    """The columns by their own names, and by those that the printed table gives them."""
    return {name: name for name in COLUMNS} | {_head(name): name for name in METRICS_SHOWN}


def _head(name: str) -> str:
    """The head of a column of figures."""
    return METRICS[name].short or METRICS[name].label


def runs_text(reports: Path | None = None, wanted: Wanted | None = None, as_json: bool = False) -> str:
    """The runs of `runs_table` as text, or as JSON in the units of records."""
    table, broken = runs_table(reports, wanted)
    if as_json:
        return str(table.to_json(orient="records", indent=2, force_ascii=False))
    said = "".join(f"\n{wrapped(sentence)}" for sentence in broken)
    if table.empty:
        where = " or ".join(map(str, run_places() if reports is None else [reports]))
        return f"No finished run is in {where}{'' if wanted is None or wanted.all else ' that fits'}.{said}"
    shown = [METRICS[name] for name in METRICS_SHOWN]
    head = ["run", "kind", "made (UTC)", "policy", *map(_head, METRICS_SHOWN), "seconds", "note"]
    units = ["", "", "", "", *(m.unit for m in shown), "", ""]
    rows = [
        [
            row["run"], row["kind"], row["made"], row["policy"],
            *(m.text(None if pd.isna(row[m.key]) else row[m.key]) for m in shown),
            f"{row['seconds']:.0f}", row["note"],
        ]
        for row in table.to_dict("records")
    ]  # fmt: skip
    return text_table([head, units, *rows], left=4, last_left=True, width=None) + said


def run_notes(reports: Path) -> dict[str, str]:
    """The note on each run, by the run's name."""
    path = reports / NOTES
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}. Mend it, or delete it: it holds the notes alone.") from error


def note_run(run: Path, text: str) -> str:
    """Note something of a run, beside it: its own files stay as they are. An empty text takes the note away.

    run    : folder of the run.
    text   : one line.
    Raises : DataError for what is no finished run; ConfigError for a text of more than one line.
    """
    if not text.isprintable() or len(text) > LONGEST_NOTE:
        refuse("note is", text, f"give one line of at most {LONGEST_NOTE} characters.")
    folder = verify(run).folder
    with locked(folder.parent / f".{NOTES}", wait=True):
        notes = run_notes(folder.parent) | {folder.name: text}
        kept = {name: note for name, note in notes.items() if note}
        write_whole(folder.parent / NOTES, json.dumps(kept, indent=2, ensure_ascii=False).encode())
    return f"{folder.name}: {text or 'no note'}"


# -- one run ---------------------------------------------------------------------------------------------------------


def show_text(run: Path) -> str:
    """The text that a run printed when it was made, and the path of its sheet; from its files alone.

    run    : folder of the run.
    Raises : DataError where it is no finished run, or was made before runs kept their text.
    """
    found = verify(run)
    text = found.folder / SUMMARY_FILE
    if not text.exists():
        raise DataError(f"{found.folder} has no {SUMMARY_FILE}, so it cannot be shown. Make the run again.")
    sheet = sheet_of(found.folder)
    parts = [text.read_text(encoding="utf-8").rstrip(), *([] if sheet is None else [f"Sheet: {sheet}"])]
    if found.changed:
        parts.append(repr(found))
    return "\n\n".join(parts)


def sheet_of(folder: Path) -> Path | None:
    """The page of a run; None where it has none."""
    return next((folder / name for name in SHEETS if (folder / name).exists()), None)


# -- two runs --------------------------------------------------------------------------------------------------------


def differences_text(found: RunDifferences) -> str:
    """The differences between two runs: their inputs first, then figures, then the first day of wealth."""
    if not (found.files or any(found.made_from.values())):
        return f"Same bytes in all {_count(found)}: {found.one['run']}."
    blocks = [f"{found.one['run']} and {found.other['run']}"]
    made = [str(run.get("recommendation", {}).get("policy")) for run in (found.one, found.other)]
    if made[0] != made[1]:
        blocks.append(f"Recommended: {made[0]}, and {made[1]}.")
    for of, sentences in found.made_from.items():
        said = [f"  {sentence}." for sentence in sentences] or ["  the same."]
        blocks.append("\n".join([f"{of.capitalize()}:", *said]))
    if found.figures:
        blocks.append(_figures_text(found.figures))
    for which, names in zip(("first", "second"), found.alone, strict=True):
        if names:
            blocks.append(f"Only in the {which} run: {listed(names)}.")
    if found.wealth or found.same:
        blocks.append(_wealth_text(found))
    blocks.append(
        wrapped(f"Files that differ: {listed(found.files, most=DIFFERENCES_SHOWN)}.")
        if found.files
        else "No file differs."
    )
    return "\n\n".join(blocks)


def _count(found: RunDifferences) -> str:
    return counted(len(found.one["files"]), "file")


DIFFERENCE_HEADS = ("policy", "figure", "first run", "second run", "difference", "")


def figure_rows(figures: Sequence[FigureDifference]) -> list[list[str]]:
    """A row for each of the figures that are farthest apart, by `DIFFERENCE_HEADS`."""
    rows = []
    for d in figures[:DIFFERENCES_SHOWN]:
        shown = METRICS.get(d.figure)
        if shown is None or d.size == float("inf"):
            rows.append([d.policy, d.figure, *("–" if v is None else str(v) for v in (d.one, d.other)), "", ""])
            continue
        one, other = shown.factor * d.one, shown.factor * d.other
        digits = max(shown.digits, 1 - int(np.floor(np.log10(abs(other - one)))))  # two digits of the difference
        words = [number(one, digits), number(other, digits), number(other - one, digits, signed=True)]
        rows.append([d.policy, shown.label, *words, shown.unit])
    return rows


def _figures_text(figures: Sequence[FigureDifference]) -> str:
    rows = [[*DIFFERENCE_HEADS], *figure_rows(figures)]
    more = (
        f"\n… and {counted(len(figures) - DIFFERENCES_SHOWN, 'more figure')}"
        if len(figures) > DIFFERENCES_SHOWN
        else ""
    )
    return f"Figures, the farthest apart first:\n{text_table(rows, left=2, last_left=True)}{more}"


def _wealth_text(found: RunDifferences) -> str:
    return "\n".join(["Wealth:", *(wrapped(f"  {each}") for each in wealth_words(found))])


def wealth_words(found: RunDifferences) -> list[str]:
    """A sentence on the first day on which the wealth of each policy differs, and one on those with equal wealth."""
    lines = [
        f"{d.policy}: {d.why}."
        if not d.date
        else f"{d.policy}: first on {d.date} ({number(d.one)} and {number(d.other)}): {d.why}."
        for d in found.wealth
    ]
    return lines + ([f"{listed(found.same, most=DIFFERENCES_SHOWN)}: equal at every close."] if found.same else [])


# -- again -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Replayed:
    """A run that was made again.

    same : true if all its files are the same, byte by byte.
    text : the verdict, with the differences.
    """

    same: bool
    text: str


def replay(run: Path, file: Path | None = None, retrain: bool = False, trust_code: bool | None = None) -> Replayed:
    """Make a run again, from the same file with the same settings, and compare it with what is there.

    run        : folder of a run of one of the kinds `REPLAYED`.
    file       : its portfolio file, if it has been moved.
    retrain    : true to train learned policies anew too; else an earlier training with the same settings, data and code
                 is taken.
    trust_code : true if the file may name rules by import path, as for `load_portfolio`.
    Raises     : DataError where there is no such run or its files were changed; ConfigError for a run of another kind,
                 for a file that is missing, and for one with other settings than the run's.
    """
    run = found_at(run)
    found = verify(run)
    if found.changed:
        raise DataError(f"{found!r} Only an unchanged run can be compared.")
    manifest = found.manifest
    file = file or _file_of(run, manifest)
    with work_folder() as place, _known_as(manifest):
        _refuse_other_settings(run, manifest, file, trust_code)
        made = _made_again(run, manifest, file, place, retrain, trust_code)
        differences = run_differences(run, made.folder)
    same, text = not differences.files, differences_text(differences)
    if same and any(differences.made_from.values()):
        return Replayed(
            True, f"Made again: same bytes in all {_count(differences)}, although not all is as it was.\n\n{text}"
        )
    verdict = (
        "Made again. " if same else "Made again, with differences: the first is the run, the second was made now.\n\n"
    )
    return Replayed(same, f"{verdict}{text}")


def _made_again(
    run: Path, manifest: Mapping[str, Any], file: Path, reports: Path, retrain: bool, trust_code: bool | None
) -> Made:
    """A run of the same kind with the same settings.

    run        : folder of the existing run.
    manifest   : manifest of the existing run.
    file       : portfolio file.
    reports    : folder of the new run.
    retrain    : true to train learned policies anew; those of a risk sheet are taken from the reports beside it.
    trust_code : true if the file may name rules by import path.
    """
    settings = manifest["settings"]
    if manifest["kind"] == "risk":
        return make_risk(file, reports, settings["paths"], run.parent, trust_code)
    if manifest["kind"] == "plan":
        return make_plan(file, reports, settings["paths"], run.parent, trust_code)
    if manifest["kind"] == "allocate":
        return make_allocate(file, reports, settings["as_of"], settings["policy"], settings["sensitivity"], trust_code)
    if manifest["kind"] == "forecast":
        return make_forecast(file, reports, settings["as_of"], settings["worth"], trust_code)
    if manifest["kind"] == "backtest":
        return make_backtest(file, settings["policy"], reports, retrain, settings.get("sheet", False), trust_code)
    parameters = [f"{name}={settings[name]}" for name in (*FULL_RUN, "reference")]
    if (given := _given_benchmark(manifest, file, trust_code)) is not None:
        parameters.append(f"benchmark={given}")
    return make_report(file, parameters, reports, retrain, trust_code)


@contextmanager
def _known_as(manifest: Mapping[str, Any]) -> Iterator[None]:
    """Within the block stores are read as they were known for a run."""
    market = manifest["settings"].get("portfolio", {}).get("market")
    before = os.environ.get(KNOWN_ON)
    if isinstance(market, dict) and "known_on" in market:
        os.environ[KNOWN_ON] = market["known_on"]
    try:
        yield
    finally:
        os.environ.pop(KNOWN_ON, None)
        os.environ.update({} if before is None else {KNOWN_ON: before})


def _file_of(run: Path, manifest: Mapping[str, Any]) -> Path:
    """The portfolio file that a run was made from."""
    if manifest["kind"] not in REPLAYED:
        raise ConfigError(
            f"{run} is a {manifest['kind']}: {listed(REPLAYED)} are the kinds that `replay` makes again. Give the "
            "folder of one."
        )
    file = ROOT / str(manifest.get("file", ""))
    if not file.is_file():
        raise ConfigError(
            f"{run} was made from {manifest.get('file', 'a file that its manifest does not name')}, which is not "
            "there. Give the file: rebalance runs replay RUN --file FILE."
        )
    return file


def _given_benchmark(manifest: Mapping[str, Any], file: Path, trust_code: bool | None) -> str | None:
    """The benchmark that a report was started with, where it is not the file's; None for the file's own."""
    own = load_portfolio(file, trust_code=trust_code).settings
    was, now = (settings.get("benchmark") for settings in (manifest["settings"]["portfolio"], own))
    if manifest["kind"] != "report" or was is None or was == now:
        return None
    return str(was["file"] if isinstance(was, dict) else was)


def _refuse_other_settings(run: Path, manifest: Mapping[str, Any], file: Path, trust_code: bool | None) -> None:
    """Raise ConfigError where the file has other settings than the run."""
    given = _given_benchmark(manifest, file, trust_code)
    overrides = {} if given is None else {"benchmark": given}
    was, now = manifest["settings"]["portfolio"], load_portfolio(file, overrides, trust_code=trust_code).settings
    differ = [f"{key} ({before} in the run, {after} in the file)" for key, before, after in differing(was, now)]
    if differ:
        raise ConfigError(
            f"{file} has other settings than {run.name}: {listed(differ, most=5)}. Restore the file, or give the one "
            "that the run was made from: rebalance runs replay RUN --file FILE."
        )


def diff_text(one: Path, other: Path) -> str:
    """The differences between two runs as text. one, other : their folders. Raises DataError for what is no run."""
    return differences_text(run_differences(one, other))
