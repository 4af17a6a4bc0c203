"""Upper bound of the after-tax worth of every rule, by relaxing what it may know, and how far rules are from it.

    python -m benchmarks.dual_bound [PATHS]

Worth is what one unit comes to after all taxes in today's money (over the worth of fresh money then), less g/2 x the
variance of the gap x NAV of each month. A path of returns is shown to the investor beforehand, who may then choose
every trade, and every lot that is sold; what a position earns beyond the expected return is taken away at its marginal
worth after tax, a martingale penalty of no price to who does not know the path. The mean over paths of the best that he
can reach is at least the worth of any rule: his sales by lot include those at average cost, and those of every order.

Markets and rules are those of `benchmarks.after_tax`, over two years. A rule less its own penalty has the same mean and
less variance: differences are paired by path.
Source : Haugh, Iyengar and Wang (2016), Tax-aware dynamic asset allocation, Operations Research 64(4), whose markets
are others; Brown and Smith (2011), Dynamic portfolio optimization with transaction costs, Management Science 57(10).
"""

import sys
import time
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp
from scipy.special import ndtr

from backtests.engine.run import backtest
from backtests.laboratory.simulate import estimate
from benchmarks.after_tax import ENDS, EXPECTED, HISTORY, MONTHS, Case, cases
from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array
from research.accounting.sale_tax import Deferral
from research.allocation import target_path
from research.risk.measures import BPS, TRACKING_PENALTY
from research.rules import Rule

PATHS, YEARS, TINY = 16, 2, 1e-12  # TINY: periods left at the end
SHOWN = ("six stocks, 37 %, 40 % gain", "60/40, 37 %, 40 % gain", "six stocks, 20 %, new", "60/40, 20 %, new")


@dataclass(frozen=True, kw_only=True)
class Relaxed:
    """What an investor holds and pays, whose trades of T periods in n assets are judged.

    holdings, basis : (n,) value and cost of the first lots, fraction of NAV.
    target          : (n,) fraction of NAV.
    root            : (k, n) root'root is the covariance of a period.
    penalty         : g, price of squared tracking.
    cost, rate      : a side, fraction of the notional; tax, fraction of the gain.
    mean            : expected growth of every asset in a period.
    forgiven        : True if no tax is due on what is held at the end.
    refunded        : True if losses are refunded at once, False if they are carried forward.
    """

    holdings: Array
    basis: Array
    target: Array
    root: Array
    penalty: float
    cost: float
    rate: float
    mean: float
    forgiven: bool = False
    refunded: bool = False

    def fresh(self, periods: int) -> float:
        """Worth of a unit of fresh money at the end."""
        grown, due = self.mean**periods, 0.0 if self.forgiven else self.rate
        return float(grown * (1.0 - due) + due)

    def prices(self, growth: Array) -> Array:
        """(T, n) penalty of a unit of value held in a period: what the period adds to its expected worth after tax.

        Without refunds a tax is due at the end where the target portfolio, weighted in logarithms, has a gain by then.
        Expectations are those of lognormal returns; with refunds any returns of this mean will do.
        """
        left, shared = np.arange(len(growth), -1, -1)[:, None], self.root.T @ (self.root @ self.target)
        variance, own = float(shared @ self.target), float((self.root**2).sum(axis=0) @ self.target)
        known = np.append(0.0, np.cumsum(np.log(growth) @ self.target)) - np.log(self.basis.sum())
        ahead = left * (np.log(self.mean) - 0.5 * own + shared) + 0.5 * len(growth) * (own - variance)
        gains = ndtr((known[:, None] + ahead) / np.sqrt(np.maximum(left, TINY) * variance))
        due = 0.0 if self.forgiven else self.rate * (1.0 if self.refunded else gains)
        worth = self.mean**left * (1.0 - due) / self.fresh(len(growth))
        found: Array = growth * worth[1:] - worth[:-1]
        return found

    def best(self, growth: Array) -> float:
        """The largest worth less penalty on a path that is known.  growth : (T, n) one plus the return of a period."""
        (periods, n), sums = growth.shape, np.tril(np.ones((len(growth), len(growth))))
        price = np.vstack([np.ones(n), np.cumprod(growth, axis=0)])
        t, lot = np.tril_indices(periods)  # lot 0 is that of the first day, lot k was bought in period k - 1
        each = np.arange(len(t))
        in_period, of_lot = (sp.csr_matrix((np.ones(len(t)), (rows, each))) for rows in (t, lot))
        values, rules = list[Any](), list[Any]()
        gain, spent, at_end, open_gain = (0.0,) * 4
        for i in range(n):
            sold, bought, p = cp.Variable(len(t), nonneg=True), cp.Variable(periods, nonneg=True), price[:-1, i]
            paid = np.append(self.basis[i] / self.holdings[i], p[:-1])[lot]
            rules.append(of_lot @ sold <= cp.hstack([self.holdings[i], bought[:-1]]))
            units = self.holdings[i] + sums @ (bought - in_period @ sold)
            values.append(cp.multiply(p, units))
            gain += in_period @ cp.multiply(p[t] - paid, sold)
            spent += (1.0 + self.cost) * cp.multiply(p, bought) - (1.0 - self.cost) * in_period @ cp.multiply(
                p[t], sold
            )
            at_end += price[-1, i] * units[-1]
            open_gain += price[-1, i] * units[-1] - self.basis[i] - p @ bought + paid @ sold
        tax, due = cp.Variable(periods, nonneg=not self.refunded), cp.Variable(nonneg=not self.refunded)
        rules += [sums @ tax >= self.rate * (sums @ gain), spent + tax <= 0.0]
        if not self.forgiven:
            rules.append(cp.sum(tax) + due >= self.rate * (cp.sum(gain) + open_gain))
        else:
            rules.append(due == 0.0)
        held, lost = cp.vstack(values), cp.Variable(periods)
        nav = cp.reshape(cp.sum(held, axis=0), (1, periods), order="F")
        gaps = self.root @ (held - self.target[:, None] @ nav)  # lost is at least |gaps|^2 / nav
        rules.append(cp.SOC(nav[0] + lost, cp.vstack([2.0 * gaps, nav - cp.reshape(lost, (1, periods), order="F")])))
        worth = (at_end - due) / self.fresh(periods) - 0.5 * self.penalty * cp.sum(lost)
        problem = cp.Problem(cp.Maximize(worth - cp.sum(cp.multiply(self.prices(growth).T, held))), rules)
        problem.solve(solver=cp.CLARABEL)
        return float(problem.value)


def relaxed(case: Case, forgiven: bool) -> Relaxed:
    """The problem of a case of the benchmark, from the day of its embedded gain on."""
    held = np.array(case.target)
    root = np.array(np.linalg.cholesky(case.covariance / MONTHS).T, dtype=float)
    return Relaxed(
        holdings=held, basis=held * (1.0 - case.gain), target=held, rate=case.rate, penalty=TRACKING_PENALTY,
        root=root, cost=float(case.costs().half_spread[0]),
        mean=(1.0 + EXPECTED) ** (1.0 / MONTHS), forgiven=forgiven,
    )  # fmt: skip


def of_rule(case: Case, problem: Relaxed, rule: Rule, path: int) -> tuple[float, Array]:
    """The worth of a rule less its penalty on a path, and the growth (T, n) of that path."""
    market = case.market(path)
    market = market.until(market.dates[HISTORY + 1 + YEARS * MONTHS])
    played = backtest(
        market, rule, case.costs(), start=market.dates[HISTORY + 1], nav=1e6, lag=0, periods_per_year=MONTHS,
        targets=target_path(case.held, market),
    )  # fmt: skip
    nav, growth = played.ledger.nav / played.ledger.nav[1], 1.0 + np.array(market.returns[HISTORY + 2 :], dtype=float)
    held = played.weights.to_numpy()[1:-1] * nav[1:-1, None]
    gaps = (held - nav[1:-1, None] * problem.target) @ problem.root.T
    lost = 0.5 * problem.penalty * float((gaps**2 / nav[1:-1, None]).sum())
    due = 0.0 if problem.forgiven else played.tax_at_end / played.ledger.nav[1]
    return (nav[-1] - due) / problem.fresh(len(growth)) - lost - float((problem.prices(growth) * held).sum()), growth


def measured(case: Case, forgiven: bool, paths: int) -> list[str]:
    """The bound less the worth of each rule, bp a year."""
    problem = relaxed(case, forgiven)
    rules = case.band(), case.band(deferral=Deferral(YEARS, EXPECTED, float(forgiven)))
    each = [[of_rule(case, problem, rule, path) for path in range(paths)] for rule in rules]
    bound = np.array([problem.best(growth) for _, growth in each[0]])
    found = [estimate((bound - np.array([worth for worth, _ in of])) * BPS / YEARS) for of in each]
    return [f"{one.value:.1f} ± {one.error:.1f}" for one in found]


def main(paths: int = PATHS) -> None:
    """Print the table, and keep it."""
    began = time.process_time()
    rows = [(f"{name}, {end}", *measured(cases()[name], end == ENDS[1], paths)) for name in SHOWN for end in ENDS]
    notes = [
        f"{paths} paths of {YEARS} years; standard errors are between paths",
        f"{time.process_time() - began:.0f} processor seconds; {machine()}; {versions('cvxpy', 'clarabel')}",
    ]
    head = ("", "band", "tax as cost")
    show("Upper bound of the worth of every rule, less that of a rule, bp a year", head, rows, notes)
    keep("dual_bound", {"paths": paths, "found": rows})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
