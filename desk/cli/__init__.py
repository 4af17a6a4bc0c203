"""The command line: `rebalance new | report | backtest | trades | risk | allocate | forecast | audit | sweep FILE`,
`approve | execute TICKET`, `why ORDER`, `journal show | verify | export`, `book open | fill | show | resolve`,
`data fetch | update | import | check | list | revisions | sources`, `batch FILES`, `show | pdf | verify | replay RUN`,
`diff RUN RUN`, `runs`, `trials`, `laboratory | study | policies | train`, `cluster | compile`.

Each imports what is heavy when it runs. `new`, `data`, `journal` and `trades` have modules of their own.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from backtests.runs.folder import code_version
from backtests.runs.notebook import COMPARING, SET_BY_REPORT
from backtests.runs.parameters import declared
from backtests.today.risk_paths import PATHS
from desk.cli.book import app as book
from desk.cli.data import app as data
from desk.cli.execute import execute
from desk.cli.journal import app as journal
from desk.cli.journal import approve, why
from desk.cli.new import new
from desk.cli.options import (
    Cluster,
    File,
    FinishedRun,
    KnownOn,
    PastDay,
    Reports,
    Retrain,
    TrustCode,
    kept,
    run_in,
    starting,
)
from desk.cli.trades import trades
from desk.commands.terminal import print_text, run_app, tell
from foundation.errors import ConfigError
from foundation.files import writing
from foundation.progress import bar

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes as long to import as all the rest
    help="Backtest rebalancing policies, compare them with evidence, and make trade lists.",
)


def _version(asked: bool) -> None:
    if asked:
        print_text(f"rebalance {version('rebalance-workbench')}, code {code_version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show version and code, and exit.")
    ] = False,
) -> None:
    """Options of the command line itself."""


def _parameters() -> str:
    """The parameters of a report with their explanations in the notebook, one a line."""
    if not COMPARING.exists():  # not in a checkout
        return ""
    known = {name: parameter for name, parameter in declared(COMPARING).items() if name not in SET_BY_REPORT}
    lines = [f"  {name:<10} {parameter.meaning}" for name, parameter in known.items()]
    return "\n".join(["\b", "Parameters of the notebook:", *lines])  # \b: keep the line breaks


@app.command(epilog=_parameters())
def report(
    file: File,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="A parameter of the notebook, as name=value; may be repeated."),
    ] = None,
    retrain: Retrain = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also print the tearsheet as PDF, by Chromium.")] = False,
    as_known_on: KnownOn = None,
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Compare all policies of FILE; write tearsheet, trade list and results into the folder of one run."""
    with starting():
        from desk.commands.print_page import print_page
        from desk.commands.report import make_report

    made = make_report(file, parameter or (), reports, retrain, trust_code)
    print_text(made.text)
    if pdf:
        print_text(f"{print_page(made.folder)}")


@app.command()
def batch(
    files: Annotated[
        list[Path], typer.Argument(help="Portfolio files, or one file that says what to run.", show_default=False)
    ],
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="A parameter of all runs, as name=value; may be repeated."),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(help="A parameter that varies, as name=v1,v2; may be repeated: every combination is run."),
    ] = None,
    notebook: Annotated[
        str | None,
        typer.Option(help=f"Name of the notebook that is executed. [default: {COMPARING.stem}]", show_default=False),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the batch's folder beside its runs. [default: batch]", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Workers on this machine, one notebook each. [default: 1]", show_default=False)
    ] = None,
    cluster: Cluster = None,
    if_changed: Annotated[
        bool, typer.Option("--if-changed", help="Leave alone what has the data, settings and code of the last batch.")
    ] = False,
    retrain: Retrain = False,
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Make a report of each of FILES with each combination of parameters, and one page over all of them.

    A finished run is not made again, so that an interrupted batch resumes. Exit status 1 if a run failed.
    """
    with starting():
        from desk.commands.batch import make_batch, plan_of

    with kept("runs"):
        plan = plan_of(
            files, parameter or (), grid or (), notebook=notebook, name=name, workers=workers, cluster=cluster or ""
        )
        made = make_batch(plan, reports, retrain=retrain, if_changed=if_changed, trust_code=trust_code)
    tell(made.text, made.failed)


@app.command()
def backtest(
    file: File,
    policy: Annotated[str, typer.Option(help="Name of a policy of FILE.")],
    sheet: Annotated[bool, typer.Option("--sheet", help="Also write its own tearsheet, sheet.html.")] = False,
    retrain: Retrain = False,
    as_known_on: KnownOn = None,
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Backtest one policy of FILE, print its summary, and write its results."""
    with starting():
        from desk.commands.report import make_backtest

    print_text(make_backtest(file, policy, reports, retrain, sheet, trust_code).text)


app.command()(new)
app.command()(trades)
app.command()(approve)
app.command()(execute)
app.command()(why)
app.add_typer(journal, name="journal")
app.add_typer(book, name="book")
app.add_typer(data, name="data")


@app.command()
def risk(
    file: File,
    paths: Annotated[
        int, typer.Option(help="Simulated futures of a year; of each law but the first, a quarter.")
    ] = PATHS,
    as_known_on: KnownOn = None,
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Write the risk sheet of today's holdings of FILE: exposures, losses, contributions, drift, a year from today."""
    with starting():
        from desk.commands.risk import make_risk

    print_text(make_risk(file, reports, paths, trust_code=trust_code).text)


@app.command()
def allocate(
    file: File,
    as_of: PastDay = None,
    policy: Annotated[str | None, typer.Option(help="Name of a policy of FILE. [default: all]")] = None,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Also say which mean, volatility or correlation moves which weight.")
    ] = False,
    trust_code: TrustCode = None,
) -> None:
    """Print the target weights of FILE's policies and their reasons, beside the weights held and simple controls."""
    with starting():
        from backtests.today.targets_today import targets_today
        from research.portfolio import load_portfolio

    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code)
        progress.stage("computing targets")
        text = repr(targets_today(portfolio, as_of, None if policy is None else [policy], sensitivity))
    print_text(text)


@app.command()
def forecast(
    file: File,
    as_of: PastDay = None,
    worth: Annotated[bool, typer.Option("--worth", help="Play the portfolio with and without each forecast.")] = False,
    trust_code: TrustCode = None,
) -> None:
    """Print what FILE's forecasts expect, with the skill each has shown, and enter it into the forecast book."""
    with starting():
        from desk.commands.forecast import make_forecast

    print_text(make_forecast(file, as_of, worth, trust_code))


@app.command()
def audit(
    file: File,
    policy: Annotated[str | None, typer.Option(help="Name of a policy of FILE. [default: all]")] = None,
    days: Annotated[int, typer.Option(help="The most decision days of a policy to check.")] = 24,
    workers: Annotated[int, typer.Option(help="Workers on this machine, one policy each.")] = 1,
    controls: Annotated[
        bool, typer.Option("--controls", help="Also play shuffled days, random times and martingale worlds.")
    ] = False,
    trust_code: TrustCode = None,
) -> None:
    """Say whether a policy of FILE looks ahead: whether a decision depends on later data. Exit status 1 if one does."""
    with starting():
        from desk.commands.audit import make_audit

    made = make_audit(file, policy, days, workers, controls, trust_code)
    tell(made.text, made.found)


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="A sweep file, such as data/sweeps/thresholds.yaml.")],
    workers: Annotated[int, typer.Option(help="Workers on this machine.")] = 1,
    cluster: Cluster = None,
    reports: Reports = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over; do not resume an earlier sweep.")] = False,
) -> None:
    """Backtest every configuration of FILE, and write their metrics as one run. An interrupted sweep resumes."""
    with starting():
        from desk.commands.sweep import make_sweep

    with kept("chunks"):
        print_text(make_sweep(file, workers=workers, cluster=cluster or "", reports=reports, fresh=fresh).text)


@app.command()
def laboratory(
    paths: Annotated[int, typer.Option(help="Simulated paths of ten years.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Seed of the paths; rules are tuned on paths of the next seed.")] = 1,
    workers: Annotated[int, typer.Option(help="Threads.")] = 1,
    reports: Reports = None,
) -> None:
    """Backtest every rule in a simulated market with a known optimal policy, and write the gaps as one run."""
    with starting():
        from desk.commands.laboratory import make_laboratory

    print_text(make_laboratory(paths=paths, seed=seed, workers=workers, reports=reports).text)


@app.command()
def study(
    cases: Annotated[list[str] | None, typer.Argument(help="Cases, such as funds-2-2016. [default: all]")] = None,
    workers: Annotated[int, typer.Option(help="Workers on this machine, one case each.")] = 1,
    cluster: Cluster = None,
    rules_only: Annotated[bool, typer.Option("--rules-only", help="Without learned policies.")] = False,
    exposure: Annotated[
        bool, typer.Option("--exposure", help="Train policies for exposure instead of rebalancing.")
    ] = False,
    reports: Reports = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over; do not resume an earlier study.")] = False,
) -> None:
    """Backtest rules and learned policies on real markets, out of sample. An interrupted study resumes."""
    with starting():
        from backtests.runs.folder import REPORTS
        from backtests.runs.tasks import check_workers
        from backtests.sheets.pages.real_markets import write_study_sheet
        from backtests.studies.real_markets import Budget, run
        from backtests.studies.real_markets.run_case import EXPOSURE_SEEDS, EXPOSURE_STEPS, LEARNER_STEPS, SEEDS

    check_workers(workers)
    if rules_only and exposure:
        raise ConfigError("--rules-only and --exposure exclude each other: give one of them.")
    steps = {} if rules_only else EXPOSURE_STEPS if exposure else LEARNER_STEPS
    budget = Budget(steps, EXPOSURE_SEEDS if exposure else SEEDS, rules=not exposure)
    what = "rules-only" if rules_only else "exposure" if exposure else "study"
    folder = (reports or REPORTS) / what
    with kept("cases"), writing(folder):
        made = run(cases or (), folder, budget, workers=workers, cluster=cluster or "", fresh=fresh)
        with bar(None, "drawing the page"):
            write_study_sheet(folder, made)
    print_text(f"{made!r}\n\n{folder}")


@app.command()
def cluster(
    address: Annotated[
        str, typer.Argument(help="Of the scheduler to join, such as tls://10.0.0.1:8786. [default: start one here]")
    ] = "",
    workers: Annotated[
        int | None, typer.Option(help="Processes of one thread. [default: one a core]", show_default=False)
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address of this machine to listen on; any but 127.0.0.1 needs a certificate. [default: 127.0.0.1]"
        ),
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the scheduler; 0 takes a free one.")] = 8786,
) -> None:
    """Start a Dask cluster for `--cluster` on this machine, or, with ADDRESS, workers for one that is running."""
    with starting():
        from desk.commands.cluster import LOCAL_HOST, join, serve

    if address:
        join(address, host, workers)
    serve(host or LOCAL_HOST, port, workers)


@app.command(name="compile")
def compile_now() -> None:
    """Compile what report, backtest and trades need on this machine. Existing compiled code is only checked."""
    with starting():
        from desk.commands.compile_kernels import compile_kernels

    with kept("kernels"):
        compiled = compile_kernels()
    print_text("Compiled for this machine." if compiled else "Compiled code is up to date: nothing to do.")


@app.command()
def policies(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of a policy or of all its seeds: write their card there as a page.")
    ] = None,
    reports: Reports = None,
) -> None:
    """List the learned policies of the workbench and of past runs; with FOLDER, write the card of that policy."""
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
        listed = policies_text(policy_folders(reports))
    print_text(listed)


@app.command()
def verify(run: FinishedRun, reports: Reports = None) -> None:
    """Say whether RUN is what it was when it was made: its files and its manifest. Exit status 1 if it is not."""
    with starting():
        from backtests.runs.verify import verify as verified

    found = verified(run_in(reports, run))
    tell(repr(found), found.changed)


@app.command()
def runs(
    kind: Annotated[str, typer.Option(help="Only runs of this kind: report, backtest, risk, sweep, laboratory.")] = "",
    portfolio: Annotated[str, typer.Option(help="Only runs of this portfolio, such as sixty_forty.")] = "",
    since: Annotated[str, typer.Option(help="Only runs made on this day or later, YYYY-MM-DD.")] = "",
    sort: Annotated[str, typer.Option(help="time, or a column such as loss; -loss has the largest first.")] = "time",
    where: Annotated[
        list[str] | None, typer.Option(help="Only runs of which this holds, such as 'loss<2'; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, in the units of records.")] = False,
    reports: Reports = None,
) -> None:
    """List the finished runs with their figures, the newest first."""
    with starting():
        from desk.commands.past_runs import Wanted, runs_text

    print_text(runs_text(reports, Wanted(kind, portfolio, since, sort, where or ()), as_json))


@app.command()
def note(
    run: FinishedRun,
    text: Annotated[str, typer.Argument(help="One line; an empty one takes the note away.")],
    reports: Reports = None,
) -> None:
    """Note something of RUN, for `rebalance runs`."""
    with starting():
        from desk.commands.past_runs import note_run

    print_text(note_run(run_in(reports, run), text))


@app.command()
def trials(
    portfolio: Annotated[
        str, typer.Argument(help="Only trials of this portfolio, such as sixty_forty. [default: all]")
    ] = "",
) -> None:
    """Show the trial book: how many configurations were tried, and what that leaves of the best of them."""
    with starting():
        from desk.commands.trials import trials_text

    with bar(None, "reading the trial book"):
        text = trials_text(portfolio)
    print_text(text)


@app.command()
def show(run: FinishedRun, reports: Reports = None) -> None:
    """Show again what RUN printed when it was made, and where its sheet is."""
    with starting():
        from desk.commands.past_runs import show_text

    print_text(show_text(run_in(reports, run)))


@app.command()
def pdf(run: Annotated[Path, typer.Argument(help="Folder of a run, or path of a page such as card.html.")]) -> None:
    """Print the page of RUN as PDF beside it, by Chromium. A print is no part of a run: `verify` does not see it."""
    with starting():
        from desk.commands.print_page import print_page

    print_text(f"{print_page(run)}")


@app.command()
def diff(run: FinishedRun, other: FinishedRun, reports: Reports = None) -> None:
    """Say what differs between two runs: settings, data, code, packages, figures, and the first day of wealth."""
    with starting():
        from desk.commands.past_runs import diff_text

    print_text(diff_text(run_in(reports, run), run_in(reports, other)))


@app.command()
def replay(
    run: FinishedRun,
    file: Annotated[Path | None, typer.Option(help="The portfolio file, where it is not where it was.")] = None,
    retrain: Retrain = False,
    trust_code: TrustCode = None,
) -> None:
    """Make RUN again and compare all its files. Exit status 1 where a byte differs."""
    with starting():
        from desk.commands.past_runs import replay as made_again

    found = made_again(run, file, retrain, trust_code)
    tell(found.text, not found.same)


train = typer.Typer(no_args_is_help=True, help="Train again a policy that comes with the workbench.")
app.add_typer(train, name="train")


@train.callback()
def training() -> None:
    """Train again a policy that comes with the workbench."""


@train.command()
def universal(
    seed: Annotated[int, typer.Option(help="Seed of all random draws.")] = 1,
    steps: Annotated[int, typer.Option(help="Updates of the network.")] = 1_600,
    folder: Annotated[
        Path | None,
        typer.Option(help="[default: data/policies/universal, for the seed and steps it has]", show_default=False),
    ] = None,
) -> None:
    """Train the universal policy from its seed: about ten minutes of one core. An interrupted training resumes."""
    with starting():
        from research.learning.universal.checkpointed_training import SEED, UPDATES, train_universal
        from research.learning.universal.rule import FOLDER

    if folder is None and (seed, steps) != (SEED, UPDATES):
        raise ConfigError(
            f"seed {seed} and {steps:,} steps would overwrite the network that comes with the workbench "
            f"(seed {SEED}, {UPDATES:,} steps), which `universal` rules use: give --folder."
        )
    with kept("updates"), writing(folder or FOLDER), bar(steps, "universal", "updates") as shown:
        made = train_universal(seed, steps, folder or FOLDER, lambda done: shown.update(done - shown.n))
    print_text(f"Written to {made}.")


def main() -> None:
    """Run the command line."""
    run_app(app)
