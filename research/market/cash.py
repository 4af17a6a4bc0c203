"""The return of cash: the three-month Treasury bill, from bank-discount rates to simple returns over calendar days."""

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.files import DATA
from foundation.paper.wording import percent
from research.market.calendars import Days, row_name, rows_a_year, sessions
from research.market.notes import Note, counted
from research.market.rows import UNDATED

CARRIED = 5  # sessions for which the last rate serves: bond holidays have no rate of their own
BILL_DAYS, BANK_YEAR = 91, 360
LONGEST_CARRIED = 100  # calendar days for which a yearly rate serves: some are stated once a quarter
RETURN_DECIMALS = 12  # of a daily return: processors differ in the last bits of a logarithm, and a fingerprint must not
UNPAID = "cash earns nothing"
LOWEST_RATE, HIGHEST_RATE = -0.2, 1.0  # a year, fraction: 2 would be per cent
HIGH_RETURN = 0.3  # a year: past it returns that were given are likely a yearly rate on each row, or per cent
OF_BILL = "Cash in {} earns the three-month US bill: give a rate of its own as `cash`, such as 0.02 a year."
AVERAGED = (
    "cash earns a monthly average of the bill's rate, which knows the later days of its month: interest earned, and no "
    "basis for a decision"
)


def bill_return(discount_rate: float | NDArray[np.float64], days: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """Simple return of a three-month bill held for some days, were it to grow evenly to its face.

    discount_rate : a number or any shape, percent a year on a bank-discount basis, as the Federal Reserve publishes it;
                    it may be negative.
    days          : a number or the same shape, calendar days held.
    Returns       : the same shape, P^(-days/91) - 1, fraction, with the price P = 1 - rate/100 * 91/360 of a bill of
                    face 1.

    >>> round(float(bill_return(4.0, 91)) * 1e4, 3)
    102.144
    """
    log_price = np.log1p(-np.asarray(discount_rate) / 100.0 * BILL_DAYS / BANK_YEAR)
    return np.asarray(np.expm1(-np.asarray(days) / BILL_DAYS * log_price))


def yearly_of_bill(discount_rate: float) -> float:
    """The yearly rate, fraction, simple interest over 365 days, of a three-month bill at a discount rate in percent.

    >>> round(yearly_of_bill(4.0), 6), round(bill_of_yearly(yearly_of_bill(4.0)), 6)
    (0.04097, 4.0)
    """
    return float(bill_return(discount_rate, BILL_DAYS)) * 365.0 / BILL_DAYS


def bill_of_yearly(rate: float) -> float:
    """The discount rate of a three-month bill, percent, at a yearly rate as of `yearly_of_bill`."""
    return 100.0 * BANK_YEAR / BILL_DAYS * (1.0 - 1.0 / (1.0 + rate * BILL_DAYS / 365.0))


@dataclass(frozen=True, eq=False)
class BillRates:
    """Discount rates of the three-month bill, percent a year, each known at the end of its day.

    days : (R,) increasing.  percent : (R,).
    basis : (R,) "daily", "carried_forward", or "monthly_average", which knows the later days of its month.
    required : true if a session that they do not reach is refused; else cash earns nothing on it, with a warning.
    moment : moment, in UTC, at which the last of them was known; NaT for rates of no store.
    """

    days: Days
    percent: NDArray[np.float64]
    basis: NDArray[np.str_]
    required: bool = False
    moment: np.datetime64 = UNDATED


@dataclass(frozen=True, eq=False)
class YearlyRates:
    """Yearly rates of cash, percent, each known at the end of its day: simple interest over calendar days of 365.

    days : (R,) increasing.  percent : (R,).  name : in messages.  moment : as of `BillRates`.
    """

    days: Days
    percent: NDArray[np.float64]
    name: str
    moment: np.datetime64 = UNDATED


def yearly_rate(rate: float) -> YearlyRates:
    """A rate that is the same at all times.  rate : fraction a year."""
    always = np.array(["1800-01-01"], dtype="datetime64[D]")
    return YearlyRates(always, np.array([100.0 * rate]), f"{percent(rate, 4)} a year")


def rate_cash(days: Days, rates: YearlyRates) -> tuple[NDArray[np.float64], tuple[Note, ...]]:
    """The return of cash on each session at a yearly rate, and notes about it.

    days : (T,) sessions.
    Returns : (T,) rate/100 × calendar days / 365 at the last rate known at the close before, rounded to twelve
              decimals; zero on the first session.
    Raises : DataError for a session whose last rate is missing, or more than `LONGEST_CARRIED` days old.
    """
    start = days[:-1]
    at = np.searchsorted(rates.days, start, side="right") - 1
    held = np.diff(days).astype("int64")
    if (at < 0).any():
        raise DataError(
            f"the rates of cash, {rates.name}, begin on {rates.days[0]}, and are needed from {start[0]} on."
        )
    age = (start - rates.days[at]).astype("int64")
    if len(rates.days) > 1 and (age > LONGEST_CARRIED).any():
        day = start[int(np.argmax(age > LONGEST_CARRIED))]
        raise DataError(
            f"the rates of cash, {rates.name}, have none from {rates.days[at[int(np.argmax(age > LONGEST_CARRIED))]]} "
            f"to {day}. Give later ones, or state a yearly rate, such as `cash: 0.03`."
        )
    earned = np.append(0.0, np.round(rates.percent[at] / 100.0 * held / 365.0, RETURN_DECIMALS))
    return earned, (Note(f"Cash earns {rates.name}, simple interest over calendar days of 365."),)


def high_returns_note(returns: NDArray[np.float64], days: Days) -> tuple[Note, ...]:
    """A warning where returns of cash that were given come to more than `HIGH_RETURN` a year, none where not.

    returns : (T,) simple returns since the previous session.
    days    : (T,) sessions.
    """
    rows, mean = rows_a_year(days), float(np.mean(returns))
    if not mean * rows > HIGH_RETURN:  # NaN, which the market refuses, is neither
        return ()
    text = (
        f"Cash earns {percent(mean * rows)} a year, with returns of {percent(mean, 2)} a {row_name(rows)} on average: "
        "give simple returns since the previous session, or a yearly rate as one number, such as 0.02."
    )
    return (Note(text, warning=True),)


@cache
def embedded_rates() -> BillRates:
    """The embedded series DTB3, 2001-02-02 to 2022-12-30; `data/README.md` has its origin.

    Raises : DataError where the file is missing.
    """
    path = DATA / "cash_rate" / "dtb3.csv"
    if not path.exists():
        raise DataError(f"no file {path}. The embedded data is part of the repository: clone all of it.")
    table = pd.read_csv(path, float_precision="round_trip", parse_dates=["date"])
    days = table["date"].to_numpy().astype("datetime64[D]")
    return BillRates(days, table["DTB3"].to_numpy(), table["basis"].to_numpy(dtype=str))


def continued(rates: BillRates, days: Days, percent: NDArray[np.float64]) -> BillRates:
    """The rates, and from the first of `days` on these later ones (percent a year on a bank-discount basis)."""
    before = rates.days < days[0]
    basis = np.append(rates.basis[before], np.full(len(days), "daily"))
    return BillRates(np.append(rates.days[before], days), np.append(rates.percent[before], percent), basis)


def bill_cash(
    days: Days, calendar: str, rates: BillRates | None = None
) -> tuple[NDArray[np.float64], tuple[Note, ...]]:
    """The return of cash on each session at the bill's rate, and notes about it.

    days : (T,) sessions.
    calendar : the exchange calendar of the sessions.
    rates : the embedded ones by default.
    Returns : (T,) simple return since the previous session, fraction, at the last rate known at that session's close,
              rounded to twelve decimals. Zero on the first session, before the first rate, and where that rate is more
              than five sessions old; warnings say so.
    """
    rates = embedded_rates() if rates is None else rates
    start = days[:-1]  # the closes at which interest begins to run
    at = np.searchsorted(rates.days, start, side="right") - 1
    early, late = at < 0, _stale(rates.days, at, start, calendar)
    if rates.required and late.any():
        row = int(np.argmax(late))
        raise DataError(
            f"the bill's last rate, of {rates.days[at[row]]}, serves {CARRIED} sessions, and cash needs one on "
            f"{start[row]}. Run `rebalance data fetch`, which continues them from FRED, or state a "
            "yearly rate, such as `cash: 0.03`."
        )
    earned = np.zeros(len(days))
    known = ~early & ~late
    held = np.diff(days).astype("int64")
    earned[1:][known] = np.round(bill_return(rates.percent[at[known]], held[known]), RETURN_DECIMALS)

    averaged = known & (rates.basis[at] == "monthly_average")
    return earned, (
        *_note(early, days, f"{UNPAID}: the bill's rates begin on {rates.days[0]}"),
        *_note(late, days, f"{UNPAID}: the bill's last rate, of {rates.days[-1]}, serves {CARRIED} sessions"),
        *_note(averaged, days, AVERAGED, warning=False),
    )


def _stale(rate_days: Days, at: NDArray[np.intp], start: Days, calendar: str) -> NDArray[np.bool_]:
    """(T - 1,) the last rate is more than `CARRIED` sessions old. As many calendar days cannot hold more sessions."""
    old = (at >= 0) & (start - rate_days[at] > np.timedelta64(CARRIED, "D"))
    if old.any():
        schedule = sessions(rate_days[at[old]].min(), start.max(), calendar)
        count = np.searchsorted(schedule, start[old], "right") - np.searchsorted(schedule, rate_days[at[old]], "right")
        old[old] = count > CARRIED
    return old


def _note(where: NDArray[np.bool_], days: Days, what: str, warning: bool = True) -> tuple[Note, ...]:
    """A note on the sessions at whose close the interest counts, none when there are none."""
    affected = days[1:][where]
    if not len(affected):
        return ()
    span = f"On {counted(len(affected), 'session')}, {affected[0]} to {affected[-1]}, "
    return (Note(span + what + ".", first=affected[0], last=affected[-1], warning=warning),)
