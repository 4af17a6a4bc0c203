"""Pictures: labels that do not touch, curves that lose no peak, colours that every eye tells apart, the same bytes."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.engine import backtest
from backtests.sheets.pictures.comparison.timeline import growth_picture, trading_picture
from backtests.sheets.pictures.comparison.weights import weights_picture
from foundation.paper.charts.panel import Axis, Panel
from foundation.paper.layout import far, limits, log_ticks, spread, thinned, ticks, time_ticks
from foundation.paper.styles import eligible_styles, fitted_name, line_styles, near_sizes, policy_colours
from foundation.paper.svg import DARK, HUES, LIGHT, THEN, Canvas, path
from foundation.paper.wording import number, percent
from research.accounting import Costs, Flows
from research.allocation import FixedWeights
from research.rules import BestPoint, Calendar, CostBenefit, GroupThreshold, Never, Rule, Threshold, TrackingError

heights = st.lists(st.floats(-50.0, 250.0), min_size=1, max_size=14)

# labels


@given(heights)
def test_labels_stand_apart_inside_the_panel_in_the_order_of_their_curves(wanted) -> None:
    places = spread(wanted, gap=13.0, low=5.0, high=195.0)
    order = np.argsort(wanted, kind="stable")
    assert np.all(np.diff(np.array(places)[order]) >= 13.0 - 1e-6)
    assert min(places) >= 5.0 - 1e-6
    assert max(places) <= 195.0 + 1e-6


@given(heights)
def test_labels_that_stand_apart_already_stay(wanted) -> None:
    apart = [20.0 * k + 7.0 for k in range(len(wanted))]
    assert spread(apart, gap=13.0, low=0.0, high=300.0) == pytest.approx(apart)


@settings(max_examples=50)
@given(heights, st.integers(0, 2**32 - 1))
def test_no_other_places_are_nearer_to_what_is_wanted(wanted, seed) -> None:
    best = np.array(spread(wanted, gap=13.0, low=-1e6, high=1e6))
    order, rng = np.argsort(wanted, kind="stable"), np.random.default_rng(seed)
    other = np.empty(len(wanted))
    other[order] = np.cumsum(13.0 + rng.exponential(4.0, len(wanted))) + rng.normal(0.0, 60.0)
    assert ((best - wanted) ** 2).sum() <= ((other - wanted) ** 2).sum() + 1e-6


def test_labels_that_cannot_fit_share_the_room() -> None:
    assert spread([0.0] * 5, gap=100.0, low=0.0, high=40.0) == [0.0, 10.0, 20.0, 30.0, 40.0]


def test_a_long_name_is_cut_where_the_room_ends() -> None:
    assert fitted_name("short", 100.0) == "short"
    assert fitted_name("a very long name of a policy", 60.0).endswith("…")
    assert len(fitted_name("x" * 200, 60.0)) <= 60.0 / 6.0


# curves and scales


@given(st.lists(st.floats(-10.0, 10.0), min_size=2, max_size=400), st.integers(1, 40))
def test_thinning_keeps_both_ends_and_every_extreme_of_a_bucket(values, buckets) -> None:
    rows = thinned(values, buckets)
    y = np.array(values)
    assert rows[0] == 0
    assert rows[-1] == len(y) - 1
    assert len(rows) <= max(2 * buckets + 2, len(y) if len(y) <= 2 * buckets else 0)
    assert y[rows].max() == y.max()
    assert y[rows].min() == y.min()


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_ticks_are_round_few_and_inside(low, width) -> None:
    marks = ticks(low, low + width)
    assert 1 <= len(marks) <= 5
    assert all(low - 1e-6 * width <= mark <= low + width * (1 + 1e-6) for mark in marks)


@given(st.floats(1e-2, 1e3), st.floats(1.001, 1e3))
def test_a_log_scale_has_a_mark_even_where_it_is_short(low, times) -> None:
    marks = log_ticks(low, low * times)
    assert 1 <= len(marks) <= 6
    assert all(low * (1 - 1e-9) <= mark <= low * times * (1 + 1e-9) for mark in marks)


@pytest.mark.parametrize(
    ("last", "words"), [("2015-04-10", "Jan 2015"), ("2022-12-29", "2015"), ("2060-01-01", "2020")]
)
def test_dates_are_named_by_month_or_year_as_there_is_room(last, words) -> None:
    marks = time_ticks(np.datetime64("2014-12-31"), np.datetime64(last), most=9)
    assert 2 <= len(marks) <= 9
    assert words in [word for _, word in marks]


@pytest.mark.parametrize(
    ("first", "words"), [("2019-09-03", ["Oct", "Jan 2020", "Apr"]), ("2020-02-03", ["Apr 2020", "Jul", "Oct"])]
)
def test_a_year_is_named_once_at_the_begin_of_months(first, words) -> None:
    marks = time_ticks(np.datetime64(first), np.datetime64("2022-12-29"), most=14)
    assert [word for _, word in marks][:3] == words


def test_a_scale_of_equal_values_has_room() -> None:
    assert limits([0.0, 0.0]) == (-1.0, 1.0)
    low, high = limits([50.0, 50.0 + 1e-13])
    assert high - low > 1.0


def test_what_would_flatten_the_others_leaves_the_scale() -> None:
    assert far([1.0, 2.0, 3.0, 100.0]).tolist() == [False, False, False, True]
    assert not far([1.0, 2.0]).any()
    assert not far([0.0, 0.0, 0.0]).any()


# colours


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one: str, two: str) -> float:
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, two))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0.0, 1.0) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16.0 / 116.0)
    return np.array([116.0 * f[1] - 16.0, 500.0 * (f[0] - f[1]), 200.0 * (f[1] - f[2])])


# Machado, Oliveira and Fernandes (2009), severity 1, row by row
EYES = {
    "normal": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
    "protan": [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
    "deutan": [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881],
    "tritan": [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900],
}


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eye", EYES)
def test_no_two_policies_look_alike_to_any_eye(theme, eye) -> None:
    seen = [lab(np.reshape(EYES[eye], (3, 3)) @ linear(theme[name])) for name in ("ink", *HUES)]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 18.0


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_words_and_lines_stand_out_from_the_paper(theme) -> None:
    for ground in ("paper", "wash"):
        assert contrast(theme["ink"], theme[ground]) > 7.0
        assert contrast(theme["soft"], theme[ground]) > 4.5
    assert all(contrast(theme[name], theme["paper"]) >= 3.0 for name in HUES)


def test_a_policy_has_the_colour_of_its_name_in_every_file() -> None:
    seen: dict[str, set[tuple[str, int]]] = {}
    for file in sorted(Path("data/portfolios").glob("*.yaml")):
        names = yaml.safe_load(file.read_text(encoding="utf-8")).get("policies") or {}
        for name, look in policy_colours(names).items():
            seen.setdefault(name, set()).add(look)
    assert len(seen) > 20
    assert all(looks == set(policy_colours([name]).values()) for name, looks in seen.items())


@settings(max_examples=40)
@given(st.sets(st.integers(0, 999), min_size=1, max_size=33))
def test_colours_follow_from_names_and_collide_with_none(numbers: set[int]) -> None:
    names = [f"policy {k}" for k in numbers]
    looks = policy_colours(names)
    own = {name: policy_colours([name])[name] for name in names}
    assert len(set(looks.values())) == len(names)
    assert looks == policy_colours(sorted(names, reverse=True))
    assert {n for n in names if list(own.values()).count(own[n]) == 1} <= {n for n in names if looks[n] == own[n]}
    styles = line_styles({name: len(name) % 2 == 1 for name in names}, "", None)
    assert len({(s.colour, str(s.dash)) for s in styles.values()}) == len(names)


def test_the_scale_is_that_of_eligible_policies_and_others_are_named_at_its_edge() -> None:
    styles = line_styles(dict.fromkeys(["held", "kept", "out"], False), "held", "kept", broken=["out", "held"])
    assert [name for name, s in styles.items() if not s.eligible] == ["out"]  # the reference is always on the scale
    assert near_sizes(styles, {"held": 1.0, "kept": 2.0, "out": 3.0}) == ["held", "kept"]
    assert eligible_styles(styles, ["out"]) == ["out"]


# the svg


def drawn(words: str = "name", salt: str = "one") -> str:
    canvas = Canvas(200.0, 100.0, salt)
    panel = Panel(canvas, 10.0, 10.0, 150.0, 80.0, Axis(0.0, 2.0), Axis(0.0, 2.0))
    panel.curve([0.0, 1.0, 2.0], [0.0, 3.0, 1.0], "orange", 1.0)
    canvas.text(100.0, 50.0, words)
    canvas.point(20.0, 20.0, colour="ink", face="paper")
    return canvas.svg("wide", "what it shows & says")


def test_text_stays_text_and_markup_in_it_is_escaped() -> None:
    assert ">&lt;b&gt; $x^2$ &amp; co</text>" in drawn("<b> $x^2$ & co")


def test_letters_that_no_page_can_hold_are_replaced() -> None:
    assert ">a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}</text>" in drawn("a\x00b\x1b")


def test_a_heading_is_heavy_up_to_its_unit() -> None:
    assert re.search(r"<tspan [^>]*700[^>]*>Growth</tspan> of 1</text>", drawn(f"Growth{THEN}of 1"))


def test_colours_are_names_and_nothing_points_outside() -> None:
    svg = drawn()
    assert "var(--ink)" in svg
    assert "var(--orange)" in svg
    assert "http" not in svg
    assert "xmlns" not in svg
    assert not re.search(r"url\((?!#)", svg)
    assert set(re.findall(r"url\(#(\w+)\)", svg)) <= set(re.findall(r'id="(\w+)"', svg))


def test_a_line_is_broken_where_nothing_is_known_and_keeps_no_needless_point() -> None:
    x = [0.0, 1.0, 2.0, 3.0, 3.0, 3.0, np.nan, 7.0, 8.04, 9.0]
    y = [5.0, 5.0, 5.0, 5.0, 6.0, 7.0, 7.0, -0.01, np.inf, 1.0]
    assert path(x, y) == "M0 5L3 5L3 7M7 0M9 1"
    assert path([0.0, 5.0, 2.0], [1.0, 1.0, 1.0]) == "M0 1L5 1L2 1", "it turns back"
    assert path([], []) == ""


def test_areas_lie_below_curves_and_words_above_marks_whatever_came_first() -> None:
    canvas = Canvas(200.0, 100.0, "order")
    panel = Panel(canvas, 10.0, 10.0, 100.0, 80.0, Axis(0.0, 2.0), Axis(0.0, 2.0))
    canvas.text(5.0, 5.0, "word")
    canvas.point(5.0, 5.0, colour="ink")
    panel.curve([0.0, 1.0], [0.0, 1.0], "sky", 1.0)
    panel.area([0.0, 1.0, 2.0, 2.0], 0.0, [1.0, 1.0, np.nan, 1.0], "sky", 0.2)
    panel.x_line(1.0, "rule", 1.0, behind=True)
    found = re.findall(r"<(?:path d|use|text)[^>]*>", canvas.svg("wide", ""))
    assert [re.split("[ =]", element[1:])[0] for element in found] == ["path"] * 4 + ["use", "text"]
    assert found[0].startswith('<path d="M60 10L60 90"')
    assert found[1].startswith('<path d="M10 50L60 50L60 90L10 90z" style="fill:var(--sky);opacity:0.2"')
    assert "stroke:var(--sky)" in found[3]


def test_identifiers_of_two_pictures_never_meet() -> None:
    one, two = (set(re.findall(r'id="([^"]+)"', drawn(salt=salt))) for salt in ("one", "two"))
    assert one
    assert not one & two


def test_the_same_picture_has_the_same_bytes() -> None:
    assert drawn() == drawn()


# pictures of a backtest done by hand


@pytest.fixture(scope="module")
def played(make_market):
    """Two lines, one of which doubles on the third day; back to equal weights past 10 points, at 100 bp a side."""
    returns = np.zeros((40, 2))
    returns[2, 0] = 1.0
    market = make_market(returns)
    costs = Costs.bps(2, commission=60.0, half_spread=40.0)
    return backtest(market, Threshold(FixedWeights((0.5, 0.5)), 0.10), costs, start=market.dates[1], name="band")


def test_the_numbers_behind_growth_are_those_of_the_backtest(played) -> None:
    alone = {"band": played}, line_styles({"band": False}, "band", None), "band", 252.0
    data, traded = growth_picture(*alone).data, trading_picture(*alone).data
    assert data["growth"].to_numpy() == pytest.approx(played.nav.to_numpy() / played.nav.iloc[0], rel=1e-14)
    assert traded["cumulative_cost_bp"].iloc[-1] == pytest.approx(1e4 * played.cost_rate.sum())
    assert traded["turnover"].sum() == pytest.approx(played.turnover.sum())
    assert data["drawdown"].min() < 0.0
    assert "relative_to_reference" not in data


def test_money_that_comes_in_is_no_growth_and_hides_no_drawdown(make_market) -> None:
    """A line halves, and as much again comes in as was lost: growth stays 0.5, the drawdown a half."""
    returns = np.zeros((40, 1))
    returns[5] = -0.5
    market = make_market(returns)
    flows = Flows({market.dates[8]: 50.0})
    fed, lean = (
        backtest(market, Never(FixedWeights((1.0,))), Costs.bps(1), nav=100.0, start=market.dates[1], flows=f, name=n)
        for n, f in (("fed", flows), ("lean", None))
    )
    assert fed.nav.iloc[-1] == pytest.approx(100.0)
    drawn = growth_picture(
        {"fed": fed, "lean": lean}, line_styles({"fed": False, "lean": False}, "fed", None), "fed", 252.0
    )
    last = drawn.data.groupby("policy").last()
    assert last["growth"].tolist() == pytest.approx([0.5, 0.5])
    assert last["drawdown"].tolist() == pytest.approx([-0.5, -0.5])
    assert drawn.data["relative_to_reference"].abs().max() == pytest.approx(0.0, abs=1e-14)
    assert "does not include contributions or withdrawals" in drawn.caption


def test_growth_is_scaled_by_eligible_policies_and_the_others_are_cut_and_named_at_the_edge(make_market) -> None:
    returns = np.column_stack([np.tile([0.02, -0.01], 20), np.full(40, 0.05)])
    market = make_market(returns)
    both = {
        name: backtest(market, Never(FixedWeights(w)), Costs.bps(2), start=market.dates[1], name=name)
        for name, w in {"held": (1.0, 0.0), "out": (0.0, 1.0)}.items()
    }
    names = dict.fromkeys(both, False)
    cut = growth_picture(both, line_styles(names, "held", None, broken=["out"]), "held", 252.0)
    whole = growth_picture(both, line_styles(names, "held", None), "held", 252.0)
    arrow = "out\N{NARROW NO-BREAK SPACE}↑</text>"
    assert (cut.wide.count(arrow), cut.narrow.count(arrow), whole.wide.count(arrow)) == (2, 2, 0)
    assert f">×{number(1.05**39)}</text>" in cut.wide
    assert "The scales are set by the candidates alone (not candidates: out)." in cut.caption
    pd.testing.assert_frame_equal(cut.data, whole.data)


def test_the_caption_of_trading_says_what_was_traded_and_paid(played) -> None:
    drawn = trading_picture({"band": played}, line_styles({"band": False}, "band", None), "band", 252.0)
    a_year = percent(played.turnover.sum() * 252.0 / len(played.turnover))
    assert f"band: turnover {a_year} a year (one-way)" in drawn.caption
    assert f"total cost {number(1e4 * played.cost_rate.sum(), 1)} bp" in drawn.caption


def test_the_numbers_behind_weights_are_those_of_the_backtest(played) -> None:
    drawn = weights_picture(
        played, line_styles({"band": False}, "band", None)["band"], np.array([0.3, 0.3]), np.array([0.6, 0.6])
    )
    first = drawn.data[drawn.data["line"] == played.market.assets[0]]
    assert first["weight"].to_numpy() == pytest.approx(played.weights.iloc[:, 0].to_numpy())
    assert (first["band_upper"] == 0.6).all()
    traded = first[first["traded"] != ""]
    assert traded["traded"].tolist() == ["sell"]
    assert traded["weight_before_trade"].iloc[0] == pytest.approx(2.0 / 3.0)
    assert f"Largest deviation before trading: {played.market.assets[0]}, 16.67 points over target" in drawn.caption
    assert f"{played.market.assets[0]} left its permitted range" in drawn.caption


HALVES = FixedWeights((0.5, 0.5))
UNBANDED = (
    Calendar(HALVES, "month"),
    GroupThreshold(HALVES),
    TrackingError(HALVES, returns=20),
    CostBenefit(HALVES, returns=20),
    BestPoint(HALVES, returns=20),
)


@pytest.mark.parametrize("rule", UNBANDED, ids=lambda rule: type(rule).__name__)
def test_a_rule_that_is_asked_about_no_single_line_has_no_band_to_draw(rule: Rule, make_market) -> None:
    market = make_market(np.random.default_rng(3).normal(0.0, 0.01, (60, 2)))
    played = backtest(market, rule, Costs.bps(2), start=market.dates[30])
    drawn = weights_picture(played, line_styles({"x": False}, "x", None)["x"])
    assert drawn.wide.startswith("<svg")
    assert drawn.data["band_lower"].isna().all()
    assert pd.notna(drawn.data["target"]).all()
