"""Choosing a rule on the past, by J and the desk's work as the test will count them, before the test is looked at.

    setup = Setup.on(market, costs, FixedWeights((0.6, 0.4)), start="2016-01-04")
    tuned = tune(Choices(threshold, band=(0.01, 0.02, 0.05), to=(0.0, 1.0)), setup)
    backtest(market, tuned.policy, costs, start=setup.start)

`tune` plays every candidate on the days before the test and keeps the one with the lowest loss: J, and where the setup
prices days with a trade and orders, their cost beside it. What it keeps carries the last day that it saw, so that it
cannot be played from an earlier one; its card says what was tried, and on what. Each candidate is counted in the trial
book (`backtests.runs.trial_book`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from backtests.batch.streaming_metrics import BATCH_METRICS
from backtests.runs.chunks import WorkPart
from backtests.runs.kept import kept
from backtests.runs.trial_book import Batch, count_trials
from backtests.sweeps import Choices, Plan, Setup, threshold
from backtests.sweeps.plan import CHECKS
from backtests.sweeps.run import played_rows
from backtests.sweeps.setup import prepare_sweep
from backtests.sweeps.trials import tuning_trials
from foundation.arguments import day, is_number, is_whole, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, fields, is_dataclass, make_dataclass, replace
from foundation.errors import ConfigError
from research.accounting import Flows
from research.allocation import Allocation, target_path
from research.allocation.allocation import check_history
from research.learning import LearnedPolicy
from research.market import Market
from research.portfolio import Portfolio
from research.risk.measures import BPS
from research.rules import FittedRule, Rule, TunedThreshold
from research.rules.estimates import known_from
from research.rules.protocol import fitted_until, short_name, traits

Candidates = Choices | TunedThreshold | Sequence[Rule | Choices]
Measure = Callable[[Setup, Sequence[Rule]], pd.DataFrame]  # a row a candidate: loss, and whatever else
Origin = tuple[Choices, Mapping[str, Any]]  # the grid that a candidate stands on, and its place there
AXES = ("configuration", "portfolio", "cost_multiple", "lag", "start")  # of a sweep, and the same for all candidates
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class TuningCard:
    """The record of a tuning: the chosen rule, all candidates and the days they were measured on.

    rule          : the chosen rule, as it was tried.
    loss          : J, bp a year, on the training days.
    tried         : a row for each candidate: its settings, loss and other figures, in the units of records; where the
                    desk prices its work, `work`, its cost, bp of NAV a year; `chosen` is true of one.
    first         : first training day.
    seen          : last training day.
    sessions      : number of sessions from the first to the last.
    possible      : the first training day by the allocations alone; costs that are known only later move `first`.
    cost_multiple : multiple of the costs at which the candidates were backtested.
    edges         : settings that lie at an end of the numbers tried, where the rule would allow numbers beyond it and
                    no other number has the same J.
    varied        : the rule's fields in which candidates of its class differ.
    fingerprint   : fingerprint of the market up to `seen`.
    """

    rule: Rule
    loss: float
    tried: pd.DataFrame = field(repr=False)
    first: pd.Timestamp
    seen: pd.Timestamp
    sessions: int
    possible: pd.Timestamp
    cost_multiple: float
    edges: tuple[str, ...]
    varied: tuple[str, ...]
    fingerprint: str

    @property
    def settings(self) -> dict[str, Any]:
        """The rule's fields."""
        return _values(self.rule)

    @property
    def trials(self) -> int:
        """Number of candidates tried, for the adjustment of the evidence."""
        return len(self.tried)

    @property
    def moved(self) -> bool:
        """True if training days were left out because costs were not known on them."""
        return self.first > self.possible

    @property
    def what(self) -> str:
        """The name of what was minimised."""
        return "J with work" if "work" in self.tried else "J"

    @property
    def minimised(self) -> Array:
        """(trials,) what was minimised, bp a year: J, and the cost of the desk's work where it has a price."""
        return _minimised(self.tried)

    @property
    def sentence(self) -> str:
        """The choice in words."""
        usual = {f.name: f.default for f in fields(self.rule)}  # type: ignore[arg-type]  # a dataclass, like all rules
        settings = ", ".join(
            f"{name}={value!r}" for name, value in self.settings.items() if name in self.varied or value != usual[name]
        )
        costs = "" if self.cost_multiple == 1.0 else f" at {self.cost_multiple:g} times the costs"
        least = float(self.minimised.min())
        parts = f" (J {self.loss:.2f}, and the cost of days with a trade and of orders)" if self.what != "J" else ""
        on = (
            f"{least:.2f} bp a year{parts} on {self.sessions:,} sessions from {self.first:%Y-%m-%d} to "
            f"{self.seen:%Y-%m-%d} (data {self.fingerprint[:8]})"
        )
        rule, equal = f"{short_name(self.rule)}({settings})", self.tried[self.minimised == least]
        counts = equal.filter(["trades", "trading_days"])
        idle = f", and none of the {len(equal):,} traded" if counts.size and not counts.to_numpy().any() else ""
        kept = "the one with the fewest trades is kept, and of equals that with the widest band"
        if len(equal) == 1:
            text = f"{rule} had the lowest {self.what} of {self.trials:,} tried{costs}: {on}."
        elif len(equal) == self.trials:
            same = f"All {self.trials:,} tried have the same {self.what}{costs}{idle}: {on}."
            text = f"{same} {rule} is chosen: of them {kept}."
        else:
            how = f"is one of {len(equal):,} that had the lowest {self.what} of {self.trials:,} tried{costs}{idle}"
            text = f"{rule} {how}: {on}. Of them {kept}."
        if self.edges:
            text += f" It is at the edge of the grid in {' and '.join(self.edges)}: widen the grid."
        return text

    def __repr__(self) -> str:
        """The sentence."""
        return self.sentence


@dataclass(frozen=True, eq=False)
class Tuned:
    """The rule that was chosen, which knows the last day that it was chosen on (`with_last_day`), and how it was.

    trials : the trials as the trial book counts them, in the order of `card.tried`.
    """

    policy: Rule
    card: TuningCard
    trials: Batch


def tune(
    candidates: Candidates,
    where: Setup | Portfolio,
    until: str | pd.Timestamp | None = None,
    *,
    cost_multiple: float = 1.0,
    measure: Measure | None = None,
) -> Tuned:
    """Measure every candidate on the days up to and including `until`, and keep that of the lowest J with work.

    J with work is J and, where `where` prices them, the cost of days with a trade and of orders, bp of NAV a year.

    candidates : the grid of a rule's settings; or rules and such grids, in a list. A grid that names no allocation is
    played on the strategic target. Candidates that are equal count once, and all are measured on the same days.
    where : a setup of market, costs, lag and tracking_penalty, or the portfolio that has them.
    until : last training day; by default the last day before its test.
    cost_multiple : multiple of the costs, 0 or more.
    measure : function that gives the loss of candidates from a setup that ends with `until`; by default a backtest
    there (`played`).
    Of equals the one that trades least is kept, where trades were measured; then the widest band; then the first.
    Raises : ConfigError for no candidates, for an `until` outside the data or too early for costs and lag, and for a
    measure that does not count the work that is priced; DataError where it is too early for an allocation's window.
    """
    if not isinstance(where, Setup | Portfolio):
        refuse("where is", where, "give a Setup, such as Setup.on(market, costs, target, start), or a Portfolio.")
    if measure is not None and not callable(measure):
        refuse("measure is", measure, "give a function that measures candidates, such as on_worlds(), or nothing.")
    setup = where if isinstance(where, Setup) else Setup.of(where)
    found = uncounted_tune(candidates, setup, until, cost_multiple, measure)
    count_trials([found.trials])
    return found


def uncounted_tune(
    candidates: Candidates, setup: Setup, until: Any = None, cost_multiple: float = 1.0, measure: Measure | None = None
) -> Tuned:
    """Tune as `tune` does, without counting: the caller counts the trials, or they were counted before."""
    origins = every_candidate(candidates, setup)
    rules = list(origins)
    training, possible = training_setup(setup, rules, until, cost_multiple)
    tried = _with_work(_table(rules, (measure or played)(training, rules)), setup)
    how = (
        "" if measure is None else f", measured by {getattr(measure, '__qualname__', repr(measure)).partition('.')[0]}"
    )
    trials = tuning_trials(setup, training, cost_multiple, rules, tried, how)
    best = _lowest(tried)
    equal = np.flatnonzero((least := _minimised(tried)) == least[best])
    chosen, market = setup.policy(rules[best]), training.market
    card = TuningCard(
        rule=chosen,
        loss=float(tried["loss"].iloc[best]),
        tried=tried.assign(chosen=np.arange(len(tried)) == best),
        first=training.start,
        seen=market.dates[-1],
        sessions=len(market.dates) - market.row(training.start),
        possible=possible,
        cost_multiple=cost_multiple,
        edges=_edges([origins[rules[k]] for k in (best, *equal)], setup),
        varied=_varied(chosen, rules),
        fingerprint=market.fingerprint,
    )
    return Tuned(with_last_day(chosen, card.seen), card, trials)


def thresholds_tried(tuned: Tuned) -> pd.DataFrame:
    """Every threshold that was tried.

    tuned   : the rule that was tuned.
    Returns : a row for each threshold; columns band and destination, half-widths as fractions of NAV, loss, what was
              minimised in bp a year, and chosen, true of one.
    """
    card, tried = tuned.card, tuned.card.tried
    return tried[["band"]].assign(destination=tried["to"] * tried["band"], loss=card.minimised, chosen=tried["chosen"])


def schedule_words(tuned: Tuned) -> str:
    """The choice of a schedule in words.  tuned : the same rule on each schedule that was tried."""
    card = tuned.card
    column = "schedule" if "schedule" in card.tried else "calendar"  # of a rule that a desk catches up with
    tried = zip(card.tried[column], card.minimised, strict=True)
    return (
        f"Asked each {card.settings['schedule']}, the schedule of the lowest {card.what} on the training days "
        f"{card.first:%Y-%m-%d} to {card.seen:%Y-%m-%d} ({', '.join(f'{each} {loss:.2f}' for each, loss in tried)} "
        "bp a year)."
    )


def played(setup: Setup, rules: Sequence[Rule]) -> pd.DataFrame:
    """The metrics of a sweep, a row for each rule, each played on `setup` from its start to its end."""
    return kept(_metrics, setup, list(rules))


def _metrics(setup: Setup, rules: Sequence[Rule]) -> pd.DataFrame:
    return played_rows(prepare_sweep(setup, Plan(rules))).to_pandas()[list(BATCH_METRICS)]


def with_last_day(rule: R, day: pd.Timestamp) -> R:
    """The same rule, which knows the last day that it was chosen on: the engine refuses to play it from an earlier one.

    Its class is derived from that of `rule`, with `fitted_until` as one more field; a rule that was chosen or trained
    before keeps the later day.
    Raises : ConfigError for what is no dataclass.
    """
    values, kind, before = _values(rule), type(rule), fitted_until(rule)
    if before is not None and before >= day:
        return rule
    made: Any = _fitted_kind(kind) if before is None else kind  # type: ignore[arg-type]  # a class has a hash
    found: R = made(**values | {"fitted_until": day})
    return found


@cache
def _fitted_kind(kind: Any) -> Any:
    def reduced(self: Any) -> tuple[Any, ...]:  # a class that is made here has no name by which to unpickle it
        values = _values(self)
        day = values.pop("fitted_until")
        return with_last_day, (kind(**values), day)

    name, doc = f"Fitted{kind.__name__}", f"A {kind.__name__} that was chosen."
    extra = {"__reduce__": reduced, "__doc__": doc, "__module__": kind.__module__}
    own, bases = [("fitted_until", pd.Timestamp)], (kind, FittedRule)
    return make_dataclass(name, own, bases=bases, namespace=extra, frozen=True, eq=True, kw_only=True)


def _values(rule: Any) -> dict[str, Any]:
    if not is_dataclass(rule):
        refuse("a rule to choose is", rule, "the last day used is stored in a field of the rule: make it a dataclass.")
    return {f.name: getattr(rule, f.name) for f in fields(rule)}


def _varied(rule: Rule, rules: Sequence[Rule]) -> tuple[str, ...]:
    """The names of the fields of a rule in which the rules of its class differ."""
    same = [one for one in rules if type(one) is type(rule)]
    return tuple(name for name in _values(rule) if len({repr(getattr(one, name)) for one in same}) > 1)


# -- candidates ------------------------------------------------------------------------------------------------------


def every_candidate(candidates: Any, setup: Setup) -> dict[Rule, Origin | None]:
    """Every candidate once, with its place on its grid, where it has one.

    candidates : candidates as `tune` takes them.
    setup      : setup whose strategic target is held where a grid names no allocation.
    Raises     : ConfigError if something is not a candidate, or if there are none.
    """
    if isinstance(candidates, TunedThreshold):
        held, bands, to = candidates.allocation, candidates.bands, candidates.to
        candidates = Choices(threshold, allocation=held, band=bands, to=to)
    many = [candidates] if isinstance(candidates, Choices) else candidates
    if isinstance(many, str) or not isinstance(many, Sequence) or not many:
        refuse("candidates are", candidates, "give Choices of a rule's settings, or a list of rules, one at least.")
    found: dict[Rule, Origin | None] = {}
    for one in many:
        if isinstance(one, Choices):
            for settings in one.combinations():
                found.setdefault(CHECKS["policies"](_made((one, settings), setup)), (one, settings))
        else:
            found.setdefault(CHECKS["policies"](one), None)
    return found


def _made(origin: Origin, setup: Setup) -> Any:
    choices, settings = origin
    return choices.made(*(() if "allocation" in choices.settings else (setup.strategic,)), **settings)


def _edges(origins: Sequence[Origin | None], setup: Setup) -> tuple[str, ...]:
    """The settings at an end of the numbers tried beyond which the candidate's rule allows more: name and value.

    origins : the candidate's, and those of all with its J: a setting in which these differ changes nothing there.
    setup   : setup of the candidates.
    """
    if origins[0] is None:
        return ()
    choices, settings = origins[0]
    found = []
    for name, value in settings.items():
        numbers = sorted(other for other in choices.settings[name] if is_number(other))  # type: ignore[union-attr]
        same = all(one is not None and one[0] is choices and one[1][name] == value for one in origins)
        if same and is_number(value) and len(numbers) > 1 and value in (numbers[0], numbers[-1]):
            beyond = _beyond(value, numbers[1] if value == numbers[0] else numbers[-2])
            if _allows((choices, {**settings, name: beyond}), setup):
                found.append(f"{name} ({value:g})")
    return tuple(found)


def _beyond(end: Any, neighbour: Any) -> Any:
    """The number after the end of a row of numbers: by one, by the last ratio, or else by the last step."""
    if is_whole(end) and is_whole(neighbour):
        return end + (1 if end > neighbour else -1)
    return end * end / neighbour if end * neighbour > 0 else 2 * end - neighbour


def _allows(origin: Origin, setup: Setup) -> bool:
    try:
        _made(origin, setup)
    except ConfigError:
        return False
    return True


# -- training days ---------------------------------------------------------------------------------------------------


def training_setup(setup: Setup, rules: Sequence[Rule], until: Any, cost_multiple: float) -> tuple[Setup, pd.Timestamp]:
    """The setup up to `until`, from the first day that all candidates can run on; and that day by windows alone.

    setup         : market, costs and target.
    rules         : the candidates.
    until         : last day, or None for the last day before the test of the setup.
    cost_multiple : multiple of the costs, 0 or more.
    Raises        : the errors of `tune`.
    """
    dates = setup.market.dates
    last = setup.start - pd.Timedelta(days=1) if until is None else day("until is", until)
    if not dates[0] <= last <= dates[-1]:
        raise ConfigError(
            f"until is {last:%Y-%m-%d}, and the data of {setup.name} runs from {dates[0]:%Y-%m-%d} to "
            f"{dates[-1]:%Y-%m-%d}: choose a day between the two."
        )
    past = setup.market.until(last)
    if not (is_number(cost_multiple) and cost_multiple >= 0.0):
        refuse("cost_multiple is", cost_multiple, "give a finite number of at least 0; 1 is today's costs.")
    costs = setup.times(cost_multiple).until(len(past.dates))
    complete = max(_first_target(held, past) for held in dict.fromkeys(map(setup.held, rules)))
    estimated = {window for rule in rules if (window := traits(rule).window) > 0}
    learned = [rule.known_from(target_path(rule.allocation, past)) for rule in rules if isinstance(rule, LearnedPolicy)]
    complete = max([complete, *(known_from(past, window) for window in estimated), *learned])
    first = max(complete, costs.known_from(past))
    sessions = len(past.dates) - 1 - first
    if sessions < max(2, setup.lag + 1):
        late = "all targets" if first == complete else "the spreads and impact of all assets"
        raise ConfigError(
            f"the training days end on {past.days[-1]}, before {late} are known for two sessions and a lag of "
            f"{setup.lag}: start the test later, or give shorter windows or another market."
        )
    flows = None
    if setup.flows is not None:
        amounts = {when: amount for when, amount in setup.flows.amounts.items() if when <= past.dates[-1]}
        flows = Flows(amounts, setup.flows.use) if amounts else None
    training = replace(setup, market=past, costs=costs, start=past.dates[first + 1], flows=flows)
    return training, past.dates[complete + 1]


def _first_target(allocation: Allocation, market: Market) -> int:
    """The first row at whose close an allocation has its window."""
    return int(np.argmax(check_history(allocation, market, len(market.dates) - 1)))


# -- choosing --------------------------------------------------------------------------------------------------------


def _table(rules: Sequence[Rule], measured: pd.DataFrame) -> pd.DataFrame:
    """Settings and figures, a row for each candidate. Raises ConfigError for a J that is no number."""
    if not isinstance(measured, pd.DataFrame):
        refuse(
            "what measures candidates gave", measured, "it must give a table with one row per rule and a column loss."
        )
    if "loss" not in measured or len(measured) != len(rules):
        raise ConfigError(
            f"what measures candidates gave {len(measured)} rows of {', '.join(map(str, measured))} for {len(rules)} "
            "rules: it must give a table with one row per rule and a column loss."
        )
    bad = np.flatnonzero(~np.isfinite(measured["loss"].to_numpy(dtype=float)))
    if bad.size:
        refuse(
            f"loss of {rules[bad[0]]!r} is", float(measured["loss"].iloc[bad[0]]), "a candidate needs a finite number."
        )
    settings = pd.DataFrame(Plan(rules).columns(WorkPart(0, len(rules)))).drop(columns=list(AXES))
    return pd.concat([settings, measured.reset_index(drop=True)], axis=1)


def _with_work(tried: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """The table with the cost of the desk's work, bp of NAV a year, where the setup prices it.

    Raises : ConfigError for a price of what was not counted.
    """
    prices = {"trading_days": setup.day_cost, "trades": setup.order_cost}
    if missing := [name for name, price in prices.items() if price and name not in tried]:
        raise ConfigError(
            f"the desk of {setup.name} prices its work, but what measures candidates gave no column "
            f"{' and no '.join(missing)}: give it, or set `day_cost` and `order_cost` of the file to 0 (without "
            "`day_cost` a price is assumed)."
        )
    work = [BPS * price * tried[name] for name, price in prices.items() if price]
    return tried.assign(work=sum(work)) if work else tried


def _minimised(tried: pd.DataFrame) -> Array:
    """(N,) what is minimised, bp a year: J, and the cost of the desk's work where the table has it."""
    loss: Array = tried["loss"].to_numpy(dtype=float)
    return loss + tried["work"].to_numpy(dtype=float) if "work" in tried else loss


def _lowest(tried: pd.DataFrame) -> int:
    """The row of the lowest J with work; of equals the fewest trades, then the widest band, then the first."""
    order = {"trades": 1.0, "trading_days": 1.0, "band": -1.0}
    keys = [sign * tried[name].fillna(0.0).to_numpy(dtype=float) for name, sign in order.items() if name in tried]
    return int(np.lexsort([*keys[::-1], _minimised(tried)])[0])
