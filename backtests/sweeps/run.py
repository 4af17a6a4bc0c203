"""A sweep: every configuration of a plan played, by which workers, and the table of what came out."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from backtests.engine.result import Backtest
from backtests.runs import tasks
from backtests.runs.chunks import WorkPart, chunk, made_from, unfinished, write_chunk
from backtests.runs.folder import Run
from backtests.runs.sent_markets import run_on_cluster
from backtests.runs.trial_book import count_trials
from backtests.sweeps.axes import Axes
from backtests.sweeps.plan import Plan, Strategic, held_in_plan
from backtests.sweeps.run_part import backtest_one, is_plain, parts_of, run_part
from backtests.sweeps.setup import PreparedSweep, Setup, prepare_sweep
from backtests.sweeps.store import rows_of_part
from backtests.sweeps.table import Keep, best_first, kept_numbers, paths, rows
from backtests.sweeps.trials import sweep_trials
from backtests.views import view
from foundation.dataclasses import dataclass, field
from foundation.errors import ConfigError
from foundation.progress import bar
from research.portfolio import Portfolio
from research.portfolio.keys.allocations import allocation_key
from research.portfolio.keys.policies import rule_key
from research.rules.protocol import short_name

WRITTEN = ("never", "calendar", "threshold", "no_trade_region")  # rules whose `repr` says all that they decide by
ROWS_IN_CELL = 200_000  # rows that a notebook's cell makes blocks of
Where = Portfolio | Setup | Sequence[Portfolio | Setup]
Result = TypeVar("Result")
Job = Callable[[PreparedSweep, WorkPart], Result]


@dataclass(frozen=True, eq=False)
class Sweep:
    """The results of a sweep.

    table : a row for each configuration: its place on each axis, then its metrics, in the units of
            `evaluation.scores.Score` (fractions a year; loss, cost and opening cost in bp; nav of 1 at the start).
    paths : paths of the configurations that were chosen for it: a row for each configuration and close.
    """

    prepared: PreparedSweep = field(repr=False)
    table: pd.DataFrame
    paths: pd.DataFrame

    @property
    def plan(self) -> Plan:
        """The plan that was run."""
        return self.prepared.plan

    @property
    def trials(self) -> int:
        """Number of configurations that were tried, for which the evidence has to allow."""
        return len(self.plan)

    @property
    def shared(self) -> int:
        """Target paths that were computed, once each, for all configurations."""
        return self.prepared.shared

    def best(self, k: int = 10, by: str = "loss") -> pd.DataFrame:
        """The k best rows by a metric. Costs and lags are nobody's choice: choose the rows of one of each first."""
        return best_first(self.table, by).head(k)

    def backtest(self, configuration: int | str) -> Backtest:
        """The whole backtest of one configuration, by number or name."""
        return backtest_one(self.prepared, self.plan.number(configuration))

    def __repr__(self) -> str:
        """The size of the sweep, and the best under the conditions of today, as text."""
        from backtests.sweeps.summary import sweep_text

        return sweep_text(self.prepared, [self.table])

    def _repr_html_(self) -> str | None:
        """The page's verdicts, warnings and best; of a sweep that is too large for a page there is the text alone."""
        return None if len(self.table) > ROWS_IN_CELL else str(view(self, "html"))


def sweep(
    where: Where,
    plan: Plan | Axes,
    *,
    workers: int = 1,
    cluster: str = "",
    keep: Keep | None = None,
    cvar95: bool = False,
    folder: str | Path | None = None,
    progress: bool = True,
) -> Sweep:
    """Run every configuration of a plan on a portfolio or setup, or on several.

    where    : `Setup.on(market, costs, strategic, start)` makes a setup of a bare market.
    plan     : axes are played as a grid; `sample(axes, ...)` and `listed(...)` make other plans.
    workers  : of this machine (`run_all`).
    cluster  : address of a Dask cluster instead, or "".
    keep     : configurations whose full paths are stored.
    cvar95   : True to compute that metric as well.
    folder   : folder of finished chunks, from which an interrupted sweep resumes; "" or None stores none.
    progress : True to show a bar.
    Raises   : ConfigError for a plan that cannot be run, and for a folder with chunks of other settings, data or code.

    Each configuration is counted in the trial book (`backtests.runs.trial_book`).
    """
    keep = keep or Keep()
    prepared = prepare(where, plan, keep, cvar95)
    if folder is None:
        found = played_rows(prepared, workers, cluster, progress)
    else:
        _refuse_unwritten(prepared)
        run = Run("sweep", "", "", settings_of_sweep(prepared), fingerprint_of(prepared))
        with unfinished(Path(folder), run, prepared.fingerprints()) as done:
            run_into(Path(folder), prepared, done, workers, cluster, progress)
            found = pa.concat_tables([rows_of_part(Path(folder), part) for part in parts_of(prepared)])
    table = found.to_pandas()
    made = Sweep(prepared, table, paths(prepared, kept_numbers(prepared, keep, [table])))
    count_trials(sweep_trials(prepared, table))
    return made


def played_rows(prepared: PreparedSweep, workers: int = 1, cluster: str = "", progress: bool = False) -> pa.Table:
    """A row for each configuration, played and stored nowhere; other arguments as `run_parts`."""
    figures = dict(run_parts(prepared, parts_of(prepared), run_part, workers, cluster, progress))
    return rows(prepared, WorkPart(0, len(prepared.plan)), np.concatenate([figures[part] for part in sorted(figures)]))


def prepare(where: Where, plan: Plan | Axes, keep: Keep, cvar95: bool) -> PreparedSweep:
    """The prepared sweep.

    where  : a portfolio or setup, or several.
    plan   : the plan; axes are run as a grid.
    keep   : configurations whose full paths are stored.
    cvar95 : True to compute that metric as well.
    Raises : ConfigError for paths that cannot be stored, before anything is run.
    """
    prepared = prepare_sweep(where, plan.grid() if isinstance(plan, Axes) else plan, cvar95=cvar95)
    for which in keep.configurations:
        prepared.plan.number(which)
    if keep.by == "cvar95" and keep.best and not cvar95:
        raise ConfigError("keep is by cvar95, which the sweep does not compute: set cvar95=True.")
    return prepared


def run_parts(
    prepared: PreparedSweep,
    parts: Iterable[WorkPart],
    job: Callable[[PreparedSweep, WorkPart], Result],
    workers: int,
    cluster: str,
    progress: bool,
    done: int = 0,
) -> Iterator[tuple[WorkPart, Result]]:
    """Parts with the results of a job for each as they finish, under a progress bar.

    prepared : the sweep.
    parts    : parts of its plan.
    job      : function of the sweep and a part, such as `run_part`, which workers call.
    workers  : number of workers of this machine.
    cluster  : address of a Dask cluster instead, or "".
    progress : True to show the bar.
    done     : number of configurations that were finished before.
    """
    count = len(prepared.plan)
    with bar(count, "sweep", "configurations", done=done, shown=progress) as stages:
        for part, result in run_all(prepared, parts, job, workers=workers, cluster=cluster):
            yield part, result
            stages.update(part.stop - part.first)


def _chunk(stamp: bytes, prepared: PreparedSweep, part: WorkPart) -> bytes:
    """The chunk of a part, played; workers make it, so that the driver has nothing to do but to write it."""
    return chunk(rows(prepared, part, run_part(prepared, part)), stamp)


def run_into(
    folder: Path, prepared: PreparedSweep, done: set[WorkPart], workers: int, cluster: str, progress: bool
) -> None:
    """Run the unfinished parts of a folder, and write each chunk as it finishes; none is kept in memory.

    folder   : folder of the chunks.
    prepared : the sweep.
    done     : parts that are finished.
    workers  : number of workers of this machine.
    cluster  : address of a Dask cluster instead, or "".
    progress : True to show a bar.
    """
    left = (part for part in parts_of(prepared) if part not in done)
    count = sum(part.stop - part.first for part in done)
    job = partial(_chunk, made_from(folder))
    for part, content in run_parts(prepared, left, job, workers, cluster, progress, count):
        write_chunk(folder, part, content)


def settings_of_sweep(prepared: PreparedSweep, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The inputs of a sweep besides data and code, as plain JSON values. asked : contents of the sweep's file."""
    return {
        "sweep": dict(asked) if asked is not None else prepared.plan.settings,
        "portfolios": {name: setup.settings for name, setup in prepared.setups.items()},
        "cvar95": prepared.cvar95,
    }


def fingerprint_of(prepared: PreparedSweep) -> str:
    """One fingerprint for all data of a sweep: a market's own, where there is one."""
    prints = prepared.fingerprints()
    if len(prints) == 1:
        return next(iter(prints.values()))
    return hashlib.sha256("".join(f"{name}:{found};" for name, found in sorted(prints.items())).encode()).hexdigest()


def _refuse_unwritten(prepared: PreparedSweep) -> None:
    """Refuse to keep chunks of policies or allocations that cannot be written down: another could pass for them."""
    unwritten: list[object] = [policy for policy in prepared.plan.policies if rule_key(policy) not in WRITTEN]
    held = [held_in_plan(policy) for policy in prepared.plan.policies] + [a.strategic for a in prepared.setups.values()]
    unwritten += [a for a in held if not isinstance(a, Strategic) and allocation_key(a) is None]
    for part in unwritten:
        raise ConfigError(
            f"{short_name(part)} cannot be described completely, so its chunks could be confused with those of "
            "another policy. Run the sweep without `folder`."
        )


def run_all(
    prepared: PreparedSweep, parts: Iterable[WorkPart], job: Job[Result], *, workers: int = 1, cluster: str = ""
) -> Iterator[tuple[WorkPart, Result]]:
    """Do a job for parts of a plan; gives each with its result as it finishes, in any order.

    prepared : the sweep.
    parts    : of its plan; each is drawn when a worker will soon be free for it.
    job      : such as `run_part`; a function of a module that workers can import.
    workers  : of this machine: threads where all is compiled, else processes.
    cluster  : address of a Dask scheduler instead, such as "tls://127.0.0.1:8786".
    Raises   : ConfigError for fewer than one worker, a cluster that does not answer or goes away, a worker that died.
    """
    tasks.check_workers(workers)
    if cluster:
        return run_on_cluster(prepared, job, parts, cluster)
    if workers == 1:
        return ((part, job(prepared, part)) for part in parts)
    pool = tasks.in_threads if is_compiled(prepared) else tasks.in_processes
    return pool(partial(job, prepared), parts, workers)


def is_compiled(prepared: PreparedSweep) -> bool:
    """True if the batch engine runs all of a plan: it does without Python's lock."""
    setups, policies = prepared.setups.values(), prepared.plan.policies
    return all(setup.scales for setup in setups) and all(map(is_plain, policies))
