"""Risk parity, of volatility and of the tail, and budgets of risk by asset, under constraints."""

from collections.abc import Mapping, Sequence

import numpy as np

from foundation.arguments import cut, is_number, shown
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from research.allocation.answer import NotSolvedError
from research.allocation.constrained.constrained import Constrained
from research.allocation.constrained.on_forecast import OnForecast
from research.allocation.constrained.on_window import OnTail
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.allocation.constraints.optimum import Optimum, optimum
from research.allocation.constraints.roots import Root
from research.allocation.estimated import check_length
from research.allocation.risk_based.parity import parity
from research.allocation.risk_based.risks import risk_of, volatility_risk
from research.forecast import Moments
from research.market import Past

Budgets = Mapping[str, float] | tuple[tuple[str, float], ...]

WHOLE_RISK = 1.0 - 1e-9  # of the risk: what is left is rounding


class Budgeted(Constrained):
    """An allocation under constraints that divides its risk by budgets."""

    budgets: Budgets

    def __post_init__(self) -> None:
        """Check the settings, and keep the budgets as pairs of name and share."""
        super().__post_init__()
        owner, found = type(self).__name__, tuple(sorted(dict(self.budgets).items()))
        for name, share in found:
            if not (is_number(share) and share > 0.0):
                raise ConfigError(
                    f"budgets of {owner} for {name} is {shown(share)}: give a share of the risk above 0, such as 0.25."
                )
        if (total := sum(share for _, share in found)) > 2.0 - WHOLE_RISK:
            raise ConfigError(f"budgets of {owner} sum to {total:.6g}: give shares of the risk that sum to at most 1.")
        object.__setattr__(self, "budgets", found)
        if self.constraints.cardinality is not None:
            raise ConfigError(
                f"{owner} holds every asset that has a budget of risk, and constraints.cardinality limits their "
                "number. Leave it out, and exclude assets instead."
            )

    def check(self, past: Past) -> None:
        """Raise ConfigError for names that a market does not have, and for complete shares that do not sum to 1."""
        super().check(past)
        owner, by_name, assets = type(self).__name__, dict(self.budgets), past.assets
        if unknown := [name for name in by_name if name not in assets]:
            names = cut(", ".join(assets), 400)
            raise ConfigError(f"budgets of {owner}: unknown asset {shown(unknown[0])}. Use {names}.")
        if set(by_name) == set(assets) and sum(by_name.values()) < WHOLE_RISK:
            raise ConfigError(
                f"budgets of {owner} name every asset and sum to {sum(by_name.values()):.6g}: let them sum to 1."
            )


def shares(budgets: Budgets, limits: Limits, absent: Sequence[str]) -> tuple[Array, Limits]:
    """(n,) shares of the risk that sum to one over the assets that may be held, and limits that hold no others.

    budgets : share of the risk by asset; what is left is shared equally by assets that are not named.
    limits  : limits of the day.
    absent  : names of the market's other assets, which are not known today; others share their risk in proportion.
    """
    by_name, n = dict(budgets), len(limits.assets)
    others = sum(name not in by_name for name in (*limits.assets, *absent))
    left = 1.0 - sum(by_name.values())
    equal = left / others if others and left > 1.0 - WHOLE_RISK else 0.0
    found = np.array([by_name.get(name, equal) for name in limits.assets])
    least, most = limits.of_lines
    found = np.where(most > 0.0, found, 0.0)
    without = (found == 0.0) & ((least < 0.0) | (most > 0.0))
    if without.any():
        zero = np.zeros(int(without.sum()))
        nothing = Limit("budgets", "an asset without a budget of risk is not held", {WEIGHTS: np.eye(n)[without]},
                        zero, zero, 0.0)  # fmt: skip
        limits = limits.with_limits([*limits.limits, nothing])
    total = float(found.sum())
    return (found / total if total > 0.0 else found), limits


@dataclass(frozen=True, repr=False)
class RiskParity(Budgeted, OnForecast):
    """Weights whose contributions to volatility are equal, or in given proportions, as far as constraints allow.

    Where a constraint binds, the weights are those of least volatility over the geometric mean of weights / budgets.

    budgets : share of the variance by asset, fraction; assets that are not named share what is left equally, and are
              not held where nothing is. Assets without a complete window, and those that are excluded, leave theirs to
              the others in proportion.
    Others  : as of `OnForecast`, whose forecast is one of covariances; the price of a constraint is in units of the
              mean of weight / budget, which is 1 where weights equal their budgets.
    Raises  : as `OnForecast`; ConfigError for a limit of the number of assets; NotSolvedError where no weights within
              the limits hold every asset with a budget.
    Source  : Maillard, Roncalli, Teiletche (2010), The Properties of Equally Weighted Risk Contribution Portfolios;
              Bruder, Roncalli (2012), Managing Risk Exposures Using the Risk Budgeting Approach.
    """

    budgets: Budgets = ()

    def found(self, limits: Limits, moments: Moments, past: Past) -> Optimum:
        """The weights (k,) within limits, for a forecast of a year."""
        absent = [name for name in past.assets if name not in moments.assets]
        budgets, limits = shares(self.budgets, limits, absent)
        return parity(
            limits, budgets, volatility_risk(Root(moments.covariance, moments.assets)), "weight to volatility ratio"
        )


@dataclass(frozen=True, repr=False)
class TailParity(Budgeted, OnTail):
    """Weights whose contributions to CVaR are equal, or in given proportions, as far as constraints allow.

    An asset's contribution is its mean loss, times its weight, in the sessions in which the portfolio loses most. Where
    the worst sessions change with the weights, which sessions lie in the tail is shared so that the contributions meet.

    budgets : share of the CVaR by asset, see RiskParity.
    Others  : as of `OnTail`.
    Raises  : as RiskParity; DataError for a window of no more returns than assets; NotSolvedError where some weights
              within the limits have no loss in the tail: no proportions of a loss are defined.
    Source  : Boudt, Carl, Peterson (2013), Asset Allocation with Conditional Value-at-Risk Budgets; Alankar,
              DePalma, Scholes (2013), An Introduction to Tail Risk Parity.
    """

    budgets: Budgets = ()

    def found(self, limits: Limits, returns: Array, past: Past) -> Optimum:
        """The weights (k,) within limits of the k assets of returns (T, k), a period."""
        check_length("TailParity", returns, limits.assets)
        risk = risk_of("cvar", returns, self.level, self.periods_per_year)
        absent = [name for name in past.assets if name not in limits.assets]
        budgets, limits = shares(self.budgets, limits, absent)
        least = optimum(limits, risk.aim)
        if least.value <= 0.0:
            raise NotSolvedError(
                f"weights within the limits have no loss in the worst {1.0 - self.level:.4g} of the window, whose CVaR "
                f"is {least.value:.3g}: there is no loss to share. Give a longer window, or exclude assets that "
                "never fall"
            )
        return parity(limits, budgets, risk, "weight to CVaR ratio")
