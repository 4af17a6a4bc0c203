"""Pictures of stress: the worst of past and assumed markets, and episodes with the differences to the reference."""

from collections.abc import Mapping, Sequence

import pandas as pd

from backtests.comparison.descriptions.stress_episodes import EpisodeResult
from backtests.sheets.pictures.comparison.years import gaps_held, largest_gap
from foundation.dataclasses import replace
from foundation.paper.charts.interval_rows import BAR, heights, row_names
from foundation.paper.charts.panel import Axis, Panel, beside, heading
from foundation.paper.layout import AXIS, KEY_ROW, NAMES, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle, fitted_name
from foundation.paper.svg import Canvas
from foundation.paper.wording import cells_told, counted, listed, number, percent

BAR_HEIGHT = 15.0  # px: height of a bar with its figure
WIDE_NAMES = 250.0  # px: room for the names of rows on a wide page
BETWEEN_ROWS = 8.0  # px between two rows
BESIDE_BAR = 44.0  # px: room for a figure beside a bar
FIGURES = ("total_return", "max_drawdown", "turnover", "orders", "cost")
BAR_SLOT = 30.0  # px: height of an episode's row
MOST = 15  # episodes that are drawn: the table and the CSV have all
LABEL_ROOM = 178.0  # px: room for the names of episodes on a wide page
BETWEEN = 30.0  # px between the two panels of a wide page
KEY_COLUMNS = {True: 5, False: 2}  # names in a row of the key, on a wide page and a narrow one
DIGITS = 40.0  # px: room for a figure beside a bar
ENDS_ROOM = 92.0  # px: room for the least and the largest difference of a row


def downside_picture(losses: pd.DataFrame, styles: Mapping[str, LineStyle]) -> Picture:
    """Bars of the return of each policy in each market.

    losses : returns, fraction, NaN for none; a row a market, with levels kind and name, a column a policy.
    styles : line style of each policy.
    """
    starts = losses.index[~losses.index.get_level_values(0).duplicated()]
    least, names = losses.min(axis=1), [str(name) for name in losses.index.get_level_values(1)]
    kinds = listed(list(starts.get_level_values(0)))
    caption = (
        f"From top to bottom: {kinds}. The worst: {names[int(least.argmin())]}, {percent(float(least.min()))}. "
        "Not annualised; net of costs, those of assumed shocks apart."
    )
    each = [
        f"{name}: " + ", ".join(f"{policy} {percent(value)}" for policy, value in zip(losses, row, strict=True))
        for name, row in zip(names, losses.to_numpy(dtype=float).tolist(), strict=True)
    ]

    def draw(f: Format) -> Canvas:
        count, left = losses.shape[1], WIDE_NAMES if f.is_wide else 0.0
        x = Axis.over([*(100.0 * losses.to_numpy().ravel()), 0.0], margin=BESIDE_BAR / (f.width - left))
        own = 0.0 if f.is_wide else BAR_HEIGHT  # on a phone a name stands above its bars
        high = BAR_HEIGHT * count + BETWEEN_ROWS + own
        above, tall = TITLE + KEY_ROW, high * len(losses)
        panel = Panel(f.canvas(above + tall + AXIS), left, above, f.width - left - 12.0, tall, x)
        panel.x_grid(panel.x.ticks(5))
        for middle, market in zip(heights(panel, len(losses)), losses.index, strict=True):
            if market in starts[1:]:
                panel.canvas.line([0.0, panel.right], [middle - high / 2.0] * 2, colour="rule")
            for k, (policy, value) in enumerate(losses.loc[market].items()):
                if value == value:
                    y, style = (
                        middle + BAR_HEIGHT * (k - count / 2.0 + (0.5 if f.is_wide else 1.0)),
                        styles[str(policy)],
                    )
                    _bar(panel, y, 100.0 * float(value), style.colour, BAR * BAR_HEIGHT, bold=style.bold)
            if not f.is_wide:
                panel.canvas.text(0.0, middle - BAR_HEIGHT * count / 2.0, str(market[1]))
        if f.is_wide:
            row_names(panel, names)
        panel.x_line(0.0, "ink", 0.8)
        panel.x_title("return, %")
        room = panel.width / count
        for k, policy in enumerate(map(str, losses)):
            at, y = panel.left + k * room, KEY_ROW / 2.0
            panel.canvas.line([at, at + 16.0], [y, y], colour=styles[policy].colour, width=BAR * BAR_HEIGHT)
            panel.canvas.text(at + 22.0, y, fitted_name(policy, room - 24.0), bold=styles[policy].bold)
        return panel.canvas

    alt = f"Return in each. {'; '.join(each)}."
    return picture("downside", "The worst markets", caption, alt, losses.reset_index(), draw)


def _bar(panel: Panel, y: float, value: float, colour: str, width: float, *, bold: bool = False) -> None:
    """A bar from zero with its figure."""
    align, away = ("right", -5.0) if value < 0.0 else ("left", 5.0)
    ends = [panel.x_at(0.0), panel.x_at(value)]
    panel.canvas.line(ends, [y, y], colour=colour, width=width)
    panel.canvas.text(ends[1] + away, y, number(value, 1), align=align, bold=bold)


# -- episodes ---------------------------------------------------------------------------------------------------------


def episode_table(episodes: Sequence[EpisodeResult]) -> pd.DataFrame:
    """A row an episode and policy that has figures in it.

    Columns : episode, opening_close (from which the first return is earned), last, when ("test" or "before"), whole,
              policy, total_return (net of costs), max_drawdown, turnover (one-way), orders, cost, target_return (of the
              strategic target, costless); fractions, not annualised.
    """
    rows = [
        {"episode": one.episode.name, "opening_close": one.first, "last": one.last, "when": one.when}
        | {"whole": one.whole, "policy": name}
        | {figure: getattr(figures, figure) for figure in FIGURES}
        | {"target_return": one.target}
        for one in episodes
        for name, figures in one.figures.items()
    ]
    return pd.DataFrame(rows)


def episodes_picture(
    episodes: Sequence[EpisodeResult], styles: Mapping[str, LineStyle], shown: str, reference: str
) -> Picture | None:
    """Bars of one policy's return in each episode, and points for the differences of the others to the reference.

    The episode in which the policy lost most stands first.

    episodes  : results of the episodes, in order.
    styles    : line style of each policy.
    shown     : the policy whose returns are bars.
    reference : the policy to which differences are taken.
    Returns   : None where no episode has figures of the policy shown.
    """
    table = episode_table(episodes)
    if not len(table) or not (table["policy"] == shown).any():
        return None
    wide = table.pivot_table("total_return", "episode", "policy").sort_values(shown, kind="stable")
    more, wide = len(wide) - MOST, wide[:MOST]
    names = list(wide.index)
    wide = wide[[name for name in styles if name in wide]]
    gaps = wide.drop(columns=reference, errors="ignore")
    gaps = gaps.sub(wide[reference], axis=0) if reference in wide else gaps.iloc[:, :0]
    base = wide[shown]
    caption, alt = _caption(base, gaps_held(gaps, styles), shown, reference, more), _alt(wide)

    def draw(f: Format) -> Canvas:
        """Draw the two panels beside one another, or one below the other on a narrow page."""
        others = [str(name) for name in gaps]
        key = KEY_ROW * -(-len(others) // KEY_COLUMNS[f.is_wide]) if others else 0.0
        high = BAR_SLOT * len(base)
        left = LABEL_ROOM if f.is_wide else NAMES
        spans = [(left, f.width - left - 12.0), (left, f.width - left - ENDS_ROOM)]
        if f.is_wide:
            room = f.width - left - BETWEEN - 12.0
            spans = [(left, 0.42 * room if others else room), (left + 0.42 * room + BETWEEN, 0.58 * room - ENDS_ROOM)]
        count = 2 if others else 1
        panel, *rest = beside(f, [high] * count, spans[:count], AXIS, key)
        canvas = panel.canvas
        panel = replace(panel, x=Axis.over([*(100.0 * base), 0.0], margin=(DIGITS + 6.0) / panel.width))
        _stripes(panel, len(base))
        _bars(panel, names, base, styles[shown])
        heading(canvas, 0.0, panel.top - 12.0, "Episode")
        panel.title(f"Return of {shown}", "net of costs")
        if others:
            held = 100.0 * gaps_held(gaps, styles)
            panel = replace(rest[0], x=Axis.over([*held.to_numpy().ravel(), 0.0], margin=0.08))
            if f.is_wide:
                canvas.text(f.width - 2.0, panel.top - 12.0, "range", colour="soft", align="right")
            else:
                _stripes(panel, len(base))
                row_names(panel, names)
            panel.title(f"Excess return vs {reference}", "arrows: off scale" if len(held.T) < len(others) else "")
            _points(panel, 100.0 * gaps, styles)
            _ends(panel, held)
            _key(canvas, f, others, styles, panel.bottom + AXIS)
        return canvas

    return picture("episodes", "Episodes of stress", caption, alt, table, draw)


def _caption(returns: pd.Series, held: pd.DataFrame, shown: str, reference: str, more: int) -> str:
    worst = returns.idxmin()
    text = f"Largest loss of {shown}: {percent(float(returns.min()))} in {worst}."
    text += f" {counted(more, 'episode')} with smaller losses in the table." if more > 0 else ""
    largest = largest_gap(held)
    if not largest:
        return text
    order = "Within an episode points stand in the order of the key."
    return f"{text} Largest difference to {reference} within the scale: {largest}. {order}"


def _alt(table: pd.DataFrame) -> str:
    each = cells_told(table, lambda name, value: f"{name} {percent(value)}")
    return f"Return of each policy in each episode, net of costs. {each}."


def _bars(panel: Panel, names: Sequence[str], returns: pd.Series, style: LineStyle) -> None:
    """A bar an episode from zero, with its figure; an episode without one says so."""
    panel.x_grid(panel.x.ticks(4))
    row_names(panel, names)
    for value, y in zip(returns, heights(panel, len(returns)), strict=True):
        if value != value:
            panel.canvas.text(panel.x_at(0.0) - 6.0, y, "no backtest", align="right", colour="soft")
        else:
            _bar(panel, y, 100.0 * float(value), style.colour, BAR * BAR_SLOT)
    panel.x_line(0.0, "ink", 0.8)
    panel.x_title("return, %, not annualised")


def _points(panel: Panel, gaps: pd.DataFrame, styles: Mapping[str, LineStyle]) -> None:
    """A point an episode and policy, in points of return; one that is too far for the scale is an arrow at its edge."""
    canvas = panel.canvas
    middles = heights(panel, len(gaps))
    panel.x_grid(panel.x.ticks(3 if panel.width < 200.0 else 5), zero="ink")
    for column, name in enumerate(gaps):
        style, aside = styles[str(name)], 0.8 * BAR_SLOT * ((column + 0.5) / gaps.shape[1] - 0.5)
        for middle, value in zip(middles, gaps[name], strict=True):
            if value == value:
                mark, inward = (
                    (">", -5.0) if value > panel.x.high else ("<", 5.0) if value < panel.x.low else ("o", 0.0)
                )
                x = panel.x_at(panel.x.held(value)) + inward
                size, looks = 6.4 if style.bold else 5.0, {"colour": style.colour, "face": style.face}
                with canvas.owned_by(str(name)):
                    canvas.point(x, middle + aside, size=size, mark=mark, ring=1.1, **looks)
    panel.x_title("percentage points of return")


def _stripes(panel: Panel, count: int) -> None:
    """A shade behind every other row, over the width of the picture."""
    for y in heights(panel, count)[1::2]:
        panel.canvas.line([0.0, panel.canvas.width], [y, y], colour="wash", width=panel.height / count, behind=True)


def _ends(panel: Panel, held: pd.DataFrame) -> None:
    """The least and the largest difference of each row within the scale, at its right end."""
    for (_, row), y in zip(held.iterrows(), heights(panel, len(held)), strict=True):
        words = " to ".join(number(float(end), signed=True) for end in (row.min(), row.max()))
        panel.canvas.text(panel.canvas.width - 2.0, y, words if row.notna().any() else "", align="right")


def _key(canvas: Canvas, f: Format, names: Sequence[str], styles: Mapping[str, LineStyle], top: float) -> None:
    """The mark of each policy with its name, below the panels."""
    across = KEY_COLUMNS[f.is_wide]
    slot = f.width / across
    for k, name in enumerate(names):
        style, x, y = styles[name], 8.0 + slot * (k % across), top + KEY_ROW * (k // across + 0.5) - 4.0
        with canvas.owned_by(name):
            canvas.point(x, y, colour=style.colour, size=6.0, face=style.face, ring=1.1)
            canvas.text(x + 10.0, y, fitted_name(name, slot - 24.0), bold=style.bold)
