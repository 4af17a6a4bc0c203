"""The return of cash: the bill's formula by hand, yearly rates, whose rate it is, how long it serves, what is said."""

import numpy as np
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError, DataError
from research.market import cash
from research.market.calendars import Days, sessions


def days_of(*texts: str) -> Days:
    return np.array(texts, dtype="datetime64[D]")


def rates_on(days: Days, *percent: float) -> cash.BillRates:
    return cash.BillRates(days, np.array(percent), np.array(["daily"] * len(days)))


def twelve_digits(rate: float, days: int) -> float:
    """What a market's cash earns: the bill's return, to the twelve decimals that a market keeps."""
    return round(float(cash.bill_return(rate, days)), 12)


def test_bill_at_four_percent_by_hand() -> None:
    # price 1 - 0.04 * 91/360 = 0.98988889; held to its face it returns 1/price - 1
    assert cash.bill_return(4.0, 91) == pytest.approx(0.010214389942755, abs=1e-15)
    assert cash.bill_return(4.0, 1) == pytest.approx(1.1168289098968e-4, abs=1e-15)
    assert cash.bill_return(4.0, 3) == pytest.approx(3.3508609356651e-4, abs=1e-15)


@given(st.floats(-1.0, 20.0))
def test_return_to_maturity_is_the_treasurys_investment_rate(rate: float) -> None:
    # 31 CFR 356, appendix B: a bill of at most half a year has the simple yield 365 d / (360 - 91 d)
    d = rate / 100.0
    assert cash.bill_return(rate, 91) * 365 / 91 == pytest.approx(365 * d / (360 - 91 * d), abs=1e-12)


@given(st.floats(-1.0, 20.0), st.integers(1, 30), st.integers(1, 30))
def test_days_in_two_parts_compound_to_the_whole(rate: float, first: int, second: int) -> None:
    parts = (1.0 + cash.bill_return(rate, first)) * (1.0 + cash.bill_return(rate, second)) - 1.0
    assert parts == pytest.approx(float(cash.bill_return(rate, first + second)), abs=1e-14)


def test_negative_rate_costs_money() -> None:
    assert cash.bill_return(-0.05, 1) == pytest.approx(-0.05 / 100 / 360, rel=1e-3)


def test_interest_is_at_the_rate_of_the_day_before_over_calendar_days() -> None:
    days = days_of("2022-12-28", "2022-12-29", "2022-12-30", "2023-01-03")
    earned, notes = cash.bill_cash(days, "XNYS", rates_on(days, 1.0, 2.0, 3.0, 4.0))
    assert earned.tolist() == [0.0, twelve_digits(1.0, 1), twelve_digits(2.0, 1), twelve_digits(3.0, 4)]
    assert notes == ()


def test_todays_rate_earns_nothing_today() -> None:
    days = days_of("2022-12-28", "2022-12-29", "2022-12-30")
    before, _ = cash.bill_cash(days, "XNYS", rates_on(days, 1.0, 2.0, 3.0))
    after, _ = cash.bill_cash(days, "XNYS", rates_on(days, 1.0, 9.0, 9.0))
    assert np.array_equal(before[:2], after[:2])
    assert before[2] != after[2]


def test_rate_serves_five_sessions_and_then_cash_earns_nothing_and_says_so() -> None:
    days = sessions(np.datetime64("2022-12-30"), np.datetime64("2023-01-13"), "XNYS")
    earned, (note,) = cash.bill_cash(days, "XNYS", rates_on(days[:1], 4.0))
    # the rate of 30 December is 0 to 5 sessions old at the closes of 30 December to 9 January
    expected = [*("2023-01-03", "2023-01-04", "2023-01-05", "2023-01-06", "2023-01-09", "2023-01-10")]
    assert days[earned > 0.0].astype(str).tolist() == expected
    assert note.warning
    assert note.startswith("On 3 sessions, 2023-01-11 to 2023-01-13, cash earns nothing")
    assert (str(note.first), str(note.last)) == ("2023-01-11", "2023-01-13")


def test_age_of_a_rate_is_counted_in_sessions_and_not_in_days() -> None:
    days = sessions(np.datetime64("2012-10-26"), np.datetime64("2012-11-08"), "XNYS")  # closed on 29 and 30 October
    earned, (note,) = cash.bill_cash(days, "XNYS", rates_on(days[:1], 4.0))
    assert days[earned > 0.0][-1] == np.datetime64("2012-11-07")  # begun on the 6th: eleven days, five sessions
    assert note.first == np.datetime64("2012-11-08")


def test_before_the_first_rate_cash_earns_nothing_and_one_warning_says_so() -> None:
    earned, notes = cash.bill_cash(days_of("2001-01-31", "2001-02-01", "2001-02-02", "2001-02-05"), "XNYS")
    assert earned[:3].tolist() == [0.0, 0.0, 0.0]
    assert earned[3] == round(4.1350016031128e-4, 12)  # 4.93 % over three days
    expected = ["On 2 sessions, 2001-02-01 to 2001-02-02, cash earns nothing: the bill's rates begin on 2001-02-02."]
    assert [str(note) for note in notes] == expected
    assert notes[0].warning


def test_bond_holiday_carries_the_rate_of_the_session_before() -> None:
    days = days_of("2022-10-07", "2022-10-10", "2022-10-11")  # no bill rate on Columbus Day
    earned, _ = cash.bill_cash(days, "XNYS")
    assert earned.tolist() == [0.0, twelve_digits(3.31, 3), twelve_digits(3.31, 1)]


def test_monthly_averages_are_earned_and_noted_as_no_basis_for_decisions() -> None:
    earned, (note,) = cash.bill_cash(days_of("2022-10-31", "2022-11-01", "2022-11-02", "2022-11-03"), "XNYS")
    assert earned[1:].tolist() == [twelve_digits(3.94, 1), twelve_digits(4.15, 1), twelve_digits(4.15, 1)]
    assert "no basis for a decision" in note
    assert (str(note.first), str(note.last), note.warning) == ("2022-11-02", "2022-11-03", False)


def test_embedded_rates_are_those_that_their_origin_describes() -> None:
    rates = cash.embedded_rates()
    assert (len(rates.days), str(rates.days[0]), str(rates.days[-1])) == (5483, "2001-02-02", "2022-12-30")
    counts = dict(zip(*np.unique(rates.basis, return_counts=True), strict=True))
    assert counts == {"daily": 5436, "carried_forward": 3, "monthly_average": 44}
    assert rates.percent.min() == -0.05
    assert (rates.percent < 0.0).sum() == 8
    assert (np.diff(rates.days) > np.timedelta64(0, "D")).all()


def test_calendar_that_cannot_count_the_age_of_a_rate_is_refused() -> None:
    days = days_of("2023-01-03", "2023-03-01", "2023-03-02")
    with pytest.raises(ConfigError, match="unknown exchange calendar"):
        cash.bill_cash(days, "NOPE")


# -- the bill continued ----------------------------------------------------------------------------------------------


def test_later_rates_stand_in_place_of_those_from_their_first_day_on() -> None:
    own = rates_on(days_of("2022-12-28", "2022-12-29", "2022-12-30"), 4.0, 4.1, 4.2)
    found = cash.continued(own, days_of("2022-12-29", "2023-01-03"), np.array([5.0, 5.5]))
    assert found.days.astype(str).tolist() == ["2022-12-28", "2022-12-29", "2023-01-03"]
    assert found.percent.tolist() == [4.0, 5.0, 5.5]
    assert found.basis.tolist() == ["daily"] * 3


def test_embedded_rates_continued_earn_the_bill_after_2022() -> None:
    days = days_of("2022-12-29", "2022-12-30", "2023-01-03", "2023-01-04", "2023-01-05")
    earned, notes = cash.bill_cash(
        days, "XNYS", cash.continued(cash.embedded_rates(), days[1:4], np.array([4.3, 4.4, 4.5]))
    )
    kept = twelve_digits(float(cash.embedded_rates().percent[-2]), 1)
    assert earned.tolist() == [0.0, kept, twelve_digits(4.3, 4), twelve_digits(4.4, 1), twelve_digits(4.5, 1)]
    assert [note for note in notes if note.warning] == []


def test_a_market_that_outlasts_rates_that_are_required_is_refused() -> None:
    days = sessions(np.datetime64("2022-12-30"), np.datetime64("2023-01-13"), "XNYS")
    rates = cash.BillRates(days[:1], np.array([4.0]), np.array(["daily"]), required=True)
    assert cash.bill_cash(days[:7], "XNYS", rates)[0][-1] == twelve_digits(4.0, 1)  # at a rate five sessions old
    with pytest.raises(DataError) as told:
        cash.bill_cash(days, "XNYS", rates)
    assert str(told.value) == (
        "the bill's last rate, of 2022-12-30, serves 5 sessions, and cash needs one on 2023-01-10. Run `rebalance data "
        "fetch`, which continues them from FRED, or state a yearly rate, such as `cash: 0.03`."
    )
    gap = cash.BillRates(days[[0, -1]], np.array([4.0, 4.0]), np.array(["daily"] * 2), required=True)
    with pytest.raises(DataError, match="of 2022-12-30, serves 5 sessions, and cash needs one on 2023-01-10"):
        cash.bill_cash(days, "XNYS", gap)


# -- yearly rates ----------------------------------------------------------------------------------------------------


@given(st.floats(-0.2, 1.0))
def test_a_year_at_a_yearly_rate_earns_the_rate(rate: float) -> None:
    days = np.arange(np.datetime64("2023-01-01"), np.datetime64("2024-01-02"))
    earned, _ = cash.rate_cash(days, cash.yearly_rate(rate))
    assert earned[0] == 0.0
    assert earned.sum() == pytest.approx(rate, abs=366e-12)  # simple interest, each day rounded to twelve decimals
    over, _ = cash.rate_cash(days[[0, -1]], cash.yearly_rate(rate))
    assert over[1] == pytest.approx(rate, abs=1e-12)


def test_interest_at_a_yearly_rate_runs_over_calendar_days() -> None:
    days = days_of("2022-12-28", "2022-12-29", "2022-12-30", "2023-01-03")
    earned, (note,) = cash.rate_cash(days, cash.yearly_rate(0.0365))
    assert earned.tolist() == [0.0, 1e-4, 1e-4, 4e-4]
    assert note == "Cash earns 3.6500 % a year, simple interest over calendar days of 365."
    assert not note.warning


def test_a_yearly_rate_of_a_day_is_earned_from_its_close_on() -> None:
    days = days_of("2022-12-28", "2022-12-29", "2022-12-30", "2023-01-03")
    rates = cash.YearlyRates(days_of("2022-12-25", "2022-12-29"), np.array([3.65, 7.3]), "a file")
    earned, _ = cash.rate_cash(days, rates)
    assert earned.tolist() == [0.0, 1e-4, 2e-4, 8e-4]


@cases(
    "known, said",
    (("2022-12-29", "2023-01-03"), "the rates of cash, a file, begin on 2022-12-29, and are needed from 2022-12-28"),
    (("2022-01-03", "2022-02-01"), "the rates of cash, a file, have none from 2022-02-01 to 2022-12-28"),
    (("2022-09-18", "2023-01-04"), "the rates of cash, a file, have none from 2022-09-18 to 2022-12-28"),
)
def test_yearly_rates_that_do_not_reach_a_session_are_refused(known: tuple[str, ...], said: str) -> None:
    days = days_of("2022-12-28", "2022-12-29")
    with pytest.raises(DataError, match=said):
        cash.rate_cash(days, cash.YearlyRates(days_of(*known), np.array([3.0, 3.0]), "a file"))


def test_a_yearly_rate_serves_a_hundred_days() -> None:
    days = days_of("2022-12-28", "2022-12-29")
    rates = cash.YearlyRates(days_of("2022-09-19", "2023-01-04"), np.array([3.65, 3.65]), "a file")
    assert cash.rate_cash(days, rates)[0].tolist() == [0.0, 1e-4]
