"""The look-ahead audit on policies that cheat, and on honest ones that look odd: how many of 100 seeds it names.

Six simulated assets over a test of 410 days, two of which are delisted in it. Each seed draws another market, another
form of the cheat and other days to check.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from backtests.studies.audits.look_ahead import DAYS_CHECKED, LookAhead, look_ahead
from backtests.studies.audits.smoothed_regimes import SmoothedExposure
from benchmarks.timing import keep, machine, show, versions
from research.accounting import Costs, Hold, Policy, Trade, View, Why
from research.allocation import Allocation, EqualWeights, FixedWeights
from research.forecast import MarkovRegimes
from research.market import SHUMWAY, Market, delist, instruments_table
from research.market.calendars import scheduled
from research.rules import Calendar, Threshold

SEEDS, SESSIONS, BEFORE, LINES = 100, 660, 250, 6
NAMES = ("A", "B", "C", "D", "E", "F")
PEEKS: tuple[tuple[str, int], ...] = (
    ("monday", 0), ("tuesday", 0), ("wednesday", 0), ("thursday", 0), ("friday", 0), ("week", 0), ("month", 0),
    ("month", 1), ("quarter", 0),
)  # fmt: skip
EQUAL = EqualWeights()

Make = Callable[[Market], Policy]


def world(seed: int) -> Market:
    """Six assets with quotes and volumes; the last two are delisted in the second half of the test."""
    import exchange_calendars as xcals

    rng = np.random.default_rng([seed, 7])
    sessions = xcals.get_calendar("XNYS", start="2015-01-01", end="2018-12-31").sessions[:SESSIONS]
    shape = (SESSIONS, LINES)
    returns = rng.normal(2e-4, 0.007, (SESSIONS, 1)) + rng.normal(0.0, 0.012, shape)
    exits = rng.integers(SESSIONS - 200, SESSIONS - 20, 2)
    tradable = np.arange(SESSIONS)[:, None] < np.append(np.full(LINES - 2, SESSIONS), exits)
    market = Market(
        dates=sessions,
        assets=NAMES,
        returns=np.where(tradable, returns, 0.0),
        tradable=tradable,
        cash=np.full(SESSIONS, 1e-5),
        instruments=instruments_table(NAMES, asset_class=["stock"] * LINES),
        prices=np.where(tradable, 50.0 * np.cumprod(1.0 + returns, axis=0), np.nan),
        volumes=np.where(tradable, rng.uniform(1e5, 1e6, shape), np.nan),
        name="simulated",
    )
    for name, row in zip(NAMES[-2:], exits, strict=True):
        market = delist(market, name, market.dates[row], SHUMWAY)
    return market


# -- those that cheat: each reads behind its view, or is made from all of the market ----------------------------------


@dataclass(frozen=True, eq=False)
class Peeks:
    """Trades to target on calendar days if an asset rises on the next day."""

    allocation: Allocation
    due: np.ndarray
    line: int

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or trade to target."""
        t, market = view.past.t, view.past._market
        if not self.due[t]:
            return Hold(Why("calendar"))
        rises = market.returns[min(t + 1, len(market.dates) - 1), self.line] > 0.0
        return Trade.to(view.target, Why("rises")) if rises else Hold(Why("falls"))


@dataclass(frozen=True)
class Vetoed:
    """A wrapper: does what a rule decides, unless the assets that it would buy fall on the next day."""

    rule: Threshold

    @property
    def allocation(self) -> Allocation:
        """What the rule holds."""
        return self.rule.allocation

    def decide(self, view: View) -> Hold | Trade:
        """The decision of the rule, or hold."""
        answer, market = self.rule.decide(view), view.past._market
        ahead = market.returns[view.past.t + 1 : view.past.t + 2].sum(axis=0)
        falls = float(ahead @ (view.target - view.weights)) < 0.0
        return Hold(Why("veto")) if isinstance(answer, Trade) and falls else answer


@dataclass(frozen=True, eq=False)
class Signals:
    """Trades to target on the days on which a signal, made in advance, is above a level."""

    allocation: Allocation
    signal: np.ndarray
    level: float

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or trade to target."""
        high = self.signal[view.past.t] > self.level
        return Trade.to(view.target, Why("signal")) if high else Hold(Why("signal"))


def _trailing(values: np.ndarray, window: int) -> np.ndarray:
    """(T,) mean of the last `window` values, from the first that are there."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    rows = np.arange(len(values)) + 1
    return (sums[rows] - sums[np.maximum(rows - window, 0)]) / np.minimum(rows, window)


def one_day_peek(rng: np.random.Generator) -> Make:
    """On one kind of calendar day, by itself or as a wrapper of a rule."""
    (schedule, offset), line = PEEKS[rng.integers(len(PEEKS))], int(rng.integers(LINES - 2))
    band, wraps = float(rng.choice([0.005, 0.01])), rng.random() < 0.25

    def make(market: Market) -> Policy:
        if wraps:
            return Vetoed(Threshold(EQUAL, band))
        return Peeks(EQUAL, scheduled(market.days, schedule, market.calendar, offset), line)

    return make


def whole_sample_scaler(rng: np.random.Generator) -> Make:
    """A signal in standard deviations of the whole sample."""
    line, window, level = int(rng.integers(LINES - 2)), int(rng.integers(5, 40)), float(rng.uniform(0.5, 1.5))

    def make(market: Market) -> Policy:
        mean = _trailing(market.returns[:, line], window)
        return Signals(EQUAL, (mean - mean.mean()) / mean.std(), level)

    return make


def smoothed_regimes(rng: np.random.Generator) -> Make:
    """Exposure by probabilities that are smoothed over the whole market."""
    calm = float(rng.uniform(0.6, 0.9))

    def make(market: Market) -> Policy:
        spread = float(market.returns[:BEFORE, 0].std())
        moves = ((0.95, 0.05), (0.2, 0.8))
        regimes = MarkovRegimes("A", (0.0, 0.0), (calm * spread, 1.5 * spread), moves, market.dates[BEFORE - 5])
        return Calendar(SmoothedExposure.on(market, EQUAL, regimes, "week"), "week")

    return make


def chosen_survivors(rng: np.random.Generator) -> Make:
    """Equal weights of the assets that are still there at the end, or of the best of them."""
    best, schedule = bool(rng.random() < 0.5), rng.choice(["week", "month", "quarter"])

    def make(market: Market) -> Policy:
        chosen = market.listed[-1] & market.tradable[-1]
        if best:
            total = np.where(chosen, market.returns.sum(axis=0), -np.inf)
            chosen = total >= np.sort(total)[-3]
        return Calendar(FixedWeights(tuple(chosen / max(chosen.sum(), 1))), schedule)

    return make


def revised_data(rng: np.random.Generator) -> Make:
    """A signal that was revised some days later, and is read as if it had been known at once."""
    line, later, volumes = int(rng.integers(LINES - 2)), int(rng.integers(1, 4)), rng.random() < 0.5

    def make(market: Market) -> Policy:
        panel = market.volumes if volumes else market.returns
        values = np.nan_to_num(panel[:, line])
        revised = np.append(_trailing(values, 2 * later + 1)[later:], values[-later:])
        return Signals(EQUAL, revised, 5.5e5 if volumes else 0.002)

    return make


@dataclass(frozen=True, eq=False)
class Draws:
    """Trades to target at random, on one day of ten."""

    allocation: Allocation
    rng: np.random.Generator

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or trade to target."""
        return Trade.to(view.target, Why("drawn")) if self.rng.random() < 0.1 else Hold(Why("drawn"))


def seed_from_the_future(rng: np.random.Generator) -> Make:
    """Random trades, of a seed that is made from the last return."""
    line = int(rng.integers(LINES - 2))
    return lambda market: Draws(EQUAL, np.random.default_rng(market.returns[-5:, line].view(np.uint64)))


# -- honest ones that look odd ---------------------------------------------------------------------------------------


@dataclass
class Remembers:
    """Depends on its own path: trades when its wealth has a new peak, and then rests for as long as it has traded."""

    allocation: Allocation
    trades: int = 0
    rest: int = 0

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or trade to target."""
        self.rest -= 1
        if self.rest > 0 or view.nav < view.nav_history.max():
            return Hold(Why("waits"))
        self.trades += 1
        self.rest = self.trades
        return Trade.to(view.target, Why("peak"))


@dataclass(frozen=True)
class Counts:
    """Trades on every n-th day of a portfolio of n assets."""

    allocation: Allocation

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or trade to target."""
        due = view.past.t % len(view.past.assets) == 0
        return Trade.to(view.target, Why("counted")) if due else Hold(Why("counted"))


@dataclass(frozen=True)
class Whims:
    """Draws numbers without a seed: on every day, or now and then."""

    allocation: Allocation
    chance: float
    rng: np.random.Generator = field(default_factory=np.random.default_rng)

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or trade to target."""
        whim = np.random.default_rng().random() < self.chance
        return Trade.to(view.target, Why("whim")) if whim else Hold(Why("whim"))


def path_dependent(rng: np.random.Generator) -> Make:
    """One object for all markets, which remembers what it did."""
    shared = Remembers(EQUAL)
    return lambda market: shared


def seeded_random(rng: np.random.Generator) -> Make:
    """Random trades of a fixed seed, from one generator for all markets or from a new one for each."""
    seed, shared = int(rng.integers(1_000)), Draws(EQUAL, np.random.default_rng(int(rng.integers(1_000))))
    return (lambda market: shared) if rng.random() < 0.5 else lambda market: Draws(EQUAL, np.random.default_rng(seed))


def by_number_of_lines(rng: np.random.Generator) -> Make:
    """Depends on how many assets there are."""
    return lambda market: Counts(EQUAL)


def unseeded_random(rng: np.random.Generator) -> Make:
    """Random trades without a seed, on many days of a test or on less than one."""
    chance = float(rng.choice([0.5, 0.05, 1e-2, 1e-3, 1e-4]))
    return lambda market: Whims(EQUAL, chance)


CHEATS = (one_day_peek, whole_sample_scaler, smoothed_regimes, chosen_survivors, revised_data, seed_from_the_future)
HONEST = (path_dependent, seeded_random, by_number_of_lines, unseeded_random)


def audited(kind: Callable[[np.random.Generator], Make], seed: int, days: int = DAYS_CHECKED) -> LookAhead:
    """The audit of one policy of a kind."""
    market, make = world(seed), kind(np.random.default_rng([seed, 11]))
    return look_ahead(make, market, Costs.bps(LINES, commission=2), market.dates[BEFORE], days=days, seed=seed)


def named(kind: Callable[[np.random.Generator], Make], seeds: int) -> Counter[str]:
    """How many of so many policies of a kind look ahead, how many do not repeat themselves, and how many pass."""
    found: Counter[str] = Counter()
    for seed in range(seeds):
        audit = audited(kind, seed)
        found["not repeatable" if audit.unrepeatable else "looks ahead" if audit.found else "passes"] += 1
    return found


def main(seeds: int = SEEDS) -> None:
    """Audit, print, and keep."""
    verdicts, rows = ("looks ahead", "not repeatable", "passes"), {}
    for kind in (*CHEATS, *HONEST):
        rows[kind.__name__.replace("_", " ")] = named(kind, seeds)
        print(kind.__name__, dict(rows[kind.__name__.replace("_", " ")]), flush=True)
    print(f"{machine()}; {versions('numpy')}")
    show(
        f"Look-ahead audit: of {seeds} seeds",
        ("policies", *verdicts),
        [(name, *(str(found[verdict]) for verdict in verdicts)) for name, found in rows.items()],
        [f"the first {len(CHEATS)} cheat, the others are honest"],
    )
    keep("look_ahead", {"seeds": seeds, "named": {name: dict(found) for name, found in rows.items()}})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
