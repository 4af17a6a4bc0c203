"""Our measures beside those of ffn, quantstats, empyrical and skfolio on two series: the tables of docs/metrics.md.

    python -m benchmarks.metrics          # prints them
    python -m benchmarks.metrics --write  # writes them between the two marks of the page

A library's figure is computed by its own convention, written here as a formula: of skfolio 1.12.2 and ffn 1.4.1, which
are called and must agree to 1e-9 where they are installed; of quantstats (0.0.86) and empyrical-reloaded (0.7.1), which
no lock has, from their published source. A loss is positive whatever sign a library gives it. Cash earns nothing, as
libraries take one rate for all days.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.paper.wording import listed, percent
from research.market import load_market
from research.risk import (
    alpha,
    beta,
    calmar,
    cdar,
    cvar,
    down_capture,
    excess_kurtosis,
    gaussian_cvar,
    gaussian_var,
    growth,
    hit_rate,
    information_ratio,
    longest_drawdown,
    max_drawdown,
    nav_path,
    omega,
    sharpe,
    skewness,
    sortino,
    tail_ratio,
    ulcer_index,
    up_capture,
    var,
    volatility,
)

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
BEGIN = "<!-- Written by `python -m benchmarks.metrics --write`: edit above this line alone. -->"
END = "<!-- end -->"
YEAR, SAME = 252, 1e-9
FFN, QUANTSTATS, EMPYRICAL, SKFOLIO = "ffn", "quantstats", "empyrical", "skfolio"
LIBRARIES = (FFN, QUANTSTATS, EMPYRICAL, SKFOLIO)


@dataclass(frozen=True)
class Shared:
    """Daily returns and a benchmark's on the same dates.

    name      : of the series.
    dates     : (T + 1,) from the close before the first return on.
    returns   : (T,) fraction.
    benchmark : (T,) fraction.
    """

    name: str
    dates: pd.DatetimeIndex
    returns: Array
    benchmark: Array

    @property
    def nav(self) -> Array:
        """(T + 1,) what 1 grew to."""
        return nav_path(self.returns)

    @property
    def none(self) -> Array:
        """(T,) cash that earns nothing."""
        return np.zeros(len(self.returns))

    @property
    def days(self) -> Array:
        """(T + 1,) number of each date's day."""
        return (self.dates - self.dates[0]).days.to_numpy().astype(float)

    @property
    def prices(self) -> pd.Series:
        """(T + 1,) NAV by date."""
        return pd.Series(self.nav, index=self.dates)


Figure = Callable[[Shared], float]
SAME_AS_OURS = "same"  # of a library whose convention is ours


@dataclass(frozen=True)
class Row:
    """A measure: our function, and what each library has.

    label : its name and unit.
    ours  : our function.
    peers : by library, `SAME_AS_OURS`, or its formula with what differs in a phrase; none where it has no such measure.
    """

    label: str
    ours: Figure
    peers: Mapping[str, str | tuple[Figure, str]]


def spy() -> Shared:
    """SPY of the embedded market, against 60 % SPY and 40 % AGG rebalanced daily."""
    market = load_market("us_etf_ohlcv").select(["SPY", "AGG"])
    returns = market.returns[1:]
    return Shared("SPY", market.dates, returns[:, 0], returns @ np.array([0.6, 0.4]))


def simulated() -> Shared:
    """Student's t with four degrees of freedom, seed 0: 2,000 business days, a beta of 0.8."""
    rng, days = np.random.default_rng(0), 2_000
    benchmark = 0.0004 + 0.007 * rng.standard_t(4, days)
    returns = 0.0001 + 0.8 * benchmark + 0.003 * rng.standard_t(4, days)
    return Shared("simulated", pd.bdate_range("2015-01-01", periods=days + 1), returns, benchmark)


# -- formulas of others ----------------------------------------------------------------------------------------------


def compounded(returns: Array) -> float:
    """Growth a year of returns (T,), a year having 252 of them."""
    return float(np.prod(1.0 + returns) ** (YEAR / len(returns)) - 1.0)


def under(s: Shared) -> Array:
    """(T,) drawdowns of the sums, not the products, of returns."""
    path = np.concatenate([[0.0], np.cumsum(s.returns)])
    return (path - np.maximum.accumulate(path))[1:]


def semi_deviation(s: Shared) -> float:
    """Of returns below their mean, over T - 1."""
    below = np.minimum(s.returns - s.returns.mean(), 0.0)
    return float(np.sqrt(np.sum(below**2) / (len(below) - 1)))


def capture(s: Shared, days: Array) -> float:
    """Growth a year over the benchmark's, as if the chosen days were all days."""
    return compounded(s.returns[days]) / compounded(s.benchmark[days])


def episode(s: Shared, *, peak: bool, recovery: bool, both: bool) -> float:
    """Calendar days of the longest drawdown, from or after its peak, to or before its recovery, both ends counted."""
    path, low, lengths = s.nav, s.nav < np.maximum.accumulate(s.nav), []
    starts = np.flatnonzero(low & ~np.r_[False, low[:-1]])
    ends = np.flatnonzero(low & ~np.r_[low[1:], False])
    for start, end in zip(starts, ends, strict=True):
        last = min(end + recovery, len(path) - 1)
        lengths.append(s.days[last] - s.days[start - peak] + both)
    return float(max(lengths))


def ours_longest(s: Shared) -> float:
    """Calendar days of our longest drawdown."""
    found = longest_drawdown(s.nav, s.days)
    return float(s.days[-1 if found.recovery is None else found.recovery] - s.days[found.peak])


def worst(s: Shared, level: float) -> float:
    """Mean of the whole observations in the tail, the first beyond it included, as empyrical counts them."""
    count = int((len(s.returns) - 1) * (1.0 - level)) + 1
    return -float(np.sort(s.returns)[:count].mean())


def not_annual(s: Shared) -> float:
    """Information ratio of one period."""
    active = s.returns - s.benchmark
    return float(active.mean() / active.std(ddof=1))


PERIODS = (lambda s: compounded(s.returns), "a year is 252 returns, not 365.25 days")
ADJUSTED = "corrected for small samples, as pandas does"
UNADDED = "of sums of returns, not of products"
GAUSSIAN = "Gaussian, which is a row of its own here"
ROWS = (
    Row(
        "CAGR",
        lambda s: growth(s.nav, s.days[-1]),
        {
            FFN: SAME_AS_OURS,
            QUANTSTATS: PERIODS,
            EMPYRICAL: PERIODS,
            SKFOLIO: (lambda s: float(s.returns.mean()) * YEAR, "mean return times 252"),
        },
    ),
    Row("Volatility", lambda s: volatility(s.returns, YEAR), dict.fromkeys(LIBRARIES, SAME_AS_OURS)),
    Row("Sharpe ratio", lambda s: sharpe(s.returns, s.none, YEAR), dict.fromkeys(LIBRARIES, SAME_AS_OURS)),
    Row(
        "Sortino ratio",
        lambda s: sortino(s.returns, s.none, YEAR),
        {
            FFN: SAME_AS_OURS,
            QUANTSTATS: SAME_AS_OURS,
            EMPYRICAL: SAME_AS_OURS,
            SKFOLIO: (
                lambda s: float(s.returns.mean()) / semi_deviation(s) * YEAR**0.5,
                "deviation below the mean, not below cash, over T − 1",
            ),
        },
    ),
    Row(
        "Maximum drawdown",
        lambda s: -max_drawdown(s.nav).depth,
        {
            FFN: SAME_AS_OURS,
            QUANTSTATS: SAME_AS_OURS,
            EMPYRICAL: SAME_AS_OURS,
            SKFOLIO: (lambda s: -float(under(s).min()), UNADDED),
        },
    ),
    Row(
        "Calmar ratio",
        lambda s: calmar(s.nav, s.days[-1]),
        {
            FFN: SAME_AS_OURS,
            QUANTSTATS: (lambda s: compounded(s.returns) / -max_drawdown(s.nav).depth, "its CAGR"),
            EMPYRICAL: (lambda s: compounded(s.returns) / -max_drawdown(s.nav).depth, "its CAGR"),
            SKFOLIO: (
                lambda s: float(s.returns.mean()) / -float(under(s).min()),
                "mean return of a day, not a year, over its drawdown",
            ),
        },
    ),
    Row(
        "Omega ratio",
        lambda s: omega(s.returns, s.none),
        {
            QUANTSTATS: SAME_AS_OURS,
            EMPYRICAL: SAME_AS_OURS,
            SKFOLIO: (
                lambda s: float(s.returns.mean()) / float(-np.minimum(s.returns - s.returns.mean(), 0.0).mean()),
                "mean return over the first partial moment below the mean: another threshold, and one less",
            ),
        },
    ),
    Row(
        "Hit rate",
        lambda s: hit_rate(s.returns),
        {QUANTSTATS: (lambda s: float((s.returns[s.returns != 0.0] > 0.0).mean()), "days of zero left out")},
    ),
    Row(
        "Ulcer index",
        lambda s: ulcer_index(s.nav),
        {
            FFN: (
                lambda s: 100.0 * float(np.sqrt(np.mean((s.nav / np.maximum.accumulate(s.nav) - 1.0) ** 2))),
                "in per cent, and the first close counts as a day",
            ),
            QUANTSTATS: (
                lambda s: ulcer_index(s.nav) * float(np.sqrt(len(s.returns) / (len(s.returns) - 1))),
                "over T − 1",
            ),
            SKFOLIO: (lambda s: float(np.sqrt(np.mean(under(s) ** 2))), UNADDED),
        },
    ),
    Row(
        "Longest drawdown, days",
        ours_longest,
        {
            FFN: (lambda s: episode(s, peak=False, recovery=True, both=False), "from the first close below the peak"),
            QUANTSTATS: (
                lambda s: episode(s, peak=False, recovery=False, both=True),
                "first to last close below the peak, both counted",
            ),
        },
    ),
    Row("CDaR 95 %", lambda s: cdar(s.nav, 0.95), {SKFOLIO: (lambda s: cvar(under(s), 0.95), UNADDED)}),
    Row(
        "Skewness",
        lambda s: skewness(s.returns),
        {
            FFN: (lambda s: float(pd.Series(s.returns).skew()), ADJUSTED),
            QUANTSTATS: (lambda s: float(pd.Series(s.returns).skew()), ADJUSTED),
            EMPYRICAL: SAME_AS_OURS,
            SKFOLIO: SAME_AS_OURS,
        },
    ),
    Row(
        "Excess kurtosis",
        lambda s: excess_kurtosis(s.returns),
        {
            FFN: (lambda s: float(pd.Series(s.returns).kurt()), ADJUSTED),
            QUANTSTATS: (lambda s: float(pd.Series(s.returns).kurt()), ADJUSTED),
            EMPYRICAL: SAME_AS_OURS,
            SKFOLIO: (lambda s: excess_kurtosis(s.returns) + 3.0, "kurtosis itself, 3 of a normal"),
        },
    ),
    Row("Tail ratio", lambda s: tail_ratio(s.returns), dict.fromkeys((QUANTSTATS, EMPYRICAL), SAME_AS_OURS)),
    *(
        row
        for level in (0.95, 0.99)
        for row in (
            Row(
                f"VaR {percent(level, 0)}",
                lambda s, level=level: var(s.returns, level),
                {
                    QUANTSTATS: (lambda s, level=level: gaussian_var(s.returns, level), GAUSSIAN),
                    EMPYRICAL: (
                        lambda s, level=level: -float(np.percentile(s.returns, 100.0 * (1.0 - level))),
                        "quantile interpolated between two observations",
                    ),
                    SKFOLIO: SAME_AS_OURS,
                },
            ),
            Row(
                f"CVaR {level:.0%}".replace("%", " %"),
                lambda s, level=level: cvar(s.returns, level),
                {
                    QUANTSTATS: (lambda s, level=level: gaussian_cvar(s.returns, level), GAUSSIAN),
                    EMPYRICAL: (lambda s, level=level: worst(s, level), "mean of the observations down to its VaR"),
                    SKFOLIO: SAME_AS_OURS,
                },
            ),
        )
    ),
    Row("VaR 95 %, Gaussian", lambda s: gaussian_var(s.returns), {QUANTSTATS: SAME_AS_OURS}),
    Row("CVaR 95 %, Gaussian", lambda s: gaussian_cvar(s.returns), {QUANTSTATS: SAME_AS_OURS}),
    Row("Beta", lambda s: beta(s.returns, s.benchmark, s.none), dict.fromkeys((QUANTSTATS, EMPYRICAL), SAME_AS_OURS)),
    Row(
        "Alpha",
        lambda s: alpha(s.returns, s.benchmark, s.none, YEAR),
        {
            QUANTSTATS: SAME_AS_OURS,
            EMPYRICAL: (
                lambda s: (1.0 + alpha(s.returns, s.benchmark, s.none, 1)) ** YEAR - 1.0,
                "compounded over the year",
            ),
        },
    ),
    Row(
        "Information ratio",
        lambda s: information_ratio(s.returns, s.benchmark, YEAR),
        dict.fromkeys((FFN, QUANTSTATS, EMPYRICAL), (not_annual, "of one day, not a year")),
    ),
    Row(
        "Capture of gains",
        lambda s: up_capture(s.returns, s.benchmark),
        {EMPYRICAL: (lambda s: capture(s, s.benchmark > 0.0), "growth a year of those days, not their mean")},
    ),
    Row(
        "Capture of losses",
        lambda s: down_capture(s.returns, s.benchmark),
        {EMPYRICAL: (lambda s: capture(s, s.benchmark < 0.0), "growth a year of those days, not their mean")},
    ),
)


# -- the libraries themselves ----------------------------------------------------------------------------------------


def of_skfolio(s: Shared) -> dict[str, float]:
    """What a portfolio of skfolio says, by label."""
    from skfolio import Portfolio

    line = pd.DataFrame({"line": s.returns}, index=s.dates[1:])
    made, at_99 = Portfolio(line, [1.0]), Portfolio(line, [1.0], value_at_risk_beta=0.99, cvar_beta=0.99)
    return {
        "CAGR": made.annualized_mean,
        "Volatility": made.annualized_standard_deviation,
        "Sharpe ratio": made.annualized_sharpe_ratio,
        "Sortino ratio": made.annualized_sortino_ratio,
        "Maximum drawdown": made.max_drawdown,
        "Calmar ratio": made.calmar_ratio,
        "Omega ratio": made.first_lower_partial_moment_ratio,
        "Ulcer index": made.ulcer_index,
        "CDaR 95 %": made.cdar,
        "Skewness": made.skew,
        "Excess kurtosis": made.kurtosis,
        "VaR 95 %": made.value_at_risk,
        "CVaR 95 %": made.cvar,
        "VaR 99 %": at_99.value_at_risk,
        "CVaR 99 %": at_99.cvar,
    }


def of_ffn(s: Shared) -> dict[str, float]:
    """What ffn says of prices, by label."""
    import ffn

    prices, returns = s.prices, pd.Series(s.returns, index=s.dates[1:])
    details = ffn.core.drawdown_details(ffn.to_drawdown_series(prices))
    stats = ffn.calc_stats(prices)
    return {
        "CAGR": ffn.calc_cagr(prices),
        "Volatility": stats.daily_vol,
        "Sharpe ratio": ffn.calc_sharpe(returns, nperiods=YEAR),
        "Sortino ratio": ffn.calc_sortino_ratio(returns, nperiods=YEAR),
        "Maximum drawdown": -ffn.calc_max_drawdown(prices),
        "Calmar ratio": ffn.calc_calmar_ratio(prices),
        "Ulcer index": ffn.core.to_ulcer_index(prices),
        "Longest drawdown, days": max(details["Length"]),
        "Skewness": stats.daily_skew,
        "Excess kurtosis": stats.daily_kurt,
        "Information ratio": ffn.calc_information_ratio(returns, pd.Series(s.benchmark, index=s.dates[1:])),
    }


CALLS: Mapping[str, Callable[[Shared], dict[str, float]]] = {FFN: of_ffn, SKFOLIO: of_skfolio}


def figure(row: Row, library: str, s: Shared) -> float:
    """What a library gives by its convention."""
    peer = row.peers[library]
    return row.ours(s) if isinstance(peer, str) else peer[0](s)


def check(library: str, s: Shared) -> int:
    """Call the library and compare it with its convention: how many measures agree; raises where one does not."""
    found = CALLS[library](s)
    expected = {row.label: figure(row, library, s) for row in ROWS if library in row.peers}
    if set(found) != set(expected):
        raise AssertionError(f"{library} is called for {set(found) ^ set(expected)}, or not, against the table")
    for label, value in expected.items():
        if not np.isclose(float(found[label]), value, rtol=SAME, atol=1e-12):
            raise AssertionError(f"{library}: {label} of {s.name} is {found[label]!r}, by its convention {value!r}")
    return len(expected)


# -- the page --------------------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """With five significant digits and a true minus."""
    return f"{value:.5g}".replace("-", "−")


def figures_table(s: Shared) -> str:
    """A row a measure: ours, and each library's where it is another number; "=" where it is ours."""
    lines = [f"| {s.name} | ours | {' | '.join(LIBRARIES)} |", "|---|---:|" + "---:|" * len(LIBRARIES)]
    for row in ROWS:
        own, cells = row.ours(s), []
        for library in LIBRARIES:
            if library not in row.peers:
                cells.append("–")
            else:
                value = figure(row, library, s)
                cells.append("=" if np.isclose(value, own, rtol=SAME) else number(value))
        lines.append(f"| {row.label} | {number(own)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def differences_table() -> str:
    """A row a measure that some library has otherwise: what differs, in a phrase."""
    lines = ["| measure | what others do |", "|---|---|"]
    for row in ROWS:
        phrases: dict[str, list[str]] = {}
        for library, peer in row.peers.items():
            if not isinstance(peer, str):
                phrases.setdefault(peer[1], []).append(library)
        if phrases:
            words = "; ".join(f"{listed(names)}: {phrase}" for phrase, names in phrases.items())
            lines.append(f"| {row.label} | {words} |")
    return "\n".join(lines)


def tables() -> str:
    """What stands between the marks of the page."""
    return "\n\n".join([*(figures_table(s) for s in (spy(), simulated())), differences_table()])


def main() -> None:
    """Call the libraries that are installed, and print the tables, or write them into the page."""
    for library in CALLS:
        if find_spec(library) is not None:
            counts = [check(library, s) for s in (spy(), simulated())]
            print(f"{library}: {sum(counts)} figures agree with its convention", file=sys.stderr)
    made = tables()
    if "--write" not in sys.argv[1:]:
        print(made)
        return
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
