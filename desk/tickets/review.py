"""A review of a portfolio without orders: drift, ranges, distance of each asset from a trade, and trades due today.

The same trade list is behind it; nothing of a review is to be sent.
"""

import math
from collections.abc import Mapping
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from foundation.blocks import Column, html_table, text_rows, with_minus
from foundation.dataclasses import dataclass
from foundation.tolerances import TRIGGER
from research.orders import page
from research.orders.before_after_table import columns_of_words, notes_of
from research.orders.reasons import LEAST_GAP
from research.orders.trade_lists import TradeList
from research.rules.bands_today import bands_today

DUE = ("asset", "account", "side", "units", "notional", "cost", "reason")  # columns of what would trade
REVIEW_MOMENTS = ("before", "after")


@dataclass(frozen=True, eq=False)
class Review:
    """The state of a portfolio at its last close.

    listed : the trade list of the policy.
    """

    listed: TradeList

    @cached_property
    def lines(self) -> pd.DataFrame:
        """A row an asset and one of cash: weight, target, gap, range, and the weights past which the policy trades it.

        weight, target, gap, lower, upper : weights, fraction of NAV; the last two are the range of the file.
        outside_range : distance from the range, fraction of NAV, below zero under it, 0 within; NaN for cash.
        trades_below, trades_above : weights past which the policy trades the asset today, fraction of NAV; NaN where it
                        has no band.
        to_trade      : distance of the weight from the nearer of them, fraction of NAV, below zero past it.
        """
        listed, portfolio = self.listed, self.listed.portfolio
        position, none = listed.sized.position, [np.nan]
        weights, target = (np.append(x, 1.0 - x.sum()) for x in (position.weights, listed.target))
        lower, upper = np.append(portfolio.lower, none), np.append(portfolio.upper, none)
        bands = bands_today(
            listed.decides, portfolio.market, portfolio.costs, portfolio.strategic, portfolio.sessions_since_trade
        )
        below, above = np.append(bands[0], none), np.append(bands[1], none)
        within = (weights >= lower - TRIGGER) & (weights <= upper + TRIGGER)
        outside = np.where(weights > upper, weights - upper, weights - lower)
        return pd.DataFrame(
            {
                "asset": [*portfolio.market.assets, "cash"],
                "weight": weights,
                "target": np.round(target, 12) + 0.0,
                "gap": weights - target,
                "lower": lower,
                "upper": upper,
                "outside_range": np.where(within, 0.0, outside),
                "trades_below": below,
                "trades_above": above,
                "to_trade": np.fmin(weights - below, above - weights),
            }
        )

    @property
    def due(self) -> pd.DataFrame:
        """The orders that the policy asks for today, or, when it holds, the orders of a trade to target."""
        return self.listed.would_trade if self.listed.holds else self.listed.orders

    @property
    def headline(self) -> str:
        """A sentence that says whether the policy would trade today, and why."""
        what = "Holds" if self.listed.holds else "Would trade"
        sendable = "" if self.listed.holds or len(self.listed.orders) else "; no order can be sent"
        return f"{what} today: {self.listed.reason}{sendable}."

    @property
    def outside(self) -> list[str]:
        """A sentence for each asset that is outside its range, the furthest first."""
        return [f"{line.sentence}." for line in self.listed.before_after.outside("before")]

    # -- pages -----------------------------------------------------------------------------------------------------

    @property
    def _tables(self) -> dict[str, tuple[str, list[Column]]]:
        """The caption and the columns of each table, by css class."""
        listed, found, prices = self.listed, self.listed.before_after, self.listed.content.prices
        name = "would_trade" if listed.holds else "orders"
        what = "A trade to target today" if listed.holds else "The trade that is due today"
        tables = {"lines": (f"Assets, at {prices}", self._line_columns())}
        if len(self.due):
            due = [column for column in page.columns(listed.content, name) if column.title in DUE]
            tables[name.replace("_", "-")] = (f"{what} would be", due)
        moments = REVIEW_MOMENTS if len(self.due) else REVIEW_MOMENTS[:1]
        caption = f"Before, and after {what[0].lower()}{what[1:]}" if len(self.due) else f"Figures at {prices}"
        return tables | {"before-after": (caption, columns_of_words(found, moments))}

    def _line_columns(self) -> list[Column]:
        rows = self.lines.to_dict("records")
        columns = [
            Column("asset", "", [row["asset"] for row in rows], words=True),
            *(Column(key, "%", [_points(row[key]) for row in rows]) for key in ("weight", "target")),
            Column("gap", "points", [_points(row["gap"], sign=True) for row in rows]),
            Column("range", "%", [_range(row["lower"], row["upper"]) for row in rows]),
            Column("trades at", "points", [_band(row) for row in rows]),
            Column("to trade", "points", [_points(row["to_trade"]) for row in rows]),
        ]
        return [column for column in columns if any(column.cells)]

    def html(self) -> str:
        """The review as `section.trade-list.review`, with `table.lines`; no style."""
        blocks = [f'<p class="headline">{escape(self.headline)}</p>']
        blocks += [f'<p class="outside">{escape(sentence)}</p>' for sentence in self.outside]
        blocks += [html_table(css, caption, columns) for css, (caption, columns) in self._tables.items()]
        blocks += [f'<p class="note">{escape(note)}</p>' for note in self._notes]
        return with_minus('<section class="trade-list review">\n' + "\n".join(blocks) + "\n</section>\n")

    def _repr_html_(self) -> str:
        """The same block with a style of its own."""
        return page.styled(self.html())

    def __repr__(self) -> str:
        """The review as text."""
        portfolio = self.listed.portfolio
        date = self.listed.provenance["as_of"]
        lines = [f"Review of {portfolio.name!r} under policy {self.listed.policy!r}, as of {date}", self.headline]
        lines += self.outside
        for caption, columns in self._tables.values():
            title, unit, *rows = text_rows(columns)
            lines += ["", caption, title, *([unit] if unit.strip() else []), *rows]
        return with_minus("\n".join([*lines, "", *self._notes]))

    @property
    def _notes(self) -> list[str]:
        return [
            *notes_of(self.listed.before_after),
            "No orders: nothing of this review is to be sent.",
            page.trace(self.listed.content),
        ]


def _points(fraction: float, *, sign: bool = False) -> str:
    if math.isnan(fraction):
        return ""
    points = round(100.0 * fraction, 2) + 0.0
    return f"{points:+.2f}" if sign and points else f"{points:.2f}"


def _range(lower: float, upper: float) -> str:
    return "" if math.isnan(lower) else f"{100.0 * lower:.2f} to {100.0 * upper:.2f}"


def _band(row: Mapping[Any, Any]) -> str:
    """The gaps past which an asset trades: "±3.00", "−2.50 +3.00", or the one that there is."""
    below, above = row["trades_below"] - row["target"], row["trades_above"] - row["target"]
    if abs(below + above) < LEAST_GAP:
        return f"±{_points(above)}"
    return " ".join(_points(gap, sign=True) for gap in (below, above) if not math.isnan(gap))
