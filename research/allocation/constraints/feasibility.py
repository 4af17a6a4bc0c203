"""Tests whether weights keep all limits; else gives a smallest conflicting set, and the smallest relaxation that works.

Limits with rows are decided exactly, by linear programmes (with whole numbers, where assets are counted). Where a norm
is among those asked (volatility, tracking error) each question is a cone programme, answered to 1e-7 by trial, and the
sentence says so, naming it.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from math import isfinite

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.solvers.linear_programme import MOST_NODES, LinearProgramme, Point, irreducible
from research.allocation.accuracy import GIVES
from research.allocation.constraints.branch import best
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import Limits, without_leverage
from research.allocation.constraints.programme import Elastic, Objective

CHANGE_MARGIN = 1e-8  # by which a stated change is more than the least, so that it suffices
BY_TRIAL = 1e-7  # excess, over the scale of its limit, below which a cone programme counts as kept
NODES = 50  # of a search for the least excess where assets are counted; the best of them suffices, and is said so
UNPROVEN = "Where assets are counted, the search ended before the changes were proven to be the least."


@dataclass(frozen=True)
class Mend:
    """One limit made wider.

    key    : key of the limit.
    amount : amount in the limit's unit.
    words  : change to make.
    """

    key: str
    amount: float
    words: str


@dataclass(frozen=True)
class Conflict:
    """Limits that no weights keep together.

    keys     : keys of an irreducible set of them: without any one, weights exist that keep the others.
    words    : text of each of them.
    mends    : changes each of which alone lets weights keep all limits; none where no single one does.
    together : the changes of least sum, each over its scale, that let weights keep all limits; not sought where assets
               are counted and a single change suffices.
    doubt    : sentence that says what was found by trial, and why; "" if linear programmes decided all questions.
    """

    keys: tuple[str, ...]
    words: tuple[str, ...]
    mends: tuple[Mend, ...]
    together: tuple[Mend, ...]
    doubt: str = ""

    @property
    def exact(self) -> bool:
        """True if linear programmes decided all questions."""
        return not self.doubt

    @property
    def sentence(self) -> str:
        """The conflict in words, and its remedies."""
        if self.mends:
            mend = f"To make weights possible, {', or '.join(mend.words for mend in self.mends)}."
        elif not self.together:
            mend = "No change of the bounds of these limits suffices."
        else:
            all_of = " and ".join(mend.words for mend in self.together)
            mend = f"No single change suffices; the least together: {all_of}."
        return f"no weights keep these constraints together: {'; '.join(self.words)}. {mend} {self.doubt}".rstrip()


@dataclass(frozen=True)
class Room:
    """Least excess of the limits that give way, so that weights exist.

    pools : places of the limits of one place in the order, with the least sum of what they give, over their scales.
    exact : true if this was decided by linear programmes.
    """

    pools: tuple[tuple[tuple[int, ...], float], ...] = ()
    exact: bool = True


def room(limits: Limits) -> Room | Conflict:
    """The least excess of the limits that give way, the highest place first; or the conflict of those that do not.

    A limit with a price is not asked: it may be exceeded at that price. The least sum is found for the limits of the
    last place in the order, then, given that, for those of the place before, and so on.
    """
    hard = {k for k, limit in enumerate(limits.limits) if limit.hard}
    ordered = {k: limit.gives_way for k, limit in enumerate(limits.limits) if limit.gives_way is not None}
    question = _question(limits, hard | set(ordered))
    if question.least_excess(hard | set(ordered), ()) is not None:
        return Room(tuple((places, 0.0) for places in _places(ordered).values()), question.exact)
    if question.least_excess(hard, ()) is None:
        found = conflict(limits)
        assert found is not None
        return found
    pools: list[tuple[tuple[int, ...], float]] = []
    for _, places in sorted(_places(ordered).items(), reverse=True):
        least = question.least_excess(hard | set(places), places, tuple(pools))
        assert least is not None  # every pool before was met
        total = sum(least.excess[k] / limits.limits[k].scale for k in places)
        spare = CHANGE_MARGIN * (1 + len(pools))  # each pool before was asked with as much to spare
        pools.append((places, float(total) + (spare if total > GIVES else 0.0)))
    return Room(tuple(reversed(pools)), question.exact)


def conflict(limits: Limits) -> Conflict | None:
    """An irreducible set of hard limits that no weights keep, and its remedies; None where weights exist.

    Source : Chinneck, Dravnieks (1991) for the filter; Chinneck (2008), Feasibility and Infeasibility in Optimization,
             chapter 6, for the elastic programme, whose duals say which limits need not be tried.
    """
    hard = [k for k, limit in enumerate(limits.limits) if limit.hard]
    question = _question(limits, hard)
    if question.least_excess(hard, ()) is not None:
        return None
    kept = _irreducible(limits, question, hard)
    gross = any(limit.key == "gross.most" for limit in limits.limits)
    guarded = limits.with_limits([*limits.limits, *(() if gross else without_leverage(len(limits.assets)))])
    asked = [*hard, *range(len(limits.limits), len(guarded.limits))]
    wider = _question(guarded, asked)
    elastic = [k for k in hard if limits.limits[k].mend]
    least = wider.least_excess(asked, elastic) if not limits.whole.any() else None
    alone = []
    for k in kept:
        if limits.limits[k].mend and (found := wider.least_excess(asked, (k,))) is not None:
            alone.append(_mend(limits, k, found))
    if least is None and not alone:
        least = wider.least_excess(asked, elastic)
    together = () if least is None else tuple(_mend(limits, k, least) for k in elastic if least.excess[k] > GIVES)
    keys, words = (tuple(getattr(limits.limits[k], name) for k in kept) for name in ("key", "words"))
    norms = [k for k in hard if limits.limits[k].root is not None]
    doubt = "" if question.exact and wider.exact else _doubt(limits, norms, set(kept) & set(norms))
    return Conflict(keys, words, tuple(alone), together, doubt)


def _doubt(limits: Limits, norms: Sequence[int], in_conflict: Collection[int]) -> str:
    """The reason for which a conflict, or its remedies, were found by trial."""
    if not norms:
        return UNPROVEN
    names = " and ".join(dict.fromkeys(limits.limits[k].words.partition(" is ")[0] for k in norms))
    verb, what = "is" if len(norms) == 1 else "are", "the conflict" if in_conflict else "the changes"
    found = "was" if in_conflict else "were"
    return f"{names[0].upper()}{names[1:]} {verb} not linear: {what} {found} found by trial."


def _irreducible(limits: Limits, question: "_LinearQuestion | _ConeQuestion", hard: Sequence[int]) -> Sequence[int]:
    """Places of limits that no weights keep together, none of which can be left out; of rows alone where such do."""
    linear = [k for k in hard if limits.limits[k].root is None]
    if len(linear) < len(hard):
        rows = limits.with_limits([limits.limits[k] for k in linear])
        of_rows, places = _LinearQuestion(rows), range(len(linear))
        if of_rows.least_excess(places, ()) is None:
            return [linear[j] for j in _irreducible(rows, of_rows, places)]
    if not limits.whole.any():
        question.least_excess(hard, [k for k in hard if limits.limits[k].mend])
    suspects = [k for k in hard if k in question.suspects or not limits.limits[k].mend]

    def conflicting(kept: Sequence[int]) -> bool:
        return question.least_excess(kept, ()) is None

    return irreducible(suspects if conflicting(suspects) else hard, conflicting)


def _mend(limits: Limits, k: int, point: "_Point") -> Mend:
    limit, amount = limits.limits[k], float(point.excess[k])
    raised = limit.raised
    if limit.equation:
        at = limits.matrix(limit.rows, len(limit.lower)) @ point.x
        raised = bool(np.sum(at - limit.upper) > 0.0)
    return Mend(limit.key, amount + CHANGE_MARGIN, limit.mended(amount, raised))


def _places(ordered: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """Place in the order -> places of its limits."""
    return {way: tuple(k for k, other in ordered.items() if other == way) for way in sorted(set(ordered.values()))}


def _question(limits: Limits, asked: Collection[int]) -> "_LinearQuestion | _ConeQuestion":
    """The question of the limits at these places: one of rows alone where none of them is a norm."""
    norms = any(limits.limits[k].root is not None for k in asked)
    return _ConeQuestion(limits) if norms else _LinearQuestion(limits)


@dataclass(frozen=True, eq=False)
class _Point:
    """x (size,), and the excess (K,) over each limit, in its unit."""

    x: Array
    excess: Array


class _LinearQuestion:
    """Asks one linear programme, whose excess columns say which limits are kept, left out or made wider."""

    def __init__(self, limits: Limits) -> None:
        self.exact = True
        self._limits, self._many = limits, len(limits.limits)
        self._scale = np.array([limit.scale for limit in limits.limits])
        rows = [np.hstack([limits.matrix(p.rows, len(p.lower)), np.zeros((len(p.lower), self._many))])
                for p in limits.parts]  # fmt: skip
        at_least = [part.lower for part in limits.parts]
        self._owner = [-1] * sum(len(lower) for lower in at_least)
        for k, limit in enumerate(limits.limits):
            matrix, excess = limits.matrix(limit.rows, len(limit.lower)), np.zeros((len(limit.lower), self._many))
            excess[:, k] = 1.0
            for sign, bound in ((1.0, limit.lower), (-1.0, -limit.upper)):
                finite = np.isfinite(bound)
                rows.append(np.hstack([sign * matrix, excess])[finite])
                at_least.append(bound[finite])
                self._owner += [k] * int(finite.sum())
        self._least = np.concatenate([limits.least, np.zeros(self._many)])
        self._most = np.concatenate([limits.most, np.zeros(self._many)])
        whole = np.concatenate([limits.whole, np.zeros(self._many, bool)])
        self._matrix, self._at_least, self._whole = np.vstack(rows), np.concatenate(at_least), whole
        self._point: Point | None = None

    @cached_property
    def _programme(self) -> LinearProgramme:
        return LinearProgramme(self._matrix, self._at_least, self._least, self._most, self._whole)

    @property
    def suspects(self) -> set[int]:
        """The limits without which the excess of the last answer would be less; all, where whole numbers hide them."""
        if self._whole.any() or self._point is None:
            return set(range(self._many))
        return {self._owner[row] for row in np.flatnonzero(np.abs(self._point.duals) > CHANGE_MARGIN)}

    def least_excess(
        self, kept: Collection[int], elastic: Collection[int], pools: Sequence[tuple[tuple[int, ...], float]] = ()
    ) -> _Point | None:
        """The point with the least excess over the elastic ones of the kept limits; None where none suffices.

        kept    : places of the limits that are kept; the others are left out.
        elastic : places of the limits, of these, that may be exceeded.
        pools   : places of others that may be exceeded by a known sum; kept too.
        """
        size = self._limits.size
        kept = [*kept, *(k for places, _ in pools for k in places)]
        may = [*elastic, *(k for places, _ in pools for k in places)]
        most = self._most.copy()
        most[size:] = np.inf
        most[size + np.array(kept, dtype=int)] = 0.0
        most[size + np.array(may, dtype=int)] = np.inf
        cost = np.zeros(len(most))
        cost[size + np.array(elastic, dtype=int)] = 1.0 / self._scale[list(elastic)]
        programme = self._programme
        if pools:
            extra = np.zeros((len(pools), len(most)))
            for row, (places, _) in zip(extra, pools, strict=True):
                row[size + np.array(places)] = -1.0 / self._scale[list(places)]
            at_least = np.concatenate([self._at_least, [-allowance - CHANGE_MARGIN for _, allowance in pools]])
            programme = LinearProgramme(np.vstack([self._matrix, extra]), at_least, self._least, most, self._whole)
        self._point = programme.minimise(cost, self._least, most, NODES if len(elastic) else MOST_NODES)
        self.exact &= self._point is None or self._point.proven
        return None if self._point is None else _Point(self._point.x[:size], self._point.x[size:])


class _ConeQuestion:
    """The same questions as cone programmes, each made anew; an excess below `BY_TRIAL` counts as kept."""

    exact = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.suspects = set(range(len(limits.limits)))

    def least_excess(
        self, kept: Collection[int], elastic: Collection[int], pools: Sequence[tuple[tuple[int, ...], float]] = ()
    ) -> _Point | None:
        """The least excess, as in `_LinearQuestion`."""
        limits = self._limits
        asked = sorted({*kept, *(k for places, _ in pools for k in places)})
        at = {k: j for j, k in enumerate(asked)}
        some = limits.with_limits([limits.limits[k] for k in asked])
        free = elastic or [k for k in asked if limits.limits[k].mend]  # without any, by how much they are exceeded
        prices = {at[k]: 1.0 / limits.limits[k].scale for k in free if not any(k in places for places, _ in pools)}
        shared = tuple((tuple(at[k] for k in places), allowance + BY_TRIAL) for places, allowance in pools)
        found = best(ConeProgramme(some, Objective(), Elastic(prices, shared))).point
        if found is None or not isfinite(found.value) or (not elastic and found.value > BY_TRIAL):
            return None
        amounts = np.zeros(len(limits.limits))
        amounts[asked] = [max(found.excess.get(j, 0.0), 0.0) for j in range(len(asked))]
        return _Point(found.x, amounts)
