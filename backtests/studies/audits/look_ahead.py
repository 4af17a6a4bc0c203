"""Look-ahead test of policies: a search for decisions that depend on later data.

    look_ahead(lambda market: Calendar(HRP(window=252), "month"), market, costs, start="2015-01-02")

On its own decision days the market is cut off, and in further runs every later value is changed. All that was
decided and booked up to that day must be the same, but for rounding. The policy is *made* from each of these markets
too, so that anything computed in advance from the whole history is found. A policy that does not repeat itself on the
unchanged market is not accused: it is named as such. What it has from elsewhere cannot be changed: a policy of your
own that opens a file or asks the network while it decides (`backtests.studies.audits.reading`), or that can reach
tables of later days (`backtests.studies.audits.later_data`), is not judged either.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from backtests.studies.audits.futures import CALM, CUT, FUTURES, Future, future
from backtests.studies.audits.later_data import later_data
from backtests.studies.audits.recorded import Played, difference
from foundation.arguments import day, is_whole, refuse
from foundation.arrays import Rows
from foundation.errors import ConfigError, DataError, PolicyError
from foundation.paper.wording import counted, listed
from research.accounting import Costs, Execution, Flows, Policy
from research.accounting.execution import Dividends
from research.market import Market
from research.market.calendars import period
from research.rules.protocol import held_by, short_name

DAYS_CHECKED = 24  # decision days that are checked, where a policy has more
SPREAD = 6  # days that are checked of a policy that decides on none
FEWEST_DAYS = 3  # days of a kind
GIVEN, OTHER = "given", "other"  # kinds of day beside those of `kinds_of`
PASSED, FAILED, IDLE, RANDOM = "passed", "failed", "no trades", "not repeatable"
READS = "not judged"  # it reads from elsewhere, or holds later data
AGAIN = 4  # times that a difference must come back, and the unchanged market none


@dataclass(frozen=True, eq=False, repr=False)
class LookAhead:
    """The result of the test.

    policy, market : in words.
    table : a row for each day: its kind, the number of decisions to trade by then, and the first difference, "" for
            none, on the market that ends there and on two that continue with other values.
    days : number of the decision days of the policy that could be checked.
    whole : True if every kind of decision day was checked.
    unrepeatable : the first difference between two runs on the same market, "" for none: it is no evidence of
                   look-ahead.
    read : the sources outside the market that the policy read while it decided, in words.
    held : the places of tables with later data than the market that the policy was made from, in words.
    """

    policy: str
    market: str
    table: pd.DataFrame
    days: int
    whole: bool
    unrepeatable: str = ""
    read: tuple[str, ...] = ()
    held: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """True if any decision or trade depends on later data."""
        return not self.unrepeatable and bool((self.table[list(FUTURES)] != "").to_numpy().any())

    @property
    def power(self) -> float:
        """The probability with which a peek at the next day would have been found.

        It is that of a policy that peeks on one kind of decision day, the one with the fewest days checked, or on every
        decision day where not every kind was checked; and that decides otherwise in one of two futures.
        """
        days = int(self.table["kind"].value_counts().min()) if self.whole else len(self.table)
        return 1.0 - 0.5 ** (len(FUTURES) * days)

    @property
    def probability(self) -> str:
        """The power as text, rounded down."""
        return f"{np.floor(1e3 * min(self.power, 0.9999)) / 1e3:.3f}"

    @property
    def result(self) -> str:
        """The result in a word or two."""
        if self.unrepeatable or self.found:
            return RANDOM if self.unrepeatable else FAILED
        if self.read or self.held:
            return READS
        return PASSED if self.table["decisions"].iloc[-1] else IDLE

    @property
    def checked(self) -> str:
        """The days checked, in words."""
        if (self.table["kind"] == GIVEN).all():
            return counted(len(self.table), "day")
        return f"{len(self.table):,} of {self.days:,} decision days"

    @property
    def peek(self) -> str:
        """The peek of which `power` is the probability to be found, in words."""
        every = "one kind of decision day" if self.whole else "every decision day"
        return f"a one-day peek on {'these days' if (self.table['kind'] == GIVEN).all() else every}"

    @property
    def scope(self) -> str:
        """The days checked and the power, in words."""
        return (
            f"{self.checked}, {len(FUTURES)} futures each; {self.peek} would have been found with probability "
            f"{self.probability} or more"
        )

    @property
    def verdict(self) -> str:
        """The result in words."""
        if self.unrepeatable:
            return (
                f"Look-ahead test not possible: two backtests on the same market differ, first in {self.unrepeatable}. "
                "The policy draws random numbers without a fixed seed, or remembers earlier backtests."
            )
        decisions, last = int(self.table["decisions"].iloc[-1]), self.table.index[-1]
        if self.found:
            differs = self.table[list(FUTURES)]
            caught = differs[(differs != "").any(axis=1)]
            first = next(words for words in caught.iloc[0] if words)
            return (
                f"Look-ahead test failed: on {len(caught)} of {len(self.table)} days a decision or trade depends on "
                f"later data. The first difference, checked on {caught.index[0]:%Y-%m-%d}, is: {first}."
            )
        if self.read:
            return (
                f"Look-ahead test not possible: while it decides the policy reads {listed(self.read, most=3)}, which "
                "may tell of later days and is the same on every market. Read it before, from days before the test."
            )
        if self.held:
            hold = "holds" if len(self.held) == 1 else "hold"
            return (
                f"Look-ahead test not judged: {listed(self.held, most=3)} {hold} data after "
                f"{self.table.index[0]:%Y-%m-%d}, the same whatever market is given. Compute it in `make`, from the "
                "market that `make` is given."
            )
        if self.result == IDLE:
            return f"No trade up to {last:%Y-%m-%d}: the look-ahead test shows little."
        return (
            f"Look-ahead test passed: {decisions:,} decisions to trade and all executed trades up to {last:%Y-%m-%d} "
            f"are the same, whatever the later data of the market that the policy is given ({self.scope})."
        )

    def __repr__(self) -> str:
        """The verdict and its table."""
        return f"{self.policy} on {self.market}\n{self.verdict}\n{self.table.to_string()}"

    def _repr_html_(self) -> str:
        """The verdict and its table."""
        table = self.table.replace("", "nothing").rename_axis("checked on").reset_index()
        return f"<p>{escape(self.verdict)}</p>{table.to_html(index=False)}"


def look_ahead(
    make: Callable[[Market], Policy],
    market: Market,
    costs: Costs,
    start: str | pd.Timestamp,
    *,
    days: Sequence[str | pd.Timestamp] | int = DAYS_CHECKED,
    lag: int = 1,
    seed: int = 0,
    nav: float = 1.0,
    execution: Execution | None = None,
    dividends: Dividends = "reinvest",
    flows: Flows | None = None,
    leverage_limit: float = 1.0,
    periods_per_year: float | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> LookAhead:
    """Test the policy that `make` gives.

    On the whole market twice, then on markets that end on a decision day or continue otherwise after it.

    A policy that looks ahead on some days only is detected only if such days are checked. Where there are more
    decision days than `days`, as many of each kind are drawn (each weekday, starts and ends of months, ends of
    quarters), half of them days on which it decided to trade. Only the market that it is made from and sees is varied:
    later data from elsewhere, where they are seen, leave the policy unjudged.
    make   : function that makes a policy, with its allocation, from a market. All that the policy uses must be computed
             there.
    market : the unchanged market.
    costs  : costs of the test.
    start  : first day of the test.
    days   : maximum number of decision days to check; or the days themselves, after the first possible booking and
             before the last day of the test.
    lag    : sessions from a decision to its booking.
    seed   : seed of the days that are drawn, and of the changed values: returns, prices, volumes, tradable, spreads,
             cash. Dates stay.
    nav, execution, dividends, flows, leverage_limit, periods_per_year : settings of the test, as in `backtest`.
    progress : told, after each backtest, the fraction of them that is done.
    Raises : ConfigError for days outside the test, and the errors of making the policy and of backtesting it on the
             whole market.
    """
    if not is_whole(seed) or seed < 0:
        refuse("seed of look_ahead is", seed, "give a whole number of 0 or more.")
    terms = {
        "start": start, "lag": lag, "nav": nav, "execution": execution, "dividends": dividends,
        "leverage_limit": leverage_limit, "periods_per_year": periods_per_year,
    }  # fmt: skip
    if isinstance(days, int | np.integer) and days < 1:
        refuse("days of look_ahead are", days, "give the days, or a number of 1 or more.")
    policy, known = make(market), Future(market, costs, flows)
    original = Played.on(known, policy, terms)
    first = original.result.first + max(lag, 1)
    asked = _decision_days(original, first)
    if isinstance(days, int | np.integer):
        kinds = kinds_of(market, asked)
        picked = _sample(kinds, np.isin(asked, original.decided), int(days), np.random.default_rng(seed))
        rows, sampled, whole = asked[picked], kinds[picked], _is_whole_sample(kinds[picked], kinds)
    else:
        rows = _rows(market, first, days)
        sampled, whole = np.full(len(rows), GIVEN), True
    test = _Test(make, known, terms, seed, original)
    table, unrepeatable = test.run(rows, progress)
    table.insert(0, "kind", sampled)
    name = f"{short_name(policy)} of {short_name(held_by(policy))}"
    return LookAhead(
        name, repr(market), table, len(asked), whole, unrepeatable, original.read, test.held_after(int(rows[0]))
    )


def kinds_of(market: Market, rows: Rows) -> np.ndarray:
    """(k,) the kind of each of these rows in words: its weekday, or its place in a month or quarter.

    Kinds are taken together until each has `FEWEST_DAYS` days.
    market : T days.
    rows   : (k,) rows of the market.
    """
    kinds = market.dates[rows].day_name().to_numpy(dtype=object)
    ends = {every: np.append(np.diff(period(market.days, every)) != 0, False) for every in ("month", "quarter")}
    kinds[np.roll(ends["month"], 1)[rows]] = "month's start"
    kinds[ends["month"][rows]] = "month's end"
    kinds[ends["quarter"][rows]] = "quarter's end"
    counts = Counter(kinds.tolist())
    while len(counts) > 1 and min(counts.values()) < FEWEST_DAYS:
        kinds[np.isin(kinds, sorted(counts, key=lambda kind: counts[kind])[:2])] = OTHER
        counts = Counter(kinds.tolist())
    return kinds


def _decision_days(played: Played, first: int) -> Rows:
    """The rows after row `first`, so that a trade is possible before the cut, on which the policy decides anything.

    Of a policy that decides on none: some days, evenly spread.
    Raises : ConfigError for a test that is too short.
    """
    market = played.result.market
    last = len(market.dates) - 1
    if last - first < 2:
        raise ConfigError(
            f"a test that ends on {market.dates[last]:%Y-%m-%d} and cannot trade before "
            f"{market.dates[first]:%Y-%m-%d} has no day to check: start it earlier."
        )
    rows = played.days[(played.days > first) & (played.days < last)]
    if len(rows):
        return rows
    return np.unique(np.maximum(np.linspace(first, last, SPREAD + 2).astype(int)[1:-1], first + 1))


def _sample(kinds: np.ndarray, traded: np.ndarray, most: int, rng: np.random.Generator) -> Rows:
    """The numbers of at most so many days, in order: as many of each kind, half of them with a trade, drawn at random.

    kinds  : (k,) kind of each day.
    traded : (k,) True if the policy decided to trade on it.
    """
    turn = np.empty(len(kinds))  # when it is taken: first one of each kind, then another of each
    for kind in np.unique(kinds):
        some = np.flatnonzero(kinds == kind)
        some = some[rng.permutation(len(some))]
        rank = np.where(traded[some], np.cumsum(traded[some]), np.cumsum(~traded[some]) + 0.5)
        turn[some[np.argsort(rank)]] = np.arange(len(some)) + rng.random()
    return np.sort(np.argsort(turn)[:most])


def _is_whole_sample(sampled: np.ndarray, kinds: np.ndarray) -> bool:
    """True if the sample has `FEWEST_DAYS` days of every kind, or all that there are."""
    found = zip(*np.unique(kinds, return_counts=True), strict=True)
    return all(int((sampled == kind).sum()) >= min(FEWEST_DAYS, count) for kind, count in found)


def _rows(market: Market, first: int, days: Sequence[str | pd.Timestamp]) -> Rows:
    """The market rows of the given days. Raises ConfigError for a day outside the test, and for none."""
    last = len(market.dates) - 1
    rows = [market.row(day("a day of look_ahead is", one)) for one in days]
    outside = [t for t in rows if not first < t < last]
    if outside or not rows:
        given = f"{market.dates[outside[0]]:%Y-%m-%d}" if outside else "none"
        raise ConfigError(
            f"a day to check is {given}: give days after {market.dates[first]:%Y-%m-%d}, the first possible trade, "
            f"and before the last day of the test, {market.dates[last]:%Y-%m-%d}."
        )
    return np.array(sorted(rows))


@dataclass(frozen=True)
class _Test:
    """A policy, what it is played on, and how it played there."""

    make: Callable[[Market], Policy]
    known: Future
    terms: Mapping[str, Any]
    seed: int
    original: Played

    def run(self, rows: Rows, progress: Callable[[float], None]) -> tuple[pd.DataFrame, str]:
        """The table of differences by day and future, and what no two runs on the same market agree in."""
        backtests, done = 2 + len(FUTURES) * len(rows), 1
        progress(done / backtests)
        found = pd.DataFrame("", index=self.known.market.dates[rows], columns=list(FUTURES))
        found.insert(0, "decisions", [int((self.original.decided <= t).sum()) for t in rows])
        unrepeatable = self._unrepeatable()
        progress((done := done + 1) / backtests)
        for k, t in enumerate(rows.tolist()):
            for which in () if unrepeatable else FUTURES:
                found.loc[found.index[k], which] = self._difference(t, which)
                progress((done := done + 1) / backtests)
        caught = np.argwhere((found[list(FUTURES)] != "").to_numpy())
        if len(caught):
            k, which = caught[0]
            unrepeatable = self._by_chance(int(rows[k]), FUTURES[which])
        return found, unrepeatable

    def held_after(self, t: int) -> tuple[str, ...]:
        """The places of later data in a policy that is made from the market up to row t; of none that cannot be."""
        cut = future(*self.known, t, CUT).market
        try:
            policy = self.make(cut)
        except Exception:  # whatever it is, `run` has told it
            return ()
        return later_data(policy, self.make, cut.dates[-1])

    def _unrepeatable(self) -> str:
        """The first difference in another run on the unchanged market; "" for none."""
        return difference(self.original, self._play(self.known), len(self.known.market.dates) - 1, "in the other")

    def _by_chance(self, t: int, which: str) -> str:
        """The first difference that also occurs on the unchanged market, or does not recur; "" for none."""
        for _ in range(AGAIN):
            if words := self._unrepeatable():
                return words
            if not self._difference(t, which):
                return f"what was decided by {self.known.market.dates[t]:%Y-%m-%d}"
        return ""

    def _difference(self, t: int, which: str) -> str:
        """The first difference up to row t where the policy is made for, and run on, another market; "" for none.

        Where the backtest fails there, the future in which hardly anything happens is used instead: a withdrawal that
        could not be paid later, or a rest longer than the remaining sessions, is no evidence of look-ahead.
        """
        try:
            other = self._play(future(*self.known, t, which, self.seed), t)
        except Exception as error:  # whatever it is, it was not raised where the policy first played
            if which == CALM or (which == CUT and not isinstance(error, ConfigError | DataError | PolicyError)):
                return f"{type(error).__name__}: {error}"
            return self._difference(t, CALM)
        return difference(self.original, other, t, "with other later data")

    def _play(self, other: Future, last: int | None = None) -> Played:
        return Played.on(other, self.make(other.market), self.terms, last)
