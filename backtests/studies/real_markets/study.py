"""The study: all cases, each stored in its own file when it finishes, so that an interrupted study resumes.

A case is one file, written whole or not at all, which says what it was made from: settings, data, code and libraries.
Files that were made from just that are done; any other is refused, and told is what differs.
"""

import hashlib
import io
import json
import os
import platform
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.runs import tasks
from backtests.runs.folder import Run, sorted_json, write_json
from backtests.studies.real_markets.after_tax import conditions_of_tax, taxed_cases
from backtests.studies.real_markets.cases import COST_BP, LAG, PERIODS, Case, all_cases, case
from backtests.studies.real_markets.run_case import (
    CALENDAR_SCHEDULES,
    EXPOSURE,
    FAMILY_CHOICES,
    LEARNER_SETTINGS,
    MULTIPLES,
    TAXED_FAMILIES,
    Budget,
    exposure_cases,
    run_case,
    spec,
)
from backtests.views import view
from foundation.arguments import refuse
from foundation.dataclasses import asdict, dataclass
from foundation.errors import ConfigError, DataError
from foundation.files import ROOT, read_with_record, write_with_record
from foundation.progress import bar
from foundation.sets import installed_versions
from research.allocation import FixedWeights
from research.learning.card import LEARNING_LIBRARIES
from research.learning.checksummed import checksum_of
from research.learning.parallel_seeds import SHARED_DRAWS
from research.learning.universal.rule import FOLDER
from research.risk.measures import TRACKING_PENALTY

FIGURES, RECORD = "figures.parquet", "study.json"  # on disk the first bears the beginning of its checksum
STUDY_FOLDER = ROOT / "data" / "studies" / "real_markets"  # the study that comes with the workbench
KEPT_EXPOSURE = ROOT / "data" / "studies" / "exposure"  # and that of exposure
KEPT_AFTER_TAX = ROOT / "data" / "studies" / "after_tax"  # and that of rules after tax
KEPT_RULES = ROOT / "data" / "studies" / "rules_only"  # and that without learned policies, which is newer


@dataclass(frozen=True, eq=False)
class Study:
    """The results of a study.

    table    : a row for each case, rule, seed and cost, with the columns of `run_case` and case, universe, window and
               assets.
    manifest : inputs of each case, settings of learners, choice of rules, and the time it took.
    """

    table: pd.DataFrame
    manifest: Mapping[str, Any]

    @classmethod
    def of(cls, results: Iterable[Mapping[str, Any]]) -> "Study":
        """Put the files of cases together. Raises ConfigError for none, and for cases of other code or settings."""
        frames, cases = [], {}
        common: dict[str, Any] = {}
        learners: dict[str, Any] = {}
        for result in results:
            origin = dict(result["made_from"])
            settings, data = origin.pop("settings"), origin.pop("data")
            origin["settings"] = settings["study"]
            if common and origin != common:
                raise ConfigError(
                    f"case {result['case']} has other code or settings than the cases before it: found "
                    f"{origin}. Run all cases with the same code and settings."
                )
            common = origin
            universe, _, window = result["case"].split("-")
            about = {"case": result["case"], "universe": universe, "window": int(window)}
            frames.append(pd.DataFrame(result["rows"]).assign(**about, lines=len(result["weights"])))
            kept = {name: value for name, value in result.items() if name not in ("case", "made_from", "rows")}
            learners |= settings["case"]["learners"]
            cases[result["case"]] = kept | {"data": data, **{k: settings["case"][k] for k in ("steps", "seeds")}}
        if not frames:
            raise ConfigError("a study needs at least one case: found none. Name one, such as funds-2-2016.")
        table = pd.concat(frames, ignore_index=True).astype({"seed": "Int64", "loss_training": float})
        return cls(table, {"made_from": common, "learners": learners, "cases": cases})

    @property
    def trials(self) -> int:
        """Number of settings and seeds tried on training days, over all cases."""
        return sum(facts["trials"] for facts in self.manifest["cases"].values())

    def save(self, folder: str | Path) -> Path:
        """Write the table as Parquet, and beside it the manifest with its hash, today's date and the machine."""
        folder, table = Path(folder), self.table.to_parquet(compression="zstd", index=False)
        found = hashlib.sha256(table).hexdigest()
        machine = f"{os.cpu_count()} cores, {platform.machine()}"
        made = {"made": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine, "sha256": found}
        write_with_record(folder / RECORD, sorted_json(dict(self.manifest) | made), FIGURES, found, table)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> "Study":
        """Read the files of `save`. Raises DataError if they are incomplete or the table has another hash."""
        folder = Path(folder)
        try:
            text, _, table = read_with_record(folder / RECORD, FIGURES, lambda text: json.loads(text)["sha256"])
            manifest = json.loads(text)
            if hashlib.sha256(table).hexdigest() != manifest["sha256"]:
                raise ValueError(f"the table was changed after it was saved: {RECORD} states another checksum")
            return cls(pd.read_parquet(io.BytesIO(table)), manifest)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f"{folder} has no complete study ({error}). Make it with `rebalance research study`."
            ) from error

    def __repr__(self) -> str:
        """The results in sentences."""
        return str(view(self, "text"))


def kept_study() -> Study:
    """The study that comes with the workbench: the rules of the study without learned policies, and these of the other.

    A rule that changes is measured again without training all policies again. Their figures stay comparable as long as
    the thresholds that both studies tuned have the same J in both, which a test holds.
    """
    learned, rules = Study.load(STUDY_FOLDER), Study.load(KEPT_RULES)
    trained = learned.table[learned.table["rule"].isin(list(LEARNER_SETTINGS))]
    return Study(pd.concat([rules.table, trained], ignore_index=True), {**learned.manifest, "rules": rules.manifest})


def study(
    cases: Sequence[Case],
    folder: str | Path | None,
    budget: Budget | None = None,
    *,
    workers: int = 1,
    client: Any = None,
    progress: bool = True,
    fresh: bool = False,
) -> Study:
    """Run every case that `folder` does not have yet, store each when it finishes, and combine all.

    cases    : cases to be run.
    folder   : folder of the stored cases; None stores nothing.
    budget   : budget of training and tuning.
    workers  : number of processes of our own, a case each.
    client   : client of a Dask cluster instead, whose workers have one thread each.
    progress : True to show a bar.
    fresh    : True to run all of them anew.
    Raises   : ConfigError for no cases, workers below one, and a folder with a case that was made from other inputs.
    """
    budget, folder = budget or Budget(), None if folder is None else Path(folder)
    tasks.check_workers(workers)
    if others := [one for one in cases if not isinstance(one, Case)]:
        refuse("a case is", others[0], "give a Case, as `case('funds-2-2016')` finds it.")
    with bar(len(cases), "reading markets", "cases", shown=progress) as stages:
        origins = {}
        for one in cases:
            origins[one] = case_origin(one, budget)
            stages.update()
    found = {} if fresh or folder is None else _finished(folder, origins)
    left = sorted((one for one in cases if one not in found), key=lambda one: -weight(one, budget))
    with bar(len(cases), "study", "cases", done=len(found), shown=progress) as done:
        for one, result in _results(left, budget, workers, client):
            found[one] = {"made_from": origins[one], **result}
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                write_json(folder / f"{one.name}.json", found[one])
            done.update()
    return Study.of(found[one] for one in cases)


def weight(one: Case, budget: Budget) -> int:
    """Rough time of a case: cases with the most training go first, so that all workers end at about the same time."""
    return sum(len(budget.learners(one, multiple)) for multiple in MULTIPLES) * 100 + len(one.weights)


def case_origin(one: Case, budget: Budget) -> dict[str, Any]:
    """The origin of a case's result: settings, data, code and libraries, as plain JSON."""
    learned = {f"{multiple:g}": budget.learners(one, multiple) for multiple in MULTIPLES}
    used = {by for learners in learned.values() for by in learners}
    own = {
        **asdict(one),
        "learned": learned,
        "steps": {by: steps for by, steps in budget.steps.items() if by in used},
        "learners": {by: spec(FixedWeights(one.weights), by, budget).settings() for by in budget.steps if by in used},
        "seeds": list(budget.seeds) if used else [],
        "rules": budget.rules,
    }
    common = {
        "cost_bps": COST_BP,
        "tracking_penalty": TRACKING_PENALTY,
        "lag": LAG,
        "periods_per_year": PERIODS,
        "multiples": list(MULTIPLES),
        "calendars": list(CALENDAR_SCHEDULES),
        "families": {name: repr(choices) for name, choices in FAMILY_CHOICES.items()},
        "libraries": installed_versions(LEARNING_LIBRARIES),
        "universal": checksum_of(FOLDER),
    }
    if budget.after_tax:
        own, common = own | conditions_of_tax(one), common | {"families": [repr(grid) for grid in TAXED_FAMILIES]}
    market = one.market
    settings = {"case": own, "study": common}
    run = Run("study", one.name, f"{market.dates[-1]:%Y-%m-%d}", settings, market.fingerprint)
    return tasks.identity_of_inputs(run, {one.universe: market.fingerprint})


def _finished(folder: Path, origins: Mapping[Case, Mapping[str, Any]]) -> dict[Case, dict[str, Any]]:
    """The cases of a folder. Raises ConfigError if one has another origin."""
    found = {}
    for one, origin in origins.items():
        file = folder / f"{one.name}.json"
        if file.exists():
            try:
                result = json.loads(file.read_text(encoding="utf-8"))
                made = result["made_from"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise DataError(
                    f"{file} has no result of a case: {error!r}. Delete it, and run the case again."
                ) from error
            tasks.refuse_other(file, made, origin)
            found[one] = result
    return found


def run(
    names: Sequence[str], folder: Path, budget: Budget, *, workers: int = 1, cluster: str = "", fresh: bool = False
) -> Study:
    """Run the cases of these names (default: all), and save all results of the study in their folder.

    names   : names of the cases, or none.
    folder  : folder in which they are stored.
    budget  : budget of training and tuning.
    workers : number of processes of our own, a case each.
    cluster : address of a Dask scheduler, whose workers have one thread each.
    fresh   : True to run all of them anew.
    Raises  : ConfigError as `study` does, for an unknown name, an invalid cluster, and for a cluster that goes away.
    """
    usual = taxed_cases if budget.after_tax else exposure_cases if EXPOSURE in budget.steps else all_cases
    cases = [case(name) for name in names] or list(usual())
    if cluster:
        with tasks.cluster_at(cluster) as client:
            tasks.refuse_threads(client, cluster, SHARED_DRAWS)
            made = study(cases, folder, budget, client=client, fresh=fresh)
    else:
        made = study(cases, folder, budget, workers=workers, fresh=fresh)
    _together(folder, budget, made.manifest["made_from"]["code"]).save(folder)
    return made


def _together(folder: Path, budget: Budget, code: str) -> Study:
    """All cases of a folder with the present settings and code, from any call."""
    found: list[dict[str, Any]] = []
    for one in all_cases():
        if (folder / f"{one.name}.json").exists():
            with suppress(ConfigError):  # of other settings or code: it is no part of this study
                found += _finished(folder, {one: case_origin(one, budget) | {"code": code}}).values()
    return Study.of(found)


# -- workers ---------------------------------------------------------------------------------------------------------


def _results(cases: Sequence[Case], budget: Budget, workers: int, client: Any) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Cases with their results, as they finish."""
    run_there = partial(_run_there, budget, tasks.code_here(), {one.name: one.market.fingerprint for one in cases})
    if client is not None:
        yield from tasks.on_client(client, run_there, tasks=cases)
    elif workers == 1 or len(cases) < 2:
        yield from ((one, run_case(one, budget)) for one in cases)
    else:
        yield from tasks.in_processes(run_there, cases, workers)


def _run_there(budget: Budget, code: Mapping[str, str], data: Mapping[str, str], one: Case) -> dict[str, Any]:
    """Run a case on a worker; its code and its market, which it reads from its own files, must be those of the study.

    code : as `tasks.code_here` gave it.  data : fingerprints of the markets, by the name of the case.
    """
    tasks.check_worker(code)
    if one.market.fingerprint != data[one.name]:
        raise DataError(
            f"the worker on {socket.gethostname()} has other data for case {one.name} in {ROOT / 'data'}: its market "
            f"has fingerprint {one.market.fingerprint[:8]}, that of the study {data[one.name][:8]}. {tasks.MAKE_ALIKE}"
        )
    return run_case(one, budget)
