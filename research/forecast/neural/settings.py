"""The settings of a network that forecasts."""

from itertools import pairwise
from typing import Literal

from foundation.arguments import check_positive, is_number, is_whole, one_of, refuse
from foundation.dataclasses import dataclass

Architecture = Literal["tft"]
ARCHITECTURES: tuple[Architecture, ...] = ("tft",)
DEVICES = ("auto", "cpu")


@dataclass(frozen=True)
class NetworkSettings:
    """A network that learns the quantiles of the log returns of all assets together, several steps ahead.

    A step is `every` sessions, counted back from the last close. What is read of each asset: its log returns, its
    volatility, its momentum, the return of cash, and `facts`; the season is known ahead. The last fifth of the
    past's steps is kept from training: the epoch that forecasts these best is taken.

    architecture  : "tft", the temporal fusion transformer (Lim and others 2021).
    every         : sessions of a step.
    history       : steps that are read.
    steps         : steps that are forecast.
    hidden        : units of a layer.
    dropout       : share of the units that are left out in training, in [0, 1).
    levels        : levels of the quantiles, rising, in pairs round 0.5 and with it.
    facts         : names of numeric facts of the market by date that are read too.
    epochs        : passes over the past, at most.
    patience      : epochs without a better one after which training ends.
    batch         : samples of a step of the optimiser (Adam).
    learning_rate : learning rate of Adam.
    seed          : seed of weights, order and dropout.
    window        : returns that the first fit needs.
    device        : "auto" takes a GPU where there is one; only "cpu" forecasts to the bit the same on each machine.
    Raises        : ConfigError for a value out of its range.
    """

    architecture: Architecture = "tft"
    every: int = 5
    history: int = 26
    steps: int = 4
    hidden: int = 8
    dropout: float = 0.1
    levels: tuple[float, ...] = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    facts: tuple[str, ...] = ()
    epochs: int = 4
    patience: int = 2
    batch: int = 128
    learning_rate: float = 3e-3
    seed: int = 0
    window: int = 1260
    device: Literal["auto", "cpu"] = "auto"

    def __post_init__(self) -> None:
        """Check the settings."""
        one_of("architecture of Network is", self.architecture, ARCHITECTURES)
        one_of("device of Network is", self.device, DEVICES)
        for name, least in LEAST_SETTINGS.items():
            value = getattr(self, name)
            if not is_whole(value) or value < least:
                refuse(f"{name} of Network is", value, f"give a whole number, at least {least}.")
        check_positive(**{"learning_rate of Network": self.learning_rate})
        if not (is_number(self.dropout) and 0.0 <= self.dropout < 1.0):
            refuse("dropout of Network is", self.dropout, "give a share of at least 0 and below 1.")
        for name in ("levels", "facts"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_levels(self.levels)

    @property
    def horizon(self) -> int:
        """Periods of the market that a forecast is about."""
        return self.every * self.steps


LEAST_SETTINGS = {
    "every": 1, "history": 2, "steps": 1, "hidden": 2, "epochs": 1, "patience": 1, "batch": 1, "seed": 0, "window": 2,
}  # fmt: skip


def _check_levels(levels: tuple[float, ...]) -> None:
    """Raise ConfigError unless the levels rise, lie between 0 and 1, and stand in pairs round 0.5, which is one."""
    fine = len(levels) > 2 and all(is_number(level) and 0.0 < level < 1.0 for level in levels) and 0.5 in levels
    pairs = fine and all(abs(a + b - 1.0) < 1e-9 for a, b in zip(levels, levels[::-1], strict=True))
    if not (pairs and all(a < b for a, b in pairwise(levels))):
        refuse("levels of Network are", levels, "give rising levels in pairs round 0.5, such as 0.1, 0.5, 0.9.")
