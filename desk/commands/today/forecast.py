"""Today's forecasts of a portfolio file, entered into the forecast book: a page in a run of its own."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from backtests.inference.estimates import NotAvailable
from backtests.runs.folder import reports_folder, staged
from backtests.runs.origin import identity
from backtests.sheets.pages.forecast_worth import worth_text
from backtests.sheets.pages.forecasts_today import FORECAST_PAGE, forecasts_brief, write_card_page, write_forecasts_page
from backtests.studies.forecasts.book import disagreements, enter, entries, forecast_book_folder, write_card
from backtests.studies.forecasts.today import ForecastsToday, forecasts_today
from backtests.studies.forecasts.worth import Worth, worths
from desk.commands.made import Made, file_fact, finish_run, run_for
from foundation.errors import InputError
from foundation.files import writing
from foundation.paper.text_tables import wrapped
from foundation.progress import bar
from research.forecast import Forecast
from research.portfolio import Portfolio, load_portfolio

DISAGREEMENTS_TOLD = 5  # disagreements with the book that are told


def make_forecast(
    file: Path,
    reports: Path | None = None,
    as_of: str | None = None,
    with_worth: bool = False,
    trust_code: bool | None = None,
    full: bool = False,
) -> Made:
    """Expectations of the forecasts of a portfolio file, with their skill; each is entered into the forecast book.

    The portfolio is backtested with and without the champion, for the sentence that the page begins with.

    file       : portfolio file.
    reports    : folder of the runs, or None for `reports_folder`.
    as_of      : a day of the market's history; None for the last close.
    with_worth : true to backtest the portfolio with each forecast, not with the champion alone.
    trust_code : true if the file may name rules by import path, as for `load_portfolio`.
    full       : true for all numbers in the text.
    Raises     : as `load_portfolio`, `forecasts_today` and `enter` do.
    """
    started = datetime.now(UTC)
    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code)
        progress.stage("forecasting")
        found = forecasts_today(portfolio, as_of)
        known = replace(portfolio, market=found.market)  # nothing after the day that was asked
        progress.stage("backtesting with and without forecasts, and placebos")
        asked = list(found.entries) if with_worth else [found.champion]
        made = _worths(known, {name: found.models[name] for name in asked})
        settings = {"portfolio": portfolio.settings, "as_of": as_of, "worth": with_worth}
        run = run_for("forecast", portfolio, settings, found.market.dates[-1])
        final = (reports or reports_folder(portfolio.file)) / run.name
        with writing(final), staged(final) as folder:
            progress.stage("drawing the page")
            text = forecasts_brief(found, made[found.champion])
            write_forecasts_page(folder, portfolio.name, found, made, identity(run))
            finish_run(folder, run, started, text, {"file": file_fact(portfolio)})
        book = _book_text(found, forecast_book_folder(portfolio.file))
    more = [found.text(), *(worth_text(name, one) for name, one in made.items())] if full else []
    return Made(final, "\n\n".join([text, *more, f"{book}\n{final / FORECAST_PAGE}"]))


def _worths(portfolio: Portfolio, forecasts: Mapping[str, Forecast]) -> Mapping[str, Worth | NotAvailable]:
    """The worth of each forecast, or why the portfolio cannot be backtested."""
    try:
        return worths(portfolio, forecasts)
    except InputError as error:
        return dict.fromkeys(forecasts, NotAvailable(str(error)))


def _book_text(found: ForecastsToday, book: Path) -> str:
    """Enter today's forecasts into a book, and say what it has, and where a walk-forward says otherwise."""
    entered = [enter(book, entry) for entry in found.entries.values()]
    told: list[str] = []
    for name, path in found.paths.items():
        write_card_page(write_card(book, path, found.models[name], name, found.by_measure(name)), found, name)
        told += [
            f"{name}: {sentence}"
            for sentence in disagreements(path, entries(book, found.entries[name].model, path.market))
        ]
    new = sum(entered)
    words = "No forecast is new in the book" if not new else f"{new} of {len(entered)} forecasts are new in the book"
    lines = [f"{words}, {book}, with a card of each."]
    if told:
        more = f" ({len(told) - DISAGREEMENTS_TOLD} more)" if len(told) > DISAGREEMENTS_TOLD else ""
        lines += [wrapped(f"Warning: {sentence}") for sentence in told[:DISAGREEMENTS_TOLD]] + (
            [more.strip()] if more else []
        )
    return "\n".join(lines)
