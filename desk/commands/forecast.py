"""Today's forecasts of a portfolio file, entered into the forecast book, as text."""

from dataclasses import replace
from pathlib import Path

from backtests.studies.forecasts.book import book_folder, disagreements, enter, entries, write_card
from backtests.studies.forecasts.today import ForecastsToday, forecasts_today
from backtests.studies.forecasts.worth import worth
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import number, percent
from foundation.progress import bar
from research.portfolio import Portfolio, load_portfolio

TOLD = 5  # disagreements with the book that are told


def make_forecast(
    file: Path, as_of: str | None = None, with_worth: bool = False, trust_code: bool | None = None
) -> str:
    """Expectations of the forecasts of a portfolio file, with their skill; each is entered into the forecast book.

    file       : of the portfolio.
    as_of      : a day of its history; None for the last close.
    with_worth : play the portfolio with and without each forecast besides, up to that day.
    trust_code : may the file name rules by import path? As `load_portfolio` takes it.
    Raises     : as `load_portfolio`, `forecasts_today`, `enter` and `worth` do.
    """
    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code)
        progress.stage("forecasting")
        found = forecasts_today(portfolio, as_of)
        text = "\n\n".join([found.text(), *_book_text(found, book_folder(portfolio.file))])
        if with_worth:
            progress.stage("playing with and without each forecast")
            known = replace(portfolio, market=found.market)  # nothing after the day that was asked
            text = "\n\n".join([text, *(worth_text(known, found, name) for name in found.entries)])
    return text


def worth_text(portfolio: Portfolio, found: ForecastsToday, name: str) -> str:
    """The portfolio with and without a forecast: a row each, and the answer in words."""
    made = worth(portfolio, found.models[name])
    rows = [["", "growth", "volatility", "Sharpe", "less without", "p", "turnover", "cost, bp"]]
    for label, row in made.table().iterrows():
        rows.append([
            str(label), percent(row["growth"]), percent(row["volatility"]), number(row["sharpe"]),
            number(row["Sharpe less without"], signed=True), number(row["p"], 3), percent(row["turnover"], 0),
            number(row["cost"], 1),
        ])  # fmt: skip
    return f"What {name} is worth\n{text_table(rows, left=1)}\n{wrapped(made.sentence())}"


def _book_text(found: ForecastsToday, book: Path) -> list[str]:
    """Enter today's forecasts into a book, and say what it has, and where a walk-forward says otherwise."""
    entered = [enter(book, entry) for entry in found.entries.values()]
    told: list[str] = []
    for name, path in found.paths.items():
        write_card(book, path, found.models[name], name, found.by_measure(name))
        told += [
            f"{name}: {sentence}"
            for sentence in disagreements(path, entries(book, found.entries[name].model, path.market))
        ]
    new = sum(entered)
    words = "No forecast is new in the book" if not new else f"{new} of {len(entered)} forecasts are new in the book"
    lines = [f"{words}, {book}, with a card of each."]
    if told:
        more = f" ({len(told) - TOLD} more)" if len(told) > TOLD else ""
        lines += [wrapped(f"Warning: {sentence}") for sentence in told[:TOLD]] + ([more.strip()] if more else [])
    return ["\n".join(lines)]
