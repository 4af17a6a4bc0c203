"""The live record of a portfolio file beside the backtest of its policy, as text and as a page."""

from pathlib import Path

from desk.commands.orders.trades import policy_now
from desk.cycle.live_report import live_report
from foundation.arguments import refuse
from foundation.files import from_workbench, write_whole, writing
from foundation.progress import bar
from research.portfolio import load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.book_file import whole_book
from research.portfolio.holdings.holdings import given_book


def live_text(file: Path, out: Path | None = None, trust_code: bool | None = None) -> str:
    """The live record of a portfolio file beside its backtest; with `out` also written as a page.

    Raises : ConfigError for another ending than .html, and as `load_portfolio`, `policy_now` and `live_report` do.
    """
    if out is not None and out.suffix != ".html":
        refuse("--out is", str(out), "end it with .html.")
    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code)
        policy, name, _ = policy_now(portfolio)
        progress.stage("running backtests")
        report = live_report(portfolio, policy, name, recorded_book(file))
        if out is not None:
            with writing(out):
                write_whole(out, report.page())
    return report.text if out is None else f"{report.text}\n\nWritten: {out}"


def recorded_book(file: Path) -> Book | None:
    """The book that a portfolio file names, with all its events, or None. Raises as `given_book` does."""
    book = given_book(read_document(from_workbench(file)))
    return book and whole_book(book)
