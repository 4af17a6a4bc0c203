"""The tilt of a target by a forecast, asset by asset: columns of a table, and numbers."""

from collections.abc import Collection
from typing import Any

import numpy as np

from backtests.sheets.tables import Block, table
from foundation.blocks import Column
from foundation.paper.wording import listed, number
from research.allocation import Tilt

COVARIANCE = (
    "Of two equal views, the asset with less risk, or that hedges large views, moves more: the covariance counts."
)
NO_TILT = "no view, so the weight stays: the forecast lacks a full window of returns or a score, or it is not listed."
TILT = "Tilt by the forecast: returns a year, and weights of NAV without and with it"


def tilt_words(tilt: Tilt) -> tuple[str, ...]:
    """The sentences of a tilt, why a small view may move much, and why an asset has no view."""
    said, none = tilt.sentences(), [asset for asset, of in zip(tilt.assets, tilt.view, strict=True) if np.isnan(of)]
    return (*said, *([COVARIANCE] if tilt.moved.any() else []), *([f"{listed(none)}: {NO_TILT}"] if none else []))


def tilt_columns(tilt: Tilt, assets: Collection[str] = ()) -> list[Column]:
    """A row an asset: what the forecast and the mean so far expect, the view beyond it, and what moved.

    assets : names of the assets that have a row; () for all.
    """
    rows = tilt.table()
    rows = rows[rows.index.isin(assets)] if assets else rows
    changes = ("view", "moved")
    cells = {
        name: ["none" if np.isnan(of) else number(100.0 * of, 1, signed=name in changes) for of in rows[name].tolist()]
        for name in rows
    }
    return [Column("asset", "", list(rows.index), True), *(Column(str(name), "%", of) for name, of in cells.items())]


def tilt_table(caption: str, tilt: Tilt) -> Block:
    """The columns as a table of a page."""
    columns = tilt_columns(tilt)
    heads = [(column.title, column.unit) for column in columns]
    return table(caption, heads, zip(*(column.cells for column in columns), strict=True), texts=[0])


def tilt_numbers(tilt: Tilt) -> dict[str, Any]:
    """The tilt as plain values: fractions, and NaN for what is not known."""
    record = tilt.record
    return {
        "confidence": tilt.confidence,
        "earned": None if record is None else vars(record),
        "budget": tilt.budget,
        "tracking_error": tilt.tracking_error,
        "binding": [one.limit for one in tilt.binding],
        "lines": tilt.table().reset_index().to_dict("records"),
    }
