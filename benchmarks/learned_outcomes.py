"""Worth of learning from journalled outcomes, out of sample: of a band, and of the confidence of a cycle.

    python -m benchmarks.learned_outcomes [--small]

A band is tuned on five years, and kept. At the end of each year after them it is refitted: one step of the grid wider
where the trades of the last years lost more within twenty sessions than no order did, else narrower (an outcome as the
journal has it); to the rule of least loss in these years; or tuned again on all days. Each rule is backtested once, and
a year counts with the rule in force, so that a change of rule is free. A confidence is brought to how often earlier
cycles came true, once their outcome was known; the one that is stated was fitted on other markets of the same days,
which favours it, and nothing was fitted to the share of twenty sessions. All is judged by the next year, in the markets
of three portfolios and in their days drawn again in blocks. Intervals hold jointly for all that was tried, over years
or simulated markets as independent of one another; nothing here was chosen by them.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from backtests.engine.result import Backtest
from backtests.engine.run import backtest, conditions
from backtests.evaluation.benchmark import Benchmark, losses
from backtests.inference.cluster_ratio import cluster_ratio
from backtests.inference.estimates import Estimate
from benchmarks.adaptive_bands import PORTFOLIOS, YEAR
from benchmarks.cycle_confidence import AHEAD, BLOCK, JOURNALLED, NAV, SEEN, decided, decided_at
from benchmarks.timing import keep, show
from desk.cycle.alternatives import DEFER, alternatives, as_held
from desk.cycle.analysis import Start
from foundation.arrays import Array
from foundation.threads import one_thread
from research.accounting.costs import BASIS_POINT
from research.allocation import target_path
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.risk.measures import BPS
from research.risk.simulation.resampling import StationaryBootstrap
from research.risk.simulation.simulated import simulated_market
from research.rules import TunedThreshold

PLACES = REAL, SIMULATED = "real", "simulated"
WINDOWS, TRAINING, YEARS = (1, 3, 5), 5, 15  # years learned from; tuned on at first; and of a simulated market
STARTS = {"tuned": 0, "two steps too narrow": -2, "two steps too wide": 2}  # steps from the tuned band
KEPT, AGAIN = "kept", "tuned again"
OUTCOMES, CLEAR, LEAST = "outcomes", "outcomes that are clear", "least loss"
NAMES = ["where", "start", "way", "window"]
BANDS = {"J": 3, "currency": 0, "J less tuned again": 3}  # figures and their digits
BRIER = "Brier score"
LIMIT = 1.96  # standard errors from zero of outcomes that are clear
WORLDS, CYCLES, DRAWN = 10, 600, 200  # markets of a portfolio; simulated cycles, one a month; years that each weighs
DESK = "desk"  # portfolio of the simulated cycles
SMALL = (2, 48, ("sixty_forty",))
MONTH, MONTHS = 21, 12  # sessions of a month; months of a year
HORIZONS = {"a year": ("confidence", "came true", MONTHS), f"{JOURNALLED} sessions": ("soon share", "soon true", 1)}


@dataclass(frozen=True, eq=False)
class Tried:
    """Every rule of a tuned threshold on one market.

    portfolio : portfolio on that market.
    backtests : backtest of each of K rules, of each band with all its destinations.
    known     : outcomes of trades by rule and year, kept as they are asked for.
    """

    portfolio: Portfolio
    backtests: Sequence[Backtest]
    known: dict[tuple[int, int], Array] = field(default_factory=dict)

    @classmethod
    def of(cls, portfolio: Portfolio) -> "Tried":
        """Backtest the rules, from the end of the first year on."""
        market = portfolio.market
        targets = target_path(portfolio.strategic, market)
        terms = conditions(portfolio, start=market.dates[YEAR + 1], targets=targets, nav=NAV)
        rules = TunedThreshold(portfolio.strategic).candidates()
        return cls(portfolio, [backtest(market, rule, portfolio.costs, **terms) for rule in rules])

    def by_year(self) -> tuple[Array, Array]:
        """(K, Y) J of each rule in each year, and J with the price of days with a trade, bp a year."""
        penalty, price = self.portfolio.tracking_penalty, self.portfolio.stated_day_cost
        daily = np.array([losses(one, Benchmark.of(one, penalty)) for one in self.backtests])
        years = daily.shape[1] // YEAR
        days = np.array([one.traded for one in self.backtests])
        loss, traded = (x[:, : years * YEAR].reshape(len(x), years, YEAR) for x in (daily, days))
        return loss.mean(axis=2), loss.mean(axis=2) + BPS * price / NAV * traded.sum(axis=2)

    def gains(self, rule: int, year: int) -> Array:
        """(k,) loss of each trade of a year less that of no order, twenty sessions later, bp of NAV."""
        if (rule, year) not in self.known:
            one = self.backtests[rule]
            last = one.first + (year + 1) * YEAR - JOURNALLED
            asked = one.ledger.asked[(one.ledger.asked > one.first + year * YEAR) & (one.ledger.asked <= last)]
            found = [self._gain(one, int(row)) for row in asked]
            self.known[rule, year] = np.array([each for each in found if each is not None])
        return self.known[rule, year]

    def _gain(self, one: Backtest, row: int) -> float | None:
        """The same of one trade; None where its whole lots are no order."""
        market, (weights, cash), day = self.portfolio.market, one.weight_paths, row - one.first
        earlier = one.ledger.booked[(one.ledger.booked >= 0) & (one.ledger.booked <= row)]
        traded = market.dates[max([one.first, *earlier])]
        then = as_held(self.portfolio, market.until(market.dates[row]), NAV * weights[day], NAV * cash[day], traded)
        targets = target_path(then.strategic, then.market, start=row)
        listed = alternatives(trade_list(then, one.policy, "threshold", targets=targets), targets, (DEFER,))
        starts = [Start.of(each, one.policy) for each in listed]
        growths = np.ones((1, starts[0].opening.days, len(market.assets)))
        growths[0, :JOURNALLED] += market.returns[row + 1 : row + 1 + JOURNALLED]
        lost = [float(each.losses(growths, listed[0].trades.target, [JOURNALLED]).sum()) for each in starts]
        return lost[0] - lost[1] if len(lost) > 1 else None

    def moved(self, rule: int, bands: int) -> int:
        """The rule of the same destination some bands away, or of the last band of the grid."""
        every = TunedThreshold(self.portfolio.strategic)
        band, to = divmod(rule, len(every.to))
        return int(np.clip(band + bands, 0, len(every.bands) - 1)) * len(every.to) + to

    def refitted(self, first: int, years: int, window: int, least: float) -> list[int]:
        """The rule of each year after the training, each a step from the last by the outcomes of the last years.

        first  : rule of the first of these years.
        window : number of years whose outcomes count.
        least  : standard errors from zero from which on their mean moves the band.
        """
        rules, seen = [first], list[Array]()
        for year in range(TRAINING, years - 1):
            seen.append(self.gains(rules[-1], year))
            gains = np.concatenate(seen[-window:])
            error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
            apart = gains.mean() if len(gains) else 0.0
            is_clear = abs(apart) > (least * error if least else 0.0)
            rules.append(self.moved(rules[-1], int(np.sign(apart))) if is_clear else rules[-1])
        return rules


def bands_learned(portfolio: Portfolio, where: str, cluster: str = "") -> pd.DataFrame:
    """A row for each year and way to learn: its J and loss in currency a year, less those of others that year.

    cluster : name of the market; "" where calendar years are what does not depend on one another.
    """
    tried = Tried.of(portfolio)
    figures = tried.by_year()
    worked, years = figures[1], figures[1].shape[1]
    judged = range(TRAINING, years)
    tuned = [int(worked[:, :y].mean(axis=1).argmin()) for y in judged]
    least = {(LEAST, w): [int(worked[:, y - w : y].mean(axis=1).argmin()) for y in judged] for w in WINDOWS}
    named = [cluster or each for each in tried.backtests[0].dates[1 + YEAR * np.array(judged)].year]
    loss, paid = (each[:, judged].T for each in figures)
    rows = []
    for start, steps in STARTS.items():
        kept = [tried.moved(tuned[0], steps)] * len(judged)
        ways = {(KEPT, 0): kept, (AGAIN, 0): tuned} | ({} if steps else least)
        for window in WINDOWS:
            for way, limit in ((OUTCOMES, 0.0), (CLEAR, LIMIT)):
                ways[way, window] = tried.refitted(kept[0], years, window, limit)
        for (way, window), rules in ways.items():
            for i, rule in enumerate(rules):
                apart = [each[i, rule] - (each[i, kept[i]] if way != KEPT else 0.0) for each in (loss, paid)]
                found = (apart[0], apart[1] * BASIS_POINT * NAV, loss[i, rule] - loss[i, tuned[i]])
                rows.append((where, start, way, window, named[i], *found))
    return pd.DataFrame(rows, columns=[*NAMES, "cluster", *BANDS])


# -- confidence ------------------------------------------------------------------------------------------------------


def isotonic(shares: Array, came: Array, now: Array) -> Array:
    """The frequency that rises with the share and fits earlier cycles best, at the shares of now."""
    fitted: Array = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(shares, came).predict(now)
    return fitted


def shrunk(shares: Array, came: Array, now: Array) -> Array:
    """Shares brought toward the frequency of earlier cycles, by the part that fits these best."""
    often, apart = came.mean(), shares - came.mean()
    part = float(np.clip(apart @ (came - often) / max(apart @ apart, np.finfo(float).tiny), 0.0, 1.0))
    return np.asarray(often + part * (now - often))


WAYS: Mapping[str, Callable[[Array, Array, Array], Array]] = {"isotonic": isotonic, "shrunk": shrunk}


def confidence_learned(cycles: pd.DataFrame, where: str) -> pd.DataFrame:
    """A row for each cycle and way to learn: the squared error of the confidence, less that of the one stated.

    cycles : one a month, in their order, with a column `cluster`.
    """
    rows = []
    for horizon, (share, true, wait) in HORIZONS.items():
        stated, came = cycles[share].to_numpy(), cycles[true].to_numpy()
        raw = (stated - came) ** 2
        rows += [(where, horizon, KEPT, 0, cycles["cluster"].iloc[i], raw[i]) for i in range(2 * MONTHS, len(raw))]
        for year in range(2 * MONTHS, len(cycles), MONTHS):
            now, known = slice(year, year + MONTHS), year - wait
            for window in WINDOWS:
                seen = slice(max(known - window * MONTHS, 0), known)
                for way, learned in WAYS.items():
                    apart = (learned(stated[seen], came[seen], stated[now]) - came[now]) ** 2 - raw[now]
                    clusters = cycles["cluster"].iloc[now]
                    rows += [(where, horizon, way, window, *of) for of in zip(clusters, apart, strict=True)]
    return pd.DataFrame(rows, columns=[*NAMES, "cluster", BRIER])


def real_cycles(portfolio: Portfolio) -> pd.DataFrame:
    """A cycle each 21 sessions of the market of a portfolio, once its assets have three years."""
    market = portfolio.market
    first = int(np.argmax(market.listed.all(axis=1))) + SEEN
    rows = range(first, len(market.dates) - AHEAD, MONTH)
    found = pd.DataFrame([decided_at(portfolio, market, row, row) for row in rows])
    return found.assign(cluster=market.dates[list(rows)].year)


def simulated_cycles(portfolio: Portfolio, cycles: int) -> pd.DataFrame:
    """Cycles on markets of their own, none of those that the stated confidence was fitted to."""
    law = StationaryBootstrap(portfolio.market, BLOCK)
    found = pd.DataFrame([decided(portfolio, law, 10_000 + number) for number in range(cycles)])
    return found.assign(cluster=np.arange(cycles) // MONTHS)


# -- all -------------------------------------------------------------------------------------------------------------


def redrawn(portfolio: Portfolio, path: int) -> Portfolio:
    """The portfolio on its days drawn again in blocks."""
    law = StationaryBootstrap(portfolio.market, BLOCK)
    return replace(portfolio, market=simulated_market(law, (1 + YEARS) * YEAR, seed=7, path=path))


def estimates(found: pd.DataFrame, figure: str, tried: int) -> dict[tuple[Any, ...], Estimate]:
    """The mean of a figure by where, start, way and window; the intervals hold jointly for all that was tried."""
    groups, level = found.groupby(NAMES, sort=False), 1.0 - 0.05 / tried
    return {name: cluster_ratio(of[figure], np.ones(len(of)), of["cluster"], level) for name, of in groups}  # type: ignore[misc]


def main(worlds: int = WORLDS, cycles: int = CYCLES, names: Sequence[str] = PORTFOLIOS) -> None:
    """Print the tables, and keep them.

    worlds : simulated markets of each portfolio.
    cycles : simulated cycles.
    names  : portfolios.
    """
    *files, desk = (load_portfolio(f"data/portfolios/{name}.yaml", {"cycle.worlds": DRAWN}) for name in (*names, DESK))
    with one_thread():
        bands = [bands_learned(each, REAL) for each in files]
        bands += [bands_learned(redrawn(each, p), SIMULATED, str(p)) for p in range(worlds) for each in files]
        of_confidence = [confidence_learned(real_cycles(each), REAL) for each in files]
        of_confidence.append(confidence_learned(simulated_cycles(desk, cycles), SIMULATED))
    tables = dict.fromkeys(BANDS, pd.concat(bands)) | {BRIER: pd.concat(of_confidence)}
    named = pd.concat([tables["J"][NAMES], tables[BRIER][NAMES]]).drop_duplicates()
    tried = int((named["way"] != KEPT).sum())
    kept = {}
    for figure, table in tables.items():
        of, digits = estimates(table, figure, tried), BANDS.get(figure, 4)
        ways = dict.fromkeys(name[1:] for name in of)
        rows = [
            (f"{start}: {way}", str(window or ""), *(of[where, start, way, window].text(digits) for where in PLACES))
            for start, way, window in ways
        ]
        show(figure, ("", "years", *PLACES), rows)
        kept[figure] = [(*map(str, name), each.value, each.lower, each.upper) for name, each in of.items()]
    print(f"Less that of what is kept, but where it is kept. {tried} ways were tried; intervals of 95 % hold for all.")
    keep("learned_outcomes", {"worlds": worlds, "cycles": cycles, "tried": tried, **kept})


if __name__ == "__main__":
    main(*(SMALL if sys.argv[1:] == ["--small"] else ()))
