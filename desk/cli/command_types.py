"""The types of commands and their groups; `rebalance --server URL` has some commands done by a service."""

import inspect
import os
import re
import sys
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple, Union

import typer
from typer.core import TyperCommand, TyperGroup

from desk.cli.former_names import FORMER_NAMES
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


def _refuse_former(context: typer.Context, args: Sequence[str]) -> None:
    """Refuse the name that a command had before, with the one of today."""
    words = " ".join([*context.command_path.split()[1:], *args[:1]])
    if words in FORMER_NAMES and not context.resilient_parsing:  # as where a shell completes
        context.fail(f"`rebalance {words}` is now `{FORMER_NAMES[words]}`.")


class CommandGroup(_AlsoAfter, TyperGroup):
    """Commands under one name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of the first word, and the words that follow."""
        _refuse_former(ctx, args)
        return super().resolve_command(ctx, args)


class Command(_AlsoAfter, TyperCommand):
    """A command that is done on the server that `--server` names, where it names one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read its words."""
        _refuse_former(ctx, args)
        return super().parse_args(ctx, args)

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

    Raises : ConfigError for an option of the command line that nothing reads, and where a server is named for a command
             or an option that it does not take.
    """
    _check_read(context)
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


def unread(command: Callable[..., Any]) -> set[str]:
    """The options of the command line itself that a command does not read, as the names in its code tell.

    What reads a portfolio file reads its stores and its book, and hands on whether its code is trusted, but for a sweep
    of files; all but the trial book is in the home folder.
    """
    names = inspect.unwrap(command).__code__.co_names
    is_read = {
        "--trust-code": "trusted" in names,
        "--as-known-on": "trusted" in names or "make_sweep" in names,
        "--home": "trials_text" not in names,
    }
    return {option for option, read in is_read.items() if not read}


def _check_read(context: typer.Context) -> None:
    """Raise ConfigError for an option of the command line itself, wherever it stands, that the command does not read.

    A server reads none of them.
    """
    above: list[Any] = [context]
    while (parent := above[-1].parent) is not None:
        above.append(parent)
    given = {
        each.opts[0]
        for each in above[-1].command.params
        if any(str(one.get_parameter_source(each.name)).endswith("COMMANDLINE") for one in above)
    }
    if context.obj and (idle := sorted(given - {"--server"})):
        raise ConfigError(f"{idle[0]} is for this machine alone: leave it, or --server, out.")
    command: Any = context.command
    if idle := sorted(given & unread(command.callback)):
        raise ConfigError(f"{_path(context)} does not read {idle[0]}: leave it out.")


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
