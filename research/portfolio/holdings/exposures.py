"""The part of each asset that counts in an asset class or a sector: all of it, or fractions of a fund that is split."""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Annotated, Any

import numpy as np
from pydantic import Discriminator, Field, Tag

from foundation.arrays import Array
from research.portfolio.file.document import Document
from research.portfolio.file.kinds import Name, record
from research.portfolio.file.strict_yaml import KeyPath

CLASSES = ("asset_class", "sector")
TOTAL = "total"  # key of what the fractions sum to, where that is not one
LARGEST_FRACTION = 10.0  # of a fraction: a fund of ten times its value
SUM = 1e-6  # by how much fractions may miss their sum: files give six digits

Part = Annotated[
    float, Field(ge=-LARGEST_FRACTION, le=LARGEST_FRACTION, description="A fraction of the asset's value.")
]
Parts = Annotated[Mapping[Name, Part], Field(min_length=1)]
Split = Mapping[str, Mapping[str, float]]  # by asset class or sector: name -> fraction of the asset's value


@record
class ExposureKeys:
    """A split over asset classes, over sectors, or both."""

    asset_class: Parts | None = None
    sector: Parts | None = None


Exposures = Annotated[
    Annotated[Parts, Tag(" parts")] | Annotated[ExposureKeys, Tag(" by")],
    Discriminator(lambda stated: " by" if isinstance(stated, dict) and set(stated) & set(CLASSES) else " parts"),
]


def read_exposures(document: Document, path: KeyPath) -> Split:
    """The `exposures` of an asset: {equity: 0.6, bonds: 0.4} of asset classes, {sector: {…}} of sectors, or both.

    Both are written {asset_class: {…}, sector: {…}}. A leveraged fund states `total`:
    {equity: 0.9, bonds: 0.6, total: 1.5}.

    path   : path of the asset.
    Raises : ConfigError for a name or number that is wrong, and for fractions that do not sum to one or their total.
    """
    path = (*path, "exposures")
    if not document.has(*path):
        return {}
    stated = document.mapping(*path)
    if not set(stated) & set(CLASSES):
        return {CLASSES[0]: _fractions(document, path)}
    return {by: _fractions(document, (*path, by)) for by in stated}


def exposure_settings(split: Split) -> dict[str, Any]:
    """A split as its asset states it, with its total where that is not one."""
    sums = {by: fsum(parts.values()) for by, parts in split.items()}
    return {by: dict(parts) | ({TOTAL: sums[by]} if abs(sums[by] - 1.0) > SUM else {}) for by, parts in split.items()}


def group_exposures(
    assets: Sequence[str], own: Sequence[str], splits: Mapping[str, Split], by: str
) -> dict[str, Array]:
    """For each group, (n,) the fraction of each asset's value that counts in it; in the order of their first asset.

    assets : n names.
    own    : (n,) the group of each asset that is not split.
    splits : by asset, fractions of those that are split.
    by     : "asset_class" or "sector", by which they may be; nothing is split by another column.
    """
    found: dict[str, Array] = {}
    for i, (asset, name) in enumerate(zip(assets, own, strict=True)):
        for group, part in splits.get(asset, {}).get(by, {name: 1.0}).items():
            found.setdefault(group, np.zeros(len(own)))[i] = part
    return found


def _fractions(document: Document, path: KeyPath) -> dict[str, float]:
    names = [name for name in document.mapping(*path) if name != TOTAL]
    found = {name: float(document.value(*path, name)) for name in names}
    if not names:
        what = "split over nothing"
        document.refuse(path, what, document.mapping(*path), "Name what the asset counts in, such as {equity: 0.6, …}.")
    total = float(document.value(*path, TOTAL, default=1.0))
    if abs(fsum(found.values()) - total) > SUM:
        what = f"fractions that sum to {fsum(found.values()):.6g}, not to {total:g}"
        document.refuse(path, what, found, f"Mend them, or say their sum with `{TOTAL}:` beside them.")
    return found
