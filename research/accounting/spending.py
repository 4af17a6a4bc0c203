"""The rules by which an owner lives on a portfolio: what he takes from it in a year, settled as the year begins.

A year's amount is paid in equal parts. Amounts are in money of the first day, and prices are an index of consumer
prices that is 1 there; all but `constant` follow it.
"""

from typing import ClassVar, Literal, NamedTuple

import numpy as np

from foundation.arguments import is_number, one_of, refuse
from foundation.arrays import Array, Rows
from foundation.compiled import linked, on_demand
from foundation.dataclasses import dataclass

SPENDING_RULES = ("constant", "indexed", "share", "guardrails")
CONSTANT, INDEXED, BY_SHARE, GUARDRAILS = range(4)  # their numbers
OF_AMOUNT, OF_SHARE, FLOOR, CEILING, GROSS = range(5)  # of `SpendingState.numbers`
AMOUNT, FIRST_RATE, NAV_BEFORE, PRICE_THEN, PAID = range(5)  # of `SpendingState.state`
# Guyton and Klinger (2006): a rate of withdrawal so far from the first one changes the amount by so much.
GUARDRAIL, CHANGE = 0.2, 0.1
LAST_YEARS = 15  # at the end, in which their capital preservation rule no longer cuts the amount


@dataclass(frozen=True)
class Spending:
    """The rule by which a year's amount is set.

    rule    : "constant", the same currency every year; "indexed", the same in money of the first day; "share", a
              fraction of NAV; "guardrails", indexed, with the rules of Guyton and Klinger: prices do not raise the
              amount after a year of losses in which it is a larger fraction of NAV than the first was; an amount that
              is a fifth more of NAV than the first is cut by a tenth, but not in the last 15 years; one that is a fifth
              less is raised by a tenth.
    amount  : currency a year, of the rules that begin with one.
    share   : fraction of NAV a year, of the rule "share".
    floor   : least amount of the rule "share", currency a year in money of the first day.
    ceiling : largest amount of it, likewise; None for no limit.
    Source  : Guyton and Klinger (2006), Decision Rules and Maximum Initial Withdrawal Rates, Journal of Financial
              Planning 19(3), without their rule of which asset is sold: that is the portfolio's own.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    rule: Literal["constant", "indexed", "share", "guardrails"] = "indexed"
    amount: float | None = None
    share: float | None = None
    floor: float = 0.0
    ceiling: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers, alone and together."""
        one_of("rule of spending is", self.rule, SPENDING_RULES)
        own, other = ("share", "amount") if self.rule == "share" else ("amount", "share")
        if getattr(self, other) is not None:
            refuse(f"{other} of spending is", getattr(self, other), f"the rule {self.rule!r} goes by its {own} alone.")
        if not (is_number(given := getattr(self, own)) and given >= 0.0):
            refuse(f"{own} of spending is", given, f"the rule {self.rule!r} needs it, a number of 0 or more a year.")
        if self.share is not None and self.share > 1.0:
            refuse("share of spending is", self.share, "it is a fraction of NAV a year, at most 1: 4 % is 0.04.")
        limits = (self.floor, self.ceiling)
        if self.rule != "share" and limits != (0.0, None):
            refuse("floor and ceiling of spending are", limits, "they are for the rule 'share'.")
        if not (is_number(self.floor) and 0.0 <= self.floor <= self.most):
            refuse("floor and ceiling of spending are", limits, "give currency a year, 0 <= floor <= ceiling.")

    @property
    def most(self) -> float:
        """The largest amount of the rule "share", currency a year in money of the first day, or infinity."""
        return np.inf if self.ceiling is None else self.ceiling


class SpendingState(NamedTuple):
    """The money that comes to and goes from a portfolio by a rule, as the loops settle it; without rows there is none.

    rule       : number of the rule in `SPENDING_RULES`.
    numbers    : (5,) amount, share, floor and ceiling, in money of the first day; and the currency that leaves the
                 portfolio for one that its owner gets.
    years_left : (T,) years to pay for, this one too, where an amount is settled at a close; else 0.
    paid       : (T,) fraction of the year's amount that is paid at each close.
    known      : (T,) money that comes to the portfolio, in money of the first day.
    elsewhere  : (T,) what the owner gets elsewhere, less what he spends besides: the portfolio pays what he then lacks.
                 It gets what he has left, which is taxed already: as much as he would have to take out of it. In money
                 of the first day.
    beside     : (2, T) what the owner would get of his other account at each close, before its flow, and of that flow,
                 currency.
    prices     : (T,) consumer prices at each close, 1 on the first day.
    state      : (5,) amount of the year, currency; the first amount over NAV; NAV, currency, and consumer prices when
                 the amount was settled; and what went since, less what came, currency: all as the owner gets it;
                 written.
    flows      : (T,) the flows that the loops take in, currency; written.
    """

    rule: int
    numbers: Array
    years_left: Rows
    paid: Array
    known: Array
    elsewhere: Array
    beside: Array
    prices: Array
    state: Array
    flows: Array

    @classmethod
    def of(
        cls, spending: Spending, years_left: Rows, paid: Array, known: Array, elsewhere: Array, gross: float = 1.0
    ) -> "SpendingState":
        """The state of a rule before its first amount; prices stay at 1.

        gross           : currency that leaves the portfolio for one that its owner gets.
        Other arguments : as the fields.
        """
        given = (spending.amount or 0.0, spending.share or 0.0, spending.floor, spending.most, gross)
        return cls(
            SPENDING_RULES.index(spending.rule), np.array(given), years_left, paid, known, elsewhere,
            np.zeros((2, len(known))), np.ones(len(known)), np.zeros(5), np.zeros(len(known)),
        )  # fmt: skip


_NONE = np.zeros(0)
NO_SPENDING = SpendingState(
    0, np.ones(5), np.zeros(0, np.int64), _NONE, _NONE, _NONE, np.zeros((2, 0)), _NONE, np.zeros(5), _NONE
)


@on_demand
def settle(spending: SpendingState, t: int, nav: float) -> None:
    """Write the flow of row t, and settle the amount of a year that begins there.

    spending : its state and its flows are written.
    t        : row of the day.
    nav      : NAV at the close, before the flow, currency.
    """
    state, price, gross = spending.state, spending.prices[t], spending.numbers[GROSS]
    all_held = nav / gross + spending.beside[0, t]
    if spending.years_left[t] > 0:
        state[AMOUNT] = _amount(spending, all_held, price, spending.years_left[t])
        if state[FIRST_RATE] == 0.0:
            state[FIRST_RATE] = state[AMOUNT] / all_held
        state[NAV_BEFORE], state[PRICE_THEN], state[PAID] = all_held, price, 0.0
    lacks = state[AMOUNT] * spending.paid[t] - spending.elsewhere[t] * price
    spending.flows[t] = spending.known[t] * price - lacks * gross
    state[PAID] -= spending.flows[t] / gross + spending.beside[1, t]


@linked
def _amount(spending: SpendingState, nav: float, price: float, years_left: int) -> float:
    """The amount of a year, currency.  nav : as it begins.  price : consumer prices.  years_left : this one too."""
    numbers, state = spending.numbers, spending.state
    amount: float = numbers[OF_AMOUNT]
    if spending.rule == BY_SHARE:
        amount = min(max(numbers[OF_SHARE] * nav, numbers[FLOOR] * price), numbers[CEILING] * price)
    elif spending.rule == INDEXED or (spending.rule == GUARDRAILS and state[FIRST_RATE] == 0.0):
        amount *= price
    elif spending.rule == GUARDRAILS:
        raised, first = state[AMOUNT] * price / state[PRICE_THEN], state[FIRST_RATE] * nav
        has_lost = nav + state[PAID] < state[NAV_BEFORE]
        amount = state[AMOUNT] if has_lost and raised > first else raised
        if amount > (1.0 + GUARDRAIL) * first and years_left > LAST_YEARS:
            amount *= 1.0 - CHANGE
        elif amount < (1.0 - GUARDRAIL) * first:
            amount *= 1.0 + CHANGE
    return amount
