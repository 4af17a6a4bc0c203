"""The types of commands and their groups; `rebalance --server URL` has some commands done by a service."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple, Union

import typer
from typer.core import TyperCommand, TyperGroup

from desk.cli.options import starting
from desk.commands.cycle import PERSON_ASKED
from desk.commands.terminal import print_text
from foundation.errors import ConfigError
from foundation.paper.text_tables import text_table
from foundation.printable import printable

KIND_OF_COMMAND = {"report": "report", "research backtest": "backtest", "desk run": "cycle"}  # of jobs, by command
SERVER_OPTIONS = {
    "report": {"parameter", "retrain"},
    "research backtest": {"policy", "sheet", "retrain"},
    "desk run": {"as_of"},
    "runs": set(),
}
MOST_LISTED = 100
RUN_COLUMNS = ("run", "kind", "portfolio", "made", "policy")  # of the list of runs
Table = dict[
    str, Union[tuple[Callable[..., None], str], "Group"]
]  # commands by name, each with an example of its words


class Group(NamedTuple):
    """Commands under one name: their help, or else what the name does alone."""

    help: str
    commands: Table
    alone: Callable[..., None] | None = None


class _AlsoAfter:
    """A command, after whose word the options of the command line itself may stand, too."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its own arguments and options, and hidden ones: those that `rebalance --help` lists."""
        of_all = ctx.find_root().command.params if ctx.parent else ()
        return [*super().get_params(ctx), *(_hidden(each) for each in of_all if not each.is_eager)]  # type: ignore[misc]


def _hidden(given: Any) -> Any:
    """An option that only its callback takes."""
    made = copy(given)
    made.hidden, made.expose_value = True, False
    return made


class CommandGroup(_AlsoAfter, TyperGroup):
    """Commands under one name."""


class Command(_AlsoAfter, TyperCommand):
    """A command that is done on the server that `--server` names, where it names one."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, and apart those that state another heading: typer does it with rich alone."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for each in self.get_params(ctx):
            if record := each.get_help_record(ctx):
                heading = getattr(each, "rich_help_panel", None) or f"{each.param_type_name.title()}s"
                sections.setdefault(heading, []).append((re.sub(r"list\[(\w+)\]", r"\1", record[0]), record[1]))
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
        formatter.write_paragraph()
        formatter.write_text("Of all commands: --home --trust-code --as-known-on --server: rebalance --help")

    def invoke(self, ctx: Any) -> Any:
        """Do it there, or here."""
        return super().invoke(ctx) if is_done_here(ctx) else None


def is_done_here(context: typer.Context) -> bool:
    """True if a command is to be done by this process; a server that is named has done it, else.

    Raises : ConfigError where a server is named for a command or an option that it does not take.
    """
    if context.obj:
        _done(context)
    return not context.obj


def is_alone(context: typer.Context) -> bool:
    """True if a group is called without one of its commands, and is to be done here. Raises as `is_done_here` does."""
    if context.invoked_subcommand is None:
        return is_done_here(context)
    if stated := _stated(context):
        context.fail(f"{_option(context, stated[0])} comes after {context.invoked_subcommand}, or without it.")
    return False


def _path(context: typer.Context) -> str:
    """The words of a command, such as `desk run`."""
    return " ".join(context.command_path.split()[1:])


def _stated(context: typer.Context) -> list[str]:
    """The parameters that the words of a command state."""
    return [key for key in context.params if str(context.get_parameter_source(key)).endswith("COMMANDLINE")]


def _option(context: typer.Context, key: str) -> str:
    return {each.name: each.opts[0] for each in context.command.params}[key]


def _done(context: typer.Context) -> None:
    """Do a command on its server, and print what it gives. Raises ConfigError for what no server takes."""
    if (name := _path(context)) not in SERVER_OPTIONS:
        raise ConfigError(f"{name} is done here alone: leave --server out, or take {', '.join(SERVER_OPTIONS)}.")
    with starting():
        from desk.service.client import TOKEN, Client

    client, stated = Client(context.obj, os.environ.get(TOKEN, "")), _stated(context)
    if others := [key for key in stated if key not in ("file", *SERVER_OPTIONS[name])]:
        raise ConfigError(f"{_option(context, others[0])} is for this machine alone: leave it, or --server, out.")
    if name == "runs":
        found = client.get("/api/runs", limit=MOST_LISTED)["runs"]
        print_text(
            text_table([RUN_COLUMNS, *([each[key] for key in RUN_COLUMNS] for each in found)], left=len(RUN_COLUMNS))
        )
        return
    body = {key: context.params[key] for key in stated if key != "file"}
    if "parameter" in body:
        body["parameters"] = _parameters(body.pop("parameter"))
    job = client.done(KIND_OF_COMMAND[name], portfolio=client.stored(Path(context.params["file"])), **body)
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
