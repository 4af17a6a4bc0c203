"""The arguments and options that commands share, and their start and stop."""

import gc
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.models import OptionInfo

from desk.commands.limits import check_limits
from desk.commands.terminal import INTERRUPTED, end
from foundation.errors import ConfigError
from foundation.files import check_there, from_workbench
from foundation.progress import bar

EMPTY = {str: "", bool: False}  # values of options that are not given; of others None


def option(help: str, *names: str, default: Any = None, under: str | None = None, **more: Any) -> Any:
    """An option of a command, which stands as the default of its parameter.

    names   : with their dashes, where the parameter is called otherwise.
    default : value where it is not given: None for the empty one of its type, `...` where it must be given.
    under   : heading of help.
    more    : as of `typer.Option`.
    """
    return typer.Option(default, *names, help=help, rich_help_panel=under, **more)


def argument(help: str = "", default: Any = ..., **more: Any) -> Any:
    """An argument of a command, as `option` is an option; without a default it must be given."""
    return typer.Argument(default, help=help, **more)


def as_command(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer reads it, with names and values of options by their types.

    Python may call it, too, with all that has no default.
    """
    signature = inspect.signature(command)
    for name, each in signature.parameters.items():
        if isinstance(each.default, OptionInfo) and each.default.default is None:
            each.default.default = EMPTY.get(each.annotation)
            if each.annotation is bool and not each.default.param_decls:
                each.default.param_decls = (f"--{name.replace('_', '-')}",)  # and no --no-…
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__defaults__ = tuple(getattr(each, "default", each) for each in command.__defaults__ or ())
    return command


TRUSTED: ContextVar[bool | None] = ContextVar("trusted", default=None)  # by --trust-code; None: as the environment says


def trusted() -> bool | None:
    """The `trust_code` of the files that a command names; no other file that is read is trusted for it."""
    return TRUSTED.get()


File = Annotated[Path, typer.Argument(help="A portfolio file, such as data/portfolios/global_multi_asset.yaml.")]
BROKERS_CSV = "A broker's CSV, in place of FILE's holdings and cash."
Positions = Annotated[Path | None, typer.Option(help=BROKERS_CSV)]
Cash = Annotated[float | None, typer.Option(help="Cash in FILE's currency, where the broker's CSV has no row of it.")]
PolicyName = Annotated[str | None, typer.Option(help="Name of a policy of FILE. [default: all]")]
Retrain = Annotated[bool, typer.Option("--retrain", help="Train learned policies anew; do not load what is trained.")]
PastDay = Annotated[
    str | None, typer.Option(metavar="DAY", help="A day of the market's history, YYYY-MM-DD. [default: the last close]")
]


Workers = Annotated[
    str | None,
    typer.Option(
        metavar="N|ADDRESS",
        help="Workers on this machine, or the address of a Dask scheduler: tls://127.0.0.1:8786. [default: 1]",
    ),
]


def workers_of(given: str | None) -> tuple[int, str]:
    """The number of workers of this machine, and the address of a scheduler or "", as `--workers` states one of them.

    Raises ConfigError for what is neither, and for an empty one, as of a variable that is not set.
    """
    if given is None or re.fullmatch(r"-?\d{1,20}", given):
        return int(given or 1), ""
    if ":" not in given:
        fix = "give a number of workers, or the address of a scheduler such as tls://127.0.0.1:8786."
        raise ConfigError(f"--workers is {given or 'empty'}: {fix}")
    return 1, given


@contextmanager
def starting(file: Path | None = None) -> Iterator[None]:
    """While modules are imported: a line, if this takes long, and no search for garbage, which would find next to none.

    What is imported stays: later searches leave it out.

    file   : file that the command reads.
    Raises : ConfigError where that file is not there, and where the system lets the process have too little.
    """
    if file is not None:
        check_there(from_workbench(file))
    check_limits()
    gc.disable()
    try:
        with bar(None, "starting"):
            yield
    finally:
        gc.freeze()
        gc.enable()


def forms_of(given: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """The values by name that `--form` states as NAME=VALUE, one or several after commas.

    Raises : ConfigError for another form or name.
    """
    pairs = [part.partition("=") for text in given for part in re.split(f",(?=(?:{'|'.join(names)})=)", text)]
    for name, sign, value in pairs:
        if name not in names or not (sign and value):
            raise ConfigError(f"--form is {name + sign + value!r}: write NAME=VALUE; the names are {', '.join(names)}.")
    return {name: value for name, _, value in pairs}


PAGE, ALL = "page", "all"  # of a page: as it opens, and with all that is folded
Print = Annotated[
    str,
    typer.Option(
        "--pdf",
        metavar="page|all|SECTIONS",
        help="Print the page as PDF beside it, by Chromium: `page`, as it opens; `all`, with what is folded; or whole "
        "sections, such as verdict,risk.",
    ),
]


def sections_of(pdf: str) -> list[str]:
    """The names of sections that `--pdf` states, between commas; none for the whole page.

    Raises : ConfigError where it states a page, or all, and more, and where it states nothing.
    """
    words = [word for part in pdf.split(",") if (word := part.strip())]
    if words in ([PAGE], [ALL]):
        return []
    if pdf and (not words or PAGE in words or ALL in words):
        raise ConfigError(f"--pdf is {pdf!r}: write `page` or `all` alone, or sections, such as verdict,risk.")
    return words


@contextmanager
def kept(what: str) -> Iterator[None]:
    """Say, after an interruption, that finished work is kept."""
    try:
        yield
    except KeyboardInterrupt:
        end(f"Interrupted; finished {what} are kept, and the same command resumes.", INTERRUPTED)
