"""The effect of our own trade on the price."""

import numpy as np

from foundation.arguments import floats, is_number, is_whole, refuse
from foundation.dataclasses import dataclass
from foundation.labels import refuse_labels


@dataclass(frozen=True)
class Impact:
    """Market impact of our own trade: cost = coefficient x volatility x notional x (notional / volume)^(p - 1).

    coefficient : factor without unit, about 1; one for all assets, or one an asset.
    exponent : p, more than 1; 1.5 is the 3/2-power law.
    volume_window, volatility_window : sessions of the trailing means that volume (currency a day) and volatility (a
    day) are taken from, up to and including the day of the trade.
    Source : Grinold and Kahn (2000), Active Portfolio Management, chapter 16; Boyd et al. (2017), Multi-Period Trading
    via Convex Optimization, equation 2.2.
    """

    coefficient: float | tuple[float, ...] = 1.0
    exponent: float = 1.5
    volume_window: int = 21
    volatility_window: int = 63

    def __post_init__(self) -> None:
        """Check the numbers."""
        subject, fix = "coefficient of impact is", "give a number that is at least 0, or one an asset."
        refuse_labels(subject, self.coefficient)
        each = floats(subject, self.coefficient, fix)
        if each.ndim > 1 or not (np.isfinite(each) & (each >= 0.0)).all():
            refuse(subject, self.coefficient, fix)
        object.__setattr__(self, "coefficient", tuple(each.tolist()) if each.ndim else float(each))
        if not (is_number(self.exponent) and 1.0 < self.exponent <= 3.0):
            refuse("exponent of impact is", self.exponent, "it is more than 1 and at most 3.")
        for name, least in (("volume_window", 1), ("volatility_window", 2)):
            window = getattr(self, name)
            if not (is_whole(window) and window >= least):
                refuse(f"{name} of impact is", window, f"give a whole number of sessions, {least} at least.")

    def on_price(self, notional: float, volume: float, volatility: float) -> float:
        """The move of the price by a trade with one coefficient, fraction: its cost over its notional.

        notional, volume : currency, and currency a day.
        volatility       : fraction a day.

        >>> round(Impact(coefficient=1.0).on_price(10_000.0, 1_000_000.0, 0.02), 12)  # 2 % x a tenth
        0.002
        """
        coefficient = float(np.ravel(self.coefficient)[0])
        return float(coefficient * volatility * (notional / volume) ** (self.exponent - 1.0))
