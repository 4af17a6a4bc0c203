"""Numbers of rows that stand for a length of time, at the frequency of a market's rows: days, weeks, months."""

from research.market.calendars import A_YEAR, row_name

TWO_YEARS_OF_WEEKS, YEARS = 104, 5  # rows, and years of rarer ones, of which an estimate is made for want of days


def is_daily(periods_per_year: float) -> bool:
    """True if a row of the market is a day."""
    return row_name(periods_per_year) == "day"


def span_rows(days: float, periods_per_year: float) -> int:
    """The rows that span as much time as `days` sessions, at least one; the sessions themselves where a row is a day.

    >>> span_rows(21, 252.0), span_rows(21, 52.0), span_rows(252, 12.0), span_rows(21, 1.0)
    (21, 4, 12, 1)
    """
    return round(days) if is_daily(periods_per_year) else max(round(days * periods_per_year / A_YEAR["day"]), 1)


def sample_rows(days: float, periods_per_year: float) -> int:
    """The rows of an estimate that takes `days` sessions: of rarer rows, two years of weeks or five years of months.

    A longer span is kept, and fewer sessions are as many rows: a year of weeks says less of a covariance than one of
    days. Two and five years are usual for betas of weeks and of months.

    >>> [sample_rows(252, a_year) for a_year in (252.0, 52.0, 12.0, 4.0)], sample_rows(756, 52.0)
    ([252, 104, 60, 20], 156)
    """
    span = span_rows(days, periods_per_year)
    return max(span, min(round(days), TWO_YEARS_OF_WEEKS, round(YEARS * periods_per_year)))
