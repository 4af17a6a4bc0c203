"""Draw docs/assets/examples, a picture of each file of data/examples: what its policies became, and what they held.

python .ci/gallery.py [NAME …]
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import backtest_candidate, fit
from backtests.engine.result import Backtest
from backtests.sheets.pictures.before_after import before_after_picture
from backtests.sheets.pictures.comparison.exposure import sampled, stacked, weight_axis
from backtests.sheets.pictures.comparison.weights import weights_picture
from backtests.sheets.pictures.plan import plan_fan_picture
from backtests.today.plan import life_of_plan
from foundation.arrays import Array
from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.panel import Axis, Panel, Side, day_numbers
from foundation.paper.files import svg_file
from foundation.paper.layout import NUMBERS_HEIGHT, TITLE, thinned
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle, line_styles
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number
from research.accounting.cost_parameters import COST_COLUMNS, HOLDING_COSTS
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.document import TRUST
from research.rules.protocol import compiled_rule, held_by

ROOT = Path(__file__).parent.parent
EXAMPLES, PICTURES = ROOT / "data" / "examples", ROOT / "docs" / "assets" / "examples"
CLOSEST = 0.06  # of wealth: policies that never were further apart are drawn beside the reference
HELD = 0.002  # of NAV: what was never more is not drawn
STRIP = Format("wide", 900.0, 40.0, 118.0)  # px: two panels beside one another
HIGH, GAP = 150.0, 34.0  # px: of a panel, and between the labels of one and the scale of the other
TARGETS = ("allocation_", "views_", "forecast_", "target_")  # files that show what the last policy held
COSTS = ("costs_", "tax_")  # files that show what was paid


def picture_of(path: Path) -> Picture:
    """Today's weights before and after the orders for a file of orders, what is left for one with a plan; growth beside
    weights or costs for others."""
    portfolio = load_portfolio(path)
    if portfolio.plan is not None:
        first = portfolio.reference
        life = life_of_plan(portfolio, portfolio.plan, {first: fit(first, portfolio).policy}, paths=1_000)
        return replace(plan_fan_picture(life, LineStyle("sky")), title=portfolio.name)
    if path.stem.startswith("orders_") and portfolio.policy is not None:
        orders = trade_list(portfolio, portfolio.policies[portfolio.policy])
        return replace(before_after_picture(orders.before_after), title=portfolio.name)
    paths: dict[object, object] = {}
    played = {
        name: backtest_candidate(portfolio, fit(name, portfolio).policy, name, paths)  # type: ignore[arg-type]
        for name in portfolio.policies
    }
    shown = list(played.values())[-1]
    if path.stem.startswith("rule_") and compiled_rule(shown.policy) is not None:
        return weights_picture(shown, LineStyle("ink"), portfolio.lower, portfolio.upper)
    ends = [f"{name} {number(b.growth_path[-1] / b.growth_path[0])}" for name, b in played.items()]
    alt = f"Growth of 1 to {listed(ends)}; beside it {beside(path.stem, played)[0]}."
    none = pd.DataFrame()
    return picture(path.stem, portfolio.name, "", alt, none, lambda f: strip(f, path.stem, portfolio, played), STRIP)


def beside(stem: str, played: Mapping[str, Backtest]) -> tuple[str, str]:
    """The head and the unit of the panel at the right."""
    if stem.startswith(TARGETS):
        return f"Weights of {list(played)[-1]}", "% of NAV"
    if stem.startswith(COSTS):
        return "Costs", "bp of NAV, since the start"
    return f"Weight of {next(iter(played.values())).market.assets[0]}", "% of NAV"


def strip(f: Format, stem: str, portfolio: Portfolio, played: Mapping[str, Backtest]) -> Canvas:
    """Two panels beside one another."""
    dates = next(iter(played.values())).dates
    days, width = day_numbers(dates), (f.width - 2.0 * (f.left + f.right) - GAP) / 2.0
    canvas, across = Canvas(f.width, TITLE + HIGH + NUMBERS_HEIGHT, stem), Axis(days[0], days[-1])
    other = {name: held_by(b.policy, portfolio.strategic) != portfolio.strategic for name, b in played.items()}
    styles = line_styles(other, portfolio.reference, None)
    left, right = f.left + width + f.right, 2.0 * f.left + GAP + 2.0 * width + f.right
    at = Panel(canvas, f.left, TITLE, width, HIGH, across)
    drawn(at, *growth(played, portfolio.reference), styles, dates, left)
    head = beside(stem, played)
    at = Panel(canvas, left + f.left + GAP, TITLE, width, HIGH, across)
    if stem.startswith(TARGETS):
        shown = list(played.values())[-1]
        held = sampled(shown.weights.assign(cash=shown.cash_weight.clip(lower=0.0)), int(width / 3.0))
        held = held.loc[:, held.abs().max() > HELD]
        panel = at.scaled(Side(across, dates=dates), Side(weight_axis(held), *head))
        stacked(panel, held, right + f.right, values=False)
        return canvas
    values = costs(played) if stem.startswith(COSTS) else weights(played)
    drawn(at, head, values, styles, dates, right + f.right)
    return canvas


def growth(played: Mapping[str, Backtest], reference: str) -> tuple[tuple[str, str], dict[str, Array]]:
    """Head and (D + 1,) curves by policy: growth of 1, or where all are near, what it is over that of the reference."""
    grown = {name: b.growth_path / b.growth_path[0] for name, b in played.items()}
    over = {name: 100.0 * (y / grown[reference] - 1.0) for name, y in grown.items()}
    if len(played) > 1 and max(np.abs(y).max() for y in over.values()) < 100.0 * CLOSEST:
        return (f"Wealth beside {reference}", "%, net of costs"), over
    return ("Growth of 1", "net of costs"), grown


def weights(played: Mapping[str, Backtest]) -> dict[str, Array]:
    """(D + 1,) the weight of the first asset, per cent, by policy."""
    return {name: 100.0 * b.weights.iloc[:, 0].to_numpy() for name, b in played.items()}


def costs(played: Mapping[str, Backtest]) -> dict[str, Array]:
    """(D + 1,) what was paid since the start, of trading, holding and tax, bp of NAV, by policy."""
    found = {}
    for name, b in played.items():
        daily = b.reconcile().daily
        paid = daily[[*COST_COLUMNS, *HOLDING_COSTS]].sum(axis=1)
        found[name] = 1e4 * (paid / daily["end"]).cumsum().to_numpy()
    return found


def drawn(
    at: Panel,
    head: tuple[str, str],
    values: Mapping[str, Array],
    styles: Mapping[str, LineStyle],
    dates: pd.DatetimeIndex,
    right: float,
) -> None:
    """Curves (D + 1,) by name in a panel, each named at its end."""
    every, days = np.concatenate(list(values.values())), day_numbers(dates)
    panel = at.scaled(Side(at.x, dates=dates), Side(Axis.over([every.min(), every.max()]), *head))
    rows = {name: thinned(y, int(at.width / 3.0)) for name, y in values.items()}
    curves(panel, [Curve(name, days[rows[name]], y[rows[name]], styles[name]) for name, y in values.items()], right)


if __name__ == "__main__":
    os.environ[TRUST] = "1"  # own_rule.yaml names classes of the module beside it
    PICTURES.mkdir(exist_ok=True, parents=True)
    for path in sorted(EXAMPLES.glob("*.yaml")):
        if not sys.argv[1:] or path.stem in sys.argv[1:]:
            (PICTURES / f"{path.stem}.svg").write_text(svg_file(picture_of(path)), "utf-8")
