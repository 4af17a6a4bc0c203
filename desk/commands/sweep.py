"""The sweep of a file as a run of its own: resumable while it lasts, one whole folder when it is done."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from backtests.comparison.paired import expected_losses
from backtests.evaluation.benchmark import Benchmark
from backtests.inference.estimates import Estimate
from backtests.runs.chunks import discard, unfinished
from backtests.runs.folder import RESULTS_FILE, Run, reports_folder, staged
from backtests.runs.manifest import sign
from backtests.runs.origin import identity
from backtests.runs.tasks import check_workers
from backtests.runs.trial_book import count_trials
from backtests.sheets.pages.sweep import SweepSheet, sweep_sheet
from backtests.sweeps.file import read_sweep
from backtests.sweeps.run import fingerprint_of, prepare, run_into, settings_of_sweep
from backtests.sweeps.run_part import backtest_one, parts_of
from backtests.sweeps.setup import PreparedSweep
from backtests.sweeps.store import join
from backtests.sweeps.summary import own_conditions, sweep_text
from backtests.sweeps.table import Keep, kept_numbers, paths
from backtests.sweeps.trials import TRIAL_FIGURES, sweep_trials
from desk.commands.made import Made, write_summary
from foundation.files import write_whole, writing
from foundation.paper.formats import plain_json
from foundation.progress import bar

PATHS_FILE = "paths.parquet"
MOST_COUNTED = 500_000  # configurations of a file of the trial book
DRAWN = 200_000  # configurations of which a sheet is drawn: it takes the whole table into memory


def make_sweep(
    file: Path, *, workers: int = 1, cluster: str = "", reports: Path | None = None, fresh: bool = False
) -> Made:
    """Make the sweep that a file describes, as a run of its own; an interrupted one resumes.

    file    : file that describes the sweep.
    workers : number of threads or processes of this machine.
    cluster : address of a Dask scheduler instead, or "".
    reports : folder of the runs, or None for `reports_folder`.
    fresh   : true to start over, even if the same file has an unfinished sweep.
    Raises  : ConfigError for what is wrong in the file, and where an unfinished sweep of it was made from other
              settings, data or code: nothing is mixed.
    """
    check_workers(workers)
    started, home = datetime.now(UTC), reports or reports_folder(file)
    with bar(None, "reading prices") as progress:
        asked = read_sweep(file)
        progress.stage("preparing the sweep")
        prepared = prepare(asked.portfolios, asked.plan, asked.keep, asked.cvar95)
    last = max(setup.market.dates[-1] for setup in prepared.setups.values())
    settings = plain_json(settings_of_sweep(prepared, asked.settings))
    run = Run("sweep", Path(file).stem, f"{last:%Y-%m-%d}", settings, fingerprint_of(prepared))
    chunks = home / f".{Path(file).stem}.unfinished"  # beside the runs, and no part of one
    with writing(home), unfinished(chunks, run, prepared.fingerprints(), fresh) as done:
        before = sum(part.stop - part.first for part in done)
        run_into(chunks, prepared, done, workers, cluster, progress=True)
        final = home / run.name
        with staged(final) as folder, bar(None, "writing results and their page"):
            join(chunks, parts_of(prepared), folder / RESULTS_FILE)
            text = publish_sweep(prepared, asked.keep, run, folder)
            sign(folder, started)
        results = pq.ParquetFile(final / RESULTS_FILE, pre_buffer=False)
        for some in results.iter_batches(MOST_COUNTED, columns=["configuration", *TRIAL_FIGURES]):
            count_trials(sweep_trials(prepared, some.to_pandas()), run.name)
        discard(chunks)
    again = f"{before:,} of them were already finished, and did not run again.\n\n" if before else ""
    return Made(final, f"{text}\n\n{again}{final}")


def publish_sweep(prepared: PreparedSweep, keep: Keep, run: Run, folder: Path) -> str:
    """Write paths, summary and manifest beside the results, then the sheet; gives the summary.

    prepared : the sweep.
    keep     : configurations whose full paths are kept.
    run      : settings, data and code of the sweep.
    folder   : folder of the run, with its results.

    Results are read a chunk at a time, but for the sheet, which is drawn of up to `DRAWN` configurations. The
    results stay complete if no sheet can be drawn from them: the summary then ends with the reason.
    """
    results = pq.ParquetFile(folder / RESULTS_FILE, pre_buffer=False)  # else all of it is held
    tables = (batch.to_pandas() for batch in results.iter_batches())
    text = sweep_text(prepared, tables, partial(_expected, prepared))
    numbers = kept_numbers(
        prepared, keep, (b.to_pandas() for b in results.iter_batches(columns=["configuration", keep.by]))
    )
    if numbers:
        write_whole(folder / PATHS_FILE, paths(prepared, numbers).to_parquet(index=False))
    facts: dict[str, Any] = {
        "trials": len(prepared.plan),
        "target_paths": prepared.shared,
        "data": prepared.fingerprints(),
        "kept": list(numbers),
    }
    write_summary(folder, run, text, facts)
    why = f"it has {len(prepared.plan):,} configurations, and a page can show at most {DRAWN:,}"
    if len(prepared.plan) <= DRAWN:
        try:
            _sheet(prepared, run, pd.read_parquet(folder / RESULTS_FILE)).write(folder)
            return text
        except Exception as error:  # whatever it is, it must not cost the hours that were played
            why = f"it could not be drawn ({type(error).__name__}: {error}); all other files are complete"
    return f"{text}\n\nThis sweep has no page: {why}."


def _expected(prepared: PreparedSweep, portfolio: str, numbers: Sequence[int]) -> dict[int, Estimate]:
    """The expected losses of some configurations of one test, as a comparison has them: by number, bp a year."""
    setup, played = prepared.setups[portfolio], {number: backtest_one(prepared, number) for number in numbers}
    one = next(iter(played.values()))
    benchmark = replace(Benchmark.of(one, setup.tracking_penalty), strategic=setup.strategic_from(one.first))
    return expected_losses(played, benchmark, setup.day_cost, setup.order_cost)


def _sheet(prepared: PreparedSweep, run: Run, table: pd.DataFrame) -> SweepSheet:
    """The sheet of a sweep. J has lines of equal value where all setups price tracking error alike."""
    prices = {setup.tracking_penalty for setup in prepared.setups.values()}
    own = {name: own_conditions(setup) for name, setup in prepared.setups.items()}
    return sweep_sheet(
        table,
        title=run.portfolio,
        tracking_penalty=prices.pop() if len(prices) == 1 else None,
        run={"Data": f"prices to the closes of {run.last_day}; each portfolio in its currency"} | identity(run),
        own=own,
    )
