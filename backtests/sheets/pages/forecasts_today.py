"""Forecasts of a portfolio file today: a sentence of use, a page with pictures and figures, and the card of each."""

import json
from collections.abc import Mapping
from pathlib import Path

from backtests.inference.estimates import INTERVAL_LEVEL, Estimate, NotAvailable, why_not
from backtests.sheets.pages.forecast_worth import worth_numbers, worth_parts, worth_words
from backtests.sheets.parts import FilledTemplate, Folded, Part, Words, section_blocks
from backtests.sheets.pictures.today import forecasts_picture, history_picture, intervals_picture
from backtests.sheets.render import render, write_report
from backtests.sheets.sections.conventions import settings_text
from backtests.sheets.sections.forecasts import FORECAST_WORDS, forecast_numbers, lines_table, measures_table
from backtests.sheets.tables import Block
from backtests.studies.forecasts.today import ForecastsToday
from backtests.studies.forecasts.worth import Worth
from foundation.files import write_whole
from foundation.paper.formats import plain_json
from foundation.paper.render import Running
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import age_words, counted, number, percent

PAGE, CARD_SHEET = "forecast", "card.html"
FORECAST_PAGE = f"{PAGE}.html"
R2_RETURNS, R2_VARIANCE = "R² over the mean so far", "R² of log variance over the random walk"
SKILL_TERMS = ("R² of returns", "R² of variance", "Beyond chance", "Interval of a forecast")
FORECAST_TERMS = {
    "Worth": "The gain in Sharpe ratio by the forecast's tilts, times the volatility without them: return a year after "
    "costs at one risk, on the days of the file's test. The tilts have a tracking error of 2 % a year by the "
    "forecast's covariance, inside the ranges of the file, whether they were earned or not.",
    "Placebos": "The same tilts on other days and with the signs of some assets turned, at as much risk and inside the "
    "same ranges. p is the share of them, and of the forecast itself, that did as well. The interval has the spread of "
    "their law. A forecast is to be used where p is at most 5 % and the whole interval is above zero.",
    "Found with 80 %": "The smallest worth that such a test finds in four of five cases.",
    "Worth of variances": "Minimum variance and a volatility target by the forecast, and by a trailing estimate: the "
    "share that it saves of the variance that came, and of the QLIKE loss of the variance against the one aimed at.",
    "Beyond chance": "The hit rate less that of independent signs as frequent (Pesaran and Timmermann 1992): drift is "
    "not foreseen by who always expects it.",
    "R² of returns": "One less the squared errors of the forecast over those of the mean so far, the naive forecast. "
    "Above zero the forecast was better.",
    "R² of variance": "The same of the logarithm of the variance, against the variance of the horizon that ended.",
    "Interval of a forecast": "Holds 90 % of outcomes where the forecast is right, which its coverage tests.",
}


def write_forecasts_page(
    folder: Path, name: str, found: ForecastsToday, made: Mapping[str, Worth | NotAvailable], run: Mapping[str, str]
) -> None:
    """Write forecast.html, forecast.json, and for each picture figures/<name>.csv and .svg.

    folder : an existing folder.
    name   : name of the portfolio.
    found  : the forecasts.
    made   : worth of some of them by name, that of the champion among them.
    run    : identity of the run: words by name.
    """
    sheet = forecasts_sheet(name, found, made) | {"source": "; ".join(run.values())}
    numbers = {"portfolio": name, "use": use_words(found, made[found.champion])} | forecast_numbers(found)
    worths = {key: worth_numbers(one) for key, one in made.items()}
    told = plain_json(numbers | {"worth": worths}, missing_as_null=True)
    day = f"{found.market.dates[-1]:%Y-%m-%d}"
    paper = Running(f"{name}: forecasts of today", f"closes of {day}", run.get("Run", ""))
    write_report(folder, PAGE, sheet, told, paper)


def forecasts_sheet(name: str, found: ForecastsToday, made: Mapping[str, Worth | NotAvailable]) -> Block:
    """Every block of the page, for `report.html.j2`; arguments of `write_forecasts_page`."""
    champion = found.champion
    others = [lines_table(one, found, one) for one in found.entries if one != champion]
    expected: list[Part] = [
        forecasts_picture(found.table(champion), champion, found.ahead),
        Folded(f"The numbers of {champion}", [lines_table(champion, found, champion)]),
        *([Folded("What the others expect", others)] if others else []),
    ]
    worths: list[Part] = []
    for one, worth in made.items():
        worths += worth_parts(one, worth)
    return {
        "eyebrow": "Forecasts of today",
        "title": name,
        "subtitle": f"Returns of the next {found.ahead} after {found.market.dates[-1]:%Y-%m-%d}, by {champion}",
        "headlines": [use_words(found, made[champion])],
        "sentences": [skill_words(found, champion), found.decision],
        "warnings": _warnings(found),
        "age": age_words(found.market.dates[-1].date()),
        "sections": section_blocks([
            ("expected", "Forecast", f"What {champion} expects", expected),
            ("skill", "Skill", "Skill so far, against naive forecasts", _skill(found, list(found.entries))),
            ("worth", "Worth", "What it was worth", worths),
            ("history", "History", "What was expected, and what came", _history(found, champion)),
        ]),
        "terms": FORECAST_TERMS,
    }  # fmt: skip


def forecasts_html(found: ForecastsToday) -> str:
    """The page as a block of a notebook, without the worth, for which the portfolio is needed."""
    unknown = NotAvailable("Ask backtests.studies.forecasts.worth.worth.")
    sheet = forecasts_sheet("Forecasts", found, {found.champion: unknown})
    return render("report_cell.html.j2", sheet=sheet | {"headlines": [skill_words(found, found.champion)]})


def write_card_page(card: Path, found: ForecastsToday, name: str) -> Path:
    """Write the card of a forecast as a page beside its JSON.

    card  : file of the card, as `backtests.studies.forecasts.book.write_card` writes it.
    found : the forecasts of which it is one.
    name  : its name.
    """
    told = json.loads(card.read_text(encoding="utf-8"))
    model = {"model": told["model"], "market": told["market"], "data": told["data"], "data_days": told["data_days"]}
    days, seconds = told["forecast_days"], number(told["processor_seconds"], 1)
    sheet = {
        "eyebrow": "Card of a forecast",
        "title": name,
        "subtitle": f"{counted(told['forecasts'], 'forecast')} of the next {found.ahead}, {days[0]} to {days[1]}; "
        f"made in {seconds} s of processor time",
        "headlines": [skill_words(found, name)],
        "warnings": list(found.entries[name].notes),
        "sections": section_blocks([
            ("skill", "Skill", "Skill so far, against naive forecasts", _skill(found, [name])),
            ("history", "History", "What was expected, and what came", _history(found, name)),
            ("model", "Model", "Model and data", [FilledTemplate("settings.html.j2", settings_text(model))]),
        ]),
        "terms": {term: words for term, words in FORECAST_TERMS.items() if term in SKILL_TERMS},
    }  # fmt: skip
    return write_whole(card.with_name(CARD_SHEET), render("report.html.j2", Running(f"{name}: card"), sheet=sheet))


# -- words -----------------------------------------------------------------------------------------------------------


def use_words(found: ForecastsToday, made: Worth | NotAvailable) -> str:
    """Whether to use the champion, in a sentence."""
    if isinstance(made, NotAvailable):
        return f"What {found.champion} is worth is not known: {made.reason}"
    return worth_words(found.champion, made)


def skill_words(found: ForecastsToday, name: str) -> str:
    """The skill of a forecast against naive ones, in a sentence; an interval that leaves zero out is clear."""
    if reason := why_not(found.skills[name]):
        return f"The skill of {name} is not known: {reason}"
    measures, said = found.by_measure(name), []
    silent = found.paths[name].expects_mean_so_far
    if silent:
        said.append(f"the returns that {name} expects are the mean so far, in which there is no skill")
    for measure, words in (
        (R2_RETURNS, f"forecasts of returns by {name} were {{}} the mean so far"),
        (
            R2_VARIANCE,
            f"{'its forecasts' if silent else 'those'} of variances were {{}} the variance of the last {found.ahead}",
        ),
    ):
        if (one := measures.get(measure)) is not None:
            clear = "clearly better than" if one.lower > 0.0 else "clearly worse than" if one.upper < 0.0 else ""
            interval = f"{percent(one.level, 0)}: {number(one.lower)} to {number(one.upper)}"
            said.append(
                f"{words.format(clear or 'not clearly better or worse than')} (R² {number(one.value)}, {interval})"
            )
    text = ", ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def forecasts_brief(found: ForecastsToday, made: Worth | NotAvailable) -> str:
    """The sentences, and the skill of each forecast, for a terminal."""
    rows = [["forecast", "R² of returns", "R² of variance"]]
    for name in found.entries:
        measures = found.by_measure(name)
        rows.append([name, *(measures[key].text() if key in measures else "–" for key in (R2_RETURNS, R2_VARIANCE))])
    sentences = [use_words(found, made), skill_words(found, found.champion), found.decision]
    text = "\n".join(map(wrapped, sentences))
    return f"{text}\n\n{text_table(rows, left=1)}"


# -- sections --------------------------------------------------------------------------------------------------------


def _warnings(found: ForecastsToday) -> list[str]:
    notes = [f"{name}: {note}" for name, entry in found.entries.items() for note in entry.notes]
    return [*notes, *(f"{name} gives no forecast: {why}" for name, why in found.failed.items())]


def _skill(found: ForecastsToday, names: list[str]) -> list[Part]:
    """Both R² of some forecasts as a picture, and all measures as a table."""
    rows: dict[str, Estimate] = {}
    for name in names:
        measures = found.by_measure(name)
        for measure, of in ((R2_RETURNS, "returns"), (R2_VARIANCE, "variance")):
            if measure in measures:
                rows[f"{name}: {of}"] = measures[measure]
    parts: list[Part] = [Words(FORECAST_WORDS, "intro")]
    if rows:
        caption = (
            f"R² of each forecast at month ends so far, with {percent(INTERVAL_LEVEL, 0)} intervals. Right of zero it "
            "was better than the naive forecast; a full point leaves zero out."
        )
        parts.append(intervals_picture("skill", "Skill so far", caption, rows, "R², out of sample"))
    return [*parts, Folded("All measures", [measures_table(found, names)])]


def _history(found: ForecastsToday, name: str) -> list[Part]:
    """Forecasts and outcomes of the first asset as a picture, and of the others folded."""
    first, *others = [history_picture(found.paths[name], line, name) for line in found.market.assets]
    return [first, *([Folded("The other assets", others)] if others else [])]
