"""Share of risk of each asset beside its weight: an asset that takes more risk than its weight stands out."""

import pandas as pd

from backtests.attribution.risk_contributions import CASH_PART, REST_PART, RiskContributions
from foundation.paper.charts.interval_rows import bars, heights, row_names
from foundation.paper.charts.panel import Axis, Panel, Side, plotted
from foundation.paper.layout import NAMES, ROW_HEIGHT, TITLE
from foundation.paper.picture import HALF, Picture, picture
from foundation.paper.styles import LETTER
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import listed, percent, told

BAR_HEIGHT = 0.55  # of a row: height of a bar
ROWS_DRAWN = 40  # rows of a picture; all are in its CSV
COLUMN_MARKS = {  # of a column: words, mark of matplotlib, colour, filled?
    "weight": ("weight", "|", "ink", True),
    "ex_ante": ("ex ante", "o", "sky", True),
    "realised": ("realised", "D", "orange", False),
}
RIGHT_ROOM = 24.0  # px: at the right of the rows
MOST_OF_TEST = 20  # rows; the smallest contributions beyond are only in the CSV


# -- of the holdings today -------------------------------------------------------------------------------------------


def risk_shares_picture(drift: pd.DataFrame, volatility: float) -> Picture:
    """A row an asset, the largest contribution first.

    drift      : a row an asset with asset, weight and contribution (`HoldingsRisk.drift`).
    volatility : that the contributions sum to, fraction a year.
    """
    shown = drift[["asset", "asset_class", "weight"]].assign(share=drift["contribution"] / volatility)
    shown = shown.sort_values("share", ascending=False, kind="stable").reset_index(drop=True)
    assets, shares, weights = (shown[name].tolist() for name in ("asset", "share", "weight"))
    words = listed([f"{asset} ({percent(share, 0)})" for asset, share in zip(assets[:3], shares[:3], strict=True)])
    hedges = [asset for asset, share in zip(assets, shares, strict=True) if share < 0.0]
    caption = (
        f"The largest shares of the volatility of {percent(volatility)} a year are those of {words}; together "
        f"{percent(sum(shares[:3]), 0)}, with {percent(sum(weights[:3]), 0)} of the "
        "net asset value."
    )
    caption += f" {listed(hedges, most=5)} take risk away." if hedges else ""
    caption += f" The {ROWS_DRAWN} largest are drawn." if len(shown) > ROWS_DRAWN else ""
    percents = shown.assign(weight=100.0 * shown["weight"], share=100.0 * shown["share"])
    alt = f"Weight and share of volatility, %: {told(percents, '{asset} {weight:1} and {share:1}')}."
    drawn = percents.head(ROWS_DRAWN)

    def marks(panel: Panel) -> None:
        bars(panel, [[(0.0, value, "sky", 1.0)] for value in drawn["share"]], BAR_HEIGHT)
        row_names(panel, drawn["asset"].tolist(), gap=8.0, spare=4.0)
        for held, y in zip(drawn["weight"], heights(panel, len(drawn)), strict=True):
            panel.canvas.point(panel.x_at(held), y, colour="ink", size=6.0, face="paper", mark="D")

    across = Axis.over([*drawn["weight"], *drawn["share"], 0.0], margin=0.02)
    x = Side(across, "% of volatility, and of net asset value", most=(7, 4))
    y = Side(words="Share of volatility", unit="bar; mark: weight")
    draw = plotted(x, y, marks, ROW_HEIGHT * len(drawn), left=(NAMES, 100.0), right=16.0)
    return picture("contributions", "Where the risk comes from", caption, alt, shown, draw)


# -- of one policy ---------------------------------------------------------------------------------------------------


def risk_contributions_picture(name: str, found: RiskContributions) -> Picture | None:
    """The picture; None where neither contribution is defined.

    name  : name of the policy.
    found : risk contributions of the policy's assets.
    """
    if len({"ex_ante", "realised"} & set(found.undefined)) == 2:
        return None
    rows = {line: row for line, row in found.by_line().items() if line in found.lines or _counts(row)}
    kinds = zip(found.by_line().items(), (*found.classes, CASH_PART, REST_PART), strict=True)
    data = pd.DataFrame([{"line": line, "class": kind, **row} for (line, row), kind in kinds])
    size = {line: max(abs(row[c] or 0.0) for c in ("ex_ante", "realised")) for line, row in rows.items()}
    largest = sorted(rows, key=lambda line: -size[line])[:MOST_OF_TEST]
    shown = {line: row for line, row in rows.items() if line in largest}
    columns = [c for c in COLUMN_MARKS if c not in found.undefined]

    def marks(panel: Panel) -> None:
        row_names(panel, list(shown))
        for row, y in zip(shown.values(), heights(panel, len(shown)), strict=True):
            places = {c: panel.x_at(v) for c in columns if (v := row[c]) is not None}
            ends = [min(places.values()), max(places.values())]
            panel.canvas.line(ends, [y, y], colour="rule", width=1.0, behind=True)
            for column, x in places.items():
                _mark(panel.canvas, x, y, column)
        x = panel.right
        for column in reversed(columns):  # the key, above the panel
            words = COLUMN_MARKS[column][0]
            panel.canvas.text(x, TITLE - 12.0, words, align="right", colour="soft")
            x -= LETTER * SMALL * len(words) + 9.0
            _mark(panel.canvas, x, TITLE - 12.0, column)
            x -= 16.0

    values = [value for row in shown.values() for c in columns if (value := row[c]) is not None]
    below = "of NAV, and of volatility: each sums to 100 %"
    x = Side(Axis.over([*values, 0.0], 0.08), below, most=(7, 4), texts=lambda mark: f"{100.0 * mark:g} %", zero="ink")
    draw = plotted(x, Side(words="Share"), marks, ROW_HEIGHT * len(shown), left=(NAMES, 96.0), right=RIGHT_ROOM)
    caption = _caption(name, found, len(rows) - len(shown))
    return picture("contributions", f"Contributions to risk: {name}", caption, _alt(shown), data, draw, HALF)


def _counts(row: dict[str, float | None]) -> bool:
    return any(abs(value or 0.0) >= 0.0005 for value in row.values())


def _caption(name: str, found: RiskContributions, hidden: int) -> str:
    text = []
    if "ex_ante" not in found.undefined:
        top = int(found.ex_ante.argmax())
        text.append(
            f"Ex ante: the weights of {name} at the last close have a volatility of {percent(found.volatility)} a year "
            f"by the covariance of the last {found.window} returns; {found.lines[top]} contributes "
            f"{percent(float(found.ex_ante[top]) / found.volatility, 0)} of it with a weight of "
            f"{percent(float(found.weights[top]), 0)}."
        )
    if "realised" not in found.undefined:
        text.append(f"Realised: shares of the volatility of the test, {percent(found.realised_volatility)} a year.")
    hedges = [line for line, part in zip(found.lines, found.ex_ante, strict=False) if part < 0.0]
    if hedges and "ex_ante" not in found.undefined:
        text.append(f"Below zero, and so a hedge of the others: {listed(hedges, most=6)}.")
    if hidden:
        text.append(f"{hidden} smaller contributions are only in the CSV.")
    return " ".join([*text, "Both are descriptions: the one of this estimate, the other of this test."])


def _alt(shown: dict[str, dict[str, float | None]]) -> str:
    each = [
        f"{line}: " + ", ".join(f"{COLUMN_MARKS[c][0]} {percent(row[c])}" for c in COLUMN_MARKS if row[c] is not None)
        for line, row in shown.items()
    ]
    return f"Weight of each asset, and its shares of volatility. {'; '.join(each)}."


def _mark(canvas: Canvas, x: float, y: float, column: str) -> None:
    _, mark, colour, filled = COLUMN_MARKS[column]
    canvas.point(x, y, colour=colour, size=9.0 if mark == "|" else 7.0, face="" if filled else "paper", mark=mark)
