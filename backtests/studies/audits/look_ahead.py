"""Look-ahead test of policies: a search for decisions that depend on later data.

    look_ahead(lambda market: Calendar(HRP(window=252), "month"), market, costs, start="2015-01-02")

On its own decision days the market is cut off, and in further runs every later value is changed. All that was
decided and booked up to that day must be the same, but for rounding. The policy is *made* from each of these markets
too, so that anything computed in advance from the whole history is found. With the market is changed all else that a
policy of your own reaches and that has entries by day, wherever it comes from (`backtests.studies.audits.elsewhere`).
A policy that does not repeat itself on the unchanged market is not accused: it is named as such. One that reads, while
it decides, what cannot be changed (`backtests.studies.audits.reading`) is not judged.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from backtests.studies.audits.elsewhere import Reached
from backtests.studies.audits.futures import ALTERED, CALM, CUT, FUTURES, Future, changed_after, future
from backtests.studies.audits.other_values import ValueChange
from backtests.studies.audits.recorded import Played, first_difference
from foundation.arguments import day, is_whole, refuse
from foundation.arrays import Rows
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError, DataError, PolicyError
from foundation.paper.wording import counted, listed
from research.accounting import Costs, Execution, Flows, Policy
from research.accounting.execution import Dividends
from research.market import Market
from research.market.calendars import Days, period
from research.rules.protocol import held_by, short_name

DAYS_CHECKED = 24  # decision days that are checked, where a policy has more
SPREAD_DAYS = 6  # days that are checked of a policy that decides on none
DAYS_OF_A_KIND = 3  # days of a kind
GIVEN, OTHER = "given", "other"  # kinds of day beside those of `kinds_of`
PASSED, FAILED, IDLE, RANDOM = "passed", "failed", "no trades", "not repeatable"
READS = "not judged"  # it reads from elsewhere what cannot be changed
ANEW = 3  # days that are checked on which the user's modules are run anew, too
LEAST_ROWS = 30  # of lists beside a list of days, so that they have a row for each
MUST_REPEAT = 4  # times that a difference must come back, and the unchanged market none


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
    read : the sources that the policy read while it decided and that could not be changed, in words.
    held : the places outside the market whose later data change a decision, in words.
    ahead : the places of later days that have nothing beside them, in words.
    own : True if code of the user decides.
    """

    policy: str
    market: str
    table: pd.DataFrame
    days: int
    whole: bool
    unrepeatable: str = ""
    read: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    own: bool = False

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
        if self.read:
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
            where = f" The later data are in {listed(self.held, most=3)}." if self.held else ""
            return (
                f"Look-ahead test failed: on {len(caught)} of {len(self.table)} days a decision or trade depends on "
                f"later data. The first difference, checked on {caught.index[0]:%Y-%m-%d}, is: {first}.{where}"
            )
        if self.read:
            return (
                f"Look-ahead test not possible: while it decides the policy reads {listed(self.read, most=3)}, which "
                "may tell of later days and is the same on every market. Read it before, from days before the test."
            )
        if self.result == IDLE:
            return f"No trade up to {last:%Y-%m-%d}: the look-ahead test shows little."
        return (
            f"Look-ahead test passed: {decisions:,} decisions to trade and all executed trades up to {last:%Y-%m-%d} "
            f"are the same, whatever the later data of the market that the policy is given ({self.scope}).{self.unseen}"
        )

    @property
    def unseen(self) -> str:
        """The cheats that the test of a policy of the user cannot see, as sentences; "" for none."""
        words = ""
        if self.ahead:
            hold = "holds" if len(self.ahead) == 1 else "hold"
            words += f" Note: {listed(self.ahead, most=3)} {hold} dates past the day: known ahead?"
        if self.own:
            words += " Not seen: a number that was fitted on later days and typed in, or came as a setting."
        return words

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
    policy, known, reached = make(market), Future(market, costs, flows), Reached()
    reached.walk(policy, "the policy")
    own = bool(reached.functions)
    reached.walk(make, "`make`")
    with reached.changed(None):
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
    test = _Test(make, known, terms, seed, original, reached, _lengths(market, original.result.first, reached))
    table, unrepeatable = test.run(rows, progress)
    held = () if unrepeatable else test.held_by(table, rows)
    if held and not test.is_by_day(table, rows):  # weights of a network, perhaps, as many as there are days
        test = replace(test, lengths={})
        table, unrepeatable = test.run(rows, lambda _: None)
        held = () if unrepeatable else test.held_by(table, rows)
    table.insert(0, "kind", sampled)
    name = f"{short_name(policy)} of {short_name(held_by(policy))}"
    if own and lag == 0:
        test.ask_before_close(table, rows)
    read = tuple(words for words in original.read if not test.calls or words.startswith("the clock"))
    ahead = tuple(words for words in reached.later_days(market.dates[int(rows[0])]) if words not in held) if own else ()
    return LookAhead(name, repr(market), table, len(asked), whole, unrepeatable, read, held, ahead, own)


def _lengths(market: Market, first: int, reached: Reached) -> dict[int, Days]:
    """The days of the rows of a table without days, by its number of rows: those of a list beside it, market or test.

    A table of a row less than the market, or than the test, begins a day later.
    """
    days, nothing = market.days.astype("datetime64[ns]"), ValueChange(market.dates[-1], CUT, {})
    found = nothing.beside([place.value for place in reached.places]).lengths
    known = {rows: listed for rows, listed in found.items() if rows >= LEAST_ROWS}
    known |= {len(days) - start: days[start:] for start in (first + 2, first + 1, first, 1, 0)}
    return known | {len(days) + 1: np.append(days[:1], days)}


def kinds_of(market: Market, rows: Rows) -> np.ndarray:
    """(k,) the kind of each of these rows in words: its weekday, or its place in a month or quarter.

    Kinds are taken together until each has `DAYS_OF_A_KIND` days.
    market : T days.
    rows   : (k,) rows of the market.
    """
    kinds = market.dates[rows].day_name().to_numpy(dtype=object)
    ends = {every: np.append(np.diff(period(market.days, every)) != 0, False) for every in ("month", "quarter")}
    kinds[np.roll(ends["month"], 1)[rows]] = "month's start"
    kinds[ends["month"][rows]] = "month's end"
    kinds[ends["quarter"][rows]] = "quarter's end"
    counts = Counter(kinds.tolist())
    while len(counts) > 1 and min(counts.values()) < DAYS_OF_A_KIND:
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
    return np.unique(np.maximum(np.linspace(first, last, SPREAD_DAYS + 2).astype(int)[1:-1], first + 1))


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
    """True if the sample has `DAYS_OF_A_KIND` days of every kind, or all that there are."""
    found = zip(*np.unique(kinds, return_counts=True), strict=True)
    return all(int((sampled == kind).sum()) >= min(DAYS_OF_A_KIND, count) for kind, count in found)


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
    """A policy, what it is played on, how it played there, and what it reaches elsewhere.

    lengths : days of the rows of a table without days, by its number of rows.
    calls   : filled with 1 where a call in the user's code returned later data, which were changed.
    """

    make: Callable[[Market], Policy]
    known: Future
    terms: Mapping[str, Any]
    seed: int
    original: Played
    reached: Reached
    lengths: Mapping[int, Days]
    calls: list[int] = field(default_factory=list)

    def run(self, rows: Rows, progress: Callable[[float], None]) -> tuple[pd.DataFrame, str]:
        """The table of differences by day and future, and what no two runs on the same market agree in."""
        backtests, done = 2 + len(FUTURES) * len(rows), 1
        progress(done / backtests)
        found = pd.DataFrame("", index=self.known.market.dates[rows], columns=list(FUTURES))
        found.insert(0, "decisions", [int((self.original.decided <= t).sum()) for t in rows])
        unrepeatable = self._unrepeatable()
        progress((done := done + 1) / backtests)
        anew = set(rows[np.linspace(0, len(rows) - 1, ANEW).round().astype(int)].tolist())
        for k, t in enumerate(rows.tolist()):
            for which in () if unrepeatable else FUTURES:
                found.loc[found.index[k], which] = self._difference(t, which, anew=t in anew)
                progress((done := done + 1) / backtests)
        caught = np.argwhere((found[list(FUTURES)] != "").to_numpy())
        if len(caught):
            k, which = caught[0]
            unrepeatable = self._by_chance(int(rows[k]), FUTURES[which], int(rows[k]) in anew)
        return found, unrepeatable

    def ask_before_close(self, table: pd.DataFrame, rows: Rows) -> None:
        """Add the days on which a policy that is booked at the close that it decides on depends on that close."""
        market = self.known.market
        unknown = {t: changed_after(market, t - 1, self.seed).past(t) for t in rows.tolist()}
        with self.reached.changed(None):
            played = Played.on(self.known, self.make(market), self.terms, unknown=unknown)
        for t in played.by_close:
            words = f"answer, {market.dates[t]:%Y-%m-%d}, which depends on the close at which it is booked: give lag 1"
            table.loc[table.index == market.dates[t], ALTERED] = words

    def held_by(self, table: pd.DataFrame, rows: Rows) -> tuple[str, ...]:
        """The places outside the market whose later data alone change the first decision that was found to differ."""
        t, which = self._caught(table, rows)
        if t is None or self._differs(t, which, changed=False):
            return ()
        touched: dict[str, int] = {}
        self._difference(t, which, anew=True, touched=touched)
        found = [words for words, k in touched.items() if k < 0 or self._differs(t, which, only=k)]
        return tuple(found or touched)

    def is_by_day(self, table: pd.DataFrame, rows: Rows) -> bool:
        """False if what changes the first decision that differs has no days, and its rows are not looked up by day.

        A list without days that is as long as the test may be no list of days. One that is looked up by day changes no
        decision where only what comes long after is changed; one that is used as a whole does.
        """
        t, which = self._caught(table, rows)
        if t is None or self._differs(t, which, anew=True, lengths={}):
            return True
        half = (t + len(self.known.market.dates)) // 2
        return not self._differs(t, ALTERED, anew=True, day=self.known.market.dates[half])

    def _caught(self, table: pd.DataFrame, rows: Rows) -> tuple[int | None, str]:
        """The row and the future of the first difference; None and "" where there is none."""
        caught = np.argwhere((table[list(FUTURES)] != "").to_numpy())
        return (int(rows[caught[0][0]]), FUTURES[caught[0][1]]) if len(caught) else (None, "")

    def _differs(self, t: int, which: str, **terms: Any) -> bool:
        """True if a decision differs, or fails where it did not."""
        try:
            return bool(self._apart(t, which, **terms))
        except Exception:
            return which == CUT

    def _unrepeatable(self, anew: bool = False) -> str:
        """The first difference in another run on the unchanged market; "" for none."""
        last = len(self.known.market.dates) - 1
        other = self._play(self.known, None, ValueChange(self.known.market.dates[-1], CALM, {}) if anew else None, anew)
        return first_difference(self.original, other, last, "in the other")

    def _by_chance(self, t: int, which: str, anew: bool) -> str:
        """The first difference that also occurs on the unchanged market, or does not recur; "" for none."""
        for _ in range(MUST_REPEAT):
            if words := self._unrepeatable(anew):
                return words
            if not self._difference(t, which, anew):
                return f"what was decided by {self.known.market.dates[t]:%Y-%m-%d}"
        return ""

    def _difference(self, t: int, which: str, anew: bool = False, touched: dict[str, int] | None = None) -> str:
        """The first difference up to row t where the policy is made for, and run on, another market; "" for none.

        Where the backtest fails there, the future in which hardly anything happens is used instead: a withdrawal that
        could not be paid later, or a rest longer than the remaining sessions, is no evidence of look-ahead.
        anew    : True to run the user's modules anew.
        touched : filled with the places at which anything was changed.
        """
        try:
            return self._apart(t, which, anew, touched=touched)
        except Exception as error:  # whatever it is, it was not raised where the policy first played
            if which == CALM or (which == CUT and not isinstance(error, ConfigError | DataError | PolicyError)):
                return f"{type(error).__name__}: {error}"
            return self._difference(t, CALM, anew, touched)

    def _apart(
        self,
        t: int,
        which: str,
        anew: bool = False,
        only: int | None = None,
        changed: bool = True,
        touched: dict[str, int] | None = None,
        day: pd.Timestamp | None = None,
        lengths: Mapping[int, Days] | None = None,
    ) -> str:
        """The first difference up to row t with other later data of the market, and of what is reached.

        only    : number of the one place that is changed.
        changed : False to change the market alone.
        day     : day after which what is reached is changed; that of row t without one.
        lengths : as of the test, unless given.
        Raises  : whatever the policy raises.
        """
        known = self.lengths if lengths is None else lengths
        change = ValueChange(day or self.known.market.dates[t], which, known, self.seed) if changed else None
        other = self._play(future(*self.known, t, which, self.seed), t, change, anew, only, touched)
        return first_difference(self.original, other, t, "with other later data")

    def _play(
        self,
        other: Future,
        last: int | None,
        change: ValueChange | None,
        anew: bool = False,
        only: int | None = None,
        touched: dict[str, int] | None = None,
    ) -> Played:
        with self.reached.changed(change, anew, only) as changing:
            played = Played.on(other, changing.policy(self.make(other.market)), self.terms, last)
        if -1 in changing.touched.values() and not (anew or self.calls):
            self.calls.append(1)
        if touched is not None:
            touched |= changing.touched
        return played
