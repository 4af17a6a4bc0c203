"""The division of the orders of a list over accounts: a mixed-integer linear programme on HiGHS, one aim at a time.

Every account trades what it holds and can pay for: it sells at most its units, and its cash stays at its floor after
its own orders and their costs, and at least zero where all of them fill worse by the adverse move. No cash moves
between accounts. Aims, each the least (to `TIE`) that leaves those before it at theirs:

1. the orders that are not sent, with all costs, currency; none is left out where that is possible without swaps;
2. swaps: sales by one account of an asset while another buys it, currency;
3. misplacement: holdings of accounts in assets that only others prefer, currency;
4. the number of orders;
5. tax on the sales of taxable accounts.
"""

from typing import Any

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from research.orders.accounts.division_problem import LIMITS, DivisionProblem
from research.orders.accounts.division_programme import TIE, DivisionProgramme, Mode
from research.orders.lots.lot_problem import Proof
from research.orders.lots.order_programme import UNIT
from research.orders.lots.position import CENT

LOTS = "whole lots and limits of the accounts together"


@dataclass(frozen=True, eq=False)
class Division:
    """The orders of each account.

    parts : (A, n) signed units, buys positive.
    why   : limit that keeps the list from being sent whole (one of `LIMITS`, or `LOTS`), or "".
    how   : exact where every aim is proven least, to 0.05 bp of NAV.
    """

    parts: Array
    why: str = ""
    how: Proof = Proof.EXACT


def divide(problem: DivisionProblem) -> Division | None:
    """The orders of each account; None where no orders keep their limits, not even none, or the search found none.

    The result depends neither on the order of accounts or assets that differ, nor on the machine.
    """
    nothing = np.zeros(problem.held.shape)
    if not problem.orders.any():  # an account may lack cash all the same: money left it, and the others have enough
        return Division(nothing) if not problem.broken(nothing) else _solved(problem, Mode(False, swaps=True))
    if whole := _solved(problem, Mode()):
        return whole
    found = _solved(problem, Mode(full=False))
    money = 2.0 * TIE * UNIT * problem.position.nav  # by which the first aim and those after it may be above its least
    listed = float(problem.position.charges(problem.orders).sum())  # no division that sends all of it costs less
    worst = np.inf if found is None else problem.unsent_and_costs(found.parts)
    if worst > listed + money:
        swapped = _solved(problem, Mode(full=False, swaps=True))
        if found is None or (swapped and problem.unsent_and_costs(swapped.parts) < worst - max(money, CENT)):
            found = swapped
    if found is None or not problem.left(found.parts).any():
        return found
    why = next((name for name in LIMITS if _could(problem, Mode(swaps=True, without=name))), LOTS)
    return replace(found, why=why)


def _could(problem: DivisionProblem, mode: Mode) -> bool:
    """True if the whole list could be sent without one of the limits."""
    programme = DivisionProgramme.of(problem, mode)
    return programme.least(programme.nothing, TIE, []) is not None


def _solved(problem: DivisionProblem, mode: Mode) -> Division | None:
    """One aim after the other, each kept while those after it are solved."""
    programme, limits, best, exact = DivisionProgramme.of(problem, mode), list[Any](), None, True
    for aim, enough in programme.aims:
        solved = programme.least(aim, enough, limits, best)
        if solved is None:
            return None
        best, proven = solved
        exact &= proven
        limits.append((-aim, -float(aim @ best) - TIE))
    assert best is not None
    parts = programme.parts(best)
    return None if problem.broken(parts) else Division(parts, how=Proof.EXACT if exact else Proof.BOUNDED)
