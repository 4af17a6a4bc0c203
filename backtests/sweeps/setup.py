"""Setups of a sweep's configurations: markets with their costs, and the target paths that they share."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.inputs import EngineInputs
from backtests.engine.refusals import check_schedules
from backtests.engine.run import conditions
from backtests.runs.trial_words import is_proportional, terms
from backtests.sweeps.plan import Configuration, Day, Plan, Strategic, held_in_plan
from foundation.arguments import day
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError, DataError
from research.accounting import Costs, Execution, Flows
from research.accounting.execution import Dividends
from research.allocation import Allocation, TargetPath, kept_target_path, target_path
from research.market import Market
from research.market.calendars import rows_a_year
from research.portfolio import Portfolio
from research.portfolio.keys.costs import with_asset
from research.risk.measures import TRACKING_PENALTY
from research.rules import Rule
from research.rules.estimates import check_year
from research.rules.protocol import held_by

KEPT_COSTS = 64  # costs that a setup keeps: grids have few, and a sample may have a million


@dataclass(frozen=True, eq=False)
class Setup:
    """A market, the costs of trading on it, and the target by which its policies are judged.

    name : its name in a plan.  strategic : the target that J and tracking error are measured against.
    start : first day of the test, where a configuration names no other.  lag : sessions, likewise.
    nav : wealth before the opening trade, currency; figures are given for a wealth of 1.
    tracking_penalty : price of squared tracking error in J.
    day_cost, order_cost : cost to the desk of a day with a trade, and of an order, fraction of NAV; tuning counts them.
    execution, dividends : the booking of decisions, and the treatment of dividends.
    flows : deposits and withdrawals, or None.
    """

    name: str
    market: Market
    costs: Costs
    strategic: Allocation
    start: pd.Timestamp
    lag: int = 1
    nav: float = 1.0
    tracking_penalty: float = TRACKING_PENALTY
    day_cost: float = 0.0
    order_cost: float = 0.0
    periods_per_year: float = 252.0
    execution: Execution = field(default_factory=Execution)
    dividends: Dividends = "reinvest"
    flows: Flows | None = None

    @classmethod
    def on(cls, market: Market, costs: Costs, strategic: Allocation, start: Day, **others: Any) -> "Setup":
        """A setup on a bare market.

        market    : T days of n assets.
        costs     : costs of n assets.
        strategic : the target that J is measured against.
        start     : first day of the test.
        others    : any other field, by its name.
        """
        given: dict[str, Any] = {"name": market.name or "market", "periods_per_year": rows_a_year(market.days)} | others
        return cls(market=market, costs=costs, strategic=strategic, start=day("start is", start), **given)

    @classmethod
    def of(cls, portfolio: Portfolio) -> "Setup":
        """The desk of a portfolio file, called by the name of the file.

        Raises : ConfigError for assets in other currencies without a history of their rates.
        """
        if portfolio.currencies is not None and not portfolio.currencies.converted:
            foreign = ", ".join(sorted({*portfolio.currencies.lines} - {portfolio.basis}))
            raise ConfigError(
                f"{portfolio.file} has assets in {foreign}, and only today's rates: a backtest needs those of each "
                "day. Give a file with the history, `fx: rates.csv`."
            )
        return cls(
            name=Path(portfolio.file).stem,
            market=portfolio.market,
            costs=portfolio.costs,
            strategic=portfolio.strategic,
            start=portfolio.test_start,
            tracking_penalty=portfolio.tracking_penalty,
            day_cost=portfolio.day_cost / portfolio.nav if portfolio.nav else 0.0,
            order_cost=portfolio.order_cost / portfolio.nav if portfolio.nav else 0.0,
            **conditions(portfolio),
        ).scaled_to(portfolio.nav)

    @property
    def terms(self) -> dict[str, Any]:
        """The conditions of configurations besides market, days and lag (`backtests.runs.trial_words.terms`)."""
        own = (self.costs, self.nav, self.periods_per_year, self.dividends, self.execution, self.flows)
        return terms(self.strategic, *own)

    @property
    def settings(self) -> dict[str, Any]:
        """All that is played here but the data, as plain JSON values."""
        return {
            "start": f"{self.start:%Y-%m-%d}",
            "lag": self.lag,
            "tracking_penalty": self.tracking_penalty,
        } | self.terms

    @property
    def scales(self) -> bool:
        """True if everything is proportional to wealth and booked at once at the close, as the batch engine needs."""
        return is_proportional(self.market, self.costs, self.execution, self.dividends, self.flows)

    def scaled_to(self, nav: float) -> "Setup":
        """The same for this wealth, where wealth makes a difference; for a wealth of 1 where it does not."""
        return replace(self, nav=1.0 if self.scales else nav)

    def first(self, start: pd.Timestamp | None) -> int:
        """Market row of the last close before a test. Raises ConfigError for a start that leaves no two days."""
        day, dates = start or self.start, self.market.dates
        row = int(dates.searchsorted(day, side="left")) - 1
        if not 0 <= row < len(dates) - 2:
            raise ConfigError(
                f"a test of {self.name} starts on {day:%Y-%m-%d}, but its market runs from {dates[0]:%Y-%m-%d} to "
                f"{dates[-1]:%Y-%m-%d}: choose a start after the first of these dates, with at least two sessions."
            )
        return row

    @cached_property
    def strategic_path(self) -> TargetPath:
        """The target that J is measured against; with a window, from the opening trade of the test on."""
        return self.strategic_from(self.first(None))

    def strategic_from(self, first: int) -> TargetPath:
        """The same for a test whose opening trade is at row `first`."""
        return target_path(self.strategic, self.market, start=first if self.strategic.window > 0 else 0)

    def lagged(self, lag: int, first: int) -> int:
        """A lag, of a test whose opening trade is at row `first`. Raises ConfigError for one as long as that test."""
        if lag >= (sessions := len(self.market.dates) - 1 - first):
            raise ConfigError(
                f"a lag of {lag} sessions does not fit into the test of {self.name} that opens on "
                f"{self.market.dates[first]:%Y-%m-%d} and has {sessions}: no trade would be executed. Give a shorter "
                "one."
            )
        return lag

    def policy(self, policy: Rule) -> Rule:
        """A policy as it is played here: `Strategic()` becomes its own target.

        Raises : ConfigError for a policy that annualises risk by another number of periods.
        """
        if isinstance(held_by(policy), Strategic):
            policy = replace(policy, allocation=self.strategic)  # type: ignore[type-var]  # a rule is a dataclass
        check_year(policy, self.periods_per_year)
        return policy

    def holds(self, allocation: Allocation) -> Allocation:
        """An allocation as it is played here."""
        return self.strategic if isinstance(allocation, Strategic) else allocation

    def held(self, policy: Rule) -> Allocation:
        """The allocation that a policy holds here, or the strategic target where it names none."""
        return self.holds(held_in_plan(policy))

    @cached_property
    def _multiples(self) -> dict[float, Costs]:
        """The setup's costs by multiple: its own, and those that were asked for."""
        return {1.0: self.costs}

    def times(self, multiple: float) -> Costs:
        """Its costs, those of trading times a multiple. Raises ConfigError where one is then no cost."""
        known = self._multiples
        try:
            found = known[multiple] if multiple in known else self.costs.scaled(multiple)
            if len(known) < KEPT_COSTS:
                known[multiple] = found
            return found
        except ConfigError as error:
            text = with_asset(str(error), self.market.assets)
            raise ConfigError(f"costs of {self.name} times {multiple:g}: {text}") from error


Start = pd.Timestamp | None
Shared = Mapping[tuple[str, Allocation, Start], TargetPath]  # by setup, allocation and start as a plan names them


@dataclass(frozen=True, eq=False)
class PreparedSweep:
    """All that a worker needs to play any part of a plan; it is sent there once.

    firsts : by setup and start, the market row of the opening trade.
    paths : by setup, allocation and start, the target path; many of them are the same object.
    strategic : by setup, the path that J is measured against.  cvar95 : is that figure asked for besides?
    """

    plan: Plan
    setups: Mapping[str, Setup]
    firsts: Mapping[tuple[str, Start], int]
    paths: Shared
    strategic: Mapping[str, TargetPath]
    cvar95: bool = False

    @property
    def shared(self) -> int:
        """Distinct target paths that were computed for all configurations."""
        return len({id(path) for path in self.paths.values()})

    def setup(self, configuration: Configuration) -> Setup:
        """The setup of a configuration."""
        return self.setups[configuration.portfolio]

    def targets(self, configuration: Configuration) -> TargetPath:
        """The target path of a configuration."""
        return self.paths[configuration.portfolio, held_in_plan(configuration.policy), configuration.start]

    def earliest(self, name: str) -> int:
        """Market row of the earliest opening trade of a setup."""
        return min(row for (of, _), row in self.firsts.items() if of == name)

    def fingerprints(self) -> dict[str, str]:
        """The data's fingerprint by setup."""
        return {setup.name: setup.market.fingerprint for setup in self.setups.values()}


def prepare_sweep(
    setups: Portfolio | Setup | Sequence[Portfolio | Setup], plan: Plan, *, cvar95: bool = False
) -> PreparedSweep:
    """Bring a plan and its setups together: everything is checked, and every target path computed once.

    Raises : ConfigError for setups of one name, a portfolio that is none of them, a start outside its data, costs that
    are none, a lag, an execution or dividends that do not go together, and a schedule that the rows of a market do not
    fit; DataError for a start before an allocation's first complete window, and for quotes, volumes and spreads that
    are missing where costs or execution need them.
    """
    many = [setups] if isinstance(setups, Portfolio | Setup) else list(setups)
    known = [setup if isinstance(setup, Setup) else Setup.of(setup) for setup in many]
    by_name = {setup.name: setup for setup in known}
    if not known or len(by_name) < len(known):
        raise ConfigError(f"a sweep needs setups of different names: found {[setup.name for setup in known]}.")
    if plan.portfolios == ("",):
        plan = replace(plan, portfolios=tuple(by_name)) if plan.picks is None else _everywhere(plan, known)
    for name in plan.portfolios:
        if name not in by_name:
            raise ConfigError(f"portfolio {name!r} of a plan is not among the setups: they are {', '.join(by_name)}.")
    used = {name: by_name[name] for name in plan.portfolios}
    for setup in used.values():
        setup.times(max(plan.cost_multiples))  # says which cost is too high
    firsts = {(name, start): setup.first(start) for name, setup in used.items() for start in plan.days}
    prepared = PreparedSweep(plan, used, firsts, {}, {}, cvar95)
    prepared = replace(prepared, strategic={name: _strategic_path(prepared, name) for name in used})
    _check_games(prepared)
    for name, setup in used.items():
        for policy in plan.policies:
            check_schedules(policy, setup.market, prepared.earliest(name))
    return replace(prepared, paths=_share(prepared))


def _strategic_path(prepared: PreparedSweep, name: str) -> TargetPath:
    """The target that J is measured against, from the earliest opening trade on."""
    setup, earliest = prepared.setups[name], prepared.earliest(name)
    return setup.strategic_path if prepared.firsts.get((name, None)) == earliest else setup.strategic_from(earliest)


def _check_games(prepared: PreparedSweep) -> None:
    """Lay out inputs for each setup, start, smallest and largest lag: missing data of a market is reported first.

    Raises : ConfigError and DataError of `EngineInputs`, naming the setup.
    """
    plan = prepared.plan
    for (name, start), lags in _lags(plan).items():
        setup, first = prepared.setups[name], prepared.firsts[name, start]
        given = [setup.lag if lag is None else lag for lag in lags]
        for lag in {min(given), max(given)}:
            try:
                EngineInputs(
                    setup.market, plan.policies[0], prepared.strategic[name], setup.costs, first, lag,
                    setup.execution, setup.dividends, setup.flows, name, 1.0,
                )  # fmt: skip
            except (ConfigError, DataError) as error:
                raise type(error)(f"{name} from {start or setup.start:%Y-%m-%d} at a lag of {lag}: {error}") from error


def _lags(plan: Plan) -> dict[tuple[str, Start], set[int | None]]:
    """The lags of each (portfolio, start) of a plan."""
    if plan.picks is None:
        return {(name, start): set(plan.lags) for name in plan.portfolios for start in plan.days}
    found: dict[tuple[str, Start], set[int | None]] = {}
    for p, s, k in np.unique(plan.picks[:, [0, 2, 3]], axis=0).tolist():
        found.setdefault((plan.portfolios[p], plan.days[s]), set()).add(plan.lags[k])
    return found


def _everywhere(plan: Plan, setups: Sequence[Setup]) -> Plan:
    """Picks that name no portfolio, on the only setup there is."""
    if len(setups) > 1:
        names = ", ".join(setup.name for setup in setups)
        raise ConfigError(f"a list or sample names no portfolio, but there are several: {names}. Name one in each.")
    return replace(plan, portfolios=(setups[0].name,))


def _share(prepared: PreparedSweep) -> Shared:
    """The target paths of a plan, each computed once and shared by all rules, costs, lags and, where it can be, starts.

    A path holds for a later start too: from there on the targets in force are the same, except where the path begins
    between two refits and the first target was therefore computed on a day that the later start would not have chosen.
    """
    wanted: dict[tuple[str, Allocation], list[Start]] = {}
    for portfolio, allocation, start in _cases(prepared.plan):
        wanted.setdefault((portfolio, allocation), []).append(start)
    paths: dict[tuple[str, Allocation, Start], TargetPath] = {}
    for (portfolio, allocation), starts in wanted.items():
        setup = prepared.setups[portfolio]
        market, held = setup.market, setup.holds(allocation)
        rows = {start: prepared.firsts[portfolio, start] for start in starts}
        earliest = min(rows.values())
        from_there = held.window > 0 and held == setup.strategic and earliest == prepared.earliest(portfolio)
        longest = prepared.strategic[portfolio] if from_there else kept_target_path(held, market, start=earliest)
        for start, row in rows.items():
            off_schedule = longest.row[row] == 0 and longest.seen[0] == earliest < row
            paths[portfolio, allocation, start] = target_path(held, market, start=row) if off_schedule else longest
    return paths


def _cases(plan: Plan) -> Iterable[tuple[str, Allocation, Start]]:
    """Every (portfolio, allocation, start) of a plan, once."""
    if plan.picks is None:
        held = dict.fromkeys(map(held_in_plan, plan.policies))
        return [(p, a, s) for p in plan.portfolios for a in held for s in plan.days]
    found = np.unique(plan.picks[:, :3], axis=0).tolist()
    return dict.fromkeys((plan.portfolios[p], held_in_plan(plan.policies[k]), plan.days[s]) for p, k, s in found)
