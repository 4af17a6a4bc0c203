"""The after-tax edition of the study: rules that see the tax on their sales, and rules that do not, after all taxes.

Its cases are the fully invested portfolios of at most ten assets, each bought new at the start of its window and judged
twice: with all sold on the last day, and with the gains of that day forgiven, as at a bequest. Rates are the federal
ones of the top bracket on the middle day of the window, for all of its days and for the days on which rules are chosen.
Those are windows of three years as well, each opened with new money, which follow one another up to the test.

A rule has two figures: its worth, the growth after all taxes less g/2 x squared tracking, which benchmarks of simulated
markets maximise; and J with the tax at the end among its costs, which leaves out what drift earned. Of all thresholds
and bands that were tried, the best by each is played.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from backtests.comparison.fitting.tuning import Measure, Tuned, tune
from backtests.engine.run import backtest, conditions
from backtests.evaluation.backtest_figures import taxed_figures
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
from backtests.studies.real_markets.cases import PERIODS, WINDOW_YEARS, Case, all_cases
from backtests.sweeps import Choices, Setup
from foundation.tolerances import SERIES
from research.accounting import Tax
from research.accounting.sale_tax import Deferral
from research.accounting.tax import AtEnd
from research.risk.measures import BPS
from research.rules import NoTradeRegion, Rule

TAX_ENDS: Mapping[str, tuple[AtEnd, float]] = {"liquidated": ("liquidate", 0.0), "forgiven": ("step_up", 1.0)}
FEDERAL_RATES = {  # first year of a window -> top rate of long-term and of short-term gains, from 2013 with 3.8 % on
    1995: (0.28, 0.396),  # investment income: 26 USC 1(a), 1(h), 1(i), 1411, as of the middle of the window
    1998: (0.20, 0.396),
    2001: (0.20, 0.386),
    2004: (0.15, 0.35),
    2007: (0.15, 0.35),
    2010: (0.15, 0.35),
    2013: (0.238, 0.434),
    2016: (0.238, 0.434),
    2019: (0.238, 0.408),
    2022: (0.238, 0.408),
}
NAV, LOSS_LIMIT = 1e6, 3_000.0  # currency; losses a year that are deducted from other income (26 USC 1211(b))
EXPECTED = 0.06  # return a year that a deferral expects
MOST_CASE_ASSETS = 10
AS_COST, BY_WORTH, BY_LOSS = "tax as cost", "thresholds by worth", "thresholds by J after tax"
TAX_FIGURES = ("loss", "cost", "tracking_error", "turnover", "trades", "trading_days")


def taxed_cases() -> tuple[Case, ...]:
    """The cases of the after-tax edition."""
    return tuple(
        one
        for one in all_cases()
        if len(one.weights) <= MOST_CASE_ASSETS and sum(w for _, w in one.weights) > 1.0 - SERIES
    )


def conditions_of_tax(case: Case) -> dict[str, Any]:
    """The conditions of a case that only the after-tax edition has, as plain JSON values."""
    taxes = {end: _tax(case.window, at_end).settings for end, (at_end, _) in TAX_ENDS.items()}
    return {"tax": taxes, "nav": NAV, "growth of the deferral": EXPECTED}


def after_tax_rows(
    case: Case, rules: Mapping[str, Rule], families: Sequence[Choices]
) -> tuple[list[dict[str, Any]], dict[str, Tuned]]:
    """A row for each end and rule with its figures in the test; and what was tuned, by end and rule.

    case     : the portfolio and its window.
    rules    : rules that are neither tuned nor see the tax, by name.
    families : grids of thresholds and bands, of which one is chosen on the days before the test by each figure.
    """
    rows, tuned = list[dict[str, Any]](), dict[str, Tuned]()
    for end, (at_end, forgiven) in TAX_ENDS.items():
        setup = case.setup
        setup = replace(setup, nav=NAV, costs=replace(setup.costs, tax=_tax(case.window, at_end)))
        by_worth = tune(families, setup, measure=in_windows)
        tried = by_worth.card.tried[["trades", "loss_taxed"]].rename(columns={"loss_taxed": "loss"})
        chosen = {BY_WORTH: by_worth, BY_LOSS: tune(families, setup, measure=_recorded(tried))}
        deferral = Deferral(WINDOW_YEARS, EXPECTED, forgiven)
        aware = NoTradeRegion(setup.strategic, setup.tracking_penalty, deferral=deferral, periods_per_year=PERIODS)
        playing = {**rules, AS_COST: aware, **{name: one.policy for name, one in chosen.items()}}
        for name, rule in playing.items():
            training = chosen[name].card.loss if name in chosen else None
            rows.append({"end": end, "rule": name, "loss_training": training, **figures_after_tax(setup, rule)})
        tuned |= {f"{name}, {end}": one for name, one in chosen.items()}
    return rows, tuned


def in_windows(training: Setup, rules: Sequence[Rule]) -> pd.DataFrame:
    """The mean figures of rules in the windows of the training days: a row for each, with its worth below zero as loss.

    training : setup that ends before the test, on the first day on which all rules can run.
    rules    : the candidates.
    """
    windows = list(_windows(training))
    means = [pd.DataFrame([figures_after_tax(one, rule) for one in windows]).mean() for rule in rules]
    table = pd.DataFrame(means).rename(columns={"loss": "loss_taxed"})
    return table[["trades", "loss_taxed"]].assign(loss=-table["worth"])


def figures_after_tax(setup: Setup, rule: Rule) -> dict[str, float]:
    """The worth of a rule, its J with the tax at the end, and parts of both, in bp a year and the units of records.

    setup : a test whose costs have a tax with an end.
    rule  : the rule to backtest.
    """
    played = backtest(setup.market, rule, setup.costs, start=setup.start, **conditions(setup))
    scored = score(played, Benchmark.of(played, setup.tracking_penalty), TAX_FIGURES)
    nav, a_year = played.ledger.nav, BPS * played.periods_per_year / len(played.net_returns)
    growth = a_year * float(np.log((nav[-1] - played.tax_at_end) / nav[0]))
    return {
        **{name: scored[name] for name in TAX_FIGURES},
        "worth": growth - (scored["loss"] - scored["cost"]),
        "loss": taxed_figures(played, scored)["loss_taxed"],
        "tax": a_year * float(played.tax_rate.sum()),
        "tax_at_end": a_year * played.tax_at_end / float(nav[-1]),
    }


def _recorded(table: pd.DataFrame) -> Measure:
    """Gives the figures that were measured before."""
    return lambda training, rules: table


def _windows(training: Setup) -> Iterator[Setup]:
    """Windows of `WINDOW_YEARS` back from the last training day, as long as all rules can run."""
    last = training.market.dates[-1]
    while (start := last + pd.Timedelta(days=1) - pd.DateOffset(years=WINDOW_YEARS)) >= training.start:
        yield replace(training, market=training.market.until(last), start=start)
        last = start - pd.Timedelta(days=1)


def _tax(window: int, at_end: AtEnd) -> Tax:
    """The tax of a window."""
    rate, short = FEDERAL_RATES[window]
    return Tax(rate, "tax_minimal", short_rate=short, loss_limit=LOSS_LIMIT, at_end=at_end)
