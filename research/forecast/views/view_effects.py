"""The effect of each view on each mean and each weight: by leaving it out, and averaged over orders of arrival.

- Left out: the answer with all views less that without the one. What two views say together is in both or in none, so
  these do not sum to the whole.
- On average: views arrive one after the other, each moves what those before it left, and its moves are averaged over
  orders of arrival (Shapley 1953, A Value for n-Person Games). Prior plus all averages is the posterior, for means and
  for weights and whatever the optimiser, since each order sums to the whole. A view's place in a file does not matter.
"""

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pandas as pd

from foundation.arrays import Array, MadeAnew, frozen
from foundation.dataclasses import dataclass, fields
from foundation.errors import PolicyError
from research.forecast.moments import Moments
from research.forecast.views.black_litterman import BlackLitterman
from research.forecast.views.posterior import Posterior
from research.market import Past

ALL_ORDERS = 5  # views up to which each order of arrival is taken
SAMPLED = 60  # orders of more views, and as many reversed

Optimiser = Callable[[Moments], Array]


@dataclass(frozen=True, eq=False)
class ViewEffects(MadeAnew):
    """The effects of m views on the means and weights of k assets.

    parts     : the m views, in words.
    posterior : posterior with all of them.
    prior_weights, weights : (k,) weights by an optimiser without and with them, fraction.
    mean_moves, weight_moves : (m, k) moves by each view, averaged over orders of arrival; their sum is posterior less
                               prior.
    mean_left_out, weight_left_out : (m, k) the posterior less what it is without each view; no law for their sum.
    orders    : number of orders that were averaged.
    exact     : true if these are all orders; else they were drawn.
    """

    parts: tuple[str, ...]
    posterior: Posterior
    prior_weights: Array
    weights: Array
    mean_moves: Array
    weight_moves: Array
    mean_left_out: Array
    weight_left_out: Array
    orders: int
    exact: bool

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        for name in (f.name for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def means(self) -> pd.DataFrame:
        """A row an asset: prior mean, the average move by each view, posterior mean; fraction a year."""
        return self._table(self.posterior.prior.mean, self.mean_moves, self.posterior.moments.mean)

    def weight_table(self) -> pd.DataFrame:
        """A row an asset: weight without views, the average move by each view, weight with them; fraction."""
        return self._table(self.prior_weights, self.weight_moves, self.weights)

    def left_out(self) -> pd.DataFrame:
        """A row an asset: the change of the weight by leaving out each view, with the sign of the view's addition."""
        return pd.DataFrame(self.weight_left_out.T, index=self._lines, columns=list(self.parts))

    @property
    def _lines(self) -> pd.Index:
        return pd.Index(self.posterior.prior.assets, name="line")

    def _table(self, prior: Array, moves: Array, posterior: Array) -> pd.DataFrame:
        columns = ["prior", *self.parts, "posterior"]
        return pd.DataFrame(np.column_stack([prior, moves.T, posterior]), index=self._lines, columns=columns)


def view_effects(model: BlackLitterman, past: Past, optimiser: Optimiser) -> ViewEffects:
    """The effect of each view of a model on its means, and through an optimiser on the weights.

    model     : model of views; it is asked, and the optimiser with it, for each set of views that some order
                meets: 2^m of them for up to five views.
    past      : market up to the day of interest.
    optimiser : function from moments over a year to weights (k,) in their order, such as `unconstrained_weights`.
    Raises    : PolicyError for an optimiser that does not give k finite weights, and what the model raises.
    """
    known: dict[frozenset[int], tuple[Posterior, Array]] = {}

    def ask(which: frozenset[int]) -> tuple[Posterior, Array]:
        if which not in known:
            posterior = model.keeping(sorted(which)).posterior(past)
            known[which] = posterior, _weights(optimiser, posterior.moments)
        return known[which]

    m = len(model.parts)
    everything = frozenset(range(m))
    (_, prior_weights), (posterior, weights) = ask(frozenset()), ask(everything)
    orders = _orders(m)
    moves = np.zeros((2, m, len(weights)))
    for order in orders:
        for place, part in enumerate(order):
            before, after = ask(frozenset(order[:place])), ask(frozenset(order[: place + 1]))
            moves[:, part] += _moved(before, after)
    moves /= max(len(orders), 1)
    left_out = np.array([_moved(ask(everything - {part}), ask(everything)) for part in range(m)])
    left_out = left_out.reshape(m, 2, len(weights))
    return ViewEffects(
        parts=model.parts,
        posterior=posterior,
        prior_weights=prior_weights,
        weights=weights,
        mean_moves=moves[0],
        weight_moves=moves[1],
        mean_left_out=left_out[:, 0],
        weight_left_out=left_out[:, 1],
        orders=len(orders),
        exact=m <= ALL_ORDERS,
    )


def _moved(before: tuple[Posterior, Array], after: tuple[Posterior, Array]) -> Array:
    """(2, k) change of the means and of the weights."""
    return np.array([after[0].moments.mean - before[0].moments.mean, after[1] - before[1]])


def _orders(m: int) -> list[tuple[int, ...]]:
    """The orders of the views: all of up to five, else 60 that are drawn, and their reverses."""
    if m <= ALL_ORDERS:
        return list(permutations(range(m)))
    drawn = [tuple(np.random.default_rng((0, k)).permutation(m).tolist()) for k in range(SAMPLED)]
    return [order for one in drawn for order in (one, one[::-1])]


def _weights(optimiser: Optimiser, moments: Moments) -> Array:
    found = np.asarray(optimiser(moments), dtype=float)
    if found.shape != moments.mean.shape or not np.isfinite(found).all():
        raise PolicyError(
            f"an optimiser of views gives weights of shape {found.shape}, {int((~np.isfinite(found)).sum())} of them "
            f"not finite: give one finite weight for each of {', '.join(moments.assets)}, in this order."
        )
    return found
