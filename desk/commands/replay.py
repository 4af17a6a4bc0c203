"""A run made again from its portfolio file, and compared with what is there."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from backtests.comparison.fitting.candidates import fit
from backtests.runs.differences import differing, run_differences
from backtests.runs.folder import found_at
from backtests.runs.notebook import COMPARING
from backtests.runs.parameters import injected
from backtests.runs.report_settings import FULL_RUN, overrides_of
from backtests.runs.verify import verify
from desk.commands.finished_run import REPLAYED
from desk.commands.made import Made
from desk.commands.report import make_backtest, make_report
from desk.commands.run_differences import differences_text, files_of
from desk.commands.today.allocate import make_allocate
from desk.commands.today.forecast import make_forecast
from desk.commands.today.plan import make_plan
from desk.commands.today.risk import make_risk
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from foundation.files import ROOT, work_folder
from foundation.paper.wording import listed
from research.portfolio import load_portfolio
from research.portfolio.file.known_on import KNOWN_ON


@dataclass(frozen=True)
class ReplayedRun:
    """A run that was made again.

    same : true if all its files are the same, byte by byte.
    text : the verdict, with the differences.
    """

    same: bool
    text: str


def replay_run(
    run: Path, file: Path | None = None, retrain: bool = False, trust_code: bool | None = None
) -> ReplayedRun:
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
        return ReplayedRun(
            True, f"Made again: same bytes in all {files_of(differences)}, although not all is as it was.\n\n{text}"
        )
    verdict = (
        "Made again. " if same else "Made again, with differences: the first is the run, the second was made now.\n\n"
    )
    return ReplayedRun(same, f"{verdict}{text}")


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
        anew = partial(fit, retrain=retrain)
        return make_backtest(file, settings["policy"], reports, anew, settings.get("sheet", False), trust_code)
    parameters = [f"{name}={settings[name]}" for name in (*FULL_RUN, "reference")]
    parameters += [f"{name}={value}" for name, value in _overrides(run, manifest).items()]
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


def _overrides(run: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of the file that a report was started with in place of the file's own."""
    return overrides_of(injected(run / COMPARING.name)) if manifest["kind"] == "report" else {}


def _refuse_other_settings(run: Path, manifest: Mapping[str, Any], file: Path, trust_code: bool | None) -> None:
    """Raise ConfigError where the file has other settings than the run."""
    overrides = _overrides(run, manifest)
    was, now = manifest["settings"]["portfolio"], load_portfolio(file, overrides, trust_code=trust_code).settings
    differ = [f"{key} ({before} in the run, {after} in the file)" for key, before, after in differing(was, now)]
    if differ:
        raise ConfigError(
            f"{file} has other settings than {run.name}: {listed(differ, most=5)}. Restore the file, or give the one "
            "that the run was made from: rebalance runs replay RUN --file FILE."
        )
