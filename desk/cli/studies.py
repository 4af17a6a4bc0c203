"""The commands of `rebalance research` beside `backtest` and `trials`: policies tested in other ways."""

from pathlib import Path
from typing import Literal

from desk.cli.options import File, PolicyName, Workers, argument, kept, option, starting, trusted, workers_of
from desk.commands.terminal import print_text, tell
from foundation.files import writing
from foundation.progress import bar


def audit(
    file: File,
    policy: PolicyName = None,
    days: int = option("The most decision days of a policy to check.", default=24),
    workers: Workers = None,
    controls: bool = option("Also backtest shuffled days, random times and martingales."),
) -> None:
    """Say whether a policy of FILE looks ahead.

    It does if a decision depends on later data. Exit status 1 if one does.
    """
    with starting(file):
        from desk.commands.audit import make_audit

    made = make_audit(file, policy, days, workers_of(workers), controls, trusted())
    tell(made.text, made.found)


def sweep(
    file: Path = argument("A sweep file, such as data/sweeps/thresholds.yaml."),
    workers: Workers = None,
    fresh: bool = option("Start over; do not resume an earlier sweep."),
) -> None:
    """Backtest every configuration of a sweep file.

    Their metrics are written as one run. An interrupted sweep resumes.
    """
    with starting():
        from desk.commands.sweep import make_sweep

    count, cluster = workers_of(workers)
    with kept("chunks"):
        print_text(make_sweep(file, workers=count, cluster=cluster, fresh=fresh).text)


def laboratory(
    paths: int = option("Simulated paths of ten years.", default=1_000),
    seed: int = option("Seed of the paths; rules are tuned on paths of the next seed.", default=1),
    workers: Workers = None,
) -> None:
    """Backtest every rule where the optimal policy is known.

    The market is simulated. The gaps to the optimal policy are written as one run.
    """
    with starting():
        from desk.commands.laboratory import make_laboratory

    count, cluster = workers_of(workers)
    made = make_laboratory(paths=paths, seed=seed, workers=count, cluster=cluster)
    print_text(made.text)


def study(
    cases: list[str] | None = argument("Cases, such as funds-2-2016. [default: all]", default=None),
    workers: Workers = None,
    kind: Literal["learned", "rules", "exposure", "after-tax"] = option(
        "Rules with learned policies; rules alone; policies trained for exposure instead of rebalancing; or rules "
        "after federal taxes.",
        default="learned",
    ),
    fresh: bool = option("Start over; do not resume an earlier study."),
) -> None:
    """Backtest rules and learned policies on many real markets.

    Out of sample. An interrupted study resumes.
    """
    with starting():
        from backtests.runs.folder import reports_folder
        from backtests.runs.tasks import check_workers
        from backtests.sheets.pages.real_markets import write_study_sheet
        from backtests.studies.real_markets import Budget, run
        from backtests.studies.real_markets.run_case import EXPOSURE_SEEDS, EXPOSURE_STEPS, LEARNER_STEPS, SEEDS

    count, address = workers_of(workers)
    check_workers(count)
    exposure, after_tax = kind == "exposure", kind == "after-tax"
    steps = {"learned": LEARNER_STEPS, "exposure": EXPOSURE_STEPS}.get(kind, {})
    seeds, plain = EXPOSURE_SEEDS if exposure else SEEDS, not (exposure or after_tax)
    budget = Budget(steps, seeds, rules=plain, after_tax=after_tax)
    folder = reports_folder() / {"learned": "study", "rules": "rules-only"}.get(kind, kind)
    with kept("cases"), writing(folder):
        made = run(cases or (), folder, budget, workers=count, cluster=address, fresh=fresh)
        if not after_tax:
            with bar(None, "drawing the page"):
                write_study_sheet(folder, made)
    print_text(f"{made!r}\n\n{folder}")


def list_policies(
    folder: Path | None = argument(
        "Folder of a policy or of all its seeds: write their card there as a page.", default=None
    ),
) -> None:
    """List the learned policies, or write the card of one.

    Those of the workbench and of past runs are listed; the card is that of the policy in FOLDER.
    """
    if folder is not None:
        with starting():
            from backtests.sheets.pages.policy_card import write_card

        with writing(folder), bar(None, "drawing the card"):
            written = write_card(folder)
        print_text(f"Written to {written}.")
        return
    with starting():
        from backtests.sheets.pages.policy_catalog import policies_text, policy_folders

    with bar(None, "reading policies"):
        listed = policies_text(policy_folders())
    print_text(listed)


def cluster(
    address: str = argument(
        "Address of the scheduler to join, such as tls://10.0.0.1:8786. [default: start one here]", default=""
    ),
    workers: int | None = option("Processes of one thread. [default: one a core]"),
    host: str = option(
        "Address of this machine to listen on; any but 127.0.0.1 needs a certificate. [default: 127.0.0.1]"
    ),
    port: int = option("Port of the scheduler; 0 takes a free one.", default=8786, min=0, max=65535),
) -> None:
    """Start a Dask cluster, or workers for one that is running.

    It serves `--workers ADDRESS`. With ADDRESS, its workers join the cluster there.
    """
    with starting():
        from desk.commands.cluster import LOCAL_HOST, join_cluster, serve_cluster

    if address:
        join_cluster(address, host, workers)
    serve_cluster(host or LOCAL_HOST, port, workers)
