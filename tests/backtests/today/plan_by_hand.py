"""A plan played once more in plain Python: two funds, yearly amounts, costs, average-cost tax, a calendar or a band."""

from dataclasses import dataclass, field, fields, replace

import numpy as np
from scipy.optimize import brentq

from foundation.arrays import Array
from research.portfolio.plan import Plan

PARTS = {"month": 12, "quarter": 4, "year": 1}


@dataclass
class ByHand:
    """An owner's account, and what he lived on.

    months : those of the calendar at whose ends it trades to target, and on the first row, as the last close was one
             session before the end of a year; band : or the gap beyond which it trades.
    rate   : cost a side, fraction of notional.  tax : fraction of gains, at average cost.
    """

    plan: Plan
    target: Array
    values: Array
    cash: float
    months: tuple[int, ...] = ()
    band: float = np.inf
    rate: float = 0.0
    tax: float = 0.0
    paid: Array = field(default_factory=lambda: np.zeros(2))
    losses: float = 0.0
    taxes: float = 0.0
    costs: float = 0.0

    @property
    def nav(self) -> float:
        """What all is worth."""
        return float(self.values.sum()) + self.cash

    def play(self, dates, growths: Array, cash_growth: float, prices: Array):  # noqa: C901  (a month, in its order)
        """(NAV as each year ends and today's first, month of ruin or -1, real amounts taken in each year)."""
        plan, self.paid = self.plan, self.values.copy()
        step, saved = 12 // PARTS[plan.every], 0 if plan.saving is None else plan.saving.years
        navs, taken = np.zeros(plan.years + 1), np.zeros(plan.years)
        amount = first = before = price_then = gone = 0.0
        once = {int(np.argmin(np.abs(dates - day))): sum_ for day, sum_ in plan.once.items()}
        for m in range(12 * plan.years + 1):
            if m > 0:
                self.values, self.cash = self.values * growths[m - 1], self.cash * cash_growth
            comes, goes, nav, price = once.get(m, 0.0) * prices[m], 0.0, self.nav, prices[m]
            if plan.saving is not None and 0 < m <= 12 * saved and m % step == 0:
                comes += plan.saving.amount / PARTS[plan.every] * price
            if 12 * saved <= m < 12 * plan.years:
                if m % 12 == 0:
                    amount = self.amount(m // 12, nav, price, (amount, first, price_then, nav + gone < before))
                    first = first or amount / nav
                    before, price_then, gone = nav, price, 0.0
                if m % step == 0:
                    goes = amount / PARTS[plan.every]
            gone += goes - comes
            self.cash += comes - goes
            held = replace(self, values=self.values.copy(), paid=self.paid.copy())
            lacking = self.tax * max(float((self.values - self.paid).sum()) - self.losses, 0.0) - self.nav
            if self.nav <= 0.0 or (self.cash < 0.0 and not self.sell_for_cash()):  # all is sold, and its gains taxed
                taken[m // 12] += max(goes - max(lacking, 0.0), 0.0) / price
                return navs, m, taken
            if goes:
                taken[m // 12] += goes / price
            if comes > goes:
                self.buy_with(comes - goes)
            weights = self.values / self.nav
            off = max(*np.abs(weights - self.target), abs(self.cash / self.nav - (1.0 - self.target.sum())))
            if (self.months and m == 1) or (m > 0 and dates[m].month in self.months) or off > self.band:
                for each in fields(self):  # one trade, of what came or went and of the policy
                    setattr(self, each.name, getattr(held, each.name))
                self.trade(self.target.copy(), 1.0 - self.target.sum())
            if m % 12 == 0:
                navs[m // 12] = self.nav
        return navs, -1, taken

    def amount(self, year: int, nav: float, price: float, past: tuple) -> float:
        """What a year that begins with `nav` takes.  past : amount, first rate, prices then, and if the year lost."""
        spending, (last, first, price_then, lost) = self.plan.spending, past
        if spending.rule == "constant":
            return spending.amount
        if spending.rule == "share":
            return float(np.clip(spending.share * nav, spending.floor * price, spending.most * price))
        if spending.rule == "indexed" or not first:
            return spending.amount * price
        wanted = last * price / price_then
        if lost and wanted / nav > first:
            wanted = last
        if wanted / nav > 1.2 * first and self.plan.years - year > 15:
            return 0.9 * wanted
        return 1.1 * wanted if wanted / nav < 0.8 * first else wanted

    def buy_with(self, money: float) -> None:
        """Buy what is most below target with money that came."""
        weights, share = self.values / self.nav, money / self.nav
        gaps, level = np.maximum(self.target - weights, 0.0), 0.0
        if gaps.sum() > share:
            level = brentq(lambda x: np.maximum(gaps - x, 0.0).sum() - share, 0.0, gaps.max(), xtol=1e-16, rtol=1e-15)
        bought = np.maximum(gaps - level, 0.0)
        self.trade(weights + bought, self.cash / self.nav - float(bought.sum()))

    def sell_for_cash(self) -> bool:
        """Sell what is most above target until cash is paid back; False if all of it does not pay for the tax."""
        weights, short = self.values / self.nav, -self.cash / self.nav
        gaps, level = np.maximum(weights - self.target, 0.0), 0.0
        if gaps.sum() > short:
            level = brentq(lambda x: np.maximum(gaps - x, 0.0).sum() - short, 0.0, gaps.max(), xtol=1e-16, rtol=1e-15)
        return self.trade(weights - np.maximum(gaps - level, 0.0), 0.0)

    def trade(self, asked: Array, cash: float) -> bool:
        """To weights `asked` after costs and tax, borne by the funds that trade and cash; False if there is no way."""
        nav, moves = self.nav, np.abs(asked - self.values / self.nav) > 1e-9
        if not moves.any():
            return True

        def bill(scale: float) -> tuple[float, float, Array]:
            after = np.where(moves, asked * scale, self.values)
            sold = np.clip((self.values - after) / self.values, 0.0, None)
            gain = float((sold * (self.values - self.paid)).sum())
            return self.rate * float(np.abs(after - self.values).sum()), gain, after

        def excess(scale: float) -> float:
            costs, gain, after = bill(scale)
            return after.sum() + cash * scale + costs + self.tax * max(gain - self.losses, 0.0) - nav

        if excess(0.0) > 0.0:
            return False
        scale = brentq(excess, 0.0, 1.1 * nav, xtol=1e-16 * nav, rtol=1e-15)
        costs, gain, after = bill(scale)
        tax = self.tax * max(gain - self.losses, 0.0)
        self.paid = np.where(after < self.values, self.paid * after / self.values, self.paid + after - self.values)
        self.losses = max(self.losses - gain, 0.0)
        self.costs, self.taxes = self.costs + costs, self.taxes + tax
        self.values, self.cash = after, nav - costs - tax - float(after.sum())
        return True
