"""What to send as of the last close: each order with its price, cost and reason; what is held, and why."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from research.accounting import Hold, Policy, Trade, Why
from research.accounting.costs import CHARGED
from research.allocation import TargetPath, target_path
from research.arguments import day
from research.arrays import Array
from research.errors import ConfigError
from research.files import write_whole
from research.portfolio import Portfolio
from research.portfolio.orders import TRACKING_ERROR
from research.portfolio.prices import bases
from research.rules import Calendar
from research.rules.bands import band_rows
from research.rules.no_trade_bands import restricted
from research.rules.protocol import held_by, short_name, traits
from research.trading import page
from research.trading.before_after import BeforeAfter
from research.trading.content import STALE, Content
from research.trading.decision import decision
from research.trading.formats import format_of
from research.trading.gain_budget import within_gain_budget
from research.trading.household import SWAP, Divided, divided
from research.trading.household import with_flow as accounts_with_flow
from research.trading.lot_solver import SECONDS
from research.trading.position import Position
from research.trading.price_age import PriceAges, age_notes, check_ages, frozen_quotes, price_ages, priced
from research.trading.reasons import CAP, FLOW, ONE_SIDE, OTHERS, PART, TRANCHES, Reasons
from research.trading.request import PLAIN, Request, flow_trade, with_flow
from research.trading.sizing import Ask, Orders, once, size
from research.trading.tax_lots import TradedLots, after_sales, trade_lots, with_wash_sale_locks
from research.trading.tax_tables import harvest_table, not_known, tax_facts, tax_table
from research.trading.ticket import Ticket, make_ticket

PRICED = ("price", "price_date", "price_age", "price_basis")
ORDERS = ("side", "asset", "units", *PRICED, "notional", *CHARGED, "cost", "weight_before",
          "weight_after", "target", "gap", "reason")  # fmt: skip
FLOW_REASONS = {
    True: "the deposit buys what is under target, after which the policy holds",
    False: "the withdrawal is raised by selling what is over target, after which the policy holds",
}
HELD = ("asset", "units", *PRICED, "value", "weight", "target", "gap", "reason")


@dataclass(frozen=True, eq=False)
class TradeList:
    """What a policy asks of a portfolio at its last close, as orders that can be sent.

    portfolio : the portfolio.
    policy    : name of the policy.
    run       : id of the run that recommends it, or "".
    target    : (n,) in force, fraction of NAV.
    decides   : the policy itself.
    why       : the reason of its decision.
    holds     : the decision is to hold, and `sized` is empty.
    sized     : the orders.
    would     : when it holds, the orders of trading to target today; else None.
    wanted    : (lower, upper) (n,) each, the box that is aimed at, fraction of NAV.
    limit     : what keeps a trade from the whole of it (`research.trading.reasons`).
    request   : what was asked for besides the policy's decision.
    ages      : of the prices on the day on which the list is asked for, or None where no day was given; in the tables
                they are then counted to the last close.
    """

    portfolio: Portfolio
    policy: str
    run: str
    target: Array
    decides: Policy
    why: Why
    holds: bool
    sized: Orders
    would: Orders | None
    wanted: tuple[Array, Array]
    limit: tuple[str, str]
    request: Request = PLAIN
    ages: PriceAges | None = None

    # -- facts -------------------------------------------------------------------------------------------------------

    @property
    def reason(self) -> str:
        """Why the policy trades or holds, in words."""
        if self.why.trigger == "flow":
            return FLOW_REASONS[self.request.flow > 0.0]
        return self.why.sentence(self.portfolio.market.labels, self.holds, short_name(self.decides))

    @property
    def empty(self) -> bool:
        """Is there nothing to send?"""
        return not self.sized.units.any()

    @property
    def stale(self) -> bool:
        """Is a price older than the file allows for orders?"""
        return self.ages is not None and bool(self.ages.too_old.any())

    @property
    def headline(self) -> str:
        """The list in one line; one with stale prices is marked."""
        return f"{STALE}{self._headline}" if self.stale else self._headline

    @property
    def _headline(self) -> str:
        money = self.request.words(self.portfolio.basis)
        if self.empty:
            return f"{money}No trade: {self.reason}{'' if self.holds else '; no order can be sent'}."
        sides = [
            f"{side} {', '.join(self.orders.loc[self.orders['side'] == side, 'asset'].unique())}"
            for side in ("sell", "buy")
        ]
        named = "; ".join(side for side in sides if not side.endswith(" "))
        count = "1 order" if len(self.orders) == 1 else f"{len(self.orders)} orders"
        traded = f"{self.sized.buys + self.sized.sells:,.2f} {self.portfolio.basis} in {count}"
        return (
            f"{money}{named[0].upper()}{named[1:]}: {traded}, costs {float(self.sized.charges.sum()):,.2f}, turnover "
            f"{self.turnover:.2%}."
        )

    @property
    def turnover(self) -> float:
        """One-way: the larger of buys and sells, over the larger of NAV with and without the flow."""
        nav = self.sized.position.nav
        return self.sized.turnover * nav / max(nav, nav - self.request.flow)

    @property
    def provenance(self) -> dict[str, str]:
        """Portfolio, file, policy, run, data and date of the list."""
        return {
            "portfolio": self.portfolio.name,
            "file": Path(self.portfolio.file).name,
            "policy": self.policy,
            "run": self.run,
            "data": self.portfolio.market.fingerprint,
            "as_of": f"{self.portfolio.date:%Y-%m-%d}",
        }

    @property
    def facts(self) -> dict[str, str | float | bool]:
        """The list in figures: decision, reason, wealth and cash before and after, costs, turnover; what it ignores."""
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
            **{name: round(amount, 2) for name, amount in amounts.items()},
            "turnover": self.turnover,
            **(tax_facts(self.portfolio, self.tax) if self._has_lots else {}),
            "left_out": ", ".join(self.left_out),
        }

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the file has and the list ignores: tax, where purchase prices are not known, and cash flows."""
        flows = () if self.portfolio.flows is None else ("cash flows",)
        units = self.sized.taxable[1] if isinstance(self.sized, Divided) else self.sized.units
        return (*not_known(self.portfolio, units), *flows)

    @cached_property
    def before_after(self) -> BeforeAfter:
        """The portfolio before and after the orders; where the policy holds, of a trade to target today."""
        return BeforeAfter(self.portfolio, self.target, self.sized if self.would is None else self.would)

    @property
    def outside(self) -> list[str]:
        """A sentence for each line that is outside its range after the orders, the furthest first, with the reason."""
        found = BeforeAfter(self.portfolio, self.target, self.sized).outside("after")
        reasons, assets = self._reasons(self.sized), self.portfolio.market.assets
        said = [(line.sentence, assets.index(line.asset)) for line in found]
        return [f"{sentence}: {reasons.of_outside(i)}{self._divided(i)}" for sentence, i in said]

    @property
    def binding(self) -> tuple[str, ...]:
        """The limits that keep the orders from the policy's own step, each with its lines: "cash limit (AGG)"."""
        return self._reasons(self.sized).binding

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of prices, lots and holdings: ages and bases, how lots were found, what files say."""
        portfolio = self.portfolio
        of_age = () if self.ages is None else age_notes(portfolio, self.ages)
        return (priced(portfolio, self.ages), *of_age, *self._lots, *frozen_quotes(portfolio), *portfolio.notes)

    @property
    def _lots(self) -> tuple[str, ...]:
        """How near the orders are to the best whole lots."""
        solved = self.sized.solved
        by = " by tracking error" if self.portfolio.orders.objective == TRACKING_ERROR else ""
        return () if solved is None else (f"Whole lots{by}: {solved.words}.",)

    def after(self) -> Portfolio:
        """The portfolio after the orders at these prices and costs, and the flow; its last trade is today's."""
        if self.empty:
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
            accounts=self.sized.after_orders() if isinstance(self.sized, Divided) else (),
            tax_lots=None
            if (tax := self.portfolio.tax_lots) is None
            else after_sales(tax, self._traded, self.portfolio.market.assets, self.portfolio.date),
        )

    # -- tables ------------------------------------------------------------------------------------------------------

    @cached_property
    def orders(self) -> pd.DataFrame:
        """A row an order, sells first, the largest first: units, price, notional, costs, weights, gap, reason.

        Weights, target and gap are fractions of NAV, amounts currency. Units and price are NaN without a quote. The
        reason is that of the line; that of the portfolio is `reason`.
        """
        return self._orders(self.sized)

    @cached_property
    def held(self) -> pd.DataFrame:
        """A row for each line that no order moves: units, value, weight, target, gap, and why it stays."""
        sized, position = self.sized, self.sized.position
        kept = np.flatnonzero(~(sized.moved if isinstance(sized, Divided) else sized.units != 0.0))
        reasons = self._reasons(sized)
        columns = self._columns(self.sized, kept) | {
            "units": np.where(position.quoted, position.units, np.nan)[kept],
            "value": (position.units * position.prices)[kept],
            "weight": position.weights[kept],
            "reason": [self._divided(int(i)).removeprefix("; ") or reasons.of_held(int(i)) for i in kept],
        }
        return pd.DataFrame(columns)[list(HELD)]

    @cached_property
    def would_trade(self) -> pd.DataFrame:
        """The orders of trading to target today, when the rule holds; without rows when it trades."""
        if self.would is None:
            return self._orders(self.sized).iloc[:0]
        return self._orders(self.would)

    @cached_property
    def tax(self) -> pd.DataFrame:
        """A row for each sale and tax lot (`research.trading.tax_tables`); without rows where no lots are known."""
        return tax_table(self.portfolio, self._traded)

    @cached_property
    def harvest(self) -> pd.DataFrame:
        """A row for each tax lot whose loss could be realised after the orders; the list does not trade it."""
        return harvest_table(self.portfolio, self.after().tax_lots, self.sized.position.prices)

    @property
    def _has_lots(self) -> bool:
        return self.portfolio.tax_lots is not None and any(self.portfolio.tax_lots.lots)

    @cached_property
    def _traded(self) -> TradedLots:
        sized, position, tax = self.sized, self.sized.position, self.portfolio.tax_lots
        if tax is None:
            return TradedLots(((),) * len(position.units), ((),) * len(position.units))
        held, units = sized.taxable if isinstance(sized, Divided) else (position.units, sized.units)
        return trade_lots(tax, held, units, position.prices, self.portfolio.date)

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """A row for each account: orders, NAV and cash before and after them; without rows where there are none."""
        return pd.DataFrame(self.sized.table() if isinstance(self.sized, Divided) else {})

    @property
    def order_columns(self) -> dict[str, Any]:
        """The columns of `orders` by name, from which many lists are written: their tables would take longer."""
        return self._order_columns(self.sized)

    def _orders(self, sized: Orders) -> pd.DataFrame:
        return pd.DataFrame(self._order_columns(sized))

    def _order_columns(self, sized: Orders) -> dict[str, Any]:
        if isinstance(sized, Divided):
            return self._divided_columns(sized)
        moved = np.flatnonzero(sized.units)
        moved = moved[np.lexsort((-np.abs(sized.notional[moved]), sized.units[moved] > 0.0))]
        columns = self._columns(sized, moved) | {
            "side": np.where(sized.units[moved] > 0.0, "buy", "sell").astype(object),
            "units": np.where(sized.position.quoted, np.abs(sized.units), np.nan)[moved],
            "notional": np.abs(sized.notional)[moved],
            **{column: sized.charges[k, moved] for k, column in enumerate(CHARGED)},
            "cost": sized.charges[:, moved].sum(axis=0).round(2),
            "weight_before": sized.position.weights[moved],
            "weight_after": sized.after.weights[moved],
            "reason": [self._reasons(sized).of_order(int(i)) for i in moved],
        }
        return {name: columns[name] for name in ORDERS}

    def _divided_columns(self, sized: Divided) -> dict[str, Any]:
        """The columns of `orders` after the account; weights are those of the line in all accounts."""
        rows = sized.rows()
        who, moved = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        units, charges = sized.parts[who, moved], sized.each_charges[who, :, moved]
        reasons = self._reasons(sized)
        columns = self._columns(sized, moved) | {
            "account": np.array([account.name for account in sized.accounts], dtype=object)[who],
            "side": np.where(units > 0.0, "buy", "sell").astype(object),
            "units": np.where(sized.position.quoted[moved], np.abs(units), np.nan),
            "notional": np.abs(sized.each_notional[who, moved]),
            **{column: charges[:, k] for k, column in enumerate(CHARGED)},
            "cost": charges.sum(axis=1).round(2),
            "weight_before": sized.position.weights[moved],
            "weight_after": sized.after.weights[moved],
            "reason": [SWAP if sized.is_swap(a, i) else f"{reasons.of_order(i)}{self._divided(i, a)}" for a, i in rows],
        }
        return {name: columns[name] for name in ("account", *ORDERS)}

    def _divided(self, i: int, a: int | None = None) -> str:
        """What the division over accounts did to line `i`, as the end of a sentence."""
        said = self.sized.said_of(i, a) if isinstance(self.sized, Divided) else ""
        return f"; {said}" if said else ""

    def _reasons(self, sized: Orders) -> Reasons:
        whole = sized.listed if isinstance(sized, Divided) and sized.listed is not None else sized
        return Reasons(self.portfolio, self.target, whole, self.wanted, self.limit, self.holds)

    def _columns(self, sized: Orders, rows: NDArray[np.int64]) -> dict[str, Any]:
        """What every table says of these lines."""
        prices = self.portfolio.prices
        return {
            "asset": np.array(self.portfolio.market.assets, dtype=object)[rows],
            "price": np.where(sized.position.quoted, sized.position.prices, np.nan)[rows],
            "price_date": ["" if np.isnat(day) else str(day) for day in prices.days[rows]],
            "price_age": (self.ages or price_ages(self.portfolio)).sessions[rows],
            "price_basis": np.array(bases(self.portfolio.market, prices), dtype=object)[rows],
            "target": self.target[rows],
            "gap": (sized.position.weights - self.target)[rows],
        }

    # -- files and pages ---------------------------------------------------------------------------------------------

    @cached_property
    def ticket(self) -> Ticket:
        """The list as a record to approve and send. Raises ConfigError as `make_ticket` does."""
        return make_ticket(self.portfolio, self.sized, self.content)

    def write(self, path: str | Path) -> Path:
        """Write the ticket in the format of the path's ending, whole or not at all; gives the path.

        Raises : ConfigError for an ending of no format, and for an order that the format cannot carry.
        """
        return write_whole(path, format_of("path", path).write(self.ticket))

    def html(self) -> str:
        """The list as a block of HTML with semantic classes and no style of its own: as the tearsheet holds it."""
        return page.html(self.content)

    def order_cells(self) -> tuple[list[tuple[str, str]], list[list[str]]]:
        """Heads of the orders as (words, unit), and the cells of each order; empty where nothing is traded."""
        return page.order_cells(self.content) if len(self.orders) else ([], [])

    @property
    def content(self) -> Content:
        """The parts that its ticket and its pages show."""
        tables = {"orders": self.orders, "held": self.held, "would_trade": self.would_trade}
        if self._has_lots:
            tables |= {"tax_lots": self.tax, "harvest": self.harvest}
        if self.portfolio.accounts:
            tables["accounts"] = self.accounts
        return Content(
            self.headline,
            self.provenance,
            self.facts,
            tables,
            self.outside,
            self.before_after,
            self.notes,
            self.binding,
        )

    def _repr_html_(self) -> str:
        """The same block with a style of its own."""
        return page.cell(self.content)

    def __repr__(self) -> str:
        """The list as text."""
        return page.text(self.content)


def trade_list(
    portfolio: Portfolio,
    policy: Policy,
    name: str = "",
    *,
    run: str = "",
    targets: TargetPath | None = None,
    request: Request = PLAIN,
    position: Position | None = None,
    seconds: float = SECONDS,
    as_of: str | pd.Timestamp | None = None,
    stale_ok: bool = False,
) -> TradeList:
    """The orders that `policy` wants at the portfolio's last close, from its holdings and that close's prices.

    portfolio : the desk's file.
    policy  : that decides.
    name    : of the policy; by default as in the portfolio's file, else its class.
    run     : id of a run that recommends it.
    targets : the path of the allocation's targets on the portfolio's market, if it was computed before.
    request : what is asked for besides: money in or out, one side only, all to target.
    position : of the portfolio, if it was made before.
    seconds : that the search for the best lots may take; 0 takes the greedy search, as backtests do.
    as_of   : today, against which the age of each price is counted; None, for history, counts none.
    stale_ok : make the list, marked, where prices are too old for orders.
    Raises  : ConfigError for a policy that is still to be tuned or trained, and for a withdrawal that sells cannot pay;
              PolicyError for a box that cannot be traded into; DataError for prices that are later than today, or
              older than `orders: max_age` allows.

    >>> from research.portfolio import load_portfolio
    >>> portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    >>> trade_list(portfolio, portfolio.policies["threshold"]).orders[["side", "asset", "units"]].to_numpy().tolist()
    [['sell', 'SPY', 133.0], ['buy', 'AGG', 721.0]]
    """
    name = name or next((known for known, p in portfolio.policies.items() if p is policy), short_name(policy))
    if not isinstance(policy, Policy):
        raise ConfigError(
            f"policy {name!r} cannot decide: a {short_name(policy)} must be tuned or trained first. Give the "
            "result of that."
        )
    ages = None if as_of is None else price_ages(portfolio, day("as_of is", as_of))
    if ages is not None and not stale_ok:
        check_ages(portfolio, ages)
    last = len(portfolio.market.dates) - 1
    if targets is None:
        targets = target_path(held_by(policy, portfolio.strategic), portfolio.market, start=last)
    if said := targets.remarks(last, name):
        portfolio = replace(portfolio, notes=(*portfolio.notes, *said))
    target, position = targets.at(last), with_flow(position or Position.of(portfolio), request)
    bound, aim = with_wash_sale_locks(portfolio, target, position.weights)
    decides = Calendar(portfolio.strategic, "day") if request.to_target else policy

    def asked(state: Position, again: bool) -> Hold | Trade:
        return decision(bound, decides, name, aim, state, again)

    def sized(ask: Ask) -> Orders:
        again = portfolio.last_trade == portfolio.date
        return within_gain_budget(
            portfolio, position, lambda p: size(p, ask, aim, name, way=request.way, again=again, seconds=seconds)
        )

    def ask(state: Position, again: bool) -> Trade | None:
        now = asked(state, again) if again else answer
        return now if isinstance(now, Trade) else None

    answer, orders = asked(position, False), None
    if request.flow != 0.0:
        flow = flow_trade(position, aim, bound.market, request.flow)
        invested = sized(once(flow))
        if isinstance(asked(invested.after, False), Hold):
            answer, orders = flow, invested
    wanted, limit = _wanted(bound, decides, name, aim, position, answer)
    holds = isinstance(answer, Hold)
    listed = TradeList(
        portfolio=portfolio,
        policy=name,
        run=run,
        target=target,
        decides=policy,
        why=answer.why,
        holds=holds,
        sized=divided(portfolio, sized(ask) if orders is None else orders, request),
        would=sized(once(wanted)) if holds else None,
        wanted=(wanted.lower, wanted.upper),
        limit=ONE_SIDE.get(request.way, limit),
        request=request,
        ages=ages,
    )
    if request.flow < 0.0 and listed.sized.cash < -position.debt:
        raise ConfigError(
            f"the withdrawal of {-request.flow:,.2f} {portfolio.basis} cannot be paid: cash and the sells that its "
            "limits allow, less costs and an adverse move, do not reach it. Withdraw less, or change the limits."
        )
    return listed


def _to_target(portfolio: Portfolio, target: Array, why: Why) -> Trade:
    """The trade to target, as far as restrictions of the lines allow."""
    rows = restricted(band_rows(target[None], 0.0, 0.0), portfolio.market)
    cash = rows["cash"][0]
    return Trade(rows["lower"][0], rows["upper"][0], why, cash_lower=cash[2], cash_upper=cash[3])


def _wanted(
    portfolio: Portfolio, policy: Policy, name: str, target: Array, position: Position, answer: Hold | Trade
) -> tuple[Trade, tuple[str, str]]:
    """The box that a trade aims at, without a turnover cap and in one tranche; and what keeps it from there."""
    if isinstance(answer, Hold):
        return _to_target(portfolio, target, Why("calendar")), OTHERS
    if answer.why.trigger == "flow":
        return answer, FLOW
    if (uncapped := traits(policy).uncapped()) is not None:
        whole = decision(portfolio, uncapped, name, target, position, again=False)
        if isinstance(whole, Trade) and not np.array_equal((whole.lower, whole.upper), (answer.lower, answer.upper)):
            return whole, CAP
    if traits(policy).tranches > 1:
        return _to_target(portfolio, target, answer.why), TRANCHES
    return answer, PART if answer.fraction < 1.0 else OTHERS
