"""`rebalance data`: prices fetched, imported, checked and listed."""

from pathlib import Path
from typing import Literal

from desk.cli.options import File, argument, forms_of, option, starting, trusted
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError


def fetch_prices(
    file: File,
    since: str | None = option(
        "First day wanted, YYYY-MM-DD. [default: that of earlier calls, or all that there is]", metavar="DAY"
    ),
    again: list[str] | None = option("Asset to ask for whole again, or `all`; may be repeated.", metavar="ASSET"),
    dry_run: bool = option("Only say how many requests are needed, and how long."),
) -> None:
    """Fetch what FILE needs from its source, to the last session.

    What is there is continued, and its last sessions are asked for again. Exit status 1 if something failed.
    """
    with starting(file):
        from desk.commands.data import fetch_data
        from foundation.arguments import day

    first = None if since is None else day("--since is", since).date()
    text, whole = fetch_data(file, first, again=again or (), dry_run=dry_run)
    tell(text, not whole)


def import_(
    table: Path = argument("A table of prices: CSV, TSV, Excel, Parquet or Feather."),
    name: str = option("Name of the store: `market: {store: NAME}`.", "--as", default=...),
    adjustment: str | None = option("What prices are adjusted for: raw, split or total (and dividends)."),
    currency: str | None = option("Currency of the prices, such as EUR."),
    form: list[str] | None = option(
        "How TABLE is written, where it reads two ways: dates=dmy or mdy; decimal=. or ,; may be repeated.",
        metavar="NAME=VALUE",
    ),
) -> None:
    """Import a table of prices into a store.

    Prints what was understood, with the first and the last rows.
    """
    with starting():
        from desk.commands.data import import_table

    stated = forms_of(form or (), ("dates", "decimal"))
    dates, decimal = stated.get("dates"), stated.get("decimal")
    print_text(import_table(table, name, adjustment=adjustment, currency=currency, dates=dates, decimal=decimal))


def check_prices(
    named: str = argument("A portfolio file, or the name of a store."),
    against: str | None = option("A store, such as tiingo, whose closes are compared."),
    revisions: str = option(
        "Instead, the numbers that a source changed, and their effect on the policy of the file: `all`, or those "
        "since a report or backtest, and on its policy alone.",
        metavar="all|RUN",
    ),
) -> None:
    """Print what looks wrong in the data of a file or a store. Exit status 1 if something must be looked at."""
    with starting():
        from desk.commands.data import check_data, revisions_text

    if revisions:
        if against:
            raise ConfigError("--revisions excludes --against: leave one of the two out.")
        return print_text(revisions_text(named, None if revisions == "all" else Path(revisions), trusted()))
    found = check_data(named, against, trusted())
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


def list_(
    what: Literal["stores", "sources"] = argument(
        "What the stores hold, or the sources with their limits and keys. [default: stores]",
        default="stores",
        show_default=False,
    ),
    try_them: bool = option("Ask each source for some bars, and say what it answers.", "--try"),
) -> None:
    """Print what the stores hold, or the sources, their limits and keys.

    With --try the exit status is 1 where a source cannot be used.
    """
    with starting():
        from desk.feeds.tables import sources_text, stores_text, tried_sources

    if try_them:
        return tell(*tried_sources())
    print_text(sources_text() if what == "sources" else stores_text())
