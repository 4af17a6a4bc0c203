"""A network as a model that is fitted. torch is loaded where a network is fitted or asked, not here."""

from pathlib import Path
from typing import TYPE_CHECKING

from foundation.dataclasses import dataclass
from research.forecast.neural.settings import NetworkSettings
from research.market import Past

if TYPE_CHECKING:
    from research.forecast.neural.fitted import FittedNetwork


@dataclass(frozen=True)
class Network(NetworkSettings):
    """Forecasts by a network that learns quantiles of all assets' returns, with the settings of `NetworkSettings`."""

    def fit(self, past: Past, kept_in: str | Path | None = None) -> "FittedNetwork":
        """The parameters that are learned from the past alone.

        kept_in : folder in which each epoch is kept: training that was interrupted goes on from there, to the same
                  bits on a CPU, and what is trained already is read.
        Raises  : DataError for a past too short for window, history and steps, for a covariate that is not a finite
                  number, and for a training that does not converge; ConfigError while another thread of this
                  process trains.
        """
        from research.forecast.neural.fitted import fit_network

        return fit_network(self, past, kept_in)
