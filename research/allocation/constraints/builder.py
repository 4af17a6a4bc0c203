"""Named limits from constraints and the data of a day: the one way that every optimiser takes.

What the file names and the market does not have (an asset, a column, a word of a column) is refused, all of it at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from foundation.arguments import cut
from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.paper.wording import percent
from research.allocation.accuracy import ZERO_FROM_SOLVER
from research.allocation.constraints.limits import (
    HELD_LINES,
    NAV,
    WEIGHTS,
    Limit,
    Limits,
    Part,
    without_leverage,
    written,
)
from research.allocation.constraints.lookup import Known, Lookup
from research.allocation.constraints.records import (
    Bounds,
    Cardinality,
    Constraints,
    CVaRLimit,
    Exposure,
    Firmness,
    Liquidity,
    Most,
)  # fmt: skip
from research.allocation.constraints.risk_limits import TAIL, risk_limit, tail, tail_mean
from research.allocation.constraints.roots import root_of
from research.forecast.views.equilibrium import weights_present

SHORT_BLOCK, BOUGHT_BLOCK = "short", "bought"
LARGEST_LINE = 2.0  # times the net or gross of the portfolio: no asset is larger, whatever limits are left out
OF_LINES = ("every_line", "lines.", "exclude")  # limits whose rows have one asset each


def build(constraints: Constraints, known: Known) -> Limits:
    """All limits that the constraints mean on a day.

    constraints : constraints of the file.
    known       : names, facts, previous target and risk on the day.
    Raises      : ConfigError naming every asset, column and word that the market does not have, and every fact that a
                  constraint needs and the day lacks.
    """
    builder = _Builder(constraints, known)
    found = tuple(builder.limits())
    if builder.who.faults:
        raise ConfigError(" ".join(builder.who.faults))
    return Limits(known.assets, found, tuple(builder.parts), tuple(builder.notes))


class _Builder:
    """Collects limits, the parts that they need, and faults."""

    def __init__(self, constraints: Constraints, known: Known) -> None:
        self.asked, self.known = constraints, known
        self.n = len(known.assets)
        self.parts: list[Part] = []
        self.notes: list[str] = []
        self.who = Lookup(known)

    def limits(self) -> Iterator[Limit]:
        asked, of_weights = self.asked, tuple(self._of_weights())
        yield from of_weights
        least, most = Limits(self.known.assets, of_weights).of_lines
        self.who.needed = (least < 0.0) | (most > 0.0)
        for name, exposure in asked.exposures.items():
            yield from self._exposure(name, exposure)
        if asked.cardinality is not None:
            yield from self._cardinality(asked.cardinality)
        yield from self._turnover()
        if asked.liquidity is not None:
            yield from self._liquidity(asked.liquidity)
        yield from self._risks()
        if asked.cvar is not None:
            yield from self._cvar(asked.cvar)

    # -- limits of weights -------------------------------------------------------------------------------------------

    def _of_weights(self) -> Iterator[Limit]:
        asked = self.asked
        yield from self._every_line()
        yield from self._weights("net", "the sum of the weights", asked.net, np.ones((1, self.n)))
        yield from self._gross(asked.gross) if asked.gross else self._without_gross()
        for name, bounds in asked.lines.items():
            lines = self.who.named(f"lines.{name}", [name])
            yield from self._weights(f"lines.{name}", name, bounds, lines[None])
        for name, group in asked.groups.items():
            lines, who = self.who.members(f"groups.{name}", group.where, group.lines)
            yield from self._weights(f"groups.{name}", f"{name} ({who})", group, lines[None])
        if asked.exclude is not None:
            lines, who = self.who.members("exclude", asked.exclude.where, asked.exclude.lines)
            firm, rows = _firmness(asked.exclude), np.eye(self.n)[lines > 0.0]
            for nothing in (Bounds(most=0.0, **firm), *([Bounds(least=0.0, **firm)] if asked.shorts else [])):
                yield from self._weights("exclude", f"what is excluded ({who})", nothing, rows)

    def _every_line(self) -> Iterator[Limit]:
        """The stated bounds; on a side without one 0 or 1, with `gross` -gross or gross."""
        stated, gross = self.asked.every_line, self.asked.gross
        least, most = (0.0, 1.0) if gross is None else (-gross.most, gross.most)
        if stated is None or stated.least is None:
            yield from self._weights("every_line", "every asset", Bounds(least=least), np.eye(self.n))
        if stated is not None:
            yield from self._weights("every_line", "every asset", stated, np.eye(self.n))
        if stated is None or stated.most is None:
            yield from self._weights("every_line", "every asset", Bounds(most=most), np.eye(self.n))

    def _without_gross(self) -> Iterator[Limit]:
        """Limits against short assets and leverage, where the stated ones do not always exclude them."""
        every, net, (long_only, unlevered) = self.asked.every_line, self.asked.net, without_leverage(self.n)
        if every is not None and every.least is not None and not every.always:
            yield long_only
        if net.most is None or not net.always:
            yield unlevered

    def _weights(self, key: str, who: str, bounds: Bounds, rows: Array) -> Iterator[Limit]:
        if self._applies(key, bool(rows.any())):
            yield from self._sides(key, who, bounds, {WEIGHTS: rows}, NAV, 1.0)

    def _applies(self, key: str, some: bool) -> bool:
        """True if a limit covers some asset that may be held. One that may do so only on another day is noted."""
        if some or not (self.known.absent or self.known.dated):
            return True
        why = "none of its assets has a complete window" if self.known.absent else "no asset is in it today"
        self.notes.append(f"{key} does not apply: {why}.")
        return False

    def _sides(
        self, key: str, who: str, bounds: Bounds, rows: Mapping[str, Array], unit: str, scale: float
    ) -> Iterator[Limit]:
        """A limit for each side that is given; one where both are equal."""
        k = len(next(iter(rows.values())))
        of_lines = self.asked.cardinality is not None and key.startswith(OF_LINES)
        least, most, tail = bounds.least, bounds.most, f" {unit}" if unit == NAV else ""
        if least is not None and least == most:
            both = np.full(k, least)
            words = f"{who} is {written(least, unit)}{tail}"
            yield Limit(key, words, rows, both, both, least, f"change {who}", unit, scale, bounds)
            return
        for side, bound in (("least", least), ("most", most)):
            if bound is not None:
                lower, upper = (bound, inf) if side == "least" else (-inf, bound)
                words = f"{who} is at {side} {written(bound, unit)}{tail}"
                mend = f"lower the least of {who}" if side == "least" else f"raise the most of {who}"
                limit = Limit(f"{key}.{side}", words, rows, np.full(k, lower), np.full(k, upper), bound, mend, unit,
                              scale, bounds)  # fmt: skip
                yield _if_held(limit) if of_lines else limit

    def _gross(self, gross: Most) -> Iterator[Limit]:
        eye = np.eye(self.n)
        zero = np.zeros(self.n)
        rows = {WEIGHTS: eye, SHORT_BLOCK: eye}
        self.parts.append(
            Part(SHORT_BLOCK, self.n, rows, zero, zero, np.full(self.n, inf), lambda w: np.maximum(-w, 0.0))
        )
        over = {WEIGHTS: np.ones((1, self.n)), SHORT_BLOCK: np.full((1, self.n), 2.0)}
        bounds = Bounds(most=gross.most, **_firmness(gross))
        yield from self._sides("gross", "the sum of absolute weights", bounds, over, NAV, 1.0)

    def _exposure(self, name: str, asked: Exposure) -> Iterator[Limit]:
        key, named = f"exposures.{name}", asked.values or asked.to
        if named and not self._applies(key, self.who.some(named)):
            return
        if asked.column:
            values = self.who.numbers(key, asked.column)
        elif asked.values:
            values = self.who.by_name(f"{key}.values", asked.values)
        else:
            values = self._betas(key, self._portfolio(f"{key}.to", asked.to))
        span = float(np.ptp(values)) if len(values) else 1.0
        yield from self._sides(key, name, asked, {WEIGHTS: values[None]}, f"of {name}", span or 1.0)

    def _cardinality(self, asked: Cardinality) -> Iterator[Limit]:
        n, eye = self.n, np.eye(self.n)
        largest = LARGEST_LINE * max(1.0, self.asked.gross.most if self.asked.gross else 1.0)
        rows = {WEIGHTS: np.vstack([-eye, eye]), HELD_LINES: np.vstack([largest * eye] * 2)}
        self.parts.append(
            Part(HELD_LINES, n, rows, np.zeros(2 * n), np.zeros(n), np.ones(n),
                 lambda w: (np.abs(w) > ZERO_FROM_SOLVER).astype(np.float64), whole=True)
        )  # fmt: skip
        count = {HELD_LINES: np.ones((1, n))}
        for side, bound in (("least", asked.least), ("most", asked.most)):
            if bound is not None:
                lower, upper = (float(bound), inf) if side == "least" else (-inf, float(bound))
                mend = "lower the least number of assets" if side == "least" else "raise the most assets"
                yield Limit(f"cardinality.{side}", f"at {side} {bound} assets are held", count, np.array([lower]),
                            np.array([upper]), float(bound), mend, "lines", firm=asked)  # fmt: skip
        if asked.if_held:
            yield Limit(
                "cardinality.if_held", f"an asset that is held is at least {percent(asked.if_held, 2)} of NAV",
                {WEIGHTS: eye, HELD_LINES: -asked.if_held * eye}, np.zeros(n), np.full(n, inf), asked.if_held,
                "lower the least weight of an asset that is held", firm=asked,
            )  # fmt: skip

    def _turnover(self) -> Iterator[Limit]:
        asked, previous = self.asked.turnover, self.known.previous
        if asked is None:
            return
        if previous is None:
            self.notes.append("turnover does not apply: there is no previous target.")
            return
        eye, zero, n = np.eye(self.n), np.zeros(self.n), self.n
        self.parts.append(
            Part(BOUGHT_BLOCK, n, {WEIGHTS: -eye, BOUGHT_BLOCK: eye}, -previous, zero, np.full(n, inf),
                 lambda w: np.maximum(w - previous, 0.0))
        )  # fmt: skip
        ones = np.ones(n)
        rows = {WEIGHTS: np.array([zero, -ones]), BOUGHT_BLOCK: np.array([ones, ones])}
        upper = np.array([asked.most, asked.most - previous.sum()])
        words = f"turnover against the previous target is at most {percent(asked.most, 2)} of NAV"
        yield Limit("turnover.most", words, rows, np.full(2, -inf), upper, asked.most, "raise the most turnover",
                    firm=asked)  # fmt: skip

    def _liquidity(self, asked: Liquidity) -> Iterator[Limit]:
        traded = self.known.traded
        if traded is None:
            fault = "the market has no volumes. Give it volumes and prices, or leave the limit out."
            self.who.faults.append(f"liquidity: {fault}")
            return
        unknown = ~np.isfinite(traded) & self.who.needed
        if unknown.any():
            names = ", ".join(np.array(self.known.assets)[unknown])
            self.who.faults.append(
                f"liquidity: no volume is known for {cut(names)}. Exclude these assets, or correct their volumes."
            )
            return
        most = asked.days * asked.participation * traded / asked.nav
        words = (
            f"no asset is more than {asked.days:g} days of volume at {percent(asked.participation, 0)} of it, for a "
            f"NAV of {asked.nav:,.0f}"
        )
        for i in np.flatnonzero(most < 1.0):
            row = {WEIGHTS: np.eye(self.n)[i : i + 1]}
            name = self.known.assets[i]
            limit = Limit(f"liquidity.{name}", f"{words} ({name}: {percent(most[i], 2)})", row, -most[i : i + 1],
                          most[i : i + 1], float(most[i]), f"raise the most of {name} that liquidity allows",
                          firm=asked)  # fmt: skip
            yield limit if self.asked.cardinality is None or self.asked.shorts else _if_held(limit)

    # -- limits of risk ----------------------------------------------------------------------------------------------

    def _risks(self) -> Iterator[Limit]:
        volatility, tracking = self.asked.volatility, self.asked.tracking_error
        if volatility is not None and (root := self._root("volatility")) is not None:
            words = f"volatility is at most {percent(volatility.most, 2)} a year"
            yield risk_limit("volatility.most", words, root, np.zeros(self.n), volatility.most,
                             "raise the most volatility", firm=volatility)  # fmt: skip
        if tracking is not None and self._applies("tracking_error", self.who.some(tracking.benchmark)):
            benchmark = self._portfolio("tracking_error.benchmark", tracking.benchmark)
            if (root := self._root("tracking_error")) is None:
                return
            words = f"tracking error is at most {percent(tracking.most, 2)} a year"
            yield risk_limit("tracking_error.most", words, root, benchmark, tracking.most,
                             "raise the most tracking error", firm=tracking)  # fmt: skip

    def _cvar(self, asked: CVaRLimit) -> Iterator[Limit]:
        returns = self.known.returns
        if returns is None:
            self.who.faults.append(
                "cvar: no returns of a window are known. Use it with a model that estimates on returns."
            )
            return
        self.parts.append(tail(returns, asked.level))
        words = f"CVaR at {percent(asked.level, 0)} is at most {percent(asked.most, 2)} a period"
        rows = {TAIL: tail_mean(len(returns), asked.level)[None]}
        scale = float(np.abs(returns).max()) or 1.0
        yield Limit("cvar.most", words, rows, np.array([-inf]), np.array([asked.most]), asked.most,
                    "raise the most CVaR", unit="a period", scale=scale, firm=asked)  # fmt: skip

    def _root(self, key: str) -> Array | None:
        if self.known.covariance is None:
            self.who.faults.append(f"{key}: no covariance is known. Use it with a model that estimates one.")
            return None
        return root_of(self.known.covariance, self.known.assets)

    def _portfolio(self, key: str, weights: Mapping[str, float]) -> Array:
        """(n,) weights of a portfolio; those of assets without a window go to the others, which is noted."""
        self.who.by_name(key, weights)
        found, absent = weights_present(weights, self.known.assets)
        if without := [name for name in absent if name in self.known.absent]:
            self.notes.append(f"{key} is taken without {cut(', '.join(without))}, which have no complete window.")
        return found

    def _betas(self, key: str, weights: Array) -> Array:
        if self.known.covariance is None:
            self.who.faults.append(f"{key}.to: no covariance is known. Use it with a model that estimates one.")
            return np.zeros(self.n)
        with_it = self.known.covariance @ weights
        variance = float(weights @ with_it)
        if variance <= 0.0:
            self.who.faults.append(f"{key}.to: the variance of this portfolio is {variance:g}. Give one that varies.")
            return np.zeros(self.n)
        return with_it / variance


def _firmness(asked: Firmness) -> dict[str, Any]:
    return {"price": asked.price, "gives_way": asked.gives_way}


def _if_held(limit: Limit) -> Limit:
    """The same limit of single assets, times whether each is held: equal for whole numbers, wider for others.

    A bound that an asset keeps by not being held (at least less than zero, at most more) moves into its row.
    """
    side = limit.upper if limit.raised else limit.lower
    if not (np.isfinite(side).all() and (side >= 0.0 if limit.raised else side <= 0.0).all()):
        return limit
    rows = {**limit.rows, HELD_LINES: -side[:, None] * limit.rows[WEIGHTS]}
    zero, least = np.zeros(len(side)), np.where(np.isfinite(limit.lower), limit.lower, -inf)
    return replace(limit, rows=rows, lower=least if limit.raised else zero, upper=zero if limit.raised else limit.upper)
