"""The risk of today's holdings: what they are exposed to, what they may lose, where that comes from, and their drift.

Two samples, both of rows on which all assets have returns. Volatility, tracking error, beta and contributions are ex
ante: by the covariance of the last year, as rules estimate it. Losses at a level are by the whole sample: what the
weights of today would have returned on its rows: days, or weeks or months where those are the rows of the market.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from backtests.attribution.contributions import cash_name
from backtests.inference.estimates import NotAvailable
from backtests.runs.kept import kept
from backtests.today.from_today import FromToday, from_today_or_why_not
from backtests.today.holdings_stress import HoldingsStress, holdings_stress
from backtests.today.risk_paths import PATHS
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.accounting import Policy
from research.market.calendars import row_name
from research.market.delisting import moving
from research.portfolio import Portfolio
from research.risk import cvar, effective_lines, gaussian_cvar, gaussian_var, var
from research.risk.decomposition.contributions import effective_bets, risk_contributions
from research.risk.decomposition.ex_ante import WITHIN_A_MONTH, ExAnte, stopped_words
from research.risk.distribution import TAIL_LEVELS
from research.rules import Never
from research.rules.bands_today import bands_today

Figure = TypeVar("Figure")

RISK_METHODS = {"historical": (var, cvar), "Gaussian": (gaussian_var, gaussian_cvar)}


@dataclass(frozen=True)
class Loss:
    """The possible loss at a level, positive, fraction of NAV.

    horizon : one row of the market, such as "one day"; or "one month".
    method  : "historical" or "Gaussian".
    level   : level of the loss, such as 0.95.
    """

    horizon: str
    method: str
    level: float
    var: float
    cvar: float


@dataclass(frozen=True, eq=False)
class HoldingsRisk:
    """Today's holdings of n assets, and their risk.

    portfolio     : the holdings.
    ex_ante       : the samples that they are measured by.
    losses        : possible losses by horizon, method and level.
    contributions : (n,) Euler's, to the volatility of the holdings, fraction a year; they sum to it. NaN of an asset
                    that has stopped.
    active        : (n,) contributions to the tracking error to the strategic target, likewise.
    beta          : beta of the holdings to the strategic target, by the covariance.
    lines         : effective number of assets.
    bets          : effective number of uncorrelated bets.
    bands         : (2, n) weights past which the active policy trades an asset today, NaN where it has no such band.
    policy        : name of the active policy that `bands` are of, or "".
    stress        : episodes, shocks and correlations.
    future        : policies run from today on; or the reason why they are not.
    undefined     : the reason why a figure is not defined, by its name; it is NaN, or empty.
    notes         : notes on its computation that a reader must know.
    """

    portfolio: Portfolio
    ex_ante: ExAnte
    losses: tuple[Loss, ...]
    contributions: Array
    active: Array
    beta: float
    lines: float
    bets: float
    bands: Array
    policy: str
    stress: HoldingsStress
    future: FromToday | NotAvailable
    undefined: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def window(self) -> int:
        """Returns of the covariance, the last ones: a year, or all that all assets have."""
        return self.ex_ante.window

    @property
    def sample(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First and last date of the returns of losses."""
        return self.ex_ante.dates[0], self.ex_ante.dates[-1]

    @property
    def row(self) -> str:
        """The name of a row of the market: "day", "week" and so on."""
        return row_name(self.portfolio.periods_per_year)

    @property
    def horizons(self) -> tuple[str, str]:
        """The shortest and the longest of losses, which are one where a row is a month or longer."""
        return f"one {self.row}", "one month" if self.row in WITHIN_A_MONTH else f"one {self.row}"

    @property
    def volatility(self) -> float:
        """Ex ante, fraction a year."""
        return self.ex_ante.volatility(self.portfolio.weights)

    @property
    def tracking_error(self) -> float:
        """Ex ante, to the strategic target, fraction a year."""
        return self.ex_ante.volatility(self.portfolio.weights - self.portfolio.target)

    def exposures(self, by: str, cash: str | None = None) -> pd.DataFrame:
        """A row for each group: weight, target, gap, and shares of volatility and of tracking error.

        A fund that is split over classes or sectors counts in each as far as the file says, its risk like its value.
        The shares of a group with an asset that has stopped are not known.
        by   : "asset_class", "sector" or "currency".
        cash : the group that cash is in, such as the portfolio's currency; by default one of its own.
        """
        groups = self.portfolio.exposures(by)
        held, target = self.portfolio.weights, self.portfolio.target
        columns = {"weight": held, "target": target, "gap": held - target}
        columns |= {"risk_share": _shares(self.contributions, held), "active_share": _shares(self.active, held)}
        made = pd.DataFrame(
            {name: [_summed(values, of) for of in groups.values()] for name, values in columns.items()},
            index=list(groups),
        )
        rest = np.round(1.0 - np.array([held.sum(), target.sum()]), 12) + 0.0
        group = cash or cash_name(list(groups))
        made = made.reindex(list(dict.fromkeys([*groups, group])), fill_value=0.0)  # cash may be a group that is there
        made.loc[group] += [rest[0], rest[1], rest[0] - rest[1], 0.0, 0.0]
        return made.rename_axis("group").reset_index()

    def drift(self) -> pd.DataFrame:
        """A row for each asset: weight, target, gap, range, band of the active policy, and distance outside of both.

        outside_range, outside_band : fraction of NAV, below zero under it, 0 within; NaN where there is none.
        """
        p, w = self.portfolio, self.portfolio.weights
        return pd.DataFrame(
            {
                "asset": list(p.market.assets),
                "asset_class": list(p.market.asset_class),
                "weight": w,
                "target": p.target,
                "gap": w - p.target,
                "lower": p.lower,
                "upper": p.upper,
                "outside_range": _outside(w, p.lower, p.upper),
                "band_lower": self.bands[0],
                "band_upper": self.bands[1],
                "outside_band": _outside(w, *self.bands),
                "contribution": self.contributions if len(self.contributions) else np.nan,
                "active_contribution": self.active if len(self.active) else np.nan,
            }
        )


def holdings_risk(
    portfolio: Portfolio, policies: Mapping[str, Policy], *, paths: int = PATHS, notes: Sequence[str] = ()
) -> HoldingsRisk:
    """The risk of a portfolio's holdings at its last close.

    portfolio : the file.
    policies  : ready to decide, by name, played on from today; the first is shown, and without any the holdings are
                held.
    paths     : futures of the first law; of each other one a quarter of them.
    notes     : notes on the policies that a reader must know.
    Raises    : DataError as `ExAnte.of` for too few returns of all assets, and for an asset that has left; ConfigError
                as `from_today` does.
    """
    ex_ante = ExAnte.of(portfolio.market, portfolio.periods_per_year)
    w, target, covariance = portfolio.weights, portfolio.target, ex_ante.covariance
    moves = moving(portfolio.market.past(len(portfolio.market.dates) - 1))
    undefined: dict[str, str] = {}
    none = np.zeros(0)
    policy = portfolio.policy or ""
    bands = bands_today(
        policies.get(policy), portfolio.market, portfolio.costs, portfolio.strategic, portfolio.sessions_since_trade
    )
    played = policies or {"as held": Never(portfolio.strategic)}
    return HoldingsRisk(
        portfolio,
        ex_ante,
        _losses(ex_ante, w, undefined),
        _defined("contributions", lambda: _contributions(w, covariance, moves), undefined, none),
        _defined("active", lambda: _contributions(w - target, covariance, moves), undefined, none),
        _defined("beta", lambda: ex_ante.beta(w, target), undefined, np.nan),
        _defined("lines", lambda: effective_lines(w), undefined, np.nan),
        _defined("bets", lambda: effective_bets(w, covariance), undefined, np.nan),
        bands,
        policy if policy in policies else "",
        holdings_stress(portfolio),
        kept(from_today_or_why_not, portfolio, played, paths=paths),
        undefined,
        (*notes, *stopped_words(portfolio.market, w)),
    )


def _defined(name: str, figure: Callable[[], Figure], undefined: dict[str, str], otherwise: Figure) -> Figure:
    """A figure; or `otherwise` where it is not defined, with the reason in `undefined`."""
    try:
        return figure()
    except DataError as error:
        undefined[name] = str(error)
        return otherwise


def _losses(ex_ante: ExAnte, weights: Array, undefined: dict[str, str]) -> tuple[Loss, ...]:
    """Losses of the weights (n,) of today over the rows of the sample, and over all its months, which overlap."""
    found = []
    for horizon in ex_ante.horizons:
        values = ex_ante.returned(weights, horizon)
        for method, (at_risk, beyond) in RISK_METHODS.items():
            for level in TAIL_LEVELS:
                try:
                    found.append(Loss(horizon, method, level, at_risk(values, level), beyond(values, level)))
                except DataError as error:
                    undefined[f"{horizon}, {method}, {level:g}"] = str(error)
    return tuple(found)


def _outside(weights: Array, lower: Array, upper: Array) -> Array:
    """(n,) how far weights are above `upper`, or below `lower` (negative); 0 within, NaN without any."""
    with np.errstate(invalid="ignore"):
        return np.where(weights > upper, weights - upper, np.where(weights < lower, weights - lower, 0.0 * lower))


def _summed(values: Array, of: Array) -> float:
    """The sum of values (n,) in a group, which has the shares (n,) of the assets."""
    return sum((of * values)[of != 0.0].tolist(), 0.0)


def _contributions(weights: Array, covariance: Array, known: Mask) -> Array:
    """(n,) contributions to the volatility of weights (n,), NaN for those of assets whose risk is not known."""
    return np.where(known | (weights == 0.0), risk_contributions(weights, covariance), np.nan)


def _shares(parts: Array, like: Array) -> Array:
    """(n,) parts over their sum; NaN where there are none."""
    return parts / np.nansum(parts) if len(parts) else np.full(len(like), np.nan)
