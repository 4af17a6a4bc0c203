"""The sheet of one policy by itself: the same blocks as a comparison's, as a page, as numbers, and in a notebook."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pandas as pd

from backtests.attribution.exposures import HeldExposure, exposure_of
from backtests.comparison.descriptions.behaviour import Behaviour, behaviour_alone
from backtests.comparison.descriptions.replays import Replays
from backtests.comparison.descriptions.stress import StressTests, stress_tests, stress_without_portfolio
from backtests.comparison.paired import PairedBacktests, evidence_between, measured
from backtests.comparison.simulated_tests import elasticities, simulated_tests
from backtests.comparison.verdict import rule_words
from backtests.engine.result import Backtest
from backtests.evaluation.backtest_figures import comparison_figures, metric_groups
from backtests.evaluation.benchmark import Benchmark, comparator_in_test
from backtests.evaluation.comparator import NO_BENCHMARK, Comparator, dated_comparator
from backtests.evaluation.metrics import Column
from backtests.evaluation.policy_risk import PolicyRisk, policy_risk
from backtests.evaluation.worst_days import worst_days
from backtests.inference.block_draws import Resampling
from backtests.inference.estimates import NotAvailable
from backtests.inference.intervals import interval_records
from backtests.inference.words import charged_words, grown_words
from backtests.runs.kept import kept
from backtests.runs.origin import Origin, identity, identity_numbers
from backtests.sheets.parts import FilledTemplate, Folded, Part, Words, facts_blocks, section_blocks, sheet_pictures
from backtests.sheets.pictures.comparison.timeline import growth_beside_picture, trading_picture
from backtests.sheets.pictures.comparison.weights import weights_picture
from backtests.sheets.pictures.comparison.years import year_table, years_picture
from backtests.sheets.render import render
from backtests.sheets.sections.behaviour import DESCRIBES, behaviour_numbers, policies_behaviour_parts
from backtests.sheets.sections.conventions import execution_words, measure_terms, settings_parts
from backtests.sheets.sections.exposure import exposure_numbers, policy_exposure_parts, worst_days_table
from backtests.sheets.sections.first_screen import FOLDED_WORDS, paired_screen
from backtests.sheets.sections.from_today import future_numbers, future_parts
from backtests.sheets.sections.played import WEIGHTS_WORDS, costs_of, costs_table, years_numbers
from backtests.sheets.sections.risk import policies_risk_parts, risk_numbers
from backtests.sheets.sections.stress import policies_stress_parts, stress_numbers
from backtests.sheets.tables import Block, Looks, Shown, day, records_of, records_table
from backtests.today.from_today import FromToday, from_today_or_why_not
from backtests.today.risk_paths import PATHS
from foundation.dataclasses import asdict, dataclass, replace
from foundation.files import write_whole
from foundation.paper.files import picture_records, write_pictures
from foundation.paper.formats import json_text, plain_json
from foundation.paper.picture import Picture
from foundation.paper.render import Running
from foundation.paper.styles import LineStyle, style_alone
from foundation.paper.wording import counted, dated_words, listed, number, percent
from research.market.calendars import row_count, row_name
from research.market.quality import check_market
from research.portfolio import Portfolio
from research.risk.measures import TRACKING_PENALTY
from research.rules import Rule
from research.rules.protocol import long_name

PAGE, NUMBERS = "sheet.html", "sheet.json"  # files
SHEET_SCHEMA = 2  # of sheet.json: docs/schemas/sheet-2.json
LAST = 60  # orders that are listed
SECTION_ORDERS = (
    Shown("booked", "booked", form=day),
    Shown("asset", "asset", words=True),
    Shown("side", "side", words=True),
    Column("notional", "notional", "", digits=0),
    Column("weight_before", "before", "% of NAV", 100.0),
    Column("weight_after", "after", "% of NAV", 100.0),
    Shown("reason", "reason", words=True),
)


@dataclass(frozen=True, eq=False, repr=False)
class SingleSheet:
    """The sheet of one backtest.

    paired    : the backtest alone, with its score and its intervals.
    title     : title of the page: the portfolio, or the policy.
    warnings  : warnings that a reader must judge.
    settings  : plain JSON values; empty for a backtest without a file.
    portfolio : portfolio of the file, or None.
    """

    paired: PairedBacktests
    title: str
    warnings: Sequence[str]
    settings: Mapping[str, Any]
    portfolio: Portfolio | None = None

    @property
    def played(self) -> Backtest:
        """The backtest."""
        return self.paired.backtests[self.paired.reference]

    @property
    def style(self) -> LineStyle:
        """Its line style."""
        return style_alone(self.paired.reference)

    @cached_property
    def risk(self) -> PolicyRisk:
        """The losses of the policy in its backtest, with their dates."""
        return policy_risk(self.played, self.paired.benchmark)

    @cached_property
    def exposure(self) -> HeldExposure:
        """The holdings of the policy, and the sources of its risk."""
        return exposure_of(self.paired.reference, self.played, self.paired.benchmark.periods_per_year)

    @cached_property
    def stress(self) -> StressTests:
        """The results of the policy in episodes of stress, after shocks and at higher costs."""
        played, paired = self.played, self.paired
        if self.portfolio is None:
            return stress_without_portfolio(played, paired.benchmark)
        policies = {paired.reference: played.policy}
        replays = Replays(self.portfolio, paired.benchmark, policies, paired.backtests)
        return stress_tests(replays, paired.reference)

    @cached_property
    def behaviour(self) -> Behaviour:
        """The policy's use of its ranges, the effect of its start and holding period, and its round trips."""
        return behaviour_alone(self.played, self.paired.benchmark)

    @cached_property
    def from_today(self) -> FromToday | NotAvailable:
        """The simulated outcomes of today's holdings under this policy, or why there are none."""
        if self.portfolio is None:
            return NotAvailable("a year from today begins with the holdings of a portfolio file.")
        return kept(from_today_or_why_not, self.portfolio, {self.paired.reference: self.played.policy}, paths=PATHS)

    @cached_property
    def content(self) -> Block:
        """Every block of the page."""
        screen, comparator = paired_screen(self.paired), comparator_in_test(self.paired.benchmark, self.played)
        return screen | {
            "title": self.title,
            "eyebrow": "Backtest of one policy",
            "subtitle": f"{self.paired.reference}: {_tested(self.played)}. {self._dated}",
            "growth": growth_beside_picture(self.played, self.style, comparator),
            "lead": self._lead(),
            "columns": [column | {"mark": ""} for column in screen["columns"]],
            "warnings": list(self.warnings),
            "table_caption": f"Net of costs unless labelled gross; loss J and tracking error to {self._target}.",
            "bold_rule": f"The interval stands below each figure. {screen['missing']} {FOLDED_WORDS}",
            "sections": section_blocks((key, title, title, parts) for key, title, parts in self._sections()),
            "facts": self._facts(),
        }

    @property
    def pictures(self) -> list[Picture]:
        """Every picture of the page, in order."""
        return [self.content["growth"], *sheet_pictures(self.content)]

    def against(self, benchmark: pd.Series | Backtest | None) -> "SingleSheet":
        """The same sheet with another benchmark of beta and its like, of growth and of starts and lengths of holding.

        No figure that is not relative to the benchmark changes.

        benchmark : returns by day, fraction; another backtest on the same days; or None for no benchmark.
        Raises    : DataError for a series that has not one return on each day of the test, naming the first that it
                    lacks.
        """
        if benchmark is None:
            comparator = Comparator(NO_BENCHMARK, None)
        elif isinstance(benchmark, Backtest):
            returns = pd.Series(benchmark.net_returns, benchmark.dates[1:], name=f"the backtest {benchmark.name}")
            comparator = dated_comparator(returns, self.played)
        else:
            comparator = dated_comparator(benchmark, self.played)
        measured_by = replace(self.paired.benchmark, comparator=comparator)
        return _sheet(self.played, measured_by, self.title, self.warnings, self.settings, self.portfolio)

    def write(self, folder: str | Path, run: Origin | None = None) -> Path:
        """Write sheet.html, sheet.json, and each picture as figures/<name>.csv and .svg, into a folder.

        folder : folder of the sheet, made if it does not exist.
        run    : identity of the run, if the sheet belongs to one.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        write_pictures(place, self.pictures)
        write_whole(place / NUMBERS, json_text(self.numbers(run)))
        write_whole(place / PAGE, self.page(run))
        return place / PAGE

    def page(self, run: Origin | None = None) -> str:
        """The whole page, one file without any URL."""
        content = self.content | {"facts": [*self.content["facts"], *facts_blocks(identity(run))]}
        policy = self.paired.reference
        title = f"Backtest of {policy}" if self.title == policy else f"{self.title}: backtest of {policy}"
        paper = Running(title, f"closes of {day(self.played.dates[-1])}", "" if run is None else run.name)
        return render("single_sheet.html.j2", paper, sheet=content)

    def _repr_html_(self) -> str:
        """The page as a block that brings its own style."""
        return render("single_cell.html.j2", sheet=self.content)

    def __repr__(self) -> str:
        """One line."""
        return f"Sheet of {self.paired.reference}: {self._lead()} `sheet.write(folder)` writes it as a page."

    @property
    def _target(self) -> str:
        return "its own target" if self.portfolio is None else "the strategic target"

    @property
    def _dated(self) -> str:
        return dated_words("" if self.portfolio is None else self.portfolio.basis, self.played.dates[-1])

    # -- words -------------------------------------------------------------------------------------------------------

    def _lead(self) -> str:
        """The policy in one sentence, and its result."""
        score, played = self.paired.scores[self.paired.reference], self.played
        days = counted(int((played.turnover > 0.0).sum()), "day")
        traded = f"traded on {days}, for {number(score['cost'])} bp a year" if len(played.booked) else "never traded"
        does = (
            long_name(played.policy)
            if self.portfolio is None
            else rule_words(cast(Rule, played.policy), self.portfolio)
        )
        return (
            f"{played.name}: {does}. In this test it grew {grown_words(score)} net of costs, "
            f"fell {percent(-score['max_drawdown'])} at the most from a peak, and {traded}."
        )

    def _facts(self) -> list[Block]:
        played = self.played
        market = played.market
        traded, held = charged_words(played.costs)
        facts = {
            "Universe": f"{counted(len(market.assets), 'asset')}: {listed(market.assets, most=12)}",
            "Test": f"{_tested(played)}, {row_count(len(played.net_returns), played.periods_per_year)}",
            "Costs and execution": f"{listed([*traded, *held] or ['no costs'])}; {execution_words(played.lag)}",
            "Benchmark": self.paired.benchmark.compared_with,
            "Accounting": self.paired.accounting,
            "Data": check_market(market).line(),
        }
        return facts_blocks(facts)

    # -- sections ----------------------------------------------------------------------------------------------------

    def _sections(self) -> list[tuple[str, str, list[Part]]]:
        paired, benchmark, name = self.paired, self.paired.benchmark, self.paired.reference
        looks, row = Looks({name: self.style}), row_name(benchmark.periods_per_year)
        ranges = (benchmark.lower, benchmark.upper) if benchmark.has_ranges else (None, None)
        basis = "currency" if self.portfolio is None else self.portfolio.basis
        trading = trading_picture(paired.backtests, looks.styles, name, benchmark.periods_per_year)
        years = years_picture(year_table(paired.backtests), looks.styles, name)
        stress = policies_stress_parts(self.stress, self.portfolio, [name], name, looks, row)
        behaviour = [Words(DESCRIBES, "intro"), *policies_behaviour_parts(self.behaviour, looks, basis)]
        return [
            ("weights", "Weights", [Words(WEIGHTS_WORDS, "intro"), weights_picture(self.played, self.style, *ranges)]),
            ("risk", "Risk", [*policies_risk_parts({name: self.risk}, looks), *self._worst_days()]),
            ("exposure", "Exposure", policy_exposure_parts(self.exposure, self.style)),
            ("years", "Years", [years]),
            ("costs", "Costs", [trading, costs_table(paired)]),
            ("stress", "Stress", stress),
            ("behaviour", "Behaviour", behaviour),
            ("from_today", "A year from today", future_parts(self.from_today, self.style) if self.portfolio else []),
            ("trades", "Trades", self._trades()),
            ("conventions", "Conventions", self._conventions()),
        ]

    def _worst_days(self) -> list[Part]:
        found, name = worst_days(self.paired.backtests, self.paired.reference), self.paired.reference
        words = f"The {counted(len(found), 'worst day')}, and what was traded"
        return [Folded(words, [worst_days_table(found, [name])])] if found else []

    def _trades(self) -> list[Part]:
        orders = self.played.trades()
        if not len(orders):
            return [Words("No orders after the initial investment.")]
        days, last = orders["booked"].nunique(), orders["booked"].max()
        text = (
            f"{len(orders):,} {'order' if len(orders) == 1 else 'orders'} on {counted(days, 'day')}, the last on "
            f"{day(last)}. Notional is currency; weights are before and after the day's bookings."
        )
        shown = records_of(orders.iloc[::-1][:LAST])
        newest = f"The newest {LAST} orders" if len(orders) > LAST else f"All {counted(len(orders), 'order')}"
        return [Words(text), Folded(newest, [records_table("Orders, the newest first", SECTION_ORDERS, shown)])]

    def _conventions(self) -> list[Part]:
        terms = measure_terms(self.paired) | {"target": self._target}
        return [FilledTemplate("single_terms.html.j2", terms), *settings_parts(self.settings)]

    # -- numbers -----------------------------------------------------------------------------------------------------

    def numbers(self, run: Origin | None = None) -> dict[str, Any]:
        """Every number and sentence of the sheet as plain JSON values, in the units of the records.

        run : identity of the run, if the sheet belongs to one.
        """
        paired, played, name = self.paired, self.played, self.paired.reference
        shown = [metric for metrics in metric_groups(paired.benchmark).values() for metric in metrics]
        content = {
            "schema": SHEET_SCHEMA,
            "run": identity_numbers(run),
            "portfolio": None if self.portfolio is None else self.portfolio.name,
            "policy": name,
            "rule": long_name(played.policy),
            "lines": list(played.market.assets),
            "test": {"first": day(played.dates[1]), "last": day(played.dates[-1]), "days": len(played.net_returns)},
            "benchmark": paired.benchmark.compared_with,
            "accounting": paired.accounting,
            "figures": comparison_figures(paired.scores, paired.backtests)[name],
            "not_available": dict(paired.scores[name].undefined),
            "intervals": interval_records(shown, paired.intervals, paired.evidence),
            "years": years_numbers(paired)[name],
            "costs": records_of(costs_of(paired))[0],
            "risk": risk_numbers(self.risk),
            "exposure": exposure_numbers(self.exposure),
            "worst_days": [
                {"day": day(date), **asdict(on[name])} for date, on in worst_days(paired.backtests, name).items()
            ],
            "stress": stress_numbers(self.stress, played.market),
            "behaviour": behaviour_numbers(self.behaviour),
            "from_today": future_numbers(self.from_today),
            "orders": len(played.trades()),
            "warnings": list(self.warnings),
            "settings": dict(self.settings),
            "pictures": picture_records(self.pictures),
        }
        found: dict[str, Any] = plain_json(content, missing_as_null=True)
        return found


def sheet_of(played: Backtest) -> SingleSheet:
    """The sheet of a backtest by itself, measured by its own target. Raises DataError for one too short to measure."""
    return _sheet(played, Benchmark.of(played, TRACKING_PENALTY), played.name, played.warnings, {}, None)


def candidate_sheet(
    portfolio: Portfolio, played: Backtest, benchmark: Benchmark, warnings: Sequence[str], settings: Mapping[str, Any]
) -> SingleSheet:
    """The sheet of one candidate of a portfolio, measured by its strategic target and ranges.

    portfolio : portfolio of the file.
    played    : the candidate's backtest.
    benchmark : benchmark of the portfolio, with its comparator.
    warnings  : warnings that a reader must judge.
    settings  : effective settings.
    """
    return _sheet(played, benchmark, portfolio.name, warnings, settings, portfolio)


def _sheet(
    played: Backtest,
    benchmark: Benchmark,
    title: str,
    warnings: Sequence[str],
    settings: Mapping[str, Any],
    portfolio: Portfolio | None,
) -> SingleSheet:
    alone = {played.name: played}
    scores = measured(alone, benchmark)
    losses = [one.losses for one in scores.values()]
    own = elasticities([played.name], simulated_tests(alone, benchmark), benchmark.tracking_penalty)
    resampling = Resampling.of_rows(benchmark.periods_per_year)
    evidence = evidence_between(alone, losses, played.name, resampling, benchmark=benchmark, elasticity=own)
    paired = PairedBacktests(benchmark, played.name, alone, scores, evidence)
    said = list(dict.fromkeys([*warnings, *paired.weak_test]))
    return SingleSheet(paired, title, said, settings, portfolio)


def _tested(played: Backtest) -> str:
    return f"{day(played.dates[1])} to {day(played.dates[-1])}, net of costs"
