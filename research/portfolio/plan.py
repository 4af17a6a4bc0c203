"""The life of a plan, under `plan`: what is saved and spent, for how many years, and what shall be left."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from foundation.arrays import Array
from research.accounting.spending import Spending, SpendingState
from research.portfolio.file.kinds import Amount, Day, Number, Told, record

MONTHS_A_YEAR = 12  # rows of a plan a year
SECONDS_A_YEAR = 365.25 * 86_400.0
LONGEST_PLAN = 100  # years
PARTS = {"month": 12, "quarter": 4, "year": 1}  # payments of a year's amount
Years = Annotated[int, Field(ge=1, le=LONGEST_PLAN, description="Whole years.")]
HISTORY = "history"


@record
class SavingKeys:
    """Money that comes before the spending begins: currency a year in today's money, and for how many years."""

    amount: Amount
    years: Years


@record
class IncomeKeys:
    """Income such as a pension, which pays for spending first: currency a year in today's money, after its own taxes.

    begins : its first day; a payment brings what belongs to the days until the next one.
    ends   : its last day; None until the end of the plan.
    """

    amount: Amount
    begins: Day
    ends: Day | None = None

    def __post_init__(self) -> None:
        """Refuse income that ends before it begins."""
        if self.ends is not None and self.ends < self.begins:
            raise Told(f"before it begins, on {self.begins:%Y-%m-%d}", "Give a later day, or leave it out.", "ends")

    def is_past(self, today: pd.Timestamp) -> bool:
        """True if its last day is before today."""
        return self.ends is not None and self.ends < today


@record
class LifeKeys:
    """A life that the plan is for, which ends by the law of Gompertz.

    born   : day of birth.
    mode   : age at which most die, years.
    spread : the law's second number, years: of a death in a year, the odds grow e-fold in so many.
    """

    born: Day
    mode: Annotated[float, Field(gt=50.0, lt=120.0, description="An age, such as 87.8.")]
    spread: Annotated[float, Field(gt=2.0, lt=30.0, description="Years, such as 9.5.")]

    def alive(self, days: pd.DatetimeIndex) -> Array:
        """(D,) probability of living on each day, for one who lives on the first of them.

        Source : Gompertz (1825), by mode and dispersion as in Milevsky and Robinson (2000), Self-annuitization and
                 ruin in retirement, North American Actuarial Journal 4(4).
        """
        ages = (days - self.born).to_numpy("timedelta64[s]").astype(float) / SECONDS_A_YEAR
        hazards: Array = np.exp((ages - self.mode) / self.spread)
        return np.exp(hazards[0] - hazards)


@record
class Plan:
    """The money that comes to a portfolio and goes from it over whole years from the last close on; a row a month.

    years       : years of the plan, those of saving included.
    spending    : what goes each year after the saving.
    saving      : what comes before; parts of it come at the end of each period `every`.
    every       : period at whose beginning a part of the year's spending is paid; the amount of a year is settled as
                  it begins.
    income      : what the owner gets elsewhere, a part at the beginning of each period `every`. It pays for spending
                  first, and what is left of it is invested.
    once        : money that comes besides on a day, or goes, below 0, currency in today's money; at the row of the
                  month that is nearest. Days that are past are left out.
    inflation   : rise of consumer prices a year, fraction, or "history": the months of US prices that belong to the
                  months drawn.
    withdrawal_tax : tax on what is taken out of a sheltered account, fraction of it.
    lives       : those who live on the plan; none for a plan that no life ends.
    left        : what shall be left at the end, currency in today's money: with less the plan has failed.
    probability : probability of failing that the owner would bear: of the amount that is safe.
    """

    years: Years = 30
    spending: Spending
    saving: SavingKeys | None = None
    every: Literal["month", "quarter", "year"] = "year"
    income: tuple[IncomeKeys, ...] = ()
    once: Mapping[Day, Number] = field(default_factory=dict)
    inflation: (
        Annotated[float, Field(gt=-0.1, lt=0.5, description="A fraction a year: 2.5 % is 0.025.")] | Literal["history"]
    )
    lives: tuple[LifeKeys, ...] = ()
    withdrawal_tax: Annotated[float, Field(ge=0.0, lt=1.0, description="A fraction of what is taken out.")] = 0.0
    left: Amount = 0.0
    probability: Annotated[float, Field(gt=0.0, lt=0.5, description="A probability: 5 % is 0.05.")] = 0.05

    def __post_init__(self) -> None:
        """Refuse a plan that only saves."""
        if self.saving is not None and self.saving.years >= self.years:
            raise Told(
                f"as long as the plan, which has {self.years}",
                "Give fewer years of saving, or a longer plan.",
                "saving",
            )

    @property
    def months(self) -> int:
        """Rows of the plan after today."""
        return MONTHS_A_YEAR * self.years

    @property
    def begins(self) -> int:
        """Months from today to the first year of spending."""
        return 0 if self.saving is None else MONTHS_A_YEAR * self.saving.years

    def someone_alive(self, dates: pd.DatetimeIndex) -> Array:
        """(D,) probability that one of those who live on the plan lives on each day, all of them on the first.

        Lives are independent.
        """
        return 1.0 - np.prod([1.0 - life.alive(dates) for life in self.lives], axis=0)

    def state(self, dates: pd.DatetimeIndex, gross: float = 1.0) -> SpendingState:
        """The rule and the known money for loops over a row before today, today, and the months of `dates`[1:].

        gross : currency that leaves the portfolio for one that its owner gets.
        """
        rows, step = self.months + 2, MONTHS_A_YEAR // PARTS[self.every]
        years_left, paid = np.zeros(rows, dtype=np.int64), np.zeros(rows)
        years_left[1 + self.begins : -1 : MONTHS_A_YEAR] = np.arange(self.years - self.begins // MONTHS_A_YEAR, 0, -1)
        paid[1 + self.begins : -1 : step] = 1.0 / PARTS[self.every]
        saved, comes, income, goes = self.money(dates)
        return SpendingState.of(self.spending, years_left, paid, saved + comes, income - goes, gross)

    def money(self, dates: pd.DatetimeIndex) -> tuple[Array, Array, Array, Array]:
        """(T,) what is saved at each row, what comes once, income, and what goes once, each at least 0.

        All is in today's money; `dates` as of `state`.
        """
        step, (saved, comes, income, goes) = MONTHS_A_YEAR // PARTS[self.every], np.zeros((4, self.months + 2))
        if self.saving is not None:
            saved[1 + step : 2 + self.begins : step] = self.saving.amount / PARTS[self.every]
        days, paid = dates[::step].to_numpy(), np.arange(1, self.months + 1, step)
        for each in self.income:
            until = days[-1] if each.ends is None else (each.ends + pd.Timedelta(days=1)).to_datetime64()
            begins, ends = np.maximum(days[:-1], each.begins.to_datetime64()), np.minimum(days[1:], until)
            of_period = np.maximum((ends - begins) / (days[1:] - days[:-1]), 0.0)
            income[paid] += of_period * each.amount / PARTS[self.every]
        for day, amount in self.once.items():
            if day > dates[0]:  # what came before is in the holdings
                (comes if amount > 0.0 else goes)[1 + int(np.argmin(np.abs(dates - day)))] += abs(amount)
        return saved, comes, income, goes
