"""Picture of the advertised claims: the gain of each with its interval, in panels of one unit each."""

from collections.abc import Sequence

import pandas as pd

from backtests.studies.real_markets.advertised import CLAIM_FAILS, CLAIM_HOLDS, CLAIM_OPEN, ClaimOutcome
from backtests.studies.real_markets.claim_gains import gain_text
from foundation.paper.charts.interval_rows import Row, axis_of_rows, heights, interval_rows
from foundation.paper.charts.panel import Panel, Side
from foundation.paper.layout import NUMBERS_HEIGHT, ROW_HEIGHT, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import number

GAIN_TITLES = {"%": "Gain, %", "Sharpe": "Gain of the Sharpe ratio", "points": "Gain, percentage points"}
VERDICT_COLOURS = {CLAIM_HOLDS: "green", CLAIM_FAILS: "orange", CLAIM_OPEN: "soft"}
VERDICT_STYLES = {word: LineStyle(colour, width=1.8) for word, colour in VERDICT_COLOURS.items()}
CLAIM_NAMES_WIDTH = {True: 210.0, False: 168.0}  # px: room for names, of a wide picture and of a narrow one
DOUBLED = 100.0  # %: a loss beyond it is off the scale
EDGE, TICK = 8.0, 7.0  # px: at the right, and half the height of the stroke at what matters


def claims_picture(found: Sequence[ClaimOutcome]) -> Picture:
    """The gain of each claim with its interval, and a stroke at the least gain that matters."""
    each = ((one.claim, one.measured.gain, one.verdict) for one in found)
    rows = [(claim.short, claim.unit, g.value, g.lower, g.upper, claim.least, said) for claim, g, said in each]
    data = pd.DataFrame(rows, columns=["claim", "unit", "gain", "lower", "upper", "matters_from", "verdict"])
    held, failed, open_ = (int((data["verdict"] == word).sum()) for word in VERDICT_COLOURS)
    caption = (
        "Each row is a claim: its gain out of sample with its 95 % interval, positive where the claim is right; the "
        f"dark stroke is the least gain that matters. Green: holds ({held}); orange: does not hold ({failed}); grey, "
        f"open: cannot be told ({open_})."
    )
    alt = "; ".join(f"{one.claim.short} {gain_text(one.measured.gain, one.claim.unit)}, {one.verdict}" for one in found)

    def draw(f: Format) -> Canvas:
        """A panel a unit, one below the other."""
        panels = [(unit, data[data["unit"] == unit]) for unit in GAIN_TITLES if (data["unit"] == unit).any()]
        names = CLAIM_NAMES_WIDTH[f.is_wide]
        canvas, top = f.canvas(sum(TITLE + ROW_HEIGHT * len(rows) + NUMBERS_HEIGHT for _, rows in panels)), TITLE
        for unit, rows in panels:
            drawn = _rows(rows)
            at = Panel(canvas, names, top, f.width - names - EDGE, ROW_HEIGHT * len(drawn))
            panel = at.scaled(Side(axis_of_rows(drawn, *rows["matters_from"])), Side(words=GAIN_TITLES[unit]))
            interval_rows(panel, drawn, zero=True)
            for least, y in zip(rows["matters_from"], heights(panel, len(drawn)), strict=True):
                canvas.line([panel.x_at(least)] * 2, [y - TICK, y + TICK], colour="ink", width=1.4)
            top = panel.bottom + NUMBERS_HEIGHT + TITLE
        return canvas

    return picture("claims", "What was advertised, and what was measured", caption, alt, data, draw)


def _rows(rows: pd.DataFrame) -> list[Row]:
    """A row a claim; one that more than doubles what it was to lower has words at the edge of the panel."""
    drawn = []
    for r in rows.to_dict("records"):
        words = f"{number(r['gain'], 0)} %" if r["unit"] == "%" and r["gain"] < -DOUBLED else ""
        style = VERDICT_STYLES[r["verdict"]]
        row = Row(r["claim"], r["gain"], r["lower"], r["upper"], style, filled=r["verdict"] != CLAIM_OPEN, beyond=words)
        drawn.append(row)
    return drawn
