"""The verdict of a comparison, in the words of a committee: what to do, what it gains, and how likely that is."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from backtests.comparison.fitting.candidates import PlayedCandidates
from backtests.comparison.recommendation import (
    NEVER_ELSEWHERE,
    OTHER_TARGET,
    SURELY_NOTHING,
    PricedAnswer,
    Recommendation,
)
from backtests.comparison.rule_grid import own_benchmark
from backtests.engine.result import Backtest
from backtests.evaluation.backtest_figures import taxed_figures
from backtests.evaluation.bands_in_force import bands_in_force
from backtests.evaluation.scores import Score, score
from backtests.inference.evidence import LOSS, Evidence
from foundation.dataclasses import dataclass, field
from foundation.paper.wording import class_words, counted, digits_apart, grouped, listed, number, percent, probability
from research.orders import TradeList
from research.portfolio import Portfolio
from research.portfolio.assumed import assumed_words, own_word
from research.risk.measures import BPS
from research.rules import Rule
from research.rules.protocol import RuleTraits, long_name, traits

SAME_WIDTH = 0.005  # points: bands that differ by less are shown as one
LONGEST_NAME = 18  # characters of a name above a column
CONTEST = {"band": "threshold", "tuned": "threshold", "learned": "learned"}  # classes of the contest, by family
THEORY_ALONE = "None of the policies traded in this test: this is theory alone."
SAME_GROWTH = 0.5e-4  # fraction: a smaller difference is written as none
FAR_PRICE, LEAST_DAYS, MOST_OFFERED = 20.0, 100.0, 3  # prices, in the desk's or the margin over days; policies named
LEAST_LEAD, NO_LEAD = 5e-4, 0.25  # premiums a year, fraction, between which one is worth a word


@dataclass(frozen=True)
class VerdictTable:
    """A small table: heads of its columns, the first of words, and rows; and what its words mean."""

    caption: str = ""
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The statements of a comparison, in this order; "" for what there is nothing to say of.

    heading : the portfolio, the test, and what is assumed.
    do      : the policy to use, without an amount.
    gain    : its expected gain.
    likely  : how likely that is, and its days.
    menu    : the answer at other prices of a trading day.
    changes : the nearest changes that turn the answer.
    figures : money, tracking error, work and growth of what is done now and of the recommended policy.
    contest : the best policy of each class: thresholds, learned policies, other targets.
    details : what a committee asks next, by question.
    """

    heading: str
    do: str
    gain: str = ""
    likely: str = ""
    menu: str = ""
    changes: str = ""
    figures: VerdictTable = field(default_factory=VerdictTable)
    contest: VerdictTable = field(default_factory=VerdictTable)
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def lead(self) -> tuple[str, ...]:
        """The sentences of the first screen, without the heading."""
        return tuple(filter(None, (self.do, self.gain, self.likely, self.menu, self.changes)))

    def sentences(self) -> tuple[str, ...]:
        """All statements in order, without the tables."""
        return (self.heading, *self.lead, *self.details.values())

    def __str__(self) -> str:
        """All of them."""
        return " ".join(self.sentences())


@dataclass(frozen=True)
class VerdictInputs:
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
    def policy(self) -> str:
        """The recommended policy, where there is one."""
        assert self.made.policy is not None
        return self.made.policy

    @property
    def base(self) -> str:
        """The policy over which gains are taken, where one is recommended."""
        assert self.made.base is not None
        return self.made.base

    @property
    def margin(self) -> str:
        """The margin in words: yours where the file does not mark it as assumed."""
        return f"{self.own('materiality_bps')} margin"

    def own(self, *keys: str) -> str:
        """The word before what keys of the file state: "your", or "the assumed" where one of them is so marked."""
        return own_word(self.portfolio, *keys)

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

    @property
    def grown(self) -> str:
        """The figure of growth that the test is long enough for."""
        short = any("growth" in self.scores[name].undefined for name in self.scores)
        return "total_return" if short else "growth"

    @cached_property
    def elsewhere(self) -> tuple[str, float] | None:
        """Of the policies of other targets the one that lost least against its own, work included, and what it lost.

        By the test alone, currency a year; None where all hold one target.
        """
        desk, found = self.portfolio, {}
        for name, why in self.made.broken.items():
            if why == (OTHER_TARGET,):
                played, scored = self.backtests[name], self.scores[name]
                own = score(played, own_benchmark(self.played.benchmark, played.targets), (LOSS,))
                work = desk.day_cost * scored["trading_days"] + desk.order_cost * scored["trades"]
                found[name] = own[LOSS] / BPS * desk.nav + work
        return min(found.items(), key=lambda one: one[1], default=None)


def now_word(made: Recommendation) -> str:
    """The word for what is compared with: "now" for what is done now, "next best" where nothing is named."""
    return "now" if made.now is not None else "next best"


def verdict_of(told: VerdictInputs, changes: str = "", stable: str = "") -> Verdict:
    """The verdict on a recommendation.

    told    : the inputs of the words.
    changes : the nearest changes that turn the answer (`backtests.comparison.descriptions.stability`).
    stable  : all that was changed, and what it turned.
    """
    made, heading = told.made, _heading(told)
    if made.policy is None:
        return Verdict(heading, f"No policy is recommended: {_none(made)}.", details=_details(told, stable))
    does = f"{rule_words(told.played.fitted[made.policy].policy, told.portfolio)}{_widths(told.backtests[made.policy])}"
    if made.target:  # the target was chosen before the rule
        does += f". {made.target.removesuffix('.')}"
    return Verdict(
        heading,
        do=f"{_do(told)}: {does}.",
        gain=_gain(told),
        likely=_likely(told) if any(len(each.booked) for each in told.backtests.values()) else THEORY_ALONE,
        menu=_menu(told),
        changes=changes,
        figures=_figures(told),
        contest=_contest(told),
        details=_details(told, stable),
    )


def orders_words(made: Recommendation, trades: TradeList) -> str:
    """The policy whose orders these are, the orders, and the time in which the expected gain pays for a change.

    made   : the recommendation whose orders they are.
    trades : the list.
    """
    said = f"Orders of {trades.policy}: {trades.headline}"
    if made.policy is None or made.now is None or made.is_kept or not len(trades.orders):
        return said
    costs, tax = float(trades.sized.charges.sum()), float(trades.facts.get("tax", 0.0))
    gain = made.candidates[made.policy].gain.value
    if gain <= 0.0:
        return said
    what = f"Costs and a tax of {number(tax, 0)}" if tax else "The costs"
    return f"{said} {what} are paid back in {counted(math.ceil(12.0 * (costs + tax) / gain), 'month')}."


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
    said = re.sub(r"^box learned", "past the band that it learned", said)
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


# -- the first screen ------------------------------------------------------------------------------------------------


def _heading(told: VerdictInputs) -> str:
    desk, made = told.portfolio, told.made
    first, last = next(iter(told.backtests.values())).dates[[1, -1]]
    head = f"{desk.name}, {desk.nav:,.0f} {desk.basis}, tested {first:%Y-%m-%d} to {last:%Y-%m-%d}."
    if said := assumed_words(desk):
        head += f" {said}"
    elif desk.day_cost_assumed and desk.day_cost:
        head += f" A trading day is assumed to cost you {told.money(desk.day_cost)} {desk.basis}."
    if desk.policy is None:
        return f"{head} You named no policy of today."
    if desk.policy not in told.scores:
        return f"{head} You do now {desk.policy}, which was not compared."
    if made.broken.get(desk.policy) == (OTHER_TARGET,):
        return f"{head} You do now {desk.policy}, which holds another target."
    return head


def _none(made: Recommendation) -> str:
    """The reason why no policy is recommended."""
    if set(made.broken.values()) == {(OTHER_TARGET,)}:
        return "all policies hold another target. Give one that holds the target of the file"
    judged = {name: kept for name, kept in made.kept.items() if made.broken.get(name, ()) != (NEVER_ELSEWHERE,)}
    if not judged:
        return f"none is a candidate ({NEVER_ELSEWHERE})"
    near = max(judged, key=judged.__getitem__)
    best = f"the nearest, {near}, in {10.0 * judged[near]:.2g} of 10" if judged[near] else "any of them in none"
    return (
        f"none keeps your limits often enough in tests as long, {best}. Widen `limits`, or ask for less by "
        "`limits: kept`"
    )


def _do(told: VerdictInputs) -> str:
    made = told.made
    if made.now is None:
        return f"Use {told.policy}"
    if made.is_kept:
        return f"Keep {told.policy}"
    forced = f", which {made.broken[made.now][0].removeprefix('it ')}" if made.is_forced else ""
    return f"Use {told.policy} instead of {made.now}{forced}"


def _gain(told: VerdictInputs) -> str:
    """The expected gain of a change; else how far the best of the others is, and whether that is within the margin."""
    made, candidates = told.made, told.made.candidates
    if made.now is not None and not made.is_kept:
        return f"It is expected to cost {_apart(told, candidates[told.policy].gain.value)}{_priced(told)}."
    if made.compared is None:
        return "It is the only candidate."
    other = told.base if made.compared == told.policy else made.compared
    gain = candidates[told.policy].loss - candidates[other].loss
    within = f", within {told.margin} of {told.money(made.margin, other=gain)}" if 0.0 < gain <= made.margin else ""
    if made.now is None and -made.margin <= gain <= 0.0:
        within = f", less than {told.margin} of {told.money(made.margin, other=gain)}: both will do"
    which = "next best" if made.now is None else "best other"
    return f"The {which}, {other}, is expected to cost {_apart(told, gain, made.margin)}{within}{_priced(told)}."


def _apart(told: VerdictInputs, gain: float, other: float | None = None) -> str:
    """A gain as what is paid less or more, told from another amount."""
    return f"{told.money(abs(gain), other=other)} {told.portfolio.basis} a year {'less' if gain > 0.0 else 'more'}"


def _priced(told: VerdictInputs) -> str:
    """The prices of work that the loss has, as the end of a sentence."""
    desk = told.portfolio
    day = f"a trading day at {told.money(desk.day_cost)}{' (assumed)' if desk.day_cost_assumed else ''}"
    order = f"an order at {told.money(desk.order_cost)}"
    prices = [*([day] if desk.day_cost else []), *([order] if desk.order_cost else [])]
    return f", {listed(prices)}" if prices else ""


def _likely(told: VerdictInputs) -> str:
    """The interval of the gain, the odds of a loss, the days of trading, and what the doubt costs."""
    made, name = told.made, told.made.compared
    if name is None:
        return ""
    one, base, said = made.candidates[name], made.candidates[told.base], []
    ends = " to ".join(told.money(v, signed=True) for v in (one.gain.lower, one.gain.upper))
    if name == made.policy:
        said.append(f"19 times in 20 it gains {ends}; {_in_hundred(1.0 - one.better)} that it costs more.")
        if not made.is_forced:
            said.append(f"It trades on {_days(one.work.days)} instead of {_days(base.work.days)} days a year.")
            lazy = min(made.as_good, key=lambda each: made.candidates[each].work, default=name)
            days = made.candidates[lazy].work.days
            said += (
                [f"{lazy}, on {_days(days)} days, is within {told.margin} of it."] if 2.0 * days < one.work.days else []
            )
    else:
        worse = " to ".join(told.money(v) for v in (-one.gain.upper, -one.gain.lower))
        would = f"would cost {worse} more" if one.gain.upper < 0.0 else f"would gain {ends}"
        said.append(f"19 times in 20 {name} {would}.")
    if made.is_kept and made.nothing >= SURELY_NOTHING:
        said.append("Nothing here is worth your time.")
    elif made.at_stake > made.margin:
        doubt = f"{told.money(made.at_stake)} {told.portfolio.basis} a year on average"
        said.append(f"Not to know which is best costs {doubt}.")
    return " ".join(said)


def _days(count: float) -> str:
    """A count a year, with a decimal where it is small."""
    return number(count, 1 if 0.05 <= count < 10.0 else 0)


def _in_hundred(p: float) -> str:
    """A probability as a count of a hundred cases.

    >>> _in_hundred(0.021), _in_hundred(0.001), _in_hundred(0.998)
    ('2 in 100', 'less than 1 in 100', 'more than 99 in 100')
    """
    if p < 0.01:
        return "less than 1 in 100"
    return "more than 99 in 100" if p > 0.99 else f"{number(100.0 * p, 0)} in 100"


def _menu(told: VerdictInputs) -> str:
    """The answers at other prices of a trading day that a desk may have, the nearest where they are many."""
    made, price = told.made, told.made.day_cost
    offers = list(enumerate(made.menu))
    here = next((k for k, one in offers if one.above <= price <= one.below and one.policy == told.policy), None)
    if here is None:  # of another target: the menu is not of its prices
        return ""
    most = FAR_PRICE * max(price, made.margin / LEAST_DAYS)
    others = [(k, one) for k, one in offers if k != here and one.above <= most]
    near = [one for k, one in others if len(others) <= MOST_OFFERED or abs(k - here) == 1]
    fitted = {one.policy for one in near if _is_fitted(told, one.policy)}
    as_now = f" ({listed(sorted(fitted))} as fitted now)" if fitted else ""
    return f"If a trading day costs you {_offered(near, price)}{as_now}." if near else ""


def _is_fitted(told: VerdictInputs, name: str) -> bool:
    one = told.played.fitted[name]
    return one.tuned is not None or one.schedule is not None


def _offered(offers: Sequence[PricedAnswer], price: float) -> str:
    """Policies by the price of a trading day, whose bounds are told from the desk's own price."""
    said = []
    for one in offers:
        low, high = (_price(bound, price) for bound in (one.above, one.below))
        of = f"under {high}" if not one.above else f"{low} or more" if math.isinf(one.below) else f"{low} to {high}"
        said.append(f"{of}: {one.policy}")
    return "; ".join(said)


def _price(value: float, price: float) -> str:
    return number(value, digits_apart(value, price, 0 if value >= 10.0 else 2))


def _figures(told: VerdictInputs) -> VerdictTable:
    """Costs, tracking error, work, expected loss and growth of the recommended policy beside those of another."""
    made, unit = told.made, told.portfolio.basis
    if made.target or made.compared is None:
        return VerdictTable()
    names = [told.base, made.compared]
    marks = {told.policy: "keep" if made.is_kept else "use", told.base: now_word(made)}
    heads = ("a year", *(f"{_short(name)} ({marks.get(name, 'best other')})" for name in names), "change")
    candidates = [made.candidates[name] for name in names]

    def row(label: str, values: Sequence[float], digits: int | None) -> tuple[str, ...]:
        gap = values[1] - values[0]
        if digits is None:
            return label, *map(told.money, values), told.money(gap, signed=True)
        return label, *(number(v, digits) for v in values), number(gap, digits, signed=True)

    work = [(one.work.days, one.work.orders) for one in candidates]
    pairs = [" / ".join(map(_days, each)) for each in work]
    pairs.append(
        " / ".join(number(b - a, 1 if min(a, b) < 10.0 else 0, signed=True) for a, b in zip(*work, strict=True))
    )
    label = "growth, %" if told.grown == "growth" else "return of the test, %"
    rows = (
        row(f"{told.charged}, {unit}", [told.cost(name) for name in names], None),
        row("tracking error, %", [100.0 * told.scores[name]["tracking_error"] for name in names], 2),
        ("expected days / orders", *pairs),
        row(f"expected loss, {unit}", [one.loss for one in candidates], None),
        row(label, [100.0 * told.scores[name][told.grown] for name in names], 2),
    )
    caption = (
        "Costs, growth and tracking error, how far returns stray from those of the target, are of this test. Expected "
        f"loss: costs, tracking error at {told.own('tracking_penalty')} penalty, days and orders, by this test and "
        "theory"
    )
    return VerdictTable(caption, heads, rows)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _contest(told: VerdictInputs) -> VerdictTable:
    """The best of each class: thresholds, learned policies, and policies that hold another target."""
    made, unit = told.made, told.portfolio.basis
    best: dict[str, str] = {}
    for name in sorted(made.candidates, key=lambda each: made.candidates[each].loss):
        kind = CONTEST.get(traits(told.played.fitted[name].policy).family)
        if kind is not None and name not in made.broken:
            best.setdefault(kind, name)
    elsewhere = told.elsewhere
    rows = [
        _contestant(told, f"{kind}: {best[kind]}", best[kind], made.candidates[best[kind]].loss)
        for kind in dict.fromkeys(CONTEST.values())
        if kind in best
    ]
    if elsewhere is not None:
        name, loss = elsewhere
        rows.append(_contestant(told, f"another target: {name}", name, loss))
    if len(rows) < 2:
        return VerdictTable()
    growth = "growth, %" if told.grown == "growth" else "return, %"
    heads = ("class", f"expected loss, {unit}", "tracking error, %", "days", growth)
    caption = "The best of each class" + (
        "; another target is another portfolio, and its loss is to that" if elsewhere is not None else ""
    )
    return VerdictTable(caption, heads, tuple(rows))


def _contestant(told: VerdictInputs, label: str, name: str, loss: float) -> tuple[str, ...]:
    one = told.scores[name]
    days = told.made.candidates[name].work.days if name in told.made.candidates else one["trading_days"]
    own = name not in told.made.candidates or told.made.target
    error = one["tracking_error_own" if own else "tracking_error"]
    return label, told.money(loss), number(100.0 * error, 2), _days(days), number(100.0 * one[told.grown], 2)


# -- what a committee asks next --------------------------------------------------------------------------------------


def _details(told: VerdictInputs, stable: str) -> dict[str, str]:
    """Further sentences by question, in the order in which they are asked."""
    chosen = told.made.policy is not None and not told.made.target
    found = {
        "How sure is that": _sure(told) if chosen else "",
        "What would change it": stable,
        "What of growth": " ".join(filter(None, [_growth(told), _at_end(told), *_other_portfolios(told)]))
        if chosen
        else "",
        "What else would do": _others(told) if chosen else "",
        "What was left out": _left(told),
    }
    return {question: words for question, words in found.items() if words}


def _sure(told: VerdictInputs) -> str:
    """The probabilities of the gain, and the margin."""
    made, unit = told.made, told.portfolio.basis
    name = made.compared
    amount = f"{told.money(made.margin)} {unit} a year ({told.portfolio.materiality:g} bp of the portfolio)"
    margin = f"{told.margin[0].upper()}{told.margin[1:]} is {amount}."
    if name is None:
        return margin
    one, volatility = made.candidates[name], percent(made.volatility)
    return (
        f"At a volatility of {volatility} the gain of {name} on {told.base} is above zero with a probability of "
        f"{probability(one.better)}. It is above {told.margin} with {probability(one.pays)}. {margin}"
    )


def _growth(told: VerdictInputs) -> str:
    """The difference in growth, the part of it that was to be expected, and the size of a year of chance."""
    if told.policy == told.base:
        return ""
    made, now, played = told.made, told.base, told.backtests[told.policy]
    gap = told.scores[told.policy][told.grown] - told.scores[now][told.grown]
    if abs(gap) < SAME_GROWTH:
        return f"In this test {told.policy} grew as {now} did."
    a_year = " a year" if told.grown == "growth" else ""
    apart = played.net_returns - told.backtests[now].net_returns
    chance = float(apart.std()) * math.sqrt(played.periods_per_year) * told.portfolio.nav
    said = (
        f"In this test {told.policy} grew {number(100.0 * abs(gap), 2)} points{a_year} "
        f"{'more' if gap > 0.0 else 'less'} than {now} ({told.money(gap * told.portfolio.nav, signed=True)} "
        f"{told.portfolio.basis}). None of that is in the gain, for none is expected without a premium that you know: "
        f"one year of chance has a standard deviation of {told.money(chance)}."
    )
    kind, more = _held_more(played, told.backtests[now])
    gain = made.candidates[told.policy].gain.value
    premium = gain / (abs(more) * told.portfolio.nav) if more else math.inf
    held = f"It held {number(100.0 * abs(more), 2)} points {'more' if more > 0.0 else 'less'} of {class_words(kind)}"
    if not LEAST_LEAD < premium < NO_LEAD:
        return f"{said} {held}." if more else said
    turn = f"{'below' if more > 0.0 else 'above'} {percent(-math.copysign(premium, more))} a year"
    return f"{said} {held}: a premium of that {turn} would outweigh the gain."


def _held_more(played: Backtest, other: Backtest) -> tuple[str, float]:
    """The asset class in which two policies differ most on average, and by how much, fraction of NAV."""
    apart = (played.weights.to_numpy() - other.weights.to_numpy()).mean(axis=0)
    kinds = map(str, played.market.instruments["asset_class"])
    by_kind = {kind: sum(gaps) for kind, gaps in grouped(zip(kinds, apart.tolist(), strict=True)).items()}
    most = max(by_kind, key=lambda kind: abs(by_kind[kind]))
    return most, by_kind[most]


def _other_portfolios(told: VerdictInputs) -> Iterator[str]:
    """Growth at equal volatility and Sharpe ratio of the best policy of another target, beside the recommended one."""
    if told.elsewhere is None or "sharpe" not in told.evidence.estimates:
        return
    name, _ = told.elsewhere
    apart = told.evidence.against(told.policy).differences("sharpe")[name]
    volatility = told.scores[told.policy]["volatility"]
    ends = " to ".join(number(100.0 * volatility * each, 1, signed=True) for each in (apart.lower, apart.upper))
    ratios = " against ".join(number(told.scores[each]["sharpe"], 2) for each in (name, told.policy))
    yield (
        f"{name} is another portfolio, not another way to hold yours: at the volatility of {told.policy} it earned "
        f"{number(100.0 * volatility * apart.value, 1, signed=True)} points a year "
        f"({percent(apart.level, 0)}: {ends}), by Sharpe ratios of {ratios}."
    )


def _at_end(told: VerdictInputs) -> str:
    """The candidate of the lowest J after the tax at the end, beside the recommended one; "" where none is counted."""
    tax = told.portfolio.costs.tax
    taxed = {
        name: taxed_figures(told.backtests[name], told.scores[name])
        for name in told.made.candidates
        if name not in told.made.broken
    }
    j = {name: found["loss_taxed"] for name, found in taxed.items() if "loss_taxed" in found}
    if tax is None or told.policy not in j:
        return ""
    best = min(j, key=lambda name: j[name])
    beside = "" if best == told.policy else f"; that of {told.policy} is {number(j[told.policy])}"
    return (
        f"Tax after the last day (at_end: {tax.at_end}) is in none of these figures: with it, J is lowest for {best}, "
        f"{number(j[best])} bp a year{beside}."
    )


def _others(told: VerdictInputs) -> str:
    """The other candidates within the margin of the answer, and the answer at every price of a day."""
    made, said = told.made, []
    if made.as_good:
        said.append(f"Within {told.margin} of {told.policy}: {listed(made.as_good)}.")
    if len(made.menu) > 1:
        said.append(f"If a trading day costs you, in {told.portfolio.basis}, {_offered(made.menu, made.day_cost)}.")
    return " ".join(said)


def _left(told: VerdictInputs) -> str:
    """The reason why the target stays, and the policies that are no candidates, by reason."""
    made = told.made
    by_reason = grouped(
        ("another target" if why == OTHER_TARGET else why, name) for name, (why, *_) in made.broken.items()
    )
    said = [made.stays] if made.stays else []
    if by_reason:
        said.append(f"Not candidates: {'; '.join(f'{listed(names)} ({why})' for why, names in by_reason.items())}.")
    return " ".join(said)
