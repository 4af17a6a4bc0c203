"""`rebalance new`: a portfolio file from weights or a broker's positions; what is not known is asked for."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from desk.cli.options import argument, option, starting
from desk.commands.terminal import print_text
from foundation.errors import ConfigError
from foundation.printable import printable

if TYPE_CHECKING:
    from desk.commands.portfolio_file.new import NewFile


def new(
    file: Path = argument("The file to write, such as my.yaml; one that is there is kept."),
    weights: list[str] | None = argument(
        "Targets, such as SPY=60 AGG=30 GLD=10, in percent or as fractions; cash takes the rest.", default=None
    ),
    nav: float | None = option("Cash to begin with, where nothing is held yet."),
    positions: Path | None = option("A broker's CSV of positions; without weights, targets are those that it holds."),
    broker: str = option("What it takes: ticket=5.90,half_spread_bps=3,tax=0.26. [default: assumed]", metavar="TERMS"),
    seed: Path | None = option("The YAML configuration of another module: what it says is taken or named.", "--from"),
    profile: str = option("Ranges, limits and the price of tracking error: conservative, moderate or aggressive."),
    source: str = option("Source of the prices. [default: yahoo]"),
    store: str = option("Store of imported prices, in place of a source."),
    currency: str = option("Currency of the portfolio. [default: that of all assets, else USD]"),
    symbol: list[str] | None = option(
        'An unknown asset, XYZ=us_equity or IE00BK5BQT80=equity,EUR,XETR, or a broker\'s row, "Cash EUR=cash"; may be '
        "repeated."
    ),
) -> None:
    """Write a portfolio file from weights or a broker's positions.

    Asset classes, costs, ranges, limits and policies suit what is held; what cannot be known is asked for on
    a terminal, or assumed, and marked so.
    """
    with starting():
        from desk.commands.portfolio_file.new import NewFile, check_new, write_new

    if source and store:
        raise ConfigError("--source and --store exclude each other: give one of them.")
    check_new(file)  # before anything is asked
    stated = dict(_pair(word) for word in symbol or ())
    taken = source or "yahoo"
    asked = NewFile(file, weights or (), nav, positions, seed, profile, taken, store, stated, currency, broker)
    print_text(write_new(_described(asked) if sys.stdin.isatty() else asked))


def _pair(word: str) -> tuple[str, str]:
    """Symbol and class of a word such as XYZ=us_equity. Raises ConfigError for another word."""
    symbol, _, stated = word.rpartition("=")
    if not symbol or not stated:
        raise ConfigError(f"--symbol is {word!r}: write symbol=class, such as XYZ=us_equity.")
    return symbol, stated


def _described(asked: "NewFile") -> "NewFile":
    """The file asked for, with unknown symbols and the broker's terms as answered on the terminal.

    Questions go to stderr.
    """
    from desk.commands.portfolio_file.broker_terms import BROKER_TERMS, CLASS_COSTS, TERMS_EXAMPLE
    from desk.commands.portfolio_file.new import NO_CLASS, unknown_symbols

    found = dict(asked.classes)
    for symbol, hint in unknown_symbols(asked).items():
        typer.echo(printable(f"{symbol} {NO_CLASS} {hint}"), err=True)
        asset_class = typer.prompt(f"Asset class of {symbol} ({', '.join(CLASS_COSTS)})", err=True)
        found[symbol] = f"{asset_class},{typer.prompt(f'Currency of {symbol}', default='USD', err=True)}"
    broker = asked.broker
    if not broker:
        terms = (f"  {name}: {words}" for name, (words, _) in BROKER_TERMS.items())
        typer.echo("\n".join(["What decides for a small account:", *terms]), err=True)
        question = f"What your broker takes, such as {TERMS_EXAMPLE} (empty: assumed)"
        broker = typer.prompt(question, default="", show_default=False, value_proc=_terms, err=True)
    return replace(asked, classes=found, broker=broker)


def _terms(typed: str) -> str:
    """A broker's terms as typed, or what is wrong with them, so that they are asked for again."""
    from desk.commands.portfolio_file.broker_terms import read_terms

    try:
        read_terms(typed)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None
    return typed
