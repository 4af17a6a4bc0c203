"""The risk sheet of today's holdings: one page without any URL, its numbers as JSON, a CSV behind each picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from backtests.evaluation.metrics import Column
from backtests.inference.estimates import NotAvailable
from backtests.sheets.parts import Part, Words, facts_blocks, section_blocks, sheet_pictures
from backtests.sheets.pictures.risk_contributions import risk_shares_picture
from backtests.sheets.render import render
from backtests.sheets.sections.from_today import future_numbers, future_parts
from backtests.sheets.sections.holdings_stress import holdings_stress_numbers, holdings_stress_parts
from backtests.sheets.tables import Block, Shown, day, records_of, records_table
from backtests.today.from_today import FromToday, drawdown_limits, drawdown_name
from backtests.today.holdings_risk import HoldingsRisk, Loss
from foundation.files import write_whole
from foundation.paper.files import picture_records, write_pictures
from foundation.paper.formats import csv_text, json_text, plain_json
from foundation.paper.picture import Picture
from foundation.paper.render import Running
from foundation.paper.styles import LineStyle
from foundation.paper.wording import age_words, class_words, counted, listed, number, percent
from research.market.quality import check_market, market_warnings

SHEET, NUMBERS, DRIFT = "risk.html", "risk.json", "drift.csv"
RISK_SCHEMA = 2  # of risk.json: docs/schemas/risk-2.json
STYLE = LineStyle("sky", width=1.5)
LINES = (
    Shown("asset_class", "class", form=class_words, words=True),
    Column("weight", "weight", "%", 100.0),
    Column("target", "target", "%", 100.0),
    Column("gap", "gap", "points", 100.0),
    Column("outside_range", "outside its range", "points", 100.0),
    Column("outside_band", "outside the band", "points", 100.0),
    Column("contribution", "contribution to volatility", "points a year", 100.0),
    Column("active_contribution", "contribution to tracking error", "points a year", 100.0, 3),
)
GROUPS = (
    Column("weight", "weight", "%", 100.0),
    Column("target", "target", "%", 100.0),
    Column("gap", "gap", "points", 100.0),
    Column("risk_share", "share of volatility", "%", 100.0, 1),
    Column("active_share", "share of tracking error", "%", 100.0, 1),
)
UNDEFINED = {  # by name of a figure that is not defined, its words; the others are losses
    "contributions": "contributions to volatility",
    "active": "contributions to tracking error",
    "beta": "beta to the strategic target",
    "lines": "effective number of assets",
    "bets": "effective number of uncorrelated assets",
}


def write_risk_sheet(folder: Path, risk: HoldingsRisk, run: Mapping[str, str]) -> None:
    """Write risk.html, risk.json, drift.csv, and for each picture figures/<name>.csv and .svg.

    folder : an existing folder.
    risk   : risk of the holdings.
    run    : identity of the run: words by name.
    """
    sheet = risk_sheet(risk, run)
    write_pictures(folder, sheet_pictures(sheet))
    write_whole(folder / DRIFT, csv_text(risk.drift()))
    numbers = risk_numbers(risk, run, sheet_pictures(sheet))
    write_whole(folder / NUMBERS, json_text(numbers))
    paper = Running(
        f"{risk.portfolio.name}: risk of today's holdings", f"closes of {numbers['date']}", run.get("Run", "")
    )
    write_whole(folder / SHEET, render("today.html.j2", paper, sheet=sheet))


def risk_sheet(risk: HoldingsRisk, run: Mapping[str, str]) -> Block:
    """Every block of the sheet; arguments of `write_risk_sheet`."""
    portfolio = risk.portfolio
    sections = [
        ("drift", "Drift", "Assets: drift and contributions to risk", _lines(risk)),
        ("exposure", "Exposure", "Exposure by class and currency", _exposure(risk)),
        ("losses", "Losses", f"What may be lost in {' and in '.join(dict.fromkeys(risk.horizons))}", _losses(risk)),
        ("stress", "Stress", "Stress", holdings_stress_parts(portfolio, risk.stress)),
        ("from_today", "From today", "A year from today", future_parts(risk.future, STYLE)),
    ]
    facts = {
        **run,
        "Holdings": f"closes of {portfolio.date:%Y-%m-%d}, last traded {portfolio.last_trade:%Y-%m-%d}",
        "Ex ante": f"covariance of the last {risk.window:,} returns",
        "Losses": f"{_sample(risk)}, with returns of all assets",
        "Data": check_market(portfolio.market).line(),
    }
    reasons = {"Drift": holdings_drift_words(risk), "Where risk comes from": source_words(risk)}
    return {
        "eyebrow": "Risk of today's holdings",
        "title": portfolio.name,
        "subtitle": (
            f"{number(portfolio.nav, 0)} {portfolio.basis} in {counted(len(portfolio.market.assets), 'asset')} and "
            f"cash at the closes of {portfolio.date:%Y-%m-%d}"
        ),
        "verdict": loss_words(risk),
        "reasons": facts_blocks(reasons),
        "colour": STYLE.colour,
        "columns": [{"name": "today's holdings"}],
        "headline": _headline(risk),
        "warnings": risk_warnings(risk),
        "age": age_words(portfolio.date),
        "sections": section_blocks(sections),
        "facts": facts_blocks(facts),
    }


def risk_text(risk: HoldingsRisk) -> str:
    """The sheet in a few lines, for a terminal."""
    portfolio, wide = risk.portfolio, max(map(len, risk.portfolio.market.assets))
    lines = [
        f"Risk of {portfolio.name!r}: {portfolio.nav:,.2f} {portfolio.basis} at {portfolio.date:%Y-%m-%d}",
        loss_words(risk),
        holdings_drift_words(risk),
        source_words(risk),
        "",
        f"{'asset':<{wide}}  weight  target    gap  outside  share of volatility (%)",
    ]
    for row in risk.drift().to_dict("records"):
        share = row["contribution"] / risk.volatility if len(risk.contributions) else float("nan")
        cells = (row["weight"], row["target"], row["gap"], row["outside_range"])
        said = "  ".join(f"{number(100.0 * value):>{width}}" for value, width in zip(cells, (6, 6, 5, 7), strict=True))
        lines.append(f"{row['asset']:<{wide}}  {said}  {number(100.0 * share, 1):>19}")
    lines += [] if isinstance(risk.future, NotAvailable) else ["", future_words(risk.future)]
    warned = [f"Warning: {said}" for said in risk_warnings(risk)]
    return "\n".join([*lines, *([""] if warned else []), *warned])


# -- words -----------------------------------------------------------------------------------------------------------


def loss_words(risk: HoldingsRisk) -> str:
    """The possible loss in one day, or one row of another frequency of the market, in one sentence."""
    one = _loss(risk, risk.horizons[0])
    if one is None:
        return f"The volatility of these holdings is {percent(risk.volatility)} a year."
    verb, most = ("gained", "less") if one.var < 0.0 else ("lost", "more")
    again = "and lost " if one.var < 0.0 < one.cvar else ""
    worth = f"{number(abs(one.var) * risk.portfolio.nav, 0)} {risk.portfolio.basis}"
    return (
        f"In one {risk.row} of twenty since {risk.sample[0]:%Y-%m-%d} these holdings would have {verb} "
        f"{percent(abs(one.var), 2)} ({worth}) or {most}, {again}{percent(abs(one.cvar), 2)} on average of such "
        f"{risk.row}s. Their volatility is {percent(risk.volatility)} a year, by the last "
        f"{counted(risk.window, risk.row)}."
    )


def future_words(found: FromToday) -> str:
    """The possible outcomes of the holdings within a year, in one sentence."""
    shown, figures = found.shown, found.shown.figures
    low = figures["percentile_5"]
    limit = drawdown_limits(found.limit)[0]
    names = ("loss_month", "loss_year", drawdown_name(limit))
    month, year, fall = (percent(figures[name].value) for name in names)
    bought = ", which buys its target first" if found.unopened else ""
    return (
        f"In {shown.paths:,} futures of a year ({shown.law}), held by policy {shown.policy}{bought}: a loss after 30 "
        f"days in {month}, after the year in {year}; a drawdown of {100 * limit:g} % in {fall}"
        + (f"; 5th percentile {percent(low.value, signed=True)}." if low.known else ".")
    )


def holdings_drift_words(risk: HoldingsRisk) -> str:
    """The assets outside their ranges and past the bands of the active policy, with the distances, in words."""
    drift, said = risk.drift(), []
    for column, where in (("outside_range", "its range"), ("outside_band", f"the band of {risk.policy}")):
        there = drift[drift[column].notna()]
        if there.empty:
            continue
        out = there[there[column] != 0.0].sort_values(column, key=abs, ascending=False)
        if out.empty:
            said.append(f"No asset is outside {where}.")
        else:
            each = [
                f"{row.asset} by {number(100 * getattr(row, column), signed=True)} points" for row in out.itertuples()
            ]
            said.append(f"Outside {where}: {listed(each, most=5)}.")
    widest = drift.iloc[int(drift["gap"].abs().argmax())]
    said.append(
        f"Furthest from its target is {widest['asset']}, {number(100 * widest['gap'], signed=True)} points; ex-ante "
        f"tracking error to the strategic target {percent(risk.tracking_error, 2)} a year."
    )
    return " ".join(said)


def source_words(risk: HoldingsRisk) -> str:
    """The assets that contribute most to the risk, and its concentration, in words."""
    if not len(risk.contributions):
        return ""
    shares = np.nan_to_num(risk.contributions / np.nansum(risk.contributions))
    first = [int(k) for k in shares.argsort()[::-1][:3]]
    each = [f"{risk.portfolio.market.assets[k]} ({percent(float(shares[k]), 0)})" for k in first]
    spread = []
    if risk.lines == risk.lines:
        spread.append(f"the weights are as concentrated as those of {number(risk.lines, 1)} equal assets")
    if risk.bets == risk.bets:
        spread.append(
            f"the risk is as concentrated as that of {number(risk.bets, 1)} uncorrelated assets of equal risk"
        )
    said = listed(spread) if spread else ""
    largest = f"The largest shares of the volatility are those of {listed(each)}."
    return f"{largest} {said[0].upper()}{said[1:]}." if said else largest


def risk_warnings(risk: HoldingsRisk) -> list[str]:
    """The warnings of the sheet: notes on data in the sample and on policies, and figures that are not defined."""
    return [
        *market_warnings(risk.portfolio.market, *risk.sample, risk.portfolio.file),
        *risk.notes,
        *(f"No {UNDEFINED.get(name, f'loss ({name})')}: {why}" for name, why in risk.undefined.items()),
    ]


# -- blocks ----------------------------------------------------------------------------------------------------------


def _loss(risk: HoldingsRisk, horizon: str) -> Loss | None:
    """The historical loss at 95 %."""
    wanted = (horizon, "historical", 0.95)
    return next((one for one in risk.losses if (one.horizon, one.method, one.level) == wanted), None)


def _headline(risk: HoldingsRisk) -> list[dict[str, str]]:
    short, long = risk.horizons
    one, most = _loss(risk, short), _loss(risk, long)
    since = f"since {risk.sample[0]:%Y}"
    shown = [
        ("Volatility", f"% a year, by the last {counted(risk.window, risk.row)}", number(100 * risk.volatility, 1)),
        ("Tracking error", "% a year, ex ante", number(100 * risk.tracking_error)),
        (f"VaR 95 %, {short}", f"% of NAV, {since}", number(None if one is None else 100 * one.var)),
        (f"CVaR 95 %, {long}", f"% of NAV, {since}", number(None if most is None else 100 * most.cvar)),
        ("Beta", "to the strategic target", number(risk.beta)),
    ]
    return [
        {"label": label, "unit": unit, "words": words, "interval": "", "kind": "", "beside": ""}
        for label, unit, words in shown
    ]


def _lines(risk: HoldingsRisk) -> list[Part]:
    drift = risk.drift()
    columns = [column for column in LINES if drift[column.key].notna().any()]
    caption = (
        "Weights at the last close. Contributions are Euler's, by the covariance of the last year: they sum to the "
        "volatility and to the tracking error, and one below zero is that of a hedge"
    )
    made = records_table(caption, [Shown("asset", "asset"), *columns], records_of(drift))
    if not len(risk.contributions):
        return [made]
    sums = {"weight": float(risk.portfolio.weights.sum()), "target": float(risk.portfolio.target.sum())}
    sums |= {"contribution": risk.volatility, "active_contribution": risk.tracking_error}
    cells = ["sum", *(column.cell(sums) if column.key in sums else "" for column in columns)]
    made["rows"].append({"cells": cells, "look": None, "chosen": False})
    return [risk_shares_picture(drift[drift["contribution"].notna()], risk.volatility), made]


def _exposure(risk: HoldingsRisk) -> list[Part]:
    parts = list[Part]()
    by = (("class", "asset_class", None, class_words), ("currency", "currency", risk.portfolio.basis, str))
    for name, key, cash, words in by:
        groups = [(words(record["group"]), record) for record in records_of(risk.exposures(key, cash))]
        parts.append(records_table(f"By {name}", GROUPS, groups, head=name))
    if funds := [asset for asset, split in risk.portfolio.splits.items() if "asset_class" in split]:
        parts.append(Words(f"{', '.join(funds)}: split over classes as the file says, with their risk in proportion."))
    return parts


def _losses(risk: HoldingsRisk) -> list[Part]:
    nav, basis = risk.portfolio.nav, risk.portfolio.basis
    columns = (
        Shown("horizon", "horizon"),
        Shown("method", "method", words=True),
        Shown("level", "level", form=lambda level: percent(level, 0), words=True),
        Column("var", "VaR", "% of NAV", 100.0),
        Column("var", "VaR", basis, nav, 0),
        Column("cvar", "CVaR", "% of NAV", 100.0),
        Column("cvar", "CVaR", basis, nav, 0),
    )
    caption = "Value at risk, and the mean loss beyond it (CVaR); a loss is positive"
    month = "" if len(set(risk.horizons)) < 2 else "; a month is held without a trade, and months overlap"
    words = (
        f"What the weights of today would have returned in the {_sample(risk)}, each {risk.row} anew{month}. Gaussian: "
        "the normal law with mean and deviation of the same returns. These figures describe the sample: nothing of "
        "them is a forecast."
    )
    return [records_table(caption, columns, risk.losses), Words(words)]


def _sample(risk: HoldingsRisk) -> str:
    """The sample of the losses in words: the frequency of its rows, and its first and last date."""
    return f"{risk.row}s from {day(risk.sample[0])} to {day(risk.sample[1])}"


# -- numbers ---------------------------------------------------------------------------------------------------------


def risk_numbers(risk: HoldingsRisk, run: Mapping[str, str], drawn: Sequence[Picture]) -> dict[str, Any]:
    """Every number of the sheet as plain JSON values, in the units of records: fractions, currency.

    risk  : risk of the holdings.
    run   : identity of the run: words by name.
    drawn : the sheet's pictures.
    """
    portfolio = risk.portfolio
    content = {
        "schema": RISK_SCHEMA,
        "run": dict(run),
        "portfolio": portfolio.name,
        "date": day(portfolio.date),
        "nav": portfolio.nav,
        "basis": portfolio.basis,
        "cash": portfolio.cash,
        "sample": {"first": day(risk.sample[0]), "last": day(risk.sample[1])},
        "window": risk.window,
        "volatility": risk.volatility,
        "tracking_error": risk.tracking_error,
        "beta": risk.beta,
        "effective_lines": risk.lines,
        "effective_bets": risk.bets,
        "losses": [asdict(one) for one in risk.losses],
        "lines": records_of(risk.drift()),
        "classes": records_of(risk.exposures("asset_class")),
        "currencies": records_of(risk.exposures("currency", risk.portfolio.basis)),
        "policy": risk.policy,
        "stress": holdings_stress_numbers(portfolio, risk.stress),
        "from_today": future_numbers(risk.future),
        "undefined": dict(risk.undefined),
        "warnings": risk_warnings(risk),
        "pictures": picture_records(drawn),
    }
    numbers: dict[str, Any] = plain_json(content, missing_as_null=True)
    return numbers
