"""The timing of a list: its orders now, in slices over the session, or over days, by impact against the gap meanwhile.

A slice of an order is traded evenly within a sixth of a session. The file's law states the impact I of an order that is
traded evenly over one session; at another pace, over the sixths of its n slices, it is I · (n / 6)^(1 − p): a power of
the rate with the law's exponent p. What is not sent yet stands apart from the target of J, at g/2 times its expected
square, that of the days from which years are drawn, so that no year is played again. The rest of a list over days is
for the cycles of the next closes, which weigh it anew.
Source : Almgren (2003), Optimal Execution with Nonlinear Impact Functions and Trading-Enhanced Risk, Applied
         Mathematical Finance 10; for p = 2, Almgren and Chriss (2000), section 1.4, with J's price of variance.
"""

import numpy as np

from desk.tickets.order_slices import session_minutes
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.paper.wording import counted, listed
from foundation.tolerances import LOT
from research.accounting import Trade
from research.accounting.cost_parameters import IMPACT, TAX
from research.accounting.costs import BASIS_POINT
from research.market.calendars import row_name
from research.orders.accounts.household import Divided
from research.orders.decision import decision
from research.orders.lots.lot_problem import clean
from research.orders.lots.position import Position
from research.orders.reasons import PART
from research.orders.trade_lists import TradeList
from research.portfolio import Portfolio
from research.portfolio.keys.sending import SlicingTerms
from research.portfolio.keys.ticket import CLOSE_ORDER
from research.risk.simulation.future_laws import sample
from research.rules.protocol import traits

SESSION_SLICES = 6  # what is sent now is done within the first of them
OVER_SESSIONS = (2, 5, 10)  # sessions
SENT_NOW = "now"
WITHOUT_IMPACT = "All at once: the file states no `impact`, and without it slices cost no less."


@dataclass(frozen=True)
class SendingPace:
    """A pace of a list, and its expected costs in currency.

    name     : the pace in words.
    sessions : time from the first slice to the end of the last interval.
    slices   : number of equal slices of each order.
    charges  : commissions, spreads and fixed costs.
    impact   : market impact.
    gap      : J's price of the orders that are not sent yet.
    work     : the desk's price of orders and days.
    """

    name: str
    sessions: float
    slices: int
    charges: float
    impact: float
    gap: float
    work: float

    @property
    def total(self) -> float:
        """The sum of its costs, currency."""
        return self.charges + self.impact + self.gap + self.work


@dataclass(frozen=True, eq=False)
class Timing:
    """The timing of a list.

    listed   : list of today's session, with its slices.
    paces    : paces that were weighed, the fastest first; () where none was.
    taken    : name of the one that was taken; "" where none was, and where the file states it.
    sentence : the choice in words; "" for a list without orders.
    """

    listed: TradeList
    paces: tuple[SendingPace, ...] = ()
    taken: str = ""
    sentence: str = ""

    @property
    def record(self) -> list[dict[str, str | float | bool]]:
        """The figures of each pace; amounts in currency, and `bps`, their sum in bp of NAV."""
        unit = self.listed.portfolio.nav * BASIS_POINT
        return [{**vars(each), "bps": each.total / unit, "taken": each.name == self.taken} for each in self.paces]


def timing(trades: TradeList, *, goes_on: bool) -> Timing:
    """The timing of a list: the fastest pace whose cost is the least but for less than what is worth a change.

    goes_on : true if the policy decides at the next close whatever was sent today, so that days can be taken.
    Raises  : DataError for a past from which no years can be drawn (`future_laws.sample`).
    """
    portfolio = trades.portfolio
    if not trades.sized.moved.any() or row_name(portfolio.periods_per_year) != "day":
        return Timing(trades)
    if portfolio.costs.impact is None:
        return Timing(trades, sentence=WITHOUT_IMPACT)
    stated, unit = _stated(trades), portfolio.nav * BASIS_POINT
    parts, a_day = _parts(trades) if goes_on and not stated else {}, _slices_of_session(portfolio)
    evenly = [(float(k), k * a_day) for k in (1, *parts) if k * a_day > 1]
    paces = tuple(pace(trades, *each) for each in ((1.0 / SESSION_SLICES, 1), *evenly))
    least = min(each.total for each in paces)
    taken = next(each for each in paces if each.total == least or each.total - least < portfolio.materiality * unit)
    costs = listed([f"{each.total / unit:.2f} bp {each.name}" for each in paces])
    said = f"With impact, and the gap to the target meanwhile, the list is expected to cost {costs}"
    if stated:
        return Timing(trades, paces, sentence=f"{said}; {stated}.")
    today = parts.get(round(taken.sessions), trades)
    said += f": {taken.name}, {taken.total:,.0f} {portfolio.basis}"
    if taken.total > least:
        said += f", since slower saves less than the {portfolio.materiality:g} bp that are worth a change"
    if today is not trades:
        said += "; today's orders are the first part, and the next cycles weigh the rest"
    if taken.slices > 1 and a_day > 1:
        terms = SlicingTerms("twap", session_minutes(portfolio.trade_day, portfolio.market.calendar), a_day)
        today = replace(today, portfolio=replace(portfolio, ticket=replace(portfolio.ticket, slicing=terms)))
    return Timing(today, paces, taken.name, f"{said}.")


def pace(trades: TradeList, sessions: float, slices: int) -> SendingPace:
    """The pace of a list in equal slices, at the beginnings of equal intervals of some sessions.

    Each slice pays the fixed costs of an order, and each session the desk's price of its orders and of a day.
    """
    portfolio, sized, impact = trades.portfolio, trades.sized, trades.portfolio.costs.impact
    assert impact is not None
    sizes, days = np.abs(sized.each_notional), max(round(sessions), 1)
    of_session = sized.exact_charges(sizes)[:, IMPACT].sum()
    charged = slices * sized.exact_charges(sizes / slices)[:, :TAX]
    returns = sample(portfolio.market, portfolio.periods_per_year)[1]
    moved = returns @ (sized.notional / sized.position.nav)
    apart = returns @ (sized.after.weights - trades.target)
    left = 1.0 - np.arange(1, slices + 1) / slices  # of each order after each slice
    squared = (left @ left) * (moved @ moved) - 2.0 * left.sum() * (apart @ moved)
    price = portfolio.tracking_penalty / 2.0 * portfolio.nav
    return SendingPace(
        name=SENT_NOW if slices == 1 else "over the session" if days == 1 else f"over {counted(days, 'session')}",
        sessions=sessions,
        slices=slices,
        charges=float(charged.sum() - charged[:, IMPACT].sum()),
        impact=float(of_session * (slices / SESSION_SLICES) ** (1.0 - impact.exponent)),
        gap=float(price * squared / len(returns) * sessions / slices),
        work=days * (portfolio.order_cost * len(trades.orders) + portfolio.stated_day_cost),
    )


def _stated(trades: TradeList) -> str:
    """The slices that the file states, in words; "" where it states none."""
    slicing = trades.portfolio.ticket.slicing
    return "" if slicing is None else f"the file states its slices ({slicing.kind} over {slicing.minutes:g} minutes)"


def _slices_of_session(portfolio: Portfolio) -> int:
    """The slices of an order in a session: one for the close, and of a cycle that acts, which does not wait for it."""
    whole = portfolio.ticket.order_type == CLOSE_ORDER or portfolio.cycle.acts is not None
    return 1 if whole else SESSION_SLICES


def _parts(trades: TradeList) -> dict[int, TradeList]:
    """By sessions, today's part of a list that the policy goes on with at the next closes until all is sent."""
    parts = {k: (_part(trades, 1.0 / k), _part(trades, 1.0 - 1.0 / k)) for k in OVER_SESSIONS}
    return {k: first for k, (first, all_but_last) in parts.items() if first is not None and _goes_on(all_but_last)}


def _part(trades: TradeList, fraction: float) -> TradeList | None:
    """A fraction of each order in whole lots; None where it sends nothing or breaks a limit, and for several accounts.

    An order of which the part is too small is left out.
    """
    sized, position, asked = trades.sized, trades.sized.position, trades.sized.asked
    if isinstance(sized, Divided) or asked is None:
        return None
    units = _whole(sized.units * fraction, position.lots)
    bought = float((units * position.prices)[units > 0.0].sum())
    if bought and (short := asked.short(units)) > 0.0:  # the sells of a part bring less than all of them
        units = _whole(np.where(units > 0.0, max(1.0 - short / bought, 0.0), 1.0) * units, position.lots)
    units = np.where(asked.sendable(units), units, 0.0)
    if not units.any() or asked.broken(units):
        return None
    point, goal = (position.weights + fraction * (each - position.weights) for each in (sized.point, sized.goal))
    wished = fraction * sized.wished
    part = replace(sized, units=units, wished=wished, point=point, goal=goal, solved=None)
    return replace(trades, sized=part, limit=PART)


def _whole(units: Array, lots: Array) -> Array:
    """(n,) signed units in whole lots, toward zero."""
    return clean(np.sign(units) * np.floor(np.abs(units) / lots + LOT) * lots, lots)


def _goes_on(trades: TradeList | None) -> bool:
    """True if the policy trades on after a list, one session later at the same prices."""
    if trades is None or traits(trades.decides).desk_schedule is not None:
        return False
    after = replace(trades.after(), last_trade=trades.portfolio.market.dates[-2])
    answer = decision(after, trades.decides, trades.policy, trades.target, Position.of(after), again=False)
    return isinstance(answer, Trade)
