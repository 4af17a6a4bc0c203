"""The panels of a portfolio's page, each made in one limited process: the figures of the API, and parts of sheets.

A part of a sheet is a block of HTML, in which everything that comes from a file is escaped.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backtests.evaluation.benchmark import comparator_in_test
from backtests.sheets.pages.risk_sheet import risk_sheet
from backtests.sheets.pages.single_sheet import candidate_sheet
from backtests.sheets.parts import section_blocks
from backtests.sheets.pictures.before_after import before_after_frame, before_after_picture
from backtests.sheets.pictures.comparison.timeline import growth_beside_picture
from backtests.sheets.sections.first_screen import paired_screen
from backtests.sheets.tables import Block
from backtests.studies.forecasts.skill import COVERAGE
from backtests.studies.forecasts.walk_forward import interval
from backtests.today.holdings_risk import holdings_risk
from desk.commands.orders.trades import policy_now, trades_now
from desk.commands.report import scored_backtest
from desk.commands.today.risk import ready_policies
from desk.cycle.monitor import counted_rows
from desk.service.portfolios.figures import drift_of, performance_of
from desk.tickets import make_ticket
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.paper.render import fill_template
from foundation.paper.wording import class_words, grouped, percent
from research.forecast import Moments
from research.forecast.predicted import predicted
from research.orders import TradeList
from research.portfolio import Portfolio
from research.rules.bands_today import bands_today

SUMMED = ("value", "weight", "target", "gap", "after", "notional", "cost")  # of lines, in the row of their class


def today_panel(portfolio: Portfolio, reports: Path) -> dict[str, Any]:
    """Today's drift and list by the active policy, as `drift` and a prediction have them, and a row for each line.

    classes : by class, its sums and its `lines`; cash is the last. Weights are fractions of NAV, amounts currency.
    picture, orders : blocks of HTML.
    Raises  : ConfigError and DataError as `trades_now` does.
    """
    listed = trades_now(portfolio, "", reports, as_of="", stale_ok=True)
    expected, drift = todays_forecast(portfolio), drift_of(listed)
    drawn = replace(before_after_picture(listed.before_after), title="Allocation and drift")
    return {
        "drift": drift,
        "ticket": make_ticket(listed).document,
        "nav": portfolio.nav,
        "is_empty": listed.empty,
        "stale": listed.stale_words,
        "forecast": expected.sentence,
        "classes": list(_classes(listed, drift["lines"], expected)),
        "picture": _sections(section_blocks([("allocation", "", drawn.title, [drawn])])),
        "orders": listed.html(),
    }


def risk_panel(portfolio: Portfolio, reports: Path) -> str:
    """The sections of the risk sheet as a block of HTML: risk, losses, stress and a year from today."""
    policies, notes, _ = ready_policies(portfolio, reports)
    sheet = risk_sheet(holdings_risk(portfolio, policies, notes=notes), {})
    return _sections(sheet["sections"], sheet)


def performance_panel(portfolio: Portfolio, reports: Path) -> dict[str, Any]:
    """The backtest of the active policy as `figures.performance_figures` gives it.

    sheet : a block of HTML: its figures with intervals, and its growth.
    """
    ready, name, run = policy_now(portfolio, "", reports)
    played, benchmark, scored = scored_backtest(portfolio, ready, name)
    sheet = candidate_sheet(portfolio, played, benchmark, (), {})
    growth = growth_beside_picture(played, sheet.style, comparator_in_test(benchmark, played))
    shown = {**paired_screen(sheet.paired), "verdict": "", "warnings": sheet.warnings}
    blocks = section_blocks([("growth", "", growth.title, [growth])])
    return performance_of(portfolio, played, scored, run) | {"sheet": _sections(blocks, shown)}


# -- returns that are expected -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """The forecast in use.  sentence : what it is, or why there is none."""

    moments: Moments | None
    sentence: str

    def of(self, weights: Mapping[str, float]) -> dict[str, float] | None:
        """The expected return of assets held in proportion to weights, with its interval; None where one has none."""
        held = {asset: weight for asset, weight in weights.items() if weight > 0.0}
        if self.moments is None or not held or not held.keys() <= set(self.moments.assets):
            return None
        shares = np.array([held.get(asset, 0.0) for asset in self.moments.assets]) / sum(held.values())
        mean = np.array(shares @ self.moments.mean)
        lower, upper = interval(mean, np.sqrt(shares @ self.moments.covariance @ shares), COVERAGE)
        return {"mean": float(mean), "lower": float(lower), "upper": float(upper)}


def todays_forecast(portfolio: Portfolio) -> Expected:
    """The forecast of the first model of a portfolio that gives one, over its horizon after the last close."""
    stated, failed = portfolio.forecasts, list[str]()
    past = portfolio.market.past(len(portfolio.market.dates) - 1)
    for name, model in stated.models.items():
        try:
            found = predicted(model, past).over(stated.horizon)
        except DataError as error:
            failed.append(f"{name} gives no forecast: {error}")
            continue
        ahead = counted_rows(portfolio, stated.horizon)
        holds = f"the interval holds {percent(COVERAGE, 0)} of outcomes where the forecast is right."
        said = f"Expected returns are those of the next {ahead} by {name}; {holds}"
        return Expected(found, " ".join([*failed, said]))
    return Expected(None, " ".join(failed) or "No forecast: the file names none.")


# -- lines by class ----------------------------------------------------------------------------------------------------


def _classes(listed: TradeList, lines: Iterable[Mapping[str, Any]], expected: Expected) -> Iterable[Block]:
    """A row for each class: the sums of its lines, its expected return, and the lines."""
    rows = _lines(listed, {line["asset"]: line for line in lines}, expected)
    for name, of in grouped((row["asset_class"], row) for row in rows).items():
        yield {
            **{key: sum(row[key] for row in of) for key in SUMMED},
            "name": class_words(name),
            "orders": sum(row["action"] != "hold" for row in of),
            "expected": expected.of({row["asset"]: row["weight"] for row in of}),
            "lines": of,
        }


def _lines(listed: TradeList, lines: Mapping[str, Mapping[str, Any]], expected: Expected) -> Iterable[Block]:
    """A row for each asset, and for cash: its weights against target and band, its order, and the reason."""
    portfolio, orders, held = listed.portfolio, listed.orders, listed.held.set_index("asset")
    bands = bands_today(
        listed.decides, portfolio.market, portfolio.costs, portfolio.strategic, portfolio.sessions_since_trade
    )
    in_force = before_after_frame(listed.before_after).set_index("asset")
    for k, (asset, line) in enumerate(lines.items()):
        own = orders[orders["asset"] == asset]
        target = float(in_force["target"][asset])
        reasons = own["reason"] if len(own) else held["reason"].loc[[asset] if asset in held.index else []]
        yield {
            **line,
            "target": target,
            "gap": line["weight"] - target,
            "band": bands[:, k].tolist() if k < len(portfolio.market.assets) else [None, None],
            "after": float(in_force["after"][asset]) if len(orders) else line["weight"],
            "action": own["side"].iloc[0] if len(own) else "hold",
            "units": float(own["units"].sum(min_count=1)),
            "notional": float(own["notional"].sum()),
            "cost": float(own["cost"].sum()),
            "reason": "; ".join(reasons.unique()),
            "expected": expected.of({asset: 1.0}),
        }


def _sections(sections: Iterable[Block], sheet: Mapping[str, Any] | None = None) -> str:
    return fill_template("desk.service", "sheet_parts.html.j2", sections=sections, sheet=sheet or {})
