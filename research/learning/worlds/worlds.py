"""Simulated paths to train in ("worlds"): resampled training days, many at once, with the accounting's own kernels.

A world is one simulated path: drawn days, and one portfolio that starts in its target with a NAV of 1.
"""

from typing import Any, NamedTuple

import numpy as np

from foundation.arrays import Array, Floats, Mask, Rows
from foundation.compiled import compiled, inlined, inlined_copy, linked
from foundation.errors import PolicyError
from research.accounting.cost_parameters import COST_COLUMNS, CostParameters, Lots, Scratch
from research.accounting.kernel import BOOKED, REFUSED, Box, Pace, Quotes, Record, book, wealth, weigh
from research.learning.worlds.rewards import Memory, Reward, compute_rewards
from research.learning.worlds.training_days import History, TrainingDays
from research.rules.bands import Triggers, ask
from research.rules.networks.actions import DecodedActions, action_size, decode_actions
from research.rules.networks.features import LOOKBACK, FeatureScaling, Scales, observe, standardise, strategic_return
from research.rules.networks.names import SHARED_FEATURES

book_here = inlined_copy(book)


class State(NamedTuple):
    """W worlds at the close of a day. Where a kernel asks for the row of a market or a box, a world gives its number.

    kind       : (W,) row of `Scales`.
    target     : (W, n) target of that row, fraction of NAV.
    drawn      : (W, D) the row of history that each day repeats.
    variant    : (W,) index of the variant of days and costs.
    strategic  : (W, D) return of the strategic portfolio, fraction.
    today      : (W,) column of `drawn` and `strategic`.
    units      : (W, n) units held.
    prices     : (W, n) worth of a unit, currency.
    tradable   : (W, n) room for which assets can trade at a close.
    cash_units : (W,) units of cash held.
    cash_price : (W,) worth of a unit of cash, currency.
    nav        : (W,) currency.
    age        : (W,) sessions since the last trade.
    """

    kind: Rows
    target: Array
    drawn: Rows
    variant: Rows
    strategic: Array
    today: Rows
    units: Array
    prices: Array
    tradable: Mask
    cash_units: Array
    cash_price: Array
    nav: Array
    age: Rows

    @classmethod
    def empty(cls, kind: Rows, target: Array, days: int) -> "State":
        """Uninitialised state of W paths.

        kind   : (W,) row of `Scales` of each path.
        target : (W, n) target weights, fraction of NAV.
        days   : number of days in a path, D.
        """
        count, n = target.shape
        return cls(
            kind=kind,
            target=target,
            drawn=np.empty((count, days), np.int64),
            variant=np.empty(count, np.int64),
            strategic=np.empty((count, days)),
            today=np.empty(count, np.int64),
            units=np.empty((count, n)),
            prices=np.empty((count, n)),
            tradable=np.empty((count, n), np.bool_),
            cash_units=np.empty(count),
            cash_price=np.empty(count),
            nav=np.empty(count),
            age=np.empty(count, np.int64),
        )


class Worlds:
    """W simulated paths in step: each starts in its target, and all make their decisions at the same closes."""

    def __init__(
        self, days: TrainingDays, kinds: Rows, decisions: int, seed: int | list[int], drawn: Rows | None = None
    ) -> None:
        """Start a path for each target index.

        days      : the training days.
        kinds     : (W,) row of `days.scales` of each path.
        decisions : number of decisions that a path has days for.
        seed      : seed of the drawn days.
        drawn     : (W, D) rows of the days that the paths repeat at first; drawn by default.
        """
        self.days = days
        self.everyone = np.arange(len(kinds))
        target = np.ascontiguousarray(days.scales.target[kinds])
        self.state = State.empty(kinds, target, LOOKBACK + decisions * days.sessions)
        n = target.shape[1]
        self._scratch = Scratch.of(n)
        record = Record(np.empty((1, n)), np.empty((1, len(COST_COLUMNS), n)), 0)
        self._booking = _Booking(days.cost_parameters, Lots.empty(n, 0), self._scratch, record, np.empty((0, n)))
        self._rng = np.random.default_rng(seed)
        if drawn is None:
            self.reopen(self.everyone)
        else:
            self.open_on(self.everyone, drawn)

    def __len__(self) -> int:
        return len(self.everyone)

    @property
    def nav(self) -> Array:
        """(W,) NAV at the last close; 1 at the start of a path."""
        return self.state.nav.copy()

    @property
    def cash(self) -> Array:
        """(W,) price of a unit of cash at the last close; 1 at the start of a path."""
        return self.state.cash_price.copy()

    @property
    def generator_state(self) -> dict[str, Any]:
        """The state of the generator of days, as JSON values."""
        return dict(self._rng.bit_generator.state)

    @generator_state.setter
    def generator_state(self, state: dict[str, Any]) -> None:
        self._rng.bit_generator.state = state

    def reseed(self, seed: int | list[int]) -> None:
        """Start all paths anew, as paths made with this seed."""
        self._rng = np.random.default_rng(seed)
        self.reopen(self.everyone)

    def reopen(self, which: Rows) -> None:
        """Draw new days for some paths, and start these anew.

        which : (m,) numbers of the paths.
        """
        self.open_on(which, self.days.draw(self._rng, self.state.kind[which], self.state.drawn.shape[1]))

    def open_on(self, which: Rows, drawn: Rows) -> None:
        """Start some paths on given training days, in their targets, at the close of day LOOKBACK.

        which : (m,) numbers of the paths.
        drawn : (m, D) rows of the training days.
        """
        self.state.variant[which] = self.days.variant(drawn[:, 0])
        _open(self.state, which, drawn, self.days.history)

    def rescale(self) -> None:
        """Set the NAV of every path to 1 and leave its weights as they are."""
        state = self.state
        state.units[...] /= state.nav[:, None]
        state.cash_units[...] /= state.nav
        state.nav[...] = 1.0

    def features(self, which: Rows) -> Array:
        """(m, k) features of some paths at this close, each in its own unit, see `observe`.

        which : (m,) numbers of the paths.
        """
        out = np.empty((len(which), len(SHARED_FEATURES) + self.state.units.shape[1]))
        _look(self.state, which, self.days.scales, self._scratch.weights, out)
        return out

    def act(self, numbers: Floats) -> Array:
        """(W,) daily terms of J up to the next decision, summed, fraction of NAV.

        numbers : (W, m) numbers of the action, in [-1, 1].
        """
        return self.play(decode_actions(self.days.action, numbers, self.state.kind, self.days.scales))

    def hold(self) -> Array:
        """(W,) daily terms of J up to the next decision, summed, fraction of NAV, without a trade."""
        nothing = DecodedActions.empty(*self.state.units.shape)
        nothing.fraction[:] = 0.0
        return self.play(nothing)

    def play(self, made: DecodedActions) -> Array:
        """(W,) daily terms of J up to the next decision, summed, fraction of NAV, with these boxes.

        Raises : PolicyError for a trade whose costs exceed the value of the assets traded.
        """
        days, terms = self.days, np.empty(len(self))
        period = _Period(days.tracking_penalty / 2.0, days.sessions, days.lag)
        refused = _play(self.state, days.history, made, self._booking, period, terms)
        if refused >= 0:
            raise no_root(refused)
        return terms


def no_root(world: int) -> PolicyError:
    """The error of a path whose trade costs more than the assets traded are worth."""
    return PolicyError(
        f"simulated path {world} stopped: the costs of its trade exceed the value of the assets traded. "
        "Lower the costs. (A path starts with a NAV of 1: tickets and minimums are fractions of NAV.)"
    )


@compiled
def _open(state: State, which: Rows, drawn: Rows, history: History) -> None:
    """Give the worlds `which` the training days drawn (·, D), and invest a wealth of one in their targets."""
    for j in range(len(which)):
        w = which[j]
        for d in range(drawn.shape[1]):
            state.drawn[w, d] = drawn[j, d]
            state.strategic[w, d] = strategic_return(state.target, w, history.returns, history.cash, drawn[j, d])
        cash = 1.0
        for i in range(state.units.shape[1]):
            state.prices[w, i] = 1.0
            state.units[w, i] = state.target[w, i]
            cash -= state.target[w, i]
        state.cash_units[w], state.cash_price[w] = cash, 1.0
        state.nav[w] = wealth(state.units[w], state.prices, w, cash, 1.0)
        state.today[w], state.age[w] = LOOKBACK - 1, 0


@linked
def _look(state: State, which: Rows, scales: Scales, weights: Array, out: Array) -> None:
    """Write the observations of the paths `which`, one a row of `out`; their weights pass through `weights` (n,)."""
    for j in range(len(which)):
        w = which[j]
        weigh(state.units[w], state.prices, w, state.nav[w], weights)
        until = state.today[w] + 1
        recent = state.strategic[w, until - LOOKBACK : until]
        observe(weights, recent, state.age[w], scales, state.kind[w], out[j])


class _Booking(NamedTuple):
    """The costs of a booking, and the arrays that it writes to; no order has a limit."""

    cost_parameters: CostParameters
    lots: Lots
    scratch: Scratch
    record: Record
    order_limits: Array


class _Period(NamedTuple):
    """The days up to the next decision: half the price of tracking, their number, and the day of the booking."""

    half_penalty: float
    sessions: int
    lag: int


@linked
def _play(
    state: State, history: History, made: DecodedActions, booking: _Booking, period: _Period, terms: Array
) -> int:
    """Ask every path at this close, go on for `sessions` days, and book the decisions on day `lag` of them.

    A lag of 0 books at the close that was seen, as closed forms do.

    Writes terms (W,): cost + g/2 x active^2, summed over the days. Gives the number of a world whose trade was refused,
    or -1.
    """
    scratch, lots, costs, record = booking.scratch, booking.lots, booking.cost_parameters, booking.record
    lower, upper, cash = made.lower, made.upper, made.cash
    for w in range(len(terms)):
        _see_halts(state, w, history)
        held, fraction = weigh(state.units[w], state.prices, w, state.nav[w], scratch.weights), made.fraction[w]
        trades_now = fraction > 0.0 and ask(scratch.weights, held, state.tradable, w, Triggers(lower, upper, cash, w))
        due = period.lag if trades_now else -1
        terms[w], nav = 0.0, state.nav[w]
        for day in range(period.sessions + 1):
            if day > 0:
                nav = _earn(state, w, history)
                active = nav / state.nav[w] - 1.0 - state.strategic[w, state.today[w]]
                terms[w] += period.half_penalty * active * active
                state.nav[w] = nav
            if day == due:
                _see_halts(state, w, history)
                quotes = Quotes(state.prices, w, state.cash_price[w], state.tradable)
                box = Box(lower, upper, state.target, w, cash[w, 2], cash[w, 3], fraction)
                pace = Pace(booking.order_limits, state.variant[w], 1.0)
                status, state.nav[w], state.cash_units[w], paid, _ = book_here(
                    state.units[w], state.cash_units[w], nav, quotes, box, pace, costs, lots, scratch, record
                )
                if status == REFUSED:
                    return w
                if status == BOOKED:
                    state.age[w] = 0
                    terms[w] += paid / nav
    return -1


@inlined
def _see_halts(state: State, w: int, history: History) -> None:
    """Record which assets can trade at this close."""
    t = state.drawn[w, state.today[w]]
    for i in range(state.units.shape[1]):
        state.tradable[w, i] = history.tradable[t, i]


@inlined
def _earn(state: State, w: int, history: History) -> float:
    """Let a day pass in world w; gives the wealth at its close."""
    state.today[w] += 1
    state.age[w] += 1
    t = state.drawn[w, state.today[w]]
    for i in range(state.units.shape[1]):
        state.prices[w, i] *= 1.0 + history.returns[t, i]
    state.cash_price[w] *= 1.0 + history.cash[t]
    return wealth(state.units[w], state.prices, w, state.cash_units[w], state.cash_price[w])


class RewardedWorlds:
    """W simulated paths with the memory that rewards need: the environment of learners by trial and error."""

    def __init__(self, worlds: Worlds, standard: FeatureScaling, reward: Reward, scale: float) -> None:
        """Pay a reward in these paths.

        worlds   : the paths.
        standard : scaling of the features.
        reward   : the reward of a decision.
        scale    : factor of every reward.
        """
        self.worlds, self.memory = worlds, Memory.of(worlds.nav, worlds.cash, worlds.days.moments)
        self.steps = 0
        self._standard, self._reward, self._scale = standard, reward, scale

    def reopen(self, which: Rows) -> None:
        """Draw new days for some paths, and start these anew.

        which : (m,) numbers of the paths.
        """
        self.worlds.reopen(which)
        worlds = self.worlds
        self.memory.reopen(which, worlds.nav[which], worlds.cash[which], worlds.days.moments)

    def see(self, which: Rows) -> Floats:
        """(m, k) standardised features of some paths.

        which : (m,) numbers of the paths.
        """
        out = np.empty((len(which), len(self._standard.mean)), np.float32)
        standardise(self.worlds.features(which), self._standard, out)
        return out

    def act(self, numbers: Floats) -> Array:
        """(W,) rewards of the actions `numbers` (W, m), which are in [-1, 1] as in `research.rules.networks.actions`.

        Raises : PolicyError for numbers of another shape, and for a number or a reward that is not finite; it names
                 path, step and action.
        """
        wanted = len(self.worlds), action_size(self.worlds.days.action, self.worlds.state.units.shape[1])
        if numbers.shape != wanted:
            raise PolicyError(
                f"actions have the shape {numbers.shape}: give {wanted}, one row of "
                f"{self.worlds.days.action!r} for each world."
            )
        if not np.isfinite(numbers).all():
            w = int(np.argmin(np.isfinite(numbers).all(axis=1)))
            raise PolicyError(
                f"the action of world {w} at step {self.steps + 1} is {numbers[w].tolist()}: give finite numbers. The "
                "learner has probably diverged: lower its learning rate."
            )
        loss = self.worlds.act(numbers)
        rewards, self.memory = compute_rewards(self._reward, self.memory, loss, self.worlds.nav, self.worlds.cash)
        rewards *= self._scale
        self.steps += 1
        if not np.isfinite(rewards).all():
            w = int(np.argmin(np.isfinite(rewards)))
            raise PolicyError(
                f"the reward of world {w} is {rewards[w]} at step {self.steps}, after the action "
                f"{numbers[w].tolist()}: lower the costs or the weights of the reward."
            )
        return rewards
