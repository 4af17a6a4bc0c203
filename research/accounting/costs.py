"""What trading costs, per asset. Each cost keeps its name and its own column in the record."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from research.errors import ConfigError
from research.market.market import Array, frozen

COLUMNS = ("commission", "half_spread")  # the order of the rows in every `charges` array
BPS = 1e-4


@dataclass(frozen=True, eq=False)
class Costs:
    """Proportional costs of a trade, paid on its notional on each side.

    commission, half_spread : (n,) fraction of notional (0.0001 is one basis point).
    Raises : ConfigError for a cost that is negative, not finite, or takes half of the notional or more.
    """

    commission: Array
    half_spread: Array

    def __post_init__(self) -> None:
        """Check the rates and make them read-only."""
        for name in COLUMNS:
            rates = frozen(np.atleast_1d(np.asarray(getattr(self, name), dtype=float)))
            bad = ~((rates >= 0.0) & (rates < 0.5))
            if bad.any():
                raise ConfigError(
                    f"{name} of line {int(np.argmax(bad))} is {rates[bad][0] / BPS:g} bps: a cost is at least 0 and "
                    "less than 5,000 bps. Correct it."
                )
            object.__setattr__(self, name, rates)
        if self.commission.shape != self.half_spread.shape:
            raise ConfigError(
                f"commission has {self.commission.shape[0]} lines and half_spread {self.half_spread.shape[0]}: give "
                "both for the same lines."
            )

    @classmethod
    def bps(cls, n: int, commission: ArrayLike = 0.0, half_spread: ArrayLike = 0.0) -> "Costs":
        """Costs of n lines from basis points, one number for all or one for each line.

        >>> Costs.bps(2, commission=[1, 2]).total.tolist()
        [0.0001, 0.0002]
        """
        return cls(*(np.broadcast_to(np.asarray(c, dtype=float) * BPS, (n,)) for c in (commission, half_spread)))

    @property
    def total(self) -> Array:
        """(n,) marginal cost of a line, fraction of notional a side."""
        return frozen(self.commission + self.half_spread)

    @property
    def columns(self) -> Array:
        """(2, n) the rates in the order of `COLUMNS`, as the kernels take them."""
        return frozen(np.stack([self.commission, self.half_spread]))

    def table(self, assets: tuple[str, ...]) -> Mapping[str, Mapping[str, float]]:
        """Each line's costs in basis points, by name."""
        return {
            asset: {name: float(getattr(self, name)[i]) / BPS for name in COLUMNS} for i, asset in enumerate(assets)
        }
