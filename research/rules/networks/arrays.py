"""The arrays with which a network makes the boxes of a rule on one market; and its scratch."""

from typing import Any, NamedTuple

import numpy as np

from foundation.arrays import Array, Floats, Rows, frozen
from research.rules.networks.actions import DecodedActions
from research.rules.networks.equivariant import Equivariant, Lines
from research.rules.networks.features import FeatureScaling, Scales
from research.rules.networks.policy_network import Network

NO_NETWORK, POLICY_NETWORK, UNIVERSAL_NETWORK = range(3)  # whose network it is
NETWORK_ROWS = 8  # of scratch beside a row an asset: more than either network needs


def _none(*shape: int, kind: type = float) -> Any:
    return frozen(np.empty(shape, kind))


_NO_NET = Equivariant(*(_none(*[0] * axes) for axes in (2, 1, 2, 1, 2, 2, 2, 1, 2, 1)))


class NetworkBoxes(NamedTuple):
    """A network that makes boxes from the weights of the day, and its other inputs.

    whose    : NONE, POLICY or UNIVERSAL.
    width    : numbers in a row of its scratch.
    standard : scaling of its features.
    policy   : the network of a learned policy, its targets and half-widths, and the code of its action.
    recent   : (T, kinds) return of each target of `scales` on each day, rebalanced daily at no cost; the last days
               alone where the rule is asked about one day.
    kind     : (K,) row of `scales` in force.
    net      : the universal network, and (K, n, …) the portfolio that it sees: assets in the first `size` places.
    line     : (K, n) column of the asset in each place.
    size     : (K,) number of assets that it sees.
    width_of : (K, n) half-width of an asset that it does not see; negative for one that has the narrowest of the
               others.
    """

    whose: int = NO_NETWORK
    width: int = 0
    standard: FeatureScaling = FeatureScaling(_none(0), _none(0))
    policy: Network = Network(*(_none(0, 0, kind=np.float32), _none(0, kind=np.float32)) * 3, _none(0, kind=np.float32))
    scales: Scales = Scales(_none(0, 0), _none(0, 0), _none(0, 0, 0), 1.0)
    action: int = 0
    recent: Array = _none(0, 0)
    kind: Rows = _none(0, kind=np.int64)
    net: Equivariant = _NO_NET
    lines: Lines = Lines(_none(0, 0), _none(0, 0), _none(0, 0, 0), _none(0, 0), _none(0, 0, 0))
    line: Rows = _none(0, 0, kind=np.int64)
    size: Rows = _none(0, kind=np.int64)
    width_of: Array = _none(0, 0)


class NetworkScratch(NamedTuple):
    """Scratch of a network.

    wide    : (ROWS + n, width) numbers.
    narrow  : (ROWS, width) numbers of single precision.
    kind    : (1,) row of `Scales`.
    decoded : the box of one portfolio.
    """

    wide: Array
    narrow: Floats
    kind: Rows
    decoded: DecodedActions

    @classmethod
    def of(cls, n: int, width: int) -> "NetworkScratch":
        """Empty arrays for n assets and a network of this width."""
        lines = n if width else 0
        wide, narrow = np.empty((NETWORK_ROWS + lines, width)), np.empty((NETWORK_ROWS, width), np.float32)
        return cls(wide, narrow, np.zeros(1, np.int64), DecodedActions.empty(1, lines))
