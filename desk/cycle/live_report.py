"""The report on a live record beside its backtest: what they differ by, since when, and whether that contradicts."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from backtests.engine import backtest
from backtests.engine.run import conditions
from backtests.evaluation.benchmark import target_returns
from backtests.inference.confidence_sequence import BATCHES_A_YEAR, ConfidenceSequence, batch_means, confidence_sequence
from backtests.inference.detector import RUN_YEARS
from backtests.inference.estimates import INTERVAL_LEVEL, Estimate, NotAvailable
from backtests.sheets.parts import Part, section_blocks
from desk.cycle.live import CAUSES, HELD, LOTS, TOLERANCE, DailyMoney, Parting, beside_backtest, played_from
from desk.cycle.live_break import live_break
from desk.tca.page import table_block
from desk.tca.report import WordsTable
from desk.tca.text import table_text
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError, InputError
from foundation.paper.charts.panel import Axis, day_numbers, one_panel
from foundation.paper.layout import AXIS
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.render import PAPER_PACKAGE, Running, fill_template
from foundation.paper.svg import Canvas
from foundation.paper.text_tables import warnings_text, wrapped
from foundation.paper.wording import amount, counted, number, percent
from foundation.tolerances import COUNTED
from research.accounting import Policy
from research.accounting.costs import BASIS_POINT
from research.accounting.turnover import one_way
from research.market.calendars import DAYS_PER_YEAR
from research.orders.booking import events_since
from research.portfolio import Portfolio
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.nav_history import NavHistory
from research.risk.measures import growth, nav_path, tracking_error

TRUE = (0.005, 0.01, 0.02, 0.05)  # differences a year of which it is said how long they take to be known
EACH_LEVEL = 1.0 - (1.0 - INTERVAL_LEVEL) / 2.0  # level of each of two intervals that err together as often as one
PANEL_HEIGHT = 200.0  # px
LIVE_TITLES = {
    "columns": "Live and the backtest",
    "assets": "By asset",
    "causes": "Why they differ",
    "trades": "Trades of one alone",
    "known": "How long until we know",
}


@dataclass(frozen=True, eq=False)
class Promise:
    """The excess over the reference that a test found, and that of the live record, a year.

    tested : mean of the test before the record, with its interval.
    live   : sequence of the live record.
    """

    tested: Estimate
    live: ConfidenceSequence


@dataclass(frozen=True, eq=False)
class LiveReport:
    """A live record beside its backtest.

    portfolio : portfolio.
    policy    : name of the policy.
    parting   : what they differ by.
    sequence  : sequence of the difference of their daily returns, live less the backtest.
    promise   : the excess over the reference, tested and live; or the reason why it is not known.
    warnings  : sentences on what is missing from the record.
    """

    portfolio: Portfolio
    policy: str
    parting: Parting
    sequence: ConfidenceSequence
    promise: Promise | NotAvailable
    warnings: tuple[str, ...]

    @property
    def title(self) -> str:
        """The portfolio, the policy and the days."""
        dates = self.parting.dates
        return (
            f"{self.portfolio.name} beside the backtest of {self.policy}, {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}"
        )

    @property
    def headlines(self) -> list[str]:
        """The difference, the first day, the alert of a break, and the answers to both questions, a sentence each."""
        both, margin = self.parting, self.portfolio.materiality * BASIS_POINT
        apart = f"{amount(both.difference, signed=True)} {self.portfolio.basis}"
        found = [f"NAV of live less the backtest: {apart}, {_bps(both, both.difference)} bp of NAV.", self._first_day()]
        if alert := live_break(both, self.portfolio.materiality):
            rare = (
                f"Without a break, such an alert comes once in {number(RUN_YEARS, 1)} years on average, or less often"
            )
            found.append(f"An alert, and no verdict: {alert[1]}. {rare}.")
        since, beyond = self.sequence.first_apart(), self.sequence.first_apart(-margin, margin)
        verdict = _verdict(both, self.sequence, since, "the backtest")
        if beyond is not None:
            verdict += f" The mean is beyond the file's materiality of {number(self.portfolio.materiality)} bp a year."
        found.append(f"Implementation, live less the backtest: {verdict}")
        if isinstance(self.promise, NotAvailable):
            return [*found, f"The promise of the test is not judged: {self.promise.reason}"]
        tested, reference = self.promise.tested, self.portfolio.reference
        since = self.promise.live.first_apart(tested.lower, tested.upper)
        verdict = _verdict(both, self.promise.live, since, "the test")
        return [*found, f"Excess over {reference}: in the test {_a_year(tested)}; live {verdict}"]

    def _first_day(self) -> str:
        both, limit = self.parting, f"{TOLERANCE / BASIS_POINT:g} bp of NAV"
        if (found := both.first_apart()) is None:
            return f"They have not parted by more than {limit}."
        row, cause = found
        i = int(np.abs(both.live.traded[row] - both.test.traded[row]).argmax())
        live, test = (amount(of.traded[row, i], signed=True) for of in both.columns)
        asset = f" ({self.portfolio.market.assets[i]}: live {live}, the backtest {test} {self.portfolio.basis})"
        traded = asset if cause in HELD[: LOTS + 1] and live != test else ""
        return f"They first part by more than {limit} on {both.dates[row]:%Y-%m-%d}: {cause}{traded}."

    def tables(self) -> Iterator[WordsTable]:
        """The tables, in the order in which they are shown."""
        basis, both = self.portfolio.basis, self.parting
        heads = [("", ""), ("live", ""), ("backtest", ""), ("difference", "")]
        yield WordsTable("columns", f"Since the opening, amounts in {basis}", heads, _figure_rows(both))
        pairs = zip([*self.portfolio.market.assets, "cash and others"], *map(_brought, both.columns), strict=True)
        rows = [_row(*each) for each in pairs]
        yield WordsTable("assets", f"What each asset brought, net of fees, in {basis}; flows left out", heads, rows)
        sums = [*zip(CAUSES, both.causes.sum(axis=0).tolist(), strict=True), ("total", both.difference)]
        rows = [[cause, amount(value, signed=True), _bps(both, value)] for cause, value in sums]
        caption = "The difference of NAV, live less the backtest, by cause: the sum is exact"
        yield WordsTable("causes", caption, [("cause", ""), ("difference", basis), ("of NAV", "bp")], rows)
        if both.alone.any():
            yield _trades_table(both, basis)
        heads = [("true difference", "a year"), ("live less backtest", "years")]
        known = [self.sequence] if isinstance(self.promise, NotAvailable) else [self.sequence, self.promise.live]
        heads += [(f"live less {self.portfolio.reference}", "years")] * (len(known) - 1)
        years = [[one.years_until_known(each) for one in known] for each in TRUE]
        if not np.isnan(years).all():
            rows = [[percent(each), *map(_years, row)] for each, row in zip(TRUE, years, strict=True)]
            yield WordsTable("known", "How long until we know: median years until an interval leaves 0", heads, rows)

    @property
    def text(self) -> str:
        """Headlines, tables and warnings for a terminal."""
        head = "\n".join(map(wrapped, [self.title, *self.headlines]))
        return "\n\n".join([head, *map(table_text, self.tables())]) + warnings_text(self.warnings)

    def page(self) -> str:
        """The whole page."""
        parts: dict[str, list[Part]] = {each.key: [table_block(each)] for each in self.tables()}
        if np.isfinite(self.sequence.width).any():
            parts["known"] = [sequence_picture(self), *parts.get("known", [])]
        sections = [(key, LIVE_TITLES[key], LIVE_TITLES[key], each) for key, each in parts.items()]
        sheet = {
            "eyebrow": "Live record",
            "title": "Live beside the backtest",
            "subtitle": f"{self.title}.",
            "source": "",
            "headlines": self.headlines,
            "warnings": self.warnings,
            "sections": section_blocks(sections),
            "terms": {
                "Interval": "All intervals at all looks hold the true mean together, with "
                f"{percent(INTERVAL_LEVEL, 0)}."
            },
        }
        return fill_template(PAPER_PACKAGE, "report.html.j2", Running(self.title), sheet=sheet)


def live_report(portfolio: Portfolio, policy: Policy, name: str, book: Book | None) -> LiveReport:
    """The report on the live record of a portfolio; arguments and errors of `beside_backtest`.

    A `nav_history` of other holdings is left out, and told. Raises DataError for one without a book, too.
    """
    fault = portfolio.nav_history.fault(portfolio.nav)
    if fault and book is None:
        raise DataError(f"the live record of {portfolio.file} is not known: {fault}")
    portfolio = replace(portfolio, nav_history=NavHistory()) if fault else portfolio
    both = beside_backtest(portfolio, policy, name, book)
    sequence = confidence_sequence(both.live.returns - both.test.returns, portfolio.periods_per_year)
    warnings = ["The file names no book: fills are not known, and all that differs is unexplained."]
    if book is not None:
        waiting = [*(each.name for each in events_since(book, portfolio)), *(each.name for each in book.open_items)]
        warnings = [f"Not booked, and so not in the record: {', '.join(waiting)}."] if waiting else []
        if both.backtest.market.dividends is None:
            warnings.append(
                "Returns of the market have dividends in them that nothing says apart: book those that came."
            )
    warnings += [f"It is left out: {fault}"] if fault else []
    return LiveReport(portfolio, name, both, sequence, promise(portfolio, policy, name, both), tuple(warnings))


def promise(portfolio: Portfolio, policy: Policy, name: str, both: Parting) -> Promise | NotAvailable:
    """The excess of a policy over the reference in the test before the record, and live; or why it is not known."""
    market, year, reference = portfolio.market, portfolio.periods_per_year, portfolio.reference
    if reference == name:
        return NotAvailable(f"{name} is the reference of the file itself.")
    opened, other = both.backtest.first + 1, portfolio.policies[reference]
    try:
        before, test = market.until(market.dates[opened]), conditions(portfolio, start=portfolio.test_start, flows=None)
        costs = portfolio.costs.until(opened + 1)
        played = [backtest(before, each, costs, **test).net_returns for each in (policy, other)]
        beside_live = played_from(
            portfolio, other, reference, both.live.held[0], both.live.cash[0], opened, both.live.flows
        )
    except InputError as error:
        return NotAvailable(str(error))
    months = batch_means(played[0] - played[1], year)
    if (count := len(months)) < BATCHES_A_YEAR:
        return NotAvailable(f"the test has {counted(count, 'month')} before the record: give a year at least.")
    from scipy import stats  # slow to import

    value, reach = float(months.mean()), float(stats.t.ppf((1.0 + EACH_LEVEL) / 2.0, count - 1) * stats.sem(months))
    live = confidence_sequence(both.live.returns - beside_live.net_returns[1:], year, EACH_LEVEL)
    return Promise(Estimate(value, value - reach, value + reach, EACH_LEVEL), live)


def sequence_picture(report: LiveReport) -> Picture:
    """The mean difference of a year so far, with its sequence, over time."""
    sequence, known = report.sequence, np.isfinite(report.sequence.width)
    dates = report.parting.dates[sequence.days[known]]
    value, width = 100.0 * sequence.value[known], 100.0 * sequence.width[known]
    data = pd.DataFrame({"date": dates, "mean": value, "lower": value - width, "upper": value + width})

    def draw(f: Format) -> Canvas:
        days = day_numbers(dates)
        axis = Axis.over([*data["lower"], *data["upper"], 0.0])
        panel = one_panel(f, PANEL_HEIGHT, Axis(days[0] - 1.0, days[-1]), axis, below=AXIS)
        panel.title("Live less the backtest", "% a year")
        panel.y_grid(panel.y.ticks())
        panel.years(dates)
        panel.y_line(0.0, "soft", 0.8, behind=True)
        panel.area(days, data["lower"], data["upper"], "sky", 0.2)
        panel.curve(days, data["mean"], "sky", 2.0)
        return panel.canvas

    title = "Mean difference so far, with intervals that hold at every look"
    caption = f"All intervals together hold the true mean with a probability of {percent(INTERVAL_LEVEL, 0)}."
    return picture("live_sequence", title, caption, f"{title}: at the end {_a_year(sequence.last)}.", data, draw)


# -- words -------------------------------------------------------------------------------------------------------------


def _figure_rows(both: Parting) -> list[list[str]]:
    """The rows of figures; of a record without fills, what they would say is not known.

    Growth and turnover of less than a year are not stated as rates a year, as the GIPS standards ask.
    """
    year, span = both.backtest.periods_per_year, float((both.dates[-1] - both.dates[0]).days)
    early = 0.0 if span >= int(DAYS_PER_YEAR) else np.nan
    target = target_returns(both.backtest.targets, both.backtest.market, both.backtest.first + 1)
    both_costs = [of.costs or {} for of in both.columns]
    names = [name for name in {**both_costs[1], **both_costs[0]} if any(costs.get(name) for costs in both_costs)]
    columns = list[dict[str, float]]()
    for of, costs in zip(both.columns, both_costs, strict=True):
        path, missing = nav_path(of.returns), np.nan if of.costs is None else 0.0
        traded = of.traded[1:] + missing
        columns.append(
            {"NAV at the end": of.nav[-1], "return, %": 100.0 * (path[-1] - 1.0)}
            | {"growth a year, %": 100.0 * growth(path, span) + early, "costs of trading": of.fees[1:].sum() + missing}
            | {f"costs: {name.replace('_', '-')}": costs.get(name, 0.0) + missing for name in names}
            | {"price of fills against closes": missing - of.filled[1:].sum()}
            | {"turnover a year, %": 100.0 * year * (one_way(traded) / of.nav[:-1]).mean() + early}
            | {"orders": (np.abs(traded) > COUNTED * of.nav[1:, None]).sum() + missing}
            | {"tracking error to the target a year, %": 100.0 * tracking_error(of.returns - target, year)}
        )
    live, test = columns
    return [_row(name, live[name], test[name], 3 if "%" in name else 2) for name in live]


def _trades_table(both: Parting, basis: str) -> WordsTable:
    """The trades that one made alone, in the order of days."""
    heads = [("day", ""), ("asset", ""), ("live", ""), ("backtest", "")]
    rows = [
        [f"{both.dates[t]:%Y-%m-%d}", both.backtest.market.assets[i], *(amount(of.traded[t, i]) for of in both.columns)]
        for t, i in np.argwhere(both.alone).tolist()
    ]
    caption = f"Trades that one made alone on their day, {both.alone.sum():,}, in {basis}"
    return WordsTable("trades", caption, heads, rows, words=2)


def _row(name: str, one: float, two: float, digits: int = 2) -> list[str]:
    return [name, number(one, digits), number(two, digits), number(one - two, digits, signed=True)]


def _brought(of: DailyMoney) -> list[float]:
    """The gain of each asset, and the rest of the gain: interest, other amounts, and what is unexplained."""
    earned = float(of.nav[-1] - of.nav[0] - of.flows[1:].sum())
    return [*of.by_asset.tolist(), earned - float(of.by_asset.sum())]


def _bps(both: Parting, value: float) -> str:
    return number(value / float(both.test.nav[-1]) / BASIS_POINT, signed=True)


def _years(value: float) -> str:
    return "never" if np.isinf(value) else number(value, 1)


def _a_year(found: Estimate) -> str:
    return f"{found.times(100.0).text(signed=True)} % a year"


def _verdict(both: Parting, found: ConfidenceSequence, since: int | None, what: str) -> str:
    if not np.isfinite(found.width).any():
        return f"not known yet, after {counted(len(both.dates) - 1, 'day')}: the first interval needs some 14 months."
    if since is None:
        return f"{_a_year(found.last)}: live does not contradict {what} yet."
    return (
        f"{_a_year(found.last)}: live contradicts {what}, as the interval of {both.dates[since]:%Y-%m-%d} lies apart."
    )
