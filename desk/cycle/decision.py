"""The decision: one alternative, its controls, the priority of each order, when, and what would change it.

By default the policy of the file decides, and the alternatives stand beside it. Where the file says
`cycle: {decides: scenarios}`, the alternative of the least expected loss is taken.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from backtests.today.from_today import mean
from desk.cycle.alternatives import CYCLE_LIST, POLICY
from desk.cycle.analysis import ERRORS, Analysed, Analysis
from desk.cycle.monitor import Monitored, counted_rows
from desk.cycle.reality import REALITY
from desk.cycle.timing import Timing, timing
from desk.tickets import make_ticket
from desk.tickets.review import Review
from foundation.dataclasses import dataclass, replace
from foundation.files import sha256_of
from foundation.paper.wording import counted, percent
from foundation.paper.wording import listed as listed_words
from foundation.tolerances import TRIGGER
from research.accounting.costs import BASIS_POINT
from research.orders.reasons import OUTSIDE_BAND
from research.orders.trade_lists import TradeList
from research.portfolio import Portfolio
from research.rules import RegimeThreshold
from research.rules.protocol import fitted_until
from research.rules.regime_threshold import BandToday

PRIORITIES = ("CRITICAL", "HIGH", "MEDIUM")
MODEL_DAYS = 365  # calendar days after its last day of training from which on a person looks at a fitted policy
STOPPED = ("vetoed", "unreconciled")  # statuses of a decision whose orders may not be sent
OPEN_ORDERS, JOURNAL_CONTROL = "open orders", "journal"  # names of controls
Effect = Literal["passes", "escalates", "vetoes"]
CONTROLS: Mapping[
    str, tuple[Literal["escalates", "vetoes"], str]
] = {  # by name: the effect where it fails, and when it does
    REALITY: ("vetoes", "book and venue differ, or the venue gives no answer"),
    JOURNAL_CONTROL: ("vetoes", "a journal that was altered"),
    "prices": ("vetoes", "prices older than `orders: max_age`"),
    OPEN_ORDERS: ("vetoes", "open orders of the last list, with `open_orders: wait`"),
    "cooldown": ("vetoes", "scenarios within `cooldown` sessions of the last trade"),
    "turnover": ("escalates", "turnover above `turnover`"),
    "ranges": ("escalates", "an asset that stays outside its range, also where nothing is sent"),
    "VaR": ("escalates", "VaR that stays above its critical level, also where nothing is sent"),
    "model": ("escalates", "a fitted policy whose last day of training is more than a year ago"),
    "acts": ("escalates", "orders beyond the limits of `acts`, or without a book"),
    "second key": ("escalates", "orders to a venue of `acts` that is not paper, without its second key"),
}


@dataclass(frozen=True)
class Control:
    """A control of a decision. effect : it passes, escalates to a person, or vetoes the orders."""

    name: str
    effect: Effect
    sentence: str


@dataclass(frozen=True)
class Action:
    """An order of the decision. account : "" for one; units : None of an order in an amount; value : currency."""

    priority: str
    account: str
    asset: str
    action: str
    units: float | None
    value: float
    rationale: str


@dataclass(frozen=True, eq=False)
class CycleDecision:
    """A decision.

    listed     : list of the alternative that was chosen.
    chosen     : its name.
    by         : "policy" or "scenarios".
    confidence : how often such a choice came true (`Analysis.confidence`), None where it is not the best.
    actions    : its orders, the most pressing first.
    timing     : when they go, or until when nothing does.
    reasons    : why, in sentences.
    changes    : what would change it, in sentences.
    watched    : what triggers the next cycle, in a sentence.
    controls   : all of them, those that pass too.
    timed      : the timing of its list.
    band       : the band in force, of a policy whose band adapts; else None.
    """

    listed: TradeList
    chosen: str
    by: str
    confidence: float | None
    actions: tuple[Action, ...]
    timing: str
    reasons: tuple[str, ...]
    changes: tuple[str, ...]
    watched: str
    controls: tuple[Control, ...]
    timed: Timing
    band: BandToday | None = None

    @property
    def status(self) -> str:
        """unreconciled; vetoed; awaiting approval, where a person is asked; or finalised."""
        effects = {each.name: each.effect for each in self.controls}
        if effects.get(REALITY) == "vetoes":
            return "unreconciled"
        if "vetoes" in effects.values():
            return "vetoed"
        asked = "escalates" in effects.values() or (self.actions and self.listed.portfolio.ticket.approvals)
        return "awaiting approval" if asked else "finalised"

    @property
    def is_stopped(self) -> bool:
        """True if its orders may not be sent, by whomever."""
        return self.status in STOPPED

    @property
    def to_send(self) -> TradeList:
        """Its list as it may be sent: one that escalates asks for an approval."""
        portfolio = self.listed.portfolio
        if not any(each.effect == "escalates" for each in self.controls):
            return self.listed
        terms = replace(portfolio.ticket, approvals=max(portfolio.ticket.approvals, 1))
        return replace(self.listed, portfolio=replace(portfolio, ticket=terms))

    @cached_property
    def ticket(self) -> str:
        """The hash of the ticket of `to_send`; "" without orders, and of a list that may not be sent."""
        if not self.actions or self.is_stopped:
            return ""
        file = Path(self.listed.portfolio.file)
        return replace(make_ticket(self.to_send), file_sha256=sha256_of(file) if file.is_file() else "").hash


def decided(
    listed: TradeList,
    monitor: Monitored,
    analysis: Analysis | None,
    given: Sequence[Control] = (),
    ended: Collection[str] = (),
) -> CycleDecision:
    """The decision on a portfolio.

    listed   : list of its policy.
    monitor  : its readings.
    analysis : its alternatives, or None on a quiet day.
    given    : controls of what the desk knows besides, such as its journal; one that escalates does where orders go.
    ended    : ids of orders of the last list that can no longer be filled, though the book has them open.
    """
    by = listed.portfolio.cycle.decides if analysis is not None else POLICY
    taken = None if analysis is None else analysis[POLICY] if by == "policy" else analysis.material
    trades = listed if taken is None else taken.listed.trades
    timed = Timing(trades) if analysis is None else timing(trades, goes_on=by == POLICY)
    trades = timed.listed
    sends = bool(trades.sized.moved.any())
    controls = (
        *(each for each in given if sends or each.effect != "escalates"),
        *_controls(trades, monitor, by),
        *_acting(trades, ended),
    )
    return CycleDecision(
        listed=trades,
        chosen=POLICY if taken is None else taken.name,
        by=by,
        confidence=None if analysis is None or taken is not analysis.best else analysis.confidence,
        actions=tuple(_actions(trades)),
        timing=_timing(trades, [each.name for each in controls if each.effect == "vetoes"]),
        reasons=(*_reasons(trades, monitor, analysis, taken), *filter(None, [timed.sentence])),
        changes=tuple(_changes(trades, analysis)),
        controls=controls,
        watched=_watched(trades.portfolio),
        timed=timed,
        band=_band(listed),
    )


def _band(listed: TradeList) -> BandToday | None:
    """The band in force, where that of the policy adapts and is known."""
    if not isinstance(listed.decides, RegimeThreshold):
        return None
    market = listed.portfolio.market
    return listed.decides.today(market.past(len(market.dates) - 1), listed.portfolio.sessions_since_trade)


def _actions(trades: TradeList) -> Iterator[Action]:
    """The orders, each with the priority of its asset's drift: the most pressing first, then the largest."""
    portfolio, levels = trades.portfolio, trades.portfolio.cycle.drift
    _, of_alternative, name = trades.policy.partition(CYCLE_LIST)
    band = f"outside the {100 * levels.medium:g}-point band of {name}" if of_alternative else OUTSIDE_BAND
    gaps = np.abs(trades.sized.position.weights - trades.target)
    outside = {each.asset for each in trades.before_after.outside("before")}
    place = dict(zip(portfolio.market.assets, gaps, strict=True))
    found = []
    for row in trades.orders.to_dict("records"):
        asset, gap = row["asset"], place[row["asset"]]
        critical = asset in outside or gap >= levels.critical - TRIGGER
        priority = PRIORITIES[0 if critical else 1 if gap >= levels.high - TRIGGER else 2]
        units = None if pd.isna(row["units"]) else float(row["units"])
        why, account = row["reason"].replace(OUTSIDE_BAND, band), row.get("account", "")
        found.append(Action(priority, account, asset, row["side"], units, float(row["notional"]), why))
    yield from sorted(found, key=lambda each: (PRIORITIES.index(each.priority), -each.value))


def _timing(trades: TradeList, vetoes: Collection[str]) -> str:
    """The session of the orders; what they wait for, or why there are none.  vetoes : controls that veto them."""
    if vetoes:
        return "once book and venue agree" if REALITY in vetoes else "once the controls pass"
    if trades.sized.moved.any():
        slicing = trades.portfolio.ticket.slicing
        how = "" if slicing is None else f", in slices ({slicing.kind} over {slicing.minutes:g} minutes)"
        return f"at the session of {trades.portfolio.trade_day:%Y-%m-%d}{how}"
    nearest = _nearest(trades)
    return f"deferred: {trades.reason}" + (f"; {nearest}" if nearest else "")


def _nearest(trades: TradeList) -> str:
    """The asset that is nearest to a trade by the policy's band, in words; "" without a band."""
    rows = Review(trades).lines.dropna(subset=["to_trade"])
    if rows.empty:
        return ""
    row = rows.iloc[int(rows["to_trade"].argmin())]
    over = row["gap"] > 0.0
    edge, side = (row["trades_above"], "above") if over else (row["trades_below"], "below")
    weight, traded = percent(row["weight"], 2), percent(edge, 2)
    return f"{row['asset']} is the nearest to a trade, at {weight}: it trades {side} {traded}"


def _reasons(trades: TradeList, monitor: Monitored, analysis: Analysis | None, taken: Analysed | None) -> Iterator[str]:
    yield from (f"Trigger: {sentence}." for sentence in monitor.triggers)
    if not monitor.triggers:
        yield f"Nothing triggers: {trades.reason}."
    if analysis is None or taken is None:
        return
    yield _against_best(trades.portfolio, analysis, taken)
    basis, cost = trades.portfolio.basis, float(trades.sized.charges.sum())
    if trades.sized.moved.any():
        before, after = (trades.before_after.figures[moment] for moment in ("before", "after"))
        drift = f"drift from {percent(before.drift, 2)} to {percent(after.drift, 2)} of NAV"
        yield f"Its orders cost {cost:,.2f} {basis} and bring {drift}."
    waits = [
        f"{counted_rows(trades.portfolio, k)} later, {_apart(trades.portfolio, *x)}"
        for k, x in analysis.waiting.items()
    ]
    if waits:
        first, _, rest = "; ".join(waits).partition(", ")
        yield f"Booked {first}, the policy's trade is expected to lose {rest}."


def _apart(portfolio: Portfolio, apart: float, error: float) -> str:
    """A difference of losses in words.  apart, error : bp of NAV."""
    money = f"{abs(apart) * BASIS_POINT * portfolio.nav:,.0f} {portfolio.basis}"
    return f"{abs(apart):.2f} bp a year ({money}, error {error:.2f} bp) {'more' if apart >= 0.0 else 'less'}"


def _against_best(portfolio: Portfolio, analysis: Analysis, taken: Analysed) -> str:
    """The decision beside the alternative of the least expected loss, or the next one, and if that is material."""
    best = analysis.best
    if best is taken:
        others = [each for each in analysis.alternatives if each is not taken]
        if not others:
            return f"{taken.name} is all that could be sent."
        best = min(others, key=lambda each: each.loss)
    apart, error = mean(taken.losses - best.losses)
    than = f"{_apart(portfolio, -apart, error)} than {taken.name}"
    small = abs(apart) < portfolio.materiality
    words = f"{best.name} ({best.listed.words}) is expected to lose {than}"
    if apart <= 0.0 and not small:
        return f"{words}."
    return f"{words}: {'less than' if small else 'at least'} the {portfolio.materiality:g} bp that are worth a change."


def _changes(trades: TradeList, analysis: Analysis | None) -> Iterator[str]:
    """The asset next to a trade, and a longer wait that would pay: sentences."""
    if not trades.sized.moved.any() and (nearest := _nearest(trades)):
        yield f"{nearest}."
    for rows, (apart, error) in {} if analysis is None else analysis.waiting.items():
        if apart < -ERRORS * error and -apart >= trades.portfolio.materiality:
            portfolio = trades.portfolio
            words = _apart(portfolio, apart, error)
            yield f"Booked {counted_rows(portfolio, rows)} later, the policy's trade is expected to lose {words}."


def _watched(portfolio: Portfolio) -> str:
    """The events that trigger the next cycle, by the levels of the file."""
    terms, limit = portfolio.cycle, portfolio.limits.max_drawdown
    return listed_words(
        [
            "a trade of the policy",
            f"a drift of {100 * terms.drift.critical:g} points",
            "an asset outside its range",
            f"a VaR 95 of {percent(terms.var.critical, 2)} of NAV",
            *([] if limit is None else [f"a drawdown of {percent(limit, 2)}"]),
            "a crisis of volatility",
        ],
        "or",
    )


def _controls(trades: TradeList, monitor: Monitored, by: str) -> Iterator[Control]:
    """The controls of the orders."""
    portfolio, sends = trades.portfolio, bool(trades.sized.moved.any())
    terms = portfolio.cycle
    yield control("prices", trades.stale and sends, "prices are too old for orders", "prices are recent")
    count = monitor["sessions since the last trade"].value or 0.0
    resting = by == "scenarios" and sends and count < terms.cooldown
    yield control(
        "cooldown", resting,
        f"the last trade was {count:.0f} sessions ago, and scenarios rest {terms.cooldown}", "no trade was too recent",
    )  # fmt: skip
    turned = f"turnover is {percent(trades.turnover, 2)} of NAV"
    yield control(
        "turnover", trades.turnover > terms.turnover,
        f"{turned}, above the {percent(terms.turnover, 0)} of a cycle", turned,
    )  # fmt: skip
    moment = "after" if sends else "before"
    outside = [each.sentence for each in trades.before_after.outside(moment)]
    yield control("ranges", bool(outside), "; ".join(outside), "each asset ends within its range")
    horizon, figures = trades.before_after.horizons[0], trades.before_after.figures[moment]
    loss = figures.var[horizon]
    high = loss is not None and loss >= terms.var.critical
    passes = "VaR 95 is below its limit" if loss is not None else "VaR 95 is not known, and not controlled"
    yield control("VaR", high, f"VaR 95 stays {percent(loss or 0.0, 2)} of NAV", passes)
    seen = fitted_until(trades.decides)
    old = seen is not None and (portfolio.date - seen).days > MODEL_DAYS
    said = "the policy was not fitted" if seen is None else f"the policy was fitted to days up to {seen:%Y-%m-%d}"
    yield control("model", old, f"{said}, more than a year before", said)


def _acting(trades: TradeList, ended: Collection[str]) -> Iterator[Control]:
    """The controls of the file on orders that are open, and on those that go without a person."""
    portfolio, terms, acts = trades.portfolio, trades.portfolio.cycle, trades.portfolio.cycle.acts
    sends = bool(trades.sized.moved.any())
    open_orders = () if portfolio.blotter is None else portfolio.blotter.open
    if terms.open_orders == "wait":
        names = [each.order_id for each in open_orders if each.order_id not in ended]
        are, them = ("is", "it") if len(names) == 1 else ("are", "them")
        fault = f"{counted(len(names), 'order')} of the last list {are} open, and the file waits for {them}"
        fix = f"rebalance desk book settle NAME ORDER ends one that will not be filled, of {', '.join(names)}"
        passed = "no order of the last list is in the way"
        yield control(OPEN_ORDERS, sends and bool(names), f"{fault}; {fix}", passed)
    if acts is None:
        return
    value, orders = float(trades.orders["notional"].sum()), len(trades.orders)
    turned = f"turnover is {percent(trades.turnover, 2)} of NAV"
    beyond = {
        f"{turned}, above the {percent(acts.turnover, 2)}": trades.turnover > acts.turnover,
        f"there are {orders:,} orders, above the {acts.orders:,}": orders > acts.orders,
        f"they are worth {value:,.2f}, above the {acts.notional:,.2f} {portfolio.basis}": value > acts.notional,
    }
    faults = [f"{words} that go without a person" for words, is_beyond in beyond.items() if is_beyond]
    faults += ["the file names no book that keeps what was sent"] if portfolio.blotter is None else []
    within = "its orders are within what goes without a person"
    yield control("acts", sends and bool(faults), "; ".join(faults), within)


def control(name: str, fails: bool, fault: str, passed: str) -> Control:
    """A control of `CONTROLS`, with its effect where it fails."""
    return Control(name, CONTROLS[name][0], fault) if fails else Control(name, "passes", passed)
