"""The card of a learned policy as a page: one file without any URL, made from its sealed cards and the measurements.

The same policies and results give the same bytes. Nothing is fetched and nothing runs.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from backtests.evaluation.metrics import METRICS, Column
from backtests.inference.estimates import INTERVAL_LEVEL, Estimate
from backtests.laboratory.learned.optimality_gap import region_of, why_no_optimum
from backtests.laboratory.learned.partial_dependence import distance_outside
from backtests.laboratory.learned.results import loss_of, with_optimality_gaps
from backtests.laboratory.learned.saved import SHEET, SavedPolicies, loss_on_card, read_saved_policies, write_results
from backtests.sheets.pages.card_words import ANSWERS, CARD_TERMS, card_html
from backtests.sheets.pages.policy_catalog import holds_words, learner_words, saw_words
from backtests.sheets.pages.universal_card import write_universal_card
from backtests.sheets.pictures.policy.importance import importance_picture
from backtests.sheets.pictures.policy.learning import learning_picture, seeds_picture
from backtests.sheets.pictures.policy.regimes import regimes_picture
from backtests.sheets.pictures.policy.region import region_picture
from backtests.sheets.pictures.policy.trades import trades_picture
from backtests.sheets.sections.conventions import settings_text
from backtests.sheets.tables import Block, Looks, Shown, records_table
from foundation.errors import DataError
from foundation.files import write_whole
from foundation.paper.picture import Picture
from foundation.paper.wording import MINUS, counted, listed, number, percent
from research.learning import LearnedPolicy
from research.learning.checksummed import CARD
from research.learning.drift import Drift
from research.learning.policy_folder import read_card
from research.learning.universal.rule import UNIVERSAL_FORMAT

SEED_FIGURES = (
    METRICS["loss_training"],
    METRICS["loss"].labelled("loss, out of sample"),
    *(METRICS[key] for key in ("cost", "tracking_error", "growth", "sharpe", "max_drawdown", "turnover", "trades")),
)
GAPS = (
    Column("loss", "loss J", "bp a year", digits=3),
    Column("optimum", "of the optimum", "bp a year", digits=3),
    Column("closed_form", "of the closed form", "bp a year", digits=3),
    Shown(
        "",
        "above the optimum",
        "%",
        lambda r: Estimate(r["gap"], r["lower"], r["upper"], INTERVAL_LEVEL).times(100.0).text(),
    ),
)
CARD_LINES = (
    Column("target", "target", "% of NAV", 100.0, 1),
    Column("half_width", "closed-form half-width", "points", 100.0),
    Shown("variance", "volatility", "% a year", lambda variance: number(100.0 * np.sqrt(variance), 1)),
    Column("cost", "cost", "bp a side", digits=1),
)
NEEDED_FACTS = ("saw", "objective", "settings", "action", "steps", "targets", "versions")  # of a card that is shown
FEW_NAMED = 3  # assets that a sentence names
IN_THE_MEAN = (
    "A learned band may depend on the gaps and on the market; here age, volatility and market return are at their "
    "training means."
)


def write_card(folder: str | Path) -> Path:
    """Make missing measurements of the policies in a folder, and write their page into it; gives its path.

    The card of the universal policy is made from its network alone.
    Raises : DataError when there are none, or when one is not as it was saved.
    """
    folder = Path(folder)
    if (folder / CARD).exists() and read_card(folder).get("format") == UNIVERSAL_FORMAT:
        return write_universal_card(folder)
    found = read_saved_policies(folder)
    for seed, card in found.cards.items():
        if missing := [name for name in NEEDED_FACTS if name not in card]:
            raise DataError(
                f"the card in {found.folders[seed]} does not have {listed(missing)}, as those of a page must. Read its "
                f"{CARD} itself, or train the policy again."
            )
    found = with_optimality_gaps(found)
    write_results(folder, found.results)
    name = folder.name if not folder.name.startswith("seed-") else f"{folder.parent.name}, {folder.name}"
    path = folder / SHEET
    write_whole(path, policy_html(name, found))
    return path


def policy_html(name: str, found: SavedPolicies) -> str:
    """The whole page of the policies of one name.  found : with their gaps, see `with_optimality_gaps`."""
    card, results = found.cards[found.representative], found.results
    policy = LearnedPolicy.load(found.folders[found.representative])
    drawn = policy_pictures(found, policy)
    return card_html(
        name,
        _facts(card, found),
        lead=_lead(name, found),
        findings=[gap_words(found), _test_words(results)],
        sheet={"warnings": results.get("warnings", [])},
        learning=[drawn[k] for k in ("learning", "importance") if k in drawn],
        doing=[drawn[k] for k in ("trades", "regimes") if k in drawn],
        region=drawn.get("region"),
        seeds=drawn.get("seeds"),
        figures=_figures(found) if "test" in results else None,
        gaps=_gaps(found),
        lines=_lines(card),
        seen=_seen(card, results),
        terms=CARD_TERMS,
        settings=settings_text(_settings(card)),
    )


def policy_pictures(found: SavedPolicies, policy: LearnedPolicy) -> dict[str, Picture]:
    """The pictures that can be drawn: learning, importance, trades, regimes, region, seeds."""
    card = found.cards[found.representative]
    worlds = card.get("observed", {}).get("importance_worlds", 0)
    drawn = {
        "learning": learning_picture(found.cards, found.representative),
        "importance": importance_picture(card.get("features", ()), found.representative, worlds),
        "seeds": seeds_picture(found.results) if "test" in found.results else None,
    }
    if policy.action == "bands":
        drawn |= {"trades": trades_picture(policy), "regimes": regimes_picture(policy)}
        if len(policy.assets) == 2 and not why_no_optimum(card):
            half, past, region = policy.scales.half_width[-1], partial(distance_outside, policy), region_of(policy)
            if len(region.axes) == 2:  # without cash the gap of one is that of the other
                drawn["region"] = region_picture(policy.assets, half, past, region, IN_THE_MEAN)
    return {name: picture for name, picture in drawn.items() if picture is not None}


# -- words -----------------------------------------------------------------------------------------------------------


def _facts(card: Mapping[str, Any], found: SavedPolicies) -> dict[str, str]:
    objective, versions = card["objective"], card["versions"]
    costs = [sum(rates.values()) for rates in objective["costs_bps"].values()]
    low, high = f"{min(costs):g}", f"{max(costs):g}"
    more = [name.replace("_", " ") for name in objective.get("costs", {}) if name not in ("commission", "half_spread")]
    return {
        "Holds": holds_words(card),
        "Decides": f"each {card['schedule']}; executed {counted(objective['lag'], 'session')} later",
        "Answers": ANSWERS[card["action"]],
        "Learned": f"{learner_words(card)}, {card['steps']:,} decisions a seed; "
        f"{counted(len(found.cards), 'seed')}: {listed([str(seed) for seed in found.cards])}",
        "Saw": f"{saw_words(card)}; market {card['saw']['market']}, data {card['saw']['fingerprint'][:16]}",
        "Costs": listed([f"{low if low == high else f'{low} to {high}'} bp of notional a side", *more]),
        "Judged by": f"rebalancing loss J, tracking penalty g = {objective['tracking_penalty']:g}",
        "Made with": listed([f"{library} {version}" for library, version in versions.items()]),
    }


def _lead(name: str, found: SavedPolicies) -> str:
    card = found.cards[found.representative]
    own, closed = loss_on_card(card), loss_on_card(card, "closed_form")
    lines = card["targets"][-1]["target"]
    held = holds_words(card) if len(lines) <= FEW_NAMED else f"the target of {len(lines)} assets"
    text = f"{name} chooses {ANSWERS[card['action']]}; target: {held}; trained with {learner_words(card)}"
    if own is None:
        return f"{text}."
    beside = "" if not closed else f", {_over(own / closed - 1.0)} the closed-form bands"
    return f"{text}. On simulated training paths its loss is {number(own)} bp a year{beside}."


def _over(gap: float) -> str:
    return f"{percent(abs(gap))} {'above' if gap > 0.0 else 'below'}"


def gap_words(found: SavedPolicies) -> str:
    """Its gap to the optimum, or why the optimum is not known."""
    optimum = found.results.get("optimum", {})
    if "unknown" in optimum:
        return f"The gap to the optimal policy is not known: {optimum['unknown']}."
    one = optimum.get("seeds", {}).get(str(found.representative))
    if one is None:
        return ""
    return (
        f"On {one['paths']:,} normal paths with the moments of the training days it is {percent(one['gap'], 2)} above "
        f"the optimum [{percent(one['lower'], 2)}, {percent(one['upper'], 2)}]; the closed-form bands are "
        f"{percent(one['closed_form'] / one['optimum'] - 1.0, 2)} above."
    )


def _test_words(results: Mapping[str, Any]) -> str:
    if "test" not in results:
        return "No out-of-sample results are stored here."
    test, one = results["test"], results["seeds"][str(results["stands"])]
    return (
        f"Out of sample, {test['first']} to {test['last']}, the loss is {number(one['loss'])} bp a year "
        f"{loss_of(one).interval()}."
    )


# -- tables ----------------------------------------------------------------------------------------------------------


def _figures(found: SavedPolicies) -> Block:
    test = found.results["test"]
    who = "Every seed" if len(found.results["seeds"]) == len(found.cards) else f"Seed {found.representative} alone"
    caption = (
        f"{who} out of sample, net of costs: {test['days']:,} days, {test['first']} to {test['last']}, market "
        f"{test['market']}, data {test['fingerprint'][:16]}; seed {found.representative} is the selected (median) seed"
    )
    seeds = {
        str(seed): found.results["seeds"][str(seed)] for seed in found.cards if str(seed) in found.results["seeds"]
    }
    return records_table(caption, SEED_FIGURES, seeds, Looks(chosen=str(found.representative)), head="seed")


def _gaps(found: SavedPolicies) -> Block | None:
    seeds = found.results.get("optimum", {}).get("seeds")
    if not seeds:
        return None
    caption = "On the same simulated paths, with 95 % bounds of the paired gap"
    records = dict(sorted(seeds.items(), key=lambda item: int(item[0])))
    return records_table(caption, GAPS, records, Looks(chosen=str(found.representative)), head="seed")


def _lines(card: Mapping[str, Any]) -> Block:
    today, costs = card["targets"][-1], card["objective"]["costs_bps"]
    records = {
        asset: {key: today[key][asset] for key in ("target", "half_width", "variance")}
        | {"cost": sum(costs[asset].values())}
        for asset in card["assets"]
        if asset in today["target"]
    }
    caption = (
        f"The last of {counted(len(card['targets']), 'target')}, measured on {today['days']:,} days from "
        f"{today['first_day']} on; {percent(today['share_of_worlds'], 0)} of its simulated paths hold it"
    )
    return records_table(caption, CARD_LINES, records, head="asset")


def _seen(card: Mapping[str, Any], results: Mapping[str, Any]) -> Block | None:
    """The features that the policy saw in training, and the distance of the test from them; None if not recorded."""
    if "lengths" not in card.get("observed", {}):
        return None
    drifts = {d["feature"]: Drift(**d) for d in results.get("drift", ())}

    def quantile(part: float) -> Callable[[Mapping[str, Any]], str]:
        return lambda f: f"{f['values'][int(np.searchsorted(f['shares'], part))]:.3g}".replace("-", MINUS)

    columns = [
        Shown("", "5 %", form=quantile(0.05)),
        Shown("", "median", form=quantile(0.5)),
        Shown("", "95 %", form=quantile(0.95)),
        Shown("farthest", "largest on training paths", form=lambda farthest: number(farthest[0])),
    ]

    def met(form: Callable[[Drift], str]) -> Callable[[str], str]:
        return lambda name: form(drifts[name]) if name in drifts else ""

    if drifts:
        columns += [
            Shown("name", "test", form=met(lambda drift: number(drift.distance))),
            Shown("name", "verdict", form=met(lambda drift: "drifted" if drift.drifted else "alike"), words=True),
        ]
    caption = (
        "Feature quantiles on training paths, and the Kolmogorov-Smirnov distance from them, 0 to 1, of the farthest "
        f"single path{' and of the test' if drifts else ''}"
    )
    return records_table(caption, [Shown("name", "feature"), *columns], card["features"])


def _settings(card: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("settings", "allocation", "schedule", "seed", "steps", "saw", "objective", "format", "versions")
    return {name: card[name] for name in kept if name in card}
