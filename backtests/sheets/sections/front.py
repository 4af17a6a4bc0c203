"""The parts of a sheet behind its verdict, for a committee: the policies that matter, risk and stress, the trades."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from backtests.comparison import Comparison
from backtests.comparison.verdict import orders_words
from backtests.evaluation.backtest_figures import defined
from backtests.evaluation.policy_risk import extremes
from backtests.sheets.parts import FilledTemplate, Folded, Part, Words
from backtests.sheets.pictures.comparison.stress import downside_picture
from backtests.sheets.sections.first_screen import first_screen
from backtests.sheets.sections.holdings_stress import ASSUMED
from backtests.sheets.tables import Block, looks_of, table
from backtests.sheets.terms import SHORTLY
from foundation.paper.wording import counted, listed, number
from research.orders import TradeList
from research.orders.before_after_table import columns_of_words
from research.orders.content import DISCLAIMER

DECISIVE = (  # rows that a committee decides by
    "limits", "expected", "gain", "better", "cost", "tracking_error", "growth", "volatility", "max_drawdown",
    "trading_days", "trades",
)  # fmt: skip
ABOUT = {  # what a kind of policy is, where its rule does not say so
    "TunedThreshold": "chosen on days before the test",
    "NoTradeRegion": "by a formula from costs and risk",
    "Universal": "by a network trained once, on simulated markets",
    "Learned": "by a network trained on days before the test",
}
MOST_POLICIES = 8  # policies beside one another: what a sheet of paper holds
WORST_SHOWN = 4  # markets of each kind
ORDERS_SHOWN = 20  # what a sheet of paper holds beside their effect
ORDER_WORDS = ("asset", "side", "reason")  # columns of orders that are words


def policies_parts(comparison: Comparison) -> list[Part]:
    """The policies that matter by what a committee decides by, and why the others are not among them."""
    screen, made, scores = first_screen(comparison), comparison.recommendation, comparison.scores
    named = (made.policy, made.base, comparison.reference, *made.as_good)
    kept = list(dict.fromkeys(name for name in named if name and name in scores))[:MOST_POLICIES]
    places = [k for k, column in enumerate(screen["columns"]) if column["name"] in kept]
    by_key = {row["key"]: row for group in screen["groups"] for row in group["rows"]}
    grown = defined(["growth"], scores)[0].key
    keys = (grown if key == "growth" else key for key in DECISIVE)
    found = [by_key[key] for key in keys if key in by_key]  # expected losses are of candidates alone
    rows = [
        row
        | {
            "cells": [row["cells"][k] | {"below": row["cells"][k]["below"][:1]} for k in places],  # no dates
            "said": SHORTLY.get(row["key"]),
        }
        for row in found
    ]
    kinds = {name: type(policy).__name__ for name, policy in comparison.portfolio.policies.items()}
    columns = [column | {"about": ABOUT.get(kinds.get(column["name"], ""))} for column in screen["columns"]]
    shown = {
        "columns": [columns[k] for k in places],
        "groups": [{"name": "", "rows": rows}],
        "words": screen["interval_words"],
    }
    return [FilledTemplate("policies.html.j2", shown), *_not_shown(comparison, kept)]


def _not_shown(comparison: Comparison, shown: Sequence[str]) -> list[Part]:
    """A line on the policies that the table leaves out."""
    made, unit = comparison.recommendation, comparison.portfolio.basis
    why = {name: listed(limits) for name, limits in made.broken.items()}
    for name in made.others:
        more = made.candidates[name].loss - made.candidates[made.policy or name].loss
        why[name] = f"expected to lose {number(more, 0)} {unit} a year more than {made.policy}"
    left = [f"{name} ({why[name]})" for name in comparison.scores if name not in shown]
    return (
        [Words(f"Not in this table: {'; '.join(left)}. The appendix has every figure of every policy.")] if left else []
    )


# -- risk and stress -------------------------------------------------------------------------------------------------


def downside_parts(comparison: Comparison, trades: TradeList | None) -> list[Part]:
    """Today's risk before and after the trades, and the picture of the worst markets."""
    words = (
        "The worst stretches of the past, the worst day, month, year and fall of the test, and shocks that are "
        f"assumed to follow the last close, before any trade. {ASSUMED}"
    )
    caption = (
        "Expected risk of today's holdings before and after the orders, by the returns of recent years. Exact step: "
        "the orders before they are rounded to whole lots. VaR: the loss that 5 % of those returns exceed; CVaR: the "
        "mean of such losses; beta: the move for a move of 1 % of the benchmark; NAV: net asset value."
    )
    today = [] if trades is None else [_effect(caption, trades, holdings=False)]
    return [*today, Words(words, "intro"), downside_picture(downside(comparison), looks_of(comparison).styles)]


def downside(comparison: Comparison) -> pd.DataFrame:
    """Returns of the recommended policy and of today's, or of the reference, in the worst markets; fraction.

    Rows : kind and name of a market, the worst of a kind first. Columns : the policies.
    """
    made, stress = comparison.recommendation, comparison.stress
    named = (made.policy, made.base or comparison.reference)
    names = list(dict.fromkeys(name for name in named if name and name in comparison.scores))
    kinds: dict[str, dict[str, dict[str, float]]] = {
        "stress of the past": {
            one.episode.name: {name: found.total_return for name, found in one.figures.items()}
            for one in stress.episodes
        },
        "worst of the test": _worst(comparison, names),
        "shock assumed today": {
            one.moved.name: {name: after.effect.total for name, after in one.policies.items()} for one in stress.shocks
        },
    }
    tables = {kind: pd.DataFrame(rows, names).T.dropna(how="all") for kind, rows in kinds.items()}
    worst = {kind: each.loc[each.min(axis=1).sort_values().index[:WORST_SHOWN]] for kind, each in tables.items()}
    return pd.concat({kind: each for kind, each in worst.items() if len(each)}, names=["kind", "market"])


def _worst(comparison: Comparison, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The maximum drawdown and the worst day, month and year of each policy."""
    found = {
        name: extremes(comparison.backtests[name].dates.to_numpy(), comparison.backtests[name].net_returns)
        for name in names
    }
    worst = {
        f"worst {length}": {name: each[length].worst.value for name, each in found.items()}
        for length in ("day", "month", "year")
    }
    return {"maximum drawdown": {name: comparison.scores[name]["max_drawdown"] for name in names}} | worst


# -- the trades ------------------------------------------------------------------------------------------------------


def trades_parts(comparison: Comparison, trades: TradeList | None) -> list[Part]:
    """The largest orders and their effect, and folded the whole list; nothing without a list."""
    if trades is None:
        return []
    heads, cells = trades.order_cells()
    largest = set(trades.orders["notional"].nlargest(ORDERS_SHOWN).index) if cells else set()
    shown = [row for k, row in enumerate(cells) if k in largest]
    which = (
        "Orders to send" if len(shown) == len(cells) else f"The {len(shown)} largest of {counted(len(cells), 'order')}"
    )
    texts = [k for k, (words, _) in enumerate(heads) if words in ORDER_WORDS]
    return [
        Words(orders_words(comparison.recommendation, trades), ""),
        *(Words(f"{sentence}.", "") for sentence in trades.outside),
        *([table(f"{which}, sells first, at {trades.content.prices}", heads, shown, texts=texts)] if cells else []),
        _effect(
            "The portfolio before and after the orders; exact step: before they are rounded to whole lots",
            trades,
            risks=False,
        ),
        Folded(
            "The whole list: orders, what is held and why, cash, prices and their origin",
            [FilledTemplate("trade_list.html.j2", trades.html())],
        ),
        Words(DISCLAIMER),
    ]


def _effect(caption: str, trades: TradeList, **rows: Any) -> Block:
    """The table of the portfolio before and after the trades.  rows : which ones, as `columns_of_words` takes them."""
    columns = columns_of_words(trades.before_after, **rows)
    names, units, *moments = (column.cells for column in columns)
    titles = [f"{name}, {unit}" if unit else name for name, unit in zip(names, units, strict=True)]
    return table(caption, ["figure", *(column.title for column in columns[2:])], zip(titles, *moments, strict=True))
