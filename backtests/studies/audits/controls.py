"""Controls of a comparison: tests whose answer is known before they are made, or in which no timing can help.

Shuffled days: the policies of a portfolio on its own test days in another order. What a policy still gains over the
reference does not come from the order of days: no trend, no reversal, no calm that lasts.
Random times: rules that trade to the target as often as a policy, on days drawn at random. A policy that is no better
than most of them owes what it gains to how often it trades, and not to when.
Martingale worlds: markets in which nothing is expected to be earned, so that with any policy expected wealth and
expected costs sum to the wealth at the start. Where they do not, something looks ahead, or a cost is lost or counted
twice.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import Progress, fit
from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Benchmark, losses, target_returns
from foundation.arguments import is_whole, refuse
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import percent
from foundation.progress import bar
from research.accounting import Costs, Hold, Policy, Trade, View, Why
from research.allocation import Allocation, TargetPath, target_path
from research.market import Market
from research.market.frequency import span_rows
from research.portfolio import Portfolio
from research.risk import growth
from research.risk.measures import BPS
from research.risk.simulation.resampling import common_rows
from research.risk.simulation.simulated import OPENING_PRICE, staying
from research.rules import Calendar, CompiledRule, NoTradeBands, Rule
from research.rules.protocol import compiled_rule, held_by, traits

ERRORS = 4.0  # standard errors by which a sum in martingale worlds may miss
WEALTH_ROUNDING = 1e-9  # of the wealth at the start, by which it may miss besides
DAYS_BEFORE = 32  # sessions before a test beyond the longest window: an estimate is of the last month's end
CONTROL_DAYS = 252  # days of a martingale world's test
BY_DAY, LEAST_WORLDS = 10, 40  # a policy that is asked day by day is played in one of ten worlds, and in 40 at least
DAYS_TO_DRAW = 20  # with returns of all assets, to draw or to shuffle


@dataclass(frozen=True, eq=False)
class Controls:
    """The three controls of a portfolio's policies; each table has a row for each policy.

    portfolio  : portfolio of the policies.
    reference  : name of the policy to which gains are taken.
    shuffled   : table of `shuffled_days`.
    random     : table of `random_times`; without policies that never traded.
    martingale : table of `martingale_worlds`.
    """

    portfolio: Portfolio
    reference: str
    shuffled: pd.DataFrame
    random: pd.DataFrame
    martingale: pd.DataFrame

    @property
    def passed(self) -> bool:
        """True if the sum holds for every policy in martingale worlds."""
        return bool(self.martingale["holds"].all())

    def __repr__(self) -> str:
        """The three tables, each with what it shows."""
        shuffled = [
            [str(name), f"{r.loss_gain:+.2f}", _spread(r.loss_mean, r.loss_sd, 2), f"{1e2 * r.growth_gain:+.2f}",
             _spread(1e2 * r.growth_mean, 1e2 * r.growth_sd, 2)]
            for name, r in self.shuffled.iterrows()
        ]  # fmt: skip
        random = [
            [str(name), f"{r.days:,.0f}", f"{r.loss:.2f}", f"{r.loss_random:.2f}", percent(r.beats, 0)]
            for name, r in self.random.iterrows()
        ]
        worlds = [
            [str(name), f"{r.worlds:,.0f}", f"{r.costs:.1f}", f"{r.excess:+.2f}", f"{r.error:.2f}",
             "yes" if r.holds else "NO"]
            for name, r in self.martingale.iterrows()
        ]  # fmt: skip
        left_out = [name for name in self.shuffled.index if name not in self.random.index]
        never = f" Never traded: {', '.join(left_out)}." if left_out else ""
        parts = [
            f"{self.portfolio.name}: controls",
            text_table(
                [["policy", f"gain in J over {self.reference}", "days shuffled", "growth gained, %", "days shuffled"],
                 *shuffled], left=1
            ),
            wrapped(
                "Gains: shuffled days show the mean and standard deviation over orders. J is against each policy's own "
                "target, bp a year; what is left of a gain there does not come from the order of days."
            ),
            text_table([["policy", "trading days", "J", "at random times", "beats"], *random], left=1),
            wrapped(
                "At random times: the mean J of rules that trade to the same target on as many days, drawn at random; "
                f"beats: the share of them with a higher J.{never}"
            ),
            text_table([["policy", "worlds", "costs, bp", "excess, bp", "error, bp", "holds"], *worlds], left=1),
            wrapped(
                "Martingale worlds: excess is expected wealth and costs less the wealth at the start, bp of it. It is "
                f"0 for every policy, and holds within {ERRORS:g} standard errors: a leak that earns less is not found."
            ),
        ]  # fmt: skip
        return "\n\n".join(parts)


def _spread(mean: float, sd: float, digits: int) -> str:
    return f"{mean:+.{digits}f} ± {sd:.{digits}f}"


def controls(
    portfolio: Portfolio,
    *,
    only: Sequence[str] | None = None,
    shuffles: int = 20,
    rules: int = 200,
    worlds: int = 400,
    seed: int = 1,
    progress: Progress | None = None,
) -> Controls:
    """The controls of a portfolio's policies, fitted as in a comparison; stored trainings are used.

    They are backtested at closes, without flows, and with dividends reinvested.
    portfolio : portfolio of the market, costs, test and policies.
    only      : names of the policies (default: all); the reference is added.
    shuffles  : orders of the test days, 2 or more.
    rules     : random rules for each policy, 1 or more.
    worlds    : martingale worlds, 40 or more; a tenth of them for a policy that is asked day by day, 40 at least.
    seed      : seed of all draws.
    progress  : callback that is told the step and its progress; without it a bar is shown.
    Raises    : ConfigError for a name that is not in the file, and for numbers out of range; DataError where assets are
                hardly ever listed together; the errors of fitting.
    """
    for what, value, least in (("shuffles", shuffles, 2), ("rules", rules, 1), ("worlds", worlds, LEAST_WORLDS)):
        if not (is_whole(value) and value >= least):
            refuse(f"{what} is", value, f"give a whole number of {least} or more.")
    names = list(portfolio.policies) if only is None else list(dict.fromkeys([*only, portfolio.reference]))
    for name in names:
        portfolio.check_policy(name)
    with bar(None, "fitting", shown=progress is None) as stages:
        tell, ready = progress or stages.stage, {}
        for k, name in enumerate(names):
            tell(f"fitting {name}", k, len(names))
            ready[name] = fit(name, portfolio, tell).policy
        shuffled = shuffled_days(portfolio, ready, shuffles, seed, tell)
        random = random_times(portfolio, ready, rules, seed, tell)
        martingale = martingale_worlds(portfolio, ready, worlds, seed, tell)
    return Controls(portfolio, portfolio.reference, shuffled, random, martingale)


# -- shuffled days ---------------------------------------------------------------------------------------------------


def shuffled_days(
    portfolio: Portfolio, policies: Mapping[str, Rule], shuffles: int, seed: int, tell: Progress
) -> pd.DataFrame:
    """The gain of each policy over the reference, in the test and on its days in other orders.

    The calendar stays, and assets and cash of a day stay together; days before the test stay where they are. The days
    moved are those with returns of all assets.
    portfolio : portfolio of the market, costs and test.
    policies  : policies ready for a backtest, by name, the reference among them.
    shuffles  : number of orders.
    seed      : seed of the orders.
    tell      : callback that is told the progress.
    Returns   : by policy: loss_gain, the reference's J less the policy's, each against its own target, bp a year, and
                growth_gain, of annual growth, fraction; loss_mean, loss_sd, growth_mean, growth_sd over orders.
    """
    gains = []
    for k in range(shuffles + 1):
        tell("shuffling days", k, shuffles + 1)
        market, costs = portfolio.market, portfolio.costs
        if k:
            market, costs = _shuffled(portfolio, np.random.default_rng([seed, k]))
        figures = {}
        for name, one in _played(portfolio, market, costs, policies).items():
            span = float((one.dates[-1] - one.dates[0]).days)
            figures[name] = (-_loss(portfolio, one), growth(one.ledger.nav, span))
        gains.append(np.array([figures[name] for name in policies]) - figures[portfolio.reference])
    found = np.array(gains)  # (orders, policies, 2)
    mean, sd = found[1:].mean(axis=0), found[1:].std(axis=0, ddof=1)
    columns = {
        "loss_gain": found[0, :, 0], "loss_mean": mean[:, 0], "loss_sd": sd[:, 0],
        "growth_gain": found[0, :, 1], "growth_mean": mean[:, 1], "growth_sd": sd[:, 1],
    }  # fmt: skip
    return pd.DataFrame(columns, index=pd.Index(list(policies), name="policy"))


def _shuffled(portfolio: Portfolio, rng: np.random.Generator) -> tuple[Market, Costs]:
    """The market with the days of the test in a random order, and the costs of these days with them."""
    market, costs = portfolio.market, portfolio.costs
    first, stop = _common_rows(market, "the test", _opening(portfolio) + 1)
    rows: Rows = np.arange(len(market.dates))
    rows[first:stop] = rng.permutation(rows[first:stop])
    if costs.half_spread.ndim > 1:
        costs = replace(costs, half_spread=costs.half_spread[rows])
    tradable = market.tradable[rows]
    index = np.cumprod(1.0 + market.returns[rows], axis=0)
    moved = replace(
        market,
        returns=market.returns[rows],
        tradable=tradable,
        cash=market.cash[rows],
        prices=np.where(tradable, OPENING_PRICE * index, np.nan),
        volumes=None if market.volumes is None else market.volumes[rows],
        dividends=None,
        splits=None,
        bars=None,
        facts=None if market.facts is None else {name: fact[rows] for name, fact in market.facts.items()},
    )
    return moved, costs


# -- random times ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OnDays(CompiledRule):
    """Trade to target at the closes of some days. days : numbers of days since 1970-01-01."""

    allocation: Allocation
    days: frozenset[int]

    def decide(self, view: View) -> Hold | Trade:
        """Trade to the target on the drawn days."""
        today = int(view.past.days[-1].astype(int))
        return Calendar(self.allocation, "day").decide(view) if today in self.days else Hold(Why("calendar"))

    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> NoTradeBands:
        """The same as arrays."""
        daily = Calendar(self.allocation, "day").no_trade_bands(market, targets, costs)
        return replace(daily, asked=np.isin(market.days.astype(int), list(self.days)))


def random_times(
    portfolio: Portfolio, policies: Mapping[str, Rule], rules: int, seed: int, tell: Progress
) -> pd.DataFrame:
    """The J of each policy among those of rules that trade to its target on as many days, drawn at random.

    portfolio : portfolio of the market, costs and test.
    policies  : policies ready for a backtest, by name.
    rules     : number of random rules for each.
    seed      : seed of their days.
    tell      : callback that is told the progress.
    Returns   : by policy that traded: days on which it traded; loss, its J against its own target, bp a year;
                loss_random, the mean J of the rules; beats, the share of them with a higher J (of equals, half).
    """
    first, last = _opening(portfolio) + 1, len(portfolio.market.dates) - portfolio.lag
    rows = {}
    for k, (name, one) in enumerate(_played(portfolio, portfolio.market, portfolio.costs, policies).items()):
        tell(f"random times: {name}", k, len(policies))
        count = len(np.unique(one.ledger.booked[one.booked]))
        if not count:
            continue
        own, found = _loss(portfolio, one), np.empty(rules)
        for j in range(rules):
            drawn = _apart(np.random.default_rng([seed, j]), last - first, count, portfolio.lag)
            numbers = frozenset(one.market.days[first + drawn].astype(int).tolist())
            rule = OnDays(held_by(policies[name], portfolio.strategic), numbers)
            found[j] = _loss(portfolio, _one(portfolio, one.market, one.costs, rule, one.targets))
        beats = float(np.mean(found > own) + 0.5 * np.mean(found == own))
        rows[name] = {"days": count, "loss": own, "loss_random": float(found.mean()), "beats": beats}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["days", "loss", "loss_random", "beats"])
    return table.rename_axis("policy")


def _apart(rng: np.random.Generator, days: int, count: int, lag: int) -> Rows:
    """(count,) days out of `days`, in order, with `lag` others at least between two: nobody is asked while orders wait.

    Every such set is equally likely. Of more days than there is room for, as many as there is.
    """
    count = min(count, (days + lag) // (lag + 1))
    free = days - (count - 1) * lag
    drawn: Rows = np.sort(rng.choice(free, count, replace=False)) + lag * np.arange(count)
    return drawn


# -- martingale worlds -----------------------------------------------------------------------------------------------


def martingale_worlds(
    portfolio: Portfolio,
    policies: Mapping[str, Policy],
    worlds: int,
    seed: int,
    tell: Progress,
    rows: int | None = None,
) -> pd.DataFrame:
    """Expected wealth and costs less the wealth at the start, where every asset and cash are martingales.

    A day of a world is a day of the portfolio's market, drawn at random, less the mean return of each asset; cash earns
    nothing. The weights of a policy are decided before a day's returns, so its gains have mean 0, and
    E[wealth] + E[costs] = wealth at the start, a cost counting on the day on which it is paid.

    The error is small, since the gains by chance of the assets and the strategic target in the same world, held without
    costs, are taken off by regression: control variates. Their means are 0 whatever a policy does. With few worlds for
    the number of assets only that of the target is.

    portfolio : portfolio of the market, costs and test; of its costs, commissions, spreads, minima and tickets.
    policies  : policies ready for a backtest, by name.
    worlds    : number of worlds; a tenth, 40 at least, for a policy that is asked day by day.
    seed      : seed of the days.
    tell      : callback that is told the progress.
    rows      : number of rows of a world's test; None for a year.
    Returns   : by policy: worlds; costs, excess and its error, bp of the wealth at the start; and whether the sum
                holds, within `ERRORS` standard errors.
    """
    opening = _opening(portfolio)
    longest = max(_window(portfolio, policy) for policy in policies.values())
    days = span_rows(CONTROL_DAYS, portfolio.periods_per_year) if rows is None else rows
    played = slice(max(opening - longest - DAYS_BEFORE, 0), min(opening + 1 + days, len(portfolio.market.dates)))
    costs = portfolio.costs.simplified(portfolio.market, portfolio.nav)
    fair = _fair_days(portfolio.market)
    by_day = max(worlds // BY_DAY, LEAST_WORLDS)
    sums: dict[str, list[tuple[float, float]]] = {name: [] for name in policies}
    gained = []
    for w in range(worlds):
        tell("martingale worlds", w, worlds)
        market = _world(portfolio.market, played, fair, np.random.default_rng([seed, w]))
        paths: dict[Allocation, TargetPath] = {portfolio.strategic: target_path(portfolio.strategic, market)}
        first = market.row(portfolio.test_start - pd.Timedelta(days=1))
        target = target_returns(paths[portfolio.strategic], market, first)
        gained.append(np.prod(1.0 + np.column_stack([target, market.returns[first + 1 :]]), axis=0) - 1.0)
        for name, policy in policies.items():
            if w < by_day or compiled_rule(policy) is not None:
                sums[name].append(_sums(portfolio, market, costs, policy, paths))
    return pd.DataFrame.from_dict(
        {name: _excess(np.array(values), np.array(gained)) for name, values in sums.items()}, orient="index"
    ).rename_axis("policy")


def _sums(
    portfolio: Portfolio, market: Market, costs: Costs, policy: Policy, paths: dict[Allocation, TargetPath]
) -> tuple[float, float]:
    """The final wealth of a start of 1, and the costs paid for trades."""
    held = held_by(policy, portfolio.strategic)
    if held not in paths:
        paths[held] = target_path(held, market, start=market.row(portfolio.test_start - pd.Timedelta(days=1)))
    one = backtest(
        market, policy, costs, start=portfolio.test_start, lag=portfolio.lag, targets=paths[held],
        periods_per_year=portfolio.periods_per_year,
    )  # fmt: skip
    book = one.ledger
    return float(book.nav[-1]), float(book.opening_charges.sum() + book.charges[book.booked >= 0].sum())


def _excess(sums: Array, gained: Array) -> dict[str, float | int | bool]:
    """The row of a policy from its sums (W, 2), and the gains of target and assets (W or more, 1 + n).

    The excess is the constant of a regression on the gains, its error that of a jackknife (HC3), which is right where
    gains have heavy tails.
    Source : MacKinnon and White (1985), Journal of Econometrics 29, 305-325.
    """
    worlds, variates = len(sums), gained.shape[1]
    gained = gained[:worlds, : variates if worlds >= 4 * (variates + 1) else 1]
    excess, design = sums.sum(axis=1) - 1.0, np.column_stack([np.ones(worlds), gained])
    inverse = np.linalg.pinv(design)
    left = excess - design @ (inverse @ excess)
    leverage = np.einsum("wk,kw->w", design, inverse)
    mean, error = float(inverse[0] @ excess), float(np.sqrt(((inverse[0] * left / (1.0 - leverage)) ** 2).sum()))
    return {
        "worlds": worlds,
        "costs": BPS * float(sums[:, 1].mean()),
        "excess": BPS * mean,
        "error": BPS * error,
        "holds": abs(mean) <= ERRORS * error + WEALTH_ROUNDING,
    }


def _fair_days(market: Market) -> Array:
    """(D, n) returns of the days on which all assets have one, less the mean of each asset, fraction."""
    returns = market.returns[slice(*_common_rows(market, f"market {market.name!r}"))]
    fair: Array = returns - returns.mean(axis=0)
    return fair


def _world(market: Market, rows: slice, days: Array, rng: np.random.Generator) -> Market:
    """The dates and assets of these rows of a market, with days drawn at random."""
    dates = market.dates[rows]
    returns = days[rng.integers(0, len(days), len(dates))]
    returns[0] = 0.0
    return Market(
        dates=dates,
        assets=market.assets,
        returns=returns,
        tradable=np.ones(returns.shape, dtype=bool),
        cash=np.zeros(len(dates)),
        instruments=staying(market.instruments),
        prices=np.cumprod(1.0 + returns, axis=0, dtype=np.float64) * OPENING_PRICE,
        calendar=market.calendar,
        name="martingale world",
    )


def _window(portfolio: Portfolio, policy: Policy) -> int:
    """The most returns that a policy, or what it holds, estimates anything from."""
    return max(held_by(policy, portfolio.strategic).window, traits(policy).window)


# -- what they share ---------------------------------------------------------------------------------------------------


def _common_rows(market: Market, where: str, first: int = 0) -> tuple[int, int]:
    """(first, stop): the rows from `first` on with returns of all assets. Raises DataError for hardly any."""
    start, stop = common_rows(market, np.ones(len(market.assets), dtype=bool))
    start = max(start, first)
    if stop - start < DAYS_TO_DRAW:
        raise DataError(
            f"there are {max(stop - start, 0)} days of {where} on which all its assets have returns: {DAYS_TO_DRAW} at "
            "least are needed. Leave out assets that are not listed together, or start the test earlier."
        )
    return start, stop


def _opening(portfolio: Portfolio) -> int:
    """Market row of the opening trade."""
    return portfolio.market.row(portfolio.test_start - pd.Timedelta(days=1))


def _played(portfolio: Portfolio, market: Market, costs: Costs, policies: Mapping[str, Rule]) -> dict[str, Backtest]:
    """The backtests of policies in the test of a portfolio, on a market of the same dates."""
    paths: dict[Allocation, TargetPath] = {}
    found = {}
    for name, policy in policies.items():
        held = held_by(policy, portfolio.strategic)
        if held not in paths:
            paths[held] = target_path(held, market, start=_opening(portfolio))
        found[name] = _one(portfolio, market, costs, policy, paths[held])
    return found


def _one(portfolio: Portfolio, market: Market, costs: Costs, policy: Policy, targets: TargetPath) -> Backtest:
    return backtest(
        market, policy, costs, start=portfolio.test_start, nav=portfolio.nav, lag=portfolio.lag, targets=targets,
        periods_per_year=portfolio.periods_per_year,
    )  # fmt: skip


def _loss(portfolio: Portfolio, one: Backtest) -> float:
    """J against the policy's own target, bp a year."""
    return float(losses(one, Benchmark.of(one, portfolio.tracking_penalty)).mean())
