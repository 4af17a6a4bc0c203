"""The trade list as of the last close: each order with its price, cost and reason; the holdings, and their reasons."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.paper.wording import counted, listed, percent
from research.accounting import Policy, Why
from research.accounting.costs import BASIS_POINT, CHARGED
from research.market.calendars import next_scheduled
from research.market.liquidity import dollar_volume
from research.market.quality import market_warnings
from research.orders import page
from research.orders.accounts.household import Divided, accounts_with_flow, with_flow_in_cash
from research.orders.after_fills import after_fills
from research.orders.before_after import BeforeAfter
from research.orders.cash_by_currency import CashByCurrency, exchange_words
from research.orders.content import STALE, ListContent
from research.orders.decision import BEGUN
from research.orders.fills import Fill
from research.orders.lots.position import CENT
from research.orders.lots.sizing import SizedOrders
from research.orders.order_tables import OrderTables
from research.orders.price_age import PriceAges, age_notes, frozen_quotes, priced, stale_prices
from research.orders.rate_age import RateAges, rate_notes, stale_rates
from research.orders.request import PLAIN_REQUEST, Request
from research.orders.tax.tax_lots import TradedLots, after_sales, trade_lots
from research.orders.tax.tax_tables import harvest_table, not_known, tax_facts, tax_notes, tax_table
from research.orders.unfinished import sent_orders
from research.portfolio import Portfolio
from research.portfolio.assumed import assumed_words
from research.portfolio.holdings.blotter import Blotter
from research.portfolio.holdings.prices import overrides_first
from research.portfolio.keys.orders import TRACKING_ERROR
from research.portfolio.late_listings import late_listings
from research.risk.decomposition.ex_ante import stopped_words
from research.rules.protocol import short_name, traits

FLOW_REASONS = {
    True: "the deposit buys what is under target, after which the policy holds",
    False: "the withdrawal is raised by selling what is over target, after which the policy holds",
}
CASH_REASONS = {
    True: "the deposit stays in cash, and the policy holds",
    False: "cash pays the withdrawal, and the policy holds",
}
PENDING = " pending"
LARGE_PART = 0.01  # of an asset's mean volume of a day: a larger order moves its price
LARGE = 1_000_000.0  # currency: likewise, of an asset whose volume is not known

CUT_OFF_NOTE = (
    "{}: an order until {} is dealt at the NAV of its day, which is struck after it. The price here is an earlier NAV: "
    "order the amount; its units are known then."
)


@dataclass(frozen=True, eq=False)
class TradeList:
    """The orders that a policy asks of a portfolio at its last close, ready to be sent.

    portfolio : the portfolio.
    policy    : name of the policy.
    run       : id of the run that recommends it, or "".
    target    : (n,) weights in force, fraction of NAV.
    decides   : the policy itself.
    why       : the reason of its decision.
    holds     : the decision is to hold, and `sized` is empty.
    sized     : the orders.
    would     : orders of trading to target today, when it holds; else None.
    wanted    : (lower, upper) (n,) each, the box that is aimed at, fraction of NAV.
    limit     : limit that keeps a trade from the whole of it (`research.orders.reasons`).
    request   : request besides the policy's decision.
    pending   : money of earlier lists that is not booked yet; it is in the cash of the portfolio.
    ages      : ages of the prices on the day of the list, or None where no day was given; in the tables
                they are then counted to the last close.
    rate_ages : ages likewise, of the exchange rates.
    tilt      : (n,) change of the target by a forecast, fraction of NAV; None for none.
    """

    portfolio: Portfolio
    policy: str
    run: str
    target: Array
    decides: Policy
    why: Why
    holds: bool
    sized: SizedOrders
    would: SizedOrders | None
    wanted: tuple[Array, Array]
    limit: tuple[str, str]
    request: Request = PLAIN_REQUEST
    pending: tuple[Request, ...] = ()
    ages: PriceAges | None = None
    rate_ages: RateAges | None = None
    tilt: Array | None = None

    # -- facts -------------------------------------------------------------------------------------------------------

    @property
    def reason(self) -> str:
        """The reason why the policy trades or holds, in words."""
        if self.why.trigger == "flow":
            reasons = FLOW_REASONS if self.sized.units.any() else CASH_REASONS
            return reasons[self.request.flow + sum(each.flow for each in self.pending) > 0.0]
        if not (self.holds or self.sized.position.weights.any()) and self.sized.units.any():
            return "first purchase from cash"
        said = self.why.sentence(self.portfolio.market.labels, self.holds, short_name(self.decides))
        if self.request.to_target and self.why.trigger == "calendar":  # which is no matter of the policy's reviews
            gap = said.removeprefix("review due; ")
            return BEGUN.sentence(()) if self.why.line is None else f"a trade to target is asked for; {gap}"
        return f"{said}{self._next_review}" if self.holds and self.why == Why("calendar") else said

    @property
    def _next_review(self) -> str:
        """The date of the next review, as the rest of a sentence; "" where the exchange calendar ends before it."""
        promised, market = traits(self.decides), self.portfolio.market
        if promised.desk_schedule is None:
            return ""
        last = market.days[-1]
        if self.ages is not None:  # whose close is still to come
            last = max(last, np.datetime64(self.ages.today, "D") - 1)
        days = (next_scheduled(last, promised.desk_schedule, market.calendar, by) for by in promised.desk_offsets)
        known = [day for day in days if day is not None]
        return f"; the next is on {min(known)}" if known else ""

    @property
    def empty(self) -> bool:
        """True if there is nothing to send."""
        return not self.sized.moved.any() and not (self.money and self.money.exchanges)

    @property
    def stale(self) -> bool:
        """True if a price or an exchange rate is older than the file allows for orders."""
        return bool(self.stale_words)

    @property
    def stale_words(self) -> str:
        """Sentences on the prices and rates that are too old for orders; "" where none is."""
        of_prices = "" if self.ages is None else stale_prices(self.portfolio, self.ages)
        of_rates = "" if self.rate_ages is None else stale_rates(self.portfolio, self.rate_ages)
        return f"{of_prices} {of_rates}".strip()

    @property
    def headline(self) -> str:
        """The list in one line, with what its file assumes; one with stale prices is marked."""
        words = f"{self._headline} {assumed_words(self.portfolio)}".rstrip()
        return f"{STALE}{words}" if self.stale else words

    @property
    def _headline(self) -> str:
        basis = self.portfolio.basis
        money = "".join(each.words(basis, PENDING) for each in self.pending) + self.request.words(basis)
        fx = "" if self.money is None else exchange_words(self.money)
        if not self.sized.moved.any():
            unsent = "; no order can be sent" if self.sized.wished.any() else ""
            return f"{money}No trade: {self.reason}{unsent}.{fx}"
        sides = [
            f"{side} {', '.join(self.orders.loc[self.orders['side'] == side, 'asset'].unique())}"
            for side in ("sell", "buy")
        ]
        named = "; ".join(side for side in sides if not side.endswith(" "))
        count = counted(len(self.orders), "order")
        traded = f"{self.sized.buys + self.sized.sells:,.2f} {self.portfolio.basis} in {count}"
        return (
            f"{money}{named[0].upper()}{named[1:]}: {traded}, costs {float(self.sized.charges.sum()):,.2f}, turnover "
            f"{percent(self.turnover, 2)}.{fx}"
        )

    @property
    def turnover(self) -> float:
        """One-way: the larger of buys and sells, over the larger of NAV with and without the flow."""
        nav = self.sized.position.nav
        return self.sized.turnover * nav / max(nav, nav - self.request.flow)

    @property
    def provenance(self) -> dict[str, str]:
        """Portfolio, file, policy, run and data of the list; `as_of` is the day of its newest price."""
        return {
            "portfolio": self.portfolio.name,
            "file": Path(self.portfolio.file).name,
            "policy": self.policy,
            "run": self.run,
            "data": self.portfolio.market.fingerprint,
            "as_of": f"{self.portfolio.priced_on:%Y-%m-%d}",
            "last_close": f"{self.portfolio.date:%Y-%m-%d}",
        }

    @property
    def facts(self) -> dict[str, str | float | bool]:
        """The list in figures: decision, reason, wealth and cash before and after, costs, turnover; ignored items."""
        sized = self.sized
        amounts = {
            "nav_before": sized.position.nav - self.request.flow,
            "nav_after": sized.nav_after,
            "cash_before": sized.position.cash - self.request.flow,
            "flow": self.request.flow,
            "sells": sized.sells,
            "buys": sized.buys,
            **{column: float(sized.charges[k].sum()) for k, column in enumerate(CHARGED)},
            "cash_after": sized.cash,
        }
        return {
            "holds": self.holds,
            "reason": self.reason,
            "basis": self.portfolio.basis,
            "today": "" if self.ages is None else f"{self.ages.today:%Y-%m-%d}",
            "stale": self.stale,
            **{name: round(float(amount), 2) for name, amount in amounts.items()},
            "turnover": self.turnover,
            **({} if self.money is None else {"rounding": float(self.money.rounding)}),
            **(tax_facts(self.portfolio, self.tax) if self._has_lots else {}),
            "left_out": ", ".join(self.left_out),
        }

    @property
    def left_out(self) -> tuple[str, ...]:
        """The parts of the file that the list ignores: tax, where purchase prices are not known, and cash flows."""
        flows = () if self.portfolio.flows is None else ("cash flows",)
        return (*not_known(self.portfolio, self.sized.by_account, self._traded), *flows)

    @cached_property
    def before_after(self) -> BeforeAfter:
        """The portfolio before and after the orders; where the policy holds, of a trade to target today."""
        return BeforeAfter(self.portfolio, self.target, self.sized if self.would is None else self.would)

    @property
    def outside(self) -> list[str]:
        """A sentence for each asset that is outside its range after the orders, the furthest first, with the reason."""
        return self._rows.outside(self.sized)

    @property
    def binding(self) -> tuple[str, ...]:
        """The limits that keep the orders from the policy's own step, each with its assets: "cash limit (AGG)"."""
        return self._rows.reasons(self.sized).binding

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on prices, data, lots and holdings: ages, the search for lots, the notes of files."""
        portfolio = self.portfolio
        of_age = () if self.ages is None else age_notes(portfolio, self.ages)
        of_rates = rate_notes(portfolio, self.rate_ages)
        missed = self._rows.reasons(self.sized).missed
        of_tax = tax_notes(self._after_orders(), self.harvest) if self._has_lots else ()
        of_orders = (*self._impact, *self._lots, *missed, *self._reserve)
        found = (priced(portfolio, self.ages), *of_age, *of_rates, *of_orders, *of_tax)
        of_data = market_warnings(portfolio.market, portfolio.test_start, file=portfolio.file)
        return overrides_first(
            (
                *self._of_pending,
                *self._cut_offs,
                *found,
                *late_listings(portfolio),
                *self._of_store,
                *frozen_quotes(portfolio),
                *stopped_words(portfolio.market, portfolio.weights),
                *of_data,
                *portfolio.notes,
            )
        )

    @property
    def _of_pending(self) -> tuple[str, ...]:
        """A note on the money of earlier lists that is not booked yet."""
        words = " ".join(each.words(self.portfolio.basis, PENDING).rstrip() for each in self.pending)
        return (f"{words} Cash and NAV here are after it.",) if words else ()

    @property
    def _cut_offs(self) -> tuple[str, ...]:
        """A note for each cut-off of mutual funds that the list trades."""
        cut_offs, moved = self.portfolio.limits.cut_offs, self.sized.moved
        funds = dict[str, list[str]]()
        for asset, cut_off, trades in zip(self.portfolio.market.assets, cut_offs, moved, strict=bool(cut_offs)):
            if cut_off and trades:
                funds.setdefault(cut_off, []).append(asset)
        return tuple(CUT_OFF_NOTE.format(listed(assets), cut_off) for cut_off, assets in funds.items())

    @property
    def _of_store(self) -> tuple[str, ...]:
        """A note on the rows of a store that the market was made from, as a portfolio file names them."""
        origin = self.portfolio.market.origin
        keys = ", ".join(f"{key}: '{value}'" for key, value in origin.items())
        return (f"Rows of the store: `{keys}` in `market` reads the same again, or is refused.",) if origin else ()

    @property
    def _impact(self) -> tuple[str, ...]:
        """A note that costs leave out the orders' effect on prices, where they are large and no impact is stated."""
        market, sized = self.portfolio.market, self.sized if self.would is None else self.would
        if self.portfolio.costs.impact is not None:
            return ()
        size = np.abs(sized.notional)
        volume = np.full(len(size), np.nan) if market.volumes is None else dollar_volume(market)[-1]
        part = np.divide(size, volume, out=np.full(len(size), np.nan), where=volume > 0.0)
        large = np.flatnonzero(np.where(np.isnan(part), size > LARGE, part > LARGE_PART))
        if not large.size:
            return ()
        named = [
            f"{market.assets[i]} ({size[i]:,.0f} {self.portfolio.basis}, "
            f"{'its volume is not known' if np.isnan(part[i]) else f'{percent(part[i])} of the mean volume of a day'})"
            for i in large[np.argsort(-size[large], kind="stable")]
        ]
        return (
            "Costs leave out market impact, by which large orders move prices against themselves: "
            f"{listed(named, most=5)}. With volumes, `impact` in the file counts it.",
        )

    @property
    def _reserve(self) -> tuple[str, ...]:
        """A note that cash stays below the reserve, where sells could not reach it."""
        position, basis = self.sized.position, self.portfolio.basis
        reserve, cash = position.limits.stays(position.nav), self.sized.cash
        if cash >= reserve - CENT:
            return ()
        when = " after the orders" if self.sized.moved.any() else ""
        of_nav = f"{reserve / position.nav / BASIS_POINT:.2f} bp of NAV"
        return (f"Cash{when} is {cash:,.2f} {basis}, below the reserve of {reserve:,.2f} {basis} ({of_nav}).",)

    @property
    def _lots(self) -> tuple[str, ...]:
        """The distance of the orders from the best whole lots, in a sentence."""
        solved = self.sized.solved
        by = " by tracking error" if self.portfolio.orders.objective == TRACKING_ERROR else ""
        return () if solved is None else (f"Whole lots{by}: {solved.words}.",)

    def after(self, fills: Iterable[Fill] | None = None) -> Portfolio:
        """The portfolio after the orders at these prices and costs, and the flow; its last trade is today's.

        fills  : what was filled of the orders, in place of these prices and costs; the next list completes the rest.
        Raises : DataError for fills that are not of these orders (`research.orders.after_fills.after_fills`).
        """
        if fills is not None:
            return after_fills(self.sent(), fills)
        after = self._after_orders()
        return after if self.money is None else self.money.paid(after)

    def sent(self) -> Portfolio:
        """The portfolio before its orders, with the flow in its cash, and with the orders in its blotter."""
        portfolio, before = self.portfolio, self.portfolio.blotter or Blotter()
        orders = tuple(sent_orders(portfolio, self.sized, self.money))
        blotter = replace(before, asked=portfolio.date.date(), ticket="", orders=orders)
        return replace(with_flow_in_cash(portfolio, self.request), blotter=blotter)

    def _after_orders(self) -> Portfolio:
        if not self.sized.moved.any():
            flow, accounts = self.request.flow, accounts_with_flow(self.portfolio.accounts, self.request)
            cash = self.portfolio.cash + flow
            return replace(self.portfolio, cash=cash, accounts=accounts) if flow else self.portfolio
        held = self.sized.after
        return replace(
            self.portfolio,
            holdings=held.units * held.prices,
            shares=np.where(np.isnan(self.portfolio.shares), np.nan, held.units),
            cash=held.cash,
            last_trade=self.portfolio.date,
            blotter=None,
            accounts=self.sized.after_orders() if isinstance(self.sized, Divided) else (),
            tax_lots=None
            if (tax := self.portfolio.tax_lots) is None
            else after_sales(tax, self._traded, self.portfolio.market.assets, self.portfolio.trade_day),
        )

    # -- tables ------------------------------------------------------------------------------------------------------

    @cached_property
    def orders(self) -> pd.DataFrame:
        """A row an order, sells first, the largest first: units, price, notional, costs, weights, gap, reason.

        Weights, target and gap are fractions of NAV, amounts currency. Units and price are NaN without a quote. The
        reason is that of the asset; that of the portfolio is `reason`.
        """
        return pd.DataFrame(self.order_columns)

    @cached_property
    def held(self) -> pd.DataFrame:
        """A row for each asset that no order moves: units, value, weight, target, gap, and why it stays."""
        return pd.DataFrame(self._rows.held(self.sized))

    @cached_property
    def would_trade(self) -> pd.DataFrame:
        """The orders of trading to target today, when the rule holds; without rows when it trades."""
        if self.would is None:
            return self.orders.iloc[:0]
        return pd.DataFrame(self._rows.orders(self.would))

    @cached_property
    def tax(self) -> pd.DataFrame:
        """A row for each sale and tax lot (`research.orders.tax.tax_tables`); without rows where no lots are known."""
        return tax_table(self.portfolio, self._traded)

    @cached_property
    def harvest(self) -> pd.DataFrame:
        """A row for each tax lot whose loss could be realised after the orders; the list does not trade it."""
        return harvest_table(self._after_orders(), self.sized.position.prices)

    @cached_property
    def money(self) -> CashByCurrency | None:
        """The orders in the currencies of their assets, and cash by currency; None where all is in the basis."""
        return None if self.portfolio.currencies is None else CashByCurrency(self.portfolio, self.sized, self.request)

    @cached_property
    def fx(self) -> pd.DataFrame:
        """A row for each currency to buy or sell (`cash_by_currency.CurrencyExchange`); without rows where none is."""
        return pd.DataFrame({} if self.money is None else self.money.fx_columns)

    @cached_property
    def cash(self) -> pd.DataFrame:
        """A row for each currency (`cash_by_currency.Balance`); without rows where all is in the basis."""
        return pd.DataFrame({} if self.money is None else self.money.cash_columns)

    @property
    def _has_lots(self) -> bool:
        return self.portfolio.tax_lots is not None and any(self.portfolio.tax_lots.lots)

    @cached_property
    def _traded(self) -> TradedLots:
        sized, position, tax = self.sized, self.sized.position, self.portfolio.tax_lots
        if tax is None:
            return TradedLots(((),) * len(position.units), ((),) * len(position.units))
        return trade_lots(tax, sized.by_account, position.prices, self.portfolio.trade_day)

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """A row for each account: orders, NAV and cash before and after them; without rows where there are none."""
        table = pd.DataFrame(self.sized.table() if isinstance(self.sized, Divided) else {})
        if self.request.flow and len(table):
            table.insert(list(table).index("cash_before") + 1, "flow", self.request.flows(table["account"].tolist()))
        return table

    @property
    def order_columns(self) -> dict[str, Any]:
        """The columns of `orders` by name, from which many lists are written: their tables would take longer."""
        return self._rows.orders(self.sized)

    @property
    def _rows(self) -> OrderTables:
        ordered = self.request.ordered
        of_list = (self.wanted, self.limit, self.holds, self.ages, ordered, self.tilt)
        return OrderTables(self.portfolio, self.target, *of_list)

    # -- pages -------------------------------------------------------------------------------------------------------

    def html(self) -> str:
        """The list as a block of HTML with semantic classes and no style of its own: as the tearsheet holds it."""
        return page.html(self.content)

    def order_cells(self) -> tuple[list[tuple[str, str]], list[list[str]]]:
        """Heads of the orders as (words, unit), and the cells of each order; empty where nothing is traded."""
        return page.order_cells(self.content) if len(self.orders) else ([], [])

    @property
    def content(self) -> ListContent:
        """The parts that its ticket and its pages show."""
        tables = {"orders": self.orders, "held": self.held, "would_trade": self.would_trade}
        if self._has_lots:
            tables |= {"tax_lots": self.tax, "harvest": self.harvest}
        if self.portfolio.accounts:
            tables["accounts"] = self.accounts
        if self.money is not None:
            tables |= {"fx": self.fx, "cash": self.cash}
        words = (self.outside, self.before_after, self.notes, self.binding)
        return ListContent(self.headline, self.provenance, self.facts, tables, *words)

    def _repr_html_(self) -> str:
        """The same block with a style of its own."""
        return page.styled(page.html(self.content))

    def __repr__(self) -> str:
        """The list as text."""
        return page.text(self.content)
