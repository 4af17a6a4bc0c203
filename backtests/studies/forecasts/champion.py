"""Champion and challengers: the forecast in use, and the test by which another takes its place."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.inference.evidence import holm
from backtests.studies.forecasts.skill import common_forecast_rows, compared
from backtests.studies.forecasts.walk_forward import ForecastPath
from foundation.dataclasses import dataclass
from foundation.paper.wording import listed, number

PROPER_SCORE = "log score"  # strictly proper: it judges mean and deviation together
CHAMPION_SIZE = 0.05  # of the test, after Holm's adjustment over the challengers


@dataclass(frozen=True, eq=False)
class Challenge:
    """The results of a champion and its challengers out of sample.

    champion : the forecast in use.
    winner   : the champion, or the best challenger that is significantly better.
    table    : a row for each forecast: mean loss, difference to the champion with its interval, one-sided p and Holm's
               p.
    dates    : month ends on which all are compared.
    """

    champion: str
    winner: str
    table: pd.DataFrame
    dates: int

    def sentence(self) -> str:
        """The decision in words."""
        if self.winner != self.champion:
            gain, p = (float(self.table[column].loc[self.winner]) for column in ("difference", "p_holm"))
            return (
                f"{self.winner} takes the place of {self.champion}: over {self.dates} dates its log score is better by "
                f"{number(-gain, 3)} (p {number(p, 4)} after Holm)."
            )
        others = [name for name in self.table.index if name != self.champion]
        if not others:
            return f"{self.champion} has no challenger."
        return (
            f"{self.champion} stays in use: over {self.dates} dates the log score of {listed(others)} is not "
            "significantly better."
        )


def challenge(paths: Mapping[str, ForecastPath], champion: str, size: float = CHAMPION_SIZE) -> Challenge:
    """Compare challengers with the champion by Diebold and Mariano's test, one-sided, adjusted for their number.

    paths    : walk-forwards of one market and horizon, by name.
    champion : name of the forecast in use.
    size     : size of the test.
    Raises   : the errors of `compared`.
    """
    table = compared(paths, PROPER_SCORE, champion)
    others = [name for name in table.index if name != champion]
    difference, two_sided = table["difference"], table["p"]
    table["p"] = np.where(difference < 0.0, two_sided / 2.0, 1.0 - two_sided / 2.0)
    table.loc[champion, "p"] = np.nan
    table["p_holm"] = pd.Series(dict(zip(others, holm(table.loc[others, "p"].to_numpy()), strict=True)), dtype=float)
    better = table.loc[others].query("p_holm < @size and difference < 0")
    winner = champion if better.empty else str(better["loss"].idxmin())
    path, rows = paths[champion], common_forecast_rows(paths)
    dates = int(np.isfinite(path.only(np.searchsorted(path.rows, rows)).outcome).any(axis=1).sum())
    return Challenge(champion, winner, table, dates)
