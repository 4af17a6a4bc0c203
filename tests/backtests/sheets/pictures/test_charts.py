"""Charts: values stand where their axis says, nothing is drawn past a panel, and labels say what they are given."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.heat_map import HeatMap, colour_scale, heat_map
from foundation.paper.charts.interval_rows import Row, interval_rows
from foundation.paper.charts.panel import Axis, Panel, Side, beside, evenly, one_panel, plotted
from foundation.paper.charts.plane import tracking_at, tracking_loss
from foundation.paper.picture import NARROW, WIDE, Format
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas

BLUE = LineStyle("sky", width=1.5)


@pytest.mark.parametrize(
    ("axis", "middle"), [(Axis(1.0, 9.0), 5.0), (Axis(1.0, 9.0, "log"), 3.0), (Axis(1.0, 9.0, "root"), 4.0)]
)
def test_an_axis_places_its_ends_and_its_middle(axis: Axis, middle: float) -> None:
    assert axis.fraction([1.0, middle, 9.0]) == pytest.approx([0.0, 0.5, 1.0])
    assert (axis.held(0.5), axis.held(middle), axis.held(90.0)) == (1.0, middle, 9.0)


@pytest.mark.parametrize("kind", ["linear", "log", "root"])
def test_an_axis_over_values_holds_them_with_a_margin(kind: str) -> None:
    axis = Axis.over([2.0, 8.0], margin=0.1, kind=kind)
    assert axis.fraction([2.0, 8.0]) == pytest.approx([0.1 / 1.2, 1.1 / 1.2])


def test_a_panel_places_values_in_px_and_holds_them_at_its_edge() -> None:
    panel = Panel(Canvas(200.0, 100.0, "one"), 10.0, 20.0, 100.0, 50.0, Axis(0.0, 10.0), Axis(0.0, 5.0))
    assert (panel.x_at(5.0), panel.y_at(5.0), panel.y_at(0.0), panel.y_at(99.0)) == (60.0, 20.0, 70.0, 20.0)
    panel.title("Loss", "bp a year")
    panel.x_grid([0.0, 10.0])
    panel.x_title("band")
    assert {"0", "10", "band"} <= set(re.findall(r">([^<>]+)</text>", panel.canvas.svg("wide", "")))


@pytest.mark.parametrize(("f", "word", "other"), [(WIDE, "a year", "a month"), (NARROW, "a month", "a year")])
def test_a_picture_has_two_sides_and_its_marks(f: Format, word: str, other: str) -> None:
    x, y = (
        Side(Axis(0.0, 5.0), "days", most=2),
        Side(Axis(0.0, 1.0), "Loss", ("a year", "a month"), at=[0.5], texts=["½"]),
    )
    seen: list[Panel] = []
    svg = plotted(x, y, seen.append, 100.0, left=(50.0, 20.0), right=10.0)(f).svg(f.css, "")
    assert {"0", "5", "½", "days"} <= set(re.findall(r">([^<>]+)</text>", svg))
    assert f" {word}</text>" in svg
    assert other not in svg
    left = 50.0 if f is WIDE else 20.0
    assert (seen[0].left, seen[0].right, seen[0].height) == (left, f.width - 10.0, 100.0)
    assert (seen[0].x_at(5.0), seen[0].y_at(1.0)) == (seen[0].right, seen[0].top)


@given(st.integers(1, 5), st.floats(0.0, 60.0), st.floats(0.0, 30.0), st.floats(0.0, 30.0))
def test_panels_share_a_wide_page_and_stand_below_one_another_on_a_phone(
    count: int, left: float, gap: float, right: float
) -> None:
    heights = [50.0 + k for k in range(count)]
    wide = beside(WIDE, heights, evenly(WIDE, count, left, gap, right), 24.0)
    assert {one.top for one in wide} == {wide[0].top}
    assert [b.left - a.right for a, b in pairwise(wide)] == pytest.approx([gap] * (count - 1), abs=1e-9)
    assert (wide[0].left, wide[-1].right) == pytest.approx((left, WIDE.width - right))
    phone = beside(NARROW, heights, evenly(NARROW, count, left, gap, right), 24.0)
    assert {(one.left, one.right) for one in phone} == {(left, left + phone[0].width)}
    assert [b.top - a.bottom for a, b in pairwise(phone)] == pytest.approx([24.0 + phone[0].top] * (count - 1))
    assert phone[-1].bottom + 24.0 == pytest.approx(phone[0].canvas.height)


def test_a_curve_is_cut_at_its_panel_and_named_with_its_value() -> None:
    panel = one_panel(WIDE, 100.0, Axis(0.0, 2.0), Axis(0.0, 1.0))
    near = Curve("near", np.arange(3.0), np.array([0.0, 0.5, 1.0]), BLUE, "1.00")
    away = Curve("away", np.arange(3.0), np.array([0.0, 50.0, 99.0]), BLUE, "99")
    curves(panel, [near, away], WIDE.width, values=True)
    svg = panel.canvas.svg("wide", "")
    assert svg.count('clip-path="url(#') == 2
    assert [word for word in ("near", "1.00", "away\u202f↑", "99") if f">{word}</text>" not in svg] == []


def test_a_row_off_the_axis_is_written_at_its_edge_and_has_no_interval() -> None:
    panel = one_panel(WIDE, 40.0, Axis(-1.0, 1.0))
    rows = [Row("one", 0.0, -0.5, 0.5, BLUE, figure="0.00"), Row("two", 9.0, 8.0, 10.0, BLUE, beyond="+9.00")]
    interval_rows(panel, rows)
    svg = panel.canvas.svg("wide", "")
    assert svg.count("stroke-width:1.5") == 1
    assert [word for word in ("one", "two", "0.00", "+9.00", "▸") if f">{word}</text>" not in svg] == []
    panel = one_panel(WIDE, 20.0, Axis(-9.0, 0.5))  # words of one in the margin are on its side, too
    interval_rows(panel, [Row("two", 0.2, -9.0, 9.0, BLUE, beyond="+0.20")])
    assert ">▸</text>" in panel.canvas.svg("wide", "")


def test_a_map_is_turned_where_its_words_fit_only_then() -> None:
    words = [["1.00"] * 40, ["2.00"] * 40]
    wide = HeatMap(words, np.ones((2, 40)), ["x"] * 40, ["a", "b"], ("across", "down"), 400.0, ringed=[(1, 3)])
    assert not wide.numbers
    assert wide.fitted() is wide  # too many rows
    few = HeatMap(
        [w[:12] for w in words], np.ones((2, 12)), ["x"] * 12, ["a", "b"], ("across", "down"), 400.0, [(1, 3)]
    )
    turned = few.fitted()
    assert turned.numbers
    assert (turned.ringed, turned.axes, turned.shades.shape) == ([(3, 1)], ("down", "across"), (12, 2))


def test_a_map_names_the_marked_columns_that_have_room() -> None:
    words = [[""] * 40]
    every = HeatMap(words, np.ones((1, 40)), [f"{k:02}" for k in range(40)], ["a"], ("across", "down"), 400.0)
    for one, named in (
        (every, [f"{k:02}" for k in range(0, 40, 3)]),
        (replace(every, marked=[1, 13, 25]), ["01", "13", "25"]),
    ):
        canvas = Canvas(400.0, one.height, "map")
        heat_map(canvas, one)
        assert re.findall(r">(\d\d)<", canvas.svg("wide", "")) == named


def test_a_scale_of_colours_may_have_two() -> None:
    one = HeatMap([[""] * 40], np.ones((1, 40)), ["x"] * 40, ["a"], ("across", "down"), 400.0)
    canvas = Canvas(400.0, one.height, "scale")
    colour_scale(canvas, one, np.array([1.0, 0.0, 1.0]), ("less", "more"), ["orange", "sky", "sky"])
    drawn = canvas.svg("wide", "")
    assert (drawn.count("fill:var(--orange)"), drawn.count("fill:var(--sky)")) == (1, 2)


def test_what_tracking_adds_to_the_loss_at_five_is_two_and_a_half_at_one_per_cent() -> None:
    assert tracking_loss(0.01, 5.0) == pytest.approx(2.5)
    assert tracking_at(tracking_loss([0.01, 0.02], 5.0), 5.0) == pytest.approx([0.01, 0.02])
