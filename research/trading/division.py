"""How the orders of a list are divided over accounts: a mixed-integer linear programme on HiGHS, one aim at a time.

Every account trades what it holds and can pay for: it sells at most its units, and its cash stays at its floor after
its own orders and their costs, and at least zero where all of them fill worse by the adverse move. No cash moves
between accounts. Aims, each the least that leaves those before it at theirs:

1. what of the list is not sent, with all costs, currency; none is left out where that is possible without swaps;
2. swaps: what one account sells of a line while another buys it, currency;
3. misplacement: what accounts hold of lines that only others prefer, currency;
4. the number of orders;
5. tax on what taxable accounts sell.
"""

from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from research.arrays import Array
from research.trading.division_problem import CASH, LIMITS, DivisionProblem
from research.trading.division_programme import DivisionProgramme, Mode
from research.trading.lot_solver import REPAIRS
from research.trading.position import CENT
from research.trading.proof import Proof

TIE = 1e-6  # money in units: by how much an aim may move from its least for those after it
SECONDS = 10.0  # that all aims together may take
LOTS = "whole lots and limits of the accounts together"


@dataclass(frozen=True, eq=False)
class Division:
    """The orders of each account.

    parts : (A, n) signed units, buys positive.
    why   : what keeps the list from being sent whole (one of `LIMITS`, or `LOTS`), or "".
    how   : exact where every aim is proven least.
    """

    parts: Array
    why: str = ""
    how: Proof = Proof.EXACT


def divide(problem: DivisionProblem, seconds: float = SECONDS) -> Division | None:
    """The orders of each account; None where no orders keep their limits, not even none, or none were found in time.

    The result does not depend on the order of accounts or lines that differ.
    seconds : that the solver may take.
    """
    until = monotonic() + seconds
    nothing = np.zeros(problem.held.shape)
    if not problem.orders.any():  # an account may lack cash all the same: money left it, and the others have enough
        return Division(nothing) if not problem.broken(nothing) else _repaired(problem, Mode(False, swaps=True), until)
    if whole := _repaired(problem, Mode(), until):
        return whole
    part, swapped = (_repaired(problem, Mode(full=False, swaps=swaps), until) for swaps in (False, True))
    found = part or swapped
    if part and swapped and problem.unsent_and_costs(swapped.parts) < problem.unsent_and_costs(part.parts) - CENT:
        found = swapped
    if found is None or not problem.left(found.parts).any():
        return found
    proven = swapped is not None and swapped.how == found.how == Proof.EXACT
    why = next((name for name in LIMITS if _could(problem, Mode(swaps=True, without=name), until)), LOTS)
    return Division(found.parts, why, Proof.EXACT if proven else Proof.IN_TIME)


def _could(problem: DivisionProblem, mode: Mode, until: float) -> bool:
    """Could the list be sent whole without one of the limits?"""
    programme = DivisionProgramme.of(problem, mode, np.zeros(len(problem.cash)))
    return programme.least(programme.nothing, [], max(until - monotonic(), 0.5)) is not None


def _repaired(problem: DivisionProblem, mode: Mode, until: float) -> Division | None:
    """The best division; where only the cents that rounding took leave too little cash, so much more is kept."""
    kept = np.zeros(len(problem.cash))
    for _ in range(REPAIRS):
        found = _solved(problem, mode, kept, until)
        if found is None or not (broken := problem.broken(found.parts)):
            return found
        if broken != (CASH,):
            return None
        short = problem.short(found.parts)
        kept += np.where(short > 0.0, np.maximum(short, CENT), 0.0)
    return None


def _solved(problem: DivisionProblem, mode: Mode, kept: Array, until: float) -> Division | None:
    """One aim after the other, each kept while those after it are solved."""
    programme, limits, best, exact = DivisionProgramme.of(problem, mode, kept), list[Any](), None, True
    aims = programme.aims
    for number, aim in enumerate(aims):
        seconds = max((until - monotonic()) / (2.0 if number < len(aims) - 1 else 1.0), 0.1)
        solved = programme.least(aim, limits, seconds)
        if solved is None:
            if best is None:
                return None
            exact = False
            continue
        best, proven = solved
        exact &= proven
        limits.append((-aim, -float(aim @ best) - TIE))
    assert best is not None
    return Division(programme.parts(best), how=Proof.EXACT if exact else Proof.IN_TIME)
