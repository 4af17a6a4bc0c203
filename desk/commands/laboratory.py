"""The laboratory as a run: its sheet, its figures and what they were made from, in one folder."""

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from backtests.laboratory.simulated_market import BASE_CASE, FULLY_INVESTED, MARKETS
from backtests.laboratory.study import study
from backtests.runs.folder import Run, reports_folder, staged
from backtests.runs.origin import identity
from backtests.runs.tasks import check_workers
from backtests.sheets.pages.laboratory import laboratory_html, laboratory_pictures, laboratory_text
from desk.commands.made import Made, finish_run
from foundation.arguments import is_whole, refuse
from foundation.files import write_whole, writing
from foundation.paper.files import write_pictures
from foundation.paper.formats import csv_text, plain_json
from foundation.progress import bar

PATHS, SEED = 1_000, 1
MOST_SIMULATED = 1_000_000  # of which figures take a gigabyte
MOST_SEED = 2**32 - 1  # rules are tuned on paths of the next one
SHEET, RESULTS = "laboratory.html", "results.csv"
WITHOUT_CASH = "fully_invested.csv"


def make_laboratory(
    *, paths: int = PATHS, seed: int = SEED, workers: int = 1, cluster: str = "", reports: Path | None = None
) -> Made:
    """Play every rule in the worked market and in its variants, and write what was found.

    paths   : worlds in which rules are judged; they are tuned in a third as many.
    seed    : of these worlds; rules are tuned in those of the next seed.
    workers : number of threads.
    cluster : address of a Dask cluster instead, or "".
    reports : folder of the runs, or None for `reports_folder`.
    Raises  : ConfigError for a number out of range, and as `run_on_cluster` does.
    """
    if not (is_whole(paths) and 6 <= paths <= MOST_SIMULATED):
        refuse("paths is", paths, f"give a whole number from 6 to {MOST_SIMULATED:,}, such as 1000.")
    if not (is_whole(seed) and 0 <= seed < MOST_SEED):
        refuse("seed is", seed, f"give a whole number from 0 to {MOST_SEED - 1:,}.")
    check_workers(workers)
    started = datetime.now(UTC)
    others = {"markets": MARKETS, "fully_invested": FULLY_INVESTED}
    settings = plain_json(
        {"problem": asdict(BASE_CASE), **{k: {n: asdict(m) for n, m in v.items()} for k, v in others.items()}}
    )
    settings |= {"paths": paths, "seed": seed}
    first = BASE_CASE.laboratory(paths, seed).market(0).fingerprint
    run = Run("laboratory", "laboratory", f"seed-{seed}", settings, hashlib.sha256(first.encode()).hexdigest())
    final = (reports or reports_folder()) / run.name
    with writing(final), staged(final) as folder:
        made = study(BASE_CASE, paths, seed, workers, cluster)
        text = laboratory_text(made)
        with bar(None, "drawing the page"):
            write_whole(folder / SHEET, laboratory_html(made, identity(run)))
        write_whole(folder / RESULTS, csv_text(made.table.reset_index()))
        write_whole(folder / WITHOUT_CASH, csv_text(made.invested))
        write_pictures(folder, laboratory_pictures(made).values())
        facts = {"trials": made.tuned.trials, "tuned": asdict(made.tuned), "promised": made.computed_loss}
        finish_run(folder, run, started, text, facts)
    return Made(final, f"{text}\n\n{final}")
