"""Parts of a past: to train on, to stop the training by, and to judge the result, with gaps between them.

A sample's outcome reaches `horizon` sessions past its day. It must be complete, and an embargo over, before the first
day of the part that follows, or the two would share returns (López de Prado 2018, Advances in Financial Machine
Learning, sections 7.4.1 and 7.4.2).
"""

from dataclasses import dataclass

import numpy as np

from foundation.arrays import Mask, Rows

SHARE = 4  # each of the two parts held back is at most one of so many of the days
FEWEST = 4  # blocks of days by which what was trained is judged


@dataclass(frozen=True)
class Parts:
    """(N,) each, of N samples: those to train on, to stop by, and to judge by; others are in none."""

    train: Mask
    stop: Mask
    judge: Mask


def held(horizon: int, embargo: int, step: int) -> int:
    """Fewest days of a part that is held back: for its blocks, and beyond its gap."""
    return max(FEWEST * (horizon + step), horizon + embargo + step)


def split(rows: Rows, holdout: int, horizon: int, embargo: int) -> Parts:
    """The last days judge, those before them stop the training, those before these are trained on.

    rows    : (N,) row of the market of each sample, not decreasing; the last outcome is known.
    holdout : most days of each of the parts held back; fewer where these are a quarter of all.
    horizon : sessions of an outcome.
    embargo : sessions after an outcome that the next part does not begin in.
    """
    last, gap = int(rows[-1]) + 1, horizon + embargo
    days = min(holdout, (last - int(rows[0])) // SHARE)
    judge, stop = last - days, last - 2 * days
    return Parts(rows + gap < stop, (rows >= stop) & (rows + gap < judge), np.asarray(rows >= judge))
