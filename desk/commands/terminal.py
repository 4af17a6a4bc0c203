"""The output of a command on the terminal, its warnings, and each error of its input as a sentence."""

import gc
import io
import os
import sys
import warnings
from typing import NoReturn, TextIO

import typer

from desk.commands.limits import SMALLER, limit_reached
from foundation.errors import InputError
from foundation.files import NO_SPACE
from foundation.printable import print_anywhere, printable

INTERRUPTED = 130  # exit status
OBJECTS = 50_000  # made between searches for garbage: commands make many, and few cycles
OF_OPTIONS = {"`as_of`": "`--as-of`", "`stale_ok`": "`--accept stale`"}  # by what notebooks and the service name so


def print_text(text: str) -> None:
    """Print to stdout; no control character of a name or a path reaches the terminal."""
    print(_spelled(text), flush=True)


def _spelled(text: str) -> str:
    """The text as a terminal shows it: parameters that messages name are options here."""
    for name, option in OF_OPTIONS.items():
        text = text.replace(name, option)
    return printable(text)


def tell(text: str, failed: object) -> None:
    """Print what a command has to say; exit status 1 where something failed."""
    print_text(text)
    if failed:
        raise typer.Exit(1)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Stand in for `warnings.showwarning`: print the workbench's warnings as sentences, others with their place."""
    from backtests.runs.manifest import BrokenRun, CodeChanged

    plain = category in (BrokenRun, CodeChanged)
    said = str(message) if plain else warnings.formatwarning(message, category, filename, lineno)
    print(printable(said.rstrip("\n")), file=sys.stderr, flush=True)


def end(sentence: str, status: int = 2) -> NoReturn:
    """Print why the command ends to stderr, in red on a terminal, and end with this exit status."""
    text = _spelled(sentence)
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    print(typer.style(text, fg=typer.colors.RED) if colour else text, file=sys.stderr, flush=True)
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    sys.exit(status)


def _drop_output() -> None:
    """Discard the text that stdout still holds and cannot write: Python would try again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: typer.TyperException) -> str:
    """Typer's message on a word that it does not know, with the usage of the command if there is one."""
    said, show = io.StringIO(), getattr(error, "show", None)
    if show is not None:  # with the usage, and where to find help
        show(file=said)
    return said.getvalue().rstrip("\n") or f"Error: {error.format_message()}"


def of_files(error: OSError) -> str:
    """A sentence on an error of the system: the refusal, the path, and the fix."""
    where = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
    fix = (
        "Free space there, or write to another place."
        if error.errno in NO_SPACE
        else "Give a path that can be read or written."
    )
    return f"{error.strerror or error}{where}. {fix}"


def run_app(app: typer.Typer, name: str = "rebalance") -> NoReturn:
    """Run a command line. Errors of the input are printed as a sentence, without a traceback."""
    gc.set_threshold(OBJECTS)
    sys.stdout, sys.stderr = (stream or io.StringIO() for stream in (sys.stdout, sys.stderr))  # None: was closed
    print_anywhere(sys.stdout)
    print_anywhere(sys.stderr)
    warnings.showwarning = _warn
    try:
        status = app(prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:  # a word that is no command, option or value of one
        end(_usage(error), error.exit_code)
    except InputError as error:
        end(str(error))
    except BrokenPipeError:  # whoever read the output has gone: nobody is left to tell
        _drop_output()
        sys.exit(1)
    except OverflowError as error:
        end(f"A number is too large to be computed with ({error}). {SMALLER}")
    except (KeyboardInterrupt, typer.Abort):  # the second at a question
        end("Interrupted; nothing unfinished was kept.", INTERRUPTED)
    except Exception as error:
        sentence = limit_reached(error) or (of_files(error) if isinstance(error, OSError) else "")
        if not sentence:
            raise
        end(sentence)
    if status == INTERRUPTED:
        end("Interrupted; nothing unfinished was kept.", status)
    gc.freeze()  # else Python searches all once more as it ends
    sys.exit(status)
