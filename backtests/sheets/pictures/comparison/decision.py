"""The picture of a decision: expected loss of each candidate against its days of trading."""

from collections.abc import Mapping

import pandas as pd

from backtests.comparison.recommendation import Recommendation
from backtests.comparison.verdict import now_word
from foundation.paper.charts.panel import Axis, Panel, Side, plotted
from foundation.paper.charts.plane import name_points
from foundation.paper.layout import far
from foundation.paper.picture import HALF, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import listed, number, told
from research.portfolio import Portfolio
from research.portfolio.assumed import own_word
from research.portfolio.unstated import COSTED

HEIGHT = 238.0  # px: of the panel
POINT_SIZE = 5.0  # px: diameter of a point


def decision_picture(made: Recommendation, styles: Mapping[str, LineStyle], desk: Portfolio) -> Picture | None:
    """Days of trading and expected loss of each candidate; None of fewer than two.

    made   : the recommendation.
    styles : of each policy.
    desk   : the portfolio that it is made for.
    """
    if len(made.candidates) < 2:
        return None
    each = [(one.work.days, one.loss) for one in made.candidates.values()]
    table = pd.DataFrame(each, pd.Index(made.candidates, name="policy"), ["days", "loss"])
    gone = [str(name) for name, out in zip(table.index, far(table["loss"].to_numpy()), strict=True) if out]
    gone = [name for name in gone if name not in (made.policy, made.base)]
    away = [f"{name} ({number(float(table['loss'][name]), 0)})" for name in gone]
    best, drawn, currency = float(table["loss"].min()), table.drop(index=gone), desk.basis
    off = f" Off scale: {listed(away)}." if gone else ""
    prices, margin = own_word(desk, *COSTED), own_word(desk, "materiality_bps")
    caption = (
        f"Expected loss at {prices} prices and days with a trade. Shaded: within {margin} margin of the best.{off}"
    )
    rows = table.reset_index().assign(currency=currency)
    alt = told(rows, "{policy}: {days:1} days, {loss:0} {currency}") + "."
    up = Axis(0.0, Axis.over([0.0, *drawn["loss"], best + made.margin], 0.15).high)  # room for names above points
    x = Side(Axis(0.0, Axis.over([0.0, *drawn["days"]], 0.12).high), "days with a trade, a year", lines=False)
    y = Side(up, "Expected loss", f"{currency} a year, lower is better")

    def marks(panel: Panel) -> None:
        panel.band(best, best + made.margin, "rule", 0.5)
        names = sorted(map(str, drawn.index), key=lambda name: name not in (made.policy, made.base))
        places = [(panel.x_at(drawn["days"][name]), panel.y_at(drawn["loss"][name])) for name in names]
        for name in map(str, drawn.index):
            with panel.canvas.owned_by(name):
                panel.canvas.point(*places[names.index(name)], colour=styles[name].colour, size=POINT_SIZE)
        known = {made.base: now_word(made)} | ({} if made.is_kept else {made.policy: "use"})
        words = [f"{name} ({known[name]})" if name in known else name for name in names]
        name_points(panel, places, words, ["ink"] * len(names), marks=places)

    title, draw = "Loss and work: lower and further left is better", plotted(x, y, marks, HEIGHT)
    return picture("decision", title, caption, alt, table.reset_index(), draw, HALF)
