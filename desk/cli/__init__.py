"""The command line. `COMMANDS` is the table of its commands: name, function, and an example of its words.

Each command is a function in a module of this folder, and imports what is heavy when it runs.
"""

import os
from collections.abc import Callable
from typing import Any

import typer

from backtests.runs.folder import code_version
from desk.cli import book, cycle, data, execute, journal, new, past_runs, reports, serve, studies, today, trades
from desk.cli.command_types import Command, CommandGroup, Group, Table
from desk.cli.options import TRUSTED, as_command, option
from desk.commands.terminal import print_text, run_app
from foundation.errors import ConfigError
from foundation.home import HOME, fix_folders
from foundation.sets import version_of

FILE, RUN, TICKET = "data/portfolios/sixty_forty.yaml", "sixty_forty", "trades.json"  # of examples
DATA_COMMANDS: Table = {
    "fetch": (data.fetch_prices, "my.yaml --since 2010-01-01"),
    "import": (data.import_, "prices.csv --as mine"),
    "check": (data.check_prices, FILE),
    "list": (data.list_, ""),
    "news": (data.score_items, f"{FILE} news.csv"),
}
RESEARCH: Table = {
    "sweep": (studies.sweep, "data/sweeps/thresholds.yaml"),
    "backtest": (reports.backtest, f"{FILE} --policy yearly"),
    "audit": (studies.audit, f"{FILE} --policy yearly"),
    "laboratory": (studies.laboratory, "--paths 100"),
    "study": (studies.study, "--kind rules"),
    "policies": (studies.list_policies, ""),
    "trials": (past_runs.trials, "sixty_forty"),
    "cluster": (studies.cluster, ""),
}
RUN_COMMANDS: Table = {"show": (past_runs.show_run, f"{RUN} --pdf page"), "replay": (past_runs.repeat_run, RUN)}
BOOK: Table = {
    "open": (book.open_, f"{FILE} --as mine"),
    "fill": (book.add_fills, "mine fills.csv"),
    "show": (book.show, "mine"),
    "settle": (book.settle_book, "mine row-1a2b"),
}
DESK: Table = {
    "run": (cycle.run, f"{FILE} --as-of 2022-12-29"),
    "install": (cycle.install, "my.yaml --paper"),
    "watch": (cycle.watch_sessions, f"{FILE} --once"),
    "history": (cycle.show_history, f"{FILE} --view governance"),
    "approve": (journal.approve_ticket, TICKET),
    "execute": (execute.execute, f"{TICKET} --exchange paper"),
    "book": Group("Keep what a portfolio holds after its fills.", BOOK),
    "journal": (journal.show_entries, "--last 5"),
    "tca": (journal.tca, "--out costs.html"),
}
SERVE: Table = {
    "worker": (serve.worker, ""),
    "mcp": (serve.serve_assistant, ""),
    "store": (serve.keep_store, "backup backup.jsonl"),
    "user": (serve.keep_users, "add ann@example.com --role admin"),
}
COMMANDS: Table = {
    "new": (new.new, "my.yaml SPY=60 AGG=40 --nav 1000000"),
    "data": Group("Fetch, import and check the prices that portfolio files use.", DATA_COMMANDS),
    "report": (reports.report, FILE),
    "adopt": (reports.adopt_policy, "my.yaml"),
    "trades": (trades.trades, f"{FILE} --as-of 2022-12-29"),
    "risk": (today.write_risk, FILE),
    "plan": (today.plan, "data/examples/plan_of_a_life.yaml"),
    "allocate": (today.allocate, FILE),
    "forecast": (today.forecast, FILE),
    "research": Group("Test policies beyond one backtest.", RESEARCH),
    "runs": Group("", RUN_COMMANDS, past_runs.list_runs),
    "batch": (reports.batch, f"{FILE} -p draws=1000"),
    "desk": Group("Decide, approve, execute and book; say why.", DESK),
    "serve": Group("", SERVE, serve.serve),
}
HIDDEN: Table = {"tour": (reports.tour, "")}  # help names it first of all


class Commands(CommandGroup):
    """The commands as the table has them, and their help."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return [*COMMANDS, *HIDDEN]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words of the usage: the options that do no work, since the others stand below the commands."""
        return ["[--version|--install-completion|--show-completion]", "COMMAND"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands alone: all fits a screen of 24 lines."""
        self.format_commands(ctx, formatter)


def _app(group: Group, path: str, **settings: Any) -> typer.Typer:
    """The commands of a group, whose path is such as `rebalance desk`."""
    settings = {
        "cls": CommandGroup,
        "help": group.help or group.alone.__doc__,
        "epilog": _example(path, group),
    } | settings
    made = typer.Typer(rich_markup_mode=None, no_args_is_help=group.alone is None, **settings)  # rich is slow to import
    if group.alone is not None:
        made.callback(invoke_without_command=True)(as_command(group.alone))
    for name, each in group.commands.items():
        words = f"{path} {name}"
        if isinstance(each, Group):
            made.add_typer(_app(each, words), name=name)
        else:
            more = reports.parameters_text() if each[0] is reports.report else ""
            epilog = more + _example(words, each)
            made.command(name, cls=Command, hidden=name in HIDDEN, epilog=epilog)(as_command(each[0]))
    return made


def _example(path: str, given: tuple[Callable[..., None], str] | Group) -> str:
    """An example of a command, in a line of its own; of a group, itself or its first command."""
    if not isinstance(given, Group):
        return f"\b\nExample:\n  {path} {given[1]}".rstrip()  # \b: keep the line breaks
    name, first = next(iter(given.commands.items()))
    return _example(path, (given.alone, "")) if given.alone else _example(f"{path} {name}", first)


app = _app(
    Group("Compare rebalancing policies, list exact trades. New here? `rebalance tour`", COMMANDS | HIDDEN),
    "rebalance",
    cls=Commands,
    epilog="\b\n--home DIR         folder of runs, books, journal, prices, as REBALANCE_HOME\n"
    "--trust-code       run the code of rules that FILE names by import path\n"
    "--as-known-on DAY  read data and books as of a day or UTC time\n"
    "--server URL       a service does report, runs, research backtest or desk run",
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        print_text(f"rebalance {version_of('rebalance-workbench')}, code {code_version()}")
        raise typer.Exit


def _stated(name: str, given: str | None, such_as: str) -> str | None:
    """The value of an option. Raises ConfigError for an empty one, as of a variable of the shell that is not set."""
    if given is not None and not given.strip():
        raise ConfigError(f"{name} is empty: give {such_as}, or leave it out.")
    return given


def _server(context: typer.Context, given: str | None) -> None:
    context.obj = (
        _stated("--server", given, "the address of a service, such as https://desk.example.com") or context.obj
    )


def _home(given: str | None) -> None:
    if _stated("--home", given, "a folder, such as ~/desk") is not None:
        os.environ[HOME] = str(given)
    fix_folders()


def _trust(context: typer.Context, asked: bool) -> None:
    if asked or context.parent is None:
        TRUSTED.set(asked or None)


def _known_on(given: str | None) -> None:
    """Read stores and books as of this moment, in this process and those that it starts."""
    if _stated("--as-known-on", given, "a day, such as 2026-11-25, or a moment in UTC") is not None:
        from research.portfolio.file.known_on import BOOKS_KNOWN_ON, KNOWN_ON  # slow to import

        os.environ |= dict.fromkeys((KNOWN_ON, BOOKS_KNOWN_ON), str(given))


@app.callback()
@as_command
def options(
    version: bool = option("Show version and code, and exit.", callback=_version, is_eager=True),
    server: str | None = option(
        "Do report, runs, research backtest or desk run there.", metavar="URL", callback=_server
    ),
    home: str | None = option("Folder of runs, books, journal and prices.", metavar="DIR", callback=_home),
    trust_code: bool = option("Let FILE name rules by import path: their code runs.", callback=_trust),
    as_known_on: str | None = option("Data and book as of a day or UTC time.", metavar="DAY", callback=_known_on),
) -> None:
    """Options of the command line itself, which may stand anywhere in it: their callbacks do what they ask."""


def main() -> None:
    """Run the command line. pydantic would read for its plugins what each installed package says of itself."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    run_app(app)
