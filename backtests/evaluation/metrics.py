"""Registry of the metrics: the name, unit, format, better direction and function of each.

Scores, evidence, sweeps, sheets, the study of real markets and the headings of CSV files all read `METRICS`. A new
metric is a function of `Measured` and a row of a group; it then stands in scores, tables, sheets and their JSON. A
metric of a sweep is computed as the path runs, without the path: `backtests.batch.streaming_metrics` has its function.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtests.evaluation.benchmark import losses, target_returns
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.paper.wording import amount, number
from foundation.tolerances import TRIGGER
from research import risk
from research.accounting.cost_parameters import COST_COLUMNS, HOLDING_COSTS
from research.market.calendars import row_name
from research.risk.measures import BPS

if TYPE_CHECKING:  # a list of past runs prints metrics without the engine
    from backtests.engine.result import Backtest
    from backtests.evaluation.benchmark import Benchmark

METRIC_DAYS = 256  # days whose weights are read together, so that what is made of them stays in the cache


@dataclass(frozen=True, eq=False)
class Measured:
    """A backtest beside its benchmark: all that a metric is computed from. D: days of the test."""

    backtest: "Backtest"
    benchmark: "Benchmark"

    @property
    def periods_per_year(self) -> float:
        """Number of periods by which figures are annualised."""
        return self.benchmark.periods_per_year

    @property
    def years(self) -> float:
        """Length of the test: its days over `periods_per_year`."""
        return len(self.net) / self.periods_per_year

    @property
    def calendar_days(self) -> float:
        """Number of calendar days from the close before the first return to the last."""
        dates = self.backtest.dates
        return float((dates[-1] - dates[0]).days)

    @cached_property
    def net(self) -> Array:
        """(D,) returns net of costs, fraction."""
        return self.backtest.net_returns

    @cached_property
    def gross(self) -> Array:
        """(D,) returns before costs, fraction."""
        return self.backtest.gross_returns

    @property
    def cash(self) -> Array:
        """(D,) returns of cash, fraction."""
        return self.backtest.market.cash[self.backtest.first + 1 :]

    @cached_property
    def strategic(self) -> Array:
        """(D,) returns of the strategic target, rebalanced daily at no cost, fraction."""
        return target_returns(self.benchmark.strategic, self.backtest.market, self.backtest.first)

    @cached_property
    def compared(self) -> Array:
        """(D,) returns to which beta and the other relative figures are taken, fraction.

        Raises DataError where the portfolio has no benchmark.
        """
        named = self.benchmark.comparator
        return self.strategic if named is None else named.needed()

    @cached_property
    def active(self) -> Array:
        """(D,) returns before costs less those of the strategic target, fraction."""
        return self.gross - self.strategic

    @cached_property
    def active_own(self) -> Array:
        """(D,) returns before costs less those of the policy's own target, fraction."""
        backtest = self.backtest
        if backtest.targets is self.benchmark.strategic:
            return self.active
        return self.gross - target_returns(backtest.targets, backtest.market, backtest.first)

    @cached_property
    def losses(self) -> Array:
        """(D,) daily terms of J, bp a year."""
        return losses(self.backtest, self.benchmark, self.active)

    @cached_property
    def drawdown(self) -> risk.Drawdown:
        """The maximum drawdown, net of costs, with its rows."""
        return risk.max_drawdown(self.backtest.growth_path)

    @cached_property
    def days(self) -> Array:
        """(D + 1,) number of each close's calendar day, from the first on."""
        dates = self.backtest.dates.to_numpy().astype("datetime64[D]")
        return (dates - dates[0]).astype(float)

    @cached_property
    def curve(self) -> Mapping[str, float]:
        """The figures of one compiled pass over the path, net of costs (`curve_measures`); NaN where not defined."""
        found = risk.curve_measures(
            self.backtest.growth_path, self.cash, days=self.days, periods_per_year=self.periods_per_year
        )
        return {name: float(values[0]) for name, values in found.items()}

    def of_curve(self, measure: str, plain: Callable[[], float]) -> float:
        """A measure of `curve`; where it is not defined, `plain` is asked, and raises DataError with the reason."""
        value = self.curve[measure]
        return plain() if np.isnan(value) else value

    @cached_property
    def weights(self) -> Array:
        """(D, n) weights at each close of the test after the opening one, fraction of NAV."""
        return self.backtest.weight_paths[0][1:]

    @cached_property
    def outside(self) -> NDArray[np.bool_]:
        """(D, n) whether each asset is listed and outside its range at each close, after what was booked there."""
        backtest, benchmark, weights = self.backtest, self.benchmark, self.weights
        listed = backtest.market.listed[backtest.first + 1 :]
        found: NDArray[np.bool_] = listed & (
            (weights < benchmark.lower - TRIGGER) | (weights > benchmark.upper + TRIGGER)
        )
        return found

    @cached_property
    def concentration(self) -> float:
        """`concentration` of the weights at a close, mean over the days on which an asset is held.

        Raises DataError where none ever is.
        """
        found = []
        for weights in np.array_split(self.weights, max(len(self.weights) // METRIC_DAYS, 1)):
            sizes = np.abs(np.asfortranarray(weights))  # added asset by asset
            held = sizes.sum(axis=1)
            invested = held > TRIGGER
            found.append(np.sum((sizes[invested] / held[invested, None]) ** 2, axis=1))
        if not any(map(len, found)):
            return risk.concentration(self.weights[0])  # which says why there is none
        return float(np.mean(np.concatenate(found)))


def days_outside(measured: Measured) -> float:
    """Fraction of the days on which a listed asset is outside its range, after booking."""
    if not measured.benchmark.has_ranges:
        return 0.0
    return float(measured.outside.any(axis=1).mean())


def mean_diversification(measured: Measured) -> float:
    """`realised_diversification` of the mean weights of the test on its days."""
    backtest = measured.backtest
    weights, listed = measured.weights.mean(axis=0), backtest.market.listed[backtest.first + 1 :]
    held = np.abs(weights) > TRIGGER
    if not held.any():
        raise DataError("the diversification ratio is not defined: the portfolio holds cash alone.")
    late = held & ~listed.all(axis=0)
    if late.any():
        name = backtest.market.assets[int(np.argmax(late))]
        raise DataError(f"the diversification ratio is not defined: {name} is not listed on every day of the test.")
    if len(listed) < 2:
        raise DataError(f"the diversification ratio needs two returns: found {len(listed)}.")
    return risk.realised_diversification(np.where(held, weights, 0.0), backtest.market.returns[backtest.first + 1 :])


LEAST_YEAR = 360.0  # calendar days from the last close of a year to that of the next, at least, whichever days they are


def annual_growth(nav: Array, span_days: float) -> float:
    """`growth` of a test of a year or more.

    nav       : (T + 1,).
    span_days : calendar days from its first row to its last.
    Raises    : DataError for a shorter test, whose growth is not annualised (GIPS 2010, 5.A.4): it has a total return.
    """
    if span_days < LEAST_YEAR:
        raise DataError(
            f"a test of {span_days:.0f} calendar days is shorter than a year, and its growth is not annualised; the "
            "total return is what it grew."
        )
    return risk.growth(nav, span_days)


def annual_calmar(measured: Measured) -> float:
    """`calmar` of a test of a year or more. Raises DataError for a shorter one, and where it is not defined."""
    path, days = measured.backtest.growth_path, measured.calendar_days
    annual_growth(path, days)
    return measured.of_curve("calmar", lambda: risk.calmar(path, days))


CONFIDENCE = "confidence interval"
PREDICTIVE = "range expected in another such period"
ITS_OWN = "a description of this sample"
COUNT = "a count of this test"
CURRENCY = "currency"  # unit of amounts; a sheet names the currency
PER_ROW = "% a row"  # unit of losses of one row of the market, which `Metric.in_market` names: a day, a week or a month
WEALTH = "Wealth, net of costs"  # the group that ends with the figures of cash flows, where there are any


@dataclass(frozen=True)
class Column:
    """A number as a table shows it: times a factor, in a unit, with so many digits; an amount as `amount` writes it."""

    key: str
    label: str
    unit: str
    factor: float = 1.0
    digits: int = 2

    def text(self, value: float | None, *, signed: bool = False) -> str:
        """The number in its unit of display, without the unit; a dash for one that is not available."""
        shown = None if value is None else self.factor * value
        return amount(shown, signed=signed) if self.unit == CURRENCY else number(shown, self.digits, signed=signed)

    def text_with_unit(self, value: float) -> str:
        """The number with its unit."""
        return f"{self.text(value)} {self.unit}".strip()

    def value(self, figures: Mapping[str, Any]) -> float:
        """This number of `figures`, by name, in its unit of display; NaN for one that is not available."""
        found = figures[self.key]
        return float("nan") if found is None else self.factor * float(found)

    def cell(self, figures: Mapping[str, Any]) -> str:
        """This number of `figures`, by name, as a cell of a table; a dash for one that is not available."""
        found = figures[self.key]
        return self.text(None if found is None else float(found))


@dataclass(frozen=True, kw_only=True)
class Metric(Column):
    """A number by which backtests are judged.

    proper            : True if its name keeps its capital within a sentence, such as that of a person.
    short             : its name where there is little room; by default the label up to its first comma.
    lower_is_better   : True if the policy with the lower number is the better one of two.
    of                : its function; None where it is computed from something other than `Measured`.
    of_portfolio      : True if it needs the strategic target of a portfolio; a backtest by itself then has none.
    rounding          : differences between policies of so much or less come from rounding, in the unit of the record;
                        None where policies are not compared by it.
    difference_digits : digits of a difference, where they are not those of the number.
    interval          : its interval, as `backtests.inference.intervals` finds it; "" where there is none.
    no_interval       : the reason why there is none.
    """

    proper: bool = False
    short: str = ""
    lower_is_better: bool = True
    of: Callable[[Measured], float] | None = None
    of_portfolio: bool = False
    rounding: float | None = None
    difference_digits: int | None = None
    interval: str = ""
    no_interval: str = ITS_OWN

    @property
    def name(self) -> str:
        """The label up to its first comma."""
        return self.label.partition(",")[0]

    @property
    def phrase(self) -> str:
        """Its name within a sentence, such as "maximum drawdown", "CAGR" or "Sharpe ratio"."""
        first = self.name.partition(" ")[0]
        return self.name[0].lower() + self.name[1:] if first[1:].islower() and not self.proper else self.name

    @property
    def narrow(self) -> str:
        """Its name in a terminal's column."""
        return self.short or self.name

    @property
    def narrow_unit(self) -> str:
        """Its unit in a terminal's column."""
        return f" {self.unit}".replace(" a ", "/").strip()

    @property
    def counted_unit(self) -> str:
        """Its unit where no label stands beside it: for a count, the name of the things counted."""
        return f"{self.narrow} {self.unit}" if self.unit == "a year" else self.unit

    @property
    def record_unit(self) -> str:
        """The unit in which records and CSV files have it."""
        return self.unit.replace("%", "fraction") or "ratio"

    @property
    def difference(self) -> Column:
        """The format of the difference of two policies."""
        digits = self.digits if self.difference_digits is None else self.difference_digits
        return Column(self.key, self.name, self.unit.replace("%", "points"), self.factor, digits)

    def in_market(self, periods_per_year: float) -> "Metric":
        """The same with the name of a row in unit and label: a market of so many rows a year has days, or months."""
        row = row_name(periods_per_year)
        unit = self.unit.replace(PER_ROW, f"% a {row}")
        return replace(self, unit=unit, label=self.label.replace("rows of", f"{row}s of"))

    def labelled(self, label: str) -> "Metric":
        """The same under another label, where a table's caption makes this one too long."""
        return replace(self, label=label)


METRIC_GROUPS: Mapping[str, tuple[Metric, ...]] = {  # of a table of figures, in order
    "Rebalancing loss and limits": (
        Metric(
            "loss", "Rebalancing loss J, cost and tracking", "bp a year", short="loss J", of_portfolio=True,
            rounding=1e-8, of=lambda m: float(m.losses.mean()), interval=CONFIDENCE,
        ),
        Metric(
            "cost", "Cost", "bp a year", short="cost",
            of=lambda m: float(m.backtest.cost_rate.sum()) / m.years * BPS, interval=CONFIDENCE,
        ),
        Metric(
            "tracking_error", "Tracking error, strategic", "% a year", 100.0, short="tracking", of_portfolio=True,
            of=lambda m: risk.tracking_error(m.active, m.periods_per_year), interval=CONFIDENCE,
        ),
        Metric(
            "days_outside", "Days outside ranges", "%", 100.0, 1, of_portfolio=True, of=days_outside,
            no_interval=COUNT,
        ),
    ),
    WEALTH: (
        Metric(
            "growth", "CAGR", "% a year", 100.0, lower_is_better=False, rounding=1e-11,
            of=lambda m: annual_growth(m.backtest.growth_path, m.calendar_days), interval=CONFIDENCE,
        ),
        Metric(
            "growth_gross", "CAGR, gross", "% a year", 100.0, lower_is_better=False,
            of=lambda m: annual_growth(risk.nav_path(m.gross), m.calendar_days),
            no_interval="that of the CAGR, higher by the costs",
        ),
        Metric(
            "total_return", "Total return", "%", 100.0, lower_is_better=False,
            of=lambda m: float(m.backtest.growth_path[-1] / m.backtest.growth_path[0]) - 1.0,
        ),
        Metric(
            "final_balance", "Final balance", CURRENCY, lower_is_better=False,
            of=lambda m: float(m.backtest.ledger.nav[-1]),
        ),
        Metric(
            "volatility", "Volatility", "% a year", 100.0, short="volatility",
            of=lambda m: risk.volatility(m.net, m.periods_per_year), interval=CONFIDENCE,
        ),
        Metric(
            "sharpe", "Sharpe ratio", "", short="Sharpe", proper=True, lower_is_better=False, rounding=1e-9,
            difference_digits=3, of=lambda m: risk.sharpe(m.net, m.cash, m.periods_per_year), interval=CONFIDENCE,
        ),
        Metric(
            "max_drawdown", "Maximum drawdown", "%", 100.0, 1, short="drawdown", lower_is_better=False,
            of=lambda m: m.drawdown.depth, interval=PREDICTIVE,
        ),
        Metric("cvar95", "CVaR 95 %", PER_ROW, 100.0, of=lambda m: risk.cvar(m.net, 0.95), interval=PREDICTIVE),
    ),
    "Trading": (
        Metric(
            "turnover", "Turnover, one-way", "% a year", 100.0, 1, short="turnover",
            of=lambda m: float(m.backtest.turnover.sum()) / m.years, interval=CONFIDENCE,
        ),
        Metric(
            "trades", "Orders", "a year", digits=1, short="orders",
            of=lambda m: float(m.backtest.orders) / m.years, no_interval=COUNT,
        ),
        Metric(
            "trading_days", "Days with a trade", "a year", digits=1, short="days",
            of=lambda m: float(len(m.backtest.trading_days)) / m.years, no_interval=COUNT,
        ),
        Metric(
            "tracking_error_own", "Tracking error, own target", "% a year", 100.0,
            of=lambda m: risk.tracking_error(m.active_own, m.periods_per_year), interval=CONFIDENCE,
        ),
        Metric(
            "opening_cost", "Initial investment cost", "bp once", digits=1,
            of=lambda m: m.backtest.opening_cost * BPS,
            no_interval="a charge on the first trade, the same in any market",
        ),
        Metric(
            "lowest_cash", "Lowest cash", "% of NAV", 100.0, lower_is_better=False,
            of=lambda m: float((m.backtest.ledger.cash / m.backtest.ledger.nav)[1:].min()),
        ),
    ),
    "Shape and tails": (
        Metric(
            "sortino", "Sortino ratio", "", proper=True, lower_is_better=False,
            of=lambda m: m.of_curve("sortino", lambda: risk.sortino(m.net, m.cash, m.periods_per_year)),
        ),
        Metric(
            "calmar", "Calmar ratio", "", proper=True, lower_is_better=False,
            of=annual_calmar,
        ),
        Metric(
            "omega", "Omega ratio, over cash", "", proper=True, lower_is_better=False,
            of=lambda m: m.of_curve("omega", lambda: risk.omega(m.net, m.cash)),
        ),
        Metric(
            "hit_rate", "Hit rate, rows of gain", "%", 100.0, 1, lower_is_better=False,
            of=lambda m: m.curve["hit_rate"],
        ),
        Metric("ulcer", "Ulcer index", "%", 100.0, proper=True, of=lambda m: m.curve["ulcer"]),
        Metric("longest_drawdown", "Longest drawdown", "days", digits=0, of=lambda m: m.curve["longest_drawdown"]),
        Metric(
            "recovery", "Recovery from maximum drawdown", "days", digits=0,
            of=lambda m: risk.recovery_days(m.backtest.growth_path, m.days),
        ),
        Metric("cdar95", "CDaR 95 %", "%", 100.0, of=lambda m: risk.cdar(m.backtest.growth_path, 0.95)),
        Metric(
            "skewness", "Skewness", "", lower_is_better=False,
            of=lambda m: m.of_curve("skewness", lambda: risk.skewness(m.net)),
        ),
        Metric(
            "kurtosis", "Excess kurtosis", "",
            of=lambda m: m.of_curve("kurtosis", lambda: risk.excess_kurtosis(m.net)),
        ),
        Metric(
            "tail_ratio", "Tail ratio, 95 % over 5 %", "", lower_is_better=False,
            of=lambda m: risk.tail_ratio(m.net),
        ),
        Metric("var95", "VaR 95 %", PER_ROW, 100.0, of=lambda m: risk.var(m.net, 0.95)),
        Metric("var95_gaussian", "VaR 95 %, Gaussian", PER_ROW, 100.0, of=lambda m: risk.gaussian_var(m.net, 0.95)),
        Metric(
            "var95_cornish_fisher", "VaR 95 %, Cornish–Fisher", PER_ROW, 100.0,
            of=lambda m: risk.cornish_fisher_var(m.net, 0.95),
        ),
        Metric(
            "cvar95_gaussian", "CVaR 95 %, Gaussian", PER_ROW, 100.0,
            of=lambda m: risk.gaussian_cvar(m.net, 0.95),
        ),
        Metric(
            "cvar95_cornish_fisher", "CVaR 95 %, Cornish–Fisher", PER_ROW, 100.0,
            of=lambda m: risk.cornish_fisher_cvar(m.net, 0.95),
        ),
        Metric("var99", "VaR 99 %", PER_ROW, 100.0, of=lambda m: risk.var(m.net, 0.99)),
        Metric("var99_gaussian", "VaR 99 %, Gaussian", PER_ROW, 100.0, of=lambda m: risk.gaussian_var(m.net, 0.99)),
        Metric(
            "var99_cornish_fisher", "VaR 99 %, Cornish–Fisher", PER_ROW, 100.0,
            of=lambda m: risk.cornish_fisher_var(m.net, 0.99),
        ),
        Metric("cvar99", "CVaR 99 %", PER_ROW, 100.0, of=lambda m: risk.cvar(m.net, 0.99)),
        Metric(
            "cvar99_gaussian", "CVaR 99 %, Gaussian", PER_ROW, 100.0,
            of=lambda m: risk.gaussian_cvar(m.net, 0.99),
        ),
        Metric(
            "cvar99_cornish_fisher", "CVaR 99 %, Cornish–Fisher", PER_ROW, 100.0,
            of=lambda m: risk.cornish_fisher_cvar(m.net, 0.99),
        ),
    ),
    "Against the benchmark": (
        Metric("beta", "Beta", "", of_portfolio=True, of=lambda m: risk.beta(m.net, m.compared, m.cash)),
        Metric(
            "alpha", "Alpha", "% a year", 100.0, lower_is_better=False, of_portfolio=True,
            of=lambda m: risk.alpha(m.net, m.compared, m.cash, m.periods_per_year),
        ),
        Metric(
            "information_ratio", "Information ratio", "", lower_is_better=False, of_portfolio=True,
            of=lambda m: risk.information_ratio(m.net, m.compared, m.periods_per_year),
        ),
        Metric(
            "up_capture", "Capture of gains", "%", 100.0, 1, lower_is_better=False, of_portfolio=True,
            of=lambda m: risk.up_capture(m.net, m.compared),
        ),
        Metric(
            "down_capture", "Capture of losses", "%", 100.0, 1, of_portfolio=True,
            of=lambda m: risk.down_capture(m.net, m.compared),
        ),
    ),
    "Spread over assets": (
        Metric("concentration", "Concentration of weights, HHI", "", digits=3, of=lambda m: m.concentration),
        Metric(
            "effective_lines", "Effective number of assets", "", digits=1, lower_is_better=False,
            of=lambda m: 1.0 / m.concentration,
        ),
        Metric("diversification", "Diversification ratio", "", lower_is_better=False, of=mean_diversification),
    ),
}  # fmt: skip
OTHERS = (  # of sweeps, cash flows, taxes at the end, harvests and studies: no table of one backtest has them by itself
    Metric("nav", "Final wealth", "of 1 at the start", digits=3, lower_is_better=False),
    Metric("money_weighted", "Money-weighted return", "% a year", 100.0, lower_is_better=False),
    Metric("flows", "Net cash flows", CURRENCY),
    Metric("final_balance_taxed", "Final balance, after tax at the end", CURRENCY, lower_is_better=False),
    Metric("growth_taxed", "CAGR, after tax at the end", "% a year", 100.0, lower_is_better=False),
    Metric("loss_taxed", "Rebalancing loss J, after tax at the end", "bp a year"),
    Metric("harvested", "Losses harvested", "% of NAV a year", 100.0, lower_is_better=False),
    Metric("harvest_cost", "Cost of harvests", "bp a year"),
    Metric("tracking_loss", "tracking component of loss", "bp a year"),
    Metric("loss_training", "loss, simulated training paths", "bp a year"),
)
METRICS: Mapping[str, Metric] = {metric.key: metric for group in (*METRIC_GROUPS.values(), OTHERS) for metric in group}
COMPARED = tuple(metric.key for metric in METRICS.values() if metric.rounding is not None)  # by paired evidence
COST_PARTS: Mapping[str, Metric] = {
    part: Metric(part, f"Cost, {words}", "bp a year", short=words)
    for part in (*COST_COLUMNS, *HOLDING_COSTS)
    for words in (part.replace("half_", "half-").replace("_", " "),)
}


def lower_is_better(key: str) -> bool:
    """True if the lower number is the better one, as it is of a column that is no metric."""
    return key not in METRICS or METRICS[key].lower_is_better
