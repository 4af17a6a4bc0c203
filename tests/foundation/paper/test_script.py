"""The script of a page's pictures, in a browser: values at the pointer, and names that hide what is theirs."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from browser import SCRIPT, browse

from foundation.paper.charts.curves import daily_curves, stacked_panels
from foundation.paper.charts.panel import Axis, day_numbers
from foundation.paper.picture import WIDE
from foundation.paper.styles import line_styles

ASK = """
const svg = document.querySelector("svg"), tip = document.querySelector(".tip"), said = {};
const point = (clientX, clientY) => {
  svg.dispatchEvent(new PointerEvent("pointermove", {clientX, clientY, bubbles: true}));
  return tip.textContent;
};
const key = name => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
said.middle = point(MIDDLE);
said.outside = point(1, 1);
const names = [...svg.querySelectorAll("[role=button]")];
said.names = names.map(each => [each.dataset.of, each.tabIndex, each.ariaPressed]);
names[0].focus();
key("ArrowDown");
said.focus = document.activeElement.dataset.of;
key("Enter");
said.pressed = names.map(each => each.ariaPressed);
said.hidden = [...svg.querySelectorAll(".off")].map(each => each.tagName);
said.without = point(MIDDLE);
names[1].dispatchEvent(new MouseEvent("click", {bubbles: true}));
said.shown = svg.querySelectorAll(".off").length;
key("ArrowLeft");
said.along = tip.textContent;
document.body.append(Object.assign(document.createElement("pre"), {textContent: JSON.stringify(said)}));
"""


def test_values_are_those_of_the_curves_and_a_name_hides_what_is_its_own(tmp_path: Path) -> None:
    dates = pd.date_range("2020-01-01", periods=101)
    (panel,), _ = stacked_panels(WIDE, "one", [200.0], dates, WIDE.plot)
    panel = type(panel)(panel.canvas, panel.left, panel.top, panel.width, panel.height, panel.x, Axis(0.5, 2.5, "log"))
    named = {'a "<b>"': np.linspace(1.0, 2.0, 101), "flat": np.full(101, 1.25)}
    styles = line_styles(dict.fromkeys(named, False), "flat", None)
    daily_curves(panel, day_numbers(dates), named, styles, dict.fromkeys(named, ""))
    svg, middle = panel.canvas.svg("wide", "Two curves"), f"{panel.left + panel.width / 2}, {panel.top + 50}"
    scripts = "".join(f"<script>{s}</script>" for s in (SCRIPT.read_text("utf-8"), ASK.replace("MIDDLE", middle)))
    figure = f"<main class=sheet><figure style='margin:0;width:{WIDE.width}px'>{svg}</figure></main>"
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><body style='margin:0'>{figure}{scripts}", encoding="utf-8")
    (found,) = re.findall(r"<pre>(.*?)</pre>", browse(tmp_path, "--dump-dom", page.as_uri()), flags=re.DOTALL)
    said = json.loads(html.unescape(found))
    assert said["middle"].splitlines() == ["≈ 2020-02-20", '1.50  a "<b>"', "1.25  flat"]
    assert said["outside"] == ""
    assert said["names"] == [['a "<b>"', 0, "true"], ["flat", -1, "true"]]
    assert (said["focus"], said["pressed"]) == ("flat", ["true", "false"])
    assert sorted(said["hidden"]) == ["path", "path", "text"]  # the curve, the line to its name, and the name
    assert said["without"].splitlines() == ["≈ 2020-02-20", '1.50  a "<b>"']
    assert said["shown"] == 0
    assert said["along"].startswith("≈ 2020-04-08")  # two days before the last


def test_it_is_short_and_asks_nobody() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert [word for word in ("fetch", "http", "://", "import", "eval", "innerHTML") if word in text] == []
