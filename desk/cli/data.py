"""`rebalance data`: prices fetched, imported, checked and listed."""

from pathlib import Path
from typing import Annotated

import typer

from desk.cli.options import File, argument, option, starting
from desk.commands.terminal import print_text, tell

Since = Annotated[
    str | None,
    typer.Option(
        metavar="DAY", help="First day wanted, YYYY-MM-DD. [default: that of earlier calls, or all that there is]"
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many requests are needed, and how long.")]
Again = Annotated[
    list[str] | None, typer.Option(metavar="ASSET", help="Asset to ask for whole again, or `all`; may be repeated.")
]
Named = Annotated[str, typer.Argument(help="A portfolio file, or the name of a store.")]


def fetch_prices(file: File, since: Since = None, again: Again = None, dry_run: DryRun = False) -> None:
    """Fetch what FILE needs from its source, to the last session.

    Exit status 1 if something failed.
    """
    with starting(file):
        from desk.commands.data import fetch_data
        from foundation.arguments import day

    first = None if since is None else day("--since is", since).date()
    text, whole = fetch_data(file, first, again=again or (), dry_run=dry_run)
    tell(text, not whole)


def update(file: File, dry_run: DryRun = False) -> None:
    """Fetch what is new for FILE, and the last sessions again. Exit status 1 if something failed."""
    with starting(file):
        from desk.commands.data import fetch_data

    text, whole = fetch_data(file, dry_run=dry_run)
    tell(text, not whole)


def import_(
    table: Path = argument("A table of prices: CSV, TSV, Excel, Parquet or Feather."),
    name: str = option("Name of the store: `market: {store: NAME}`.", "--as", default=...),
    adjustment: str | None = option("What prices are adjusted for: raw, split or total (and dividends)."),
    currency: str | None = option("Currency of the prices, such as EUR."),
    dates: str | None = option("Order of day and month where days read two ways, dmy or mdy."),
    decimal: str | None = option("The decimal sign, where numbers read two ways."),
) -> None:
    """Import a table of prices into a store.

    Prints what was understood, with the first and the last rows.
    """
    with starting():
        from desk.commands.data import import_table

    print_text(import_table(table, name, adjustment=adjustment, currency=currency, dates=dates, decimal=decimal))


def check_prices(
    named: Named, against: str | None = option("A store, such as tiingo, whose closes are compared.")
) -> None:
    """Print what looks wrong in the data of a file or a store. Exit status 1 if something must be looked at."""
    with starting():
        from desk.commands.data import check_data

    found = check_data(named, against)
    tell(found.text(), found.must_be_looked_at)


def score_items(
    file: File,
    sources_of_news: list[str] = argument(
        "CSV files, JSON lines, RSS or Atom feeds, or addresses of feeds.", metavar="NEWS..."
    ),
    out: Path = option("File of scores, to which new ones are added.", default=Path("news_scores.csv")),
    by_model: bool = option("Score by the language model of the environment, not by the lexicon.", "--model"),
) -> None:
    """Score NEWS for the assets of FILE, for `kind: news`. Exit status 1 if an item is left out."""
    with starting(file):
        from desk.commands.cycle.news import news_text

    tell(*news_text(file, sources_of_news, out, by_model=by_model))


def list_() -> None:
    """Print what the stores hold."""
    with starting():
        from desk.feeds.tables import stores_text

    print_text(stores_text())


def revisions(
    named: Named,
    run: Path | None = option("A report or backtest of the file: what was changed since, and in its policy alone."),
) -> None:
    """Print the numbers that a source changed, and their effect.

    The effect is on J and NAV of the policy of a file.
    """
    with starting():
        from desk.commands.data import revisions_text

    print_text(revisions_text(named, run))


def sources(try_them: bool = option("Ask each of them for some bars, and say what it answers.", "--try")) -> None:
    """Print the sources, their limits, and how their keys are given.

    With --try the exit status is 1 where one cannot be used.
    """
    with starting():
        from desk.feeds.tables import sources_text, tried_sources

    if try_them:
        return tell(*tried_sources())
    print_text(sources_text())
