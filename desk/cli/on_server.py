"""`rebalance --server URL report | backtest | run | runs`: the same commands, done by a service."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from desk.cli.options import starting
from desk.commands.cycle import PERSON_ASKED
from desk.commands.terminal import print_text
from foundation.errors import ConfigError
from foundation.paper.text_tables import text_table
from foundation.printable import printable

KINDS = {"report": "report", "backtest": "backtest", "run": "cycle"}  # of jobs, by command
OPTIONS = {
    "report": {"parameter", "retrain"},
    "backtest": {"policy", "sheet", "retrain"},
    "run": {"as_of"},
    "runs": set(),
}
MOST_RUNS = 100  # listed
COLUMNS = ("run", "kind", "portfolio", "made", "policy")  # of the list of runs


class OnServer(TyperCommand):
    """A command that is done on the server that `--server` names, where it names one."""

    def invoke(self, ctx: Any) -> Any:
        """Do it there, or here."""
        return _done(ctx) if ctx.obj else super().invoke(ctx)


def check_server(server: str, command: str | None) -> str:
    """The server, as given. Raises ConfigError where it is named for a command that has no route."""
    if server and command not in OPTIONS:
        raise ConfigError(f"{command} is done here alone: leave --server out, or take {', '.join(OPTIONS)}.")
    return server


def _done(context: typer.Context) -> None:
    """Do a command on its server, and print what it gives. Raises ConfigError for an option that no server takes."""
    with starting():
        from desk.service.client import TOKEN, Client

    name, client = str(context.info_name), Client(context.obj, os.environ.get(TOKEN, ""))
    options = {each.name: each.opts[0] for each in context.command.params}
    stated = [key for key in context.params if str(context.get_parameter_source(key)).endswith("COMMANDLINE")]
    if others := [options[key] for key in stated if key not in ("file", *OPTIONS[name])]:
        raise ConfigError(f"{others[0]} is for this machine alone: leave it, or --server, out.")
    if name == "runs":
        found = client.get("/api/runs", limit=MOST_RUNS)["runs"]
        print_text(text_table([COLUMNS, *([each[key] for key in COLUMNS] for each in found)], left=len(COLUMNS)))
        return
    body = {key: context.params[key] for key in stated if key != "file"}
    if "parameter" in body:
        body["parameters"] = _parameters(body.pop("parameter"))
    job = client.done(KINDS[name], portfolio=client.stored(Path(context.params["file"])), **body)
    result = job["result"]
    print_text(result["text"])
    if result["messages"]:
        print(printable(result["messages"]), file=sys.stderr)
    print_text(f"Its {len(job['files'])} files: {client.http.base_url.join(job['path'])}")
    if result["asks"]:
        raise typer.Exit(PERSON_ASKED)


def _parameters(given: Sequence[str]) -> dict[str, Any]:
    """The parameters of a report by name. Raises ConfigError for one that its notebook has not."""
    from backtests.runs.notebook import COMPARING, SET_BY_REPORT
    from desk.commands.report import asked_parameters

    return asked_parameters(COMPARING, given, SET_BY_REPORT)
