"""The card of the universal policy as a page: its training, and its gap to the optimum in unseen markets.

The same network gives the same bytes. Nothing is fetched and nothing runs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.laboratory.learned.saved import SHEET, write_results
from backtests.laboratory.learned.universal_gap import CLOSED, MARKET_KINDS, gap, market_kind, median, simulated_markets
from backtests.laboratory.simulated_market import BASE_CASE
from backtests.laboratory.universal import lines_in
from backtests.sheets.pages.card_words import ANSWERS, CARD_TERMS, card_html
from backtests.sheets.pictures.policy.learning import updates_picture
from backtests.sheets.pictures.policy.region import region_picture
from backtests.sheets.sections.conventions import settings_text
from backtests.sheets.tables import Block, Looks, Shown, records_table, table
from foundation.arrays import Array
from foundation.files import write_whole
from foundation.paper.picture import Picture
from foundation.paper.wording import listed, number, percent
from foundation.progress import bar
from foundation.threads import one_thread
from research.learning.universal.rule import Trained, load
from research.rules.networks.equivariant import answers
from research.rules.networks.features import ACTION_REACH

MARKETS, PATHS = 40, 100  # that it is judged in
DIGITS = 4  # of its gap that are kept: another processor may give other last bits
MEANT = {name: CARD_TERMS[name] for name in ("Loss J", "Closed form", "Checksummed")} | {
    "Optimum": "The optimal policy for weekly normal returns by dynamic programming, for one or two assets and cash "
    "and for two or three without, with proportional costs. It also knows expected returns; the network and the "
    "closed form know risk and cost.",
    "Unseen": "Volatility 8 to 60 % a year, correlation −0.5 to 0.9, 1 to 50 bp a side for each asset, g 1 to 20, "
    "drawn at random; all policies of a market run on the same paths.",
}

MARKET_GAPS = (
    Shown("", "markets", form=lambda part: str(len(part))),
    *(
        column
        for key, words in (("universal", "universal, median"), (CLOSED, "closed form, median"))
        for column in (
            Shown(key, words, "%", lambda values: median(values).times(100.0).text(1)),
            Shown(key, "worst", "%", lambda values: number(100.0 * values.max(), 1)),
        )
    ),
)


def write_universal_card(folder: Path) -> Path:
    """Judge the network in a folder: `results.json` beside it, and its page; gives its path. Raises as `load` does."""
    path, policy = folder / SHEET, load(folder)
    found = judged_markets(policy)
    middle = median(found["universal"])
    above = {"gap": middle.value, "lower": middle.lower, "upper": middle.upper, "worst": found["universal"].max()}
    above = {name: round(float(share), DIGITS) for name, share in above.items()} | {"markets": len(found)}
    write_results(folder, {"optimum": {"seeds": {str(policy.card["seed"]): above}}})
    write_whole(path, universal_html(folder.name, policy, found))
    return path


def universal_html(name: str, policy: Trained, found: pd.DataFrame) -> str:
    """The whole page.

    name   : name of the policy.
    policy : policy with its card.
    found  : a row a case; columns and units as `judged_markets` gives them.
    """
    card = policy.card
    return card_html(
        name,
        _facts(card),
        lead=f"{name} computes {ANSWERS['bands']} for any portfolio. It was trained on random markets.",
        findings=[_words(found)],
        sheet={"warnings": []},
        learning=[updates_picture(card["curve"], card["seed"])],
        doing=[],
        region=worked_region(policy),
        gaps=_gaps(found),
        lines=_met(card["settings"]),
        terms=MEANT,
        settings=settings_text(
            {key: card[key] for key in ("settings", "seed", "updates", "saw", "format", "versions")}
        ),
    )


def judged_markets(policy: Trained, markets: int = MARKETS, paths: int = PATHS) -> pd.DataFrame:
    """A row a market that it never met: its `kind`, `paths`, and gap to the optimum, see `universal_gap.gap`."""
    with one_thread():
        rows = []
        with bar(markets, "judging", "markets") as done:
            for k, market in enumerate(simulated_markets(markets)):
                rows.append({"kind": market_kind(market), "paths": paths, **gap(market, policy, paths, k)})
                done.update()
    return pd.DataFrame(rows)


def worked_region(policy: Trained) -> Picture:
    """The region of holding in the base case of the laboratory: the policy's, over the best one."""
    lines = lines_in(BASE_CASE)

    def outside(gaps: Array) -> Array:
        action = np.empty(gaps.shape)
        answers(policy.net, policy.standard, lines, lines.target + gaps, action)
        found: Array = (np.abs(gaps) - ACTION_REACH**action * lines.half_width).max(axis=1)
        return found

    text = f"The laboratory's market: two assets and cash, {1e4 * BASE_CASE.costs[0]:g} bp a side, weekly decisions."
    return region_picture(("the first asset", "the second asset"), lines.half_width, outside, BASE_CASE.region(), text)


def _facts(card: Mapping[str, Any]) -> dict[str, str]:
    least, most = (f(card["settings"]["markets"]["lines"]) for f in (min, max))
    return {
        "Holds": f"any target of {least} to {most} assets, with or without cash",
        "Answers": ANSWERS["bands"],
        "Learned": f"{card['updates']:,} updates, each with new random markets; seed {card['seed']}",
        "Saw": card["saw"]["markets"],
        "Made with": listed([f"{library} {version}" for library, version in card["versions"].items()]),
    }


def _words(found: pd.DataFrame) -> str:
    above = median(found["universal"])
    return (
        f"In {len(found)} unseen markets of one to three assets, with and without cash, on {found['paths'][0]:,} paths "
        f"each, J is {percent(above.value)} above the optimum in the median "
        f"[{percent(above.lower)}, {percent(above.upper)}] and {percent(found['universal'].max())} at worst; the "
        f"closed-form bands, at which training started, are {percent(found[CLOSED].median())} and "
        f"{percent(found[CLOSED].max())} above."
    )


def _gaps(found: pd.DataFrame) -> Block:
    groups = {kind: found[found["kind"] == kind] for kind in MARKET_KINDS} | {"all": found}
    error = number(100.0 * found["error"].median(), 1)
    caption = (
        f"J above the optimum's in unseen markets, with the 95 % interval of the median over markets; "
        f"{found['paths'][0]:,} paths of ten years each; median standard error of one market's gap: {error} points"
    )
    there = {words: part for words, part in groups.items() if len(part)}
    return records_table(caption, MARKET_GAPS, there, Looks(chosen="all"), head="markets of")


def _met(settings: Mapping[str, Any]) -> Block:
    """The ranges of the random markets of the policy's training."""
    markets = settings["markets"]
    ranges: dict[str, Sequence[float]] = {
        "lines": markets["lines"],
        "drift of a gap between decisions, half-widths": markets["drift_between_decisions_over_half_width"],
        "half-width over target": markets["half_width_over_target"],
        "cost per side, bp": [1e4 * x for x in markets["cost_a_side"]],
        "the dearest asset's cost over the cheapest's, at most": [
            1.0,
            round(float(np.exp(2.0 * markets["cost_of_lines_either_way_in_logs"]))),
        ],
        "decisions per simulated path": settings["decisions_of_a_world"],
    }
    rows = [[words, f"{min(values):g}", f"{max(values):g}"] for words, values in ranges.items()]
    shares = [
        f"{percent(markets[key], 0)} {words}"
        for key, words in (
            ("share_without_cash", "hold no cash"),
            ("share_with_hedges", "have hedging assets"),
            ("share_with_fat_tails", "have fat tails"),
        )
    ]
    return table(f"Random markets of the training; {listed(shares)}", ["property", "minimum", "maximum"], rows)
