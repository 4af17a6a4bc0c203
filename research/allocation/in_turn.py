"""Answers of an allocation that follows its own target before, as a function of the past: all refits so far, in turn.

What was found for a market is kept as long as the market is, so that a path asks each refit once.
"""

from contextlib import suppress
from weakref import WeakKeyDictionary

from research.allocation.allocation import Allocation, Refit, answer_of, refit_after, refits_so_far
from research.allocation.answer import UNANSWERED, Answer, Following
from research.market import Market, Past

# By row; None for a day without an answer.
_KEPT: WeakKeyDictionary[Market, dict[Allocation, dict[int, Answer | None]]] = WeakKeyDictionary()


def in_turn(owner: Allocation, past: Past, refit: Refit) -> Answer:
    """The answer today, after those of all refits since the first complete window.

    owner  : allocation on whose schedule it is computed.
    past   : market up to today.
    refit  : function of the past up to a refit, and of the target (n,) before it, None for the first. One without a
             solution goes on with the target before, as `refit_after` says.
    Raises : what `refit` raises today, NotSolvedError only where there is no answer before. An earlier day on which it
             raises ConfigError, DataError or PolicyError is left out: nobody may ever ask for its target.
    """
    known = _KEPT.setdefault(past._market, {}).setdefault(owner, {})
    before: Answer | None = None
    for t in refits_so_far(owner, past):
        if t == past.t:
            break
        if t not in known:
            known[t] = None
            with suppress(*UNANSWERED):
                known[t] = refit_after(before, past.earlier(t), refit)
        before = known[t] or before
    today = known.get(past.t) or refit_after(before, past, refit)
    known[past.t] = today
    return today


def part_answer(part: Allocation, past: Past) -> Answer:
    """Today's answer of an allocation that another scales or combines, with its target before if it follows that.

    Raises : what `answer_of` raises.
    """
    if isinstance(part, Following) and part.follows:
        return in_turn(part, past, lambda then, before: answer_of(part, then, before))
    return answer_of(part, past)
