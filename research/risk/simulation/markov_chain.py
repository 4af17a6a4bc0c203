"""Markov chains of a few states: the conditions of a transition matrix, and its stationary probabilities."""

import numpy as np

from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.tolerances import PROBABILITY


def stationary(transition: Array) -> Array:
    """(k,) stationary probability of each state: shares = shares·transition.

    transition : (k, k) probability of the state in the column on the day after that in the row.
    Source     : Hamilton (1994), Time Series Analysis, equation 22.2.26.

    >>> stationary(np.array([[0.9, 0.1], [0.3, 0.7]])).round(12).tolist()
    [0.75, 0.25]
    """
    count = len(transition)
    equations = np.vstack([np.eye(count) - transition.T, np.ones(count)])
    found = np.linalg.lstsq(equations, np.append(np.zeros(count), 1.0))[0]
    return np.maximum(found, 0.0) / np.maximum(found, 0.0).sum()


def check_transition(where: str, transition: Array) -> None:
    """Raise ConfigError for rows that are no probabilities, and for a chain with several stationary distributions.

    where      : beginning of the sentence, such as "transition of RegimeSwitching".
    transition : (k, k).
    """
    if (transition < 0.0).any():
        k, m = (int(i) for i in np.argwhere(transition < 0.0)[0])
        raise ConfigError(f"{where} from regime {k} to {m} is {transition[k, m]:.6g}: a probability is zero or more.")
    off = np.abs(transition.sum(axis=1) - 1.0)
    if (off > PROBABILITY).any():
        k = int(np.argmax(off))
        raise ConfigError(
            f"{where} from regime {k} has probabilities that sum to {transition[k].sum():.10g}: they sum to one, that "
            "of staying included."
        )
    count = len(transition)
    reaches = np.linalg.matrix_power((transition > 0.0) | np.eye(count, dtype=bool), count)
    recurrent = np.flatnonzero((reaches <= reaches.T).all(axis=1))  # those to which every regime reached leads back
    apart = recurrent[~reaches[recurrent[0], recurrent]]
    if len(apart):
        raise ConfigError(
            f"{where} never leads from regime {recurrent[0]} to regime {apart[0]} or back: the regime of the first "
            "day has no single stationary distribution. Give both ways a probability above zero, or simulate the two "
            "apart."
        )
