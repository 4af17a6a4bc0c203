"""Where the configurations of a sweep are played: markets with their costs, and the target paths that they share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.sweeps.plan import Configuration, Day, Part, Plan, Strategic
from research.accounting import Costs
from research.allocation import Allocation, TargetPath, target_path
from research.errors import ConfigError
from research.market import Market
from research.portfolio import Portfolio
from research.rules import Rule


@dataclass(frozen=True, eq=False)
class Desk:
    """A market, what trading on it costs, and what its policies are judged by.

    name : by which a plan calls it.  strategic : the target that J and tracking error are measured against.
    start : first day of the test, where a configuration names no other.  lag : sessions, likewise.
    nav : wealth before the opening trade, currency; figures are given for a wealth of 1.
    g : price of tracking error in J.  settings : all of it as plain JSON values.
    """

    name: str
    market: Market
    costs: Costs
    strategic: Allocation
    start: pd.Timestamp
    lag: int = 1
    nav: float = 1.0
    g: float = 5.0
    periods_per_year: float = 252.0
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def on(cls, market: Market, costs: Costs, strategic: Allocation, start: Day, **others: Any) -> "Desk":
        """A desk on a bare market. others : `lag`, `nav`, `g`, `periods_per_year`, `name`."""
        others = {"name": market.name or "market"} | others
        table = {asset: dict(rates) for asset, rates in costs.table(market.assets).items()}
        settings = {"costs": table, "strategic": repr(strategic), "start": str(start)} | others
        return cls(market=market, costs=costs, strategic=strategic, start=pd.Timestamp(start), settings=settings, **others)

    @classmethod
    def of(cls, portfolio: Portfolio) -> "Desk":
        """The desk of a portfolio file, called by the name of the file."""
        return cls(
            name=Path(portfolio.file).stem,
            market=portfolio.market,
            costs=portfolio.costs,
            strategic=portfolio.strategic,
            start=portfolio.test_start,
            lag=portfolio.lag,
            g=portfolio.g,
            periods_per_year=portfolio.periods_per_year,
            settings=portfolio.settings,
        )

    def first(self, start: pd.Timestamp | None) -> int:
        """Market row of the last close before a test. Raises ConfigError for a start that leaves no two days."""
        day, dates = start or self.start, self.market.dates
        row = int(dates.searchsorted(day, side="left")) - 1
        if not 0 <= row < len(dates) - 2:
            raise ConfigError(
                f"a test of {self.name} starts on {day:%Y-%m-%d}, and its market runs from {dates[0]:%Y-%m-%d} to "
                f"{dates[-1]:%Y-%m-%d}: choose a start after the first of these dates, with two sessions at least."
            )
        return row

    def policy(self, policy: Rule) -> Rule:
        """A policy as this desk plays it: `Strategic()` becomes its own target."""
        if not isinstance(policy.allocation, Strategic):
            return policy
        return replace(policy, allocation=self.strategic)  # type: ignore[type-var]  # a rule is a dataclass

    def holds(self, allocation: Allocation) -> Allocation:
        """An allocation as this desk plays it."""
        return self.strategic if isinstance(allocation, Strategic) else allocation

    def times(self, multiple: float) -> Costs:
        """Its costs, each of them times a multiple. Raises ConfigError where one is then no cost."""
        return Costs(self.costs.commission * multiple, self.costs.half_spread * multiple)


Shared = Mapping[tuple[str, Allocation, int], TargetPath]  # by desk, allocation and row of the opening trade


@dataclass(frozen=True, eq=False)
class Stage:
    """All that a worker needs to play any part of a plan; it is sent there once.

    paths : the target path of each desk, allocation and opening row of the plan; many of them are the same object.
    strategic : by desk, the path that J is measured against.  code : version that every worker must run.
    cvar95 : is that figure asked for besides?
    """

    plan: Plan
    desks: Mapping[str, Desk]
    paths: Shared
    strategic: Mapping[str, TargetPath]
    cvar95: bool = False
    code: str = ""

    @property
    def shared(self) -> int:
        """Distinct target paths that were computed for all configurations."""
        return len({id(path) for path in self.paths.values()})

    def desk(self, configuration: Configuration) -> Desk:
        """Where a configuration is played."""
        return self.desks[configuration.portfolio]

    def targets(self, configuration: Configuration) -> TargetPath:
        """The target path of a configuration."""
        desk = self.desk(configuration)
        return self.paths[desk.name, desk.holds(configuration.policy.allocation), desk.first(configuration.start)]

    def fingerprints(self) -> dict[str, str]:
        """The data's fingerprint by desk."""
        return {desk.name: desk.market.fingerprint for desk in self.desks.values()}


def stage(
    desks: Portfolio | Desk | Sequence[Portfolio | Desk], plan: Plan, *, cvar95: bool = False, code: str = ""
) -> Stage:
    """Bring a plan and its desks together: everything is checked, and every target path computed once.

    Raises : ConfigError for desks of one name, a portfolio that is none of them, a start outside its data and costs
    that are none; DataError for a start before an allocation's first complete window.
    """
    many = [desks] if isinstance(desks, Portfolio | Desk) else list(desks)
    known = [desk if isinstance(desk, Desk) else Desk.of(desk) for desk in many]
    by_name = {desk.name: desk for desk in known}
    if not known or len(by_name) < len(known):
        raise ConfigError(f"a sweep needs desks of different names: found {[desk.name for desk in known]}.")
    if plan.portfolios == ("",):
        plan = replace(plan, portfolios=tuple(by_name)) if plan.picks is None else _everywhere(plan, known)
    for name in plan.portfolios:
        if name not in by_name:
            raise ConfigError(f"portfolio {name!r} of a plan is not among the desks: they are {', '.join(by_name)}.")
    used = {name: by_name[name] for name in plan.portfolios}
    for desk in used.values():
        desk.times(max(plan.cost_multiples))  # says which cost is too high
    return Stage(
        plan=plan,
        desks=used,
        paths=_share(used, plan),
        strategic={name: target_path(desk.strategic, desk.market) for name, desk in used.items()},
        cvar95=cvar95,
        code=code,
    )


def _everywhere(plan: Plan, desks: Sequence[Desk]) -> Plan:
    """Picks that name no portfolio, on the only desk there is."""
    if len(desks) > 1:
        names = ", ".join(desk.name for desk in desks)
        raise ConfigError(f"a list or sample names no portfolio, and there are several: {names}. Name one in each.")
    return replace(plan, portfolios=(desks[0].name,))


def _share(desks: Mapping[str, Desk], plan: Plan) -> Shared:
    """The target paths of a plan, each computed once and shared by all rules, costs, lags and, where it can be, starts.

    A path holds for a later start too: from there on the targets in force are the same, except where the path begins
    between two refits and the first target was therefore computed on a day that the later start would not have chosen.
    """
    wanted: dict[tuple[str, Allocation], set[int]] = {}
    for portfolio, allocation, start in _cases(plan):
        desk = desks[portfolio]
        wanted.setdefault((portfolio, desk.holds(allocation)), set()).add(desk.first(start))
    paths: dict[tuple[str, Allocation, int], TargetPath] = {}
    for (portfolio, allocation), rows in wanted.items():
        market, earliest = desks[portfolio].market, min(rows)
        longest = target_path(allocation, market, start=earliest)
        for row in sorted(rows):
            off_schedule = longest.row[row] == 0 and longest.seen[0] == earliest < row
            paths[portfolio, allocation, row] = target_path(allocation, market, start=row) if off_schedule else longest
    return paths


def _cases(plan: Plan) -> Iterable[tuple[str, Allocation, pd.Timestamp | None]]:
    """Every (portfolio, allocation, start) of a plan, once."""
    if plan.picks is None:
        held = dict.fromkeys(policy.allocation for policy in plan.policies)
        return [(p, a, s) for p in plan.portfolios for a in held for s in plan.starts]
    found = np.unique(plan.picks[:, :3], axis=0).tolist()
    return dict.fromkeys((plan.portfolios[p], plan.policies[k].allocation, plan.starts[s]) for p, k, s in found)  # type: ignore[misc]


def whole(plan: Plan) -> Part:
    """All of a plan, as one part."""
    return Part(0, len(plan))
