"""Answers about the life of a plan: how likely it fails, what is left, what may be spent, and what that depends on.

All policies are played on the same futures. A mean that is estimated from few years is not known: each future has its
own, drawn from the distribution of the estimate, and beside the answer stands what it would be were the mean known.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from backtests.today.future_paths import Opening, SharedBands, estimates, first_target, is_played_at_once
from backtests.today.plan_history import PlanHistory, history_starts, played_as
from backtests.today.plan_paths import PlanOpening, PlanPaths, bands_in_months, play_plan
from backtests.today.risk_paths import PLAN_PATHS
from foundation.arguments import is_whole, refuse
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from research.accounting import Policy
from research.market import Market
from research.market.reading.long_history import consumer_prices
from research.portfolio import Portfolio
from research.portfolio.plan import HISTORY, MONTHS_A_YEAR, Plan
from research.risk.simulation.future_laws import BLOCK_PATHS, FutureLaw, future_laws, sample
from research.risk.simulation.streams import MEANS, stream

WORKERS = 2
FEWEST_FUTURES = 100  # futures of a block: what each lays out takes as long as some twenty of them
WEALTH_LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)  # quantiles of what is left, and of the fan
MEDIAN = WEALTH_LEVELS.index(0.50)
ORDER_PATHS = 300  # futures on which the order of accounts is chosen, and no answer rests
WORTH_A_TURN = 0.01  # of what is left: an order that leaves no more than so much more is not shown
TURN_YEARS = 5  # between two years in which the accounts may change places
OTHER_PATHS = 1_500  # of the futures, those that are played under other laws and assumptions
PLAN_CONFIDENCE = 0.95
ONE_POINT = 0.01  # a point of return, of cost or of inflation, a year
SEARCH_STEPS = 30  # halvings of a search for an amount
PRECISE = 1e-4  # of the amount that is searched for

DECADE = 10  # years
FIFTH = 0.2
AS_IT_IS, SHELTERED_FIRST = "as it is", "sheltered first"
NOT_PLAYED = "it decides by the path of prices, and a plan cannot play it."
SAFE_MULTIPLES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)  # of the safe amount, at which the curve is known


@dataclass(frozen=True)
class Chance:
    """A probability that is counted among futures, and its interval of 95 % (Clopper and Pearson)."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, happened: Mask) -> "Chance":
        """Of what happened in each future (P,)."""
        found = stats.binomtest(int(happened.sum()), len(happened)).proportion_ci(PLAN_CONFIDENCE, "exact")
        return cls(float(happened.mean()), float(found.low), float(found.high))


@dataclass(frozen=True)
class Amount:
    """An amount that is safe at a probability of failing, currency a year, and its interval of 95 %.

    It is in today's money, but for the rule `constant`.

    The interval is that of a quantile, by the order of the amounts that futures bear. NaN where the rule has no amount.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class PolicyPlan:
    """One policy on all futures.

    failed   : it ran out, or left less than it should.
    by_year  : probability of having run out by the end of each of the Y years.
    left     : what is left after all taxes by the quantiles `WEALTH_LEVELS`, currency in today's money.
    nominal  : the same in money of that day.
    fan      : (Y + 1, levels) NAV as each year ends, today's first, before tax on its gains, in today's money.
    taken    : mean of what was spent a year, income included, currency in today's money.
    lowest   : 5 % quantile of the least of a whole year, likewise.
    taxes    : mean of the taxes that are paid, in what is left those due at the end besides, likewise.
    costs    : mean of all costs of trading, likewise.
    safe     : the amount that is safe.
    worse    : probability of failing where the policy shown does not, less the other way round, and its interval.
    p        : probability of so large a difference by chance (McNemar's exact test); NaN for the policy shown.
    """

    failed: Chance
    by_year: tuple[Chance, ...]
    left: Array
    nominal: Array
    fan: Array
    taken: float
    lowest: float
    taxes: float
    costs: float
    safe: Amount
    worse: tuple[float, float, float]
    p: float


@dataclass(frozen=True, eq=False)
class LifeOfPlan:
    """The answers of a plan.

    portfolio : the portfolio.
    plan      : its plan.
    opening   : its holdings in months.
    policies  : by name; the first is the one that the others are compared with. Where there are taxable accounts and
                sheltered ones, taxable ones are spent first, and the second is the first one the other way round; the
                last is that in the best order, if it is another.
    left_out  : policies that cannot be played, with the reason.
    law       : name of the law of the futures.
    refused   : laws that cannot be fitted, with the reason.
    paths     : number of futures.
    sample    : first and last month that the law is fitted to.
    growth    : mean log return a year of the strategic target in them, and its standard error.
    growths   : mean log return a year of each asset in them.
    frozen    : policies that go on with what they estimate today.
    known     : probability of failing of the first policy were that mean known.
    laws      : the same under other laws, by name, on fewer futures.
    changes   : probability of failing and safe amount of the first policy with a point more or less, by what changed,
                on fewer futures; "as it is" is the plan on the same ones.
    curve     : probability of failing of the first policy by amount, on fewer futures; () where the rule has none.
    outlived  : probability that the first policy runs out while someone of the plan's lives does, and the one that
                someone lives when the plan ends; None without lives.
    history   : the first policy from every start since 1871, or None where history has none for it.
    decades   : probability of failing of the first policy, the mean known, in the fifth of futures whose target
                earned least, after prices, in the first decade of spending, and in the last; None where these overlap.
    """

    portfolio: Portfolio
    plan: Plan
    opening: PlanOpening
    policies: Mapping[str, PolicyPlan]
    left_out: Mapping[str, str]
    law: str
    refused: Mapping[str, str]
    paths: int
    sample: tuple[pd.Timestamp, pd.Timestamp]
    growth: tuple[float, float]
    growths: Mapping[str, float]
    frozen: tuple[str, ...]
    known: Chance
    laws: Mapping[str, Chance]
    changes: Mapping[str, tuple[Chance, Amount]]
    curve: tuple[tuple[float, Chance], ...]
    outlived: tuple[Chance, float] | None
    history: PlanHistory | None
    decades: tuple[Chance, Chance] | None

    @property
    def money(self) -> str:
        """Words that follow the currency of an amount that is spent: in whose money it is."""
        return "" if self.plan.spending.rule == "constant" else " in today's money"

    @property
    def shown(self) -> str:
        """The name of the policy that the others are compared with."""
        return next(iter(self.policies))


@dataclass(frozen=True, eq=False)
class Futures:
    """Futures of a plan.

    growths  : (P, D, n) 1 + simple return of each asset in each month.
    consumer : (P, D + 1) or (1, D + 1) consumer prices, 1 today.
    """

    growths: Array
    consumer: Array

    def some(self, which: NDArray[np.intp] | slice) -> "Futures":
        """Those of the numbers, the mask or the slice `which`."""
        return Futures(self.growths[which], self.consumer if len(self.consumer) == 1 else self.consumer[which])

    def blocks(self) -> "list[Futures]":
        """The same in blocks, which are played one by one."""
        paths = len(self.growths)
        size = min(BLOCK_PATHS, max(math.ceil(paths / WORKERS), FEWEST_FUTURES))
        return [self.some(slice(k, k + size)) for k in range(0, paths, size)]

    def moved(self, growth: float = 0.0, inflation: float = 0.0) -> "Futures":
        """The same with more return, and more inflation, a year, fraction."""
        years = np.arange(self.consumer.shape[1]) / MONTHS_A_YEAR
        return Futures(
            self.growths * (1.0 + growth) ** (1.0 / MONTHS_A_YEAR), self.consumer * (1.0 + inflation) ** years
        )


def life_of_plan(
    portfolio: Portfolio,
    plan: Plan,
    policies: Mapping[str, Policy],
    *,
    paths: int = PLAN_PATHS,
    seed: int = 0,
    workers: int = WORKERS,
) -> LifeOfPlan:
    """Play policies through the years of a plan, and answer what it asks.

    portfolio : its holdings are those of the last close.
    plan      : what comes and goes.
    policies  : ready to decide, by name; the first is shown, and the others are compared with it.
    paths     : number of futures, at least 100.
    seed      : seed of the random numbers.
    workers   : number of threads; the figures do not depend on it.
    Raises    : ConfigError for a plan that cannot begin, and where no policy can be played; DataError as `future_laws`.
    """
    if not (is_whole(paths) and paths >= 100):
        refuse("paths are", paths, "give a whole number of futures, at least 100.")
    opening, daily = PlanOpening.of(portfolio, plan), Opening(portfolio)
    check_plan(opening)
    left_out = {name: NOT_PLAYED for name, policy in policies.items() if not is_played_at_once(policy)}
    if len(left_out) == len(policies):
        raise ConfigError(f"no policy can be played through a plan: {', '.join(left_out) or 'none is given'}.")
    with ThreadPoolExecutor(workers) as pool:
        games = _games(opening, daily, {k: one for k, one in policies.items() if k not in left_out}, pool)
        market = opening.portfolio.market
        drawn = with_consumer_prices(market) if plan.inflation == HISTORY else market
        laws, refused = future_laws(drawn, MONTHS_A_YEAR)
        first, *others = laws
        dates, returns = sample(market, MONTHS_A_YEAR)
        log, fewer = np.log1p(sample(drawn, MONTHS_A_YEAR)[1]), min(OTHER_PATHS, paths)
        games |= _best_order(games, draw(opening, laws[first], min(ORDER_PATHS, paths), seed + 1, log))
        futures = draw(opening, laws[first], paths, seed, log)
        played = {name: game.play(futures) for name, game in games.items()}
        failed = {name: fails(plan, one) for name, one in played.items()}
        safe = {name: game.safe(futures, failed[name]) for name, game in games.items()}
        shown, game = next(iter(games.items()))
        surely = draw(opening, laws[first], fewer, seed, None)
        fails_surely = fails(plan, game.play(surely))
        under = {law: game.chance(draw(opening, laws[law], fewer, seed, log)) for law in others}
        few, failed_few = futures.some(np.arange(fewer)), failed[shown][:fewer]
        dearer = replace(game, accounts=tuple(replace(each, fee=ONE_POINT) for each in game.accounts))
        changes = {
            AS_IT_IS: (Chance.of(failed_few), game.safe(few, failed_few)),
            "a point less return of the assets": game.answer(few.moved(growth=-ONE_POINT)),
            "a fee of a point more on NAV": dearer.answer(few),
            "a point more inflation, returns as they are": game.answer(few.moved(inflation=ONE_POINT)),
        }
        stated = plan.spending.amount or 0.0
        around = safe[shown].value or stated
        scales = sorted({1.0, *(each * around / stated for each in SAFE_MULTIPLES)}) if stated else []
        curve = tuple((each * stated, game.chance(few, each)) for each in scales)
        history = _history(opening, game)
    target = opening.portfolio.target
    held = np.log1p(returns @ target + (1.0 - target.sum()) * (opening.cash_growth - 1.0))
    return LifeOfPlan(
        portfolio, plan, opening,
        {k: _answers(one, plan, failed[k], failed[shown], safe[k], k == shown) for k, one in played.items()},
        left_out, first, refused, paths, (dates[0], dates[-1]),
        (MONTHS_A_YEAR * float(held.mean()), MONTHS_A_YEAR * float(held.std(ddof=1)) / math.sqrt(len(held))),
        dict(zip(market.assets, (MONTHS_A_YEAR * np.log1p(returns).mean(axis=0)).tolist(), strict=True)),
        tuple(name for name, policy in policies.items() if name in games and estimates(policy)),
        Chance.of(fails_surely), under, changes, curve, outlived(opening, played[shown]), history,
        _decades(opening, surely, fails_surely),
    )  # fmt: skip


def draw(opening: PlanOpening, law: FutureLaw, paths: int, seed: int, log: Array | None) -> Futures:
    """The futures of a law.

    log : (T, n) log returns of the sample, with those of consumer prices where the plan draws them, from whose means
          each future's own are drawn; None where they are known.
    """
    days, plan, n = opening.days, opening.plan, len(opening.portfolio.market.assets)
    parts = [law.growths(block, days, seed) for block in range(math.ceil(paths / BLOCK_PATHS))]
    drawn = np.concatenate(parts)[:paths]
    growths = np.ascontiguousarray(drawn[:, :, :n])
    if log is not None:
        each = log.shape[1]
        root = np.linalg.cholesky(np.cov(log.T).reshape(each, each) / len(log) + 1e-18 * np.eye(each))
        shifts = np.array([stream(seed, path, MEANS).standard_normal(each) for path in range(paths)]) @ root.T
        growths *= np.exp(shifts[:, :n])[:, None, :]
        if each > n:  # prices rise in long waves, which leave their mean less known than as many independent months
            again = float(np.corrcoef(log[1:, n], log[:-1, n])[0, 1])
            drawn[:, :, n] *= np.exp(math.sqrt((1.0 + again) / (1.0 - again)) * shifts[:, n])[:, None]
    if isinstance(plan.inflation, str):
        consumer = np.cumprod(np.concatenate([np.ones((paths, 1)), drawn[:, :, n]], axis=1), axis=1)
    else:
        consumer = (1.0 + plan.inflation) ** (np.arange(days + 1) / MONTHS_A_YEAR)[None]
    return Futures(growths, consumer)


def with_consumer_prices(market: Market) -> Market:
    """A market in months and, as one more asset, US consumer prices. Raises DataError for months beyond the data."""
    level = consumer_prices(market.days[-1].astype("datetime64[M]") - np.arange(len(market.days))[::-1])
    rise = np.append(0.0, level[1:] / level[:-1] - 1.0)[:, None]
    name = "consumer prices"
    row = market.instruments.iloc[:1].rename(index={market.assets[0]: name})
    return Market(
        dates=market.dates,
        assets=(*market.assets, name),
        returns=np.hstack([market.returns, rise]),
        tradable=np.hstack([market.tradable, np.ones_like(rise, dtype=bool)]),
        cash=market.cash,
        instruments=pd.concat([market.instruments, row]),
        prices=np.hstack([market.prices, level[:, None]]),
        calendar=market.calendar,
        name=market.name,
    )


def check_plan(opening: PlanOpening) -> None:
    """Refuse a plan that cannot begin. Raises ConfigError."""
    portfolio, plan, last = opening.portfolio, opening.plan, opening.dates[-1]
    saved, comes, income, goes = (each[1 : 1 + MONTHS_A_YEAR].sum() for each in opening.money)
    spent = goes - income + (0.0 if plan.begins > 0 else plan.spending.amount or plan.spending.floor)
    worth = sum(each.portfolio.nav / each.gross for each in opening.accounts(True))
    if spent > 0.0 and spent >= worth + saved + comes:
        taxed = " after the tax on taking it out" if plan.withdrawal_tax > 0.0 else ""
        raise ConfigError(
            f"the plan takes {spent:,.2f} {portfolio.basis} in its first year, and all that {portfolio.file} holds is "
            f"worth {worth:,.2f}{taxed}: it would run out in that year. Spend less, or save first."
        )
    days = [("once", day) for day in plan.once] + [("income", each.begins) for each in plan.income]
    for key, day in days:
        if day > last or (key == "income" and day == last):
            raise ConfigError(
                f"{key} of the plan has {day:%Y-%m-%d}, and the plan ends on {last:%Y-%m-%d}: give a day within it, or "
                "a longer plan."
            )
    if plan.withdrawal_tax > 0.0 and all(account.taxable for account in portfolio.accounts):
        raise ConfigError(
            f"withdrawal_tax of the plan is {plan.withdrawal_tax:g}, and {portfolio.file} has no sheltered account: "
            "leave it out, or name the account under `accounts`."
        )


def fails(plan: Plan, played: PlanPaths) -> Mask:
    """(P,) true in a future that runs out, or leaves less than the plan asks for."""
    failed: Mask = (played.ended >= 0) | (played.left < plan.left)
    return failed


@dataclass(frozen=True, eq=False)
class _Game:
    """One policy played on futures, block by block.

    accounts : in the order in which they are spent.
    bands    : of the policy.
    pool     : of the threads.
    turn     : month from which the accounts change places, or None.
    """

    accounts: tuple[PlanOpening, ...]
    bands: SharedBands
    pool: ThreadPoolExecutor
    turn: int | None = None

    def play(self, futures: Futures, scale: float = 1.0) -> PlanPaths:
        """The results on all futures; `scale` as for `play_plan`."""

        def one(block: Futures) -> PlanPaths:
            return play_plan(self.accounts, self.bands, block.growths, block.consumer, scale, self.turn)

        return PlanPaths.joined(list(self.pool.map(one, futures.blocks())))

    def chance(self, futures: Futures, scale: float = 1.0) -> Chance:
        """The probability of failing."""
        return Chance.of(fails(self.accounts[0].plan, self.play(futures, scale)))

    def answer(self, futures: Futures) -> tuple[Chance, Amount]:
        """The probability of failing, and the amount that is safe."""
        failed = fails(self.accounts[0].plan, self.play(futures))
        return Chance.of(failed), self.safe(futures, failed)

    def safe(self, futures: Futures, failed: Mask) -> Amount:
        """The amount at which the plan fails with its stated probability.

        What a future bears lies between the largest amount at which it did not fail and the least at which it did;
        only those futures are played again for which that says nothing about the amount asked. By guardrails a few
        futures bear an amount and not a smaller one: they count by what was asked of them first.
        failed : (P,) those that fail with the amount of the plan.
        """
        probability, paths = self.accounts[0].plan.probability, len(failed)
        spread = stats.binom(paths, probability)
        most = (
            math.floor(probability * paths + 1e-9),
            spread.ppf(0.5 - PLAN_CONFIDENCE / 2) - 1,
            spread.ppf(0.5 + PLAN_CONFIDENCE / 2),
        )
        return Amount(*self.amounts(futures, failed, most))

    def amounts(self, futures: Futures, failed: Mask, most: Sequence[float]) -> list[float]:
        """The largest amounts at which at most so many futures fail; NaN where the rule has none.

        failed : (P,) those that fail with the amount of the plan.
        """
        plan = self.accounts[0].plan
        amount = plan.spending.amount
        if not amount:
            return [math.nan] * len(most)
        bears, fails_at = np.where(failed, -1.0, 1.0), np.where(failed, 1.0, np.inf)

        def count(scale: float) -> int:
            which = np.flatnonzero((bears < scale) & (scale < fails_at))
            if which.size:
                lost = fails(plan, self.play(futures.some(which), scale))
                fails_at[which[lost]], bears[which[~lost]] = scale, scale
            return int((fails_at <= scale).sum())

        return [amount * _largest(count, float(k)) for k in most]


def _games(
    opening: PlanOpening, daily: Opening, policies: Mapping[str, Policy], pool: ThreadPoolExecutor
) -> dict[str, _Game]:
    """The games of policies by name; of the first one also that in which sheltered accounts are spent first."""
    games = dict[str, _Game]()
    for name, policy in policies.items():
        target = first_target(daily.portfolio, policy)
        bands = bands_in_months(opening.begun(target), daily.begun(target), policy)
        taxable, sheltered = (tuple(each.begun(target) for each in opening.accounts(first)) for first in (True, False))
        games[name] = _Game(taxable, bands, pool)
        if len(games) == 1 and len(taxable) > 1:
            games[f"{name}, {SHELTERED_FIRST}"] = _Game(sheltered, bands, pool)
    return games


def _best_order(games: Mapping[str, _Game], futures: Futures) -> dict[str, _Game]:
    """The first policy in the order of accounts that fails least, then leaves most; {} where that is played anyway.

    Tried are both orders, and each until the accounts change places once, after a multiple of `TURN_YEARS`.
    futures : others than those of the answers.
    """
    name, taxable = next(iter(games.items()))
    if len(taxable.accounts) == 1:
        return {}
    other, plan = f"{name}, {SHELTERED_FIRST}", taxable.accounts[0].plan
    turns = range(plan.begins + TURN_YEARS * MONTHS_A_YEAR, plan.months, TURN_YEARS * MONTHS_A_YEAR)
    tried = {name: taxable, other: games[other]}
    for turn in turns:
        for game, kind in ((taxable, "taxable"), (games[other], "sheltered")):
            tried[f"{name}, {kind} first for {turn // MONTHS_A_YEAR} years"] = replace(game, turn=turn)

    def merit(game: _Game) -> tuple[float, float]:
        played = game.play(futures)
        return float(fails(plan, played).mean()), -float(played.left.mean())

    found = {each: merit(game) for each, game in tried.items()}
    usual, best = min(found[name], found[other]), min(found, key=found.__getitem__)
    is_better = found[best][0] < usual[0] or found[best][1] < (1.0 + WORTH_A_TURN) * usual[1]
    return {best: tried[best]} if is_better else {}


def _largest(count: Callable[[float], int], most: float) -> float:
    """The largest scale at which at most so many futures fail; 0 where more fail however little is spent."""
    if count(0.0) > most:
        return 0.0
    low, high = 0.0, 1.0
    while count(high) <= most and high < 2.0**SEARCH_STEPS:
        low, high = high, 2.0 * high
    for _ in range(SEARCH_STEPS):
        if high - low <= PRECISE * high:
            break
        middle = 0.5 * (low + high)
        low, high = (middle, high) if count(middle) <= most else (low, middle)
    return low


def _answers(played: PlanPaths, plan: Plan, failed: Mask, first: Mask, safe: Amount, is_first: bool) -> PolicyPlan:
    """The answers of one policy.  failed, first : (P,) the futures in which it, and the policy shown, fails."""
    more, less = int((failed & ~first).sum()), int((first & ~failed).sum())
    years, paths = played.taken.shape[1], len(failed)
    apart, trials = more - less, paths + 2  # half an event in each cell: Agresti and Min (2005), Statistics in Medicine
    error = math.sqrt(more + less + 1.0 - apart**2 / trials) / trials
    low, high = (apart / trials + sign * stats.norm.ppf(0.5 + PLAN_CONFIDENCE / 2) * error for sign in (-1.0, 1.0))
    until = MONTHS_A_YEAR * np.arange(1, years + 1)
    ran_out = (played.ended >= 0)[:, None] & (played.ended[:, None] < until)
    by_year = tuple(Chance.of(by_then) for by_then in ran_out.T)
    worse = (0.0, 0.0, 0.0) if is_first else (apart / paths, max(low, -1.0), min(high, 1.0))
    real = played.nav / played.prices
    spending = played.taken[:, plan.begins // MONTHS_A_YEAR :]
    return PolicyPlan(
        Chance.of(failed), by_year, np.quantile(played.left, WEALTH_LEVELS), np.quantile(played.nominal, WEALTH_LEVELS),
        np.quantile(real, WEALTH_LEVELS, axis=0).T,
        float(spending.mean()), max(float(np.quantile(spending.min(axis=1), WEALTH_LEVELS[0])), 0.0),
        float(played.taxes.mean()), float(played.costs.mean()), safe, worse,
        math.nan if is_first else float(stats.binomtest(more, more + less).pvalue) if more + less else 1.0,
    )  # fmt: skip


def outlived(opening: PlanOpening, played: PlanPaths) -> tuple[Chance, float] | None:
    """The probability that someone lives when the plan runs out, with an interval of 95 %, and when it ends.

    Lives do not depend on markets: each future counts by the probability of living in the month of its ruin.
    """
    if not opening.plan.lives:
        return None
    alive = opening.plan.someone_alive(opening.dates)
    each = np.where(played.ended < 0, 0.0, alive[played.ended])
    half = float(stats.norm.ppf(0.5 + PLAN_CONFIDENCE / 2) * each.std(ddof=1) / math.sqrt(len(each)))
    mean = float(each.mean())
    return Chance(mean, max(mean - half, 0.0), min(mean + half, 1.0)), float(alive[-1])


def _history(opening: PlanOpening, game: _Game) -> PlanHistory | None:
    """A policy from every start that history has the months of, with the consumer prices of those years."""
    market = opening.portfolio.market
    years, growths, consumer = history_starts(market, opening.portfolio.target, opening.days)
    if not len(years):
        return None
    starts = Futures(growths, consumer)
    played = game.play(starts)
    failed = fails(opening.plan, played)
    (lasted,) = game.amounts(starts, failed, (0.0,))
    return PlanHistory(years, failed, played.ended, played.left, lasted, **played_as(market))


def _decades(opening: PlanOpening, futures: Futures, failed: Mask) -> tuple[Chance, Chance] | None:
    """The probability of failing after the worst first decades of the target, and after the worst last ones."""
    begins, rows = opening.plan.begins, DECADE * MONTHS_A_YEAR
    if opening.plan.months - begins < 2 * rows:
        return None
    grown = np.log(1.0 + opening.costless(futures.growths, opening.portfolio.target))
    prices, found = np.log(futures.consumer), []
    for earned, rise in (
        (grown[:, begins : begins + rows].sum(axis=1), prices[:, begins + rows] - prices[:, begins]),
        (grown[:, -rows:].sum(axis=1), prices[:, -1] - prices[:, -1 - rows]),
    ):
        found.append(Chance.of(failed[earned - rise <= np.quantile(earned - rise, FIFTH)]))
    return found[0], found[1]
