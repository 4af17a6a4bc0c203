"""The verdict of a comparison, in the words of a committee: what to do, what it gains, and how likely that is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backtests.comparison.recommendation import OTHER_TARGET, SURE, TOO_SHORT, Candidate, Recommendation, Work
from backtests.engine.result import Backtest
from backtests.evaluation.bands_in_force import bands_in_force
from backtests.evaluation.evidence import Evidence
from backtests.evaluation.scores import Score
from backtests.wording import listed, number, percent, probability
from research.portfolio import Portfolio
from research.risk.measures import BPS, DAYS_PER_YEAR
from research.rules import Rule
from research.rules.protocol import RuleTraits, long_name

SAME_WIDTH = 0.005  # points: bands that differ by less are shown as one
LONGEST = 18  # characters of a name above a column
HELD = 5e-4  # mean difference of a weight that is worth a word


@dataclass(frozen=True)
class Verdict:
    """What a comparison says, in this order.

    heading : of which portfolio and test it is, and what the desk does now.
    do      : which policy to use, and what it does.
    heads   : of the columns of `rows`, the first without one.
    rows    : money, tracking error, work and growth of what the desk does now and of one or two others.
    gain    : what it gains, and how likely that is.
    growth  : what it gave up in growth, and why.
    others  : what else would do as well, and when it pays.
    changes : what would change the answer.
    left    : which policies are no candidates, and why.
    """

    heading: str
    do: str
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    gain: str = ""
    growth: str = ""
    others: str = ""
    changes: str = ""
    left: str = ""

    def sentences(self) -> tuple[str, ...]:
        """Those that there are, in order, without the table."""
        said = (self.heading, self.do, self.gain, self.growth, self.others, self.changes, self.left)
        return tuple(filter(None, said))

    def __str__(self) -> str:
        """All of them."""
        return " ".join(self.sentences())


@dataclass(frozen=True)
class Told:
    """What the words of a verdict are made from.

    portfolio : for which it is.
    made      : the recommendation.
    rule      : the recommended policy itself, or None.
    scores    : of each policy.
    backtests : of each policy.
    evidence  : of their growth.
    """

    portfolio: Portfolio
    made: Recommendation
    rule: Rule | None
    scores: Mapping[str, Score]
    backtests: Mapping[str, Backtest]
    evidence: Evidence

    def money(self, value: float, *, signed: bool = False) -> str:
        """An amount a year without its currency; below 10 with two digits."""
        return number(value, 0 if abs(value) >= 10.0 else 2, signed=signed)

    def cost(self, name: str) -> float:
        """Costs and taxes in the test, currency a year at today's value."""
        return self.scores[name]["cost"] / BPS * self.portfolio.nav

    def tracking(self, name: str) -> float:
        """What its tracking error is worth at the desk's price, currency a year."""
        return (self.scores[name]["loss"] - self.scores[name]["cost"]) / BPS * self.portfolio.nav

    def gap(self, name: str, other: str, metric: str) -> float:
        """A figure less that of another policy."""
        return self.scores[name][metric] - self.scores[other][metric]

    @property
    def grown(self) -> str:
        """The figure of growth that the test is long enough for."""
        short = any("growth" in self.scores[name].undefined for name in self.scores)
        return "total_return" if short else "growth"


def verdict_of(told: Told, changes: str = "") -> Verdict:
    """The verdict on a recommendation.

    told    : what the words are made from.
    changes : what would change the answer (`backtests.comparison.stability`).
    """
    made, rule = told.made, told.rule
    heading = _heading(told)
    if made.policy is None or rule is None or made.now is None:
        reasons = "; ".join(f"{each}: {listed(limits)}" for each, limits in made.broken.items())
        return Verdict(heading, f"No policy is recommended: none is within the limits ({reasons}).")
    does = f"{rule_words(rule, told.portfolio)}{_widths(told.backtests[made.policy])}."
    if made.target:  # the target was chosen before the rule
        return Verdict(heading, f"USE {made.policy}: {does} {made.target}", others=_others(told), left=_left(told))
    if not any(len(each.booked) for each in told.backtests.values()):
        return Verdict(heading, f"KEEP {made.policy}: {does} This test says nothing: none of the policies traded.")
    shown = _shown(made)
    return Verdict(
        heading,
        f"{'KEEP' if made.is_kept and told.portfolio.policy == made.now else 'USE'} {made.policy}: {does}",
        *_table(told, shown),
        gain=_said(told),
        growth=_growth(told, shown[1]) if len(shown) > 1 else "",
        others=_others(told),
        changes=changes,
        left=_left(told),
    )


def rule_words(rule: Rule, portfolio: Portfolio) -> str:
    """What a rule does, as the rest of a sentence."""
    if not isinstance(rule, RuleTraits):
        return f"a rule of your own ({type(rule).__name__})"
    held, _, long = long_name(rule, portfolio.strategic).rpartition("; ")
    does = long if long.startswith("never") else f"trades {_when(long)}"
    return f"it holds {held} and {does}" if held else f"it {does}"


def _when(long: str) -> str:
    """When a rule trades, and where to.

    >>> _when("past 2 points, to target"), _when("each quarter, to target")
    ('when a weight is 2 points off its target, to target', 'each quarter, to target')
    """
    said = re.sub(r"^past ([\d.]+ points?)", r"when a weight is \1 off its target", long)
    return re.sub(r"^past the", "when a weight is past the", said)


def _widths(played: Backtest) -> str:
    """How wide a rule's bands are on the last day, where each line has its own; else nothing.

    It opens with a space.
    """
    last = len(played.market.dates) - 1
    _, upper = bands_in_force(played, np.array([last]))
    widths = 100.0 * (upper[0] - played.targets.rows[played.targets.row[last]])
    held = np.flatnonzero(np.isfinite(widths) & (played.targets.rows[played.targets.row[last]] > 0.0))
    if len(held) == 0 or np.ptp(widths[held]) < SAME_WIDTH:
        return ""
    narrow, wide = (int(held[k]) for k in (widths[held].argmin(), widths[held].argmax()))
    names = played.market.assets
    return f", {number(widths[narrow])} points ({names[narrow]}) to {number(widths[wide])} ({names[wide]}) off target"


# -- what the desk does now, and the figures beside it ---------------------------------------------------------------


def _heading(told: Told) -> str:
    desk, made = told.portfolio, told.made
    first, last = next(iter(told.backtests.values())).dates[[1, -1]]
    head = f"{desk.name}, {desk.nav:,.0f} {desk.basis}, tested {first:%Y-%m-%d} to {last:%Y-%m-%d}."
    if desk.policy is None:
        now = "You named no policy of today" + (
            f": compared with {made.now}, least work within limits." if made.now else "."
        )
        return f"{head} {now}"
    now = f"You do now: {desk.policy}."
    reason = made.broken.get(desk.policy)
    if desk.policy not in told.scores:
        now = f"You do now {desk.policy}, which was not compared."
    elif reason == (OTHER_TARGET,):
        now = f"You do now {desk.policy}, which holds another target."
    elif reason:
        now = f"You do now {desk.policy}, which breached a limit: {listed(reason)}."
    if made.now not in (None, desk.policy):
        now += f" Compared with {made.now}, least work within limits."
    return f"{head} {now}"


def _shown(made: Recommendation) -> list[str]:
    """The policies of the table: what the desk does now; the recommended one, or the best other and the least work."""
    assert made.now is not None
    assert made.policy is not None
    if not made.is_kept:
        return [made.now, made.policy]
    others = sorted((n for n in made.candidates if n != made.now), key=lambda n: made.candidates[n].loss)
    lazy = min(made.candidates, key=lambda n: made.candidates[n].work.days)
    return list(dict.fromkeys([made.now, *others[:1], lazy]))


def _table(told: Told, shown: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Heads and rows: costs, tracking error, days and orders, growth; with the change, where another is to be used."""
    made, desk = told.made, told.portfolio
    changed = not made.is_kept
    marks = {made.now: "now" if desk.policy == made.now else "base"}
    if len(shown) > 1:
        marks[shown[1]] = "use" if changed else "best other"
    if not changed and len(shown) > 1:
        marks.setdefault(shown[-1], "least work")
    heads = tuple(
        f"{name if len(name) <= LONGEST else name[: LONGEST - 1] + '…'} ({marks[name]})" for name in shown
    ) + (("change",) if changed else ())

    def row(label: str, values: list[float], digits: int | None, note: str = "") -> tuple[str, ...]:
        words = [told.money(v) if digits is None else number(v, digits) for v in values]
        if changed:
            gap = values[1] - values[0]
            words.append((told.money(gap, signed=True) if digits is None else number(gap, digits, signed=True)) + note)
        return (label, *words)

    works = [_work(told, name) for name in shown]
    work = [f"{number(days, 1)} / {number(orders, 0)}" for days, orders in works]
    if changed:
        (d0, o0), (d1, o1) = works
        work.append(f"{number(d1 - d0, 1, signed=True)} / {number(o1 - o0, 0, signed=True)}")
    worth = ""
    if changed:
        saved = told.tracking(shown[0]) - told.tracking(shown[1])
        worth = f" ({told.money(saved, signed=True)} {desk.basis} at your price)"
    rows = [
        row(f"costs, {desk.basis}", [told.cost(name) for name in shown], None),
        row("tracking error, %", [100.0 * told.scores[name]["tracking_error"] for name in shown], 2, worth),
        ("days / orders", *work),
    ]
    if not changed:
        lost = [told.cost(n) + told.tracking(n) + _priced(desk, _work(told, n)) for n in shown]
        rows.append((f"loss at your prices, {desk.basis}", *(told.money(v) for v in lost)))
    label = "growth, %" if told.grown == "growth" else "return of the test, %"
    rows.append(row(label, [100.0 * told.scores[name][told.grown] for name in shown], 2))
    return ("a year", *heads), tuple(rows)


def _work(told: Told, name: str) -> tuple[float, float]:
    work = Work.of(told.backtests[name], told.portfolio.policies[name])
    return work.days, work.orders


def _priced(desk: Portfolio, work: tuple[float, float]) -> float:
    return desk.day_cost * work[0] + desk.order_cost * work[1]


# -- gain, growth, others --------------------------------------------------------------------------------------------


def _said(told: Told) -> str:
    """What is gained or why nothing is changed; a policy that breaches a limit has no gain to be compared with."""
    made = told.made
    if made.now not in made.candidates:
        return f"{made.now} is no candidate, so a change is needed. Of the candidates this is the one to take."
    return f"{_kept(told) if made.is_kept else _gain(told)}{_worth(told)}"


def _gain(told: Told) -> str:
    """What the recommended policy gains on what the desk does now: in the test, and in others like it."""
    made, unit = told.made, told.portfolio.basis
    assert made.policy is not None
    assert made.now is not None
    one = made.candidates[made.policy]
    cash = told.cost(made.now) - told.cost(made.policy)
    price = told.tracking(made.now) - told.tracking(made.policy)
    work = [_priced(told.portfolio, _work(told, name)) for name in (made.now, made.policy)]
    parts = [f"{told.money(cash, signed=True)} in costs", f"{told.money(price, signed=True)} in tracking at your price"]
    parts += [f"{told.money(work[0] - work[1], signed=True)} in days and orders"] if any(work) else []
    best = made.best
    assert best is not None
    why = ""
    if one.gain.value <= made.margin and best != made.policy:
        more = made.candidates[best].gain.value - one.gain.value
        why = f" It asks for less work than {made.now}; {best} would gain {told.money(more)} {unit} more."
    return (
        f"This test: {told.money(cash + price + work[0] - work[1], signed=True)} {unit} a year, {listed(parts)}. "
        f"{_likely(told, one)}{why}"
    )


def _likely(told: Told, one: Candidate) -> str:
    """The expected gain, with theory, and how likely it is; where trades are no more likely than this, so much less."""
    made, unit = told.made, told.portfolio.basis
    ends = " to ".join(told.money(v, signed=True) for v in (one.gain.lower, one.gain.upper))
    return (
        f"Expected at this volatility ({percent(made.volatility)}), by theory and test: "
        f"{told.money(one.gain.value, signed=True)} {unit} ({percent(one.gain.level, 0)}: {ends}). "
        f"It is a gain with a probability of {probability(one.better)}, and more than your margin "
        f"({told.money(made.margin)}) with {probability(one.pays)}."
    )


def _worth(told: Told) -> str:
    """The price of tracking as what the desk would pay, after a blank: halving an error saves three quarters of it."""
    now, desk = told.made.now, told.portfolio
    assert now is not None
    saved = 0.75 * told.tracking(now)
    if not saved > 0.0:
        return ""
    return (
        f" Your price of tracking, {desk.tracking_penalty:.4g}, means: halving the "
        f"{percent(told.scores[now]['tracking_error'], 2)} of {now} is worth {number(saved / desk.nav * BPS)} bp "
        f"({told.money(saved)} {desk.basis}) a year."
    )


def _kept(told: Told) -> str:
    """Why the desk goes on as now."""
    made, unit = told.made, told.portfolio.basis
    others = sorted((n for n in made.candidates if n != made.now), key=lambda n: made.candidates[n].loss)
    if not others:
        return "It is the only candidate: there is nothing to compare it with."
    best = made.candidates[others[0]]
    if best.gain.value <= made.margin:
        said = "is better by an amount that matters to you" if best.gain.value > 0.0 else "is expected to lose less"
        ends = " to ".join(told.money(v, signed=True) for v in (best.gain.lower, best.gain.upper))
        return (
            f"No other candidate {said}. The next is {others[0]}, with an expected gain of "
            f"{told.money(best.gain.value, signed=True)} {unit} a year ({percent(best.gain.level, 0)}: {ends}). "
            f"It is a gain with a probability of {probability(best.better)}; your margin is {told.money(made.margin)}."
        )
    return (
        f"{others[0]} may be better, but that is not sure enough for a change ({SURE:.2f} asked). {_likely(told, best)}"
    )


def _growth(told: Told, name: str) -> str:
    """How growth differed from that of what the desk does now, with the interval of this pair alone, and by what."""
    made, metric = told.made, told.grown
    assert made.now is not None
    gap, a_year = told.gap(name, made.now, metric), " a year" if metric == "growth" else ""
    if abs(gap) < 0.5e-4:
        return f"In this test {name} grew as {made.now} did."
    more = "more" if gap > 0.0 else "less"
    said = (
        f"In this test {name} grew {percent(abs(gap), 2)}{a_year} {more} than {made.now} "
        f"({told.money(gap * told.portfolio.nav, signed=True)} {told.portfolio.basis}{a_year})"
    )
    if metric == "growth":
        own = told.evidence.against(made.now).differences("growth")[name]
        ends = " to ".join(told.money(v * told.portfolio.nav, signed=True) for v in (own.lower, own.upper))
        said += f"; {percent(own.level, 0)} interval of this pair alone: {ends}"
    return f"{said}. {_cause(told, name)}".strip()


def _cause(told: Told, name: str) -> str:
    """The asset by whose mean difference in weight most of a difference in growth came."""
    made = told.made
    assert made.now is not None
    one, other = (told.backtests[each].weights.to_numpy() for each in (name, made.now))
    active = (one - other)[:-1]
    played = told.backtests[name]
    relative = played.market.returns[played.first + 1 :] - played.gross_returns[:, None]
    earned = np.where(np.isfinite(relative), active * relative, 0.0).sum(axis=0)
    years = (played.dates[-1] - played.dates[0]).days / DAYS_PER_YEAR
    gap = told.gap(name, made.now, told.grown) * (1.0 if told.grown == "total_return" else years)
    i = int(np.argmax(np.sign(gap) * earned))
    mean = float(active[:, i].mean())
    if abs(mean) < HELD or earned[i] / gap < 0.5:  # no line explains half of it
        return ""
    held = "more" if mean > 0.0 else "less"
    points = f"{number(100.0 * abs(mean), 1)} points"
    return f"Most of that came from {played.market.assets[i]}, of which it held {points} {held} on average."


def _others(told: Told) -> str:
    """Which other candidates would do as well, and what a day has to cost for the next better one to pay."""
    made, said = told.made, []
    assert made.policy is not None
    best = min(one.loss for one in made.candidates.values())
    if made.as_good and made.candidates[made.policy].loss - best <= made.margin:
        verb = "loses" if len(made.as_good) == 1 else "lose"
        said.append(f"{listed(made.as_good)} would do as well: {verb} no more than your margin above the best.")
    if made.prices:
        name, price = next(iter(made.prices.items()))
        said.append(
            f"{name} is expected to lose less while a trading day costs you below {told.money(price)} "
            f"{told.portfolio.basis}."
        )
    return " ".join(said)


def _left(told: Told) -> str:
    """Which policies are no candidates; and that ranges, and not rules, are in the way of growth."""
    made = told.made
    target = [name for name, why in made.broken.items() if why == (OTHER_TARGET,)]
    short = [name for name, why in made.broken.items() if why == (TOO_SHORT,)]
    limits = [name for name in made.broken if name not in [*target, *short]]
    parts = [f"{listed(limits)} (limits)"] if limits else []
    parts += [f"{listed(short)} ({TOO_SHORT})"] if short else []
    parts += [f"{listed(target)} (another target)"] if target else []
    said = [f"Not candidates: {'; '.join(parts)}."] if parts else []
    grew = [
        name
        for name in limits
        if made.policy is not None
        and any("range" in why for why in made.broken[name])
        and told.gap(name, made.policy, told.grown) > 0.0
    ]
    if grew:
        said.append(
            f"More growth outside your ranges: {listed(grew)}. If you want that, change target or ranges, not the rule."
        )
    return " ".join(said)
