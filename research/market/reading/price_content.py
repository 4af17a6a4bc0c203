"""Tell the columns of a wide table apart by their numbers: prices of assets, bars, volumes, changes, other figures.

A price does not return to a mean within a week. Bars of one asset show themselves by their bounds: on every row the
lowest and the highest hold the others, and are touched by one of them and then by another, or move away from them by as
much as the price moves.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np

from foundation.arguments import cut
from foundation.arrays import Array, Mask, Rows
from foundation.errors import DataError
from foundation.paper.wording import listed, percent
from research.market.calendars import Days
from research.market.currency import CURRENCIES
from research.market.reading.cells import FIRST_ROWS, largest_steps, step_of

FEWEST, MOST_ROWS = 20, 750  # rows, below which numbers show nothing; the newest rows that are looked at
MOST_OF_BARS = 12  # columns of a table that may be bars of one asset, with others beside them
MEAN_ROWS = 5  # rows after which a figure that returns to its mean is nearer to where it was than a price
ONE_IN_HUNDRED = 2.33  # deviations of a normal value
RETURNING = 0.45  # of the variance that the moves of a price add up to over so many rows: below it, a figure returns
WILD = 0.1  # deviation of a daily log move, past which a figure that returns is no price
NEAR_ONE = 0.03  # from one: median of returns
IN_HUNDREDTHS, CLIPPED = 50.0, (2.0, 98.0)  # median of returns on a base of 100; percentiles past which a tick is wrong
MANY, FORGETFUL, FORGETFUL_FEW = 60, 0.4, 0.1  # rows; correlation of returns with the row before at most; of fewer rows
OF_RETURNS = 0.0025  # deviation of a gross return, at least: what a coin tied to a currency strays is less
LEAST_LOG, MOST_LOG, LARGEST_LOG, CALM = 2.5, 7.5, 12.0, 0.006  # of 12, 1,800 and 160,000; deviation by level
MOVES_OF_SHARES = 0.006, 0.06  # deviation of a daily return
OF_BONDS = 0.0008  # the same of each column in a table of these alone, with five decimals or more
LARGEST_SMALL, JUMPING = 31, 0.25  # a day of a month; log move of a small whole number that no price of it makes
PLAIN_PRICES = 0.05, 1e5  # currency, between which a number that stays may be a price
TICKS_OUT = 5.0  # times the ninth decile of moves, past which a move is a wrong tick or a split
BOTH_WAYS, AVERAGED = 0.1, 0.65  # share of moves up, and of moves down; correlation of a move with the one before
ONE_UNIT = 0.001  # slope from one, within which two columns are in one unit: funds at a constant distance
MOST_COMPARED, MORE_THAN_ROUNDING = 40, 20.0  # columns of which each is held against the others; zeros that count
BEYOND_ROUNDING, UNSURE = 1.01, 1e-6  # times rounding, at which a line strays; of a square, which arithmetic loses
ROWS_OF_LINES = 60  # newest rows, which nearly always tell two columns apart
FEWEST_LOOSE = 40  # rows, below which bounds that are not touched show nothing
LOOSE, SMOOTH, APART = 0.25, 0.6, 0.05  # of bounds that are not touched, see `_are_bars`
TOUCHES = 1e-9  # relative distance at which a bound is touched
CENTS, FINE = 0.01, 1e-4  # currency: prices are multiples of it; step of logarithms, at most
TICK_TOLERANCE = 12, 1e-9, 1e-9  # decimals; absolute and relative distances from a multiple of a step
CLEARLY = 0.95  # of a limit, below which a value that was computed in another order is below it too
BASES = {"numpy.exp(frame)": np.e, "10.0 ** frame": 10.0, "2.0 ** frame": 2.0}
LARGEST_PRICE = 1e9  # of which a number may be the logarithm
SUM = re.compile("avg|average|mean|total|sum|durchschnitt|mittelwert|summe", re.IGNORECASE)  # the name of a column
GROSS_RETURNS = (
    "{0}: the columns {1} look like returns plus one, and not like prices: they lie round one and do not stay where "
    "they move to. Give prices: {2}.cumprod(), below a row of ones that is dated one session before the first."
)
LOGARITHMS = (
    "{0}: the columns {1} look like logarithms of prices: {2}. Give prices: {3}. If they are prices, write them with "
    "at most four decimals."
)
UNCLEAR_BARS = (
    "{0}: the columns {1} look like bars of one asset: on every row {2!r} is the lowest and {3!r} the highest. Name "
    "them Open, High, Low and Close, or leave out all but the close."
)


class BarColumns(NamedTuple):
    """The columns of the bars of one asset, by their place in a table; `open` is -1 where there is none."""

    open: int
    high: int
    low: int
    close: int


def bars_among(columns: Sequence[Array], names: Sequence[str], file: str) -> BarColumns | None:
    """The bars of one asset that a wide table shows, if it does.

    columns : n columns (T,), above zero, or NaN.
    Raises  : DataError for bars of which the numbers do not tell which column is the close.
    """
    if not 3 <= len(columns) <= MOST_OF_BARS:
        return None
    cells = np.column_stack(columns)
    known = cells[~np.isnan(cells).any(axis=1)]
    if len(known) < FEWEST or not (known > 0.0).all():
        return None
    near = [k for k in range(cells.shape[1]) if not _is_wild(np.log(known[:, k]))]
    slack = TOUCHES * known
    reach = known + slack
    for high, low in permutations(near, 2):
        fits = np.all((known[:, [low]] <= reach) & (known <= known[:, [high]] + slack), axis=0)
        inside = [k for k in near if fits[k] and k not in (high, low)]
        for held in (*combinations(inside, 2), *combinations(inside, 1)):
            if (sure := _are_bars(known, high, low, held)) is None:
                continue
            if (close := _close_of(known, held) if sure else None) is None:
                order = (held[0], high, low, held[1]) if sure else (*held, high, low)
                raise DataError(UNCLEAR_BARS.format(file, _quoted([names[k] for k in order]), names[low], names[high]))
            return BarColumns(next((k for k in held if k != close), -1), high, low, close)
    return None


def refuse_figures(columns: Sequence[Array], names: Sequence[str], days: Days, file: str) -> None:
    """Refuse gross returns, logarithms of prices, and figures that are no prices.

    columns : n columns (T,), NaN where there is none.
    days    : (T,) of the rows.
    Raises  : DataError naming the columns, with the mend.
    """
    if len(days) < FEWEST:
        return
    if all(np.isnan(column).any() for column in columns):
        empty = int(np.isnan(columns).all(axis=0).sum())
        if empty > len(days) / 2:
            raise DataError(
                f"{file}: {empty} of {len(days)} rows have no price. Remove such rows, or give prices of them."
            )
    newest, days = np.array([column[-MOST_ROWS:] for column in columns]), days[-MOST_ROWS:]
    known = ~np.isnan(newest)
    counts = np.count_nonzero(known, axis=1)
    complete = counts == len(days)
    lows, highs = np.fmin.reduce(newest, axis=1), np.fmax.reduce(newest, axis=1)
    used = np.flatnonzero((lows > 0.0) & (counts >= FEWEST)).tolist()
    series = {names[k]: newest[k] if complete[k] else newest[k][known[k]] for k in used}
    spans = {names[k]: (float(lows[k]), float(highs[k])) for k in used}
    if gross := _gross(series, spans):
        in_hundredths = np.median(series[gross[0]]) > IN_HUNDREDTHS
        raise DataError(GROSS_RETURNS.format(file, _quoted(gross), "(frame / 100.0)" if in_hundredths else "frame"))
    logarithms, why, mend = _logarithms(series, spans)
    if logarithms:
        raise DataError(LOGARITHMS.format(file, _quoted(logarithms), why, mend))
    moves = any(low < high for low, high in spans.values())
    clear = complete & (lows > 0.0)
    clear[clear] = _move_as_prices(newest[clear])
    for k in used:
        values = series[names[k]]
        if not clear[k] and (why := _counts(values, days[known[k]]) or _other(values, moves)):
            _refuse_figure(file, names[k], why, names)
    if len(names) <= MOST_COMPARED:
        _refuse_copies(np.ascontiguousarray(newest.T), names, file)


def _refuse_figure(file: str, name: str, why: str, names: Sequence[str]) -> None:
    """Raise DataError for a column that is no price; a volume is named after another column."""
    other = next((f"{cut(one)} Volume" for one in names if one != name), "")
    mend = f", or name it, as {other!r} names a volume" if other else ""
    raise DataError(f"{file}: the column {cut(name)!r} is no price of an asset: {why}. Remove it{mend}.")


def _refuse_copies(cells: Array, names: Sequence[str], file: str) -> None:
    """Refuse a sum or mean of all others, another one of the row before, or in other units from another zero."""
    known = ~np.isnan(cells).any(axis=1)
    whole = cells if known.all() else cells[known]
    sums = [k for k, name in enumerate(names) if SUM.fullmatch(name.strip())]
    for k in sums if len(names) > 2 and len(whole) >= FEWEST else ():
        rest = whole.sum(axis=1) - whole[:, k]
        for what, made in (("sum", rest), ("mean", rest / (len(names) - 1))):
            if np.abs(whole[:, k] - made).max() <= _step(whole[:, k]) + 1e-9 * np.abs(made).max():
                _refuse_figure(file, names[k], f"it is the {what} of the other columns", [])
    for k, other in _may_be_copies(cells, whole):
        both = ~np.isnan(cells[:, [k, other]]).any(axis=1)
        values, beside = cells[both, k], cells[both, other]
        if len(values) < FEWEST or beside.min() == beside.max():
            continue
        if (values[1:] == beside[:-1]).all():
            what = f"the column {cut(names[k])!r} is {cut(names[other])!r} of the row before"
            raise DataError(f"{file}: {what}. Remove the one of the two that is not the close of its own day.")
        if _is_affine(values, beside):
            _refuse_figure(file, names[k], f"it is {names[other]!r} in other units from another zero", [names[other]])


def _may_be_copies(cells: Array, whole: Array) -> list[tuple[int, int]]:
    """The ordered pairs of columns that are not told apart at once: no other is of the row before, or affine.

    A line through two columns strays on some row by as much as least squares leave in the mean of any rows, or more.
    Rounding explains no more than the steps of the rows without gaps, which are those of more rows or larger.

    cells : (T, n), NaN where there is none.
    whole : its rows without gaps.
    """
    largest = 1e-9 * np.fmax.reduce(np.abs(cells), axis=0, initial=0.0)[:, None]
    cells = cells[-ROWS_OF_LINES:]
    known = ~np.isnan(cells)
    last, pairs = cells[-FEWEST:], known[1 - FEWEST :] & known[-FEWEST:-1]
    differ = (last[1:, :, None] != last[:-1, None]) & pairs[:, :, None] & pairs[:, None]
    sizes, held = np.where(known, cells, 0.0), known.astype(float)
    away = np.where(known, cells - sizes.sum(axis=0) / np.maximum(held.sum(axis=0), 1.0), 0.0)
    steps = largest_steps(whole, *TICK_TOLERANCE)
    with np.errstate(invalid="ignore", divide="ignore"):  # where no row has both
        rows, sums, squares = held.T @ held, away.T @ held, away**2
        square, mean = squares.T @ held / (held.T @ held), sums / rows
        spread = square - mean**2  # of the one on rows that the other has
        slope = (away.T @ away / rows - mean * mean.T) / spread.T
        left = spread - slope**2 * spread.T
        left -= UNSURE * (square + slope**2 * square.T)
        told_apart = differ.any(axis=0) & (spread.T > UNSURE * square.T)

        def alike() -> Rows:
            rounding = steps[:, None] + np.abs(slope) * steps + largest
            found = ~(told_apart & (left > (BEYOND_ROUNDING * rounding) ** 2))
            np.fill_diagonal(found, False)
            return np.argwhere(found)

        for k in np.unique(alike()).tolist():
            steps[k] = _step(whole[:, k])
        return [(k, other) for k, other in alike().tolist()]


def _is_affine(values: Array, beside: Array) -> bool:
    """True where a column is a multiple of another, other than one, plus a number that is not small."""
    slope, zero = np.polyfit(beside - beside.mean(), values, 1)
    zero -= slope * beside.mean()
    rounding = _step(values) + abs(slope) * _step(beside) + 1e-9 * np.abs(values).max()
    apart = np.abs(values - slope * beside - zero).max()
    unsure = rounding * beside.mean() / np.ptp(beside)  # of the zero
    is_other = abs(zero) > MORE_THAN_ROUNDING * unsure and abs(slope - 1.0) > ONE_UNIT
    is_rest = abs(slope + 1.0) < ONE_UNIT and min(abs(zero - 1.0), abs(zero / 100.0 - 1.0)) < ONE_UNIT  # of a whole
    return bool(apart <= rounding and (is_rest or (slope > 0.0 and is_other)))


def is_no_price(values: Array) -> bool:
    """True for a column (R,) that is not above zero, or returns to its mean; of few rows nothing else is known."""
    known = values[~np.isnan(values)]
    return len(known) < FEWEST or not (known > 0.0).all() or _returning(np.log(known)) < RETURNING


def _quoted(names: Sequence[str]) -> str:
    return listed([repr(cut(name)) for name in names])


# -- single figures --------------------------------------------------------------------------------------------------


def _counts(values: Array, days: Days) -> str:
    """The reason for which a column counts rows or days, "" where it does not."""
    if not (values == np.round(values)).all():
        return ""
    steps, away = np.diff(values), np.diff(days.astype("int64"))
    is_ramp = (steps > 0.0).all() or (steps < 0.0).all()
    found = {
        "it counts the rows": steps[0] and (steps == steps[0]).all() and values.min() <= 1.0,  # a price may rise by one
        "it counts the days": steps[0] and len(set(away)) > 1 and (steps * away[0] == steps[0] * away).all(),
        "it is the date": (np.char.replace(days.astype(str), "-", "") == values.astype("int64").astype(str)).all(),
        "it numbers the rows": not is_ramp and len(np.unique(values)) == len(values) == np.ptp(values) + 1,
    }
    return next((why for why, counts in found.items() if counts), "")


def _other(values: Array, others_move: bool) -> str:
    """The reason for which a column is no price by its moves, "" where it may be one."""
    logs = np.log(values)
    moves = np.diff(logs)
    size = float(np.sqrt(np.mean(moves**2)))  # a deviation is no larger, nor one without some of the moves
    if not size:
        is_price = PLAIN_PRICES[0] <= values[0] <= PLAIN_PRICES[1]  # as of a share that is halted
        return "" if is_price or not others_move else f"it is {values[0]:g} on all rows"
    if BEYOND_ROUNDING * size > WILD:
        bound = TICKS_OUT * float(np.quantile(np.abs(moves), 0.9))
        calmed = np.where(np.abs(moves) > bound, 0.0, moves)  # without those of a wrong tick and back
        if _is_wild(np.append(0.0, np.cumsum(calmed)) if bound else logs):
            return f"it returns to its mean within days, and moves by {percent(float(np.std(moves)), 0)} a row"
    is_small = (values == np.round(values)).all() and values.max() <= LARGEST_SMALL
    if is_small and (np.abs(moves).max() > JUMPING or _returning(logs) < _least_returning(len(logs))):
        return f"it is a whole number up to {values.max():g}"
    ups = float(np.mean(moves > 0.0))  # what only grows, such as a fund of the money market, is no average
    if min(ups, 1.0 - ups) >= BOTH_WAYS and _like_before(moves) > AVERAGED:
        return "its moves go on from row to row, as those of an average do"
    return ""


def _move_as_prices(columns: Array) -> Mask:
    """(k,) true for columns of which `_counts` and `_other` find nothing, told by quick tests of all of them at once.

    columns : (k, R) above zero.
    """
    moves = np.diff(np.log(columns))
    away, size = moves - moves.mean(axis=1, keepdims=True), np.square(moves).mean(axis=1)
    alike = np.abs((away[:, 1:] * away[:, :-1]).mean(axis=1)) < CLEARLY * AVERAGED * np.square(away).mean(axis=1)
    return np.asarray(
        alike & (size > 0.0) & (size < (CLEARLY * WILD) ** 2) & (columns[:, 0] != np.round(columns[:, 0]))
    )


def _returning(logs: Array) -> float:
    """The variance of moves over `MEAN_ROWS` rows over that of as many moves of one row: 1 where moves are independent.

    Source: Lo and MacKinlay (1988), Stock Market Prices Do Not Follow Random Walks, equation 6, uncorrected.
    """
    one, several = np.diff(logs), logs[MEAN_ROWS:] - logs[:-MEAN_ROWS]
    variance = float(np.var(one))
    return float(np.mean((several - MEAN_ROWS * one.mean()) ** 2)) / (MEAN_ROWS * variance) if variance else 1.0


def _like_before(values: Array) -> float:
    """The correlation of each value with the one before: near 1 for a price, near 0 for a return; 1 for a constant."""
    away = values - values.mean()
    square = float(np.mean(away**2))
    return float(np.mean(away[1:] * away[:-1])) / square if square else 1.0


def _least_returning(rows: int) -> float:
    """The ratio of `_returning` below which one series of prices in a hundred lies, `RETURNING` at most.

    Source: Lo and MacKinlay (1988), equation 10: its variance is 2 (2q − 1) (q − 1) / (3 q T) for overlapping moves.
    """
    q = MEAN_ROWS
    return min(RETURNING, 1.0 - ONE_IN_HUNDRED * float(np.sqrt(2 * (2 * q - 1) * (q - 1) / (3 * q * rows))))


def _is_wild(logs: Array) -> bool:
    """True for a figure that moves by more than prices do, and back: a volume, a range, a change."""
    has_ticks = len(np.unique(logs)) < len(logs) / 2
    return bool(not has_ticks and np.std(np.diff(logs)) > WILD and _returning(logs) < _least_returning(len(logs)))


def _gross(series: Mapping[str, Array], spans: Mapping[str, tuple[float, float]]) -> list[str]:
    """The columns of 1 + r, or of 100 (1 + r): round one, and independent of the row before.

    In a table of these alone they may be returns of bonds, too.
    spans : the smallest and the largest value of each column.
    """
    forgetful = FORGETFUL if min(map(len, series.values()), default=0) >= MANY else FORGETFUL_FEW
    strays, steps = {}, []
    for name, values in series.items():
        low, high = spans[name]
        if not any(
            low < base * (1.0 + 3.0 * NEAR_ONE) and high > base * (1.0 - 3.0 * NEAR_ONE) for base in (1.0, 100.0)
        ):
            continue
        median = float(np.median(values))
        base = 100.0 if median > IN_HUNDREDTHS else 1.0
        if abs(median / base - 1.0) > 2.0 * NEAR_ONE:
            continue
        of_one = values / base
        calmed = np.clip(of_one, *np.percentile(of_one, CLIPPED))
        if abs(float(np.median(calmed)) - 1.0) < NEAR_ONE and _like_before(calmed) < forgetful:
            strays[name] = float(np.subtract(*np.percentile(calmed, [84, 16]))) / 2.0  # a deviation of a normal value
            steps.append(_step(of_one))
    are_alone = 1 < len(strays) == len(series) and max(steps) < FINE
    least = OF_BONDS if are_alone and min(strays.values()) > OF_BONDS else OF_RETURNS
    return [name for name, stray in strays.items() if stray > least]


def _logarithms(series: Mapping[str, Array], spans: Mapping[str, tuple[float, float]]) -> tuple[list[str], str, str]:
    """The columns that look like logarithms of prices, the reason, and the mend.

    They move as such do where all columns may be such: their differences are as large as returns of shares, of which
    parts of their level are too small.
    spans : the smallest and the largest value of each column.
    """
    for mend, base in BASES.items():
        largest = np.log(LARGEST_PRICE) / np.log(base)
        may_be = [name for name, (_, high) in spans.items() if high <= largest]
        if found := [name for name in may_be if _are_logarithms(series[name], base)]:
            return found, "powers of one base are whole cents on all rows", mend
    all_small = all(high < LARGEST_LOG for _, high in spans.values())
    are_fine = all_small and all(_step(values) < FINE for values in series.values())
    found = [name for name, values in series.items() if are_fine and _moves_as_logarithm(name, values)]
    return (
        found,
        "small numbers of many decimals, of which the differences are as large as returns of shares",
        next(iter(BASES)),
    )


def _are_logarithms(values: Array, base: float) -> bool:
    """True where powers of a base are whole cents, more nearly than the rounding of the values makes by chance."""
    powers, widest = (base**value for value in values[:FIRST_ROWS].tolist()), FINE * np.log(base)  # twice the widest
    if any(abs(power - round(power, 2)) > min(widest * power, CENTS / 10.0) for power in powers):
        return False
    if (step := _step(values)) > FINE:
        return False
    prices = base**values
    rounding = 0.5 * step * np.log(base) * prices + 1e-12 * prices
    return bool((rounding < CENTS / 10.0).all() and (np.abs(prices - np.round(prices, 2)) <= rounding).all())


def _moves_as_logarithm(name: str, values: Array) -> bool:
    moves, level, pair = float(np.std(np.diff(values))), float(np.median(values)), name.replace("/", "")
    is_rate = len(pair) == 6 and {pair[:3], pair[3:]} <= CURRENCIES
    is_calm = MOVES_OF_SHARES[0] < moves < MOVES_OF_SHARES[1] and moves < CALM * level
    return not is_rate and LEAST_LOG < level < MOST_LOG and is_calm


def _step(values: Array) -> float:
    return step_of(values, *TICK_TOLERANCE)


# -- bars ------------------------------------------------------------------------------------------------------------


def _are_bars(cells: Array, high: int, low: int, held: Sequence[int]) -> bool | None:
    """True where two columns are the bounds of others, False where they look so without being touched, else None.

    Two prices that are held change places, and lie apart by as much as prices move in a day. What a bound is away says
    little of the next row: funds of one index drift apart. A bound is touched on some rows and not on others, and by
    each price that it holds; or it comes near, and is as far on one row as it was near on the row before.
    """
    inside = cells[:, held]
    bounds = (
        (np.log(cells[:, high] / inside.max(axis=1)), inside.argmax(axis=1)),
        (np.log(inside.min(axis=1) / cells[:, low]), inside.argmin(axis=1)),
    )
    if len(held) == 2:
        apart, moves = np.log(inside[:, 0] / inside[:, 1]), np.diff(np.log(inside[:, 1]))
        if not (apart.min() < 0.0 < apart.max() and np.var(apart) > APART * np.var(moves)):
            return None
    if any(_like_before(gap) >= SMOOTH for gap, _ in bounds):
        return None
    touched = [(gap <= TOUCHES, by) for gap, by in bounds]
    if all(0.0 < on.mean() <= 0.9 and len(np.unique(by[on])) == len(held) for on, by in touched):
        return True
    is_near = all(np.median(gap) > 0.0 and np.min(gap) <= LOOSE * np.median(gap) for gap, _ in bounds)
    return False if len(held) == 2 and len(cells) >= FEWEST_LOOSE and is_near else None


def _close_of(cells: Array, held: Sequence[int]) -> int | None:
    """The close of an open and a close, None where it is unclear: an open is nearer to the close of the row before."""
    if len(held) == 1:
        return held[0]
    first, second = np.log(cells[:, held]).T
    as_told, turned = (float(np.mean(np.abs(b[1:] - a[:-1]))) for a, b in ((second, first), (first, second)))
    if min(as_told, turned) > 0.8 * max(as_told, turned):
        return None
    return held[1] if as_told < turned else held[0]
