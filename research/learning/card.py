"""What a learned policy says of itself: what it saw, how it was trained, what it was worth there. Plain JSON values."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from research.learning.settings import Learned
from research.learning.state import REACH, SHARED, Standard
from research.learning.training_days import TrainingDays
from research.market.market import Array

if TYPE_CHECKING:
    from research.learning.lesson import Lesson

LIBRARIES = ("numpy", "stable-baselines3", "torch")


def card(
    spec: Learned,
    days: TrainingDays,
    seed: int,
    lesson: "Lesson",
    standard: Standard,
    reward_scale: float,
    references: dict[str, list[float]],
) -> dict[str, Any]:
    """The card of one seed. references : name -> J of another rule for each target, bp of NAV a year."""
    market = days.market
    return {
        "saw": {
            "market": market.name,
            "fingerprint": market.fingerprint,
            "calendar": market.calendar,
            "first": f"{market.dates[0]:%Y-%m-%d}",
            "last": f"{market.dates[-1]:%Y-%m-%d}",
            "sessions": len(market.dates),
        },
        "objective": {
            "g": days.g,
            "periods_per_year": days.periods_per_year,
            "lag": days.lag,
            "costs_bps": days.costs.table(market.assets),
            "reward": "minus the daily terms of J between decisions, times reward_scale",
            "reward_scale": reward_scale,
        },
        "action": f"half-widths of the box: half_width x {REACH:g}^action, action in [-1, 1], cut to [0, 1]",
        "settings": spec.settings(),
        "seed": seed,
        "steps": lesson.steps,
        "features": [
            {"name": name, "mean": float(mean), "deviation": float(deviation)}
            for name, mean, deviation in zip(
                [*SHARED, *(f"drift of {asset}" for asset in market.assets)], *standard, strict=True
            )
        ],
        "long_run_volatility": days.scales.volatility * float(np.sqrt(days.periods_per_year)),
        "targets": [_target(days, k, {"learned": lesson.losses, **references}) for k in range(len(days.share))],
        "curve": [{"steps": steps, "J": loss} for steps, loss in lesson.curve],
        "versions": {library: version(library) for library in LIBRARIES},
    }


def _target(days: TrainingDays, k: int, losses: dict[str, list[float]]) -> dict[str, Any]:
    """What was measured for one set of lines, and J in bp of NAV a year in worlds that hold them."""
    market, scales = days.market, days.scales

    def by_line(values: Array) -> dict[str, float]:
        return {name: float(v) for name, v, w in zip(market.assets, values, scales.target[k], strict=True) if w}

    return {
        "share_of_worlds": float(days.share[k]),
        "first_day": f"{market.dates[days.first_row[k]]:%Y-%m-%d}",
        "days": int(days.stop_row[k] - days.first_row[k]),
        "target": by_line(scales.target[k]),
        "half_width": by_line(scales.half_width[k]),
        "variance": by_line(np.diag(scales.covariance[k])),
        "J": {name: loss[k] for name, loss in losses.items()},
    }
