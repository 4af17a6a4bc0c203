"""The verdict of a comparison, in the words of a committee: what to do, what it gains, and how likely that is."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backtests.comparison.fitting.candidates import PlayedCandidates
from backtests.comparison.recommendation import OTHER_TARGET, SURE, TOO_SHORT, Recommendation
from backtests.engine.result import Backtest
from backtests.evaluation.backtest_figures import taxed_figures
from backtests.evaluation.bands_in_force import bands_in_force
from backtests.evaluation.scores import Score
from backtests.inference.evidence import Evidence
from foundation.arrays import Array
from foundation.paper.wording import digits_apart, listed, number, percent, probability
from research.portfolio import Portfolio
from research.risk.measures import BPS
from research.rules import Rule
from research.rules.protocol import RuleTraits, long_name

SAME_WIDTH = 0.005  # points: bands that differ by less are shown as one
LONGEST_NAME = 18  # characters of a name above a column
EXPLAINING_SHARE = 0.5  # share of a difference that explains it
NOTHING_OF_MARGIN = 0.1  # share of the margin, below which an amount is worth no word


@dataclass(frozen=True)
class Verdict:
    """The statements of a comparison, in this order.

    heading : the portfolio and test, and the desk's present policy.
    do      : the policy to use, and its description.
    heads   : heads of the columns of `rows`, the first without one.
    rows    : money, tracking error, work and growth of the desk's present policy and of one or two others.
    gain    : its gain, and the probability of that.
    changes : the changes that would alter the answer.
    growth  : the growth it gave up, and the reason; where the file counts a tax at the end, the least J after it.
    others  : the other policies within the margin, and when they pay.
    left    : the policies that are no candidates, and the reasons.
    """

    heading: str
    do: str
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    gain: str = ""
    changes: str = ""
    growth: str = ""
    others: str = ""
    left: str = ""

    def sentences(self) -> tuple[str, ...]:
        """The statements that are not empty, in order, without the table."""
        said = (self.heading, self.do, self.gain, self.changes, self.growth, self.others, self.left)
        return tuple(filter(None, said))

    def __str__(self) -> str:
        """All of them."""
        return " ".join(self.sentences())


@dataclass(frozen=True)
class Told:
    """The inputs of the words of a verdict.

    played   : the policies, with their portfolio, backtests and scores.
    made     : the recommendation.
    evidence : evidence on their growth.
    """

    played: PlayedCandidates
    made: Recommendation
    evidence: Evidence

    @property
    def portfolio(self) -> Portfolio:
        """The portfolio of the comparison."""
        return self.played.portfolio

    @property
    def scores(self) -> Mapping[str, Score]:
        """The scores of each policy."""
        return self.played.scores

    @property
    def backtests(self) -> Mapping[str, Backtest]:
        """The backtest of each policy."""
        return self.played.backtests

    @property
    def now(self) -> str:
        """The desk's present policy, or what stands for it, where one is recommended."""
        assert self.made.now is not None
        return self.made.now

    @property
    def policy(self) -> str:
        """The recommended policy, where there is one."""
        assert self.made.policy is not None
        return self.made.policy

    def money(self, value: float, *, signed: bool = False, other: float | None = None) -> str:
        """An amount a year without its currency; below 10 with two digits, or more, to be told from another one."""
        digits = 0 if abs(value) >= 10.0 else 2
        return number(value, digits if other is None else digits_apart(value, other, digits), signed=signed)

    @property
    def charged(self) -> str:
        """The costs of the test, in words: with tax where the file has one."""
        tax = self.portfolio.costs.tax
        return "costs and tax" if tax is not None and tax.charges else "costs"

    def cost(self, name: str) -> float:
        """Costs and taxes in the test, currency a year at today's value."""
        return self.scores[name]["cost"] / BPS * self.portfolio.nav

    def tracking(self, name: str) -> float:
        """The cost of its tracking error at the desk's price, currency a year."""
        return (self.scores[name]["loss"] - self.scores[name]["cost"]) / BPS * self.portfolio.nav

    def gap(self, name: str, other: str, metric: str) -> float:
        """A figure less that of another policy."""
        return self.scores[name][metric] - self.scores[other][metric]

    @property
    def grown(self) -> str:
        """The figure of growth that the test is long enough for."""
        short = any("growth" in self.scores[name].undefined for name in self.scores)
        return "total_return" if short else "growth"


def now_word(made: Recommendation, desk: Portfolio) -> str:
    """The word for what is compared with: "now" for the file's policy, "base" for one that it does not name."""
    return "now" if desk.policy == made.now else "base"


def verdict_of(told: Told, changes: str = "") -> Verdict:
    """The verdict on a recommendation.

    told    : the inputs of the words.
    changes : the changes that would alter the answer (`backtests.comparison.descriptions.stability`).
    """
    made, heading = told.made, _heading(told)
    if made.policy is None:
        reasons = "; ".join(f"{each}: {listed(limits)}" for each, limits in made.broken.items())
        if set(made.broken.values()) == {(OTHER_TARGET,)}:
            said = "all policies hold another target. Give one that holds the target of the file"
        else:
            said = f"none is within the limits ({reasons})"
        return Verdict(heading, f"No policy is recommended: {said}.", left=made.stays)
    rule = told.played.fitted[made.policy].policy
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
        changes=changes,
        growth=" ".join(filter(None, (_growth(told, shown[1]) if len(shown) > 1 else "", _at_end(told)))),
        others=_others(told),
        left=_left(told),
    )


def rule_words(rule: Rule, portfolio: Portfolio) -> str:
    """The description of a rule, as the rest of a sentence."""
    if not isinstance(rule, RuleTraits):
        return f"a rule of your own ({type(rule).__name__})"
    held, _, long = long_name(rule, portfolio.strategic).rpartition("; ")
    does = long if long.startswith("never") else f"trades {_when(long)}"
    return f"it holds {held} and {does}" if held else f"it {does}"


def _when(long: str) -> str:
    """The occasions on which a rule trades, and its destination.

    >>> _when("past 2 points, to target"), _when("each quarter, to target")
    ('when a weight is 2 points off its target, to target', 'each quarter, to target')
    """
    said = re.sub(r"^past ([\d.]+ points?)", r"when a weight is \1 off its target", long)
    return re.sub(r"^past the", "when a weight is past the", said)


def _widths(played: Backtest) -> str:
    """The widths of a rule's bands on the last day, where each asset has its own; else "".

    The text opens with a space.
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
        compared = made.now and len(made.candidates) > 1
        now = "You named no policy of today" + (
            f": compared with {made.now}, least work within limits." if compared else "."
        )
        return f"{head} {now}"
    now = f"You do now: {desk.policy}."
    reason = made.broken.get(desk.policy)
    if desk.policy not in told.scores:
        now = f"You do now {desk.policy}, which was not compared."
    elif reason == (OTHER_TARGET,):
        now = f"You do now {desk.policy}, which holds another target."
    elif reason:
        now = f"You do now {desk.policy}, which breached a limit in the test: {listed(reason)}."
    if made.now not in (None, desk.policy):
        now += f" Compared with {made.now}, least work within limits."
    return f"{head} {now}"


def _shown(made: Recommendation) -> list[str]:
    """The policies of the table: the desk's present one; the recommended one, or the best other and the least work."""
    assert made.now is not None
    assert made.policy is not None
    if not made.is_kept:
        return [made.now, made.policy]
    others = sorted((n for n in made.candidates if n != made.now), key=lambda n: made.candidates[n].loss)
    lazy = min(made.candidates, key=lambda n: made.candidates[n].work)
    return list(dict.fromkeys([made.now, *others[:1], lazy]))


def _table(told: Told, shown: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Heads and rows: costs, tracking error, days and orders, growth; with the change, where another is to be used."""
    made, desk = told.made, told.portfolio
    changed = not made.is_kept
    marks = {made.now: now_word(made, desk)}
    if len(shown) > 1:
        marks[shown[1]] = "use" if changed else "best other"
    marks.setdefault(shown[-1], "least work")
    heads = tuple(
        f"{name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + '…'} ({marks[name]})" for name in shown
    ) + (("change",) if changed else ())

    def row(label: str, values: list[float], digits: int | None) -> tuple[str, ...]:
        words = [told.money(v) if digits is None else number(v, digits) for v in values]
        if changed:
            gap = values[1] - values[0]
            words.append(told.money(gap, signed=True) if digits is None else number(gap, digits, signed=True))
        return (label, *words)

    works = [_work(told, name) for name in shown]
    work = [f"{number(days, 1)} / {number(orders, 0)}" for days, orders in works]
    if changed:
        (d0, o0), (d1, o1) = works
        work.append(f"{number(d1 - d0, 1, signed=True)} / {number(o1 - o0, 0, signed=True)}")
    rows = [
        row(f"{told.charged}, {desk.basis}", [told.cost(name) for name in shown], None),
        row("tracking error, %", [100.0 * told.scores[name]["tracking_error"] for name in shown], 2),
        row(f"tracking at your penalty, {desk.basis}", [told.tracking(name) for name in shown], None),
        ("days with a trade / orders", *work),
    ]
    lost = [told.cost(n) + told.tracking(n) + _work_priced(told, n) for n in shown]
    rows.append(row(f"loss at your prices, {desk.basis}", lost, None))
    if all(name in made.candidates for name in shown):
        rows.append(row("expected loss, by test and theory", [made.candidates[name].loss for name in shown], None))
    label = "growth, %" if told.grown == "growth" else "return of the test, %"
    rows.append(row(label, [100.0 * told.scores[name][told.grown] for name in shown], 2))
    return ("a year", *heads), tuple(rows)


def _work(told: Told, name: str) -> tuple[float, float]:
    return told.scores[name]["trading_days"], told.scores[name]["trades"]


def _work_priced(told: Told, name: str) -> float:
    """The cost of days and orders to the desk, currency a year."""
    days, orders = _work(told, name)
    return told.portfolio.day_cost * days + told.portfolio.order_cost * orders


# -- gain, growth, others --------------------------------------------------------------------------------------------


def _said(told: Told) -> str:
    """The reason why a change is needed, pays or does not; a policy that breaches a limit has no gain to compare."""
    made = told.made
    if told.now not in made.candidates:
        return f"{told.now} is no candidate, so a change is needed. {_forced(told)}"
    best = min((n for n in made.candidates if n != made.now), key=lambda n: made.candidates[n].loss, default=None)
    if best is None:
        return "It is the only candidate: there is nothing to compare it with."
    return f"{_kept(told, best) if made.is_kept else _gain(told, best)} {_worth(told)}".strip()


def _forced(told: Told) -> str:
    """The reason why a policy is taken in place of one that is no candidate."""
    made, best = told.made, told.made.best
    assert best is not None
    if len(made.candidates) == 1:
        return "It is the only candidate."
    if best == told.policy:
        return f"Of the candidates {best} is expected to lose least."
    more = made.candidates[told.policy].loss - made.candidates[best].loss
    return (
        f"{told.policy} asks for the least work of those within your margin of {best}, the best: it is expected to "
        f"lose {told.money(more)} {told.portfolio.basis} a year more."
    )


def _gain(told: Told, best: str) -> str:
    """The loss of the desk's present policy above the best, and the gain of the recommended policy on it."""
    made, unit, now, policy = told.made, told.portfolio.basis, told.now, told.policy
    saved = {
        told.charged: told.cost(now) - told.cost(policy),
        "tracking at your penalty": told.tracking(now) - told.tracking(policy),
        "days and orders": _work_priced(told, now) - _work_priced(told, policy),
    }
    parts = [f"{told.money(abs(v))} {'less' if v > 0.0 else 'more'} in {words}" for words, v in saved.items() if v]
    sure, most, why = made.best_change, made.candidates[best].gain.value, ""
    if best != sure:
        why = f" {best} is better with a probability below {SURE:g}, and {sure} is the best of those above it."
    if sure != policy:
        below = made.candidates[policy].gain.value <= made.margin
        why += f" {policy} asks for the least work of those within the margin of {sure}"
        why += ", and is taken for that: its own gain is below your margin." if below else "."
    return (
        f"{now} is expected to lose {told.money(most, other=made.margin)} {unit} a year more than "
        f"{best}, the best: beyond your margin of {_margin(told, other=most)}.{why} {_likely(told, policy)} "
        + (
            f"This test showed {listed(parts)}: only {told.charged} are cash."
            if parts
            else "This test showed no difference."
        )
    )


def _likely(told: Told, name: str) -> str:
    """The expected gain of a policy, with theory, and how likely it is."""
    one = told.made.candidates[name]
    ends = " to ".join(told.money(v, signed=True) for v in (one.gain.lower, one.gain.upper))
    return (
        f"The expected gain of {name} is {told.money(one.gain.value, signed=True)} {told.portfolio.basis} a year "
        f"({percent(one.gain.level, 0)}: {ends}), at a volatility of {percent(told.made.volatility)}. It is above zero "
        f"with a probability of {probability(one.better, SURE)}, and above the margin with {probability(one.pays)}."
    )


def _margin(told: Told, other: float | None = None) -> str:
    """The smallest material difference, in currency and in bp of NAV; told from another amount."""
    share = f"{told.portfolio.materiality:g} bp; 1 bp is 0.01 %"
    return f"{told.money(told.made.margin, other=other)} {told.portfolio.basis} ({share})"


def _worth(told: Told) -> str:
    """The tracking penalty as what the desk would pay: halving an error saves three quarters of it."""
    now, desk = told.now, told.portfolio
    saved = 0.75 * told.tracking(now)
    if saved < NOTHING_OF_MARGIN * told.made.margin:
        return ""
    return (
        f"Your tracking penalty, {desk.tracking_penalty:.4g}, makes halving the "
        f"{percent(told.scores[now]['tracking_error'], 2)} of {now} worth {number(saved / desk.nav * BPS)} bp "
        f"({told.money(saved)} {desk.basis}) a year."
    )


def _kept(told: Told, best: str) -> str:
    """The reason why the desk goes on as now: nothing is better, or not by the margin, or not surely so."""
    made, unit = told.made, told.portfolio.basis
    gain = made.candidates[best].gain.value
    if gain > made.margin:
        return (
            f"{best} may be better, but not with the probability of {SURE:g} that a change asks. {_likely(told, best)}"
        )
    if gain > 0.0:
        return (
            f"{told.now} is expected to lose {told.money(gain)} {unit} a year more than {best}, the best: within your "
            f"margin of {_margin(told)}. {_likely(told, best)}"
        )
    one = made.candidates[best]
    ends = " to ".join(told.money(v, signed=True) for v in (-one.gain.upper, -one.gain.lower))
    return (
        f"No candidate is expected to lose less. The next, {best}, is expected to lose {told.money(-gain)} {unit} a "
        f"year more ({percent(one.gain.level, 0)}: {ends}). "
        f"It is better with a probability of {probability(one.better, SURE)}."
    )


def _growth(told: Told, name: str) -> str:
    """The difference in growth to the desk's present policy, with the interval of this pair alone, and its cause."""
    now, metric = told.now, told.grown
    gap, a_year = told.gap(name, now, metric), " a year" if metric == "growth" else ""
    if abs(gap) < 0.5e-4:
        return f"In this test {name} grew as {now} did."
    more = "more" if gap > 0.0 else "less"
    said = (
        f"In this test {name} grew {number(100.0 * abs(gap), 2)} points{a_year} {more} than {now}: "
        f"{told.money(gap * told.portfolio.nav, signed=True)} {told.portfolio.basis}{a_year}"
    )
    if metric == "growth":
        own = told.evidence.against(now).differences("growth")[name]
        ends = " to ".join(told.money(v * told.portfolio.nav, signed=True) for v in (own.lower, own.upper))
        said += f" ({percent(own.level, 0)}: {ends}, not adjusted for the number of policies)"
    return f"{said}. {_cause(told, name)}".strip()


def _at_end(told: Told) -> str:
    """The candidate of the lowest J after the tax at the end, beside the recommended one; "" where none is counted."""
    tax = told.portfolio.costs.tax
    taxed = {name: taxed_figures(told.backtests[name], told.scores[name]) for name in told.made.candidates}
    j = {name: found["loss_taxed"] for name, found in taxed.items() if "loss_taxed" in found}
    if tax is None or told.policy not in j:
        return ""
    best = min(j, key=lambda name: j[name])
    beside = "" if best == told.policy else f"; that of {told.policy} is {number(j[told.policy])}"
    return (
        f"Tax after the last day (at_end: {tax.at_end}) is in none of these figures: with it, J is lowest for {best}, "
        f"{number(j[best])} bp a year{beside}."
    )


def _cause(told: Told, name: str) -> str:
    """The main cause of a difference in growth to the desk's present policy."""
    now, played = told.now, told.backtests[name]
    one, other = (told.backtests[each].weights.to_numpy() for each in (name, now))
    relative = played.market.returns[played.first + 1 :] - played.gross_returns[:, None]
    saved = told.backtests[now].cost_rate.sum() - played.cost_rate.sum()
    gap = math.log1p(told.scores[name]["total_return"]) - math.log1p(told.scores[now]["total_return"])
    relative = np.where(np.isfinite(relative), relative, 0.0)
    return cause_words((one - other)[:-1], relative, float(saved), gap, played.market.assets, told.charged)


def cause_words(
    active: Array, relative: Array, saved: float, gap: float, assets: Sequence[str], charged: str = "costs"
) -> str:
    """The main cause of a difference in growth: costs, the amount held of one asset, or its timing; else "".

    The contribution of an asset is the sum over days of the difference in its weight times its return beyond the
    portfolio. The mean difference times the sum of these is the part from holding more or less; the rest is that of
    timing.

    active   : (D, n) weight less that of the other policy at the close before.
    relative : (D, n) return of each asset beyond the portfolio's, fraction.
    saved    : costs of the other policy less its own, fraction of NAV.
    gap      : difference in the logarithm of growth over the D days, not 0; contributions and costs sum to it, but for
               half the difference in variance.
    assets   : n names.
    charged  : the costs, in words.
    """
    if saved / gap >= EXPLAINING_SHARE:
        return f"Most of that is {charged}."
    earned = (active * relative).sum(axis=0)
    i = int(np.argmax(np.sign(gap) * earned))
    # No asset explains it, or others cancel what it gave.
    if not EXPLAINING_SHARE <= earned[i] / gap <= 1.0 / EXPLAINING_SHARE:
        return ""
    mean = float(active[:, i].mean())
    if mean * relative[:, i].sum() / gap < EXPLAINING_SHARE:
        return f"Most of that came from when it held more or less of {assets[i]}."
    held = "more" if mean > 0.0 else "less"
    return (
        f"Most of that came from {assets[i]}, of which it held {number(100.0 * abs(mean), 1)} points {held} on average."
    )


def _others(told: Told) -> str:
    """The other candidates within the margin of the best, and when the next better one pays."""
    made, said, best = told.made, [], told.made.best
    assert best is not None
    near = [name for name in (*made.as_good, told.policy) if name != best]
    if near and made.candidates[told.policy].loss - made.candidates[best].loss <= made.margin:
        said.append(f"Within your margin of {best}, the best: {listed(near)}.")
    if made.prices:
        name, price = next(iter(made.prices.items()))
        now = f" (now {told.money(told.portfolio.day_cost)})" if told.portfolio.day_cost else ""
        if made.candidates[told.policy].loss - made.candidates[name].loss >= NOTHING_OF_MARGIN * made.margin:
            said.append(
                f"{name} is expected to lose less while a trading day costs you below {told.money(price)} "
                f"{told.portfolio.basis}{now}."
            )
    return " ".join(said)


def _left(told: Told) -> str:
    """The policies that are no candidates; and whether ranges, and not rules, limit growth."""
    made = told.made
    target = [name for name, why in made.broken.items() if why == (OTHER_TARGET,)]
    short = [name for name, why in made.broken.items() if why == (TOO_SHORT,)]
    limits = [name for name in made.broken if name not in [*target, *short]]
    parts = [f"{listed(limits)} (limits)"] if limits else []
    parts += [f"{listed(short)} ({TOO_SHORT})"] if short else []
    parts += [f"{listed(target)} (another target)"] if target else []
    said = [made.stays] if made.stays else []
    said += [f"Not candidates: {'; '.join(parts)}."] if parts else []
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
