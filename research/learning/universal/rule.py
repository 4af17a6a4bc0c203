"""The universal policy: near-optimal bands for any portfolio from one network that is trained once.

It receives a portfolio's target, covariance, costs and tracking penalty, and was trained on random markets only
(`training`): there is no date before which it may not decide.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from foundation.arguments import check_positive, refuse
from foundation.arrays import Array, Mask, Rows, frozen
from foundation.dataclasses import dataclass, field
from foundation.errors import DataError
from foundation.files import DATA
from foundation.tolerances import TARGET_TOLERANCE
from research.allocation import Allocation
from research.learning.card_shape import UNIVERSAL_FORMAT, check_card
from research.learning.checksummed import read_checksummed
from research.risk.measures import TRACKING_PENALTY
from research.rules.bands import or_narrowest
from research.rules.networks.arrays import UNIVERSAL_NETWORK, NetworkBoxes
from research.rules.networks.equivariant import (
    MOVING,
    STANDING,
    Equivariant,
    Lines,
    answers,
    arrays_of,
    lines_of,
    widest,
)
from research.rules.networks.features import ACTION_REACH, FeatureScaling
from research.rules.no_trade_region import Block, blocks, half_widths
from research.rules.protocol import Schedule
from research.rules.risk_rules import RiskRule
from research.rules.rule_options import NETWORK, RuleOptions
from research.rules.standard_rule import Estimates, checked

FOLDER = DATA / "policies" / "universal"
RESTORE_FOLDER = "Restore the folder from the repository, or make it again with `python -m desk.cli.maintain train`."
DRIFT, WIDTH = STANDING.index("drift between decisions"), STANDING.index("half-width over target")


class Trained(NamedTuple):
    """The network, the scaling of its features, and its model card."""

    net: Equivariant
    standard: FeatureScaling
    card: Mapping[str, Any]

    def widths(
        self, target: Array, weights: Array, covariance: Array, cost: Array, tracking_penalty: float, interval: float
    ) -> Array:
        """(n,) half-widths of the assets' boxes, fraction of NAV.

        Zero where trading is free or nothing drifts; an asset without variance or target has the narrowest of the
        others.
        target     : (n,) fraction of NAV.
        weights    : (n,) fraction of NAV.
        covariance : (n, n) a year, zeros for an asset of unknown risk.
        cost       : (n,) a side, fraction of the notional.
        tracking_penalty : price of squared tracking error.
        interval   : years between two decisions.
        """
        held, widths, seen = _seen(target[None], covariance[None], cost[None], tracking_penalty, interval)
        for block, found in seen:
            action = np.empty((1, len(block.lines)))
            answers(self.net, self.standard, Lines(*(one[0] for one in found)), weights[None, block.lines], action)
            widths[block] *= ACTION_REACH**action
        return np.where(held, widths, or_narrowest(widths))[0]


def _seen(
    target: Array, covariance: Array, cost: Array, tracking_penalty: float, interval: float
) -> tuple[Mask, Array, list[tuple[Block, Lines]]]:
    """The input of the network, of K rows.

    Returns : (K, n) assets that are held and of known risk; (K, n) closed-form half-widths, fraction of NAV; and the
              portfolios of the assets given to the network, with their rows.
    """
    held, widths = (covariance.diagonal(axis1=1, axis2=2) > 0.0) & (target != 0.0), np.zeros(target.shape)
    for block in blocks(held):
        own = block.of(target), block.among(covariance), block.of(cost)
        widths[block] = np.maximum(half_widths(*own, tracking_penalty), 0.0)  # rounding
    found = [
        (one, lines_of(one.of(target), one.of(widths), one.among(covariance), one.of(cost), interval))
        for one in blocks(held & (widths > TARGET_TOLERANCE))
    ]
    return held, widths, found


@dataclass(frozen=True)
class Universal(RiskRule):
    """Bands round each target weight, as wide as the universal network has them for the weights of the day.

    Costs are each asset's commission and half-spread as known with the covariance. An asset without a full window has
    the narrowest box of the others. Trading cash is free; its box takes what the assets' boxes leave.
    allocation : allocation that gives the target.
    tracking_penalty : price of squared tracking error.
    schedule   : schedule on which it is asked; boxes are made for that interval. None leaves it open: every close, or
                 in a portfolio the one that is best in training.
    returns, periods_per_year, covariance : settings of its risk estimate, as in `NoTradeRegion`.
    Raises     : ConfigError for a setting out of range, and for a turnover cap.
    """

    allocation: Allocation
    tracking_penalty: float = TRACKING_PENALTY
    schedule: Schedule | None = field(default=None, kw_only=True)  # type: ignore[assignment]
    family: ClassVar[str] = "learned"  # type: ignore[misc]
    trigger: ClassVar[str] = "learned"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"tracking_penalty of Universal": self.tracking_penalty})
        self._check()
        if self.turnover_cap is not None:
            refuse("turnover_cap of Universal is", self.turnover_cap, "leave it out: its network knows of none.")

    @property
    def does(self) -> str:
        """The rule in a few words."""
        return f"past the universal policy's band, to its edge{checked(self)}"

    def options(self, estimates: Estimates) -> RuleOptions:
        """The options of the rule, with the network and its inputs in each row."""
        net, standard, _ = trained()
        count, n = estimates.target.shape
        given = estimates.target, estimates.covariance, estimates.rates_then
        held, closed, seen = _seen(*given, self.tracking_penalty, self.interval)
        lines = Lines(
            np.zeros((count, n)), np.ones((count, n)), np.zeros((count, n, n)), np.zeros((count, n)),
            np.zeros((count, n, len(STANDING))),
        )  # fmt: skip
        line, found = np.zeros((count, n), np.int64), np.zeros(count, np.int64)
        for block, own in seen:
            rows, m = block.rows[:, 0], len(block.lines)
            found[rows], line[rows, :m] = m, block.lines
            for into, values in zip(lines, own, strict=True):
                place: tuple[Rows | slice, ...] = (rows, *map(slice, values.shape[1:]))
                into[place] = values
        network = NetworkBoxes(
            whose=UNIVERSAL_NETWORK, width=max(len(standard.mean), widest(net)), standard=standard, net=net,
            lines=Lines(*map(frozen, lines)), line=frozen(line), size=frozen(found),
            width_of=frozen(np.where(held, closed, -1.0)),
        )  # fmt: skip
        return super().options(estimates)._replace(some=True, makes_boxes=True, goal=NETWORK, network=network)


def met_properties(boxes: NetworkBoxes) -> Array:
    """(K, 3) the properties of each row's portfolio by which training draws its markets; NaN where there is none.

    boxes   : network and its inputs, of K rows.
    Returns : the drift of a gap between decisions over the half-width, and the half-width over target, both geometric
              means over assets; the number of assets.
    """
    found = np.full((len(boxes.size), 3), np.nan)
    for k in np.flatnonzero(boxes.size):
        own = boxes.lines.standing[k, : boxes.size[k]]
        found[k] = *np.exp(own[:, [DRIFT, WIDTH]].mean(axis=0)), len(own)
    return found


@cache
def trained() -> Trained:
    """The network that is shipped with the workbench."""
    return load(FOLDER)


def load(folder: str | Path) -> Trained:
    """The network in `folder`.

    Raises : DataError for a file that is missing, damaged, or of another format.
    """
    card, arrays = read_checksummed(Path(folder), RESTORE_FOLDER, UNIVERSAL_FORMAT)
    try:
        check_card(card)
    except ValueError as error:
        raise DataError(f"{folder} holds no valid network: {error}. {RESTORE_FOLDER}") from error
    seen, units = len(MOVING) + len(STANDING), card["settings"]["hidden"]
    square, row = (units, units), (units,)
    own = ((seen, units), row, square, row, square, square, square, row, (units, 1), (1,))
    shapes = dict(zip(Equivariant._fields, own, strict=True)) | {"feature_mean": (seen,), "feature_deviation": (seen,)}
    for name, shape in shapes.items():
        found = arrays.get(name)
        if found is None or found.shape != shape or not np.isfinite(found).all():
            what = None if found is None else found.shape
            raise DataError(
                f"{name} in {folder} has the shape {what}, expected {shape} finite numbers. {RESTORE_FOLDER}"
            )
    standard = FeatureScaling(frozen(arrays["feature_mean"]), frozen(arrays["feature_deviation"]))
    return Trained(arrays_of(arrays), standard, card)
