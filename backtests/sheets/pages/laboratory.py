"""The sheet of the laboratory: one page without any URL on what rules lose against the best one, and its pictures.

The same study gives the same bytes. Nothing is fetched and nothing runs.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS, Column
from backtests.inference.estimates import INTERVAL_LEVEL, Estimate
from backtests.laboratory.families import setting_words
from backtests.laboratory.fully_invested import BOUND, OPTIMUM
from backtests.laboratory.simulated_market import WARM_UP, YEARS
from backtests.laboratory.study import Study
from backtests.sheets.parts import facts_blocks
from backtests.sheets.pictures.laboratory.gaps import ladder_picture, laws_picture, markets_picture
from backtests.sheets.pictures.laboratory.region import optimal_region_picture
from backtests.sheets.pictures.sweep.cost_tracking import cost_tracking_picture
from backtests.sheets.pictures.sweep.styles import family_styles
from backtests.sheets.render import render
from backtests.sheets.tables import Block, Looks, Shown, by_name, records_table, table
from foundation.paper.picture import Picture
from foundation.paper.render import Running
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import listed, number, percent
from foundation.tolerances import TRACKING

ASSETS = ("the first asset", "the second asset")  # on the axes of a region
SHOWN_YEARS = 5  # of the path in the region
LOSS_TOLERANCE = 1.0  # bp a year
LOSS_COLUMNS = ("loss", "cost", "tracking")  # J and its two parts
DRAWN_CURVES = (OPTIMUM, "band to target", "band to edge", "tracking error")  # of the plane; of other families a point
INVESTED: dict[str, Any] = {
    "title": "Fully invested portfolios",
    "words": "Without cash every trade needs a counterpart, and costs on both sides. With three assets the optimum is "
    "known; with more, rules are held against a bound from below.",
}
LABORATORY_SECTIONS = {
    "ladder": (
        "How far is each rule from the optimum?",
        "On the same simulated paths, so that sampling noise cancels.",
    ),
    "frontier": (
        "Cost against tracking error, all rules",
        "Left: lower cost; down: closer to the target. The loss J adds cost and tracking penalty.",
    ),
    "region": (
        "The optimal no-trade region",
        "The optimal policy holds inside the region; outside it trades to the region's edge, not to the target.",
    ),
    "laws": ("How the optimum scales with cost", "Width and loss are power laws of the cost."),
    "markets": (
        "Where the choice of rule matters",
        "The same rules at other costs, volatilities and numbers of assets.",
    ),
}


def frontier_table(study: Study) -> pd.DataFrame:
    """Every rule with cost (bp a year) and gap (fraction a year): settings of the families, single rules beside them.

    Returns : a row a rule, with columns as `plane` takes them.
    """
    curves = study.curves[study.curves["family"].isin(DRAWN_CURVES)].copy()
    chosen = {family: setting_words(given) for family, given in study.tuned.settings.items()}
    curves["point"] = [_point(r["family"], r["policy"], chosen) for r in curves.to_dict("records")]
    curves["policy"] = [f"{family}, {point}" for family, point in zip(curves["family"], curves["point"], strict=True)]
    single = study.table.drop(index=[name for name in study.table.index if _is_on_a_curve(name)]).reset_index()
    single["family"] = ["calendar" if name.startswith("every ") else name for name in single["policy"]]
    single["point"] = [name.removeprefix("every ").removeprefix("tuned ") for name in single["policy"]]
    rows = pd.concat([curves, single], ignore_index=True)
    rows = rows[(rows["cost"] > 0.0) & (rows["tracking"] > TRACKING)].reset_index(drop=True)
    gap = np.sqrt(rows["tracking"].to_numpy() / (0.5 * study.market.tracking_penalty * 1e4))
    shown = rows[["policy", "family", "point", "cost", "loss"]]
    return shown.assign(target="", gap=gap, efficient=rows["family"] == OPTIMUM, drawn=True)


def _is_on_a_curve(name: str) -> bool:
    return name == OPTIMUM or name.removeprefix("tuned ") in DRAWN_CURVES or name.startswith("5 points ")


def _point(family: str, setting: str, chosen: Mapping[str, str]) -> str:
    """The label of a setting on its curve: a price of tracking, or a band or limit in per cent."""
    if family == OPTIMUM:
        return setting.replace("g = ", "g ")
    words = f"{100.0 * float(setting.split(', ')[0]):g} %"
    return f"{words} tuned" if chosen[family] == setting else words


def laboratory_pictures(study: Study) -> dict[str, Picture]:
    """ladder, frontier, region, laws, markets, three: the pictures of the sheet by name."""
    rows = frontier_table(study)
    families = family_styles(list(dict.fromkeys(map(str, rows["family"]))))
    drawn = cost_tracking_picture(rows, families, study.market.tracking_penalty, name="frontier")
    weeks = int(SHOWN_YEARS * study.laboratory.periods_per_year)
    return {
        "ladder": ladder_picture(study.table, OPTIMUM),
        "frontier": replace(drawn, title="Tracking error against cost", caption=_frontier_caption(study)),
        "region": optimal_region_picture(study.region, study.sample().head(weeks), ASSETS),
        "laws": laws_picture(*study.scaling_laws),
        "markets": markets_picture(study.markets),
        "three": optimal_region_picture(study.three, study.sample_of_three().head(weeks), ASSETS, name="three"),
    }


def _frontier_caption(study: Study) -> str:
    figures = records(study)
    fraction = study.tuned.settings["tracking error"][1]
    return (
        "The curve of optimal regions, each solved for another tracking penalty g, is a lower bound: at its g each has "
        "the lowest J of all rules with weekly decisions. Ringed: the lowest J here. Settings marked tuned had the "
        "lowest J on simulated paths of another seed. Tracking-error triggers shown trade "
        f"{percent(fraction, 0)} of the way. Off the scale: weekly trading ({number(figures['every week']['cost'])} bp "
        f"of cost, no deviation after any close) and never trading (no cost, J {number(figures['never']['loss'], 0)} "
        f"over these {YEARS} years, and more over longer ones)."
    )


# -- words -----------------------------------------------------------------------------------------------------------


def records(study: Study) -> dict[str, dict[str, Any]]:
    """The figures of each rule by its name, the lowest J first."""
    return by_name(study.table.sort_values("loss", kind="stable").reset_index(), "policy")


def lead(study: Study) -> str:
    """The main result, in a sentence."""
    figures = records(study)
    near = next(name for name in figures if name != OPTIMUM)
    nearest, weekly = figures[near]["relative"], figures["every week"]["relative"]
    return (
        f"The optimal policy has a loss of {number(figures[OPTIMUM]['loss'])} bp a year in this market. The next best "
        f"rule, {near}, is {percent(nearest)} above it; weekly trading is {percent(weekly, 0)} above it."
    )


def findings(study: Study) -> list[str]:
    """Further results, in sentences."""
    figures = records(study)
    below, unclear = ([n for n, r in figures.items() if r["verdict"] == v] for v in ("below", "not significant"))
    rest = f"{listed(unclear)} do not differ significantly from it" if unclear else "each differs significantly from it"
    best = figures[OPTIMUM]
    return [
        f"Significantly below the optimum: {listed(below)}."
        if below
        else f"No rule is significantly below the optimum; {rest}.",
        f"The optimum's loss here is {number(best['loss'], 3)} bp a year {_estimate(best, 'loss').interval(3)}; "
        f"the dynamic programme predicts {number(study.computed_loss, 3)}.",
        cheap_words(study),
        invested_words(study),
    ]


def cheap_words(study: Study) -> str:
    """The gaps of the rules at the lowest costs among the variants of the base case."""
    market = study.markets["market"].iloc[0]
    rows = study.markets[(study.markets["market"] == market) & (study.markets["verdict"] != "reference")]
    rows = rows.sort_values("gap", kind="stable")
    near, rest = rows[rows["gap"] <= LOSS_TOLERANCE], rows[rows["gap"] > LOSS_TOLERANCE]
    named, beyond = ([f"{r.policy} ({number(r.gap)})" for r in some.itertuples()] for some in (near, rest))
    words = f"At {market} a side, as with large ETFs, {listed(named)} are within "
    words += f"{LOSS_TOLERANCE:g} bp a year of the optimum"
    return f"{words}; {listed(beyond)} are not." if beyond else f"{words}: all rules of the study."


def invested_words(study: Study) -> str:
    """The distance of the best rules from the optimum, or from the bound, of fully invested markets, in words."""
    told = []
    for market, rows in _by_market(study).items():
        best = min((r for name, r in rows.items() if name not in (OPTIMUM, BOUND)), key=lambda r: float(r["loss"]))
        what = "the optimum" if OPTIMUM in rows else "the lower bound"
        told.append(f"{market}: {best['policy']}, {percent(best['over'])} above {what}")
    return f"Fully invested, the best rules are: {'; '.join(told)}."


def _by_market(study: Study) -> dict[str, dict[str, dict[str, Any]]]:
    """The rows of the fully invested markets by market and rule."""
    return {str(market): by_name(rows, "policy") for market, rows in study.invested.groupby("market", sort=False)}


def invested_table(study: Study) -> Block:
    """The loss of each rule in each fully invested market, and how far it is above the optimum or the bound."""
    markets = _by_market(study)
    losses = {name: float(row["loss"]) for of in reversed(markets.values()) for name, row in of.items()}
    names = sorted(set(losses) - {OPTIMUM, BOUND}, key=losses.__getitem__)
    rows = [[name, *(_above(of, name) for of in markets.values())] for name in (OPTIMUM, BOUND, *names)]
    caption = (
        f"J, bp of NAV a year, and in brackets how far it is above the optimum, or where none is known above the lower "
        f"bound; {study.invested_paths:,} common paths. An event costs its fee whatever is traded"
    )
    return table(caption, ["rule", *markets], rows)


def _above(rows: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """The loss of one rule in one market, and how far it is above the reference."""
    if name == BOUND:
        return number(next(iter(rows.values()))["bound"])
    if name not in rows:
        return "–"
    return number(rows[name]["loss"]) + ("" if name == OPTIMUM else f" ({percent(rows[name]['over'])})")


def _gap(row: Mapping[str, Any], name: str, factor: float, digits: int, missing: str) -> str:
    """The gap of a rule to the optimum, with its interval; `missing` for the optimum itself."""
    return missing if row["policy"] == OPTIMUM else _estimate(row, name).times(factor).text(digits)


RESULTS: tuple[Shown | Column, ...] = (
    *(Column(loss, loss, METRICS["loss"].unit, digits=3) for loss in LOSS_COLUMNS),
    Column("turnover", "turnover", METRICS["turnover"].unit, 100.0, 1),
    Column("events", "trades", METRICS["trades"].unit, digits=1),
    Shown("", "above the optimum", METRICS["loss"].unit, lambda row: _gap(row, "gap", 1.0, 3, "–")),
    Shown("", "above the optimum", "%", lambda row: _gap(row, "relative", 100.0, 1, "–")),
    Shown("verdict", "significant?", words=True),
)


def result_table(study: Study) -> Block:
    """The table of the sheet: a rule a row, the best first."""
    tuned = study.tuned
    caption = (
        f"{study.laboratory.paths:,} common paths of {YEARS} years; differences are paired, with 95 % bounds. Tuned: "
        f"the best of {tuned.trials} trials in total, on {tuned.paths:,} simulated paths of seed {tuned.seed}"
    )
    return records_table(caption, RESULTS, records(study), Looks(chosen=OPTIMUM), head="rule")


def _estimate(figures: Mapping[str, Any], name: str) -> Estimate:
    """A figure of a row of `gaps`, with its interval."""
    return Estimate(figures[name], figures[f"{name}_lower"], figures[f"{name}_upper"], INTERVAL_LEVEL)


def laboratory_text(study: Study) -> str:
    """A short table and the results in words, for a terminal."""
    rows = [
        ["rule", *LOSS_COLUMNS, "trades", "above optimum", ""],
        ["", *(METRICS["loss"].narrow_unit for _ in LOSS_COLUMNS), METRICS["trades"].narrow_unit, "%", ""],
    ]
    for name, r in records(study).items():
        losses = [number(r[c]) for c in LOSS_COLUMNS]
        rows.append([name, *losses, number(r["events"], 1), _gap(r, "relative", 100.0, 1, ""), r["verdict"]])
    sentences = map(wrapped, [lead(study), *findings(study)])
    return f"{text_table(rows, left=1, last_left=True)}\n\n" + "\n".join(sentences)


# -- the page --------------------------------------------------------------------------------------------------------


def laboratory_html(study: Study, run: Mapping[str, str] | None = None) -> str:
    """The whole page. run : identity of the run: words by name."""
    market, lab = study.market, study.laboratory
    facts = {
        "Market": f"two assets with normal returns: volatility {listed([percent(v, 0) for v in market.volatility])}, "
        f"correlation {market.correlation}, growth above cash {listed([percent(m) for m in market.mean])}",
        "Target": f"{listed([percent(w, 0) for w in market.target])}, the rest cash",
        "Costs": f"{1e4 * market.costs[0]:g} bp of notional a side, no tickets",
        "Judged by": f"rebalancing loss J, tracking penalty g = {market.tracking_penalty:g}; weekly decisions, lag 0",
        "Paths": f"{lab.paths:,} of {YEARS} years, after a warm-up of {WARM_UP} years; seed {lab.seed}",
        **(run or {}),
    }
    drawn = laboratory_pictures(study)
    sections = [
        {"id": name, "title": title, "words": words, "picture": drawn[name]}
        for name, (title, words) in LABORATORY_SECTIONS.items()
    ]
    return render(
        "laboratory.html.j2",
        Running("The laboratory: rules against the optimal policy", run=(run or {}).get("Run", "")),
        facts=facts_blocks(facts),
        lead=lead(study),
        findings=findings(study),
        sections=sections,
        invested=INVESTED | {"picture": drawn["three"], "table": invested_table(study)},
        result=result_table(study),
    )


def laboratory_cell(study: Study) -> str:
    """The page without its pictures, as a block of HTML with its own style."""
    return render("laboratory_cell.html.j2", lead=lead(study), findings=findings(study), result=result_table(study))
