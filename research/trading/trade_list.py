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
from research.portfolio.prices import bases
from research.rules.bands import band_rows
from research.rules.no_trade_bands import restricted
from research.rules.protocol import held_by, short_name, traits
from research.tolerances import COUNTED, LOT
from research.trading import formats, page
from research.trading.decision import decision
from research.trading.lot_solver import SECONDS
from research.trading.position import Position, counts
from research.trading.price_age import PriceAges, age_notes, check_ages, frozen_quotes, price_ages, priced
from research.trading.sizing import Orders, size

PRICED = ("price", "price_date", "price_age", "price_basis")
ORDERS = ("side", "asset", "units", *PRICED, "notional", *CHARGED, "cost", "weight_before",
          "weight_after", "target", "gap", "aim", "reason")  # fmt: skip
HELD = ("asset", "units", *PRICED, "value", "weight", "target", "gap", "reason")
# What keeps a trade from the whole of what is wanted: the aim of a line that it moves, and why another stays.
CAP = ("up to the turnover cap", "the turnover cap is reached")
TRANCHES = ("to the mean of its tranches", "at the mean of its tranches")
PART = ("part of the way", "limited by the other trades")
NAMED = 2  # lines of the other side that an order names
NOTED = 0.05  # of an order: less that comes from cash, or goes to it, is what whole lots leave
OTHERS = ("as far as the other trades allow", "limited by the other trades")


@dataclass(frozen=True, eq=False)
class TradeList:
    """What a policy asks of a portfolio at its last close, as orders that can be sent.

    portfolio : the portfolio.
    policy    : name of the policy.
    run       : id of the run that recommends it, or "".
    target    : (n,) in force, fraction of NAV.
    rule      : short name of the policy's rule.
    why       : the reason of its decision.
    holds     : the decision is to hold, and `sized` is empty.
    sized     : the orders.
    would     : when it holds, the orders of trading to target today; else None.
    wanted    : (lower, upper) (n,) each, the box that is aimed at, fraction of NAV.
    limit     : what keeps a trade from the whole of it: the aim of a line that it moves, and why another stays.
    ages      : of the prices on the day on which the list is asked for, or None where no day was given; in the tables
                they are then counted to the last close.
    """

    portfolio: Portfolio
    policy: str
    run: str
    target: Array
    rule: str
    why: Why
    holds: bool
    sized: Orders
    would: Orders | None
    wanted: tuple[Array, Array]
    limit: tuple[str, str]
    ages: PriceAges | None = None

    # -- facts -------------------------------------------------------------------------------------------------------

    @property
    def reason(self) -> str:
        """Why the policy trades or holds, in words."""
        return self.why.sentence(self.portfolio.market.labels, self.holds, self.rule)

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
        return f"Stale prices: {self._headline}" if self.stale else self._headline

    @property
    def _headline(self) -> str:
        if self.empty:
            return f"No trade: {self.reason}{'' if self.holds else '; no order can be sent'}."
        sides = [
            f"{side} {', '.join(self.orders.loc[self.orders['side'] == side, 'asset'])}" for side in ("sell", "buy")
        ]
        named = "; ".join(side for side in sides if not side.endswith(" "))
        count = "1 order" if len(self.orders) == 1 else f"{len(self.orders)} orders"
        return (
            f"{named[0].upper()}{named[1:]}: {float(np.abs(self.sized.notional).sum()):,.2f} {self.portfolio.basis} in "
            f"{count}, costs {float(self.sized.charges.sum()):,.2f}, turnover "
            f"{self.sized.turnover:.2%}."
        )

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
            "nav_before": sized.position.nav,
            "nav_after": sized.after.nav,
            "cash_before": sized.position.cash,
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
            "turnover": sized.turnover,
            "left_out": ", ".join(self.left_out),
        }

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the file has and the list ignores: tax, since purchase prices are not known, and cash flows."""
        tax = self.portfolio.costs.tax
        found = {
            "tax on gains": tax is not None and tax.rate > 0.0,
            "cash flows": self.portfolio.flows is not None,
        }
        return tuple(name for name, there in found.items() if there)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of prices and holdings: their age and basis, frozen quotes, what files say."""
        portfolio = self.portfolio
        of_age = () if self.ages is None else age_notes(portfolio, self.ages)
        return (priced(portfolio, self.ages), *of_age, *frozen_quotes(portfolio), *portfolio.notes)

    def after(self) -> Portfolio:
        """The portfolio after the orders at these prices and costs; its last trade is today's."""
        if self.empty:
            return self.portfolio
        held = self.sized.after
        return replace(
            self.portfolio,
            holdings=held.units * held.prices,
            shares=np.where(np.isnan(self.portfolio.shares), np.nan, held.units),
            cash=held.cash,
            last_trade=self.portfolio.date,
        )

    # -- tables ------------------------------------------------------------------------------------------------------

    @cached_property
    def orders(self) -> pd.DataFrame:
        """A row an order, sells first, the largest first: units, price, notional, costs, weights, gap, aim, reason.

        Weights, target and gap are fractions of NAV, amounts currency. Units and price are NaN without a quote.
        """
        return self._orders(self.sized, self.reason)

    @cached_property
    def held(self) -> pd.DataFrame:
        """A row for each line that no order moves: units, value, weight, target, gap, and why it stays."""
        kept = np.flatnonzero(self.sized.units == 0.0)
        position = self.sized.position
        columns = self._columns(self.sized, kept) | {
            "units": np.where(position.quoted, position.units, np.nan)[kept],
            "value": (position.units * position.prices)[kept],
            "weight": position.weights[kept],
            "reason": [self.reason if self.holds else self._why_kept(int(i)) for i in kept],
        }
        return pd.DataFrame(columns)[list(HELD)]

    @cached_property
    def would_trade(self) -> pd.DataFrame:
        """The orders of trading to target today, when the rule holds; without rows when it trades."""
        if self.would is None:
            return self._orders(self.sized, "").iloc[:0]
        return self._orders(self.would, "a trade to target today")

    def _orders(self, sized: Orders, reason: str) -> pd.DataFrame:
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
            "aim": [self._aim(sized, int(i)) for i in moved],
            "reason": [reason] * len(moved),
        }
        return pd.DataFrame(columns)[list(ORDERS)]

    def _columns(self, sized: Orders, rows: NDArray[np.int64]) -> dict[str, Any]:
        """What every table says of these lines."""
        prices = self.portfolio.prices
        return {
            "asset": np.array(self.portfolio.market.assets, dtype=object)[rows],
            "price": np.where(sized.position.quoted, sized.position.prices, np.nan)[rows],
            "price_date": [None if np.isnat(day) else str(day) for day in prices.days[rows]],
            "price_age": (self.ages or price_ages(self.portfolio)).sessions[rows],
            "price_basis": np.array(bases(self.portfolio.market, prices), dtype=object)[rows],
            "target": self.target[rows],
            "gap": (sized.position.weights - self.target)[rows],
        }

    def _why_kept(self, i: int) -> str:
        """Why line `i` is not traded although the rule trades."""
        sized, position, basis = self.sized, self.sized.position, self.portfolio.basis
        wished, amount = float(sized.wished[i]), float(abs(sized.rounded[i]) * position.prices[i])
        if not position.tradable[i]:
            return f"cannot trade on {self.portfolio.date:%Y-%m-%d}"
        if not counts(abs(wished) * position.prices[i], position.nav):
            return self._why_still(i)
        if abs(sized.rounded[i]) < (1.0 - LOT) * position.lots[i]:
            return f"an order of {abs(wished) / position.lots[i]:.2f} lots rounds to zero lots"
        if amount < position.minimum:
            return f"an order of {amount:,.2f} {basis} is below the minimum trade of {position.minimum:,.2f}"
        if limit := sized.limit(i):
            side = "buy" if wished > 0.0 else "sell"
            return f"a {side} of {amount:,.2f} {basis} was left out: {limit}"
        return "whole lots of the others come nearer to what is wanted"

    def _why_still(self, i: int) -> str:
        """Why the exact step does not trade line `i`."""
        (lower, upper), goal = (bound[i] for bound in self.wanted), self.sized.goal[i]
        if max(lower - goal, goal - upper) > self.sized.slack:
            return self.limit[1]
        if lower == upper:
            return "at its target"
        word = self.portfolio.market.trading[i]
        if word == "locked":
            return "may not be traded"
        if (word == "sell_only" and goal < self.target[i]) or (word == "buy_only" and goal > self.target[i]):
            return f"may only be {'sold' if word == 'sell_only' else 'bought'}"
        return "not traded by this rule" if np.isinf([lower, upper]).all() else "within its band"

    def _aim(self, sized: Orders, i: int) -> str:
        """The purpose of the order of line `i`, in words."""
        (lower, upper), before, goal = (bound[i] for bound in self.wanted), sized.position.weights[i], sized.goal[i]
        buys = bool(sized.units[i] > 0.0)
        outside = max(lower - goal, goal - upper) > sized.slack
        if abs(goal - self.target[i]) <= sized.slack:
            aim = "to its target"
        elif outside and (self.limit is TRANCHES or buys == bool(goal < lower)):
            aim = self.limit[0]
        elif lower == upper and not outside:
            aim = f"to {goal:.2%}"
        elif abs(goal - min(max(before, lower), upper)) <= sized.slack:
            aim = "back into its band"
        else:
            aim = self._placed(sized, i, buys)
        cut, lot = abs(float(sized.rounded[i])) - abs(float(sized.units[i])), float(sized.position.lots[i])
        limit = sized.limit(i) if cut > max(lot, COUNTED * sized.position.nav / sized.position.prices[i]) else ""
        units = " units" if sized.position.quoted[i] else ""
        return f"{aim}; reduced by {cut:,.8g}{units}: {limit}" if limit else aim

    def _placed(self, sized: Orders, i: int, buys: bool) -> str:
        """Why line `i` takes what other lines and cash leave, and which these are: the largest of them.

        See `research.accounting.box.place`.
        """
        way = -1.0 if buys else 1.0
        other = np.flatnonzero(sized.units * way > 0.0)
        other = other[np.argsort(-np.abs(sized.notional[other]), kind="stable")]
        names = [self.portfolio.market.assets[j] for j in other[:NAMED]]
        if len(other) > NAMED:
            names[-1] = f"{len(other) - NAMED + 1} others"
        trades = f"{'by the sale of' if buys else 'pays for the purchase of'} {' and '.join(names)}"
        from_cash, largest = (sized.sells - sized.buys) * way, float(np.abs(sized.notional[other]).max(initial=0.0))
        words = [trades] if names else []
        if from_cash > NOTED * abs(float(sized.notional[i])):
            words.insert(0 if from_cash >= largest else len(words), "by cash" if buys else "raises cash")
        side, past = ("under", sized.goal[i] - self.target[i]) if buys else ("over", self.target[i] - sized.goal[i])
        why = f"no line {side} target can take more" if past > 0.0 else f"furthest {side} target for its cost"
        (lower, upper), before = (bound[i] for bound in self.wanted), sized.position.weights[i]
        goes = "back into its band" if lower < upper else "to its target"
        outside = "" if lower <= before <= upper else f"{goes} and on, "
        return f"{outside}{'funded ' if buys else ''}{' and '.join(words)}: {why}"

    # -- files and pages ---------------------------------------------------------------------------------------------

    def to_csv(self, path: str | Path) -> Path:
        """Write the orders as CSV, each with its provenance, whole or not at all; gives the path."""
        return write_whole(path, formats.csv_text(self._content))

    def to_json(self, path: str | Path) -> Path:
        """Write provenance, figures and all three tables as JSON, whole or not at all; gives the path."""
        return write_whole(path, formats.json_text(self._content))

    def html(self) -> str:
        """The list as a block of HTML with semantic classes and no style of its own: as the tearsheet holds it."""
        return page.html(self._content)

    def order_cells(self) -> tuple[list[tuple[str, str]], list[list[str]]]:
        """Heads of the orders as (words, unit), and the cells of each order; empty where nothing is traded."""
        return page.order_cells(self._content) if len(self.orders) else ([], [])

    @property
    def _content(self) -> formats.Content:
        tables = {"orders": self.orders, "held": self.held, "would_trade": self.would_trade}
        return formats.Content(self.headline, self.provenance, self.facts, tables, self.notes)

    def _repr_html_(self) -> str:
        """The same block with a style of its own."""
        return page.cell(self._content)

    def __repr__(self) -> str:
        """The list as text."""
        return page.text(self._content)


def trade_list(
    portfolio: Portfolio,
    policy: Policy,
    name: str = "",
    *,
    run: str = "",
    targets: TargetPath | None = None,
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
    seconds : that the search for the best lots may take; 0 takes the greedy search, as backtests do.
    as_of   : today, against which the age of each price is counted; None, for history, counts none.
    stale_ok : make the list, marked, where prices are too old for orders.
    Raises  : ConfigError for a policy that is still to be tuned or trained; PolicyError for a box that cannot be
              traded into; DataError for prices that are later than today, or older than `orders: max_age` allows.

    >>> from research.portfolio import load_portfolio
    >>> portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    >>> trade_list(portfolio, portfolio.policies["threshold"]).orders[["side", "asset", "units"]].to_numpy().tolist()
    [['sell', 'SPY', 133.0], ['buy', 'AGG', 742.0]]
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
    target, position = targets.at(last), Position.of(portfolio)
    answer = decision(portfolio, policy, name, target, position, again=False)

    def ask(state: Position, again: bool) -> Trade | None:
        now = decision(portfolio, policy, name, target, state, again) if again else answer
        return now if isinstance(now, Trade) else None

    wanted, limit = _wanted(portfolio, policy, name, target, position, answer)
    holds = isinstance(answer, Hold)
    return TradeList(
        portfolio=portfolio,
        policy=name,
        run=run,
        target=target,
        rule=short_name(policy),
        why=answer.why,
        holds=holds,
        sized=size(position, ask, target, name, again=portfolio.last_trade == portfolio.date, seconds=seconds),
        would=size(position, lambda _, again: None if again else wanted, target, name) if holds else None,
        wanted=(wanted.lower, wanted.upper),
        limit=limit,
        ages=ages,
    )


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
        return _to_target(portfolio, target, answer.why), OTHERS
    if (uncapped := traits(policy).uncapped()) is not None:
        whole = decision(portfolio, uncapped, name, target, position, again=False)
        if isinstance(whole, Trade) and not np.array_equal((whole.lower, whole.upper), (answer.lower, answer.upper)):
            return whole, CAP
    if traits(policy).tranches > 1:
        return _to_target(portfolio, target, answer.why), TRANCHES
    return answer, PART if answer.fraction < 1.0 else OTHERS
