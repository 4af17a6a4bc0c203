"""A sweep: every configuration of a plan played, and the table of what came out."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from backtests.engine.result import Backtest
from backtests.runs.folder import Run
from backtests.sweeps.axes import Axes
from backtests.sweeps.executors import play_all
from backtests.sweeps.plan import Part, Plan, Strategic, held_in_plan
from backtests.sweeps.run_part import play_one
from backtests.sweeps.setup import Arena, Stage, stage
from backtests.sweeps.store import read_chunk, unfinished, write_chunk
from backtests.sweeps.table import Keep, best_first, kept, paths, rows
from backtests.views import view
from research.errors import ConfigError
from research.portfolio import Portfolio
from research.portfolio.policies import allocation_key, rule_key
from research.progress import bar
from research.rules.protocol import short_name

WRITTEN = ("never", "calendar", "threshold", "no_trade_region")  # rules whose `repr` says all that they decide by
SHOWN = 200_000  # rows that a notebook's cell makes blocks of
Where = Portfolio | Arena | Sequence[Portfolio | Arena]


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep found.

    table : a row a configuration: where it is on each axis, then its metrics, in the units of `evaluation.scores.Score`
    (fractions a year; J, cost and opening cost in bp; nav of 1 at the start).
    paths : of the configurations that were kept: a row a configuration and close.
    """

    stage: Stage = field(repr=False)
    table: pd.DataFrame
    paths: pd.DataFrame

    @property
    def plan(self) -> Plan:
        """What was played."""
        return self.stage.plan

    @property
    def trials(self) -> int:
        """Configurations that were tried: how many the evidence has to allow for."""
        return len(self.plan)

    @property
    def shared(self) -> int:
        """Target paths that were computed, once each, for all configurations."""
        return self.stage.shared

    def best(self, k: int = 10, by: str = "J") -> pd.DataFrame:
        """The k best rows by a metric. Costs and lags are nobody's choice: choose the rows of one of each first."""
        return best_first(self.table, by).head(k)

    def backtest(self, configuration: int | str) -> Backtest:
        """The whole backtest of one configuration, by number or name."""
        return play_one(self.stage, self.plan.number(configuration))

    def __repr__(self) -> str:
        """How much was played, and the best under the conditions of today, as text."""
        from backtests.sweeps.summary import sweep_text

        return sweep_text(self.stage, [self.table])

    def _repr_html_(self) -> str | None:
        """The page's verdicts, warnings and best; of a sweep that is too large for a page there is the text alone."""
        return None if len(self.table) > SHOWN else str(view(self, "html"))


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
    """Play every configuration of a plan on a portfolio or arena, or on several.

    where : `Arena.on(market, costs, strategic, start)` makes an arena of a bare market.
    plan : axes are played as a grid; `sample(axes, ...)` and `listed(...)` make other plans.
    workers, cluster : of this machine, or the address of a Dask cluster (`backtests.sweeps.executors`).
    keep : of which configurations full paths are kept.  cvar95 : is that metric wanted as well?
    folder : where finished chunks are kept, so that a killed sweep goes on from them; "" or None keeps none.
    Raises : ConfigError for what cannot be played, and for a folder with chunks of other settings, data or code.
    """
    keep = keep or Keep()
    made = prepare(where, plan, keep, cvar95)
    if folder is None:
        tables = dict(play_tables(made, made.plan.parts(), workers, cluster, progress))
        parts: list[pa.Table] = [tables[part] for part in made.plan.parts()]
    else:
        _refuse_unwritten(made)
        run = Run("sweep", "", "", settings_of(made), fingerprint_of(made))
        with unfinished(Path(folder), run, made.fingerprints()) as done:
            play_into(Path(folder), made, done, workers, cluster, progress)
            parts = [read_chunk(Path(folder), part) for part in made.plan.parts()]
    table = pa.concat_tables(parts).to_pandas()
    return Sweep(made, table, paths(made, kept(made, keep, [table])))


def prepare(where: Where, plan: Plan | Axes, keep: Keep, cvar95: bool) -> Stage:
    """The stage of a sweep. Raises ConfigError for paths that cannot be kept, before anything is played."""
    made = stage(where, plan.grid() if isinstance(plan, Axes) else plan, cvar95=cvar95)
    for which in keep.configurations:
        made.plan.number(which)
    if keep.by == "cvar95" and keep.best and not cvar95:
        raise ConfigError("keep is by cvar95, which the sweep does not compute: ask for it (cvar95).")
    return made


def play_tables(
    made: Stage, parts: Iterable[Part], workers: int, cluster: str, progress: bool, done: int = 0
) -> Iterable[tuple[Part, pa.Table]]:
    """Parts with their rows as they finish, under a progress bar. done : configurations that were finished before."""
    count = len(made.plan)
    with bar(count, "sweep", "configurations", done=done, shown=progress) as told:
        for part, figures in play_all(made, parts, workers=workers, cluster=cluster):
            yield part, rows(made, part, figures)
            told.update(part.stop - part.first)


def play_into(folder: Path, made: Stage, done: set[Part], workers: int, cluster: str, progress: bool) -> None:
    """Play what is not finished in a folder, and write each chunk as it finishes."""
    parts = list(made.plan.parts())
    left = [part for part in parts if part not in done]
    count = len(made.plan) - sum(part.stop - part.first for part in left)
    for part, table in play_tables(made, left, workers, cluster, progress, count):
        write_chunk(folder, part, table)


def settings_of(made: Stage, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a sweep is made from besides data and code, as plain JSON values. asked : in words of the sweep's file."""
    return {
        "sweep": dict(asked) if asked is not None else made.plan.settings,
        "portfolios": {name: arena.settings for name, arena in made.arenas.items()},
        "cvar95": made.cvar95,
    }


def fingerprint_of(made: Stage) -> str:
    """One fingerprint for all data of a sweep: a market's own, where there is one."""
    prints = made.fingerprints()
    if len(prints) == 1:
        return next(iter(prints.values()))
    return hashlib.sha256("".join(f"{name}:{found};" for name, found in sorted(prints.items())).encode()).hexdigest()


def _refuse_unwritten(made: Stage) -> None:
    """Refuse to keep chunks of policies or allocations that cannot be written down: another could pass for them."""
    unwritten: list[object] = [policy for policy in made.plan.policies if rule_key(policy) not in WRITTEN]
    held = [held_in_plan(policy) for policy in made.plan.policies] + [a.strategic for a in made.arenas.values()]
    unwritten += [a for a in held if not isinstance(a, Strategic) and allocation_key(a) is None]
    for part in unwritten:
        raise ConfigError(
            f"{short_name(part)} cannot be written down in full, so that its chunks could not be told from "
            "another's. Sweep it without `folder`."
        )
