"""The command line: `rebalance new | report | backtest | trades | risk | allocate | forecast | audit | sweep FILE`,
`run | live FILE`, `watch | governance FILES`, `history`, `alerts test`, `approve | execute TICKET`, `why ORDER`,
`journal show | verify | export`, `book open | fill | show | resolve | reconcile`,
`data fetch | update | import | check | list | revisions | sources`, `batch FILES`, `show | pdf | verify | replay RUN`,
`diff RUN RUN`, `runs`, `trials`, `tca`, `laboratory | study | policies | train`, `cluster | compile`,
`serve | worker | mcp`, `user add | link | list | disable`, `store backup | restore | migrate | check | rotate-keys`.

Each command is a function in a module of this folder, and imports what is heavy when it runs.
"""

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from backtests.runs.folder import code_version
from desk.cli import book, data, journal, store, user
from desk.cli.cycle import alerts, governance, history, live, run
from desk.cli.execute import execute
from desk.cli.journal import approve, why
from desk.cli.learned import policies, train
from desk.cli.machine import cluster, compile_now
from desk.cli.new import new
from desk.cli.on_server import OnServer, check_server
from desk.cli.past_runs import diff, note, pdf, replay, runs, show, trials, verify
from desk.cli.reports import backtest, batch, parameters_text, report
from desk.cli.serve import mcp, serve, worker
from desk.cli.studies import audit, laboratory, study, sweep
from desk.cli.tca import tca
from desk.cli.today import allocate, forecast, risk
from desk.cli.trades import trades
from desk.cli.watch import watch
from desk.commands.terminal import print_text, run_app
from foundation.home import HOME, fix_folders

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
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show version and code, and exit.")
    ] = False,
    server: Annotated[
        str, typer.Option(help="Address of a service, to do report, backtest, run or runs there.", show_default=False)
    ] = "",
    home: Annotated[Path | None, typer.Option(help="Folder of runs, books and journal, as REBALANCE_HOME.")] = None,
) -> None:
    """Options of the command line itself."""
    if home is not None:
        os.environ[HOME] = str(home)
    fix_folders()
    context.obj = check_server(server, context.invoked_subcommand)


app.command(cls=OnServer, epilog=parameters_text())(report)
command: Callable[..., None]
for command in (batch, backtest, new, trades, tca, approve, execute, why, risk, allocate, forecast):
    app.command(cls=OnServer)(command)
for command in (run, watch, history, live, governance):
    app.command(cls=OnServer)(command)
for command in (audit, sweep, laboratory, study, cluster, serve, worker, mcp):
    app.command()(command)
app.command("compile")(compile_now)
for command in (policies, verify, runs, note, trials, show, pdf, diff, replay):
    app.command(cls=OnServer)(command)
for name, group in {
    "alerts": alerts,
    "journal": journal.app,
    "book": book.app,
    "data": data.app,
    "train": train,
    "store": store.app,
    "user": user.app,
}.items():
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command line."""
    run_app(app)
