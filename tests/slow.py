"""A second engine for every cost and event, in plain Python: currency, lists of lots, and brentq for each equation.

It was written from the docstrings, shares no arithmetic with the kernel, and keeps what it did for a test to compare.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
from point_of_box import point_of_box
from scipy.optimize import brentq

from research.accounting import Costs, Execution, Tax
from research.market import Market


class NoRoot(Exception):
    """The trade cannot be paid for."""


Lot = list[float]  # what it is worth now, what was paid for it, currency; the row on which it was bought
NONE = 1e-13  # of NAV: a smaller move is rounding


@dataclass(frozen=True)
class Rule:
    """When a rule is asked ("never", "day", "month"), and its two bands, fractions of NAV."""

    every: str
    band: float
    box: float
    part: float


@dataclass(frozen=True)
class Setting:
    """What `backtest` is given, in the words of the slow engine. flows : (T,) currency."""

    market: Market
    weights: np.ndarray
    rule: Rule
    costs: Costs
    first: int
    wealth: float
    lag: int
    execution: Execution
    dividends: str
    flows: np.ndarray
    use: str
    reviews: set[int]


@dataclass
class Booking:
    """One booking, as the ledger has it: asked is -1 for a flow, -2 if delisted, -3 for taxes, -4 for a harvest."""

    asked: int
    booked: int
    trades: np.ndarray
    charges: np.ndarray  # (5, n)
    cut: bool = False  # is some of the trade left for another session?
    swapped: np.ndarray | float = 0.0  # what was sold for a substitute, currency
    loss: float = 0.0  # that it realised


@dataclass
class Portfolio:
    """What is held, currency, with what was paid for it; and what has been written."""

    x: np.ndarray
    cash: float
    lots: list[list[Lot]]
    bought: list[int]  # the row of each asset's last purchase
    carried: tuple[float, float] = (0.0, 0.0)  # losses, long-term and short-term, currency
    year: tuple[float, float, float] = (0.0, 0.0, 0.0)  # gains of both terms since the last return, and their tax
    nav: list[float] = field(default_factory=list)
    cash_path: list[float] = field(default_factory=list)
    held: list[np.ndarray] = field(default_factory=list)
    holding_costs: list[list[float]] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)

    @property
    def wealth(self) -> float:
        return float(self.cash + self.x.sum())

    def grow(self, factors: np.ndarray) -> None:
        self.x = self.x * factors
        for line, factor in zip(self.lots, factors, strict=True):
            for lot in line:
                lot[0] *= factor

    def close(self) -> None:
        self.nav.append(self.wealth)
        self.cash_path.append(self.cash)
        self.held.append(self.x.copy())


@dataclass
class Order:
    """A decision that is being carried out: its box of lower, upper and target, cash the last of each."""

    asked: int
    due: int
    left: int
    box: list[np.ndarray]


# -- the days --------------------------------------------------------------------------------------------------------


def play(s: Setting) -> Portfolio:  # noqa: C901  (the order of a day, to be read at one place)
    """From the opening trade at the close of the first row to the last."""
    market, n, at_open = s.market, len(s.weights), s.execution.at == "open"
    p = Portfolio(np.zeros(n), s.wealth, [[] for _ in range(n)], [0] * n)
    opening = box_round(target_at(market, s.first, s.weights), 0.0)
    p.bookings.append(book(s, p, s.first, opening, s.first, False, part=1.0, way=1.0, minimum=0.0, capped=False))
    p.holding_costs.append([0.0] * 4)
    p.close()
    order: Order | None = None
    again = False
    for t in range(s.first + 1, len(market.dates)):
        paid = holding(s, p, t)
        p.cash = p.cash * (1.0 + market.cash[t]) - sum(paid)
        p.holding_costs.append(paid)
        overnight(s, p, t)
        if at_open and order is not None and order.due == t:
            to_open = open_over_close(s, t)
            p.grow(to_open)
            order = work(s, p, t, order, True)
            p.grow(1.0 / to_open)
        harvest(s, p, t)
        whole = s.rule.part == 1.0 and s.execution.participation is None
        soon = order is not None and order.due == t and not at_open and order.left == 1 and whole
        before = None
        if s.flows[t] != 0.0:
            had = p.cash
            if s.lag == 0 and order is None and whole and s.execution.days == 1:
                before = deepcopy(p)
            p.cash += s.flows[t]
            aim = 1.0 - target_at(market, t, s.weights).sum()
            aim = aim if s.use == "rebalance" else min(aim, 0.0)
            short = s.flows[t] < 0.0 and p.cash < aim * p.wealth
            if not p.wealth > 0.0:
                raise NoRoot
            if not soon and (s.use == "rebalance" or short):
                p.bookings.append(flow(s, p, t, aim))
                if s.flows[t] < 0.0 and p.cash < min(aim * p.wealth, had, 0.0) - 0.05 * p.wealth:
                    raise NoRoot
        for turn in ["book", "look"] if s.lag else ["look", "book"]:
            if turn == "book" and order is not None and order.due == t and not at_open:
                paying, least = whole and order.left == 1, min(order.box[0][-1], 0.0) - 0.05
                order = work(s, p, t, order, False)
                if paying and s.flows[t] < 0.0 and p.cash < least * p.wealth:
                    raise NoRoot
            if turn == "look" and order is None and (t in s.reviews or again):
                target = target_at(market, t, s.weights)
                again = outside(p, market.tradable[t], box_round(target, s.rule.band)[2], s.rule.band)
                if again:
                    order = Order(t, t + s.lag, s.execution.days, box_round(target, s.rule.box))
                    if before is not None:  # one booking, of the flow and the decision
                        p, before.cash = before, before.cash + s.flows[t]
                    again = s.rule.part < 1.0 and s.rule.band > 0.0  # a calendar goes on on its next day
        p.close()
    return p


def holding(s: Setting, p: Portfolio, t: int) -> list[float]:
    """Borrow, financing, cash spread and management fee since the last close."""
    years = (s.market.dates[t] - s.market.dates[t - 1]).days / 365
    short = sum(fee * -value for fee, value in zip(s.costs.borrow, p.x, strict=True) if value < 0.0)
    overdrawn, spare = (-p.cash, 0.0) if p.cash < 0.0 else (0.0, p.cash)
    amounts = [short, s.costs.financing * overdrawn, s.costs.cash_spread * spare, s.costs.management_fee * p.wealth]
    return [amount * years for amount in amounts]


def overnight(s: Setting, p: Portfolio, t: int) -> None:
    """Returns are earned, dividends paid out if they are, and what is delisted is paid out."""
    market, growth, held = s.market, 1.0 + s.market.returns[t], p.x != 0.0
    if s.dividends == "cash":
        income = dividend_yield(market, t)
        p.cash += float((p.x * income).sum())
        growth = growth - income
    p.grow(growth)
    file_return(s, p, t)
    for i in range(len(p.x)):
        if market.exits[i] == t and held[i]:
            trades, charges = np.zeros(len(p.x)), np.zeros((5, len(p.x)))
            trades[i] = -p.x[i]
            if s.costs.tax is not None:
                long, short, p.lots[i] = sold(s, p.lots[i], np.inf, t)
                charges[4, i] = charge_gains(p, s.costs.tax, long, short)
            p.cash += float(p.x[i] - charges[4, i])
            p.x[i] = 0.0
            p.bookings.append(Booking(-2, t, trades, charges))


def dividend_yield(market: Market, t: int) -> np.ndarray:
    """Of the value of the unit at its last quote before."""
    income = np.zeros(len(market.assets))
    if market.dividends is None or market.splits is None:
        return income
    for i in np.flatnonzero(market.dividends[t]):
        before = max(u for u in range(t) if market.tradable[u, i])
        units = np.prod(market.splits[before + 1 : t + 1, i])
        income[i] = (
            market.dividends[t, i] * market.splits[t, i] / (market.prices[before, i] / units * market.splits[t, i])
        )
    return income


def open_over_close(s: Setting, t: int) -> np.ndarray:
    """Worth of an asset at the open over its worth at the close; with its dividend where that is reinvested."""
    market = s.market
    paid = market.dividends[t] if s.dividends == "reinvest" and market.dividends is not None else 0.0
    return np.where(market.tradable[t], (market.bars["open"][t] + paid) / (market.prices[t] + paid), 1.0)


# -- what a rule wants -----------------------------------------------------------------------------------------------


def target_at(market: Market, t: int, weights: np.ndarray) -> np.ndarray:
    """All assets are of one class: what is meant for an asset that is not listed goes to the others in proportion."""
    listed = market.tradable[: t + 1].any(axis=0) & (t < market.exits)
    return weights if listed.all() else np.where(listed, weights, 0.0) * (weights.sum() / weights[listed].sum())


def box_round(target: np.ndarray, width: float) -> list[np.ndarray]:
    """[lower, upper, target] of the assets and, last, of cash: on the target's side of zero."""
    rest = 1.0 - target.sum()
    goal = np.append(target, rest if abs(rest) > 1e-9 else 0.0)
    lower = np.where(goal >= 0.0, np.maximum(goal - width, 0.0), goal - width)
    upper = np.where(goal >= 0.0, goal + width, np.minimum(goal + width, 0.0))
    if goal[-1] == 0.0:
        lower[-1] = upper[-1] = 0.0
    return [lower, upper, goal]


def outside(p: Portfolio, tradable: np.ndarray, goal: np.ndarray, band: float) -> bool:
    """Is a weight, or cash, further than the band from its target? An asset past zero is, on the other side of it."""
    held, asked = np.append(p.x, p.cash) / p.wealth, np.append(tradable, True)
    lower, upper, _ = box_round(goal[:-1], band)
    lower[-1], upper[-1] = goal[-1] - band, goal[-1] + band
    return bool((asked & ((held > upper + 1e-6) | (held < lower - 1e-6))).any())


# -- booking ---------------------------------------------------------------------------------------------------------


def work(s: Setting, p: Portfolio, t: int, order: Order, at_open: bool) -> Order | None:
    """Book today's share of a decision; gives what is left of it."""
    done = book(s, p, t, order.box, order.asked, at_open, s.rule.part, 1.0 / order.left, s.execution.minimum_trade)
    p.bookings.append(done)
    if not done.cut:
        return None
    return Order(order.asked, t + 1, max(order.left - 1, 1), order.box)


def flow(s: Setting, p: Portfolio, t: int, aim: float) -> Booking:
    """Contributions buy what is under target, withdrawals sell what is over, as much as came or went, cash to aim."""
    goal, nav = target_at(s.market, t, s.weights), p.wealth
    w, came = p.x / nav, s.flows[t] / nav
    cash = 1.0 - w.sum()
    if came > 0.0:
        lower, upper = w, np.maximum(w, goal)
        room = (upper - lower)[s.market.tradable[t] & (goal != 0.0)].sum()
        to = min(cash, max(aim, cash - min(room, came)))
    else:
        lower, upper = np.minimum(w, goal), w
        room = (upper - lower)[s.market.tradable[t]].sum()
        owed = -cash if aim >= -1e-12 and cash < came else -came  # cash was overdrawn before
        to = max(cash, min(aim, cash + min(room, owed)))
    box = [np.append(lower, to), np.append(upper, to), np.append(goal, aim)]
    return book(s, p, t, box, -1, False, part=1.0, way=1.0, minimum=s.execution.minimum_trade)


def book(
    s: Setting,
    p: Portfolio,
    t: int,
    box: list[np.ndarray],
    asked: int,
    at_open: bool,
    part: float,
    way: float,
    minimum: float,
    capped: bool = True,
) -> Booking:
    """Go to the point of the box, part of the way, as far as today goes; pay for it."""
    market, nav = s.market, p.wealth
    w, rates = p.x / nav, proportional(s, t, at_open)
    end = point_of_box(w, market.tradable[t], box, rates[0] + rates[1])
    moves = np.abs(end - w) > NONE
    gap = part_of_way(np.where(moves, end - w, 0.0), part, 1.0 - w.sum())
    most = largest(s, p, t, nav) if capped else np.full(len(gap), np.inf)
    gap, at_most, cut = paced(gap, most, way, 1.0 - w.sum())
    trades, charges = settle(s, p, t, w + gap, moves & (gap != 0.0), at_most, most, rates, minimum, at_open)
    return Booking(asked, t, trades, charges, cut)


def part_of_way(whole: np.ndarray, part: float, cash: float) -> np.ndarray:
    """A part of the way (n,). Sells go further where that leaves overdrawn cash below zero, and the whole way does not.

    cash : its weight.
    """
    gap = part * whole
    sells, buys = gap[gap < 0.0].sum(), gap[gap > 0.0].sum()
    if cash < -1e-12 and cash - whole.sum() > -1e-12 and cash - gap.sum() < 0.0:
        return np.where(gap < 0.0, gap * (cash - buys) / sells, gap)
    return gap


def largest(s: Setting, p: Portfolio, t: int, nav: float) -> np.ndarray:
    """(n,) what the day's volume still allows each asset, fraction of NAV."""
    if s.execution.participation is None or s.market.volumes is None:
        return np.full(len(p.x), np.inf)
    most = s.execution.participation * np.nan_to_num(s.market.volumes[t] * s.market.prices[t]) / nav
    most = most - sum(
        ((np.abs(b.trades) + b.swapped) / nav for b in p.bookings if b.booked == t and b.asked != -2), 0.0
    )
    return np.where(most > 1e-12, most, 0.0)


def paced(gap: np.ndarray, most: np.ndarray, way: float, cash: float) -> tuple[np.ndarray, np.ndarray, bool]:
    """Today's share of the way, an asset's orders at most its part of the day's volume; buys or sells give way to cash.

    Nothing is bought by what pays back cash, whose weight is below zero. Also which orders are as large as they may be,
    and so do not pay for the others; and whether any is left.
    """
    today, to_cash = gap * way, -gap.sum()
    at_most = np.abs(today) > most
    today = np.clip(today, -most, most)
    if way == 1.0 and not at_most.any():
        return gap, at_most, False
    buys, sells = today[today > 0.0].sum(), -today[today < 0.0].sum()
    low, high = min(0.0, to_cash), max(0.0, to_cash)
    if cash < -1e-12 and cash + to_cash >= -1e-12:
        low = min(-cash, high)
    if sells - buys < low and buys > 0.0:
        today = np.where(today > 0.0, today * max(sells - low, 0.0) / buys, today)
    elif sells - buys > high:
        today = np.where(today < 0.0, today * max(buys + high, 0.0) / sells, today)
    return today, at_most, True


def proportional(s: Setting, t: int, at_open: bool) -> np.ndarray:
    """(2, n) commission and half-spread of the day, fraction of notional."""
    market, spread = s.market, s.costs.half_spread
    if spread.ndim > 1:
        spread = np.array([spread[known(s, t, i, at_open), i] for i in range(len(s.weights))])
    assert market.bars is not None
    quotes = market.bars["open"][t] if at_open else market.prices[t]
    per_unit = np.where(s.costs.per_unit > 0.0, s.costs.per_unit / quotes, 0.0)
    return np.nan_to_num(np.stack([s.costs.commission + per_unit, spread]))


def known(s: Setting, t: int, i: int, at_open: bool) -> int:
    """The day whose spread and impact are charged: an open knows those of the last close at which the asset traded."""
    days = range(t - 1, -1, -1) if at_open else [t]
    return next((u for u in days if s.market.tradable[u, i]), t - at_open)


def charged(s: Setting, t: int, i: int, size: float, rates: np.ndarray) -> list[float]:
    """Commission, half-spread, ticket and impact of an order."""
    return [
        max(rates[0, i] * size, float(s.costs.minimum[i])), rates[1, i] * size, float(s.costs.ticket[i]),
        moved_price(s, t, i) * size ** (s.costs.impact.exponent if s.costs.impact is not None else 1.0),
    ]  # fmt: skip


def moved_price(s: Setting, t: int, i: int) -> float:
    """What notional^p is multiplied by."""
    model, market = s.costs.impact, s.market
    if model is None or market.volumes is None or not market.tradable[t, i]:
        return 0.0
    days = range(t - model.volume_window + 1, t + 1)
    volume = np.mean([market.volumes[u, i] * market.prices[u, i] if market.tradable[u, i] else 0.0 for u in days])
    sigma = np.std(market.returns[t - model.volatility_window + 1 : t + 1, i], ddof=1)
    return float(model.coefficient * sigma * volume ** (1.0 - model.exponent))


def settle(
    s: Setting,
    p: Portfolio,
    t: int,
    goal: np.ndarray,
    moves: np.ndarray,
    at_most: np.ndarray,
    most: np.ndarray,
    rates: np.ndarray,
    minimum: float,
    at_open: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Pay for going to `goal`: which assets trade is decided at the wealth before costs. Gives trades and charges.

    at_most : assets that trade what brings them to their goal at the wealth before costs, whatever the others pay.
    most    : the largest orders, fraction of NAV. One that costs would make larger is `at_most` too.
    """
    nav, n = p.wealth, len(goal)
    small = moves & (np.abs(goal * nav - p.x) < minimum)
    moves = moves & ~small
    trades, charges = np.zeros(n), np.zeros((5, n))
    if not moves.any():
        return trades, charges
    unbought = float((goal * nav - p.x)[small].sum())

    def costs(orders: np.ndarray) -> float:
        total, gains = 0.0, np.zeros(2)
        for i in np.flatnonzero(orders):
            total += sum(charged(s, known(s, t, i, at_open), i, abs(orders[i]), rates))
            if s.costs.tax is not None and orders[i] < 0.0:
                gains += sold(s, p.lots[i], -orders[i], t)[:2]
        return total + (taxed(s.costs.tax, tuple(gains), p.carried)[0] if s.costs.tax is not None else 0.0)

    trades = orders_of(costs, p.x, nav, goal, moves, np.where(moves & at_most, goal * nav - p.x, 0.0), most, unbought)
    gains = np.zeros((2, n))
    for i in np.flatnonzero(trades):
        charges[:4, i] = charged(s, known(s, t, i, at_open), i, abs(trades[i]), rates)
        p.x[i] += trades[i]
        if s.costs.tax is not None and trades[i] < 0.0:
            gains[0, i], gains[1, i], p.lots[i] = sold(s, p.lots[i], -trades[i], t)
        elif s.costs.tax is not None and trades[i] > 0.0:
            p.lots[i], p.bought[i] = bought(p.lots[i], float(trades[i]), s.costs.tax.lots, t), t
    if s.costs.tax is not None and (trades < 0.0).any():
        tax, won = charge_gains(p, s.costs.tax, *gains.sum(axis=1).tolist()), np.maximum(gains.sum(axis=0), 0.0)
        charges[4] = tax * won / won.sum() if tax > 0.0 else 0.0
    p.cash -= float(trades.sum() + charges.sum())
    return trades, charges


def orders_of(
    costs: Callable[[np.ndarray], float],
    x: np.ndarray,
    nav: float,
    goal: np.ndarray,
    moves: np.ndarray,
    fixed: np.ndarray,
    most: np.ndarray,
    unbought: float,
) -> np.ndarray:
    """(n,) orders, currency: the fixed ones, and others to their goal at one scale at which all is paid.

    An order that costs would make larger than its limit is fixed at what it is before them. Fixed buys give way, once,
    where cash would pay more than there is.
    """
    to_cash, whole = 1.0 - goal.sum(), True

    def orders(scale: float) -> np.ndarray:
        return np.where(fixed != 0.0, fixed, np.where(moves, goal * scale - x, 0.0))

    while True:
        flexible = moves & (fixed == 0.0)
        kept, moving = float((x + fixed)[~flexible].sum()), float(goal[flexible].sum())

        def turns(scale: float, flexible: np.ndarray = flexible) -> bool:
            """Would the trade of an asset that is not cut go the other way?"""
            return bool(((goal * nav - x) * (goal * scale - x) < 0.0)[flexible].any())

        scale = pay_scale(lambda at: costs(orders(at)), nav, kept, moving, to_cash, unbought, bool(fixed.any()), turns)
        grown = flexible & (np.abs(goal * scale - x) > most * nav)
        fixed = np.where(grown, goal * nav - x, fixed)
        if grown.any():
            continue
        lacking, buys = costs(orders(scale)) + (x + orders(scale)).sum() - nav, fixed[fixed > 0.0].sum()
        lacking += min(to_cash, 0.0) * nav
        if not (whole and buys > 0.0 and lacking > 1e-12 * nav):
            return orders(scale)
        cut, whole = fixed > 0.0, False
        fixed = np.where(cut, fixed * max(1.0 - lacking / buys, 0.0), fixed)
        to_cash += float((goal * nav - x - fixed)[cut].sum()) / nav
        moves = moves & ~(cut & (fixed == 0.0))


def pay_scale(
    costs: Callable[[float], float],
    nav: float,
    kept: float,
    moving: float,
    to_cash: float,
    unbought: float,
    cuts: bool,
    turns: Callable[[float], bool],
) -> float:
    """The scale at which all is paid. What is left unbought stays in cash, unless cash would then be short."""
    try:
        scale = root(costs, nav, 0.0, 1.0) if unbought > 0.0 else root(costs, nav, kept, moving + to_cash)
        if unbought > 0.0 and scale - kept - moving * scale < to_cash * scale:
            scale = root(costs, nav, kept, moving + to_cash)
    except NoRoot:
        if not cuts:
            raise
        scale = -1.0
    if cuts and (scale < 0.0 or turns(scale)):
        scale = root(costs, nav, 0.0, 1.0)  # the others do not pay for the orders that are cut: cash does
    return scale


def root(costs: Callable[[float], float], nav: float, kept: float, share: float) -> float:
    """The scale at which kept + share x scale + costs = NAV. Raises NoRoot where nothing is there to pay with."""
    if share <= 1e-12:
        kept, share = 0.0, 1.0
    if kept + costs(0.0) > nav:
        raise NoRoot
    return zero(lambda scale: kept + share * scale + costs(scale) - nav, (nav - kept) / share + 1e-9 * nav / share)


def zero(function: Callable[[float], float], high: float) -> float:
    """Where an increasing function is zero, between 0 and `high`."""
    return float(brentq(function, 0.0, high, xtol=1e-300, rtol=1e-15, maxiter=1000))


# -- lots ------------------------------------------------------------------------------------------------------------


def taxed(tax: Tax, gains: tuple[float, float], carried: tuple[float, float]) -> tuple[float, tuple[float, float]]:
    """(tax, losses carried on): both long-term, then short-term. A term's loss is set against the other's gain."""
    long, short = gains[0] - carried[0], gains[1] - carried[1]
    against = min(max(-long, 0.0), max(short, 0.0))
    long, short = long + against, short - against
    against = min(max(-short, 0.0), max(long, 0.0))
    long, short = long - against, short + against
    due = tax.rate * max(long, 0.0) + tax.rate_of_short * max(short, 0.0)
    return due, (max(-long, 0.0), max(-short, 0.0))


def charge_gains(p: Portfolio, tax: Tax, long: float, short: float) -> float:
    """The tax on gains of a day; what is carried, and the sums of the year, are kept."""
    due, p.carried = taxed(tax, (long, short), p.carried)
    p.year = (p.year[0] + long, p.year[1] + short, p.year[2] + due)
    return due


def file_return(s: Setting, p: Portfolio, t: int) -> None:
    """The tax return of the last year, on the first session of the next."""
    tax, dates = s.costs.tax, s.market.dates
    if tax is None or tax.loss_limit is None or dates[t].year == dates[t - 1].year:
        return
    due, (long, short) = taxed(tax, p.year[:2], (0.0, 0.0))
    of_short = min(short, tax.loss_limit)
    of_long = min(long, tax.loss_limit - of_short)
    p.carried = (long - of_long, short - of_short)
    settled = due - p.year[2] - tax.rate_of_short * (of_short + of_long)
    p.year = (-p.carried[0], -p.carried[1], 0.0)
    if abs(settled) > 1e-12 * p.wealth:
        charges = np.zeros((5, len(p.x)))
        charges[4] = settled * (p.x / p.x.sum() if p.x.sum() > 0.0 else np.full(len(p.x), 1.0 / len(p.x)))
        p.cash -= settled
        p.bookings.append(Booking(-3, t, np.zeros(len(p.x)), charges))


def harvest(s: Setting, p: Portfolio, t: int) -> None:
    """At the close: what has lost enough is sold for something that moves alike, which is bought at this price."""
    tax, dates, n = s.costs.tax, s.market.dates, len(p.x)
    if tax is None or tax.harvest_above is None:
        return
    swapped, charges, realised, most = np.zeros(n), np.zeros((5, n)), np.zeros(2), largest(s, p, t, 1.0)
    for i in range(n):
        lost = [lot for lot in p.lots[i] if 1.0 - lot[0] / max(lot[1], 1e-300) > tax.harvest_above]
        worth = sum(lot[0] for lot in lost)
        recent = (dates[t] - dates[p.bought[i]]).days <= tax.wash_sale_days or p.bought[i] == t
        too_small = worth < s.execution.minimum_trade or sum(lot[1] - lot[0] for lot in lost) < tax.harvest
        if not (worth > 0.0 and s.market.tradable[t, i]) or recent or too_small or worth > most[i]:
            continue
        realised += sold(s, lost, np.inf, t)[:2]
        p.lots[i], p.bought[i] = [lot for lot in p.lots[i] if lot not in lost] + [[worth, worth, float(t)]], t
        swapped[i] = worth
        charges[:4, i] = 2.0 * np.array(charged(s, known(s, t, i, False), i, worth, proportional(s, t, False)))
    if swapped.any():
        assert charge_gains(p, tax, *realised.tolist()) == 0.0
        p.cash -= float(charges.sum())
        p.bookings.append(Booking(-4, t, np.zeros(n), charges, swapped=swapped, loss=float(-realised.sum())))


def sold(s: Setting, lots: list[Lot], amount: float, t: int) -> tuple[float, float, list[Lot]]:
    """(long-term gain, short-term gain, lots that are left) of selling an amount, currency."""
    tax, dates = s.costs.tax, s.market.dates
    assert tax is not None
    days = 365 if tax.long_after == "year" else tax.long_after
    long = [(dates[t] - dates[int(lot[2])]).days > days for lot in lots]
    of, order = [1.0 - lot[1] / max(lot[0], 1e-300) for lot in lots], list(range(len(lots)))
    if tax.lots == "highest":
        order.sort(key=lambda j: of[j])
    if tax.lots == "tax_minimal":
        order.sort(key=lambda j: ((tax.rate if long[j] else tax.rate_of_short) * of[j], of[j]))
    left, gains = [lot.copy() for lot in lots], [0.0, 0.0]
    for j in order:
        worth, paid, row = lots[j]
        part = 1.0 if amount >= worth else amount / worth
        gains[0 if long[j] else 1] += part * (worth - paid)
        left[j] = [worth * (1.0 - part), paid * (1.0 - part), row]
        amount -= part * worth
        if amount <= 0.0:
            break
    return gains[0], gains[1], [lot for lot in left if lot[0] > 0.0]


def bought(lots: list[Lot], amount: float, method: str, t: int) -> list[Lot]:
    """The lots after a purchase: at average cost they all have the mean."""
    more = [*lots, [amount, amount, float(t)]]
    mean = sum(lot[1] for lot in more) / sum(lot[0] for lot in more)
    return [[lot[0], lot[0] * mean, lot[2]] for lot in more] if method == "average" else more
